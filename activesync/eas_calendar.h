/* SPDX-License-Identifier: ISC
 *
 * eas_calendar.h - the Calendar class in parts (MS-ASCAL).
 */
#ifndef ACTIVESYNC_EAS_CALENDAR_H
#define ACTIVESYNC_EAS_CALENDAR_H

#include "activesync/eas_pim.h"
#include "format/pim_event.h"

/* MS-ASAIRS 2.2.2.28: struct pim_location on the wire. */
#define EAS_LOCATION_FIELDS 13
extern const struct eas_text_field eas_location_fields[EAS_LOCATION_FIELDS];

/* The zone that an event's local times are in, never NULL. */
const struct tzone *eas_calendar_zone(const struct pim_event *e);
/* The bits of MeetingStatus as the user of address sees the event. */
unsigned eas_calendar_meeting(const struct pim_event *e, struct span address);
/* Is the user of address the one whose meeting it is, or is it nobody's? */
bool eas_calendar_is_own(const struct pim_event *e, struct span address);
/* A time of e as it is sent: all-day ones by the rule of the version (MS-ASCAL 2.2.2.1).
 */
const char *eas_calendar_time(const struct pim_event *e, const struct pim_time *t,
                              uint16_t version, char ret[EAS_TIME_SIZE]);
/* The time by which FilterType judges: the end of the last instance. */
int64_t eas_calendar_received_ms(const struct pim_event *e);
/* Does the series have an instance whose original start that is (UTC)? */
bool
eas_calendar_has_instance(const struct pim_event *e, int64_t original, struct arena *a);

enum rc
eas_calendar_write(struct eas_call *c, struct store_tx *tx, const struct store_item *item,
                   const struct eas_options *o, size_t limit, struct arena *a,
                   struct wbxml_writer *w) MUST_CHECK;
enum rc
eas_calendar_edit(const struct eas_edit_request *q, struct eas_edit *ret) MUST_CHECK;

#endif
