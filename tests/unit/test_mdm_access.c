/* SPDX-License-Identifier: ISC
 *
 * test_mdm_access.c - devices are registered, noted, approved, blocked, wiped.
 */
#include "tests/unit/mdm_fixture.h"

static struct mdm_fixture fixture;
static const struct mdm_actor admin = { { "root", 4 }, { "test", 4 } };

static int
begin_with(void **state, int default_state, int64_t devices_max)
{
	fixture.conf.default_state = default_state;
	fixture.conf.devices_max = devices_max;
	mdm_fixture_begin(&fixture);
	clock_fake_start(1000000000000);
	*state = &fixture;
	return 0;
}

static int
set_up_allow(void **state)
{
	return begin_with(state, 0, 3);
}

static int
set_up_quarantine(void **state)
{
	return begin_with(state, 1, 0);
}

static int
set_up_whitelist(void **state)
{
	return begin_with(state, 2, 0);
}

static int
tear_down(void **state)
{
	mdm_fixture_end(*state);
	return 0;
}

static enum rc
come(struct mdm_fixture *f, const char *id, const char *agent, struct store_device *ret_d,
     enum mdm_access *ret_access)
{
	struct mdm_device_facts facts = { .protocol = SPAN("activesync"),
		                          .id = span_str(id),
		                          .type = SPAN("iPhone"),
		                          .user_agent = span_str(agent),
		                          .peer = "192.0.2.1" };
	struct span reason;
	return mdm_access(f->mdm, &f->alice, &facts, f->arena, NULL, ret_d, ret_access,
	                  &reason);
}

static enum mdm_access
access_now(struct mdm_fixture *f, const char *id)
{
	struct store_device d;
	enum mdm_access access;
	assert_int_equal(come(f, id, "", &d, &access), RC_OK);
	return access;
}

static void
a_new_device_is_registered_once(void **state)
{
	struct store_device d, again;
	enum mdm_access access;
	assert_int_equal(come(*state, "PHONE1", "Apple/1", &d, &access), RC_OK);
	assert_int_equal(access, MDM_ACCESS_ALLOW);
	assert_int_equal(d.number, 1);
	assert_true(span_is(d.type, "iPhone"));
	assert_true(span_is(d.user_agent, "Apple/1"));
	assert_int_equal(d.first_seen_ms, 1000000000000);
	assert_int_equal(come(*state, "PHONE1", "Apple/1", &again, &access), RC_OK);
	assert_int_equal(again.number, 1);
	assert_int_equal(come(*state, "PHONE2", "", &d, &access), RC_OK);
	assert_int_equal(d.number, 2);
}

static void
what_a_device_does_not_tell_is_kept(void **state)
{
	struct store_device d;
	enum mdm_access access;
	assert_int_equal(come(*state, "PHONE1", "Apple/1", &d, &access), RC_OK);
	assert_int_equal(come(*state, "PHONE1", "", &d, &access), RC_OK);
	assert_true(span_is(d.user_agent, "Apple/1"));
	assert_int_equal(come(*state, "PHONE1", "Apple/2", &d, &access), RC_OK);
	assert_true(span_is(d.user_agent, "Apple/2"));
}

static void
last_seen_is_written_now_and_then(void **state)
{
	struct store_device d;
	enum mdm_access access;
	assert_int_equal(come(*state, "PHONE1", "", &d, &access), RC_OK);
	clock_fake_advance(3 * 3600 * 1000 - 1);
	assert_int_equal(come(*state, "PHONE1", "", &d, &access), RC_OK);
	assert_int_equal(d.last_seen_ms, 1000000000000);
	clock_fake_advance(3 * 3600 * 1000 + 1);
	assert_int_equal(come(*state, "PHONE1", "", &d, &access), RC_OK);
	assert_int_equal(d.last_seen_ms, 1000000000000 + 6 * 3600 * 1000);
}

