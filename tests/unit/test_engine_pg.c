/* SPDX-License-Identifier: ISC
 *
 * test_engine_pg.c - what only the engine of PostgreSQL has to bear: writers side by
 * side, other nodes, connections that go.
 */
#include <pthread.h>
#include <unistd.h>

#include "base/mem.h"
#include "store/store_private.h"
#include "tests/unit/pg_proxy.h"
#include "tests/unit/store_fixture.h"

static const char *const step_1[] = {
	"CREATE TABLE t (k BIGINT NOT NULL PRIMARY KEY, v BIGINT NOT NULL)",
	"CREATE TABLE word (w TEXT NOT NULL PRIMARY KEY, n BIGINT NOT NULL) /* clustered */",
	"INSERT INTO t (k, v) VALUES (1, 0), (2, 0)",
	NULL,
};
static const char *const *const steps[] = { step_1 };

struct bed {
	struct engine_conf conf;
	struct engine *e;
	char *conninfo;
	struct pg_proxy *proxy; /* NULL: none is between */
	char *proxied;
};

static int
setup(void **state)
{
	struct bed *b = xcalloc(1, sizeof(*b));

	b->conninfo = engine_fixture_make();
	b->conf = (struct engine_conf){
		.shards = 1,
		.conninfo = b->conninfo,
		.connections = 3,
	};
	for (int i = 0; i < ENGINE_DB_N; i++)
		b->conf.schema[i] = (struct engine_schema){ steps, 1 };
	assert_ok(engine_pg_open(&b->conf, &b->e, NULL));
	*state = b;
	return 0;
}

static int
teardown(void **state)
{
	struct bed *b = *state;

	engine_fail_after(0);
	engine_close(b->e);
	pg_proxy_stop(b->proxy);
	engine_fixture_drop(b->conninfo);
	free(b->proxied);
	free(b);
	return 0;
}

static struct engine_tx *
begin(struct bed *b, bool write)
{
	struct engine_tx *tx = NULL;

	assert_ok(engine_begin(b->e, ENGINE_SHARD, 0, write, &tx));
	return tx;
}

static enum rc
set(struct engine_tx *tx, int64_t k, int64_t v)
{
	return sql_run(tx, "UPDATE t SET v = $2 WHERE k = $1", I(k), I(v));
}

static enum rc
get(struct engine_tx *tx, int64_t k, bool lock, int64_t *ret)
{
	AUTO(engine_stmt)
	struct engine_stmt *st = NULL;
	enum rc rc = lock ? sql_one(tx, &st,
	                            "SELECT v FROM t WHERE k = $1 /* for update */", I(k))
	                  : sql_one(tx, &st, "SELECT v FROM t WHERE k = $1", I(k));

	if (!rc)
		*ret = engine_int(st, 0);
	return rc;
}

static int64_t
value(struct bed *b, int64_t k)
{
	struct engine_tx *tx = begin(b, false);
	int64_t v = -1;

	assert_ok(get(tx, k, false, &v));
	assert_ok(engine_commit(&tx));
	return v;
}

/* As when the server is restarted, or a cable is drawn. */
static void
end_connections(struct bed *b)
{
	engine_fixture_sql(b->conninfo,
	                   "DO 'BEGIN PERFORM pg_terminate_backend(pid, 5000) FROM"
	                   " pg_stat_activity WHERE datname = current_database()"
	                   " AND pid <> pg_backend_pid(); END'");
}

static void
connections_that_went_while_idle_are_not_noticed(void **state)
{
	struct bed *b = *state;
	struct engine_tx *one = begin(b, false);
	struct engine_tx *two = begin(b, true);
	int64_t v;

	assert_ok(get(one, 1, false, &v));
	assert_ok(set(two, 1, 1));
	assert_ok(engine_commit(&two));
	assert_ok(engine_commit(&one));
	end_connections(b);
	assert_int_equal(value(b, 1), 1);
	two = begin(b, true);
	end_connections(b); /* begun, but nothing was sent yet */
	assert_ok(set(two, 1, 2));
	assert_ok(engine_commit(&two));
	assert_int_equal(value(b, 1), 2);
}

