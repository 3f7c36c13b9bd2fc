/* SPDX-License-Identifier: ISC
 *
 * store_window.c - items by time and place: the initial hand-out and the edges of
 * filters.
 */
#include <stdlib.h>

#include "base/mem.h"
#include "store/store_change.h"
#include "store/store_private.h"

#define NO_LIMIT INT64_C(0x3fffffff)

struct item_list {
	struct store_item *p;
	size_t n;
	size_t cap;
};

/* Steps through st into an array in a. */
static enum rc
collect(struct engine_stmt *st, struct arena *a, struct store_item **ret, size_t *ret_n)
{
	struct item_list l = { 0 };
	enum rc rc;

	while ((rc = engine_step(st)) == RC_OK) {
		l.p = grow(l.p, l.n, &l.cap, sizeof(*l.p));
		store_item_from_row(st, a, &l.p[l.n++]);
	}
	rc = sql_end(rc);
	if (!rc) {
		*ret = arena_array(a, l.n, struct store_item);
		if (l.n > 0)
			memcpy(*ret, l.p, l.n * sizeof(*l.p));
		*ret_n = l.n;
	}
	free(l.p);
	return rc;
}

static enum rc
prepare_read(struct store_tx *tx, uint32_t collection, uint64_t *ret_items)
{
	AUTO(engine_stmt)
	struct engine_stmt *st = NULL;
	enum rc rc = tx->write ? store_tx_flush(tx) : RC_OK;

	if (!rc)
		rc = sql_one(
			tx->etx, &st,
			"SELECT n_items FROM collection WHERE owner = $1 AND id = $2",
			I(tx->user), I(collection));
	if (!rc)
		*ret_items = col_u64(st, 0);
	return rc;
}

/* The lowest uid of the window, from its index alone ("+uid": not by walking the mailbox
 * from its start): below it nothing need be looked at.
 * RC_NOT_FOUND: the window is empty. */
static enum rc
lowest_uid(struct store_tx *tx, uint32_t collection, int64_t received_ms, uint32_t *ret)
{
	AUTO(engine_stmt)
	struct engine_stmt *st = NULL;
	enum rc rc =
		sql_one(tx->etx, &st,
	                "SELECT coalesce(min(+uid), 0) FROM item"
	                " WHERE owner = $1 AND collection = $2 AND received_ms >= $3",
	                I(tx->user), I(collection), I(received_ms));

	if (rc)
		return rc;
	*ret = col_u32(st, 0);
	return *ret == 0 ? RC_NOT_FOUND : RC_OK;
}

enum rc
store_backfill(struct store_tx *tx, uint32_t collection, uint64_t snapshot,
               uint32_t before_uid, int64_t received_since_ms, size_t limit,
               struct arena *a, struct store_item **ret, size_t *ret_n, bool *ret_more)
{
	AUTO(engine_stmt)
	struct engine_stmt *st = NULL;
	int64_t most = limit && limit < NO_LIMIT ? (int64_t)limit : NO_LIMIT;
	int64_t since = received_since_ms ? received_since_ms : INT64_MIN;
	uint32_t from = 1;
	uint64_t n_items = 0;
	enum rc rc = prepare_read(tx, collection, &n_items);

	if (rc)
		return rc;
	if (since != INT64_MIN)
		rc = lowest_uid(tx, collection, since, &from);
	if (rc == RC_NOT_FOUND) {
		*ret = NULL;
		*ret_n = 0;
		*ret_more = false;
		return RC_OK;
	}
	if (!rc)
		rc = sql_each(
			tx->etx, &st,
			"SELECT " ITEM_COLUMNS " FROM item"
			" WHERE owner = $1 AND collection = $2 AND uid >= $3 AND uid < $4"
			" AND created <= $5 AND received_ms >= $6"
			" ORDER BY uid DESC LIMIT $7",
			I(tx->user), I(collection), I(from),
			I(before_uid ? before_uid : UINT32_MAX), I(snapshot), I(since),
			I(most + 1));
	if (!rc)
		rc = collect(st, a, ret, ret_n);
	if (rc)
		return rc;
	*ret_more = *ret_n > (size_t)most;
	if (*ret_more)
		*ret_n = (size_t)most;
	return RC_OK;
}

enum rc
store_items_received(struct store_tx *tx, uint32_t collection, uint64_t snapshot,
                     int64_t from_ms, int64_t to_ms, uint32_t after_uid, size_t limit,
                     struct arena *a, struct store_item **ret, size_t *ret_n)
{
	AUTO(engine_stmt)
	struct engine_stmt *st = NULL;
	int64_t most = limit && limit < NO_LIMIT ? (int64_t)limit : NO_LIMIT;
	uint64_t n_items;
	enum rc rc = prepare_read(tx, collection, &n_items);

	/* "+uid" keeps planners from walking the whole mailbox in the order of uids: the
	 * edges are found by time, and are few. */
	if (!rc)
		rc = sql_each(tx->etx, &st,
		              "SELECT " ITEM_COLUMNS " FROM item"
		              " WHERE owner = $1 AND collection = $2"
		              " AND received_ms >= $3 AND received_ms < $4"
		              " AND created <= $5 AND +uid > $6 ORDER BY +uid LIMIT $7",
		              I(tx->user), I(collection), I(from_ms), I(to_ms),
		              I(snapshot), I(after_uid), I(most));
	return rc ? rc : collect(st, a, ret, ret_n);
}

enum rc
store_items_count(struct store_tx *tx, uint32_t collection, int64_t received_since_ms,
                  uint64_t *ret)
{
	AUTO(engine_stmt)
	struct engine_stmt *st = NULL;
	uint64_t n_items = 0;
	enum rc rc = prepare_read(tx, collection, &n_items);

	if (!rc && received_since_ms != 0) {
		rc = sql_one(
			tx->etx, &st,
			"SELECT count(*) FROM item"
			" WHERE owner = $1 AND collection = $2 AND received_ms >= $3",
			I(tx->user), I(collection), I(received_since_ms));
		if (!rc)
			n_items = col_u64(st, 0);
	}
	if (!rc)
		*ret = n_items;
	return rc;
}
