/* SPDX-License-Identifier: ISC
 *
 * test_eas_send.c - sending once, the copy in Sent, replies and forwards.
 */
#include "activesync/eas_compose.h"
#include "base/encode.h"
#include "format/mime_text.h"
#include "tests/unit/eas_fixture.h"

#define NOW EAS_NOW
#define MESSAGE                                                                             \
	"From: alice@example.org&#13;\nTo: bob@example.net&#13;\nSubject: hi&#13;\n&#13;\n" \
	"hello&#13;\n"

static const char *
send_mail(struct eas_fixture *f, const char *client_id, const char *save,
          const char *message)
{
	return eas_runf(
		f, "SendMail",
		"<SendMail xmlns=\"ComposeMail\"><ClientId>%s</ClientId>%s<Mime>%s</Mime>"
		"</SendMail>",
		client_id, save, message);
}

static void
retried_sendmail_is_sent_once(void **state)
{
	struct eas_fixture *f = *state;

	for (int i = 0; i < 3; i++) {
		send_mail(f, "c1", "<SaveInSentItems/>", MESSAGE);
		assert_int_equal(f->http_status, 200);
		assert_string_equal(f->xml, "");
	}
	assert_int_equal(f->n_sent, 1);
	assert_int_equal(eas_exists(f, f->sent), 1);
	/* The same id for something else is a client's fault, and told. */
	send_mail(f, "c1", "", "To: x@example.net\n\nanother\n");
	assert_string_equal(f->xml, "<SendMail><Status>118</Status></SendMail>");
	assert_int_equal(f->n_sent, 1);
	send_mail(f, "c2", "", MESSAGE);
	assert_int_equal(f->n_sent, 2);
	assert_int_equal(eas_exists(f, f->sent), 1);
	/* Ids are the device's own. */
	f->device = "TABLET";
	send_mail(f, "c1", "", MESSAGE);
	assert_int_equal(f->n_sent, 3);
}

static void
what_the_client_left_out_is_added(void **state)
{
	struct eas_fixture *f = *state;

	send_mail(f, "c1", "", "To: bob@example.net\nSubject: x\n\nhello\n");
	assert_non_null(strstr(f->sent_message, "From: alice@example.org\r\n"));
	assert_non_null(
		strstr(f->sent_message, "Date: Sat, 21 Nov 2026 22:26:40 +0000\r\n"));
	assert_non_null(strstr(f->sent_message, "Message-ID: <"));
	assert_non_null(strstr(f->sent_message, "\r\n\r\nhello\r\n"));
}

static void
copy_in_sent_is_shown_to_the_device_that_sent_it(void **state)
{
	struct eas_fixture *f = *state;
	char *key;

	eas_sync(f, f->sent, "0", EAS_OPTIONS_PLAIN);
	key = eas_key(f);
	send_mail(f, "c1", "<SaveInSentItems/>", MESSAGE);
	eas_sync(f, f->sent, key, "");
	assert_int_equal(eas_count(f, "<Add>"), 1);
	assert_has(f, "<Read>1</Read>");
}

static void
refusals_have_their_status(void **state)
{
	static const struct {
		enum rc rc;
		const char *status;
	} cases[] = {
		{ RC_INVALID, "<Status>119</Status>" },
		{ RC_DENIED, "<Status>120</Status>" },
		{ RC_TOO_BIG, "<Status>120</Status>" },
	};
	struct eas_fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		f->sent_rc = cases[i].rc;
		send_mail(f, "c1", "<SaveInSentItems/>", MESSAGE);
		assert_has(f, cases[i].status);
	}
	/* Clients keep what 503 is said to, and come again. */
	f->sent_rc = RC_AGAIN;
	send_mail(f, "c1", "<SaveInSentItems/>", MESSAGE);
	assert_int_equal(f->http_status, 503);
	assert_int_equal(eas_exists(f, f->sent), 0);
	/* A refusal does not use the id up. */
	f->sent_rc = RC_OK;
	send_mail(f, "c1", "", MESSAGE);
	assert_string_equal(f->xml, "");
	send_mail(f, "c3", "", "");
	assert_string_equal(f->xml, "<SendMail><Status>107</Status></SendMail>");
	eas_run(f, "SendMail", "<Ping xmlns=\"Ping\"/>");
	assert_string_equal(f->xml, "<SendMail><Status>101</Status></SendMail>");
}

static void
body_is_the_message_at_12_1(void **state)
{
	struct eas_fixture *f = *state;

	f->version = 121;
	eas_run_bytes(f, "SendMail", SPAN("To: bob@example.net\r\n\r\nhello\r\n"));
	assert_int_equal(f->http_status, 200);
	assert_int_equal(f->n_sent, 1);
	f->sent_rc = RC_INVALID;
	eas_run_bytes(f, "SendMail", SPAN("To: nobody\r\n\r\nhello\r\n"));
	assert_int_equal(f->http_status, 500);
	eas_run_bytes(f, "SendMail", SPAN(""));
	assert_int_equal(f->http_status, 400);
}

