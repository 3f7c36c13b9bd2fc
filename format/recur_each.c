/* SPDX-License-Identifier: ISC
 *
 * recur_each.c - the starts of a series (RFC 5545 3.3.10), period by period.
 *
 * A period is a year, month, week or day (hour, minute, second) of the rule's FREQ, every
 * INTERVAL of them; in each the days that pass all BYxxx parts are looked out, and their
 * times. Every period looked at is a step, and the steps are bounded: a rule that no day
 * fulfils costs no more than one that many do. Other calendars than the Gregorian are
 * libical's (recur_rscale.c).
 */
#include <stdlib.h>

#include "base/clock.h"
#include "format/recur_private.h"

#define STEPS_MAX 100000
#define TIMES_MAX 1440
#define DAY 86400

struct walk {
	const struct recur *r;
	struct civil start;
	int64_t first; /* start in seconds */
	int64_t low, high;
	int64_t until; /* inclusive */
	uint32_t left; /* of COUNT */
	size_t steps;
	recur_fn *fn;
	void *arg;
	bool is_done;
	/* What start stands in for when the rule leaves it open. */
	int month, month_day, weekday; /* 0, 0, -1: open */
	int32_t *times;                /* of a day, in seconds, in order */
	size_t n_times;
	int64_t *days; /* of the period, since 1970, in order */
	size_t n_days;
};

/* What is asked of a day. */
struct day_info {
	int year;
	unsigned month, day;
	int weekday, year_day, year_len, month_len;
};

static bool
has(const struct recur_list *l, int v)
{
	for (size_t i = 0; i < l->n; i++) {
		if (l->v[i] == v)
			return true;
	}
	return false;
}

static int
weekday_of(int64_t days)
{
	int v = (int)((days + 4) % 7);

	return v < 0 ? v + 7 : v;
}

static int64_t
month_start(int year, int month)
{
	return clock_days_from_civil(year + (month - 1) / 12,
	                             (unsigned)((month - 1) % 12) + 1, 1);
}

static void
get_info(int64_t days, struct day_info *d)
{
	clock_civil_from_days(days, &d->year, &d->month, &d->day);
	int64_t year_start = clock_days_from_civil(d->year, 1, 1);
	d->weekday = weekday_of(days);
	d->year_day = (int)(days - year_start) + 1;
	d->year_len = (int)(clock_days_from_civil(d->year + 1, 1, 1) - year_start);
	d->month_len = (int)(month_start(d->year, (int)d->month + 1) -
	                     month_start(d->year, (int)d->month));
}

/* First day of week 1: the week of week_start that has 4 days or more in the year. */
static int64_t
week_one(int year, int week_start)
{
	int64_t jan1 = clock_days_from_civil(year, 1, 1);
	int into = (weekday_of(jan1) - week_start + 7) % 7;

	return into <= 3 ? jan1 - into : jan1 + 7 - into;
}

static bool
fits_week(const struct recur *r, int64_t days, const struct day_info *d)
{
	int year = d->year;

	if (days < week_one(year, r->week_start))
		year--;
	else if (days >= week_one(year + 1, r->week_start))
		year++;
	int64_t one = week_one(year, r->week_start);
	int week = (int)((days - one) / 7) + 1;
	int weeks = (int)((week_one(year + 1, r->week_start) - one) / 7);
	return has(&r->by_week, week) || has(&r->by_week, week - weeks - 1);
}

/* "2MO": the second of its month, or of its year where the rule names no months. */
static bool
fits_weekday(const struct recur *r, const struct day_info *d)
{
	bool by_month = r->freq == RECUR_MONTHLY || r->by_month.n > 0;
	int day = by_month ? (int)d->day : d->year_day;
	int len = by_month ? d->month_len : d->year_len;

	for (size_t i = 0; i < r->n_by_day; i++) {
		const struct recur_day *want = &r->by_day[i];
		if (want->weekday != d->weekday)
			continue;
		if (want->nth == 0 || r->freq < RECUR_MONTHLY ||
		    want->nth == (day - 1) / 7 + 1 || want->nth == -((len - day) / 7 + 1))
			return true;
	}
	return false;
}

