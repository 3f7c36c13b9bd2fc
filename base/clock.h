/* SPDX-License-Identifier: ISC
 *
 * clock.h - time, in one place so that tests can hold and move it.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include "base/span.h"

/* Milliseconds of a clock that never goes back. */
uint64_t clock_mono_ms(void);
/* Microseconds of the same clock. */
uint64_t clock_mono_us(void);
/* Of the same clock in tests too, where it is never held: for threads that wait in the
 * kernel. */
uint64_t clock_kernel_ms(void);
/* Milliseconds since 1970-01-01 UTC. */
int64_t clock_wall_ms(void);

/* Tests: from now on both clocks stand still and move only by clock_fake_advance(). */
void clock_fake_start(int64_t wall_ms);
void clock_fake_advance(uint64_t ms);
void clock_fake_stop(void);
bool clock_is_fake(void);

/* size >= 32. "2026-11-21T22:18:00.123Z" (RFC 3339). */
const char *clock_iso8601(int64_t wall_ms, char *ret, size_t size);
/* "Sat, 21 Nov 2026 22:18:00 +0000" (RFC 5322 3.3). */
const char *clock_rfc5322(int64_t wall_ms, char *ret, size_t size);
/* "Sat, 21 Nov 2026 22:18:00 GMT" (RFC 9110 5.6.7). */
const char *clock_http(int64_t wall_ms, char *ret, size_t size);
/* Days since 1970-01-01 of a proleptic Gregorian date, and back. */
int64_t clock_days_from_civil(int year, unsigned month, unsigned day);
void clock_civil_from_days(int64_t days, int *ret_year, unsigned *ret_month,
                           unsigned *ret_day);

#endif
