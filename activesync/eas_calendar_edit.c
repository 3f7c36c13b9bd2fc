/* SPDX-License-Identifier: ISC
 *
 * eas_calendar_edit.c - what a device makes of an event: [MS-ASCAL] 2.2.2, 3.1.5.3.
 *
 * Until 14.1 the device sends a series with all its exceptions, and its invitations
 * itself. From 16.0 on it changes one instance at a time (InstanceId), and the server
 * tells the attendees.
 */
#include <stddef.h>

#include "activesync/eas_calendar.h"
#include "activesync/eas_event_files.h"
#include "activesync/eas_meeting.h"
#include "activesync/eas_recur.h"
#include "base/clock.h"

#define HALF_HOUR 1800
#define ATTENDEES_MAX 5000
#define EXCEPTIONS_MAX 1000

/* --- times --- */

static struct pim_time
all_day_of(const struct eas_edit_request *q, int64_t utc, const struct tzone *zone)
{
	struct civil c;

	if (q->c->query.version < 160)
		return pim_date_of_midnight(utc, zone);
	civil_from_seconds(utc, &c);
	return pim_date(c.year, c.month, c.day);
}

static enum rc
take_moment(const struct eas_edit_request *q, wbxml_tag tag, bool *ret_given,
            int64_t *ret)
{
	const struct wbxml_node *n = wbxml_child(q->data, tag);

	*ret_given = n && n->text.n > 0;
	return *ret_given ? eas_time_parse(n->text, ret) : RC_OK;
}

/* 3.2.4.4: what is absent is taken from the next half hour. RC_INVALID: that cannot be.
 */
static enum rc
default_times(const struct eas_edit_request *q, bool *start, int64_t *start_s, bool *end,
              int64_t *end_s, bool all_day)
{
	int64_t now = clock_wall_ms() / 1000;
	int64_t rounded = (now + HALF_HOUR - 1) / HALF_HOUR * HALF_HOUR;

	if (q->old)
		return RC_OK;
	if (!*start)
		*start_s = rounded;
	if (!*end && all_day)
		*end_s = *start_s + INT64_C(86400);
	else if (!*end && *start && *start_s > now)
		return RC_INVALID;
	else if (!*end)
		*end_s = rounded + HALF_HOUR;
	*start = *end = true;
	return RC_OK;
}

static bool
takes_all_day(const struct eas_edit_request *q, const struct pim_event *e, bool start)
{
	const struct wbxml_node *n = wbxml_child(q->data, WBXML_CALENDAR_ALLDAYEVENT);

	if (n)
		return span_is(n->text, "1");
	/* At 16.x a Change is the whole item, and the default is 0. */
	if (q->old && q->c->query.version >= 160 && start)
		return false;
	return e->start.kind == PIM_TIME_DATE;
}

/* Times that the device gives back as it was shown them: how they are written stays. */
static bool
is_as_it_was(const struct eas_edit_request *q, const struct pim_event *e, int64_t start,
             int64_t end, const struct tzone *zone)
{
	struct pim_time first, last;

	if (e->start.kind == PIM_TIME_NONE || zone != eas_calendar_zone(e))
		return false;
	if (!pim_event_is_all_day(e))
		return start == pim_time_utc(&e->start, zone) &&
		       end == pim_time_utc(&e->end, zone);
	first = all_day_of(q, start, zone);
	last = all_day_of(q, end, zone);
	return pim_time_eq(&first, &e->start) && pim_time_eq(&last, &e->end);
}

