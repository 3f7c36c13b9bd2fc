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
/* Stops and joins all. Objects on the loops must have been closed before. */
void loops_free(struct loops *ls);

size_t loops_count(const struct loops *ls);
struct loop *loops_at(const struct loops *ls, size_t i);
/* How many wait for the CPU of loop i to shake hands; any thread. */
size_t loops_heavy_waiting(const struct loops *ls, size_t i);
/* Runs fn(arg) in the thread of loop i and waits for its end. Not from that loop. */
void loops_call(struct loops *ls, size_t i, loop_fn *fn, void *arg);
/*
 * From now on each loop's thread has a table of file descriptors of its own
 * (unshare(2)), so that the limit of descriptors counts for each. The table begins as a
 * copy, without files and connections, which are the business of who opened them;
 * listening sockets, event and pipe descriptors stay. A descriptor that any thread opens
 * after this call means nothing to a loop that did not open it, so that loops which come
 * later could not be posted to: until loops_free() loop_new() asserts that there are
 * none.
 */
enum rc loops_part(struct loops *ls) MUST_CHECK;

#endif
