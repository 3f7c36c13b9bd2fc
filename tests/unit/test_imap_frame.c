/* SPDX-License-Identifier: ISC
 *
 * test_imap_frame.c - commands out of bytes, in pieces of any size.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "imap/imap_frame.h"

/* Feeds text in pieces of n bytes; returns the events as letters, and what the command
 * was in *ret. C command, + continue, T literal too big, L line too long, F fatal. */
static void
feed(struct imap_frame *f, const char *text, size_t piece, char *events, struct buf *ret)
{
	struct span in = span_str(text);

	while (in.n > 0) {
		struct span part = span_sub(in, 0, piece);
		enum imap_frame_event ev;
		size_t n = imap_frame_feed(f, part, &ev);
		in = span_sub(in, n, in.n);
		if (ev == IMAP_FRAME_MORE)
			continue;
		*events++ = "?+CTLF"[ev];
		if (ev == IMAP_FRAME_CONTINUE)
			continue;
		buf_add_char(ret, '<');
		buf_add_span(ret, buf_span(&f->bytes));
		buf_add_char(ret, '>');
		imap_frame_next(f);
	}
	*events = '\0';
}

static void
check(const char *text, const char *want_events, const char *want)
{
	for (size_t piece = 1; piece < 40; piece++) {
		struct imap_frame f;
		char events[64];
		AUTO_DONE(buf) struct buf got = BUF_INIT(0);
		imap_frame_init(&f);
		f.line_max = 60;
		f.literal_max = 20;
		f.append_max = 100;
		feed(&f, text, piece, events, &got);
		buf_add_char(&got, '\0');
		if (strcmp(events, want_events) != 0 || strcmp(got.p, want) != 0)
			fail_msg("pieces of %zu of %s: %s %s", piece, text, events,
			         got.p);
		assert_true(imap_frame_is_idle(&f));
		imap_frame_done(&f);
	}
}

static void
lines_are_commands(void **state UNUSED)
{
	check("a NOOP\r\n", "C", "<a NOOP>");
	check("a NOOP\r\nb IDLE\r\nDONE\r\n", "CCC", "<a NOOP><b IDLE><DONE>");
	check("a NOOP\nb NOOP\n", "CC", "<a NOOP><b NOOP>");
	check("\r\n", "C", "<>");
	check("a x\ry\r\r\n", "C", "<a x\ry\r>");
}

static void
literals_are_part_of_their_command(void **state UNUSED)
{
	check("a LOGIN {3}\r\nabc {2+}\r\nxy\r\nb NOOP\r\n", "+CC",
	      "<a LOGIN {3}\r\nabc {2+}\r\nxy><b NOOP>");
	check("a X {0}\r\n\r\n", "+C", "<a X {0}\r\n>");
	check("a X {4+}\r\n\r\n\r\n z\r\n", "C", "<a X {4+}\r\n\r\n\r\n z>");
	check("a X ~{2+}\nab\n", "C", "<a X ~{2+}\nab>");
	check("a X {10+}\r\nb LOGOUT\r\n\r\n", "C", "<a X {10+}\r\nb LOGOUT\r\n>");
}

static void
what_only_looks_like_a_literal_is_none(void **state UNUSED)
{
	check("a X {}\r\n", "C", "<a X {}>");
	check("a X {+}\r\n", "C", "<a X {+}>");
	check("a X {1x}\r\n", "C", "<a X {1x}>");
	check("a X 12}\r\n", "C", "<a X 12}>");
	check("a X {3} \r\n", "C", "<a X {3} >");
}

static void
a_waiting_client_is_refused_a_big_literal_before_it_sends_it(void **state UNUSED)
{
	check("a LOGIN {21}\r\nb NOOP\r\n", "TC", "<a LOGIN {21}\r\n><b NOOP>");
	check("a APPEND x {101}\r\nb NOOP\r\n", "TC", "<a APPEND x {101}\r\n><b NOOP>");
	check("a LOGIN {99999999999999999999999}\r\nb NOOP\r\n", "TC",
	      "<a LOGIN {99999999999999999999999}\r\n><b NOOP>");
}

static void
a_big_literal_that_comes_anyway_is_skipped(void **state UNUSED)
{
	check("a X {21+}\r\n123456789\r\n1234567890 {3+}\r\nabc\r\nb NOOP\r\n", "TC",
	      "<a X {21+}\r\n><b NOOP>");
	check("a X {11+}\r\n12345678901 {11+}\r\n12345678901\r\nb NOOP\r\n", "TC",
	      "<a X {11+}\r\n12345678901 {11+}\r\n><b NOOP>");
}

static void
an_append_may_hold_a_message(void **state UNUSED)
{
	check("a append x {30+}\r\n123456789012345678901234567890\r\n", "C",
	      "<a append x {30+}\r\n123456789012345678901234567890>");
}

/* How much of the line is kept depends on the pieces; its tag always is. */
static void
check_long(const char *text)
{
	for (size_t piece = 1; piece < 120; piece += 7) {
		struct imap_frame f;
		char events[64];
		AUTO_DONE(buf) struct buf got = BUF_INIT(0);
		imap_frame_init(&f);
		f.line_max = 60;
		feed(&f, text, piece, events, &got);
		assert_string_equal(events, "LC");
		assert_true(span_starts(buf_span(&got), "<tag 3456"));
		assert_true(span_ends(buf_span(&got), "><b NOOP>"));
		imap_frame_done(&f);
	}
}

static void
a_line_too_long_is_skipped_to_its_end(void **state UNUSED)
{
	check_long(
		"tag 3456789012345678901234567890123456789012345678901234567890123456789"
		"0123456789012345678901234567890\r\nb NOOP\r\n");
}

static void
a_literal_behind_a_line_too_long_is_skipped_with_it(void **state UNUSED)
{
	check_long(
		"tag 3456789012345678901234567890123456789012345678901234567890123 {8+}\r\n"
		"x LOGOUT\r\nb NOOP\r\n");
}

static void
a_literal_without_end_is_fatal(void **state UNUSED)
{
	struct imap_frame f;
	enum imap_frame_event ev;

	imap_frame_init(&f);
	imap_frame_feed(&f, SPAN("a X {99999999999+}\r\n"), &ev);
	assert_int_equal(ev, IMAP_FRAME_FATAL);
	imap_frame_done(&f);
}

static void
between_commands_it_holds_no_memory(void **state UNUSED)
{
	struct imap_frame f;
	enum imap_frame_event ev;

	imap_frame_init(&f);
	imap_frame_feed(&f, SPAN("a NOOP\r\n"), &ev);
	imap_frame_next(&f);
	assert_null(f.bytes.p);
	imap_frame_done(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_are_commands),
		cmocka_unit_test(literals_are_part_of_their_command),
		cmocka_unit_test(what_only_looks_like_a_literal_is_none),
		cmocka_unit_test(
			a_waiting_client_is_refused_a_big_literal_before_it_sends_it),
		cmocka_unit_test(a_big_literal_that_comes_anyway_is_skipped),
		cmocka_unit_test(an_append_may_hold_a_message),
		cmocka_unit_test(a_line_too_long_is_skipped_to_its_end),
		cmocka_unit_test(a_literal_behind_a_line_too_long_is_skipped_with_it),
		cmocka_unit_test(a_literal_without_end_is_fatal),
		cmocka_unit_test(between_commands_it_holds_no_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
