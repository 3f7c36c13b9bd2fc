/* SPDX-License-Identifier: ISC
 *
 * ical_merge.c - an event or task that came back from a device, put upon the stored one.
 *
 * What came back is first said in the terms of what is stored (its zone, its way to give
 * an end, its form of the same rule), so that comparing text tells what was changed.
 */
#include <stdlib.h>
#include <strings.h>

#include "format/ical_private.h"
#include "format/pim_event_private.h"
#include "format/vcard_private.h"
#include "format/vobj_merge.h"

static const char *const own[] = {
	"UID", "DTSTAMP", "CREATED", "LAST-MODIFIED", "SEQUENCE", "RECURRENCE-ID", NULL
};
static const char *const single[] = {
	"DTSTART",          "DTEND",     "DUE",        "DURATION",
	"SUMMARY",          "LOCATION",  "RRULE",      "EXDATE",
	"DESCRIPTION",      "CLASS",     "STATUS",     "TRANSP",
	"PRIORITY",         "COMPLETED", "CATEGORIES", "GEO",
	"PERCENT-COMPLETE", "ORGANIZER", "URL",        NULL
};
static const char *const sticky[] = { "DTSTART", "CLASS",     "STATUS",
	                              "TRANSP",  "ORGANIZER", NULL };

static const struct vobj_cap every_phone[] = {
	{ .name = "SUMMARY" },    { .name = "DESCRIPTION" }, { .name = "LOCATION" },
	{ .name = "DTSTART" },    { .name = "DTEND" },       { .name = "DURATION" },
	{ .name = "DUE" },        { .name = "RRULE" },       { .name = "EXDATE" },
	{ .name = "PRIORITY" },   { .name = "COMPLETED" },   { .name = "VALARM" },
	{ .name = "CATEGORIES" },
};

#define PAIRS_MAX 4000000

struct merge {
	struct arena *a;
	const struct tzone *zone;
	struct pim_reader stored;
	struct pim_reader incoming;
};

static unsigned
kind_of(const struct vobj_prop *p UNUSED)
{
	return 0;
}

static struct span
comparable(const struct vobj_prop *p, struct arena *a)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);
	bool is_mail = vobj_prop_is(p, "ATTENDEE") || vobj_prop_is(p, "ORGANIZER");

	for (size_t i = 0; i < p->value.n; i++) {
		char c = p->value.p[i];
		buf_add_char(&b, is_mail && c >= 'A' && c <= 'Z' ? (char)(c + 32) : c);
	}
	struct span v = span_trim(buf_span(&b));
	/* Phones leave empty lines at the end out. */
	while (v.n >= 2 && span_ends(v, "\\n"))
		v.n -= 2;
	return arena_span(a, v);
}

static void
set_params(struct vobj_prop *stored, const struct vobj_prop *incoming, struct arena *a)
{
	static const char *const taken[] = { "TZID", "VALUE", "PARTSTAT", "RSVP", NULL };

	for (const char *const *name = taken; *name; name++) {
		const char *v = vobj_param(incoming, *name, a);
		bool is_time = vcard_name_in(stored->name, ical_times);
		if (v || (is_time && name < taken + 2))
			vobj_param_set(stored, a, *name, v);
	}
}

/* The moment that incoming's time means. */
static int64_t
moment(struct merge *m, const struct pim_time *t)
{
	return pim_time_utc(t, m->zone);
}

/* p's time (of incoming), said like that of stored, which is not a list. */
static void
say_like(struct merge *m, struct vobj_prop *p, const struct vobj_prop *like)
{
	struct pim_time is = pim_read_time(&m->incoming, p, p->value);
	struct pim_time was = pim_read_time(&m->stored, like, like->value);
	bool is_day = is.kind == PIM_TIME_DATE;

	if (is.kind == PIM_TIME_NONE || was.kind == PIM_TIME_NONE || is_day ||
	    was.kind == PIM_TIME_DATE)
		return;
	/* A phone without zones moves a floating time by no hour. */
	if (was.kind == PIM_TIME_FLOATING && is.kind == PIM_TIME_FLOATING)
		return;
	int64_t utc = moment(m, &is);
	struct pim_time t = was;
	if (was.kind == PIM_TIME_ZONED)
		tzone_local(was.zone, utc, &t.at);
	else if (was.kind == PIM_TIME_FLOATING)
		tzone_local(m->zone ? m->zone : tzone_utc(), utc, &t.at);
	else
		civil_from_seconds(utc, &t.at);
	pim_write_time(p, &t, m->a);
}

