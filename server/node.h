/* SPDX-License-Identifier: ISC
 *
 * node.h - this process as one of the nodes of a store: a thread that beats.
 */
#ifndef SERVER_NODE_H
#define SERVER_NODE_H

#include "base/rc.h"

struct node;
struct store;

/* Joins and starts the thread. name: "" for the host's. */
enum rc node_start(struct store *s, const char *name, struct node **ret,
                   struct err *err) MUST_CHECK;
/* Ends the thread and the node's life. NULL is fine. */
void node_stop(struct node *n);

#endif
