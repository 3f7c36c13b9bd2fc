/* SPDX-License-Identifier: ISC
 *
 * eas_pim.c - what contacts, events, tasks and notes share on the wire.
 */
#include "activesync/eas_pim.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/encode.h"
#include "format/utf8_clean.h"

#define LIST_MAX 300
#define ITEM_MAX (64 << 20)
#define PLAIN_DEFAULT 32768

static bool
is_supported(const struct eas_cursor *cur, wbxml_tag tag)
{
	for (size_t i = 0; i < cur->n_supported; i++) {
		if (cur->supported[i] == tag)
			return true;
	}
	return false;
}

enum eas_take
eas_take(const struct eas_edit_request *q, wbxml_tag tag, const struct wbxml_node **ret)
{
	const struct wbxml_node *n = wbxml_child(q->data, tag);

	*ret = n;
	if (n)
		return n->text.n > 0 || n->first ? EAS_TAKE_SET : EAS_TAKE_CLEAR;
	if (!q->old)
		return EAS_TAKE_KEEP;
	if (q->c->query.version >= 160 || is_supported(q->cursor, tag))
		return EAS_TAKE_CLEAR;
	return EAS_TAKE_KEEP;
}

const char *
eas_text_of(const struct wbxml_node *n, struct arena *a)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);

	utf8_clean(n->text, &b);
	return buf_len(&b) > 0 ? arena_strndup(a, buf_span(&b)) : NULL;
}

void
eas_take_texts(const struct eas_edit_request *q, const struct eas_text_field *f, size_t n,
               void *object)
{
	for (size_t i = 0; i < n; i++) {
		const char **at = (const char **)((char *)object + f[i].at);
		const struct wbxml_node *node;

		switch (eas_take(q, f[i].tag, &node)) {
		case EAS_TAKE_KEEP:
			break;
		case EAS_TAKE_CLEAR:
			*at = NULL;
			break;
		case EAS_TAKE_SET:
			*at = eas_text_of(node, q->c->arena);
			break;
		}
	}
}

void
eas_write_texts(const struct eas_text_field *f, size_t n, const void *object,
                struct wbxml_writer *w)
{
	for (size_t i = 0; i < n; i++) {
		const char *text = *(const char *const *)((const char *)object + f[i].at);

		if (text && *text)
			wbxml_str(w, f[i].tag, text);
	}
}

enum rc
eas_take_list(const struct eas_edit_request *q, wbxml_tag tag, wbxml_tag child,
              pim_strings *list)
{
	const struct wbxml_node *node;
	enum eas_take take = eas_take(q, tag, &node);
	const char **strings;
	size_t n = 0;

	if (take == EAS_TAKE_KEEP)
		return RC_OK;
	*list = NULL;
	if (take == EAS_TAKE_CLEAR)
		return RC_OK;
	strings = arena_array(q->c->arena, LIST_MAX + 1, const char *);
	for (const struct wbxml_node *i = wbxml_child(node, child); i;
	     i = wbxml_next(i, child)) {
		const char *text = eas_text_of(i, q->c->arena);

		if (n == LIST_MAX)
			return RC_INVALID;
		if (text)
			strings[n++] = text;
	}
	strings[n] = NULL;
	if (n > 0)
		*list = strings;
	return RC_OK;
}

void
eas_write_list(pim_strings list, wbxml_tag tag, wbxml_tag child, struct wbxml_writer *w)
{
	if (!list || !list[0])
		return;
	wbxml_start(w, tag);
	for (size_t i = 0; list[i] && i < LIST_MAX; i++)
		wbxml_str(w, child, list[i]);
	wbxml_end(w);
}

enum rc
eas_take_u32(const struct eas_edit_request *q, wbxml_tag tag, uint32_t max,
             uint32_t absent, uint32_t *value)
{
	const struct wbxml_node *node;

	switch (eas_take(q, tag, &node)) {
	case EAS_TAKE_KEEP:
		break;
	case EAS_TAKE_CLEAR:
		*value = absent;
		break;
	case EAS_TAKE_SET:
		return parse_u32(span_trim(node->text), max, value) == RC_OK ? RC_OK
		                                                             : RC_INVALID;
	}
	return RC_OK;
}

/* The next n digits of *s. */
static bool
take_digits(struct span *s, unsigned n, unsigned *ret)
{
	unsigned v = 0;

	if (s->n < n)
		return false;
	for (unsigned i = 0; i < n; i++) {
		if (s->p[i] < '0' || s->p[i] > '9')
			return false;
		v = v * 10 + (unsigned)(s->p[i] - '0');
	}
	*s = span_sub(*s, n, s->n);
	*ret = v;
	return true;
}

