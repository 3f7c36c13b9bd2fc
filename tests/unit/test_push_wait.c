/* SPDX-License-Identifier: ISC
 *
 * test_push_wait.c - waiters are woken by what they wait for, once a burst, and not lost.
 */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/loops.h"
#include "base/mem.h"
#include "push/push_wait.h"

struct fixture {
	struct push *push;
	struct loop *loop;
};

struct seen {
	int changed;
	int deadline;
	struct push_wait *free_inside;
};

static int
set_up(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));
	clock_fake_start(1000000);
	if (loop_new("test", &f->loop) != RC_OK || push_new(&f->push) != RC_OK)
		return -1;
	*state = f;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *f = *state;
	loop_run_once(f->loop, false);
	push_free(f->push);
	loop_free(f->loop);
	clock_fake_stop();
	free(f);
	return 0;
}

static void
on_wake(enum push_wake why, void *arg)
{
	struct seen *seen = arg;
	if (why == PUSH_WAKE_CHANGED)
		seen->changed++;
	else
		seen->deadline++;
	push_wait_free(TAKE(seen->free_inside));
}

static struct push_wait_spec
spec_for(struct fixture *f, struct seen *seen)
{
	return (struct push_wait_spec){
		.user = 7, .loop = f->loop, .fn = on_wake, .arg = seen
	};
}

static void
publish(struct fixture *f, uint64_t user, uint32_t collection, uint32_t device)
{
	struct store_moved moved = {
		.user = user, .collection = collection, .device = device, .modseq = 5
	};
	push_publish(&moved, 1, f->push);
}

static void
turns(struct fixture *f)
{
	for (int i = 0; i < 4; i++)
		loop_run_once(f->loop, false);
}

static void
only_what_is_waited_for_wakes(void **state)
{
	struct fixture *f = *state;
	struct seen seen = { 0 };
	uint32_t collections[] = { 0, 4 };
	struct push_wait_spec spec = spec_for(f, &seen);
	spec.collections = collections;
	spec.n_collections = 2;
	spec.repeat = true;
	struct push_wait *w = push_wait_new(f->push, &spec);
	assert_int_equal(push_waiting(f->push), 1);

	publish(f, 7, 5, 0);
	publish(f, 8, 4, 0);
	turns(f);
	assert_int_equal(seen.changed, 0);
	publish(f, 7, 4, 0);
	assert_int_equal(seen.changed, 0); /* never from inside the publication */
	turns(f);
	assert_int_equal(seen.changed, 1);
	publish(f, 7, 0, 0); /* the folder tree */
	turns(f);
	assert_int_equal(seen.changed, 2);
	push_wait_free(w);
	assert_int_equal(push_waiting(f->push), 0);
}

static void
access_that_moves_wakes_whatever_is_waited_for(void **state)
{
	struct fixture *f = *state;
	struct seen seen = { 0 };
	uint32_t collections[] = { 4 };
	struct push_wait_spec spec = spec_for(f, &seen);
	uint32_t moves = push_access_moves(f->push);
	spec.collections = collections;
	spec.n_collections = 1;
	spec.not_by_device = 3;
	spec.repeat = true;
	struct push_wait *w = push_wait_new(f->push, &spec);

	publish(f, 7, 5, 0);
	publish(f, 8, STORE_MOVED_ACCESS, 0);
	turns(f);
	assert_int_equal(seen.changed, 0);
	assert_true(push_access_moves(f->push) != moves); /* somebody's */
	moves = push_access_moves(f->push);
	push_wait_saw(w, 100); /* of the store's changes, which says nothing of access */
	publish(f, 7, STORE_MOVED_ACCESS, 3);
	turns(f);
	assert_int_equal(seen.changed, 1);
	assert_true(push_access_moves(f->push) != moves);
	moves = push_access_moves(f->push);
	publish(f, 7, 4, 0);
	turns(f);
	assert_int_equal(seen.changed, 1);
	assert_int_equal(push_access_moves(f->push), moves);
	push_wait_free(w);
}

