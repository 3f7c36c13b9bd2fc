/* SPDX-License-Identifier: ISC
 *
 * itip_reply.c - what an organizer's calendar makes of REPLY and COUNTER: [RFC 5546]
 * 3.2.3, 3.2.7.
 */
#include <strings.h>

#include "format/itip_private.h"

#define PEOPLE_MAX 5000 /* of a meeting that grows by proposals */

/* false: an answer that came later has been taken already. */
static bool
set_answer(struct pim_attendee *t, const struct itip *in, const struct pim_event *x,
           bool is_proposal)
{
	const struct pim_attendee *from = in->sender;

	if (t->replied.kind != PIM_TIME_NONE && x->dtstamp.kind != PIM_TIME_NONE &&
	    pim_time_utc(&t->replied, NULL) >= pim_time_utc(&x->dtstamp, NULL))
		return false;
	if (from->partstat != PIM_PARTSTAT_UNKNOWN)
		t->partstat = from->partstat;
	t->replied = x->dtstamp;
	t->proposed_start.kind = t->proposed_end.kind = PIM_TIME_NONE;
	if (is_proposal) {
		t->proposed_start = pim_time_of(pim_time_utc(&x->start, NULL), NULL);
		t->proposed_end = pim_time_of(pim_time_utc(&x->end, NULL), NULL);
		if (x->start.kind == PIM_TIME_DATE) {
			t->proposed_start = x->start;
			t->proposed_end = x->end;
		}
	}
	return true;
}

/* Of a proposal only the time is looked at, not the rule. */
static bool
is_then(const struct pim_event *x, const struct pim_event *y)
{
	return pim_time_utc(&x->start, NULL) == pim_time_utc(&y->start, NULL) &&
	       pim_time_utc(&x->end, NULL) == pim_time_utc(&y->end, NULL);
}

/* 3.2.7: who is proposed besides. Nobody is asked by that yet: whoever forwarded the
 * meeting did (3.2.2.6). */
static enum rc
add_proposed(struct pim_event *target, const struct itip *in, struct arena *a)
{
	struct pim_attendee **end = &target->attendees;
	size_t n = 0, added = 0;

	for (; *end; end = &(*end)->next)
		n++;
	for (const struct pim_attendee *i = in->event->attendees; i; i = i->next) {
		if (!i->email || !strchr(i->email, '@') ||
		    pim_event_attendee(target, i->email) ||
		    (target->organizer_email &&
		     strcasecmp(i->email, target->organizer_email) == 0))
			continue;
		if (++n > PEOPLE_MAX)
			return RC_TOO_BIG;
		*end = arena_new_of(a, struct pim_attendee);
		**end = (struct pim_attendee){ .email = i->email,
			                       .name = i->name,
			                       .partstat = PIM_PARTSTAT_NEEDS_ACTION,
			                       .type = PIM_ATTENDEE_OPTIONAL,
			                       .rsvp = true };
		end = &(*end)->next;
		added++;
	}
	return added > 0 ? RC_OK : RC_NOT_FOUND;
}

enum rc
itip_apply_reply(const struct pim_event *stored, const struct itip *in,
                 const struct tzone *zone, struct arena *a, struct pim_event **ret)
{
	const struct pim_event *x = in->event;

	if (in->method != ITIP_REPLY && in->method != ITIP_COUNTER)
		return RC_INVALID;
	if (!stored || !in->sender || !pim_event_attendee(stored, in->sender->email))
		return RC_NOT_FOUND; /* nobody joins uninvited */
	struct pim_event *e = pim_event_copy(stored, a), *target = e;
	bool is_instance = x->recurrence_id.kind != PIM_TIME_NONE &&
	                   stored->recurrence_id.kind == PIM_TIME_NONE;
	if (is_instance) {
		int64_t original = pim_time_utc(&x->recurrence_id, zone);
		if (!pim_event_exception(e, original, zone) &&
		    pim_event_is_deleted(e, original, zone))
			return RC_NOT_FOUND;
		target = pim_event_exception_add(e, original, zone, a);
	}
	struct pim_attendee *t = pim_event_attendee(target, in->sender->email);
	if (!t)
		return RC_NOT_FOUND;
	/* An answer to what has been changed since. */
	if (x->sequence < target->sequence)
		return RC_EXISTS;
	bool is_proposal = in->method == ITIP_COUNTER && !is_then(x, target);
	if (in->method == ITIP_COUNTER && !is_proposal) {
		enum rc rc = add_proposed(target, in, a);

		if (rc != RC_NOT_FOUND) {
			*ret = e;
			return rc;
		}
	}
	enum pim_partstat was = t->partstat;
	if (!set_answer(t, in, x, is_proposal && !target->disallow_new_time))
		return RC_EXISTS;
	/* The whole series: exceptions that were answered with it, too. */
	for (struct pim_event *i = is_instance ? NULL : e->exceptions; i; i = i->next) {
		t = pim_event_attendee(i, in->sender->email);
		if (t && t->partstat == was && in->method == ITIP_REPLY)
			set_answer(t, in, x, false);
	}
	*ret = e;
	return RC_OK;
}

/* --- the organizer's own change --- */

static void
forget_answers(struct pim_event *e, struct span organizer)
{
	for (struct pim_attendee *i = e->attendees; i; i = i->next) {
		if (i->email && span_ieq(span_str(i->email), organizer))
			continue;
		i->partstat = PIM_PARTSTAT_NEEDS_ACTION;
		i->proposed_start.kind = i->proposed_end.kind = PIM_TIME_NONE;
	}
}

/* An exception against what stood in its place before. */
static bool
is_moved(const struct pim_event *x, const struct pim_event *before)
{
	const struct tzone *zone = pim_event_zone(before);
	int64_t original = pim_time_utc(&x->recurrence_id, zone);
	const struct pim_event *was = pim_event_exception(before, original, zone);
	int64_t length =
		pim_time_utc(&before->end, zone) - pim_time_utc(&before->start, zone);

	if (was)
		return !is_then(x, was);
	return pim_time_utc(&x->start, zone) != original ||
	       pim_time_utc(&x->end, zone) != original + length;
}

void
itip_ask_again(const struct pim_event *before, struct pim_event *after,
               struct span organizer)
{
	bool all = !itip_is_same_time(before, after);

	if (all)
		forget_answers(after, organizer);
	for (struct pim_event *x = after->exceptions; x; x = x->next) {
		if (all || is_moved(x, before))
			forget_answers(x, organizer);
	}
}
