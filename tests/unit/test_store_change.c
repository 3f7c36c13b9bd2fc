/* SPDX-License-Identifier: ISC
 *
 * test_store_change.c - the change log, held against a naive model and simulated devices.
 */
#include "base/mem.h"
#include "store/store_private.h"
#include "tests/unit/store_fixture.h"

#define ITEMS_MAX 3000
#define DEVICES 4

/* What the store should know of one item. */
struct model_item {
	bool used;
	bool gone;
	uint64_t created;
	uint64_t modseq;
	uint64_t expunged;
	uint32_t flags;
	int64_t received_ms;
	uint32_t creator;
	uint32_t writer;
	uint64_t writer_saw;
	uint32_t gone_by;
};

/* What a simulated device believes. */
struct device {
	uint64_t since;
	bool has[ITEMS_MAX];
	uint32_t flags[ITEMS_MAX];
};

struct world {
	struct fixture *f;
	struct store_content *content;
	uint64_t seed;
	uint32_t uid_next;
	uint64_t modseq;
	struct model_item items[ITEMS_MAX]; /* by uid, of the inbox */
	struct device devices[DEVICES + 1]; /* by number, from 1 */
};

static uint64_t
rnd(struct world *w, uint64_t n)
{
	w->seed ^= w->seed << 13;
	w->seed ^= w->seed >> 7;
	w->seed ^= w->seed << 17;
	return w->seed % n;
}

static struct world *
world_new(struct fixture *f, uint64_t seed)
{
	struct world *w = xcalloc(1, sizeof(*w));
	struct store_tx *tx = fixture_read(f);

	w->f = f;
	w->seed = seed;
	w->uid_next = 1;
	w->content = fixture_content(f, "content");
	w->modseq = store_tx_modseq(tx);
	assert_ok(store_commit(&tx));
	for (int i = 1; i <= DEVICES; i++)
		w->devices[i].since = w->modseq;
	return w;
}

static void
world_free(struct world *w)
{
	store_content_free(w->content);
	free(w);
}

static uint32_t
some_living(struct world *w, uint32_t device)
{
	for (int tries = 0; tries < 20 && w->uid_next > 1; tries++) {
		uint32_t uid = 1 + (uint32_t)rnd(w, w->uid_next - 1);

		if (w->items[uid].gone || (device && !w->devices[device].has[uid]))
			continue;
		return uid;
	}
	return 0;
}

static void
do_add(struct world *w, struct store_tx *tx, uint32_t device)
{
	struct store_item_new item = { .received_ms = 1 + (int64_t)rnd(w, 1000) };
	struct model_item *m = &w->items[w->uid_next];
	uint32_t uid;
	uint64_t modseq;

	if (w->uid_next + 1 >= ITEMS_MAX)
		return;
	assert_ok(store_item_add(tx, w->f->inbox, w->content, &item, &uid, &modseq));
	assert_int_equal(uid, w->uid_next);
	assert_int_equal(modseq, ++w->modseq);
	w->uid_next++;
	*m = (struct model_item){
		.used = true,
		.created = modseq,
		.modseq = modseq,
		.received_ms = item.received_ms,
		.creator = device,
		.writer = device,
	};
	if (device) {
		w->devices[device].has[uid] = true;
		w->devices[device].flags[uid] = 0;
	}
}

static void
do_update(struct world *w, struct store_tx *tx, uint32_t device, uint32_t uid)
{
	struct model_item *m = &w->items[uid];
	struct store_item_change c = { .flags_on = (uint32_t)rnd(w, 8),
		                       .flags_off = (uint32_t)rnd(w, 8) };
	uint32_t flags = (m->flags | c.flags_on) & ~c.flags_off;
	uint64_t modseq;

	assert_ok(store_item_update(tx, w->f->inbox, uid, &c, &modseq));
	if (flags != m->flags) {
		if (m->writer != device)
			m->writer_saw = m->modseq;
		m->writer = device;
		m->modseq = ++w->modseq;
		m->flags = flags;
	}
	assert_int_equal(modseq, m->modseq);
	if (device) {
		uint32_t *mine = &w->devices[device].flags[uid];

		*mine = (*mine | c.flags_on) & ~c.flags_off;
	}
}

