/* SPDX-License-Identifier: ISC
 *
 * smtp_message.c - trace fields and submission's repairs (RFC 5321 4.4, RFC 6409 8).
 */
#include "smtp/smtp_message.h"

#include "base/clock.h"
#include "base/encode.h"
#include "smtp/smtp_parse.h"

/* The header line at *at with its line end; empty at the end of the header. */
static struct span
next_line(struct span m, size_t *at)
{
	size_t from = *at, lf = span_find(m, from, '\n');
	size_t to = lf < m.n ? lf + 1 : m.n;
	struct span line = span_sub(m, from, to);
	struct span text = span_trim(line);
	if (!text.n && line.n && line.p[0] != ' ' && line.p[0] != '\t')
		return span_of(line.p, 0);
	*at = to;
	return line;
}

static bool
is_folded(struct span line)
{
	return line.n && (line.p[0] == ' ' || line.p[0] == '\t');
}

/* The field's name, then the colon; RFC 5322 4.5 knew blanks between them. */
static bool
is_field(struct span line, const char *name)
{
	size_t i = strlen(name);
	if (!span_istarts(line, name))
		return false;
	while (i < line.n && (line.p[i] == ' ' || line.p[i] == '\t'))
		i++;
	return i < line.n && line.p[i] == ':';
}

static bool
is_hidden_field(struct span line)
{
	return is_field(line, "Bcc") || is_field(line, "Resent-Bcc") ||
	       is_field(line, "Return-Path");
}

void
smtp_header_scan(struct span m, struct smtp_header *ret)
{
	struct smtp_header h = { 0 };
	struct span line;
	size_t at = 0;
	while ((line = next_line(m, &at)).n) {
		switch (line.p[0] | 0x20) {
		case 'r':
			h.received += is_field(line, "Received");
			h.has_bcc |= is_hidden_field(line);
			break;
		case 'd':
			h.has_date |= is_field(line, "Date");
			break;
		case 'm':
			h.has_message_id |= is_field(line, "Message-ID");
			break;
		case 'f':
			h.has_from |= is_field(line, "From");
			break;
		case 'b':
			h.has_bcc |= is_hidden_field(line);
			break;
		}
	}
	h.len = at;
	h.is_utf8 = !smtp_is_ascii(span_sub(m, 0, at));
	*ret = h;
}

const char *
smtp_trace_with(bool esmtp, bool lmtp, bool utf8, bool tls, bool auth)
{
	/* RFC 3848, RFC 6531 4.3: the letters S for TLS and A for AUTH. */
	static const char *const smtp[] = { "ESMTP", "ESMTPS", "ESMTPA", "ESMTPSA" };
	static const char *const smtp_utf8[] = { "UTF8SMTP", "UTF8SMTPS", "UTF8SMTPA",
		                                 "UTF8SMTPSA" };
	static const char *const lmtp_plain[] = { "LMTP", "LMTPS", "LMTPA", "LMTPSA" };
	static const char *const lmtp_utf8[] = { "UTF8LMTP", "UTF8LMTPS", "UTF8LMTPA",
		                                 "UTF8LMTPSA" };
	unsigned i = (tls ? 1U : 0U) + (auth ? 2U : 0U);
	if (lmtp)
		return utf8 ? lmtp_utf8[i] : lmtp_plain[i];
	if (!esmtp)
		return "SMTP";
	return utf8 ? smtp_utf8[i] : smtp[i];
}

size_t
smtp_trace_return_path(struct span sender, struct buf *out)
{
	size_t before = buf_len(out);
	buf_add_str(out, "Return-Path: <");
	buf_add_span(out, sender);
	buf_add_str(out, ">\r\n");
	return buf_len(out) - before;
}

/* What a peer says of itself goes into a comment or a word, so it loses what ends one. */
static void
add_word(struct buf *out, struct span s)
{
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];
		bool bad = (unsigned char)c <= 0x20 || c == 0x7f ||
		           (c && strchr("()<>\\\";,", c));
		buf_add_char(out, bad ? '?' : c);
	}
}

