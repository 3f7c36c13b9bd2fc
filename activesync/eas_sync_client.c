/* SPDX-License-Identifier: ISC
 *
 * eas_sync_client.c - a client's Add, Change and Delete: [MS-ASCMD] 2.2.3.7.2, .24,
 * .42.2.
 *
 * What was done is kept in the collection's row under the key of the request, in the same
 * commit. When the answer was lost, the request comes again with the same key: commands
 * that are known are answered from there and not applied twice.
 */
#include "activesync/eas_draft.h"
#include "activesync/eas_email.h"
#include "activesync/eas_id.h"
#include "activesync/eas_pack.h"
#include "activesync/eas_send.h"
#include "activesync/eas_sms.h"
#include "activesync/eas_sync_step.h"
#include "base/clock.h"
#include "base/encode.h"

static uint64_t
node_hash(const struct wbxml_node *n)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);
	struct sha256 h;
	uint64_t v;

	eas_pack_node(n, &b);
	sha256_of(buf_span(&b), &h);
	memcpy(&v, h.b, sizeof(v));
	return v;
}

void
eas_sync_results_write(uint64_t key, const struct eas_sync_result *r, struct buf *out)
{
	eas_pack_u64(out, key);
	for (; r; r = r->next) {
		eas_pack_u64(out, r->hash);
		eas_pack_u64(out, r->status);
		eas_pack_u64(out, r->uid);
		eas_pack_u64(out, r->sent);
	}
}

/* Finds the command among what was answered to this key. */
static bool
recall(const struct eas_sync_collection *co, struct eas_sync_result *r)
{
	struct eas_unpack u = { .rest = co->row.answer };

	if (u.rest.n == 0 || eas_unpack_u64(&u) != co->key)
		return false;
	while (u.rest.n > 0 && !u.failed) {
		uint64_t hash = eas_unpack_u64(&u);
		unsigned status = eas_unpack_u32(&u);
		uint32_t uid = eas_unpack_u32(&u);
		bool sent = eas_unpack_u64(&u) != 0;

		/* What failed for a reason of the server's own is tried again. */
		if (u.failed || hash != r->hash || status == EAS_SYNC_SERVER)
			continue;
		r->status = status;
		r->uid = uid;
		r->sent = sent;
		return true;
	}
	return false;
}

static bool
wants_send(const struct eas_sync_step *st)
{
	return wbxml_child(st->result->node, WBXML_EMAIL2_SEND) != NULL;
}

static struct span
client_id_of(struct eas_sync_collection *co, const struct eas_sync_step *st,
             struct arena *a)
{
	struct span id = wbxml_child_text(st->result->node, WBXML_AIRSYNC_CLIENTID);

	if (id.n > 0)
		return span_str(arena_printf(a, "add:%u:%.*s", co->id, SPAN_FMT(id)));
	return span_str(arena_printf(a, "draft:%u:%u", co->id, st->uid));
}

static enum rc
send_draft(struct eas_sync *s, struct eas_sync_collection *co, struct eas_sync_step *st,
           struct span message)
{
	AUTO_DONE(buf) struct buf print = BUF_INIT(0);
	struct eas_send q = { .message = message, .save = true };
	enum rc rc;

	eas_pack_node(st->result->node, &print);
	q.fingerprint = buf_span(&print);
	q.client_id = client_id_of(co, st, s->c->arena);
	if (st->uid != 0) {
		q.draft_collection = co->id;
		q.draft_uid = st->uid;
	}
	rc = eas_send_once(s->c, &q);
	if (rc == RC_OK)
		st->result->sent = true;
	return rc;
}

/* Drafts of 16.x: the message is made, and sent when it is to be sent. */
static enum rc
prepare_content(struct eas_sync *s, struct eas_sync_collection *co,
                struct eas_sync_step *st)
{
	const struct wbxml_node *data =
		wbxml_child(st->result->node, WBXML_AIRSYNC_APPLICATIONDATA);
	AUTO_DONE(buf) struct buf message = BUF_INIT(0);
	AUTO(store_tx)
	struct store_tx *tx = NULL;
	struct store_item old;
	enum rc rc;

