/* SPDX-License-Identifier: ISC
 *
 * store_conversation.h - conversations whose later mail goes to a folder of its own
 * (MS-ASCON 2.2.2.8): noted here, obeyed by store_deliver().
 *
 * How many there are stands in the account's row, so that a delivery to who has none asks
 * nothing.
 */
#ifndef STORE_STORE_CONVERSATION_H
#define STORE_STORE_CONVERSATION_H

#include "store/store.h"

#define STORE_CONVERSATION_SIZE 16
#define STORE_CONVERSATIONS_MAX 5000 /* of a user; the oldest gives way */

/* Later mail of the conversation goes to the collection. */
enum rc
store_conversation_set(struct store_tx *tx, const uint8_t id[STORE_CONVERSATION_SIZE],
                       uint32_t collection, int64_t now_ms) MUST_CHECK;
/* RC_NOT_FOUND: its mail goes where mail goes. */
enum rc
store_conversation_find(struct store_tx *tx, const uint8_t id[STORE_CONVERSATION_SIZE],
                        uint32_t *ret_collection) MUST_CHECK;

#endif
