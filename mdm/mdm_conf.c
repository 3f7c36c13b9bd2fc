/* SPDX-License-Identifier: ISC
 *
 * mdm_conf.c - the options of the "access" and "policy" sections.
 */
#include "mdm/mdm_policy.h"

#define AT(member) offsetof(struct mdm_conf, member)

static const char *const states[] = { "allow", "quarantine", "whitelist", NULL };

static const struct conf_option access_options[] = {
	{ .name = "default_state",
	  .type = CONF_ENUM,
	  .offset = AT(default_state),
	  .def = "allow",
	  .choices = states,
	  .help = "What becomes of a device that was never seen: allow it, quarantine it "
	          "until an admin approves, or let in only what an admin has listed." },
	{ .name = "auth_cache",
	  .type = CONF_TIME,
	  .offset = AT(auth_cache_ms),
	  .def = "7d",
	  .max = 90LL * 24 * 3600 * 1000,
	  .help = "How long a checked password is remembered, as a keyed hash in memory and "
	          "in the database. A changed password is void at once. 0s remembers none." },
	{ .name = "remember_key",
	  .type = CONF_STRING,
	  .offset = AT(remember_key),
	  .def = "/run/godwit/remember.key",
	  .help = "The key of those hashes, made when it is not there, for root's eyes only; "
	          "never in a backup of the database. A folder in memory keeps it over "
	          "restarts until the machine stops. Nodes that have the same file need not "
	          "check again what one of them has checked. Empty, or where it cannot be "
	          "written: the supervisor's memory, for restarts after a crash." },
	{ .name = "auth_failures_max",
	  .type = CONF_INT,
	  .offset = AT(auth_failures_max),
	  .def = "10",
	  .min = 1,
	  .max = 1000000,
	  .help = "Wrong passwords of an address within auth_failures_time, after which it "
	          "must wait. A name may fail ten times as often, from all addresses." },
	{ .name = "auth_failures_time",
	  .type = CONF_TIME,
	  .offset = AT(auth_failures_ms),
	  .def = "5m",
	  .min = 1000,
	  .max = 24LL * 3600 * 1000,
	  .help = "The time for auth_failures_max." },
	{ .name = "password_cost",
	  .type = CONF_INT,
	  .offset = AT(password_cost),
	  .def = "5",
	  .min = 1,
	  .max = 11,
	  .help = "Cost of yescrypt for new passwords; one more doubles time and memory." },
	{ .name = "hashing_threads",
	  .type = CONF_INT,
	  .offset = AT(hashing_threads),
	  .def = "0",
	  .max = 256,
	  .help = "Passwords hashed at a time; 0 is one fewer than there are cores." },
	{ .name = "hashing_queue",
	  .type = CONF_INT,
	  .offset = AT(hashing_queue),
	  .def = "1000",
	  .min = 1,
	  .max = 1000000,
	  .help = "Sign-ins that may wait for that; more are told to come again. At some "
	          "40 hashes a second a thousand are 25 seconds." },
	{ .name = "devices_max",
	  .type = CONF_INT,
	  .offset = AT(devices_max),
	  .def = "20",
	  .max = 100000,
	  .help = "Devices that a user may have registered; 0 is no limit." },
	{ .name = "allowed_devices",
	  .type = CONF_LIST,
	  .offset = AT(allowed_devices),
	  .def = "",
	  .help = "Ids of devices that are let in whatever else holds, of any user; a \"*\" at "
	          "the end stands for any rest. godwitctl device approve does the same for "
	          "one user, without a restart." },
	{ .name = "allowed_types",
	  .type = CONF_LIST,
	  .offset = AT(allowed_types),
	  .def = "",
	  .help = "Types of devices, as they name themselves (godwitctl device list), that are "
	          "let in without asking; \"SAMSUNG*\" is all that begin so." },
	{ .name = "quarantined_types",
	  .type = CONF_LIST,
	  .offset = AT(quarantined_types),
	  .def = "",
	  .help = "Types that wait for an admin's approval." },
	{ .name = "blocked_types",
	  .type = CONF_LIST,
	  .offset = AT(blocked_types),
	  .def = "",
	  .help = "Types that stay out. Of several lists that name a type this one holds, then "
	          "quarantined_types. Devices that an admin has approved or blocked by name "
	          "are not asked." },
	{ .name = "quarantine_subject",
	  .type = CONF_STRING,
	  .offset = AT(quarantine_subject),
	  .def = "This device waits for approval",
	  .help = "The subject of the one message that a device in quarantine shows." },
	{ .name = "quarantine_text",
	  .type = CONF_STRING,
	  .offset = AT(quarantine_text),
	  .def = "This device may not sync yet. Nothing needs to be done on it: as soon as an "
	         "administrator has approved it, mail, contacts and calendars come by "
	         "themselves.",
	  .help = "What that message says. Behind it stand the account, the device and what an "
	          "admin types to approve it." },
};

