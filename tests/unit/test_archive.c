/* SPDX-License-Identifier: ISC
 *
 * test_archive.c - archives: what is written is read, and nothing else is.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
/* cmocka wants those before it. */
#include <cmocka.h>

#include "base/mem.h"
#include "store/archive/archive_private.h"
#include "store/archive/pump.h"
#include "store/store_private.h"

#define assert_ok(call) assert_string_equal(rc_str(call), rc_str(RC_OK))

static struct codec *codec;

static enum rc
to_buf(struct span bytes, void *arg)
{
	buf_add_span(arg, bytes);
	return RC_OK;
}

struct source {
	struct span rest;
	size_t piece; /* at most so much at once */
};

static enum rc
from_span(char *p, size_t n, size_t *ret_n, void *arg)
{
	struct source *s = arg;

	if (s->piece && n > s->piece)
		n = s->piece;
	if (n > s->rest.n)
		n = s->rest.n;
	if (n > 0)
		memcpy(p, s->rest.p, n);
	s->rest = span_sub(s->rest, n, s->rest.n);
	*ret_n = n;
	return RC_OK;
}

static const struct archive_head head = { .kind = ARCHIVE_USER,
	                                  .increment = true,
	                                  .store = 0xfeed,
	                                  .made_ms = -5,
	                                  .user = 7,
	                                  .address = { "a@example.org", 13 },
	                                  .modseq = 9,
	                                  .content_next = 10,
	                                  .swept = 11 };

static void
item(struct engine_arg *v, int64_t collection, int64_t uid, struct span object)
{
	const struct table *t = table_find(ENGINE_SHARD, SPAN("item"));

	for (size_t i = 0; i < t->n_columns; i++)
		v[i] = (struct engine_arg){ .type = t->columns[i].type,
			                    .s = SPAN("\0bytes") };
	for (size_t i = 0; i < t->n_columns; i++) {
		if (t->columns[i].type == ENGINE_TEXT)
			v[i].s = object;
		else if (t->columns[i].type == ENGINE_INT)
			v[i].i = i % 2 ? INT64_MIN : INT64_MAX;
	}
	v[0].i = collection;
	v[1].i = uid;
}

/* Two tables, one with more rows than a frame takes, runs of one. */
static void
write_user(struct buf *out, struct codec *c, size_t rows)
{
	AUTO(archive_writer)
	struct archive_writer *w = archive_writer_new(c, to_buf, out);
	struct rows_out *o = archive_writer_rows(w);
	const struct table *items = table_find(ENGINE_SHARD, SPAN("item"));
	const struct table *contents = table_find(ENGINE_SHARD, SPAN("content"));
	struct engine_arg v[TABLE_COLUMNS_MAX];

	assert_ok(archive_write_head(w, &head));
	assert_ok(o->ops->section(o, items, ROWS_ALL));
	for (size_t i = 0; i < rows; i++) {
		item(v, 1 + (int64_t)i / 1000, 1 + (int64_t)i, SPAN("gr\303\274n"));
		assert_ok(o->ops->row(o, v));
	}
	assert_ok(o->ops->end(o));
	assert_ok(o->ops->section(o, contents, ROWS_RUNS));
	v[0] = I(1);
	v[1] = I(1);
	assert_ok(o->ops->run(o, v, 5));
	v[0] = I(6);
	v[1] = I(2);
	assert_ok(o->ops->run(o, v, 6));
	assert_ok(o->ops->end(o));
	assert_ok(archive_write_end(w, NULL));
}

/* Reads to the end; the sentence in err. */
static enum rc
read_all(struct span bytes, size_t piece, size_t *ret_rows, struct err *err)
{
	struct source s = { bytes, piece };
	AUTO(archive_reader)
	struct archive_reader *r = archive_reader_new(codec, from_span, &s);
	enum archive_event ev = ARCHIVE_EV_HEAD;
	enum rc rc;

	*ret_rows = 0;
	while ((rc = archive_next(r, &ev, err)) == RC_OK && ev != ARCHIVE_EV_END)
		*ret_rows += ev == ARCHIVE_EV_ROW || ev == ARCHIVE_EV_RUN;
	return rc;
}

