/* SPDX-License-Identifier: ISC
 *
 * ical_private.h - what the files of calendars share.
 */
#ifndef FORMAT_ICAL_PRIVATE_H
#define FORMAT_ICAL_PRIVATE_H

#include "format/ical.h"
#include "format/pim_field.h"
#include "format/recur.h"

/* An RRULE of 1.0 that 2.0 cannot say, kept as it was. */
#define ICAL_RRULE_1_0 "X-GODWIT-RRULE-1-0"

/* Names of properties whose values are times. */
extern const char *const ical_times[];
/* VEVENT, VTODO or VJOURNAL. */
bool ical_is_item(const struct vobj *o);

/* In place: the terms of vCalendar 1.0 to those of 2.0 (ical_vcal_read.c). */
void ical_from_1_0(struct vobj *cal, struct arena *a);
/* A calendar in the terms of 2.0 to text of 1.0 (ical_vcal_write.c). */
void ical_write_1_0(const struct vobj *cal, const struct vobj_caps *caps,
                    const struct tzone *zone, struct buf *out);

#endif
