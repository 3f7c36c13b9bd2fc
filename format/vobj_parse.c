/* SPDX-License-Identifier: ISC
 *
 * vobj_parse.c - content lines to a tree: RFC 5545 3.1, RFC 6350 3.2-3.3, and vCard 2.1
 * (Versit 2.1.1-2.1.3) with what phones make of it.
 */
#include "format/vobj.h"

#include "format/charset.h"

#define BYTES_MAX (20u << 20)
#define PROPS_MAX 50000
#define PARAMS_MAX 100
#define OBJS_MAX 20000
#define DEPTH_MAX 8
#define DEPTH_HARD_MAX 32

struct frame {
	struct vobj *obj;
	struct vobj_prop *last_prop;
	struct vobj *last_child;
	bool is_old; /* vCard 2.1, vCalendar 1.0, vNote */
};

struct reader {
	struct span text;
	size_t at; /* next physical line */
	struct vobj_limits limits;
	struct arena *a;
	struct buf line;    /* the logical line that is being read */
	struct buf decoded; /* of a value */
	struct buf stray;   /* lines that still belong to the last property */
	struct frame stack[DEPTH_HARD_MAX + 1]; /* [0]: outside of all */
	unsigned depth;
	size_t n_props, n_objs;
	struct vobj *roots;
};

/* A line cut into its parts; spans show the logical line. */
struct parts {
	struct span group;
	struct span name;
	struct vobj_param *params;
	struct span value;
};

static bool
is_name_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') || c == '-' || c == '_';
}

static bool
is_token(struct span s)
{
	for (size_t i = 0; i < s.n; i++) {
		if (!is_name_char(s.p[i]))
			return false;
	}
	return s.n > 0;
}

/* The physical line at r->at without its end; false at the end of the text. */
static bool
next_physical(struct reader *r, struct span *ret)
{
	size_t from = r->at, i = from;

	if (from >= r->text.n)
		return false;
	while (i < r->text.n && r->text.p[i] != '\n' && r->text.p[i] != '\r')
		i++;
	*ret = span_sub(r->text, from, i);
	/* CR CR LF too: text that was converted once too often. */
	while (i < r->text.n && r->text.p[i] == '\r')
		i++;
	if (i < r->text.n && r->text.p[i] == '\n')
		i++;
	r->at = i;
	return true;
}

static bool
is_folded_next(const struct reader *r)
{
	return r->at < r->text.n && (r->text.p[r->at] == ' ' || r->text.p[r->at] == '\t');
}

/*
 * The next logical line into r->line. In vCard 2.1 a line is broken at a space that
 * remains; base64, where that does no harm, is told apart later.
 */
static bool
next_logical(struct reader *r)
{
	struct span s;

	buf_clear(&r->line);
	if (!next_physical(r, &s))
		return false;
	buf_add_span(&r->line, s);
	while (is_folded_next(r) && next_physical(r, &s)) {
		bool is_old = r->stack[r->depth].is_old;
		buf_add_span(&r->line, span_sub(s, is_old ? 0 : 1, s.n));
	}
	return true;
}

/* End of a parameter value that begins at i: at ';' or ':' outside of quotes. */
static size_t
param_end(struct span line, size_t i)
{
	while (i < line.n && line.p[i] != ';' && line.p[i] != ':') {
		if (line.p[i] == '"') {
			const char *close = memchr(line.p + i + 1, '"', line.n - i - 1);
			if (close)
				i = (size_t)(close - line.p);
			else
				return span_find(line, i, ':');
		}
		i++;
	}
	return i;
}

static const char *
keep_raw(struct reader *r, struct span raw)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);

	if (utf8_is_valid(raw) && !memchr(raw.p, '\0', raw.n))
		return arena_strndup(r->a, raw);
	charset_to_utf8(span_str(""), raw, &b);
	size_t n = 0;
	for (size_t i = 0; i < b.len; i++) {
		if (b.p[i])
			b.p[n++] = b.p[i];
	}
	return arena_strndup(r->a, span_of(b.p, n));
}

static enum rc
cut_params(struct reader *r, struct span line, size_t *at, struct parts *ret)
{
	struct vobj_param **tail = &ret->params;
	size_t n = 0, i = *at;

	while (i < line.n && line.p[i] == ';') {
		size_t from = ++i;
		while (i < line.n && line.p[i] != '=' && line.p[i] != ';' &&
		       line.p[i] != ':')
			i++;
		struct span name = span_trim(span_sub(line, from, i));
		struct vobj_param *p = arena_new_of(r->a, struct vobj_param);
		if (i < line.n && line.p[i] == '=') {
			from = ++i;
			i = param_end(line, i);
			p->raw = keep_raw(r, span_trim(span_sub(line, from, i)));
		}
		if (!is_token(name))
			continue; /* nobody could write it again */
		if (++n > r->limits.params_max)
			return RC_TOO_BIG;
		p->name = arena_strndup(r->a, name);
		*tail = p;
		tail = &p->next;
	}
	*at = i;
	return RC_OK;
}

