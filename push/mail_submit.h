/* SPDX-License-Identifier: ISC
 *
 * mail_submit.h - handing in a message from a protocol that is not SMTP.
 *
 * ActiveSync's SendMail, meeting answers and vacation replies need smtp/, which they may
 * not include: server/ wires smtp_submit() into this callback.
 */
#ifndef PUSH_MAIL_SUBMIT_H
#define PUSH_MAIL_SUBMIT_H

#include "base/rc.h"
#include "base/span.h"

struct mail_submit_request {
	uint64_t user;      /* who sends; the sender address must be the user's own */
	struct span sender; /* envelope sender */
	const struct span *rcpts; /* empty: taken from To, Cc and Bcc of the message */
	size_t n_rcpts;
	struct span
		message; /* Bcc is removed; Date and Message-ID are added when absent */
	const char *protocol;
};

/*
 * Workers only. RC_OK: durable, locally delivered or queued. RC_INVALID: no valid
 * recipient; RC_DENIED: the sender is not the user's; RC_TOO_BIG; err tells the sentence.
 */
typedef enum rc
mail_submit_fn(void *arg, const struct mail_submit_request *q, struct err *err);

struct mail_submit {
	mail_submit_fn *fn;
	void *arg;
};

#endif
