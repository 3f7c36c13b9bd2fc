/* SPDX-License-Identifier: ISC
 *
 * test_pim_event.c - an event's fields, the calendar that keeps them, and its instances.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "format/pim_event.h"

static struct pim_event *
parse(struct arena *a, const char *text)
{
	struct pim_event *e;
	enum rc rc = pim_event_parse(span_str(text), a, &e);

	if (rc != RC_OK)
		fail_msg("%s: %s", rc_str(rc), text);
	return e;
}

static const char *
written(struct arena *a, const struct pim_event *e)
{
	AUTO_DONE(buf) struct buf out = BUF_INIT(0);

	pim_event_write(e, &out);
	return arena_strndup(a, buf_span(&out));
}

static int64_t
utc(const char *text)
{
	struct pim_time t;

	if (pim_time_parse(span_str(text), &t) != RC_OK)
		fail_msg("no time: %s", text);
	return civil_to_seconds(&t.at);
}

static struct pim_time
in_berlin(const char *text)
{
	struct pim_time t;

	assert_int_equal(pim_time_parse(span_str(text), &t), RC_OK);
	t.kind = PIM_TIME_ZONED;
	t.zone = tzone_find("Europe/Berlin");
	return t;
}

static void
every_field_comes_back(void **state UNUSED)
{
	static const char *const categories[] = { "Work", "a, b", NULL };
	AUTO(arena)
	struct arena *a = arena_new();
	struct pim_event *e = pim_event_new(a);
	const char **texts[] = {
		&e->uid,
		&e->client_uid,
		&e->subject,
		&e->location.name,
		&e->location.annotation,
		&e->location.street,
		&e->location.city,
		&e->location.state,
		&e->location.country,
		&e->location.postal_code,
		&e->location.accuracy,
		&e->location.altitude,
		&e->location.altitude_accuracy,
		&e->location.uri,
		&e->body.plain,
		&e->body.html,
		&e->organizer_name,
		&e->online_conf_link,
		&e->online_external_link,
	};
	struct pim_attendee ann = { .email = "ann@example.com",
		                    .name = "Ann, \"A\"",
		                    .partstat = PIM_PARTSTAT_TENTATIVE,
		                    .type = PIM_ATTENDEE_OPTIONAL,
		                    .rsvp = true };
	struct pim_attendee room = { .email = "room@example.com",
		                     .partstat = PIM_PARTSTAT_UNKNOWN,
		                     .type = PIM_ATTENDEE_RESOURCE };
	struct pim_attachment file = { .name = "a;b.txt",
		                       .type = "text/plain",
		                       .content_id = "cid1",
		                       .data = SPAN("\0data"),
		                       .is_inline = true };
	struct pim_attachment link = { .name = "far", .uri = "https://example.com/x" };

	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		*texts[i] = arena_printf(a, "t%zu;,\\ü\n<", i);
	e->location.latitude = "52.516667";
	e->location.longitude = "-13.383";
	e->categories = categories;
	e->start = in_berlin("20260331T090000");
	e->end = in_berlin("20260331T103000");
	e->busy = PIM_BUSY_ELSEWHERE;
	e->sensitivity = PIM_SENSITIVITY_PERSONAL;
	e->reminder_min = 45;
	e->organizer_email = "boss@example.com";
	ann.proposed_start = pim_time_of(utc("20260331T120000"), NULL);
	ann.proposed_end = pim_time_of(utc("20260331T130000"), NULL);
	ann.next = &room;
	e->attendees = &ann;
	e->meeting = PIM_MEETING | PIM_MEETING_RECEIVED | PIM_MEETING_CANCELLED;
	e->response = PIM_RESPONSE_TENTATIVE;
	e->reply_time = pim_time_of(utc("20260301T000000"), NULL);
	e->response_requested = false; /* though an attendee is asked */
	e->disallow_new_time = true;
	file.next = &link;
	e->attachments = &file;
	e->sequence = 3;
	e->dtstamp = e->created = e->last_modified = e->reply_time;

	struct pim_event *d = parse(a, written(a, e));
	const char **back[] = {
		&d->uid,
		&d->client_uid,
		&d->subject,
		&d->location.name,
		&d->location.annotation,
		&d->location.street,
		&d->location.city,
		&d->location.state,
		&d->location.country,
		&d->location.postal_code,
		&d->location.accuracy,
		&d->location.altitude,
		&d->location.altitude_accuracy,
		&d->location.uri,
		&d->body.plain,
		&d->body.html,
		&d->organizer_name,
		&d->online_conf_link,
		&d->online_external_link,
	};
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		assert_string_equal(*back[i], *texts[i]);
	assert_string_equal(d->location.latitude, "52.516667");
	assert_string_equal(d->location.longitude, "-13.383");
	assert_string_equal(d->categories[1], "a, b");
	assert_true(pim_time_eq(&d->start, &e->start));
	assert_true(pim_time_eq(&d->end, &e->end));
	assert_int_equal(d->busy, e->busy);
	assert_int_equal(d->sensitivity, e->sensitivity);
	assert_int_equal(d->reminder_min, 45);
	assert_string_equal(d->organizer_email, "boss@example.com");
	assert_int_equal(d->meeting, e->meeting);
	assert_int_equal(d->response, e->response);
	assert_false(d->response_requested);
	assert_true(d->disallow_new_time);
	assert_int_equal(d->sequence, 3);
	assert_true(pim_time_eq(&d->dtstamp, &e->dtstamp));
	assert_true(pim_time_eq(&d->reply_time, &e->reply_time));
	const struct pim_attendee *t = pim_event_attendee(d, "ANN@example.com");
	assert_non_null(t);
	assert_string_equal(t->name, ann.name);
	assert_int_equal(t->partstat, ann.partstat);
	assert_int_equal(t->type, ann.type);
	assert_true(t->rsvp);
	assert_true(pim_time_eq(&t->proposed_start, &ann.proposed_start));
	t = pim_event_attendee(d, "room@example.com");
	assert_int_equal(t->type, PIM_ATTENDEE_RESOURCE);
	assert_int_equal(t->partstat, PIM_PARTSTAT_UNKNOWN);
	assert_true(span_eq(d->attachments->data, file.data));
	assert_string_equal(d->attachments->name, file.name);
	assert_string_equal(d->attachments->content_id, "cid1");
	assert_true(d->attachments->is_inline);
	assert_string_equal(d->attachments->next->uri, link.uri);
	assert_string_equal(written(a, d), written(a, e));
	assert_non_null(
		strstr(written(a, e), "BEGIN:VTIMEZONE\r\nTZID:Europe/Berlin\r\n"));
}

