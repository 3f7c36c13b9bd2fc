/* SPDX-License-Identifier: ISC
 *
 * test_eas_gather.c - ConversationMode: whole conversations come where one of their mails
 * stands in the window, and go with it.
 */
#include "activesync/eas_gather.h"
#include "tests/unit/eas_fixture.h"

#define NOW EAS_NOW

/* A mail of the conversation that the mail <root@x> began. */
static uint32_t
letter(struct eas_fixture *f, int64_t age_days, const char *root, const char *text)
{
	return eas_mail_raw(f, f->inbox, clock_wall_ms() - age_days * EAS_DAY,
	                    span_str(arena_printf(f->a,
	                                          "From: b@example.net\r\n"
	                                          "Subject: %s\r\n"
	                                          "Message-ID: <%s-%s@x>\r\n"
	                                          "References: <%s@x>\r\n\r\n"
	                                          "Body of %s.\r\n",
	                                          text, root, text, root, text)));
}

#define MODE(on) "<ConversationMode>" on "</ConversationMode>"
#define WEEK                                                                             \
	"<Options><FilterType>3</FilterType><BodyPreference xmlns=\"AirSyncBase\">"      \
	"<Type>1</Type><Preview>50</Preview></BodyPreference></Options>"

/* Subjects of the Adds of the last answer, each behind a '|'. */
static const char *
subjects(struct eas_fixture *f)
{
	const char *s = "";

	for (size_t i = 0; *eas_value(f, "Subject", i); i++)
		s = arena_printf(f->a, "%s|%s", s, eas_value(f, "Subject", i));
	return s;
}

/* The key of a device that has all, with the mode on. */
static char *
settled(struct eas_fixture *f)
{
	char *key;

	eas_sync(f, f->inbox, "0", "");
	key = eas_key(f);
	eas_sync(f, f->inbox, key, "<GetChanges/>" MODE("1") WEEK);
	return f->xml[0] != '\0' ? eas_key(f) : key;
}

static char *
next(struct eas_fixture *f, const char *key, const char *inner)
{
	eas_sync(f, f->inbox, key, inner);
	return f->xml[0] != '\0' ? eas_key(f) : arena_strdup(f->a, key);
}

static void
a_conversation_comes_whole_when_one_of_it_is_in_the_window(void **state)
{
	struct eas_fixture *f = *state;
	char *key;

	letter(f, 30, "a", "a1");
	letter(f, 20, "b", "b1");
	letter(f, 9, "a", "a2");
	letter(f, 1, "a", "a3");
	letter(f, 2, "c", "c1");
	key = settled(f);
	assert_string_equal(subjects(f), "|c1|a3|a2|a1");
	next(f, key, "<GetChanges/>");
	assert_string_equal(f->xml, "");
	/* Without the mode, as ever. */
	f->device = "PHONE2";
	eas_sync(f, f->inbox, "0", "");
	eas_sync(f, f->inbox, eas_key(f), "<GetChanges/>" WEEK);
	assert_string_equal(subjects(f), "|c1|a3");
	/* Before 14.0 there is no such thing. */
	f->device = "PHONE3";
	f->version = 121;
	settled(f);
	assert_string_equal(subjects(f), "|c1|a3");
}

static void
what_lies_before_the_window_has_a_preview_and_no_body(void **state)
{
	struct eas_fixture *f = *state;

	letter(f, 30, "a", "a1");
	letter(f, 1, "a", "a2");
	settled(f);
	assert_has(f, "<Data>Body of a2.");
	assert_has_not(f, "<Data>Body of a1.");
	assert_has(f, "<Truncated>1</Truncated><Preview>Body of a1.</Preview>");
	/* Nobody asked for a form of the body. */
	f->device = "PHONE2";
	eas_sync(f, f->inbox, "0", "");
	eas_sync(f, f->inbox, eas_key(f),
	         "<GetChanges/>" MODE("1") "<Options><FilterType>3</FilterType>"
	                                   "<MIMESupport>2</MIMESupport></Options>");
	assert_int_equal(eas_count(f, "<Add>"), 2);
	assert_int_equal(eas_count(f, "<Data>"), 1);
}

static void
new_mail_brings_the_old_of_its_conversation(void **state)
{
	struct eas_fixture *f = *state;
	char *key;

	letter(f, 30, "a", "a1");
	letter(f, 25, "a", "a2");
	key = settled(f);
	assert_string_equal(subjects(f), "");
	letter(f, 0, "a", "a3");
	key = next(f, key, "<GetChanges/>");
	assert_string_equal(subjects(f), "|a3|a2|a1");
	/* What is changed of it is told, and so is what is deleted. */
	eas_set_flags(f, f->inbox, 1, STORE_FLAG_SEEN, 0);
	key = next(f, key, "<GetChanges/>");
	assert_has(f, arena_printf(f->a, "<Change><ServerId>%u:1</ServerId>", f->inbox));
	eas_expunge(f, f->inbox, 2);
	key = next(f, key, "<GetChanges/>");
	assert_has(f, arena_printf(f->a, "<Delete><ServerId>%u:2</ServerId>", f->inbox));
	/* The one that held it is gone. */
	eas_expunge(f, f->inbox, 3);
	next(f, key, "<GetChanges/>");
	assert_has(f, arena_printf(f->a, "<Delete><ServerId>%u:3</ServerId>", f->inbox));
	assert_has(f,
	           arena_printf(f->a, "<SoftDelete><ServerId>%u:1</ServerId>", f->inbox));
}

