/* SPDX-License-Identifier: ISC
 *
 * html_text.c - HTML of mail to readable text, and text to HTML.
 *
 * One pass over the bytes in linear time: libxml2's HTML parser needs time that grows
 * with the square of a tag's attributes and of open elements
 * (docs/decisions/format-mime.md); only its table of entities is used.
 */
#include <libxml/HTMLparser.h>
#include <stdio.h>

#include "format/charset.h"
#include "format/mime_text.h"
#include "format/utf8_clean.h"

#define QUOTE_MAX 5   /* deeper quotes are not marked deeper */
#define LINK_MAX 2000 /* longer addresses are left out */

struct writer {
	struct buf text; /* at the end made clean and given out */
	unsigned breaks; /* line ends owed before the next character, at most 2 */
	bool space;      /* a space is owed */
	unsigned pre;    /* depth of <pre> */
	unsigned quote;
	unsigned numbers[8]; /* <ol>'s next number; 0: <ul> */
	unsigned lists;
	struct span href; /* of the open <a>; empty: none */
	size_t link_at;   /* where its text began */
};

struct reader {
	struct span s;
	size_t at;
	bool no_quote[2]; /* no " or ' comes any more: an open one is not closed */
	struct writer w;
};

struct tag {
	struct span name;
	bool is_end;
	struct span href;
	struct span alt;
};

static void
break_lines(struct writer *w, unsigned n)
{
	if (w->breaks < n)
		w->breaks = n;
	w->space = false;
}

/* What is owed before the next visible character. */
static void
pay(struct writer *w)
{
	bool at_line_start = w->text.len == 0 || w->breaks > 0;

	if (w->text.len > 0) {
		for (unsigned i = 0; i < w->breaks; i++)
			buf_add_char(&w->text, '\n');
	}
	if (at_line_start) {
		for (unsigned i = 0; i < w->quote && i < QUOTE_MAX; i++)
			buf_add_str(&w->text, "> ");
	} else if (w->space) {
		buf_add_char(&w->text, ' ');
	}
	w->breaks = 0;
	w->space = false;
}

static void
put_byte(struct writer *w, char c)
{
	if (w->pre > 0 && c == '\n') {
		pay(w);
		w->breaks = 1;
	} else if (w->pre == 0 && (c == ' ' || c == '\t' || c == '\n' || c == '\r')) {
		w->space = w->text.len > 0 && w->breaks == 0;
	} else if (c != '\r') {
		pay(w);
		buf_add_char(&w->text, c);
	}
}

static void
put_text(struct writer *w, struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		put_byte(w, s.p[i]);
}

static void
put_code_point(struct writer *w, uint32_t c)
{
	char p[4];
	size_t n;

	if (c == 0xa0) {
		put_byte(w, ' ');
		return;
	}
	if (c >= 0x80 && c < 0xa0) {
		/* HTML 13.2.5.80: numbers of C1 controls mean windows-1252. */
		char byte = (char)c;
		AUTO_DONE(buf) struct buf utf8 = BUF_INIT(0);
		charset_to_utf8(SPAN("windows-1252"), span_of(&byte, 1), &utf8);
		put_text(w, buf_span(&utf8));
		return;
	}
	if (c == 0 || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
		c = 0xfffd;
	if (c < 0x80) {
		p[0] = (char)c;
		n = 1;
	} else if (c < 0x800) {
		p[0] = (char)(0xc0 | c >> 6);
		p[1] = (char)(0x80 | (c & 0x3f));
		n = 2;
	} else if (c < 0x10000) {
		p[0] = (char)(0xe0 | c >> 12);
		p[1] = (char)(0x80 | (c >> 6 & 0x3f));
		p[2] = (char)(0x80 | (c & 0x3f));
		n = 3;
	} else {
		p[0] = (char)(0xf0 | c >> 18);
		p[1] = (char)(0x80 | (c >> 12 & 0x3f));
		p[2] = (char)(0x80 | (c >> 6 & 0x3f));
		p[3] = (char)(0x80 | (c & 0x3f));
		n = 4;
	}
	put_text(w, span_of(p, n));
}

static bool
is_alnum(char c)
{
	return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
}

/* "&name;" or "&#number;" at s[at]; its length, or 0 when it is only an ampersand. */
static size_t
read_entity(struct span s, size_t at, uint32_t *ret)
{
	size_t from = at + 1, end;
	char name[33];

	if (from < s.n && s.p[from] == '#') {
		bool hex = from + 1 < s.n && (s.p[from + 1] | 0x20) == 'x';
		uint64_t v;
		from += hex ? 2 : 1;
		for (end = from; end < s.n && end - from < 10 && is_alnum(s.p[end]);
		     end++)
			;
		struct span digits = span_sub(s, from, end);
		enum rc rc =
			hex ? parse_hex64(digits, &v) : parse_u64(digits, UINT32_MAX, &v);
		if (rc != RC_OK)
			return 0;
		*ret = v > 0x10ffff ? 0xfffd : (uint32_t)v;
	} else {
		for (end = from; end < s.n && end - from < 32 && is_alnum(s.p[end]);
		     end++)
			name[end - from] = s.p[end];
		name[end - from] = '\0';
		const htmlEntityDesc *e = htmlEntityLookup((const xmlChar *)name);
		if (e)
			*ret = e->value;
		else if (strcmp(name, "apos") == 0)
			*ret = '\'';
		else
			return 0;
	}
	return end + (end < s.n && s.p[end] == ';') - at;
}

static void
put_html_text(struct writer *w, struct span s)
{
	for (size_t i = 0; i < s.n; i++) {
		uint32_t c;
		size_t n = s.p[i] == '&' ? read_entity(s, i, &c) : 0;
		if (n > 0) {
			put_code_point(w, c);
			i += n - 1;
		} else if ((uint8_t)s.p[i] == 0xc2 && i + 1 < s.n &&
		           (uint8_t)s.p[i + 1] == 0xa0) {
			put_byte(w, ' ');
			i++;
		} else {
			put_byte(w, s.p[i]);
		}
	}
}

static bool
is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f';
}

