/* SPDX-License-Identifier: ISC
 *
 * eas_sync_edit.c - a client's Add, Change and Delete of what is not mail: the class
 * makes the new bytes, outside of the transaction; inside it is checked that they were
 * made of the item as it is.
 */
#include <inttypes.h>

#include "activesync/eas_send.h"
#include "activesync/eas_sync_step.h"

#define BASE_MAX (64 << 20)

bool
eas_sync_step_is_instance(const struct eas_sync_step *st)
{
	return wbxml_child(st->result->node, WBXML_AIRSYNCBASE_INSTANCEID) != NULL;
}

void
eas_sync_step_done(struct eas_sync_step *st)
{
	store_content_free(st->content);
	buf_done(&st->edit.content);
}

/* Was the item changed by others since the device saw it? MS-ASCMD 2.2.3.34 */
static bool
is_conflict(const struct eas_sync *s, const struct eas_sync_collection *co,
            const struct store_item *item)
{
	uint64_t by_others =
		item->writer == s->c->device.number ? item->writer_saw : item->modseq;

	return co->cursor.options.conflict == 1 && by_others > co->cursor.modseq;
}

/* The bytes that the command changes: those that an earlier one has made, or the item's.
 */
static enum rc
load_base(struct eas_edit_request *q, const struct eas_sync_step *before, size_t n_before,
          struct eas_sync_step *st)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(BASE_MAX);
	enum rc rc;

	for (size_t i = n_before; i > 0; i--) {
		const struct eas_sync_step *e = &before[i - 1];

		if (e->uid != st->uid || e->known || !e->is_edit)
			continue;
		st->is_chained = true;
		if (e->edit.has_content) {
			q->base = buf_span(&e->edit.content);
			return RC_OK;
		}
	}
	rc = store_content_read(q->tx, q->old->content, 0, q->old->size, &b);
	if (rc == RC_OK && !buf_ok(&b))
		rc = RC_TOO_BIG;
	if (rc == RC_OK)
		q->base = arena_span(q->c->arena, buf_span(&b));
	return rc;
}

static enum rc
send_mail(struct eas_sync *s, struct eas_sync_collection *co, struct eas_sync_step *st)
{
	unsigned i = 0;
	enum rc rc = RC_OK;

	for (const struct eas_edit_mail *m = st->edit.mail; m && rc == RC_OK;
	     m = m->next) {
		struct eas_send q = { .message = m->message, .save = true };
		char *id =
			arena_printf(s->c->arena, "edit:%u:%" PRIu64 ":%016" PRIx64 ":%u",
		                     co->id, co->key, st->result->hash, i++);

		/* Dates in it differ when it is made again; the command does not. */
		q.client_id = q.fingerprint = span_str(id);
		rc = eas_send_once(s->c, &q);
		if (rc == RC_INVALID || rc == RC_DENIED || rc == RC_TOO_BIG) {
			log_warn(s->c->log, "eas.sync mail of an edit not sent",
			         "collection=%u uid=%u why=%s", co->id, st->uid,
			         LOG_STR(span_str(rc_str(rc))));
			rc = RC_OK; /* the item is right, whoever hears of it */
		}
	}
	return rc;
}

enum rc
eas_sync_edit_prepare(struct eas_sync *s, struct eas_sync_collection *co,
                      const struct eas_sync_step *before, size_t n_before,
                      struct eas_sync_step *st)
{
	const struct wbxml_node *n = st->result->node;
	AUTO(store_tx)
	struct store_tx *tx = NULL;
	struct store_item old;
	struct eas_edit_request q = {
		.c = s->c,
		.folder = &co->folder,
		.cursor = &co->cursor,
		.command = n,
		.data = wbxml_child(n, WBXML_AIRSYNC_APPLICATIONDATA),
	};
	enum rc rc;

	st->is_edit = true;
	if (!q.data && st->result->kind != WBXML_AIRSYNC_DELETE)
		return RC_INVALID;
	rc = eas_read(s->c, &tx);
	q.tx = tx;
	if (rc == RC_OK && st->uid != 0) {
		rc = store_item_load(tx, co->id, st->uid, s->c->arena, &old);
		q.old = &old;
		if (rc == RC_OK && is_conflict(s, co, &old))
			rc = RC_CONFLICT;
		if (rc == RC_OK)
			rc = load_base(&q, before, n_before, st);
		st->base = old.modseq;
	}
	if (rc == RC_OK)
		rc = co->class->edit(&q, &st->edit);
	store_tx_free(TAKE(tx));
	if (rc == RC_OK && !buf_ok(&st->edit.content))
		rc = RC_TOO_BIG;
	if (rc == RC_OK && st->edit.has_content)
		rc = store_content_new(s->c->eas->deps.store, buf_span(&st->edit.content),
		                       SPAN(""), &st->content);
	return rc == RC_OK ? send_mail(s, co, st) : rc;
}

static enum rc
add(struct eas_sync_collection *co, struct eas_sync_step *st, struct store_tx *tx)
{
	const struct eas_edit *e = &st->edit;
	struct store_item_new item = {
		.flags = e->flags_on,
		.received_ms = e->received_ms,
	};

	if (!st->content)
		return RC_INVALID;
	item.keywords = SPAN("");
	item.props = e->set_props ? e->props : SPAN("");
	item.object = e->set_object ? e->object : SPAN("");
	item.client_id = wbxml_child_text(st->result->node, WBXML_AIRSYNC_CLIENTID);
	item.client_turn = co->key;
	item.client_print = st->result->hash;
	return store_item_add(tx, co->id, st->content, &item, &st->result->uid, NULL);
}

enum rc
eas_sync_edit_apply(struct eas_sync *s, struct eas_sync_collection *co,
                    struct eas_sync_step *st, struct store_tx *tx)
{
	const struct eas_edit *e = &st->edit;
	struct store_item_change ch = {
		.flags_on = e->flags_on,
		.flags_off = e->flags_off,
		.set_props = e->set_props,
		.props = e->props,
		.content = st->content,
		.set_received = e->set_received,
		.received_ms = e->received_ms,
		.set_object = e->set_object,
		.object = e->object,
	};
	struct store_item item;
	enum rc rc;

	if (st->result->kind == WBXML_AIRSYNC_ADD)
		return add(co, st, tx);
	rc = store_item_load(tx, co->id, st->uid, s->c->arena, &item);
	if (rc != RC_OK)
		return rc;
	if (is_conflict(s, co, &item))
		return RC_CONFLICT;
	if (!st->is_chained && item.modseq != st->base)
		return RC_AGAIN;
	return store_item_update(tx, co->id, st->uid, &ch, NULL);
}
