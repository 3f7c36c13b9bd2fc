/* SPDX-License-Identifier: ISC
 *
 * eas_cursor.c - what a device has of one collection.
 */
#include "activesync/eas_cursor.h"

#include <assert.h>
#include <stdio.h>

#include "activesync/eas_class.h"
#include "activesync/eas_gather.h"
#include "activesync/eas_pack.h"
#include "activesync/eas_stuck.h"
#include "base/clock.h"

#define FORMAT 3
#define DAY_MS INT64_C(86400000)
#define BATCH 128

void
eas_cursor_start(struct eas_cursor *cur, uint64_t snapshot)
{
	*cur = (struct eas_cursor){
		.modseq = snapshot,
		.snapshot = snapshot,
		.backfilling = true,
		.options = EAS_OPTIONS_DEFAULT,
	};
}

bool
eas_cursor_is_fresh(const struct eas_cursor *cur)
{
	return cur->backfilling && cur->backfill_uid == 0 &&
	       cur->modseq == cur->snapshot && cur->n_recheck == 0;
}

/* Not there at all for the many devices that have no trouble. */
static void
write_stuck(const struct eas_cursor *cur, struct buf *out)
{
	const struct eas_loop *l = &cur->loop;

	bool has_more = cur->gathers || cur->n_gathered > 0 || cur->edge_gathers;

	if (l->replays == 0 && l->cap == 0 && cur->n_aside == 0 && cur->n_again == 0 &&
	    !has_more)
		return;
	eas_pack_u64(out, l->replays);
	eas_pack_u64(out, l->alone);
	eas_pack_u64(out, l->n);
	eas_pack_u64(out, l->uid);
	eas_pack_u64(out, l->cap);
	eas_pack_i64(out, l->since_ms);
	eas_pack_u64(out, cur->n_aside);
	for (size_t i = 0; i < cur->n_aside; i++)
		eas_pack_u64(out, cur->aside[i]);
	eas_pack_u64(out, cur->n_again);
	for (size_t i = 0; i < cur->n_again; i++)
		eas_pack_u64(out, cur->again[i]);
	if (has_more)
		eas_gather_write(cur, out);
}

static uint32_t *
read_uids(struct eas_unpack *u, struct arena *a, size_t *ret_n)
{
	uint32_t *list;

	*ret_n = eas_unpack_u64(u);
	if (u->failed || *ret_n > EAS_ASIDE_MAX) {
		u->failed = true;
		*ret_n = 0;
	}
	list = arena_array(a, *ret_n, uint32_t);
	for (size_t i = 0; i < *ret_n; i++)
		list[i] = eas_unpack_u32(u);
	return list;
}

static void
read_stuck(struct eas_unpack *u, struct arena *a, struct eas_cursor *cur)
{
	struct eas_loop *l = &cur->loop;

	if (u->failed || u->rest.n == 0)
		return;
	l->replays = eas_unpack_u32(u);
	l->alone = eas_unpack_u32(u);
	l->n = eas_unpack_u32(u);
	l->uid = eas_unpack_u32(u);
	l->cap = eas_unpack_u32(u);
	l->since_ms = eas_unpack_i64(u);
	cur->aside = read_uids(u, a, &cur->n_aside);
	cur->again = read_uids(u, a, &cur->n_again);
	if (!u->failed && u->rest.n > 0)
		eas_gather_read(u, a, cur);
}

static void
write_pref(const struct eas_body_pref *p, struct buf *out)
{
	eas_pack_u64(out, p->type);
	eas_pack_u64(out, p->truncation);
	eas_pack_u64(out, p->all_or_none);
	eas_pack_u64(out, p->preview);
}

