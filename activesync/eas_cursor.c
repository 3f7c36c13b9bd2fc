/* SPDX-License-Identifier: ISC
 *
 * eas_cursor.c - what a device has of one collection.
 */
#include "activesync/eas_cursor.h"

#include <assert.h>
#include <stdio.h>

#include "activesync/eas_pack.h"
#include "base/clock.h"

#define FORMAT 1
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
	       cur->modseq == cur->snapshot && cur->n_mine == 0;
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
		eas_pack_u64(out, cur->edge_uid);
	}
	eas_pack_u64(out, o->filter);
	eas_pack_u64(out, o->mime_support);
	eas_pack_u64(out, o->mime_truncation);
	eas_pack_u64(out, o->conflict);
	eas_pack_u64(out, o->n_prefs);
	for (size_t i = 0; i < o->n_prefs; i++) {
		eas_pack_u64(out, o->prefs[i].type);
		eas_pack_u64(out, o->prefs[i].truncation);
		eas_pack_u64(out, o->prefs[i].all_or_none);
		eas_pack_u64(out, o->prefs[i].preview);
	}
	eas_pack_u64(out, cur->n_mine);
	for (size_t i = 0; i < cur->n_mine; i++)
		eas_pack_u64(out, cur->mine[i]);
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
	for (size_t i = 0; i < o->n_prefs; i++) {
		o->prefs[i].type = (uint8_t)eas_unpack_u64(u);
		o->prefs[i].truncation = eas_unpack_u32(u);
		o->prefs[i].all_or_none = eas_unpack_u64(u) != 0;
		o->prefs[i].preview = (uint16_t)eas_unpack_u64(u);
	}
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
		cur.edge_uid = eas_unpack_u32(&u);
	}
	read_options(&u, &cur.options);
	cur.n_mine = eas_unpack_u64(&u);
	if (u.failed || cur.n_mine > EAS_MINE_MAX)
		return RC_INVALID;
	cur.mine = arena_array(a, cur.n_mine, uint32_t);
	for (size_t i = 0; i < cur.n_mine; i++)
		cur.mine[i] = eas_unpack_u32(&u);
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

/* Index of the first uid of mine that is not below uid. */
static size_t
mine_place(const struct eas_cursor *cur, uint32_t uid)
{
	size_t lo = 0, hi = cur->n_mine;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (cur->mine[mid] < uid)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

bool
eas_cursor_is_mine(const struct eas_cursor *cur, uint32_t uid)
{
	size_t i = mine_place(cur, uid);

	return i < cur->n_mine && cur->mine[i] == uid;
}

void
eas_cursor_add_mine(struct eas_cursor *cur, uint32_t uid, struct arena *a)
{
	size_t i = mine_place(cur, uid);
	uint32_t *mine;

	if ((i < cur->n_mine && cur->mine[i] == uid) || cur->n_mine >= EAS_MINE_MAX)
		return;
	mine = arena_array(a, cur->n_mine + 1, uint32_t);
	if (i > 0)
		memcpy(mine, cur->mine, i * sizeof(*mine));
	mine[i] = uid;
	if (i < cur->n_mine)
		memcpy(mine + i + 1, cur->mine + i, (cur->n_mine - i) * sizeof(*mine));
	cur->mine = mine;
	cur->n_mine++;
}

void
eas_cursor_drop_mine(struct eas_cursor *cur, uint32_t uid)
{
	size_t i = mine_place(cur, uid);

	if (i >= cur->n_mine || cur->mine[i] != uid)
		return;
	memmove(cur->mine + i, cur->mine + i + 1,
	        (cur->n_mine - i - 1) * sizeof(*cur->mine));
	cur->n_mine--;
}

static enum rc
with_mine(struct span *state, uint32_t uid, struct arena *a)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(65536);
	struct eas_cursor cur;

	if (state->n == 0)
		return RC_OK;
	if (eas_cursor_read(*state, a, &cur) != RC_OK)
		return RC_OK; /* a new key will be asked for anyway */
	eas_cursor_add_mine(&cur, uid, a);
	eas_cursor_write(&cur, &b);
	*state = arena_span(a, buf_span(&b));
	return RC_OK;
}

enum rc
eas_cursor_note_mine(struct store_tx *tx, uint32_t device, uint32_t collection,
                     uint32_t uid, struct arena *a)
{
	char name[EAS_CURSOR_NAME_SIZE];
	struct store_cursor row;
	enum rc rc;

	eas_cursor_name(collection, name);
	rc = store_cursor_load(tx, device, name, a, &row);
	if (rc == RC_NOT_FOUND)
		return RC_OK;
	if (rc == RC_OK)
		rc = with_mine(&row.state, uid, a);
	if (rc == RC_OK)
		rc = with_mine(&row.prev_state, uid, a);
	if (rc == RC_OK)
		rc = store_cursor_save(tx, device, name, &row);
	return rc;
}

int64_t
eas_filter_from(uint8_t filter, int64_t now_ms)
{
	static const int16_t days[] = { 0, 1, 3, 7, 14, 31, 92, 183 };
	int64_t from;

	if (filter == 0 || filter >= ARRAY_LEN(days))
		return 0;
	from = now_ms - days[filter] * DAY_MS;
	if (from <= 0)
		return 1;
	/* Whole days: the edge moves once a day, and not with each request. */
	return from - from % DAY_MS;
}

