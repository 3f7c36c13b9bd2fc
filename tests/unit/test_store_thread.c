/* SPDX-License-Identifier: ISC
 *
 * test_store_thread.c - what belongs to conversations that reach into a time window is
 * what a scan of the folder says.
 */
#include "base/clock.h"
#include "base/mem.h"
#include "store/store_private.h"
#include "store/store_thread.h"
#include "tests/unit/store_fixture.h"

#define MAILS_MAX 2000
#define THREADS 40
#define SPAN_MS 1000

struct mail {
	bool is_there;
	uint32_t thread;
	int64_t received_ms;
};

struct world {
	struct fixture *f;
	struct mail mails[MAILS_MAX]; /* by uid */
	uint32_t last;
	uint64_t seed;
};

static uint32_t
pick(struct world *w, uint32_t n)
{
	w->seed ^= w->seed << 13;
	w->seed ^= w->seed >> 7;
	w->seed ^= w->seed << 17;
	return (uint32_t)(w->seed >> 20) % n;
}

/* An answer in the thread, or what begins it. */
static struct store_content *
letter(struct world *w, uint32_t thread)
{
	struct store_content *c;
	bool first = pick(w, 4) == 0;

	assert_ok(store_content_new_mail(
		w->f->s,
		span_str(arena_printf(w->f->a,
	                              "Subject: s\r\nMessage-ID: <%s%u@x>\r\n"
	                              "%s%s\r\ntext\r\n",
	                              first ? "t" : "answer", thread,
	                              first ? "X-No: " : "References: ",
	                              arena_printf(w->f->a, "<t%u@x>\r\n", thread))),
		&c));
	return c;
}

static void
add_mails(struct world *w, size_t n)
{
	struct store_tx *tx = fixture_write(w->f, 0);

	while (n-- > 0) {
		uint32_t thread = pick(w, THREADS), uid;
		struct store_content *c = letter(w, thread);
		struct store_item_new item = { .received_ms = pick(w, SPAN_MS) };

		assert_ok(store_item_add(tx, w->f->inbox, c, &item, &uid, NULL));
		store_content_free(c);
		assert_true(uid < MAILS_MAX);
		w->mails[uid] = (struct mail){ true, thread, item.received_ms };
		w->last = uid;
	}
	assert_ok(store_commit(&tx));
}

static void
change_one(struct world *w)
{
	uint32_t uid = 1 + pick(w, w->last), what = pick(w, 4);
	struct mail *m = &w->mails[uid];
	struct store_tx *tx = fixture_write(w->f, 0);
	struct store_item_change ch = { 0 };
	struct store_content *c = NULL;
	uint64_t modseq;

	if (what == 0) {
		m->thread = pick(w, THREADS);
		ch.content = c = letter(w, m->thread);
	} else if (what == 1) {
		ch.set_received = true;
		ch.received_ms = m->received_ms = pick(w, SPAN_MS);
	} else {
		ch.flags_on = STORE_FLAG_SEEN;
	}
	if (m->is_there && what == 3) {
		assert_ok(store_item_expunge(tx, w->f->inbox, uid));
		m->is_there = false;
	} else if (m->is_there) {
		assert_ok(store_item_update(tx, w->f->inbox, uid, &ch, &modseq));
	}
	assert_ok(store_commit(&tx));
	store_content_free(c);
}

static bool
reaches_in(const struct world *w, uint32_t thread, int64_t from_ms)
{
	for (uint32_t uid = 1; uid <= w->last; uid++) {
		if (w->mails[uid].is_there && w->mails[uid].thread == thread &&
		    w->mails[uid].received_ms >= from_ms)
			return true;
	}
	return false;
}

static void
compare(struct world *w, int64_t from_ms)
{
	struct store_tx *tx = fixture_read(w->f);
	uint32_t *uids;
	size_t n, at = 0;

	assert_ok(store_thread_outside(tx, w->f->inbox, from_ms, w->f->a, &uids, &n));
	assert_ok(store_commit(&tx));
	for (uint32_t uid = 1; uid <= w->last; uid++) {
		const struct mail *m = &w->mails[uid];

		if (!m->is_there || m->received_ms >= from_ms ||
		    !reaches_in(w, m->thread, from_ms))
			continue;
		if (at == n || uids[at] != uid)
			fail_msg("%u is missing at %zu of %zu", uid, at, n);
		at++;
	}
	assert_int_equal(at, n);
}

static void
note(struct world *w)
{
	bool done = false;

	assert_ok(store_thread_catch_up(w->f->s, w->f->user, w->f->inbox, 60000, &done));
	assert_true(done);
}

static uint64_t
count(struct world *w, const char *sql)
{
	AUTO(engine_stmt)
	struct engine_stmt *st = NULL;
	struct store_tx *tx = fixture_read(w->f);
	uint64_t n;

	assert_ok(sql_one(tx->etx, &st, sql, I(w->f->user)));
	n = col_u64(st, 0);
	engine_stmt_free(TAKE(st));
	assert_ok(store_commit(&tx));
	return n;
}

