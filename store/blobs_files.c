/* SPDX-License-Identifier: ISC
 *
 * blobs_files.c - the files of large contents, blobs/ab/cd/<sha256 in hex>.
 *
 * A file is the magic, the size of the raw bytes, a frame for each BLOB_FRAME raw bytes
 * and the index: for each frame its offset and the first eight bytes of its raw bytes'
 * SHA-256, and at the end the offset behind the last. Numbers are 8 bytes, little-endian.
 * A frame as long as its raw bytes is not packed.
 */
#include "store/blobs.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "store/blobs_private.h"

static const struct blobs_ops ops;

#define MAGIC "godwitb1"
#define HEADER UINT64_C(16)
#define INDEX_ENTRY UINT64_C(16)

static void
files_close(struct blobs *base)
{
	struct blobs_files *b = blobs_files_of(base);

	for (size_t i = 0; i < BLOB_LOCKS; i++)
		pthread_mutex_destroy(&b->locks[i]);
	free(b->directory);
	free(b->temporary);
	free(b);
}

enum rc
blobs_open_files(const char *directory, struct codec *codec, struct blobs **ret)
{
	struct blobs_files *b = xcalloc(1, sizeof(*b));

	b->base.ops = &ops;
	b->base.codec = codec;
	b->directory = xstrdup(directory);
	b->temporary = xasprintf("%s/tmp", directory);
	for (size_t i = 0; i < BLOB_LOCKS; i++)
		pthread_mutex_init(&b->locks[i], NULL);
	if ((mkdir(b->directory, 0700) != 0 && errno != EEXIST) ||
	    (mkdir(b->temporary, 0700) != 0 && errno != EEXIST)) {
		files_close(&b->base);
		return RC_IO;
	}
	*ret = &b->base;
	return RC_OK;
}

pthread_mutex_t *
blob_lock(struct blobs_files *b, const struct sha256 *hash)
{
	return &b->locks[hash->b[0] % BLOB_LOCKS];
}

/* depth 0: the blobs' directory; 1: ab; 2: ab/cd; 3: the file. To be freed. */
static char *
path_of(const struct blobs_files *b, const struct sha256 *hash, int depth)
{
	AUTO_DONE(buf) struct buf path = BUF_INIT(0);

	buf_add_str(&path, b->directory);
	for (int i = 0; i < depth && i < 2; i++) {
		buf_add_char(&path, '/');
		hex_encode(span_of((const char *)&hash->b[i], 1), &path);
	}
	if (depth == 3) {
		buf_add_char(&path, '/');
		hex_encode(span_of((const char *)hash->b, sizeof(hash->b)), &path);
	}
	return buf_take_str(&path);
}

static void
put_u64(struct buf *out, uint64_t v)
{
	uint64_t le = htole64(v);

	buf_add(out, &le, sizeof(le));
}

static bool
write_all(int fd, struct span s)
{
	while (s.n > 0) {
		ssize_t n = write(fd, s.p, s.n);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		s = span_sub(s, (size_t)n, s.n);
	}
	return true;
}

static bool
sync_path(const char *path, int flags)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | flags);
	bool ok = fd >= 0 && fsync(fd) == 0;

	if (fd >= 0)
		close(fd);
	return ok;
}

static bool
make_directory(const char *path, const char *parent)
{
	if (mkdir(path, 0700) == 0)
		return sync_path(parent, O_DIRECTORY);
	return errno == EEXIST;
}

static bool
make_directories(struct blobs_files *b, const struct sha256 *hash)
{
	char *top = path_of(b, hash, 1);
	char *sub = path_of(b, hash, 2);
	bool ok = make_directory(top, b->directory) && make_directory(sub, top);

	free(top);
	free(sub);
	return ok;
}

static enum rc
rc_from_errno(int e)
{
	return e == ENOSPC || e == EDQUOT || e == EMFILE || e == ENFILE ? RC_AGAIN
	                                                                : RC_IO;
}

/* A frame at a time: a message of any size takes the memory of one. */
static bool
write_frames(struct blobs_files *b, int fd, struct span raw)
{
	AUTO_DONE(buf) struct buf frame = BUF_INIT(0);
	AUTO_DONE(buf) struct buf index = BUF_INIT(0);
	uint64_t at = HEADER;

	buf_add_str(&frame, MAGIC);
	put_u64(&frame, raw.n);
	if (!write_all(fd, buf_span(&frame)))
		return false;
	for (size_t from = 0; from < raw.n; from += BLOB_FRAME) {
		struct span part = span_sub(raw, from, from + BLOB_FRAME);
		struct span out = part;

		buf_clear(&frame);
		if (codec_pack(b->base.codec, part, &frame))
			out = buf_span(&frame);
		if (!write_all(fd, out))
			return false;
		put_u64(&index, at);
		put_u64(&index, blob_check_of(part));
		at += out.n;
	}
	put_u64(&index, at);
	return write_all(fd, buf_span(&index));
}

static enum rc
write_temporary(struct blobs_files *b, const char *path, struct span raw)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	enum rc rc = RC_OK;

	if (fd < 0)
		return rc_from_errno(errno);
	if (!write_frames(b, fd, raw) || fsync(fd) != 0)
		rc = rc_from_errno(errno);
	if (close(fd) != 0 && !rc)
		rc = rc_from_errno(errno);
	return rc;
}

/* RC_NOT_FOUND: it is not there. One that is may stem from a process that died before its
 * sync, so it is synced again. */
static enum rc
renew(const char *path, const char *parent)
{
	if (utimensat(AT_FDCWD, path, NULL, 0) != 0)
		return errno == ENOENT ? RC_NOT_FOUND : rc_from_errno(errno);
	return sync_path(path, 0) && sync_path(parent, O_DIRECTORY) ? RC_OK : RC_IO;
}

