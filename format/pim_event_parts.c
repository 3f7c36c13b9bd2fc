/* SPDX-License-Identifier: ISC
 *
 * pim_event_parts.c - place, reminder, attachments, dates and the end of an event.
 */
#include <strings.h>

#include "base/encode.h"
#include "format/pim_event_private.h"

#define PLACE "X-GODWIT-LOCATION"
#define ALLDAY_ZONE "X-GODWIT-TZID"
#define DATES_MAX 10000
#define ATTACHMENT_MAX (20u << 20)

/* RRULE */

static void
read_rrule(const struct vobj *o, const struct pim_field *f, void *value,
           struct pim_reader *r)
{
	const struct vobj_prop *p = vobj_find(o, f->name);
	struct recur *recur = arena_new_of(r->a, struct recur);

	if (p && recur_parse(p->value, r->a, recur) == RC_OK)
		*(const struct recur **)value = recur;
}

static void
write_rrule(struct vobj *o, const struct pim_field *f, const void *value, struct arena *a)
{
	const struct recur *recur = *(const struct recur *const *)value;
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);

	if (recur)
		recur_write(recur, &b);
	else
		vobj_remove_all(o, f->name);
	pim_set_raw(o, f->name, arena_strndup(a, buf_span(&b)), a);
}

static bool
eq_rrule(const void *x, const void *y)
{
	const struct recur *a = *(const struct recur *const *)x;
	const struct recur *b = *(const struct recur *const *)y;

	return a && b ? recur_eq(a, b) : a == b;
}

const struct pim_codec pim_rrule = { read_rrule, write_rrule, eq_rrule };

/* Place */

static const size_t place_parts[] = {
	offsetof(struct pim_location, annotation),
	offsetof(struct pim_location, street),
	offsetof(struct pim_location, city),
	offsetof(struct pim_location, state),
	offsetof(struct pim_location, country),
	offsetof(struct pim_location, postal_code),
	offsetof(struct pim_location, accuracy),
	offsetof(struct pim_location, altitude),
	offsetof(struct pim_location, altitude_accuracy),
	offsetof(struct pim_location, uri),
};

static const char **
place_part(const struct pim_location *l, size_t i)
{
	return (const char **)(uintptr_t)((const char *)l + place_parts[i]);
}

static void
read_place(const struct vobj *o, struct pim_event *e, struct pim_reader *r)
{
	const struct vobj_prop *name = vobj_find(o, "LOCATION");
	const struct vobj_prop *geo = vobj_find(o, "GEO");
	const struct vobj_prop *more = vobj_find(o, PLACE);

	if (name && name->value.n)
		e->location.name = vobj_text(name, r->a);
	if (geo) {
		const char *latitude = vobj_text_part(geo->value, ';', 0, r->a);
		const char *longitude = vobj_text_part(geo->value, ';', 1, r->a);
		e->location.latitude = *latitude ? latitude : NULL;
		e->location.longitude = *longitude ? longitude : NULL;
	}
	for (size_t i = 0; more && i < ARRAY_LEN(place_parts); i++) {
		const char *s = vobj_text_part(more->value, ';', i, r->a);
		*place_part(&e->location, i) = *s ? s : NULL;
	}
}

static void
write_place(struct vobj *o, const struct pim_event *was, const struct pim_event *is,
            struct arena *a)
{
	const struct pim_location *x = &was->location, *y = &is->location;
	bool is_same = true;

	if (!pim_str_eq(x->name, y->name)) {
		pim_set_text(o, "LOCATION", y->name, a);
		/* Of the place that it was. */
		vobj_remove_all(o, "X-APPLE-STRUCTURED-LOCATION");
	}
	if (!pim_str_eq(x->latitude, y->latitude) ||
	    !pim_str_eq(x->longitude, y->longitude)) {
		const char *geo = NULL;
		if (y->latitude && *y->latitude && y->longitude && *y->longitude)
			geo = arena_printf(a, "%s;%s", y->latitude, y->longitude);
		pim_set_raw(o, "GEO", geo, a);
	}
	for (size_t i = 0; i < ARRAY_LEN(place_parts); i++)
		is_same &= pim_str_eq(*place_part(x, i), *place_part(y, i));
	if (is_same)
		return;
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);
	bool is_empty = true;
	for (size_t i = 0; i < ARRAY_LEN(place_parts); i++) {
		const char *s = *place_part(y, i);
		if (i > 0)
			buf_add_char(&b, ';');
		vobj_escape(s ? s : "", &b);
		is_empty &= pim_str_eq(s, "");
	}
	pim_set_raw(o, PLACE, is_empty ? NULL : arena_strndup(a, buf_span(&b)), a);
}

