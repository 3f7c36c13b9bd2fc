/* SPDX-License-Identifier: ISC
 *
 * buf.c - a growing byte buffer with a limit.
 */
#include "base/buf.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"

#define CAP_FIRST 128

void
buf_init(struct buf *b, size_t max)
{
	*b = BUF_INIT(max);
}

void
buf_done(struct buf *b)
{
	free(b->p);
	buf_init(b, b->max);
}

void
buf_clear(struct buf *b)
{
	b->len = 0;
	b->failed = false;
}

static size_t
limit(const struct buf *b)
{
	return b->max ? b->max : SIZE_MAX / 2;
}

char *
buf_reserve(struct buf *b, size_t n)
{
	size_t max = limit(b);
	size_t cap = b->cap;

	if (b->failed || b->len > max || n > max - b->len) {
		b->failed = true;
		return NULL;
	}
	if (b->p && n <= cap - b->len)
		return b->p + b->len;
	if (cap < CAP_FIRST)
		cap = CAP_FIRST;
	while (cap < b->len + n)
		cap *= 2;
	if (cap > max && b->len + n <= max)
		cap = max;
	b->p = xrealloc(b->p, cap);
	b->cap = cap;
	return b->p + b->len;
}

void
buf_commit(struct buf *b, size_t used)
{
	assert(used <= b->cap - b->len);
	b->len += used;
}

void
buf_add(struct buf *b, const void *p, size_t n)
{
	char *at;

	if (n == 0)
		return;
	at = buf_reserve(b, n);
	if (!at)
		return;
	memcpy(at, p, n);
	b->len += n;
}

void
buf_add_span(struct buf *b, struct span s)
{
	buf_add(b, s.p, s.n);
}

void
buf_add_str(struct buf *b, const char *s)
{
	buf_add(b, s, strlen(s));
}

void
buf_add_char(struct buf *b, char c)
{
	buf_add(b, &c, 1);
}

void
buf_add_u64(struct buf *b, uint64_t v)
{
	char digits[20];
	size_t at = sizeof(digits);

	do {
		digits[--at] = (char)('0' + v % 10);
		v /= 10;
	} while (v);
	buf_add(b, digits + at, sizeof(digits) - at);
}

void
buf_addf(struct buf *b, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	buf_addv(b, fmt, ap);
	va_end(ap);
}

void
buf_addv(struct buf *b, const char *fmt, va_list ap)
{
	char small[256];
	va_list again;
	char *big;
	int n;

	va_copy(again, ap);
	n = vsnprintf(small, sizeof(small), fmt, ap);
	if (n < 0) {
		b->failed = true;
	} else if ((size_t)n < sizeof(small)) {
		buf_add(b, small, (size_t)n);
	} else if ((size_t)n > limit(b) - b->len) {
		b->failed = true;
	} else {
		/* vsnprintf() wants room for a NUL that the limit need not hold. */
		big = xmalloc((size_t)n + 1);
		if (vsnprintf(big, (size_t)n + 1, fmt, again) == n)
			buf_add(b, big, (size_t)n);
		else
			b->failed = true;
		free(big);
	}
	va_end(again);
}

/* XML 1.0 2.2, Char; what is left of ASCII here needs no look at all. */
static bool
is_xml_char(uint32_t cp)
{
	return (cp >= 0x20 && cp != 0xfffe && cp != 0xffff) || cp == '\t' || cp == '\n' ||
	       cp == '\r';
}

static void
add_xml_char(struct buf *b, uint32_t cp, struct span bytes)
{
	switch (cp) {
	case '&':
		buf_add_str(b, "&amp;");
		break;
	case '<':
		buf_add_str(b, "&lt;");
		break;
	case '>':
		buf_add_str(b, "&gt;");
		break;
	case '"':
		buf_add_str(b, "&quot;");
		break;
	case '\'':
		buf_add_str(b, "&apos;");
		break;
	case '\r':
		/* XML 1.0 2.11: a bare CR would be read as LF. */
		buf_add_str(b, "&#13;");
		break;
	default:
		if (is_xml_char(cp))
			buf_add_span(b, bytes);
	}
}

void
buf_add_xml(struct buf *b, struct span s)
{
	while (s.n && !b->failed) {
		uint32_t cp;
		size_t n = utf8_next(s, &cp);

		if (n)
			add_xml_char(b, cp, span_sub(s, 0, n));
		else
			buf_add_str(b, "\xef\xbf\xbd");
		s = span_sub(s, n ? n : 1, s.n);
	}
}

static void
add_json_char(struct buf *b, uint32_t cp, struct span bytes)
{
	switch (cp) {
	case '"':
		buf_add_str(b, "\\\"");
		break;
	case '\\':
		buf_add_str(b, "\\\\");
		break;
	case '\n':
		buf_add_str(b, "\\n");
		break;
	case '\r':
		buf_add_str(b, "\\r");
		break;
	case '\t':
		buf_add_str(b, "\\t");
		break;
	default:
		/* RFC 8259 7 asks for those below 0x20; a terminal also obeys the others.
		 */
		if (cp < 0x20 || (cp >= 0x7f && cp <= 0x9f))
			buf_addf(b, "\\u%04x", (unsigned)cp);
		else
			buf_add_span(b, bytes);
	}
}

void
buf_add_json(struct buf *b, struct span s)
{
	buf_add_char(b, '"');
	while (s.n && !b->failed) {
		uint32_t cp;
		size_t n = utf8_next(s, &cp);

		if (n)
			add_json_char(b, cp, span_sub(s, 0, n));
		else
			buf_add_str(b, "\xef\xbf\xbd");
		s = span_sub(s, n ? n : 1, s.n);
	}
	buf_add_char(b, '"');
}

void
buf_drop(struct buf *b, size_t n)
{
	assert(n <= b->len);
	if (n == 0)
		return;
	b->len -= n;
	memmove(b->p, b->p + n, b->len);
}

void
buf_truncate(struct buf *b, size_t n)
{
	assert(n <= b->len);
	b->len = n;
}

char *
buf_take_str(struct buf *b)
{
	char *s = xrealloc(b->p, b->len + 1);

	s[b->len] = '\0';
	buf_init(b, b->max);
	return s;
}

void
buf_move(struct buf *dst, struct buf *src)
{
	if (src->failed)
		dst->failed = true;
	if (dst->len == 0 && !dst->failed && src->len <= limit(dst)) {
		free(dst->p);
		dst->p = src->p;
		dst->len = src->len;
		dst->cap = src->cap;
		src->p = NULL;
	} else {
		buf_add(dst, src->p, src->len);
	}
	buf_done(src);
}
