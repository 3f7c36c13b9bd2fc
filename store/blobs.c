/* SPDX-License-Identifier: ISC
 *
 * blobs.c - the files of large contents, blobs/ab/cd/<sha256 in hex>.
 *
 * A file is a header, then the raw bytes, or zstd frames of FRAME raw bytes each and an
 * index of their offsets. Numbers are little-endian.
 *	0  8 bytes "godwitb1"    8  form: 0 raw, 1 frames    16  size of the raw bytes
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

#define MAGIC "godwitb1"
#define HEADER 24
#define FRAME (256 * 1024)

enum { FORM_RAW, FORM_FRAMES };

enum rc
blobs_open(const char *directory, struct codec *codec, struct blobs **ret)
{
	struct blobs *b = xcalloc(1, sizeof(*b));

	b->directory = xstrdup(directory);
	b->temporary = xasprintf("%s/tmp", directory);
	b->codec = codec;
	for (size_t i = 0; i < BLOB_LOCKS; i++)
		pthread_mutex_init(&b->locks[i], NULL);
	if ((mkdir(b->directory, 0700) != 0 && errno != EEXIST) ||
	    (mkdir(b->temporary, 0700) != 0 && errno != EEXIST)) {
		blobs_close(b);
		return RC_IO;
	}
	*ret = b;
	return RC_OK;
}

void
blobs_close(struct blobs *b)
{
	if (!b)
		return;
	for (size_t i = 0; i < BLOB_LOCKS; i++)
		pthread_mutex_destroy(&b->locks[i]);
	free(b->directory);
	free(b->temporary);
	free(b);
}

pthread_mutex_t *
blob_lock(struct blobs *b, const struct sha256 *hash)
{
	return &b->locks[hash->b[0] % BLOB_LOCKS];
}

/* depth 0: the blobs' directory; 1: ab; 2: ab/cd; 3: the file. To be freed. */
static char *
path_of(const struct blobs *b, const struct sha256 *hash, int depth)
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

static uint64_t
get_u64(const char *p)
{
	uint64_t le;

	memcpy(&le, p, sizeof(le));
	return le64toh(le);
}

static void
write_header(struct buf *out, int form, uint64_t size)
{
	static const char pad[7];

	buf_add(out, MAGIC, 8);
	buf_add_char(out, (char)form);
	buf_add(out, pad, sizeof(pad));
	put_u64(out, size);
}

