/* SPDX-License-Identifier: ISC
 *
 * test_smtp_parse.c - verbs, paths, parameters, xtext, NOTIFY, next hops, replies of
 * others.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "smtp/smtp_answer.h"
#include "smtp/smtp_host.h"
#include "smtp/smtp_parse.h"
#include "smtp/smtp_reply.h"

static void
a_verb_is_cut_from_its_arguments(void **state)
{
	(void)state;
	struct span verb, rest = smtp_parse_verb(SPAN("MAIL FROM:<a@b> SIZE=1 "), &verb);
	assert_true(span_is(verb, "MAIL"));
	assert_true(span_is(rest, "FROM:<a@b> SIZE=1"));
	rest = smtp_parse_verb(SPAN("QUIT"), &verb);
	assert_true(span_is(verb, "QUIT"));
	assert_int_equal(rest.n, 0);
	rest = smtp_parse_verb(SPAN(""), &verb);
	assert_int_equal(verb.n + rest.n, 0);
}

struct path_case {
	const char *in;
	enum rc rc;
	const char *address; /* "" is the null path */
	const char *rest;
};

static const struct path_case paths[] = {
	{ "<a@example.org>", RC_OK, "a@example.org", "" },
	{ "<a@example.org> SIZE=5", RC_OK, "a@example.org", " SIZE=5" },
	{ "<>", RC_OK, "", "" },
	{ "<> BODY=8BITMIME", RC_OK, "", " BODY=8BITMIME" },
	{ "<Postmaster>", RC_OK, "Postmaster", "" },
	{ "<postMASTER>", RC_OK, "postMASTER", "" },
	{ "<a.b+c@example.org>", RC_OK, "a.b+c@example.org", "" },
	{ "<a@[192.0.2.1]>", RC_OK, "a@[192.0.2.1]", "" },
	{ "<a@[IPv6:2001:db8::1]>", RC_OK, "a@[IPv6:2001:db8::1]", "" },
	/* RFC 5321 4.1.2: quotes that do nothing go. */
	{ "<\"a\"@example.org>", RC_OK, "a@example.org", "" },
	{ "<\"a.b\"@example.org>", RC_OK, "a.b@example.org", "" },
	{ "<\"\\a\"@example.org>", RC_OK, "a@example.org", "" },
	{ "<\"a b\"@example.org>", RC_OK, "\"a b\"@example.org", "" },
	{ "<\"a@b\"@example.org>", RC_OK, "\"a@b\"@example.org", "" },
	{ "<\"a>b\"@example.org>", RC_OK, "\"a>b\"@example.org", "" },
	{ "<\"a\\\"b\"@example.org>", RC_OK, "\"a\\\"b\"@example.org", "" },
	{ "<\"\"@example.org>", RC_OK, "\"\"@example.org", "" },
	/* Source routes (RFC 5321 appendix C). */
	{ "<@one.example,@two.example:a@example.org>", RC_OK, "a@example.org", "" },
	{ "<@one.example:a@example.org>", RC_OK, "a@example.org", "" },
	{ "<@one.example,a@example.org>", RC_INVALID, NULL, NULL },
	{ "<@:a@example.org>", RC_INVALID, NULL, NULL },
	{ "<one.example:a@example.org>", RC_INVALID, NULL, NULL },
	/* RFC 6531 */
	{ "<\xc3\xbc@example.org>", RC_OK, "\xc3\xbc@example.org", "" },
	{ "<a@\xc3\xbc.example>", RC_OK, "a@\xc3\xbc.example", "" },
	{ "<\xff@example.org>", RC_INVALID, NULL, NULL },
	{ "<a@\xff.example>", RC_INVALID, NULL, NULL },
	{ "", RC_INVALID, NULL, NULL },
	{ "a@example.org", RC_INVALID, NULL, NULL },
	{ "<a@example.org", RC_INVALID, NULL, NULL },
	{ "<a>", RC_INVALID, NULL, NULL },
	{ "<@example.org>", RC_INVALID, NULL, NULL },
	{ "<a@>", RC_INVALID, NULL, NULL },
	{ "<a@@example.org>", RC_INVALID, NULL, NULL },
	{ "<a b@example.org>", RC_INVALID, NULL, NULL },
	{ "<.a@example.org>", RC_INVALID, NULL, NULL },
	{ "<a..b@example.org>", RC_INVALID, NULL, NULL },
	{ "<a.@example.org>", RC_INVALID, NULL, NULL },
	{ "<a@example..org>", RC_INVALID, NULL, NULL },
	{ "<a@.example.org>", RC_INVALID, NULL, NULL },
	{ "<a@example.org.>", RC_INVALID, NULL, NULL },
	{ "<a@-example.org>", RC_INVALID, NULL, NULL },
	{ "<a@exam ple.org>", RC_INVALID, NULL, NULL },
	{ "<a@[192.0.2.1>", RC_INVALID, NULL, NULL },
	{ "<a@[]>", RC_INVALID, NULL, NULL },
	{ "<\"a@example.org>", RC_INVALID, NULL, NULL },
	{ "<\"a\\\">", RC_INVALID, NULL, NULL },
	{ "<\"a\"b@example.org>", RC_INVALID, NULL, NULL },
	{ "<<a@example.org>>", RC_INVALID, NULL, NULL },
};

