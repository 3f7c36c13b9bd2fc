/* SPDX-License-Identifier: ISC
 *
 * test_ical.c - calendars: one item from many, vCalendar 1.0, what devices give back.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "format/ical.h"
#include "format/pim_event.h"

static struct vobj *
parse(struct arena *a, const char *text)
{
	struct vobj *o;
	enum rc rc = ical_parse(span_str(text), a, &o, NULL);

	if (rc != RC_OK)
		fail_msg("%s: %s", rc_str(rc), text);
	return o;
}

static const char *
written(struct arena *a, const struct vobj *cal, enum ical_version version,
        const struct tzone *zone)
{
	AUTO_DONE(buf) struct buf out = BUF_INIT(0);

	ical_write(cal, version, NULL, zone, &out);
	return arena_strndup(a, buf_span(&out));
}

static void
a_calendar_is_cut_into_its_items(void **state UNUSED)
{
	AUTO(arena)
	struct arena *a = arena_new();
	struct vobj *list = ical_split(
		parse(a,
	              "BEGIN:VCALENDAR\nVERSION:2.0\nMETHOD:PUBLISH\nX-WR-CALNAME:x\n"
	              "X-KEEP:1\n"
	              "BEGIN:VTIMEZONE\nTZID:A\nEND:VTIMEZONE\n"
	              "BEGIN:VTIMEZONE\nTZID:B\nEND:VTIMEZONE\n"
	              "BEGIN:VEVENT\nUID:2\nDTSTART;TZID=B:20240101T000000\nEND:VEVENT\n"
	              "BEGIN:VEVENT\nUID:1\nDTSTART;TZID=A:20240101T000000\nEND:VEVENT\n"
	              "BEGIN:VTODO\nSUMMARY:without\nEND:VTODO\n"
	              "BEGIN:VEVENT\nUID:2\nRECURRENCE-ID:20240108T000000Z\nEND:VEVENT\n"
	              "BEGIN:VTODO\nSUMMARY:also\nEND:VTODO\n"
	              "END:VCALENDAR\n"),
		a);
	static const char *const want[] = {
		"VERSION:2.0\r\nX-KEEP:1\r\nBEGIN:VTIMEZONE\r\nTZID:B\r\nEND:VTIMEZONE\r\n"
		"BEGIN:VEVENT\r\nUID:2\r\nDTSTART;TZID=B:20240101T000000\r\nEND:VEVENT\r\n"
		"BEGIN:VEVENT\r\nUID:2\r\nRECURRENCE-ID:20240108T000000Z\r\nEND:VEVENT\r\n",
		"VERSION:2.0\r\nX-KEEP:1\r\nBEGIN:VTIMEZONE\r\nTZID:A\r\nEND:VTIMEZONE\r\n"
		"BEGIN:VEVENT\r\nUID:1\r\nDTSTART;TZID=A:20240101T000000\r\nEND:VEVENT\r\n",
		"VERSION:2.0\r\nX-KEEP:1\r\nBEGIN:VTODO\r\nSUMMARY:without\r\nEND:VTODO\r\n",
		"VERSION:2.0\r\nX-KEEP:1\r\nBEGIN:VTODO\r\nSUMMARY:also\r\nEND:VTODO\r\n",
	};

	assert_string_equal(ical_kind(list), "VEVENT");
	for (size_t i = 0; i < ARRAY_LEN(want); i++, list = list->next) {
		assert_non_null(list);
		assert_string_equal(written(a, list, ICAL_2_0, NULL),
		                    arena_printf(a,
		                                 "BEGIN:VCALENDAR\r\n%sEND:VCALENDAR\r\n",
		                                 want[i]));
	}
	assert_null(list);
	/* Several calendars in one text, and a component in none. */
	list = ical_split(parse(a, "BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:1\nEND:VEVENT\n"
	                           "END:VCALENDAR\nBEGIN:VEVENT\nUID:2\nEND:VEVENT\n"
	                           "BEGIN:VCALENDAR\nBEGIN:VTODO\nUID:3\nEND:VTODO\n"
	                           "END:VCALENDAR\n"),
	                  a);
	assert_string_equal(ical_kind(list->next), "VEVENT");
	assert_string_equal(ical_kind(list->next->next), "VTODO");
}

