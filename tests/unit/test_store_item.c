/* SPDX-License-Identifier: ISC
 *
 * test_store_item.c - adding, changing, copying, moving and expunging items.
 */
#include "base/mem.h"
#include "tests/unit/store_fixture.h"

static struct store_item
load(struct fixture *f, uint32_t collection, uint32_t uid)
{
	struct store_tx *tx = fixture_read(f);
	struct store_item it;

	assert_ok(store_item_load(tx, collection, uid, f->a, &it));
	assert_ok(store_commit(&tx));
	return it;
}

static struct store_collection
folder(struct fixture *f, uint32_t id)
{
	struct store_tx *tx = fixture_read(f);
	struct store_collection c;

	assert_ok(store_collection_load(tx, id, f->a, &c));
	assert_ok(store_commit(&tx));
	return c;
}

static void
an_item_comes_back_as_it_was_added(void **state)
{
	struct fixture *f = *state;
	struct store_content *content = fixture_content(f, "some bytes");
	struct store_item_new item = {
		.flags = STORE_FLAG_SEEN | STORE_FLAG_FLAGGED,
		.keywords = SPAN("$Label1 work"),
		.received_ms = -5,
		.props = SPAN("a\0b"),
	};
	struct store_tx *tx = fixture_write(f, 9);
	struct store_item it;
	uint64_t modseq;
	uint32_t uid;

	assert_ok(store_item_add(tx, f->inbox, content, &item, &uid, &modseq));
	assert_ok(store_commit(&tx));
	it = load(f, f->inbox, uid);
	assert_int_equal(it.collection, f->inbox);
	assert_int_equal(it.uid, uid);
	assert_int_equal(it.created, modseq);
	assert_int_equal(it.modseq, modseq);
	assert_int_equal(it.flags, item.flags);
	assert_true(span_eq(it.keywords, item.keywords));
	assert_int_equal(it.received_ms, -5);
	assert_int_equal(it.size, 10);
	assert_int_equal(it.writer, 9);
	assert_int_equal(it.writer_saw, 0);
	assert_true(span_eq(it.props, item.props));
	assert_int_equal(folder(f, f->inbox).unseen, 0);
	assert_int_equal(folder(f, f->inbox).modseq, modseq);
	store_content_free(content);
	fixture_check(f, f->user);
}

static void
an_item_is_found_by_the_name_of_its_object(void **state)
{
	struct fixture *f = *state;
	struct store_content *content = fixture_content(f, "BEGIN:VCALENDAR");
	struct store_item_new item = { .object = SPAN("040000008200E00074C5") };
	struct store_item_change rename = { .set_object = true, .object = SPAN("b") };
	struct store_tx *tx = fixture_write(f, 9);
	struct store_item it;
	uint32_t uid;
	uint32_t other;

	assert_ok(store_item_add(tx, f->inbox, content, &item, &uid, NULL));
	item.object = SPAN("");
	assert_ok(store_item_add(tx, f->inbox, content, &item, &other, NULL));
	assert_ok(store_commit(&tx));
	tx = fixture_write(f, 9);
	assert_ok(store_item_find_object(tx, f->inbox, SPAN("040000008200E00074C5"), f->a,
	                                 &it));
	assert_int_equal(it.uid, uid);
	assert_true(span_is(it.object, "040000008200E00074C5"));
	assert_rc(store_item_find_object(tx, f->trash, SPAN("040000008200E00074C5"), f->a,
	                                 &it),
	          RC_NOT_FOUND);
	assert_rc(store_item_find_object(tx, f->inbox, SPAN(""), f->a, &it),
	          RC_NOT_FOUND);
	assert_ok(store_item_update(tx, f->inbox, uid, &rename, NULL));
	assert_rc(store_item_find_object(tx, f->inbox, SPAN("040000008200E00074C5"), f->a,
	                                 &it),
	          RC_NOT_FOUND);
	assert_ok(store_item_copy(tx, f->inbox, uid, f->trash, &other));
	assert_ok(store_item_find_object(tx, f->trash, SPAN("b"), f->a, &it));
	assert_int_equal(it.uid, other);
	assert_ok(store_commit(&tx));
	store_content_free(content);
}

