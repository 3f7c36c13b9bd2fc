/* SPDX-License-Identifier: ISC
 *
 * store_directory_private.h - shared by store_directory.c, store_route.c,
 * store_address.c.
 */
#ifndef STORE_STORE_DIRECTORY_PRIVATE_H
#define STORE_STORE_DIRECTORY_PRIVATE_H

#include "store/store_directory.h"
#include "store/store_private.h"

/* A domain name in lower-case A-labels, in a. RC_INVALID. */
enum rc directory_domain(struct span name, struct arena *a, struct span *ret) MUST_CHECK;

enum rc directory_begin(struct store *s, bool write, struct engine_tx **ret) MUST_CHECK;
/* RC_OK or RC_NOT_FOUND, of normalised names. */
enum rc directory_has_domain(struct engine_tx *etx, struct span domain) MUST_CHECK;
enum rc directory_find_user(struct engine_tx *etx, struct span address,
                            uint64_t *ret_id) MUST_CHECK;

#endif