/* RC_NOT_FOUND: no content line. */
static enum rc
cut_line(struct reader *r, struct parts *ret)
{
	struct span line = buf_span(&r->line);
	size_t i = 0, dot = SIZE_MAX;

	*ret = (struct parts){ 0 };
	while (i < line.n && line.p[i] != ':' && line.p[i] != ';') {
		if (line.p[i] == '.')
			dot = i;
		i++;
	}
	if (i == line.n)
		return RC_NOT_FOUND;
	ret->name = span_trim(span_sub(line, dot == SIZE_MAX ? 0 : dot + 1, i));
	if (dot != SIZE_MAX)
		ret->group = span_trim(span_sub(line, 0, dot));
	if (!is_token(ret->name))
		return RC_NOT_FOUND;
	for (size_t k = 0; k < ret->group.n; k++) {
		if (!is_name_char(ret->group.p[k]) && ret->group.p[k] != '.')
			return RC_NOT_FOUND;
	}
	enum rc rc = cut_params(r, line, &i, ret);
	if (rc != RC_OK)
		return rc;
	if (i == line.n)
		return RC_NOT_FOUND;
	ret->value = span_sub(line, i + 1, line.n);
	return RC_OK;
}

static bool
param_is(const struct vobj_param *p, const char *name, const char *value)
{
	if (!p->raw)
		return span_iis(span_str(p->name), value);
	struct span raw = span_str(p->raw);
	if (raw.n >= 2 && raw.p[0] == '"' && raw.p[raw.n - 1] == '"')
		raw = span_sub(raw, 1, raw.n - 1);
	return span_iis(span_str(p->name), name) && span_iis(raw, value);
}

static bool
has_encoding(const struct vobj_param *p, const char *value)
{
	for (; p; p = p->next) {
		if (param_is(p, "ENCODING", value))
			return true;
	}
	return false;
}

static bool
is_base64(const struct vobj_param *p)
{
	return has_encoding(p, "BASE64") || has_encoding(p, "B");
}

/* Soft line breaks of quoted-printable are not folding: the next line starts anew. */
static void
join_soft_breaks(struct reader *r)
{
	struct span s;

	while (r->line.len > 0 && r->line.p[r->line.len - 1] == '=' &&
	       next_physical(r, &s)) {
		buf_truncate(&r->line, r->line.len - 1);
		buf_add_span(&r->line, s);
		/* White space behind the '=' would be ignored as RFC 2045 6.7 says. */
		while (r->line.len > 0 && (r->line.p[r->line.len - 1] == ' ' ||
		                           r->line.p[r->line.len - 1] == '\t'))
			buf_truncate(&r->line, r->line.len - 1);
	}
}

static int
hex_of(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

static void
quoted_printable(struct span s, struct buf *out)
{
	for (size_t i = 0; i < s.n; i++) {
		int high = s.p[i] == '=' && i + 2 < s.n ? hex_of(s.p[i + 1]) : -1;
		int low = high >= 0 ? hex_of(s.p[i + 2]) : -1;
		if (low < 0) {
			buf_add_char(out, s.p[i]);
			continue;
		}
		buf_add_char(out, (char)(high * 16 + low));
		i += 2;
	}
}

/* Takes the parameters out that have been obeyed; returns the charset or "". */
static struct span
take_charset(struct vobj_param **list)
{
	struct span charset = span_str("");

	while (*list) {
		struct vobj_param *p = *list;
		bool is_charset = p->raw && span_iis(span_str(p->name), "CHARSET");
		if (is_charset)
			charset = span_trim(span_str(p->raw));
		if (is_charset || param_is(p, "ENCODING", "QUOTED-PRINTABLE") ||
		    param_is(p, "ENCODING", "8BIT") || param_is(p, "ENCODING", "7BIT"))
			*list = p->next;
		else
			list = &p->next;
	}
	if (charset.n >= 2 && charset.p[0] == '"')
		charset = span_sub(charset, 1, charset.n - 1);
	return charset;
}

/*
 * Into the arena as UTF-8 without NUL. A line end (of quoted-printable) stays as LF in
 * the old formats, which have no escape for it, and is escaped in the others.
 */
static struct span
keep_value(struct reader *r, struct span charset, struct span value, bool is_old)
{
	struct buf clean = BUF_INIT(0);

	if (value.n == 0)
		return span_str("");
	if (utf8_is_valid(value) && !memchr(value.p, '\0', value.n) &&
	    !memchr(value.p, '\n', value.n) && !memchr(value.p, '\r', value.n) &&
	    (charset.n == 0 || span_iis(charset, "utf-8")))
		return arena_span(r->a, value);
	buf_clear(&r->decoded);
	charset_to_utf8(charset, value, &r->decoded);
	struct span s = buf_span(&r->decoded);
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];
		if (c == '\0' || (c == '\r' && i + 1 < s.n && s.p[i + 1] == '\n'))
			continue;
		if (c != '\n' && c != '\r')
			buf_add_char(&clean, c);
		else
			buf_add_str(&clean, is_old ? "\n" : "\\n");
	}
	s = arena_span(r->a, buf_span(&clean));
	buf_done(&clean);
	return s;
}

