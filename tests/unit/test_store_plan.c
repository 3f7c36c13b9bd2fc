/* SPDX-License-Identifier: ISC
 *
 * test_store_plan.c - no statement costs more as the mailbox grows: every one that the
 * store uses finds its rows by an index and needs no sorting, but for a few named here.
 */
#include "base/clock.h"
#include "base/mem.h"
#include "store/store_checked.h"
#include "store/store_cursor.h"
#include "store/store_deliver.h"
#include "store/store_device.h"
#include "store/store_private.h"
#include "store/store_secret.h"
#include "store/store_thread.h"
#include "tests/unit/store_fixture.h"

struct seen {
	const char *sql[300];
	size_t n;
};

static void
note_sql(const char *sql, void *arg)
{
	struct seen *s = arg;

	for (size_t i = 0; i < s->n; i++) {
		if (strcmp(s->sql[i], sql) == 0)
			return;
	}
	assert_true(s->n < ARRAY_LEN(s->sql));
	s->sql[s->n++] = sql;
}

static bool
ignore_item(const struct store_item *it UNUSED, void *arg UNUSED)
{
	return true;
}

static void
use_reads(struct fixture *f)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);
	struct store_change_query q = { .collection = f->inbox,
		                        .not_by_device = 7,
		                        .limit = 5 };
	struct store_tx *tx = fixture_read(f);
	struct store_tree_change *tree;
	struct store_collection c;
	struct store_change *changes;
	struct store_device *devices;
	struct store_device device;
	struct store_cursor cursor;
	struct store_item *items;
	struct store_item it;
	struct span meta;
	uint64_t next;
	uint32_t *uids;
	bool more;
	size_t n;

	assert_ok(store_modseqs(f->s, &f->user, 1, &(uint64_t){ 0 }));
	assert_ok(store_changes(tx, &q, f->a, &changes, &n, &next, &more));
	q.since = store_tx_modseq(tx) - 1;
	assert_ok(store_has_changes(tx, &q, &more));
	assert_ok(store_backfill(tx, f->inbox, 100, 0, 500, 5, f->a, &items, &n, &more));
	assert_ok(
		store_items_received(tx, f->inbox, 100, 1, 1000, 0, 5, f->a, &items, &n));
	assert_ok(store_items_count(tx, f->inbox, 1, &next));
	assert_ok(store_item_each(tx, f->inbox, 1, 10, ignore_item, NULL));
	assert_ok(store_item_uids(tx, f->inbox, f->a, &uids, &n));
	assert_ok(store_item_load(tx, f->inbox, 1, f->a, &it));
	assert_ok(store_content_meta(tx, it.content, f->a, &meta));
	assert_ok(store_content_read(tx, it.content, 0, 10, &b));
	assert_ok(store_tree_changes(tx, 1, f->a, &tree, &n));
	assert_ok(store_collection_find_role(tx, STORE_ROLE_SENT, f->a, &c));
	assert_ok(store_collection_find_name(tx, 0, SPAN("Sent"), f->a, &c));
	assert_ok(store_device_find(tx, SPAN("test"), SPAN("D"), f->a, &device));
	assert_ok(store_device_load(tx, 1, f->a, &device));
	assert_ok(store_device_list(tx, f->a, &devices, &n));
	assert_ok(store_cursor_load(tx, 1, "sync/1", f->a, &cursor));
	assert_ok(store_commit(&tx));
}

