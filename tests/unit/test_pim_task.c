/* SPDX-License-Identifier: ISC
 *
 * test_pim_task.c - tasks and notes, their fields and the text that keeps them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "format/pim_note.h"
#include "format/pim_task.h"

static struct pim_task *
parse(struct arena *a, const char *text)
{
	struct pim_task *t;

	assert_int_equal(pim_task_parse(span_str(text), a, &t), RC_OK);
	return t;
}

static const char *
written(struct arena *a, const struct pim_task *t)
{
	AUTO_DONE(buf) struct buf out = BUF_INIT(0);

	pim_task_write(t, &out);
	return arena_strndup(a, buf_span(&out));
}

static struct pim_time
when(const char *text)
{
	struct pim_time t;

	assert_int_equal(pim_time_parse(span_str(text), &t), RC_OK);
	return t;
}

static const char *
text_of(struct arena *a, const struct pim_time *t)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);

	pim_time_write(t, &b);
	return arena_strndup(a, buf_span(&b));
}

static void
every_field_of_a_task_comes_back(void **state UNUSED)
{
	static const char *const categories[] = { "Home", NULL };
	AUTO(arena)
	struct arena *a = arena_new();
	struct pim_task *t = pim_task_new(a);
	struct recur r = { .freq = RECUR_DAILY, .interval = 2, .week_start = 1 };

	t->uid = "u";
	t->subject = "Buy; milk";
	t->body = (struct pim_body){ "text", "<p>text</p>" };
	t->categories = categories;
	t->importance = PIM_IMPORTANCE_LOW;
	t->sensitivity = PIM_SENSITIVITY_CONFIDENTIAL;
	t->start = when("20240101");
	t->due = when("20240102T170000");
	t->utc_start = when("20231231T230000Z");
	t->utc_due = when("20240102T160000Z");
	t->complete = true;
	t->completed = when("20240103T000000Z");
	t->percent = 100;
	t->recur = &r;
	t->recur_start = when("20240101T000000Z");
	t->regenerate = t->dead_occur = true;
	t->reminder_set = true;
	t->reminder = when("20240102T150000Z");
	t->ordinal_date = when("20240101T010203Z");
	t->sub_ordinal_date = "5";
	t->last_modified = when("20240104T000000Z");
	struct pim_task *d = parse(a, written(a, t));
	assert_string_equal(d->subject, t->subject);
	assert_string_equal(d->body.html, t->body.html);
	assert_string_equal(d->categories[0], "Home");
	assert_int_equal(d->importance, t->importance);
	assert_int_equal(d->sensitivity, t->sensitivity);
	const struct pim_time *const times[][2] = {
		{ &d->start, &t->start },
		{ &d->due, &t->due },
		{ &d->utc_start, &t->utc_start },
		{ &d->utc_due, &t->utc_due },
		{ &d->completed, &t->completed },
		{ &d->recur_start, &t->recur_start },
		{ &d->reminder, &t->reminder },
		{ &d->ordinal_date, &t->ordinal_date },
		{ &d->last_modified, &t->last_modified },
	};
	for (size_t i = 0; i < ARRAY_LEN(times); i++)
		assert_true(pim_time_eq(times[i][0], times[i][1]));
	assert_true(d->complete);
	assert_int_equal(d->percent, 100);
	assert_true(recur_eq(d->recur, &r));
	assert_true(d->regenerate && d->dead_occur && d->reminder_set);
	assert_string_equal(d->sub_ordinal_date, "5");
	assert_string_equal(written(a, d), written(a, parse(a, written(a, d))));
	/* The reminder switched off keeps its time. */
	d->reminder_set = false;
	d = parse(a, written(a, d));
	assert_false(d->reminder_set);
	assert_string_equal(text_of(a, &d->reminder), "20240102T150000Z");
	assert_null(strstr(written(a, d), "VALARM"));
}

static const char foreign[] = "BEGIN:VCALENDAR\r\n"
			      "VERSION:2.0\r\n"
			      "BEGIN:VTODO\r\n"
			      "UID:u\r\n"
			      "DTSTAMP:20240101T000000Z\r\n"
			      "SUMMARY;X-P=1:task\r\n"
			      "DUE;VALUE=DATE:20240110\r\n"
			      "PRIORITY:3\r\n"
			      "STATUS:IN-PROCESS\r\n"
			      "PERCENT-COMPLETE:40\r\n"
			      "X-ODD:kept\r\n"
			      "RRULE:FREQ=WEEKLY;COUNT=3\r\n"
			      "BEGIN:VALARM\r\n"
			      "ACTION:DISPLAY\r\n"
			      "TRIGGER;RELATED=END:-PT2H\r\n"
			      "X-A:kept\r\n"
			      "END:VALARM\r\n"
			      "END:VTODO\r\n"
			      "END:VCALENDAR\r\n";

