/* SPDX-License-Identifier: ISC
 *
 * recur_private.h - what the files of recurrences share.
 */
#ifndef FORMAT_RECUR_PRIVATE_H
#define FORMAT_RECUR_PRIVATE_H

#include "format/recur.h"

/* "SU", "MO"... */
extern const char *const recur_weekdays[];
/* 0: Sunday; -1: none */
int recur_weekday(struct span s);
/* BYMONTH of a leap month (RFC 7529 "5L") is the month and this. */
#define RECUR_LEAP_MONTH 100

/* A list of one. */
struct recur_list recur_list_of(int v, struct arena *a);
/* The last moment of the series in its own local time, as civil seconds. */
int64_t recur_until(const struct recur *r, const struct pim_time *start,
                    const struct tzone *zone);
/* The starts behind the first; left of them at most. */
enum rc recur_each_rscale(const struct recur *r, const struct pim_time *start,
                          int64_t until, int64_t low, int64_t high, uint32_t left,
                          recur_fn *fn, void *arg) MUST_CHECK;

#endif
