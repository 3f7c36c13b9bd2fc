/* SPDX-License-Identifier: ISC
 *
 * pim_note.c - notes as VJOURNAL (RFC 5545 3.6.3, MS-ASNOTE), text/plain and vNote 1.1.
 */
#include "format/pim_note.h"

#include "base/clock.h"
#include "format/charset.h"
#include "format/ical.h"
#include "format/pim_field.h"
#include "format/vcard_private.h"

#define F(prop, member, how)                                                             \
	{                                                                                \
		.name = prop, .offset = offsetof(struct pim_note, member), .codec = &how \
	}

/* docs/internals/pim.md tells which element of ActiveSync each is. */
static const struct pim_field fields[] = {
	F("UID", uid, pim_text),
	F("SUMMARY", subject, pim_text),
	F("DESCRIPTION|X-ALT-DESC", body, pim_bodies),
	F("CATEGORIES", categories, pim_list),
	F("X-GODWIT-MESSAGE-CLASS", message_class, pim_text),
	F("CREATED", created, pim_when),
	F("LAST-MODIFIED", last_modified, pim_when),
};

struct pim_note *
pim_note_new(struct arena *a)
{
	return arena_new_of(a, struct pim_note);
}

enum rc
pim_note_of(struct vobj *cal, struct arena *a, struct pim_note **ret)
{
	struct pim_reader r = { .cal = cal, .a = a };
	struct vobj *o = vobj_child(cal, "VJOURNAL");

	if (!o)
		return RC_INVALID;
	struct pim_note *n = pim_note_new(a);
	pim_fields_read(fields, ARRAY_LEN(fields), o, n, &r);
	n->cal = cal;
	n->obj = o;
	*ret = n;
	return RC_OK;
}

/* IrMC 1.1, 10.7: BODY, DCREATED...; unknown properties stay. */
static struct vobj *
from_vnote(struct vobj *note, struct arena *a)
{
	static const struct {
		const char *from;
		const char *to;
	} names[] = {
		{ "BODY", "DESCRIPTION" },
		{ "SUBJECT", "SUMMARY" },
		{ "DCREATED", "CREATED" },
		{ "X-IRMC-LUID", "UID" },
	};
	static const char *const texts[] = { "DESCRIPTION", "SUMMARY", "UID", NULL };
	struct vobj *cal = vobj_new(a, "VCALENDAR"), *o = vobj_new(a, "VJOURNAL");

	vobj_add(cal, a, "VERSION", SPAN("2.0"));
	cal->first = o;
	for (const struct vobj_prop *p = note->props; p; p = p->next) {
		struct vobj_prop *q = vobj_prop_copy(p, a);
		if (vobj_prop_is(p, "VERSION"))
			continue;
		for (size_t i = 0; i < ARRAY_LEN(names); i++) {
			if (vobj_prop_is(p, names[i].from))
				q->name = names[i].to;
		}
		if (vcard_name_in(q->name, texts)) {
			AUTO_DONE(buf) struct buf b = BUF_INIT(0);
			vobj_escape(arena_strndup(a, q->value), &b);
			q->value = arena_span(a, buf_span(&b));
		}
		vobj_append(o, q);
	}
	return cal;
}

enum rc
pim_note_parse(struct span text, struct arena *a, struct pim_note **ret)
{
	struct vobj *roots, *cal;
	enum rc rc = vobj_parse(text, NULL, a, &roots);

	if (rc != RC_OK)
		return rc;
	if (strcmp(roots->name, "VNOTE") == 0)
		return pim_note_of(from_vnote(roots, a), a, ret);
	rc = ical_parse(text, a, &cal, NULL);
	return rc == RC_OK ? pim_note_of(cal, a, ret) : rc;
}

struct vobj *
pim_note_tree(const struct pim_note *n, struct arena *a)
{
	struct pim_copy copy;
	struct pim_note is = *n, *was = pim_note_new(a);

	pim_copy_cal(&copy, n->cal, a);
	struct pim_reader r = { .cal = copy.cal, .a = a };
	struct vobj *o = n->obj ? pim_copy_of(&copy, n->obj) : NULL;
	if (!o) {
		o = n->obj ? vobj_copy(n->obj, a) : vobj_new(a, "VJOURNAL");
		vobj_add_child(copy.cal, o);
	}
	if (!vobj_find(o, "DTSTAMP")) {
		struct pim_time now = pim_time_of(clock_wall_ms() / 1000, NULL);
		pim_write_time(vobj_add(o, a, "DTSTAMP", span_str("")), &now, a);
	}
	if (pim_str_eq(is.uid, ""))
		is.uid = pim_uid_new(a);
	pim_fields_read(fields, ARRAY_LEN(fields), o, was, &r);
	pim_fields_write(fields, ARRAY_LEN(fields), o, was, &is, a);
	return copy.cal;
}

void
pim_note_write(const struct pim_note *n, struct buf *out)
{
	AUTO(arena)
	struct arena *a = arena_new();

	vobj_write(pim_note_tree(n, a), out);
}

/* Plain text */

void
pim_note_set_text(struct pim_note *n, struct span text, struct arena *a)
{
	AUTO_DONE(buf) struct buf utf8 = BUF_INIT(0);
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);

	charset_to_utf8(span_str(""), text, &utf8);
	for (size_t i = 0; i < utf8.len; i++) {
		char c = utf8.p[i];
		if (c == '\r')
			buf_add_str(&b, i + 1 < utf8.len && utf8.p[i + 1] == '\n' ? ""
			                                                          : "\n");
		else if (c)
			buf_add_char(&b, c);
	}
	struct span s = buf_span(&b);
	if (span_eq(s, span_str(n->body.plain)))
		return;
	struct span line = span_trim(span_sub(s, 0, span_find(s, 0, '\n')));
	pim_body_set_plain(&n->body, arena_strndup(a, s));
	n->subject = arena_strndup(a, utf8_prefix(line, 255));
}

void
pim_note_text(const struct pim_note *n, struct buf *out)
{
	const char *text = n->body.plain && *n->body.plain ? n->body.plain : n->subject;

	for (const char *c = text ? text : ""; *c; c++)
		buf_add_str(out, *c == '\n' ? "\r\n" : (char[2]){ *c, '\0' });
}

void
pim_note_vnote(const struct pim_note *n, struct buf *out)
{
	AUTO_DONE(buf) struct buf text = BUF_INIT(0);
	AUTO_DONE(buf) struct buf time = BUF_INIT(0);

	buf_add_str(out, "BEGIN:VNOTE\r\nVERSION:1.1\r\n");
	pim_note_text(n, &text);
	vobj_write_2_1("BODY", "", buf_span(&text), out);
	if (n->created.kind != PIM_TIME_NONE) {
		pim_time_write(&n->created, &time);
		vobj_write_2_1("DCREATED", "", buf_span(&time), out);
	}
	if (n->last_modified.kind != PIM_TIME_NONE) {
		buf_clear(&time);
		pim_time_write(&n->last_modified, &time);
		vobj_write_2_1("LAST-MODIFIED", "", buf_span(&time), out);
	}
	for (size_t i = 0; n->categories && n->categories[i]; i++)
		vobj_write_2_1("CATEGORIES", "", span_str(n->categories[i]), out);
	buf_add_str(out, "END:VNOTE\r\n");
}