static void
no_collections_mean_everything_of_the_user(void **state)
{
	struct fixture *f = *state;
	struct seen seen = { 0 };
	struct push_wait_spec spec = spec_for(f, &seen);
	struct push_wait *w = push_wait_new(f->push, &spec);
	publish(f, 7, 99, 0);
	turns(f);
	assert_int_equal(seen.changed, 1);
	push_wait_free(w);
}

static void
a_device_is_not_woken_by_itself(void **state)
{
	struct fixture *f = *state;
	struct seen seen = { 0 };
	struct push_wait_spec spec = spec_for(f, &seen);
	spec.not_by_device = 3;
	struct push_wait *w = push_wait_new(f->push, &spec);
	publish(f, 7, 1, 3);
	turns(f);
	assert_int_equal(seen.changed, 0);
	publish(f, 7, 1, 2);
	turns(f);
	assert_int_equal(seen.changed, 1);
	push_wait_free(w);
}

static void
what_a_waiter_has_seen_does_not_wake_it(void **state)
{
	struct fixture *f = *state;
	struct seen seen = { 0 };
	struct push_wait_spec spec = spec_for(f, &seen);
	spec.repeat = true;
	struct push_wait *w = push_wait_new(f->push, &spec);
	push_wait_saw(w, 5);
	push_wait_saw(w, 4); /* it does not go back */
	publish(f, 7, 1, 0);
	turns(f);
	assert_int_equal(seen.changed, 0);
	struct store_moved moved[] = { { .user = 7, .collection = 1, .modseq = 5 },
		                       { .user = 7, .collection = 2, .modseq = 6 } };
	push_publish(moved, ARRAY_LEN(moved), f->push);
	turns(f);
	assert_int_equal(seen.changed, 1);
	push_wait_free(w);
}

static void
a_waiter_that_does_not_repeat_is_called_once(void **state)
{
	struct fixture *f = *state;
	struct seen seen = { 0 };
	struct push_wait_spec spec = spec_for(f, &seen);
	spec.timeout_ms = 100;
	struct push_wait *w = push_wait_new(f->push, &spec);
	turns(f);
	publish(f, 7, 1, 0);
	turns(f);
	publish(f, 7, 1, 0);
	clock_fake_advance(1000);
	turns(f);
	assert_int_equal(seen.changed, 1);
	assert_int_equal(seen.deadline, 0);
	assert_int_equal(push_waiting(f->push), 0);
	push_wait_free(w);
}

static void
the_deadline_comes_at_its_time(void **state)
{
	struct fixture *f = *state;
	struct seen seen = { 0 };
	struct push_wait_spec spec = spec_for(f, &seen);
	spec.timeout_ms = 900000;
	struct push_wait *w = push_wait_new(f->push, &spec);
	turns(f);
	clock_fake_advance(899999);
	turns(f);
	assert_int_equal(seen.deadline, 0);
	assert_int_equal(push_wait_age_ms(w), 899999);
	clock_fake_advance(1);
	turns(f);
	assert_int_equal(seen.deadline, 1);
	assert_int_equal(seen.changed, 0);
	push_wait_free(w);
}

static void
the_deadline_counts_from_the_call_even_when_the_loop_is_late(void **state)
{
	struct fixture *f = *state;
	struct seen seen = { 0 };
	struct push_wait_spec spec = spec_for(f, &seen);
	spec.timeout_ms = 1000;
	struct push_wait *w = push_wait_new(f->push, &spec);
	clock_fake_advance(1500);
	turns(f);
	assert_int_equal(seen.deadline, 1);
	push_wait_free(w);
}

static void *
make_unarmed(void *arg)
{
	struct push_wait_spec *spec = arg;
	return push_wait_new(*(struct push **)spec->arg, spec);
}

struct unarmed {
	struct push *push; /* first: make_unarmed() */
	struct seen seen;
};

