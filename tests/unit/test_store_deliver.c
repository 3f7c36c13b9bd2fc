/* SPDX-License-Identifier: ISC
 *
 * test_store_deliver.c - one message to many users of several shards.
 */
#include "store/store_deliver.h"

#include "format/mime_text.h"
#include "format/mime_thread.h"
#include "store/store_conversation.h"
#include "store/store_private.h"
#include "tests/unit/store_fixture.h"

#define USERS 12

struct heard {
	struct store_moved moved[64];
	size_t n;
	size_t calls;
};

static void
hear(const struct store_moved *moved, size_t n, void *arg)
{
	struct heard *h = arg;

	h->calls++;
	for (size_t i = 0; i < n; i++)
		h->moved[h->n++] = moved[i];
}

static void
make_users(struct fixture *f, struct store_delivery *d)
{
	char name[16];

	for (int i = 0; i < USERS; i++) {
		snprintf(name, sizeof(name), "u%d", i);
		d[i] = (struct store_delivery){
			.user = fixture_user(f, name),
			.folder = i % 3 ? STORE_ROLE_INBOX : STORE_ROLE_JUNK,
			.flags = i % 3 ? 0 : STORE_FLAG_JUNK,
		};
	}
}

static size_t
delivered(struct fixture *f, const struct store_delivery *d)
{
	uint32_t id = fixture_folder(f, d->user, d->folder);
	struct store_tx *tx = NULL;
	uint32_t *uids;
	size_t n;

	assert_ok(store_read(f->s, d->user, &tx));
	assert_ok(store_item_uids(tx, id, f->a, &uids, &n));
	assert_ok(store_commit(&tx));
	fixture_check(f, d->user);
	return n;
}

static void
everyone_gets_it_and_is_told(void **state)
{
	struct fixture *f = *state;
	struct store_content *content = fixture_content(f, "to all");
	struct store_delivery d[USERS];
	struct store_actor who = { .protocol = "smtp" };
	struct engine_stats before;
	struct engine_stats after;
	struct heard h = { .n = 0 };

	make_users(f, d);
	store_on_commit(f->s, hear, &h);
	engine_stats(f->s->engine, &before);
	assert_ok(store_deliver(f->s, content, &who, 777, d, USERS));
	engine_stats(f->s->engine, &after);
	/* One a shard, which is a server on PostgreSQL. */
	assert_int_equal(after.commits - before.commits, engine_fixture_is_pg() ? 1 : 2);
	assert_int_equal(h.calls, engine_fixture_is_pg() ? 1 : 2);
	assert_int_equal(h.n, USERS);
	for (int i = 0; i < USERS; i++) {
		assert_ok(d[i].rc);
		assert_int_equal(d[i].uid, 1);
		assert_int_equal(delivered(f, &d[i]), 1);
		assert_true(h.moved[i].added);
	}
	store_content_free(content);
}

static void
one_who_cannot_get_it_does_not_keep_it_from_others(void **state)
{
	struct fixture *f = *state;
	struct store_content *content = fixture_content(f, "to all");
	struct store_delivery d[USERS];

	make_users(f, d);
	d[4].user = 4711;
	d[7].folder = STORE_ROLE_OUTBOX; /* nobody has one */
	assert_rc(store_deliver(f->s, content, NULL, 777, d, USERS), RC_NOT_FOUND);
	for (int i = 0; i < USERS; i++) {
		if (i == 4 || i == 7) {
			assert_rc(d[i].rc, RC_NOT_FOUND);
			assert_int_equal(d[i].uid, 0);
			continue;
		}
		assert_ok(d[i].rc);
		assert_int_equal(delivered(f, &d[i]), 1);
	}
	store_content_free(content);
}

/* What a delivery and an empty look cost where the database is elsewhere. */
static void
round_trips_are_few(void **state)
{
	struct fixture *f = *state;
	struct store_delivery d = { .user = f->user, .folder = STORE_ROLE_INBOX };
	struct store_change_query q = { .collection = f->inbox };
	struct engine_stats before;
	struct engine_stats after;
	struct store_tx *tx;
	bool more = true;

	if (!engine_fixture_is_pg())
		skip();
	struct store_content *content = fixture_content(f, "x");
	/* The first of each prepares its statements. */
	for (int i = 0; i < 2; i++) {
		engine_stats(f->s->engine, &before);
		assert_ok(store_deliver(f->s, content, NULL, 1, &d, 1));
		engine_stats(f->s->engine, &after);
	}
	assert_in_range(after.round_trips - before.round_trips, 1, 8);
	for (int i = 0; i < 2; i++) {
		tx = fixture_read(f);
		q.since = store_tx_modseq(tx);
		engine_stats(f->s->engine, &before);
		assert_ok(store_commit(&tx));
		tx = fixture_read(f);
		assert_ok(store_has_changes(tx, &q, &more));
		assert_ok(store_commit(&tx));
		engine_stats(f->s->engine, &after);
		assert_false(more);
	}
	assert_in_range(after.round_trips - before.round_trips, 1, 2);
	store_content_free(content);
}

