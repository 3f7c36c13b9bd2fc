/* SPDX-License-Identifier: ISC
 *
 * test_smtp_session.c - what a peer can say to us, at each door, and what becomes of it.
 */
#include <sys/socket.h>

#include "base/mem.h"
#include "store/engine/engine.h"
#include "tests/fake/busy_jobs.h"
#include "tests/fake/smtp_rig.h"

static struct smtp_rig *
started(void **state)
{
	struct smtp_rig *r = *state;
	rig_start(r);
	return r;
}

static void
expect_stored(struct smtp_rig *r, uint64_t user, const char *part)
{
	const char *mail = rig_mail(r, user, STORE_ROLE_INBOX, 0);
	if (!strstr(mail, part))
		fail_msg("not in the mail: %s\n%s", part, mail);
}

static void
a_mail_is_in_the_inbox_when_250_is_said(void **state)
{
	struct smtp_rig *r = started(state);
	struct rig_peer p;
	peer_ready(&p, r, SMTP_DOOR_RECEIVE);
	peer_say(&p, "MAIL FROM:<x@far.example> SIZE=30\r\n", "250 2.1.0");
	peer_say(&p, "RCPT TO:<alice@example.org>\r\n", "250 2.1.5");
	peer_say(&p, "DATA\r\n", "354");
	peer_say(&p, "Subject: hi\r\n\r\n..dots\r\nlast\r\n.\r\n", "250 2.0.0 Ok ");
	assert_int_equal(rig_count(r, r->alice, STORE_ROLE_INBOX), 1);
	const char *mail = rig_mail(r, r->alice, STORE_ROLE_INBOX, 0);
	static const char start[] =
		"Return-Path: <x@far.example>\r\nReceived: from c.example "
		"(unix)\r\n\tby mx.example.org (Godwit) with ESMTP\r\n\tid ";
	assert_memory_equal(mail, start, sizeof(start) - 1);
	assert_non_null(strstr(mail, " for <alice@example.org>;\r\n\t"));
	const char *own = strstr(mail, "Subject:");
	assert_non_null(own);
	assert_string_equal(own, "Subject: hi\r\n\r\n.dots\r\nlast\r\n");
	peer_say(&p, "QUIT\r\n", "221 2.0.0");
	peer_expect_end(&p);
	peer_close(&p);
}

static void
one_mail_goes_to_each_user_once(void **state)
{
	struct smtp_rig *r = started(state);
	struct rig_peer p;
	peer_ready(&p, r, SMTP_DOOR_RECEIVE);
	peer_say(&p, "MAIL FROM:<>\r\n", "250");
	peer_say(&p, "RCPT TO:<alice@example.org>\r\n", "250");
	peer_say(&p, "RCPT TO:<both@example.org>\r\n", "250");
	peer_say(&p, "RCPT TO:<ALLY+tag@Example.ORG>\r\n", "250");
	peer_say(&p, "DATA\r\n", "354");
	peer_say(&p, "Subject: x\r\n\r\n.\r\n", "250");
	assert_int_equal(rig_count(r, r->alice, STORE_ROLE_INBOX), 1);
	assert_int_equal(rig_count(r, r->bob, STORE_ROLE_INBOX), 1);
	expect_stored(r, r->bob, "Return-Path: <>\r\n");
	peer_close(&p);
}

static void
a_pipelined_group_is_answered_in_order(void **state)
{
	struct smtp_rig *r = started(state);
	struct rig_peer p;
	peer_ready(&p, r, SMTP_DOOR_RECEIVE);
	for (int i = 0; i < 2; i++) {
		peer_say(
			&p,
			"MAIL FROM:<x@far.example>\r\nRCPT TO:<alice@example.org>\r\n"
			"RCPT TO:<nobody@example.org>\r\nRCPT TO:<bob@example.org>\r\nDATA\r\n",
			"250 2.1.0");
		peer_expect(&p, "250 2.1.5");
		peer_expect(&p, "550 5.1.1");
		peer_expect(&p, "250 2.1.5");
		peer_expect(&p, "354");
		/* RFC 2920 3.1: the text may be followed by the next group. */
		peer_say(&p, "Subject: x\r\n\r\nx\r\n.\r\nNOOP\r\nRSET\r\n",
		         "250 2.0.0 Ok ");
		peer_expect(&p, "250 2.0.0 Ok\r\n");
		peer_expect(&p, "250 2.0.0 Ok\r\n");
	}
	assert_int_equal(rig_count(r, r->alice, STORE_ROLE_INBOX), 2);
	assert_int_equal(rig_count(r, r->bob, STORE_ROLE_INBOX), 2);
	peer_close(&p);
}

static void
ehlo_tells_what_there_is(void **state)
{
	struct smtp_rig *r = *state;
	r->conf.message_max = 123456;
	rig_start(r);
	struct rig_peer p;
	peer_open(&p, r, SMTP_DOOR_RECEIVE);
	peer_expect(&p, "220 mx.example.org ESMTP");
	peer_say(&p, "EHLO c.example\r\n", "250-mx.example.org\r\n");
	static const char *const words[] = {
		"PIPELINING",          "8BITMIME", "SMTPUTF8",   "DSN",
		"ENHANCEDSTATUSCODES", "CHUNKING", "SIZE 123456"
	};
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (!strstr(p.reply, words[i]))
			fail_msg("no %s in %s", words[i], p.reply);
	assert_null(strstr(p.reply, "AUTH"));
	assert_null(strstr(p.reply, "STARTTLS")); /* there is no certificate */
	peer_say(&p, "HELO c.example\r\n", "250 2.0.0 mx.example.org");
	peer_close(&p);
	peer_open(&p, r, SMTP_DOOR_SUBMIT);
	peer_expect(&p, "220");
	peer_say(&p, "EHLO c.example\r\n", "250-");
	assert_non_null(strstr(p.reply, "AUTH PLAIN LOGIN"));
	peer_close(&p);
}

