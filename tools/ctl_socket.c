/* SPDX-License-Identifier: ISC
 *
 * ctl_socket.c - the running server, asked over its UNIX socket.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/mem.h"
#include "tools/godwitctl.h"

#define LINE_MAX_BYTES 65536

int
ctl_open(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	if (strlen(path) >= sizeof(a.sun_path)) {
		fprintf(stderr, "godwitctl: the path of the socket is too long: %s\n",
		        path);
		return -1;
	}
	memcpy(a.sun_path, path, strlen(path) + 1);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof(a)) != 0) {
		fprintf(stderr, "godwitctl: cannot reach the server at %s: %s%s\n", path,
		        strerror(errno),
		        errno == ENOENT || errno == ECONNREFUSED
		                ? " (is godwitd running?)"
		                : "");
		if (fd >= 0)
			close(fd);
		return -1;
	}
	return fd;
}

static void
add_word(struct buf *line, struct span word)
{
	if (line->len > 0)
		buf_add_char(line, ' ');
	for (size_t i = 0; i < word.n; i++) {
		unsigned char c = (unsigned char)word.p[i];
		if (c <= 0x20 || c == '%' || c >= 0x7f)
			buf_addf(line, "%%%02X", c);
		else
			buf_add_char(line, (char)c);
	}
}

void
ctl_add_word(struct buf *line, const char *word)
{
	add_word(line, span_str(word));
}

bool
ctl_write_all(int fd, const struct buf *b)
{
	return ctl_write(fd, buf_span(b)) == RC_OK;
}

enum rc
ctl_write(int fd, struct span bytes)
{
	while (bytes.n > 0) {
		ssize_t n = send(fd, bytes.p, bytes.n, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return RC_IO;
		bytes = span_sub(bytes, (size_t)n, bytes.n);
	}
	return RC_OK;
}

enum rc
ctl_write_line(int fd, const struct span *words, size_t n, struct err *err)
{
	AUTO_DONE(buf) struct buf line = BUF_INIT(0);
	for (size_t i = 0; i < n; i++)
		add_word(&line, words[i]);
	buf_add_char(&line, '\n');
	enum rc rc = ctl_write(fd, buf_span(&line));
	if (rc != RC_OK)
		err_set(err, rc, "the server does not listen: %s", strerror(errno));
	mem_wipe(line.p, line.len); /* a password may be in it */
	return rc;
}

enum rc
ctl_read_line(int fd, struct buf *out)
{
	buf_clear(out);
	while (buf_len(out) < LINE_MAX_BYTES) {
		char c;
		ssize_t n = read(fd, &c, 1);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return RC_IO;
		if (c == '\n')
			return RC_OK;
		buf_add_char(out, c);
	}
	return RC_TOO_BIG;
}

/* Takes the whole lines of in; RC_NOT_FOUND: the verdict is still to come. */
static enum rc
take_rows(struct buf *in, struct buf *rows, struct err *err)
{
	struct span rest = buf_span(in);
	enum rc rc = RC_NOT_FOUND;
	size_t used = 0;
	while (rc == RC_NOT_FOUND) {
		size_t end = span_find(rest, used, '\n');
		if (end == rest.n)
			break;
		struct span row = span_sub(rest, used, end);
		used = end + 1;
		if (span_is(row, "OK")) {
			rc = RC_OK;
		} else if (span_starts(row, "ERR ")) {
			rc = err_set(err, RC_INVALID, "%.*s",
			             SPAN_FMT(span_sub(row, 4, row.n)));
		} else {
			buf_add_span(rows, span_sub(row, 1, row.n));
			buf_add_char(rows, '\n');
		}
	}
	buf_drop(in, used);
	return rc;
}

enum rc
ctl_ask(const char *socket_path, const struct span *words, size_t n, struct buf *rows,
        struct err *err)
{
	AUTO_DONE(buf) struct buf in = BUF_INIT(0);
	int fd = ctl_open(socket_path);
	if (fd < 0)
		return err_set(err, RC_IO, "no answer");
	buf_clear(rows);
	enum rc rc = ctl_write_line(fd, words, n, err);
	if (rc == RC_OK)
		rc = RC_NOT_FOUND;
	while (rc == RC_NOT_FOUND) {
		char *p = buf_reserve(&in, 65536);
		ssize_t got = read(fd, p, 65536);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0) {
			rc = err_set(err, RC_IO, "the server closed the connection");
			break;
		}
		buf_commit(&in, (size_t)got);
		rc = take_rows(&in, rows, err);
	}
	close(fd);
	return rc;
}
