/* SPDX-License-Identifier: ISC
 *
 * test_store_queue.c - the queue: leases, retries, recipients, contents.
 */
#include "base/mem.h"
#include "store/store_queue.h"
#include "tests/unit/store_fixture.h"

static struct store_queue_rcpt rcpts[] = {
	{ SPAN("x@other.example"), SPAN("FAILURE,DELAY"),
	  SPAN("rfc822;x@other.example") },
	{ SPAN("y@other.example"), SPAN(""), SPAN("") },
};

static struct store_queue_entry
an_entry(int64_t next_ms)
{
	return (struct store_queue_entry){
		.sender = SPAN("a@example.org"),
		.hop = SPAN("other.example"),
		.envelope_id = SPAN("id-1"),
		.ret = SPAN("HDRS"),
		.smtputf8 = true,
		.rcpts = rcpts,
		.n_rcpts = 2,
		.queued_ms = 500,
		.next_ms = next_ms,
	};
}

static uint64_t
add(struct fixture *f, int64_t next_ms, const char *text)
{
	struct store_content *content = fixture_content(f, text);
	struct store_queue_entry e = an_entry(next_ms);

	assert_ok(store_queue_add(f->s, &e, 1, content));
	store_content_free(content);
	assert_true(e.id > 0);
	return e.id;
}

static enum rc
lease(struct fixture *f, int64_t now, struct store_queue_entry *ret, int64_t *ret_next)
{
	return store_queue_lease(f->s, false, now, 1000, f->a, ret, ret_next);
}

static void
an_entry_comes_back_whole(void **state)
{
	AUTO_DONE(buf) struct buf bytes = BUF_INIT(0);
	struct fixture *f = *state;
	uint64_t id = add(f, 1000, "the message");
	struct store_queue_entry e;
	int64_t next = 0;

	fixture_close(f);
	fixture_open(f);
	assert_ok(lease(f, 1000, &e, &next));
	assert_int_equal(e.id, id);
	assert_true(span_is(e.sender, "a@example.org"));
	assert_true(span_is(e.hop, "other.example"));
	assert_true(span_is(e.envelope_id, "id-1"));
	assert_true(span_is(e.ret, "HDRS"));
	assert_true(e.smtputf8);
	assert_false(e.body_8bit);
	assert_int_equal(e.size, 11);
	assert_int_equal(e.queued_ms, 500);
	assert_int_equal(e.next_ms, 1000);
	assert_int_equal(e.attempts, 0);
	assert_int_equal(e.n_rcpts, 2);
	assert_true(span_is(e.rcpts[0].address, "x@other.example"));
	assert_true(span_is(e.rcpts[0].notify, "FAILURE,DELAY"));
	assert_true(span_is(e.rcpts[0].orcpt, "rfc822;x@other.example"));
	assert_true(span_is(e.rcpts[1].address, "y@other.example"));
	assert_int_not_equal(e.lease, 0);
	assert_ok(store_queue_content(f->s, id, &bytes));
	assert_true(span_is(buf_span(&bytes), "the message"));
}

static void
the_earliest_due_entry_is_leased_to_one(void **state)
{
	struct fixture *f = *state;
	struct store_queue_entry e;
	uint64_t late = add(f, 3000, "late");
	uint64_t early = add(f, 2000, "early");
	int64_t next = 0;

	assert_rc(lease(f, 1999, &e, &next), RC_NOT_FOUND);
	assert_int_equal(next, 2000);
	assert_ok(lease(f, 5000, &e, &next));
	assert_int_equal(e.id, early);
	assert_ok(lease(f, 5000, &e, &next));
	assert_int_equal(e.id, late);
	assert_rc(lease(f, 5000, &e, &next), RC_NOT_FOUND);
	assert_int_equal(next, 6000); /* when the leases run out */
	assert_ok(lease(f, 6000, &e, &next));
	assert_ok(store_queue_remove(f->s, early));
	assert_ok(store_queue_remove(f->s, late));
	assert_rc(store_queue_remove(f->s, late), RC_NOT_FOUND);
	assert_rc(lease(f, 9000, &e, &next), RC_NOT_FOUND);
	assert_true(next == INT64_MAX);
}

