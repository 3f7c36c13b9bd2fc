/* SPDX-License-Identifier: ISC
 *
 * push_bus.h - the bus: what a node commits wakes those who wait on the others.
 *
 * A thread of its own sends what push_publish() has gathered (at once when it is idle, in
 * batches of some milliseconds otherwise) and takes in what comes. The bus is a hint, the
 * modseq in the store is the truth: a message that is lost, doubled, late or out of order
 * delays a wake at worst. Whatever may have been lost is compared (push_compare.h): after
 * each connect, when a sequence has a gap, when a sender says that it had no room, and by
 * a slow sweep anyway.
 */
#ifndef PUSH_PUSH_BUS_H
#define PUSH_PUSH_BUS_H

#include "base/conf.h"
#include "push/push.h"
#include "push/push_compare.h"

struct push_bus;
struct push_bus_driver;

extern const struct conf_section push_bus_conf_section; /* "bus" */

/* AUTO: PostgreSQL where that is the store's engine; otherwise none. */
enum push_bus_kind {
	PUSH_BUS_AUTO,
	PUSH_BUS_NONE,
	PUSH_BUS_POSTGRESQL,
	PUSH_BUS_NATS,
};

struct push_bus_conf {
	int driver; /* enum push_bus_kind */
	char *url;
	char *subject;
	char *ca;
	char *certificate;
	char *key;
	char *server_name;
	uint64_t sweep_ms;
};

/*
 * The bus that the configuration asks for, set in p; *ret is NULL when it asks for none.
 * It connects by itself, and again whenever it was lost: that the server cannot be
 * reached is no error. RC_INVALID, RC_UNSUPPORTED: the configuration is wrong. s must
 * live until push_bus_free().
 */
enum rc push_bus_open(const struct push_bus_conf *conf,
                      const struct store_conf *store_conf, struct store *s,
                      struct push *p, struct push_bus **ret, struct err *err) MUST_CHECK;

struct push_bus_options {
	struct push *push;
	struct push_bus_driver *driver; /* the bus frees it, on failure too */
	push_modseqs_fn *modseqs;
	void *modseqs_arg;
	uint64_t sweep_ms;  /* 0: no sweep */
	uint64_t linger_ms; /* a shard without waiters is given up after that, or twice
	                       that; 0: a minute */
	size_t queue_max;   /* changes that wait to be sent; 0: 16,384 */
};
/* The same from its parts. */
enum rc push_bus_new(const struct push_bus_options *o, struct push_bus **ret) MUST_CHECK;
/* After the last waiter has gone, and before the loops: sends what is left if it is
 * connected, ends the threads, takes itself out of the hub. NULL is fine. */
void push_bus_free(struct push_bus *b);

/* The hub's calls; any thread, none blocks. */
void push_bus_offer(struct push_bus *b, const struct store_moved *moved, size_t n);
void push_bus_watch(struct push_bus *b, uint64_t user);
void push_bus_unwatch(struct push_bus *b, uint64_t user);

struct push_bus_stats {
	const char *driver;
	uint64_t node;
	bool connected;
	uint64_t sent; /* messages */
	uint64_t sent_changes;
	uint64_t received; /* messages of other nodes */
	uint64_t received_changes;
	uint64_t lost;       /* changes that found no room to wait for being sent */
	uint64_t gaps;       /* messages that did not come, or were told to be missing */
	uint64_t unreadable; /* messages that are none of ours, or of a newer version */
	uint64_t connects;
	uint64_t shards; /* that are subscribed to */
	struct push_compare_stats compare;
};
void push_bus_stats(struct push_bus *b, struct push_bus_stats *ret);

#endif
