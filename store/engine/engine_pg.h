/* SPDX-License-Identifier: ISC
 *
 * engine_pg.h - shared by the files of the PostgreSQL engine.
 *
 * engine_pg.c is transactions, pg_commit.c the outcome of a commit whose connection
 * broke, pg_pool.c connections, pg_stmt.c statements, pg_schema.c the steps of the schema
 * and the check of everything.
 *
 * Each of our databases is a schema of one PostgreSQL database: godwit_directory,
 * godwit_queue, godwit_blobs, godwit_shard_000... A transaction sets its search_path, so
 * that the SQL text is that of SQLite.
 */
#ifndef STORE_ENGINE_ENGINE_PG_H
#define STORE_ENGINE_ENGINE_PG_H

#include <libpq-fe.h>
#include <pthread.h>
#include <stdatomic.h>

#include "base/list.h"
#include "store/engine/engine_private.h"

#define PG_BUCKETS 64
#define PG_ARGS_MAX 32
#define PG_PIECE_ROWS "500" /* of a long statement, fetched at a time */

struct engine_pg;

/* One of our databases. */
struct pg_db {
	enum engine_db kind;
	char *name; /* the PostgreSQL schema */
	char *path; /* sets the search_path for a transaction */
};

#define PG_BEGIN_READ "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
#define PG_BEGIN_WRITE "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"

/* A statement prepared on one connection: it belongs to a schema as well, since the same
 * text may name tables of two. */
struct pg_prepared {
	const char *sql; /* its address is the key */
	const struct pg_db *db;
	char name[16];
	struct pg_prepared *next;
};

struct pg_conn {
	struct list link; /* idle: in the pool */
	PGconn *h;
	struct pg_prepared *cache[PG_BUCKETS];
	unsigned n_prepared;
	bool ending; /* idle: the result of COMMIT or ROLLBACK is still to be read */
	/* Its row among the commit slots, and the number of the last commit sent. */
	uint64_t slot;
	uint64_t serial;
	bool commit_prepared;
};

struct engine_pg {
	struct engine base;
	char *conninfo;
	struct engine_schema schema[ENGINE_DB_N];
	struct pg_db *dbs; /* directory, queue, blobs, shards */
	size_t n_dbs;

	pthread_mutex_t mutex; /* all below; never held while waiting for the server */
	pthread_cond_t freed;
	struct list idle; /* last used first */
	unsigned n_open;
	unsigned n_max;
	unsigned wait_ms;     /* for one of them */
	unsigned resolve_ms;  /* for the outcome of a commit */
	bool has_slots;       /* the table of commit slots is there */
	uint64_t back_off_ms; /* 0: the last attempt to connect went well */
	uint64_t retry_at_ms; /* not before that */

	atomic_uint_fast64_t commits;
	atomic_uint_fast64_t trips;
};

struct pg_tx {
	struct engine_tx base;
	struct engine_pg *e;
	const struct pg_db *db;
	struct pg_conn *conn;
	bool started;    /* BEGIN was sent: with the first statement */
	bool savepoint;  /* one is asked for, sent with the next statement */
	bool inside;     /* of a savepoint that the server knows */
	bool released;   /* RELEASE goes with the next statement or the commit */
	bool committing; /* COMMIT was sent */
	enum rc lost;    /* the connection is gone */
	unsigned n_cursors;
	uint64_t changed; /* rows, by the last statement */
};

struct pg_stmt {
	struct engine_stmt base;
	const char *sql;
	bool is_long; /* read through a cursor */
	bool ran;
	bool ended;
	unsigned cursor;
	PGresult *rows;
	int row;
	int n;
	Oid types[PG_ARGS_MAX];
	const char *values[PG_ARGS_MAX];
	int lengths[PG_ARGS_MAX];
	int64_t ints[PG_ARGS_MAX]; /* in network order */
};

static inline struct pg_tx *
pg_tx_of(struct engine_tx *tx)
{
	return container_of(tx, struct pg_tx, base);
}