static enum rc
take_times(const struct eas_edit_request *q, struct pim_event *e,
           const struct tzone *zone)
{
	bool has_start, has_end, all_day;
	int64_t start = 0, end = 0;
	enum rc rc = take_moment(q, WBXML_CALENDAR_STARTTIME, &has_start, &start);

	if (rc == RC_OK)
		rc = take_moment(q, WBXML_CALENDAR_ENDTIME, &has_end, &end);
	if (rc != RC_OK)
		return rc;
	all_day = takes_all_day(q, e, has_start);
	if (e->start.kind == PIM_TIME_NONE)
		rc = default_times(q, &has_start, &start, &has_end, &end, all_day);
	if (rc != RC_OK)
		return rc;
	/* One of them alone, or only the kind, is changed against the other as it is. */
	if (!has_start)
		start = pim_time_utc(&e->start, zone);
	if (!has_end)
		end = pim_time_utc(&e->end, zone);
	if (end < start)
		return RC_INVALID;
	if (all_day == pim_event_is_all_day(e) &&
	    ((!has_start && !has_end) || is_as_it_was(q, e, start, end, zone)))
		return RC_OK;
	if (!all_day) {
		e->start = pim_time_of(start, zone);
		e->end = pim_time_of(end, zone);
		return RC_OK;
	}
	e->start = all_day_of(q, start, zone);
	e->end = all_day_of(q, end, zone);
	e->zone = zone;
	if (pim_time_utc(&e->end, NULL) <= pim_time_utc(&e->start, NULL)) {
		struct civil c;

		civil_from_seconds(pim_time_utc(&e->start, NULL) + 86400, &c);
		e->end = pim_date(c.year, c.month, c.day);
	}
	return RC_OK;
}

static enum rc
take_zone(const struct eas_edit_request *q, const struct pim_event *e,
          const struct tzone **ret)
{
	const struct wbxml_node *n = wbxml_child(q->data, WBXML_CALENDAR_TIMEZONE);
	const struct tzone *now = eas_calendar_zone(e);
	AUTO_DONE(buf) struct buf shown = BUF_INIT(512);

	*ret = now;
	if (!n || n->text.n == 0)
		return RC_OK;
	if (q->old) {
		tzone_to_blob(now, pim_time_utc(&e->start, now), &shown);
		if (span_eq(span_trim(n->text), buf_span(&shown)))
			return RC_OK; /* other zones may have the same rules and names */
	}
	return tzone_from_blob(n->text, now == tzone_utc() ? NULL : now, q->c->arena,
	                       ret);
}

/* --- what an event and an exception have alike --- */

static void
take_location(const struct eas_edit_request *q, struct pim_event *e)
{
	static const struct eas_text_field name[] = {
		{ WBXML_CALENDAR_LOCATION, offsetof(struct pim_location, name) },
	};
	const struct wbxml_node *n;
	struct eas_edit_request inner = *q;

	if (q->c->query.version < 160) {
		eas_take_texts(q, name, 1, &e->location);
		return;
	}
	/* Two clients that speak 16.1 send what went before it (MS-ASCAL 2.2.2.28). */
	if (!wbxml_child(q->data, WBXML_AIRSYNCBASE_LOCATION) &&
	    wbxml_child(q->data, WBXML_CALENDAR_LOCATION)) {
		e->location = (struct pim_location){ 0 };
		eas_take_texts(q, name, 1, &e->location);
		return;
	}
	switch (eas_take(q, WBXML_AIRSYNCBASE_LOCATION, &n)) {
	case EAS_TAKE_KEEP:
		break;
	case EAS_TAKE_CLEAR:
		e->location = (struct pim_location){ 0 };
		break;
	case EAS_TAKE_SET:
		e->location = (struct pim_location){ 0 };
		inner.data = n;
		inner.old = NULL;
		eas_take_texts(&inner, eas_location_fields, EAS_LOCATION_FIELDS,
		               &e->location);
		break;
	}
}

