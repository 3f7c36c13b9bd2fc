/* SPDX-License-Identifier: ISC
 *
 * pim_field.c - the codecs that most fields have, and the walk over a table of fields.
 */
#include "format/pim_field.h"

#include <strings.h>

#include "format/mime_text.h"

#define STRINGS_MAX 1000
#define ZONES_MAX 100

struct pim_zone {
	const char *tzid;
	const struct tzone *zone; /* NULL: unknown */
	struct pim_zone *next;
};

bool
pim_str_eq(const char *a, const char *b)
{
	return strcmp(a ? a : "", b ? b : "") == 0;
}

const char *
pim_first_name(const char *names, struct arena *a)
{
	return arena_strndup(a, span_of(names, strcspn(names, "|")));
}

struct vobj_prop *
pim_find(const struct vobj *o, const char *names)
{
	struct span rest = span_str(names), name;

	while (span_cut(&rest, '|', &name)) {
		for (struct vobj_prop *p = o->props; p; p = p->next) {
			if (span_iis(name, p->name))
				return p;
		}
	}
	return NULL;
}

void
pim_set_raw(struct vobj *o, const char *names, const char *raw, struct arena *a)
{
	struct vobj_prop *p = pim_find(o, names);

	if (!raw || !*raw) {
		if (p)
			vobj_remove(o, p);
		return;
	}
	if (!p)
		p = vobj_add(o, a, pim_first_name(names, a), span_str(""));
	p->value = arena_span(a, span_str(raw));
}

void
pim_set_text(struct vobj *o, const char *names, const char *text, struct arena *a)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);

	vobj_escape(text ? text : "", &b);
	pim_set_raw(o, names, arena_strndup(a, buf_span(&b)), a);
}

/* Text */

static void
read_text(const struct vobj *o, const struct pim_field *f, void *value,
          struct pim_reader *r)
{
	const struct vobj_prop *p = pim_find(o, f->name);

	if (p && p->value.n > 0)
		*(const char **)value = vobj_text(p, r->a);
}

static void
write_text(struct vobj *o, const struct pim_field *f, const void *value, struct arena *a)
{
	pim_set_text(o, f->name, *(const char *const *)value, a);
}

static bool
eq_text(const void *x, const void *y)
{
	return pim_str_eq(*(const char *const *)x, *(const char *const *)y);
}

const struct pim_codec pim_text = { read_text, write_text, eq_text };

/* Components */

static void
read_part(const struct vobj *o, const struct pim_field *f, void *value,
          struct pim_reader *r)
{
	const struct vobj_prop *p = pim_find(o, f->name);
	const char *s = p ? vobj_text_part(p->value, ';', (size_t)f->arg, r->a) : "";

	if (*s)
		*(const char **)value = s;
}

void
pim_set_part(struct vobj_prop *p, size_t n, const char *text, struct arena *a)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);
	size_t parts = vobj_text_parts(p->value, ';');
	size_t last = parts > n ? parts : n + 1;

	for (size_t i = 0; i < last; i++) {
		if (i > 0)
			buf_add_char(&b, ';');
		if (i == n) {
			vobj_escape(text ? text : "", &b);
			continue;
		}
		/* The others stay as they are written, lists of commas too. */
		size_t from = 0, k = 0, nth = i;
		for (; k < p->value.n; k++) {
			if (p->value.p[k] == '\\')
				k++;
			else if (p->value.p[k] == ';' && nth-- == 0)
				break;
			else if (p->value.p[k] == ';')
				from = k + 1;
		}
		if (i < parts)
			buf_add_span(&b, span_sub(p->value, from, k));
	}
	p->value = arena_span(a, buf_span(&b));
}

static void
write_part(struct vobj *o, const struct pim_field *f, const void *value, struct arena *a)
{
	struct vobj_prop *p = pim_find(o, f->name);

	if (!p)
		p = vobj_add(o, a, pim_first_name(f->name, a), span_str(""));
	pim_set_part(p, (size_t)f->arg, *(const char *const *)value, a);
	size_t i = 0;
	while (i < p->value.n && p->value.p[i] == ';')
		i++;
	if (i == p->value.n)
		vobj_remove(o, p);
}

