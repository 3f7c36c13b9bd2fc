/* SPDX-License-Identifier: ISC
 *
 * sqlite_stmt.c - statements of the SQLite engine: prepared once a connection, kept.
 */
#include <assert.h>

#include "base/log.h"
#include "base/mem.h"
#include "store/engine/engine_sqlite.h"

enum rc
rc_from_sqlite(int code)
{
	switch (code & 0xff) {
	case SQLITE_OK:
	case SQLITE_ROW:
		return RC_OK;
	case SQLITE_DONE:
		return RC_NOT_FOUND;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
	case SQLITE_INTERRUPT:
	case SQLITE_PROTOCOL:
	case SQLITE_NOMEM:
	case SQLITE_FULL:
		return RC_AGAIN;
	case SQLITE_CONSTRAINT:
		return RC_EXISTS;
	case SQLITE_TOOBIG:
		return RC_TOO_BIG;
	case SQLITE_READONLY:
	case SQLITE_PERM:
	case SQLITE_AUTH:
		return RC_DENIED;
	default:
		return RC_IO;
	}
}

enum rc
sqlite_conn_rc(struct sqlite_conn *c, int code)
{
	enum rc rc = rc_from_sqlite(code);

	if (rc == RC_IO || rc == RC_DENIED || (code & 0xff) == SQLITE_FULL ||
	    (code & 0xff) == SQLITE_NOMEM)
		log_error(NULL, "store.engine fault", "file=%s code=%d text=%s",
		          LOG_STR(span_str(c->db->path)), sqlite3_extended_errcode(c->h),
		          LOG_STR(span_str(sqlite3_errmsg(c->h))));
	return rc;
}

enum rc
sqlite_conn_exec(struct sqlite_conn *c, const char *sql)
{
	return sqlite_conn_rc(c, sqlite3_exec(c->h, sql, NULL, NULL, NULL));
}

/* The whole transaction. There is nothing to be done when even that fails: the next BEGIN
 * will. */
void
sqlite_conn_rollback(struct sqlite_conn *c)
{
	(void)sqlite_conn_rc(c, sqlite3_exec(c->h, "ROLLBACK", NULL, NULL, NULL));
}

static unsigned
bucket_of(const char *sql)
{
	return (unsigned)(((uintptr_t)sql * 0x9e3779b97f4a7c15ULL) >> 58) % STMT_BUCKETS;
}

/* SQLite numbers "$3" by the order of appearance; ours is the number in the name. */
static void
map_params(struct sqlite_stmt *st)
{
	st->n_params = (unsigned)sqlite3_bind_parameter_count(st->h);
	assert(st->n_params <= STMT_ARGS_MAX);
	for (unsigned i = 0; i < st->n_params; i++) {
		const char *name = sqlite3_bind_parameter_name(st->h, (int)i + 1);
		uint32_t n = 0;
		enum rc rc = parse_u32(span_str(name ? name + 1 : ""), STMT_ARGS_MAX, &n);

		assert(rc == RC_OK && n > 0);
		(void)rc;
		st->place[i] = (uint8_t)(n - 1);
	}
}

static enum rc
stmt_get(struct sqlite_conn *c, const char *sql, struct sqlite_stmt **ret)
{
	unsigned b = bucket_of(sql);
	struct sqlite_stmt *st;
	bool keep = true;
	int code;

	for (st = c->cache[b]; st; st = st->next) {
		if (st->sql != sql)
			continue;
		if (!st->busy) {
			st->busy = true;
			*ret = st;
			return RC_OK;
		}
		keep = false; /* in use further up: a second one for now */
	}
	st = xcalloc(1, sizeof(*st));
	atomic_fetch_add_explicit(&c->db->e->parsed, 1, memory_order_relaxed);
	code = sqlite3_prepare_v3(c->h, sql, -1, SQLITE_PREPARE_PERSISTENT, &st->h, NULL);
	if (code != SQLITE_OK) {
		log_error(NULL, "store.engine sql", "text=%s",
		          LOG_STR(span_str(sqlite3_errmsg(c->h))));
		free(st);
		return sqlite_conn_rc(c, code);
	}
	map_params(st);
	st->conn = c;
	st->sql = sql;
	st->busy = true;
	st->kept = keep;
	if (keep) {
		st->next = c->cache[b];
		c->cache[b] = st;
	}
	*ret = st;
	return RC_OK;
}

enum rc
sqlite_conn_run(struct sqlite_conn *c, const char *sql)
{
	struct sqlite_stmt *st;
	enum rc rc = stmt_get(c, sql, &st);
	int code;

	if (rc)
		return rc;
	code = sqlite3_step(st->h);
	rc = sqlite_conn_rc(c, code == SQLITE_DONE ? SQLITE_OK : code);
	sqlite_stmt_free(&st->base);
	return rc;
}