static const char foreign[] =
	"BEGIN:VCALENDAR\r\n"
	"PRODID:-//Other//EN\r\n"
	"VERSION:2.0\r\n"
	"X-CAL:kept\r\n"
	"BEGIN:VTIMEZONE\r\n"
	"TZID:Europe/Berlin\r\n"
	"BEGIN:STANDARD\r\n"
	"DTSTART:16010101T000000\r\n"
	"TZOFFSETFROM:+0200\r\n"
	"TZOFFSETTO:+0100\r\n"
	"END:STANDARD\r\n"
	"END:VTIMEZONE\r\n"
	"BEGIN:VEVENT\r\n"
	"UID:u1\r\n"
	"X-BEFORE;X-P=\"a,b\":kept\r\n"
	"DTSTART;X-P=1;TZID=Europe/Berlin:20240101T090000\r\n"
	"DURATION:PT1H\r\n"
	"RRULE:FREQ=WEEKLY;COUNT=5;X-PART=1\r\n"
	"EXDATE;TZID=Europe/Berlin:20240108T090000\r\n"
	"SUMMARY;LANGUAGE=de:Treffen\r\n"
	"DESCRIPTION:plain\r\n"
	"X-ALT-DESC;FMTTYPE=text/html:<b>plain</b>\r\n"
	"ATTENDEE;CN=Ann;X-NUM-GUESTS=2;PARTSTAT=NEEDS-ACTION:mailto:ann@example.com\r\n"
	"ATTENDEE;CN=Ben:MAILTO:ben@example.com\r\n"
	"ORGANIZER;SENT-BY=\"mailto:x@example.com\":mailto:boss@example.com\r\n"
	"BEGIN:VALARM\r\n"
	"ACTION:EMAIL\r\n"
	"TRIGGER:-P1D\r\n"
	"END:VALARM\r\n"
	"BEGIN:VALARM\r\n"
	"ACTION:AUDIO\r\n"
	"TRIGGER;X-P=1:-PT15M\r\n"
	"X-WR-ALARMUID:1\r\n"
	"END:VALARM\r\n"
	"END:VEVENT\r\n"
	"BEGIN:VEVENT\r\n"
	"UID:u1\r\n"
	"RECURRENCE-ID;TZID=Europe/Berlin:20240115T090000\r\n"
	"DTSTART;TZID=Europe/Berlin:20240116T140000\r\n"
	"DTEND;TZID=Europe/Berlin:20240116T150000\r\n"
	"SUMMARY:moved\r\n"
	"X-IN:exception\r\n"
	"END:VEVENT\r\n"
	"X-AFTER:is put before\r\n"
	"END:VCALENDAR\r\n";

