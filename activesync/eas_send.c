/* SPDX-License-Identifier: ISC
 *
 * eas_send.c - handing in a message and keeping a copy: [MS-ASCMD] 2.2.1.17, 2.2.3.28.1.
 *
 * The row "sent" holds the last client ids with a hash of what was sent. It is written
 * after the message was handed in: a lost answer never sends twice; only a crash in the
 * moment between the two commits could.
 */
#include "activesync/eas_send.h"

#include "activesync/eas_compose.h"
#include "activesync/eas_pack.h"
#include "base/clock.h"
#include "base/encode.h"
#include "format/mime.h"
#include "store/store_cursor.h"
#include "store/store_item.h"

#define ROW "sent"
#define KEPT 64

static uint64_t
short_hash(struct span s)
{
	struct sha256 h;
	uint64_t v;

	sha256_of(s, &h);
	memcpy(&v, h.b, sizeof(v));
	return v;
}

/* RC_NOT_FOUND: new. */
static enum rc
find_sent(struct span state, uint64_t id, uint64_t print)
{
	struct eas_unpack u = { .rest = state };

	while (u.rest.n > 0 && !u.failed) {
		uint64_t known = eas_unpack_u64(&u);
		uint64_t what = eas_unpack_u64(&u);

		if (known == id && !u.failed)
			return what == print ? RC_OK : RC_EXISTS;
	}
	return RC_NOT_FOUND;
}

static struct span
with_sent(struct span state, uint64_t id, uint64_t print, struct arena *a)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(4096);
	struct eas_unpack u = { .rest = state };

	eas_pack_u64(&b, id);
	eas_pack_u64(&b, print);
	for (int i = 1; i < KEPT && u.rest.n > 0 && !u.failed; i++) {
		eas_pack_u64(&b, eas_unpack_u64(&u));
		eas_pack_u64(&b, eas_unpack_u64(&u));
	}
	return arena_span(a, buf_span(&b));
}

/* RFC 5322 3.6: what a client left out, so that the copy is what was sent. */
static void
complete(struct eas_call *c, struct span message, struct buf *out)
{
	struct span header = span_sub(message, 0, mime_header_len(message));
	bool has_from = mime_header_get(header, "From", c->arena).p != NULL;
	bool has_date = mime_header_get(header, "Date", c->arena).p != NULL;
	bool has_id = mime_header_get(header, "Message-ID", c->arena).p != NULL;
	AUTO_DONE(buf) struct buf stamp = BUF_INIT(1024);
	struct span date, id;

	eas_compose_stamp(&stamp, c->user.address);
	id = buf_span(&stamp);
	(void)span_cut(&id, '\n', &date);
	if (!has_from)
		eas_compose_raw(out, "From", c->user.address);
	if (!has_date) {
		buf_add_span(out, date);
		buf_add_char(out, '\n');
	}
	if (!has_id)
		buf_add_span(out, id);
	eas_compose_crlf(message, out);
}

static enum rc
save_copy(struct eas_call *c, struct store_tx *tx, const struct store_content *copy)
{
	struct store_item_new item = {
		.flags = STORE_FLAG_SEEN,
		.received_ms = clock_wall_ms(),
	};
	struct store_collection sent;
	uint32_t uid;
	enum rc rc;

	item.keywords = item.props = item.client_id = SPAN("");
	rc = store_collection_find_role(tx, STORE_ROLE_SENT, c->arena, &sent);
	if (rc == RC_OK)
		rc = store_item_add(tx, sent.id, copy, &item, &uid, NULL);
	return rc;
}

/* Written as nobody: the copy is news to the device as well. */
static enum rc
note_sent(struct eas_call *c, const struct eas_send *q, uint64_t id, uint64_t print,
          const struct store_content *copy)
{
	AUTO(store_tx)
	struct store_tx *tx = NULL;
	struct store_cursor row = { .key = 1 };
	enum rc rc;

	rc = eas_write(c, false, &tx);
	if (rc != RC_OK)
		return rc;
	row.state = row.prev_state = row.answer = SPAN("");
	if (q->client_id.n > 0) {
		rc = store_cursor_load(tx, c->device.number, ROW, c->arena, &row);
		if (rc == RC_OK || rc == RC_NOT_FOUND) {
			row.state = with_sent(row.state, id, print, c->arena);
			rc = store_cursor_save(tx, c->device.number, ROW, &row);
		}
		if (rc != RC_OK)
			return rc;
	}
	if (copy && save_copy(c, tx, copy) != RC_OK)
		log_warn(c->log, "eas.send no copy", "reason=%s", "sent folder");
	if (q->draft_collection != 0) {
		rc = store_item_expunge(tx, q->draft_collection, q->draft_uid);
		if (rc != RC_OK && rc != RC_NOT_FOUND)
			return rc;
	}
	return store_commit(&tx);
}

static enum rc
was_sent(struct eas_call *c, uint64_t id, uint64_t print)
{
	AUTO(store_tx)
	struct store_tx *tx = NULL;
	struct store_cursor row;
	enum rc rc;

	rc = eas_read(c, &tx);
	if (rc == RC_OK)
		rc = store_cursor_load(tx, c->device.number, ROW, c->arena, &row);
	if (rc == RC_OK)
		rc = find_sent(row.state, id, print);
	return rc;
}

enum rc
eas_send_once(struct eas_call *c, const struct eas_send *q)
{
	AUTO_DONE(buf) struct buf message = BUF_INIT(0);
	AUTO(store_content)
	struct store_content *copy = NULL;
	uint64_t id = short_hash(q->client_id);
	uint64_t print = short_hash(q->fingerprint.n > 0 ? q->fingerprint : q->message);
	struct mail_submit_request submit = {
		.user = c->user.id,
		.sender = c->user.address,
		/* No device: the message is news to this one too where it is delivered,
		 * and to others its number means nothing. */
		.protocol = "activesync",
	};
	struct err err = { "" };
	enum rc rc;

	if (q->client_id.n > 0) {
		rc = was_sent(c, id, print);
		if (rc == RC_OK)
			log_info(c->log, "eas.send repeated", "client_id=%s",
			         LOG_STR(q->client_id));
		if (rc != RC_NOT_FOUND)
			return rc;
	}
	if (!c->eas->deps.submit.fn)
		return RC_UNSUPPORTED;
	complete(c, q->message, &message);
	submit.message = buf_span(&message);
	if (q->save) {
		rc = store_content_new_mail(c->eas->deps.store, submit.message, &copy);
		if (rc != RC_OK)
			return rc;
	}
	rc = c->eas->deps.submit.fn(c->eas->deps.submit.arg, &submit, &err);
	if (rc != RC_OK) {
		log_info(c->log, "eas.send refused", "rc=%s why=%s",
		         LOG_STR(span_str(rc_str(rc))), LOG_STR(span_str(err.text)));
		return rc;
	}
	rc = note_sent(c, q, id, print, copy);
	if (rc != RC_OK) /* it is on its way: another try would send it twice */
		log_error(c->log, "eas.send not noted", "rc=%s",
		          LOG_STR(span_str(rc_str(rc))));
	return RC_OK;
}
