/* SPDX-License-Identifier: ISC
 *
 * test_imap_read.c - the words of a command, sets, names and dates.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "imap/imap_flag.h"
#include "imap/imap_read.h"
#include "imap/imap_utf7.h"
#include "imap/imap_write.h"
#include "store/store_item.h"

static struct arena *arena;

static int
setup(void **state UNUSED)
{
	arena = arena_new();
	return 0;
}

static int
teardown(void **state UNUSED)
{
	arena_free(arena);
	return 0;
}

static struct imap_read
reader(const char *text, bool utf8)
{
	struct imap_read r;

	imap_read_init(&r, span_str(text), arena, utf8);
	return r;
}

static void
check_astring(const char *text, const char *want)
{
	struct imap_read r = reader(text, false);
	struct span s;
	bool ok = imap_read_astring(&r, &s) && imap_read_end(&r);

	if (ok != (want != NULL) || (ok && !span_is(s, want)))
		fail_msg("%s: %s", text, ok ? "read wrong" : r.error);
}

static void
astrings_are_atoms_quoted_or_literal(void **state UNUSED)
{
	check_astring("abc", "abc");
	check_astring("a]b", "a]b");
	check_astring("\"a b\"", "a b");
	check_astring("\"a\\\"b\\\\c\"", "a\"b\\c");
	check_astring("\"\"", "");
	check_astring("{3}\r\na\r\n", "a\r\n");
	check_astring("{3+}\na b", "a b");
	check_astring("{0}\r\n", "");
	check_astring("\xc3\xa4", "\xc3\xa4");
	check_astring("a ", "a");
	check_astring("", NULL);
	check_astring("(a", NULL);
	check_astring("a%b", NULL);
	check_astring("\"abc", NULL);
	check_astring("\"a\\b\"", NULL);
	check_astring("{4}\r\nabc", NULL);
	check_astring("{3}abc", NULL);
	check_astring("{99999999999999999999}\r\n", NULL);
	check_astring("a b", NULL);
}

static void
an_error_is_kept_and_stops_all_that_follows(void **state UNUSED)
{
	struct imap_read r = reader("5 abc", false);
	struct span s;

	assert_false(imap_read_char(&r, '('));
	assert_string_equal(r.error, "Opening parenthesis expected");
	assert_false(imap_read_atom(&r, &s));
	assert_false(imap_read_if(&r, '5'));
	assert_false(imap_read_end(&r));
	assert_string_equal(r.error, "Opening parenthesis expected");
}

static void
numbers_have_no_signs_and_no_overflow(void **state UNUSED)
{
	static const struct {
		const char *text;
		bool ok;
		uint64_t v;
	} cases[] = {
		{ "0", true, 0 },           { "4294967295", true, UINT32_MAX },
		{ "4294967296", false, 0 }, { "-1", false, 0 },
		{ "", false, 0 },           { "99999999999999999999999", false, 0 },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct imap_read r = reader(cases[i].text, false);
		uint32_t v = 0;
		if (imap_read_u32(&r, &v) != cases[i].ok || v != cases[i].v)
			fail_msg("%s", cases[i].text);
	}
	struct imap_read r = reader("9223372036854775807", false);
	uint64_t big;
	assert_true(imap_read_u64(&r, &big));
	r = reader("9223372036854775808", false);
	assert_false(imap_read_u64(&r, &big));
}

static void
check_mailbox(const char *wire, bool utf8, const char *want)
{
	struct imap_read r = reader(wire, utf8);
	struct span s;
	bool ok = imap_read_mailbox(&r, &s) && imap_read_end(&r) && !r.bad_name;

	if (ok != (want != NULL) || (ok && !span_is(s, want)))
		fail_msg("%s: %s", wire, ok ? "read wrong" : r.error);
}

static void
mailbox_names_become_utf8(void **state UNUSED)
{
	check_mailbox("inbox", false, "INBOX");
	check_mailbox("InBoX/a", false, "INBOX/a");
	check_mailbox("inboxes", false, "inboxes");
	check_mailbox("\"Entw&APw-rfe\"", false, "Entw\xc3\xbcrfe");
	check_mailbox(
		"~peter/mail/&U,BTFw-/&ZeVnLIqe-", false,
		"~peter/mail/\xe5\x8f\xb0\xe5\x8c\x97/\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa"
		"\x9e");
	check_mailbox("a&-b", false, "a&b");
	check_mailbox("a&b", false, NULL);
	check_mailbox("a&b", true, "a&b");
	check_mailbox("\xc3\xbc", true, "\xc3\xbc");
	check_mailbox("\xc3\xbc", false, "\xc3\xbc");
	check_mailbox("\xff", false, NULL);
}

static void
modified_utf7_has_one_way_to_write_a_name(void **state UNUSED)
{
	static const char *const good[][2] = {
		{ "", "" },
		{ "abc", "abc" },
		{ "&-", "&" },
		{ "&AOQ-", "\xc3\xa4" },
		{ "&AOQA9g-", "\xc3\xa4\xc3\xb6" },
		{ "&2D3eAA-", "\xf0\x9f\x98\x80" },
		{ "a&AOQ-b&AOQ-", "a\xc3\xa4"
		                  "b\xc3\xa4" },
	};
	static const char *const bad[] = {
		"&",     "&AOQ", "&AOQ-&AOQ-", "&AGE-", "&AOR-",    "&AO-",  "&2D0-",
		"&3gA-", "&A-",  "&====-",     "\x01",  "\xc3\xa4", "&AAA-",
	};
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		AUTO_DONE(buf) struct buf b = BUF_INIT(0);
		AUTO_DONE(buf) struct buf back = BUF_INIT(0);
		assert_int_equal(imap_utf7_decode(span_str(good[i][0]), &b), RC_OK);
		if (!span_is(buf_span(&b), good[i][1]))
			fail_msg("%s", good[i][0]);
		imap_utf7_encode(span_str(good[i][1]), &back);
		if (!span_is(buf_span(&back), good[i][0]))
			fail_msg("%s", good[i][1]);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		AUTO_DONE(buf) struct buf b = BUF_INIT(0);
		if (imap_utf7_decode(span_str(bad[i]), &b) == RC_OK)
			fail_msg("%s was taken", bad[i]);
	}
}

static void
check_set(const char *text, uint32_t star, const char *want)
{
	struct imap_seqset wire, set;
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);
	enum rc rc = imap_seqset_parse(span_str(text), arena, &wire);

	if (rc != RC_OK) {
		if (want)
			fail_msg("%s was refused", text);
		return;
	}
	imap_seqset_resolve(&wire, star, arena, &set);
	imap_seqset_write_ranges(&b, set.v, set.n);
	if (!want || !span_is(buf_span(&b), want))
		fail_msg("%s: %.*s", text, SPAN_FMT(buf_span(&b)));
}

static void
sets_rise_and_are_merged(void **state UNUSED)
{
	check_set("1", 9, "1");
	check_set("2,4:7,9,12:*", 15, "2,4:7,9,12:15");
	check_set("5:3", 9, "3:5");
	check_set("*", 9, "9");
	check_set("12:*", 9, "9:12");
	check_set("*:4", 9, "4:9");
	check_set("3,2,1", 9, "1:3");
	check_set("1:5,3:8,20", 9, "1:8,20");
	check_set("4294967295,1", 9, "1,4294967295");
	check_set("1:*", 0, "");
	check_set("0", 9, NULL);
	check_set("1,,2", 9, NULL);
	check_set("1:", 9, NULL);
	check_set(":1", 9, NULL);
	check_set("", 9, NULL);
	check_set("1:2:3", 9, NULL);
	check_set("4294967296", 9, NULL);
	check_set("1,$", 9, NULL);
}

static void
a_set_knows_what_is_in_it(void **state UNUSED)
{
	struct imap_seqset wire, set;
	assert_int_equal(imap_seqset_parse(SPAN("3:5,9,20:*"), arena, &wire), RC_OK);
	imap_seqset_resolve(&wire, 30, arena, &set);
	for (uint32_t x = 1; x < 40; x++) {
		bool want = (x >= 3 && x <= 5) || x == 9 || (x >= 20 && x <= 30);
		if (imap_seqset_has(&set, x) != want)
			fail_msg("%u", x);
	}
	assert_int_equal(imap_seqset_parse(SPAN("$"), arena, &wire), RC_OK);
	assert_true(wire.saved);
}

static void
runs_of_numbers_are_drawn_together(void **state UNUSED)
{
	static const uint32_t v[] = { 1, 2, 3, 7, 9, 10, 4 };
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);

	imap_seqset_write(&b, v, ARRAY_LEN(v));
	assert_true(span_is(buf_span(&b), "1:3,7,9:10,4"));
}

static void
check_date_time(const char *text, int64_t want)
{
	struct imap_read r = reader(text, false);
	int64_t ms = -1;

	if (!imap_read_date_time(&r, &ms))
		ms = -1;
	if (ms != want)
		fail_msg("%s: %lld", text, (long long)ms);
}

static void
dates_are_read_strictly(void **state UNUSED)
{
	check_date_time("\"17-Jul-1996 02:44:25 -0700\"", 837596665000);
	check_date_time("\" 1-Jan-1970 00:00:01 +0000\"", 1000);
	check_date_time("\"01-Jan-1970 01:00:01 +0100\"", 1000);
	check_date_time("\"31-Jun-1996 02:44:25 -0700\"", -1);
	check_date_time("\"17-Jul-1996 24:44:25 -0700\"", -1);
	check_date_time("\"17-Foo-1996 02:44:25 -0700\"", -1);
	check_date_time("\"17-Jul-1996 02:44:25\"", -1);
	check_date_time("17-Jul-1996", -1);
	static const char *const days[] = { "1-Feb-1994", "01-feb-1994",
		                            "\"1-Feb-1994\"" };
	for (size_t i = 0; i < ARRAY_LEN(days); i++) {
		struct imap_read r = reader(days[i], false);
		int64_t day;
		assert_true(imap_read_date(&r, &day));
		assert_int_equal(day, clock_days_from_civil(1994, 2, 1));
	}
	struct imap_read r = reader("0-Feb-1994", false);
	int64_t day;
	assert_false(imap_read_date(&r, &day));
}

static void
date_and_time_are_written_as_they_are_read(void **state UNUSED)
{
	static const int64_t times[] = { 0, 837596665000, 1795303301000, -86400000 };
	for (size_t i = 0; i < ARRAY_LEN(times); i++) {
		AUTO_DONE(buf) struct buf b = BUF_INIT(0);
		imap_write_date_time(&b, times[i]);
		struct imap_read r;
		imap_read_init(&r, buf_span(&b), arena, false);
		int64_t ms;
		assert_true(imap_read_date_time(&r, &ms));
		assert_int_equal(ms, times[i]);
	}
}

static void
flags_have_bits_and_others_are_keywords(void **state UNUSED)
{
	struct imap_read r = reader("(\\Seen $junk foo \\deleted Foo bar)", false);
	struct imap_flags f;

	assert_true(imap_read_flags(&r, false, &f));
	assert_int_equal(f.system,
	                 STORE_FLAG_SEEN | STORE_FLAG_JUNK | STORE_FLAG_DELETED);
	assert_true(span_is(f.keywords, "foo bar"));
	r = reader("\\Seen foo", false);
	assert_true(imap_read_flags(&r, true, &f));
	assert_true(span_is(f.keywords, "foo"));
	r = reader("()", false);
	assert_true(imap_read_flags(&r, false, &f));
	assert_int_equal(f.system, 0);
	static const char *const bad[] = { "(\\Recent)", "(\\Foo)", "(a",    "\\Seen",
		                           "(a (b))",    "(\\)",    "(a  b)" };
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		r = reader(bad[i], false);
		if (imap_read_flags(&r, false, &f))
			fail_msg("%s was taken", bad[i]);
	}
}

static void
keyword_lists_are_sets_without_case(void **state UNUSED)
{
	assert_true(imap_keywords_has(SPAN("a Foo b"), SPAN("foo")));
	assert_false(imap_keywords_has(SPAN("a Foo b"), SPAN("fo")));
	assert_true(span_is(imap_keywords_add(SPAN("a b"), SPAN("B c"), arena), "a b c"));
	assert_true(span_is(imap_keywords_add(SPAN(""), SPAN("c"), arena), "c"));
	assert_true(
		span_is(imap_keywords_remove(SPAN("a b c"), SPAN("B"), arena), "a c"));
	assert_true(imap_keywords_eq(SPAN("a b"), SPAN("b a")));
	assert_false(imap_keywords_eq(SPAN("a b"), SPAN("b")));
}

static void
check_string(struct span s, bool utf8, const char *want)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);

	imap_write_string(&b, s, utf8);
	if (!span_is(buf_span(&b), want))
		fail_msg("%.*s: %.*s", SPAN_FMT(s), SPAN_FMT(buf_span(&b)));
}

static void
strings_are_quoted_where_they_may_be(void **state UNUSED)
{
	check_string(SPAN("a b"), false, "\"a b\"");
	check_string(SPAN(""), false, "\"\"");
	check_string(SPAN("a\"b\\"), false, "\"a\\\"b\\\\\"");
	check_string(SPAN("a\nb"), false, "{3}\r\na\nb");
	check_string(SPAN("\xc3\xa4"), false, "{2}\r\n\xc3\xa4");
	check_string(SPAN("\xc3\xa4"), true, "\"\xc3\xa4\"");
	check_string(SPAN("\xff"), true, "{1}\r\n\xff");
	check_string(SPAN("a\0b"), false,
	             "{3}\r\na\x80"
	             "b");
}

static void
deep_lists_are_refused(void **state UNUSED)
{
	char deep[200];
	memset(deep, '(', 100);
	memset(deep + 100, ')', 99);
	deep[199] = '\0';
	struct imap_read r = reader(deep, false);
	assert_false(imap_read_skip_value(&r));
	r = reader("(a (b \"c\") {1}\r\nd) e", false);
	assert_true(imap_read_skip_value(&r));
	assert_int_equal(imap_read_peek(&r), ' ');
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(astrings_are_atoms_quoted_or_literal),
		cmocka_unit_test(an_error_is_kept_and_stops_all_that_follows),
		cmocka_unit_test(numbers_have_no_signs_and_no_overflow),
		cmocka_unit_test(mailbox_names_become_utf8),
		cmocka_unit_test(modified_utf7_has_one_way_to_write_a_name),
		cmocka_unit_test(sets_rise_and_are_merged),
		cmocka_unit_test(a_set_knows_what_is_in_it),
		cmocka_unit_test(runs_of_numbers_are_drawn_together),
		cmocka_unit_test(dates_are_read_strictly),
		cmocka_unit_test(date_and_time_are_written_as_they_are_read),
		cmocka_unit_test(flags_have_bits_and_others_are_keywords),
		cmocka_unit_test(keyword_lists_are_sets_without_case),
		cmocka_unit_test(strings_are_quoted_where_they_may_be),
		cmocka_unit_test(deep_lists_are_refused),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
