/* SPDX-License-Identifier: ISC
 *
 * pim.c - times, days and bodies of contacts, events, tasks and notes.
 */
#include "format/pim.h"

#include "base/clock.h"
#include "base/encode.h"
#include "format/mime_text.h"

struct pim_time
pim_time_of(int64_t utc, const struct tzone *zone)
{
	struct pim_time t = { .kind = PIM_TIME_UTC };

	if (!zone || zone == tzone_utc()) {
		civil_from_seconds(utc, &t.at);
		return t;
	}
	t.kind = PIM_TIME_ZONED;
	t.zone = zone;
	tzone_local(zone, utc, &t.at);
	return t;
}

struct pim_time
pim_date(int year, unsigned month, unsigned day)
{
	return (struct pim_time){
		.kind = PIM_TIME_DATE,
		.at = { (int16_t)year, (uint8_t)month, (uint8_t)day, 0, 0, 0 },
	};
}

int64_t
pim_time_utc(const struct pim_time *t, const struct tzone *zone)
{
	switch (t->kind) {
	case PIM_TIME_NONE:
		return INT64_MIN;
	case PIM_TIME_UTC:
		return civil_to_seconds(&t->at);
	case PIM_TIME_ZONED:
		return tzone_utc_of(t->zone, &t->at);
	case PIM_TIME_DATE:
	case PIM_TIME_FLOATING:
		break;
	}
	return tzone_utc_of(zone ? zone : tzone_utc(), &t->at);
}

bool
pim_time_eq(const struct pim_time *a, const struct pim_time *b)
{
	if (a->kind != b->kind)
		return false;
	if (a->kind == PIM_TIME_NONE)
		return true;
	if (civil_to_seconds(&a->at) != civil_to_seconds(&b->at))
		return false;
	return a->kind != PIM_TIME_ZONED || a->zone == b->zone ||
	       strcmp(tzone_id(a->zone), tzone_id(b->zone)) == 0;
}

static bool
digits(struct span *s, size_t n, unsigned *ret)
{
	unsigned v = 0;

	if (s->n < n)
		return false;
	for (size_t i = 0; i < n; i++) {
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

static unsigned
days_in_month(unsigned year, unsigned month)
{
	int64_t first = clock_days_from_civil((int)year, month, 1);
	int64_t next = month == 12 ? clock_days_from_civil((int)year + 1, 1, 1)
	                           : clock_days_from_civil((int)year, month + 1, 1);

	return (unsigned)(next - first);
}

enum rc
pim_time_parse(struct span s, struct pim_time *ret)
{
	struct pim_time t = { .kind = PIM_TIME_DATE };
	unsigned year, month, day, hour = 0, minute = 0, second = 0;

	s = span_trim(s);
	if (!digits(&s, 4, &year))
		return RC_INVALID;
	skip(&s, '-');
	if (!digits(&s, 2, &month))
		return RC_INVALID;
	skip(&s, '-');
	if (!digits(&s, 2, &day) || year == 0 || month < 1 || month > 12 || day < 1 ||
	    day > days_in_month(year, month))
		return RC_INVALID;
	if (s.n > 0 && (s.p[0] == 'T' || s.p[0] == 't')) {
		s = span_sub(s, 1, s.n);
		if (!digits(&s, 2, &hour))
			return RC_INVALID;
		skip(&s, ':');
		if (!digits(&s, 2, &minute))
			return RC_INVALID;
		skip(&s, ':');
		/* Some leave the seconds out. */
		if (s.n > 0 && s.p[0] != 'Z' && s.p[0] != 'z' && !digits(&s, 2, &second))
			return RC_INVALID;
		if (hour == 24 && minute == 0 && second == 0)
			hour = 23, minute = 59, second = 59;
		if (hour > 23 || minute > 59 || second > 60)
			return RC_INVALID;
		t.kind = PIM_TIME_FLOATING;
		if (s.n > 0 && s.p[0] == '.') {
			while (s.n > 0 && s.p[0] != 'Z' && s.p[0] != 'z')
				s = span_sub(s, 1, s.n);
		}
		if (s.n > 0 && (s.p[0] == 'Z' || s.p[0] == 'z')) {
			t.kind = PIM_TIME_UTC;
			s = span_sub(s, 1, s.n);
		}
	}
	if (s.n > 0)
		return RC_INVALID;
	t.at = (struct civil){ (int16_t)year,   (uint8_t)month,
		               (uint8_t)day,    (uint8_t)hour,
		               (uint8_t)minute, (uint8_t)(second > 59 ? 59 : second) };
	*ret = t;
	return RC_OK;
}

void
pim_time_write(const struct pim_time *t, struct buf *out)
{
	if (t->kind == PIM_TIME_NONE)
		return;
	buf_addf(out, "%04d%02d%02d", t->at.year, t->at.month, t->at.day);
	if (t->kind == PIM_TIME_DATE)
		return;
	buf_addf(out, "T%02d%02d%02d", t->at.hour, t->at.minute, t->at.second);
	if (t->kind == PIM_TIME_UTC)
		buf_add_char(out, 'Z');
}

struct pim_time
pim_date_of_midnight(int64_t utc, const struct tzone *zone)
{
	struct civil c;

	/* Half a day on lies within the day that was meant, whichever midnight it was. */
	tzone_local(zone ? zone : tzone_utc(), utc + 12 * 3600 - 1, &c);
	return pim_date(c.year, c.month, c.day);
}

void
pim_body_set_plain(struct pim_body *b, const char *plain)
{
	*b = (struct pim_body){ .plain = plain };
}

void
pim_body_set_html(struct pim_body *b, const char *html, struct arena *a)
{
	AUTO_DONE(buf) struct buf text = BUF_INIT(0);

	*b = (struct pim_body){ .html = html };
	if (!html)
		return;
	html_to_text(span_str(html), &text);
	b->plain = arena_strndup(a, buf_span(&text));
}

const char *
pim_uid_new(struct arena *a)
{
	uint8_t b[16];

	random_bytes(b, sizeof(b));
	b[6] = (uint8_t)((b[6] & 0x0f) | 0x40);
	b[8] = (uint8_t)((b[8] & 0x3f) | 0x80);
	return arena_printf(a,
	                    "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-"
	                    "%02x%02x%02x%02x%02x%02x",
	                    b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9],
	                    b[10], b[11], b[12], b[13], b[14], b[15]);
}
