/* SPDX-License-Identifier: ISC
 *
 * test_eas_flags.c - the Email class: follow-up flags, categories, what a client may not
 * say of a mail, and what it is told of one.
 */
#include "base/encode.h"
#include "tests/unit/eas_fixture.h"

#define NOW EAS_NOW

/* A folder that the device has wholly; its key. */
static char *
synced(struct eas_fixture *f, uint32_t folder)
{
	char *key;

	eas_sync(f, folder, "0", EAS_OPTIONS_PLAIN);
	key = eas_key(f);
	eas_sync(f, folder, key, "");
	return f->xml[0] != '\0' ? eas_key(f) : key;
}

static const char *
change(struct eas_fixture *f, const char *key, uint32_t uid, const char *data)
{
	return eas_sync(
		f, f->inbox, key,
		arena_printf(f->a,
	                     "<Commands><Change><ServerId>%u:%u</ServerId>"
	                     "<ApplicationData>%s</ApplicationData></Change></Commands>",
	                     f->inbox, uid, data));
}

/* A new mail, changed by a new device: the answer. */
static const char *
change_fresh(struct eas_fixture *f, const char *data)
{
	uint32_t uid = eas_mail(f, f->inbox, NOW, "one");

	f->device = arena_printf(f->a, "PHONE%u", uid);
	change(f, synced(f, f->inbox), uid, data);
	return f->xml;
}

#define FLAG(v) "<Flag xmlns=\"Email\">" v "</Flag>"
#define TASK(name, v) "<" name " xmlns=\"Tasks\">" v "</" name ">"
#define ACTIVE "<Status>2</Status><FlagType>Flag for follow up</FlagType>"
#define MONDAY "2026-11-23T00:00:00.000Z"
#define FRIDAY "2026-11-27T00:00:00.000Z"
#define DATES(start, due)                                                                \
	TASK("StartDate", start)                                                         \
	TASK("UtcStartDate", start) TASK("DueDate", due) TASK("UtcDueDate", due)

/* What another device is told of the folder. */
static const char *
seen_by(struct eas_fixture *f, const char *device)
{
	f->device = device;
	synced(f, f->inbox);
	return f->xml;
}

static void
a_flag_comes_with_all_its_details(void **state)
{
	static const char *const told[] = {
		"<Flag><Status>2</Status><FlagType>Flag for follow up</FlagType>",
		"<Subject>call back</Subject>",
		"<DueDate>" FRIDAY "</DueDate>",
		"<UtcDueDate>" FRIDAY "</UtcDueDate>",
		"<StartDate>" MONDAY "</StartDate>",
		"<UtcStartDate>" MONDAY "</UtcStartDate>",
		"<ReminderSet>1</ReminderSet>",
		"<ReminderTime>" MONDAY "</ReminderTime>",
		"<OrdinalDate>" MONDAY "</OrdinalDate>",
		"<SubOrdinalDate>any string</SubOrdinalDate>",
	};
	struct eas_fixture *f = *state;

	change_fresh(f, FLAG(ACTIVE TASK("Subject", "call back") DATES(MONDAY, FRIDAY)
	                             TASK("ReminderSet", "1") TASK("ReminderTime", MONDAY)
	                                     TASK("OrdinalDate", MONDAY) TASK(
						     "SubOrdinalDate", "any string")));
	assert_has_not(f, "<Responses>");
	seen_by(f, "TABLET");
	for (size_t i = 0; i < ARRAY_LEN(told); i++)
		assert_has(f, told[i]);
}

static void
flags_that_contradict_get_status_6(void **state)
{
	static const char *const wrong[] = {
		FLAG("<Status>3</Status>"),
		FLAG("<Status>x</Status>"),
		/* Due before it starts. */
		FLAG(ACTIVE DATES(FRIDAY, MONDAY)),
		FLAG(ACTIVE TASK("StartDate", MONDAY) TASK("DueDate", FRIDAY)
		             TASK("UtcStartDate", FRIDAY) TASK("UtcDueDate", MONDAY)),
		/* Some of the four dates. */
		FLAG(ACTIVE TASK("StartDate", MONDAY) TASK("DueDate", FRIDAY)),
		FLAG(ACTIVE TASK("UtcDueDate", FRIDAY)),
		FLAG(ACTIVE DATES("soon", "later")),
		/* A reminder without its time. */
		FLAG(ACTIVE TASK("ReminderSet", "1")),
		FLAG(ACTIVE TASK("ReminderSet", "7")),
		FLAG(ACTIVE TASK("ReminderSet", "1") TASK("ReminderTime", "noon")),
	};
	struct eas_fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		change_fresh(f, wrong[i]);
		if (!strstr(f->xml, "<Responses><Change>") ||
		    !strstr(f->xml, "<Status>6</Status></Change>"))
			fail_msg("%s: %s", wrong[i], f->xml);
	}
	seen_by(f, "TABLET");
	assert_int_equal(eas_count(f, "<Flag/>"), ARRAY_LEN(wrong));
}

