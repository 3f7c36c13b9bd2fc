/* SPDX-License-Identifier: ISC
 *
 * backup_file.c - the files of a backup: written, synced and summed, read and compared.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "store/archive/backup_private.h"

char *
backup_path_of_run(const char *dir, unsigned number, const char *file)
{
	return xasprintf("%s/%06u%s%s", dir, number, *file && *file != '.' ? "/" : "",
	                 file);
}

char *
backup_path_of_user(const char *dir, unsigned number, uint64_t user)
{
	return xasprintf("%s/%06u/user-%" PRIu64, dir, number, user);
}

char *
backup_path_of_blob(const char *dir, const struct sha256 *hash)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);

	buf_addf(&b, "%s/blobs/%02x/", dir, hash->b[0]);
	hex_encode(span_of((const char *)hash->b, sizeof(hash->b)), &b);
	return buf_take_str(&b);
}

/* -- writing -- */

enum rc
backup_out_open(struct backup_out *o, const char *path, struct err *err)
{
	*o = (struct backup_out){
		.fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)
	};
	if (o->fd < 0)
		return err_set(err, RC_IO, "%s: %s", path, strerror(errno));
	o->sum = sha256_sum_new();
	return RC_OK;
}

enum rc
backup_out_write(struct span bytes, void *out)
{
	struct backup_out *o = out;

	sha256_sum_add(o->sum, bytes);
	o->size += bytes.n;
	while (bytes.n > 0) {
		ssize_t n = write(o->fd, bytes.p, bytes.n);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			o->failed = true;
			return RC_IO;
		}
		bytes = span_sub(bytes, (size_t)n, bytes.n);
	}
	return RC_OK;
}

enum rc
backup_out_close(struct backup_out *o, const char *path, struct backup_file *ret,
                 struct err *err)
{
	struct backup_file f = { .size = o->size };
	bool good = fsync(o->fd) == 0;

	good = close(o->fd) == 0 && good;
	o->fd = -1;
	sha256_sum_end(o->sum, &f.sum);
	backup_out_drop(o);
	if (!good)
		return err_set(err, RC_IO, "%s: %s", path, strerror(errno));
	if (ret)
		*ret = f;
	return RC_OK;
}

void
backup_out_drop(struct backup_out *o)
{
	if (o->fd >= 0)
		close(o->fd);
	o->fd = -1;
	sha256_sum_free(o->sum);
	o->sum = NULL;
}

enum rc
backup_sync_folder(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	enum rc rc = fd >= 0 && fsync(fd) == 0 ? RC_OK : RC_IO;

	if (fd >= 0)
		close(fd);
	return rc;
}

/* -- reading -- */

static enum rc
read_some(char *p, size_t n, size_t *ret_n, void *arg)
{
	struct backup_in *in = arg;
	ssize_t got;

	do
		got = read(in->fd, p, n);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return RC_IO;
	in->size += (uint64_t)got;
	if (in->sum)
		sha256_sum_add(in->sum, span_of(p, (size_t)got));
	*ret_n = (size_t)got;
	return RC_OK;
}

enum rc
backup_in_open(struct backup_in *in, const char *path, bool sum, struct err *err)
{
	*in = (struct backup_in){ .fd = open(path, O_RDONLY | O_CLOEXEC) };
	if (in->fd < 0)
		return err_set(err, errno == ENOENT ? RC_NOT_FOUND : RC_IO, "%s: %s",
		               path, strerror(errno));
	in->sum = sum ? sha256_sum_new() : NULL;
	in->codec = codec_new();
	in->r = archive_reader_new(in->codec, read_some, in);
	return RC_OK;
}

enum rc
backup_in_check(struct backup_in *in, const struct backup_file *want, struct err *err)
{
	struct sha256 found;
	size_t n = 0;
	char more;
	enum rc rc = read_some(&more, 1, &n, in);

	if (rc)
		return err_set(err, rc, "cannot be read: %s", strerror(errno));
	if (n > 0)
		return err_set(err, RC_INVALID, "more bytes behind its end");
	if (!want || !in->sum)
		return RC_OK;
	sha256_sum_end(in->sum, &found);
	if (in->size != want->size || memcmp(found.b, want->sum.b, sizeof(found.b)) != 0)
		return err_set(err, RC_INVALID,
		               "is whole, but not the file that the manifest names");
	return RC_OK;
}

void
backup_in_close(struct backup_in *in)
{
	if (in->fd >= 0)
		close(in->fd);
	in->fd = -1;
	archive_reader_free(in->r);
	in->r = NULL;
	sha256_sum_free(in->sum);
	in->sum = NULL;
	codec_free(in->codec);
	in->codec = NULL;
}