/* The file's bytes before the raw ones, or the whole of it when it is in frames. */
static bool
make_frames(struct blobs *b, struct span raw, struct buf *out)
{
	size_t n = (raw.n + FRAME - 1) / FRAME;
	uint64_t *offsets = xcalloc(n + 1, sizeof(*offsets));

	write_header(out, FORM_FRAMES, raw.n);
	for (size_t i = 0; i < n; i++) {
		struct span part = span_sub(raw, i * FRAME, (i + 1) * FRAME);

		/* A frame that does not shrink is kept as it is, known by its length. */
		offsets[i] = buf_len(out);
		if (!codec_pack(b->codec, part, out))
			buf_add_span(out, part);
	}
	offsets[n] = buf_len(out);
	for (size_t i = 0; i <= n; i++)
		put_u64(out, offsets[i]);
	free(offsets);
	if (buf_ok(out) && buf_len(out) <= raw.n - raw.n / 8)
		return true;
	buf_clear(out);
	write_header(out, FORM_RAW, raw.n);
	return false;
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
make_directories(struct blobs *b, const struct sha256 *hash)
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

/* Writes the file under a name of its own and gives it the final one. */
static enum rc
write_file(struct blobs *b, const char *path, struct span head, struct span rest)
{
	char *tmp =
		xasprintf("%s/%016llx", b->temporary, (unsigned long long)random_u64());
	int fd = open(tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	enum rc rc = RC_OK;

	if (fd < 0) {
		rc = rc_from_errno(errno);
	} else {
		if (!write_all(fd, head) || !write_all(fd, rest) || fsync(fd) != 0)
			rc = rc_from_errno(errno);
		if (close(fd) != 0 && !rc)
			rc = rc_from_errno(errno);
		if (!rc && rename(tmp, path) != 0)
			rc = rc_from_errno(errno);
		if (rc)
			unlink(tmp);
	}
	free(tmp);
	return rc;
}

static enum rc
put_locked(struct blobs *b, const struct sha256 *hash, struct span head, struct span rest)
{
	char *path = path_of(b, hash, 3);
	char *parent = path_of(b, hash, 2);
	enum rc rc = RC_OK;

	/* One that is there may stem from a process that died before its sync. */
	if (utimensat(AT_FDCWD, path, NULL, 0) == 0)
		rc = sync_path(path, 0) ? RC_OK : RC_IO;
	else if (!make_directories(b, hash))
		rc = rc_from_errno(errno);
	else
		rc = write_file(b, path, head, rest);
	if (!rc && !sync_path(parent, O_DIRECTORY))
		rc = RC_IO;
	free(path);
	free(parent);
	return rc;
}

enum rc
blobs_put(struct blobs *b, const struct sha256 *hash, struct span raw)
{
	AUTO_DONE(buf) struct buf head = BUF_INIT(0);
	struct span rest = make_frames(b, raw, &head) ? SPAN("") : raw;
	enum rc rc;

	if (!buf_ok(&head))
		return RC_AGAIN;
	pthread_mutex_lock(blob_lock(b, hash));
	rc = put_locked(b, hash, buf_span(&head), rest);
	pthread_mutex_unlock(blob_lock(b, hash));
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

static enum rc
read_frame(struct blobs *b, int fd, const char *index, uint64_t raw_n, struct buf *out)
{
	AUTO_DONE(buf) struct buf packed = BUF_INIT(0);
	uint64_t from = get_u64(index);
	uint64_t to = get_u64(index + 8);
	enum rc rc;

	if (to < from || to - from > raw_n)
		return RC_IO;
	if (to - from == raw_n)
		return read_at(fd, from, raw_n, out);
	rc = read_at(fd, from, to - from, &packed);
	return rc ? rc : codec_unpack(b->codec, buf_span(&packed), raw_n, out);
}

/* at + n <= size, n > 0. */
static enum rc
read_frames(struct blobs *b, int fd, uint64_t size, uint64_t at, uint64_t n,
            struct buf *out)
{
	AUTO_DONE(buf) struct buf index = BUF_INIT(0);
	AUTO_DONE(buf) struct buf raw = BUF_INIT(0);
	uint64_t n_frames = (size + FRAME - 1) / FRAME;
	uint64_t first = at / FRAME;
	uint64_t last = (at + n - 1) / FRAME;
	struct stat info;
	uint64_t index_at;
	enum rc rc;

	if (fstat(fd, &info) != 0 || (uint64_t)info.st_size < HEADER + (n_frames + 1) * 8)
		return RC_IO;
	index_at = (uint64_t)info.st_size - (n_frames + 1) * 8;
	rc = read_at(fd, index_at + first * 8, (last - first + 2) * 8, &index);
	for (uint64_t i = first; !rc && i <= last; i++) {
		uint64_t frame_at = i * FRAME;
		uint64_t frame_n = size - frame_at < FRAME ? size - frame_at : FRAME;
		uint64_t skip = at > frame_at ? at - frame_at : 0;
		uint64_t end = at + n < frame_at + frame_n ? at + n - frame_at : frame_n;

		buf_clear(&raw);
		rc = read_frame(b, fd, index.p + (i - first) * 8, frame_n, &raw);
		if (!rc)
			buf_add_span(out, span_sub(buf_span(&raw), skip, end));
	}
	return rc;
}

static enum rc
read_open(struct blobs *b, int fd, uint64_t size, uint64_t at, uint64_t n,
          struct buf *out)
{
	AUTO_DONE(buf) struct buf head = BUF_INIT(0);
	enum rc rc = read_at(fd, 0, HEADER, &head);

	if (rc)
		return rc;
	if (memcmp(head.p, MAGIC, 8) != 0 || get_u64(head.p + 16) != size)
		return RC_IO;
	if (head.p[8] == FORM_RAW)
		return read_at(fd, HEADER + at, n, out);
	return head.p[8] == FORM_FRAMES ? read_frames(b, fd, size, at, n, out) : RC_IO;
}

enum rc
blobs_read(struct blobs *b, struct span span, uint64_t size, uint64_t at, uint64_t n,
           struct buf *out)
{
	struct sha256 hash;
	char *path;
	int fd;
	enum rc rc;

	if (span.n != sizeof(hash.b))
		return RC_IO;
	memcpy(hash.b, span.p, sizeof(hash.b));
	if (at >= size || n == 0)
		return RC_OK;
	if (n > size - at)
		n = size - at;
	path = path_of(b, &hash, 3);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	free(path);
	if (fd < 0)
		return rc_from_errno(errno);
	rc = read_open(b, fd, size, at, n, out);
	close(fd);
	if (!rc && !buf_ok(out))
		rc = RC_TOO_BIG;
	return rc;
}
