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

/* ActiveSync */

/* "type/interval dow dom wom moy occurrences until cal fdow", the zeros left out. */
static const char *
eas_text(struct arena *a, const struct recur_eas *e)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);

	buf_addf(&b, "%d/%u", (int)e->type, e->interval);
	if (e->day_of_week)
		buf_addf(&b, " dow=%u", e->day_of_week);
	if (e->day_of_month)
		buf_addf(&b, " dom=%u", e->day_of_month);
	if (e->week_of_month)
		buf_addf(&b, " wom=%u", e->week_of_month);
	if (e->month_of_year)
		buf_addf(&b, " moy=%u", e->month_of_year);
	if (e->occurrences)
		buf_addf(&b, " n=%u", e->occurrences);
	if (e->until.kind != PIM_TIME_NONE) {
		buf_add_str(&b, " until=");
		pim_time_write(&e->until, &b);
	}
	if (e->calendar_type)
		buf_addf(&b, " cal=%u", e->calendar_type);
	if (e->is_leap_month)
		buf_add_str(&b, " leap");
	if (e->first_day_of_week >= 0)
		buf_addf(&b, " fdow=%d", e->first_day_of_week);
	return arena_strndup(a, buf_span(&b));
}

/* All series start on Wednesday, 31 January 2024, 09:00 in Berlin. */
static struct pim_time
berlin_start(void)
{
	struct pim_time t = when("20240131T090000");

	t.kind = PIM_TIME_ZONED;
	t.zone = tzone_find("Europe/Berlin");
	return t;
}

