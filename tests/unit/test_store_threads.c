/* SPDX-License-Identifier: ISC
 *
 * test_store_threads.c - several users at once: writers, readers, deliveries, a sweep.
 */
#include <pthread.h>
#include <stdatomic.h>

#include "base/mem.h"
#include "store/store_deliver.h"
#include "store/store_private.h"
#include "tests/unit/store_fixture.h"

#define USERS 6
#define THREADS 8
#define STEPS 60

struct crowd {
	struct fixture *f;
	uint64_t users[USERS];
	atomic_uint moved;
	atomic_uint added;
	atomic_uint failures;
};

struct member {
	struct crowd *c;
	unsigned number;
};

static void
hear(const struct store_moved *moved, size_t n, void *arg)
{
	struct crowd *c = arg;

	for (size_t i = 0; i < n; i++) {
		atomic_fetch_add(&c->moved, 1);
		if (moved[i].modseq == 0 || moved[i].user == 0)
			atomic_fetch_add(&c->failures, 1);
	}
}

static enum rc
add_one(struct crowd *c, uint64_t user, unsigned number)
{
	AUTO(store_tx)
	struct store_tx *tx = NULL;
	AUTO(store_content)
	struct store_content *content = NULL;
	struct store_actor who = { .device = number, .protocol = "test" };
	struct store_item_new item = { .received_ms = number };
	struct store_item_change seen = { .flags_on = STORE_FLAG_SEEN };
	uint32_t uid;
	enum rc rc = store_content_new(c->f->s, SPAN("some text"), SPAN(""), &content);

	if (!rc)
		rc = store_write(c->f->s, user, &who, &tx);
	if (!rc)
		rc = store_item_add(tx, 1, content, &item, &uid, NULL);
	if (!rc)
		rc = store_item_update(tx, 1, uid, &seen, NULL);
	if (!rc && number % 5 == 4)
		return RC_OK; /* rolled back */
	if (!rc)
		rc = store_commit(&tx);
	if (!rc)
		atomic_fetch_add(&c->added, 1);
	return rc;
}

static enum rc
deliver_all(struct crowd *c)
{
	AUTO(store_content)
	struct store_content *content = NULL;
	struct store_delivery d[USERS];
	enum rc rc = store_content_new(c->f->s, SPAN("to all"), SPAN(""), &content);

	for (unsigned i = 0; i < USERS; i++)
		d[i] = (struct store_delivery){ .user = c->users[i],
			                        .folder = STORE_ROLE_INBOX };
	if (!rc)
		rc = store_deliver(c->f->s, content, NULL, 1, d, USERS);
	if (!rc)
		atomic_fetch_add(&c->added, USERS);
	return rc;
}

/* A snapshot agrees with itself whatever others do. */
static enum rc
read_one(struct crowd *c, uint64_t user)
{
	AUTO(store_tx)
	struct store_tx *tx = NULL;
	AUTO(arena)
	struct arena *a = arena_new();
	struct store_change_query q = { .collection = 1 };
	struct store_collection box;
	struct store_change *changes;
	uint32_t *uids;
	uint64_t next;
	bool more;
	size_t n_uids;
	size_t n;
	enum rc rc = store_read(c->f->s, user, &tx);

	if (!rc)
		rc = store_collection_load(tx, 1, a, &box);
	if (!rc)
		rc = store_item_uids(tx, 1, a, &uids, &n_uids);
	if (!rc)
		rc = store_changes(tx, &q, a, &changes, &n, &next, &more);
	if (!rc && (n != n_uids || box.exists != n || next != store_tx_modseq(tx)))
		rc = RC_CONFLICT;
	return rc ? rc : store_commit(&tx);
}

static void *
member_main(void *arg)
{
	struct member *m = arg;
	struct crowd *c = m->c;
	uint64_t removed;

	for (unsigned i = 0; i < STEPS; i++) {
		unsigned what = (m->number * 7 + i * 13) % 20;
		uint64_t user = c->users[(m->number + i) % USERS];
		enum rc rc;

		if (what < 9)
			rc = add_one(c, user, m->number * 100 + i);
		else if (what < 11)
			rc = deliver_all(c);
		else if (what == 11)
			rc = store_sweep(c->f->s, &removed);
		else
			rc = read_one(c, user);
		if (rc) {
			fprintf(stderr, "step %u: %s\n", what, rc_str(rc));
			atomic_fetch_add(&c->failures, 1);
		}
	}
	return NULL;
}

static void
many_users_at_once_do_not_disturb_each_other(void **state)
{
	struct fixture *f = *state;
	struct crowd c = { .f = f };
	struct member members[THREADS];
	pthread_t t[THREADS];
	struct engine_stats stats;
	unsigned total = 0;

	for (unsigned i = 0; i < USERS; i++) {
		char name[16];

		snprintf(name, sizeof(name), "u%u", i);
		c.users[i] = fixture_user(f, name);
	}
	store_on_commit(f->s, hear, &c);
	for (unsigned i = 0; i < THREADS; i++) {
		members[i] = (struct member){ &c, i };
		assert_int_equal(pthread_create(&t[i], NULL, member_main, &members[i]),
		                 0);
	}
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
	assert_int_equal(atomic_load(&c.failures), 0);
	for (unsigned i = 0; i < USERS; i++) {
		struct store_collection box;
		struct store_tx *tx = NULL;

		fixture_check(f, c.users[i]);
		assert_ok(store_read(f->s, c.users[i], &tx));
		assert_ok(store_collection_load(tx, 1, f->a, &box));
		assert_ok(store_commit(&tx));
		total += box.exists;
	}
	assert_int_equal(total, atomic_load(&c.added));
	assert_int_equal(atomic_load(&c.moved), atomic_load(&c.added));
	engine_stats(f->s->engine, &stats);
	if (!engine_fixture_is_pg() && stats.commits >= stats.members)
		fail_msg("%d transactions took %d commits", (int)stats.members,
		         (int)stats.commits);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			many_users_at_once_do_not_disturb_each_other, fixture_setup,
			fixture_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
