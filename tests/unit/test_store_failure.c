/* SPDX-License-Identifier: ISC
 *
 * test_store_failure.c - the n-th engine call fails, for n = 1, 2, 3... until all pass:
 * nothing is half-written, and the next try works.
 */
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "store/store_cursor.h"
#include "store/store_device.h"
#include "store/store_private.h"
#include "tests/unit/store_fixture.h"

/* All that can be seen of a user, as text. */
static char *
picture(struct fixture *f)
{
	static const char *const queries[] = {
		"SELECT modseq, tree_modseq, collection_next, content_next, device_next,"
		" epoch_last FROM account WHERE owner = $1",
		"SELECT id, parent, uid_next, created, changed, modseq, n_items, n_unseen, n_bytes"
		" FROM collection WHERE owner = $1 ORDER BY id",
		"SELECT collection, uid, created, modseq, flags, content, writer, writer_saw, size"
		" FROM item WHERE owner = $1 ORDER BY collection, uid",
		"SELECT collection, uid, created, expunged, content FROM tombstone"
		" WHERE owner = $1 ORDER BY collection, uid",
		"SELECT id, refs, form, size FROM content WHERE owner = $1 ORDER BY id",
		"SELECT collection, device, uid FROM client_add WHERE owner = $1"
		" ORDER BY collection, device, uid",
		"SELECT id, expunged FROM collection_gone WHERE owner = $1 ORDER BY id",
		"SELECT device, sync_key, prev_key FROM sync_cursor WHERE owner = $1"
		" ORDER BY device, name",
		"SELECT number, state FROM device WHERE owner = $1 ORDER BY number",
	};
	static const unsigned columns[] = { 6, 9, 9, 5, 4, 3, 2, 3, 2 };
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);
	struct store_tx *tx = fixture_read(f);

	for (size_t i = 0; i < ARRAY_LEN(queries); i++) {
		AUTO(engine_stmt)
		struct engine_stmt *st = NULL;
		enum rc rc;

		assert_ok(sql_each(tx->etx, &st, queries[i], I(f->user)));
		while ((rc = engine_step(st)) == RC_OK) {
			for (unsigned c = 0; c < columns[i]; c++)
				buf_addf(&b, "%lld ", (long long)engine_int(st, c));
			buf_add_char(&b, '\n');
		}
		assert_rc(rc, RC_NOT_FOUND);
		buf_add_str(&b, "--\n");
	}
	assert_ok(store_commit(&tx));
	return buf_take_str(&b);
}

/* A bit of everything in one transaction. */
static enum rc
do_all(struct fixture *f, const struct store_content *content, struct store_tx *tx)
{
	struct store_item_new item = { .received_ms = 1, .client_id = SPAN("c") };
	struct store_item_change change = { .flags_on = STORE_FLAG_SEEN,
		                            .content = content };
	struct store_cursor cursor = { .key = 5, .state = SPAN("s") };
	struct store_device device = { .id = SPAN("D"), .protocol = SPAN("test") };
	uint32_t number;
	uint32_t uid;
	uint32_t id;
	enum rc rc = store_item_add(tx, f->inbox, content, &item, &uid, NULL);

	if (!rc)
		rc = store_item_update(tx, f->inbox, 1, &change, NULL);
	if (!rc)
		rc = store_item_copy(tx, f->inbox, 1, f->trash, &id);
	if (!rc)
		rc = store_item_move(tx, f->inbox, 2, f->trash, &id);
	if (!rc)
		rc = store_item_expunge(tx, f->inbox, 3);
	if (!rc)
		rc = store_collection_create(tx, 0, SPAN("new"), STORE_CLASS_MAIL,
		                             STORE_ROLE_NONE, &id);
	if (!rc)
		rc = store_collection_rename(tx, id, f->trash, SPAN("moved"));
	if (!rc)
		rc = store_collection_subscribe(tx, id, false);
	if (!rc)
		rc = store_collection_delete(tx, id);
	if (!rc)
		rc = store_device_save(tx, &device, &number);
	if (!rc)
		rc = store_cursor_save(tx, number, "sync/1", &cursor);
	return rc;
}

static enum rc
run(struct fixture *f, const struct store_content *content, bool ignore)
{
	AUTO(store_tx)
	struct store_tx *tx = NULL;
	struct store_actor who = { .device = 7, .protocol = "test" };
	enum rc rc = store_write(f->s, f->user, &who, &tx);

	if (rc)
		return rc;
	rc = do_all(f, content, tx);
	if (rc && !ignore)
		return rc;
	return store_commit(&tx);
}

/* ignore: a caller that goes on and commits after an error gets nothing in either. */
static void
fail_each_call(struct fixture *f, bool ignore)
{
	struct store_content *content = fixture_content(f, "new bytes");
	char *before;
	unsigned n;

	for (int i = 0; i < 4; i++)
		(void)fixture_add(f, f->inbox, "old bytes");
	before = picture(f);
	for (n = 1;; n++) {
		enum rc rc;
		char *after;

		engine_fail_after(n);
		rc = run(f, content, ignore);
		if (engine_fail_pending()) {
			engine_fail_after(0);
			assert_ok(rc);
			break;
		}
		assert_rc(rc, RC_IO);
		after = picture(f);
		if (strcmp(before, after) != 0)
			fail_msg("call %u of them failed, and this was left:\n%s\nof\n%s",
			         n, after, before);
		free(after);
	}
	assert_true(n > 50);
	fixture_check(f, f->user);
	free(before);
	store_content_free(content);
}

