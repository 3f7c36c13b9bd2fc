/* SPDX-License-Identifier: ISC
 *
 * engine.h - what the store asks of a database: begin, prepare, bind, step, commit.
 *
 * SQL is written once, in the subset that SQLite and PostgreSQL (and what speaks its
 * protocol) share, with $1 parameters:
 * - types BIGINT, TEXT (UTF-8 without NUL, compared by bytes) and BYTEA, no other;
 * - no row ids, sequences or auto-increment, no function beyond count, sum, min, max and
 *   coalesce, upserts by ON CONFLICT; partial indexes are fine;
 * - a comment "clustered" behind a CREATE TABLE is a hint that rows lie in the order of
 *   the primary key; an engine may do with it what it likes;
 * - a comment "append only" behind a CREATE TABLE: the database itself refuses to change
 *   or delete its rows, by triggers;
 * - a SELECT of a writer that ends with the comment "for update" locks its rows until the
 *   end of the transaction, where writers run side by side: what is read to be changed is
 *   read so; "for update skip locked" passes over rows that another has locked;
 * - a SELECT that ends with the comment "long" may have more rows than should lie in
 *   memory at once;
 * - SQL text has static storage: engines keep prepared statements by its address.
 *
 * A transaction belongs to one thread at a time. After an error other than RC_NOT_FOUND
 * nothing more can be done in it than to go back to a savepoint or to roll back: all
 * calls, the commit too, repeat the error. RC_AGAIN says that the whole transaction may
 * be tried again.
 *
 * Reads see one snapshot. Writers of one SQLite database run one after the other and are
 * committed in groups: a writer has the database to itself from engine_begin() to
 * engine_submit() (engine_commit() submits if that was not done), then waits for the
 * commit that it shares with others. So a thread must not begin a second write in a
 * database while it has one that is not submitted. Writers of PostgreSQL run side by
 * side, READ COMMITTED, and wait for the locks of each other's rows. A commit whose
 * connection breaks on the way is asked for on another: RC_AGAIN says that it was not
 * done and never will be. Only when the server stays away for longer than resolve_ms
 * RC_AGAIN may also mean that it was done.
 */
#ifndef STORE_ENGINE_ENGINE_H
#define STORE_ENGINE_ENGINE_H

#include "base/buf.h"
#include "base/rc.h"

struct engine;
struct engine_tx;
struct engine_stmt;

enum engine_db {
	ENGINE_DIRECTORY, /* one: domains, users, aliases */
	ENGINE_QUEUE,     /* one: mail that leaves */
	ENGINE_BLOBS,     /* one: large contents, where they are kept in a database */
	ENGINE_SHARD,     /* many: users' data */
};
#define ENGINE_DB_N 4

/* Numbered steps that are never changed once released; each is an array of statements
 * that ends with NULL. What a database lacks is run when it is first used. */
struct engine_schema {
	const char *const *const *steps;
	size_t n_steps;
};

struct engine_conf {
	unsigned shards;
	/* SQLite */
	const char *directory;
	unsigned readers; /* idle read connections kept for each database, with their
	                     pages */
	uint64_t group_window_ms;
	/* PostgreSQL */
	const char *conninfo; /* or the file that holds it, when it begins with '/' */
	unsigned connections;
	unsigned connection_wait_ms; /* for a free one of those; 0: 5 seconds */
	unsigned resolve_ms; /* for the outcome of a broken commit; 0: 30 seconds */
	struct engine_schema schema[ENGINE_DB_N];
};

/* RC_EXISTS: another process has it open. */
enum rc engine_sqlite_open(const struct engine_conf *conf, struct engine **ret,
                           struct err *err) MUST_CHECK;
/* RC_UNSUPPORTED: the server does not keep what it acknowledges (fsync,
 * synchronous_commit), or its schema is newer. RC_AGAIN: it cannot be reached. */
enum rc engine_pg_open(const struct engine_conf *conf, struct engine **ret,
                       struct err *err) MUST_CHECK;
/* All transactions must have ended. NULL is fine. */
void engine_close(struct engine *e);

