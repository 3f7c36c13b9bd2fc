/* SPDX-License-Identifier: ISC
 *
 * log_line.c - writing one log line, and making any bytes harmless in it.
 */
#include "base/log_line.h"

#include <stdio.h>

#include "base/log.h"

#define FIELDS_PARSED 48
#define VALUE_MAX 200

/* C0, DEL and C1 (which a terminal obeys too), and what is no UTF-8 (n == 0). */
static bool
is_harmless(size_t n, uint32_t cp)
{
	return n && cp >= 0x20 && !(cp >= 0x7f && cp <= 0x9f);
}

static void
add_escaped(struct buf *out, struct span bytes)
{
	for (size_t i = 0; i < bytes.n; i++) {
		if (bytes.p[i] == '\n')
			buf_add_str(out, "\\n");
		else if (bytes.p[i] == '\r')
			buf_add_str(out, "\\r");
		else if (bytes.p[i] == '\t')
			buf_add_str(out, "\\t");
		else
			buf_addf(out, "\\x%02x", (unsigned char)bytes.p[i]);
	}
}

/* Bytes as they are where they are harmless; quotes gets " and \ escaped too. */
static void
add_clean(struct buf *out, struct span s, bool quotes)
{
	while (s.n) {
		uint32_t cp = 0;
		size_t n = utf8_next(s, &cp);
		struct span bytes = span_sub(s, 0, n ? n : 1);

		if (quotes && (cp == '"' || cp == '\\') && n)
			buf_add_char(out, '\\');
		if (is_harmless(n, cp))
			buf_add_span(out, bytes);
		else
			add_escaped(out, bytes);
		s = span_sub(s, bytes.n, s.n);
	}
}

static bool
needs_quotes(struct span s)
{
	if (s.n == 0)
		return true;
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (c <= ' ' || c >= 0x7f || c == '"' || c == '=' || c == '\\')
			return true;
	}
	return false;
}

static void
add_value(struct buf *out, struct span s)
{
	if (!needs_quotes(s)) {
		buf_add_span(out, s);
		return;
	}
	buf_add_char(out, '"');
	add_clean(out, s, true);
	buf_add_char(out, '"');
}

const char *
log_str(struct span s)
{
	/* Each byte may become four, two quotes, dots and NUL. */
	static _Thread_local char ring[16][VALUE_MAX * 4 + 8];
	static _Thread_local unsigned next;
	char *text = ring[next++ % ARRAY_LEN(ring)];
	AUTO_DONE(buf) struct buf b = BUF_INIT(sizeof(ring[0]) - 1);
	struct span shown = utf8_prefix(s, VALUE_MAX);

	if (shown.n < s.n) {
		buf_add_char(&b, '"');
		add_clean(&b, shown, true);
		buf_add_str(&b, "...\"");
	} else {
		add_value(&b, shown);
	}
	memcpy(text, b.p, b.len);
	text[b.len] = '\0';
	return text;
}

/* The place behind a quoted value that opens at at (which is the '"'), or s.n. */
static size_t
quote_end(struct span s, size_t at)
{
	for (at++; at < s.n; at++) {
		if (s.p[at] == '\\')
			at++;
		else if (s.p[at] == '"')
			return at + 1;
	}
	return s.n;
}

struct field {
	struct span key;
	struct span value; /* without its quotes, escapes still in */
	bool is_quoted;
	bool is_bare; /* a word without '=' */
};

/* Cuts the next field off *rest. */
static bool
next_field(struct span *rest, struct field *ret)
{
	struct span s = *rest;
	size_t at = 0;
	size_t end;

	while (at < s.n && s.p[at] == ' ')
		at++;
	s = span_sub(s, at, s.n);
	if (s.n == 0)
		return false;
	for (at = 0; at < s.n && s.p[at] != ' ' && s.p[at] != '=';)
		at++;
	*ret = (struct field){ .key = span_sub(s, 0, at), .value = span_sub(s, at, at) };
	if (at == s.n || s.p[at] == ' ' || at == 0) {
		/* No key: the word as a whole, up to the next space. */
		end = span_find(s, at, ' ');
		ret->is_bare = true;
		ret->value = span_sub(s, 0, end);
	} else if (at + 1 < s.n && s.p[at + 1] == '"') {
		end = quote_end(s, at + 1);
		ret->is_quoted = true;
		ret->value = span_sub(s, at + 2, end);
		/* Without its closing quote when the line was cut. */
		if (end > at + 2 && s.p[end - 1] == '"')
			ret->value.n--;
	} else {
		end = span_find(s, at, ' ');
		ret->value = span_sub(s, at + 1, end);
	}
	*rest = span_sub(s, end, s.n);
	return true;
}