#define NOTED "SELECT count(*) FROM thread_item WHERE owner = $1"

static void
answers_are_those_of_a_scan_whatever_was_noted(void **state)
{
	struct fixture *f = *state;
	struct world *w = xcalloc(1, sizeof(*w));

	w->f = f;
	w->seed = 20261122;
	add_mails(w, 30);
	for (int i = 0; i < 150; i++) {
		uint32_t what = pick(w, 12);

		if (what < 3)
			add_mails(w, 1 + pick(w, 3));
		else if (what < 8)
			change_one(w);
		else if (what == 8)
			add_mails(w, 70);
		else if (what < 11)
			note(w);
		compare(w, pick(w, SPAN_MS + 200) - 100);
	}
	compare(w, SPAN_MS - 50); /* few in the window */
	assert_true(count(w, NOTED) > 100);
	free(w);
}

static void
a_few_are_looked_at_by_who_asks(void **state)
{
	struct world *w = xcalloc(1, sizeof(*w));

	w->f = *state;
	w->seed = 7;
	add_mails(w, 64);
	note(w);
	compare(w, 500);
	assert_int_equal(count(w, NOTED), 0);
	add_mails(w, 1);
	note(w);
	compare(w, 500);
	assert_int_equal(count(w, NOTED), 65);
	free(w);
}

static void
a_large_folder_is_noted_in_several_calls(void **state)
{
	struct world *w = xcalloc(1, sizeof(*w));
	unsigned calls = 0;
	bool done = false;

	w->f = *state;
	w->seed = 7;
	add_mails(w, 1100);
	for (; !done && calls < 10; calls++) {
		assert_ok(store_thread_catch_up(w->f->s, w->f->user, w->f->inbox, 0,
		                                &done));
		compare(w, 500);
	}
	assert_true(done);
	assert_true(calls > 2);
	assert_int_equal(count(w, NOTED), 1100);
	free(w);
}

static void
rows_that_are_of_other_data_are_made_anew(void **state)
{
	struct world *w = xcalloc(1, sizeof(*w));
	struct store_tx *tx;

	w->f = *state;
	w->seed = 7;
	add_mails(w, 100);
	note(w);
	tx = fixture_write(w->f, 0);
	assert_ok(sql_run(tx->etx,
	                  "UPDATE thread_item SET thread = 5 WHERE owner = $1"
	                  " AND collection = $2",
	                  I(w->f->user), I(w->f->inbox)));
	assert_ok(sql_run(tx->etx,
	                  "UPDATE thread_state SET restored = 7 WHERE owner = $1",
	                  I(w->f->user)));
	assert_ok(store_commit(&tx));
	compare(w, 500);
	note(w);
	compare(w, 500);
	free(w);
}

static void
rows_of_what_is_gone_go(void **state)
{
	struct world *w = xcalloc(1, sizeof(*w));

	w->f = *state;
	w->seed = 7;
	for (int i = 0; i < 31; i++) {
		struct store_tx *tx;

		add_mails(w, 65 - (i > 0 ? 40 : 0));
		tx = fixture_write(w->f, 0);
		for (uint32_t uid = 1; i > 0 && uid <= 40; uid++) {
			struct store_item_change ch = { .flags_on = 0 };
			uint64_t modseq;

			if (i % 2)
				ch.flags_on = STORE_FLAG_SEEN;
			else
				ch.flags_off = STORE_FLAG_SEEN;
			assert_ok(store_item_update(tx, w->f->inbox, uid, &ch, &modseq));
		}
		assert_ok(store_commit(&tx));
		note(w);
	}
	for (uint32_t uid = 41; uid <= 65; uid++) {
		struct store_tx *tx = fixture_write(w->f, 0);

		assert_ok(store_item_expunge(tx, w->f->inbox, uid));
		w->mails[uid].is_there = false;
		assert_ok(store_commit(&tx));
	}
	assert_int_equal(count(w, NOTED), w->last);
	add_mails(w, 65);
	note(w);
	assert_int_equal(count(w, NOTED), w->last - 25);
	compare(w, 500);
	free(w);
}

static void
mail_that_cannot_be_read_belongs_to_none(void **state)
{
	struct fixture *f = *state;
	struct store_tx *tx;
	uint32_t *uids;
	size_t n;

	for (int i = 0; i < 3; i++)
		fixture_add(f, f->inbox, "no mail at all");
	tx = fixture_read(f);
	assert_ok(store_thread_outside(tx, f->inbox, clock_wall_ms(), f->a, &uids, &n));
	assert_int_equal(n, 0);
	assert_ok(store_commit(&tx));
}

int
main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		CASE(answers_are_those_of_a_scan_whatever_was_noted),
		CASE(a_few_are_looked_at_by_who_asks),
		CASE(a_large_folder_is_noted_in_several_calls),
		CASE(rows_that_are_of_other_data_are_made_anew),
		CASE(rows_of_what_is_gone_go),
		CASE(mail_that_cannot_be_read_belongs_to_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
