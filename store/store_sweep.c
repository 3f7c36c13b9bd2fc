/* SPDX-License-Identifier: ISC
 *
 * store_sweep.c - taking away what retention has passed, a little at a time.
 *
 * Work is done in short transactions, so that nobody waits long behind it, and each
 * leaves a whole store: a sweep may end at any point.
 */
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "store/blobs.h"
#include "store/store_checked.h"
#include "store/store_directory_private.h"
#include "store/store_oof.h"

#define BATCH 200
#define GRACE_MS UINT64_C(86400000)
#define CLOCKS_MS INT64_C(3600000) /* what two nodes' clocks may be apart */
/* A user who is just being made looks like one removed (store_user_add). */
#define MAKING_MS INT64_C(3600000)

struct sweep {
	struct store *s;
	int64_t before_ms;        /* gone before: to be taken away */
	int64_t tokens_before_ms; /* of deliveries that nobody will try again */
	uint64_t removed;
};

/* One row to take away. */
struct doomed {
	uint32_t collection;
	uint32_t uid;
	uint64_t expunged;
	uint64_t content;
};

static enum rc
read_doomed(struct engine_stmt *st, struct doomed *list, size_t *ret_n)
{
	size_t n = 0;
	enum rc rc = RC_OK;

	while (n < BATCH && (rc = engine_step(st)) == RC_OK) {
		list[n++] = (struct doomed){
			.collection = col_u32(st, 0),
			.uid = col_u32(st, 1),
			.expunged = col_u64(st, 2),
			.content = col_u64(st, 3),
		};
	}
	*ret_n = n;
	return sql_end(rc);
}

static enum rc
remove_tombstone(struct store_tx *tx, const struct doomed *d)
{
	enum rc rc = sql_run(tx->etx,
	                     "DELETE FROM tombstone"
	                     " WHERE owner = $1 AND collection = $2 AND uid = $3",
	                     I(tx->user), I(d->collection), I(d->uid));

	if (!rc && d->content != 0)
		rc = content_unref(tx, d->content);
	/* Who was last here before this one cannot be told what was lost. */
	if (!rc)
		rc = sql_run(tx->etx,
		             "UPDATE collection SET log_floor = $3"
		             " WHERE owner = $1 AND id = $2 AND log_floor < $3",
		             I(tx->user), I(d->collection), I(d->expunged));
	return rc;
}

static enum rc
remove_item(struct store_tx *tx, const struct doomed *d)
{
	enum rc rc = sql_run(tx->etx,
	                     "DELETE FROM item"
	                     " WHERE owner = $1 AND collection = $2 AND uid = $3",
	                     I(tx->user), I(d->collection), I(d->uid));

	return rc ? rc : content_unref(tx, d->content);
}

typedef enum rc select_fn(struct store_tx *tx, int64_t before_ms, uint32_t collection,
                          struct engine_stmt **ret);
typedef enum rc remove_fn(struct store_tx *tx, const struct doomed *d);

static enum rc
select_tombstones(struct store_tx *tx, int64_t before_ms, uint32_t collection UNUSED,
                  struct engine_stmt **ret)
{
	return sql_each(tx->etx, ret,
	                "SELECT collection, uid, expunged, content FROM tombstone"
	                " WHERE owner = $1 AND gone_ms < $2 ORDER BY gone_ms LIMIT $3",
	                I(tx->user), I(before_ms), I(BATCH));
}

static enum rc
select_tombstones_of(struct store_tx *tx, int64_t before_ms UNUSED, uint32_t collection,
                     struct engine_stmt **ret)
{
	return sql_each(tx->etx, ret,
	                "SELECT collection, uid, expunged, content FROM tombstone"
	                " WHERE owner = $1 AND collection = $2 LIMIT $3",
	                I(tx->user), I(collection), I(BATCH));
}

static enum rc
select_items_of(struct store_tx *tx, int64_t before_ms UNUSED, uint32_t collection,
                struct engine_stmt **ret)
{
	return sql_each(tx->etx, ret,
	                "SELECT collection, uid, modseq, content FROM item"
	                " WHERE owner = $1 AND collection = $2 LIMIT $3",
	                I(tx->user), I(collection), I(BATCH));
}