static const char nokia[] =
	"BEGIN:VCALENDAR\r\n"
	"VERSION:1.0\r\n"
	"TZ:+01\r\n"
	"BEGIN:VEVENT\r\n"
	"UID:1\r\n"
	"SUMMARY;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:B=C3=BCro, eins; zwei\r\n"
	"DESCRIPTION;ENCODING=QUOTED-PRINTABLE:a=0D=0Ab\r\n"
	"CATEGORIES:WORK;MEETING\r\n"
	"DTSTART:20240318T090000\r\n"
	"DTEND:20240318T100000\r\n"
	"RRULE:W1 MO #10\r\n"
	"EXDATE:20240325T090000;20240401T090000\r\n"
	"AALARM:20240318T084500;;;\r\n"
	"DALARM:20240318T084500;PT5M;2;wake\r\n"
	"TRANSP:1\r\n"
	"STATUS:ACCEPTED\r\n"
	"DCREATED:20240101T000000Z\r\n"
	"ATTENDEE;ROLE=ATTENDEE;STATUS=NEEDS ACTION;RSVP=YES:Ann <ann@example.com>\r\n"
	"ATTENDEE;ROLE=ORGANIZER:boss@example.com\r\n"
	"X-EPOCAGENDAENTRYTYPE:APPOINTMENT\r\n"
	"END:VEVENT\r\n"
	"END:VCALENDAR\r\n";

static void
vcalendar_1_0_is_read_as_2_0(void **state UNUSED)
{
	AUTO(arena)
	struct arena *a = arena_new();
	struct vobj *cal = parse(a, nokia);

	ical_localise(cal, tzone_find("Europe/Berlin"), a);
	const char *text = written(a, cal, ICAL_2_0, NULL);
	static const char *const lines[] = {
		"VERSION:2.0\r\n",
		"BEGIN:VTIMEZONE\r\nTZID:Europe/Berlin\r\n",
		"SUMMARY:Büro\\, eins\\; zwei\r\n",
		"DESCRIPTION:a\\nb\r\n",
		"CATEGORIES:WORK,MEETING\r\n",
		"DTSTART;TZID=Europe/Berlin:20240318T090000\r\n",
		"RRULE:FREQ=WEEKLY;COUNT=10;BYDAY=MO\r\n",
		"EXDATE;TZID=Europe/Berlin:20240325T090000,20240401T090000\r\n",
		"BEGIN:VALARM\r\nACTION:DISPLAY\r\nTRIGGER:-PT15M\r\nDURATION:PT5M\r\n"
		"REPEAT:2\r\nDESCRIPTION:wake\r\nEND:VALARM\r\nEND:VEVENT\r\n",
		"TRANSP:TRANSPARENT\r\n",
		"STATUS:CONFIRMED\r\n",
		"CREATED:20240101T000000Z\r\n",
		"ATTENDEE;RSVP=TRUE;CN=Ann;PARTSTAT=NEEDS-ACTION:mailto:ann@example.com\r\n",
		"ORGANIZER:mailto:boss@example.com\r\n",
		"X-EPOCAGENDAENTRYTYPE:APPOINTMENT\r\n",
	};

	for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
		if (!strstr(text, lines[i]))
			fail_msg("no \"%s\" in:\n%s", lines[i], text);
	}
	assert_null(strstr(text, "ALARM:2024"));
	assert_null(strstr(text, "TZ:"));
}

