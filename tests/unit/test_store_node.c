/* SPDX-License-Identifier: ISC
 *
 * test_store_node.c - several nodes on one database: who lives, who works what, and two
 * that change the same.
 */
#include "store/store_node.h"

#include <pthread.h>

#include "base/clock.h"
#include "base/mem.h"
#include "store/store_queue.h"
#include "tests/unit/store_fixture.h"

#define START_MS 1700000000000
#define HOUR_MS (INT64_C(3600) * 1000)

struct nodes {
	struct fixture *f;
	struct store *a; /* of the fixture */
	struct store *b; /* NULL with SQLite */
	char folder[80];
};

static int
setup(void **state)
{
	struct nodes *n = xcalloc(1, sizeof(*n));
	void *fixture;

	if (fixture_setup(&fixture) != 0)
		return -1;
	n->f = fixture;
	n->a = n->f->s;
	if (engine_fixture_is_pg())
		assert_ok(store_open(&n->f->conf, &n->b, NULL));
	*state = n;
	return 0;
}

static int
teardown(void **state)
{
	struct nodes *n = *state;
	void *fixture = n->f;

	clock_fake_stop();
	store_close(n->b);
	n->f->s = n->a;
	free(n);
	return fixture_teardown(&fixture);
}

static void
join_both(struct nodes *n)
{
	clock_fake_start(START_MS);
	assert_ok(store_node_join(n->a, SPAN("a"), SPAN("host-a")));
	assert_ok(store_node_join(n->b, SPAN("b"), SPAN("host-b")));
}

/* Time passes; only those who are not NULL beat. */
static void
pass(struct store *one, struct store *two, uint64_t ms)
{
	for (uint64_t done = 0; done < ms; done += STORE_NODE_BEAT_MS) {
		clock_fake_advance(STORE_NODE_BEAT_MS);
		if (one)
			assert_ok(store_node_beat(one));
		if (two)
			assert_ok(store_node_beat(two));
	}
}

static enum store_node_state
state_of(struct nodes *n, struct store *s, const char *name, uint64_t *ret_life)
{
	struct store_node *list;
	size_t count;

	assert_ok(store_node_list(s, n->f->a, &list, &count));
	for (size_t i = 0; i < count; i++) {
		if (!span_is(list[i].name, name))
			continue;
		if (ret_life)
			*ret_life = list[i].life;
		return list[i].state;
	}
	fail_msg("no node %s", name);
	return STORE_NODE_DEAD;
}

static void
add_entries(struct nodes *n, struct store *s, size_t count)
{
	struct store_content *content = fixture_content(n->f, "a message");
	struct store_queue_rcpt rcpt = { .address = SPAN("x@other.example") };

	for (size_t i = 0; i < count; i++) {
		struct store_queue_entry e = { .hop = SPAN("other.example"),
			                       .rcpts = &rcpt,
			                       .n_rcpts = 1,
			                       .next_ms = 1 };

		assert_ok(store_queue_add(s, &e, 1, content));
	}
	store_content_free(content);
}

static enum rc
lease(struct nodes *n, struct store *s, struct store_queue_entry *ret)
{
	int64_t next;

	return store_queue_lease(s, false, clock_wall_ms(), 24 * HOUR_MS, n->f->a, ret,
	                         &next);
}

static void
a_node_is_shown_by_its_name(void **state)
{
	struct nodes *n = *state;
	struct store_node *list;
	size_t count;

	clock_fake_start(START_MS);
	assert_true(store_node_is_live(n->a));
	assert_ok(store_node_list(n->a, n->f->a, &list, &count));
	assert_int_equal(count, 0);
	assert_rc(store_node_join(n->a, SPAN(""), SPAN("x")), RC_INVALID);
	assert_ok(store_node_join(n->a, SPAN("one"), SPAN("host.example")));
	clock_fake_advance(2000);
	assert_ok(store_node_beat(n->a));
	assert_ok(store_node_list(n->a, n->f->a, &list, &count));
	assert_int_equal(count, 1);
	assert_true(span_is(list[0].name, "one"));
	assert_true(span_is(list[0].host, "host.example"));
	assert_true(span_is(list[0].version, GODWIT_VERSION));
	assert_int_equal(list[0].state, STORE_NODE_ALIVE);
	assert_int_equal(list[0].started_ms, START_MS);
	assert_int_equal(list[0].seen_ms, START_MS + 2000);
	assert_true(list[0].life == store_node_life(n->a) && list[0].life > 0);
	assert_ok(store_node_leave(n->a));
	assert_int_equal(state_of(n, n->a, "one", NULL), STORE_NODE_STOPPED);
	assert_ok(store_node_leave(n->a));
}

