/* SPDX-License-Identifier: ISC
 *
 * test_store_collection.c - the tree of collections and its log.
 */
#include "store/engine/engine.h"
#include "tests/unit/store_fixture.h"

static uint32_t
create(struct store_tx *tx, uint32_t parent, const char *name)
{
	uint32_t id = 0;

	assert_ok(store_collection_create(tx, parent, span_str(name), STORE_CLASS_MAIL,
	                                  STORE_ROLE_NONE, &id));
	return id;
}

static void
a_new_user_has_the_default_collections(void **state)
{
	static const struct {
		const char *name;
		enum store_role role;
		enum store_class class;
	} want[] = {
		{ "INBOX", STORE_ROLE_INBOX, STORE_CLASS_MAIL },
		{ "Drafts", STORE_ROLE_DRAFTS, STORE_CLASS_MAIL },
		{ "Sent", STORE_ROLE_SENT, STORE_CLASS_MAIL },
		{ "Trash", STORE_ROLE_TRASH, STORE_CLASS_MAIL },
		{ "Junk", STORE_ROLE_JUNK, STORE_CLASS_MAIL },
		{ "Archive", STORE_ROLE_ARCHIVE, STORE_CLASS_MAIL },
		{ "Contacts", STORE_ROLE_CONTACTS, STORE_CLASS_CONTACTS },
		{ "Calendar", STORE_ROLE_CALENDAR, STORE_CLASS_CALENDAR },
		{ "Tasks", STORE_ROLE_TASKS, STORE_CLASS_TASKS },
		{ "Notes", STORE_ROLE_NOTES, STORE_CLASS_NOTES },
	};
	struct fixture *f = *state;
	struct store_tx *tx = fixture_read(f);
	struct store_collection *list;
	uint32_t epoch = 0;
	size_t n;

	assert_ok(store_collection_list(tx, f->a, &list, &n));
	assert_int_equal(n, ARRAY_LEN(want));
	for (size_t i = 0; i < n; i++) {
		assert_true(span_is(list[i].name, want[i].name));
		assert_int_equal(list[i].role, want[i].role);
		assert_int_equal(list[i].class, want[i].class);
		assert_true(list[i].subscribed);
		assert_int_equal(list[i].uid_next, 1);
		assert_int_equal(list[i].exists, 0);
		assert_true(list[i].epoch > epoch);
		epoch = list[i].epoch;
	}
	assert_ok(store_commit(&tx));
}

static void
parents_are_listed_before_their_children(void **state)
{
	struct fixture *f = *state;
	struct store_tx *tx = fixture_write(f, 0);
	uint32_t a = create(tx, 0, "a");
	uint32_t b = create(tx, a, "b");
	uint32_t c = create(tx, 0, "c");
	struct store_collection *list;
	size_t n;

	assert_ok(store_collection_rename(tx, a, c, SPAN("a")));
	assert_ok(store_collection_list(tx, f->a, &list, &n));
	assert_int_equal(n, 13);
	assert_int_equal(list[10].id, c);
	assert_int_equal(list[11].id, a);
	assert_int_equal(list[12].id, b);
	assert_ok(store_commit(&tx));
}

static unsigned statements;

static void
count_statement(const char *sql UNUSED, void *arg UNUSED)
{
	statements++;
}

/* And their change logs need no further look. */
static void
collections_that_are_expected_are_read_at_one_go(void **state)
{
	struct fixture *f = *state;
	uint32_t uid = fixture_add(f, f->inbox, "Subject: one\r\n\r\n");
	const uint32_t ids[] = { f->trash, 4711, f->inbox };
	struct store_tx *tx = fixture_read(f);
	struct store_change_query q = { .collection = f->inbox };
	struct store_collection one, c;
	bool any;

	assert_int_equal(uid, 1);
	assert_ok(store_collection_load(tx, f->inbox, f->a, &one));
	store_tx_free(tx);
	tx = fixture_read(f);
	statements = 0;
	engine_watch(count_statement, NULL);
	assert_ok(store_collection_expect(tx, ids, 3, f->a));
	assert_ok(store_collection_load(tx, f->inbox, f->a, &c));
	assert_rc(store_collection_load(tx, 4711, f->a, &c), RC_NOT_FOUND);
	q.since = one.modseq;
	assert_ok(store_has_changes(tx, &q, &any));
	assert_false(any);
	assert_int_equal(statements, 1);
	q.since = one.modseq - 1;
	assert_ok(store_has_changes(tx, &q, &any));
	assert_true(any);
	engine_watch(NULL, NULL);
	assert_ok(store_collection_load(tx, f->inbox, f->a, &c));
	assert_int_equal(c.id, one.id);
	assert_true(c.modseq == one.modseq);
	assert_true(span_eq(c.name, one.name));
	store_tx_free(tx);
}

