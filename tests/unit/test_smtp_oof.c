/* SPDX-License-Identifier: ISC
 *
 * test_smtp_oof.c - automatic replies: which mail gets one, what it says, and that each
 * sender gets one.
 */
#include "base/clock.h"
#include "base/mem.h"
#include "format/mime_text.h"
#include "smtp/smtp_oof.h"
#include "store/store_directory.h"
#include "tests/fake/smtp_rig.h"

#define START_MS INT64_C(1795300000000)

/* -- the rules -- */

static const char *
refused(struct smtp_rig *r, const char *sender, const char *header)
{
	const struct span own[] = { SPAN("alice@example.org"), SPAN("ally@example.org") };

	return smtp_oof_refusal(span_str(sender), span_str(header), own, 2, r->a);
}

static void
a_letter_from_a_person_is_answered(void **state)
{
	static const char *const good[] = {
		"To: alice@example.org\r\nSubject: x\r\n\r\n",
		"To: Alice <ALICE@Example.Org>\r\n\r\n",
		"To: x@far.example\r\nCc: \"A, B\" <y@far.example>,\r\n"
		" ally@example.org\r\n\r\n",
		"Resent-To: alice+shop@example.org\r\n\r\n",
		"To: alice@example.org\r\nAuto-Submitted: no\r\n\r\n",
		"To: alice@example.org\r\nAuto-Submitted: No (really)\r\n\r\n",
		"To: alice@example.org\r\nPrecedence: first-class\r\n\r\n",
		"To: alice@example.org\r\nX-Auto-Response-Suppress: DR, RN\r\n\r\n",
	};

	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		const char *why = refused(*state, "x@far.example", good[i]);

		if (why)
			fail_msg("%s: %s", good[i], why);
	}
}

static void
what_a_machine_or_a_list_sent_is_not(void **state)
{
	static const char *const bad[] = {
		"Auto-Submitted: auto-generated\r\n",
		"auto-submitted: auto-replied; x=y\r\n",
		"Auto-Submitted: nonsense\r\n",
		"List-Id: <l.example.org>\r\n",
		"LIST-UNSUBSCRIBE: <mailto:x@y>\r\n",
		"Precedence: bulk\r\n",
		"Precedence: List\r\n",
		"X-Auto-Response-Suppress: DR, OOF\r\n",
		"X-Auto-Response-Suppress: all\r\n",
		"X-Spam-Flag: YES\r\n",
	};
	static const char *const senders[] = {
		"",
		"MAILER-DAEMON@far.example",
		"owner-list@far.example",
		"list-REQUEST@far.example",
		"listserv@far.example",
		"NoReply@far.example",
		"no-domain",
		"@far.example",
		"Alice@example.org",
	};
	struct smtp_rig *r = *state;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		const char *all =
			arena_printf(r->a, "To: alice@example.org\r\n%s\r\n", bad[i]);

		if (!refused(r, "x@far.example", all))
			fail_msg("%s is answered", bad[i]);
	}
	for (size_t i = 0; i < ARRAY_LEN(senders); i++) {
		if (!refused(r, senders[i], "To: alice@example.org\r\n\r\n"))
			fail_msg("<%s> is answered", senders[i]);
	}
}

static void
mail_that_does_not_name_the_user_is_not(void **state)
{
	assert_non_null(refused(*state, "x@far.example", "Subject: x\r\n\r\n"));
	assert_non_null(refused(*state, "x@far.example",
	                        "To: alice@far.example, malice@example.org\r\n\r\n"));
	assert_non_null(refused(*state, "x@far.example",
	                        "Subject: To: alice@example.org\r\n\r\n"));
}

/* -- what it looks like -- */

static char *
written(struct smtp_rig *r, const char *header, const struct store_oof_message *text,
        const char *name)
{
	struct smtp_oof_reply q = {
		.from = SPAN("alice@example.org"),
		.from_name = span_str(name),
		.to = SPAN("x@far.example"),
		.header = span_str(header),
		.text = text,
		.hostname = "mx.example.org",
		.now_ms = START_MS,
	};
	struct buf out = BUF_INIT(0);
	char *s, *copy;

	smtp_oof_write(&q, r->a, &out);
	s = buf_take_str(&out);
	copy = arena_strdup(r->a, s);
	free(s);
	return copy;
}

#define assert_text(s, needle)                                                           \
	do {                                                                             \
		if (!strstr((s), (needle)))                                              \
			fail_msg("%s is not in %s", (needle), (s));                      \
	} while (0)

