/* SPDX-License-Identifier: ISC
 *
 * eas_recur.h - the Recurrence element, of events (MS-ASCAL 2.2.2.37), tasks (MS-ASTASK
 * 2.2.2.18) and meeting requests (MS-ASEMAIL 2.2.2.65): the same children in three
 * namespaces.
 */
#ifndef ACTIVESYNC_EAS_RECUR_H
#define ACTIVESYNC_EAS_RECUR_H

#include "activesync/eas_private.h"
#include "format/recur.h"

struct eas_recur_tags {
	wbxml_tag type;
	wbxml_tag until;
	wbxml_tag occurrences;
	wbxml_tag interval;
	wbxml_tag day_of_week;
	wbxml_tag day_of_month;
	wbxml_tag week_of_month;
	wbxml_tag month_of_year;
	wbxml_tag calendar_type;
	wbxml_tag is_leap_month;
	wbxml_tag first_day_of_week;
	bool is_until_iso; /* "2026-11-22T..." instead of "20261122T..." */
	/* IsLeapMonth stands with every yearly rule, not only with a leap month. */
	bool has_leap_month;
};
extern const struct eas_recur_tags eas_recur_calendar;
extern const struct eas_recur_tags eas_recur_email;
extern const struct eas_recur_tags eas_recur_task;

/* The children of n. RC_INVALID: not MS-ASCAL's. */
enum rc eas_recur_read(const struct wbxml_node *n, const struct eas_recur_tags *t,
                       struct recur_eas *ret) MUST_CHECK;
/* As children of the open element, what the version knows. */
void eas_recur_write(const struct recur_eas *e, const struct eas_recur_tags *t,
                     uint16_t version, struct wbxml_writer *w);

#endif
