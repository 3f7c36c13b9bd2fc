/* SPDX-License-Identifier: ISC
 *
 * smtp_client.h - one connection to one server, to hand over one message (RFC 5321, 3207,
 * 2920, 1870, 6152, 6531, 3461).
 */
#ifndef SMTP_SMTP_CLIENT_H
#define SMTP_SMTP_CLIENT_H

#include "base/arena.h"
#include "base/log.h"
#include "base/stream.h"

#define SMTP_SENT_LIST(X)                                                                \
	X(WAITING, "waiting") /* no word yet: the next server may be asked */            \
	X(TAKEN, "taken")     /* RCPT was accepted, the message not yet */               \
	X(SENT, "sent")                                                                  \
	X(RELAYED, "relayed") /* sent, to a server that will not tell of success */      \
	X(LATER, "later")     /* 4xx */                                                  \
	X(FAILED, "failed")   /* 5xx */

enum smtp_sent {
#define X(name, text) SMTP_SENT_##name,
	SMTP_SENT_LIST(X)
#undef X
};
const char *smtp_sent_str(enum smtp_sent s);

/* A recipient and what became of it; texts lie in the job's arena. */
struct smtp_outcome {
	struct span address;
	struct span notify;
	struct span orcpt;
	enum smtp_sent state;
	struct span status;   /* "5.1.1" */
	struct span response; /* "550 5.1.1 ..."; empty: our own finding, told in note */
	struct span note;
	struct span remote; /* the server's name; empty: none was reached */
};

/* The message and its recipients; lives as long as the attempt. */
struct smtp_job {
	struct arena *arena;
	const char *hostname; /* ours, for EHLO */
	struct span sender;
	struct span envelope_id;
	struct span ret;
	bool smtputf8;
	bool body_8bit;
	struct span message;
	struct smtp_outcome *rcpts;
	size_t n_rcpts;
	const struct log_ctx *log;
	/* Asked before a server is called and before it gets the message; false: the
	 * attempt ends there, to be tried later. NULL: always. */
	bool (*may_go_on)(void *arg);
	void *may_arg;
};

static inline bool
smtp_job_may_go_on(const struct smtp_job *j)
{
	return !j->may_go_on || j->may_go_on(j->may_arg);
}
#define SMTP_JOB_STOPPED "this node was away for too long"

/* Sets all that are WAITING or TAKEN. */
void smtp_job_decide(struct smtp_job *j, enum smtp_sent state, const char *status,
                     struct span response, struct span note, const char *remote);

struct smtp_client_target {
	const struct sockaddr *to;
	socklen_t to_len;
	const char *name;       /* for TLS and the log */
	struct tls_client *tls; /* NULL: no STARTTLS */
	bool tls_needed;        /* no TLS, no mail */
};

enum smtp_client_end {
	SMTP_CLIENT_DECIDED, /* no recipient is WAITING */
	SMTP_CLIENT_NEXT,    /* the server cannot be used: ask another; note tells why */
	SMTP_CLIENT_TLS,     /* STARTTLS broke: once more without it */
};

struct smtp_client;
/* The last callback; the owner frees the client, here or later. note lives during it. */
typedef void smtp_client_fn(enum smtp_client_end end, const char *note, void *arg);

struct smtp_client *smtp_client_new(struct loop *l, const struct smtp_client_target *t,
                                    struct smtp_job *j, smtp_client_fn *fn, void *arg);
void smtp_client_free(struct smtp_client *c);

#endif
