/* SPDX-License-Identifier: ISC
 *
 * store_queue.h - mail that must leave this host, or be tried again: durable.
 *
 * One entry is one message to one or more recipients of one next hop. Workers lease
 * entries, so that each is worked by one at a time, of all nodes (store_node.h). A lease
 * ends with the life of the node that has it.
 */
#ifndef STORE_STORE_QUEUE_H
#define STORE_STORE_QUEUE_H

#include "store/store_content.h"

struct store_queue_rcpt {
	struct span address;
	struct span notify; /* DSN NOTIFY= as given, empty: default (RFC 3461) */
	struct span orcpt;  /* DSN ORCPT= as given */
};

struct store_queue_entry {
	uint64_t id;
	struct span sender;      /* empty: the null reverse path */
	struct span hop;         /* the recipients' domain, or a smart host's name */
	struct span envelope_id; /* DSN ENVID */
	struct span ret;         /* DSN RET */
	bool smtputf8;
	bool body_8bit;
	struct store_queue_rcpt *rcpts;
	size_t n_rcpts;
	uint64_t size;
	int64_t queued_ms;
	int64_t next_ms; /* not tried before */
	uint32_t attempts;
	struct span last_error; /* "451 4.7.1 try later (mx.example.org)" */
	bool delay_warned;
	bool held;      /* by an admin or a filter: not tried */
	uint64_t lease; /* 0, or the lease that holds it */
	uint64_t token; /* of the message, for store_delivery.token; 0: none */
	bool junk;      /* for users of ours: into Junk */
	/*
	 * Users of ours that it is for, in the order of their numbers: a slice of a large
	 * group. rcpts is then only what to show: the group's address, or nothing.
	 */
	uint64_t *members;
	size_t n_members;
};

/* All entries in one durable commit; ids are filled in. hooks: store_queue_on_change. */
enum rc store_queue_add(struct store *s, struct store_queue_entry *entries, size_t n,
                        const struct store_content *content) MUST_CHECK;
/* The earliest entry due by now_ms without a live lease, leased in the name of this node,
 * until lease_ms later at most; bulk: of those with members, otherwise of those without.
 * RC_NOT_FOUND: none; *ret_next_ms is then when the next falls due (INT64_MAX: never).
 * RC_AGAIN too when this node may have been called dead. */
enum rc store_queue_lease(struct store *s, bool bulk, int64_t now_ms, uint64_t lease_ms,
                          struct arena *a, struct store_queue_entry *ret,
                          int64_t *ret_next_ms) MUST_CHECK;
enum rc store_queue_content(struct store *s, uint64_t id, struct buf *out) MUST_CHECK;
/* The content as it was handed in, for store_deliver(). */
enum rc store_queue_content_get(struct store *s, uint64_t id,
                                struct store_content **ret) MUST_CHECK;
/* Done with all members but these (any of the entry's, in their order); the entry goes
 * with the last. RC_CONFLICT: the lease was lost meanwhile. */
enum rc store_queue_members(struct store *s, const struct store_queue_entry *e,
                            const uint64_t *left, size_t n) MUST_CHECK;
/* Done with these recipients (delivered or bounced): they are removed; the entry goes
 * with the last. RC_CONFLICT: the lease was lost meanwhile. */
enum rc store_queue_done(struct store *s, const struct store_queue_entry *e,
                         const struct span *addresses, size_t n) MUST_CHECK;
/* Gives the lease back: try again at next_ms, with the error to show. */
enum rc
store_queue_retry(struct store *s, const struct store_queue_entry *e, int64_t next_ms,
                  struct span error, bool delay_warned) MUST_CHECK;
enum rc store_queue_list(struct store *s, struct arena *a, struct store_queue_entry **ret,
                         size_t *ret_n) MUST_CHECK;
/* How many entries wait or are under way, and how many are held. */
enum rc
store_queue_count(struct store *s, uint64_t *ret_waiting, uint64_t *ret_held) MUST_CHECK;
enum rc store_queue_hold(struct store *s, uint64_t id, bool held) MUST_CHECK;
enum rc store_queue_remove(struct store *s, uint64_t id) MUST_CHECK;
/* All that waits falls due now; what is held or leased is left alone. */
enum rc store_queue_hurry(struct store *s, int64_t now_ms) MUST_CHECK;
/* RC_CONFLICT: another has e by now, or it is gone. */
enum rc store_queue_holds(struct store *s, const struct store_queue_entry *e) MUST_CHECK;
/* Gives the lease back as if there had been none, due again at due_ms. */
enum rc store_queue_put_back(struct store *s, const struct store_queue_entry *e,
                             int64_t due_ms) MUST_CHECK;
/* Ends the leases of lives that are over; store_node_join() and _beat() do that. */
enum rc store_queue_reclaim(struct store *s) MUST_CHECK;
/* Called, in the committing thread, when something became due earlier than before by what
 * this node did: of what others do nobody tells. */
typedef void store_queue_fn(void *arg);
void store_queue_on_change(struct store *s, store_queue_fn *fn, void *arg);

#endif
