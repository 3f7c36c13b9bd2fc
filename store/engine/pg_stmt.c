/* SPDX-License-Identifier: ISC
 *
 * pg_stmt.c - statements of the PostgreSQL engine: prepared once a connection, kept.
 *
 * Parameters and results are in binary form. A statement's rows come in one answer, so
 * that others may run while it is stepped through; one marked "long" goes through a
 * cursor, a piece at a time.
 */
#include <assert.h>
#include <endian.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "store/engine/engine_pg.h"

/* pg_type.dat: fixed for all time. */
#define OID_BYTEA 17
#define OID_INT8 20
#define OID_TEXT 25
#define OID_INT4 23

#define MARK_LONG "/* long */"
#define MARK_LOCK "/* for update */"
#define MARK_SKIP "/* for update skip locked */"

static struct pg_stmt *
stmt_of(struct engine_stmt *st)
{
	return container_of(st, struct pg_stmt, base);
}

static unsigned
bucket_of(const char *sql)
{
	return (unsigned)(((uintptr_t)sql * 0x9e3779b97f4a7c15ULL) >> 58) % PG_BUCKETS;
}

/* To be freed. */
static char *
text_of(const char *sql, bool lock)
{
	struct span s = span_str(sql);

	if (!lock || (!span_ends(s, MARK_LOCK) && !span_ends(s, MARK_SKIP)))
		return xstrdup(sql);
	if (span_ends(s, MARK_SKIP))
		return xasprintf("%.*sFOR UPDATE SKIP LOCKED",
		                 (int)(s.n - strlen(MARK_SKIP)), sql);
	return xasprintf("%.*sFOR UPDATE", (int)(s.n - strlen(MARK_LOCK)), sql);
}

static void
bind_arg(struct pg_stmt *st, size_t i, const struct engine_arg *arg)
{
	st->values[i] = arg->s.p ? arg->s.p : "";
	st->lengths[i] = (int)arg->s.n;
	switch (arg->type) {
	case ENGINE_INT:
		st->types[i] = OID_INT8;
		st->ints[i] = (int64_t)htobe64((uint64_t)arg->i);
		st->values[i] = (const char *)&st->ints[i];
		st->lengths[i] = sizeof(st->ints[i]);
		return;
	case ENGINE_TEXT:
		st->types[i] = OID_TEXT;
		return;
	case ENGINE_BYTES:
		st->types[i] = OID_BYTEA;
		return;
	case ENGINE_NULL:
		st->types[i] = 0;
		st->values[i] = NULL;
		return;
	}
}

enum rc
pg_stmt_prepare(struct engine_tx *tx, const char *sql, const struct engine_arg *args,
                size_t n, struct engine_stmt **ret)
{
	struct pg_stmt *st;

	assert(n <= PG_ARGS_MAX);
	for (size_t i = 0; i < n; i++) {
		if (args[i].s.n > INT32_MAX)
			return RC_TOO_BIG;
	}
	st = xcalloc(1, sizeof(*st));
	st->base.tx = tx;
	st->sql = sql;
	st->n = (int)n;
	st->is_long = span_ends(span_str(sql), MARK_LONG);
	for (size_t i = 0; i < n; i++)
		bind_arg(st, i, &args[i]);
	*ret = &st->base;
	return RC_OK;
}

static struct pg_prepared *
find_prepared(struct pg_tx *tx, const char *sql)
{
	struct pg_prepared *p = tx->conn->cache[bucket_of(sql)];

	while (p && (p->sql != sql || p->db != tx->db))
		p = p->next;
	return p;
}

static struct pg_prepared *
new_prepared(struct pg_tx *tx, const char *sql)
{
	struct pg_prepared *p = xcalloc(1, sizeof(*p));

	p->sql = sql;
	p->db = tx->db;
	snprintf(p->name, sizeof(p->name), "s%u", tx->conn->n_prepared++);
	return p;
}

static void
keep_prepared(struct pg_tx *tx, struct pg_prepared *p)
{
	struct pg_prepared **bucket = &tx->conn->cache[bucket_of(p->sql)];

	p->next = *bucket;
	*bucket = p;
}

