/* SPDX-License-Identifier: ISC
 *
 * test_wbxml.c - the ActiveSync codec: golden documents, refusals, limits, the writer.
 *
 * tests/data/wbxml holds pairs NAME.wbxml and NAME.xml; GODWIT_GOLDEN_UPDATE=1 writes the
 * XML anew.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "format/wbxml.h"

#define GOLDEN "tests/data/wbxml/"

static const char *const golden[] = {
	"contact-add", "find-gal",  "ping",           "provision-wipe",
	"sendmail",    "sync-mail", "unknown-tokens",
};

static bool
read_whole(const char *path, struct buf *out)
{
	FILE *f = fopen(path, "rb");
	char block[4096];
	size_t n;

	if (!f)
		return false;
	while ((n = fread(block, 1, sizeof(block), f)) > 0)
		buf_add(out, block, n);
	fclose(f);
	return true;
}

static void
golden_pairs_read_and_write_the_same(void **state UNUSED)
{
	for (size_t i = 0; i < ARRAY_LEN(golden); i++) {
		AUTO(arena)
		struct arena *a = arena_new();
		AUTO_DONE(buf) struct buf bytes = BUF_INIT(0);
		AUTO_DONE(buf) struct buf xml = BUF_INIT(0);
		AUTO_DONE(buf) struct buf dump = BUF_INIT(0);
		AUTO_DONE(buf) struct buf again = BUF_INIT(0);
		struct wbxml_node *root;
		struct err err = { "" };
		char *path = arena_printf(a, GOLDEN "%s.wbxml", golden[i]);

		print_message("%s\n", golden[i]);
		assert_true(read_whole(path, &bytes));
		assert_int_equal(wbxml_parse(buf_span(&bytes), NULL, a, &root), RC_OK);
		wbxml_dump(root, &dump);
		path = arena_printf(a, GOLDEN "%s.xml", golden[i]);
		if (getenv("GODWIT_GOLDEN_UPDATE")) {
			FILE *f = fopen(path, "wb");
			assert_non_null(f);
			fwrite(dump.p, 1, dump.len, f);
			fclose(f);
		}
		assert_true(read_whole(path, &xml));
		assert_int_equal(dump.len, xml.len);
		assert_memory_equal(dump.p, xml.p, xml.len);
		if (wbxml_from_xml(buf_span(&xml), &again, &err) != RC_OK)
			fail_msg("%s", err.text);
		assert_int_equal(again.len, bytes.len);
		assert_memory_equal(again.p, bytes.p, bytes.len);
	}
}

static void
every_tag_has_a_name_that_finds_it(void **state UNUSED)
{
	static const wbxml_tag tags[] = {
#define X(page, NAME, token, name) WBXML_##page##_##NAME,
		WBXML_TAGS(X)
#undef X
	};
	for (size_t i = 0; i < ARRAY_LEN(tags); i++) {
		char page[64];
		const char *full = wbxml_tag_name(tags[i]);
		assert_non_null(full);
		size_t n = (size_t)(strchr(full, ':') - full);
		memcpy(page, full, n);
		page[n] = '\0';
		assert_int_equal(wbxml_tag_find(page, full + n + 1), tags[i]);
	}
	assert_string_equal(wbxml_tag_name(WBXML_AIRSYNC_SYNC), "AirSync:Sync");
	assert_string_equal(wbxml_tag_name(WBXML_COMPOSEMAIL_MIME), "ComposeMail:Mime");
	assert_null(wbxml_tag_name(0x0305));
	assert_null(wbxml_tag_name(0x1a05));
	assert_null(wbxml_tag_name(0x00ff));
	assert_int_equal(wbxml_tag_find("AirSync", "Nothing"), 0);
	assert_int_equal(wbxml_tag_find("Nothing", "Sync"), 0);
}

static void
what_is_not_our_wbxml_is_refused(void **state UNUSED)
{
	static const struct {
		const char *what;
		struct span doc;
		enum rc rc;
	} cases[] = {
#define CASE(what, rc, bytes) { what, { bytes, sizeof(bytes) - 1 }, rc }
		CASE("empty", RC_INVALID, ""),
		CASE("header only", RC_INVALID, "\x03\x01\x6a\x00"),
		CASE("version 0", RC_INVALID, "\x00\x01\x6a\x00\x05"),
		CASE("version 4", RC_INVALID, "\x04\x01\x6a\x00\x05"),
		CASE("version 1", RC_OK, "\x01\x01\x6a\x00\x05"),
		CASE("version 3", RC_OK, "\x03\x01\x6a\x00\x05"),
		CASE("public id 2", RC_INVALID, "\x03\x02\x6a\x00\x05"),
		CASE("latin 1", RC_INVALID, "\x03\x01\x04\x00\x05"),
		CASE("string table", RC_INVALID, "\x03\x01\x6a\x01\x41\x05"),
		CASE("long zero string table", RC_OK, "\x03\x01\x6a\x80\x80\x00\x05"),
		CASE("mb_u_int32 of six bytes", RC_INVALID,
		     "\x03\x01\x6a\x80\x80\x80\x80\x80\x00\x05"),
		CASE("mb_u_int32 overflow", RC_INVALID,
		     "\x03\x01\x6a\x90\x80\x80\x80\x00\x05"),
		CASE("cut mb_u_int32", RC_INVALID, "\x03\x01\x6a\x80"),
		CASE("no end", RC_INVALID, "\x03\x01\x6a\x00\x45"),
		CASE("end of nothing", RC_INVALID, "\x03\x01\x6a\x00\x01"),
		CASE("two ends", RC_INVALID, "\x03\x01\x6a\x00\x45\x01\x01"),
		CASE("second root", RC_INVALID, "\x03\x01\x6a\x00\x05\x05"),
		CASE("trailing byte", RC_INVALID, "\x03\x01\x6a\x00\x45\x01\x00"),
		CASE("text before root", RC_INVALID, "\x03\x01\x6a\x00\x03x\x00\x05"),
		CASE("opaque before root", RC_INVALID, "\x03\x01\x6a\x00\xc3\x00\x05"),
		CASE("attributes", RC_INVALID, "\x03\x01\x6a\x00\xc5\x05\x01\x01"),
		CASE("entity", RC_INVALID, "\x03\x01\x6a\x00\x45\x02\x20\x01"),
		CASE("entity that kills libwbxml", RC_INVALID,
		     "\x03\x01\x6a\x00\x45\x4b\x02\x8f\xff\xff\xff\x7f\x01\x01"),
		CASE("literal", RC_INVALID, "\x03\x01\x6a\x00\x04\x00"),
		CASE("literal with content", RC_INVALID, "\x03\x01\x6a\x00\x44\x00\x01"),
		CASE("extension", RC_INVALID, "\x03\x01\x6a\x00\x45\x40x\x00\x01"),
		CASE("processing instruction", RC_INVALID,
		     "\x03\x01\x6a\x00\x43\x05\x01\x05"),
		CASE("string reference", RC_INVALID, "\x03\x01\x6a\x00\x45\x83\x00\x01"),
		CASE("string without NUL", RC_INVALID, "\x03\x01\x6a\x00\x45\x03xyz"),
		CASE("string that swallows the end", RC_INVALID,
		     "\x03\x01\x6a\x00\x45\x03xyz\x00"),
		CASE("opaque beyond the end", RC_INVALID,
		     "\x03\x01\x6a\x00\x45\xc3\x04xyz"),
		CASE("opaque of 4 GB", RC_INVALID,
		     "\x03\x01\x6a\x00\x45\xc3\x8f\xff\xff\xff\x7fxy\x01"),
		CASE("cut opaque length", RC_INVALID, "\x03\x01\x6a\x00\x45\xc3\x81"),
		CASE("cut page switch", RC_INVALID, "\x03\x01\x6a\x00\x45\x00"),
		CASE("unknown page", RC_OK, "\x03\x01\x6a\x00\x00\xff\x05"),
		CASE("depth 32", RC_OK,
		     "\x03\x01\x6a\x00"
		     "EEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEE"
		     "\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1"),
		CASE("depth 33", RC_TOO_BIG,
		     "\x03\x01\x6a\x00"
		     "EEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEE"
		     "\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1"
		     "\1"),
#undef CASE
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(arena)
		struct arena *a = arena_new();
		struct wbxml_node *root = NULL;
		/* An exact copy on the heap, so that ASan sees a read behind the end. */
		char *copy = malloc(cases[i].doc.n + 1);
		assert_non_null(copy);
		copy = realloc(copy, cases[i].doc.n ? cases[i].doc.n : 1);
		memcpy(copy, cases[i].doc.p, cases[i].doc.n);
		enum rc rc = wbxml_parse(span_of(copy, cases[i].doc.n), NULL, a, &root);
		if (rc != cases[i].rc)
			fail_msg("%s: %s", cases[i].what, rc_str(rc));
		assert_true((rc == RC_OK) == (root != NULL));
		free(copy);
	}
}