static void
it_comes_in_windows_and_again_when_the_answer_was_lost(void **state)
{
	struct eas_fixture *f = *state;
	char *key;

	for (int i = 1; i <= 4; i++)
		letter(f, 30, "a", arena_printf(f->a, "a%d", i));
	key = settled(f);
	letter(f, 0, "a", "a5");
	eas_sync(f, f->inbox, key, "<GetChanges/><WindowSize>2</WindowSize>");
	assert_string_equal(subjects(f), "|a5|a4");
	assert_has(f, "<MoreAvailable/>");
	key = next(f, key, "<GetChanges/><WindowSize>2</WindowSize>");
	assert_string_equal(subjects(f), "|a5|a4");
	eas_sync(f, f->inbox, key, "<GetChanges/><WindowSize>2</WindowSize>");
	assert_string_equal(subjects(f), "|a3|a2");
	key = next(f, key, "<GetChanges/><WindowSize>2</WindowSize>");
	assert_string_equal(subjects(f), "|a3|a2");
	key = next(f, key, "<GetChanges/><WindowSize>2</WindowSize>");
	assert_string_equal(subjects(f), "|a1");
	assert_has_not(f, "<MoreAvailable/>");
	next(f, key, "<GetChanges/>");
	assert_string_equal(f->xml, "");
}

static void
a_conversation_leaves_as_a_whole(void **state)
{
	struct eas_fixture *f = *state;
	char *key;

	letter(f, 6, "a", "a1");
	letter(f, 4, "a", "a2");
	letter(f, 6, "b", "b1");
	key = settled(f);
	assert_int_equal(eas_count(f, "<Add>"), 3);
	clock_fake_advance(2 * EAS_DAY);
	key = next(f, key, "<GetChanges/>"); /* a1 stays for a2 */
	assert_int_equal(eas_count(f, "<SoftDelete>"), 1);
	assert_has(f,
	           arena_printf(f->a, "<SoftDelete><ServerId>%u:3</ServerId>", f->inbox));
	eas_set_flags(f, f->inbox, 1, STORE_FLAG_SEEN, 0);
	key = next(f, key, "<GetChanges/>");
	assert_has(f, arena_printf(f->a, "<Change><ServerId>%u:1</ServerId>", f->inbox));
	clock_fake_advance(3 * EAS_DAY);
	next(f, key, "<GetChanges/>");
	assert_int_equal(eas_count(f, "<SoftDelete>"), 2);
}

static void
the_mode_stays_until_it_is_turned_off(void **state)
{
	struct eas_fixture *f = *state;
	char *key;

	letter(f, 30, "a", "a1");
	letter(f, 1, "a", "a2");
	key = settled(f);
	key = next(f, key, "<GetChanges/>" WEEK);
	assert_string_equal(f->xml, "");
	key = next(f, key, "<GetChanges/>" MODE("0"));
	assert_has(f,
	           arena_printf(f->a, "<SoftDelete><ServerId>%u:1</ServerId>", f->inbox));
	assert_int_equal(eas_count(f, "<SoftDelete>"), 1);
	key = next(f, key, "<GetChanges/>" MODE("1"));
	assert_string_equal(subjects(f), "|a1");
	/* With no filter all is there: nothing comes twice. */
	next(f, key, "<GetChanges/><Options><FilterType>0</FilterType></Options>");
	assert_has_not(f, "<Add>");
	assert_has_not(f, "<SoftDelete>");
}

#define ESTIMATE                                                                         \
	"<GetItemEstimate xmlns=\"GetItemEstimate\"><Collections><Collection>"           \
	"<SyncKey xmlns=\"AirSync\">%s</SyncKey><CollectionId>%u</CollectionId>%s"       \
	"<Options xmlns=\"AirSync\"><FilterType>3</FilterType></Options></Collection>"   \
	"</Collections></GetItemEstimate>"
#define ESTIMATE_MODE(on) "<ConversationMode xmlns=\"AirSync\">" on "</ConversationMode>"

