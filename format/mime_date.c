/* SPDX-License-Identifier: ISC
 *
 * mime_date.c - the date of a message [RFC 5322 3.3 and 4.3].
 */
#include "format/mime_private.h"

struct clock_time {
	int64_t year;
	int month; /* 1..12 */
	int day;
	int hour, minute, second;
	int zone_minutes;
};

/* Days since 1970-01-01 of the proleptic Gregorian calendar. */
static int64_t
days_of(int64_t y, int m, int d)
{
	/* Years begin in March, so that the leap day comes last. */
	y -= m <= 2;
	int64_t era = y / 400, yoe = y - era * 400;
	int64_t doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
	int64_t doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
	return era * 146097 + doe - 719468;
}

static int
days_in_month(int64_t y, int m)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;

	return m == 2 && leap ? 29 : days[m - 1];
}

/* The next word: letters, or digits; other characters are words of one. */
static struct span
next_word(struct span s, size_t *at)
{
	size_t from = mime_skip_cfws(s, *at), end = from;
	const char *p = s.p;

	while (end < s.n && ((p[end] | 0x20) >= 'a' && (p[end] | 0x20) <= 'z'))
		end++;
	if (end == from) {
		while (end < s.n && p[end] >= '0' && p[end] <= '9')
			end++;
	}
	if (end == from && end < s.n)
		end++;
	*at = end;
	return span_sub(s, from, end);
}

static bool
read_number(struct span s, size_t *at, uint32_t max, int *ret)
{
	uint32_t v;

	if (parse_u32(next_word(s, at), max, &v) != RC_OK)
		return false;
	*ret = (int)v;
	return true;
}

static int
month_of(struct span s)
{
	static const char names[] = "janfebmaraprmayjunjulaugsepoctnovdec";

	for (int i = 0; s.n >= 3 && i < 12; i++) {
		if (span_ieq(span_sub(s, 0, 3), span_of(names + (ptrdiff_t)i * 3, 3)))
			return i + 1;
	}
	return 0;
}

/* RFC 5322 4.3: the names that ever meant something; all others mean "unknown", +0000. */
static int
zone_of(struct span name)
{
	static const struct {
		const char *name;
		int minutes;
	} zones[] = {
		{ "EST", -300 }, { "EDT", -240 }, { "CST", -360 }, { "CDT", -300 },
		{ "MST", -420 }, { "MDT", -360 }, { "PST", -480 }, { "PDT", -420 },
	};

	for (size_t i = 0; i < ARRAY_LEN(zones); i++) {
		if (span_iis(name, zones[i].name))
			return zones[i].minutes;
	}
	return 0;
}

/* A zone that cannot be read means +0000, as a missing one does. */
static int
read_zone(struct span s, size_t *at)
{
	struct span word = next_word(s, at);
	int sign = span_is(word, "-") ? -1 : 1;
	uint32_t v;

	if (word.n > 0 && (word.p[0] | 0x20) >= 'a')
		return zone_of(word);
	if (span_is(word, "+") || span_is(word, "-"))
		word = next_word(s, at);
	if (word.n != 4 || parse_u32(word, 9999, &v) != RC_OK || v % 100 > 59)
		return 0;
	return sign * (int)(v / 100 * 60 + v % 100);
}

static bool
read_time(struct span s, size_t *at, struct clock_time *t)
{
	if (!read_number(s, at, 23, &t->hour) || !span_is(next_word(s, at), ":") ||
	    !read_number(s, at, 59, &t->minute))
		return false;
	size_t before = *at;
	if (!span_is(next_word(s, at), ":")) {
		*at = before;
		return true;
	}
	return read_number(s, at, 60, &t->second);
}

/* 4.3: two digits 00..49 are 2000..2049, others and three digits count from 1900. */
static bool
read_year(struct span word, struct clock_time *t)
{
	uint32_t year;

	if (word.n < 2 || parse_u32(word, 9999, &year) != RC_OK)
		return false;
	if (word.n == 2)
		year += year < 50 ? 2000 : 1900;
	else if (word.n == 3)
		year += 1900;
	t->year = year;
	return year >= 1 && t->day >= 1 && t->day <= days_in_month(t->year, t->month);
}

/* "1 Jan 2002 10:00" and C's "Jan 1 10:00 2002", the day of the week behind us. */
static bool
read_date(struct span s, size_t *at, struct clock_time *t)
{
	size_t before = *at;

	t->month = month_of(next_word(s, at));
	if (t->month > 0)
		return read_number(s, at, 31, &t->day) && read_time(s, at, t) &&
		       read_year(next_word(s, at), t);
	*at = before;
	if (!read_number(s, at, 31, &t->day))
		return false;
	t->month = month_of(next_word(s, at));
	return t->month > 0 && read_year(next_word(s, at), t) && read_time(s, at, t);
}

/* "Mon," is optional, and its comma is missing in some mail. */
static void
skip_weekday(struct span s, size_t *at)
{
	size_t before = *at;
	struct span word = next_word(s, at);

	if (word.n == 0 || (word.p[0] | 0x20) < 'a' || month_of(word) > 0) {
		*at = before;
		return;
	}
	before = *at;
	if (!span_is(next_word(s, at), ","))
		*at = before;
}

int64_t
mime_date_parse(struct span value)
{
	struct clock_time t = { 0 };
	size_t at = 0;

	skip_weekday(value, &at);
	if (!read_date(value, &at, &t))
		return INT64_MIN;
	t.zone_minutes = read_zone(value, &at);
	int64_t minutes = (days_of(t.year, t.month, t.day) * 24 + t.hour) * 60 +
	                  t.minute - t.zone_minutes;
	return (minutes * 60 + t.second) * 1000;
}
