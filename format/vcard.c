/* SPDX-License-Identifier: ISC
 *
 * vcard.c - cards of any version to a tree in the terms of vCard 4.0 (RFC 6350).
 */
#include "format/vcard.h"

#include <strings.h>

#include "format/vcard_private.h"

/* A card that is to be stored: more is no person, and merging compares each with each. */
static const struct vobj_limits one_card = { .props_max = 4000 };

/* Whose value is made of components: their ';' is no text. */
static const char *const structured[] = { "N",      "ADR",          "ORG",
	                                  "GENDER", "CLIENTPIDMAP", "SOUND",
	                                  "AGENT",  "GEO",          NULL };
/* Whose value is a list. */
static const char *const lists[] = { "CATEGORIES", "NICKNAME", "X-NICKNAME",
	                             "X-CATEGORIES", NULL };
/* Whose value is a URI, which has no escapes. */
static const char *const uris[] = { "URL",     "PHOTO",  "LOGO",  "KEY",    "SOURCE",
	                            "IMPP",    "MEMBER", "FBURL", "CALURI", "CALADRURI",
	                            "RELATED", "SOUND",  NULL };
/* Words of vCard 2.1 that stand without a name and are no TYPE. */
static const char *const values_2_1[] = { "INLINE", "CONTENT-ID", "CID",
	                                  "URL",    "URI",        NULL };

bool
vcard_name_in(const char *name, const char *const *list)
{
	for (; *list; list++) {
		if (strcasecmp(name, *list) == 0)
			return true;
	}
	return false;
}

bool
vcard_is_structured(const struct vobj_prop *p)
{
	/* Nobody knows what an unknown property's semicolons are: they stay. */
	return vcard_name_in(p->name, structured) || strncasecmp(p->name, "X-", 2) == 0;
}

bool
vcard_is_list(const struct vobj_prop *p)
{
	return vcard_name_in(p->name, lists);
}

bool
vcard_is_uri(const struct vobj_prop *p, struct arena *a)
{
	const char *value = vobj_param(p, "VALUE", a);

	if (value)
		return strcasecmp(value, "uri") == 0 || strcasecmp(value, "url") == 0;
	return vcard_name_in(p->name, uris) && !vobj_param_has(p, "TYPE", "X-IRMC-N");
}

/* TEL;HOME;VOICE: to TEL;TYPE=HOME;TYPE=VOICE: */
static void
name_bare_params(struct vobj_prop *p)
{
	for (struct vobj_param *i = p->params; i; i = i->next) {
		if (i->raw)
			continue;
		i->raw = i->name;
		if (strcasecmp(i->raw, "BASE64") == 0)
			i->name = "ENCODING";
		else
			i->name = vcard_name_in(i->raw, values_2_1) ? "VALUE" : "TYPE";
	}
}

/* The text of vCard 2.1, where only "\;" means something, with today's escapes. */
static void
escape_2_1(struct vobj_prop *p, struct arena *a)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);
	bool is_struct = vcard_is_structured(p), is_list = vcard_is_list(p);

	for (size_t i = 0; i < p->value.n; i++) {
		char c = p->value.p[i];
		char next = i + 1 < p->value.n ? p->value.p[i + 1] : '\0';
		if (c == '\\' && (next == ';' || next == ',')) {
			buf_addf(&b, "\\%c", next);
			i++;
		} else if (c == '\n') {
			buf_add_str(&b, "\\n");
		} else if (c == '\\' || (c == ';' && !is_struct) ||
		           (c == ',' && !is_list)) {
			/* Lists are cut at either; Outlook writes ";". */
			buf_add_str(&b, c == ';' && is_list ? ","
			                : c == ';'          ? "\\;"
			                : c == ','          ? "\\,"
			                                    : "\\\\");
		} else {
			buf_add_char(&b, c);
		}
	}
	p->value = arena_span(a, buf_span(&b));
}

/* RFC 2426 and Versit TYPE=pref is RFC 6350's PREF=1. */
static void
take_pref(struct vobj_prop *p, struct arena *a)
{
	struct vobj_param **at = &p->params;
	bool is_pref = false;

	while (*at) {
		struct vobj_param *i = *at;
		if (strcasecmp(i->name, "TYPE") != 0) {
			at = &i->next;
			continue;
		}
		AUTO_DONE(buf) struct buf b = BUF_INIT(0);
		struct span rest = span_str(i->raw), v;
		bool was_pref = false;
		while (span_cut(&rest, ',', &v)) {
			struct span word = span_trim(v);
			if (word.n >= 2 && word.p[0] == '"' && word.p[word.n - 1] == '"')
				word = span_sub(word, 1, word.n - 1);
			if (span_iis(word, "pref")) {
				was_pref = true;
				continue;
			}
			if (b.len > 0)
				buf_add_char(&b, ',');
			buf_add_span(&b, v);
		}
		is_pref |= was_pref;
		if (was_pref && b.len > 0)
			i->raw = arena_strndup(a, buf_span(&b));
		if (was_pref && b.len == 0)
			*at = i->next;
		else
			at = &i->next;
	}
	if (is_pref && !vobj_param(p, "PREF", a))
		vobj_param_set(p, a, "PREF", "1");
}

