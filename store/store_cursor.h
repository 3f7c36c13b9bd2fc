/* SPDX-License-Identifier: ISC
 *
 * store_cursor.h - what a device has seen: small rows, one for each (device, name).
 *
 * A SyncKey, a FolderSync key and a SyncML anchor are cursors. state is the protocol's
 * own few integers, encoded by it. The previous state stays until the device shows the
 * new key, so that a lost answer is replayed and not resynced; answer is what the
 * protocol wants to keep of its last answer (the outcome of the client's changes), so
 * that a replayed request does not apply them twice.
 */
#ifndef STORE_STORE_CURSOR_H
#define STORE_STORE_CURSOR_H

#include "store/store.h"

struct store_cursor {
	uint64_t key; /* the number that the device holds next */
	struct span state;
	uint64_t prev_key; /* 0: none */
	struct span prev_state;
	struct span answer;
	/* Keys below were given out and lost by a restore; loaded and saved as it is. */
	uint64_t key_floor;
};

/* The number to hand out after c->key; never one that was handed out before. */
uint64_t store_cursor_next_key(const struct store_cursor *c);

/* name: "sync/12", "folders", ...; at most 200 bytes. Spans in a. */
enum rc store_cursor_load(struct store_tx *tx, uint32_t device, const char *name,
                          struct arena *a, struct store_cursor *ret) MUST_CHECK;
enum rc store_cursor_save(struct store_tx *tx, uint32_t device, const char *name,
                          const struct store_cursor *c) MUST_CHECK;
/* RC_OK also when there was none. */
enum rc
store_cursor_delete(struct store_tx *tx, uint32_t device, const char *name) MUST_CHECK;
/* All of the device whose name begins with prefix ("" all). */
enum rc store_cursor_delete_prefix(struct store_tx *tx, uint32_t device,
                                   const char *prefix) MUST_CHECK;

#endif