/* The connection's prepared form of the statement. */
static enum rc
prepared(struct pg_tx *tx, struct pg_stmt *st, const char **ret)
{
	struct pg_prepared *p = find_prepared(tx, st->sql);
	PGresult *r;
	char *text;
	enum rc rc;

	if (p) {
		*ret = p->name;
		return RC_OK;
	}
	p = new_prepared(tx, st->sql);
	text = text_of(st->sql, true);
	atomic_fetch_add_explicit(&tx->e->trips, 1, memory_order_relaxed);
	r = PQprepare(tx->conn->h, p->name, text, st->n, st->types);
	rc = pg_conn_rc(tx->conn, r);
	PQclear(r);
	free(text);
	if (rc) {
		free(p);
		return rc;
	}
	keep_prepared(tx, p);
	*ret = p->name;
	return RC_OK;
}

/* The rows of r are the statement's; r is the statement's in any case. */
static enum rc
take_rows(struct pg_tx *tx, struct pg_stmt *st, PGresult *r)
{
	PQclear(st->rows);
	st->rows = r;
	st->row = -1;
	return pg_tx_note(tx, pg_conn_rc(tx->conn, r));
}

static void
count_changed(struct pg_tx *tx, const struct pg_stmt *st)
{
	uint32_t rows = 0;

	/* "" for a SELECT without rows and for what changes none. */
	if (parse_u32(span_str(PQcmdTuples(st->rows)), UINT32_MAX, &rows) != RC_OK)
		rows = 0;
	tx->changed = rows;
}

static const int all_binary[PG_ARGS_MAX] = { 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
	                                     1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
	                                     1, 1, 1, 1, 1, 1, 1, 1, 1, 1 };

static enum rc
run_prepared(struct pg_tx *tx, struct pg_stmt *st)
{
	const char *name = NULL;
	enum rc rc = pg_tx_note(tx, prepared(tx, st, &name));

	if (rc)
		return rc;
	atomic_fetch_add_explicit(&tx->e->trips, 1, memory_order_relaxed);
	rc = take_rows(tx, st,
	               PQexecPrepared(tx->conn->h, name, st->n, st->values, st->lengths,
	                              all_binary, 1));
	if (!rc)
		count_changed(tx, st);
	return rc;
}

/* --- the first statement of a transaction, with BEGIN in the same message --- */

static bool
send(struct pg_tx *tx, const char *sql, unsigned *n)
{
	++*n;
	return PQsendQueryParams(tx->conn->h, sql, 0, NULL, NULL, NULL, NULL, 0) == 1;
}

/* *ret_n: how many results come before the statement's own. */
static bool
send_first(struct pg_tx *tx, struct pg_stmt *st, const struct pg_prepared *p, bool is_new,
           unsigned *ret_n)
{
	PGconn *h = tx->conn->h;
	char *text = is_new ? text_of(st->sql, true) : NULL;
	bool ok;

	*ret_n = 0;
	ok = send(tx, tx->base.write ? PG_BEGIN_WRITE : PG_BEGIN_READ, ret_n) &&
	     send(tx, tx->db->path, ret_n) &&
	     (!tx->savepoint || send(tx, "SAVEPOINT part", ret_n));
	if (ok && is_new) {
		++*ret_n;
		ok = PQsendPrepare(h, p->name, text, st->n, st->types) == 1;
	}
	free(text);
	return ok &&
	       PQsendQueryPrepared(h, p->name, st->n, st->values, st->lengths, all_binary,
	                           1) == 1 &&
	       PQpipelineSync(h) == 1;
}

/* The next result that is not the end of one. */
static PGresult *
next_result(struct pg_conn *c)
{
	PGresult *r = PQgetResult(c->h);

	return r || pg_conn_is_lost(c) ? r : PQgetResult(c->h);
}

/* Whatever comes yet, and the mode. */
static void
leave_pipeline(struct pg_conn *c)
{
	PGresult *r;
	bool at_end = false;

	while (!at_end && !pg_conn_is_lost(c) && (r = next_result(c)) != NULL) {
		at_end = PQresultStatus(r) == PGRES_PIPELINE_SYNC;
		PQclear(r);
	}
	(void)PQexitPipelineMode(c->h);
}

