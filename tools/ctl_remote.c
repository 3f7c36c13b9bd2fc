/* SPDX-License-Identifier: ISC
 *
 * ctl_remote.c - the running server as the source of a backup and the target of a
 * restore.
 */
#include "tools/ctl_remote.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "tools/godwitctl.h"

#define COPY_BYTES (64u << 10)

/* "ERR result: sentence" */
static enum rc
take_error(struct span line, struct err *err)
{
	static const enum rc all[] = {
#define X(name, text) RC_##name,
		RC_LIST(X)
#undef X
	};
	struct span rest = span_sub(line, 4, line.n);
	struct span result = rest;
	struct span sentence = SPAN("");
	size_t colon = span_find(rest, 0, ':');
	if (colon < rest.n) {
		result = span_sub(rest, 0, colon);
		sentence = span_trim(span_sub(rest, colon + 1, rest.n));
	}
	for (size_t i = 1; i < ARRAY_LEN(all); i++) {
		if (span_is(result, rc_str(all[i])))
			return err_set(err, all[i], "%.*s",
			               SPAN_FMT(sentence.n ? sentence : result));
	}
	return err_set(err, RC_IO, "%.*s", SPAN_FMT(rest));
}

static enum rc
read_verdict(int fd, const char *good, struct buf *line, struct err *err)
{
	enum rc rc = ctl_read_line(fd, line);
	if (rc != RC_OK)
		return err_set(err, RC_IO, "the server closed the connection");
	if (span_starts(buf_span(line), "ERR "))
		return take_error(buf_span(line), err);
	return !good || span_is(buf_span(line), good)
	               ? RC_OK
	               : err_set(err, RC_IO, "an answer that is none of ours");
}

/* -- a source -- */

static struct ctl_remote_source *
source_of(struct backup_source *s)
{
	return container_of(s, struct ctl_remote_source, base);
}

/* An archive up to the end of the connection; whether it is whole is seen by its end. */
static enum rc
fetch(struct backup_source *s, const struct span *words, size_t n, backup_bytes_fn *fn,
      void *arg, struct err *err)
{
	AUTO_DONE(buf) struct buf line = BUF_INIT(0);
	char bytes[COPY_BYTES];
	int fd = ctl_open(source_of(s)->socket_path);
	ssize_t got = 1;
	if (fd < 0)
		return err_set(err, RC_IO, "the server is gone");
	enum rc rc = ctl_write_line(fd, words, n, err);
	if (rc == RC_OK)
		rc = read_verdict(fd, "OK", &line, err);
	while (rc == RC_OK && got > 0) {
		got = read(fd, bytes, sizeof(bytes));
		if (got < 0 && errno == EINTR)
			got = 1;
		else if (got < 0)
			rc = err_set(err, RC_IO, "the server is gone: %s",
			             strerror(errno));
		else if (got > 0)
			rc = fn(span_of(bytes, (size_t)got), arg);
	}
	close(fd);
	return rc;
}

static enum rc
take_people(struct span rows, struct arena *a, struct dump_person **ret, size_t *ret_n)
{
	struct span rest = rows, row;
	size_t n = 0;
	for (size_t i = 0; i < rows.n; i++)
		n += rows.p[i] == '\n';
	*ret = arena_array(a, n, struct dump_person);
	*ret_n = 0;
	while (span_cut(&rest, '\n', &row)) {
		struct dump_person *p = &(*ret)[*ret_n];
		struct span id, address;
		if (!span_cut(&row, '\t', &id) || !span_cut(&row, '\t', &address) ||
		    parse_u64(id, INT64_MAX, &p->id) != RC_OK ||
		    parse_i64(row, &p->removed_ms) != RC_OK)
			return RC_INVALID;
		p->address = arena_span(a, address);
		++*ret_n;
	}
	return RC_OK;
}

