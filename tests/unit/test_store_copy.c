/* SPDX-License-Identifier: ISC
 *
 * test_store_copy.c - all of a store into another and back again.
 */
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "store/archive/copy.h"
#include "store/archive/fill.h"
#include "store/store_private.h"
#include "tests/unit/archive_fixture.h"

static void
copy(const struct store_conf *from, const struct store_conf *to, struct copy_report *ret)
{
	struct err err = { "" };
	enum rc rc = copy_store(from, to, NULL, NULL, ret, &err);

	if (rc)
		fail_msg("copy_store: %s (%s)", rc_str(rc), err.text);
}

static void
refuse(const struct store_conf *from, const struct store_conf *to, enum rc want,
       const char *why)
{
	struct err err = { "" };
	struct copy_report report;

	assert_rc(copy_store(from, to, NULL, NULL, &report, &err), want);
	if (!strstr(err.text, why))
		fail_msg("\"%s\" does not tell \"%s\"", err.text, why);
}

static uint64_t
count(struct store *s, enum engine_db db, const char *sql, struct span name)
{
	AUTO(engine_tx)
	struct engine_tx *etx = NULL;
	AUTO(engine_stmt)
	struct engine_stmt *st = NULL;

	assert_ok(engine_begin(s->engine, db, 0, false, &etx));
	if (name.n > 0)
		assert_ok(sql_one(etx, &st, sql, T(name)));
	else
		assert_ok(sql_one(etx, &st, sql));
	return col_u64(st, 0);
}

static void
every_table_and_column_of_the_schema_is_known(void **state)
{
	struct fixture *f = *state;
	static const char *const folders[] = { "godwit_directory", "godwit_queue",
		                               "godwit_blobs", "godwit_shard_000" };
	bool pg = engine_fixture_is_pg();

	for (enum engine_db db = 0; db < ENGINE_DB_N; db++) {
		size_t n;
		const struct table *t = tables_of(db, &n);

		/* Of PostgreSQL's tables some are the engine's own. */
		if (!pg)
			assert_int_equal(count(f->s, db,
			                       "SELECT count(*) FROM sqlite_master WHERE"
			                       " type = 'table'",
			                       SPAN("")),
			                 n);
		for (size_t i = 0; i < n; i++) {
			uint64_t columns = count(
				f->s, db,
				pg ? "SELECT count(*) FROM information_schema.columns"
				     " WHERE table_schema || '.' || table_name = $1"
				   : "SELECT count(*) FROM pragma_table_info($1)",
				pg ? span_str(arena_printf(f->a, "%s.%s", folders[db],
			                                   t[i].name))
				   : span_str(t[i].name));

			assert_int_equal(columns, t[i].n_columns + (db == ENGINE_SHARD));
		}
	}
}

static void
a_copy_there_and_back_is_the_same(void **state)
{
	struct fixture *f = *state;
	struct copy_report report;
	struct other there;
	struct other back;

	fill_store(f, 600);
	other_make(&there, f, false, 5);
	there.conf.blobs = f->conf.blobs == STORE_BLOBS_DATABASE ? STORE_BLOBS_FILES
	                                                         : STORE_BLOBS_DATABASE;
	other_make(&back, f, true, 3);
	fixture_close(f);
	copy(&f->conf, &there.conf, &report);
	assert_int_equal(report.users, 4);
	assert_int_equal(report.users_again, 0);
	assert_true(report.rows > 150 && report.blobs > 4);
	copy(&there.conf, &back.conf, &report);
	fixture_open(f);
	other_open(&there);
	other_open(&back);
	assert_same_stores(f->s, there.s);
	assert_same_stores(f->s, back.s);
	/* A store keeps its own number, and life goes on in it. */
	assert_true(f->s->id != there.s->id);
	store_close(TAKE(f->s));
	f->s = TAKE(back.s);
	assert_int_equal(fixture_user(f, "later"), 5);
	change_store(f);
	fixture_check(f, f->user);
	store_close(TAKE(f->s));
	other_remove(&there);
	other_remove(&back);
}

static void
a_target_that_holds_other_things_is_refused(void **state)
{
	struct fixture *f = *state;
	struct other o;

	fill_store(f, 4);
	fixture_close(f);
	other_make(&o, f, false, 2);
	other_open(&o);
	assert_ok(store_domain_add(o.s, SPAN("other.example")));
	other_close(&o);
	refuse(&f->conf, &o.conf, RC_EXISTS, "not empty");
	refuse(&f->conf, &f->conf, engine_fixture_is_pg() ? RC_INVALID : RC_EXISTS, "");
	other_remove(&o);
}

static void
a_source_that_is_not_there_is_not_made(void **state)
{
	struct fixture *f = *state;
	struct other missing;
	struct other to;

	fixture_close(f);
	other_make(&missing, f, false, 2);
	other_make(&to, f, false, 2);
	refuse(&missing.conf, &to.conf, RC_NOT_FOUND, "no store");
	other_remove(&missing);
	other_remove(&to);
}

/* The n-th engine call fails, for n = 30, 60, 120 ...: what is left behind cannot be
 * taken for a store, and the next copy goes on. */
