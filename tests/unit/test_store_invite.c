/* SPDX-License-Identifier: ISC
 *
 * test_store_invite.c - mail about meetings and the calendar of who gets it.
 */
#include "store/store_invite.h"

#include "base/log.h"
#include "store/store_deliver.h"
#include "tests/unit/store_fixture.h"

#define BOSS "boss@example.com"
#define USER "a@example.org" /* the fixture's */

#define HEAD(method)                                                                     \
	"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x//y//EN\r\nMETHOD:" method "\r\n"
#define TAIL "END:VCALENDAR\r\n"
#define PEOPLE(organizer)                                                                \
	"ORGANIZER:mailto:" organizer "\r\n"                                             \
	"ATTENDEE;RSVP=TRUE;PARTSTAT=NEEDS-ACTION:mailto:" USER "\r\n"                   \
	"ATTENDEE;PARTSTAT=NEEDS-ACTION:mailto:ben@example.com\r\n"
#define EVENT(uid, seq, stamp, start, end, more)                                         \
	"BEGIN:VEVENT\r\nUID:" uid "\r\nSEQUENCE:" seq "\r\nDTSTAMP:" stamp "\r\n"       \
	"DTSTART:" start "\r\nDTEND:" end "\r\nSUMMARY:Tides\r\n" more "END:VEVENT\r\n"

#define REQUEST(seq, stamp, start, end)                                                  \
	HEAD("REQUEST") EVENT("u1", seq, stamp, start, end, PEOPLE(BOSS)) TAIL
#define FIRST REQUEST("0", "20261101T000000Z", "20261201T090000Z", "20261201T100000Z")

static char *
mail_of(struct fixture *f, const char *from, const char *calendar)
{
	return arena_printf(
		f->a,
		"From: %s\r\nTo: %s\r\nSubject: Tides\r\nMIME-Version: 1.0\r\n"
		"Content-Type: multipart/alternative; boundary=b\r\n\r\n"
		"--b\r\nContent-Type: text/plain\r\n\r\nsee the calendar\r\n"
		"--b\r\nContent-Type: text/calendar; charset=utf-8; method=x\r\n\r\n"
		"%s\r\n--b--\r\n",
		from, USER, calendar);
}

static void
deliver_to(struct fixture *f, uint64_t user, enum store_role folder, const char *mail)
{
	AUTO(store_content)
	struct store_content *content = NULL;
	struct store_actor who = { .protocol = "smtp" };
	struct store_delivery d = { .user = user, .folder = folder };

	assert_ok(store_content_new_mail(f->s, span_str(mail), &content));
	assert_ok(store_deliver(f->s, content, &who, 777, &d, 1));
	assert_int_not_equal(d.uid, 0);
	fixture_check(f, user);
}

static void
deliver(struct fixture *f, const char *from, const char *calendar)
{
	deliver_to(f, f->user, STORE_ROLE_INBOX, mail_of(f, from, calendar));
}

static struct pim_event *
event(struct fixture *f, const char *uid)
{
	struct store_tx *tx = fixture_read(f);
	struct store_item item;
	struct pim_event *e = NULL;
	enum rc rc = store_invite_find(tx, uid, f->a, &item, &e);

	store_tx_free(tx);
	if (rc == RC_NOT_FOUND)
		return NULL;
	assert_ok(rc);
	assert_true(item.received_ms == pim_event_last_ms(e));
	return e;
}

static size_t
items(struct fixture *f)
{
	uint32_t id = fixture_folder(f, f->user, STORE_ROLE_CALENDAR);
	struct store_tx *tx = fixture_read(f);
	uint32_t *uids;
	size_t n;

	assert_ok(store_item_uids(tx, id, f->a, &uids, &n));
	store_tx_free(tx);
	return n;
}

