/* SPDX-License-Identifier: ISC
 *
 * itip_apply.c - what an attendee's calendar makes of REQUEST and CANCEL (RFC 5546).
 */
#include <strings.h>

#include "format/itip_private.h"

bool
itip_is_newer(const struct pim_event *in, const struct pim_event *stored)
{
	if (in->sequence != stored->sequence)
		return in->sequence > stored->sequence;
	if (in->dtstamp.kind == PIM_TIME_NONE || stored->dtstamp.kind == PIM_TIME_NONE)
		return true;
	return pim_time_utc(&in->dtstamp, NULL) > pim_time_utc(&stored->dtstamp, NULL);
}

bool
itip_is_same_time(const struct pim_event *x, const struct pim_event *y)
{
	bool is_same_rule = x->recur && y->recur ? recur_eq(x->recur, y->recur)
	                                         : x->recur == y->recur;

	return pim_time_utc(&x->start, NULL) == pim_time_utc(&y->start, NULL) &&
	       pim_time_utc(&x->end, NULL) == pim_time_utc(&y->end, NULL) && is_same_rule;
}

/* Alarms and private properties of the stored event, upon the one that came. */
static void
keep_own(struct vobj *o, const struct vobj *stored, struct arena *a)
{
	static const char *const kept[] = { "X-MICROSOFT-CDO-BUSYSTATUS", "TRANSP",
		                            "CATEGORIES", "X-MICROSOFT-CDO-REPLYTIME" };

	for (const struct vobj_prop *p = stored->props; p; p = p->next) {
		bool is_kept = strncasecmp(p->name, "X-GODWIT-", 9) == 0;
		for (size_t i = 0; i < ARRAY_LEN(kept); i++) {
			if (vobj_prop_is(p, kept[i])) {
				vobj_remove_all(o, kept[i]);
				is_kept = true;
			}
		}
		if (is_kept)
			vobj_append(o, vobj_prop_copy(p, a));
	}
	for (const struct vobj *c = vobj_child(stored, "VALARM"); c;
	     c = vobj_next_child(c, "VALARM"))
		vobj_add_child(o, vobj_copy(c, a));
}

struct vobj *
itip_clean_cal(const struct itip *in, struct arena *a)
{
	struct vobj *cal = vobj_copy(in->event->cal, a);

	vobj_remove_all(cal, "METHOD");
	for (struct vobj *c = vobj_child(cal, "VEVENT"); c;
	     c = vobj_next_child(c, "VEVENT"))
		itip_strip(c);
	return cal;
}

void
itip_set_received(struct pim_event *e, const struct pim_event *stored)
{
	bool is_answered = stored && itip_is_same_time(e, stored);

	e->meeting |= PIM_MEETING | PIM_MEETING_RECEIVED;
	e->meeting &= ~PIM_MEETING_CANCELLED;
	if (is_answered) {
		e->response = stored->response;
		e->busy = stored->busy;
		return;
	}
	e->response = PIM_RESPONSE_NONE_YET;
	e->reply_time.kind = PIM_TIME_NONE;
	if (e->busy != PIM_BUSY_FREE)
		e->busy = PIM_BUSY_TENTATIVE;
}

/* The exception as it was, with its answer. */
static const struct pim_event *
answered_before(const struct pim_event *stored, const struct pim_event *x)
{
	if (!stored || x->recurrence_id.kind == PIM_TIME_NONE)
		return NULL;
	return pim_event_exception(stored, pim_time_utc(&x->recurrence_id, NULL), NULL);
}

/* A whole series or a single event. */
static enum rc
request_all(const struct pim_event *stored, const struct itip *in, struct arena *a,
            struct pim_event **ret)
{
	struct vobj *cal = itip_clean_cal(in, a);
	struct pim_event *e;

