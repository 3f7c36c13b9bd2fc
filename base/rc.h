/* SPDX-License-Identifier: ISC
 *
 * rc.h - the one result enum of the whole server.
 *
 * Each protocol translates it to its own status in exactly one function
 * (eas_status_from_rc, imap_code_from_rc, smtp_reply_from_rc); each foreign library
 * is translated to it in one (rc_from_sqlite, ...). Outputs are named ret_x, stand
 * last, are written always on RC_OK and never otherwise.
 */
#ifndef BASE_RC_H
#define BASE_RC_H

#include "base/def.h"

#define RC_LIST(X)                                                                       \
	X(OK, "ok")                                                                      \
	X(AGAIN, "try again later")                                                      \
	X(NOT_FOUND, "not found")                                                        \
	X(EXISTS, "exists already")                                                      \
	X(CONFLICT, "conflicts with a newer change")                                     \
	X(INVALID, "invalid input")                                                      \
	X(DENIED, "denied")                                                              \
	X(TOO_BIG, "over a limit")                                                       \
	X(UNSUPPORTED, "not supported")                                                  \
	X(IO, "input or output error")

enum rc {
#define X(name, text) RC_##name,
	RC_LIST(X)
#undef X
};

/* The sentence of rc, static storage. */
const char *rc_str(enum rc rc);

/*
 * A sentence for a human: only where a human reads it (configuration, start-up,
 * tools). err may be NULL wherever it is taken.
 */
struct err {
	char text[512];
};

/* Writes the sentence and returns rc, so that one can `return err_set(err, RC_IO, ...)`.
 */
enum rc err_set(struct err *err, enum rc rc, const char *fmt, ...) PRINTF_LIKE(3, 4);

#endif
