/* SPDX-License-Identifier: ISC
 *
 * mdm_hashing.c - a few threads that hash passwords, and those who wait for them.
 */
#include "mdm/mdm_hashing.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "base/htab.h"
#include "base/mem.h"
#include "base/thread.h"

/* A little behind those who carry mail to phones that are in already. */
#define NICE 5
/* Of the next measure in the mean, as a power of two. */
#define MEAN_SHIFT 3

struct mdm_hash_line {
	struct hnode node; /* in lines */
	struct list link;  /* in ring */
	struct list jobs;
	uint64_t address;
	size_t n;
};

/* Attempts on one name that wait. */
struct name {
	struct hnode node;
	uint64_t name;
	unsigned n;
};

struct mdm_hashing {
	pthread_mutex_t lock; /* over all below */
	pthread_cond_t work;
	struct htab lines;
	struct htab names;
	struct list ring; /* of lines; the first has its turn */
	size_t waiting;
	size_t waiting_max;
	unsigned name_max;
	uint64_t mean_us;
	bool stopped;
	unsigned n;
	pthread_t threads[];
};

static struct mdm_hash_line *
find_line(struct mdm_hashing *h, uint64_t address)
{
	struct hnode *n = htab_find(&h->lines, hash_u64(address));

	for (; n; n = htab_next(n)) {
		struct mdm_hash_line *l = container_of(n, struct mdm_hash_line, node);

		if (l->address == address)
			return l;
	}
	return NULL;
}

static struct name *
find_name(struct mdm_hashing *h, uint64_t name)
{
	struct hnode *n = htab_find(&h->names, hash_u64(name));

	for (; n; n = htab_next(n)) {
		struct name *found = container_of(n, struct name, node);

		if (found->name == name)
			return found;
	}
	return NULL;
}

static void
count_name(struct mdm_hashing *h, uint64_t name)
{
	struct name *n = find_name(h, name);

	if (!n) {
		n = xcalloc(1, sizeof(*n));
		n->name = name;
		htab_add(&h->names, &n->node, hash_u64(name));
	}
	n->n++;
}

static void
uncount_name(struct mdm_hashing *h, uint64_t name)
{
	struct name *n = find_name(h, name);

	if (--n->n > 0)
		return;
	htab_remove(&h->names, &n->node);
	free(n);
}

static void
append(struct mdm_hashing *h, struct mdm_hash_job *j)
{
	struct mdm_hash_line *l = find_line(h, j->address);

	if (!l) {
		l = xcalloc(1, sizeof(*l));
		l->address = j->address;
		list_init(&l->jobs);
		htab_add(&h->lines, &l->node, hash_u64(j->address));
		list_push_back(&h->ring, &l->link);
	}
	list_push_back(&l->jobs, &j->link);
	l->n++;
	j->line = l;
	h->waiting++;
	if (j->name)
		count_name(h, j->name);
}

/* Off its line, which goes when that was the last. */
static void
take_out(struct mdm_hashing *h, struct mdm_hash_job *j)
{
	struct mdm_hash_line *l = j->line;

	list_remove(&j->link);
	j->line = NULL;
	h->waiting--;
	if (j->name)
		uncount_name(h, j->name);
	if (--l->n > 0)
		return;
	list_remove(&l->link);
	htab_remove(&h->lines, &l->node);
	free(l);
}

/* The next one; its line goes to the end of the ring. */
static struct mdm_hash_job *
take_next(struct mdm_hashing *h)
{
	struct mdm_hash_line *l = list_first(&h->ring, struct mdm_hash_line, link);
	struct mdm_hash_job *j = list_first(&l->jobs, struct mdm_hash_job, link);

	list_remove(&l->link);
	list_push_back(&h->ring, &l->link);
	take_out(h, j);
	return j;
}

static void *
run(void *arg)
{
	struct mdm_hashing *h = arg;

	/* Of this thread alone, on Linux. Where that is forbidden it works all the same.
	 */
	(void)setpriority(PRIO_PROCESS, 0, NICE);
	pthread_mutex_lock(&h->lock);
	for (;;) {
		struct mdm_hash_job *j;
		uint64_t began;

		while (list_is_empty(&h->ring) && !h->stopped)
			pthread_cond_wait(&h->work, &h->lock);
		if (h->stopped)
			break;
		j = take_next(h);
		pthread_mutex_unlock(&h->lock);
		began = clock_mono_us();
		j->work(j);
		pthread_mutex_lock(&h->lock);
		h->mean_us += (clock_mono_us() - began) >> MEAN_SHIFT;
		h->mean_us -= h->mean_us >> MEAN_SHIFT;
	}
	pthread_mutex_unlock(&h->lock);
	return NULL;
}

