/* SPDX-License-Identifier: ISC
 *
 * store_deliver.h - one message to many local users.
 */
#ifndef STORE_STORE_DELIVER_H
#define STORE_STORE_DELIVER_H

#include "store/store_item.h"

struct store_delivery {
	uint64_t user;
	enum store_role folder; /* INBOX, JUNK */
	uint32_t flags;
	uint64_t token; /* not 0: of the message; a user who had it gets it no more */
	enum rc rc;     /* out: how it went for this user */
	uint32_t uid;   /* out; 0 with RC_OK: had it before */
	/* Out: it came into the INBOX, anew, and the user's automatic replies are on now
	 * (store_oof.h). */
	bool oof;
	/* Out: what it says of a meeting is to be answered (store_invite_answer()). */
	bool asks;
};

/*
 * Adds the content to each user's folder (from the INBOX the mail of some conversations
 * goes on to where its user wants it, store_conversation.h); commits are grouped by shard
 * and run side by side. Returns when all are durable or failed; RC_OK only when all are
 * RC_OK, otherwise the first failure (each delivery has its own rc).
 */
enum rc store_deliver(struct store *s, const struct store_content *content,
                      const struct store_actor *who, int64_t received_ms,
                      struct store_delivery *deliveries, size_t n) MUST_CHECK;

/* Users with the same number share a commit. */
unsigned store_deliver_group(const struct store *s, uint64_t user);

#endif
