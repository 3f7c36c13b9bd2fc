/* SPDX-License-Identifier: ISC
 *
 * busy_jobs.h - a pool of workers that is busy until it is told to go on; for tests.
 */
#ifndef TESTS_FAKE_BUSY_JOBS_H
#define TESTS_FAKE_BUSY_JOBS_H

#include <sched.h>
#include <semaphore.h>

#include "base/job.h"

struct busy_jobs {
	struct jobs *jobs;
	unsigned n;
	sem_t is_held, may_go;
};

static inline void
busy_jobs_hold(void *arg)
{
	struct busy_jobs *b = arg;

	sem_post(&b->is_held);
	while (sem_wait(&b->may_go) != 0)
		;
}

static inline void
busy_jobs_nothing(void *arg UNUSED)
{
}

/* All n workers are held, and one job waits for them. */
static inline void
busy_jobs_begin(struct busy_jobs *b, struct jobs *j, unsigned n)
{
	*b = (struct busy_jobs){ .jobs = j, .n = n };
	sem_init(&b->is_held, 0, 0);
	sem_init(&b->may_go, 0, 0);
	for (unsigned i = 0; i < n; i++)
		job_submit(j, 0, busy_jobs_hold, b);
	for (unsigned i = 0; i < n; i++)
		while (sem_wait(&b->is_held) != 0)
			;
	job_submit(j, 0, busy_jobs_nothing, NULL);
}

/* The workers go on; returns when nothing is left to do. */
static inline void
busy_jobs_end(struct busy_jobs *b)
{
	for (unsigned i = 0; i < b->n; i++)
		sem_post(&b->may_go);
	while (jobs_pending(b->jobs) > 0)
		sched_yield();
	sem_destroy(&b->is_held);
	sem_destroy(&b->may_go);
}

#endif