static void
flags_that_are_enough_are_taken(void **state)
{
	static const char *const right[] = {
		FLAG(ACTIVE),
		FLAG(ACTIVE DATES(MONDAY, FRIDAY)),
		FLAG(ACTIVE DATES(MONDAY, MONDAY)),
		FLAG(ACTIVE TASK("ReminderSet", "0")),
		FLAG(ACTIVE TASK("DateCompleted", FRIDAY) "<CompleteTime>" FRIDAY
		                                          "</CompleteTime>"),
		FLAG(ACTIVE TASK("Subject", "a task") DATES(MONDAY, FRIDAY)
		             TASK("ReminderSet", "0")),
		FLAG("<Status>2</Status>"),
	};
	struct eas_fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LEN(right); i++) {
		change_fresh(f, right[i]);
		if (strstr(f->xml, "<Responses>"))
			fail_msg("%s: %s", right[i], f->xml);
	}
	seen_by(f, "TABLET");
	assert_int_equal(eas_count(f, "<Flag>" ACTIVE), ARRAY_LEN(right));
}

static void
an_element_of_a_flag_twice_is_no_error(void **state)
{
	static const char *const twice[] = {
		FLAG(ACTIVE DATES(MONDAY, FRIDAY) TASK("DueDate", FRIDAY)),
		FLAG(ACTIVE DATES(MONDAY, FRIDAY) TASK("UtcDueDate", FRIDAY)),
		FLAG(ACTIVE DATES(MONDAY, FRIDAY) TASK("StartDate", MONDAY)),
		FLAG(ACTIVE DATES(MONDAY, FRIDAY) TASK("UtcStartDate", MONDAY)),
		FLAG(ACTIVE TASK("OrdinalDate", MONDAY) TASK("OrdinalDate", FRIDAY)),
		FLAG(ACTIVE TASK("SubOrdinalDate", "a") TASK("SubOrdinalDate", "b")),
		FLAG(ACTIVE TASK("ReminderSet", "0") TASK("ReminderSet", "0")),
		FLAG(ACTIVE TASK("ReminderSet", "1") TASK("ReminderTime", MONDAY)
		             TASK("ReminderTime", FRIDAY)),
		FLAG("<Status>2</Status>" ACTIVE),
	};
	struct eas_fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LEN(twice); i++) {
		change_fresh(f, twice[i]);
		if (strstr(f->xml, "<Responses>"))
			fail_msg("%s: %s", twice[i], f->xml);
	}
}

static void
a_flag_is_changed_completed_and_cleared(void **state)
{
	struct eas_fixture *f = *state;
	uint32_t uid = eas_mail(f, f->inbox, NOW, "one");
	char *key = synced(f, f->inbox);

	change(f, key, uid, FLAG(ACTIVE DATES(MONDAY, FRIDAY)));
	key = eas_key(f);
	change(f, key, uid, FLAG(ACTIVE TASK("Subject", "sooner") DATES(MONDAY, MONDAY)));
	key = eas_key(f);
	seen_by(f, "TABLET");
	assert_has(f, "<Subject>sooner</Subject>");
	assert_has(f, "<DueDate>" MONDAY "</DueDate>");
	/* Complete: the time that the client does not give is made. */
	f->device = "PHONE1";
	change(f, key, uid,
	       FLAG("<Status>1</Status><CompleteTime>" FRIDAY "</CompleteTime>"));
	key = eas_key(f);
	seen_by(f, "SECOND");
	assert_has(f, "<Flag><Status>1</Status>");
	assert_has(f, "<CompleteTime>" FRIDAY "</CompleteTime>"
	              "<DateCompleted>" FRIDAY "</DateCompleted>");
	f->device = "PHONE1";
	change(f, key, uid, FLAG("<Status>1</Status>"));
	key = eas_key(f);
	seen_by(f, "THIRD");
	assert_has(f, "<CompleteTime>2026-11-21T22:26:40.000Z</CompleteTime>"
	              "<DateCompleted>2026-11-21T22:26:40.000Z</DateCompleted>");
	f->device = "PHONE1";
	change(f, key, uid, FLAG(ACTIVE));
	change(f, eas_key(f), uid, FLAG("<Status>0</Status>"));
	key = eas_key(f);
	seen_by(f, "FOURTH");
	assert_has(f, "<Flag/>");
	f->device = "PHONE1";
	change(f, key, uid, FLAG(ACTIVE));
	change(f, eas_key(f), uid, FLAG(""));
	seen_by(f, "FIFTH");
	assert_has(f, "<Flag/>");
}