static void
commands_out_of_order_are_refused(void **state)
{
	struct smtp_rig *r = started(state);
	struct rig_peer p;
	peer_open(&p, r, SMTP_DOOR_RECEIVE);
	peer_expect(&p, "220");
	peer_say(&p, "MAIL FROM:<a@b.example>\r\n", "503 5.5.1");
	peer_say(&p, "EHLO\r\n", "501 5.5.4");
	peer_say(&p, "EHLO c.example\r\n", "250");
	peer_say(&p, "RCPT TO:<alice@example.org>\r\n", "503 5.5.1");
	peer_say(&p, "DATA\r\n", "503 5.5.1");
	peer_say(&p, "MAIL FROM:<a@b.example>\r\n", "250");
	peer_say(&p, "MAIL FROM:<a@b.example>\r\n", "503 5.5.1");
	peer_say(&p, "DATA\r\n", "503 5.5.1");
	peer_say(&p, "RSET\r\n", "250");
	peer_say(&p, "RCPT TO:<alice@example.org>\r\n", "503");
	peer_say(&p, "LHLO c.example\r\n", "500 5.5.1");
	peer_say(&p, "AUTH PLAIN AAAA\r\n", "500 5.5.1");
	peer_say(&p, "XYZZY\r\n", "500 5.5.1");
	peer_say(&p, "EXPN list\r\n", "502 5.5.1");
	peer_say(&p, "STARTTLS\r\n", "502 5.5.1");
	peer_say(&p, "VRFY alice\r\n", "252");
	peer_say(&p, "HELP\r\n", "214");
	peer_say(&p, "noop whatever\r\n", "250");
	peer_close(&p);
}

static void
parameters_are_checked(void **state)
{
	static const struct {
		const char *say, *expect;
	} cases[] = {
		{ "MAIL FROM:<a@b.example> SIZE=x\r\n", "501 5.5.4" },
		{ "MAIL FROM:<a@b.example> SIZE=99999999999\r\n", "552 5.3.4" },
		{ "MAIL FROM:<a@b.example> SIZE=1 SIZE=1\r\n", "501 5.5.4" },
		{ "MAIL FROM:<a@b.example> BODY=9BIT\r\n", "501 5.5.4" },
		{ "MAIL FROM:<a@b.example> FOO=1\r\n", "555 5.5.4" },
		{ "MAIL FROM:<a@b.example> AUTH=<>\r\n", "555 5.5.4" },
		{ "MAIL FROM:<a@b.example> RET=SOME\r\n", "501 5.5.4" },
		{ "MAIL FROM:<a@b.example> ENVID=a+zz\r\n", "501 5.5.4" },
		{ "MAIL FROM:<\xc3\xbc@b.example>\r\n", "553 5.6.7" },
		{ "MAIL FROM:a@b.example\r\n", "501 5.1.7" },
		{ "MAIL FROM:<a>\r\n", "501 5.1.7" },
		{ "MAIL TO:<a@b.example>\r\n", "501 5.1.7" },
		{ "MAIL FROM: <a@b.example> BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=q\r\n",
		  "250" },
		{ "RCPT TO:<>\r\n", "501 5.1.3" },
		{ "RCPT TO:<alice@example.org> NOTIFY=NEVER,DELAY\r\n", "501 5.5.4" },
		{ "RCPT TO:<alice@example.org> ORCPT=nothing\r\n", "501 5.5.4" },
		{ "RCPT TO:<alice@example.org> SIZE=1\r\n", "555 5.5.4" },
		{ "RCPT TO:<alice@example.org> NOTIFY=DELAY ORCPT=rfc822;a@b\r\n",
		  "250" },
	};
	struct smtp_rig *r = *state;
	r->conf.errors_max = 100;
	rig_start(r);
	struct rig_peer p;
	peer_ready(&p, r, SMTP_DOOR_RECEIVE);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		peer_say(&p, cases[i].say, cases[i].expect);
	peer_close(&p);
}

static void
mail_for_others_is_not_relayed(void **state)
{
	struct smtp_rig *r = started(state);
	struct rig_peer p;
	peer_ready(&p, r, SMTP_DOOR_RECEIVE);
	peer_say(&p, "MAIL FROM:<alice@example.org>\r\n", "250");
	peer_say(&p, "RCPT TO:<x@far.example>\r\n", "550 5.7.1");
	peer_say(&p, "RCPT TO:<@example.org:x@far.example>\r\n", "550 5.7.1");
	peer_say(&p, "RCPT TO:<x%far.example@example.org>\r\n", "550 5.1.1");
	peer_say(&p, "RCPT TO:<\"x@far.example\"@example.org>\r\n", "5");
	peer_say(&p, "DATA\r\n", "503");
	peer_close(&p);
	peer_ready(&p, r, SMTP_DOOR_LMTP);
	peer_say(&p, "MAIL FROM:<alice@example.org>\r\n", "250");
	peer_say(&p, "RCPT TO:<x@far.example>\r\n", "550 5.7.1");
	peer_close(&p);
	size_t n;
	rig_queue(r, &n);
	assert_int_equal(n, 0);
}

static void
postmaster_needs_no_domain(void **state)
{
	struct smtp_rig *r = started(state);
	uint64_t postmaster = rig_user(r, "postmaster@example.org");
	struct rig_peer p;
	peer_ready(&p, r, SMTP_DOOR_RECEIVE);
	peer_say(&p, "MAIL FROM:<x@far.example>\r\n", "250");
	peer_say(&p, "RCPT TO:<Postmaster>\r\n", "250");
	peer_say(&p, "DATA\r\n", "354");
	peer_say(&p, "Subject: x\r\n\r\n.\r\n", "250");
	assert_int_equal(rig_count(r, postmaster, STORE_ROLE_INBOX), 1);
	peer_close(&p);
}

