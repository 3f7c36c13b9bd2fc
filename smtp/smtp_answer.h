/* SPDX-License-Identifier: ISC
 *
 * smtp_answer.h - replies of other servers, as the client reads them (RFC 5321 4.2).
 */
#ifndef SMTP_SMTP_ANSWER_H
#define SMTP_SMTP_ANSWER_H

#include "base/buf.h"

#define SMTP_ANSWER_MAX 65536 /* bytes of one reply */
#define SMTP_ANSWER_LINE_MAX 4096

struct smtp_answer {
	unsigned code;     /* 200 to 599 */
	struct span lines; /* all of it, raw */
};

/*
 * The first whole reply of in; *ret_used bytes. RC_AGAIN: not complete; RC_INVALID: no
 * SMTP; RC_TOO_BIG. Lines may end with LF alone: a reply is no place to smuggle anything
 * to.
 */
enum rc
smtp_answer_next(struct span in, struct smtp_answer *ret, size_t *ret_used) MUST_CHECK;

/* Text of the next line of *rest (at first: answer.lines), behind code and separator. */
bool smtp_answer_line(struct span *rest, struct span *ret_text);
/* The enhanced code at the start of the text (RFC 2034 4), or one made of the class:
 * "5.0.0". ret has room for 16. */
const char *smtp_answer_status(const struct smtp_answer *a, char *ret);
/* "550 5.1.1 No such user; see http://...": all lines on one, cleaned, at most 1,000
 * bytes. */
void smtp_answer_write(const struct smtp_answer *a, struct buf *out);

#endif
