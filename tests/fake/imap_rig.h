/* SPDX-License-Identifier: ISC
 *
 * imap_rig.h - an IMAP server with a real store, hub, workers and a loop, and clients on
 * socket pairs: for the tests, the fuzz target and imap_main.
 *
 * What fails in here aborts the program.
 */
#ifndef TESTS_FAKE_IMAP_RIG_H
#define TESTS_FAKE_IMAP_RIG_H

#include "base/loops.h"
#include "imap/imap.h"
#include "store/store_item.h"

#define IMAP_RIG_USER "alice@example.org"
#define IMAP_RIG_PASSWORD "wonderland"

struct imap_rig {
	char dir[64];
	struct store *store;
	struct push *push;
	struct mdm *mdm;
	struct jobs *jobs;
	struct loops *loops;
	struct imap *imap;
	struct imap_conf conf; /* as imap_rig_conf() sets it, before imap_rig_start() */
	struct tls_server *tls;
	uint64_t user;
};

void imap_rig_conf(struct imap_rig *r);
void imap_rig_start(struct imap_rig *r);
void imap_rig_stop(struct imap_rig *r);
/* A client's end of a new connection; reads give up after 10 s. */
int imap_rig_connect(struct imap_rig *r, bool tls);
/* Runs fn(arg) in the loop's thread. */
void imap_rig_call(struct imap_rig *r, loop_fn *fn, void *arg);

/* A client that keeps what it has read. */
struct imap_client {
	int fd;
	struct buf in;
	char *answer; /* of the last command: all lines up to the tagged one */
	unsigned tag;
};

void imap_client_open(struct imap_client *c, struct imap_rig *r);
void imap_client_close(struct imap_client *c);
void imap_client_send(struct imap_client *c, const char *text);
/* One line without its end, literals not looked at; NULL at the end of the stream. Valid
 * until the next call. */
const char *imap_client_line(struct imap_client *c);
/* Sends "tN text" and reads to its tagged answer; the whole of it, and c->answer. */
const char *imap_client_do(struct imap_client *c, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Greeting, LOGIN. */
void imap_client_login(struct imap_client *c, struct imap_rig *r);
/* APPEND, as one literal. */
const char *imap_client_append(struct imap_client *c, const char *mailbox,
                               const char *flags, struct span message);

#endif
