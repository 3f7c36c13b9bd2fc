/* SPDX-License-Identifier: ISC
 *
 * blobs_private.h - what a kind of blobs fills in; blobs.c dispatches to it.
 */
#ifndef STORE_BLOBS_PRIVATE_H
#define STORE_BLOBS_PRIVATE_H

#include <pthread.h>

#include "store/blobs.h"

#define BLOB_LOCKS 16
#define BLOB_FRAME UINT64_C(0x40000) /* raw bytes of each frame but the last */

struct blobs_ops {
	void (*close)(struct blobs *b);
	enum rc (*put)(struct blobs *b, const struct sha256 *hash, struct span raw);
	/* n > 0, at + n <= size */
	enum rc (*read)(struct blobs *b, const struct sha256 *hash, uint64_t size,
	                uint64_t at, uint64_t n, struct buf *out);
	enum rc (*sweep)(struct blobs *b, uint64_t grace_ms, blobs_used_fn *is_used,
	                 void *arg, uint64_t *ret_removed);
};

struct blobs {
	const struct blobs_ops *ops;
	struct codec *codec;
};

/* Little-endian, at any address. */
uint64_t blob_get_u64(const char *p);
/* What a frame is checked by: the first eight bytes of its raw bytes' SHA-256. */
uint64_t blob_check_of(struct span raw);
/* Raw bytes of frame i of a blob of size. */
uint64_t blob_frame_size(uint64_t size, uint64_t i);

/* blobs_files.c, blobs_files_sweep.c */
struct blobs_files {
	struct blobs base;
	char *directory;
	char *temporary;
	/* Putting a blob and sweeping it away exclude each other; by the hash's first
	 * byte. */
	pthread_mutex_t locks[BLOB_LOCKS];
};

static inline struct blobs_files *
blobs_files_of(struct blobs *b)
{
	return container_of(b, struct blobs_files, base);
}

pthread_mutex_t *blob_lock(struct blobs_files *b, const struct sha256 *hash);
enum rc blobs_files_sweep(struct blobs *b, uint64_t grace_ms, blobs_used_fn *is_used,
                          void *arg, uint64_t *ret_removed);

#endif