static void
categories_stay_unless_named_and_go_when_empty(void **state)
{
	struct eas_fixture *f = *state;
	uint32_t uid = eas_mail(f, f->inbox, NOW, "one");
	char *key = synced(f, f->inbox);

	assert_has(f, "<Flag/>");
	assert_has(f, "<Categories/>");
	change(f, key, uid,
	       "<Categories xmlns=\"Email\"><Category>Work</Category></Categories>");
	key = eas_key(f);
	change(f, key, uid, "<Read xmlns=\"Email\">1</Read>");
	key = eas_key(f);
	seen_by(f, "TABLET");
	assert_has(f, "<Categories><Category>Work</Category></Categories>");
	f->device = "PHONE1";
	change(f, key, uid, "<Categories xmlns=\"Email\"/>");
	seen_by(f, "SECOND");
	assert_has(f, "<Categories/>");
	assert_has_not(f, "<Category>");
}

static void
what_is_the_servers_gets_status_6_from_a_client(void **state)
{
	static const char *const wrong[] = {
		"<Sender xmlns=\"Email2\">eve@example.net</Sender>",
		"<ReceivedAsBcc xmlns=\"Email2\">1</ReceivedAsBcc>",
		"<ConversationId xmlns=\"Email2\" encoding=\"base64\">AAE=</ConversationId>",
		"<UmCallerID xmlns=\"Email2\">4711</UmCallerID>",
		"<UmUserNotes xmlns=\"Email2\">x</UmUserNotes>",
	};
	static const uint16_t versions[] = { 141, 161 };
	struct eas_fixture *f = *state;

	for (size_t v = 0; v < ARRAY_LEN(versions); v++) {
		f->version = versions[v];
		for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
			change_fresh(f, wrong[i]);
			if (!strstr(f->xml, "<Status>6</Status></Change>"))
				fail_msg("%s: %s", wrong[i], f->xml);
		}
	}
}

static void
changed_marks_are_told_without_the_rest(void **state)
{
	struct eas_fixture *f = *state;
	uint32_t uid = eas_mail(f, f->inbox, NOW, "one");
	char *key = synced(f, f->inbox), *tablet;

	f->device = "TABLET";
	tablet = synced(f, f->inbox);
	f->device = "PHONE1";
	change(f, key, uid,
	       "<Read xmlns=\"Email\">1</Read>" FLAG(
		       ACTIVE) "<Categories xmlns=\"Email\"><Category>Work</Category></Categories>");
	f->device = "TABLET";
	eas_sync(f, f->inbox, tablet, "");
	assert_has(f,
	           arena_printf(f->a,
	                        "<Commands><Change><ServerId>%u:%u</ServerId>"
	                        "<ApplicationData><Read>1</Read><Flag>" ACTIVE "</Flag>"
	                        "<Categories><Category>Work</Category></Categories>"
	                        "</ApplicationData></Change></Commands>",
	                        f->inbox, uid));
}

static void
sender_is_told_when_it_is_not_from(void **state)
{
	struct eas_fixture *f = *state;

	eas_mail_raw(f, f->inbox, NOW,
	             SPAN("From: Bob <bob@example.net>\r\nSender: bob@Example.NET\r\n"
	                  "Subject: x\r\n\r\nx\r\n"));
	synced(f, f->inbox);
	assert_has(f, "<From>Bob &lt;bob@example.net&gt;</From>");
	assert_has_not(f, "<Sender>");
	eas_expunge(f, f->inbox, 1);
	eas_mail_raw(f, f->inbox, NOW,
	             SPAN("From: Bob <bob@example.net>\r\nSubject: x\r\n\r\nx\r\n"));
	seen_by(f, "TABLET");
	assert_has_not(f, "<Sender>");
	eas_expunge(f, f->inbox, 2);
	eas_mail_raw(f, f->inbox, NOW,
	             SPAN("From: Bob <bob@example.net>\r\nSender: office@example.net\r\n"
	                  "Subject: x\r\n\r\nx\r\n"));
	seen_by(f, "SECOND");
	assert_has(f, "<Sender>office@example.net</Sender>");
	assert_has_not(f, "ReceivedAsBcc");
}