static void
a_connection_lost_within_a_transaction_says_try_again(void **state)
{
	struct bed *b = *state;
	struct engine_tx *tx = begin(b, true);
	int64_t v;

	assert_ok(set(tx, 1, 1));
	end_connections(b);
	assert_rc(set(tx, 2, 1), RC_AGAIN);
	assert_rc(engine_commit(&tx), RC_AGAIN);
	assert_int_equal(value(b, 1), 0);

	tx = begin(b, true);
	assert_ok(set(tx, 1, 1));
	end_connections(b);
	assert_rc(engine_commit(&tx), RC_AGAIN);
	assert_int_equal(value(b, 1), 0);

	tx = begin(b, true);
	assert_ok(engine_savepoint(tx));
	assert_ok(set(tx, 1, 1));
	end_connections(b);
	assert_rc(engine_rollback_to(tx), RC_AGAIN);
	assert_rc(set(tx, 1, 1), RC_AGAIN);
	engine_tx_free(tx);

	tx = begin(b, false);
	assert_ok(get(tx, 1, false, &v));
	end_connections(b);
	assert_rc(get(tx, 1, false, &v), RC_AGAIN);
	engine_tx_free(tx);
	assert_int_equal(value(b, 1), 0);
}

/* --- commits whose connection breaks --- */

static void
through_proxy(struct bed *b, unsigned resolve_ms)
{
	engine_close(TAKE(b->e));
	b->proxy = pg_proxy_start(b->conninfo, &b->proxied);
	b->conf.conninfo = b->proxied;
	b->conf.resolve_ms = resolve_ms;
	assert_ok(engine_pg_open(&b->conf, &b->e, NULL));
}

static enum rc
set_and_commit(struct bed *b, int64_t v)
{
	struct engine_tx *tx = begin(b, true);

	assert_ok(set(tx, 1, v));
	return engine_commit(&tx);
}

static void
a_commit_that_was_done_is_known_though_its_answer_was_lost(void **state)
{
	struct bed *b = *state;

	through_proxy(b, 0);
	for (int64_t v = 1; v <= 3; v++) {
		assert_ok(set_and_commit(b, v * 10));
		pg_proxy_cut(b->proxy, PG_CUT_AFTER);
		assert_ok(set_and_commit(b, v));
		assert_true(pg_proxy_has_cut(b->proxy));
		assert_int_equal(value(b, 1), v);
	}
}

static void
a_commit_that_never_arrived_was_not_done(void **state)
{
	struct bed *b = *state;

	through_proxy(b, 0);
	assert_ok(set_and_commit(b, 1));
	pg_proxy_cut(b->proxy, PG_CUT_BEFORE);
	assert_rc(set_and_commit(b, 2), RC_AGAIN);
	assert_int_equal(value(b, 1), 1);
	/* It arrives after that was said: it must not be done any more. */
	pg_proxy_release(b->proxy);
	assert_int_equal(value(b, 1), 1);
	assert_ok(set_and_commit(b, 3));
	assert_int_equal(value(b, 1), 3);
}

static void
the_first_commit_of_a_connection_is_no_exception(void **state)
{
	struct bed *b = *state;

	through_proxy(b, 0);
	pg_proxy_cut(b->proxy, PG_CUT_BEFORE);
	assert_rc(set_and_commit(b, 1), RC_AGAIN);
	pg_proxy_release(b->proxy);
	assert_int_equal(value(b, 1), 0);
	end_connections(b);
	pg_proxy_cut(b->proxy, PG_CUT_AFTER);
	assert_ok(set_and_commit(b, 2));
	assert_int_equal(value(b, 1), 2);
}

static void *
come_back(void *arg)
{
	struct bed *b = arg;

	while (!pg_proxy_has_cut(b->proxy))
		usleep(1000);
	pg_proxy_away(b->proxy, true);
	usleep(300000);
	pg_proxy_away(b->proxy, false);
	return NULL;
}

static void
the_outcome_is_asked_for_until_the_server_is_back(void **state)
{
	struct bed *b = *state;
	pthread_t t;

	through_proxy(b, 0);
	pg_proxy_cut(b->proxy, PG_CUT_AFTER);
	assert_int_equal(pthread_create(&t, NULL, come_back, b), 0);
	assert_ok(set_and_commit(b, 7));
	pthread_join(t, NULL);
	assert_int_equal(value(b, 1), 7);
}

static void *
stay_away(void *arg)
{
	struct bed *b = arg;

	while (!pg_proxy_has_cut(b->proxy))
		usleep(1000);
	pg_proxy_away(b->proxy, true);
	return NULL;
}

static void
who_waits_for_the_outcome_does_not_wait_for_ever(void **state)
{
	struct bed *b = *state;
	pthread_t t;

	through_proxy(b, 200);
	pg_proxy_cut(b->proxy, PG_CUT_BEFORE);
	assert_int_equal(pthread_create(&t, NULL, stay_away, b), 0);
	assert_rc(set_and_commit(b, 7), RC_AGAIN);
	pthread_join(t, NULL);
	pg_proxy_away(b->proxy, false);
}

