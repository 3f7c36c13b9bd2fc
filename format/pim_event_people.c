/* SPDX-License-Identifier: ISC
 *
 * pim_event_people.c - organizer, attendees, and the state of a meeting (RFC 5545 3.8.4,
 * MS-OXCICAL's X-MICROSOFT-CDO properties).
 */
#include <strings.h>

#include "format/pim_event_private.h"

#define PROPOSED_START "X-GODWIT-PROPOSED-START"
#define PROPOSED_END "X-GODWIT-PROPOSED-END"
#define REPLIED "X-GODWIT-REPLIED"
#define INTENDED "X-MICROSOFT-CDO-INTENDEDSTATUS"
#define BUSY "X-MICROSOFT-CDO-BUSYSTATUS"
#define MEETING "X-GODWIT-MEETING"
#define REQUESTED "X-GODWIT-RESPONSE-REQUESTED"

/* "mailto:a@b" in any case; some put the address into EMAIL beside a URN. */
static const char *
address_of(const struct vobj_prop *p, struct arena *a)
{
	const char *s = vobj_text(p, a);

	if (strncasecmp(s, "mailto:", 7) == 0)
		return s + 7;
	const char *email = vobj_param(p, "EMAIL", a);
	return email ? email : s;
}

static void
set_address(struct vobj_prop *p, const char *email, struct arena *a)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);

	buf_add_str(&b, "mailto:");
	for (const char *c = email; *c; c++) {
		if ((uint8_t)*c > 0x20)
			buf_add_char(&b, *c);
	}
	p->value = arena_span(a, buf_span(&b));
	vobj_param_set(p, a, "EMAIL", NULL);
}

static void
set_param(struct vobj_prop *p, const char *name, const char *value, struct arena *a)
{
	vobj_param_set(p, a, name, value && *value ? value : NULL);
}

/* Organizer */

static void
read_organizer(const struct vobj *o, struct pim_event *e, struct pim_reader *r)
{
	const struct vobj_prop *p = vobj_find(o, "ORGANIZER");

	if (!p)
		return;
	e->organizer_email = address_of(p, r->a);
	e->organizer_name = vobj_param(p, "CN", r->a);
}

static void
write_organizer(struct vobj *o, const struct pim_event *was, const struct pim_event *is,
                struct arena *a)
{
	struct vobj_prop *p = vobj_find(o, "ORGANIZER");
	bool is_same = pim_str_eq(was->organizer_email, is->organizer_email);

	if (is_same && pim_str_eq(was->organizer_name, is->organizer_name))
		return;
	if (pim_str_eq(is->organizer_email, "") && pim_str_eq(is->organizer_name, "")) {
		if (p)
			vobj_remove(o, p);
		return;
	}
	if (!p)
		p = vobj_add(o, a, "ORGANIZER", SPAN("mailto:"));
	if (!is_same)
		set_address(p, is->organizer_email ? is->organizer_email : "", a);
	set_param(p, "CN", is->organizer_name, a);
}

const struct pim_event_part pim_event_organizer = { read_organizer, write_organizer };

/* Attendees */

static const struct {
	const char *name;
	enum pim_partstat partstat;
} partstats[] = {
	{ "NEEDS-ACTION", PIM_PARTSTAT_NEEDS_ACTION },
	{ "ACCEPTED", PIM_PARTSTAT_ACCEPTED },
	{ "TENTATIVE", PIM_PARTSTAT_TENTATIVE },
	{ "DECLINED", PIM_PARTSTAT_DECLINED },
	{ "DELEGATED", PIM_PARTSTAT_DELEGATED },
};

const char *
pim_partstat_str(enum pim_partstat v)
{
	for (size_t i = 0; i < ARRAY_LEN(partstats); i++) {
		if (partstats[i].partstat == v)
			return partstats[i].name;
	}
	return NULL;
}

static enum pim_partstat
partstat_of(const struct vobj_prop *p)
{
	for (size_t i = 0; i < ARRAY_LEN(partstats); i++) {
		if (vobj_param_has(p, "PARTSTAT", partstats[i].name))
			return partstats[i].partstat;
	}
	return PIM_PARTSTAT_UNKNOWN;
}

static struct pim_time
time_param(const struct vobj_prop *p, const char *name, struct arena *a)
{
	struct pim_time t = { .kind = PIM_TIME_NONE };
	const char *s = vobj_param(p, name, a);

	if (s && pim_time_parse(span_str(s), &t) != RC_OK)
		t.kind = PIM_TIME_NONE;
	return t;
}

