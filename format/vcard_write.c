/* SPDX-License-Identifier: ISC
 *
 * vcard_write.c - a card in the terms of 4.0 as vCard 4.0, 3.0 and 2.1.
 */
#include <strings.h>

#include "base/encode.h"
#include "format/vcard_private.h"

/* Versit 2.1, "Type" parameters that stand bare; what else there is no phone knows. */
static const char *const types_2_1[] = {
	"DOM",   "INTL",     "POSTAL", "PARCEL", "HOME", "WORK",  "PREF", "VOICE",
	"FAX",   "MSG",      "CELL",   "PAGER",  "BBS",  "MODEM", "CAR",  "ISDN",
	"VIDEO", "INTERNET", "X400",   "TLX",    "X509", "PGP",   "GIF",  "JPEG",
	"PNG",   "BMP",      "TIFF",   "WAVE",   "PCM",  "AIFF",  NULL
};

static const char *const media_props[] = { "PHOTO", "LOGO", "SOUND", "KEY", NULL };

const struct vobj_cap *
vobj_cap_of(const struct vobj_caps *caps, const char *name)
{
	static const struct vobj_cap any = { .name = NULL };

	if (!caps)
		return &any;
	for (size_t i = 0; i < caps->n; i++) {
		if (strcasecmp(caps->props[i].name, name) == 0)
			return &caps->props[i];
	}
	return NULL;
}

/* "data:image/jpeg;base64,..." in its halves. */
static bool
cut_data_uri(struct span v, struct span *ret_mime, struct span *ret_base64)
{
	if (!span_istarts(v, "data:"))
		return false;
	size_t comma = span_find(v, 0, ',');
	struct span head = span_sub(v, 5, comma);
	size_t at = span_ifind(head, SPAN(";base64"));
	if (comma == v.n || at == head.n)
		return false;
	*ret_mime = span_sub(head, 0, span_find(head, 0, ';'));
	*ret_base64 = span_sub(v, comma + 1, v.n);
	return true;
}

static void
give_pref(struct vobj_prop *p, struct arena *a)
{
	const char *pref = vobj_param(p, "PREF", a);

	if (!pref)
		return;
	vobj_param_set(p, a, "PREF", NULL);
	if (strcmp(pref, "1") != 0)
		return;
	struct vobj_param **tail = &p->params;
	while (*tail)
		tail = &(*tail)->next;
	*tail = arena_new_of(a, struct vobj_param);
	**tail = (struct vobj_param){ .name = "TYPE", .raw = "pref" };
}

/* "19850412" to "1985-04-12", the form that older readers expect; "--0412" as Apple. */
static void
give_date(struct vobj_prop *p, struct arena *a)
{
	struct span v = p->value;
	size_t digits = 0;

	while (digits < v.n && v.p[digits] >= '0' && v.p[digits] <= '9')
		digits++;
	if (digits == 8 && (v.n == 8 || v.p[8] == 'T')) {
		AUTO_DONE(buf) struct buf b = BUF_INIT(0);
		buf_addf(&b, "%.4s-%.2s-%.2s", v.p, v.p + 4, v.p + 6);
		if (v.n >= 15)
			buf_addf(&b, "T%.2s:%.2s:%.*s", v.p + 9, v.p + 11,
			         (int)(v.n - 13), v.p + 13);
		else
			buf_add_span(&b, span_sub(v, 8, v.n));
		p->value = arena_span(a, buf_span(&b));
	} else if (v.n == 6 && span_starts(v, "--")) {
		p->value = span_str(arena_printf(a, "1604-%.2s-%.2s", v.p + 2, v.p + 4));
		vobj_param_set(p, a, "X-APPLE-OMIT-YEAR", "1604");
	}
}

static void
give_geo(struct vobj_prop *p, enum vcard_version version, struct arena *a)
{
	struct span v = p->value;

	if (!span_istarts(v, "geo:"))
		return;
	v = span_sub(v, 4, span_find(v, 0, ';'));
	size_t comma = span_find(v, 0, ',');
	struct span first = span_sub(v, 0, comma);
	struct span second = span_sub(v, comma + 1, span_find(v, comma + 1, ','));
	p->value = span_str(arena_printf(a, "%.*s%s%.*s", SPAN_FMT(first),
	                                 version == VCARD_3_0 ? ";" : ",",
	                                 SPAN_FMT(second)));
}

static void
give_media(struct vobj_prop *p, struct arena *a)
{
	struct span mime, base64;

	if (!cut_data_uri(p->value, &mime, &base64)) {
		if (vcard_is_uri(p, a))
			vobj_param_set(p, a, "VALUE", "uri");
		return;
	}
	const char *name = arena_strndup(a, mime);
	const char *type = vcard_media_type(name);
	p->value = base64;
	vobj_param_set(p, a, "ENCODING", "b");
	if (!vobj_param(p, "TYPE", a))
		vobj_param_set(p, a, "TYPE", type ? type : name);
}

