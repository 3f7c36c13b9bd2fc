/* SPDX-License-Identifier: ISC
 *
 * pim_event_private.h - the parts of an event that more than one property carries.
 */
#ifndef FORMAT_PIM_EVENT_PRIVATE_H
#define FORMAT_PIM_EVENT_PRIVATE_H

#include "format/pim_event.h"
#include "format/pim_field.h"

/* Reads into e, or writes what differs between was and is. */
struct pim_event_part {
	void (*read)(const struct vobj *o, struct pim_event *e, struct pim_reader *r);
	void (*write)(struct vobj *o, const struct pim_event *was,
	              const struct pim_event *is, struct arena *a);
};

extern const struct pim_event_part pim_event_organizer;
extern const struct pim_event_part pim_event_attendees;
extern const struct pim_event_part
	pim_event_state; /* busy, meeting, response_requested */
extern const struct pim_event_part pim_event_place;
extern const struct pim_event_part pim_event_alarm;
extern const struct pim_event_part pim_event_attachments;
extern const struct pim_event_part pim_event_dates; /* EXDATE, RDATE */
extern const struct pim_event_part pim_event_end;   /* the end, and an all-day's zone */

extern const struct pim_codec pim_rrule; /* const struct recur * */

/* Minutes before start that a VALARM rings; false: it is none that ActiveSync knows. */
bool
pim_alarm_minutes(const struct vobj *alarm, const struct pim_time *start,
                  const struct pim_time *end, struct pim_reader *r, int32_t *ret_minutes);
/* The VALARM that is ActiveSync's reminder, or NULL. */
struct vobj *pim_alarm_find(const struct vobj *o);

/* All fields of one VEVENT. */
void pim_event_read(struct vobj *o, struct pim_event *e, struct pim_reader *r);
void pim_event_change(struct vobj *o, const struct pim_event *was,
                      const struct pim_event *is, struct arena *a);

#endif
