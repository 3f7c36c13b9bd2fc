/* SPDX-License-Identifier: ISC
 *
 * push_bus_seen.h - which message of each node came last in each stream, so that one that
 * is missing is noticed. Bounded: the node not heard for longest is forgotten, and begins
 * afresh. Not thread-safe.
 */
#ifndef PUSH_PUSH_BUS_SEEN_H
#define PUSH_PUSH_BUS_SEEN_H

#include "push/push_bus_msg.h"

#define PUSH_BUS_NODES_MAX 256

struct push_bus_node;

struct push_bus_seen {
	struct push_bus_node *nodes[PUSH_BUS_NODES_MAX];
	size_t n;
	uint64_t turn; /* of the last message */
};

enum push_bus_order {
	PUSH_BUS_ORDER_FIRST, /* of its node in its stream, as far as is known */
	PUSH_BUS_ORDER_NEXT,
	PUSH_BUS_ORDER_GAP, /* some before it have not come */
	PUSH_BUS_ORDER_OLD, /* doubled, or late */
};

void push_bus_seen_init(struct push_bus_seen *s);
void push_bus_seen_done(struct push_bus_seen *s);
enum push_bus_order
push_bus_seen_note(struct push_bus_seen *s, const struct push_bus_msg *m);
/* What comes next in each stream is the first: messages may have passed unseen, and that
 * is known. */
void push_bus_seen_forget(struct push_bus_seen *s);

#endif
