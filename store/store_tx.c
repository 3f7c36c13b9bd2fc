/* SPDX-License-Identifier: ISC
 *
 * store_tx.c - transactions of one user: the account row, the counter, what moved.
 */
#include <assert.h>
#include <stdlib.h>

#include "base/mem.h"
#include "store/store_private.h"

/* Fixed for all time: the finaliser of SplitMix64 spreads numbers given one by one. */
unsigned
store_shard_number(uint64_t user)
{
	uint64_t h = user + 0x9e3779b97f4a7c15ULL;

	h = (h ^ (h >> 30)) * 0xbf58476d1ce4e5b9ULL;
	h = (h ^ (h >> 27)) * 0x94d049bb133111ebULL;
	h ^= h >> 31;
	return (unsigned)(h % STORE_SHARD_NUMBERS);
}

unsigned
store_shard_of(const struct store *s, uint64_t user)
{
	return store_shard_number(user) % s->shards;
}

#define ACCOUNT "SELECT " ACCOUNT_COLUMNS " FROM account WHERE owner = $1"

enum rc
store_tx_set_account(struct store_tx *tx, struct engine_stmt *st, unsigned first)
{
	const unsigned i = first;

	tx->modseq = col_u64(st, i);
	tx->tree_modseq = col_u64(st, i + 1);
	tx->tree_floor = col_u64(st, i + 2);
	tx->collection_next = col_u32(st, i + 3);
	tx->content_next = col_u64(st, i + 4);
	tx->device_next = col_u32(st, i + 5);
	tx->epoch_last = col_u32(st, i + 6);
	if (engine_int(st, i + 7) != 0)
		return RC_AGAIN;
	tx->swept = col_u64(st, i + 8);
	tx->oof = (struct tx_oof){ engine_int(st, i + 10), engine_int(st, i + 11),
		                   engine_int(st, i + 12), col_u64(st, i + 13) };
	tx->n_conversations = col_u64(st, i + 14);
	tx->rules.limit = engine_int(st, i + 15);
	tx->rules.unknown = (enum store_device_default)engine_int(st, i + 16);
	return lost_read(engine_bytes(st, i + 9), tx->lost, &tx->n_lost);
}

/* The first statement of each transaction. A writer locks the row: those of one user run
 * one after the other on any engine. */
static enum rc
account_load(struct store_tx *tx)
{
	AUTO(engine_stmt)
	struct engine_stmt *st = NULL;
	enum rc rc;

	if (tx->write)
		rc = sql_one(tx->etx, &st, ACCOUNT " /* for update */", I(tx->user));
	else
		rc = sql_one(tx->etx, &st, ACCOUNT, I(tx->user));
	return rc ? rc : store_tx_set_account(tx, st, 0);
}

static enum rc
account_save(struct store_tx *tx)
{
	return sql_run(
		tx->etx,
		"UPDATE account SET modseq = $2, tree_modseq = $3, tree_floor = $4,"
		" collection_next = $5, content_next = $6, device_next = $7,"
		" epoch_last = $8, swept = $9 WHERE owner = $1",
		I(tx->user), I(tx->modseq), I(tx->tree_modseq), I(tx->tree_floor),
		I(tx->collection_next), I(tx->content_next), I(tx->device_next),
		I(tx->epoch_last), I(tx->swept));
}

static struct store_tx *
tx_new(struct store *s, uint64_t user, const struct store_actor *who)
{
	struct store_tx *tx = xcalloc(1, sizeof(*tx));

	tx->s = s;
	tx->user = user;
	if (who)
		tx->who = *who;
	if (!tx->who.protocol)
		tx->who.protocol = "";
	return tx;
}

static enum rc
tx_open(struct store *s, uint64_t user, bool write, const struct store_actor *who,
        struct store_tx **ret)
{
	AUTO(store_tx)
	struct store_tx *tx = tx_new(s, user, who);
	enum rc rc;

	tx->write = write;
	rc = engine_begin(s->engine, ENGINE_SHARD, store_shard_of(s, user), write,
	                  &tx->etx);
	if (rc)
		return rc;
	*ret = TAKE(tx);
	return RC_OK;
}

enum rc
store_tx_open(struct store *s, uint64_t user, struct store_tx **ret)
{
	return tx_open(s, user, false, NULL, ret);
}

static enum rc
tx_begin(struct store *s, uint64_t user, bool write, const struct store_actor *who,
         struct store_tx **ret)
{
	AUTO(store_tx)
	struct store_tx *tx = NULL;
	enum rc rc = tx_open(s, user, write, who, &tx);

	if (!rc)
		rc = account_load(tx);
	if (rc)
		return rc;
	*ret = TAKE(tx);
	return RC_OK;
}

enum rc
store_read(struct store *s, uint64_t user, struct store_tx **ret)
{
	return tx_begin(s, user, false, NULL, ret);
}

enum rc
store_write(struct store *s, uint64_t user, const struct store_actor *who,
            struct store_tx **ret)
{
	return tx_begin(s, user, true, who, ret);
}

enum rc
store_tx_join(struct store *s, struct engine_tx *etx, uint64_t user,
              const struct store_actor *who, struct store_tx **ret)
{
	AUTO(store_tx)
	struct store_tx *tx = tx_new(s, user, who);
	enum rc rc;

	tx->write = true;
	tx->etx = etx;
	tx->etx_is_shared = true;
	rc = account_load(tx);
	if (rc)
		return rc;
	*ret = TAKE(tx);
	return RC_OK;
}