static enum rc
take_attendee(const struct eas_edit_request *q, const struct wbxml_node *n,
              const struct pim_event *old, struct pim_attendee *ret)
{
	const struct wbxml_node *email = wbxml_child(n, WBXML_CALENDAR_EMAIL);
	const struct wbxml_node *name = wbxml_child(n, WBXML_CALENDAR_NAME);
	const struct pim_attendee *was;
	uint32_t type = PIM_ATTENDEE_REQUIRED, state;

	*ret = (struct pim_attendee){ .partstat = PIM_PARTSTAT_NEEDS_ACTION,
		                      .rsvp = true };
	ret->email = email ? eas_text_of(email, q->c->arena) : NULL;
	if (!ret->email)
		return RC_NOT_FOUND;
	was = pim_event_attendee(old, ret->email);
	if (was)
		*ret = *was;
	ret->next = NULL;
	/* Who has no name was shown by the address. */
	const char *text = name ? eas_text_of(name, q->c->arena) : NULL;
	if (name && !(text && strcasecmp(text, ret->email) == 0))
		ret->name = text;
	if (wbxml_child_u32(n, WBXML_CALENDAR_ATTENDEETYPE, 3, &type) == RC_INVALID)
		return RC_INVALID;
	if (type >= PIM_ATTENDEE_REQUIRED)
		ret->type = (enum pim_attendee_type)type;
	if (!was &&
	    wbxml_child_u32(n, WBXML_CALENDAR_ATTENDEESTATUS, 5, &state) == RC_OK &&
	    state != 0 && state != 1)
		ret->partstat = (enum pim_partstat)state;
	return RC_OK;
}

static enum rc
take_attendees(const struct eas_edit_request *q, struct pim_event *e)
{
	const struct wbxml_node *n;
	struct pim_attendee *list = NULL, **end = &list;
	enum eas_take take = eas_take(q, WBXML_CALENDAR_ATTENDEES, &n);
	size_t count = 0;

	if (take == EAS_TAKE_KEEP)
		return RC_OK;
	/* Who was invited leaves the others out; they are not his to remove. */
	if (take == EAS_TAKE_CLEAR && !n && !eas_calendar_is_own(e, q->c->user.address))
		return RC_OK;
	for (n = wbxml_child(n, WBXML_CALENDAR_ATTENDEE); n;
	     n = wbxml_next(n, WBXML_CALENDAR_ATTENDEE)) {
		struct pim_attendee *x = arena_new_of(q->c->arena, struct pim_attendee);
		enum rc rc = take_attendee(q, n, e, x);

		if (rc == RC_NOT_FOUND)
			continue;
		if (rc != RC_OK || ++count > ATTENDEES_MAX)
			return RC_INVALID;
		*end = x;
		end = &x->next;
	}
	e->attendees = list;
	return RC_OK;
}

static enum rc
take_reminder(const struct eas_edit_request *q, struct pim_event *e)
{
	uint32_t minutes = UINT32_MAX;
	enum rc rc;

	if (e->reminder_min >= 0)
		minutes = (uint32_t)e->reminder_min;
	rc = eas_take_u32(q, WBXML_CALENDAR_REMINDER, INT32_MAX, UINT32_MAX, &minutes);
	e->reminder_min = minutes == UINT32_MAX ? PIM_NO_REMINDER : (int32_t)minutes;
	return rc;
}

static enum rc
take_common(const struct eas_edit_request *q, struct pim_event *e,
            const struct tzone *zone)
{
	static const struct eas_text_field fields[] = {
		{ WBXML_CALENDAR_SUBJECT, offsetof(struct pim_event, subject) },
	};
	uint32_t busy = e->busy, sensitivity = e->sensitivity, meeting = e->meeting;
	uint32_t shown = eas_calendar_meeting(e, q->c->user.address);
	enum rc rc;

	eas_take_texts(q, fields, ARRAY_LEN(fields), e);
	take_location(q, e);
	rc = take_times(q, e, zone);
	if (rc == RC_OK)
		rc = eas_take_body(q, &e->body);
	if (rc == RC_OK)
		rc = eas_take_list(q, WBXML_CALENDAR_CATEGORIES, WBXML_CALENDAR_CATEGORY,
		                   &e->categories);
	if (rc == RC_OK)
		rc = eas_take_u32(q, WBXML_CALENDAR_BUSYSTATUS, 4, PIM_BUSY_BUSY, &busy);
	if (rc == RC_OK)
		rc = eas_take_u32(q, WBXML_CALENDAR_SENSITIVITY, 3,
		                  PIM_SENSITIVITY_NORMAL, &sensitivity);
	/* 2.2.2.28: 9 to 15 mean what 1 to 7 do. */
	if (rc == RC_OK)
		rc = eas_take_u32(q, WBXML_CALENDAR_MEETINGSTATUS, 15, e->meeting,
		                  &meeting);
	if (rc == RC_OK)
		rc = take_reminder(q, e);
	if (rc == RC_OK)
		rc = eas_event_files_take(q, e);
	if (rc == RC_OK)
		rc = take_attendees(q, e);
	if (rc != RC_OK)
		return rc;
	e->busy = (enum pim_busy)busy;
	e->sensitivity = (enum pim_sensitivity)sensitivity;
	if (meeting != shown) /* else attendees and organizer say it */
		e->meeting = meeting &
		             (PIM_MEETING | PIM_MEETING_RECEIVED | PIM_MEETING_CANCELLED);
	return RC_OK;
}

