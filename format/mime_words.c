/* SPDX-License-Identifier: ISC
 *
 * mime_words.c - text in headers, as encoded words where it needs them: [RFC 2047].
 */
#include "base/encode.h"
#include "format/mime_text.h"

#define WORD_BYTES 42 /* of text in an encoded word of at most 75 characters */
#define LINE_MAX_PLAIN 900

bool
mime_words_is_plain(struct span s)
{
	for (size_t i = 0; i < s.n; i++) {
		if ((unsigned char)s.p[i] < ' ' || (unsigned char)s.p[i] > '~')
			return false;
	}
	return span_ifind(s, SPAN("=?")) == s.n;
}

/* Cut between characters. */
static void
add_words(struct buf *out, struct span s)
{
	for (bool first = true; s.n > 0; first = false) {
		struct span cut = utf8_prefix(s, WORD_BYTES);

		if (cut.n == 0)
			cut = span_sub(s, 0, WORD_BYTES);
		if (!first)
			buf_add_str(out, "\r\n ");
		buf_add_str(out, "=?UTF-8?B?");
		base64_encode(cut, out);
		buf_add_str(out, "?=");
		s = span_sub(s, cut.n, s.n);
	}
}

void
mime_words_write(struct span utf8, struct buf *out)
{
	AUTO_DONE(buf) struct buf clean = BUF_INIT(0);

	for (size_t i = 0; i < utf8.n; i++) /* a line end would begin another field */
		buf_add_char(&clean, (unsigned char)utf8.p[i] < ' ' ? ' ' : utf8.p[i]);
	utf8 = buf_span(&clean);
	if (mime_words_is_plain(utf8) && utf8.n < LINE_MAX_PLAIN)
		buf_add_span(out, utf8);
	else
		add_words(out, utf8);
}
