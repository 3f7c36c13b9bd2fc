/* SPDX-License-Identifier: ISC
 *
 * eas_sync_server.c - what the device does not have yet: [MS-ASCMD] 2.2.3.32, 2.2.3.116.
 *
 * In this order: a shift of the time window, the changes of the log (new mail first of
 * all), then the initial hand-out, newest first. The cursor always says exactly what was
 * rendered, so that any cut is a good one.
 */
#include "activesync/eas_email.h"
#include "activesync/eas_id.h"
#include "activesync/eas_sync.h"
#include "base/clock.h"

#define BATCH 64

struct round {
	struct eas_sync *s;
	struct eas_sync_collection *co;
	struct store_tx *tx;
	size_t left; /* of the window */
	bool full;   /* no further item is begun */
};

static void
begin_commands(struct eas_sync_collection *co)
{
	if (co->commands_open)
		return;
	wbxml_start(&co->w, WBXML_AIRSYNC_COMMANDS);
	co->commands_open = true;
}

/* An answer holds at least one item, however large; after that response_max counts. */
static bool
is_over(const struct round *r, size_t before)
{
	return r->s->bytes + buf_len(&r->co->out) > r->s->c->eas->conf->response_max &&
	       (before > 0 || r->s->bytes > 0);
}

static enum rc
write_item(struct round *r, wbxml_tag tag, const struct store_item *item, bool whole)
{
	AUTO(arena)
	struct arena *a = arena_new();
	struct eas_sync_collection *co = r->co;
	struct wbxml_writer *w = &co->w;
	struct eas_id id = { item->collection, item->uid, 0 };
	char text[EAS_ID_SIZE];
	enum rc rc = RC_OK;

	wbxml_start(w, tag);
	wbxml_str(w, WBXML_AIRSYNC_SERVERID, eas_id_str(id, 2, text));
	wbxml_start(w, WBXML_AIRSYNC_APPLICATIONDATA);
	if (whole)
		rc = eas_email_write(r->s->c, r->tx, item, &co->cursor.options,
		                     r->s->c->eas->conf->response_max, a, w);
	else
		eas_email_write_change(r->s->c, item, a, w);
	wbxml_end(w);
	wbxml_end(w);
	return rc;
}

static void
write_delete(struct round *r, wbxml_tag tag, uint32_t uid)
{
	struct eas_id id = { r->co->id, uid, 0 };
	char text[EAS_ID_SIZE];

	wbxml_start(&r->co->w, tag);
	wbxml_str(&r->co->w, WBXML_AIRSYNC_SERVERID, eas_id_str(id, 2, text));
	wbxml_end(&r->co->w);
}

/*
 * Renders one verdict; *ret_done false: it did not fit and the round is full. An item
 * that cannot be read is named in the log and left out, so that it does not hold up the
 * others.
 */
static enum rc
emit(struct round *r, enum eas_verdict v, const struct store_item *item, bool *ret_done)
{
	struct eas_sync_collection *co = r->co;
	struct wbxml_mark mark;
	bool opened = co->commands_open;
	size_t before;
	enum rc rc = RC_OK;

	*ret_done = true;
	if (v == EAS_VERDICT_SKIP)
		return RC_OK;
	if (r->full || r->left == 0) {
		r->full = true;
		*ret_done = false;
		return RC_OK;
	}
	before = co->n_out;
	mark = wbxml_mark(&co->w);
	begin_commands(co);
	if (v == EAS_VERDICT_ADD)
		rc = write_item(r, WBXML_AIRSYNC_ADD, item, true);
	else if (v == EAS_VERDICT_CHANGE)
		rc = write_item(r, WBXML_AIRSYNC_CHANGE, item,
		                (item->flags & STORE_FLAG_DRAFT) != 0);
	else
		write_delete(r,
		             v == EAS_VERDICT_DELETE ? WBXML_AIRSYNC_DELETE
		                                     : WBXML_AIRSYNC_SOFTDELETE,
		             item->uid);
	if (rc != RC_OK || is_over(r, before)) {
		wbxml_rewind(&co->w, mark);
		co->commands_open = opened;
		if (rc == RC_INVALID || rc == RC_NOT_FOUND) {
			log_warn(r->s->c->log, "eas.sync item set aside",
			         "collection=%u uid=%u why=%s", co->id, item->uid,
			         LOG_STR(span_str(rc_str(rc))));
			return RC_OK;
		}
		if (rc != RC_OK)
			return rc;
		r->full = true;
		*ret_done = false;
		return RC_OK;
	}
	co->n_out++;
	r->left--;
	return RC_OK;
}

/* Starts a shift when the window of the filter has moved since the device was told. */
static void
begin_edge(struct eas_cursor *cur)
{
	int64_t from = eas_filter_from(cur->options.filter, clock_wall_ms());

	if (cur->edge != EAS_EDGE_NONE || from == cur->window_from)
		return;
	if (cur->backfilling && cur->backfill_uid == 0 && cur->modseq == cur->snapshot) {
		cur->window_from = cur->low = from; /* nothing was handed out yet */
		return;
	}
	cur->edge = from > cur->window_from ? EAS_EDGE_LEAVE : EAS_EDGE_ENTER;
	cur->edge_from = from < cur->window_from ? from : cur->window_from;
	cur->edge_to = from < cur->window_from ? cur->window_from : from;
	cur->edge_uid = 0;
	cur->window_from = from;
	if (from < cur->low)
		cur->low = from;
}

