/* SPDX-License-Identifier: ISC
 *
 * mdm_throttle.c - a set-associative table of counters, so that it never grows.
 */
#include "mdm/mdm_throttle.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/encode.h"
#include "base/htab.h"
#include "base/mem.h"

#define ROWS 8192
#define WAYS 4
/* A name may fail so many times more than an address: others guess at it, too. */
#define NAME_FACTOR 10
/* A pair that passed is known for so long. */
#define KNOWN_MS (30ULL * 24 * 3600 * 1000)

struct slot {
	uint64_t key;      /* 0: free */
	uint64_t since_ms; /* of the first failure in the window */
	uint64_t used_ms;
	uint64_t guess;    /* the last wrong one (pairs) */
	uint64_t known_ms; /* when it passed last (pairs); 0: never */
	uint32_t failures;
};

struct mdm_throttle {
	pthread_mutex_t lock;
	uint32_t failures_max;
	uint64_t window_ms;
	uint64_t key[2];
	struct slot rows[ROWS][WAYS];
};

struct mdm_throttle *
mdm_throttle_new(int64_t failures_max, uint64_t window_ms)
{
	struct mdm_throttle *t = xcalloc(1, sizeof(*t));
	pthread_mutex_init(&t->lock, NULL);
	t->failures_max = failures_max < UINT32_MAX / NAME_FACTOR
	                          ? (uint32_t)failures_max
	                          : UINT32_MAX / NAME_FACTOR;
	t->window_ms = window_ms;
	random_bytes(t->key, sizeof(t->key));
	return t;
}

void
mdm_throttle_free(struct mdm_throttle *t)
{
	if (!t)
		return;
	pthread_mutex_destroy(&t->lock);
	free(t);
}

static uint64_t
key_of(const struct mdm_throttle *t, char kind, const void *p, size_t n)
{
	char bytes[512] = { kind };
	n = n < sizeof(bytes) - 1 ? n : sizeof(bytes) - 1;
	memcpy(bytes + 1, p, n);
	uint64_t key = siphash(t->key, span_of(bytes, n + 1));
	return key ? key : 1;
}

struct mdm_attempt
mdm_attempt_of(const struct mdm_throttle *t, const char *peer, struct span name,
               uint64_t guess)
{
	struct mdm_attempt a = { .guess = guess ? guess : 1 };
	uint8_t ip[16];
	if (inet_pton(AF_INET6, peer, ip) == 1)
		a.address = key_of(t, 'a', ip, 8);
	else
		a.address = key_of(t, 'a', peer, strlen(peer));
	a.name = key_of(t, 'n', name.p, name.n);
	a.pair = key_of(t, 'p', (uint64_t[]){ a.address, a.name }, 2 * sizeof(uint64_t));
	return a;
}

static struct slot *
find(struct mdm_throttle *t, uint64_t key)
{
	struct slot *row = t->rows[key % ROWS];
	for (size_t i = 0; i < WAYS; i++) {
		if (row[i].key == key)
			return &row[i];
	}
	return NULL;
}

static struct slot *
find_or_make(struct mdm_throttle *t, uint64_t key)
{
	struct slot *slot = find(t, key), *row = t->rows[key % ROWS];
	if (slot)
		return slot;
	slot = row;
	for (size_t i = 0; i < WAYS; i++) {
		if (row[i].used_ms < slot->used_ms)
			slot = &row[i];
	}
	*slot = (struct slot){ .key = key };
	return slot;
}

/* The failures of the window that runs, if it does. */
static uint32_t
failures(const struct mdm_throttle *t, const struct slot *slot, uint64_t now)
{
	return slot && now - slot->since_ms < t->window_ms ? slot->failures : 0;
}

static bool
is_over(const struct mdm_throttle *t, const struct slot *slot, uint32_t factor,
        uint64_t now, uint64_t *ret_wait_ms)
{
	if (!slot || failures(t, slot, now) < t->failures_max * factor)
		return false;
	*ret_wait_ms = slot->since_ms + t->window_ms - now;
	return true;
}

static bool
is_known(const struct slot *pair, uint64_t now)
{
	return pair && pair->known_ms && now - pair->known_ms < KNOWN_MS;
}

bool
mdm_throttle_is_known(struct mdm_throttle *t, const struct mdm_attempt *a)
{
	uint64_t now = clock_mono_ms();
	pthread_mutex_lock(&t->lock);
	bool known = is_known(find(t, a->pair), now);
	pthread_mutex_unlock(&t->lock);
	return known;
}

enum mdm_verdict
mdm_throttle_ask(struct mdm_throttle *t, const struct mdm_attempt *a,
                 uint64_t *ret_wait_ms)
{
	uint64_t now = clock_mono_ms(), wait_ms = 0;
	enum mdm_verdict v = MDM_VERDICT_CHECK;
	pthread_mutex_lock(&t->lock);
	const struct slot *pair = find(t, a->pair);
	bool is_new_over = !is_known(pair, now) &&
	                   (is_over(t, find(t, a->address), 1, now, &wait_ms) ||
	                    is_over(t, find(t, a->name), NAME_FACTOR, now, &wait_ms));
	if (pair && pair->guess == a->guess && failures(t, pair, now))
		v = MDM_VERDICT_SAME;
	else if (is_over(t, pair, 1, now, &wait_ms) || is_new_over)
		v = MDM_VERDICT_WAIT;
	pthread_mutex_unlock(&t->lock);
	if (v == MDM_VERDICT_WAIT)
		*ret_wait_ms = wait_ms;
	return v;
}

static struct slot *
count(struct mdm_throttle *t, uint64_t key, uint64_t now)
{
	struct slot *slot = find_or_make(t, key);
	slot->used_ms = now;
	if (failures(t, slot, now) == 0) {
		slot->since_ms = now;
		slot->failures = 0;
	}
	if (slot->failures < UINT32_MAX)
		slot->failures++;
	return slot;
}

void
mdm_throttle_failed(struct mdm_throttle *t, const struct mdm_attempt *a)
{
	uint64_t now = clock_mono_ms();
	pthread_mutex_lock(&t->lock);
	count(t, a->pair, now)->guess = a->guess;
	count(t, a->address, now);
	count(t, a->name, now);
	pthread_mutex_unlock(&t->lock);
}

void
mdm_throttle_passed(struct mdm_throttle *t, const struct mdm_attempt *a)
{
	uint64_t now = clock_mono_ms();
	pthread_mutex_lock(&t->lock);
	struct slot *pair = find_or_make(t, a->pair);
	pair->used_ms = now;
	pair->known_ms = now ? now : 1;
	pair->failures = 0;
	pair->guess = 0;
	pthread_mutex_unlock(&t->lock);
}