static void
the_forms_of_smuggling_are_one_refused_message(void **state)
{
	static const struct span forms[] = { { "\n.\n", 3 },       { "\n.\r\n", 4 },
		                             { "\r\n.\n", 4 },     { "\r.\r", 3 },
		                             { "\r\n.\r\r\n", 6 }, { "\r\n\0.\r\n", 6 } };
	static const enum smtp_door doors[] = { SMTP_DOOR_RECEIVE, SMTP_DOOR_SUBMIT,
		                                SMTP_DOOR_LMTP };
	struct smtp_rig *r = started(state);
	for (size_t i = 0; i < ARRAY_LEN(forms) * ARRAY_LEN(doors); i++) {
		struct rig_peer p;
		AUTO_DONE(buf) struct buf text = BUF_INIT(0);
		peer_ready(&p, r, doors[i / ARRAY_LEN(forms)]);
		peer_say(&p, "MAIL FROM:<alice@example.org>\r\n", "250");
		peer_say(&p, "RCPT TO:<bob@example.org>\r\n", "250");
		peer_say(&p, "DATA\r\n", "354");
		buf_add_str(&text, "Subject: x\r\n\r\nbody");
		buf_add_span(&text, forms[i % ARRAY_LEN(forms)]);
		buf_add_str(
			&text,
			"MAIL FROM:<evil@far.example>\r\nRCPT TO:<bob@example.org>\r\n"
			"DATA\r\nSubject: evil\r\n\r\n.\r\n");
		peer_send(&p, buf_span(&text));
		peer_expect(&p, "550 5.6.11");
		peer_say(&p, "NOOP\r\n",
		         "250 2.0.0 Ok\r\n"); /* and no other reply before */
		peer_close(&p);
	}
	assert_int_equal(rig_count(r, r->bob, STORE_ROLE_INBOX), 0);
}

static void
a_bare_line_end_in_a_command_is_an_error(void **state)
{
	struct smtp_rig *r = started(state);
	struct rig_peer p;
	peer_ready(&p, r, SMTP_DOOR_RECEIVE);
	peer_say(&p, "NOOP\nQUIT\r\n", "500 5.5.2");
	peer_say(&p, "NOOP\rQUIT\r\n", "500 5.5.2");
	peer_send(&p, span_of("NO\0OP\r\n", 7));
	peer_expect(&p, "500 5.5.2");
	peer_say(&p, "NOOP\r\n", "250");
	peer_close(&p);
}

static void
bytes_before_our_leave_end_the_session(void **state)
{
	static const char *const cases[] = {
		"EHLO c.example\r\nMAIL FROM:<a@b.example>\r\n",
		"MAIL FROM:<a@b.example>\r\nRCPT TO:<alice@example.org>\r\nDATA\r\nSubject: x\r\n",
		"STARTTLS\r\nMAIL FROM:<a@b.example>\r\n",
	};
	struct smtp_rig *r = started(state);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct rig_peer p;
		peer_ready(&p, r, SMTP_DOOR_RECEIVE);
		peer_send(&p, span_str(cases[i]));
		if (i == 1) {
			peer_expect(&p, "250");
			peer_expect(&p, "250");
		}
		peer_expect(&p, "503 5.5.0");
		peer_expect_end(&p);
		peer_close(&p);
	}
	/* Who said HELO was not told of PIPELINING. */
	struct rig_peer p;
	peer_open(&p, r, SMTP_DOOR_RECEIVE);
	peer_expect(&p, "220");
	peer_say(&p, "HELO c.example\r\n", "250");
	peer_say(&p, "MAIL FROM:<a@b.example>\r\nRCPT TO:<alice@example.org>\r\n",
	         "503 5.5.0");
	peer_expect_end(&p);
	peer_close(&p);
}

static void
an_endless_line_ends_the_session(void **state)
{
	struct smtp_rig *r = started(state);
	struct rig_peer p;
	AUTO_DONE(buf) struct buf line = BUF_INIT(0);
	for (int i = 0; i < 5000; i++)
		buf_add_char(&line, 'x');
	peer_ready(&p, r, SMTP_DOOR_RECEIVE);
	peer_send(&p, buf_span(&line));
	peer_expect(&p, "500 5.5.6");
	peer_close(&p);
}

static void
too_many_errors_end_the_session(void **state)
{
	struct smtp_rig *r = *state;
	r->conf.errors_max = 3;
	rig_start(r);
	struct rig_peer p;
	peer_ready(&p, r, SMTP_DOOR_RECEIVE);
	peer_say(&p, "MAIL FROM:<a@b.example>\r\n", "250");
	peer_say(&p, "RCPT TO:<no1@example.org>\r\n", "550");
	peer_say(&p, "RCPT TO:<no2@example.org>\r\n", "550");
	peer_say(&p, "FOO\r\n", "500");
	peer_say(&p, "RCPT TO:<no3@example.org>\r\n", "550");
	peer_expect(&p, "421 4.7.0");
	peer_expect_end(&p);
	peer_close(&p);
}

static void
trouble_of_our_own_is_no_error_of_the_peer(void **state)
{
	struct smtp_rig *r = *state;
	struct rig_peer p;
	r->conf.errors_max = 3;
	rig_start(r);
	peer_ready(&p, r, SMTP_DOOR_RECEIVE);
	peer_say(&p, "MAIL FROM:<x@far.example>\r\n", "250");
	for (int i = 0; i < 6; i++) {
		engine_fail_after(1);
		peer_say(&p, "RCPT TO:<alice@example.org>\r\n", "451");
	}
	engine_fail_after(0);
	peer_say(&p, "RCPT TO:<alice@example.org>\r\n", "250");
	peer_close(&p);
}

static void
too_many_recipients_come_in_the_next_mail(void **state)
{
	struct smtp_rig *r = *state;
	r->conf.recipients_max = 1;
	rig_start(r);
	struct rig_peer p;
	peer_ready(&p, r, SMTP_DOOR_RECEIVE);
	peer_say(&p, "MAIL FROM:<a@b.example>\r\n", "250");
	peer_say(&p, "RCPT TO:<alice@example.org>\r\n", "250");
	peer_say(&p, "RCPT TO:<bob@example.org>\r\n", "452 4.5.3");
	peer_say(&p, "DATA\r\n", "354");
	peer_say(&p, "Subject: x\r\n\r\n.\r\n", "250");
	assert_int_equal(rig_count(r, r->bob, STORE_ROLE_INBOX), 0);
	peer_close(&p);
}

static void
a_message_over_the_limit_is_refused_at_its_end(void **state)
{
	struct smtp_rig *r = *state;
	r->conf.message_max = 1024;
	rig_start(r);
	struct rig_peer p;
	AUTO_DONE(buf) struct buf text = BUF_INIT(0);
	peer_ready(&p, r, SMTP_DOOR_RECEIVE);
	for (size_t n = 1024; n <= 1025; n++) {
		buf_clear(&text);
		buf_add_str(&text, "Subject: x\r\n\r\n");
		while (buf_len(&text) < n - 2)
			buf_add_char(&text, 'x');
		buf_add_str(&text, "\r\n.\r\n");
		peer_say(&p, "MAIL FROM:<a@b.example>\r\n", "250");
		peer_say(&p, "RCPT TO:<alice@example.org>\r\n", "250");
		peer_say(&p, "DATA\r\n", "354");
		peer_send(&p, buf_span(&text));
		peer_expect(&p, n == 1024 ? "250" : "552 5.3.4");
	}
	peer_say(&p, "NOOP\r\n", "250");
	assert_int_equal(rig_count(r, r->alice, STORE_ROLE_INBOX), 1);
	peer_close(&p);
}

