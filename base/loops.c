/* SPDX-License-Identifier: ISC
 *
 * loops.c - one event loop a core, each in a thread of its own.
 */
#include "base/loops.h"

#include <assert.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/loop_private.h"
#include "base/mem.h"
#include "base/thread.h"

struct loops {
	size_t n;
	struct loops_one {
		struct loop *loop;
		pthread_t thread;
		bool started;
	} one[];
};

static size_t
cores(void)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set) != 0)
		return 1;
	return (size_t)CPU_COUNT(&set);
}

static void *
run(void *arg)
{
	loop_run(arg);
	return NULL;
}

enum rc
loops_new(size_t n, struct loops **ret)
{
	struct loops *ls;

	if (n == 0)
		n = cores();
	ls = xcalloc(1, sizeof(*ls) + n * sizeof(ls->one[0]));
	ls->n = n;
	for (size_t i = 0; i < n; i++) {
		struct loops_one *o = &ls->one[i];
		char name[32];

		snprintf(name, sizeof(name), "loop-%zu", i);
		if (loop_new(name, &o->loop) != RC_OK ||
		    thread_start(name, 0, run, o->loop, &o->thread) != RC_OK) {
			loops_free(ls);
			return RC_IO;
		}
		o->started = true;
	}
	*ret = ls;
	return RC_OK;
}

void
loops_free(struct loops *ls)
{
	if (ls == NULL)
		return;
	for (size_t i = 0; i < ls->n; i++)
		if (ls->one[i].started)
			loop_stop(ls->one[i].loop);
	for (size_t i = 0; i < ls->n; i++)
		if (ls->one[i].started)
			pthread_join(ls->one[i].thread, NULL);
	for (size_t i = 0; i < ls->n; i++)
		loop_free(ls->one[i].loop);
	free(ls);
}

size_t
loops_count(const struct loops *ls)
{
	return ls->n;
}

struct loop *
loops_at(const struct loops *ls, size_t i)
{
	assert(i < ls->n);
	return ls->one[i].loop;
}

struct call {
	loop_fn *fn;
	void *arg;
	sem_t done;
};

static void
run_call(void *arg)
{
	struct call *c = arg;

	c->fn(c->arg);
	sem_post(&c->done);
}

void
loops_call(struct loops *ls, size_t i, loop_fn *fn, void *arg)
{
	struct call c = { .fn = fn, .arg = arg };

	/* It would wait for itself. */
	assert(loop_current() != loops_at(ls, i));
	sem_init(&c.done, 0, 0);
	loop_post(loops_at(ls, i), run_call, &c);
	while (sem_wait(&c.done) != 0)
		;
	sem_destroy(&c.done);
}