static void
a_time_that_moves_leaves_where_it_was(void **state)
{
	struct fixture *f = *state;
	struct store_item_change move = { .set_received = true, .received_ms = 5000 };
	uint32_t uid = fixture_add(f, f->inbox, "an event");
	int64_t was = load(f, f->inbox, uid).received_ms;
	struct store_tx *tx = fixture_write(f, 0);
	struct store_change_query q = { .collection = f->inbox };
	struct store_change *changes;
	struct store_item it;
	uint64_t modseq, same, next;
	size_t n;
	bool more;

	assert_ok(store_item_update(tx, f->inbox, uid, &move, &modseq));
	assert_ok(store_item_update(tx, f->inbox, uid, &move, &same));
	assert_int_equal(same, modseq);
	assert_ok(store_commit(&tx));
	it = load(f, f->inbox, uid);
	assert_int_equal(it.received_ms, 5000);
	assert_int_equal(it.received_was, was);
	assert_int_equal(it.received_moved, modseq);
	/* Expunged, it is told to all who may have it by either time. */
	tx = fixture_write(f, 0);
	q.since = modseq;
	assert_ok(store_item_expunge(tx, f->inbox, uid));
	assert_ok(store_commit(&tx));
	tx = fixture_read(f);
	assert_ok(store_changes(tx, &q, f->a, &changes, &n, &next, &more));
	assert_int_equal(n, 1);
	assert_int_equal(changes[0].kind, STORE_CHANGE_EXPUNGE);
	assert_int_equal(changes[0].item.received_ms, was > 5000 ? was : 5000);
	assert_ok(store_commit(&tx));
}

static void
the_same_add_of_a_device_is_done_once(void **state)
{
	struct fixture *f = *state;
	struct store_content *content = fixture_content(f, "x");
	struct store_item_new item = { .client_id = SPAN("c-1") };
	struct store_tx *tx = fixture_write(f, 9);
	uint32_t first;
	uint32_t again = 0;

	assert_ok(store_item_add(tx, f->inbox, content, &item, &first, NULL));
	assert_rc(store_item_add(tx, f->inbox, content, &item, &again, NULL), RC_EXISTS);
	assert_int_equal(again, first);
	assert_ok(store_commit(&tx));
	tx = fixture_write(f, 9);
	again = 0;
	assert_rc(store_item_add(tx, f->inbox, content, &item, &again, NULL), RC_EXISTS);
	assert_int_equal(again, first);
	/* Another folder, another device: another item. */
	assert_ok(store_item_add(tx, f->trash, content, &item, &again, NULL));
	assert_ok(store_commit(&tx));
	tx = fixture_write(f, 10);
	assert_ok(store_item_add(tx, f->inbox, content, &item, &again, NULL));
	assert_int_not_equal(again, first);
	assert_ok(store_commit(&tx));
	assert_int_equal(folder(f, f->inbox).exists, 2);
	store_content_free(content);
	fixture_check(f, f->user);
}

static void
a_name_for_adds_may_be_used_anew(void **state)
{
	struct fixture *f = *state;
	struct store_content *content = fixture_content(f, "x");
	struct store_item_new item = {
		.client_id = SPAN("1"),
		.client_turn = 7,
		.client_print = UINT64_MAX,
	};
	struct store_tx *tx = fixture_write(f, 9);
	uint32_t first, second, again = 0;

	assert_ok(store_item_add(tx, f->inbox, content, &item, &first, NULL));
	/* The same turn: whatever it says. */
	item.client_print = 2;
	assert_rc(store_item_add(tx, f->inbox, content, &item, &again, NULL), RC_EXISTS);
	assert_int_equal(again, first);
	/* Another turn and another text: another item, which has the name now. */
	item.client_turn = 8;
	assert_ok(store_item_add(tx, f->inbox, content, &item, &second, NULL));
	assert_int_not_equal(second, first);
	/* Another turn, the same text: the same item as long as it is there. */
	item.client_turn = 9;
	assert_rc(store_item_add(tx, f->inbox, content, &item, &again, NULL), RC_EXISTS);
	assert_int_equal(again, second);
	assert_ok(store_item_expunge(tx, f->inbox, second));
	assert_ok(store_item_add(tx, f->inbox, content, &item, &again, NULL));
	assert_int_not_equal(again, second);
	assert_ok(store_commit(&tx));
	assert_int_equal(folder(f, f->inbox).exists, 2);
	store_content_free(content);
	fixture_check(f, f->user);
}

static void
a_change_that_changes_nothing_gets_no_number(void **state)
{
	struct fixture *f = *state;
	uint32_t uid = fixture_add(f, f->inbox, "x");
	struct store_item was = load(f, f->inbox, uid);
	struct store_content *same = fixture_content(f, "x");
	struct store_item_change c = {
		.flags_off = STORE_FLAG_SEEN,
		.set_keywords = true,
		.keywords = SPAN(""),
		.set_props = true,
		.content = same,
	};
	struct store_tx *tx = fixture_write(f, 9);
	uint64_t modseq = 0;

	assert_ok(store_item_update(tx, f->inbox, uid, &c, &modseq));
	assert_int_equal(modseq, was.modseq);
	assert_int_equal(store_tx_modseq(tx), was.modseq);
	assert_ok(store_commit(&tx));
	assert_int_equal(load(f, f->inbox, uid).writer, 0);
	store_content_free(same);
}

