/* SPDX-License-Identifier: ISC
 *
 * recur.c - RRULE to a struct and back (RFC 5545 3.3.10, RFC 7529 4).
 */
#include "format/recur.h"

#include <strings.h>

#include "format/recur_private.h"

#define LIST_MAX 400

static const char *const freqs[] = { "SECONDLY", "MINUTELY", "HOURLY", "DAILY",
	                             "WEEKLY",   "MONTHLY",  "YEARLY" };

const char *const recur_weekdays[] = { "SU", "MO", "TU", "WE", "TH", "FR", "SA" };

int
recur_weekday(struct span s)
{
	for (int i = 0; i < 7; i++) {
		if (span_iis(s, recur_weekdays[i]))
			return i;
	}
	return -1;
}

static bool
parse_int(struct span s, int max, bool may_be_negative, int16_t *ret)
{
	bool is_negative = s.n > 0 && s.p[0] == '-';
	uint32_t v;

	if (s.n > 0 && (s.p[0] == '-' || s.p[0] == '+'))
		s = span_sub(s, 1, s.n);
	if ((is_negative && !may_be_negative) || parse_u32(s, (uint32_t)max, &v) != RC_OK)
		return false;
	*ret = (int16_t)(is_negative ? -(int)v : (int)v);
	return true;
}

static enum rc
parse_list(struct span s, int max, bool may_be_negative, struct arena *a,
           struct recur_list *ret)
{
	int16_t v[LIST_MAX];
	size_t n = 0;
	struct span one;

	while (span_cut(&s, ',', &one)) {
		if (n == LIST_MAX)
			return RC_TOO_BIG;
		one = span_trim(one);
		bool is_leap = max == 13 && one.n > 1 && span_ends(one, "L");
		if (!parse_int(span_sub(one, 0, one.n - is_leap), max, may_be_negative,
		               &v[n]))
			return RC_INVALID;
		/* Only hours, minutes and seconds begin at 0. */
		if (v[n] == 0 && max != 60 && max != 59 && max != 23)
			return RC_INVALID;
		v[n++] += is_leap ? RECUR_LEAP_MONTH : 0;
	}
	int16_t *copy = arena_array(a, n, int16_t);
	memcpy(copy, v, n * sizeof(*v));
	*ret = (struct recur_list){ copy, n };
	return n > 0 ? RC_OK : RC_INVALID;
}

static enum rc
parse_days(struct span s, struct arena *a, struct recur *r)
{
	struct recur_day v[LIST_MAX];
	size_t n = 0;
	struct span one;

	while (span_cut(&s, ',', &one)) {
		int16_t nth = 0;
		if (n == LIST_MAX)
			return RC_TOO_BIG;
		one = span_trim(one);
		if (one.n < 2)
			return RC_INVALID;
		int weekday = recur_weekday(span_sub(one, one.n - 2, one.n));
		if (weekday < 0 || (one.n > 2 && !parse_int(span_sub(one, 0, one.n - 2),
		                                            53, true, &nth)))
			return RC_INVALID;
		v[n++] = (struct recur_day){ (int8_t)weekday, (int8_t)nth };
	}
	struct recur_day *copy = arena_array(a, n, struct recur_day);
	memcpy(copy, v, n * sizeof(*v));
	r->by_day = copy;
	r->n_by_day = n;
	return n > 0 ? RC_OK : RC_INVALID;
}

static bool
parse_freq(struct span s, enum recur_freq *ret)
{
	for (size_t i = 0; i < ARRAY_LEN(freqs); i++) {
		if (span_iis(s, freqs[i])) {
			*ret = (enum recur_freq)i;
			return true;
		}
	}
	return false;
}

/* "ISLAMIC-CIVIL": a name of CLDR, which libical asks ICU for. */
static enum rc
parse_name(struct span s, struct arena *a, const char **ret)
{
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];
		if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && c != '-')
			return RC_INVALID;
	}
	if (s.n > 32)
		return RC_INVALID;
	*ret = arena_strndup(a, s);
	return RC_OK;
}

