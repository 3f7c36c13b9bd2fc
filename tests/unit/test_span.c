/* SPDX-License-Identifier: ISC
 *
 * test_span.c - views, strict numbers, UTF-8; and the small things of rc and mem.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/span.h"

static void
case_counts_only_where_it_should(void **state UNUSED)
{
	assert_true(span_ieq(SPAN("InBoX"), SPAN("inbox")));
	assert_false(span_eq(SPAN("InBoX"), SPAN("inbox")));
	assert_true(span_iis(SPAN("UTF-8"), "utf-8"));
	assert_false(span_is(SPAN("UTF-8"), "utf-8"));
	assert_true(span_istarts(SPAN("AUTH=plain"), "auth="));
	assert_false(span_starts(SPAN("AUTH=plain"), "auth="));
	/* '@' and '`', '[' and '{' are one bit apart, but no letters. */
	assert_false(span_ieq(SPAN("@["), SPAN("`{")));
	/* Bytes above ASCII are not folded, whatever the locale. */
	assert_false(span_ieq(SPAN("\xc4"), SPAN("\xe4")));
}

static void
a_prefix_longer_than_the_span_is_not_read(void **state UNUSED)
{
	char *p = xstrndup("ab", 2);
	char *exact = xmalloc(2);

	/* Without the NUL, so that ASan would see a read behind the end. */
	memcpy(exact, p, 2);
	assert_false(span_starts(span_of(exact, 2), "abc"));
	assert_false(span_ends(span_of(exact, 2), "xab"));
	assert_true(span_ends(span_of(exact, 2), "b"));
	assert_true(span_ends(span_of(exact, 2), ""));
	assert_int_equal(span_find(span_of(exact, 2), 0, '\0'), 2);
	assert_int_equal(span_ifind(span_of(exact, 2), SPAN("bc")), 2);
	free(exact);
	free(p);
}

static void
order_is_of_bytes_and_the_shorter_comes_first(void **state UNUSED)
{
	assert_true(span_cmp(SPAN("a"), SPAN("ab")) < 0);
	assert_true(span_cmp(SPAN("b"), SPAN("ab")) > 0);
	assert_true(span_cmp(SPAN("\x80"), SPAN("a")) > 0);
	assert_int_equal(span_cmp(SPAN(""), SPAN("")), 0);
}

static void
cutting_gives_every_piece_and_then_ends(void **state UNUSED)
{
	struct span rest = SPAN("a,,b");
	struct span head;

	assert_true(span_cut(&rest, ',', &head));
	assert_true(span_is(head, "a"));
	assert_true(span_cut(&rest, ',', &head));
	assert_int_equal(head.n, 0);
	assert_true(span_cut(&rest, ',', &head));
	assert_true(span_is(head, "b"));
	assert_int_equal(rest.n, 0);
	assert_false(span_cut(&rest, ',', &head));
}

static void
places_outside_are_clamped(void **state UNUSED)
{
	struct span s = SPAN("hello");

	assert_true(span_is(span_sub(s, 1, 3), "el"));
	assert_true(span_is(span_sub(s, 3, 99), "lo"));
	assert_int_equal(span_sub(s, 4, 2).n, 0);
	assert_int_equal(span_sub(s, 99, 100).n, 0);
	assert_int_equal(span_find(s, 9, 'h'), 5);
	assert_int_equal(span_ifind(s, SPAN("")), 0);
	assert_int_equal(span_ifind(s, SPAN("LLO")), 2);
	assert_true(span_is(span_trim(SPAN(" \r\n\ta b\t ")), "a b"));
	assert_int_equal(span_trim(SPAN(" \t")).n, 0);
}

