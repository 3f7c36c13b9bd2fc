/* SPDX-License-Identifier: ISC
 *
 * test_smtp_queue.c - the runner of the queue with a clock that the test moves and a
 * server that does as it is told.
 */
#include "base/clock.h"
#include "smtp/smtp_private.h"
#include "smtp/smtp_queue.h"
#include "store/engine/engine.h"
#include "tests/fake/smtp_rig.h"

#define MINUTE UINT64_C(60000)
#define HOUR (60 * MINUTE)
#define START_MS 1700000000000

struct fixture {
	struct smtp_rig *rig;
	struct remote remote;
	char relay[40];
};

static void
begin(struct fixture *f, void **state)
{
	f->rig = *state;
	clock_fake_start(START_MS);
	remote_open(&f->remote, f->rig, 1, 0);
	snprintf(f->relay, sizeof(f->relay), "127.0.0.1:%u", f->remote.port);
	f->rig->conf.relay = f->relay;
	rig_start(f->rig);
}

static void
end(struct fixture *f)
{
	rig_stop(f->rig);
	remote_close(&f->remote);
	clock_fake_stop();
}

static int
teardown(void **state)
{
	clock_fake_stop();
	return rig_teardown(state);
}

/* Hands a mail in from alice; to: the RCPT line's rest. */
static void
submit(struct fixture *f, const char *to)
{
	struct rig_peer p;
	char line[200];
	peer_ready(&p, f->rig, SMTP_DOOR_SUBMIT);
	snprintf(line, sizeof(line), "RCPT TO:%s\r\n", to);
	peer_say(&p, "MAIL FROM:<alice@example.org>\r\n", "250");
	peer_say(&p, line, "250");
	peer_say(&p, "DATA\r\n", "354");
	peer_say(&p, "Subject: x\r\n\r\n..dot\r\n.\r\n", "250");
	peer_close(&p);
}

/* The one entry, or NULL when the queue is empty. */
static struct store_queue_entry *
entry(struct fixture *f)
{
	size_t n;
	struct store_queue_entry *list = rig_queue(f->rig, &n);
	assert_true(n <= 1);
	return n ? list : NULL;
}

/* Turns until nothing is under way: the entry waits for the clock (or is gone). */
static void
until_attempts(struct fixture *f, uint32_t attempts)
{
	struct store_queue_entry *e = NULL;
	RIG_UNTIL(f->rig, (e = entry(f)) && e->attempts == attempts && !e->lease);
}

static void
advance(struct fixture *f, uint64_t ms)
{
	clock_fake_advance(ms);
	rig_turn(f->rig);
}

static void
what_is_queued_goes_out_at_once(void **state)
{
	struct fixture f;
	begin(&f, state);
	smtp_start(f.rig->smtp);
	submit(&f, "<x@far.example>");
	RIG_UNTIL(f.rig, f.remote.messages == 1);
	RIG_UNTIL(f.rig, !entry(&f));
	assert_true(remote_saw(
		&f.remote, "MAIL FROM:<alice@example.org>\nRCPT TO:<x@far.example>\n"));
	struct span mail = buf_span(&f.remote.mail);
	assert_true(span_starts(mail, "Received: from c.example"));
	assert_true(span_ends(mail, "Subject: x\r\n\r\n..dot\r\n"));
	assert_int_equal(rig_count(f.rig, f.rig->alice, STORE_ROLE_INBOX), 0);
	end(&f);
}

static void
what_lay_there_before_the_start_goes_out_too(void **state)
{
	struct fixture f;
	begin(&f, state);
	submit(&f, "<x@far.example>");
	for (int i = 0; i < 10; i++)
		rig_turn(f.rig);
	assert_non_null(entry(&f));
	assert_int_equal(f.remote.connections, 0);
	smtp_start(f.rig->smtp);
	RIG_UNTIL(f.rig, !entry(&f));
	assert_int_equal(f.remote.messages, 1);
	end(&f);
}

static void
a_dead_process_lease_does_not_hold_the_next_up(void **state)
{
	struct fixture f;
	struct store_queue_entry e;
	int64_t next;
	begin(&f, state);
	submit(&f, "<x@far.example>");
	assert_ok(store_queue_lease(f.rig->store, false, clock_wall_ms(), HOUR, f.rig->a,
	                            &e, &next));
	rig_stop(f.rig);
	rig_start(f.rig);
	smtp_start(f.rig->smtp);
	RIG_UNTIL(f.rig, !entry(&f));
	assert_int_equal(f.remote.messages, 1);
	end(&f);
}