static struct span
keep_base64(struct reader *r, struct span value)
{
	char *p = arena_strndup(r->a, value);
	size_t n = 0;

	for (size_t i = 0; i < value.n; i++) {
		if (value.p[i] != ' ' && value.p[i] != '\t' && value.p[i] != '\0' &&
		    !((uint8_t)value.p[i] & 0x80))
			p[n++] = value.p[i];
	}
	p[n] = '\0';
	return span_of(p, n);
}

static bool
is_base64_line(struct span s)
{
	for (size_t i = 0; i < s.n; i++) {
		if (!is_name_char(s.p[i]) && s.p[i] != '+' && s.p[i] != '/' &&
		    s.p[i] != '=')
			return false;
	}
	return s.n > 0;
}

/* Lines of base64 that a phone did not indent. */
static void
join_base64(struct reader *r)
{
	struct span s;

	for (;;) {
		size_t at = r->at;
		if (!next_physical(r, &s))
			return;
		if (!is_base64_line(s)) {
			r->at = at;
			return;
		}
		buf_add_span(&r->line, s);
	}
}

static enum rc
add_prop(struct reader *r, struct parts *parts)
{
	struct frame *f = &r->stack[r->depth];
	struct vobj_prop *p = arena_new_of(r->a, struct vobj_prop);

	if (++r->n_props > r->limits.props_max)
		return RC_TOO_BIG;
	if (parts->group.n > 0)
		p->group = arena_strndup(r->a, parts->group);
	p->name = arena_strndup(r->a, parts->name);
	p->params = parts->params;
	size_t head = r->line.len - parts->value.n;
	if (has_encoding(p->params, "QUOTED-PRINTABLE")) {
		struct buf bytes = BUF_INIT(0);
		join_soft_breaks(r);
		quoted_printable(span_sub(buf_span(&r->line), head, r->line.len), &bytes);
		struct span charset = take_charset(&p->params);
		p->value = keep_value(r, charset, buf_span(&bytes), f->is_old);
		buf_done(&bytes);
	} else if (is_base64(p->params)) {
		join_base64(r);
		take_charset(&p->params);
		p->value =
			keep_base64(r, span_sub(buf_span(&r->line), head, r->line.len));
	} else {
		struct span charset = take_charset(&p->params);
		p->value = keep_value(r, charset, parts->value, f->is_old);
	}
	if (f->last_prop)
		f->last_prop->next = p;
	else
		f->obj->props = p;
	f->last_prop = p;
	return RC_OK;
}

/* A line that is none belongs to the text before it: a line end that was not escaped. */
static void
note_stray(struct reader *r)
{
	struct frame *f = &r->stack[r->depth];
	struct span line = buf_span(&r->line);

	if (!f->last_prop || span_trim(line).n == 0 || is_base64(f->last_prop->params))
		return;
	buf_add_str(&r->stray, f->is_old ? "\n" : "\\n");
	if (utf8_is_valid(line) && !memchr(line.p, '\0', line.n))
		buf_add_span(&r->stray, line);
	else
		buf_add_span(&r->stray, keep_value(r, span_str(""), line, f->is_old));
}

static void
add_stray(struct reader *r)
{
	struct vobj_prop *p = r->stack[r->depth].last_prop;
	AUTO_DONE(buf) struct buf joined = BUF_INIT(0);

	if (r->stray.len == 0)
		return;
	buf_add_span(&joined, p->value);
	buf_move(&joined, &r->stray);
	p->value = arena_span(r->a, buf_span(&joined));
}

