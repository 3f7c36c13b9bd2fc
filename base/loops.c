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
	bool apart;
	struct loops_one {
		struct loop *loop;
		struct loops *all;
		pthread_t thread;
		bool started;
		enum rc rc; /* of the thread's own start */
		sem_t up;
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
	struct loops_one *o = arg;

	if (o->all->apart && unshare(CLONE_FILES) != 0)
		o->rc = RC_DENIED;
	sem_post(&o->up);
	if (o->rc == RC_OK)
		loop_run(o->loop);
	return NULL;
}

static enum rc
start_one(struct loops_one *o)
{
	if (thread_start(loop_name(o->loop), 0, run, o, &o->thread) != RC_OK)
		return RC_IO;
	o->started = true;
	while (sem_wait(&o->up) != 0)
		;
	return o->rc;
}

static enum rc
start_all(size_t n, bool apart, struct loops **ret)
{
	struct loops *ls;
	enum rc rc = RC_OK;

	if (n == 0)
		n = cores();
	ls = xcalloc(1, sizeof(*ls) + n * sizeof(ls->one[0]));
	ls->apart = apart;
	/* All are there before the first thread runs: each knows the others' post boxes,
	 * also with descriptors of its own. */
	for (; rc == RC_OK && ls->n < n; ls->n++) {
		struct loops_one *o = &ls->one[ls->n];
		char name[32];

		snprintf(name, sizeof(name), "loop-%zu", ls->n);
		o->all = ls;
		sem_init(&o->up, 0, 0);
		rc = loop_new(name, &o->loop);
	}
	for (size_t i = 0; rc == RC_OK && i < n; i++)
		rc = start_one(&ls->one[i]);
	if (rc != RC_OK) {
		loops_free(ls);
		return rc;
	}
	if (apart)
		loop_forbid_new(true);
	*ret = ls;
	return RC_OK;
}

enum rc
loops_new(size_t n, struct loops **ret)
{
	return start_all(n, false, ret);
}

enum rc
loops_new_apart(size_t n, struct loops **ret)
{
	return start_all(n, true, ret);
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
	if (ls->apart)
		loop_forbid_new(false);
	for (size_t i = 0; i < ls->n; i++) {
		loop_free(ls->one[i].loop);
		sem_destroy(&ls->one[i].up);
	}
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
