/* SPDX-License-Identifier: ISC
 *
 * eas_counter.h - the organizer's answer to another time that an attendee proposed (RFC
 * 5546 3.2.7, 3.2.8), given by MeetingResponse upon the mail that brought it.
 */
#ifndef ACTIVESYNC_EAS_COUNTER_H
#define ACTIVESYNC_EAS_COUNTER_H

#include "activesync/eas_class.h"
#include "format/itip.h"

struct eas_counter {
	const struct pim_event *stored;
	const struct itip *in;         /* the COUNTER */
	unsigned response;             /* as MeetingResponse has it */
	const struct wbxml_node *send; /* SendResponse, or NULL */
};

/*
 * Accepted (1): the event is moved, and all are asked again. Declined (3): the proposal
 * is forgotten, and its author told so when send is there. *ret is the event as it
 * becomes; what is to be sent is added to *mail. EAS_STATUS_OK, or what is wrong:
 * proposals are answered from 16.1 on, by whose meeting it is, while they stand.
 */
unsigned eas_counter_answer(struct eas_call *c, const struct eas_counter *q,
                            struct pim_event **ret, struct eas_edit_mail **mail);

#endif
