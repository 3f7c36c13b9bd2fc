/* SPDX-License-Identifier: ISC
 *
 * smtp_settle.h - what a delivery attempt means for the queue's entry and for the sender.
 */
#ifndef SMTP_SMTP_SETTLE_H
#define SMTP_SMTP_SETTLE_H

#include "smtp/smtp_client.h"
#include "store/store_queue.h"

/* After a failure of the store, until something is tried again. */
#define SMTP_SETTLE_PAUSE_MS 5000

struct smtp;

struct smtp_settle {
	struct smtp *smtp;
	struct arena *arena;
	struct store_queue_entry entry; /* leased */
	struct buf content;
	struct smtp_job job; /* its outcomes are settled */
	uint64_t began_ms;
	bool put_back; /* nothing was tried: the lease is given back, that is all */
	/* What of the settlement is done; the rest may be tried again. */
	bool logged;
	bool told_failed;
	bool told_relayed;
	bool told_delay;
	bool removed;
};

void smtp_settle_init(struct smtp_settle *w, struct smtp *s);
void smtp_settle_done(struct smtp_settle *w);
/* The job of the entry and content: all recipients WAITING. */
void smtp_settle_begin(struct smtp_settle *w, const struct log_ctx *log);
/* Workers only: the attempt for recipients of our own domains. */
void smtp_settle_deliver_here(struct smtp_settle *w);
/*
 * Workers only. Tells the sender (bounce, delay, success), removes what is done, gives
 * the rest back to be tried later. The sender is told before the entry goes: a crash
 * between the two tells him twice rather than never.
 * RC_CONFLICT: another has the entry by now, who will find out himself: nobody was told.
 * RC_AGAIN, RC_IO: to be called again, which goes on where this broke off.
 */
enum rc smtp_settle_write(struct smtp_settle *w, const struct log_ctx *log) MUST_CHECK;

#endif