static void
a_user_cannot_register_devices_without_end(void **state)
{
	struct store_device d;
	enum mdm_access access;
	for (int i = 0; i < 3; i++) {
		char id[32];
		snprintf(id, sizeof(id), "PHONE%d", i);
		assert_int_equal(come(*state, id, "", &d, &access), RC_OK);
	}
	assert_int_equal(come(*state, "PHONE9", "", &d, &access), RC_TOO_BIG);
	assert_int_equal(come(*state, "PHONE1", "", &d, &access), RC_OK);
}

static void
ids_that_are_none_are_refused(void **state)
{
	static const char *const ids[] = { "", "with space", "tab\t", "\x7f",
		                           "\xc3\xa4" };
	struct store_device d;
	enum mdm_access access;
	char longest[130];
	for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
		print_message("id %zu\n", i);
		assert_int_equal(come(*state, ids[i], "", &d, &access), RC_INVALID);
	}
	memset(longest, 'x', sizeof(longest) - 1);
	longest[129] = '\0';
	assert_int_equal(come(*state, longest, "", &d, &access), RC_INVALID);
	longest[128] = '\0';
	assert_int_equal(come(*state, longest, "", &d, &access), RC_OK);
}

static void
each_state_of_a_device_has_its_answer(void **state)
{
	static const struct {
		enum store_device_state state;
		enum mdm_access access;
	} cases[] = {
		{ STORE_DEVICE_BLOCKED, MDM_ACCESS_BLOCK },
		{ STORE_DEVICE_QUARANTINED, MDM_ACCESS_QUARANTINE },
		{ STORE_DEVICE_WIPE_PENDING, MDM_ACCESS_WIPE },
		{ STORE_DEVICE_WIPED, MDM_ACCESS_BLOCK },
		{ STORE_DEVICE_ALLOWED, MDM_ACCESS_ALLOW },
	};
	struct mdm_fixture *f = *state;
	assert_int_equal(access_now(f, "PHONE1"), MDM_ACCESS_ALLOW);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_int_equal(mdm_device_set_state(f->mdm, f->alice.id, 1,
		                                      cases[i].state, SPAN("said so"),
		                                      &admin),
		                 RC_OK);
		print_message("%s\n", store_device_state_str(cases[i].state));
		assert_string_equal(mdm_access_str(access_now(f, "PHONE1")),
		                    mdm_access_str(cases[i].access));
	}
	assert_int_equal(mdm_device_set_state(f->mdm, f->alice.id, 77,
	                                      STORE_DEVICE_BLOCKED, SPAN(""), &admin),
	                 RC_NOT_FOUND);
}

static void
a_disabled_user_is_blocked_on_each_device(void **state)
{
	struct mdm_fixture *f = *state;
	f->alice.disabled = true;
	assert_int_equal(access_now(f, "PHONE1"), MDM_ACCESS_BLOCK);
}

static void
quarantine_lasts_until_the_approval(void **state)
{
	struct mdm_fixture *f = *state;
	assert_int_equal(access_now(f, "PHONE1"), MDM_ACCESS_QUARANTINE);
	assert_int_equal(mdm_device_set_state(f->mdm, f->alice.id, 1,
	                                      STORE_DEVICE_ALLOWED, SPAN(""), &admin),
	                 RC_OK);
	assert_int_equal(access_now(f, "PHONE1"), MDM_ACCESS_ALLOW);
	assert_int_equal(access_now(f, "PHONE2"), MDM_ACCESS_QUARANTINE);
}

static void
who_is_not_on_the_list_stays_out(void **state)
{
	assert_int_equal(access_now(*state, "PHONE1"), MDM_ACCESS_BLOCK);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define CASE(name, how) cmocka_unit_test_setup_teardown(name, set_up_##how, tear_down)
		CASE(a_new_device_is_registered_once, allow),
		CASE(what_a_device_does_not_tell_is_kept, allow),
		CASE(last_seen_is_written_now_and_then, allow),
		CASE(a_user_cannot_register_devices_without_end, allow),
		CASE(ids_that_are_none_are_refused, allow),
		CASE(each_state_of_a_device_has_its_answer, allow),
		CASE(a_disabled_user_is_blocked_on_each_device, allow),
		CASE(quarantine_lasts_until_the_approval, quarantine),
		CASE(who_is_not_on_the_list_stays_out, whitelist),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