static void
a_node_that_comes_again_frees_what_its_earlier_life_held(void **state)
{
	struct nodes *n = *state;
	struct store_queue_entry dead;
	struct store_queue_entry e;
	struct span address = SPAN("x@other.example");

	clock_fake_start(START_MS);
	assert_ok(store_node_join(n->a, SPAN("one"), SPAN("")));
	add_entries(n, n->a, 1);
	assert_ok(lease(n, n->a, &dead));
	assert_rc(lease(n, n->a, &e), RC_NOT_FOUND);
	assert_ok(store_queue_holds(n->a, &dead));
	assert_ok(store_node_join(n->a, SPAN("one"), SPAN("")));
	assert_rc(store_queue_holds(n->a, &dead), RC_CONFLICT);
	assert_ok(lease(n, n->a, &e));
	assert_int_equal(e.id, dead.id);
	assert_rc(store_queue_done(n->a, &dead, &address, 1), RC_CONFLICT);
	assert_rc(store_queue_put_back(n->a, &dead, 0), RC_CONFLICT);
	/* Who leaves leaves nothing behind. */
	assert_ok(store_node_leave(n->a));
	assert_rc(store_queue_holds(n->a, &e), RC_CONFLICT);
}

static void
what_is_put_back_was_not_tried(void **state)
{
	struct nodes *n = *state;
	struct store_queue_entry e;

	clock_fake_start(START_MS);
	add_entries(n, n->a, 1);
	assert_ok(lease(n, n->a, &e));
	assert_ok(store_queue_put_back(n->a, &e, START_MS + 50));
	assert_rc(lease(n, n->a, &e), RC_NOT_FOUND);
	clock_fake_advance(50);
	assert_ok(lease(n, n->a, &e));
	assert_int_equal(e.attempts, 0);
}

static void
who_stands_still_is_called_dead_and_another_takes_over(void **state)
{
	struct nodes *n = *state;
	struct store_queue_entry held;
	struct store_queue_entry e;
	struct span address = SPAN("x@other.example");
	uint64_t first;
	uint64_t second;

	if (!n->b)
		skip();
	join_both(n);
	first = store_node_life(n->a);
	add_entries(n, n->a, 1);
	assert_ok(lease(n, n->a, &held));
	pass(NULL, n->b, STORE_NODE_DEAD_MS - STORE_NODE_BEAT_MS);
	assert_int_equal(state_of(n, n->b, "a", NULL), STORE_NODE_ALIVE);
	assert_rc(lease(n, n->b, &e), RC_NOT_FOUND);
	pass(NULL, n->b, 2 * STORE_NODE_BEAT_MS);
	assert_int_equal(state_of(n, n->b, "a", NULL), STORE_NODE_DEAD);
	assert_ok(lease(n, n->b, &e));
	assert_int_equal(e.id, held.id);

	/* It was only asleep: it knows that it may be dead, and changes nothing. */
	assert_false(store_node_is_live(n->a));
	add_entries(n, n->b, 1);
	assert_rc(lease(n, n->a, &held), RC_AGAIN);
	held = e;
	held.lease++;
	assert_rc(store_queue_holds(n->a, &held), RC_CONFLICT);
	assert_rc(store_queue_done(n->a, &held, &address, 1), RC_CONFLICT);
	assert_rc(store_queue_retry(n->a, &held, 0, SPAN(""), false), RC_CONFLICT);
	assert_ok(store_node_beat(n->a));
	assert_true(store_node_is_live(n->a));
	assert_int_equal(state_of(n, n->a, "a", &second), STORE_NODE_ALIVE);
	assert_int_not_equal(first, second);
	assert_ok(lease(n, n->a, &held));
	assert_ok(store_queue_done(n->b, &e, &address, 1));
}