static void
a_change_of_something_newer_is_a_conflict(void **state)
{
	struct fixture *f = *state;
	uint32_t uid = fixture_add(f, f->inbox, "x");
	struct store_item it = load(f, f->inbox, uid);
	struct store_item_change c = { .flags_on = STORE_FLAG_SEEN,
		                       .unchanged_since = it.modseq - 1 };
	struct store_tx *tx = fixture_write(f, 0);
	uint64_t modseq = 0;

	assert_rc(store_item_update(tx, f->inbox, uid, &c, &modseq), RC_CONFLICT);
	assert_int_equal(modseq, 0);
	c.unchanged_since = it.modseq;
	assert_ok(store_item_update(tx, f->inbox, uid, &c, &modseq));
	assert_true(modseq > it.modseq);
	assert_ok(store_commit(&tx));
	assert_int_equal(load(f, f->inbox, uid).modseq, modseq);
	assert_int_equal(folder(f, f->inbox).unseen, 0);
}

static void
new_bytes_replace_the_old(void **state)
{
	AUTO_DONE(buf) struct buf bytes = BUF_INIT(0);
	struct fixture *f = *state;
	uint32_t uid = fixture_add(f, f->inbox, "old");
	struct store_item was = load(f, f->inbox, uid);
	struct store_content *content = fixture_content(f, "much newer");
	struct store_item_change c = { .content = content };
	struct store_tx *tx = fixture_write(f, 0);
	struct store_item it;

	assert_ok(store_item_update(tx, f->inbox, uid, &c, NULL));
	assert_ok(store_commit(&tx));
	it = load(f, f->inbox, uid);
	assert_true(it.modseq > was.modseq);
	assert_int_equal(it.created, was.created);
	assert_int_equal(it.size, 10);
	tx = fixture_read(f);
	assert_rc(store_content_read(tx, was.content, 0, 10, &bytes), RC_NOT_FOUND);
	assert_ok(store_commit(&tx));
	store_content_free(content);
	fixture_check(f, f->user);
}

static void
the_writer_of_a_run_of_changes_keeps_what_it_saw(void **state)
{
	struct fixture *f = *state;
	uint32_t uid = fixture_add(f, f->inbox, "x");
	struct store_item was = load(f, f->inbox, uid);
	struct store_item it;

	for (uint32_t i = 0; i < 3; i++) {
		struct store_item_change c = { .flags_on = 1U << i };
		struct store_tx *tx = fixture_write(f, 5);

		assert_ok(store_item_update(tx, f->inbox, uid, &c, NULL));
		assert_ok(store_commit(&tx));
		it = load(f, f->inbox, uid);
		assert_int_equal(it.writer, 5);
		assert_int_equal(it.writer_saw, was.modseq);
	}
	{
		struct store_item_change c = { .flags_off = 1 };
		struct store_tx *tx = fixture_write(f, 6);

		assert_ok(store_item_update(tx, f->inbox, uid, &c, NULL));
		assert_ok(store_commit(&tx));
	}
	assert_int_equal(load(f, f->inbox, uid).writer_saw, it.modseq);
}

static void
a_copy_shares_the_bytes_and_outlives_the_original(void **state)
{
	AUTO_DONE(buf) struct buf bytes = BUF_INIT(0);
	struct fixture *f = *state;
	uint32_t uid = fixture_add(f, f->inbox, "shared");
	struct store_item from = load(f, f->inbox, uid);
	struct store_item_change seen = { .flags_on = STORE_FLAG_SEEN,
		                          .set_keywords = true,
		                          .keywords = SPAN("k") };
	struct store_tx *tx = fixture_write(f, 0);
	struct store_item to;
	uint32_t copy;

	assert_ok(store_item_update(tx, f->inbox, uid, &seen, NULL));
	assert_ok(store_item_copy(tx, f->inbox, uid, f->trash, &copy));
	assert_ok(store_item_expunge(tx, f->inbox, uid));
	assert_ok(store_commit(&tx));
	to = load(f, f->trash, copy);
	assert_int_equal(to.content, from.content);
	assert_int_equal(to.flags, STORE_FLAG_SEEN);
	assert_true(span_is(to.keywords, "k"));
	assert_int_equal(to.received_ms, from.received_ms);
	assert_true(to.created > from.created);
	tx = fixture_read(f);
	assert_ok(store_content_read(tx, to.content, 0, 100, &bytes));
	assert_true(span_is(buf_span(&bytes), "shared"));
	assert_ok(store_commit(&tx));
	fixture_check(f, f->user);
}

