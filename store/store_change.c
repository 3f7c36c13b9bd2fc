/* SPDX-License-Identifier: ISC
 *
 * store_change.c - changes since: the log's strands merged in the order of modseq.
 *
 * Every item has one place in the log, and the place moves only by what the asker is to
 * hear of; so an answer cut off by a limit, and items that change between two answers,
 * lose and double nothing:
 * - new to the asker: where it came in (created), also when it has moved on since;
 * - known, last changed by someone else: there (modseq);
 * - known, last changed by the asking device: where someone else changed it before that
 *   (writer_saw), since its own changes are no news to it.
 * The device that made an item knows it.
 */
#include "store/store_change.h"

#include <stdlib.h>

#include "base/mem.h"
#include "store/store_private.h"

#define NO_LIMIT INT64_C(0x3fffffff)

/* A query with what is left out taken in. */
struct bounds {
	uint32_t collection;
	uint64_t since;
	uint64_t until;
	int64_t device; /* -1: none */
	int64_t received_ms;
	int64_t limit;
	bool quiet; /* the collection has not moved since */
};

struct change_list {
	struct store_change *p;
	size_t n;
	size_t cap;
};

static struct store_change *
add(struct change_list *l)
{
	l->p = grow(l->p, l->n, &l->cap, sizeof(*l->p));
	l->p[l->n] = (struct store_change){ 0 };
	return &l->p[l->n++];
}

/* Where each strand is one indexed range. $1 owner, $2 collection, $3 since, $4 until,
 * $5 device, $6 received, $7 limit. */
#define RANGE " FROM item WHERE owner = $1 AND collection = $2"

/* Changed last in the range by another, and known before or unchanged since it came in.
 */
static const char sql_changed[] =
	"SELECT " ITEM_COLUMNS RANGE " AND modseq > $3 AND modseq <= $4 AND writer <> $5"
	" AND (created <= $3 OR created = modseq OR creator = $5)"
	" AND received_ms >= $6 ORDER BY modseq LIMIT $7";

/* Came in within the range and moved on. */
static const char sql_born[] =
	"SELECT " ITEM_COLUMNS RANGE " AND created > $3 AND created <= $4"
	" AND modseq > created AND creator <> $5"
	" AND received_ms >= $6 ORDER BY created LIMIT $7";

/* Known, changed by another within the range, then by the device itself. */
static const char sql_saw[] =
	"SELECT " ITEM_COLUMNS RANGE " AND writer = $5 AND writer_saw > $3"
	" AND writer_saw <= $4 AND writer_saw > 0 AND (created <= $3 OR creator = $5)"
	" AND received_ms >= $6 ORDER BY writer_saw LIMIT $7";

static const char sql_gone[] =
	"SELECT uid, created, expunged, received_ms, writer, flags FROM tombstone"
	" WHERE owner = $1 AND collection = $2 AND expunged > $3 AND expunged <= $4"
	" AND (created <= $3 OR creator = $5) AND writer <> $5"
	" ORDER BY expunged LIMIT $6";

static uint64_t
place_of(const struct store_item *it, bool is_new, int64_t device)
{
	if (is_new)
		return it->created;
	return it->writer == device ? it->writer_saw : it->modseq;
}

static enum rc
read_items(struct store_tx *tx, const struct bounds *b, const char *sql, struct arena *a,
           struct change_list *l)
{
	AUTO(engine_stmt)
	struct engine_stmt *st = NULL;
	enum rc rc =
		sql_each(tx->etx, &st, sql, I(tx->user), I(b->collection), I(b->since),
	                 I(b->until), I(b->device), I(b->received_ms), I(b->limit));

	if (rc)
		return rc;
	while ((rc = engine_step(st)) == RC_OK) {
		struct store_change *c = add(l);
		bool is_new;

		store_item_from_row(st, a, &c->item);
		is_new = c->item.created > b->since &&
		         engine_int(st, ITEM_COLUMN_CREATOR) != b->device;
		c->kind = is_new ? STORE_CHANGE_ADD : STORE_CHANGE_UPDATE;
		c->modseq = place_of(&c->item, is_new, b->device);
	}
	return sql_end(rc);
}

static enum rc
read_gone(struct store_tx *tx, const struct bounds *b, struct change_list *l)
{
	AUTO(engine_stmt)
	struct engine_stmt *st = NULL;
	enum rc rc = sql_each(tx->etx, &st, sql_gone, I(tx->user), I(b->collection),
	                      I(b->since), I(b->until), I(b->device), I(b->limit));

	if (rc)
		return rc;
	while ((rc = engine_step(st)) == RC_OK) {
		struct store_change *c = add(l);

		c->kind = STORE_CHANGE_EXPUNGE;
		c->modseq = col_u64(st, 2);
		c->item.collection = b->collection;
		c->item.uid = col_u32(st, 0);
		c->item.created = col_u64(st, 1);
		c->item.modseq = c->modseq;
		c->item.received_ms = engine_int(st, 3);
		c->item.writer = col_u32(st, 4);
		c->item.flags = col_u32(st, 5);
	}
	return sql_end(rc);
}

