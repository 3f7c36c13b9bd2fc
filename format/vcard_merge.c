/* SPDX-License-Identifier: ISC
 *
 * vcard_merge.c - a card that came back from a device, put upon the stored one.
 */
#include <strings.h>

#include "format/vcard_private.h"
#include "format/vobj_merge.h"

static const char *const own[] = { "VERSION", "UID", "PRODID", "REV", NULL };
static const char *const single[] = { "N",     "FN",         "BDAY",        "ANNIVERSARY",
	                              "ORG",   "TITLE",      "ROLE",        "NOTE",
	                              "PHOTO", "NICKNAME",   "GEO",         "TZ",
	                              "URL",   "CATEGORIES", "LOGO",        "GENDER",
	                              "CLASS", "KIND",       "SORT-STRING", NULL };
/* A card without a name is no deletion of the name. */
static const char *const sticky[] = { "N", "FN", NULL };

static const struct vobj_cap every_phone[] = {
	{ .name = "N" },   { .name = "FN" },   { .name = "TEL" },   { .name = "EMAIL" },
	{ .name = "ADR" }, { .name = "ORG" },  { .name = "TITLE" }, { .name = "NOTE" },
	{ .name = "URL" }, { .name = "BDAY" },
};

static const char *const kinds[] = {
	"HOME",  "WORK",  "CELL",     "FAX",  "PAGER", "CAR",
	"MODEM", "VIDEO", "X-IRMC-N", "ISDN", "MSG",   "BBS"
};

static unsigned
kind_of(const struct vobj_prop *p)
{
	unsigned kind = 0;

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		if (vobj_param_has(p, "TYPE", kinds[i]))
			kind |= 1u << i;
	}
	return kind;
}

/* Without what phones leave out or put in: blanks, empty components at the end. */
static struct span
comparable(const struct vobj_prop *p, struct arena *a)
{
	bool is_phone = vobj_prop_is(p, "TEL");
	bool is_blob = span_istarts(p->value, "data:");
	struct span v = p->value;
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);

	if (is_blob)
		v = span_sub(v, span_find(v, 0, ','), v.n);
	for (size_t i = 0; i < v.n; i++) {
		char c = v.p[i];
		if ((is_phone && strchr(" -()/.", c)) || (is_blob && strchr(" \r\n", c)))
			continue;
		if (vobj_prop_is(p, "EMAIL") && c >= 'A' && c <= 'Z')
			c = (char)(c + 32);
		buf_add_char(&b, c);
	}
	v = span_trim(buf_span(&b));
	while (vcard_is_structured(p) && v.n > 0 && v.p[v.n - 1] == ';')
		v.n--;
	return arena_span(a, v);
}

/* The words that a device can know become incoming's; others (TYPE=iPhone) stay. */
static void
set_types(struct vobj_prop *stored, const struct vobj_prop *incoming, struct arena *a)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);

	if (kind_of(stored) == kind_of(incoming))
		return;
	for (const struct vobj_param *i = stored->params; i; i = i->next) {
		struct span rest = span_str(i->raw), v;
		while (strcasecmp(i->name, "TYPE") == 0 && span_cut(&rest, ',', &v)) {
			struct vobj_param lone = { "TYPE", arena_strndup(a, v), NULL };
			struct vobj_prop one = { .params = &lone };
			if (kind_of(&one) == 0)
				buf_addf(&b, "%s%.*s", b.len ? "," : "", SPAN_FMT(v));
		}
	}
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		if (kind_of(incoming) & (1u << i))
			buf_addf(&b, "%s%s", b.len ? "," : "", kinds[i]);
	}
	vobj_param_set(stored, a, "TYPE", NULL);
	if (b.len == 0)
		return;
	struct vobj_param *p = arena_new_of(a, struct vobj_param);
	*p = (struct vobj_param){ "TYPE", arena_strndup(a, buf_span(&b)),
		                  stored->params };
	stored->params = p;
}

static struct span
value_of(const struct vobj *o, const char *name)
{
	const struct vobj_prop *p = vobj_find(o, name);

	return p ? p->value : span_str("");
}

/* Names that were made from the old N would be stale: they are made anew. */
static void
drop_stale_names(struct vobj *card, const struct vobj *stored,
                 const struct vobj *incoming)
{
	if (span_eq(value_of(card, "N"), value_of(stored, "N")))
		return;
	if (!vobj_find(incoming, "FN"))
		vobj_remove_all(card, "FN");
	if (!vobj_find(incoming, "X-EVOLUTION-FILE-AS"))
		vobj_remove_all(card, "X-EVOLUTION-FILE-AS");
}

struct vobj *
vcard_merge(const struct vobj *stored, const struct vobj *incoming,
            const struct vobj_caps *caps, struct arena *a)
{
	struct vobj_caps all = { every_phone, ARRAY_LEN(every_phone) };
	struct vobj_merge how = { .caps = caps ? caps : &all,
		                  .own = own,
		                  .single = single,
		                  .sticky = sticky,
		                  .kind = kind_of,
		                  .comparable = comparable,
		                  .set_params = set_types };
	struct vobj *card = vobj_copy(stored, a);

	vobj_merge(card, incoming, &how, a);
	drop_stale_names(card, stored, incoming);
	/* The formatted text of a note that is another one now. */
	if (!span_eq(value_of(card, "NOTE"), value_of(stored, "NOTE")) &&
	    !vobj_find(incoming, "X-GODWIT-NOTE-HTML"))
		vobj_remove_all(card, "X-GODWIT-NOTE-HTML");
	return card;
}
