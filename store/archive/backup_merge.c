/* SPDX-License-Identifier: ISC
 *
 * backup_merge.c - a full archive of a user and the increments on it, as one.
 *
 * All of them are in the order of tables and keys, so they are read side by side. Of a
 * table with a log the last increment that has runs says which rows there are; each row
 * is the newest that any archive has. Other tables are in every increment whole: the
 * last one counts.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "base/mem.h"
#include "store/archive/backup_private.h"
#include "store/archive/pump.h"

/* An archive that is read section by section, of rows or of runs. */
struct feed {
	struct backup_in in;
	enum archive_part part;
	const struct archive_view *v;
	bool in_section; /* at the beginning of one, or within */
	bool has_row;    /* map.values and v->run_to are of the row that is up */
	unsigned order;  /* of the section */
	struct pump_map map;
};

struct merge {
	struct feed *rows;
	struct feed *runs;
	size_t n;
	struct rows_out *to;
	struct err *err;
};

/* The user's row of the directory comes first, then the shard's tables. */
static unsigned
order_of(const struct table *t)
{
	size_t n;

	return t->db == ENGINE_DIRECTORY
	               ? 0
	               : (unsigned)(t - tables_of(ENGINE_SHARD, &n)) + 1;
}

/* To the beginning of the next section, or the end. */
static enum rc
next_section(struct feed *f, struct err *err)
{
	enum archive_event ev = ARCHIVE_EV_HEAD;
	unsigned before = f->order;
	enum rc rc = RC_OK;

	do
		rc = archive_next(f->in.r, &ev, err);
	while (!rc && ev != ARCHIVE_EV_SECTION && ev != ARCHIVE_EV_END);
	f->has_row = false;
	f->in_section = ev == ARCHIVE_EV_SECTION;
	if (rc || !f->in_section)
		return rc;
	rc = pump_map_init(&f->map, f->v, err);
	if (rc)
		return rc;
	f->order = order_of(f->map.t);
	if (f->order < before)
		return err_set(err, RC_INVALID, "tables in a wrong order");
	return RC_OK;
}

static enum rc
feed_open(struct feed *f, const char *path, enum archive_part part, bool increment,
          struct err *err)
{
	enum archive_event ev;
	enum rc rc = backup_in_open(&f->in, path, false, err);

	if (rc)
		return rc;
	f->part = part;
	f->v = archive_view(f->in.r);
	rc = archive_next(f->in.r, &ev, err);
	if (!rc && (f->v->head.kind != ARCHIVE_USER || f->v->head.increment != increment))
		rc = err_set(err, RC_INVALID, "%s is not what the manifest says", path);
	return rc ? rc : next_section(f, err);
}

/* *ret: the feed is at its section of t. */
static enum rc
feed_find(struct feed *f, const struct table *t, bool *ret, struct err *err)
{
	unsigned order = order_of(t);
	enum rc rc = RC_OK;

	while (!rc && f->in_section &&
	       (f->order < order || (f->order == order && f->v->part != f->part)))
		rc = next_section(f, err);
	*ret = !rc && f->in_section && f->order == order;
	return rc;
}

/* The next row; has_row is false at the end of the section. */
static enum rc
feed_next(struct feed *f, struct err *err)
{
	enum archive_event ev = ARCHIVE_EV_HEAD;
	enum rc rc = archive_next(f->in.r, &ev, err);

	f->has_row = !rc && (ev == ARCHIVE_EV_ROW || ev == ARCHIVE_EV_RUN);
	if (f->has_row)
		pump_map_row(&f->map, f->v);
	return rc || f->has_row ? rc : next_section(f, err);
}

/* -- keys -- */

static int
compare_values(const struct engine_arg *a, const struct engine_arg *b)
{
	if (a->type == ENGINE_INT)
		return a->i < b->i ? -1 : a->i > b->i;
	return span_cmp(a->s, b->s);
}

static int
compare_keys(const struct table *t, const struct engine_arg *a,
             const struct engine_arg *b, size_t n)
{
	int order = 0;

	for (size_t i = 0; order == 0 && i < n; i++)
		order = compare_values(&a[t->key[i]], &b[t->key[i]]);
	return order;
}

