/* SPDX-License-Identifier: ISC
 *
 * tzone.h - time zones: the system's (tzdata), Windows', and those that calendars and
 * phones bring along.
 *
 * Rules come from /usr/share/zoneinfo, so that a tzdata update is enough; Windows' names
 * come from ICU. A zone of the system is read once and lives as long as the process;
 * functions may be called from any thread. Times are seconds since 1970-01-01 UTC.
 */
#ifndef FORMAT_TZONE_H
#define FORMAT_TZONE_H

#include "format/vobj.h"

struct tzone;

/* A date and a time of day, of no zone. */
struct civil {
	int16_t year;  /* 1 to 9999 */
	uint8_t month; /* 1 to 12 */
	uint8_t day;
	uint8_t hour;
	uint8_t minute;
	uint8_t second; /* to 59; leap seconds are read as 59 */
};

const struct tzone *tzone_utc(void);
/* IANA name or alias ("Europe/Berlin", "US/Pacific"), case ignored; NULL: unknown. */
const struct tzone *tzone_find(const char *id);
/*
 * Also Windows' names ("W. Europe Standard Time"), their display forms ("(UTC+01:00)
 * Amsterdam, Berlin..."), and names with something in front
 * ("/freeassociation.sourceforge.net/Europe/Berlin"); NULL: unknown.
 */
const struct tzone *tzone_resolve(const char *tzid);
/* IANA name; of a zone made from rules its TZID or "". Lives as long as the zone. */
const char *tzone_id(const struct tzone *z);
/* Windows' name by CLDR ("W. Europe Standard Time"), or NULL. Lives as long as the zone.
 */
const char *tzone_windows_id(const struct tzone *z);

/* Seconds east of UTC at that moment. */
int32_t tzone_offset(const struct tzone *z, int64_t utc, bool *ret_is_dst);
void tzone_local(const struct tzone *z, int64_t utc, struct civil *ret);
/*
 * RFC 5545 3.3.5: a local time that stands twice is the first of the two; one that is
 * skipped is read with the offset before the gap.
 */
int64_t tzone_utc_of(const struct tzone *z, const struct civil *local);
/* Same offsets from `from` on for the next ten years. */
bool tzone_same_rules(const struct tzone *a, const struct tzone *b, int64_t from);

/*
 * MS-ASDTYPE TimeZone: base64 of 172 bytes. First by its names (IANA or Windows), if they
 * fit the rules; then by the rules alone: hint (the user's zone, may be NULL) if it has
 * these, then the zone that stands for the Windows zone with these rules, then any IANA
 * zone; at last a zone of just these rules, in a. RC_INVALID: no such structure.
 */
enum rc tzone_from_blob(struct span base64, const struct tzone *hint, struct arena *a,
                        const struct tzone **ret) MUST_CHECK;
/* The structure with the rules of the year of utc. */
void tzone_to_blob(const struct tzone *z, int64_t utc, struct buf *out);

/*
 * A VTIMEZONE (TZID = tzid, or the zone's name when NULL) right from `from` on: one
 * observance with an RRULE for each yearly rule, RDATEs where a year did not follow it.
 */
struct vobj *tzone_to_vtimezone(const struct tzone *z, const char *tzid, int64_t from,
                                struct arena *a);
/*
 * The zone that a VTIMEZONE means: of the system by TZID, X-LIC-LOCATION or TZURL when
 * that names a place; else one of the system with its rules, or a zone of just these
 * rules, in a. RC_INVALID: no TZID, or neither a name nor rules.
 */
enum rc tzone_from_vtimezone(const struct vobj *vtimezone, struct arena *a,
                             const struct tzone **ret) MUST_CHECK;

/* Proleptic Gregorian, without any zone. */
int64_t civil_to_seconds(const struct civil *c);
void civil_from_seconds(int64_t s, struct civil *ret);
/* 0: Sunday. */
unsigned civil_weekday(const struct civil *c);

#endif