static void
an_alarm_that_does_not_say_when_stays_as_it_is(void **state UNUSED)
{
	AUTO(arena)
	struct arena *a = arena_new();
	const struct vobj *o =
		parse(a, "BEGIN:VCALENDAR\r\nVERSION:1.0\r\nBEGIN:VEVENT\r\nUID:1\r\n"
	                 "DTSTART:20240318T090000\r\nAALARM:20240318T084500;;;\r\n"
	                 "DALARM:20240318T084500;PT5M;2;wake\r\n"
	                 "BEGIN:VALARM\r\nACTION:DISPLAY\r\nEND:VALARM\r\n"
	                 "END:VEVENT\r\nEND:VCALENDAR\r\n");
	size_t n = 0;

	o = vobj_child(o, "VEVENT");
	for (const struct vobj *c = vobj_child(o, "VALARM"); c;
	     c = vobj_next_child(c, "VALARM"))
		n++;
	/* Its own, and one for the two at the same time. */
	assert_int_equal(n, 2);
}

static void
a_series_goes_to_a_1_0_phone_in_local_time(void **state UNUSED)
{
	AUTO(arena)
	struct arena *a = arena_new();
	const struct tzone *berlin = tzone_find("Europe/Berlin");
	struct vobj *cal = parse(a, nokia);

	ical_localise(cal, berlin, a);
	const char *text = written(a, cal, ICAL_1_0, berlin);
	static const char *const lines[] = {
		"VERSION:1.0\r\nTZ:+01:00\r\nDAYLIGHT:TRUE;+02:00;20",
		"\r\nDTSTART:20240318T090000\r\n",
		"\r\nDTEND:20240318T100000\r\n",
		"\r\nRRULE:W1 MO #10\r\n",
		"\r\nEXDATE:20240325T090000;20240401T090000\r\n",
		"\r\nAALARM:20240318T084500;;;\r\n",
		"\r\nDALARM;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:20240318T084500;;;B",
		"\r\nTRANSP:1\r\n",
		"\r\nDCREATED:",
		"\r\nCATEGORIES:WORK;MEETING\r\n",
		"ATTENDEE;ROLE=ATTENDEE;STATUS=NEEDS ACTION;RSVP=YES:Ann <ann@example.com>\r\n",
		"SUMMARY;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:B=C3=BCro, eins; zwei\r\n",
	};
	for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
		if (!strstr(text, lines[i]))
			fail_msg("no \"%s\" in:\n%s", lines[i], text);
	}
	/* And what it gives back unchanged changes nothing. */
	struct vobj *back = ical_merge(cal, parse(a, text), NULL, berlin, a);
	assert_string_equal(written(a, back, ICAL_2_0, NULL),
	                    written(a, cal, ICAL_2_0, NULL));
}

static void
single_events_go_to_a_1_0_phone_in_utc_and_days_as_days(void **state UNUSED)
{
	AUTO(arena)
	struct arena *a = arena_new();
	const struct tzone *berlin = tzone_find("Europe/Berlin");
	struct vobj *cal =
		parse(a, "BEGIN:VCALENDAR\nVERSION:2.0\nBEGIN:VEVENT\nUID:1\n"
	                 "DTSTART;TZID=Europe/Berlin:20240701T090000\n"
	                 "DURATION:PT1H\nSUMMARY:x\nEND:VEVENT\nEND:VCALENDAR\n");
	const char *text = written(a, cal, ICAL_1_0, berlin);

	assert_string_equal(text,
	                    "BEGIN:VCALENDAR\r\nVERSION:1.0\r\nBEGIN:VEVENT\r\nUID:1\r\n"
	                    "SUMMARY:x\r\nDTSTART:20240701T070000Z\r\n"
	                    "DTEND:20240701T080000Z\r\nEND:VEVENT\r\n"
	                    "END:VCALENDAR\r\n");
	struct vobj *back = ical_merge(cal, parse(a, text), NULL, berlin, a);
	assert_non_null(strstr(written(a, back, ICAL_2_0, NULL),
	                       "DTSTART;TZID=Europe/Berlin:20240701T090000\r\n"
	                       "DURATION:PT1H\r\n"));
	cal = parse(a, "BEGIN:VCALENDAR\nVERSION:2.0\nBEGIN:VEVENT\nUID:1\n"
	               "DTSTART;VALUE=DATE:20240701\nDTEND;VALUE=DATE:20240703\n"
	               "RRULE:FREQ=YEARLY\nEND:VEVENT\nEND:VCALENDAR\n");
	text = written(a, cal, ICAL_1_0, berlin);
	assert_non_null(strstr(text,
	                       "DTSTART:20240701T000000\r\nDTEND:20240702T235900\r\n"
	                       "RRULE:YM1 7 #0\r\n"));
	back = ical_merge(cal, parse(a, text), NULL, berlin, a);
	assert_string_equal(written(a, back, ICAL_2_0, NULL),
	                    written(a, cal, ICAL_2_0, NULL));
	/* Other ways in which phones say "all day". */
	static const char *const days[] = {
		"DTSTART:20240701T000000\nDTEND:20240702T000000",
		"DTSTART:20240701T000000\nDTEND:20240701T235959",
		"DTSTART:20240701T000000\nDTEND:20240701T000000\nX-FUNAMBOL-ALLDAY:1",
		"DTSTART:20240701",
	};
	for (size_t i = 0; i < ARRAY_LEN(days); i++) {
		struct pim_event *e;
		cal = parse(
			a, arena_printf(a,
		                        "BEGIN:VCALENDAR\nVERSION:1.0\nBEGIN:VEVENT\n%s\n"
		                        "END:VEVENT\nEND:VCALENDAR\n",
		                        days[i]));
		assert_int_equal(pim_event_of(cal, a, &e), RC_OK);
		assert_true(pim_event_is_all_day(e));
		assert_int_equal(e->end.at.day, 2);
	}
}

