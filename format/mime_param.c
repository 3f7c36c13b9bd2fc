/* SPDX-License-Identifier: ISC
 *
 * mime_param.c - Content-Type, Content-Disposition and their parameters [RFC 2045 5.1,
 * RFC 2183, RFC 2231].
 */
#include <stdlib.h>

#include "format/charset.h"
#include "format/mime_private.h"

/* Of a piece of an RFC 2231 value: "filename*1*". */
struct piece {
	struct span name; /* without the stars, lower case */
	struct span value;
	uint32_t index;
	uint32_t order;   /* place in the header */
	bool is_extended; /* charset'language' and %XX */
	bool has_index;
};

size_t
mime_skip_cfws(struct span s, size_t at)
{
	size_t depth = 0;

	for (; at < s.n; at++) {
		char c = s.p[at];
		if (c == '(')
			depth++;
		else if (depth > 0 && c == ')')
			depth--;
		else if (depth > 0 && c == '\\')
			at++;
		else if (depth == 0 && c != ' ' && c != '\t' && c != '\r' && c != '\n')
			break;
	}
	return at < s.n ? at : s.n;
}

/* RFC 2045 5.1, with 8-bit bytes allowed. */
static bool
is_token_char(char c)
{
	return (uint8_t)c > ' ' && c != 0x7f && !strchr("()<>@,;:\\\"/[]?=", c);
}

static size_t
skip_token(struct span s, size_t at)
{
	while (at < s.n && is_token_char(s.p[at]))
		at++;
	return at;
}

/* RFC 5322 quotes any character; only these two are, so that C:\X survives. */
static bool
is_quoted_pair(struct span s, size_t at)
{
	return s.p[at] == '\\' && at + 1 < s.n &&
	       (s.p[at + 1] == '\\' || s.p[at + 1] == '"');
}

/* A quoted-string at s[at] == '"', unescaped; *at is left behind it. */
static struct span
read_quoted(struct span s, size_t *at, struct arena *a)
{
	size_t from = *at + 1, end = from, n = 0;
	bool is_escaped = false;

	for (; end < s.n && s.p[end] != '"'; end++) {
		if (is_quoted_pair(s, end)) {
			is_escaped = true;
			end++;
		}
	}
	*at = end < s.n ? end + 1 : s.n;
	if (!is_escaped)
		return span_sub(s, from, end);
	char *p = arena_alloc(a, end - from);
	for (size_t i = from; i < end; i++) {
		if (is_quoted_pair(s, i))
			i++;
		p[n++] = s.p[i];
	}
	return span_of(p, n);
}

/*
 * A value without quotes. What RFC 2045 calls a token ends at white space; programs write
 * file names with spaces, so what follows belongs to it unless it is a comment.
 */
static struct span
read_bare(struct span s, size_t *at)
{
	size_t from = *at, end = span_find(s, from, ';');

	*at = end;
	for (size_t i = from + 1; i < end; i++) {
		if (s.p[i] == '(' && (s.p[i - 1] == ' ' || s.p[i - 1] == '\t')) {
			end = i;
			break;
		}
	}
	return span_trim(span_sub(s, from, end));
}

/* Sorts out "name", "name*", "name*0", "name*0*". */
static void
split_stars(struct piece *p, struct arena *a)
{
	struct span name = p->name;
	size_t star = span_find(name, 0, '*');

	if (star < name.n) {
		struct span index = span_sub(name, star + 1, name.n);
		name = span_sub(name, 0, star);
		if (index.n == 0) {
			p->is_extended = true;
		} else {
			if (index.p[index.n - 1] == '*') {
				p->is_extended = true;
				index.n--;
			}
			if (parse_u32(index, 10000, &p->index) == RC_OK)
				p->has_index = true;
			else
				name = p->name; /* not RFC 2231's star: part of the name
				                 */
		}
	}
	p->name = mime_lower(name, a);
}

/* Reads "; name=value" from at on; returns how many pieces. */
static uint32_t
read_pieces(struct span s, size_t at, struct piece *pieces, uint32_t max, struct arena *a)
{
	uint32_t n = 0;

	while (n < max && at < s.n) {
		/* Whatever stands before the next ';' is no parameter. */
		at = span_find(s, at, ';');
		if (at >= s.n)
			break;
		at = mime_skip_cfws(s, at + 1);
		size_t from = at;
		at = skip_token(s, at);
		struct piece *p = &pieces[n];
		*p = (struct piece){ .name = span_sub(s, from, at), .order = n };
		at = mime_skip_cfws(s, at);
		if (at >= s.n || s.p[at] != '=' || p->name.n == 0)
			continue;
		at = mime_skip_cfws(s, at + 1);
		if (at < s.n && s.p[at] == '"')
			p->value = read_quoted(s, &at, a);
		else
			p->value = read_bare(s, &at);
		split_stars(p, a);
		n++;
	}
	return n;
}

static int
by_name_and_index(const void *x, const void *y)
{
	const struct piece *p = x, *q = y;
	int c = span_cmp(p->name, q->name);

	if (c != 0)
		return c;
	/* name* is better than name*0..., and that than name (RFC 6266 4.3 says why). */
	int px = p->has_index ? 1 : p->is_extended ? 0 : 2;
	int qx = q->has_index ? 1 : q->is_extended ? 0 : 2;
	if (px != qx)
		return px - qx;
	if (p->index != q->index)
		return p->index < q->index ? -1 : 1;
	return p->order < q->order ? -1 : p->order > q->order;
}

