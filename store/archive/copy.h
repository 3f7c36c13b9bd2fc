/* SPDX-License-Identifier: ISC
 *
 * copy.h - all of a store into another: another engine, another number of shards, other
 * blobs. Nothing changes on the way: UIDs, modseqs, SyncKeys are the same.
 */
#ifndef STORE_ARCHIVE_COPY_H
#define STORE_ARCHIVE_COPY_H

#include "store/store.h"

typedef void copy_say_fn(const char *sentence, void *arg);

struct copy_report {
	uint64_t users;
	uint64_t rows;
	uint64_t blobs;
	uint64_t blob_bytes;
	uint64_t blobs_broken; /* missing or damaged in the source */
	uint64_t users_again;  /* that had changed since they were copied */
};

/*
 * Nobody else may use either store meanwhile. The target must be empty, or one that the
 * copy of this source left unfinished: then it goes on there; until it is finished no
 * server opens it. At the end both are read again and compared. RC_EXISTS: the target
 * holds other things; RC_CONFLICT: the source changed all the while. err has the
 * sentence. say may be NULL.
 */
enum rc
copy_store(const struct store_conf *from, const struct store_conf *to, copy_say_fn *say,
           void *arg, struct copy_report *ret, struct err *err) MUST_CHECK;

#endif
