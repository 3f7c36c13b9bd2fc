/* SPDX-License-Identifier: ISC
 *
 * eas_waits.h - one HTTP request of a device, and the long polls among them.
 *
 * While a worker runs it there is an eas_call; while it waits there is only this small
 * struct, the push_wait and the socket. A device has one long poll: the newest ends the
 * older one (two Pings at once).
 */
#ifndef ACTIVESYNC_EAS_WAITS_H
#define ACTIVESYNC_EAS_WAITS_H

#include <stdatomic.h>

#include "activesync/eas_private.h"

struct eas_sign_in;

struct eas_request {
	struct hnode node; /* in eas->waits while waiting */
	struct eas *eas;
	struct http_request *r; /* NULL: answered or gone */
	struct loop *loop;
	struct eas_call *call;       /* while a job runs or is being set up */
	struct eas_sign_in *sign_in; /* under way */
	const struct eas_command *command;
	struct push_wait *wait;
	uint64_t user;
	uint64_t deadline_ms; /* of clock_mono_ms() */
	uint64_t wait_token;
	uint64_t password_version; /* the one that was signed in with */
	uint32_t device;
	uint16_t version;
	uint16_t asked_s;   /* the heartbeat that the device wants, */
	uint16_t granted_s; /* and what it gets */
	_Atomic unsigned refs;
	atomic_bool gone; /* the client has: a job that has not begun is in vain */
	bool busy;        /* a job is under way */
	bool fired;       /* woken while busy */
	bool expired;     /* the deadline passed while busy */
	bool superseded;  /* a newer one came */
	bool listed;      /* in eas->waits */
	char device_id[]; /* as the device says it */
};

/* Lists q as its device's long poll; the one before is ended in its own loop. q's loop.
 */
void eas_waits_add(struct eas_request *q);
/* The same without listing q, which asked to wait and was answered at once. */
void eas_waits_end_older(struct eas_request *q);
void eas_waits_remove(struct eas_request *q);
/* In the loop: answers q as if its time had run out. */
void eas_request_end(struct eas_request *q);
void eas_request_unref(struct eas_request *q);

#endif
