/* SPDX-License-Identifier: ISC
 *
 * control.h - the UNIX socket that godwitctl speaks to.
 *
 * One line a request: words separated by spaces, each percent-encoded. The answer is
 * lines that begin with '+', then "OK" or "ERR sentence". Only the server's own user and
 * root can open the socket.
 *
 * Archives of backups are streams of bytes: such a command has the connection for itself
 * (control_backup.c).
 */
#ifndef SERVER_CONTROL_H
#define SERVER_CONTROL_H

#include "base/arena.h"
#include "base/loop.h"
#include "mdm/mdm_access.h"
#include "server/server.h"

struct control;

struct control *control_new(struct server *s, struct loop *main);
/* In the main loop's thread: takes the door's listening socket and the connections that
 * come in; -1: closes it. */
void control_listen(struct control *c, int fd);
/* In the main loop's thread: closes all. Requests whose job runs end by themselves. */
void control_free(struct control *c);

/* One request being worked, in a worker. */
struct control_request {
	struct server *server;
	struct arena *arena;
	struct span *words; /* words[0] and [1] name the command */
	size_t n_words;
	struct mdm_actor by; /* who is at the other end, for the audit */
	struct buf out;      /* rows, each ended by '\n' */
	struct err err;
};

/* Finds the command and runs it: RC_OK, or a failure with the sentence in r->err. */
enum rc control_run(struct control_request *r) MUST_CHECK;

/* control_backup.c */

/* Rows: the store's number; then each user's number, address, time of removal. */
enum rc
control_backup_begin(struct control_request *r, const struct span *args, size_t n);
/* Is it a command that has the connection for itself? */
bool control_is_stream(const struct control_request *r);
/* Works it, in a worker, on the client's socket, which stays the caller's. When another
 * thread shuts the socket down, it ends soon. */
void control_stream_run(struct control_request *r, int fd);

#endif
