/* SPDX-License-Identifier: ISC
 *
 * fuzz_eas.c - any bytes as the body of any command, over a store with a few mails in it.
 *
 * The first byte chooses the command, the second the version and more; the rest is the
 * body. Before each run the keys of the device are set to known numbers (SyncKey 5 for
 * folder 1, 1 for the tree), so that the fuzzer gets past the key check. The store lives
 * for the whole run.
 */
#include <assert.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "activesync/eas_cursor.h"
#include "activesync/eas_folders.h"
#include "activesync/eas_private.h"
#include "format/mime_text.h"
#include "store/store_directory.h"
#include "store/store_item.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char dir[] = "/tmp/godwit-fuzz-eas-XXXXXX";
static struct store *store;
static struct eas *eas;
static struct mdm *mdm;
static struct push *push;
static uint64_t user;

static const char *const commands[] = {
	"Sync",          "SendMail",   "SmartForward",    "SmartReply",
	"GetAttachment", "FolderSync", "FolderCreate",    "FolderDelete",
	"FolderUpdate",  "MoveItems",  "GetItemEstimate", "Search",
	"Settings",      "Ping",       "ItemOperations",  "Provision",
};
static const uint16_t versions[] = { 121, 140, 141, 160, 161, 25, 120 };

static enum rc
swallow(void *arg UNUSED, const struct mail_submit_request *q, struct err *err UNUSED)
{
	return q->message.n % 7 == 0 ? RC_INVALID : RC_OK;
}

static void
quiet(enum log_level level UNUSED, const char *line UNUSED, void *arg UNUSED)
{
}

static int
remove_one(const char *path, const struct stat *st UNUSED, int type UNUSED,
           struct FTW *ftw UNUSED)
{
	return remove(path);
}

