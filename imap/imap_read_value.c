/* SPDX-License-Identifier: ISC
 *
 * imap_read_value.c - flags and dates of a command (RFC 9051 9, "flag", "date-time").
 */
#include "base/clock.h"
#include "imap/imap_flag.h"
#include "imap/imap_read.h"

#define KEYWORD_MAX 128
#define KEYWORDS_MAX 4096 /* bytes of all keywords of a command */

/* One flag of the wire: a bit of *ret, or a word added to words. */
static bool
take_flag(struct imap_read *r, struct imap_flags *ret, struct buf *words)
{
	size_t from = r->at;
	struct span name;

	imap_read_if(r, '\\');
	if (!imap_read_atom(r, &name))
		return imap_read_fail(r, "Flag expected");
	name = span_sub(r->in, from, r->at);
	uint32_t bit = imap_flag_find(name);
	if (bit) {
		ret->system |= bit;
		return true;
	}
	if (span_iis(name, "\\Recent"))
		return imap_read_fail(r, "\\Recent cannot be set");
	if (name.p[0] == '\\')
		return imap_read_fail(r, "Unknown system flag");
	if (name.n > KEYWORD_MAX)
		return imap_read_fail(r, "Keyword too long");
	if (imap_keywords_has(buf_span(words), name))
		return true;
	if (buf_len(words) > 0)
		buf_add_char(words, ' ');
	buf_add_span(words, name);
	return buf_ok(words) || imap_read_fail(r, "Too many keywords");
}

static bool
keep_words(struct imap_read *r, struct imap_flags *ret, struct buf *words)
{
	ret->keywords = arena_span(r->arena, buf_span(words));
	return true;
}

bool
imap_read_flags(struct imap_read *r, bool bare, struct imap_flags *ret)
{
	AUTO_DONE(buf) struct buf words = BUF_INIT(KEYWORDS_MAX);

	*ret = (struct imap_flags){ .keywords = span_of("", 0) };
	if (imap_read_if(r, '(')) {
		if (imap_read_if(r, ')'))
			return true;
		do {
			if (!take_flag(r, ret, &words))
				return false;
		} while (imap_read_if(r, ' '));
		return imap_read_char(r, ')') && keep_words(r, ret, &words);
	}
	if (!bare)
		return imap_read_fail(r, "List of flags expected");
	do {
		if (!take_flag(r, ret, &words))
			return false;
	} while (imap_read_if(r, ' '));
	return keep_words(r, ret, &words);
}

bool
imap_read_keyword(struct imap_read *r, struct imap_flags *ret)
{
	AUTO_DONE(buf) struct buf words = BUF_INIT(KEYWORDS_MAX);

	*ret = (struct imap_flags){ .keywords = span_of("", 0) };
	return take_flag(r, ret, &words) && keep_words(r, ret, &words);
}

static const char months[12][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
	                            "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };

static bool
digits(struct span s, size_t at, size_t n, uint32_t *ret)
{
	return at + n <= s.n && parse_u32(span_of(s.p + at, n), 9999, ret) == RC_OK;
}

/* "dd-Mon-yyyy" or "d-Mon-yyyy" or " d-Mon-yyyy" as days since 1970. */
static bool
parse_day(struct span s, int64_t *ret)
{
	uint32_t day, year;

	s = span_trim(s);
	size_t dash = span_find(s, 0, '-');
	if (dash < 1 || dash > 2 || s.n != dash + 9 || s.p[dash + 4] != '-' ||
	    !digits(s, 0, dash, &day) || !digits(s, dash + 5, 4, &year) || day < 1)
		return false;
	for (unsigned m = 0; m < 12; m++) {
		if (!span_iis(span_sub(s, dash + 1, dash + 4), months[m]))
			continue;
		*ret = clock_days_from_civil((int)year, m + 1, day);
		/* The 31st of June is no day. */
		int y;
		unsigned mon, d;
		clock_civil_from_days(*ret, &y, &mon, &d);
		return d == day && mon == m + 1;
	}
	return false;
}

bool
imap_read_date(struct imap_read *r, int64_t *ret_days)
{
	struct span s;

	if (!imap_read_astring(r, &s))
		return false;
	return parse_day(s, ret_days) || imap_read_fail(r, "Invalid date");
}

/* "17-Jul-1996 02:44:25 -0700" (RFC 9051 9, "date-time") */
bool
imap_read_date_time(struct imap_read *r, int64_t *ret_ms)
{
	struct span s;
	int64_t days;
	uint32_t h, m, sec, zh, zm;

	if (!imap_read_string(r, &s))
		return false;
	if (s.n < 26 || s.n > 26 || !parse_day(span_sub(s, 0, 11), &days) ||
	    s.p[11] != ' ' || !digits(s, 12, 2, &h) || s.p[14] != ':' ||
	    !digits(s, 15, 2, &m) || s.p[17] != ':' || !digits(s, 18, 2, &sec) ||
	    s.p[20] != ' ' || (s.p[21] != '+' && s.p[21] != '-') ||
	    !digits(s, 22, 2, &zh) || !digits(s, 24, 2, &zm) || h > 23 || m > 59 ||
	    sec > 60 || zh > 23 || zm > 59)
		return imap_read_fail(r, "Invalid date and time");
	int64_t zone = (int64_t)(zh * 60 + zm) * 60;
	int64_t at = days * 86400 + (int64_t)h * 3600 + (int64_t)m * 60 + sec;
	*ret_ms = (s.p[21] == '+' ? at - zone : at + zone) * 1000;
	return true;
}
