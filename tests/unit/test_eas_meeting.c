/* SPDX-License-Identifier: ISC
 *
 * test_eas_meeting.c - invitations by mail, and the user's answers to them.
 */
#include "format/mime_text.h"
#include "store/store_deliver.h"
#include "store/store_invite.h"
#include "tests/unit/eas_fixture.h"

#define BOSS "boss@example.com"
#define USER "alice@example.org"

#define OPTIONS                                                                          \
	"<Options><BodyPreference xmlns=\"AirSyncBase\"><Type>1</Type></BodyPreference>" \
	"</Options>"

#define HEAD(method)                                                                     \
	"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x//y//EN\r\nMETHOD:" method "\r\n"
#define TAIL "END:VCALENDAR\r\n"
#define PEOPLE                                                                           \
	"ORGANIZER;CN=Boss:mailto:" BOSS "\r\n"                                          \
	"ATTENDEE;RSVP=TRUE;PARTSTAT=NEEDS-ACTION:mailto:" USER "\r\n"                   \
	"ATTENDEE;PARTSTAT=ACCEPTED:mailto:ben@example.com\r\n"
#define EVENT(seq, stamp, day, hours, more)                                              \
	"BEGIN:VEVENT\r\nUID:u1\r\nSEQUENCE:" seq "\r\nDTSTAMP:" stamp "\r\n"            \
	"DTSTART:202612" day "T" hours "0000Z\r\nDTEND:202612" day "T" hours             \
	"3000Z\r\nSUMMARY:Tides\r\nLOCATION:Pier\r\n" more "END:VEVENT\r\n"
#define SINGLE HEAD("REQUEST") EVENT("0", "20261101T000000Z", "01", "09", PEOPLE) TAIL
#define SERIES                                                                           \
	HEAD("REQUEST")                                                                  \
	EVENT("0", "20261101T000000Z", "01", "09",                                       \
	      "RRULE:FREQ=WEEKLY;BYDAY=TU;COUNT=4\r\n" PEOPLE)                           \
	TAIL

static char *
mail_of(struct eas_fixture *f, const char *from, const char *method, const char *calendar)
{
	return arena_printf(
		f->a,
		"From: %s\r\nTo: " USER "\r\nSubject: Tides\r\nMIME-Version: 1.0\r\n"
		"Content-Type: multipart/alternative; boundary=b\r\n\r\n"
		"--b\r\nContent-Type: text/plain\r\n\r\nsee the calendar\r\n"
		"--b\r\nContent-Type: text/calendar; charset=utf-8; method=%s\r\n\r\n"
		"%s\r\n--b--\r\n",
		from, method, calendar);
}

/* By SMTP's way, so that the calendar hears of it. */
static uint32_t
receive(struct eas_fixture *f, const char *from, const char *method, const char *calendar)
{
	AUTO(store_content)
	struct store_content *content = NULL;
	struct store_actor who = { .protocol = "smtp" };
	struct store_delivery d = { .user = f->user, .folder = STORE_ROLE_INBOX };

	assert_ok(store_content_new_mail(
		f->store, span_str(mail_of(f, from, method, calendar)), &content));
	assert_ok(store_deliver(f->store, content, &who, EAS_NOW, &d, 1));
	return d.uid;
}

static char *
synced(struct eas_fixture *f, uint32_t folder)
{
	char *key;

	eas_sync(f, folder, "0", OPTIONS);
	key = eas_key(f);
	eas_sync(f, folder, key, "");
	return f->xml[0] != '\0' ? eas_key(f) : key;
}

static struct pim_event *
event(struct eas_fixture *f)
{
	AUTO(store_tx)
	struct store_tx *tx = NULL;
	struct store_item item;
	struct pim_event *e = NULL;
	enum rc rc;

	assert_ok(store_read(f->store, f->user, &tx));
	rc = store_invite_find(tx, "u1", f->a, &item, &e);
	if (rc == RC_NOT_FOUND)
		return NULL;
	assert_ok(rc);
	return e;
}

static const char *
respond(struct eas_fixture *f, uint32_t folder, uint32_t uid, const char *response,
        const char *more)
{
	return eas_runf(f, "MeetingResponse",
	                "<MeetingResponse xmlns=\"MeetingResponse\"><Request>"
	                "<UserResponse>%s</UserResponse><CollectionId>%u</CollectionId>"
	                "<RequestId>%u:%u</RequestId>%s</Request></MeetingResponse>",
	                response, folder, folder, uid, more);
}

static void
assert_status(struct eas_fixture *f, const char *status)
{
	if (strcmp(eas_value(f, "Status", 0), status) != 0)
		fail_msg("not status %s: %s", status, f->xml);
}

/* A message that went out, with its calendar read. */
static struct itip
calendar_of(struct eas_fixture *f, const char *message)
{
	struct span raw = span_str(message);
	AUTO_DONE(buf) struct buf text = BUF_INIT(0);
	struct mime_part *root = mime_parse(raw, NULL, f->a), *p = itip_part(root);
	struct itip in;

	assert_non_null(p);
	mime_decode_text(
		p, span_sub(raw, (size_t)p->body_at, (size_t)(p->body_at + p->body_len)),
		&text);
	assert_ok(itip_parse(arena_span(f->a, buf_span(&text)), f->a, &in));
	return in;
}

static struct itip
sent(struct eas_fixture *f)
{
	return calendar_of(f, f->sent_message);
}

/* A forward to somebody new goes out before its organizer hears of it. */
static struct itip
forwarded(struct eas_fixture *f)
{
	assert_non_null(strstr(f->sent_message, "Meeting Forward Notification: "));
	return calendar_of(f, f->sent_before);
}

