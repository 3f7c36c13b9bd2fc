/* SPDX-License-Identifier: ISC
 *
 * vobj.c - the tree: looking up, changing, writing; texts and parameters.
 */
#include "format/vobj.h"

#include <strings.h>

#include "base/mem.h"

#define LINE_MAX_BYTES 75 /* RFC 5545 3.1, RFC 6350 3.2: without the line end */

struct vobj *
vobj_new(struct arena *a, const char *name)
{
	struct vobj *o = arena_new_of(a, struct vobj);
	char *upper = arena_strdup(a, name);

	for (char *p = upper; *p; p++) {
		if (*p >= 'a' && *p <= 'z')
			*p = (char)(*p - 'a' + 'A');
	}
	o->name = upper;
	return o;
}

static struct vobj_prop *
copy_prop(const struct vobj_prop *p, struct arena *a)
{
	struct vobj_prop *q = arena_new_of(a, struct vobj_prop);
	struct vobj_param **tail = &q->params;

	*q = *p;
	q->next = NULL;
	for (const struct vobj_param *i = p->params; i; i = i->next) {
		*tail = arena_new_of(a, struct vobj_param);
		**tail = *i;
		(*tail)->next = NULL;
		tail = &(*tail)->next;
	}
	return q;
}

struct vobj_prop *
vobj_prop_copy(const struct vobj_prop *p, struct arena *a)
{
	return copy_prop(p, a);
}

struct vobj *
vobj_copy(const struct vobj *o, struct arena *a)
{
	struct vobj *c = arena_new_of(a, struct vobj);
	struct vobj_prop **prop_tail = &c->props;
	struct vobj **child_tail = &c->first;

	c->name = o->name;
	for (const struct vobj_prop *p = o->props; p; p = p->next) {
		*prop_tail = copy_prop(p, a);
		prop_tail = &(*prop_tail)->next;
	}
	/* As deep as vobj_parse() lets trees become. */
	for (const struct vobj *i = o->first; i; i = i->next) {
		*child_tail = vobj_copy(i, a);
		child_tail = &(*child_tail)->next;
	}
	return c;
}

void
vobj_add_child(struct vobj *o, struct vobj *child)
{
	struct vobj **tail = &o->first;

	while (*tail)
		tail = &(*tail)->next;
	*tail = child;
}

void
vobj_remove_child(struct vobj *o, struct vobj *child)
{
	for (struct vobj **p = &o->first; *p; p = &(*p)->next) {
		if (*p == child) {
			*p = child->next;
			return;
		}
	}
}

static struct vobj *
child_from(struct vobj *c, const char *name)
{
	while (c && strcmp(c->name, name) != 0)
		c = c->next;
	return c;
}

struct vobj *
vobj_child(const struct vobj *o, const char *name)
{
	return child_from(o->first, name);
}

struct vobj *
vobj_next_child(const struct vobj *c, const char *name)
{
	return child_from(c->next, name);
}

bool
vobj_prop_is(const struct vobj_prop *p, const char *name)
{
	return strcasecmp(p->name, name) == 0;
}

static struct vobj_prop *
prop_from(struct vobj_prop *p, const char *name)
{
	while (p && !vobj_prop_is(p, name))
		p = p->next;
	return p;
}

struct vobj_prop *
vobj_find(const struct vobj *o, const char *name)
{
	return prop_from(o->props, name);
}

struct vobj_prop *
vobj_find_next(const struct vobj_prop *p, const char *name)
{
	return prop_from(p->next, name);
}

void
vobj_append(struct vobj *o, struct vobj_prop *p)
{
	struct vobj_prop **tail = &o->props;

	while (*tail)
		tail = &(*tail)->next;
	p->next = NULL;
	*tail = p;
}

struct vobj_prop *
vobj_add(struct vobj *o, struct arena *a, const char *name, struct span value)
{
	struct vobj_prop *p = arena_new_of(a, struct vobj_prop);

	p->name = arena_strdup(a, name);
	p->value = arena_span(a, value);
	vobj_append(o, p);
	return p;
}

struct vobj_prop *
vobj_add_text(struct vobj *o, struct arena *a, const char *name, const char *text)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);

	vobj_escape(text, &b);
	return vobj_add(o, a, name, buf_span(&b));
}

