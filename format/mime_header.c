/* SPDX-License-Identifier: ISC
 *
 * mime_header.c - header blocks: lines, fields, unfolding [RFC 5322 2.2].
 *
 * Mail is as it is: LF alone ends a line, white space may stand before the colon (RFC
 * 5322 4.5), and a line that cannot be a header ends the block as if an empty line stood
 * before it.
 */
#include "format/mime_private.h"

struct span
mime_line(struct span raw, size_t at)
{
	const char *lf = at < raw.n ? memchr(raw.p + at, '\n', raw.n - at) : NULL;
	size_t end = lf ? (size_t)(lf - raw.p) + 1 : raw.n;

	return span_of(raw.p + at, end - at);
}

bool
mime_line_is_empty(struct span line)
{
	return (line.n == 1 && line.p[0] == '\n') ||
	       (line.n == 2 && line.p[0] == '\r' && line.p[1] == '\n');
}

/* Length of the name and index of the colon of a field's first line. */
static bool
split_field(struct span line, size_t *ret_name_len, size_t *ret_colon)
{
	size_t n = 0;

	while (n < line.n && line.p[n] > ' ' && line.p[n] < 0x7f && line.p[n] != ':')
		n++;
	size_t colon = n;
	while (colon < line.n && (line.p[colon] == ' ' || line.p[colon] == '\t'))
		colon++;
	if (colon >= line.n || line.p[colon] != ':')
		return false;
	*ret_name_len = n;
	*ret_colon = colon;
	return true;
}

bool
mime_line_is_header(struct span line)
{
	size_t name_len, colon;

	if (line.n == 0)
		return false;
	if (line.p[0] == ' ' || line.p[0] == '\t' || span_starts(line, "From "))
		return true;
	return split_field(line, &name_len, &colon);
}

bool
mime_field_next(struct span *rest, struct span *ret_name, struct span *ret_value,
                struct span *ret_whole)
{
	while (rest->n > 0) {
		struct span line = mime_line(*rest, 0);
		size_t end = line.n, name_len, colon;

		if (mime_line_is_empty(line))
			return false;
		while (end < rest->n && (rest->p[end] == ' ' || rest->p[end] == '\t'))
			end += mime_line(*rest, end).n;
		struct span whole = span_sub(*rest, 0, end);
		*rest = span_sub(*rest, end, rest->n);
		/* A field without a name and a continuation of nothing are no fields. */
		if (!split_field(line, &name_len, &colon) || name_len == 0)
			continue;
		size_t value_end = whole.n;
		if (value_end > colon + 1 && whole.p[value_end - 1] == '\n')
			value_end--;
		if (value_end > colon + 1 && whole.p[value_end - 1] == '\r')
			value_end--;
		*ret_name = span_sub(whole, 0, name_len);
		*ret_value = span_sub(whole, colon + 1, value_end);
		*ret_whole = whole;
		return true;
	}
	return false;
}

struct span
mime_unfold(struct span value, struct arena *a)
{
	struct span s = span_trim(value);
	size_t n = 0;

	if (!memchr(s.p, '\n', s.n) && !memchr(s.p, '\r', s.n) && !memchr(s.p, '\0', s.n))
		return s;
	char *p = arena_alloc(a, s.n + 1);
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];
		if (c == '\n' || (c == '\r' && i + 1 < s.n && s.p[i + 1] == '\n'))
			continue;
		p[n++] = c == '\r' || c == '\0' ? ' ' : c;
	}
	return span_trim(span_of(p, n));
}

struct span
mime_lower(struct span s, struct arena *a)
{
	size_t i = 0;

	while (i < s.n && !(s.p[i] >= 'A' && s.p[i] <= 'Z'))
		i++;
	if (i == s.n)
		return s;
	char *p = arena_alloc(a, s.n);
	for (i = 0; i < s.n; i++)
		p[i] = s.p[i] >= 'A' && s.p[i] <= 'Z' ? (char)(s.p[i] | 0x20) : s.p[i];
	return span_of(p, s.n);
}

struct span
mime_header_get(struct span header, const char *name, struct arena *a)
{
	struct span rest = header, field, value, whole;

	while (mime_field_next(&rest, &field, &value, &whole)) {
		if (span_iis(field, name))
			return mime_unfold(value, a);
	}
	return span_of(NULL, 0);
}

void
mime_header_each(struct span header, mime_header_fn *fn, void *arg)
{
	struct span rest = header, name, value, whole;

	while (mime_field_next(&rest, &name, &value, &whole)) {
		if (!fn(name, value, whole, arg))
			return;
	}
}

size_t
mime_header_len(struct span raw)
{
	size_t at = 0;

	while (at < raw.n) {
		struct span line = mime_line(raw, at);
		if (mime_line_is_empty(line))
			return at + line.n;
		if (!mime_line_is_header(line))
			break;
		at += line.n;
	}
	return at;
}