static void
what_is_written_is_read(void **state UNUSED)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);
	struct source s;
	struct archive_reader *r;
	const struct archive_view *v;
	enum archive_event ev;
	struct engine_arg want[TABLE_COLUMNS_MAX];

	write_user(&b, codec, 3);
	s = (struct source){ buf_span(&b), 1 };
	r = archive_reader_new(codec, from_span, &s);
	v = archive_view(r);
	assert_ok(archive_next(r, &ev, NULL));
	assert_int_equal(ev, ARCHIVE_EV_HEAD);
	assert_int_equal(v->head.kind, ARCHIVE_USER);
	assert_true(v->head.increment);
	assert_int_equal(v->head.store, 0xfeed);
	assert_int_equal(v->head.made_ms, -5);
	assert_int_equal(v->head.user, 7);
	assert_true(span_eq(v->head.address, head.address));
	assert_int_equal(v->head.swept, 11);
	assert_ok(archive_next(r, &ev, NULL));
	assert_int_equal(ev, ARCHIVE_EV_SECTION);
	assert_string_equal(v->name, "item");
	assert_string_equal(v->columns[0].name, "collection");
	assert_true(v->columns[1].is_key && !v->columns[2].is_key);
	for (int i = 0; i < 3; i++) {
		assert_ok(archive_next(r, &ev, NULL));
		assert_int_equal(ev, ARCHIVE_EV_ROW);
		item(want, 1, i + 1, SPAN("gr\303\274n"));
		for (size_t k = 0; k < v->n_columns; k++) {
			assert_int_equal(v->values[k].type, want[k].type);
			if (want[k].type == ENGINE_INT)
				assert_true(v->values[k].i == want[k].i);
			else
				assert_true(span_eq(v->values[k].s, want[k].s));
		}
	}
	assert_ok(archive_next(r, &ev, NULL));
	assert_int_equal(ev, ARCHIVE_EV_SECTION_END);
	assert_int_equal(v->sum.count, 3);
	assert_ok(archive_next(r, &ev, NULL));
	assert_int_equal(v->part, ARCHIVE_PART_RUNS);
	assert_int_equal(v->n_columns, 2);
	assert_ok(archive_next(r, &ev, NULL));
	assert_int_equal(ev, ARCHIVE_EV_RUN);
	assert_int_equal(v->values[0].i, 1);
	assert_int_equal(v->run_to, 5);
	assert_ok(archive_next(r, &ev, NULL));
	assert_ok(archive_next(r, &ev, NULL));
	assert_int_equal(ev, ARCHIVE_EV_SECTION_END);
	assert_ok(archive_next(r, &ev, NULL));
	assert_int_equal(ev, ARCHIVE_EV_END);
	assert_int_equal(v->sum.count, 2);
	assert_int_equal(v->at, buf_len(&b));
	assert_int_equal(archive_next(r, &ev, NULL), RC_INVALID);
	archive_reader_free(r);
}

static void
many_rows_go_in_frames_that_are_packed(void **state UNUSED)
{
	AUTO_DONE(buf) struct buf packed = BUF_INIT(0);
	AUTO_DONE(buf) struct buf plain = BUF_INIT(0);
	struct err err = { "" };
	size_t rows;

	write_user(&packed, codec, 20000);
	write_user(&plain, NULL, 20000);
	assert_true(buf_len(&plain) > 6 * FRAME_FULL);
	assert_true(buf_len(&packed) < buf_len(&plain) / 4);
	assert_ok(read_all(buf_span(&packed), 0, &rows, &err));
	assert_int_equal(rows, 20002);
	assert_ok(read_all(buf_span(&plain), 100000, &rows, &err));
	assert_int_equal(rows, 20002);
}

static void
a_changed_byte_anywhere_is_noticed(void **state UNUSED)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);
	size_t rows;

	write_user(&b, NULL, 5);
	for (size_t i = 0; i < buf_len(&b); i++) {
		for (int bit = 0; bit < 8; bit += 3) {
			struct err err = { "" };

			b.p[i] ^= (char)(1 << bit);
			if (read_all(buf_span(&b), 0, &rows, &err) == RC_OK)
				fail_msg("byte %zu, bit %d", i, bit);
			assert_true(*err.text);
			b.p[i] ^= (char)(1 << bit);
		}
	}
}

static void
an_archive_that_was_cut_off_is_noticed(void **state UNUSED)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);
	size_t rows;

	write_user(&b, codec, 50);
	for (size_t n = 0; n < buf_len(&b); n++) {
		struct err err = { "" };

		assert_int_equal(read_all(span_of(b.p, n), 7, &rows, &err), RC_INVALID);
		assert_non_null(strstr(err.text, n < 8 && n > 0 ? "" : "ends here"));
	}
}

