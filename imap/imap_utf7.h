/* SPDX-License-Identifier: ISC
 *
 * imap_utf7.h - mailbox names of IMAP4rev1: modified UTF-7 (RFC 3501 5.1.3).
 */
#ifndef IMAP_IMAP_UTF7_H
#define IMAP_IMAP_UTF7_H

#include "base/buf.h"

/* name: valid UTF-8. */
void imap_utf7_encode(struct span name, struct buf *out);
/* RC_INVALID: not the one right way to write it (8-bit, needless or broken shifts). */
enum rc imap_utf7_decode(struct span wire, struct buf *out) MUST_CHECK;

#endif
