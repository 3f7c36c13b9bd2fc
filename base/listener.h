/* SPDX-License-Identifier: ISC
 *
 * listener.h - bound sockets and the accepting of connections on every loop.
 */
#ifndef BASE_LISTENER_H
#define BASE_LISTENER_H

#include "base/loops.h"

struct listener;

/* What the kernel does for each connection of an address; part of the doors' options. */
struct listener_tcp {
	uint64_t keepalive_ms; /* silent for so long: it is asked whether it lives, each
	                          30 seconds; 0: never */
	uint64_t dead_ms; /* no answer for so long, to that or to bytes sent: it ends; 0:
	                     the system's time */
};

/* Do the two go together? err tells. */
enum rc listener_tcp_check(const struct listener_tcp *tcp, struct err *err) MUST_CHECK;

/* In the loop's thread; fd is non-blocking, close-on-exec, and the callee's. */
typedef void listener_accept_fn(struct loop *l, int fd, void *arg);

/*
 * Parses "127.0.0.1:143", "[::1]:143", "*:143" or "unix:/path" and binds it. n sockets
 * with SO_REUSEPORT (one for each loop; a UNIX socket has one). fds has room for n;
 * *ret_n is how many were made. tcp (may be NULL) is inherited by what they accept, as is
 * TCP_NODELAY. Called by the supervisor, as root.
 */
enum rc listener_bind(const char *address, const struct listener_tcp *tcp, size_t n,
                      int *fds, size_t *ret_n, struct err *err) MUST_CHECK;

/*
 * Accepts on the bound sockets: fds[i] on loop i. Takes the fds. When file descriptors
 * run out accepting pauses for a moment and says so in the log. hands_max: while so many
 * connections of a loop wait for the loop's CPU to shake hands, no more are accepted
 * there: they wait in the system's queue; 0: no limit (what comes in here shakes no
 * hands).
 */
enum rc listener_new(struct loops *ls, const int *fds, size_t n, size_t hands_max,
                     listener_accept_fn *fn, void *arg, struct listener **ret) MUST_CHECK;
/* Stops accepting and closes the sockets; waits for the loops. Not from a loop. */
void listener_free(struct listener *l);

#endif