static void
pauses_double_up_to_the_longest(void **state)
{
	(void)state;
	for (int i = 0; i < 100; i++) {
		uint64_t first = smtp_queue_pause_ms(5 * MINUTE, 4 * HOUR, 0);
		uint64_t third = smtp_queue_pause_ms(5 * MINUTE, 4 * HOUR, 2);
		uint64_t late = smtp_queue_pause_ms(5 * MINUTE, 4 * HOUR, UINT32_MAX);
		assert_in_range(first, 5 * MINUTE * 9 / 10, 5 * MINUTE * 11 / 10);
		assert_in_range(third, 20 * MINUTE * 9 / 10, 20 * MINUTE * 11 / 10);
		assert_in_range(late, 4 * HOUR * 9 / 10, 4 * HOUR * 11 / 10);
	}
}

static void
a_server_that_is_busy_is_asked_again_later(void **state)
{
	static const struct remote_rule busy[] = { { "RCPT", "451 4.7.1 later\r\n" } };
	struct fixture f;
	begin(&f, state);
	REMOTE_RULES(&f.remote, busy);
	smtp_start(f.rig->smtp);
	submit(&f, "<x@far.example>");
	until_attempts(&f, 1);
	struct store_queue_entry *e = entry(&f);
	assert_true(span_is(e->last_error, "451 4.7.1 later (127.0.0.1)"));
	assert_in_range(e->next_ms, START_MS + 4.5 * MINUTE, START_MS + 5.5 * MINUTE);
	advance(&f, 4 * MINUTE);
	assert_int_equal(f.remote.connections, 1);
	advance(&f, 2 * MINUTE);
	until_attempts(&f, 2);
	e = entry(&f);
	assert_in_range(e->next_ms - clock_wall_ms(), 9 * MINUTE, 11 * MINUTE);
	f.remote.n_rules = 0;
	advance(&f, 12 * MINUTE);
	RIG_UNTIL(f.rig, !entry(&f));
	assert_int_equal(f.remote.messages, 1);
	end(&f);
}

static void
a_flush_does_not_wait(void **state)
{
	static const struct remote_rule busy[] = { { "RCPT", "451 4.7.1 later\r\n" } };
	struct fixture f;
	begin(&f, state);
	REMOTE_RULES(&f.remote, busy);
	smtp_start(f.rig->smtp);
	submit(&f, "<x@far.example>");
	until_attempts(&f, 1);
	f.remote.n_rules = 0;
	smtp_queue_flush(f.rig->smtp);
	RIG_UNTIL(f.rig, !entry(&f));
	assert_int_equal(f.remote.messages, 1);
	end(&f);
}

static void
a_refused_recipient_bounces_and_the_others_go(void **state)
{
	static const struct remote_rule rules[] = {
		{ "RCPT TO:<x@", "550 5.1.1 who?\r\n" },
		{ "RCPT TO:<y@", "451 4.2.1 wait\r\n" }
	};
	struct fixture f;
	struct rig_peer p;
	begin(&f, state);
	REMOTE_RULES(&f.remote, rules);
	smtp_start(f.rig->smtp);
	peer_ready(&p, f.rig, SMTP_DOOR_SUBMIT);
	peer_say(&p, "MAIL FROM:<alice@example.org>\r\n", "250");
	peer_say(&p, "RCPT TO:<x@far.example>\r\n", "250");
	peer_say(&p, "RCPT TO:<y@far.example>\r\n", "250");
	peer_say(&p, "RCPT TO:<z@far.example>\r\n", "250");
	peer_say(&p, "DATA\r\n", "354");
	peer_say(&p, "Subject: x\r\n\r\n.\r\n", "250");
	peer_close(&p);
	until_attempts(&f, 1);
	struct store_queue_entry *e = entry(&f);
	assert_int_equal(e->n_rcpts, 1);
	assert_true(span_is(e->rcpts[0].address, "y@far.example"));
	assert_int_equal(rig_count(f.rig, f.rig->alice, STORE_ROLE_INBOX), 1);
	const char *bounce = rig_mail(f.rig, f.rig->alice, STORE_ROLE_INBOX, 0);
	assert_non_null(strstr(bounce, "Final-Recipient: rfc822; x@far.example\r\n"));
	assert_non_null(strstr(bounce, "Diagnostic-Code: smtp; 550 5.1.1 who?\r\n"));
	assert_null(strstr(bounce, "z@far.example"));
	f.remote.n_rules = 0;
	advance(&f, HOUR);
	RIG_UNTIL(f.rig, !entry(&f));
	assert_int_equal(f.remote.messages, 2);
	end(&f);
}

