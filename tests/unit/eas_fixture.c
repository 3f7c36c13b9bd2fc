/* SPDX-License-Identifier: ISC
 *
 * eas_fixture.c - commands over a real store.
 */
#include "tests/unit/eas_fixture.h"

#include <ftw.h>
#include <unistd.h>

#include "format/mime_text.h"
#include "store/engine/engine.h"
#include "tests/unit/engine_fixture.h"

static enum rc
fake_submit(void *arg, const struct mail_submit_request *q, struct err *err)
{
	struct eas_fixture *f = arg;

	if (f->sent_rc != RC_OK)
		return err_set(err, f->sent_rc, "as the test wants it");
	f->n_sent++;
	free(f->sent_before);
	f->sent_before = f->sent_message;
	f->sent_message = xstrndup(q->message.p, q->message.n);
	return RC_OK;
}

static int
remove_one(const char *path, const struct stat *st UNUSED, int type UNUSED,
           struct FTW *ftw UNUSED)
{
	return remove(path);
}

uint32_t
eas_folder(struct eas_fixture *f, enum store_role role)
{
	AUTO(store_tx)
	struct store_tx *tx = NULL;
	struct store_collection c;

	assert_ok(store_read(f->store, f->user, &tx));
	assert_ok(store_collection_find_role(tx, role, f->a, &c));
	return c.id;
}

static void
quiet(enum log_level level UNUSED, const char *line, void *arg UNUSED)
{
	if (getenv("EAS_TRACE"))
		printf("%s\n", line);
}

static void
start(struct eas_fixture *f)
{
	struct eas_deps deps = { 0 };

	deps.store = f->store;
	deps.push = f->push;
	deps.mdm = f->mdm;
	deps.submit = (struct mail_submit){ fake_submit, f };
	assert_ok(eas_new(&f->conf, &deps, &f->eas));
}

void
eas_restart(struct eas_fixture *f)
{
	eas_stop_waiting(f);
	eas_free(TAKE(f->eas));
	loop_run_once(f->loop, false);
	start(f);
}

int
eas_setup(void **state)
{
	struct eas_fixture *f = xcalloc(1, sizeof(*f));
	struct store_conf sc = {
		.directory = f->dir,
		.shards = 1,
		.group_window_ms = 1,
		.inline_max = 32768,
		.message_max = 16 << 20,
		.retention_ms = UINT64_C(30) * 24 * 3600 * 1000,
		.readers = 2,
	};
	struct mdm_policy policy = { .enforce = false };
	struct err err = { "" };

	log_set_sink(quiet, NULL);
	mime_text_init();
	clock_fake_start(EAS_NOW);
	snprintf(f->dir, sizeof(f->dir), "/tmp/godwit-eas-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	if (engine_fixture_is_pg()) {
		sc.engine = STORE_ENGINE_POSTGRESQL;
		sc.postgresql = f->database = engine_fixture_make();
		sc.postgresql_connections = 10;
	}
	if (store_open(&sc, &f->store, &err) != RC_OK)
		fail_msg("store_open: %s", err.text);
	f->mdm_conf = (struct mdm_conf){ .password_cost = 1,
		                         .auth_failures_max = 5,
		                         .auth_failures_ms = 60000 };
	f->mdm_conf.quarantine_subject = (char *)(uintptr_t) "Wait";
	f->mdm_conf.quarantine_text = (char *)(uintptr_t) "Nothing to do.";
	assert_ok(mdm_new(f->store, &f->mdm_conf, &f->mdm));
	mdm_set_policy(f->mdm, &policy);
	assert_ok(push_new(&f->push));
	assert_ok(loop_new("test", &f->loop));
	store_on_commit(f->store, push_publish, f->push);
	f->conf = (struct eas_conf){
		.heartbeat_min_ms = 60000,
		.heartbeat_max_ms = 3540000,
		.window_max = 512,
		.response_max = 1 << 20,
		.ping_folders_max = 4,
		.body_max = 1 << 24,
		.external_url = (char *)(uintptr_t) "",
	};
	start(f);
	f->a = arena_new();
	assert_ok(store_domain_add(f->store, SPAN("example.org")));
	assert_ok(store_user_add(f->store, SPAN("alice@example.org"),
	                         SPAN("Alice Example"), SPAN(""), &f->user));
	f->inbox = eas_folder(f, STORE_ROLE_INBOX);
	f->drafts = eas_folder(f, STORE_ROLE_DRAFTS);
	f->sent = eas_folder(f, STORE_ROLE_SENT);
	f->trash = eas_folder(f, STORE_ROLE_TRASH);
	f->junk = eas_folder(f, STORE_ROLE_JUNK);
	f->device = "PHONE1";
	f->version = 161;
	f->xml = xstrdup("");
	*state = f;
	return 0;
}

