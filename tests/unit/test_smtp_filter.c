/* SPDX-License-Identifier: ISC
 *
 * test_smtp_filter.c - what a filter's word does to a session and to a message. The table
 * of filters is the test's own, linked in place of filter_builtin.c.
 */
#include "smtp/filter/filter.h"
#include "tests/fake/smtp_rig.h"

/* What the one filter says at each stage, and when. */
static struct {
	struct filter_verdict verdict[FILTER_STAGE_DATA + 1];
	bool later[FILTER_STAGE_DATA + 1];
	bool fails;
	struct filter_call *waiting;
	unsigned asked, cancelled;
	char seen[600]; /* facts of the last question */
} fake;

static void
fake_ask(void *state, struct filter_call *c)
{
	(void)state;
	const struct filter_input *in = filter_call_input(c);
	fake.asked++;
	snprintf(fake.seen, sizeof(fake.seen),
	         "%s door=%s helo=%.*s user=%.*s from=%.*s rcpt=%.*s rcpts=%zu bytes=%zu",
	         filter_stage_str(in->stage), in->door, SPAN_FMT(in->helo),
	         SPAN_FMT(in->user), SPAN_FMT(in->sender), SPAN_FMT(in->rcpt),
	         in->n_rcpts, in->message.n);
	if (fake.later[in->stage])
		fake.waiting = c;
	else if (fake.fails)
		filter_fail(c, "broken");
	else
		filter_answer(c, &fake.verdict[in->stage]);
}

static void
fake_cancel(void *state, struct filter_call *c)
{
	(void)state;
	assert_ptr_equal(c, fake.waiting);
	fake.waiting = NULL;
	fake.cancelled++;
}

static const struct filter_class fake_class = {
	.name = "fake",
	.stages = FILTER_AT(CONNECT) | FILTER_AT(HELO) | FILTER_AT(MAIL) |
	          FILTER_AT(RCPT) | FILTER_AT(DATA),
	.ask = fake_ask,
	.cancel = fake_cancel,
};

const struct filter_class *const filter_classes[] = { &fake_class };
const size_t filter_classes_n = 1;

static struct smtp_rig *
started(void **state, const char *filter)
{
	static char *names[1];
	struct smtp_rig *r = *state;
	memset(&fake, 0, sizeof(fake));
	names[0] = (char *)(uintptr_t)filter;
	r->conf.filters = (struct conf_list){ names, 1 };
	rig_start(r);
	return r;
}

/* A mail from far.example to alice, up to the reply to its end. */
static void
send_mail(struct smtp_rig *r, const char *expect)
{
	struct rig_peer p;
	peer_ready(&p, r, SMTP_DOOR_RECEIVE);
	peer_say(&p, "MAIL FROM:<x@far.example>\r\n", "250");
	peer_say(&p, "RCPT TO:<alice@example.org>\r\n", "250");
	peer_say(&p, "DATA\r\n", "354");
	peer_say(&p, "Subject: x\r\n\r\nbody\r\n.\r\n", expect);
	peer_say(&p, "NOOP\r\n", "250 2.0.0 Ok\r\n");
	peer_close(&p);
}

static void
each_stage_shows_the_facts_so_far(void **state)
{
	struct smtp_rig *r = started(state, "fake");
	struct rig_peer p;
	peer_open(&p, r, SMTP_DOOR_SUBMIT);
	peer_expect(&p, "220");
	assert_string_equal(
		fake.seen,
		"connect door=submission helo= user= from= rcpt= rcpts=0 bytes=0");
	peer_say(&p, "EHLO c.example\r\n", "250");
	assert_non_null(strstr(fake.seen, "helo door=submission helo=c.example user= "));
	peer_say(&p, "AUTH PLAIN AGFsaWNlQGV4YW1wbGUub3JnAHNlY3JldA==\r\n", "235");
	peer_say(&p, "MAIL FROM:<ally@example.org>\r\n", "250");
	assert_non_null(
		strstr(fake.seen, "user=alice@example.org from=ally@example.org "));
	peer_say(&p, "RCPT TO:<bob@example.org>\r\n", "250");
	assert_non_null(strstr(fake.seen, "rcpt door=submission "));
	assert_non_null(strstr(fake.seen, "rcpt=bob@example.org rcpts=0"));
	peer_say(&p, "DATA\r\n", "354");
	peer_say(&p, "Subject: x\r\n\r\n.\r\n", "250");
	assert_non_null(strstr(fake.seen, "data door=submission "));
	assert_non_null(strstr(fake.seen, "rcpts=1 bytes="));
	assert_null(strstr(fake.seen, "bytes=0"));
	assert_int_equal(rig_count(r, r->bob, STORE_ROLE_INBOX), 1);
	peer_close(&p);
}

