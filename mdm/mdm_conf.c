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

static const struct conf_option policy_options[] = {
	SWITCH(enforce, "true",
	       "Devices must accept the policy before they sync. false: they are not asked."),
	SWITCH(password_required, "false", "The device must be locked by a password."),
	SWITCH(password_alphanumeric, "false", "... that is more than digits."),
	SWITCH(password_simple_allowed, "true",
	       "... and may be as simple as 1111 or 1234."),
	{ .name = "password_length_min",
	  .type = CONF_INT,
	  .offset = AT(password_length_min),
	  .def = "4",
	  .min = 1,
	  .max = 16,
	  .help = "The fewest characters of the device's password." },
	{ .name = "password_failures_max",
	  .type = CONF_INT,
	  .offset = AT(password_failures_max),
	  .def = "0",
	  .max = 16,
	  .help = "After so many wrong passwords (4 to 16) the device wipes itself; 0: "
	          "never." },
	{ .name = "lock_after",
	  .type = CONF_TIME,
	  .offset = AT(lock_after_ms),
	  .def = "15m",
	  .max = 9998LL * 1000,
	  .help = "The device locks itself when it was not used for so long; 0s: never." },
	SWITCH(encryption_required, "false", "The device must encrypt its storage."),
	SWITCH(camera_allowed, "true", "The camera may be used."),
	SWITCH(browser_allowed, "true", "The device's browser may be used."),
	SWITCH(html_allowed, "true", "Mail may be fetched as HTML."),
	SWITCH(attachments_allowed, "true", "Attachments may be fetched."),
	{ .name = "attachment_max",
	  .type = CONF_SIZE,
	  .offset = AT(attachment_max),
	  .def = "0",
	  .max = UINT32_MAX,
	  .help = "The largest attachment that the device may fetch; 0 is any." },
	SWITCH(bluetooth_allowed, "true", "Bluetooth may be used."),
	SWITCH(wifi_allowed, "true", "Wi-Fi may be used."),
	SWITCH(removable_storage_allowed, "true", "Storage cards may be used."),
};

/* MS-ASPROV 2.2.2.33: MaxDevicePasswordFailedAttempts is 4 to 16. */
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