/* Merging */

static const char stored[] = "BEGIN:VCALENDAR\r\n"
			     "VERSION:2.0\r\n"
			     "BEGIN:VEVENT\r\n"
			     "UID:1\r\n"
			     "DTSTAMP:20240101T000000Z\r\n"
			     "SUMMARY;LANGUAGE=de:Treffen\r\n"
			     "DESCRIPTION:text\r\n"
			     "X-ALT-DESC;FMTTYPE=text/html:<b>text</b>\r\n"
			     "DTSTART;TZID=Europe/Berlin:20240318T090000\r\n"
			     "DURATION:PT1H\r\n"
			     "RRULE:FREQ=WEEKLY\r\n"
			     "EXDATE;TZID=Europe/Berlin:20240325T090000\r\n"
			     "CLASS:PRIVATE\r\n"
			     "ATTENDEE;CN=Ann:mailto:ann@example.com\r\n"
			     "X-ODD;X-P=1:kept\r\n"
			     "BEGIN:VALARM\r\n"
			     "ACTION:DISPLAY\r\n"
			     "TRIGGER:-PT15M\r\n"
			     "X-A:kept\r\n"
			     "END:VALARM\r\n"
			     "END:VEVENT\r\n"
			     "BEGIN:VEVENT\r\n"
			     "UID:1\r\n"
			     "RECURRENCE-ID;TZID=Europe/Berlin:20240401T090000\r\n"
			     "DTSTART;TZID=Europe/Berlin:20240402T090000\r\n"
			     "SUMMARY:moved\r\n"
			     "END:VEVENT\r\n"
			     "END:VCALENDAR\r\n";

static const char *
merged(struct arena *a, const char *incoming)
{
	struct vobj *cal = ical_merge(parse(a, stored), parse(a, incoming), NULL,
	                              tzone_find("Europe/Berlin"), a);
	struct vobj *zone = vobj_child(cal, "VTIMEZONE");

	if (zone)
		vobj_remove_child(cal, zone);
	return written(a, cal, ICAL_2_0, NULL);
}

static const char *
changed(struct arena *a, const char *from, const char *to)
{
	const char *at = strstr(stored, from);

	assert_non_null(at);
	return arena_printf(a, "%.*s%s%s", (int)(at - stored), stored, to,
	                    at + strlen(from));
}