static void
use_writes(struct fixture *f)
{
	struct store_content *content = fixture_content(f, "x");
	struct store_content *other = fixture_content(f, "y");
	struct store_item_new item = { .received_ms = 600, .client_id = SPAN("c") };
	struct store_item_change change = { .flags_on = 1, .content = other };
	struct store_device device = { .id = SPAN("D"), .protocol = SPAN("test") };
	struct store_cursor cursor = { .key = 1 };
	struct store_delivery d = { .user = f->user,
		                    .folder = STORE_ROLE_INBOX,
		                    .token = 1 };
	struct store_tx *tx = fixture_write(f, 7);
	uint32_t uid;
	uint32_t id;

	assert_ok(store_item_add(tx, f->inbox, content, &item, &uid, NULL));
	assert_ok(store_item_update(tx, f->inbox, uid, &change, NULL));
	assert_ok(store_item_copy(tx, f->inbox, uid, f->trash, &id));
	assert_ok(store_item_move(tx, f->trash, id, f->inbox, &id));
	assert_ok(store_item_expunge(tx, f->inbox, id));
	assert_ok(store_collection_create(tx, 0, SPAN("new"), STORE_CLASS_MAIL,
	                                  STORE_ROLE_NONE, &id));
	assert_ok(store_collection_rename(tx, id, 0, SPAN("newer")));
	assert_ok(store_collection_subscribe(tx, id, false));
	assert_ok(store_collection_delete(tx, id));
	assert_ok(store_device_save(tx, &device, &id));
	assert_ok(store_cursor_save(tx, 1, "sync/1", &cursor));
	assert_ok(store_cursor_save(tx, 1, "sync/2", &cursor));
	assert_ok(store_cursor_delete(tx, 1, "sync/2"));
	assert_ok(store_cursor_delete_prefix(tx, 1, "x/"));
	assert_ok(store_commit(&tx));
	assert_ok(store_deliver(f->s, content, NULL, 1, &d, 1));
	store_content_free(content);
	store_content_free(other);
}

/* Without and with what was noted before. */
static void
use_threads(struct fixture *f)
{
	struct store_tx *tx;
	uint32_t *uids;
	bool is_done;
	size_t n;

	for (int i = 0; i < 2; i++) {
		tx = fixture_read(f);
		assert_ok(store_thread_outside(tx, f->inbox, 1000, f->a, &uids, &n));
		assert_ok(store_commit(&tx));
		assert_ok(store_thread_catch_up(f->s, f->user, f->inbox, 1000, &is_done));
		assert_true(is_done);
	}
}

static void
use_sweep(struct fixture *f)
{
	struct store_tx *tx = fixture_write(f, 0);
	uint64_t removed;
	uint32_t id;

	assert_ok(store_collection_create(tx, 0, SPAN("gone"), STORE_CLASS_MAIL,
	                                  STORE_ROLE_NONE, &id));
	assert_ok(store_commit(&tx));
	(void)fixture_add(f, id, "x");
	tx = fixture_write(f, 0);
	assert_ok(store_collection_delete(tx, id));
	assert_ok(store_commit(&tx));
	(void)fixture_user(f, "brief");
	assert_ok(store_user_remove(f->s, SPAN("brief@example.org")));
	clock_fake_start(clock_wall_ms() + INT64_C(40) * 86400000);
	assert_ok(store_sweep(f->s, &removed));
	clock_fake_stop();
}

static void
use_directory(struct fixture *f)
{
	struct store_checked checked = { .until_ms = 0 };
	struct store_secret secrets[2];
	struct store_route *routes;
	struct store_user u;
	struct store_user *users;
	size_t n;

	assert_ok(store_domain_find(f->s, SPAN("example.org")));
	assert_ok(store_user_find(f->s, SPAN("a@example.org"), f->a, &u));
	assert_ok(store_user_load(f->s, u.id, f->a, &u));
	assert_ok(store_user_set_password(f->s, SPAN("a@example.org"), SPAN("x")));
	assert_ok(store_user_set_disabled(f->s, SPAN("a@example.org"), false));
	assert_ok(store_user_list(f->s, SPAN("example.org"), f->a, &users, &n));
	assert_ok(store_alias_add(f->s, SPAN("i@example.org"), SPAN("a@example.org")));
	assert_ok(store_route_find(f->s, SPAN("i@example.org"), f->a, &routes, &n));
	assert_ok(store_alias_remove(f->s, SPAN("i@example.org"), SPAN("a@example.org")));
	assert_rc(store_domain_remove(f->s, SPAN("example.org")), RC_CONFLICT);
	assert_ok(store_checked_save(f->s, u.id, 1, &checked));
	assert_rc(store_checked_load(f->s, u.id, 1, &checked), RC_NOT_FOUND);
	assert_ok(store_checked_sweep(f->s));
	assert_ok(store_secret_load(f->s, "x", 1, 2, secrets));
	assert_ok(store_secret_load(f->s, "x", 2, 3, secrets));
}

