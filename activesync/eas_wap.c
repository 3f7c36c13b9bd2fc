/* SPDX-License-Identifier: ISC
 *
 * eas_wap.c - the policy of protocol 2.5: [MS-ASPROV] 2.2.2.24.2, with the values of
 * Windows Mobile's SecurityPolicy and LASS registry settings.
 */
#include "activesync/eas_wap.h"

#define LASSD "HKLM\\Comm\\Security\\Policy\\LASSD"
/* The event "so long without a key pressed". */
#define LOCK_EVENT LASSD "\\AE\\{50C13377-C66D-400C-889E-C316FC4AB374}"
#define PASSWORD LASSD "\\LAP\\lap_pw"

enum { /* 4131 */
       PASSWORD_REQUIRED = 0,
       PASSWORD_NOT_REQUIRED = 1,
};

enum { /* PasswordComplexity */
       COMPLEXITY_ALPHANUMERIC = 0,
       COMPLEXITY_ANY = 2,
};

static void
begin(struct buf *out, const char *type)
{
	buf_addf(out, "<characteristic type=\"%s\">", type);
}

static void
end(struct buf *out)
{
	buf_add_str(out, "</characteristic>");
}

static void
parm(struct buf *out, const char *name, uint64_t v)
{
	buf_addf(out, "<parm name=\"%s\" value=\"%llu\"/>", name, (unsigned long long)v);
}

static void
setting(struct buf *out, const char *type, const char *name, uint64_t v)
{
	begin(out, type);
	parm(out, name, v);
	end(out);
}

/* Whole minutes, never more than the policy allows. */
static uint64_t
lock_minutes(const struct mdm_policy *p)
{
	return p->lock_after_ms < 60000 ? 1 : p->lock_after_ms / 60000;
}

static void
write_registry(const struct mdm_policy *p, struct buf *out)
{
	begin(out, "Registry");
	begin(out, LOCK_EVENT);
	parm(out, "AEFrequencyType", p->lock_after_ms > 0);
	if (p->lock_after_ms > 0)
		parm(out, "AEFrequencyValue", lock_minutes(p));
	end(out);
	if (p->password_failures_max > 0) {
		uint64_t max = (uint64_t)p->password_failures_max;

		setting(out, LASSD, "DeviceWipeThreshold", max);
		/* Halfway it asks for a word on the screen: a pocket wipes nothing. */
		setting(out, LASSD, "CodewordFrequency", max > 1 ? max / 2 : 1);
	}
	if (p->password_length_min > 0)
		setting(out, PASSWORD, "MinimumPasswordLength",
		        (uint64_t)p->password_length_min);
	setting(out, PASSWORD, "PasswordComplexity",
	        p->password_alphanumeric ? COMPLEXITY_ALPHANUMERIC : COMPLEXITY_ANY);
	end(out);
}

void
eas_wap_write(const struct mdm_policy *p, struct buf *out)
{
	buf_add_str(out, "<wap-provisioningdoc>");
	setting(out, "SecurityPolicy", "4131",
	        p->password_required ? PASSWORD_REQUIRED : PASSWORD_NOT_REQUIRED);
	if (p->password_required)
		write_registry(p, out);
	buf_add_str(out, "</wap-provisioningdoc>");
}
