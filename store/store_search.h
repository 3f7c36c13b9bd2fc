/* SPDX-License-Identifier: ISC
 *
 * store_search.h - finding a user's items by the words in them.
 *
 * The index is of contents, not of items: a content never changes and its number is never
 * used again, so flags and moves cost the index nothing, a copy is found by the content
 * that it shares, and what was deleted is found no more because no item names it. It is
 * filled when it is asked for, never by who writes; it may be lost and is made anew.
 *
 * Ask store_search_catch_up() first, then store_search() in a read transaction.
 * Workers only. Why so: docs/decisions/store-search.md.
 */
#ifndef STORE_STORE_SEARCH_H
#define STORE_STORE_SEARCH_H

#include "store/store_item.h"

/* Where a word stands; of other classes what comes nearest: the title is the subject, the
 * organizer from, attendees and a contact's addresses to. */
enum store_search_field {
	STORE_SEARCH_SUBJECT,
	STORE_SEARCH_FROM,
	STORE_SEARCH_TO,
	STORE_SEARCH_CC,
	STORE_SEARCH_BCC,
	STORE_SEARCH_ATTACHMENT, /* their names */
	STORE_SEARCH_BODY,
};
#define STORE_SEARCH_FIELD_N 7
#define STORE_SEARCH_ALL ((1U << STORE_SEARCH_FIELD_N) - 1)
#define STORE_SEARCH_WORDS_MAX 64  /* in one query */
#define STORE_SEARCH_TEXT_MAX 4096 /* bytes of one node's text */

enum store_search_op {
	STORE_SEARCH_AND,
	STORE_SEARCH_OR,
	STORE_SEARCH_NOT,  /* left */
	STORE_SEARCH_TEXT, /* all of its words; one that is in pieces ("a.b@c") together
	                    */
	STORE_SEARCH_HAS_ATTACHMENT,
	STORE_SEARCH_TEST,
};

typedef bool store_search_test_fn(const struct store_item *item, void *arg);

/* A tree that the caller makes, at most 50 deep. */
struct store_search_node {
	enum store_search_op op;
	struct store_search_node *left;
	struct store_search_node *right;
	/* TEXT */
	struct span text;
	unsigned fields; /* bits 1 << enum store_search_field */
	bool prefix;     /* words may go on */
	bool phrase;     /* all of it together, in this order */
	/* TEST: whatever the item's row can answer; must not touch the store. */
	store_search_test_fn *test;
	void *arg;
	/* store_search()'s own */
	const uint64_t *docs;
	size_t n_docs;
};

struct store_search_query {
	struct store_search_node *root; /* NULL: all items */
	const uint32_t
		*collections; /* each once; those that are not there have nothing */
	size_t n_collections;
};

struct store_search_hit {
	uint32_t collection;
	uint32_t uid;
	int64_t received_ms;
	uint64_t content;
};

/*
 * Brings the user's index up to what is committed, for about budget_ms at most.
 * *ret_done: it is; otherwise the next call goes on from there.
 */
enum rc store_search_catch_up(struct store *s, uint64_t user, uint64_t budget_ms,
                              bool *ret_done) MUST_CHECK;
/* What matches, newest first, array in a. RC_TOO_BIG: too many words. A text without any
 * word matches nothing. */
enum rc
store_search(struct store_tx *tx, const struct store_search_query *q, struct arena *a,
             struct store_search_hit **ret, size_t *ret_n) MUST_CHECK;

#endif
