/* SPDX-License-Identifier: ISC
 *
 * archive_fixture.c - a store with a bit of everything in it.
 */
#include "tests/unit/archive_fixture.h"

#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "store/archive/dump.h"
#include "store/archive/fill.h"
#include "store/store_cursor.h"
#include "store/store_device.h"
#include "store/store_private.h"

#define LARGE 70000

void
other_make(struct other *o, const struct fixture *f, bool same_engine, int shards)
{
	*o = (struct other){ .conf = f->conf };
	snprintf(o->directory, sizeof(o->directory), "/tmp/godwit-other-XXXXXX");
	if (!mkdtemp(o->directory))
		fail_msg("mkdtemp");
	o->conf.directory = o->directory;
	o->conf.shards = shards;
	o->conf.engine = STORE_ENGINE_SQLITE;
	o->conf.postgresql = NULL;
	if (same_engine && engine_fixture_is_pg()) {
		o->conf.engine = STORE_ENGINE_POSTGRESQL;
		o->conf.postgresql = engine_fixture_make();
	}
}

void
other_open(struct other *o)
{
	struct err err = { "" };
	enum rc rc = store_open(&o->conf, &o->s, &err);

	if (rc)
		fail_msg("store_open: %s (%s)", rc_str(rc), err.text);
}

void
other_close(struct other *o)
{
	store_close(TAKE(o->s));
}

void
other_remove(struct other *o)
{
	char *command = xasprintf("rm -rf '%s'", o->directory);

	other_close(o);
	engine_fixture_drop(o->conf.postgresql);
	assert_int_equal(system(command), 0);
	free(command);
}

static struct store_content *
large_content(struct fixture *f, unsigned seed)
{
	struct store_content *c = NULL;
	char *text = xmalloc(LARGE);

	for (size_t i = 0; i < LARGE; i++)
		text[i] = (char)('a' + (i * 7 + i / 100 * seed) % 26);
	snprintf(text, 32, "large %u", seed);
	assert_ok(store_content_new(f->s, span_of(text, LARGE), SPAN("meta"), &c));
	free(text);
	return c;
}

static uint32_t
add(struct store_tx *tx, uint32_t folder, struct store_content *c,
    const struct store_item_new *item)
{
	uint32_t uid = 0;

	assert_ok(store_item_add(tx, folder, c, item, &uid, NULL));
	store_content_free(c);
	return uid;
}

uint32_t
add_large(struct fixture *f, uint32_t folder, unsigned seed)
{
	struct store_content *c = large_content(f, seed);
	struct store_tx *tx = fixture_write(f, 0);
	uint32_t uid =
		add(tx, folder, c, &(struct store_item_new){ .received_ms = seed });

	assert_ok(store_commit(&tx));
	return uid;
}

static void
add_device(struct store_tx *tx, const char *id)
{
	struct store_device d = { .id = span_str(id),
		                  .protocol = SPAN("activesync"),
		                  .type = SPAN("Phone"),
		                  .reason = SPAN("new"),
		                  .extra = SPAN("{}"),
		                  .first_seen_ms = 5 };
	struct store_cursor c = { .key = 7,
		                  .state = SPAN("st\0ate"),
		                  .prev_key = 6,
		                  .prev_state = SPAN("before"),
		                  .answer = SPAN("answer") };
	uint32_t number = 0;

	assert_ok(store_device_save(tx, &d, &number));
	assert_ok(store_cursor_save(tx, number, "sync/1", &c));
	c.key = 1;
	assert_ok(store_cursor_save(tx, number, "folders", &c));
}

