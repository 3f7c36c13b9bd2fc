/* SPDX-License-Identifier: ISC
 *
 * loops.h - one event loop a core, each in a thread of its own.
 */
#ifndef BASE_LOOPS_H
#define BASE_LOOPS_H

#include "base/loop.h"

struct loops;

/* n threads; 0 means one for each core the process may use. They run at once. */
enum rc loops_new(size_t n, struct loops **ret) MUST_CHECK;
/*
 * The same, each thread with a table of file descriptors of its own (unshare(2)), which
 * begins as a copy of the caller's: the limit of descriptors then counts for each loop.
 * From here on a descriptor means something only in the thread that opened it, and in
 * all others when it was open before this call; loops that come later cannot be posted
 * to from these threads, so there may be none before loops_free(): loop_new() asserts it.
 */
enum rc loops_new_apart(size_t n, struct loops **ret) MUST_CHECK;
/* Stops and joins all. Objects on the loops must have been closed before. */
void loops_free(struct loops *ls);

size_t loops_count(const struct loops *ls);
struct loop *loops_at(const struct loops *ls, size_t i);
/* Runs fn(arg) in the thread of loop i and waits for its end. Not from that loop. */
void loops_call(struct loops *ls, size_t i, loop_fn *fn, void *arg);

#endif
