/* SPDX-License-Identifier: ISC
 *
 * imap_flag.h - flags and keywords between the wire and the store's bits (RFC
 * 9051 2.3.2).
 */
#ifndef IMAP_IMAP_FLAG_H
#define IMAP_IMAP_FLAG_H

#include "base/arena.h"
#include "base/buf.h"

/* STORE_FLAG_* of "\Seen", "$Forwarded"...; 0 when it is none of them. */
uint32_t imap_flag_find(struct span name);
/* "\Seen $Junk word", without parentheses. */
void imap_flag_write(struct buf *out, uint32_t flags, struct span keywords);
/* All that have a bit, for FLAGS and PERMANENTFLAGS. */
void imap_flag_write_all(struct buf *out);

/* Keyword lists: words separated by one space, compared without case. */
bool imap_keywords_has(struct span list, struct span word);
/* list and those of add that it lacks, in a. */
struct span imap_keywords_add(struct span list, struct span add, struct arena *a);
struct span imap_keywords_remove(struct span list, struct span remove, struct arena *a);
/* The same words, whatever their order. */
bool imap_keywords_eq(struct span x, struct span y);

#endif