static void
a_message_that_never_ends_is_cut_off(void **state)
{
	struct smtp_rig *r = *state;
	r->conf.message_max = 1024;
	rig_start(r);
	struct rig_peer p;
	AUTO_DONE(buf) struct buf text = BUF_INIT(0);
	for (int i = 0; i < 1100000; i++)
		buf_add_char(&text, 'x');
	peer_ready(&p, r, SMTP_DOOR_RECEIVE);
	peer_say(&p, "MAIL FROM:<a@b.example>\r\n", "250");
	peer_say(&p, "RCPT TO:<alice@example.org>\r\n", "250");
	peer_say(&p, "DATA\r\n", "354");
	peer_send(&p, buf_span(&text));
	peer_expect(&p, "552 5.3.4");
	peer_close(&p);
}

static void
a_mail_with_fifty_hops_is_a_loop(void **state)
{
	struct smtp_rig *r = started(state);
	struct rig_peer p;
	peer_ready(&p, r, SMTP_DOOR_RECEIVE);
	for (int hops = 49; hops <= 50; hops++) {
		AUTO_DONE(buf) struct buf text = BUF_INIT(0);
		for (int i = 0; i < hops; i++)
			buf_add_str(&text, "Received: by x\r\n\twith y; z\r\n");
		buf_add_str(&text, "\r\nReceived: not a hop\r\n.\r\n");
		peer_say(&p, "MAIL FROM:<a@b.example>\r\n", "250");
		peer_say(&p, "RCPT TO:<alice@example.org>\r\n", "250");
		peer_say(&p, "DATA\r\n", "354");
		peer_send(&p, buf_span(&text));
		peer_expect(&p, hops == 49 ? "250" : "554 5.4.6");
	}
	peer_close(&p);
}

static void
submission_needs_a_sign_in(void **state)
{
	struct smtp_rig *r = started(state);
	struct rig_peer p;
	peer_open(&p, r, SMTP_DOOR_SUBMIT);
	peer_expect(&p, "220");
	peer_say(&p, "EHLO c.example\r\n", "250");
	peer_say(&p, "MAIL FROM:<alice@example.org>\r\n", "530 5.7.0");
	peer_say(&p, "AUTH PLAIN AGFsaWNlQGV4YW1wbGUub3JnAHdyb25n\r\n", "535 5.7.8");
	peer_say(&p, "AUTH PLAIN ???\r\n", "501 5.5.2");
	peer_say(&p, "AUTH CRAM-MD5\r\n", "504 5.5.4");
	peer_say(&p, "AUTH\r\n", "501 5.5.4");
	peer_say(&p, "AUTH PLAIN\r\n", "334 \r\n");
	peer_say(&p, "*\r\n", "501 5.7.0");
	peer_say(&p, "AUTH PLAIN\r\n", "334 \r\n");
	peer_say(&p, "AGFsaWNlQGV4YW1wbGUub3JnAHNlY3JldA==\r\n", "235 2.7.0");
	peer_say(&p, "AUTH PLAIN\r\n", "503");
	peer_say(&p, "EHLO c.example\r\n", "250");
	assert_null(strstr(p.reply, "AUTH"));
	peer_say(&p, "MAIL FROM:<alice@example.org> AUTH=<>\r\n", "250");
	peer_close(&p);
}

static void
auth_login_asks_for_name_and_password(void **state)
{
	struct smtp_rig *r = started(state);
	struct rig_peer p;
	peer_open(&p, r, SMTP_DOOR_SUBMIT);
	peer_expect(&p, "220");
	peer_say(&p, "EHLO c.example\r\n", "250");
	peer_say(&p, "AUTH LOGIN\r\n", "334 VXNlcm5hbWU6");
	peer_say(&p, "YWxpY2VAZXhhbXBsZS5vcmc=\r\n", "334 UGFzc3dvcmQ6");
	peer_say(&p, "c2VjcmV0\r\n", "235");
	peer_close(&p);
	peer_open(&p, r, SMTP_DOOR_SUBMIT);
	peer_expect(&p, "220");
	peer_say(&p, "EHLO c.example\r\n", "250");
	peer_say(&p, "AUTH LOGIN YWxpY2VAZXhhbXBsZS5vcmc=\r\n", "334 UGFzc3dvcmQ6");
	peer_say(&p, "c2VjcmV0\r\nNOOP\r\n", "503 5.5.0");
	peer_expect_end(&p);
	peer_close(&p);
}

static void
a_password_is_not_taken_in_the_clear(void **state)
{
	struct smtp_rig *r = *state;
	r->conf.plaintext_auth = false;
	rig_start(r);
	struct rig_peer p;
	peer_open(&p, r, SMTP_DOOR_SUBMIT);
	peer_expect(&p, "220");
	peer_say(&p, "EHLO c.example\r\n", "250");
	assert_null(strstr(p.reply, "AUTH"));
	peer_say(&p, "AUTH PLAIN AGFsaWNlQGV4YW1wbGUub3JnAHNlY3JldA==\r\n", "538 5.7.11");
	peer_say(&p, "MAIL FROM:<alice@example.org>\r\n", "530 5.7.0 Must issue");
	peer_close(&p);
}

static void
a_user_sends_as_himself_only(void **state)
{
	struct smtp_rig *r = started(state);
	assert_ok(
		store_alias_add(r->store, SPAN("@example.org"), SPAN("bob@example.org")));
	static const struct {
		const char *sender, *expect;
	} cases[] = {
		{ "alice@example.org", "250" },
		{ "ALICE@EXAMPLE.ORG", "250" },
		{ "ally@example.org", "250" },
		{ "alice+tag@example.org", "250" },
		{ "bob@example.org", "550 5.7.1" },
		{ "both@example.org", "550 5.7.1" },
		{ "x@far.example", "550 5.7.1" },
		{ "anyone@example.org", "550 5.7.1" },
		{ "", "250" },
	};
	struct rig_peer p;
	peer_ready(&p, r, SMTP_DOOR_SUBMIT);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char *line = xasprintf("MAIL FROM:<%s>\r\n", cases[i].sender);
		peer_say(&p, line, cases[i].expect);
		free(line);
		peer_say(&p, "RSET\r\n", "250");
	}
	peer_close(&p);
}

