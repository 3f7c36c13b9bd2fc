/* SPDX-License-Identifier: ISC
 *
 * test_mdm_device.c - rules, limits, orders of an admin, wipes, and the audit of them.
 */
#include "store/store_audit.h"
#include "tests/unit/mdm_fixture.h"

#define assert_ok(call) assert_string_equal(rc_str(call), rc_str(RC_OK))

static struct mdm_fixture fixture;
static const struct mdm_actor admin = { { "root", 4 }, { "test", 4 } };

static char ids[][8] = { "GOOD1", "FLEET*" }, allowed[][8] = { "Tablet" };
static char waiting[][8] = { "Old*" }, blocked[][9] = { "OldPhone", "Watch" };

static int
set_up(void **state)
{
	fixture.conf.devices_max = 3;
	char *i[] = { ids[0], ids[1] }, *a[] = { allowed[0] }, *w[] = { waiting[0] };
	char *b[] = { blocked[0], blocked[1] };
	fixture.conf.allowed_devices = (struct conf_list){ i, 2 };
	fixture.conf.allowed_types = (struct conf_list){ a, 1 };
	fixture.conf.quarantined_types = (struct conf_list){ w, 1 };
	fixture.conf.blocked_types = (struct conf_list){ b, 2 };
	fixture.conf.default_state = 1;
	mdm_fixture_begin(&fixture);
	clock_fake_start(1000000000000);
	*state = &fixture;
	return 0;
}

static int
tear_down(void **state)
{
	mdm_fixture_end(*state);
	return 0;
}

static enum rc
come(struct mdm_fixture *f, const char *id, const char *type, struct store_device *ret)
{
	struct mdm_device_facts facts = { .protocol = SPAN("activesync"),
		                          .id = span_str(id),
		                          .type = span_str(type),
		                          .version = SPAN("16.1"),
		                          .peer = "192.0.2.1" };
	enum mdm_access access;
	struct span reason;
	return mdm_access(f->mdm, &f->alice, &facts, f->arena, NULL, ret, &access,
	                  &reason);
}

static enum store_device_state
state_of(struct mdm_fixture *f, const char *id, const char *type)
{
	struct store_device d;
	assert_ok(come(f, id, type, &d));
	return d.state;
}

/* The audit's actions of the device, as one text. */
static char *
story(struct mdm_fixture *f, const char *id)
{
	const struct store_audit_query q = { .object = span_str(id), .limit = 100 };
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);
	struct store_audit *list;
	size_t n;
	uint64_t at;
	assert_ok(store_audit_list(f->store, &q, f->arena, &list, &n));
	assert_ok(store_audit_verify(f->store, &at));
	for (size_t i = 0; i < n; i++)
		buf_addf(&b, "%s%.*s by %.*s", i ? ", " : "", SPAN_FMT(list[i].action),
		         SPAN_FMT(list[i].actor));
	return arena_strndup(f->arena, buf_span(&b));
}

static void
ids_and_types_of_the_configuration_rule_new_devices(void **state)
{
	static const struct {
		const char *id, *type;
		enum store_device_state want;
	} cases[] = {
		{ "ANY", "Phone", STORE_DEVICE_QUARANTINED },
		{ "good1", "Watch", STORE_DEVICE_ALLOWED },
		{ "FLEET77", "OldPhone", STORE_DEVICE_ALLOWED },
		{ "A", "tablet", STORE_DEVICE_ALLOWED },
		{ "A", "Tablet2", STORE_DEVICE_QUARANTINED },
		{ "A", "oldphone", STORE_DEVICE_BLOCKED },
		{ "A", "OldTablet", STORE_DEVICE_QUARANTINED },
	};
	const struct store_device_rules rules = { .limit = -1 };
	struct mdm_fixture *f = *state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct mdm_ruling r =
			mdm_rules_judge(f->mdm->rules, span_str(cases[i].id),
		                        span_str(cases[i].type), &rules);
		print_message("%s %s\n", cases[i].id, cases[i].type);
		assert_int_equal(r.state, cases[i].want);
		assert_int_equal(r.reason.n == 0, r.state == STORE_DEVICE_ALLOWED);
	}
}

static void
a_user_has_rules_of_his_own(void **state)
{
	struct mdm_fixture *f = *state;
	struct store_device_rules rules = { .limit = 1,
		                            .unknown = STORE_DEVICE_DEFAULT_ALLOW };
	struct store_device d;
	assert_int_equal(state_of(f, "P1", "Phone"), STORE_DEVICE_QUARANTINED);
	assert_ok(mdm_device_set_rules(f->mdm, f->alice.id, &rules, &admin));
	/* What waited comes in, by the rules; the next one is one too many. */
	assert_int_equal(state_of(f, "P1", "Phone"), STORE_DEVICE_ALLOWED);
	assert_string_equal(story(f, "P1"),
	                    "device.new by device, device.ruled by rules");
	assert_string_equal(rc_str(come(f, "P2", "Phone", &d)), rc_str(RC_TOO_BIG));
	assert_string_equal(rc_str(come(f, "P2", "Phone", &d)), rc_str(RC_TOO_BIG));
	assert_string_equal(story(f, "P2"), "device.over_limit by device");
	rules.limit = -1;
	rules.unknown = STORE_DEVICE_DEFAULT_BLOCK;
	assert_ok(mdm_device_set_rules(f->mdm, f->alice.id, &rules, &admin));
	assert_int_equal(state_of(f, "P2", "Phone"), STORE_DEVICE_BLOCKED);
	/* A new rule for the unknown does not put out who is in. */
	assert_int_equal(state_of(f, "P1", "Phone"), STORE_DEVICE_ALLOWED);
	rules.limit = 100001;
	assert_string_equal(
		rc_str(mdm_device_set_rules(f->mdm, f->alice.id, &rules, &admin)),
		rc_str(RC_INVALID));
}