static void
read_attendee(const struct vobj_prop *p, struct pim_attendee *t, struct arena *a)
{
	t->email = address_of(p, a);
	t->name = vobj_param(p, "CN", a);
	t->partstat = partstat_of(p);
	t->type = PIM_ATTENDEE_REQUIRED;
	if (vobj_param_has(p, "CUTYPE", "RESOURCE") ||
	    vobj_param_has(p, "CUTYPE", "ROOM"))
		t->type = PIM_ATTENDEE_RESOURCE;
	else if (vobj_param_has(p, "ROLE", "OPT-PARTICIPANT") ||
	         vobj_param_has(p, "ROLE", "NON-PARTICIPANT"))
		t->type = PIM_ATTENDEE_OPTIONAL;
	t->rsvp = vobj_param_has(p, "RSVP", "TRUE");
	t->proposed_start = time_param(p, PROPOSED_START, a);
	t->proposed_end = time_param(p, PROPOSED_END, a);
	t->replied = time_param(p, REPLIED, a);
}

static void
read_attendees(const struct vobj *o, struct pim_event *e, struct pim_reader *r)
{
	struct pim_attendee **tail = &e->attendees;

	for (const struct vobj_prop *p = vobj_find(o, "ATTENDEE"); p;
	     p = vobj_find_next(p, "ATTENDEE")) {
		*tail = arena_new_of(r->a, struct pim_attendee);
		read_attendee(p, *tail, r->a);
		tail = &(*tail)->next;
	}
}

static void
set_time_param(struct vobj_prop *p, const char *name, const struct pim_time *t,
               struct arena *a)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);
	struct pim_time utc = *t;

	if (t->kind == PIM_TIME_ZONED)
		utc = pim_time_of(pim_time_utc(t, NULL), NULL);
	pim_time_write(&utc, &b);
	set_param(p, name, arena_strndup(a, buf_span(&b)), a);
}

static void
set_type(struct vobj_prop *p, enum pim_attendee_type type, struct arena *a)
{
	bool was_resource = vobj_param_has(p, "CUTYPE", "RESOURCE") ||
	                    vobj_param_has(p, "CUTYPE", "ROOM");

	if (type == PIM_ATTENDEE_RESOURCE) {
		vobj_param_set(p, a, "CUTYPE", "RESOURCE");
		vobj_param_set(p, a, "ROLE", "NON-PARTICIPANT");
		return;
	}
	if (was_resource)
		vobj_param_set(p, a, "CUTYPE", "INDIVIDUAL");
	vobj_param_set(p, a, "ROLE",
	               type == PIM_ATTENDEE_OPTIONAL ? "OPT-PARTICIPANT"
	                                             : "REQ-PARTICIPANT");
}

static void
set_attendee(struct vobj_prop *p, const struct pim_attendee *t, struct arena *a)
{
	struct pim_attendee was = { 0 };

	read_attendee(p, &was, a);
	if (!pim_str_eq(was.name, t->name))
		set_param(p, "CN", t->name, a);
	if (was.type != t->type)
		set_type(p, t->type, a);
	if (was.partstat != t->partstat)
		set_param(p, "PARTSTAT", pim_partstat_str(t->partstat), a);
	if (was.rsvp != t->rsvp)
		set_param(p, "RSVP", t->rsvp ? "TRUE" : "FALSE", a);
	if (!pim_time_eq(&was.proposed_start, &t->proposed_start))
		set_time_param(p, PROPOSED_START, &t->proposed_start, a);
	if (!pim_time_eq(&was.proposed_end, &t->proposed_end))
		set_time_param(p, PROPOSED_END, &t->proposed_end, a);
	if (!pim_time_eq(&was.replied, &t->replied))
		set_time_param(p, REPLIED, &t->replied, a);
}

/* Each attendee upon the property of that address; those without one go. */
static void
write_attendees(struct vobj *o, const struct pim_event *was UNUSED,
                const struct pim_event *is, struct arena *a)
{
	size_t n = 0;

	for (struct vobj_prop *p = o->props; p; p = p->next)
		n += vobj_prop_is(p, "ATTENDEE");
	struct vobj_prop **left = arena_array(a, n, struct vobj_prop *);
	const char **address = arena_array(a, n, const char *);
	n = 0;
	for (struct vobj_prop *p = o->props; p; p = p->next) {
		if (vobj_prop_is(p, "ATTENDEE")) {
			address[n] = address_of(p, a);
			left[n++] = p;
		}
	}
	size_t next = 0; /* mostly they come in their order */
	for (const struct pim_attendee *t = is->attendees; t; t = t->next) {
		const char *email = t->email ? t->email : "";
		size_t k = 0, i = n ? next % n : 0;
		while (k < n && (!left[i] || strcasecmp(address[i], email) != 0)) {
			i = (i + 1) % n;
			k++;
		}
		if (k < n) {
			set_attendee(left[i], t, a);
			left[i] = NULL;
			next = i + 1;
			continue;
		}
		struct vobj_prop *p = vobj_add(o, a, "ATTENDEE", span_str(""));
		set_address(p, email, a);
		set_attendee(p, t, a);
	}
	for (size_t i = 0; i < n; i++) {
		if (left[i])
			vobj_remove(o, left[i]);
	}
}

