/* SPDX-License-Identifier: ISC
 *
 * test_store_lost.c - what was given out and lost by a restore is known as such.
 */
#include "store/store_cursor.h"
#include "store/store_private.h"
#include "tests/unit/store_fixture.h"

static void
set_account(struct fixture *f, const char *sql, struct engine_arg arg)
{
	struct engine_tx *etx = NULL;

	assert_ok(engine_begin(f->s->engine, ENGINE_SHARD, store_shard_of(f->s, f->user),
	                       true, &etx));
	assert_ok(sql_run(etx, sql, I(f->user), arg));
	assert_ok(engine_commit(&etx));
}

static void
lose(struct fixture *f, struct buf *lost, uint64_t from, uint64_t to)
{
	AUTO_DONE(buf) struct buf out = BUF_INIT(0);

	assert_ok(lost_add(buf_span(lost), from, to, &out));
	buf_clear(lost);
	buf_move(lost, &out);
	set_account(f, "UPDATE account SET lost = $2 WHERE owner = $1",
	            B(buf_span(lost)));
}

static void
changes_since(struct fixture *f, uint64_t since, enum rc want)
{
	AUTO(store_tx)
	struct store_tx *tx = fixture_read(f);
	struct store_change_query q = { .collection = f->inbox, .since = since };
	struct store_tree_change *tree;
	struct store_change *list;
	uint64_t next;
	size_t n;
	bool more;

	assert_rc(store_changes(tx, &q, f->a, &list, &n, &next, &more), want);
	assert_rc(store_has_changes(tx, &q, &more), want);
	assert_rc(store_tree_changes(tx, since, f->a, &tree, &n), want);
}

static void
who_knows_of_what_was_lost_starts_afresh(void **state)
{
	struct fixture *f = *state;
	AUTO_DONE(buf) struct buf lost = BUF_INIT(0);
	struct store_tx *tx;

	fixture_add(f, f->inbox, "one");
	tx = fixture_read(f);
	assert_int_equal(store_tx_restored(tx), 0);
	store_tx_free(tx);
	lose(f, &lost, 20, 5000);
	set_account(f, "UPDATE account SET modseq = $2 WHERE owner = $1", I(6000));
	changes_since(f, 0, RC_OK);
	changes_since(f, 20, RC_OK);
	changes_since(f, 21, RC_CONFLICT);
	changes_since(f, 4999, RC_CONFLICT);
	changes_since(f, 5000, RC_OK);
	changes_since(f, 6000, RC_OK);
	tx = fixture_read(f);
	assert_int_equal(store_tx_restored(tx), 5000);
	store_tx_free(tx);
	/* Writing keeps it. */
	fixture_add(f, f->inbox, "two");
	changes_since(f, 4000, RC_CONFLICT);
}

static void
the_oldest_losses_become_one_when_there_are_many(void **state)
{
	struct fixture *f = *state;
	AUTO_DONE(buf) struct buf lost = BUF_INIT(0);

	for (uint64_t i = 1; i <= LOST_MAX; i++)
		lose(f, &lost, i * 1000, i * 1000 + 500);
	changes_since(f, 1250, RC_CONFLICT);
	changes_since(f, 1750, RC_OK);
	lose(f, &lost, 90000, 95000);
	assert_int_equal(buf_len(&lost), LOST_MAX * 16);
	changes_since(f, 900, RC_OK);
	changes_since(f, 1250, RC_CONFLICT);
	changes_since(f, 1750, RC_CONFLICT); /* it was not, but that is forgotten */
	changes_since(f, 2250, RC_CONFLICT);
	changes_since(f, 2750, RC_OK);
	changes_since(f, 92000, RC_CONFLICT);
	changes_since(f, 96000, RC_OK);
}

static void
a_damaged_list_of_losses_is_an_error(void **state)
{
	struct fixture *f = *state;
	struct store_tx *tx = NULL;

	set_account(f, "UPDATE account SET lost = $2 WHERE owner = $1", B(SPAN("short")));
	assert_rc(store_read(f->s, f->user, &tx), RC_IO);
}

static void
a_user_who_is_held_has_to_wait(void **state)
{
	struct fixture *f = *state;
	struct store_tx *tx = NULL;
	uint64_t removed = 0;

	fixture_add(f, f->inbox, "one");
	set_account(f, "UPDATE account SET hold = $2 WHERE owner = $1", I(1));
	assert_rc(store_read(f->s, f->user, &tx), RC_AGAIN);
	assert_rc(store_write(f->s, f->user, NULL, &tx), RC_AGAIN);
	assert_ok(store_sweep(f->s, &removed));
	set_account(f, "UPDATE account SET hold = $2 WHERE owner = $1", I(0));
	fixture_add(f, f->inbox, "two");
	fixture_check(f, f->user);
}

static void
the_next_key_is_not_below_the_floor(void **state)
{
	struct fixture *f = *state;
	struct store_cursor c = { .key = 5, .state = SPAN("s") };
	struct store_tx *tx = fixture_write(f, 1);

	assert_ok(store_cursor_save(tx, 1, "sync/1", &c));
	assert_ok(store_commit(&tx));
	tx = fixture_read(f);
	assert_ok(store_cursor_load(tx, 1, "sync/1", f->a, &c));
	assert_int_equal(store_cursor_next_key(&c), 6);
	store_tx_free(tx);
	set_account(f, "UPDATE sync_cursor SET key_floor = $2 WHERE owner = $1", I(100));
	tx = fixture_write(f, 1);
	assert_ok(store_cursor_load(tx, 1, "sync/1", f->a, &c));
	assert_int_equal(c.key, 5);
	assert_int_equal(store_cursor_next_key(&c), 100);
	c.key = store_cursor_next_key(&c);
	assert_ok(store_cursor_save(tx, 1, "sync/1", &c));
	assert_ok(store_cursor_load(tx, 1, "sync/1", f->a, &c));
	assert_int_equal(store_cursor_next_key(&c), 101);
	assert_ok(store_commit(&tx));
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(who_knows_of_what_was_lost_starts_afresh),
		TEST(the_oldest_losses_become_one_when_there_are_many),
		TEST(a_damaged_list_of_losses_is_an_error),
		TEST(a_user_who_is_held_has_to_wait),
		TEST(the_next_key_is_not_below_the_floor),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
