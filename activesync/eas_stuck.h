/* SPDX-License-Identifier: ISC
 *
 * eas_stuck.h - devices that choke on one item and ask for the same answer for ever.
 *
 * A device that cannot take an item does not say so: it comes with the SyncKey before,
 * again and again, and gets nothing else any more. From the second replay on it is sent
 * fewer items, down to one; what it goes through with then is sent, and the window grows
 * again at once. An item that it was sent alone EAS_STUCK_TRIES times without going on,
 * for EAS_STUCK_MS at least, is set aside: it is told to the admin and not sent to that
 * device any more, until the admin says so. All of it is in the cursor.
 */
#ifndef ACTIVESYNC_EAS_STUCK_H
#define ACTIVESYNC_EAS_STUCK_H

#include "activesync/eas_cursor.h"
#include "base/arena.h"

#define EAS_STUCK_TRIES 6
#define EAS_STUCK_MS (2 * 60 * 1000) /* a bad line loses answers faster than that */

bool eas_stuck_is_aside(const struct eas_cursor *cur, uint32_t uid);
/*
 * cur is the state before the answer that was lost, lost the one after it. What it lost
 * how often goes over into cur. Returns the uid that was set aside just now, or 0.
 */
uint32_t eas_stuck_replayed(struct eas_cursor *cur, const struct eas_cursor *lost,
                            int64_t now_ms, struct arena *a);
/* The device has gone on with an answer: the window grows again. */
void eas_stuck_went_on(struct eas_cursor *cur, uint32_t window);
/* n items are sent; uid: the only one, if it is an Add or a Change; else 0. */
void eas_stuck_sent(struct eas_cursor *cur, uint32_t n, uint32_t uid);
/* The item is gone: nobody chokes on it any more. */
void eas_stuck_forget(struct eas_cursor *cur, uint32_t uid);

/*
 * An admin's word: the device shall be sent the item again. Takes a write transaction.
 * RC_NOT_FOUND: it was not set aside.
 */
enum rc eas_stuck_release(struct store_tx *tx, uint32_t device, uint32_t collection,
                          uint32_t uid, struct arena *a) MUST_CHECK;
/* What is set aside of a collection, for an admin's eyes; in a. */
enum rc eas_stuck_list(struct store_tx *tx, uint32_t device, uint32_t collection,
                       struct arena *a, const uint32_t **ret, size_t *ret_n) MUST_CHECK;

#endif
