/* SPDX-License-Identifier: ISC
 *
 * ical_vcal_write.c - calendars as vCalendar 1.0 (Versit), for phones that know no other.
 */
#include <strings.h>

#include "base/clock.h"
#include "format/ical_private.h"
#include "format/pim_event_private.h"
#include "format/vcard_private.h"

static const char *const left_out[] = {
	"RRULE",    "EXDATE",       "RDATE",     "DTSTART",       "DTEND",
	"DURATION", "DUE",          "COMPLETED", "CREATED",       "LAST-MODIFIED",
	"DTSTAMP",  "STATUS",       "TRANSP",    "ATTENDEE",      "ORGANIZER",
	"SEQUENCE", "CATEGORIES",   "RESOURCES", "RECURRENCE-ID", "X-ALT-DESC",
	"ATTACH",   ICAL_RRULE_1_0, NULL
};

struct writer {
	struct pim_reader r;
	const struct vobj_caps *caps;
	const struct tzone *zone; /* local times are its; NULL: all is UTC */
	bool is_local;            /* of this component */
	struct arena *a;
	struct buf *out;
};

/* A line; what is not ASCII goes as quoted-printable, as vcard_write.c does it. */
static void
put_line(struct writer *w, const char *name, const char *params, struct span text)
{
	const struct vobj_cap *cap = vobj_cap_of(w->caps, name);

	if (!cap)
		return;
	if (cap->size_max && text.n > cap->size_max) {
		if (cap->no_truncate)
			return;
		text = utf8_prefix(text, cap->size_max);
	}
	vobj_write_2_1(name, params, text, w->out);
}

static void
put_time(struct writer *w, const char *name, const struct pim_time *t)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);
	struct pim_time x = *t;

	if (t->kind == PIM_TIME_NONE)
		return;
	if (t->kind == PIM_TIME_ZONED || (t->kind == PIM_TIME_UTC && w->is_local)) {
		int64_t utc = pim_time_utc(t, NULL);
		x = pim_time_of(utc, w->is_local ? w->zone : NULL);
		if (w->is_local)
			x.kind = PIM_TIME_FLOATING;
	} else if (t->kind == PIM_TIME_DATE) {
		x.kind = PIM_TIME_FLOATING;
	}
	pim_time_write(&x, &b);
	put_line(w, name, "", buf_span(&b));
}

static struct pim_time
time_of(struct writer *w, const struct vobj *o, const char *name)
{
	const struct vobj_prop *p = vobj_find(o, name);
	struct pim_time none = { .kind = PIM_TIME_NONE };

	return p ? pim_read_time(&w->r, p, p->value) : none;
}

/* The text with today's escapes undone but for "\;", which only structured values have.
 */
static struct span
plain_text(const struct vobj_prop *p, struct arena *a)
{
	return span_str(vobj_text(p, a));
}

static void
put_list(struct writer *w, const char *name, const struct vobj_prop *p)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);
	size_t n = vobj_text_parts(p->value, ',');

	for (size_t i = 0; i < n; i++) {
		if (i > 0)
			buf_add_char(&b, ';');
		buf_add_str(&b, vobj_text_part(p->value, ',', i, w->a));
	}
	put_line(w, name, "", buf_span(&b));
}

/* Deleted and moved instances alike: 1.0 has no exceptions. */
static void
put_exdates(struct writer *w, const struct pim_event *e)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);
	size_t n = e->n_exdates;

	for (const struct pim_event *x = e->exceptions; x; x = x->next)
		n++;
	struct pim_time *list = arena_array(w->a, n, struct pim_time);
	n = 0;
	for (size_t i = 0; i < e->n_exdates; i++)
		list[n++] = e->exdates[i];
	for (const struct pim_event *x = e->exceptions; x; x = x->next)
		list[n++] = x->recurrence_id;
	for (size_t i = 0; i < n; i++) {
		struct pim_time t = list[i];
		if (t.kind == PIM_TIME_ZONED || t.kind == PIM_TIME_UTC) {
			t = pim_time_of(pim_time_utc(&t, NULL),
			                w->is_local ? w->zone : NULL);
			t.kind = w->is_local ? PIM_TIME_FLOATING : PIM_TIME_UTC;
		} else if (t.kind == PIM_TIME_DATE) {
			t.kind = PIM_TIME_FLOATING;
		}
		if (b.len > 0)
			buf_add_char(&b, ';');
		pim_time_write(&t, &b);
	}
	if (n > 0)
		put_line(w, "EXDATE", "", buf_span(&b));
}

