/* SPDX-License-Identifier: ISC
 *
 * loop.h - an event loop (libevent's core), its timers and its post box.
 *
 * A loop runs in one thread. Everything here is called in the loop's own thread, except
 * loop_post() and loop_stop(), which any thread may call. A callback may free any object
 * but must not free the loop.
 */
#ifndef BASE_LOOP_H
#define BASE_LOOP_H

#include "base/def.h"
#include "base/rc.h"

struct loop;

typedef void loop_fn(void *arg);

/* name is for logs and thread names; copied. */
enum rc loop_new(const char *name, struct loop **ret) MUST_CHECK;
/* Posts not run yet are run first; the loop must not be running. */
void loop_free(struct loop *l);
AUTO_DEFINE(loop);

/* Runs until loop_stop(); posts that were there before the stop are run. */
void loop_run(struct loop *l);
/* Runs what is ready now and returns; wait: waits for one event first. For tests. */
void loop_run_once(struct loop *l, bool wait);
void loop_stop(struct loop *l);
/* The loop whose thread this is, or NULL. */
struct loop *loop_current(void);
const char *loop_name(const struct loop *l);

/* Milliseconds of clock_mono_ms(), cached for one turn of the loop. With the clock of
 * clock_fake_start() timers fire by it, in the next turn: wake a sleeping loop by a post.
 */
uint64_t loop_now_ms(const struct loop *l);

/* Runs fn(arg) in l's thread, in the order of posting, never inside this call. Any
 * thread. */
void loop_post(struct loop *l, loop_fn *fn, void *arg);

/*
 * A timer, embedded in its owner (40 bytes, no allocation: a waiting phone has one).
 * Timers of a loop lie in one heap behind one kernel timer. The owner clears it before
 * it goes away. fn may set the timer again or free its owner.
 */
struct loop_timer {
	struct loop *loop;
	loop_fn *fn;
	void *arg;
	uint64_t due_ms;
	size_t place; /* in the heap, from 1; 0: not set */
};

void loop_timer_init(struct loop_timer *t, struct loop *l, loop_fn *fn, void *arg);
/* Fires once after delay_ms; setting it again moves it. */
void loop_timer_set(struct loop_timer *t, uint64_t delay_ms);
void loop_timer_clear(struct loop_timer *t);

static inline bool
loop_timer_is_set(const struct loop_timer *t)
{
	return t->place != 0;
}

/* Readiness of a file descriptor that the caller owns. */
enum loop_io { LOOP_IO_READ = 1, LOOP_IO_WRITE = 2 };

struct loop_watch;
typedef void loop_watch_fn(int fd, unsigned io, void *arg);

/* Watches nothing until loop_watch_set(); level-triggered. */
struct loop_watch *loop_watch_new(struct loop *l, int fd, loop_watch_fn *fn, void *arg);
/* io: LOOP_IO_* or'ed; 0 pauses. */
void loop_watch_set(struct loop_watch *w, unsigned io);
void loop_watch_free(struct loop_watch *w);

/* fn runs in the loop's thread when the process gets the signal. Freed with the loop. */
enum rc loop_on_signal(struct loop *l, int signo, loop_fn *fn, void *arg) MUST_CHECK;

/* The libevent base, for a library that must share it (libunbound). base/ only. */
struct event_base;
struct event_base *loop_event_base(struct loop *l);

#endif
