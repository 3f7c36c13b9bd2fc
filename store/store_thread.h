/* SPDX-License-Identifier: ISC
 *
 * store_thread.h - which mails of a folder belong to conversations that reach into a time
 * window (ConversationMode of ActiveSync).
 *
 * The conversation of a mail follows from its header (format/mime_thread.h) and stands in
 * no row that a delivery writes. It is noted in rows of its own, when somebody asks, for
 * the folders of which somebody asks; they may be lost and are made anew. What came since
 * they were made last is looked at when it is asked for, so answers are those of the
 * caller's transaction, whatever was noted.
 */
#ifndef STORE_STORE_THREAD_H
#define STORE_STORE_THREAD_H

#include "store/store_item.h"

/*
 * Notes the conversations of what a mail folder has, for about budget_ms at most; a few
 * that are new are left to who asks. No transaction of the caller's may be open.
 * *ret_done: there is no more than that; otherwise the next call goes on.
 */
enum rc store_thread_catch_up(struct store *s, uint64_t user, uint32_t collection,
                              uint64_t budget_ms, bool *ret_done) MUST_CHECK;
/*
 * Uids, rising and in a, of what was received before from_ms and belongs to a
 * conversation of which something in the same folder was received at from_ms or later.
 * Costs a walk along the folder's rows, and a look at what is not noted yet.
 */
enum rc store_thread_outside(struct store_tx *tx, uint32_t collection, int64_t from_ms,
                             struct arena *a, uint32_t **ret, size_t *ret_n) MUST_CHECK;

#endif
