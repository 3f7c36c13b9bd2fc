/* SPDX-License-Identifier: ISC
 *
 * imap_resync.h - what has changed since a modseq that a client remembers (RFC 7162).
 */
#ifndef IMAP_IMAP_RESYNC_H
#define IMAP_IMAP_RESYNC_H

#include "imap/imap_view.h"

/*
 * UIDs that are gone (struct imap_range, rising), and those that came or changed
 * (uint32_t, in no order). A client that is older than the log, or that knows of what a
 * restore has lost, gets all gaps and all messages. The view is loaded and of tx.
 */
enum rc imap_resync_changes(struct store_tx *tx, const struct imap_view *v,
                            uint64_t since, uint32_t uid_next, struct arena *a,
                            struct buf *gone, struct buf *changed) MUST_CHECK;

/* "* VANISHED (EARLIER) ..." of those that are also in the resolved set (NULL: of all);
 * nothing when there are none. */
void imap_resync_write_gone(struct buf *out, const struct buf *gone,
                            const struct imap_seqset *among, struct arena *a);

#endif
