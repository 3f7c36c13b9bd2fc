/* SPDX-License-Identifier: ISC
 *
 * eas_meeting.h - mail about meetings: iTIP in a message (RFC 6047), so that an Outlook
 * or a Google user at the other end sees a meeting.
 */
#ifndef ACTIVESYNC_EAS_MEETING_H
#define ACTIVESYNC_EAS_MEETING_H

#include "activesync/eas_class.h"
#include "format/itip.h"

/*
 * A whole message from the call's user in c->arena: a short text and the calendar part.
 * to: comma-separated addresses. subject: of the message.
 */
enum rc
eas_meeting_message(struct eas_call *c, const struct itip_spec *spec, struct span to,
                    struct span subject, struct span *ret) MUST_CHECK;

/* The same in words alone. */
enum rc eas_meeting_note(struct eas_call *c, const struct itip_spec *spec, struct span to,
                         struct span subject, struct span *ret) MUST_CHECK;

/* The calendar alone: Content-* fields and body of a part. */
enum rc eas_meeting_part(const struct itip_spec *spec, struct buf *out) MUST_CHECK;
/* What, when and where, for people. */
void eas_meeting_text(const struct pim_event *e, bool with_body, struct buf *out);
/* An airsyncbase:Body as the text that goes along; NULL: none. In c->arena. */
const char *eas_meeting_comment(struct eas_call *c, const struct wbxml_node *body);

/* The name that the user was invited by, for aliases count; the user's own address when
 * there is none. In c->arena. */
const char *eas_meeting_invited_as(struct eas_call *c, const struct pim_event *e);

/*
 * From 16.0 on the server tells the attendees of what the organizer did (MS-ASCAL
 * 3.2.4.5). before NULL: a new meeting; after NULL: it is removed. Adds to *mail what is
 * to be sent: REQUESTs when something changed that concerns them, CANCELs to who is out.
 * Attendees of after who were asked for another time have not answered any more.
 */
enum rc eas_meeting_tell(struct eas_call *c, const struct pim_event *before,
                         struct pim_event *after, struct eas_edit_mail **mail) MUST_CHECK;

#endif
