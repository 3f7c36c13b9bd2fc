/* SPDX-License-Identifier: ISC
 *
 * test_itip.c - meetings by mail between an organizer's and an attendee's calendar.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "format/itip.h"

static struct pim_event *
parse(struct arena *a, const char *text)
{
	struct pim_event *e;

	assert_int_equal(pim_event_parse(span_str(text), a, &e), RC_OK);
	return e;
}

static struct pim_event *
stored(struct arena *a, const struct pim_event *e)
{
	AUTO_DONE(buf) struct buf out = BUF_INIT(0);

	pim_event_write(e, &out);
	return parse(a, arena_strndup(a, buf_span(&out)));
}

static const char *
text_of(struct arena *a, const struct pim_event *e)
{
	AUTO_DONE(buf) struct buf out = BUF_INIT(0);

	pim_event_write(e, &out);
	return arena_strndup(a, buf_span(&out));
}

static const char organizers[] =
	"BEGIN:VCALENDAR\r\n"
	"VERSION:2.0\r\n"
	"BEGIN:VEVENT\r\n"
	"UID:u1\r\n"
	"DTSTAMP:20240101T000000Z\r\n"
	"SEQUENCE:1\r\n"
	"SUMMARY:Weekly\r\n"
	"LOCATION:Room\r\n"
	"DTSTART;TZID=Europe/Berlin:20240318T090000\r\n"
	"DTEND;TZID=Europe/Berlin:20240318T100000\r\n"
	"RRULE:FREQ=WEEKLY;COUNT=4\r\n"
	"ORGANIZER;CN=Boss:mailto:boss@example.com\r\n"
	"ATTENDEE;CN=Ann;RSVP=TRUE:mailto:ann@example.com\r\n"
	"ATTENDEE;CN=Ben;PARTSTAT=ACCEPTED:mailto:ben@example.com\r\n"
	"X-MICROSOFT-CDO-BUSYSTATUS:OOF\r\n"
	"X-GODWIT-CLIENT-UID:secret\r\n"
	"X-OTHER:goes along\r\n"
	"BEGIN:VALARM\r\n"
	"ACTION:DISPLAY\r\n"
	"TRIGGER:-PT15M\r\n"
	"END:VALARM\r\n"
	"END:VEVENT\r\n"
	"BEGIN:VEVENT\r\n"
	"UID:u1\r\n"
	"DTSTAMP:20240101T000000Z\r\n"
	"SEQUENCE:1\r\n"
	"RECURRENCE-ID;TZID=Europe/Berlin:20240325T090000\r\n"
	"DTSTART;TZID=Europe/Berlin:20240325T140000\r\n"
	"DTEND;TZID=Europe/Berlin:20240325T150000\r\n"
	"SUMMARY:Weekly\\, later\r\n"
	"ORGANIZER;CN=Boss:mailto:boss@example.com\r\n"
	"ATTENDEE;CN=Ann:mailto:ann@example.com\r\n"
	"END:VEVENT\r\n"
	"END:VCALENDAR\r\n";

#define MONTH_EARLIER (30LL * 86400)

static int64_t
utc(const char *text)
{
	struct pim_time t;

	assert_int_equal(pim_time_parse(span_str(text), &t), RC_OK);
	return civil_to_seconds(&t.at);
}

static struct itip_spec
spec(enum itip_method method, const struct pim_event *e, const char *now)
{
	return (struct itip_spec){ .method = method,
		                   .event = e,
		                   .instance = INT64_MIN,
		                   .zone = tzone_find("Europe/Berlin"),
		                   .now = utc(now) };
}

static const char *
mail(struct arena *a, const struct itip_spec *s)
{
	AUTO_DONE(buf) struct buf out = BUF_INIT(0);

	assert_int_equal(itip_write(s, &out), RC_OK);
	return arena_strndup(a, buf_span(&out));
}

static struct itip
receive(struct arena *a, const char *text)
{
	struct itip in;

	assert_int_equal(itip_parse(span_str(text), a, &in), RC_OK);
	return in;
}

static void
a_request_tells_the_event_and_nothing_private(void **state UNUSED)
{
	AUTO(arena)
	struct arena *a = arena_new();
	struct itip_spec s = spec(ITIP_REQUEST, parse(a, organizers), "20240201T000000Z");
	const char *text;

	s.comment = "Hello, all";
	text = mail(a, &s);
	static const char *const there[] = {
		"METHOD:REQUEST\r\n",
		"BEGIN:VTIMEZONE\r\nTZID:Europe/Berlin\r\n",
		"X-OTHER:goes along\r\n",
		"COMMENT:Hello\\, all\r\n",
		"DTSTAMP:20240201T000000Z\r\n",
		"RRULE:FREQ=WEEKLY;COUNT=4\r\n",
		"ATTENDEE;CN=Ann;RSVP=TRUE;PARTSTAT=NEEDS-ACTION:mailto:ann@example.com\r\n",
		"X-MICROSOFT-CDO-INTENDEDSTATUS:OOF\r\n",
		"X-MICROSOFT-CDO-BUSYSTATUS:TENTATIVE\r\n",
		"RECURRENCE-ID;TZID=Europe/Berlin:20240325T090000\r\n",
	};
	for (size_t i = 0; i < ARRAY_LEN(there); i++) {
		if (!strstr(text, there[i]))
			fail_msg("no %s in\n%s", there[i], text);
	}
	assert_null(strstr(text, "VALARM"));
	assert_null(strstr(text, "GODWIT-"));
	/* One instance alone, one that was no exception yet. */
	s.instance = utc("20240401T070000");
	text = mail(a, &s);
	assert_non_null(
		strstr(text, "RECURRENCE-ID;TZID=Europe/Berlin:20240401T090000\r\n"));
	assert_null(strstr(text, "RRULE:FREQ=WEEKLY"));
	assert_null(strstr(text, "later"));
	s.instance = utc("20240325T080000");
	assert_non_null(strstr(mail(a, &s), "SUMMARY:Weekly\\, later\r\n"));
	s = spec(ITIP_REQUEST, pim_event_new(a), "20240201T000000Z");
	AUTO_DONE(buf) struct buf out = BUF_INIT(0);
	assert_int_equal(itip_write(&s, &out), RC_INVALID);
}

