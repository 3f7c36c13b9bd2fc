/* SPDX-License-Identifier: ISC
 *
 * tzone_calc.c - offsets, local times and the changes of a zone.
 */
#include "base/clock.h"
#include "format/tzone_private.h"

#define RULE_YEARS_MAX 9999

int64_t
civil_to_seconds(const struct civil *c)
{
	int64_t days = clock_days_from_civil(c->year, c->month, c->day);

	return days * TZONE_DAY + c->hour * 3600 + c->minute * 60 + c->second;
}

void
civil_from_seconds(int64_t s, struct civil *ret)
{
	int64_t days = s / TZONE_DAY, rest = s % TZONE_DAY;
	unsigned month, day;
	int year;

	if (rest < 0) {
		rest += TZONE_DAY;
		days--;
	}
	clock_civil_from_days(days, &year, &month, &day);
	*ret = (struct civil){
		.year = (int16_t)(year < 1                ? 1
		                  : year > RULE_YEARS_MAX ? RULE_YEARS_MAX
		                                          : year),
		.month = (uint8_t)month,
		.day = (uint8_t)day,
		.hour = (uint8_t)(rest / 3600),
		.minute = (uint8_t)(rest / 60 % 60),
		.second = (uint8_t)(rest % 60),
	};
}

unsigned
civil_weekday(const struct civil *c)
{
	int64_t days = clock_days_from_civil(c->year, c->month, c->day);
	int64_t weekday = (days + 4) % 7; /* 1970-01-01 was a Thursday */

	return (unsigned)(weekday < 0 ? weekday + 7 : weekday);
}

int64_t
tzone_year_start(int year)
{
	return clock_days_from_civil(year, 1, 1) * TZONE_DAY;
}

int
tzone_year_of(int64_t utc)
{
	struct civil c;

	civil_from_seconds(utc, &c);
	return c.year;
}

