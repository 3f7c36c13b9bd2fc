/* SPDX-License-Identifier: ISC
 *
 * pg_commit.c - commits, and the outcome of one whose connection broke on the way.
 *
 * Each connection has a row of its own, a slot. What commits raises the slot's serial
 * number in the same message as COMMIT, so it costs no round trip, and the row is as
 * durable as what it commits with. When the answer does not come, another connection
 * looks whether the serial is there. If it is not, it puts a higher one there: a COMMIT
 * that is still on its way (in a socket's buffer, in a backend that has not noticed yet)
 * then fails by the table's check. So both answers are final. pg_xact_status() is not
 * used: a number of a transaction that had not reached the disk may be given again after
 * a crash.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metric.h"
#include "store/engine/engine_pg.h"

#define PAUSE_FIRST_MS 50
#define PAUSE_MAX_MS 1000

#define PREPARE                                                                          \
	"PREPARE godwit_commit (bigint, bigint) AS"                                      \
	" INSERT INTO godwit_engine.commit_slot AS c (slot, serial) VALUES ($1, $2)"     \
	" ON CONFLICT (slot) DO UPDATE SET touched = now(),"                             \
	" serial = CASE WHEN c.serial < $2 THEN $2 ELSE -1 END; "

/* $2 is the number that is asked for. */
static const char look[] =
	"INSERT INTO godwit_engine.commit_slot AS c (slot, serial) VALUES ($1, $2 + 1)"
	" ON CONFLICT (slot) DO UPDATE SET touched = now(),"
	" serial = CASE WHEN c.serial = $2 THEN $2 ELSE $2 + 1 END"
	" RETURNING c.serial = $2";

static struct metric found_done =
	METRIC_COUNTER("godwit_store_commits_found_done_total",
                       "Commits whose connection broke, and which had been done.");
static struct metric found_undone =
	METRIC_COUNTER("godwit_store_commits_found_undone_total",
                       "Commits whose connection broke, and which had not been done.");
static struct metric commits =
	METRIC_COUNTER("godwit_store_commits_total", "Commits by PostgreSQL.");
static struct metric transactions =
	METRIC_COUNTER("godwit_store_transactions_total", "Write transactions.");
static struct metric unknown =
	METRIC_COUNTER("godwit_store_commits_unknown_total",
                       "Commits whose outcome could not be learnt in time.");

enum rc
pg_commit_make(struct pg_conn *c)
{
	metric_register(&found_done);
	metric_register(&found_undone);
	metric_register(&unknown);
	metric_register(&commits);
	metric_register(&transactions);
	return pg_table_make(c, "godwit_engine", "commit_slot",
	                     "slot BIGINT NOT NULL PRIMARY KEY,"
	                     " serial BIGINT NOT NULL CHECK (serial >= 0),"
	                     " touched TIMESTAMPTZ NOT NULL DEFAULT now()");
}

bool
pg_commit_send(struct pg_tx *tx)
{
	struct pg_conn *c = tx->conn;
	char text[sizeof(PREPARE) + 128];

	snprintf(text, sizeof(text),
	         "%s%sEXECUTE godwit_commit(%" PRIu64 ", %" PRIu64 "); COMMIT",
	         tx->released ? "RELEASE part; " : "", c->commit_prepared ? "" : PREPARE,
	         c->slot, ++c->serial);
	atomic_fetch_add_explicit(&tx->e->trips, 1, memory_order_relaxed);
	/* What was not sent to its end is not done either, but may have been sent. */
	return PQsendQuery(c->h, text) == 1 || pg_conn_is_lost(c);
}

/* Reads the answers. True: COMMIT was among them, whatever became of the connection
 * after it. */
static bool
is_committed(struct pg_conn *c, enum rc *ret_rc)
{
	bool committed = false;
	PGresult *r;

	*ret_rc = RC_AGAIN;
	while ((r = PQgetResult(c->h)) != NULL) {
		enum rc rc = pg_conn_rc(c, r);

		/* COMMIT of what has failed answers ROLLBACK and no error. */
		if (!rc && strcmp(PQcmdStatus(r), "COMMIT") == 0)
			committed = true;
		if (!rc && strcmp(PQcmdStatus(r), "PREPARE") == 0)
			c->commit_prepared = true;
		PQclear(r);
		*ret_rc = rc;
	}
	return committed;
}

static void
pause_for(unsigned ms)
{
	struct timespec t = { ms / 1000, (long)(ms % 1000) * 1000000 };

	nanosleep(&t, NULL);
}

/* One question; waits for the old backend where that is at its commit. */
static enum rc
ask(struct engine_pg *e, uint64_t slot, uint64_t serial, bool *ret_done)
{
	char numbers[2][24];
	const char *values[2] = { numbers[0], numbers[1] };
	const Oid types[2] = { 20, 20 }; /* int8 */
	struct pg_conn *c = NULL;
	PGresult *r;
	enum rc rc = pg_pool_get(e, &c);

	if (rc)
		return rc;
	snprintf(numbers[0], sizeof(numbers[0]), "%" PRIu64, slot);
	snprintf(numbers[1], sizeof(numbers[1]), "%" PRIu64, serial);
	r = PQexecParams(c->h, look, 2, types, values, NULL, NULL, 0);
	rc = pg_conn_rc(c, r);
	if (!rc)
		*ret_done = strcmp(PQgetvalue(r, 0, 0), "t") == 0;
	PQclear(r);
	pg_pool_put(e, c);
	return rc;
}

static enum rc
resolve(struct engine_pg *e, uint64_t slot, uint64_t serial, const char *db)
{
	uint64_t until = clock_kernel_ms() + e->resolve_ms;
	unsigned pause = PAUSE_FIRST_MS;
	bool done = false;

	while (ask(e, slot, serial, &done) != RC_OK) {
		if (clock_kernel_ms() >= until) {
			log_error(NULL, "store.engine commit-unknown", "db=%s", db);
			metric_add(&unknown, 1);
			return RC_AGAIN;
		}
		pause_for(pause);
		pause = pause * 2 < PAUSE_MAX_MS ? pause * 2 : PAUSE_MAX_MS;
	}
	log_warn(NULL, "store.engine commit-found", "db=%s done=%d", db, done);
	metric_add(done ? &found_done : &found_undone, 1);
	return done ? RC_OK : RC_AGAIN;
}

enum rc
pg_commit_finish(struct pg_tx *tx)
{
	struct engine_pg *e = tx->e;
	uint64_t slot = tx->conn->slot;
	uint64_t serial = tx->conn->serial;
	enum rc rc = RC_AGAIN;
	bool committed = is_committed(tx->conn, &rc);
	bool lost = pg_conn_is_lost(tx->conn);

	pg_pool_put(e, TAKE(tx->conn));
	if (!committed && lost)
		rc = resolve(e, slot, serial, tx->db->name);
	else if (!committed && rc == RC_OK)
		rc = RC_IO;
	else if (committed)
		rc = RC_OK;
	if (!rc) {
		atomic_fetch_add(&e->commits, 1);
		metric_add(&commits, 1);
		metric_add(&transactions, 1);
	}
	return rc;
}
