/* SPDX-License-Identifier: ISC
 *
 * test_smtp_group.c - one message to many users of ours: queued, then written in slices,
 * once to each, and other mail in between.
 */
#include "base/clock.h"
#include "base/mem.h"
#include "smtp/smtp_group.h"
#include "smtp/smtp_private.h"
#include "store/engine/engine.h"
#include "store/store_directory.h"
#include "tests/fake/smtp_rig.h"

#define MEMBERS 150 /* more than two slices on each of two shards */
#define START_MS 1700000000000

struct group {
	struct smtp_rig *rig;
	uint64_t member[MEMBERS];
	size_t n;
};

static void
make_members(struct group *g, struct smtp_rig *r, size_t n)
{
	char name[40];
	g->rig = r;
	g->n = n;
	for (size_t i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "m%03zu@example.org", i);
		g->member[i] = rig_user(r, name);
		assert_ok(store_alias_add(r->store, SPAN("all@example.org"),
		                          span_str(name)));
	}
}

static void
send_to(struct smtp_rig *r, const char *rcpt, const char *answer)
{
	struct rig_peer p;
	char *line = xasprintf("RCPT TO:<%s>\r\n", rcpt);
	peer_ready(&p, r, SMTP_DOOR_RECEIVE);
	peer_say(&p, "MAIL FROM:<x@far.example>\r\n", "250");
	peer_say(&p, line, answer);
	if (answer[0] == '2') {
		peer_say(&p, "DATA\r\n", "354");
		peer_say(&p, "Subject: to all\r\n\r\nHello\r\n.\r\n", "250");
	}
	peer_close(&p);
	free(line);
}

static size_t
entries(struct smtp_rig *r)
{
	size_t n;
	(void)rig_queue(r, &n);
	return n;
}

static void
each_has(struct group *g, size_t want)
{
	for (size_t i = 0; i < g->n; i++)
		assert_int_equal(rig_count(g->rig, g->member[i], STORE_ROLE_INBOX), want);
}

static void
a_large_group_is_queued_before_its_250_and_written_after(void **state)
{
	struct smtp_rig *r = *state;
	struct group g;
	struct store_queue_entry *list;
	size_t n, members = 0;
	make_members(&g, r, MEMBERS);
	/* Groups within the group, and members of several. */
	assert_ok(store_alias_add(r->store, SPAN("world@example.org"),
	                          SPAN("all@example.org")));
	assert_ok(store_alias_add(r->store, SPAN("world@example.org"),
	                          SPAN("both@example.org")));
	assert_ok(store_alias_add(r->store, SPAN("world@example.org"),
	                          SPAN("m007@example.org")));
	rig_start(r);
	send_to(r, "world@example.org", "250");
	list = rig_queue(r, &n);
	assert_in_range(n, 4, 6);
	for (size_t i = 0; i < n; i++) {
		assert_true(span_is(list[i].rcpts[0].address, "world@example.org"));
		assert_in_range(list[i].n_members, 1, SMTP_GROUP_SLICE);
		assert_true(list[i].token == list[0].token && list[0].token != 0);
		members += list[i].n_members;
	}
	assert_int_equal(members, MEMBERS + 2);
	each_has(&g, 0);
	smtp_start(r->smtp);
	RIG_UNTIL(r, entries(r) == 0);
	each_has(&g, 1);
	assert_int_equal(rig_count(r, r->alice, STORE_ROLE_INBOX), 1);
	assert_int_equal(rig_count(r, r->bob, STORE_ROLE_INBOX), 1);
	const char *mail = rig_mail(r, g.member[100], STORE_ROLE_INBOX, 0);
	assert_true(
		span_starts(span_str(mail), "Return-Path: <x@far.example>\r\nReceived:"));
	assert_non_null(strstr(mail, "\r\n\r\nHello\r\n"));
}

