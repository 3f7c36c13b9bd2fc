/* SPDX-License-Identifier: ISC
 *
 * eas_folders.h - the FolderSync key: a cursor over the log of the tree.
 *
 * Its state is a modseq of the tree, and the folders that the device itself made or
 * changed behind it, which it need not be told of.
 */
#ifndef ACTIVESYNC_EAS_FOLDERS_H
#define ACTIVESYNC_EAS_FOLDERS_H

#include "activesync/eas_private.h"
#include "store/store_collection.h"
#include "store/store_cursor.h"

#define EAS_FOLDERS_ROW "folders"
#define EAS_FOLDERS_MINE_MAX 200

struct eas_folders {
	uint64_t modseq;
	size_t n_mine;
	struct {
		uint32_t id;
		uint64_t modseq; /* of the device's own change */
	} mine[EAS_FOLDERS_MINE_MAX];
};

/* RC_INVALID: none of ours. */
enum rc eas_folders_read(struct span state, struct eas_folders *ret) MUST_CHECK;
struct span eas_folders_write(const struct eas_folders *f, struct arena *a);

/* What a key in a request stands for: the row's state or the previous one.
 * RC_CONFLICT: neither (Status 9). */
enum rc eas_folders_match(struct eas_call *c, struct store_tx *tx, struct span key,
                          struct store_cursor *ret_row, struct eas_folders *ret,
                          bool *ret_replay) MUST_CHECK;
/* True when the device knows today's tree; also when it never asked. */
enum rc
eas_folders_are_current(struct eas_call *c, struct store_tx *tx, bool *ret) MUST_CHECK;
/* Is it shown to devices? */
bool eas_folder_is_shown(const struct store_collection *col);
/* MS-ASCMD 2.2.3.186.3 */
unsigned eas_folder_type(const struct store_collection *col);

#endif
