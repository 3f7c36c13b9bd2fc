/* SPDX-License-Identifier: ISC
 *
 * eas_conversation.h - all messages of a conversation at once (MS-ASCON).
 */
#ifndef ACTIVESYNC_EAS_CONVERSATION_H
#define ACTIVESYNC_EAS_CONVERSATION_H

#include "activesync/eas_private.h"

/*
 * Moves what is there of the conversation, from all mail folders but Sent Items, and
 * notes that its later mail goes there as well. The device hears of it by Sync, as the
 * others do. RC_INVALID: no conversation's id; RC_NOT_FOUND: no mail of it outside of the
 * folder, or no such folder; RC_DENIED: it is not for mail. *ret_n: how many were moved,
 * also on failure.
 */
enum rc eas_conversation_move(struct eas_call *c, struct span id, uint32_t to,
                              size_t *ret_n) MUST_CHECK;

#endif
