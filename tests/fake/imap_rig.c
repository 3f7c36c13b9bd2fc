/* SPDX-License-Identifier: ISC
 *
 * imap_rig.c - an IMAP server with all that it stands on, in one process.
 */
#include "tests/fake/imap_rig.h"

#include <ftw.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "format/mime_text.h"
#include "push/push_wait.h"
#include "store/store_directory.h"

#define READ_MS 10000

static void
must(enum rc rc, const char *what)
{
	if (rc == RC_OK)
		return;
	fprintf(stderr, "imap_rig: %s: %s\n", what, rc_str(rc));
	abort();
}

void
imap_rig_conf(struct imap_rig *r)
{
	*r = (struct imap_rig){ 0 };
	r->conf = (struct imap_conf){
		.line_max = 65536,
		.literal_max = 1 << 20,
		.message_max = 8 << 20,
		.idle_ms = 31 * 60000,
		.login_ms = 60000,
		.login_delay_ms = 1,
		.connections_user_max = 50,
		.plaintext_login = true,
	};
}

static void
add_user(struct imap_rig *r)
{
	char *hash;

	must(store_domain_add(r->store, SPAN("example.org")), "domain");
	must(mdm_hash(r->mdm, SPAN(IMAP_RIG_PASSWORD), &hash), "hash");
	must(store_user_add(r->store, SPAN(IMAP_RIG_USER), SPAN("Alice"), span_str(hash),
	                    &r->user),
	     "user");
	free(hash);
}

void
imap_rig_start(struct imap_rig *r)
{
	struct store_conf sc = {
		.shards = 1,
		.group_window_ms = 1,
		.inline_max = 32768,
		.message_max = 8 << 20,
		.readers = 2,
		.retention_ms = 86400000,
	};
	struct mdm_conf mc = {
		.password_cost = 1,
		.auth_cache_ms = 3600000,
		.auth_failures_max = 1000000,
		.auth_failures_ms = 60000,
	};
	struct err err = { "" };

	snprintf(r->dir, sizeof(r->dir), "/tmp/godwit-imap-XXXXXX");
	if (!mkdtemp(r->dir))
		abort();
	mime_text_init();
	sc.directory = r->dir;
	must(store_open(&sc, &r->store, &err), err.text);
	must(push_new(&r->push), "push");
	store_on_commit(r->store, push_publish, r->push);
	must(mdm_new(r->store, &mc, &r->mdm), "mdm");
	must(jobs_new(2, &r->jobs), "jobs");
	must(loops_new(1, &r->loops), "loops");
	add_user(r);
	struct imap_deps deps = {
		.store = r->store,
		.push = r->push,
		.mdm = r->mdm,
		.jobs = r->jobs,
		.tls = r->tls,
	};
	must(imap_new(&r->conf, &deps, &r->imap), "imap");
}

static void
abort_all(void *arg)
{
	struct imap_rig *r = arg;

	imap_abort(r->imap, loops_at(r->loops, 0));
}

static int
remove_file(const char *path, const struct stat *st UNUSED, int type UNUSED,
            struct FTW *ftw UNUSED)
{
	return remove(path);
}

void
imap_rig_stop(struct imap_rig *r)
{
	imap_rig_call(r, abort_all, r);
	jobs_free(r->jobs);
	loops_free(r->loops);
	if (imap_connections(r->imap) != 0)
		abort();
	imap_free(r->imap);
	mdm_free(r->mdm);
	store_close(r->store);
	push_free(r->push);
	nftw(r->dir, remove_file, 8, FTW_DEPTH | FTW_PHYS);
}

void
imap_rig_call(struct imap_rig *r, loop_fn *fn, void *arg)
{
	loops_call(r->loops, 0, fn, arg);
}

struct accept {
	struct imap_rig *r;
	int fd;
	bool tls;
};

static void
accept_one(void *arg)
{
	struct accept *a = arg;

	imap_accept(a->r->imap, loops_at(a->r->loops, 0), a->fd, a->tls);
}

int
imap_rig_connect(struct imap_rig *r, bool tls)
{
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) != 0)
		abort();
	struct accept a = { r, fds[1], tls };
	imap_rig_call(r, accept_one, &a);
	return fds[0];
}

/* --- the client --- */

void
imap_client_open(struct imap_client *c, struct imap_rig *r)
{
	*c = (struct imap_client){ .fd = imap_rig_connect(r, false) };
	buf_init(&c->in, 0);
}

