/* SPDX-License-Identifier: ISC
 *
 * ical.c - calendars as trees: reading, one item from many, zones, writing.
 */
#include "format/ical.h"

#include <stdlib.h>
#include <strings.h>

#include "format/ical_private.h"
#include "format/vcard_private.h"

#define ZONES_MAX 1000

const char *const ical_times[] = { "DTSTART",       "DTEND",   "DUE",
	                           "RECURRENCE-ID", "EXDATE",  "RDATE",
	                           "COMPLETED",     "CREATED", "DTSTAMP",
	                           "LAST-MODIFIED", NULL };

bool
ical_is_item(const struct vobj *o)
{
	return strcmp(o->name, "VEVENT") == 0 || strcmp(o->name, "VTODO") == 0 ||
	       strcmp(o->name, "VJOURNAL") == 0;
}

static bool
is_1_0(const struct vobj *cal)
{
	const struct vobj_prop *p = vobj_find(cal, "VERSION");

	return p && span_is(span_trim(p->value), "1.0");
}

/* A component without a calendar around it gets one. */
static struct vobj *
wrap(struct vobj *o, struct arena *a)
{
	struct vobj *cal = vobj_new(a, "VCALENDAR");

	vobj_add(cal, a, "VERSION", SPAN("2.0"));
	o->next = NULL;
	cal->first = o;
	return cal;
}

enum rc
ical_parse(struct span text, struct arena *a, struct vobj **ret,
           enum ical_version *ret_version)
{
	struct vobj *roots, *cal = NULL, *next, **tail = NULL;
	enum ical_version version = ICAL_2_0;
	enum rc rc = vobj_parse(text, NULL, a, &roots);

	if (rc != RC_OK)
		return rc;
	for (struct vobj *o = roots; o; o = next) {
		next = o->next;
		if (ical_is_item(o) || strcmp(o->name, "VTIMEZONE") == 0)
			o = wrap(o, a);
		if (strcmp(o->name, "VCALENDAR") != 0)
			continue;
		o->next = NULL;
		if (is_1_0(o)) {
			version = ICAL_1_0;
			ical_from_1_0(o, a);
		}
		if (!cal) {
			cal = o;
			tail = &cal->first;
		} else {
			*tail = o->first;
		}
		while (*tail)
			tail = &(*tail)->next;
	}
	if (!cal)
		return RC_INVALID;
	*ret = cal;
	if (ret_version)
		*ret_version = version;
	return RC_OK;
}

const char *
ical_kind(const struct vobj *cal)
{
	for (const struct vobj *c = cal->first; c; c = c->next) {
		if (ical_is_item(c))
			return c->name;
	}
	return NULL;
}

/* One item from many */

struct member {
	struct span uid; /* p NULL: none, so an item of its own */
	const struct vobj *obj;
	size_t place;
};

static int
compare_members(const void *a, const void *b)
{
	const struct member *x = a, *y = b;
	int order = 0;

	if (x->uid.p && y->uid.p)
		order = span_cmp(x->uid, y->uid);
	else if (x->uid.p || y->uid.p)
		order = x->uid.p ? -1 : 1;
	if (order == 0)
		order = x->place < y->place ? -1 : 1;
	return order;
}

struct item {
	struct vobj *cal;
	size_t place; /* of its first component */
};

static int
compare_items(const void *a, const void *b)
{
	const struct item *x = a, *y = b;

	return x->place < y->place ? -1 : x->place > y->place;
}

/* The calendar's VTIMEZONEs by name; at most ZONES_MAX of them. */
struct zones {
	const char *tzid[ZONES_MAX];
	const struct vobj *obj[ZONES_MAX];
	size_t n;
};

static void
collect_zones(struct zones *z, const struct vobj *cal, struct arena *a)
{
	for (const struct vobj *c = vobj_child(cal, "VTIMEZONE"); c && z->n < ZONES_MAX;
	     c = vobj_next_child(c, "VTIMEZONE")) {
		const struct vobj_prop *id = vobj_find(c, "TZID");
		if (!id)
			continue;
		z->tzid[z->n] = vobj_text(id, a);
		z->obj[z->n++] = c;
	}
}

/* Those that o's times name, added to cal where they are not yet. */
static void
add_used_zones(struct vobj *cal, const struct zones *z, const struct vobj *o,
               struct arena *a)
{
	for (const struct vobj_prop *p = o->props; p; p = p->next) {
		const char *tzid = z->n > 0 ? vobj_param(p, "TZID", a) : NULL;
		size_t i = 0;
		while (tzid && i < z->n && strcmp(z->tzid[i], tzid) != 0)
			i++;
		if (!tzid || i == z->n)
			continue;
		struct vobj *c = vobj_child(cal, "VTIMEZONE");
		while (c && strcmp(vobj_text(vobj_find(c, "TZID"), a), tzid) != 0)
			c = vobj_next_child(c, "VTIMEZONE");
		if (!c) {
			/* In front, so that an item's many components need not be walked.
			 */
			c = vobj_copy(z->obj[i], a);
			c->next = cal->first;
			cal->first = c;
		}
	}
	for (const struct vobj *c = o->first; c; c = c->next)
		add_used_zones(cal, z, c, a);
}

static struct vobj *
new_item(const struct vobj *cal, struct arena *a)
{
	struct vobj *item = vobj_new(a, "VCALENDAR");

	for (const struct vobj_prop *p = cal->props; p; p = p->next) {
		/* What is about the collection, or a message, is not the item's. */
		if (!vobj_prop_is(p, "METHOD") && strncasecmp(p->name, "X-WR-", 5) != 0)
			vobj_append(item, vobj_prop_copy(p, a));
	}
	return item;
}

