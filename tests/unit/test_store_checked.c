/* SPDX-License-Identifier: ISC
 *
 * test_store_checked.c - that a password was checked, kept over restarts.
 */
#include "store/store_checked.h"

#include "base/clock.h"
#include "tests/unit/store_fixture.h"

static struct store_checked
checked(uint8_t byte, int64_t for_ms)
{
	struct store_checked c = { .until_ms = clock_wall_ms() + for_ms };

	memset(c.digest.b, byte, sizeof(c.digest.b));
	return c;
}

static void
what_was_saved_is_there_after_a_restart(void **state)
{
	struct fixture *f = *state;
	struct store_checked one = checked(1, 1000000), two = checked(2, 2000000), got;

	assert_rc(store_checked_load(f->s, f->user, 7, &got), RC_NOT_FOUND);
	assert_ok(store_checked_save(f->s, f->user, 7, &one));
	assert_ok(store_checked_save(f->s, f->user, INT64_MAX, &two));
	fixture_close(f);
	fixture_open(f);
	assert_ok(store_checked_load(f->s, f->user, 7, &got));
	assert_memory_equal(&got.digest, &one.digest, sizeof(got.digest));
	assert_int_equal(got.until_ms, one.until_ms);
	assert_ok(store_checked_load(f->s, f->user, INT64_MAX, &got));
	assert_memory_equal(&got.digest, &two.digest, sizeof(got.digest));
	assert_rc(store_checked_load(f->s, f->user + 1, 7, &got), RC_NOT_FOUND);
}

static void
a_newer_one_takes_the_place(void **state)
{
	struct fixture *f = *state;
	struct store_checked one = checked(1, 1000000), two = checked(2, 500000), got;

	assert_ok(store_checked_save(f->s, f->user, 7, &one));
	assert_ok(store_checked_save(f->s, f->user, 7, &two));
	assert_ok(store_checked_load(f->s, f->user, 7, &got));
	assert_memory_equal(&got.digest, &two.digest, sizeof(got.digest));
	assert_int_equal(got.until_ms, two.until_ms);
}

static void
what_is_over_counts_no_more_and_is_swept(void **state)
{
	struct fixture *f = *state;
	struct store_checked over = checked(1, -1), good = checked(2, 1000000), got;
	uint64_t removed;

	assert_ok(store_checked_save(f->s, f->user, 7, &over));
	assert_ok(store_checked_save(f->s, f->user, 8, &good));
	assert_rc(store_checked_load(f->s, f->user, 7, &got), RC_NOT_FOUND);
	assert_ok(store_sweep(f->s, &removed));
	assert_rc(store_checked_load(f->s, f->user, 7, &got), RC_NOT_FOUND);
	assert_ok(store_checked_load(f->s, f->user, 8, &got));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
		CASE(what_was_saved_is_there_after_a_restart),
		CASE(a_newer_one_takes_the_place),
		CASE(what_is_over_counts_no_more_and_is_swept),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
