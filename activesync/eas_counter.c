/* SPDX-License-Identifier: ISC
 *
 * eas_counter.c - answering a proposal: [MS-ASEMAIL] 2.2.2.48, [RFC 5546] 3.2.8.
 */
#include "activesync/eas_counter.h"

#include "activesync/eas_calendar.h"
#include "activesync/eas_meeting.h"
#include "base/clock.h"

/* The event or the instance that the proposal is about. */
static struct pim_event *
target_of(const struct eas_counter *q, struct pim_event *e, struct arena *a)
{
	const struct pim_time *id = &q->in->event->recurrence_id;
	const struct tzone *zone = pim_event_zone(e);
	int64_t original = pim_time_utc(id, zone);

	if (id->kind == PIM_TIME_NONE || e->recurrence_id.kind != PIM_TIME_NONE)
		return e;
	if (!eas_calendar_has_instance(e, original, a))
		return NULL;
	return pim_event_exception_add(e, original, zone, a);
}

static struct pim_time
like(const struct pim_time *t, const struct pim_time *was, const struct tzone *zone)
{
	if (t->kind == PIM_TIME_DATE || was->kind == PIM_TIME_DATE)
		return *t;
	return pim_time_of(pim_time_utc(t, zone), zone);
}

static void
move(struct pim_event *target, const struct pim_event *to)
{
	const struct tzone *zone = pim_event_zone(target);

	target->start = like(&to->start, &target->start, zone);
	target->end = like(&to->end, &target->end, zone);
}

static enum rc
decline(struct eas_call *c, const struct eas_counter *q, const struct pim_event *e,
        const struct pim_attendee *who, struct eas_edit_mail **mail)
{
	const struct tzone *zone = pim_event_zone(e);
	const struct pim_time *id = &q->in->event->recurrence_id;
	struct itip_spec spec = {
		.method = ITIP_DECLINECOUNTER,
		.event = e,
		.instance =
			id->kind == PIM_TIME_NONE ? INT64_MIN : pim_time_utc(id, zone),
		.zone = zone,
		.attendee_email = who->email,
		.attendee_name = who->name,
		.partstat = who->partstat,
		.comment = eas_meeting_comment(
			c, wbxml_child(q->send, WBXML_AIRSYNCBASE_BODY)),
		.now = clock_wall_ms() / 1000,
	};
	struct eas_edit_mail *m = arena_new_of(c->arena, struct eas_edit_mail);
	const char *subject = arena_printf(c->arena, "Declined: New Time Proposed: %s",
	                                   e->subject ? e->subject : "");
	enum rc rc = eas_meeting_message(
		c, &spec, span_str(arena_printf(c->arena, "<%s>", who->email)),
		span_str(subject), &m->message);

	if (rc == RC_OK)
		*mail = m;
	return rc;
}

unsigned
eas_counter_answer(struct eas_call *c, const struct eas_counter *q,
                   struct pim_event **ret, struct eas_edit_mail **mail)
{
	struct pim_event *e = pim_event_copy(q->stored, c->arena), *target;
	struct pim_attendee *who;
	enum rc rc;

	if (c->query.version < 161 || !e->organizer_email ||
	    !eas_calendar_is_own(e, c->user.address) ||
	    (q->response != 1 && q->response != 3))
		return EAS_MEETING_INVALID;
	target = target_of(q, e, c->arena);
	who = target && q->in->sender ? pim_event_attendee(target, q->in->sender->email)
	                              : NULL;
	/* Moved since, or withdrawn by an answer without another time. */
	if (!who || who->proposed_start.kind == PIM_TIME_NONE)
		return EAS_MEETING_INVALID;
	if (q->response == 3) {
		who->proposed_start.kind = who->proposed_end.kind = PIM_TIME_NONE;
		rc = q->send ? decline(c, q, e, who, mail) : RC_OK;
	} else {
		move(target, q->in->event);
		e->last_modified = e->dtstamp = pim_time_of(clock_wall_ms() / 1000, NULL);
		rc = eas_meeting_tell(c, q->stored, e, mail);
	}
	if (rc != RC_OK)
		return eas_status_from_rc(c->command, rc);
	*ret = e;
	return EAS_STATUS_OK;
}
