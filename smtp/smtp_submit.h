/* SPDX-License-Identifier: ISC
 *
 * smtp_submit.h - the way of a message into the world: local users at once, others by the
 * queue. Used by SMTP itself and, through struct mail_submit of push/mail_submit.h, by
 * those who may not include smtp/.
 */
#ifndef SMTP_SMTP_SUBMIT_H
#define SMTP_SMTP_SUBMIT_H

#include "push/mail_submit.h"

struct smtp;

/* Fits struct mail_submit's fn. */
enum rc
smtp_submit(void *smtp, const struct mail_submit_request *q, struct err *err) MUST_CHECK;

#endif
