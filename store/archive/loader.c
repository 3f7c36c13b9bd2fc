/* SPDX-License-Identifier: ISC
 *
 * loader.c - rows into a store, in batches.
 */
#include "store/archive/loader.h"

#include <assert.h>
#include <stdlib.h>

#include "base/mem.h"
#include "store/store_directory_private.h"

#define BATCH_ROWS 500
#define BATCH_BYTES (1u << 20)

static const struct rows_ops ops;

struct loader {
	struct rows_out base;
	struct store *s;
	enum engine_db db;
	uint64_t owner;
	loader_change_fn *change;
	void *arg;
	const struct table *table;
	struct engine_tx *etx; /* the batch; NULL: none is open */
	size_t rows;
	size_t bytes;
	struct arena *a; /* of account */
	struct engine_arg *account;
};

static struct loader *
loader_of(struct rows_out *o)
{
	return container_of(o, struct loader, base);
}

struct rows_out *
loader_rows(struct loader *l)
{
	return &l->base;
}

static struct loader *
loader_new(struct store *s, enum engine_db db, loader_change_fn *change, void *arg)
{
	struct loader *l = xcalloc(1, sizeof(*l));

	l->base.ops = &ops;
	l->s = s;
	l->db = db;
	l->change = change;
	l->arg = arg;
	l->a = arena_new();
	return l;
}

void
loader_free(struct loader *l)
{
	if (!l)
		return;
	engine_tx_free(l->etx);
	arena_free(l->a);
	free(l);
}

static bool
is_account(const struct table *t)
{
	return t->db == ENGINE_SHARD && strcmp(t->name, "account") == 0;
}

static bool
is_meta(const struct table *t)
{
	return strcmp(t->name, "meta") == 0;
}

static enum rc
begin(struct loader *l)
{
	unsigned shard = l->db == ENGINE_SHARD ? store_shard_of(l->s, l->owner) : 0;

	l->rows = 0;
	l->bytes = 0;
	if (l->db == ENGINE_DIRECTORY)
		return directory_begin(l->s, true, &l->etx);
	return engine_begin(l->s->engine, l->db, shard, true, &l->etx);
}

static enum rc
commit(struct loader *l)
{
	return l->etx ? engine_commit(&l->etx) : RC_OK;
}

/* -- clearing -- */

/* A batch of the table's first rows; *ret_more: there are others. */
static enum rc
clear_batch(struct loader *l, const struct table *t, bool *ret_more)
{
	AUTO(engine_stmt)
	struct engine_stmt *st = NULL;
	struct engine_arg args[TABLE_KEY_MAX + 1] = { I(l->owner) };
	size_t first = l->db == ENGINE_SHARD;
	AUTO_DONE(buf) struct buf bytes = BUF_INIT(0);
	enum rc rc;

	*ret_more = false;
	if (t->n_key == 0) /* a row a user */
		return engine_run(l->etx, t->sql_clear, args, first, NULL);
	rc = engine_prepare(l->etx, t->sql_far, args, first, &st);
	if (!rc)
		rc = engine_step(st);
	*ret_more = rc == RC_OK;
	if (rc == RC_NOT_FOUND)
		return engine_run(l->etx, t->sql_clear, args, first, NULL);
	if (rc)
		return rc;
	/* The statement's row goes with it. */
	for (unsigned i = 0; i < t->n_key; i++) {
		if (t->columns[t->key[i]].type != ENGINE_INT)
			buf_add_span(&bytes, engine_bytes(st, i));
	}
	for (unsigned i = 0, at = 0; i < t->n_key; i++) {
		struct engine_arg *v = &args[first + i];

		*v = (struct engine_arg){ .type = t->columns[t->key[i]].type };
		if (v->type == ENGINE_INT) {
			v->i = engine_int(st, i);
			continue;
		}
		v->s = span_of(bytes.p + at, engine_bytes(st, i).n);
		at += (unsigned)v->s.n;
	}
	engine_stmt_free(TAKE(st));
	return engine_run(l->etx, t->sql_below, args, first + t->n_key, NULL);
}

/* Small tables go together in one batch. */
static enum rc
clear(struct loader *l)
{
	size_t n;
	const struct table *t = tables_of(l->db, &n);
	enum rc rc = begin(l);

	for (size_t i = 0; !rc && i < n; i++) {
		bool more = !is_account(&t[i]) && !is_meta(&t[i]);

		while (!rc && more) {
			rc = clear_batch(l, &t[i], &more);
			if (!rc && more)
				rc = commit(l);
			if (!rc && more)
				rc = begin(l);
		}
	}
	return rc ? rc : commit(l);
}

/* An account without anything, held; or the one that is there. *ret_new: it was not, and
 * so there are no rows. */
static enum rc
hold(struct loader *l, bool *ret_new)
{
	const struct table *t = table_find(ENGINE_SHARD, SPAN("account"));
	struct engine_arg args[TABLE_COLUMNS_MAX + 1] = { I(l->owner) };
	uint64_t rows = 0;
	enum rc rc = begin(l);

	for (size_t i = 0; i < t->n_columns; i++) {
		args[i + 1] =
			(struct engine_arg){ .type = t->columns[i].type, .s = SPAN("") };
		args[i + 1].i = strcmp(t->columns[i].name, "hold") == 0;
	}
	if (!rc)
		rc = sql_run_rows(l->etx, &rows,
		                  "UPDATE account SET hold = 1 WHERE owner = $1",
		                  I(l->owner));
	*ret_new = rows == 0;
	if (!rc && rows == 0)
		rc = engine_run(l->etx, t->sql_insert, args, t->n_columns + 1, NULL);
	return rc ? rc : commit(l);
}

