/* SPDX-License-Identifier: ISC
 *
 * engine_pg.c - the cluster engine: transactions on PostgreSQL.
 *
 * A read is REPEATABLE READ READ ONLY: one snapshot. A write is READ COMMITTED: its first
 * statement locks a row (the account's, the directory's), and what comes after sees all
 * that those before it have committed. BEGIN goes with the first statement in one message
 * (pg_stmt.c), SAVEPOINT and RELEASE with the next, and nobody waits for the end of what
 * is only read or undone: a round trip is what a statement costs.
 */
#include <assert.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "store/engine/engine_pg.h"

#define TRIES_MAX 3
#define WAIT_MS 5000
/* Senders and clients wait longer than that for an answer; a restarted server is back
 * before, and a standby that takes over as well. */
#define RESOLVE_MS 30000

static const struct engine_ops ops;

static struct engine_pg *
pg_of(struct engine *e)
{
	return container_of(e, struct engine_pg, base);
}

enum rc
pg_tx_note(struct pg_tx *tx, enum rc rc)
{
	if (rc && !tx->lost && pg_conn_is_lost(tx->conn))
		tx->lost = RC_AGAIN;
	return rc;
}

static enum rc
run(struct pg_tx *tx, const char *sql)
{
	atomic_fetch_add_explicit(&tx->e->trips, 1, memory_order_relaxed);
	return pg_tx_note(tx, pg_conn_exec(tx->conn, sql));
}

/* The server may have gone while the connection was idle: nothing is lost with that. */
bool
pg_tx_move(struct pg_tx *tx, unsigned *tries)
{
	if (++*tries == TRIES_MAX)
		return false;
	pg_pool_put(tx->e, TAKE(tx->conn));
	if (pg_pool_get(tx->e, &tx->conn) != RC_OK)
		return false;
	tx->lost = RC_OK;
	return true;
}

static enum rc
start_first(struct pg_tx *tx)
{
	char *sql = xasprintf("%s; %s%s", tx->base.write ? PG_BEGIN_WRITE : PG_BEGIN_READ,
	                      tx->db->path, tx->savepoint ? "; SAVEPOINT part" : "");
	unsigned tries = 0;
	enum rc rc;

	do
		rc = run(tx, sql);
	while (tx->lost && pg_tx_move(tx, &tries));
	free(sql);
	if (rc)
		return rc;
	tx->started = true;
	tx->inside = tx->savepoint;
	tx->savepoint = false;
	return RC_OK;
}

enum rc
pg_tx_start(struct pg_tx *tx)
{
	enum rc rc;

	if (tx->lost)
		return tx->lost;
	if (!tx->started)
		return start_first(tx);
	if (!tx->released && !tx->savepoint)
		return RC_OK;
	rc = run(tx, !tx->released   ? "SAVEPOINT part"
	             : tx->savepoint ? "RELEASE part; SAVEPOINT part"
	                             : "RELEASE part");
	if (rc)
		return rc;
	tx->inside = tx->savepoint;
	tx->released = false;
	tx->savepoint = false;
	return RC_OK;
}

static enum rc
pg_begin(struct engine *base, enum engine_db kind, unsigned shard, bool write,
         struct engine_tx **ret)
{
	struct engine_pg *e = pg_of(base);
	struct pg_tx *tx = xcalloc(1, sizeof(*tx));
	enum rc rc;

	assert(kind != ENGINE_SHARD || shard < e->n_dbs - ENGINE_SHARD);
	tx->e = e;
	tx->db = &e->dbs[kind == ENGINE_SHARD ? ENGINE_SHARD + shard : (unsigned)kind];
	tx->base.write = write;
	rc = pg_pool_get(e, &tx->conn);
	if (rc) {
		free(tx);
		return rc;
	}
	*ret = &tx->base;
	return RC_OK;
}

/* The commit is under way when this returns: those of several databases run side by side.
 */
static enum rc
pg_submit(struct engine_tx *base, bool will_wait UNUSED)
{
	struct pg_tx *tx = pg_tx_of(base);

	if (engine_must_fail())
		return RC_IO;
	if (tx->lost)
		return tx->lost;
	if (!tx->started)
		return RC_OK;
	tx->committing = pg_commit_send(tx);
	return tx->committing ? RC_OK : RC_AGAIN;
}

/* Sends the end of a transaction that nobody waits for, and frees. */
static void
leave(struct pg_tx *tx, const char *how)
{
	if (tx->conn) {
		if (tx->started && !tx->lost)
			tx->conn->ending = PQsendQuery(tx->conn->h, how) == 1;
		pg_pool_put(tx->e, tx->conn);
	}
	free(tx);
}

static enum rc
pg_finish(struct engine_tx *base)
{
	struct pg_tx *tx = pg_tx_of(base);
	enum rc rc;

	if (!tx->committing) {
		leave(tx, "COMMIT");
		return RC_OK;
	}
	rc = pg_commit_finish(tx);
	free(tx);
	return rc;
}