static void
a_reply_says_what_it_is_and_to_what(void **state)
{
	const struct store_oof_message text = { .enabled = true,
		                                .text = SPAN("Gone\nfar") };
	char *s = written(*state,
	                  "Message-ID: <1@far.example>\r\nReferences: <a@b> junk\r\n"
	                  " <c@d>\r\nSubject: =?utf-8?B?R3LDvMOfZQ==?=\r\n\r\n",
	                  &text, "Alice Example");

	assert_text(s, "From: \"Alice Example\" <alice@example.org>\r\n");
	assert_text(s, "To: <x@far.example>\r\n");
	assert_text(s, "In-Reply-To: <1@far.example>\r\n");
	assert_text(s, "References: <a@b>\r\n <c@d>\r\n <1@far.example>\r\n");
	assert_text(s, "Auto-Submitted: auto-replied\r\n");
	assert_text(s, "X-Auto-Response-Suppress: All\r\n");
	/* "Automatic reply: Grüße" */
	assert_text(s, "Subject: =?UTF-8?B?QXV0b21hdGljIHJlcGx5OiBHcsO8w59l?=\r\n");
	/* "Gone\r\nfar\r\n" */
	assert_text(s, "\r\n\r\nR29uZQ0KZmFyDQo=\r\n");
}

static void
a_hostile_header_cannot_put_one_into_the_reply(void **state)
{
	const struct store_oof_message text = { .enabled = true, .text = SPAN("x") };
	char *s = written(*state,
	                  "Message-ID: <a b@far.example>\r\n"
	                  "Subject: =?utf-8?Q?a=0D=0ABcc:_all@example.org?=\r\n\r\n",
	                  &text, "\"Eve\r\nBcc: y@z\"");

	assert_null(strstr(s, "\nBcc:"));
	assert_null(strstr(s, "In-Reply-To"));
	assert_null(strstr(s, "References"));
}

static void
html_comes_with_its_text(void **state)
{
	const struct store_oof_message text = { .enabled = true,
		                                .is_html = true,
		                                .text = SPAN("<b>Gone</b>") };
	char *s = written(*state, "\r\n", &text, "");

	assert_text(s, "From: <alice@example.org>\r\n");
	assert_text(s, "Subject: Automatic reply:\r\n");
	assert_text(s, "Content-Type: multipart/alternative;");
	assert_text(s, "Content-Type: text/plain; charset=utf-8\r\n");
	assert_text(s, "\r\n\r\nPGI+R29uZTwvYj4NCg==\r\n");
}

/* -- at delivery -- */

static void
set_oof(struct smtp_rig *r, uint64_t user, const char *internal, const char *known,
        const char *unknown)
{
	const char *const texts[] = { internal, known, unknown };
	struct store_oof o = { .state = STORE_OOF_ON };
	AUTO(store_tx)
	struct store_tx *tx = NULL;

	for (size_t i = 0; i < STORE_OOF_AUDIENCES; i++)
		o.message[i] = (struct store_oof_message){ .enabled = texts[i] != NULL,
			                                   .text = span_str(texts[i]) };
	assert_ok(store_write(r->store, user, NULL, &tx));
	assert_ok(store_oof_save(tx, &o));
	assert_ok(store_commit(&tx));
}

static void
start(struct smtp_rig *r)
{
	mime_text_init();
	clock_fake_start(START_MS);
	rig_start(r);
}

static void
mail(struct smtp_rig *r, const char *from, const char *to, const char *header)
{
	struct rig_peer p;

	peer_ready(&p, r, SMTP_DOOR_RECEIVE);
	peer_say(&p, arena_printf(r->a, "MAIL FROM:<%s>\r\n", from), "250");
	peer_say(&p, arena_printf(r->a, "RCPT TO:<%s>\r\n", to), "250");
	peer_say(&p, "DATA\r\n", "354");
	peer_say(&p, arena_printf(r->a, "%s\r\n\r\nHello\r\n.\r\n", header), "250");
	peer_close(&p);
}

/* The replies that wait to leave, and the last one's text. */
static size_t
waiting(struct smtp_rig *r, const char **ret)
{
	size_t n;
	struct store_queue_entry *list = rig_queue(r, &n);
	struct buf text = BUF_INIT(0);
	char *s;

	if (n > 0)
		assert_ok(store_queue_content(r->store, list[n - 1].id, &text));
	s = buf_take_str(&text);
	*ret = arena_strdup(r->a, s ? s : "");
	free(s);
	return n;
}