	rc = eas_read(s->c, &tx);
	if (rc == RC_OK && st->uid != 0)
		rc = store_item_load(tx, co->id, st->uid, s->c->arena, &old);
	if (rc != RC_OK)
		return rc;
	if (st->uid != 0 && !(old.flags & STORE_FLAG_DRAFT))
		return RC_DENIED; /* received mail does not change */
	if (st->uid != 0 && !eas_draft_is_content(data))
		rc = store_content_read(tx, old.content, 0, old.size, &message);
	else
		rc = eas_draft_compose(s->c, tx, st->uid != 0 ? &old : NULL, data,
		                       &message);
	store_tx_free(TAKE(tx));
	if (rc != RC_OK)
		return rc;
	if (wants_send(st))
		return send_draft(s, co, st, buf_span(&message));
	return store_content_new_mail(s->c->eas->deps.store, buf_span(&message),
	                              &st->content);
}

static bool
is_sms(struct eas_sync *s, const struct wbxml_node *add)
{
	return s->c->query.version >= 140 &&
	       span_iis(wbxml_child_text(add, WBXML_AIRSYNC_CLASS), "SMS");
}

/* MS-ASMS 3.1.5.1: what the phone got or sent. */
static enum rc
prepare_sms(struct eas_sync *s, struct eas_sync_collection *co, struct eas_sync_step *st)
{
	const struct wbxml_node *n = st->result->node;
	const struct wbxml_node *data = wbxml_child(n, WBXML_AIRSYNC_APPLICATIONDATA);
	AUTO_DONE(buf) struct buf message = BUF_INIT(0);
	enum rc rc;

	if (!co->cursor.options.sms || !data ||
	    wbxml_child_text(n, WBXML_AIRSYNC_CLIENTID).n == 0)
		return RC_INVALID;
	rc = eas_sms_compose(s->c, data, &message, &st->received_ms);
	if (rc == RC_OK)
		rc = store_content_new_mail(s->c->eas->deps.store, buf_span(&message),
		                            &st->content);
	st->is_sms = rc == RC_OK;
	return rc;
}

static enum rc
prepare(struct eas_sync *s, struct eas_sync_collection *co,
        const struct eas_sync_step *before, size_t n_before, struct eas_sync_step *st)
{
	const struct wbxml_node *n = st->result->node;
	const struct wbxml_node *data = wbxml_child(n, WBXML_AIRSYNC_APPLICATIONDATA);
	struct eas_id id;

	if (st->result->kind == WBXML_AIRSYNC_ADD && co->class->edit) {
		if (wbxml_child_text(n, WBXML_AIRSYNC_CLIENTID).n == 0)
			return RC_INVALID;
		return eas_sync_edit_prepare(s, co, before, n_before, st);
	}
	if (st->result->kind == WBXML_AIRSYNC_ADD && is_sms(s, n))
		return prepare_sms(s, co, st);
	if (st->result->kind == WBXML_AIRSYNC_ADD) {
		/* Mail comes in by drafts of 16.x only (MS-ASCMD 2.2.3.7.2). */
		if (s->c->query.version < 160 || co->folder.role != STORE_ROLE_DRAFTS)
			return RC_UNSUPPORTED;
		if (!data || wbxml_child_text(n, WBXML_AIRSYNC_CLIENTID).n == 0)
			return RC_INVALID;
		return prepare_content(s, co, st);
	}
	if (eas_id_parse(wbxml_child_text(n, WBXML_AIRSYNC_SERVERID), 2, &id) != RC_OK ||
	    id.collection != co->id)
		return RC_NOT_FOUND;
	st->uid = id.uid;
	if (co->class->edit)
		return eas_sync_edit_prepare(s, co, before, n_before, st);
	if (st->result->kind == WBXML_AIRSYNC_CHANGE && s->c->query.version >= 160 &&
	    (wants_send(st) || (data && eas_draft_is_content(data))))
		return prepare_content(s, co, st);
	return RC_OK;
}

/* Read, Flag (MS-ASEMAIL 2.2.2.34) and Categories of a new draft. */
static enum rc
take_marks(const struct wbxml_node *data, struct store_item_new *item, struct arena *a)
{
	struct store_item none = { .flags = item->flags, .props = SPAN("") };
	struct store_item_change ch;
	enum rc rc = eas_email_read_change(data, &none, a, &ch);

	if (rc != RC_OK)
		return rc;
	item->flags = (item->flags | ch.flags_on) & ~ch.flags_off;
	if (ch.set_props)
		item->props = ch.props;
	return RC_OK;
}

