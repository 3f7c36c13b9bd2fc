/* SPDX-License-Identifier: ISC
 *
 * codec.c - zstd, where it pays, with contexts that are kept.
 */
#include <pthread.h>
#include <stdlib.h>
#include <zstd.h>

#include "base/mem.h"
#include "store/blobs.h"

#define LEVEL 3
#define KEPT_MAX 32

struct codec {
	pthread_mutex_t mutex;
	ZSTD_CCtx *packers[KEPT_MAX];
	size_t n_packers;
	ZSTD_DCtx *unpackers[KEPT_MAX];
	size_t n_unpackers;
};

struct codec *
codec_new(void)
{
	struct codec *c = xcalloc(1, sizeof(*c));

	pthread_mutex_init(&c->mutex, NULL);
	return c;
}

void
codec_free(struct codec *c)
{
	if (!c)
		return;
	while (c->n_packers > 0)
		ZSTD_freeCCtx(c->packers[--c->n_packers]);
	while (c->n_unpackers > 0)
		ZSTD_freeDCtx(c->unpackers[--c->n_unpackers]);
	pthread_mutex_destroy(&c->mutex);
	free(c);
}

static ZSTD_CCtx *
packer_get(struct codec *c)
{
	ZSTD_CCtx *z = NULL;

	pthread_mutex_lock(&c->mutex);
	if (c->n_packers > 0)
		z = c->packers[--c->n_packers];
	pthread_mutex_unlock(&c->mutex);
	return z ? z : ZSTD_createCCtx();
}

static void
packer_put(struct codec *c, ZSTD_CCtx *z)
{
	pthread_mutex_lock(&c->mutex);
	if (c->n_packers < KEPT_MAX) {
		c->packers[c->n_packers++] = z;
		z = NULL;
	}
	pthread_mutex_unlock(&c->mutex);
	ZSTD_freeCCtx(z);
}

static ZSTD_DCtx *
unpacker_get(struct codec *c)
{
	ZSTD_DCtx *z = NULL;

	pthread_mutex_lock(&c->mutex);
	if (c->n_unpackers > 0)
		z = c->unpackers[--c->n_unpackers];
	pthread_mutex_unlock(&c->mutex);
	return z ? z : ZSTD_createDCtx();
}

static void
unpacker_put(struct codec *c, ZSTD_DCtx *z)
{
	pthread_mutex_lock(&c->mutex);
	if (c->n_unpackers < KEPT_MAX) {
		c->unpackers[c->n_unpackers++] = z;
		z = NULL;
	}
	pthread_mutex_unlock(&c->mutex);
	ZSTD_freeDCtx(z);
}

bool
codec_pack(struct codec *c, struct span raw, struct buf *out)
{
	size_t most = raw.n - raw.n / 8; /* what saves an eighth */
	ZSTD_CCtx *z;
	size_t room = ZSTD_compressBound(raw.n);
	char *p = buf_reserve(out, room);
	size_t n;

	if (!p || raw.n == 0)
		return false;
	z = packer_get(c);
	if (!z)
		return false;
	n = ZSTD_compressCCtx(z, p, room, raw.p, raw.n, LEVEL);
	packer_put(c, z);
	if (ZSTD_isError(n) || n > most)
		return false;
	buf_commit(out, n);
	return true;
}

enum rc
codec_unpack(struct codec *c, struct span packed, size_t n, struct buf *out)
{
	char *p = buf_reserve(out, n);
	ZSTD_DCtx *z;
	size_t got;

	if (!p)
		return RC_TOO_BIG;
	z = unpacker_get(c);
	if (!z)
		return RC_AGAIN;
	got = ZSTD_decompressDCtx(z, p, n, packed.p, packed.n);
	unpacker_put(c, z);
	if (ZSTD_isError(got) || got != n)
		return RC_IO;
	buf_commit(out, n);
	return RC_OK;
}
