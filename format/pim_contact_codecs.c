/* SPDX-License-Identifier: ISC
 *
 * pim_contact_codecs.c - days, children, phonetic names and the photo of a contact.
 */
#include <strings.h>

#include "base/clock.h"
#include "base/encode.h"
#include "format/pim_contact_private.h"

#define PHOTO_MAX (10u << 20)

/* Names as they are spoken; Japanese phones have them as SOUND;X-IRMC-N:last;first */

static struct vobj_prop *
find_irmc(const struct vobj *o)
{
	struct vobj_prop *p = vobj_find(o, "SOUND");

	while (p && !vobj_param_has(p, "TYPE", "X-IRMC-N"))
		p = vobj_find_next(p, "SOUND");
	return p;
}

static void
read_yomi(const struct vobj *o, const struct pim_field *f, void *value,
          struct pim_reader *r)
{
	const struct vobj_prop *irmc = find_irmc(o);

	pim_text.read(o, f, value, r);
	if (irmc && !pim_find(o, f->name)) {
		const char *s = vobj_text_part(irmc->value, ';', (size_t)f->arg, r->a);
		*(const char **)value = *s ? s : NULL;
	}
}

static void
write_yomi(struct vobj *o, const struct pim_field *f, const void *value, struct arena *a)
{
	const char *text = *(const char *const *)value;
	struct vobj_prop *irmc = find_irmc(o);

	if (irmc)
		pim_set_part(irmc, (size_t)f->arg, text, a);
	if (!irmc || pim_find(o, f->name))
		pim_text.write(o, f, value, a);
}

static bool
eq_text(const void *x, const void *y)
{
	return pim_text.eq(x, y);
}

const struct pim_codec pim_yomi = { read_yomi, write_yomi, eq_text };

/* URIs have no escapes; but one that was escaped all the same is read. */

static void
write_uri(struct vobj *o, const struct pim_field *f, const void *value, struct arena *a)
{
	const char *text = *(const char *const *)value;
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);

	for (const char *c = text ? text : ""; *c; c++) {
		if (*c == '\\')
			buf_add_str(&b, "\\\\");
		else if ((uint8_t)*c >= 0x20)
			buf_add_char(&b, *c);
	}
	pim_set_raw(o, f->name, arena_strndup(a, buf_span(&b)), a);
}

static void
read_uri(const struct vobj *o, const struct pim_field *f, void *value,
         struct pim_reader *r)
{
	pim_text.read(o, f, value, r);
}

const struct pim_codec pim_uri = { read_uri, write_uri, eq_text };

/* RELATED;TYPE=child;VALUE=text:Name */

static bool
is_child(const struct vobj_prop *p)
{
	return vobj_prop_is(p, "RELATED") && vobj_param_has(p, "TYPE", "child") &&
	       vobj_param_has(p, "VALUE", "text");
}

static void
read_children(const struct vobj *o, const struct pim_field *f UNUSED, void *value,
              struct pim_reader *r)
{
	size_t n = 0;

	for (const struct vobj_prop *p = o->props; p; p = p->next)
		n += is_child(p);
	if (n == 0)
		return;
	const char **list = arena_array(r->a, n + 1, const char *);
	n = 0;
	for (const struct vobj_prop *p = o->props; p; p = p->next) {
		if (is_child(p))
			list[n++] = vobj_text(p, r->a);
	}
	*(pim_strings *)value = list;
}

static void
write_children(struct vobj *o, const struct pim_field *f, const void *value,
               struct arena *a)
{
	pim_strings list = *(const pim_strings *)value;
	size_t i = 0;

	/* In their order upon those that are there; the rest goes or is new. */
	for (struct vobj_prop *p = o->props, *next; p; p = next) {
		next = p->next;
		if (!is_child(p))
			continue;
		if (list && list[i]) {
			AUTO_DONE(buf) struct buf b = BUF_INIT(0);
			vobj_escape(list[i++], &b);
			p->value = arena_span(a, buf_span(&b));
		} else {
			vobj_remove(o, p);
		}
	}
	for (; list && list[i]; i++) {
		struct vobj_prop *p = vobj_add_text(o, a, f->name, list[i]);
		vobj_param_set(p, a, "TYPE", "child");
		vobj_param_set(p, a, "VALUE", "text");
	}
}

static bool
eq_children(const void *x, const void *y)
{
	return pim_list.eq(x, y);
}

const struct pim_codec pim_children = { read_children, write_children, eq_children };

/* Days */

static bool
two_digits(struct span s, size_t at, uint8_t *ret)
{
	uint32_t v;

	if (parse_u32(span_sub(s, at, at + 2), 99, &v) != RC_OK || s.n < at + 2)
		return false;
	*ret = (uint8_t)v;
	return true;
}

