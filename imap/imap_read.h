/* SPDX-License-Identifier: ISC
 *
 * imap_read.h - reads the arguments of a command (RFC 9051 9, RFC 3501 9).
 *
 * Works on a whole command as imap_frame.h collected it. Each function takes its piece
 * and returns true, or sets error (the text of a BAD) and returns false; after an error
 * all fail. Spans show the command's bytes or lie in the arena.
 */
#ifndef IMAP_IMAP_READ_H
#define IMAP_IMAP_READ_H

#include "base/arena.h"
#include "imap/imap_seqset.h"

#define IMAP_NAME_MAX 5200 /* bytes of a mailbox name: 20 levels of 255 */

struct imap_read {
	struct span in;
	size_t at;
	struct arena *arena;
	bool utf8;         /* UTF8=ACCEPT or IMAP4rev2: names are UTF-8 */
	bool bad_name;     /* a mailbox name that cannot be: taken as it is, for a NO */
	const char *error; /* static storage */
};

/* Flags of STORE and APPEND: STORE_FLAG_* and other keywords separated by a space. */
struct imap_flags {
	uint32_t system;
	struct span keywords;
};

void imap_read_init(struct imap_read *r, struct span in, struct arena *a, bool utf8);
/* Sets error unless there is one; returns false. */
bool imap_read_fail(struct imap_read *r, const char *error);
/* The next byte, or -1 at the end. */
int imap_read_peek(const struct imap_read *r);
/* Takes c when it comes next; never an error. */
bool imap_read_if(struct imap_read *r, char c);
/* The same for a word, in any case, when no atom character follows it. */
bool imap_read_if_word(struct imap_read *r, const char *word);
bool imap_read_char(struct imap_read *r, char c);
bool imap_read_sp(struct imap_read *r);
bool imap_read_end(struct imap_read *r);

bool imap_read_atom(struct imap_read *r, struct span *ret);
/* A run of letters, digits and ". - _ +": the names of items and keys. */
bool imap_read_word(struct imap_read *r, struct span *ret);
bool imap_read_tag(struct imap_read *r, struct span *ret);
bool imap_read_string(struct imap_read *r, struct span *ret);
bool imap_read_astring(struct imap_read *r, struct span *ret);
/* NIL: p is NULL. */
bool imap_read_nstring(struct imap_read *r, struct span *ret);
/* A literal alone, also "~{n}" (RFC 3516): APPEND's message. */
bool imap_read_literal(struct imap_read *r, struct span *ret);
bool imap_read_u32(struct imap_read *r, uint32_t *ret);
bool imap_read_u64(struct imap_read *r, uint64_t *ret); /* below 2^63 */
bool imap_read_set(struct imap_read *r, struct imap_seqset *ret);
/* A mailbox name as UTF-8; "INBOX" in any case comes as "INBOX". */
bool imap_read_mailbox(struct imap_read *r, struct span *ret);
/* The same with the wildcards of LIST. */
bool imap_read_pattern(struct imap_read *r, struct span *ret);
/* "(\Seen $Forwarded x)" or, with bare allowed, the same without parentheses. */
bool imap_read_flags(struct imap_read *r, bool bare, struct imap_flags *ret);
/* One flag or keyword of its own (SEARCH KEYWORD). */
bool imap_read_keyword(struct imap_read *r, struct imap_flags *ret);
/* "1-Feb-1994" with or without quotes: days since 1970. */
bool imap_read_date(struct imap_read *r, int64_t *ret_days);
/* "01-Feb-1994 00:00:00 +0100" in quotes: ms since 1970. */
bool imap_read_date_time(struct imap_read *r, int64_t *ret_ms);
/* Jumps over one value, lists with all in them (depth is limited): ID's parameters. */
bool imap_read_skip_value(struct imap_read *r);

#endif