static void
say_times(struct merge *m, struct vobj *in, const struct vobj *stored)
{
	static const char *const names[] = { "DTSTART", "DTEND", "DUE", "COMPLETED",
		                             NULL };

	for (const char *const *name = names; *name; name++) {
		struct vobj_prop *p = vobj_find(in, *name);
		const struct vobj_prop *like = vobj_find(stored, *name);
		if (p && !like)
			like = vobj_find(stored, "DTSTART");
		if (p && like)
			say_like(m, p, like);
	}
}

/* The same end, given by the other of DTEND and DURATION, or not at all. */
static void
say_end(struct merge *m, struct vobj *in, const struct vobj *stored)
{
	struct pim_event *x = pim_event_new(m->a), *y = pim_event_new(m->a);

	if (strcmp(in->name, "VEVENT") != 0)
		return;
	pim_event_end.read(in, x, &m->incoming);
	pim_event_end.read(stored, y, &m->stored);
	if (x->end.kind == PIM_TIME_NONE || y->end.kind == PIM_TIME_NONE ||
	    moment(m, &x->end) != moment(m, &y->end))
		return;
	vobj_remove_all(in, "DTEND");
	vobj_remove_all(in, "DURATION");
	for (const struct vobj_prop *p = stored->props; p; p = p->next) {
		if (vobj_prop_is(p, "DTEND") || vobj_prop_is(p, "DURATION"))
			vobj_append(in, vobj_prop_copy(p, m->a));
	}
}

/* "FREQ=WEEKLY" of a Wednesday is "W1 WE" there and "BYDAY=WE" when it comes back. */
static void
say_rule(struct merge *m, struct vobj *in, const struct vobj *stored)
{
	struct vobj_prop *p = vobj_find(in, "RRULE");
	const struct vobj_prop *q = vobj_find(stored, "RRULE");
	const struct vobj_prop *dtstart = vobj_find(stored, "DTSTART");
	AUTO_DONE(buf) struct buf x = BUF_INIT(0);
	AUTO_DONE(buf) struct buf y = BUF_INIT(0);
	struct recur r, s;

	if (!p || !q || !dtstart || recur_parse(p->value, m->a, &r) != RC_OK ||
	    recur_parse(q->value, m->a, &s) != RC_OK)
		return;
	struct pim_time start = pim_read_time(&m->stored, dtstart, dtstart->value);
	struct recur *both[] = { &r, &s };
	for (size_t i = 0; i < 2; i++) {
		struct pim_time *until = &both[i]->until;
		if (until->kind == PIM_TIME_FLOATING || until->kind == PIM_TIME_ZONED) {
			struct pim_time t = *until;
			t.kind = start.kind == PIM_TIME_ZONED ? PIM_TIME_ZONED : t.kind;
			t.zone = start.zone;
			*until = pim_time_of(moment(m, &t), NULL);
		}
	}
	bool is_same = recur_eq(&r, &s) || (recur_write_1_0(&r, &start, &x) == RC_OK &&
	                                    recur_write_1_0(&s, &start, &y) == RC_OK &&
	                                    span_eq(buf_span(&x), buf_span(&y)));
	if (is_same)
		p->value = q->value;
}

