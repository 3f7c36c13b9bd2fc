/* SPDX-License-Identifier: ISC
 *
 * pg_schema.c - the numbered steps of a schema, and the check of all that is held.
 *
 * The steps done stand in a table of their own, which is locked while a step runs: of two
 * nodes that are upgraded at once, one waits and then finds nothing to do.
 */
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "store/engine/engine_pg.h"

#define RACES_MAX 20

/* Texts are compared by bytes, whatever the database's own order is. To be freed. */
static char *
with_collation(const char *sql)
{
	AUTO_DONE(buf) struct buf out = BUF_INIT(0);
	bool table = span_starts(span_str(sql), "CREATE TABLE") ||
	             span_starts(span_str(sql), "ALTER TABLE");
	const char *at;

	while (table && (at = strstr(sql, " TEXT")) != NULL) {
		at += strlen(" TEXT");
		buf_add_span(&out, span_of(sql, (size_t)(at - sql)));
		if (strchr(" ,)", *at)) /* the end of the word, or of all */
			buf_add_str(&out, " COLLATE \"C\"");
		sql = at;
	}
	buf_add_str(&out, sql);
	return buf_take_str(&out);
}

static enum rc
get_number(struct pg_conn *c, const char *sql, size_t *ret)
{
	PGresult *r = PQexec(c->h, sql);
	uint32_t n = 0;
	enum rc rc = pg_conn_rc(c, r);

	if (!rc)
		rc = parse_u32(span_str(PQgetvalue(r, 0, 0)), UINT32_MAX, &n);
	PQclear(r);
	if (!rc)
		*ret = n;
	return rc;
}

enum rc
pg_table_make(struct pg_conn *c, const char *schema, const char *table,
              const char *columns)
{
	char *look = xasprintf("SELECT count(*) FROM pg_catalog.pg_tables"
	                       " WHERE schemaname = '%s' AND tablename = '%s'",
	                       schema, table);
	char *make = xasprintf("CREATE SCHEMA IF NOT EXISTS %s;"
	                       " CREATE TABLE IF NOT EXISTS %s.%s (%s)",
	                       schema, schema, table, columns);
	size_t found = 0;
	enum rc rc = get_number(c, look, &found);

	for (int i = 0; !rc && found == 0 && i < RACES_MAX; i++) {
		rc = pg_conn_exec(c, make);
		if (rc == RC_EXISTS)
			rc = RC_OK;
		if (!rc)
			rc = get_number(c, look, &found);
	}
	free(look);
	free(make);
	return rc;
}

static enum rc
make_place(struct pg_conn *c, const struct pg_db *db)
{
	return pg_table_make(c, db->name, "schema_step",
	                     "step BIGINT NOT NULL PRIMARY KEY, program TEXT NOT NULL,"
	                     " done TIMESTAMPTZ NOT NULL DEFAULT now()");
}

/* OR, so that one statement in each step's schema will do for all its tables. */
static enum rc
append_only(struct pg_conn *c, struct span table)
{
	char *text = xasprintf(
		"CREATE OR REPLACE FUNCTION append_only() RETURNS trigger LANGUAGE plpgsql"
		" AS $$ BEGIN RAISE EXCEPTION 'append only'; END $$;"
		"CREATE TRIGGER %.*s_append_only BEFORE UPDATE OR DELETE OR TRUNCATE"
		" ON %.*s FOR EACH STATEMENT EXECUTE FUNCTION append_only()",
		SPAN_FMT(table), SPAN_FMT(table));
	enum rc rc = pg_conn_exec(c, text);

	free(text);
	return rc;
}

static enum rc
run_step(struct pg_conn *c, const struct engine_schema *schema, size_t step)
{
	char *done =
		xasprintf("INSERT INTO schema_step (step, program) VALUES (%zu, '%s')",
	                  step + 1, GODWIT_VERSION);
	enum rc rc = RC_OK;

	for (const char *const *sql = schema->steps[step]; !rc && *sql; sql++) {
		char *text = with_collation(*sql);

		struct span table = engine_append_only(*sql);

		rc = pg_conn_exec(c, text);
		free(text);
		if (!rc && table.n)
			rc = append_only(c, table);
	}
	if (!rc)
		rc = pg_conn_exec(c, done);
	free(done);
	return rc;
}

/* One step in one transaction; RC_NOT_FOUND: there was none to be done. */
static enum rc
next_step(struct pg_conn *c, const struct pg_db *db, const struct engine_schema *schema,
          struct err *err)
{
	size_t version = 0;
	enum rc rc = pg_conn_exec(c, PG_BEGIN_WRITE);

