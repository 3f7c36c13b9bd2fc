/* SPDX-License-Identifier: ISC
 *
 * eas_send.h - sending a message once, however often the client asks.
 */
#ifndef ACTIVESYNC_EAS_SEND_H
#define ACTIVESYNC_EAS_SEND_H

#include "activesync/eas_private.h"

struct eas_send {
	struct span message;       /* any line ends */
	struct span client_id;     /* the client's name for this sending; empty: none */
	struct span fingerprint;   /* what must be equal in a retry; empty: the message */
	bool save;                 /* a copy goes to the Sent folder */
	uint32_t draft_collection; /* 0, or the draft that goes when it is sent */
	uint32_t draft_uid;
};

/* From 14.0 on: what is wrong with the elements around the message, or EAS_STATUS_OK. */
unsigned eas_send_check(const struct eas_call *c);
/*
 * Durable on RC_OK. The same client_id with the same message again: RC_OK, and nothing is
 * sent (the answer to the first was lost). The same client_id with another message:
 * RC_EXISTS. RC_INVALID: no valid recipient; RC_DENIED, RC_TOO_BIG, RC_AGAIN.
 */
enum rc eas_send_once(struct eas_call *c, const struct eas_send *q) MUST_CHECK;

#endif