/* An event of the user's own, with ben as its guest. */
static void
own_meeting(struct fixture *f, const char *organizer)
{
	char *text = arena_printf(
		f->a,
		"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VEVENT\r\nUID:own\r\n"
		"DTSTAMP:20261101T000000Z\r\nSEQUENCE:1\r\nDTSTART:20261201T090000Z\r\n"
		"DTEND:20261201T100000Z\r\nRRULE:FREQ=DAILY;COUNT=5\r\n"
		"SUMMARY:Own\r\n%s%s%s"
		"ATTENDEE;PARTSTAT=NEEDS-ACTION:mailto:ben@example.com\r\n"
		"END:VEVENT\r\nEND:VCALENDAR\r\n",
		organizer ? "ORGANIZER:mailto:" : "", organizer ? organizer : "",
		organizer ? "\r\n" : "");
	struct store_tx *tx = fixture_write(f, 0);
	struct store_item item;
	struct pim_event *e;

	assert_ok(pim_event_parse(span_str(text), f->a, &e));
	assert_ok(store_invite_save(tx, NULL, e, &item));
	assert_ok(store_commit(&tx));
}

#define REPLY(attendee, stamp, state, more)                                              \
	HEAD("REPLY")                                                                    \
	"BEGIN:VEVENT\r\nUID:own\r\nSEQUENCE:1\r\nDTSTAMP:" stamp                        \
	"\r\nORGANIZER:mailto:" USER "\r\nATTENDEE;PARTSTAT=" state ":mailto:" attendee  \
	"\r\n" more "END:VEVENT\r\n" TAIL

static void
an_invitation_becomes_a_tentative_event(void **state)
{
	struct fixture *f = *state;
	const struct pim_event *e;

	deliver(f, "Boss <" BOSS ">", FIRST);
	e = event(f, "u1");
	assert_non_null(e);
	assert_string_equal(e->subject, "Tides");
	assert_int_equal(e->busy, PIM_BUSY_TENTATIVE);
	assert_int_equal(e->intended, PIM_BUSY_BUSY);
	assert_int_equal(e->meeting, PIM_MEETING | PIM_MEETING_RECEIVED);
	assert_int_equal(e->response, PIM_RESPONSE_NONE_YET);
	assert_true(e->response_requested);
	/* The same mail once more is no second event. */
	deliver(f, BOSS, FIRST);
	assert_int_equal(items(f), 1);
}

static void
what_looks_like_junk_stays_out_of_the_calendar(void **state)
{
	struct fixture *f = *state;

	deliver_to(f, f->user, STORE_ROLE_JUNK, mail_of(f, BOSS, FIRST));
	assert_null(event(f, "u1"));
}

static void
the_newest_update_counts_in_whatever_order_they_come(void **state)
{
	struct fixture *f = *state;

	deliver(f, BOSS, FIRST);
	deliver(f, BOSS,
	        REQUEST("2", "20261103T000000Z", "20261203T090000Z", "20261203T100000Z"));
	deliver(f, BOSS,
	        REQUEST("1", "20261104T000000Z", "20261202T090000Z", "20261202T100000Z"));
	assert_int_equal(event(f, "u1")->start.at.day, 3);
	deliver(f, BOSS,
	        REQUEST("2", "20261105T000000Z", "20261204T090000Z", "20261204T100000Z"));
	assert_int_equal(event(f, "u1")->start.at.day, 4);
	assert_int_equal(items(f), 1);
}

