/* SPDX-License-Identifier: ISC
 *
 * spread.h - keeps what begins together from ending together.
 *
 * After a restart or a network cut thousands of devices begin to wait within seconds, all
 * for the same quarter of an hour: they would come back as a tide, for ever. So the more
 * begin at a time, the more each of them ends a little early by chance.
 *
 * Where they have been thinned out to a hundred a second, each of them wakes up a machine
 * that has gone to sleep since the one before, with cold caches: that is most of what it
 * costs. So of a crowd those end together that would end within a fifth of a second.
 */
#ifndef BASE_SPREAD_H
#define BASE_SPREAD_H

#include <stdatomic.h>

#include "base/def.h"

/* Zero-initialised. Any thread. */
struct spread {
	_Atomic uint64_t window; /* which SPREAD_WINDOW_MS */
	_Atomic uint64_t begun;  /* in it */
	_Atomic uint64_t before; /* in the one before */
};

#define SPREAD_WINDOW_MS 10000
/* So few in a window are no crowd. */
#define SPREAD_FEW 20
/* What a crowd is thinned out to, in ends a second ... */
#define SPREAD_RATE 100
/* ... but no wait is shorter by more than its twentieth, or a minute. */
#define SPREAD_PART 20
#define SPREAD_MAX_MS 60000

/* One more wait begins, meant to last wait_ms: how long it should last. */
uint64_t spread_wait(struct spread *s, uint64_t wait_ms);

/* Of a crowd's ends. */
#define SPREAD_TICK_MS 200
/* When a wait had better end that may last until end_ms of clock_mono_ms(): then, or at
 * the tick before. */
uint64_t spread_end(struct spread *s, uint64_t end_ms);

#endif