static void
what_an_admin_said_stands_against_the_rules(void **state)
{
	struct mdm_fixture *f = *state;
	struct store_device d;
	assert_ok(come(f, "W1", "Watch", &d));
	assert_int_equal(d.state, STORE_DEVICE_BLOCKED);
	assert_ok(mdm_device_set_state(f->mdm, f->alice.id, d.number,
	                               STORE_DEVICE_ALLOWED, SPAN("the boss's"), &admin));
	assert_int_equal(state_of(f, "W1", "Watch"), STORE_DEVICE_ALLOWED);
	/* One that changes its type falls under the rule for that, unless said so. */
	assert_int_equal(state_of(f, "T1", "Tablet"), STORE_DEVICE_ALLOWED);
	assert_int_equal(state_of(f, "T1", "Watch"), STORE_DEVICE_BLOCKED);
}

static void
a_device_can_be_listed_before_it_comes(void **state)
{
	struct mdm_fixture *f = *state;
	struct store_device d;
	assert_ok(mdm_device_add(f->mdm, f->alice.id, SPAN("activesync"), SPAN("NEW1"),
	                         SPAN("ordered"), &admin));
	assert_string_equal(rc_str(mdm_device_add(f->mdm, f->alice.id, SPAN("activesync"),
	                                          SPAN("NEW1"), SPAN(""), &admin)),
	                    rc_str(RC_EXISTS));
	assert_string_equal(rc_str(mdm_device_add(f->mdm, f->alice.id, SPAN("activesync"),
	                                          SPAN("a b"), SPAN(""), &admin)),
	                    rc_str(RC_INVALID));
	assert_ok(come(f, "NEW1", "Phone", &d));
	assert_int_equal(d.state, STORE_DEVICE_ALLOWED);
	assert_int_equal(d.first_seen_ms, 1000000000000);
}

static void
order(struct mdm_fixture *f, const struct store_device *d, enum store_device_state s)
{
	assert_ok(mdm_device_set_state(f->mdm, f->alice.id, d->number, s, SPAN("test"),
	                               &admin));
}

static void
a_wipe_can_be_cancelled_until_it_is_done(void **state)
{
	struct mdm_fixture *f = *state;
	struct store_device d;
	assert_ok(come(f, "P1", "Tablet", &d));
	assert_string_equal(
		rc_str(mdm_device_cancel_wipe(f->mdm, f->alice.id, d.number, &admin)),
		rc_str(RC_CONFLICT));
	order(f, &d, STORE_DEVICE_WIPE_PENDING);
	/* A second order does not forget what was before the first. */
	order(f, &d, STORE_DEVICE_ACCOUNT_WIPE_PENDING);
	assert_ok(mdm_device_cancel_wipe(f->mdm, f->alice.id, d.number, &admin));
	assert_int_equal(state_of(f, "P1", "Tablet"), STORE_DEVICE_ALLOWED);
	assert_string_equal(story(f, "P1"),
	                    "device.new by device, device.wipe_ordered by root, "
	                    "device.account_wipe_ordered by root, "
	                    "device.wipe_cancelled by root");
}

static void
only_16_1_can_wipe_the_account_alone(void **state)
{
	struct mdm_fixture *f = *state;
	struct mdm_device_facts facts = { .protocol = SPAN("activesync"),
		                          .id = SPAN("OLD1"),
		                          .type = SPAN("Tablet"),
		                          .version = SPAN("14.1") };
	struct store_device d;
	enum mdm_access access;
	struct span reason;
	assert_ok(mdm_access(f->mdm, &f->alice, &facts, f->arena, NULL, &d, &access,
	                     &reason));
	assert_string_equal(rc_str(mdm_device_set_state(f->mdm, f->alice.id, d.number,
	                                                STORE_DEVICE_ACCOUNT_WIPE_PENDING,
	                                                SPAN(""), &admin)),
	                    rc_str(RC_UNSUPPORTED));
	assert_string_equal(story(f, "OLD1"), "device.new by device");
}