static void
an_update_keeps_the_answer_while_the_time_stays(void **state)
{
	struct fixture *f = *state;
	struct store_tx *tx;
	struct store_item item;
	struct pim_event *e;

	deliver(f, BOSS, FIRST);
	tx = fixture_write(f, 0);
	assert_ok(store_invite_find(tx, "u1", f->a, &item, &e));
	e->response = PIM_RESPONSE_ACCEPTED;
	e->busy = PIM_BUSY_BUSY;
	assert_ok(store_invite_save(tx, &item, e, &item));
	assert_ok(store_commit(&tx));
	deliver(f, BOSS,
	        REQUEST("1", "20261102T000000Z", "20261201T090000Z", "20261201T100000Z"));
	assert_int_equal(event(f, "u1")->response, PIM_RESPONSE_ACCEPTED);
	assert_int_equal(event(f, "u1")->busy, PIM_BUSY_BUSY);
	deliver(f, BOSS,
	        REQUEST("2", "20261103T000000Z", "20261208T090000Z", "20261208T100000Z"));
	assert_int_equal(event(f, "u1")->response, PIM_RESPONSE_NONE_YET);
	assert_int_equal(event(f, "u1")->busy, PIM_BUSY_TENTATIVE);
}

static void
a_cancellation_marks_the_event(void **state)
{
	struct fixture *f = *state;

	deliver(f, BOSS, FIRST);
	deliver(f, BOSS,
	        HEAD("CANCEL") EVENT("u1", "1", "20261102T000000Z", "20261201T090000Z",
	                             "20261201T100000Z", PEOPLE(BOSS)) TAIL);
	assert_int_equal(event(f, "u1")->meeting,
	                 PIM_MEETING | PIM_MEETING_RECEIVED | PIM_MEETING_CANCELLED);
	assert_int_equal(event(f, "u1")->busy, PIM_BUSY_FREE);
}

#define SERIES                                                                           \
	HEAD("REQUEST")                                                                  \
	EVENT("u1", "0", "20261101T000000Z", "20261201T090000Z", "20261201T100000Z",     \
	      "RRULE:FREQ=DAILY;COUNT=5\r\n" PEOPLE(BOSS))                               \
	TAIL

static void
one_instance_can_be_moved_and_another_cancelled(void **state)
{
	struct fixture *f = *state;
	const struct pim_event *e, *x;

	deliver(f, BOSS, SERIES);
	deliver(f, BOSS,
	        HEAD("REQUEST") EVENT("u1", "1", "20261102T000000Z", "20261202T150000Z",
	                              "20261202T160000Z",
	                              "RECURRENCE-ID:20261202T090000Z\r\n" PEOPLE(BOSS))
	                TAIL);
	deliver(f, BOSS,
	        HEAD("CANCEL") EVENT("u1", "1", "20261102T000000Z", "20261203T090000Z",
	                             "20261203T100000Z",
	                             "RECURRENCE-ID:20261203T090000Z\r\n" PEOPLE(BOSS))
	                TAIL);
	e = event(f, "u1");
	assert_non_null(e->recur);
	assert_false(e->meeting & PIM_MEETING_CANCELLED);
	x = pim_event_exception(
		e, civil_to_seconds(&(struct civil){ 2026, 12, 2, 9, 0, 0 }), NULL);
	assert_non_null(x);
	assert_int_equal(x->start.at.hour, 15);
	x = pim_event_exception(
		e, civil_to_seconds(&(struct civil){ 2026, 12, 3, 9, 0, 0 }), NULL);
	assert_non_null(x);
	assert_true(x->meeting & PIM_MEETING_CANCELLED);
	assert_int_equal(items(f), 1);
}

static void
an_answer_is_noted_with_the_organizers_event(void **state)
{
	struct fixture *f = *state;
	const struct pim_attendee *ben;

	own_meeting(f, USER);
	deliver(f, "Ben <ben@example.com>",
	        REPLY("ben@example.com", "20261102T000000Z", "ACCEPTED", ""));
	ben = pim_event_attendee(event(f, "own"), "ben@example.com");
	assert_int_equal(ben->partstat, PIM_PARTSTAT_ACCEPTED);
	/* An older one that comes later. */
	deliver(f, "ben@example.com",
	        REPLY("ben@example.com", "20261101T120000Z", "DECLINED", ""));
	ben = pim_event_attendee(event(f, "own"), "ben@example.com");
	assert_int_equal(ben->partstat, PIM_PARTSTAT_ACCEPTED);
	/* Of one instance alone. */
	deliver(f, "ben@example.com",
	        REPLY("ben@example.com", "20261103T000000Z", "DECLINED",
	              "RECURRENCE-ID:20261203T090000Z\r\n"));
	ben = pim_event_attendee(event(f, "own"), "ben@example.com");
	assert_int_equal(ben->partstat, PIM_PARTSTAT_ACCEPTED);
	ben = pim_event_attendee(event(f, "own")->exceptions, "ben@example.com");
	assert_int_equal(ben->partstat, PIM_PARTSTAT_DECLINED);
}