void
imap_client_close(struct imap_client *c)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
	buf_done(&c->in);
	free(c->answer);
	c->answer = NULL;
}

static bool
wait_for(struct imap_client *c, short what)
{
	struct pollfd p = { .fd = c->fd, .events = what };

	return poll(&p, 1, READ_MS) == 1;
}

void
imap_client_send(struct imap_client *c, const char *text)
{
	struct span s = span_str(text);

	while (s.n > 0) {
		ssize_t n = send(c->fd, s.p, s.n, MSG_NOSIGNAL);
		if (n < 0 && !wait_for(c, POLLOUT))
			abort();
		if (n > 0)
			s = span_sub(s, (size_t)n, s.n);
	}
}

/* False at the end of the stream; a silent server is a failure. */
static bool
read_more(struct imap_client *c)
{
	if (!wait_for(c, POLLIN)) {
		fprintf(stderr, "imap_rig: no answer; so far: %.*s\n",
		        SPAN_FMT(buf_span(&c->in)));
		abort();
	}
	char *p = buf_reserve(&c->in, 65536);
	ssize_t n = recv(c->fd, p, 65536, 0);
	if (n <= 0)
		return false;
	buf_commit(&c->in, (size_t)n);
	return true;
}

const char *
imap_client_line(struct imap_client *c)
{
	size_t at = 0;

	for (;;) {
		size_t lf = span_find(buf_span(&c->in), at, '\n');
		if (lf < buf_len(&c->in)) {
			free(c->answer);
			size_t n = lf > 0 && c->in.p[lf - 1] == '\r' ? lf - 1 : lf;
			c->answer = xstrndup(c->in.p, n);
			buf_drop(&c->in, lf + 1);
			return c->answer;
		}
		at = buf_len(&c->in);
		if (!read_more(c))
			return NULL;
	}
}

/* The end of the line that begins with tag, literals jumped over; 0 when it is not there.
 */
static size_t
end_of_answer(struct span in, struct span tag)
{
	for (size_t at = 0; at < in.n;) {
		size_t lf = span_find(in, at, '\n');
		if (lf == in.n)
			return 0;
		struct span line = span_trim(span_sub(in, at, lf));
		if (line.n > tag.n && span_eq(span_sub(line, 0, tag.n), tag) &&
		    line.p[tag.n] == ' ')
			return lf + 1;
		at = lf + 1;
		if (line.n < 3 || line.p[line.n - 1] != '}')
			continue;
		size_t open = line.n - 1;
		while (open > 0 && line.p[open] != '{')
			open--;
		uint32_t n;
		if (parse_u32(span_sub(line, open + 1, line.n - 1), UINT32_MAX, &n) ==
		    RC_OK)
			at += n;
	}
	return 0;
}

static const char *
read_answer(struct imap_client *c, const char *tag)
{
	size_t end;

	while ((end = end_of_answer(buf_span(&c->in), span_str(tag))) == 0) {
		if (!read_more(c)) {
			end = buf_len(&c->in);
			break;
		}
	}
	free(c->answer);
	c->answer = xstrndup(end ? c->in.p : "", end);
	buf_drop(&c->in, end);
	return c->answer;
}

const char *
imap_client_do(struct imap_client *c, const char *fmt, ...)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);
	char tag[16];
	va_list ap;

	snprintf(tag, sizeof(tag), "t%u", ++c->tag);
	buf_addf(&b, "%s ", tag);
	va_start(ap, fmt);
	buf_addv(&b, fmt, ap);
	va_end(ap);
	buf_add_str(&b, "\r\n");
	buf_add_char(&b, '\0');
	imap_client_send(c, b.p);
	return read_answer(c, tag);
}

void
imap_client_login(struct imap_client *c, struct imap_rig *r)
{
	imap_client_open(c, r);
	imap_client_line(c);
	const char *s =
		imap_client_do(c, "LOGIN %s %s", IMAP_RIG_USER, IMAP_RIG_PASSWORD);
	if (!strstr(s, " OK ")) {
		fprintf(stderr, "imap_rig: %s\n", s);
		abort();
	}
}

const char *
imap_client_append(struct imap_client *c, const char *mailbox, const char *flags,
                   struct span message)
{
	return imap_client_do(c, "APPEND %s %s {%zu+}\r\n%.*s", mailbox, flags, message.n,
	                      SPAN_FMT(message));
}
