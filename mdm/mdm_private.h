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
#include "mdm/mdm_rules.h"

#define MDM_TOLD 1024

struct mdm {
	struct store *store;
	struct mdm_conf conf;
	struct mdm_throttle *throttle;

	struct mdm_checked *checked;
	struct mdm_hashing *hashing;
	unsigned hashing_threads;
	_Atomic uint64_t hashed; /* for tests and metrics */
	struct mdm_rules *rules;
	char *quarantine_subject;
	char *quarantine_text;
	char *dummy; /* the hash that unknown users are checked against */

	/* What was audited lately, so that one who repeats himself does not fill it. */
	pthread_mutex_t told_lock;
	struct mdm_told {
		uint64_t what;
		uint64_t at_ms;
	} told[MDM_TOLD];

	pthread_mutex_t policy_lock;
	struct mdm_policy policy;
	struct arena *policy_arena; /* of its lists, and of those before */
};

/* Too many wrong passwords: one row an hour for an address, the name that was tried last
 * in it. key: of the address, as the throttle counts. */
void mdm_audit_slowed(struct mdm *m, struct span name, const char *peer, uint64_t key);
/* mdm_access.c: what protocols may put into logs, keys and paths. */
bool mdm_is_device_id(struct span id);

#endif