/* The property in terms of 3.0, which are also those of 2.1 up to the way of writing. */
static void
to_3_0(struct vobj_prop *p, enum vcard_version version, struct arena *a)
{
	give_pref(p, a);
	if (vobj_prop_is(p, "BDAY") || vobj_prop_is(p, "ANNIVERSARY"))
		give_date(p, a);
	if (vobj_prop_is(p, "ANNIVERSARY"))
		p->name = "X-ANNIVERSARY";
	else if (vobj_prop_is(p, "GEO"))
		give_geo(p, version, a);
	if (vcard_name_in(p->name, media_props) ||
	    (span_istarts(p->value, "data:") && strncasecmp(p->name, "X-", 2) == 0))
		give_media(p, a);
}

/* vCard 2.1 */

static bool
is_plain_ascii(struct span s)
{
	for (size_t i = 0; i < s.n; i++) {
		if ((uint8_t)s.p[i] < 0x20 || (uint8_t)s.p[i] >= 0x7f)
			return false;
	}
	return true;
}

/* Today's escapes undone, but for "\;", the only one that 2.1 knows. */
static struct span
unescape_for_2_1(const struct vobj_prop *p, struct arena *a)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);
	bool is_struct = vcard_is_structured(p);
	struct span v = p->value;

	for (size_t i = 0; i < v.n; i++) {
		char next = i + 1 < v.n ? v.p[i + 1] : '\0';
		if (v.p[i] != '\\' || !next || !strchr("nN\\,;:", next)) {
			buf_add_char(&b, v.p[i]);
			continue;
		}
		i++;
		if (next == 'n' || next == 'N')
			buf_add_str(&b, "\r\n");
		else if (next == ';' && is_struct)
			buf_add_str(&b, "\\;");
		else
			buf_add_char(&b, next);
	}
	return arena_span(a, buf_span(&b));
}

/* RFC 2045 6.7, with soft breaks; at is the width used by what stands before it. */
static void
add_quoted_printable(struct span s, size_t at, struct buf *out)
{
	static const char hex[] = "0123456789ABCDEF";

	for (size_t i = 0; i < s.n; i++) {
		uint8_t c = (uint8_t)s.p[i];
		bool is_plain = c >= 0x20 && c < 0x7f && c != '=' &&
		                !((c == ' ' || c == '\t') && i + 1 == s.n);
		size_t width = is_plain ? 1 : 3;
		if (at + width > 75) {
			buf_add_str(out, "=\r\n");
			at = 0;
		}
		if (is_plain)
			buf_add_char(out, (char)c);
		else
			buf_addf(out, "=%c%c", hex[c >> 4], hex[c & 15]);
		at += width;
	}
}

void
vobj_write_2_1(const char *name, const char *params, struct span text, struct buf *out)
{
	AUTO_DONE(buf) struct buf line = BUF_INIT(0);
	AUTO_DONE(buf) struct buf v = BUF_INIT(0);

	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] == '\n' && (i == 0 || text.p[i - 1] != '\r'))
			buf_add_char(&v, '\r');
		buf_add_char(&v, text.p[i]);
	}
	buf_addf(&line, "%s%s", name, params);
	if (is_plain_ascii(buf_span(&v))) {
		buf_add_char(&line, ':');
		buf_move(&line, &v);
	} else {
		buf_add_str(&line, ";CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:");
		add_quoted_printable(buf_span(&v), line.len, &line);
	}
	buf_add_str(&line, "\r\n");
	buf_move(out, &line);
}

static void
add_param_2_1(const struct vobj_param *i, struct buf *out)
{
	if (strcasecmp(i->name, "TYPE") == 0) {
		struct span rest = span_str(i->raw), v;
		while (span_cut(&rest, ',', &v)) {
			AUTO_DONE(buf) struct buf word = BUF_INIT(40);
			for (size_t k = 0; k < v.n; k++) {
				char c = v.p[k];
				if (c != '"' && c != ' ')
					buf_add_char(&word, c >= 'a' && c <= 'z'
					                            ? (char)(c - 32)
					                            : c);
			}
			buf_add_char(&word, '\0');
			if (buf_ok(&word) && (vcard_name_in(word.p, types_2_1) ||
			                      strncmp(word.p, "X-", 2) == 0))
				buf_addf(out, ";%s", word.p);
		}
	} else if (strcasecmp(i->name, "VALUE") == 0 && strcasecmp(i->raw, "uri") == 0) {
		buf_add_str(out, ";VALUE=URL");
	} else if (strcasecmp(i->name, "LANGUAGE") == 0 ||
	           strcasecmp(i->name, "X-APPLE-OMIT-YEAR") == 0) {
		buf_addf(out, ";%s=%s", i->name, i->raw);
	}
}