int
eas_teardown(void **state)
{
	struct eas_fixture *f = *state;

	eas_stop_waiting(f);
	eas_free(f->eas);
	loop_run_once(f->loop, false);
	push_free(f->push);
	loop_free(f->loop);
	mdm_free(f->mdm);
	store_close(f->store);
	engine_fixture_drop(f->database);
	nftw(f->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	arena_free(f->a);
	buf_done(&f->body);
	free(f->xml);
	free(f->sent_before);
	free(f->sent_message);
	free(f);
	clock_fake_stop();
	log_set_sink(NULL, NULL);
	return 0;
}

void
eas_enforce(struct eas_fixture *f)
{
	struct mdm_policy policy = {
		.enforce = true,
		.password_required = true,
		.password_length_min = 6,
		.lock_after_ms = 300000,
		.camera_allowed = false,
		.bluetooth_allowed = 2,
		.partial_allowed = true,
		.attachments_allowed = true,
		.html_allowed = true,
	};

	mdm_set_policy(f->mdm, &policy);
}

static void
on_wake(enum push_wake why, void *arg)
{
	struct eas_fixture *f = arg;

	f->woken += why == PUSH_WAKE_CHANGED;
}

/* One line, no indentation, no namespaces. */
static void
set_xml(struct eas_fixture *f, struct span body)
{
	AUTO_DONE(buf) struct buf dump = BUF_INIT(0);
	AUTO_DONE(buf) struct buf flat = BUF_INIT(0);
	struct wbxml_node *root;
	struct span s;

	free(f->xml);
	f->xml = NULL;
	if (body.n == 0 || wbxml_parse(body, NULL, f->a, &root) != RC_OK) {
		f->xml = xstrdup("");
		return;
	}
	wbxml_dump(root, &dump);
	s = buf_span(&dump);
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '\n' && i + 1 < s.n &&
		    (s.p[i + 1] == '\t' || s.p[i + 1] == '<')) {
			while (i + 1 < s.n && s.p[i + 1] == '\t')
				i++;
			continue;
		}
		if (s.n - i > 8 && memcmp(s.p + i, " xmlns=\"", 8) == 0) {
			i = span_find(s, i + 8, '"');
			continue;
		}
		buf_add_char(&flat, s.p[i]);
	}
	f->xml = xstrndup(flat.p, flat.len - 1);
}

/* ItemId and the like, as the query has them. */
static void
take_query(struct eas_fixture *f, struct arena *a, struct eas_query *q)
{
	const struct eas_query_headers none = { 0 };
	struct eas_query said;

	if (!f->query)
		return;
	assert_ok(eas_query_parse(span_str(f->query), &none, a, &said));
	q->collection_id = said.collection_id;
	q->item_id = said.item_id;
	q->long_id = said.long_id;
	q->occurrence = said.occurrence;
	q->save_in_sent = said.save_in_sent;
}

static const char *
run(struct eas_fixture *f, const char *command, struct span body, bool resumed)
{
	struct log_ctx log = { 0 };
	struct eas_call c = {
		.eas = f->eas,
		.arena = arena_new(),
		.log = &log,
		.body = body,
		.user_agent = SPAN("Test/1.0"),
		.peer = "192.0.2.1",
		.resumed = resumed,
		.wait_ms = f->wait_ms,
		.wait_token = resumed ? f->wait_token : 0,
		.device.number = resumed ? f->wait_device : 0,
	};

	eas_stop_waiting(f);
	assert_ok(store_user_load(f->store, f->user, c.arena, &c.user));
	c.query.command = span_str(command);
	c.query.version = f->version;
	c.query.device_id = span_str(f->device);
	c.query.device_type = SPAN("TestPhone");
	c.query.policy_key = f->policy_key;
	c.query.accept_multipart = f->multipart;
	c.query.attachment_name = span_str(f->attachment);
	take_query(f, c.arena, &c.query);
	if (f->can_wait) {
		c.loop = f->loop;
		c.on_wake = on_wake;
		c.wake_arg = f;
	}
	engine_fail_after(f->fail_after);
	eas_command_run(&c);
	f->has_failed = f->fail_after > 0 && !engine_fail_pending();
	engine_fail_after(0);
	f->http_status = c.http_status;
	f->waiting = c.waiting;
	f->wait_ms = c.wait_ms;
	if (c.waiting) {
		f->wait_token = c.wait_token;
		f->wait_device = c.device.number;
		f->wait = c.wait;
	} else {
		push_wait_free(c.wait);
	}
	buf_done(&f->body);
	f->body = c.out;
	set_xml(f, c.waiting ? SPAN("") : buf_span(&f->body));
	arena_free(c.arena);
	return f->xml;
}

const char *
eas_run_bytes(struct eas_fixture *f, const char *command, struct span body)
{
	return run(f, command, body, false);
}

