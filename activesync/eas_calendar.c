/* SPDX-License-Identifier: ISC
 *
 * eas_calendar.c - the Calendar class as a device gets it: [MS-ASCAL] 2.2.2.
 *
 * Until 14.1 an all-day event is midnight to midnight in its zone; from 16.0 on it is
 * dates, written as if they were UTC, and has no zone. Exceptions say what differs from
 * the series.
 */
#include "activesync/eas_calendar.h"

#include <stddef.h>

#include "activesync/eas_event_files.h"
#include "activesync/eas_recur.h"

#define EXCEPTIONS_MAX 256 /* 2.2.2.21 */

struct view {
	struct eas_call *c;
	const struct eas_options *o;
	size_t limit;
	struct arena *a;
	struct wbxml_writer *w;
	uint16_t version;
};

const struct eas_text_field eas_location_fields[EAS_LOCATION_FIELDS] = {
	{ WBXML_AIRSYNCBASE_DISPLAYNAME, offsetof(struct pim_location, name) },
	{ WBXML_AIRSYNCBASE_ANNOTATION, offsetof(struct pim_location, annotation) },
	{ WBXML_AIRSYNCBASE_STREET, offsetof(struct pim_location, street) },
	{ WBXML_AIRSYNCBASE_CITY, offsetof(struct pim_location, city) },
	{ WBXML_AIRSYNCBASE_STATE, offsetof(struct pim_location, state) },
	{ WBXML_AIRSYNCBASE_COUNTRY, offsetof(struct pim_location, country) },
	{ WBXML_AIRSYNCBASE_POSTALCODE, offsetof(struct pim_location, postal_code) },
	{ WBXML_AIRSYNCBASE_LATITUDE, offsetof(struct pim_location, latitude) },
	{ WBXML_AIRSYNCBASE_LONGITUDE, offsetof(struct pim_location, longitude) },
	{ WBXML_AIRSYNCBASE_ACCURACY, offsetof(struct pim_location, accuracy) },
	{ WBXML_AIRSYNCBASE_ALTITUDE, offsetof(struct pim_location, altitude) },
	{ WBXML_AIRSYNCBASE_ALTITUDEACCURACY,
	  offsetof(struct pim_location, altitude_accuracy) },
	{ WBXML_AIRSYNCBASE_LOCATIONURI, offsetof(struct pim_location, uri) },
};

const struct tzone *
eas_calendar_zone(const struct pim_event *e)
{
	return pim_event_zone(e);
}

bool
eas_calendar_is_own(const struct pim_event *e, struct span address)
{
	return !e->organizer_email || span_ieq(span_str(e->organizer_email), address);
}

unsigned
eas_calendar_meeting(const struct pim_event *e, struct span address)
{
	unsigned m = e->meeting;

	if (e->attendees)
		m |= PIM_MEETING;
	if (!(m & PIM_MEETING))
		return 0;
	if (eas_calendar_is_own(e, address))
		return m & ~PIM_MEETING_RECEIVED;
	return m | PIM_MEETING_RECEIVED;
}

const char *
eas_calendar_time(const struct pim_event *e, const struct pim_time *t, uint16_t version,
                  char ret[EAS_TIME_SIZE])
{
	if (t->kind == PIM_TIME_DATE && version >= 160)
		return eas_time_compact(civil_to_seconds(&t->at), ret);
	return eas_time_compact(pim_time_utc(t, eas_calendar_zone(e)), ret);
}

int64_t
eas_calendar_received_ms(const struct pim_event *e)
{
	return pim_event_last_ms(e);
}

bool
eas_calendar_has_instance(const struct pim_event *e, int64_t original, struct arena *a)
{
	const struct tzone *zone = pim_event_zone(e);
	struct pim_instance *list;
	size_t n;

	if (pim_event_exception(e, original, zone))
		return true;
	if (pim_event_is_deleted(e, original, zone))
		return false;
	if (pim_event_expand(e, original, original + 1, zone, 100, a, &list, &n) !=
	            RC_OK &&
	    n == 0)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (list[i].original == original)
			return true;
	}
	return false;
}

static void
write_location(struct view *v, const struct pim_event *e)
{
	if (v->version < 160) {
		if (e->location.name)
			wbxml_str(v->w, WBXML_CALENDAR_LOCATION, e->location.name);
		return;
	}
	wbxml_start(v->w, WBXML_AIRSYNCBASE_LOCATION);
	eas_write_texts(eas_location_fields, EAS_LOCATION_FIELDS, &e->location, v->w);
	wbxml_end(v->w);
}

