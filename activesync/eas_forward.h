/* SPDX-License-Identifier: ISC
 *
 * eas_forward.h - who a meeting is forwarded to, and that its organizer hears of it
 * (RFC 5546 3.2.2.6, 3.2.7; docs/decisions/meetings.md).
 */
#ifndef ACTIVESYNC_EAS_FORWARD_H
#define ACTIVESYNC_EAS_FORWARD_H

#include "activesync/eas_private.h"
#include "format/pim_event.h"

/* Appends those of an address list ("Name" <a@b>, c@d) to *list, each once; in c->arena.
 * At most 100 in all. */
void
eas_forward_people(struct eas_call *c, struct span addresses, struct pim_attendee **list);

/*
 * The user's own meeting, in the calendar by e's UID: they become its attendees, of one
 * instance or of all (INT64_MIN). *ret is the event as it is then; e where the calendar
 * has none. RC_AGAIN: others change it all the time.
 */
enum rc
eas_forward_invite(struct eas_call *c, const struct pim_event *e, int64_t instance,
                   const struct pim_attendee *list, struct pim_event **ret) MUST_CHECK;

/*
 * Another's meeting: the organizer is told, once for each id. What cannot be sent is
 * logged: the forward itself has gone out.
 */
void eas_forward_tell(struct eas_call *c, const struct pim_event *e, int64_t instance,
                      struct pim_attendee *list, const char *id);

#endif