static void
a_few_get_it_before_the_250(void **state)
{
	struct smtp_rig *r = *state;
	struct group g;
	make_members(&g, r, 10);
	r->conf.direct_max = 10;
	rig_start(r);
	send_to(r, "all@example.org", "250");
	each_has(&g, 1);
	assert_int_equal(entries(r), 0);
}

/* What the process before has done and did not come to note. */
static void
a_slice_written_before_a_crash_is_not_written_again(void **state)
{
	struct smtp_rig *r = *state;
	struct store_content *content = NULL;
	struct store_delivery d[SMTP_GROUP_SLICE];
	struct store_queue_entry e;
	struct group g;
	int64_t next;
	make_members(&g, r, 20);
	r->conf.direct_max = 2;
	rig_start(r);
	send_to(r, "all@example.org", "250");
	assert_ok(store_queue_lease(r->store, true, clock_wall_ms(), 3600000, r->a, &e,
	                            &next));
	assert_ok(store_queue_content_get(r->store, e.id, &content));
	for (size_t i = 0; i < e.n_members; i++)
		d[i] = (struct store_delivery){ .user = e.members[i],
			                        .folder = STORE_ROLE_INBOX,
			                        .token = e.token };
	assert_ok(store_deliver(r->store, content, NULL, 1, d, e.n_members / 2));
	store_content_free(content);
	rig_stop(r);
	rig_start(r);
	smtp_start(r->smtp);
	RIG_UNTIL(r, entries(r) == 0);
	each_has(&g, 1);
}

static void
a_member_who_is_gone_does_not_hold_the_others_up(void **state)
{
	struct smtp_rig *r = *state;
	struct group g;
	make_members(&g, r, 20);
	r->conf.direct_max = 2;
	rig_start(r);
	send_to(r, "all@example.org", "250");
	assert_ok(store_user_remove(r->store, SPAN("m004@example.org")));
	smtp_start(r->smtp);
	RIG_UNTIL(r, entries(r) == 0);
	assert_int_equal(rig_count(r, g.member[3], STORE_ROLE_INBOX), 1);
	assert_int_equal(rig_count(r, g.member[5], STORE_ROLE_INBOX), 1);
}

static void
lmtp_answers_for_the_whole_group(void **state)
{
	struct smtp_rig *r = *state;
	struct group g;
	struct rig_peer p;
	make_members(&g, r, 20);
	r->conf.direct_max = 2;
	rig_start(r);
	peer_ready(&p, r, SMTP_DOOR_LMTP);
	peer_say(&p, "MAIL FROM:<x@far.example>\r\n", "250");
	peer_say(&p, "RCPT TO:<all@example.org>\r\n", "250");
	peer_say(&p, "RCPT TO:<alice@example.org>\r\n", "250");
	peer_say(&p, "DATA\r\n", "354");
	peer_say(&p, "Subject: x\r\n\r\n.\r\n", "250");
	peer_expect(&p, "250");
	peer_close(&p);
	smtp_start(r->smtp);
	RIG_UNTIL(r, entries(r) == 0);
	each_has(&g, 1);
	assert_int_equal(rig_count(r, r->alice, STORE_ROLE_INBOX), 1);
}

/* --- a failure anywhere --- */

static int
teardown_clock(void **state)
{
	engine_fail_after(0);
	clock_fake_stop();
	return rig_teardown(state);
}

