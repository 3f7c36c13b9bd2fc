/* SPDX-License-Identifier: ISC
 *
 * eas_body_part.c - what a message adds to its conversation: [MS-ASAIRS] 2.2.2.10,
 * [MS-ASCON] 2.2.2.2.
 *
 * Where the quoted part begins no standard tells: it is known by the marks that mail
 * programs set. Without one the whole body is the part.
 */
#include "activesync/eas_body.h"

#define PART_SOURCE_MAX ((size_t)1 << 20) /* a longer body is looked at so far */

/* Words of the element that begins the quotation, or of the line above it. */
static const char *const marks[] = {
	"<blockquote",
	"class=\"gmail_quote",
	"class=\"yahoo_quoted",
	"class=\"moz-cite-prefix",
	"id=\"divRplyFwdMsg\"",
	"id=\"appendonsend\"",
	"id=\"mail-editor-reference-message-container\"",
	"-----Original Message-----",
	"<br>&gt;",
	"<br>\n&gt;",
	"<br>\r\n&gt;",
};

/* Has the HTML any text to read? */
static bool
has_text(struct span html)
{
	AUTO_DONE(buf) struct buf text = BUF_INIT(0);

	html_to_text(html, &text);
	return span_trim(buf_span(&text)).n > 0;
}

/* Bytes of html in front of what it quotes; all of it when nothing else is said. */
static size_t
own_length(struct span html)
{
	size_t end = html.n;

	for (size_t i = 0; i < ARRAY_LEN(marks); i++) {
		size_t at = span_ifind(span_sub(html, 0, end), span_str(marks[i]));

		if (at == end)
			continue;
		/* An attribute stands inside of its tag. */
		while (at > 0 && marks[i][0] != '<' && marks[i][0] != '-' &&
		       html.p[at] != '<')
			at--;
		end = at;
	}
	return end < html.n && has_text(span_sub(html, 0, end)) ? end : html.n;
}

static void
write_preview(struct wbxml_writer *w, struct span html, unsigned chars)
{
	AUTO_DONE(buf) struct buf text = BUF_INIT(0);
	AUTO_DONE(buf) struct buf flat = BUF_INIT(4096);
	struct span s;

	html_to_text(html, &text);
	for (s = span_trim(buf_span(&text)); s.n > 0 && chars > 0; chars--) {
		uint32_t cp;
		size_t n = utf8_next(s, &cp);

		if (n == 0)
			break;
		buf_add(&flat, cp > ' ' ? s.p : " ", cp > ' ' ? n : 1);
		s = span_sub(s, n, s.n);
	}
	wbxml_text(w, WBXML_AIRSYNCBASE_PREVIEW, buf_span(&flat));
}

bool
eas_options_is_part_alone(const struct eas_options *o, uint16_t version)
{
	return o->part.type != 0 && version >= 141 && o->n_prefs == 0 &&
	       o->mime_support == 0;
}

enum rc
eas_body_part_write(const struct eas_message *m, const struct eas_options *o,
                    uint16_t version, size_t limit, struct wbxml_writer *w)
{
	AUTO_DONE(buf) struct buf html = BUF_INIT(0);
	struct span part;
	size_t want = o->part.truncation < limit ? o->part.truncation : limit;
	enum rc rc;

	if (o->part.type == 0 || version < 141)
		return RC_OK;
	rc = eas_body_text(m, EAS_BODY_HTML, PART_SOURCE_MAX, &html);
	if (rc != RC_OK)
		return rc;
	part = span_sub(buf_span(&html), 0, own_length(buf_span(&html)));
	wbxml_start(w, WBXML_AIRSYNCBASE_BODYPART);
	wbxml_u64(w, WBXML_AIRSYNCBASE_STATUS, 1);
	wbxml_u64(w, WBXML_AIRSYNCBASE_TYPE, EAS_BODY_HTML);
	wbxml_u64(w, WBXML_AIRSYNCBASE_ESTIMATEDDATASIZE, part.n);
	if (part.n > want) {
		wbxml_u64(w, WBXML_AIRSYNCBASE_TRUNCATED, 1);
		if (!o->part.all_or_none && want > 0)
			wbxml_text(w, WBXML_AIRSYNCBASE_DATA, utf8_prefix(part, want));
	} else if (part.n > 0) {
		wbxml_text(w, WBXML_AIRSYNCBASE_DATA, part);
	}
	if (o->part.preview > 0)
		write_preview(w, part, o->part.preview);
	wbxml_end(w);
	return RC_OK;
}