void
eas_cursor_write(const struct eas_cursor *cur, struct buf *out)
{
	const struct eas_options *o = &cur->options;

	eas_pack_u64(out, FORMAT);
	eas_pack_u64(out, cur->modseq);
	eas_pack_u64(out, cur->backfilling);
	if (cur->backfilling) {
		eas_pack_u64(out, cur->snapshot);
		eas_pack_u64(out, cur->backfill_uid);
	}
	eas_pack_i64(out, cur->window_from);
	eas_pack_i64(out, cur->low);
	eas_pack_u64(out, cur->edge);
	if (cur->edge != EAS_EDGE_NONE) {
		eas_pack_i64(out, cur->edge_from);
		eas_pack_i64(out, cur->edge_to);
		eas_pack_u64(out, cur->edge_modseq);
		eas_pack_u64(out, cur->edge_uid);
	}
	eas_pack_u64(out, o->filter);
	eas_pack_u64(out, o->mime_support);
	eas_pack_u64(out, o->mime_truncation);
	eas_pack_u64(out, o->conflict);
	eas_pack_u64(out, o->n_prefs);
	for (size_t i = 0; i < o->n_prefs; i++)
		write_pref(&o->prefs[i], out);
	eas_pack_u64(out, o->sms);
	eas_pack_u64(out, o->part.type != 0);
	if (o->part.type != 0)
		write_pref(&o->part, out);
	eas_pack_u64(out, cur->n_recheck);
	for (size_t i = 0; i < cur->n_recheck; i++)
		eas_pack_u64(out, cur->recheck[i]);
	eas_pack_u64(out, cur->has_supported);
	eas_pack_u64(out, cur->n_supported);
	for (size_t i = 0; i < cur->n_supported; i++)
		eas_pack_u64(out, cur->supported[i]);
	write_stuck(cur, out);
}

static void
read_pref(struct eas_unpack *u, struct eas_body_pref *p)
{
	p->type = (uint8_t)eas_unpack_u64(u);
	p->truncation = eas_unpack_u32(u);
	p->all_or_none = eas_unpack_u64(u) != 0;
	p->preview = (uint16_t)eas_unpack_u64(u);
}

static void
read_options(struct eas_unpack *u, struct eas_options *o)
{
	o->filter = (uint8_t)eas_unpack_u64(u);
	o->mime_support = (uint8_t)eas_unpack_u64(u);
	o->mime_truncation = (uint8_t)eas_unpack_u64(u);
	o->conflict = (uint8_t)eas_unpack_u64(u);
	o->n_prefs = eas_unpack_u64(u);
	if (o->n_prefs > EAS_BODY_PREFS_MAX) {
		u->failed = true;
		o->n_prefs = 0;
	}
	for (size_t i = 0; i < o->n_prefs; i++)
		read_pref(u, &o->prefs[i]);
	o->sms = eas_unpack_u64(u) != 0;
	if (eas_unpack_u64(u) != 0)
		read_pref(u, &o->part);
}

enum rc
eas_cursor_read(struct span state, struct arena *a, struct eas_cursor *ret)
{
	struct eas_unpack u = { .rest = state };
	struct eas_cursor cur = { 0 };

	if (eas_unpack_u64(&u) != FORMAT)
		return RC_INVALID;
	cur.modseq = eas_unpack_u64(&u);
	cur.backfilling = eas_unpack_u64(&u) != 0;
	if (cur.backfilling) {
		cur.snapshot = eas_unpack_u64(&u);
		cur.backfill_uid = eas_unpack_u32(&u);
	}
	cur.window_from = eas_unpack_i64(&u);
	cur.low = eas_unpack_i64(&u);
	cur.edge = (enum eas_edge)eas_unpack_u64(&u);
	if (cur.edge > EAS_EDGE_ENTER)
		return RC_INVALID;
	if (cur.edge != EAS_EDGE_NONE) {
		cur.edge_from = eas_unpack_i64(&u);
		cur.edge_to = eas_unpack_i64(&u);
		cur.edge_modseq = eas_unpack_u64(&u);
		cur.edge_uid = eas_unpack_u32(&u);
	}
	read_options(&u, &cur.options);
	cur.n_recheck = eas_unpack_u64(&u);
	if (u.failed || cur.n_recheck > EAS_RECHECK_MAX)
		return RC_INVALID;
	cur.recheck = arena_array(a, cur.n_recheck, uint32_t);
	for (size_t i = 0; i < cur.n_recheck; i++)
		cur.recheck[i] = eas_unpack_u32(&u);
	cur.has_supported = eas_unpack_u64(&u) != 0;
	cur.n_supported = eas_unpack_u64(&u);
	if (u.failed || cur.n_supported > EAS_SUPPORTED_MAX)
		return RC_INVALID;
	cur.supported = arena_array(a, cur.n_supported, uint32_t);
	for (size_t i = 0; i < cur.n_supported; i++)
		cur.supported[i] = eas_unpack_u32(&u);
	read_stuck(&u, a, &cur);
	if (u.failed || u.rest.n > 0)
		return RC_INVALID;
	*ret = cur;
	return RC_OK;
}