/* A frame put together by hand. */
static void
frame(struct buf *b, char type, struct span raw)
{
	uint32_t n = (uint32_t)raw.n;
	char lengths[8] = { (char)n, (char)(n >> 8), (char)(n >> 16), (char)(n >> 24),
		            (char)n, (char)(n >> 8), (char)(n >> 16), (char)(n >> 24) };

	buf_add_char(b, type);
	buf_add_char(b, 0);
	buf_add(b, lengths, sizeof(lengths));
	buf_add_span(b, raw);
}

static void
what_is_not_well_formed_is_refused(void **state UNUSED)
{
#define HEAD                                                                             \
	"format 1\nkind user\nincrement 0\nstore 1\nmade_ms 1\nuser 1\naddress a\n"      \
	"modseq 1\ncontent_next 1\nswept 0\n"
	static const struct {
		const char *head;
		struct span section;
		struct span rows;
		const char *why;
	} cases[] = {
		{ "format 2\nwhatever\n", SPAN(""), SPAN(""), "of format 2" },
		{ "format 1\nkind pony\n", SPAN(""), SPAN(""), "head" },
		{ HEAD "more 1\n", SPAN(""), SPAN(""), "head" },
		{ HEAD, SPAN("rows \n"), SPAN(""), "beginning of a section" },
		{ HEAD, SPAN("rows item\n"), SPAN(""), "beginning of a section" },
		{ HEAD, SPAN("rows item\na FLOAT\n"), SPAN(""), "section" },
		{ HEAD, SPAN("rows item\na BIGINT\na BIGINT\n"), SPAN(""), "section" },
		{ HEAD, SPAN("rows it;em\na BIGINT\n"), SPAN(""), "section" },
		{ HEAD, SPAN("rows item\na BIGINT"), SPAN(""), "section" },
		{ HEAD, SPAN("runs item\na BIGINT\n"), SPAN(""), "section" },
		{ HEAD, SPAN("runs item\na TEXT key\n"), SPAN(""), "section" },
		{ HEAD, SPAN("blob 00\nsize 1\n"), SPAN(""), "section" },
		{ HEAD, SPAN("rows t\na BIGINT key\n"), SPAN("\x80\0"), "a row" },
		{ HEAD, SPAN("rows t\na BIGINT key\n"), SPAN("\x04\x02"), "wrong order" },
		{ HEAD, SPAN("rows t\na BIGINT key\n"), SPAN("\x04\x04"), "wrong order" },
		{ HEAD, SPAN("rows t\na BIGINT\n"), SPAN("\x02\x04"), "wrong order" },
		{ HEAD, SPAN("rows t\na BYTEA key\n"),
		  SPAN("\x05"
		       "abc"),
		  "a row" },
		{ HEAD, SPAN("rows t\na TEXT key\n"), SPAN("\x01\xff"), "a row" },
		{ HEAD, SPAN("rows t\na TEXT key\n"), SPAN("\x01\0"), "a row" },
		{ HEAD, SPAN("runs t\na BIGINT key\n"), SPAN("\x02\x04"), "wrong order" },
		{ HEAD, SPAN("runs t\na BIGINT key\n"), SPAN("\x08\x02\x0a\x06"),
		  "wrong order" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO_DONE(buf) struct buf b = BUF_INIT(0);
		struct err err = { "" };
		size_t rows;

		buf_add_str(&b, ARCHIVE_MAGIC);
		frame(&b, 'H', span_str(cases[i].head));
		frame(&b, 'S', cases[i].section);
		frame(&b, 'R', cases[i].rows);
		assert_true(read_all(buf_span(&b), 0, &rows, &err) != RC_OK);
		if (!strstr(err.text, cases[i].why))
			fail_msg("case %zu: %s", i, err.text);
	}
}

static void
blobs_are_written_in_pieces_and_read(void **state UNUSED)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);
	AUTO_DONE(buf) struct buf got = BUF_INIT(0);
	struct archive_head h = { .kind = ARCHIVE_BLOB };
	struct archive_writer *w = archive_writer_new(codec, to_buf, &b);
	struct sha256 hash = { { 1, 2, 3 } };
	enum archive_event ev = ARCHIVE_EV_HEAD;
	struct archive_reader *r;
	struct source s;
	char *bytes = xmalloc(700000);

	random_bytes(bytes, 700000);
	assert_ok(archive_write_head(w, &h));
	assert_ok(archive_write_blob(w, &hash, 700000));
	assert_ok(archive_write_bytes(w, span_of(bytes, 300000)));
	assert_ok(archive_write_bytes(w, span_of(bytes + 300000, 400000)));
	assert_ok(archive_write_blob_end(w));
	assert_ok(archive_write_end(w, NULL));
	archive_writer_free(w);
	s = (struct source){ buf_span(&b), 0 };
	r = archive_reader_new(codec, from_span, &s);
	while (ev != ARCHIVE_EV_END) {
		assert_ok(archive_next(r, &ev, NULL));
		if (ev == ARCHIVE_EV_BYTES)
			buf_add_span(&got, archive_view(r)->bytes);
	}
	assert_true(span_eq(buf_span(&got), span_of(bytes, 700000)));
	assert_memory_equal(archive_view(r)->blob.b, hash.b, sizeof(hash.b));
	archive_reader_free(r);
	free(bytes);
}

