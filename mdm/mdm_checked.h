/* SPDX-License-Identifier: ISC
 *
 * mdm_checked.h - passwords that were checked: remembered as keyed digests.
 *
 * In memory, and in the store for the next start and for the other nodes. The key is
 * never in the store: see docs/decisions/mdm-sign-in.md.
 */
#ifndef MDM_MDM_CHECKED_H
#define MDM_MDM_CHECKED_H

#include "mdm/mdm_auth.h"

struct mdm_checked;

/* life_ms: how long, less up to a quarter by chance, so that what was checked in one
 * crowd does not come back as one; 0 remembers nothing. */
struct mdm_checked *mdm_checked_new(struct store *s, uint64_t life_ms);
void mdm_checked_free(struct mdm_checked *c);
/* A key that outlives the process: from now on the store is used. Before all else. */
void mdm_checked_set_key(struct mdm_checked *c, const uint8_t key[MDM_KEY_SIZE]);

/* Over the password and all that makes it void: the user, the version, the hash. */
struct sha256 mdm_checked_digest(const struct mdm_checked *c,
                                 const struct store_user *user, struct span password);
/* In memory. Any thread. */
bool mdm_checked_has(struct mdm_checked *c, uint64_t user, const struct sha256 *digest);
void mdm_checked_add(struct mdm_checked *c, uint64_t user, const struct sha256 *digest);
/* The same in the store. Workers only; what it cannot do costs one hash more. */
bool mdm_checked_load(struct mdm_checked *c, uint64_t user, const struct sha256 *digest);
void mdm_checked_save(struct mdm_checked *c, uint64_t user, const struct sha256 *digest);

#endif