enum rc
mdm_hashing_new(unsigned threads, size_t waiting_max, unsigned name_max,
                struct mdm_hashing **ret)
{
	struct mdm_hashing *h = xcalloc(1, sizeof(*h) + threads * sizeof(h->threads[0]));

	pthread_mutex_init(&h->lock, NULL);
	pthread_cond_init(&h->work, NULL);
	htab_init(&h->lines);
	htab_init(&h->names);
	list_init(&h->ring);
	h->waiting_max = waiting_max;
	h->name_max = name_max;
	for (unsigned i = 0; i < threads; i++) {
		if (thread_start("hash", THREAD_STACK, run, h, &h->threads[i]) != RC_OK) {
			mdm_hashing_free(h);
			return RC_IO;
		}
		h->n++;
	}
	*ret = h;
	return RC_OK;
}

void
mdm_hashing_stop(struct mdm_hashing *h)
{
	pthread_mutex_lock(&h->lock);
	h->stopped = true;
	pthread_cond_broadcast(&h->work);
	pthread_mutex_unlock(&h->lock);
	for (unsigned i = 0; i < h->n; i++)
		pthread_join(h->threads[i], NULL);
	h->n = 0;
	/* Nobody adds any more, but somebody may cancel. */
	pthread_mutex_lock(&h->lock);
	while (h->waiting > 0) {
		struct mdm_hash_job *j = take_next(h);

		pthread_mutex_unlock(&h->lock);
		j->drop(j);
		pthread_mutex_lock(&h->lock);
	}
	pthread_mutex_unlock(&h->lock);
}

void
mdm_hashing_free(struct mdm_hashing *h)
{
	if (!h)
		return;
	mdm_hashing_stop(h);
	htab_done(&h->lines);
	htab_done(&h->names);
	pthread_cond_destroy(&h->work);
	pthread_mutex_destroy(&h->lock);
	free(h);
}

/* The longest line; they are as many as may wait at most, and it is asked only when all
 * places are taken. */
static struct mdm_hash_line *
longest(struct mdm_hashing *h)
{
	struct mdm_hash_line *found = NULL;

	list_each(l, &h->ring, struct mdm_hash_line, link) {
		if (!found || l->n > found->n)
			found = l;
	}
	return found;
}

/* With the lock held: a place for a newcomer of its line. *ret_victim: who gives way, or
 * NULL. */
static bool
make_room(struct mdm_hashing *h, uint64_t address, struct mdm_hash_job **ret_victim)
{
	struct mdm_hash_line *mine, *l;

	*ret_victim = NULL;
	if (h->waiting < h->waiting_max)
		return true;
	mine = find_line(h, address);
	l = longest(h);
	if (!l || l->n <= (mine ? mine->n : 0) + 1)
		return false;
	*ret_victim = list_entry(l->jobs.prev, struct mdm_hash_job, link);
	take_out(h, *ret_victim);
	return true;
}

enum rc
mdm_hashing_add(struct mdm_hashing *h, struct mdm_hash_job *j)
{
	struct mdm_hash_job *victim = NULL;
	const struct name *name;
	enum rc rc = RC_AGAIN;

	pthread_mutex_lock(&h->lock);
	name = j->name ? find_name(h, j->name) : NULL;
	if (!h->stopped && !(name && name->n >= h->name_max) &&
	    make_room(h, j->address, &victim)) {
		append(h, j);
		pthread_cond_signal(&h->work);
		rc = RC_OK;
	}
	pthread_mutex_unlock(&h->lock);
	if (victim)
		victim->drop(victim);
	return rc;
}

bool
mdm_hashing_cancel(struct mdm_hashing *h, struct mdm_hash_job *j)
{
	bool waited;

	pthread_mutex_lock(&h->lock);
	waited = j->line != NULL;
	if (waited)
		take_out(h, j);
	pthread_mutex_unlock(&h->lock);
	return waited;
}

size_t
mdm_hashing_waiting(const struct mdm_hashing *ch)
{
	struct mdm_hashing *h = (struct mdm_hashing *)(uintptr_t)ch;
	size_t n;

	pthread_mutex_lock(&h->lock);
	n = h->waiting;
	pthread_mutex_unlock(&h->lock);
	return n;
}

uint64_t
mdm_hashing_delay_ms(const struct mdm_hashing *ch)
{
	struct mdm_hashing *h = (struct mdm_hashing *)(uintptr_t)ch;
	uint64_t us;

	pthread_mutex_lock(&h->lock);
	us = h->waiting * h->mean_us / (h->n ? h->n : 1);
	pthread_mutex_unlock(&h->lock);
	return us / 1000;
}
