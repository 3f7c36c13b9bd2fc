/* SPDX-License-Identifier: ISC
 *
 * push_compare.h - what the bus lost is found again: the modseqs of the waiters' users
 * are read, and who is behind is woken.
 *
 * A thread of its own reads: those of some shards when it is asked (the bus was away, a
 * message is missing), and all of them once in sweep_ms, a little at a time. A waiter is
 * behind when its user's modseq is higher than what push_wait_saw() said last; it asks
 * the change log then, so one that is woken for nothing sees that for itself.
 */
#ifndef PUSH_PUSH_COMPARE_H
#define PUSH_PUSH_COMPARE_H

#include "push/push.h"
#include "push/push_bus_msg.h"

struct push_compare;

/* The modseqs of n users, 0 for who is not there; may block. Fits store_modseqs(). */
typedef enum rc
push_modseqs_fn(const uint64_t *users, size_t n, uint64_t *ret, void *arg);

/* sweep_ms 0: only when asked. RC_IO: no thread. */
enum rc push_compare_new(struct push *p, push_modseqs_fn *fn, void *arg,
                         uint64_t sweep_ms, struct push_compare **ret) MUST_CHECK;
/* Ends the thread. NULL is fine. */
void push_compare_free(struct push_compare *c);

/* The waiters of a shard, or of all with PUSH_BUS_STREAM_ALL; soon, and again until the
 * store could be read. Any thread, never blocks. */
void push_compare_ask(struct push_compare *c, uint32_t stream);

struct push_compare_stats {
	uint64_t rounds; /* that were asked for, and done */
	uint64_t swept;  /* parts of sweeps */
	uint64_t users;  /* read */
	uint64_t woken;  /* waiters that were behind */
};
void push_compare_stats(const struct push_compare *c, struct push_compare_stats *ret);

#endif
