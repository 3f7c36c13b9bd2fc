/* SPDX-License-Identifier: ISC
 *
 * test_imap_session.c - sessions against a real store: signing in, order of commands,
 * limits, the end.
 */
#include <unistd.h>

#include "base/mem.h"
#include "push/push_private.h"
#include "tests/fake/busy_jobs.h"
#include "tests/fake/mem_used.h"
#include "tests/unit/imap_fixture.h"

static void
a_greeting_tells_what_can_be_done_before_sign_in(void **state)
{
	struct imap_fixture *f = *state;
	struct imap_client c;

	imap_client_open(&c, &f->rig);
	expect(imap_client_line(&c), "* OK [CAPABILITY IMAP4rev1 IMAP4rev2", "SASL-IR",
	       "LITERAL+", "AUTH=PLAIN", "]");
	const char *s = imap_client_do(&c, "CAPABILITY");
	expect(s, "* CAPABILITY IMAP4rev1", "AUTH=PLAIN", "t1 OK ");
	expect_no(s, "IDLE");
	expect_no(s, "LOGINDISABLED");
	expect(imap_client_do(&c, "SELECT INBOX"), "t2 BAD ");
	expect(imap_client_do(&c, "LOGOUT"), "* BYE ", "t3 OK ");
	assert_null(imap_client_line(&c));
	imap_client_close(&c);
}

static void
a_wrong_password_is_refused_and_the_right_one_taken(void **state)
{
	struct imap_fixture *f = *state;
	struct imap_client c;

	imap_client_open(&c, &f->rig);
	imap_client_line(&c);
	expect(imap_client_do(&c, "LOGIN alice@example.org wrong"),
	       "t1 NO [AUTHENTICATIONFAILED] ");
	expect(imap_client_do(&c, "LOGIN \"alice@example.org\" {10+}\r\nwonderland"),
	       "t2 OK [CAPABILITY ", "IDLE", "] ");
	expect(imap_client_do(&c, "LOGIN a b"), "t3 BAD ");
	imap_client_close(&c);
}

static void
authenticate_plain_takes_its_message_at_once_or_after_a_plus(void **state)
{
	struct imap_fixture *f = *state;
	/* NUL alice@example.org NUL wonderland */
	static const char plain[] = "AGFsaWNlQGV4YW1wbGUub3JnAHdvbmRlcmxhbmQ=";
	struct imap_client c;

	imap_client_open(&c, &f->rig);
	imap_client_line(&c);
	expect(imap_client_do(&c, "AUTHENTICATE PLAIN %s", plain), "t1 OK ");
	imap_client_close(&c);
	imap_client_open(&c, &f->rig);
	imap_client_line(&c);
	imap_client_send(&c, "a AUTHENTICATE PLAIN\r\n");
	assert_string_equal(imap_client_line(&c), "+ ");
	imap_client_send(&c, "*\r\n");
	expect(imap_client_line(&c), "a BAD ");
	imap_client_send(&c, "b AUTHENTICATE PLAIN\r\n");
	assert_string_equal(imap_client_line(&c), "+ ");
	imap_client_send(&c, "!!\r\n");
	expect(imap_client_line(&c), "b BAD ");
	imap_client_send(&c, "c AUTHENTICATE PLAIN\r\n");
	assert_string_equal(imap_client_line(&c), "+ ");
	imap_client_send(&c, plain);
	imap_client_send(&c, "\r\n");
	expect(imap_client_line(&c), "c OK ");
	imap_client_close(&c);
}

static void
nobody_signs_in_for_another(void **state)
{
	struct imap_fixture *f = *state;
	struct imap_client c;

	imap_client_open(&c, &f->rig);
	imap_client_line(&c);
	/* bob NUL alice@example.org NUL wonderland */
	expect(imap_client_do(&c, "AUTHENTICATE PLAIN "
	                          "Ym9iAGFsaWNlQGV4YW1wbGUub3JnAHdvbmRlcmxhbmQ="),
	       "t1 NO [AUTHORIZATIONFAILED]");
	imap_client_close(&c);
}