static void
ten_million_nested_tags_cost_nothing(void **state UNUSED)
{
	AUTO(arena)
	struct arena *a = arena_new();
	struct wbxml_node *root;
	size_t n = 10 << 20;
	char *doc = malloc(n);

	assert_non_null(doc);
	memset(doc, 'E', n);
	memcpy(doc, "\x03\x01\x6a\x00", 4);
	assert_int_equal(wbxml_parse(span_of(doc, n), NULL, a, &root), RC_TOO_BIG);
	struct wbxml_limits deep = { .depth_max = 1000000, .nodes_max = 50000 };
	assert_int_equal(wbxml_parse(span_of(doc, n), &deep, a, &root), RC_TOO_BIG);
	/* Siblings without content meet the node limit. */
	memset(doc + 5, 0x05, n - 5);
	assert_int_equal(wbxml_parse(span_of(doc, n), NULL, a, &root), RC_TOO_BIG);
	free(doc);
	assert_true(arena_used(a) < 64u << 20);
}

static void
pieces_of_text_are_joined_in_linear_memory(void **state UNUSED)
{
	AUTO(arena)
	struct arena *a = arena_new();
	AUTO_DONE(buf) struct buf doc = BUF_INIT(0);
	struct wbxml_node *root;
	size_t pieces = 200000;

	buf_add(&doc, "\x03\x01\x6a\x00\x45", 5);
	for (size_t i = 0; i < pieces; i++)
		buf_add(&doc,
		        i % 2 ? "\x03"
		                "ab\0"
		              : "\xc3\x02"
		                "cd",
		        4);
	buf_add_char(&doc, 1);
	assert_int_equal(wbxml_parse(buf_span(&doc), NULL, a, &root), RC_OK);
	assert_int_equal(root->text.n, pieces * 2);
	assert_memory_equal(root->text.p, "cdabcdabcdab", 12);
	assert_true(arena_used(a) < 8 * doc.len);
}

