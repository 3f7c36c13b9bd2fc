/* SPDX-License-Identifier: ISC
 *
 * spread.c - keeps what begins together from ending together.
 */
#include "base/spread.h"

#include "base/clock.h"
#include "base/encode.h"

/* How many have begun lately. Two threads that open a window at once may lose a count. */
static uint64_t
note_begin(struct spread *s)
{
	uint64_t now = clock_mono_ms() / SPREAD_WINDOW_MS + 1;
	uint64_t window = atomic_load_explicit(&s->window, memory_order_relaxed);
	uint64_t begun, before;

	if (window != now && atomic_compare_exchange_strong(&s->window, &window, now)) {
		begun = atomic_exchange(&s->begun, 0);
		atomic_store(&s->before, window + 1 == now ? begun : 0);
	}
	begun = atomic_fetch_add_explicit(&s->begun, 1, memory_order_relaxed) + 1;
	before = atomic_load_explicit(&s->before, memory_order_relaxed);
	return begun > before ? begun : before;
}

uint64_t
spread_wait(struct spread *s, uint64_t wait_ms)
{
	uint64_t crowd = note_begin(s);
	uint64_t early = crowd * 1000 / SPREAD_RATE;

	if (crowd <= SPREAD_FEW)
		return wait_ms;
	if (early > wait_ms / SPREAD_PART)
		early = wait_ms / SPREAD_PART;
	if (early > SPREAD_MAX_MS)
		early = SPREAD_MAX_MS;
	return wait_ms - random_below(early + 1);
}

/* Have many begun in this window or in the one before? */
static bool
is_crowd(struct spread *s)
{
	uint64_t now = clock_mono_ms() / SPREAD_WINDOW_MS + 1;
	uint64_t window = atomic_load_explicit(&s->window, memory_order_relaxed);
	uint64_t begun = atomic_load_explicit(&s->begun, memory_order_relaxed);
	uint64_t before = atomic_load_explicit(&s->before, memory_order_relaxed);

	if (window == now)
		return begun > SPREAD_FEW || before > SPREAD_FEW;
	return window + 1 == now && begun > SPREAD_FEW;
}

uint64_t
spread_end(struct spread *s, uint64_t end_ms)
{
	return is_crowd(s) ? end_ms - end_ms % SPREAD_TICK_MS : end_ms;
}
