/* SPDX-License-Identifier: ISC
 *
 * store_content.h - the bytes of items: parsed, hashed and compressed once, shared by all
 * that name them.
 *
 * Small contents lie in the shard's row (one sync for the delivery), larger ones once as
 * content-addressed files, made durable before a row names them. What is compressed by
 * zstd stays so at rest; large ones in frames, so that a part is read by itself.
 */
#ifndef STORE_STORE_CONTENT_H
#define STORE_STORE_CONTENT_H

#include "base/encode.h"
#include "store/store.h"

struct store_content;

/*
 * Prepares raw for storing, outside of any transaction: SHA-256, compression, and, when
 * large, the blob file, synced. For mail, meta is the record of mime_meta_write();
 * for others whatever the class keeps beside its bytes (may be empty). Both are copied.
 * RC_TOO_BIG over message_max.
 */
enum rc store_content_new(struct store *s, struct span raw, struct span meta,
                          struct store_content **ret) MUST_CHECK;
/*
 * The same for a content that so many users get: it is kept apart from their rows, once,
 * where their copies would take more than a megabyte together.
 */
enum rc store_content_new_copies(struct store *s, struct span raw, struct span meta,
                                 size_t copies, struct store_content **ret) MUST_CHECK;
void store_content_free(struct store_content *c);
AUTO_DEFINE(store_content);
/* The usual case: mail bytes (CRLF line ends expected), parsed here. */
enum rc store_content_new_mail(struct store *s, struct span raw,
                               struct store_content **ret) MUST_CHECK;
enum rc store_content_new_mail_copies(struct store *s, struct span raw, size_t copies,
                                      struct store_content **ret) MUST_CHECK;
uint64_t store_content_size(const struct store_content *c);

/* Reading what an item names; the ids are in struct store_item. Bytes in a. */
enum rc store_content_meta(struct store_tx *tx, uint64_t content, struct arena *a,
                           struct span *ret) MUST_CHECK;
/* Bytes at..at+n (clamped) appended to out. */
enum rc store_content_read(struct store_tx *tx, uint64_t content, uint64_t at, uint64_t n,
                           struct buf *out) MUST_CHECK;

#endif
