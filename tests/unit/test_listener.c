/* SPDX-License-Identifier: ISC
 *
 * test_listener.c - binding of addresses and accepting on loops.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/listener.h"
#include "base/log.h"
#include "base/loop_private.h"

static struct loops *loops;
static atomic_uint accepted;
static atomic_uint wrong;
static atomic_uint pauses;

static int
start_loops(void **state UNUSED)
{
	atomic_store(&accepted, 0);
	atomic_store(&wrong, 0);
	return loops_new(2, &loops) == RC_OK ? 0 : -1;
}

static int
stop_loops(void **state UNUSED)
{
	loops_free(loops);
	return 0;
}

/* Greets and hangs up. */
static void
greet(struct loop *l, int fd, void *arg UNUSED)
{
	if (loop_current() != l || !(fcntl(fd, F_GETFL) & O_NONBLOCK) ||
	    !(fcntl(fd, F_GETFD) & FD_CLOEXEC))
		atomic_fetch_add(&wrong, 1);
	atomic_fetch_add(&accepted, 1);
	if (write(fd, "hi", 2) != 2)
		atomic_fetch_add(&wrong, 1);
	close(fd);
}

static int
connect_to(const struct sockaddr *sa, socklen_t n)
{
	int fd = socket(sa->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	if (connect(fd, sa, n) != 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static bool
is_greeted(int fd)
{
	char got[4];
	bool ok = recv(fd, got, sizeof(got), MSG_WAITALL) == 2;

	close(fd);
	return ok;
}

static struct sockaddr_storage
address_of(int fd)
{
	struct sockaddr_storage ss;

	assert_int_equal(
		getsockname(fd, (struct sockaddr *)&ss, &(socklen_t){ sizeof(ss) }), 0);
	return ss;
}

static struct listener *
listen_on(const int *fds, size_t n)
{
	struct listener *l;

	assert_int_equal(listener_new(loops, fds, n, 0, greet, NULL, &l), RC_OK);
	return l;
}

static int
tcp_option(int fd, int level, int option)
{
	int value = -1;

	assert_int_equal(
		getsockopt(fd, level, option, &value, &(socklen_t){ sizeof(value) }), 0);
	return value;
}

/* What an accepted connection has of the address's options. */
static void
accepted_connections_inherit_what_tcp_shall_do(void **state UNUSED)
{
	const struct listener_tcp tcp = { .keepalive_ms = 240000, .dead_ms = 360000 };
	struct sockaddr_storage to;
	int fd, c, got;
	size_t n;

	assert_int_equal(listener_bind("127.0.0.1:0", &tcp, 1, &fd, &n, NULL), RC_OK);
	to = address_of(fd);
	c = connect_to((struct sockaddr *)&to, sizeof(struct sockaddr_in));
	assert_true(c >= 0);
	assert_int_equal(poll(&(struct pollfd){ .fd = fd, .events = POLLIN }, 1, 20000),
	                 1);
	got = accept(fd, NULL, NULL);
	assert_true(got >= 0);
	assert_int_equal(tcp_option(got, SOL_SOCKET, SO_KEEPALIVE), 1);
	assert_int_equal(tcp_option(got, IPPROTO_TCP, TCP_KEEPIDLE), 240);
	assert_int_equal(tcp_option(got, IPPROTO_TCP, TCP_KEEPINTVL), 30);
	assert_int_equal(tcp_option(got, IPPROTO_TCP, TCP_KEEPCNT), 3);
	assert_int_equal(tcp_option(got, IPPROTO_TCP, TCP_USER_TIMEOUT), 360000);
	assert_int_equal(tcp_option(got, IPPROTO_TCP, TCP_NODELAY), 1);
	close(got);
	close(c);
	close(fd);
}

static void
one_lost_probe_must_not_end_a_connection(void **state UNUSED)
{
	static const struct {
		struct listener_tcp tcp;
		enum rc want;
	} cases[] = {
		{ { 240000, 360000 }, RC_OK },
		{ { 240000, 330000 }, RC_OK },
		{ { 240000, 329999 }, RC_INVALID },
		{ { 240000, 0 }, RC_OK },
		{ { 0, 1000 }, RC_OK },
		{ { 0, 0 }, RC_OK },
	};
	struct err err;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		print_message("case %zu\n", i);
		assert_int_equal(listener_tcp_check(&cases[i].tcp, &err), cases[i].want);
	}
}

static void
connections_are_accepted_on_every_loop(void **state UNUSED)
{
	struct sockaddr_storage to, other;
	struct listener *l;
	int fds[2], one = 0;
	size_t n;

	assert_int_equal(listener_bind("127.0.0.1:0", NULL, 2, fds, &n, NULL), RC_OK);
	assert_int_equal(n, 2);
	to = address_of(fds[0]);
	/* Port 0: both got the same. */
	other = address_of(fds[1]);
	assert_int_equal(((struct sockaddr_in *)&to)->sin_port,
	                 ((struct sockaddr_in *)&other)->sin_port);
	getsockopt(fds[0], IPPROTO_TCP, TCP_NODELAY, &one, &(socklen_t){ sizeof(one) });
	assert_int_not_equal(one, 0);
	l = listen_on(fds, n);
	for (int i = 0; i < 200; i++) {
		int fd = connect_to((struct sockaddr *)&to, sizeof(struct sockaddr_in));

		assert_true(fd >= 0);
		assert_true(is_greeted(fd));
	}
	listener_free(l);
	assert_int_equal(atomic_load(&accepted), 200);
	assert_int_equal(atomic_load(&wrong), 0);
	assert_int_equal(connect_to((struct sockaddr *)&to, sizeof(struct sockaddr_in)),
	                 -1);
}

static void
a_star_takes_ipv4_and_ipv6(void **state UNUSED)
{
	struct sockaddr_in in4 = { .sin_family = AF_INET };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6,
		                    .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	struct sockaddr_storage ss;
	struct listener *l;
	int fds[1], fd;
	size_t n;

	assert_int_equal(listener_bind("*:0", NULL, 1, fds, &n, NULL), RC_OK);
	ss = address_of(fds[0]);
	in4.sin_port = in6.sin6_port = ((struct sockaddr_in *)&ss)->sin_port;
	inet_pton(AF_INET, "127.0.0.1", &in4.sin_addr);
	l = listen_on(fds, n);
	fd = connect_to((struct sockaddr *)&in4, sizeof(in4));
	assert_true(fd >= 0);
	assert_true(is_greeted(fd));
	if (ss.ss_family == AF_INET6) {
		fd = connect_to((struct sockaddr *)&in6, sizeof(in6));
		assert_true(fd >= 0);
		assert_true(is_greeted(fd));
	}
	listener_free(l);
}

static void
a_unix_socket_replaces_a_dead_one_only(void **state UNUSED)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	char dir[] = "/tmp/godwit-listener-XXXXXX";
	char address[128];
	struct listener *l;
	struct err err = { "" };
	int fds[4], more[4], fd;
	size_t n;

	assert_non_null(mkdtemp(dir));
	snprintf(un.sun_path, sizeof(un.sun_path), "%s/sock", dir);
	snprintf(address, sizeof(address), "unix:%s/sock", dir);
	assert_int_equal(listener_bind(address, NULL, 4, fds, &n, &err), RC_OK);
	assert_int_equal(n, 1);
	/* Somebody listens there. */
	assert_int_equal(listener_bind(address, NULL, 1, more, &n, &err), RC_EXISTS);
	assert_non_null(strstr(err.text, address));
	l = listen_on(fds, 1);
	fd = connect_to((struct sockaddr *)&un, sizeof(un));
	assert_true(fd >= 0);
	assert_true(is_greeted(fd));
	listener_free(l);
	/* The file is left over, its server is not. */
	assert_int_equal(listener_bind(address, NULL, 1, fds, &n, &err), RC_OK);
	close(fds[0]);
	assert_int_equal(unlink(un.sun_path), 0);
	/* No socket: not ours to take away. */
	fd = open(un.sun_path, O_CREAT | O_WRONLY, 0600);
	close(fd);
	assert_int_equal(listener_bind(address, NULL, 1, fds, &n, &err), RC_IO);
	assert_int_equal(unlink(un.sun_path), 0);
	assert_int_equal(rmdir(dir), 0);
}

static void
an_address_in_use_is_said_so(void **state UNUSED)
{
	char address[64];
	struct sockaddr_storage ss;
	struct err err = { "" };
	int fds[1], more[2];
	size_t n;

	assert_int_equal(listener_bind("127.0.0.1:0", NULL, 1, fds, &n, NULL), RC_OK);
	ss = address_of(fds[0]);
	snprintf(address, sizeof(address), "127.0.0.1:%u",
	         ntohs(((struct sockaddr_in *)&ss)->sin_port));
	/* Though SO_REUSEPORT would allow it. */
	assert_int_equal(listener_bind(address, NULL, 2, more, &n, &err), RC_EXISTS);
	assert_non_null(strstr(err.text, address));
	close(fds[0]);
	assert_int_equal(listener_bind(address, NULL, 2, more, &n, &err), RC_OK);
	close(more[0]);
	close(more[1]);
}

static void
what_is_no_address_is_refused(void **state UNUSED)
{
	static const char *const bad[] = {
		"",
		"143",
		"127.0.0.1",
		"127.0.0.1:",
		":143",
		"host:143",
		"127.0.0.1:65536",
		"127.0.0.1:-1",
		"[::1:143",
		"::1:143",
		"[127.0.0.1]:143",
		"127.0.0.1:14 3",
		"unix:",
		"*",
		"[::1]143",
		"[]:1",
		"1.2.3.4.5:6",
		"300.0.0.1:143",
	};
	struct err err = { "" };
	int fds[1];
	size_t n;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		if (listener_bind(bad[i], NULL, 1, fds, &n, &err) != RC_INVALID)
			fail_msg("taken: \"%s\"", bad[i]);
	}
}

