/* SPDX-License-Identifier: ISC
 *
 * eas_sync_server.c - what the device does not have yet: [MS-ASCMD] 2.2.3.32, 2.2.3.116.
 *
 * In this order: the changes of the log (new mail first of all), a shift of the time
 * window, then the initial hand-out, newest first; with ConversationMode what else there
 * is of conversations. The cursor always says exactly what was rendered, so that any cut
 * is a good one.
 */
#include "activesync/eas_gather.h"
#include "activesync/eas_id.h"
#include "activesync/eas_sms.h"
#include "activesync/eas_stuck.h"
#include "activesync/eas_sync.h"
#include "base/clock.h"
#include "store/store_thread.h"

#define BATCH 64
/* For a folder of which nobody asked for conversations before. */
#define NOTE_MS 10000

struct round {
	struct eas_sync *s;
	struct eas_sync_collection *co;
	struct store_tx *tx;
	size_t left; /* of the window */
	bool full;   /* no further item is begun */
	struct eas_gather gather;
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
write_item(struct round *r, wbxml_tag tag, const struct store_item *item)
{
	AUTO(arena)
	struct arena *a = arena_new();
	struct eas_sync_collection *co = r->co;
	struct wbxml_writer *w = &co->w;
	struct eas_id id = { item->collection, item->uid, 0 };
	struct eas_options less;
	const struct eas_options *o = &co->cursor.options;
	char text[EAS_ID_SIZE];
	enum rc rc;

	if (co->cursor.gathers && item->received_ms < co->cursor.window_from) {
		less = eas_gather_options(o);
		o = &less;
	}
	wbxml_start(w, tag);
	wbxml_str(w, WBXML_AIRSYNC_SERVERID, eas_id_str(id, 2, text));
	if (co->class == &eas_class_email && eas_sms_is(item))
		wbxml_str(w, WBXML_AIRSYNC_CLASS, "SMS");
	wbxml_start(w, WBXML_AIRSYNC_APPLICATIONDATA);
	rc = eas_class_write(r->s->c, co->class, tag == WBXML_AIRSYNC_CHANGE, r->tx, item,
	                     o, r->s->c->eas->conf->response_max, a, w);
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

/* Text messages are for those who ask for them. */
static bool
is_unwanted(const struct eas_sync_collection *co, enum eas_verdict v,
            const struct store_item *item)
{
	return (v == EAS_VERDICT_ADD || v == EAS_VERDICT_CHANGE) &&
	       !co->cursor.options.sms && co->class == &eas_class_email &&
	       eas_sms_is(item);
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
	if (v == EAS_VERDICT_SKIP || is_unwanted(co, v, item))
		return RC_OK;
	if ((v == EAS_VERDICT_ADD || v == EAS_VERDICT_CHANGE) &&
	    eas_stuck_is_aside(&co->cursor, item->uid))
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
		rc = write_item(r, WBXML_AIRSYNC_ADD, item);
	else if (v == EAS_VERDICT_CHANGE)
		rc = write_item(r, WBXML_AIRSYNC_CHANGE, item);
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
	co->last_uid = v == EAS_VERDICT_ADD || v == EAS_VERDICT_CHANGE ? item->uid : 0;
	if (v == EAS_VERDICT_DELETE)
		eas_stuck_forget(&co->cursor, item->uid);
	if (v == EAS_VERDICT_DELETE || v == EAS_VERDICT_SOFT_DELETE)
		eas_gather_drop(&co->cursor, item->uid);
	return RC_OK;
}

/* Items that were set aside, and that an admin wants to be tried again. */
static enum rc
serve_again(struct round *r)
{
	struct eas_cursor *cur = &r->co->cursor;

	while (cur->n_again > 0 && !r->full) {
		AUTO(arena)
		struct arena *a = arena_new();
		uint32_t uid = cur->again[0];
		struct store_item item;
		bool done = true;
		enum rc rc = store_item_load(r->tx, r->co->id, uid, a, &item);

		if (rc == RC_OK && !eas_cursor_is_ahead(cur, &item))
			rc = emit(r, EAS_VERDICT_ADD, &item, &done);
		if (rc != RC_OK && rc != RC_NOT_FOUND)
			return rc;
		if (done)
			eas_stuck_forget(cur, uid);
	}
	return RC_OK;
}

/* What leaves the window and stays on the device, since its conversation reaches in; what
 * enters it and is there already. */
static void
keep_leaving(struct round *r, const struct store_item *item)
{
	struct eas_cursor *cur = &r->co->cursor;

	if (eas_cursor_is_backfilled_later(cur, item))
		return;
	if (cur->edge == EAS_EDGE_ENTER)
		eas_gather_drop(cur, item->uid);
	else if (eas_cursor_judge_edge(cur, &r->gather, item) == EAS_VERDICT_SKIP)
		eas_gather_add(cur, item->uid, r->s->c->arena);
}

static enum rc
serve_edge(struct round *r)
{
	struct eas_cursor *cur = &r->co->cursor;
	enum rc rc;

	while (cur->edge != EAS_EDGE_NONE && !r->full) {
		AUTO(arena)
		struct arena *a = arena_new();
		struct store_item *items;
		size_t n;

		rc = store_items_received(r->tx, r->co->id, cur->edge_modseq,
		                          cur->edge_from, cur->edge_to, cur->edge_uid,
		                          BATCH, a, &items, &n);
		if (rc != RC_OK)
			return rc;
		if (n == 0)
			cur->edge = EAS_EDGE_NONE;
		for (size_t i = 0; i < n; i++) {
			bool done;

			rc = emit(r, eas_cursor_judge_edge(cur, &r->gather, &items[i]),
			          &items[i], &done);
			if (rc != RC_OK)
				return rc;
			if (!done)
				break;
			keep_leaving(r, &items[i]);
			cur->edge_uid = items[i].uid;
		}
	}
	if (cur->edge == EAS_EDGE_NONE) {
		cur->low = cur->window_from;
		cur->edge_gathers = false;
	}
	return RC_OK;
}

/* Items that the device moved here and does not know quite as they are. */
static enum rc
serve_moved(struct round *r)
{
	struct eas_cursor *cur = &r->co->cursor;

	while (cur->n_recheck > 0 && !r->full) {
		AUTO(arena)
		struct arena *a = arena_new();
		uint32_t uid = cur->recheck[0];
		struct store_item item;
		enum rc rc = store_item_load(r->tx, r->co->id, uid, a, &item);
		bool done = true;

		if (rc == RC_OK)
			rc = emit(r, eas_cursor_judge_moved(cur, &item), &item, &done);
		else if (rc == RC_NOT_FOUND) {
			item = (struct store_item){ .collection = r->co->id, .uid = uid };
			rc = emit(r, EAS_VERDICT_DELETE, &item, &done);
		}
		if (rc != RC_OK)
			return rc;
		if (done)
			eas_cursor_drop_recheck(cur, uid);
	}
	return RC_OK;
}

static enum rc
serve_changes(struct round *r)
{
	struct eas_cursor *cur = &r->co->cursor;
	bool more = true;
	enum rc rc;

	while (more && !r->full) {
		AUTO(arena)
		struct arena *a = arena_new();
		struct store_change_query q = {
			.collection = r->co->id,
			.since = cur->modseq,
			.limit = BATCH,
			.not_by_device = r->s->c->device.number,
		};
		struct store_change *changes;
		uint64_t next;
		size_t n;

		rc = store_changes(r->tx, &q, a, &changes, &n, &next, &more);
		if (rc != RC_OK)
			return rc;
		for (size_t i = 0; i < n; i++) {
			bool done;

			rc = emit(r, eas_cursor_judge(cur, &changes[i]), &changes[i].item,
			          &done);
			if (rc != RC_OK)
				return rc;
			if (!done) {
				next = changes[i].modseq - 1;
				break;
			}
		}
		if (next > cur->modseq)
			cur->modseq = next;
	}
	if (!r->full && cur->edge == EAS_EDGE_NONE)
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

/* One of the list that should not be there any more. */
static enum rc
let_go(struct round *r, uint32_t uid, bool *ret_done)
{
	AUTO(arena)
	struct arena *a = arena_new();
	struct eas_cursor *cur = &r->co->cursor;
	struct store_item item;
	enum rc rc = store_item_load(r->tx, r->co->id, uid, a, &item);

	*ret_done = true;
	if (rc == RC_OK && item.received_ms < cur->window_from)
		rc = emit(r, EAS_VERDICT_SOFT_DELETE, &item, ret_done);
	if (rc != RC_OK && rc != RC_NOT_FOUND)
		return rc;
	if (*ret_done) /* gone by its own doing, or of the window now */
		eas_gather_drop(cur, uid);
	return RC_OK;
}

static enum rc
gather(struct round *r, uint32_t uid, bool *ret_done)
{
	AUTO(arena)
	struct arena *a = arena_new();
	struct store_item item;
	enum rc rc = store_item_load(r->tx, r->co->id, uid, a, &item);

	*ret_done = true;
	if (rc == RC_OK)
		rc = emit(r, EAS_VERDICT_ADD, &item, ret_done);
	if (rc == RC_OK && *ret_done)
		eas_gather_add(&r->co->cursor, uid, r->s->c->arena);
	return rc == RC_NOT_FOUND ? RC_OK : rc;
}

/* MS-ASCON 3.1.4.9, when all else has been told: newest first. */
static enum rc
serve_gathered(struct round *r)
{
	struct eas_cursor *cur = &r->co->cursor;
	bool done = true;
	enum rc rc = RC_OK;

	if (!r->gather.is_due)
		return RC_OK;
	for (size_t i = cur->n_gathered; rc == RC_OK && done && i-- > 0;) {
		if (!eas_gather_wants(&r->gather, cur->gathered[i]))
			rc = let_go(r, cur->gathered[i], &done);
	}
	for (size_t i = r->gather.n; rc == RC_OK && done && i-- > 0;) {
		if (!eas_gather_has(cur, r->gather.uids[i]))
			rc = gather(r, r->gather.uids[i], &done);
	}
	if (rc == RC_OK && done)
		eas_gather_done(cur, r->tx);
	return rc;
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
	if (co->match == EAS_SYNC_KEY_CURRENT &&
	    co->cursor.loop.replays + co->cursor.loop.cap > 0)
		eas_stuck_went_on(&co->cursor, co->window);
	if (co->cursor.loop.cap > 0 && r.left > co->cursor.loop.cap)
		r.left = co->cursor.loop.cap;
	if (r.left == 0 || s->bytes >= s->c->eas->conf->response_max) {
		size_t n;

		/* No room is left: only say whether there is more. */
		rc = eas_cursor_pending(tx, &co->cursor, co->id, s->c->device.number, 1,
		                        true, &n);
		co->more = rc == RC_OK && n > 0;
		return forgotten(co, rc);
	}
	if (eas_cursor_is_fresh(&co->cursor)) /* nothing that could leave the window */
		eas_cursor_shift_window(&co->cursor, clock_wall_ms());
	rc = serve_changes(&r);
	if (rc == RC_OK && !r.full)
		rc = serve_moved(&r);
	if (rc == RC_OK && !r.full)
		rc = serve_again(&r);
	if (rc == RC_OK && !r.full && !co->is_unread) {
		eas_cursor_shift_window(&co->cursor, clock_wall_ms());
		rc = eas_gather_load(tx, &co->cursor, co->id, s->c->arena, &r.gather);
	}
	if (rc == RC_OK && !r.full && !co->is_unread)
		rc = serve_edge(&r);
	if (rc == RC_OK && !r.full)
		rc = serve_backfill(&r);
	if (rc == RC_OK && !r.full && !co->is_unread)
		rc = serve_gathered(&r);
	if (rc != RC_OK)
		return forgotten(co, rc);
	if (co->commands_open)
		wbxml_end(&co->w);
	if (!buf_ok(&co->out))
		return RC_TOO_BIG;
	s->window -= (uint32_t)co->n_out;
	s->bytes += buf_len(&co->out);
	co->more = r.full || co->is_unread;
	return RC_OK;
}

enum rc
eas_sync_note_threads(struct eas_call *c, const struct eas_cursor *cur,
                      uint32_t collection, bool *ret_done)
{
	*ret_done = true;
	if (!cur->gathers || eas_filter_from(cur->options.filter, clock_wall_ms()) == 0)
		return RC_OK;
	return store_thread_catch_up(c->eas->deps.store, c->user.id, collection, NOTE_MS,
	                             ret_done);
}
