/* SPDX-License-Identifier: ISC
 *
 * test_engine.c - the engines: groups, savepoints, failures, steps of the schema.
 */
#include <pthread.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "store/store_private.h"
#include "tests/unit/store_fixture.h"

static const char *const step_1[] = {
	"CREATE TABLE t (owner BIGINT NOT NULL, k BIGINT NOT NULL, v BYTEA NOT NULL,"
	" PRIMARY KEY (owner, k)) /* clustered */",
	NULL,
};
static const char *const step_2[] = {
	"ALTER TABLE t ADD COLUMN extra BIGINT NOT NULL DEFAULT 7",
	NULL,
};
static const char *const step_bad[] = {
	"CREATE TABLE half (k BIGINT)",
	"THIS IS NOT SQL",
	NULL,
};
static const char *const *const steps_good[] = { step_1, step_2 };
static const char *const *const steps_bad[] = { step_1, step_2, step_bad };

struct bed {
	char directory[64];
	struct engine_conf conf;
	struct engine *e;
	char *conninfo; /* of PostgreSQL */
};

static void
set_schema(struct bed *b, const char *const *const *steps, size_t n)
{
	for (int i = 0; i < ENGINE_DB_N; i++)
		b->conf.schema[i] = (struct engine_schema){ steps, n };
}

static enum rc
bed_open(struct bed *b, struct err *err)
{
	return engine_fixture_is_pg() ? engine_pg_open(&b->conf, &b->e, err)
	                              : engine_sqlite_open(&b->conf, &b->e, err);
}

static int
setup(void **state)
{
	struct bed *b = xcalloc(1, sizeof(*b));

	snprintf(b->directory, sizeof(b->directory), "/tmp/godwit-engine-XXXXXX");
	if (!mkdtemp(b->directory))
		return -1;
	b->conf = (struct engine_conf){
		.directory = b->directory,
		.shards = 2,
		.readers = 1,
		.group_window_ms = 2,
		.connections = 3,
	};
	if (engine_fixture_is_pg())
		b->conf.conninfo = b->conninfo = engine_fixture_make();
	set_schema(b, steps_good, 2);
	assert_ok(bed_open(b, NULL));
	*state = b;
	return 0;
}

static int
teardown(void **state)
{
	struct bed *b = *state;
	char *command = xasprintf("rm -rf '%s'", b->directory);
	int status;

	engine_fail_after(0);
	engine_close(b->e);
	engine_fixture_drop(b->conninfo);
	status = system(command);
	free(command);
	free(b);
	return status;
}

static struct engine_tx *
begin(struct bed *b, bool write)
{
	struct engine_tx *tx = NULL;

	assert_ok(engine_begin(b->e, ENGINE_SHARD, 0, write, &tx));
	return tx;
}

static enum rc
put(struct engine_tx *tx, int64_t k, struct span v)
{
	return sql_run(tx, "INSERT INTO t (k, owner, v) VALUES ($2, $1, $3)", I(1), I(k),
	               B(v));
}

static int64_t
count(struct bed *b)
{
	AUTO(engine_tx)
	struct engine_tx *tx = begin(b, false);
	AUTO(engine_stmt)
	struct engine_stmt *st = NULL;

	assert_ok(sql_one(tx, &st, "SELECT count(*) FROM t WHERE owner = $1", I(1)));
	return engine_int(st, 0);
}

static void
parameters_go_by_their_number_not_their_place(void **state)
{
	struct bed *b = *state;
	struct engine_tx *tx = begin(b, true);
	struct engine_stmt *st = NULL;

	assert_ok(put(tx, 5, SPAN("a\0b")));
	assert_ok(sql_one(tx, &st,
	                  "SELECT k, v, extra FROM t WHERE k = $2 AND owner = $1", I(1),
	                  I(5)));
	assert_int_equal(engine_int(st, 0), 5);
	assert_true(span_eq(engine_bytes(st, 1), SPAN("a\0b")));
	assert_int_equal(engine_int(st, 2), 7);
	assert_rc(engine_step(st), RC_NOT_FOUND);
	engine_stmt_free(st);
	assert_ok(engine_commit(&tx));
	assert_null(tx);
}

