/* SPDX-License-Identifier: ISC
 *
 * blobs.c - the front of the kinds of blobs, and what they share.
 */
#include "store/blobs.h"

#include <endian.h>

#include "store/blobs_private.h"

uint64_t
blob_get_u64(const char *p)
{
	uint64_t le;

	memcpy(&le, p, sizeof(le));
	return le64toh(le);
}

uint64_t
blob_check_of(struct span raw)
{
	struct sha256 hash;

	sha256_of(raw, &hash);
	return blob_get_u64((const char *)hash.b);
}

uint64_t
blob_frame_size(uint64_t size, uint64_t i)
{
	uint64_t at = i * BLOB_FRAME;

	return size - at < BLOB_FRAME ? size - at : BLOB_FRAME;
}

void
blobs_close(struct blobs *b)
{
	if (b)
		b->ops->close(b);
}

enum rc
blobs_put(struct blobs *b, const struct sha256 *hash, struct span raw)
{
	return b->ops->put(b, hash, raw);
}

enum rc
blobs_read(struct blobs *b, struct span span, uint64_t size, uint64_t at, uint64_t n,
           struct buf *out)
{
	struct sha256 hash;
	enum rc rc;

	if (span.n != sizeof(hash.b))
		return RC_IO;
	memcpy(hash.b, span.p, sizeof(hash.b));
	if (at >= size || n == 0)
		return RC_OK;
	if (n > size - at)
		n = size - at;
	rc = b->ops->read(b, &hash, size, at, n, out);
	if (!rc && !buf_ok(out))
		rc = RC_TOO_BIG;
	return rc;
}

enum rc
blobs_sweep(struct blobs *b, uint64_t grace_ms, blobs_used_fn *is_used, void *arg,
            uint64_t *ret_removed)
{
	return b->ops->sweep(b, grace_ms, is_used, arg, ret_removed);
}
