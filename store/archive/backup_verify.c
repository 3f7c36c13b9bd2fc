/* SPDX-License-Identifier: ISC
 *
 * backup_verify.c - all backups of a folder read through, and put together as a restore
 * would.
 */
#include <dirent.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/htab.h"
#include "base/mem.h"
#include "store/archive/backup_private.h"

static const struct rows_ops counter_ops;

struct verify {
	const char *dir;
	backup_say_fn *say;
	void *arg;
	struct arena *a;
	struct backup_run *runs;
	size_t n;
	uint64_t faults;
	struct err *err;
};

/* The first is the caller's sentence, too. */
static void fault(struct verify *v, const char *fmt, ...) PRINTF_LIKE(2, 3);

static void
fault(struct verify *v, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (v->faults++ == 0)
		err_set(v->err, RC_INVALID, "%s", text);
	if (v->say)
		v->say(text, v->arg);
}

/* -- blobs -- */

static void
verify_blob(struct verify *v, const char *path, const char *name)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(64);
	struct err err = { "" };
	struct sha256 hash;

	if (hex_decode(span_str(name), &b) != RC_OK || buf_len(&b) != sizeof(hash.b)) {
		fault(v, "%s is no content", path);
		return;
	}
	memcpy(hash.b, b.p, sizeof(hash.b));
	if (backup_scan_blob(path, &hash, &err) != RC_OK)
		fault(v, "%s", err.text);
}

static void
verify_blobs(struct verify *v)
{
	for (unsigned i = 0; i < 256; i++) {
		char *folder = xasprintf("%s/blobs/%02x", v->dir, i);
		DIR *d = opendir(folder);
		struct dirent *e;

		while (d && (e = readdir(d)) != NULL) {
			char *path = xasprintf("%s/%s", folder, e->d_name);

			if (e->d_name[0] != '.')
				verify_blob(v, path, e->d_name);
			free(path);
		}
		if (d)
			closedir(d);
		free(folder);
	}
}

struct names {
	struct verify *v;
	const char *who;
};

static enum rc
need_blob(const struct sha256 *hash, uint64_t size UNUSED, void *arg)
{
	struct names *n = arg;
	char *path = backup_path_of_blob(n->v->dir, hash);

	if (access(path, F_OK) != 0)
		fault(n->v, "%s names a content that is missing: %s", n->who, path);
	free(path);
	return RC_OK;
}

/* -- files -- */

static void
verify_file(struct verify *v, const char *path, const struct backup_file *want,
            enum archive_kind kind, const struct backup_entry *e)
{
	AUTO(arena)
	struct arena *a = arena_new();
	struct names names = { v, path };
	struct err err = { "" };
	struct backup_scan scan;

	if (backup_scan_file(path, want, a, need_blob, &names, &scan, &err) != RC_OK) {
		fault(v, "%s", err.text);
		return;
	}
	if (scan.head.kind != kind ||
	    (e && (scan.head.user != e->user ||
	           scan.head.increment != (e->kind == BACKUP_INCREMENT) ||
	           scan.head.modseq != e->mark.modseq)))
		fault(v, "%s is not what the manifest says", path);
}

static void
verify_entries(struct verify *v, const struct backup_run *r)
{
	char *directory = backup_path_of_run(v->dir, r->number, "directory");
	char *queue = backup_path_of_run(v->dir, r->number, "queue");

	if (r->all) {
		verify_file(v, directory, &r->directory, ARCHIVE_DIRECTORY, NULL);
		verify_file(v, queue, &r->queue, ARCHIVE_QUEUE, NULL);
	}
	free(directory);
	free(queue);
	for (size_t i = 0; i < r->n; i++) {
		const struct backup_entry *e = &r->entries[i];
		char *path = backup_path_of_user(v->dir, r->number, e->user);

		if (e->kind == BACKUP_FULL || e->kind == BACKUP_INCREMENT)
			verify_file(v, path, &e->file, ARCHIVE_USER, e);
		free(path);
	}
}

static void
verify_run(struct verify *v, const struct backup_run *head)
{
	AUTO(arena)
	struct arena *a = arena_new();
	struct backup_run one = *head;
	struct backup_run *r = &one;
	struct err err = { "" };

	/* By itself: all at once may be large. */
	one.parent = 0;
	if (backup_load(v->dir, &one, 1, r, a, &err) != RC_OK) {
		fault(v, "%s", err.text);
		return;
	}
	verify_entries(v, r);
}

/* -- a restore, but for the store -- */

struct folder {
	struct hnode node;
	int64_t id;
	int64_t said; /* items, as its own row says */
	int64_t found;
};

