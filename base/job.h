/* SPDX-License-Identifier: ISC
 *
 * job.h - a pool of worker threads with strands.
 *
 * Work runs in a worker, as straight-line C that may block on the store. Jobs of one
 * strand (a user's id) run one after the other in the order of submission; jobs of
 * different strands side by side; strand 0 orders nothing.
 *
 * Bulk jobs are the slices of large pieces of work. A quarter of the workers at most run
 * them at a time, only while nothing else is ready and others did not have to wait just
 * before, or after 50 ms: whoever waits for an answer is not kept waiting
 * by work that nobody waits for, and that work gets on nevertheless.
 */
#ifndef BASE_JOB_H
#define BASE_JOB_H

#include "base/loop.h"

struct jobs;

typedef void job_fn(void *arg);

/* n worker threads, all started now. */
enum rc jobs_new(size_t n, struct jobs **ret) MUST_CHECK;
/* Runs all that was submitted, then joins. Calls of done may still come, in their loops.
 */
void jobs_free(struct jobs *j);

/* work(arg) in a worker. Any thread. */
void job_submit(struct jobs *j, uint64_t strand, job_fn *work, void *arg);
/* work(arg) in a worker, then done(arg) in l's thread. */
void job_run(struct jobs *j, uint64_t strand, struct loop *l, job_fn *work, job_fn *done,
             void *arg);

/* From inside of work: once it has returned, the job goes on as work(arg) on strand,
 * behind what stands there, mostly in the same worker and at once; its done() comes after
 * that. Once for each time that it runs, and not in a bulk job. */
void job_next(uint64_t strand, job_fn *work);

/* The same as job_run() for a slice of a large piece of work: short, and of no strand. */
void job_run_bulk(struct jobs *j, struct loop *l, job_fn *work, job_fn *done, void *arg);

/*
 * Busy is a pool that has kept the oldest job that could run waiting for busy_ms: what
 * comes now would be answered when nobody waits for it any more. 0: never busy. Before
 * the first job.
 */
void jobs_set_busy(struct jobs *j, uint64_t busy_ms);
/* 0: not busy; else when to come again, in milliseconds: spread by chance, so that not
 * all come back at once. Any thread. */
uint64_t jobs_busy(const struct jobs *j);

/* Submitted and not finished, for metrics and draining. */
size_t jobs_pending(const struct jobs *j);

#endif
