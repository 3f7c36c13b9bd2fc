/* SPDX-License-Identifier: ISC
 *
 * imap_read.c - the words of a command: atoms, strings, literals, numbers (RFC 9051 9).
 */
#include "imap/imap_read.h"
#include "imap/imap_utf7.h"

#define DEPTH_MAX 20

void
imap_read_init(struct imap_read *r, struct span in, struct arena *a, bool utf8)
{
	*r = (struct imap_read){ .in = in, .arena = a, .utf8 = utf8 };
}

bool
imap_read_fail(struct imap_read *r, const char *error)
{
	if (!r->error)
		r->error = error;
	return false;
}

int
imap_read_peek(const struct imap_read *r)
{
	return r->at < r->in.n && !r->error ? (unsigned char)r->in.p[r->at] : -1;
}

bool
imap_read_if(struct imap_read *r, char c)
{
	if (imap_read_peek(r) != (unsigned char)c)
		return false;
	r->at++;
	return true;
}

bool
imap_read_char(struct imap_read *r, char c)
{
	if (imap_read_if(r, c))
		return true;
	switch (c) {
	case '(':
		return imap_read_fail(r, "Opening parenthesis expected");
	case ')':
		return imap_read_fail(r, "Closing parenthesis expected");
	case ' ':
		return imap_read_fail(r, "Space or further argument expected");
	}
	return imap_read_fail(r, "Unexpected character");
}

bool
imap_read_sp(struct imap_read *r)
{
	return imap_read_char(r, ' ');
}

bool
imap_read_end(struct imap_read *r)
{
	if (r->error)
		return false;
	/* Some clients send a space before the line end. */
	while (r->at < r->in.n && r->in.p[r->at] == ' ')
		r->at++;
	return r->at == r->in.n || imap_read_fail(r, "Unexpected argument at the end");
}

/* RFC 9051 9, ATOM-CHAR: no "(", ")", "{", SP, CTL, "%", "*", DQUOTE, "\", "]". */
static bool
is_atom_char(unsigned char c)
{
	return c > 0x20 && c < 0x7f && !strchr("(){%*\"\\]", c);
}

static bool
is_word_char(unsigned char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
	       (c >= 'a' && c <= 'z') || c == '.' || c == '-' || c == '_' || c == '+' ||
	       c == '=';
}

static bool
is_astring_char(unsigned char c)
{
	/* 8-bit is no atom, but clients send names in bare UTF-8. */
	return is_atom_char(c) || c == ']' || c >= 0x80;
}

static bool
is_pattern_char(unsigned char c)
{
	return is_astring_char(c) || c == '%' || c == '*';
}

static bool
is_tag_char(unsigned char c)
{
	return is_astring_char(c) && c != '+' && c < 0x80;
}

static bool
take_run(struct imap_read *r, bool (*is)(unsigned char c), const char *error,
         struct span *ret)
{
	size_t from = r->at;

	if (r->error)
		return false;
	while (r->at < r->in.n && is((unsigned char)r->in.p[r->at]))
		r->at++;
	if (r->at == from)
		return imap_read_fail(r, error);
	*ret = span_sub(r->in, from, r->at);
	return true;
}

bool
imap_read_atom(struct imap_read *r, struct span *ret)
{
	return take_run(r, is_atom_char, "Atom expected", ret);
}

bool
imap_read_word(struct imap_read *r, struct span *ret)
{
	return take_run(r, is_word_char, "Keyword expected", ret);
}

bool
imap_read_tag(struct imap_read *r, struct span *ret)
{
	return take_run(r, is_tag_char, "Tag expected", ret);
}

bool
imap_read_if_word(struct imap_read *r, const char *word)
{
	if (r->error)
		return false;
	struct span rest = span_sub(r->in, r->at, r->in.n);
	size_t n = strlen(word);
	if (!span_istarts(rest, word) ||
	    (rest.n > n && is_word_char((unsigned char)rest.p[n])))
		return false;
	r->at += n;
	return true;
}

static bool
read_quoted(struct imap_read *r, struct span *ret)
{
	size_t from = ++r->at;
	bool escapes = false;

	for (;; r->at++) {
		if (r->at >= r->in.n)
			return imap_read_fail(r, "Unterminated quoted string");
		char c = r->in.p[r->at];
		if (c == '"')
			break;
		if (c == '\0' || c == '\r' || c == '\n')
			return imap_read_fail(r, "Bad character in quoted string");
		if (c != '\\')
			continue;
		escapes = true;
		r->at++;
		if (r->at >= r->in.n || (r->in.p[r->at] != '"' && r->in.p[r->at] != '\\'))
			return imap_read_fail(r, "Bad escape in quoted string");
	}
	struct span raw = span_sub(r->in, from, r->at++);
	if (!escapes) {
		*ret = raw;
		return true;
	}
	char *p = arena_strndup(r->arena, raw);
	size_t n = 0;
	for (size_t i = 0; i < raw.n; i++) {
		if (raw.p[i] == '\\')
			i++;
		p[n++] = raw.p[i];
	}
	*ret = span_of(p, n);
	return true;
}