static enum rc
begin(struct backup_source *s, struct arena *a, uint64_t *ret_store,
      struct dump_person **ret, size_t *ret_n, struct err *err)
{
	static const struct span words[] = { { "backup", 6 }, { "begin", 5 } };
	AUTO_DONE(buf) struct buf rows = BUF_INIT(0);
	enum rc rc =
		ctl_ask(source_of(s)->socket_path, words, ARRAY_LEN(words), &rows, err);
	if (rc != RC_OK)
		return rc;
	struct span rest = buf_span(&rows), store;
	if (!span_cut(&rest, '\n', &store) || parse_hex64(store, ret_store) != RC_OK ||
	    take_people(rest, a, ret, ret_n) != RC_OK)
		return err_set(err, RC_IO, "an answer that is none of ours");
	return RC_OK;
}

static enum rc
directory(struct backup_source *s, backup_bytes_fn *fn, void *arg, struct err *err)
{
	static const struct span words[] = { { "backup", 6 }, { "directory", 9 } };
	return fetch(s, words, ARRAY_LEN(words), fn, arg, err);
}

static enum rc
queue(struct backup_source *s, backup_bytes_fn *fn, void *arg, struct err *err)
{
	static const struct span words[] = { { "backup", 6 }, { "queue", 5 } };
	return fetch(s, words, ARRAY_LEN(words), fn, arg, err);
}

static struct span
number(struct arena *a, uint64_t v)
{
	return span_str(arena_printf(a, "%" PRIu64, v));
}

static enum rc
user(struct backup_source *s, uint64_t id, const struct dump_mark *since,
     backup_bytes_fn *fn, void *arg, struct err *err)
{
	AUTO(arena)
	struct arena *a = arena_new();
	struct span words[6] = { SPAN("backup"), SPAN("user"), number(a, id) };
	size_t n = 3;
	if (since) {
		words[n++] = number(a, since->modseq);
		words[n++] = number(a, since->content_next);
		words[n++] = number(a, since->swept);
	}
	return fetch(s, words, n, fn, arg, err);
}

static struct span
hex(struct arena *a, const struct sha256 *hash)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);
	hex_encode(span_of((const char *)hash->b, sizeof(hash->b)), &b);
	return arena_span(a, buf_span(&b));
}

static enum rc
blob(struct backup_source *s, const struct sha256 *hash, uint64_t size,
     backup_bytes_fn *fn, void *arg, struct err *err)
{
	AUTO(arena)
	struct arena *a = arena_new();
	const struct span words[] = { SPAN("backup"), SPAN("blob"), hex(a, hash),
		                      number(a, size) };
	return fetch(s, words, ARRAY_LEN(words), fn, arg, err);
}

static const struct backup_source_ops source_ops = {
	.begin = begin,
	.directory = directory,
	.queue = queue,
	.user = user,
	.blob = blob,
};

void
ctl_remote_source(struct ctl_remote_source *s, const char *socket_path)
{
	*s = (struct ctl_remote_source){ .base = { &source_ops },
		                         .socket_path = socket_path };
}

/* -- a target -- */

static struct ctl_remote_target *
target_of(struct backup_target *t)
{
	return container_of(t, struct ctl_remote_target, base);
}

static enum rc
write_archive(struct span bytes, void *arg)
{
	struct ctl_remote_target *t = arg;
	return ctl_write(t->fd, bytes);
}

/* The server ends a restore that it cannot go on with; its last line says why. */
static enum rc
explain(struct ctl_remote_target *t, enum rc rc, struct err *err)
{
	AUTO_DONE(buf) struct buf line = BUF_INIT(0);
	struct err why = { "" };
	if (rc != RC_OK && ctl_read_line(t->fd, &line) == RC_OK &&
	    span_starts(buf_span(&line), "ERR ")) {
		rc = take_error(buf_span(&line), &why);
		return err_set(err, rc, "%s", why.text);
	}
	return rc;
}