static void
a_failure_at_any_call_leaves_nothing_behind(void **state)
{
	fail_each_call(*state, false);
}

static void
a_caller_that_ignores_a_failure_commits_nothing(void **state)
{
	fail_each_call(*state, true);
}

static void
a_user_is_made_whole_or_not_at_all(void **state)
{
	struct fixture *f = *state;
	struct store_user u;
	uint64_t id = 0;
	enum rc rc = RC_IO;

	for (unsigned n = 1; rc; n++) {
		engine_fail_after(n);
		rc = store_user_add(f->s, SPAN("new@example.org"), SPAN(""), SPAN(""),
		                    &id);
		engine_fail_after(0);
		if (rc)
			assert_rc(
				store_user_find(f->s, SPAN("new@example.org"), f->a, &u),
				RC_NOT_FOUND);
	}
	assert_ok(store_user_find(f->s, SPAN("new@example.org"), f->a, &u));
	assert_int_equal(fixture_folder(f, id, STORE_ROLE_INBOX), 1);
	fixture_check(f, id);
}

static void
the_queue_is_whole_after_any_failure(void **state)
{
	struct fixture *f = *state;
	struct store_content *content = fixture_content(f, "x");
	struct store_queue_rcpt to[] = { { .address = SPAN("x@y.example") },
		                         { .address = SPAN("z@y.example") } };
	struct store_queue_entry *list;
	enum rc rc = RC_IO;
	size_t n_entries;

	for (unsigned n = 1; rc; n++) {
		struct store_queue_entry e[2] = { { .rcpts = to, .n_rcpts = 2 },
			                          { .rcpts = to, .n_rcpts = 2 } };

		engine_fail_after(n);
		rc = store_queue_add(f->s, e, 2, content);
		engine_fail_after(0);
		assert_ok(store_queue_list(f->s, f->a, &list, &n_entries));
		assert_int_equal(n_entries, rc ? 0 : 2);
	}
	rc = RC_IO;
	for (unsigned n = 1; rc; n++) {
		engine_fail_after(n);
		rc = store_queue_remove(f->s, list[0].id);
		engine_fail_after(0);
		assert_ok(store_queue_list(f->s, f->a, &list, &n_entries));
		assert_int_equal(n_entries, rc ? 2 : 1);
		assert_int_equal(list[0].n_rcpts, 2);
	}
	store_content_free(content);
}

/* The largest file below the store's directory. */
static rlim_t
largest_file(struct fixture *f)
{
	char *command = xasprintf(
		"find '%s' -type f -printf '%%s\\n' | sort -n | tail -1", f->directory);
	FILE *p = popen(command, "r");
	unsigned long n = 0;

	assert_non_null(p);
	assert_int_equal(fscanf(p, "%lu", &n), 1);
	pclose(p);
	free(command);
	return n;
}

/* Files that may not grow stand for a full disk. */
static void
a_full_disk_loses_nothing_acknowledged_and_heals(void **state)
{
	struct fixture *f = *state;
	struct rlimit whole;
	struct rlimit small;
	char text[9000];
	size_t done = 0;
	size_t failed = 0;
	uint32_t *uids;
	struct store_tx *tx;
	size_t n;

	if (engine_fixture_is_pg())
		skip(); /* the limit is not the server's */
	/* Noise, so that it does not shrink. */
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (char)random_u64();
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &whole), 0);
	small = whole;
	small.rlim_cur = largest_file(f) + 200000;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	for (int i = 0; i < 100; i++) {
		struct store_content *content = NULL;
		struct store_item_new item = { .received_ms = 1 };
		struct store_tx *w = NULL;
		uint32_t uid;
		enum rc rc = store_content_new(f->s, span_of(text, sizeof(text)),
		                               SPAN(""), &content);

		if (!rc)
			rc = store_write(f->s, f->user, NULL, &w);
		if (!rc)
			rc = store_item_add(w, f->inbox, content, &item, &uid, NULL);
		if (!rc)
			rc = store_commit(&w);
		store_tx_free(w);
		store_content_free(content);
		assert_true(rc == RC_OK || rc == RC_IO || rc == RC_AGAIN);
		done += rc == RC_OK;
		failed += rc != RC_OK;
	}
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &whole), 0);
	assert_true(failed > 0);
	assert_true(done > 0);
	(void)fixture_add(f, f->inbox, "after that");
	fixture_close(f);
	fixture_open(f);
	tx = fixture_read(f);
	assert_ok(store_item_uids(tx, f->inbox, f->a, &uids, &n));
	assert_int_equal(n, done + 1);
	assert_ok(store_commit(&tx));
	fixture_check(f, f->user);
	assert_ok(store_check(f->s, NULL));
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_failure_at_any_call_leaves_nothing_behind),
		TEST(a_caller_that_ignores_a_failure_commits_nothing),
		TEST(a_user_is_made_whole_or_not_at_all),
		TEST(the_queue_is_whole_after_any_failure),
		TEST(a_full_disk_loses_nothing_acknowledged_and_heals),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