static void
who_lost_the_lease_changes_nothing(void **state)
{
	struct fixture *f = *state;
	struct span address = SPAN("x@other.example");
	struct store_queue_entry dead;
	struct store_queue_entry e;
	int64_t next;

	(void)add(f, 0, "x");
	assert_ok(lease(f, 0, &dead, &next));
	assert_ok(lease(f, 2000, &e, &next));
	assert_rc(store_queue_done(f->s, &dead, &address, 1), RC_CONFLICT);
	assert_rc(store_queue_retry(f->s, &dead, 9, SPAN("x"), false), RC_CONFLICT);
	assert_ok(store_queue_done(f->s, &e, &address, 1));
	assert_ok(store_queue_remove(f->s, e.id));
	assert_rc(store_queue_done(f->s, &e, &address, 1), RC_CONFLICT);
}

static void
an_entry_goes_with_its_last_recipient(void **state)
{
	AUTO_DONE(buf) struct buf bytes = BUF_INIT(0);
	struct fixture *f = *state;
	struct span done[] = { SPAN("y@other.example"), SPAN("x@other.example") };
	struct store_queue_entry e;
	struct store_queue_entry *list;
	uint64_t id = add(f, 0, "x");
	int64_t next;
	size_t n;

	assert_ok(lease(f, 0, &e, &next));
	assert_ok(store_queue_done(f->s, &e, &done[0], 1));
	assert_ok(store_queue_list(f->s, f->a, &list, &n));
	assert_int_equal(n, 1);
	assert_int_equal(list[0].n_rcpts, 1);
	assert_true(span_is(list[0].rcpts[0].address, "x@other.example"));
	assert_ok(store_queue_done(f->s, &e, &done[1], 1));
	assert_ok(store_queue_list(f->s, f->a, &list, &n));
	assert_int_equal(n, 0);
	assert_rc(store_queue_content(f->s, id, &bytes), RC_NOT_FOUND);
}

static void
a_retry_gives_the_lease_back(void **state)
{
	struct fixture *f = *state;
	struct store_queue_entry e;
	int64_t next;

	(void)add(f, 0, "x");
	assert_ok(lease(f, 0, &e, &next));
	assert_ok(store_queue_retry(f->s, &e, 500, SPAN("451 later"), true));
	assert_rc(lease(f, 499, &e, &next), RC_NOT_FOUND);
	assert_int_equal(next, 500);
	assert_ok(lease(f, 500, &e, &next));
	assert_int_equal(e.attempts, 1);
	assert_true(span_is(e.last_error, "451 later"));
	assert_true(e.delay_warned);
}

static void
what_is_held_waits_for_release(void **state)
{
	struct fixture *f = *state;
	struct store_queue_entry *list;
	struct store_queue_entry e;
	uint64_t id = add(f, 0, "x");
	int64_t next;
	size_t n;

	assert_ok(store_queue_hold(f->s, id, true));
	assert_rc(store_queue_hold(f->s, 4711, true), RC_NOT_FOUND);
	assert_rc(lease(f, 100, &e, &next), RC_NOT_FOUND);
	assert_true(next == INT64_MAX);
	assert_ok(store_queue_list(f->s, f->a, &list, &n));
	assert_true(list[0].held);
	assert_int_equal(list[0].lease, 0);
	assert_ok(store_queue_hold(f->s, id, false));
	assert_ok(lease(f, 100, &e, &next));
}

static void
count_calls(void *arg)
{
	(*(int *)arg)++;
}

static void
the_runner_is_told_of_what_is_due_earlier(void **state)
{
	struct fixture *f = *state;
	struct store_queue_entry e;
	uint64_t id;
	int64_t next;
	int calls = 0;

	store_queue_on_change(f->s, count_calls, &calls);
	id = add(f, 0, "x");
	assert_int_equal(calls, 1);
	assert_ok(lease(f, 0, &e, &next));
	assert_int_equal(calls, 1);
	assert_ok(store_queue_retry(f->s, &e, 5, SPAN(""), false));
	assert_int_equal(calls, 2);
	assert_ok(store_queue_hold(f->s, id, true));
	assert_int_equal(calls, 2);
	assert_ok(store_queue_hold(f->s, id, false));
	assert_int_equal(calls, 3);
}