static enum rc
send_question(struct ctl_remote_target *t, const struct restore_person *p,
              const struct digest *mail, struct err *err)
{
	static const char *const tables[] = { "collection", "collection_gone", "item",
		                              "tombstone", "content" };
	AUTO(arena)
	struct arena *a = arena_new();
	struct span words[16] = { SPAN("restore"),
		                  SPAN("user"),
		                  number(a, p->id),
		                  number(a, p->password_version),
		                  number(a, p->disabled),
		                  p->name,
		                  p->password };
	size_t n = 7;
	for (size_t i = 0; i < ARRAY_LEN(tables); i++) {
		const struct archive_sum *s = digest_find(mail, tables[i]);
		if (s)
			words[n++] = span_str(arena_printf(a, "%s=%" PRIu64 "=%.*s",
			                                   tables[i], s->count,
			                                   SPAN_FMT(hex(a, &s->hash))));
	}
	words[n++] = p->address;
	return ctl_write_line(t->fd, words, n, err);
}

static enum rc
target_begin(struct backup_target *base, const struct restore_person *p,
             const struct digest *mail, bool *ret_same, struct err *err)
{
	struct ctl_remote_target *t = target_of(base);
	AUTO_DONE(buf) struct buf line = BUF_INIT(0);
	t->fd = ctl_open(t->socket_path);
	if (t->fd < 0)
		return err_set(err, RC_IO, "the server is gone");
	t->user = p->id;
	enum rc rc = send_question(t, p, mail, err);
	if (rc == RC_OK)
		rc = read_verdict(t->fd, NULL, &line, err);
	if (rc != RC_OK)
		return rc;
	*ret_same = span_is(buf_span(&line), "SAME");
	return *ret_same || span_is(buf_span(&line), "GO")
	               ? RC_OK
	               : err_set(err, RC_IO, "an answer that is none of ours");
}

/* The file is an archive as it is. */
static enum rc
target_blob(struct backup_target *base, const char *path, struct err *err)
{
	struct ctl_remote_target *t = target_of(base);
	char bytes[COPY_BYTES];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t got = 1;
	enum rc rc = RC_OK;
	if (fd < 0)
		return err_set(err, RC_IO, "%s: %s", path, strerror(errno));
	while (rc == RC_OK && got > 0) {
		got = read(fd, bytes, sizeof(bytes));
		if (got < 0 && errno == EINTR)
			got = 1;
		else if (got < 0)
			rc = err_set(err, RC_IO, "%s: %s", path, strerror(errno));
		else if (got > 0)
			rc = ctl_write(t->fd, span_of(bytes, (size_t)got));
	}
	close(fd);
	return explain(t, rc, err);
}

/* The sums in it are right by construction: what is sent was read and checked before. */
static enum rc
target_rows(struct backup_target *base, struct rows_out **ret, struct err *err)
{
	struct ctl_remote_target *t = target_of(base);
	struct archive_head h = { .kind = ARCHIVE_USER,
		                  .user = t->user,
		                  .address = SPAN("-") };
	t->codec = codec_new();
	t->writer = archive_writer_new(t->codec, write_archive, t);
	*ret = archive_writer_rows(t->writer);
	return explain(t, archive_write_head(t->writer, &h), err);
}

static enum rc
target_end(struct backup_target *base, struct err *err)
{
	struct ctl_remote_target *t = target_of(base);
	AUTO_DONE(buf) struct buf line = BUF_INIT(0);
	enum rc rc = archive_write_end(t->writer, NULL);
	return rc != RC_OK ? explain(t, rc, err) : read_verdict(t->fd, "OK", &line, err);
}

static const struct backup_target_ops target_ops = {
	.begin = target_begin,
	.blob = target_blob,
	.rows = target_rows,
	.end = target_end,
};

void
ctl_remote_target(struct ctl_remote_target *t, const char *socket_path)
{
	*t = (struct ctl_remote_target){ .base = { &target_ops },
		                         .socket_path = socket_path,
		                         .fd = -1 };
}

void
ctl_remote_target_done(struct ctl_remote_target *t)
{
	archive_writer_free(t->writer);
	codec_free(t->codec);
	if (t->fd >= 0)
		close(t->fd);
	t->fd = -1;
}