static void
who_has_it_off_answers_nobody(void **state)
{
	struct smtp_rig *r = *state;
	const char *text;

	start(r);
	mail(r, "x@far.example", "alice@example.org", "To: alice@example.org");
	assert_int_equal(rig_count(r, r->alice, STORE_ROLE_INBOX), 1);
	assert_int_equal(waiting(r, &text), 0);
}

static void
a_foreign_sender_gets_one_reply_through_the_queue(void **state)
{
	struct smtp_rig *r = *state;
	const char *text;

	set_oof(r, r->alice, "in", "out", "out");
	start(r);
	mail(r, "X@Far.Example", "alice@example.org",
	     "To: alice@example.org\r\nMessage-ID: <7@far.example>");
	assert_int_equal(waiting(r, &text), 1);
	assert_text(text, "To: <X@Far.Example>\r\n");
	assert_text(text, "In-Reply-To: <7@far.example>\r\n");
	assert_text(text, "\r\n\r\nb3V0DQo=\r\n");
	size_t n;
	assert_int_equal(rig_queue(r, &n)[0].sender.n, 0);
	mail(r, "x@far.example", "alice@example.org", "To: alice@example.org");
	assert_int_equal(rig_count(r, r->alice, STORE_ROLE_INBOX), 2);
	assert_int_equal(waiting(r, &text), 1);
	mail(r, "y@far.example", "ally@example.org", "To: ally@example.org");
	assert_int_equal(waiting(r, &text), 2);
}

static void
after_the_period_or_with_another_text_it_comes_again(void **state)
{
	struct smtp_rig *r = *state;
	const char *text;

	r->conf.reply_again_ms = 3600000;
	set_oof(r, r->alice, "in", "out", "out");
	start(r);
	mail(r, "x@far.example", "alice@example.org", "To: alice@example.org");
	set_oof(r, r->alice, "in", "still out", "still out");
	mail(r, "x@far.example", "alice@example.org", "To: alice@example.org");
	assert_int_equal(waiting(r, &text), 2);
	clock_fake_advance(3599999);
	mail(r, "x@far.example", "alice@example.org", "To: alice@example.org");
	assert_int_equal(waiting(r, &text), 2);
	clock_fake_advance(1);
	mail(r, "x@far.example", "alice@example.org", "To: alice@example.org");
	assert_int_equal(waiting(r, &text), 3);
}

static void
one_of_ours_gets_the_inner_text_at_once(void **state)
{
	struct smtp_rig *r = *state;
	const char *text;

	set_oof(r, r->alice, "inner", NULL, NULL);
	start(r);
	mail(r, "bob@example.org", "alice@example.org", "To: alice@example.org");
	assert_int_equal(waiting(r, &text), 0);
	assert_int_equal(rig_count(r, r->bob, STORE_ROLE_INBOX), 1);
	text = rig_mail(r, r->bob, STORE_ROLE_INBOX, 0);
	assert_true(span_starts(span_str(text), "Return-Path: <>\r\n"));
	assert_text(text, "Auto-Submitted: auto-replied\r\n");
	assert_text(text, "\r\n\r\naW5uZXINCg==\r\n");
	/* Others are told nothing. */
	mail(r, "x@far.example", "alice@example.org", "To: alice@example.org");
	assert_int_equal(waiting(r, &text), 0);
}

static void
two_who_are_away_do_not_answer_each_other(void **state)
{
	struct smtp_rig *r = *state;

	set_oof(r, r->alice, "a", "a", "a");
	set_oof(r, r->bob, "b", "b", "b");
	start(r);
	mail(r, "bob@example.org", "alice@example.org", "To: alice@example.org");
	assert_int_equal(rig_count(r, r->alice, STORE_ROLE_INBOX), 1);
	assert_int_equal(rig_count(r, r->bob, STORE_ROLE_INBOX), 1);
}

static void
add_contact(struct smtp_rig *r, uint64_t user, const char *vcard)
{
	AUTO(store_tx)
	struct store_tx *tx = NULL;
	AUTO(store_content)
	struct store_content *content = NULL;
	const struct store_item_new item = { .received_ms = 1 };
	struct store_collection c;
	uint32_t uid;

	assert_ok(store_content_new(r->store, span_str(vcard), SPAN(""), &content));
	assert_ok(store_write(r->store, user, NULL, &tx));
	assert_ok(store_collection_find_role(tx, STORE_ROLE_CONTACTS, r->a, &c));
	assert_ok(store_item_add(tx, c.id, content, &item, &uid, NULL));
	assert_ok(store_commit(&tx));
}

