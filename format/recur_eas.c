/* SPDX-License-Identifier: ISC
 *
 * recur_eas.c - RRULE and the Recurrence of ActiveSync ([MS-ASCAL] 2.2.2.37.1).
 *
 * ActiveSync's day 29, 30 or 31 is the last day of months that are shorter; an RRULE
 * leaves such months out. Both are kept: what a client sends becomes the RRULE that means
 * the same (as MS-OXCICAL writes it), and an RRULE with BYMONTHDAY=31 is shown to clients
 * as day 31, since recur_change_eas() keeps the rule when the client gives that back.
 */
#include <strings.h>

#include "format/recur_private.h"

#define ALL_DAYS 127
#define WEEKDAYS 62
#define WEEKEND 65

/* [MS-ASCAL] 2.2.2.10; the others count as the Gregorian calendar does. */
static const struct {
	uint8_t type;
	const char *rscale;
} calendars[] = {
	{ 6, "ISLAMIC-CIVIL" }, { 8, "HEBREW" }, { 15, "CHINESE" },
	{ 14, "CHINESE" },      { 20, "DANGI" }, { 23, "ISLAMIC-UMALQURA" },
};

static const char *
rscale_of(uint8_t type)
{
	for (size_t i = 0; i < ARRAY_LEN(calendars); i++) {
		if (calendars[i].type == type)
			return calendars[i].rscale;
	}
	return NULL;
}

static bool
type_of(const char *rscale, uint8_t *ret)
{
	*ret = 0;
	for (size_t i = 0; rscale && i < ARRAY_LEN(calendars); i++) {
		if (strcasecmp(calendars[i].rscale, rscale) == 0) {
			*ret = calendars[i].type;
			return true;
		}
	}
	return rscale == NULL;
}

struct recur_list
recur_list_of(int v, struct arena *a)
{
	int16_t *p = arena_new_of(a, int16_t);

	*p = (int16_t)v;
	return (struct recur_list){ p, 1 };
}

/* To ActiveSync */

/* The list is absent, or says only what start says already. */
static bool
is_of_start(const struct recur_list *l, int v)
{
	return l->n == 0 || (l->n == 1 && l->v[0] == v);
}

static uint8_t
mask_of(const struct recur *r)
{
	unsigned mask = 0;

	for (size_t i = 0; i < r->n_by_day; i++)
		mask |= 1u << r->by_day[i].weekday;
	return (uint8_t)mask;
}

static bool
has_nth(const struct recur *r)
{
	for (size_t i = 0; i < r->n_by_day; i++) {
		if (r->by_day[i].nth)
			return true;
	}
	return false;
}

/* "The last working day": a set of days and the place in it. */
static bool
week_of_month(const struct recur *r, uint8_t mask, uint8_t *ret)
{
	int nth = r->n_by_day == 1 ? r->by_day[0].nth : 0;

	if (nth == 0 && !has_nth(r) && r->by_set_pos.n == 1)
		nth = r->by_set_pos.v[0];
	else if (r->by_set_pos.n > 0)
		return false;
	/* Days of the week cannot be picked at will: one, all, or one of two sets. */
	bool is_set = mask == ALL_DAYS || mask == WEEKDAYS || mask == WEEKEND ||
	              (mask & (mask - 1)) == 0;
	if (!is_set || (nth != -1 && (nth < 1 || nth > 4)))
		return false;
	*ret = (uint8_t)(nth == -1 ? 5 : nth);
	return true;
}

/* BYMONTHDAY=-1 and 28,29,30;BYSETPOS=-1 are ActiveSync's 31 and 30. */
static bool
day_of_month(const struct recur *r, int start_day, uint8_t *ret)
{
	const struct recur_list *l = &r->by_month_day;
	int day = l->n == 0 ? start_day : l->v[0];

	if (l->n > 1) {
		if (r->by_set_pos.n != 1 || r->by_set_pos.v[0] != -1)
			return false;
		for (size_t i = 0; i < l->n; i++) {
			if (l->v[i] != 28 + (int)i)
				return false;
		}
		day = l->v[l->n - 1];
	} else if (r->by_set_pos.n > 1 ||
	           (r->by_set_pos.n == 1 && r->by_set_pos.v[0] != 1 &&
	            r->by_set_pos.v[0] != -1)) {
		return false;
	}
	if (day == -1)
		day = 31;
	*ret = (uint8_t)day;
	return day >= 1 && day <= 31;
}

