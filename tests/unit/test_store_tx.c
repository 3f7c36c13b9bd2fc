/* SPDX-License-Identifier: ISC
 *
 * test_store_tx.c - transactions: what is acknowledged, what is not, who is told.
 */
#include "base/mem.h"
#include "tests/unit/store_fixture.h"

static void
a_committed_item_is_there_after_reopening(void **state)
{
	AUTO_DONE(buf) struct buf bytes = BUF_INIT(0);
	struct fixture *f = *state;
	struct store_item it;
	struct store_tx *tx;
	uint32_t uid = fixture_add(f, f->inbox, "hello");

	fixture_close(f);
	fixture_open(f);
	tx = fixture_read(f);
	assert_ok(store_item_load(tx, f->inbox, uid, f->a, &it));
	assert_ok(store_content_read(tx, it.content, 0, 100, &bytes));
	assert_true(span_is(buf_span(&bytes), "hello"));
	assert_ok(store_commit(&tx));
	fixture_check(f, f->user);
}

static void
what_is_rolled_back_never_was(void **state)
{
	struct fixture *f = *state;
	struct store_content *content = fixture_content(f, "x");
	struct store_item_new item = { .received_ms = 1 };
	struct store_tx *tx = fixture_write(f, 0);
	uint64_t modseq = store_tx_modseq(tx);
	uint32_t uid;

	assert_ok(store_item_add(tx, f->inbox, content, &item, &uid, NULL));
	store_tx_free(tx);
	store_content_free(content);
	tx = fixture_read(f);
	assert_int_equal(store_tx_modseq(tx), modseq);
	assert_ok(store_commit(&tx));
	fixture_check(f, f->user);
}

static void
an_unknown_user_is_not_found(void **state)
{
	struct fixture *f = *state;
	struct store_tx *tx = NULL;

	assert_rc(store_read(f->s, 4711, &tx), RC_NOT_FOUND);
	assert_rc(store_write(f->s, 4711, NULL, &tx), RC_NOT_FOUND);
	assert_null(tx);
}

static void
a_second_process_is_kept_out(void **state)
{
	struct fixture *f = *state;
	struct store *other = NULL;
	struct err err;

	if (engine_fixture_is_pg())
		skip(); /* there it is a node like any other */
	assert_rc(store_open(&f->conf, &other, &err), RC_EXISTS);
	assert_null(other);
}

static void
a_read_keeps_its_snapshot_while_others_write(void **state)
{
	struct fixture *f = *state;
	struct store_tx *tx = fixture_read(f);
	uint64_t modseq = store_tx_modseq(tx);
	struct store_collection c;
	uint32_t *uids;
	size_t n;

	fixture_add(f, f->inbox, "new");
	assert_ok(store_item_uids(tx, f->inbox, f->a, &uids, &n));
	assert_int_equal(n, 0);
	assert_ok(store_collection_load(tx, f->inbox, f->a, &c));
	assert_int_equal(c.exists, 0);
	assert_int_equal(store_tx_modseq(tx), modseq);
	assert_ok(store_commit(&tx));
	tx = fixture_read(f);
	assert_ok(store_item_uids(tx, f->inbox, f->a, &uids, &n));
	assert_int_equal(n, 1);
	assert_ok(store_commit(&tx));
}

static void
the_number_of_shards_stays_what_it_was(void **state)
{
	struct fixture *f = *state;
	uint32_t uid = fixture_add(f, f->inbox, "hello");
	struct store_item it;
	struct store_tx *tx;

	fixture_close(f);
	f->conf.shards = 7;
	fixture_open(f);
	tx = fixture_read(f);
	assert_ok(store_item_load(tx, f->inbox, uid, f->a, &it));
	assert_ok(store_commit(&tx));
}

struct heard {
	struct store_moved moved[16];
	size_t n;
	size_t calls;
};

static void
hear(const struct store_moved *moved, size_t n, void *arg)
{
	struct heard *h = arg;

	h->calls++;
	for (size_t i = 0; i < n; i++)
		h->moved[h->n++] = moved[i];
}