/* f->user's own, in one transaction: each costs a sync. */
static void
fill_user(struct fixture *f, unsigned n)
{
	struct store_item_change seen = { .flags_on = STORE_FLAG_SEEN,
		                          .set_keywords = true,
		                          .keywords = SPAN("$Label1 wichtig") };
	struct store_item_new item = { .received_ms = 1700000000000,
		                       .keywords = SPAN("kw"),
		                       .props = SPAN("p\x01\xff"),
		                       .client_id = SPAN("c1") };
	struct store_item_new plain = { .received_ms = 1000 };
	struct store_content *large[] = { large_content(f, 1), large_content(f, 2) };
	struct store_tx *tx = fixture_write(f, 1);
	uint32_t uid = add(tx, f->inbox, fixture_content(f, "a small one"), &item);
	uint32_t id = 0;
	uint32_t other = 0;

	for (unsigned i = 0; i < n; i++) {
		char text[400];

		snprintf(text, sizeof(text), "message %u %*s", i, 300, "blanks");
		add(tx, f->inbox, fixture_content(f, text), &plain);
	}
	add(tx, f->inbox, large[0], &plain);
	add(tx, f->trash, large[1], &plain);
	assert_ok(store_item_update(tx, f->inbox, uid, &seen, NULL));
	assert_ok(store_item_copy(tx, f->inbox, uid, f->trash, &other));
	assert_ok(store_item_move(tx, f->inbox, uid + 1, f->trash, &other));
	assert_ok(store_item_expunge(tx, f->trash, other));
	assert_ok(store_collection_create(tx, 0, SPAN("B\303\274cher"), STORE_CLASS_MAIL,
	                                  STORE_ROLE_NONE, &id));
	add(tx, id, fixture_content(f, "in a folder"), &item);
	assert_ok(store_collection_create(tx, id, SPAN("sub"), STORE_CLASS_MAIL,
	                                  STORE_ROLE_NONE, &other));
	assert_ok(store_collection_create(tx, 0, SPAN("gone"), STORE_CLASS_NOTES,
	                                  STORE_ROLE_NONE, &id));
	add(tx, id, fixture_content(f, "gone with it"), &item);
	assert_ok(store_collection_delete(tx, id));
	add_device(tx, "PHONE1");
	add_device(tx, "PHONE2");
	assert_ok(store_commit(&tx));
}

static void
fill_queue(struct fixture *f)
{
	struct store_queue_rcpt rcpts[] = {
		{ SPAN("x@example.net"), SPAN("NEVER"), SPAN("rfc822;x") },
		{ SPAN("y@example.net"), SPAN(""), SPAN("") },
	};
	struct store_queue_entry entries[] = {
		{ .sender = SPAN("a@example.org"),
		  .hop = SPAN("example.net"),
		  .envelope_id = SPAN("e"),
		  .ret = SPAN("FULL"),
		  .rcpts = rcpts,
		  .n_rcpts = 2,
		  .queued_ms = 1,
		  .next_ms = 2,
		  .last_error = SPAN("") },
		{ .sender = SPAN(""),
		  .hop = SPAN("example.com"),
		  .envelope_id = SPAN(""),
		  .ret = SPAN(""),
		  .rcpts = rcpts,
		  .n_rcpts = 1,
		  .queued_ms = 3,
		  .next_ms = 4,
		  .last_error = SPAN("451 later"),
		  .attempts = 2 },
	};
	struct store_content *c = large_content(f, 99);

	assert_ok(store_queue_add(f->s, entries, ARRAY_LEN(entries), c));
	store_content_free(c);
	c = fixture_content(f, "to be sent");
	assert_ok(store_queue_add(f->s, entries, 1, c));
	store_content_free(c);
}

void
fill_store(struct fixture *f, unsigned n)
{
	uint64_t first = f->user;
	uint32_t inbox = f->inbox;
	uint32_t trash = f->trash;

	fill_user(f, n);
	for (unsigned i = 0; i < 3; i++) {
		char name[8];

		snprintf(name, sizeof(name), "u%u", i);
		f->user = fixture_user(f, name);
		f->inbox = fixture_folder(f, f->user, STORE_ROLE_INBOX);
		f->trash = fixture_folder(f, f->user, STORE_ROLE_TRASH);
		fill_user(f, i * n / 4);
	}
	assert_ok(store_user_remove(f->s, SPAN("u2@example.org")));
	assert_ok(store_user_set_password(f->s, SPAN("u1@example.org"), SPAN("$y$hash")));
	assert_ok(store_domain_add(f->s, SPAN("b\303\274cher.example")));
	assert_ok(store_alias_add(f->s, SPAN("info@example.org"), SPAN("a@example.org")));
	assert_ok(store_alias_add(f->s, SPAN("@example.org"), SPAN("x@example.com")));
	f->user = first;
	f->inbox = inbox;
	f->trash = trash;
	fill_queue(f);
}

