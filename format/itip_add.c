/* SPDX-License-Identifier: ISC
 *
 * itip_add.c - more instances of a meeting: ADD, [RFC 5546] 3.2.4.
 *
 * An added instance is a date in RDATE and an exception at it, which has all that the
 * message says of it: so it is seen by devices too that have no word for RDATE.
 */
#include "format/itip_private.h"

#define PRESENT_MAX 10000
#define YEAR_9999 INT64_C(253370764800)

/* What the event has in the time of what is to be added. */
struct present {
	struct pim_instance *list;
	size_t n;
};

static bool
has_instance(const struct present *p, int64_t start)
{
	for (size_t i = 0; i < p->n; i++) {
		if (p->list[i].original == start)
			return true;
	}
	return false;
}

static void
add_date(struct pim_event *e, const struct pim_time *start, struct arena *a)
{
	struct pim_time *dates = arena_array(a, e->n_rdates + 1, struct pim_time);

	for (size_t i = 0; i < e->n_rdates; i++)
		dates[i] = e->rdates[i];
	dates[e->n_rdates++] = *start;
	e->rdates = dates;
}

/* One of the message's instances, as an exception of e. */
static enum rc
add_instance(struct pim_event *e, const struct itip *in, const struct pim_instance *one,
             const struct tzone *zone, struct arena *a)
{
	struct pim_event *place = pim_event_exception_add(e, one->start, zone, a), *x;
	struct pim_event **at = &e->exceptions;
	enum rc rc = pim_event_of(itip_clean_cal(in, a), a, &x);

	if (rc != RC_OK)
		return rc;
	x->recurrence_id = place->recurrence_id;
	x->start = place->start;
	x->end = pim_time_of(one->end, pim_event_zone(in->event));
	if (x->start.kind == PIM_TIME_DATE || x->start.kind == PIM_TIME_FLOATING)
		x->end = place->end;
	x->recur = NULL;
	x->rdates = x->exdates = NULL;
	x->n_rdates = x->n_exdates = 0;
	x->exceptions = NULL;
	x->reminder_min = e->reminder_min;
	x->cal = NULL;
	itip_set_received(x, NULL);
	while (*at != place)
		at = &(*at)->next;
	x->next = place->next;
	*at = x;
	add_date(e, &x->recurrence_id, a);
	return RC_OK;
}

enum rc
itip_apply_add(const struct pim_event *stored, const struct itip *in,
               const struct tzone *zone, struct arena *a, struct pim_event **ret)
{
	const struct pim_event *more = in->event;
	struct present present = { 0 };
	struct pim_instance *list;
	struct pim_event *e;
	size_t n = 0, added = 0;
	int64_t start;

	if (in->method != ITIP_ADD || more->recurrence_id.kind != PIM_TIME_NONE)
		return RC_INVALID;
	/* An instance that the user was invited to alone is no series to add to. */
	if (!stored || stored->recurrence_id.kind != PIM_TIME_NONE)
		return RC_NOT_FOUND;
	if (!itip_is_newer(more, stored))
		return RC_EXISTS;
	start = pim_time_utc(&more->start, zone);
	if (more->start.kind == PIM_TIME_NONE)
		return RC_INVALID;
	enum rc rc = pim_event_expand(more, start, YEAR_9999, zone, ITIP_ADDED_MAX, a,
	                              &list, &n);
	if (rc == RC_OK && n > 0)
		rc = pim_event_expand(stored, start, list[n - 1].start + 1, zone,
		                      PRESENT_MAX, a, &present.list, &present.n);
	if (rc != RC_OK)
		return rc;
	e = pim_event_copy(stored, a);
	for (size_t i = 0; i < n && rc == RC_OK; i++) {
		if (has_instance(&present, list[i].start))
			continue;
		rc = add_instance(e, in, &list[i], zone, a);
		added++;
	}
	if (rc != RC_OK || added == 0)
		return rc != RC_OK ? rc : RC_EXISTS;
	e->sequence = more->sequence;
	if (more->dtstamp.kind != PIM_TIME_NONE)
		e->dtstamp = more->dtstamp;
	*ret = e;
	return RC_OK;
}