/* Where the row lies: before the run (-1), in it, or behind it. */
static int
compare_with_run(const struct feed *run, const struct engine_arg *row)
{
	const struct table *t = run->map.t;
	unsigned last = t->key[t->n_key - 1];
	int order = compare_keys(t, row, run->map.values, t->n_key - 1);

	if (order != 0)
		return order;
	if (row[last].i < run->map.values[last].i)
		return -1;
	return row[last].i > run->v->run_to;
}

/* -- tables -- */

static enum rc
copy_section(struct merge *m, struct feed *f)
{
	enum rc rc = feed_next(f, m->err);

	while (!rc && f->has_row) {
		rc = m->to->ops->row(m->to, f->map.values);
		if (!rc)
			rc = feed_next(f, m->err);
	}
	return rc;
}

/* The feed with the lowest key; of several the newest. NULL: all have ended. */
static struct feed *
lowest(struct merge *m, const struct table *t, size_t n)
{
	struct feed *best = NULL;

	for (size_t i = n; i-- > 0;) {
		struct feed *f = &m->rows[i];

		if (!f->has_row || f->order != order_of(t))
			continue;
		if (!best ||
		    compare_keys(t, f->map.values, best->map.values, t->n_key) < 0)
			best = f;
	}
	return best;
}

/* Past the row of best, also in the others. */
static enum rc
step_all(struct merge *m, const struct table *t, size_t n, struct feed *best)
{
	enum rc rc = RC_OK;

	for (size_t i = 0; !rc && i < n; i++) {
		struct feed *f = &m->rows[i];

		if (f != best && f->has_row && f->order == order_of(t) &&
		    compare_keys(t, f->map.values, best->map.values, t->n_key) == 0)
			rc = feed_next(f, m->err);
	}
	return rc ? rc : feed_next(best, m->err);
}

struct counts {
	uint64_t said; /* keys in the runs */
	uint64_t rows; /* that came out */
};

static void
count_run(const struct feed *run, struct counts *c)
{
	const struct table *t = run->map.t;
	unsigned last = t->key[t->n_key - 1];

	c->said += (uint64_t)run->v->run_to - (uint64_t)run->map.values[last].i + 1;
}

static void
take_volatile(const struct feed *run, struct engine_arg *row)
{
	const struct table *t = run->map.t;

	for (size_t i = 0; i < t->n_columns; i++) {
		if (t->columns[i].is_volatile)
			row[i] = run->map.values[i];
	}
}

/* The row that is up, if the runs have it. */
static enum rc
pass_row(struct merge *m, struct feed *run, struct feed *best, struct counts *c)
{
	enum rc rc = RC_OK;

	while (!rc && run->has_row && compare_with_run(run, best->map.values) > 0) {
		rc = feed_next(run, m->err);
		if (!rc && run->has_row)
			count_run(run, c);
	}
	if (rc || !run->has_row || compare_with_run(run, best->map.values) != 0)
		return rc;
	take_volatile(run, best->map.values);
	c->rows++;
	return m->to->ops->row(m->to, best->map.values);
}

/* n: the archives up to the one whose runs count. */
static enum rc
merge_rows(struct merge *m, const struct table *t, size_t n, struct feed *run)
{
	struct counts c = { 0 };
	struct feed *best;
	enum rc rc = feed_next(run, m->err);

	if (!rc && run->has_row)
		count_run(run, &c);
	for (size_t i = 0; !rc && i < n; i++) {
		bool found = false;

		rc = feed_find(&m->rows[i], t, &found, m->err);
		if (!rc && found)
			rc = feed_next(&m->rows[i], m->err);
	}
	while (!rc && (best = lowest(m, t, n)) != NULL) {
		rc = pass_row(m, run, best, &c);
		if (!rc)
			rc = step_all(m, t, n, best);
	}
	while (!rc && run->has_row) {
		rc = feed_next(run, m->err);
		if (!rc && run->has_row)
			count_run(run, &c);
	}
	if (!rc && c.said != c.rows)
		rc = err_set(m->err, RC_INVALID,
		             "%s: the backups do not fit together: %" PRIu64
		             " rows where %" PRIu64 " must be",
		             t->name, c.rows, c.said);
	return rc;
}