static void
put_rrule(struct writer *w, const struct vobj *o, const struct pim_time *start)
{
	const struct vobj_prop *p = vobj_find(o, "RRULE");
	const struct vobj_prop *old = vobj_find(o, ICAL_RRULE_1_0);
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);
	struct recur r;

	if (old)
		put_line(w, "RRULE", "", old->value);
	if (!p || recur_parse(p->value, w->a, &r) != RC_OK)
		return;
	/* The start's own day in the zone in which it is written. */
	struct pim_time local = *start;
	if (w->is_local && start->kind != PIM_TIME_DATE)
		local = pim_time_of(pim_time_utc(start, NULL), w->zone);
	if (r.until.kind == PIM_TIME_UTC && w->is_local) {
		r.until = pim_time_of(pim_time_utc(&r.until, NULL), w->zone);
		r.until.kind = PIM_TIME_FLOATING;
	}
	if (recur_write_1_0(&r, &local, &b) == RC_OK)
		put_line(w, "RRULE", "", buf_span(&b));
}

static void
put_attendees(struct writer *w, const struct pim_event *e)
{
	for (const struct pim_attendee *t = e->attendees; t; t = t->next) {
		const char *status = pim_partstat_str(t->partstat);
		if (t->partstat == PIM_PARTSTAT_NEEDS_ACTION)
			status = "NEEDS ACTION";
		const char *params = arena_printf(
			w->a, ";ROLE=ATTENDEE%s%s%s", status ? ";STATUS=" : "",
			status ? status : "", t->rsvp ? ";RSVP=YES" : "");
		const char *value = t->email ? t->email : "";
		if (t->name && *t->name)
			value = arena_printf(w->a, "%s <%s>", t->name, value);
		put_line(w, "ATTENDEE", params, span_str(value));
	}
	if (e->organizer_email)
		put_line(w, "ATTENDEE", ";ROLE=ORGANIZER", span_str(e->organizer_email));
}

static void
put_alarm(struct writer *w, const struct vobj *o, const struct pim_time *start,
          const struct pim_time *end, const char *summary)
{
	const struct vobj *alarm = pim_alarm_find(o);
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);
	int32_t minutes;

	if (!alarm || !pim_alarm_minutes(alarm, start, end, &w->r, &minutes))
		return;
	/* Nokia's alarms must be UTC; an all-day event has no moment in UTC here. */
	struct pim_time at = *start;
	if (start->kind == PIM_TIME_ZONED || start->kind == PIM_TIME_UTC) {
		at = pim_time_of(pim_time_utc(start, NULL) - (int64_t)minutes * 60, NULL);
		if (w->is_local) {
			at = pim_time_of(pim_time_utc(&at, NULL), w->zone);
			at.kind = PIM_TIME_FLOATING;
		}
	} else {
		civil_from_seconds(civil_to_seconds(&start->at) - (int64_t)minutes * 60,
		                   &at.at);
		at.kind = PIM_TIME_FLOATING;
	}
	pim_time_write(&at, &b);
	const char *when = arena_strndup(w->a, buf_span(&b));
	put_line(w, "AALARM", "", span_str(arena_printf(w->a, "%s;;;", when)));
	put_line(w, "DALARM", "",
	         span_str(arena_printf(w->a, "%s;;;%s", when, summary ? summary : "")));
}

static void
put_status(struct writer *w, const struct vobj *o)
{
	const struct vobj_prop *status = vobj_find(o, "STATUS");
	const struct vobj_prop *transp = vobj_find(o, "TRANSP");

	if (transp)
		put_line(w, "TRANSP", "",
		         span_iis(transp->value, "TRANSPARENT") ? SPAN("1") : SPAN("0"));
	if (!status)
		return;
	if (span_iis(status->value, "NEEDS-ACTION") ||
	    span_iis(status->value, "IN-PROCESS"))
		put_line(w, "STATUS", "", SPAN("NEEDS ACTION"));
	else if (span_iis(status->value, "CANCELLED"))
		put_line(w, "STATUS", "", SPAN("DECLINED"));
	else
		put_line(w, "STATUS", "", status->value);
}

static void
put_times(struct writer *w, const struct vobj *o, const struct pim_event *e)
{
	struct pim_time end = e->end;

	put_time(w, "DTSTART", &e->start);
	/* The last moment of an all-day event, as phones have it. */
	if (strcmp(o->name, "VEVENT") == 0 && e->start.kind == PIM_TIME_DATE) {
		civil_from_seconds(civil_to_seconds(&end.at) - 60, &end.at);
		end.kind = PIM_TIME_FLOATING;
	}
	if (strcmp(o->name, "VEVENT") == 0)
		put_time(w, "DTEND", &end);
	struct pim_time t = time_of(w, o, "DUE");
	put_time(w, "DUE", &t);
	t = time_of(w, o, "COMPLETED");
	put_time(w, "COMPLETED", &t);
	t = time_of(w, o, "LAST-MODIFIED");
	put_time(w, "LAST-MODIFIED", &t);
	t = time_of(w, o, "CREATED");
	put_time(w, "DCREATED", &t);
}