const struct pim_event_part pim_event_attendees = { read_attendees, write_attendees };

/* State */

static const char *const busy_names[] = { "FREE", "TENTATIVE", "BUSY", "OOF",
	                                  "WORKINGELSEWHERE" };

static bool
value_is(const struct vobj *o, const char *name, const char *value)
{
	const struct vobj_prop *p = vobj_find(o, name);

	return p && span_iis(span_trim(p->value), value);
}

static bool
find_busy(const struct vobj *o, const char *name, enum pim_busy *ret)
{
	for (size_t i = 0; i < ARRAY_LEN(busy_names); i++) {
		if (value_is(o, name, busy_names[i])) {
			*ret = (enum pim_busy)i;
			return true;
		}
	}
	return false;
}

static enum pim_busy
busy_of(const struct vobj *o)
{
	enum pim_busy busy;

	if (find_busy(o, BUSY, &busy))
		return busy;
	if (value_is(o, "TRANSP", "TRANSPARENT"))
		return PIM_BUSY_FREE;
	return value_is(o, "STATUS", "TENTATIVE") ? PIM_BUSY_TENTATIVE : PIM_BUSY_BUSY;
}

static enum pim_busy
intended_of(const struct vobj *o)
{
	enum pim_busy busy;

	if (find_busy(o, INTENDED, &busy))
		return busy;
	return value_is(o, "TRANSP", "TRANSPARENT") ? PIM_BUSY_FREE : PIM_BUSY_BUSY;
}

/* What the calendar itself tells: people come, or will not any more. */
static unsigned
plain_meeting(const struct vobj *o)
{
	return (vobj_find(o, "ATTENDEE") ? PIM_MEETING : 0) |
	       (value_is(o, "STATUS", "CANCELLED") ? PIM_MEETING_CANCELLED : 0);
}

static unsigned
meeting_of(const struct vobj *o)
{
	const struct vobj_prop *p = vobj_find(o, MEETING);
	unsigned plain = plain_meeting(o);
	uint32_t v;

	if (!p || parse_u32(span_trim(p->value), 15, &v) != RC_OK)
		return plain;
	/* Whether it is cancelled is STATUS's alone; with attendees it is a meeting. */
	return plain | (v & (PIM_MEETING | PIM_MEETING_RECEIVED));
}

static bool
is_rsvp_asked(const struct vobj *o)
{
	for (const struct vobj_prop *p = vobj_find(o, "ATTENDEE"); p;
	     p = vobj_find_next(p, "ATTENDEE")) {
		if (vobj_param_has(p, "RSVP", "TRUE"))
			return true;
	}
	return false;
}

static bool
requested_of(const struct vobj *o)
{
	if (vobj_find(o, REQUESTED))
		return value_is(o, REQUESTED, "TRUE");
	return is_rsvp_asked(o);
}

static void
read_state(const struct vobj *o, struct pim_event *e, struct pim_reader *r UNUSED)
{
	e->busy = busy_of(o);
	e->intended = intended_of(o);
	e->meeting = meeting_of(o);
	e->response_requested = requested_of(o);
}

/* After the attendees, which some of it follows from. */
static void
write_state(struct vobj *o, const struct pim_event *was, const struct pim_event *is,
            struct arena *a)
{
	if (was->intended != is->intended)
		pim_set_raw(o, INTENDED, busy_names[is->intended % ARRAY_LEN(busy_names)],
		            a);
	if (busy_of(o) != is->busy) {
		pim_set_raw(o, BUSY, busy_names[is->busy % ARRAY_LEN(busy_names)], a);
		pim_set_raw(o, "TRANSP",
		            is->busy == PIM_BUSY_FREE ? "TRANSPARENT" : "OPAQUE", a);
	}
	unsigned changed = was->meeting ^ is->meeting;
	if (changed & PIM_MEETING_CANCELLED)
		pim_set_raw(o, "STATUS",
		            is->meeting & PIM_MEETING_CANCELLED ? "CANCELLED" : NULL, a);
	unsigned bits = is->meeting & (PIM_MEETING | PIM_MEETING_RECEIVED);
	if ((meeting_of(o) ^ bits) & (PIM_MEETING | PIM_MEETING_RECEIVED)) {
		bool is_plain = !((plain_meeting(o) ^ bits) &
		                  (PIM_MEETING | PIM_MEETING_RECEIVED));
		pim_set_raw(o, MEETING, is_plain ? NULL : arena_printf(a, "%u", bits), a);
	}
	if (requested_of(o) != is->response_requested)
		pim_set_raw(o, REQUESTED, is->response_requested ? "TRUE" : "FALSE", a);
}

const struct pim_event_part pim_event_state = { read_state, write_state };
