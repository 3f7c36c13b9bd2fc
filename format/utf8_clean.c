/* SPDX-License-Identifier: ISC
 *
 * utf8_clean.c - bytes of unknown worth to text that XML 1.0 and WBXML can carry.
 */
#include "format/utf8_clean.h"

/* RFC 3629 4: the second byte's range depends on the first. */
size_t
utf8_sequence(const char *p, size_t n)
{
	const uint8_t *s = (const uint8_t *)p;
	uint8_t low = 0x80, high = 0xbf;
	size_t len;

	if (s[0] < 0x80)
		return 1;
	if (s[0] < 0xc2 || s[0] > 0xf4)
		return 0;
	len = s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
	if (n < len)
		return 0;
	if (s[0] == 0xe0)
		low = 0xa0;
	else if (s[0] == 0xed)
		high = 0x9f;
	else if (s[0] == 0xf0)
		low = 0x90;
	else if (s[0] == 0xf4)
		high = 0x8f;
	if (s[1] < low || s[1] > high)
		return 0;
	for (size_t i = 2; i < len; i++) {
		if (s[i] < 0x80 || s[i] > 0xbf)
			return 0;
	}
	return len;
}

/* XML 1.0 2.2: no C0 controls but TAB, LF, CR; not U+FFFE and U+FFFF. */
static bool
is_forbidden(const char *p, size_t len)
{
	if (len == 1)
		return (uint8_t)*p < 0x20 && *p != '\t' && *p != '\n' && *p != '\r';
	return len == 3 &&
	       (memcmp(p, "\xef\xbf\xbe", 3) == 0 || memcmp(p, "\xef\xbf\xbf", 3) == 0);
}

/* How many bytes from the beginning, in words, are ASCII without controls. */
static size_t
plain_prefix(const char *p, size_t n)
{
	static const uint64_t ones = UINT64_C(0x0101010101010101);
	size_t i = 0;
	uint64_t word;

	for (; n - i >= sizeof(word); i += sizeof(word)) {
		memcpy(&word, p + i, sizeof(word));
		/* A byte over 0x7f, or one that borrows when 0x20 is taken from it. */
		if ((word | (word - ones * 0x20)) & ones * 0x80)
			break;
	}
	return i;
}

/* Length of the prefix that needs no change. */
static size_t
clean_prefix(struct span s)
{
	size_t i = 0;

	while ((i += plain_prefix(s.p + i, s.n - i)) < s.n) {
		size_t len = utf8_sequence(s.p + i, s.n - i);
		if (len == 0 || is_forbidden(s.p + i, len))
			break;
		i += len;
	}
	return i;
}

bool
utf8_is_clean(struct span s)
{
	return clean_prefix(s) == s.n;
}

void
utf8_clean(struct span s, struct buf *out)
{
	while (s.n > 0) {
		size_t n = clean_prefix(s);
		buf_add(out, s.p, n);
		s = span_of(s.p + n, s.n - n);
		if (s.n == 0)
			break;
		size_t bad = utf8_sequence(s.p, s.n);
		if (bad == 0) {
			buf_add_str(out, "\xef\xbf\xbd");
			bad = 1;
		}
		s = span_of(s.p + bad, s.n - bad);
	}
}