static void
a_refusal_is_the_reply_of_its_stage(void **state)
{
	static const char *const lines[] = { "EHLO c.example\r\n",
		                             "MAIL FROM:<x@far.example>\r\n",
		                             "RCPT TO:<alice@example.org>\r\n" };
	struct smtp_rig *r = started(state, "fake");
	for (int at = FILTER_STAGE_HELO; at <= FILTER_STAGE_RCPT; at++) {
		struct rig_peer p;
		memset(&fake.verdict, 0, sizeof(fake.verdict));
		peer_open(&p, r, SMTP_DOOR_RECEIVE);
		peer_expect(&p, "220");
		for (int i = FILTER_STAGE_HELO; i < at; i++)
			peer_say(&p, lines[i - FILTER_STAGE_HELO], "250");
		fake.verdict[at] =
			(struct filter_verdict){ .action = FILTER_ACTION_DEFER };
		peer_say(&p, lines[at - FILTER_STAGE_HELO], "451 4.7.1 Not now");
		fake.verdict[at] =
			(struct filter_verdict){ .action = FILTER_ACTION_REJECT,
			                         .reason = SPAN("no\r\nway") };
		peer_say(&p, lines[at - FILTER_STAGE_HELO], "550 5.7.1 no  way\r\n");
		fake.verdict[at] = (struct filter_verdict){ 0 };
		peer_say(&p, lines[at - FILTER_STAGE_HELO], "250");
		peer_close(&p);
	}
}

static void
who_is_refused_at_the_door_is_sent_away(void **state)
{
	struct smtp_rig *r = started(state, "fake");
	struct rig_peer p;
	fake.verdict[FILTER_STAGE_CONNECT].action = FILTER_ACTION_REJECT;
	peer_open(&p, r, SMTP_DOOR_RECEIVE);
	peer_expect(&p, "550 5.7.1");
	peer_expect_end(&p);
	peer_close(&p);
}

static void
a_message_is_refused_deferred_or_thrown_away(void **state)
{
	struct smtp_rig *r = started(state, "fake");
	fake.verdict[FILTER_STAGE_DATA] =
		(struct filter_verdict){ .action = FILTER_ACTION_REJECT,
		                         .reason = SPAN("Eicar found") };
	send_mail(r, "550 5.7.1 Eicar found\r\n");
	fake.verdict[FILTER_STAGE_DATA].action = FILTER_ACTION_DEFER;
	send_mail(r, "451 4.7.1 Eicar found\r\n");
	fake.verdict[FILTER_STAGE_DATA].action = FILTER_ACTION_DISCARD;
	send_mail(r, "250 2.0.0 Ok\r\n");
	assert_int_equal(rig_count(r, r->alice, STORE_ROLE_INBOX), 0);
}

static void
a_quarantined_message_is_junk(void **state)
{
	struct smtp_rig *r = started(state, "fake");
	for (int at = FILTER_STAGE_CONNECT; at <= FILTER_STAGE_DATA; at++) {
		memset(&fake.verdict, 0, sizeof(fake.verdict));
		fake.verdict[at].action = FILTER_ACTION_QUARANTINE;
		send_mail(r, "250");
		assert_int_equal(rig_count(r, r->alice, STORE_ROLE_JUNK),
		                 at - FILTER_STAGE_CONNECT + 1);
	}
	memset(&fake.verdict, 0, sizeof(fake.verdict));
	send_mail(r, "250");
	assert_int_equal(rig_count(r, r->alice, STORE_ROLE_INBOX), 1);
}

static void
a_held_message_waits_for_a_word_and_is_then_delivered(void **state)
{
	struct smtp_rig *r = started(state, "fake");
	size_t n;
	smtp_start(r->smtp);
	fake.verdict[FILTER_STAGE_DATA].action = FILTER_ACTION_HOLD;
	send_mail(r, "250 2.0.0 Ok ");
	struct store_queue_entry *e = rig_queue(r, &n);
	assert_int_equal(n, 1);
	assert_true(e->held);
	assert_int_equal(rig_count(r, r->alice, STORE_ROLE_INBOX), 0);
	assert_ok(store_queue_hold(r->store, e->id, false));
	RIG_UNTIL(r, rig_count(r, r->alice, STORE_ROLE_INBOX) == 1);
	RIG_UNTIL(r, (rig_queue(r, &n), n == 0));
}

static void
headers_of_filters_stand_above_ours(void **state)
{
	struct smtp_rig *r = started(state, "fake");
	fake.verdict[FILTER_STAGE_DATA].headers =
		SPAN("X-Score: 1\r\n\tfolded\r\nX-Two: 2\r\n");
	send_mail(r, "250");
	static const char start[] =
		"Return-Path: <x@far.example>\r\nX-Score: 1\r\n\tfolded\r\n"
		"X-Two: 2\r\nReceived: from c.example";
	const char *mail = rig_mail(r, r->alice, STORE_ROLE_INBOX, 0);
	assert_memory_equal(mail, start, sizeof(start) - 1);
	assert_string_equal(strstr(mail, "Subject:"), "Subject: x\r\n\r\nbody\r\n");
}

