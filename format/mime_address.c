/* SPDX-License-Identifier: ISC
 *
 * mime_address.c - address lists [RFC 5322 3.4 and 4.4].
 *
 * One pass over the bytes, one address after the other; whatever is in the way of an
 * address is skipped up to the next comma.
 */
#include "format/mime_private.h"

struct reader {
	struct span s;
	size_t at;
	struct arena *a;
	/* What stands before a '<', ':' or ',': words of a name, or a local part. */
	struct buf words;    /* words with one space where there was any */
	size_t last_word;    /* where in words the last one begins */
	struct buf atom;     /* one part of an address in the making */
	struct span comment; /* the last comment, without its parentheses */
	bool in_group;
	uint32_t n;
	uint32_t max;
	struct mime_address *first;
	struct mime_address **tail;
};

static int
peek(const struct reader *r)
{
	return r->at < r->s.n ? (uint8_t)r->s.p[r->at] : -1;
}

/* Past white space and comments; the text of the last comment is kept. */
static bool
skip_space(struct reader *r)
{
	size_t before = r->at;

	for (;;) {
		int c = peek(r);
		if (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
			r->at++;
		} else if (c == '(') {
			size_t from = r->at;
			size_t depth = 0;
			for (; r->at < r->s.n; r->at++) {
				c = peek(r);
				if (c == '(')
					depth++;
				else if (c == ')' && --depth == 0)
					break;
				else if (c == '\\')
					r->at++;
			}
			r->comment = span_sub(r->s, from + 1, r->at);
			r->at = r->at < r->s.n ? r->at + 1 : r->s.n;
		} else {
			return r->at > before;
		}
	}
}

static bool
is_special(int c)
{
	return c < 0 || strchr("()<>[]:;@,\"", c) || c == ' ' || c == '\t' || c == '\r' ||
	       c == '\n';
}

/* Adds an atom (dots included) or a quoted string, unquoted; false when neither is here.
 */
static bool
read_word(struct reader *r, struct buf *out)
{
	int c = peek(r);

	if (c == '"') {
		for (r->at++; (c = peek(r)) >= 0 && c != '"'; r->at++) {
			if (c == '\\' && r->at + 1 < r->s.n)
				c = (uint8_t)r->s.p[++r->at];
			buf_add_char(out, (char)c);
		}
		r->at += c == '"';
		return true;
	}
	size_t from = r->at;
	while (!is_special(peek(r)))
		r->at++;
	buf_add_span(out, span_sub(r->s, from, r->at));
	return r->at > from;
}

/* A domain behind '@': atoms with space around the dots, or a [literal]. */
static struct span
read_domain(struct reader *r)
{
	buf_clear(&r->atom);
	skip_space(r);
	if (peek(r) == '[') {
		size_t end = span_find(r->s, r->at, ']');
		struct span literal = span_sub(r->s, r->at, end + 1);
		r->at = end < r->s.n ? end + 1 : r->s.n;
		return literal;
	}
	while (read_word(r, &r->atom)) {
		size_t here = r->at;
		skip_space(r);
		/* "a . b" goes on, "a b" does not (RFC 5322 4.4). */
		bool ends_in_dot = r->atom.len > 0 && r->atom.p[r->atom.len - 1] == '.';
		if (r->at > here && peek(r) != '.' && !ends_in_dot)
			break;
	}
	return r->atom.len ? arena_span(r->a, buf_span(&r->atom)) : SPAN(MIME_NO_DOMAIN);
}

static void
add(struct reader *r, struct span name, struct span route, struct span mailbox,
    struct span host)
{
	struct mime_address *address = arena_new_of(r->a, struct mime_address);

	address->name = name;
	address->route = route;
	address->mailbox = mailbox;
	address->host = host;
	*r->tail = address;
	r->tail = &address->next;
	r->n++;
}

static void
forget_words(struct reader *r)
{
	buf_clear(&r->words);
	r->last_word = 0;
	r->comment = SPAN("");
}

/* To the next ',' or ';' that ends an address, past what could not be understood. */
static void
skip_rest(struct reader *r)
{
	for (;;) {
		skip_space(r);
		int c = peek(r);
		if (c < 0 || c == ',' || c == ';')
			return;
		buf_clear(&r->atom);
		if (!read_word(r, &r->atom))
			r->at++;
	}
}

