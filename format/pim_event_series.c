/* SPDX-License-Identifier: ISC
 *
 * pim_event_series.c - the instances of a series: exceptions, deletions, expansion.
 */
#include <stdlib.h>

#include "base/clock.h"
#include "format/pim_event_private.h"

#define DAY 86400
#define INSTANCES_MAX 100000
#define NEVER_MS INT64_C(253402300799000)
#define LONGEST (3660LL * DAY)

/* Exceptions and deletions */

/* The zone in which the series' starts are local times. */
static const struct tzone *
own_zone(const struct pim_event *e, const struct tzone *zone)
{
	return e->start.kind == PIM_TIME_ZONED ? e->start.zone : zone;
}

static bool
is_on(const struct pim_time *t, int64_t original, const struct pim_event *e,
      const struct tzone *zone)
{
	struct civil c;

	/* A deleted day of a series with times, as some write it. */
	if (t->kind == PIM_TIME_DATE && e->start.kind != PIM_TIME_DATE) {
		const struct tzone *own = own_zone(e, zone);
		tzone_local(own ? own : tzone_utc(), original, &c);
		return c.year == t->at.year && c.month == t->at.month &&
		       c.day == t->at.day;
	}
	return pim_time_utc(t, zone) == original;
}

struct pim_event *
pim_event_exception(const struct pim_event *e, int64_t original_utc,
                    const struct tzone *zone)
{
	for (struct pim_event *x = e->exceptions; x; x = x->next) {
		if (is_on(&x->recurrence_id, original_utc, e, zone))
			return x;
	}
	return NULL;
}

bool
pim_event_is_deleted(const struct pim_event *e, int64_t original_utc,
                     const struct tzone *zone)
{
	for (size_t i = 0; i < e->n_exdates; i++) {
		if (is_on(&e->exdates[i], original_utc, e, zone))
			return true;
	}
	return false;
}

/* That moment in the terms of the series' start. */
static struct pim_time
like_start(const struct pim_event *e, int64_t utc, const struct tzone *zone)
{
	struct pim_time t = e->start;

	switch (e->start.kind) {
	case PIM_TIME_ZONED:
		tzone_local(e->start.zone, utc, &t.at);
		break;
	case PIM_TIME_DATE:
		t = pim_date_of_midnight(utc, zone);
		break;
	case PIM_TIME_FLOATING:
		tzone_local(zone ? zone : tzone_utc(), utc, &t.at);
		break;
	case PIM_TIME_UTC:
	case PIM_TIME_NONE:
		t = pim_time_of(utc, NULL);
		break;
	}
	return t;
}

/* The end of an instance that starts then: as long after it as the master's. */
static struct pim_time
end_from(const struct pim_event *e, const struct pim_time *start,
         const struct tzone *zone)
{
	struct pim_time end = e->end;
	int64_t length;

	if (e->start.kind == e->end.kind && e->start.kind != PIM_TIME_ZONED) {
		length = civil_to_seconds(&e->end.at) - civil_to_seconds(&e->start.at);
		civil_from_seconds(civil_to_seconds(&start->at) + length, &end.at);
		return end;
	}
	length = pim_time_utc(&e->end, zone) - pim_time_utc(&e->start, zone);
	int64_t utc = pim_time_utc(start, zone) + length;
	if (e->end.kind == PIM_TIME_ZONED)
		tzone_local(e->end.zone, utc, &end.at);
	else
		end = pim_time_of(utc, NULL);
	return end;
}

/* Lists of its own, so that a change of the exception's is none of the master's. */
static void
copy_lists(struct pim_event *x, struct arena *a)
{
	struct pim_attendee **t = &x->attendees;
	struct pim_attachment **f = &x->attachments;

	for (const struct pim_attendee *i = *t; i; i = i->next, t = &(*t)->next) {
		*t = arena_new_of(a, struct pim_attendee);
		**t = *i;
	}
	for (const struct pim_attachment *i = *f; i; i = i->next, f = &(*f)->next) {
		*f = arena_new_of(a, struct pim_attachment);
		**f = *i;
	}
}