static void
an_invitation_tells_the_meeting(void **state)
{
	static const char *const fields[] = {
		"<MessageClass>IPM.Schedule.Meeting.Request</MessageClass><MeetingRequest>",
		"<AllDayEvent>0</AllDayEvent>",
		"<StartTime>2026-12-01T09:00:00.000Z</StartTime>",
		"<DtStamp>2026-11-01T00:00:00.000Z</DtStamp>",
		"<EndTime>2026-12-01T09:30:00.000Z</EndTime>",
		"<InstanceType>1</InstanceType>",
		"<Organizer>&quot;Boss&quot; &lt;boss@example.com&gt;</Organizer>",
		"<ResponseRequested>1</ResponseRequested>",
		"<Recurrences><Recurrence><Type>1</Type><Occurrences>4</Occurrences>"
		"<Interval>1</Interval><DayOfWeek>4</DayOfWeek>",
		"<Sensitivity>0</Sensitivity>",
		"<BusyStatus>2</BusyStatus>",
		"<TimeZone>",
		"<ContentClass>urn:content-classes:calendarmessage</ContentClass>",
	};
	struct eas_fixture *f = *state;

	receive(f, BOSS, "REQUEST", SERIES);
	synced(f, f->inbox);
	for (size_t i = 0; i < ARRAY_LEN(fields); i++)
		assert_has(f, fields[i]);
	assert_has(f, "<Location><DisplayName>Pier</DisplayName></Location>");
	assert_has(f, "<UID>u1</UID>");
	assert_has(f, "<DisallowNewTimeProposal>0</DisallowNewTimeProposal>");
	assert_has(f, "<MeetingMessageType>1</MeetingMessageType>");
	assert_has_not(f, "GlobalObjId");
	assert_has_not(f, "<Attachments>");
	f->device = "OLD";
	f->version = 121;
	synced(f, f->inbox);
	for (size_t i = 0; i < ARRAY_LEN(fields); i++)
		assert_has(f, fields[i]);
	assert_has(f, "<Location>Pier</Location>");
	assert_has(f, "<GlobalObjId>BAAAAIIA4AB0xbcQGoLgCAAAAAA");
	assert_has_not(f, "MeetingMessageType");
	assert_has_not(f, "DisallowNewTimeProposal");
	assert_has_not(f, "<UID>");
}

static void
the_event_stands_in_the_calendar_before_any_answer(void **state)
{
	struct eas_fixture *f = *state;

	receive(f, BOSS, "REQUEST", SINGLE);
	synced(f, eas_folder(f, STORE_ROLE_CALENDAR));
	assert_has(f, "<Subject>Tides</Subject>");
	assert_has(f, "<BusyStatus>1</BusyStatus>");
	assert_has(f, "<MeetingStatus>3</MeetingStatus>");
	assert_has(f, "<ResponseType>5</ResponseType>");
	assert_has(f, "<OrganizerEmail>boss@example.com</OrganizerEmail>");
}

static void
every_kind_of_meeting_mail_has_its_class(void **state)
{
	static const struct {
		const char *method, *state, *class;
	} cases[] = {
		{ "CANCEL", "NEEDS-ACTION", "IPM.Schedule.Meeting.Canceled" },
		{ "REPLY", "ACCEPTED", "IPM.Schedule.Meeting.Resp.Pos" },
		{ "REPLY", "DECLINED", "IPM.Schedule.Meeting.Resp.Neg" },
		{ "REPLY", "TENTATIVE", "IPM.Schedule.Meeting.Resp.Tent" },
		{ "COUNTER", "TENTATIVE", "IPM.Schedule.Meeting.Resp.Tent" },
		{ "PUBLISH", "ACCEPTED", "IPM.Note" },
		{ "JUNK", "ACCEPTED", "IPM.Note" },
	};
	struct eas_fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		f->device = arena_printf(f->a, "D%zu", i);
		uint32_t uid = receive(
			f, BOSS, cases[i].method,
			arena_printf(f->a,
		                     "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nMETHOD:%s\r\n"
		                     "BEGIN:VEVENT\r\nUID:x\r\nDTSTART:20261201T090000Z"
		                     "\r\nORGANIZER:mailto:" BOSS
		                     "\r\nATTENDEE;PARTSTAT=%s:mailto:" USER
		                     "\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n",
		                     cases[i].method, cases[i].state));
		synced(f, f->inbox);
		assert_has(f, arena_printf(f->a, "<MessageClass>%s</MessageClass>",
		                           cases[i].class));
		eas_expunge(f, f->inbox, uid);
	}
}

static void
an_accepted_meeting_is_answered_in_the_calendar(void **state)
{
	static const uint16_t versions[] = { 121, 140, 141, 160, 161 };
	struct eas_fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LEN(versions); i++) {
		char *calendar =
			arena_printf(f->a,
		                     HEAD("REQUEST") EVENT("%zu", "2026110%zuT000000Z",
		                                           "0%zu", "09", PEOPLE) TAIL,
		                     i + 1, i + 1, i + 1, i + 1);
		uint32_t uid = receive(f, BOSS, "REQUEST", calendar);

		f->version = versions[i];
		respond(f, f->inbox, uid, "1", "");
		assert_status(f, "1");
		assert_int_not_equal(eas_count(f, "<CalendarId>"), 0);
		assert_int_equal(event(f)->response, PIM_RESPONSE_ACCEPTED);
		assert_int_equal(event(f)->busy, PIM_BUSY_BUSY);
		assert_int_equal(event(f)->start.at.day, i + 1);
		assert_int_equal(pim_event_attendee(event(f), USER)->partstat,
		                 PIM_PARTSTAT_ACCEPTED);
		/* The request has gone to the trash, and nothing was sent. */
		assert_int_equal(eas_exists(f, f->inbox), 0);
		assert_int_equal(eas_exists(f, f->trash), i + 1);
		assert_int_equal(f->n_sent, 0);
	}
}

static void
the_organizer_hears_the_answer_once(void **state)
{
	struct eas_fixture *f = *state;
	uint32_t uid = receive(f, BOSS, "REQUEST", SINGLE);
	struct itip in;

	respond(f, f->inbox, uid, "2",
	        "<SendResponse><Body xmlns=\"AirSyncBase\"><Type>1</Type><Data>if it "
	        "floods</Data></Body></SendResponse>");
	assert_status(f, "1");
	assert_int_equal(f->n_sent, 1);
	assert_non_null(strstr(f->sent_message, "To: <boss@example.com>"));
	assert_non_null(strstr(f->sent_message, "Subject: Tentative: Tides"));
	in = sent(f);
	assert_int_equal(in.method, ITIP_REPLY);
	assert_string_equal(in.sender->email, USER);
	assert_int_equal(in.sender->partstat, PIM_PARTSTAT_TENTATIVE);
	assert_string_equal(in.comment, "if it floods");
	assert_string_equal(in.event->uid, "u1");
	assert_int_equal(event(f)->busy, PIM_BUSY_TENTATIVE);
	assert_int_equal(event(f)->response, PIM_RESPONSE_TENTATIVE);
	/* The answer was lost; the request has left the inbox. */
	const char *id = eas_value(f, "CalendarId", 0);
	respond(f, f->inbox, uid, "2",
	        "<SendResponse><Body xmlns=\"AirSyncBase\"><Type>1</Type><Data>if it "
	        "floods</Data></Body></SendResponse>");
	assert_status(f, "1");
	assert_string_equal(eas_value(f, "CalendarId", 0), id);
	assert_int_equal(f->n_sent, 1);
}