/* One transaction's worth; *ret_more: it was full. */
static enum rc
remove_batch(struct sweep *w, uint64_t user, uint32_t collection, select_fn *select,
             remove_fn *remove, bool *ret_more)
{
	AUTO(store_tx)
	struct store_tx *tx = NULL;
	AUTO(engine_stmt)
	struct engine_stmt *st = NULL;
	struct doomed list[BATCH];
	size_t n = 0;
	enum rc rc = store_write(w->s, user, NULL, &tx);

	if (!rc)
		rc = select(tx, w->before_ms, collection, &st);
	if (!rc)
		rc = read_doomed(st, list, &n);
	engine_stmt_free(TAKE(st));
	for (size_t i = 0; !rc && i < n; i++)
		rc = remove(tx, &list[i]);
	*ret_more = n == BATCH;
	if (!rc && n > 0) {
		/* No modseq tells of it: an incremental backup asks for this. */
		tx->swept++;
		tx->account_dirty = true;
		rc = store_commit(&tx);
	}
	if (!rc)
		w->removed += n;
	return rc;
}

static enum rc
remove_all(struct sweep *w, uint64_t user, uint32_t collection, select_fn *select,
           remove_fn *remove)
{
	bool more = true;
	enum rc rc = RC_OK;

	while (!rc && more)
		rc = remove_batch(w, user, collection, select, remove, &more);
	return rc;
}

/* RC_NOT_FOUND: there is none. */
static enum rc
find_gone_collection(struct sweep *w, uint64_t user, uint32_t *ret_id,
                     uint64_t *ret_expunged)
{
	AUTO(store_tx)
	struct store_tx *tx = NULL;
	AUTO(engine_stmt)
	struct engine_stmt *st = NULL;
	enum rc rc = store_read(w->s, user, &tx);

	if (!rc)
		rc = sql_one(
			tx->etx, &st,
			"SELECT id, expunged FROM collection_gone"
			" WHERE owner = $1 AND gone_ms < $2 ORDER BY expunged LIMIT 1",
			I(user), I(w->before_ms));
	if (rc)
		return rc;
	*ret_id = col_u32(st, 0);
	*ret_expunged = col_u64(st, 1);
	return RC_OK;
}

static enum rc
forget_collection(struct sweep *w, uint64_t user, uint32_t id, uint64_t expunged)
{
	AUTO(store_tx)
	struct store_tx *tx = NULL;
	enum rc rc = store_write(w->s, user, NULL, &tx);

	if (!rc)
		rc = sql_run(
			tx->etx,
			"DELETE FROM client_add WHERE owner = $1 AND collection = $2",
			I(user), I(id));
	if (!rc)
		rc = sql_run(
			tx->etx,
			"DELETE FROM thread_item WHERE owner = $1 AND collection = $2",
			I(user), I(id));
	if (!rc)
		rc = sql_run(
			tx->etx,
			"DELETE FROM thread_state WHERE owner = $1 AND collection = $2",
			I(user), I(id));
	if (!rc)
		rc = sql_run(tx->etx,
		             "DELETE FROM collection_gone WHERE owner = $1 AND id = $2",
		             I(user), I(id));
	if (rc)
		return rc;
	if (tx->tree_floor < expunged) {
		tx->tree_floor = expunged;
		tx->account_dirty = true;
	}
	return store_commit(&tx);
}

static enum rc
sweep_collections(struct sweep *w, uint64_t user)
{
	uint64_t expunged;
	uint32_t id;
	enum rc rc;

	while ((rc = find_gone_collection(w, user, &id, &expunged)) == RC_OK) {
		rc = remove_all(w, user, id, select_items_of, remove_item);
		if (!rc)
			rc = remove_all(w, user, id, select_tombstones_of,
			                remove_tombstone);
		if (!rc)
			rc = forget_collection(w, user, id, expunged);
		if (rc)
			return rc;
		w->removed++;
	}
	return sql_end(rc);
}