/* PostgreSQL's SQLSTATE in ours, "" for none; the only place that knows both. */
enum rc rc_from_pg(const char *sqlstate);
/* The result of a command, and a line in the log for what an admin must hear of. A result
 * that is NULL means that the connection is lost, or no memory. */
enum rc pg_conn_rc(struct pg_conn *c, const PGresult *r);

/* pg_pool.c */
void pg_pool_init(struct engine_pg *e);
/* The conninfo that is meant by the option: the text, or the file when it begins with
 * '/'. To be freed. */
enum rc pg_conninfo_load(const char *option, char **ret, struct err *err) MUST_CHECK;
bool pg_conn_is_lost(const struct pg_conn *c);
/* Runs one or more commands without parameters; the result is the last one's. */
enum rc pg_conn_exec(struct pg_conn *c, const char *sql) MUST_CHECK;
/* The same for the opening of the engine: err tells what is wrong. */
enum rc
pg_pool_first(struct engine_pg *e, struct pg_conn **ret, struct err *err) MUST_CHECK;
/* RC_AGAIN: all are in use for too long, or the server cannot be reached. */
enum rc pg_pool_get(struct engine_pg *e, struct pg_conn **ret) MUST_CHECK;
/* A lost one is closed, and so are all that are idle: their server is gone as well. */
void pg_pool_put(struct engine_pg *e, struct pg_conn *c);
void pg_pool_close(struct engine_pg *e);

/* engine_pg.c */
/* Sends what was put off: BEGIN, SAVEPOINT, RELEASE. */
enum rc pg_tx_start(struct pg_tx *tx) MUST_CHECK;
/* A connection that was idle proved to be lost before it did anything: another one.
 * False: this was tried too often, or there is none; the transaction is lost. */
bool pg_tx_move(struct pg_tx *tx, unsigned *tries);
/* After a failed command: is the connection lost, and with it the transaction? */
enum rc pg_tx_note(struct pg_tx *tx, enum rc rc);

/* pg_commit.c */
/* The table of commit slots, when the engine is opened. */
enum rc pg_commit_make(struct pg_conn *c) MUST_CHECK;
/* Sends the transaction's end; false: it could not be sent. */
bool pg_commit_send(struct pg_tx *tx);
/* The outcome of what was sent. Where the connection broke on the way it is asked for on
 * others, for a bounded time. tx->conn is given back. */
enum rc pg_commit_finish(struct pg_tx *tx) MUST_CHECK;
/* What a new connection runs: slots that nobody has used for long go. */
#define PG_COMMIT_SWEEP                                                                  \
	"DELETE FROM godwit_engine.commit_slot WHERE touched < now() - interval '1 day'"

/* pg_stmt.c */
enum rc
pg_stmt_prepare(struct engine_tx *tx, const char *sql, const struct engine_arg *args,
                size_t n, struct engine_stmt **ret) MUST_CHECK;
enum rc pg_stmt_step(struct engine_stmt *st) MUST_CHECK;
int64_t pg_stmt_int(struct engine_stmt *st, unsigned column);
struct span pg_stmt_bytes(struct engine_stmt *st, unsigned column);
void pg_stmt_free(struct engine_stmt *st);
uint64_t pg_changed_rows(struct engine_tx *tx);
enum rc pg_explain(struct engine_tx *tx, const char *sql, struct buf *out) MUST_CHECK;
void pg_conn_forget(struct pg_conn *c);

/* pg_schema.c */
enum rc pg_schema_upgrade(struct engine_pg *e, const struct pg_db *db,
                          struct err *err) MUST_CHECK;
enum rc pg_check(struct engine *e, struct err *err) MUST_CHECK;
/* Makes a PostgreSQL schema and a table in it, where they are not there; others may do
 * the same at the same moment, for which IF NOT EXISTS alone may yet fail. */
enum rc pg_table_make(struct pg_conn *c, const char *schema, const char *table,
                      const char *columns) MUST_CHECK;

#endif