static void
children_are_found_and_numbers_read(void **state UNUSED)
{
	AUTO(arena)
	struct arena *a = arena_new();
	AUTO_DONE(buf) struct buf out = BUF_INIT(0);
	struct wbxml_writer w;
	struct wbxml_node *root;
	uint32_t v = 7;

	wbxml_writer_init(&w, &out);
	wbxml_start(&w, WBXML_PING_PING);
	wbxml_str(&w, WBXML_PING_HEARTBEATINTERVAL, "900");
	wbxml_start(&w, WBXML_PING_FOLDERS);
	for (int i = 0; i < 3; i++) {
		wbxml_start(&w, WBXML_PING_FOLDER);
		wbxml_u64(&w, WBXML_PING_ID, (uint64_t)i);
		wbxml_end(&w);
	}
	wbxml_empty(&w, WBXML_PING_CLASS);
	wbxml_end(&w);
	wbxml_str(&w, WBXML_PING_STATUS, "x1");
	wbxml_end(&w);
	assert_true(wbxml_writer_ok(&w));
	assert_int_equal(wbxml_parse(buf_span(&out), NULL, a, &root), RC_OK);

	assert_int_equal(wbxml_child_u32(root, WBXML_PING_HEARTBEATINTERVAL, 3540, &v),
	                 RC_OK);
	assert_int_equal(v, 900);
	assert_int_equal(wbxml_child_u32(root, WBXML_PING_HEARTBEATINTERVAL, 899, &v),
	                 RC_TOO_BIG);
	assert_int_equal(wbxml_child_u32(root, WBXML_PING_STATUS, 9, &v), RC_INVALID);
	assert_int_equal(wbxml_child_u32(root, WBXML_PING_MAXFOLDERS, 9, &v),
	                 RC_NOT_FOUND);
	assert_int_equal(wbxml_child_u32(NULL, WBXML_PING_MAXFOLDERS, 9, &v),
	                 RC_NOT_FOUND);
	assert_int_equal(v, 900);

	struct wbxml_node *folders = wbxml_child(root, WBXML_PING_FOLDERS);
	struct wbxml_node *f = wbxml_child(folders, WBXML_PING_FOLDER);
	int n = 0;
	for (; f; f = wbxml_next(f, WBXML_PING_FOLDER)) {
		char digit = (char)('0' + n++);
		assert_true(
			span_eq(wbxml_child_text(f, WBXML_PING_ID), span_of(&digit, 1)));
	}
	assert_int_equal(n, 3);
	assert_int_equal(wbxml_child_text(folders, WBXML_PING_CLASS).n, 0);
	assert_null(wbxml_child(NULL, WBXML_PING_FOLDER));
}