static void
rules_and_activesyncs_patterns_say_the_same(void **state UNUSED)
{
	/* RRULE, pattern, and the RRULE that this becomes where it is another. */
	static const char *const cases[][3] = {
		{ "FREQ=DAILY", "0/1", NULL },
		{ "FREQ=DAILY;INTERVAL=3;COUNT=5", "0/3 n=5", NULL },
		{ "FREQ=DAILY;BYDAY=MO,TU,WE,TH,FR", "1/1 dow=62",
		  "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR" },
		{ "FREQ=WEEKLY", "1/1 dow=8", "FREQ=WEEKLY;BYDAY=WE" },
		{ "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,SU", "1/2 dow=3 fdow=1", NULL },
		{ "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO;WKST=SU", "1/2 dow=2 fdow=0", NULL },
		{ "FREQ=WEEKLY;UNTIL=20241231T080000Z;BYDAY=WE",
		  "1/1 dow=8 until=20241231T080000Z", NULL },
		{ "FREQ=WEEKLY;UNTIL=20241231;BYDAY=WE",
		  "1/1 dow=8 until=20241231T225959Z",
		  "FREQ=WEEKLY;UNTIL=20241231T225959Z;BYDAY=WE" },
		{ "FREQ=MONTHLY", "2/1 dom=31", "FREQ=MONTHLY;BYMONTHDAY=-1" },
		{ "FREQ=MONTHLY;BYMONTHDAY=-1", "2/1 dom=31", NULL },
		{ "FREQ=MONTHLY;BYMONTHDAY=28,29,30;BYSETPOS=-1", "2/1 dom=30", NULL },
		{ "FREQ=MONTHLY;INTERVAL=2;BYMONTHDAY=15", "2/2 dom=15", NULL },
		{ "FREQ=MONTHLY;BYDAY=2TU", "3/1 dow=4 wom=2", NULL },
		{ "FREQ=MONTHLY;BYDAY=-1FR", "3/1 dow=32 wom=5", NULL },
		{ "FREQ=MONTHLY;BYDAY=FR;BYSETPOS=-1", "3/1 dow=32 wom=5",
		  "FREQ=MONTHLY;BYDAY=-1FR" },
		{ "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=1", "3/1 dow=62 wom=1",
		  NULL },
		{ "FREQ=MONTHLY;BYDAY=SA,SU;BYSETPOS=-1", "3/1 dow=65 wom=5", NULL },
		{ "FREQ=MONTHLY;BYDAY=MO", "1/1 dow=2", "FREQ=WEEKLY;BYDAY=MO" },
		{ "FREQ=YEARLY", "5/1 dom=31 moy=1",
		  "FREQ=YEARLY;BYMONTHDAY=31;BYMONTH=1" },
		{ "FREQ=YEARLY;BYMONTHDAY=12;BYMONTH=4", "5/1 dom=12 moy=4", NULL },
		{ "FREQ=MONTHLY;BYMONTHDAY=12;BYMONTH=4", "5/1 dom=12 moy=4",
		  "FREQ=YEARLY;BYMONTHDAY=12;BYMONTH=4" },
		{ "FREQ=YEARLY;BYDAY=4TH;BYMONTH=11", "6/1 dow=16 wom=4 moy=11", NULL },
		{ "FREQ=YEARLY;BYMONTHDAY=28,29;BYMONTH=2;BYSETPOS=-1",
		  "5/1 dom=29 moy=2", NULL },
		{ "FREQ=DAILY;BYHOUR=9;BYMINUTE=0;BYSECOND=0", "0/1", "FREQ=DAILY" },
		{ "RSCALE=CHINESE;FREQ=YEARLY;BYMONTHDAY=1;BYMONTH=5L",
		  "5/1 dom=1 moy=5 cal=15 leap", NULL },
		{ "RSCALE=HEBREW;FREQ=MONTHLY;BYMONTHDAY=30", "2/1 dom=30 cal=8", NULL },
		/* Those ActiveSync has no words for. */
		{ "FREQ=HOURLY", NULL, NULL },
		{ "FREQ=DAILY;BYHOUR=9,17", NULL, NULL },
		{ "FREQ=DAILY;INTERVAL=2;BYDAY=MO", NULL, NULL },
		{ "FREQ=MONTHLY;BYMONTHDAY=1,15", NULL, NULL },
		{ "FREQ=MONTHLY;BYDAY=5FR", NULL, NULL },
		{ "FREQ=MONTHLY;BYDAY=-2FR", NULL, NULL },
		{ "FREQ=MONTHLY;BYDAY=1MO,3MO", NULL, NULL },
		{ "FREQ=MONTHLY;BYDAY=MO,TU;BYSETPOS=1", NULL, NULL },
		{ "FREQ=MONTHLY;BYDAY=FR;BYMONTHDAY=13", NULL, NULL },
		{ "FREQ=MONTHLY;BYMONTHDAY=-2", NULL, NULL },
		{ "FREQ=YEARLY;BYMONTH=1,7", NULL, NULL },
		{ "FREQ=YEARLY;BYYEARDAY=100", NULL, NULL },
		{ "FREQ=YEARLY;BYWEEKNO=20", NULL, NULL },
		{ "FREQ=YEARLY;BYDAY=20MO", NULL, NULL },
		{ "FREQ=DAILY;INTERVAL=1000", NULL, NULL },
		{ "FREQ=DAILY;COUNT=70000", NULL, NULL },
	};
	AUTO(arena)
	struct arena *a = arena_new();
	struct pim_time start = berlin_start();

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct recur r = rule(a, cases[i][0]), back;
		struct recur_eas e;
		enum rc rc = recur_to_eas(&r, &start, NULL, &e);
		if (rc != (cases[i][1] ? RC_OK : RC_UNSUPPORTED))
			fail_msg("%s: %s", cases[i][0], rc_str(rc));
		if (rc != RC_OK)
			continue;
		if (strcmp(eas_text(a, &e), cases[i][1]) != 0)
			fail_msg("%s is %s, not %s", cases[i][0], eas_text(a, &e),
			         cases[i][1]);
		assert_int_equal(recur_from_eas(&e, &start, NULL, a, &back), RC_OK);
		const char *want = cases[i][2] ? cases[i][2] : cases[i][0];
		if (strcmp(written(a, &back), want) != 0)
			fail_msg("%s became %s, not %s", cases[i][1], written(a, &back),
			         want);
		/* Given back as shown, the rule stays as it was. */
		assert_int_equal(recur_change_eas(&r, &e, &start, NULL, a, &back), RC_OK);
		assert_true(recur_eq(&r, &back));
		e.interval++;
		assert_int_equal(recur_change_eas(&r, &e, &start, NULL, a, &back), RC_OK);
		assert_false(recur_eq(&r, &back));
	}
}

static void
patterns_without_what_they_need_are_refused(void **state UNUSED)
{
	static const struct recur_eas bad[] = {
		{ .type = RECUR_EAS_WEEKLY, .first_day_of_week = -1 },
		{ .type = RECUR_EAS_WEEKLY, .day_of_week = 128, .first_day_of_week = -1 },
		{ .type = RECUR_EAS_MONTHLY, .first_day_of_week = -1 },
		{ .type = RECUR_EAS_MONTHLY,
		  .day_of_month = 32,
		  .first_day_of_week = -1 },
		{ .type = RECUR_EAS_MONTHLY_NTH,
		  .day_of_week = 2,
		  .first_day_of_week = -1 },
		{ .type = RECUR_EAS_MONTHLY_NTH,
		  .day_of_week = 2,
		  .week_of_month = 6,
		  .first_day_of_week = -1 },
		{ .type = RECUR_EAS_YEARLY, .day_of_month = 1, .first_day_of_week = -1 },
		{ .type = RECUR_EAS_YEARLY_NTH,
		  .day_of_week = 2,
		  .week_of_month = 1,
		  .first_day_of_week = -1 },
		{ .type = (enum recur_eas_type)4, .first_day_of_week = -1 },
		{ .type = RECUR_EAS_DAILY, .first_day_of_week = 7 },
	};
	AUTO(arena)
	struct arena *a = arena_new();
	struct pim_time start = berlin_start();
	struct recur r;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(recur_from_eas(&bad[i], &start, NULL, a, &r),
		                 RC_INVALID);
	/* The first day of each month, and weeks by the day of MS-ASCAL's type 0. */
	struct recur_eas e = { .type = RECUR_EAS_MONTHLY_NTH,
		               .day_of_week = 127,
		               .week_of_month = 1,
		               .first_day_of_week = -1 };
	assert_int_equal(recur_from_eas(&e, &start, NULL, a, &r), RC_OK);
	assert_string_equal(written(a, &r), "FREQ=MONTHLY;BYMONTHDAY=1");
	e = (struct recur_eas){ .interval = 2,
		                .day_of_week = 62,
		                .first_day_of_week = 0 };
	assert_int_equal(recur_from_eas(&e, &start, NULL, a, &r), RC_OK);
	assert_string_equal(written(a, &r),
	                    "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,TU,WE,TH,FR;WKST=SU");
}