static bool
fits_day(const struct walk *w, int64_t days)
{
	const struct recur *r = w->r;
	struct day_info d;

	get_info(days, &d);
	if (r->by_month.n && !has(&r->by_month, (int)d.month))
		return false;
	if (w->month && w->month != (int)d.month)
		return false;
	if (r->by_month_day.n && !has(&r->by_month_day, (int)d.day) &&
	    !has(&r->by_month_day, (int)d.day - d.month_len - 1))
		return false;
	if (w->month_day && w->month_day != (int)d.day)
		return false;
	if (r->by_year_day.n && !has(&r->by_year_day, d.year_day) &&
	    !has(&r->by_year_day, d.year_day - d.year_len - 1))
		return false;
	if (w->weekday >= 0 && w->weekday != d.weekday)
		return false;
	if (r->n_by_day && !fits_weekday(r, &d))
		return false;
	return !r->by_week.n || r->freq != RECUR_YEARLY || fits_week(r, days, &d);
}

/* false: no more are wanted. */
static bool
emit(struct walk *w, int64_t at)
{
	struct civil c;

	if (at > w->until || at > w->high)
		return false;
	if (at <= w->first)
		return true; /* start was the first already, whatever the rule says */
	if (at >= w->low) {
		civil_from_seconds(at, &c);
		if (!w->fn(&c, w->arg))
			return false;
	}
	return --w->left > 0;
}

static int
compare_size(const void *a, const void *b)
{
	size_t x = *(const size_t *)a, y = *(const size_t *)b;

	return x < y ? -1 : x > y;
}

/* The n moments of a period, or those of them that BYSETPOS names, in order. */
static bool
emit_set(struct walk *w, size_t n, int64_t (*moment)(const struct walk *, size_t))
{
	const struct recur_list *l = &w->r->by_set_pos;

	if (l->n == 0) {
		for (size_t i = 0; i < n; i++) {
			if (!emit(w, moment(w, i)))
				return false;
		}
		return true;
	}
	AUTO(arena)
	struct arena *a = arena_new();
	size_t *at = arena_array(a, l->n, size_t), k = 0;
	for (size_t i = 0; i < l->n; i++) {
		int pos = l->v[i];
		if (pos > 0 && (size_t)pos <= n)
			at[k++] = (size_t)pos - 1;
		else if (pos < 0 && (size_t)-pos <= n)
			at[k++] = n - (size_t)-pos;
	}
	qsort(at, k, sizeof(*at), compare_size);
	for (size_t i = 0; i < k; i++) {
		if ((i == 0 || at[i] != at[i - 1]) && !emit(w, moment(w, at[i])))
			return false;
	}
	return true;
}

static int64_t
moment_of_days(const struct walk *w, size_t i)
{
	return w->days[i / w->n_times] * DAY + w->times[i % w->n_times];
}

/* The k-th period: its first day and length. */
static void
get_period(const struct walk *w, int64_t k, int64_t *ret_day, int *ret_len)
{
	int64_t step = k * w->r->interval;
	int64_t day = clock_days_from_civil(w->start.year, w->start.month, w->start.day);

	switch (w->r->freq) {
	case RECUR_YEARLY:
		*ret_day = clock_days_from_civil((int)(w->start.year + step), 1, 1);
		*ret_len = (int)(clock_days_from_civil((int)(w->start.year + step + 1), 1,
		                                       1) -
		                 *ret_day);
		break;
	case RECUR_MONTHLY:
		*ret_day = month_start(w->start.year, (int)(w->start.month + step));
		*ret_len = (int)(month_start(w->start.year,
		                             (int)(w->start.month + step + 1)) -
		                 *ret_day);
		break;
	case RECUR_WEEKLY:
		*ret_day = day - (weekday_of(day) - w->r->week_start + 7) % 7 + 7 * step;
		*ret_len = 7;
		break;
	case RECUR_DAILY:
	case RECUR_HOURLY:
	case RECUR_MINUTELY:
	case RECUR_SECONDLY:
		*ret_day = day + step;
		*ret_len = 1;
		break;
	}
}