/* The attendee's calendar after the invitation. */
static struct pim_event *
invited(struct arena *a)
{
	struct itip_spec s = spec(ITIP_REQUEST, parse(a, organizers), "20240201T000000Z");
	struct itip in = receive(a, mail(a, &s));
	struct pim_event *e;

	assert_int_equal(in.method, ITIP_REQUEST);
	assert_int_equal(itip_apply_request(NULL, &in, s.zone, a, &e), RC_OK);
	e = stored(a, e);
	assert_int_equal(e->meeting, PIM_MEETING | PIM_MEETING_RECEIVED);
	assert_int_equal(e->response, PIM_RESPONSE_NONE_YET);
	assert_int_equal(e->busy, PIM_BUSY_TENTATIVE);
	assert_int_equal(e->intended, PIM_BUSY_OOF);
	assert_int_equal(e->reminder_min, PIM_NO_REMINDER);
	assert_null(strstr(text_of(a, e), "METHOD"));
	return e;
}

static void
an_invitation_is_put_in_the_calendar_and_an_update_keeps_what_is_ones_own(
	void **state UNUSED)
{
	AUTO(arena)
	struct arena *a = arena_new();
	const struct tzone *zone = tzone_find("Europe/Berlin");
	struct pim_event *mine = invited(a), *e;

	mine->reminder_min = 30;
	mine->response = PIM_RESPONSE_ACCEPTED;
	mine->busy = PIM_BUSY_OOF;
	assert_int_equal(pim_event_instance_delete(mine, utc("20240401T070000"), zone, a),
	                 RC_OK);
	mine = stored(a, mine);

	/* Only the room changes: the answer stands. */
	struct pim_event *theirs = parse(a, organizers);
	theirs->location.name = "Hall";
	struct itip_spec s = spec(ITIP_REQUEST, theirs, "20240202T000000Z");
	struct itip in = receive(a, mail(a, &s));
	assert_int_equal(itip_apply_request(mine, &in, zone, a, &e), RC_OK);
	e = stored(a, e);
	assert_string_equal(e->location.name, "Hall");
	assert_int_equal(e->reminder_min, 30);
	assert_int_equal(e->response, PIM_RESPONSE_ACCEPTED);
	assert_int_equal(e->busy, PIM_BUSY_OOF);
	assert_true(pim_event_is_deleted(e, utc("20240401T070000"), zone));
	/* The same message again, or an older one, changes nothing. */
	struct pim_event *none;
	assert_int_equal(itip_apply_request(e, &in, zone, a, &none), RC_EXISTS);
	s.now -= MONTH_EARLIER;
	in = receive(a, mail(a, &s));
	assert_int_equal(itip_apply_request(e, &in, zone, a, &none), RC_EXISTS);

	/* Another time asks anew. */
	theirs->sequence++;
	theirs->start.at.hour = 8;
	s = spec(ITIP_REQUEST, theirs, "20240203T000000Z");
	in = receive(a, mail(a, &s));
	assert_int_equal(itip_apply_request(e, &in, zone, a, &e), RC_OK);
	e = stored(a, e);
	assert_int_equal(e->response, PIM_RESPONSE_NONE_YET);
	assert_int_equal(e->busy, PIM_BUSY_TENTATIVE);
	assert_int_equal(e->reminder_min, 30);
	assert_int_equal(e->start.at.hour, 8);
}

