/* SPDX-License-Identifier: ISC
 *
 * eas_invite.c - the meeting that a mail is about: [MS-ASEMAIL] 2.2.2.48, 2.2.2.49.
 */
#include "activesync/eas_invite.h"

#include "activesync/eas_calendar.h"
#include "activesync/eas_recur.h"
#include "format/goid.h"
#include "store/store_invite.h"

#define PART_MAX (2u << 20)
#define DAY_S INT64_C(86400)

enum rc
eas_invite_load(const struct eas_message *m, struct arena *a, struct itip *ret)
{
	const struct mime_part *part = itip_part(m->root);
	AUTO_DONE(buf) struct buf raw = BUF_INIT(0);
	AUTO_DONE(buf) struct buf text = BUF_INIT(PART_MAX);
	enum rc rc;

	if (!part || part->body_len > PART_MAX * 3)
		return RC_NOT_FOUND;
	rc = store_content_read(m->tx, m->item->content, part->body_at, part->body_len,
	                        &raw);
	if (rc != RC_OK)
		return rc;
	mime_decode_text(part, buf_span(&raw), &text);
	if (!buf_ok(&text) || itip_parse(arena_span(a, buf_span(&text)), a, ret) != RC_OK)
		return RC_NOT_FOUND;
	switch (ret->method) {
	case ITIP_REQUEST:
	case ITIP_CANCEL:
		return RC_OK;
	case ITIP_REPLY:
	case ITIP_COUNTER:
		return ret->sender ? RC_OK : RC_NOT_FOUND;
	case ITIP_PUBLISH:
	case ITIP_ADD:
	case ITIP_REFRESH:
	case ITIP_DECLINECOUNTER:
		break;
	}
	return RC_NOT_FOUND;
}

const char *
eas_invite_class(const struct itip *in)
{
	if (in->method == ITIP_REQUEST)
		return "IPM.Schedule.Meeting.Request";
	if (in->method == ITIP_CANCEL)
		return "IPM.Schedule.Meeting.Canceled";
	if (in->sender && in->sender->partstat == PIM_PARTSTAT_ACCEPTED)
		return "IPM.Schedule.Meeting.Resp.Pos";
	if (in->sender && in->sender->partstat == PIM_PARTSTAT_DECLINED)
		return "IPM.Schedule.Meeting.Resp.Neg";
	return "IPM.Schedule.Meeting.Resp.Tent";
}

/* MS-ASEMAIL has dateTime where MS-ASCAL has the compact form. */
static const char *
moment(const struct pim_event *e, const struct pim_time *t, uint16_t version,
       char ret[EAS_TIME_SIZE])
{
	if (t->kind == PIM_TIME_DATE && version >= 160)
		return eas_time_iso(civil_to_seconds(&t->at), ret);
	return eas_time_iso(pim_time_utc(t, pim_event_zone(e)), ret);
}

static bool
is_instance(const struct pim_event *e)
{
	return e->recurrence_id.kind != PIM_TIME_NONE;
}

/* 2.2.2.39: 0 single, 1 a series, 2 one instance of it, 3 an exception; from 16.0 on 4:
 * an instance of a series that the user was not invited to */
static unsigned
instance_type(const struct pim_event *e, const struct pim_event *stored, uint16_t version)
{
	if (!is_instance(e))
		return e->recur ? 1 : 0;
	if (version >= 160 && !(stored && stored->recur))
		return 4;
	return pim_time_eq(&e->recurrence_id, &e->start) ? 2 : 3;
}

static void
write_recurrences(const struct pim_event *e, uint16_t version, struct wbxml_writer *w)
{
	struct recur_eas r;

	if (!e->recur ||
	    recur_to_eas(e->recur, &e->start, pim_event_zone(e), &r) != RC_OK)
		return;
	wbxml_start(w, WBXML_EMAIL_RECURRENCES);
	wbxml_start(w, WBXML_EMAIL_RECURRENCE);
	eas_recur_write(&r, &eas_recur_email, version, w);
	wbxml_end(w);
	wbxml_end(w);
}

static void
write_organizer(const struct pim_event *e, struct arena *a, struct wbxml_writer *w)
{
	const char *email = e->organizer_email, *name = e->organizer_name;

	if (!email)
		return;
	if (name && *name)
		wbxml_str(w, WBXML_EMAIL_ORGANIZER,
		          arena_printf(a, "\"%s\" <%s>", name, email));
	else
		wbxml_str(w, WBXML_EMAIL_ORGANIZER, email);
}

static void
write_location(const struct pim_event *e, uint16_t version, struct wbxml_writer *w)
{
	if (version < 160) {
		if (e->location.name)
			wbxml_str(w, WBXML_EMAIL_LOCATION, e->location.name);
		return;
	}
	wbxml_start(w, WBXML_AIRSYNCBASE_LOCATION);
	eas_write_texts(eas_location_fields, EAS_LOCATION_FIELDS, &e->location, w);
	wbxml_end(w);
}

/* 2.2.2.37: until 14.1 the structure, then the UID itself */
static void
write_uid(const struct pim_event *e, uint16_t version, struct wbxml_writer *w)
{
	AUTO_DONE(buf) struct buf id = BUF_INIT(8192);
	struct civil day = { 0 };

	if (version >= 160) {
		wbxml_str(w, WBXML_CALENDAR_UID, e->uid);
		return;
	}
	if (is_instance(e))
		day = e->recurrence_id.at;
	goid_from_uid(e->uid, &day, &id);
	wbxml_text(w, WBXML_EMAIL_GLOBALOBJID, buf_span(&id));
}

