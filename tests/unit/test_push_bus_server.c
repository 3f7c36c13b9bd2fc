/* SPDX-License-Identifier: ISC
 *
 * test_push_bus_server.c - the bus over the servers that carry it: PostgreSQL when the
 * tests run on it, otherwise a nats-server that the test starts; killed and started
 * again.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/engine/pg_listen.h"
#include "tests/unit/engine_fixture.h"
#include "tests/unit/push_bus_fixture.h"

#define SKIPPED 77

struct bed {
	struct node a, b;
	/* PostgreSQL */
	char *conninfo;
	/* NATS */
	pid_t server;
	uint16_t port;
};

/* -- nats-server -- */

static const char *
nats_program(void)
{
	static const char *const paths[] = { "/usr/sbin/nats-server",
		                             "/usr/bin/nats-server",
		                             "/usr/local/bin/nats-server" };

	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		if (access(paths[i], X_OK) == 0)
			return paths[i];
	}
	return NULL;
}

static int
open_socket(struct sockaddr_in *address)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	address->sin_family = AF_INET;
	address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return fd;
}

static uint16_t
free_port(void)
{
	struct sockaddr_in address = { .sin_port = 0 };
	socklen_t n = sizeof(address);
	int fd = open_socket(&address);

	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &n), 0);
	close(fd);
	return ntohs(address.sin_port);
}

static bool
answers(uint16_t port)
{
	struct sockaddr_in address = { .sin_port = htons(port) };
	int fd = open_socket(&address);
	bool ok = connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0;

	close(fd);
	return ok;
}

static void
nats_start(struct bed *bed)
{
	char port[8];

	snprintf(port, sizeof(port), "%u", bed->port);
	bed->server = fork();
	assert_true(bed->server >= 0);
	if (bed->server == 0) {
		int null = open("/dev/null", O_RDWR);

		dup2(null, STDOUT_FILENO);
		dup2(null, STDERR_FILENO);
		execl(nats_program(), "nats-server", "-a", "127.0.0.1", "-p", port,
		      (char *)NULL);
		_exit(127);
	}
	while (!answers(bed->port)) {
		/* The port may be somebody else's by now: then the test fails. */
		assert_int_equal(waitpid(bed->server, NULL, WNOHANG), 0);
		nap();
	}
}

static void
nats_kill(struct bed *bed)
{
	if (bed->server <= 0)
		return;
	kill(bed->server, SIGKILL);
	waitpid(bed->server, NULL, 0);
	bed->server = 0;
}

/* -- the bed -- */

static bool
is_pg(void)
{
	return engine_fixture_is_pg();
}

static struct push_bus_driver *
driver_new(struct bed *bed)
{
	struct push_bus_driver *d = NULL;

	if (is_pg())
		return push_bus_pg_new(bed->conninfo, "godwit_wake");
	char url[64];
	const struct push_bus_nats_conf conf = {
		.url = url,
		.subject = "test.wake",
		.ca = "",
		.certificate = "",
		.key = "",
		.server_name = "",
	};
	struct err err = { "" };

	snprintf(url, sizeof(url), "nats://127.0.0.1:%u", bed->port);
	assert_int_equal(push_bus_nats_new(&conf, &d, &err), RC_OK);
	return d;
}

static void
start_node(struct bed *bed, struct node *n)
{
	const struct push_bus_options o = { .driver = driver_new(bed) };

	node_start(n, &o);
}

static int
set_up(void **state)
{
	struct bed *bed = xcalloc(1, sizeof(*bed));

	for (size_t i = 0; i < USERS; i++)
		atomic_store(&counters.of[i], 0);
	if (is_pg()) {
		bed->conninfo = engine_fixture_make();
	} else {
		bed->port = free_port();
		nats_start(bed);
	}
	start_node(bed, &bed->a);
	start_node(bed, &bed->b);
	node_wait_up(&bed->a, 1);
	node_wait_up(&bed->b, 1);
	*state = bed;
	return 0;
}

static int
tear_down(void **state)
{
	struct bed *bed = *state;

	node_stop(&bed->a);
	node_stop(&bed->b);
	engine_fixture_drop(bed->conninfo);
	nats_kill(bed);
	free(bed);
	return 0;
}