static enum rc
merge_table(struct merge *m, const struct table *t)
{
	bool found = false;
	size_t last = m->n - 1;
	enum rc rc = m->to->ops->section(m->to, t, ROWS_ALL);

	if (!t->has_log) {
		if (!rc)
			rc = feed_find(&m->rows[last], t, &found, m->err);
		if (!rc && found)
			rc = copy_section(m, &m->rows[last]);
		return rc ? rc : m->to->ops->end(m->to);
	}
	while (!rc && last > 0) {
		rc = feed_find(&m->runs[last], t, &found, m->err);
		if (found)
			break;
		last--;
	}
	if (!rc && last > 0) {
		rc = merge_rows(m, t, last + 1, &m->runs[last]);
	} else if (!rc) {
		rc = feed_find(&m->rows[0], t, &found, m->err);
		if (!rc && found)
			rc = copy_section(m, &m->rows[0]);
	}
	return rc ? rc : m->to->ops->end(m->to);
}

static enum rc
merge_all(struct merge *m)
{
	size_t n;
	const struct table *t = tables_of(ENGINE_SHARD, &n);
	enum rc rc = merge_table(m, table_find(ENGINE_DIRECTORY, SPAN("mail_user")));

	for (size_t i = 0; !rc && i < n; i++)
		rc = merge_table(m, &t[i]);
	return rc;
}

/* What is behind the last table is of a newer version, or the archive's end, which must
 * be seen: the sum is there. */
static enum rc
read_to_end(struct feed *f, struct err *err)
{
	enum rc rc = RC_OK;

	while (!rc && f->in_section)
		rc = next_section(f, err);
	return rc;
}

enum rc
backup_merge(char *const *paths, size_t n, struct rows_out *to, struct err *err)
{
	struct merge m = { .n = n, .to = to, .err = err };
	enum rc rc = RC_OK;

	m.rows = xcalloc(n, sizeof(*m.rows));
	m.runs = xcalloc(n, sizeof(*m.runs));
	for (size_t i = 0; i < n; i++)
		m.rows[i].in.fd = m.runs[i].in.fd = -1;
	for (size_t i = 0; !rc && i < n; i++) {
		rc = feed_open(&m.rows[i], paths[i], ARCHIVE_PART_ROWS, i > 0, err);
		if (!rc && i > 0)
			rc = feed_open(&m.runs[i], paths[i], ARCHIVE_PART_RUNS, true,
			               err);
	}
	if (!rc)
		rc = merge_all(&m);
	for (size_t i = 0; !rc && i < n; i++)
		rc = read_to_end(&m.rows[i], err);
	for (size_t i = 0; i < n; i++) {
		backup_in_close(&m.rows[i].in);
		backup_in_close(&m.runs[i].in);
	}
	free(m.rows);
	free(m.runs);
	if (rc && err && !*err->text)
		err_set(err, rc, "%s", rc_str(rc));
	return rc;
}

enum rc
backup_chain(const char *dir, struct backup_run *runs, size_t n,
             const struct backup_run *r, uint64_t user, struct arena *a, char ***ret,
             size_t *ret_n, struct err *err)
{
	char **list = arena_array(a, n, char *);
	size_t k = n;

	while (r) {
		const struct backup_entry *e = backup_entry_before(runs, n, r, user, &r);

		if (!e)
			return err_set(err, RC_NOT_FOUND, "the backup has no such user");
		if (e->kind == BACKUP_FULL || e->kind == BACKUP_INCREMENT) {
			char *path = backup_path_of_user(dir, r->number, user);

			list[--k] = arena_strdup(a, path);
			free(path);
		}
		if (e->kind == BACKUP_FULL) {
			*ret = list + k;
			*ret_n = n - k;
			return RC_OK;
		}
		r = backup_run_find(runs, n, r->parent);
	}
	return err_set(err, RC_INVALID, "the chain of user %" PRIu64 " has no beginning",
	               user);
}
