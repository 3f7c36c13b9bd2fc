/* SPDX-License-Identifier: ISC
 *
 * tickets.h - keeps the keys of TLS session tickets: shared by the nodes, renewed by
 * time.
 *
 * Time is cut into epochs of tls.ticket_keys; each has a secret in the directory database
 * (store_secret.h). Tickets are sealed under this epoch's, and those of the one before
 * and, for a node whose clock is ahead, of the next one are taken. A secret is gone from
 * the database two epochs after it was used.
 */
#ifndef SERVER_TICKETS_H
#define SERVER_TICKETS_H

#include "base/job.h"
#include "base/tls.h"
#include "store/store.h"

struct tickets;

/* Loads them now (blocking: at start), then by a timer of l and a job now and then. When
 * the database does not answer, what is there stays in use. All is the caller's. */
struct tickets *tickets_new(struct store *s, struct jobs *j, struct loop *l,
                            struct tls_server *tls, uint64_t epoch_ms);
/* In l's thread; no job may be under way any more. NULL is fine. */
void tickets_free(struct tickets *t);

#endif
