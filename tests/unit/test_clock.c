/* SPDX-License-Identifier: ISC
 *
 * test_clock.c - dates as text, the calendar, and the clock that tests move.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"

static void
the_fake_clock_moves_only_when_told(void **state UNUSED)
{
	uint64_t before = clock_mono_ms();
	uint64_t mono;

	clock_fake_start(1000);
	mono = clock_mono_ms();
	assert_true(mono >= before);
	assert_int_equal(clock_wall_ms(), 1000);
	clock_fake_advance(900000);
	assert_int_equal(clock_wall_ms(), 901000);
	assert_int_equal(clock_mono_ms(), mono + 900000);
	assert_int_equal(clock_mono_us() / 1000, mono + 900000);
	/* Started again: the wall may jump, the other goes on. */
	clock_fake_start(5);
	assert_int_equal(clock_wall_ms(), 5);
	assert_int_equal(clock_mono_ms(), mono + 900000);
	clock_fake_stop();
	assert_true(clock_wall_ms() > 1700000000000);
}

static void
dates_are_written_as_their_rfcs_say(void **state UNUSED)
{
	static const struct {
		int64_t ms;
		const char *iso, *mail;
	} cases[] = {
		{ 0, "1970-01-01T00:00:00.000Z", "Thu, 01 Jan 1970 00:00:00 +0000" },
		{ 784111777000, "1994-11-06T08:49:37.000Z",
		  "Sun, 06 Nov 1994 08:49:37 +0000" },
		{ 951782400123, "2000-02-29T00:00:00.123Z",
		  "Tue, 29 Feb 2000 00:00:00 +0000" },
		{ 1795299480999, "2026-11-21T22:18:00.999Z",
		  "Sat, 21 Nov 2026 22:18:00 +0000" },
		{ -1, "1969-12-31T23:59:59.999Z", "Wed, 31 Dec 1969 23:59:59 +0000" },
		{ 4102444799999, "2099-12-31T23:59:59.999Z",
		  "Thu, 31 Dec 2099 23:59:59 +0000" },
	};
	char text[32];

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_string_equal(clock_iso8601(cases[i].ms, text, sizeof(text)),
		                    cases[i].iso);
		assert_string_equal(clock_rfc5322(cases[i].ms, text, sizeof(text)),
		                    cases[i].mail);
	}
	/* The example of RFC 9110 5.6.7. */
	assert_string_equal(clock_http(784111777000, text, sizeof(text)),
	                    "Sun, 06 Nov 1994 08:49:37 GMT");
}

static void
every_day_of_four_centuries_goes_there_and_back(void **state UNUSED)
{
	static const unsigned lengths[] = {
		31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31
	};
	int year = 1800;
	unsigned month = 1;
	unsigned day = 1;
	int64_t first = clock_days_from_civil(year, month, day);

	assert_int_equal(clock_days_from_civil(1970, 1, 1), 0);
	assert_int_equal(clock_days_from_civil(2000, 3, 1), 11017);
	for (int64_t d = first; year < 2201; d++) {
		bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
		unsigned last = lengths[month - 1] + (month == 2 && leap);
		unsigned m, dd;
		int y;

		assert_int_equal(clock_days_from_civil(year, month, day), d);
		clock_civil_from_days(d, &y, &m, &dd);
		assert_int_equal(y, year);
		assert_int_equal(m, month);
		assert_int_equal(dd, day);
		if (++day > last) {
			day = 1;
			if (++month > 12) {
				month = 1;
				year++;
			}
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_fake_clock_moves_only_when_told),
		cmocka_unit_test(dates_are_written_as_their_rfcs_say),
		cmocka_unit_test(every_day_of_four_centuries_goes_there_and_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