static void
text_loses_what_xml_cannot_carry(void **state UNUSED)
{
	static const struct {
		struct span in;
		const char *out;
	} cases[] = {
		{ SPAN("plain \t\r\n"), "plain \t\r\n" },
		{ SPAN("a\0b\x01"
		       "c\x1f"),
		  "abc" },
		{ SPAN("gr\xc3\xbc\xc3\x9f \xf0\x9f\x90\xa6"),
		  "gr\xc3\xbc\xc3\x9f \xf0\x9f\x90\xa6" },
		{ SPAN("\xff|\xc3|\xe2\x82"),
		  "\xef\xbf\xbd|\xef\xbf\xbd|\xef\xbf\xbd\xef\xbf\xbd" },
		{ SPAN("\xed\xa0\x80"), "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
		{ SPAN("\xef\xbf\xbf\xef\xbf\xbe."), "." },
		{ SPAN("\xc0\x80\xf5\x80\x80\x80"),
		  "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf"
		  "\xbd" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(arena)
		struct arena *a = arena_new();
		AUTO_DONE(buf) struct buf out = BUF_INIT(0);
		struct wbxml_writer w;
		struct wbxml_node *root;

		wbxml_writer_init(&w, &out);
		wbxml_text(&w, WBXML_EMAIL_SUBJECT, cases[i].in);
		assert_true(wbxml_writer_ok(&w));
		assert_int_equal(wbxml_parse(buf_span(&out), NULL, a, &root), RC_OK);
		if (!span_is(root->text, cases[i].out))
			fail_msg("case %zu: %.*s", i, SPAN_FMT(root->text));
	}
}

static void
mime_travels_as_opaque_bytes(void **state UNUSED)
{
	AUTO_DONE(buf) struct buf out = BUF_INIT(0);
	struct wbxml_writer w;

	wbxml_writer_init(&w, &out);
	wbxml_text(&w, WBXML_COMPOSEMAIL_MIME, SPAN("\0\xff"));
	assert_true(wbxml_writer_ok(&w));
	assert_int_equal(out.len, 4 + 2 + 1 + 2 + 2 + 1);
	assert_memory_equal(out.p + 4, "\x00\x15\x50\xc3\x02\x00\xff\x01", 8);

	/* A length of two mb_u_int32 bytes. */
	char big[300] = { 0 };
	buf_clear(&out);
	wbxml_writer_init(&w, &out);
	wbxml_start(&w, WBXML_AIRSYNCBASE_DATA);
	wbxml_opaque(&w, span_of(big, sizeof(big)));
	wbxml_end(&w);
	assert_memory_equal(out.p + 6, "\x4b\xc3\x82\x2c", 4);
}

static void
a_rewound_writer_forgets_the_item(void **state UNUSED)
{
	AUTO_DONE(buf) struct buf with = BUF_INIT(0);
	AUTO_DONE(buf) struct buf without = BUF_INIT(0);
	struct wbxml_writer w;

	wbxml_writer_init(&w, &without);
	wbxml_start(&w, WBXML_AIRSYNC_SYNC);
	wbxml_empty(&w, WBXML_AIRSYNC_COMMANDS);
	wbxml_end(&w);

	wbxml_writer_init(&w, &with);
	wbxml_start(&w, WBXML_AIRSYNC_SYNC);
	wbxml_start(&w, WBXML_AIRSYNC_COMMANDS);
	struct wbxml_mark m = wbxml_mark(&w);
	wbxml_start(&w, WBXML_AIRSYNC_ADD);
	wbxml_str(&w, WBXML_EMAIL_SUBJECT, "too long");
	wbxml_rewind(&w, m);
	wbxml_end(&w);
	wbxml_end(&w);
	assert_true(wbxml_writer_ok(&w));
	assert_int_equal(with.len, without.len);
	assert_memory_equal(with.p, without.p, with.len);
}

static void
a_full_buffer_is_told_at_the_end(void **state UNUSED)
{
	for (size_t max = 1; max < 24; max++) {
		AUTO_DONE(buf) struct buf out = BUF_INIT(max);
		struct wbxml_writer w;

		wbxml_writer_init(&w, &out);
		wbxml_start(&w, WBXML_AIRSYNC_SYNC);
		struct wbxml_mark m = wbxml_mark(&w);
		wbxml_str(&w, WBXML_EMAIL_SUBJECT, "0123456789");
		wbxml_end(&w);
		assert_int_equal(wbxml_writer_ok(&w), max >= 22);
		if (max < 22) {
			wbxml_rewind(&w, m);
			wbxml_end(&w);
			assert_false(wbxml_writer_ok(&w));
		}
	}
}

static void
xml_that_is_not_activesync_is_refused(void **state UNUSED)
{
	static const char *const cases[] = {
		"",
		"<Sync xmlns=\"AirSync\">",
		"<Sync/>",
		"<Sink xmlns=\"AirSync\"/>",
		"<Sync xmlns=\"AirSync\" a=\"b\"/>",
		"<Sync xmlns=\"AirSync\">text<Wait/></Sync>",
		"<Data xmlns=\"AirSyncBase\" encoding=\"base64\">!!!</Data>",
		"<T0001/>",
		"<!DOCTYPE x [<!ENTITY a \"b\">]><Sync xmlns=\"AirSync\">&b;</Sync>",
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO_DONE(buf) struct buf out = BUF_INIT(0);
		struct err err = { "" };
		if (wbxml_from_xml(span_str(cases[i]), &out, &err) == RC_OK)
			fail_msg("taken: %s", cases[i]);
		assert_true(err.text[0] != '\0');
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(golden_pairs_read_and_write_the_same),
		cmocka_unit_test(every_tag_has_a_name_that_finds_it),
		cmocka_unit_test(what_is_not_our_wbxml_is_refused),
		cmocka_unit_test(ten_million_nested_tags_cost_nothing),
		cmocka_unit_test(pieces_of_text_are_joined_in_linear_memory),
		cmocka_unit_test(children_are_found_and_numbers_read),
		cmocka_unit_test(text_loses_what_xml_cannot_carry),
		cmocka_unit_test(mime_travels_as_opaque_bytes),
		cmocka_unit_test(a_rewound_writer_forgets_the_item),
		cmocka_unit_test(a_full_buffer_is_told_at_the_end),
		cmocka_unit_test(xml_that_is_not_activesync_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
