/* SPDX-License-Identifier: ISC
 *
 * test_store_sweep.c - what goes when retention has passed, and what must stay.
 */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "store/store_deliver.h"
#include "store/store_private.h"
#include "tests/unit/store_fixture.h"

#define DAY_MS (UINT64_C(24) * 3600 * 1000)

static int
setup(void **state)
{
	clock_fake_start(clock_wall_ms());
	return fixture_setup(state);
}

static int
setup_files(void **state)
{
	clock_fake_start(clock_wall_ms());
	return fixture_setup_files(state);
}

static int
setup_database(void **state)
{
	clock_fake_start(clock_wall_ms());
	return fixture_setup_database(state);
}

static int
teardown(void **state)
{
	int status = fixture_teardown(state);

	clock_fake_stop();
	return status;
}

static uint64_t
sweep(struct fixture *f)
{
	uint64_t removed = 0;

	assert_ok(store_sweep(f->s, &removed));
	return removed;
}

static int64_t
rows(struct fixture *f, const char *sql)
{
	AUTO(engine_stmt)
	struct engine_stmt *st = NULL;
	struct store_tx *tx = fixture_read(f);
	int64_t n;

	assert_ok(sql_one(tx->etx, &st, sql, I(f->user)));
	n = engine_int(st, 0);
	engine_stmt_free(TAKE(st));
	assert_ok(store_commit(&tx));
	return n;
}

static enum rc
changes_since(struct fixture *f, uint64_t since)
{
	struct store_change_query q = { .collection = f->inbox, .since = since };
	struct store_tx *tx = fixture_read(f);
	struct store_change *got;
	uint64_t next;
	bool more;
	size_t n;
	enum rc rc = store_changes(tx, &q, f->a, &got, &n, &next, &more);

	assert_ok(store_commit(&tx));
	return rc;
}

static uint64_t
modseq_of(struct fixture *f)
{
	struct store_tx *tx = fixture_read(f);
	uint64_t modseq = store_tx_modseq(tx);

	assert_ok(store_commit(&tx));
	return modseq;
}

static void
tombstones_go_after_retention_and_old_cursors_start_afresh(void **state)
{
	struct fixture *f = *state;
	uint64_t before;
	uint64_t after;
	struct store_tx *tx;

	for (int i = 0; i < 450; i++)
		(void)fixture_add(f, f->inbox, "x");
	before = modseq_of(f);
	tx = fixture_write(f, 0);
	for (uint32_t uid = 1; uid <= 449; uid++)
		assert_ok(store_item_expunge(tx, f->inbox, uid));
	assert_ok(store_commit(&tx));
	after = modseq_of(f);

	clock_fake_advance(29 * DAY_MS);
	assert_int_equal(sweep(f), 0);
	assert_ok(changes_since(f, before));
	assert_int_equal(rows(f, "SELECT count(*) FROM content WHERE owner = $1"), 450);

	clock_fake_advance(2 * DAY_MS);
	assert_int_equal(sweep(f), 449);
	assert_rc(changes_since(f, before), RC_CONFLICT);
	assert_ok(changes_since(f, after));
	assert_ok(changes_since(f, 0));
	assert_int_equal(rows(f, "SELECT count(*) FROM tombstone WHERE owner = $1"), 0);
	assert_int_equal(rows(f, "SELECT count(*) FROM content WHERE owner = $1"), 1);
	assert_int_equal(sweep(f), 0);
	fixture_check(f, f->user);
}