static bool
is_leap(int year)
{
	return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int64_t
nth_weekday(const struct tzone_rule *r, int year)
{
	struct civil first = { (int16_t)year, r->month, 1, 0, 0, 0 };
	int64_t day = clock_days_from_civil(year, r->month, 1);
	int64_t next = r->month == 12 ? clock_days_from_civil(year + 1, 1, 1)
	                              : clock_days_from_civil(year, r->month + 1u, 1);

	day += (r->weekday + 7u - civil_weekday(&first)) % 7 + 7 * (r->week - 1);
	while (day >= next)
		day -= 7;
	return day;
}

int64_t
tzone_rule_at(const struct tzone_rule *r, int year, int32_t offset_before)
{
	int64_t day = 0;

	switch (r->kind) {
	case TZONE_RULE_NTH:
		day = nth_weekday(r, year);
		break;
	case TZONE_RULE_JULIAN:
		day = clock_days_from_civil(year, 1, 1) + r->day - 1;
		day += is_leap(year) && r->day >= 60;
		break;
	case TZONE_RULE_DAY:
		day = clock_days_from_civil(year, 1, 1) + r->day;
		break;
	}
	return day * TZONE_DAY + r->time - offset_before;
}

static struct tzone_type
type_by_rules(const struct tzone *z, int64_t utc)
{
	if (!z->has_dst)
		return z->standard;
	int year = tzone_year_of(utc + z->standard.offset);
	int64_t start = tzone_rule_at(&z->dst_start, year, z->standard.offset);
	int64_t end = tzone_rule_at(&z->dst_end, year, z->dst.offset);
	bool is_dst = start < end ? utc >= start && utc < end : utc >= start || utc < end;

	return is_dst ? z->dst : z->standard;
}

struct tzone_type
tzone_type_at(const struct tzone *z, int64_t utc)
{
	size_t low = 0, high = z->n_changes;

	if (z->n_changes == 0 || utc < z->changes[0].at)
		return z->n_types ? z->types[z->first_type] : type_by_rules(z, utc);
	if (utc >= z->changes[high - 1].at && z->has_rules)
		return type_by_rules(z, utc);
	/* The last change that is not behind utc. */
	while (high - low > 1) {
		size_t mid = (low + high) / 2;
		if (z->changes[mid].at <= utc)
			low = mid;
		else
			high = mid;
	}
	return z->types[z->changes[low].type];
}

int32_t
tzone_offset(const struct tzone *z, int64_t utc, bool *ret_is_dst)
{
	struct tzone_type type = tzone_type_at(z, utc);

	if (ret_is_dst)
		*ret_is_dst = type.is_dst;
	return type.offset;
}

void
tzone_local(const struct tzone *z, int64_t utc, struct civil *ret)
{
	civil_from_seconds(utc + tzone_offset(z, utc, NULL), ret);
}

int64_t
tzone_utc_of(const struct tzone *z, const struct civil *local)
{
	int64_t s = civil_to_seconds(local);
	/* No zone changes twice within two days. */
	int32_t before = tzone_offset(z, s - TZONE_DAY, NULL);
	int32_t after = tzone_offset(z, s + TZONE_DAY, NULL);

	if (before == after || tzone_offset(z, s - before, NULL) == before)
		return s - before;
	if (tzone_offset(z, s - after, NULL) == after)
		return s - after;
	return s - before;
}

/* The next change of the rules behind `after`, of whatever offset. */
static int64_t
next_by_rules(const struct tzone *z, int64_t after)
{
	int year = tzone_year_of(after);
	int64_t best = INT64_MAX;

	if (!z->has_dst)
		return INT64_MAX;
	for (int y = year - 1; y <= year + 1 && y <= RULE_YEARS_MAX; y++) {
		int64_t start = tzone_rule_at(&z->dst_start, y, z->standard.offset);
		int64_t end = tzone_rule_at(&z->dst_end, y, z->dst.offset);
		if (start > after && start < best)
			best = start;
		if (end > after && end < best)
			best = end;
	}
	return best;
}

static int64_t
next_any(const struct tzone *z, int64_t after)
{
	size_t low = 0, high = z->n_changes;

	/* The first change behind `after`. */
	while (low < high) {
		size_t mid = (low + high) / 2;
		if (z->changes[mid].at <= after)
			low = mid + 1;
		else
			high = mid;
	}
	if (low < z->n_changes)
		return z->changes[low].at;
	return z->has_rules ? next_by_rules(z, after) : INT64_MAX;
}

bool
tzone_next_change(const struct tzone *z, int64_t after, int64_t until, int64_t *ret_at,
                  struct tzone_type *ret_before, struct tzone_type *ret_after)
{
	for (int64_t at = next_any(z, after); at <= until; at = next_any(z, at)) {
		struct tzone_type before = tzone_type_at(z, at - 1);
		struct tzone_type now = tzone_type_at(z, at);
		if (before.offset == now.offset)
			continue;
		*ret_at = at;
		*ret_before = before;
		*ret_after = now;
		return true;
	}
	return false;
}

static bool
is_same_until(const struct tzone *a, const struct tzone *b, int64_t from, int64_t until)
{
	struct tzone_type before, after_a, after_b;
	int64_t at_a, at_b;

	if (tzone_offset(a, from, NULL) != tzone_offset(b, from, NULL))
		return false;
	for (int64_t t = from;; t = at_a) {
		bool more_a = tzone_next_change(a, t, until, &at_a, &before, &after_a);
		bool more_b = tzone_next_change(b, t, until, &at_b, &before, &after_b);
		if (!more_a && !more_b)
			return true;
		if (more_a != more_b || at_a != at_b || after_a.offset != after_b.offset)
			return false;
	}
}

bool
tzone_same_rules(const struct tzone *a, const struct tzone *b, int64_t from)
{
	return is_same_until(a, b, from, from + 3653LL * TZONE_DAY);
}

bool
tzone_same_year(const struct tzone *a, const struct tzone *b, int year)
{
	return is_same_until(a, b, tzone_year_start(year), tzone_year_start(year + 1));
}
