/* SPDX-License-Identifier: ISC
 *
 * test_recur.c - rules of recurrence: parsing, expanding, ActiveSync's and vCalendar's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "format/recur.h"

static struct recur
rule(struct arena *a, const char *text)
{
	struct recur r;

	if (recur_parse(span_str(text), a, &r) != RC_OK)
		fail_msg("no rule: %s", text);
	return r;
}

static struct pim_time
when(const char *text)
{
	struct pim_time t;

	if (pim_time_parse(span_str(text), &t) != RC_OK)
		fail_msg("no time: %s", text);
	return t;
}

static const char *
written(struct arena *a, const struct recur *r)
{
	AUTO_DONE(buf) struct buf out = BUF_INIT(0);

	recur_write(r, &out);
	return arena_strndup(a, buf_span(&out));
}

static void
rules_are_read_and_written(void **state UNUSED)
{
	static const char *const same[] = {
		"FREQ=DAILY",
		"FREQ=WEEKLY;INTERVAL=2;UNTIL=20241231T235959Z;BYDAY=MO,FR;WKST=SU",
		"FREQ=MONTHLY;COUNT=5;BYDAY=-1FR,2MO",
		"FREQ=YEARLY;UNTIL=20300101;BYMONTHDAY=-1,13;BYMONTH=2,12;BYSETPOS=-1",
		"FREQ=HOURLY;BYSECOND=0,30;BYMINUTE=15;BYHOUR=8,9",
		"FREQ=YEARLY;BYYEARDAY=1,-1;BYWEEKNO=20",
		"RSCALE=CHINESE;FREQ=YEARLY;BYMONTHDAY=1;BYMONTH=5L",
		"RSCALE=GREGORIAN;FREQ=MONTHLY;BYMONTHDAY=31;SKIP=BACKWARD",
	};
	AUTO(arena)
	struct arena *a = arena_new();
	struct recur r;

	for (size_t i = 0; i < ARRAY_LEN(same); i++) {
		r = rule(a, same[i]);
		assert_string_equal(written(a, &r), same[i]);
	}
	r = rule(a, "freq=weekly;wkst=mo;interval=1;byday= mo , +1TU;X-OWN=1;;count=3");
	assert_string_equal(written(a, &r), "FREQ=WEEKLY;COUNT=3;BYDAY=MO,1TU");
	assert_int_equal(recur_parse(SPAN("COUNT=3"), a, &r), RC_INVALID);
	assert_int_equal(recur_parse(SPAN("FREQ=SOMETIMES"), a, &r), RC_INVALID);
	assert_int_equal(recur_parse(SPAN("FREQ=DAILY;BYHOUR=25"), a, &r), RC_INVALID);
	assert_int_equal(recur_parse(SPAN("FREQ=DAILY;BYDAY=XX"), a, &r), RC_INVALID);
	r = rule(a, "FREQ=DAILY;COUNT=3;UNTIL=20200101");
	assert_string_equal(written(a, &r), "FREQ=DAILY;COUNT=3");
}

struct starts {
	struct arena *a;
	struct buf out;
	size_t n, max;
};

static bool
note_start(const struct civil *c, void *arg)
{
	struct starts *s = arg;
	struct pim_time t = { .kind = PIM_TIME_FLOATING, .at = *c };

	if (s->out.len)
		buf_add_char(&s->out, ' ');
	if (c->hour == 9 && c->minute == 0 && c->second == 0)
		t.kind = PIM_TIME_DATE;
	pim_time_write(&t, &s->out);
	return ++s->n < s->max;
}

static const char *
starts(struct arena *a, const char *text, const char *start, const char *from, size_t max,
       enum rc want)
{
	struct starts s = { .a = a, .max = max };
	struct recur r = rule(a, text);
	struct pim_time t = when(start), low = when(from);
	struct civil high = { 2100, 1, 1, 0, 0, 0 };

	enum rc rc = recur_each(&r, &t, NULL, &low.at, &high, 0, note_start, &s);
	if (rc != want)
		fail_msg("%s: %s", text, rc_str(rc));
	const char *out = arena_strndup(a, buf_span(&s.out));
	buf_done(&s.out);
	return out;
}

static void
starts_are_those_of_rfc_5545(void **state UNUSED)
{
	static const char *const cases[][3] = {
		{ "FREQ=DAILY;COUNT=3", "19970902T090000", "19970902 19970903 19970904" },
		{ "FREQ=WEEKLY;INTERVAL=2;COUNT=4;WKST=SU;BYDAY=TU,SU", "19970805T090000",
		  "19970805 19970817 19970819 19970831" },
		{ "FREQ=WEEKLY;INTERVAL=2;COUNT=4;WKST=MO;BYDAY=TU,SU", "19970805T090000",
		  "19970805 19970810 19970819 19970824" },
		{ "FREQ=MONTHLY;COUNT=6;BYDAY=-2MO", "19970922T090000",
		  "19970922 19971020 19971117 19971222 19980119 19980216" },
		{ "FREQ=MONTHLY;BYMONTHDAY=31;COUNT=4", "20240131T090000",
		  "20240131 20240331 20240531 20240731" },
		{ "FREQ=MONTHLY;BYMONTHDAY=28,29,30;BYSETPOS=-1;COUNT=4",
		  "20240130T090000", "20240130 20240229 20240330 20240430" },
		{ "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29;COUNT=3", "20240229T090000",
		  "20240229 20280229 20320229" },
		{ "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1;COUNT=3",
		  "20240131T090000", "20240131 20240229 20240329" },
		{ "FREQ=DAILY;UNTIL=19970904T090000", "19970902T090000",
		  "19970902 19970903 19970904" },
		{ "FREQ=DAILY;UNTIL=19970904", "19970902T090000",
		  "19970902 19970903 19970904" },
		/* A start that the rule does not name is the first all the same. */
		{ "FREQ=WEEKLY;BYDAY=MO;COUNT=3", "20240103T090000",
		  "20240103 20240108 20240115" },
		{ "FREQ=HOURLY;INTERVAL=3;UNTIL=19970902T150000", "19970902T090000",
		  "19970902 19970902T120000 19970902T150000" },
		{ "FREQ=DAILY;BYHOUR=9,12;COUNT=3", "19970902T090000",
		  "19970902 19970902T120000 19970903" },
	};
	AUTO(arena)
	struct arena *a = arena_new();

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const char *out =
			starts(a, cases[i][0], cases[i][1], "19000101", 100, RC_OK);
		if (strcmp(out, cases[i][2]) != 0)
			fail_msg("%s: %s, not %s", cases[i][0], out, cases[i][2]);
	}
}