/* Is there anything to write for? */
static enum rc
look_at_user(struct sweep *w, uint64_t user, bool *ret)
{
	AUTO(store_tx)
	struct store_tx *tx = NULL;
	AUTO(engine_stmt)
	struct engine_stmt *gone = NULL;
	AUTO(engine_stmt)
	struct engine_stmt *adds = NULL;
	AUTO(engine_stmt)
	struct engine_stmt *tokens = NULL;
	AUTO(engine_stmt)
	struct engine_stmt *told = NULL;
	enum rc rc = store_read(w->s, user, &tx);

	if (rc)
		return rc;
	rc = sql_one(
		tx->etx, &gone,
		"SELECT uid FROM tombstone WHERE owner = $1 AND gone_ms < $2 LIMIT 1",
		I(user), I(w->before_ms));
	if (rc == RC_NOT_FOUND)
		rc = sql_one(
			tx->etx, &adds,
			"SELECT uid FROM client_add WHERE owner = $1 AND added_ms < $2"
			" LIMIT 1",
			I(user), I(w->before_ms));
	if (rc == RC_NOT_FOUND)
		rc = sql_one(
			tx->etx, &tokens,
			"SELECT token FROM delivered WHERE owner = $1 AND done_ms < $2"
			" LIMIT 1",
			I(user), I(w->tokens_before_ms));
	if (rc == RC_NOT_FOUND)
		rc = sql_one(
			tx->etx, &told,
			"SELECT version FROM oof_told WHERE owner = $1 AND told_ms < $2"
			" LIMIT 1",
			I(user), I(clock_wall_ms() - STORE_OOF_KEPT_MS));
	if (rc && rc != RC_NOT_FOUND)
		return rc;
	*ret = rc == RC_OK;
	return RC_OK;
}

static enum rc
sweep_notes(struct sweep *w, uint64_t user)
{
	AUTO(store_tx)
	struct store_tx *tx = NULL;
	enum rc rc = store_write(w->s, user, NULL, &tx);

	if (!rc)
		rc = sql_run(tx->etx,
		             "DELETE FROM client_add WHERE owner = $1 AND added_ms < $2",
		             I(user), I(w->before_ms));
	if (!rc)
		rc = sql_run(tx->etx,
		             "DELETE FROM delivered WHERE owner = $1 AND done_ms < $2",
		             I(user), I(w->tokens_before_ms));
	if (!rc)
		rc = sql_run(tx->etx,
		             "DELETE FROM oof_told WHERE owner = $1 AND told_ms < $2",
		             I(user), I(clock_wall_ms() - STORE_OOF_KEPT_MS));
	return rc ? rc : store_commit(&tx);
}

static enum rc
sweep_living(struct sweep *w, uint64_t user)
{
	bool has_work = false;
	enum rc rc = look_at_user(w, user, &has_work);

	if (!rc && has_work) {
		rc = remove_all(w, user, 0, select_tombstones, remove_tombstone);
		if (!rc)
			rc = sweep_notes(w, user);
	}
	return rc ? rc : sweep_collections(w, user);
}

static const char *const account_rows[] = {
	"DELETE FROM search_word WHERE owner = $1",
	"DELETE FROM search_state WHERE owner = $1",
	"DELETE FROM thread_item WHERE owner = $1",
	"DELETE FROM thread_state WHERE owner = $1",
	"DELETE FROM client_add WHERE owner = $1",
	"DELETE FROM delivered WHERE owner = $1",
	"DELETE FROM oof WHERE owner = $1",
	"DELETE FROM conversation_rule WHERE owner = $1",
	"DELETE FROM oof_told WHERE owner = $1",
	"DELETE FROM sync_cursor WHERE owner = $1",
	"DELETE FROM device_recovery WHERE owner = $1",
	"DELETE FROM device WHERE owner = $1",
	"DELETE FROM collection_gone WHERE owner = $1",
	"DELETE FROM collection WHERE owner = $1",
	"DELETE FROM content WHERE owner = $1",
	"DELETE FROM account WHERE owner = $1",
};

static enum rc
load_collection_ids(struct sweep *w, uint64_t user, struct arena *a, uint32_t **ret,
                    size_t *ret_n)
{
	AUTO(store_tx)
	struct store_tx *tx = NULL;
	AUTO(engine_stmt)
	struct engine_stmt *st = NULL;
	uint32_t *list = NULL;
	size_t n = 0;
	size_t cap = 0;
	enum rc rc = store_read(w->s, user, &tx);

	if (!rc)
		rc = sql_each(
			tx->etx, &st,
			"SELECT id FROM collection WHERE owner = $1"
			" UNION ALL SELECT id FROM collection_gone WHERE owner = $1",
			I(user));
	while (!rc && (rc = engine_step(st)) == RC_OK) {
		list = grow(list, n, &cap, sizeof(*list));
		list[n++] = col_u32(st, 0);
	}
	rc = sql_end(rc);
	if (!rc) {
		*ret = arena_array(a, n, uint32_t);
		if (n > 0)
			memcpy(*ret, list, n * sizeof(*list));
		*ret_n = n;
	}
	free(list);
	return rc;
}

