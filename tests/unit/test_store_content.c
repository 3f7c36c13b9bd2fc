/* SPDX-License-Identifier: ISC
 *
 * test_store_content.c - bytes in rows and blobs: whole, in part, shared, damaged.
 */
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "store/store_private.h"
#include "tests/unit/store_fixture.h"

/* Bytes that compress (text) or do not (noise). */
static char *
make_bytes(size_t n, bool noise)
{
	char *p = xmalloc(n + 1);
	uint32_t x = 1;

	for (size_t i = 0; i < n; i++) {
		x = x * 1664525 + 1013904223;
		p[i] = noise ? (char)(x >> 24) : "some words, again "[i % 18];
		if (!noise && i % 100 == 0)
			p[i] = (char)('a' + (x >> 24) % 26);
	}
	return p;
}

static uint32_t
add(struct fixture *f, struct span raw)
{
	struct store_content *content = NULL;
	struct store_item_new item = { .received_ms = 1 };
	struct store_tx *tx;
	uint32_t uid;

	assert_ok(store_content_new(f->s, raw, SPAN("about"), &content));
	assert_int_equal(store_content_size(content), raw.n);
	tx = fixture_write(f, 0);
	assert_ok(store_item_add(tx, f->inbox, content, &item, &uid, NULL));
	assert_ok(store_commit(&tx));
	store_content_free(content);
	return uid;
}

static void
check_part(struct fixture *f, uint64_t content, struct span raw, uint64_t at, uint64_t n)
{
	AUTO_DONE(buf) struct buf out = BUF_INIT(0);
	struct store_tx *tx = fixture_read(f);
	uint64_t end = n > raw.n || at + n > raw.n ? raw.n : at + n;
	struct span want = at >= raw.n ? SPAN("") : span_sub(raw, at, end);

	buf_add_str(&out, "x");
	assert_ok(store_content_read(tx, content, at, n, &out));
	assert_ok(store_commit(&tx));
	if (!span_eq(span_sub(buf_span(&out), 1, buf_len(&out)), want))
		fail_msg("part %llu+%llu of %zu differs", (unsigned long long)at,
		         (unsigned long long)n, raw.n);
}

static uint64_t
content_of(struct fixture *f, uint32_t uid)
{
	struct store_tx *tx = fixture_read(f);
	struct store_item it;
	struct span meta;

	assert_ok(store_item_load(tx, f->inbox, uid, f->a, &it));
	assert_ok(store_content_meta(tx, it.content, f->a, &meta));
	assert_true(span_is(meta, "about"));
	assert_ok(store_commit(&tx));
	return it.content;
}

static void
bytes_of_every_size_come_back_whole_and_in_part(void **state)
{
	static const size_t sizes[] = { 0,      1,      255,   256,    10240,
		                        32767,  32768,  32769, 262143, 262144,
		                        262145, 524288, 800000 };
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LEN(sizes) * 2; i++) {
		size_t n = sizes[i / 2];
		char *p = make_bytes(n, i % 2);
		struct span raw = span_of(p, n);
		uint64_t id = content_of(f, add(f, raw));

		check_part(f, id, raw, 0, UINT64_MAX);
		check_part(f, id, raw, 0, n);
		check_part(f, id, raw, n / 2, 10);
		check_part(f, id, raw, n, 10);
		check_part(f, id, raw, n + 5, 10);
		check_part(f, id, raw, 262140, 10);
		check_part(f, id, raw, 262144, 1);
		check_part(f, id, raw, 262143, 262146);
		check_part(f, id, raw, 100, 0);
		free(p);
	}
	fixture_check(f, f->user);
}

static void
what_is_over_the_limit_is_refused(void **state)
{
	struct fixture *f = *state;
	struct store_content *content = NULL;
	char *p = xcalloc(1, f->conf.message_max + 1);

	assert_rc(store_content_new(f->s, span_of(p, f->conf.message_max + 1), SPAN(""),
	                            &content),
	          RC_TOO_BIG);
	assert_null(content);
	free(p);
}

