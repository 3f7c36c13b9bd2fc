/* SPDX-License-Identifier: ISC
 *
 * push.c - the hub: publishing marks waiters and posts to their loops, once a burst.
 *
 * A publisher walks the waiters of one user under that stripe's lock, marks them under
 * their lane's lock and posts to each lane that was not posted to yet. The loop takes the
 * whole queue of its lane in one turn.
 */
#include "push/push_private.h"

#include <assert.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/metric.h"
#include "push/push_bus.h"

static struct metric metric_published =
	METRIC_COUNTER("godwit_push_published_total", "Changes handed to the push hub.");
static struct metric metric_marked =
	METRIC_COUNTER("godwit_push_marked_total", "Waiters that a change was for.");
struct metric push_metric_wake =
	METRIC_HISTOGRAM("godwit_push_wake_seconds",
                         "From a durable change to the call of who waits for it.");

enum rc
push_new(struct push **ret)
{
	struct push *p = xcalloc(1, sizeof(*p));
	for (size_t i = 0; i < PUSH_STRIPES; i++) {
		pthread_mutex_init(&p->stripes[i].lock, NULL);
		htab_init(&p->stripes[i].waiters);
	}
	pthread_mutex_init(&p->lanes_lock, NULL);
	metric_register(&metric_published);
	metric_register(&metric_marked);
	metric_register(&push_metric_wake);
	push_answer_register_metrics();
	*ret = p;
	return RC_OK;
}

void
push_free(struct push *p)
{
	if (!p)
		return;
	assert(atomic_load(&p->waiting) == 0);
	for (struct push_lane *lane = p->lanes, *next; lane; lane = next) {
		next = lane->next;
		push_lane_unref(lane);
	}
	for (size_t i = 0; i < PUSH_STRIPES; i++) {
		htab_done(&p->stripes[i].waiters);
		pthread_mutex_destroy(&p->stripes[i].lock);
	}
	pthread_mutex_destroy(&p->lanes_lock);
	free(p);
}

size_t
push_waiting(const struct push *p)
{
	return atomic_load_explicit(&p->waiting, memory_order_relaxed);
}

uint32_t
push_access_moves(const struct push *p)
{
	return atomic_load(&p->access_moves);
}

void
push_lane_unref(struct push_lane *lane)
{
	pthread_mutex_lock(&lane->lock);
	bool is_last = --lane->refs == 0;
	pthread_mutex_unlock(&lane->lock);
	if (!is_last)
		return;
	assert(list_is_empty(&lane->queue));
	pthread_cond_destroy(&lane->idle);
	pthread_mutex_destroy(&lane->lock);
	free(lane);
}

struct push_lane *
push_lane_get(struct push *p, struct loop *l)
{
	pthread_mutex_lock(&p->lanes_lock);
	struct push_lane *lane = p->lanes;
	while (lane && lane->loop != l)
		lane = lane->next;
	if (!lane) {
		lane = xcalloc(1, sizeof(*lane));
		lane->loop = l;
		lane->refs = 1;
		pthread_mutex_init(&lane->lock, NULL);
		pthread_cond_init(&lane->idle, NULL);
		list_init(&lane->queue);
		list_init(&lane->turn);
		lane->next = p->lanes;
		p->lanes = lane;
	}
	pthread_mutex_unlock(&p->lanes_lock);
	return lane;
}

void
push_lane_rest(struct push_lane *lane)
{
	lane->running = NULL;
	if (lane->sleepers)
		pthread_cond_broadcast(&lane->idle);
}

/* One turn: everything that was queued up to its begin. */
static void
run_lane(void *arg)
{
	struct push_lane *lane = arg;
	pthread_mutex_lock(&lane->lock);
	lane->posted = false;
	lane->turn_us = lane->queued_us;
	list_splice(&lane->turn, &lane->queue);
	while (!list_is_empty(&lane->turn)) {
		struct push_wait *w = list_first(&lane->turn, struct push_wait, ready);
		list_remove(&w->ready);
		unsigned todo = w->todo;
		w->todo = 0;
		lane->running = w;
		pthread_mutex_unlock(&lane->lock);
		push_wait_run(w, todo);
		pthread_mutex_lock(&lane->lock);
		push_lane_rest(lane);
	}
	lane->turn_us = 0;
	pthread_mutex_unlock(&lane->lock);
	push_lane_unref(lane);
}