static void
a_declined_meeting_leaves_the_calendar(void **state)
{
	struct eas_fixture *f = *state;
	uint32_t uid = receive(f, BOSS, "REQUEST", SINGLE);

	respond(f, f->inbox, uid, "3", "<SendResponse/>");
	assert_status(f, "1");
	assert_int_equal(eas_count(f, "<CalendarId>"), 0);
	assert_null(event(f));
	assert_int_equal(f->n_sent, 1);
	assert_int_equal(sent(f).sender->partstat, PIM_PARTSTAT_DECLINED);
}

static void
a_declined_meeting_can_still_be_accepted(void **state)
{
	struct eas_fixture *f = *state;
	uint32_t uid = receive(f, BOSS, "REQUEST", SINGLE);

	respond(f, f->inbox, uid, "3", "");
	assert_status(f, "1");
	assert_null(event(f));
	assert_int_equal(eas_exists(f, f->inbox), 0);
	/* The request lies in the trash, and says all that there was. */
	assert_int_equal(eas_exists(f, f->trash), 1);
	respond(f, f->trash, 1, "1", "<SendResponse/>");
	assert_status(f, "1");
	assert_int_equal(event(f)->response, PIM_RESPONSE_ACCEPTED);
	assert_int_equal(sent(f).sender->partstat, PIM_PARTSTAT_ACCEPTED);
	assert_int_equal(eas_exists(f, f->trash), 1);
}

static void
the_mind_can_be_changed_in_the_calendar(void **state)
{
	struct eas_fixture *f = *state;
	uint32_t folder = eas_folder(f, STORE_ROLE_CALENDAR);

	receive(f, BOSS, "REQUEST", SINGLE);
	respond(f, folder, 1, "1", "<SendResponse/>");
	assert_status(f, "1");
	respond(f, folder, 1, "2", "<SendResponse/>");
	respond(f, folder, 1, "1", "<SendResponse/>");
	assert_status(f, "1");
	assert_int_equal(f->n_sent, 3);
	assert_int_equal(event(f)->response, PIM_RESPONSE_ACCEPTED);
	assert_int_equal(eas_exists(f, f->inbox), 1);
	respond(f, folder, 1, "3", "<SendResponse/>");
	assert_null(event(f));
	respond(f, folder, 1, "3", "<SendResponse/>");
	assert_status(f, "1");
	assert_int_equal(f->n_sent, 4);
}

static void
one_instance_is_answered_alone(void **state)
{
	struct eas_fixture *f = *state;
	uint32_t folder = eas_folder(f, STORE_ROLE_CALENDAR);
	const struct pim_event *e;

	receive(f, BOSS, "REQUEST", SERIES);
	respond(f, folder, 1, "1",
	        "<InstanceId>2026-12-08T09:00:00.000Z</InstanceId><SendResponse/>");
	assert_status(f, "1");
	assert_has(f, "<InstanceId>2026-12-08T09:00:00.000Z</InstanceId>");
	e = event(f);
	assert_int_equal(e->response, PIM_RESPONSE_NONE_YET);
	assert_non_null(e->exceptions);
	assert_int_equal(e->exceptions->response, PIM_RESPONSE_ACCEPTED);
	assert_int_equal(sent(f).event->recurrence_id.at.day, 8);
	respond(f, folder, 1, "3",
	        "<InstanceId>2026-12-15T09:00:00.000Z</InstanceId><SendResponse/>");
	assert_status(f, "1");
	assert_int_equal(event(f)->n_exdates, 1);
	/* What there is not. */
	respond(f, folder, 1, "1", "<InstanceId>2026-12-09T09:00:00.000Z</InstanceId>");
	assert_status(f, "2");
	respond(f, folder, 1, "1", "<InstanceId>2026-12-15T09:00:00.000Z</InstanceId>");
	assert_status(f, "2");
	respond(f, folder, 1, "1", "<InstanceId>soon</InstanceId>");
	assert_status(f, "104");
	f->version = 140;
	respond(f, folder, 1, "1", "<InstanceId>2026-12-08T09:00:00.000Z</InstanceId>");
	assert_status(f, "2");
}

static void
another_time_is_proposed(void **state)
{
	struct eas_fixture *f = *state;
	uint32_t uid = receive(f, BOSS, "REQUEST", SINGLE);
	struct itip in;

	respond(f, f->inbox, uid, "2",
	        "<SendResponse><ProposedStartTime>20261202T120000Z</ProposedStartTime>"
	        "</SendResponse>");
	assert_status(f, "2");
	respond(f, f->inbox, uid, "2",
	        "<SendResponse><ProposedStartTime>20261202T120000Z</ProposedStartTime>"
	        "<ProposedEndTime>20261202T123000Z</ProposedEndTime></SendResponse>");
	assert_status(f, "1");
	in = sent(f);
	assert_int_equal(in.method, ITIP_COUNTER);
	assert_int_equal(in.event->start.at.hour, 12);
	assert_int_equal(in.sender->partstat, PIM_PARTSTAT_TENTATIVE);
	assert_int_equal(event(f)->start.at.hour, 9);
	assert_int_equal(event(f)->response, PIM_RESPONSE_TENTATIVE);
}

static void
who_forbids_it_gets_no_other_time_proposed(void **state)
{
	struct eas_fixture *f = *state;
	uint32_t uid = receive(
		f, BOSS, "REQUEST",
		HEAD("REQUEST") EVENT("0", "20261101T000000Z", "01", "09",
	                              "X-MICROSOFT-DISALLOW-COUNTER:TRUE\r\n" PEOPLE)
			TAIL);

	respond(f, f->inbox, uid, "2",
	        "<SendResponse><ProposedStartTime>20261202T120000Z</ProposedStartTime>"
	        "<ProposedEndTime>20261202T123000Z</ProposedEndTime></SendResponse>");
	assert_status(f, "2");
	assert_int_equal(f->n_sent, 0);
}

static void
what_is_no_invitation_is_status_2(void **state)
{
	struct eas_fixture *f = *state;
	uint32_t plain = eas_mail(f, f->inbox, EAS_NOW, "hello");
	uint32_t off = receive(
		f, BOSS, "CANCEL",
		HEAD("CANCEL") EVENT("1", "20261101T000000Z", "01", "09", PEOPLE) TAIL);
	uint32_t own =
		receive(f, USER, "REQUEST",
	                HEAD("REQUEST") EVENT("1", "20261101T000000Z", "01", "09",
	                                      "ORGANIZER:mailto:" USER "\r\n") TAIL);
	uint32_t uid = receive(f, BOSS, "REQUEST", SINGLE);

	respond(f, f->inbox, plain, "1", "");
	assert_status(f, "2");
	respond(f, f->inbox, off, "1", "");
	assert_status(f, "2");
	respond(f, f->inbox, own, "1", "");
	assert_status(f, "2");
	respond(f, f->inbox, 999, "1", "");
	assert_status(f, "2");
	respond(f, 999, 1, "1", "");
	assert_status(f, "2");
	respond(f, f->inbox, uid, "4", "");
	assert_status(f, "2");
	respond(f, f->inbox, uid, "0", "");
	assert_status(f, "2");
	respond(f, f->inbox, uid, "1",
	        "<InstanceId>2026-12-01T09:00:00.000Z</InstanceId>");
	assert_status(f, "2");
	respond(f, eas_folder(f, STORE_ROLE_CALENDAR), 1, "1",
	        "<InstanceId>2026-12-01T09:00:00.000Z</InstanceId>");
	assert_status(f, "146");
	eas_run(f, "MeetingResponse", "<MeetingResponse xmlns=\"MeetingResponse\"/>");
	assert_status(f, "2");
	assert_int_equal(event(f)->response, PIM_RESPONSE_NONE_YET);
}