static void
use_queue(struct fixture *f)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);
	struct store_content *content = fixture_content(f, "x");
	struct store_queue_rcpt rcpt = { .address = SPAN("x@y.example") };
	struct store_queue_entry e = { .rcpts = &rcpt, .n_rcpts = 1 };
	uint64_t waiting, held;
	int64_t next;

	assert_ok(store_queue_add(f->s, &e, 1, content));
	assert_ok(store_queue_lease(f->s, false, 1, 1, f->a, &e, &next));
	assert_ok(store_queue_content(f->s, e.id, &b));
	assert_ok(store_queue_count(f->s, &waiting, &held));
	assert_int_equal(waiting, 1);
	assert_int_equal(held, 0);
	assert_ok(store_queue_retry(f->s, &e, 0, SPAN(""), false));
	assert_ok(store_queue_lease(f->s, false, 1, 1, f->a, &e, &next));
	assert_ok(store_queue_done(f->s, &e, &rcpt.address, 1));
	e = (struct store_queue_entry){ .members = &f->user, .n_members = 1 };
	assert_ok(store_queue_add(f->s, &e, 1, content));
	store_content_free(content);
	assert_ok(store_queue_content_get(f->s, e.id, &content));
	assert_ok(store_queue_lease(f->s, true, 1, 1, f->a, &e, &next));
	assert_ok(store_queue_members(f->s, &e, &f->user, 1));
	assert_ok(store_queue_members(f->s, &e, NULL, 0));
	store_content_free(content);
}

static void
use_blobs(struct fixture *f)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);
	char *text = xcalloc(1, 50001);
	struct store_content *content;
	struct store_queue_entry e = { .sender = SPAN("x") };

	memset(text, 'x', 50000);
	content = fixture_content(f, text);
	assert_ok(store_queue_add(f->s, &e, 1, content));
	assert_ok(store_queue_content(f->s, e.id, &b));
	assert_ok(store_queue_remove(f->s, e.id));
	store_content_free(content);
	free(text);
}

/* Plans that grow with something, and why they may. */
static bool
may_grow(const char *sql)
{
	static const char *const parts[] = {
		/* the sweep's and the admin's walks over all there is */
		"FROM mail_user ORDER BY id",
		"SELECT sha256 FROM content WHERE form = 2",
		/* the edges of a time window, put in the order of uids */
		"ORDER BY +uid",
	};

	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		if (strstr(sql, parts[i]))
			return true;
	}
	return false;
}

static bool
grows(const char *plan)
{
	if (engine_fixture_is_pg())
		return strstr(plan, "Seq Scan") || strstr(plan, "Sort") ||
		       strstr(plan, "Filter: (owner");
	return strstr(plan, "SCAN") || strstr(plan, "TEMP B-TREE");
}

static bool
is_of_one_collection(const char *plan)
{
	if (engine_fixture_is_pg())
		return !strstr(plan, "Index Cond") ||
		       strstr(plan, "(owner = $1) AND (collection = $2)");
	return !strstr(plan, "SEARCH") || strstr(plan, "owner=? AND collection=?");
}

static void
every_statement_goes_by_an_index(void **state)
{
	AUTO_DONE(buf) struct buf plan = BUF_INIT(0);
	static struct seen kinds[ENGINE_DB_N];
	struct fixture *f = *state;
	size_t total = 0;

	memset(kinds, 0, sizeof(kinds));
	engine_watch(note_sql, &kinds[ENGINE_SHARD]);
	use_writes(f);
	use_reads(f);
	use_threads(f);
	engine_watch(note_sql, &kinds[ENGINE_DIRECTORY]);
	use_directory(f);
	engine_watch(note_sql, &kinds[ENGINE_QUEUE]);
	use_queue(f);
	use_blobs(f);
	engine_watch(note_sql, &kinds[ENGINE_SHARD]);
	use_sweep(f);
	engine_watch(NULL, NULL);
	for (int kind = 0; kind < ENGINE_DB_N; kind++) {
		for (size_t i = 0; i < kinds[kind].n; i++) {
			const char *sql = kinds[kind].sql[i];
			struct engine_tx *tx = NULL;
			enum rc rc;

			/* The sweep speaks to the directory and the queue as well. */
			if (kind == ENGINE_SHARD &&
			    (strstr(sql, " mail_") || strstr(sql, " meta ") ||
			     strstr(sql, " entry ") ||
			     strstr(sql, " checked_password ") ||
			     strstr(sql, " person ")))
				continue;
			/* And shutting a user out tells his shard. */
			if (kind == ENGINE_DIRECTORY && strstr(sql, " account "))
				continue;
			buf_clear(&plan);
			assert_ok(engine_begin(f->s->engine,
			                       strstr(sql, " blob")
			                               ? ENGINE_BLOBS
			                               : (enum engine_db)kind,
			                       0, false, &tx));
			rc = engine_explain(tx, sql, &plan);
			engine_tx_free(tx);
			assert_ok(rc);
			total++;
			buf_add_char(&plan, 0);
			if (grows(plan.p) && !may_grow(sql))
				fail_msg("%s\n%s", sql, plan.p);
			if (strstr(sql, " item ") && !is_of_one_collection(plan.p))
				fail_msg("%s\n%s", sql, plan.p);
		}
	}
	assert_true(total > 80);
}