static void
names_are_checked(void **state)
{
	static const struct {
		struct span name;
		enum rc rc;
	} cases[] = {
		{ SPAN(""), RC_INVALID },
		{ SPAN("a/b"), RC_INVALID },
		{ SPAN("a\nb"), RC_INVALID },
		{ SPAN("a\0b"), RC_INVALID },
		{ SPAN("\x7f"), RC_INVALID },
		{ SPAN("\xc2\x85"), RC_INVALID },
		{ SPAN("\xff"), RC_INVALID },
		{ SPAN("inbox"), RC_EXISTS },
		{ SPAN("Sent"), RC_EXISTS },
		{ SPAN("sent"), RC_OK },
		{ SPAN("Gel\xc3\xb6scht"), RC_OK },
		{ SPAN("\xe4\xbc\x9a\xe8\xad\xb0"), RC_OK },
	};
	struct fixture *f = *state;
	struct store_tx *tx = fixture_write(f, 0);
	char name[256];
	uint32_t id;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		enum rc rc = store_collection_create(
			tx, 0, cases[i].name, STORE_CLASS_MAIL, STORE_ROLE_NONE, &id);
		if (rc != cases[i].rc)
			fail_msg("'%.*s': %s", SPAN_FMT(cases[i].name), rc_str(rc));
	}
	memset(name, 'x', sizeof(name));
	assert_rc(store_collection_create(tx, 0, span_of(name, 256), STORE_CLASS_MAIL,
	                                  STORE_ROLE_NONE, &id),
	          RC_INVALID);
	assert_ok(store_collection_create(tx, 0, span_of(name, 255), STORE_CLASS_MAIL,
	                                  STORE_ROLE_NONE, &id));
	assert_rc(store_collection_create(tx, 4711, SPAN("x"), STORE_CLASS_MAIL,
	                                  STORE_ROLE_NONE, &id),
	          RC_NOT_FOUND);
	assert_rc(store_collection_create(tx, 0, SPAN("x"), STORE_CLASS_MAIL,
	                                  STORE_ROLE_SENT, &id),
	          RC_EXISTS);
	assert_ok(store_commit(&tx));
}

static void
a_collection_is_found_by_name_and_role(void **state)
{
	struct fixture *f = *state;
	struct store_tx *tx = fixture_write(f, 0);
	uint32_t a = create(tx, 0, "a");
	uint32_t b = create(tx, a, "inbox");
	struct store_collection c;

	assert_ok(store_collection_find_name(tx, 0, SPAN("iNboX"), f->a, &c));
	assert_int_equal(c.id, f->inbox);
	assert_ok(store_collection_find_name(tx, a, SPAN("inbox"), f->a, &c));
	assert_int_equal(c.id, b);
	assert_rc(store_collection_find_name(tx, a, SPAN("INBOX"), f->a, &c),
	          RC_NOT_FOUND);
	assert_rc(store_collection_find_role(tx, STORE_ROLE_OUTBOX, f->a, &c),
	          RC_NOT_FOUND);
	assert_rc(store_collection_load(tx, 4711, f->a, &c), RC_NOT_FOUND);
	store_tx_free(tx);
}

static void
the_tree_is_twenty_deep_and_no_deeper(void **state)
{
	struct fixture *f = *state;
	struct store_tx *tx = fixture_write(f, 0);
	uint32_t first = create(tx, 0, "1");
	uint32_t parent = first;
	uint32_t other = create(tx, 0, "other");
	uint32_t id;

	for (int i = 2; i <= STORE_DEPTH_MAX; i++)
		parent = create(tx, parent, "x");
	assert_rc(store_collection_create(tx, parent, SPAN("x"), STORE_CLASS_MAIL,
	                                  STORE_ROLE_NONE, &id),
	          RC_INVALID);
	assert_rc(store_collection_rename(tx, first, other, SPAN("1")), RC_INVALID);
	store_tx_free(tx);
}

static void
a_collection_cannot_move_below_itself(void **state)
{
	struct fixture *f = *state;
	struct store_tx *tx = fixture_write(f, 0);
	uint32_t a = create(tx, 0, "a");
	uint32_t b = create(tx, a, "b");

	assert_rc(store_collection_rename(tx, a, b, SPAN("a")), RC_CONFLICT);
	assert_rc(store_collection_rename(tx, a, a, SPAN("a")), RC_CONFLICT);
	assert_rc(store_collection_rename(tx, a, 0, SPAN("Sent")), RC_EXISTS);
	assert_rc(store_collection_rename(tx, a, 4711, SPAN("a")), RC_NOT_FOUND);
	assert_rc(store_collection_rename(tx, f->inbox, a, SPAN("i")), RC_DENIED);
	assert_rc(store_collection_rename(tx, 4711, 0, SPAN("i")), RC_NOT_FOUND);
	store_tx_free(tx);
}

static void
what_every_user_has_cannot_be_deleted(void **state)
{
	struct fixture *f = *state;
	struct store_tx *tx = fixture_write(f, 0);

	assert_rc(store_collection_delete(tx, f->inbox), RC_DENIED);
	assert_rc(store_collection_delete(tx, f->trash), RC_DENIED);
	assert_rc(store_collection_delete(tx, 4711), RC_NOT_FOUND);
	store_tx_free(tx);
}