static enum rc
apply_add(struct eas_sync *s, struct eas_sync_collection *co, struct eas_sync_step *st,
          struct store_tx *tx)
{
	const struct wbxml_node *n = st->result->node;
	const struct wbxml_node *data = wbxml_child(n, WBXML_AIRSYNC_APPLICATIONDATA);
	struct store_item_new item = {
		.flags = STORE_FLAG_DRAFT | STORE_FLAG_SEEN,
		.received_ms = clock_wall_ms(),
	};
	enum rc rc = RC_OK;

	item.keywords = item.props = SPAN("");
	if (st->is_sms) {
		item.flags = span_is(wbxml_child_text(data, WBXML_EMAIL_READ), "1")
		                     ? STORE_FLAG_SEEN
		                     : 0;
		item.keywords = SPAN(EAS_SMS_KEYWORD);
		item.received_ms = st->received_ms;
	} else {
		rc = take_marks(data, &item, s->c->arena);
	}
	if (rc != RC_OK)
		return rc;
	item.client_id = wbxml_child_text(n, WBXML_AIRSYNC_CLIENTID);
	item.client_turn = co->key;
	item.client_print = st->result->hash;
	return store_item_add(tx, co->id, st->content, &item, &st->result->uid, NULL);
}

/*
 * Read, Flag and Categories are merged with what the others changed. A draft's new text
 * against another's: the server's wins unless the client said otherwise (2.2.3.34).
 */
static enum rc
apply_change(struct eas_sync *s, struct eas_sync_collection *co, struct eas_sync_step *st,
             struct store_tx *tx)
{
	const struct wbxml_node *data =
		wbxml_child(st->result->node, WBXML_AIRSYNC_APPLICATIONDATA);
	struct store_item item;
	struct store_item_change ch;
	uint64_t modseq;
	enum rc rc;

	rc = store_item_load(tx, co->id, st->uid, s->c->arena, &item);
	if (rc != RC_OK)
		return rc;
	rc = eas_email_read_change(data, &item, s->c->arena, &ch);
	if (rc != RC_OK)
		return rc;
	if (st->content) {
		bool foreign = item.modseq > co->cursor.modseq &&
		               item.writer != s->c->device.number;

		if (foreign && co->cursor.options.conflict == 1)
			return RC_CONFLICT;
		ch.content = st->content;
	}
	return store_item_update(tx, co->id, st->uid, &ch, &modseq);
}

/* The device is not told the copy's id: the copy is nobody's, so that it hears of it. */
static enum rc
move_to_trash(struct eas_sync *s, struct eas_sync_collection *co, uint32_t uid,
              uint32_t trash, struct store_tx *tx)
{
	struct store_actor nobody = { .protocol = "activesync" };
	struct store_actor device = { s->c->device.number, "activesync" };
	uint32_t copy;
	enum rc rc;

	store_tx_set_actor(tx, &nobody);
	rc = store_item_copy(tx, co->id, uid, trash, &copy);
	store_tx_set_actor(tx, &device);
	return rc == RC_OK ? store_item_expunge(tx, co->id, uid) : rc;
}

static enum rc
apply_delete(struct eas_sync *s, struct eas_sync_collection *co, struct eas_sync_step *st,
             struct store_tx *tx)
{
	struct store_collection trash;
	enum rc rc;

	/* The trash is a mail folder: nobody could show a contact there. */
	if (co->deletes_as_moves && co->folder.class == STORE_CLASS_MAIL &&
	    co->folder.role != STORE_ROLE_TRASH) {
		rc = store_collection_find_role(tx, STORE_ROLE_TRASH, s->c->arena,
		                                &trash);
		if (rc == RC_OK)
			return move_to_trash(s, co, st->uid, trash.id, tx);
		if (rc != RC_NOT_FOUND)
			return rc;
	}
	return store_item_expunge(tx, co->id, st->uid);
}

/* RC_AGAIN: an item has moved on since its step was prepared, the request is to come
 * again; other failures are the step's own. */
static enum rc
apply(struct eas_sync *s, struct eas_sync_collection *co, struct eas_sync_step *st,
      struct store_tx *tx)
{
	struct eas_sync_result *r = st->result;
	enum rc rc;