static void
count_pauses(enum log_level level UNUSED, const char *line, void *arg UNUSED)
{
	if (strstr(line, "listener.pause") != NULL)
		atomic_fetch_add(&pauses, 1);
}

static void
without_file_descriptors_accepting_pauses_and_goes_on(void **state UNUSED)
{
	struct rlimit before, tight;
	struct sockaddr_storage to;
	struct listener *l;
	int fds[1], client, spare;
	size_t n;

	assert_int_equal(listener_bind("127.0.0.1:0", NULL, 1, fds, &n, NULL), RC_OK);
	to = address_of(fds[0]);
	l = listen_on(fds, n);
	client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	atomic_store(&pauses, 0);
	log_set_sink(count_pauses, NULL);
	/* The next free number is over the limit. */
	spare = dup(client);
	close(spare);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	tight = (struct rlimit){ (rlim_t)spare, before.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &tight), 0);
	assert_int_equal(
		connect(client, (struct sockaddr *)&to, sizeof(struct sockaddr_in)), 0);
	while (atomic_load(&pauses) == 0)
		poll(NULL, 0, 1);
	assert_int_equal(atomic_load(&accepted), 0);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_true(is_greeted(client));
	assert_int_equal(atomic_load(&accepted), 1);
	assert_int_equal(atomic_load(&pauses), 1);
	log_set_sink(NULL, NULL);
	listener_free(l);
}

