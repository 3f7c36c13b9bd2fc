/* SPDX-License-Identifier: ISC
 *
 * search_private.h - shared by store_search.c and the search_*.c.
 *
 * A row of search_word holds where a word stands: for each content that has it, in rising
 * order, the content's number (the first: as a distance from the row's "first", which is
 * that number; then from the one before), the length of its positions and the positions,
 * each as a distance from the one before; all of them varints. A position is the field
 * << 20 and the count of words before it in that field.
 */
#ifndef STORE_SEARCH_PRIVATE_H
#define STORE_SEARCH_PRIVATE_H

#include "format/words.h"
#include "store/store_private.h"
#include "store/store_search.h"

#define SEARCH_VERSION 1 /* of what is in the index: another one is made anew */
#define SEARCH_FIELD_SHIFT 20
/* Words of a field; the rest keeps phrases from reaching into the next. */
#define SEARCH_FIELD_WORDS ((1U << SEARCH_FIELD_SHIFT) - 256)
/* A word that no text has, of mail with attachments; its field is the subject's. */
#define SEARCH_HAS_ATTACHMENT "\1a"

void search_varint(struct buf *b, uint64_t v);
/* False at the end, or when the bytes are damaged. */
bool search_varint_next(struct span *rest, uint64_t *ret);

/* One content in a row. */
struct search_posting {
	uint64_t doc;
	struct span positions;
};
/* rest and *doc (the row's first at the start) go on. */
bool search_posting_next(struct span *rest, uint64_t *doc, struct search_posting *ret);
/* *last: the row's first at the start. */
void
search_posting_add(struct buf *b, uint64_t *last, uint64_t doc, struct span positions);

/* search_text.c: the words of a content, field by field. */
typedef void search_text_fn(enum store_search_field field, struct span text, void *arg);
/* RC_NOT_FOUND: it is gone. What cannot be understood has no words. */
enum rc search_text_each(struct store_tx *tx, uint64_t content, search_text_fn *fn,
                         void *arg, bool *ret_has_attachment) MUST_CHECK;

struct search_state {
	bool exists;
	uint64_t version;
	uint64_t upto; /* contents up to this number are in */
	uint64_t claim;
	uint64_t restored; /* store_tx_restored() of the data it was made from */
	uint64_t swept;    /* the account's, when a round that takes out began last */
	uint64_t fills;    /* since the last round */
	struct span tidy;  /* where a round stands (search_tidy.c); empty: none runs */
};

/* search_fill.c */
enum rc search_state_load(struct store_tx *tx, struct arena *a,
                          struct search_state *ret) MUST_CHECK;
enum rc search_state_save(struct store_tx *tx, const struct search_state *st) MUST_CHECK;
enum rc search_put(struct store_tx *tx, struct span word, uint64_t first,
                   struct span postings) MUST_CHECK;

/* search_tidy.c: rows of the same word become one, and what no longer is goes; until the
 * deadline (clock_mono_ms()). */
enum rc search_tidy(struct store *s, uint64_t user, uint64_t deadline_ms) MUST_CHECK;

#endif
