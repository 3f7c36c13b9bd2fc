/* SPDX-License-Identifier: ISC
 *
 * http_chunk.c - the chunked transfer coding: RFC 9112 7.1.
 *
 * Extensions and trailers are checked, counted and forgotten.
 */
#include "http/http_chunk.h"

#include "http/http_head.h"

#define OVERHEAD_MAX 8192
#define DIGITS_MAX 15

static enum rc
step_size(struct http_chunk *c, unsigned char ch)
{
	int v = ch >= '0' && ch <= '9'   ? ch - '0'
	        : ch >= 'a' && ch <= 'f' ? ch - 'a' + 10
	        : ch >= 'A' && ch <= 'F' ? ch - 'A' + 10
	                                 : -1;
	if (v >= 0) {
		if (++c->digits > DIGITS_MAX)
			return RC_TOO_BIG;
		c->left = c->left << 4 | (unsigned)v;
		return RC_AGAIN;
	}
	if (c->digits == 0)
		return RC_INVALID;
	c->digits = 0;
	if (ch == '\r')
		c->state = HTTP_CHUNK_SIZE_LF;
	else if (ch == ';')
		c->state = HTTP_CHUNK_EXT;
	else
		return RC_INVALID;
	return RC_AGAIN;
}

/* One byte outside of the data. */
static enum rc
step(struct http_chunk *c, unsigned char ch)
{
	struct span one = span_of((const char *)&ch, 1);
	switch ((enum http_chunk_state)c->state) {
	case HTTP_CHUNK_SIZE:
		return step_size(c, ch);
	case HTTP_CHUNK_EXT:
		c->overhead++;
		if (ch == '\r')
			c->state = HTTP_CHUNK_SIZE_LF;
		else if (!http_is_value(one))
			return RC_INVALID;
		break;
	case HTTP_CHUNK_SIZE_LF:
		if (ch != '\n')
			return RC_INVALID;
		c->state = c->left ? HTTP_CHUNK_DATA : HTTP_CHUNK_TRAILER;
		break;
	case HTTP_CHUNK_DATA_CR:
		if (ch != '\r')
			return RC_INVALID;
		c->state = HTTP_CHUNK_DATA_LF;
		break;
	case HTTP_CHUNK_DATA_LF:
		if (ch != '\n')
			return RC_INVALID;
		c->state = HTTP_CHUNK_SIZE;
		break;
	case HTTP_CHUNK_TRAILER:
		c->overhead++;
		if (ch == '\r')
			c->state = HTTP_CHUNK_END_LF;
		else if (!http_is_token(one))
			return RC_INVALID;
		else
			c->state = HTTP_CHUNK_TRAILER_NAME;
		break;
	case HTTP_CHUNK_TRAILER_NAME:
		c->overhead++;
		if (ch == ':')
			c->state = HTTP_CHUNK_TRAILER_VALUE;
		else if (!http_is_token(one))
			return RC_INVALID;
		break;
	case HTTP_CHUNK_TRAILER_VALUE:
		c->overhead++;
		if (ch == '\r')
			c->state = HTTP_CHUNK_TRAILER_LF;
		else if (!http_is_value(one))
			return RC_INVALID;
		break;
	case HTTP_CHUNK_TRAILER_LF:
		if (ch != '\n')
			return RC_INVALID;
		c->state = HTTP_CHUNK_TRAILER;
		break;
	case HTTP_CHUNK_END_LF:
		if (ch != '\n')
			return RC_INVALID;
		c->state = HTTP_CHUNK_DONE;
		return RC_OK;
	case HTTP_CHUNK_DATA:
	case HTTP_CHUNK_DONE:
		break;
	}
	return c->overhead > OVERHEAD_MAX ? RC_TOO_BIG : RC_AGAIN;
}

enum rc
http_chunk_feed(struct http_chunk *c, struct span in, struct buf *out, size_t *ret_used)
{
	enum rc rc = c->state == HTTP_CHUNK_DONE ? RC_OK : RC_AGAIN;
	size_t i = 0;
	while (rc == RC_AGAIN && i < in.n) {
		if (c->state != HTTP_CHUNK_DATA) {
			rc = step(c, (unsigned char)in.p[i++]);
			continue;
		}
		size_t n = in.n - i < c->left ? in.n - i : (size_t)c->left;
		buf_add(out, in.p + i, n);
		if (!buf_ok(out))
			return RC_TOO_BIG;
		i += n;
		c->left -= n;
		if (c->left == 0)
			c->state = HTTP_CHUNK_DATA_CR;
	}
	if (rc == RC_OK || rc == RC_AGAIN)
		*ret_used = i;
	return rc;
}