static void
submission_adds_what_is_missing_and_hides_bcc(void **state)
{
	struct smtp_rig *r = started(state);
	struct rig_peer p;
	peer_ready(&p, r, SMTP_DOOR_SUBMIT);
	peer_say(&p, "MAIL FROM:<alice@example.org>\r\n", "250");
	peer_say(&p, "RCPT TO:<bob@example.org>\r\n", "250");
	peer_say(&p, "DATA\r\n", "354");
	peer_say(
		&p,
		"From: alice@example.org\r\nBcc: bob@example.org,\r\n x@far.example\r\nbcc : y@far.example\r\n"
		"To: undisclosed\r\n\r\nBcc: text\r\n.\r\n",
		"250");
	const char *mail = rig_mail(r, r->bob, STORE_ROLE_INBOX, 0);
	assert_non_null(strstr(mail, " with ESMTPA\r\n"));
	assert_non_null(strstr(mail, "\r\nDate: "));
	assert_non_null(strstr(mail, "\r\nMessage-ID: <"));
	assert_null(strstr(mail, "@far.example"));
	const char *end = strstr(mail, "From: alice");
	assert_string_equal(
		end, "From: alice@example.org\r\nTo: undisclosed\r\n\r\nBcc: text\r\n");
	peer_close(&p);
}

static void
what_is_complete_is_submitted_byte_for_byte(void **state)
{
	static const char text[] =
		"Date: Sat, 21 Nov 2026 22:18:00 +0000\r\nMessage-ID: <a@b>\r\n"
		"from: x\r\nX: y \r\n\tz\r\n\r\n\r\nbody \r\n";
	struct smtp_rig *r = started(state);
	struct rig_peer p;
	peer_ready(&p, r, SMTP_DOOR_SUBMIT);
	peer_say(&p, "MAIL FROM:<alice@example.org>\r\n", "250");
	peer_say(&p, "RCPT TO:<bob@example.org>\r\n", "250");
	peer_say(&p, "DATA\r\n", "354");
	peer_send(&p, span_str(text));
	peer_say(&p, ".\r\n", "250");
	const char *mail = rig_mail(r, r->bob, STORE_ROLE_INBOX, 0);
	assert_string_equal(mail + strlen(mail) - strlen(text), text);
	peer_close(&p);
}

static void
foreign_recipients_of_a_user_are_queued_by_domain(void **state)
{
	struct smtp_rig *r = started(state);
	struct rig_peer p;
	size_t n;
	peer_ready(&p, r, SMTP_DOOR_SUBMIT);
	peer_say(&p, "MAIL FROM:<alice@example.org> RET=FULL ENVID=e1\r\n", "250");
	peer_say(&p,
	         "RCPT TO:<x@far.example> NOTIFY=SUCCESS ORCPT=rfc822;x@o.example\r\n",
	         "250");
	peer_say(&p, "RCPT TO:<y@Far.Example>\r\n", "250");
	peer_say(&p, "RCPT TO:<z@other.example>\r\n", "250");
	peer_say(&p, "RCPT TO:<bob@example.org>\r\n", "250");
	peer_say(&p, "DATA\r\n", "354");
	peer_say(&p, "Subject: x\r\n\r\n\xc3\xbc\r\n.\r\n", "250");
	struct store_queue_entry *list = rig_queue(r, &n);
	assert_int_equal(n, 2);
	assert_int_equal(list[0].n_rcpts, 2);
	assert_true(span_iis(list[0].hop, "far.example"));
	assert_true(span_is(list[0].sender, "alice@example.org"));
	assert_true(span_is(list[0].ret, "FULL"));
	assert_true(span_is(list[0].envelope_id, "e1"));
	assert_true(span_is(list[0].rcpts[0].notify, "SUCCESS"));
	assert_true(span_is(list[0].rcpts[0].orcpt, "rfc822;x@o.example"));
	assert_true(list[0].body_8bit);
	assert_int_equal(list[1].n_rcpts, 1);
	AUTO_DONE(buf) struct buf content = BUF_INIT(0);
	assert_ok(store_queue_content(r->store, list[0].id, &content));
	assert_true(span_starts(buf_span(&content), "Received: from c.example"));
	assert_int_equal(rig_count(r, r->bob, STORE_ROLE_INBOX), 1);
	peer_close(&p);
}

static void
lmtp_answers_for_each_recipient(void **state)
{
	struct smtp_rig *r = started(state);
	struct rig_peer p;
	peer_ready(&p, r, SMTP_DOOR_LMTP);
	peer_say(&p, "EHLO c.example\r\n", "500");
	peer_say(&p, "MAIL FROM:<x@far.example>\r\n", "250");
	peer_say(&p, "RCPT TO:<alice@example.org>\r\n", "250");
	peer_say(&p, "RCPT TO:<nobody@example.org>\r\n", "550 5.1.1");
	peer_say(&p, "RCPT TO:<bob@example.org>\r\n", "250");
	/* One of them goes while the mail is on its way. */
	assert_ok(store_user_remove(r->store, SPAN("alice@example.org")));
	peer_say(&p, "DATA\r\n", "354");
	peer_say(&p, "Subject: x\r\n\r\n.\r\n", "550 5.1.1");
	peer_expect(&p, "250 2.0.0");
	assert_int_equal(rig_count(r, r->bob, STORE_ROLE_INBOX), 1);
	expect_stored(r, r->bob, " with LMTP");
	/* Refused as a whole: once for each that was accepted. */
	peer_say(&p, "MAIL FROM:<x@far.example>\r\n", "250");
	peer_say(&p, "RCPT TO:<bob@example.org>\r\n", "250");
	peer_say(&p, "RCPT TO:<bob+two@example.org>\r\n", "250");
	peer_say(&p, "DATA\r\n", "354");
	peer_say(&p, "bare\nline\r\n.\r\n", "550 5.6.11");
	peer_expect(&p, "550 5.6.11");
	peer_say(&p, "NOOP\r\n", "250 2.0.0 Ok\r\n");
	peer_say(&p, "MAIL FROM:<x@far.example>\r\n", "250");
	peer_say(&p, "DATA\r\n", "503 5.5.1");
	peer_close(&p);
}