/* -- into tables -- */

struct sink {
	struct rows_out base;
	size_t rows;
	char name; /* of the last row, its first byte */
	int64_t value;
};

static enum rc
sink_section(struct rows_out *o UNUSED, const struct table *t UNUSED,
             enum rows_part p UNUSED)
{
	return RC_OK;
}

static enum rc
sink_row(struct rows_out *o, const struct engine_arg *values)
{
	struct sink *s = container_of(o, struct sink, base);

	s->rows++;
	s->name = values[0].s.p[0];
	s->value = values[1].i;
	return RC_OK;
}

static enum rc
sink_end(struct rows_out *o UNUSED)
{
	return RC_OK;
}

static const struct rows_ops sink_ops = { .section = sink_section,
	                                  .row = sink_row,
	                                  .end = sink_end };

static enum rc
pump(struct span section, struct span rows, struct sink *sink, struct err *err)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);
	AUTO_DONE(buf) struct buf sum = BUF_INIT(0);
	struct sha256_sum *hash = sha256_sum_new();
	struct sha256 found;
	struct source s;
	struct archive_reader *r;
	enum archive_event ev;
	enum rc rc;

	*sink = (struct sink){ .base.ops = &sink_ops };
	buf_add_str(&b, ARCHIVE_MAGIC);
	frame(&b, 'H', SPAN("format 1\nkind queue\nincrement 0\nstore 1\nmade_ms 1\n"));
	frame(&b, 'S', section);
	frame(&b, 'R', rows);
	sha256_sum_add(hash, section);
	sha256_sum_add(hash, rows);
	sha256_sum_end(hash, &found);
	sha256_sum_free(hash);
	buf_add_char(&sum, 1);
	buf_add(&sum, found.b, sizeof(found.b));
	frame(&b, 'E', buf_span(&sum));
	s = (struct source){ buf_span(&b), 0 };
	r = archive_reader_new(codec, from_span, &s);
	assert_ok(archive_next(r, &ev, err));
	rc = pump_rows(r, &sink->base, err);
	archive_reader_free(r);
	return rc;
}

static void
columns_find_their_places_by_name(void **state UNUSED)
{
	struct err err = { "" };
	struct sink sink;

	/* Without its end the archive is refused, but the row has come. */
	assert_int_equal(
		pump(SPAN("rows meta\nname TEXT key\n"), SPAN("\x01n"), &sink, &err),
		RC_INVALID);
	assert_int_equal(sink.rows, 1);
	assert_int_equal(sink.value, 0);
	assert_int_equal(sink.name, 'n');
	err.text[0] = '\0';
	assert_int_equal(
		pump(SPAN("rows pony\nname TEXT key\n"), SPAN("\x01n"), &sink, &err),
		RC_UNSUPPORTED);
	assert_non_null(strstr(err.text, "pony"));
	err.text[0] = '\0';
	assert_int_equal(pump(SPAN("rows meta\nname TEXT key\nmane TEXT\n"),
	                      SPAN("\x01n\x01n"), &sink, &err),
	                 RC_UNSUPPORTED);
	assert_non_null(strstr(err.text, "meta.mane"));
	err.text[0] = '\0';
	assert_int_equal(
		pump(SPAN("rows meta\nname BIGINT key\n"), SPAN("\x01"), &sink, &err),
		RC_UNSUPPORTED);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_read),
		cmocka_unit_test(many_rows_go_in_frames_that_are_packed),
		cmocka_unit_test(a_changed_byte_anywhere_is_noticed),
		cmocka_unit_test(an_archive_that_was_cut_off_is_noticed),
		cmocka_unit_test(what_is_not_well_formed_is_refused),
		cmocka_unit_test(blobs_are_written_in_pieces_and_read),
		cmocka_unit_test(columns_find_their_places_by_name),
	};
	int failures;

	codec = codec_new();
	failures = cmocka_run_group_tests(tests, NULL, NULL);
	codec_free(codec);
	return failures;
}
