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
/* Runs fn(arg) in the thread of loop i and waits for its end. Not from that loop. */
void loops_call(struct loops *ls, size_t i, loop_fn *fn, void *arg);

#endif