static void
skip(struct span *s, char c)
{
	if (s->n > 0 && s->p[0] == c)
		*s = span_sub(*s, 1, s->n);
}

static bool
parse_clock(struct span *s, struct civil *c)
{
	unsigned hour, minute, second;

	if (!take_digits(s, 2, &hour) || (skip(s, ':'), !take_digits(s, 2, &minute)) ||
	    (skip(s, ':'), !take_digits(s, 2, &second)) || hour > 23 || minute > 59 ||
	    second > 60)
		return false;
	c->hour = (uint8_t)hour;
	c->minute = (uint8_t)minute;
	c->second = (uint8_t)(second < 60 ? second : 59);
	if (s->n > 0 && s->p[0] == '.') { /* milliseconds count for nothing */
		size_t end = span_find(*s, 0, 'Z');
		*s = span_sub(*s, end, s->n);
	}
	return true;
}

enum rc
eas_time_parse(struct span s, int64_t *ret)
{
	struct civil c = { 0 };
	unsigned year, month, day;

	s = span_trim(s);
	if (!take_digits(&s, 4, &year) || (skip(&s, '-'), !take_digits(&s, 2, &month)) ||
	    (skip(&s, '-'), !take_digits(&s, 2, &day)) || year == 0 || month == 0 ||
	    month > 12 || day == 0 || day > 31)
		return RC_INVALID;
	c.year = (int16_t)year;
	c.month = (uint8_t)month;
	c.day = (uint8_t)day;
	if (s.n > 0 && (s.p[0] == 'T' || s.p[0] == ' ')) {
		s = span_sub(s, 1, s.n);
		if (!parse_clock(&s, &c))
			return RC_INVALID;
	}
	if (s.n > 0 && !span_is(s, "Z"))
		return RC_INVALID;
	*ret = civil_to_seconds(&c);
	return RC_OK;
}

const char *
eas_time_compact(int64_t utc, char ret[EAS_TIME_SIZE])
{
	struct civil c;

	civil_from_seconds(utc, &c);
	snprintf(ret, EAS_TIME_SIZE, "%04d%02u%02uT%02u%02u%02uZ", c.year, c.month, c.day,
	         c.hour, c.minute, c.second);
	return ret;
}

const char *
eas_time_iso(int64_t utc, char ret[EAS_TIME_SIZE])
{
	struct civil c;

	civil_from_seconds(utc, &c);
	snprintf(ret, EAS_TIME_SIZE, "%04d-%02u-%02uT%02u:%02u:%02u.000Z", c.year,
	         c.month, c.day, c.hour, c.minute, c.second);
	return ret;
}

enum rc
eas_take_time(const struct eas_edit_request *q, wbxml_tag tag, struct pim_time *t)
{
	const struct wbxml_node *node;
	int64_t utc;

	switch (eas_take(q, tag, &node)) {
	case EAS_TAKE_KEEP:
		break;
	case EAS_TAKE_CLEAR:
		*t = (struct pim_time){ .kind = PIM_TIME_NONE };
		break;
	case EAS_TAKE_SET:
		if (eas_time_parse(node->text, &utc) != RC_OK)
			return RC_INVALID;
		*t = pim_time_of(utc, NULL);
		break;
	}
	return RC_OK;
}

static const struct eas_body_pref *
pref_of(const struct eas_options *o, enum eas_body_type type)
{
	for (size_t i = 0; i < o->n_prefs; i++) {
		if (o->prefs[i].type == type)
			return &o->prefs[i];
	}
	return NULL;
}

/* The form that a device gets, and how much of it. */
static enum eas_body_type
choose(const struct eas_options *o, const struct pim_body *b, bool html,
       const struct eas_body_pref **ret)
{
	*ret = pref_of(o, EAS_BODY_HTML);
	if (html && *ret && (b->html || !pref_of(o, EAS_BODY_PLAIN)))
		return EAS_BODY_HTML;
	*ret = pref_of(o, EAS_BODY_PLAIN);
	return EAS_BODY_PLAIN;
}

static struct span
text_in(enum eas_body_type type, const struct pim_body *b, struct buf *made)
{
	if (!b->plain && !b->html)
		return SPAN("");
	if (type == EAS_BODY_PLAIN)
		return span_str(b->plain);
	if (b->html)
		return span_str(b->html);
	text_to_html(span_str(b->plain), made);
	return buf_span(made);
}