static void
a_proposed_time_is_noted_with_who_proposes_it(void **state)
{
	struct fixture *f = *state;
	const struct pim_attendee *ben;

	own_meeting(f, USER);
	deliver(f, "ben@example.com",
	        HEAD("COUNTER") EVENT("own", "1", "20261102T000000Z", "20261201T140000Z",
	                              "20261201T150000Z",
	                              "ORGANIZER:mailto:" USER
	                              "\r\nATTENDEE;PARTSTAT=TENTATIVE:mailto:ben@"
	                              "example.com\r\n") TAIL);
	ben = pim_event_attendee(event(f, "own"), "ben@example.com");
	assert_int_equal(ben->partstat, PIM_PARTSTAT_TENTATIVE);
	assert_int_equal(ben->proposed_start.at.hour, 14);
	assert_int_equal(event(f, "own")->start.at.hour, 9);
}

#define ADD(organizer, seq, start)                                                       \
	HEAD("ADD")                                                                      \
	EVENT("u1", seq, "20261102T000000Z", start, start,                               \
	      "ORGANIZER:mailto:" organizer "\r\nATTENDEE:mailto:" USER "\r\n")          \
	TAIL

static void
the_organizer_adds_instances(void **state)
{
	struct fixture *f = *state;

	deliver(f, BOSS, SERIES);
	/* Not another one, nor in the organizer's name. */
	deliver(f, "eve@example.net", ADD("eve@example.net", "1", "20261224T090000Z"));
	deliver(f, "eve@example.net", ADD(BOSS, "1", "20261224T090000Z"));
	assert_null(event(f, "u1")->exceptions);
	deliver(f, BOSS, ADD(BOSS, "1", "20261224T090000Z"));
	assert_non_null(event(f, "u1")->exceptions);
	assert_int_equal(event(f, "u1")->exceptions->start.at.day, 24);
	assert_int_equal(event(f, "u1")->n_rdates, 1);
	/* To what is not there nothing can be added. */
	deliver(f, BOSS,
	        HEAD("ADD") EVENT("u9", "1", "20261102T000000Z", "20261224T090000Z",
	                          "20261224T100000Z", PEOPLE(BOSS)) TAIL);
	assert_null(event(f, "u9"));
}

#define FORWARD(sender, other)                                                           \
	HEAD("COUNTER")                                                                  \
	EVENT("own", "1", "20261102T000000Z", "20261201T090000Z", "20261201T100000Z",    \
	      "ORGANIZER:mailto:" USER "\r\nATTENDEE;PARTSTAT=ACCEPTED:mailto:" sender   \
	      "\r\nATTENDEE:mailto:" other "\r\n")                                       \
	TAIL