static void
one_commit_is_told_once_with_all_that_moved(void **state)
{
	struct fixture *f = *state;
	struct store_content *content = fixture_content(f, "x");
	struct store_item_new item = { .received_ms = 1 };
	struct store_item_change seen = { .flags_on = STORE_FLAG_SEEN };
	struct heard h = { .n = 0 };
	struct store_tx *tx;
	uint32_t uid;
	uint32_t uid2;
	uint32_t id;

	store_on_commit(f->s, hear, &h);
	tx = fixture_write(f, 3);
	assert_ok(store_item_add(tx, f->inbox, content, &item, &uid, NULL));
	assert_ok(store_item_add(tx, f->inbox, content, &item, &uid2, NULL));
	assert_ok(store_item_update(tx, f->inbox, uid, &seen, NULL));
	assert_ok(store_item_move(tx, f->inbox, uid2, f->trash, &uid2));
	assert_ok(store_collection_create(tx, 0, SPAN("New"), STORE_CLASS_MAIL,
	                                  STORE_ROLE_NONE, &id));
	assert_int_equal(h.calls, 0);
	assert_ok(store_commit(&tx));
	assert_int_equal(h.calls, 1);
	assert_int_equal(h.n, 3);
	assert_int_equal(h.moved[0].collection, f->inbox);
	assert_true(h.moved[0].added);
	assert_int_equal(h.moved[0].device, 3);
	assert_int_equal(h.moved[1].collection, f->trash);
	assert_int_equal(h.moved[2].collection, 0);
	assert_false(h.moved[2].added);
	assert_true(h.moved[2].modseq > h.moved[0].modseq);
	assert_int_equal(h.moved[2].user, f->user);

	/* Nothing is told of reads, rollbacks and changes that change nothing. */
	tx = fixture_write(f, 3);
	assert_ok(store_item_update(tx, f->inbox, uid, &seen, NULL));
	assert_ok(store_commit(&tx));
	tx = fixture_write(f, 3);
	assert_ok(store_item_expunge(tx, f->inbox, uid));
	store_tx_free(tx);
	tx = fixture_read(f);
	assert_ok(store_commit(&tx));
	assert_int_equal(h.calls, 1);
	store_content_free(content);
}

static void
a_second_node_sees_and_changes_the_same(void **state)
{
	struct fixture *f = *state;
	struct fixture other = *f;
	uint32_t *uids;
	struct store_tx *tx;
	size_t n;

	if (!engine_fixture_is_pg())
		skip();
	fixture_open(&other);
	assert_int_equal(fixture_add(f, f->inbox, "from here"), 1);
	assert_int_equal(fixture_add(&other, f->inbox, "from there"), 2);
	tx = fixture_read(f);
	assert_ok(store_item_uids(tx, f->inbox, f->a, &uids, &n));
	assert_ok(store_commit(&tx));
	assert_int_equal(n, 2);
	fixture_check(&other, f->user);
	fixture_close(&other);
}

static void
the_counters_of_many_users_are_read_at_once(void **state)
{
	struct fixture *f = *state;
	uint64_t users[40], modseqs[40];
	size_t n = ARRAY_LEN(users);

	for (size_t i = 0; i < n; i++) {
		char name[16];

		snprintf(name, sizeof(name), "user%zu", i);
		users[i] =
			i == 7 ? 4711 : fixture_user(f, name); /* one who is not there */
	}
	users[0] = f->user;
	users[n - 1] = f->user; /* twice */
	for (int i = 0; i < 5; i++)
		fixture_add(f, f->inbox, "hello");
	assert_ok(store_modseqs(f->s, users, n, modseqs));
	for (size_t i = 0; i < n; i++) {
		struct store_tx *tx;

		if (i == 7) {
			assert_int_equal(modseqs[i], 0);
			continue;
		}
		assert_ok(store_read(f->s, users[i], &tx));
		assert_true(modseqs[i] > 0);
		assert_int_equal(modseqs[i], store_tx_modseq(tx));
		assert_ok(store_commit(&tx));
	}
	assert_true(modseqs[0] > modseqs[1]);
	assert_ok(store_modseqs(f->s, users, 0, NULL));
}

/* The shards of a bus, and of a store that moves, are made of them. */
static void
a_users_number_is_the_same_in_every_version(void **state)
{
	(void)state;
	assert_int_equal(store_shard_number(1), 3265);
	assert_int_equal(store_shard_number(2), 1742);
	assert_int_equal(store_shard_number(1000000), 1511);
}

static void
a_sound_store_checks_out(void **state)
{
	struct fixture *f = *state;
	struct err err = { "" };

	fixture_add(f, f->inbox, "hello");
	assert_ok(store_check(f->s, &err));
}

static void
a_damaged_file_is_found(void **state)
{
	struct fixture *f = *state;
	struct err err = { "" };
	char path[128];
	FILE *file;

	if (engine_fixture_is_pg())
		skip(); /* the pages are the server's */
	for (int i = 0; i < 500; i++)
		fixture_add(f, f->inbox, "some text to fill pages with");
	fixture_close(f);
	for (int i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), "%s/shard-%03d.db", f->directory, i);
		file = fopen(path, "r+");
		if (!file)
			continue;
		for (long at = 8192; at < 60000; at += 4096) {
			fseek(file, at, SEEK_SET);
			fwrite("garbage garbage garbage", 23, 1, file);
		}
		fclose(file);
	}
	fixture_open(f);
	assert_rc(store_check(f->s, &err), RC_IO);
	assert_true(strlen(err.text) > 0);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_committed_item_is_there_after_reopening),
		TEST(what_is_rolled_back_never_was),
		TEST(an_unknown_user_is_not_found),
		TEST(a_second_process_is_kept_out),
		TEST(a_read_keeps_its_snapshot_while_others_write),
		TEST(the_number_of_shards_stays_what_it_was),
		TEST(one_commit_is_told_once_with_all_that_moved),
		TEST(a_second_node_sees_and_changes_the_same),
		TEST(the_counters_of_many_users_are_read_at_once),
		cmocka_unit_test(a_users_number_is_the_same_in_every_version),
		TEST(a_sound_store_checks_out),
		TEST(a_damaged_file_is_found),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
