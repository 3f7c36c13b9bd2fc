/* SPDX-License-Identifier: ISC
 *
 * stream.c - the life of a stream: connect, handshake, open, close.
 *
 * All callbacks are made by stream_run(), which the loop calls for the socket, the timer
 * or because a stream_*() call asked for it; so none is made from inside such a call.
 * After each callback the stream may be freed, closing or in a handshake: look again.
 */
#include "base/stream.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/stream_private.h"

#define HANDSHAKE_MS 30000
/* How long a closing stream without idle_ms waits for a peer that does not read. */
#define CLOSING_MS 30000
#define LINGER_MS 2000
#define INPUT_MAX 65536
#define NOTIFY_MAX 64
/* Of input_max, so that offsets fit into 32 bits. */
#define INPUT_MAX_MAX (1024 * 1024 * 1024)

const char *
stream_end_str(enum stream_end e)
{
	static const char *const texts[] = {
#define X(name, text) [STREAM_END_##name] = text,
		STREAM_END_LIST(X)
#undef X
	};

	return texts[e];
}

/* --- ending --- */

/* Nobody calls it any more. */
static void
leave_loop(struct stream *s)
{
	event_del(&s->ev);
	loop_timer_clear(&s->timer);
	loop_soon_clear(&s->soon);
	if (!s->secured && s->hello != NULL)
		loop_heavy_clear(s->loop, &s->hello->turn);
}

/* Lets go of everything but the struct and the socket. */
static void
let_go(struct stream *s)
{
	leave_loop(s);
	SSL_free(s->ssl);
	s->ssl = NULL;
	stream_record_free(s);
	stream_drop_input(s);
	stream_drop_output(s);
	if (s->secured)
		free(s->tls_str);
	else
		tls_hello_free(s->hello);
	s->tls_str = NULL;
	free(s->detail);
}

void
stream_free(struct stream *s)
{
	if (s == NULL || s->freed)
		return;
	int fd = stream_fd(s);
	s->freed = true;
	let_go(s);
	if (fd >= 0)
		close(fd);
	if (!s->busy)
		free(s);
}

int
stream_detach(struct stream *s)
{
	int fd = stream_fd(s);

	assert(s->ssl == NULL && !s->freed && s->in_len == 0 && s->out_len == 0);
	s->freed = true;
	let_go(s);
	if (!s->busy)
		free(s);
	return fd;
}

/* detail is freed here: it outlives a stream_free() in on_end. NULL: that of why. */
static void
end(struct stream *s, enum stream_end why, char *detail)
{
	s->state = STREAM_STATE_ENDED;
	leave_loop(s);
	s->interest = 0;
	stream_drop_output(s);
	s->detail = NULL;
	s->ops->on_end(s->owner, why, detail != NULL ? detail : stream_end_str(why));
	free(detail);
}

/* All output is written: says goodbye. */
static void
finish(struct stream *s)
{
	int unread = 0;

	if (s->secured && !s->broken && !s->said_bye) {
		s->said_bye = true;
		ERR_clear_error();
		if (s->record != NULL)
			stream_record_bye(s);
		else
			SSL_shutdown(s->ssl);
		if (s->wire != NULL || s->fail)
			return;
	}
	shutdown(stream_fd(s), SHUT_WR);
	/* Closing a socket with unread bytes resets it, and the peer may lose our answer.
	 */
	if (!s->eof && ioctl(stream_fd(s), FIONREAD, &unread) == 0 && unread > 0) {
		s->state = STREAM_STATE_LINGER;
		loop_timer_set(&s->timer, LINGER_MS);
		return;
	}
	end(s, STREAM_END_CLOSED, NULL);
}

static void
step_linger(struct stream *s)
{
	ssize_t n = recv(stream_fd(s), loop_scratch(s->loop), LOOP_SCRATCH, 0);

	if (n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR)))
		return;
	end(s, STREAM_END_CLOSED, NULL);
}

/* --- what the stream waits for --- */