/* RFC 6350 4.3.1: "19850412", "1985-04-12", "--0412", and a time behind it. */
static bool
parse_day(struct span s, struct pim_day *ret)
{
	struct pim_day d = { 0 };
	struct pim_time t;

	s = span_trim(s);
	if (span_starts(s, "--")) {
		size_t dash = s.n > 4 && s.p[4] == '-';
		if (!two_digits(s, 2, &d.month) || !two_digits(s, 4 + dash, &d.day) ||
		    d.month < 1 || d.month > 12 || d.day < 1 || d.day > 31)
			return false;
		*ret = d;
		return true;
	}
	size_t time = 0;
	while (time < s.n && s.p[time] != 'T' && s.p[time] != 't' && s.p[time] != ' ')
		time++;
	if (pim_time_parse(span_sub(s, 0, time), &t) != RC_OK)
		return false;
	*ret = (struct pim_day){ t.at.year, t.at.month, t.at.day };
	return true;
}

static void
read_day(const struct vobj *o, const struct pim_field *f, void *value,
         struct pim_reader *r UNUSED)
{
	const struct vobj_prop *p = pim_find(o, f->name);
	struct pim_day *d = value;

	if (!p || !parse_day(p->value, d))
		return;
	const char *omit = vobj_param(p, "X-APPLE-OMIT-YEAR", r->a);
	uint32_t year;
	if (omit && parse_u32(span_str(omit), 9999, &year) == RC_OK &&
	    d->year == (int16_t)year)
		d->year = 0;
}

static void
write_day(struct vobj *o, const struct pim_field *f, const void *value, struct arena *a)
{
	const struct pim_day *d = value;
	const char *s = NULL;

	if (d->month && d->year)
		s = arena_printf(a, "%04d%02u%02u", d->year, d->month, d->day);
	else if (d->month)
		s = arena_printf(a, "--%02u%02u", d->month, d->day);
	pim_set_raw(o, f->name, s, a);
	struct vobj_prop *p = pim_find(o, f->name);
	if (!p)
		return;
	vobj_param_set(p, a, "VALUE", NULL);
	vobj_param_set(p, a, "X-APPLE-OMIT-YEAR", NULL);
}

static bool
eq_day(const void *x, const void *y)
{
	const struct pim_day *a = x, *b = y;

	return a->year == b->year && a->month == b->month && a->day == b->day;
}

const struct pim_codec pim_days = { read_day, write_day, eq_day };

/* The photo */

static const char *
photo_type_of(struct span photo)
{
	if (span_starts(photo, "\x89PNG"))
		return "image/png";
	if (span_starts(photo, "GIF8"))
		return "image/gif";
	if (span_starts(photo, "BM"))
		return "image/bmp";
	if (photo.n > 12 && span_starts(span_sub(photo, 8, 12), "WEBP"))
		return "image/webp";
	if (photo.n > 12 && span_starts(span_sub(photo, 4, 11), "ftyphei"))
		return "image/heic";
	return "image/jpeg";
}

void
pim_photo_read(const struct vobj *card, struct pim_contact *c, struct arena *a)
{
	static const char alphabet[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
		"0123456789+/";
	const struct vobj_prop *p = vobj_find(card, "PHOTO");
	AUTO_DONE(buf) struct buf bytes = BUF_INIT(PHOTO_MAX);

	if (!p || p->value.n == 0)
		return;
	if (!span_istarts(p->value, "data:")) {
		c->photo_uri = vobj_text(p, a);
		return;
	}
	size_t comma = span_find(p->value, 0, ',');
	struct span head = span_sub(p->value, 5, comma);
	size_t semicolon = span_find(head, 0, ';');
	if (span_ifind(head, SPAN("base64")) == head.n)
		return;
	/* Broken lines and missing padding are put right. */
	struct span raw = span_sub(p->value, comma + 1, p->value.n);
	char *clean = arena_alloc(a, raw.n + 4);
	size_t n = 0;
	for (size_t i = 0; i < raw.n; i++) {
		char b = raw.p[i];
		if (b > ' ' && b != '\\')
			clean[n++] = b;
	}
	while (n > 0 && clean[n - 1] == '=')
		n--;
	/* Bits of the last character that stand for nothing; some phones set them. */
	const char *last = n % 4 > 1 ? strchr(alphabet, clean[n - 1]) : NULL;
	if (last)
		clean[n - 1] = alphabet[(last - alphabet) & (n % 4 == 2 ? 0x30 : 0x3c)];
	while (n % 4 != 0)
		clean[n++] = '=';
	if (base64_decode(span_of(clean, n), &bytes) != RC_OK)
		return;
	c->photo = arena_span(a, buf_span(&bytes));
	c->photo_type = arena_strndup(a, span_sub(head, 0, semicolon));
}

void
pim_photo_write(struct vobj *card, const struct pim_contact *was,
                const struct pim_contact *is, struct arena *a)
{
	struct vobj_prop *p = vobj_find(card, "PHOTO");
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);

	if (span_eq(was->photo, is->photo) && (is->photo_uri || !was->photo_uri))
		return;
	if (is->photo.n == 0) {
		vobj_remove(card, p);
		return;
	}
	bool has_type = is->photo_type && !pim_str_eq(is->photo_type, was->photo_type);
	buf_addf(&b, "data:%s;base64,",
	         has_type ? is->photo_type : photo_type_of(is->photo));
	base64_encode(is->photo, &b);
	if (!p)
		p = vobj_add(card, a, "PHOTO", span_str(""));
	p->value = arena_span(a, buf_span(&b));
	/* What was said of the other picture: its kind, its crop. */
	p->params = NULL;
}
