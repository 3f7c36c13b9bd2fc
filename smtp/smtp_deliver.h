/* SPDX-License-Identifier: ISC
 *
 * smtp_deliver.h - a whole message to its recipients, durably: users of ours at once,
 * others into the queue. The one way for SMTP, LMTP, SendMail, bounces and the queue.
 */
#ifndef SMTP_SMTP_DELIVER_H
#define SMTP_SMTP_DELIVER_H

#include "smtp/smtp_envelope.h"

struct smtp;

struct smtp_mail {
	struct smtp_envelope *env; /* each recipient's rc is set */
	/* The message as a user gets it: Return-Path first, then what also leaves us. */
	struct span content;
	size_t return_path_len;
	const char *id;
	const char *protocol; /* static */
	bool junk;            /* to the Junk folder */
	bool held;            /* all into the queue, untried */
	bool each; /* LMTP: each recipient gets its own answer, so nothing is bounced */
	bool no_bounce; /* never tell the sender (bounces themselves) */
	bool trusted;   /* may leave this host: signed in, or written by us */
	/* Not 0: it was tried before under this number, and who has got it gets it no
	 * more. */
	uint64_t token;
	/* Out: */
	size_t n_local;  /* deliveries to users, or slices' promises of them */
	size_t n_queued; /* recipients */
};

/*
 * Workers only. Foreign recipients go into the queue first, then users' folders are
 * written: the first is one commit that can be refused as a whole, so a failure there
 * leaves nothing behind; what fails of the second goes into the queue as well. More users
 * than smtp.direct_max are not written to here: the message goes into the queue for them,
 * one commit as well, and from there a slice at a time (smtp_group.h). RC_OK: all
 * is durable (recipients that turned out not to exist were bounced, unless m->each).
 * Otherwise nothing was accepted, and the sender keeps the message.
 */
enum rc smtp_deliver(struct smtp *s, struct smtp_mail *m) MUST_CHECK;

/* The domain of an address, behind its last '@'. */
struct span smtp_domain_of(struct span address);

#endif