static void
mail_is_parsed_on_its_way_in(void **state)
{
	struct fixture *f = *state;
	struct store_content *content = NULL;
	struct store_item_new item = { .received_ms = 1 };
	struct store_tx *tx = fixture_write(f, 0);
	struct store_item it;
	struct span meta;
	uint32_t uid;

	assert_ok(store_content_new_mail(f->s, SPAN("Subject: hello\r\n\r\nbody\r\n"),
	                                 &content));
	assert_ok(store_item_add(tx, f->inbox, content, &item, &uid, NULL));
	assert_ok(store_item_load(tx, f->inbox, uid, f->a, &it));
	assert_ok(store_content_meta(tx, it.content, f->a, &meta));
	assert_true(span_ifind(meta, SPAN("hello")) < meta.n);
	assert_ok(store_commit(&tx));
	store_content_free(content);
}

/* What holds large contents: files below blobs/, or rows. */
struct found {
	size_t n;
	uint64_t bytes;
	char first[512]; /* path of a file */
};

static void
find_files(const char *directory, int levels, struct found *ret)
{
	DIR *d = opendir(directory);
	struct dirent *e;

	assert_non_null(d);
	while ((e = readdir(d)) != NULL) {
		char path[512];
		struct stat info;

		if (e->d_name[0] == '.' || strcmp(e->d_name, "tmp") == 0)
			continue;
		assert_true(snprintf(path, sizeof(path), "%s/%s", directory, e->d_name) <
		            (int)sizeof(path));
		assert_int_equal(stat(path, &info), 0);
		if (levels > 0) {
			find_files(path, levels - 1, ret);
			continue;
		}
		ret->n++;
		ret->bytes += (uint64_t)info.st_size;
		memcpy(ret->first, path, sizeof(path));
	}
	closedir(d);
}

static void
find_rows(struct fixture *f, struct found *ret)
{
	AUTO(engine_tx)
	struct engine_tx *etx = NULL;
	AUTO(engine_stmt)
	struct engine_stmt *count = NULL;
	AUTO(engine_stmt)
	struct engine_stmt *frames = NULL;

	assert_ok(engine_begin(f->s->engine, ENGINE_BLOBS, 0, false, &etx));
	assert_ok(sql_one(etx, &count, "SELECT count(*) FROM blob"));
	ret->n = col_u64(count, 0);
	assert_ok(sql_each(etx, &frames, "SELECT stored FROM blob_frame"));
	while (engine_step(frames) == RC_OK)
		ret->bytes += engine_bytes(frames, 0).n;
}

static bool
in_files(struct fixture *f)
{
	return f->conf.blobs == STORE_BLOBS_FILES;
}

static struct found
blobs_of(struct fixture *f)
{
	struct found found = { 0 };
	char *path = xasprintf("%s/blobs", f->directory);

	if (in_files(f))
		find_files(path, 2, &found);
	else
		find_rows(f, &found);
	free(path);
	return found;
}

static void
a_large_content_is_kept_once_for_all(void **state)
{
	struct fixture *f = *state;
	char *p = make_bytes(100000, true);
	struct found found;

	(void)add(f, span_of(p, 100000));
	(void)add(f, span_of(p, 100000));
	f->user = fixture_user(f, "other");
	(void)add(f, span_of(p, 100000));
	found = blobs_of(f);
	assert_int_equal(found.n, 1);
	/* Noise is not packed: as it is, a file with head and index. */
	assert_int_equal(found.bytes, 100000 + (in_files(f) ? 16 + 16 + 8 : 0));
	free(p);
}

/* Not the size alone counts, but what all the copies would take. */
static void
a_content_of_many_copies_lies_apart_from_their_rows(void **state)
{
	struct fixture *f = *state;
	char text[2001];
	struct span raw = span_of(text, 2000);
	struct store_content *few = NULL;
	struct store_content *many = NULL;

	memset(text, 'x', 2000);
	assert_ok(store_content_new_copies(f->s, raw, SPAN(""), 500, &few));
	assert_ok(store_content_new_copies(f->s, raw, SPAN(""), 600, &many));
	assert_int_equal(few->form, CONTENT_INLINE_ZSTD);
	assert_int_equal(many->form, CONTENT_BLOB);
	store_content_free(few);
	store_content_free(many);
}