static void
who_beats_keeps_what_it_holds(void **state)
{
	struct nodes *n = *state;
	struct store_queue_entry held;
	struct store_queue_entry e;

	if (!n->b)
		skip();
	join_both(n);
	add_entries(n, n->a, 1);
	assert_ok(lease(n, n->a, &held));
	pass(n->a, n->b, 120000);
	assert_int_equal(state_of(n, n->b, "a", NULL), STORE_NODE_ALIVE);
	assert_int_equal(state_of(n, n->a, "b", NULL), STORE_NODE_ALIVE);
	assert_true(store_node_is_live(n->a));
	assert_rc(lease(n, n->b, &e), RC_NOT_FOUND);
	assert_ok(store_queue_holds(n->a, &held));
}

/* The wall clocks of nodes differ: only the clock of who watches counts. */
static void
a_clock_that_is_wrong_kills_nobody(void **state)
{
	struct nodes *n = *state;

	if (!n->b)
		skip();
	join_both(n);
	for (int i = 0; i < 5; i++) {
		clock_fake_advance(STORE_NODE_BEAT_MS);
		clock_fake_start(START_MS - 24 * HOUR_MS + i * 1000);
		assert_ok(store_node_beat(n->a));
		clock_fake_start(START_MS + 24 * HOUR_MS + i * 1000);
		assert_ok(store_node_beat(n->b));
	}
	assert_int_equal(state_of(n, n->b, "a", NULL), STORE_NODE_ALIVE);
	assert_int_equal(state_of(n, n->a, "b", NULL), STORE_NODE_ALIVE);
}

static void
a_name_has_one_node(void **state)
{
	struct nodes *n = *state;
	struct store_queue_entry e;

	if (!n->b)
		skip();
	clock_fake_start(START_MS);
	assert_ok(store_node_join(n->a, SPAN("same"), SPAN("")));
	assert_ok(store_node_join(n->b, SPAN("same"), SPAN("")));
	add_entries(n, n->b, 1);
	pass(n->a, n->b, STORE_NODE_BEAT_MS);
	assert_false(store_node_is_live(n->a));
	assert_rc(lease(n, n->a, &e), RC_AGAIN);
	assert_true(store_node_is_live(n->b));
	assert_ok(lease(n, n->b, &e));
	assert_ok(store_node_leave(n->b));
	pass(n->a, NULL, STORE_NODE_BEAT_MS);
	assert_true(store_node_is_live(n->a));
	assert_ok(lease(n, n->a, &e));
}

/* --- side by side --- */

#define WORKERS 4
#define ENTRIES 40

struct worker {
	struct nodes *n;
	struct store *s;
	uint64_t ids[ENTRIES];
	size_t count;
	enum rc rc;
};

static void *
work(void *arg)
{
	AUTO(arena)
	struct arena *a = arena_new();
	struct worker *w = arg;
	struct span address = SPAN("x@other.example");
	struct store_queue_entry e;
	int64_t next = 0;

	for (;;) {
		w->rc = store_queue_lease(w->s, false, 10, HOUR_MS, a, &e, &next);
		if (w->rc == RC_NOT_FOUND && next < HOUR_MS)
			continue; /* another is at it */
		if (w->rc)
			break;
		assert_true(w->count < ENTRIES);
		w->ids[w->count++] = e.id;
		w->rc = store_queue_done(w->s, &e, &address, 1);
		if (w->rc)
			break;
	}
	return NULL;
}

static int
compare_ids(const void *pa, const void *pb)
{
	const uint64_t *a = pa;
	const uint64_t *b = pb;

	return *a < *b ? -1 : *a > *b;
}

