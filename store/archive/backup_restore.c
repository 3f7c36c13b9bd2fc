/* SPDX-License-Identifier: ISC
 *
 * backup_restore.c - from a folder of backups into a store.
 *
 * A user's archives are read twice: once to know what is in them (so that a damaged
 * backup is refused before anything is touched), then into the target.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/htab.h"
#include "base/mem.h"
#include "store/archive/backup_private.h"
#include "store/archive/digest.h"
#include "store/archive/fill.h"
#include "store/archive/loader.h"
#include "store/archive/pump.h"
#include "store/archive/restore.h"
#include "store/archive/send.h"
#include "store/store_private.h"

static const struct rows_ops look_ops;

/* What the archives of a user make together, looked at on the way to the digest. */
struct look {
	struct rows_out base;
	struct digester *digester;
	struct arena *a;
	struct restore_person person;
	bool has_person;
	const struct table *t;
	struct sha256 *blobs;
	size_t n_blobs;
	size_t cap_blobs;
};

static struct look *
look_of(struct rows_out *o)
{
	return container_of(o, struct look, base);
}

static struct rows_out *
digest_of(struct look *l)
{
	return digester_rows(l->digester);
}

static enum rc
look_section(struct rows_out *o, const struct table *t, enum rows_part part)
{
	struct look *l = look_of(o);

	l->t = t;
	return t->db == ENGINE_SHARD ? digest_of(l)->ops->section(digest_of(l), t, part)
	                             : RC_OK;
}

static const struct engine_arg *
value(const struct look *l, const struct engine_arg *values, const char *column)
{
	return &values[table_column(l->t, span_str(column))];
}

static enum rc
note_blob(struct look *l, const struct engine_arg *values)
{
	struct span name = value(l, values, "sha256")->s;

	if (value(l, values, "form")->i != CONTENT_BLOB)
		return RC_OK;
	if (name.n != sizeof(*l->blobs))
		return RC_INVALID;
	l->blobs = grow(l->blobs, l->n_blobs, &l->cap_blobs, sizeof(*l->blobs));
	memcpy(l->blobs[l->n_blobs++].b, name.p, name.n);
	return RC_OK;
}

static enum rc
look_row(struct rows_out *o, const struct engine_arg *values)
{
	struct look *l = look_of(o);
	enum rc rc;

	if (l->t->db != ENGINE_SHARD) {
		restore_person_from(l->t, values, &l->person);
		l->person.address = arena_span(l->a, l->person.address);
		l->person.name = arena_span(l->a, l->person.name);
		l->person.password = arena_span(l->a, l->person.password);
		l->has_person = true;
		return RC_OK;
	}
	rc = strcmp(l->t->name, "content") == 0 ? note_blob(l, values) : RC_OK;
	return rc ? rc : digest_of(l)->ops->row(digest_of(l), values);
}

static enum rc
look_end(struct rows_out *o)
{
	struct look *l = look_of(o);

	return l->t->db == ENGINE_SHARD ? digest_of(l)->ops->end(digest_of(l)) : RC_OK;
}

static const struct rows_ops look_ops = { .section = look_section,
	                                  .row = look_row,
	                                  .end = look_end };

static void
look_done(struct look *l)
{
	digester_free(l->digester);
	free(l->blobs);
}

/* -- one user -- */

struct give {
	const char *dir;
	backup_say_fn *say;
	void *arg;
	struct backup_report report;
};

static void say(struct give *g, const char *fmt, ...) PRINTF_LIKE(2, 3);

static void
say(struct give *g, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	if (!g->say)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	g->say(text, g->arg);
}

/* A content that the backup has lost does not keep the others back. */
static enum rc
give_blobs(struct give *g, const struct look *l, struct backup_target *target,
           struct err *err)
{
	enum rc rc = RC_OK;

	for (size_t i = 0; !rc && i < l->n_blobs; i++) {
		char *path = backup_path_of_blob(g->dir, &l->blobs[i]);

		if (access(path, F_OK) != 0) {
			say(g, "%.*s: a content is missing: %s",
			    SPAN_FMT(l->person.address), path);
			g->report.faults++;
		} else {
			rc = target->ops->blob(target, path, err);
			g->report.blobs++;
		}
		free(path);
	}
	return rc;
}

static enum rc
give_user(struct give *g, char *const *paths, size_t n, struct backup_target *target,
          bool *ret_same, struct err *err)
{
	AUTO(arena)
	struct arena *a = arena_new();
	struct look l = { .base = { &look_ops }, .a = a };
	struct rows_out *to = NULL;
	enum rc rc;

	l.digester = digester_new(NULL);
	*ret_same = false;
	rc = backup_merge(paths, n, &l.base, err);
	if (!rc && !l.has_person)
		rc = err_set(err, RC_INVALID, "%s: has no user", paths[0]);
	if (!rc)
		rc = target->ops->begin(target, &l.person, digester_result(l.digester),
		                        ret_same, err);
	if (!rc && !*ret_same)
		rc = give_blobs(g, &l, target, err);
	if (!rc && !*ret_same)
		rc = target->ops->rows(target, &to, err);
	if (!rc && !*ret_same)
		rc = backup_merge(paths, n, to, err);
	if (!rc && !*ret_same)
		rc = target->ops->end(target, err);
	look_done(&l);
	return rc;
}

