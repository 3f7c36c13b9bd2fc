/* SPDX-License-Identifier: ISC
 *
 * mdm_private.h - the one object behind sign-in, access and policy.
 */
#ifndef MDM_MDM_PRIVATE_H
#define MDM_MDM_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "mdm/mdm_checked.h"
#include "mdm/mdm_policy.h"

struct mdm {
	struct store *store;
	struct mdm_conf conf;
	struct mdm_throttle *throttle;

	struct mdm_checked *checked;
	struct mdm_hashing *hashing;
	unsigned hashing_threads;
	_Atomic uint64_t hashed; /* for tests and metrics */
	char *dummy;             /* the hash that unknown users are checked against */

	pthread_mutex_t policy_lock;
	struct mdm_policy policy;
};

#endif