/* The last period that is surely not behind low; COUNT has to count from the first. */
static int64_t
period_before(const struct walk *w)
{
	static const int64_t longest[] = {
		1, 60, 3600, DAY, 7 * DAY, 31 * DAY, 366 * DAY
	};

	if (w->r->count > 0 || w->low <= w->first)
		return 0;
	int64_t k = (w->low - w->first) / (longest[w->r->freq] * w->r->interval) - 1;
	return k < 0 ? 0 : k;
}

static enum rc
walk_days(struct walk *w)
{
	int64_t days[366];

	w->days = days;
	for (int64_t k = period_before(w);; k++) {
		int64_t day = 0;
		int len = 0;
		if (k * w->r->interval > 12 * 10000LL * 366)
			return RC_OK;
		get_period(w, k, &day, &len);
		if (day * DAY > w->high || day * DAY > w->until)
			return RC_OK;
		if (w->steps-- == 0)
			return RC_TOO_BIG;
		w->n_days = 0;
		for (int i = 0; i < len; i++) {
			if (fits_day(w, day + i))
				days[w->n_days++] = day + i;
		}
		if (!emit_set(w, w->n_days * w->n_times, moment_of_days))
			return RC_OK;
	}
}

/* Rules by the hour, minute and second: times are offsets within the period. */

static int64_t
moment_of_period(const struct walk *w, size_t i)
{
	return w->days[0] + w->times[i];
}

static bool
fits_time(const struct recur *r, int32_t second)
{
	if (r->by_hour.n && !has(&r->by_hour, second / 3600))
		return false;
	if (r->freq <= RECUR_MINUTELY && r->by_minute.n &&
	    !has(&r->by_minute, second / 60 % 60))
		return false;
	return r->freq != RECUR_SECONDLY || !r->by_second.n ||
	       has(&r->by_second, second % 60);
}

static enum rc
walk_times(struct walk *w)
{
	static const int64_t units[] = { 1, 60, 3600 };
	int64_t unit = units[w->r->freq], step = unit * w->r->interval;
	int64_t into = w->first % unit, base = w->first - (into < 0 ? into + unit : into);
	int64_t at;

	w->days = &at;
	for (int64_t k = period_before(w);; k++) {
		at = base + k * step;
		if (at > w->high || at > w->until)
			return RC_OK;
		if (w->steps-- == 0)
			return RC_TOO_BIG;
		int64_t second = at % DAY;
		second = second < 0 ? second + DAY : second;
		if (!fits_day(w, (at - second) / DAY)) {
			/* On to the first period of the next day. */
			k += (DAY - second - 1) / step;
			continue;
		}
		if (fits_time(w->r, (int32_t)second) &&
		    !emit_set(w, w->n_times, moment_of_period))
			return RC_OK;
	}
}

static int
compare_times(const void *a, const void *b)
{
	int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;

	return x < y ? -1 : x > y;
}

