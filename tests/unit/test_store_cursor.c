/* SPDX-License-Identifier: ISC
 *
 * test_store_cursor.c - devices and what they have seen.
 */
#include "base/clock.h"
#include "store/engine/engine.h"
#include "store/store_cursor.h"
#include "store/store_device.h"
#include "tests/unit/store_fixture.h"

static void
a_cursor_comes_back_whole(void **state)
{
	struct fixture *f = *state;
	struct store_cursor c = {
		.key = UINT64_C(1) << 60,
		.state = SPAN("a\0b"),
		.prev_key = 7,
		.prev_state = SPAN("before"),
		.answer = SPAN("what was said"),
	};
	struct store_cursor got;
	struct store_tx *tx = fixture_write(f, 1);

	assert_rc(store_cursor_load(tx, 1, "sync/12", f->a, &got), RC_NOT_FOUND);
	assert_ok(store_cursor_save(tx, 1, "sync/12", &c));
	assert_ok(store_commit(&tx));
	tx = fixture_write(f, 1);
	assert_ok(store_cursor_load(tx, 1, "sync/12", f->a, &got));
	assert_true(got.key == c.key);
	assert_true(span_eq(got.state, c.state));
	assert_int_equal(got.prev_key, 7);
	assert_true(span_eq(got.prev_state, c.prev_state));
	assert_true(span_eq(got.answer, c.answer));
	c.key++;
	c.state = SPAN("");
	assert_ok(store_cursor_save(tx, 1, "sync/12", &c));
	assert_ok(store_cursor_load(tx, 1, "sync/12", f->a, &got));
	assert_true(got.key == c.key);
	assert_int_equal(got.state.n, 0);
	assert_rc(store_cursor_load(tx, 2, "sync/12", f->a, &got), RC_NOT_FOUND);
	assert_ok(store_commit(&tx));
}

static unsigned statements;

static void
count_statement(const char *sql UNUSED, void *arg UNUSED)
{
	statements++;
}

static void
what_is_expected_is_read_at_one_go(void **state)
{
	static const char *const names[] = { "ping", "never was", "sync/3" };
	struct fixture *f = *state;
	struct store_cursor c = { .key = 5, .state = SPAN("s") };
	struct store_cursor got;
	struct store_tx *tx = fixture_write(f, 1);

	assert_ok(store_cursor_save(tx, 1, "sync/3", &c));
	c.key = 6;
	assert_ok(store_cursor_save(tx, 1, "ping", &c));
	c.key = 7;
	assert_ok(store_cursor_save(tx, 1, "other", &c));
	assert_ok(store_cursor_save(tx, 2, "ping", &c));
	/* A writer reads what it has written. */
	assert_ok(store_cursor_expect(tx, 1, names, 3, f->a));
	assert_ok(store_cursor_save(tx, 2, "sync/3", &c));
	assert_ok(store_cursor_load(tx, 2, "sync/3", f->a, &got));
	assert_ok(store_commit(&tx));

	tx = fixture_read(f);
	statements = 0;
	engine_watch(count_statement, NULL);
	assert_ok(store_cursor_expect(tx, 1, names, 3, f->a));
	assert_ok(store_cursor_load(tx, 1, "sync/3", f->a, &got));
	assert_int_equal(got.key, 5);
	assert_ok(store_cursor_load(tx, 1, "ping", f->a, &got));
	assert_int_equal(got.key, 6);
	assert_true(span_is(got.state, "s"));
	assert_int_equal(got.version, 1);
	assert_rc(store_cursor_load(tx, 1, "never was", f->a, &got), RC_NOT_FOUND);
	assert_int_equal(statements, 1);
	assert_ok(store_cursor_load(tx, 1, "other", f->a, &got));
	assert_ok(store_cursor_load(tx, 2, "ping", f->a, &got));
	assert_int_equal(got.key, 7);
	assert_int_equal(statements, 3);
	engine_watch(NULL, NULL);
	store_tx_free(tx);
}

static void
a_device_and_its_users_snapshot_are_read_at_one_go(void **state)
{
	struct fixture *f = *state;
	struct store_device d = { .id = SPAN("PHONE"),
		                  .protocol = SPAN("activesync"),
		                  .type = SPAN("iPhone") };
	struct store_device got;
	struct store_device_rules rules = { .limit = 3, .unknown = 2 };
	struct store_tx *tx = fixture_write(f, 1);
	uint64_t modseq;

	assert_ok(store_device_save(tx, &d, &d.number));
	assert_ok(store_device_rules_save(tx, &rules));
	assert_ok(store_commit(&tx));
	tx = fixture_read(f);
	modseq = store_tx_modseq(tx);
	store_tx_free(TAKE(tx));
	statements = 0;
	engine_watch(count_statement, NULL);
	assert_ok(store_device_read(f->s, f->user, SPAN("activesync"), SPAN("PHONE"),
	                            f->a, &tx, &got));
	assert_ok(store_device_rules_load(tx, &rules));
	engine_watch(NULL, NULL);
	assert_int_equal(statements, 1);
	assert_int_equal(got.number, d.number);
	assert_true(span_is(got.type, "iPhone"));
	assert_int_equal(rules.limit, 3);
	assert_int_equal(rules.unknown, 2);
	assert_true(store_tx_modseq(tx) == modseq);
	store_tx_free(TAKE(tx));
	assert_rc(store_device_read(f->s, f->user, SPAN("imap"), SPAN("PHONE"), f->a, &tx,
	                            &got),
	          RC_NOT_FOUND);
	assert_rc(store_device_read(f->s, 77777, SPAN("activesync"), SPAN("PHONE"), f->a,
	                            &tx, &got),
	          RC_NOT_FOUND);
}