/* Looks for VERSION among the properties that follow, up to the next BEGIN or END. */
static bool
is_old_ahead(const struct reader *r, const char *name)
{
	struct reader look = { .text = r->text, .at = r->at };
	struct span s;

	if (strcmp(name, "VNOTE") == 0 || strcmp(name, "VMSG") == 0)
		return true;
	while (next_physical(&look, &s)) {
		if (span_istarts(s, "BEGIN:") || span_istarts(s, "END:"))
			return false;
		if (!span_istarts(s, "VERSION"))
			continue;
		size_t colon = span_find(s, 0, ':');
		struct span v = span_trim(span_sub(s, colon + 1, s.n));
		return span_is(v, "2.1") || span_is(v, "1.0");
	}
	return false;
}

static enum rc
begin(struct reader *r, struct span name)
{
	struct frame *outer = &r->stack[r->depth];

	if (r->depth >= r->limits.depth_max || ++r->n_objs > r->limits.objs_max)
		return RC_TOO_BIG;
	struct vobj *o = vobj_new(r->a, arena_strndup(r->a, name));
	if (outer->last_child)
		outer->last_child->next = o;
	else if (outer->obj)
		outer->obj->first = o;
	else
		r->roots = o;
	outer->last_child = o;
	r->stack[++r->depth] = (struct frame){
		.obj = o,
		.is_old = outer->is_old || is_old_ahead(r, o->name),
	};
	return RC_OK;
}

/* Ends the innermost object of that name and what was left open in it. */
static void
end(struct reader *r, struct span name)
{
	for (unsigned i = r->depth; i > 0; i--) {
		if (span_iis(name, r->stack[i].obj->name)) {
			r->depth = i - 1;
			return;
		}
	}
}

static enum rc
take_line(struct reader *r)
{
	struct parts parts;
	enum rc rc = cut_line(r, &parts);

	if (rc == RC_NOT_FOUND) {
		if (r->depth > 0)
			note_stray(r);
		return RC_OK;
	}
	if (rc != RC_OK)
		return rc;
	add_stray(r);
	struct span value = span_trim(parts.value);
	/* With a value that is no name they go: kept as a property, whose value is
	 * cleaned and decoded, it could end an object when it is written. */
	if (span_iis(parts.name, "BEGIN"))
		return is_token(value) ? begin(r, value) : RC_OK;
	if (span_iis(parts.name, "END")) {
		if (is_token(value))
			end(r, value);
		return RC_OK;
	}
	return r->depth > 0 ? add_prop(r, &parts) : RC_OK;
}

static struct span
without_bom(struct span text, struct buf *utf8)
{
	if (text.n >= 2 && ((text.p[0] == '\xff' && text.p[1] == '\xfe') ||
	                    (text.p[0] == '\xfe' && text.p[1] == '\xff'))) {
		charset_to_utf8(SPAN("utf-16"), text, utf8);
		text = buf_span(utf8);
	}
	if (span_starts(text, "\xef\xbb\xbf"))
		text = span_sub(text, 3, text.n);
	return text;
}

static void
set_limits(struct vobj_limits *l, const struct vobj_limits *given)
{
	if (given)
		*l = *given;
	l->bytes_max = l->bytes_max ? l->bytes_max : BYTES_MAX;
	l->props_max = l->props_max ? l->props_max : PROPS_MAX;
	l->params_max = l->params_max ? l->params_max : PARAMS_MAX;
	l->objs_max = l->objs_max ? l->objs_max : OBJS_MAX;
	l->depth_max = l->depth_max ? l->depth_max : DEPTH_MAX;
	if (l->depth_max > DEPTH_HARD_MAX)
		l->depth_max = DEPTH_HARD_MAX;
}

enum rc
vobj_parse(struct span text, const struct vobj_limits *limits, struct arena *a,
           struct vobj **ret)
{
	struct reader r = { .a = a };
	AUTO_DONE(buf) struct buf utf8 = BUF_INIT(0);
	enum rc rc = RC_OK;

	set_limits(&r.limits, limits);
	if (text.n > r.limits.bytes_max)
		return RC_TOO_BIG;
	r.text = without_bom(text, &utf8);
	while (rc == RC_OK && next_logical(&r))
		rc = take_line(&r);
	add_stray(&r);
	buf_done(&r.line);
	buf_done(&r.decoded);
	buf_done(&r.stray);
	if (rc == RC_OK && !r.roots)
		rc = RC_INVALID;
	if (rc == RC_OK)
		*ret = r.roots;
	return rc;
}
