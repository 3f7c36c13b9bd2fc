/* SPDX-License-Identifier: ISC
 *
 * job.c - worker threads; the jobs of one strand run one after the other.
 *
 * A strand exists while it has a job queued or running. Strands that may run stand in one
 * ready queue; a strand goes to its end after each job, so that a user with a thousand
 * jobs delays the others by one.
 *
 * Bulk jobs have a queue of their own, and are held back while the others have to wait:
 * how long a ready job waits for a worker, and a finished one for its loop, tells whether
 * the machine is through with what the last bulk job has set off.
 *
 * Of the idle workers the one that worked last is woken: at low load a few of them do
 * all, with warm stacks and heaps, and the others' are not touched.
 */
#include "base/job.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/encode.h"
#include "base/htab.h"
#include "base/list.h"
#include "base/loop_private.h"
#include "base/mem.h"
#include "base/metric.h"
#include "base/thread.h"

/* A wait of another job over this holds bulk back, twice as long as the wait was. */
#define LAG_US 2000
#define CALM_MAX_US 50000
/* A bulk job is taken after so long, however busy the others are. */
#define BULK_PATIENCE_US 50000
/* An idle worker looks so often whether it is calm. */
#define WATCH_NS 2000000
/* Of the workers one in so many may run bulk jobs at a time. */
#define BULK_SHARE 4
#define BUSY_SPREAD_MS 5000

struct job {
	struct list link;
	job_fn *work;
	job_fn *done; /* NULL without */
	void *arg;
	struct loop *loop;
	struct jobs *jobs;
	uint64_t ended_us; /* of work */
	uint64_t next_strand;
	bool goes_on; /* as work on next_strand: job_next() */
};

struct strand {
	struct hnode node; /* in jobs.strands, unless id is 0 */
	uint64_t id;
	struct list queue; /* of jobs, not the running one */
	struct list ready; /* in jobs.ready, unless it is running */
	uint64_t ready_us; /* since when */
};

struct worker {
	struct jobs *jobs;
	pthread_t thread;
	sem_t wake;       /* posted once for each time that woken is set */
	bool woken;       /* and no longer in jobs.idle */
	struct list idle; /* in jobs.idle, while it waits */
};

struct jobs {
	pthread_mutex_t lock; /* over all below */
	struct list idle;     /* of workers, who came last in front */
	struct htab strands;
	struct list ready;
	struct list bulk; /* of jobs */
	size_t bulk_running;
	size_t bulk_max;
	uint64_t bulk_last_us; /* when one was taken, or the first came */
	bool watched;          /* an idle worker looks at calm_us */
	size_t pending;
	uint64_t busy_ms; /* 0: never busy */
	bool stop;
	_Atomic uint64_t calm_us; /* no bulk before */
	_Atomic size_t refs;      /* the owner's, and one for each done() under way */
	size_t n;
	struct worker workers[];
};

static struct metric wait_time = METRIC_HISTOGRAM(
	"godwit_jobs_wait_seconds", "Time that commands wait for a free worker.");
static struct metric bulk_ran =
	METRIC_COUNTER("godwit_jobs_bulk_total", "Slices of large work that were done.");

static _Thread_local struct job *current; /* of this worker */

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

static void
make_ready(struct jobs *j, struct strand *s)
{
	s->ready_us = clock_mono_us();
	list_push_back(&j->ready, &s->ready);
}

/* The one to be signalled, with or without the lock; NULL: all of them work. */
static struct worker *
take_idle(struct jobs *j)
{
	if (list_is_empty(&j->idle))
		return NULL;
	struct worker *w = list_first(&j->idle, struct worker, idle);
	list_remove(&w->idle);
	w->woken = true;
	return w;
}

static void
wake(struct worker *w)
{
	if (w)
		sem_post(&w->wake);
}

/* Puts job at the end of its strand, which is made if need be: then it is ready, and the
 * result true. */
static bool
enqueue(struct jobs *j, uint64_t id, struct job *job)
{
	struct strand *s = id != 0 ? find_strand(j, id) : NULL;

	if (s != NULL) {
		list_push_back(&s->queue, &job->link);
		return false;
	}
	s = xcalloc(1, sizeof(*s));
	s->id = id;
	list_init(&s->queue);
	list_push_back(&s->queue, &job->link);
	if (id != 0)
		htab_add(&j->strands, &s->node, hash_u64(id));
	make_ready(j, s);
	return true;
}

/* After a job of s has run. */
static void
requeue(struct jobs *j, struct strand *s)
{
	if (!list_is_empty(&s->queue)) {
		make_ready(j, s);
		return; /* no signal: this worker looks itself */
	}
	if (s->id != 0)
		htab_remove(&j->strands, &s->node);
	free(s);
}

