/* SPDX-License-Identifier: ISC
 *
 * test_push_nats.c - what NATS servers say, where they are, and what is said to them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "push/push_nats.h"

static void
operations_are_read_one_after_the_other(void **state)
{
	(void)state;
	static const char text[] =
		"INFO {\"a\":1} \r\nping\r\nPONG\r\n+OK\r\n"
		"MSG godwit.wake.7 8 5\r\na\r\nbc\r\n"
		"MSG\tx 1\treply.to  0\n\r\n-ERR 'No such thing'\r\nPIN";
	const enum push_nats_op want[] = { PUSH_NATS_INFO, PUSH_NATS_PING, PUSH_NATS_PONG,
		                           PUSH_NATS_OK,   PUSH_NATS_MSG,  PUSH_NATS_MSG,
		                           PUSH_NATS_ERR };
	struct span in = SPAN("");
	struct push_nats_said said[ARRAY_LEN(want)];
	size_t used;

	in = span_of(text, sizeof(text) - 1);
	for (size_t i = 0; i < ARRAY_LEN(want); i++) {
		assert_int_equal(push_nats_parse(in, &said[i], &used), RC_OK);
		assert_true(used > 0);
		assert_int_equal(said[i].op, want[i]);
		in = span_sub(in, used, in.n);
	}
	assert_true(span_is(said[0].text, "{\"a\":1}"));
	assert_true(span_is(said[4].subject, "godwit.wake.7"));
	assert_true(span_is(said[4].payload, "a\r\nbc"));
	assert_int_equal(said[5].payload.n, 0);
	assert_true(span_is(said[6].text, "'No such thing'"));
	assert_int_equal(push_nats_parse(in, &said[0], &used), RC_OK);
	assert_int_equal(used, 0);
}

static void
an_operation_cut_off_anywhere_is_waited_for(void **state)
{
	(void)state;
	static const char text[] = "MSG subject 12 5\r\nhello\r\n";
	struct push_nats_said said;
	size_t used;

	for (size_t n = 0; n < sizeof(text) - 1; n++) {
		assert_int_equal(push_nats_parse(span_of(text, n), &said, &used), RC_OK);
		assert_int_equal(used, 0);
	}
	assert_int_equal(push_nats_parse(span_of(text, sizeof(text) - 1), &said, &used),
	                 RC_OK);
	assert_int_equal(used, sizeof(text) - 1);
}

static void
what_is_no_nats_is_refused(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		enum rc want;
	} cases[] = {
		{ "HTTP/1.1 400 Bad Request\r\n", RC_INVALID },
		{ "\r\n", RC_INVALID },
		{ "PING now\r\n", RC_INVALID },
		{ "MSG\r\n", RC_INVALID },
		{ "MSG subject 1\r\n", RC_INVALID },
		{ "MSG subject 1 reply 5 6\r\nhello\r\n", RC_INVALID },
		{ "MSG subject 1 -1\r\n", RC_INVALID },
		{ "MSG subject 1 5x\r\n", RC_INVALID },
		{ "MSG subject 1 65537\r\n", RC_TOO_BIG },
		{ "MSG subject 1 99999999999999999999\r\n", RC_TOO_BIG },
		{ "MSG subject 1 5\r\nhello, world\r\n", RC_INVALID },
		{ "MSG subject 1 5\r\nhello\n\n", RC_INVALID },
	};
	AUTO_DONE(buf) struct buf line = BUF_INIT(0);
	struct push_nats_said said;
	size_t used;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		if (push_nats_parse(span_str(cases[i].text), &said, &used) !=
		    cases[i].want)
			fail_msg("%s", cases[i].text);
	}
	buf_add_str(&line, "INFO ");
	while (buf_len(&line) < PUSH_NATS_LINE_MAX)
		buf_add_char(&line, 'x');
	assert_int_equal(push_nats_parse(buf_span(&line), &said, &used), RC_TOO_BIG);
}

static void
members_of_info_are_found_at_its_top(void **state)
{
	(void)state;
	static const struct {
		const char *info;
		bool want;
	} cases[] = {
		{ "{\"tls_required\":true}", true },
		{ "{\"a\":\"\\\"x\",\"tls_required\" : true ,\"b\":[1,2]}", true },
		{ "{\"tls_required\":false}", false },
		{ "{\"tls_required\":trueish}", false },
		{ "{\"tls_required\":\"true\"}", false },
		{ "{\"x\":{\"tls_required\":true}}", false },
		{ "{\"x\":\"tls_required\",\"true\":true}", false },
		{ "{\"x\":\"\\\",tls_required\\\":true\"}", false },
		{ "{\"tls_required", false },
		{ "{\"tls_required\"", false },
		{ "{\"tls_required\":", false },
		{ "{\"tls_required\\", false },
		{ "}}}{\"tls_required\":true}", false },
		{ "", false },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		if (push_nats_info_is(span_str(cases[i].info), "tls_required") !=
		    cases[i].want)
			fail_msg("%s", cases[i].info);
	}
}

static void
urls_say_where_and_who(void **state)
{
	(void)state;
	static const struct {
		const char *url, *host, *port, *user, *password;
		bool tls;
	} cases[] = {
		{ "localhost", "localhost", "4222", "", "", false },
		{ "nats://bus.example.org/", "bus.example.org", "4222", "", "", false },
		{ "TLS://bus:1", "bus", "1", "", "", true },
		{ "nats://[2001:db8::1]:99", "2001:db8::1", "99", "", "", false },
		{ "tls://[::1]", "::1", "4222", "", "", true },
		{ "nats://a%40b:p%20w%3a@bus:5", "bus", "5", "a@b", "p w:", false },
		{ "nats://user:p@ss@bus", "bus", "4222", "user", "p@ss", false },
		{ "nats://s3cret@bus", "bus", "4222", "s3cret", "", false },
	};
	static const char *const bad[] = {
		"",           "nats://",        "nats://:4222",   "nats://a:0",
		"nats://a:x", "nats://a:65536", "nats://a:",      "nats://[::1",
		"nats://[]",  "nats://u@",      "nats://%zz@bus", "nats://[::1]x"
	};
	struct push_nats_url u;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		if (push_nats_url_parse(span_str(cases[i].url), &u) != RC_OK)
			fail_msg("%s", cases[i].url);
		assert_string_equal(u.host, cases[i].host);
		assert_string_equal(u.port, cases[i].port);
		assert_true(span_is(buf_span(&u.user), cases[i].user));
		assert_true(span_is(buf_span(&u.password), cases[i].password));
		assert_int_equal(u.has_password, *cases[i].password != '\0');
		assert_int_equal(u.tls, cases[i].tls);
		push_nats_url_done(&u);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		if (push_nats_url_parse(span_str(bad[i]), &u) != RC_INVALID)
			fail_msg("%s", bad[i]);
	}
}

static void
a_login_is_said_as_json(void **state)
{
	(void)state;
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);
	struct push_nats_url u;

	assert_int_equal(push_nats_url_parse(SPAN("tls://a%22b:c%5cd@bus"), &u), RC_OK);
	push_nats_write_connect(&b, &u, true);
	buf_add_char(&b, '\0');
	assert_non_null(strstr(b.p, "CONNECT {"));
	assert_non_null(strstr(b.p, "\"tls_required\":true"));
	assert_non_null(strstr(b.p, "\"user\":\"a\\\"b\",\"pass\":\"c\\\\d\"}\r\n"));
	push_nats_url_done(&u);

	buf_clear(&b);
	assert_int_equal(push_nats_url_parse(SPAN("nats://t0ken@bus"), &u), RC_OK);
	push_nats_write_connect(&b, &u, false);
	buf_add_char(&b, '\0');
	assert_non_null(strstr(b.p, "\"auth_token\":\"t0ken\"}"));
	assert_null(strstr(b.p, "\"user\""));
	push_nats_url_done(&u);
}

static void
what_is_said_is_what_the_protocol_says(void **state)
{
	(void)state;
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);

	push_nats_write_sub(&b, "godwit.wake.7", 8);
	push_nats_write_pub(&b, "godwit.wake.7", SPAN("a\r\nb"));
	push_nats_write_unsub(&b, 8);
	assert_true(span_is(buf_span(&b), "SUB godwit.wake.7 8\r\n"
	                                  "PUB godwit.wake.7 4\r\na\r\nb\r\n"
	                                  "UNSUB 8\r\n"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(operations_are_read_one_after_the_other),
		cmocka_unit_test(an_operation_cut_off_anywhere_is_waited_for),
		cmocka_unit_test(what_is_no_nats_is_refused),
		cmocka_unit_test(members_of_info_are_found_at_its_top),
		cmocka_unit_test(urls_say_where_and_who),
		cmocka_unit_test(a_login_is_said_as_json),
		cmocka_unit_test(what_is_said_is_what_the_protocol_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