/* Did the user answer before it came, and the answer stands? */
static bool
is_answered_before(const struct pim_event *e, const struct pim_event *now)
{
	return (now->response == PIM_RESPONSE_ACCEPTED ||
	        now->response == PIM_RESPONSE_TENTATIVE) &&
	       now->reply_time.kind != PIM_TIME_NONE &&
	       e->dtstamp.kind != PIM_TIME_NONE &&
	       pim_time_utc(&now->reply_time, NULL) < pim_time_utc(&e->dtstamp, NULL);
}

/* 2.2.2.47: 1 the first request, 2 an update, 3 one that needs no answer, 4 a newer one
 * has come since */
static unsigned
message_type(const struct pim_event *e, const struct pim_event *stored)
{
	const struct pim_event *now;

	if (!stored)
		return e->sequence > 0 ? 2 : 1;
	now = is_instance(e) ? pim_event_exception(
				       stored,
				       pim_time_utc(&e->recurrence_id, pim_event_zone(e)),
				       pim_event_zone(stored))
	                     : stored;
	if (now && now->sequence > e->sequence)
		return 4;
	if (now && is_answered_before(e, now))
		return 3;
	return e->sequence > 0 || is_instance(e) ? 2 : 1;
}

static void
write_zone(const struct pim_event *e, struct wbxml_writer *w)
{
	AUTO_DONE(buf) struct buf blob = BUF_INIT(512);
	const struct tzone *zone = pim_event_zone(e);

	tzone_to_blob(zone, pim_time_utc(&e->start, zone), &blob);
	wbxml_text(w, WBXML_EMAIL_TIMEZONE, buf_span(&blob));
}

static void
write_proposal(const struct pim_event *e, struct wbxml_writer *w)
{
	char time[EAS_TIME_SIZE];

	wbxml_str(w, WBXML_MEETINGRESPONSE_PROPOSEDSTARTTIME,
	          eas_time_compact(pim_time_utc(&e->start, pim_event_zone(e)), time));
	wbxml_str(w, WBXML_MEETINGRESPONSE_PROPOSEDENDTIME,
	          eas_time_compact(pim_time_utc(&e->end, pim_event_zone(e)), time));
}

static bool
is_shown(struct eas_call *c, const struct itip *in)
{
	bool is_own = in->event->organizer_email &&
	              span_ieq(span_str(in->event->organizer_email), c->user.address);

	if (in->method == ITIP_COUNTER)
		return c->query.version >= 161;
	return !is_own && (in->method == ITIP_REQUEST || in->method == ITIP_CANCEL);
}

void
eas_invite_write(struct eas_call *c, struct store_tx *tx, const struct itip *in,
                 struct arena *a, struct wbxml_writer *w)
{
	const struct pim_event *e = in->event;
	uint16_t version = c->query.version;
	struct pim_event *stored = NULL;
	struct store_item item;
	char time[EAS_TIME_SIZE];

	if (!is_shown(c, in))
		return;
	if (store_invite_find(tx, e->uid, a, &item, &stored) != RC_OK)
		stored = NULL;
	wbxml_start(w, WBXML_EMAIL_MEETINGREQUEST);
	wbxml_u64(w, WBXML_EMAIL_ALLDAYEVENT, pim_event_is_all_day(e));
	wbxml_str(w, WBXML_EMAIL_STARTTIME, moment(e, &e->start, version, time));
	wbxml_str(w, WBXML_EMAIL_DTSTAMP,
	          e->dtstamp.kind == PIM_TIME_NONE
	                  ? moment(e, &e->start, version, time)
	                  : eas_time_iso(pim_time_utc(&e->dtstamp, NULL), time));
	wbxml_str(w, WBXML_EMAIL_ENDTIME, moment(e, &e->end, version, time));
	wbxml_u64(w, WBXML_EMAIL_INSTANCETYPE, instance_type(e, stored, version));
	write_location(e, version, w);
	write_organizer(e, a, w);
	if (is_instance(e))
		wbxml_str(w, WBXML_EMAIL_RECURRENCEID,
		          moment(e, &e->recurrence_id, version, time));
	/* 2.2.2.63: in seconds, unlike an event's */
	if (e->reminder_min >= 0 && e->reminder_min <= 30 * DAY_S / 60)
		wbxml_u64(w, WBXML_EMAIL_REMINDER, (uint64_t)e->reminder_min * 60);
	wbxml_u64(w, WBXML_EMAIL_RESPONSEREQUESTED,
	          in->method == ITIP_REQUEST && e->response_requested);
	write_recurrences(e, version, w);
	wbxml_u64(w, WBXML_EMAIL_SENSITIVITY, e->sensitivity);
	wbxml_u64(w, WBXML_EMAIL_BUSYSTATUS,
	          in->method == ITIP_CANCEL                            ? PIM_BUSY_FREE
	          : e->intended == PIM_BUSY_ELSEWHERE && version < 160 ? PIM_BUSY_BUSY
	                                                               : e->intended);
	write_zone(e, w);
	write_uid(e, version, w);
	if (version >= 140)
		wbxml_u64(w, WBXML_EMAIL_DISALLOWNEWTIMEPROPOSAL, e->disallow_new_time);
	if (version >= 141)
		wbxml_u64(w, WBXML_EMAIL2_MEETINGMESSAGETYPE,
		          in->method == ITIP_REQUEST ? message_type(e, stored) : 0);
	if (in->method == ITIP_COUNTER)
		write_proposal(e, w);
	wbxml_end(w);
}