enum rc
loader_user(struct store *s, uint64_t user, loader_change_fn *change, void *arg,
            struct loader **ret)
{
	AUTO(loader)
	struct loader *l = loader_new(s, ENGINE_SHARD, change, arg);
	bool is_new = false;
	enum rc rc;

	l->owner = user;
	rc = hold(l, &is_new);
	if (!rc && !is_new)
		rc = clear(l);
	if (!rc)
		*ret = TAKE(l);
	return rc;
}

enum rc
loader_queue(struct store *s, loader_change_fn *change, void *arg, struct loader **ret)
{
	AUTO(loader)
	struct loader *l = loader_new(s, ENGINE_QUEUE, change, arg);
	enum rc rc = clear(l);

	if (!rc)
		*ret = TAKE(l);
	return rc;
}

enum rc
loader_directory(struct store *s, loader_change_fn *change, void *arg,
                 struct loader **ret)
{
	AUTO(loader)
	struct loader *l = loader_new(s, ENGINE_DIRECTORY, change, arg);
	size_t n;
	const struct table *t = tables_of(ENGINE_DIRECTORY, &n);
	enum rc rc = begin(l);

	for (size_t i = 0; !rc && i < n; i++) {
		if (!is_meta(&t[i]) && !t[i].is_append_only)
			rc = engine_run(l->etx, t[i].sql_clear, NULL, 0, NULL);
	}
	if (!rc)
		*ret = TAKE(l);
	return rc;
}

/* -- rows -- */

static enum rc
load_section(struct rows_out *o, const struct table *t, enum rows_part part)
{
	struct loader *l = loader_of(o);

	/* What an increment says has to be put together with what was before. */
	if (part != ROWS_ALL || t->db != l->db)
		return RC_UNSUPPORTED;
	l->table = t;
	return RC_OK;
}

static enum rc
keep_account(struct loader *l, const struct engine_arg *values)
{
	const struct table *t = l->table;

	if (l->account)
		return RC_INVALID;
	l->account = arena_array(l->a, t->n_columns, struct engine_arg);
	for (size_t i = 0; i < t->n_columns; i++) {
		l->account[i] = values[i];
		if (t->columns[i].type != ENGINE_INT)
			l->account[i].s = arena_span(l->a, values[i].s);
		else if (strcmp(t->columns[i].name, "hold") == 0)
			l->account[i].i = 0;
	}
	return RC_OK;
}

static enum rc
insert(struct loader *l, const struct engine_arg *args, size_t n)
{
	if (is_meta(l->table))
		return engine_run(l->etx,
		                  "INSERT INTO meta (name, value) VALUES ($1, $2)"
		                  " ON CONFLICT (name) DO UPDATE SET"
		                  " value = excluded.value",
		                  args, n, NULL);
	return engine_run(l->etx, l->table->sql_insert, args, n, NULL);
}

static enum rc
load_row(struct rows_out *o, const struct engine_arg *values)
{
	struct loader *l = loader_of(o);
	const struct table *t = l->table;
	struct engine_arg args[TABLE_COLUMNS_MAX + 1] = { I(l->owner) };
	size_t first = l->db == ENGINE_SHARD;
	enum rc rc = RC_OK;

	memcpy(&args[first], values, t->n_columns * sizeof(*values));
	if (l->change)
		rc = l->change(t, &args[first], l->arg);
	if (!rc && is_account(t))
		return keep_account(l, &args[first]);
	if (!rc && !l->etx)
		rc = begin(l);
	if (!rc)
		rc = insert(l, args, first + t->n_columns);
	if (rc)
		return rc == RC_EXISTS ? RC_INVALID : rc;
	l->rows++;
	for (size_t i = 0; i < t->n_columns; i++)
		l->bytes += t->columns[i].type == ENGINE_INT ? 8 : values[i].s.n;
	if (l->db != ENGINE_DIRECTORY &&
	    (l->rows >= BATCH_ROWS || l->bytes >= BATCH_BYTES))
		rc = commit(l);
	return rc;
}

static enum rc
load_run(struct rows_out *o UNUSED, const struct engine_arg *values UNUSED,
         int64_t to UNUSED)
{
	return RC_UNSUPPORTED;
}

static enum rc
load_section_end(struct rows_out *o)
{
	loader_of(o)->table = NULL;
	return RC_OK;
}

static enum rc
end_user(struct loader *l)
{
	const struct table *t = table_find(ENGINE_SHARD, SPAN("account"));
	struct engine_arg args[TABLE_COLUMNS_MAX + 1] = { I(l->owner) };
	enum rc rc = commit(l);

	if (!rc && !l->account)
		rc = RC_INVALID;
	if (rc)
		return rc;
	memcpy(&args[1], l->account, t->n_columns * sizeof(*args));
	rc = begin(l);
	if (!rc)
		rc = engine_run(l->etx, t->sql_update, args, t->n_columns + 1, NULL);
	return rc ? rc : commit(l);
}

enum rc
loader_end(struct loader *l)
{
	return l->db == ENGINE_SHARD ? end_user(l) : commit(l);
}

static const struct rows_ops ops = {
	.section = load_section,
	.row = load_row,
	.run = load_run,
	.end = load_section_end,
};
