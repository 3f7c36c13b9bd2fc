/* SPDX-License-Identifier: ISC
 *
 * eas_send.c - handing in a message and keeping a copy: [MS-ASCMD] 2.2.1.17, 2.2.3.28.1.
 *
 * The row "sent" holds the last client ids with a hash of what was sent. It is written
 * after the message was handed in: a lost answer never sends twice; only a crash in the
 * moment between the two commits could. The row "sending" holds those that are just being
 * handed in, with the life of the node that does it (store_node.h): a device that asks
 * another node for the same meanwhile is told to come again.
 */
#include "activesync/eas_send.h"

#include "activesync/eas_compose.h"
#include "activesync/eas_pack.h"
#include "base/clock.h"
#include "base/encode.h"
#include "format/mime.h"
#include "store/store_cursor.h"
#include "store/store_item.h"
#include "store/store_node.h"

#define ROW "sent"
#define CLAIMS "sending"
#define KEPT 64
/* Nobody hands a message in for so long: a claim that was forgotten. */
#define CLAIM_MS 300000

unsigned
eas_send_check(const struct eas_call *c)
{
	if (c->root->tag != c->command->root)
		return EAS_STATUS_INVALID_CONTENT;
	/* 2.2.3.3: UserInformation names no accounts, so none is right. */
	if (wbxml_child_text(c->root, WBXML_COMPOSEMAIL_ACCOUNTID).n > 0)
		return EAS_STATUS_INVALID_ACCOUNT;
	/* 2.2.3.79: who names Forwardees sends no message. */
	if (!wbxml_child(c->root, WBXML_COMPOSEMAIL_MIME) &&
	    !(c->query.version >= 160 && c->root->tag == WBXML_COMPOSEMAIL_SMARTFORWARD &&
	      wbxml_child(c->root, WBXML_COMPOSEMAIL_FORWARDEES)))
		return EAS_STATUS_INVALID_XML;
	return EAS_STATUS_OK;
}

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

/* --- claims --- */

struct claim {
	uint64_t life; /* 0: there is none */
	int64_t at_ms;
};

static struct claim
find_claim(struct span state, uint64_t id)
{
	struct eas_unpack u = { .rest = state };

	while (u.rest.n > 0 && !u.failed) {
		uint64_t known = eas_unpack_u64(&u);
		struct claim k = { .life = eas_unpack_u64(&u) };

		k.at_ms = eas_unpack_i64(&u);
		if (known == id && !u.failed)
			return k;
	}
	return (struct claim){ 0 };
}

/* The claims without that of id, and k before them unless it is NULL. */
static struct span
with_claim(struct span state, uint64_t id, const struct claim *k, struct arena *a)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(4096);
	struct eas_unpack u = { .rest = state };

	if (k) {
		eas_pack_u64(&b, id);
		eas_pack_u64(&b, k->life);
		eas_pack_i64(&b, k->at_ms);
	}
	for (int i = 1; i < KEPT && u.rest.n > 0; i++) {
		uint64_t known = eas_unpack_u64(&u);
		uint64_t life = eas_unpack_u64(&u);
		int64_t at_ms = eas_unpack_i64(&u);

		if (u.failed)
			break;
		if (known == id)
			continue;
		eas_pack_u64(&b, known);
		eas_pack_u64(&b, life);
		eas_pack_i64(&b, at_ms);
	}
	return arena_span(a, buf_span(&b));
}

/* RC_OK with an empty state too when there is no such row. */
static enum rc
load_row(struct eas_call *c, struct store_tx *tx, const char *name,
         struct store_cursor *ret)
{
	enum rc rc = store_cursor_load(tx, c->device.number, name, c->arena, ret);

	if (rc != RC_NOT_FOUND)
		return rc;
	*ret = (struct store_cursor){ .key = 1, .state = SPAN("") };
	ret->prev_state = ret->answer = ret->twin_state = SPAN("");
	return RC_OK;
}

static enum rc
write_claim(struct eas_call *c, struct store_tx *tx, uint64_t id, const struct claim *k)
{
	struct store_cursor row;
	enum rc rc = load_row(c, tx, CLAIMS, &row);

	if (rc != RC_OK)
		return rc;
	row.state = with_claim(row.state, id, k, c->arena);
	return store_cursor_save(tx, c->device.number, CLAIMS, &row);
}

