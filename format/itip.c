/* SPDX-License-Identifier: ISC
 *
 * itip.c - reading and writing the messages of RFC 5546.
 */
#include "format/itip.h"

#include <strings.h>

#include "format/ical.h"
#include "format/itip_private.h"

/* What Outlook looks for when somebody asks for another time (MS-OXCICAL 2.1.3.1.1.20).
 */
#define ORIGINAL_START "X-MS-OLK-ORIGINALSTART"
#define ORIGINAL_END "X-MS-OLK-ORIGINALEND"

#define TEXT_MAX (5u << 20)
#define COMPONENTS_MAX 1000

static const char *const names[] = {
#define X(name) #name,
	ITIP_METHOD_LIST(X)
#undef X
};

const char *
itip_method_str(enum itip_method m)
{
	return names[m];
}

void
itip_strip(struct vobj *o)
{
	struct vobj_prop **at = &o->props;

	while (*at) {
		if (strncasecmp((*at)->name, "X-GODWIT-", 9) == 0 ||
		    strcasecmp((*at)->name, "X-MICROSOFT-CDO-REPLYTIME") == 0)
			*at = (*at)->next;
		else
			at = &(*at)->next;
	}
	for (struct vobj_prop *p = o->props; p; p = p->next) {
		struct vobj_param **i = &p->params;
		while (*i) {
			if (strncasecmp((*i)->name, "X-GODWIT-", 9) == 0)
				*i = (*i)->next;
			else
				i = &(*i)->next;
		}
	}
	for (struct vobj *c = vobj_child(o, "VALARM"); c; c = vobj_child(o, "VALARM"))
		vobj_remove_child(o, c);
}

static void
set_time(struct vobj *o, const char *name, const struct pim_time *t, struct arena *a)
{
	struct vobj_prop *p = vobj_find(o, name);

	if (t->kind == PIM_TIME_NONE)
		return;
	if (!p)
		p = vobj_add(o, a, name, span_str(""));
	pim_write_time(p, t, a);
}

static void
set_stamp(struct vobj *o, const struct itip_spec *spec, struct arena *a)
{
	struct pim_time now = pim_time_of(spec->now, NULL);

	set_time(o, "DTSTAMP", &now, a);
	if (spec->comment && *spec->comment)
		vobj_add_text(o, a, "COMMENT", spec->comment);
}

static struct vobj *
new_cal(const struct itip_spec *spec, struct arena *a)
{
	struct vobj *cal = vobj_new(a, "VCALENDAR");

	vobj_add(cal, a, "PRODID", SPAN("-//Godwit//Godwit//EN"));
	vobj_add(cal, a, "VERSION", SPAN("2.0"));
	vobj_add(cal, a, "METHOD", span_str(names[spec->method]));
	return cal;
}

/* The event that the message is about: all of it, or one instance of it. */
static struct pim_event *
subject_of(const struct itip_spec *spec, struct arena *a)
{
	struct pim_event *e = pim_event_copy(spec->event, a);

	if (spec->instance == INT64_MIN || e->recurrence_id.kind != PIM_TIME_NONE)
		return e;
	return pim_event_exception_add(e, spec->instance, spec->zone, a);
}

/* REQUEST and the like */

/* Who has not answered is asked to. */
static void
ask_attendees(struct vobj *o, const struct pim_event *e, struct arena *a)
{
	for (struct vobj_prop *p = vobj_find(o, "ATTENDEE"); p;
	     p = vobj_find_next(p, "ATTENDEE")) {
		if (!vobj_param(p, "PARTSTAT", a))
			vobj_param_set(p, a, "PARTSTAT", "NEEDS-ACTION");
		if (vobj_param_has(p, "PARTSTAT", "NEEDS-ACTION") &&
		    e->response_requested)
			vobj_param_set(p, a, "RSVP", "TRUE");
	}
}

/* Outlook shows a meeting as tentative until it is answered, then as it is meant. */
static void
say_busy(struct vobj *o, enum pim_busy busy, struct arena *a)
{
	static const char *const states[] = { "FREE", "TENTATIVE", "BUSY", "OOF",
		                              "WORKINGELSEWHERE" };

	pim_set_raw(o, "X-MICROSOFT-CDO-INTENDEDSTATUS", states[busy % 5], a);
	pim_set_raw(o, "X-MICROSOFT-CDO-BUSYSTATUS",
	            busy == PIM_BUSY_FREE ? "FREE" : "TENTATIVE", a);
}