static void
an_estimate_counts_whole_conversations(void **state)
{
	struct eas_fixture *f = *state;
	char *key;

	letter(f, 30, "a", "a1");
	letter(f, 20, "b", "b1");
	letter(f, 9, "a", "a2");
	letter(f, 1, "a", "a3");
	eas_sync(f, f->inbox, "0", "");
	key = arena_strdup(f->a, eas_key(f));
	eas_runf(f, "GetItemEstimate", ESTIMATE, key, f->inbox, "");
	assert_has(f, "<Estimate>1</Estimate>");
	eas_runf(f, "GetItemEstimate", ESTIMATE, key, f->inbox, ESTIMATE_MODE("1"));
	assert_has(f, "<Response><Status>1</Status>");
	assert_has(f, "<Estimate>3</Estimate>");
	key = settled(f);
	eas_runf(f, "GetItemEstimate", ESTIMATE, key, f->inbox, "");
	assert_has(f, "<Estimate>0</Estimate>");
	eas_runf(f, "GetItemEstimate", ESTIMATE, key, f->inbox, ESTIMATE_MODE("0"));
	assert_has(f, "<Estimate>2</Estimate>"); /* to be taken away */
	letter(f, 0, "b", "b2");
	eas_runf(f, "GetItemEstimate", ESTIMATE, key, f->inbox, "");
	assert_has(f, "<Estimate>2</Estimate>");
	key = next(f, key, "<GetChanges/>");
	assert_string_equal(subjects(f), "|b2|b1");
	/* a1 and a2 stay in the days in which only a3 is left; then all three go. */
	clock_fake_advance(3 * EAS_DAY);
	eas_runf(f, "GetItemEstimate", ESTIMATE, key, f->inbox, "");
	assert_has(f, "<Estimate>0</Estimate>");
	clock_fake_advance(4 * EAS_DAY);
	eas_runf(f, "GetItemEstimate", ESTIMATE, key, f->inbox, "");
	assert_has(f, "<Estimate>3</Estimate>");
}

static void
old_mail_that_is_moved_in_wakes_a_ping(void **state)
{
	struct eas_fixture *f = *state;
	struct store_actor who = { .protocol = "imap" };
	struct store_tx *tx;
	uint32_t uid, old;
	char *key;

	letter(f, 1, "a", "a2");
	key = settled(f);
	old = eas_mail_raw(f, f->junk, clock_wall_ms() - 30 * EAS_DAY,
	                   SPAN("Subject: a1\r\nMessage-ID: <a@x>\r\n\r\nx\r\n"));
	f->can_wait = true;
	eas_runf(
		f, "Ping",
		"<Ping xmlns=\"Ping\"><HeartbeatInterval>600</HeartbeatInterval><Folders>"
		"<Folder><Id>%u</Id><Class>Email</Class></Folder></Folders></Ping>",
		f->inbox);
	assert_true(f->waiting);
	assert_ok(store_write(f->store, f->user, &who, &tx));
	assert_ok(store_item_move(tx, f->junk, old, f->inbox, &uid));
	assert_ok(store_commit(&tx));
	eas_resume(f, "Ping");
	assert_has(f, "<Status>2</Status>");
	f->can_wait = false;
	next(f, key, "<GetChanges/>");
	assert_string_equal(subjects(f), "|a1");
}

static void
the_list_is_kept_in_the_row_and_nowhere_else(void **state)
{
	struct eas_fixture *f = *state;
	AUTO_DONE(buf) struct buf plain = BUF_INIT(0);
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);
	struct eas_cursor cur, back;

	eas_cursor_start(&cur, 7);
	eas_cursor_write(&cur, &plain);
	cur.gathers = true;
	cur.gathered_upto = 99;
	cur.gathered_from = -5;
	cur.edge_gathers = true;
	for (uint32_t i = 0; i < 300; i++)
		eas_gather_add(&cur, 1 + (i * 7919) % 1000, f->a);
	eas_gather_drop(&cur, 1);
	eas_gather_drop(&cur, 1); /* which is not there any more */
	eas_cursor_write(&cur, &b);
	assert_ok(eas_cursor_read(buf_span(&b), f->a, &back));
	assert_true(back.gathers);
	assert_int_equal(back.gathered_upto, 99);
	assert_int_equal(back.gathered_from, -5);
	assert_true(back.edge_gathers);
	assert_int_equal(back.n_gathered, 299);
	for (uint32_t i = 1; i < 300; i++)
		assert_true(eas_gather_has(&back, 1 + (i * 7919) % 1000));
	/* What is cut off is known by it, but where the part of the list begins. */
	for (size_t cut = buf_len(&plain) + 9; cut < buf_len(&b); cut++)
		assert_rc(eas_cursor_read(span_of(b.p, cut), f->a, &back), RC_INVALID);
	/* A device that does not ask for it has a row as ever. */
	assert_ok(eas_cursor_read(buf_span(&plain), f->a, &back));
	assert_false(back.gathers);
}

int
main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, eas_setup, eas_teardown)
	const struct CMUnitTest tests[] = {
		CASE(a_conversation_comes_whole_when_one_of_it_is_in_the_window),
		CASE(what_lies_before_the_window_has_a_preview_and_no_body),
		CASE(new_mail_brings_the_old_of_its_conversation),
		CASE(it_comes_in_windows_and_again_when_the_answer_was_lost),
		CASE(a_conversation_leaves_as_a_whole),
		CASE(the_mode_stays_until_it_is_turned_off),
		CASE(an_estimate_counts_whole_conversations),
		CASE(old_mail_that_is_moved_in_wakes_a_ping),
		CASE(the_list_is_kept_in_the_row_and_nowhere_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