/* Of two with the same address the later number is the one who has it. */
static bool
has_address(const struct backup_run *r, struct span address, uint64_t *ret_user)
{
	for (size_t i = r->n; i-- > 0;) {
		if (span_ieq(r->entries[i].address, address)) {
			*ret_user = r->entries[i].user;
			return true;
		}
	}
	return false;
}

/* The last run that has a user of this address, also one that was removed since. */
static enum rc
find_user(const char *dir, struct backup_run *runs, size_t n, unsigned run,
          struct span address, struct arena *a, struct backup_run **ret,
          uint64_t *ret_user, struct err *err)
{
	for (size_t i = n; i-- > 0;) {
		enum rc rc;

		if (run != 0 && runs[i].number != run)
			continue;
		rc = backup_load(dir, runs, n, &runs[i], a, err);
		if (rc)
			return rc;
		if (has_address(&runs[i], address, ret_user)) {
			*ret = &runs[i];
			return RC_OK;
		}
	}
	return err_set(err, RC_NOT_FOUND, "%s: the backup has no user %.*s", dir,
	               SPAN_FMT(address));
}

enum rc
backup_restore_user(const char *dir, unsigned run, struct span address,
                    struct backup_target *target, bool *ret_same, struct err *err)
{
	AUTO(arena)
	struct arena *a = arena_new();
	struct give g = { .dir = dir };
	struct err why = { "" };
	struct backup_run *runs = NULL;
	struct backup_run *r = NULL;
	char **paths = NULL;
	uint64_t user = 0;
	size_t n = 0;
	size_t n_paths = 0;
	enum rc rc = backup_list(dir, a, &runs, &n, &why);

	if (!rc)
		rc = find_user(dir, runs, n, run, address, a, &r, &user, &why);
	if (!rc)
		rc = backup_chain(dir, runs, n, r, user, a, &paths, &n_paths, &why);
	if (!rc)
		rc = give_user(&g, paths, n_paths, target, ret_same, &why);
	return rc ? err_set(err, rc, "%s", *why.text ? why.text : rc_str(rc)) : RC_OK;
}

/* -- all of it -- */

struct all {
	struct give g;
	const struct backup_restore_conf *conf;
	struct arena *a;
	struct backup_run *runs;
	size_t n;
	struct backup_run *run;
	struct store *to;
	struct err *err;
};

/* Users come before the directory: they are given out by number. */
static enum rc
fill_begin_user(struct backup_target *base, const struct restore_person *p,
                const struct digest *mail UNUSED, bool *ret_same, struct err *err UNUSED)
{
	struct backup_store_target *t =
		container_of(base, struct backup_store_target, base);

	t->person = *p;
	t->user = p->id;
	*ret_same = false;
	return RC_OK;
}

static enum rc
fill_end_user(struct backup_target *base, struct err *err)
{
	struct backup_store_target *t =
		container_of(base, struct backup_store_target, base);
	enum rc rc = restore_end(t->restore);

	backup_target_done(t);
	return rc ? err_set(err, rc, "%s", rc_str(rc)) : RC_OK;
}

static enum rc
fill_user(struct all *x, const struct backup_entry *e)
{
	AUTO(arena)
	struct arena *a = arena_new();
	struct backup_target_ops ops;
	struct backup_store_target target;
	struct err why = { "" };
	char **paths = NULL;
	size_t n = 0;
	bool done = false;
	enum rc rc = fill_has_user(x->to, e->user, &done);

	if (rc || done)
		return rc;
	backup_target_of_store(&target, x->to);
	ops = *target.base.ops;
	ops.begin = fill_begin_user;
	ops.end = fill_end_user;
	target.base.ops = &ops;
	rc = backup_chain(x->conf->dir, x->runs, x->n, x->run, e->user, a, &paths, &n,
	                  &why);
	if (!rc)
		rc = give_user(&x->g, paths, n, &target.base, &done, &why);
	backup_target_done(&target);
	return rc ? err_set(x->err, rc, "%.*s: %s", SPAN_FMT(e->address),
	                    *why.text ? why.text : rc_str(rc))
	          : RC_OK;
}

static void
set(const struct table *t, struct engine_arg *values, const char *column, int64_t v)
{
	int at = table_column(t, span_str(column));

	if (at >= 0)
		values[at].i = v;
}

/* Nobody works on the queue yet, whoever did when the backup was made. */
static enum rc
change_queue(const struct table *t, struct engine_arg *values, void *arg)
{
	const struct all *x = arg;

	if (strcmp(t->name, "entry") != 0)
		return RC_OK;
	set(t, values, "lease", 0);
	set(t, values, "holder", 0);
	set(t, values, "due_ms", values[table_column(t, SPAN("next_ms"))].i);
	if (x->conf->queue == BACKUP_QUEUE_HOLD)
		set(t, values, "held", 1);
	return RC_OK;
}

