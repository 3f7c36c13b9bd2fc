/* SPDX-License-Identifier: ISC
 *
 * load_loop.c - one epoll and a heap of timers in microseconds.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "tests/bench/load.h"

#define EVENTS 512

void
load_loop_init(struct load_loop *l)
{
	*l = (struct load_loop){ .epoll = epoll_create1(EPOLL_CLOEXEC) };
	if (l->epoll < 0) {
		perror("bench: epoll");
		exit(1);
	}
}

void
load_loop_done(struct load_loop *l)
{
	close(l->epoll);
	free(l->heap);
}

bool
load_loop_watch(struct load_loop *l, int fd, struct load_io *io)
{
	struct epoll_event e = { .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
		                 .data.ptr = io };
	return epoll_ctl(l->epoll, EPOLL_CTL_ADD, fd, &e) == 0;
}

/* -- timers: places count from 1, so that a child is at 2i and 2i + 1 -- */

static void
put(struct load_loop *l, size_t place, struct load_timer *t)
{
	l->heap[place - 1] = t;
	t->place = place;
}

static void
rise(struct load_loop *l, struct load_timer *t)
{
	size_t at = t->place;
	while (at > 1 && l->heap[at / 2 - 1]->due_us > t->due_us) {
		put(l, at, l->heap[at / 2 - 1]);
		at /= 2;
	}
	put(l, at, t);
}

static void
sink(struct load_loop *l, struct load_timer *t)
{
	size_t at = t->place;
	for (;;) {
		size_t child = at * 2;
		if (child > l->n_timers)
			break;
		if (child < l->n_timers &&
		    l->heap[child]->due_us < l->heap[child - 1]->due_us)
			child++;
		if (l->heap[child - 1]->due_us >= t->due_us)
			break;
		put(l, at, l->heap[child - 1]);
		at = child;
	}
	put(l, at, t);
}

void
load_timer_clear(struct load_loop *l, struct load_timer *t)
{
	if (t->place == 0)
		return;
	struct load_timer *last = l->heap[--l->n_timers];
	if (last != t) {
		put(l, t->place, last);
		rise(l, last);
		sink(l, last);
	}
	t->place = 0;
}

void
load_timer_set(struct load_loop *l, struct load_timer *t, uint64_t delay_us)
{
	load_timer_clear(l, t);
	if (l->n_timers == l->cap_timers) {
		l->cap_timers = l->cap_timers ? l->cap_timers * 2 : 256;
		l->heap = xreallocarray(l->heap, l->cap_timers,
		                        sizeof(struct load_timer *));
	}
	t->due_us = clock_mono_us() + delay_us;
	put(l, ++l->n_timers, t);
	rise(l, t);
}

static void
run_timers(struct load_loop *l)
{
	/* Those that are set meanwhile wait for the next turn. */
	uint64_t now = clock_mono_us();
	while (l->n_timers > 0 && l->heap[0]->due_us <= now) {
		struct load_timer *t = l->heap[0];
		load_timer_clear(l, t);
		t->fn(t->arg);
	}
}

void
load_loop_run(struct load_loop *l)
{
	struct epoll_event events[EVENTS];
	while (!l->stopped) {
		struct timespec t = { .tv_sec = 1 };
		if (l->n_timers > 0) {
			uint64_t now = clock_mono_us();
			uint64_t due = l->heap[0]->due_us;
			uint64_t us = due > now ? due - now : 0;
			if (us < 1000000)
				t = (struct timespec){ .tv_nsec = (long)us * 1000 };
		}
		int n = epoll_pwait2(l->epoll, events, EVENTS, &t, NULL);
		if (n < 0 && errno != EINTR) {
			perror("bench: epoll");
			exit(1);
		}
		for (int i = 0; i < n; i++) {
			struct load_io *io = events[i].data.ptr;
			io->fn(io->arg, events[i].events);
		}
		run_timers(l);
	}
}
