/* SPDX-License-Identifier: ISC
 *
 * doors.h - every address that the configuration tells us to listen on, bound.
 *
 * The supervisor binds them as root, before anything is read from the network, and keeps
 * them while the server is restarted, so that no client is refused meanwhile.
 */
#ifndef SERVER_DOORS_H
#define SERVER_DOORS_H

#include "base/conf.h"
#include "base/rc.h"

#define DOOR_LIST(X)                                                                     \
	X(HTTP, "http")                                                                  \
	X(HTTPS, "https")                                                                \
	X(IMAP, "imap")                                                                  \
	X(IMAPS, "imaps")                                                                \
	X(SMTP, "smtp")                                                                  \
	X(SUBMISSION, "submission")                                                      \
	X(SUBMISSIONS, "submissions")                                                    \
	X(LMTP, "lmtp")                                                                  \
	X(METRICS, "metrics")                                                            \
	X(CONTROL, "control")

enum door_kind {
#define X(name, text) DOOR_##name,
	DOOR_LIST(X)
#undef X
};
const char *door_kind_str(enum door_kind k);
/* Hands are shaken from the first byte. */
bool door_needs_tls(enum door_kind k);

struct door {
	enum door_kind kind;
	const char *address; /* the configuration's */
	int *fds;            /* one for each loop, or one */
	size_t n;
};

struct doors {
	struct door *doors;
	size_t n;
};

/* Binds all; err names the address that failed. */
enum rc doors_open(const struct conf *conf, size_t loops, struct doors *ret,
                   struct err *err) MUST_CHECK;
/* Closes the sockets and frees; *d may be used again. */
void doors_close(struct doors *d);

#endif