static bool
to_monthly(const struct recur *r, const struct civil *start, struct recur_eas *e)
{
	if (r->n_by_day > 0) {
		if (r->by_month_day.n > 0)
			return false;
		if (!has_nth(r) && r->by_set_pos.n == 0) {
			/* Each Monday of each month is each Monday. */
			e->type = RECUR_EAS_WEEKLY;
			e->day_of_week = mask_of(r);
			return e->interval == 1;
		}
		e->type = RECUR_EAS_MONTHLY_NTH;
		e->day_of_week = mask_of(r);
		return week_of_month(r, e->day_of_week, &e->week_of_month);
	}
	e->type = RECUR_EAS_MONTHLY;
	return day_of_month(r, start->day, &e->day_of_month);
}

static bool
to_yearly(const struct recur *r, const struct civil *start, struct recur_eas *e)
{
	int month = r->by_month.n ? r->by_month.v[0] : start->month;

	if (r->by_month.n > 1 ||
	    (r->by_month.n == 0 && (r->by_month_day.n || r->n_by_day)))
		return false;
	e->is_leap_month = month > RECUR_LEAP_MONTH;
	e->month_of_year = (uint8_t)(month - e->is_leap_month * RECUR_LEAP_MONTH);
	if (e->month_of_year < 1 || e->month_of_year > 12 ||
	    (e->is_leap_month && !r->rscale))
		return false;
	if (r->n_by_day > 0) {
		e->type = RECUR_EAS_YEARLY_NTH;
		e->day_of_week = mask_of(r);
		return r->by_month_day.n == 0 &&
		       week_of_month(r, e->day_of_week, &e->week_of_month);
	}
	e->type = RECUR_EAS_YEARLY;
	return day_of_month(r, start->day, &e->day_of_month);
}

static bool
to_pattern(const struct recur *r, const struct civil *start, struct recur_eas *e)
{
	/* A month of each year, said as "monthly in that month". */
	bool is_yearly =
		r->freq == RECUR_YEARLY ||
		(r->freq == RECUR_MONTHLY && r->by_month.n == 1 && r->interval == 1);

	if (is_yearly)
		return to_yearly(r, start, e);
	if (r->by_month.n > 0)
		return false;
	switch (r->freq) {
	case RECUR_DAILY:
		if (r->by_month_day.n || r->by_set_pos.n || has_nth(r) ||
		    (r->n_by_day && r->interval > 1))
			return false;
		e->type = r->n_by_day ? RECUR_EAS_WEEKLY : RECUR_EAS_DAILY;
		e->day_of_week = mask_of(r);
		return true;
	case RECUR_WEEKLY:
		e->type = RECUR_EAS_WEEKLY;
		e->day_of_week =
			r->n_by_day ? mask_of(r) : (uint8_t)(1u << civil_weekday(start));
		return !r->by_month_day.n && !r->by_set_pos.n && !has_nth(r);
	case RECUR_MONTHLY:
		return to_monthly(r, start, e);
	case RECUR_YEARLY:
	case RECUR_HOURLY:
	case RECUR_MINUTELY:
	case RECUR_SECONDLY:
		break;
	}
	return false;
}

