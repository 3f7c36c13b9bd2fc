/* SPDX-License-Identifier: ISC
 *
 * eas_compose.c - headers and parts of messages: RFC 5322, RFC 2045-2047, RFC 2231.
 */
#include "activesync/eas_compose.h"

#include "base/clock.h"
#include "base/encode.h"
#include "format/mime_text.h"

void
eas_compose_raw(struct buf *out, const char *name, struct span value)
{
	buf_addf(out, "%s: ", name);
	for (size_t i = 0; i < value.n; i++) {
		if (value.p[i] != '\r' && value.p[i] != '\n')
			buf_add_char(out, value.p[i]);
	}
	buf_add_str(out, "\r\n");
}

void
eas_compose_text(struct buf *out, const char *name, struct span utf8)
{
	utf8 = span_trim(utf8);
	if (utf8.n == 0)
		return;
	buf_addf(out, "%s: ", name);
	mime_words_write(utf8, out);
	buf_add_str(out, "\r\n");
}

static void
add_quoted(struct buf *out, struct span s)
{
	buf_add_char(out, '"');
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '"' || s.p[i] == '\\')
			buf_add_char(out, '\\');
		buf_add_char(out, s.p[i]);
	}
	buf_add_char(out, '"');
}

static bool
is_address_text(struct span s)
{
	for (size_t i = 0; i < s.n; i++) {
		if ((unsigned char)s.p[i] <= ' ' || s.p[i] == '<' || s.p[i] == '>' ||
		    s.p[i] == 0x7f)
			return false;
	}
	return s.n > 0;
}

void
eas_compose_addresses(struct buf *out, const char *name, struct span list,
                      struct arena *a)
{
	const struct mime_address *i = mime_address_parse(list, 0, a);
	bool first = true;

	for (; i; i = i->next) {
		if (!is_address_text(i->mailbox) || !is_address_text(i->host) ||
		    span_is(i->host, MIME_NO_DOMAIN))
			continue; /* what the parser made of half an address */
		if (first)
			buf_addf(out, "%s: ", name);
		else
			buf_add_str(out, ",\r\n ");
		first = false;
		if (i->name.n > 0 && mime_words_is_plain(i->name)) {
			add_quoted(out, i->name);
			buf_add_char(out, ' ');
		} else if (i->name.n > 0) {
			mime_words_write(i->name, out);
			buf_add_char(out, ' ');
		}
		buf_addf(out, "<%.*s@%.*s>", SPAN_FMT(i->mailbox), SPAN_FMT(i->host));
	}
	if (!first)
		buf_add_str(out, "\r\n");
}

void
eas_compose_stamp(struct buf *out, struct span address)
{
	size_t at = span_find(address, 0, '@');
	char date[40];

	buf_addf(out, "Date: %s\r\n", clock_rfc5322(clock_wall_ms(), date, sizeof(date)));
	buf_addf(out, "Message-ID: <%016llx.%016llx%.*s>\r\n",
	         (unsigned long long)random_u64(), (unsigned long long)random_u64(),
	         (int)(address.n - at), address.p + at);
}

const char *
eas_compose_boundary(struct arena *a)
{
	return arena_printf(a, "=_%016llx%016llx", (unsigned long long)random_u64(),
	                    (unsigned long long)random_u64());
}

void
eas_compose_part_text(struct buf *out, const char *subtype, struct span utf8)
{
	AUTO_DONE(buf) struct buf crlf = BUF_INIT(0);

	eas_compose_crlf(utf8, &crlf);
	buf_addf(out,
	         "Content-Type: text/%s; charset=utf-8\r\n"
	         "Content-Transfer-Encoding: base64\r\n\r\n",
	         subtype);
	base64_encode_mime(buf_span(&crlf), out);
}

/* RFC 2231 4: name*=utf-8''%..., or a quoted string for plain ASCII. */
static void
add_parameter(struct buf *out, const char *name, struct span v)
{
	if (mime_words_is_plain(v)) {
		buf_addf(out, ";\r\n %s=", name);
		add_quoted(out, v);
		return;
	}
	buf_addf(out, ";\r\n %s*=utf-8''", name);
	for (size_t i = 0; i < v.n; i++) {
		unsigned char c = (unsigned char)v.p[i];

		if ((c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') ||
		    c == '.' || c == '-' || c == '_')
			buf_add_char(out, (char)c);
		else
			buf_addf(out, "%%%02X", c);
	}
}

static bool
is_type(struct span s)
{
	size_t slash = span_find(s, 0, '/');

	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (!((c >= '0' && c <= '9') ||
		      ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || c == '/' || c == '.' ||
		      c == '-' || c == '+' || c == '_'))
			return false;
	}
	return slash > 0 && slash + 1 < s.n && s.n < 128;
}

void
eas_compose_part_file(struct buf *out, const struct eas_compose_file *f)
{
	struct span type = is_type(f->type) ? f->type : SPAN("application/octet-stream");

	/* Composite types may not be in base64 (RFC 2045 6.4). */
	if (span_istarts(type, "message/") || span_istarts(type, "multipart/"))
		type = SPAN("application/octet-stream");
	buf_addf(out, "Content-Type: %.*s", SPAN_FMT(type));
	if (f->name.n > 0)
		add_parameter(out, "name", f->name);
	buf_addf(out, "\r\nContent-Disposition: %s",
	         f->is_inline ? "inline" : "attachment");
	if (f->name.n > 0)
		add_parameter(out, "filename", f->name);
	buf_add_str(out, "\r\n");
	if (is_address_text(f->content_id))
		buf_addf(out, "Content-ID: <%.*s>\r\n", SPAN_FMT(f->content_id));
	buf_add_str(out, "Content-Transfer-Encoding: base64\r\n\r\n");
	base64_encode_mime(f->bytes, out);
}

void
eas_compose_crlf(struct span s, struct buf *out)
{
	size_t from = 0;

	for (size_t i = 0; i < s.n; i++) {
		bool is_lf = s.p[i] == '\n', is_cr = s.p[i] == '\r';

		if (is_cr && i + 1 < s.n && s.p[i + 1] == '\n') {
			i++;
			continue;
		}
		if (!is_lf && !is_cr)
			continue;
		buf_add(out, s.p + from, i - from);
		buf_add_str(out, "\r\n");
		from = i + 1;
	}
	buf_add(out, s.p + from, s.n - from);
}
