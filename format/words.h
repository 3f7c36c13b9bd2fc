/* SPDX-License-Identifier: ISC
 *
 * words.h - a text as the words that it is found by.
 *
 * Words are runs of letters and digits, folded: lower case, without diacritics and
 * compatibility forms, "ß" as "ss". Where a script has no spaces (Han, Kana, Hangul, Thai
 * and its neighbours) every two characters that stand together are a word, and the last
 * one is a word alone: a text is found by any piece of it, one of a single character by
 * the words that begin with it.
 */
#ifndef FORMAT_WORDS_H
#define FORMAT_WORDS_H

#include "base/buf.h"

enum word_kind {
	WORD_PLAIN,
	WORD_GRAM, /* two characters of such a script; the next word begins with the
	              second */
	WORD_TAIL, /* the last character of such a run, or its only one */
};

#define WORD_MAX 64 /* bytes; what is longer is cut */

/* The word lives during the call. False: no more of them. */
typedef bool words_fn(struct span word, enum word_kind kind, void *arg);
/* In the order of the text. Ill-formed UTF-8 stands between words. */
void words_each(struct span text, words_fn *fn, void *arg);

#endif