static const struct {
	const char *type; /* of 2.1 and 3.0 */
	const char *mime;
} media[] = {
	{ "JPEG", "image/jpeg" },
	{ "JPG", "image/jpeg" },
	{ "PNG", "image/png" },
	{ "GIF", "image/gif" },
	{ "BMP", "image/bmp" },
	{ "TIFF", "image/tiff" },
	{ "WEBP", "image/webp" },
	{ "HEIC", "image/heic" },
	{ "WAVE", "audio/wav" },
	{ "BASIC", "audio/basic" },
	{ "PGP", "application/pgp-keys" },
	{ "X509", "application/pkix-cert" },
};

const char *
vcard_media_type(const char *mime)
{
	for (size_t i = 0; i < ARRAY_LEN(media); i++) {
		if (strcasecmp(media[i].mime, mime) == 0)
			return media[i].type;
	}
	return NULL;
}

static const char *
mime_of(const struct vobj_prop *p, struct arena *a)
{
	const char *type = vobj_param(p, "TYPE", a);

	if (type && strchr(type, '/'))
		return type;
	for (size_t i = 0; type && i < ARRAY_LEN(media); i++) {
		if (vobj_param_has(p, "TYPE", media[i].type))
			return media[i].mime;
	}
	if (vobj_prop_is(p, "PHOTO") || vobj_prop_is(p, "LOGO"))
		return "image/jpeg";
	return "application/octet-stream";
}

/* ENCODING=b and BASE64 to a data: URI (RFC 6350 6.2.4). */
static void
take_base64(struct vobj_prop *p, struct arena *a)
{
	const char *mime = mime_of(p, a);
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);

	if (span_istarts(p->value, "data:"))
		return; /* both at once */
	buf_addf(&b, "data:%s;base64,", mime);
	buf_add_span(&b, p->value);
	p->value = arena_span(a, buf_span(&b));
	vobj_param_set(p, a, "ENCODING", NULL);
	vobj_param_set(p, a, "VALUE", NULL);
	if (vcard_media_type(mime) &&
	    (vobj_prop_is(p, "PHOTO") || vobj_prop_is(p, "LOGO") ||
	     vobj_prop_is(p, "SOUND")))
		vobj_param_set(p, a, "TYPE", NULL);
}

/* "1985-04-12" to "19850412"; Apple's way to leave the year out to "--0412". */
static void
take_date(struct vobj_prop *p, struct arena *a)
{
	struct span v = span_trim(p->value);
	const char *omit = vobj_param(p, "X-APPLE-OMIT-YEAR", a);

	if (v.n < 10 || v.p[4] != '-' || v.p[7] != '-')
		return;
	for (size_t i = 0; i < 10; i++) {
		if (i != 4 && i != 7 && (v.p[i] < '0' || v.p[i] > '9'))
			return;
	}
	if (omit && v.n == 10 && span_starts(v, omit)) {
		vobj_param_set(p, a, "X-APPLE-OMIT-YEAR", NULL);
		p->value = span_str(arena_printf(a, "--%.2s%.2s", v.p + 5, v.p + 8));
		return;
	}
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);
	buf_addf(&b, "%.4s%.2s%.2s", v.p, v.p + 5, v.p + 8);
	for (size_t i = 10; i < v.n; i++) {
		/* The dashes of a zone offset stay. */
		if (v.p[i] != ':')
			buf_add_char(&b, v.p[i]);
	}
	p->value = arena_span(a, buf_span(&b));
}

/* "37.386;-122.08" (RFC 2426 3.4.2), "37.386,-122.08" (Versit) to geo: (RFC 5870). */
static void
take_geo(struct vobj_prop *p, struct arena *a)
{
	struct span v = span_trim(p->value);
	size_t i = 0;

	if (span_istarts(v, "geo:"))
		return;
	while (i < v.n && v.p[i] != ';' && v.p[i] != ',')
		i++;
	if (i == v.n)
		return;
	struct span first = span_trim(span_sub(v, 0, i - (i > 0 && v.p[i - 1] == '\\')));
	struct span second = span_trim(span_sub(v, i + 1, v.n));
	p->value = span_str(
		arena_printf(a, "geo:%.*s,%.*s", SPAN_FMT(first), SPAN_FMT(second)));
}

