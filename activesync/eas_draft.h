/* SPDX-License-Identifier: ISC
 *
 * eas_draft.h - drafts that a client of 16.x writes through Sync, made into messages
 * (MS-ASEMAIL 2.2.2.69, MS-ASAIRS 2.2.2.2).
 */
#ifndef ACTIVESYNC_EAS_DRAFT_H
#define ACTIVESYNC_EAS_DRAFT_H

#include "activesync/eas_private.h"
#include "store/store_item.h"

/* True when ApplicationData says more than Read, Flag and Categories. */
bool eas_draft_is_content(const struct wbxml_node *data);
/*
 * The message of an Add (old NULL), or of a Change to old. Recipients and subject are
 * replaced by what data has; a body that is not named and attachments that are not
 * deleted stay. RC_INVALID: data cannot be a message.
 */
enum rc
eas_draft_compose(struct eas_call *c, struct store_tx *tx, const struct store_item *old,
                  const struct wbxml_node *data, struct buf *out) MUST_CHECK;

#endif