static void
numbers_are_digits_and_nothing_else(void **state UNUSED)
{
	static const struct {
		const char *text;
		uint64_t max;
		enum rc rc;
		uint64_t value;
	} cases[] = {
		{ "0", 0, RC_OK, 0 },
		{ "007", 7, RC_OK, 7 },
		{ "18446744073709551615", UINT64_MAX, RC_OK, UINT64_MAX },
		{ "18446744073709551616", UINT64_MAX, RC_TOO_BIG, 0 },
		{ "99999999999999999999999", UINT64_MAX, RC_TOO_BIG, 0 },
		{ "99999999999999999999999x", UINT64_MAX, RC_INVALID, 0 },
		{ "11", 10, RC_TOO_BIG, 0 },
		{ "", 10, RC_INVALID, 0 },
		{ "+1", 10, RC_INVALID, 0 },
		{ "-1", 10, RC_INVALID, 0 },
		{ " 1", 10, RC_INVALID, 0 },
		{ "1 ", 10, RC_INVALID, 0 },
		{ "0x1", 10, RC_INVALID, 0 },
		{ "\xd9\xa1", 10, RC_INVALID, 0 }, /* an Arabic one */
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		uint64_t v = 4711;
		enum rc rc = parse_u64(span_str(cases[i].text), cases[i].max, &v);

		if (rc != cases[i].rc)
			print_error("case \"%s\"\n", cases[i].text);
		assert_int_equal(rc, cases[i].rc);
		/* What failed has not touched the output. */
		assert_int_equal(v, rc == RC_OK ? cases[i].value : 4711);
	}
}

static void
signed_and_hex_numbers_reach_their_ends(void **state UNUSED)
{
	uint64_t u;
	uint32_t small;
	int64_t v;

	assert_int_equal(parse_i64(SPAN("-9223372036854775808"), &v), RC_OK);
	assert_true(v == INT64_MIN);
	assert_int_equal(parse_i64(SPAN("9223372036854775807"), &v), RC_OK);
	assert_true(v == INT64_MAX);
	assert_int_equal(parse_i64(SPAN("9223372036854775808"), &v), RC_TOO_BIG);
	assert_int_equal(parse_i64(SPAN("-"), &v), RC_INVALID);
	assert_int_equal(parse_i64(SPAN("--1"), &v), RC_INVALID);
	assert_int_equal(parse_i64(SPAN(""), &v), RC_INVALID);
	assert_int_equal(parse_hex64(SPAN("FFFFffffFFFFffff"), &u), RC_OK);
	assert_true(u == UINT64_MAX);
	assert_int_equal(parse_hex64(SPAN("00000000000000001"), &u), RC_TOO_BIG);
	assert_int_equal(parse_hex64(SPAN("0x1"), &u), RC_INVALID);
	assert_int_equal(parse_hex64(SPAN(""), &u), RC_INVALID);
	assert_int_equal(parse_u32(SPAN("4294967295"), UINT32_MAX, &small), RC_OK);
	assert_int_equal(small, UINT32_MAX);
	assert_int_equal(parse_u32(SPAN("4294967296"), UINT32_MAX, &small), RC_TOO_BIG);
}

static void
utf8_is_what_rfc3629_says(void **state UNUSED)
{
	static const struct {
		const char *bytes;
		bool good;
	} cases[] = {
		{ "", true },
		{ "plain", true },
		{ "\xc3\xa4", true },
		{ "\xe4\xb8\xad\xe6\x96\x87", true },
		{ "\xf0\x9f\x93\xb1", true },
		{ "\xf4\x8f\xbf\xbf", true },  /* U+10FFFF */
		{ "\xf4\x90\x80\x80", false }, /* U+110000 */
		{ "\xc0\xaf", false },         /* overlong / */
		{ "\xe0\x80\xaf", false },
		{ "\xf0\x80\x80\xaf", false },
		{ "\xed\xa0\x80", false }, /* surrogate */
		{ "\xed\x9f\xbf", true },  /* the last before them */
		{ "\xee\x80\x80", true },  /* the first after them */
		{ "\x80", false },
		{ "\xc3", false },
		{ "\xe4\xb8", false },
		{ "\xc3x", false },
		{ "\xff", false },
		{ "\xf5\x80\x80\x80", false },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		if (utf8_is_valid(span_str(cases[i].bytes)) != cases[i].good)
			print_error("case %zu\n", i);
		assert_int_equal(utf8_is_valid(span_str(cases[i].bytes)), cases[i].good);
		/* The same behind text of each length and before some. */
		for (int n = 0; n < 20; n++) {
			char text[64];
			int len = snprintf(text, sizeof(text), "%.*s%s0123456789", n,
			                   "abcdefghijklmnopqrst", cases[i].bytes);
			assert_int_equal(utf8_is_valid(span_of(text, (size_t)len)),
			                 cases[i].good);
		}
	}
}

