/* SPDX-License-Identifier: ISC
 *
 * push_bus_fixture.h - nodes in one process: each a hub, a bus and a loop, over a store
 * that is an array of counters.
 */
#ifndef TESTS_UNIT_PUSH_BUS_FIXTURE_H
#define TESTS_UNIT_PUSH_BUS_FIXTURE_H

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
/* cmocka wants those before it. */
#include <cmocka.h>

#include "base/loops.h"
#include "base/mem.h"
#include "push/push_bus.h"
#include "push/push_bus_driver.h"
#include "push/push_wait.h"

#define USERS 64

/* What all nodes share. */
struct counters {
	_Atomic uint64_t of[USERS]; /* by user */
	atomic_int fail;            /* so many reads fail */
	atomic_int reads;
};

static struct counters counters;

static UNUSED enum rc
read_counters(const uint64_t *users, size_t n, uint64_t *ret, void *arg UNUSED)
{
	atomic_fetch_add(&counters.reads, 1);
	if (atomic_load(&counters.fail) > 0) {
		atomic_fetch_sub(&counters.fail, 1);
		return RC_AGAIN;
	}
	for (size_t i = 0; i < n; i++)
		ret[i] = users[i] < USERS ? atomic_load(&counters.of[users[i]]) : 0;
	return RC_OK;
}

struct node {
	struct push *push;
	struct push_bus *bus;
	struct loops *loops;
};

/* Takes the driver. */
static UNUSED void
node_start(struct node *n, const struct push_bus_options *o)
{
	struct push_bus_options mine = *o;

	assert_int_equal(loops_new(1, &n->loops), RC_OK);
	assert_int_equal(push_new(&n->push), RC_OK);
	mine.push = n->push;
	if (!mine.modseqs)
		mine.modseqs = read_counters;
	assert_int_equal(push_bus_new(&mine, &n->bus), RC_OK);
}

static void
do_nothing(void *arg UNUSED)
{
}

static UNUSED void
node_stop(struct node *n)
{
	push_bus_free(n->bus);
	/* What was posted to the loop has run after this. */
	loops_call(n->loops, 0, do_nothing, NULL);
	push_free(n->push);
	loops_free(n->loops);
}

/* A waiter and how often it was woken. */
struct waiter {
	struct push_wait *w;
	pthread_mutex_t lock;
	pthread_cond_t more;
	unsigned woken;
};

static void
on_wake(enum push_wake why UNUSED, void *arg)
{
	struct waiter *w = arg;

	pthread_mutex_lock(&w->lock);
	w->woken++;
	pthread_cond_broadcast(&w->more);
	pthread_mutex_unlock(&w->lock);
}

static UNUSED void
waiter_start(struct waiter *w, struct node *n, uint64_t user)
{
	const struct push_wait_spec spec = {
		.user = user,
		.repeat = true,
		.loop = loops_at(n->loops, 0),
		.fn = on_wake,
		.arg = w,
	};

	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->more, NULL);
	w->woken = 0;
	w->w = push_wait_new(n->push, &spec);
}

static UNUSED void
waiter_stop(struct waiter *w)
{
	push_wait_free(w->w);
	pthread_cond_destroy(&w->more);
	pthread_mutex_destroy(&w->lock);
}

static UNUSED unsigned
waiter_woken(struct waiter *w)
{
	pthread_mutex_lock(&w->lock);
	unsigned n = w->woken;
	pthread_mutex_unlock(&w->lock);
	return n;
}

/* Until it was woken n times; the test's time limit is the only one. */
static UNUSED void
waiter_wait(struct waiter *w, unsigned n)
{
	pthread_mutex_lock(&w->lock);
	while (w->woken < n)
		pthread_cond_wait(&w->more, &w->lock);
	pthread_mutex_unlock(&w->lock);
}

/* A commit: the counter moves, then the node is told. */
static UNUSED void
commit(struct node *n, uint64_t user)
{
	struct store_moved moved = { .user = user, .collection = 1, .added = true };

	moved.modseq = atomic_fetch_add(&counters.of[user], 1) + 1;
	push_publish(&moved, 1, n->push);
}

static UNUSED struct push_bus_stats
node_stats(struct node *n)
{
	struct push_bus_stats s;

	push_bus_stats(n->bus, &s);
	return s;
}

/* For what nobody tells of: looks again and again. */
#define wait_until(condition)                                                            \
	do {                                                                             \
		while (!(condition))                                                     \
			nap();                                                           \
	} while (0)

static UNUSED void
nap(void)
{
	const struct timespec t = { .tv_nsec = 1000000 };

	nanosleep(&t, NULL);
}

/* It is connected, and the comparison that follows on that is done. */
static UNUSED void
node_wait_up(struct node *n, uint64_t connects)
{
	wait_until(node_stats(n).connected && node_stats(n).connects >= connects &&
	           node_stats(n).compare.rounds >= connects);
}

#endif