const char *
eas_cursor_name(uint32_t collection, char ret[EAS_CURSOR_NAME_SIZE])
{
	snprintf(ret, EAS_CURSOR_NAME_SIZE, "sync/%u", collection);
	return ret;
}

/* Index of the first uid of recheck that is not below uid. */
static size_t
recheck_place(const struct eas_cursor *cur, uint32_t uid)
{
	size_t i = 0;

	while (i < cur->n_recheck && cur->recheck[i] < uid)
		i++;
	return i;
}

void
eas_cursor_add_recheck(struct eas_cursor *cur, uint32_t uid, struct arena *a)
{
	size_t i = recheck_place(cur, uid);
	uint32_t *list;

	if ((i < cur->n_recheck && cur->recheck[i] == uid) ||
	    cur->n_recheck >= EAS_RECHECK_MAX)
		return;
	list = arena_array(a, cur->n_recheck + 1, uint32_t);
	for (size_t k = 0; k < cur->n_recheck; k++)
		list[k + (k >= i)] = cur->recheck[k];
	list[i] = uid;
	cur->recheck = list;
	cur->n_recheck++;
}

void
eas_cursor_drop_recheck(struct eas_cursor *cur, uint32_t uid)
{
	size_t i = recheck_place(cur, uid);

	if (i >= cur->n_recheck || cur->recheck[i] != uid)
		return;
	cur->n_recheck--;
	for (; i < cur->n_recheck; i++)
		cur->recheck[i] = cur->recheck[i + 1];
}

/* Has the device, in every state that it may be in, seen the item as it is? */
static enum rc
has_seen(struct store_tx *tx, uint32_t device, const struct store_item *item,
         struct arena *a, bool *ret)
{
	char name[EAS_CURSOR_NAME_SIZE];
	struct store_cursor row;
	struct eas_cursor cur;
	uint64_t changed = item->writer == device ? item->writer_saw : item->modseq;
	enum rc rc;

	*ret = false;
	rc = store_cursor_load(tx, device, eas_cursor_name(item->collection, name), a,
	                       &row);
	if (rc == RC_NOT_FOUND)
		return RC_OK;
	if (rc != RC_OK)
		return rc;
	if (eas_cursor_read(row.prev_key != 0 ? row.prev_state : row.state, a, &cur) ==
	    RC_OK)
		*ret = !cur.backfilling && changed <= cur.modseq;
	return RC_OK;
}

static void
with_recheck(struct span *state, const struct store_item *item, bool seen, uint32_t uid,
             struct arena *a)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(262144);
	struct eas_cursor cur;

	if (state->n == 0 || eas_cursor_read(*state, a, &cur) != RC_OK)
		return; /* a new key will be asked for anyway */
	if (seen && item->received_ms >= cur.window_from)
		return;
	eas_cursor_add_recheck(&cur, uid, a);
	eas_cursor_write(&cur, &b);
	*state = arena_span(a, buf_span(&b));
}

enum rc
eas_cursor_note_move(struct store_tx *tx, uint32_t device, const struct store_item *item,
                     uint32_t collection, uint32_t uid, struct arena *a)
{
	char name[EAS_CURSOR_NAME_SIZE];
	struct store_cursor row;
	bool seen;
	enum rc rc;

	eas_cursor_name(collection, name);
	rc = store_cursor_load(tx, device, name, a, &row);
	if (rc == RC_NOT_FOUND)
		return RC_OK;
	if (rc == RC_OK)
		rc = has_seen(tx, device, item, a, &seen);
	if (rc != RC_OK)
		return rc;
	with_recheck(&row.state, item, seen, uid, a);
	with_recheck(&row.prev_state, item, seen, uid, a);
	with_recheck(&row.twin_state, item, seen, uid, a);
	return store_cursor_save(tx, device, name, &row);
}

