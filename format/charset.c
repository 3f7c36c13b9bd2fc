/* SPDX-License-Identifier: ISC
 *
 * charset.c - text of any charset to UTF-8, on iconv.
 */
#include "format/charset.h"

#include <errno.h>
#include <gmime/gmime.h>
#include <iconv.h>
#include <pthread.h>

#include "format/utf8_clean.h"

#define NAME_MAX_LEN 40
#define REPLACEMENT "\xef\xbf\xbd"

/* Adds UTF-8 whose well-formedness is in doubt. */
static void
add_utf8(struct span in, struct buf *out)
{
	size_t from = 0, i = 0;

	while ((i += ascii_prefix(span_sub(in, i, in.n))) < in.n) {
		size_t len = utf8_sequence(in.p + i, in.n - i);
		if (len > 0) {
			i += len;
			continue;
		}
		buf_add_span(out, span_sub(in, from, i));
		buf_add_str(out, REPLACEMENT);
		from = ++i;
	}
	buf_add_span(out, span_sub(in, from, in.n));
}

static void
add_ascii(struct span in, struct buf *out)
{
	for (size_t i = 0; i < in.n; i++) {
		if ((uint8_t)in.p[i] < 0x80)
			buf_add_char(out, in.p[i]);
		else
			buf_add_str(out, REPLACEMENT);
	}
}

static void
convert(iconv_t cd, struct span in, struct buf *out)
{
	/* iconv takes char ** but does not write the input. */
	char *p = (char *)(uintptr_t)in.p;
	size_t n = in.n;

	while (n > 0 && buf_ok(out)) {
		char block[4096], *to = block;
		size_t room = sizeof(block);
		size_t r = iconv(cd, &p, &n, &to, &room);
		int why = r == (size_t)-1 ? errno : 0;
		/* What comes out of iconv is UTF-8, but may be a noncharacter or worse.
		 */
		add_utf8(span_of(block, (size_t)(to - block)), out);
		if (why == E2BIG || why == 0)
			continue;
		/* EILSEQ, or EINVAL: cut at the end of the input. */
		buf_add_str(out, REPLACEMENT);
		p++;
		n--;
	}
	/* A stateful charset may hold something back. */
	char rest[64], *to = rest;
	size_t room = sizeof(rest);
	iconv(cd, NULL, NULL, &to, &room);
	add_utf8(span_of(rest, (size_t)(to - rest)), out);
}

/* iconv's names may carry options behind slashes; a mail has no say in those. */
static bool
is_name(struct span s)
{
	if (s.n == 0 || s.n > NAME_MAX_LEN)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];
		if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') &&
		    !(c >= '0' && c <= '9') && !strchr("-_.:+", c))
			return false;
	}
	return true;
}

void
charset_init(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, g_mime_init);
}

void
charset_to_utf8(struct span charset, struct span in, struct buf *out)
{
	char name[NAME_MAX_LEN + 1];
	bool is_guess = charset.n == 0 || span_iis(charset, "us-ascii") ||
	                span_iis(charset, "ascii");

	if (span_iis(charset, "utf-8") || span_iis(charset, "utf8") ||
	    (is_guess && utf8_is_valid(in))) {
		add_utf8(in, out);
		return;
	}
	if (is_guess)
		charset = SPAN("windows-1252");
	if (!is_name(charset)) {
		add_ascii(in, out);
		return;
	}
	memcpy(name, charset.p, charset.n);
	name[charset.n] = '\0';
	charset_init();
	const char *known = g_mime_charset_iconv_name(name);
	iconv_t cd = iconv_open("UTF-8", known ? known : name);
	if (cd == (iconv_t)-1) {
		add_ascii(in, out);
		return;
	}
	convert(cd, in, out);
	iconv_close(cd);
}
