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

/* The comments name what MS-ASPROV 2.2.2 calls it, where that is another word. */
struct mdm_policy {
	bool enforce;                   /* false: devices need not provision */
	struct conf_list exempt_types;  /* of devices that cannot provision */
	bool partial_allowed;           /* a device that applied only a part is let in */
	bool managed_elsewhere_allowed; /* and one that somebody else manages */

	bool password_required;
	bool password_alphanumeric;
	bool password_simple_allowed;
	bool password_recovery;
	int64_t password_length_min;
	int64_t password_complex_min;  /* kinds of characters: 1 to 4 */
	int64_t password_failures_max; /* device wipes itself after so many; 0: never */
	int64_t password_expires_days; /* 0: never */
	int64_t password_history;      /* so many old ones may not be used again */
	uint64_t lock_after_ms;        /* MaxInactivityTimeDeviceLock */

	bool encryption_required;       /* RequireDeviceEncryption */
	bool card_encryption_required;  /* RequireStorageCardEncryption */
	bool removable_storage_allowed; /* AllowStorageCard */
	bool camera_allowed;
	bool browser_allowed;
	int bluetooth_allowed; /* 0: no, 1: hands-free only, 2: yes */
	bool wifi_allowed;
	bool irda_allowed;
	bool text_messaging_allowed;
	bool internet_sharing_allowed;
	bool remote_desktop_allowed;
	bool desktop_sync_allowed;
	bool unsigned_applications_allowed;
	bool unsigned_packages_allowed;         /* AllowUnsignedInstallationPackages */
	struct conf_list approved_applications; /* SHA-1 of each; empty: all */
	struct conf_list unapproved_rom_applications;

	bool html_allowed;
	bool attachments_allowed;
	uint64_t attachment_max; /* bytes; 0: any */
	bool pop_imap_allowed;
	bool consumer_email_allowed;
	bool roaming_manual_sync; /* RequireManualSyncWhenRoaming */
	int mail_age_max;         /* enum as FilterType: 0 all, 1 a day ... 5 a month */
	int calendar_age_max;     /* 0: all; 1 to 4: two weeks, 1, 3, 6 months */
	int64_t mail_body_max;    /* KB of MaxEmailBodyTruncationSize; -1: any */
	int64_t mail_html_max;

	bool smime_signed_required;
	bool smime_encrypted_required;
	int smime_signed_algorithm;    /* RequireSignedSMIMEAlgorithm's number */
	int smime_encrypted_algorithm; /* RequireEncryptionSMIMEAlgorithm's */
	int smime_negotiation;         /* AllowSMIMEEncryptionAlgorithmNegotiation's */
	bool smime_soft_certs_allowed;

	uint32_t version; /* not in the file: a hash of the rest, never 0 */
};

/* A copy of the options as they were loaded, version filled in. */
void mdm_set_policy(struct mdm *m, const struct mdm_policy *p);
/* The policy of this user; its lists live as long as m. */
void mdm_policy_get(struct mdm *m, const struct store_user *user, struct mdm_policy *ret);

/*
 * The two-phase handshake. begin: a temporary key for phase one, kept with the device.
 * acknowledge: checks the temporary key; on success the final key. RC_CONFLICT: not the
 * key. in_part and peer are for the audit.
 */
enum rc mdm_policy_begin(struct mdm *m, uint64_t user, uint32_t device,
                         uint32_t *ret_key) MUST_CHECK;
enum rc
mdm_policy_acknowledge(struct mdm *m, uint64_t user, uint32_t device, uint32_t key,
                       bool in_part, const char *peer, uint32_t *ret_key) MUST_CHECK;
/* True when the key that the device shows stands for today's policy. */
bool mdm_policy_is_current(struct mdm *m, const struct store_user *user,
                           const struct store_device *d, uint32_t key);

#endif
