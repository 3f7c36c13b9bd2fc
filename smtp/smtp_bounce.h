/* SPDX-License-Identifier: ISC
 *
 * smtp_bounce.h - delivery status notifications (RFC 3461, 3462, 3464, 6533): what became
 * of a message, told to its sender.
 */
#ifndef SMTP_SMTP_BOUNCE_H
#define SMTP_SMTP_BOUNCE_H

#include "base/buf.h"

struct smtp;

#define SMTP_BOUNCE_ACTION_LIST(X)                                                       \
	X(FAILED, "failed")                                                              \
	X(DELAYED, "delayed")                                                            \
	X(DELIVERED, "delivered")                                                        \
	X(RELAYED, "relayed")

enum smtp_bounce_action {
#define X(name, text) SMTP_BOUNCE_ACTION_##name,
	SMTP_BOUNCE_ACTION_LIST(X)
#undef X
};
const char *smtp_bounce_action_str(enum smtp_bounce_action a);

struct smtp_bounce_rcpt {
	struct span address;
	struct span orcpt;    /* as given, "rfc822;joe@example.org" (xtext) */
	struct span notify;   /* as given */
	struct span status;   /* "5.1.1" */
	struct span response; /* "550 5.1.1 No such user", empty: it is our own word */
	struct span remote;   /* host that said it, may be empty */
};

struct smtp_bounce {
	enum smtp_bounce_action action;
	struct span sender;      /* who gets the notice */
	struct span envelope_id; /* xtext */
	struct span ret;         /* "FULL": the whole message comes back with a failure */
	int64_t arrived_ms;
	int64_t now_ms;
	int64_t retry_until_ms; /* DELAYED */
	const char *hostname;
	const struct smtp_bounce_rcpt *rcpts;
	size_t n_rcpts;
	struct span message; /* without a Return-Path of ours */
};

/* Writes the whole notice, CRLF lines, from "From:" on. */
void smtp_bounce_write(const struct smtp_bounce *b, struct buf *out);
/*
 * Workers only. Writes it, for those of the recipients whose NOTIFY wants it, and
 * delivers it. RC_OK too when nobody is to be told: no such wish, a null sender, or a
 * sender that does not exist (which is logged).
 */
enum rc
smtp_bounce_send(struct smtp *s, const struct smtp_bounce *b, const char *id) MUST_CHECK;

#endif