static void
on_unarmed(enum push_wake why, void *arg)
{
	struct unarmed *u = arg;
	on_wake(why, &u->seen);
}

/* As workers do, whose request gets its timer in the loop. */
static struct push_wait *
from_a_worker(struct fixture *f, struct unarmed *u)
{
	struct push_wait_spec spec = { .user = 7,
		                       .loop = f->loop,
		                       .fn = on_unarmed,
		                       .arg = u,
		                       .timeout_ms = 1,
		                       .unarmed = true };
	pthread_t worker;
	void *w;
	u->push = f->push;
	pthread_create(&worker, NULL, make_unarmed, &spec);
	pthread_join(worker, &w);
	return w;
}

static void
arm_in_the_loop(void *w)
{
	push_wait_arm(w, 3, 300);
}

static void
an_unarmed_waiter_is_woken_and_has_its_deadline_when_it_is_armed(void **state)
{
	struct fixture *f = *state;
	struct unarmed u = { 0 };
	struct push_wait *w = from_a_worker(f, &u);
	clock_fake_advance(10000);
	turns(f);
	assert_int_equal(u.seen.deadline, 0);
	loop_post(f->loop, arm_in_the_loop, w);
	turns(f);
	clock_fake_advance(299);
	turns(f);
	assert_int_equal(u.seen.deadline, 0);
	clock_fake_advance(1);
	turns(f);
	assert_int_equal(u.seen.deadline, 1);
	push_wait_free(w);

	w = from_a_worker(f, &u);
	publish(f, 7, 4, 0);
	turns(f);
	assert_int_equal(u.seen.changed, 1);
	loop_post(f->loop, arm_in_the_loop, w); /* too late, and harmless */
	clock_fake_advance(1000);
	turns(f);
	assert_int_equal(u.seen.changed, 1);
	assert_int_equal(u.seen.deadline, 1);
	push_wait_free(w);
}

static void
a_burst_is_gathered_into_one_call(void **state)
{
	struct fixture *f = *state;
	struct seen seen = { 0 };
	struct push_wait_spec spec = spec_for(f, &seen);
	spec.coalesce_ms = 200;
	spec.repeat = true;
	struct push_wait *w = push_wait_new(f->push, &spec);
	for (int i = 0; i < 10; i++) {
		publish(f, 7, 1, 0);
		turns(f);
		clock_fake_advance(10);
	}
	turns(f);
	assert_int_equal(seen.changed, 0);
	clock_fake_advance(100);
	turns(f);
	assert_int_equal(seen.changed, 1);
	publish(f, 7, 1, 0);
	turns(f);
	clock_fake_advance(200);
	turns(f);
	assert_int_equal(seen.changed, 2);
	push_wait_free(w);
}

static void
gathering_does_not_outlast_the_deadline(void **state)
{
	struct fixture *f = *state;
	struct seen seen = { 0 };
	struct push_wait_spec spec = spec_for(f, &seen);
	spec.coalesce_ms = 5000;
	spec.timeout_ms = 1000;
	struct push_wait *w = push_wait_new(f->push, &spec);
	turns(f);
	clock_fake_advance(900);
	publish(f, 7, 1, 0);
	turns(f);
	clock_fake_advance(100);
	turns(f);
	assert_int_equal(seen.changed, 1);
	assert_int_equal(seen.deadline, 0);
	push_wait_free(w);
}

static void
a_repeating_waiter_is_told_of_its_deadline_once_and_goes_on(void **state)
{
	struct fixture *f = *state;
	struct seen seen = { 0 };
	struct push_wait_spec spec = spec_for(f, &seen);
	spec.timeout_ms = 1000;
	spec.repeat = true;
	struct push_wait *w = push_wait_new(f->push, &spec);
	turns(f);
	clock_fake_advance(500);
	publish(f, 7, 1, 0);
	turns(f);
	clock_fake_advance(500);
	turns(f);
	clock_fake_advance(5000);
	turns(f);
	publish(f, 7, 1, 0);
	turns(f);
	assert_int_equal(seen.changed, 2);
	assert_int_equal(seen.deadline, 1);
	push_wait_free(w);
}

