/* SPDX-License-Identifier: ISC
 *
 * wbxml_write.c - the streaming writer [MS-ASWBXML, WAP-192-WBXML].
 *
 * A start tag is written without the content bit; the bit is set when content follows, so
 * that an element without any becomes the short form.
 */
#include <assert.h>

#include "format/utf8_clean.h"
#include "format/wbxml_private.h"

void
wbxml_writer_init(struct wbxml_writer *w, struct buf *out)
{
	*w = (struct wbxml_writer){ .out = out };
}

static void
add_mb_u32(struct buf *out, uint32_t v)
{
	for (int shift = 28; shift > 0; shift -= 7) {
		if (v >> shift)
			buf_add_char(out, (char)(0x80 | (v >> shift & 0x7f)));
	}
	buf_add_char(out, (char)(v & 0x7f));
}

/* The open element gets content: its start tag must say so. */
static void
mark_content(struct wbxml_writer *w)
{
	if (w->tag_open && buf_ok(w->out))
		w->out->p[w->tag_at] |= WBXML_CONTENT;
	w->tag_open = false;
}

static void
add_tag(struct wbxml_writer *w, wbxml_tag tag)
{
	uint8_t page = (uint8_t)(tag >> 8);

	assert((tag & 0xff) >= 0x05 && (tag & 0xff) < 0x40);
	if (!w->started) {
		assert(w->depth == 0);
		buf_add(w->out, "\x03\x01\x6a\x00", 4);
		w->started = true;
	} else {
		assert(w->depth > 0); /* one root */
		mark_content(w);
	}
	if (page != w->page) {
		buf_add_char(w->out, WBXML_SWITCH_PAGE);
		buf_add_char(w->out, (char)page);
		w->page = page;
	}
	w->tag_at = buf_len(w->out);
	buf_add_char(w->out, (char)(tag & 0x3f));
}

void
wbxml_start(struct wbxml_writer *w, wbxml_tag tag)
{
	add_tag(w, tag);
	w->tag_open = true;
	w->depth++;
}

void
wbxml_end(struct wbxml_writer *w)
{
	assert(w->depth > 0);
	if (!w->tag_open)
		buf_add_char(w->out, WBXML_END);
	w->tag_open = false;
	w->depth--;
}

void
wbxml_empty(struct wbxml_writer *w, wbxml_tag tag)
{
	wbxml_start(w, tag);
	wbxml_end(w);
}

void
wbxml_content(struct wbxml_writer *w, struct span text)
{
	assert(w->depth > 0);
	if (text.n == 0)
		return;
	mark_content(w);
	buf_add_char(w->out, WBXML_STR_I);
	utf8_clean(text, w->out);
	buf_add_char(w->out, '\0');
}

void
wbxml_opaque(struct wbxml_writer *w, struct span bytes)
{
	assert(w->depth > 0);
	if (bytes.n > UINT32_MAX) {
		w->out->failed = true;
		return;
	}
	mark_content(w);
	buf_add_char(w->out, (char)WBXML_OPAQUE);
	add_mb_u32(w->out, (uint32_t)bytes.n);
	buf_add_span(w->out, bytes);
}

void
wbxml_text(struct wbxml_writer *w, wbxml_tag tag, struct span text)
{
	wbxml_start(w, tag);
	if (text.n > 0 && wbxml_tag_is_opaque(tag))
		wbxml_opaque(w, text);
	else
		wbxml_content(w, text);
	wbxml_end(w);
}

void
wbxml_str(struct wbxml_writer *w, wbxml_tag tag, const char *text)
{
	wbxml_text(w, tag, span_str(text));
}

void
wbxml_u64(struct wbxml_writer *w, wbxml_tag tag, uint64_t v)
{
	char digits[20];
	size_t at = sizeof(digits);

	do {
		digits[--at] = (char)('0' + v % 10);
		v /= 10;
	} while (v > 0);
	wbxml_text(w, tag, span_of(digits + at, sizeof(digits) - at));
}

bool
wbxml_writer_ok(const struct wbxml_writer *w)
{
	return w->started && w->depth == 0 && buf_ok(w->out);
}

struct wbxml_mark
wbxml_mark(const struct wbxml_writer *w)
{
	return (struct wbxml_mark){ .len = buf_len(w->out), .w = *w };
}

void
wbxml_rewind(struct wbxml_writer *w, struct wbxml_mark m)
{
	/* A buffer that met its limit keeps its error: what it holds is cut anywhere. */
	if (buf_len(w->out) > m.len)
		buf_truncate(w->out, m.len);
	/* The start tag that was open at the mark has no content again. */
	if (m.w.tag_open && m.w.tag_at < buf_len(w->out))
		w->out->p[m.w.tag_at] &= (char)~WBXML_CONTENT;
	*w = m.w;
}
