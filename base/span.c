/* SPDX-License-Identifier: ISC
 *
 * span.c - comparing and cutting byte views, strict numbers, UTF-8 (RFC 3629).
 */
#include "base/span.h"

static unsigned char
lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (unsigned char)(c - 'A' + 'a') : (unsigned char)c;
}

static bool
ieq_bytes(const char *a, const char *b, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (lower(a[i]) != lower(b[i]))
			return false;
	}
	return true;
}

bool
span_ieq(struct span a, struct span b)
{
	return a.n == b.n && ieq_bytes(a.p, b.p, a.n);
}

bool
span_is(struct span a, const char *s)
{
	return span_eq(a, span_str(s));
}

bool
span_iis(struct span a, const char *s)
{
	return span_ieq(a, span_str(s));
}

bool
span_starts(struct span a, const char *prefix)
{
	struct span b = span_str(prefix);

	return a.n >= b.n && span_eq(span_of(a.p, b.n), b);
}

bool
span_istarts(struct span a, const char *prefix)
{
	struct span b = span_str(prefix);

	return a.n >= b.n && ieq_bytes(a.p, b.p, b.n);
}

bool
span_ends(struct span a, const char *suffix)
{
	struct span b = span_str(suffix);

	return a.n >= b.n && span_eq(span_sub(a, a.n - b.n, a.n), b);
}

int
span_cmp(struct span a, struct span b)
{
	size_t n = a.n < b.n ? a.n : b.n;
	int c = n ? memcmp(a.p, b.p, n) : 0;

	if (c)
		return c;
	return (a.n > b.n) - (a.n < b.n);
}

size_t
span_find(struct span a, size_t from, char c)
{
	const char *at;

	if (from >= a.n)
		return a.n;
	at = memchr(a.p + from, c, a.n - from);
	return at ? (size_t)(at - a.p) : a.n;
}

size_t
span_ifind(struct span hay, struct span needle)
{
	if (needle.n > hay.n)
		return hay.n;
	for (size_t i = 0; i + needle.n <= hay.n; i++) {
		if (ieq_bytes(hay.p + i, needle.p, needle.n))
			return i;
	}
	return hay.n;
}

struct span
span_sub(struct span a, size_t from, size_t to)
{
	if (to > a.n)
		to = a.n;
	if (from > to)
		from = to;
	return span_of(from ? a.p + from : a.p, to - from);
}

static bool
is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct span
span_trim(struct span a)
{
	size_t from = 0;
	size_t to = a.n;

	while (from < to && is_space(a.p[from]))
		from++;
	while (to > from && is_space(a.p[to - 1]))
		to--;
	return span_sub(a, from, to);
}

bool
span_cut(struct span *rest, char c, struct span *ret_head)
{
	struct span whole = *rest;
	size_t at;

	if (whole.n == 0)
		return false;
	at = span_find(whole, 0, c);
	*ret_head = span_sub(whole, 0, at);
	*rest = span_sub(whole, at + 1, whole.n);
	return true;
}

enum rc
parse_u64(struct span s, uint64_t max, uint64_t *ret)
{
	uint64_t v = 0;
	bool over = false;

	if (s.n == 0)
		return RC_INVALID;
	/* The whole is looked at, so that "99999999999x" is invalid and not too big. */
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return RC_INVALID;
		if (__builtin_mul_overflow(v, 10, &v) ||
		    __builtin_add_overflow(v, (uint64_t)(s.p[i] - '0'), &v))
			over = true;
	}
	if (over || v > max)
		return RC_TOO_BIG;
	*ret = v;
	return RC_OK;
}

enum rc
parse_u32(struct span s, uint32_t max, uint32_t *ret)
{
	uint64_t v;
	enum rc rc = parse_u64(s, max, &v);

	if (rc == RC_OK)
		*ret = (uint32_t)v;
	return rc;
}

enum rc
parse_i64(struct span s, int64_t *ret)
{
	bool minus = s.n && s.p[0] == '-';
	uint64_t max = minus ? (uint64_t)INT64_MAX + 1 : INT64_MAX;
	uint64_t v;
	enum rc rc = parse_u64(span_sub(s, minus, s.n), max, &v);

	if (rc == RC_OK)
		*ret = minus ? (int64_t)(0 - v) : (int64_t)v;
	return rc;
}

enum rc
parse_hex64(struct span s, uint64_t *ret)
{
	uint64_t v = 0;

	if (s.n == 0)
		return RC_INVALID;
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = lower(s.p[i]);

		if (c >= '0' && c <= '9')
			v = v << 4 | (unsigned)(c - '0');
		else if (c >= 'a' && c <= 'f')
			v = v << 4 | (unsigned)(c - 'a' + 10);
		else
			return RC_INVALID;
	}
	if (s.n > 16)
		return RC_TOO_BIG;
	*ret = v;
	return RC_OK;
}

static bool
is_tail(const char *p)
{
	return ((unsigned char)*p & 0xc0) == 0x80;
}

size_t
utf8_next(struct span s, uint32_t *ret_cp)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	unsigned char c;
	uint32_t cp;
	size_t n;

	if (s.n == 0)
		return 0;
	c = (unsigned char)s.p[0];
	if (c < 0x80) {
		*ret_cp = c;
		return 1;
	}
	if (c >= 0xc2 && c <= 0xdf) {
		n = 2;
		cp = c & 0x1f;
	} else if (c >= 0xe0 && c <= 0xef) {
		n = 3;
		cp = c & 0x0f;
	} else if (c >= 0xf0 && c <= 0xf4) {
		n = 4;
		cp = c & 0x07;
	} else {
		return 0;
	}
	if (s.n < n)
		return 0;
	for (size_t i = 1; i < n; i++) {
		if (!is_tail(s.p + i))
			return 0;
		cp = cp << 6 | ((unsigned char)s.p[i] & 0x3f);
	}
	if (cp < least[n] || cp > 0x10ffff || (cp >= 0xd800 && cp <= 0xdfff))
		return 0;
	*ret_cp = cp;
	return n;
}

size_t
ascii_prefix(struct span s)
{
	size_t i = 0;
	uint64_t word;

	while (s.n - i >= sizeof(word)) {
		memcpy(&word, s.p + i, sizeof(word));
		if (word & UINT64_C(0x8080808080808080))
			break;
		i += sizeof(word);
	}
	while (i < s.n && (unsigned char)s.p[i] < 0x80)
		i++;
	return i;
}

bool
utf8_is_valid(struct span s)
{
	uint32_t cp;

	for (;;) {
		s = span_sub(s, ascii_prefix(s), s.n);
		if (s.n == 0)
			return true;
		size_t n = utf8_next(s, &cp);
		if (n == 0)
			return false;
		s = span_sub(s, n, s.n);
	}
}

struct span
utf8_prefix(struct span s, size_t n)
{
	size_t cut = n;

	if (s.n <= n)
		return s;
	/* A sequence has at most three tail bytes; with more, this is no UTF-8 at all. */
	while (cut > 0 && n - cut < 4 && is_tail(s.p + cut))
		cut--;
	if (is_tail(s.p + cut))
		cut = n;
	return span_sub(s, 0, cut);
}
