/* SPDX-License-Identifier: ISC
 *
 * mdm_private.h - the one object behind sign-in, access and policy.
 */
#ifndef MDM_MDM_PRIVATE_H
#define MDM_MDM_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/encode.h"
#include "base/htab.h"
#include "base/list.h"
#include "mdm/mdm_policy.h"
#include "mdm/mdm_throttle.h"

/* A user's password that was checked: its keyed hash, with what makes it void. */
struct mdm_checked {
	struct hnode node; /* by user */
	struct list link;  /* the one used last stands first */
	uint64_t user;
	uint64_t until_ms;
	struct sha256 digest;
};

struct mdm {
	struct store *store;
	struct mdm_conf conf;
	struct mdm_throttle *throttle;

	pthread_mutex_t cache_lock;
	struct htab cache;
	struct list cache_order;
	uint8_t key[32]; /* of the digests; dies with the process */

	pthread_mutex_t hash_lock; /* how many hash at a time */
	pthread_cond_t hash_free;
	unsigned hashing;
	unsigned hashing_max;
	unsigned hash_waiting;
	_Atomic uint64_t hashed; /* for tests and metrics */
	char *dummy;             /* the hash that unknown users are checked against */

	pthread_mutex_t policy_lock;
	struct mdm_policy policy;
};

#endif