static void
a_calendar_that_nobody_changed_is_written_as_it_was(void **state UNUSED)
{
	AUTO(arena)
	struct arena *a = arena_new();
	const char *once = written(a, parse(a, foreign));

	/* Properties stand before components; that is all. */
	const char *at = strstr(foreign, "X-AFTER");
	const char *head = strstr(foreign, "BEGIN:VTIMEZONE");
	assert_string_equal(once,
	                    arena_printf(a, "%.*s%s%.*s%s", (int)(head - foreign),
	                                 foreign, "X-AFTER:is put before\r\n",
	                                 (int)(at - head), head, "END:VCALENDAR\r\n"));
	assert_string_equal(written(a, parse(a, once)), once);
}

static void
assert_changed(struct arena *a, const struct pim_event *e, const char *from,
               const char *to)
{
	const char *was = written(a, parse(a, foreign));
	const char *at = strstr(was, from);

	assert_non_null(at);
	assert_string_equal(written(a, e), arena_printf(a, "%.*s%s%s", (int)(at - was),
	                                                was, to, at + strlen(from)));
}

static void
a_change_touches_its_property_only(void **state UNUSED)
{
	AUTO(arena)
	struct arena *a = arena_new();
	struct pim_event *e = parse(a, foreign);

	assert_string_equal(e->subject, "Treffen");
	assert_int_equal(e->reminder_min, 15);
	assert_int_equal(e->meeting, PIM_MEETING);
	assert_int_equal(pim_time_utc(&e->end, NULL), utc("20240101T090000"));
	e->subject = "Meeting";
	assert_changed(a, e, ":Treffen", ":Meeting");
	e = parse(a, foreign);
	/* A duration moves along with the start. */
	e->start.at.hour = e->end.at.hour = 11;
	e->end.at.hour++;
	assert_changed(a, e, "Berlin:20240101T090000", "Berlin:20240101T110000");
	e = parse(a, foreign);
	e->end.at.minute = 30;
	assert_null(strstr(written(a, e), "DURATION"));
	assert_non_null(
		strstr(written(a, e), "DTEND;TZID=Europe/Berlin:20240101T103000"));
	e = parse(a, foreign);
	e->attendees->partstat = PIM_PARTSTAT_ACCEPTED;
	assert_changed(a, e, "PARTSTAT=NEEDS-ACTION", "PARTSTAT=ACCEPTED");
	e = parse(a, foreign);
	e->attendees = e->attendees->next;
	assert_changed(a, e,
	               "ATTENDEE;CN=Ann;X-NUM-GUESTS=2;PARTSTAT=NEEDS-ACTION:mailto:ann@"
	               "example.com\r\n",
	               "");
	e = parse(a, foreign);
	e->reminder_min = 30;
	assert_changed(a, e, "TRIGGER;X-P=1:-PT15M", "TRIGGER;X-P=1:-PT30M");
	e = parse(a, foreign);
	e->reminder_min = PIM_NO_REMINDER;
	assert_changed(a, e,
	               "BEGIN:VALARM\r\nACTION:AUDIO\r\nTRIGGER;X-P=1:-PT15M\r\n"
	               "X-WR-ALARMUID:1\r\nEND:VALARM\r\n",
	               "");
	e = parse(a, foreign);
	pim_body_set_plain(&e->body, "other");
	assert_changed(a, e,
	               "DESCRIPTION:plain\r\nX-ALT-DESC;FMTTYPE=text/html:<b>plain</b>",
	               "DESCRIPTION:other");
	e = parse(a, foreign);
	e->exceptions->subject = "moved again";
	assert_changed(a, e, "SUMMARY:moved\r\n", "SUMMARY:moved again\r\n");
	e = parse(a, foreign);
	e->exceptions = NULL;
	assert_null(strstr(written(a, e), "RECURRENCE-ID"));
}

