/* SPDX-License-Identifier: ISC
 *
 * test_smtp_client.c - handing a message to one server, however it behaves.
 */
#include "base/tls.h"
#include "smtp/smtp_client.h"
#include "smtp/smtp_line.h"
#include "tests/fake/smtp_rig.h"

#include <arpa/inet.h>
#include <netinet/in.h>

struct sending {
	struct smtp_rig *rig;
	struct remote remote;
	struct smtp_job job;
	struct smtp_outcome rcpts[3];
	struct smtp_client *client;
	struct tls_client *tls;
	bool done;
	enum smtp_client_end end;
	char note[300];
};

static void
on_end(enum smtp_client_end end, const char *note, void *arg)
{
	struct sending *s = arg;
	assert_false(s->done);
	s->done = true;
	s->end = end;
	snprintf(s->note, sizeof(s->note), "%s", note);
	smtp_client_free(s->client);
}

static void
prepare(struct sending *s, void **state, size_t n_rcpts)
{
	static const char *const names[] = { "x@far.example", "y@far.example",
		                             "z@far.example" };
	*s = (struct sending){ .rig = *state };
	remote_open(&s->remote, s->rig, 1, 0);
	for (size_t i = 0; i < n_rcpts; i++)
		s->rcpts[i].address = span_str(names[i]);
	s->job = (struct smtp_job){ .arena = s->rig->a,
		                    .hostname = "mx.example.org",
		                    .sender = SPAN("alice@example.org"),
		                    .message = SPAN("Subject: x\r\n\r\n.dot\r\nend\r\n"),
		                    .rcpts = s->rcpts,
		                    .n_rcpts = n_rcpts };
}

static void
start(struct sending *s, uint16_t port, bool tls_needed)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(port) };
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	struct smtp_client_target t = { .to = (struct sockaddr *)&to,
		                        .to_len = sizeof(to),
		                        .name = "mx.far.example",
		                        .tls = s->tls,
		                        .tls_needed = tls_needed };
	s->client = smtp_client_new(s->rig->loop, &t, &s->job, on_end, s);
}

static void
deliver(struct sending *s)
{
	start(s, s->remote.port, false);
	RIG_UNTIL(s->rig, s->done);
	remote_close(&s->remote);
}

static void
a_message_is_handed_over(void **state)
{
	struct sending s;
	prepare(&s, state, 1);
	deliver(&s);
	assert_int_equal(s.end, SMTP_CLIENT_DECIDED);
	/* This server knows no DSN: it will not tell of success. */
	assert_int_equal(s.rcpts[0].state, SMTP_SENT_RELAYED);
	assert_true(span_is(s.rcpts[0].remote, "mx.far.example"));
	assert_int_equal(s.remote.messages, 1);
}

static void
the_text_is_stuffed_and_the_commands_are_in_order(void **state)
{
	static const struct remote_rule rules[] = {
		{ "EHLO",
		  "250-far\r\n250-PIPELINING\r\n250-SIZE 1000\r\n250-8BITMIME\r\n250 DSN\r\n" },
	};
	struct sending s;
	prepare(&s, state, 2);
	REMOTE_RULES(&s.remote, rules);
	s.job.body_8bit = true;
	s.job.ret = SPAN("HDRS");
	s.job.envelope_id = SPAN("id1");
	s.rcpts[0].notify = SPAN("SUCCESS");
	s.rcpts[1].orcpt = SPAN("rfc822;o@far.example");
	start(&s, s.remote.port, false);
	RIG_UNTIL(s.rig, s.done);
	assert_true(remote_saw(
		&s.remote, "EHLO mx.example.org\nMAIL FROM:<alice@example.org> SIZE=25 "
			   "BODY=8BITMIME RET=HDRS ENVID=id1\nRCPT TO:<x@far.example> "
			   "NOTIFY=SUCCESS\nRCPT TO:<y@far.example> "
			   "ORCPT=rfc822;o@far.example\nDATA\n.\n"));
	assert_true(
		span_is(buf_span(&s.remote.mail), "Subject: x\r\n\r\n..dot\r\nend\r\n"));
	assert_int_equal(s.rcpts[0].state, SMTP_SENT_SENT);
	assert_int_equal(s.rcpts[1].state, SMTP_SENT_SENT);
	remote_close(&s.remote);
}

