/* SPDX-License-Identifier: ISC
 *
 * push_bus_private.h - what push_bus.c and push_bus_run.c share.
 */
#ifndef PUSH_PUSH_BUS_PRIVATE_H
#define PUSH_PUSH_BUS_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "push/push_bus.h"
#include "push/push_bus_driver.h"
#include "push/push_bus_queue.h"
#include "push/push_bus_seen.h"

/* A set of streams. */
struct push_bus_set {
	uint64_t words[PUSH_BUS_STREAMS / 64 + 1];
};

static inline void
push_bus_set_add(struct push_bus_set *s, uint32_t i)
{
	s->words[i / 64] |= UINT64_C(1) << i % 64;
}

static inline void
push_bus_set_remove(struct push_bus_set *s, uint32_t i)
{
	s->words[i / 64] &= ~(UINT64_C(1) << i % 64);
}

static inline bool
push_bus_set_has(const struct push_bus_set *s, uint32_t i)
{
	return s->words[i / 64] >> i % 64 & 1;
}

static inline void
push_bus_set_join(struct push_bus_set *to, const struct push_bus_set *s)
{
	for (size_t i = 0; i < ARRAY_LEN(s->words); i++)
		to->words[i] |= s->words[i];
}

/* The first member from i on, or PUSH_BUS_STREAMS. */
uint32_t push_bus_set_next(const struct push_bus_set *s, uint32_t i);

struct push_bus {
	struct push *push;
	struct push_bus_driver *driver;
	struct push_compare *compare;
	uint64_t node;
	uint64_t linger_ms;
	pthread_t thread;
	bool started;
	int wake_fd;
	int stop_fd; /* readable: no call of the driver is to wait any more */

	_Atomic uint32_t waiters[STORE_SHARD_NUMBERS]; /* when by_shard */

	pthread_mutex_t lock;       /* what follows */
	struct push_bus_queue in;   /* to be sent */
	struct push_bus_set lost;   /* streams of which something found no room */
	struct push_bus_set wanted; /* shards whose first waiter has come */
	bool signalled;             /* wake_fd was written, the thread will look */
	bool has_lost, has_wanted, is_down, stop;
	char why[256]; /* is_down */

	pthread_mutex_t seen_lock;
	struct push_bus_seen seen;
	uint64_t unreadable_at_ms; /* when that was compared for last; 0: never */

	/* The thread's own. */
	struct push_bus_queue out;
	uint64_t sequences[PUSH_BUS_STREAMS];
	struct push_bus_set unsure;     /* sent, and not confirmed */
	struct push_bus_set subscribed; /* shards */
	struct push_bus_set quiet;      /* of those: no waiters when last looked at */
	bool has_unsure;
	uint64_t confirm_at_ms;
	uint64_t linger_at_ms;
	uint64_t sent_at_ms;  /* the last batch */
	uint64_t retry_at_ms; /* when not connected */
	uint64_t back_off_ms;
	uint64_t down_at_ms; /* since when; 0: never was connected */
	bool told_down;      /* in the log */

	atomic_bool connected;
	atomic_uint_fast64_t sent, sent_changes, received, received_changes, n_lost, gaps,
		unreadable, connects, shards;
};

/* push_bus_run.c: the thread. */
void *push_bus_run(void *bus);
/* push_bus.c: makes the thread look. */
void push_bus_signal(struct push_bus *b);

static inline uint32_t
push_bus_stream_of(const struct push_bus *b, uint64_t user)
{
	return b->driver->ops->by_shard ? store_shard_number(user) : PUSH_BUS_STREAM_ALL;
}

extern struct metric push_bus_metric_sent, push_bus_metric_connects,
	push_bus_metric_connected;

#endif