enum rc
store_account_make(struct store *s, uint64_t user)
{
	AUTO(store_tx)
	struct store_tx *tx = tx_new(s, user, NULL);
	uint64_t rows = 0;
	enum rc rc;

	tx->write = true;
	rc = engine_begin(s->engine, ENGINE_SHARD, store_shard_of(s, user), true,
	                  &tx->etx);
	if (!rc)
		rc = sql_run_rows(
			tx->etx, &rows,
			"INSERT INTO account (owner, modseq, tree_modseq, tree_floor,"
			" collection_next, content_next, device_next, epoch_last)"
			" VALUES ($1, 0, 0, 0, 1, 1, 1, 0)"
			" ON CONFLICT (owner) DO NOTHING",
			I(user));
	if (!rc)
		rc = account_load(tx);
	if (!rc && rows > 0)
		rc = store_collection_make_defaults(tx);
	return rc ? rc : store_commit(&tx);
}

void
store_tx_free(struct store_tx *tx)
{
	if (!tx)
		return;
	if (!tx->etx_is_shared)
		engine_tx_free(tx->etx);
	free(tx->counters);
	free(tx->moved);
	free(tx);
}

enum rc
store_tx_flush(struct store_tx *tx)
{
	enum rc rc = RC_OK;

	for (size_t i = 0; !rc && i < tx->n_counters; i++) {
		struct tx_counters *c = &tx->counters[i];

		if (!c->dirty)
			continue;
		rc = sql_run(
			tx->etx,
			"UPDATE collection SET uid_next = $3, modseq = $4, n_items = $5,"
			" n_unseen = $6, n_bytes = $7 WHERE owner = $1 AND id = $2",
			I(tx->user), I(c->collection), I(c->uid_next), I(c->modseq),
			I(c->n_items), I(c->n_unseen), I(c->n_bytes));
		if (!rc)
			c->dirty = false;
	}
	if (!rc && tx->account_dirty) {
		rc = account_save(tx);
		if (!rc)
			tx->account_dirty = false;
	}
	return rc;
}

enum rc
store_commit(struct store_tx **ptx)
{
	AUTO(store_tx)
	struct store_tx *tx = TAKE(*ptx);
	enum rc rc = RC_OK;

	assert(!tx->etx_is_shared);
	if (tx->write)
		rc = store_tx_flush(tx);
	if (!rc)
		rc = engine_commit(&tx->etx);
	if (!rc && tx->n_moved > 0 && tx->s->on_commit)
		tx->s->on_commit(tx->moved, tx->n_moved, tx->s->on_commit_arg);
	return rc;
}

struct tx_expected *
store_tx_expected(struct store_tx *tx, struct arena *a)
{
	if (!tx->write && !tx->expected)
		tx->expected = arena_new_of(a, struct tx_expected);
	return tx->expected;
}

void
store_tx_set_actor(struct store_tx *tx, const struct store_actor *who)
{
	tx->who = *who;
	if (!tx->who.protocol)
		tx->who.protocol = "";
}

uint64_t
store_tx_user(const struct store_tx *tx)
{
	return tx->user;
}

uint64_t
store_tx_modseq(struct store_tx *tx)
{
	return tx->modseq;
}

uint64_t
store_tx_next_modseq(struct store_tx *tx)
{
	assert(tx->write);
	tx->account_dirty = true;
	return ++tx->modseq;
}

void
store_tx_moved(struct store_tx *tx, uint32_t collection, uint64_t modseq, bool added)
{
	struct store_moved *m = NULL;

	if (collection == 0)
		tx->tree_modseq = modseq;
	for (size_t i = 0; i < tx->n_moved && !m; i++) {
		if (tx->moved[i].collection == collection)
			m = &tx->moved[i];
	}
	if (!m) {
		tx->moved = xreallocarray(tx->moved, tx->n_moved + 1, sizeof(*tx->moved));
		m = &tx->moved[tx->n_moved++];
		*m = (struct store_moved){
			.user = tx->user,
			.collection = collection,
			.device = tx->who.device,
		};
	}
	m->modseq = modseq;
	m->added = m->added || added;
}

void
store_tx_access_moved(struct store_tx *tx)
{
	/* A number of its own: who misses the news finds out that he is behind. */
	store_tx_moved(tx, STORE_MOVED_ACCESS, store_tx_next_modseq(tx), false);
}

enum rc
store_tx_counters(struct store_tx *tx, uint32_t collection, struct tx_counters **ret)
{
	AUTO(engine_stmt)
	struct engine_stmt *st = NULL;
	struct tx_counters *c;
	enum rc rc;

	for (size_t i = 0; i < tx->n_counters; i++) {
		if (tx->counters[i].collection == collection) {
			*ret = &tx->counters[i];
			return RC_OK;
		}
	}
	rc = sql_one(tx->etx, &st,
	             "SELECT uid_next, modseq, n_items, n_unseen, n_bytes FROM collection"
	             " WHERE owner = $1 AND id = $2",
	             I(tx->user), I(collection));
	if (rc)
		return rc;
	tx->counters =
		xreallocarray(tx->counters, tx->n_counters + 1, sizeof(*tx->counters));
	c = &tx->counters[tx->n_counters++];
	*c = (struct tx_counters){
		.collection = collection,
		.uid_next = col_u32(st, 0),
		.modseq = col_u64(st, 1),
		.n_items = engine_int(st, 2),
		.n_unseen = engine_int(st, 3),
		.n_bytes = engine_int(st, 4),
	};
	*ret = c;
	return RC_OK;
}

void
store_tx_forget_counters(struct store_tx *tx)
{
	tx->n_counters = 0;
}