enum rc engine_begin(struct engine *e, enum engine_db db, unsigned shard, bool write,
                     struct engine_tx **ret) MUST_CHECK;
/* Ends the writer's work: it joins its group and lets the next writer in. Only
 * engine_commit() may follow; after a failure only engine_tx_free(). */
enum rc engine_submit(struct engine_tx *tx) MUST_CHECK;
/* Waits until the transaction is durable, or failed; *tx is freed and NULL in any case.
 */
enum rc engine_commit(struct engine_tx **tx) MUST_CHECK;
/* Rolls back and frees; NULL is fine. After engine_submit() it is too late: it waits for
 * the group and forgets the result. */
void engine_tx_free(struct engine_tx *tx);
AUTO_DEFINE(engine_tx);

/* A part that can be undone by itself, not nested. */
enum rc engine_savepoint(struct engine_tx *tx) MUST_CHECK;
enum rc engine_release(struct engine_tx *tx) MUST_CHECK;
enum rc engine_rollback_to(struct engine_tx *tx) MUST_CHECK;

enum engine_type { ENGINE_INT, ENGINE_TEXT, ENGINE_BYTES, ENGINE_NULL };

struct engine_arg {
	enum engine_type type;
	int64_t i;
	struct span s;
};

static inline struct engine_arg
engine_arg_int(int64_t i)
{
	return (struct engine_arg){ .type = ENGINE_INT, .i = i };
}

static inline struct engine_arg
engine_arg_text(struct span s)
{
	return (struct engine_arg){ .type = ENGINE_TEXT, .s = s };
}

static inline struct engine_arg
engine_arg_bytes(struct span s)
{
	return (struct engine_arg){ .type = ENGINE_BYTES, .s = s };
}

/* $1 is args[0]. Bytes of args must live until the statement is freed. */
enum rc
engine_prepare(struct engine_tx *tx, const char *sql, const struct engine_arg *args,
               size_t n, struct engine_stmt **ret) MUST_CHECK;
/* RC_OK: on the next row; RC_NOT_FOUND: no more. */
enum rc engine_step(struct engine_stmt *st) MUST_CHECK;
/* Column of the row, from 0; NULL gives 0 and the empty span. Live until the next step.
 */
int64_t engine_int(struct engine_stmt *st, unsigned column);
struct span engine_bytes(struct engine_stmt *st, unsigned column);
/* Gives the statement back; before its transaction ends. NULL is fine. */
void engine_stmt_free(struct engine_stmt *st);
AUTO_DEFINE(engine_stmt);

/* Prepares, steps through and frees; ret_rows (may be NULL): how many rows it changed. */
enum rc engine_run(struct engine_tx *tx, const char *sql, const struct engine_arg *args,
                   size_t n, uint64_t *ret_rows) MUST_CHECK;

/* What this thread begins from now on does not wait behind others for a connection: for
 * the little that must not be late. */
void engine_set_urgent(bool urgent);

/* The engine's own check of all that it holds; err names the first fault. */
enum rc engine_check(struct engine *e, struct err *err) MUST_CHECK;

struct engine_stats {
	uint64_t commits;     /* groups made durable */
	uint64_t members;     /* write transactions in them */
	uint64_t statements;  /* run, those of begin and commit not counted */
	uint64_t parsed;      /* statements, by us: 0 where a server does it */
	uint64_t round_trips; /* to the server; 0 where there is none */
};
void engine_stats(const struct engine *e, struct engine_stats *ret);

/* Tests: the n-th engine call from now (begin, prepare, step, savepoint, submit, the
 * commit of a group) fails with RC_IO, once; 0 switches it off. True while it is still to
 * come. */
void engine_fail_after(unsigned n);
bool engine_fail_pending(void);
/* Tests: fn hears of every statement that is prepared, from then on; NULL ends it. */
typedef void engine_watch_fn(const char *sql, void *arg);
void engine_watch(engine_watch_fn *fn, void *arg);
/* Tests: the plan of a statement, a line for each step of it. */
enum rc engine_explain(struct engine_tx *tx, const char *sql, struct buf *out) MUST_CHECK;

#endif