static short
wanted(const struct stream *s)
{
	short what = 0;

	switch (s->state) {
	case STREAM_STATE_CONNECT:
		return EV_WRITE;
	case STREAM_STATE_HANDSHAKE:
		if (s->plain_left > 0)
			return EV_WRITE;
		what = s->wire != NULL ? EV_READ | EV_WRITE : EV_READ;
		/* By edges, since what is there is read when its turn comes. */
		return s->hello != NULL ? what | EV_CLOSED | EV_ET : what;
	case STREAM_STATE_OPEN:
		break;
	case STREAM_STATE_LINGER:
		return EV_READ;
	case STREAM_STATE_ENDED:
		return 0;
	}
	if (s->blocked)
		what |= EV_WRITE;
	if (s->closing)
		return what;
	what |= EV_READ | EV_CLOSED;
	/*
	 * Nobody wants the input. By edges we hear of more input, the peer's end and its
	 * reset, each once; by levels the loop would spin. (EV_CLOSED alone would not do:
	 * libevent shows an error of the socket as EV_READ and EV_WRITE only.)
	 */
	if (s->held)
		what |= EV_ET;
	return what;
}

static void on_event(evutil_socket_t fd, short what, void *arg);

static void
update_interest(struct stream *s)
{
	short what = wanted(s);

	if (what == s->interest)
		return;
	event_del(&s->ev);
	event_assign(&s->ev, loop_event_base(s->loop), stream_fd(s), what | EV_PERSIST,
	             on_event, s);
	s->interest = what;
	if (what != 0 && event_add(&s->ev, NULL) != 0) {
		s->interest = 0;
		stream_fail(s, STREAM_END_ERROR, "cannot watch the socket");
		loop_soon(s->loop, &s->soon);
	}
}

/* --- steps --- */

/* How long an open stream may be as quiet as it is; 0: for ever. */
static uint64_t
quiet_max(const struct stream *s)
{
	uint64_t idle = s->idle_ms > 0 ? s->idle_ms : s->closing ? CLOSING_MS : 0;

	if (s->stalled && (idle == 0 || s->stall_ms < idle))
		return s->stall_ms;
	return idle;
}

static uint32_t
to_ms32(uint64_t ms)
{
	return ms < UINT32_MAX ? (uint32_t)ms : UINT32_MAX;
}

static void
start_idle_timer(struct stream *s)
{
	uint64_t limit = quiet_max(s);

	s->active_ms = loop_now_ms(s->loop);
	if (limit > 0)
		loop_timer_set(&s->timer, limit);
	else
		loop_timer_clear(&s->timer);
}

/* Output begins to wait, or does not any more. */
static void
note_stall(struct stream *s)
{
	bool stalled = s->blocked && s->stall_ms > 0;

	if (stalled == s->stalled)
		return;
	s->stalled = stalled;
	/* Going on, the timer fires for nothing and asks. */
	if (stalled)
		start_idle_timer(s);
}

static void
enter_open(struct stream *s)
{
	s->state = STREAM_STATE_OPEN;
	s->say_open = true;
	s->more = true;
	start_idle_timer(s);
}

static void
step_connect(struct stream *s)
{
	int e = 0;

	if (getsockopt(stream_fd(s), SOL_SOCKET, SO_ERROR, &e,
	               &(socklen_t){ sizeof(e) }) != 0)
		e = errno;
	if (e != 0)
		stream_fail_errno(s, e);
	else if (s->ssl != NULL)
		s->state = STREAM_STATE_HANDSHAKE;
	else
		enter_open(s);
}

static bool
attach(struct stream *s, SSL *ssl)
{
	s->ssl = ssl;
	if (ssl != NULL && stream_attach_ssl(s, ssl))
		return true;
	stream_fail(s, STREAM_END_TLS, "OpenSSL makes no connection");
	return false;
}

/* The first turn. Until then the peer has cost a small struct; if it has given up
 * meanwhile (a FIN is told by the loop) it costs no more. */
static bool
start_server(struct stream *s)
{
	int e = 0;

	if (getsockopt(stream_fd(s), SOL_SOCKET, SO_ERROR, &e,
	               &(socklen_t){ sizeof(e) }) == 0 &&
	    e != 0) {
		stream_fail_errno(s, e);
		return false;
	}
	return attach(s, tls_server_ssl(s->hello->server, s->hello));
}

/* A server's handshake takes its turns at the CPU; a client's is our own wish. */
static bool
must_wait_for_turn(const struct stream *s)
{
	return s->hello != NULL && !s->hello->is_turn;
}