/* Counts the items of each folder. */
struct counter {
	struct rows_out base;
	const struct table *t;
	struct htab folders;
	uint64_t accounts;
	uint64_t modseq;
};

static struct counter *
counter_of(struct rows_out *o)
{
	return container_of(o, struct counter, base);
}

static struct folder *
folder_of(struct counter *c, int64_t id)
{
	struct hnode *n = htab_find(&c->folders, hash_u64((uint64_t)id));
	struct folder *f;

	for (; n; n = htab_next(n)) {
		f = container_of(n, struct folder, node);
		if (f->id == id)
			return f;
	}
	f = xcalloc(1, sizeof(*f));
	f->id = id;
	f->said = -1;
	htab_add(&c->folders, &f->node, hash_u64((uint64_t)id));
	return f;
}

static int64_t
value(const struct counter *c, const struct engine_arg *values, const char *column)
{
	return values[table_column(c->t, span_str(column))].i;
}

static enum rc
count_section(struct rows_out *o, const struct table *t, enum rows_part part UNUSED)
{
	counter_of(o)->t = t;
	return RC_OK;
}

static enum rc
count_row(struct rows_out *o, const struct engine_arg *values)
{
	struct counter *c = counter_of(o);

	if (strcmp(c->t->name, "account") == 0) {
		c->accounts++;
		c->modseq = (uint64_t)value(c, values, "modseq");
	} else if (strcmp(c->t->name, "collection") == 0) {
		folder_of(c, value(c, values, "id"))->said = value(c, values, "n_items");
	} else if (strcmp(c->t->name, "item") == 0) {
		folder_of(c, value(c, values, "collection"))->found++;
	}
	return RC_OK;
}

static enum rc
count_end(struct rows_out *o UNUSED)
{
	return RC_OK;
}

static const struct rows_ops counter_ops = { .section = count_section,
	                                     .row = count_row,
	                                     .end = count_end };

struct judge {
	struct verify *v;
	const struct backup_entry *e;
};

/* A deleted folder's items are still there, but it has no row. */
static void
judge_folder(struct hnode *n, void *arg)
{
	struct judge *j = arg;
	struct folder *f = container_of(n, struct folder, node);

	if (f->said >= 0 && f->said != f->found)
		fault(j->v, "%.*s: folder %" PRId64 " has %" PRId64 " items of %" PRId64,
		      SPAN_FMT(j->e->address), f->id, f->found, f->said);
}

static void
free_folder(struct hnode *n, void *arg)
{
	htab_remove(arg, n);
	free(container_of(n, struct folder, node));
}

static void
try_user(struct verify *v, const struct backup_run *r, const struct backup_entry *e)
{
	AUTO(arena)
	struct arena *a = arena_new();
	struct counter c = { .base = { &counter_ops } };
	struct judge j = { v, e };
	struct err err = { "" };
	char **paths = NULL;
	size_t n = 0;
	enum rc rc = backup_chain(v->dir, v->runs, v->n, r, e->user, a, &paths, &n, &err);

	htab_init(&c.folders);
	if (!rc)
		rc = backup_merge(paths, n, &c.base, &err);
	if (rc)
		fault(v, "%.*s: %s", SPAN_FMT(e->address), err.text);
	else if (c.accounts != 1 || c.modseq != e->mark.modseq)
		fault(v, "%.*s: is not whole", SPAN_FMT(e->address));
	else
		htab_each(&c.folders, judge_folder, &j);
	htab_each(&c.folders, free_folder, &c.folders);
	htab_done(&c.folders);
}

enum rc
backup_verify(const char *dir, backup_say_fn *say, void *arg, uint64_t *ret_faults,
              struct err *err)
{
	AUTO(arena)
	struct arena *a = arena_new();
	struct err first = { "" };
	struct err why = { "" };
	struct verify v = { .dir = dir, .say = say, .arg = arg, .a = a, .err = &first };
	enum rc rc = backup_list(dir, a, &v.runs, &v.n, err);

	if (rc)
		return rc;
	if (v.n == 0)
		return err_set(err, RC_NOT_FOUND, "%s: there is no backup", dir);
	for (size_t i = 0; i < v.n; i++)
		verify_run(&v, &v.runs[i]);
	verify_blobs(&v);
	if (backup_load(dir, v.runs, v.n, &v.runs[v.n - 1], a, &why) != RC_OK) {
		fault(&v, "%s", why.text);
		v.runs[v.n - 1].n = 0;
	}
	for (size_t i = 0; i < v.runs[v.n - 1].n; i++)
		try_user(&v, &v.runs[v.n - 1], &v.runs[v.n - 1].entries[i]);
	*ret_faults = v.faults;
	return v.faults ? err_set(err, RC_INVALID, "%s", first.text) : RC_OK;
}
