/* SPDX-License-Identifier: ISC
 *
 * server.h - the unprivileged process: wires the parts and runs until told to stop.
 */
#ifndef SERVER_SERVER_H
#define SERVER_SERVER_H

#include "base/conf.h"
#include "server/doors.h"

/* The configuration or the store cannot be used: a restart would not help. */
#define SERVER_EXIT_CONFIG 78
/* The database cannot be reached yet: the supervisor tries again. */
#define SERVER_EXIT_AGAIN 75

struct server;

/* Takes the doors' sockets. key: mdm_set_key()'s. Returns the exit status. */
int server_run(const char *conf_path, const struct conf *conf, struct doors *doors,
               size_t loops, const uint8_t *key);

/* For the control socket; in the main loop's thread. */
struct store *server_store(struct server *s);
struct mdm *server_mdm(struct server *s);
struct jobs *server_jobs(struct server *s);
struct push *server_push(struct server *s);
void server_queue_flush(struct server *s);
/* Reads certificates, log level and policy again; err tells what is wrong. */
enum rc server_reload(struct server *s, struct err *err) MUST_CHECK;
/* "key<TAB>value" lines. */
void server_status(struct server *s, struct buf *out);

#endif
