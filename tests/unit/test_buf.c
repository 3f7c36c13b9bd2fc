/* SPDX-License-Identifier: ISC
 *
 * test_buf.c - the growing buffer, its limit, and what it escapes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/mem.h"

static void
assert_holds(const struct buf *b, const char *text)
{
	if (!span_is(buf_span(b), text))
		print_error("is \"%.*s\"\nnot \"%s\"\n", SPAN_FMT(buf_span(b)), text);
	assert_true(span_is(buf_span(b), text));
}

static void
fill(struct buf *b)
{
	buf_add_str(b, "a=");
	buf_add_u64(b, 18446744073709551615u);
	buf_addf(b, " %s-%d", "text", -7);
	buf_add_char(b, ' ');
	buf_add_xml(b, SPAN("<&>"));
	buf_add_json(b, SPAN("q\"\n"));
	buf_addf(b, "%0300d", 5);
}

static void
any_limit_fails_for_good_and_is_never_passed(void **state UNUSED)
{
	AUTO_DONE(buf) struct buf whole = BUF_INIT(0);

	fill(&whole);
	assert_true(buf_ok(&whole));
	/* The n-th byte is one too many, for every n. */
	for (size_t max = 1; max <= buf_len(&whole); max++) {
		AUTO_DONE(buf) struct buf b = BUF_INIT(max);

		fill(&b);
		assert_int_equal(buf_ok(&b), max == buf_len(&whole));
		assert_true(buf_len(&b) <= max);
		assert_true(b.cap <= max);
		assert_memory_equal(buf_span(&b).p, whole.p, buf_len(&b));
		if (buf_ok(&b))
			continue;
		buf_truncate(&b, 0);
		buf_add_char(&b, 'x');
		assert_int_equal(buf_len(&b), 0);
		assert_null(buf_reserve(&b, 1));
		buf_clear(&b);
		buf_add_char(&b, 'x');
		assert_holds(&b, "x");
	}
}

static void
a_sum_that_wraps_is_over_the_limit(void **state UNUSED)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);

	buf_add_char(&b, 'x');
	assert_null(buf_reserve(&b, SIZE_MAX));
	assert_false(buf_ok(&b));
}

static void
an_empty_buffer_has_a_span_and_a_string(void **state UNUSED)
{
	struct buf b = BUF_INIT(8);
	char *s;

	assert_non_null(buf_span(&b).p);
	buf_add(&b, NULL, 0);
	buf_drop(&b, 0);
	s = buf_take_str(&b);
	assert_string_equal(s, "");
	free(s);
	buf_done(&b);
}

static void
a_full_buffer_still_gives_a_terminated_string(void **state UNUSED)
{
	struct buf b = BUF_INIT(5);
	char *s;

	buf_add_str(&b, "hello");
	assert_true(buf_ok(&b));
	s = buf_take_str(&b);
	assert_string_equal(s, "hello");
	free(s);
	assert_int_equal(buf_len(&b), 0);
	buf_add_str(&b, "again");
	assert_holds(&b, "again");
	buf_done(&b);
}

static void
reserved_room_counts_only_when_committed(void **state UNUSED)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(100);
	char *at = buf_reserve(&b, 100);

	memcpy(at, "abc", 3);
	assert_int_equal(buf_len(&b), 0);
	buf_commit(&b, 3);
	assert_holds(&b, "abc");
	assert_non_null(buf_reserve(&b, 97));
	assert_null(buf_reserve(&b, 98));
	assert_false(buf_ok(&b));
}

static void
dropping_keeps_the_rest(void **state UNUSED)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);

	buf_add_str(&b, "abcdef");
	buf_drop(&b, 2);
	assert_holds(&b, "cdef");
	buf_truncate(&b, 3);
	assert_holds(&b, "cde");
	buf_drop(&b, 3);
	assert_int_equal(buf_len(&b), 0);
}

static void
moving_joins_and_minds_the_limit(void **state UNUSED)
{
	AUTO_DONE(buf) struct buf a = BUF_INIT(6);
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);

	buf_add_str(&b, "abc");
	buf_move(&a, &b);
	assert_holds(&a, "abc");
	assert_int_equal(buf_len(&b), 0);
	buf_add_str(&b, "def");
	buf_move(&a, &b);
	assert_holds(&a, "abcdef");
	buf_add_str(&b, "g");
	buf_move(&a, &b);
	assert_false(buf_ok(&a));
	assert_holds(&a, "abcdef");
	/* A failed part makes a failed whole. */
	buf_clear(&a);
	b.failed = true;
	buf_move(&a, &b);
	assert_false(buf_ok(&a));
	assert_true(buf_ok(&b));
}

static void
a_large_buffer_moves_not_into_a_small_one(void **state UNUSED)
{
	AUTO_DONE(buf) struct buf a = BUF_INIT(4);
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);

	buf_add_str(&b, "abcdef");
	buf_move(&a, &b);
	assert_false(buf_ok(&a));
	assert_true(a.cap <= 4);
}

static void
xml_text_reads_back_as_it_was(void **state UNUSED)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);

	buf_add_xml(&b, SPAN("<a b=\"c\" d='e'>&\r\n\t\xe4\xb8\xad"));
	assert_holds(
		&b,
		"&lt;a b=&quot;c&quot; d=&apos;e&apos;&gt;&amp;&#13;\n\t\xe4\xb8\xad");
	buf_clear(&b);
	/* NUL, ESC, U+FFFE, and a lone byte that is no UTF-8. */
	buf_add_xml(&b, SPAN("a\0b\x1b"
	                     "c\xef\xbf\xbe"
	                     "d\xff"
	                     "e"));
	assert_holds(&b, "abcd\xef\xbf\xbd"
	                 "e");
}

static void
json_strings_hold_no_raw_control_character(void **state UNUSED)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);

	buf_add_json(&b, SPAN("\"\\\r\n\t\x01\x7f\xc2\x9b/\xe4\xb8\xad\xc3"));
	assert_holds(
		&b,
		"\"\\\"\\\\\\r\\n\\t\\u0001\\u007f\\u009b/\xe4\xb8\xad\xef\xbf\xbd\"");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_limit_fails_for_good_and_is_never_passed),
		cmocka_unit_test(a_sum_that_wraps_is_over_the_limit),
		cmocka_unit_test(an_empty_buffer_has_a_span_and_a_string),
		cmocka_unit_test(a_full_buffer_still_gives_a_terminated_string),
		cmocka_unit_test(reserved_room_counts_only_when_committed),
		cmocka_unit_test(dropping_keeps_the_rest),
		cmocka_unit_test(moving_joins_and_minds_the_limit),
		cmocka_unit_test(a_large_buffer_moves_not_into_a_small_one),
		cmocka_unit_test(xml_text_reads_back_as_it_was),
		cmocka_unit_test(json_strings_hold_no_raw_control_character),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