static void
without_tls_there_is_no_sign_in(void **state UNUSED)
{
	struct imap_rig rig;
	struct imap_client c;

	imap_rig_conf(&rig);
	rig.conf.plaintext_login = false;
	imap_rig_start(&rig);
	imap_client_open(&c, &rig);
	const char *s = imap_client_line(&c);
	expect(s, "LOGINDISABLED");
	expect_no(s, "AUTH=PLAIN");
	expect(imap_client_do(&c, "LOGIN alice@example.org wonderland"),
	       "t1 NO [PRIVACYREQUIRED]");
	expect(imap_client_do(&c, "AUTHENTICATE PLAIN"), "t2 NO [PRIVACYREQUIRED]");
	expect(imap_client_do(&c, "STARTTLS"), "t3 BAD ");
	imap_client_close(&c);
	imap_rig_stop(&rig);
}

static void
pipelined_commands_are_answered_in_their_order(void **state)
{
	struct imap_fixture *f = *state;
	char tag[16];

	imap_client_send(&f->a, "a1 SELECT INBOX\r\na2 APPEND INBOX {5+}\r\nA: b\n\r\n"
	                        "a3 NOOP\r\na4 FETCH 1 (UID)\r\na5 BOGUS\r\n"
	                        "a6 SEARCH ALL\r\na7 NAMESPACE\r\na8 CLOSE\r\n");
	for (int want = 1; want <= 8;) {
		const char *line = imap_client_line(&f->a);
		assert_non_null(line);
		snprintf(tag, sizeof(tag), "a%d ", want);
		if (line[0] != 'a')
			continue;
		expect(line, tag, want == 5 ? "BAD" : "OK");
		want++;
	}
}

static void
a_client_may_wait_before_each_literal(void **state)
{
	struct imap_fixture *f = *state;

	imap_client_send(&f->a, "a APPEND {5}\r\n");
	expect(imap_client_line(&f->a), "+ ");
	imap_client_send(&f->a, "INBOX (\\Seen) {6}\r\n");
	expect(imap_client_line(&f->a), "+ ");
	imap_client_send(&f->a, "A: b\r\n\r\n");
	expect(imap_client_line(&f->a), "a OK [APPENDUID ");
}

static void
a_literal_over_the_limit_is_refused_and_the_session_goes_on(void **state)
{
	struct imap_fixture *f = *state;

	imap_client_send(&f->a, "a APPEND INBOX {99999999}\r\n");
	expect(imap_client_line(&f->a), "a NO [TOOBIG]");
	imap_client_send(&f->a, "b CREATE {2000000}\r\n");
	expect(imap_client_line(&f->a), "b NO [TOOBIG]");
	expect(imap_client_do(&f->a, "NOOP"), "OK");
}

static void
many_bad_commands_end_the_session(void **state)
{
	struct imap_fixture *f = *state;
	struct imap_client c;
	int answers = 0;

	imap_client_open(&c, &f->rig);
	imap_client_line(&c);
	imap_client_send(
		&c, "GET / HTTP/1.1\r\nHost: x\r\nA: b\r\nC: d\r\nE: f\r\nG: h\r\n\r\n");
	const char *line;
	bool bye = false;
	while ((line = imap_client_line(&c))) {
		answers++;
		bye |= strstr(line, "* BYE ") != NULL;
	}
	assert_true(bye);
	assert_true(answers <= 6);
	imap_client_close(&c);
}

