/* SPDX-License-Identifier: ISC
 *
 * imap_seqset.h - sets of sequence numbers or UIDs: "2,4:7,9,12:*" (RFC 9051 9).
 */
#ifndef IMAP_IMAP_SEQSET_H
#define IMAP_IMAP_SEQSET_H

#include "base/arena.h"
#include "base/buf.h"

#define IMAP_STAR 0 /* "*" in a set as it was read; no number is 0 */

struct imap_range {
	uint32_t lo;
	uint32_t hi;
};

struct imap_seqset {
	struct imap_range *v;
	size_t n;
	bool saved; /* "$": the result of the last SEARCH RETURN (SAVE) (RFC 5182) */
};

/* RC_INVALID: no set. v in a; lo and hi as written (either may be the greater, or "*").
 */
enum rc
imap_seqset_parse(struct span text, struct arena *a, struct imap_seqset *ret) MUST_CHECK;
/* "*" becomes star; ranges rise, do not touch and have lo <= hi. In a. */
void imap_seqset_resolve(const struct imap_seqset *set, uint32_t star, struct arena *a,
                         struct imap_seqset *ret);
/* Is x in a resolved set? */
bool imap_seqset_has(const struct imap_seqset *set, uint32_t x);
/* "1:3,7": numbers in their order, runs that rise by one drawn together. */
void imap_seqset_write(struct buf *out, const uint32_t *v, size_t n);
void imap_seqset_write_ranges(struct buf *out, const struct imap_range *v, size_t n);
/* First index of a rising array with v[i] >= x; n without one. */
size_t imap_lower_bound(const uint32_t *v, size_t n, uint32_t x);
void imap_sort_u32(uint32_t *v, size_t n);

#endif