bool
eas_cursor_is_ahead(const struct eas_cursor *cur, const struct store_item *item)
{
	return cur->backfilling && item->created <= cur->snapshot &&
	       (cur->backfill_uid == 0 || item->uid < cur->backfill_uid);
}

enum eas_verdict
eas_cursor_judge(const struct eas_cursor *cur, const struct store_change *ch,
                 uint32_t device)
{
	const struct store_item *it = &ch->item;
	bool mine = eas_cursor_is_mine(cur, it->uid);
	/* Its own doing, and nobody else's since it looked. */
	bool own = device != 0 && it->writer == device && it->writer_saw <= cur->modseq;

	if (eas_cursor_is_ahead(cur, it))
		return EAS_VERDICT_SKIP;
	switch (ch->kind) {
	case STORE_CHANGE_ADD:
		if (it->received_ms < cur->window_from)
			return mine ? EAS_VERDICT_SOFT_DELETE : EAS_VERDICT_SKIP;
		if (!mine)
			return EAS_VERDICT_ADD;
		return own ? EAS_VERDICT_SKIP : EAS_VERDICT_CHANGE;
	case STORE_CHANGE_UPDATE:
		if (own || it->received_ms < cur->window_from)
			return EAS_VERDICT_SKIP;
		return EAS_VERDICT_CHANGE;
	case STORE_CHANGE_EXPUNGE:
		if ((device != 0 && it->writer == device) || it->received_ms < cur->low)
			return EAS_VERDICT_SKIP;
		return EAS_VERDICT_DELETE;
	}
	return EAS_VERDICT_SKIP;
}

static enum rc
count_changes(struct store_tx *tx, const struct eas_cursor *cur, uint32_t collection,
              uint32_t device, size_t max, size_t *n)
{
	struct store_change_query q = {
		.collection = collection,
		.since = cur->modseq,
		.limit = BATCH,
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
			if (eas_cursor_judge(cur, &changes[i], device) !=
			    EAS_VERDICT_SKIP)
				++*n;
		}
	}
	return RC_OK;
}

/* Items of mine that somebody expunged again: the log does not show those. */
static enum rc
count_mine(struct store_tx *tx, const struct eas_cursor *cur, uint32_t collection,
           size_t max, size_t *n)
{
	for (size_t i = 0; i < cur->n_mine && *n < max; i++) {
		AUTO(arena)
		struct arena *a = arena_new();
		struct store_item item;
		enum rc rc = store_item_load(tx, collection, cur->mine[i], a, &item);

		if (rc == RC_NOT_FOUND)
			++*n;
		else if (rc != RC_OK)
			return rc;
	}
	return RC_OK;
}

static enum rc
count_backfill(struct store_tx *tx, const struct eas_cursor *cur, uint32_t collection,
               int64_t from, size_t max, size_t *n)
{
	uint32_t before = cur->backfill_uid;
	bool more = cur->backfilling;

	while (more && *n < max) {
		AUTO(arena)
		struct arena *a = arena_new();
		struct store_item *items;
		size_t n_items;
		enum rc rc;

		rc = store_backfill(tx, collection, cur->snapshot, before, from,
		                    max - *n < BATCH ? max - *n : BATCH, a, &items,
		                    &n_items, &more);
		if (rc != RC_OK)
			return rc;
		if (n_items == 0)
			break;
		*n += n_items;
		before = items[n_items - 1].uid;
	}
	return RC_OK;
}

static enum rc
count_edge(struct store_tx *tx, const struct eas_cursor *cur, uint32_t collection,
           int64_t from, size_t max, size_t *n)
{
	int64_t lo = cur->edge_from, hi = cur->edge_to;
	uint32_t after = cur->edge_uid;

	if (cur->edge == EAS_EDGE_NONE) {
		if (from == cur->window_from)
			return RC_OK;
		lo = from < cur->window_from ? from : cur->window_from;
		hi = from < cur->window_from ? cur->window_from : from;
		after = 0;
	}
	for (;;) {
		AUTO(arena)
		struct arena *a = arena_new();
		struct store_item *items;
		size_t n_items, limit = max - *n < BATCH ? max - *n : BATCH;
		enum rc rc;

		if (limit == 0)
			return RC_OK;
		rc = store_items_received(tx, collection, cur->modseq, lo, hi, after,
		                          limit, a, &items, &n_items);
		if (rc != RC_OK || n_items == 0)
			return rc;
		for (size_t i = 0; i < n_items; i++)
			*n += !eas_cursor_is_ahead(cur, &items[i]);
		after = items[n_items - 1].uid;
	}
}

enum rc
eas_cursor_pending(struct store_tx *tx, const struct eas_cursor *cur, uint32_t collection,
                   uint32_t device, size_t max, bool edges, size_t *ret)
{
	int64_t from = eas_filter_from(cur->options.filter, clock_wall_ms());
	size_t n = 0;
	enum rc rc;

	rc = count_changes(tx, cur, collection, device, max, &n);
	if (rc == RC_OK)
		rc = count_mine(tx, cur, collection, max, &n);
	if (rc == RC_OK)
		rc = count_backfill(tx, cur, collection, from, max, &n);
	if (rc == RC_OK && edges)
		rc = count_edge(tx, cur, collection, from, max, &n);
	if (rc == RC_OK)
		*ret = n;
	return rc;
}
