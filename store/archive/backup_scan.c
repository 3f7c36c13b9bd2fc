/* SPDX-License-Identifier: ISC
 *
 * backup_scan.c - archives read through: are they whole, and which blobs do they name?
 */
#include <stdlib.h>

#include "base/mem.h"
#include "store/archive/backup_private.h"

#define FORM_BLOB 2 /* store_private.h: enum content_form */

/* Places of the columns of "content" that name a blob. */
struct content_columns {
	bool is_content;
	int form;
	int sha256;
	int size;
};

static int
column(const struct archive_view *v, const char *name, enum engine_type type)
{
	for (size_t i = 0; i < v->n_columns; i++) {
		if (strcmp(v->columns[i].name, name) == 0)
			return v->columns[i].type == type ? (int)i : -1;
	}
	return -1;
}

static void
find_columns(const struct archive_view *v, struct content_columns *ret)
{
	*ret = (struct content_columns){
		.form = column(v, "form", ENGINE_INT),
		.sha256 = column(v, "sha256", ENGINE_BYTES),
		.size = column(v, "size", ENGINE_INT),
	};
	ret->is_content = v->part == ARCHIVE_PART_ROWS &&
	                  strcmp(v->name, "content") == 0 && ret->form >= 0 &&
	                  ret->sha256 >= 0 && ret->size >= 0;
}

static enum rc
name_blob(const struct archive_view *v, const struct content_columns *c,
          dump_blob_fn *blob, void *arg, struct err *err)
{
	struct span bytes = v->values[c->sha256].s;
	struct sha256 hash;
	enum rc rc;

	if (v->values[c->form].i != FORM_BLOB)
		return RC_OK;
	if (bytes.n != sizeof(hash.b) || v->values[c->size].i < 0)
		return err_set(err, RC_INVALID, "a content without a name");
	memcpy(hash.b, bytes.p, bytes.n);
	rc = blob(&hash, (uint64_t)v->values[c->size].i, arg);
	return rc && err && !*err->text
	               ? err_set(err, rc, "a content that it names: %s", rc_str(rc))
	               : rc;
}

static bool
has_log(const struct archive_view *v)
{
	const struct table *t = v->head.kind == ARCHIVE_USER
	                                ? table_find(ENGINE_SHARD, span_str(v->name))
	                                : NULL;

	return t && t->has_log;
}

struct scan_state {
	struct content_columns columns;
	struct sha256_sum *small;
	dump_blob_fn *blob;
	void *arg;
};

static enum rc
take_event(struct scan_state *s, const struct archive_view *v, enum archive_event ev,
           struct backup_scan *ret, struct err *err)
{
	switch (ev) {
	case ARCHIVE_EV_SECTION:
		find_columns(v, &s->columns);
		ret->has_log |= has_log(v);
		return RC_OK;
	case ARCHIVE_EV_ROW:
		ret->rows++;
		return s->columns.is_content && s->blob
		               ? name_blob(v, &s->columns, s->blob, s->arg, err)
		               : RC_OK;
	case ARCHIVE_EV_SECTION_END:
		if (!has_log(v))
			sha256_sum_add(s->small, span_of((const char *)v->sum.hash.b,
			                                 sizeof(v->sum.hash.b)));
		return RC_OK;
	case ARCHIVE_EV_HEAD:
	case ARCHIVE_EV_RUN:
	case ARCHIVE_EV_BYTES:
	case ARCHIVE_EV_END:
		break;
	}
	return RC_OK;
}

static enum rc
scan(struct backup_in *in, struct arena *a, dump_blob_fn *blob, void *arg,
     struct backup_scan *ret, struct err *err)
{
	AUTO(sha256_sum)
	struct sha256_sum *small = sha256_sum_new();
	struct scan_state s = { .small = small, .blob = blob, .arg = arg };
	const struct archive_view *v = archive_view(in->r);
	enum archive_event ev = ARCHIVE_EV_HEAD;
	enum rc rc = RC_OK;

	*ret = (struct backup_scan){ .rows = 0 };
	while (!rc && (rc = archive_next(in->r, &ev, err)) == RC_OK &&
	       ev != ARCHIVE_EV_END)
		rc = take_event(&s, v, ev, ret, err);
	if (rc)
		return rc;
	ret->head = v->head;
	ret->address = arena_span(a, v->head.address);
	ret->head.address = ret->address;
	sha256_sum_end(small, &ret->small);
	return RC_OK;
}

/* "path: what is wrong" */
static enum rc
with_path(const char *path, enum rc rc, struct err *err)
{
	struct err why = { "" };

	if (!rc || !err || strncmp(err->text, path, strlen(path)) == 0)
		return rc;
	why = *err;
	return err_set(err, rc, "%.250s: %.250s", path, why.text);
}

enum rc
backup_scan_file(const char *path, const struct backup_file *want, struct arena *a,
                 dump_blob_fn *blob, void *arg, struct backup_scan *ret, struct err *err)
{
	struct backup_in in;
	enum rc rc = backup_in_open(&in, path, want != NULL, err);

	if (rc)
		return rc;
	rc = scan(&in, a, blob, arg, ret, err);
	if (!rc)
		rc = backup_in_check(&in, want, err);
	backup_in_close(&in);
	return with_path(path, rc, err);
}

static enum rc
scan_blob(struct backup_in *in, const struct sha256 *hash, struct err *err)
{
	AUTO(sha256_sum)
	struct sha256_sum *sum = sha256_sum_new();
	const struct archive_view *v = archive_view(in->r);
	enum archive_event ev = ARCHIVE_EV_HEAD;
	struct sha256 found;
	size_t blobs = 0;
	enum rc rc;

	while ((rc = archive_next(in->r, &ev, err)) == RC_OK && ev != ARCHIVE_EV_END) {
		blobs += ev == ARCHIVE_EV_SECTION && v->part == ARCHIVE_PART_BLOB;
		if (ev == ARCHIVE_EV_BYTES)
			sha256_sum_add(sum, v->bytes);
	}
	sha256_sum_end(sum, &found);
	if (!rc && (blobs != 1 || memcmp(found.b, hash->b, sizeof(found.b)) != 0))
		rc = err_set(err, RC_INVALID, "is not the content that its name says");
	return rc;
}

enum rc
backup_scan_blob(const char *path, const struct sha256 *hash, struct err *err)
{
	struct backup_in in;
	enum rc rc = backup_in_open(&in, path, false, err);

	if (rc)
		return rc;
	rc = scan_blob(&in, hash, err);
	if (!rc)
		rc = backup_in_check(&in, NULL, err);
	backup_in_close(&in);
	return with_path(path, rc, err);
}