/* Its shard is subscribed to, and compared on that. */
static void
start_waiter(struct waiter *w, struct node *n, uint64_t user)
{
	uint64_t rounds = node_stats(n).compare.rounds;

	waiter_start(w, n, user);
	push_wait_saw(w->w, atomic_load(&counters.of[user]));
	if (!is_pg())
		wait_until(node_stats(n).compare.rounds > rounds);
}

static void
break_connections(struct bed *bed)
{
	if (is_pg())
		engine_fixture_sql(
			bed->conninfo,
			"SELECT pg_terminate_backend(pid) FROM"
			" pg_stat_activity WHERE application_name = 'godwit bus'"
			" AND datname = current_database()");
	else
		nats_kill(bed);
}

static void
mend(struct bed *bed)
{
	if (!is_pg())
		nats_start(bed);
}

/* -- tests -- */

static void
a_commit_wakes_on_the_other_node_and_back(void **state)
{
	struct bed *bed = *state;
	struct waiter on_a, on_b;

	start_waiter(&on_b, &bed->b, 1);
	start_waiter(&on_a, &bed->a, 2);
	for (unsigned i = 1; i <= 20; i++) {
		commit(&bed->a, 1);
		waiter_wait(&on_b, i);
		commit(&bed->b, 2);
		waiter_wait(&on_a, i);
	}
	assert_int_equal(node_stats(&bed->a).gaps, 0);
	assert_int_equal(node_stats(&bed->b).gaps, 0);
	assert_int_equal(node_stats(&bed->b).unreadable, 0);
	waiter_stop(&on_a);
	waiter_stop(&on_b);
}

static void
thousands_of_changes_come_over(void **state)
{
	struct bed *bed = *state;
	struct store_moved moved[4000];
	struct waiter w[USERS];

	for (uint64_t i = 1; i < USERS; i++)
		waiter_start(&w[i], &bed->b, i);
	if (!is_pg())
		wait_until(node_stats(&bed->b).shards > USERS / 2);
	for (size_t i = 0; i < ARRAY_LEN(moved); i++)
		moved[i] = (struct store_moved){
			.user = 1 + i % (USERS - 1),
			.collection = (uint32_t)(UINT32_MAX - i / (USERS - 1)),
			.modseq = UINT64_MAX - i,
			.device = UINT32_MAX,
		};
	push_publish(moved, ARRAY_LEN(moved), bed->a.push);
	for (uint64_t i = 1; i < USERS; i++) {
		waiter_wait(&w[i], 1);
		waiter_stop(&w[i]);
	}
	wait_until(node_stats(&bed->a).sent_changes == ARRAY_LEN(moved));
	assert_int_equal(node_stats(&bed->a).lost, 0);
}

static void
what_happened_while_the_server_was_away_wakes_after(void **state)
{
	struct bed *bed = *state;
	struct waiter w;

	start_waiter(&w, &bed->b, 1);
	for (unsigned i = 1; i <= 3; i++) {
		unsigned woken = waiter_woken(&w);

		/* Nobody tells of it. */
		push_wait_saw(w.w, i);
		break_connections(bed);
		atomic_store(&counters.of[1], i + 1);
		mend(bed);
		waiter_wait(&w, woken + 1);
		node_wait_up(&bed->a, i + 1);
		node_wait_up(&bed->b, i + 1);
	}
	push_wait_saw(w.w, 4);
	unsigned woken = waiter_woken(&w);
	commit(&bed->a, 1);
	waiter_wait(&w, woken + 1);
	waiter_stop(&w);
}

static void
what_is_not_ours_is_survived(void **state)
{
	struct bed *bed = *state;
	struct waiter w;

	if (!is_pg())
		skip(); /* there is no client at hand to say it */
	start_waiter(&w, &bed->b, 1);
	engine_fixture_sql(bed->conninfo, "NOTIFY godwit_wake");
	engine_fixture_sql(bed->conninfo, "NOTIFY godwit_wake, 'hello'");
	engine_fixture_sql(bed->conninfo, "NOTIFY godwit_wake, 'V2hhdCBpcyB0aGlzPw=='");
	wait_until(node_stats(&bed->b).unreadable == 3);
	unsigned woken = waiter_woken(&w);
	commit(&bed->a, 1);
	waiter_wait(&w, woken + 1);
	assert_int_equal(node_stats(&bed->b).connects, 1);
	waiter_stop(&w);
}