static void
who_is_forwarded_a_meeting_comes_to_its_attendees(void **state)
{
	struct fixture *f = *state;
	const struct pim_attendee *dan;

	own_meeting(f, USER);
	/* By somebody who was not invited himself, or in another's name. */
	deliver(f, "eve@example.net", FORWARD("eve@example.net", "mal@example.net"));
	deliver(f, "eve@example.net", FORWARD("ben@example.com", "mal@example.net"));
	assert_null(event(f, "own")->attendees->next);
	deliver(f, "ben@example.com", FORWARD("ben@example.com", "dan@example.com"));
	dan = pim_event_attendee(event(f, "own"), "dan@example.com");
	assert_non_null(dan);
	assert_int_equal(dan->partstat, PIM_PARTSTAT_NEEDS_ACTION);
	assert_int_equal(pim_event_attendee(event(f, "own"), "ben@example.com")->partstat,
	                 PIM_PARTSTAT_NEEDS_ACTION);
	/* And then answers like the others. */
	deliver(f, "dan@example.com",
	        REPLY("dan@example.com", "20261103T000000Z", "ACCEPTED", ""));
	dan = pim_event_attendee(event(f, "own"), "dan@example.com");
	assert_int_equal(dan->partstat, PIM_PARTSTAT_ACCEPTED);
}

/* What the calendar says to it by itself; .method PUBLISH: nothing. */
static struct store_invite_answer
answer_to(struct fixture *f, const char *from, const char *calendar)
{
	const char *mail = mail_of(f, from, calendar);
	struct span raw = span_str(mail);
	struct store_invite *in = store_invite_new(mime_parse(raw, NULL, f->a), raw);
	struct store_invite_answer r = { .method = ITIP_PUBLISH };
	struct store_tx *tx = fixture_write(f, 0);
	bool asks;
	enum rc rc;

	assert_non_null(in);
	assert_ok(store_invite_apply(tx, in, SPAN(USER), &asks));
	assert_ok(store_commit(&tx));
	tx = fixture_read(f);
	rc = store_invite_answer(tx, in, SPAN(USER), f->a, &r);
	store_tx_free(tx);
	store_invite_free(in);
	assert_int_equal(rc, asks ? RC_OK : RC_NOT_FOUND);
	return r;
}

#define REFRESH(attendee)                                                                \
	HEAD("REFRESH")                                                                  \
	"BEGIN:VEVENT\r\nUID:own\r\nDTSTAMP:20261102T000000Z\r\n"                        \
	"ORGANIZER:mailto:" USER "\r\nATTENDEE:mailto:" attendee                         \
	"\r\nEND:VEVENT\r\n" TAIL

static void
an_attendee_who_asks_gets_the_meeting(void **state)
{
	struct fixture *f = *state;
	struct store_invite_answer r;
	struct itip in;

	assert_int_equal(
		answer_to(f, "ben@example.com", REFRESH("ben@example.com")).method,
		ITIP_PUBLISH);
	own_meeting(f, USER);
	r = answer_to(f, "ben@example.com", REFRESH("ben@example.com"));
	assert_int_equal(r.method, ITIP_REQUEST);
	assert_true(span_is(r.to, "ben@example.com"));
	assert_true(span_is(r.subject, "Own"));
	assert_ok(itip_parse(r.calendar, f->a, &in));
	assert_int_equal(in.method, ITIP_REQUEST);
	assert_non_null(in.event->recur);
	/* Not somebody who is not invited, or one in another's name. */
	r = answer_to(f, "eve@example.net", REFRESH("eve@example.net"));
	assert_int_equal(r.method, ITIP_PUBLISH);
	r = answer_to(f, "eve@example.net", REFRESH("ben@example.com"));
	assert_int_equal(r.method, ITIP_PUBLISH);
}