static void
clean_up(void)
{
	eas_free(eas);
	push_free(push);
	mdm_free(mdm);
	store_close(store);
	nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static void
add_mail(uint32_t folder, const char *raw)
{
	AUTO(store_content)
	struct store_content *content = NULL;
	AUTO(store_tx)
	struct store_tx *tx = NULL;
	struct store_actor who = { .protocol = "smtp" };
	struct store_item_new item = { .received_ms = 1795300000000 };
	uint32_t uid;
	enum rc rc;

	rc = store_content_new_mail(store, span_str(raw), &content);
	if (rc == RC_OK)
		rc = store_write(store, user, &who, &tx);
	if (rc == RC_OK)
		rc = store_item_add(tx, folder, content, &item, &uid, NULL);
	if (rc == RC_OK)
		rc = store_commit(&tx);
	assert(rc == RC_OK);
}

static void
set_up(void)
{
	static struct mdm_conf mdm_conf = { .password_cost = 1,
		                            .auth_failures_max = 5,
		                            .auth_failures_ms = 1000 };
	static char empty[] = "";
	static struct eas_conf conf = {
		.heartbeat_min_ms = 60000,
		.heartbeat_max_ms = 3540000,
		.window_max = 512,
		.response_max = 1 << 20,
		.ping_folders_max = 10,
		.body_max = 1 << 20,
		.external_url = empty,
	};
	struct store_conf sc = { .directory = dir,
		                 .shards = 1,
		                 .group_window_ms = 0,
		                 .inline_max = 32768,
		                 .message_max = 1 << 20,
		                 .retention_ms = 3600000,
		                 .readers = 1 };
	struct mdm_policy policy = { .enforce = false };
	struct eas_deps deps = { 0 };
	struct err err;
	enum rc rc;

	log_set_sink(quiet, NULL);
	mime_text_init();
	if (!mkdtemp(dir))
		abort();
	rc = store_open(&sc, &store, &err);
	if (rc == RC_OK)
		rc = mdm_new(store, &mdm_conf, &mdm);
	if (rc == RC_OK)
		rc = push_new(&push);
	deps.store = store;
	deps.mdm = mdm;
	deps.push = push;
	deps.submit = (struct mail_submit){ swallow, NULL };
	if (rc == RC_OK)
		rc = eas_new(&conf, &deps, &eas);
	if (rc == RC_OK)
		rc = store_domain_add(store, SPAN("example.org"));
	if (rc == RC_OK)
		rc = store_user_add(store, SPAN("a@example.org"), SPAN("A"), SPAN(""),
		                    &user);
	if (rc != RC_OK)
		abort();
	mdm_set_policy(mdm, &policy);
	for (int i = 0; i < 3; i++)
		add_mail(
			1,
			"From: b@example.net\r\nTo: a@example.org\r\nSubject: s\r\n"
			"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\ntext\r\n"
			"--x\r\nContent-Type: text/html; name=a\r\n"
			"Content-Disposition: attachment\r\n\r\n<p>h</p>\r\n--x--\r\n");
	atexit(clean_up);
}

static void
run(const struct eas_command *cmd, uint16_t version, bool multipart, bool resumed,
    struct span body)
{
	struct log_ctx log = { 0 };
	struct eas_call c = {
		.eas = eas,
		.arena = arena_new(),
		.log = &log,
		.body = body,
		.user_agent = SPAN("Fuzz/1.0"),
		.peer = "192.0.2.1",
		.resumed = resumed,
	};
	struct wbxml_node *root;

	if (store_user_load(store, user, c.arena, &c.user) != RC_OK)
		abort();
	c.query.command = span_str(cmd->name);
	c.query.version = version;
	c.query.device_id = SPAN("FUZZ");
	c.query.device_type = c.query.user = SPAN("x");
	c.query.item_id = SPAN("1:1");
	c.query.attachment_name = utf8_prefix(body, 20);
	c.query.accept_multipart = multipart;
	eas_command_run(&c);
	/* Whatever came in, what goes out is sound. */
	assert(c.http_status >= 200 && !c.wait);
	if (buf_len(&c.out) > 0 && !c.content_type && cmd->root != 0 &&
	    wbxml_parse(buf_span(&c.out), NULL, c.arena, &root) != RC_OK)
		abort();
	buf_done(&c.out);
	arena_free(c.arena);
}

/* The device holds the inbox at key 5, half handed out, and the tree at key 1. */
static void
prime(void)
{
	AUTO(store_tx)
	struct store_tx *tx = NULL;
	AUTO_DONE(buf) struct buf sync = BUF_INIT(0);
	AUTO(arena)
	struct arena *a = arena_new();
	struct store_actor who = { .device = 1, .protocol = "activesync" };
	struct eas_folders folders = { .modseq = 1 };
	struct store_cursor row = { .key = 5, .prev_key = 4 };
	struct eas_cursor cur;
	enum rc rc;

	eas_cursor_start(&cur, 10);
	cur.backfill_uid = 3;
	eas_cursor_write(&cur, &sync);
	row.state = row.prev_state = buf_span(&sync);
	row.answer = SPAN("");
	rc = store_write(store, user, &who, &tx);
	if (rc == RC_OK)
		rc = store_cursor_save(tx, 1, "sync/1", &row);
	row.key = 1;
	row.prev_key = 0;
	row.state = eas_folders_write(&folders, a);
	if (rc == RC_OK)
		rc = store_cursor_save(tx, 1, EAS_FOLDERS_ROW, &row);
	if (rc == RC_OK)
		rc = store_commit(&tx);
	assert(rc == RC_OK);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct eas_command *cmd;
	struct span body;

	if (size < 2)
		return 0;
	if (!store) {
		set_up();
		/* Its first request makes the device number 1. */
		run(eas_command_find(SPAN("Ping")), 161, false, false, SPAN(""));
	}
	prime();
	cmd = eas_command_find(span_str(commands[data[0] % ARRAY_LEN(commands)]));
	body = span_of((const char *)data + 2, size - 2);
	run(cmd, versions[(data[1] & 7) % ARRAY_LEN(versions)], data[1] & 8, false, body);
	if (data[1] & 16)
		run(cmd, 161, false, true, SPAN(""));
	return 0;
}