static void
a_recipient_that_goes_meanwhile_is_bounced_not_forgotten(void **state)
{
	struct smtp_rig *r = started(state);
	uint64_t carol = rig_user(r, "carol@example.org");
	(void)carol;
	struct rig_peer p;
	peer_ready(&p, r, SMTP_DOOR_RECEIVE);
	peer_say(&p, "MAIL FROM:<alice@example.org>\r\n", "250");
	peer_say(&p, "RCPT TO:<carol@example.org>\r\n", "250");
	peer_say(&p, "RCPT TO:<bob@example.org>\r\n", "250");
	assert_ok(store_user_remove(r->store, SPAN("carol@example.org")));
	peer_say(&p, "DATA\r\n", "354");
	peer_say(&p, "Subject: gone\r\n\r\n.\r\n", "250");
	assert_int_equal(rig_count(r, r->bob, STORE_ROLE_INBOX), 1);
	expect_stored(r, r->alice, "Final-Recipient: rfc822; carol@example.org\r\n");
	/* With none left the sender's server keeps the mail and says so. */
	peer_say(&p, "MAIL FROM:<alice@example.org>\r\n", "250");
	peer_say(&p, "RCPT TO:<carol@example.org>\r\n", "550 5.1.1");
	peer_close(&p);
}

static void
chunks_are_put_together(void **state)
{
	struct smtp_rig *r = started(state);
	struct rig_peer p;
	peer_ready(&p, r, SMTP_DOOR_RECEIVE);
	peer_say(&p,
	         "MAIL FROM:<x@far.example>\r\nRCPT TO:<alice@example.org>\r\n"
	         "BDAT 14\r\nSubject: x\r\n\r\nBDAT 11 LAST\r\n.\r\nQUIT\r\n\r\n",
	         "250");
	peer_expect(&p, "250");
	peer_expect(&p, "250 2.0.0 Chunk");
	peer_expect(&p, "250 2.0.0 Ok ");
	peer_send(&p, SPAN("NOOP\r\n"));
	peer_expect(&p, "250");
	const char *mail = rig_mail(r, r->alice, STORE_ROLE_INBOX, 0);
	const char *own = strstr(mail, "Subject:");
	assert_string_equal(own, "Subject: x\r\n\r\n.\r\nQUIT\r\n\r\n");
	peer_close(&p);
}

static void
unwanted_chunks_are_thrown_away_not_obeyed(void **state)
{
	struct smtp_rig *r = started(state);
	struct rig_peer p;
	peer_ready(&p, r, SMTP_DOOR_RECEIVE);
	peer_say(&p, "BDAT 6\r\nQUIT\r\nNOOP\r\n", "503 5.5.1");
	peer_expect(&p, "250 2.0.0 Ok\r\n");
	peer_say(&p, "MAIL FROM:<x@far.example>\r\n", "250");
	peer_say(&p, "BDAT 6 LAST\r\nQUIT\r\nNOOP\r\n", "503 5.5.1");
	peer_expect(&p, "250 2.0.0 Ok\r\n");
	peer_say(&p, "MAIL FROM:<x@far.example>\r\n", "250");
	peer_say(&p, "RCPT TO:<alice@example.org>\r\n", "250");
	peer_say(&p, "BDAT 3\r\nabc", "250");
	peer_say(&p, "DATA\r\n", "503");
	peer_say(&p, "RCPT TO:<bob@example.org>\r\n", "503");
	peer_say(&p, "RSET\r\n", "250");
	peer_say(&p, "BDAT x\r\n", "501");
	peer_expect_end(&p);
	peer_close(&p);
	assert_int_equal(rig_count(r, r->alice, STORE_ROLE_INBOX), 0);
}

static void
a_silent_session_is_closed(void **state)
{
	struct smtp_rig *r = *state;
	r->conf.idle_ms = 30;
	rig_start(r);
	struct rig_peer p;
	peer_ready(&p, r, SMTP_DOOR_RECEIVE);
	peer_expect(&p, "421 4.4.2");
	peer_expect_end(&p);
	peer_close(&p);
}

static void
one_address_has_so_many_sessions_and_no_more(void **state)
{
	struct smtp_rig *r = *state;
	r->conf.connections_peer_max = 2;
	rig_start(r);
	uint16_t port = rig_listen(r, SMTP_DOOR_RECEIVE);
	struct rig_peer p[3];
	for (int i = 0; i < 3; i++) {
		peer_connect(&p[i], r, port);
		peer_expect(&p[i], i < 2 ? "220" : "421 4.7.0");
	}
	peer_close(&p[2]);
	peer_say(&p[0], "QUIT\r\n", "221");
	peer_expect_end(&p[0]);
	peer_close(&p[0]);
	RIG_UNTIL(r, smtp_connections(r->smtp) == 1);
	peer_connect(&p[0], r, port);
	peer_expect(&p[0], "220");
	peer_close(&p[0]);
	peer_close(&p[1]);
	RIG_UNTIL(r, smtp_connections(r->smtp) == 0);
}

static void
draining_lets_a_begun_mail_end(void **state)
{
	struct smtp_rig *r = started(state);
	struct rig_peer idle, busy;
	peer_ready(&idle, r, SMTP_DOOR_RECEIVE);
	peer_ready(&busy, r, SMTP_DOOR_RECEIVE);
	peer_say(&busy, "MAIL FROM:<x@far.example>\r\n", "250");
	smtp_drain(r->smtp, r->loop);
	peer_expect(&idle, "421 4.3.2");
	peer_expect_end(&idle);
	peer_say(&busy, "RCPT TO:<alice@example.org>\r\n", "250");
	peer_say(&busy, "DATA\r\n", "354");
	peer_say(&busy, "Subject: x\r\n\r\n.\r\n", "250");
	peer_expect(&busy, "421 4.3.2");
	peer_expect_end(&busy);
	peer_close(&idle);
	peer_close(&busy);
	assert_int_equal(rig_count(r, r->alice, STORE_ROLE_INBOX), 1);
}

