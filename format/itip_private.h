/* SPDX-License-Identifier: ISC
 *
 * itip_private.h - what the files of iTIP share.
 */
#ifndef FORMAT_ITIP_PRIVATE_H
#define FORMAT_ITIP_PRIVATE_H

#include "format/itip.h"
#include "format/pim_event_private.h"

/* Takes out of a VEVENT what is its owner's alone: alarms and X-GODWIT-*. */
void itip_strip(struct vobj *o);

/* RFC 5546 2.1.5: the higher SEQUENCE, then the later DTSTAMP. */
bool itip_is_newer(const struct pim_event *in, const struct pim_event *stored);
bool itip_is_same_time(const struct pim_event *x, const struct pim_event *y);
/* The message's calendar, without what only its sender can have meant for himself. */
struct vobj *itip_clean_cal(const struct itip *in, struct arena *a);
/* As the user got it: to be answered, but where stored was answered for that time. */
void itip_set_received(struct pim_event *e, const struct pim_event *stored);

#endif
