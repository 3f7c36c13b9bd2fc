/* SPDX-License-Identifier: ISC
 *
 * test_smtp_bounce.c - delivery status notices: their form (RFC 3462, 3464), whom they go
 * to, and whom not.
 */
#include "format/mime.h"
#include "smtp/smtp_bounce.h"
#include "tests/fake/smtp_rig.h"

static struct smtp_bounce_rcpt one = { .address = { "x@far.example", 13 },
	                               .status = { "5.1.1", 5 },
	                               .response = { "550 5.1.1 who?", 14 },
	                               .remote = { "mx.far.example", 14 } };

static struct smtp_bounce
a_failure(void)
{
	return (struct smtp_bounce){ .action = SMTP_BOUNCE_ACTION_FAILED,
		                     .sender = SPAN("alice@example.org"),
		                     .arrived_ms = 1700000000000,
		                     .now_ms = 1700000060000,
		                     .retry_until_ms = 1700432000000,
		                     .hostname = "mx.example.org",
		                     .rcpts = &one,
		                     .n_rcpts = 1,
		                     .message =
		                             SPAN("Received: by x\r\nSubject: hi\r\n\r\n"
		                                  "secret body\r\n") };
}

/* The text of part number, NUL-terminated in a. */
static const char *
part(struct span whole, const char *number, struct arena *a, struct mime_part **ret)
{
	struct mime_part *p =
		mime_part_find(mime_parse(whole, NULL, a), span_str(number));
	if (!p)
		fail_msg("no part %s in %.*s", number, SPAN_FMT(whole));
	*ret = p;
	return arena_strndup(a, span_sub(whole, p->body_at, p->body_at + p->body_len));
}

static void
a_notice_has_a_text_a_report_and_the_header(void **state)
{
	(void)state;
	AUTO(arena)
	struct arena *a = arena_new();
	AUTO_DONE(buf) struct buf out = BUF_INIT(0);
	struct smtp_bounce b = a_failure();
	struct mime_part *p;
	smtp_bounce_write(&b, &out);
	struct span whole = buf_span(&out);
	struct mime_part *root = mime_parse(whole, NULL, a);
	assert_true(mime_is(root, "multipart", "report"));
	assert_true(
		span_is(mime_param_get(root->params, "report-type"), "delivery-status"));
	struct span header = span_sub(whole, 0, mime_header_len(whole));
	assert_true(span_is(mime_header_get(header, "To", a), "<alice@example.org>"));
	assert_true(
		span_is(mime_header_get(header, "Auto-Submitted", a), "auto-replied"));
	assert_true(mime_header_get(header, "Date", a).n > 0);
	assert_true(mime_header_get(header, "Message-ID", a).n > 0);

	assert_non_null(
		strstr(part(whole, "1", a, &p), "<x@far.example>: mx.far.example said"));
	const char *report = part(whole, "2", a, &p);
	assert_true(mime_is(p, "message", "delivery-status"));
	assert_non_null(strstr(report,
	                       "Reporting-MTA: dns; mx.example.org\r\nArrival-Date: "
	                       "Tue, 14 Nov 2023 22:13:20 +0000\r\n\r\n"));
	assert_non_null(strstr(
		report,
		"\r\n\r\nFinal-Recipient: rfc822; x@far.example\r\nAction: failed\r\n"
		"Status: 5.1.1\r\nRemote-MTA: dns; mx.far.example\r\n"
		"Diagnostic-Code: smtp; 550 5.1.1 who?\r\n"));
	const char *original = part(whole, "3", a, &p);
	assert_true(mime_is(p, "text", "rfc822-headers"));
	assert_non_null(strstr(original, "Subject: hi\r\n"));
	assert_null(strstr(original, "secret"));
	/* Lines end by CRLF alone, so that it may travel. */
	for (size_t i = 0; i < whole.n; i++)
		if (whole.p[i] == '\n')
			assert_true(i > 0 && whole.p[i - 1] == '\r');
}

static void
ret_full_brings_the_whole_message_back(void **state)
{
	(void)state;
	AUTO(arena)
	struct arena *a = arena_new();
	struct smtp_bounce b = a_failure();
	struct mime_part *p;
	b.ret = SPAN("full");
	for (int i = 0; i < 2; i++) {
		AUTO_DONE(buf) struct buf out = BUF_INIT(0);
		smtp_bounce_write(&b, &out);
		const char *original = part(buf_span(&out), "3", a, &p);
		/* RFC 3461 4.3: with failures only. */
		assert_true(mime_is(p, i ? "text" : "message",
		                    i ? "rfc822-headers" : "rfc822"));
		assert_int_equal(strstr(original, "secret") != NULL, i == 0);
		b.action = SMTP_BOUNCE_ACTION_DELAYED;
	}
}

static void
what_was_given_comes_back(void **state)
{
	(void)state;
	AUTO_DONE(buf) struct buf out = BUF_INIT(0);
	struct smtp_bounce b = a_failure();
	struct smtp_bounce_rcpt r = one;
	r.orcpt = SPAN("rfc822;old+2Bname@far.example");
	b.rcpts = &r;
	b.envelope_id = SPAN("QQ+3D1");
	b.action = SMTP_BOUNCE_ACTION_DELAYED;
	smtp_bounce_write(&b, &out);
	buf_add_char(&out, 0);
	assert_non_null(strstr(out.p, "Original-Envelope-Id: QQ=1\r\n"));
	assert_non_null(
		strstr(out.p, "Original-Recipient: rfc822;old+name@far.example\r\n"));
	assert_non_null(strstr(out.p, "Action: delayed\r\n"));
	assert_non_null(
		strstr(out.p, "Will-Retry-Until: Sun, 19 Nov 2023 22:13:20 +0000\r\n"));
}