static enum rc
run_first(struct pg_tx *tx, struct pg_stmt *st)
{
	struct pg_conn *c = tx->conn;
	struct pg_prepared *p = find_prepared(tx, st->sql);
	struct pg_prepared *made = p ? NULL : new_prepared(tx, st->sql);
	PGresult *r = NULL;
	unsigned n = 0;
	enum rc rc = RC_AGAIN;

	atomic_fetch_add_explicit(&tx->e->trips, 1, memory_order_relaxed);
	if (PQenterPipelineMode(c->h) && send_first(tx, st, made ? made : p, made, &n))
		rc = RC_OK;
	for (unsigned i = 0; !rc && i < n; i++) {
		r = next_result(c);
		rc = pg_tx_note(tx, pg_conn_rc(c, r));
		PQclear(TAKE(r));
	}
	if (made && !rc)
		keep_prepared(tx, made);
	else
		free(made);
	if (!rc)
		rc = take_rows(tx, st, next_result(c));
	leave_pipeline(c);
	(void)pg_tx_note(tx, rc);
	if (!rc)
		count_changed(tx, st);
	return rc;
}

/* The server may have gone while the connection was idle: nothing is lost with that. */
static enum rc
start_with(struct pg_tx *tx, struct pg_stmt *st)
{
	unsigned tries = 0;
	enum rc rc;

	do
		rc = run_first(tx, st);
	while (tx->lost && pg_tx_move(tx, &tries));
	if (tx->lost)
		return tx->lost;
	tx->started = true;
	tx->inside = tx->savepoint;
	tx->savepoint = false;
	return rc;
}

static enum rc
fetch_piece(struct pg_tx *tx, struct pg_stmt *st)
{
	char text[64];

	snprintf(text, sizeof(text), "FETCH " PG_PIECE_ROWS " FROM c%u", st->cursor);
	atomic_fetch_add_explicit(&tx->e->trips, 1, memory_order_relaxed);
	return take_rows(tx, st,
	                 PQexecParams(tx->conn->h, text, 0, NULL, NULL, NULL, NULL, 1));
}

static enum rc
run_long(struct pg_tx *tx, struct pg_stmt *st)
{
	static const int binary[PG_ARGS_MAX] = { 1, 1, 1, 1, 1, 1, 1, 1 };
	char *text;
	PGresult *r;
	enum rc rc;

	assert(st->n <= 8);
	st->cursor = tx->n_cursors++;
	text = xasprintf("DECLARE c%u NO SCROLL CURSOR FOR %s", st->cursor, st->sql);
	atomic_fetch_add_explicit(&tx->e->trips, 1, memory_order_relaxed);
	r = PQexecParams(tx->conn->h, text, st->n, st->types, st->values, st->lengths,
	                 binary, 1);
	rc = pg_tx_note(tx, pg_conn_rc(tx->conn, r));
	PQclear(r);
	free(text);
	return rc ? rc : fetch_piece(tx, st);
}

static enum rc
run_it(struct pg_tx *tx, struct pg_stmt *st)
{
	enum rc rc;

	if (!tx->started && !tx->lost && !st->is_long)
		return start_with(tx, st);
	rc = pg_tx_start(tx);
	if (rc)
		return rc;
	return st->is_long ? run_long(tx, st) : run_prepared(tx, st);
}

enum rc
pg_stmt_step(struct engine_stmt *base)
{
	struct pg_stmt *st = stmt_of(base);
	struct pg_tx *tx = pg_tx_of(base->tx);
	enum rc rc;

	if (!st->ran) {
		rc = run_it(tx, st);
		if (rc)
			return rc;
		st->ran = true;
	}
	if (st->ended)
		return RC_NOT_FOUND;
	if (++st->row < PQntuples(st->rows))
		return RC_OK;
	if (st->is_long && PQntuples(st->rows) > 0) {
		rc = tx->lost ? tx->lost : fetch_piece(tx, st);
		if (rc)
			return rc;
		if (++st->row < PQntuples(st->rows))
			return RC_OK;
	}
	st->ended = true;
	return RC_NOT_FOUND;
}