static void
the_hot_questions_read_only_what_they_answer(void **state)
{
	static const struct {
		const char *sql;
		const char *sqlite;
		const char *index; /* and its condition behind owner and collection */
		const char *range;
	} want[] = {
		{ "ORDER BY modseq LIMIT",
		  "item_modseq (owner=? AND collection=? AND modseq>? AND modseq<?)",
		  "item_modseq", "(modseq > $3) AND (modseq <= $4)" },
		{ "ORDER BY created LIMIT",
		  "item_born (owner=? AND collection=? AND created>? AND created<?)",
		  "item_born", "(created > $3) AND (created <= $4)" },
		{ "ORDER BY writer_saw LIMIT",
		  "item_saw (owner=? AND collection=? AND writer=? AND writer_saw>?"
		  " AND writer_saw<?)",
		  "item_saw",
		  "(writer = $5) AND (writer_saw > $3) AND (writer_saw <= $4)" },
		{ "ORDER BY expunged LIMIT",
		  "tombstone_expunged (owner=? AND collection=?"
		  " AND expunged>? AND expunged<?)",
		  "tombstone_expunged", "(expunged > $3) AND (expunged <= $4)" },
		{ "ORDER BY uid DESC",
		  "PRIMARY KEY (owner=? AND collection=? AND uid>? AND uid<?)",
		  "item_pkey", "(uid >= $3) AND (uid < $4)" },
		{ "ORDER BY +uid",
		  "item_received (owner=? AND collection=? AND received_ms>?",
		  "item_received", "(received_ms >= $3) AND (received_ms < $4)" },
		{ "SELECT count(*) FROM item",
		  "item_received (owner=? AND collection=? AND received_ms>?)",
		  "item_received", "(received_ms >= $3)" },
		{ "min(+uid)",
		  "item_received (owner=? AND collection=? AND received_ms>?)",
		  "item_received", "(received_ms >= $3)" },
	};
	static struct seen seen;
	struct fixture *f = *state;
	struct store_tx *tx;

	seen.n = 0;
	use_writes(f);
	engine_watch(note_sql, &seen);
	use_reads(f);
	engine_watch(NULL, NULL);
	tx = fixture_read(f);
	for (size_t w = 0; w < ARRAY_LEN(want); w++) {
		size_t found = 0;

		for (size_t i = 0; i < seen.n; i++) {
			AUTO_DONE(buf) struct buf plan = BUF_INIT(0);

			if (!strstr(seen.sql[i], want[w].sql))
				continue;
			found++;
			assert_ok(engine_explain(tx->etx, seen.sql[i], &plan));
			buf_add_char(&plan, 0);
			if (engine_fixture_is_pg()
			            ? !strstr(plan.p, want[w].index) ||
			                      !strstr(plan.p, want[w].range)
			            : !strstr(plan.p, want[w].sqlite))
				fail_msg("%s\n%s\nnot: %s", seen.sql[i], plan.p,
				         engine_fixture_is_pg() ? want[w].index
				                                : want[w].sqlite);
		}
		if (found == 0)
			fail_msg("no statement has %s", want[w].sql);
	}
	assert_ok(store_commit(&tx));
}

int
main(void)
{
#define TEST(name)                                                                       \
	cmocka_unit_test_setup_teardown(name, fixture_setup_database, fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(every_statement_goes_by_an_index),
		TEST(the_hot_questions_read_only_what_they_answer),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