static void
a_foreign_task_is_kept_and_changed_in_place(void **state UNUSED)
{
	AUTO(arena)
	struct arena *a = arena_new();
	struct pim_task *t = parse(a, foreign);

	assert_string_equal(written(a, t), foreign);
	assert_int_equal(t->importance, PIM_IMPORTANCE_HIGH);
	assert_string_equal(text_of(a, &t->reminder), "20240109T220000Z");
	t->complete = true;
	const char *text = written(a, t);
	assert_non_null(strstr(text, "STATUS:COMPLETED\r\nPERCENT-COMPLETE:100\r\n"));
	assert_non_null(strstr(text, "PRIORITY:3\r\n"));
	t = parse(a, foreign);
	t->reminder = when("20240109T080000Z");
	assert_non_null(strstr(written(a, t),
	                       "TRIGGER;VALUE=DATE-TIME:20240109T080000Z\r\n"
	                       "X-A:kept\r\n"));
}

static void
a_recurring_task_goes_on_by_one_when_it_is_done(void **state UNUSED)
{
	AUTO(arena)
	struct arena *a = arena_new();
	struct pim_task *t = parse(a, foreign), *next;
	int64_t now = pim_time_utc(&(struct pim_time){ .kind = PIM_TIME_UTC,
	                                               .at = { 2024, 1, 12, 9, 0, 0 } },
	                           NULL);

	assert_int_equal(pim_task_complete(t, now, NULL, a, &next), RC_OK);
	assert_true(t->complete);
	assert_null(t->recur);
	const char *text = written(a, t);
	assert_null(strstr(text, "RRULE"));
	assert_non_null(strstr(text, "COMPLETED:20240112T090000Z\r\n"));
	text = written(a, next);
	assert_non_null(strstr(text, "DUE;VALUE=DATE:20240117\r\n"));
	assert_non_null(strstr(text, "RRULE:FREQ=WEEKLY;COUNT=2\r\n"));
	assert_non_null(strstr(text, "X-ODD:kept\r\n"));
	assert_null(strstr(text, "COMPLETED"));
	assert_null(strstr(text, "UID:u\r\n"));
	struct pim_task *third, *none;
	next = parse(a, text);
	assert_int_equal(pim_task_complete(next, now, NULL, a, &third), RC_OK);
	assert_non_null(strstr(written(a, third), "DUE;VALUE=DATE:20240124\r\n"));
	assert_int_equal(pim_task_complete(third, now, NULL, a, &none), RC_NOT_FOUND);
	assert_null(third->recur);
	/* One that is made anew counts from the day on which it was done. */
	t = parse(a, foreign);
	t->regenerate = true;
	assert_int_equal(pim_task_complete(t, now, NULL, a, &next), RC_OK);
	assert_string_equal(text_of(a, &next->due), "20240119");
}

static void
notes_come_back_as_text_and_as_vnote(void **state UNUSED)
{
	static const char *const categories[] = { "Ideas", NULL };
	AUTO(arena)
	struct arena *a = arena_new();
	AUTO_DONE(buf) struct buf out = BUF_INIT(0);
	struct pim_note *n = pim_note_new(a), *d;

	n->uid = "u";
	n->subject = "Title";
	n->body = (struct pim_body){ "one\ntwo", "<p>one<br>two</p>" };
	n->categories = categories;
	n->message_class = "IPM.StickyNote.Own";
	n->last_modified = when("20240101T000000Z");
	pim_note_write(n, &out);
	assert_int_equal(pim_note_parse(buf_span(&out), a, &d), RC_OK);
	assert_string_equal(d->subject, "Title");
	assert_string_equal(d->body.html, n->body.html);
	assert_string_equal(d->message_class, n->message_class);
	assert_string_equal(d->categories[0], "Ideas");
	assert_true(pim_time_eq(&d->last_modified, &n->last_modified));
	/* To a phone and back: nothing changes, the subject and the HTML stay. */
	buf_clear(&out);
	pim_note_text(d, &out);
	assert_true(span_is(buf_span(&out), "one\r\ntwo"));
	pim_note_set_text(d, buf_span(&out), a);
	assert_string_equal(d->subject, "Title");
	assert_non_null(d->body.html);
	pim_note_set_text(d, SPAN("New first\r\nsecond"), a);
	assert_string_equal(d->subject, "New first");
	assert_string_equal(d->body.plain, "New first\nsecond");
	assert_null(d->body.html);
	buf_clear(&out);
	pim_note_vnote(d, &out);
	assert_true(span_is(buf_span(&out),
	                    "BEGIN:VNOTE\r\nVERSION:1.1\r\nBODY;CHARSET=UTF-8;ENCODING="
	                    "QUOTED-PRINTABLE:New first=0D=0Asecond\r\n"
	                    "LAST-MODIFIED:20240101T000000Z\r\nCATEGORIES:Ideas\r\n"
	                    "END:VNOTE\r\n"));
	assert_int_equal(pim_note_parse(buf_span(&out), a, &d), RC_OK);
	assert_string_equal(d->body.plain, "New first\nsecond");
	assert_int_equal(pim_note_parse(SPAN("BEGIN:VCARD\nEND:VCARD\n"), a, &d),
	                 RC_INVALID);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_field_of_a_task_comes_back),
		cmocka_unit_test(a_foreign_task_is_kept_and_changed_in_place),
		cmocka_unit_test(a_recurring_task_goes_on_by_one_when_it_is_done),
		cmocka_unit_test(notes_come_back_as_text_and_as_vnote),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