bool
imap_read_literal(struct imap_read *r, struct span *ret)
{
	imap_read_if(r, '~');
	if (!imap_read_char(r, '{'))
		return false;
	size_t from = r->at;
	while (r->at < r->in.n && r->in.p[r->at] >= '0' && r->in.p[r->at] <= '9')
		r->at++;
	uint64_t n;
	if (parse_u64(span_sub(r->in, from, r->at), SIZE_MAX, &n))
		return imap_read_fail(r, "Bad length of a literal");
	imap_read_if(r, '+');
	if (!imap_read_char(r, '}'))
		return false;
	imap_read_if(r, '\r');
	if (!imap_read_if(r, '\n') || n > r->in.n - r->at)
		return imap_read_fail(r, "Bad literal");
	*ret = span_of(r->in.p + r->at, (size_t)n);
	r->at += (size_t)n;
	return true;
}

bool
imap_read_string(struct imap_read *r, struct span *ret)
{
	int c = imap_read_peek(r);

	if (c == '"')
		return read_quoted(r, ret);
	if (c == '{' || c == '~') {
		if (!imap_read_literal(r, ret))
			return false;
		if (memchr(ret->p, '\0', ret->n))
			return imap_read_fail(r, "NUL in a string");
		return true;
	}
	return imap_read_fail(r, "String expected");
}

bool
imap_read_astring(struct imap_read *r, struct span *ret)
{
	int c = imap_read_peek(r);

	if (c == '"' || c == '{')
		return imap_read_string(r, ret);
	return take_run(r, is_astring_char, "String expected", ret);
}

bool
imap_read_nstring(struct imap_read *r, struct span *ret)
{
	if (imap_read_if_word(r, "NIL")) {
		*ret = span_of(NULL, 0);
		return true;
	}
	return imap_read_string(r, ret);
}

static bool
read_number(struct imap_read *r, uint64_t max, uint64_t *ret)
{
	size_t from = r->at;

	if (r->error)
		return false;
	while (r->at < r->in.n && r->in.p[r->at] >= '0' && r->in.p[r->at] <= '9')
		r->at++;
	if (parse_u64(span_sub(r->in, from, r->at), max, ret))
		return imap_read_fail(r, "Number expected");
	return true;
}

bool
imap_read_u32(struct imap_read *r, uint32_t *ret)
{
	uint64_t v;

	if (!read_number(r, UINT32_MAX, &v))
		return false;
	*ret = (uint32_t)v;
	return true;
}

bool
imap_read_u64(struct imap_read *r, uint64_t *ret)
{
	return read_number(r, INT64_MAX, ret);
}

static bool
is_set_char(unsigned char c)
{
	return (c >= '0' && c <= '9') || c == ',' || c == ':' || c == '*' || c == '$';
}

bool
imap_read_set(struct imap_read *r, struct imap_seqset *ret)
{
	struct span text;

	if (!take_run(r, is_set_char, "Message set expected", &text))
		return false;
	if (imap_seqset_parse(text, r->arena, ret))
		return imap_read_fail(r, "Invalid message set");
	return true;
}

/* A name of the wire as UTF-8: modified UTF-7 unless the client speaks UTF-8. */
static bool
decode_name(struct imap_read *r, struct span wire, struct span *ret)
{
	if (wire.n > IMAP_NAME_MAX)
		return imap_read_fail(r, "Mailbox name too long");
	bool eight_bit = false;
	for (size_t i = 0; i < wire.n; i++)
		eight_bit |= (wire.p[i] & 0x80) != 0;
	if (r->utf8 || eight_bit) {
		r->bad_name |= !utf8_is_valid(wire);
		*ret = wire;
	} else if (memchr(wire.p, '&', wire.n)) {
		AUTO_DONE(buf) struct buf b = BUF_INIT(IMAP_NAME_MAX);
		bool bad = imap_utf7_decode(wire, &b) != RC_OK;
		r->bad_name |= bad;
		*ret = bad ? wire : arena_span(r->arena, buf_span(&b));
	} else {
		*ret = wire;
	}
	/* The INBOX, and what lies below it, whatever the case (RFC 9051 5.1). */
	if (span_istarts(*ret, "INBOX") && (ret->n == 5 || ret->p[5] == '/')) {
		char *p = arena_strndup(r->arena, *ret);
		memcpy(p, "INBOX", 5);
		ret->p = p;
	}
	return true;
}

bool
imap_read_mailbox(struct imap_read *r, struct span *ret)
{
	struct span wire;

	return imap_read_astring(r, &wire) && decode_name(r, wire, ret);
}

bool
imap_read_pattern(struct imap_read *r, struct span *ret)
{
	struct span wire;
	int c = imap_read_peek(r);

	if (c == '"' || c == '{') {
		if (!imap_read_string(r, &wire))
			return false;
	} else if (!take_run(r, is_pattern_char, "Mailbox pattern expected", &wire)) {
		return false;
	}
	return decode_name(r, wire, ret);
}

bool
imap_read_skip_value(struct imap_read *r)
{
	struct span s;
	unsigned depth = 0;

	do {
		if (imap_read_if(r, '(')) {
			if (++depth > DEPTH_MAX)
				return imap_read_fail(r, "Nested too deep");
		} else if (imap_read_if(r, ')')) {
			if (depth-- == 0)
				return imap_read_fail(r, "Unexpected parenthesis");
		} else if (!imap_read_astring(r, &s)) {
			return false;
		}
		while (depth > 0 && imap_read_if(r, ' '))
			;
	} while (depth > 0);
	return true;
}