static void
write_2_1(const struct vobj_prop *p, struct arena *a, struct buf *out)
{
	AUTO_DONE(buf) struct buf line = BUF_INIT(0);
	const char *encoding = vobj_param(p, "ENCODING", a);

	if (p->group)
		buf_addf(&line, "%s.", p->group);
	buf_add_str(&line, p->name);
	for (const struct vobj_param *i = p->params; i; i = i->next) {
		if (i->raw)
			add_param_2_1(i, &line);
	}
	if (encoding && strcasecmp(encoding, "b") == 0) {
		buf_add_str(&line, ";ENCODING=BASE64:\r\n");
		for (size_t i = 0; i < p->value.n; i += 72) {
			buf_add_char(&line, ' ');
			buf_add_span(&line, span_sub(p->value, i, i + 72));
			buf_add_str(&line, "\r\n");
		}
		/* Versit 2.1.4.3: ends with an empty line. */
		buf_add_str(&line, "\r\n");
		buf_move(out, &line);
		return;
	}
	buf_add_char(&line, '\0');
	vobj_write_2_1(line.p, "", vcard_is_uri(p, a) ? p->value : unescape_for_2_1(p, a),
	               out);
}

static void
write_one(const struct vobj_prop *p, enum vcard_version version, struct arena *a,
          struct buf *out)
{
	if (version == VCARD_2_1)
		write_2_1(p, a, out);
	else
		vobj_write_prop(p, out);
}

/* RFC 2426 3.1.2 and Versit ask for N, which RFC 6350 does not; all ask for FN. */
static void
write_missing_names(const struct vobj *card, enum vcard_version version, struct arena *a,
                    struct buf *out)
{
	const struct vobj_prop *fn = vobj_find(card, "FN");
	const struct vobj_prop *n = vobj_find(card, "N");
	const struct vobj_prop *org = vobj_find(card, "ORG");
	struct vobj_prop made = { 0 };

	if (!n && version != VCARD_4_0) {
		struct span name = fn ? fn->value : span_str("");
		made.name = "N";
		made.value = span_str(arena_printf(a, "%.*s;;;;", SPAN_FMT(name)));
		write_one(&made, version, a, out);
	}
	if (fn)
		return;
	const char *last = n ? vobj_text_part(n->value, ';', 0, a) : "";
	const char *first = n ? vobj_text_part(n->value, ';', 1, a) : "";
	const char *space = *first && *last ? " " : "";
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);
	vobj_escape(arena_printf(a, "%s%s%s", first, space, last), &b);
	if (b.len == 0 && org)
		vobj_escape(vobj_text_part(org->value, ';', 0, a), &b);
	made = (struct vobj_prop){ .name = "FN", .value = buf_span(&b) };
	write_one(&made, version, a, out);
}

/* Cuts or leaves out what is longer than the device can hold. */
static bool
fit(struct vobj_prop *p, const struct vobj_cap *cap, struct arena *a)
{
	if (cap->size_max == 0 || p->value.n <= cap->size_max)
		return true;
	if (cap->no_truncate || vcard_is_structured(p) || vcard_is_uri(p, a))
		return false;
	struct span cut = utf8_prefix(p->value, cap->size_max);
	size_t slashes = 0;
	while (slashes < cut.n && cut.p[cut.n - 1 - slashes] == '\\')
		slashes++;
	p->value = arena_span(a, span_sub(cut, 0, cut.n - slashes % 2));
	return true;
}

/* Whether one more property of that cap has a place; used counts them. */
static bool
takes_one_more(const struct vobj_caps *caps, const struct vobj_cap *cap, uint32_t *used)
{
	if (cap->occurs_max == 0)
		return true;
	return used[cap - caps->props]++ < cap->occurs_max;
}

void
vcard_write(const struct vobj *card, enum vcard_version version,
            const struct vobj_caps *caps, struct buf *out)
{
	AUTO(arena)
	struct arena *a = arena_new();
	static const char *const names[] = { "2.1", "3.0", "4.0" };

	uint32_t *used = arena_array(a, caps ? caps->n + 1 : 1, uint32_t);

	buf_addf(out, "BEGIN:VCARD\r\nVERSION:%s\r\n", names[version]);
	write_missing_names(card, version, a, out);
	for (const struct vobj_prop *p = card->props; p; p = p->next) {
		if (vobj_prop_is(p, "VERSION"))
			continue;
		struct vobj_prop *q = vobj_prop_copy(p, a);
		if (version != VCARD_4_0)
			to_3_0(q, version, a);
		const struct vobj_cap *cap = vobj_cap_of(caps, q->name);
		if (!cap || !fit(q, cap, a) || !takes_one_more(caps, cap, used))
			continue;
		write_one(q, version, a, out);
	}
	buf_add_str(out, "END:VCARD\r\n");
}