	if (stored && !itip_is_newer(in->event, stored))
		return RC_EXISTS;
	enum rc rc = pim_event_of(cal, a, &e);
	if (rc != RC_OK)
		return rc;
	if (stored && stored->obj) {
		/* What is kept says what the user is now, not what is asked. */
		enum pim_busy intended = e->intended;

		keep_own(e->obj, stored->obj, a);
		rc = pim_event_of(cal, a, &e);
		if (rc != RC_OK)
			return rc;
		e->intended = intended;
	}
	/* What is published asks nobody to come. */
	if (in->method != ITIP_PUBLISH) {
		itip_set_received(e, stored);
		for (struct pim_event *x = e->exceptions; x; x = x->next)
			itip_set_received(x, answered_before(stored, x));
	}
	*ret = e;
	if (!stored || !itip_is_same_time(e, stored))
		return RC_OK;
	/* The same series: exceptions and deletions that the message does not name stay.
	 */
	struct pim_event *old = pim_event_copy(stored, a);
	for (struct pim_event *x = old->exceptions, *next; x; x = next) {
		next = x->next;
		if (x->recurrence_id.kind == PIM_TIME_NONE ||
		    pim_event_exception(e, pim_time_utc(&x->recurrence_id, NULL), NULL))
			continue;
		x->next = e->exceptions;
		e->exceptions = x;
	}
	struct pim_time *gone =
		arena_array(a, e->n_exdates + stored->n_exdates, struct pim_time);
	size_t n = 0;
	for (size_t i = 0; i < e->n_exdates; i++)
		gone[n++] = e->exdates[i];
	for (size_t i = 0; i < stored->n_exdates; i++) {
		int64_t utc = pim_time_utc(&stored->exdates[i], NULL);
		if (!pim_event_is_deleted(e, utc, NULL) &&
		    !pim_event_exception(e, utc, NULL))
			gone[n++] = stored->exdates[i];
	}
	e->exdates = gone;
	e->n_exdates = n;
	return RC_OK;
}

/* One instance of a series, or alone. */
static enum rc
request_instance(const struct pim_event *stored, const struct itip *in,
                 const struct tzone *zone, struct arena *a, struct pim_event **ret)
{
	struct vobj *cal = itip_clean_cal(in, a);
	struct pim_event *x;

	enum rc rc = pim_event_of(cal, a, &x);
	if (rc != RC_OK)
		return rc;
	int64_t original = pim_time_utc(&x->recurrence_id, zone);
	struct pim_event *e = pim_event_copy(stored, a);
	struct pim_event *was = pim_event_exception(e, original, zone);
	if (stored->recurrence_id.kind != PIM_TIME_NONE &&
	    pim_time_utc(&stored->recurrence_id, zone) == original)
		return request_all(stored, in, a, ret);
	if (!itip_is_newer(x, was ? was : stored) &&
	    (was || x->sequence < stored->sequence))
		return RC_EXISTS;
	if (!was)
		was = pim_event_exception_add(e, original, zone, a);
	if (was->obj) {
		enum pim_busy intended = x->intended;

		keep_own(x->obj, was->obj, a);
		rc = pim_event_of(cal, a, &x);
		if (rc != RC_OK)
			return rc;
		x->intended = intended;
	}
	itip_set_received(x, was);
	struct pim_event **at = &e->exceptions;
	while (*at != was)
		at = &(*at)->next;
	x->next = was->next;
	x->cal = NULL;
	*at = x;
	*ret = e;
	return RC_OK;
}

enum rc
itip_apply_request(const struct pim_event *stored, const struct itip *in,
                   const struct tzone *zone, struct arena *a, struct pim_event **ret)
{
	if (in->method != ITIP_REQUEST && in->method != ITIP_PUBLISH)
		return RC_INVALID;
	if (!stored || in->event->recurrence_id.kind == PIM_TIME_NONE)
		return request_all(stored, in, a, ret);
	return request_instance(stored, in, zone, a, ret);
}

static void
set_cancelled(struct pim_event *e, const struct pim_event *in)
{
	e->meeting |= PIM_MEETING | PIM_MEETING_CANCELLED;
	e->busy = PIM_BUSY_FREE;
	e->sequence = in->sequence;
	if (in->dtstamp.kind != PIM_TIME_NONE)
		e->dtstamp = in->dtstamp;
}

enum rc
itip_apply_cancel(const struct pim_event *stored, const struct itip *in,
                  const struct tzone *zone, struct arena *a, struct pim_event **ret)
{
	const struct pim_event *x = in->event;

	if (in->method != ITIP_CANCEL)
		return RC_INVALID;
	if (!stored)
		return RC_NOT_FOUND;
	struct pim_event *e = pim_event_copy(stored, a), *target = e;
	if (x->recurrence_id.kind != PIM_TIME_NONE &&
	    stored->recurrence_id.kind == PIM_TIME_NONE) {
		int64_t original = pim_time_utc(&x->recurrence_id, zone);
		target = pim_event_exception(e, original, zone);
		if (target ? !itip_is_newer(x, target) : x->sequence < stored->sequence)
			return RC_EXISTS;
		/* What the user has deleted need not be shown as cancelled. */
		if (!target && pim_event_is_deleted(e, original, zone))
			return RC_EXISTS;
		if (!target)
			target = pim_event_exception_add(e, original, zone, a);
	} else if (x->sequence < stored->sequence) {
		return RC_EXISTS;
	}
	if (target->meeting & PIM_MEETING_CANCELLED)
		return RC_EXISTS;
	set_cancelled(target, x);
	*ret = e;
	return RC_OK;
}
