/* SPDX-License-Identifier: ISC
 *
 * recur_vcal.c - the recurrence grammar of vCalendar 1.0 (Versit, "Recurrence Rules").
 *
 * "D2 #5": every 2 days, 5 times; "W1 MO WE 20261231T000000Z"; "MP1 1+ MO 2- FR #0" by
 * position; "MD1 5 2- LD #12" by day; "YM1 6 7 #3" by month; "YD1 100 #2" by day of the
 * year. "#0" is for ever; without "#" it is twice.
 */
#include "format/recur_private.h"

#define ITEMS_MAX 100
#define DEFAULT_COUNT 2

struct rule_1_0 {
	int16_t numbers[ITEMS_MAX];
	size_t n_numbers;
	struct recur_day days[ITEMS_MAX];
	size_t n_days;
};

/* "2-" and "1+"; "LD" is the last day. */
static bool
parse_number(struct span s, int16_t *ret)
{
	bool is_negative = s.n > 1 && s.p[s.n - 1] == '-';
	uint32_t v;

	if (span_iis(s, "LD")) {
		*ret = -1;
		return true;
	}
	if (s.n > 1 && (s.p[s.n - 1] == '-' || s.p[s.n - 1] == '+'))
		s = span_sub(s, 0, s.n - 1);
	if (parse_u32(s, 366, &v) != RC_OK || v == 0)
		return false;
	*ret = (int16_t)(is_negative ? -(int)v : (int)v);
	return true;
}

/* One word behind the frequency. */
static enum rc
take_word(struct span word, bool is_by_position, struct rule_1_0 *x, struct recur *r,
          int16_t *position)
{
	struct pim_time t;
	int weekday = recur_weekday(word);
	int16_t v;

	if (word.p[0] == '#')
		return parse_u32(span_sub(word, 1, word.n), UINT32_MAX, &r->count);
	if (word.n >= 8 && pim_time_parse(word, &t) == RC_OK) {
		r->until = t;
		return RC_OK;
	}
	if (word.p[word.n - 1] == '$')
		return RC_OK; /* the last weekly occurrence marker changes no start */
	if (weekday >= 0) {
		if (x->n_days == ITEMS_MAX)
			return RC_TOO_BIG;
		x->days[x->n_days++] =
			(struct recur_day){ (int8_t)weekday,
			                    (int8_t)(is_by_position ? *position : 0) };
		return RC_OK;
	}
	if (word.n == 4 && parse_number(word, &v) != true)
		return RC_UNSUPPORTED; /* several times a day: "0600 1200" */
	if (!parse_number(word, &v))
		return RC_INVALID;
	if (is_by_position) {
		*position = v;
		return v >= -5 && v <= 5 ? RC_OK : RC_INVALID;
	}
	if (x->n_numbers == ITEMS_MAX)
		return RC_TOO_BIG;
	x->numbers[x->n_numbers++] = v;
	return RC_OK;
}

static bool
take_freq(struct span *word, struct recur *r, bool *ret_is_position)
{
	static const struct {
		const char *name;
		enum recur_freq freq;
	} freqs[] = {
		{ "MP", RECUR_MONTHLY }, { "MD", RECUR_MONTHLY }, { "YM", RECUR_YEARLY },
		{ "YD", RECUR_YEARLY },  { "D", RECUR_DAILY },    { "W", RECUR_WEEKLY },
	};
	uint32_t interval;

	for (size_t i = 0; i < ARRAY_LEN(freqs); i++) {
		if (!span_istarts(*word, freqs[i].name))
			continue;
		r->freq = freqs[i].freq;
		*ret_is_position = i == 0;
		struct span n = span_sub(*word, strlen(freqs[i].name), word->n);
		if (parse_u32(n, 9999, &interval) != RC_OK || interval == 0)
			return false;
		r->interval = interval;
		return true;
	}
	return false;
}

enum rc
recur_parse_1_0(struct span rule, struct arena *a, struct recur *ret)
{
	struct recur r = { .week_start = 1, .count = UINT32_MAX };
	struct rule_1_0 x = { .n_days = 0 };
	struct span first, word;
	bool is_position;
	int16_t position = 1;

	rule = span_trim(rule);
	if (!span_cut(&rule, ' ', &first) || !take_freq(&first, &r, &is_position))
		return RC_INVALID;
	bool is_day_of_year = span_istarts(first, "YD"),
	     is_month = span_istarts(first, "YM");
	while (span_cut(&rule, ' ', &word)) {
		enum rc rc = word.n > 0 ? take_word(word, is_position, &x, &r, &position)
		                        : RC_OK;
		if (rc != RC_OK)
			return rc;
	}
	if (r.count == UINT32_MAX)
		r.count = r.until.kind == PIM_TIME_NONE ? DEFAULT_COUNT : 0;
	if (r.count > 0)
		r.until.kind = PIM_TIME_NONE;
	int16_t *numbers = arena_array(a, x.n_numbers, int16_t);
	struct recur_day *days = arena_array(a, x.n_days, struct recur_day);
	memcpy(numbers, x.numbers, x.n_numbers * sizeof(*numbers));
	memcpy(days, x.days, x.n_days * sizeof(*days));
	struct recur_list list = { numbers, x.n_numbers };
	if (is_day_of_year)
		r.by_year_day = list;
	else if (is_month)
		r.by_month = list;
	else
		r.by_month_day = list;
	int most = is_month ? 12 : is_day_of_year ? 366 : 31;
	for (size_t i = 0; i < list.n; i++) {
		if (list.v[i] > most || list.v[i] < (is_month ? 1 : -most))
			return RC_INVALID;
	}
	if (list.n > 0 && r.freq <= RECUR_WEEKLY)
		return RC_UNSUPPORTED; /* "D1 0100": a time */
	r.by_day = days;
	r.n_by_day = x.n_days;
	*ret = r;
	return RC_OK;
}

