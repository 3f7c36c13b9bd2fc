/* SPDX-License-Identifier: ISC
 *
 * search_postings.c - rows of the search index as bytes.
 */
#include "store/search_private.h"

void
search_varint(struct buf *b, uint64_t v)
{
	while (v >= 0x80) {
		buf_add_char(b, (char)(v | 0x80));
		v >>= 7;
	}
	buf_add_char(b, (char)v);
}

bool
search_varint_next(struct span *rest, uint64_t *ret)
{
	uint64_t v = 0;

	for (size_t i = 0; i < rest->n && i < 10; i++) {
		unsigned char c = (unsigned char)rest->p[i];

		v |= (uint64_t)(c & 0x7f) << (7 * i);
		if (!(c & 0x80)) {
			*rest = span_sub(*rest, i + 1, rest->n);
			*ret = v;
			return true;
		}
	}
	return false;
}

bool
search_posting_next(struct span *rest, uint64_t *doc, struct search_posting *ret)
{
	uint64_t step, n;

	if (!search_varint_next(rest, &step) || !search_varint_next(rest, &n) ||
	    n > rest->n)
		return false;
	*doc += step;
	ret->doc = *doc;
	ret->positions = span_sub(*rest, 0, n);
	*rest = span_sub(*rest, n, rest->n);
	return true;
}

void
search_posting_add(struct buf *b, uint64_t *last, uint64_t doc, struct span positions)
{
	search_varint(b, doc - *last);
	search_varint(b, positions.n);
	buf_add_span(b, positions);
	*last = doc;
}
