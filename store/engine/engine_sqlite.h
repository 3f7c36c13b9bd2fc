/* SPDX-License-Identifier: ISC
 *
 * engine_sqlite.h - shared by the files of the SQLite engine.
 *
 * engine_sqlite.c opens files and hands out connections; sqlite_stmt.c runs statements;
 * sqlite_group.c is the writers' turn and the group commit.
 */
#ifndef STORE_ENGINE_ENGINE_SQLITE_H
#define STORE_ENGINE_ENGINE_SQLITE_H

#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/list.h"
#include "store/engine/engine_private.h"

#define STMT_BUCKETS 64
#define STMT_ARGS_MAX 32
#define GROUP_MEMBERS_MAX 256
#define CHECKPOINT_PAGES 1000 /* 4 MB of WAL: what a writer may have to wait for */

struct sqlite_db;

struct sqlite_stmt {
	struct engine_stmt base;
	sqlite3_stmt *h;
	struct sqlite_conn *conn;
	const char *sql; /* its address is the key */
	struct sqlite_stmt *next;
	bool busy;
	bool kept; /* in the connection's cache */
	unsigned n_params;
	uint8_t place[STMT_ARGS_MAX]; /* of SQLite's parameter i+1 in args */
};

struct sqlite_conn {
	struct sqlite_db *db;
	sqlite3 *h;
	struct sqlite_stmt *cache[STMT_BUCKETS];
	int wal_pages;    /* writer: length of the WAL at the last commit */
	struct list link; /* reader: in the pool */
};

struct sqlite_group {
	unsigned refs; /* its members and the database, under the database's mutex */
	unsigned n;    /* members that have joined */
	uint64_t opened_us;
	bool is_done;
	enum rc rc;
	pthread_cond_t done;
};

struct sqlite_db {
	struct engine_sqlite *e;
	enum engine_db kind;
	char *path;

	pthread_mutex_t open_mutex; /* over opening; mutex is the inner one */
	atomic_bool is_open;
	pthread_mutex_t mutex; /* all below; never held while SQLite works */
	struct list readers;   /* idle read connections, the last used in front */
	unsigned n_readers;
	unsigned n_spare; /* the fewest that were idle in this span of time */
	uint64_t spare_since_us;

	struct sqlite_conn *writer; /* used by who has the turn */
	bool turn_taken;
	struct list waiters;        /* for the turn, in order */
	struct sqlite_group *group; /* open: BEGIN was run */

	pthread_t committer;
	bool committer_runs;
	bool committer_due; /* the turn is the committer's */
	bool quit;
	pthread_cond_t committer_wake;
};

struct engine_sqlite {
	struct engine base;
	char *directory;
	int lock_fd;
	unsigned readers; /* idle ones to keep, with their pages */
	uint64_t window_us;
	struct engine_schema schema[ENGINE_DB_N];
	struct sqlite_db *dbs; /* directory, queue, shards */
	size_t n_dbs;
	atomic_uint_fast64_t commits;
	atomic_uint_fast64_t members;
	atomic_uint_fast64_t parsed;
};

struct sqlite_tx {
	struct engine_tx base;
	struct sqlite_db *db;
	struct sqlite_conn *conn;
	struct sqlite_group *group; /* writers: joined at begin */
	enum rc broken;             /* SQLite has rolled back the whole group */
};

/* SQLite's result in ours; the only place that knows both. */
enum rc rc_from_sqlite(int code);
/* The same, and a line in the log for what an admin must hear of. */
enum rc sqlite_conn_rc(struct sqlite_conn *c, int code);

/* sqlite_stmt.c */
enum rc sqlite_conn_exec(struct sqlite_conn *c, const char *sql) MUST_CHECK;
/* One statement without parameters, which stays prepared: sql is a literal, known again
 * by its address. BEGIN and COMMIT by sqlite3_exec() cost more than a look-up. */
enum rc sqlite_conn_run(struct sqlite_conn *c, const char *sql) MUST_CHECK;
void sqlite_conn_rollback(struct sqlite_conn *c);
enum rc
sqlite_stmt_prepare(struct engine_tx *tx, const char *sql, const struct engine_arg *args,
                    size_t n, struct engine_stmt **ret) MUST_CHECK;
enum rc sqlite_stmt_step(struct engine_stmt *st) MUST_CHECK;
int64_t sqlite_stmt_int(struct engine_stmt *st, unsigned column);
struct span sqlite_stmt_bytes(struct engine_stmt *st, unsigned column);
void sqlite_stmt_free(struct engine_stmt *st);
uint64_t sqlite_changed_rows(struct engine_tx *tx);
enum rc sqlite_explain(struct engine_tx *tx, const char *sql, struct buf *out) MUST_CHECK;
/* Finalises all that is cached. */
void sqlite_conn_forget(struct sqlite_conn *c);

/* sqlite_group.c */
enum rc sqlite_group_begin(struct sqlite_tx *tx) MUST_CHECK;
enum rc sqlite_group_submit(struct engine_tx *tx, bool will_wait) MUST_CHECK;
enum rc sqlite_group_wait(struct sqlite_tx *tx) MUST_CHECK;
/* Undoes the member's work and gives the turn on. */
void sqlite_group_leave(struct sqlite_tx *tx);
/* After a failed statement: has SQLite given up the whole transaction? */
void sqlite_group_check(struct sqlite_tx *tx, enum rc rc);
enum rc sqlite_group_start(struct sqlite_db *db) MUST_CHECK;
void sqlite_group_stop(struct sqlite_db *db);

#endif
