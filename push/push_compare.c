/* SPDX-License-Identifier: ISC
 *
 * push_compare.c - comparing what waiters saw with what the store has.
 *
 * A stripe of the hub at a time: its users are noted under the lock, their modseqs read
 * without it, and who is behind is marked under the lock again.
 */
#include "push/push_compare.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metric.h"
#include "base/thread.h"
#include "push/push_private.h"

#define BATCH 256     /* users of one read */
#define RETRY_MS 1000 /* after the store could not be read */

#define WORDS (STORE_SHARD_NUMBERS / 64)

static struct metric metric_rounds =
	METRIC_COUNTER("godwit_bus_compares_total",
                       "Comparisons of waiters with the store that a loss asked for.");
static struct metric metric_users =
	METRIC_COUNTER("godwit_bus_compared_users_total",
                       "Users whose modseq was read to compare, sweeps included.");
static struct metric metric_woken = METRIC_COUNTER(
	"godwit_bus_compare_woken_total", "Waiters that a comparison found behind.");

struct push_compare {
	struct push *push;
	push_modseqs_fn *fn;
	void *arg;
	uint64_t sweep_ms;
	pthread_t thread;

	pthread_mutex_t lock; /* what follows */
	pthread_cond_t changed;
	uint64_t asked[WORDS];
	bool is_asked;
	bool stop;

	/* The thread's own. */
	unsigned stripe;      /* the next one to be swept */
	uint64_t sweep_at_ms; /* when */
	uint64_t retry_at_ms; /* nothing before that */
	uint64_t *users;
	size_t n_users;
	size_t cap_users;
	bool failed; /* told in the log */

	atomic_uint_fast64_t rounds;
	atomic_uint_fast64_t swept;
	atomic_uint_fast64_t read;
	atomic_uint_fast64_t woken;
};

/* -- the hub's side -- */

struct walk {
	struct push_compare *c;
	const uint64_t *shards; /* NULL: all */
};

static void
note_user(struct hnode *h, void *arg)
{
	const struct push_wait *w = container_of(h, struct push_wait, node);
	struct walk *walk = arg;
	struct push_compare *c = walk->c;
	unsigned shard = store_shard_number(w->user);

	if (walk->shards && !(walk->shards[shard / 64] >> shard % 64 & 1))
		return;
	if (c->n_users == c->cap_users) {
		c->cap_users = c->cap_users ? c->cap_users * 2 : 256;
		c->users = xreallocarray(c->users, c->cap_users, sizeof(*c->users));
	}
	c->users[c->n_users++] = w->user;
}

static int
compare_u64(const void *pa, const void *pb)
{
	const uint64_t *a = pa, *b = pb;

	return (*a > *b) - (*a < *b);
}

/* Each of them once. */
static void
collect(struct push_compare *c, unsigned stripe, const uint64_t *shards)
{
	struct push_stripe *s = &c->push->stripes[stripe];
	struct walk walk = { c, shards };
	size_t n = 0;

	c->n_users = 0;
	pthread_mutex_lock(&s->lock);
	htab_each(&s->waiters, note_user, &walk);
	pthread_mutex_unlock(&s->lock);
	if (c->n_users > 1)
		qsort(c->users, c->n_users, sizeof(*c->users), compare_u64);
	for (size_t i = 0; i < c->n_users; i++) {
		if (i == 0 || c->users[i] != c->users[n - 1])
			c->users[n++] = c->users[i];
	}
	c->n_users = n;
}

/* -- one comparison -- */

static bool
is_stopping(struct push_compare *c)
{
	pthread_mutex_lock(&c->lock);
	bool stop = c->stop;
	pthread_mutex_unlock(&c->lock);
	return stop;
}

static enum rc
compare_batch(struct push_compare *c, const uint64_t *users, size_t n)
{
	uint64_t modseqs[BATCH];
	enum rc rc = c->fn(users, n, modseqs, c->arg);
	size_t woken = 0;

	if (rc)
		return rc;
	for (size_t i = 0; i < n; i++)
		woken += push_wake_behind(c->push, users[i], modseqs[i]);
	atomic_fetch_add(&c->read, n);
	atomic_fetch_add(&c->woken, woken);
	metric_add(&metric_users, (int64_t)n);
	metric_add(&metric_woken, (int64_t)woken);
	return RC_OK;
}

static enum rc
compare_stripe(struct push_compare *c, unsigned stripe, const uint64_t *shards)
{
	enum rc rc = RC_OK;

	collect(c, stripe, shards);
	for (size_t at = 0; at < c->n_users && !rc; at += BATCH) {
		size_t n = c->n_users - at;

		if (is_stopping(c))
			return RC_OK;
		rc = compare_batch(c, c->users + at, n < BATCH ? n : BATCH);
	}
	return rc;
}

/* The store's engine has said what is wrong. */
static void
note_result(struct push_compare *c, enum rc rc)
{
	if (rc && !c->failed)
		log_warn(NULL, "bus.compare put off", "rc=%s",
		         LOG_STR(span_str(rc_str(rc))));
	c->failed = rc != RC_OK;
	c->retry_at_ms = rc ? clock_kernel_ms() + RETRY_MS : 0;
}