struct member {
	struct bed *b;
	enum rc rc;
	int64_t first; /* the row locked first */
	unsigned steps;
	pthread_barrier_t *both;
};

static void *
count_up(void *arg)
{
	struct member *m = arg;

	for (unsigned i = 0; !m->rc && i < m->steps; i++) {
		AUTO(engine_tx)
		struct engine_tx *tx = NULL;
		int64_t v = 0;

		m->rc = engine_begin(m->b->e, ENGINE_SHARD, 0, true, &tx);
		if (!m->rc)
			m->rc = get(tx, 1, true, &v);
		if (!m->rc)
			m->rc = set(tx, 1, v + 1);
		if (!m->rc)
			m->rc = engine_commit(&tx);
	}
	return NULL;
}

static void
what_is_read_to_be_changed_is_not_lost(void **state)
{
	struct bed *b = *state;
	struct member m[8];
	pthread_t t[8];

	for (int i = 0; i < 8; i++) {
		m[i] = (struct member){ .b = b, .steps = 20 };
		assert_int_equal(pthread_create(&t[i], NULL, count_up, &m[i]), 0);
	}
	for (int i = 0; i < 8; i++) {
		pthread_join(t[i], NULL);
		assert_ok(m[i].rc);
	}
	assert_int_equal(value(b, 1), 160);
}

static void *
lock_both(void *arg)
{
	struct member *m = arg;
	AUTO(engine_tx)
	struct engine_tx *tx = begin(m->b, true);
	int64_t v = 0;

	m->rc = get(tx, m->first, true, &v);
	pthread_barrier_wait(m->both);
	if (!m->rc)
		m->rc = get(tx, 3 - m->first, true, &v);
	return NULL;
}

static void
of_a_circle_of_waiters_one_is_told_to_try_again(void **state)
{
	struct bed *b = *state;
	pthread_barrier_t both;
	struct member m[2] = { { .b = b, .first = 1, .both = &both },
		               { .b = b, .first = 2, .both = &both } };
	pthread_t t[2];

	pthread_barrier_init(&both, NULL, 2);
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&t[i], NULL, lock_both, &m[i]), 0);
	for (int i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
	pthread_barrier_destroy(&both);
	assert_true((m[0].rc == RC_OK && m[1].rc == RC_AGAIN) ||
	            (m[0].rc == RC_AGAIN && m[1].rc == RC_OK));
}

static void *
begin_one(void *arg)
{
	struct member *m = arg;
	struct engine_tx *tx = NULL;

	m->rc = engine_begin(m->b->e, ENGINE_SHARD, 0, false, &tx);
	engine_tx_free(tx);
	return NULL;
}

static enum rc
begin_elsewhere(struct bed *b)
{
	struct member m = { .b = b };
	pthread_t t;

	assert_int_equal(pthread_create(&t, NULL, begin_one, &m), 0);
	pthread_join(t, NULL);
	return m.rc;
}

static void
when_all_connections_are_in_use_others_wait_and_try_again(void **state)
{
	struct bed *b = *state;
	struct engine_tx *tx[7] = { NULL };

	engine_close(TAKE(b->e));
	b->conf.connection_wait_ms = 50;
	assert_ok(engine_pg_open(&b->conf, &b->e, NULL));
	for (int i = 0; i < 3; i++)
		tx[i] = begin(b, false);
	assert_rc(begin_elsewhere(b), RC_AGAIN);
	/* Who has one is not kept from another, within reason. */
	for (int i = 3; i < 6; i++)
		tx[i] = begin(b, false);
	assert_rc(engine_begin(b->e, ENGINE_SHARD, 0, false, &tx[6]), RC_AGAIN);
	for (int i = 0; i < 6; i++)
		engine_tx_free(tx[i]);
	assert_ok(begin_elsewhere(b));
}

static void *
open_node(void *arg)
{
	struct member *m = arg;
	struct engine *e = NULL;

	m->rc = engine_pg_open(&m->b->conf, &e, NULL);
	engine_close(e);
	return NULL;
}

static void
nodes_that_upgrade_at_once_do_it_once(void **state)
{
	struct bed *b = *state;
	struct member m[6];
	pthread_t t[6];

	engine_close(TAKE(b->e));
	engine_fixture_drop(b->conninfo);
	b->conf.conninfo = b->conninfo = engine_fixture_make();
	for (int i = 0; i < 6; i++) {
		m[i] = (struct member){ .b = b };
		assert_int_equal(pthread_create(&t[i], NULL, open_node, &m[i]), 0);
	}
	for (int i = 0; i < 6; i++) {
		pthread_join(t[i], NULL);
		assert_ok(m[i].rc);
	}
	assert_ok(engine_pg_open(&b->conf, &b->e, NULL));
	assert_int_equal(value(b, 2), 0);
}

