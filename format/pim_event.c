/* SPDX-License-Identifier: ISC
 *
 * pim_event.c - events and series: VEVENTs of one UID (RFC 5545 3.6.1, MS-ASCAL).
 */
#include "format/pim_event.h"

#include "base/clock.h"
#include "format/ical.h"
#include "format/pim_event_private.h"

#define F(prop, member, how)                                                             \
	{                                                                                \
		.name = prop, .offset = offsetof(struct pim_event, member),              \
		.codec = &how                                                            \
	}

/* docs/internals/pim.md tells which element of ActiveSync each is. */
static const struct pim_field fields[] = {
	F("UID", uid, pim_text),
	F("X-GODWIT-CLIENT-UID", client_uid, pim_text),
	F("DTSTART", start, pim_when),
	F("RECURRENCE-ID", recurrence_id, pim_when),
	F("RRULE", recur, pim_rrule),
	F("SUMMARY", subject, pim_text),
	F("DESCRIPTION|X-ALT-DESC", body, pim_bodies),
	F("CATEGORIES", categories, pim_list),
	F("CLASS", sensitivity, pim_class),
	F("SEQUENCE", sequence, pim_u32),
	F("DTSTAMP", dtstamp, pim_when),
	F("CREATED", created, pim_when),
	F("LAST-MODIFIED", last_modified, pim_when),
	F("X-GODWIT-RESPONSE", response, pim_u32),
	F("X-MICROSOFT-CDO-REPLYTIME", reply_time, pim_when),
	F("X-MICROSOFT-DISALLOW-COUNTER", disallow_new_time, pim_flag),
	F("X-MICROSOFT-ONLINEMEETINGCONFLINK", online_conf_link, pim_text),
	F("X-MICROSOFT-ONLINEMEETINGEXTERNALLINK", online_external_link, pim_text),
};

/* In this order: each may look at what those before it have read or written. */
static const struct pim_event_part *const parts[] = {
	&pim_event_end,   &pim_event_dates,       &pim_event_place,
	&pim_event_alarm, &pim_event_organizer,   &pim_event_attendees,
	&pim_event_state, &pim_event_attachments,
};

void
pim_event_read(struct vobj *o, struct pim_event *e, struct pim_reader *r)
{
	pim_fields_read(fields, ARRAY_LEN(fields), o, e, r);
	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		parts[i]->read(o, e, r);
	if (e->response > PIM_RESPONSE_NONE_YET)
		e->response = PIM_RESPONSE_NONE;
	e->obj = o;
}

void
pim_event_change(struct vobj *o, const struct pim_event *was, const struct pim_event *is,
                 struct arena *a)
{
	pim_fields_write(fields, ARRAY_LEN(fields), o, was, is, a);
	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		parts[i]->write(o, was, is, a);
}

struct pim_event *
pim_event_new(struct arena *a)
{
	struct pim_event *e = arena_new_of(a, struct pim_event);

	e->busy = e->intended = PIM_BUSY_BUSY;
	e->reminder_min = PIM_NO_REMINDER;
	return e;
}

static bool
is_same_uid(const struct vobj *x, const struct vobj *y)
{
	const struct vobj_prop *a = vobj_find(x, "UID"), *b = vobj_find(y, "UID");

	return a && b ? span_eq(a->value, b->value) : a == b;
}

/* The VEVENT that stands for all: the one without a RECURRENCE-ID, else the first. */
static struct vobj *
find_master(const struct vobj *cal)
{
	struct vobj *c = vobj_child(cal, "VEVENT");

	for (struct vobj *m = c; m; m = vobj_next_child(m, "VEVENT")) {
		if (!vobj_find(m, "RECURRENCE-ID"))
			return m;
	}
	return c;
}

enum rc
pim_event_of(struct vobj *cal, struct arena *a, struct pim_event **ret)
{
	struct pim_reader r = { .cal = cal, .a = a };
	struct vobj *master = find_master(cal);

	if (!master)
		return RC_INVALID;
	struct pim_event *e = pim_event_new(a), **tail = &e->exceptions;
	pim_event_read(master, e, &r);
	for (struct vobj *c = vobj_child(cal, "VEVENT"); c;
	     c = vobj_next_child(c, "VEVENT")) {
		if (c == master || !vobj_find(c, "RECURRENCE-ID") ||
		    !is_same_uid(c, master))
			continue;
		*tail = pim_event_new(a);
		pim_event_read(c, *tail, &r);
		tail = &(*tail)->next;
	}
	e->cal = cal;
	*ret = e;
	return RC_OK;
}