static void
step_handshake(struct stream *s)
{
	int n;

	if (s->ssl != NULL || s->plain_left > 0)
		stream_write_output(s);
	if (s->plain_left > 0 || s->fail || must_wait_for_turn(s))
		return;
	if (s->ssl == NULL && !start_server(s))
		return;
	ERR_clear_error();
	errno = 0;
	n = SSL_do_handshake(s->ssl);
	if (n == 1) {
		if (SSL_is_server(s->ssl))
			tls_count_handshake(s->ssl);
		stream_record_begin(s);
		s->secured = true;
		enter_open(s);
		return;
	}
	n = SSL_get_error(s->ssl, n);
	if (n == SSL_ERROR_ZERO_RETURN)
		s->eof = true;
	else if (n != SSL_ERROR_WANT_READ)
		stream_fail_ssl(s, n);
	if (s->eof)
		stream_fail(s, STREAM_END_EOF, "peer closed in the handshake");
}

/*
 * A record so short that it may be a close_notify (24 bytes in TLS 1.3, 31 in 1.2): some
 * wait for ours before they send FIN.
 */
static bool
may_be_notify(struct stream *s)
{
	int n = 0;

	return s->secured && ioctl(stream_fd(s), FIONREAD, &n) == 0 && n > 0 &&
	       n <= NOTIFY_MAX;
}

/* The socket tells something though nobody wants input: has the peer gone? */
static void
look_at_held_socket(struct stream *s, short what)
{
	int e = 0;

	s->held = true;
	if (getsockopt(stream_fd(s), SOL_SOCKET, SO_ERROR, &e,
	               &(socklen_t){ sizeof(e) }) == 0 &&
	    e != 0) {
		stream_fail_errno(s, e);
		return;
	}
	/* What it sent before its end stands in the way of the end until it is resumed.
	 */
	if (s->in_len == 0 && !s->eof && ((what & EV_CLOSED) || may_be_notify(s)))
		stream_read_input(s, true);
}

static bool
is_open(const struct stream *s)
{
	return !s->freed && s->state == STREAM_STATE_OPEN;
}

static void
step_read(struct stream *s, short what)
{
	if (stream_wants_input(s)) {
		s->held = false;
		if (what & (EV_READ | EV_CLOSED))
			s->more = true;
		if (s->more)
			stream_read_input(s, false);
	} else if (what & (EV_READ | EV_CLOSED) && !s->closing) {
		look_at_held_socket(s, what);
	}
	if (s->say_input && !s->paused && !s->closing) {
		s->say_input = false;
		s->ops->on_input(s->owner);
	}
}

static void
step_write(struct stream *s)
{
	/* What waits for room in the socket is together already, corked or not. */
	if (s->blocked || (s->out_len > 0 && s->corked == 0)) {
		stream_write_output(s);
		/* The peer may have told why it went. */
		if (s->fail && s->why == STREAM_END_ERROR && stream_wants_input(s)) {
			stream_read_input(s, true);
			if (s->say_input) {
				s->say_input = false;
				s->ops->on_input(s->owner);
			}
			return;
		}
		if (stream_output_len(s) == 0 && !s->closing && s->ops->on_drain != NULL)
			s->ops->on_drain(s->owner);
	}
}

static void
step_open(struct stream *s, short what)
{
	if (s->say_open) {
		s->say_open = false;
		if (s->ops->on_open != NULL)
			s->ops->on_open(s->owner);
		if (!is_open(s))
			return;
	}
	step_read(s, what);
	if (!is_open(s))
		return;
	step_write(s);
	if (!is_open(s) || s->fail)
		return;
	note_stall(s);
	if (s->closing) {
		if (stream_output_len(s) == 0)
			finish(s);
	} else if (s->eof && !s->say_input && (!s->paused || s->in_len == 0)) {
		end(s, STREAM_END_EOF, NULL);
	} else if ((s->more || s->say_input) && stream_wants_input(s)) {
		loop_soon(s->loop, &s->soon);
	}
}

