/* SPDX-License-Identifier: ISC
 *
 * imap_bodystructure.h - ENVELOPE, BODY and BODYSTRUCTURE (RFC 9051 7.5.2).
 */
#ifndef IMAP_IMAP_BODYSTRUCTURE_H
#define IMAP_IMAP_BODYSTRUCTURE_H

#include "format/mime.h"

/* e may be NULL: all NIL. */
void imap_envelope_write(struct buf *out, const struct mime_envelope *e, bool utf8);
/* extended: BODYSTRUCTURE, otherwise BODY. */
void imap_bodystructure_write(struct buf *out, const struct mime_part *p, bool extended,
                              bool utf8);

#endif
