/* SPDX-License-Identifier: ISC
 *
 * store_modseqs.c - the counters of many users, for who compares what waiters have seen.
 */
#include <stdlib.h>

#include "base/mem.h"
#include "store/store_private.h"

/* Of one engine shard, in one snapshot. */
struct place {
	unsigned shard;
	size_t at; /* in the caller's arrays */
};

static int
by_shard(const void *pa, const void *pb)
{
	const struct place *a = pa, *b = pb;

	return (a->shard > b->shard) - (a->shard < b->shard);
}

static enum rc
read_shard(struct store *s, const struct place *places, size_t n, const uint64_t *users,
           uint64_t *modseqs)
{
	AUTO(engine_tx)
	struct engine_tx *etx = NULL;
	enum rc rc = engine_begin(s->engine, ENGINE_SHARD, places->shard, false, &etx);

	for (size_t i = 0; i < n && !rc; i++) {
		AUTO(engine_stmt)
		struct engine_stmt *st = NULL;
		size_t at = places[i].at;

		rc = sql_one(etx, &st, "SELECT modseq FROM account WHERE owner = $1",
		             I(users[at]));
		if (rc == RC_OK)
			modseqs[at] = col_u64(st, 0);
		else if (rc == RC_NOT_FOUND)
			rc = RC_OK;
	}
	return rc;
}

enum rc
store_modseqs(struct store *s, const uint64_t *users, size_t n, uint64_t *ret)
{
	struct place *places = xcalloc(n ? n : 1, sizeof(*places));
	uint64_t *modseqs = xcalloc(n ? n : 1, sizeof(*modseqs));
	enum rc rc = RC_OK;

	for (size_t i = 0; i < n; i++)
		places[i] = (struct place){ store_shard_of(s, users[i]), i };
	qsort(places, n, sizeof(*places), by_shard);
	for (size_t from = 0, to; from < n && !rc; from = to) {
		for (to = from + 1; to < n && places[to].shard == places[from].shard;)
			to++;
		rc = read_shard(s, places + from, to - from, users, modseqs);
	}
	if (!rc && n > 0)
		memcpy(ret, modseqs, n * sizeof(*modseqs));
	free(modseqs);
	free(places);
	return rc;
}