/* The event as a phone of 1.0 has it, with one line of its own. */
static const char *
phone(struct arena *a, const char *start, const char *line)
{
	return arena_printf(a,
	                    "BEGIN:VCALENDAR\r\nVERSION:1.0\r\nBEGIN:VEVENT\r\n"
	                    "DTSTART:%s\r\nRRULE:W1 MO #0\r\n"
	                    "EXDATE:20240325T090000;20240401T090000\r\n%s\r\n"
	                    "END:VEVENT\r\nEND:VCALENDAR\r\n",
	                    start, line);
}

static void
an_edit_on_a_phone_changes_what_it_edited_and_nothing_else(void **state UNUSED)
{
	AUTO(arena)
	struct arena *a = arena_new();
	const char *same =
		"DTEND:20240318T100000\r\nSUMMARY:Treffen\r\nDESCRIPTION:text\r\n"
		"AALARM:20240318T084500";

	assert_string_equal(merged(a, phone(a, "20240318T090000", same)), stored);
	assert_string_equal(
		merged(a, phone(a, "20240318T090000",
	                        "DTEND:20240318T100000\r\nSUMMARY:Neu\r\n"
	                        "DESCRIPTION:text\r\nAALARM:20240318T084500")),
		changed(a, "de:Treffen", "de:Neu"));
	assert_string_equal(
		merged(a, phone(a, "20240318T090000",
	                        "DTEND:20240318T100000\r\nSUMMARY:Treffen\r\n"
	                        "DESCRIPTION:text\r\nAALARM:20240318T080000")),
		changed(a, "-PT15M", "-PT60M"));
	/* Another description: the formatted one is of the old. */
	assert_string_equal(
		merged(a, phone(a, "20240318T090000",
	                        "DTEND:20240318T100000\r\nSUMMARY:Treffen\r\n"
	                        "DESCRIPTION:other\r\nAALARM:20240318T084500")),
		changed(a, "DESCRIPTION:text\r\nX-ALT-DESC;FMTTYPE=text/html:<b>text</b>",
	                "DESCRIPTION:other"));
	/* Another end, and no reminder any more. */
	const char *out = merged(a, phone(a, "20240318T090000",
	                                  "DTEND:20240318T110000\r\nSUMMARY:Treffen\r\n"
	                                  "DESCRIPTION:text"));
	assert_null(strstr(out, "DURATION"));
	assert_null(strstr(out, "VALARM"));
	assert_non_null(strstr(out, "DTEND;TZID=Europe/Berlin:20240318T110000\r\n"));
	assert_non_null(strstr(out, "X-ODD;X-P=1:kept\r\n"));
	assert_non_null(strstr(out, "SUMMARY:moved\r\n"));
}

static void
times_in_utc_stay_in_the_zone_that_was_stored(void **state UNUSED)
{
	AUTO(arena)
	struct arena *a = arena_new();
	const char *out =
		merged(a, "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VEVENT\r\n"
	                  "UID:1\r\nSUMMARY:Treffen\r\nDESCRIPTION:text\r\n"
	                  "DTSTART:20240318T090000Z\r\nDTEND:20240318T100000Z\r\n"
	                  "RRULE:FREQ=WEEKLY;BYDAY=MO\r\n"
	                  "EXDATE:20240325T080000Z,20240408T070000Z\r\n"
	                  "BEGIN:VALARM\r\nACTION:DISPLAY\r\nTRIGGER:-PT15M\r\n"
	                  "END:VALARM\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n");

	assert_non_null(strstr(out, "DTSTART;TZID=Europe/Berlin:20240318T100000\r\n"));
	assert_non_null(strstr(out, "RRULE:FREQ=WEEKLY\r\n"));
	assert_non_null(strstr(out, "EXDATE;TZID=Europe/Berlin:20240325T090000,"
	                            "20240408T090000\r\n"));
	assert_non_null(strstr(out, "CLASS:PRIVATE\r\n"));
	assert_non_null(strstr(out, "ATTENDEE;CN=Ann:mailto:ann@example.com\r\n"));
}

