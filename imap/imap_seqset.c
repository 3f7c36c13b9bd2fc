/* SPDX-License-Identifier: ISC
 *
 * imap_seqset.c - sets of sequence numbers or UIDs (RFC 9051 9, "sequence-set").
 */
#include <stdlib.h>

#include "imap/imap_seqset.h"

static enum rc
parse_number(struct span s, uint32_t *ret)
{
	if (span_is(s, "*")) {
		*ret = IMAP_STAR;
		return RC_OK;
	}
	uint32_t v;
	if (parse_u32(s, UINT32_MAX, &v) || v == 0)
		return RC_INVALID;
	*ret = v;
	return RC_OK;
}

enum rc
imap_seqset_parse(struct span text, struct arena *a, struct imap_seqset *ret)
{
	if (span_is(text, "$")) {
		*ret = (struct imap_seqset){ .saved = true };
		return RC_OK;
	}
	size_t n = 1;
	for (size_t i = 0; i < text.n; i++)
		n += text.p[i] == ',';
	struct imap_range *v = arena_array(a, n, struct imap_range);
	size_t at = 0;
	for (size_t i = 0; i < n; i++) {
		size_t end = span_find(text, at, ',');
		struct span piece = span_sub(text, at, end);
		size_t colon = span_find(piece, 0, ':');
		if (parse_number(span_sub(piece, 0, colon), &v[i].lo))
			return RC_INVALID;
		v[i].hi = v[i].lo;
		if (colon < piece.n &&
		    parse_number(span_sub(piece, colon + 1, piece.n), &v[i].hi))
			return RC_INVALID;
		at = end + 1;
	}
	*ret = (struct imap_seqset){ .v = v, .n = n };
	return RC_OK;
}

static int
by_lo(const void *a, const void *b)
{
	const struct imap_range *x = a, *y = b;

	return (x->lo > y->lo) - (x->lo < y->lo);
}

void
imap_seqset_resolve(const struct imap_seqset *set, uint32_t star, struct arena *a,
                    struct imap_seqset *ret)
{
	struct imap_range *v = arena_array(a, set->n ? set->n : 1, struct imap_range);
	size_t n = 0;

	for (size_t i = 0; i < set->n; i++) {
		uint32_t lo = set->v[i].lo == IMAP_STAR ? star : set->v[i].lo;
		uint32_t hi = set->v[i].hi == IMAP_STAR ? star : set->v[i].hi;
		if (lo == 0 || hi == 0)
			continue; /* "*" of an empty mailbox: nothing */
		v[n++] = lo <= hi ? (struct imap_range){ lo, hi }
		                  : (struct imap_range){ hi, lo };
	}
	qsort(v, n, sizeof(*v), by_lo);
	size_t out = 0;
	for (size_t i = 0; i < n; i++) {
		if (out > 0 && (uint64_t)v[out - 1].hi + 1 >= v[i].lo) {
			if (v[i].hi > v[out - 1].hi)
				v[out - 1].hi = v[i].hi;
		} else {
			v[out++] = v[i];
		}
	}
	*ret = (struct imap_seqset){ .v = v, .n = out };
}

bool
imap_seqset_has(const struct imap_seqset *set, uint32_t x)
{
	size_t lo = 0, hi = set->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		if (x > set->v[mid].hi)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < set->n && x >= set->v[lo].lo;
}

static void
write_range(struct buf *out, uint32_t lo, uint32_t hi, bool first)
{
	if (!first)
		buf_add_char(out, ',');
	buf_add_u64(out, lo);
	if (hi != lo) {
		buf_add_char(out, ':');
		buf_add_u64(out, hi);
	}
}

void
imap_seqset_write(struct buf *out, const uint32_t *v, size_t n)
{
	for (size_t i = 0; i < n;) {
		size_t end = i + 1;
		while (end < n && v[end] == v[end - 1] + 1)
			end++;
		write_range(out, v[i], v[end - 1], i == 0);
		i = end;
	}
}

void
imap_seqset_write_ranges(struct buf *out, const struct imap_range *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		write_range(out, v[i].lo, v[i].hi, i == 0);
}

size_t
imap_lower_bound(const uint32_t *v, size_t n, uint32_t x)
{
	size_t lo = 0, hi = n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		if (v[mid] < x)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static int
by_value(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

void
imap_sort_u32(uint32_t *v, size_t n)
{
	if (n > 1)
		qsort(v, n, sizeof(*v), by_value);
}