static void
text_is_packed_where_that_pays(void **state)
{
	struct fixture *f = *state;
	char *p = make_bytes(1000000, false);
	struct found found;

	(void)add(f, span_of(p, 1000000));
	found = blobs_of(f);
	assert_int_equal(found.n, 1);
	assert_true(found.bytes < 100000);
	free(p);
}

/* Reads the content again after each damage. */
static void
expect_damage(struct fixture *f, uint64_t id)
{
	AUTO_DONE(buf) struct buf out = BUF_INIT(0);
	struct store_tx *tx = fixture_read(f);

	assert_rc(store_content_read(tx, id, 0, 600000, &out), RC_IO);
	store_tx_free(tx);
}

static void
damage_rows(struct fixture *f, uint64_t id)
{
	static const char *const damages[] = {
		"UPDATE blob_frame SET raw_check = raw_check + 1 WHERE frame = 1",
		"UPDATE blob_frame SET stored = $1 WHERE frame = 0",
		"DELETE FROM blob_frame WHERE frame = 2",
		"DELETE FROM blob_frame WHERE frame = 0",
	};

	for (size_t i = 0; i < ARRAY_LEN(damages); i++) {
		struct engine_tx *etx = NULL;

		assert_ok(engine_begin(f->s->engine, ENGINE_BLOBS, 0, true, &etx));
		assert_ok(sql_run(etx, damages[i], B(SPAN("damage"))));
		assert_ok(engine_commit(&etx));
		expect_damage(f, id);
	}
}

static void
damage_file(struct fixture *f, uint64_t id)
{
	struct found found = blobs_of(f);
	int fd = open(found.first, O_RDWR);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, "damage", 6, 300), 6);
	expect_damage(f, id);
	assert_int_equal(ftruncate(fd, 20), 0);
	expect_damage(f, id);
	close(fd);
	assert_int_equal(unlink(found.first), 0);
	expect_damage(f, id);
}

static void
a_damaged_or_missing_blob_is_an_error_not_other_bytes(void **state)
{
	struct fixture *f = *state;
	char *p = make_bytes(600000, false);
	uint64_t id = content_of(f, add(f, span_of(p, 600000)));

	if (in_files(f))
		damage_file(f, id);
	else
		damage_rows(f, id);
	free(p);
}

static void
the_readers_limit_holds(void **state)
{
	struct fixture *f = *state;
	char *p = make_bytes(100000, false);
	uint64_t id = content_of(f, add(f, span_of(p, 100000)));
	uint64_t small = content_of(f, add(f, span_of(p, 5000)));
	struct store_tx *tx = fixture_read(f);
	struct buf out = BUF_INIT(1000);

	assert_rc(store_content_read(tx, id, 0, 100000, &out), RC_TOO_BIG);
	buf_done(&out);
	assert_rc(store_content_read(tx, small, 0, 5000, &out), RC_TOO_BIG);
	buf_done(&out);
	assert_ok(store_commit(&tx));
	free(p);
}

int
main(void)
{
#define TEST(name)                                                                       \
	cmocka_unit_test_setup_teardown(name, fixture_setup_files, fixture_teardown),    \
		cmocka_unit_test_setup_teardown(name, fixture_setup_database,            \
	                                        fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(bytes_of_every_size_come_back_whole_and_in_part),
		TEST(what_is_over_the_limit_is_refused),
		TEST(mail_is_parsed_on_its_way_in),
		TEST(a_large_content_is_kept_once_for_all),
		TEST(a_content_of_many_copies_lies_apart_from_their_rows),
		TEST(text_is_packed_where_that_pays),
		TEST(a_damaged_or_missing_blob_is_an_error_not_other_bytes),
		TEST(the_readers_limit_holds),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