static const char *
smart(struct eas_fixture *f, const char *command, uint32_t uid, const char *more,
      const char *message)
{
	return eas_runf(
		f, command,
		"<%s xmlns=\"ComposeMail\"><ClientId>s1</ClientId><Source><FolderId>%u"
		"</FolderId><ItemId>%u:%u</ItemId></Source>%s<Mime>%s</Mime></%s>",
		command, f->inbox, f->inbox, uid, more, message, command);
}

/* The text that a person reads of the last message sent. */
static char *
sent_text(struct eas_fixture *f, bool html)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);
	struct span raw = span_str(f->sent_message);
	struct mime_part *root = mime_parse(raw, NULL, f->a);
	const struct mime_part *p;
	struct mime_view view;

	mime_view_make(root, f->a, &view);
	p = html ? view.html : view.plain;
	assert_non_null(p);
	mime_decode_text(p, span_sub(raw, p->body_at, p->body_at + p->body_len), &b);
	return arena_strndup(f->a, buf_span(&b));
}

static void
reply_quotes_the_original_below_and_marks_it_answered(void **state)
{
	struct eas_fixture *f = *state;
	uint32_t uid = eas_mail(f, f->inbox, NOW, "one");
	struct store_item item;
	char *text, *key;

	eas_sync(f, f->inbox, "0", EAS_OPTIONS_PLAIN);
	key = eas_key(f);
	eas_sync(f, f->inbox, key, "");
	key = eas_key(f);
	for (int i = 0; i < 2; i++)
		smart(f, "SmartReply", uid, "<SaveInSentItems/>", MESSAGE);
	assert_string_equal(f->xml, "");
	assert_int_equal(f->n_sent, 1);
	text = sent_text(f, false);
	assert_true(strstr(text, "hello") < strstr(text, "Bob <bob@example.net> wrote:"));
	assert_non_null(strstr(text, "> Hello, this is one.\r\n"));
	assert_ok(eas_item(f, f->inbox, uid, &item));
	assert_true(item.flags & STORE_FLAG_ANSWERED);
	eas_sync(f, f->inbox, key, "");
	assert_has(f, "<LastVerbExecuted>1</LastVerbExecuted><LastVerbExecutionTime>"
	              "2026-11-21T22:26:40.000Z</LastVerbExecutionTime>");
}

static void
reply_in_html_keeps_the_clients_attachments(void **state)
{
	struct eas_fixture *f = *state;
	uint32_t uid = eas_mail(f, f->inbox, NOW, "one");
	struct mime_view view;
	char *text;

	smart(f, "SmartReply", uid, "",
	      "To: bob@example.net\nSubject: Re: one\nMIME-Version: 1.0\n"
	      "Content-Type: multipart/mixed; boundary=x\n\n--x\nContent-Type: text/html\n\n"
	      "&lt;p&gt;mine&lt;/p&gt;\n--x\nContent-Type: text/plain; name=a.txt\n"
	      "Content-Disposition: attachment; filename=a.txt\n\nkept\n--x--\n");
	assert_string_equal(f->xml, "");
	text = sent_text(f, true);
	assert_non_null(strstr(text, "<p>mine</p>"));
	assert_non_null(strstr(text, "<blockquote>"));
	assert_non_null(strstr(text, "this is one."));
	mime_view_make(mime_parse(span_str(f->sent_message), NULL, f->a), f->a, &view);
	assert_int_equal(view.n_attachments, 1);
	assert_true(span_is(mime_part_filename(view.attachments[0], f->a), "a.txt"));
	assert_non_null(strstr(f->sent_message, "\r\nkept\r\n"));
}

static void
forward_carries_the_original_whole(void **state)
{
	struct eas_fixture *f = *state;
	uint32_t uid = eas_mail(f, f->inbox, NOW, "one");
	struct store_item item;
	struct mime_view view;

	smart(f, "SmartForward", uid, "", MESSAGE);
	assert_string_equal(f->xml, "");
	mime_view_make(mime_parse(span_str(f->sent_message), NULL, f->a), f->a, &view);
	assert_int_equal(view.n_attachments, 1);
	assert_true(mime_is(view.attachments[0], "message", "rfc822"));
	assert_non_null(strstr(f->sent_message,
	                       "\r\n\r\nFrom: Bob <bob@example.net>\r\nTo: alice"));
	assert_true(strncmp(sent_text(f, false), "hello", 5) == 0);
	assert_ok(eas_item(f, f->inbox, uid, &item));
	assert_true(item.flags & STORE_FLAG_FORWARDED);
}

/* The bytes of the only Thread-Index of the last message sent. */
static struct span
sent_index(struct eas_fixture *f)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);
	struct span header = span_str(f->sent_message);

	header = span_sub(header, 0, mime_header_len(header));
	assert_ok(base64_decode(mime_header_get(header, "Thread-Index", f->a), &b));
	return arena_span(f->a, buf_span(&b));
}

