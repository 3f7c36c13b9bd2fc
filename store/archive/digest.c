/* SPDX-License-Identifier: ISC
 *
 * digest.c - counts and sums of rows.
 */
#include "store/archive/digest.h"

#include <stdlib.h>

#include "base/mem.h"
#include "store/archive/dump.h"

static const struct rows_ops ops;

struct digester {
	struct rows_out base;
	struct rows_out *to;
	struct archive_writer *w; /* writes nothing: for its sums */
	const struct table *table;
	struct digest result;
};

static struct digester *
digester_of(struct rows_out *o)
{
	return container_of(o, struct digester, base);
}

struct digester *
digester_new(struct rows_out *to)
{
	struct digester *d = xcalloc(1, sizeof(*d));

	d->base.ops = &ops;
	d->to = to;
	d->w = archive_writer_new(NULL, NULL, NULL);
	return d;
}

void
digester_free(struct digester *d)
{
	if (!d)
		return;
	archive_writer_free(d->w);
	free(d);
}

struct rows_out *
digester_rows(struct digester *d)
{
	return &d->base;
}

const struct digest *
digester_result(const struct digester *d)
{
	return &d->result;
}

static struct rows_out *
writer(struct digester *d)
{
	return archive_writer_rows(d->w);
}

static enum rc
take_section(struct rows_out *o, const struct table *t, enum rows_part part)
{
	struct digester *d = digester_of(o);
	enum rc rc = writer(d)->ops->section(writer(d), t, part);

	d->table = t;
	return !rc && d->to ? d->to->ops->section(d->to, t, part) : rc;
}

static enum rc
take_row(struct rows_out *o, const struct engine_arg *values)
{
	struct digester *d = digester_of(o);
	enum rc rc = writer(d)->ops->row(writer(d), values);

	return !rc && d->to ? d->to->ops->row(d->to, values) : rc;
}

static enum rc
take_run(struct rows_out *o, const struct engine_arg *values, int64_t to)
{
	struct digester *d = digester_of(o);
	enum rc rc = writer(d)->ops->run(writer(d), values, to);

	return !rc && d->to ? d->to->ops->run(d->to, values, to) : rc;
}

static enum rc
take_end(struct rows_out *o)
{
	struct digester *d = digester_of(o);
	struct digest *r = &d->result;
	enum rc rc = writer(d)->ops->end(writer(d));

	if (!rc && r->n == DIGEST_TABLES_MAX)
		rc = RC_TOO_BIG;
	if (rc)
		return rc;
	r->tables[r->n].table = d->table->name;
	r->tables[r->n++].sum = *archive_writer_sum(d->w);
	return d->to ? d->to->ops->end(d->to) : RC_OK;
}

enum rc
digest_user(struct store *s, uint64_t user, struct digest *ret)
{
	AUTO(digester)
	struct digester *d = digester_new(NULL);
	AUTO(dump_user)
	struct dump_user *u = NULL;
	struct dump_mark mark;
	enum rc rc = dump_user_new(s, user, &u, &mark);

	if (!rc)
		rc = dump_user_rows(u, NULL, digester_rows(d));
	if (!rc)
		*ret = d->result;
	return rc;
}

const struct archive_sum *
digest_find(const struct digest *d, const char *table)
{
	for (size_t i = 0; i < d->n; i++) {
		if (strcmp(d->tables[i].table, table) == 0)
			return &d->tables[i].sum;
	}
	return NULL;
}

static bool
is_same(const struct digest *a, const struct digest *b, const char *table)
{
	const struct archive_sum *x = digest_find(a, table);
	const struct archive_sum *y = digest_find(b, table);

	return x && y && x->count == y->count &&
	       memcmp(x->hash.b, y->hash.b, sizeof(x->hash.b)) == 0;
}

const char *
digest_difference(const struct digest *a, const struct digest *b)
{
	for (size_t i = 0; i < a->n; i++) {
		if (!is_same(a, b, a->tables[i].table))
			return a->tables[i].table;
	}
	for (size_t i = 0; i < b->n; i++) {
		if (!digest_find(a, b->tables[i].table))
			return b->tables[i].table;
	}
	return NULL;
}

bool
digest_same_mail(const struct digest *a, const struct digest *b)
{
	static const char *const tables[] = { "collection", "collection_gone", "item",
		                              "tombstone", "content" };

	for (size_t i = 0; i < ARRAY_LEN(tables); i++) {
		if (!is_same(a, b, tables[i]))
			return false;
	}
	return true;
}

static const struct rows_ops ops = {
	.section = take_section,
	.row = take_row,
	.run = take_run,
	.end = take_end,
};
