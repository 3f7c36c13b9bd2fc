/* SPDX-License-Identifier: ISC
 *
 * smtp_message.h - what SMTP reads and changes in a message's header: trace fields
 * (RFC 5321 4.4), and what submission adds and takes away (RFC 6409 8).
 */
#ifndef SMTP_SMTP_MESSAGE_H
#define SMTP_SMTP_MESSAGE_H

#include "base/buf.h"

#define SMTP_HOPS_MAX                                                                    \
	50 /* Received fields; RFC 5321 6.3 wants 100 or a loop less costly */

/* What a quick look at the header tells. */
struct smtp_header {
	size_t len; /* up to the empty line, without it */
	unsigned received;
	bool has_date;
	bool has_message_id;
	bool has_from;
	bool has_bcc; /* or Resent-Bcc, or a Return-Path */
	bool is_utf8; /* bytes beyond ASCII in it (RFC 6532) */
};

void smtp_header_scan(struct span message, struct smtp_header *ret);

struct smtp_trace {
	struct span sender;
	struct span helo;
	const char *peer; /* address, or "unix", or NULL: handed in from inside */
	const char *hostname;
	const char *with; /* "ESMTPSA" (RFC 3848), "LMTP", "HTTP" */
	const char *tls;  /* "TLSv1.3 ...", or "" */
	struct span id;
	struct span rcpt; /* the only one; empty: several, none is told */
	int64_t now_ms;
};

/* The word of RFC 3848 for a session. */
const char *smtp_trace_with(bool esmtp, bool lmtp, bool utf8, bool tls, bool auth);
/* "Return-Path: <...>\r\n"; returns its length. */
size_t smtp_trace_return_path(struct span sender, struct buf *out);
/* "Received: ...\r\n". */
void smtp_trace_received(const struct smtp_trace *t, struct buf *out);

/*
 * The message as it goes on from its author: without Bcc, with Date and Message-ID, with
 * CRLF line ends. Appended to out.
 */
void smtp_submission_write(struct span message, const char *hostname, int64_t now_ms,
                           struct buf *out);
/* Would smtp_submission_write() change anything? (The line ends are not looked at.) */
bool smtp_submission_is_needed(const struct smtp_header *h);

/* "<random@host>", for what we write ourselves. */
void smtp_message_id_write(const char *hostname, struct buf *out);
/* 16 characters that name a message in logs and replies; ret has room for 17. */
const char *smtp_message_new_id(char *ret);
/* Any byte beyond ASCII? Then it wants 8BITMIME. */
bool smtp_message_is_8bit(struct span message);

#endif
