/* SPDX-License-Identifier: ISC
 *
 * words.c - folding and cutting a text: Unicode's NFKD and simple case folding, on ICU.
 */
#include "format/words.h"

#include <unicode/uchar.h>
#include <unicode/unorm2.h>
#include <unicode/uscript.h>
#include <unicode/utf16.h>

#define PIECES_MAX 20 /* characters that one may fall into: U+FDFA has 18 */

struct cutter {
	words_fn *fn;
	void *arg;
	const UNormalizer2 *nfkd;
	char word[WORD_MAX];
	size_t n;
	bool full;     /* the word goes on and is not looked at */
	uint32_t last; /* character of a script without spaces; 0: none */
	bool stopped;
};

static size_t
put(char *p, uint32_t cp)
{
	size_t n = 0;

	if (cp < 0x80) {
		p[n++] = (char)cp;
	} else if (cp < 0x800) {
		p[n++] = (char)(0xc0 | cp >> 6);
	} else if (cp < 0x10000) {
		p[n++] = (char)(0xe0 | cp >> 12);
		p[n++] = (char)(0x80 | (cp >> 6 & 63));
	} else {
		p[n++] = (char)(0xf0 | cp >> 18);
		p[n++] = (char)(0x80 | (cp >> 12 & 63));
		p[n++] = (char)(0x80 | (cp >> 6 & 63));
	}
	if (cp >= 0x80)
		p[n++] = (char)(0x80 | (cp & 63));
	return n;
}

static void
tell(struct cutter *c, const char *p, size_t n, enum word_kind kind)
{
	if (!c->stopped && !c->fn(span_of(p, n), kind, c->arg))
		c->stopped = true;
}

static void
end_word(struct cutter *c)
{
	if (c->n > 0)
		tell(c, c->word, c->n, WORD_PLAIN);
	c->n = 0;
	c->full = false;
}

static void
end_run(struct cutter *c)
{
	char p[4];

	if (c->last)
		tell(c, p, put(p, c->last), WORD_TAIL);
	c->last = 0;
}

static void
add_plain(struct cutter *c, uint32_t cp)
{
	end_run(c);
	if (c->n + 4 > sizeof(c->word))
		c->full = true;
	if (!c->full)
		c->n += put(c->word + c->n, cp);
}

static void
add_gram(struct cutter *c, uint32_t cp)
{
	char p[8];
	size_t n;

	end_word(c);
	if (c->last) {
		n = put(p, c->last);
		n += put(p + n, cp);
		tell(c, p, n, WORD_GRAM);
	}
	c->last = cp;
}

/* Letters that no decomposition takes to what people type for them. */
static const char *
spelt(uint32_t cp)
{
	switch (cp) {
	case 0x00df:
	case 0x1e9e:
		return "ss";
	case 0x00c6:
	case 0x00e6:
		return "ae";
	case 0x0152:
	case 0x0153:
		return "oe";
	case 0x00d8:
	case 0x00f8:
		return "o";
	case 0x0141:
	case 0x0142:
		return "l";
	case 0x00d0:
	case 0x00f0:
	case 0x0110:
	case 0x0111:
		return "d";
	case 0x00de:
	case 0x00fe:
		return "th";
	case 0x0131:
		return "i";
	}
	return NULL;
}

static bool
has_no_spaces(uint32_t cp)
{
	UErrorCode err = U_ZERO_ERROR;

	if (cp < 0x0e00 || (cp >= 0x10a0 && cp < 0x1780))
		return false;
	if (cp == 0x30fc || cp == 0x3005) /* of no script of their own */
		return true;
	switch (uscript_getScript((UChar32)cp, &err)) {
	case USCRIPT_HAN:
	case USCRIPT_HIRAGANA:
	case USCRIPT_KATAKANA:
	case USCRIPT_HANGUL:
	case USCRIPT_BOPOMOFO:
	case USCRIPT_THAI:
	case USCRIPT_LAO:
	case USCRIPT_KHMER:
	case USCRIPT_MYANMAR:
	case USCRIPT_TIBETAN:
	case USCRIPT_YI:
		return true;
	default:
		return false;
	}
}

/* One character of a decomposition. */
static void
add_piece(struct cutter *c, uint32_t cp)
{
	int8_t type = u_charType((UChar32)cp);

	if (type == U_NON_SPACING_MARK || type == U_ENCLOSING_MARK ||
	    type == U_FORMAT_CHAR)
		return; /* diacritics; soft hyphens and joiners */
	if (!u_isalnum((UChar32)cp) && type != U_COMBINING_SPACING_MARK &&
	    type != U_OTHER_NUMBER) {
		end_word(c);
		end_run(c);
	} else if (has_no_spaces(cp)) {
		add_gram(c, cp);
	} else {
		add_plain(c, (uint32_t)u_foldCase((UChar32)cp, U_FOLD_CASE_DEFAULT));
	}
}

static void
add_character(struct cutter *c, uint32_t cp)
{
	const char *spelling = spelt(cp);
	UChar pieces[PIECES_MAX];
	UErrorCode err = U_ZERO_ERROR;
	int32_t n = -1;

	if (spelling) {
		while (*spelling)
			add_plain(c, (uint32_t)*spelling++);
		return;
	}
	if (cp < 0xac00 || cp > 0xd7a3) /* syllables of Hangul stay whole */
		n = unorm2_getDecomposition(c->nfkd, (UChar32)cp, pieces, PIECES_MAX,
		                            &err);
	if (n <= 0 || U_FAILURE(err)) {
		add_piece(c, cp);
		return;
	}
	for (int32_t i = 0; i < n;) {
		UChar32 piece;

		U16_NEXT(pieces, i, n, piece);
		add_piece(c, (uint32_t)piece);
	}
}

void
words_each(struct span text, words_fn *fn, void *arg)
{
	UErrorCode err = U_ZERO_ERROR;
	struct cutter c = { .fn = fn, .arg = arg };
	uint32_t cp;
	size_t n;

	c.nfkd = unorm2_getNFKDInstance(&err);
	if (U_FAILURE(err))
		return;
	for (size_t at = 0; at < text.n && !c.stopped; at += n) {
		unsigned char b = (unsigned char)text.p[at];

		n = 1;
		if (b < 0x80) {
			if (b >= 'A' && b <= 'Z')
				b += 'a' - 'A';
			if ((b >= 'a' && b <= 'z') || (b >= '0' && b <= '9')) {
				add_plain(&c, b);
			} else {
				end_word(&c);
				end_run(&c);
			}
			continue;
		}
		n = utf8_next(span_sub(text, at, text.n), &cp);
		if (n > 0) {
			add_character(&c, cp);
		} else {
			n = 1;
			end_word(&c);
			end_run(&c);
		}
	}
	end_word(&c);
	end_run(&c);
}
