/* SPDX-License-Identifier: ISC
 *
 * push_bus_queue.c - changes gathered for the bus.
 */
#include "push/push_bus_queue.h"

#include <stdlib.h>

#include "base/mem.h"

void
push_bus_queue_init(struct push_bus_queue *q, size_t max)
{
	*q = (struct push_bus_queue){ .max = max };
	htab_init(&q->keys);
	/* Touched as it fills. */
	q->entries = xcalloc(max, sizeof(*q->entries));
}

void
push_bus_queue_done(struct push_bus_queue *q)
{
	htab_done(&q->keys);
	free(q->entries);
	q->entries = NULL;
}

static void
join(struct store_moved *to, const struct store_moved *moved)
{
	if (moved->modseq > to->modseq)
		to->modseq = moved->modseq;
	/* By two devices: news for both of them. */
	if (moved->device != to->device)
		to->device = 0;
	to->added |= moved->added;
}

bool
push_bus_queue_add(struct push_bus_queue *q, const struct store_moved *moved)
{
	uint64_t hash = hash_u64(moved->user ^ (uint64_t)moved->collection << 32);

	for (struct hnode *h = htab_find(&q->keys, hash); h; h = htab_next(h)) {
		struct push_bus_entry *e = container_of(h, struct push_bus_entry, node);

		if (e->moved.user == moved->user &&
		    e->moved.collection == moved->collection) {
			join(&e->moved, moved);
			return true;
		}
	}
	if (q->n == q->max)
		return false;
	q->entries[q->n].moved = *moved;
	htab_add(&q->keys, &q->entries[q->n].node, hash);
	q->n++;
	return true;
}

void
push_bus_queue_clear(struct push_bus_queue *q)
{
	htab_done(&q->keys);
	htab_init(&q->keys);
	q->n = 0;
}

static int
by_user(const void *pa, const void *pb)
{
	const struct store_moved *a = &((const struct push_bus_entry *)pa)->moved;
	const struct store_moved *b = &((const struct push_bus_entry *)pb)->moved;

	if (a->user != b->user)
		return a->user < b->user ? -1 : 1;
	return (a->collection > b->collection) - (a->collection < b->collection);
}

static int
by_shard_and_user(const void *pa, const void *pb)
{
	unsigned a = store_shard_number(((const struct push_bus_entry *)pa)->moved.user);
	unsigned b = store_shard_number(((const struct push_bus_entry *)pb)->moved.user);

	return a != b ? (a > b) - (a < b) : by_user(pa, pb);
}

void
push_bus_queue_sort(struct push_bus_queue *q, bool by_shard)
{
	htab_done(&q->keys); /* it names places */
	htab_init(&q->keys);
	if (q->n > 1)
		qsort(q->entries, q->n, sizeof(*q->entries),
		      by_shard ? by_shard_and_user : by_user);
}
