/* SPDX-License-Identifier: ISC
 *
 * store_cursor.h - what a device has seen: small rows, one for each (device, name).
 *
 * A SyncKey, a FolderSync key and a SyncML anchor are cursors. state is the protocol's
 * own few integers, encoded by it. The previous state stays until the device shows the
 * new key, so that a lost answer is replayed and not resynced; answer is what the
 * protocol wants to keep of its last answer (the outcome of the client's changes), so
 * that a replayed request does not apply them twice.
 *
 * A request that comes twice (its first connection was given up, and another node got the
 * second) is answered twice, under two keys: which answer the device has read nobody
 * knows before it shows one of them. So the one before stays, as the twin.
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
	uint64_t twin_key; /* handed out for the same request as key; 0: none */
	struct span twin_state;
	uint64_t version; /* of the row, as loaded; 0: there was none */
};

enum store_cursor_match {
	STORE_CURSOR_CURRENT,
	STORE_CURSOR_PREVIOUS, /* the answers to it were lost: a replay */
	STORE_CURSOR_UNKNOWN,
};

/* What the device's key is. When it is the twin, c is turned round: c->key is what the
 * device showed. */
enum store_cursor_match store_cursor_match(struct store_cursor *c, uint64_t key);
/* The number to hand out after c->key; never one that was handed out before. */
uint64_t store_cursor_next_key(const struct store_cursor *c);
/* The answer to a request with that match leads to state, under the next number. */
void store_cursor_advance(struct store_cursor *c, enum store_cursor_match match,
                          struct span state);

/* What a device has rows of, for an admin's eyes. */
struct store_cursor_info {
	struct span name;
	uint64_t key;
	int64_t saved_ms; /* 0: before that was noted */
};
/* By name; in a. */
enum rc store_cursor_list(struct store_tx *tx, uint32_t device, struct arena *a,
                          struct store_cursor_info **ret, size_t *ret_n) MUST_CHECK;
/* name: "sync/12", "folders", ...; at most 200 bytes. Spans in a. */
enum rc store_cursor_load(struct store_tx *tx, uint32_t device, const char *name,
                          struct arena *a, struct store_cursor *ret) MUST_CHECK;
/*
 * Loads up to 8 rows in one round trip, for the calls of store_cursor_load() that will
 * come: they are then answered out of a. Does nothing to a writer, and nothing the second
 * time. names stay as long as tx.
 */
#define STORE_EXPECT_MAX 8
enum rc
store_cursor_expect(struct store_tx *tx, uint32_t device, const char *const *names,
                    size_t n, struct arena *a) MUST_CHECK;
enum rc store_cursor_save(struct store_tx *tx, uint32_t device, const char *name,
                          const struct store_cursor *c) MUST_CHECK;
/* The same, unless another wrote the row since it was loaded: RC_CONFLICT, to begin anew.
 * For what was read in another transaction than this. */
enum rc store_cursor_swap(struct store_tx *tx, uint32_t device, const char *name,
                          struct store_cursor *c) MUST_CHECK;
/* RC_OK also when there was none. */
enum rc
store_cursor_delete(struct store_tx *tx, uint32_t device, const char *name) MUST_CHECK;
/* All of the device whose name begins with prefix ("" all). */
enum rc store_cursor_delete_prefix(struct store_tx *tx, uint32_t device,
                                   const char *prefix) MUST_CHECK;

#endif
