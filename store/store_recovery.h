/* SPDX-License-Identifier: ISC
 *
 * store_recovery.h - recovery passwords: what opens a device whose user forgot his own
 * (MS-ASPROV 2.2.2.39). A device makes and sends it; an admin may read it out.
 */
#ifndef STORE_STORE_RECOVERY_H
#define STORE_STORE_RECOVERY_H

#include "store/store.h"

#define STORE_RECOVERY_MAX 1020 /* bytes: 255 characters */

struct store_recovery {
	struct span password;
	int64_t set_ms;
};

/* An empty password clears it. RC_TOO_BIG. */
enum rc store_recovery_set(struct store_tx *tx, uint32_t device, struct span password,
                           int64_t now_ms) MUST_CHECK;
/* RC_NOT_FOUND: the device has sent none. Spans in a. */
enum rc store_recovery_load(struct store_tx *tx, uint32_t device, struct arena *a,
                            struct store_recovery *ret) MUST_CHECK;

#endif