/* --- the series --- */

/* A rule that the device was not told of is not its to remove. */
static bool
is_hidden_rule(const struct pim_event *e, const struct tzone *zone)
{
	struct recur_eas r;

	return e->recur && recur_to_eas(e->recur, &e->start, zone, &r) != RC_OK;
}

static enum rc
take_recurrence(const struct eas_edit_request *q, struct pim_event *e,
                const struct tzone *zone)
{
	const struct wbxml_node *n;
	struct recur_eas r;
	struct recur *rule;
	enum rc rc;

	switch (eas_take(q, WBXML_CALENDAR_RECURRENCE, &n)) {
	case EAS_TAKE_KEEP:
		return RC_OK;
	case EAS_TAKE_CLEAR:
		if (!n && is_hidden_rule(e, zone))
			return RC_OK;
		e->recur = NULL;
		e->exceptions = NULL;
		e->exdates = NULL;
		e->n_exdates = 0;
		return RC_OK;
	case EAS_TAKE_SET:
		break;
	}
	rc = eas_recur_read(n, &eas_recur_calendar, &r);
	if (rc != RC_OK)
		return rc;
	rule = arena_new_of(q->c->arena, struct recur);
	rc = recur_change_eas(e->recur, &r, &e->start, zone, q->c->arena, rule);
	if (rc == RC_OK)
		e->recur = rule;
	return rc;
}

/* What is not named in an exception is as in the series (2.2.2.21). */
static void
inherit(struct pim_event *x, const struct pim_event *e, const struct tzone *zone)
{
	int64_t length = pim_time_utc(&e->end, zone) - pim_time_utc(&e->start, zone);

	x->subject = e->subject;
	x->location = e->location;
	x->body = e->body;
	x->categories = e->categories;
	x->busy = e->busy;
	x->sensitivity = e->sensitivity;
	x->reminder_min = e->reminder_min;
	x->attendees = e->attendees;
	x->start = x->recurrence_id;
	if (x->start.kind == PIM_TIME_DATE) {
		struct civil c;

		civil_from_seconds(civil_to_seconds(&x->start.at) + length, &c);
		x->end = pim_date(c.year, c.month, c.day);
	} else {
		x->end = pim_time_of(pim_time_utc(&x->start, zone) + length, zone);
	}
}

/* The original start that an ExceptionStartTime or InstanceId names. */
static enum rc
original_of(const struct eas_edit_request *q, const struct pim_event *e, struct span text,
            const struct tzone *zone, int64_t *ret)
{
	enum rc rc = eas_time_parse(text, ret);
	struct pim_time day;

	if (rc == RC_OK && pim_event_is_all_day(e)) {
		day = all_day_of(q, *ret, zone);
		*ret = pim_time_utc(&day, zone);
	}
	return rc;
}

static enum rc
take_exception(const struct eas_edit_request *q, struct pim_event *e,
               const struct wbxml_node *n, const struct tzone *zone)
{
	struct pim_event *x;
	struct eas_edit_request inner = *q;
	struct span text = wbxml_child_text(n, WBXML_CALENDAR_EXCEPTIONSTARTTIME);
	int64_t original;
	enum rc rc;

	if (text.n == 0)
		text = wbxml_child_text(n, WBXML_AIRSYNCBASE_INSTANCEID);
	rc = original_of(q, e, text, zone, &original);
	if (rc != RC_OK)
		return rc;
	if (span_is(wbxml_child_text(n, WBXML_CALENDAR_DELETED), "1")) {
		rc = pim_event_instance_delete(e, original, zone, q->c->arena);
		return rc == RC_NOT_FOUND ? RC_OK : rc;
	}
	inner.data = n;
	inner.old = NULL;
	x = pim_event_exception_add(e, original, zone, q->c->arena);
	inherit(x, e, zone);
	return take_common(&inner, x, zone);
}

