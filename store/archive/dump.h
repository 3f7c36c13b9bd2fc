/* SPDX-License-Identifier: ISC
 *
 * dump.h - rows out of a store: of a user, the directory, the queue.
 *
 * What is dumped is one snapshot of its database. Memory does not grow with it.
 */
#ifndef STORE_ARCHIVE_DUMP_H
#define STORE_ARCHIVE_DUMP_H

#include "base/encode.h"
#include "store/archive/rows.h"
#include "store/store.h"

/* Where an increment begins: what the account had at the backup before. */
struct dump_mark {
	uint64_t modseq;
	uint64_t content_next;
	uint64_t swept;
};

/*
 * A user's rows in one snapshot, begun; dump_user_rows() gives them. The account is read
 * at once: *ret_mark is where the next increment begins. RC_NOT_FOUND: has no rows;
 * RC_AGAIN: they are just being restored.
 */
struct dump_user;
enum rc dump_user_new(struct store *s, uint64_t user, struct dump_user **ret,
                      struct dump_mark *ret_mark) MUST_CHECK;
void dump_user_free(struct dump_user *d);
AUTO_DEFINE(dump_user);
/* Can the rows since then be told apart? Not when a restore lies between. */
bool dump_user_can_go_on(const struct dump_user *d, const struct dump_mark *since);
/*
 * since NULL: all tables. Otherwise of tables with a log what is new and the runs of
 * keys; nothing of them when nothing has moved. The others come whole.
 */
enum rc dump_user_rows(struct dump_user *d, const struct dump_mark *since,
                       struct rows_out *o) MUST_CHECK;

/* The user's own row of the directory, as a section. RC_NOT_FOUND: there is none. */
enum rc dump_person(struct store *s, uint64_t user, struct rows_out *o) MUST_CHECK;
/*
 * All tables of the directory or the queue, without what belongs to a store and not to
 * its contents (the number of shards ...). own: with what belongs to its life (who serves
 * it, secrets that may be made anew).
 */
enum rc dump_directory(struct store *s, bool own, struct rows_out *o) MUST_CHECK;
enum rc dump_queue(struct store *s, struct rows_out *o) MUST_CHECK;

/* Who is in the directory, also who was removed and is still kept. */
struct dump_person {
	uint64_t id;
	struct span address;
	int64_t removed_ms;
};
enum rc dump_people(struct store *s, struct arena *a, struct dump_person **ret,
                    size_t *ret_n) MUST_CHECK;

/* Calls fn for each blob that the user's, or with user 0 the queue's, contents name. */
typedef enum rc dump_blob_fn(const struct sha256 *hash, uint64_t size, void *arg);
enum rc
dump_blobs(struct store *s, uint64_t user, dump_blob_fn *fn, void *arg) MUST_CHECK;

#endif
