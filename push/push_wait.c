/* SPDX-License-Identifier: ISC
 *
 * push_wait.c - one waiter: marked by publishers, called in its loop, freed at any time.
 *
 * The timer belongs to the loop's thread. A waiter made in a worker is linked at once and
 * has its timer set by the loop a moment later, or when its owner is there; one freed in
 * a worker is unlinked at once and its memory goes when the loop has cleared the timer.
 */
#include "push/push_private.h"

#include <assert.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "push/push_bus.h"

static void on_timer(void *arg);

static struct push_wait *
make(struct push *p, const struct push_wait_spec *spec)
{
	struct push_wait *w =
		xcalloc(1, sizeof(*w) + spec->n_collections * sizeof(w->collections[0]));
	w->push = p;
	w->lane = push_lane_get(p, spec->loop);
	w->fn = spec->fn;
	w->arg = spec->arg;
	w->user = spec->user;
	w->born_ms = clock_mono_ms();
	w->due_ms = spec->timeout_ms ? w->born_ms + spec->timeout_ms : 0;
	w->coalesce_ms =
		spec->coalesce_ms < UINT32_MAX ? (uint32_t)spec->coalesce_ms : UINT32_MAX;
	w->not_by_device = spec->not_by_device;
	w->repeat = spec->repeat;
	w->kind = (uint8_t)spec->kind;
	w->device = spec->device;
	w->n_collections = (uint32_t)spec->n_collections;
	if (spec->n_collections)
		memcpy(w->collections, spec->collections,
		       spec->n_collections * sizeof(w->collections[0]));
	list_init(&w->ready);
	loop_timer_init(&w->timer, spec->loop, on_timer, w);
	return w;
}

struct push_wait *
push_wait_new(struct push *p, const struct push_wait_spec *spec)
{
	struct push_wait *w = make(p, spec);
	struct push_lane *lane = w->lane;
	uint64_t hash = hash_u64(w->user);
	struct push_stripe *stripe = push_stripe_of(p, hash);
	bool must_post = false;
	if (w->due_ms && !spec->unarmed && loop_current() == spec->loop)
		loop_timer_set(&w->timer, spec->timeout_ms);

	atomic_fetch_add_explicit(&p->waiting, 1, memory_order_relaxed);
	if (p->bus)
		push_bus_watch(p->bus, w->user);
	pthread_mutex_lock(&stripe->lock);
	w->linked = true;
	htab_add(&stripe->waiters, &w->node, hash);
	/* Under the stripe's lock: no wake comes before it, no deadline before the link.
	 */
	if (w->due_ms && !spec->unarmed && !loop_timer_is_set(&w->timer)) {
		pthread_mutex_lock(&lane->lock);
		must_post = push_lane_enqueue(lane, w, PUSH_TODO_ARM);
		pthread_mutex_unlock(&lane->lock);
	}
	pthread_mutex_unlock(&stripe->lock);
	if (must_post)
		push_lane_post(lane);
	return w;
}

/* From now on no publisher finds it. */
static void
unlink_wait(struct push_wait *w)
{
	struct push_stripe *stripe = push_stripe_of(w->push, w->node.hash);
	pthread_mutex_lock(&stripe->lock);
	bool was_linked = w->linked;
	if (was_linked) {
		w->linked = false;
		htab_remove(&stripe->waiters, &w->node);
		atomic_fetch_sub_explicit(&w->push->waiting, 1, memory_order_relaxed);
	}
	pthread_mutex_unlock(&stripe->lock);
	if (was_linked && w->push->bus)
		push_bus_unwatch(w->push->bus, w->user);
}

void
push_wait_destroy(struct push_wait *w)
{
	loop_timer_clear(&w->timer);
	free(w);
}

void
push_wait_free(struct push_wait *w)
{
	if (!w)
		return;
	unlink_wait(w);
	struct push_lane *lane = w->lane;
	bool is_here = loop_current() == lane->loop, must_post = false;

	pthread_mutex_lock(&lane->lock);
	if (is_here) {
		list_remove(&w->ready);
		w->todo = 0;
	} else {
		lane->sleepers++;
		while (lane->running == w)
			pthread_cond_wait(&lane->idle, &lane->lock);
		lane->sleepers--;
		must_post = push_lane_enqueue(lane, w, PUSH_TODO_FREE);
	}
	pthread_mutex_unlock(&lane->lock);
	if (is_here)
		push_wait_destroy(w);
	if (must_post)
		push_lane_post(lane);
}

