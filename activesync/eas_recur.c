/* SPDX-License-Identifier: ISC
 *
 * eas_recur.c - the Recurrence element.
 */
#include "activesync/eas_recur.h"

#include "activesync/eas_pim.h"

#define TAGS(page)                                                                       \
	.type = WBXML_##page##_TYPE, .until = WBXML_##page##_UNTIL,                      \
	.occurrences = WBXML_##page##_OCCURRENCES, .interval = WBXML_##page##_INTERVAL,  \
	.day_of_week = WBXML_##page##_DAYOFWEEK,                                         \
	.day_of_month = WBXML_##page##_DAYOFMONTH,                                       \
	.week_of_month = WBXML_##page##_WEEKOFMONTH,                                     \
	.month_of_year = WBXML_##page##_MONTHOFYEAR,                                     \
	.calendar_type = WBXML_##page##_CALENDARTYPE,                                    \
	.is_leap_month = WBXML_##page##_ISLEAPMONTH,                                     \
	.first_day_of_week = WBXML_##page##_FIRSTDAYOFWEEK

const struct eas_recur_tags eas_recur_calendar = { TAGS(CALENDAR) };
/* MS-ASEMAIL 2.2.2.60: some of its children are of another namespace. */
const struct eas_recur_tags eas_recur_email = {
	.type = WBXML_EMAIL_TYPE,
	.until = WBXML_EMAIL_UNTIL,
	.occurrences = WBXML_EMAIL_OCCURRENCES,
	.interval = WBXML_EMAIL_INTERVAL,
	.day_of_week = WBXML_EMAIL_DAYOFWEEK,
	.day_of_month = WBXML_EMAIL_DAYOFMONTH,
	.week_of_month = WBXML_EMAIL_WEEKOFMONTH,
	.month_of_year = WBXML_EMAIL_MONTHOFYEAR,
	.calendar_type = WBXML_EMAIL2_CALENDARTYPE,
	.is_leap_month = WBXML_EMAIL2_ISLEAPMONTH,
	.first_day_of_week = WBXML_EMAIL2_FIRSTDAYOFWEEK,
	.has_leap_month = true,
};
const struct eas_recur_tags eas_recur_task = { TAGS(TASKS), .is_until_iso = true };

static uint32_t
number(const struct wbxml_node *n, wbxml_tag tag, uint32_t max, uint32_t absent,
       bool *bad)
{
	uint32_t v = absent;
	enum rc rc = wbxml_child_u32(n, tag, max, &v);
	const struct wbxml_node *child = wbxml_child(n, tag);

	if (rc == RC_OK)
		return v;
	if (rc != RC_NOT_FOUND && child && child->text.n > 0)
		*bad = true;
	return absent;
}

/* Elements that mean nothing with the type, MS-ASCAL 3.2.5.1 and MS-ASTASK 2.2.2. */
static bool
is_misplaced(const struct wbxml_node *n, const struct eas_recur_tags *t,
             enum recur_eas_type type)
{
	const struct {
		wbxml_tag tag;
		unsigned types; /* bits of those that it belongs to */
	} rules[] = {
		{ t->day_of_week, 1u << 0 | 1u << 1 | 1u << 3 | 1u << 6 },
		{ t->day_of_month, 1u << 2 | 1u << 5 },
		{ t->week_of_month, 1u << 3 | 1u << 6 },
		{ t->month_of_year, 1u << 5 | 1u << 6 },
		{ t->calendar_type, 1u << 2 | 1u << 3 | 1u << 5 | 1u << 6 },
	};

	for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
		if (wbxml_child_text(n, rules[i].tag).n > 0 &&
		    !(rules[i].types & 1u << type))
			return true;
	}
	return false;
}

/* MS-ASCAL 2.2.2.10, and 23, Umm al-Qura, which others write. */
static bool
is_calendar(uint8_t type)
{
	return type <= 12 || type == 14 || type == 15 || type == 20 || type == 23;
}