const struct pim_event_part pim_event_place = { read_place, write_place };

/* Reminder */

struct vobj *
pim_alarm_find(const struct vobj *o)
{
	for (struct vobj *c = vobj_child(o, "VALARM"); c;
	     c = vobj_next_child(c, "VALARM")) {
		const struct vobj_prop *action = vobj_find(c, "ACTION");
		/* Apple's ACTION:NONE stands for "no alarm at all". */
		if (action && (span_iis(span_trim(action->value), "EMAIL") ||
		               span_iis(span_trim(action->value), "NONE")))
			continue;
		if (vobj_find(c, "TRIGGER"))
			return c;
	}
	return NULL;
}

bool
pim_alarm_minutes(const struct vobj *alarm, const struct pim_time *start,
                  const struct pim_time *end, struct pim_reader *r, int32_t *ret_minutes)
{
	const struct vobj_prop *p = vobj_find(alarm, "TRIGGER");
	int64_t days, seconds, before;

	if (!p || start->kind == PIM_TIME_NONE)
		return false;
	if (pim_duration_parse(p->value, &days, &seconds) == RC_OK) {
		before = -(days * 86400 + seconds);
		if (vobj_param_has(p, "RELATED", "END"))
			before -= pim_time_utc(end, NULL) - pim_time_utc(start, NULL);
	} else {
		struct pim_time at = pim_read_time(r, p, p->value);
		if (at.kind == PIM_TIME_NONE)
			return false;
		before = pim_time_utc(start, NULL) - pim_time_utc(&at, NULL);
	}
	if (before < -INT32_MAX || before > INT32_MAX)
		return false;
	*ret_minutes = (int32_t)(before / 60);
	return true;
}

static void
read_alarm(const struct vobj *o, struct pim_event *e, struct pim_reader *r)
{
	const struct vobj *alarm = pim_alarm_find(o);

	e->reminder_min = PIM_NO_REMINDER;
	if (alarm && !pim_alarm_minutes(alarm, &e->start, &e->end, r, &e->reminder_min))
		e->reminder_min = PIM_NO_REMINDER;
}

static void
write_alarm(struct vobj *o, const struct pim_event *was, const struct pim_event *is,
            struct arena *a)
{
	struct vobj *alarm = pim_alarm_find(o);

	if (was->reminder_min == is->reminder_min)
		return;
	if (is->reminder_min == PIM_NO_REMINDER) {
		for (; alarm; alarm = pim_alarm_find(o))
			vobj_remove_child(o, alarm);
		return;
	}
	if (!alarm) {
		alarm = vobj_new(a, "VALARM");
		vobj_add(alarm, a, "ACTION", SPAN("DISPLAY"));
		vobj_add(alarm, a, "DESCRIPTION", SPAN("Reminder"));
		vobj_add_child(o, alarm);
	}
	int32_t m = is->reminder_min;
	pim_set_raw(alarm, "TRIGGER",
	            arena_printf(a, "%sPT%dM", m > 0 ? "-" : "", m < 0 ? -m : m), a);
	struct vobj_prop *p = vobj_find(alarm, "TRIGGER");
	vobj_param_set(p, a, "VALUE", NULL);
	vobj_param_set(p, a, "RELATED", NULL);
}

const struct pim_event_part pim_event_alarm = { read_alarm, write_alarm };

/* Attachments */

static void
read_attachment(const struct vobj_prop *p, struct pim_attachment *t, struct arena *a)
{
	AUTO_DONE(buf) struct buf bytes = BUF_INIT(ATTACHMENT_MAX);
	const char *name = vobj_param(p, "FILENAME", a); /* RFC 8607 4.2 */

	t->name = name ? name : vobj_param(p, "X-FILENAME", a);
	t->type = vobj_param(p, "FMTTYPE", a);
	t->content_id = vobj_param(p, "X-GODWIT-CID", a);
	t->is_inline = vobj_param_has(p, "X-GODWIT-INLINE", "TRUE");
	if (!vobj_param_has(p, "ENCODING", "BASE64"))
		t->uri = vobj_text(p, a);
	else if (base64_decode(p->value, &bytes) == RC_OK)
		t->data = arena_span(a, buf_span(&bytes));
}

static void
read_attachments(const struct vobj *o, struct pim_event *e, struct pim_reader *r)
{
	struct pim_attachment **tail = &e->attachments;

	for (const struct vobj_prop *p = vobj_find(o, "ATTACH"); p;
	     p = vobj_find_next(p, "ATTACH")) {
		*tail = arena_new_of(r->a, struct pim_attachment);
		read_attachment(p, *tail, r->a);
		tail = &(*tail)->next;
	}
}