static void
nobody_and_only_unknown_users_are_fine(void **state)
{
	struct fixture *f = *state;
	struct store_content *content = fixture_content(f, "x");
	struct store_delivery d = { .user = 4711, .folder = STORE_ROLE_INBOX };

	assert_ok(store_deliver(f->s, content, NULL, 1, NULL, 0));
	assert_rc(store_deliver(f->s, content, NULL, 1, &d, 1), RC_NOT_FOUND);
	store_content_free(content);
}

/* Each engine call fails once: who was told OK has it, who was not has it not. */
static void
a_failure_anywhere_is_told_truly(void **state)
{
	struct fixture *f = *state;
	struct store_content *content = fixture_content(f, "x");
	struct store_delivery d[USERS];
	size_t want[USERS] = { 0 };
	bool failed = true;

	make_users(f, d);
	for (unsigned n = 1; failed; n++) {
		enum rc rc;

		engine_fail_after(n);
		rc = store_deliver(f->s, content, NULL, 1, d, USERS);
		failed = !engine_fail_pending();
		engine_fail_after(0);
		if (!failed)
			assert_ok(rc);
		for (int i = 0; i < USERS; i++) {
			want[i] += d[i].rc == RC_OK;
			if (n % 7 == 0 || !failed)
				assert_int_equal(delivered(f, &d[i]), want[i]);
		}
	}
	store_content_free(content);
}

static void
deliver_as(struct fixture *f, uint64_t token, struct store_delivery *d, size_t n)
{
	struct store_content *content = fixture_content(f, "to all");

	for (size_t i = 0; i < n; i++)
		d[i].token = token;
	assert_ok(store_deliver(f->s, content, NULL, 777, d, n));
	store_content_free(content);
}

static void
under_one_token_each_user_gets_it_once(void **state)
{
	struct fixture *f = *state;
	struct store_delivery d[USERS];
	struct heard h = { .n = 0 };

	make_users(f, d);
	deliver_as(f, 4711, d, 5);
	fixture_close(f);
	fixture_open(f);
	store_on_commit(f->s, hear, &h);
	deliver_as(f, 4711, d, USERS);
	assert_int_equal(h.n, USERS - 5);
	for (int i = 0; i < USERS; i++) {
		assert_int_equal(d[i].uid, i < 5 ? 0 : 1);
		assert_int_equal(delivered(f, &d[i]), 1);
	}
	deliver_as(f, 4712, d, USERS);
	for (int i = 0; i < USERS; i++)
		assert_int_equal(delivered(f, &d[i]), 2);
}

static void
set_rule(struct fixture *f, const char *raw, uint32_t collection)
{
	uint8_t id[STORE_CONVERSATION_SIZE];
	struct store_tx *tx = fixture_write(f, 0);

	mime_conversation_id(mime_parse(span_str(raw), NULL, f->a)->envelope, f->a, id);
	assert_ok(store_conversation_set(tx, id, collection, 1));
	assert_ok(store_commit(&tx));
}

static uint32_t
items_in(struct fixture *f, uint32_t collection)
{
	struct store_tx *tx = fixture_read(f);
	struct store_collection c;

	assert_ok(store_collection_load(tx, collection, f->a, &c));
	assert_ok(store_commit(&tx));
	return c.exists;
}

static void
deliver_mail(struct fixture *f, const char *raw)
{
	AUTO(store_content)
	struct store_content *content = NULL;
	struct store_delivery d = { .user = f->user, .folder = STORE_ROLE_INBOX };

	assert_ok(store_content_new_mail(f->s, span_str(raw), &content));
	assert_ok(store_deliver(f->s, content, NULL, 1, &d, 1));
}

static void
a_conversation_goes_where_its_user_wants_it(void **state)
{
	static const char mail[] = "Message-ID: <2@x>\r\nReferences: <1@x>\r\n\r\nx\r\n";
	static const char other[] = "Message-ID: <3@x>\r\n\r\nx\r\n";
	struct fixture *f = *state;

	mime_text_init();
	deliver_mail(f, mail);
	assert_int_equal(items_in(f, f->inbox), 1);
	set_rule(f, mail, f->trash);
	deliver_mail(f, mail);
	deliver_mail(f, other);
	assert_int_equal(items_in(f, f->trash), 1);
	assert_int_equal(items_in(f, f->inbox), 2);
	/* The last word counts, and a folder that is none stops nothing. */
	set_rule(f, mail, f->inbox);
	deliver_mail(f, mail);
	assert_int_equal(items_in(f, f->inbox), 3);
	set_rule(f, mail, 9999);
	deliver_mail(f, mail);
	assert_int_equal(items_in(f, f->inbox), 4);
	fixture_check(f, f->user);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_conversation_goes_where_its_user_wants_it),
		TEST(everyone_gets_it_and_is_told),
		TEST(one_who_cannot_get_it_does_not_keep_it_from_others),
		TEST(round_trips_are_few),
		TEST(nobody_and_only_unknown_users_are_fine),
		TEST(a_failure_anywhere_is_told_truly),
		TEST(under_one_token_each_user_gets_it_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
