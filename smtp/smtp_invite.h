/* SPDX-License-Identifier: ISC
 *
 * smtp_invite.h - answers that calendars give by themselves (RFC 5546 3.2.4, 3.2.6).
 */
#ifndef SMTP_SMTP_INVITE_H
#define SMTP_SMTP_INVITE_H

#include <stdint.h>

#include "base/span.h"

struct smtp;

struct smtp_invite_request {
	uint64_t user;
	struct span message; /* without a Return-Path of ours */
	const char *id;
};

/* Workers only, without a transaction: answers a mail about a meeting that the user just
 * got (store_delivery.asks). What fails is logged: the message itself has arrived. */
void smtp_invite_answer(struct smtp *s, const struct smtp_invite_request *q);

#endif