static void
write_component(const struct itip_spec *spec, struct vobj *o, const struct pim_event *e,
                struct arena *a)
{
	itip_strip(o);
	vobj_remove_all(o, "COMMENT");
	set_stamp(o, spec, a);
	if (!vobj_find(o, "SEQUENCE"))
		vobj_add(o, a, "SEQUENCE", SPAN("0"));
	if (spec->method == ITIP_CANCEL) {
		pim_set_raw(o, "STATUS", "CANCELLED", a);
	} else {
		ask_attendees(o, e, a);
		/* Who forwards it says what it was meant to be, not what he made of it.
		 */
		say_busy(o, e->meeting & PIM_MEETING_RECEIVED ? e->intended : e->busy, a);
	}
}

static bool
is_wanted(const struct itip_spec *spec, const struct pim_event *about,
          const struct vobj *o)
{
	bool is_exception = vobj_find(o, "RECURRENCE-ID") != NULL;

	if (about->recurrence_id.kind != PIM_TIME_NONE)
		return is_exception;
	/* The series is off, and its exceptions with it. */
	return spec->method != ITIP_CANCEL || !is_exception;
}

static void
write_request(const struct itip_spec *spec, struct pim_event *about, struct arena *a,
              struct buf *out)
{
	struct vobj *cal = new_cal(spec, a);

	if (about->recurrence_id.kind != PIM_TIME_NONE)
		about->exceptions = NULL;
	about->cal = about->recurrence_id.kind == PIM_TIME_NONE ? about->cal : NULL;
	struct vobj *tree = pim_event_tree(about, a);
	for (struct vobj *c = tree->first, *next; c; c = next) {
		next = c->next;
		c->next = NULL;
		if (strcmp(c->name, "VTIMEZONE") == 0) {
			vobj_add_child(cal, c);
		} else if (strcmp(c->name, "VEVENT") == 0 && is_wanted(spec, about, c)) {
			write_component(spec, c, about, a);
			vobj_add_child(cal, c);
		}
	}
	ical_add_zones(cal, a);
	vobj_write(cal, out);
}

/* REPLY and the like */

static void
add_people(struct vobj *o, const struct itip_spec *spec, const struct pim_event *about,
           struct arena *a)
{
	struct pim_event was = { 0 }, is = { .organizer_email = about->organizer_email,
		                             .organizer_name = about->organizer_name };
	struct pim_attendee who = { .email = spec->attendee_email,
		                    .name = spec->attendee_name,
		                    .partstat = spec->method == ITIP_REFRESH
		                                        ? PIM_PARTSTAT_UNKNOWN
		                                        : spec->partstat,
		                    .type = PIM_ATTENDEE_REQUIRED };

	pim_event_organizer.write(o, &was, &is, a);
	if (!spec->attendee_email)
		return;
	is.attendees = &who;
	if (spec->method == ITIP_COUNTER)
		who.next = spec->others;
	pim_event_attendees.write(o, &was, &is, a);
	if (spec->sent_by && strcasecmp(spec->sent_by, spec->attendee_email) != 0)
		vobj_param_set(vobj_find(o, "ATTENDEE"), a, "SENT-BY",
		               arena_printf(a, "mailto:%s", spec->sent_by));
}

static void
write_answer(const struct itip_spec *spec, const struct pim_event *about, struct arena *a,
             struct buf *out)
{
	struct vobj *cal = new_cal(spec, a), *o = vobj_new(a, "VEVENT");
	const struct pim_time *start = &about->start, *end = &about->end;
	bool is_counter = spec->method == ITIP_COUNTER;

	vobj_add_text(o, a, "UID", about->uid);
	set_stamp(o, spec, a);
	if (spec->method != ITIP_REFRESH)
		vobj_add(o, a, "SEQUENCE",
		         span_str(arena_printf(a, "%u", about->sequence)));
	add_people(o, spec, about, a);
	set_time(o, "RECURRENCE-ID", &about->recurrence_id, a);
	if (spec->method == ITIP_REFRESH) { /* 3.2.6: it says nothing of the event */
		vobj_add_child(cal, o);
		pim_add_zone(cal, &about->recurrence_id, a);
		vobj_write(cal, out);
		return;
	}
	if (is_counter && spec->proposed_start.kind != PIM_TIME_NONE) {
		set_time(o, ORIGINAL_START, start, a);
		set_time(o, ORIGINAL_END, end, a);
		start = &spec->proposed_start;
		end = &spec->proposed_end;
	}
	set_time(o, "DTSTART", start, a);
	set_time(o, "DTEND", end, a);
	if (about->subject)
		vobj_add_text(o, a, "SUMMARY", about->subject);
	if (is_counter && about->location.name)
		vobj_add_text(o, a, "LOCATION", about->location.name);
	vobj_add_child(cal, o);
	pim_add_zone(cal, &about->start, a);
	pim_add_zone(cal, &about->end, a);
	pim_add_zone(cal, start, a);
	pim_add_zone(cal, end, a);
	pim_add_zone(cal, &about->recurrence_id, a);
	vobj_write(cal, out);
}