/* %XX of RFC 2231 7; a '%' that is none stays. */
static void
add_percent(struct span s, struct buf *out)
{
	for (size_t i = 0; i < s.n; i++) {
		uint64_t byte;
		if (s.p[i] == '%' && i + 2 < s.n &&
		    parse_hex64(span_sub(s, i + 1, i + 3), &byte) == RC_OK) {
			buf_add_char(out, (char)byte);
			i += 2;
		} else {
			buf_add_char(out, s.p[i]);
		}
	}
}

/* charset'language' in front of the first extended piece. */
static struct span
cut_charset(struct span *value)
{
	size_t first = span_find(*value, 0, '\'');
	size_t second = first < value->n ? span_find(*value, first + 1, '\'') : value->n;

	if (second >= value->n)
		return SPAN("");
	struct span charset = span_sub(*value, 0, first);
	*value = span_sub(*value, second + 1, value->n);
	return charset;
}

/* The pieces of one name, best first, to a value; stops at a gap in the numbers. */
static struct span
join_pieces(const struct piece *p, size_t n, struct arena *a)
{
	AUTO_DONE(buf) struct buf joined = BUF_INIT(0);
	AUTO_DONE(buf) struct buf utf8 = BUF_INIT(0);
	struct span charset = SPAN("");

	if (!p->is_extended && !p->has_index)
		return p->value;
	for (size_t i = 0; i < n; i++) {
		struct span value = p[i].value;
		if (i > 0 && (!p[0].has_index || !p[i].has_index ||
		              p[i].index != p[i - 1].index + 1))
			break;
		if (i == 0 && p[i].is_extended)
			charset = cut_charset(&value);
		if (p[i].is_extended)
			add_percent(value, &joined);
		else
			buf_add_span(&joined, value);
	}
	charset_to_utf8(charset, buf_span(&joined), &utf8);
	return arena_span(a, buf_span(&utf8));
}

/* Back to the order of the header, one parameter a name. */
static struct mime_param *
params_of(struct piece *pieces, uint32_t n, struct arena *a)
{
	struct mime_param **by_order = arena_array(a, n ? n : 1, struct mime_param *);
	struct mime_param *first = NULL, **tail = &first;

	qsort(pieces, n, sizeof(*pieces), by_name_and_index);
	for (uint32_t i = 0, end; i < n; i = end) {
		uint32_t order = pieces[i].order;
		for (end = i + 1; end < n && span_eq(pieces[end].name, pieces[i].name);
		     end++) {
			if (pieces[end].order < order)
				order = pieces[end].order;
		}
		struct mime_param *p = arena_new_of(a, struct mime_param);
		p->name = pieces[i].name;
		p->value = join_pieces(pieces + i, end - i, a);
		by_order[order] = p;
	}
	for (uint32_t i = 0; i < n; i++) {
		if (by_order[i]) {
			*tail = by_order[i];
			tail = &by_order[i]->next;
		}
	}
	return first;
}

static struct mime_param *
read_params(struct span s, size_t at, uint32_t max, struct arena *a)
{
	uint32_t room = 0;

	at = mime_skip_cfws(s, at);
	for (size_t i = at; i < s.n && room < max; i++)
		room += s.p[i] == ';';
	if (room == 0)
		return NULL;
	struct piece *pieces = arena_array(a, room, struct piece);
	uint32_t n = read_pieces(s, at, pieces, room, a);
	return params_of(pieces, n, a);
}

bool
mime_type_parse(struct span value, uint32_t params_max, struct arena *a,
                struct span *ret_type, struct span *ret_subtype,
                struct mime_param **ret_params)
{
	size_t from = mime_skip_cfws(value, 0), end = skip_token(value, from);
	struct span type = span_sub(value, from, end);

	from = mime_skip_cfws(value, end);
	if (type.n == 0 || from >= value.n || value.p[from] != '/')
		return false;
	from = mime_skip_cfws(value, from + 1);
	end = skip_token(value, from);
	if (end == from)
		return false;
	*ret_type = mime_lower(type, a);
	*ret_subtype = mime_lower(span_sub(value, from, end), a);
	*ret_params = read_params(value, end, params_max, a);
	return true;
}

void
mime_token_parse(struct span value, uint32_t params_max, struct arena *a,
                 struct span *ret_token, struct mime_param **ret_params)
{
	size_t from = mime_skip_cfws(value, 0), end;

	if (from < value.n && value.p[from] == '"') {
		end = from;
		*ret_token = mime_lower(span_trim(read_quoted(value, &end, a)), a);
	} else {
		end = skip_token(value, from);
		*ret_token = mime_lower(span_sub(value, from, end), a);
	}
	if (ret_params)
		*ret_params = read_params(value, end, params_max, a);
}

struct span
mime_param_get(const struct mime_param *params, const char *name)
{
	for (; params; params = params->next) {
		if (span_iis(params->name, name))
			return params->value;
	}
	return SPAN("");
}
