/* SPDX-License-Identifier: ISC
 *
 * pg_proxy.h - stands between libpq and the server of the tests, and cuts at COMMIT.
 */
#ifndef TESTS_UNIT_PG_PROXY_H
#define TESTS_UNIT_PG_PROXY_H

#include <stdbool.h>

struct pg_proxy;

enum pg_cut {
	PG_CUT_NONE,
	/* The next COMMIT is not passed on; the client is cut off, the server's side
	 * stays open and hears of nothing until pg_proxy_release(). */
	PG_CUT_BEFORE,
	/* It is passed on and answered, but the client is cut off before it hears. */
	PG_CUT_AFTER,
};

/* A thread of its own. *ret_conninfo: as conninfo, but through it; to be freed. */
struct pg_proxy *pg_proxy_start(const char *conninfo, char **ret_conninfo);
/* Once, for the next COMMIT that comes. */
void pg_proxy_cut(struct pg_proxy *p, enum pg_cut cut);
bool pg_proxy_has_cut(struct pg_proxy *p);
/* The server gets the COMMIT that was kept; returns when it has answered. */
void pg_proxy_release(struct pg_proxy *p);
/* Closes all connections and makes none: the server is away. */
void pg_proxy_away(struct pg_proxy *p, bool away);
void pg_proxy_stop(struct pg_proxy *p);

#endif
