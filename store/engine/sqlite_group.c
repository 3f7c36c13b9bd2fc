/* SPDX-License-Identifier: ISC
 *
 * sqlite_group.c - group commit of the SQLite engine.
 *
 * Each file has one connection that writes and checkpoints, and one turn to use it. A
 * writer takes the turn, works inside a savepoint of the group's open transaction, gives
 * the turn to the next and waits. Who finds nobody waiting behind it (or the group full,
 * or old) commits for all. So one writer alone pays one sync, and many that come while a
 * sync is running share the next.
 *
 * Members whose thread does not wait at once (a delivery to several shards) leave the
 * commit to the file's committer thread, and so are checkpoints: nobody who waits for a
 * commit waits for a checkpoint.
 */
#include <assert.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metric.h"
#include "store/engine/engine_sqlite.h"

static struct metric commits =
	METRIC_COUNTER("godwit_store_commits_total", "Group commits made durable.");
static struct metric members =
	METRIC_COUNTER("godwit_store_transactions_total", "Write transactions in them.");
static struct metric commit_time =
	METRIC_HISTOGRAM("godwit_store_commit_seconds", "Time of one group commit.");
static struct metric checkpoint_time =
	METRIC_HISTOGRAM("godwit_store_checkpoint_seconds", "Time of one checkpoint.");

struct waiter {
	struct list link;
	pthread_cond_t granted_cond;
	bool granted;
};

static void
take_turn(struct sqlite_db *db)
{
	struct waiter w = { .granted = false };

	pthread_mutex_lock(&db->mutex);
	if (!db->turn_taken) {
		db->turn_taken = true;
		pthread_mutex_unlock(&db->mutex);
		return;
	}
	pthread_cond_init(&w.granted_cond, NULL);
	list_push_back(&db->waiters, &w.link);
	while (!w.granted)
		pthread_cond_wait(&w.granted_cond, &db->mutex);
	pthread_mutex_unlock(&db->mutex);
	pthread_cond_destroy(&w.granted_cond);
}

/* Under the mutex: gives the turn to the next in line, if there is one. */
static void
pass_turn(struct sqlite_db *db)
{
	if (list_is_empty(&db->waiters)) {
		db->turn_taken = false;
	} else {
		struct waiter *w = list_first(&db->waiters, struct waiter, link);

		list_remove(&w->link);
		w->granted = true;
		pthread_cond_signal(&w->granted_cond);
	}
}

static void
turn_to_committer(struct sqlite_db *db)
{
	db->committer_due = true;
	pthread_cond_signal(&db->committer_wake);
}

static void
group_unref(struct sqlite_group *g)
{
	if (--g->refs > 0)
		return;
	pthread_cond_destroy(&g->done);
	free(g);
}

/* Under the mutex: the open group has ended this way. */
static void
group_end(struct sqlite_db *db, enum rc rc)
{
	struct sqlite_group *g = TAKE(db->group);

	g->is_done = true;
	g->rc = rc;
	pthread_cond_broadcast(&g->done);
	group_unref(g);
}

/* With the turn. */
static void
group_commit(struct sqlite_db *db)
{
	struct sqlite_conn *c = db->writer;
	uint64_t start = clock_mono_us();
	unsigned n = db->group->n;
	enum rc rc = engine_must_fail() ? RC_IO : sqlite_conn_run(c, "COMMIT");

	if (rc && !sqlite3_get_autocommit(c->h))
		sqlite_conn_rollback(c);
	if (!rc) {
		atomic_fetch_add(&db->e->commits, 1);
		atomic_fetch_add(&db->e->members, n);
		metric_add(&commits, 1);
		metric_add(&members, n);
		metric_observe_us(&commit_time, clock_mono_us() - start);
	}
	pthread_mutex_lock(&db->mutex);
	group_end(db, rc);
	pthread_mutex_unlock(&db->mutex);
}

/* Under the mutex. */
static bool
group_is_due(struct sqlite_db *db)
{
	struct sqlite_group *g = db->group;

	return list_is_empty(&db->waiters) || g->n >= GROUP_MEMBERS_MAX ||
	       clock_mono_us() - g->opened_us >= db->e->window_us;
}

/* The turn's holder is through: commit or leave it to the next; then the turn goes on. */
static void
end_turn(struct sqlite_db *db, bool commit_here)
{
	bool due;

	pthread_mutex_lock(&db->mutex);
	due = db->group && group_is_due(db);
	if (due && db->group->n > 0 && !commit_here) {
		turn_to_committer(db);
		pthread_mutex_unlock(&db->mutex);
		return;
	}
	if (due) {
		pthread_mutex_unlock(&db->mutex);
		group_commit(db);
		pthread_mutex_lock(&db->mutex);
	}
	if (!db->group && db->writer->wal_pages >= CHECKPOINT_PAGES)
		turn_to_committer(db);
	else
		pass_turn(db);
	pthread_mutex_unlock(&db->mutex);
}