static void
a_deleted_collection_takes_its_items_and_children_along(void **state)
{
	struct fixture *f = *state;
	struct store_tx *tx = fixture_write(f, 0);
	uint32_t a = create(tx, 0, "a");
	uint32_t b = create(tx, a, "b");
	uint32_t again;
	struct store_collection c;
	struct store_item it;
	uint32_t uid;
	uint32_t *uids;
	size_t n;

	assert_ok(store_commit(&tx));
	uid = fixture_add(f, b, "x");
	tx = fixture_write(f, 0);
	assert_ok(store_collection_load(tx, b, f->a, &c));
	assert_ok(store_collection_delete(tx, a));
	again = create(tx, 0, "a");
	assert_true(again > b);
	assert_ok(store_commit(&tx));
	tx = fixture_write(f, 0);
	assert_rc(store_item_load(tx, b, uid, f->a, &it), RC_NOT_FOUND);
	assert_rc(store_item_uids(tx, b, f->a, &uids, &n), RC_NOT_FOUND);
	assert_rc(store_item_expunge(tx, b, uid), RC_NOT_FOUND);
	assert_rc(store_item_copy(tx, b, uid, f->inbox, &uid), RC_NOT_FOUND);
	assert_rc(store_collection_load(tx, b, f->a, &c), RC_NOT_FOUND);
	assert_ok(store_commit(&tx));
	fixture_check(f, f->user);
}

static void
a_new_collection_of_the_same_name_has_a_new_epoch(void **state)
{
	struct fixture *f = *state;
	struct store_tx *tx = fixture_write(f, 0);
	struct store_collection first;
	struct store_collection second;
	uint32_t id = create(tx, 0, "a");

	assert_ok(store_collection_load(tx, id, f->a, &first));
	assert_ok(store_collection_delete(tx, id));
	id = create(tx, 0, "a");
	assert_ok(store_collection_load(tx, id, f->a, &second));
	assert_true(second.epoch > first.epoch);
	assert_ok(store_commit(&tx));
}

static void
the_trees_log_tells_each_change_once(void **state)
{
	struct fixture *f = *state;
	struct store_tx *tx = fixture_write(f, 0);
	uint32_t old = create(tx, 0, "old");
	uint32_t renamed = create(tx, 0, "renamed");
	struct store_tree_change *list;
	uint64_t since;
	uint64_t now;
	uint32_t fresh;
	uint32_t brief;
	size_t n;

	assert_ok(store_commit(&tx));
	tx = fixture_write(f, 0);
	assert_ok(store_tree_modseq(tx, &since));
	fresh = create(tx, renamed, "fresh");
	brief = create(tx, 0, "brief");
	assert_ok(store_collection_delete(tx, old));
	assert_ok(store_collection_rename(tx, renamed, 0, SPAN("called so now")));
	assert_ok(store_collection_subscribe(tx, f->trash, false));
	assert_ok(store_collection_subscribe(tx, f->inbox, true)); /* it was */
	assert_ok(store_collection_delete(tx, brief));
	assert_ok(store_commit(&tx));
	(void)fixture_add(f, f->inbox, "not the tree's affair");

	tx = fixture_read(f);
	assert_ok(store_tree_changes(tx, since, f->a, &list, &n));
	assert_int_equal(n, 5);
	assert_int_equal(list[0].collection.id, fresh);
	assert_true(list[0].is_new);
	assert_int_equal(list[0].collection.parent, renamed);
	assert_int_equal(list[1].collection.id, old);
	assert_true(list[1].deleted && !list[1].is_new);
	assert_int_equal(list[2].collection.id, renamed);
	assert_false(list[2].is_new);
	assert_true(span_is(list[2].collection.name, "called so now"));
	assert_int_equal(list[3].collection.id, f->trash);
	assert_false(list[3].collection.subscribed);
	assert_int_equal(list[4].collection.id, brief);
	assert_true(list[4].deleted && list[4].is_new);
	for (size_t i = 1; i < n; i++)
		assert_true(list[i].modseq > list[i - 1].modseq);
	assert_ok(store_tree_modseq(tx, &now));
	assert_int_equal(now, list[4].modseq);
	assert_ok(store_tree_changes(tx, now, f->a, &list, &n));
	assert_int_equal(n, 0);
	assert_ok(store_tree_changes(tx, 0, f->a, &list, &n));
	assert_int_equal(n, 14);
	assert_ok(store_commit(&tx));
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_new_user_has_the_default_collections),
		TEST(parents_are_listed_before_their_children),
		TEST(collections_that_are_expected_are_read_at_one_go),
		TEST(names_are_checked),
		TEST(a_collection_is_found_by_name_and_role),
		TEST(the_tree_is_twenty_deep_and_no_deeper),
		TEST(a_collection_cannot_move_below_itself),
		TEST(what_every_user_has_cannot_be_deleted),
		TEST(a_deleted_collection_takes_its_items_and_children_along),
		TEST(a_new_collection_of_the_same_name_has_a_new_epoch),
		TEST(the_trees_log_tells_each_change_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
