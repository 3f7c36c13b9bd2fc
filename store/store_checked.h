/* SPDX-License-Identifier: ISC
 *
 * store_checked.h - that a user's password was checked, kept over restarts of the server.
 *
 * What is kept is a digest under a key that is not in the database (mdm/mdm_checked.h):
 * to somebody who has the database alone it says nothing.
 */
#ifndef STORE_STORE_CHECKED_H
#define STORE_STORE_CHECKED_H

#include "base/encode.h"
#include "store/store.h"

struct store_checked {
	struct sha256 digest;
	int64_t until_ms; /* of clock_wall_ms() */
};

/* Workers only, all of them. key: which key the digest was made with; each has a row of
 * its own. RC_NOT_FOUND: none, or its time is up. */
enum rc store_checked_load(struct store *s, uint64_t user, uint64_t key,
                           struct store_checked *ret) MUST_CHECK;
enum rc store_checked_save(struct store *s, uint64_t user, uint64_t key,
                           const struct store_checked *c) MUST_CHECK;
/* Removes those whose time is up. */
enum rc store_checked_sweep(struct store *s) MUST_CHECK;

#endif