static void
do_expunge(struct world *w, struct store_tx *tx, uint32_t device, uint32_t uid)
{
	struct model_item *m = &w->items[uid];

	assert_ok(store_item_expunge(tx, w->f->inbox, uid));
	m->gone = true;
	m->expunged = ++w->modseq;
	m->gone_by = device;
	if (device)
		w->devices[device].has[uid] = false;
}

/* One transaction of one to three changes. A device changes only what it has. */
static void
step(struct world *w)
{
	uint32_t device = (uint32_t)rnd(w, DEVICES + 1);
	struct store_tx *tx = fixture_write(w->f, device);

	for (uint64_t n = 1 + rnd(w, 3); n > 0; n--) {
		uint64_t what = rnd(w, 10);
		uint32_t uid = some_living(w, device);

		if (what < 3 || uid == 0)
			do_add(w, tx, device);
		else if (what < 8)
			do_update(w, tx, device, uid);
		else
			do_expunge(w, tx, device, uid);
	}
	assert_int_equal(store_tx_modseq(tx), w->modseq);
	assert_ok(store_commit(&tx));
}

static int
compare(const void *pa, const void *pb)
{
	const struct store_change *a = pa;
	const struct store_change *b = pb;

	return a->modseq < b->modseq ? -1 : a->modseq > b->modseq;
}

/* The definition in store_change.h, item by item. */
static size_t
naive(const struct world *w, const struct store_change_query *q, struct store_change *out)
{
	uint64_t until = q->until && q->until < w->modseq ? q->until : w->modseq;
	uint32_t d = q->not_by_device;
	size_t n = 0;

	for (uint32_t uid = 1; uid < w->uid_next; uid++) {
		const struct model_item *m = &w->items[uid];
		bool known = m->created <= q->since || (d && m->creator == d);
		struct store_change c = { .item.uid = uid };

		if (m->gone) {
			c.kind = STORE_CHANGE_EXPUNGE;
			c.modseq = m->expunged;
			if (!known || (d && m->gone_by == d))
				continue;
		} else {
			c.kind = known ? STORE_CHANGE_UPDATE : STORE_CHANGE_ADD;
			c.modseq = !known                  ? m->created
			           : (d && m->writer == d) ? m->writer_saw
			                                   : m->modseq;
			if (m->received_ms < q->received_since_ms)
				continue;
		}
		if (c.modseq > q->since && c.modseq <= until)
			out[n++] = c;
	}
	if (n > 0)
		qsort(out, n, sizeof(*out), compare);
	return n;
}

static void
compare_with_model(struct world *w, struct store_tx *tx)
{
	static struct store_change want[ITEMS_MAX];
	AUTO(arena)
	struct arena *a = arena_new();
	struct store_change_query q = {
		.collection = w->f->inbox,
		.since = rnd(w, 4) ? w->modseq - rnd(w, w->modseq < 60 ? w->modseq : 60)
		                   : rnd(w, w->modseq + 1),
		.limit = rnd(w, 2) ? 1 + rnd(w, 12) : 0,
		.not_by_device = (uint32_t)rnd(w, DEVICES + 1),
		.received_since_ms = rnd(w, 3) ? 0 : (int64_t)rnd(w, 1000),
	};
	uint64_t top = q.since < w->modseq ? w->modseq : q.since;
	struct store_change *got;
	uint64_t next;
	bool more;
	bool any;
	size_t n;
	size_t n_want;

	if (rnd(w, 3) == 0)
		top = q.until = q.since + 1 + rnd(w, 40);
	if (top > w->modseq)
		top = w->modseq;
	n_want = naive(w, &q, want);
	assert_ok(store_changes(tx, &q, a, &got, &n, &next, &more));
	assert_ok(store_has_changes(tx, &q, &any));
	assert_int_equal(any, n_want > 0);
	assert_int_equal(more, q.limit > 0 && n_want > q.limit);
	assert_int_equal(n, more ? q.limit : n_want);
	assert_int_equal(next, more ? got[n - 1].modseq : top > q.since ? top : q.since);
	for (size_t i = 0; i < n; i++) {
		const struct model_item *m = &w->items[want[i].item.uid];

		assert_int_equal(got[i].item.uid, want[i].item.uid);
		assert_int_equal(got[i].kind, want[i].kind);
		assert_int_equal(got[i].modseq, want[i].modseq);
		assert_int_equal(got[i].item.created, m->created);
		assert_int_equal(got[i].item.received_ms, m->received_ms);
		if (got[i].kind == STORE_CHANGE_EXPUNGE)
			continue;
		assert_int_equal(got[i].item.modseq, m->modseq);
		assert_int_equal(got[i].item.flags, m->flags);
		assert_int_equal(got[i].item.writer, m->writer);
		assert_int_equal(got[i].item.writer_saw, m->writer_saw);
	}
}