static void
an_update_of_one_instance_touches_no_other(void **state UNUSED)
{
	AUTO(arena)
	struct arena *a = arena_new();
	const struct tzone *zone = tzone_find("Europe/Berlin");
	struct pim_event *mine = invited(a), *theirs = parse(a, organizers), *e;
	struct pim_event *x =
		pim_event_exception_add(theirs, utc("20240401T070000"), zone, a);

	x->subject = "Other";
	x->sequence = 2;
	struct itip_spec s = spec(ITIP_REQUEST, theirs, "20240204T000000Z");
	s.instance = utc("20240401T070000");
	struct itip in = receive(a, mail(a, &s));
	mine->reminder_min = 5;
	mine = stored(a, mine);
	assert_int_equal(itip_apply_request(mine, &in, zone, a, &e), RC_OK);
	e = stored(a, e);
	assert_string_equal(e->subject, "Weekly");
	x = pim_event_exception(e, utc("20240401T070000"), zone);
	assert_non_null(x);
	assert_string_equal(x->subject, "Other");
	assert_int_equal(x->reminder_min, 5);
	assert_non_null(pim_event_exception(e, utc("20240325T080000"), zone));
	/* To somebody who has no such series it is an event of its own. */
	assert_int_equal(itip_apply_request(NULL, &in, zone, a, &e), RC_OK);
	e = stored(a, e);
	assert_int_equal(e->recurrence_id.kind, PIM_TIME_ZONED);
	assert_string_equal(e->subject, "Other");
	struct pim_event *none;
	assert_int_equal(itip_apply_request(e, &in, zone, a, &none), RC_EXISTS);
}

