/* SPDX-License-Identifier: ISC
 *
 * imap_status.h - the items of STATUS, also in LIST RETURN (STATUS ...) (RFC 5819).
 */
#ifndef IMAP_IMAP_STATUS_H
#define IMAP_IMAP_STATUS_H

#include "imap/imap_private.h"

/* "(MESSAGES UNSEEN ...)" as bits. */
bool imap_status_read(struct imap_read *rd, unsigned *ret);
/* Does one of the items show that the client knows modseqs (RFC 7162 3.1)? */
bool imap_status_wants_modseq(unsigned items);
/* "* STATUS name (...)" */
enum rc imap_status_write(struct imap_run *r, struct store_tx *tx, struct span path,
                          const struct store_collection *c, unsigned items) MUST_CHECK;

#endif
