/* SPDX-License-Identifier: ISC
 *
 * eas_invite.h - a mail about a meeting: its class, and the MeetingRequest element
 * (MS-ASEMAIL 2.2.2.48).
 */
#ifndef ACTIVESYNC_EAS_INVITE_H
#define ACTIVESYNC_EAS_INVITE_H

#include "activesync/eas_body.h"
#include "activesync/eas_private.h"
#include "format/itip.h"

/* What the mail says, in a. RC_NOT_FOUND: it is about no meeting, or what it says cannot
 * be read. */
enum rc eas_invite_load(const struct eas_message *m, struct arena *a,
                        struct itip *ret) MUST_CHECK;
/* "IPM.Schedule.Meeting.Request"; static. */
const char *eas_invite_class(const struct itip *in);
/* The element, when it is one that the user could answer, a cancellation, or (from 16.1)
 * the proposal of another time. */
void eas_invite_write(struct eas_call *c, struct store_tx *tx, const struct itip *in,
                      struct arena *a, struct wbxml_writer *w);

#endif
