/* SPDX-License-Identifier: ISC
 *
 * eas_quarantine.c - the one folder and the one message of a device in quarantine.
 */
#include "activesync/eas_quarantine.h"

#include "activesync/eas_private.h"
#include "activesync/eas_status.h"
#include "base/clock.h"

#define FOLDER_ID "quarantine"
#define MESSAGE_ID "quarantine:1"
#define KEY_FOLDERS "1" /* real ones begin at 1,000 */
#define KEY_EMPTY "1"   /* real ones begin at 1,000,000 */
#define KEY_FULL "2"
#define TYPE_INBOX 2 /* MS-ASCMD 2.2.3.186.3 */

/* --- the message --- */

static struct span
domain_of(struct span address)
{
	size_t at = span_find(address, 0, '@');

	return span_sub(address, at < address.n ? at + 1 : 0, address.n);
}

static void
write_text(struct eas_call *c, const char *line_end, struct buf *b)
{
	const struct store_device *d = &c->device;

	buf_addf(b, "%s%s%s", mdm_quarantine_text(c->eas->deps.mdm), line_end, line_end);
	buf_addf(b, "Account: %.*s%s", SPAN_FMT(c->user.address), line_end);
	buf_addf(b, "Device: %.*s%s", SPAN_FMT(d->id), line_end);
	buf_addf(b, "Type: %.*s%s", SPAN_FMT(d->type), line_end);
	if (d->reason.n > 0)
		buf_addf(b, "Why: %.*s%s", SPAN_FMT(d->reason), line_end);
	buf_addf(b, "%sFor the administrator: godwitctl device approve %.*s %.*s%s",
	         line_end, SPAN_FMT(c->user.address), SPAN_FMT(d->id), line_end);
}

static void
write_mime(struct eas_call *c, struct buf *b)
{
	char date[40];

	buf_addf(b, "From: <postmaster@%.*s>\r\nTo: <%.*s>\r\n",
	         SPAN_FMT(domain_of(c->user.address)), SPAN_FMT(c->user.address));
	buf_addf(b, "Subject: %s\r\nDate: %s\r\nMIME-Version: 1.0\r\n",
	         mdm_quarantine_subject(c->eas->deps.mdm),
	         clock_rfc5322(c->device.first_seen_ms, date, sizeof(date)));
	buf_add_str(b, "Content-Type: text/plain; charset=utf-8\r\n"
	               "Content-Transfer-Encoding: 8bit\r\n\r\n");
	write_text(c, "\r\n", b);
}

static void
write_html(struct eas_call *c, struct buf *b)
{
	AUTO_DONE(buf) struct buf text = BUF_INIT(0);
	struct span s;

	write_text(c, "\n", &text);
	s = buf_span(&text);
	buf_add_str(b, "<html><body><p>");
	for (size_t i = 0; i < s.n; i++) {
		switch (s.p[i]) {
		case '<':
			buf_add_str(b, "&lt;");
			break;
		case '&':
			buf_add_str(b, "&amp;");
			break;
		case '\n':
			buf_add_str(b, "<br>\n");
			break;
		default:
			buf_add_char(b, s.p[i]);
		}
	}
	buf_add_str(b, "</p></body></html>\n");
}

/* MS-ASAIRS 2.2.2.41.1: 1 plain, 2 HTML, 4 MIME. The first that the device names. */
static uint32_t
body_type(const struct wbxml_node *options)
{
	const struct wbxml_node *n =
		wbxml_child(options, WBXML_AIRSYNCBASE_BODYPREFERENCE);

	for (; n; n = wbxml_next(n, WBXML_AIRSYNCBASE_BODYPREFERENCE)) {
		uint32_t type;

		if (wbxml_child_u32(n, WBXML_AIRSYNCBASE_TYPE, 255, &type) == RC_OK &&
		    (type == 1 || type == 2 || type == 4))
			return type;
	}
	return 1;
}

static void
write_message(struct eas_call *c, const struct wbxml_node *options,
              struct wbxml_writer *w)
{
	AUTO_DONE(buf) struct buf body = BUF_INIT(0);
	uint32_t type = body_type(options);
	char date[40];