const struct pim_codec pim_part = { read_part, write_part, eq_text };

/* Lists */

static void
read_list(const struct vobj *o, const struct pim_field *f, void *value,
          struct pim_reader *r)
{
	const char *list[STRINGS_MAX + 1];
	size_t n = 0;

	for (const struct vobj_prop *p = o->props; p; p = p->next) {
		if (strcasecmp(p->name, f->name) != 0)
			continue;
		size_t parts = vobj_text_parts(p->value, ',');
		for (size_t i = 0; i < parts && n < STRINGS_MAX; i++) {
			const char *s = vobj_text_part(p->value, ',', i, r->a);
			if (*s)
				list[n++] = s;
		}
	}
	if (n == 0)
		return;
	const char **copy = arena_array(r->a, n + 1, const char *);
	memcpy(copy, list, n * sizeof(*list));
	*(pim_strings *)value = copy;
}

static void
write_list(struct vobj *o, const struct pim_field *f, const void *value, struct arena *a)
{
	pim_strings list = *(const pim_strings *)value;
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);
	struct vobj_prop *first = vobj_find(o, f->name);

	for (size_t i = 0; list && list[i]; i++) {
		if (i > 0)
			buf_add_char(&b, ',');
		vobj_escape(list[i], &b);
	}
	while (first && vobj_find_next(first, f->name))
		vobj_remove(o, vobj_find_next(first, f->name));
	pim_set_raw(o, f->name, arena_strndup(a, buf_span(&b)), a);
}

static bool
eq_list(const void *x, const void *y)
{
	static const char *const none[] = { NULL };
	pim_strings a = *(const pim_strings *)x, b = *(const pim_strings *)y;
	size_t i = 0;

	a = a ? a : none;
	b = b ? b : none;
	while (a[i] && b[i] && strcmp(a[i], b[i]) == 0)
		i++;
	return !a[i] && !b[i];
}

const struct pim_codec pim_list = { read_list, write_list, eq_list };

/* Numbers and flags */

static uint32_t
number_of(const struct vobj *o, const char *names, uint32_t max)
{
	const struct vobj_prop *p = pim_find(o, names);
	uint32_t v;

	if (!p || parse_u32(span_trim(p->value), max, &v) != RC_OK)
		return 0;
	return v;
}

static void
read_u32(const struct vobj *o, const struct pim_field *f, void *value,
         struct pim_reader *r UNUSED)
{
	*(uint32_t *)value = number_of(o, f->name, UINT32_MAX);
}

static void
write_u32(struct vobj *o, const struct pim_field *f, const void *value, struct arena *a)
{
	pim_set_raw(o, f->name, arena_printf(a, "%u", *(const uint32_t *)value), a);
}

static bool
eq_u32(const void *x, const void *y)
{
	return *(const uint32_t *)x == *(const uint32_t *)y;
}

const struct pim_codec pim_u32 = { read_u32, write_u32, eq_u32 };

static void
read_u8(const struct vobj *o, const struct pim_field *f, void *value,
        struct pim_reader *r UNUSED)
{
	*(uint8_t *)value = (uint8_t)number_of(o, f->name, UINT8_MAX);
}

static void
write_u8(struct vobj *o, const struct pim_field *f, const void *value, struct arena *a)
{
	pim_set_raw(o, f->name, arena_printf(a, "%u", *(const uint8_t *)value), a);
}

static bool
eq_u8(const void *x, const void *y)
{
	return *(const uint8_t *)x == *(const uint8_t *)y;
}

const struct pim_codec pim_u8 = { read_u8, write_u8, eq_u8 };

static void
read_flag(const struct vobj *o, const struct pim_field *f, void *value,
          struct pim_reader *r UNUSED)
{
	const struct vobj_prop *p = pim_find(o, f->name);

	*(bool *)value = p && span_iis(span_trim(p->value), "TRUE");
}