static void
put_item(struct writer *w, const struct vobj *o, struct pim_event *e)
{
	const struct vobj_prop *p;

	w->is_local = w->zone && vobj_find(o, "RRULE");
	buf_addf(w->out, "BEGIN:%s\r\n", o->name);
	for (p = o->props; p; p = p->next) {
		if (vcard_name_in(p->name, left_out))
			continue;
		bool is_own = strncasecmp(p->name, "X-", 2) == 0;
		put_line(w, p->name, "", is_own ? p->value : plain_text(p, w->a));
	}
	put_times(w, o, e);
	put_rrule(w, o, &e->start);
	put_exdates(w, e);
	put_status(w, o);
	for (p = vobj_find(o, "CATEGORIES"); p; p = vobj_find_next(p, "CATEGORIES"))
		put_list(w, "CATEGORIES", p);
	put_attendees(w, e);
	struct pim_time due = time_of(w, o, "DUE");
	bool has_start = e->start.kind != PIM_TIME_NONE;
	put_alarm(w, o, has_start ? &e->start : &due, has_start ? &e->end : &due,
	          e->subject);
	buf_addf(w->out, "END:%s\r\n", o->name);
}

/* "+01:00" */
static const char *
offset_str(int32_t offset, struct arena *a)
{
	int32_t v = offset < 0 ? -offset : offset;

	return arena_printf(a, "%c%02d:%02d", offset < 0 ? '-' : '+', v / 3600,
	                    v / 60 % 60);
}

/* TZ and DAYLIGHT of the present year; the first for any, the second where there is one.
 */
static void
put_zone(struct writer *w)
{
	int64_t now = clock_wall_ms() / 1000;
	struct civil c;

	tzone_local(w->zone, now, &c);
	struct civil winter = { c.year, 1, 1, 0, 0, 0 },
		     summer = { c.year, 7, 1, 0, 0, 0 };
	int32_t a = tzone_offset(w->zone, tzone_utc_of(w->zone, &winter), NULL);
	int32_t b = tzone_offset(w->zone, tzone_utc_of(w->zone, &summer), NULL);
	buf_addf(w->out, "TZ:%s\r\n", offset_str(a < b ? a : b, w->a));
	if (a == b) {
		buf_add_str(w->out, "DAYLIGHT:FALSE\r\n");
		return;
	}
	/* The days on which the clock is changed, found by halving. */
	int64_t year = tzone_utc_of(w->zone, &winter);
	int64_t changes[2] = { 0, 0 };
	size_t n = 0;
	for (int64_t t = year; t < year + 366LL * 86400 && n < 2; t += 86400) {
		if (tzone_offset(w->zone, t, NULL) ==
		    tzone_offset(w->zone, t + 86400, NULL))
			continue;
		int64_t low = t, high = t + 86400;
		while (high - low > 1) {
			int64_t mid = (low + high) / 2;
			if (tzone_offset(w->zone, mid, NULL) ==
			    tzone_offset(w->zone, t, NULL))
				low = mid;
			else
				high = mid;
		}
		changes[n++] = high;
	}
	bool is_up = n > 0 && tzone_offset(w->zone, changes[0], NULL) > (a < b ? a : b);
	struct pim_time on = { .kind = PIM_TIME_FLOATING }, off = on;
	int32_t low = a < b ? a : b, high = a < b ? b : a;
	civil_from_seconds(changes[is_up ? 0 : 1] + low, &on.at);
	civil_from_seconds(changes[is_up ? 1 : 0] + high, &off.at);
	buf_addf(w->out, "DAYLIGHT:TRUE;%s;", offset_str(high, w->a));
	pim_time_write(&on, w->out);
	buf_add_char(w->out, ';');
	pim_time_write(&off, w->out);
	buf_add_str(w->out, ";;\r\n");
}

void
ical_write_1_0(const struct vobj *cal, const struct vobj_caps *caps,
               const struct tzone *zone, struct buf *out)
{
	AUTO(arena)
	struct arena *a = arena_new();
	struct vobj *copy = vobj_copy(cal, a);
	struct writer w = {
		.r = { .cal = copy, .a = a }, .caps = caps, .a = a, .out = out
	};
	bool is_series = false;

	w.zone = zone == tzone_utc() ? NULL : zone;
	for (const struct vobj *c = copy->first; c; c = c->next)
		is_series |= ical_is_item(c) && vobj_find(c, "RRULE");
	buf_add_str(out, "BEGIN:VCALENDAR\r\nVERSION:1.0\r\n");
	if (is_series && w.zone)
		put_zone(&w);
	for (struct vobj *c = copy->first; c; c = c->next) {
		/* An exception that stands alone is an event to a phone. */
		bool is_exception = vobj_find(c, "RECURRENCE-ID") && ical_kind(copy) &&
		                    c != vobj_child(copy, c->name);
		if (!ical_is_item(c) || strcmp(c->name, "VJOURNAL") == 0 || is_exception)
			continue;
		struct pim_event *e = pim_event_new(a), *whole;
		pim_event_read(c, e, &w.r);
		if (strcmp(c->name, "VEVENT") == 0 &&
		    pim_event_of(copy, a, &whole) == RC_OK && whole->obj == c)
			e->exceptions = whole->exceptions;
		put_item(&w, c, e);
	}
	buf_add_str(out, "END:VCALENDAR\r\n");
}
