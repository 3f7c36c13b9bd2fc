/* SPDX-License-Identifier: ISC
 *
 * stream_rig.h - one stream on a loop, its peer a bare socket, and a trace of callbacks.
 *
 * For the tests of streams; included once by a test program, after cmocka.h.
 */
#ifndef STREAM_RIG_H
#define STREAM_RIG_H

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/stream.h"
#include "base/stream_private.h"

struct rig;
typedef void rig_fn(struct rig *r);

struct rig {
	struct loop *loop;
	bool own_loop;
	struct stream *s;
	int peer; /* non-blocking */
	rig_fn *on_open, *on_input, *on_drain, *on_end;
	bool keep;       /* leaves input unconsumed */
	char trace[256]; /* "open input drain end:EOF " */
	char got[1024];  /* what on_input consumed */
	size_t got_n;
	bool ended;
	enum stream_end why;
	char detail[256];
	char received[65536]; /* at the peer */
	size_t received_n;
	size_t dropped;
	bool peer_eof;
};

static const struct stream_limits RIG_LIMITS = { .input_max = 65536 };

static void
rig_note(struct rig *r, const char *word)
{
	size_t n = strlen(r->trace);

	if (n + strlen(word) + 2 < sizeof(r->trace)) {
		strcpy(r->trace + n, word);
		strcat(r->trace, " ");
	}
}

static void
rig_on_open(void *owner)
{
	struct rig *r = owner;

	assert_false(r->ended);
	rig_note(r, "open");
	if (r->on_open != NULL)
		r->on_open(r);
}

static void
rig_on_input(void *owner)
{
	struct rig *r = owner;
	struct span in = stream_input(r->s);

	assert_false(r->ended);
	rig_note(r, "input");
	if (r->on_input != NULL) {
		r->on_input(r);
		return;
	}
	if (r->keep)
		return;
	assert_true(r->got_n + in.n < sizeof(r->got));
	memcpy(r->got + r->got_n, in.p, in.n);
	r->got_n += in.n;
	r->got[r->got_n] = '\0';
	stream_consume(r->s, in.n);
}

static void
rig_on_drain(void *owner)
{
	struct rig *r = owner;

	assert_false(r->ended);
	rig_note(r, "drain");
	if (r->on_drain != NULL)
		r->on_drain(r);
}

static void
rig_on_end(void *owner, enum stream_end why, const char *detail)
{
	static const char *const names[] = {
#define X(name, text) "end:" #name,
		STREAM_END_LIST(X)
#undef X
	};
	struct rig *r = owner;

	assert_false(r->ended);
	r->ended = true;
	r->why = why;
	rig_note(r, names[why]);
	if (r->on_end != NULL)
		r->on_end(r);
	snprintf(r->detail, sizeof(r->detail), "%s", detail);
}

static const struct stream_ops rig_ops = { rig_on_open, rig_on_input, rig_on_drain,
	                                   rig_on_end };

/* l NULL: a loop of its own. */
static void
rig_start(struct rig *r, struct loop *l)
{
	*r = (struct rig){ .loop = l, .own_loop = l == NULL, .peer = -1 };
	if (l == NULL)
		assert_int_equal(loop_new("rig", &r->loop), RC_OK);
}

static void
rig_accept(struct rig *r, int fd, const struct stream_limits *limits)
{
	r->s = stream_accept(r->loop, fd, NULL, SPAN(""), limits, &rig_ops, r);
}

static UNUSED void
rig_pair_on(struct rig *r, struct loop *l, int type, const struct stream_limits *limits)
{
	int fd[2];

	rig_start(r, l);
	assert_int_equal(socketpair(AF_UNIX, type | SOCK_NONBLOCK, 0, fd), 0);
	r->peer = fd[1];
	rig_accept(r, fd[0], limits);
}

static UNUSED void
rig_pair(struct rig *r, int type, const struct stream_limits *limits)
{
	rig_pair_on(r, NULL, type, limits);
}

