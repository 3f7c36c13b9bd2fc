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

/* Users of a slice. One commit, and what others wait for at most when it is written. */
#define SMTP_GROUP_SLICE 64

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

/*
 * Workers only: writes the slice of the leased entry to its members' folders, and settles
 * it with the queue: members who could not get it now stay in the entry for later, who
 * never can are told of to the sender.
 */
enum rc smtp_group_run(struct smtp_settle *w, const struct log_ctx *log) MUST_CHECK;

#endif