/* Somebody had to wait so long. */
static void
note_lag(struct jobs *j, uint64_t lag_us, uint64_t now)
{
	uint64_t calm_us = 2 * lag_us < CALM_MAX_US ? 2 * lag_us : CALM_MAX_US;

	/* Of two at once one is lost: the next tells it again. */
	if (lag_us > LAG_US)
		atomic_store_explicit(&j->calm_us, now + calm_us, memory_order_relaxed);
}

static void
unref(struct jobs *j)
{
	if (atomic_fetch_sub(&j->refs, 1) > 1)
		return;
	pthread_mutex_destroy(&j->lock);
	free(j);
}

/* The pool's owner may have freed it meanwhile. */
static void
run_done(void *arg)
{
	struct job *job = arg;
	uint64_t now = clock_mono_us();

	note_lag(job->jobs, now - job->ended_us, now);
	unref(job->jobs);
	job->done(job->arg);
	free(job);
}

/* False: it has to go on. */
static bool
run_job(struct job *job)
{
	job->goes_on = false;
	current = job;
	job->work(job->arg);
	current = NULL;
	if (job->goes_on)
		return false;
	if (job->done == NULL) {
		free(job);
		return true;
	}
	job->ended_us = clock_mono_us();
	atomic_fetch_add(&job->jobs->refs, 1);
	loop_post(job->loop, run_done, job);
	return true;
}

void
job_next(uint64_t strand, job_fn *work)
{
	assert(current && !current->goes_on);
	current->goes_on = true;
	current->next_strand = strand;
	current->work = work;
}

static bool
bulk_is_free(const struct jobs *j)
{
	return !list_is_empty(&j->bulk) && j->bulk_running < j->bulk_max;
}

static bool
is_turn_of_bulk(struct jobs *j, uint64_t now)
{
	if (!bulk_is_free(j))
		return false;
	if (now - j->bulk_last_us >= BULK_PATIENCE_US)
		return true;
	return list_is_empty(&j->ready) &&
	       (j->stop ||
	        now >= atomic_load_explicit(&j->calm_us, memory_order_relaxed));
}

/* With the lock, which is given up meanwhile. */
static void
run_next_of_strand(struct jobs *j, uint64_t now)
{
	struct strand *s = list_first(&j->ready, struct strand, ready);
	struct job *job = list_first(&s->queue, struct job, link);
	uint64_t lag_us = now - s->ready_us;
	bool has_ended;

	list_remove(&s->ready);
	list_remove(&job->link);
	pthread_mutex_unlock(&j->lock);
	metric_observe_us(&wait_time, lag_us);
	note_lag(j, lag_us, now);
	has_ended = run_job(job);
	pthread_mutex_lock(&j->lock);
	requeue(j, s);
	if (has_ended)
		return;
	j->pending++;
	/* This worker looks itself, unless it is the bulk's turn. */
	if (enqueue(j, job->next_strand, job) && bulk_is_free(j))
		wake(take_idle(j));
}

static void
run_next_bulk(struct jobs *j, uint64_t now)
{
	struct job *job = list_first(&j->bulk, struct job, link);

	list_remove(&job->link);
	j->bulk_running++;
	j->bulk_last_us = now;
	pthread_mutex_unlock(&j->lock);
	metric_add(&bulk_ran, 1);
	if (!run_job(job))
		assert(!"a slice goes on as another slice");
	pthread_mutex_lock(&j->lock);
	j->bulk_running--;
}

/* Until somebody has work for it; or, with until, so long. A semaphore and not a
 * condition: who wakes up with the lock of a condition gives it back with a system call.
 */
static void
be_idle(struct worker *w, const struct timespec *until)
{
	struct jobs *j = w->jobs;
	int late;

	list_push_front(&j->idle, &w->idle);
	pthread_mutex_unlock(&j->lock);
	do
		late = until ? sem_clockwait(&w->wake, CLOCK_MONOTONIC, until)
		             : sem_wait(&w->wake);
	while (late != 0 && errno == EINTR);
	pthread_mutex_lock(&j->lock);
	if (!w->woken)
		list_remove(&w->idle);
	else if (late != 0) /* in that moment: the post comes, or has come */
		while (sem_wait(&w->wake) != 0)
			;
	w->woken = false;
}

/* One idle worker looks after the bulk job that may not run yet. */
static void
watch_bulk(struct worker *w)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += WATCH_NS;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	w->jobs->watched = true;
	be_idle(w, &until);
	w->jobs->watched = false;
}