/* A value behind '=' at r->at. */
static struct span
read_value(struct reader *r)
{
	struct span s = r->s;
	size_t from = r->at;

	if (from < s.n && (s.p[from] == '"' || s.p[from] == '\'')) {
		bool *none = &r->no_quote[s.p[from] == '\''];
		size_t end = *none ? s.n : span_find(s, from + 1, s.p[from]);
		if (end < s.n) {
			r->at = end + 1;
			return span_sub(s, from + 1, end);
		}
		*none = true;
	}
	while (r->at < s.n && !is_space(s.p[r->at]) && s.p[r->at] != '>')
		r->at++;
	return span_sub(s, from, r->at);
}

static void
read_attributes(struct reader *r, struct tag *tag)
{
	struct span s = r->s;

	while (r->at < s.n && s.p[r->at] != '>') {
		size_t from = r->at;
		while (r->at < s.n && !is_space(s.p[r->at]) && s.p[r->at] != '=' &&
		       s.p[r->at] != '>')
			r->at++;
		struct span name = span_sub(s, from, r->at);
		while (r->at < s.n && is_space(s.p[r->at]))
			r->at++;
		if (r->at >= s.n || s.p[r->at] != '=')
			continue;
		for (r->at++; r->at < s.n && is_space(s.p[r->at]); r->at++)
			;
		struct span value = read_value(r);
		if (span_iis(name, "href"))
			tag->href = value;
		else if (span_iis(name, "alt"))
			tag->alt = value;
	}
	r->at += r->at < s.n;
}

/* To what follows the next needle, or to the end. */
static void
skip_behind(struct reader *r, const char *needle)
{
	size_t n = strlen(needle);
	const char *p = memmem(r->s.p + r->at, r->s.n - r->at, needle, n);

	r->at = p ? (size_t)(p - r->s.p) + n : r->s.n;
}

/* The content of <script>, <style>, <title>: to "</name", which is left to be read. */
static void
skip_raw(struct reader *r, struct span name)
{
	while ((r->at = span_find(r->s, r->at, '<')) < r->s.n) {
		struct span here = span_sub(r->s, r->at + 1, r->at + 2 + name.n);
		if (here.n == name.n + 1 && here.p[0] == '/' &&
		    span_ieq(span_sub(here, 1, here.n), name))
			return;
		r->at++;
	}
}

static bool
is_one_of(struct span name, const char *list)
{
	struct span rest = span_str(list), word;

	while (span_cut(&rest, ' ', &word)) {
		if (span_ieq(name, word))
			return true;
	}
	return false;
}

static void
put_link_end(struct writer *w)
{
	struct span href = span_trim(w->href);
	struct span text = span_sub(buf_span(&w->text), w->link_at, w->text.len);

	w->href = SPAN("");
	if (span_istarts(href, "mailto:"))
		href = span_sub(href, 7, href.n);
	else if (!span_istarts(href, "http:") && !span_istarts(href, "https:"))
		return;
	if (href.n == 0 || href.n > LINK_MAX || span_ieq(span_trim(text), href))
		return;
	w->space = w->text.len > w->link_at || w->space;
	put_byte(w, '<');
	put_html_text(w, href);
	put_byte(w, '>');
}

static void
start_list_item(struct writer *w)
{
	unsigned depth =
		w->lists < ARRAY_LEN(w->numbers) ? w->lists : ARRAY_LEN(w->numbers);

	break_lines(w, 1);
	pay(w);
	for (unsigned i = 1; i < depth; i++)
		buf_add_str(&w->text, "  ");
	unsigned *number = depth > 0 ? &w->numbers[depth - 1] : NULL;
	if (number && *number > 0) {
		char text[16];
		int n = snprintf(text, sizeof(text), "%u.", (*number)++);
		put_text(w, span_of(text, (size_t)n));
	} else {
		put_byte(w, '-');
	}
	w->space = true;
}

