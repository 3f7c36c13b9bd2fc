/* SPDX-License-Identifier: ISC
 *
 * utf8_clean.h - bytes of unknown worth to text that XML 1.0 and WBXML can carry.
 */
#ifndef FORMAT_UTF8_CLEAN_H
#define FORMAT_UTF8_CLEAN_H

#include "base/buf.h"

/*
 * Adds s without the characters that XML 1.0 2.2 forbids (NUL among them); each byte that
 * is no UTF-8 becomes U+FFFD.
 */
void utf8_clean(struct span s, struct buf *out);
/* True when utf8_clean() would change nothing. */
bool utf8_is_clean(struct span s);
/* Length of the well-formed UTF-8 sequence (RFC 3629) at p, or 0; n > 0. */
size_t utf8_sequence(const char *p, size_t n);

#endif