const struct conf_section mdm_conf_section = {
	.name = "access",
	.help = "Who may come in: passwords and devices.",
	.options = access_options,
	.n_options = ARRAY_LEN(access_options),
	.size = sizeof(struct mdm_conf),
};

#undef AT
#define AT(member) offsetof(struct mdm_policy, member)
#define SWITCH(member, value, text)                                                      \
	{                                                                                \
		.name = #member, .type = CONF_BOOL, .offset = AT(member),                \
		.def = (value), .help = (text)                                           \
	}

#define NUMBER(member, value, low, high, text)                                           \
	{                                                                                \
		.name = #member, .type = CONF_INT, .offset = AT(member), .def = (value), \
		.min = (low), .max = (high), .help = (text)                              \
	}
#define CHOICE(member, value, list, text)                                                \
	{                                                                                \
		.name = #member, .type = CONF_ENUM, .offset = AT(member),                \
		.def = (value), .choices = (list), .help = (text)                        \
	}
#define LIST(member, text)                                                               \
	{                                                                                \
		.name = #member, .type = CONF_LIST, .offset = AT(member), .def = "",     \
		.help = (text)                                                           \
	}

static const char *const bluetooth[] = { "false", "hands-free", "true", NULL };
static const char *const mail_ages[] = { "all",    "1day",   "3days", "1week",
	                                 "2weeks", "1month", NULL };
static const char *const calendar_ages[] = { "all",     "2weeks",  "1month",
	                                     "3months", "6months", NULL };
static const char *const signing[] = { "sha1", "md5", NULL };
static const char *const encrypting[] = { "3des",   "des",    "rc2-128",
	                                  "rc2-64", "rc2-40", NULL };
static const char *const negotiating[] = { "no", "strong", "any", NULL };