	if (st->known)
		return RC_OK;
	if (r->status != EAS_STATUS_OK || r->sent)
		return RC_OK;
	if (st->is_edit && (r->kind != WBXML_AIRSYNC_DELETE || st->edit.has_content))
		rc = eas_sync_edit_apply(s, co, st, tx);
	else if (r->kind == WBXML_AIRSYNC_ADD)
		rc = apply_add(s, co, st, tx);
	else if (r->kind == WBXML_AIRSYNC_CHANGE)
		rc = apply_change(s, co, st, tx);
	else
		rc = apply_delete(s, co, st, tx);
	if (rc == RC_AGAIN)
		return rc;
	r->status = eas_status_from_rc(s->c->command, rc);
	return RC_OK;
}

static size_t
count_commands(const struct eas_sync_collection *co)
{
	size_t n = 0;

	for (const struct wbxml_node *i = co->commands->first; i; i = i->next)
		n++;
	return n;
}

/* Commands of the request as steps; a Fetch is no change and answered later. */
static size_t
list_steps(struct eas_sync *s, struct eas_sync_collection *co,
           struct eas_sync_step *steps)
{
	struct eas_sync_result **end = &co->results;
	size_t n = 0;

	for (const struct wbxml_node *i = co->commands->first; i; i = i->next) {
		struct eas_sync_result *r;

		if (i->tag != WBXML_AIRSYNC_ADD && i->tag != WBXML_AIRSYNC_CHANGE &&
		    i->tag != WBXML_AIRSYNC_DELETE)
			continue;
		r = arena_new_of(s->c->arena, struct eas_sync_result);
		r->kind = i->tag;
		r->node = i;
		r->hash = node_hash(i);
		r->status = EAS_STATUS_OK;
		steps[n].result = r;
		steps[n].known = recall(co, r);
		*end = r;
		end = &r->next;
		n++;
	}
	return n;
}

static enum rc
save_results(struct eas_sync *s, struct eas_sync_collection *co, struct store_tx *tx)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);
	char name[EAS_CURSOR_NAME_SIZE];

	eas_sync_results_write(co->key, co->results, &b);
	co->row.answer = arena_span(s->c->arena, buf_span(&b));
	return store_cursor_swap(tx, s->c->device.number, eas_cursor_name(co->id, name),
	                         &co->row);
}

static enum rc
run_steps(struct eas_sync *s, struct eas_sync_collection *co, struct eas_sync_step *steps,
          size_t n)
{
	AUTO(store_tx)
	struct store_tx *tx = NULL;
	bool news = false;
	enum rc rc;

	for (size_t i = 0; i < n; i++) {
		if (steps[i].known)
			continue;
		news = true;
		rc = prepare(s, co, steps, i, &steps[i]);
		if (rc == RC_AGAIN)
			return rc;
		steps[i].result->status = eas_status_from_rc(s->c->command, rc);
	}
	if (!news)
		return RC_OK;
	rc = eas_write(s->c, true, &tx);
	if (rc != RC_OK)
		return rc;
	for (size_t i = 0; i < n && rc == RC_OK; i++)
		rc = apply(s, co, &steps[i], tx);
	if (rc == RC_OK)
		rc = save_results(s, co, tx);
	return rc == RC_OK ? store_commit(&tx) : rc;
}

enum rc
eas_sync_client(struct eas_sync *s)
{
	enum rc rc = RC_OK;

	for (size_t i = 0; i < s->n && rc == RC_OK; i++) {
		struct eas_sync_collection *co = &s->collections[i];
		struct eas_sync_step *steps;
		size_t n;

		if (!co->commands || co->status != EAS_STATUS_OK)
			continue;
		if (co->match == EAS_SYNC_KEY_FIRST) {
			co->status = EAS_SYNC_PROTOCOL; /* 2.2.3.32: not with key 0 */
			continue;
		}
		steps = arena_array(s->c->arena, count_commands(co),
		                    struct eas_sync_step);
		n = list_steps(s, co, steps);
		if (n > 0)
			rc = run_steps(s, co, steps, n);
		for (size_t k = 0; k < n; k++)
			eas_sync_step_done(&steps[k]);
	}
	return rc;
}