static void
a_path_is_read_as_rfc_5321_has_it(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		const struct path_case *c = &paths[i];
		AUTO(arena)
		struct arena *a = arena_new();
		struct smtp_path path;
		struct span rest;
		enum rc rc = smtp_parse_path(span_str(c->in), a, &path, &rest);
		if (rc != c->rc)
			fail_msg("%s: %s, not %s", c->in, rc_str(rc), rc_str(c->rc));
		if (rc)
			continue;
		if (!span_is(path.address, c->address) || !span_is(rest, c->rest))
			fail_msg("%s: <%.*s> and \"%.*s\"", c->in, SPAN_FMT(path.address),
			         SPAN_FMT(rest));
	}
}

static void
too_long_parts_of_an_address_are_refused(void **state)
{
	(void)state;
	AUTO(arena)
	struct arena *a = arena_new();
	char text[2048];
	struct smtp_path path;
	struct span rest;
	memset(text, 'a', sizeof(text));
	memcpy(text, "<", 1);
	memcpy(text + 65, "@b.c>", 6);
	assert_int_equal(smtp_parse_path(span_str(text), a, &path, &rest), RC_OK);
	memset(text, 'a', sizeof(text));
	memcpy(text, "<", 1);
	memcpy(text + 66, "@b.c>", 6);
	assert_int_equal(smtp_parse_path(span_str(text), a, &path, &rest), RC_TOO_BIG);
	memset(text, 'a', sizeof(text));
	memcpy(text, "<a@", 3);
	memcpy(text + 300, ">", 2);
	assert_int_equal(smtp_parse_path(span_str(text), a, &path, &rest), RC_TOO_BIG);
}

static void
parameters_come_one_after_the_other(void **state)
{
	(void)state;
	struct span rest = SPAN(" SIZE=100  SMTPUTF8 X-a1=\xc3\xbc");
	struct smtp_param p;
	assert_int_equal(smtp_parse_param(&rest, &p), RC_OK);
	assert_true(span_is(p.name, "SIZE") && span_is(p.value, "100"));
	assert_int_equal(smtp_parse_param(&rest, &p), RC_OK);
	assert_true(span_is(p.name, "SMTPUTF8") && !p.value.p);
	assert_int_equal(smtp_parse_param(&rest, &p), RC_OK);
	assert_true(span_is(p.name, "X-a1"));
	assert_int_equal(smtp_parse_param(&rest, &p), RC_NOT_FOUND);
}

