/* SPDX-License-Identifier: ISC
 *
 * eas_pack.h - numbers and strings packed into the small rows that cursors keep.
 *
 * Varints (7 bits a byte, low first); signed numbers zigzag.
 */
#ifndef ACTIVESYNC_EAS_PACK_H
#define ACTIVESYNC_EAS_PACK_H

#include "base/buf.h"
#include "format/wbxml.h"

void eas_pack_u64(struct buf *b, uint64_t v);
void eas_pack_i64(struct buf *b, int64_t v);
void eas_pack_span(struct buf *b, struct span s);
/* An element with all in it: to know a request again by its hash. */
void eas_pack_node(const struct wbxml_node *n, struct buf *b);

/* Reads from the front; past the end gives 0 and sets failed for good. */
struct eas_unpack {
	struct span rest;
	bool failed;
};

uint64_t eas_unpack_u64(struct eas_unpack *u);
uint32_t eas_unpack_u32(struct eas_unpack *u);
int64_t eas_unpack_i64(struct eas_unpack *u);
struct span eas_unpack_span(struct eas_unpack *u);

#endif
