/* SPDX-License-Identifier: ISC
 *
 * imap_utf7.c - modified UTF-7 (RFC 3501 5.1.3): BASE64 of UTF-16BE between '&' and '-'.
 */
#include "imap/imap_utf7.h"

static const char alphabet[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";

static bool
is_direct(uint32_t cp)
{
	return cp >= 0x20 && cp <= 0x7e;
}

/* Bits that wait for a whole sextet (encoding) or a whole unit (decoding). */
struct bits {
	uint32_t v;
	unsigned n;
};

static void
put_unit(struct bits *b, uint16_t unit, struct buf *out)
{
	b->v = b->v << 16 | unit;
	b->n += 16;
	while (b->n >= 6) {
		b->n -= 6;
		buf_add_char(out, alphabet[b->v >> b->n & 63]);
	}
}

static void
put_codepoint(struct bits *b, uint32_t cp, struct buf *out)
{
	if (cp >= 0x10000) {
		put_unit(b, (uint16_t)(0xd800 + ((cp - 0x10000) >> 10)), out);
		put_unit(b, (uint16_t)(0xdc00 + ((cp - 0x10000) & 0x3ff)), out);
	} else {
		put_unit(b, (uint16_t)cp, out);
	}
}

void
imap_utf7_encode(struct span name, struct buf *out)
{
	size_t at = 0;

	while (at < name.n) {
		uint32_t cp;
		size_t n = utf8_next(span_sub(name, at, name.n), &cp);
		if (n == 0)
			return;
		if (is_direct(cp)) {
			buf_add_char(out, (char)cp);
			if (cp == '&')
				buf_add_char(out, '-');
			at += n;
			continue;
		}
		struct bits bits = { 0, 0 };
		buf_add_char(out, '&');
		while (n > 0 && !is_direct(cp)) {
			put_codepoint(&bits, cp, out);
			at += n;
			n = utf8_next(span_sub(name, at, name.n), &cp);
		}
		if (bits.n > 0)
			buf_add_char(out, alphabet[bits.v << (6 - bits.n) & 63]);
		buf_add_char(out, '-');
	}
}

static void
put_utf8(uint32_t cp, struct buf *out)
{
	if (cp < 0x80) {
		buf_add_char(out, (char)cp);
		return;
	}
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

struct units {
	uint16_t high; /* a high surrogate that waits for its low one, or 0 */
	struct buf *out;
};

static enum rc
take_unit(struct units *u, uint16_t unit)
{
	if (u->high) {
		if (unit < 0xdc00 || unit > 0xdfff)
			return RC_INVALID;
		put_utf8(0x10000 + ((uint32_t)(u->high - 0xd800) << 10) +
		                 (unit - 0xdc00U),
		         u->out);
		u->high = 0;
		return RC_OK;
	}
	if (unit >= 0xdc00 && unit <= 0xdfff)
		return RC_INVALID;
	if (unit >= 0xd800 && unit <= 0xdbff) {
		u->high = unit;
		return RC_OK;
	}
	if (is_direct(unit) || unit == 0)
		return RC_INVALID;
	put_utf8(unit, u->out);
	return RC_OK;
}

/* What stands between '&' and '-'. */
static enum rc
decode_shifted(struct span s, struct buf *out)
{
	struct units units = { 0, out };
	struct bits bits = { 0, 0 };

	for (size_t i = 0; i < s.n; i++) {
		const char *c = memchr(alphabet, s.p[i], 64);
		if (!c)
			return RC_INVALID;
		bits.v = bits.v << 6 | (uint32_t)(c - alphabet);
		bits.n += 6;
		if (bits.n < 16)
			continue;
		bits.n -= 16;
		if (take_unit(&units, (uint16_t)(bits.v >> bits.n)))
			return RC_INVALID;
	}
	if (units.high || bits.n >= 6 || (bits.v & ((1U << bits.n) - 1)) != 0)
		return RC_INVALID;
	return RC_OK;
}

enum rc
imap_utf7_decode(struct span wire, struct buf *out)
{
	bool after_shift = false;

	for (size_t i = 0; i < wire.n; i++) {
		unsigned char c = (unsigned char)wire.p[i];
		if (!is_direct(c))
			return RC_INVALID;
		if (c != '&') {
			buf_add_char(out, (char)c);
			after_shift = false;
			continue;
		}
		size_t end = span_find(wire, i + 1, '-');
		if (end == wire.n)
			return RC_INVALID;
		if (end == i + 1) {
			buf_add_char(out, '&');
			after_shift = false;
		} else {
			/* "&Jjo-&Jjo-" has a needless shift (RFC 3501 5.1.3). */
			if (after_shift ||
			    decode_shifted(span_sub(wire, i + 1, end), out))
				return RC_INVALID;
			after_shift = true;
		}
		i = end;
	}
	return buf_ok(out) ? RC_OK : RC_TOO_BIG;
}