static void
a_broken_parameter_is_an_error(void **state)
{
	(void)state;
	static const char *const bad[] = { "SIZE=1", " =1",       " SIZE=",  " SI ZE",
		                           " -A=1",  " A=b\x7f",  " A=\xff", " A=b\tc",
		                           " (A)=b", " S\xc3\xbc" };
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct span rest = span_str(bad[i]);
		struct smtp_param p;
		enum rc rc = RC_OK;
		/* " SI ZE" is two parameters. */
		while (rc == RC_OK)
			rc = smtp_parse_param(&rest, &p);
		if (rc != (i == 3 ? RC_NOT_FOUND : RC_INVALID))
			fail_msg("\"%s\": %s", bad[i], rc_str(rc));
	}
}

static void
xtext_is_decoded_and_checked(void **state)
{
	(void)state;
	AUTO_DONE(buf) struct buf out = BUF_INIT(0);
	assert_int_equal(smtp_xtext_decode(SPAN("QQ+2B+3D314159"), &out), RC_OK);
	assert_true(span_is(buf_span(&out), "QQ+=314159"));
	static const char *const bad[] = { "a+2", "a+", "a+2b", "a=b", "a b", "a\x7f" };
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (smtp_xtext_is_valid(span_str(bad[i])))
			fail_msg("%s", bad[i]);
}

static void
notify_is_never_or_a_list_without_repetition(void **state)
{
	(void)state;
	assert_true(smtp_notify_is_valid(SPAN("NEVER")));
	assert_true(smtp_notify_is_valid(SPAN("success,DELAY")));
	static const char *const bad[] = { "",       "NEVER,DELAY",     "SUCCESS,SUCCESS",
		                           "SUCCES", "SUCCESS,",        ",SUCCESS",
		                           "ALWAYS", "SUCCESS,,FAILURE" };
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (smtp_notify_is_valid(span_str(bad[i])))
			fail_msg("\"%s\"", bad[i]);
	assert_true(smtp_notify_has(SPAN(""), "FAILURE"));
	assert_false(smtp_notify_has(SPAN(""), "SUCCESS"));
	assert_false(smtp_notify_has(SPAN("NEVER"), "FAILURE"));
	assert_true(smtp_notify_has(SPAN("SUCCESS,FAILURE"), "FAILURE"));
	assert_false(smtp_notify_has(SPAN("SUCCESS,FAILURE"), "DELAY"));
}

static void
a_next_hop_has_a_host_and_a_port(void **state)
{
	(void)state;
	struct smtp_host h;
	assert_int_equal(smtp_host_parse(SPAN("mail.example.org"), 25, &h), RC_OK);
	assert_string_equal(h.name, "mail.example.org");
	assert_int_equal(h.port, 25);
	assert_false(h.verify);
	assert_int_equal(smtp_host_parse(SPAN("tls:mail.example.org:465"), 25, &h),
	                 RC_OK);
	assert_int_equal(h.port, 465);
	assert_true(h.verify);
	assert_int_equal(smtp_host_parse(SPAN("[2001:db8::1]:26"), 25, &h), RC_OK);
	assert_string_equal(h.name, "2001:db8::1");
	assert_int_equal(h.port, 26);
	static const char *const bad[] = { "",       "host:", "host:0", "host:70000",
		                           "host:x", "a b",   ":25",    "tls:" };
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (smtp_host_parse(span_str(bad[i]), 25, &h) != RC_INVALID)
			fail_msg("\"%s\"", bad[i]);
}

static void
an_answer_may_have_many_lines(void **state)
{
	(void)state;
	struct smtp_answer a;
	struct span rest, text;
	size_t used;
	struct span in = SPAN("250-mx.example\r\n250-SIZE 100\r\n250 DSN\r\n354 go\r\n");
	assert_int_equal(smtp_answer_next(in, &a, &used), RC_OK);
	assert_int_equal(a.code, 250);
	assert_int_equal(used, in.n - strlen("354 go\r\n"));
	rest = a.lines;
	assert_true(smtp_answer_line(&rest, &text) && span_is(text, "mx.example"));
	assert_true(smtp_answer_line(&rest, &text) && span_is(text, "SIZE 100"));
	assert_true(smtp_answer_line(&rest, &text) && span_is(text, "DSN"));
	assert_false(smtp_answer_line(&rest, &text));
	assert_int_equal(smtp_answer_next(SPAN("250-a\r\n250"), &a, &used), RC_AGAIN);
	assert_int_equal(smtp_answer_next(SPAN("250\r\n"), &a, &used), RC_OK);
}