/* dead: the life of whose claim nothing comes any more. RC_OK: sent before. RC_NOT_FOUND:
 * new, and ours. RC_AGAIN: another node is at it. */
static enum rc
take_claim(struct eas_call *c, uint64_t id, uint64_t print, uint64_t dead)
{
	AUTO(store_tx)
	struct store_tx *tx = NULL;
	struct claim mine = { store_node_life(c->eas->deps.store), clock_wall_ms() };
	struct claim k = { 0 };
	struct store_cursor sent, claims;
	enum rc rc = eas_write(c, false, &tx);

	if (rc == RC_OK)
		rc = load_row(c, tx, ROW, &sent);
	if (rc == RC_OK)
		rc = find_sent(sent.state, id, print);
	if (rc != RC_NOT_FOUND)
		return rc;
	rc = load_row(c, tx, CLAIMS, &claims);
	if (rc == RC_OK)
		k = find_claim(claims.state, id);
	if (rc == RC_OK && k.life != 0 && k.life != mine.life && k.life != dead &&
	    mine.at_ms - k.at_ms < CLAIM_MS)
		rc = RC_AGAIN;
	if (rc == RC_OK)
		rc = write_claim(c, tx, id, &mine);
	if (rc == RC_OK)
		rc = store_commit(&tx);
	return rc == RC_OK ? RC_NOT_FOUND : rc;
}

static void
drop_claim(struct eas_call *c, uint64_t id)
{
	AUTO(store_tx)
	struct store_tx *tx = NULL;
	enum rc rc = eas_write(c, false, &tx);

	if (rc == RC_OK)
		rc = write_claim(c, tx, id, NULL);
	if (rc == RC_OK)
		rc = store_commit(&tx);
	if (rc != RC_OK) /* it is ours, or runs out */
		log_warn(c->log, "eas.send claim kept", "rc=%s",
		         LOG_STR(span_str(rc_str(rc))));
}

/* --- sending --- */

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
	row.state = row.prev_state = row.answer = row.twin_state = SPAN("");
	if (q->client_id.n > 0) {
		rc = store_cursor_load(tx, c->device.number, ROW, c->arena, &row);
		if (rc == RC_OK || rc == RC_NOT_FOUND) {
			row.state = with_sent(row.state, id, print, c->arena);
			rc = store_cursor_save(tx, c->device.number, ROW, &row);
		}
		if (rc == RC_OK)
			rc = write_claim(c, tx, id, NULL);
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

/* As take_claim(); mostly without a write when it was sent before. */
static enum rc
claim(struct eas_call *c, uint64_t id, uint64_t print)
{
	AUTO(store_tx)
	struct store_tx *tx = NULL;
	struct store *store = c->eas->deps.store;
	struct store_cursor sent, claims;
	struct claim k = { 0 };
	bool over = false;
	enum rc rc;

	rc = eas_read(c, &tx);
	if (rc == RC_OK)
		rc = load_row(c, tx, ROW, &sent);
	if (rc == RC_OK)
		rc = find_sent(sent.state, id, print);
	if (rc != RC_NOT_FOUND)
		return rc;
	rc = load_row(c, tx, CLAIMS, &claims);
	store_tx_free(TAKE(tx));
	if (rc == RC_OK)
		k = find_claim(claims.state, id);
	if (rc == RC_OK && k.life != 0 && k.life != store_node_life(store))
		rc = store_node_is_over(store, k.life, &over);
	return rc == RC_OK ? take_claim(c, id, print, over ? k.life : 0) : rc;
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
	enum rc rc = RC_OK;

	if (!c->eas->deps.submit.fn)
		return RC_UNSUPPORTED;
	if (q->client_id.n > 0) {
		rc = claim(c, id, print);
		if (rc == RC_OK)
			log_info(c->log, "eas.send repeated", "client_id=%s",
			         LOG_STR(q->client_id));
		if (rc != RC_NOT_FOUND)
			return rc;
		rc = RC_OK;
	}
	complete(c, q->message, &message);
	submit.message = buf_span(&message);
	if (q->save)
		rc = store_content_new_mail(c->eas->deps.store, submit.message, &copy);
	if (rc == RC_OK)
		rc = c->eas->deps.submit.fn(c->eas->deps.submit.arg, &submit, &err);
	if (rc != RC_OK) {
		if (q->client_id.n > 0)
			drop_claim(c, id);
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