enum rc
recur_to_eas(const struct recur *r, const struct pim_time *start,
             const struct tzone *zone, struct recur_eas *ret)
{
	struct recur_eas e = { .interval = (uint16_t)r->interval,
		               .first_day_of_week = -1 };

	if (r->interval > 999 || r->skip || !type_of(r->rscale, &e.calendar_type) ||
	    r->by_week.n || r->by_year_day.n ||
	    !is_of_start(&r->by_hour, start->at.hour) ||
	    !is_of_start(&r->by_minute, start->at.minute) ||
	    !is_of_start(&r->by_second, start->at.second) ||
	    !to_pattern(r, &start->at, &e))
		return RC_UNSUPPORTED;
	/* In a calendar of its own start does not tell month and day. */
	if (r->rscale && (r->by_month_day.n == 0 ||
	                  (e.type == RECUR_EAS_YEARLY && r->by_month.n == 0)))
		return RC_UNSUPPORTED;
	if (r->count > UINT16_MAX)
		return RC_UNSUPPORTED;
	e.occurrences = (uint16_t)r->count;
	if (r->until.kind != PIM_TIME_NONE) {
		struct pim_time until = r->until;
		if (until.kind == PIM_TIME_FLOATING && start->kind == PIM_TIME_ZONED) {
			until.kind = PIM_TIME_ZONED;
			until.zone = start->zone;
		} else if (until.kind == PIM_TIME_DATE && start->kind != PIM_TIME_DATE) {
			/* The whole of its last day. */
			until.kind = start->kind;
			until.zone = start->zone;
			until.at.hour = 23;
			until.at.minute = until.at.second = 59;
		}
		e.until = pim_time_of(pim_time_utc(&until, zone), NULL);
	}
	if (r->week_start != 1 || (e.type == RECUR_EAS_WEEKLY && e.interval > 1))
		e.first_day_of_week = (int8_t)r->week_start;
	*ret = e;
	return RC_OK;
}

/* From ActiveSync */

static void
put_days(struct recur *r, uint8_t mask, int nth, struct arena *a)
{
	struct recur_day *days = arena_array(a, 7, struct recur_day);

	/* From Monday on, as calendars write it. */
	for (int i = 1; i <= 7; i++) {
		if (mask & (1u << i % 7))
			days[r->n_by_day++] =
				(struct recur_day){ (int8_t)(i % 7), (int8_t)nth };
	}
	r->by_day = days;
}

static void
put_day_of_month(struct recur *r, uint8_t day, struct arena *a)
{
	/* The shorter months of other calendars are left to RSCALE's own rules. */
	if (r->rscale || day <= 28) {
		r->by_month_day = recur_list_of(day, a);
		return;
	}
	if (day == 31) {
		r->by_month_day = recur_list_of(-1, a);
		return;
	}
	int16_t *v = arena_array(a, 3, int16_t);
	for (int i = 0; i <= day - 28; i++)
		v[i] = (int16_t)(28 + i);
	r->by_month_day = (struct recur_list){ v, (size_t)(day - 27) };
	r->by_set_pos = recur_list_of(-1, a);
}

static bool
put_nth(struct recur *r, const struct recur_eas *e, struct arena *a)
{
	int nth = e->week_of_month == 5 ? -1 : e->week_of_month;

	if (e->day_of_week == 0 || e->day_of_week > ALL_DAYS || nth == 0 || nth > 4)
		return false;
	if ((e->day_of_week & (e->day_of_week - 1)) == 0) {
		put_days(r, e->day_of_week, nth, a);
	} else if (e->day_of_week == ALL_DAYS) {
		/* The nth day of any kind. */
		r->by_month_day = recur_list_of(nth, a);
	} else {
		put_days(r, e->day_of_week, 0, a);
		r->by_set_pos = recur_list_of(nth, a);
	}
	return true;
}

static bool
put_pattern(struct recur *r, const struct recur_eas *e, const struct civil *start,
            struct arena *a)
{
	int leap = e->is_leap_month && r->rscale ? RECUR_LEAP_MONTH : 0;