static void
write_flag(struct vobj *o, const struct pim_field *f, const void *value, struct arena *a)
{
	pim_set_raw(o, f->name, *(const bool *)value ? "TRUE" : NULL, a);
}

static bool
eq_flag(const void *x, const void *y)
{
	return *(const bool *)x == *(const bool *)y;
}

const struct pim_codec pim_flag = { read_flag, write_flag, eq_flag };

/* CLASS, with MS-OXCICAL's word for "personal". */
static const char *const classes[] = { "PUBLIC", "X-PERSONAL", "PRIVATE",
	                               "CONFIDENTIAL" };

static void
read_class(const struct vobj *o, const struct pim_field *f, void *value,
           struct pim_reader *r UNUSED)
{
	const struct vobj_prop *p = pim_find(o, f->name);
	enum pim_sensitivity *to = value;

	*to = PIM_SENSITIVITY_NORMAL;
	for (size_t i = 0; p && i < ARRAY_LEN(classes); i++) {
		if (span_iis(span_trim(p->value), classes[i]))
			*to = (enum pim_sensitivity)i;
	}
	/* RFC 5545 3.8.1.3: what is not known is to be treated as private. */
	if (p && *to == PIM_SENSITIVITY_NORMAL &&
	    !span_iis(span_trim(p->value), "PUBLIC"))
		*to = PIM_SENSITIVITY_PRIVATE;
}

static void
write_class(struct vobj *o, const struct pim_field *f, const void *value, struct arena *a)
{
	pim_set_raw(o, f->name, classes[*(const enum pim_sensitivity *)value & 3], a);
}

static bool
eq_class(const void *x, const void *y)
{
	return *(const enum pim_sensitivity *)x == *(const enum pim_sensitivity *)y;
}

const struct pim_codec pim_class = { read_class, write_class, eq_class };

/* Bodies: "plain property|HTML property" */

static const char *
html_name(const struct pim_field *f)
{
	return strchr(f->name, '|') + 1;
}

static struct vobj_prop *
find_html(const struct vobj *o, const struct pim_field *f)
{
	struct vobj_prop *p = vobj_find(o, html_name(f));

	while (p && !vobj_param_has(p, "FMTTYPE", "text/html"))
		p = vobj_find_next(p, html_name(f));
	return p;
}

static void
read_body(const struct vobj *o, const struct pim_field *f, void *value,
          struct pim_reader *r)
{
	const struct vobj_prop *plain = vobj_find(o, pim_first_name(f->name, r->a));
	const struct vobj_prop *html = find_html(o, f);
	struct pim_body *b = value;

	if (plain && plain->value.n > 0)
		b->plain = vobj_text(plain, r->a);
	if (html && html->value.n > 0)
		b->html = vobj_text(html, r->a);
	if (b->html && !b->plain)
		pim_body_set_html(b, b->html, r->a);
}

static void
write_body(struct vobj *o, const struct pim_field *f, const void *value, struct arena *a)
{
	const struct pim_body *b = value;
	struct pim_body made = *b;
	struct vobj_prop *html = find_html(o, f);

	if (b->html && !b->plain)
		pim_body_set_html(&made, b->html, a);
	pim_set_text(o, pim_first_name(f->name, a), made.plain, a);
	if (!b->html || !*b->html) {
		if (html)
			vobj_remove(o, html);
		return;
	}
	if (!html) {
		html = vobj_add(o, a, html_name(f), span_str(""));
		vobj_param_set(html, a, "FMTTYPE", "text/html");
	}
	AUTO_DONE(buf) struct buf e = BUF_INIT(0);
	vobj_escape(b->html, &e);
	html->value = arena_span(a, buf_span(&e));
}

static bool
eq_body(const void *x, const void *y)
{
	const struct pim_body *a = x, *b = y;

	return pim_str_eq(a->plain, b->plain) && pim_str_eq(a->html, b->html);
}

const struct pim_codec pim_bodies = { read_body, write_body, eq_body };

/* Times */