/* Work that is always there until it is told to end. */
struct burden {
	struct loop *loop;
	struct loop_soon turn;
	atomic_bool over;
};

static void
go_on(struct loop_soon *x)
{
	struct burden *b = (struct burden *)((char *)x - offsetof(struct burden, turn));

	if (!atomic_load(&b->over))
		loop_heavy(b->loop, x, false);
}

static void
begin_burden(void *arg)
{
	struct burden *b = arg;

	loop_soon_init(&b->turn, go_on);
	loop_heavy(b->loop, &b->turn, false);
}

static void
nothing(void *arg UNUSED)
{
}

static void
a_crowd_waits_in_the_systems_queue(void **state UNUSED)
{
	struct burden burdens[2] = { { .loop = loops_at(loops, 0) },
		                     { .loop = loops_at(loops, 1) } };
	struct sockaddr_storage to;
	struct listener *l;
	int fds[2], clients[8];
	size_t n;

	assert_int_equal(listener_bind("127.0.0.1:0", NULL, 2, fds, &n, NULL), RC_OK);
	to = address_of(fds[0]);
	for (size_t i = 0; i < 2; i++)
		loops_call(loops, i, begin_burden, &burdens[i]);
	assert_int_equal(listener_new(loops, fds, n, 1, greet, NULL, &l), RC_OK);
	for (size_t i = 0; i < 8; i++) {
		clients[i] =
			connect_to((struct sockaddr *)&to, sizeof(struct sockaddr_in));
		assert_true(clients[i] >= 0);
	}
	for (size_t i = 0; i < 20; i++)
		loops_call(loops, i % 2, nothing, NULL);
	assert_int_equal(atomic_load(&accepted), 0);
	for (size_t i = 0; i < 2; i++)
		atomic_store(&burdens[i].over, true);
	for (size_t i = 0; i < 8; i++)
		assert_true(is_greeted(clients[i]));
	listener_free(l);
}

#define T(f) cmocka_unit_test_setup_teardown(f, start_loops, stop_loops)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(connections_are_accepted_on_every_loop),
		T(accepted_connections_inherit_what_tcp_shall_do),
		T(one_lost_probe_must_not_end_a_connection),
		T(a_star_takes_ipv4_and_ipv6),
		T(a_unix_socket_replaces_a_dead_one_only),
		T(an_address_in_use_is_said_so),
		T(what_is_no_address_is_refused),
		T(without_file_descriptors_accepting_pauses_and_goes_on),
		T(a_crowd_waits_in_the_systems_queue),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
