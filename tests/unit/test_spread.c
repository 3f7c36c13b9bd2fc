/* SPDX-License-Identifier: ISC
 *
 * test_spread.c - crowds of waits are thinned out.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/spread.h"

#define QUARTER_MS (15 * 60 * 1000)

static int
begin(void **state UNUSED)
{
	clock_fake_start(0);
	return 0;
}

static int
end(void **state UNUSED)
{
	clock_fake_stop();
	return 0;
}

static void
a_few_have_what_they_wish(void **state UNUSED)
{
	struct spread s = { 0 };

	for (int i = 0; i < 1000; i++) {
		assert_int_equal(spread_wait(&s, QUARTER_MS), QUARTER_MS);
		clock_fake_advance(1000);
	}
}

static void
a_crowd_ends_over_a_time(void **state UNUSED)
{
	struct spread s = { 0 };
	unsigned seconds[64] = { 0 }, most = 0;

	for (int i = 0; i < 20000; i++) {
		uint64_t ms = spread_wait(&s, QUARTER_MS);

		/* Never later than they wish, and not by more than a twentieth earlier.
		 */
		assert_in_range(ms, QUARTER_MS - 45000, QUARTER_MS);
		seconds[(QUARTER_MS - ms) / 1000]++;
	}
	for (int i = 0; i < 45; i++)
		most = seconds[i] > most ? seconds[i] : most;
	assert_true(most < 20000 / 45 * 2);
}

static void
a_small_crowd_loses_little(void **state UNUSED)
{
	struct spread s = { 0 };

	for (int i = 0; i < 200; i++)
		assert_in_range(spread_wait(&s, QUARTER_MS), QUARTER_MS - 2000,
		                QUARTER_MS);
}

static void
a_crowd_is_known_as_one_over_the_border_of_two_windows(void **state UNUSED)
{
	struct spread s = { 0 };
	unsigned early = 0;

	clock_fake_advance(SPREAD_WINDOW_MS - 1);
	for (int i = 0; i < 5000; i++)
		spread_wait(&s, QUARTER_MS);
	clock_fake_advance(1);
	for (int i = 0; i < 100; i++)
		early += spread_wait(&s, QUARTER_MS) < QUARTER_MS - 5000;
	assert_true(early > 50);
	/* ... and is over after it. */
	clock_fake_advance(2 * SPREAD_WINDOW_MS);
	assert_int_equal(spread_wait(&s, QUARTER_MS), QUARTER_MS);
}

static void
ends_of_a_crowd_fall_on_few_moments(void **state UNUSED)
{
	struct spread s = { 0 };

	clock_fake_advance(12345);
	for (unsigned i = 0; i < SPREAD_FEW; i++) {
		(void)spread_wait(&s, QUARTER_MS);
		assert_int_equal(spread_end(&s, 900001 + i), 900001 + i);
	}
	for (unsigned i = 0; i < 1000; i++) {
		uint64_t end = spread_end(&s, 900000 + i);

		(void)spread_wait(&s, QUARTER_MS);
		if (i == 0)
			continue;
		assert_int_equal(end % SPREAD_TICK_MS, 0);
		assert_in_range(end, 900000 + i - (SPREAD_TICK_MS - 1), 900000 + i);
	}
	clock_fake_advance(SPREAD_WINDOW_MS); /* as many may begin now */
	assert_int_equal(spread_end(&s, 900199), 900000);
	clock_fake_advance(SPREAD_WINDOW_MS); /* they did not */
	assert_int_equal(spread_end(&s, 900199), 900199);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, begin, end)
		CASE(a_few_have_what_they_wish),
		CASE(a_crowd_ends_over_a_time),
		CASE(ends_of_a_crowd_fall_on_few_moments),
		CASE(a_small_crowd_loses_little),
		CASE(a_crowd_is_known_as_one_over_the_border_of_two_windows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
