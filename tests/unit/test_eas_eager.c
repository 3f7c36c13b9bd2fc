/* SPDX-License-Identifier: ISC
 *
 * test_eas_eager.c - who asks the same for ever must wait; who makes progress need not.
 */
#include "activesync/eas_eager.h"

#include "tests/unit/eas_fixture.h"

#define FOLDERSYNC                                                                       \
	"<FolderSync xmlns=\"FolderHierarchy\"><SyncKey>0</SyncKey></FolderSync>"

static const struct eas_eager_limits limits = { .commands = 100, .repeats = 10 };

static void
the_same_again_and_again_is_too_much(void **state UNUSED)
{
	struct eas_eager *t = eas_eager_new();
	const char *why = "";

	clock_fake_start(EAS_NOW);
	for (int i = 0; i < 11; i++) {
		assert_int_equal(eas_eager_ask(t, 7, &why), 0);
		assert_false(eas_eager_note(t, &limits, 7, 1, 2));
	}
	assert_true(eas_eager_note(t, &limits, 7, 1, 2));
	assert_int_equal(eas_eager_ask(t, 7, &why), 60000);
	assert_string_equal(why, "RecentCommands");
	assert_int_equal(eas_eager_ask(t, 8, &why), 0);
	/* The second time it is twice as long. */
	clock_fake_advance(60000);
	assert_int_equal(eas_eager_ask(t, 7, &why), 0);
	for (int i = 0; i < 10; i++)
		assert_false(eas_eager_note(t, &limits, 7, 1, 2));
	assert_true(eas_eager_note(t, &limits, 7, 1, 2));
	assert_int_equal(eas_eager_ask(t, 7, &why), 120000);
	/* And after a good hour as at first. */
	clock_fake_advance(2 * 3600 * 1000);
	for (int i = 0; i < 10; i++)
		assert_false(eas_eager_note(t, &limits, 7, 1, 2));
	assert_true(eas_eager_note(t, &limits, 7, 1, 2));
	assert_int_equal(eas_eager_ask(t, 7, &why), 60000);
	eas_eager_free(t);
	clock_fake_stop();
}

static void
a_loop_over_several_commands_is_one(void **state UNUSED)
{
	struct eas_eager *t = eas_eager_new();
	bool over = false;

	clock_fake_start(EAS_NOW);
	for (int i = 0; i < 20 && !over; i++)
		over = eas_eager_note(t, &limits, 7, 1 + i % 3, 2);
	assert_true(over);
	eas_eager_free(t);
	clock_fake_stop();
}

static void
progress_is_no_repetition_but_has_a_limit_too(void **state UNUSED)
{
	struct eas_eager *t = eas_eager_new();
	const char *why = "";

	clock_fake_start(EAS_NOW);
	for (uint64_t i = 0; i < 100; i++)
		assert_false(eas_eager_note(t, &limits, 7, i, i));
	clock_fake_advance(60000);
	for (uint64_t i = 0; i < 100; i++)
		assert_false(eas_eager_note(t, &limits, 7, i, i));
	assert_true(eas_eager_note(t, &limits, 7, 1000, 1));
	assert_true(eas_eager_ask(t, 7, &why) > 0);
	assert_string_equal(why, "CommandFrequency");
	eas_eager_free(t);
	clock_fake_stop();
}

static void
an_eager_phone_is_sent_away_and_comes_back(void **state)
{
	struct eas_fixture *f = *state;
	int answered = 0;

	while (answered < 1000) {
		eas_run(f, "FolderSync", FOLDERSYNC);
		if (f->http_status != 200)
			break;
		answered++;
	}
	assert_int_equal(f->http_status, 503);
	assert_int_equal(answered, 22);
	/* Another device of the user's is not concerned, and a wipe gets through. */
	f->device = "PHONE2";
	eas_run(f, "FolderSync", FOLDERSYNC);
	assert_int_equal(f->http_status, 200);
	f->device = "PHONE1";
	eas_run(f, "Provision", "<Provision xmlns=\"Provision\"/>");
	assert_int_equal(f->http_status, 200);
	clock_fake_advance(61000);
	eas_run(f, "FolderSync", FOLDERSYNC);
	assert_has(f, "<Status>1</Status>");
}

static int
set_up(void **state)
{
	int failed = eas_setup(state);
	struct eas_fixture *f = *state;

	f->eas->own.repeats_max = 20;
	return failed;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_same_again_and_again_is_too_much),
		cmocka_unit_test(a_loop_over_several_commands_is_one),
		cmocka_unit_test(progress_is_no_repetition_but_has_a_limit_too),
		cmocka_unit_test_setup_teardown(
			an_eager_phone_is_sent_away_and_comes_back, set_up, eas_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
