/* SPDX-License-Identifier: ISC
 *
 * blobs_files_sweep.c - removing files that nothing names any more.
 *
 * Putting a blob that is there already renews its time, under the same lock as here: what
 * a transaction is about to name is never older than the time of grace.
 */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "store/blobs_private.h"

struct sweep {
	struct blobs_files *b;
	int64_t before_s; /* files changed before are old enough */
	blobs_used_fn *is_used;
	void *arg;
	uint64_t removed;
};

static bool
is_old(const struct sweep *s, const char *path)
{
	struct stat info;

	return stat(path, &info) == 0 && S_ISREG(info.st_mode) &&
	       info.st_mtime < s->before_s;
}

static void
remove_if_unused(struct sweep *s, const char *path, const char *name)
{
	AUTO_DONE(buf) struct buf bytes = BUF_INIT(0);
	struct sha256 hash;

	if (!is_old(s, path) || hex_decode(span_str(name), &bytes) ||
	    buf_len(&bytes) != sizeof(hash.b))
		return;
	memcpy(hash.b, bytes.p, sizeof(hash.b));
	if (s->is_used(&hash, s->arg))
		return;
	pthread_mutex_lock(blob_lock(s->b, &hash));
	if (is_old(s, path) && unlink(path) == 0)
		s->removed++;
	pthread_mutex_unlock(blob_lock(s->b, &hash));
}

/* levels of directories above the files */
static enum rc
walk(struct sweep *s, const char *directory, int levels)
{
	DIR *d = opendir(directory);
	struct dirent *entry;
	enum rc rc = RC_OK;

	if (!d)
		return errno == ENOENT ? RC_OK : RC_IO;
	while (!rc && (entry = readdir(d)) != NULL) {
		size_t n = strlen(entry->d_name);
		char *path = xasprintf("%s/%s", directory, entry->d_name);

		if (levels > 0 && n == 2 && entry->d_name[0] != '.')
			rc = walk(s, path, levels - 1);
		else if (levels == 0 && n == 64)
			remove_if_unused(s, path, entry->d_name);
		free(path);
	}
	closedir(d);
	return rc;
}

/* What a process that died was writing. */
static void
sweep_temporary(struct sweep *s)
{
	DIR *d = opendir(s->b->temporary);
	struct dirent *entry;

	if (!d)
		return;
	while ((entry = readdir(d)) != NULL) {
		char *path = xasprintf("%s/%s", s->b->temporary, entry->d_name);

		if (is_old(s, path) && unlink(path) == 0)
			s->removed++;
		free(path);
	}
	closedir(d);
}

enum rc
blobs_files_sweep(struct blobs *b, uint64_t grace_ms, blobs_used_fn *is_used, void *arg,
                  uint64_t *ret_removed)
{
	struct sweep s = {
		.b = blobs_files_of(b),
		.before_s = (clock_wall_ms() - (int64_t)grace_ms) / 1000,
		.is_used = is_used,
		.arg = arg,
	};
	enum rc rc = walk(&s, s.b->directory, 2);

	if (!rc)
		sweep_temporary(&s);
	*ret_removed = s.removed;
	return rc;
}
