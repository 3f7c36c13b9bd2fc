/* SPDX-License-Identifier: ISC
 *
 * smtp_private.h - what the files of smtp/ share: the server, its loops, its metrics.
 */
#ifndef SMTP_SMTP_PRIVATE_H
#define SMTP_SMTP_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/htab.h"
#include "base/list.h"
#include "base/metric.h"
#include "smtp/filter/filter.h"
#include "smtp/smtp.h"

struct smtp_queue;
struct smtp_session;

/* What belongs to one loop's thread. */
struct smtp_loop {
	struct smtp_loop *next; /* in struct smtp; a row once there stays */
	struct smtp *smtp;
	struct loop *loop;
	struct list sessions;
	struct htab routes; /* addresses that were ours a moment ago: smtp_route.c */
	struct list routes_by_age;
	bool draining;
};

#define SMTP_INVITE_SLOTS 1024

struct smtp {
	struct smtp_conf
		conf; /* strings below are ours, lists are not used after smtp_new */
	struct smtp_deps deps;
	struct filter_chain *chain;
	struct tls_client *tls_any;    /* opportunistic */
	struct tls_client *tls_verify; /* for a relay that must be who it says */
	pthread_mutex_t lock;          /* of loops (adding) and peers */
	struct smtp_loop *_Atomic loops;
	struct htab peers; /* connections by address */
	_Atomic size_t connections;
	struct smtp_queue *queue;
	/* When a calendar last answered an address by itself, by its hash; 0: never. */
	_Atomic int64_t invite_answered_us[SMTP_INVITE_SLOTS];
};

/* The row of l; made at the first call. In l's thread. */
struct smtp_loop *smtp_loop_of(struct smtp *s, struct loop *l);

/* Counts a connection of this peer; false (and not counted) when there are too many. */
bool smtp_peer_enter(struct smtp *s, const char *peer);
void smtp_peer_leave(struct smtp *s, const char *peer);

/* smtp_route.c: a small memory of recipients that were found, so that RCPT needs no job.
 * Delivery looks again, so that what is remembered never decides. In the loop's thread.
 */
bool smtp_route_knows(struct smtp_loop *at, struct span address);
void smtp_route_note(struct smtp_loop *at, struct span address);
void smtp_route_forget_all(struct smtp_loop *at);

extern struct metric smtp_metric_sessions;
extern struct metric smtp_metric_accepted;
extern struct metric smtp_metric_refused;
extern struct metric smtp_metric_local;
extern struct metric smtp_metric_queued;
extern struct metric smtp_metric_sent;
extern struct metric smtp_metric_deferred;
extern struct metric smtp_metric_bounced;
extern struct metric smtp_metric_oof;
extern struct metric smtp_metric_duration;

const char *smtp_door_str(enum smtp_door d);

#endif