static enum rc
serve_edge(struct round *r)
{
	struct eas_cursor *cur = &r->co->cursor;
	enum rc rc;

	begin_edge(cur);
	while (cur->edge != EAS_EDGE_NONE && !r->full) {
		AUTO(arena)
		struct arena *a = arena_new();
		struct store_item *items;
		size_t n;

		rc = store_items_received(r->tx, r->co->id, cur->modseq, cur->edge_from,
		                          cur->edge_to, cur->edge_uid, BATCH, a, &items,
		                          &n);
		if (rc != RC_OK)
			return rc;
		if (n == 0)
			cur->edge = EAS_EDGE_NONE;
		for (size_t i = 0; i < n; i++) {
			bool done;

			rc = emit(r,
			          eas_cursor_is_ahead(cur, &items[i]) ? EAS_VERDICT_SKIP
			          : cur->edge == EAS_EDGE_LEAVE ? EAS_VERDICT_SOFT_DELETE
			                                        : EAS_VERDICT_ADD,
			          &items[i], &done);
			if (rc != RC_OK)
				return rc;
			if (!done)
				break;
			cur->edge_uid = items[i].uid;
		}
	}
	return RC_OK;
}

/* Items that the device made and somebody expunged before the log came to them. */
static enum rc
serve_mine(struct round *r)
{
	struct eas_cursor *cur = &r->co->cursor;

	for (size_t i = cur->n_mine; i-- > 0 && !r->full;) {
		AUTO(arena)
		struct arena *a = arena_new();
		struct store_item item = { .collection = r->co->id, .uid = cur->mine[i] };
		enum rc rc = store_item_load(r->tx, r->co->id, cur->mine[i], a, &item);
		bool done = true;

		if (rc == RC_NOT_FOUND) {
			item.uid = cur->mine[i];
			rc = emit(r, EAS_VERDICT_DELETE, &item, &done);
		} else if (rc == RC_OK && item.created > cur->modseq) {
			continue;
		}
		if (rc != RC_OK)
			return rc;
		if (done)
			eas_cursor_drop_mine(cur, cur->mine[i]);
	}
	return RC_OK;
}

static enum rc
serve_changes(struct round *r)
{
	struct eas_cursor *cur = &r->co->cursor;
	uint32_t device = r->s->c->device.number;
	bool more = true;
	enum rc rc;

	while (more && !r->full) {
		AUTO(arena)
		struct arena *a = arena_new();
		struct store_change_query q = {
			.collection = r->co->id,
			.since = cur->modseq,
			.limit = BATCH,
		};
		struct store_change *changes;
		uint64_t next;
		size_t n;

		rc = store_changes(r->tx, &q, a, &changes, &n, &next, &more);
		if (rc != RC_OK)
			return rc;
		for (size_t i = 0; i < n; i++) {
			bool done;

			rc = emit(r, eas_cursor_judge(cur, &changes[i], device),
			          &changes[i].item, &done);
			if (rc != RC_OK)
				return rc;
			if (!done) {
				next = changes[i].modseq - 1;
				break;
			}
		}
		/* judge() looks at modseq: it moves only behind the batch. */
		if (next > cur->modseq)
			cur->modseq = next;
	}
	if (!r->full)
		cur->low = cur->window_from;
	return RC_OK;
}

static enum rc
serve_backfill(struct round *r)
{
	struct eas_cursor *cur = &r->co->cursor;
	enum rc rc;

	while (cur->backfilling && !r->full) {
		AUTO(arena)
		struct arena *a = arena_new();
		struct store_item *items;
		size_t n;
		bool more;

		rc = store_backfill(r->tx, r->co->id, cur->snapshot, cur->backfill_uid,
		                    cur->window_from,
		                    r->left < BATCH ? r->left + 1 : BATCH, a, &items, &n,
		                    &more);
		if (rc != RC_OK)
			return rc;
		for (size_t i = 0; i < n; i++) {
			bool done;

			rc = emit(r, EAS_VERDICT_ADD, &items[i], &done);
			if (rc != RC_OK)
				return rc;
			if (!done)
				return RC_OK;
			cur->backfill_uid = items[i].uid;
		}
		if (!more)
			cur->backfilling = false;
	}
	return RC_OK;
}

/* The log does not reach back to the cursor any more: the device starts afresh. */
static enum rc
forgotten(struct eas_sync_collection *co, enum rc rc)
{
	if (rc != RC_CONFLICT)
		return rc;
	co->status = EAS_SYNC_BAD_KEY;
	return RC_OK;
}

enum rc
eas_sync_server(struct eas_sync *s, struct eas_sync_collection *co, struct store_tx *tx)
{
	struct round r = { .s = s, .co = co, .tx = tx };
	enum rc rc;

	r.left = co->window < s->window ? co->window : s->window;
	if (r.left == 0 || s->bytes >= s->c->eas->conf->response_max) {
		size_t n;

		/* No room is left: only say whether there is more. */
		rc = eas_cursor_pending(tx, &co->cursor, co->id, s->c->device.number, 1,
		                        true, &n);
		co->more = rc == RC_OK && n > 0;
		return forgotten(co, rc);
	}
	rc = serve_edge(&r);
	if (rc == RC_OK && !r.full)
		rc = serve_changes(&r);
	if (rc == RC_OK && !r.full)
		rc = serve_mine(&r);
	if (rc == RC_OK && !r.full)
		rc = serve_backfill(&r);
	if (rc != RC_OK)
		return forgotten(co, rc);
	if (co->commands_open)
		wbxml_end(&co->w);
	if (!buf_ok(&co->out))
		return RC_TOO_BIG;
	s->window -= (uint32_t)co->n_out;
	s->bytes += buf_len(&co->out);
	co->more = r.full;
	return RC_OK;
}