enum rc
itip_write(const struct itip_spec *spec, struct buf *out)
{
	AUTO(arena)
	struct arena *a = arena_new();
	struct pim_event *about = subject_of(spec, a);
	bool has_organizer = about->organizer_email && *about->organizer_email;

	if (pim_str_eq(about->uid, "") ||
	    (!has_organizer && spec->method != ITIP_PUBLISH))
		return RC_INVALID;
	switch (spec->method) {
	case ITIP_PUBLISH:
	case ITIP_REQUEST:
	case ITIP_CANCEL:
		write_request(spec, about, a, out);
		return RC_OK;
	case ITIP_REPLY:
	case ITIP_COUNTER:
	case ITIP_REFRESH:
		if (pim_str_eq(spec->attendee_email, ""))
			return RC_INVALID;
		write_answer(spec, about, a, out);
		return RC_OK;
	case ITIP_DECLINECOUNTER:
		write_answer(spec, about, a, out);
		return RC_OK;
	case ITIP_ADD:
		break;
	}
	return RC_UNSUPPORTED;
}

/* Reading */

/* Some leave the parameter out, and only the calendar itself says it. */
static struct mime_part *
find_part(struct mime_part *root, bool with_method)
{
	bool has_method = mime_param_get(root->params, "method").n > 0;

	if (mime_is(root, "text", "calendar") &&
	    (has_method || (!with_method && !span_is(root->disposition, "attachment"))))
		return root;
	if (!span_is(root->type, "multipart"))
		return NULL;
	for (struct mime_part *p = root->first; p; p = p->next) {
		struct mime_part *found = find_part(p, with_method);

		if (found)
			return found;
	}
	return NULL;
}

struct mime_part *
itip_part(struct mime_part *root)
{
	struct mime_part *p = find_part(root, true);

	return p ? p : find_part(root, false);
}

static const char *
sent_by(const struct itip *in, struct arena *a)
{
	bool is_answer = in->method == ITIP_REPLY || in->method == ITIP_COUNTER;
	const struct vobj_prop *p =
		vobj_find(in->event->obj, is_answer ? "ATTENDEE" : "ORGANIZER");
	const char *s = p ? vobj_param(p, "SENT-BY", a) : NULL;

	return s && strncasecmp(s, "mailto:", 7) == 0 ? s + 7 : s;
}

void
itip_set_sender(struct itip *in, struct span address)
{
	const struct pim_attendee *i = in->sender;

	while (i && !(i->email && span_ieq(span_str(i->email), address)))
		i = i->next;
	if (i)
		in->sender = i;
}

enum rc
itip_parse(struct span text, struct arena *a, struct itip *ret)
{
	struct itip in = { .method = ITIP_PUBLISH };
	struct vobj *cal;
	size_t m = 0, n = 0;

	/* It comes from anybody, who may have made it to cost us time. */
	if (text.n > TEXT_MAX)
		return RC_TOO_BIG;
	enum rc rc = ical_parse(text, a, &cal, NULL);
	if (rc != RC_OK)
		return rc;
	for (const struct vobj *c = cal->first; c; c = c->next) {
		if (++n > COMPONENTS_MAX)
			return RC_TOO_BIG;
	}
	const struct vobj_prop *method = vobj_find(cal, "METHOD");
	while (method && m < ARRAY_LEN(names) &&
	       !span_iis(span_trim(method->value), names[m]))
		m++;
	if (m == ARRAY_LEN(names))
		return RC_UNSUPPORTED;
	if (method)
		in.method = (enum itip_method)m;
	rc = pim_event_of(cal, a, &in.event);
	if (rc != RC_OK)
		return rc;
	if (pim_str_eq(in.event->uid, ""))
		return RC_INVALID;
	const struct vobj_prop *comment = vobj_find(in.event->obj, "COMMENT");
	if (comment)
		in.comment = vobj_text(comment, a);
	if (in.method == ITIP_REPLY || in.method == ITIP_COUNTER ||
	    in.method == ITIP_REFRESH)
		in.sender = in.event->attendees;
	in.sent_by = sent_by(&in, a);
	*ret = in;
	return RC_OK;
}
