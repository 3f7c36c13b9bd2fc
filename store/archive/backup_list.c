/* SPDX-License-Identifier: ISC
 *
 * backup_list.c - the whole backups of a folder.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "store/archive/backup_private.h"

#define MANIFEST_MAX (256u << 20)

/* "000017", nothing else; 0: it is no backup's folder. */
static unsigned
number_of(const char *name)
{
	uint32_t n = 0;

	if (strlen(name) < 6 || parse_u32(span_str(name), INT32_MAX, &n) != RC_OK)
		return 0;
	return n;
}

static int
compare_numbers(const void *pa, const void *pb)
{
	const unsigned *a = pa;
	const unsigned *b = pb;

	return *a < *b ? -1 : *a > *b;
}

static enum rc
read_numbers(const char *dir, unsigned **ret, size_t *ret_n, struct err *err)
{
	DIR *d = opendir(dir);
	unsigned *list = NULL;
	size_t n = 0;
	struct dirent *e;

	if (!d)
		return err_set(err, errno == ENOENT ? RC_NOT_FOUND : RC_IO, "%s: %s", dir,
		               strerror(errno));
	while ((e = readdir(d)) != NULL) {
		unsigned number = number_of(e->d_name);

		if (number == 0)
			continue;
		list = xreallocarray(list, n + 1, sizeof(*list));
		list[n++] = number;
	}
	closedir(d);
	if (n > 0)
		qsort(list, n, sizeof(*list), compare_numbers);
	*ret = list;
	*ret_n = n;
	return RC_OK;
}

static enum rc
read_text(const char *path, struct buf *out, struct err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = -1;

	while (fd >= 0) {
		char *p = buf_reserve(out, 65536);

		if (!p)
			break;
		n = read(fd, p, 65536);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		buf_commit(out, (size_t)n);
	}
	if (fd >= 0)
		close(fd);
	if (!buf_ok(out))
		return err_set(err, RC_TOO_BIG, "%s is too large", path);
	return n == 0 ? RC_OK : err_set(err, RC_IO, "%s: %s", path, strerror(errno));
}

/* a NULL: without the entries. */
static enum rc
read_run(const char *dir, unsigned number, struct arena *a, struct backup_run *ret,
         struct err *err)
{
	AUTO_DONE(buf) struct buf text = BUF_INIT(MANIFEST_MAX);
	char *path = backup_path_of_run(dir, number, "manifest");
	enum rc rc = read_text(path, &text, err);

	if (!rc) {
		struct span s = buf_span(&text);

		rc = backup_manifest_read(a ? arena_span(a, s) : s, a, ret);
		if (rc)
			err_set(err, rc, "%s is damaged", path);
	}
	free(path);
	if (rc)
		return rc;
	ret->number = number;
	sha256_of(buf_span(&text), &ret->sum);
	return RC_OK;
}

enum rc
backup_load(const char *dir, struct backup_run *runs, size_t n, struct backup_run *r,
            struct arena *a, struct err *err)
{
	enum rc rc = RC_OK;

	for (; !rc && r; r = backup_run_find(runs, n, r->parent)) {
		if (!r->entries)
			rc = read_run(dir, r->number, a, r, err);
	}
	return rc;
}

/* An increment goes on from one that is there and has not been changed. */
static enum rc
check_parent(struct backup_run *runs, size_t n, const struct backup_run *r,
             struct err *err)
{
	const struct backup_run *parent;

	if (r->full)
		return RC_OK;
	parent = backup_run_find(runs, n, r->parent);
	if (!parent)
		return err_set(err, RC_INVALID,
		               "backup %06u goes on from %06u, which is missing",
		               r->number, r->parent);
	if (memcmp(parent->sum.b, r->parent_sum.b, sizeof(parent->sum.b)) != 0 ||
	    parent->store != r->store)
		return err_set(err, RC_INVALID,
		               "backup %06u goes on from another %06u than is here",
		               r->number, r->parent);
	return RC_OK;
}

enum rc
backup_list(const char *dir, struct arena *a, struct backup_run **ret, size_t *ret_n,
            struct err *err)
{
	unsigned *numbers = NULL;
	struct backup_run *runs;
	size_t n = 0;
	enum rc rc = read_numbers(dir, &numbers, &n, err);

	if (rc)
		return rc;
	runs = arena_array(a, n, struct backup_run);
	for (size_t i = 0; !rc && i < n; i++) {
		rc = read_run(dir, numbers[i], NULL, &runs[i], err);
		if (!rc)
			rc = check_parent(runs, i, &runs[i], err);
	}
	free(numbers);
	if (rc)
		return rc;
	*ret = runs;
	*ret_n = n;
	return RC_OK;
}
