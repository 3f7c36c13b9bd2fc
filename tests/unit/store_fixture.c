/* SPDX-License-Identifier: ISC
 *
 * store_fixture.c - a store in a temporary directory.
 */
#include "tests/unit/store_fixture.h"

#include <unistd.h>

#include "base/mem.h"

int
fixture_setup_closed(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));

	snprintf(f->directory, sizeof(f->directory), "/tmp/godwit-store-XXXXXX");
	if (!mkdtemp(f->directory))
		return -1;
	f->conf = (struct store_conf){
		.directory = f->directory,
		.shards = 2,
		.group_window_ms = 2,
		.inline_max = 32768,
		.message_max = 10485760,
		.retention_ms = UINT64_C(30) * 24 * 3600 * 1000,
		.readers = 2,
		.postgresql_connections = 20,
	};
	if (engine_fixture_is_pg()) {
		f->conf.engine = STORE_ENGINE_POSTGRESQL;
		f->conf.postgresql = engine_fixture_make();
	}
	f->a = arena_new();
	*state = f;
	return 0;
}

void
fixture_open(struct fixture *f)
{
	struct err err = { "" };
	enum rc rc = store_open(&f->conf, &f->s, &err);

	if (rc)
		fail_msg("store_open: %s (%s)", rc_str(rc), err.text);
}

void
fixture_close(struct fixture *f)
{
	store_close(TAKE(f->s));
}

static int
setup_with(void **state, enum store_blobs blobs)
{
	struct fixture *f;

	if (fixture_setup_closed(state) != 0)
		return -1;
	f = *state;
	f->conf.blobs = blobs;
	fixture_open(f);
	assert_ok(store_domain_add(f->s, SPAN("example.org")));
	f->user = fixture_user(f, "a");
	f->inbox = fixture_folder(f, f->user, STORE_ROLE_INBOX);
	f->trash = fixture_folder(f, f->user, STORE_ROLE_TRASH);
	return 0;
}

int
fixture_setup(void **state)
{
	return setup_with(state, STORE_BLOBS_AUTO);
}

int
fixture_setup_files(void **state)
{
	return setup_with(state, STORE_BLOBS_FILES);
}

int
fixture_setup_database(void **state)
{
	return setup_with(state, STORE_BLOBS_DATABASE);
}

int
fixture_teardown(void **state)
{
	struct fixture *f = *state;
	char *command;
	int status;

	fixture_close(f);
	engine_fixture_drop(f->conf.postgresql);
	arena_free(f->a);
	command = xasprintf("rm -rf '%s'", f->directory);
	status = system(command);
	free(command);
	free(f);
	return status;
}

uint64_t
fixture_user(struct fixture *f, const char *name)
{
	char *address = xasprintf("%s@example.org", name);
	uint64_t id = 0;

	assert_ok(store_user_add(f->s, span_str(address), SPAN(""), SPAN(""), &id));
	free(address);
	return id;
}

uint32_t
fixture_folder(struct fixture *f, uint64_t user, enum store_role role)
{
	struct store_collection c;
	struct store_tx *tx = NULL;

	assert_ok(store_read(f->s, user, &tx));
	assert_ok(store_collection_find_role(tx, role, f->a, &c));
	assert_ok(store_commit(&tx));
	return c.id;
}

struct store_tx *
fixture_read(struct fixture *f)
{
	struct store_tx *tx = NULL;

	assert_ok(store_read(f->s, f->user, &tx));
	return tx;
}

struct store_tx *
fixture_write(struct fixture *f, uint32_t device)
{
	struct store_actor who = { .device = device, .protocol = "test" };
	struct store_tx *tx = NULL;

	assert_ok(store_write(f->s, f->user, &who, &tx));
	return tx;
}

struct store_content *
fixture_content(struct fixture *f, const char *text)
{
	struct store_content *c = NULL;

	assert_ok(store_content_new(f->s, span_str(text), SPAN("meta"), &c));
	return c;
}

uint32_t
fixture_add(struct fixture *f, uint32_t collection, const char *text)
{
	struct store_content *content = fixture_content(f, text);
	struct store_item_new item = { .received_ms = 1000 };
	struct store_tx *tx = fixture_write(f, 0);
	uint32_t uid = 0;

	assert_ok(store_item_add(tx, collection, content, &item, &uid, NULL));
	assert_ok(store_commit(&tx));
	store_content_free(content);
	return uid;
}

struct sum {
	uint32_t items;
	uint32_t unseen;
	uint64_t bytes;
	uint32_t last_uid;
	uint64_t modseq;
	struct store_tx *tx;
};

static bool
add_up(const struct store_item *it, void *arg)
{
	AUTO_DONE(buf) struct buf bytes = BUF_INIT(0);
	struct sum *sum = arg;

	assert_true(it->uid > sum->last_uid);
	assert_true(it->modseq >= it->created);
	sum->last_uid = it->uid;
	sum->items++;
	sum->unseen += !(it->flags & STORE_FLAG_SEEN);
	sum->bytes += it->size;
	if (it->modseq > sum->modseq)
		sum->modseq = it->modseq;
	assert_ok(store_content_read(sum->tx, it->content, 0, UINT64_MAX, &bytes));
	assert_int_equal(buf_len(&bytes), it->size);
	return true;
}

void
fixture_check(struct fixture *f, uint64_t user)
{
	AUTO(arena)
	struct arena *a = arena_new();
	struct store_collection *list;
	struct store_tx *tx = NULL;
	size_t n;

	assert_ok(store_read(f->s, user, &tx));
	assert_ok(store_collection_list(tx, a, &list, &n));
	for (size_t i = 0; i < n; i++) {
		struct sum sum = { .tx = tx };

		assert_ok(store_item_each(tx, list[i].id, 1, UINT32_MAX, add_up, &sum));
		assert_int_equal(list[i].exists, sum.items);
		assert_int_equal(list[i].unseen, sum.unseen);
		assert_int_equal(list[i].bytes, sum.bytes);
		assert_true(list[i].uid_next > sum.last_uid);
		assert_true(list[i].modseq >= sum.modseq);
		assert_true(store_tx_modseq(tx) >= list[i].modseq);
	}
	assert_ok(store_commit(&tx));
}