static void
a_statement_may_be_used_within_itself(void **state)
{
	static const char sql[] =
		"SELECT k FROM t WHERE owner = $1 AND k > $2 ORDER BY k";
	struct bed *b = *state;
	struct engine_tx *tx = begin(b, true);
	struct engine_stmt *outer = NULL;
	struct engine_stmt *inner = NULL;

	for (int i = 1; i <= 3; i++)
		assert_ok(put(tx, i, SPAN("")));
	assert_ok(sql_one(tx, &outer, sql, I(1), I(0)));
	assert_ok(sql_one(tx, &inner, sql, I(1), I(2)));
	assert_int_equal(engine_int(inner, 0), 3);
	engine_stmt_free(inner);
	assert_ok(engine_step(outer));
	assert_int_equal(engine_int(outer, 0), 2);
	engine_stmt_free(outer);
	assert_ok(engine_commit(&tx));
}

static void
after_an_error_a_transaction_can_only_go_back(void **state)
{
	struct bed *b = *state;
	struct engine_tx *tx = begin(b, true);

	assert_ok(put(tx, 1, SPAN("x")));
	assert_rc(put(tx, 1, SPAN("again")), RC_EXISTS);
	assert_rc(put(tx, 2, SPAN("y")), RC_EXISTS);
	assert_rc(engine_commit(&tx), RC_EXISTS);
	assert_null(tx);
	assert_int_equal(count(b), 0);
}

static void
a_part_can_be_undone_alone(void **state)
{
	struct bed *b = *state;
	struct engine_tx *tx = begin(b, true);

	assert_ok(put(tx, 1, SPAN("x")));
	assert_ok(engine_savepoint(tx));
	assert_ok(put(tx, 2, SPAN("y")));
	assert_rc(put(tx, 1, SPAN("x")), RC_EXISTS);
	assert_ok(engine_rollback_to(tx));
	assert_ok(engine_savepoint(tx));
	assert_ok(put(tx, 3, SPAN("z")));
	assert_ok(engine_release(tx));
	assert_ok(engine_commit(&tx));
	assert_int_equal(count(b), 2);
}

static void
a_member_that_rolls_back_leaves_the_others(void **state)
{
	struct bed *b = *state;
	struct engine_tx *one = begin(b, true);
	struct engine_tx *two;

	assert_ok(put(one, 1, SPAN("x")));
	assert_ok(engine_submit(one));
	two = begin(b, true);
	assert_ok(put(two, 2, SPAN("y")));
	engine_tx_free(two);
	assert_ok(engine_commit(&one));
	assert_int_equal(count(b), 1);
}

static void
what_is_submitted_is_committed_though_nobody_waits_yet(void **state)
{
	struct bed *b = *state;
	struct engine_tx *tx = begin(b, true);

	assert_ok(put(tx, 1, SPAN("x")));
	assert_ok(engine_submit(tx));
	for (int i = 0; i < 10000 && count(b) == 0; i++)
		usleep(1000);
	assert_int_equal(count(b), 1);
	assert_ok(engine_commit(&tx));
}

static void
a_failed_commit_fails_every_member(void **state)
{
	struct bed *b = *state;
	struct engine_tx *tx = begin(b, true);

	assert_ok(put(tx, 1, SPAN("x")));
	/* The submit is the first call, the group's commit the second. */
	engine_fail_after(2);
	assert_rc(engine_commit(&tx), RC_IO);
	assert_false(engine_fail_pending());
	assert_int_equal(count(b), 0);
	tx = begin(b, true);
	assert_ok(put(tx, 1, SPAN("x")));
	assert_ok(engine_commit(&tx));
	assert_int_equal(count(b), 1);
}

static void
a_part_not_begun_leaves_the_one_before(void **state)
{
	struct bed *b = *state;
	struct engine_tx *tx = begin(b, true);

	assert_ok(engine_savepoint(tx));
	assert_ok(put(tx, 1, SPAN("x")));
	assert_ok(engine_release(tx));
	assert_ok(engine_savepoint(tx));
	assert_ok(engine_rollback_to(tx));
	assert_ok(engine_commit(&tx));
	assert_int_equal(count(b), 1);
}