static int
bind_arg(sqlite3_stmt *h, int i, const struct engine_arg *arg)
{
	const char *p = arg->s.p ? arg->s.p : "";

	switch (arg->type) {
	case ENGINE_INT:
		return sqlite3_bind_int64(h, i, arg->i);
	case ENGINE_TEXT:
		return sqlite3_bind_text64(h, i, p, arg->s.n, SQLITE_STATIC, SQLITE_UTF8);
	case ENGINE_BYTES:
		return sqlite3_bind_blob64(h, i, p, arg->s.n, SQLITE_STATIC);
	case ENGINE_NULL:
		break;
	}
	return sqlite3_bind_null(h, i);
}

enum rc
sqlite_stmt_prepare(struct engine_tx *base, const char *sql,
                    const struct engine_arg *args, size_t n, struct engine_stmt **ret)
{
	struct sqlite_tx *tx = container_of(base, struct sqlite_tx, base);
	struct sqlite_stmt *st = NULL;
	enum rc rc;

	if (tx->broken)
		return tx->broken;
	rc = stmt_get(tx->conn, sql, &st);
	if (rc) {
		sqlite_group_check(tx, rc);
		return rc;
	}
	assert(st);
	st->base.tx = base;
	for (unsigned i = 0; i < st->n_params; i++) {
		int code;

		assert(st->place[i] < n);
		code = bind_arg(st->h, (int)i + 1, &args[st->place[i]]);
		if (code != SQLITE_OK) {
			rc = sqlite_conn_rc(tx->conn, code);
			sqlite_stmt_free(&st->base);
			return rc;
		}
	}
	*ret = &st->base;
	return RC_OK;
}

enum rc
sqlite_stmt_step(struct engine_stmt *base)
{
	struct sqlite_stmt *st = container_of(base, struct sqlite_stmt, base);
	struct sqlite_tx *tx = container_of(base->tx, struct sqlite_tx, base);
	enum rc rc;

	if (tx->broken)
		return tx->broken;
	rc = sqlite_conn_rc(st->conn, sqlite3_step(st->h));
	if (rc && rc != RC_NOT_FOUND)
		sqlite_group_check(tx, rc);
	return rc;
}

int64_t
sqlite_stmt_int(struct engine_stmt *base, unsigned column)
{
	struct sqlite_stmt *st = container_of(base, struct sqlite_stmt, base);

	return sqlite3_column_int64(st->h, (int)column);
}

struct span
sqlite_stmt_bytes(struct engine_stmt *base, unsigned column)
{
	struct sqlite_stmt *st = container_of(base, struct sqlite_stmt, base);
	const char *p = sqlite3_column_blob(st->h, (int)column);

	return span_of(p ? p : "",
	               p ? (size_t)sqlite3_column_bytes(st->h, (int)column) : 0);
}

void
sqlite_stmt_free(struct engine_stmt *base)
{
	struct sqlite_stmt *st = container_of(base, struct sqlite_stmt, base);
	int again = sqlite3_stmt_status(st->h, SQLITE_STMTSTATUS_REPREPARE, 1);

	if (again > 0)
		atomic_fetch_add_explicit(&st->conn->db->e->parsed, (unsigned)again,
		                          memory_order_relaxed);
	if (!st->kept) {
		sqlite3_finalize(st->h);
		free(st);
		return;
	}
	/* The result repeats that of the last step, which was seen. */
	(void)sqlite3_reset(st->h);
	(void)sqlite3_clear_bindings(st->h);
	st->busy = false;
}

uint64_t
sqlite_changed_rows(struct engine_tx *base)
{
	struct sqlite_tx *tx = container_of(base, struct sqlite_tx, base);

	return (uint64_t)sqlite3_changes64(tx->conn->h);
}

enum rc
sqlite_explain(struct engine_tx *base, const char *sql, struct buf *out)
{
	struct sqlite_tx *tx = container_of(base, struct sqlite_tx, base);
	char *text = xasprintf("EXPLAIN QUERY PLAN %s", sql);
	sqlite3_stmt *h = NULL;
	enum rc rc;

	rc = sqlite_conn_rc(tx->conn,
	                    sqlite3_prepare_v2(tx->conn->h, text, -1, &h, NULL));
	free(text);
	while (!rc && sqlite3_step(h) == SQLITE_ROW) {
		buf_add_str(out, (const char *)sqlite3_column_text(h, 3));
		buf_add_char(out, '\n');
	}
	sqlite3_finalize(h);
	return rc;
}

void
sqlite_conn_forget(struct sqlite_conn *c)
{
	for (unsigned b = 0; b < STMT_BUCKETS; b++) {
		struct sqlite_stmt *st = c->cache[b];

		while (st) {
			struct sqlite_stmt *next = st->next;

			sqlite3_finalize(st->h);
			free(st);
			st = next;
		}
		c->cache[b] = NULL;
	}
}