static void
a_waiter_may_be_freed_while_its_wake_is_under_way(void **state)
{
	struct fixture *f = *state;
	struct seen seen = { 0 };
	struct push_wait_spec spec = spec_for(f, &seen);
	spec.timeout_ms = 10;
	struct push_wait *w = push_wait_new(f->push, &spec);
	publish(f, 7, 1, 0);
	push_wait_free(w);
	clock_fake_advance(20);
	turns(f);
	assert_int_equal(seen.changed + seen.deadline, 0);
}

static void
a_waiter_may_free_itself_and_others_from_inside(void **state)
{
	struct fixture *f = *state;
	struct seen first = { 0 }, second = { 0 }, third = { 0 };
	struct push_wait_spec spec = spec_for(f, &first);
	spec.timeout_ms = 50;
	struct push_wait *a = push_wait_new(f->push, &spec);
	spec.arg = &second;
	struct push_wait *b = push_wait_new(f->push, &spec);
	spec.arg = &third;
	third.free_inside = push_wait_new(f->push, &spec);
	first.free_inside = b;
	second.free_inside = a;
	publish(f, 7, 1, 0);
	turns(f);
	/* Whichever of the first two came first has freed the other. */
	assert_int_equal(first.changed + second.changed, 1);
	assert_int_equal(third.changed, 1);
	push_wait_free(first.changed ? a : b);
	clock_fake_advance(100);
	turns(f);
	assert_int_equal(first.deadline + second.deadline + third.deadline, 0);
}

/* --- many threads --- */

#define WAITERS 200
#define USERS 16
#define ROUNDS 300

/* What a store would be: a counter that is moved before the publication. */
static _Atomic uint64_t counters[USERS];

struct watcher {
	uint64_t user;
	_Atomic uint64_t seen; /* of the counter, read when woken */
	_Atomic int calls;
	struct push_wait *w;
};

static void
read_counter(enum push_wake why, void *arg)
{
	struct watcher *x = arg;
	assert_int_equal(why, PUSH_WAKE_CHANGED);
	atomic_store(&x->seen, atomic_load(&counters[x->user]));
	atomic_fetch_add(&x->calls, 1);
}

static void *
publish_many(void *arg)
{
	struct push *p = arg;
	for (int i = 0; i < ROUNDS; i++) {
		for (uint64_t u = 0; u < USERS; u++) {
			struct store_moved moved = { .user = u, .collection = 1 };
			atomic_fetch_add(&counters[u], 1);
			push_publish(&moved, 1, p);
		}
	}
	return NULL;
}

static void
free_watcher(void *arg)
{
	push_wait_free(arg);
}

static void
no_publication_of_many_threads_is_lost(void **state UNUSED)
{
	struct push *p;
	struct loops *ls;
	pthread_t threads[3];
	struct watcher *x = xcalloc(WAITERS, sizeof(*x));
	assert_int_equal(push_new(&p), RC_OK);
	assert_int_equal(loops_new(2, &ls), RC_OK);
	for (size_t i = 0; i < WAITERS; i++) {
		struct push_wait_spec spec = { .user = i % USERS,
			                       .loop = loops_at(ls, i % 2),
			                       .repeat = true,
			                       .timeout_ms = 3600 * 1000,
			                       .coalesce_ms = i % 3 == 0 ? 1 : 0,
			                       .fn = read_counter,
			                       .arg = &x[i] };
		x[i].user = i % USERS;
		x[i].w = push_wait_new(p, &spec);
	}
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		pthread_create(&threads[i], NULL, publish_many, p);
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		pthread_join(threads[i], NULL);

	/* Each waiter comes to see the last publication; a lost wake hangs here (ctest's
	 * limit ends it). */
	for (size_t i = 0; i < WAITERS; i++) {
		while (atomic_load(&x[i].seen) != ARRAY_LEN(threads) * ROUNDS)
			usleep(200);
		int calls = atomic_load(&x[i].calls);
		assert_in_range(calls, 1, ARRAY_LEN(threads) * ROUNDS);
	}
	for (size_t i = 0; i < WAITERS; i++)
		loops_call(ls, i % 2, free_watcher, x[i].w);
	push_free(p);
	loops_free(ls);
	free(x);
}