void
vobj_remove(struct vobj *o, struct vobj_prop *gone)
{
	for (struct vobj_prop **p = &o->props; *p; p = &(*p)->next) {
		if (*p == gone) {
			*p = gone->next;
			return;
		}
	}
}

void
vobj_remove_all(struct vobj *o, const char *name)
{
	struct vobj_prop **p = &o->props;

	while (*p) {
		if (vobj_prop_is(*p, name))
			*p = (*p)->next;
		else
			p = &(*p)->next;
	}
}

/* Parameters */

/* The next of the comma-separated values, quotes taken off; false at the end. */
static bool
next_value(struct span *rest, struct span *ret)
{
	size_t i = 0;

	if (!rest->p)
		return false;
	if (rest->n > 0 && rest->p[0] == '"') {
		size_t close = span_find(*rest, 1, '"');
		*ret = span_sub(*rest, 1, close);
		i = close < rest->n ? close + 1 : close;
		i = span_find(*rest, i, ',');
	} else {
		i = span_find(*rest, 0, ',');
		*ret = span_sub(*rest, 0, i);
	}
	*rest = i < rest->n ? span_sub(*rest, i + 1, rest->n) : (struct span){ NULL, 0 };
	return true;
}

/* RFC 6868 3.2 */
static void
add_uncareted(struct span s, struct buf *out)
{
	for (size_t i = 0; i < s.n; i++) {
		char next = i + 1 < s.n ? s.p[i + 1] : '\0';
		if (s.p[i] != '^' || (next != 'n' && next != '^' && next != '\'')) {
			buf_add_char(out, s.p[i]);
			continue;
		}
		buf_add_char(out, next == 'n' ? '\n' : next == '^' ? '^' : '"');
		i++;
	}
}

const char *
vobj_param(const struct vobj_prop *p, const char *name, struct arena *a)
{
	for (const struct vobj_param *i = p->params; i; i = i->next) {
		if (!i->raw || strcasecmp(i->name, name) != 0)
			continue;
		AUTO_DONE(buf) struct buf b = BUF_INIT(0);
		struct span rest = span_str(i->raw), v;
		for (bool is_first = true; next_value(&rest, &v); is_first = false) {
			if (!is_first)
				buf_add_char(&b, ',');
			add_uncareted(v, &b);
		}
		return arena_strndup(a, buf_span(&b));
	}
	return NULL;
}

bool
vobj_param_has(const struct vobj_prop *p, const char *name, const char *value)
{
	for (const struct vobj_param *i = p->params; i; i = i->next) {
		if (!i->raw || strcasecmp(i->name, name) != 0)
			continue;
		struct span rest = span_str(i->raw), v, w;
		while (next_value(&rest, &v)) {
			/* TYPE="home,work" of RFC 6350 is a list as well. */
			while (span_cut(&v, ',', &w)) {
				if (span_iis(span_trim(w), value))
					return true;
			}
		}
	}
	return false;
}

static void
add_param_value(const char *value, struct buf *out)
{
	bool is_quoted = value[strcspn(value, ",;:")] != '\0';

	if (is_quoted)
		buf_add_char(out, '"');
	for (const char *c = value; *c; c++) {
		if (*c == '"')
			buf_add_str(out, "^'");
		else if (*c == '\n')
			buf_add_str(out, "^n");
		else if (*c == '^')
			buf_add_str(out, "^^");
		else if ((uint8_t)*c >= 0x20 || *c == '\t')
			buf_add_char(out, *c);
	}
	if (is_quoted)
		buf_add_char(out, '"');
}

void
vobj_param_set(struct vobj_prop *p, struct arena *a, const char *name, const char *value)
{
	struct vobj_param **at = &p->params, **place = NULL;

	while (*at) {
		if (strcasecmp((*at)->name, name) != 0) {
			at = &(*at)->next;
		} else if (value && !place) {
			place = at;
			at = &(*at)->next;
		} else {
			*at = (*at)->next;
		}
	}
	if (!value)
		return;
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);
	add_param_value(value, &b);
	if (!place) {
		place = at;
		*place = arena_new_of(a, struct vobj_param);
		(*place)->name = arena_strdup(a, name);
	}
	(*place)->raw = arena_strndup(a, buf_span(&b));
}