static void
an_outdated_invitation_answers_the_newest(void **state)
{
	struct eas_fixture *f = *state;
	uint32_t old = receive(f, BOSS, "REQUEST", SINGLE);

	receive(f, BOSS, "REQUEST",
	        HEAD("REQUEST") EVENT("3", "20261102T000000Z", "05", "10", PEOPLE) TAIL);
	synced(f, f->inbox);
	assert_has(f, "<MeetingMessageType>4</MeetingMessageType>");
	assert_has(f, "<MeetingMessageType>2</MeetingMessageType>");
	respond(f, f->inbox, old, "1", "<SendResponse/>");
	assert_status(f, "1");
	assert_int_equal(event(f)->start.at.day, 5);
	assert_int_equal(sent(f).event->sequence, 3);
}

static void
an_update_that_changes_no_time_only_informs(void **state)
{
	struct eas_fixture *f = *state;

	receive(f, BOSS, "REQUEST", SINGLE);
	respond(f, eas_folder(f, STORE_ROLE_CALENDAR), 1, "1", "");
	assert_status(f, "1");
	receive(f, BOSS, "REQUEST",
	        HEAD("REQUEST") EVENT("1", "20261125T000000Z", "01", "09",
	                              PEOPLE "COMMENT:another room\r\n") TAIL);
	synced(f, f->inbox);
	assert_has(f, "<MeetingMessageType>3</MeetingMessageType>");
	assert_int_equal(event(f)->response, PIM_RESPONSE_ACCEPTED);
	receive(f, BOSS, "REQUEST",
	        HEAD("REQUEST") EVENT("2", "20261126T000000Z", "02", "09", PEOPLE) TAIL);
	f->device = "OTHER";
	synced(f, f->inbox);
	assert_has(f, "<MeetingMessageType>2</MeetingMessageType>");
	assert_has_not(f, "<MeetingMessageType>3</MeetingMessageType>");
	assert_int_equal(event(f)->response, PIM_RESPONSE_NONE_YET);
}

static void
a_forwarded_invitation_is_no_event_until_it_is_accepted(void **state)
{
	struct eas_fixture *f = *state;
	uint32_t uid = receive(f, "friend@example.net", "REQUEST",
	                       HEAD("REQUEST") EVENT("0", "20261101T000000Z", "01", "09",
	                                             "ORGANIZER:mailto:" BOSS "\r\n"
	                                             "ATTENDEE:mailto:ben@example.com"
	                                             "\r\n") TAIL);

	assert_null(event(f));
	synced(f, f->inbox);
	assert_has(f, "<MeetingRequest>");
	respond(f, f->inbox, uid, "1", "<SendResponse/>");
	assert_status(f, "1");
	assert_int_equal(event(f)->response, PIM_RESPONSE_ACCEPTED);
	assert_non_null(strstr(f->sent_message, "To: <boss@example.com>"));
	assert_string_equal(sent(f).sender->email, USER);
}

static void
who_was_invited_by_an_alias_answers_by_it(void **state)
{
	struct eas_fixture *f = *state;
	uint32_t uid;

	assert_ok(store_alias_add(f->store, SPAN("tides@example.org"), SPAN(USER)));
	uid = receive(f, BOSS, "REQUEST",
	              HEAD("REQUEST") EVENT("0", "20261101T000000Z", "01", "09",
	                                    "ORGANIZER:mailto:" BOSS
	                                    "\r\nATTENDEE:mailto:tides@example.org\r\n")
	                      TAIL);
	respond(f, f->inbox, uid, "1", "<SendResponse/>");
	assert_status(f, "1");
	assert_string_equal(sent(f).sender->email, "tides@example.org");
	assert_string_equal(sent(f).sent_by, USER);
	assert_int_equal(pim_event_attendee(event(f), "tides@example.org")->partstat,
	                 PIM_PARTSTAT_ACCEPTED);
}

static void
an_answer_in_html_goes_out_as_text(void **state)
{
	struct eas_fixture *f = *state;
	uint32_t uid = receive(f, BOSS, "REQUEST", SINGLE);

	respond(f, f->inbox, uid, "1",
	        "<SendResponse><Body xmlns=\"AirSyncBase\"><Type>2</Type><Data>&lt;p&gt;with "
	        "&lt;b&gt;boots&lt;/b&gt;&lt;/p&gt;</Data></Body></SendResponse>");
	assert_status(f, "1");
	assert_non_null(strstr(sent(f).comment, "with boots"));
	assert_null(strchr(sent(f).comment, '<'));
}

static void
more_than_100_answers_are_too_many(void **state)
{
	struct eas_fixture *f = *state;
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);

	buf_add_str(&b, "<MeetingResponse xmlns=\"MeetingResponse\">");
	for (int i = 0; i < 101; i++)
		buf_add_str(&b, "<Request><UserResponse>1</UserResponse><CollectionId>1"
		                "</CollectionId><RequestId>1:1</RequestId></Request>");
	buf_add_str(&b, "</MeetingResponse>");
	eas_run(f, "MeetingResponse", arena_strndup(f->a, buf_span(&b)));
	assert_status(f, "103");
	assert_int_equal(eas_count(f, "<Result>"), 0);
}

static void
an_invitation_to_one_instance_says_which(void **state)
{
	struct eas_fixture *f = *state;
	uint32_t uid;

	receive(f, BOSS, "REQUEST", SERIES);
	uid = receive(f, BOSS, "REQUEST",
	              HEAD("REQUEST") EVENT("1", "20261102T000000Z", "08", "15",
	                                    "RECURRENCE-ID:20261208T090000Z\r\n" PEOPLE)
	                      TAIL);
	synced(f, f->inbox);
	assert_has(f, "<InstanceType>3</InstanceType>");
	assert_has(f, "<RecurrenceId>2026-12-08T09:00:00.000Z</RecurrenceId>");
	assert_has(f, "<StartTime>2026-12-08T15:00:00.000Z</StartTime>");
	respond(f, f->inbox, uid, "1", "<SendResponse/>");
	assert_status(f, "1");
	assert_int_equal(event(f)->response, PIM_RESPONSE_NONE_YET);
	assert_int_equal(event(f)->exceptions->response, PIM_RESPONSE_ACCEPTED);
	assert_int_equal(sent(f).event->recurrence_id.at.day, 8);
}