static const struct conf_option policy_options[] = {
	SWITCH(enforce, "true",
	       "Devices must accept the policy before they sync. false: they are not asked."),
	LIST(exempt_types,
	     "Types of devices that cannot accept one and come in without: WindowsOutlook* "
	     "is Outlook on a desktop. Anyone can call his device so."),
	SWITCH(partial_allowed, "true",
	       "Let in devices that say that they could apply the policy only in part."),
	SWITCH(managed_elsewhere_allowed, "false",
	       "Let in devices that say that somebody else manages them."),
	SWITCH(password_required, "false",
	       "The device must be locked by a password (DevicePasswordEnabled)."),
	SWITCH(password_alphanumeric, "false",
	       "... that is more than digits (AlphanumericDevicePasswordRequired)."),
	SWITCH(password_simple_allowed, "true",
	       "... and may be as simple as 1111 or 1234 (AllowSimpleDevicePassword)."),
	SWITCH(password_recovery, "false",
	       "The device may leave a recovery password with the server "
	       "(PasswordRecoveryEnabled)."),
	NUMBER(password_length_min, "4", 1, 16,
	       "The fewest characters of the device's password (MinDevicePasswordLength)."),
	NUMBER(password_complex_min, "2", 1, 4,
	       "Kinds of characters (lower, upper, digits, others) in an alphanumeric one "
	       "(MinDevicePasswordComplexCharacters)."),
	NUMBER(password_failures_max, "0", 0, 16,
	       "After so many wrong passwords (4 to 16) the device wipes itself; 0: never "
	       "(MaxDevicePasswordFailedAttempts)."),
	NUMBER(password_expires_days, "0", 0, 730,
	       "Days after which it must be changed; 0: never (DevicePasswordExpiration)."),
	NUMBER(password_history, "0", 0, 50,
	       "So many earlier ones may not be used again (DevicePasswordHistory)."),
	{ .name = "lock_after",
	  .type = CONF_TIME,
	  .offset = AT(lock_after_ms),
	  .def = "15m",
	  .max = 9998LL * 1000,
	  .help = "The device locks itself when it was not used for so long; 0s: never "
	          "(MaxInactivityTimeDeviceLock)." },
	SWITCH(encryption_required, "false",
	       "The device must encrypt its storage (RequireDeviceEncryption)."),
	SWITCH(card_encryption_required, "false",
	       "The device must encrypt storage cards (RequireStorageCardEncryption)."),
	SWITCH(removable_storage_allowed, "true",
	       "Storage cards may be used (AllowStorageCard)."),
	SWITCH(camera_allowed, "true", "The camera may be used (AllowCamera)."),
	SWITCH(browser_allowed, "true",
	       "The device's browser may be used (AllowBrowser)."),
	CHOICE(bluetooth_allowed, "true", bluetooth,
	       "Bluetooth may be used, or for hands-free sets only (AllowBluetooth)."),
	SWITCH(wifi_allowed, "true", "Wi-Fi may be used (AllowWifi)."),
	SWITCH(irda_allowed, "true", "Infrared may be used (AllowIrDA)."),
	SWITCH(text_messaging_allowed, "true",
	       "Text messages may be sent (AllowTextMessaging)."),
	SWITCH(internet_sharing_allowed, "true",
	       "The device may be a modem for others (AllowInternetSharing)."),
	SWITCH(remote_desktop_allowed, "true",
	       "Remote desktops may be reached (AllowRemoteDesktop)."),
	SWITCH(desktop_sync_allowed, "true",
	       "The device may sync with a desktop (AllowDesktopSync)."),
	SWITCH(unsigned_applications_allowed, "true",
	       "Programs without a signature may run (AllowUnsignedApplications)."),
	SWITCH(unsigned_packages_allowed, "true",
	       "... and be installed (AllowUnsignedInstallationPackages)."),
	LIST(approved_applications,
	     "SHA-1 sums of the only programs that may run; none: all may "
	     "(ApprovedApplicationList)."),
	LIST(unapproved_rom_applications,
	     "Names of built-in programs that may not (UnapprovedInROMApplicationList)."),
	SWITCH(html_allowed, "true", "Mail may be fetched as HTML (AllowHTMLEmail)."),
	SWITCH(attachments_allowed, "true",
	       "Attachments may be fetched (AttachmentsEnabled)."),
	{ .name = "attachment_max",
	  .type = CONF_SIZE,
	  .offset = AT(attachment_max),
	  .def = "0",
	  .max = UINT32_MAX,
	  .help = "The largest attachment that the device may fetch; 0 is any "
	          "(MaxAttachmentSize)." },
	SWITCH(pop_imap_allowed, "true",
	       "The device may have POP and IMAP accounts (AllowPOPIMAPEmail)."),
	SWITCH(consumer_email_allowed, "true",
	       "The device may have private mail accounts (AllowConsumerEmail)."),
	SWITCH(roaming_manual_sync, "false",
	       "Abroad the device syncs only when asked (RequireManualSyncWhenRoaming)."),
	CHOICE(mail_age_max, "all", mail_ages,
	       "The oldest mail that the device may keep (MaxEmailAgeFilter)."),
	CHOICE(calendar_age_max, "all", calendar_ages,
	       "The oldest events (MaxCalendarAgeFilter)."),
	NUMBER(mail_body_max, "-1", -1, 2147483647,
	       "KB of a plain body that the device may fetch; 0: headers only, -1: any "
	       "(MaxEmailBodyTruncationSize)."),
	NUMBER(mail_html_max, "-1", -1, 2147483647,
	       "The same of HTML (MaxEmailHTMLBodyTruncationSize)."),
	SWITCH(smime_signed_required, "false",
	       "The device must sign mail (RequireSignedSMIMEMessages)."),
	SWITCH(smime_encrypted_required, "false",
	       "The device must encrypt mail (RequireEncryptedSMIMEMessages)."),
	CHOICE(smime_signed_algorithm, "sha1", signing,
	       "With what it signs (RequireSignedSMIMEAlgorithm)."),
	CHOICE(smime_encrypted_algorithm, "3des", encrypting,
	       "With what it encrypts (RequireEncryptionSMIMEAlgorithm)."),
	CHOICE(smime_negotiation, "any", negotiating,
	       "Whether it may use another where the other side cannot do that "
	       "(AllowSMIMEEncryptionAlgorithmNegotiation)."),
	SWITCH(smime_soft_certs_allowed, "true",
	       "Certificates may be files, not only cards (AllowSMIMESoftCerts)."),
};

/* MS-ASPROV 2.2.2.32: MaxDevicePasswordFailedAttempts is 4 to 16. */
static enum rc
check_policy(const void *section, struct err *err)
{
	const struct mdm_policy *p = section;
	if (p->password_failures_max > 0 && p->password_failures_max < 4)
		return err_set(err, RC_INVALID,
		               "password_failures_max must be 0 or 4 to 16, not %d",
		               (int)p->password_failures_max);
	return RC_OK;
}

const struct conf_section mdm_policy_conf_section = {
	.name = "policy",
	.help = "What devices must accept (ActiveSync's Provision, OMA DM).",
	.options = policy_options,
	.n_options = ARRAY_LEN(policy_options),
	.size = sizeof(struct mdm_policy),
	.check = check_policy,
};