static int
compare_i64(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

static size_t
exdates_of(struct merge *m, const struct vobj *o, struct pim_reader *r, int64_t **ret)
{
	struct pim_event *e = pim_event_new(m->a);

	pim_event_dates.read(o, e, r);
	int64_t *list = arena_array(m->a, e->n_exdates, int64_t);
	for (size_t i = 0; i < e->n_exdates; i++)
		list[i] = moment(m, &e->exdates[i]);
	if (e->n_exdates > 1)
		qsort(list, e->n_exdates, sizeof(*list), compare_i64);
	*ret = list;
	return e->n_exdates;
}

/* The days without an instance: those of stored, and those of its exceptions. */
static void
say_exdates(struct merge *m, struct vobj *in, const struct vobj *stored,
            const struct vobj *cal)
{
	struct pim_event *e = pim_event_new(m->a), *whole;
	int64_t *x, *y, *moved;
	size_t nx = exdates_of(m, in, &m->incoming, &x), nm = 0, left = 0;
	size_t ny = exdates_of(m, stored, &m->stored, &y);

	/* A phone that knows no exceptions was told their days as deleted. */
	if (pim_event_of((struct vobj *)(uintptr_t)cal, m->a, &whole) == RC_OK &&
	    whole->obj == stored) {
		for (const struct pim_event *i = whole->exceptions; i; i = i->next)
			nm++;
		moved = arena_array(m->a, nm, int64_t);
		nm = 0;
		for (const struct pim_event *i = whole->exceptions; i; i = i->next)
			moved[nm++] = moment(m, &i->recurrence_id);
		for (size_t i = 0; i < nx; i++) {
			size_t k = 0;
			while (k < nm && moved[k] != x[i])
				k++;
			if (k == nm)
				x[left++] = x[i];
		}
		nx = left;
	}
	vobj_remove_all(in, "EXDATE");
	if (nx == ny && (nx == 0 || memcmp(x, y, nx * sizeof(*x)) == 0)) {
		for (const struct vobj_prop *p = vobj_find(stored, "EXDATE"); p;
		     p = vobj_find_next(p, "EXDATE"))
			vobj_append(in, vobj_prop_copy(p, m->a));
		return;
	}
	/* Another set of days, in the terms of the start. */
	const struct vobj_prop *dtstart = vobj_find(in, "DTSTART");
	struct pim_time start = { .kind = PIM_TIME_UTC };
	if (dtstart)
		start = pim_read_time(&m->stored, dtstart, dtstart->value);
	struct pim_time *list = arena_array(m->a, nx, struct pim_time);
	for (size_t i = 0; i < nx; i++) {
		if (start.kind == PIM_TIME_DATE) {
			list[i] = pim_date_of_midnight(x[i], m->zone);
		} else {
			list[i] = pim_time_of(
				x[i], start.kind == PIM_TIME_ZONED ? start.zone : NULL);
			list[i].tzid = start.tzid;
		}
	}
	e->exdates = list;
	e->n_exdates = nx;
	struct pim_event *none = pim_event_new(m->a);
	pim_event_dates.write(in, none, e, m->a);
}

/* The reminder; VALARMs beside it are nothing that such a device knows. */
static void
merge_alarm(struct merge *m, struct vobj *stored, const struct vobj *in)
{
	struct pim_event *x = pim_event_new(m->a), *y = pim_event_new(m->a);

	const struct vobj_prop *p = vobj_find(in, "DTSTART"),
			       *q = vobj_find(stored, "DTSTART");
	if (!p || !q)
		return;
	x->start = pim_read_time(&m->incoming, p, p->value);
	y->start = pim_read_time(&m->stored, q, q->value);
	pim_event_end.read(in, x, &m->incoming);
	pim_event_end.read(stored, y, &m->stored);
	pim_event_alarm.read(in, x, &m->incoming);
	pim_event_alarm.read(stored, y, &m->stored);
	pim_event_alarm.write(stored, y, x, m->a);
}

/* The formatted text of a description that is another one now. */
static void
drop_stale_html(struct vobj *o, const struct vobj *was, const struct vobj *in)
{
	const struct vobj_prop *x = vobj_find(o, "DESCRIPTION");
	const struct vobj_prop *y = vobj_find(was, "DESCRIPTION");

	if (!span_eq(x ? x->value : span_str(""), y ? y->value : span_str("")) &&
	    !vobj_find(in, "X-ALT-DESC"))
		vobj_remove_all(o, "X-ALT-DESC");
}

static struct vobj *
find_like(struct vobj *cal, const struct vobj *o, struct merge *m)
{
	const struct vobj_prop *id = vobj_find(o, "RECURRENCE-ID");
	struct pim_time x = { .kind = PIM_TIME_NONE }, y;

	if (id)
		x = pim_read_time(&m->incoming, id, id->value);
	for (struct vobj *c = vobj_child(cal, o->name); c;
	     c = vobj_next_child(c, o->name)) {
		const struct vobj_prop *p = vobj_find(c, "RECURRENCE-ID");
		if (!id && !p)
			return c;
		if (!id || !p)
			continue;
		y = pim_read_time(&m->stored, p, p->value);
		if (moment(m, &x) == moment(m, &y))
			return c;
	}
	return NULL;
}

static void
merge_item(struct merge *m, struct vobj *o, const struct vobj *incoming,
           const struct vobj *cal, const struct vobj_caps *caps)
{
	struct vobj_merge how = { .caps = caps,
		                  .own = own,
		                  .single = single,
		                  .sticky = sticky,
		                  .kind = kind_of,
		                  .comparable = comparable,
		                  .set_params = set_params };
	struct vobj *was = vobj_copy(o, m->a), *in = vobj_copy(incoming, m->a);

	say_end(m, in, o);
	say_times(m, in, o);
	say_rule(m, in, o);
	say_exdates(m, in, o, cal);
	vobj_merge(o, in, &how, m->a);
	if (vobj_find(in, "DTEND"))
		vobj_remove_all(o, "DURATION");
	if (vobj_cap_of(caps, "VALARM") || vobj_cap_of(caps, "AALARM") ||
	    vobj_cap_of(caps, "DALARM"))
		merge_alarm(m, o, incoming);
	drop_stale_html(o, was, incoming);
}

struct vobj *
ical_merge(const struct vobj *stored, const struct vobj *incoming,
           const struct vobj_caps *caps, const struct tzone *zone, struct arena *a)
{
	struct vobj_caps all = { every_phone, ARRAY_LEN(every_phone) };
	struct vobj *cal = vobj_copy(stored, a);
	struct merge m = { .a = a,
		           .zone = zone,
		           .stored = { .cal = stored, .a = a },
		           .incoming = { .cal = incoming, .a = a } };
	size_t n = 0, n_stored = 1;

	for (const struct vobj *c = incoming->first; c; c = c->next)
		n++;
	for (const struct vobj *c = cal->first; c; c = c->next)
		n_stored++;
	/* Each is compared with each; what goes beyond that no device holds. */
	size_t left = PAIRS_MAX / n_stored;
	struct vobj **found = arena_array(a, n, struct vobj *);
	n = 0;
	for (const struct vobj *c = incoming->first; c && left > 0; c = c->next, left--) {
		struct vobj *o = ical_is_item(c) ? find_like(cal, c, &m) : NULL;
		if (o) {
			merge_item(&m, o, c, cal, caps ? caps : &all);
			found[n++] = o;
		} else if (ical_is_item(c)) {
			struct vobj *new = vobj_copy(c, a);
			const struct vobj *first = vobj_child(cal, c->name);
			const struct vobj_prop *uid =
				first ? vobj_find(first, "UID") : NULL;
			if (uid)
				pim_set_raw(new, "UID", arena_strndup(a, uid->value), a);
			vobj_add_child(cal, new);
			found[n++] = new;
		}
	}
	/* Exceptions that a device which knows them took back. */
	if (caps && vobj_cap_of(caps, "RECURRENCE-ID")) {
		for (struct vobj *c = cal->first, *next; c; c = next) {
			next = c->next;
			size_t i = 0;
			while (i < n && found[i] != c)
				i++;
			if (i == n && ical_is_item(c) && vobj_find(c, "RECURRENCE-ID"))
				vobj_remove_child(cal, c);
		}
	}
	ical_add_zones(cal, a);
	return cal;
}