static bool
is_same_content(const struct pim_attachment *x, const struct pim_attachment *y)
{
	return pim_str_eq(x->uri, y->uri) && span_eq(x->data, y->data);
}

static void
set_attachment(struct vobj_prop *p, const struct pim_attachment *was,
               const struct pim_attachment *is, struct arena *a)
{
	if (!pim_str_eq(was->name, is->name)) {
		vobj_param_set(p, a, "X-FILENAME", NULL);
		vobj_param_set(p, a, "FILENAME", is->name);
	}
	if (!pim_str_eq(was->type, is->type))
		vobj_param_set(p, a, "FMTTYPE", is->type);
	if (!pim_str_eq(was->content_id, is->content_id))
		vobj_param_set(p, a, "X-GODWIT-CID", is->content_id);
	if (was->is_inline != is->is_inline)
		vobj_param_set(p, a, "X-GODWIT-INLINE", is->is_inline ? "TRUE" : NULL);
}

static void
add_attachment(struct vobj *o, const struct pim_attachment *is, struct arena *a)
{
	static const struct pim_attachment none;
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);

	if (is->data.p)
		base64_encode(is->data, &b);
	else
		buf_add_str(&b, is->uri ? is->uri : "");
	struct vobj_prop *p = vobj_add(o, a, "ATTACH", buf_span(&b));
	set_attachment(p, &none, is, a);
	if (is->data.p) {
		vobj_param_set(p, a, "ENCODING", "BASE64");
		vobj_param_set(p, a, "VALUE", "BINARY");
	}
}

static void
write_attachments(struct vobj *o, const struct pim_event *was, const struct pim_event *is,
                  struct arena *a)
{
	struct vobj_prop *p = vobj_find(o, "ATTACH");

	/* was has one for each property, in order. */
	for (const struct pim_attachment *w = was->attachments; w && p; w = w->next) {
		struct vobj_prop *next = vobj_find_next(p, "ATTACH");
		const struct pim_attachment *t = is->attachments;
		while (t && !is_same_content(w, t))
			t = t->next;
		if (t)
			set_attachment(p, w, t, a);
		else
			vobj_remove(o, p);
		p = next;
	}
	for (const struct pim_attachment *t = is->attachments; t; t = t->next) {
		const struct pim_attachment *w = was->attachments;
		while (w && !is_same_content(w, t))
			w = w->next;
		if (!w)
			add_attachment(o, t, a);
	}
}

const struct pim_event_part pim_event_attachments = { read_attachments,
	                                              write_attachments };

/* EXDATE and RDATE */

static const struct pim_time *
read_times(const struct vobj *o, const char *name, struct pim_reader *r, size_t *ret_n)
{
	size_t n = 0;

	for (const struct vobj_prop *p = vobj_find(o, name); p;
	     p = vobj_find_next(p, name))
		n += vobj_text_parts(p->value, ',');
	n = n > DATES_MAX ? DATES_MAX : n;
	struct pim_time *list = arena_array(r->a, n, struct pim_time);
	size_t k = 0;
	for (const struct vobj_prop *p = vobj_find(o, name); p;
	     p = vobj_find_next(p, name)) {
		struct span rest = p->value, one;
		while (k < n && span_cut(&rest, ',', &one)) {
			/* Of a PERIOD the start. */
			one = span_sub(one, 0, span_find(one, 0, '/'));
			list[k] = pim_read_time(r, p, one);
			k += list[k].kind != PIM_TIME_NONE;
		}
	}
	*ret_n = k;
	return list;
}

static void
read_dates(const struct vobj *o, struct pim_event *e, struct pim_reader *r)
{
	e->exdates = read_times(o, "EXDATE", r, &e->n_exdates);
	e->rdates = read_times(o, "RDATE", r, &e->n_rdates);
}

static bool
is_same_times(const struct pim_time *x, size_t nx, const struct pim_time *y, size_t ny)
{
	if (nx != ny)
		return false;
	for (size_t i = 0; i < nx; i++) {
		if (!pim_time_eq(&x[i], &y[i]))
			return false;
	}
	return true;
}

/* One property for each run of dates of one kind and zone. */
static void
write_times(struct vobj *o, const char *name, const struct pim_time *list, size_t n,
            struct arena *a)
{
	struct vobj_prop *p = NULL;

	vobj_remove_all(o, name);
	for (size_t i = 0; i < n; i++) {
		AUTO_DONE(buf) struct buf b = BUF_INIT(0);
		bool is_like = p && list[i].kind == list[i - 1].kind &&
		               list[i].zone == list[i - 1].zone;
		if (!is_like) {
			p = vobj_add(o, a, name, span_str(""));
			pim_write_time(p, &list[i], a);
			continue;
		}
		buf_add_span(&b, p->value);
		buf_add_char(&b, ',');
		pim_time_write(&list[i], &b);
		p->value = arena_span(a, buf_span(&b));
	}
}