static void
ascii_ends_at_the_first_other_byte(void **state UNUSED)
{
	char text[40];

	for (size_t n = 0; n <= sizeof(text); n++) {
		memset(text, 0x7f, sizeof(text));
		assert_int_equal(ascii_prefix(span_of(text, n)), n);
		for (size_t at = 0; at < n; at++) {
			memset(text, 'a', sizeof(text));
			text[at] = (char)0x80;
			assert_int_equal(ascii_prefix(span_of(text, n)), at);
		}
	}
}

static void
a_prefix_never_cuts_a_character(void **state UNUSED)
{
	struct span s = SPAN("a\xe4\xb8\xad\xf0\x9f\x93\xb1z");
	static const size_t expected[] = { 0, 1, 1, 1, 4, 4, 4, 4, 8, 9, 9 };

	for (size_t n = 0; n < ARRAY_LEN(expected); n++)
		assert_int_equal(utf8_prefix(s, n).n, expected[n]);
	/* No UTF-8: cut where asked, not at the beginning. */
	assert_int_equal(utf8_prefix(SPAN("\x80\x80\x80\x80\x80\x80"), 5).n, 5);
}

static void
each_result_has_its_sentence(void **state UNUSED)
{
	struct err err;

	assert_string_equal(rc_str(RC_OK), "ok");
	assert_string_equal(rc_str(RC_IO), "input or output error");
	assert_int_equal(err_set(&err, RC_DENIED, "no %s", "way"), RC_DENIED);
	assert_string_equal(err.text, "no way");
	assert_int_equal(err_set(NULL, RC_IO, "no %s", "way"), RC_IO);
	err_set(&err, RC_IO, "%0600d", 1);
	assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
}

static void
empty_allocations_are_no_null(void **state UNUSED)
{
	void *p = xmalloc(0);
	char *s = xasprintf("%d-%s", 7, "x");
	char *t = xstrndup(NULL, 0);

	assert_non_null(p);
	p = xrealloc(p, 0);
	assert_non_null(p);
	p = xreallocarray(p, 0, 8);
	assert_non_null(p);
	assert_string_equal(s, "7-x");
	assert_string_equal(t, "");
	mem_wipe(s, 3);
	assert_int_equal(s[0] | s[1] | s[2], 0);
	free(p);
	free(s);
	free(t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(case_counts_only_where_it_should),
		cmocka_unit_test(a_prefix_longer_than_the_span_is_not_read),
		cmocka_unit_test(order_is_of_bytes_and_the_shorter_comes_first),
		cmocka_unit_test(cutting_gives_every_piece_and_then_ends),
		cmocka_unit_test(places_outside_are_clamped),
		cmocka_unit_test(numbers_are_digits_and_nothing_else),
		cmocka_unit_test(signed_and_hex_numbers_reach_their_ends),
		cmocka_unit_test(utf8_is_what_rfc3629_says),
		cmocka_unit_test(ascii_ends_at_the_first_other_byte),
		cmocka_unit_test(a_prefix_never_cuts_a_character),
		cmocka_unit_test(each_result_has_its_sentence),
		cmocka_unit_test(empty_allocations_are_no_null),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
