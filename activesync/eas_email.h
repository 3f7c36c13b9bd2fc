/* SPDX-License-Identifier: ISC
 *
 * eas_email.h - the Email class: an item as ApplicationData, and a client's changes to it
 * (MS-ASEMAIL).
 */
#ifndef ACTIVESYNC_EAS_EMAIL_H
#define ACTIVESYNC_EAS_EMAIL_H

#include "activesync/eas_body.h"
#include "activesync/eas_id.h"
#include "activesync/eas_private.h"

/* All properties, as children of the open element. limit: of the body's bytes. */
enum rc eas_email_write(struct eas_call *c, struct store_tx *tx,
                        const struct store_item *item, const struct eas_options *o,
                        size_t limit, struct arena *a, struct wbxml_writer *w) MUST_CHECK;
/* The same around a body that was made before; part: see eas_body_write(). */
void eas_email_write_message(struct eas_call *c, const struct eas_message *m,
                             const struct eas_body *body, int part, struct arena *a,
                             struct wbxml_writer *w);
/* Only what can change of a received mail: Read, Flag, Categories, the last verb. */
/* ConversationId and ConversationIndex of a message, which the answer to an Add of a
 * draft has (MS-ASEMAIL 2.2.2.21); nothing when it is gone already. */
void eas_email_write_thread(struct eas_call *c, struct eas_id id, struct wbxml_writer *w);
void eas_email_write_change(struct eas_call *c, const struct store_item *item,
                            struct arena *a, struct wbxml_writer *w);
/* MS-ASEMAIL 2.2.2.21: the same 16 bytes for all messages of a conversation. */
void
eas_email_conversation(const struct mime_envelope *e, struct arena *a, uint8_t ret[16]);
/* MS-ASEMAIL 2.2.2.38: 0 low, 1 normal, 2 high */
unsigned eas_email_importance(const struct eas_message *m, struct arena *a);
/* <airsyncbase:Attachments>, when there are any. */
void eas_email_write_attachments(struct eas_call *c, const struct eas_message *m,
                                 struct arena *a, struct wbxml_writer *w);

/*
 * What an ApplicationData of the client says of Read, Flag and Categories, as a change to
 * the item as it is now: what is not named stays. Spans in a. RC_INVALID: values that are
 * none.
 */
enum rc
eas_email_read_change(const struct wbxml_node *data, const struct store_item *item,
                      struct arena *a, struct store_item_change *ret) MUST_CHECK;

/* The part with the number of a FileReference, or NULL. */
struct mime_part *eas_email_part(struct mime_part *root, uint32_t number);
/* The number of a part in it. */
uint32_t eas_email_part_number(struct mime_part *root, const struct mime_part *part);
/* "report.pdf"; made up when the part has no name. */
struct span
eas_email_part_name(const struct mime_part *p, uint32_t number, struct arena *a);
/* "application/pdf" */
const char *eas_email_part_type(const struct mime_part *p, struct arena *a);

#endif