static void
each_recipient_has_its_own_outcome(void **state)
{
	static const struct remote_rule one[] = {
		{ "RCPT TO:<x@", "550 5.1.1 who?\r\n" },
		{ "RCPT TO:<y@", "450 4.2.0 not now\r\n" },
	};
	static const struct remote_rule many[] = {
		{ "EHLO", "250-far\r\n250 PIPELINING\r\n" },
		{ "RCPT TO:<x@", "550-5.1.1 who\r\n550 5.1.1 is this?\r\n" },
		{ "RCPT TO:<y@", "552 5.5.3 too many\r\n" },
	};
	for (int i = 0; i < 2; i++) {
		struct sending s;
		prepare(&s, state, 3);
		s.remote.rules = i ? many : one;
		s.remote.n_rules = i ? ARRAY_LEN(many) : ARRAY_LEN(one);
		deliver(&s);
		assert_int_equal(s.end, SMTP_CLIENT_DECIDED);
		assert_int_equal(s.rcpts[0].state, SMTP_SENT_FAILED);
		assert_true(span_is(s.rcpts[0].status, "5.1.1"));
		assert_true(
			span_is(s.rcpts[0].response,
		                i ? "550 5.1.1 who 5.1.1 is this?" : "550 5.1.1 who?"));
		/* RFC 5321 4.5.3.1.10: 552 to RCPT means 452. */
		assert_int_equal(s.rcpts[1].state, SMTP_SENT_LATER);
		assert_int_equal(s.rcpts[2].state, SMTP_SENT_RELAYED);
		assert_int_equal(s.remote.messages, 1);
	}
}

static void
without_a_recipient_there_is_no_data(void **state)
{
	static const struct remote_rule rules[] = { { "RCPT", "550 5.1.1 no\r\n" } };
	struct sending s;
	prepare(&s, state, 2);
	REMOTE_RULES(&s.remote, rules);
	start(&s, s.remote.port, false);
	RIG_UNTIL(s.rig, s.done);
	assert_int_equal(s.end, SMTP_CLIENT_DECIDED);
	assert_false(remote_saw(&s.remote, "DATA"));
	remote_close(&s.remote);
}

struct refusal {
	struct remote_rule rule;
	enum smtp_client_end end;
	enum smtp_sent state;
	const char *status;
};

