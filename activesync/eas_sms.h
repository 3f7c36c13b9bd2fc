/* SPDX-License-Identifier: ISC
 *
 * eas_sms.h - text messages of a phone, kept beside its mail (MS-ASMS).
 *
 * They are messages with a keyword. Only a device that asks for the class SMS is shown
 * them; to IMAP they look like mail.
 */
#ifndef ACTIVESYNC_EAS_SMS_H
#define ACTIVESYNC_EAS_SMS_H

#include "activesync/eas_private.h"
#include "store/store_item.h"

#define EAS_SMS_KEYWORD "$SMS"
#define EAS_SMS_CLASS "IPM.Note.Mobile.SMS"

bool eas_sms_is(const struct store_item *item);
/* The message of an Add's ApplicationData, and when the phone got or sent it. RC_INVALID:
 * a time that is none. */
enum rc eas_sms_compose(struct eas_call *c, const struct wbxml_node *data,
                        struct buf *out, int64_t *ret_received_ms) MUST_CHECK;
/* To and From as the phone said them; header: of the message. */
void eas_sms_write_addresses(struct span header, struct arena *a, struct wbxml_writer *w);

#endif
