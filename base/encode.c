/* SPDX-License-Identifier: ISC
 *
 * encode.c - base64 and hex (RFC 4648), percent (RFC 3986), hashes and randomness.
 */
#include "base/encode.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <stdlib.h>

static const char std_alphabet[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char url_alphabet[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static void
encode64(struct span in, const char *alphabet, bool pad, struct buf *out)
{
	const unsigned char *p = (const unsigned char *)in.p;

	for (size_t i = 0; i < in.n && !out->failed; i += 3) {
		size_t n = in.n - i < 3 ? in.n - i : 3;
		uint32_t v = (uint32_t)p[i] << 16;
		char four[4];

		if (n > 1)
			v |= (uint32_t)p[i + 1] << 8;
		if (n > 2)
			v |= p[i + 2];
		for (size_t k = 0; k < 4; k++)
			four[k] = k <= n ? alphabet[v >> (18 - 6 * k) & 63] : '=';
		buf_add(out, four, pad ? 4 : n + 1);
	}
}

void
base64_encode(struct span in, struct buf *out)
{
	encode64(in, std_alphabet, true, out);
}

void
base64_encode_mime(struct span in, struct buf *out)
{
	/* 57 bytes make 76 characters. */
	for (size_t i = 0; i < in.n && !out->failed; i += 57) {
		encode64(span_sub(in, i, i + 57), std_alphabet, true, out);
		buf_add_str(out, "\r\n");
	}
}

void
base64url_encode(struct span in, struct buf *out)
{
	encode64(in, url_alphabet, false, out);
}

static int
value64(char c, bool url)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == (url ? '-' : '+'))
		return 62;
	if (c == (url ? '_' : '/'))
		return 63;
	return -1;
}

/* in has no padding any more; ret has room for in.n / 4 * 3 + 2. */
static enum rc
decode64(struct span in, bool url, char *ret, size_t *ret_n)
{
	uint32_t v = 0;
	unsigned bits = 0;
	size_t n = 0;

	/* One character alone holds only 6 bits. */
	if (in.n % 4 == 1)
		return RC_INVALID;
	for (size_t i = 0; i < in.n; i++) {
		int d = value64(in.p[i], url);

		if (d < 0)
			return RC_INVALID;
		v = (v << 6 | (uint32_t)d) & 0xffffff;
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			ret[n++] = (char)(v >> bits & 0xff);
		}
	}
	/* RFC 4648 3.5: bits that stand for nothing are zero. */
	if (v & ((1u << bits) - 1))
		return RC_INVALID;
	*ret_n = n;
	return RC_OK;
}

static enum rc
decode_into(struct span in, bool url, struct buf *out)
{
	size_t room = in.n / 4 * 3 + (in.n % 4 > 1 ? in.n % 4 - 1 : 0);
	char *at = buf_reserve(out, room);
	size_t n;
	enum rc rc;

	if (!at)
		return RC_TOO_BIG;
	rc = decode64(in, url, at, &n);
	if (rc == RC_OK)
		buf_commit(out, n);
	return rc;
}

enum rc
base64_decode(struct span in, struct buf *out)
{
	size_t n = in.n;

	if (n % 4)
		return RC_INVALID;
	if (n && in.p[n - 1] == '=')
		n--;
	if (n < in.n && in.p[n - 1] == '=')
		n--;
	return decode_into(span_sub(in, 0, n), false, out);
}

enum rc
base64url_decode(struct span in, struct buf *out)
{
	return decode_into(in, true, out);
}

void
hex_encode(struct span in, struct buf *out)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < in.n && !out->failed; i++) {
		unsigned char c = (unsigned char)in.p[i];
		char two[2] = { digits[c >> 4], digits[c & 15] };

		buf_add(out, two, 2);
	}
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* The byte of two digits at p, or -1. */
static int
hex_byte(const char *p)
{
	int hi = hex_digit(p[0]);
	int lo = hex_digit(p[1]);

	return hi < 0 || lo < 0 ? -1 : hi << 4 | lo;
}

enum rc
hex_decode(struct span in, struct buf *out)
{
	char *at;

	if (in.n % 2)
		return RC_INVALID;
	at = buf_reserve(out, in.n / 2);
	if (!at)
		return RC_TOO_BIG;
	for (size_t i = 0; i < in.n; i += 2) {
		int c = hex_byte(in.p + i);

		if (c < 0)
			return RC_INVALID;
		at[i / 2] = (char)c;
	}
	buf_commit(out, in.n / 2);
	return RC_OK;
}