void
log_line_logfmt(const struct log_line *l, struct buf *out)
{
	struct span rest = l->fields;
	struct field f = { 0 };

	buf_addf(out, "ts=%s level=%s event=", l->time, l->level);
	add_value(out, l->event);
	if (rest.n) {
		buf_add_char(out, ' ');
		add_clean(out, rest, false);
	}
	if (l->is_cut) {
		while (next_field(&rest, &f)) {
		}
		/* Close what the cut left open. */
		if (f.is_quoted && f.value.p + f.value.n == l->fields.p + l->fields.n)
			buf_add_char(out, '"');
		buf_add_str(out, " cut=true");
	}
}

/* Undoes the escapes of add_clean(). */
static void
add_unescaped(struct buf *out, struct span s)
{
	uint64_t byte;

	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		if (c == '\\' && i + 1 < s.n) {
			c = s.p[++i];
			if (c == 'n') {
				c = '\n';
			} else if (c == 'r') {
				c = '\r';
			} else if (c == 't') {
				c = '\t';
			} else if (c == 'x' && i + 2 < s.n &&
			           parse_hex64(span_of(s.p + i + 1, 2), &byte) == RC_OK) {
				c = (char)byte;
				i += 2;
			}
		}
		buf_add_char(out, c);
	}
}

/* Integers that every JSON reader holds exactly, and the two words (RFC 8259 3, 6). */
static bool
is_json_literal(struct span s)
{
	struct span digits = s.n && s.p[0] == '-' ? span_sub(s, 1, s.n) : s;

	if (span_is(s, "true") || span_is(s, "false"))
		return true;
	if (digits.n == 0 || digits.n > 15 || (digits.n > 1 && digits.p[0] == '0'))
		return false;
	for (size_t i = 0; i < digits.n; i++) {
		if (digits.p[i] < '0' || digits.p[i] > '9')
			return false;
	}
	return true;
}

static void
add_member(struct buf *out, const struct field *f)
{
	AUTO_DONE(buf) struct buf text = BUF_INIT(0);
	bool is_ours = span_is(f->key, "ts") || span_is(f->key, "level") ||
	               span_is(f->key, "event") || span_is(f->key, "text");

	buf_add_char(out, ',');
	buf_add_span(&text, f->key);
	if (is_ours)
		buf_add_char(&text, '_');
	buf_add_json(out, buf_span(&text));
	buf_add_char(out, ':');
	if (!f->is_quoted && is_json_literal(f->value)) {
		buf_add_span(out, f->value);
		return;
	}
	buf_clear(&text);
	if (f->is_quoted)
		add_unescaped(&text, f->value);
	else
		buf_add_span(&text, f->value);
	buf_add_json(out, buf_span(&text));
}

/* Names are unique in an object (RFC 8259 4): the line's field wins over a context's. */
static bool
comes_again(const struct field *fields, size_t n, size_t i)
{
	for (size_t k = i + 1; k < n; k++) {
		if (!fields[k].is_bare && span_eq(fields[k].key, fields[i].key))
			return true;
	}
	return false;
}

void
log_line_json(const struct log_line *l, struct buf *out)
{
	AUTO_DONE(buf) struct buf words = BUF_INIT(0);
	struct field fields[FIELDS_PARSED];
	struct span rest = l->fields;
	size_t n = 0;

	buf_addf(out, "{\"ts\":\"%s\",\"level\":\"%s\",\"event\":", l->time, l->level);
	buf_add_json(out, l->event);
	while (n < FIELDS_PARSED && next_field(&rest, &fields[n]))
		n++;
	for (size_t i = 0; i < n; i++) {
		if (fields[i].is_bare) {
			if (words.len)
				buf_add_char(&words, ' ');
			buf_add_span(&words, fields[i].value);
		} else if (!comes_again(fields, n, i)) {
			add_member(out, &fields[i]);
		}
	}
	if (rest.n) {
		if (words.len)
			buf_add_char(&words, ' ');
		buf_add_span(&words, span_trim(rest));
	}
	if (words.len) {
		buf_add_str(out, ",\"text\":");
		buf_add_json(out, buf_span(&words));
	}
	if (l->is_cut)
		buf_add_str(out, ",\"cut\":true");
	buf_add_char(out, '}');
}