static void
write_attendees(struct view *v, const struct pim_attendee *list)
{
	char time[EAS_TIME_SIZE];

	if (!list)
		return;
	wbxml_start(v->w, WBXML_CALENDAR_ATTENDEES);
	for (const struct pim_attendee *i = list; i; i = i->next) {
		wbxml_start(v->w, WBXML_CALENDAR_ATTENDEE);
		wbxml_str(v->w, WBXML_CALENDAR_EMAIL, i->email);
		wbxml_str(v->w, WBXML_CALENDAR_NAME,
		          i->name && *i->name ? i->name : i->email);
		if (v->version >= 120) {
			wbxml_u64(v->w, WBXML_CALENDAR_ATTENDEESTATUS,
			          i->partstat == PIM_PARTSTAT_DELEGATED ? 0
			                                                : i->partstat);
			wbxml_u64(v->w, WBXML_CALENDAR_ATTENDEETYPE, i->type);
		}
		if (v->version >= 161 && i->proposed_start.kind != PIM_TIME_NONE) {
			wbxml_str(v->w, WBXML_MEETINGRESPONSE_PROPOSEDSTARTTIME,
			          eas_time_compact(pim_time_utc(&i->proposed_start, NULL),
			                           time));
			wbxml_str(v->w, WBXML_MEETINGRESPONSE_PROPOSEDENDTIME,
			          eas_time_compact(pim_time_utc(&i->proposed_end, NULL),
			                           time));
		}
		wbxml_end(v->w);
	}
	wbxml_end(v->w);
}

static void
write_times(struct view *v, const struct pim_event *zone_of, const struct pim_event *e)
{
	char time[EAS_TIME_SIZE];

	wbxml_str(v->w, WBXML_CALENDAR_STARTTIME,
	          eas_calendar_time(zone_of, &e->start, v->version, time));
	wbxml_str(v->w, WBXML_CALENDAR_ENDTIME,
	          eas_calendar_time(zone_of, &e->end, v->version, time));
	wbxml_u64(v->w, WBXML_CALENDAR_ALLDAYEVENT, pim_event_is_all_day(e));
	if (e->dtstamp.kind != PIM_TIME_NONE)
		wbxml_str(v->w, WBXML_CALENDAR_DTSTAMP,
		          eas_time_compact(pim_time_utc(&e->dtstamp, NULL), time));
}

static void
write_reply(struct view *v, const struct pim_event *e, unsigned meeting)
{
	enum pim_response response = e->response;
	char time[EAS_TIME_SIZE];

	if (v->version < 140 || !(meeting & PIM_MEETING))
		return;
	if (response == PIM_RESPONSE_NONE)
		response = meeting & PIM_MEETING_RECEIVED ? PIM_RESPONSE_NONE_YET
		                                          : PIM_RESPONSE_ORGANIZER;
	if (e->reply_time.kind != PIM_TIME_NONE)
		wbxml_str(v->w, WBXML_CALENDAR_APPOINTMENTREPLYTIME,
		          eas_time_compact(pim_time_utc(&e->reply_time, NULL), time));
	wbxml_u64(v->w, WBXML_CALENDAR_RESPONSETYPE, response);
}

static bool
same_text(const char *a, const char *b)
{
	return span_eq(span_str(a), span_str(b));
}

static bool
same_location(const struct pim_location *a, const struct pim_location *b)
{
	for (size_t i = 0; i < EAS_LOCATION_FIELDS; i++) {
		size_t at = eas_location_fields[i].at;
		const char *const *x = (const char *const *)((const char *)a + at);
		const char *const *y = (const char *const *)((const char *)b + at);

		if (!same_text(*x, *y))
			return false;
	}
	return true;
}

static bool
same_list(pim_strings a, pim_strings b)
{
	size_t i = 0;

	while (a && b && a[i] && b[i] && strcmp(a[i], b[i]) == 0)
		i++;
	return (!a || !a[i]) && (!b || !b[i]);
}

static bool
same_attendees(const struct pim_attendee *a, const struct pim_attendee *b)
{
	while (a && b && same_text(a->email, b->email) && a->partstat == b->partstat &&
	       a->type == b->type) {
		a = a->next;
		b = b->next;
	}
	return !a && !b;
}

