/* SPDX-License-Identifier: ISC
 *
 * listener.c - binding of addresses, and accepting on every loop.
 */
#include "base/listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"
#include "base/loop_private.h"
#include "base/mem.h"
#include "base/span.h"

/* The system cuts it down to net.core.somaxconn: who waits there costs us nothing. */
#define BACKLOG 65535
#define PROBE_S 30
#define PROBES 3
/* Connections taken in one turn of a loop, so that the others get theirs. */
#define ACCEPTS_A_TURN 64
#define PAUSE_MS 100
/* How often is looked whether the crowd has become smaller. */
#define CROWD_MS 5

struct address {
	union {
		struct sockaddr sa;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
		struct sockaddr_un un;
	} u;
	socklen_t len;
	bool any; /* "*": IPv6 that takes IPv4 too */
};

/* One socket on one loop. */
struct door {
	struct listener *owner;
	struct loop *loop;
	int fd;
	struct loop_watch *watch;
	struct loop_timer pause;
	bool complained;
};

struct listener {
	struct loops *loops;
	listener_accept_fn *fn;
	void *arg;
	size_t hands_max;
	size_t n;
	struct door doors[];
};

/* --- binding --- */

static bool
parse_unix(const char *path, struct address *a)
{
	size_t n = strlen(path);

	if (n == 0 || n >= sizeof(a->u.un.sun_path))
		return false;
	a->u.un.sun_family = AF_UNIX;
	memcpy(a->u.un.sun_path, path, n + 1);
	a->len = sizeof(a->u.un);
	return true;
}

static void
use_in6(struct address *a, uint16_t port)
{
	a->u.in6.sin6_family = AF_INET6;
	a->u.in6.sin6_port = htons(port);
	a->len = sizeof(a->u.in6);
}

static void
use_in4(struct address *a, uint16_t port)
{
	a->u.in.sin_family = AF_INET;
	a->u.in.sin_port = htons(port);
	a->len = sizeof(a->u.in);
}

static bool
parse_address(const char *text, struct address *a)
{
	struct span s = span_str(text);
	struct span host;
	char h[INET6_ADDRSTRLEN];
	uint32_t port;
	size_t colon = s.n;

	*a = (struct address){ 0 };
	if (span_starts(s, "unix:"))
		return parse_unix(text + 5, a);
	while (colon > 0 && s.p[colon - 1] != ':')
		colon--;
	if (colon == 0 || parse_u32(span_sub(s, colon, s.n), UINT16_MAX, &port) != RC_OK)
		return false;
	host = span_sub(s, 0, colon - 1);
	if (span_is(host, "*")) {
		a->any = true;
		use_in6(a, (uint16_t)port);
		a->u.in6.sin6_addr = in6addr_any;
		return true;
	}
	if (span_starts(host, "[") && span_ends(host, "]")) {
		host = span_sub(host, 1, host.n - 1);
		use_in6(a, (uint16_t)port);
	} else {
		use_in4(a, (uint16_t)port);
	}
	if (host.n >= sizeof(h))
		return false;
	memcpy(h, host.p, host.n);
	h[host.n] = '\0';
	if (a->u.sa.sa_family == AF_INET6)
		return inet_pton(AF_INET6, h, &a->u.in6.sin6_addr) == 1;
	return inet_pton(AF_INET, h, &a->u.in.sin_addr) == 1;
}