static void
one_user_has_so_many_connections_and_no_more(void **state UNUSED)
{
	struct imap_rig rig;
	struct imap_client a, b, c;

	imap_rig_conf(&rig);
	rig.conf.connections_user_max = 2;
	imap_rig_start(&rig);
	imap_client_login(&a, &rig);
	imap_client_login(&b, &rig);
	imap_client_open(&c, &rig);
	imap_client_line(&c);
	expect(imap_client_do(&c, "LOGIN %s %s", IMAP_RIG_USER, IMAP_RIG_PASSWORD),
	       "t1 NO [LIMIT] ");
	imap_client_do(&b, "LOGOUT");
	assert_null(imap_client_line(&b));
	/* The server has let go of b when c's second try is read: same loop, in order. */
	expect(imap_client_do(&c, "LOGIN %s %s", IMAP_RIG_USER, IMAP_RIG_PASSWORD),
	       "t2 OK ");
	imap_client_close(&a);
	imap_client_close(&b);
	imap_client_close(&c);
	imap_rig_stop(&rig);
}

static void
drain_one(void *arg)
{
	struct imap_rig *r = arg;

	imap_drain(r->imap, loops_at(r->loops, 0), 0);
}

static void
draining_says_bye_to_idle_sessions(void **state)
{
	struct imap_fixture *f = *state;

	imap_client_do(&f->a, "SELECT INBOX");
	imap_client_send(&f->b, "b IDLE\r\n");
	expect(imap_client_line(&f->b), "+ ");
	imap_rig_call(&f->rig, drain_one, &f->rig);
	expect(imap_client_line(&f->a), "* BYE ");
	assert_null(imap_client_line(&f->a));
	expect(imap_client_line(&f->b), "* BYE ");
	assert_null(imap_client_line(&f->b));
}

static void
who_is_shut_out_is_told_bye(void **state)
{
	struct imap_fixture *f = *state;
	struct imap_client c;

	imap_client_login(&c, &f->rig);
	imap_client_do(&f->b, "SELECT INBOX");
	imap_client_send(&f->b, "b IDLE\r\n");
	expect(imap_client_line(&f->b), "+ ");
	imap_client_send(&c, "c IDLE\r\n"); /* without a mailbox */
	expect(imap_client_line(&c), "+ ");
	assert_int_equal(
		mdm_set_password(f->rig.mdm, SPAN("alice@example.org"), SPAN("other")),
		RC_OK);
	/* At once; then the one that is between commands. */
	expect(imap_client_line(&f->b), "* BYE Signed out");
	assert_null(imap_client_line(&f->b));
	expect(imap_client_line(&c), "* BYE Signed out");
	assert_null(imap_client_line(&c));
	imap_client_send(&f->a, "a SELECT INBOX\r\n");
	expect(imap_client_line(&f->a), "* BYE Signed out");
	assert_null(imap_client_line(&f->a));
	imap_client_close(&c);
}

/* What a comparison with the store would wake: nobody, once the sessions have looked. */
static void
wait_until_all_is_seen(struct imap_fixture *f)
{
	const struct timespec nap = { .tv_nsec = 1000000 };
	uint64_t modseq;

	assert_int_equal(store_modseqs(f->rig.store, &f->rig.user, 1, &modseq), RC_OK);
	assert_true(push_waiting(f->rig.push) > 0);
	while (push_wake_behind(f->rig.push, f->rig.user, modseq) > 0)
		nanosleep(&nap, NULL);
}

static void
an_idle_session_says_how_far_it_has_seen(void **state)
{
	struct imap_fixture *f = *state;
	const char *line;

	imap_client_do(&f->b, "SELECT INBOX");
	imap_client_send(&f->b, "b IDLE\r\n");
	expect(imap_client_line(&f->b), "+ ");
	wait_until_all_is_seen(f);
	expect(imap_client_append(&f->a, "INBOX", "()", SPAN("Subject: x\r\n\r\nx\r\n")),
	       "OK");
	while (!strstr(line = imap_client_line(&f->b), "1 EXISTS"))
		assert_non_null(line);
	wait_until_all_is_seen(f);
}

static void
nothing(void *arg UNUSED)
{
}