static void
cursors_are_deleted_by_prefix(void **state)
{
	static const char *const names[] = { "folders", "sync/1", "sync/12", "sync0",
		                             "syncz" };
	struct fixture *f = *state;
	struct store_cursor c = { .key = 1 };
	struct store_cursor got;
	struct store_tx *tx = fixture_write(f, 1);

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		assert_ok(store_cursor_save(tx, 1, names[i], &c));
		assert_ok(store_cursor_save(tx, 2, names[i], &c));
	}
	assert_ok(store_cursor_delete(tx, 1, "never was"));
	assert_ok(store_cursor_delete_prefix(tx, 1, "sync/"));
	assert_ok(store_cursor_load(tx, 1, "folders", f->a, &got));
	assert_rc(store_cursor_load(tx, 1, "sync/1", f->a, &got), RC_NOT_FOUND);
	assert_rc(store_cursor_load(tx, 1, "sync/12", f->a, &got), RC_NOT_FOUND);
	assert_ok(store_cursor_load(tx, 1, "sync0", f->a, &got));
	assert_ok(store_cursor_load(tx, 1, "syncz", f->a, &got));
	assert_ok(store_cursor_load(tx, 2, "sync/1", f->a, &got));
	assert_ok(store_cursor_delete_prefix(tx, 1, ""));
	assert_rc(store_cursor_load(tx, 1, "folders", f->a, &got), RC_NOT_FOUND);
	assert_ok(store_cursor_load(tx, 2, "folders", f->a, &got));
	assert_ok(store_commit(&tx));
}

static struct store_device
a_phone(struct span id)
{
	return (struct store_device){
		.id = id,
		.protocol = SPAN("activesync"),
		.type = SPAN("iPhone"),
		.model = SPAN("iPhone15,2"),
		.os = SPAN("iOS 17"),
		.user_agent = SPAN("Apple-iPhone/\xff"),
		.version = SPAN("16.1"),
		.state = STORE_DEVICE_QUARANTINED,
		.reason = SPAN("new"),
		.policy_key = UINT32_MAX,
		.policy_key_pending = 5,
		.policy_version = 2,
		.first_seen_ms = 1000,
		.last_seen_ms = 2000,
		.extra = SPAN("{}"),
	};
}

static void
a_device_comes_back_whole(void **state)
{
	struct fixture *f = *state;
	struct store_device d = a_phone(SPAN("ABC"));
	struct store_device got;
	struct store_tx *tx = fixture_write(f, 0);
	uint32_t number = 0;

	assert_ok(store_device_save(tx, &d, &number));
	assert_int_equal(number, 1);
	assert_ok(store_device_find(tx, SPAN("activesync"), SPAN("ABC"), f->a, &got));
	assert_int_equal(got.number, 1);
	assert_true(span_eq(got.user_agent, d.user_agent));
	assert_true(span_eq(got.version, d.version));
	assert_int_equal(got.state, STORE_DEVICE_QUARANTINED);
	assert_true(got.policy_key == UINT32_MAX);
	assert_int_equal(got.last_seen_ms, 2000);
	assert_true(span_eq(got.extra, d.extra));
	got.state = STORE_DEVICE_ALLOWED;
	got.policy_key = 6;
	assert_ok(store_device_save(tx, &got, &number));
	assert_int_equal(number, 1);
	assert_ok(store_commit(&tx));
	tx = fixture_read(f);
	assert_ok(store_device_load(tx, 1, f->a, &got));
	assert_int_equal(got.state, STORE_DEVICE_ALLOWED);
	assert_int_equal(got.policy_key, 6);
	assert_rc(store_device_find(tx, SPAN("syncml"), SPAN("ABC"), f->a, &got),
	          RC_NOT_FOUND);
	assert_ok(store_commit(&tx));
}

