/* SPDX-License-Identifier: ISC
 *
 * smtp_envelope.h - the envelope of one message: who sends, who gets, what was asked for
 * (RFC 5321 2.3.1, RFC 3461).
 */
#ifndef SMTP_SMTP_ENVELOPE_H
#define SMTP_SMTP_ENVELOPE_H

#include "smtp/smtp_parse.h"

struct smtp_rcpt {
	struct span address;
	struct span notify; /* DSN NOTIFY, as given */
	struct span orcpt;  /* DSN ORCPT, as given */
	enum rc rc;         /* of the delivery, when it was tried */
};

/* Everything lies in its arena. */
struct smtp_envelope {
	struct arena *arena;
	struct span sender;      /* empty: the null path */
	uint64_t size;           /* SIZE=, 0: not said */
	struct span envelope_id; /* DSN ENVID, as given (xtext) */
	struct span ret;         /* DSN RET: "FULL", "HDRS" or empty */
	bool smtputf8;
	bool body_8bit;
	struct smtp_rcpt *rcpts;
	size_t n_rcpts;
	size_t cap_rcpts;
};

struct smtp_envelope *smtp_envelope_new(void);
void smtp_envelope_free(struct smtp_envelope *e);
AUTO_DEFINE(smtp_envelope);

/* A new recipient, empty but for the address (copied); valid until the next addition. */
struct smtp_rcpt *smtp_envelope_add(struct smtp_envelope *e, struct span address);
/* Does an address need SMTPUTF8 to travel? */
bool smtp_envelope_is_utf8(const struct smtp_envelope *e);

#endif