static void
an_addition_to_what_is_not_there_asks_for_all_of_it(void **state)
{
	struct fixture *f = *state;
	struct store_invite_answer r;
	struct itip in;

	r = answer_to(f, BOSS, ADD(BOSS, "1", "20261224T090000Z"));
	assert_int_equal(r.method, ITIP_REFRESH);
	assert_true(span_is(r.to, BOSS));
	assert_ok(itip_parse(r.calendar, f->a, &in));
	assert_int_equal(in.method, ITIP_REFRESH);
	assert_string_equal(in.event->uid, "u1");
	assert_string_equal(in.sender->email, USER);
	/* What it said goes to nobody. */
	assert_null(in.event->subject);
	assert_int_equal(r.subject.n, 0);
	/* To others, and of others, it says nothing. */
	r = answer_to(f, "eve@example.net", ADD(BOSS, "1", "20261224T090000Z"));
	assert_int_equal(r.method, ITIP_PUBLISH);
	r = answer_to(f, BOSS,
	              HEAD("ADD") EVENT("u1", "1", "20261102T000000Z", "20261224T090000Z",
	                                "20261224T100000Z",
	                                "ORGANIZER:mailto:" BOSS "\r\n") TAIL);
	assert_int_equal(r.method, ITIP_PUBLISH);
	deliver(f, BOSS, SERIES);
	r = answer_to(f, BOSS, ADD(BOSS, "1", "20261224T090000Z"));
	assert_int_equal(r.method, ITIP_PUBLISH);
}

static void
strangers_change_nothing(void **state)
{
	static const char *const answers[] = {
		/* One who was not invited. */
		REPLY("eve@example.net", "20261109T000000Z", "ACCEPTED", ""),
		/* In another's name. */
		REPLY("ben@example.com", "20261109T000000Z", "DECLINED", ""),
		HEAD("CANCEL") EVENT("u1", "9", "20261109T000000Z", "20261201T090000Z",
		                     "20261201T100000Z", PEOPLE(BOSS)) TAIL,
		HEAD("CANCEL") EVENT("u1", "9", "20261109T000000Z", "20261201T090000Z",
		                     "20261201T100000Z", PEOPLE("eve@example.net")) TAIL,
		REQUEST("9", "20261109T000000Z", "20261209T090000Z", "20261209T100000Z"),
		/* The meeting of another with the same name. */
		HEAD("REQUEST") EVENT("u1", "9", "20261109T000000Z", "20261209T090000Z",
		                      "20261209T100000Z", PEOPLE("eve@example.net")) TAIL,
		/* What is the user's own is not to be invited to, or cancelled. */
		HEAD("REQUEST") EVENT("own", "9", "20261109T000000Z", "20261209T090000Z",
		                      "20261209T100000Z", PEOPLE("eve@example.net")) TAIL,
		HEAD("REQUEST") EVENT("own", "9", "20261109T000000Z", "20261209T090000Z",
		                      "20261209T100000Z", PEOPLE(USER)) TAIL,
		HEAD("CANCEL") EVENT("own", "9", "20261109T000000Z", "20261201T090000Z",
		                     "20261201T100000Z", PEOPLE(USER)) TAIL,
		/* A new one in another's name. */
		HEAD("REQUEST") EVENT("u2", "0", "20261109T000000Z", "20261209T090000Z",
		                      "20261209T100000Z", PEOPLE(BOSS)) TAIL,
	};
	static const char *const forged[] = { "eve@example.net",
		                              "boss@example.com, eve@example.net",
		                              "\"boss@example.com\" <eve@example.net>",
		                              "boss@example.com.example.net" };
	struct fixture *f = *state;

	own_meeting(f, USER);
	deliver(f, BOSS, FIRST);
	for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
		for (size_t k = 0; k < ARRAY_LEN(forged); k++)
			deliver(f, forged[k], answers[i]);
	}
	assert_int_equal(items(f), 2);
	assert_int_equal(event(f, "u1")->start.at.day, 1);
	assert_false(event(f, "u1")->meeting & PIM_MEETING_CANCELLED);
	assert_int_equal(event(f, "own")->start.at.day, 1);
	assert_null(event(f, "own")->attendees->next);
	assert_int_equal(event(f, "own")->attendees->partstat, PIM_PARTSTAT_NEEDS_ACTION);
	assert_false(event(f, "own")->meeting & PIM_MEETING_CANCELLED);
}