static const char *
instances(struct arena *a, const struct pim_event *e, const char *from, const char *to)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);
	struct pim_instance *list;
	size_t n;

	assert_int_equal(pim_event_expand(e, utc(from), utc(to),
	                                  tzone_find("Europe/Berlin"), 100, a, &list, &n),
	                 RC_OK);
	for (size_t i = 0; i < n; i++) {
		struct pim_time t = pim_time_of(list[i].start, NULL);
		buf_add_str(&b, i ? " " : "");
		pim_time_write(&t, &b);
		if (list[i].event != e)
			buf_add_str(&b, "*");
	}
	bool is_any =
		pim_event_in_window(e, utc(from), utc(to), tzone_find("Europe/Berlin"));
	assert_int_equal(is_any, n > 0);
	return arena_strndup(a, buf_span(&b));
}

static void
instances_are_those_of_the_series_its_exceptions_and_deletions(void **state UNUSED)
{
	AUTO(arena)
	struct arena *a = arena_new();
	struct pim_event *e = parse(a, foreign);
	int64_t start, end;

	assert_string_equal(instances(a, e, "20230101", "20250101"),
	                    "20240101T080000Z 20240116T130000Z* 20240122T080000Z "
	                    "20240129T080000Z");
	/* An instance that runs into the window, and one that only touches it. */
	assert_string_equal(instances(a, e, "20240101T083000", "20240101T084000"),
	                    "20240101T080000Z");
	assert_string_equal(instances(a, e, "20240101T090000", "20240101T100000"), "");
	assert_string_equal(instances(a, e, "20240115", "20240116"), "");
	pim_event_range(e, NULL, &start, &end);
	assert_int_equal(start, utc("20240101T080000"));
	assert_int_equal(end, utc("20240129T090000"));
}

static void
the_hour_of_a_series_is_that_of_its_zone(void **state UNUSED)
{
	AUTO(arena)
	struct arena *a = arena_new();
	struct pim_event *e = pim_event_new(a);
	struct recur r = { .freq = RECUR_WEEKLY, .interval = 1, .week_start = 1 };
	int64_t start, end;

	e->start = in_berlin("20240318T090000");
	e->end = in_berlin("20240318T100000");
	e->recur = &r;
	e = parse(a, written(a, e));
	assert_string_equal(instances(a, e, "20240318", "20240409"),
	                    "20240318T080000Z 20240325T080000Z 20240401T070000Z "
	                    "20240408T070000Z");
	pim_event_range(e, NULL, &start, &end);
	assert_int_equal(end, INT64_MAX);
	assert_string_equal(instances(a, e, "20990601", "20990608"), "20990601T070000Z");
}

