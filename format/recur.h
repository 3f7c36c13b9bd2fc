/* SPDX-License-Identifier: ISC
 *
 * recur.h - rules by which events and tasks repeat: RFC 5545's RRULE with RFC 7529, and
 * MS-ASCAL's and MS-ASTASK's Recurrence, and what each can say of the other.
 */
#ifndef FORMAT_RECUR_H
#define FORMAT_RECUR_H

#include "format/pim.h"

enum recur_freq {
	RECUR_SECONDLY,
	RECUR_MINUTELY,
	RECUR_HOURLY,
	RECUR_DAILY,
	RECUR_WEEKLY,
	RECUR_MONTHLY,
	RECUR_YEARLY,
};

/* A BYxxx list. */
struct recur_list {
	const int16_t *v;
	size_t n;
};

struct recur_day {
	int8_t weekday; /* 0: Sunday */
	int8_t nth;     /* -53 to 53; 0: each */
};

struct recur {
	enum recur_freq freq;
	uint32_t interval;     /* at least 1 */
	uint32_t count;        /* 0: no limit */
	struct pim_time until; /* kind PIM_TIME_NONE: no end; inclusive */
	uint8_t week_start;    /* 0: Sunday; RFC's default is 1 */
	const struct recur_day *by_day;
	size_t n_by_day;
	struct recur_list by_month_day, by_year_day, by_week, by_month, by_set_pos;
	struct recur_list by_hour, by_minute, by_second;
	const char *rscale; /* RFC 7529: "CHINESE", "HEBREW"...; NULL: Gregorian */
	const char *skip;   /* RFC 7529: "BACKWARD", "FORWARD"; NULL: OMIT */
	bool is_leap_month; /* MS-ASCAL IsLeapMonth; with rscale, BYMONTH=5L */
};

/* RC_INVALID: no rule; RC_TOO_BIG: a list of more than 400. */
enum rc recur_parse(struct span rrule, struct arena *a, struct recur *ret) MUST_CHECK;
void recur_write(const struct recur *r, struct buf *out);
bool recur_eq(const struct recur *a, const struct recur *b);

/* MS-ASCAL 2.2.2.37 and MS-ASTASK 2.2.2.17; numbers as on the wire. */
enum recur_eas_type {
	RECUR_EAS_DAILY = 0,
	RECUR_EAS_WEEKLY = 1,
	RECUR_EAS_MONTHLY = 2,
	RECUR_EAS_MONTHLY_NTH = 3,
	RECUR_EAS_YEARLY = 5,
	RECUR_EAS_YEARLY_NTH = 6,
};

struct recur_eas {
	enum recur_eas_type type;
	uint16_t interval;     /* at least 1 */
	uint16_t occurrences;  /* 0: absent */
	struct pim_time until; /* PIM_TIME_UTC, or kind PIM_TIME_NONE: absent */
	uint8_t day_of_week;   /* sum of 1 (Sunday) to 64; 127: each day; 0: absent */
	uint8_t day_of_month;  /* 1 to 31; 0: absent */
	uint8_t week_of_month; /* 1 to 5 (last); 0: absent */
	uint8_t month_of_year; /* 1 to 12; 0: absent */
	uint8_t calendar_type; /* MS-ASCAL 2.2.2.10; 0: default */
	bool is_leap_month;
	int8_t first_day_of_week; /* 0 to 6; -1: absent */
};

/*
 * What MS-ASCAL can say of r for an item that starts at start. until becomes UTC by zone.
 * RC_UNSUPPORTED: it cannot be said (the item is then shown as its instances, or as its
 * first one, as the protocol's file decides).
 */
enum rc recur_to_eas(const struct recur *r, const struct pim_time *start,
                     const struct tzone *zone, struct recur_eas *ret) MUST_CHECK;
/* RC_INVALID: elements that do not go together (MS-ASCAL 2.2.2.37's table) */
enum rc
recur_from_eas(const struct recur_eas *e, const struct pim_time *start,
               const struct tzone *zone, struct arena *a, struct recur *ret) MUST_CHECK;

/*
 * The same for an item that had the rule old (may be NULL): when the client gives back
 * what it was shown of old, that stays as it is, though ActiveSync cannot say all of it.
 */
enum rc recur_change_eas(const struct recur *old, const struct recur_eas *e,
                         const struct pim_time *start, const struct tzone *zone,
                         struct arena *a, struct recur *ret) MUST_CHECK;
/* The same series, whatever is left to defaults. */
bool recur_eas_eq(const struct recur_eas *x, const struct recur_eas *y);

/* vCalendar 1.0's grammar ("MP1 1+ TU #10", "W2 MO WE 20261231T000000Z"). */
enum rc recur_parse_1_0(struct span rule, struct arena *a, struct recur *ret) MUST_CHECK;
/* RC_UNSUPPORTED: cannot be said in 1.0. */
enum rc recur_write_1_0(const struct recur *r, const struct pim_time *start,
                        struct buf *out) MUST_CHECK;

/* A start, in the local time of the series. */
typedef bool recur_fn(const struct civil *at, void *arg);
/*
 * Calls fn for each start of the series that begins at start (which is always its first,
 * RFC 5545 3.8.5.3), in order, from `from` to `to` (both included, in start's own local
 * time), until fn returns false. zone is where a date or floating start is taken to be.
 * RC_TOO_BIG: given up after steps_max (0: 100,000) periods, or 2,000 starts in another
 * calendar; RC_UNSUPPORTED: more than 1,440 times a day, or a rule in another calendar
 * that is not of months and their days: fn gets start alone.
 */
enum rc
recur_each(const struct recur *r, const struct pim_time *start, const struct tzone *zone,
           const struct civil *from, const struct civil *to, size_t steps_max,
           recur_fn *fn, void *arg) MUST_CHECK;

#endif
