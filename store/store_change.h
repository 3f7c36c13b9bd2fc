/* SPDX-License-Identifier: ISC
 *
 * store_change.h - "changes of collection C since M, at most N": the one way in which any
 * protocol learns of changes. One indexed query whose cost grows with the changes.
 */
#ifndef STORE_STORE_CHANGE_H
#define STORE_STORE_CHANGE_H

#include "store/store_item.h"

enum store_change_kind {
	STORE_CHANGE_ADD,     /* created after since */
	STORE_CHANGE_UPDATE,  /* created before, changed after */
	STORE_CHANGE_EXPUNGE, /* existed at since, is gone */
};

struct store_change {
	enum store_change_kind kind;
	uint64_t modseq;
	/* EXPUNGE: only collection, uid, created, received_ms, writer. */
	struct store_item item;
};

struct store_change_query {
	uint32_t collection;
	uint64_t since; /* changes with modseq > since ... */
	uint64_t until; /* ... and <= until; 0: the snapshot's */
	size_t limit;   /* at most so many; 0: all */
	/* Non-zero: what this device did itself is no news to it. Changes whose last
	 * writer it is are left out, unless someone else changed the item after since and
	 * before it (writer_saw > since); they stand where that was. What it added is
	 * known to it: never an add. */
	uint32_t not_by_device;
	/* Non-zero: items received before this are left out unless they are expunges. */
	int64_t received_since_ms;
	/* Items born after since and expunged again are left out always. */
};

/*
 * In the order of modseq, arrays in a. *ret_next: the modseq up to which the answer is
 * complete; pass it as since to go on. *ret_more: there is more before until. An add
 * stands where the item came in, also when it changed later; modseq is the place in the
 * log, item.modseq the item's own. RC_CONFLICT: since lies before what the log still
 * knows (retention), or in what a restore has lost: start afresh.
 */
enum rc store_changes(struct store_tx *tx, const struct store_change_query *q,
                      struct arena *a, struct store_change **ret, size_t *ret_n,
                      uint64_t *ret_next, bool *ret_more) MUST_CHECK;

/* True when store_changes() with limit 1 would show something; cheap: for Ping. */
enum rc store_has_changes(struct store_tx *tx, const struct store_change_query *q,
                          bool *ret) MUST_CHECK;

/*
 * The initial hand-out, newest first: items that existed at snapshot (created <= snapshot
 * and still there), uid < before_uid (0: from the top), received at or after
 * received_since_ms, at most limit, in falling order of uid.
 */
enum rc store_backfill(struct store_tx *tx, uint32_t collection, uint64_t snapshot,
                       uint32_t before_uid, int64_t received_since_ms, size_t limit,
                       struct arena *a, struct store_item **ret, size_t *ret_n,
                       bool *ret_more) MUST_CHECK;

/*
 * The edges of a moving time filter: items with from_ms <= received_ms < to_ms and
 * created <= snapshot, after uid, ascending by uid, at most limit.
 */
enum rc
store_items_received(struct store_tx *tx, uint32_t collection, uint64_t snapshot,
                     int64_t from_ms, int64_t to_ms, uint32_t after_uid, size_t limit,
                     struct arena *a, struct store_item **ret, size_t *ret_n) MUST_CHECK;
/* How many items stand in the window: created <= snapshot, received at or after. */
enum rc store_items_count(struct store_tx *tx, uint32_t collection,
                          int64_t received_since_ms, uint64_t *ret) MUST_CHECK;

#endif
