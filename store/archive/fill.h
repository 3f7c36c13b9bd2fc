/* SPDX-License-Identifier: ISC
 *
 * fill.h - an empty store that is being filled, by a copy or from a backup.
 *
 * A mark in its directory says so until the end: no server opens it meanwhile, and a
 * filling that was killed goes on with the users that are not whole yet.
 */
#ifndef STORE_ARCHIVE_FILL_H
#define STORE_ARCHIVE_FILL_H

#include "base/arena.h"
#include "base/encode.h"
#include "store/store.h"

/*
 * s: from store_open_unfinished(). source: what it is filled from, not 0. RC_EXISTS: it
 * holds other things, or is being filled from something else. *ret_goes_on: a filling
 * from this source had begun before.
 */
enum rc fill_begin(struct store *s, uint64_t source, bool *ret_goes_on,
                   struct err *err) MUST_CHECK;
/* Takes the mark away: the store is whole. */
enum rc fill_end(struct store *s) MUST_CHECK;

/* Has the user got all rows (and nobody holds them)? */
enum rc fill_has_user(struct store *s, uint64_t user, bool *ret) MUST_CHECK;
/* How many users have rows. */
enum rc fill_count_users(struct store *s, uint64_t *ret) MUST_CHECK;

/* Reads a blob through and compares its name. RC_IO: missing or damaged. */
enum rc
fill_check_blob(struct store *s, const struct sha256 *hash, uint64_t size) MUST_CHECK;

#endif