struct pim_event *
pim_event_copy(const struct pim_event *e, struct arena *a)
{
	struct pim_event *c = arena_new_of(a, struct pim_event);
	struct pim_event **tail = &c->exceptions;

	*c = *e;
	copy_lists(c, a);
	for (const struct pim_event *x = e->exceptions; x; x = x->next) {
		*tail = arena_new_of(a, struct pim_event);
		**tail = *x;
		copy_lists(*tail, a);
		tail = &(*tail)->next;
	}
	*tail = NULL;
	return c;
}

struct pim_event *
pim_event_exception_add(struct pim_event *e, int64_t original_utc,
                        const struct tzone *zone, struct arena *a)
{
	struct pim_event *x = pim_event_exception(e, original_utc, zone);
	size_t n = 0;

	struct pim_time *left = arena_array(a, e->n_exdates, struct pim_time);
	for (size_t i = 0; i < e->n_exdates; i++) {
		if (!is_on(&e->exdates[i], original_utc, e, zone))
			left[n++] = e->exdates[i];
	}
	if (n < e->n_exdates) {
		e->exdates = left;
		e->n_exdates = n;
	}
	if (x)
		return x;
	x = arena_new_of(a, struct pim_event);
	*x = *e;
	x->cal = NULL;
	x->recur = NULL;
	x->exdates = x->rdates = NULL;
	x->n_exdates = x->n_rdates = 0;
	x->exceptions = NULL;
	x->client_uid = NULL;
	x->recurrence_id = like_start(e, original_utc, zone);
	x->start = x->recurrence_id;
	x->end = end_from(e, &x->start, zone);
	copy_lists(x, a);
	/* Starts from the master's object, with all that is not known here. */
	x->obj = e->obj ? vobj_copy(e->obj, a) : NULL;
	x->next = e->exceptions;
	e->exceptions = x;
	return x;
}

enum rc
pim_event_instance_delete(struct pim_event *e, int64_t original_utc,
                          const struct tzone *zone, struct arena *a)
{
	struct pim_event **x = &e->exceptions;

	while (*x && !is_on(&(*x)->recurrence_id, original_utc, e, zone))
		x = &(*x)->next;
	if (!*x && pim_event_is_deleted(e, original_utc, zone))
		return RC_NOT_FOUND;
	if (*x)
		*x = (*x)->next;
	struct pim_time *list = arena_array(a, e->n_exdates + 1, struct pim_time);
	for (size_t i = 0; i < e->n_exdates; i++)
		list[i] = e->exdates[i];
	list[e->n_exdates++] = like_start(e, original_utc, zone);
	e->exdates = list;
	return RC_OK;
}

/* Expansion */

struct expansion {
	const struct pim_event *e;
	const struct tzone *zone;
	int64_t from, to;
	struct arena *a;
	int64_t *gone; /* original starts not to be made: deleted or replaced; in order */
	size_t n_gone;
	int64_t *gone_days; /* of series with times: days since 1970, local */
	size_t n_gone_days;
	struct pim_instance *list;
	size_t n, cap, max;
	bool is_full;
};

