/* SPDX-License-Identifier: ISC
 *
 * htab.h - an intrusive chained hash table that grows as it fills.
 *
 * The table owns its buckets, never the nodes. Keys are hashed by the caller, with
 * hash_u64() or hash_bytes() (SipHash-2-4 keyed at random at start, so that a peer
 * cannot choose collisions). Not thread-safe.
 */
#ifndef BASE_HTAB_H
#define BASE_HTAB_H

#include "base/span.h"

struct hnode {
	struct hnode *next;
	uint64_t hash;
};

struct htab {
	struct hnode **buckets; /* NULL until the first insertion */
	size_t mask;
	size_t count;
};

uint64_t hash_u64(uint64_t v);
uint64_t hash_bytes(struct span s);
/* SipHash-2-4 with a key of one's own: the same in every process and run. */
uint64_t siphash(const uint64_t key[2], struct span s);

void htab_init(struct htab *t);
void htab_done(struct htab *t);
void htab_add(struct htab *t, struct hnode *n, uint64_t hash);
/* n must be in t. */
void htab_remove(struct htab *t, struct hnode *n);
/* First node with this hash, or NULL; htab_next() for the others with the same hash. */
struct hnode *htab_find(const struct htab *t, uint64_t hash);
struct hnode *htab_next(const struct hnode *n);
typedef void htab_visit_fn(struct hnode *n, void *arg);
/* Walks all; fn may remove and free the node that it is given, no other, and add none. */
void htab_each(struct htab *t, htab_visit_fn *fn, void *arg);

#endif