static void
answers_reach_the_organizer_in_order(void **state UNUSED)
{
	AUTO(arena)
	struct arena *a = arena_new();
	const struct tzone *zone = tzone_find("Europe/Berlin");
	struct pim_event *mine = invited(a), *theirs = parse(a, organizers), *e, *none;
	struct itip_spec s = spec(ITIP_REPLY, mine, "20240205T000000Z");

	s.attendee_email = "ann@example.com";
	s.attendee_name = "Ann";
	s.partstat = PIM_PARTSTAT_ACCEPTED;
	const char *text = mail(a, &s);
	assert_non_null(strstr(text, "METHOD:REPLY\r\n"));
	assert_non_null(strstr(
		text, "ATTENDEE;CN=Ann;PARTSTAT=ACCEPTED:mailto:ann@example.com\r\n"));
	assert_null(strstr(text, "ben@"));
	struct itip in = receive(a, text);
	assert_string_equal(in.sender->email, "ann@example.com");
	assert_int_equal(itip_apply_reply(theirs, &in, zone, a, &e), RC_OK);
	e = stored(a, e);
	assert_int_equal(pim_event_attendee(e, "ann@example.com")->partstat,
	                 PIM_PARTSTAT_ACCEPTED);
	assert_int_equal(pim_event_attendee(e->exceptions, "ann@example.com")->partstat,
	                 PIM_PARTSTAT_ACCEPTED);
	assert_int_equal(pim_event_attendee(theirs, "ann@example.com")->partstat,
	                 PIM_PARTSTAT_UNKNOWN);
	/* One that was sent earlier and comes later. */
	s.now -= 3600;
	s.partstat = PIM_PARTSTAT_DECLINED;
	in = receive(a, mail(a, &s));
	assert_int_equal(itip_apply_reply(e, &in, zone, a, &none), RC_EXISTS);
	/* One instance is declined. */
	s.now += 7200;
	s.instance = utc("20240401T070000");
	in = receive(a, mail(a, &s));
	assert_int_equal(itip_apply_reply(e, &in, zone, a, &e), RC_OK);
	e = stored(a, e);
	assert_int_equal(pim_event_attendee(e, "ann@example.com")->partstat,
	                 PIM_PARTSTAT_ACCEPTED);
	struct pim_event *x = pim_event_exception(e, utc("20240401T070000"), zone);
	assert_int_equal(pim_event_attendee(x, "ann@example.com")->partstat,
	                 PIM_PARTSTAT_DECLINED);
	/* To a meeting that has changed since, or from somebody who was not asked. */
	e->sequence = 9;
	s.instance = INT64_MIN;
	s.now += 7200;
	in = receive(a, mail(a, &s));
	assert_int_equal(itip_apply_reply(e, &in, zone, a, &none), RC_EXISTS);
	s.attendee_email = "eve@example.com";
	in = receive(a, mail(a, &s));
	assert_int_equal(itip_apply_reply(e, &in, zone, a, &none), RC_NOT_FOUND);
}

static void
another_time_can_be_proposed(void **state UNUSED)
{
	AUTO(arena)
	struct arena *a = arena_new();
	const struct tzone *zone = tzone_find("Europe/Berlin");
	struct pim_event *theirs = parse(a, organizers), *e;
	struct itip_spec s = spec(ITIP_COUNTER, invited(a), "20240205T000000Z");

	s.instance = utc("20240318T080000");
	s.attendee_email = "ann@example.com";
	s.partstat = PIM_PARTSTAT_TENTATIVE;
	s.proposed_start = pim_time_of(utc("20240318T120000"), NULL);
	s.proposed_end = pim_time_of(utc("20240318T130000"), NULL);
	const char *text = mail(a, &s);
	assert_non_null(strstr(text, "DTSTART:20240318T120000Z\r\n"));
	assert_non_null(strstr(text, "X-MS-OLK-ORIGINALSTART;TZID=Europe/Berlin:"
	                             "20240318T090000\r\n"));
	struct itip in = receive(a, text);
	assert_int_equal(itip_apply_reply(theirs, &in, zone, a, &e), RC_OK);
	e = stored(a, e);
	struct pim_event *x = pim_event_exception(e, utc("20240318T080000"), zone);
	const struct pim_attendee *t = pim_event_attendee(x, "ann@example.com");
	assert_int_equal(t->partstat, PIM_PARTSTAT_TENTATIVE);
	assert_int_equal(pim_time_utc(&t->proposed_start, NULL), utc("20240318T120000"));
	/* The event itself has not moved. */
	assert_int_equal(x->start.at.hour, 9);
}