static void
an_instance_without_its_series_is_an_orphan(void **state)
{
	struct eas_fixture *f = *state;

	receive(f, BOSS, "REQUEST",
	        HEAD("REQUEST") EVENT("1", "20261102T000000Z", "08", "15",
	                              "RECURRENCE-ID:20261208T090000Z\r\n" PEOPLE) TAIL);
	f->version = 160;
	synced(f, f->inbox);
	assert_has(f, "<InstanceType>4</InstanceType>");
	assert_has(f, "<RecurrenceId>2026-12-08T09:00:00.000Z</RecurrenceId>");
	/* MS-ASEMAIL 2.2.2.39: the value is not known before 16.0 */
	f->device = "OLD";
	f->version = 141;
	synced(f, f->inbox);
	assert_has(f, "<InstanceType>3</InstanceType>");
}

static void
what_an_attendee_is_to_be_is_told_with_the_request(void **state)
{
	static const struct {
		const char *lines, *at_16, *at_14;
	} cases[] = {
		{ "", "2", "2" },
		{ "TRANSP:TRANSPARENT\r\n", "0", "0" },
		{ "X-MICROSOFT-CDO-INTENDEDSTATUS:OOF\r\n", "3", "3" },
		{ "X-MICROSOFT-CDO-BUSYSTATUS:TENTATIVE\r\n"
		  "X-MICROSOFT-CDO-INTENDEDSTATUS:WORKINGELSEWHERE\r\n",
		  "4", "2" },
	};
	struct eas_fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		uint32_t uid = receive(
			f, BOSS, "REQUEST",
			arena_printf(f->a,
		                     HEAD("REQUEST") EVENT("%zu", "2026110%zuT000000Z",
		                                           "0%zu", "09", PEOPLE "%s")
		                             TAIL,
		                     i, i + 1, i + 1, i + 1, cases[i].lines));

		f->version = 161;
		f->device = arena_printf(f->a, "NEW%zu", i);
		synced(f, f->inbox);
		assert_has(f, arena_printf(f->a, "<BusyStatus>%s</BusyStatus>",
		                           cases[i].at_16));
		f->version = 141;
		f->device = arena_printf(f->a, "OLD%zu", i);
		synced(f, f->inbox);
		assert_has(f, arena_printf(f->a, "<BusyStatus>%s</BusyStatus>",
		                           cases[i].at_14));
		/* And it is, once that is accepted. */
		f->version = 161;
		respond(f, f->inbox, uid, "1", "");
		assert_status(f, "1");
		assert_int_equal(event(f)->busy, cases[i].at_16[0] - '0');
	}
}

static void
each_recurrence_is_told_with_the_request(void **state)
{
	static const struct {
		const char *rule, *fields;
	} cases[] = {
		{ "FREQ=DAILY;INTERVAL=2;COUNT=3",
		  "<Type>0</Type><Occurrences>3</Occurrences><Interval>2</Interval>" },
		{ "FREQ=MONTHLY;BYMONTHDAY=2;COUNT=3",
		  "<Type>2</Type><Occurrences>3</Occurrences><Interval>1</Interval>"
		  "<DayOfMonth>2</DayOfMonth><CalendarType>0</CalendarType>" },
		{ "FREQ=MONTHLY;BYDAY=1MO;COUNT=3",
		  "<Type>3</Type><Occurrences>3</Occurrences><Interval>1</Interval>"
		  "<WeekOfMonth>1</WeekOfMonth><DayOfWeek>2</DayOfWeek>"
		  "<CalendarType>0</CalendarType>" },
		{ "FREQ=YEARLY;BYMONTH=12;BYMONTHDAY=1;COUNT=3",
		  "<Type>5</Type><Occurrences>3</Occurrences><Interval>1</Interval>"
		  "<MonthOfYear>12</MonthOfYear><DayOfMonth>1</DayOfMonth>"
		  "<CalendarType>0</CalendarType><IsLeapMonth>0</IsLeapMonth>" },
		{ "FREQ=YEARLY;BYMONTH=12;BYDAY=1TU;COUNT=3",
		  "<Type>6</Type><Occurrences>3</Occurrences><Interval>1</Interval>"
		  "<WeekOfMonth>1</WeekOfMonth><DayOfWeek>4</DayOfWeek>"
		  "<MonthOfYear>12</MonthOfYear><CalendarType>0</CalendarType>"
		  "<IsLeapMonth>0</IsLeapMonth>" },
		{ "RSCALE=CHINESE;FREQ=YEARLY;BYMONTH=4L;BYMONTHDAY=1;COUNT=3",
		  "<Type>5</Type><Occurrences>3</Occurrences><Interval>1</Interval>"
		  "<MonthOfYear>4</MonthOfYear><DayOfMonth>1</DayOfMonth>"
		  "<CalendarType>15</CalendarType><IsLeapMonth>1</IsLeapMonth>" },
	};
	struct eas_fixture *f = *state;

	f->version = 141;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		uint32_t uid = receive(
			f, BOSS, "REQUEST",
			arena_printf(f->a,
		                     HEAD("REQUEST")
		                             EVENT("%zu", "2026110%zuT000000Z", "01",
		                                   "09", "RRULE:%s\r\n" PEOPLE) TAIL,
		                     i, i + 1, cases[i].rule));

		f->device = arena_printf(f->a, "D%zu", i);
		synced(f, f->inbox);
		if (!strstr(f->xml, cases[i].fields))
			fail_msg("%s: %s", cases[i].rule, f->xml);
		eas_expunge(f, f->inbox, uid);
	}
}

static void
the_id_of_outlook_is_told_as_it_is(void **state)
{
	static const char id[] =
		"040000008200E00074C5B7101A82E00800000000B0C4D1A2F3E4D5010000000000000000"
		"100000000102030405060708090A0B0C0D0E0F10";
	struct eas_fixture *f = *state;

	f->version = 141;
	receive(f, BOSS, "REQUEST",
	        arena_printf(f->a,
	                     HEAD("REQUEST") "BEGIN:VEVENT\r\nUID:%s\r\n"
	                                     "DTSTART:20261201T090000Z\r\n" PEOPLE
	                                     "END:VEVENT\r\n" TAIL,
	                     id));
	synced(f, f->inbox);
	assert_has(f,
	           "<GlobalObjId>BAAAAIIA4AB0xbcQGoLgCAAAAACwxNGi8+TVAQAAAAAAAAAAEAAAAAEC"
	           "AwQFBgcICQoLDA0ODxA=</GlobalObjId>");
}