static void
an_answer_says_what_it_answers(void **state)
{
	static const char *const commands[] = { "SmartReply", "SmartForward" };
	struct eas_fixture *f = *state;
	struct span first, second;

	for (int replace = 0; replace < 2; replace++) {
		for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
			uint32_t uid = eas_mail_raw(
				f, f->inbox, NOW,
				SPAN("From: bob@example.net\r\nSubject: x\r\n"
			             "Message-ID: <3@x>\r\nReferences: <1@x>\r\n"
			             " <odd id> <2@x>\r\n\r\nx\r\n"));

			f->device = arena_printf(f->a, "P%d%zu", replace, i);
			smart(f, commands[i], uid, replace ? "<ReplaceMime/>" : "",
			      MESSAGE);
			assert_string_equal(f->xml, "");
			assert_non_null(strstr(f->sent_message,
			                       "In-Reply-To: <3@x>\r\n"
			                       "References: <1@x>\r\n <2@x>\r\n"
			                       " <3@x>\r\nThread-Index: "));
			first = sent_index(f);
			assert_int_equal(first.n, 27);
			assert_int_equal(first.p[0], 1);
		}
	}
	f->device = "LAST";
	/* Outlook's goes on by five bytes; what the client wrote itself stays. */
	eas_mail_raw(
		f, f->inbox, NOW,
		SPAN("Subject: x\r\nThread-Index: AQECAwQFAAECAwQFBgcICQoLDA0ODwoLDA0O"
	             "\r\n\r\nx\r\n"));
	smart(f, "SmartReply", 5, "",
	      "To: bob@example.net\nReferences: &lt;9@x&gt;\n\nhello\n");
	second = sent_index(f);
	assert_int_equal(second.n, 32);
	assert_memory_equal(second.p + 22, "\x0a\x0b\x0c\x0d\x0e", 5);
	assert_non_null(strstr(f->sent_message, "References: <9@x>\r\n"));
	assert_null(strstr(f->sent_message, "In-Reply-To"));
}

static void
replaced_mime_goes_as_it_is(void **state)
{
	struct eas_fixture *f = *state;
	uint32_t uid = eas_mail(f, f->inbox, NOW, "one");

	smart(f, "SmartReply", uid, "<ReplaceMime/>", MESSAGE);
	assert_null(strstr(f->sent_message, "wrote:"));
	assert_int_equal(f->n_sent, 1);
}

static void
reply_to_nothing_gets_status_150(void **state)
{
	struct eas_fixture *f = *state;

	smart(f, "SmartReply", 4711, "", MESSAGE);
	assert_string_equal(f->xml, "<SmartReply><Status>150</Status></SmartReply>");
	smart(f, "SmartForward", 4711, "", MESSAGE);
	assert_string_equal(f->xml, "<SmartForward><Status>150</Status></SmartForward>");
	assert_int_equal(f->n_sent, 0);
}

static void
headers_are_encoded_and_cannot_be_smuggled(void **state)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);
	struct eas_fixture *f = *state;

	eas_compose_text(&b, "Subject", SPAN("a\r\nBcc: x@example.org"));
	assert_true(span_is(buf_span(&b), "Subject: a  Bcc: x@example.org\r\n"));
	buf_clear(&b);
	eas_compose_addresses(&b, "To", SPAN("\"Grüße\" <a@b.de>, plain@x.org, <broken"),
	                      f->a);
	buf_add_char(&b, '\0');
	assert_string_equal(b.p, "To: =?UTF-8?B?R3LDvMOfZQ==?= <a@b.de>,\r\n"
	                         " <plain@x.org>\r\n");
	buf_clear(&b);
	eas_compose_addresses(&b, "Cc", SPAN(""), f->a);
	assert_int_equal(buf_len(&b), 0);
	eas_compose_crlf(SPAN("a\nb\r\nc\rd\r\n\r\n\n"), &b);
	assert_true(span_is(buf_span(&b), "a\r\nb\r\nc\r\nd\r\n\r\n\r\n"));
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, eas_setup, eas_teardown)
	const struct CMUnitTest tests[] = {
		T(retried_sendmail_is_sent_once),
		T(what_the_client_left_out_is_added),
		T(copy_in_sent_is_shown_to_the_device_that_sent_it),
		T(refusals_have_their_status),
		T(body_is_the_message_at_12_1),
		T(reply_quotes_the_original_below_and_marks_it_answered),
		T(reply_in_html_keeps_the_clients_attachments),
		T(forward_carries_the_original_whole),
		T(an_answer_says_what_it_answers),
		T(replaced_mime_goes_as_it_is),
		T(reply_to_nothing_gets_status_150),
		T(headers_are_encoded_and_cannot_be_smuggled),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