static void
a_peer_that_hangs_up_while_a_job_runs_costs_nothing(void **state)
{
	struct smtp_rig *r = started(state);
	for (int i = 0; i < 20; i++) {
		struct rig_peer p;
		peer_ready(&p, r, SMTP_DOOR_RECEIVE);
		peer_say(&p, "MAIL FROM:<x@far.example>\r\n", "250");
		if (i % 2) {
			peer_say(&p, "RCPT TO:<alice@example.org>\r\n", "250");
			peer_say(&p, "DATA\r\n", "354");
			peer_send(&p, SPAN("Subject: x\r\n\r\n.\r\n"));
		} else {
			peer_send(&p, SPAN("RCPT TO:<nobody@example.org>\r\n"));
		}
		rig_turn(r);
		peer_close(&p);
		RIG_UNTIL(r, smtp_connections(r->smtp) == 0 && !jobs_pending(r->jobs));
	}
}

static void
utf8_addresses_pass_with_smtputf8(void **state)
{
	struct smtp_rig *r = started(state);
	uint64_t user = rig_user(r, "j\xc3\xb6rg@example.org");
	struct rig_peer p;
	peer_ready(&p, r, SMTP_DOOR_RECEIVE);
	peer_say(&p, "MAIL FROM:<x@far.example>\r\n", "250");
	peer_say(&p, "RCPT TO:<j\xc3\xb6rg@example.org>\r\n", "553 5.6.7");
	peer_say(&p, "RSET\r\n", "250");
	peer_say(&p, "MAIL FROM:<\xc3\xbc@far.example> SMTPUTF8\r\n", "250");
	peer_say(&p, "RCPT TO:<j\xc3\xb6rg@example.org>\r\n", "250");
	peer_say(&p, "DATA\r\n", "354");
	peer_say(&p, "Subject: \xc3\xbc\r\n\r\n.\r\n", "250");
	expect_stored(r, user, " with UTF8SMTP");
	peer_close(&p);
}

static void
delivery_of_our_own_tells_of_success_when_asked(void **state)
{
	struct smtp_rig *r = started(state);
	struct rig_peer p;
	peer_ready(&p, r, SMTP_DOOR_SUBMIT);
	peer_say(&p, "MAIL FROM:<alice@example.org> ENVID=abc\r\n", "250");
	peer_say(&p, "RCPT TO:<bob@example.org> NOTIFY=SUCCESS\r\n", "250");
	peer_say(&p, "DATA\r\n", "354");
	peer_say(&p, "Subject: x\r\n\r\n.\r\n", "250");
	assert_int_equal(rig_count(r, r->bob, STORE_ROLE_INBOX), 1);
	expect_stored(r, r->alice, "Action: delivered\r\n");
	expect_stored(r, r->alice, "Original-Envelope-Id: abc\r\n");
	peer_close(&p);
}

struct handed {
	struct smtp_rig *rig;
	struct mail_submit_request q;
	struct err err;
	enum rc rc;
	bool done;
};

static void
submit_work(void *arg)
{
	struct handed *h = arg;
	h->rc = smtp_submit(h->rig->smtp, &h->q, &h->err);
}

static void
submit_done(void *arg)
{
	struct handed *h = arg;
	h->done = true;
}

static enum rc
hand_in(struct smtp_rig *r, const char *sender, const char *message)
{
	struct handed h = { .rig = r,
		            .q = { .user = r->alice,
		                   .sender = span_str(sender),
		                   .message = span_str(message),
		                   .protocol = "activesync" } };
	job_run(r->jobs, r->alice, r->loop, submit_work, submit_done, &h);
	RIG_UNTIL(r, h.done);
	return h.rc;
}

static void
a_message_from_inside_takes_the_same_way(void **state)
{
	struct smtp_rig *r = *state;
	static char *names[] = { (char *)(uintptr_t) "header-limit" };
	r->conf.filters = (struct conf_list){ names, 1 }; /* asked through the loop */
	rig_start(r);
	size_t n;
	assert_rc(hand_in(r, "alice@example.org",
	                  "From: alice@example.org\nTo: Bob <bob@example.org>\nCc: "
	                  "x@far.example\nBcc: ally@example.org\nSubject: x\n\nhi\n"),
	          RC_OK);
	const char *mail = rig_mail(r, r->bob, STORE_ROLE_INBOX, 0);
	assert_null(strstr(mail, "Bcc"));
	assert_non_null(strstr(mail, "\r\nDate: "));
	assert_non_null(strstr(mail, "Subject: x\r\n\r\nhi\r\n"));
	assert_int_equal(rig_count(r, r->alice, STORE_ROLE_INBOX), 1);
	rig_queue(r, &n);
	assert_int_equal(n, 1);
	assert_rc(hand_in(r, "bob@example.org", "To: bob@example.org\r\n\r\n"),
	          RC_DENIED);
	assert_rc(hand_in(r, "alice@example.org", "Subject: x\r\n\r\n"), RC_INVALID);
	assert_rc(hand_in(r, "alice@example.org", "To: nobody@example.org\r\n\r\n"),
	          RC_INVALID);
}

static void
filters_may_refuse_and_mark(void **state)
{
	struct smtp_rig *r = *state;
	static char *names[] = { (char *)(uintptr_t) "helo-name",
		                 (char *)(uintptr_t) "header-limit" };
	r->conf.filters = (struct conf_list){ names, 2 };
	rig_start(r);
	struct rig_peer p;
	AUTO_DONE(buf) struct buf text = BUF_INIT(0);
	peer_open(&p, r, SMTP_DOOR_RECEIVE);
	peer_expect(&p, "220");
	peer_say(&p, "EHLO localhost\r\n", "250");
	peer_say(&p, "MAIL FROM:<x@far.example>\r\n",
	         "550 5.7.1 Greet with a full host name");
	peer_say(&p, "RCPT TO:<alice@example.org>\r\n", "503");
	peer_say(&p, "EHLO mx.far.example\r\n", "250");
	for (int i = 0; i < 2; i++) {
		peer_say(
			&p,
			"MAIL FROM:<x@far.example>\r\nRCPT TO:<alice@example.org>\r\nDATA\r\n",
			"250");
		peer_expect(&p, "250");
		peer_expect(&p, "354");
		buf_clear(&text);
		if (i)
			for (int k = 0; k < 2001; k++)
				buf_add_str(&text, "X: y\r\n");
		buf_add_str(&text, "\r\n.\r\n");
		peer_send(&p, buf_span(&text));
		peer_expect(&p, i ? "550 5.7.1 Message header too long" : "250");
	}
	peer_close(&p);
}