static void
an_all_day_series_follows_the_user(void **state UNUSED)
{
	AUTO(arena)
	struct arena *a = arena_new();
	struct pim_event *e =
		parse(a, "BEGIN:VCALENDAR\nVERSION:2.0\nBEGIN:VEVENT\nUID:x\n"
	                 "DTSTART;VALUE=DATE:20240330\nRRULE:FREQ=DAILY;COUNT=3\n"
	                 "EXDATE;VALUE=DATE:20240331\nEND:VEVENT\n"
	                 "END:VCALENDAR\n");

	assert_true(pim_event_is_all_day(e));
	assert_int_equal(e->end.at.day, 31);
	assert_string_equal(instances(a, e, "20240101", "20250101"),
	                    "20240329T230000Z 20240331T220000Z");
	/* In Berlin's summer the day begins at 22:00 UTC. */
	assert_true(pim_event_is_deleted(e, utc("20240330T230000"),
	                                 tzone_find("Europe/Berlin")));
}

static void
exceptions_are_made_changed_and_deleted_by_their_original_start(void **state UNUSED)
{
	AUTO(arena)
	struct arena *a = arena_new();
	const struct tzone *berlin = tzone_find("Europe/Berlin");
	struct pim_event *e = parse(a, foreign);
	struct pim_event *x =
		pim_event_exception_add(e, utc("20240122T080000"), berlin, a);

	assert_string_equal(x->subject, "Treffen");
	assert_int_equal(x->start.at.day, 22);
	assert_int_equal(x->end.at.hour, 10);
	assert_null(x->recur);
	x->attendees->partstat = PIM_PARTSTAT_DECLINED;
	assert_int_equal(e->attendees->partstat, PIM_PARTSTAT_NEEDS_ACTION);
	x->subject = "other";
	const char *text = written(a, e);
	const char *at =
		strstr(text, "RECURRENCE-ID;TZID=Europe/Berlin:20240122T090000\r\n");
	assert_non_null(at);
	/* It has what is not known here from the master, but not its rule. */
	assert_non_null(strstr(text, "SUMMARY;LANGUAGE=de:other\r\n"));
	assert_non_null(
		strstr(strstr(text, "SUMMARY;LANGUAGE=de:other") - 400, "X-BEFORE"));
	e = parse(a, text);
	assert_string_equal(instances(a, e, "20230101", "20250101"),
	                    "20240101T080000Z 20240116T130000Z* 20240122T080000Z* "
	                    "20240129T080000Z");
	x = pim_event_exception(e, utc("20240122T080000"), berlin);
	assert_non_null(x);
	assert_null(x->recur);
	assert_int_equal(x->attendees->partstat, PIM_PARTSTAT_DECLINED);
	/* Deleted, its exception goes. */
	assert_int_equal(pim_event_instance_delete(e, utc("20240122T080000"), berlin, a),
	                 RC_OK);
	assert_int_equal(pim_event_instance_delete(e, utc("20240129T080000"), berlin, a),
	                 RC_OK);
	assert_int_equal(pim_event_instance_delete(e, utc("20240129T080000"), berlin, a),
	                 RC_NOT_FOUND);
	e = parse(a, written(a, e));
	assert_int_equal(e->n_exdates, 3);
	assert_string_equal(instances(a, e, "20230101", "20250101"),
	                    "20240101T080000Z 20240116T130000Z*");
	/* And can come back. */
	x = pim_event_exception_add(e, utc("20240108T080000"), berlin, a);
	e = parse(a, written(a, e));
	assert_int_equal(e->n_exdates, 2);
	assert_string_equal(instances(a, e, "20230101", "20250101"),
	                    "20240101T080000Z 20240108T080000Z* 20240116T130000Z*");
}

