/* SPDX-License-Identifier: ISC
 *
 * push.h - the hub: from (user, collection) to those who wait.
 *
 * One hub a process. After each durable commit the store's hook hands over what moved;
 * the hub marks the waiters and their loops call them, coalesced. The hub never reads the
 * store: on waking, a waiter asks the change log.
 */
#ifndef PUSH_PUSH_H
#define PUSH_PUSH_H

#include "store/store.h"

struct push;

enum rc push_new(struct push **ret) MUST_CHECK;
/* All waiters must have been freed. */
void push_free(struct push *p);
AUTO_DEFINE(push);

/* What is published from here on goes to the other nodes as well (push_bus.h); NULL: no
 * more. Before the first waiter, and when the last has gone. */
struct push_bus;
void push_set_bus(struct push *p, struct push_bus *bus);

/* Marks the waiters of what moved and hands it to the bus; any thread, never blocks on
 * I/O. Fits store_on_commit(). */
void push_publish(const struct store_moved *moved, size_t n, void *push);
/* The same for what another node has published. */
void push_wake(struct push *p, const struct store_moved *moved, size_t n);

/* Another number after STORE_MOVED_ACCESS of whomever was published or may have been
 * missed: who keeps a session looks again whether it may go on. Any thread. */
uint32_t push_access_moves(const struct push *p);
/* Wakes all who wait, a PUSH_PARTS-th of them: part 0 to PUSH_PARTS - 1. When what all
 * must hear of has changed; a little at a time, so that they do not all come at once. */
#define PUSH_PARTS 64
void push_wake_part(struct push *p, unsigned part);

/* Waiters now, for metrics. */
size_t push_waiting(const struct push *p);

#endif
