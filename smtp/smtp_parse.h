/* SPDX-License-Identifier: ISC
 *
 * smtp_parse.h - the pieces of a command line: verb, paths, addresses, parameters
 * (RFC 5321 4.1.2, RFC 6531 3.3, RFC 3461 4). No I/O; spans show the line or the arena.
 */
#ifndef SMTP_SMTP_PARSE_H
#define SMTP_SMTP_PARSE_H

#include "base/arena.h"
#include "base/buf.h"

/* Cuts "VERB rest": the verb in *ret_verb, the rest without spaces around it is returned.
 */
struct span smtp_parse_verb(struct span line, struct span *ret_verb);

struct smtp_path {
	struct span local;   /* as it is compared: a needless quoting is undone */
	struct span domain;  /* empty: "<Postmaster>" or the null path */
	struct span address; /* local@domain (in the arena); empty: the null path "<>" */
	bool utf8;           /* has bytes beyond ASCII */
};

/*
 * "<...>" at the start of in: the path, and what follows it in *ret_rest. Source routes
 * are dropped (RFC 5321 4.1.1.3). RC_INVALID: the syntax; RC_TOO_BIG: over a length of
 * RFC 5321 4.5.3.1.
 */
enum rc smtp_parse_path(struct span in, struct arena *a, struct smtp_path *ret,
                        struct span *ret_rest) MUST_CHECK;
/* The same without the brackets, the whole of in: "local@domain". */
enum rc
smtp_parse_mailbox(struct span in, struct arena *a, struct smtp_path *ret) MUST_CHECK;
/* A domain of letters, digits, hyphens and UTF-8, or an address literal "[...]". */
bool smtp_domain_is_valid(struct span s);

struct smtp_param {
	struct span name;
	struct span value; /* p NULL: no '=' */
};

/*
 * The next " KEYWORD=value" of *rest, which moves behind it. RC_NOT_FOUND: none is left;
 * RC_INVALID: the syntax.
 */
enum rc smtp_parse_param(struct span *rest, struct smtp_param *ret) MUST_CHECK;

/* RFC 3461 4: printable ASCII in which "+" is followed by two upper case hex digits. */
bool smtp_xtext_is_valid(struct span s);
/* Undoes it, appended to out. RC_INVALID. */
enum rc smtp_xtext_decode(struct span s, struct buf *out) MUST_CHECK;

/* RFC 3461 4.1: "NEVER", or a list of SUCCESS, FAILURE, DELAY, each once. */
bool smtp_notify_is_valid(struct span s);
/* Is word in the list? An empty list is the default: FAILURE, DELAY (RFC 3461 6.2.6). */
bool smtp_notify_has(struct span notify, const char *word);

bool smtp_is_ascii(struct span s);

#endif
