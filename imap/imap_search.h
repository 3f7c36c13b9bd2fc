/* SPDX-License-Identifier: ISC
 *
 * imap_search.h - SEARCH's keys as a tree, and a message against it (RFC 9051 6.4.4).
 */
#ifndef IMAP_IMAP_SEARCH_H
#define IMAP_IMAP_SEARCH_H

#include "format/mime.h"
#include "imap/imap_private.h"

enum search_kind {
	SEARCH_AND,
	SEARCH_OR,
	SEARCH_NOT,
	SEARCH_ALL,
	SEARCH_NONE, /* RECENT, NEW: no message is recent here */
	SEARCH_FLAG,
	SEARCH_KEYWORD,
	SEARCH_SEQ,
	SEARCH_UID,
	SEARCH_BEFORE,
	SEARCH_ON,
	SEARCH_SINCE,
	SEARCH_SENT_BEFORE,
	SEARCH_SENT_ON,
	SEARCH_SENT_SINCE,
	SEARCH_LARGER,
	SEARCH_SMALLER,
	SEARCH_OLDER,
	SEARCH_YOUNGER,
	SEARCH_MODSEQ,
	SEARCH_FROM,
	SEARCH_TO,
	SEARCH_CC,
	SEARCH_BCC,
	SEARCH_SUBJECT,
	SEARCH_HEADER,
	SEARCH_BODY,
	SEARCH_TEXT,
};

/* What it costs to ask a key: nothing beyond the row, the structure, bytes of the
 * message. */
enum search_cost {
	SEARCH_COST_ROW,
	SEARCH_COST_META,
	SEARCH_COST_HEADER,
	SEARCH_COST_BODY
};

struct search_key {
	enum search_kind kind;
	enum search_cost cost;
	struct search_key *first; /* AND: any number, cheapest first; OR: two; NOT: one */
	struct search_key *next;
	uint32_t flag;
	uint64_t number;
	int64_t days;           /* since 1970 */
	struct span name;       /* of a header field, or a keyword */
	struct span text;       /* folded */
	struct imap_seqset set; /* SEQ, UID: resolved before the first message */
};

/* Reads all keys to the end of the command, as one AND. */
struct search_key *imap_search_read_keys(struct imap_run *r, bool *ret_modseq);

/* A message that is asked; what was read of it stays until search_msg_clear(). */
struct search_msg {
	struct store_tx *tx;
	const struct store_item *item;
	uint32_t seq;
	int64_t now_ms;
	struct arena *arena; /* NULL until something was read */
	struct mime_part *root;
	struct span header; /* p NULL: not read */
	enum rc rc;         /* the first failure */
};

bool imap_search_matches(struct search_msg *m, const struct search_key *key);
void imap_search_clear(struct search_msg *m);

/* imap_fold.c: UTF-8 in lower case, so that equal means the same without case. */
void imap_fold(struct span text, struct buf *out);
/* needle is folded, hay not. */
bool imap_fold_contains(struct span hay, struct span needle);

#endif
