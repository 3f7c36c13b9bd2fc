/* SPDX-License-Identifier: ISC
 *
 * store_secret.h - secrets that the nodes of one store share, a new one each epoch.
 *
 * Whoever needs one first makes it, the others read it; what is too old is removed, so
 * that what was sealed under it can be opened by nobody any more.
 */
#ifndef STORE_STORE_SECRET_H
#define STORE_STORE_SECRET_H

#include "store/store.h"

#define STORE_SECRET_SIZE 32

struct store_secret {
	uint64_t epoch;
	uint8_t bytes[STORE_SECRET_SIZE];
};

/*
 * Workers only. The secrets of name for the epochs first to last, in their order, into
 * ret, which has room for them (16 at most). What is missing is made; those before first
 * are removed. The caller wipes ret.
 */
enum rc store_secret_load(struct store *s, const char *name, uint64_t first,
                          uint64_t last, struct store_secret *ret) MUST_CHECK;

#endif
