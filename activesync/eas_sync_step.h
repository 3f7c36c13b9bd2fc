/* SPDX-License-Identifier: ISC
 *
 * eas_sync_step.h - one command of a client's on its way: prepared outside of the
 * transaction, applied inside.
 */
#ifndef ACTIVESYNC_EAS_SYNC_STEP_H
#define ACTIVESYNC_EAS_SYNC_STEP_H

#include "activesync/eas_sync.h"

struct eas_sync_step {
	struct eas_sync_result *result;
	struct store_content *content; /* made before the transaction begins */
	uint32_t uid;                  /* of Change and Delete */
	bool known;                    /* answered before */
	bool is_sms;                   /* an Add of a text message ... */
	int64_t received_ms;           /* ... of that time */

	/* Of classes with an edit function. */
	struct eas_edit edit;
	bool is_edit;
	bool is_chained; /* builds on what an earlier step makes of the same item */
	uint64_t base;   /* the item's modseq that the edit was made of */
};

/* <Delete> with an InstanceId is an edit of the item (MS-ASCMD 2.2.3.42.2). */
bool eas_sync_step_is_instance(const struct eas_sync_step *st);

/* Makes the new bytes by the class, and sends the mail that goes with them, once. before:
 * the steps of the same collection that come first. */
enum rc eas_sync_edit_prepare(struct eas_sync *s, struct eas_sync_collection *co,
                              const struct eas_sync_step *before, size_t n_before,
                              struct eas_sync_step *st) MUST_CHECK;
/* RC_CONFLICT: another's change wins (Status 7). RC_AGAIN: the item has moved on since it
 * was prepared. */
enum rc eas_sync_edit_apply(struct eas_sync *s, struct eas_sync_collection *co,
                            struct eas_sync_step *st, struct store_tx *tx) MUST_CHECK;
void eas_sync_step_done(struct eas_sync_step *st);

#endif