static void
exceptions_are_merged_by_their_original_start(void **state UNUSED)
{
	AUTO(arena)
	struct arena *a = arena_new();
	const struct vobj_cap list[] = { { .name = "SUMMARY" },
		                         { .name = "DTSTART" },
		                         { .name = "RECURRENCE-ID" } };
	struct vobj_caps caps = { list, ARRAY_LEN(list) };
	struct vobj *cal = ical_merge(
		parse(a, stored),
		parse(a, "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VEVENT\r\nUID:1\r\n"
	                 "RECURRENCE-ID:20240401T070000Z\r\nDTSTART:20240402T070000Z\r\n"
	                 "SUMMARY:moved, renamed\r\nEND:VEVENT\r\n"
	                 "BEGIN:VEVENT\r\nUID:other\r\nRECURRENCE-ID:20240415T070000Z\r\n"
	                 "DTSTART:20240416T070000Z\r\nSUMMARY:new\r\nEND:VEVENT\r\n"
	                 "END:VCALENDAR\r\n"),
		&caps, tzone_find("Europe/Berlin"), a);
	const char *out = written(a, cal, ICAL_2_0, NULL);

	assert_non_null(strstr(out, "DTSTART;TZID=Europe/Berlin:20240402T090000\r\n"
	                            "SUMMARY:moved, renamed\r\n"));
	assert_non_null(strstr(out, "UID:1\r\nRECURRENCE-ID:20240415T070000Z\r\n"));
	assert_non_null(strstr(out, "SUMMARY;LANGUAGE=de:Treffen\r\n"));
	/* A device that knows exceptions and has none any more. */
	cal = ical_merge(
		parse(a, stored),
		parse(a, "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VEVENT\r\nUID:1\r\n"
	                 "DTSTART:20240318T080000Z\r\nSUMMARY:Treffen\r\n"
	                 "END:VEVENT\r\nEND:VCALENDAR\r\n"),
		&caps, tzone_find("Europe/Berlin"), a);
	assert_null(strstr(written(a, cal, ICAL_2_0, NULL), "SUMMARY:moved"));
}

static void
a_device_gets_what_it_can_hold(void **state UNUSED)
{
	AUTO(arena)
	struct arena *a = arena_new();
	AUTO_DONE(buf) struct buf out = BUF_INIT(0);
	const struct vobj_cap list[] = { { .name = "SUMMARY", .size_max = 4 },
		                         { .name = "DTSTART" } };
	struct vobj_caps caps = { list, ARRAY_LEN(list) };

	ical_write(parse(a, stored), ICAL_1_0, &caps, NULL, &out);
	assert_true(span_is(buf_span(&out),
	                    "BEGIN:VCALENDAR\r\nVERSION:1.0\r\nBEGIN:VEVENT\r\n"
	                    "SUMMARY:Tref\r\nDTSTART:20240318T080000Z\r\nEND:VEVENT\r\n"
	                    "END:VCALENDAR\r\n"));
	buf_clear(&out);
	ical_write(parse(a, stored), ICAL_2_0, &caps, NULL, &out);
	assert_true(span_starts(buf_span(&out),
	                        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VEVENT\r\n"
	                        "SUMMARY;LANGUAGE=de:Tref\r\n"
	                        "DTSTART;TZID=Europe/Berlin:20240318T090000\r\n"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_calendar_is_cut_into_its_items),
		cmocka_unit_test(vcalendar_1_0_is_read_as_2_0),
		cmocka_unit_test(an_alarm_that_does_not_say_when_stays_as_it_is),
		cmocka_unit_test(a_series_goes_to_a_1_0_phone_in_local_time),
		cmocka_unit_test(single_events_go_to_a_1_0_phone_in_utc_and_days_as_days),
		cmocka_unit_test(
			an_edit_on_a_phone_changes_what_it_edited_and_nothing_else),
		cmocka_unit_test(times_in_utc_stay_in_the_zone_that_was_stored),
		cmocka_unit_test(exceptions_are_merged_by_their_original_start),
		cmocka_unit_test(a_device_gets_what_it_can_hold),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