enum rc
sqlite_group_begin(struct sqlite_tx *tx)
{
	struct sqlite_db *db = tx->db;
	struct sqlite_conn *c = db->writer;
	enum rc rc = RC_OK;

	take_turn(db);
	if (!db->group) {
		struct sqlite_group *g;

		rc = sqlite_conn_run(c, "BEGIN IMMEDIATE");
		if (rc) {
			end_turn(db, false);
			return rc;
		}
		g = xcalloc(1, sizeof(*g));
		g->refs = 1;
		g->opened_us = clock_mono_us();
		pthread_cond_init(&g->done, NULL);
		pthread_mutex_lock(&db->mutex);
		db->group = g;
		pthread_mutex_unlock(&db->mutex);
	}
	rc = sqlite_conn_run(c, "SAVEPOINT member");
	if (rc) {
		sqlite_group_check(tx, rc);
		end_turn(db, false);
		return rc;
	}
	pthread_mutex_lock(&db->mutex);
	tx->group = db->group;
	tx->group->refs++;
	pthread_mutex_unlock(&db->mutex);
	return RC_OK;
}

enum rc
sqlite_group_submit(struct engine_tx *base, bool will_wait)
{
	struct sqlite_tx *tx = container_of(base, struct sqlite_tx, base);
	enum rc rc = tx->broken;

	if (!rc)
		rc = sqlite_conn_run(tx->conn, "RELEASE member");
	if (rc) {
		sqlite_group_check(tx, rc);
		return rc;
	}
	pthread_mutex_lock(&tx->db->mutex);
	tx->group->n++;
	pthread_mutex_unlock(&tx->db->mutex);
	end_turn(tx->db, will_wait);
	return RC_OK;
}

enum rc
sqlite_group_wait(struct sqlite_tx *tx)
{
	struct sqlite_group *g = tx->group;
	enum rc rc;

	pthread_mutex_lock(&tx->db->mutex);
	while (!g->is_done)
		pthread_cond_wait(&g->done, &tx->db->mutex);
	rc = g->rc;
	group_unref(g);
	pthread_mutex_unlock(&tx->db->mutex);
	return rc;
}

void
sqlite_group_leave(struct sqlite_tx *tx)
{
	struct sqlite_conn *c = tx->conn;

	if (!tx->broken) {
		enum rc rc = sqlite_conn_run(c, "ROLLBACK TO member");

		if (!rc)
			rc = sqlite_conn_run(c, "RELEASE member");
		if (rc) {
			/* What is left of this member must not be committed with others.
			 */
			sqlite_conn_rollback(c);
			sqlite_group_check(tx, rc);
		}
	}
	pthread_mutex_lock(&tx->db->mutex);
	group_unref(tx->group);
	pthread_mutex_unlock(&tx->db->mutex);
	end_turn(tx->db, false);
}

void
sqlite_group_check(struct sqlite_tx *tx, enum rc rc)
{
	struct sqlite_db *db = tx->db;

	if (!sqlite3_get_autocommit(tx->conn->h))
		return;
	tx->broken = rc;
	if (tx->conn != db->writer)
		return;
	pthread_mutex_lock(&db->mutex);
	if (db->group)
		group_end(db, RC_AGAIN);
	pthread_mutex_unlock(&db->mutex);
}

static void
checkpoint(struct sqlite_conn *c)
{
	uint64_t start = clock_mono_us();
	int code = sqlite3_wal_checkpoint_v2(c->h, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL,
	                                     NULL);

	/* Readers may hold it back: the next commit tells the length again. */
	c->wal_pages = 0;
	if (code != SQLITE_OK && code != SQLITE_BUSY)
		(void)sqlite_conn_rc(c, code);
	metric_observe_us(&checkpoint_time, clock_mono_us() - start);
}

static void *
committer_main(void *arg)
{
	struct sqlite_db *db = arg;

	pthread_mutex_lock(&db->mutex);
	for (;;) {
		while (!db->committer_due && !db->quit)
			pthread_cond_wait(&db->committer_wake, &db->mutex);
		if (!db->committer_due)
			break;
		db->committer_due = false;
		pthread_mutex_unlock(&db->mutex);
		if (db->group)
			group_commit(db);
		if (db->writer->wal_pages >= CHECKPOINT_PAGES)
			checkpoint(db->writer);
		pthread_mutex_lock(&db->mutex);
		pass_turn(db);
	}
	pthread_mutex_unlock(&db->mutex);
	return NULL;
}

enum rc
sqlite_group_start(struct sqlite_db *db)
{
	metric_register(&commits);
	metric_register(&members);
	metric_register(&commit_time);
	metric_register(&checkpoint_time);
	if (pthread_create(&db->committer, NULL, committer_main, db) != 0)
		return RC_AGAIN;
	db->committer_runs = true;
	return RC_OK;
}

void
sqlite_group_stop(struct sqlite_db *db)
{
	if (!db->committer_runs)
		return;
	pthread_mutex_lock(&db->mutex);
	db->quit = true;
	pthread_cond_signal(&db->committer_wake);
	pthread_mutex_unlock(&db->mutex);
	pthread_join(db->committer, NULL);
	db->committer_runs = false;
	assert(!db->group && !db->turn_taken);
}