static void
who_else_could_come_can_be_proposed(void **state UNUSED)
{
	AUTO(arena)
	struct arena *a = arena_new();
	const struct tzone *zone = tzone_find("Europe/Berlin");
	struct pim_event *theirs = parse(a, organizers), *e, *none;
	struct pim_attendee ben = { .email = "ben@example.com" },
			    dan = { .email = "dan@example.com", .name = "Dan" };
	struct itip_spec s = spec(ITIP_COUNTER, invited(a), "20240205T000000Z");
	struct itip in;
	const struct pim_attendee *t;

	s.attendee_email = "ann@example.com";
	s.partstat = PIM_PARTSTAT_DECLINED;
	dan.next = &ben;
	s.others = &dan;
	in = receive(a, mail(a, &s));
	/* Whoever of them sent it speaks. */
	itip_set_sender(&in, SPAN("BEN@example.com"));
	assert_string_equal(in.sender->email, "ben@example.com");
	in = receive(a, mail(a, &s));
	itip_set_sender(&in, SPAN("ann@example.com"));
	assert_int_equal(itip_apply_reply(theirs, &in, zone, a, &e), RC_OK);
	e = stored(a, e);
	t = pim_event_attendee(e, "dan@example.com");
	assert_non_null(t);
	assert_string_equal(t->name, "Dan");
	assert_int_equal(t->partstat, PIM_PARTSTAT_NEEDS_ACTION);
	assert_int_equal(t->type, PIM_ATTENDEE_OPTIONAL);
	/* It is no answer, and ben, who is there, stays as he is. */
	assert_int_equal(pim_event_attendee(e, "ann@example.com")->partstat,
	                 PIM_PARTSTAT_UNKNOWN);
	assert_int_equal(pim_event_attendee(e, "ben@example.com")->partstat,
	                 PIM_PARTSTAT_ACCEPTED);
	/* Who was not invited proposes nobody. */
	s.attendee_email = "eve@example.com";
	in = receive(a, mail(a, &s));
	assert_int_equal(itip_apply_reply(theirs, &in, zone, a, &none), RC_NOT_FOUND);
	/* A proposal of another time does not bring others along. */
	s.attendee_email = "ann@example.com";
	s.proposed_start = pim_time_of(utc("20240318T120000"), NULL);
	s.proposed_end = pim_time_of(utc("20240318T130000"), NULL);
	in = receive(a, mail(a, &s));
	assert_int_equal(itip_apply_reply(theirs, &in, zone, a, &e), RC_OK);
	assert_null(pim_event_attendee(e, "dan@example.com"));
	assert_int_equal(pim_event_attendee(e, "ann@example.com")->partstat,
	                 PIM_PARTSTAT_DECLINED);
	/* Nor is the time noted where the organizer wants to hear of none. */
	theirs->disallow_new_time = true;
	assert_int_equal(itip_apply_reply(theirs, &in, zone, a, &e), RC_OK);
	assert_int_equal(pim_event_attendee(e, "ann@example.com")->proposed_start.kind,
	                 PIM_TIME_NONE);
}

static const char *
added(struct arena *a, const char *sequence, const char *lines)
{
	return arena_printf(a,
	                    "BEGIN:VCALENDAR\r\nMETHOD:ADD\r\nBEGIN:VEVENT\r\nUID:u1\r\n"
	                    "SEQUENCE:%s\r\nDTSTAMP:20240210T000000Z\r\n%s"
	                    "SUMMARY:Extra\r\nX-GODWIT-RESPONSE:3\r\n"
	                    "ORGANIZER:mailto:boss@example.com\r\n"
	                    "ATTENDEE;RSVP=TRUE:mailto:ann@example.com\r\n"
	                    "END:VEVENT\r\nEND:VCALENDAR\r\n",
	                    sequence, lines);
}

