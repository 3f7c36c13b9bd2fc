/* SPDX-License-Identifier: ISC
 *
 * blobs.h - large contents, named by the SHA-256 of their bytes.
 *
 * A blob is written once, durable before anyone may name it, and never changed. zstd in
 * frames of 256 KB where that saves at least an eighth, so that a part is read by itself.
 * They are files on one machine and rows of a database where several nodes share them.
 */
#ifndef STORE_BLOBS_H
#define STORE_BLOBS_H

#include "base/buf.h"
#include "base/encode.h"
#include "base/rc.h"

struct blobs;
struct codec;
struct engine;

/* zstd's contexts, kept for reuse by any thread. */
struct codec *codec_new(void);
void codec_free(struct codec *c);
AUTO_DEFINE(codec);
/* False (out unchanged) when it saves less than an eighth. */
bool codec_pack(struct codec *c, struct span raw, struct buf *out);
/* n: the size it must have. RC_IO: damaged. */
enum rc
codec_unpack(struct codec *c, struct span packed, size_t n, struct buf *out) MUST_CHECK;

/* directory: "<store>/blobs", made when absent, but not its parent. codec must outlive
 * the blobs. */
enum rc blobs_open_files(const char *directory, struct codec *codec,
                         struct blobs **ret) MUST_CHECK;
/* In ENGINE_BLOBS of e, which must outlive the blobs as well. */
void blobs_open_database(struct engine *e, struct codec *codec, struct blobs **ret);
/* NULL is fine. */
void blobs_close(struct blobs *b);

/* Durable on RC_OK. One that is there already is used, and safe from the sweep for the
 * time of grace. */
enum rc blobs_put(struct blobs *b, const struct sha256 *hash, struct span raw) MUST_CHECK;
/* Bytes at..at+n (clamped to size, the blob's own). RC_IO: missing or damaged. */
enum rc blobs_read(struct blobs *b, struct span hash, uint64_t size, uint64_t at,
                   uint64_t n, struct buf *out) MUST_CHECK;

/* Removes blobs older than grace_ms for which is_used() is false, and left temporary
 * ones. */
typedef bool blobs_used_fn(const struct sha256 *hash, void *arg);
enum rc blobs_sweep(struct blobs *b, uint64_t grace_ms, blobs_used_fn *is_used, void *arg,
                    uint64_t *ret_removed) MUST_CHECK;

#endif
