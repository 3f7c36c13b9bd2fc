/* SPDX-License-Identifier: ISC
 *
 * push_private.h - what push.c and push_wait.c share: stripes, lanes and the waiter.
 *
 * Locks, in the order of taking: stripe, lane. A stripe's lock guards who is linked into
 * the hub; a lane's lock guards the todo bits of its loop's waiters and its queue. No
 * callback runs under either.
 */
#ifndef PUSH_PUSH_PRIVATE_H
#define PUSH_PUSH_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/htab.h"
#include "base/list.h"
#include "base/metric.h"
#include "push/push_wait.h"

#define PUSH_STRIPES PUSH_PARTS

struct push_stripe {
	pthread_mutex_t lock;
	struct htab waiters; /* by user; several of one user have the same hash */
};

/*
 * The way from publishers to one loop. Lives until the hub has gone and its last post has
 * run.
 */
struct push_lane {
	struct push_lane *next;      /* in the hub */
	struct push_lane *post_next; /* in a publisher's hand, while posted is just set */
	struct loop *loop;
	pthread_mutex_t lock;
	pthread_cond_t idle; /* running became NULL, and somebody waits for it */
	struct list queue;   /* of waiters with something to do in the loop */
	struct list turn;    /* what the turn that runs now has taken from the queue */
	struct push_wait *running; /* its fn may be running */
	unsigned sleepers;         /* on idle */
	uint64_t queued_us;        /* when the first of the queue came */
	uint64_t turn_us; /* the same of the turn; 0: no turn. The loop's thread */
	unsigned refs;    /* the hub's, and one for each post under way */
	bool posted;
};

struct push {
	struct push_stripe stripes[PUSH_STRIPES];
	pthread_mutex_t lanes_lock;
	struct push_lane *lanes;
	struct push_bus *bus; /* or NULL */
	_Atomic size_t waiting;
	_Atomic uint32_t access_moves;
};

enum push_todo {
	PUSH_TODO_ARM = 1 << 0,  /* set the deadline's timer */
	PUSH_TODO_WAKE = 1 << 1, /* something moved */
	PUSH_TODO_FREE = 1 << 2, /* freed from another thread: the loop clears up */
};

struct push_wait {
	struct hnode node; /* in the stripe, while linked */
	struct list ready; /* in the lane's queue or turn */
	struct loop_timer timer;
	struct push *push;
	struct push_lane *lane;
	push_wait_fn *fn;
	void *arg;
	uint64_t user;
	_Atomic uint64_t saw; /* push_wait_saw() */
	uint64_t born_ms;
	_Atomic uint64_t due_ms; /* of the deadline; 0: none, or told already */
	uint32_t coalesce_ms;
	uint32_t not_by_device;
	uint32_t n_collections;
	uint32_t device;
	uint8_t kind; /* enum push_kind */
	uint8_t todo; /* PUSH_TODO_*; the lane's lock */
	bool marked;  /* moved since fn was called last; the lane's lock */
	bool linked;  /* the stripe's lock */
	bool repeat : 1;
	bool is_gathering : 1; /* the timer runs for coalesce_ms; the loop's thread */
	uint32_t collections[];
};

static inline struct push_stripe *
push_stripe_of(struct push *p, uint64_t hash)
{
	/* The table itself uses the low bits. */
	return &p->stripes[hash >> 58];
}

_Static_assert(PUSH_STRIPES == 1 << (64 - 58), "the stripe is the hash's top six bits");

/* With the lane's lock held: puts w into the queue. True: the caller must
 * push_lane_post(). */
bool push_lane_enqueue(struct push_lane *lane, struct push_wait *w, enum push_todo todo);
/* After push_lane_enqueue() said so, without the lane's lock. */
void push_lane_post(struct push_lane *lane);
/* The hub's lane to l, made at need. */
struct push_lane *push_lane_get(struct push *p, struct loop *l);
void push_lane_unref(struct push_lane *lane);
/* With the lane's lock held: no fn runs any more. */
void push_lane_rest(struct push_lane *lane);

extern struct metric push_metric_wake;
void push_answer_register_metrics(void);

/* In the loop's thread: does what todo says; w may be gone after it. */
void push_wait_run(struct push_wait *w, unsigned todo);
/* Frees the memory of a waiter that is linked and queued nowhere; in the loop's thread,
 * or when its timer was never set. */
void push_wait_destroy(struct push_wait *w);
/* Marks the waiters of user that have not seen modseq; how many. */
size_t push_wake_behind(struct push *p, uint64_t user, uint64_t modseq);
/* Does a publication of these changes concern w? */
bool
push_wait_matches(const struct push_wait *w, const struct store_moved *moved, size_t n);

#endif