static void
chinese_new_year_is_found(void **state UNUSED)
{
	AUTO(arena)
	struct arena *a = arena_new();

	assert_string_equal(starts(a, "RSCALE=CHINESE;FREQ=YEARLY;BYMONTH=1;BYMONTHDAY=1",
	                           "20240210T090000", "20240101", 3, RC_OK),
	                    "20240210 20250129 20260217");
}

static void
rules_that_no_day_fulfils_end(void **state UNUSED)
{
	static const char *const never[] = {
		"FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30",
		"FREQ=YEARLY;BYMONTH=4,6;BYMONTHDAY=31,-31",
		"FREQ=MONTHLY;INTERVAL=40000",
		"FREQ=MONTHLY;BYSETPOS=366;BYDAY=MO",
		"FREQ=MONTHLY;BYDAY=5MO;BYMONTHDAY=1",
		"FREQ=HOURLY;INTERVAL=24;BYHOUR=3",
		"FREQ=MINUTELY;BYMONTH=2;BYMONTHDAY=30",
		"FREQ=SECONDLY;BYMONTH=2;BYMONTHDAY=30",
	};
	AUTO(arena)
	struct arena *a = arena_new();

	for (size_t i = 0; i < ARRAY_LEN(never); i++)
		assert_string_equal(
			starts(a, never[i], "20240131T090000", "20200101", 5, RC_OK),
			"20240131");
	assert_string_equal(starts(a, "FREQ=SECONDLY;COUNT=2000000000", "19700101T090000",
	                           "20200101", 1, RC_TOO_BIG),
	                    "");
	assert_string_equal(
		starts(a, "FREQ=SECONDLY", "19700101T090000", "20200101", 2, RC_OK),
		"20200101T000000 20200101T000001");
	assert_string_equal(starts(a, "RSCALE=CHINESE;FREQ=YEARLY;BYMONTHDAY=31",
	                           "20240131T090000", "20200101", 5, RC_UNSUPPORTED),
	                    "20240131");
}

/* Beginning in the middle finds what counting from the start finds. */
static void
a_window_far_on_shows_the_same_starts(void **state UNUSED)
{
	static const char *const rules[] = {
		"FREQ=DAILY",
		"FREQ=DAILY;INTERVAL=3",
		"FREQ=DAILY;INTERVAL=7;BYDAY=WE",
		"FREQ=DAILY;BYMONTH=1,6;BYDAY=MO,TU",
		"FREQ=WEEKLY",
		"FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,WE,FR",
		"FREQ=WEEKLY;INTERVAL=3;BYDAY=SU,SA;WKST=SU",
		"FREQ=MONTHLY",
		"FREQ=MONTHLY;INTERVAL=5;BYMONTHDAY=15,-1",
		"FREQ=MONTHLY;BYDAY=2TU,-1FR",
		"FREQ=MONTHLY;INTERVAL=2;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1,1",
		"FREQ=MONTHLY;BYMONTH=3,9;BYMONTHDAY=31,30",
		"FREQ=YEARLY",
		"FREQ=YEARLY;INTERVAL=3",
		"FREQ=YEARLY;BYMONTH=11;BYDAY=4TH",
		"FREQ=YEARLY;INTERVAL=4;BYMONTH=2;BYMONTHDAY=29",
		"FREQ=YEARLY;BYYEARDAY=1,100,-1",
		"FREQ=YEARLY;BYWEEKNO=1,20;BYDAY=MO",
		"FREQ=YEARLY;INTERVAL=2;BYDAY=20MO",
		"FREQ=YEARLY;BYMONTH=6;BYDAY=SU,MO",
		"FREQ=HOURLY;INTERVAL=500",
		"FREQ=DAILY;BYHOUR=8,20;INTERVAL=5",
		"FREQ=WEEKLY;INTERVAL=53;BYDAY=TH",
	};
	static const char *const windows[] = { "20050101", "20060315", "20091231",
		                               "20140710", "20240229" };
	AUTO(arena)
	struct arena *a = arena_new();

	for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
		for (size_t k = 0; k < ARRAY_LEN(windows); k++) {
			/* With a COUNT the iterator may not skip ahead. */
			const char *counted = arena_printf(a, "%s;COUNT=90000", rules[i]);
			const char *slow = starts(a, counted, "20010301T090000",
			                          windows[k], 20, RC_OK);
			const char *fast = starts(a, rules[i], "20010301T090000",
			                          windows[k], 20, RC_OK);
			if (strcmp(slow, fast) != 0)
				fail_msg("%s from %s:\n%s\nnot\n%s", rules[i], windows[k],
				         fast, slow);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rules_are_read_and_written),
		cmocka_unit_test(starts_are_those_of_rfc_5545),
		cmocka_unit_test(chinese_new_year_is_found),
		cmocka_unit_test(rules_that_no_day_fulfils_end),
		cmocka_unit_test(a_window_far_on_shows_the_same_starts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