static void
change_list(struct writer *w, const struct tag *tag)
{
	unsigned around = tag->is_end && w->lists > 0 ? w->lists - 1 : w->lists;

	/* A list in a list stands close to it. */
	break_lines(w, around > 0 ? 1 : 2);
	if (tag->is_end) {
		w->lists = around;
		return;
	}
	if (w->lists < ARRAY_LEN(w->numbers))
		w->numbers[w->lists] = span_iis(tag->name, "ol");
	w->lists++;
}

static void
on_tag(struct writer *w, const struct tag *tag)
{
	struct span name = tag->name;

	if (span_iis(name, "br")) {
		w->breaks = w->breaks < 2 ? w->breaks + 1 : 2;
		w->space = false;
	} else if (span_iis(name, "a")) {
		if (w->href.n > 0)
			put_link_end(w);
		if (!tag->is_end && tag->href.n > 0) {
			w->href = tag->href;
			w->link_at = w->text.len;
		}
	} else if (span_iis(name, "li")) {
		if (!tag->is_end)
			start_list_item(w);
	} else if (is_one_of(name, "ul ol")) {
		change_list(w, tag);
	} else if (span_iis(name, "blockquote")) {
		break_lines(w, 2);
		if (!tag->is_end)
			w->quote++;
		else
			w->quote -= w->quote > 0;
	} else if (span_iis(name, "pre")) {
		break_lines(w, 2);
		if (!tag->is_end)
			w->pre++;
		else
			w->pre -= w->pre > 0;
	} else if (span_iis(name, "hr")) {
		break_lines(w, 1);
		put_text(w, SPAN("----"));
		break_lines(w, 1);
	} else if (span_iis(name, "img")) {
		put_html_text(w, tag->alt);
	} else if (is_one_of(name, "p h1 h2 h3 h4 h5 h6 table dl figure")) {
		break_lines(w, 2);
	} else if (is_one_of(name, "div tr section article header footer address dt dd "
	                           "center form fieldset nav main aside caption")) {
		break_lines(w, 1);
	} else if (is_one_of(name, "td th")) {
		w->space = w->text.len > 0 && w->breaks == 0;
	}
}

/* A '<' at r->at: a tag, a comment, or only a character. */
static void
read_markup(struct reader *r)
{
	struct span s = r->s;
	size_t from = r->at + 1;

	if (span_starts(span_sub(s, r->at, s.n), "<!--")) {
		r->at += 4;
		skip_behind(r, "-->");
		return;
	}
	if (from < s.n && (s.p[from] == '!' || s.p[from] == '?')) {
		skip_behind(r, ">");
		return;
	}
	struct tag tag = { .is_end = from < s.n && s.p[from] == '/' };
	from += tag.is_end;
	if (from >= s.n || !((s.p[from] | 0x20) >= 'a' && (s.p[from] | 0x20) <= 'z')) {
		put_byte(&r->w, '<');
		r->at++;
		return;
	}
	for (r->at = from; r->at < s.n && !is_space(s.p[r->at]) && s.p[r->at] != '>' &&
	                   s.p[r->at] != '/';)
		r->at++;
	tag.name = span_sub(s, from, r->at);
	read_attributes(r, &tag);
	if (!tag.is_end && is_one_of(tag.name, "script style title"))
		skip_raw(r, tag.name);
	else
		on_tag(&r->w, &tag);
}

void
html_to_text(struct span html, struct buf *out)
{
	struct reader r = { .s = html, .w = { .href = SPAN("") } };

	while (r.at < html.n) {
		size_t end = span_find(html, r.at, '<');
		put_html_text(&r.w, span_sub(html, r.at, end));
		r.at = end;
		if (end < html.n)
			read_markup(&r);
	}
	if (r.w.href.n > 0)
		put_link_end(&r.w);
	if (r.w.text.len > 0)
		buf_add_char(&r.w.text, '\n');
	utf8_clean(buf_span(&r.w.text), out);
	buf_done(&r.w.text);
}

void
text_to_html(struct span text, struct buf *out)
{
	while (text.n > 0) {
		struct span line;
		bool has_end = span_find(text, 0, '\n') < text.n;
		span_cut(&text, '\n', &line);
		if (line.n > 0 && line.p[line.n - 1] == '\r')
			line.n--;
		AUTO_DONE(buf) struct buf clean = BUF_INIT(0);
		utf8_clean(line, &clean);
		buf_add_xml(out, buf_span(&clean));
		if (has_end)
			buf_add_str(out, "<br>\r\n");
	}
}