static enum rc
read_log(struct store_tx *tx, uint32_t collection, uint64_t *ret_floor,
         uint64_t *ret_modseq)
{
	AUTO(engine_stmt)
	struct engine_stmt *st = NULL;
	enum rc rc;

	if (store_collection_log(tx, collection, ret_floor, ret_modseq))
		return RC_OK;
	rc = tx->write ? store_tx_flush(tx) : RC_OK;
	if (!rc)
		rc = sql_one(
			tx->etx, &st,
			"SELECT log_floor, modseq FROM collection WHERE owner = $1 AND id = $2",
			I(tx->user), I(collection));
	if (rc)
		return rc;
	*ret_floor = col_u64(st, 0);
	*ret_modseq = col_u64(st, 1);
	return RC_OK;
}

static enum rc
make_bounds(struct store_tx *tx, const struct store_change_query *q, struct bounds *ret)
{
	uint64_t now = store_tx_modseq(tx), floor, modseq;
	enum rc rc = read_log(tx, q->collection, &floor, &modseq);

	if (rc)
		return rc;
	if ((q->since > 0 && q->since < floor) || store_tx_is_lost(tx, q->since))
		return RC_CONFLICT;
	*ret = (struct bounds){
		.collection = q->collection,
		.since = q->since,
		.until = q->until && q->until < now ? q->until : now,
		.device = q->not_by_device ? (int64_t)q->not_by_device : -1,
		.received_ms = q->received_since_ms ? q->received_since_ms : INT64_MIN,
		.limit = q->limit && q->limit < NO_LIMIT ? (int64_t)q->limit + 1
		                                         : NO_LIMIT,
		.quiet = modseq <= q->since,
	};
	return RC_OK;
}

/* Stops when there are enough (0: never). */
static enum rc
read_strands(struct store_tx *tx, const struct bounds *b, struct arena *a, size_t enough,
             struct change_list *l)
{
	enum rc rc;

	if (b->quiet || b->since >= b->until)
		return RC_OK;
	rc = read_items(tx, b, sql_changed, a, l);
	if (!rc && (enough == 0 || l->n < enough))
		rc = read_gone(tx, b, l);
	if (!rc && (enough == 0 || l->n < enough))
		rc = read_items(tx, b, sql_born, a, l);
	if (!rc && b->device >= 0 && (enough == 0 || l->n < enough))
		rc = read_items(tx, b, sql_saw, a, l);
	return rc;
}

static int
compare(const void *pa, const void *pb)
{
	const struct store_change *a = pa;
	const struct store_change *b = pb;

	return a->modseq < b->modseq ? -1 : a->modseq > b->modseq;
}

enum rc
store_changes(struct store_tx *tx, const struct store_change_query *q, struct arena *a,
              struct store_change **ret, size_t *ret_n, uint64_t *ret_next,
              bool *ret_more)
{
	struct change_list l = { 0 };
	struct bounds b;
	bool more;
	enum rc rc = make_bounds(tx, q, &b);

	if (!rc)
		rc = read_strands(tx, &b, a, 0, &l);
	if (rc) {
		free(l.p);
		return rc;
	}
	if (l.n > 0)
		qsort(l.p, l.n, sizeof(*l.p), compare);
	more = q->limit > 0 && l.n > q->limit;
	if (more)
		l.n = q->limit;
	*ret = arena_array(a, l.n, struct store_change);
	if (l.n > 0)
		memcpy(*ret, l.p, l.n * sizeof(*l.p));
	*ret_n = l.n;
	*ret_next = more ? l.p[l.n - 1].modseq : b.until > b.since ? b.until : b.since;
	*ret_more = more;
	free(l.p);
	return RC_OK;
}

enum rc
store_has_changes(struct store_tx *tx, const struct store_change_query *q, bool *ret)
{
	AUTO(arena)
	struct arena *a = arena_new();
	struct store_change_query one = *q;
	struct change_list l = { 0 };
	struct bounds b;
	enum rc rc;

	one.limit = 1;
	rc = make_bounds(tx, &one, &b);
	if (!rc) {
		b.limit = 1;
		rc = read_strands(tx, &b, a, 1, &l);
	}
	if (!rc)
		*ret = l.n > 0;
	free(l.p);
	return rc;
}