/* An element that clears what the series has: empty. */
static void
write_differing(struct view *v, wbxml_tag tag, const char *text, const char *master)
{
	if (same_text(text, master))
		return;
	if (text && *text)
		wbxml_str(v->w, tag, text);
	else
		wbxml_empty(v->w, tag);
}

static void
write_differing_body(struct view *v, const struct pim_event *x, const struct pim_event *e)
{
	if (same_text(x->body.plain, e->body.plain) &&
	    same_text(x->body.html, e->body.html))
		return;
	eas_write_body(v->o, &x->body, true, v->version, v->limit, v->a, v->w);
}

static void
write_instance(struct view *v, const struct pim_event *e, const struct pim_time *original)
{
	char time[EAS_TIME_SIZE];

	wbxml_str(v->w,
	          v->version >= 160 ? WBXML_AIRSYNCBASE_INSTANCEID
	                            : WBXML_CALENDAR_EXCEPTIONSTARTTIME,
	          eas_calendar_time(e, original, v->version, time));
}

/* 2.2.2.21: what is not there is as in the series. */
static void
write_exception(struct view *v, const struct pim_event *e, const struct pim_event *x)
{
	unsigned meeting = eas_calendar_meeting(x, v->c->user.address);

	wbxml_start(v->w, WBXML_CALENDAR_EXCEPTION);
	write_instance(v, e, &x->recurrence_id);
	write_differing(v, WBXML_CALENDAR_SUBJECT, x->subject, e->subject);
	write_times(v, e, x);
	write_differing_body(v, x, e);
	if (v->version < 160)
		write_differing(v, WBXML_CALENDAR_LOCATION, x->location.name,
		                e->location.name);
	else if (!same_location(&x->location, &e->location))
		write_location(v, x);
	if (!same_list(x->categories, e->categories)) {
		if (x->categories && x->categories[0])
			eas_write_list(x->categories, WBXML_CALENDAR_CATEGORIES,
			               WBXML_CALENDAR_CATEGORY, v->w);
		else
			wbxml_empty(v->w, WBXML_CALENDAR_CATEGORIES);
	}
	if (x->sensitivity != e->sensitivity)
		wbxml_u64(v->w, WBXML_CALENDAR_SENSITIVITY, x->sensitivity);
	if (x->busy != e->busy)
		wbxml_u64(v->w, WBXML_CALENDAR_BUSYSTATUS, x->busy);
	if (x->reminder_min != e->reminder_min) {
		if (x->reminder_min >= 0)
			wbxml_u64(v->w, WBXML_CALENDAR_REMINDER,
			          (uint64_t)x->reminder_min);
		else
			wbxml_empty(v->w, WBXML_CALENDAR_REMINDER);
	}
	if (meeting != eas_calendar_meeting(e, v->c->user.address))
		wbxml_u64(v->w, WBXML_CALENDAR_MEETINGSTATUS, meeting);
	if (v->version >= 140 && !same_attendees(x->attendees, e->attendees))
		write_attendees(v, x->attendees);
	if (x->response != e->response)
		write_reply(v, x, meeting);
	wbxml_end(v->w);
}

static void
write_exceptions(struct view *v, const struct pim_event *e)
{
	size_t n = 0;

	if (!e->exceptions && e->n_exdates == 0)
		return;
	wbxml_start(v->w, WBXML_CALENDAR_EXCEPTIONS);
	for (const struct pim_event *x = e->exceptions; x && n < EXCEPTIONS_MAX;
	     x = x->next, n++)
		write_exception(v, e, x);
	for (size_t i = 0; i < e->n_exdates && n < EXCEPTIONS_MAX; i++, n++) {
		wbxml_start(v->w, WBXML_CALENDAR_EXCEPTION);
		wbxml_u64(v->w, WBXML_CALENDAR_DELETED, 1);
		write_instance(v, e, &e->exdates[i]);
		wbxml_end(v->w);
	}
	wbxml_end(v->w);
}

/* A rule that ActiveSync has no words for: the device sees the first instance alone. */
static void
write_series(struct view *v, const struct pim_event *e)
{
	struct recur_eas r;

	if (!e->recur ||
	    recur_to_eas(e->recur, &e->start, eas_calendar_zone(e), &r) != RC_OK)
		return;
	wbxml_start(v->w, WBXML_CALENDAR_RECURRENCE);
	eas_recur_write(&r, &eas_recur_calendar, v->version, v->w);
	wbxml_end(v->w);
	write_exceptions(v, e);
}