int64_t
eas_filter_from(uint8_t filter, int64_t now_ms)
{
	static const int16_t days[] = { 0, 1, 3, 7, 14, 31, 92, 183 };
	int64_t from;

	if (filter == 8)
		return EAS_TASK_DONE_MS + 1;
	if (filter == 0 || filter >= ARRAY_LEN(days))
		return 0;
	from = now_ms - days[filter] * DAY_MS;
	if (from <= 0)
		return 1;
	/* Whole days: the edge moves once a day, and not with each request. */
	return from - from % DAY_MS;
}

bool
eas_cursor_is_backfilled_later(const struct eas_cursor *cur,
                               const struct store_item *item)
{
	return cur->backfilling && item->created <= cur->snapshot &&
	       (cur->backfill_uid == 0 || item->uid < cur->backfill_uid);
}

bool
eas_cursor_is_ahead(const struct eas_cursor *cur, const struct store_item *item)
{
	if (eas_cursor_is_backfilled_later(cur, item))
		return true;
	return cur->edge == EAS_EDGE_ENTER && item->created <= cur->edge_modseq &&
	       item->uid > cur->edge_uid && item->received_ms >= cur->edge_from &&
	       item->received_ms < cur->edge_to;
}

/* An item that the device may have seen by an earlier time of the item's. */
static enum eas_verdict
judge_update(const struct eas_cursor *cur, const struct store_item *it)
{
	bool moved = it->received_moved > cur->modseq;
	bool had = (moved ? it->received_was : it->received_ms) >= cur->window_from;
	bool has = it->received_ms >= cur->window_from;

	if (eas_gather_holds(cur, it))
		return EAS_VERDICT_CHANGE;
	if (had)
		return has ? EAS_VERDICT_CHANGE : EAS_VERDICT_SOFT_DELETE;
	return has ? EAS_VERDICT_ADD : EAS_VERDICT_SKIP;
}

enum eas_verdict
eas_cursor_judge(const struct eas_cursor *cur, const struct store_change *ch)
{
	const struct store_item *it = &ch->item;

	if (eas_cursor_is_ahead(cur, it) && !eas_gather_has(cur, it->uid))
		return EAS_VERDICT_SKIP;
	switch (ch->kind) {
	case STORE_CHANGE_ADD:
		return it->received_ms < cur->window_from ? EAS_VERDICT_SKIP
		                                          : EAS_VERDICT_ADD;
	case STORE_CHANGE_UPDATE:
		return judge_update(cur, it);
	case STORE_CHANGE_EXPUNGE:
		return it->received_ms < cur->low && !eas_gather_has(cur, it->uid)
		               ? EAS_VERDICT_SKIP
		               : EAS_VERDICT_DELETE;
	}
	return EAS_VERDICT_SKIP;
}

enum eas_verdict
eas_cursor_judge_moved(const struct eas_cursor *cur, const struct store_item *item)
{
	return item->received_ms < cur->window_from && !eas_gather_has(cur, item->uid)
	               ? EAS_VERDICT_SOFT_DELETE
	               : EAS_VERDICT_CHANGE;
}

static enum rc
count_changes(struct store_tx *tx, const struct eas_cursor *cur, uint32_t collection,
              uint32_t device, size_t max, size_t *n)
{
	struct store_change_query q = {
		.collection = collection,
		.since = cur->modseq,
		.limit = BATCH,
		.not_by_device = device,
	};
	bool more = true;
	enum rc rc;

	while (more && *n < max) {
		AUTO(arena)
		struct arena *a = arena_new();
		struct store_change *changes;
		size_t n_changes;

		rc = store_changes(tx, &q, a, &changes, &n_changes, &q.since, &more);
		if (rc != RC_OK)
			return rc;
		for (size_t i = 0; i < n_changes && *n < max; i++) {
			if (!eas_stuck_is_aside(cur, changes[i].item.uid) &&
			    eas_cursor_judge(cur, &changes[i]) != EAS_VERDICT_SKIP)
				++*n;
		}
	}
	return RC_OK;
}

