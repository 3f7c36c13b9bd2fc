/* SPDX-License-Identifier: ISC
 *
 * pim.h - what contacts, events, tasks and notes have in common.
 *
 * The store keeps a contact as vCard 4.0, an event or task as iCalendar, a note as
 * VJOURNAL: text that any tool can read. pim_contact.h, pim_event.h, pim_task.h and
 * pim_note.h are the plain structs that protocols map to. A struct that was parsed knows
 * the text it came from: writing it changes what was changed in the struct and leaves all
 * else as it was, known to us or not. So an edit is: parse, change fields, write.
 *
 * Everything lies in the arena that was given when it was made; strings that a caller
 * puts in must live as long. Strings are UTF-8; NULL means absent (an empty string is
 * written as absent too).
 */
#ifndef FORMAT_PIM_H
#define FORMAT_PIM_H

#include "format/tzone.h"

enum pim_time_kind {
	PIM_TIME_NONE,     /* absent */
	PIM_TIME_DATE,     /* a whole day, the same date everywhere */
	PIM_TIME_FLOATING, /* local time wherever one is */
	PIM_TIME_UTC,
	PIM_TIME_ZONED, /* local time of zone */
};

struct pim_time {
	enum pim_time_kind kind;
	struct civil at; /* of a date: hour, minute and second are 0 */
	/* Of PIM_TIME_ZONED, never NULL. */
	const struct tzone *zone;
	/* TZID as written; NULL: tzone_id(zone). */
	const char *tzid;
};

/* kind ZONED in zone; UTC when zone is NULL or UTC. */
struct pim_time pim_time_of(int64_t utc, const struct tzone *zone);
struct pim_time pim_date(int year, unsigned month, unsigned day);
/*
 * Seconds since the epoch; dates and floating times are taken in zone (NULL: UTC).
 * INT64_MIN for PIM_TIME_NONE.
 */
int64_t pim_time_utc(const struct pim_time *t, const struct tzone *zone);
/* Same kind, civil time and zone. */
bool pim_time_eq(const struct pim_time *a, const struct pim_time *b);
/*
 * DATE and DATE-TIME of RFC 5545 3.3.4 and 3.3.5, without a zone: "20260131",
 * "20260131T090000", "20260131T090000Z"; also with dashes and colons, and fractions of a
 * second, as ActiveSync has them. RC_INVALID: no such date.
 */
enum rc pim_time_parse(struct span s, struct pim_time *ret) MUST_CHECK;
void pim_time_write(const struct pim_time *t, struct buf *out);
/*
 * The day that an all-day event of ActiveSync before 16.0 means (midnight in its zone, as
 * UTC); where the client rounded to some other midnight, the nearest day in zone.
 */
struct pim_time pim_date_of_midnight(int64_t utc, const struct tzone *zone);

/* A day of a calendar; year 0: the year is not known. month 0: absent. */
struct pim_day {
	int16_t year;
	uint8_t month;
	uint8_t day;
};

/* Either or both; html alone has its plain text made when it is written. */
struct pim_body {
	const char *plain;
	const char *html;
};

/* Sets one and drops what no longer fits: plain alone, or html with its plain text. */
void pim_body_set_plain(struct pim_body *b, const char *plain);
void pim_body_set_html(struct pim_body *b, const char *html, struct arena *a);

/* NULL-terminated list of strings; NULL: none. */
typedef const char *const *pim_strings;

/* CLASS; numbers as MS-ASCAL 2.2.2.41 and MS-ASTASK have them. */
enum pim_sensitivity {
	PIM_SENSITIVITY_NORMAL = 0,
	PIM_SENSITIVITY_PERSONAL = 1,
	PIM_SENSITIVITY_PRIVATE = 2,
	PIM_SENSITIVITY_CONFIDENTIAL = 3,
};

/* A new UID: 122 random bits as a UUID (RFC 4122 4.4), in a. */
const char *pim_uid_new(struct arena *a);

#endif
