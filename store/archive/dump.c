/* SPDX-License-Identifier: ISC
 *
 * dump.c - rows out of a store.
 */
#include "store/archive/dump.h"

#include <stdlib.h>

#include "base/mem.h"
#include "store/store_directory_private.h"

struct dump_user {
	struct store_tx *tx;
};

/* Values of the directory's and the queue's "meta" that belong to the store itself. */
static const char *const own_names[] = { "shards", "store_id", "unfinished" };

static bool
is_own(const struct table *t, const struct engine_arg *values)
{
	if (strcmp(t->name, "meta") != 0)
		return false;
	for (size_t i = 0; i < ARRAY_LEN(own_names); i++) {
		if (span_is(values[0].s, own_names[i]))
			return true;
	}
	return false;
}

static void
take_column(struct engine_stmt *st, unsigned i, enum engine_type type,
            struct engine_arg *ret)
{
	*ret = (struct engine_arg){ .type = type };
	if (type == ENGINE_INT)
		ret->i = engine_int(st, i);
	else
		ret->s = engine_bytes(st, i);
}

static enum rc
write_rows(struct engine_stmt *st, const struct table *t, struct rows_out *o)
{
	struct engine_arg values[TABLE_COLUMNS_MAX];
	enum rc rc;

	while ((rc = engine_step(st)) == RC_OK) {
		for (unsigned i = 0; i < t->n_columns; i++)
			take_column(st, i, t->columns[i].type, &values[i]);
		if (is_own(t, values))
			continue;
		rc = o->ops->row(o, values);
		if (rc)
			return rc;
	}
	return sql_end(rc);
}

/* sql: sql_all or sql_changed of t; args NULL: no parameters. */
static enum rc
dump_rows(struct engine_tx *etx, const struct table *t, const char *sql,
          const struct engine_arg *args, size_t n, struct rows_out *o)
{
	AUTO(engine_stmt)
	struct engine_stmt *st = NULL;
	enum rc rc = o->ops->section(o, t, ROWS_ALL);

	if (!rc)
		rc = engine_prepare(etx, sql, args, n, &st);
	if (!rc)
		rc = write_rows(st, t, o);
	return rc ? rc : o->ops->end(o);
}

/* -- runs -- */

struct run {
	struct engine_arg values[TABLE_COLUMNS_MAX];
	size_t n;
	size_t last; /* which of them runs */
	int64_t to;
	bool is_open;
};

static bool
goes_on(const struct run *r, const struct engine_arg *values)
{
	if (!r->is_open || values[r->last].i != r->to + 1)
		return false;
	for (size_t i = 0; i < r->n; i++) {
		if (i != r->last && r->values[i].i != values[i].i)
			return false;
	}
	return true;
}

static enum rc
write_runs(struct engine_stmt *st, struct run *r, struct rows_out *o)
{
	struct engine_arg values[TABLE_COLUMNS_MAX];
	enum rc rc;

	while ((rc = engine_step(st)) == RC_OK) {
		for (unsigned i = 0; i < r->n; i++)
			take_column(st, i, ENGINE_INT, &values[i]);
		if (goes_on(r, values)) {
			r->to++;
			continue;
		}
		rc = r->is_open ? o->ops->run(o, r->values, r->to) : RC_OK;
		if (rc)
			return rc;
		memcpy(r->values, values, r->n * sizeof(*values));
		r->to = values[r->last].i;
		r->is_open = true;
	}
	rc = sql_end(rc);
	return !rc && r->is_open ? o->ops->run(o, r->values, r->to) : rc;
}

static enum rc
dump_runs(struct engine_tx *etx, const struct table *t, uint64_t user, struct rows_out *o)
{
	AUTO(engine_stmt)
	struct engine_stmt *st = NULL;
	struct run r = { .n = 0 };
	enum rc rc = o->ops->section(o, t, ROWS_RUNS);

	for (size_t i = 0; i < t->n_columns; i++) {
		if (t->columns[i].is_key)
			r.last = r.n;
		r.n += t->columns[i].is_key || t->columns[i].is_volatile;
	}
	if (!rc)
		rc = sql_each(etx, &st, t->sql_keys, I(user));
	if (!rc)
		rc = write_runs(st, &r, o);
	return rc ? rc : o->ops->end(o);
}

/* -- users -- */

enum rc
dump_user_new(struct store *s, uint64_t user, struct dump_user **ret,
              struct dump_mark *ret_mark)
{
	struct store_tx *tx = NULL;
	struct dump_user *d;
	enum rc rc = store_read(s, user, &tx);

	if (rc)
		return rc;
	d = xcalloc(1, sizeof(*d));
	d->tx = tx;
	*ret_mark = (struct dump_mark){
		.modseq = tx->modseq,
		.content_next = tx->content_next,
		.swept = tx->swept,
	};
	*ret = d;
	return RC_OK;
}

void
dump_user_free(struct dump_user *d)
{
	if (!d)
		return;
	store_tx_free(d->tx);
	free(d);
}

bool
dump_user_can_go_on(const struct dump_user *d, const struct dump_mark *since)
{
	const struct store_tx *tx = d->tx;

	return since->modseq <= tx->modseq && since->content_next <= tx->content_next &&
	       since->swept <= tx->swept && !store_tx_is_lost(tx, since->modseq);
}