static void
instances_are_added_to_a_series(void **state UNUSED)
{
	AUTO(arena)
	struct arena *a = arena_new();
	const struct tzone *zone = tzone_find("Europe/Berlin");
	struct pim_event *mine = invited(a), *e, *none;
	struct pim_instance *list;
	const struct pim_event *x;
	struct itip in;
	size_t n;

	mine->response = PIM_RESPONSE_ACCEPTED;
	mine->reminder_min = 5;
	mine = stored(a, mine);
	in = receive(a, added(a, "2",
	                      "DTSTART:20240320T100000Z\r\nDTEND:20240320T113000Z\r\n"));
	assert_int_equal(itip_apply_add(mine, &in, zone, a, &e), RC_OK);
	e = stored(a, e);
	assert_string_equal(e->subject, "Weekly");
	assert_int_equal(e->response, PIM_RESPONSE_ACCEPTED);
	assert_int_equal(e->sequence, 2);
	x = pim_event_exception(e, utc("20240320T100000"), zone);
	assert_non_null(x);
	assert_string_equal(x->subject, "Extra");
	assert_int_equal(x->response, PIM_RESPONSE_NONE_YET);
	assert_int_equal(x->busy, PIM_BUSY_TENTATIVE);
	assert_int_equal(x->reminder_min, 5);
	assert_int_equal(
		pim_event_expand(e, 0, utc("20250101T000000"), zone, 100, a, &list, &n),
		RC_OK);
	assert_int_equal(n, 5);
	assert_int_equal(list[1].start, utc("20240320T100000"));
	assert_int_equal(list[1].end, utc("20240320T113000"));
	/* The same again, an older one, and what is there anyway. */
	assert_int_equal(itip_apply_add(e, &in, zone, a, &none), RC_EXISTS);
	in = receive(a, added(a, "1", "DTSTART:20240321T100000Z\r\n"));
	assert_int_equal(itip_apply_add(e, &in, zone, a, &none), RC_EXISTS);
	in = receive(a, added(a, "3", "DTSTART:20240401T070000Z\r\n"));
	assert_int_equal(itip_apply_add(e, &in, zone, a, &none), RC_EXISTS);
	/* A series more (RFC 5546 4.4.6), and one that never ends. */
	in = receive(a, added(a, "4",
	                      "DTSTART:20240402T100000Z\r\nDTEND:20240402T110000Z\r\n"
	                      "RRULE:FREQ=WEEKLY;COUNT=3\r\n"));
	assert_int_equal(itip_apply_add(e, &in, zone, a, &e), RC_OK);
	e = stored(a, e);
	assert_int_equal(
		pim_event_expand(e, 0, utc("20250101T000000"), zone, 100, a, &list, &n),
		RC_OK);
	assert_int_equal(n, 8);
	in = receive(a,
	             added(a, "5", "DTSTART:20240403T100000Z\r\nRRULE:FREQ=WEEKLY\r\n"));
	assert_int_equal(itip_apply_add(e, &in, zone, a, &none), RC_TOO_BIG);
	assert_int_equal(itip_apply_add(NULL, &in, zone, a, &none), RC_NOT_FOUND);
}

static void
a_moved_meeting_is_to_be_answered_again(void **state UNUSED)
{
	AUTO(arena)
	struct arena *a = arena_new();
	const struct tzone *zone = tzone_find("Europe/Berlin");
	struct pim_event *before = parse(a, organizers), *after;
	struct pim_event *x;

	before->attendees->partstat = PIM_PARTSTAT_ACCEPTED;
	before->attendees->proposed_start = pim_time_of(utc("20240318T120000"), NULL);
	before->attendees->proposed_end = pim_time_of(utc("20240318T130000"), NULL);
	after = pim_event_copy(before, a);
	after->subject = "Only another name";
	itip_ask_again(before, after, SPAN("boss@example.com"));
	assert_int_equal(after->attendees->partstat, PIM_PARTSTAT_ACCEPTED);
	assert_int_not_equal(after->attendees->proposed_start.kind, PIM_TIME_NONE);
	/* One instance alone. */
	x = pim_event_exception_add(after, utc("20240401T070000"), zone, a);
	x->start.at.hour = 18;
	x->end.at.hour = 19;
	itip_ask_again(before, after, SPAN("boss@example.com"));
	assert_int_equal(after->attendees->partstat, PIM_PARTSTAT_ACCEPTED);
	assert_int_equal(x->attendees->partstat, PIM_PARTSTAT_NEEDS_ACTION);
	after->start.at.hour = 8;
	itip_ask_again(before, after, SPAN("boss@example.com"));
	assert_int_equal(after->attendees->partstat, PIM_PARTSTAT_NEEDS_ACTION);
	assert_int_equal(after->attendees->proposed_start.kind, PIM_TIME_NONE);
}