static void
what_is_no_answer_is_told_as_such(void **state)
{
	(void)state;
	static const char *const bad[] = { "\r\n",
		                           "25\r\n",
		                           "150 a\r\n",
		                           "650 a\r\n",
		                           "250-a\r\n251 b\r\n",
		                           "2x0 a\r\n",
		                           "250+a\r\n",
		                           "HTTP/1.1 400\r\n" };
	struct smtp_answer a;
	size_t used;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (smtp_answer_next(span_str(bad[i]), &a, &used) != RC_INVALID)
			fail_msg("%s", bad[i]);
	AUTO_DONE(buf) struct buf big = BUF_INIT(0);
	for (int i = 0; i < 6000; i++)
		buf_add_str(&big, "250-some text here\r\n");
	assert_int_equal(smtp_answer_next(buf_span(&big), &a, &used), RC_TOO_BIG);
	buf_clear(&big);
	for (int i = 0; i < 6000; i++)
		buf_add_char(&big, '2');
	assert_int_equal(smtp_answer_next(buf_span(&big), &a, &used), RC_TOO_BIG);
}

static void
the_status_of_an_answer_is_its_enhanced_code_or_its_class(void **state)
{
	(void)state;
	static const char *const cases[][2] = {
		{ "550 5.1.1 no\r\n", "5.1.1" },
		{ "550 no 5.1.1\r\n", "5.0.0" },
		{ "450 4.7.1\r\n", "4.7.1" },
		{ "550 4.1.1 class differs\r\n", "5.0.0" },
		{ "250 2.0\r\n", "2.0.0" },
		{ "550 5.1.1.1 x\r\n", "5.0.0" },
		{ "550 5.1234.1 x\r\n", "5.0.0" },
		{ "550 5..1 x\r\n", "5.0.0" },
		{ "550 5.7.510 x\r\n", "5.7.510" }
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct smtp_answer a;
		size_t used;
		char status[16];
		assert_int_equal(smtp_answer_next(span_str(cases[i][0]), &a, &used),
		                 RC_OK);
		assert_string_equal(smtp_answer_status(&a, status), cases[i][1]);
	}
}

static void
every_reply_is_one_line_with_agreeing_codes(void **state)
{
	(void)state;
	static const enum smtp_reply all[] = {
#define X(name, code, enhanced, text) SMTP_REPLY_##name,
		SMTP_REPLY_LIST(X)
#undef X
	};
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		AUTO_DONE(buf) struct buf out = BUF_INIT(0);
		struct smtp_answer a;
		size_t used;
		smtp_reply_write(all[i], "two\r\nlines", &out);
		assert_int_equal(smtp_answer_next(buf_span(&out), &a, &used), RC_OK);
		assert_int_equal(used, buf_len(&out));
		assert_int_equal(a.code, smtp_reply_code(all[i]));
		const char *enhanced = smtp_reply_enhanced(all[i]);
		if (enhanced) /* RFC 2034 4: the classes agree */
			assert_int_equal((unsigned)(enhanced[0] - '0'), a.code / 100);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_verb_is_cut_from_its_arguments),
		cmocka_unit_test(a_path_is_read_as_rfc_5321_has_it),
		cmocka_unit_test(too_long_parts_of_an_address_are_refused),
		cmocka_unit_test(parameters_come_one_after_the_other),
		cmocka_unit_test(a_broken_parameter_is_an_error),
		cmocka_unit_test(xtext_is_decoded_and_checked),
		cmocka_unit_test(notify_is_never_or_a_list_without_repetition),
		cmocka_unit_test(a_next_hop_has_a_host_and_a_port),
		cmocka_unit_test(an_answer_may_have_many_lines),
		cmocka_unit_test(what_is_no_answer_is_told_as_such),
		cmocka_unit_test(
			the_status_of_an_answer_is_its_enhanced_code_or_its_class),
		cmocka_unit_test(every_reply_is_one_line_with_agreeing_codes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