	if (type == 4)
		write_mime(c, &body);
	else if (type == 2)
		write_html(c, &body);
	else
		write_text(c, "\r\n", &body);
	wbxml_text(w, WBXML_EMAIL_TO, c->user.address);
	wbxml_str(w, WBXML_EMAIL_FROM,
	          arena_printf(c->arena, "postmaster@%.*s",
	                       SPAN_FMT(domain_of(c->user.address))));
	wbxml_str(w, WBXML_EMAIL_SUBJECT, mdm_quarantine_subject(c->eas->deps.mdm));
	wbxml_str(w, WBXML_EMAIL_DATERECEIVED,
	          clock_iso8601(c->device.first_seen_ms, date, sizeof(date)));
	wbxml_u64(w, WBXML_EMAIL_IMPORTANCE, 2);
	wbxml_u64(w, WBXML_EMAIL_READ, 0);
	wbxml_start(w, WBXML_AIRSYNCBASE_BODY);
	wbxml_u64(w, WBXML_AIRSYNCBASE_TYPE, type);
	wbxml_u64(w, WBXML_AIRSYNCBASE_ESTIMATEDDATASIZE, buf_len(&body));
	wbxml_text(w, WBXML_AIRSYNCBASE_DATA, buf_span(&body));
	wbxml_end(w);
	wbxml_str(w, WBXML_EMAIL_MESSAGECLASS, "IPM.Note");
	wbxml_u64(w, WBXML_EMAIL_INTERNETCPID, 65001);
	wbxml_u64(w, WBXML_AIRSYNCBASE_NATIVEBODYTYPE, 1);
}

/* --- FolderSync --- */

static void
sync_folders(struct eas_call *c)
{
	struct span key = wbxml_child_text(c->root, WBXML_FOLDERHIERARCHY_SYNCKEY);
	bool first = key.n == 0 || span_is(key, "0");
	struct wbxml_writer w;

	if (!first && !span_is(key, KEY_FOLDERS)) {
		eas_answer_status(c, EAS_FOLDER_BAD_KEY);
		return;
	}
	eas_answer_begin(c, &w);
	wbxml_start(&w, WBXML_FOLDERHIERARCHY_FOLDERSYNC);
	wbxml_u64(&w, WBXML_FOLDERHIERARCHY_STATUS, EAS_STATUS_OK);
	wbxml_str(&w, WBXML_FOLDERHIERARCHY_SYNCKEY, KEY_FOLDERS);
	wbxml_start(&w, WBXML_FOLDERHIERARCHY_CHANGES);
	wbxml_u64(&w, WBXML_FOLDERHIERARCHY_COUNT, first);
	if (first) {
		wbxml_start(&w, WBXML_FOLDERHIERARCHY_ADD);
		wbxml_str(&w, WBXML_FOLDERHIERARCHY_SERVERID, FOLDER_ID);
		wbxml_str(&w, WBXML_FOLDERHIERARCHY_PARENTID, "0");
		wbxml_str(&w, WBXML_FOLDERHIERARCHY_DISPLAYNAME, "Inbox");
		wbxml_u64(&w, WBXML_FOLDERHIERARCHY_TYPE, TYPE_INBOX);
		wbxml_end(&w);
	}
	wbxml_end(&w);
	wbxml_end(&w);
}

/* --- waiting --- */

/* Until an admin says something of the device, or the time is over. */
static bool
wait_for_word(struct eas_call *c, uint64_t timeout_ms)
{
	AUTO(store_tx)
	struct store_tx *tx = NULL;
	const uint32_t tree = 0;

	if (!c->loop)
		return false;
	if (!c->resumed)
		c->wait_ms = timeout_ms;
	c->wait_token = EAS_QUARANTINE_TOKEN;
	eas_call_subscribe(c, &tree, 1, c->wait_ms);
	if (eas_read(c, &tx) != RC_OK)
		return false;
	eas_call_wait(c, store_tx_modseq(tx));
	return true;
}

static void
answer_ping(struct eas_call *c, unsigned status, uint64_t heartbeat_s)
{
	struct wbxml_writer w;

	eas_answer_begin(c, &w);
	wbxml_start(&w, WBXML_PING_PING);
	wbxml_u64(&w, WBXML_PING_STATUS, status);
	if (heartbeat_s > 0)
		wbxml_u64(&w, WBXML_PING_HEARTBEATINTERVAL, heartbeat_s);
	wbxml_end(&w);
}

/* Folders of the time before the quarantine are there no more. */
static bool
knows_our_folder_only(const struct wbxml_node *folders)
{
	const struct wbxml_node *n = wbxml_child(folders, WBXML_PING_FOLDER);

	for (; n; n = wbxml_next(n, WBXML_PING_FOLDER)) {
		if (!span_is(wbxml_child_text(n, WBXML_PING_ID), FOLDER_ID))
			return false;
	}
	return true;
}

