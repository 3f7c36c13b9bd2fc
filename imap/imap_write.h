/* SPDX-License-Identifier: ISC
 *
 * imap_write.h - strings, names and dates of answers (RFC 9051 9).
 */
#ifndef IMAP_IMAP_WRITE_H
#define IMAP_IMAP_WRITE_H

#include "base/buf.h"

/* A quoted string where it may be one, else a literal. A NUL becomes 0x80. utf8: quoted
 * strings may hold UTF-8. */
void imap_write_string(struct buf *out, struct span s, bool utf8);
/* p NULL: NIL. */
void imap_write_nstring(struct buf *out, struct span s, bool utf8);
/* name: UTF-8; modified UTF-7 unless utf8. */
void imap_write_mailbox(struct buf *out, struct span name, bool utf8);
/* "17-Jul-1996 02:44:25 +0000" with its quotes. */
void imap_write_date_time(struct buf *out, int64_t ms);

#endif
