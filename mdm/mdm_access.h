/* SPDX-License-Identifier: ISC
 *
 * mdm_access.h - who may come in: the one decision for every door, and the devices.
 */
#ifndef MDM_MDM_ACCESS_H
#define MDM_MDM_ACCESS_H

#include "mdm/mdm_auth.h"
#include "store/store_device.h"

#define MDM_ACCESS_LIST(X)                                                               \
	X(ALLOW, "allow")                                                                \
	X(QUARANTINE, "quarantine")                                                      \
	X(BLOCK, "block")                                                                \
	X(WIPE, "wipe")

enum mdm_access {
#define X(name, text) MDM_ACCESS_##name,
	MDM_ACCESS_LIST(X)
#undef X
};
const char *mdm_access_str(enum mdm_access a);

/* What a request tells of its device; empty spans: not told, the registry keeps what it
 * has. */
struct mdm_device_facts {
	struct span protocol; /* "activesync" */
	struct span id;
	struct span type;
	struct span model;
	struct span os;
	struct span user_agent;
	struct span version;
	struct span extra;
	const char *peer;
};

/*
 * Registers the device when it is new (as the policy says), notes when it was last seen
 * (written at most once in some minutes), and decides. Workers only. ret_device's spans
 * lie in a. ret_reason: static storage or a. RC_TOO_BIG: too many devices.
 */
enum rc mdm_access(struct mdm *m, const struct store_user *user,
                   const struct mdm_device_facts *facts, struct arena *a,
                   struct store_device *ret_device, enum mdm_access *ret_access,
                   struct span *ret_reason) MUST_CHECK;

/* An admin's word on a device: allow, block, quarantine, wipe; noted in the log. What it
 * waits for ends at once, on whichever node. */
enum rc
mdm_device_set_state(struct mdm *m, uint64_t user, uint32_t device,
                     enum store_device_state state, struct span reason) MUST_CHECK;

#endif