/* The times of a day (or offsets within a shorter period): lists, or those of start. */
static bool
make_times(struct walk *w, struct arena *a)
{
	const struct recur *r = w->r;
	int16_t start[] = { w->start.hour, w->start.minute, w->start.second };
	int16_t zero[] = { 0 };
	struct recur_list l[] = { r->by_hour, r->by_minute, r->by_second };

	for (int i = 0; i < 3; i++) {
		/* Below DAILY the part of the period itself is not made anew. */
		if (r->freq <= RECUR_HOURLY && i <= RECUR_HOURLY - (int)r->freq)
			l[i] = (struct recur_list){ zero, 1 };
		else if (l[i].n == 0)
			l[i] = (struct recur_list){ &start[i], 1 };
	}
	if (l[0].n * l[1].n * l[2].n > TIMES_MAX)
		return false;
	w->times = arena_array(a, l[0].n * l[1].n * l[2].n, int32_t);
	for (size_t h = 0; h < l[0].n; h++) {
		for (size_t m = 0; m < l[1].n; m++) {
			for (size_t s = 0; s < l[2].n; s++)
				w->times[w->n_times++] =
					l[0].v[h] * 3600 + l[1].v[m] * 60 +
					(l[2].v[s] > 59 ? 59 : l[2].v[s]);
		}
	}
	qsort(w->times, w->n_times, sizeof(*w->times), compare_times);
	return true;
}

/* RFC 5545 3.3.10: what the rule does not say is taken from the start. */
static void
fill_in(struct walk *w)
{
	const struct recur *r = w->r;
	bool is_open = r->by_week.n == 0 && r->by_year_day.n == 0 &&
	               r->by_month_day.n == 0 && r->n_by_day == 0;

	w->weekday = -1;
	if (r->freq == RECUR_YEARLY && is_open) {
		w->month_day = w->start.day;
		w->month = r->by_month.n ? 0 : w->start.month;
	} else if (r->freq == RECUR_MONTHLY && is_open) {
		w->month_day = w->start.day;
	} else if ((r->freq == RECUR_WEEKLY && is_open) ||
	           (r->freq == RECUR_YEARLY && r->by_week.n > 0 && r->n_by_day == 0 &&
	            r->by_month_day.n == 0 && r->by_year_day.n == 0)) {
		w->weekday = (int)civil_weekday(&w->start);
	}
}

int64_t
recur_until(const struct recur *r, const struct pim_time *start, const struct tzone *zone)
{
	struct civil at = r->until.at;

	if (r->until.kind == PIM_TIME_NONE)
		return INT64_MAX;
	bool is_date = start->kind == PIM_TIME_DATE;
	bool is_midnight = at.hour == 0 && at.minute == 0 && at.second == 0;
	/* "Until midnight UTC" of an all-day series means that day. */
	if (r->until.kind == PIM_TIME_UTC && start->kind != PIM_TIME_UTC &&
	    !(is_date && is_midnight)) {
		const struct tzone *own =
			start->kind == PIM_TIME_ZONED ? start->zone : zone;
		tzone_local(own ? own : tzone_utc(), civil_to_seconds(&at), &at);
	}
	if (is_date)
		at.hour = at.minute = at.second = 0;
	else if (r->until.kind == PIM_TIME_DATE)
		at.hour = 23, at.minute = at.second = 59;
	return civil_to_seconds(&at);
}

enum rc
recur_each(const struct recur *r, const struct pim_time *start, const struct tzone *zone,
           const struct civil *from, const struct civil *to, size_t steps_max,
           recur_fn *fn, void *arg)
{
	struct walk w = {
		.r = r,
		.start = start->at,
		.first = civil_to_seconds(&start->at),
		.low = civil_to_seconds(from),
		.high = civil_to_seconds(to),
		.until = recur_until(r, start, zone),
		.left = r->count ? r->count : UINT32_MAX,
		.steps = steps_max ? steps_max : STEPS_MAX,
		.fn = fn,
		.arg = arg,
	};

	if (w.first >= w.low && w.first <= w.high && !fn(&start->at, arg))
		return RC_OK;
	if (--w.left == 0)
		return RC_OK;
	if (r->rscale || r->skip)
		return recur_each_rscale(r, start, w.until, w.low, w.high, w.left, fn,
		                         arg);
	AUTO(arena)
	struct arena *a = arena_new();
	if (!make_times(&w, a))
		return RC_UNSUPPORTED;
	fill_in(&w);
	return r->freq >= RECUR_DAILY ? walk_days(&w) : walk_times(&w);
}
