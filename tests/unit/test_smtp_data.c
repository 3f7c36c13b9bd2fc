/* SPDX-License-Identifier: ISC
 *
 * test_smtp_data.c - lines, the end of data, dot-stuffing; the forms of SMTP smuggling.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "smtp/smtp_line.h"

static void
a_line_ends_by_crlf_alone(void **state)
{
	(void)state;
	struct span line;
	size_t used;
	assert_int_equal(smtp_line_next(SPAN("NOOP\r\nQUIT\r\n"), 100, &line, &used),
	                 SMTP_LINE_OK);
	assert_true(span_is(line, "NOOP"));
	assert_int_equal(used, 6);
	assert_int_equal(smtp_line_next(SPAN("NOOP"), 100, &line, &used), SMTP_LINE_MORE);
	assert_int_equal(smtp_line_next(SPAN("NOOP\n"), 100, &line, &used),
	                 SMTP_LINE_MORE);
	assert_int_equal(smtp_line_next(SPAN("NOOP\r"), 100, &line, &used),
	                 SMTP_LINE_MORE);
	assert_int_equal(smtp_line_next(SPAN("\r\n"), 100, &line, &used), SMTP_LINE_OK);
	assert_int_equal(line.n, 0);
}

static void
a_line_with_a_bare_end_is_one_bad_line(void **state)
{
	(void)state;
	static const struct {
		struct span in;
		size_t used;
	} cases[] = {
		{ { "NOOP\nQUIT\r\nRSET\r\n", 17 }, 11 },
		{ { "NOOP\rQUIT\r\n", 11 }, 11 },
		{ { "NO\0OP\r\n", 7 }, 7 },
		{ { "\n\r\n", 3 }, 3 },
		{ { "NOOP\r\r\n", 7 }, 7 },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct span line;
		size_t used;
		assert_int_equal(smtp_line_next(cases[i].in, 100, &line, &used),
		                 SMTP_LINE_BAD);
		assert_int_equal(used, cases[i].used);
	}
}

static void
a_line_has_a_longest_length(void **state)
{
	(void)state;
	struct span line;
	size_t used;
	assert_int_equal(smtp_line_next(SPAN("12345\r\n"), 5, &line, &used),
	                 SMTP_LINE_OK);
	assert_int_equal(smtp_line_next(SPAN("123456\r\n"), 5, &line, &used),
	                 SMTP_LINE_LONG);
	assert_int_equal(smtp_line_next(SPAN("123456"), 5, &line, &used), SMTP_LINE_LONG);
}

struct fed {
	struct smtp_data d;
	struct buf out;
	size_t used;
};

/* step: bytes at a time. */
static void
feed(struct fed *f, struct span in, size_t step)
{
	f->out = BUF_INIT(0);
	f->used = 0;
	smtp_data_init(&f->d, &f->out);
	for (size_t at = 0; at < in.n; at += step) {
		struct span piece = span_sub(in, at, at + step);
		size_t used = smtp_data_feed(&f->d, piece);
		f->used += used;
		if (used < piece.n)
			break;
	}
}

static void
data_end_at_the_lone_dot_and_lose_stuffed_ones(void **state)
{
	(void)state;
	struct span in = SPAN("Subject: x\r\n\r\n..one\r\n.two\r\na.b\r\n\r\n.\r\nMAIL");
	for (size_t step = 1; step < 60; step++) {
		struct fed f;
		feed(&f, in, step);
		assert_int_equal(f.d.at, SMTP_DATA_AT_END);
		assert_int_equal(f.used, in.n - 4);
		assert_false(f.d.bare || f.d.nul);
		assert_true(span_is(buf_span(&f.out),
		                    "Subject: x\r\n\r\n.one\r\ntwo\r\na.b\r\n\r\n"));
		buf_done(&f.out);
	}
}

static void
an_empty_message_is_a_dot(void **state)
{
	(void)state;
	struct fed f;
	feed(&f, SPAN(".\r\n"), 1);
	assert_int_equal(f.d.at, SMTP_DATA_AT_END);
	assert_int_equal(buf_len(&f.out), 0);
}

