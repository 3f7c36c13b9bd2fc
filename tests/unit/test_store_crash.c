/* SPDX-License-Identifier: ISC
 *
 * test_store_crash.c - kill -9 at any moment: what was acknowledged is there, once.
 *
 * A child writes with several threads and says through a pipe what it was told is
 * durable; it is killed at a random moment; the store is opened again and must hold all
 * of that, and be whole. The store of the rounds before is written on.
 */
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "store/store_deliver.h"
#include "tests/unit/store_fixture.h"

#define ROUNDS 24
#define USERS 5
#define THREADS 4

struct ack {
	uint32_t user; /* index */
	uint32_t uid;
	uint64_t number; /* in the content */
	bool expunged;
};

struct child {
	struct fixture *f;
	uint64_t users[USERS];
	int pipe;
	uint64_t first;
};

static struct child child;

static void
say(struct ack a)
{
	if (write(child.pipe, &a, sizeof(a)) != (ssize_t)sizeof(a))
		_exit(1);
}

static void
must(enum rc rc)
{
	if (rc) {
		fprintf(stderr, "child: %s\n", rc_str(rc));
		_exit(1);
	}
}

/* Adds to one user, or delivers to all; every fourth is expunged again. */
static void *
write_for_ever(void *arg)
{
	uint64_t number = child.first + (uint64_t)(uintptr_t)arg * 1000000;

	for (;; number++) {
		struct store_content *content = NULL;
		struct store_delivery d[USERS];
		size_t n = number % 3 == 0 ? USERS : 1;
		size_t size = number % 5 == 0 ? 40000 : 3000; /* in a file, in the row */
		char *text = xmalloc(size);

		memset(text, 'x', size);
		snprintf(text, size, "%llu", (unsigned long long)number);
		must(store_content_new(child.f->s, span_of(text, size), SPAN(""),
		                       &content));
		free(text);
		for (size_t i = 0; i < n; i++)
			d[i] = (struct store_delivery){
				.user = child.users[(number + i) % USERS],
				.folder = STORE_ROLE_INBOX,
			};
		must(store_deliver(child.f->s, content, NULL, 1, d, n));
		for (size_t i = 0; i < n; i++)
			say((struct ack){ (uint32_t)((number + i) % USERS), d[i].uid,
			                  number, false });
		store_content_free(content);
		if (number % 4 == 0) {
			struct store_tx *tx = NULL;

			must(store_write(child.f->s, d[0].user, NULL, &tx));
			must(store_item_expunge(tx, 1, d[0].uid));
			must(store_commit(&tx));
			say((struct ack){ (uint32_t)(number % USERS), d[0].uid, number,
			                  true });
		}
	}
	return NULL;
}

static void
child_main(void)
{
	pthread_t t[THREADS];

	fixture_open(child.f);
	for (uintptr_t i = 0; i < THREADS; i++) {
		if (pthread_create(&t[i], NULL, write_for_ever, (void *)i) != 0)
			_exit(1);
	}
	pthread_join(t[0], NULL);
	_exit(1);
}

struct known {
	struct ack *acks;
	size_t n;
	size_t cap;
};

static void
run_and_kill(struct known *k, uint64_t after_acks, unsigned after_us)
{
	int fd[2];
	pid_t pid;
	int status;
	struct ack a;
	size_t start = k->n;
	bool killed = false;

	assert_int_equal(pipe(fd), 0);
	child.pipe = fd[1];
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		close(fd[0]);
		child_main();
	}
	close(fd[1]);
	while (read(fd[0], &a, sizeof(a)) == (ssize_t)sizeof(a)) {
		if (k->n == k->cap) {
			k->cap = k->cap ? k->cap * 2 : 1024;
			k->acks = xreallocarray(k->acks, k->cap, sizeof(*k->acks));
		}
		k->acks[k->n++] = a;
		if (!killed && k->n - start >= after_acks) {
			usleep(after_us);
			kill(pid, SIGKILL);
			killed = true;
		}
	}
	close(fd[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

/* What the store holds of one user: contents by uid. */
struct held {
	uint64_t numbers[100000];
	struct store_tx *tx;
	size_t n;
};

static bool
hold(const struct store_item *it, void *arg)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);
	struct held *h = arg;

	assert_true(it->uid < ARRAY_LEN(h->numbers));
	assert_ok(store_content_read(h->tx, it->content, 0, 20, &b));
	buf_add_char(&b, 0);
	h->numbers[it->uid] = strtoull(b.p, NULL, 10) + 1;
	h->n++;
	return true;
}

static void
check_user(struct fixture *f, const struct known *k, uint32_t user)
{
	static struct held h;
	static bool gone[ARRAY_LEN(h.numbers)];

	memset(&h, 0, sizeof(h));
	memset(gone, 0, sizeof(gone));
	assert_ok(store_read(f->s, child.users[user], &h.tx));
	assert_ok(store_item_each(h.tx, 1, 1, UINT32_MAX, hold, &h));
	assert_ok(store_commit(&h.tx));
	for (size_t i = 0; i < k->n; i++) {
		if (k->acks[i].user == user && k->acks[i].expunged)
			gone[k->acks[i].uid] = true;
	}
	for (size_t i = 0; i < k->n; i++) {
		const struct ack *a = &k->acks[i];

		if (a->user != user || a->expunged)
			continue;
		if (gone[a->uid]) {
			assert_int_equal(h.numbers[a->uid], 0);
		} else if (h.numbers[a->uid] != a->number + 1 &&
		           /* Its expunge may have been durable and not yet said. */
		           !(a->number % 4 == 0 && h.numbers[a->uid] == 0)) {
			fail_msg("user %u: uid %u holds %llu, not %llu", user, a->uid,
			         (unsigned long long)h.numbers[a->uid],
			         (unsigned long long)a->number + 1);
		}
	}
	fixture_check(f, child.users[user]);
}

static void
what_was_acknowledged_survives_kill_at_any_moment(void **state)
{
	struct fixture *f = *state;
	struct known k = { 0 };
	struct err err = { "" };
	unsigned seed = 12345;

	child.f = f;
	for (uint32_t i = 0; i < USERS; i++) {
		char name[16];

		snprintf(name, sizeof(name), "u%u", i);
		child.users[i] = fixture_user(f, name);
	}
	for (int round = 0; round < ROUNDS; round++) {
		seed = seed * 1664525 + 1013904223;
		child.first = 1 + (uint64_t)round * 10000000;
		fixture_close(f);
		run_and_kill(&k, 1 + seed % 97, (seed >> 8) % 3000);
		fixture_open(f);
		for (uint32_t i = 0; i < USERS; i++)
			check_user(f, &k, i);
	}
	assert_ok(store_check(f->s, &err));
	assert_true(k.n > ROUNDS);
	free(k.acks);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			what_was_acknowledged_survives_kill_at_any_moment, fixture_setup,
			fixture_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