/* A socket that nobody answers on any more is taken away. */
static bool
clear_unix_path(const struct address *a)
{
	struct stat st;
	bool alive;
	int fd;

	if (lstat(a->u.un.sun_path, &st) != 0)
		return true;
	if (!S_ISSOCK(st.st_mode)) {
		errno = EEXIST;
		return false;
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return false;
	alive = connect(fd, &a->u.sa, a->len) == 0 || errno == EAGAIN;
	close(fd);
	if (alive) {
		errno = EADDRINUSE;
		return false;
	}
	return unlink(a->u.un.sun_path) == 0;
}

static void
set_on(int fd, int level, int option, int value)
{
	/* Not one of these options is worth failing for. */
	if (setsockopt(fd, level, option, &value, sizeof(value)) != 0)
		return;
}

/*
 * SO_REUSEPORT would let a second server of the same user in beside the first: without it
 * the kernel says that the address is taken.
 */
static bool
is_taken(const struct address *a)
{
	int fd = socket(a->u.sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool taken;

	if (fd < 0)
		return false;
	set_on(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	if (a->u.sa.sa_family == AF_INET6)
		set_on(fd, IPPROTO_IPV6, IPV6_V6ONLY, !a->any);
	taken = bind(fd, &a->u.sa, a->len) != 0 && errno == EADDRINUSE;
	close(fd);
	return taken;
}

enum rc
listener_tcp_check(const struct listener_tcp *tcp, struct err *err)
{
	/* tcp_keepalive_timer() of the kernel gives up on the first probe that is not
	 * answered when TCP_USER_TIMEOUT has passed since the last byte: one lost packet
	 * would be the end. */
	if (tcp->keepalive_ms > 0 && tcp->dead_ms > 0 &&
	    tcp->dead_ms < tcp->keepalive_ms + UINT64_C(1000) * PROBE_S * PROBES)
		return err_set(err, RC_INVALID,
		               "tcp_dead_after must be %d seconds more than "
		               "tcp_keepalive, or one lost packet ends a connection",
		               PROBE_S * PROBES);
	return RC_OK;
}

static void
set_tcp(int fd, const struct listener_tcp *tcp)
{
	set_on(fd, SOL_SOCKET, SO_KEEPALIVE, tcp->keepalive_ms > 0);
	if (tcp->keepalive_ms > 0) {
		uint64_t s = (tcp->keepalive_ms + 999) / 1000;

		set_on(fd, IPPROTO_TCP, TCP_KEEPIDLE, s < 32767 ? (int)s : 32767);
		set_on(fd, IPPROTO_TCP, TCP_KEEPINTVL, PROBE_S);
		set_on(fd, IPPROTO_TCP, TCP_KEEPCNT, PROBES);
	}
	set_on(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, (int)tcp->dead_ms);
}

/* One bound and listening socket, or -1 with errno. */
static int
bind_one(const struct address *a, const struct listener_tcp *tcp)
{
	int family = a->u.sa.sa_family;
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int e;

	if (fd < 0)
		return -1;
	if (family != AF_UNIX) {
		set_on(fd, SOL_SOCKET, SO_REUSEADDR, 1);
		set_on(fd, SOL_SOCKET, SO_REUSEPORT, 1);
		/* Accepted sockets inherit these. */
		set_on(fd, IPPROTO_TCP, TCP_NODELAY, 1);
		if (tcp != NULL)
			set_tcp(fd, tcp);
	}
	if (family == AF_INET6)
		set_on(fd, IPPROTO_IPV6, IPV6_V6ONLY, !a->any);
	if ((family != AF_UNIX || clear_unix_path(a)) &&
	    bind(fd, &a->u.sa, a->len) == 0 && listen(fd, BACKLOG) == 0)
		return fd;
	e = errno;
	close(fd);
	errno = e;
	return -1;
}

enum rc
listener_bind(const char *address, const struct listener_tcp *tcp, size_t n, int *fds,
              size_t *ret_n, struct err *err)
{
	struct address a;

	if (!parse_address(address, &a))
		return err_set(err, RC_INVALID,
		               "%s: not an address to listen on, "
		               "like 127.0.0.1:143, [::1]:143, *:143 or unix:/path",
		               address);
	if (a.u.sa.sa_family == AF_UNIX)
		n = 1;
	else if (is_taken(&a))
		return err_set(err, RC_EXISTS, "%s: %s", address, strerror(EADDRINUSE));
	for (size_t i = 0; i < n; i++) {
		fds[i] = bind_one(&a, tcp);
		if (fds[i] < 0 && i == 0 && a.any && errno == EAFNOSUPPORT) {
			uint16_t port = ntohs(a.u.in6.sin6_port);

			a = (struct address){ 0 };
			use_in4(&a, port);
			fds[i] = bind_one(&a, tcp);
		}
		if (fds[i] < 0) {
			int e = errno;

			while (i-- > 0)
				close(fds[i]);
			return err_set(err,
			               e == EADDRINUSE ? RC_EXISTS
			               : e == EACCES   ? RC_DENIED
			                               : RC_IO,
			               "%s: %s", address, strerror(e));
		}
		/* Port 0: the others share the one that the first was given. */
		if (i == 0)
			getsockname(fds[0], &a.u.sa, &(socklen_t){ a.len });
	}
	*ret_n = n;
	return RC_OK;
}

/* --- accepting --- */

static void
on_pause_over(void *arg)
{
	struct door *d = arg;

	loop_watch_set(d->watch, LOOP_IO_READ);
}

static void
pause_accepting(struct door *d, int e)
{
	if (!d->complained)
		log_warn(NULL, "listener.pause", "loop=%s fd=%d error=%s",
		         loop_name(d->loop), d->fd, LOG_STR(span_str(strerror(e))));
	d->complained = true;
	loop_watch_set(d->watch, 0);
	loop_timer_set(&d->pause, PAUSE_MS);
}

/* accept(2): errors of the new connection come here too and concern nobody else. */
static bool
is_of_connection(int e)
{
	return e == ECONNABORTED || e == EINTR || e == EPROTO || e == EPERM ||
	       e == ENETDOWN || e == ENOPROTOOPT || e == EHOSTDOWN || e == ENONET ||
	       e == EHOSTUNREACH || e == EOPNOTSUPP || e == ENETUNREACH;
}

static void
on_ready(int fd, unsigned io UNUSED, void *arg)
{
	struct door *d = arg;
	struct listener *l = d->owner;

	for (int i = 0; i < ACCEPTS_A_TURN; i++) {
		if (l->hands_max > 0 && loop_heavy_waiting(d->loop) >= l->hands_max) {
			loop_watch_set(d->watch, 0);
			loop_timer_set(&d->pause, CROWD_MS);
			return;
		}
		int c = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (c >= 0) {
			d->complained = false;
			l->fn(d->loop, c, l->arg);
			continue;
		}
		if (errno == EAGAIN)
			return;
		if (!is_of_connection(errno)) {
			pause_accepting(d, errno);
			return;
		}
	}
}

static void
open_door(void *arg)
{
	struct door *d = arg;

	evutil_make_socket_nonblocking(d->fd); /* it may be systemd's */
	d->watch = loop_watch_new(d->loop, d->fd, on_ready, d);
	loop_timer_init(&d->pause, d->loop, on_pause_over, d);
	loop_watch_set(d->watch, LOOP_IO_READ);
}

static void
close_door(void *arg)
{
	struct door *d = arg;

	loop_timer_clear(&d->pause);
	loop_watch_free(d->watch);
	close(d->fd);
}

enum rc
listener_new(struct loops *ls, const int *fds, size_t n, size_t hands_max,
             listener_accept_fn *fn, void *arg, struct listener **ret)
{
	struct listener *l = xcalloc(1, sizeof(*l) + n * sizeof(l->doors[0]));

	l->loops = ls;
	l->fn = fn;
	l->arg = arg;
	l->hands_max = hands_max;
	l->n = n;
	for (size_t i = 0; i < n; i++) {
		struct door *d = &l->doors[i];

		d->owner = l;
		d->fd = fds[i];
		d->loop = loops_at(ls, i % loops_count(ls));
	}
	/* Before the first connection can come: callers may look at it in fn. */
	*ret = l;
	for (size_t i = 0; i < n; i++)
		loops_call(ls, i % loops_count(ls), open_door, &l->doors[i]);
	return RC_OK;
}

void
listener_free(struct listener *l)
{
	if (l == NULL)
		return;
	for (size_t i = 0; i < l->n; i++)
		loops_call(l->loops, i % loops_count(l->loops), close_door, &l->doors[i]);
	free(l);
}