static void
who_sent_it_for_another_is_told(void **state)
{
	struct eas_fixture *f = *state;

	receive(f, BOSS "\r\nSender: friend@example.net", "REQUEST", SINGLE);
	synced(f, f->inbox);
	assert_has(f, "<From>" BOSS "</From>");
	assert_has(f, "<Sender>friend@example.net</Sender>");
}

/* A meeting of the user's own, with ben. */
static void
own_meeting(struct eas_fixture *f, const char *more)
{
	AUTO(store_tx)
	struct store_tx *tx = NULL;
	struct store_actor who = { .protocol = "smtp" };
	struct store_item item;
	struct pim_event *e;
	char *text = arena_printf(
		f->a,
		"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VEVENT\r\nUID:u1\r\nSEQUENCE:0\r\n"
		"DTSTAMP:20261101T000000Z\r\nDTSTART;TZID=Europe/Berlin:20261201T100000\r\n"
		"DTEND;TZID=Europe/Berlin:20261201T103000\r\nSUMMARY:Own\r\n"
		"ORGANIZER:mailto:" USER "\r\n"
		"ATTENDEE;PARTSTAT=ACCEPTED:mailto:ben@example.com\r\n"
		"ATTENDEE;PARTSTAT=ACCEPTED:mailto:kim@example.com\r\n%s"
		"END:VEVENT\r\nEND:VCALENDAR\r\n",
		more);

	assert_ok(store_write(f->store, f->user, &who, &tx));
	assert_ok(pim_event_parse(span_str(text), f->a, &e));
	assert_ok(store_invite_save(tx, NULL, e, &item));
	assert_ok(store_commit(&tx));
}

#define PROPOSAL(more)                                                                   \
	HEAD("COUNTER")                                                                  \
	EVENT("0", "20261102T000000Z", "02", "14",                                       \
	      "ORGANIZER:mailto:" USER                                                   \
	      "\r\nATTENDEE;PARTSTAT=TENTATIVE:mailto:ben@example.com\r\n" more)         \
	TAIL

static void
a_proposed_time_is_taken_over(void **state)
{
	struct eas_fixture *f = *state;
	uint32_t uid;
	const struct pim_event *e;
	struct itip in;

	own_meeting(f, "");
	uid = receive(f, "ben@example.com", "COUNTER", PROPOSAL(""));
	assert_int_not_equal(
		pim_event_attendee(event(f), "ben@example.com")->proposed_start.kind,
		PIM_TIME_NONE);
	synced(f, f->inbox);
	assert_has(f, "<ProposedStartTime>20261202T140000Z</ProposedStartTime>");
	synced(f, eas_folder(f, STORE_ROLE_CALENDAR));
	assert_has(f, "<ProposedStartTime>20261202T140000Z</ProposedStartTime>");
	/* That is for the organizer to say, at a version that knows of it, and whole. */
	respond(f, f->inbox, uid, "2", "");
	assert_status(f, "2");
	f->version = 160;
	respond(f, f->inbox, uid, "1", "");
	assert_status(f, "2");
	f->version = 161;
	respond(f, f->inbox, uid, "1", "");
	assert_status(f, "1");
	assert_int_not_equal(eas_count(f, "<CalendarId>"), 0);
	e = event(f);
	assert_int_equal(e->start.at.day, 2);
	assert_int_equal(e->start.at.hour, 15); /* in Berlin */
	assert_int_equal(e->sequence, 1);
	for (const struct pim_attendee *i = e->attendees; i; i = i->next) {
		assert_int_equal(i->partstat, PIM_PARTSTAT_NEEDS_ACTION);
		assert_int_equal(i->proposed_start.kind, PIM_TIME_NONE);
	}
	assert_int_equal(f->n_sent, 1);
	assert_non_null(strstr(f->sent_message, "kim@example.com"));
	in = sent(f);
	assert_int_equal(in.method, ITIP_REQUEST);
	assert_int_equal(in.event->sequence, 1);
	assert_int_equal(eas_exists(f, f->inbox), 0);
	/* The answer was lost; and then it is too late for another. */
	respond(f, f->inbox, uid, "1", "");
	assert_status(f, "1");
	assert_int_equal(f->n_sent, 1);
	uid = receive(f, "ben@example.com", "COUNTER", PROPOSAL("X-AGAIN:1\r\n"));
	respond(f, f->inbox, uid, "1", "");
	assert_status(f, "2");
	assert_int_equal(f->n_sent, 1);
}

static void
a_proposed_time_is_declined(void **state)
{
	struct eas_fixture *f = *state;
	uint32_t uid;
	struct itip in;

	own_meeting(f, "");
	uid = receive(f, "ben@example.com", "COUNTER", PROPOSAL(""));
	respond(f, f->inbox, uid, "3",
	        "<SendResponse><Body xmlns=\"AirSyncBase\"><Type>1</Type><Data>the tide"
	        "</Data></Body></SendResponse>");
	assert_status(f, "1");
	assert_int_equal(eas_count(f, "<CalendarId>"), 0);
	assert_int_equal(event(f)->start.at.day, 1);
	assert_int_equal(
		pim_event_attendee(event(f), "ben@example.com")->proposed_start.kind,
		PIM_TIME_NONE);
	assert_int_equal(pim_event_attendee(event(f), "kim@example.com")->partstat,
	                 PIM_PARTSTAT_ACCEPTED);
	assert_int_equal(f->n_sent, 1);
	assert_non_null(strstr(f->sent_message, "To: <ben@example.com>"));
	in = sent(f);
	assert_int_equal(in.method, ITIP_DECLINECOUNTER);
	assert_string_equal(in.event->uid, "u1");
	assert_string_equal(in.comment, "the tide");
	assert_int_equal(eas_exists(f, f->trash), 1);
}

static void
of_a_series_one_instance_is_moved_as_proposed(void **state)
{
	struct eas_fixture *f = *state;
	uint32_t uid;
	const struct pim_event *e;

	own_meeting(f, "RRULE:FREQ=WEEKLY;BYDAY=TU;COUNT=4\r\n");
	uid = receive(f, "ben@example.com", "COUNTER",
	              PROPOSAL("RECURRENCE-ID:20261208T090000Z\r\n"));
	respond(f, f->inbox, uid, "1", "");
	assert_status(f, "1");
	e = event(f);
	assert_int_equal(e->start.at.day, 1);
	assert_int_equal(e->attendees->partstat, PIM_PARTSTAT_ACCEPTED);
	assert_non_null(e->exceptions);
	assert_int_equal(e->exceptions->recurrence_id.at.day, 8);
	assert_int_equal(e->exceptions->start.at.day, 2);
	assert_int_equal(e->exceptions->attendees->partstat, PIM_PARTSTAT_NEEDS_ACTION);
}