enum rc
eas_recur_read(const struct wbxml_node *n, const struct eas_recur_tags *t,
               struct recur_eas *ret)
{
	const struct wbxml_node *until = wbxml_child(n, t->until);
	const struct wbxml_node *calendar;
	struct recur_eas e = { 0 };
	bool bad = false;
	uint32_t type = number(n, t->type, 6, 7, &bad);
	uint32_t first = number(n, t->first_day_of_week, 6, 7, &bad);
	int64_t utc;

	if (type == 4 || type == 7)
		return RC_INVALID;
	e.type = (enum recur_eas_type)type;
	e.interval = (uint16_t)number(n, t->interval, 999, 1, &bad);
	if (e.interval == 0)
		e.interval = 1;
	e.occurrences = (uint16_t)number(n, t->occurrences, 999, 0, &bad);
	e.day_of_week = (uint8_t)number(n, t->day_of_week, 127, 0, &bad);
	e.day_of_month = (uint8_t)number(n, t->day_of_month, 127, 0, &bad);
	e.week_of_month = (uint8_t)number(n, t->week_of_month, 5, 0, &bad);
	e.month_of_year = (uint8_t)number(n, t->month_of_year, 12, 0, &bad);
	e.calendar_type = (uint8_t)number(n, t->calendar_type, 255, 0, &bad);
	e.is_leap_month = number(n, t->is_leap_month, 1, 0, &bad) != 0;
	e.first_day_of_week = first == 7 ? -1 : (int8_t)first;
	if (until && until->text.n > 0) {
		if (eas_time_parse(until->text, &utc) != RC_OK)
			return RC_INVALID;
		e.until = pim_time_of(utc, NULL);
	}
	calendar = wbxml_child(n, t->calendar_type);
	if (bad || is_misplaced(n, t, e.type) || !is_calendar(e.calendar_type) ||
	    (calendar && wbxml_next(calendar, t->calendar_type)))
		return RC_INVALID;
	*ret = e;
	return RC_OK;
}

static void
put(struct wbxml_writer *w, wbxml_tag tag, unsigned v)
{
	if (v != 0)
		wbxml_u64(w, tag, v);
}

void
eas_recur_write(const struct recur_eas *e, const struct eas_recur_tags *t,
                uint16_t version, struct wbxml_writer *w)
{
	char time[EAS_TIME_SIZE];

	wbxml_u64(w, t->type, e->type);
	put(w, t->occurrences, e->occurrences);
	wbxml_u64(w, t->interval, e->interval);
	put(w, t->week_of_month, e->week_of_month);
	put(w, t->day_of_week, e->day_of_week);
	put(w, t->month_of_year, e->month_of_year);
	put(w, t->day_of_month, e->day_of_month);
	if (e->until.kind != PIM_TIME_NONE) {
		int64_t utc = pim_time_utc(&e->until, NULL);
		wbxml_str(w, t->until,
		          t->is_until_iso ? eas_time_iso(utc, time)
		                          : eas_time_compact(utc, time));
	}
	/* MS-ASCAL 2.2.2.10: it stands with each type that counts days of months. */
	if (version >= 140) {
		if (e->type > RECUR_EAS_WEEKLY)
			wbxml_u64(w, t->calendar_type, e->calendar_type);
		if (e->is_leap_month ||
		    (t->has_leap_month && e->type >= RECUR_EAS_YEARLY))
			wbxml_u64(w, t->is_leap_month, e->is_leap_month);
	}
	/* MS-ASCAL 3.2.5.1: always with a weekly one. A rule without a word of it means
	 * Monday. */
	if (version >= 141 && e->first_day_of_week >= 0)
		wbxml_u64(w, t->first_day_of_week, (unsigned)e->first_day_of_week);
	else if (version >= 141 && e->type == RECUR_EAS_WEEKLY)
		wbxml_u64(w, t->first_day_of_week, 1);
}
