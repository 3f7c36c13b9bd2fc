/* SPDX-License-Identifier: ISC
 *
 * store_tree.c - the log of the tree of collections.
 */
#include <stdlib.h>

#include "base/mem.h"
#include "store/store_private.h"

struct tree_list {
	struct store_tree_change *p;
	size_t n;
	size_t cap;
};

static struct store_tree_change *
add(struct tree_list *l)
{
	l->p = grow(l->p, l->n, &l->cap, sizeof(*l->p));
	l->p[l->n] = (struct store_tree_change){ 0 };
	return &l->p[l->n++];
}

static enum rc
read_living(struct store_tx *tx, uint64_t since, struct arena *a, struct tree_list *l)
{
	AUTO(engine_stmt)
	struct engine_stmt *st = NULL;
	enum rc rc = sql_each(tx->etx, &st,
	                      "SELECT id, changed FROM collection"
	                      " WHERE owner = $1 AND changed > $2 ORDER BY changed",
	                      I(tx->user), I(since));

	if (rc)
		return rc;
	while ((rc = engine_step(st)) == RC_OK) {
		struct store_tree_change *c = add(l);

		c->modseq = col_u64(st, 1);
		rc = store_collection_load(tx, col_u32(st, 0), a, &c->collection);
		if (rc)
			return rc == RC_NOT_FOUND ? RC_IO : rc;
		c->is_new = c->collection.created > since;
	}
	return sql_end(rc);
}

static enum rc
read_gone(struct store_tx *tx, uint64_t since, struct tree_list *l)
{
	AUTO(engine_stmt)
	struct engine_stmt *st = NULL;
	enum rc rc = sql_each(tx->etx, &st,
	                      "SELECT id, expunged, created FROM collection_gone"
	                      " WHERE owner = $1 AND expunged > $2 ORDER BY expunged",
	                      I(tx->user), I(since));

	if (rc)
		return rc;
	while ((rc = engine_step(st)) == RC_OK) {
		struct store_tree_change *c = add(l);

		c->modseq = col_u64(st, 1);
		c->deleted = true;
		c->collection.id = col_u32(st, 0);
		c->collection.created = col_u64(st, 2);
		c->is_new = c->collection.created > since;
	}
	return sql_end(rc);
}

static int
compare(const void *pa, const void *pb)
{
	const struct store_tree_change *a = pa;
	const struct store_tree_change *b = pb;

	return a->modseq < b->modseq ? -1 : a->modseq > b->modseq;
}

enum rc
store_tree_changes(struct store_tx *tx, uint64_t since, struct arena *a,
                   struct store_tree_change **ret, size_t *ret_n)
{
	struct tree_list l = { 0 };
	enum rc rc;

	if ((since > 0 && since < tx->tree_floor) || store_tx_is_lost(tx, since))
		return RC_CONFLICT;
	if (since >= tx->tree_modseq) {
		*ret = NULL;
		*ret_n = 0;
		return RC_OK;
	}
	rc = tx->write ? store_tx_flush(tx) : RC_OK;
	if (!rc)
		rc = read_living(tx, since, a, &l);
	if (!rc)
		rc = read_gone(tx, since, &l);
	if (!rc) {
		if (l.n > 0)
			qsort(l.p, l.n, sizeof(*l.p), compare);
		*ret = arena_array(a, l.n, struct store_tree_change);
		if (l.n > 0)
			memcpy(*ret, l.p, l.n * sizeof(*l.p));
		*ret_n = l.n;
	}
	free(l.p);
	return rc;
}

enum rc
store_tree_modseq(struct store_tx *tx, uint64_t *ret)
{
	*ret = tx->tree_modseq;
	return RC_OK;
}
