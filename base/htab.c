/* SPDX-License-Identifier: ISC
 *
 * htab.c - intrusive hash table; SipHash-2-4 (Aumasson, Bernstein 2012) with a random
 * key.
 */
#include "base/htab.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/encode.h"
#include "base/mem.h"

#define BUCKETS_FIRST 16

static uint64_t hash_key[2];
static pthread_once_t hash_key_once = PTHREAD_ONCE_INIT;

static void
make_hash_key(void)
{
	random_bytes(hash_key, sizeof(hash_key));
}

static uint64_t
rotl(uint64_t x, unsigned n)
{
	return x << n | x >> (64 - n);
}

static void
sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[1] = rotl(v[1], 13) ^ v[0];
	v[0] = rotl(v[0], 32);
	v[2] += v[3];
	v[3] = rotl(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = rotl(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = rotl(v[1], 17) ^ v[2];
	v[2] = rotl(v[2], 32);
}

static void
sip_word(uint64_t v[4], uint64_t m)
{
	v[3] ^= m;
	sip_round(v);
	sip_round(v);
	v[0] ^= m;
}

static uint64_t
word_of(const char *p, size_t n)
{
	uint64_t m = 0;

	for (size_t i = 0; i < n; i++)
		m |= (uint64_t)(unsigned char)p[i] << (8 * i);
	return m;
}

uint64_t
siphash(const uint64_t key[2], struct span s)
{
	uint64_t v[4] = {
		key[0] ^ 0x736f6d6570736575,
		key[1] ^ 0x646f72616e646f6d,
		key[0] ^ 0x6c7967656e657261,
		key[1] ^ 0x7465646279746573,
	};
	size_t i;

	for (i = 0; i + 8 <= s.n; i += 8)
		sip_word(v, word_of(s.p + i, 8));
	sip_word(v, word_of(s.n > i ? s.p + i : "", s.n - i) | (uint64_t)s.n << 56);
	v[2] ^= 0xff;
	for (i = 0; i < 4; i++)
		sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

uint64_t
hash_bytes(struct span s)
{
	pthread_once(&hash_key_once, make_hash_key);
	return siphash(hash_key, s);
}

uint64_t
hash_u64(uint64_t v)
{
	return hash_bytes(span_of((const char *)&v, sizeof(v)));
}

void
htab_init(struct htab *t)
{
	*t = (struct htab){ 0 };
}

void
htab_done(struct htab *t)
{
	free(t->buckets);
	htab_init(t);
}

static void
grow(struct htab *t)
{
	size_t n = t->buckets ? (t->mask + 1) * 2 : BUCKETS_FIRST;
	struct hnode **old = t->buckets;
	size_t n_old = old ? t->mask + 1 : 0;

	t->buckets = xcalloc(n, sizeof(*t->buckets));
	t->mask = n - 1;
	for (size_t i = 0; i < n_old; i++) {
		struct hnode *next;

		for (struct hnode *h = old[i]; h; h = next) {
			struct hnode **b = &t->buckets[h->hash & t->mask];

			next = h->next;
			h->next = *b;
			*b = h;
		}
	}
	free(old);
}

void
htab_add(struct htab *t, struct hnode *n, uint64_t hash)
{
	struct hnode **b;

	if (!t->buckets || t->count > t->mask)
		grow(t);
	b = &t->buckets[hash & t->mask];
	n->hash = hash;
	n->next = *b;
	*b = n;
	t->count++;
}

void
htab_remove(struct htab *t, struct hnode *n)
{
	struct hnode **at;

	assert(t->buckets);
	at = &t->buckets[n->hash & t->mask];
	while (*at && *at != n)
		at = &(*at)->next;
	assert(*at == n);
	*at = n->next;
	n->next = NULL;
	t->count--;
}

static struct hnode *
same_hash(struct hnode *n, uint64_t hash)
{
	while (n && n->hash != hash)
		n = n->next;
	return n;
}

struct hnode *
htab_find(const struct htab *t, uint64_t hash)
{
	return t->buckets ? same_hash(t->buckets[hash & t->mask], hash) : NULL;
}

struct hnode *
htab_next(const struct hnode *n)
{
	return same_hash(n->next, n->hash);
}

void
htab_each(struct htab *t, htab_visit_fn *fn, void *arg)
{
	for (size_t i = 0; t->buckets && i <= t->mask; i++) {
		struct hnode *next;

		for (struct hnode *n = t->buckets[i]; n; n = next) {
			next = n->next;
			fn(n, arg);
		}
	}
}