static void
an_event_without_an_organizer_is_nobody_elses_to_change(void **state)
{
	struct fixture *f = *state;

	own_meeting(f, NULL);
	deliver(f, BOSS,
	        HEAD("REQUEST") EVENT("own", "9", "20261109T000000Z", "20261209T090000Z",
	                              "20261209T100000Z", PEOPLE(BOSS)) TAIL);
	assert_int_equal(event(f, "own")->start.at.day, 1);
}

static void
who_sends_for_the_organizer_is_believed(void **state)
{
	struct fixture *f = *state;

	deliver(f, "assistant@example.com",
	        HEAD("REQUEST") EVENT("u1", "0", "20261109T000000Z", "20261209T090000Z",
	                              "20261209T100000Z",
	                              "ORGANIZER;SENT-BY=\"mailto:assistant@example.com\""
	                              ":mailto:" BOSS "\r\nATTENDEE:mailto:" USER "\r\n")
	                TAIL);
	assert_non_null(event(f, "u1"));
}

static void
an_event_in_another_calendar_is_found_there(void **state)
{
	struct fixture *f = *state;
	struct store_tx *tx;
	struct store_item item;
	struct pim_event *e;
	uint32_t work, moved;

	deliver(f, BOSS, FIRST);
	tx = fixture_write(f, 0);
	assert_ok(store_collection_create(tx, 0, SPAN("Work"), STORE_CLASS_CALENDAR,
	                                  STORE_ROLE_NONE, &work));
	assert_ok(store_invite_find(tx, "u1", f->a, &item, &e));
	assert_ok(store_item_move(tx, item.collection, item.uid, work, &moved));
	assert_ok(store_commit(&tx));
	deliver(f, BOSS,
	        REQUEST("1", "20261102T000000Z", "20261202T090000Z", "20261202T100000Z"));
	assert_int_equal(items(f), 0);
	assert_int_equal(event(f, "u1")->start.at.day, 2);
}

static void
hostile_calendars_are_delivered_and_do_no_harm(void **state)
{
	static const char *const texts[] = {
		"",
		"BEGIN:VCALENDAR\r\n",
		HEAD("REQUEST") TAIL,
		HEAD("REQUEST") "BEGIN:VEVENT\r\nEND:VEVENT\r\n" TAIL,
		HEAD("REQUEST") "BEGIN:VEVENT\r\nUID:\r\nEND:VEVENT\r\n" TAIL,
		HEAD("NONSENSE") EVENT("u1", "0", "20261101T000000Z", "x", "y", "") TAIL,
		HEAD("REQUEST")
			EVENT("u3", "4294967295", "99999999T999999Z", "99991231T235959Z",
		              "00000101T000000Z", PEOPLE(BOSS)) TAIL,
		HEAD("REQUEST")
			EVENT("u4", "0", "20261101T000000Z", "20261201T090000Z",
		              "20261201T100000Z",
		              "RRULE:FREQ=SECONDLY;COUNT=999999999\r\n" PEOPLE(BOSS))
				TAIL,
		HEAD("REQUEST") EVENT("u5", "0", "20261101T000000Z", "20261201T090000Z",
		                      "20261201T100000Z",
		                      "RRULE:FREQ=SECONDLY;BYMONTH=2;BYMONTHDAY=30;"
		                      "UNTIL=99991231T000000Z\r\n" PEOPLE(BOSS)) TAIL,
	};
	struct fixture *f = *state;
	AUTO_DONE(buf) struct buf many = BUF_INIT(0);

	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		deliver(f, BOSS, texts[i]);
	buf_add_str(&many, HEAD("REQUEST"));
	for (int i = 0; i < 1100; i++)
		buf_addf(
			&many,
			"BEGIN:VEVENT\r\nUID:u6\r\nRECURRENCE-ID:20261201T%02d%02d00Z\r\n"
			"ORGANIZER:mailto:" BOSS "\r\nEND:VEVENT\r\n",
			i / 60, i % 60);
	buf_add_str(&many, TAIL);
	deliver(f, BOSS, arena_strndup(f->a, buf_span(&many)));
	assert_null(event(f, "u6"));
	buf_clear(&many);
	buf_add_str(&many, HEAD("REQUEST"));
	for (int i = 0; i < 60000; i++)
		buf_addf(&many, "X-LONG:%032d\r\n", i);
	buf_add_str(&many, EVENT("u7", "0", "20261101T000000Z", "20261201T090000Z",
	                         "20261201T100000Z", PEOPLE(BOSS)) TAIL);
	deliver(f, BOSS, arena_strndup(f->a, buf_span(&many)));
	assert_null(event(f, "u7"));
}