enum rc
percent_decode(struct span in, bool plus, struct buf *out)
{
	size_t start = out->len;

	for (size_t i = 0; i < in.n && !out->failed; i++) {
		int c = (unsigned char)in.p[i];

		if (c == '+' && plus) {
			c = ' ';
		} else if (c == '%') {
			c = in.n - i > 2 ? hex_byte(in.p + i + 1) : -1;
			if (c < 0) {
				buf_truncate(out, start);
				return RC_INVALID;
			}
			i += 2;
		}
		buf_add_char(out, (char)c);
	}
	if (out->failed) {
		buf_truncate(out, start);
		return RC_TOO_BIG;
	}
	return RC_OK;
}

void
sha256_of(struct span in, struct sha256 *ret)
{
	unsigned n = 0;

	/* Fails only where memory or the provider is missing. */
	if (!EVP_Digest(in.n ? in.p : "", in.n, ret->b, &n, EVP_sha256(), NULL) ||
	    n != sizeof(ret->b))
		abort();
}

/* EVP_MD_CTX under a name of ours. */
static EVP_MD_CTX *
context_of(struct sha256_sum *s)
{
	return (EVP_MD_CTX *)(void *)s;
}

struct sha256_sum *
sha256_sum_new(void)
{
	EVP_MD_CTX *c = EVP_MD_CTX_new();

	if (!c || !EVP_DigestInit_ex(c, EVP_sha256(), NULL))
		abort();
	return (struct sha256_sum *)(void *)c;
}

void
sha256_sum_free(struct sha256_sum *s)
{
	EVP_MD_CTX_free(context_of(s));
}

void
sha256_sum_add(struct sha256_sum *s, struct span in)
{
	if (in.n > 0 && !EVP_DigestUpdate(context_of(s), in.p, in.n))
		abort();
}

void
sha256_sum_end(struct sha256_sum *s, struct sha256 *ret)
{
	unsigned n = 0;

	if (!EVP_DigestFinal_ex(context_of(s), ret->b, &n) || n != sizeof(ret->b) ||
	    !EVP_DigestInit_ex(context_of(s), NULL, NULL))
		abort();
}

#define BLOCK 64

static EVP_MD *fetched;

static void
fetch(void)
{
	fetched = EVP_MD_fetch(NULL, "SHA256", NULL);
	if (!fetched)
		abort();
}

/* The key's block, every byte of it turned by pad, and in. */
static void
hash_block(EVP_MD_CTX *c, const unsigned char *key, unsigned char pad, struct span in,
           struct sha256 *ret)
{
	unsigned char block[BLOCK];
	unsigned n = 0;

	for (size_t i = 0; i < BLOCK; i++)
		block[i] = key[i] ^ pad;
	if (!EVP_DigestInit_ex2(c, fetched, NULL) || !EVP_DigestUpdate(c, block, BLOCK) ||
	    !EVP_DigestUpdate(c, in.n ? in.p : "", in.n) ||
	    !EVP_DigestFinal_ex(c, ret->b, &n) || n != sizeof(ret->b))
		abort();
	OPENSSL_cleanse(block, sizeof(block));
}

/* RFC 2104 2. By hand: HMAC() looks its algorithms up by name, each time, which is most
 * of its work where little is hashed. */
void
hmac_sha256(struct span key, struct span in, struct sha256 *ret)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	unsigned char block[BLOCK] = { 0 };
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	struct sha256 inner;

	pthread_once(&once, fetch);
	if (!c)
		abort();
	if (key.n > BLOCK) {
		sha256_of(key, &inner);
		memcpy(block, inner.b, sizeof(inner.b));
	} else if (key.n > 0) {
		memcpy(block, key.p, key.n);
	}
	hash_block(c, block, 0x36, in, &inner);
	hash_block(c, block, 0x5c, span_of((const char *)inner.b, sizeof(inner.b)), ret);
	EVP_MD_CTX_free(c);
	OPENSSL_cleanse(block, sizeof(block));
	OPENSSL_cleanse(&inner, sizeof(inner));
}

void
random_bytes(void *p, size_t n)
{
	unsigned char *at = p;

	while (n) {
		int part = n > 65536 ? 65536 : (int)n;

		if (RAND_bytes(at, part) != 1)
			abort();
		at += part;
		n -= (size_t)part;
	}
}

uint64_t
random_u64(void)
{
	uint64_t v;

	random_bytes(&v, sizeof(v));
	return v;
}

uint64_t
random_below(uint64_t n)
{
	uint64_t first, v;

	if (n < 2)
		return 0;
	/* The first 2^64 mod n values would come once too often. */
	first = (0 - n) % n;
	do {
		v = random_u64();
	} while (v < first);
	return v % n;
}

bool
secret_eq(struct span a, struct span b)
{
	return a.n == b.n && (a.n == 0 || CRYPTO_memcmp(a.p, b.p, a.n) == 0);
}