static void
ping(struct eas_call *c)
{
	const struct eas_conf *conf = c->eas->conf;
	const struct wbxml_node *folders = wbxml_child(c->root, WBXML_PING_FOLDERS);
	uint32_t beat = 0;
	uint64_t ms;

	if (c->resumed) {
		if (!wait_for_word(c, 0))
			answer_ping(c, EAS_PING_EXPIRED, 0);
		return;
	}
	if (!folders || wbxml_child_u32(c->root, WBXML_PING_HEARTBEATINTERVAL, UINT32_MAX,
	                                &beat) != RC_OK) {
		answer_ping(c, EAS_PING_MISSING, 0);
		return;
	}
	ms = beat * UINT64_C(1000);
	if (!knows_our_folder_only(folders))
		answer_ping(c, EAS_PING_HIERARCHY, 0);
	else if (ms < conf->heartbeat_min_ms)
		answer_ping(c, EAS_PING_HEARTBEAT, conf->heartbeat_min_ms / 1000);
	else if (ms > conf->heartbeat_max_ms)
		answer_ping(c, EAS_PING_HEARTBEAT, conf->heartbeat_max_ms / 1000);
	else if (!wait_for_word(c, ms))
		answer_ping(c, EAS_PING_EXPIRED, 0);
}

/* --- Sync --- */

static void
begin_collection(struct eas_call *c, const char *key, unsigned status,
                 struct wbxml_writer *w)
{
	eas_answer_begin(c, w);
	wbxml_start(w, WBXML_AIRSYNC_SYNC);
	wbxml_start(w, WBXML_AIRSYNC_COLLECTIONS);
	wbxml_start(w, WBXML_AIRSYNC_COLLECTION);
	if (c->query.version <= 121)
		wbxml_str(w, WBXML_AIRSYNC_CLASS, "Email");
	wbxml_str(w, WBXML_AIRSYNC_SYNCKEY, key);
	wbxml_str(w, WBXML_AIRSYNC_COLLECTIONID, FOLDER_ID);
	wbxml_u64(w, WBXML_AIRSYNC_STATUS, status);
}

static void
end_collection(struct wbxml_writer *w)
{
	wbxml_end(w);
	wbxml_end(w);
	wbxml_end(w);
}

static void
sync_message(struct eas_call *c, const struct wbxml_node *collection)
{
	struct wbxml_writer w;

	begin_collection(c, KEY_FULL, EAS_STATUS_OK, &w);
	wbxml_start(&w, WBXML_AIRSYNC_COMMANDS);
	wbxml_start(&w, WBXML_AIRSYNC_ADD);
	wbxml_str(&w, WBXML_AIRSYNC_SERVERID, MESSAGE_ID);
	wbxml_start(&w, WBXML_AIRSYNC_APPLICATIONDATA);
	write_message(c, wbxml_child(collection, WBXML_AIRSYNC_OPTIONS), &w);
	wbxml_end(&w);
	wbxml_end(&w);
	wbxml_end(&w);
	end_collection(&w);
}

/* The time that the device wants to wait; 0: none, or none that can be. */
static uint64_t
wait_of(struct eas_call *c)
{
	const struct eas_conf *conf = c->eas->conf;
	uint32_t v;
	uint64_t ms = 0;

	if (wbxml_child_u32(c->root, WBXML_AIRSYNC_WAIT, 59, &v) == RC_OK)
		ms = v * UINT64_C(60000);
	else if (wbxml_child_u32(c->root, WBXML_AIRSYNC_HEARTBEATINTERVAL, 3540, &v) ==
	         RC_OK)
		ms = v * UINT64_C(1000);
	return ms >= conf->heartbeat_min_ms && ms <= conf->heartbeat_max_ms ? ms : 0;
}

/* What the device wants to change of the message is taken, and changes nothing. */
static void
sync(struct eas_call *c)
{
	const struct wbxml_node *list = wbxml_child(c->root, WBXML_AIRSYNC_COLLECTIONS);
	const struct wbxml_node *n = wbxml_child(list, WBXML_AIRSYNC_COLLECTION);
	struct span key = wbxml_child_text(n, WBXML_AIRSYNC_SYNCKEY);
	struct wbxml_writer w;
	uint64_t ms;

	if (c->resumed) {
		if (!wait_for_word(c, 0))
			eas_answer_http(c, 200);
	} else if (!n) {
		eas_answer_status(c, EAS_SYNC_INCOMPLETE);
	} else if (!span_is(wbxml_child_text(n, WBXML_AIRSYNC_COLLECTIONID), FOLDER_ID) ||
	           wbxml_next(n, WBXML_AIRSYNC_COLLECTION)) {
		eas_answer_status(c, EAS_SYNC_HIERARCHY);
	} else if (key.n == 0 || span_is(key, "0")) {
		begin_collection(c, KEY_EMPTY, EAS_STATUS_OK, &w);
		end_collection(&w);
	} else if (span_is(key, KEY_EMPTY)) {
		sync_message(c, n);
	} else if (!span_is(key, KEY_FULL)) {
		begin_collection(c, "0", EAS_SYNC_BAD_KEY, &w);
		end_collection(&w);
	} else {
		ms = wait_of(c);
		if (ms == 0 || !wait_for_word(c, ms))
			eas_answer_http(c, 200); /* 2.2.1.21.2: the empty answer */
	}
}