/* Two connected TCP sockets on 127.0.0.1. */
static UNUSED void
rig_tcp_pair(int fd[2])
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	socklen_t n = sizeof(a);
	int l = socket(AF_INET, SOCK_STREAM, 0);

	inet_pton(AF_INET, "127.0.0.1", &a.sin_addr);
	assert_int_equal(bind(l, (struct sockaddr *)&a, n), 0);
	assert_int_equal(listen(l, 1), 0);
	assert_int_equal(getsockname(l, (struct sockaddr *)&a, &n), 0);
	fd[1] = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(connect(fd[1], (struct sockaddr *)&a, n), 0);
	fd[0] = accept4(l, NULL, NULL, SOCK_NONBLOCK);
	assert_true(fd[0] >= 0);
	/* As a listener would. */
	assert_int_equal(
		setsockopt(fd[0], IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int)), 0);
	assert_int_equal(fcntl(fd[1], F_SETFL, O_NONBLOCK), 0);
	close(l);
}

static UNUSED void
rig_tcp(struct rig *r, const struct stream_limits *limits)
{
	int fd[2];

	rig_start(r, NULL);
	rig_tcp_pair(fd);
	r->peer = fd[1];
	rig_accept(r, fd[0], limits);
}

static UNUSED void
rig_hang_up(struct rig *r)
{
	close(r->peer);
	r->peer = -1;
}

static UNUSED void
rig_reset(struct rig *r)
{
	struct linger now = { .l_onoff = 1 };

	assert_int_equal(setsockopt(r->peer, SOL_SOCKET, SO_LINGER, &now, sizeof(now)),
	                 0);
	rig_hang_up(r);
}

static UNUSED void
rig_done(struct rig *r)
{
	stream_free(r->s);
	if (r->peer >= 0)
		close(r->peer);
	if (r->own_loop)
		loop_free(r->loop);
}

static inline uint64_t
rig_real_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

/* Turns the loop until cond holds; fails after 20 s of real time. */
#define RIG_UNTIL(r, cond)                                                               \
	do {                                                                             \
		uint64_t start_ = rig_real_ms();                                         \
		while (!(cond)) {                                                        \
			loop_run_once((r)->loop, false);                                 \
			if (rig_real_ms() - start_ > 20000)                              \
				fail_msg("never: %s; trace: %s", #cond, (r)->trace);     \
		}                                                                        \
	} while (0)

/* Turns the loop until all that local sockets carry has arrived. */
static UNUSED void
rig_idle(struct rig *r)
{
	for (int i = 0; i < 20; i++)
		loop_run_once(r->loop, false);
}

static UNUSED void
rig_wake(void *arg)
{
	*(bool *)arg = true;
}

/* How often a loop that may sleep turns in that time. */
static UNUSED unsigned
rig_turns_in_ms(struct rig *r, uint64_t ms)
{
	struct loop_timer t;
	bool over = false;
	unsigned n = 0;

	loop_timer_init(&t, r->loop, rig_wake, &over);
	loop_timer_set(&t, ms);
	while (!over) {
		loop_run_once(r->loop, true);
		n++;
	}
	return n;
}

static UNUSED void
rig_send(struct rig *r, const char *text)
{
	assert_int_equal(send(r->peer, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

/* Takes what has arrived at the peer; how much in all so far. */
static UNUSED size_t
rig_receive(struct rig *r)
{
	ssize_t n = recv(r->peer, r->received + r->received_n,
	                 sizeof(r->received) - r->received_n, 0);

	if (n > 0)
		r->received_n += (size_t)n;
	else if (n == 0 && r->received_n < sizeof(r->received))
		r->peer_eof = true;
	return r->received_n;
}

static UNUSED void
rig_receive_and_drop(struct rig *r)
{
	r->received_n = 0;
	r->dropped += rig_receive(r);
	r->received_n = 0;
}

/* True when the peer has received text so far and nothing else. */
static UNUSED bool
rig_received(struct rig *r, const char *text)
{
	rig_receive(r);
	if (r->received_n == strlen(text) && !r->peer_eof)
		rig_receive(r);
	return r->received_n == strlen(text) &&
	       memcmp(r->received, text, r->received_n) == 0;
}

static UNUSED void
rig_echo(struct rig *r)
{
	struct span in = stream_input(r->s);

	stream_write(r->s, in);
	stream_consume(r->s, in.n);
}

static UNUSED int
rig_fd(const struct rig *r)
{
	return stream_fd(r->s);
}

#endif