static uint64_t
statements_of(struct fixture *f, const char *mail)
{
	AUTO(store_content)
	struct store_content *content = NULL;
	struct store_actor who = { .protocol = "smtp" };
	struct store_delivery d = { .user = f->user, .folder = STORE_ROLE_INBOX };
	struct store_stats before, after;

	assert_ok(store_content_new_mail(f->s, span_str(mail), &content));
	store_stats(f->s, &before);
	assert_ok(store_deliver(f->s, content, &who, 777, &d, 1));
	store_stats(f->s, &after);
	return after.statements - before.statements;
}

static void
only_mail_about_meetings_costs_more_statements(void **state)
{
	struct fixture *f = *state;
	uint64_t plain = statements_of(f, "Subject: x\r\n\r\nno meeting\r\n");
	const char *no_event = "BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n";

	assert_int_equal(statements_of(f, mail_of(f, BOSS, no_event)), plain);
	assert_true(statements_of(f, mail_of(f, BOSS, FIRST)) > plain);
}

static void
an_invitation_to_many_reaches_each_calendar(void **state)
{
	struct fixture *f = *state;
	AUTO(store_content)
	struct store_content *content = NULL;
	struct store_actor who = { .protocol = "smtp" };
	struct store_delivery d[5];
	char name[16];

	for (int i = 0; i < 5; i++) {
		snprintf(name, sizeof(name), "m%d", i);
		d[i] = (struct store_delivery){ .user = fixture_user(f, name),
			                        .folder = STORE_ROLE_INBOX };
	}
	assert_ok(store_content_new_mail_copies(f->s, span_str(mail_of(f, BOSS, FIRST)),
	                                        5, &content));
	assert_ok(store_deliver(f->s, content, &who, 777, d, 5));
	for (int i = 0; i < 5; i++) {
		f->user = d[i].user;
		assert_non_null(event(f, "u1"));
	}
}

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

static void
quiet(enum log_level level, const char *line, void *arg)
{
	(void)level;
	(void)line;
	(void)arg;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(an_invitation_becomes_a_tentative_event),
		T(what_looks_like_junk_stays_out_of_the_calendar),
		T(the_newest_update_counts_in_whatever_order_they_come),
		T(an_update_keeps_the_answer_while_the_time_stays),
		T(a_cancellation_marks_the_event),
		T(one_instance_can_be_moved_and_another_cancelled),
		T(an_answer_is_noted_with_the_organizers_event),
		T(a_proposed_time_is_noted_with_who_proposes_it),
		T(the_organizer_adds_instances),
		T(who_is_forwarded_a_meeting_comes_to_its_attendees),
		T(an_attendee_who_asks_gets_the_meeting),
		T(an_addition_to_what_is_not_there_asks_for_all_of_it),
		T(strangers_change_nothing),
		T(an_event_without_an_organizer_is_nobody_elses_to_change),
		T(who_sends_for_the_organizer_is_believed),
		T(an_event_in_another_calendar_is_found_there),
		T(hostile_calendars_are_delivered_and_do_no_harm),
		T(only_mail_about_meetings_costs_more_statements),
		T(an_invitation_to_many_reaches_each_calendar),
	};

	log_set_sink(quiet, NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
