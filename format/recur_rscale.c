/* SPDX-License-Identifier: ISC
 *
 * recur_rscale.c - series in other calendars (RFC 7529), by libical's iterator.
 *
 * It looks for the next start without a bound of its own, so only rules of months and
 * their days go there, which is what MS-ASCAL's CalendarType can say.
 */
#include <libical/ical.h>
#include <stdlib.h>

#include "format/recur_private.h"

#define STARTS_MAX 2000
/* Months of the calendars that ICU knows have no more days. */
#define MONTH_DAYS 31

static struct icaltimetype
to_ical(int64_t seconds)
{
	struct icaltimetype t = icaltime_null_time();
	struct civil c;

	civil_from_seconds(seconds, &c);
	t.year = c.year;
	t.month = c.month;
	t.day = c.day;
	t.hour = c.hour;
	t.minute = c.minute;
	t.second = c.second;
	return t;
}

static bool
is_simple(const struct recur *r)
{
	for (size_t i = 0; i < r->by_month_day.n; i++) {
		int day = r->by_month_day.v[i];
		/* Lunar months are of 29 or 30 days: the 31st would never come. */
		if (day < -29 || day == 0 || day > (r->rscale ? 30 : MONTH_DAYS))
			return false;
	}
	return (r->freq == RECUR_MONTHLY || r->freq == RECUR_YEARLY) &&
	       r->interval < 1000 && r->n_by_day == 0 && r->by_year_day.n == 0 &&
	       r->by_week.n == 0 && r->by_set_pos.n == 0 && r->by_hour.n == 0 &&
	       r->by_minute.n == 0 && r->by_second.n == 0;
}

static icalrecur_iterator *
new_iterator(const struct recur *r, int64_t first, int64_t last)
{
	AUTO_DONE(buf) struct buf text = BUF_INIT(0);
	struct recur rule = *r;

	rule.count = 0;
	rule.until.kind = PIM_TIME_FLOATING;
	civil_from_seconds(last, &rule.until.at);
	recur_write(&rule, &text);
	buf_add_char(&text, '\0');
	struct icalrecurrencetype ical = icalrecurrencetype_from_string(text.p);
	icalrecur_iterator *it = NULL;
	if (ical.freq != ICAL_NO_RECURRENCE)
		it = icalrecur_iterator_new(ical, to_ical(first));
	free(ical.rscale);
	return it;
}

enum rc
recur_each_rscale(const struct recur *r, const struct pim_time *start, int64_t until,
                  int64_t low, int64_t high, uint32_t left, recur_fn *fn, void *arg)
{
	int64_t first = civil_to_seconds(&start->at);
	int64_t last = until < high ? until : high;
	enum rc rc = RC_OK;

	if (!is_simple(r))
		return RC_UNSUPPORTED;
	icalrecur_iterator *it = new_iterator(r, first, last);
	if (!it)
		return RC_UNSUPPORTED;
	for (size_t n = 0;; n++) {
		struct icaltimetype t = icalrecur_iterator_next(it);
		if (icaltime_is_null_time(t) || t.year > 9999)
			break;
		struct civil c = { (int16_t)t.year, (uint8_t)t.month, (uint8_t)t.day,
			           start->at.hour,  start->at.minute, start->at.second };
		int64_t at = civil_to_seconds(&c);
		if (at > last)
			break;
		if (n == STARTS_MAX) {
			rc = RC_TOO_BIG;
			break;
		}
		if (at <= first)
			continue;
		if ((at >= low && !fn(&c, arg)) || --left == 0)
			break;
	}
	icalrecur_iterator_free(it);
	return rc;
}
