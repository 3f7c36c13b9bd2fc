/* SPDX-License-Identifier: ISC
 *
 * eas_gather.h - ConversationMode: whole conversations where a time filter would give a
 * device only what is new of them ([MS-ASCMD] 2.2.3.36.2, [MS-ASCON] 3.1.4.9).
 *
 * A cursor with "gathers" has a list beside its window: the items before it that the
 * device holds because something else of their conversation stands in it. The list is
 * brought in line with the folder behind everything else of an answer, and only when the
 * folder or the window moved since; a device that does not ask for it costs nothing.
 */
#ifndef ACTIVESYNC_EAS_GATHER_H
#define ACTIVESYNC_EAS_GATHER_H

#include "activesync/eas_cursor.h"
#include "activesync/eas_pack.h"

#define EAS_GATHER_MAX 10000 /* items of a folder; of more, the newest */

/* What a folder's list should be. */
struct eas_gather {
	bool is_due; /* else nothing moved, and uids are not there */
	uint32_t *uids;
	size_t n;
};
/* In tx, for the window that the cursor has now. */
enum rc
eas_gather_load(struct store_tx *tx, const struct eas_cursor *cur, uint32_t collection,
                struct arena *a, struct eas_gather *ret) MUST_CHECK;
bool eas_gather_wants(const struct eas_gather *g, uint32_t uid);
/* Like it should be, as of tx. */
void eas_gather_done(struct eas_cursor *cur, struct store_tx *tx);

/* Is it in the list? */
bool eas_gather_has(const struct eas_cursor *cur, uint32_t uid);
/* Does the device hold it though it lies before the window: in the list, or among what is
 * still to leave? */
bool eas_gather_holds(const struct eas_cursor *cur, const struct store_item *item);
void eas_gather_add(struct eas_cursor *cur, uint32_t uid, struct arena *a);
void eas_gather_drop(struct eas_cursor *cur, uint32_t uid);

/* How many adds and soft deletes it takes, at most max. */
enum rc
eas_gather_count(struct store_tx *tx, const struct eas_cursor *cur, uint32_t collection,
                 const struct eas_gather *g, size_t max, size_t *ret) MUST_CHECK;

/* 2.2.3.36.2: what lies before the window comes without its body, but with a preview. */
struct eas_options eas_gather_options(const struct eas_options *o);

/* The list as a part of the cursor's row. */
void eas_gather_write(const struct eas_cursor *cur, struct buf *out);
void eas_gather_read(struct eas_unpack *u, struct arena *a, struct eas_cursor *cur);

#endif