int64_t
pg_stmt_int(struct engine_stmt *base, unsigned column)
{
	struct pg_stmt *st = stmt_of(base);
	const char *p = PQgetvalue(st->rows, st->row, (int)column);
	uint64_t wide;
	uint32_t narrow;

	if (PQgetisnull(st->rows, st->row, (int)column))
		return 0;
	switch (PQftype(st->rows, (int)column)) {
	case OID_INT8:
		memcpy(&wide, p, sizeof(wide));
		return (int64_t)be64toh(wide);
	case OID_INT4:
		memcpy(&narrow, p, sizeof(narrow));
		return (int32_t)be32toh(narrow);
	}
	assert(!"a column that is no number");
	return 0;
}

struct span
pg_stmt_bytes(struct engine_stmt *base, unsigned column)
{
	struct pg_stmt *st = stmt_of(base);

	return span_of(PQgetvalue(st->rows, st->row, (int)column),
	               (size_t)PQgetlength(st->rows, st->row, (int)column));
}

void
pg_stmt_free(struct engine_stmt *base)
{
	struct pg_stmt *st = stmt_of(base);

	PQclear(st->rows);
	free(st);
}

uint64_t
pg_changed_rows(struct engine_tx *base)
{
	return pg_tx_of(base)->changed;
}

/* "(NULL, NULL)" for two parameters. */
static enum rc
explain_prepared(struct pg_conn *c, struct buf *out)
{
	AUTO_DONE(buf) struct buf text = BUF_INIT(0);
	PGresult *r = PQdescribePrepared(c->h, "explained");
	enum rc rc = pg_conn_rc(c, r);
	int n = rc ? 0 : PQnparams(r);

	PQclear(r);
	if (rc)
		return rc;
	buf_add_str(&text, "EXPLAIN (COSTS OFF) EXECUTE explained");
	for (int i = 0; i < n; i++)
		buf_add_str(&text, i == 0 ? " (NULL" : ", NULL");
	buf_add_str(&text, n > 0 ? ")" : "");
	buf_add_char(&text, '\0');
	r = PQexec(c->h, text.p);
	rc = pg_conn_rc(c, r);
	for (int i = 0; !rc && i < PQntuples(r); i++) {
		buf_add_str(out, PQgetvalue(r, i, 0));
		buf_add_char(out, '\n');
	}
	PQclear(r);
	return rc;
}

/* The plan for any parameters, where indexes can serve: the tables of tests are so small
 * that reading them through would be the cheapest. */
enum rc
pg_explain(struct engine_tx *base, const char *sql, struct buf *out)
{
	struct pg_tx *tx = pg_tx_of(base);
	char *text = text_of(sql, base->write);
	PGresult *r;
	enum rc rc = pg_tx_start(tx);

	if (!rc)
		rc = pg_conn_exec(tx->conn,
		                  "SET LOCAL plan_cache_mode = force_generic_plan;"
		                  "SET LOCAL enable_seqscan = off;"
		                  "SET LOCAL enable_bitmapscan = off;"
		                  "SET LOCAL enable_sort = off");
	if (!rc) {
		r = PQprepare(tx->conn->h, "explained", text, 0, NULL);
		rc = pg_conn_rc(tx->conn, r);
		PQclear(r);
	}
	if (!rc) {
		rc = explain_prepared(tx->conn, out);
		if (!rc)
			rc = pg_conn_exec(tx->conn, "DEALLOCATE explained");
	}
	free(text);
	return pg_tx_note(tx, rc);
}

void
pg_conn_forget(struct pg_conn *c)
{
	for (unsigned b = 0; b < PG_BUCKETS; b++) {
		struct pg_prepared *p = c->cache[b];

		while (p) {
			struct pg_prepared *next = p->next;

			free(p);
			p = next;
		}
		c->cache[b] = NULL;
	}
}