static const struct tzone *
zone_of(struct pim_reader *r, const char *tzid)
{
	struct pim_zone *z = r->zones;

	while (z && strcmp(z->tzid, tzid) != 0)
		z = z->next;
	if (z)
		return z->zone;
	/* Nobody names so many; each costs a look through the calendar. */
	if (++r->n_zones > ZONES_MAX)
		return NULL;
	z = arena_new_of(r->a, struct pim_zone);
	*z = (struct pim_zone){ .tzid = tzid, .next = r->zones };
	r->zones = z;
	for (const struct vobj *c = r->cal ? r->cal->first : NULL; c; c = c->next) {
		const struct vobj_prop *p =
			strcmp(c->name, "VTIMEZONE") == 0 ? vobj_find(c, "TZID") : NULL;
		if (p && strcmp(vobj_text(p, r->a), tzid) == 0 &&
		    tzone_from_vtimezone(c, r->a, &z->zone) == RC_OK)
			return z->zone;
	}
	z->zone = tzone_resolve(tzid);
	return z->zone;
}

struct pim_time
pim_read_time(struct pim_reader *r, const struct vobj_prop *p, struct span value)
{
	struct pim_time t = { .kind = PIM_TIME_NONE };

	if (pim_time_parse(value, &t) != RC_OK || t.kind != PIM_TIME_FLOATING)
		return t;
	const char *tzid = vobj_param(p, "TZID", r->a);
	if (vobj_param_has(p, "VALUE", "DATE")) {
		/* Outlook and others write a midnight there. */
		t.kind = PIM_TIME_DATE;
		t.at.hour = t.at.minute = t.at.second = 0;
		return t;
	}
	t.zone = tzid ? zone_of(r, tzid) : NULL;
	if (t.zone) {
		t.kind = t.zone == tzone_utc() ? PIM_TIME_UTC : PIM_TIME_ZONED;
		t.tzid = tzid;
	}
	return t;
}

void
pim_write_time(struct vobj_prop *p, const struct pim_time *t, struct arena *a)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);
	const char *tzid = NULL;

	if (t->kind == PIM_TIME_ZONED)
		tzid = t->tzid ? t->tzid : tzone_id(t->zone);
	pim_time_write(t, &b);
	p->value = arena_span(a, buf_span(&b));
	vobj_param_set(p, a, "VALUE", t->kind == PIM_TIME_DATE ? "DATE" : NULL);
	vobj_param_set(p, a, "TZID", tzid);
}

static void
read_when(const struct vobj *o, const struct pim_field *f, void *value,
          struct pim_reader *r)
{
	const struct vobj_prop *p = pim_find(o, f->name);

	if (p)
		*(struct pim_time *)value = pim_read_time(r, p, p->value);
}

static void
write_when(struct vobj *o, const struct pim_field *f, const void *value, struct arena *a)
{
	const struct pim_time *t = value;
	struct vobj_prop *p = pim_find(o, f->name);

	if (t->kind == PIM_TIME_NONE) {
		if (p)
			vobj_remove(o, p);
		return;
	}
	if (!p)
		p = vobj_add(o, a, pim_first_name(f->name, a), span_str(""));
	pim_write_time(p, t, a);
}

static bool
eq_when(const void *x, const void *y)
{
	return pim_time_eq(x, y);
}

const struct pim_codec pim_when = { read_when, write_when, eq_when };

void
pim_add_zone(struct vobj *cal, const struct pim_time *t, struct arena *a)
{
	if (t->kind != PIM_TIME_ZONED)
		return;
	const char *tzid = t->tzid ? t->tzid : tzone_id(t->zone);
	for (struct vobj *c = cal->first; c; c = c->next) {
		const struct vobj_prop *p =
			strcmp(c->name, "VTIMEZONE") == 0 ? vobj_find(c, "TZID") : NULL;
		if (p && strcmp(vobj_text(p, a), tzid) == 0)
			return;
	}
	struct vobj *tz = tzone_to_vtimezone(t->zone, tzid, pim_time_utc(t, NULL), a);
	/* RFC 5545 leaves the order open; readers like the zone before its use. */
	tz->next = cal->first;
	cal->first = tz;
}