/* A user who was removed and whose time has passed: everything. */
static enum rc
purge_account(struct sweep *w, uint64_t user)
{
	AUTO(arena)
	struct arena *a = arena_new();
	AUTO(store_tx)
	struct store_tx *tx = NULL;
	uint32_t *ids = NULL;
	size_t n = 0;
	enum rc rc = load_collection_ids(w, user, a, &ids, &n);

	for (size_t i = 0; !rc && i < n; i++) {
		rc = remove_all(w, user, ids[i], select_items_of, remove_item);
		if (!rc)
			rc = remove_all(w, user, ids[i], select_tombstones_of,
			                remove_tombstone);
	}
	if (!rc)
		rc = store_write(w->s, user, NULL, &tx);
	for (size_t i = 0; !rc && i < ARRAY_LEN(account_rows); i++)
		rc = sql_run(tx->etx, account_rows[i], I(user));
	return rc ? rc : store_commit(&tx);
}

static enum rc
purge_user(struct sweep *w, uint64_t user)
{
	AUTO(engine_tx)
	struct engine_tx *etx = NULL;
	enum rc rc = purge_account(w, user);

	if (rc ==
	    RC_NOT_FOUND) /* never made whole, or purged before the directory's row */
		rc = RC_OK;
	if (!rc)
		rc = directory_begin(w->s, true, &etx);
	if (!rc)
		rc = sql_run(etx, "DELETE FROM person WHERE id = $1", I(user));
	if (!rc)
		rc = sql_run(etx,
		             "DELETE FROM mail_user WHERE id = $1 AND removed_ms <> 0",
		             I(user));
	if (!rc)
		rc = engine_commit(&etx);
	if (!rc)
		w->removed++;
	return rc;
}

struct person {
	uint64_t id;
	int64_t removed_ms;
};

static enum rc
load_people(struct store *s, struct person **ret, size_t *ret_n)
{
	AUTO(engine_tx)
	struct engine_tx *etx = NULL;
	AUTO(engine_stmt)
	struct engine_stmt *st = NULL;
	struct person *list = NULL;
	size_t n = 0;
	size_t cap = 0;
	enum rc rc = directory_begin(s, false, &etx);

	if (!rc)
		rc = sql_each(etx, &st,
		              "SELECT id, removed_ms FROM mail_user ORDER BY id"
		              " /* long */");
	while (!rc && (rc = engine_step(st)) == RC_OK) {
		list = grow(list, n, &cap, sizeof(*list));
		list[n++] = (struct person){ col_u64(st, 0), engine_int(st, 1) };
	}
	rc = sql_end(rc);
	if (rc) {
		free(list);
		return rc;
	}
	*ret = list;
	*ret_n = n;
	return RC_OK;
}

/* The first eight bytes of each hash in use: a rare double only keeps a file longer. */
struct marks {
	uint64_t *p;
	size_t n;
	size_t cap;
};

static enum rc
read_marks(struct engine_stmt *st, struct marks *m)
{
	enum rc rc;

	while ((rc = engine_step(st)) == RC_OK) {
		struct span hash = engine_bytes(st, 0);

		m->p = grow(m->p, m->n, &m->cap, sizeof(*m->p));
		m->p[m->n] = 0;
		memcpy(&m->p[m->n++], hash.p, hash.n < 8 ? hash.n : 8);
	}
	return sql_end(rc);
}

/* Also of one whose rows a restore is just replacing. */
static enum rc
mark_user(struct store *s, uint64_t user, struct marks *m)
{
	AUTO(engine_tx)
	struct engine_tx *etx = NULL;
	AUTO(engine_stmt)
	struct engine_stmt *st = NULL;
	enum rc rc = engine_begin(s->engine, ENGINE_SHARD, store_shard_of(s, user), false,
	                          &etx);

	if (!rc)
		rc = sql_each(etx, &st,
		              "SELECT sha256 FROM content WHERE owner = $1 AND form = 2"
		              " /* long */",
		              I(user));
	if (!rc)
		rc = read_marks(st, m);
	return rc;
}

