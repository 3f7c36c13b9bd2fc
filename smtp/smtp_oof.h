/* SPDX-License-Identifier: ISC
 *
 * smtp_oof.h - automatic replies of users who are away: which mail gets one (RFC 3834,
 * RFC 5230 4.5 and 4.6), what it looks like, and sending it, once.
 */
#ifndef SMTP_SMTP_OOF_H
#define SMTP_SMTP_OOF_H

#include "base/arena.h"
#include "base/buf.h"
#include "store/store_oof.h"

struct smtp;

/*
 * Why a message must not be answered by a machine, in a few words; NULL: it may be.
 * sender: of its envelope. own: the addresses of who would answer; one of them must stand
 * in To, Cc or their Resent- kin. a: for the time of the call.
 */
const char *smtp_oof_refusal(struct span sender, struct span header,
                             const struct span *own, size_t n_own, struct arena *a);

struct smtp_oof_reply {
	struct span from;      /* the user's address ... */
	struct span from_name; /* ... and name; may be empty */
	struct span to;
	struct span header; /* of the message that is answered */
	const struct store_oof_message *text;
	const char *hostname;
	int64_t now_ms;
};

/* Writes the whole reply, CRLF lines, from "From:" on. */
void smtp_oof_write(const struct smtp_oof_reply *r, struct arena *a, struct buf *out);

struct smtp_oof_request {
	uint64_t user;
	struct span sender;  /* of the envelope */
	struct span rcpt;    /* who led to the user; empty: a large group */
	struct span message; /* without a Return-Path of ours */
	const char *id;
};

/* Workers only, without a transaction: answers a message that the user just got, if it is
 * to be answered. What fails is logged: the message itself has arrived. */
void smtp_oof_answer(struct smtp *s, const struct smtp_oof_request *q);

#endif