static void
compare_backfill(struct world *w, struct store_tx *tx)
{
	AUTO(arena)
	struct arena *a = arena_new();
	uint64_t snapshot = rnd(w, 3) ? w->modseq : rnd(w, w->modseq + 1);
	uint32_t before = rnd(w, 2) ? 0 : 1 + (uint32_t)rnd(w, w->uid_next);
	int64_t since = rnd(w, 2) ? 0 : (int64_t)rnd(w, 1000);
	size_t limit = 1 + rnd(w, 30);
	struct store_item *got;
	uint64_t count;
	uint64_t want_count = 0;
	size_t i = 0;
	size_t n;
	bool more;
	bool want_more = false;

	assert_ok(store_backfill(tx, w->f->inbox, snapshot, before, since, limit, a, &got,
	                         &n, &more));
	for (uint32_t uid = before ? before - 1 : w->uid_next - 1; uid > 0; uid--) {
		const struct model_item *m = &w->items[uid];

		if (!m->used || m->gone || m->created > snapshot ||
		    m->received_ms < since)
			continue;
		if (i == limit) {
			want_more = true;
			break;
		}
		assert_true(i < n);
		assert_int_equal(got[i++].uid, uid);
	}
	assert_int_equal(i, n);
	assert_int_equal(more, want_more);
	for (uint32_t uid = 1; uid < w->uid_next; uid++)
		want_count += !w->items[uid].gone && w->items[uid].received_ms >= since;
	assert_ok(store_items_count(tx, w->f->inbox, since, &count));
	assert_int_equal(count, want_count);
}

static void
compare_window(struct world *w, struct store_tx *tx)
{
	AUTO(arena)
	struct arena *a = arena_new();
	int64_t from = (int64_t)rnd(w, 1000);
	int64_t to = from + (int64_t)rnd(w, 200);
	uint32_t after = (uint32_t)rnd(w, w->uid_next);
	uint64_t snapshot = rnd(w, 2) ? w->modseq : rnd(w, w->modseq + 1);
	size_t limit = 1 + rnd(w, 20);
	struct store_item *got;
	size_t i = 0;
	size_t n;

	assert_ok(store_items_received(tx, w->f->inbox, snapshot, from, to, after, limit,
	                               a, &got, &n));
	for (uint32_t uid = after + 1; uid < w->uid_next && i < limit; uid++) {
		const struct model_item *m = &w->items[uid];

		if (m->gone || m->created > snapshot || m->received_ms < from ||
		    m->received_ms >= to)
			continue;
		assert_true(i < n);
		assert_int_equal(got[i++].uid, uid);
	}
	assert_int_equal(i, n);
}

/* The device asks once, for at most limit changes, and does what it is told. */
static bool
sync_once(struct world *w, uint32_t number, size_t limit)
{
	AUTO(arena)
	struct arena *a = arena_new();
	struct device *d = &w->devices[number];
	struct store_change_query q = {
		.collection = w->f->inbox,
		.since = d->since,
		.until = rnd(w, 4) == 0 ? d->since + rnd(w, 20) : 0,
		.limit = limit,
		.not_by_device = number,
	};
	struct store_tx *tx = fixture_read(w->f);
	struct store_change *got;
	bool more;
	size_t n;

	assert_ok(store_changes(tx, &q, a, &got, &n, &d->since, &more));
	for (size_t i = 0; i < n; i++) {
		uint32_t uid = got[i].item.uid;

		switch (got[i].kind) {
		case STORE_CHANGE_ADD:
			assert_false(d->has[uid]);
			d->has[uid] = true;
			d->flags[uid] = got[i].item.flags;
			break;
		case STORE_CHANGE_UPDATE:
			assert_true(d->has[uid]);
			d->flags[uid] = got[i].item.flags;
			break;
		case STORE_CHANGE_EXPUNGE:
			d->has[uid] = false;
			break;
		}
	}
	assert_ok(store_commit(&tx));
	return more || d->since < w->modseq;
}

