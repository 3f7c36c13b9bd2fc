/* SPDX-License-Identifier: ISC
 *
 * store_node.h - the nodes that share a database: who lives, and what the dead leave.
 *
 * A node's run from join to leave is a life, numbered, never again. A node beats: it
 * raises a number in its row. The others watch that number by their own monotonic clocks,
 * and call a node dead when it has not moved for STORE_NODE_DEAD_MS of theirs: no two
 * clocks are compared. A life that was called dead holds nothing any more; when its node
 * comes back it begins another one. With SQLite there is one node and nothing is written
 * but at its start and end.
 */
#ifndef STORE_STORE_NODE_H
#define STORE_STORE_NODE_H

#include "store/store.h"

#define STORE_NODE_BEAT_MS 3000
#define STORE_NODE_DEAD_MS 10000

#define STORE_NODE_STATE_LIST(X)                                                         \
	X(ALIVE, "alive")                                                                \
	X(STOPPED, "stopped") /* it said so */                                           \
	X(DEAD, "dead")       /* the others said so */

enum store_node_state {
#define X(name, text) STORE_NODE_##name,
	STORE_NODE_STATE_LIST(X)
#undef X
};
const char *store_node_state_str(enum store_node_state s);

struct store_node {
	struct span name;
	uint64_t life;
	enum store_node_state state;
	struct span version;
	struct span host;
	int64_t started_ms; /* by the clock of that node, as the next */
	int64_t seen_ms;    /* its last beat; with SQLite: now */
};

/* True when other nodes may have the same database. */
bool store_is_shared(const struct store *s);

/*
 * Begins a life; leases of earlier ones of the same name end. Names are unique: whoever
 * comes with a name takes it over, and the one before stays out until it is free.
 * host: as it is to be shown.
 */
enum rc store_node_join(struct store *s, struct span name, struct span host) MUST_CHECK;
/* Every STORE_NODE_BEAT_MS after the join, from one thread. Calls others dead, frees what
 * they held, and joins again when it was called dead itself. */
enum rc store_node_beat(struct store *s) MUST_CHECK;
/* Ends the life, and with it its leases. Also without a join. */
enum rc store_node_leave(struct store *s) MUST_CHECK;
/* False: the others may have called this node dead by now, so that what it holds may be
 * another's already. Cheap; any thread. True where nobody joined. */
bool store_node_is_live(const struct store *s);
/* The present life's number; 0: none. */
uint64_t store_node_life(const struct store *s);
/* True when the life is known to be over. RC_OK and *ret, or a failure to look. */
enum rc store_node_is_over(struct store *s, uint64_t life, bool *ret) MUST_CHECK;
/* By name, arrays in a. */
enum rc store_node_list(struct store *s, struct arena *a, struct store_node **ret,
                        size_t *ret_n) MUST_CHECK;

#endif