static void
a_wiped_device_has_no_key_and_stays_out_until_it_is_allowed(void **state)
{
	struct mdm_policy policy = { .enforce = true };
	struct mdm_fixture *f = *state;
	struct store_device d;
	uint32_t key, final;
	mdm_set_policy(f->mdm, &policy);
	assert_ok(come(f, "P1", "Tablet", &d));
	assert_ok(mdm_policy_begin(f->mdm, f->alice.id, d.number, &key));
	assert_ok(mdm_policy_acknowledge(f->mdm, f->alice.id, d.number, key, true, NULL,
	                                 &final));
	order(f, &d, STORE_DEVICE_WIPE_PENDING);
	assert_ok(mdm_wipe_sent(f->mdm, f->alice.id, d.number, &admin));
	order(f, &d, STORE_DEVICE_WIPED);
	assert_ok(come(f, "P1", "Tablet", &d));
	assert_int_equal(d.state, STORE_DEVICE_WIPED);
	assert_int_equal(d.policy_key, 0);
	assert_string_equal(rc_str(mdm_wipe_sent(f->mdm, f->alice.id, d.number, &admin)),
	                    rc_str(RC_CONFLICT));
	order(f, &d, STORE_DEVICE_ALLOWED);
	assert_int_equal(state_of(f, "P1", "Tablet"), STORE_DEVICE_ALLOWED);
}

static enum rc
by_key(struct mdm_fixture *f, const char *user, const char *id, uint32_t key)
{
	struct store_user u;
	return mdm_wipe_by_key(f->mdm, span_str(user), SPAN("activesync"), span_str(id),
	                       key, "192.0.2.9", f->arena, &u);
}

static void
the_devices_own_key_lets_it_hear_of_its_wipe_and_nothing_else(void **state)
{
	struct mdm_policy policy = { .enforce = true };
	struct mdm_fixture *f = *state;
	struct store_device d;
	uint32_t key, mine;
	mdm_set_policy(f->mdm, &policy);
	assert_ok(come(f, "P1", "Tablet", &d));
	assert_ok(mdm_policy_begin(f->mdm, f->alice.id, d.number, &key));
	assert_ok(mdm_policy_acknowledge(f->mdm, f->alice.id, d.number, key, false, NULL,
	                                 &mine));
	/* No wipe is pending. */
	assert_int_equal(by_key(f, "alice@example.org", "P1", mine), RC_DENIED);
	order(f, &d, STORE_DEVICE_WIPE_PENDING);
	assert_ok(by_key(f, "alice@example.org", "P1", mine));
	assert_int_equal(by_key(f, "alice@example.org", "P1", mine + 1), RC_DENIED);
	assert_int_equal(by_key(f, "alice@example.org", "P1", 0), RC_DENIED);
	assert_int_equal(by_key(f, "alice@example.org", "P2", mine), RC_DENIED);
	assert_int_equal(by_key(f, "bob@example.org", "P1", mine), RC_DENIED);
	assert_string_equal(story(f, "P1"),
	                    "device.new by device, device.policy_taken by device, "
	                    "device.wipe_ordered by root, device.wipe_refused by anyone");
}

static void
a_forgotten_device_is_a_new_one(void **state)
{
	struct mdm_fixture *f = *state;
	struct store_device d;
	assert_ok(come(f, "P1", "Phone", &d));
	order(f, &d, STORE_DEVICE_ALLOWED);
	assert_ok(mdm_device_remove(f->mdm, f->alice.id, d.number, &admin));
	assert_int_equal(state_of(f, "P1", "Phone"), STORE_DEVICE_QUARANTINED);
	assert_string_equal(story(f, "P1"),
	                    "device.new by device, device.allowed by root, "
	                    "device.removed by root, device.new by device");
}

static void
too_many_wrong_passwords_are_one_row_an_hour(void **state)
{
	struct mdm_fixture *f = *state;
	struct store_user u;
	const struct store_audit_query q = { .action = SPAN("sign_in."), .limit = 10 };
	struct store_audit *list;
	char guess[32];
	size_t n;
	for (int i = 0; i < 20; i++) {
		snprintf(guess, sizeof(guess), "guess%d", i);
		assert_int_not_equal(mdm_sign_in(f->mdm, SPAN("alice@example.org"),
		                                 span_str(guess), SPAN(""), "192.0.2.66",
		                                 "test", f->arena, &u, NULL),
		                     RC_OK);
	}
	assert_ok(store_audit_list(f->store, &q, f->arena, &list, &n));
	assert_int_equal(n, 1);
	assert_true(span_is(list[0].origin, "192.0.2.66"));
	assert_true(span_is(list[0].subject, "alice@example.org"));
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(ids_and_types_of_the_configuration_rule_new_devices),
		TEST(a_user_has_rules_of_his_own),
		TEST(what_an_admin_said_stands_against_the_rules),
		TEST(a_device_can_be_listed_before_it_comes),
		TEST(a_wipe_can_be_cancelled_until_it_is_done),
		TEST(only_16_1_can_wipe_the_account_alone),
		TEST(a_wiped_device_has_no_key_and_stays_out_until_it_is_allowed),
		TEST(the_devices_own_key_lets_it_hear_of_its_wipe_and_nothing_else),
		TEST(a_forgotten_device_is_a_new_one),
		TEST(too_many_wrong_passwords_are_one_row_an_hour),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
