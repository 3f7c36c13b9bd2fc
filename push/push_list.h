/* SPDX-License-Identifier: ISC
 *
 * push_list.h - who waits in the hub, for an admin's eyes.
 *
 * However many wait, what comes out is as long as the caller wants it: each stripe of the
 * hub is locked for a look at its waiters (some 1,500 of 100,000), and nothing is kept.
 */
#ifndef PUSH_PUSH_LIST_H
#define PUSH_PUSH_LIST_H

#include "push/push_wait.h"

#define PUSH_LIST_FOLDERS 8
#define PUSH_LIST_MAX 1000

struct push_waiter {
	uint64_t user;
	uint32_t device; /* 0: none */
	enum push_kind kind;
	uint64_t age_ms;
	uint64_t left_ms; /* until its time is over; 0: it waits without end */
	uint32_t n_collections;
	uint32_t collections[PUSH_LIST_FOLDERS]; /* the first of them; 0: the tree */
};

enum push_order { PUSH_ORDER_OLDEST, PUSH_ORDER_YOUNGEST, PUSH_ORDER_LEFT };

/* Those who come first in the order, at most max (to PUSH_LIST_MAX); returns how many.
 * ret_kinds: how many wait of each kind in all. Any thread. */
size_t push_list(struct push *p, enum push_order order, struct push_waiter *ret,
                 size_t max, size_t ret_kinds[PUSH_KINDS]);
/* Does this device wait? */
bool
push_list_find(struct push *p, uint64_t user, uint32_t device, struct push_waiter *ret);

#endif