	switch (e->type) {
	case RECUR_EAS_DAILY:
		r->freq = e->day_of_week ? RECUR_WEEKLY : RECUR_DAILY;
		put_days(r, e->day_of_week & ALL_DAYS, 0, a);
		return e->day_of_week <= ALL_DAYS;
	case RECUR_EAS_WEEKLY:
		r->freq = RECUR_WEEKLY;
		put_days(r, e->day_of_week & ALL_DAYS, 0, a);
		return e->day_of_week > 0 && e->day_of_week <= ALL_DAYS;
	case RECUR_EAS_MONTHLY:
		r->freq = RECUR_MONTHLY;
		put_day_of_month(r, e->day_of_month, a);
		return e->day_of_month >= 1 && e->day_of_month <= 31;
	case RECUR_EAS_MONTHLY_NTH:
		r->freq = RECUR_MONTHLY;
		return put_nth(r, e, a);
	case RECUR_EAS_YEARLY:
		r->freq = RECUR_YEARLY;
		r->by_month = recur_list_of(e->month_of_year + leap, a);
		/* 29 February is the last day of it in other years. */
		if (e->day_of_month == start->day && e->month_of_year == start->month &&
		    e->day_of_month != 29)
			r->by_month_day = recur_list_of(e->day_of_month, a);
		else
			put_day_of_month(r, e->day_of_month, a);
		return e->day_of_month >= 1 && e->day_of_month <= 31 &&
		       e->month_of_year >= 1 && e->month_of_year <= 12;
	case RECUR_EAS_YEARLY_NTH:
		r->freq = RECUR_YEARLY;
		r->by_month = recur_list_of(e->month_of_year + leap, a);
		return put_nth(r, e, a) && e->month_of_year >= 1 &&
		       e->month_of_year <= 12;
	}
	return false;
}

enum rc
recur_from_eas(const struct recur_eas *e, const struct pim_time *start,
               const struct tzone *zone, struct arena *a, struct recur *ret)
{
	struct recur r = { .interval = e->interval ? e->interval : 1,
		           .week_start = 1,
		           .rscale = rscale_of(e->calendar_type),
		           .is_leap_month = e->is_leap_month };

	if (e->first_day_of_week > 6 || !put_pattern(&r, e, &start->at, a))
		return RC_INVALID;
	if (e->first_day_of_week >= 0)
		r.week_start = (uint8_t)e->first_day_of_week;
	r.count = e->occurrences;
	if (r.count == 0 && e->until.kind != PIM_TIME_NONE) {
		r.until = e->until;
		if (start->kind == PIM_TIME_DATE) {
			/* The day of it where the user is; 16.x sends midnight UTC. */
			struct civil c = e->until.at;
			if (c.hour || c.minute || c.second)
				tzone_local(zone ? zone : tzone_utc(),
				            pim_time_utc(&e->until, zone), &c);
			r.until = pim_date(c.year, c.month, c.day);
		}
	}
	*ret = r;
	return RC_OK;
}

bool
recur_eas_eq(const struct recur_eas *x, const struct recur_eas *y)
{
	const char *a = rscale_of(x->calendar_type), *b = rscale_of(y->calendar_type);
	bool is_same_calendar = a == b || (a && b && strcmp(a, b) == 0);
	bool counts_weeks = x->type == RECUR_EAS_WEEKLY && x->interval > 1;
	int wx = x->first_day_of_week < 0 ? 1 : x->first_day_of_week;
	int wy = y->first_day_of_week < 0 ? 1 : y->first_day_of_week;

	/* Weeks begin somewhere only where some of them are left out. */
	return x->type == y->type && x->interval == y->interval &&
	       x->occurrences == y->occurrences && pim_time_eq(&x->until, &y->until) &&
	       x->day_of_week == y->day_of_week && x->day_of_month == y->day_of_month &&
	       x->week_of_month == y->week_of_month &&
	       x->month_of_year == y->month_of_year && is_same_calendar &&
	       x->is_leap_month == y->is_leap_month && (!counts_weeks || wx == wy);
}

enum rc
recur_change_eas(const struct recur *old, const struct recur_eas *e,
                 const struct pim_time *start, const struct tzone *zone, struct arena *a,
                 struct recur *ret)
{
	struct recur_eas was;

	if (old && recur_to_eas(old, start, zone, &was) == RC_OK &&
	    recur_eas_eq(&was, e)) {
		*ret = *old;
		return RC_OK;
	}
	return recur_from_eas(e, start, zone, a, ret);
}
