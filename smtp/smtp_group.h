/* SPDX-License-Identifier: ISC
 *
 * smtp_group.h - one message to many users of ours: queued in slices, one commit for all,
 * and written to their folders a slice at a time.
 *
 * A slice is one entry of the queue: the message, and users who share a shard. Each user
 * gets it exactly once, whatever is tried how often: the shard notes the message's token
 * in the commit that adds it.
 */
#ifndef SMTP_SMTP_GROUP_H
#define SMTP_SMTP_GROUP_H

#include "smtp/smtp_deliver.h"
#include "smtp/smtp_settle.h"

/* Users of a slice. */
#define SMTP_GROUP_SLICE 64
/* Of them so many at a time: one commit, one job. What others wait for at most, when the
 * members are written and when their phones wake. */
#define SMTP_GROUP_STEP 16

struct smtp_group_member {
	uint64_t user;
	size_t rcpt; /* of the envelope: who led here */
};

struct smtp_group {
	const struct smtp_mail *mail;
	struct smtp_group_member *members; /* each user once; put in order */
	size_t n;
	uint64_t token;
};

/* Workers only. RC_OK: durable. a: for what lives until the return. */
enum rc
smtp_group_queue(struct smtp *s, struct smtp_group *g, struct arena *a) MUST_CHECK;

/* A slice that is being written. */
struct smtp_group_run {
	struct smtp_settle *settle; /* the entry is leased */
	const struct log_ctx *log;
	struct store_content *content;
	struct store_delivery *to; /* one for each member, in the settlement's arena */
	size_t at;                 /* the first that was not tried */
	uint64_t began_us;
};

/* Workers only. done() follows in any case. */
enum rc smtp_group_run_init(struct smtp_group_run *g, struct smtp_settle *w,
                            const struct log_ctx *log) MUST_CHECK;
/* Workers only: writes to the next of the members; false: these were the last. */
bool smtp_group_run_step(struct smtp_group_run *g);
/*
 * Workers only: settles the slice with the queue, after the last step. Members who could
 * not get it now stay in the entry for later, who never can are told of to the sender.
 */
enum rc smtp_group_run_settle(struct smtp_group_run *g) MUST_CHECK;
void smtp_group_run_done(struct smtp_group_run *g);

#endif