static uint64_t
above(const struct table *t, const struct dump_mark *since)
{
	return strcmp(t->name, "content") == 0 ? since->content_next - 1 : since->modseq;
}

static enum rc
dump_log(struct dump_user *d, const struct table *t, const struct dump_mark *since,
         struct rows_out *o)
{
	const struct store_tx *tx = d->tx;
	const struct engine_arg args[] = { I(tx->user), I(above(t, since)) };
	enum rc rc;

	if (since->modseq == tx->modseq && since->swept == tx->swept &&
	    since->content_next == tx->content_next)
		return RC_OK;
	rc = dump_rows(tx->etx, t, t->sql_changed, args, ARRAY_LEN(args), o);
	return rc ? rc : dump_runs(tx->etx, t, tx->user, o);
}

enum rc
dump_user_rows(struct dump_user *d, const struct dump_mark *since, struct rows_out *o)
{
	const struct engine_arg owner[] = { I(d->tx->user) };
	size_t n;
	const struct table *t = tables_of(ENGINE_SHARD, &n);
	enum rc rc = RC_OK;

	for (size_t i = 0; !rc && i < n; i++) {
		if (since && t[i].has_log)
			rc = dump_log(d, &t[i], since, o);
		else
			rc = dump_rows(d->tx->etx, &t[i], t[i].sql_all, owner, 1, o);
	}
	return rc;
}

enum rc
dump_person(struct store *s, uint64_t user, struct rows_out *o)
{
	const struct table *t = table_find(ENGINE_DIRECTORY, SPAN("mail_user"));
	const struct engine_arg id[] = { I(user) };
	AUTO(engine_tx)
	struct engine_tx *etx = NULL;
	enum rc rc = directory_begin(s, false, &etx);

	return rc ? rc : dump_rows(etx, t, t->sql_one, id, 1, o);
}

/* -- the others -- */

static enum rc
dump_all(struct store *s, enum engine_db db, bool own, struct rows_out *o)
{
	AUTO(engine_tx)
	struct engine_tx *etx = NULL;
	size_t n;
	const struct table *t = tables_of(db, &n);
	enum rc rc = engine_begin(s->engine, db, 0, false, &etx);

	for (size_t i = 0; !rc && i < n; i++) {
		if (own || !t[i].is_own)
			rc = dump_rows(etx, &t[i], t[i].sql_all, NULL, 0, o);
	}
	return rc;
}

enum rc
dump_directory(struct store *s, bool own, struct rows_out *o)
{
	return dump_all(s, ENGINE_DIRECTORY, own, o);
}

enum rc
dump_queue(struct store *s, struct rows_out *o)
{
	return dump_all(s, ENGINE_QUEUE, true, o);
}

enum rc
dump_people(struct store *s, struct arena *a, struct dump_person **ret, size_t *ret_n)
{
	AUTO(engine_tx)
	struct engine_tx *etx = NULL;
	AUTO(engine_stmt)
	struct engine_stmt *st = NULL;
	struct dump_person *list = NULL;
	size_t n = 0;
	size_t cap = 0;
	enum rc rc = directory_begin(s, false, &etx);

	if (!rc)
		rc = sql_each(etx, &st,
		              "SELECT id, address, removed_ms FROM mail_user ORDER BY id"
		              " /* long */");
	while (!rc && (rc = engine_step(st)) == RC_OK) {
		list = grow(list, n, &cap, sizeof(*list));
		list[n++] = (struct dump_person){ col_u64(st, 0),
			                          arena_span(a, engine_bytes(st, 1)),
			                          engine_int(st, 2) };
	}
	rc = sql_end(rc);
	if (!rc) {
		*ret = arena_array(a, n, struct dump_person);
		if (n > 0)
			memcpy(*ret, list, n * sizeof(*list));
		*ret_n = n;
	}
	free(list);
	return rc;
}

static enum rc
select_blobs(struct store *s, uint64_t user, struct engine_tx **etx,
             struct engine_stmt **ret)
{
	enum rc rc;

	if (user == 0) {
		rc = engine_begin(s->engine, ENGINE_QUEUE, 0, false, etx);
		return rc ? rc
		          : sql_each(*etx, ret,
		                     "SELECT sha256, size FROM content WHERE form = 2"
		                     " /* long */");
	}
	rc = engine_begin(s->engine, ENGINE_SHARD, store_shard_of(s, user), false, etx);
	return rc ? rc
	          : sql_each(*etx, ret,
	                     "SELECT sha256, size FROM content"
	                     " WHERE owner = $1 AND form = 2 ORDER BY id /* long */",
	                     I(user));
}

enum rc
dump_blobs(struct store *s, uint64_t user, dump_blob_fn *fn, void *arg)
{
	AUTO(engine_tx)
	struct engine_tx *etx = NULL;
	AUTO(engine_stmt)
	struct engine_stmt *st = NULL;
	enum rc rc = select_blobs(s, user, &etx, &st);

	while (!rc && (rc = engine_step(st)) == RC_OK) {
		struct span bytes = engine_bytes(st, 0);
		struct sha256 hash;

		if (bytes.n != sizeof(hash.b))
			return RC_IO;
		memcpy(hash.b, bytes.p, bytes.n);
		rc = fn(&hash, col_u64(st, 1), arg);
		if (rc)
			return rc;
	}
	return sql_end(rc);
}
