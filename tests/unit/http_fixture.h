/* SPDX-License-Identifier: ISC
 *
 * http_fixture.h - a server on a loop of the test's own thread, and its client's socket.
 */
#ifndef TESTS_HTTP_FIXTURE_H
#define TESTS_HTTP_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "http/http_private.h"

struct http_fixture {
	struct loop *loop;
	struct http_server *server;
	int fd;                       /* the client's end */
	bool is_closed;               /* the server has closed it */
	struct buf got;               /* what the client has received */
	struct http_request *waiting; /* of /wait */
	int calls;                    /* of handlers */
	int gone;
	int drained;
	size_t slices_left; /* of /stream */
	enum http_body stream_end;
	bool stream_waits;
};

static struct http_fixture http_fixture;

static void
fixture_gone(struct http_request *r UNUSED)
{
	http_fixture.gone++;
	http_fixture.waiting = NULL;
}

static void
fixture_drain(struct http_request *r)
{
	http_fixture.drained++;
	http_respond_text(r, 200, "drained");
}

static void
serve_echo(struct http_request *r, void *arg UNUSED)
{
	struct buf b = { 0 };
	http_fixture.calls++;
	http_set_header(r, "Content-Type", "text/plain");
	buf_addf(&b, "method=%.*s path=%.*s query=%.*s host=%.*s version=%d body=",
	         SPAN_FMT(r->method), SPAN_FMT(r->path), SPAN_FMT(r->query),
	         SPAN_FMT(r->host), r->version);
	buf_add_span(&b, r->body);
	buf_add_str(&b, "|");
	http_respond(r, 200, &b);
}

static void
serve_wait(struct http_request *r, void *arg UNUSED)
{
	http_fixture.calls++;
	http_fixture.waiting = r;
	http_on_gone(r, fixture_gone);
}

static void
serve_wait_drain(struct http_request *r, void *arg UNUSED)
{
	serve_wait(r, NULL);
	http_on_drain(r, fixture_drain);
}

static enum http_body
make_slice(struct http_request *r UNUSED, struct buf *out, void *arg UNUSED)
{
	if (http_fixture.stream_waits) {
		http_fixture.stream_waits = false;
		return HTTP_BODY_WAIT;
	}
	if (http_fixture.slices_left == 0)
		return http_fixture.stream_end;
	http_fixture.slices_left--;
	for (int i = 0; i < 1000; i++)
		buf_add_str(out, "0123456789");
	return HTTP_BODY_MORE;
}

static void
serve_stream(struct http_request *r, void *arg UNUSED)
{
	http_fixture.calls++;
	http_fixture.waiting = r;
	http_on_gone(r, fixture_gone);
	uint64_t size = span_is(r->query, "sized") ? http_fixture.slices_left * 10000
	                                           : UINT64_MAX;
	http_respond_body(r, 200, size, make_slice, NULL);
}

static void
serve_big(struct http_request *r, void *arg UNUSED)
{
	struct buf b = { 0 };
	http_fixture.calls++;
	for (int i = 0; i < 20000; i++)
		buf_addf(&b, "line %d\n", i);
	http_set_header(r, "Content-Type",
	                span_is(r->query, "image") ? "image/png" : "text/a");
	http_respond(r, 200, &b);
}

/* Turns of the loop, and what comes out of them. */
static void
fixture_turns(struct http_fixture *f)
{
	for (int i = 0; i < 12; i++) {
		char bytes[65536];
		ssize_t n;
		loop_run_once(f->loop, false);
		while (f->fd >= 0 &&
		       (n = recv(f->fd, bytes, sizeof(bytes), MSG_DONTWAIT)) >= 0) {
			if (n == 0) {
				f->is_closed = true;
				break;
			}
			buf_add(&f->got, bytes, (size_t)n);
		}
	}
}

static void
fixture_send(struct http_fixture *f, const void *p, size_t n)
{
	size_t sent = 0;
	for (int tries = 0; sent < n && tries < 2000; tries++) {
		ssize_t k = send(f->fd, (const char *)p + sent, n - sent,
		                 MSG_DONTWAIT | MSG_NOSIGNAL);
		sent += k > 0 ? (size_t)k : 0;
		if (sent < n)
			fixture_turns(f);
	}
	fixture_turns(f);
}

static void
fixture_connect(struct http_fixture *f, bool h2)
{
	int fds[2];
	if (f->fd >= 0)
		close(f->fd);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	f->fd = fds[0];
	f->is_closed = false;
	buf_clear(&f->got);
	http_conn_accept(f->server, f->loop, fds[1], NULL, h2);
	fixture_turns(f);
}

static void
fixture_hang_up(struct http_fixture *f)
{
	close(f->fd);
	f->fd = -1;
	fixture_turns(f);
}

#define FIXTURE_STALL_MS 60000

static struct http_conf
fixture_conf(void)
{
	return (struct http_conf){
		.header_max = 2048,
		.headers_max = 20,
		.body_max = 100000,
		.idle_ms = 60000,
		.request_ms = 10000,
		.body_rate_min = 100,
		.stall_ms = FIXTURE_STALL_MS,
		.streams_max = 8,
		.http2 = true,
		.gzip = true,
	};
}

static void
fixture_begin(struct http_fixture *f, const struct http_conf *conf)
{
	*f = (struct http_fixture){ .fd = -1, .stream_end = HTTP_BODY_END };
	clock_fake_start(1000000000000);
	assert_int_equal(loop_new("test", &f->loop), RC_OK);
	assert_int_equal(http_server_new(conf, &f->server), RC_OK);
	http_server_route(f->server, "/wait", serve_wait, NULL);
	http_server_route(f->server, "/drain", serve_wait_drain, NULL);
	http_server_route(f->server, "/stream", serve_stream, NULL);
	http_server_route(f->server, "/big", serve_big, NULL);
	http_server_route(f->server, "/echo*", serve_echo, NULL);
}

static void
fixture_end(struct http_fixture *f)
{
	http_server_abort(f->server, f->loop);
	fixture_turns(f);
	if (f->fd >= 0)
		close(f->fd);
	assert_int_equal(http_server_connections(f->server), 0);
	http_server_free(f->server);
	loop_free(f->loop);
	buf_done(&f->got);
	clock_fake_stop();
}

#endif