/* Until 14.1. One that is not named stays as it is (3.2.4.5, "Removing Exceptions"). */
static enum rc
take_exceptions(const struct eas_edit_request *q, struct pim_event *e,
                const struct tzone *zone)
{
	const struct wbxml_node *list = wbxml_child(q->data, WBXML_CALENDAR_EXCEPTIONS);
	size_t n = 0;
	enum rc rc = RC_OK;

	if (!list || !e->recur)
		return RC_OK;
	if (q->c->query.version >= 160 && q->old)
		return RC_OK; /* 2.2.2.22: not in a Change */
	for (const struct wbxml_node *i = wbxml_child(list, WBXML_CALENDAR_EXCEPTION);
	     i && rc == RC_OK; i = wbxml_next(i, WBXML_CALENDAR_EXCEPTION)) {
		if (n++ == EXCEPTIONS_MAX)
			return RC_TOO_BIG;
		rc = take_exception(q, e, i, zone);
	}
	return rc;
}

/* --- the command --- */

static void
take_names(const struct eas_edit_request *q, struct pim_event *e)
{
	struct arena *a = q->c->arena;
	const struct wbxml_node *uid = wbxml_child(q->data, WBXML_CALENDAR_UID);
	const struct wbxml_node *client = wbxml_child(q->data, WBXML_CALENDAR_CLIENTUID);
	const struct wbxml_node *email =
		wbxml_child(q->data, WBXML_CALENDAR_ORGANIZEREMAIL);
	const struct wbxml_node *name =
		wbxml_child(q->data, WBXML_CALENDAR_ORGANIZERNAME);

	if (!q->old && uid)
		e->uid = eas_text_of(uid, a);
	if (!q->old && client)
		e->client_uid = eas_text_of(client, a);
	if (!q->old && email && q->c->query.version < 160) {
		e->organizer_email = eas_text_of(email, a);
		e->organizer_name = name ? eas_text_of(name, a) : NULL;
	}
	if (e->attendees && !e->organizer_email) {
		e->organizer_email = arena_strndup(a, q->c->user.address);
		e->organizer_name = arena_strndup(a, q->c->user.name);
	}
	if (!e->uid)
		e->uid = pim_uid_new(a);
}

static enum rc
take_reply_wishes(const struct eas_edit_request *q, struct pim_event *e)
{
	static const struct eas_text_field links[] = {
		{ WBXML_CALENDAR_ONLINEMEETINGCONFLINK,
		  offsetof(struct pim_event, online_conf_link) },
		{ WBXML_CALENDAR_ONLINEMEETINGEXTERNALLINK,
		  offsetof(struct pim_event, online_external_link) },
	};
	uint32_t requested = e->response_requested, disallow = e->disallow_new_time;
	enum rc rc = eas_take_u32(q, WBXML_CALENDAR_RESPONSEREQUESTED, 1, requested,
	                          &requested);

	if (rc == RC_OK)
		rc = eas_take_u32(q, WBXML_CALENDAR_DISALLOWNEWTIMEPROPOSAL, 1, disallow,
		                  &disallow);
	e->response_requested = requested != 0;
	e->disallow_new_time = disallow != 0;
	for (size_t i = 0; i < ARRAY_LEN(links); i++) {
		if (wbxml_child(q->data, links[i].tag))
			eas_take_texts(q, &links[i], 1, e);
	}
	return rc;
}