static void
pg_rollback(struct engine_tx *base)
{
	leave(pg_tx_of(base), "ROLLBACK");
}

static enum rc
pg_savepoint(struct engine_tx *base)
{
	struct pg_tx *tx = pg_tx_of(base);

	assert(!tx->inside && !tx->savepoint);
	if (tx->lost)
		return tx->lost;
	tx->savepoint = true;
	return RC_OK;
}

static enum rc
pg_release(struct engine_tx *base)
{
	struct pg_tx *tx = pg_tx_of(base);

	if (tx->lost)
		return tx->lost;
	if (tx->inside)
		tx->released = true;
	tx->inside = false;
	tx->savepoint = false;
	return RC_OK;
}

static enum rc
pg_rollback_to(struct engine_tx *base)
{
	struct pg_tx *tx = pg_tx_of(base);
	enum rc rc = tx->lost;

	/* What the server does not know yet is only forgotten; a part that was released
	 * before stays done. */
	if (!rc && tx->inside)
		rc = run(tx, "ROLLBACK TO part; RELEASE part");
	tx->inside = false;
	tx->savepoint = false;
	return rc;
}

static void
pg_stats(const struct engine *base, struct engine_stats *ret)
{
	const struct engine_pg *e = container_of(base, const struct engine_pg, base);

	ret->commits = atomic_load(&e->commits);
	ret->members = ret->commits;
	ret->parsed = 0;
	ret->round_trips = atomic_load(&e->trips);
}

static void
pg_close(struct engine *base)
{
	struct engine_pg *e = pg_of(base);

	pg_pool_close(e);
	for (size_t i = 0; i < e->n_dbs; i++) {
		free(e->dbs[i].name);
		free(e->dbs[i].path);
	}
	free(e->dbs);
	pthread_cond_destroy(&e->freed);
	pthread_mutex_destroy(&e->mutex);
	free(e->conninfo);
	free(e);
}

static void
db_init(struct engine_pg *e, size_t i)
{
	static const char *const names[] = { "godwit_directory", "godwit_queue",
		                             "godwit_blobs" };
	struct pg_db *db = &e->dbs[i];

	db->kind = i < ENGINE_SHARD ? (enum engine_db)i : ENGINE_SHARD;
	db->name = i < ENGINE_SHARD ? xstrdup(names[i])
	                            : xasprintf("godwit_shard_%03zu", i - ENGINE_SHARD);
	db->path = xasprintf("SET LOCAL search_path TO %s", db->name);
}

static enum rc
upgrade_all(struct engine_pg *e, struct err *err)
{
	enum rc rc = RC_OK;

	for (size_t i = 0; !rc && i < e->n_dbs; i++)
		rc = pg_schema_upgrade(e, &e->dbs[i], err);
	return rc;
}

enum rc
engine_pg_open(const struct engine_conf *conf, struct engine **ret, struct err *err)
{
	struct engine_pg *e;
	char *conninfo = NULL;
	enum rc rc;

	if (!PQisthreadsafe())
		return err_set(err, RC_UNSUPPORTED,
		               "this libpq is built without threads");
	rc = pg_conninfo_load(conf->conninfo, &conninfo, err);
	if (rc)
		return rc;
	e = xcalloc(1, sizeof(*e));
	e->base.ops = &ops;
	e->conninfo = conninfo;
	e->n_max = conf->connections;
	e->wait_ms = conf->connection_wait_ms ? conf->connection_wait_ms : WAIT_MS;
	e->resolve_ms = conf->resolve_ms ? conf->resolve_ms : RESOLVE_MS;
	memcpy(e->schema, conf->schema, sizeof(e->schema));
	pg_pool_init(e);
	e->n_dbs = ENGINE_SHARD + conf->shards;
	e->dbs = xcalloc(e->n_dbs, sizeof(*e->dbs));
	for (size_t i = 0; i < e->n_dbs; i++)
		db_init(e, i);
	rc = upgrade_all(e, err);
	if (rc) {
		pg_close(&e->base);
		return rc;
	}
	*ret = &e->base;
	return RC_OK;
}

static const struct engine_ops ops = {
	.close = pg_close,
	.begin = pg_begin,
	.submit = pg_submit,
	.finish = pg_finish,
	.rollback = pg_rollback,
	.savepoint = pg_savepoint,
	.release = pg_release,
	.rollback_to = pg_rollback_to,
	.prepare = pg_stmt_prepare,
	.step = pg_stmt_step,
	.get_int = pg_stmt_int,
	.get_bytes = pg_stmt_bytes,
	.stmt_free = pg_stmt_free,
	.changed_rows = pg_changed_rows,
	.check = pg_check,
	.stats = pg_stats,
	.explain = pg_explain,
};