static void
a_server_that_cannot_be_reached_holds_up_nothing(void **state)
{
	(void)state;
	struct bed nowhere = { .port = free_port() };
	struct waiter w;

	if (is_pg())
		nowhere.conninfo = xstrdup("host=/nowhere dbname=none");
	start_node(&nowhere, &nowhere.a);
	waiter_start(&w, &nowhere.a, 1);
	commit(&nowhere.a, 1); /* the node's own devices need no bus */
	waiter_wait(&w, 1);
	waiter_stop(&w);
	assert_false(node_stats(&nowhere.a).connected);
	node_stop(&nowhere.a);
	free(nowhere.conninfo);
}

/* -- servers that are none -- */

struct liar {
	pthread_t thread;
	int fd;
	const char *says; /* to each who comes; NULL: nothing, and he stays connected */
	atomic_int came;
};

static void *
lie(void *arg)
{
	struct liar *l = arg;
	int held[64], n = 0, fd;

	while ((fd = accept(l->fd, NULL, NULL)) >= 0) {
		ssize_t w = l->says ? write(fd, l->says, strlen(l->says)) : 0;

		(void)w;
		held[n++ % 64] = fd;
		atomic_fetch_add(&l->came, 1);
		assert_true(n < 64);
	}
	while (n > 0)
		close(held[--n]);
	return NULL;
}

static uint16_t
liar_start(struct liar *l, const char *says)
{
	struct sockaddr_in address = { .sin_port = 0 };
	socklen_t n = sizeof(address);

	*l = (struct liar){ .fd = open_socket(&address), .says = says };
	assert_int_equal(bind(l->fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(l->fd, 64), 0);
	assert_int_equal(getsockname(l->fd, (struct sockaddr *)&address, &n), 0);
	pthread_create(&l->thread, NULL, lie, l);
	return ntohs(address.sin_port);
}

static void
liar_stop(struct liar *l)
{
	shutdown(l->fd, SHUT_RDWR);
	pthread_join(l->thread, NULL);
	close(l->fd);
}

static void
what_is_no_nats_server_is_left_and_tried_again(void **state)
{
	(void)state;
	static const char *const lies[] = {
		"HTTP/1.1 400 Bad Request\r\n\r\n",
		"INFO {}\r\n-ERR 'Authorization Violation'\r\n",
		"INFO {\"tls_required\":true}\r\n",
		"MSG a 1 99999999\r\n",
		NULL, /* and says nothing: the stop does not wait for it */
	};

	if (is_pg())
		skip();
	for (size_t i = 0; i < ARRAY_LEN(lies); i++) {
		struct bed bed = { 0 };
		struct liar l;

		bed.port = liar_start(&l, lies[i]);
		start_node(&bed, &bed.a);
		wait_until(atomic_load(&l.came) >= (lies[i] ? 3 : 1));
		assert_false(node_stats(&bed.a).connected);
		node_stop(&bed.a);
		liar_stop(&l);
	}
}

static void
a_payload_over_the_limit_is_refused_and_harms_nothing(void **state)
{
	struct bed *bed = *state;
	const struct pg_listen_conf conf = { .conninfo = bed->conninfo,
		                             .channel = "other",
		                             .stop_fd = -1 };
	struct pg_listen *l = NULL;
	char *text;

	if (!is_pg())
		skip();
	text = xcalloc(1, PG_LISTEN_PAYLOAD_MAX + 2);
	memset(text, 'x', PG_LISTEN_PAYLOAD_MAX + 1);
	assert_int_equal(pg_listen_open(&conf, &l, NULL), RC_OK);
	assert_int_equal(pg_listen_notify(l, text, NULL), RC_TOO_BIG);
	text[PG_LISTEN_PAYLOAD_MAX] = '\0';
	pg_listen_close(l);
	free(text);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_commit_wakes_on_the_other_node_and_back),
		TEST(thousands_of_changes_come_over),
		TEST(what_happened_while_the_server_was_away_wakes_after),
		TEST(what_is_not_ours_is_survived),
		TEST(a_payload_over_the_limit_is_refused_and_harms_nothing),
		cmocka_unit_test(what_is_no_nats_server_is_left_and_tried_again),
		cmocka_unit_test(a_server_that_cannot_be_reached_holds_up_nothing),
	};

	if (!is_pg() && !nats_program()) {
		fprintf(stderr, "skipped: nats-server is not installed\n");
		return SKIPPED;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
