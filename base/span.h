/* SPDX-License-Identifier: ISC
 *
 * span.h - a view of bytes that somebody else owns, and strict number parsing.
 *
 * Wire data is never NUL-terminated here. The header that returns a span says whose
 * bytes it shows.
 */
#ifndef BASE_SPAN_H
#define BASE_SPAN_H

#include <string.h>

#include "base/def.h"
#include "base/rc.h"

struct span {
	const char *p;
	size_t n;
};

/* For printf: log_info(c, "x", "name=%.*s", SPAN_FMT(s)) with "%.*s". */
#define SPAN_FMT(s) (int)(s).n, (s).p
/* A span of a string literal. */
#define SPAN(lit) ((struct span){ "" lit, sizeof(lit) - 1 })

static inline struct span
span_of(const char *p, size_t n)
{
	return (struct span){ p, n };
}

/* NULL gives the empty span. */
static inline struct span
span_str(const char *s)
{
	return (struct span){ s ? s : "", s ? strlen(s) : 0 };
}

static inline bool
span_eq(struct span a, struct span b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

/* ASCII case-insensitive, whatever the locale. */
bool span_ieq(struct span a, struct span b);
bool span_is(struct span a, const char *s);
bool span_iis(struct span a, const char *s);
bool span_starts(struct span a, const char *prefix);
bool span_istarts(struct span a, const char *prefix);
bool span_ends(struct span a, const char *suffix);
/* Order of bytes, as memcmp; the shorter first. */
int span_cmp(struct span a, struct span b);

/* Index of the first c at or after from, or a.n. */
size_t span_find(struct span a, size_t from, char c);
/* First place of needle (ASCII case ignored), or hay.n; an empty needle is at 0. */
size_t span_ifind(struct span hay, struct span needle);
/* Bytes from..to (excluded), both clamped to a. */
struct span span_sub(struct span a, size_t from, size_t to);
/* Without SP, TAB, CR and LF at both ends. */
struct span span_trim(struct span a);
/*
 * Cuts *rest at the first c: the bytes before it come back in *ret_head, *rest is what
 * follows. Without c the whole is the head and *rest is empty. False when *rest was
 * empty.
 */
bool span_cut(struct span *rest, char c, struct span *ret_head);

/* Decimal digits only, no sign, no space, at most max: RC_INVALID or RC_TOO_BIG. */
enum rc parse_u32(struct span s, uint32_t max, uint32_t *ret) MUST_CHECK;
enum rc parse_u64(struct span s, uint64_t max, uint64_t *ret) MUST_CHECK;
/* An optional '-' and decimal digits. */
enum rc parse_i64(struct span s, int64_t *ret) MUST_CHECK;
/* 1 to 16 hex digits, no prefix. */
enum rc parse_hex64(struct span s, uint64_t *ret) MUST_CHECK;

/*
 * The first character of s: its length in bytes, or 0 when s is empty or does not begin
 * with a well-formed sequence.
 */
size_t utf8_next(struct span s, uint32_t *ret_cp);
/* True when the bytes are well-formed UTF-8 (RFC 3629: no surrogates, no overlong). */
bool utf8_is_valid(struct span s);
/* How many bytes from the beginning are ASCII. */
size_t ascii_prefix(struct span s);
/* The longest prefix of at most n bytes that does not cut a UTF-8 sequence in two. */
struct span utf8_prefix(struct span s, size_t n);

#endif
