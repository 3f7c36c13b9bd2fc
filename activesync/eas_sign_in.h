/* SPDX-License-Identifier: ISC
 *
 * eas_sign_in.h - Basic credentials of an HTTP request, checked.
 */
#ifndef ACTIVESYNC_EAS_SIGN_IN_H
#define ACTIVESYNC_EAS_SIGN_IN_H

#include "activesync/eas_private.h"
#include "mdm/mdm_auth.h"

struct eas_sign_in;
typedef void eas_sign_in_fn(struct eas_sign_in *s);

struct eas_sign_in {
	struct eas *eas;
	struct http_request *r;
	struct mdm_sign_in ask; /* with the answer */
	enum rc rc;
	eas_sign_in_fn *then; /* or NULL */
	eas_sign_in_fn *fn;
	void *arg;
};

/*
 * fn runs once, in the loop, never from inside this call; r is held until it returns, and
 * may be gone by then. The struct and user's spans lie in a, which nobody else uses until
 * then. The credentials are wiped out of r before. then: NULL, or what is to be done in a
 * worker, on the user's strand, before fn; where that was possible, ask.has_gone_on says
 * so to fn.
 */
struct eas_sign_in *eas_sign_in(struct eas *e, struct http_request *r, struct arena *a,
                                eas_sign_in_fn *then, eas_sign_in_fn *fn, void *arg);
/* The client has gone: fn comes soon. Before fn, in the loop. */
void eas_sign_in_cancel(struct eas_sign_in *s);
/* 401, 503 or 500, as rc says. */
void eas_sign_in_refuse(struct eas_sign_in *s);

#endif
