/* SPDX-License-Identifier: ISC
 *
 * blobs_private.h - shared by blobs.c and blobs_sweep.c.
 */
#ifndef STORE_BLOBS_PRIVATE_H
#define STORE_BLOBS_PRIVATE_H

#include <pthread.h>

#include "store/blobs.h"

#define BLOB_LOCKS 16

struct blobs {
	char *directory;
	char *temporary;
	struct codec *codec;
	/* Putting a blob and sweeping it away exclude each other; by the hash's first
	 * byte. */
	pthread_mutex_t locks[BLOB_LOCKS];
};

pthread_mutex_t *blob_lock(struct blobs *b, const struct sha256 *hash);

#endif
