/* SPDX-License-Identifier: ISC
 *
 * eas_gather.c - the list of what a device holds of conversations before its window.
 */
#include "activesync/eas_gather.h"

#include "store/store_thread.h"

enum rc
eas_gather_load(struct store_tx *tx, const struct eas_cursor *cur, uint32_t collection,
                struct arena *a, struct eas_gather *ret)
{
	struct store_collection col;
	enum rc rc;

	*ret = (struct eas_gather){ 0 };
	if (!cur->gathers) {
		ret->is_due = cur->n_gathered > 0; /* all of it goes */
		return RC_OK;
	}
	rc = store_collection_load(tx, collection, a, &col);
	if (rc != RC_OK)
		return rc;
	ret->is_due = cur->gathered_upto == 0 || col.modseq > cur->gathered_upto ||
	              cur->window_from != cur->gathered_from ||
	              cur->edge != EAS_EDGE_NONE;
	if (!ret->is_due || cur->window_from == 0)
		return RC_OK;
	rc = store_thread_outside(tx, collection, cur->window_from, a, &ret->uids,
	                          &ret->n);
	if (rc == RC_OK && ret->n > EAS_GATHER_MAX) {
		ret->uids += ret->n - EAS_GATHER_MAX;
		ret->n = EAS_GATHER_MAX;
	}
	return rc;
}

/* Index of the first that is not below uid. */
static size_t
place(const uint32_t *uids, size_t n, uint32_t uid)
{
	size_t low = 0;

	while (low < n) {
		size_t mid = low + (n - low) / 2;

		if (uids[mid] < uid)
			low = mid + 1;
		else
			n = mid;
	}
	return low;
}

static bool
is_among(const uint32_t *uids, size_t n, uint32_t uid)
{
	size_t i = place(uids, n, uid);

	return i < n && uids[i] == uid;
}

bool
eas_gather_wants(const struct eas_gather *g, uint32_t uid)
{
	return is_among(g->uids, g->n, uid);
}

void
eas_gather_done(struct eas_cursor *cur, struct store_tx *tx)
{
	if (!cur->gathers)
		return;
	cur->gathered_upto = store_tx_modseq(tx);
	cur->gathered_from = cur->window_from;
}

bool
eas_gather_has(const struct eas_cursor *cur, uint32_t uid)
{
	return is_among(cur->gathered, cur->n_gathered, uid);
}

static bool
is_leaving(const struct eas_cursor *cur, const struct store_item *item)
{
	return cur->edge_gathers && cur->edge == EAS_EDGE_LEAVE &&
	       item->created <= cur->edge_modseq && item->uid > cur->edge_uid &&
	       item->received_ms >= cur->edge_from && item->received_ms < cur->edge_to &&
	       !eas_cursor_is_backfilled_later(cur, item);
}

bool
eas_gather_holds(const struct eas_cursor *cur, const struct store_item *item)
{
	return eas_gather_has(cur, item->uid) || is_leaving(cur, item);
}

void
eas_gather_add(struct eas_cursor *cur, uint32_t uid, struct arena *a)
{
	size_t i = place(cur->gathered, cur->n_gathered, uid);

	if (eas_gather_has(cur, uid))
		return;
	if (cur->n_gathered == cur->gathered_cap) {
		size_t cap = cur->n_gathered < 32 ? 64 : 2 * cur->n_gathered;
		uint32_t *list = arena_array(a, cap, uint32_t);

		if (cur->n_gathered > 0)
			memcpy(list, cur->gathered, cur->n_gathered * sizeof(*list));
		cur->gathered = list;
		cur->gathered_cap = cap;
	}
	memmove(cur->gathered + i + 1, cur->gathered + i,
	        (cur->n_gathered - i) * sizeof(*cur->gathered));
	cur->gathered[i] = uid;
	cur->n_gathered++;
}