static void
a_foreign_servers_words_cannot_add_a_field(void **state)
{
	(void)state;
	AUTO_DONE(buf) struct buf out = BUF_INIT(0);
	struct smtp_bounce b = a_failure();
	struct smtp_bounce_rcpt r = one;
	r.response = SPAN("550 a\r\nAction: delivered\r\n\r\n\xff");
	r.orcpt = SPAN("rfc822;a+0D+0AAction: delivered");
	b.rcpts = &r;
	smtp_bounce_write(&b, &out);
	buf_add_char(&out, 0);
	assert_null(strstr(out.p, "\nAction: delivered"));
	assert_non_null(strstr(out.p, "smtp; 550 a??Action: delivered?????\r\n"));
}

static void
an_address_beyond_ascii_makes_a_global_report(void **state)
{
	(void)state;
	AUTO_DONE(buf) struct buf out = BUF_INIT(0);
	struct smtp_bounce b = a_failure();
	struct smtp_bounce_rcpt r = one;
	r.address = SPAN("\xc3\xbc@far.example");
	b.rcpts = &r;
	smtp_bounce_write(&b, &out);
	buf_add_char(&out, 0);
	assert_non_null(strstr(out.p, "report-type=global-delivery-status"));
	assert_non_null(
		strstr(out.p, "Content-Type: message/global-delivery-status\r\n"));
	assert_non_null(
		strstr(out.p, "Final-Recipient: utf-8; \xc3\xbc@far.example\r\n"));
}

struct sent {
	struct smtp_rig *rig;
	const struct smtp_bounce *b;
	enum rc rc;
	bool done;
};

static void
send_work(void *arg)
{
	struct sent *s = arg;
	s->rc = smtp_bounce_send(s->rig->smtp, s->b, "test");
}

static void
send_done(void *arg)
{
	struct sent *s = arg;
	s->done = true;
}

static void
send_notice(struct smtp_rig *r, const struct smtp_bounce *b)
{
	struct sent s = { .rig = r, .b = b };
	job_run(r->jobs, 0, r->loop, send_work, send_done, &s);
	RIG_UNTIL(r, s.done);
	assert_ok(s.rc);
}

static void
a_notice_reaches_the_inbox_with_a_null_return_path(void **state)
{
	struct smtp_rig *r = *state;
	struct smtp_bounce b = a_failure();
	rig_start(r);
	send_notice(r, &b);
	const char *mail = rig_mail(r, r->alice, STORE_ROLE_INBOX, 0);
	assert_memory_equal(mail, "Return-Path: <>\r\nReceived: by mx.example.org", 44);
}

static void
a_notice_to_a_foreign_sender_is_queued(void **state)
{
	struct smtp_rig *r = *state;
	struct smtp_bounce b = a_failure();
	size_t n;
	rig_start(r);
	b.sender = SPAN("a@other.example");
	send_notice(r, &b);
	struct store_queue_entry *list = rig_queue(r, &n);
	assert_int_equal(n, 1);
	assert_int_equal(list[0].sender.n, 0);
	assert_true(span_is(list[0].rcpts[0].address, "a@other.example"));
}

static void
nobody_is_told_who_need_not_be(void **state)
{
	struct smtp_rig *r = *state;
	struct smtp_bounce_rcpt never = one;
	struct smtp_bounce b = a_failure();
	size_t n;
	rig_start(r);
	/* RFC 5321 4.5.5: a notice is never answered by a notice. */
	b.sender = SPAN("");
	send_notice(r, &b);
	b = a_failure();
	never.notify = SPAN("NEVER");
	b.rcpts = &never;
	send_notice(r, &b);
	never.notify = SPAN("SUCCESS,DELAY");
	send_notice(r, &b);
	/* Success is told on wish only. */
	b = a_failure();
	b.action = SMTP_BOUNCE_ACTION_RELAYED;
	send_notice(r, &b);
	b = a_failure();
	b.sender = SPAN("gone@example.org");
	send_notice(r, &b);
	assert_int_equal(rig_count(r, r->alice, STORE_ROLE_INBOX), 0);
	rig_queue(r, &n);
	assert_int_equal(n, 0);
}

#define RIG_TEST(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)

int
main(void)
{
	log_setup(LOG_LEVEL_WARN, LOG_FORMAT_LOGFMT, LOG_TARGET_STDERR);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_notice_has_a_text_a_report_and_the_header),
		cmocka_unit_test(ret_full_brings_the_whole_message_back),
		cmocka_unit_test(what_was_given_comes_back),
		cmocka_unit_test(a_foreign_servers_words_cannot_add_a_field),
		cmocka_unit_test(an_address_beyond_ascii_makes_a_global_report),
		RIG_TEST(a_notice_reaches_the_inbox_with_a_null_return_path),
		RIG_TEST(a_notice_to_a_foreign_sender_is_queued),
		RIG_TEST(nobody_is_told_who_need_not_be),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