#define TEXT                                                                             \
	"From: " USER                                                                    \
	"&#13;\nTo: bob@example.net&#13;\nSubject: Re: Tides&#13;\n&#13;\n"              \
	"my words&#13;\n"

static const char *
smart(struct eas_fixture *f, const char *command, uint32_t folder, const char *source,
      const char *rest)
{
	static unsigned n;

	return eas_runf(f, command,
	                "<%s xmlns=\"ComposeMail\"><ClientId>s%u</ClientId><Source>"
	                "<FolderId>%u</FolderId><ItemId>%u:1</ItemId>%s</Source>%s</%s>",
	                command, n++, folder, folder, source, rest, command);
}

static void
a_reply_to_an_event_quotes_it(void **state)
{
	struct eas_fixture *f = *state;
	uint32_t folder = eas_folder(f, STORE_ROLE_CALENDAR);
	AUTO_DONE(buf) struct buf text = BUF_INIT(0);
	struct mime_part *root;
	struct span raw;

	receive(f, BOSS, "REQUEST", SERIES);
	smart(f, "SmartReply", folder,
	      "<InstanceId>2026-12-08T09:00:00.000Z</InstanceId>",
	      "<Mime>" TEXT "</Mime>");
	assert_int_equal(f->http_status, 200);
	assert_string_equal(f->xml, "");
	raw = span_str(f->sent_message);
	root = mime_parse(raw, NULL, f->a);
	mime_decode_text(root, span_sub(raw, (size_t)root->body_at, raw.n), &text);
	assert_non_null(strstr(arena_strndup(f->a, buf_span(&text)),
	                       "my words\r\n\r\n\r\nBoss:\r\n> What: Tides\r\n"
	                       "> When: 2026-12-08 09:00"));
}

static void
a_reply_to_an_instance_that_is_none_has_a_status(void **state)
{
	struct eas_fixture *f = *state;
	uint32_t folder = eas_folder(f, STORE_ROLE_CALENDAR);

	receive(f, BOSS, "REQUEST", SERIES);
	smart(f, "SmartReply", folder, "<InstanceId>soon</InstanceId>",
	      "<Mime>" TEXT "</Mime>");
	assert_status(f, "104");
	assert_int_equal(f->n_sent, 0);
}

static void
an_event_is_forwarded_as_an_invitation(void **state)
{
	struct eas_fixture *f = *state;
	uint32_t folder = eas_folder(f, STORE_ROLE_CALENDAR);
	struct itip in;

	receive(f, BOSS, "REQUEST", SERIES);
	smart(f, "SmartForward", folder, "", "<Mime>" TEXT "</Mime>");
	assert_string_equal(f->xml, "");
	in = forwarded(f);
	assert_int_equal(in.method, ITIP_REQUEST);
	assert_string_equal(in.event->organizer_email, BOSS);
	assert_non_null(in.event->recur);
	assert_non_null(strstr(f->sent_before, "my words"));
	smart(f, "SmartForward", folder,
	      "<InstanceId>2026-12-08T09:00:00.000Z</InstanceId>",
	      "<Mime>" TEXT "</Mime>");
	in = forwarded(f);
	assert_null(in.event->recur);
	assert_int_equal(in.event->recurrence_id.at.day, 8);
	assert_int_equal(f->n_sent, 4);
	smart(f, "SmartForward", folder, "<InstanceId>soon</InstanceId>",
	      "<Mime>" TEXT "</Mime>");
	assert_status(f, "104");
	smart(f, "SmartForward", folder,
	      "<InstanceId>2026-12-09T09:00:00.000Z</InstanceId>",
	      "<Mime>" TEXT "</Mime>");
	assert_status(f, "150");
	assert_int_equal(f->n_sent, 4);
}

static void
forwardees_get_the_invitation_without_a_message_of_the_device(void **state)
{
	struct eas_fixture *f = *state;
	uint32_t folder = eas_folder(f, STORE_ROLE_CALENDAR);
	static const char list[] =
		"<Forwardees><Forwardee><Name>Bob \"B\" Lee</Name><Email>bob@example.net"
		"</Email></Forwardee><Forwardee><Email>eve@example.net</Email></Forwardee>"
		"</Forwardees><Body xmlns=\"AirSyncBase\"><Type>1</Type><Data>come along"
		"</Data></Body>";
	struct itip in;

	receive(f, BOSS, "REQUEST", SINGLE);
	smart(f, "SmartForward", folder, "", list);
	assert_string_equal(f->xml, "");
	in = forwarded(f);
	assert_int_equal(in.method, ITIP_REQUEST);
	assert_string_equal(in.comment, "come along");
	assert_non_null(strstr(f->sent_before, "Subject: FW: Tides\r\n"));
	assert_non_null(strstr(f->sent_before, "\"Bob B Lee\" <bob@example.net>"));
	assert_non_null(strstr(f->sent_before, "<eve@example.net>"));
	smart(f, "SmartForward", folder,
	      "<InstanceId>2026-12-01T09:00:00.000Z</InstanceId>", list);
	assert_status(f, "146");
	/* They are for what is in the calendar. */
	smart(f, "SmartForward", f->inbox, "", list);
	assert_status(f, "150");
	assert_int_equal(f->n_sent, 2);
}

static void
a_mail_that_invites_is_forwarded_as_an_invitation(void **state)
{
	struct eas_fixture *f = *state;
	struct itip in;

	receive(f, BOSS, "REQUEST", SERIES);
	smart(f, "SmartForward", f->inbox, "", "<Mime>" TEXT "</Mime>");
	assert_string_equal(f->xml, "");
	/* The invitation first, then word of it to an organizer who is elsewhere. */
	assert_int_equal(f->n_sent, 2);
	assert_non_null(strstr(f->sent_message, "To: <" BOSS ">"));
	assert_non_null(
		strstr(f->sent_message, "Subject: Meeting Forward Notification: Tides"));
	assert_null(strstr(f->sent_message, "text/calendar"));
	/* Who is invited anyway is no news. */
	smart(f, "SmartForward", f->inbox, "",
	      "<Mime>To: ben@example.com&#13;\nSubject: Re: Tides&#13;\n&#13;\nwords"
	      "</Mime>");
	assert_int_equal(f->n_sent, 3);
	in = sent(f);
	assert_int_equal(in.method, ITIP_REQUEST);
	assert_non_null(in.event->recur);
	assert_string_equal(in.event->organizer_email, BOSS);
	assert_int_equal(in.event->dtstamp.at.month, 11);
	assert_int_equal(in.event->dtstamp.at.day, 1);
	assert_int_equal(in.event->intended, PIM_BUSY_BUSY);
	assert_non_null(strstr(f->sent_message, "To: ben@example.com"));
	assert_non_null(strstr(f->sent_message, "words"));
	assert_null(strstr(f->sent_message, "message/rfc822"));
}

