/* SPDX-License-Identifier: ISC
 *
 * mdm_rules.h - in which state a device is that no admin has spoken of.
 *
 * In this order: its id is listed; its type is listed as blocked, quarantined, allowed;
 * the user's own rule for unknown devices; the configuration's.
 */
#ifndef MDM_MDM_RULES_H
#define MDM_MDM_RULES_H

#include "mdm/mdm_auth.h"
#include "store/store_device.h"

struct mdm_rules;

/* A copy of what conf says. */
struct mdm_rules *mdm_rules_new(const struct mdm_conf *conf);
void mdm_rules_free(struct mdm_rules *r); /* NULL is fine */

struct mdm_ruling {
	enum store_device_state state; /* ALLOWED, QUARANTINED, BLOCKED */
	struct span reason;            /* static storage; empty when allowed */
	bool is_explicit; /* the id or the type is listed: holds for known ones too */
};
struct mdm_ruling
mdm_rules_judge(const struct mdm_rules *r, struct span id, struct span type,
                const struct store_device_rules *user);

/* "iPhone", or "iPh*"; case does not matter. */
bool mdm_rules_match(struct span pattern, struct span text);

#endif
