/* SPDX-License-Identifier: ISC
 *
 * pg_listen.h - a connection that listens on a channel of PostgreSQL and notifies it.
 *
 * For the bus between nodes (push/). A connection of its own, beside the pool: it is
 * never inside a data transaction, and what it sends is not waited for by any disk. One
 * thread uses it. Calls that wait do so for at most PG_LISTEN_WAIT_MS and end early when
 * stop_fd becomes readable; after an error other than RC_TOO_BIG it can only be closed.
 */
#ifndef STORE_ENGINE_PG_LISTEN_H
#define STORE_ENGINE_PG_LISTEN_H

#include "base/rc.h"
#include "base/span.h"

/* NOTIFY takes 7,999 bytes of text (its documentation). */
#define PG_LISTEN_PAYLOAD_MAX 7900
#define PG_LISTEN_WAIT_MS 10000

struct pg_listen;

/* payload lives until fn returns. */
typedef void pg_listen_fn(struct span payload, void *arg);

struct pg_listen_conf {
	const char *conninfo; /* or the file that holds it, when it begins with '/' */
	const char *channel;
	int stop_fd; /* -1: none */
	pg_listen_fn *fn;
	void *arg;
};

/* RC_OK: from now on all that is notified comes in. RC_AGAIN: the server cannot be
 * reached; RC_IO, RC_DENIED: it refuses. */
enum rc pg_listen_open(const struct pg_listen_conf *conf, struct pg_listen **ret,
                       struct err *err) MUST_CHECK;
/* NULL is fine. */
void pg_listen_close(struct pg_listen *l);

/* To wait on for reading, then call pg_listen_receive(). */
int pg_listen_fd(const struct pg_listen *l);
/* Hands what has come in to fn, from inside this call; does not wait. */
enum rc pg_listen_receive(struct pg_listen *l, struct err *err) MUST_CHECK;
/* Text without NUL of at most PG_LISTEN_PAYLOAD_MAX bytes. RC_OK: the server has it, and
 * gives it to all that listen, us too; what came in meanwhile was handed to fn. */
enum rc
pg_listen_notify(struct pg_listen *l, const char *payload, struct err *err) MUST_CHECK;

#endif