/* Everything happens here. what: EV_* of the socket, or 0. */
static void
stream_run(struct stream *s, short what)
{
	s->busy = true;
	if (s->closing && s->state < STREAM_STATE_OPEN && !s->fail)
		end(s, STREAM_END_CLOSED, NULL);
	if (!s->freed && !s->fail) {
		if (s->state == STREAM_STATE_CONNECT && what != 0)
			step_connect(s);
		if (s->state == STREAM_STATE_HANDSHAKE && !s->fail)
			step_handshake(s);
		if (s->state == STREAM_STATE_OPEN)
			step_open(s, what);
		else if (s->state == STREAM_STATE_LINGER)
			step_linger(s);
	}
	if (!s->freed && s->fail && s->state != STREAM_STATE_ENDED)
		end(s, s->why, s->detail);
	if (!s->freed && s->state != STREAM_STATE_ENDED) {
		if (s->state == STREAM_STATE_HANDSHAKE && s->hello != NULL)
			s->hello->is_turn = false;
		update_interest(s);
	}
	s->busy = false;
	if (s->freed)
		free(s);
}

/* The peer has said something, or has gone before its turn came. */
static void
on_hello(struct stream *s, short what)
{
	if ((what & EV_CLOSED) && s->ssl == NULL)
		stream_fail(s, STREAM_END_EOF, "peer closed before its handshake");
	else if (what & (EV_READ | EV_CLOSED))
		loop_heavy(s->loop, &s->hello->turn, s->ssl != NULL);
	if (s->fail || (what & EV_WRITE))
		stream_run(s, what);
}

static void
on_event(evutil_socket_t fd UNUSED, short what, void *arg)
{
	struct stream *s = arg;

	if (s->state == STREAM_STATE_HANDSHAKE && s->hello != NULL && s->plain_left == 0)
		on_hello(s, what);
	else
		stream_run(s, what);
}

static void
on_soon(struct loop_soon *x)
{
	stream_run(container_of(x, struct stream, soon), 0);
}

static void
on_timer(void *arg)
{
	struct stream *s = arg;
	uint64_t limit = quiet_max(s);
	uint64_t quiet = loop_now_ms(s->loop) - s->active_ms;

	if (s->state == STREAM_STATE_LINGER) {
		stream_fail(s, STREAM_END_CLOSED, stream_end_str(STREAM_END_CLOSED));
	} else if (s->state == STREAM_STATE_OPEN) {
		/* The timer is not moved with each byte, but asks when it fires. */
		if (limit == 0)
			return;
		if (quiet < limit) {
			loop_timer_set(&s->timer, limit - quiet);
			return;
		}
		stream_fail(s, STREAM_END_TIMEOUT, stream_end_str(STREAM_END_TIMEOUT));
	} else {
		stream_fail(s, STREAM_END_TIMEOUT,
		            s->state == STREAM_STATE_CONNECT ? "connect timed out"
		                                             : "handshake timed out");
	}
	stream_run(s, 0);
}

/* --- beginning --- */

static void
set_option(int fd, int level, int option, int value)
{
	/* A socket that has just lost its peer refuses; its end comes anyway. */
	if (setsockopt(fd, level, option, &value, sizeof(value)) != 0)
		return;
}

struct peer {
	char text[INET6_ADDRSTRLEN];
	uint16_t port;
};

static void
note_peer(struct peer *ret, const struct sockaddr *sa)
{
	const struct sockaddr_in *in = (const struct sockaddr_in *)sa;
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)sa;

	switch (sa->sa_family) {
	case AF_INET:
		inet_ntop(AF_INET, &in->sin_addr, ret->text, sizeof(ret->text));
		ret->port = ntohs(in->sin_port);
		break;
	case AF_INET6:
		if (IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr))
			inet_ntop(AF_INET, &in6->sin6_addr.s6_addr[12], ret->text,
			          sizeof(ret->text));
		else
			inet_ntop(AF_INET6, &in6->sin6_addr, ret->text,
			          sizeof(ret->text));
		ret->port = ntohs(in6->sin6_port);
		break;
	case AF_UNIX:
		memcpy(ret->text, "unix", 5);
		break;
	default:
		memcpy(ret->text, "unknown", 8);
		break;
	}
}

static bool
is_tcp(int family)
{
	return family == AF_INET || family == AF_INET6;
}

