/* SPDX-License-Identifier: ISC
 *
 * smtp_oof_text.c - an automatic reply as a message: [RFC 3834] 3 to 5.
 */
#include "base/clock.h"
#include "base/encode.h"
#include "format/mime_text.h"
#include "smtp/smtp_message.h"
#include "smtp/smtp_oof.h"
#include "smtp/smtp_parse.h"

#define SUBJECT_MAX 400
#define IDS_MAX 20
#define ID_LEN_MAX 500

/* The next "<...>" of *rest. */
static bool
next_id(struct span *rest, struct span *ret)
{
	size_t from = span_find(*rest, 0, '<'), to = span_find(*rest, from, '>');

	if (to >= rest->n)
		return false;
	*ret = span_sub(*rest, from, to + 1);
	*rest = span_sub(*rest, to + 1, rest->n);
	return true;
}

static bool
is_id(struct span id)
{
	for (size_t i = 0; i < id.n; i++) {
		if ((unsigned char)id.p[i] <= ' ' || (unsigned char)id.p[i] > '~')
			return false;
	}
	return id.n > 2 && id.n <= ID_LEN_MAX;
}

/* RFC 5322 3.6.4: those of the message, the newest ones, and itself. */
static void
add_thread(const struct smtp_oof_reply *r, struct arena *a, struct buf *out)
{
	struct span own = mime_header_get(r->header, "Message-ID", a), id;
	struct span before = mime_header_get(r->header, "References", a);
	struct span ids[IDS_MAX];
	size_t n = 0;

	if (!next_id(&own, &id) || !is_id(id))
		return;
	own = id;
	if (!before.p)
		before = mime_header_get(r->header, "In-Reply-To", a);
	while (before.p && next_id(&before, &id)) {
		if (!is_id(id))
			continue;
		if (n == IDS_MAX) {
			memmove(ids, ids + 1, (IDS_MAX - 1) * sizeof(*ids));
			n--;
		}
		ids[n++] = id;
	}
	buf_addf(out, "In-Reply-To: %.*s\r\nReferences: ", SPAN_FMT(own));
	for (size_t i = 0; i < n; i++)
		buf_addf(out, "%.*s\r\n ", SPAN_FMT(ids[i]));
	buf_addf(out, "%.*s\r\n", SPAN_FMT(own));
}

static void
add_head(const struct smtp_oof_reply *r, struct arena *a, struct buf *out)
{
	struct span subject =
		mime_decode_header(mime_header_get(r->header, "Subject", a), a);
	AUTO_DONE(buf) struct buf line = BUF_INIT(0);
	char date[40];

	buf_add_str(out, "From: ");
	if (r->from_name.n > 0) {
		bool plain = mime_words_is_plain(r->from_name) &&
		             span_find(r->from_name, 0, '"') == r->from_name.n &&
		             span_find(r->from_name, 0, '\\') == r->from_name.n;

		buf_add_str(out, plain ? "\"" : "");
		if (plain || !mime_words_is_plain(r->from_name))
			mime_words_write(r->from_name, out);
		buf_add_str(out, plain ? "\" " : " ");
	}
	buf_addf(out, "<%.*s>\r\nTo: <%.*s>\r\n", SPAN_FMT(r->from), SPAN_FMT(r->to));
	buf_add_str(&line, "Automatic reply: ");
	buf_add_span(&line, utf8_prefix(span_trim(subject), SUBJECT_MAX));
	buf_add_str(out, "Subject: ");
	mime_words_write(span_trim(buf_span(&line)), out);
	buf_addf(out, "\r\nDate: %s\r\nMessage-ID: ",
	         clock_rfc5322(r->now_ms, date, sizeof(date)));
	smtp_message_id_write(r->hostname, out);
	buf_add_str(out, "\r\n");
	add_thread(r, a, out);
	/* RFC 3834 3.1.7; the second is what Exchange heeds. */
	buf_add_str(out, "Auto-Submitted: auto-replied\r\n"
	                 "X-Auto-Response-Suppress: All\r\n"
	                 "MIME-Version: 1.0\r\n");
}

/* CRLF line ends, whatever the phone wrote. */
static void
add_lines(struct span s, struct buf *out)
{
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '\n')
			buf_add_str(out, "\r\n");
		else if (s.p[i] == '\r' && (i + 1 == s.n || s.p[i + 1] != '\n'))
			buf_add_str(out, "\r\n");
		else if (s.p[i] != '\r')
			buf_add_char(out, s.p[i]);
	}
}

static void
add_part(const char *subtype, struct span utf8, struct buf *out)
{
	AUTO_DONE(buf) struct buf lines = BUF_INIT(0);

	add_lines(utf8, &lines);
	buf_add_str(&lines, "\r\n");
	buf_addf(out,
	         "Content-Type: text/%s; charset=utf-8\r\n"
	         "Content-Transfer-Encoding: base64\r\n\r\n",
	         subtype);
	base64_encode_mime(buf_span(&lines), out);
	if (buf_len(out) > 0 && out->p[buf_len(out) - 1] != '\n')
		buf_add_str(out, "\r\n");
}

void
smtp_oof_write(const struct smtp_oof_reply *r, struct arena *a, struct buf *out)
{
	AUTO_DONE(buf) struct buf boundary = BUF_INIT(64);
	AUTO_DONE(buf) struct buf text = BUF_INIT(0);
	unsigned char raw[12];

	add_head(r, a, out);
	if (!r->text->is_html) {
		add_part("plain", r->text->text, out);
		return;
	}
	random_bytes(raw, sizeof(raw));
	hex_encode(span_of((char *)raw, sizeof(raw)), &boundary);
	html_to_text(r->text->text, &text);
	buf_addf(out,
	         "Content-Type: multipart/alternative;\r\n\tboundary=\"%.*s\"\r\n\r\n",
	         SPAN_FMT(buf_span(&boundary)));
	buf_addf(out, "--%.*s\r\n", SPAN_FMT(buf_span(&boundary)));
	add_part("plain", buf_span(&text), out);
	buf_addf(out, "--%.*s\r\n", SPAN_FMT(buf_span(&boundary)));
	add_part("html", r->text->text, out);
	buf_addf(out, "--%.*s--\r\n", SPAN_FMT(buf_span(&boundary)));
}