static void
a_move_is_a_copy_and_an_expunge(void **state)
{
	struct fixture *f = *state;
	uint32_t uid = fixture_add(f, f->inbox, "x");
	struct store_tx *tx = fixture_write(f, 0);
	struct store_item it;
	uint32_t moved;

	assert_ok(store_item_move(tx, f->inbox, uid, f->trash, &moved));
	assert_rc(store_item_load(tx, f->inbox, uid, f->a, &it), RC_NOT_FOUND);
	assert_rc(store_item_move(tx, f->inbox, uid, f->trash, &moved), RC_NOT_FOUND);
	assert_ok(store_commit(&tx));
	(void)load(f, f->trash, moved);
	assert_int_equal(folder(f, f->inbox).exists, 0);
	assert_int_equal(folder(f, f->inbox).uid_next, uid + 1);
	assert_int_equal(folder(f, f->trash).exists, 1);
	fixture_check(f, f->user);
}

static void
a_move_to_nowhere_fails_before_it_begins(void **state)
{
	struct fixture *f = *state;
	uint32_t uid = fixture_add(f, f->inbox, "x");
	struct store_tx *tx = fixture_write(f, 0);
	uint32_t moved;

	assert_rc(store_item_move(tx, f->inbox, uid, 4711, &moved), RC_NOT_FOUND);
	assert_rc(store_item_copy(tx, f->inbox, uid, 4711, &moved), RC_NOT_FOUND);
	assert_ok(store_commit(&tx));
	assert_int_equal(folder(f, f->inbox).exists, 1);
	fixture_check(f, f->user);
}

static bool
collect(const struct store_item *it, void *arg)
{
	struct buf *b = arg;

	buf_addf(b, "%u ", it->uid);
	return it->uid != 7;
}

static void
items_are_walked_in_the_order_of_uids_until_enough(void **state)
{
	AUTO_DONE(buf) struct buf seen = BUF_INIT(0);
	struct fixture *f = *state;
	struct store_tx *tx;
	uint32_t *uids;
	size_t n;

	for (int i = 0; i < 9; i++)
		(void)fixture_add(f, f->inbox, "x");
	tx = fixture_write(f, 0);
	assert_ok(store_item_expunge(tx, f->inbox, 4));
	assert_ok(store_commit(&tx));
	tx = fixture_read(f);
	assert_ok(store_item_each(tx, f->inbox, 2, 6, collect, &seen));
	assert_true(span_is(buf_span(&seen), "2 3 5 6 "));
	buf_clear(&seen);
	assert_ok(store_item_each(tx, f->inbox, 6, UINT32_MAX, collect, &seen));
	assert_true(span_is(buf_span(&seen), "6 7 "));
	assert_ok(store_item_uids(tx, f->inbox, f->a, &uids, &n));
	assert_int_equal(n, 8);
	assert_int_equal(uids[3], 5);
	assert_ok(store_commit(&tx));
}

static void
what_is_too_big_is_refused_and_harms_nothing(void **state)
{
	struct fixture *f = *state;
	struct store_content *content = fixture_content(f, "x");
	char *big = xcalloc(1, 70000);
	struct store_item_new item = { .props = span_of(big, 70000) };
	struct store_tx *tx = fixture_write(f, 0);
	uint32_t uid;

	assert_rc(store_item_add(tx, f->inbox, content, &item, &uid, NULL), RC_TOO_BIG);
	item.props = SPAN("");
	item.keywords = span_of(big, 9000);
	assert_rc(store_item_add(tx, f->inbox, content, &item, &uid, NULL), RC_TOO_BIG);
	item.keywords = SPAN("");
	assert_ok(store_item_add(tx, f->inbox, content, &item, &uid, NULL));
	assert_ok(store_commit(&tx));
	free(big);
	store_content_free(content);
	fixture_check(f, f->user);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(an_item_comes_back_as_it_was_added),
		TEST(an_item_is_found_by_the_name_of_its_object),
		TEST(a_time_that_moves_leaves_where_it_was),
		TEST(the_same_add_of_a_device_is_done_once),
		TEST(a_name_for_adds_may_be_used_anew),
		TEST(a_change_that_changes_nothing_gets_no_number),
		TEST(a_change_of_something_newer_is_a_conflict),
		TEST(new_bytes_replace_the_old),
		TEST(the_writer_of_a_run_of_changes_keeps_what_it_saw),
		TEST(a_copy_shares_the_bytes_and_outlives_the_original),
		TEST(a_move_is_a_copy_and_an_expunge),
		TEST(a_move_to_nowhere_fails_before_it_begins),
		TEST(items_are_walked_in_the_order_of_uids_until_enough),
		TEST(what_is_too_big_is_refused_and_harms_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