static void
random_changes_agree_with_a_naive_model(void **state)
{
	struct fixture *f = *state;
	struct world *w = world_new(f, 0x9e3779b97f4a7c15);

	for (int i = 0; i < 1200; i++) {
		step(w);
		if (i % 4 == 0) {
			struct store_tx *tx =
				i % 3 ? fixture_read(f) : fixture_write(f, 0);

			for (int j = 0; j < 6; j++) {
				compare_with_model(w, tx);
				compare_backfill(w, tx);
				compare_window(w, tx);
			}
			assert_ok(store_commit(&tx));
		}
	}
	fixture_check(f, f->user);
	world_free(w);
}

/* Adds once only, updates only of what it has, and at the end the same as the server:
 * with small answers, changes between them, and the devices' own changes left out. */
static void
devices_that_sync_in_pieces_end_with_what_the_server_has(void **state)
{
	struct fixture *f = *state;

	for (uint64_t seed = 1; seed <= 4; seed++) {
		struct world *w = world_new(f, seed * 7919);

		f->inbox = 0;
		struct store_tx *tx = fixture_write(f, 0);
		char name[16];

		snprintf(name, sizeof(name), "box %d", (int)seed);
		assert_ok(store_collection_create(tx, 0, span_str(name), STORE_CLASS_MAIL,
		                                  STORE_ROLE_NONE, &f->inbox));
		w->modseq = store_tx_modseq(tx);
		assert_ok(store_commit(&tx));
		for (int i = 1; i <= DEVICES; i++)
			w->devices[i].since = w->modseq;
		for (int i = 0; i < 400; i++) {
			step(w);
			if (rnd(w, 2))
				(void)sync_once(w, 1 + (uint32_t)rnd(w, DEVICES),
				                1 + rnd(w, 4));
		}
		for (uint32_t d = 1; d <= DEVICES; d++) {
			while (sync_once(w, d, 1 + rnd(w, 9)))
				continue;
			for (uint32_t uid = 1; uid < w->uid_next; uid++) {
				const struct model_item *m = &w->items[uid];

				assert_int_equal(w->devices[d].has[uid], !m->gone);
				if (!m->gone)
					assert_int_equal(w->devices[d].flags[uid],
					                 m->flags);
			}
		}
		world_free(w);
	}
}

static void
an_item_that_came_and_went_is_not_shown(void **state)
{
	struct fixture *f = *state;
	struct store_tx *tx = fixture_read(f);
	struct store_change_query q = { .collection = f->inbox,
		                        .since = store_tx_modseq(tx) };
	struct store_change *got;
	uint64_t next;
	uint32_t uid;
	bool more;
	bool any;
	size_t n;

	assert_ok(store_commit(&tx));
	uid = fixture_add(f, f->inbox, "x");
	tx = fixture_write(f, 0);
	assert_ok(store_item_expunge(tx, f->inbox, uid));
	assert_ok(store_commit(&tx));
	tx = fixture_read(f);
	assert_ok(store_changes(tx, &q, f->a, &got, &n, &next, &more));
	assert_ok(store_has_changes(tx, &q, &any));
	assert_int_equal(n, 0);
	assert_false(any);
	assert_int_equal(next, store_tx_modseq(tx));
	assert_ok(store_commit(&tx));
}

static void
an_unknown_collection_has_no_changes(void **state)
{
	struct fixture *f = *state;
	struct store_change_query q = { .collection = 4711 };
	struct store_tx *tx = fixture_read(f);
	struct store_change *got;
	uint64_t next;
	bool more;
	size_t n;

	assert_rc(store_changes(tx, &q, f->a, &got, &n, &next, &more), RC_NOT_FOUND);
	assert_rc(store_has_changes(tx, &q, &more), RC_NOT_FOUND);
	assert_ok(store_commit(&tx));
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(random_changes_agree_with_a_naive_model),
		TEST(devices_that_sync_in_pieces_end_with_what_the_server_has),
		TEST(an_item_that_came_and_went_is_not_shown),
		TEST(an_unknown_collection_has_no_changes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
