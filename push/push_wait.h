/* SPDX-License-Identifier: ISC
 *
 * push_wait.h - wait until one of some collections changes.
 *
 * The same waiter stands behind an EAS Ping, a Sync with Wait, an IMAP IDLE and the
 * decision to alert a SyncML device. Order of use, so that nothing falls between:
 * subscribe first (push_wait_new), then compare the store with what the client has seen,
 * and free the waiter again when there is something already.
 */
#ifndef PUSH_PUSH_WAIT_H
#define PUSH_PUSH_WAIT_H

#include "base/loop.h"
#include "push/push.h"

struct push_wait;

enum push_wake {
	PUSH_WAKE_CHANGED,  /* something that is waited for moved */
	PUSH_WAKE_DEADLINE, /* timeout_ms has passed */
};

/* What stands behind a waiter, for an admin's eyes. */
#define PUSH_KIND_LIST(X)                                                                \
	X(OTHER, "other")                                                                \
	X(PING, "ping")                                                                  \
	X(SYNC, "sync")                                                                  \
	X(IDLE, "idle")

enum push_kind {
#define X(name, text) PUSH_KIND_##name,
	PUSH_KIND_LIST(X)
#undef X
};
#define PUSH_KINDS 4
const char *push_kind_str(enum push_kind k);

/* In the loop's thread, never from inside push_wait_new(). Besides what is waited for,
 * STORE_MOVED_ACCESS of the user wakes it: may it go on? A repeating waiter may be
 * called many times; the waiter may be freed from inside. */
typedef void push_wait_fn(enum push_wake why, void *arg);

struct push_wait_spec {
	uint64_t user;
	const uint32_t *collections; /* copied; 0 in it means the folder tree */
	size_t n_collections;        /* 0: everything of the user */
	uint32_t not_by_device;      /* changes by this device do not wake; 0: all do */
	uint64_t timeout_ms;         /* 0: no deadline */
	uint64_t coalesce_ms;        /* gather for so long before calling (0: at once) */
	enum push_kind kind;
	uint32_t device; /* whose it is, to be shown; 0: none */
	bool repeat; /* IDLE: goes on after a wake; otherwise fn is called once at most */
	bool unarmed; /* the deadline is heeded from push_wait_arm() on */
	struct loop *loop;
	push_wait_fn *fn;
	void *arg;
};

/*
 * Any thread (a worker that runs the request's job): from the return of this call on no
 * published change is missed. fn runs in spec->loop's thread; when this call is made in
 * another, fn may run before it has returned. Costs about 160 bytes and 4 for each
 * collection. The thing that asked owns the waiter and frees it.
 */
struct push_wait *push_wait_new(struct push *p, const struct push_wait_spec *spec);
/* In the loop: what a worker has made unarmed has that long from now on (its timeout_ms,
 * a guess, is not 0), and is the device's. Nothing when its fn has been called already. A
 * waiter that a worker makes with its timer wakes the loop for the timer alone. */
void push_wait_arm(struct push_wait *w, uint32_t device, uint64_t timeout_ms);
/* No call comes after it. NULL is fine. From another thread than the loop's it waits for
 * the end of a call of fn that is running: so not with a lock held that fn takes. */
void push_wait_free(struct push_wait *w);

/*
 * The store was compared up to modseq, the user's counter in the snapshot that was looked
 * at, and nothing was found that ends the wait. To be called after the first comparison
 * and after each further one, by who owns the waiter: what is published up to modseq does
 * not wake any more, and a waiter whose user's counter is higher although nothing was
 * published is woken when the bus between the nodes compares (push_bus.h).
 */
void push_wait_saw(struct push_wait *w, uint64_t modseq);

/* Inside fn, called for a change: when it was published, by clock_mono_us(), about. */
uint64_t push_wait_moved_us(const struct push_wait *w);
/* What a change that was published then has led to is on its way to the client, now. */
void push_answered(enum push_kind kind, uint64_t moved_us);

/* How long it has waited, for the log. */
uint64_t push_wait_age_ms(const struct push_wait *w);

#endif