static void
a_cancelled_meeting_stays_and_is_marked(void **state UNUSED)
{
	AUTO(arena)
	struct arena *a = arena_new();
	const struct tzone *zone = tzone_find("Europe/Berlin");
	struct pim_event *mine = invited(a), *theirs = parse(a, organizers), *e, *none;
	struct itip_spec s = spec(ITIP_CANCEL, theirs, "20240301T000000Z");

	theirs->sequence = 2;
	s.instance = utc("20240401T070000");
	const char *text = mail(a, &s);
	assert_non_null(strstr(text, "STATUS:CANCELLED\r\n"));
	struct itip in = receive(a, text);
	assert_int_equal(itip_apply_cancel(mine, &in, zone, a, &e), RC_OK);
	e = stored(a, e);
	assert_int_equal(e->meeting, PIM_MEETING | PIM_MEETING_RECEIVED);
	struct pim_event *x = pim_event_exception(e, utc("20240401T070000"), zone);
	assert_true(x->meeting & PIM_MEETING_CANCELLED);
	assert_int_equal(x->busy, PIM_BUSY_FREE);
	assert_int_equal(itip_apply_cancel(e, &in, zone, a, &none), RC_EXISTS);
	s.instance = INT64_MIN;
	in = receive(a, mail(a, &s));
	assert_int_equal(in.event->exceptions == NULL, true);
	assert_int_equal(itip_apply_cancel(e, &in, zone, a, &e), RC_OK);
	e = stored(a, e);
	assert_int_equal(e->meeting,
	                 PIM_MEETING | PIM_MEETING_RECEIVED | PIM_MEETING_CANCELLED);
	assert_int_equal(itip_apply_cancel(NULL, &in, zone, a, &none), RC_NOT_FOUND);
}

static void
a_message_brings_no_private_properties_in(void **state UNUSED)
{
	AUTO(arena)
	struct arena *a = arena_new();
	struct itip in = receive(
		a, "BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\nBEGIN:VEVENT\r\nUID:u\r\n"
		   "DTSTART:20240101T000000Z\r\nORGANIZER:mailto:x@example.com\r\n"
		   "ATTENDEE;X-GODWIT-REPLIED=20300101T000000Z:mailto:me@example.com\r\n"
		   "X-GODWIT-RESPONSE:3\r\nX-GODWIT-MEETING:0\r\n"
		   "BEGIN:VALARM\r\nACTION:AUDIO\r\nTRIGGER:PT0S\r\nEND:VALARM\r\n"
		   "END:VEVENT\r\nEND:VCALENDAR\r\n");
	struct pim_event *e;

	assert_int_equal(itip_apply_request(NULL, &in, NULL, a, &e), RC_OK);
	e = stored(a, e);
	assert_int_equal(e->response, PIM_RESPONSE_NONE_YET);
	assert_int_equal(e->reminder_min, PIM_NO_REMINDER);
	assert_int_equal(e->attendees->replied.kind, PIM_TIME_NONE);
	struct itip none;
	assert_int_equal(
		itip_parse(SPAN("BEGIN:VCALENDAR\r\nMETHOD:ODD\r\nBEGIN:VEVENT\r\n"
	                        "UID:u\r\nEND:VEVENT\r\n"),
	                   a, &none),
		RC_UNSUPPORTED);
	assert_int_equal(
		itip_parse(SPAN("BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nEND:VEVENT\r\n"), a,
	                   &none),
		RC_INVALID);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_tells_the_event_and_nothing_private),
		cmocka_unit_test(
			an_invitation_is_put_in_the_calendar_and_an_update_keeps_what_is_ones_own),
		cmocka_unit_test(an_update_of_one_instance_touches_no_other),
		cmocka_unit_test(answers_reach_the_organizer_in_order),
		cmocka_unit_test(another_time_can_be_proposed),
		cmocka_unit_test(who_else_could_come_can_be_proposed),
		cmocka_unit_test(instances_are_added_to_a_series),
		cmocka_unit_test(a_moved_meeting_is_to_be_answered_again),
		cmocka_unit_test(a_cancelled_meeting_stays_and_is_marked),
		cmocka_unit_test(a_message_brings_no_private_properties_in),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