static void
a_late_mail_is_told_once_and_given_up_at_its_end(void **state)
{
	static const struct remote_rule busy[] = { { "MAIL", "451 4.7.1 later\r\n" } };
	struct fixture f;
	begin(&f, state);
	f.rig->smtp->conf.delay_warn_ms = HOUR;
	f.rig->smtp->conf.queue_life_ms = 3 * HOUR;
	f.rig->smtp->conf.retry_max_ms = 30 * MINUTE;
	REMOTE_RULES(&f.remote, busy);
	smtp_start(f.rig->smtp);
	submit(&f, "<x@far.example>");
	until_attempts(&f, 1);
	struct store_queue_entry *e;
	while ((e = entry(&f))) {
		uint32_t before = e->attempts;
		int64_t age = clock_wall_ms() - START_MS;
		size_t told = rig_count(f.rig, f.rig->alice, STORE_ROLE_INBOX);
		assert_int_equal(told, age >= (int64_t)HOUR ? 1 : 0);
		assert_true(age <= 3 * (int64_t)HOUR);
		advance(&f, (uint64_t)(e->next_ms - clock_wall_ms()) + 1);
		RIG_UNTIL(f.rig, !(e = entry(&f)) || (e->attempts > before && !e->lease));
	}
	assert_in_range(clock_wall_ms() - START_MS, 3 * HOUR, 3 * HOUR + MINUTE);
	assert_int_equal(rig_count(f.rig, f.rig->alice, STORE_ROLE_INBOX), 2);
	const char *warning = rig_mail(f.rig, f.rig->alice, STORE_ROLE_INBOX, 0);
	assert_non_null(strstr(warning, "Action: delayed\r\n"));
	const char *bounce = rig_mail(f.rig, f.rig->alice, STORE_ROLE_INBOX, 1);
	assert_non_null(strstr(bounce, "Action: failed\r\nStatus: 4.4.7\r\n"));
	assert_non_null(strstr(bounce, "451 4.7.1 later"));
	end(&f);
}

static void
who_asked_for_silence_gets_it(void **state)
{
	static const struct remote_rule rules[] = { { "RCPT", "550 5.1.1 who?\r\n" } };
	struct fixture f;
	begin(&f, state);
	REMOTE_RULES(&f.remote, rules);
	smtp_start(f.rig->smtp);
	submit(&f, "<x@far.example> NOTIFY=NEVER");
	RIG_UNTIL(f.rig, !entry(&f));
	assert_int_equal(rig_count(f.rig, f.rig->alice, STORE_ROLE_INBOX), 0);
	end(&f);
}

static void
who_asked_for_success_hears_of_a_server_that_will_not_tell(void **state)
{
	struct fixture f;
	begin(&f, state);
	smtp_start(f.rig->smtp);
	submit(&f, "<x@far.example> NOTIFY=SUCCESS");
	RIG_UNTIL(f.rig, f.remote.messages == 1 && !entry(&f));
	assert_int_equal(rig_count(f.rig, f.rig->alice, STORE_ROLE_INBOX), 1);
	assert_non_null(strstr(rig_mail(f.rig, f.rig->alice, STORE_ROLE_INBOX, 0),
	                       "Action: relayed\r\n"));
	end(&f);
}

static void
a_held_entry_is_not_tried(void **state)
{
	struct fixture f;
	begin(&f, state);
	submit(&f, "<x@far.example>");
	uint64_t id = entry(&f)->id;
	assert_ok(store_queue_hold(f.rig->store, id, true));
	smtp_start(f.rig->smtp);
	for (int i = 0; i < 50; i++)
		rig_turn(f.rig);
	RIG_UNTIL(f.rig, !jobs_pending(f.rig->jobs));
	assert_int_equal(f.remote.connections, 0);
	assert_ok(store_queue_hold(f.rig->store, id, false));
	RIG_UNTIL(f.rig, !entry(&f));
	assert_int_equal(f.remote.messages, 1);
	end(&f);
}

