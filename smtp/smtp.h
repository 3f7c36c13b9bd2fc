/* SPDX-License-Identifier: ISC
 *
 * smtp.h - the SMTP component, as server/ sees it: receiving, submission, LMTP, the queue
 * and delivery out (RFC 5321, 6409, 2033, 3464).
 */
#ifndef SMTP_SMTP_H
#define SMTP_SMTP_H

#include "base/conf.h"
#include "base/dns.h"
#include "base/job.h"
#include "base/listener.h"
#include "base/stream.h"
#include "mdm/mdm_auth.h"

struct smtp;

extern const struct conf_section smtp_conf_section; /* "smtp" */

struct smtp_conf {
	struct conf_list listen;                /* receiving, 25 */
	struct conf_list listen_submission;     /* 587, STARTTLS and AUTH */
	struct conf_list listen_submission_tls; /* 465 */
	struct conf_list listen_lmtp;
	char *hostname; /* empty: the machine's */
	uint64_t message_max;
	int64_t recipients_max;
	uint64_t idle_ms; /* between commands */
	uint64_t data_ms;
	uint64_t stall_ms; /* a peer that takes nothing of its replies is dropped */
	struct listener_tcp tcp;
	int64_t errors_max;           /* bad commands before 421 */
	int64_t connections_peer_max; /* of one address */
	bool plaintext_auth;          /* AUTH without TLS; loopback tests only */
	char *relay;                  /* smart host "host:port", empty: MX */
	int64_t relay_port;           /* port for MX delivery; 25 but for tests */
	char *dns_server;             /* "127.0.0.1@5353", empty: the system's */
	int64_t direct_max;      /* users that a message is written to before its 250 */
	int64_t queue_parallel;  /* outgoing connections at once */
	uint64_t retry_min_ms;   /* doubles from here ... */
	uint64_t retry_max_ms;   /* ... to here */
	uint64_t queue_life_ms;  /* then it bounces */
	uint64_t delay_warn_ms;  /* the sender is told; 0: never */
	uint64_t reply_again_ms; /* an automatic reply is not sent twice within */
	int64_t replies_max;     /* automatic replies of a user, a day */
	char *tls_ca; /* for verifying next hops that must be; empty: the system's */
	struct conf_list filters; /* the chain, by name, in order */
};

struct smtp_deps {
	struct store *store;
	struct mdm *mdm;
	struct jobs *jobs;
	struct tls_server *tls;
	struct loop *loop; /* of the queue runner and DNS */
};

enum smtp_door {
	SMTP_DOOR_RECEIVE,
	SMTP_DOOR_SUBMIT,
	SMTP_DOOR_SUBMIT_TLS,
	SMTP_DOOR_LMTP
};

enum rc smtp_new(const struct smtp_conf *conf, const struct smtp_deps *deps,
                 struct smtp **ret, struct err *err) MUST_CHECK;
void smtp_accept(struct smtp *s, struct loop *l, int fd, enum smtp_door door);
/* The queue runner begins; in deps->loop's thread. */
void smtp_start(struct smtp *s);
/* In each loop: sessions get 421 at their next command; on deps->loop the runner stops
 * taking new entries. */
void smtp_drain(struct smtp *s, struct loop *l);
void smtp_abort(struct smtp *s, struct loop *l);
size_t smtp_connections(const struct smtp *s);
/* Tries all entries now (godwitctl queue flush). */
void smtp_queue_flush(struct smtp *s);
void smtp_free(struct smtp *s);

#endif