static void
set_input_max(struct stream *s, size_t max)
{
	if (max == 0)
		max = INPUT_MAX;
	s->input_max = (uint32_t)(max < INPUT_MAX_MAX ? max : INPUT_MAX_MAX);
}

static struct stream *
stream_new(struct loop *l, int fd, const struct sockaddr *peer,
           const struct stream_limits *limits, const struct stream_ops *ops, void *owner)
{
	struct peer p = { .port = 0 };
	struct stream *s;
	size_t n;

	note_peer(&p, peer);
	n = strlen(p.text) + 1;
	s = xcalloc(1, sizeof(*s) + n);
	memcpy(s->peer, p.text, n);
	s->peer_port = p.port;

	s->loop = l;
	s->ops = ops;
	s->owner = owner;
	s->idle_ms = to_ms32(limits->idle_ms);
	s->stall_ms = to_ms32(limits->stall_ms);
	set_input_max(s, limits->input_max);
	s->handshake_ms =
		limits->handshake_ms ? (uint32_t)limits->handshake_ms : HANDSHAKE_MS;
	event_assign(&s->ev, loop_event_base(l), fd, EV_PERSIST, on_event, s);
	loop_soon_init(&s->soon, on_soon);
	loop_timer_init(&s->timer, l, on_timer, s);
	loop_timer_set(&s->timer, s->handshake_ms);
	loop_soon(l, &s->soon);
	return s;
}

static void
on_turn(struct loop_soon *x)
{
	struct tls_hello *h = container_of(x, struct tls_hello, turn);
	struct stream *s = h->stream;

	h->is_turn = true;
	stream_run(s, 0);
}

static void
begin_server(struct stream *s, struct tls_server *tls, struct span alpn)
{
	struct tls_hello *h = tls_hello_new(alpn);

	h->server = tls;
	h->stream = s;
	loop_soon_init(&h->turn, on_turn);
	s->hello = h;
	s->state = STREAM_STATE_HANDSHAKE;
}

struct stream *
stream_accept(struct loop *l, int fd, struct tls_server *tls, struct span alpn,
              const struct stream_limits *limits, const struct stream_ops *ops,
              void *owner)
{
	struct sockaddr_storage ss = { 0 };
	struct stream *s;

	if (getpeername(fd, (struct sockaddr *)&ss, &(socklen_t){ sizeof(ss) }) != 0)
		ss.ss_family = AF_UNSPEC; /* it has gone already */
	s = stream_new(l, fd, (struct sockaddr *)&ss, limits, ops, owner);
	if (tls == NULL) {
		enter_open(s);
		return s;
	}
	begin_server(s, tls, alpn);
	return s;
}