/* Texts */

static void
add_unescaped(struct span s, struct buf *out)
{
	for (size_t i = 0; i < s.n; i++) {
		char next = i + 1 < s.n ? s.p[i + 1] : '\0';
		if (s.p[i] != '\\' || !next || !strchr("nN\\,;:", next)) {
			buf_add_char(out, s.p[i]);
			continue;
		}
		buf_add_char(out, next == 'n' || next == 'N' ? '\n' : next);
		i++;
	}
}

static const char *
unescape(struct span s, struct arena *a)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);

	add_unescaped(s, &b);
	return arena_strndup(a, buf_span(&b));
}

const char *
vobj_text(const struct vobj_prop *p, struct arena *a)
{
	return unescape(p->value, a);
}

/* End of the component at i. */
static size_t
part_end(struct span s, char sep, size_t i)
{
	while (i < s.n && s.p[i] != sep)
		i += s.p[i] == '\\' && i + 1 < s.n ? 2 : 1;
	return i;
}

const char *
vobj_text_part(struct span value, char sep, size_t n, struct arena *a)
{
	size_t from = 0;

	for (size_t i = part_end(value, sep, 0);; i = part_end(value, sep, from)) {
		if (n-- == 0)
			return unescape(span_sub(value, from, i), a);
		if (i >= value.n)
			return "";
		from = i + 1;
	}
}

size_t
vobj_text_parts(struct span value, char sep)
{
	size_t n = 1;

	for (size_t i = part_end(value, sep, 0); i < value.n;
	     i = part_end(value, sep, i + 1))
		n++;
	return n;
}

void
vobj_escape(const char *text, struct buf *out)
{
	for (const char *c = text; *c; c++) {
		if (*c == '\n' || (*c == '\r' && c[1] != '\n'))
			buf_add_str(out, "\\n");
		else if (*c == '\\' || *c == ';' || *c == ',')
			buf_addf(out, "\\%c", *c);
		else if ((uint8_t)*c >= 0x20 || *c == '\t')
			buf_add_char(out, *c);
	}
}

/* Writing */

/* Folds the line that was put together behind at; it has no line ends in it. */
static void
fold(struct span line, struct buf *out)
{
	size_t room = LINE_MAX_BYTES;

	while (line.n > room) {
		size_t n = room;
		while (n > 1 && ((uint8_t)line.p[n] & 0xc0) == 0x80)
			n--;
		buf_add(out, line.p, n);
		buf_add_str(out, "\r\n ");
		line = span_sub(line, n, line.n);
		room = LINE_MAX_BYTES - 1;
	}
	buf_add_span(out, line);
	buf_add_str(out, "\r\n");
}

void
vobj_write_prop(const struct vobj_prop *p, struct buf *out)
{
	AUTO_DONE(buf) struct buf line = BUF_INIT(0);

	if (p->group)
		buf_addf(&line, "%s.", p->group);
	buf_add_str(&line, p->name);
	for (const struct vobj_param *i = p->params; i; i = i->next) {
		buf_addf(&line, ";%s", i->name);
		if (i->raw)
			buf_addf(&line, "=%s", i->raw);
	}
	buf_add_char(&line, ':');
	size_t from = 0, i = 0;
	for (; i < p->value.n; i++) {
		if (p->value.p[i] != '\n' && p->value.p[i] != '\r')
			continue;
		buf_add_span(&line, span_sub(p->value, from, i));
		buf_add_str(&line, p->value.p[i] == '\n' ? "\\n" : "");
		from = i + 1;
	}
	buf_add_span(&line, span_sub(p->value, from, i));
	fold(buf_span(&line), out);
}

void
vobj_write(const struct vobj *o, struct buf *out)
{
	buf_addf(out, "BEGIN:%s\r\n", o->name);
	for (const struct vobj_prop *p = o->props; p; p = p->next)
		vobj_write_prop(p, out);
	for (const struct vobj *c = o->first; c; c = c->next)
		vobj_write(c, out);
	buf_addf(out, "END:%s\r\n", o->name);
}
