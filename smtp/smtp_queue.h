/* SPDX-License-Identifier: ISC
 *
 * smtp_queue.h - the runner of the queue: takes what is due, has it delivered, and
 * settles the outcome with the store and the sender (RFC 5321 4.5.4).
 *
 * All in the thread of deps->loop, but for smtp_queue_new, _free and _flush_all.
 */
#ifndef SMTP_SMTP_QUEUE_H
#define SMTP_SMTP_QUEUE_H

#include "base/rc.h"

struct smtp;
struct smtp_queue;

enum rc smtp_queue_new(struct smtp *s, struct smtp_queue **ret) MUST_CHECK;
void smtp_queue_start(struct smtp_queue *q);
/* Begins nothing new. */
void smtp_queue_drain(struct smtp_queue *q);
/* Breaks off what is under way: the leases end with the node's life, nothing is lost. */
void smtp_queue_stop(struct smtp_queue *q);
/* Everything that waits is tried now. Any thread. */
void smtp_queue_flush_all(struct smtp_queue *q);
/* Stopped, and all jobs have run. NULL is fine. */
void smtp_queue_free(struct smtp_queue *q);

/* The pause after the attempt with this number (from 0): doubles from min to max, spread
 * by a tenth so that what failed together does not come back together. */
uint64_t smtp_queue_pause_ms(uint64_t min_ms, uint64_t max_ms, uint32_t attempts);

#endif