struct vobj *
ical_split(const struct vobj *cal, struct arena *a)
{
	size_t n = 0, n_items = 0;

	for (const struct vobj *c = cal->first; c; c = c->next)
		n += ical_is_item(c);
	struct member *members = arena_array(a, n, struct member);
	struct item *items = arena_array(a, n, struct item);
	struct zones *zones = arena_new_of(a, struct zones);
	struct vobj **tail = NULL;

	collect_zones(zones, cal, a);
	n = 0;
	for (const struct vobj *c = cal->first; c; c = c->next) {
		const struct vobj_prop *uid =
			ical_is_item(c) ? vobj_find(c, "UID") : NULL;
		if (ical_is_item(c)) {
			members[n] = (struct member){ .obj = c, .place = n };
			if (uid && uid->value.n > 0)
				members[n].uid = uid->value;
			n++;
		}
	}
	if (n > 1)
		qsort(members, n, sizeof(*members), compare_members);
	for (size_t i = 0; i < n; i++) {
		if (i == 0 || !members[i].uid.p ||
		    !span_eq(members[i].uid, members[i - 1].uid)) {
			items[n_items].cal = new_item(cal, a);
			items[n_items++].place = members[i].place;
			tail = NULL;
		}
		struct vobj *item = items[n_items - 1].cal;
		struct vobj *copy = vobj_copy(members[i].obj, a);
		if (tail)
			*tail = copy;
		else
			vobj_add_child(item, copy);
		tail = &copy->next;
		add_used_zones(item, zones, copy, a);
	}
	if (n_items == 0)
		return NULL;
	qsort(items, n_items, sizeof(*items), compare_items);
	for (size_t i = 0; i + 1 < n_items; i++)
		items[i].cal->next = items[i + 1].cal;
	return items[0].cal;
}

/* Zones */

static void
each_time(struct vobj *o, struct pim_reader *r,
          void (*fn)(struct vobj_prop *p, struct pim_reader *r, void *arg), void *arg)
{
	for (struct vobj_prop *p = o->props; p; p = p->next) {
		if (vcard_name_in(p->name, ical_times))
			fn(p, r, arg);
	}
}

static void
add_zone_of(struct vobj_prop *p, struct pim_reader *r, void *arg)
{
	struct span first = span_sub(p->value, 0, span_find(p->value, 0, ','));
	struct pim_time t = pim_read_time(r, p, first);

	pim_add_zone(arg, &t, r->a);
}

void
ical_add_zones(struct vobj *cal, struct arena *a)
{
	struct pim_reader r = { .cal = cal, .a = a };

	for (struct vobj *c = cal->first; c; c = c->next) {
		if (ical_is_item(c))
			each_time(c, &r, add_zone_of, cal);
	}
}

static void
localise_prop(struct vobj_prop *p, struct pim_reader *r, void *arg)
{
	const struct tzone *zone = arg;
	struct span first = span_sub(p->value, 0, span_find(p->value, 0, ','));

	if (pim_read_time(r, p, first).kind == PIM_TIME_FLOATING)
		vobj_param_set(p, r->a, "TZID", tzone_id(zone));
}

void
ical_localise(struct vobj *cal, const struct tzone *zone, struct arena *a)
{
	struct pim_reader r = { .cal = cal, .a = a };

	for (struct vobj *c = cal->first; c; c = c->next) {
		if (ical_is_item(c) && zone != tzone_utc())
			each_time(c, &r, localise_prop, (void *)(uintptr_t)zone);
	}
	ical_add_zones(cal, a);
}

/* Writing */

/* The object with the properties that the device knows; inner ones whole. */
static struct vobj *
trim(const struct vobj *o, const struct vobj_caps *caps, struct arena *a)
{
	struct vobj *c = vobj_copy(o, a);
	struct vobj_prop **at = &c->props;

	while (*at) {
		const struct vobj_cap *cap = vobj_cap_of(caps, (*at)->name);
		bool is_long = cap && cap->size_max && (*at)->value.n > cap->size_max;
		if (!cap || (is_long && cap->no_truncate)) {
			*at = (*at)->next;
			continue;
		}
		if (is_long) {
			struct span cut = utf8_prefix((*at)->value, cap->size_max);
			size_t slashes = 0;
			while (slashes < cut.n && cut.p[cut.n - 1 - slashes] == '\\')
				slashes++;
			(*at)->value =
				arena_span(a, span_sub(cut, 0, cut.n - slashes % 2));
		}
		at = &(*at)->next;
	}
	return c;
}

void
ical_write(const struct vobj *cal, enum ical_version version,
           const struct vobj_caps *caps, const struct tzone *zone, struct buf *out)
{
	AUTO(arena)
	struct arena *a = arena_new();

	if (version == ICAL_1_0) {
		ical_write_1_0(cal, caps, zone, out);
		return;
	}
	buf_add_str(out, "BEGIN:VCALENDAR\r\nVERSION:2.0\r\n");
	for (const struct vobj_prop *p = cal->props; p; p = p->next) {
		if (!vobj_prop_is(p, "VERSION"))
			vobj_write_prop(p, out);
	}
	for (const struct vobj *c = cal->first; c; c = c->next)
		vobj_write(caps && ical_is_item(c) ? trim(c, caps, a) : c, out);
	buf_add_str(out, "END:VCALENDAR\r\n");
}
