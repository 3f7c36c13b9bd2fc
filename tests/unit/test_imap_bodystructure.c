/* SPDX-License-Identifier: ISC
 *
 * test_imap_bodystructure.c - ENVELOPE and BODYSTRUCTURE of small messages, written out.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "imap/imap_bodystructure.h"

enum form { ENVELOPE, BODY, BODYSTRUCTURE };

static void
check(const char *raw, enum form form, const char *want)
{
	AUTO(arena)
	struct arena *a = arena_new();
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);
	struct mime_part *root = mime_parse(span_str(raw), &(struct mime_limits){ 0 }, a);

	if (form == ENVELOPE)
		imap_envelope_write(&b, root->envelope, false);
	else
		imap_bodystructure_write(&b, root, form == BODYSTRUCTURE, false);
	buf_add_char(&b, '\0');
	assert_string_equal(b.p, want);
}

static void
an_envelope_names_date_subject_and_addresses(void **state UNUSED)
{
	check("Date: Wed, 17 Jul 1996 02:23:25 -0700 (PDT)\r\n"
	      "From: Terry Gray <gray@cac.washington.edu>\r\n"
	      "Subject: IMAP4rev2 WG mtg summary and minutes\r\n"
	      "To: imap@cac.washington.edu\r\n"
	      "cc: minutes@CNRI.Reston.VA.US, \"John \\\"K\\\"\" <KLENSIN@MIT.EDU>\r\n"
	      "Message-Id: <B27397-0100000@cac.washington.ed>\r\n\r\n",
	      ENVELOPE,
	      "(\"Wed, 17 Jul 1996 02:23:25 -0700 (PDT)\" "
	      "\"IMAP4rev2 WG mtg summary and minutes\" "
	      "((\"Terry Gray\" NIL \"gray\" \"cac.washington.edu\")) "
	      "((\"Terry Gray\" NIL \"gray\" \"cac.washington.edu\")) "
	      "((\"Terry Gray\" NIL \"gray\" \"cac.washington.edu\")) "
	      "((NIL NIL \"imap\" \"cac.washington.edu\")) "
	      "((NIL NIL \"minutes\" \"CNRI.Reston.VA.US\")"
	      "(\"John \\\"K\\\"\" NIL \"KLENSIN\" \"MIT.EDU\")) NIL NIL "
	      "\"<B27397-0100000@cac.washington.ed>\")");
}

static void
absent_headers_are_nil_and_empty_ones_are_strings(void **state UNUSED)
{
	check("Subject:\r\n\r\n", ENVELOPE, "(NIL \"\" NIL NIL NIL NIL NIL NIL NIL NIL)");
	check("\r\n", ENVELOPE, "(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)");
}

static void
a_group_is_told_by_addresses_without_host(void **state UNUSED)
{
	check("To: friends: a@b.c, d@e.f;, x@y.z\r\n\r\n", ENVELOPE,
	      "(NIL NIL NIL NIL NIL ((NIL NIL \"friends\" NIL)(NIL NIL \"a\" \"b.c\")"
	      "(NIL NIL \"d\" \"e.f\")(NIL NIL NIL NIL)(NIL NIL \"x\" \"y.z\")) "
	      "NIL NIL NIL NIL)");
}

static void
a_text_has_its_lines_counted(void **state UNUSED)
{
	check("Content-Type: TEXT/Plain; charset=US-ASCII\r\n\r\none\r\ntwo\r\n", BODY,
	      "(\"text\" \"plain\" (\"charset\" \"US-ASCII\") NIL NIL \"7bit\" 10 2)");
	check("Content-Type: text/html\r\nContent-Disposition: inline; filename=\"a b\"\r\n"
	      "Content-Language: en, de\r\nContent-ID: <x@y>\r\n\r\n<p>\r\n",
	      BODYSTRUCTURE,
	      "(\"text\" \"html\" NIL \"<x@y>\" NIL \"7bit\" 5 1 NIL "
	      "(\"inline\" (\"filename\" \"a b\")) (\"en\" \"de\") NIL)");
}

static void
a_multipart_lists_its_parts(void **state UNUSED)
{
	static const char raw[] =
		"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
		"--b\r\n\r\nhi\r\n--b\r\n"
		"Content-Type: image/png\r\n"
		"Content-Transfer-Encoding: BASE64\r\n\r\nAAAA\r\n--b--\r\n";
	check(raw, BODY,
	      "((\"text\" \"plain\" NIL NIL NIL \"7bit\" 2 0)"
	      "(\"image\" \"png\" NIL NIL NIL \"base64\" 4) \"mixed\")");
	check(raw, BODYSTRUCTURE,
	      "((\"text\" \"plain\" NIL NIL NIL \"7bit\" 2 0 NIL NIL NIL NIL)"
	      "(\"image\" \"png\" NIL NIL NIL \"base64\" 4 NIL NIL NIL NIL) \"mixed\" "
	      "(\"boundary\" \"b\") NIL NIL NIL)");
}

static void
a_message_in_a_message_shows_its_envelope(void **state UNUSED)
{
	check("Content-Type: message/rfc822\r\n\r\nSubject: in\r\n\r\nx\r\n", BODY,
	      "(\"message\" \"rfc822\" NIL NIL NIL \"7bit\" 18 "
	      "(NIL \"in\" NIL NIL NIL NIL NIL NIL NIL NIL) "
	      "(\"text\" \"plain\" NIL NIL NIL \"7bit\" 3 1) 3)");
}

static void
a_part_made_by_hand_without_children_stays_well_formed(void **state UNUSED)
{
	struct mime_part multi = { .type = SPAN("multipart"), .subtype = SPAN("mixed") };
	struct mime_part message = { .type = SPAN("message"),
		                     .subtype = SPAN("rfc822"),
		                     .encoding = SPAN("7bit") };
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);

	imap_bodystructure_write(&b, &multi, false, false);
	buf_add_char(&b, '|');
	imap_bodystructure_write(&b, &message, false, false);
	assert_true(span_is(buf_span(&b),
	                    "((\"text\" \"plain\" NIL NIL NIL \"7bit\" 0 0) \"mixed\")|"
	                    "(\"message\" \"rfc822\" NIL NIL NIL \"7bit\" 0 "
	                    "(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL) "
	                    "(\"text\" \"plain\" NIL NIL NIL \"7bit\" 0 0) 0)"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_envelope_names_date_subject_and_addresses),
		cmocka_unit_test(absent_headers_are_nil_and_empty_ones_are_strings),
		cmocka_unit_test(a_group_is_told_by_addresses_without_host),
		cmocka_unit_test(a_text_has_its_lines_counted),
		cmocka_unit_test(a_multipart_lists_its_parts),
		cmocka_unit_test(a_message_in_a_message_shows_its_envelope),
		cmocka_unit_test(a_part_made_by_hand_without_children_stays_well_formed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