struct stream *
stream_connect(struct loop *l, const struct sockaddr *to, socklen_t to_len,
               const struct stream_limits *limits, const struct stream_ops *ops,
               void *owner)
{
	int fd = socket(to->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int e = fd < 0 ? errno : 0;
	struct stream *s = stream_new(l, fd, to, limits, ops, owner);

	s->state = STREAM_STATE_CONNECT;
	if (fd >= 0 && is_tcp(to->sa_family))
		set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	if (fd >= 0 && connect(fd, to, to_len) != 0 && errno != EINPROGRESS)
		e = errno;
	if (e != 0)
		stream_fail_errno(s, e);
	return s;
}

/* Plaintext that the peer sent too early counts for nothing: RFC 3207 4.2. */
static void
forget_plaintext(struct stream *s)
{
	if (is_open(s)) {
		stream_drop_input(s);
		s->more = s->held = s->eof = false;
		loop_timer_set(&s->timer, s->handshake_ms);
	}
	s->corked = 0;
	s->plain_left = s->out_len;
	loop_soon(s->loop, &s->soon);
}

static bool
may_start_tls(const struct stream *s)
{
	return !s->fail && !s->closing && s->ssl == NULL && !s->secured &&
	       (s->state == STREAM_STATE_OPEN || s->state == STREAM_STATE_CONNECT);
}

void
stream_starttls_server(struct stream *s, struct tls_server *tls)
{
	if (!may_start_tls(s))
		return;
	forget_plaintext(s);
	begin_server(s, tls, SPAN(""));
}

void
stream_starttls_client(struct stream *s, struct tls_client *tls, const char *host)
{
	if (!may_start_tls(s))
		return;
	forget_plaintext(s);
	if (attach(s, tls_client_ssl(tls, host)) && s->state != STREAM_STATE_CONNECT)
		s->state = STREAM_STATE_HANDSHAKE;
}

/* --- the owner's side --- */

struct span
stream_input(struct stream *s)
{
	return span_of(s->in != NULL ? s->in + s->in_off : "", s->in_len);
}

void
stream_consume(struct stream *s, size_t n)
{
	bool was_full = s->in_len >= s->input_max;

	assert(n <= s->in_len);
	s->in_off += (uint32_t)n;
	s->in_len -= (uint32_t)n;
	if (s->in_len == 0)
		stream_drop_input(s);
	if (was_full && n > 0 && s->state == STREAM_STATE_OPEN)
		loop_soon(s->loop, &s->soon);
}

void
stream_pause(struct stream *s)
{
	s->paused = true;
}

void
stream_resume(struct stream *s)
{
	if (!s->paused)
		return;
	s->paused = false;
	if (s->state != STREAM_STATE_OPEN)
		return;
	if (s->in_len > 0)
		s->say_input = true;
	if (s->say_input || s->more || s->held || s->eof)
		loop_soon(s->loop, &s->soon);
}

size_t
stream_output_len(const struct stream *s)
{
	return s->out_len + stream_wire_len(s);
}

void
stream_cork(struct stream *s)
{
	assert(s->corked < UINT8_MAX);
	if (!s->closing)
		s->corked++;
}

void
stream_uncork(struct stream *s)
{
	if (s->corked > 0 && --s->corked == 0 && s->out_len > 0)
		loop_soon(s->loop, &s->soon);
}

void
stream_close(struct stream *s)
{
	if (s->closing || s->state >= STREAM_STATE_LINGER)
		return;
	s->closing = true;
	s->corked = 0;
	stream_drop_input(s);
	if (s->state == STREAM_STATE_OPEN)
		start_idle_timer(s);
	loop_soon(s->loop, &s->soon);
}

void
stream_set_idle_ms(struct stream *s, uint64_t ms)
{
	s->idle_ms = to_ms32(ms);
	if (s->state == STREAM_STATE_OPEN)
		start_idle_timer(s);
}

void
stream_set_input_max(struct stream *s, size_t max)
{
	set_input_max(s, max);
	if (s->state == STREAM_STATE_OPEN)
		loop_soon(s->loop, &s->soon);
}

struct loop *
stream_loop(const struct stream *s)
{
	return s->loop;
}

bool
stream_is_tls(const struct stream *s)
{
	return s->secured;
}

const char *
stream_tls_str(const struct stream *cs)
{
	struct stream *s = (struct stream *)cs;

	if (!s->secured)
		return "";
	if (s->record != NULL)
		return tls_record_str(s->record);
	if (s->tls_str == NULL)
		s->tls_str = xasprintf("%s %s", SSL_get_version(s->ssl),
		                       SSL_get_cipher_name(s->ssl));
	return s->tls_str;
}

struct span
stream_alpn(const struct stream *s)
{
	const unsigned char *p = NULL;
	unsigned n = 0;

	if (s->record != NULL)
		return tls_record_alpn(s->record);
	if (s->secured)
		SSL_get0_alpn_selected(s->ssl, &p, &n);
	return span_of(p != NULL ? (const char *)p : "", n);
}

const char *
stream_peer(const struct stream *s)
{
	return s->peer;
}

uint16_t
stream_peer_port(const struct stream *s)
{
	return s->peer_port;
}

size_t
stream_memory(const struct stream *s)
{
	size_t n = sizeof(*s) + strlen(s->peer) + 1 + s->in_cap;

	for (const struct stream_out *o = s->out; o != NULL; o = o->next)
		n += sizeof(*o) + o->b.cap;
	if (s->wire != NULL)
		n += sizeof(*s->wire) + s->wire->b.cap;
	if (s->record != NULL)
		n += tls_record_memory();
	if (s->raw != NULL)
		n += sizeof(*s->raw) + s->raw->len;
	return n;
}