static void
ends_are_found_however_they_are_given(void **state UNUSED)
{
	static const char *const cases[][2] = {
		{ "DTSTART:20240101T100000Z\nDTEND:20240101T110000Z",
		  "20240101T110000Z" },
		{ "DTSTART:20240101T100000Z\nDURATION:P1DT2H", "20240102T120000Z" },
		{ "DTSTART:20240101T100000Z", "20240101T100000Z" },
		{ "DTSTART:20240101T100000Z\nDTEND:20240101T090000Z",
		  "20240101T100000Z" },
		{ "DTSTART;VALUE=DATE:20240101", "20240102" },
		{ "DTSTART;VALUE=DATE:20240101\nDTEND;VALUE=DATE:20240101", "20240102" },
		{ "DTSTART;VALUE=DATE:20240101\nDURATION:P1W", "20240108" },
		{ "DTSTART:20240101\nDTEND:20240105", "20240105" },
		{ "DTSTART:20240101T100000\nDURATION:PT90M", "20240101T113000" },
	};
	AUTO(arena)
	struct arena *a = arena_new();

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO_DONE(buf) struct buf b = BUF_INIT(0);
		struct pim_event *e = parse(
			a,
			arena_printf(
				a,
				"BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:u\n%s\nEND:VEVENT\n",
				cases[i][0]));
		pim_time_write(&e->end, &b);
		buf_add_char(&b, '\0');
		assert_string_equal(b.p, cases[i][1]);
		assert_string_equal(written(a, e), written(a, parse(a, written(a, e))));
	}
}

static void
reminders_are_found_in_alarms_of_all_kinds(void **state UNUSED)
{
	static const struct {
		const char *alarm;
		int32_t minutes;
	} cases[] = {
		{ "ACTION:DISPLAY\nTRIGGER:-PT15M", 15 },
		{ "ACTION:DISPLAY\nTRIGGER:-P1D", 1440 },
		{ "ACTION:DISPLAY\nTRIGGER:PT0S", 0 },
		{ "ACTION:DISPLAY\nTRIGGER:PT10M", -10 },
		{ "ACTION:AUDIO\nTRIGGER;RELATED=END:-PT60M", 0 },
		{ "ACTION:DISPLAY\nTRIGGER;VALUE=DATE-TIME:20240101T093000Z", 30 },
		{ "ACTION:EMAIL\nTRIGGER:-PT15M", PIM_NO_REMINDER },
		{ "ACTION:NONE\nTRIGGER;VALUE=DATE-TIME:19760401T005545Z",
		  PIM_NO_REMINDER },
		{ "ACTION:DISPLAY", PIM_NO_REMINDER },
		{ "ACTION:DISPLAY\nTRIGGER:nonsense", PIM_NO_REMINDER },
	};
	AUTO(arena)
	struct arena *a = arena_new();

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct pim_event *e = parse(
			a,
			arena_printf(a,
		                     "BEGIN:VCALENDAR\nBEGIN:VEVENT\n"
		                     "DTSTART:20240101T100000Z\nDTEND:20240101T110000Z\n"
		                     "BEGIN:VALARM\n%s\nEND:VALARM\nEND:VEVENT\n",
		                     cases[i].alarm));
		if (e->reminder_min != cases[i].minutes)
			fail_msg("%s: %d", cases[i].alarm, e->reminder_min);
	}
}