static void
what_was_learned_of_a_devices_network_is_kept_apart(void **state)
{
	struct fixture *f = *state;
	struct store_device d = a_phone(SPAN("ABC"));
	const struct store_heartbeat h = { .kept_s = 600,
		                           .cut_s = 700,
		                           .told_s = 650,
		                           .misses = 1,
		                           .changed_ms = 9000 };
	struct store_tx *tx = fixture_write(f, 0);
	uint32_t number;

	assert_ok(store_device_save(tx, &d, &number));
	assert_ok(store_device_set_heartbeat(tx, number, &h));
	assert_rc(store_device_set_heartbeat(tx, number + 1, &h), RC_NOT_FOUND);
	assert_ok(store_commit(&tx));
	tx = fixture_write(f, 0);
	assert_ok(store_device_load(tx, number, f->a, &d));
	assert_int_equal(d.heartbeat.kept_s, 600);
	assert_int_equal(d.heartbeat.cut_s, 700);
	assert_int_equal(d.heartbeat.told_s, 650);
	assert_int_equal(d.heartbeat.misses, 1);
	assert_int_equal(d.heartbeat.changed_ms, 9000);
	d.state = STORE_DEVICE_BLOCKED;
	assert_ok(store_device_save(tx, &d, &number)); /* it stays with the row */
	assert_ok(store_device_load(tx, number, f->a, &d));
	assert_int_equal(d.heartbeat.cut_s, 700);
	assert_ok(store_commit(&tx));
}

static void
a_devices_cursors_are_listed_with_their_times(void **state)
{
	struct fixture *f = *state;
	struct store_cursor c = { .key = 7 };
	struct store_cursor_info *list;
	struct store_tx *tx = fixture_write(f, 1);
	int64_t before_ms = clock_wall_ms();
	size_t n;

	assert_ok(store_cursor_list(tx, 1, f->a, &list, &n));
	assert_int_equal(n, 0);
	assert_ok(store_cursor_save(tx, 1, "sync/2", &c));
	assert_ok(store_cursor_save(tx, 1, "folders", &c));
	assert_ok(store_cursor_save(tx, 2, "sync/9", &c));
	assert_ok(store_cursor_list(tx, 1, f->a, &list, &n));
	assert_int_equal(n, 2);
	assert_true(span_is(list[0].name, "folders"));
	assert_true(span_is(list[1].name, "sync/2"));
	assert_int_equal(list[1].key, 7);
	assert_true(list[1].saved_ms >= before_ms);
	assert_ok(store_commit(&tx));
}

static void
a_device_is_registered_once_and_checked(void **state)
{
	static char big[5000];
	struct fixture *f = *state;
	struct store_device d = a_phone(SPAN("ABC"));
	struct store_tx *tx = fixture_write(f, 0);
	uint32_t number;

	assert_ok(store_device_save(tx, &d, &number));
	assert_rc(store_device_save(tx, &d, &number), RC_EXISTS);
	d.id = SPAN("");
	assert_rc(store_device_save(tx, &d, &number), RC_INVALID);
	d.id = span_of(big, 129);
	assert_rc(store_device_save(tx, &d, &number), RC_TOO_BIG);
	d.id = SPAN("DEF");
	d.user_agent = span_of(big, sizeof(big));
	assert_rc(store_device_save(tx, &d, &number), RC_TOO_BIG);
	assert_ok(store_commit(&tx));
}

static void
a_deleted_device_takes_its_cursors_and_its_number_along(void **state)
{
	struct fixture *f = *state;
	struct store_device d = a_phone(SPAN("ABC"));
	struct store_device *list;
	struct store_cursor c = { .key = 1 };
	struct store_tx *tx = fixture_write(f, 0);
	uint32_t number;
	size_t n;

	assert_ok(store_device_save(tx, &d, &number));
	assert_ok(store_cursor_save(tx, number, "folders", &c));
	assert_ok(store_device_delete(tx, number));
	assert_rc(store_device_delete(tx, number), RC_NOT_FOUND);
	assert_rc(store_cursor_load(tx, number, "folders", f->a, &c), RC_NOT_FOUND);
	assert_ok(store_device_save(tx, &d, &number));
	assert_int_equal(number, 2);
	assert_ok(store_commit(&tx));
	tx = fixture_read(f);
	assert_ok(store_device_list(tx, f->a, &list, &n));
	assert_int_equal(n, 1);
	assert_int_equal(list[0].number, 2);
	assert_ok(store_commit(&tx));
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_cursor_comes_back_whole),
		TEST(cursors_are_deleted_by_prefix),
		TEST(what_is_expected_is_read_at_one_go),
		TEST(a_device_and_its_users_snapshot_are_read_at_one_go),
		TEST(a_device_comes_back_whole),
		TEST(what_was_learned_of_a_devices_network_is_kept_apart),
		TEST(a_devices_cursors_are_listed_with_their_times),
		TEST(a_device_is_registered_once_and_checked),
		TEST(a_deleted_device_takes_its_cursors_and_its_number_along),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
