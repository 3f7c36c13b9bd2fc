/* SPDX-License-Identifier: ISC
 *
 * loop_private.h - what the I/O files of base/ share with the loop.
 */
#ifndef BASE_LOOP_PRIVATE_H
#define BASE_LOOP_PRIVATE_H

#include <pthread.h>

#include <event2/event.h>
#include <event2/event_struct.h>

#include "base/list.h"
#include "base/loop.h"

/*
 * A call that is due before this turn of the loop ends (or in the next turn, when it is
 * asked for by such a call). Embedded in its owner, who clears it before it goes away.
 */
struct loop_soon {
	struct list link;
	void (*fn)(struct loop_soon *x);
};

static inline void
loop_soon_init(struct loop_soon *x, void (*fn)(struct loop_soon *x))
{
	list_init(&x->link);
	x->fn = fn;
}

/* Asking twice is asking once. */
void loop_soon(struct loop *l, struct loop_soon *x);

static inline void
loop_soon_clear(struct loop_soon *x)
{
	list_remove(&x->link);
}

/*
 * The same for what takes much of the CPU, such as a handshake: they stand in a line of
 * their own, first come first served, and the loop gives them LOOP_HEAVY_US of each turn,
 * at the turn's end. So all else waits for one of them and so long at most, however many
 * there are. first: what was begun already goes before what has not.
 */
#define LOOP_HEAVY_US 1000
#define LOOP_HEAVY_MAX 16 /* in one turn, however short they are */
void loop_heavy(struct loop *l, struct loop_soon *x, bool first);
void loop_heavy_clear(struct loop *l, struct loop_soon *x);
/* How many stand in the line; any thread. */
size_t loop_heavy_waiting(const struct loop *l);

/* LOOP_SCRATCH bytes that anybody may use until he returns to the loop. */
#define LOOP_SCRATCH (32 * 1024)
char *loop_scratch(struct loop *l);

/* Until it is allowed again loop_new() must not be called; loops_part() says why. */
void loop_forbid_new(bool forbid);

#endif