static void
a_deleted_collection_goes_with_all_that_was_in_it(void **state)
{
	struct fixture *f = *state;
	struct store_tx *tx = fixture_write(f, 0);
	struct store_tree_change *list;
	uint64_t since = store_tx_modseq(tx);
	uint32_t id;
	size_t n;

	assert_ok(store_collection_create(tx, 0, SPAN("x"), STORE_CLASS_MAIL,
	                                  STORE_ROLE_NONE, &id));
	assert_ok(store_commit(&tx));
	for (int i = 0; i < 210; i++)
		(void)fixture_add(f, id, "x");
	tx = fixture_write(f, 0);
	assert_ok(store_item_expunge(tx, id, 5));
	assert_ok(store_collection_delete(tx, id));
	assert_ok(store_commit(&tx));
	assert_int_equal(rows(f, "SELECT count(*) FROM item WHERE owner = $1"), 209);

	clock_fake_advance(31 * DAY_MS);
	assert_true(sweep(f) > 209);
	assert_int_equal(rows(f, "SELECT count(*) FROM item WHERE owner = $1"), 0);
	assert_int_equal(rows(f, "SELECT count(*) FROM content WHERE owner = $1"), 0);
	assert_int_equal(rows(f, "SELECT count(*) FROM tombstone WHERE owner = $1"), 0);
	tx = fixture_read(f);
	assert_rc(store_tree_changes(tx, since, f->a, &list, &n), RC_CONFLICT);
	assert_ok(store_tree_changes(tx, store_tx_modseq(tx), f->a, &list, &n));
	assert_ok(store_commit(&tx));
}

static void
a_removed_user_goes_with_everything(void **state)
{
	struct fixture *f = *state;
	uint64_t other = fixture_user(f, "other");
	struct store_tx *tx = NULL;

	(void)fixture_add(f, f->inbox, "x");
	assert_ok(store_user_remove(f->s, SPAN("a@example.org")));
	clock_fake_advance(29 * DAY_MS);
	(void)sweep(f);
	fixture_check(f, f->user); /* still there for an admin to restore */
	clock_fake_advance(2 * DAY_MS);
	assert_true(sweep(f) > 0);
	assert_rc(store_read(f->s, f->user, &tx), RC_NOT_FOUND);
	fixture_check(f, other);
	assert_int_equal(sweep(f), 0);
}

static void
change_blobs(struct fixture *f, const char *sql, int64_t value)
{
	struct engine_tx *etx = NULL;

	assert_ok(engine_begin(f->s->engine, ENGINE_BLOBS, 0, true, &etx));
	assert_ok(sql_run(etx, sql, I(value)));
	assert_ok(engine_commit(&etx));
}

/* Makes the blobs look days old (the fake clock does not move the disk's). */
static void
age_blobs(struct fixture *f)
{
	char *command = xasprintf(
		"find '%s/blobs' -type f -exec touch -d '3 days ago' {} +", f->directory);

	if (f->conf.blobs == STORE_BLOBS_FILES)
		assert_int_equal(system(command), 0);
	else
		change_blobs(f, "UPDATE blob SET put_ms = put_ms - $1", 3 * DAY_MS);
	free(command);
}

static size_t
count_rows(struct fixture *f)
{
	AUTO(engine_tx)
	struct engine_tx *etx = NULL;
	AUTO(engine_stmt)
	struct engine_stmt *blobs = NULL;
	AUTO(engine_stmt)
	struct engine_stmt *frames = NULL;

	assert_ok(engine_begin(f->s->engine, ENGINE_BLOBS, 0, false, &etx));
	assert_ok(sql_one(etx, &blobs, "SELECT count(*) FROM blob"));
	assert_ok(sql_one(etx, &frames, "SELECT count(*) FROM blob_frame"));
	assert_int_equal(engine_int(blobs, 0), engine_int(frames, 0)); /* small ones */
	return col_u64(blobs, 0);
}

static size_t
count_files(struct fixture *f)
{
	char *command = xasprintf("find '%s/blobs' -type f | wc -l", f->directory);
	FILE *p = popen(command, "r");
	unsigned n = 0;

	assert_non_null(p);
	assert_int_equal(fscanf(p, "%u", &n), 1);
	pclose(p);
	free(command);
	return n;
}

static size_t
count_blobs(struct fixture *f)
{
	return f->conf.blobs == STORE_BLOBS_FILES ? count_files(f) : count_rows(f);
}

static struct store_content *
big_content(struct fixture *f, char c)
{
	struct store_content *content;
	char *p = xcalloc(1, 50001);

	memset(p, c, 50000);
	content = fixture_content(f, p);
	free(p);
	return content;
}