static void
write_dates(struct vobj *o, const struct pim_event *was, const struct pim_event *is,
            struct arena *a)
{
	if (!is_same_times(was->exdates, was->n_exdates, is->exdates, is->n_exdates))
		write_times(o, "EXDATE", is->exdates, is->n_exdates, a);
	if (!is_same_times(was->rdates, was->n_rdates, is->rdates, is->n_rdates))
		write_times(o, "RDATE", is->rdates, is->n_rdates, a);
}

const struct pim_event_part pim_event_dates = { read_dates, write_dates };

/* The end */

/* RFC 5545 3.6.1: DTEND, DTSTART and DURATION, or what DTSTART alone means. */
static struct pim_time
end_of(const struct vobj *o, struct pim_reader *r)
{
	const struct vobj_prop *dtstart = vobj_find(o, "DTSTART");
	const struct vobj_prop *dtend = vobj_find(o, "DTEND");
	const struct vobj_prop *duration = vobj_find(o, "DURATION");
	struct pim_time start = { .kind = PIM_TIME_NONE }, end = start;
	int64_t days = 0, seconds = 0;

	if (dtstart)
		start = pim_read_time(r, dtstart, dtstart->value);
	if (dtend)
		end = pim_read_time(r, dtend, dtend->value);
	if (start.kind == PIM_TIME_NONE)
		return start;
	bool is_date = start.kind == PIM_TIME_DATE;
	if (end.kind != PIM_TIME_NONE && (end.kind == PIM_TIME_DATE) == is_date &&
	    pim_time_utc(&end, NULL) >= pim_time_utc(&start, NULL)) {
		/* An all-day event that ends where it starts is meant to be that day. */
		if (is_date && pim_time_eq(&start, &end))
			civil_from_seconds(civil_to_seconds(&start.at) + 86400, &end.at);
		return end;
	}
	if (duration && pim_duration_parse(duration->value, &days, &seconds) == RC_OK &&
	    days >= 0 && seconds >= 0) {
		end = start;
		civil_from_seconds(civil_to_seconds(&start.at) + days * 86400, &end.at);
		if (seconds == 0 || is_date)
			return end;
		int64_t utc = pim_time_utc(&end, NULL) + seconds;
		if (start.kind == PIM_TIME_FLOATING) {
			civil_from_seconds(utc, &end.at);
			return end;
		}
		end = pim_time_of(utc, start.zone);
		end.tzid = start.tzid;
		return end;
	}
	end = start;
	if (is_date)
		civil_from_seconds(civil_to_seconds(&start.at) + 86400, &end.at);
	return end;
}

static void
read_end(const struct vobj *o, struct pim_event *e, struct pim_reader *r)
{
	const struct vobj_prop *zone = vobj_find(o, ALLDAY_ZONE);

	e->end = end_of(o, r);
	if (e->start.kind == PIM_TIME_ZONED)
		e->zone = e->start.zone;
	else if (zone)
		e->zone = tzone_resolve(vobj_text(zone, r->a));
}

/* After the start: what the object says by itself now is compared with what is meant. */
static void
write_end(struct vobj *o, const struct pim_event *was UNUSED, const struct pim_event *is,
          struct arena *a)
{
	struct pim_reader r = { .a = a };
	struct pim_time end = end_of(o, &r);

	/* The reader has no VTIMEZONEs here: only civil time and TZID are compared. */
	bool is_same = end.kind == is->end.kind &&
	               civil_to_seconds(&end.at) == civil_to_seconds(&is->end.at) &&
	               (end.kind != PIM_TIME_ZONED || pim_time_eq(&end, &is->end));
	if (!is_same && is->end.kind != PIM_TIME_NONE &&
	    !(pim_time_eq(&was->end, &is->end) && pim_time_eq(&was->start, &is->start))) {
		struct vobj_prop *p = vobj_find(o, "DTEND");
		vobj_remove_all(o, "DURATION");
		if (!p)
			p = vobj_add(o, a, "DTEND", span_str(""));
		pim_write_time(p, &is->end, a);
	}
	if (is->start.kind == PIM_TIME_DATE && is->zone != was->zone)
		pim_set_text(o, ALLDAY_ZONE,
		             is->zone && tzone_find(tzone_id(is->zone))
		                     ? tzone_id(is->zone)
		                     : NULL,
		             a);
}

const struct pim_event_part pim_event_end = { read_end, write_end };