/* The same text but for line ends. */
static bool
is_same_text(const char *a, struct span b)
{
	size_t i = 0;

	for (; *a; a++) {
		while (i < b.n && b.p[i] == '\r')
			i++;
		if (*a != '\r' && (i == b.n || b.p[i++] != *a))
			return false;
	}
	return span_trim(span_sub(b, i, b.n)).n == 0;
}

/* Does the device give back what it was shown, maybe cut? Then all of it stays. */
static bool
is_shown(const struct eas_options *o, const struct pim_body *b, enum eas_body_type type,
         const char *text)
{
	AUTO_DONE(buf) struct buf made = BUF_INIT(0);
	const struct eas_body_pref *pref = pref_of(o, type);
	struct span now = text_in(type, b, &made);
	uint32_t cut = pref ? pref->truncation : PLAIN_DEFAULT;

	return is_same_text(text, now) || (cut != EAS_NO_TRUNCATION && now.n > cut &&
	                                   is_same_text(text, utf8_prefix(now, cut)));
}

enum rc
eas_take_body(const struct eas_edit_request *q, struct pim_body *b)
{
	const struct wbxml_node *node, *data, *once;
	uint32_t type;
	const char *text;

	/* MS-ASCMD 2.2.3.24: left out of a Change it stays, at every version. */
	node = wbxml_child(q->data, WBXML_AIRSYNCBASE_BODY);
	if (!node)
		return RC_OK;
	if (node->text.n == 0 && !node->first) {
		*b = (struct pim_body){ 0 };
		return RC_OK;
	}
	once = wbxml_child(node, WBXML_AIRSYNCBASE_TYPE);
	if (wbxml_child_u32(node, WBXML_AIRSYNCBASE_TYPE, 4, &type) != RC_OK ||
	    wbxml_next(once, WBXML_AIRSYNCBASE_TYPE))
		return RC_INVALID;
	data = wbxml_child(node, WBXML_AIRSYNCBASE_DATA);
	if (!data || type == EAS_BODY_RTF) /* RTF is not read: the old body stays */
		return RC_OK;
	text = eas_text_of(data, q->c->arena);
	if (!text)
		*b = (struct pim_body){ 0 };
	else if (q->old && is_shown(&q->cursor->options, b, type, text))
		return RC_OK;
	else if (type == EAS_BODY_HTML)
		pim_body_set_html(b, text, q->c->arena);
	else
		pim_body_set_plain(b, text);
	return RC_OK;
}

void
eas_write_body(const struct eas_options *o, const struct pim_body *b, bool html,
               uint16_t version, size_t limit, struct arena *a, struct wbxml_writer *w)
{
	AUTO_DONE(buf) struct buf made = BUF_INIT(0);
	const struct eas_body_pref *pref;
	struct eas_body out = { 0 };
	size_t want = PLAIN_DEFAULT;
	struct span text;

	out.type = choose(o, b, html, &pref);
	text = text_in(out.type, b, &made);
	if (pref)
		want = pref->truncation == EAS_NO_TRUNCATION ? SIZE_MAX
		                                             : pref->truncation;
	if (want > limit)
		want = limit;
	out.estimated = text.n;
	if (text.n > want) {
		out.truncated = true;
		text = pref && pref->all_or_none ? SPAN("") : utf8_prefix(text, want);
	}
	/* MS-ASCMD 2.2.3.24: a device keeps what it has where no Data is named. */
	out.has_data = text.n > 0 || out.estimated == 0;
	buf_add_span(&out.data, text);
	if (pref && pref->preview > 0 && version >= 140 && b->plain)
		out.preview =
			arena_span(a, utf8_prefix(span_str(b->plain), pref->preview));
	eas_body_write(w, &out, -1);
	eas_body_done(&out);
}

enum rc
eas_pim_load(struct store_tx *tx, const struct store_item *item, struct arena *a,
             struct span *ret)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(ITEM_MAX);
	enum rc rc = store_content_read(tx, item->content, 0, item->size, &b);

	if (rc == RC_OK && !buf_ok(&b))
		rc = RC_TOO_BIG;
	if (rc == RC_OK)
		*ret = arena_span(a, buf_span(&b));
	return rc;
}

struct span
eas_pim_object(const char *uid, struct arena *a)
{
	return store_object_name(uid, a);
}
