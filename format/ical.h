/* SPDX-License-Identifier: ISC
 *
 * ical.h - calendars as iCalendar 2.0 (RFC 5545, 7986) and vCalendar 1.0 (Versit).
 *
 * What is read becomes a VCALENDAR 2.0 tree, which is what the store keeps, one item a
 * tree: all components of one UID (a series with its exceptions) and the VTIMEZONEs that
 * they name. vCalendar's own grammar (RRULE "W1 MO #0", AALARM, DALARM, DAYLIGHT, TZ,
 * STATUS) is translated both ways. pim_event.h, pim_task.h and pim_note.h give the tree
 * a meaning.
 */
#ifndef FORMAT_ICAL_H
#define FORMAT_ICAL_H

#include "format/tzone.h"
#include "format/vcard.h"

enum ical_version { ICAL_1_0, ICAL_2_0 };

/*
 * The whole text as one VCALENDAR (of several, the components are put together), in terms
 * of 2.0. RC_INVALID: no calendar in it.
 */
enum rc ical_parse(struct span text, struct arena *a, struct vobj **ret,
                   enum ical_version *ret_version) MUST_CHECK;
/* The calendar's items, one VCALENDAR for each UID, linked by next. */
struct vobj *ical_split(const struct vobj *cal, struct arena *a);
/* The name of the first component that is an item: "VEVENT", "VTODO", "VJOURNAL", NULL.
 */
const char *ical_kind(const struct vobj *cal);

/*
 * With CRLF. Without zones in 1.0, times become UTC, those of a series local to zone (the
 * user's; NULL: UTC), which TZ and DAYLIGHT then describe; exceptions are left out there,
 * their days with EXDATE. caps: only these properties (NULL: all).
 */
void ical_write(const struct vobj *cal, enum ical_version version,
                const struct vobj_caps *caps, const struct tzone *zone, struct buf *out);
/*
 * As vcard_merge(): component by component (matched by RECURRENCE-ID); what the device
 * says in UTC or in local time of the user's zone is put into the zone that stored has.
 * caps NULL: the properties that every phone can hold. Exceptions that incoming has not
 * stay unless caps names RECURRENCE-ID.
 */
struct vobj *
ical_merge(const struct vobj *stored, const struct vobj *incoming,
           const struct vobj_caps *caps, const struct tzone *zone, struct arena *a);
/* Times of no zone become local times of that one (a phone's that knows no zones). */
void ical_localise(struct vobj *cal, const struct tzone *zone, struct arena *a);

/* Adds a VTIMEZONE for each TZID that is used and has none, where the zone is known. */
void ical_add_zones(struct vobj *cal, struct arena *a);

#endif
