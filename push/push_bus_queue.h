/* SPDX-License-Identifier: ISC
 *
 * push_bus_queue.h - what moved and is still to be told to the other nodes: one entry a
 * (user, collection), a bounded number of them. Not thread-safe.
 */
#ifndef PUSH_PUSH_BUS_QUEUE_H
#define PUSH_PUSH_BUS_QUEUE_H

#include "base/htab.h"
#include "store/store.h"

struct push_bus_entry {
	struct hnode node;
	struct store_moved moved;
};

struct push_bus_queue {
	struct htab keys;
	struct push_bus_entry *entries; /* n of them, in the order of coming */
	size_t n;
	size_t max;
};

void push_bus_queue_init(struct push_bus_queue *q, size_t max);
void push_bus_queue_done(struct push_bus_queue *q);
/* Joins an entry of the same collection: the highest modseq, no device when they differ.
 * False: there is no room. */
bool push_bus_queue_add(struct push_bus_queue *q, const struct store_moved *moved);
void push_bus_queue_clear(struct push_bus_queue *q);
/* By stream (a shard's number, when by_shard) and user; the queue takes no more until it
 * is cleared. */
void push_bus_queue_sort(struct push_bus_queue *q, bool by_shard);

#endif