static void
vcalendar_1_0_has_a_grammar_of_its_own(void **state UNUSED)
{
	/* 1.0, RRULE, and how 1.0 is written where that is another form. */
	static const char *const cases[][3] = {
		{ "D1 #0", "FREQ=DAILY", NULL },
		{ "D2 #5", "FREQ=DAILY;INTERVAL=2;COUNT=5", NULL },
		{ "D1", "FREQ=DAILY;COUNT=2", "D1 #2" },
		{ "D1 20241231T235959Z", "FREQ=DAILY;UNTIL=20241231T235959Z", NULL },
		{ "W2 MO WE #0", "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,WE", NULL },
		{ "W1 #4", "FREQ=WEEKLY;COUNT=4", "W1 WE #4" },
		{ "MP1 1+ TU 2- FR #0", "FREQ=MONTHLY;BYDAY=1TU,-2FR", NULL },
		{ "MP1 1+ SU MO #0", "FREQ=MONTHLY;BYDAY=1SU,1MO", "MP1 1+ SU 1+ MO #0" },
		{ "MD1 5 2- LD #12", "FREQ=MONTHLY;COUNT=12;BYMONTHDAY=5,-2,-1",
		  "MD1 5 2- 1- #12" },
		{ "MD3 #0", "FREQ=MONTHLY;INTERVAL=3", "MD3 31 #0" },
		{ "YM1 6 7 #3", "FREQ=YEARLY;COUNT=3;BYMONTH=6,7", NULL },
		{ "YM1 1 #0", "FREQ=YEARLY;BYMONTH=1", NULL },
		{ "YD1 100 1- #0", "FREQ=YEARLY;BYYEARDAY=100,-1", NULL },
	};
	static const char *const bad[] = {
		"",          "X1 #0",     "D #0",     "D0 #0",
		"MD1 32 #0", "YM1 13 #0", "W1 XX #0", "D1 #x"
	};
	static const char *const unsayable[] = {
		"FREQ=YEARLY;BYDAY=4TH;BYMONTH=11",
		"FREQ=MONTHLY;BYDAY=MO",
		"FREQ=DAILY;BYDAY=MO",
		"FREQ=HOURLY",
		"FREQ=YEARLY;BYMONTHDAY=3;BYMONTH=1",
		"RSCALE=CHINESE;FREQ=YEARLY",
		"FREQ=MONTHLY;BYDAY=FR;BYMONTHDAY=13",
	};
	AUTO(arena)
	struct arena *a = arena_new();
	struct pim_time start = berlin_start();
	struct recur r;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO_DONE(buf) struct buf out = BUF_INIT(0);
		enum rc rc = recur_parse_1_0(span_str(cases[i][0]), a, &r);
		if (rc != RC_OK)
			fail_msg("%s: %s", cases[i][0], rc_str(rc));
		if (strcmp(written(a, &r), cases[i][1]) != 0)
			fail_msg("%s: %s, not %s", cases[i][0], written(a, &r),
			         cases[i][1]);
		assert_int_equal(recur_write_1_0(&r, &start, &out), RC_OK);
		buf_add_char(&out, '\0');
		assert_string_equal(out.p, cases[i][2] ? cases[i][2] : cases[i][0]);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_not_equal(recur_parse_1_0(span_str(bad[i]), a, &r), RC_OK);
	for (size_t i = 0; i < ARRAY_LEN(unsayable); i++) {
		AUTO_DONE(buf) struct buf out = BUF_INIT(0);
		r = rule(a, unsayable[i]);
		assert_int_equal(recur_write_1_0(&r, &start, &out), RC_UNSUPPORTED);
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
		cmocka_unit_test(rules_and_activesyncs_patterns_say_the_same),
		cmocka_unit_test(patterns_without_what_they_need_are_refused),
		cmocka_unit_test(vcalendar_1_0_has_a_grammar_of_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
