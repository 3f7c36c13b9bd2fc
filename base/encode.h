/* SPDX-License-Identifier: ISC
 *
 * encode.h - base64, hex and percent decoding, hashes and randomness.
 *
 * Hashes and random bytes come from OpenSSL.
 */
#ifndef BASE_ENCODE_H
#define BASE_ENCODE_H

#include "base/buf.h"

/* RFC 4648 4, with padding, no line breaks. */
void base64_encode(struct span in, struct buf *out);
/* Lines of 76 characters and CRLF (RFC 2045 6.8), a CRLF at the end. */
void base64_encode_mime(struct span in, struct buf *out);
/* Strict: no white space, correct padding. RC_INVALID, or RC_TOO_BIG from out's limit. */
enum rc base64_decode(struct span in, struct buf *out) MUST_CHECK;
/* RFC 4648 5, without padding, both ways. */
void base64url_encode(struct span in, struct buf *out);
enum rc base64url_decode(struct span in, struct buf *out) MUST_CHECK;

void hex_encode(struct span in, struct buf *out);
enum rc hex_decode(struct span in, struct buf *out) MUST_CHECK;

/* %XX of URLs; '+' becomes a space when plus is set. */
enum rc percent_decode(struct span in, bool plus, struct buf *out) MUST_CHECK;

struct sha256 {
	uint8_t b[32];
};

void sha256_of(struct span in, struct sha256 *ret);

/* The same of bytes that come in pieces. */
struct sha256_sum;
struct sha256_sum *sha256_sum_new(void);
void sha256_sum_free(struct sha256_sum *s);
AUTO_DEFINE(sha256_sum);
void sha256_sum_add(struct sha256_sum *s, struct span in);
/* Of all since the last end; begins anew. */
void sha256_sum_end(struct sha256_sum *s, struct sha256 *ret);
void hmac_sha256(struct span key, struct span in, struct sha256 *ret);

/* From the system's generator; aborts when it fails. */
void random_bytes(void *p, size_t n);
uint64_t random_u64(void);
/* Below n, without bias. */
uint64_t random_below(uint64_t n);

/* Same length and bytes, in time that does not depend on where they differ. */
bool secret_eq(struct span a, struct span b);

#endif