/* Signs in, idles, and forgets what the client's side has allocated. */
static void
idle(struct imap_fixture *f, struct imap_client *c)
{
	imap_client_login(c, &f->rig);
	imap_client_do(c, "SELECT INBOX");
	imap_client_send(c, "b IDLE\r\n");
	expect(imap_client_line(c), "+ ");
	wait_until_all_is_seen(f);
	imap_rig_call(&f->rig, nothing, NULL); /* behind the end of the job */
	buf_done(&c->in);
	free(c->answer);
	c->answer = NULL;
}

static void
an_idle_session_is_small(void **state)
{
	enum { ROUNDS = 5, EACH = 6 };
	static struct imap_client clients[ROUNDS * EACH];
	struct imap_fixture *f = *state;
	size_t least = SIZE_MAX;

	for (int i = 0; i < 30; i++)
		imap_add(&f->a, "INBOX", "()", "one of many");
	/* The least of some rounds: caches and tables grow now and then. */
	for (int round = 0; round < ROUNDS; round++) {
		size_t before = mem_used(), more;

		for (int i = 0; i < EACH; i++)
			idle(f, &clients[round * EACH + i]);
		more = mem_used() - before;
		if (more < least)
			least = more;
	}
	print_message("%zu bytes each\n", least / EACH);
	/* Without TLS; a little above what it is. */
	assert_in_range(least / EACH, 800, 2000);
	for (int i = 0; i < ROUNDS * EACH; i++)
		imap_client_close(&clients[i]);
}

static void
a_busy_server_turns_newcomers_away(void **state)
{
	struct imap_fixture *f = *state;
	struct busy_jobs busy;
	struct imap_client c;

	jobs_set_busy(f->rig.jobs, 1);
	busy_jobs_begin(&busy, f->rig.jobs, 2);
	while (jobs_busy(f->rig.jobs) == 0)
		sched_yield();
	imap_client_open(&c, &f->rig);
	expect(imap_client_line(&c), "* BYE [UNAVAILABLE] ");
	assert_null(imap_client_line(&c));
	imap_client_close(&c);
	busy_jobs_end(&busy);
	/* Who was in already is served. */
	expect(imap_client_do(&f->a, "NOOP"), "t2 OK ");
}

static bool
in_answer(const char *answer, const char *bytes, size_t n)
{
	return memmem(answer, strlen(answer), bytes, n) != NULL;
}

static void
what_was_appended_comes_out_byte_for_byte(void **state)
{
	struct imap_fixture *f = *state;
	static const char raw[] =
		"Subject: x\n\nbare LF\nand \r\nCRLF\r, 8-bit \xe4\xff end";
	size_t n = sizeof(raw) - 1;

	expect(imap_client_append(&f->a, "INBOX",
	                          "(\\Flagged foo) \"17-Jul-1996 02:44:25 -0700\"",
	                          span_of(raw, n)),
	       "OK [APPENDUID ");
	imap_client_do(&f->a, "SELECT INBOX");
	const char *s = imap_client_do(&f->a, "FETCH 1 (BODY.PEEK[] FLAGS INTERNALDATE)");
	assert_true(in_answer(s, raw, n));
	expect(s, "\"17-Jul-1996 09:44:25 +0000\"");
	expect(s, "FLAGS (\\Flagged foo)");
	expect(imap_client_do(&f->a, "FETCH 1 BODY.PEEK[]<7.6>"),
	       "BODY[]<7> {6}\r\n: x\n\nb)\r\n");
}