bool
push_lane_enqueue(struct push_lane *lane, struct push_wait *w, enum push_todo todo)
{
	/* Bits of a waiter that is in a queue already are seen when its turn comes. */
	if (!w->todo)
		list_push_back(&lane->queue, &w->ready);
	w->todo |= (uint8_t)todo;
	if (lane->posted)
		return false;
	lane->posted = true;
	lane->queued_us = clock_mono_us();
	lane->refs++;
	return true;
}

void
push_lane_post(struct push_lane *lane)
{
	loop_post(lane->loop, run_lane, lane);
}

/* With the stripe's lock held: marks w, and adds its lane to *posts when it must be told.
 */
static void
mark(struct push_wait *w, struct push_lane **posts)
{
	struct push_lane *lane = w->lane;
	pthread_mutex_lock(&lane->lock);
	if (!w->marked) {
		w->marked = true;
		if (push_lane_enqueue(lane, w, PUSH_TODO_WAKE)) {
			lane->post_next = *posts;
			*posts = lane;
		}
	}
	pthread_mutex_unlock(&lane->lock);
	metric_add(&metric_marked, 1);
}

/* Each has a reference of its own until its post has run. */
static void
post_all(struct push_lane *posts)
{
	while (posts) {
		struct push_lane *lane = posts;
		posts = lane->post_next;
		push_lane_post(lane);
	}
}

/* All of moved is of one user. */
static void
wake_user(struct push *p, const struct store_moved *moved, size_t n)
{
	uint64_t hash = hash_u64(moved->user);
	struct push_stripe *stripe = push_stripe_of(p, hash);
	struct push_lane *posts = NULL;

	for (size_t i = 0; i < n; i++) {
		/* Before who waits is woken, and looks. */
		if (moved[i].collection == STORE_MOVED_ACCESS)
			atomic_fetch_add(&p->access_moves, 1);
	}
	pthread_mutex_lock(&stripe->lock);
	for (struct hnode *h = htab_find(&stripe->waiters, hash); h; h = htab_next(h)) {
		struct push_wait *w = container_of(h, struct push_wait, node);
		if (push_wait_matches(w, moved, n))
			mark(w, &posts);
	}
	pthread_mutex_unlock(&stripe->lock);
	post_all(posts);
}

size_t
push_wake_behind(struct push *p, uint64_t user, uint64_t modseq)
{
	uint64_t hash = hash_u64(user);
	struct push_stripe *stripe = push_stripe_of(p, hash);
	struct push_lane *posts = NULL;
	size_t woken = 0;

	atomic_fetch_add(&p->access_moves, 1); /* nobody knows what it was */
	pthread_mutex_lock(&stripe->lock);
	for (struct hnode *h = htab_find(&stripe->waiters, hash); h; h = htab_next(h)) {
		struct push_wait *w = container_of(h, struct push_wait, node);
		if (w->user != user ||
		    atomic_load_explicit(&w->saw, memory_order_relaxed) >= modseq)
			continue;
		mark(w, &posts);
		woken++;
	}
	pthread_mutex_unlock(&stripe->lock);
	post_all(posts);
	return woken;
}

void
push_wake(struct push *p, const struct store_moved *moved, size_t n)
{
	for (size_t from = 0, to; from < n; from = to) {
		to = from + 1;
		while (to < n && moved[to].user == moved[from].user)
			to++;
		wake_user(p, moved + from, to - from);
	}
}

static void
mark_each(struct hnode *n, void *posts)
{
	mark(container_of(n, struct push_wait, node), posts);
}

void
push_wake_part(struct push *p, unsigned part)
{
	struct push_stripe *stripe = &p->stripes[part % PUSH_STRIPES];
	struct push_lane *posts = NULL;

	pthread_mutex_lock(&stripe->lock);
	htab_each(&stripe->waiters, mark_each, &posts);
	pthread_mutex_unlock(&stripe->lock);
	post_all(posts);
}

void
push_publish(const struct store_moved *moved, size_t n, void *push)
{
	struct push *p = push;

	metric_add(&metric_published, (int64_t)n);
	push_wake(p, moved, n);
	if (p->bus)
		push_bus_offer(p->bus, moved, n);
}

void
push_set_bus(struct push *p, struct push_bus *bus)
{
	p->bus = bus;
}
