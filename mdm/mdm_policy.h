/* SPDX-License-Identifier: ISC
 *
 * mdm_policy.h - the policy that devices must take before they sync (MS-ASPROV).
 *
 * ActiveSync's Provision and OMA DM carry the same one. It comes from the "policy"
 * section of the configuration; its version moves when its content does.
 */
#ifndef MDM_MDM_POLICY_H
#define MDM_MDM_POLICY_H

#include "base/conf.h"
#include "mdm/mdm_access.h"

extern const struct conf_section mdm_policy_conf_section; /* "policy" */

struct mdm_policy {
	bool enforce; /* false: devices need not provision */
	bool password_required;
	bool password_alphanumeric;
	bool password_simple_allowed;
	int64_t password_length_min;
	int64_t password_failures_max; /* device wipes itself after so many; 0: never */
	uint64_t lock_after_ms;
	bool encryption_required;
	bool camera_allowed;
	bool browser_allowed;
	bool html_allowed;
	bool attachments_allowed;
	uint64_t attachment_max; /* bytes; 0: any */
	bool bluetooth_allowed;
	bool wifi_allowed;
	bool removable_storage_allowed;
	uint32_t version; /* not in the file: a hash of the rest, never 0 */
};

/* The options as they were loaded, version filled in. */
void mdm_set_policy(struct mdm *m, const struct mdm_policy *p);
/* The policy of this user. */
void mdm_policy_get(struct mdm *m, const struct store_user *user, struct mdm_policy *ret);

/*
 * The two-phase handshake. begin: a temporary key for phase one, kept with the device.
 * acknowledge: checks the temporary key; on success the final key. RC_CONFLICT: not the
 * key.
 */
enum rc mdm_policy_begin(struct mdm *m, uint64_t user, uint32_t device,
                         uint32_t *ret_key) MUST_CHECK;
enum rc mdm_policy_acknowledge(struct mdm *m, uint64_t user, uint32_t device,
                               uint32_t key, uint32_t *ret_key) MUST_CHECK;
/* True when the key that the device shows stands for today's policy. */
bool mdm_policy_is_current(struct mdm *m, const struct store_user *user,
                           const struct store_device *d, uint32_t key);

#endif