static void
entries_of_one_message_share_its_bytes(void **state)
{
	AUTO_DONE(buf) struct buf bytes = BUF_INIT(0);
	struct fixture *f = *state;
	char *big = xcalloc(1, 100001);
	struct store_content *content;
	struct store_queue_entry e[2] = { an_entry(1), an_entry(2) };

	memset(big, 'x', 100000);
	content = fixture_content(f, big);
	assert_ok(store_queue_add(f->s, e, 2, content));
	store_content_free(content);
	assert_int_not_equal(e[0].id, e[1].id);
	assert_int_equal(e[1].size, 100000);
	assert_ok(store_queue_remove(f->s, e[0].id));
	assert_ok(store_queue_content(f->s, e[1].id, &bytes));
	assert_true(span_is(buf_span(&bytes), big));
	assert_ok(store_queue_add(f->s, e, 0, NULL));
	free(big);
}

static void
slices_of_groups_have_a_lane_of_their_own(void **state)
{
	struct fixture *f = *state;
	struct store_content *content = fixture_content(f, "to all");
	struct store_content *got = NULL;
	uint64_t members[] = { 3, 1ULL << 60, 7 };
	struct store_queue_entry slice = an_entry(10), e;
	uint64_t other = add(f, 20, "to one");
	int64_t next = 0;

	slice.members = members;
	slice.n_members = 3;
	slice.token = INT64_MAX;
	slice.junk = true;
	assert_ok(store_queue_add(f->s, &slice, 1, content));
	assert_ok(lease(f, 100, &e, &next));
	assert_int_equal(e.id, other);
	assert_int_equal(e.n_members, 0);
	assert_rc(lease(f, 100, &e, &next), RC_NOT_FOUND);
	assert_int_equal(next, 1100);
	assert_ok(store_queue_lease(f->s, true, 100, 1000, f->a, &e, &next));
	assert_int_equal(e.id, slice.id);
	assert_int_equal(e.token, INT64_MAX);
	assert_true(e.junk);
	assert_int_equal(e.n_members, 3);
	assert_memory_equal(e.members, members, sizeof(members));
	assert_ok(store_queue_content_get(f->s, e.id, &got));
	assert_int_equal(store_content_size(got), store_content_size(content));
	store_content_free(got);
	store_content_free(content);
}

static void
members_are_done_bit_by_bit(void **state)
{
	struct fixture *f = *state;
	struct store_content *content = fixture_content(f, "to all");
	uint64_t members[] = { 1, 2, 3 };
	struct store_queue_entry slice = an_entry(10), e, late;
	struct store_queue_entry *list;
	int64_t next;
	size_t n;

	slice.members = members;
	slice.n_members = 3;
	assert_ok(store_queue_add(f->s, &slice, 1, content));
	store_content_free(content);
	assert_ok(store_queue_lease(f->s, true, 100, 1000, f->a, &late, &next));
	assert_ok(store_queue_lease(f->s, true, 1200, 1000, f->a, &e, &next));
	assert_rc(store_queue_members(f->s, &late, members, 0), RC_CONFLICT);
	assert_ok(store_queue_members(f->s, &e, members + 1, 1));
	assert_ok(store_queue_retry(f->s, &e, 5000, SPAN("x"), false));
	assert_ok(store_queue_lease(f->s, true, 5000, 1000, f->a, &e, &next));
	assert_int_equal(e.n_members, 1);
	assert_int_equal(e.members[0], 2);
	assert_ok(store_queue_members(f->s, &e, NULL, 0));
	assert_ok(store_queue_list(f->s, f->a, &list, &n));
	assert_int_equal(n, 0);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(an_entry_comes_back_whole),
		TEST(the_earliest_due_entry_is_leased_to_one),
		TEST(who_lost_the_lease_changes_nothing),
		TEST(an_entry_goes_with_its_last_recipient),
		TEST(a_retry_gives_the_lease_back),
		TEST(what_is_held_waits_for_release),
		TEST(the_runner_is_told_of_what_is_due_earlier),
		TEST(entries_of_one_message_share_its_bytes),
		TEST(slices_of_groups_have_a_lane_of_their_own),
		TEST(members_are_done_bit_by_bit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
