/* SPDX-License-Identifier: ISC
 *
 * archive_private.h - the form of frames and rows, for the writer and the reader.
 *
 * A frame: a letter, flags, the raw and the stored length (32 bits each, low byte first),
 * the stored bytes. Numbers in rows are varints (7 bits a byte, low first), signed ones
 * zigzag; texts and bytes have their length before them.
 */
#ifndef STORE_ARCHIVE_ARCHIVE_PRIVATE_H
#define STORE_ARCHIVE_ARCHIVE_PRIVATE_H

#include "store/archive/archive.h"

#define ARCHIVE_MAGIC "godwitar"
#define FRAME_HEAD 10
#define FRAME_FULL (256u << 10) /* a frame goes out when it has so much */
#define FRAME_MAX (64u << 20)   /* one with a large row has more, but not this */
#define FRAME_TEXT_MAX 16384    /* of heads and sections */
#define FRAME_PACKED 1

enum frame {
	FRAME_OF_HEAD = 'H',
	FRAME_OF_SECTION = 'S',
	FRAME_OF_ROWS = 'R',
	FRAME_OF_BYTES = 'B',
	FRAME_OF_SECTION_END = 'E',
	FRAME_OF_END = 'Z',
};

static inline uint64_t
zigzag(int64_t v)
{
	return ((uint64_t)v << 1) ^ (uint64_t)(v >> 63);
}

static inline int64_t
unzigzag(uint64_t v)
{
	return (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
}

void archive_put_u64(struct buf *out, uint64_t v);
/* RC_INVALID: cut off, or not in its shortest form. */
enum rc archive_get_u64(struct span *rest, uint64_t *ret) MUST_CHECK;
const char *archive_part_str(enum archive_part p);

#endif