static void
an_organizer_who_is_here_gets_the_new_attendees(void **state)
{
	struct eas_fixture *f = *state;
	uint64_t id;
	struct itip in;

	assert_ok(store_user_add(f->store, SPAN("boss@example.org"), SPAN("Boss"),
	                         SPAN(""), &id));
	receive(f, "boss@example.org", "REQUEST",
	        HEAD("REQUEST") EVENT("0", "20261101T000000Z", "01", "09",
	                              "ORGANIZER:mailto:boss@example.org\r\n"
	                              "ATTENDEE;PARTSTAT=TENTATIVE:mailto:" USER "\r\n")
	                TAIL);
	smart(f, "SmartForward", eas_folder(f, STORE_ROLE_CALENDAR), "",
	      "<Forwardees><Forwardee><Name>Bob Lee</Name><Email>bob@example.net</Email>"
	      "</Forwardee></Forwardees>");
	assert_string_equal(f->xml, "");
	assert_int_equal(f->n_sent, 2);
	assert_non_null(strstr(f->sent_message, "To: <boss@example.org>"));
	in = sent(f);
	assert_int_equal(in.method, ITIP_COUNTER);
	assert_string_equal(in.sender->email, USER);
	assert_int_equal(in.sender->partstat, PIM_PARTSTAT_TENTATIVE);
	assert_string_equal(in.sender->next->email, "bob@example.net");
	assert_string_equal(in.sender->next->name, "Bob Lee");
	assert_null(in.sender->next->next);
	assert_int_equal(in.event->start.at.hour, 9);
}

static void
the_organizers_own_forward_invites(void **state)
{
	struct eas_fixture *f = *state;
	uint32_t folder = eas_folder(f, STORE_ROLE_CALENDAR);
	static const char list[] =
		"<Forwardees><Forwardee><Name>Bob</Name><Email>bob@example.net</Email>"
		"</Forwardee></Forwardees>";
	const struct pim_event *e;
	struct itip in;

	own_meeting(f, "RRULE:FREQ=WEEKLY;BYDAY=TU;COUNT=4\r\n");
	smart(f, "SmartForward", folder, "", list);
	assert_string_equal(f->xml, "");
	assert_int_equal(f->n_sent, 1);
	in = sent(f);
	assert_int_equal(in.method, ITIP_REQUEST);
	assert_non_null(pim_event_attendee(in.event, "bob@example.net"));
	e = event(f);
	assert_non_null(pim_event_attendee(e, "bob@example.net"));
	assert_int_equal(pim_event_attendee(e, "bob@example.net")->partstat,
	                 PIM_PARTSTAT_NEEDS_ACTION);
	assert_int_equal(pim_event_attendee(e, "ben@example.com")->partstat,
	                 PIM_PARTSTAT_ACCEPTED);
	/* To one instance alone. */
	smart(f, "SmartForward", folder,
	      "<InstanceId>2026-12-08T09:00:00.000Z</InstanceId>",
	      "<Forwardees><Forwardee><Email>eve@example.net</Email></Forwardee>"
	      "</Forwardees>");
	assert_string_equal(f->xml, "");
	e = event(f);
	assert_null(pim_event_attendee(e, "eve@example.net"));
	assert_non_null(e->exceptions);
	assert_non_null(pim_event_attendee(e->exceptions, "eve@example.net"));
	in = sent(f);
	assert_non_null(pim_event_attendee(in.event, "eve@example.net"));
	assert_int_equal(in.event->recurrence_id.at.day, 8);
}

static void
nothing_changes_while_mail_cannot_be_sent(void **state)
{
	struct eas_fixture *f = *state;
	uint32_t uid = receive(f, BOSS, "REQUEST", SINGLE);

	f->sent_rc = RC_AGAIN;
	respond(f, f->inbox, uid, "1", "<SendResponse/>");
	assert_int_equal(f->http_status, 503);
	assert_int_equal(event(f)->response, PIM_RESPONSE_NONE_YET);
	assert_int_equal(eas_exists(f, f->inbox), 1);
	f->sent_rc = RC_OK;
	respond(f, f->inbox, uid, "1", "<SendResponse/>");
	assert_status(f, "1");
	assert_int_equal(f->n_sent, 1);
}

#define T(name) cmocka_unit_test_setup_teardown(name, eas_setup, eas_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(an_invitation_tells_the_meeting),
		T(the_event_stands_in_the_calendar_before_any_answer),
		T(every_kind_of_meeting_mail_has_its_class),
		T(an_accepted_meeting_is_answered_in_the_calendar),
		T(the_organizer_hears_the_answer_once),
		T(a_declined_meeting_leaves_the_calendar),
		T(a_declined_meeting_can_still_be_accepted),
		T(the_mind_can_be_changed_in_the_calendar),
		T(one_instance_is_answered_alone),
		T(another_time_is_proposed),
		T(who_forbids_it_gets_no_other_time_proposed),
		T(what_is_no_invitation_is_status_2),
		T(an_outdated_invitation_answers_the_newest),
		T(an_update_that_changes_no_time_only_informs),
		T(a_forwarded_invitation_is_no_event_until_it_is_accepted),
		T(who_was_invited_by_an_alias_answers_by_it),
		T(an_answer_in_html_goes_out_as_text),
		T(more_than_100_answers_are_too_many),
		T(an_invitation_to_one_instance_says_which),
		T(an_instance_without_its_series_is_an_orphan),
		T(what_an_attendee_is_to_be_is_told_with_the_request),
		T(each_recurrence_is_told_with_the_request),
		T(the_id_of_outlook_is_told_as_it_is),
		T(who_sent_it_for_another_is_told),
		T(a_proposed_time_is_taken_over),
		T(a_proposed_time_is_declined),
		T(of_a_series_one_instance_is_moved_as_proposed),
		T(a_reply_to_an_event_quotes_it),
		T(a_reply_to_an_instance_that_is_none_has_a_status),
		T(an_event_is_forwarded_as_an_invitation),
		T(forwardees_get_the_invitation_without_a_message_of_the_device),
		T(a_mail_that_invites_is_forwarded_as_an_invitation),
		T(an_organizer_who_is_here_gets_the_new_attendees),
		T(the_organizers_own_forward_invites),
		T(nothing_changes_while_mail_cannot_be_sent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