static void
a_copy_that_fails_at_any_point_goes_on(void **state)
{
	struct fixture *f = *state;
	struct copy_report report;
	struct err err = { "" };
	struct other o;
	unsigned failures = 0;

	fill_store(f, 6);
	fixture_close(f);
	other_make(&o, f, true, 3);
	for (unsigned n = 30;; n = n * 2 + 1) {
		struct store *s = NULL;
		enum rc rc;

		engine_fail_after(n);
		rc = copy_store(&f->conf, &o.conf, NULL, NULL, &report, &err);
		if (rc == RC_OK) {
			bool end = engine_fail_pending();

			engine_fail_after(0);
			if (end)
				break;
			/* A blob that another user has as well did not come twice. */
			other_remove(&o);
			other_make(&o, f, true, 3);
			continue;
		}
		assert_false(engine_fail_pending());
		failures++;
		assert_true(*err.text);
		rc = store_open(&o.conf, &s, &err);
		if (rc == RC_OK) { /* so early that nothing is in it */
			AUTO(arena)
			struct arena *a = arena_new();
			struct span *names;
			size_t count_names = 1;

			assert_ok(store_domain_list(s, a, &names, &count_names));
			assert_int_equal(count_names, 0);
			store_close(s);
		} else {
			assert_rc(rc, RC_CONFLICT);
			assert_non_null(strstr(err.text, "half filled"));
		}
	}
	assert_true(failures > 2);
	fixture_open(f);
	other_open(&o);
	assert_same_stores(f->s, o.s);
	other_remove(&o);
}

struct killer {
	int left;
};

static void
kill_at(const char *sql UNUSED, void *arg)
{
	struct killer *k = arg;

	if (--k->left == 0)
		_exit(9);
}

static void
a_copy_that_is_killed_goes_on(void **state)
{
	struct fixture *f = *state;
	struct copy_report report;
	struct other o;

	if (engine_fixture_is_pg())
		skip(); /* a child has no connections of its own */
#ifdef __SANITIZE_THREAD__
	skip(); /* TSan lets no child have threads */
#endif
	fill_store(f, 20);
	fixture_close(f);
	other_make(&o, f, true, 3);
	/* Until a child comes to the end. */
	for (int at = 60, done = 0, kills = 0; !done; at = at * 7 / 4) {
		int status = 0;
		pid_t pid = fork();

		if (pid == 0) {
			struct killer k = { at };

			engine_watch(kill_at, &k);
			_exit(copy_store(&f->conf, &o.conf, NULL, NULL, &report, NULL) !=
			      RC_OK);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		done = WEXITSTATUS(status) == 0;
		kills += !done;
		assert_true(done || WEXITSTATUS(status) == 9);
		assert_true(!done || kills > 2);
	}
	fixture_open(f);
	other_open(&o);
	assert_same_stores(f->s, o.s);
	other_remove(&o);
}

/* As a copy from the source leaves its target when it is killed. */
static void
mark_unfinished(struct other *o, uint64_t source)
{
	struct engine_tx *etx = NULL;

	other_open(o);
	assert_ok(engine_begin(o->s->engine, ENGINE_DIRECTORY, 0, true, &etx));
	assert_ok(sql_run(etx, "INSERT INTO meta (name, value) VALUES ('unfinished', $1)",
	                  I(source | 1)));
	assert_ok(engine_commit(&etx));
	other_close(o);
}

static void
a_user_who_changed_since_a_copy_was_killed_is_copied_again(void **state)
{
	struct fixture *f = *state;
	struct copy_report report;
	struct other o;
	uint64_t id = f->s->id;

	fill_store(f, 6);
	other_make(&o, f, true, 3);
	fixture_close(f);
	copy(&f->conf, &o.conf, &report);
	mark_unfinished(&o, id);
	fixture_open(f);
	change_store(f);
	fixture_close(f);
	copy(&f->conf, &o.conf, &report);
	assert_int_equal(report.users, 4);
	assert_int_equal(report.users_again, 1);
	fixture_open(f);
	other_open(&o);
	assert_same_stores(f->s, o.s);
	other_remove(&o);
}

static void
another_source_does_not_go_on_with_it(void **state)
{
	struct fixture *f = *state;
	struct copy_report report;
	struct other source;
	struct other o;
	uint64_t id = f->s->id;

	fill_store(f, 2);
	fixture_close(f);
	other_make(&o, f, true, 3);
	other_make(&source, f, false, 1);
	other_open(&source);
	assert_ok(store_domain_add(source.s, SPAN("other.example")));
	other_close(&source);
	mark_unfinished(&o, id);
	refuse(&source.conf, &o.conf, RC_EXISTS, "half filled with something else");
	copy(&f->conf, &o.conf, &report);
	other_remove(&source);
	other_remove(&o);
}

static void
note(const char *sentence, void *arg)
{
	char *last = arg;

	if (strstr(sentence, "damaged"))
		snprintf(last, 512, "%s", sentence);
}

static void
a_content_that_is_lost_in_the_source_does_not_stop_the_copy(void **state)
{
	struct fixture *f = *state;
	char sentence[512] = "";
	char *command = xasprintf("find '%s/blobs' -type f -delete", f->directory);
	struct copy_report report;
	struct err err = { "" };
	struct other o;

	add_large(f, f->inbox, 3);
	fixture_close(f);
	assert_int_equal(system(command), 0);
	free(command);
	other_make(&o, f, true, 3);
	assert_ok(copy_store(&f->conf, &o.conf, note, sentence, &report, &err));
	assert_int_equal(report.blobs_broken, 1);
	assert_non_null(strstr(sentence, "a@example.org"));
	other_remove(&o);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
#define TEST_FILES(name)                                                                 \
	cmocka_unit_test_setup_teardown(name, fixture_setup_files, fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(every_table_and_column_of_the_schema_is_known),
		TEST(a_copy_there_and_back_is_the_same),
		TEST(a_target_that_holds_other_things_is_refused),
		TEST(a_source_that_is_not_there_is_not_made),
		TEST(a_copy_that_fails_at_any_point_goes_on),
		TEST(a_copy_that_is_killed_goes_on),
		TEST(a_user_who_changed_since_a_copy_was_killed_is_copied_again),
		TEST(another_source_does_not_go_on_with_it),
		TEST_FILES(a_content_that_is_lost_in_the_source_does_not_stop_the_copy),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
