/* SPDX-License-Identifier: ISC
 *
 * job.c - worker threads; the jobs of one strand run one after the other.
 *
 * A strand exists while it has a job queued or running. Strands that may run stand in one
 * ready queue; a strand goes to its end after each job, so that a user with a thousand
 * jobs delays the others by one. Bulk jobs have a queue of their own.
 */
#include "base/job.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/htab.h"
#include "base/list.h"
#include "base/loop_private.h"
#include "base/mem.h"
#include "base/thread.h"

/* So many other jobs at most are taken while a bulk job waits. */
#define BULK_EVERY 64
/* Of the workers one in so many may run bulk jobs at a time. */
#define BULK_SHARE 4

struct job {
	struct list link;
	job_fn *work;
	job_fn *done; /* NULL without */
	void *arg;
	struct loop *loop;
};

struct strand {
	struct hnode node; /* in jobs.strands, unless id is 0 */
	uint64_t id;
	struct list queue; /* of jobs, not the running one */
	struct list ready; /* in jobs.ready, unless it is running */
};

struct jobs {
	pthread_mutex_t lock; /* over all below */
	pthread_cond_t work;
	struct htab strands;
	struct list ready;
	struct list bulk; /* of jobs */
	size_t bulk_running;
	size_t bulk_max;
	unsigned passed; /* jobs taken since a bulk job could have been */
	size_t pending;
	bool stop;
	size_t n;
	pthread_t threads[];
};

static struct strand *
find_strand(struct jobs *j, uint64_t id)
{
	for (struct hnode *n = htab_find(&j->strands, hash_u64(id)); n != NULL;
	     n = htab_next(n)) {
		struct strand *s = container_of(n, struct strand, node);

		if (s->id == id)
			return s;
	}
	return NULL;
}

/* Puts job at the end of its strand, which is made if need be and then ready. */
static void
enqueue(struct jobs *j, uint64_t id, struct job *job)
{
	struct strand *s = id != 0 ? find_strand(j, id) : NULL;

	if (s != NULL) {
		list_push_back(&s->queue, &job->link);
		return;
	}
	s = xcalloc(1, sizeof(*s));
	s->id = id;
	list_init(&s->queue);
	list_push_back(&s->queue, &job->link);
	if (id != 0)
		htab_add(&j->strands, &s->node, hash_u64(id));
	list_push_back(&j->ready, &s->ready);
	pthread_cond_signal(&j->work);
}

/* After a job of s has run. */
static void
requeue(struct jobs *j, struct strand *s)
{
	if (!list_is_empty(&s->queue)) {
		list_push_back(&j->ready, &s->ready);
		return; /* no signal: this worker looks itself */
	}
	if (s->id != 0)
		htab_remove(&j->strands, &s->node);
	free(s);
}

static void
run_job(struct job *job)
{
	job->work(job->arg);
	if (job->done != NULL)
		loop_post(job->loop, job->done, job->arg);
	free(job);
}

static bool
bulk_is_free(const struct jobs *j)
{
	return !list_is_empty(&j->bulk) && j->bulk_running < j->bulk_max;
}

/* With the lock, which is given up meanwhile. */
static void
run_next_of_strand(struct jobs *j)
{
	struct strand *s = list_first(&j->ready, struct strand, ready);
	struct job *job = list_first(&s->queue, struct job, link);

	list_remove(&s->ready);
	list_remove(&job->link);
	j->passed = bulk_is_free(j) ? j->passed + 1 : 0;
	pthread_mutex_unlock(&j->lock);
	run_job(job);
	pthread_mutex_lock(&j->lock);
	requeue(j, s);
}

static void
run_next_bulk(struct jobs *j)
{
	struct job *job = list_first(&j->bulk, struct job, link);

	list_remove(&job->link);
	j->bulk_running++;
	j->passed = 0;
	pthread_mutex_unlock(&j->lock);
	run_job(job);
	pthread_mutex_lock(&j->lock);
	j->bulk_running--;
}

static void *
worker(void *arg)
{
	struct jobs *j = arg;

	pthread_mutex_lock(&j->lock);
	for (;;) {
		while (list_is_empty(&j->ready) && !bulk_is_free(j) && !j->stop)
			pthread_cond_wait(&j->work, &j->lock);
		/* What is left of the bulk then is for those who run bulk jobs now. */
		if (list_is_empty(&j->ready) && !bulk_is_free(j))
			break;
		if (bulk_is_free(j) &&
		    (list_is_empty(&j->ready) || j->passed >= BULK_EVERY))
			run_next_bulk(j);
		else
			run_next_of_strand(j);
		j->pending--;
	}
	pthread_mutex_unlock(&j->lock);
	return NULL;
}

enum rc
jobs_new(size_t n, struct jobs **ret)
{
	struct jobs *j = xcalloc(1, sizeof(*j) + n * sizeof(j->threads[0]));

	pthread_mutex_init(&j->lock, NULL);
	pthread_cond_init(&j->work, NULL);
	htab_init(&j->strands);
	list_init(&j->ready);
	list_init(&j->bulk);
	j->bulk_max = n / BULK_SHARE > 0 ? n / BULK_SHARE : 1;
	for (size_t i = 0; i < n; i++) {
		char name[32];

		snprintf(name, sizeof(name), "worker-%zu", i);
		if (thread_start(name, THREAD_STACK, worker, j, &j->threads[i]) !=
		    RC_OK) {
			jobs_free(j);
			return RC_IO;
		}
		j->n++;
	}
	*ret = j;
	return RC_OK;
}

void
jobs_free(struct jobs *j)
{
	if (j == NULL)
		return;
	pthread_mutex_lock(&j->lock);
	j->stop = true;
	pthread_cond_broadcast(&j->work);
	pthread_mutex_unlock(&j->lock);
	for (size_t i = 0; i < j->n; i++)
		pthread_join(j->threads[i], NULL);
	htab_done(&j->strands);
	pthread_cond_destroy(&j->work);
	pthread_mutex_destroy(&j->lock);
	free(j);
}

void
job_run(struct jobs *j, uint64_t strand, struct loop *l, job_fn *work, job_fn *done,
        void *arg)
{
	struct job *job = xmalloc(sizeof(*job));

	*job = (struct job){ .work = work, .done = done, .arg = arg, .loop = l };
	pthread_mutex_lock(&j->lock);
	j->pending++;
	enqueue(j, strand, job);
	pthread_mutex_unlock(&j->lock);
}

void
job_run_bulk(struct jobs *j, struct loop *l, job_fn *work, job_fn *done, void *arg)
{
	struct job *job = xmalloc(sizeof(*job));

	*job = (struct job){ .work = work, .done = done, .arg = arg, .loop = l };
	pthread_mutex_lock(&j->lock);
	j->pending++;
	list_push_back(&j->bulk, &job->link);
	pthread_cond_signal(&j->work);
	pthread_mutex_unlock(&j->lock);
}

void
job_submit(struct jobs *j, uint64_t strand, job_fn *work, void *arg)
{
	job_run(j, strand, NULL, work, NULL, arg);
}

size_t
jobs_pending(const struct jobs *cj)
{
	struct jobs *j = (struct jobs *)cj;
	size_t n;

	pthread_mutex_lock(&j->lock);
	n = j->pending;
	pthread_mutex_unlock(&j->lock);
	return n;
}