static void
several_addresses_are_told_apart(void **state)
{
	struct eas_fixture *f = *state;

	eas_mail_raw(f, f->inbox, NOW,
	             SPAN("From: Bob <bob@example.net>\r\n"
	                  "To: Ann <ann@example.org>, bo@example.org\r\n"
	                  "Cc: cy@example.org, Di <di@example.org>\r\n"
	                  "Reply-To: one@example.net, two@example.net\r\n"
	                  "Subject: x\r\n\r\nx\r\n"));
	synced(f, f->inbox);
	assert_has(f, "<To>Ann &lt;ann@example.org&gt;, bo@example.org</To>");
	assert_has(f, "<Cc>cy@example.org, Di &lt;di@example.org&gt;</Cc>");
	assert_has(f, "<DisplayTo>Ann;bo@example.org</DisplayTo>");
	assert_has(f, "<ReplyTo>one@example.net;two@example.net</ReplyTo>");
}

static void
reports_have_their_message_class(void **state)
{
	static const struct {
		const char *type, *class;
	} cases[] = {
		{ "multipart/report; report-type=delivery-status; boundary=b",
		  "REPORT.IPM.Note.NDR" },
		{ "multipart/report; report-type=disposition-notification; boundary=b",
		  "REPORT.IPM.Note.IPNRN" },
		{ "multipart/mixed; boundary=b", "IPM.Note" },
		{ "multipart/signed; boundary=b", "IPM.Note.SMIME.MultipartSigned" },
		{ "application/pkcs7-mime; smime-type=enveloped-data", "IPM.Note.SMIME" },
	};
	struct eas_fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const char *raw = arena_printf(
			f->a,
			"Subject: x\r\nMIME-Version: 1.0\r\nContent-Type: %s\r\n\r\n"
			"--b\r\nContent-Type: text/plain\r\n\r\nx\r\n--b--\r\n",
			cases[i].type);

		eas_mail_raw(f, f->inbox, NOW, span_str(raw));
		seen_by(f, arena_printf(f->a, "D%zu", i));
		assert_has(f, arena_printf(f->a, "<MessageClass>%s</MessageClass>",
		                           cases[i].class));
	}
}

/* The ConversationIndex of the only mail, in hexadecimal digits. */
static const char *
index_of(struct eas_fixture *f)
{
	AUTO_DONE(buf) struct buf raw = BUF_INIT(0);
	AUTO_DONE(buf) struct buf hex = BUF_INIT(0);
	const char *open = "<ConversationIndex encoding=\"base64\">";
	const char *at = strstr(f->xml, open);
	struct span text;

	assert_non_null(at);
	at += strlen(open);
	text = span_of(at, strcspn(at, "<"));
	assert_ok(base64_decode(text, &raw));
	hex_encode(buf_span(&raw), &hex);
	return arena_strndup(f->a, buf_span(&hex));
}

static void
a_conversations_index_grows_with_each_answer(void **state)
{
	struct eas_fixture *f = *state;
	const char *first;

	eas_mail(f, f->inbox, NOW, "one");
	synced(f, f->inbox);
	first = index_of(f);
	assert_int_equal(strlen(first), 10);
	/* The clock of it ticks every 1.7 seconds. */
	eas_expunge(f, f->inbox, 1);
	eas_mail(f, f->inbox, NOW + 10000, "two");
	seen_by(f, "TABLET");
	assert_true(strcmp(index_of(f), first) > 0);
	/* As Outlook hands it on: 01, five bytes of time, a GUID, five for each answer.
	 */
	eas_expunge(f, f->inbox, 2);
	eas_mail_raw(
		f, f->inbox, NOW,
		SPAN("Subject: x\r\nThread-Index: AQECAwQFAAECAwQFBgcICQoLDA0ODwoLDA0O"
	             "FBUWFxg=\r\n\r\nx\r\n"));
	seen_by(f, "SECOND");
	assert_string_equal(index_of(f), "01020304050a0b0c0d0e1415161718");
	/* One that is none is as if it were not there. */
	eas_expunge(f, f->inbox, 3);
	eas_mail_raw(f, f->inbox, NOW,
	             SPAN("Subject: x\r\nThread-Index: AQECAwQF\r\n\r\nx\r\n"));
	seen_by(f, "THIRD");
	assert_string_equal(index_of(f), first);
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, eas_setup, eas_teardown)
	const struct CMUnitTest tests[] = {
		T(a_flag_comes_with_all_its_details),
		T(flags_that_contradict_get_status_6),
		T(flags_that_are_enough_are_taken),
		T(an_element_of_a_flag_twice_is_no_error),
		T(a_flag_is_changed_completed_and_cleared),
		T(categories_stay_unless_named_and_go_when_empty),
		T(what_is_the_servers_gets_status_6_from_a_client),
		T(changed_marks_are_told_without_the_rest),
		T(sender_is_told_when_it_is_not_from),
		T(several_addresses_are_told_apart),
		T(reports_have_their_message_class),
		T(a_conversations_index_grows_with_each_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