struct churn {
	struct push *push;
	struct loops *loops;
	_Atomic bool stop;
	_Atomic uint64_t made;
};

static void
count_call(enum push_wake why UNUSED, void *arg)
{
	/* Freed memory when a call came after push_wait_free(): ASan and TSan would say
	 * so. */
	(*(uint64_t *)arg)++;
}

/* A worker that subscribes, finds that there is something already and frees again. */
static void *
make_and_free(void *arg)
{
	struct churn *c = arg;
	for (uint64_t i = 0; i < 2000; i++) {
		uint64_t *calls = xcalloc(1, sizeof(*calls));
		struct push_wait_spec spec = { .user = i % USERS,
			                       .loop = loops_at(c->loops, i % 2),
			                       .repeat = i % 2,
			                       .timeout_ms = i % 5,
			                       .coalesce_ms = i % 3,
			                       .fn = count_call,
			                       .arg = calls };
		struct push_wait *w = push_wait_new(c->push, &spec);
		if (i % 7 == 0)
			usleep(1000);
		push_wait_free(w);
		free(calls);
	}
	return NULL;
}

static void *
publish_until_stop(void *arg)
{
	struct churn *c = arg;
	for (uint64_t i = 0; !atomic_load(&c->stop); i++) {
		struct store_moved moved[] = { { .user = i % USERS },
			                       { .user = i % USERS, .collection = 2 },
			                       { .user = (i + 1) % USERS } };
		push_publish(moved, ARRAY_LEN(moved), c->push);
		if (i % 64 == 0)
			sched_yield();
	}
	return NULL;
}

static void
no_call_comes_after_a_free_in_another_thread(void **state UNUSED)
{
	struct churn c = { 0 };
	pthread_t makers[3], publisher;
	assert_int_equal(push_new(&c.push), RC_OK);
	assert_int_equal(loops_new(2, &c.loops), RC_OK);
	pthread_create(&publisher, NULL, publish_until_stop, &c);
	for (size_t i = 0; i < ARRAY_LEN(makers); i++)
		pthread_create(&makers[i], NULL, make_and_free, &c);
	for (size_t i = 0; i < ARRAY_LEN(makers); i++)
		pthread_join(makers[i], NULL);
	atomic_store(&c.stop, true);
	pthread_join(publisher, NULL);
	assert_int_equal(push_waiting(c.push), 0);
	push_free(c.push);
	loops_free(c.loops);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		CASE(only_what_is_waited_for_wakes),
		CASE(access_that_moves_wakes_whatever_is_waited_for),
		CASE(no_collections_mean_everything_of_the_user),
		CASE(a_device_is_not_woken_by_itself),
		CASE(what_a_waiter_has_seen_does_not_wake_it),
		CASE(a_waiter_that_does_not_repeat_is_called_once),
		CASE(the_deadline_comes_at_its_time),
		CASE(the_deadline_counts_from_the_call_even_when_the_loop_is_late),
		CASE(an_unarmed_waiter_is_woken_and_has_its_deadline_when_it_is_armed),
		CASE(a_burst_is_gathered_into_one_call),
		CASE(gathering_does_not_outlast_the_deadline),
		CASE(a_repeating_waiter_is_told_of_its_deadline_once_and_goes_on),
		CASE(a_waiter_may_be_freed_while_its_wake_is_under_way),
		CASE(a_waiter_may_free_itself_and_others_from_inside),
		cmocka_unit_test(no_publication_of_many_threads_is_lost),
		cmocka_unit_test(no_call_comes_after_a_free_in_another_thread),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