enum rc
pim_event_parse(struct span ical, struct arena *a, struct pim_event **ret)
{
	struct vobj *cal;
	enum rc rc = ical_parse(ical, a, &cal, NULL);

	return rc == RC_OK ? pim_event_of(cal, a, ret) : rc;
}

/* Writing */

/* The zones of times that e has and was had not, or of all without was. */
static void
add_zones(struct vobj *cal, const struct pim_event *e, const struct pim_event *was,
          struct arena *a)
{
	if (!was || !pim_time_eq(&e->start, &was->start))
		pim_add_zone(cal, &e->start, a);
	if (!was || !pim_time_eq(&e->end, &was->end))
		pim_add_zone(cal, &e->end, a);
	if (!was)
		pim_add_zone(cal, &e->recurrence_id, a);
	/* Mostly of the zone of the start; a list that nobody changed has its zones. */
	if (!was || e->exdates != was->exdates) {
		for (size_t i = 0; i < e->n_exdates; i++)
			pim_add_zone(cal, &e->exdates[i], a);
	}
	if (!was || e->rdates != was->rdates) {
		for (size_t i = 0; i < e->n_rdates; i++)
			pim_add_zone(cal, &e->rdates[i], a);
	}
}

/* Writes e upon its object in the copied calendar, or upon a new one there. */
static void
write_event(struct pim_copy *copy, const struct pim_event *e,
            const struct pim_event *root, struct arena *a)
{
	struct pim_reader r = { .cal = copy->cal, .a = a };
	struct vobj *o = e->obj ? pim_copy_of(copy, e->obj) : NULL;
	struct pim_event *was = pim_event_new(a);
	struct pim_event is = *e;
	bool is_new = !o;

	if (is_new) {
		/* From elsewhere (a copy of the master, another calendar), or new. */
		o = e->obj ? vobj_copy(e->obj, a) : vobj_new(a, "VEVENT");
		vobj_add_child(copy->cal, o);
	}
	pim_event_read(o, was, &r);
	is.uid = root->uid;
	if (is.dtstamp.kind == PIM_TIME_NONE)
		is.dtstamp = root->dtstamp;
	pim_event_change(o, was, &is, a);
	add_zones(copy->cal, &is, is_new ? NULL : was, a);
}

static bool
is_in_use(const struct pim_event *e, const struct vobj *o)
{
	if (e->obj == o)
		return true;
	for (const struct pim_event *x = e->exceptions; x; x = x->next) {
		if (x->obj == o)
			return true;
	}
	return false;
}

/* Exceptions that the caller took out of the list. */
static void
remove_unused(struct pim_copy *copy, const struct pim_event *e)
{
	const struct vobj *master = find_master(e->cal);

	for (size_t i = 0; i < copy->n; i++) {
		const struct vobj *c = copy->of[i];
		if (strcmp(c->name, "VEVENT") == 0 && vobj_find(c, "RECURRENCE-ID") &&
		    is_same_uid(c, master) && !is_in_use(e, c))
			vobj_remove_child(copy->cal, copy->twins[i]);
	}
}

struct vobj *
pim_event_tree(const struct pim_event *e, struct arena *a)
{
	struct pim_event root = *e;
	struct pim_copy copy;

	pim_copy_cal(&copy, e->cal, a);
	if (pim_str_eq(root.uid, ""))
		root.uid = pim_uid_new(a);
	if (!e->cal && root.dtstamp.kind == PIM_TIME_NONE)
		root.dtstamp = pim_time_of(clock_wall_ms() / 1000, NULL);
	if (e->cal)
		remove_unused(&copy, e);
	write_event(&copy, &root, &root, a);
	for (const struct pim_event *x = e->exceptions; x; x = x->next)
		write_event(&copy, x, &root, a);
	return copy.cal;
}

void
pim_event_write(const struct pim_event *e, struct buf *out)
{
	AUTO(arena)
	struct arena *a = arena_new();

	vobj_write(pim_event_tree(e, a), out);
}
