/* SPDX-License-Identifier: ISC
 *
 * push_bus_seen.c - sequences of the other nodes.
 */
#include "push/push_bus_seen.h"

#include <stdlib.h>

#include "base/mem.h"

struct push_bus_node {
	uint64_t id;
	uint64_t turn;    /* when it was heard last */
	uint64_t one;     /* sequence in PUSH_BUS_STREAM_ALL; 0: nothing came */
	uint64_t *shards; /* and in those of the shards, once there is one */
};

void
push_bus_seen_init(struct push_bus_seen *s)
{
	*s = (struct push_bus_seen){ .n = 0 };
}

static void
node_free(struct push_bus_node *node)
{
	free(node->shards);
	free(node);
}

void
push_bus_seen_forget(struct push_bus_seen *s)
{
	while (s->n > 0)
		node_free(s->nodes[--s->n]);
}

void
push_bus_seen_done(struct push_bus_seen *s)
{
	push_bus_seen_forget(s);
}

static struct push_bus_node *
node_of(struct push_bus_seen *s, uint64_t id)
{
	struct push_bus_node *node;
	size_t oldest = 0;

	for (size_t i = 0; i < s->n; i++) {
		if (s->nodes[i]->id == id)
			return s->nodes[i];
		if (s->nodes[i]->turn < s->nodes[oldest]->turn)
			oldest = i;
	}
	if (s->n == PUSH_BUS_NODES_MAX) {
		node_free(s->nodes[oldest]);
		s->nodes[oldest] = s->nodes[--s->n];
	}
	node = xcalloc(1, sizeof(*node));
	node->id = id;
	s->nodes[s->n++] = node;
	return node;
}

enum push_bus_order
push_bus_seen_note(struct push_bus_seen *s, const struct push_bus_msg *m)
{
	struct push_bus_node *node = node_of(s, m->node);
	uint64_t *last = &node->one, before;

	node->turn = ++s->turn;
	if (m->stream != PUSH_BUS_STREAM_ALL) {
		if (!node->shards)
			node->shards =
				xcalloc(STORE_SHARD_NUMBERS, sizeof(*node->shards));
		last = &node->shards[m->stream];
	}
	before = *last;
	if (m->sequence > before)
		*last = m->sequence;
	if (before == 0)
		return PUSH_BUS_ORDER_FIRST;
	if (m->sequence <= before)
		return PUSH_BUS_ORDER_OLD;
	return m->sequence == before + 1 ? PUSH_BUS_ORDER_NEXT : PUSH_BUS_ORDER_GAP;
}