static void
a_meetings_state_is_kept_as_the_client_said_it(void **state UNUSED)
{
	AUTO(arena)
	struct arena *a = arena_new();

	/* Android names an organizer for appointments that are no meetings. */
	for (unsigned m = 0; m < 8; m++) {
		struct pim_event *e = pim_event_new(a);
		e->start = e->end = in_berlin("20240101T090000");
		e->organizer_email = "me@example.com";
		e->meeting = m;
		e = parse(a, written(a, e));
		assert_int_equal(e->meeting, m);
	}
	struct pim_event *e =
		parse(a, "BEGIN:VCALENDAR\nBEGIN:VEVENT\nTRANSP:TRANSPARENT\n"
	                 "STATUS:CANCELLED\nCLASS:X-UNKNOWN\nEND:VEVENT\n");
	assert_int_equal(e->busy, PIM_BUSY_FREE);
	assert_int_equal(e->meeting, PIM_MEETING_CANCELLED);
	assert_int_equal(e->sensitivity, PIM_SENSITIVITY_PRIVATE);
	e->busy = PIM_BUSY_OOF;
	assert_non_null(strstr(written(a, e), "TRANSP:OPAQUE\r\n"));
	assert_non_null(strstr(written(a, e), "X-MICROSOFT-CDO-BUSYSTATUS:OOF\r\n"));
}

static void
an_orphan_instance_is_an_event(void **state UNUSED)
{
	AUTO(arena)
	struct arena *a = arena_new();
	struct pim_event *e =
		parse(a, "BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:u\n"
	                 "RECURRENCE-ID:20240108T090000Z\n"
	                 "DTSTART:20240109T090000Z\nDTEND:20240109T100000Z\n"
	                 "END:VEVENT\nEND:VCALENDAR\n");

	assert_int_equal(e->recurrence_id.kind, PIM_TIME_UTC);
	assert_string_equal(instances(a, e, "20240101", "20250101"), "20240109T090000Z");
	e->subject = "x";
	assert_non_null(strstr(written(a, e), "RECURRENCE-ID:20240108T090000Z\r\n"));
	struct pim_event *none;
	assert_int_equal(
		pim_event_parse(SPAN("BEGIN:VCALENDAR\nBEGIN:VTODO\nEND:VTODO\n"), a,
	                        &none),
		RC_INVALID);
}

static void
an_all_day_event_keeps_the_zone_of_older_clients(void **state UNUSED)
{
	AUTO(arena)
	struct arena *a = arena_new();
	struct pim_event *e = pim_event_new(a);

	e->start =
		pim_date_of_midnight(utc("20240630T220000"), tzone_find("Europe/Berlin"));
	assert_int_equal(e->start.at.day, 1);
	assert_int_equal(e->start.at.month, 7);
	e->end = pim_date(2024, 7, 2);
	e->zone = tzone_find("Europe/Berlin");
	e = parse(a, written(a, e));
	assert_string_equal(tzone_id(e->zone), "Europe/Berlin");
	assert_non_null(strstr(written(a, e), "DTSTART;VALUE=DATE:20240701\r\n"));
	/* Some clients mean the midnight of another zone, or of UTC. */
	struct pim_time t =
		pim_date_of_midnight(utc("20240701T000000"), tzone_find("Europe/Berlin"));
	assert_int_equal(t.at.day, 1);
	t = pim_date_of_midnight(utc("20240701T050000"), tzone_find("America/New_York"));
	assert_int_equal(t.at.day, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_field_comes_back),
		cmocka_unit_test(a_calendar_that_nobody_changed_is_written_as_it_was),
		cmocka_unit_test(a_change_touches_its_property_only),
		cmocka_unit_test(
			instances_are_those_of_the_series_its_exceptions_and_deletions),
		cmocka_unit_test(the_hour_of_a_series_is_that_of_its_zone),
		cmocka_unit_test(an_all_day_series_follows_the_user),
		cmocka_unit_test(
			exceptions_are_made_changed_and_deleted_by_their_original_start),
		cmocka_unit_test(ends_are_found_however_they_are_given),
		cmocka_unit_test(reminders_are_found_in_alarms_of_all_kinds),
		cmocka_unit_test(a_meetings_state_is_kept_as_the_client_said_it),
		cmocka_unit_test(an_orphan_instance_is_an_event),
		cmocka_unit_test(an_all_day_event_keeps_the_zone_of_older_clients),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