/* 1*DIGIT and a letter; false at the end. */
static bool
take_unit(struct span *s, uint32_t *ret_n, char *ret_unit)
{
	size_t i = 0;

	while (i < s->n && s->p[i] >= '0' && s->p[i] <= '9')
		i++;
	if (i == s->n || parse_u32(span_sub(*s, 0, i), 100000000, ret_n) != RC_OK)
		return false;
	*ret_unit = s->p[i];
	*s = span_sub(*s, i + 1, s->n);
	return true;
}

enum rc
pim_duration_parse(struct span s, int64_t *ret_days, int64_t *ret_seconds)
{
	int64_t days = 0, seconds = 0, sign = 1;
	bool is_time = false;
	uint32_t n;
	char unit;

	s = span_trim(s);
	if (s.n > 0 && (s.p[0] == '-' || s.p[0] == '+')) {
		sign = s.p[0] == '-' ? -1 : 1;
		s = span_sub(s, 1, s.n);
	}
	if (s.n < 2 || (s.p[0] != 'P' && s.p[0] != 'p'))
		return RC_INVALID;
	s = span_sub(s, 1, s.n);
	while (s.n > 0) {
		if (!is_time && (s.p[0] == 'T' || s.p[0] == 't')) {
			is_time = true;
			s = span_sub(s, 1, s.n);
			continue;
		}
		if (!take_unit(&s, &n, &unit))
			return RC_INVALID;
		if (unit == 'W' || unit == 'w')
			days += (int64_t)n * 7;
		else if (unit == 'D' || unit == 'd')
			days += n;
		else if (unit == 'H' || unit == 'h')
			seconds += (int64_t)n * 3600;
		else if ((unit == 'M' || unit == 'm') && is_time)
			seconds += (int64_t)n * 60;
		else if (unit == 'S' || unit == 's')
			seconds += n;
		else
			return RC_INVALID;
	}
	if (days > 3660000 || seconds > 3660000LL * 86400)
		return RC_INVALID;
	*ret_days = sign * days;
	*ret_seconds = sign * seconds;
	return RC_OK;
}

/* Tables */

void
pim_fields_read(const struct pim_field *fields, size_t n, const struct vobj *o, void *to,
                struct pim_reader *r)
{
	for (size_t i = 0; i < n; i++)
		fields[i].codec->read(o, &fields[i], (char *)to + fields[i].offset, r);
}

void
pim_fields_write(const struct pim_field *fields, size_t n, struct vobj *o,
                 const void *was, const void *is, struct arena *a)
{
	for (size_t i = 0; i < n; i++) {
		const struct pim_field *f = &fields[i];
		const char *old = (const char *)was + f->offset;
		const char *new = (const char *)is + f->offset;
		if (!f->codec->eq(old, new))
			f->codec->write(o, f, new, a);
	}
}

void
pim_copy_cal(struct pim_copy *copy, const struct vobj *cal, struct arena *a)
{
	*copy = (struct pim_copy){ 0 };
	if (!cal) {
		copy->cal = vobj_new(a, "VCALENDAR");
		vobj_add(copy->cal, a, "VERSION", SPAN("2.0"));
		vobj_add(copy->cal, a, "PRODID", SPAN("-//Godwit//Godwit//EN"));
		return;
	}
	copy->cal = vobj_copy(cal, a);
	if (!vobj_find(cal, "VERSION"))
		vobj_add(copy->cal, a, "VERSION", SPAN("2.0"));
	for (const struct vobj *c = cal->first; c; c = c->next)
		copy->n++;
	copy->of = arena_array(a, copy->n, const struct vobj *);
	copy->twins = arena_array(a, copy->n, struct vobj *);
	struct vobj *twin = copy->cal->first;
	size_t i = 0;
	for (const struct vobj *c = cal->first; c; c = c->next, twin = twin->next) {
		copy->of[i] = c;
		copy->twins[i++] = twin;
	}
}

struct vobj *
pim_copy_of(const struct pim_copy *copy, const struct vobj *o)
{
	for (size_t i = 0; i < copy->n; i++) {
		if (copy->of[i] == o)
			return copy->twins[i];
	}
	return NULL;
}