const char *
eas_run(struct eas_fixture *f, const char *command, const char *xml)
{
	AUTO_DONE(buf) struct buf body = BUF_INIT(0);
	struct err err = { "" };

	if (xml && wbxml_from_xml(span_str(xml), &body, &err) != RC_OK)
		fail_msg("%s: %s", err.text, xml);
	return run(f, command, buf_span(&body), false);
}

const char *
eas_runf(struct eas_fixture *f, const char *command, const char *fmt, ...)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);
	va_list ap;

	va_start(ap, fmt);
	buf_addv(&b, fmt, ap);
	va_end(ap);
	buf_add_char(&b, '\0');
	return eas_run(f, command, b.p);
}

const char *
eas_resume(struct eas_fixture *f, const char *command)
{
	return run(f, command, SPAN(""), true);
}

void
eas_stop_waiting(struct eas_fixture *f)
{
	push_wait_free(TAKE(f->wait));
}

const char *
eas_value(struct eas_fixture *f, const char *name, size_t n)
{
	const char *open = arena_printf(f->a, "<%s>", name);
	const char *p = f->xml;

	for (size_t i = 0;; i++) {
		p = strstr(p, open);
		if (!p)
			return "";
		p += strlen(open);
		if (i == n)
			return arena_strndup(f->a, span_of(p, strcspn(p, "<")));
	}
}

size_t
eas_count(struct eas_fixture *f, const char *needle)
{
	size_t n = 0;

	for (const char *p = f->xml; (p = strstr(p, needle)); p += strlen(needle))
		n++;
	return n;
}

uint32_t
eas_mail_raw(struct eas_fixture *f, uint32_t folder, int64_t received_ms, struct span raw)
{
	AUTO(store_content)
	struct store_content *content = NULL;
	AUTO(store_tx)
	struct store_tx *tx = NULL;
	struct store_actor who = { .protocol = "smtp" };
	struct store_item_new item = { .received_ms = received_ms };
	uint32_t uid = 0;

	assert_ok(store_content_new_mail(f->store, raw, &content));
	assert_ok(store_write(f->store, f->user, &who, &tx));
	assert_ok(store_item_add(tx, folder, content, &item, &uid, NULL));
	assert_ok(store_commit(&tx));
	return uid;
}

uint32_t
eas_mail(struct eas_fixture *f, uint32_t folder, int64_t received_ms, const char *subject)
{
	char *raw = xasprintf("From: Bob <bob@example.net>\r\nTo: alice@example.org\r\n"
	                      "Subject: %s\r\nMessage-ID: <%s@example.net>\r\n\r\n"
	                      "Hello, this is %s.\r\n",
	                      subject, subject, subject);
	uint32_t uid = eas_mail_raw(f, folder, received_ms, span_str(raw));

	free(raw);
	return uid;
}

static struct store_tx *
write_as_imap(struct eas_fixture *f)
{
	struct store_actor who = { .protocol = "imap" };
	struct store_tx *tx = NULL;

	assert_ok(store_write(f->store, f->user, &who, &tx));
	return tx;
}

void
eas_set_flags(struct eas_fixture *f, uint32_t folder, uint32_t uid, uint32_t on,
              uint32_t off)
{
	struct store_item_change ch = { .flags_on = on, .flags_off = off };
	AUTO(store_tx)
	struct store_tx *tx = write_as_imap(f);
	uint64_t modseq;

	assert_ok(store_item_update(tx, folder, uid, &ch, &modseq));
	assert_ok(store_commit(&tx));
}

void
eas_expunge(struct eas_fixture *f, uint32_t folder, uint32_t uid)
{
	AUTO(store_tx)
	struct store_tx *tx = write_as_imap(f);

	assert_ok(store_item_expunge(tx, folder, uid));
	assert_ok(store_commit(&tx));
}

enum rc
eas_item(struct eas_fixture *f, uint32_t folder, uint32_t uid, struct store_item *ret)
{
	AUTO(store_tx)
	struct store_tx *tx = NULL;

	assert_ok(store_read(f->store, f->user, &tx));
	return store_item_load(tx, folder, uid, f->a, ret);
}

uint32_t
eas_exists(struct eas_fixture *f, uint32_t folder)
{
	AUTO(store_tx)
	struct store_tx *tx = NULL;
	struct store_collection c;

	assert_ok(store_read(f->store, f->user, &tx));
	assert_ok(store_collection_load(tx, folder, f->a, &c));
	return c.exists;
}

const char *
eas_sync(struct eas_fixture *f, uint32_t folder, const char *key, const char *inner)
{
	return eas_runf(
		f, "Sync",
		"<Sync xmlns=\"AirSync\"><Collections><Collection><SyncKey>%s</SyncKey>"
		"<CollectionId>%u</CollectionId>%s</Collection></Collections></Sync>",
		key, folder, inner);
}

char *
eas_key(struct eas_fixture *f)
{
	return arena_strdup(f->a, eas_value(f, "SyncKey", 0));
}