/* Until there is something to do: the time of now. */
static uint64_t
wait_for_work(struct worker *w)
{
	struct jobs *j = w->jobs;
	uint64_t now = clock_mono_us();
	bool has_watched = false;

	while (list_is_empty(&j->ready) && !is_turn_of_bulk(j, now) && !j->stop) {
		if (bulk_is_free(j) && !j->watched) {
			watch_bulk(w);
			has_watched = true;
		} else {
			be_idle(w, NULL);
		}
		now = clock_mono_us();
	}
	/* Somebody else looks after the bulk now. */
	if (has_watched && bulk_is_free(j))
		wake(take_idle(j));
	return now;
}

static void *
worker(void *arg)
{
	struct worker *w = arg;
	struct jobs *j = w->jobs;

	pthread_mutex_lock(&j->lock);
	for (;;) {
		uint64_t now = wait_for_work(w);

		if (is_turn_of_bulk(j, now))
			run_next_bulk(j, now);
		else if (!list_is_empty(&j->ready))
			run_next_of_strand(j, now);
		else /* what is left of the bulk is for those who run bulk jobs now */
			break;
		j->pending--;
	}
	pthread_mutex_unlock(&j->lock);
	return NULL;
}

enum rc
jobs_new(size_t n, struct jobs **ret)
{
	struct jobs *j = xcalloc(1, sizeof(*j) + n * sizeof(j->workers[0]));

	pthread_mutex_init(&j->lock, NULL);
	atomic_init(&j->refs, 1);
	list_init(&j->idle);
	metric_register(&wait_time);
	metric_register(&bulk_ran);
	htab_init(&j->strands);
	list_init(&j->ready);
	list_init(&j->bulk);
	j->bulk_max = n / BULK_SHARE > 0 ? n / BULK_SHARE : 1;
	for (size_t i = 0; i < n; i++) {
		struct worker *w = &j->workers[i];
		char name[32];

		w->jobs = j;
		sem_init(&w->wake, 0, 0);
		j->n++;
		snprintf(name, sizeof(name), "worker-%zu", i);
		if (thread_start(name, THREAD_STACK, worker, w, &w->thread) != RC_OK) {
			sem_destroy(&w->wake);
			j->n--;
			jobs_free(j);
			return RC_IO;
		}
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
	while (!list_is_empty(&j->idle))
		wake(take_idle(j));
	pthread_mutex_unlock(&j->lock);
	for (size_t i = 0; i < j->n; i++) {
		pthread_join(j->workers[i].thread, NULL);
		sem_destroy(&j->workers[i].wake);
	}
	htab_done(&j->strands);
	unref(j);
}

void
job_run(struct jobs *j, uint64_t strand, struct loop *l, job_fn *work, job_fn *done,
        void *arg)
{
	struct job *job = xmalloc(sizeof(*job));

	*job = (struct job){
		.work = work, .done = done, .arg = arg, .loop = l, .jobs = j
	};
	pthread_mutex_lock(&j->lock);
	j->pending++;
	struct worker *w = enqueue(j, strand, job) ? take_idle(j) : NULL;
	pthread_mutex_unlock(&j->lock);
	wake(w); /* now it finds the lock free */
}

void
job_run_bulk(struct jobs *j, struct loop *l, job_fn *work, job_fn *done, void *arg)
{
	struct job *job = xmalloc(sizeof(*job));

	*job = (struct job){
		.work = work, .done = done, .arg = arg, .loop = l, .jobs = j
	};
	pthread_mutex_lock(&j->lock);
	j->pending++;
	if (list_is_empty(&j->bulk) && j->bulk_running == 0)
		j->bulk_last_us = clock_mono_us();
	list_push_back(&j->bulk, &job->link);
	struct worker *w = take_idle(j);
	pthread_mutex_unlock(&j->lock);
	wake(w);
}

void
job_submit(struct jobs *j, uint64_t strand, job_fn *work, void *arg)
{
	job_run(j, strand, NULL, work, NULL, arg);
}

void
jobs_set_busy(struct jobs *j, uint64_t busy_ms)
{
	j->busy_ms = busy_ms;
}

uint64_t
jobs_busy(const struct jobs *cj)
{
	struct jobs *j = (struct jobs *)cj;
	uint64_t waited = 0;

	if (j->busy_ms == 0)
		return 0;
	pthread_mutex_lock(&j->lock);
	/* The clock under the lock: what is ready became so before. */
	if (!list_is_empty(&j->ready))
		waited = (clock_mono_us() -
		          list_first(&j->ready, struct strand, ready)->ready_us) /
		         1000;
	pthread_mutex_unlock(&j->lock);
	if (waited < j->busy_ms)
		return 0;
	/* As long as those wait who are here, and up to as much again. */
	return waited + random_below(waited + BUSY_SPREAD_MS);
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
