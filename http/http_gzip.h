/* SPDX-License-Identifier: ISC
 *
 * http_gzip.h - the gzip content coding, both ways, with bounds (RFC 1952). zlib's home.
 */
#ifndef HTTP_HTTP_GZIP_H
#define HTTP_HTTP_GZIP_H

#include "base/buf.h"

/* One member, nothing behind it. RC_INVALID; RC_TOO_BIG: out's limit, or a ratio that
 * only a bomb has. */
enum rc http_gunzip(struct span in, struct buf *out) MUST_CHECK;
/* False when it would not be shorter; out is empty then. */
bool http_gzip(struct span in, struct buf *out);

#endif