static void
whatever_fails_each_member_gets_it_once(void **state)
{
	struct smtp_rig *r = *state;
	struct group g;
	bool failed = true;
	size_t sent = 0;
	clock_fake_start(START_MS);
	make_members(&g, r, 5);
	r->conf.direct_max = 2;
	rig_start(r);
	smtp_start(r->smtp);
	for (unsigned n = 1; failed; n += 1 + n / 8) {
		struct mail_submit_request q = {
			.user = r->alice,
			.sender = SPAN("alice@example.org"),
			.rcpts = &SPAN("all@example.org"),
			.n_rcpts = 1,
			.message = SPAN("Subject: x\r\n\r\n"),
			.protocol = "test",
		};
		struct err err;
		/* Nothing turns the loop, so only the message's own way is counted. */
		assert_ok(smtp_submit(r->smtp, &q, &err));
		sent++;
		engine_fail_after(n);
		uint64_t start = rig_real_ms();
		for (;;) {
			rig_turn(r);
			assert_true(rig_real_ms() - start < 20000);
			if (jobs_pending(r->jobs)) {
				clock_fake_advance(1); /* bulk waits for calm */
				continue;
			}
			failed = !engine_fail_pending();
			if (failed)
				engine_fail_after(0);
			if (failed && entries(r) == 0)
				break;
			if (!failed) {
				engine_fail_after(0);
				if (entries(r) == 0)
					break;
				engine_fail_after(1000000);
			}
			clock_fake_advance(130000); /* over every lease and pause */
		}
		engine_fail_after(0);
		each_has(&g, sent);
	}
	assert_true(sent > 20);
}

/* --- the turn of others --- */

struct order {
	struct smtp_rig *rig;
	pthread_mutex_t lock;
	char text[64]; /* a letter for each commit: slice, other */
	size_t n;
};

static void
write_to_alice(void *arg)
{
	struct order *o = arg;
	struct store_delivery d = { .user = o->rig->alice, .folder = STORE_ROLE_INBOX };
	struct store_content *content = NULL;
	assert_ok(store_content_new(o->rig->store, SPAN("x"), SPAN(""), &content));
	assert_ok(store_deliver(o->rig->store, content, NULL, 1, &d, 1));
	store_content_free(content);
}

static void
on_commit(const struct store_moved *moved, size_t n, void *arg)
{
	struct order *o = arg;
	bool alice = n == 1 && moved->user == o->rig->alice;
	pthread_mutex_lock(&o->lock);
	if (o->n < sizeof(o->text) - 1)
		o->text[o->n++] = alice ? 'a' : 'S';
	pthread_mutex_unlock(&o->lock);
	if (!alice) /* while the slice's job still runs */
		job_submit(o->rig->jobs, 7, write_to_alice, o);
}

static void
other_mail_has_its_turn_between_two_slices(void **state)
{
	struct smtp_rig *r = *state;
	struct order o = { .rig = r, .lock = PTHREAD_MUTEX_INITIALIZER };
	struct group g;
	size_t slices, steps = 0;
	clock_fake_start(START_MS); /* no time passes: nothing is late */
	make_members(&g, r, MEMBERS);
	jobs_free(r->jobs);
	assert_ok(jobs_new(1, &r->jobs));
	rig_start(r);
	send_to(r, "all@example.org", "250");
	const struct store_queue_entry *list = rig_queue(r, &slices);
	for (size_t i = 0; i < slices; i++)
		steps += (list[i].n_members + SMTP_GROUP_STEP - 1) / SMTP_GROUP_STEP;
	store_on_commit(r->store, on_commit, &o);
	smtp_start(r->smtp);
	RIG_UNTIL(r, entries(r) == 0 && jobs_pending(r->jobs) == 0);
	assert_int_equal(o.n, 2 * steps);
	for (size_t i = 0; i < o.n; i++)
		assert_int_equal(o.text[i], i % 2 ? 'a' : 'S');
	store_on_commit(r->store, NULL, NULL);
	each_has(&g, 1);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_large_group_is_queued_before_its_250_and_written_after),
		TEST(a_few_get_it_before_the_250),
		TEST(a_slice_written_before_a_crash_is_not_written_again),
		TEST(a_member_who_is_gone_does_not_hold_the_others_up),
		TEST(lmtp_answers_for_the_whole_group),
		cmocka_unit_test_setup_teardown(whatever_fails_each_member_gets_it_once,
		                                rig_setup, teardown_clock),
		cmocka_unit_test_setup_teardown(
			other_mail_has_its_turn_between_two_slices, rig_setup,
			teardown_clock),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
