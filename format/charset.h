/* SPDX-License-Identifier: ISC
 *
 * charset.h - text of any charset to UTF-8, on iconv.
 */
#ifndef FORMAT_CHARSET_H
#define FORMAT_CHARSET_H

#include "base/buf.h"

/* Makes GMime's tables, once a process however often it is called. */
void charset_init(void);

/*
 * Adds in as valid UTF-8. An empty charset and US-ASCII are guessed: UTF-8 where it is
 * well-formed, else windows-1252. Bytes that cannot be converted become U+FFFD; of an
 * unknown charset all bytes beyond ASCII do.
 */
void charset_to_utf8(struct span charset, struct span in, struct buf *out);

#endif