bool
push_wait_matches(const struct push_wait *w, const struct store_moved *moved, size_t n)
{
	/* Different users may share a hash. */
	if (w->user != moved->user)
		return false;
	uint64_t saw = atomic_load_explicit(&w->saw, memory_order_relaxed);
	for (size_t i = 0; i < n; i++) {
		/* Who looked for mail has not looked at that. */
		if (moved[i].collection == STORE_MOVED_ACCESS)
			return true;
		if (saw > 0 && moved[i].modseq <= saw) /* late, or doubled */
			continue;
		if (w->not_by_device && moved[i].device == w->not_by_device)
			continue;
		if (w->n_collections == 0)
			return true;
		for (size_t k = 0; k < w->n_collections; k++) {
			if (w->collections[k] == moved[i].collection)
				return true;
		}
	}
	return false;
}

static void
set_deadline(struct push_wait *w)
{
	uint64_t now = clock_mono_ms();
	if (w->due_ms)
		loop_timer_set(&w->timer, w->due_ms > now ? w->due_ms - now : 0);
	else
		loop_timer_clear(&w->timer);
}

void
push_wait_arm(struct push_wait *w, uint32_t device, uint64_t timeout_ms)
{
	struct push_stripe *stripe = push_stripe_of(w->push, w->node.hash);

	assert(loop_current() == w->lane->loop && !w->repeat && w->coalesce_ms == 0);
	if (w->due_ms == 0)
		return;
	w->due_ms = clock_mono_ms() + timeout_ms;
	pthread_mutex_lock(&stripe->lock); /* lists show it */
	w->device = device;
	pthread_mutex_unlock(&stripe->lock);
	set_deadline(w);
}

/* Calls fn; w may be gone after it. */
static void
fire(struct push_wait *w, enum push_wake why)
{
	w->is_gathering = false;
	if (why == PUSH_WAKE_DEADLINE) {
		w->due_ms = 0;
	} else {
		/* Before fn asks the store: what moves from here on marks it anew. */
		pthread_mutex_lock(&w->lane->lock);
		w->marked = false;
		pthread_mutex_unlock(&w->lane->lock);
		metric_observe_us(&push_metric_wake,
		                  clock_mono_us() - push_wait_moved_us(w));
	}
	if (w->repeat) {
		set_deadline(w);
	} else {
		unlink_wait(w);
		loop_timer_clear(&w->timer);
		w->due_ms = 0;
		/* A publisher may have marked it between: that wake is this call. */
		pthread_mutex_lock(&w->lane->lock);
		list_remove(&w->ready);
		w->todo = 0;
		pthread_mutex_unlock(&w->lane->lock);
	}
	w->fn(why, w->arg);
}

void
push_wait_run(struct push_wait *w, unsigned todo)
{
	if (todo & PUSH_TODO_FREE) {
		push_wait_destroy(w);
		return;
	}
	if (todo & PUSH_TODO_WAKE) {
		uint64_t now = clock_mono_ms();
		if (w->coalesce_ms == 0) {
			fire(w, PUSH_WAKE_CHANGED);
			return;
		}
		w->is_gathering = true;
		uint64_t delay = w->coalesce_ms;
		if (w->due_ms && w->due_ms < now + delay)
			delay = w->due_ms > now ? w->due_ms - now : 0;
		loop_timer_set(&w->timer, delay);
		return;
	}
	if (todo & PUSH_TODO_ARM)
		set_deadline(w);
}

static void
on_timer(void *arg)
{
	struct push_wait *w = arg;
	struct push_lane *lane = w->lane;
	pthread_mutex_lock(&lane->lock);
	bool is_live = !(w->todo & PUSH_TODO_FREE);
	if (is_live) {
		lane->running = w;
		lane->refs++;
	}
	pthread_mutex_unlock(&lane->lock);
	if (!is_live)
		return;
	fire(w, w->is_gathering ? PUSH_WAKE_CHANGED : PUSH_WAKE_DEADLINE);
	pthread_mutex_lock(&lane->lock);
	push_lane_rest(lane);
	pthread_mutex_unlock(&lane->lock);
	push_lane_unref(lane);
}

void
push_wait_saw(struct push_wait *w, uint64_t modseq)
{
	if (modseq > atomic_load_explicit(&w->saw, memory_order_relaxed))
		atomic_store_explicit(&w->saw, modseq, memory_order_relaxed);
}

uint64_t
push_wait_moved_us(const struct push_wait *w)
{
	return w->lane->turn_us ? w->lane->turn_us : clock_mono_us();
}

uint64_t
push_wait_age_ms(const struct push_wait *w)
{
	return clock_mono_ms() - w->born_ms;
}
