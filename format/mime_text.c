/* SPDX-License-Identifier: ISC
 *
 * mime_text.c - decoded headers, bodies and file names [RFC 2045, RFC 2047], on GMime.
 */
#include "format/mime_text.h"

#include <gmime/gmime.h>

#include "format/charset.h"
#include "format/utf8_clean.h"

void
mime_text_init(void)
{
	charset_init();
}

static bool
has_words(struct span s)
{
	for (size_t i = 0; (i = span_find(s, i, '=')) < s.n; i++) {
		if (i + 1 < s.n && s.p[i + 1] == '?')
			return true;
	}
	return false;
}

struct span
mime_decode_header(struct span raw, struct arena *a)
{
	if (!has_words(raw) && utf8_is_clean(raw))
		return raw;
	AUTO_DONE(buf) struct buf utf8 = BUF_INIT(0);
	AUTO_DONE(buf) struct buf clean = BUF_INIT(0);
	charset_to_utf8(SPAN(""), raw, &utf8);
	utf8_clean(buf_span(&utf8), &clean);
	if (!has_words(buf_span(&clean)))
		return arena_span(a, buf_span(&clean));
	charset_init();
	/* No NUL is left, so that C strings will do. */
	char *decoded =
		g_mime_utils_header_decode_text(NULL, arena_strndup(a, buf_span(&clean)));
	buf_clear(&clean);
	utf8_clean(span_str(decoded), &clean);
	g_free(decoded);
	/* An encoded line end must not become a line end of a header. */
	for (size_t i = 0; i < clean.len; i++) {
		if (clean.p[i] == '\r' || clean.p[i] == '\n')
			clean.p[i] = ' ';
	}
	return arena_span(a, buf_span(&clean));
}

/* In quotes where RFC 5322 wants them: one of the specials is in it. */
static void
add_quoted(struct buf *out, struct span name, const char *specials)
{
	bool is_plain = true;

	for (size_t i = 0; i < name.n; i++)
		is_plain = is_plain && name.p[i] && !strchr(specials, name.p[i]);
	if (is_plain) {
		buf_add_span(out, name);
		return;
	}
	buf_add_char(out, '"');
	for (size_t i = 0; i < name.n; i++) {
		if (name.p[i] == '"' || name.p[i] == '\\')
			buf_add_char(out, '\\');
		buf_add_char(out, name.p[i]);
	}
	buf_add_char(out, '"');
}

static void
add_name(struct buf *out, struct span name)
{
	add_quoted(out, name, "()<>[]:;@\\,.\"");
}

static void
add_address(struct buf *out, const struct mime_address *p, struct arena *a)
{
	struct span name = mime_decode_header(p->name, a);

	if (name.n > 0) {
		add_name(out, name);
		buf_add_str(out, " <");
	}
	add_quoted(out, mime_decode_header(p->mailbox, a), "()<>[]:;@\\, \"");
	if (!span_is(p->host, MIME_NO_DOMAIN)) {
		buf_add_char(out, '@');
		buf_add_span(out, mime_decode_header(p->host, a));
	}
	if (name.n > 0)
		buf_add_char(out, '>');
}

struct span
mime_addresses_str(const struct mime_address *list, struct arena *a)
{
	AUTO_DONE(buf) struct buf out = BUF_INIT(0);
	bool need_comma = false;

	for (; list; list = list->next) {
		bool is_group_end = list->host.n == 0 && list->mailbox.n == 0;
		if (need_comma && !is_group_end)
			buf_add_str(&out, ", ");
		need_comma = true;
		if (is_group_end) {
			buf_add_char(&out, ';');
		} else if (list->host.n == 0) {
			add_name(&out, mime_decode_header(list->mailbox, a));
			buf_add_str(&out, ": ");
			need_comma = false;
		} else {
			add_address(&out, list, a);
		}
	}
	return arena_span(a, buf_span(&out));
}

struct span
mime_part_filename(const struct mime_part *p, struct arena *a)
{
	struct span name = mime_param_get(p->disposition_params, "filename");

	if (name.n == 0)
		name = mime_param_get(p->params, "name");
	return mime_decode_header(name, a);
}

/* To behind the "begin 644 name" line; all of it when there is none. */
static struct span
behind_begin(struct span body)
{
	for (size_t at = 0; at < body.n;) {
		size_t end = span_find(body, at, '\n');
		struct span line = span_sub(body, at, end);
		at = end < body.n ? end + 1 : body.n;
		if (span_starts(line, "begin "))
			return span_sub(body, at, body.n);
	}
	return body;
}

/* RFC 2045 6.7 (3): blanks at the end of a line were added on the way; GMime would keep
 * them, and take no "=" before them for a soft line break. */
static struct span
without_end_blanks(struct span body, struct buf *out)
{
	for (size_t at = 0; at < body.n;) {
		size_t end = span_find(body, at, '\n');
		size_t cr = end > at && end < body.n && body.p[end - 1] == '\r';
		size_t keep = end - cr;
		while (keep > at && (body.p[keep - 1] == ' ' || body.p[keep - 1] == '\t'))
			keep--;
		buf_add_span(out, span_sub(body, at, keep));
		buf_add_span(out, span_sub(body, end - cr, end + 1));
		at = end + 1;
	}
	return buf_span(out);
}

void
mime_decode_body(const struct mime_part *p, struct span body, struct buf *out)
{
	GMimeContentEncoding kind = GMIME_CONTENT_ENCODING_DEFAULT;
	GMimeEncoding state;
	char block[8192];

	if (span_is(p->encoding, "base64"))
		kind = GMIME_CONTENT_ENCODING_BASE64;
	else if (span_is(p->encoding, "quoted-printable"))
		kind = GMIME_CONTENT_ENCODING_QUOTEDPRINTABLE;
	else if (span_is(p->encoding, "x-uuencode") || span_is(p->encoding, "uuencode") ||
	         span_is(p->encoding, "x-uue"))
		kind = GMIME_CONTENT_ENCODING_UUENCODE;
	if (kind == GMIME_CONTENT_ENCODING_DEFAULT) {
		buf_add_span(out, body);
		return;
	}
	AUTO_DONE(buf) struct buf clean = BUF_INIT(0);
	if (kind == GMIME_CONTENT_ENCODING_UUENCODE)
		body = behind_begin(body);
	if (kind == GMIME_CONTENT_ENCODING_QUOTEDPRINTABLE)
		body = without_end_blanks(body, &clean);
	g_mime_encoding_init_decode(&state, kind);
	while (body.n > 0 && buf_ok(out)) {
		struct span piece = span_sub(body, 0, 4096);
		body = span_sub(body, piece.n, body.n);
		size_t n = g_mime_encoding_step(&state, piece.p, piece.n, block);
		buf_add(out, block, n);
	}
	size_t n = g_mime_encoding_flush(&state, "", 0, block);
	buf_add(out, block, n);
}

void
mime_decode_text(const struct mime_part *p, struct span body, struct buf *out)
{
	AUTO_DONE(buf) struct buf bytes = BUF_INIT(0);

	mime_decode_body(p, body, &bytes);
	charset_to_utf8(mime_param_get(p->params, "charset"), buf_span(&bytes), out);
}