void
change_store(struct fixture *f)
{
	struct store_item_change seen = { .flags_on = STORE_FLAG_FLAGGED };
	struct store_cursor c = { .key = 100, .state = SPAN("new state") };
	struct store_content *content = fixture_content(f, "other bytes");
	struct store_item_change bytes = { .content = content };
	static unsigned count = 1000;
	struct store_tx *tx;
	uint32_t uid = 0;
	uint32_t id = 0;
	struct store_item_new plain = { .received_ms = 1000 };
	struct store_content *large = large_content(f, ++count);
	uint32_t gone;
	uint32_t kept;
	char name[16];

	snprintf(name, sizeof(name), "new%u", count);
	tx = fixture_write(f, 2);
	gone = add(tx, f->inbox, fixture_content(f, "soon gone"), &plain);
	kept = add(tx, f->inbox, fixture_content(f, "new and kept"), &plain);
	add(tx, f->inbox, large, &plain);
	assert_ok(store_item_update(tx, f->inbox, kept, &seen, NULL));
	assert_ok(store_item_copy(tx, f->inbox, kept, f->trash, &uid));
	assert_ok(store_item_update(tx, f->inbox, kept, &bytes, NULL));
	assert_ok(store_item_move(tx, f->inbox, gone, f->trash, &uid));
	assert_ok(store_item_expunge(tx, f->trash, uid));
	assert_ok(store_collection_create(tx, 0, span_str(name), STORE_CLASS_MAIL,
	                                  STORE_ROLE_NONE, &id));
	assert_ok(store_cursor_save(tx, 1, "sync/1", &c));
	assert_ok(store_commit(&tx));
	store_content_free(content);
}

/* -- comparing -- */

static enum rc
check_blob(const struct sha256 *hash, uint64_t size, void *arg)
{
	return fill_check_blob(arg, hash, size);
}

void
assert_same_user(struct store *a, uint64_t user_a, struct store *b, uint64_t user_b,
                 const char *const *but)
{
	struct digest x = { .n = 0 };
	struct digest y = { .n = 0 };
	enum rc rc = digest_user(a, user_a, &x);

	assert_rc(digest_user(b, user_b, &y), rc);
	assert_int_equal(x.n, y.n);
	for (size_t i = 0; i < x.n; i++) {
		bool skip = false;

		for (size_t k = 0; but && but[k]; k++)
			skip |= strcmp(but[k], x.tables[i].table) == 0;
		if (skip)
			continue;
		if (x.tables[i].sum.count != y.tables[i].sum.count ||
		    memcmp(x.tables[i].sum.hash.b, y.tables[i].sum.hash.b, 32) != 0)
			fail_msg("user %llu: %s differs (%llu and %llu rows)",
			         (unsigned long long)user_a, x.tables[i].table,
			         (unsigned long long)x.tables[i].sum.count,
			         (unsigned long long)y.tables[i].sum.count);
	}
	assert_ok(dump_blobs(b, user_b, check_blob, b));
}

void
assert_same_stores(struct store *a, struct store *b)
{
	AUTO(arena)
	struct arena *arena = arena_new();
	AUTO(digester)
	struct digester *x = digester_new(NULL);
	AUTO(digester)
	struct digester *y = digester_new(NULL);
	struct dump_person *people;
	const char *difference;
	size_t n;

	assert_ok(dump_directory(a, true, digester_rows(x)));
	assert_ok(dump_directory(b, true, digester_rows(y)));
	assert_ok(dump_queue(a, digester_rows(x)));
	assert_ok(dump_queue(b, digester_rows(y)));
	difference = digest_difference(digester_result(x), digester_result(y));
	if (difference)
		fail_msg("%s differs", difference);
	assert_ok(dump_people(a, arena, &people, &n));
	assert_true(n > 0);
	for (size_t i = 0; i < n; i++)
		assert_same_user(a, people[i].id, b, people[i].id, NULL);
	assert_ok(dump_blobs(b, 0, check_blob, b));
}