static void
a_broken_filter_defers_or_marks_as_configured(void **state)
{
	struct smtp_rig *r = started(state, "fake");
	fake.fails = false;
	struct rig_peer p;
	peer_ready(&p, r, SMTP_DOOR_RECEIVE);
	peer_say(&p, "MAIL FROM:<x@far.example>\r\n", "250");
	peer_say(&p, "RCPT TO:<alice@example.org>\r\n", "250");
	fake.fails = true;
	peer_say(&p, "DATA\r\n", "354");
	peer_say(&p, "Subject: x\r\n\r\nbody\r\n.\r\n", "451 4.7.1");
	peer_close(&p);
	rig_stop(r);
	r = started(state, "fake:open");
	fake.fails = true;
	send_mail(r, "250");
	assert_non_null(strstr(rig_mail(r, r->alice, STORE_ROLE_INBOX, 0),
	                       "X-Godwit-Filter-Failed: fake\r\n"));
}

static void
what_is_sent_while_a_filter_thinks_waits(void **state)
{
	struct smtp_rig *r = started(state, "fake");
	struct rig_peer p;
	peer_ready(&p, r, SMTP_DOOR_RECEIVE);
	fake.later[FILTER_STAGE_MAIL] = fake.later[FILTER_STAGE_DATA] = true;
	peer_send(
		&p,
		SPAN("MAIL FROM:<x@far.example>\r\nRCPT TO:<alice@example.org>\r\nNOOP\r\n"));
	RIG_UNTIL(r, fake.waiting);
	for (int i = 0; i < 20; i++)
		rig_turn(r);
	assert_int_equal(buf_len(&p.in), 0);
	filter_answer(TAKE(fake.waiting), &(struct filter_verdict){ 0 });
	peer_expect(&p, "250 2.1.0");
	peer_expect(&p, "250 2.1.5");
	peer_expect(&p, "250 2.0.0");
	peer_say(&p, "DATA\r\n", "354");
	peer_send(&p, SPAN("Subject: x\r\n\r\n.\r\nNOOP\r\n"));
	RIG_UNTIL(r, fake.waiting);
	filter_answer(TAKE(fake.waiting), &(struct filter_verdict){ 0 });
	peer_expect(&p, "250 2.0.0 Ok ");
	peer_expect(&p, "250 2.0.0 Ok\r\n");
	peer_close(&p);
}

static void
a_peer_that_goes_cancels_the_question(void **state)
{
	for (int at = FILTER_STAGE_CONNECT; at <= FILTER_STAGE_DATA; at++) {
		struct smtp_rig *r = started(state, "fake");
		struct rig_peer p;
		fake.later[at] = true;
		peer_open(&p, r, SMTP_DOOR_LMTP);
		peer_send(&p, SPAN("LHLO c.example\r\n"));
		RIG_UNTIL(r, fake.waiting || fake.asked == 2);
		if (!fake.waiting) {
			peer_send(
				&p,
				SPAN("MAIL FROM:<>\r\nRCPT TO:<bob@example.org>\r\nDATA\r\n"));
			for (int i = 0; i < 2 + (at > FILTER_STAGE_MAIL) +
			                            2 * (at > FILTER_STAGE_RCPT);
			     i++)
				peer_reply(&p);
			if (at == FILTER_STAGE_DATA)
				peer_send(&p, SPAN("x: y\r\n\r\n.\r\n"));
		}
		RIG_UNTIL(r, fake.waiting);
		peer_close(&p);
		RIG_UNTIL(r, smtp_connections(r->smtp) == 0);
		assert_int_equal(fake.cancelled, 1);
		rig_stop(r);
	}
}

#define RIG_TEST(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)

int
main(void)
{
	log_setup(LOG_LEVEL_ERROR, LOG_FORMAT_LOGFMT, LOG_TARGET_STDERR);
	const struct CMUnitTest tests[] = {
		RIG_TEST(each_stage_shows_the_facts_so_far),
		RIG_TEST(a_refusal_is_the_reply_of_its_stage),
		RIG_TEST(who_is_refused_at_the_door_is_sent_away),
		RIG_TEST(a_message_is_refused_deferred_or_thrown_away),
		RIG_TEST(a_quarantined_message_is_junk),
		RIG_TEST(a_held_message_waits_for_a_word_and_is_then_delivered),
		RIG_TEST(headers_of_filters_stand_above_ours),
		RIG_TEST(a_broken_filter_defers_or_marks_as_configured),
		RIG_TEST(what_is_sent_while_a_filter_thinks_waits),
		RIG_TEST(a_peer_that_goes_cancels_the_question),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