void
eas_gather_drop(struct eas_cursor *cur, uint32_t uid)
{
	size_t i = place(cur->gathered, cur->n_gathered, uid);

	if (i == cur->n_gathered || cur->gathered[i] != uid)
		return;
	cur->n_gathered--;
	memmove(cur->gathered + i, cur->gathered + i + 1,
	        (cur->n_gathered - i) * sizeof(*cur->gathered));
}

/* Is there such an item, and does it lie where fn says? */
static enum rc
count_one(struct store_tx *tx, const struct eas_cursor *cur, uint32_t collection,
          uint32_t uid, bool is_add, size_t *n)
{
	AUTO(arena)
	struct arena *a = arena_new();
	struct store_item item;
	enum rc rc = store_item_load(tx, collection, uid, a, &item);

	if (rc != RC_OK)
		return rc == RC_NOT_FOUND ? RC_OK : rc;
	if (is_add ? !is_leaving(cur, &item) : item.received_ms < cur->window_from)
		++*n;
	return RC_OK;
}

enum rc
eas_gather_count(struct store_tx *tx, const struct eas_cursor *cur, uint32_t collection,
                 const struct eas_gather *g, size_t max, size_t *ret)
{
	size_t n = 0;
	enum rc rc = RC_OK;

	if (!g->is_due) {
		*ret = 0;
		return RC_OK;
	}
	for (size_t i = 0; rc == RC_OK && i < g->n && n < max; i++) {
		if (!eas_gather_has(cur, g->uids[i]))
			rc = count_one(tx, cur, collection, g->uids[i], true, &n);
	}
	for (size_t i = 0; rc == RC_OK && i < cur->n_gathered && n < max; i++) {
		if (!eas_gather_wants(g, cur->gathered[i]))
			rc = count_one(tx, cur, collection, cur->gathered[i], false, &n);
	}
	if (rc == RC_OK)
		*ret = n;
	return rc;
}

struct eas_options
eas_gather_options(const struct eas_options *o)
{
	struct eas_options less = *o;

	if (less.n_prefs == 0)
		less.prefs[less.n_prefs++] =
			(struct eas_body_pref){ .type = EAS_BODY_PLAIN };
	for (size_t i = 0; i < less.n_prefs; i++) {
		less.prefs[i].truncation = 0;
		less.prefs[i].all_or_none = false;
	}
	less.part.truncation = 0;
	less.mime_truncation = 0;
	return less;
}

void
eas_gather_write(const struct eas_cursor *cur, struct buf *out)
{
	uint32_t last = 0;

	eas_pack_u64(out, cur->gathers);
	eas_pack_u64(out, cur->gathered_upto);
	eas_pack_i64(out, cur->gathered_from);
	eas_pack_u64(out, cur->edge_gathers);
	eas_pack_u64(out, cur->n_gathered);
	for (size_t i = 0; i < cur->n_gathered; i++) {
		eas_pack_u64(out, cur->gathered[i] - last);
		last = cur->gathered[i];
	}
}

void
eas_gather_read(struct eas_unpack *u, struct arena *a, struct eas_cursor *cur)
{
	uint32_t last = 0;
	uint64_t n;

	cur->gathers = eas_unpack_u64(u) != 0;
	cur->gathered_upto = eas_unpack_u64(u);
	cur->gathered_from = eas_unpack_i64(u);
	cur->edge_gathers = eas_unpack_u64(u) != 0;
	n = eas_unpack_u64(u);
	/* What leaves the window may lie in the list beside the most that may be there.
	 */
	if (u->failed || n > u->rest.n) {
		u->failed = true;
		return;
	}
	cur->gathered = arena_array(a, n, uint32_t);
	cur->gathered_cap = n;
	for (cur->n_gathered = 0; cur->n_gathered < n && !u->failed;) {
		uint64_t step = eas_unpack_u32(u);

		if (step == 0 || step > UINT32_MAX - last)
			u->failed = true;
		last += (uint32_t)step;
		cur->gathered[cur->n_gathered++] = last;
	}
}
