/* SPDX-License-Identifier: ISC
 *
 * eas_sign_in.h - Basic credentials of an HTTP request, checked in a worker.
 */
#ifndef ACTIVESYNC_EAS_SIGN_IN_H
#define ACTIVESYNC_EAS_SIGN_IN_H

#include "activesync/eas_private.h"
#include "store/store_directory.h"

struct eas_sign_in;
typedef void eas_sign_in_fn(struct eas_sign_in *s);

struct eas_sign_in {
	struct eas *eas;
	struct http_request *r;
	struct arena *arena;
	struct span name;
	struct span password;
	struct span domain; /* of the Host, for names without one */
	enum rc rc;
	struct store_user user;
	uint64_t wait_ms; /* RC_AGAIN */
	eas_sign_in_fn *fn;
	void *arg;
};

/*
 * fn runs once, in the loop, never from inside this call; r is held until it returns, and
 * may be gone by then. The struct and user's spans lie in a.
 */
void eas_sign_in(struct eas *e, struct http_request *r, struct arena *a,
                 eas_sign_in_fn *fn, void *arg);
/* 401, 503 or 500, as rc says. */
void eas_sign_in_refuse(struct eas_sign_in *s);

#endif
