/* SPDX-License-Identifier: ISC
 *
 * smtp_auto.h - messages that the server sends in a user's name by itself.
 */
#ifndef SMTP_SMTP_AUTO_H
#define SMTP_SMTP_AUTO_H

#include "base/rc.h"
#include "base/span.h"

struct smtp;

/*
 * To one address, without a return path of its own (RFC 3834 3.3): nobody hears when it
 * cannot be delivered. message: CRLF lines from "From:" on. own_id gets what the log
 * calls it by. Workers only, outside of transactions.
 */
enum rc smtp_auto_send(struct smtp *s, struct span from, struct span to,
                       struct span message, char own_id[17]) MUST_CHECK;

#endif
