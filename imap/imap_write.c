/* SPDX-License-Identifier: ISC
 *
 * imap_write.c - strings, names and dates of answers (RFC 9051 9).
 */
#include "imap/imap_write.h"
#include "base/clock.h"
#include "imap/imap_utf7.h"

#define QUOTED_MAX 1000

static bool
may_be_quoted(struct span s, bool utf8)
{
	bool eight_bit = false;

	if (s.n > QUOTED_MAX)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];
		if (c == '\0' || c == '\r' || c == '\n')
			return false;
		eight_bit |= c >= 0x80;
	}
	return !eight_bit || (utf8 && utf8_is_valid(s));
}

void
imap_write_string(struct buf *out, struct span s, bool utf8)
{
	if (!may_be_quoted(s, utf8)) {
		buf_addf(out, "{%zu}\r\n", s.n);
		/* RFC 9051 9: a literal holds no NUL. */
		for (size_t at = 0; at < s.n;) {
			size_t nul = span_find(s, at, '\0');
			buf_add_span(out, span_sub(s, at, nul));
			if (nul < s.n)
				buf_add_char(out, (char)0x80);
			at = nul + 1;
		}
		return;
	}
	buf_add_char(out, '"');
	size_t from = 0;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] != '"' && s.p[i] != '\\')
			continue;
		buf_add_span(out, span_sub(s, from, i));
		buf_add_char(out, '\\');
		from = i;
	}
	buf_add_span(out, span_sub(s, from, s.n));
	buf_add_char(out, '"');
}

void
imap_write_nstring(struct buf *out, struct span s, bool utf8)
{
	if (s.p)
		imap_write_string(out, s, utf8);
	else
		buf_add_str(out, "NIL");
}

void
imap_write_mailbox(struct buf *out, struct span name, bool utf8)
{
	if (utf8) {
		imap_write_string(out, name, true);
		return;
	}
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);
	imap_utf7_encode(name, &b);
	imap_write_string(out, buf_span(&b), false);
}

void
imap_write_date_time(struct buf *out, int64_t ms)
{
	static const char months[12][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
		                            "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
	int64_t s = ms / 1000 - (ms % 1000 < 0);
	int64_t days = s / 86400 - (s % 86400 < 0);
	unsigned rest = (unsigned)(s - days * 86400);
	int year;
	unsigned month, day;

	clock_civil_from_days(days, &year, &month, &day);
	buf_addf(out, "\"%02u-%s-%04d %02u:%02u:%02u +0000\"", day, months[month - 1],
	         year, rest / 3600, rest / 60 % 60, rest % 60);
}
