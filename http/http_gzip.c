/* SPDX-License-Identifier: ISC
 *
 * http_gzip.c - gzip with bounds, on zlib.
 */
#include "http/http_gzip.h"

#include <zlib.h>

/* 16: the gzip wrapper. */
#define WINDOW_BITS (15 + 16)
#define LEVEL 4
/* Up to this size any ratio is fine; above it WBXML and XML do not reach RATIO_MAX. */
#define RATIO_FREE (1 << 20)
#define RATIO_MAX 200
#define STEP 16384

static enum rc
inflate_all(z_stream *z, size_t in_n, struct buf *out)
{
	for (;;) {
		size_t left = out->max ? out->max - out->len : STEP;
		size_t n = left < STEP ? left : STEP;
		/* At the limit any further byte is one too many; there may be none. */
		char probe;
		char *room = n ? buf_reserve(out, n) : &probe;
		bool is_probe = n == 0;
		n = n ? n : 1;
		z->next_out = (Bytef *)room;
		z->avail_out = (uInt)n;
		int e = inflate(z, Z_NO_FLUSH);
		size_t got = n - z->avail_out;
		if (is_probe && got > 0)
			return RC_TOO_BIG;
		if (!is_probe)
			buf_commit(out, got);
		if (e == Z_STREAM_END)
			return z->avail_in == 0 ? RC_OK : RC_INVALID;
		if (e != Z_OK || (got == 0 && z->avail_in == 0))
			return RC_INVALID;
		if (out->len > RATIO_FREE && out->len / RATIO_MAX > in_n)
			return RC_TOO_BIG;
	}
}

enum rc
http_gunzip(struct span in, struct buf *out)
{
	z_stream z = { .next_in = (Bytef *)(uintptr_t)in.p, .avail_in = (uInt)in.n };
	if (in.n > UINT32_MAX)
		return RC_TOO_BIG;
	if (inflateInit2(&z, WINDOW_BITS) != Z_OK)
		return RC_IO;
	enum rc rc = inflate_all(&z, in.n, out);
	inflateEnd(&z);
	return rc;
}

bool
http_gzip(struct span in, struct buf *out)
{
	z_stream z = { .next_in = (Bytef *)(uintptr_t)in.p, .avail_in = (uInt)in.n };
	if (in.n > UINT32_MAX)
		return false;
	if (deflateInit2(&z, LEVEL, Z_DEFLATED, WINDOW_BITS, 8, Z_DEFAULT_STRATEGY) !=
	    Z_OK)
		return false;
	char *room = buf_reserve(out, in.n);
	z.next_out = (Bytef *)room;
	z.avail_out = room ? (uInt)in.n : 0;
	bool is_shorter = room && deflate(&z, Z_FINISH) == Z_STREAM_END;
	if (is_shorter)
		buf_commit(out, in.n - z.avail_out);
	else
		buf_done(out);
	deflateEnd(&z);
	return is_shorter;
}