#define RIG_TEST(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)

static void
a_busy_server_turns_newcomers_away(void **state)
{
	struct smtp_rig *r = started(state);
	struct busy_jobs busy;
	struct rig_peer p;
	jobs_set_busy(r->jobs, 1);
	busy_jobs_begin(&busy, r->jobs, 4);
	while (jobs_busy(r->jobs) == 0)
		sched_yield();
	peer_open(&p, r, SMTP_DOOR_RECEIVE);
	peer_expect(&p, "421 4.3.2");
	peer_expect_end(&p);
	peer_close(&p);
	busy_jobs_end(&busy);
	peer_ready(&p, r, SMTP_DOOR_RECEIVE);
	peer_close(&p);
}

/* Replies pile up on our side otherwise, for as long as it has commands to send. */
static void
who_does_not_read_replies_is_not_heard_and_then_dropped(void **state)
{
	struct smtp_rig *r = *state;
	struct rig_peer p;
	AUTO_DONE(buf) struct buf noops = BUF_INIT(0);
	size_t sent = 0;
	int idle = 0;
	r->conf.stall_ms = 100;
	rig_start(r);
	peer_ready(&p, r, SMTP_DOOR_RECEIVE);
	for (int i = 0; i < 10000; i++)
		buf_add_str(&noops, "NOOP\r\n");
	while (idle < 50) {
		size_t off = sent % noops.len;
		ssize_t n = send(p.fd, noops.p + off, noops.len - off,
		                 MSG_NOSIGNAL | MSG_DONTWAIT);
		idle = n > 0 ? 0 : idle + 1;
		sent += n > 0 ? (size_t)n : 0;
		if (sent > (8U << 20))
			fail_msg("%zu bytes of commands were taken", sent);
		rig_turn(r);
	}
	RIG_UNTIL(r, smtp_connections(r->smtp) == 0);
	peer_close(&p);
}

static void
commands_go_on_when_replies_have_been_read(void **state)
{
	enum { N = 20000 };
	struct smtp_rig *r = started(state);
	struct rig_peer p;
	peer_ready(&p, r, SMTP_DOOR_RECEIVE);
	AUTO_DONE(buf) struct buf noops = BUF_INIT(0);
	for (int i = 0; i < N; i++)
		buf_add_str(&noops, "NOOP\r\n");
	/* First all of it, as far as it goes; then the answers, one for each. */
	size_t sent = 0;
	for (size_t got = 0; got < N;) {
		ssize_t n = send(p.fd, noops.p + sent, noops.len - sent,
		                 MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n > 0) {
			sent += (size_t)n;
			rig_turn(r);
			continue;
		}
		peer_expect(&p, "250");
		got++;
	}
	assert_int_equal(sent, noops.len);
	peer_say(&p, "QUIT\r\n", "221");
	peer_close(&p);
}

int
main(void)
{
	log_setup(LOG_LEVEL_WARN, LOG_FORMAT_LOGFMT, LOG_TARGET_STDERR);
	const struct CMUnitTest tests[] = {
		RIG_TEST(a_mail_is_in_the_inbox_when_250_is_said),
		RIG_TEST(one_mail_goes_to_each_user_once),
		RIG_TEST(a_pipelined_group_is_answered_in_order),
		RIG_TEST(ehlo_tells_what_there_is),
		RIG_TEST(commands_out_of_order_are_refused),
		RIG_TEST(parameters_are_checked),
		RIG_TEST(mail_for_others_is_not_relayed),
		RIG_TEST(postmaster_needs_no_domain),
		RIG_TEST(the_forms_of_smuggling_are_one_refused_message),
		RIG_TEST(a_bare_line_end_in_a_command_is_an_error),
		RIG_TEST(bytes_before_our_leave_end_the_session),
		RIG_TEST(an_endless_line_ends_the_session),
		RIG_TEST(too_many_errors_end_the_session),
		RIG_TEST(trouble_of_our_own_is_no_error_of_the_peer),
		RIG_TEST(too_many_recipients_come_in_the_next_mail),
		RIG_TEST(a_message_over_the_limit_is_refused_at_its_end),
		RIG_TEST(a_message_that_never_ends_is_cut_off),
		RIG_TEST(a_mail_with_fifty_hops_is_a_loop),
		RIG_TEST(submission_needs_a_sign_in),
		RIG_TEST(auth_login_asks_for_name_and_password),
		RIG_TEST(a_password_is_not_taken_in_the_clear),
		RIG_TEST(a_user_sends_as_himself_only),
		RIG_TEST(submission_adds_what_is_missing_and_hides_bcc),
		RIG_TEST(what_is_complete_is_submitted_byte_for_byte),
		RIG_TEST(foreign_recipients_of_a_user_are_queued_by_domain),
		RIG_TEST(lmtp_answers_for_each_recipient),
		RIG_TEST(a_recipient_that_goes_meanwhile_is_bounced_not_forgotten),
		RIG_TEST(chunks_are_put_together),
		RIG_TEST(unwanted_chunks_are_thrown_away_not_obeyed),
		RIG_TEST(a_silent_session_is_closed),
		RIG_TEST(one_address_has_so_many_sessions_and_no_more),
		RIG_TEST(draining_lets_a_begun_mail_end),
		RIG_TEST(a_peer_that_hangs_up_while_a_job_runs_costs_nothing),
		RIG_TEST(utf8_addresses_pass_with_smtputf8),
		RIG_TEST(delivery_of_our_own_tells_of_success_when_asked),
		RIG_TEST(a_message_from_inside_takes_the_same_way),
		RIG_TEST(filters_may_refuse_and_mark),
		RIG_TEST(a_busy_server_turns_newcomers_away),
		RIG_TEST(who_does_not_read_replies_is_not_heard_and_then_dropped),
		RIG_TEST(commands_go_on_when_replies_have_been_read),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