static void
write_zone(struct view *v, const struct pim_event *e)
{
	AUTO_DONE(buf) struct buf blob = BUF_INIT(512);
	const struct tzone *zone = eas_calendar_zone(e);

	if (pim_event_is_all_day(e) && v->version >= 160)
		return; /* 2.2.2.45 */
	tzone_to_blob(zone, pim_time_utc(&e->start, zone), &blob);
	wbxml_text(v->w, WBXML_CALENDAR_TIMEZONE, buf_span(&blob));
}

static void
write_meeting(struct view *v, const struct pim_event *e, unsigned meeting)
{
	wbxml_u64(v->w, WBXML_CALENDAR_MEETINGSTATUS, meeting);
	if (e->organizer_email) {
		wbxml_str(v->w, WBXML_CALENDAR_ORGANIZERNAME,
		          e->organizer_name ? e->organizer_name : e->organizer_email);
		wbxml_str(v->w, WBXML_CALENDAR_ORGANIZEREMAIL, e->organizer_email);
	}
	write_attendees(v, e->attendees);
	if (v->version >= 140 && (meeting & PIM_MEETING)) {
		wbxml_u64(v->w, WBXML_CALENDAR_RESPONSEREQUESTED, e->response_requested);
		wbxml_u64(v->w, WBXML_CALENDAR_DISALLOWNEWTIMEPROPOSAL,
		          e->disallow_new_time);
	}
	write_reply(v, e, meeting);
	if (v->version >= 141) {
		if (e->online_conf_link)
			wbxml_str(v->w, WBXML_CALENDAR_ONLINEMEETINGCONFLINK,
			          e->online_conf_link);
		if (e->online_external_link)
			wbxml_str(v->w, WBXML_CALENDAR_ONLINEMEETINGEXTERNALLINK,
			          e->online_external_link);
	}
}

enum rc
eas_calendar_write(struct eas_call *c, struct store_tx *tx, const struct store_item *item,
                   const struct eas_options *o, size_t limit, struct arena *a,
                   struct wbxml_writer *w)
{
	struct view v = { c, o, limit, a, w, c->query.version };
	struct pim_event *e;
	struct span text;
	enum rc rc = eas_pim_load(tx, item, a, &text);

	if (rc == RC_OK)
		rc = pim_event_parse(text, a, &e);
	if (rc != RC_OK)
		return rc;
	write_zone(&v, e);
	write_times(&v, e, e);
	if (e->subject)
		wbxml_str(w, WBXML_CALENDAR_SUBJECT, e->subject);
	if (e->uid)
		wbxml_str(w, WBXML_CALENDAR_UID, e->uid);
	/* MS-ASAIRS 2.2.2.25: one instance that the user was invited to alone */
	if (v.version >= 160 && e->recurrence_id.kind != PIM_TIME_NONE)
		write_instance(&v, e, &e->recurrence_id);
	if (v.version >= 160 && e->client_uid)
		wbxml_str(w, WBXML_CALENDAR_CLIENTUID, e->client_uid);
	write_location(&v, e);
	wbxml_u64(w, WBXML_CALENDAR_BUSYSTATUS,
	          e->busy == PIM_BUSY_ELSEWHERE && v.version < 160 ? PIM_BUSY_BUSY
	                                                           : e->busy);
	wbxml_u64(w, WBXML_CALENDAR_SENSITIVITY, e->sensitivity);
	if (e->reminder_min >= 0)
		wbxml_u64(w, WBXML_CALENDAR_REMINDER, (uint64_t)e->reminder_min);
	eas_write_list(e->categories, WBXML_CALENDAR_CATEGORIES, WBXML_CALENDAR_CATEGORY,
	               w);
	write_meeting(&v, e, eas_calendar_meeting(e, c->user.address));
	write_series(&v, e);
	if (v.version >= 160)
		eas_event_files_write(
			e, (struct eas_id){ item->collection, item->uid, 0 }, w);
	eas_write_body(o, &e->body, true, v.version, limit, a, w);
	if (v.version >= 120)
		wbxml_u64(w, WBXML_AIRSYNCBASE_NATIVEBODYTYPE,
		          e->body.html ? EAS_BODY_HTML : EAS_BODY_PLAIN);
	return RC_OK;
}

const struct eas_class eas_class_calendar = {
	.class = STORE_CLASS_CALENDAR,
	.name = "Calendar",
	.filters = 1u << 0 | 1u << 4 | 1u << 5 | 1u << 6 | 1u << 7,
	.user_type = 13,
	.write = eas_calendar_write,
	.edit = eas_calendar_edit,
};