static enum rc
give_queue_blob(const struct sha256 *hash, uint64_t size UNUSED, void *arg)
{
	struct all *x = arg;
	struct backup_store_target target;
	char *path = backup_path_of_blob(x->conf->dir, hash);
	enum rc rc = RC_OK;

	backup_target_of_store(&target, x->to);
	if (access(path, F_OK) != 0) {
		say(&x->g, "the queue: a content is missing: %s", path);
		x->g.report.faults++;
	} else {
		rc = target.base.ops->blob(&target.base, path, x->err);
	}
	free(path);
	return rc;
}

static enum rc
fill_other(struct all *x, const char *name, const struct backup_file *file,
           enum archive_kind kind, struct loader *l)
{
	AUTO(loader)
	struct loader *loader = l;
	char *path = backup_path_of_run(x->conf->dir, x->run->number, name);
	struct backup_scan scan;
	struct backup_in in;
	enum archive_event ev;
	enum rc rc = backup_scan_file(path, file, x->a,
	                              kind == ARCHIVE_QUEUE ? give_queue_blob : NULL, x,
	                              &scan, x->err);

	if (!rc)
		rc = backup_in_open(&in, path, false, x->err);
	free(path);
	if (rc)
		return rc;
	rc = archive_next(in.r, &ev, x->err);
	if (!rc)
		rc = pump_rows(in.r, loader_rows(loader), x->err);
	backup_in_close(&in);
	if (!rc)
		rc = loader_end(loader);
	return rc && !*x->err->text ? err_set(x->err, rc, "%s: %s", name, rc_str(rc))
	                            : rc;
}

static enum rc
fill_queue(struct all *x)
{
	struct loader *l = NULL;
	enum rc rc;

	if (x->conf->queue == BACKUP_QUEUE_DROP)
		return RC_OK;
	rc = loader_queue(x->to, change_queue, x, &l);
	return rc ? rc : fill_other(x, "queue", &x->run->queue, ARCHIVE_QUEUE, l);
}

static enum rc
fill_directory(struct all *x)
{
	struct loader *l = NULL;
	enum rc rc = loader_directory(x->to, NULL, NULL, &l);

	return rc ? rc
	          : fill_other(x, "directory", &x->run->directory, ARCHIVE_DIRECTORY, l);
}

static enum rc
find_run(struct all *x)
{
	for (size_t i = x->n; i-- > 0 && !x->run;) {
		if (x->conf->run ? x->runs[i].number == x->conf->run : x->runs[i].all)
			x->run = &x->runs[i];
	}
	if (!x->run)
		return err_set(x->err, RC_NOT_FOUND, "%s: there is no such backup",
		               x->conf->dir);
	if (!x->run->all)
		return err_set(
			x->err, RC_INVALID,
			"backup %06u is of some users only: restore them one by one",
			x->run->number);
	return backup_load(x->conf->dir, x->runs, x->n, x->run, x->a, x->err);
}

static enum rc
fill(struct all *x)
{
	uint64_t mark = 0;
	bool goes_on = false;
	enum rc rc;

	memcpy(&mark, x->run->sum.b, sizeof(mark));
	mark = mark >> 1 | 1;
	rc = fill_begin(x->to, mark, &goes_on, x->err);
	if (!rc)
		say(&x->g, "%s %zu users of backup %06u",
		    goes_on ? "going on with" : "restoring", x->run->n, x->run->number);
	for (size_t i = 0; !rc && i < x->run->n; i++) {
		rc = fill_user(x, &x->run->entries[i]);
		x->g.report.users += !rc;
		if ((i + 1) % 1000 == 0)
			say(&x->g, "%zu of %zu users", i + 1, x->run->n);
	}
	if (!rc)
		rc = fill_queue(x);
	if (!rc)
		rc = fill_directory(x);
	return rc ? rc : fill_end(x->to);
}

enum rc
backup_restore(const struct backup_restore_conf *conf, const struct store_conf *to,
               struct backup_report *ret, struct err *err)
{
	AUTO(arena)
	struct arena *a = arena_new();
	struct err why = { "" };
	struct all x = { .conf = conf, .a = a, .err = &why };
	enum rc rc = backup_list(conf->dir, a, &x.runs, &x.n, &why);

	x.g = (struct give){ .dir = conf->dir, .say = conf->say, .arg = conf->arg };
	if (!rc)
		rc = find_run(&x);
	if (!rc)
		rc = store_open_unfinished(to, &x.to, &why);
	if (!rc)
		rc = fill(&x);
	store_close(x.to);
	if (rc)
		return err_set(err, rc, "%s", *why.text ? why.text : rc_str(rc));
	x.g.report.run = x.run->number;
	x.g.report.full = x.run->full;
	*ret = x.g.report;
	return RC_OK;
}
