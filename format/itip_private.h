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

#endif