static void
add_position(int v, struct buf *out)
{
	buf_addf(out, " %d%s", v < 0 ? -v : v, v < 0 ? "-" : "");
}

static void
add_list(const struct recur_list *l, struct buf *out)
{
	for (size_t i = 0; i < l->n; i++)
		add_position(l->v[i], out);
}

static bool
write_monthly(const struct recur *r, const struct pim_time *start, struct buf *out)
{
	if (r->by_month.n > 0)
		return false;
	if (r->n_by_day == 0) {
		if (r->by_set_pos.n > 0)
			return false;
		buf_addf(out, "MD%u", r->interval);
		if (r->by_month_day.n == 0)
			buf_addf(out, " %d", start->at.day);
		add_list(&r->by_month_day, out);
		return true;
	}
	if (r->by_month_day.n > 0 || r->by_set_pos.n > 1)
		return false;
	buf_addf(out, "MP%u", r->interval);
	for (size_t i = 0; i < r->n_by_day; i++) {
		int nth = r->by_day[i].nth;
		if (nth == 0 && r->n_by_day == 1 && r->by_set_pos.n == 1)
			nth = r->by_set_pos.v[0];
		else if (r->by_set_pos.n > 0)
			return false;
		if (nth == 0 || nth < -5 || nth > 5)
			return false;
		buf_addf(out, " %d%c %s", nth < 0 ? -nth : nth, nth < 0 ? '-' : '+',
		         recur_weekdays[r->by_day[i].weekday]);
	}
	return true;
}

static bool
write_yearly(const struct recur *r, const struct pim_time *start, struct buf *out)
{
	if (r->n_by_day > 0 || r->by_set_pos.n > 0)
		return false;
	if (r->by_year_day.n > 0) {
		if (r->by_month.n > 0 || r->by_month_day.n > 0)
			return false;
		buf_addf(out, "YD%u", r->interval);
		add_list(&r->by_year_day, out);
		return true;
	}
	/* YM repeats the day of the start. */
	if (r->by_month_day.n > 1 ||
	    (r->by_month_day.n == 1 &&
	     (r->by_month_day.v[0] != start->at.day || r->by_month.n == 0)))
		return false;
	buf_addf(out, "YM%u", r->interval);
	if (r->by_month.n == 0)
		buf_addf(out, " %d", start->at.month);
	add_list(&r->by_month, out);
	return true;
}

static bool
write_pattern(const struct recur *r, const struct pim_time *start, struct buf *out)
{
	switch (r->freq) {
	case RECUR_DAILY:
		buf_addf(out, "D%u", r->interval);
		return !r->n_by_day && !r->by_month.n && !r->by_month_day.n &&
		       !r->by_set_pos.n;
	case RECUR_WEEKLY:
		buf_addf(out, "W%u", r->interval);
		if (r->n_by_day == 0)
			buf_addf(out, " %s", recur_weekdays[civil_weekday(&start->at)]);
		for (size_t i = 0; i < r->n_by_day; i++)
			buf_addf(out, " %s", recur_weekdays[r->by_day[i].weekday]);
		return !r->by_month.n && !r->by_set_pos.n;
	case RECUR_MONTHLY:
		return write_monthly(r, start, out);
	case RECUR_YEARLY:
		return write_yearly(r, start, out);
	case RECUR_HOURLY:
	case RECUR_MINUTELY:
	case RECUR_SECONDLY:
		break;
	}
	return false;
}

enum rc
recur_write_1_0(const struct recur *r, const struct pim_time *start, struct buf *out)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);

	if (r->rscale || r->skip || r->is_leap_month || r->by_hour.n || r->by_minute.n ||
	    r->by_second.n || r->by_week.n ||
	    (r->by_year_day.n && r->freq != RECUR_YEARLY) || !write_pattern(r, start, &b))
		return RC_UNSUPPORTED;
	if (r->until.kind != PIM_TIME_NONE) {
		struct pim_time until = r->until;
		if (until.kind == PIM_TIME_DATE && start->kind != PIM_TIME_DATE) {
			until.kind = PIM_TIME_FLOATING;
			until.at.hour = 23;
			until.at.minute = until.at.second = 59;
		}
		buf_add_char(&b, ' ');
		pim_time_write(&until, &b);
	} else {
		buf_addf(&b, " #%u", r->count);
	}
	buf_move(out, &b);
	return RC_OK;
}