/* smtpsmuggling.com: each was an end of data to some server. */
static void
no_form_of_smuggling_ends_the_data(void **state)
{
	(void)state;
	static const struct span forms[] = {
		{ "\n.\n", 3 },       { "\n.\r\n", 4 },     { "\r\n.\n", 4 },
		{ "\r.\r", 3 },       { "\r\n.\r\r\n", 6 }, { "\r\n\0.\r\n", 6 },
		{ "\r.\r\n", 4 },     { "\r\n.\r", 4 },     { "\n.\r", 3 },
		{ "\r\n\r.\r\n", 6 }, { "\n\n.\r\n", 5 },   { "\r\n.\0\r\n", 6 },
	};
	for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
		for (size_t step = 1; step < 12; step++) {
			AUTO_DONE(buf) struct buf in = BUF_INIT(0);
			struct fed f;
			buf_add_str(&in, "body");
			buf_add_span(&in, forms[i]);
			buf_add_str(&in, "NOOP\r\n.\r\nrest");
			feed(&f, buf_span(&in), step);
			if (f.d.at != SMTP_DATA_AT_END || f.used != buf_len(&in) - 4 ||
			    !(f.d.bare || f.d.nul))
				fail_msg("form %zu, %zu bytes at a time: at %d, used %zu",
				         i, step, f.d.at, f.used);
			buf_done(&f.out);
		}
	}
}

static void
what_is_over_the_limit_is_still_read_to_its_end(void **state)
{
	(void)state;
	struct buf out = BUF_INIT(8);
	struct smtp_data d;
	smtp_data_init(&d, &out);
	struct span in = SPAN("0123456789\r\n.\r\n");
	assert_int_equal(smtp_data_feed(&d, in), in.n);
	assert_int_equal(d.at, SMTP_DATA_AT_END);
	assert_false(buf_ok(&out));
	assert_int_equal(d.seen, in.n);
	buf_done(&out);
}

static void
stuffing_makes_crlf_and_hides_dots(void **state)
{
	(void)state;
	static const struct {
		const char *in, *out;
	} cases[] = {
		{ "", ".\r\n" },
		{ "a\r\n", "a\r\n.\r\n" },
		{ "a", "a\r\n.\r\n" },
		{ ".\r\n", "..\r\n.\r\n" },
		{ "a\n.\nb", "a\r\n..\r\nb\r\n.\r\n" },
		{ "a\r.\rb", "a\r\n..\r\nb\r\n.\r\n" },
		{ "a\r\r\n.\n", "a\r\n\r\n..\r\n.\r\n" },
		{ "a\r", "a\r\n.\r\n" },
		{ "..a\r\n\r\n.b\r\n", "...a\r\n\r\n..b\r\n.\r\n" },
		{ "\r\n", "\r\n.\r\n" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		for (size_t step = 1; step < 12; step++) {
			AUTO_DONE(buf) struct buf out = BUF_INIT(0);
			struct smtp_stuff t = { 0 };
			struct span in = span_str(cases[i].in);
			for (size_t at = 0; at < in.n; at += step)
				smtp_stuff_add(&t, span_sub(in, at, at + step), &out);
			smtp_stuff_end(&t, &out);
			if (!span_is(buf_span(&out), cases[i].out))
				fail_msg("case %zu: %.*s", i, SPAN_FMT(buf_span(&out)));
		}
	}
}

/* Whatever goes out ends where the sender means it, and comes back as CRLF text. */
static void
stuffed_text_is_unstuffed_to_itself(void **state)
{
	(void)state;
	static const char alphabet[] = { '.', '\r', '\n', 'a' };
	for (unsigned n = 0; n < 4096; n++) {
		char text[6];
		for (unsigned i = 0, v = n; i < 6; i++, v /= 4)
			text[i] = alphabet[v % 4];
		AUTO_DONE(buf) struct buf wire = BUF_INIT(0);
		AUTO_DONE(buf) struct buf again = BUF_INIT(0);
		struct smtp_stuff t = { 0 };
		struct fed f;
		smtp_stuff_add(&t, span_of(text, 6), &wire);
		smtp_stuff_end(&t, &wire);
		feed(&f, buf_span(&wire), 3);
		assert_int_equal(f.d.at, SMTP_DATA_AT_END);
		assert_int_equal(f.used, buf_len(&wire));
		assert_false(f.d.bare);
		t = (struct smtp_stuff){ 0 };
		smtp_stuff_add(&t, buf_span(&f.out), &again);
		smtp_stuff_end(&t, &again);
		assert_true(span_eq(buf_span(&again), buf_span(&wire)));
		buf_done(&f.out);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_ends_by_crlf_alone),
		cmocka_unit_test(a_line_with_a_bare_end_is_one_bad_line),
		cmocka_unit_test(a_line_has_a_longest_length),
		cmocka_unit_test(data_end_at_the_lone_dot_and_lose_stuffed_ones),
		cmocka_unit_test(an_empty_message_is_a_dot),
		cmocka_unit_test(no_form_of_smuggling_ends_the_data),
		cmocka_unit_test(what_is_over_the_limit_is_still_read_to_its_end),
		cmocka_unit_test(stuffing_makes_crlf_and_hides_dots),
		cmocka_unit_test(stuffed_text_is_unstuffed_to_itself),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