static void
who_stands_in_the_contacts_is_known(void **state)
{
	struct smtp_rig *r = *state;
	const char *text;

	set_oof(r, r->alice, "in", "dear friend", NULL);
	add_contact(r, r->alice,
	            "BEGIN:VCARD\r\nVERSION:4.0\r\nFN:Xaver\r\nNOTE:y@far.example\r\n"
	            "EMAIL;TYPE=home:xav\r\n er@Far.example\r\nEND:VCARD\r\n");
	start(r);
	mail(r, "y@far.example", "alice@example.org", "To: alice@example.org");
	assert_int_equal(waiting(r, &text), 0);
	mail(r, "xaver@far.example", "alice@example.org", "To: alice@example.org");
	assert_int_equal(waiting(r, &text), 1);
	assert_text(text, "\r\n\r\nZGVhciBmcmllbmQNCg==\r\n");
}

static void
mail_by_a_group_is_answered_by_who_is_named(void **state)
{
	struct smtp_rig *r = *state;
	const char *text;

	set_oof(r, r->alice, "a", "a", "a");
	start(r);
	mail(r, "x@far.example", "both@example.org", "To: both@example.org");
	assert_int_equal(rig_count(r, r->alice, STORE_ROLE_INBOX), 1);
	assert_int_equal(waiting(r, &text), 0);
	mail(r, "x@far.example", "both@example.org",
	     "To: both@example.org\r\nCc: alice@example.org");
	assert_int_equal(waiting(r, &text), 1);
}

static void
a_mailbox_sends_no_more_replies_than_its_limit(void **state)
{
	struct smtp_rig *r = *state;
	const char *text;

	r->conf.replies_max = 2;
	set_oof(r, r->alice, "a", "a", "a");
	start(r);
	for (int i = 0; i < 4; i++)
		mail(r, arena_printf(r->a, "x%d@far.example", i), "alice@example.org",
		     "To: alice@example.org");
	assert_int_equal(rig_count(r, r->alice, STORE_ROLE_INBOX), 4);
	assert_int_equal(waiting(r, &text), 2);
}

static void
a_large_group_answers_from_the_queue(void **state)
{
	struct smtp_rig *r = *state;
	const char *text;
	size_t n;

	r->conf.direct_max = 1;
	set_oof(r, r->alice, "a", "a", "a");
	start(r);
	mail(r, "x@far.example", "both@example.org",
	     "To: both@example.org\r\nCc: alice@example.org");
	smtp_start(r->smtp);
	RIG_UNTIL(r, (clock_is_fake() ? clock_fake_advance(1) : (void)0,
	              rig_count(r, r->alice, STORE_ROLE_INBOX) == 1));
	RIG_UNTIL(r, (rig_queue(r, &n), n == 1 && rig_queue(r, &n)[0].n_members == 0));
	(void)waiting(r, &text);
	assert_text(text, "To: <x@far.example>\r\n");
}

static int
tear_down(void **state)
{
	int rc = rig_teardown(state);

	clock_fake_stop();
	return rc;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define RIG_TEST(name) cmocka_unit_test_setup_teardown(name, rig_setup, tear_down)
		RIG_TEST(a_letter_from_a_person_is_answered),
		RIG_TEST(what_a_machine_or_a_list_sent_is_not),
		RIG_TEST(mail_that_does_not_name_the_user_is_not),
		RIG_TEST(a_reply_says_what_it_is_and_to_what),
		RIG_TEST(a_hostile_header_cannot_put_one_into_the_reply),
		RIG_TEST(html_comes_with_its_text),
		RIG_TEST(who_has_it_off_answers_nobody),
		RIG_TEST(a_foreign_sender_gets_one_reply_through_the_queue),
		RIG_TEST(after_the_period_or_with_another_text_it_comes_again),
		RIG_TEST(one_of_ours_gets_the_inner_text_at_once),
		RIG_TEST(two_who_are_away_do_not_answer_each_other),
		RIG_TEST(who_stands_in_the_contacts_is_known),
		RIG_TEST(mail_by_a_group_is_answered_by_who_is_named),
		RIG_TEST(a_mailbox_sends_no_more_replies_than_its_limit),
		RIG_TEST(a_large_group_answers_from_the_queue),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