static int
compare_i64(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

static bool
is_among(const int64_t *list, size_t n, int64_t v)
{
	return n > 0 && bsearch(&v, list, n, sizeof(*list), compare_i64);
}

static bool
overlaps(const struct expansion *x, int64_t start, int64_t end)
{
	return start < x->to && (end > x->from || (end == start && start >= x->from));
}

static bool
put_instance(struct expansion *x, int64_t start, int64_t end, int64_t original,
             const struct pim_event *event)
{
	if (x->n == x->max)
		return false;
	if (x->n == x->cap) {
		size_t cap = x->cap ? x->cap * 2 : 16;
		struct pim_instance *list = arena_array(x->a, cap, struct pim_instance);
		for (size_t i = 0; i < x->n; i++)
			list[i] = x->list[i];
		x->list = list;
		x->cap = cap;
	}
	x->list[x->n++] = (struct pim_instance){ start, end, original, event };
	x->is_full |= x->n == x->max;
	return x->n < x->max;
}

static int64_t
day_of(const struct pim_time *t)
{
	return clock_days_from_civil(t->at.year, t->at.month, t->at.day);
}

static void
note_gone(struct expansion *x, const struct pim_time *t)
{
	if (t->kind == PIM_TIME_DATE && x->e->start.kind != PIM_TIME_DATE)
		x->gone_days[x->n_gone_days++] = day_of(t);
	else
		x->gone[x->n_gone++] = pim_time_utc(t, x->zone);
}

static void
collect_gone(struct expansion *x)
{
	size_t n = x->e->n_exdates;

	for (const struct pim_event *i = x->e->exceptions; i; i = i->next)
		n++;
	x->gone = arena_array(x->a, n, int64_t);
	x->gone_days = arena_array(x->a, n, int64_t);
	for (size_t i = 0; i < x->e->n_exdates; i++)
		note_gone(x, &x->e->exdates[i]);
	for (const struct pim_event *i = x->e->exceptions; i; i = i->next)
		note_gone(x, &i->recurrence_id);
	qsort(x->gone, x->n_gone, sizeof(int64_t), compare_i64);
	qsort(x->gone_days, x->n_gone_days, sizeof(int64_t), compare_i64);
}

/* An instance of the master that starts at t; false: no more are wanted. */
static bool
take_start(struct expansion *x, const struct pim_time *t)
{
	int64_t start = pim_time_utc(t, x->zone);
	struct pim_time to = end_from(x->e, t, x->zone);
	int64_t end = pim_time_utc(&to, x->zone);

	if (is_among(x->gone, x->n_gone, start) ||
	    is_among(x->gone_days, x->n_gone_days, day_of(t)) || !overlaps(x, start, end))
		return true;
	return put_instance(x, start, end, start, x->e);
}

static bool
on_start(const struct civil *at, void *arg)
{
	struct expansion *x = arg;
	struct pim_time t = x->e->start;

	t.at = *at;
	return take_start(x, &t);
}

static int
compare_instances(const void *a, const void *b)
{
	const struct pim_instance *x = a, *y = b;

	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	return compare_i64(&x->original, &y->original);
}

/* Clamps to what a date can say, with a day to spare for any zone. */
static void
civil_near(int64_t utc, int64_t spare, struct civil *ret)
{
	int64_t low = -62135596800LL + DAY, high = 253402300799LL - DAY;
	int64_t s = utc < low - spare ? low : utc > high - spare ? high : utc + spare;

	civil_from_seconds(s < low ? low : s > high ? high : s, ret);
}

static void
expand_master(struct expansion *x)
{
	const struct pim_event *e = x->e;
	int64_t length =
		pim_time_utc(&e->end, x->zone) - pim_time_utc(&e->start, x->zone);
	struct civil from, to;

	if (length > LONGEST)
		length = LONGEST;
	if (!e->recur) {
		take_start(x, &e->start);
	} else {
		/* In local time, so a day more at both ends. */
		civil_near(x->from > INT64_MIN + LONGEST * 2 ? x->from - length : x->from,
		           -DAY, &from);
		civil_near(x->to, DAY, &to);
		/* What is cut off at the bound of steps lies centuries away. */
		(void)!recur_each(e->recur, &e->start, x->zone, &from, &to, 0, on_start,
		                  x);
	}
	for (size_t i = 0; i < e->n_rdates; i++)
		take_start(x, &e->rdates[i]);
}

static void
expand(struct expansion *x)
{
	const struct pim_event *e = x->e;

	if (e->start.kind == PIM_TIME_NONE)
		return;
	collect_gone(x);
	if (e->recurrence_id.kind == PIM_TIME_NONE) {
		expand_master(x);
	} else {
		int64_t start = pim_time_utc(&e->start, x->zone);
		int64_t end = pim_time_utc(&e->end, x->zone);
		if (overlaps(x, start, end))
			put_instance(x, start, end,
			             pim_time_utc(&e->recurrence_id, x->zone), e);
	}
	for (const struct pim_event *i = e->exceptions; i; i = i->next) {
		int64_t start = pim_time_utc(&i->start, x->zone);
		int64_t end = pim_time_utc(&i->end, x->zone);
		if (i->start.kind != PIM_TIME_NONE && overlaps(x, start, end))
			put_instance(x, start, end,
			             pim_time_utc(&i->recurrence_id, x->zone), i);
	}
}

enum rc
pim_event_expand(const struct pim_event *e, int64_t from, int64_t to,
                 const struct tzone *zone, size_t max, struct arena *a,
                 struct pim_instance **ret, size_t *ret_n)
{
	/* Exceptions come last and may belong first: all are made, then cut. */
	struct expansion x = {
		.e = e, .zone = zone, .from = from, .to = to, .a = a, .max = INSTANCES_MAX
	};

	expand(&x);
	if (x.n > 0)
		qsort(x.list, x.n, sizeof(*x.list), compare_instances);
	/* A date in RDATE that the rule makes as well. */
	size_t n = 0;
	for (size_t i = 0; i < x.n; i++) {
		if (n == 0 || x.list[n - 1].original != x.list[i].original ||
		    x.list[n - 1].event != x.list[i].event)
			x.list[n++] = x.list[i];
	}
	bool is_more = x.is_full || n > max;
	*ret = x.list;
	*ret_n = n > max ? max : n;
	return is_more ? RC_TOO_BIG : RC_OK;
}

bool
pim_event_in_window(const struct pim_event *e, int64_t from, int64_t to,
                    const struct tzone *zone)
{
	AUTO(arena)
	struct arena *a = arena_new();
	struct expansion x = {
		.e = e, .zone = zone, .from = from, .to = to, .a = a, .max = 1
	};

	expand(&x);
	return x.n > 0;
}

/* The last start of the master's rule, for pim_event_range(). */
struct last {
	struct civil at;
	size_t n;
};

static bool
note_last(const struct civil *at, void *arg)
{
	struct last *l = arg;

	l->at = *at;
	return ++l->n < INSTANCES_MAX;
}

void
pim_event_range(const struct pim_event *e, const struct tzone *zone, int64_t *ret_start,
                int64_t *ret_end)
{
	int64_t start = pim_time_utc(&e->start, zone), end = pim_time_utc(&e->end, zone);

	if (e->start.kind == PIM_TIME_NONE)
		end = start;
	for (size_t i = 0; i < e->n_rdates; i++) {
		struct pim_time to = end_from(e, &e->rdates[i], zone);
		int64_t s = pim_time_utc(&e->rdates[i], zone);
		int64_t t = pim_time_utc(&to, zone);
		start = s < start ? s : start;
		end = t > end ? t : end;
	}
	if (e->recur && e->start.kind != PIM_TIME_NONE) {
		struct civil from = e->start.at, to = { 9999, 12, 31, 23, 59, 59 };
		struct last last = { .at = e->start.at };
		bool is_endless =
			e->recur->count == 0 && e->recur->until.kind == PIM_TIME_NONE;
		if (is_endless ||
		    recur_each(e->recur, &e->start, zone, &from, &to, 0, note_last,
		               &last) == RC_TOO_BIG ||
		    last.n == INSTANCES_MAX) {
			end = INT64_MAX;
		} else {
			struct pim_time t = e->start;
			t.at = last.at;
			t = end_from(e, &t, zone);
			int64_t s = pim_time_utc(&t, zone);
			end = s > end ? s : end;
		}
	}
	for (const struct pim_event *x = e->exceptions; x; x = x->next) {
		int64_t s = pim_time_utc(&x->start, zone),
			t = pim_time_utc(&x->end, zone);
		if (x->start.kind == PIM_TIME_NONE)
			continue;
		start = s < start ? s : start;
		end = t > end ? t : end;
	}
	*ret_start = start;
	*ret_end = end;
}

struct pim_attendee *
pim_event_attendee(const struct pim_event *e, const char *email)
{
	for (struct pim_attendee *t = e->attendees; t; t = t->next) {
		if (t->email && email && span_ieq(span_str(t->email), span_str(email)))
			return t;
	}
	return NULL;
}

const struct tzone *
pim_event_zone(const struct pim_event *e)
{
	if (e->start.kind == PIM_TIME_ZONED)
		return e->start.zone;
	return e->zone ? e->zone : tzone_utc();
}

int64_t
pim_event_last_ms(const struct pim_event *e)
{
	int64_t start, end;

	pim_event_range(e, pim_event_zone(e), &start, &end);
	return end > NEVER_MS / 1000 ? NEVER_MS : end * 1000;
}