static enum rc
mark_queue(struct store *s, struct marks *m)
{
	AUTO(engine_tx)
	struct engine_tx *etx = NULL;
	AUTO(engine_stmt)
	struct engine_stmt *st = NULL;
	enum rc rc = engine_begin(s->engine, ENGINE_QUEUE, 0, false, &etx);

	if (!rc)
		rc = sql_each(etx, &st,
		              "SELECT sha256 FROM content WHERE form = 2 /* long */");
	return rc ? rc : read_marks(st, m);
}

static int
compare_u64(const void *pa, const void *pb)
{
	uint64_t a = *(const uint64_t *)pa;
	uint64_t b = *(const uint64_t *)pb;

	return a < b ? -1 : a > b;
}

static bool
is_marked(const struct sha256 *hash, void *arg)
{
	struct marks *m = arg;
	uint64_t key;

	memcpy(&key, hash->b, sizeof(key));
	return m->n > 0 && bsearch(&key, m->p, m->n, sizeof(key), compare_u64);
}

static enum rc
sweep_blobs(struct sweep *w)
{
	struct marks m = { 0 };
	struct person *people = NULL;
	uint64_t removed = 0;
	size_t n = 0;
	enum rc rc = load_people(w->s, &people, &n);

	for (size_t i = 0; !rc && i < n; i++)
		rc = mark_user(w->s, people[i].id, &m);
	if (!rc)
		rc = mark_queue(w->s, &m);
	if (m.n > 0)
		qsort(m.p, m.n, sizeof(*m.p), compare_u64);
	if (!rc)
		rc = blobs_sweep(w->s->blobs, GRACE_MS, is_marked, &m, &removed);
	w->removed += removed;
	free(people);
	free(m.p);
	return rc;
}

/* A delivery is noted after its entry was queued: notes older than the oldest entry are
 * of entries that are gone. */
static enum rc
find_oldest_entry(struct sweep *w)
{
	AUTO(engine_tx)
	struct engine_tx *etx = NULL;
	AUTO(engine_stmt)
	struct engine_stmt *st = NULL;
	enum rc rc = engine_begin(w->s->engine, ENGINE_QUEUE, 0, false, &etx);

	w->tokens_before_ms = clock_wall_ms() - (int64_t)GRACE_MS;
	if (!rc)
		rc = sql_one(etx, &st,
		             "SELECT queued_ms FROM entry ORDER BY queued_ms LIMIT 1");
	if (!rc && engine_int(st, 0) - CLOCKS_MS < w->tokens_before_ms)
		w->tokens_before_ms = engine_int(st, 0) - CLOCKS_MS;
	return sql_end(rc);
}

enum rc
store_sweep(struct store *s, uint64_t *ret_removed)
{
	struct sweep w = {
		.s = s,
		.before_ms = clock_wall_ms() - (int64_t)s->conf.retention_ms,
	};
	struct person *people = NULL;
	size_t n = 0;
	enum rc rc;

	pthread_mutex_lock(&s->sweep_mutex);
	rc = find_oldest_entry(&w);
	if (!rc)
		rc = load_people(s, &people, &n);
	for (size_t i = 0; !rc && i < n; i++) {
		if (people[i].removed_ms == 0)
			rc = sweep_living(&w, people[i].id);
		else if (people[i].removed_ms < w.before_ms &&
		         people[i].removed_ms < clock_wall_ms() - MAKING_MS)
			rc = purge_user(&w, people[i].id);
		/* Purged meanwhile; held by a restore, or in the way of another node: the
		 * next sweep. */
		if (rc == RC_NOT_FOUND || rc == RC_AGAIN)
			rc = RC_OK;
	}
	if (!rc)
		rc = sweep_blobs(&w);
	if (!rc)
		rc = store_checked_sweep(s);
	pthread_mutex_unlock(&s->sweep_mutex);
	free(people);
	if (!rc)
		*ret_removed = w.removed;
	return rc;
}