static void
compare_asked(struct push_compare *c, const uint64_t *shards)
{
	uint64_t users = atomic_load(&c->read), woken = atomic_load(&c->woken);
	enum rc rc = RC_OK;

	for (unsigned i = 0; i < PUSH_STRIPES && !rc; i++)
		rc = compare_stripe(c, i, shards);
	note_result(c, rc);
	if (rc) {
		pthread_mutex_lock(&c->lock);
		for (size_t i = 0; i < WORDS; i++)
			c->asked[i] |= shards[i];
		c->is_asked = true;
		pthread_mutex_unlock(&c->lock);
		return;
	}
	atomic_fetch_add(&c->rounds, 1);
	metric_add(&metric_rounds, 1);
	users = atomic_load(&c->read) - users;
	if (users > 0)
		log_debug(NULL, "bus.compare", "users=%llu woken=%llu",
		          (unsigned long long)users,
		          (unsigned long long)(atomic_load(&c->woken) - woken));
}

/* A stripe in its part of the period, so that a full hub is no burst. */
static void
sweep(struct push_compare *c)
{
	enum rc rc = compare_stripe(c, c->stripe, NULL);
	uint64_t now = clock_kernel_ms();

	note_result(c, rc);
	if (rc)
		return;
	atomic_fetch_add(&c->swept, 1);
	c->stripe = (c->stripe + 1) % PUSH_STRIPES;
	c->sweep_at_ms += c->sweep_ms / PUSH_STRIPES + 1;
	if (c->sweep_at_ms < now) /* late: no hurry to catch up */
		c->sweep_at_ms = now;
}

/* -- the thread -- */

/* Under the lock: 0 for now, or when there is something to do without being asked. */
static uint64_t
next_ms(const struct push_compare *c)
{
	if (c->retry_at_ms > 0)
		return c->retry_at_ms;
	if (c->is_asked)
		return 0;
	return c->sweep_ms ? c->sweep_at_ms : UINT64_MAX;
}

/* Under the lock. */
static void
wait_until(struct push_compare *c, uint64_t ms)
{
	struct timespec t = { .tv_sec = (time_t)(ms / 1000),
		              .tv_nsec = (long)(ms % 1000) * 1000000 };

	if (ms == UINT64_MAX)
		pthread_cond_wait(&c->changed, &c->lock);
	else
		pthread_cond_timedwait(&c->changed, &c->lock, &t);
}

static void *
run(void *arg)
{
	struct push_compare *c = arg;
	uint64_t shards[WORDS];

	pthread_mutex_lock(&c->lock);
	while (!c->stop) {
		uint64_t at_ms = next_ms(c);

		if (at_ms > clock_kernel_ms()) {
			wait_until(c, at_ms);
			continue;
		}
		c->retry_at_ms = 0;
		bool is_asked = c->is_asked;
		memcpy(shards, c->asked, sizeof(shards));
		memset(c->asked, 0, sizeof(c->asked));
		c->is_asked = false;
		pthread_mutex_unlock(&c->lock);
		if (is_asked)
			compare_asked(c, shards);
		else
			sweep(c);
		pthread_mutex_lock(&c->lock);
	}
	pthread_mutex_unlock(&c->lock);
	return NULL;
}

static void
done(struct push_compare *c)
{
	pthread_cond_destroy(&c->changed);
	pthread_mutex_destroy(&c->lock);
	free(c->users);
	free(c);
}

enum rc
push_compare_new(struct push *p, push_modseqs_fn *fn, void *arg, uint64_t sweep_ms,
                 struct push_compare **ret)
{
	struct push_compare *c = xcalloc(1, sizeof(*c));
	pthread_condattr_t attr;

	metric_register(&metric_rounds);
	metric_register(&metric_users);
	metric_register(&metric_woken);
	c->push = p;
	c->fn = fn;
	c->arg = arg;
	c->sweep_ms = sweep_ms;
	c->sweep_at_ms = clock_kernel_ms() + sweep_ms / PUSH_STRIPES;
	pthread_mutex_init(&c->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&c->changed, &attr);
	pthread_condattr_destroy(&attr);
	if (thread_start("compare", 0, run, c, &c->thread) != RC_OK) {
		done(c);
		return RC_IO;
	}
	*ret = c;
	return RC_OK;
}

void
push_compare_free(struct push_compare *c)
{
	if (!c)
		return;
	pthread_mutex_lock(&c->lock);
	c->stop = true;
	pthread_cond_signal(&c->changed);
	pthread_mutex_unlock(&c->lock);
	pthread_join(c->thread, NULL);
	done(c);
}

void
push_compare_ask(struct push_compare *c, uint32_t stream)
{
	pthread_mutex_lock(&c->lock);
	if (stream == PUSH_BUS_STREAM_ALL)
		memset(c->asked, 0xff, sizeof(c->asked));
	else
		c->asked[stream / 64] |= UINT64_C(1) << stream % 64;
	c->is_asked = true;
	pthread_cond_signal(&c->changed);
	pthread_mutex_unlock(&c->lock);
}

void
push_compare_stats(const struct push_compare *c, struct push_compare_stats *ret)
{
	ret->rounds = atomic_load(&c->rounds);
	ret->swept = atomic_load(&c->swept);
	ret->users = atomic_load(&c->read);
	ret->woken = atomic_load(&c->woken);
}
