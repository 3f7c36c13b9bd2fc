/* SPDX-License-Identifier: ISC
 *
 * test_mdm_policy.c - the handshake by which a device takes the policy.
 */
#include "tests/unit/mdm_fixture.h"

static struct mdm_fixture fixture;
static struct mdm_policy policy;

static struct store_device
device(struct mdm_fixture *f)
{
	struct mdm_device_facts facts = { .protocol = SPAN("activesync"),
		                          .id = SPAN("P1") };
	struct store_device d;
	enum mdm_access access;
	struct span reason;
	assert_int_equal(mdm_access(f->mdm, &f->alice, &facts, f->arena, NULL, &d,
	                            &access, &reason),
	                 RC_OK);
	return d;
}

static int
set_up(void **state)
{
	mdm_fixture_begin(&fixture);
	policy = (struct mdm_policy){ .enforce = true, .password_length_min = 4 };
	mdm_set_policy(fixture.mdm, &policy);
	device(&fixture);
	*state = &fixture;
	return 0;
}

static int
tear_down(void **state)
{
	mdm_fixture_end(*state);
	return 0;
}

static bool
is_current(struct mdm_fixture *f, uint32_t key)
{
	struct store_device d = device(f);
	return mdm_policy_is_current(f->mdm, &f->alice, &d, key);
}

static enum rc
acknowledge(struct mdm_fixture *f, uint32_t number, uint32_t pending, uint32_t *ret)
{
	return mdm_policy_acknowledge(f->mdm, f->alice.id, number, pending, false,
	                              "192.0.2.1", ret);
}

static uint32_t
take_policy(struct mdm_fixture *f)
{
	uint32_t pending = 0, key = 0;
	assert_int_equal(mdm_policy_begin(f->mdm, f->alice.id, 1, &pending), RC_OK);
	assert_int_not_equal(pending, 0);
	assert_false(is_current(f, pending));
	assert_int_equal(acknowledge(f, 1, pending, &key), RC_OK);
	assert_int_not_equal(key, 0);
	return key;
}

static void
the_final_key_stands_for_the_policy(void **state)
{
	uint32_t key = take_policy(*state);
	assert_true(is_current(*state, key));
	assert_false(is_current(*state, key + 1));
	assert_false(is_current(*state, 0));
}

static void
a_wrong_temporary_key_is_a_conflict(void **state)
{
	struct mdm_fixture *f = *state;
	uint32_t pending, key = 0;
	assert_int_equal(acknowledge(f, 1, 0, &key), RC_CONFLICT);
	assert_int_equal(mdm_policy_begin(f->mdm, f->alice.id, 1, &pending), RC_OK);
	assert_int_equal(acknowledge(f, 1, pending ^ 1, &key), RC_CONFLICT);
	assert_int_equal(acknowledge(f, 1, pending, &key), RC_OK);
	assert_int_equal(acknowledge(f, 1, pending, &key), RC_CONFLICT);
	assert_int_equal(acknowledge(f, 9, pending, &key), RC_NOT_FOUND);
}

static void
a_changed_policy_must_be_taken_anew(void **state)
{
	struct mdm_fixture *f = *state;
	uint32_t key = take_policy(f), pending, late = 0;
	policy.camera_allowed = !policy.camera_allowed;
	mdm_set_policy(f->mdm, &policy);
	assert_false(is_current(f, key));
	/* The old key does not become good by asking for the new policy. */
	assert_int_equal(mdm_policy_begin(f->mdm, f->alice.id, 1, &pending), RC_OK);
	assert_false(is_current(f, key));
	/* Changed again before the device has answered. */
	policy.wifi_allowed = !policy.wifi_allowed;
	mdm_set_policy(f->mdm, &policy);
	assert_int_equal(acknowledge(f, 1, pending, &late), RC_CONFLICT);
	assert_true(is_current(f, take_policy(f)));
}

static void
the_version_follows_the_content_alone(void **state)
{
	struct mdm_fixture *f = *state;
	struct mdm_policy first, second;
	mdm_policy_get(f->mdm, &f->alice, &first);
	assert_int_not_equal(first.version, 0);
	mdm_set_policy(f->mdm, &policy);
	mdm_policy_get(f->mdm, &f->alice, &second);
	assert_int_equal(first.version, second.version);
	policy.password_length_min = 8;
	mdm_set_policy(f->mdm, &policy);
	mdm_policy_get(f->mdm, &f->alice, &second);
	assert_int_not_equal(first.version, second.version);
}

static void
without_enforcement_any_key_will_do(void **state)
{
	policy.enforce = false;
	mdm_set_policy(((struct mdm_fixture *)*state)->mdm, &policy);
	assert_true(is_current(*state, 0));
}

static void
the_options_have_defaults_that_pass_their_check(void **state UNUSED)
{
	static const struct conf_section *const sections[] = { &mdm_conf_section,
		                                               &mdm_policy_conf_section };
	AUTO(conf)
	struct conf *c = NULL;
	struct err err;
	assert_int_equal(conf_load(NULL, sections, ARRAY_LEN(sections), &c, &err), RC_OK);
	const struct mdm_policy *p = conf_get(c, "policy");
	assert_true(p->enforce && p->camera_allowed && !p->encryption_required);
	const struct mdm_conf *mc = conf_get(c, "access");
	assert_int_equal(mc->default_state, 0);
	assert_int_equal(mc->devices_max, 20);
	struct mdm_policy odd = *p;
	odd.password_failures_max = 3;
	assert_int_equal(mdm_policy_conf_section.check(&odd, &err), RC_INVALID);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		CASE(the_final_key_stands_for_the_policy),
		CASE(a_wrong_temporary_key_is_a_conflict),
		CASE(a_changed_policy_must_be_taken_anew),
		CASE(the_version_follows_the_content_alone),
		CASE(without_enforcement_any_key_will_do),
		cmocka_unit_test(the_options_have_defaults_that_pass_their_check),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