static void
mail_of_ours_in_the_queue_is_delivered_here(void **state)
{
	struct fixture f;
	struct store_content *content;
	struct store_queue_rcpt to[] = { { .address = SPAN("bob@example.org") },
		                         { .address = SPAN("gone@example.org") } };
	struct store_queue_entry e = { .sender = SPAN("alice@example.org"),
		                       .hop = SPAN("example.org"),
		                       .rcpts = to,
		                       .n_rcpts = 2 };
	begin(&f, state);
	e.queued_ms = e.next_ms = clock_wall_ms();
	assert_ok(store_content_new(f.rig->store, SPAN("Subject: held\r\n\r\n"), SPAN(""),
	                            &content));
	assert_ok(store_queue_add(f.rig->store, &e, 1, content));
	store_content_free(content);
	smtp_start(f.rig->smtp);
	RIG_UNTIL(f.rig, !entry(&f));
	assert_string_equal(rig_mail(f.rig, f.rig->bob, STORE_ROLE_INBOX, 0),
	                    "Return-Path: <alice@example.org>\r\nSubject: held\r\n\r\n");
	assert_non_null(strstr(rig_mail(f.rig, f.rig->alice, STORE_ROLE_INBOX, 0),
	                       "Final-Recipient: rfc822; gone@example.org\r\n"));
	assert_int_equal(f.remote.connections, 0);
	end(&f);
}

static void
no_more_connections_are_made_than_allowed(void **state)
{
	struct fixture f;
	size_t n = 5;
	begin(&f, state);
	f.rig->smtp->conf.queue_parallel = 1;
	for (int i = 0; i < 5; i++)
		submit(&f, "<x@far.example>");
	smtp_start(f.rig->smtp);
	/* The remote takes one connection at a time: a second would wait unanswered. */
	while (n) {
		rig_turn(f.rig);
		rig_queue(f.rig, &n);
	}
	assert_int_equal(f.remote.messages, 5);
	assert_int_equal(f.remote.connections, 5);
	end(&f);
}

static void
stopping_in_the_middle_loses_nothing(void **state)
{
	struct fixture f;
	begin(&f, state);
	f.remote.greeting = "";
	smtp_start(f.rig->smtp);
	submit(&f, "<x@far.example>");
	RIG_UNTIL(f.rig, f.remote.connections == 1);
	rig_stop(f.rig);
	assert_non_null(entry(&f));
	f.remote.greeting = "220 remote\r\n";
	rig_start(f.rig);
	smtp_start(f.rig->smtp);
	RIG_UNTIL(f.rig, !entry(&f));
	assert_int_equal(f.remote.messages, 1);
	end(&f);
}

/* The database was away when it was to be noted. */
static void
what_was_sent_and_not_noted_is_not_sent_again(void **state)
{
	for (unsigned n = 1; n <= 4; n++) {
		struct fixture f;
		begin(&f, state);
		smtp_start(f.rig->smtp);
		submit(&f, "<x@far.example>");
		RIG_UNTIL(f.rig, f.remote.messages == 1);
		engine_fail_after(n);
		RIG_UNTIL(f.rig, !engine_fail_pending());
		while (entry(&f)) {
			clock_fake_advance(1000);
			rig_turn(f.rig);
		}
		assert_int_equal(f.remote.messages, 1);
		rig_stop(f.rig);
		remote_close(&f.remote);
		clock_fake_stop();
	}
}

#define QUEUE_TEST(f) cmocka_unit_test_setup_teardown(f, rig_setup, teardown)

int
main(void)
{
	log_setup(LOG_LEVEL_WARN, LOG_FORMAT_LOGFMT, LOG_TARGET_STDERR);
	const struct CMUnitTest tests[] = {
		QUEUE_TEST(what_is_queued_goes_out_at_once),
		QUEUE_TEST(what_lay_there_before_the_start_goes_out_too),
		QUEUE_TEST(a_dead_process_lease_does_not_hold_the_next_up),
		cmocka_unit_test(pauses_double_up_to_the_longest),
		QUEUE_TEST(a_server_that_is_busy_is_asked_again_later),
		QUEUE_TEST(a_flush_does_not_wait),
		QUEUE_TEST(a_refused_recipient_bounces_and_the_others_go),
		QUEUE_TEST(a_late_mail_is_told_once_and_given_up_at_its_end),
		QUEUE_TEST(who_asked_for_silence_gets_it),
		QUEUE_TEST(who_asked_for_success_hears_of_a_server_that_will_not_tell),
		QUEUE_TEST(a_held_entry_is_not_tried),
		QUEUE_TEST(mail_of_ours_in_the_queue_is_delivered_here),
		QUEUE_TEST(no_more_connections_are_made_than_allowed),
		QUEUE_TEST(stopping_in_the_middle_loses_nothing),
		QUEUE_TEST(what_was_sent_and_not_noted_is_not_sent_again),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