void
smtp_trace_received(const struct smtp_trace *t, struct buf *out)
{
	char date[40];
	buf_add_str(out, "Received: ");
	if (t->peer) {
		buf_add_str(out, "from ");
		add_word(out, t->helo);
		if (strchr(t->peer, ':'))
			buf_addf(out, " ([IPv6:%s])", t->peer);
		else if (strchr(t->peer, '.'))
			buf_addf(out, " ([%s])", t->peer);
		else
			buf_addf(out, " (%s)", t->peer);
		buf_add_str(out, "\r\n\t");
	}
	buf_addf(out, "by %s (Godwit) with %s", t->hostname, t->with);
	if (t->tls[0])
		buf_addf(out, " (%s)", t->tls);
	buf_addf(out, "\r\n\tid %.*s", SPAN_FMT(t->id));
	if (t->rcpt.n) {
		buf_add_str(out, " for <");
		buf_add_span(out, t->rcpt);
		buf_add_char(out, '>');
	}
	buf_addf(out, ";\r\n\t%s\r\n", clock_rfc5322(t->now_ms, date, sizeof(date)));
}

bool
smtp_submission_is_needed(const struct smtp_header *h)
{
	return h->has_bcc || !h->has_date || !h->has_message_id;
}

/* RFC 5321 2.3.8: what leaves has CRLF line ends, whatever a client's library made. */
static void
add_crlf(struct buf *out, struct span s)
{
	size_t i = 0;
	while (i < s.n) {
		size_t run = i;
		while (run < s.n && s.p[run] != '\r' && s.p[run] != '\n')
			run++;
		buf_add(out, s.p + i, run - i);
		if (run == s.n)
			break;
		buf_add(out, "\r\n", 2);
		bool pair = s.p[run] == '\r' && run + 1 < s.n && s.p[run + 1] == '\n';
		i = run + (pair ? 2 : 1);
	}
}

void
smtp_message_id_write(const char *hostname, struct buf *out)
{
	unsigned char raw[15];
	random_bytes(raw, sizeof(raw));
	buf_add_char(out, '<');
	base64url_encode(span_of((char *)raw, sizeof(raw)), out);
	buf_addf(out, "@%s>", hostname);
}

void
smtp_submission_write(struct span message, const char *hostname, int64_t now_ms,
                      struct buf *out)
{
	/* First the line ends: a bare CR would begin a field that nobody has looked at.
	 */
	AUTO_DONE(buf) struct buf text = BUF_INIT(0);
	struct smtp_header h;
	struct span line;
	char date[40];
	size_t at = 0;
	bool hidden = false;
	add_crlf(&text, message);
	struct span m = buf_span(&text);
	if (!m.n || m.p[m.n - 1] != '\n') {
		buf_add(&text, "\r\n", 2);
		m = buf_span(&text);
	}
	smtp_header_scan(m, &h);
	if (!h.has_date)
		buf_addf(out, "Date: %s\r\n", clock_rfc5322(now_ms, date, sizeof(date)));
	if (!h.has_message_id) {
		buf_add_str(out, "Message-ID: ");
		smtp_message_id_write(hostname, out);
		buf_add_str(out, "\r\n");
	}
	while ((line = next_line(m, &at)).n) {
		hidden = is_folded(line) ? hidden : is_hidden_field(line);
		if (!hidden)
			buf_add_span(out, line);
	}
	buf_add_span(out, span_sub(m, at, m.n));
}

const char *
smtp_message_new_id(char *ret)
{
	static const char digits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
	uint64_t high = (uint64_t)clock_wall_ms(), low = random_u64();
	/* Nine digits of time (until 3084), so that ids sort; seven by chance. */
	for (int i = 8; i >= 0; i--, high >>= 5)
		ret[i] = digits[high & 31];
	for (int i = 15; i >= 9; i--, low >>= 5)
		ret[i] = digits[low & 31];
	ret[16] = 0;
	return ret;
}

bool
smtp_message_is_8bit(struct span m)
{
	return !smtp_is_ascii(m);
}