static void
runners_share_the_queue_and_none_takes_what_another_has(void **state)
{
	struct nodes *n = *state;
	struct worker w[WORKERS];
	pthread_t t[WORKERS];
	uint64_t all[ENTRIES];
	size_t count = 0;

	if (!n->b)
		skip();
	add_entries(n, n->a, ENTRIES / 2);
	add_entries(n, n->b, ENTRIES / 2);
	for (int i = 0; i < WORKERS; i++) {
		w[i] = (struct worker){ .n = n, .s = i % 2 ? n->a : n->b };
		assert_int_equal(pthread_create(&t[i], NULL, work, &w[i]), 0);
	}
	for (int i = 0; i < WORKERS; i++) {
		pthread_join(t[i], NULL);
		assert_rc(w[i].rc, RC_NOT_FOUND);
		for (size_t k = 0; k < w[i].count; k++) {
			assert_true(count < ENTRIES);
			all[count++] = w[i].ids[k];
		}
	}
	assert_int_equal(count, ENTRIES);
	qsort(all, count, sizeof(*all), compare_ids);
	for (size_t i = 1; i < count; i++)
		assert_true(all[i] != all[i - 1]);
}

#define ROUNDS 15

struct changer {
	struct nodes *n;
	struct store *s;
	uint32_t uid;
	int number;
	uint64_t modseqs[ROUNDS];
	enum rc rc;
};

static enum rc
change_once(struct changer *c, int round)
{
	AUTO(arena)
	struct arena *a = arena_new();
	AUTO(store_tx)
	struct store_tx *tx = NULL;
	struct store_actor who = { .protocol = "test" };
	struct store_item item;
	struct store_item_change ch = { .set_keywords = true };
	enum rc rc = store_write(c->s, c->n->f->user, &who, &tx);

	if (!rc)
		rc = store_item_load(tx, c->n->f->inbox, c->uid, a, &item);
	if (rc)
		return rc;
	ch.keywords =
		span_str(arena_printf(a, "%.*s%sk%d-%d", SPAN_FMT(item.keywords),
	                              item.keywords.n ? " " : "", c->number, round));
	rc = store_item_update(tx, c->n->f->inbox, c->uid, &ch, &c->modseqs[round]);
	return rc ? rc : store_commit(&tx);
}

static void *
change(void *arg)
{
	struct changer *c = arg;

	for (int i = 0; !c->rc && i < ROUNDS; i++)
		c->rc = change_once(c, i);
	return NULL;
}

static void
two_nodes_that_change_one_item_have_one_order_and_lose_nothing(void **state)
{
	struct nodes *n = *state;
	struct changer c[2];
	pthread_t t[2];
	uint64_t all[2 * ROUNDS];
	struct store_item item;
	struct store_tx *tx;
	uint32_t uid;
	size_t words = 1;

	if (!n->b)
		skip();
	uid = fixture_add(n->f, n->f->inbox, "x");
	for (int i = 0; i < 2; i++) {
		c[i] = (struct changer){
			.n = n, .s = i ? n->b : n->a, .uid = uid, .number = i
		};
		assert_int_equal(pthread_create(&t[i], NULL, change, &c[i]), 0);
	}
	for (int i = 0; i < 2; i++) {
		pthread_join(t[i], NULL);
		assert_ok(c[i].rc);
		memcpy(all + i * ROUNDS, c[i].modseqs, sizeof(c[i].modseqs));
	}
	qsort(all, ARRAY_LEN(all), sizeof(*all), compare_ids);
	for (size_t i = 1; i < ARRAY_LEN(all); i++)
		assert_int_equal(all[i], all[i - 1] + 1);
	tx = fixture_read(n->f);
	assert_ok(store_item_load(tx, n->f->inbox, uid, n->f->a, &item));
	assert_int_equal(item.modseq, all[ARRAY_LEN(all) - 1]);
	for (size_t i = 0; i < item.keywords.n; i++)
		words += item.keywords.p[i] == ' ';
	assert_int_equal(words, ARRAY_LEN(all));
	assert_ok(store_commit(&tx));
	fixture_check(n->f, n->f->user);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_node_is_shown_by_its_name),
		TEST(a_node_that_comes_again_frees_what_its_earlier_life_held),
		TEST(what_is_put_back_was_not_tried),
		TEST(who_stands_still_is_called_dead_and_another_takes_over),
		TEST(who_beats_keeps_what_it_holds),
		TEST(a_clock_that_is_wrong_kills_nobody),
		TEST(a_name_has_one_node),
		TEST(runners_share_the_queue_and_none_takes_what_another_has),
		TEST(two_nodes_that_change_one_item_have_one_order_and_lose_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