/* "local@" has been read up to the '@'; words before the local part are the name. */
static void
add_plain(struct reader *r)
{
	struct span words = buf_span(&r->words);
	struct span name = arena_span(r->a, span_trim(span_sub(words, 0, r->last_word)));
	struct span local = arena_span(r->a, span_sub(words, r->last_word, words.n));

	r->at++;
	struct span host = read_domain(r);
	skip_rest(r);
	if (name.n == 0)
		name = mime_unfold(r->comment, r->a);
	add(r, name, SPAN(""), local.n ? local : SPAN(MIME_NO_MAILBOX), host);
	forget_words(r);
}

/* "<@a,@b:local@domain>"; the name is in words. */
static void
add_angle(struct reader *r)
{
	struct span name = arena_span(r->a, span_trim(buf_span(&r->words)));
	struct span route = SPAN(""), host = SPAN(MIME_NO_DOMAIN);
	size_t from = ++r->at;

	skip_space(r);
	if (peek(r) == '@') {
		/* RFC 5322 4.4: the route ends at a colon, or is none. */
		while (r->at < r->s.n && !strchr(":>", r->s.p[r->at]))
			r->at++;
		if (peek(r) == ':')
			route = mime_unfold(span_sub(r->s, from, r->at++), r->a);
		skip_space(r);
	}
	buf_clear(&r->words);
	while (read_word(r, &r->words)) {
		/* "a . b" is one local part; of "a b" it is hard to say what was meant.
		 */
		if (skip_space(r) && peek(r) != '@' && peek(r) != '.' && peek(r) != '>' &&
		    r->words.len > 0 && r->words.p[r->words.len - 1] != '.')
			buf_add_char(&r->words, ' ');
	}
	struct span local = arena_span(r->a, buf_span(&r->words));
	if (peek(r) == '@') {
		r->at++;
		host = read_domain(r);
	}
	while (peek(r) >= 0 && peek(r) != '>' && peek(r) != ',')
		r->at++;
	r->at += peek(r) == '>';
	skip_rest(r);
	if (name.n == 0)
		name = mime_unfold(r->comment, r->a);
	add(r, name, route, local.n ? local : SPAN(MIME_NO_MAILBOX), host);
	forget_words(r);
}

/* Words that nothing followed: an address without a domain. */
static void
add_words(struct reader *r)
{
	struct span words = span_trim(buf_span(&r->words));

	if (words.n > 0) {
		struct span local = arena_span(r->a, words);
		add(r, mime_unfold(r->comment, r->a), SPAN(""), local,
		    SPAN(MIME_NO_DOMAIN));
	}
	forget_words(r);
}

static void
end_group(struct reader *r)
{
	if (r->in_group)
		add(r, SPAN(""), SPAN(""), SPAN(""), SPAN(""));
	r->in_group = false;
}

/* One token: a word of what is being collected, or what ends it. */
static void
step(struct reader *r)
{
	bool had_space = skip_space(r);
	int c = peek(r);

	switch (c) {
	case -1:
		return;
	case ',':
	case ';':
		add_words(r);
		if (c == ';')
			end_group(r);
		r->at++;
		return;
	case '<':
		add_angle(r);
		return;
	case '@':
		add_plain(r);
		return;
	case ':':
		end_group(r);
		add(r, SPAN(""), SPAN(""),
		    arena_span(r->a, span_trim(buf_span(&r->words))), SPAN(""));
		r->in_group = true;
		forget_words(r);
		r->at++;
		return;
	case '>':
	case ')':
	case '[':
	case ']':
		r->at++;
		return;
	default:
		if (had_space && r->words.len > 0)
			buf_add_char(&r->words, ' ');
		if (had_space)
			r->last_word = r->words.len;
		if (!read_word(r, &r->words))
			r->at++;
	}
}

struct mime_address *
mime_address_parse(struct span value, uint32_t max, struct arena *a)
{
	struct reader r = { .s = mime_unfold(value, a), .a = a, .comment = SPAN("") };

	r.max = max ? max : MIME_ADDRESSES_DEFAULT;
	r.tail = &r.first;
	while (r.at < r.s.n && r.n < r.max)
		step(&r);
	if (r.n < r.max)
		add_words(&r);
	end_group(&r);
	buf_done(&r.words);
	buf_done(&r.atom);
	return r.first;
}