static void
a_refusal_means_what_its_place_means(void **state)
{
	static const struct refusal cases[] = {
		{ { "MAIL", "550 5.7.1 not you\r\n" },
		  SMTP_CLIENT_DECIDED,
		  SMTP_SENT_FAILED,
		  "5.7.1" },
		{ { "MAIL", "451 4.3.0 later\r\n" },
		  SMTP_CLIENT_DECIDED,
		  SMTP_SENT_LATER,
		  "4.3.0" },
		{ { "DATA", "554 5.7.0 no\r\n" },
		  SMTP_CLIENT_DECIDED,
		  SMTP_SENT_FAILED,
		  "5.7.0" },
		{ { "DATA", "451 no\r\n" },
		  SMTP_CLIENT_DECIDED,
		  SMTP_SENT_LATER,
		  "4.0.0" },
		{ { "DATA", "250 what?\r\n" },
		  SMTP_CLIENT_DECIDED,
		  SMTP_SENT_LATER,
		  "2.0.0" },
		{ { ".", "554 5.7.1 spam\r\n" },
		  SMTP_CLIENT_DECIDED,
		  SMTP_SENT_FAILED,
		  "5.7.1" },
		{ { ".", "452 4.2.2 full\r\n" },
		  SMTP_CLIENT_DECIDED,
		  SMTP_SENT_LATER,
		  "4.2.2" },
		{ { ".", NULL }, SMTP_CLIENT_DECIDED, SMTP_SENT_LATER, "4.4.2" },
		{ { "EHLO", NULL }, SMTP_CLIENT_NEXT, SMTP_SENT_WAITING, "" },
		{ { "MAIL", NULL }, SMTP_CLIENT_NEXT, SMTP_SENT_WAITING, "" },
		{ { "RCPT", NULL }, SMTP_CLIENT_NEXT, SMTP_SENT_WAITING, "" },
		{ { "DATA", NULL }, SMTP_CLIENT_NEXT, SMTP_SENT_WAITING, "" },
		{ { "RCPT", "421 4.3.2 bye\r\n" },
		  SMTP_CLIENT_NEXT,
		  SMTP_SENT_WAITING,
		  "" },
		{ { "EHLO", "450 4.3.2 later\r\n" },
		  SMTP_CLIENT_NEXT,
		  SMTP_SENT_WAITING,
		  "" },
		{ { "EHLO", "hello there\r\n" },
		  SMTP_CLIENT_NEXT,
		  SMTP_SENT_WAITING,
		  "" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct sending s;
		prepare(&s, state, 1);
		s.remote.rules = &cases[i].rule;
		s.remote.n_rules = 1;
		deliver(&s);
		if (s.end != cases[i].end || s.rcpts[0].state != cases[i].state ||
		    (cases[i].status[0] && !span_is(s.rcpts[0].status, cases[i].status)))
			fail_msg("case %zu (%s): end %d, %s, status %.*s, note %s", i,
			         cases[i].rule.on, s.end, smtp_sent_str(s.rcpts[0].state),
			         SPAN_FMT(s.rcpts[0].status), s.note);
	}
}

static void
a_greeting_that_refuses_sends_us_to_the_next_server(void **state)
{
	struct sending s;
	prepare(&s, state, 1);
	s.remote.greeting = "554 5.3.2 no mail here\r\n";
	deliver(&s);
	assert_int_equal(s.end, SMTP_CLIENT_NEXT);
	assert_string_equal(s.note, "greeting: 554 5.3.2 no mail here");
}

static void
an_old_server_is_greeted_with_helo(void **state)
{
	static const struct remote_rule rules[] = { { "EHLO", "502 what?\r\n" } };
	struct sending s;
	prepare(&s, state, 1);
	REMOTE_RULES(&s.remote, rules);
	start(&s, s.remote.port, false);
	RIG_UNTIL(s.rig, s.done);
	assert_true(remote_saw(&s.remote,
	                       "HELO mx.example.org\nMAIL FROM:<alice@example.org>\n"));
	assert_int_equal(s.rcpts[0].state, SMTP_SENT_RELAYED);
	remote_close(&s.remote);
}

static void
what_the_server_cannot_take_is_not_sent(void **state)
{
	static const struct remote_rule small[] = { { "EHLO",
		                                      "250-far\r\n250 SIZE 10\r\n" } };
	static const char *const status[] = { "5.3.4", "5.6.3", "5.6.7" };
	for (int i = 0; i < 3; i++) {
		struct sending s;
		prepare(&s, state, 1);
		if (i == 0)
			REMOTE_RULES(&s.remote, small);
		s.job.body_8bit = i == 1;
		s.job.smtputf8 = i == 2;
		start(&s, s.remote.port, false);
		RIG_UNTIL(s.rig, s.done);
		assert_int_equal(s.rcpts[0].state, SMTP_SENT_FAILED);
		assert_true(span_is(s.rcpts[0].status, status[i]));
		assert_false(remote_saw(&s.remote, "MAIL"));
		remote_close(&s.remote);
	}
}

static void
a_server_that_is_not_there_is_none(void **state)
{
	struct sending s;
	prepare(&s, state, 1);
	uint16_t port = s.remote.port;
	remote_close(&s.remote);
	start(&s, port, false);
	RIG_UNTIL(s.rig, s.done);
	assert_int_equal(s.end, SMTP_CLIENT_NEXT);
	assert_true(span_starts(span_str(s.note), "connect: "));
}

static void
a_large_message_arrives_whole(void **state)
{
	struct sending s;
	AUTO_DONE(buf) struct buf text = BUF_INIT(0);
	AUTO_DONE(buf) struct buf wire = BUF_INIT(0);
	struct smtp_stuff t = { 0 };
	for (int i = 0; i < 40000; i++)
		buf_addf(&text, ".line %d of many\r\n", i);
	smtp_stuff_add(&t, buf_span(&text), &wire);
	prepare(&s, state, 1);
	s.job.message = buf_span(&text);
	start(&s, s.remote.port, false);
	RIG_UNTIL(s.rig, s.done);
	assert_int_equal(s.rcpts[0].state, SMTP_SENT_RELAYED);
	assert_true(span_eq(buf_span(&s.remote.mail), buf_span(&wire)));
	remote_close(&s.remote);
}

static void
broken_tls_is_told_from_a_broken_server(void **state)
{
	static const struct remote_rule rules[] = {
		{ "EHLO", "250-far\r\n250 STARTTLS\r\n" },
		{ "STARTTLS", "220 go\r\n" },
	};
	struct sending s;
	prepare(&s, state, 1);
	REMOTE_RULES(&s.remote, rules);
	assert_ok(tls_client_new(NULL, false, &s.tls, NULL));
	start(&s, s.remote.port, false);
	RIG_UNTIL(s.rig, remote_saw(&s.remote, "STARTTLS"));
	/* It answers the ClientHello in plain text. */
	send(s.remote.fd, "250 ok\r\n250 ok\r\n", 16, MSG_NOSIGNAL);
	RIG_UNTIL(s.rig, s.done);
	assert_int_equal(s.end, SMTP_CLIENT_TLS);
	assert_int_equal(s.rcpts[0].state, SMTP_SENT_WAITING);
	remote_close(&s.remote);
	tls_client_free(s.tls);
}

static void
where_tls_is_demanded_plain_text_is_not_spoken(void **state)
{
	struct sending s;
	prepare(&s, state, 1);
	assert_ok(tls_client_new(NULL, true, &s.tls, NULL));
	start(&s, s.remote.port, true);
	RIG_UNTIL(s.rig, s.done);
	assert_int_equal(s.end, SMTP_CLIENT_NEXT);
	assert_false(remote_saw(&s.remote, "MAIL"));
	remote_close(&s.remote);
	tls_client_free(s.tls);
}

static void
cancelling_leaves_no_callback(void **state)
{
	struct sending s;
	prepare(&s, state, 1);
	start(&s, s.remote.port, false);
	RIG_UNTIL(s.rig, remote_saw(&s.remote, "EHLO"));
	smtp_client_free(s.client);
	for (int i = 0; i < 20; i++)
		rig_turn(s.rig);
	assert_false(s.done);
	remote_close(&s.remote);
}

#define RIG_TEST(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)

int
main(void)
{
	log_setup(LOG_LEVEL_WARN, LOG_FORMAT_LOGFMT, LOG_TARGET_STDERR);
	const struct CMUnitTest tests[] = {
		RIG_TEST(a_message_is_handed_over),
		RIG_TEST(the_text_is_stuffed_and_the_commands_are_in_order),
		RIG_TEST(each_recipient_has_its_own_outcome),
		RIG_TEST(without_a_recipient_there_is_no_data),
		RIG_TEST(a_refusal_means_what_its_place_means),
		RIG_TEST(a_greeting_that_refuses_sends_us_to_the_next_server),
		RIG_TEST(an_old_server_is_greeted_with_helo),
		RIG_TEST(what_the_server_cannot_take_is_not_sent),
		RIG_TEST(a_server_that_is_not_there_is_none),
		RIG_TEST(a_large_message_arrives_whole),
		RIG_TEST(broken_tls_is_told_from_a_broken_server),
		RIG_TEST(where_tls_is_demanded_plain_text_is_not_spoken),
		RIG_TEST(cancelling_leaves_no_callback),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