	if (!rc)
		rc = pg_conn_exec(c, db->path);
	if (!rc)
		rc = pg_conn_exec(c, "SET LOCAL lock_timeout = 0;"
		                     " LOCK TABLE schema_step IN EXCLUSIVE MODE");
	if (!rc)
		rc = get_number(c, "SELECT count(*) FROM schema_step", &version);
	if (!rc && version > schema->n_steps)
		rc = err_set(err, RC_UNSUPPORTED,
		             "PostgreSQL: %s has the version %zu, this program knows %zu",
		             db->name, version, schema->n_steps);
	else if (!rc && version == schema->n_steps)
		rc = RC_NOT_FOUND;
	if (!rc) {
		rc = run_step(c, schema, version);
		if (rc)
			err_set(err, rc, "PostgreSQL: step %zu of %s: %s", version + 1,
			        db->name, PQerrorMessage(c->h));
	}
	if (!rc)
		rc = pg_conn_exec(c, "COMMIT");
	if (rc && PQtransactionStatus(c->h) != PQTRANS_IDLE) {
		enum rc undone = pg_conn_exec(c, "ROLLBACK");

		if (rc == RC_NOT_FOUND && undone)
			rc = undone;
	}
	return rc;
}

enum rc
pg_schema_upgrade(struct engine_pg *e, const struct pg_db *db, struct err *err)
{
	struct pg_conn *c = NULL;
	enum rc rc = pg_pool_first(e, &c, err);

	if (rc)
		return rc;
	rc = e->has_slots ? RC_OK : pg_commit_make(c);
	if (!rc)
		e->has_slots = true; /* opened by one thread */
	if (!rc)
		rc = make_place(c, db);
	if (rc)
		err_set(err, rc, "PostgreSQL: %s cannot be made: %s", db->name,
		        PQerrorMessage(c->h));
	while (!rc)
		rc = next_step(c, db, &e->schema[db->kind], err);
	pg_pool_put(e, c);
	return rc == RC_NOT_FOUND ? RC_OK : rc;
}

/* Runs a statement that makes others: each row is one, the second column what it is of.
 */
static enum rc
run_each(struct pg_conn *c, const char *sql, struct err *err)
{
	PGresult *list = PQexec(c->h, sql);
	enum rc rc = pg_conn_rc(c, list);

	if (rc)
		err_set(err, rc, "PostgreSQL: %s", PQerrorMessage(c->h));
	for (int i = 0; !rc && i < PQntuples(list); i++) {
		rc = pg_conn_exec(c, PQgetvalue(list, i, 0));
		if (rc)
			err_set(err, rc, "%s: %s", PQgetvalue(list, i, 1),
			        PQerrorMessage(c->h));
	}
	PQclear(list);
	return rc;
}

/* Reads every table through, so that a page that cannot be read (or whose checksum is
 * wrong, where the cluster has those) is found; and the indexes against their tables,
 * where the extension amcheck is there. */
enum rc
pg_check(struct engine *base, struct err *err)
{
	static const char tables[] =
		"SELECT format('SELECT count(*) FROM (SELECT * FROM %I.%I OFFSET 0) t',"
		" schemaname, tablename), tablename FROM pg_catalog.pg_tables"
		" WHERE schemaname LIKE 'godwit\\_%' ORDER BY 1";
	static const char indexes[] =
		"SELECT format('SELECT %I.bt_index_check(%s, true)', x.nspname, c.oid),"
		" c.relname FROM pg_catalog.pg_class c"
		" JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
		" JOIN pg_catalog.pg_am a ON a.oid = c.relam AND a.amname = 'btree'"
		" JOIN pg_catalog.pg_extension e ON e.extname = 'amcheck'"
		" JOIN pg_catalog.pg_namespace x ON x.oid = e.extnamespace"
		" WHERE c.relkind = 'i' AND n.nspname LIKE 'godwit\\_%'";
	struct engine_pg *e = container_of(base, struct engine_pg, base);
	struct pg_conn *c = NULL;
	enum rc rc = pg_pool_get(e, &c);

	if (rc)
		return err_set(err, rc, "PostgreSQL cannot be reached");
	rc = run_each(c, tables, err);
	if (!rc)
		rc = run_each(c, indexes, err);
	pg_pool_put(e, c);
	return rc;
}
