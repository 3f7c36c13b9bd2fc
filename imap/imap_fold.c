/* SPDX-License-Identifier: ISC
 *
 * imap_fold.c - substrings without regard to case, of all scripts (RFC 9051 6.4.4).
 */
#include <locale.h>
#include <pthread.h>
#include <wctype.h>

#include "imap/imap_search.h"

static locale_t unicode;

static void
make_locale(void)
{
	unicode = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
}

static uint32_t
lower(uint32_t cp)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, make_locale);
	return unicode ? (uint32_t)towlower_l((wint_t)cp, unicode) : cp;
}

static void
add_utf8(struct buf *out, uint32_t cp)
{
	if (cp < 0x800) {
		buf_add_char(out, (char)(0xc0 | cp >> 6));
	} else {
		if (cp < 0x10000) {
			buf_add_char(out, (char)(0xe0 | cp >> 12));
		} else {
			buf_add_char(out, (char)(0xf0 | cp >> 18));
			buf_add_char(out, (char)(0x80 | (cp >> 12 & 63)));
		}
		buf_add_char(out, (char)(0x80 | (cp >> 6 & 63)));
	}
	buf_add_char(out, (char)(0x80 | (cp & 63)));
}

void
imap_fold(struct span text, struct buf *out)
{
	for (size_t at = 0; at < text.n;) {
		unsigned char c = (unsigned char)text.p[at];
		if (c < 0x80) {
			buf_add_char(out, (char)(c >= 'A' && c <= 'Z' ? c + 32 : c));
			at++;
			continue;
		}
		uint32_t cp;
		size_t n = utf8_next(span_sub(text, at, text.n), &cp);
		if (n == 0) {
			/* Not UTF-8: the byte stands for itself. */
			buf_add_char(out, text.p[at++]);
			continue;
		}
		cp = lower(cp);
		if (cp < 0x80)
			buf_add_char(out, (char)cp);
		else
			add_utf8(out, cp);
		at += n;
	}
}

bool
imap_fold_contains(struct span hay, struct span needle)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);

	if (needle.n == 0)
		return true;
	imap_fold(hay, &b);
	return b.len >= needle.n && memmem(b.p, b.len, needle.p, needle.n);
}