static enum rc
count_backfill(struct store_tx *tx, const struct eas_cursor *cur, uint32_t collection,
               size_t max, size_t *n)
{
	uint32_t before = cur->backfill_uid;
	bool more = cur->backfilling;

	while (more && *n < max) {
		AUTO(arena)
		struct arena *a = arena_new();
		struct store_item *items;
		size_t n_items;
		enum rc rc;

		rc = store_backfill(tx, collection, cur->snapshot, before,
		                    cur->window_from, max - *n < BATCH ? max - *n : BATCH,
		                    a, &items, &n_items, &more);
		if (rc != RC_OK)
			return rc;
		if (n_items == 0)
			break;
		*n += n_items;
		before = items[n_items - 1].uid;
	}
	return RC_OK;
}

void
eas_cursor_shift_window(struct eas_cursor *cur, int64_t now_ms)
{
	int64_t from = eas_filter_from(cur->options.filter, now_ms);

	if (cur->edge != EAS_EDGE_NONE || from == cur->window_from)
		return;
	if (eas_cursor_is_fresh(cur)) {
		cur->window_from = cur->low = from;
		return;
	}
	cur->edge = from > cur->window_from ? EAS_EDGE_LEAVE : EAS_EDGE_ENTER;
	cur->edge_from = from < cur->window_from ? from : cur->window_from;
	cur->edge_to = from < cur->window_from ? cur->window_from : from;
	cur->edge_modseq = cur->modseq;
	cur->edge_uid = 0;
	cur->edge_gathers = cur->gathers;
	cur->window_from = from;
	if (from < cur->low)
		cur->low = from;
}

enum eas_verdict
eas_cursor_judge_edge(const struct eas_cursor *cur, const struct eas_gather *g,
                      const struct store_item *item)
{
	if (eas_cursor_is_backfilled_later(cur, item))
		return EAS_VERDICT_SKIP;
	if (cur->edge == EAS_EDGE_ENTER)
		return eas_gather_has(cur, item->uid) ? EAS_VERDICT_SKIP
		                                      : EAS_VERDICT_ADD;
	/* Of a shift that began before ConversationMode, changes were passed over. */
	return cur->edge_gathers && eas_gather_wants(g, item->uid)
	               ? EAS_VERDICT_SKIP
	               : EAS_VERDICT_SOFT_DELETE;
}

static enum rc
count_edge(struct store_tx *tx, const struct eas_cursor *cur, uint32_t collection,
           const struct eas_gather *g, size_t max, size_t *n)
{
	uint32_t after = cur->edge_uid;

	while (cur->edge != EAS_EDGE_NONE && *n < max) {
		AUTO(arena)
		struct arena *a = arena_new();
		struct store_item *items;
		size_t n_items;
		enum rc rc;

		rc = store_items_received(
			tx, collection, cur->edge_modseq, cur->edge_from, cur->edge_to,
			after, max - *n < BATCH ? max - *n : BATCH, a, &items, &n_items);
		if (rc != RC_OK || n_items == 0)
			return rc;
		for (size_t i = 0; i < n_items; i++)
			*n += eas_cursor_judge_edge(cur, g, &items[i]) !=
			      EAS_VERDICT_SKIP;
		after = items[n_items - 1].uid;
	}
	return RC_OK;
}

enum rc
eas_cursor_pending(struct store_tx *tx, const struct eas_cursor *cur, uint32_t collection,
                   uint32_t device, size_t max, bool edges, size_t *ret)
{
	AUTO(arena)
	struct arena *a = arena_new();
	struct eas_cursor now = *cur;
	struct eas_gather g = { 0 };
	size_t n = 0, more = 0;
	enum rc rc;

	rc = count_changes(tx, cur, collection, device, max, &n);
	if (rc == RC_OK)
		n += cur->n_recheck + cur->n_again;
	if (n > max)
		n = max;
	eas_cursor_shift_window(&now, clock_wall_ms());
	if (rc == RC_OK)
		rc = count_backfill(tx, &now, collection, max, &n);
	if (rc == RC_OK && n < max)
		rc = eas_gather_load(tx, edges ? &now : cur, collection, a, &g);
	if (rc == RC_OK && edges)
		rc = count_edge(tx, &now, collection, &g, max, &n);
	if (rc == RC_OK && n < max)
		rc = eas_gather_count(tx, edges ? &now : cur, collection, &g, max - n,
		                      &more);
	if (rc == RC_OK)
		*ret = n + more;
	return rc;
}