static enum rc
edit_whole(const struct eas_edit_request *q, struct pim_event *e,
           const struct pim_event *before)
{
	const struct tzone *zone;
	enum rc rc = take_zone(q, e, &zone);

	if (rc == RC_OK)
		rc = take_common(q, e, zone);
	if (rc == RC_OK)
		rc = take_recurrence(q, e, zone);
	/* 2.2.2.22. Before 16.0 a device that sends another series sends what is left of
	 * its exceptions with it. */
	if (rc == RC_OK && before && e->recur &&
	    (q->c->query.version >= 160 ||
	     wbxml_child(q->data, WBXML_CALENDAR_EXCEPTIONS)) &&
	    (!pim_time_eq(&e->start, &before->start) || !before->recur ||
	     !pim_time_eq(&e->end, &before->end) || !recur_eq(e->recur, before->recur))) {
		e->exceptions = NULL;
		e->exdates = NULL;
		e->n_exdates = 0;
	}
	if (rc == RC_OK)
		rc = take_exceptions(q, e, zone);
	if (rc == RC_OK)
		rc = take_reply_wishes(q, e);
	if (rc == RC_OK)
		take_names(q, e);
	return rc;
}

/* MS-ASAIRS 2.2.2.25: one instance of a series alone. */
static enum rc
edit_instance(const struct eas_edit_request *q, struct pim_event *e, struct span id)
{
	const struct tzone *zone = eas_calendar_zone(e);
	struct eas_edit_request inner = *q;
	int64_t original;
	enum rc rc = original_of(q, e, id, zone, &original);

	if (rc != RC_OK)
		return rc;
	if (!e->recur)
		return RC_INVALID;
	if (!q->data) {
		rc = pim_event_instance_delete(e, original, zone, q->c->arena);
		return rc;
	}
	inner.old = NULL; /* what is not named stays */
	return take_common(&inner,
	                   pim_event_exception_add(e, original, zone, q->c->arena), zone);
}

static enum rc
finish(const struct eas_edit_request *q, struct pim_event *e, struct eas_edit *ret)
{
	e->last_modified = pim_time_of(clock_wall_ms() / 1000, NULL);
	if (e->dtstamp.kind == PIM_TIME_NONE || q->c->query.version >= 160)
		e->dtstamp = e->last_modified;
	if (q->c->query.version < 160 && q->data) {
		enum rc rc = eas_take_time(q, WBXML_CALENDAR_DTSTAMP, &e->dtstamp);
		if (rc != RC_OK)
			return rc;
		if (e->dtstamp.kind == PIM_TIME_NONE)
			e->dtstamp = e->last_modified;
	}
	pim_event_write(e, &ret->content);
	ret->has_content = true;
	ret->set_object = true;
	ret->object = eas_pim_object(e->uid, q->c->arena);
	ret->set_received = true;
	ret->received_ms = eas_calendar_received_ms(e);
	return RC_OK;
}

static bool
is_over(const struct pim_event *e)
{
	return eas_calendar_received_ms(e) < clock_wall_ms();
}

enum rc
eas_calendar_edit(const struct eas_edit_request *q, struct eas_edit *ret)
{
	struct span instance = wbxml_child_text(q->command, WBXML_AIRSYNCBASE_INSTANCEID);
	struct pim_event *before = NULL, *e = NULL;
	bool tells = q->c->query.version >= 160;
	enum rc rc = RC_OK;

	if (q->old) {
		rc = pim_event_parse(q->base, q->c->arena, &before);
		if (rc == RC_OK)
			rc = pim_event_parse(q->base, q->c->arena, &e);
	} else {
		e = pim_event_new(q->c->arena);
		e->busy = PIM_BUSY_BUSY;
		e->reminder_min = PIM_NO_REMINDER;
	}
	if (rc != RC_OK)
		return q->data ? rc
		               : RC_OK; /* what cannot be read can still be removed */
	if (!q->data && instance.n == 0)
		return tells && !is_over(before)
		               ? eas_meeting_tell(q->c, before, NULL, &ret->mail)
		               : RC_OK;
	rc = instance.n > 0 ? edit_instance(q, e, instance) : edit_whole(q, e, before);
	if (rc == RC_OK && tells && !is_over(e))
		rc = eas_meeting_tell(q->c, before, e, &ret->mail);
	return rc == RC_OK ? finish(q, e, ret) : rc;
}
