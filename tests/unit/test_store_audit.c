/* SPDX-License-Identifier: ISC
 *
 * test_store_audit.c - rows are added, found, chained, and the database refuses more.
 */
#include "store/store_audit.h"

#include "store/store_directory_private.h"
#include "tests/unit/store_fixture.h"

static void
add(struct fixture *f, const char *action, const char *subject, const char *object)
{
	const struct store_audit row = {
		.actor = SPAN("root"),
		.origin = SPAN("control socket"),
		.action = span_str(action),
		.subject = span_str(subject),
		.object = span_str(object),
		.detail = SPAN("because"),
	};

	assert_ok(store_audit_add(f->s, &row));
}

static size_t
count(struct fixture *f, const char *subject, const char *object, const char *action,
      size_t limit, struct store_audit **ret)
{
	const struct store_audit_query q = { .subject = span_str(subject),
		                             .object = span_str(object),
		                             .action = span_str(action),
		                             .limit = limit };
	size_t n = 0;

	assert_ok(store_audit_list(f->s, &q, f->a, ret, &n));
	return n;
}

static void
rows_come_back_in_their_order(void **state)
{
	struct fixture *f = *state;
	struct store_audit *list;

	assert_int_equal(count(f, "", "", "", 10, &list), 0);
	add(f, "device.new", "a@example.org", "PHONE1");
	add(f, "device.blocked", "a@example.org", "PHONE1");
	assert_int_equal(count(f, "", "", "", 10, &list), 2);
	assert_int_equal(list[0].number, 1);
	assert_int_equal(list[1].number, 2);
	assert_true(span_is(list[0].action, "device.new"));
	assert_true(span_is(list[0].actor, "root"));
	assert_true(span_is(list[0].origin, "control socket"));
	assert_true(span_is(list[0].subject, "a@example.org"));
	assert_true(span_is(list[0].object, "PHONE1"));
	assert_true(span_is(list[0].detail, "because"));
	assert_true(list[0].at_ms > 0);
}

static void
filters_and_the_limit_take_the_last_that_fit(void **state)
{
	struct fixture *f = *state;
	struct store_audit *list;

	add(f, "device.new", "a@example.org", "PHONE1");
	add(f, "device.new", "b@example.org", "PHONE2");
	add(f, "device.blocked", "a@example.org", "PHONE1");
	add(f, "user.device_rules", "a@example.org", "");
	assert_int_equal(count(f, "a@example.org", "", "", 10, &list), 3);
	assert_int_equal(count(f, "", "phone1", "", 10, &list), 2);
	assert_int_equal(count(f, "", "", "device.", 10, &list), 3);
	assert_int_equal(count(f, "", "", "device.new", 10, &list), 2);
	assert_int_equal(count(f, "", "PHONE1", "", 1, &list), 1);
	assert_true(span_is(list[0].action, "device.blocked"));
}

static void
the_database_itself_refuses_to_change_or_delete_rows(void **state)
{
	static const char *const changes[] = {
		"UPDATE audit SET actor = 'nobody' WHERE number = 1",
		"DELETE FROM audit WHERE number = 1",
	};
	struct fixture *f = *state;
	struct store_audit *list;
	uint64_t at;

	add(f, "device.new", "a@example.org", "PHONE1");
	for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
		AUTO(engine_tx)
		struct engine_tx *etx = NULL;

		assert_ok(directory_begin(f->s, true, &etx));
		assert_string_not_equal(rc_str(sql_run(etx, changes[i])), rc_str(RC_OK));
	}
	assert_int_equal(count(f, "", "", "", 10, &list), 1);
	assert_true(span_is(list[0].actor, "root"));
	assert_ok(store_audit_verify(f->s, &at));
}

static void
a_row_that_does_not_fit_into_the_chain_is_found(void **state)
{
	struct fixture *f = *state;
	AUTO(engine_tx)
	struct engine_tx *etx = NULL;
	uint64_t at = 0;

	for (int i = 0; i < 3; i++)
		add(f, "device.new", "a@example.org", "PHONE1");
	assert_ok(store_audit_verify(f->s, &at));
	assert_ok(directory_begin(f->s, true, &etx));
	assert_ok(sql_run(etx,
	                  "INSERT INTO audit (number, at_ms, actor, origin, action,"
	                  " subject, object, detail, hash)"
	                  " VALUES (4, 1, 'x', 'x', 'x', 'x', $1, $1, $1)",
	                  B(SPAN(""))));
	assert_ok(engine_commit(&etx));
	assert_rc(store_audit_verify(f->s, &at), RC_CONFLICT);
	assert_int_equal(at, 4);
}

static void
long_and_broken_texts_are_cut(void **state)
{
	struct fixture *f = *state;
	struct store_audit *list;
	char text[2000];
	struct store_audit row = { .actor = SPAN("\xff\xfe"), .action = SPAN("x") };
	uint64_t at;

	memset(text, 'x', sizeof(text));
	row.detail = span_of(text, sizeof(text));
	row.origin = row.subject = row.object = SPAN("");
	assert_ok(store_audit_add(f->s, &row));
	assert_int_equal(count(f, "", "", "", 10, &list), 1);
	assert_int_equal(list[0].detail.n, 1000);
	assert_true(span_is(list[0].actor, "?"));
	assert_ok(store_audit_verify(f->s, &at));
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(rows_come_back_in_their_order),
		TEST(filters_and_the_limit_take_the_last_that_fit),
		TEST(the_database_itself_refuses_to_change_or_delete_rows),
		TEST(a_row_that_does_not_fit_into_the_chain_is_found),
		TEST(long_and_broken_texts_are_cut),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