/* More rows than one piece of a cursor holds, and another statement within. */
static void
a_long_statement_gives_every_row_once(void **state)
{
	static const char sql[] = "SELECT k, v FROM t WHERE owner = $1 AND k > $2"
				  " ORDER BY k /* long */";
	struct bed *b = *state;
	struct engine_tx *tx = begin(b, true);
	struct engine_stmt *st = NULL;
	int64_t n = 0;
	enum rc rc;

	for (int i = 1; i <= 1500; i++)
		assert_ok(put(tx, i, SPAN("v")));
	assert_ok(engine_commit(&tx));
	tx = begin(b, false);
	assert_ok(sql_each(tx, &st, sql, I(1), I(500)));
	while ((rc = engine_step(st)) == RC_OK) {
		struct engine_stmt *inner = NULL;

		assert_int_equal(engine_int(st, 0), 501 + n++);
		if (n % 100 == 0) {
			assert_ok(sql_one(tx, &inner, sql, I(1), I(1400)));
			assert_int_equal(engine_int(inner, 0), 1401);
			engine_stmt_free(inner);
		}
	}
	assert_rc(rc, RC_NOT_FOUND);
	assert_int_equal(n, 1000);
	engine_stmt_free(st);
	assert_ok(engine_commit(&tx));
}

static void
the_databases_are_apart(void **state)
{
	struct bed *b = *state;
	struct engine_tx *here = begin(b, true);
	struct engine_tx *there = NULL;

	assert_ok(put(here, 1, SPAN("x")));
	/* Another database's writer does not wait for this one. */
	assert_ok(engine_begin(b->e, ENGINE_SHARD, 1, true, &there));
	assert_ok(put(there, 1, SPAN("x")));
	assert_ok(engine_commit(&there));
	engine_tx_free(here);
	assert_int_equal(count(b), 0);
}

static void
shards_that_are_not_used_have_no_files(void **state)
{
	struct bed *b = *state;
	char *path;

	if (engine_fixture_is_pg())
		skip();
	path = xasprintf("%s/shard-001.db", b->directory);
	assert_int_equal(count(b), 0);
	assert_int_not_equal(access(path, F_OK), 0);
	free(path);
}

static void
readers_beyond_the_pool_are_served(void **state)
{
	struct bed *b = *state;
	struct engine_tx *tx[5];

	for (int i = 0; i < 5; i++)
		tx[i] = begin(b, false);
	for (int i = 0; i < 5; i++)
		assert_ok(engine_commit(&tx[i]));
}

/* All at once, then none. */
static void
read_side_by_side(struct bed *b, size_t n)
{
	struct engine_tx *tx[6];

	assert_true(n <= ARRAY_LEN(tx));
	for (size_t i = 0; i < n; i++) {
		AUTO(engine_stmt)
		struct engine_stmt *st = NULL;

		tx[i] = begin(b, false);
		assert_ok(sql_one(tx[i], &st, "SELECT count(*) FROM t WHERE owner = $1",
		                  I(1)));
	}
	for (size_t i = 0; i < n; i++)
		assert_ok(engine_commit(&tx[i]));
}

static uint64_t
parsed(const struct bed *b)
{
	struct engine_stats stats;

	engine_stats(b->e, &stats);
	return stats.parsed;
}

static void
readers_are_kept_while_they_are_needed(void **state)
{
	struct bed *b = *state;
	uint64_t before, of_six;

	if (engine_fixture_is_pg())
		skip();
	clock_fake_start(0);
	read_side_by_side(b, 1); /* the file is made */
	before = parsed(b);
	read_side_by_side(b, 6);
	of_six = parsed(b) - before;
	assert_true(of_six > 0);
	for (int i = 0; i < 30; i++) {
		clock_fake_advance(1000);
		read_side_by_side(b, 6);
	}
	assert_int_equal(parsed(b), before + of_six);
	for (int i = 0; i < 40; i++) {
		clock_fake_advance(1000);
		read_side_by_side(b, 1);
	}
	assert_int_equal(parsed(b), before + of_six);
	/* One in use and one idle are left: of what the five new ones had parsed the
	 * other four parse theirs again. */
	read_side_by_side(b, 6);
	assert_int_equal(parsed(b), before + of_six + of_six / 5 * 4);
	clock_fake_stop();
}

/* A value might imply the condition of a partial index: not looked at. */
static void
a_statement_is_parsed_once_whatever_its_values(void **state)
{
	struct bed *b = *state;
	struct engine_tx *tx = begin(b, true);
	uint64_t before = 0;

	if (engine_fixture_is_pg()) {
		engine_tx_free(tx);
		skip();
	}
	assert_ok(engine_run(tx, "CREATE INDEX positive ON t (owner, k) WHERE k > 0",
	                     NULL, 0, NULL));
	assert_ok(engine_commit(&tx));
	for (int i = 0; i < 10; i++) {
		AUTO(engine_stmt)
		struct engine_stmt *st = NULL;

		tx = begin(b, false);
		assert_int_equal(sql_one(tx, &st,
		                         "SELECT k FROM t WHERE owner = $1 AND k > $2"
		                         " AND k > 0 ORDER BY k LIMIT $3",
		                         I(1), I(i), I(i + 1)),
		                 RC_NOT_FOUND);
		engine_stmt_free(TAKE(st));
		assert_ok(engine_commit(&tx));
		before = i == 0 ? parsed(b) : before;
	}
	assert_int_equal(parsed(b), before);
}