static enum rc
give_name(struct blobs_files *b, const struct sha256 *hash, const char *temporary,
          const char *path, const char *parent)
{
	if (!make_directories(b, hash) || rename(temporary, path) != 0)
		return rc_from_errno(errno);
	return sync_path(parent, O_DIRECTORY) ? RC_OK : RC_IO;
}

static enum rc
files_put(struct blobs *base, const struct sha256 *hash, struct span raw)
{
	struct blobs_files *b = blobs_files_of(base);
	char *path = path_of(b, hash, 3);
	char *parent = path_of(b, hash, 2);
	char *temporary =
		xasprintf("%s/%016llx", b->temporary, (unsigned long long)random_u64());
	pthread_mutex_t *lock = blob_lock(b, hash);
	enum rc rc;

	pthread_mutex_lock(lock);
	rc = renew(path, parent);
	pthread_mutex_unlock(lock);
	if (rc == RC_NOT_FOUND) {
		rc = write_temporary(b, temporary, raw);
		if (!rc) {
			/* Another may have put the same meanwhile: then this takes its
			 * place. */
			pthread_mutex_lock(lock);
			rc = give_name(b, hash, temporary, path, parent);
			pthread_mutex_unlock(lock);
		}
		if (rc)
			unlink(temporary);
	}
	free(path);
	free(parent);
	free(temporary);
	return rc;
}

static enum rc
read_at(int fd, uint64_t at, size_t n, struct buf *out)
{
	char *p = buf_reserve(out, n);
	size_t got = 0;

	if (!p)
		return RC_TOO_BIG;
	while (got < n) {
		ssize_t r = pread(fd, p + got, n - got, (off_t)(at + got));

		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0)
			return RC_IO;
		got += (size_t)r;
	}
	buf_commit(out, n);
	return RC_OK;
}

/* index: the frame's entry and the next one's offset. */
static enum rc
read_frame(struct blobs_files *b, int fd, const char *index, uint64_t raw_n,
           struct buf *out)
{
	AUTO_DONE(buf) struct buf packed = BUF_INIT(0);
	uint64_t from = blob_get_u64(index);
	uint64_t to = blob_get_u64(index + INDEX_ENTRY);
	enum rc rc;

	if (to < from || to - from > raw_n)
		return RC_IO;
	if (to - from == raw_n) {
		rc = read_at(fd, from, raw_n, out);
	} else {
		rc = read_at(fd, from, to - from, &packed);
		if (!rc)
			rc = codec_unpack(b->base.codec, buf_span(&packed), raw_n, out);
	}
	if (!rc && blob_check_of(buf_span(out)) != blob_get_u64(index + 8))
		rc = RC_IO;
	return rc;
}

/* at + n <= size, n > 0. */
static enum rc
read_frames(struct blobs_files *b, int fd, uint64_t size, uint64_t at, uint64_t n,
            struct buf *out)
{
	AUTO_DONE(buf) struct buf index = BUF_INIT(0);
	AUTO_DONE(buf) struct buf raw = BUF_INIT(0);
	uint64_t n_frames = (size + BLOB_FRAME - 1) / BLOB_FRAME;
	uint64_t index_n = n_frames * INDEX_ENTRY + 8;
	uint64_t first = at / BLOB_FRAME;
	uint64_t last = (at + n - 1) / BLOB_FRAME;
	struct stat info;
	enum rc rc;

	if (fstat(fd, &info) != 0 || (uint64_t)info.st_size < HEADER + index_n)
		return RC_IO;
	rc = read_at(fd, (uint64_t)info.st_size - index_n + first * INDEX_ENTRY,
	             (last - first + 1) * INDEX_ENTRY + 8, &index);
	for (uint64_t i = first; !rc && i <= last; i++) {
		uint64_t frame_at = i * BLOB_FRAME;
		uint64_t frame_n = blob_frame_size(size, i);
		uint64_t skip = at > frame_at ? at - frame_at : 0;
		uint64_t end = at + n < frame_at + frame_n ? at + n - frame_at : frame_n;

		buf_clear(&raw);
		rc = read_frame(b, fd, index.p + (i - first) * INDEX_ENTRY, frame_n,
		                &raw);
		if (!rc)
			buf_add_span(out, span_sub(buf_span(&raw), skip, end));
	}
	return rc;
}

static enum rc
read_open(struct blobs_files *b, int fd, uint64_t size, uint64_t at, uint64_t n,
          struct buf *out)
{
	AUTO_DONE(buf) struct buf head = BUF_INIT(0);
	enum rc rc = read_at(fd, 0, HEADER, &head);

	if (rc)
		return rc;
	if (memcmp(head.p, MAGIC, 8) != 0 || blob_get_u64(head.p + 8) != size)
		return RC_IO;
	return read_frames(b, fd, size, at, n, out);
}

static enum rc
files_read(struct blobs *base, const struct sha256 *hash, uint64_t size, uint64_t at,
           uint64_t n, struct buf *out)
{
	struct blobs_files *b = blobs_files_of(base);
	char *path = path_of(b, hash, 3);
	int fd;
	enum rc rc;

	fd = open(path, O_RDONLY | O_CLOEXEC);
	free(path);
	if (fd < 0)
		return rc_from_errno(errno);
	rc = read_open(b, fd, size, at, n, out);
	close(fd);
	return rc;
}

static const struct blobs_ops ops = {
	.close = files_close,
	.put = files_put,
	.read = files_read,
	.sweep = blobs_files_sweep,
};