static void
a_server_that_may_forget_is_refused(void **state)
{
	struct bed *b = *state;
	struct err err = { "" };
	char *sql = xasprintf("ALTER DATABASE %s SET synchronous_commit = off",
	                      strstr(b->conninfo, "dbname=") + strlen("dbname="));

	engine_close(TAKE(b->e));
	engine_fixture_sql(b->conninfo, sql);
	free(sql);
	assert_rc(engine_pg_open(&b->conf, &b->e, &err), RC_UNSUPPORTED);
	assert_non_null(strstr(err.text, "synchronous_commit"));
}

static void
a_server_that_is_not_there_is_named(void **state)
{
	struct bed *b = *state;
	struct err err = { "" };

	engine_close(TAKE(b->e));
	b->conf.conninfo = "host=/nonexistent dbname=x";
	assert_rc(engine_pg_open(&b->conf, &b->e, &err), RC_AGAIN);
	assert_non_null(strstr(err.text, "/nonexistent"));
	b->conf.conninfo = "this is no conninfo";
	assert_rc(engine_pg_open(&b->conf, &b->e, &err), RC_AGAIN);
}

static void
a_conninfo_may_lie_in_a_file(void **state)
{
	struct bed *b = *state;
	char path[] = "/tmp/godwit-conninfo-XXXXXX";
	struct err err = { "" };
	FILE *f = fdopen(mkstemp(path), "w");

	assert_non_null(f);
	fprintf(f, "%s\n", b->conninfo);
	fclose(f);
	engine_close(TAKE(b->e));
	b->conf.conninfo = path;
	assert_ok(engine_pg_open(&b->conf, &b->e, &err));
	assert_int_equal(value(b, 1), 0);
	unlink(path);
	engine_close(TAKE(b->e));
	assert_rc(engine_pg_open(&b->conf, &b->e, &err), RC_IO);
	assert_non_null(strstr(err.text, path));
}

/* The cluster of the tests orders texts as people do, without care for case. */
static void
texts_are_ordered_by_their_bytes(void **state)
{
	static const char *const words[] = { "B", "a", "\303\204", "~", "" };
	static const char want[] = "-B-a-~-\303\204";
	AUTO_DONE(buf) struct buf got = BUF_INIT(0);
	struct bed *b = *state;
	struct engine_tx *tx = begin(b, true);
	struct engine_stmt *st = NULL;

	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		assert_ok(sql_run(tx, "INSERT INTO word (w, n) VALUES ($1, $2)",
		                  T(span_str(words[i])), I(i)));
	assert_ok(sql_each(tx, &st, "SELECT w FROM word ORDER BY w"));
	for (size_t i = 0; engine_step(st) == RC_OK; i++) {
		if (i > 0)
			buf_add_char(&got, '-');
		buf_add_span(&got, engine_bytes(st, 0));
	}
	engine_stmt_free(TAKE(st));
	assert_true(span_is(buf_span(&got), want));
	assert_ok(sql_one(tx, &st, "SELECT count(*) FROM word WHERE w >= $1 AND w < $2",
	                  T(SPAN("a")), T(SPAN("b"))));
	assert_int_equal(engine_int(st, 0), 1);
	engine_stmt_free(st);
	engine_tx_free(tx);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(connections_that_went_while_idle_are_not_noticed),
		TEST(a_connection_lost_within_a_transaction_says_try_again),
		TEST(a_commit_that_was_done_is_known_though_its_answer_was_lost),
		TEST(a_commit_that_never_arrived_was_not_done),
		TEST(the_first_commit_of_a_connection_is_no_exception),
		TEST(the_outcome_is_asked_for_until_the_server_is_back),
		TEST(who_waits_for_the_outcome_does_not_wait_for_ever),
		TEST(what_is_read_to_be_changed_is_not_lost),
		TEST(of_a_circle_of_waiters_one_is_told_to_try_again),
		TEST(when_all_connections_are_in_use_others_wait_and_try_again),
		TEST(nodes_that_upgrade_at_once_do_it_once),
		TEST(a_server_that_may_forget_is_refused),
		TEST(a_server_that_is_not_there_is_named),
		TEST(a_conninfo_may_lie_in_a_file),
		TEST(texts_are_ordered_by_their_bytes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
