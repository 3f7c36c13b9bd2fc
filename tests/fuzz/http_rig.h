/* SPDX-License-Identifier: ISC
 *
 * http_rig.h - a server on a loop with a fake clock, and one connection an input.
 */
#ifndef TESTS_FUZZ_HTTP_RIG_H
#define TESTS_FUZZ_HTTP_RIG_H

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "http/http_private.h"

static struct loop *rig_loop;
static struct http_server *rig_server;
static struct http_request *rig_waiting;

static void
rig_gone(struct http_request *r)
{
	if (rig_waiting == r)
		rig_waiting = NULL;
}

static void
rig_serve(struct http_request *r, void *arg UNUSED)
{
	struct span user, password;
	struct buf b = { 0 };
	/* Whatever a handler may look at. */
	if (http_basic_auth(r, &user, &password) == RC_OK)
		buf_add_span(&b, user);
	buf_add_span(&b, http_query_get(r, "a"));
	for (size_t i = 0; i < r->n_headers; i++)
		buf_add_span(&b, r->headers[i].value);
	buf_add_span(&b, r->body);
	http_set_header(r, "X-Path", "p");
	http_respond(r, 200, &b);
}

static void
rig_wait(struct http_request *r, void *arg UNUSED)
{
	if (rig_waiting)
		http_respond_text(rig_waiting, 200, "next");
	rig_waiting = r;
	http_park(r);
	http_on_gone(r, rig_gone);
}

static void
rig_no_log(enum log_level level UNUSED, const char *line UNUSED, void *arg UNUSED)
{
}

static void
rig_begin(void)
{
	struct http_conf conf = { .header_max = 1024,
		                  .headers_max = 16,
		                  .body_max = 4096,
		                  .idle_ms = 1000,
		                  .request_ms = 1000,
		                  .body_rate_min = 10,
		                  .streams_max = 4,
		                  .http2 = true,
		                  .gzip = true };
	if (rig_server)
		return;
	clock_fake_start(1000000000000);
	log_set_sink(rig_no_log, NULL);
	if (loop_new("fuzz", &rig_loop) != RC_OK ||
	    http_server_new(&conf, &rig_server) != RC_OK)
		abort();
	http_server_route(rig_server, "/w*", rig_wait, NULL);
	http_server_route(rig_server, "/*", rig_serve, NULL);
}

/* Turns of the loop; what the server says is read and forgotten. */
static void
rig_turns(int fd, int n)
{
	char bytes[16384];
	for (int i = 0; i < n; i++) {
		loop_run_once(rig_loop, false);
		while (recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
			continue;
	}
}

/* Feeds the bytes in pieces, then time passes, then the client goes. */
static void
rig_feed(const uint8_t *p, size_t n, size_t piece, bool h2)
{
	int fds[2];
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) != 0)
		abort();
	http_conn_accept(rig_server, rig_loop, fds[1], NULL, h2);
	rig_turns(fds[0], 2);
	while (n > 0) {
		ssize_t k = send(fds[0], p, n < piece ? n : piece,
		                 MSG_DONTWAIT | MSG_NOSIGNAL);
		if (k < 0)
			break;
		p += k;
		n -= (size_t)k;
		rig_turns(fds[0], 2);
	}
	rig_turns(fds[0], 3);
	clock_fake_advance(2000);
	rig_turns(fds[0], 3);
	if (rig_waiting)
		http_respond_text(TAKE(rig_waiting), 200, "done");
	rig_turns(fds[0], 3);
	close(fds[0]);
	for (int i = 0; i < 4; i++)
		loop_run_once(rig_loop, false);
	http_server_abort(rig_server, rig_loop);
	loop_run_once(rig_loop, false);
	if (rig_waiting || http_server_connections(rig_server) != 0)
		abort();
}

#endif
