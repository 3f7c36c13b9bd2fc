/* SPDX-License-Identifier: ISC
 *
 * mdm_auth.h - who is it: sign-in by name and password, for every door.
 *
 * yescrypt costs tens of milliseconds, and phones send Basic credentials with each
 * request: a checked pair is remembered as a keyed hash until the password changes or a
 * time is up. Wrong passwords are slowed down by address and name.
 */
#ifndef MDM_MDM_AUTH_H
#define MDM_MDM_AUTH_H

#include "base/conf.h"
#include "base/log.h"
#include "store/store_directory.h"

struct mdm;

extern const struct conf_section mdm_conf_section; /* "access" */

struct mdm_conf {
	int default_state; /* enum: allow, quarantine, whitelist */
	uint64_t auth_cache_ms;
	int64_t auth_failures_max; /* of an address within auth_failures_ms */
	uint64_t auth_failures_ms;
	int64_t password_cost; /* yescrypt's, for new passwords */
	int64_t devices_max;   /* of a user; 0: no limit */
};

enum rc
mdm_new(struct store *s, const struct mdm_conf *conf, struct mdm **ret) MUST_CHECK;
void mdm_free(struct mdm *m);
struct store *mdm_store(const struct mdm *m);

/*
 * Workers only. user: "alice@example.org", or "DOMAIN\alice", or "alice" (then it is
 * looked for in hint_domain, and else in the only domain there is). RC_OK; RC_DENIED:
 * wrong, unknown or disabled (the same for all); RC_AGAIN: too many failures,
 * *ret_wait_ms tells how long. peer is an address. Spans of *ret_user lie in a.
 * ret_wait_ms may be NULL.
 */
enum rc mdm_sign_in(struct mdm *m, struct span user, struct span password,
                    struct span hint_domain, const char *peer, const char *protocol,
                    struct arena *a, struct store_user *ret_user,
                    uint64_t *ret_wait_ms) MUST_CHECK;
/* Hashes and sets; the remembered pairs are void at once. */
enum rc
mdm_set_password(struct mdm *m, struct span address, struct span password) MUST_CHECK;
/* password -> hash with the configured cost, free()d by the caller. */
enum rc mdm_hash(struct mdm *m, struct span password, char **ret) MUST_CHECK;

#endif