static void
to_4_0(struct vobj_prop *p, enum vcard_version version, struct arena *a)
{
	bool is_base64 = false;

	name_bare_params(p);
	const char *encoding = vobj_param(p, "ENCODING", a);
	is_base64 = encoding && (strcasecmp(encoding, "b") == 0 ||
	                         strcasecmp(encoding, "base64") == 0);
	if (version == VCARD_2_1 && !is_base64 && !vcard_is_uri(p, a))
		escape_2_1(p, a);
	if (is_base64)
		take_base64(p, a);
	if (version == VCARD_4_0)
		return;
	take_pref(p, a);
	/* Apple escapes "http\\://"; no URI has a backslash of its own. */
	if (vcard_is_uri(p, a) && !span_istarts(p->value, "data:"))
		p->value = span_str(vobj_text(p, a));
	if (vobj_prop_is(p, "X-ANNIVERSARY"))
		p->name = "ANNIVERSARY";
	if (vobj_prop_is(p, "BDAY") || vobj_prop_is(p, "ANNIVERSARY"))
		take_date(p, a);
	if (vobj_prop_is(p, "GEO"))
		take_geo(p, a);
	const char *value = vobj_param(p, "VALUE", a);
	if (value && (strcasecmp(value, "url") == 0 || strcasecmp(value, "uri") == 0) &&
	    vcard_name_in(p->name, uris))
		vobj_param_set(p, a, "VALUE", NULL);
}

/* A card within a card (AGENT of 2.1) becomes a text, as RFC 2426 3.5.4 has it. */
static void
take_agent(struct vobj *card, struct arena *a)
{
	struct vobj_prop *p = vobj_find(card, "AGENT");
	struct vobj *c;

	while ((c = vobj_child(card, "VCARD"))) {
		AUTO_DONE(buf) struct buf text = BUF_INIT(0);
		AUTO_DONE(buf) struct buf escaped = BUF_INIT(0);
		vobj_remove_child(card, c);
		vobj_write(c, &text);
		vobj_escape(arena_strndup(a, buf_span(&text)), &escaped);
		if (!p || p->value.n > 0)
			p = vobj_add(card, a, "AGENT", span_str(""));
		p->value = arena_span(a, buf_span(&escaped));
		vobj_param_set(p, a, "VALUE", "text");
	}
}

static enum vcard_version
version_of(const struct vobj *card)
{
	const struct vobj_prop *p = vobj_find(card, "VERSION");
	struct span v = p ? span_trim(p->value) : span_str("");

	if (span_is(v, "2.1"))
		return VCARD_2_1;
	return span_is(v, "4.0") ? VCARD_4_0 : VCARD_3_0;
}

static enum vcard_version
normalise(struct vobj *card, struct arena *a)
{
	enum vcard_version version = version_of(card);

	vobj_remove_all(card, "VERSION");
	for (struct vobj_prop *p = card->props; p; p = p->next)
		to_4_0(p, version, a);
	if (vobj_child(card, "VCARD"))
		take_agent(card, a);
	struct vobj_prop *p = arena_new_of(a, struct vobj_prop);
	*p = (struct vobj_prop){ .name = "VERSION",
		                 .value = SPAN("4.0"),
		                 .next = card->props };
	card->props = p;
	return version;
}

enum rc
vcard_parse_all(struct span text, struct arena *a, struct vobj **ret)
{
	struct vobj *roots, *first = NULL, **tail = &first;
	enum rc rc = vobj_parse(text, NULL, a, &roots);

	if (rc != RC_OK)
		return rc;
	for (struct vobj *o = roots; o; o = o->next) {
		if (strcmp(o->name, "VCARD") != 0)
			continue;
		normalise(o, a);
		*tail = o;
		tail = &o->next;
	}
	*tail = NULL;
	if (!first)
		return RC_INVALID;
	*ret = first;
	return RC_OK;
}

enum rc
vcard_parse(struct span text, struct arena *a, struct vobj **ret,
            enum vcard_version *ret_version)
{
	struct vobj *roots;
	enum rc rc = vobj_parse(text, &one_card, a, &roots);

	if (rc != RC_OK)
		return rc;
	while (roots && strcmp(roots->name, "VCARD") != 0)
		roots = roots->next;
	if (!roots)
		return RC_INVALID;
	roots->next = NULL;
	enum vcard_version version = normalise(roots, a);
	*ret = roots;
	if (ret_version)
		*ret_version = version;
	return RC_OK;
}