static void
blobs_go_when_nothing_names_them(void **state)
{
	struct fixture *f = *state;
	struct store_content *kept = big_content(f, 'k');
	struct store_content *queued = big_content(f, 'q');
	struct store_content *lost = big_content(f, 'l');
	struct store_queue_entry e = { .sender = SPAN("x") };
	struct store_item_new item = { .received_ms = 1 };
	struct store_tx *tx = fixture_write(f, 0);
	uint32_t uid;

	assert_ok(store_item_add(tx, f->inbox, kept, &item, &uid, NULL));
	assert_ok(store_commit(&tx));
	assert_ok(store_queue_add(f->s, &e, 1, queued));
	assert_int_equal(count_blobs(f), 3);
	assert_int_equal(sweep(f), 0); /* the lost one is within grace */
	age_blobs(f);
	/* Putting it again renews it. */
	store_content_free(lost);
	lost = big_content(f, 'l');
	assert_int_equal(sweep(f), 0);
	age_blobs(f);
	assert_int_equal(sweep(f), 1);
	assert_int_equal(count_blobs(f), 2);

	assert_ok(store_queue_remove(f->s, e.id));
	tx = fixture_write(f, 0);
	assert_ok(store_item_expunge(tx, f->inbox, uid));
	assert_ok(store_commit(&tx));
	assert_int_equal(sweep(f), 1); /* the tombstone still names the other */
	assert_int_equal(count_blobs(f), 1);
	clock_fake_advance(31 * DAY_MS);
	assert_int_equal(sweep(f), 2);
	assert_int_equal(count_blobs(f), 0);
	store_content_free(kept);
	store_content_free(queued);
	store_content_free(lost);
}

static void
a_failure_in_the_sweep_leaves_a_whole_store(void **state)
{
	struct fixture *f = *state;
	struct store_tx *tx;
	uint64_t removed;

	for (int i = 0; i < 5; i++)
		(void)fixture_add(f, f->inbox, "x");
	tx = fixture_write(f, 0);
	assert_ok(store_item_expunge(tx, f->inbox, 1));
	assert_ok(store_item_expunge(tx, f->inbox, 2));
	assert_ok(store_commit(&tx));
	clock_fake_advance(31 * DAY_MS);
	for (unsigned n = 1;; n++) {
		engine_fail_after(n);
		if (store_sweep(f->s, &removed) == RC_OK && engine_fail_pending())
			break;
		engine_fail_after(0);
		fixture_check(f, f->user);
	}
	engine_fail_after(0);
	assert_int_equal(rows(f, "SELECT count(*) FROM tombstone WHERE owner = $1"), 0);
	assert_int_equal(rows(f, "SELECT count(*) FROM content WHERE owner = $1"), 3);
}

static void
notes_of_deliveries_go_when_nobody_will_repeat_them(void **state)
{
	struct fixture *f = *state;
	struct store_content *content = fixture_content(f, "x");
	struct store_queue_entry e = { .sender = SPAN("x") };
	struct store_delivery d = { .user = f->user,
		                    .folder = STORE_ROLE_INBOX,
		                    .token = 4711 };

	e.queued_ms = clock_wall_ms();
	assert_ok(store_queue_add(f->s, &e, 1, content));
	clock_fake_advance(1000);
	assert_ok(store_deliver(f->s, content, NULL, 1, &d, 1));
	clock_fake_advance(20 * DAY_MS);
	(void)sweep(f);
	assert_int_equal(rows(f, "SELECT count(*) FROM delivered WHERE owner = $1"), 1);
	assert_ok(store_queue_remove(f->s, e.id));
	d.token = 4712;
	assert_ok(store_deliver(f->s, content, NULL, 1, &d, 1));
	(void)sweep(f);
	assert_int_equal(rows(f, "SELECT count(*) FROM delivered WHERE owner = $1"), 1);
	assert_int_equal(rows(f, "SELECT token FROM delivered WHERE owner = $1 LIMIT 1"),
	                 4712);
	store_content_free(content);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(tombstones_go_after_retention_and_old_cursors_start_afresh),
		TEST(a_deleted_collection_goes_with_all_that_was_in_it),
		TEST(a_removed_user_goes_with_everything),
		cmocka_unit_test_setup_teardown(blobs_go_when_nothing_names_them,
		                                setup_files, teardown),
		cmocka_unit_test_setup_teardown(blobs_go_when_nothing_names_them,
		                                setup_database, teardown),
		TEST(notes_of_deliveries_go_when_nobody_will_repeat_them),
		TEST(a_failure_in_the_sweep_leaves_a_whole_store),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