static void
a_reader_cannot_write(void **state)
{
	struct bed *b = *state;
	struct engine_tx *tx = begin(b, false);

	assert_rc(put(tx, 1, SPAN("x")), RC_DENIED);
	engine_tx_free(tx);
}

static void
a_schema_step_that_fails_leaves_nothing(void **state)
{
	struct bed *b = *state;
	struct err err = { "" };
	struct engine_tx *tx;

	engine_close(TAKE(b->e));
	set_schema(b, steps_bad, 3);
	assert_rc(bed_open(b, &err), RC_IO);
	assert_true(strlen(err.text) > 0);
	set_schema(b, steps_good, 2);
	assert_ok(bed_open(b, &err));
	tx = begin(b, true);
	assert_rc(sql_run(tx, "INSERT INTO half (k) VALUES (1)"), RC_IO);
	engine_tx_free(tx);
}

static void
a_newer_schema_is_not_touched(void **state)
{
	struct bed *b = *state;
	struct err err = { "" };

	engine_close(TAKE(b->e));
	set_schema(b, steps_good, 1);
	assert_rc(bed_open(b, &err), RC_UNSUPPORTED);
}

struct crowd {
	struct bed *b;
	int thread;
	int n;
	enum rc rc;
};

static void *
write_many(void *arg)
{
	struct crowd *c = arg;

	for (int i = 0; i < c->n && !c->rc; i++) {
		struct engine_tx *tx = NULL;

		c->rc = engine_begin(c->b->e, ENGINE_SHARD, 0, true, &tx);
		if (!c->rc)
			c->rc = put(tx, c->thread * 1000 + i, SPAN("value"));
		if (!c->rc && i % 5 == 4) {
			engine_tx_free(TAKE(tx)); /* every fifth thinks better of it */
			continue;
		}
		if (!c->rc)
			c->rc = engine_commit(&tx);
	}
	return NULL;
}

static void
writers_that_come_together_share_a_commit(void **state)
{
	struct bed *b = *state;
	struct crowd crowd[16];
	pthread_t threads[16];
	struct engine_stats stats;

	for (int i = 0; i < 16; i++) {
		crowd[i] = (struct crowd){ .b = b, .thread = i, .n = 50 };
		assert_int_equal(pthread_create(&threads[i], NULL, write_many, &crowd[i]),
		                 0);
	}
	for (int i = 0; i < 16; i++) {
		pthread_join(threads[i], NULL);
		assert_ok(crowd[i].rc);
	}
	engine_stats(b->e, &stats);
	assert_int_equal(stats.members, 16 * 40);
	assert_int_equal(count(b), 16 * 40);
	if (!engine_fixture_is_pg() && stats.commits >= stats.members)
		fail_msg("%d transactions took %d commits", (int)stats.members,
		         (int)stats.commits);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(parameters_go_by_their_number_not_their_place),
		TEST(a_statement_may_be_used_within_itself),
		TEST(after_an_error_a_transaction_can_only_go_back),
		TEST(a_part_can_be_undone_alone),
		TEST(a_member_that_rolls_back_leaves_the_others),
		TEST(what_is_submitted_is_committed_though_nobody_waits_yet),
		TEST(a_failed_commit_fails_every_member),
		TEST(a_part_not_begun_leaves_the_one_before),
		TEST(a_long_statement_gives_every_row_once),
		TEST(the_databases_are_apart),
		TEST(shards_that_are_not_used_have_no_files),
		TEST(readers_beyond_the_pool_are_served),
		TEST(readers_are_kept_while_they_are_needed),
		TEST(a_statement_is_parsed_once_whatever_its_values),
		TEST(a_reader_cannot_write),
		TEST(a_schema_step_that_fails_leaves_nothing),
		TEST(a_newer_schema_is_not_touched),
		TEST(writers_that_come_together_share_a_commit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
