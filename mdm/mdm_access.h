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

/* Who does something, for the audit table. */
struct mdm_actor {
	struct span who;   /* "root", "device", "server" */
	struct span where; /* "control socket", an address */
};

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
 * lie in a. ret_reason: static storage or a. RC_TOO_BIG: too many devices. ret_look:
 * NULL, or gets the snapshot of the user that was looked at, the caller's from then on,
 * as long as nothing was written; else NULL is in it.
 */
enum rc mdm_access(struct mdm *m, const struct store_user *user,
                   const struct mdm_device_facts *facts, struct arena *a,
                   struct store_tx **ret_look, struct store_device *ret_device,
                   enum mdm_access *ret_access, struct span *ret_reason) MUST_CHECK;

/*
 * An admin's word on a device: allow, block, quarantine, wipe; or the device's, that it
 * has wiped. In the audit table before it is done, and in the log; a device that waits is
 * woken. RC_UNSUPPORTED: an account-only wipe of a device that does not speak 16.1.
 */
enum rc mdm_device_set_state(struct mdm *m, uint64_t user, uint32_t device,
                             enum store_device_state state, struct span reason,
                             const struct mdm_actor *by) MUST_CHECK;
/* Back to the state before; RC_CONFLICT: no wipe is pending. */
enum rc mdm_device_cancel_wipe(struct mdm *m, uint64_t user, uint32_t device,
                               const struct mdm_actor *by) MUST_CHECK;
/* Puts a device on the list that has not come yet: it may. RC_EXISTS. */
enum rc mdm_device_add(struct mdm *m, uint64_t user, struct span protocol, struct span id,
                       struct span reason, const struct mdm_actor *by) MUST_CHECK;
/* What holds for a user's devices beside the configuration. RC_INVALID: no such limit. */
enum rc
mdm_device_rules(struct mdm *m, uint64_t user, struct store_device_rules *ret) MUST_CHECK;
enum rc
mdm_device_set_rules(struct mdm *m, uint64_t user, const struct store_device_rules *r,
                     const struct mdm_actor *by) MUST_CHECK;
int64_t mdm_devices_max(const struct mdm *m);
/* With its cursors; when it comes again it is a new one. */
enum rc mdm_device_remove(struct mdm *m, uint64_t user, uint32_t device,
                          const struct mdm_actor *by) MUST_CHECK;
/* A line in the audit table that no change of state goes with. */
void
mdm_audit(struct mdm *m, const struct mdm_actor *by, const char *action, uint64_t user,
          struct span device, const char *detail, ...) PRINTF_LIKE(6, 7);

/* The same, but within an hour once for the same action, user and
 * device. False: it was not written now. */
bool mdm_audit_once(struct mdm *m, const struct mdm_actor *by, const char *action,
                    uint64_t user, struct span device, const char *detail);
bool mdm_is_wipe(enum store_device_state s);
/* The device is about to be told of the wipe that is pending. RC_CONFLICT: none is. */
enum rc mdm_wipe_sent(struct mdm *m, uint64_t user, uint32_t device,
                      const struct mdm_actor *by) MUST_CHECK;
/*
 * May this device, which could not sign in, be told to wipe itself? Only when a wipe is
 * pending, and it shows the policy key that it alone was given. RC_DENIED. Workers only.
 */
enum rc mdm_wipe_by_key(struct mdm *m, struct span address, struct span protocol,
                        struct span id, uint32_t policy_key, const char *peer,
                        struct arena *a, struct store_user *ret_user) MUST_CHECK;
/* What is said to devices in quarantine. */
const char *mdm_quarantine_subject(const struct mdm *m);
const char *mdm_quarantine_text(const struct mdm *m);

#endif
