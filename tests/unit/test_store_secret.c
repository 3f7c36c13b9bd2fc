/* SPDX-License-Identifier: ISC
 *
 * test_store_secret.c - secrets that nodes share and replace by time.
 */
#include "store/store_secret.h"

#include <pthread.h>

#include "tests/unit/store_fixture.h"

static bool
same(const struct store_secret *a, const struct store_secret *b)
{
	return a->epoch == b->epoch && memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

static void
a_secret_is_made_once_and_stays(void **state)
{
	struct fixture *f = *state;
	struct store_secret one[3], two[3];

	assert_ok(store_secret_load(f->s, "x", 10, 12, one));
	assert_int_equal(one[0].epoch, 10);
	assert_int_equal(one[2].epoch, 12);
	assert_memory_not_equal(one[0].bytes, one[1].bytes, STORE_SECRET_SIZE);
	fixture_close(f);
	fixture_open(f);
	assert_ok(store_secret_load(f->s, "x", 10, 12, two));
	for (size_t i = 0; i < 3; i++)
		assert_true(same(&one[i], &two[i]));
}

static void
the_next_epoch_keeps_what_it_has_in_common_and_forgets_the_past(void **state)
{
	struct fixture *f = *state;
	struct store_secret one[3], two[3], again[3];

	assert_ok(store_secret_load(f->s, "x", 10, 12, one));
	assert_ok(store_secret_load(f->s, "x", 11, 13, two));
	assert_true(same(&one[1], &two[0]));
	assert_true(same(&one[2], &two[1]));
	assert_ok(store_secret_load(f->s, "x", 10, 12, again));
	assert_false(same(&one[0], &again[0]));
	assert_true(same(&one[1], &again[1]));
}

static void
names_have_secrets_of_their_own(void **state)
{
	struct fixture *f = *state;
	struct store_secret x, y, again;

	assert_ok(store_secret_load(f->s, "x", 1, 1, &x));
	assert_ok(store_secret_load(f->s, "y", 5, 5, &y));
	assert_ok(store_secret_load(f->s, "x", 1, 1, &again));
	assert_true(same(&x, &again));
	assert_memory_not_equal(x.bytes, y.bytes, STORE_SECRET_SIZE);
}

struct racer {
	struct fixture *f;
	struct store_secret got;
	enum rc rc;
};

static void *
race(void *arg)
{
	struct racer *r = arg;

	do
		r->rc = store_secret_load(r->f->s, "race", 7, 7, &r->got);
	while (r->rc == RC_AGAIN);
	return NULL;
}

static void
all_who_come_at_once_get_the_same(void **state)
{
	struct racer racers[4];
	pthread_t threads[4];

	for (size_t i = 0; i < 4; i++) {
		racers[i] = (struct racer){ .f = *state };
		pthread_create(&threads[i], NULL, race, &racers[i]);
	}
	for (size_t i = 0; i < 4; i++) {
		pthread_join(threads[i], NULL);
		assert_ok(racers[i].rc);
		assert_true(same(&racers[0].got, &racers[i].got));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
		CASE(a_secret_is_made_once_and_stays),
		CASE(the_next_epoch_keeps_what_it_has_in_common_and_forgets_the_past),
		CASE(names_have_secrets_of_their_own),
		CASE(all_who_come_at_once_get_the_same),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
