/* SPDX-License-Identifier: ISC
 *
 * store_queue_private.h - shared by store_queue.c and store_queue_lease.c.
 */
#ifndef STORE_STORE_QUEUE_PRIVATE_H
#define STORE_STORE_QUEUE_PRIVATE_H

#include "store/store_private.h"
#include "store/store_queue.h"

/* What queue_from_row() reads; the size of the content stands behind them. */
#define QUEUE_COLUMNS                                                                    \
	"id, sender, hop, envelope_id, ret, smtputf8, body_8bit, queued_ms, next_ms,"    \
	" due_ms, attempts, last_error, delay_warned, held, lease, token, junk, members"

enum rc queue_begin(struct store *s, bool write, struct engine_tx **ret) MUST_CHECK;
/* Something may be due earlier than before. */
enum rc queue_commit_and_tell(struct store *s, struct engine_tx **etx) MUST_CHECK;
void
queue_from_row(struct engine_stmt *st, struct arena *a, struct store_queue_entry *ret);
enum rc queue_load_rcpts(struct engine_tx *etx, struct arena *a,
                         struct store_queue_entry *e) MUST_CHECK;
void queue_write_members(const uint64_t *members, size_t n, struct buf *out);
/* The entry with its recipients and its share of the content. */
enum rc queue_delete_entry(struct engine_tx *etx, uint64_t id) MUST_CHECK;

#endif