/* --- the others --- */

static void
estimate(struct eas_call *c)
{
	const struct wbxml_node *list =
		wbxml_child(c->root, WBXML_GETITEMESTIMATE_COLLECTIONS);
	const struct wbxml_node *n = wbxml_child(list, WBXML_GETITEMESTIMATE_COLLECTION);
	struct span key = wbxml_child_text(n, WBXML_AIRSYNC_SYNCKEY);
	unsigned status = EAS_STATUS_OK;
	struct wbxml_writer w;

	if (!span_is(wbxml_child_text(n, WBXML_GETITEMESTIMATE_COLLECTIONID), FOLDER_ID))
		status = EAS_ESTIMATE_COLLECTION;
	else if (key.n == 0 || span_is(key, "0"))
		status = EAS_ESTIMATE_NOT_PRIMED;
	eas_answer_begin(c, &w);
	wbxml_start(&w, WBXML_GETITEMESTIMATE_GETITEMESTIMATE);
	wbxml_start(&w, WBXML_GETITEMESTIMATE_RESPONSE);
	wbxml_u64(&w, WBXML_GETITEMESTIMATE_STATUS, status);
	wbxml_start(&w, WBXML_GETITEMESTIMATE_COLLECTION);
	wbxml_str(&w, WBXML_GETITEMESTIMATE_COLLECTIONID, FOLDER_ID);
	if (status == EAS_STATUS_OK)
		wbxml_u64(&w, WBXML_GETITEMESTIMATE_ESTIMATE, span_is(key, KEY_EMPTY));
	wbxml_end(&w);
	wbxml_end(&w);
	wbxml_end(&w);
}

/* A Fetch of the message; anything else is not there. */
static void
fetch(struct eas_call *c)
{
	const struct wbxml_node *n = wbxml_child(c->root, WBXML_ITEMOPERATIONS_FETCH);
	bool ours = span_is(wbxml_child_text(n, WBXML_AIRSYNC_SERVERID), MESSAGE_ID);
	struct wbxml_writer w;

	if (!n) {
		eas_answer_status(c, EAS_STATUS_DEVICE_BLOCKED);
		return;
	}
	eas_answer_begin(c, &w);
	wbxml_start(&w, WBXML_ITEMOPERATIONS_ITEMOPERATIONS);
	wbxml_u64(&w, WBXML_ITEMOPERATIONS_STATUS, EAS_STATUS_OK);
	wbxml_start(&w, WBXML_ITEMOPERATIONS_RESPONSE);
	wbxml_start(&w, WBXML_ITEMOPERATIONS_FETCH);
	wbxml_u64(&w, WBXML_ITEMOPERATIONS_STATUS,
	          ours ? EAS_STATUS_OK : EAS_ITEMS_NOT_FOUND);
	if (ours) {
		wbxml_str(&w, WBXML_AIRSYNC_COLLECTIONID, FOLDER_ID);
		wbxml_str(&w, WBXML_AIRSYNC_SERVERID, MESSAGE_ID);
		wbxml_start(&w, WBXML_ITEMOPERATIONS_PROPERTIES);
		write_message(c, wbxml_child(n, WBXML_ITEMOPERATIONS_OPTIONS), &w);
		wbxml_end(&w);
	}
	wbxml_end(&w);
	wbxml_end(&w);
	wbxml_end(&w);
}

void
eas_quarantine_start(struct eas_call *c)
{
	/* It waited for its own folders, which it has no more. */
	if (c->resumed && c->wait_token != EAS_QUARANTINE_TOKEN)
		eas_quarantine_end(c);
	else if (c->command->start == eas_folders_start)
		sync_folders(c);
	else if (c->command->start == eas_sync_start)
		sync(c);
	else if (c->command->start == eas_ping_start)
		ping(c);
	else if (c->command->start == eas_estimate_start)
		estimate(c);
	else
		fetch(c);
}

void
eas_quarantine_end(struct eas_call *c)
{
	if (c->command->start == eas_ping_start)
		answer_ping(c, EAS_PING_HIERARCHY, 0);
	else
		eas_answer_status(c, EAS_SYNC_HIERARCHY);
}
