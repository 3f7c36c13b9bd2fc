/* SPDX-License-Identifier: ISC
 *
 * fuzz_tzone.c - time zones of phones (172 bytes) and rules of recurrence in all
 * grammars.
 *
 * The first byte says which. A zone that was understood is written and must say the same
 * again; a rule's starts come in order, and those that the iterator of libical finds are
 * the same where it can be trusted to end.
 */
#include <libical/ical.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/encode.h"
#include "format/recur.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(condition)                                                                 \
	do {                                                                             \
		if (!(condition))                                                        \
			abort();                                                         \
	} while (0)

#define NOW 1700000000
#define STARTS_MAX 30

static void
check_blob(struct span s, struct arena *a)
{
	AUTO_DONE(buf) struct buf base64 = BUF_INIT(0);
	AUTO_DONE(buf) struct buf again = BUF_INIT(0);
	const struct tzone *z, *y;

	base64_encode(s, &base64);
	if (tzone_from_blob(buf_span(&base64), NULL, a, &z) != RC_OK)
		return;
	tzone_to_blob(z, NOW, &again);
	CHECK(tzone_from_blob(buf_span(&again), z, a, &y) == RC_OK);
	CHECK(tzone_offset(z, NOW, NULL) == tzone_offset(y, NOW, NULL));
	struct vobj *tz = tzone_to_vtimezone(z, "own", NOW, a);
	CHECK(tzone_from_vtimezone(tz, a, &y) == RC_OK);
	for (int64_t t = NOW; t < NOW + 300LL * 86400; t += 86400) {
		struct civil c;
		tzone_local(z, t, &c);
		int64_t back = tzone_utc_of(z, &c);
		CHECK(back - t < 200000 && t - back < 200000);
	}
}

struct starts {
	int64_t at[STARTS_MAX];
	size_t n;
};

static bool
note_start(const struct civil *c, void *arg)
{
	struct starts *s = arg;

	s->at[s->n] = civil_to_seconds(c);
	CHECK(s->n == 0 || s->at[s->n] > s->at[s->n - 1]);
	return ++s->n < STARTS_MAX;
}

static int64_t
seconds_of(struct icaltimetype t)
{
	struct civil c = { (int16_t)t.year, (uint8_t)t.month,  (uint8_t)t.day,
		           (uint8_t)t.hour, (uint8_t)t.minute, (uint8_t)t.second };

	return civil_to_seconds(&c);
}

/* Rules of days and more, with nothing that libical understands otherwise. */
static bool
is_comparable(const struct recur *r, const struct starts *s)
{
	for (size_t i = 0; i < r->n_by_day; i++) {
		if (r->by_day[i].nth && r->freq != RECUR_MONTHLY)
			return false;
	}
	return s->n >= 3 && r->freq >= RECUR_DAILY && !r->rscale && !r->skip &&
	       r->by_week.n == 0 && r->by_year_day.n == 0 && r->by_set_pos.n == 0 &&
	       r->by_second.n == 0 && r->by_minute.n == 0 && r->by_hour.n == 0 &&
	       r->interval < 400 && r->until.kind == PIM_TIME_NONE &&
	       !(r->freq == RECUR_WEEKLY && r->by_month_day.n) &&
	       /* libical takes the start's month for what RFC 5545 expands to all. */
	       !(r->freq == RECUR_YEARLY && r->by_month_day.n &&
	         (r->n_by_day || r->by_month.n == 0));
}

static void
compare(const struct recur *r, const struct civil *start, const struct starts *s)
{
	AUTO_DONE(buf) struct buf text = BUF_INIT(0);
	struct icaltimetype t = icaltime_null_time();
	size_t i = 1;

	if (!is_comparable(r, s))
		return;
	recur_write(r, &text);
	buf_add_char(&text, '\0');
	struct icalrecurrencetype rule = icalrecurrencetype_from_string(text.p);
	t.year = start->year;
	t.month = start->month;
	t.day = start->day;
	t.hour = start->hour;
	icalrecur_iterator *it =
		rule.freq == ICAL_NO_RECURRENCE ? NULL : icalrecur_iterator_new(rule, t);
	free(rule.rscale);
	if (!it)
		return;
	while (i < s->n) {
		t = icalrecur_iterator_next(it);
		if (icaltime_is_null_time(t))
			break;
		if (seconds_of(t) <= s->at[0])
			continue;
		CHECK(seconds_of(t) == s->at[i]);
		i++;
	}
	icalrecur_iterator_free(it);
}

static void
check_rule(struct span s, bool is_1_0, struct arena *a)
{
	struct pim_time start = pim_time_of(NOW, NULL);
	struct civil from = { 2000, 1, 1, 0, 0, 0 }, to = { 2090, 1, 1, 0, 0, 0 };
	AUTO_DONE(buf) struct buf text = BUF_INIT(0);
	struct starts starts = { .n = 0 };
	struct recur r, again;
	struct recur_eas e;

	enum rc rc = is_1_0 ? recur_parse_1_0(s, a, &r) : recur_parse(s, a, &r);
	if (rc != RC_OK)
		return;
	recur_write(&r, &text);
	CHECK(recur_parse(buf_span(&text), a, &again) == RC_OK);
	CHECK(recur_eq(&r, &again));
	start.at.minute = start.at.second = 0;
	rc = recur_each(&r, &start, NULL, &from, &to, 3000, note_start, &starts);
	CHECK(starts.n >= 1 || rc != RC_OK);
	compare(&r, &start.at, &starts);
	buf_clear(&text);
	if (recur_write_1_0(&r, &start, &text) == RC_OK)
		CHECK(recur_parse_1_0(buf_span(&text), a, &again) == RC_OK);
	if (recur_to_eas(&r, &start, NULL, &e) == RC_OK) {
		CHECK(recur_from_eas(&e, &start, NULL, a, &again) == RC_OK);
		struct recur_eas same;
		CHECK(recur_to_eas(&again, &start, NULL, &same) == RC_OK);
		CHECK(recur_eas_eq(&e, &same));
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(arena)
	struct arena *a = arena_new();

	if (size < 1)
		return 0;
	clock_fake_start(NOW * 1000LL);
	struct span s = span_of((const char *)data + 1, size - 1);
	if (data[0] == 'z')
		check_blob(s, a);
	else
		check_rule(s, data[0] == '1', a);
	return 0;
}