static void
a_message_larger_than_a_slice_comes_whole(void **state)
{
	struct imap_fixture *f = *state;
	size_t n = 3000000;
	char *raw = xmalloc(n + 1);
	for (size_t i = 0; i < n; i++)
		raw[i] = i % 78 == 77 ? '\n' : (char)('a' + i * 7 / 78 % 26);
	memcpy(raw, "A: b\r\n\r\n", 8);
	raw[n] = '\0';

	expect(imap_client_append(&f->a, "INBOX", "()", span_of(raw, n)),
	       "OK [APPENDUID ");
	imap_client_do(&f->a, "SELECT INBOX");
	const char *s = imap_client_do(&f->a, "FETCH 1 (UID BODY.PEEK[] FLAGS)");
	expect(s, "* 1 FETCH (UID 1 BODY[] {3000000}\r\n", " FLAGS ())\r\n", " OK ");
	assert_memory_equal(strstr(s, "}\r\n") + 3, raw, n);
	s = imap_client_do(&f->a,
	                   "FETCH 1 (BODY.PEEK[TEXT]<1000000.300000> BINARY.PEEK[1])");
	expect(s, "BODY[TEXT]<1000000> {300000}\r\n");
	assert_memory_equal(strstr(s, "}\r\n") + 3, raw + 1000008, 300000);
	free(raw);
}

static void
a_client_that_vanishes_in_a_long_answer_is_forgotten(void **state)
{
	struct imap_fixture *f = *state;
	char *raw = xmalloc(2000000);
	memset(raw, 'x', 2000000);

	imap_client_append(&f->a, "INBOX", "()", span_of(raw, 2000000));
	free(raw);
	imap_client_do(&f->b, "SELECT INBOX");
	for (int i = 0; i < 5; i++)
		imap_client_send(&f->b, "x FETCH 1 BODY.PEEK[]\r\n");
	imap_client_line(&f->b);
	close(f->b.fd);
	f->b.fd = -1;
	/* The server notices when it writes; the rig's stop counts the connections. */
	expect(imap_client_do(&f->a, "NOOP"), "OK");
}

static void
enable_names_what_it_knows(void **state)
{
	struct imap_fixture *f = *state;

	expect(imap_client_do(&f->a, "ENABLE X-FOO CONDSTORE utf8=accept"),
	       "* ENABLED CONDSTORE UTF8=ACCEPT\r\n", "OK");
	expect(imap_client_do(&f->a, "ENABLE X-FOO"), "* ENABLED\r\n", "OK");
	expect(imap_client_do(&f->a, "ID (\"name\" \"x\" \"version\" NIL)"),
	       "* ID (\"name\" \"Godwit\"", "OK");
	expect(imap_client_do(&f->a, "ID NIL"), "* ID (", "OK");
	expect(imap_client_do(&f->a, "ID (\"name\")"), "BAD");
	expect(imap_client_do(&f->a, "NAMESPACE"),
	       "* NAMESPACE ((\"\" \"/\")) NIL NIL\r\n", "OK");
}

#define T(name)                                                                          \
	cmocka_unit_test_setup_teardown(name, imap_fixture_setup, imap_fixture_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_greeting_tells_what_can_be_done_before_sign_in),
		T(a_wrong_password_is_refused_and_the_right_one_taken),
		T(authenticate_plain_takes_its_message_at_once_or_after_a_plus),
		T(nobody_signs_in_for_another),
		cmocka_unit_test(without_tls_there_is_no_sign_in),
		T(pipelined_commands_are_answered_in_their_order),
		T(a_client_may_wait_before_each_literal),
		T(a_literal_over_the_limit_is_refused_and_the_session_goes_on),
		T(many_bad_commands_end_the_session),
		cmocka_unit_test(one_user_has_so_many_connections_and_no_more),
		T(draining_says_bye_to_idle_sessions),
		T(who_is_shut_out_is_told_bye),
		T(an_idle_session_says_how_far_it_has_seen),
		T(an_idle_session_is_small),
		T(a_busy_server_turns_newcomers_away),
		T(what_was_appended_comes_out_byte_for_byte),
		T(a_message_larger_than_a_slice_comes_whole),
		T(a_client_that_vanishes_in_a_long_answer_is_forgotten),
		T(enable_names_what_it_knows),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
