/* SPDX-License-Identifier: ISC
 *
 * http_chunk.h - takes the chunked coding off a body (RFC 9112 7.1), strictly, in pieces.
 */
#ifndef HTTP_HTTP_CHUNK_H
#define HTTP_HTTP_CHUNK_H

#include "base/buf.h"

enum http_chunk_state {
	HTTP_CHUNK_SIZE,
	HTTP_CHUNK_EXT,
	HTTP_CHUNK_SIZE_LF,
	HTTP_CHUNK_DATA,
	HTTP_CHUNK_DATA_CR,
	HTTP_CHUNK_DATA_LF,
	HTTP_CHUNK_TRAILER, /* at the begin of a line */
	HTTP_CHUNK_TRAILER_NAME,
	HTTP_CHUNK_TRAILER_VALUE,
	HTTP_CHUNK_TRAILER_LF,
	HTTP_CHUNK_END_LF,
	HTTP_CHUNK_DONE,
};

struct http_chunk {
	uint64_t left;     /* of the size line or of the data */
	uint32_t overhead; /* bytes of extensions and trailers, all together */
	uint8_t digits;
	uint8_t state; /* enum http_chunk_state; all zero at the begin */
};

/*
 * Appends the data of in to out. RC_OK: the body has ended, *ret_used bytes were its.
 * RC_AGAIN: all was used, more must come. RC_INVALID; RC_TOO_BIG: out's limit, or too
 * many bytes of extensions and trailers. *ret_used is set on RC_OK and RC_AGAIN.
 */
enum rc http_chunk_feed(struct http_chunk *c, struct span in, struct buf *out,
                        size_t *ret_used) MUST_CHECK;

#endif