static enum rc
parse_part(struct span name, struct span value, struct arena *a, struct recur *r)
{
	const struct {
		const char *name;
		struct recur_list *list;
		int max;
		bool may_be_negative;
	} lists[] = {
		{ "BYSECOND", &r->by_second, 60, false },
		{ "BYMINUTE", &r->by_minute, 59, false },
		{ "BYHOUR", &r->by_hour, 23, false },
		{ "BYMONTHDAY", &r->by_month_day, 31, true },
		{ "BYYEARDAY", &r->by_year_day, 385, true },
		{ "BYWEEKNO", &r->by_week, 55, true },
		{ "BYMONTH", &r->by_month, 13, false },
		{ "BYSETPOS", &r->by_set_pos, 385, true },
	};

	for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
		if (span_iis(name, lists[i].name))
			return parse_list(value, lists[i].max, lists[i].may_be_negative,
			                  a, lists[i].list);
	}
	if (span_iis(name, "BYDAY"))
		return parse_days(value, a, r);
	if (span_iis(name, "INTERVAL"))
		return parse_u32(value, UINT16_MAX, &r->interval);
	if (span_iis(name, "COUNT"))
		return parse_u32(value, UINT32_MAX, &r->count);
	if (span_iis(name, "UNTIL"))
		return pim_time_parse(value, &r->until);
	if (span_iis(name, "WKST")) {
		int day = recur_weekday(value);
		r->week_start = (uint8_t)(day < 0 ? 1 : day);
	} else if (span_iis(name, "RSCALE") && !span_iis(value, "GREGORIAN")) {
		return parse_name(value, a, &r->rscale);
	} else if (span_iis(name, "SKIP") && !span_iis(value, "OMIT")) {
		return parse_name(value, a, &r->skip);
	}
	return RC_OK;
}

enum rc
recur_parse(struct span rrule, struct arena *a, struct recur *ret)
{
	struct recur r = { .interval = 1, .week_start = 1 };
	bool has_freq = false;
	struct span part;

	while (span_cut(&rrule, ';', &part)) {
		size_t eq = span_find(part, 0, '=');
		struct span name = span_trim(span_sub(part, 0, eq));
		struct span value = span_trim(span_sub(part, eq + 1, part.n));
		enum rc rc = RC_OK;
		if (span_iis(name, "FREQ"))
			has_freq = parse_freq(value, &r.freq);
		else if (value.n > 0)
			rc = parse_part(name, value, a, &r);
		if (rc != RC_OK)
			return rc;
	}
	if (!has_freq)
		return RC_INVALID;
	if (r.interval == 0)
		r.interval = 1;
	if (r.count > 0)
		r.until.kind = PIM_TIME_NONE; /* never both, RFC 5545 3.3.10 */
	for (size_t i = 0; i < r.by_month.n; i++)
		r.is_leap_month |= r.by_month.v[i] > RECUR_LEAP_MONTH;
	*ret = r;
	return RC_OK;
}

static void
add_list(const char *name, const struct recur_list *l, struct buf *out)
{
	for (size_t i = 0; i < l->n; i++) {
		bool is_leap = l->v[i] > RECUR_LEAP_MONTH && strcmp(name, "BYMONTH") == 0;
		if (i == 0)
			buf_addf(out, ";%s=", name);
		buf_addf(out, "%s%d%s", i ? "," : "",
		         l->v[i] - (is_leap ? RECUR_LEAP_MONTH : 0), is_leap ? "L" : "");
	}
}

void
recur_write(const struct recur *r, struct buf *out)
{
	if (r->rscale || r->skip)
		buf_addf(out, "RSCALE=%s;", r->rscale ? r->rscale : "GREGORIAN");
	buf_addf(out, "FREQ=%s", freqs[r->freq]);
	if (r->interval > 1)
		buf_addf(out, ";INTERVAL=%u", r->interval);
	if (r->count > 0) {
		buf_addf(out, ";COUNT=%u", r->count);
	} else if (r->until.kind != PIM_TIME_NONE) {
		buf_add_str(out, ";UNTIL=");
		pim_time_write(&r->until, out);
	}
	add_list("BYSECOND", &r->by_second, out);
	add_list("BYMINUTE", &r->by_minute, out);
	add_list("BYHOUR", &r->by_hour, out);
	for (size_t i = 0; i < r->n_by_day; i++) {
		buf_add_str(out, i ? "," : ";BYDAY=");
		if (r->by_day[i].nth)
			buf_addf(out, "%d", r->by_day[i].nth);
		buf_add_str(out, recur_weekdays[r->by_day[i].weekday]);
	}
	add_list("BYMONTHDAY", &r->by_month_day, out);
	add_list("BYYEARDAY", &r->by_year_day, out);
	add_list("BYWEEKNO", &r->by_week, out);
	add_list("BYMONTH", &r->by_month, out);
	add_list("BYSETPOS", &r->by_set_pos, out);
	if (r->week_start != 1)
		buf_addf(out, ";WKST=%s", recur_weekdays[r->week_start]);
	if (r->skip)
		buf_addf(out, ";SKIP=%s", r->skip);
}

bool
recur_eq(const struct recur *a, const struct recur *b)
{
	AUTO_DONE(buf) struct buf x = BUF_INIT(0);
	AUTO_DONE(buf) struct buf y = BUF_INIT(0);

	/* Written, all that counts is in one form. */
	recur_write(a, &x);
	recur_write(b, &y);
	return span_eq(buf_span(&x), buf_span(&y));
}
