/* SPDX-License-Identifier: ISC
 *
 * archive_fixture.h - a store with a bit of everything in it, and others beside it, for
 * the tests of copies and backups.
 */
#ifndef TESTS_UNIT_ARCHIVE_FIXTURE_H
#define TESTS_UNIT_ARCHIVE_FIXTURE_H

#include "store/archive/digest.h"
#include "tests/unit/store_fixture.h"

/* A store of its own folder or database beside the fixture's. */
struct other {
	char directory[64];
	struct store_conf conf;
	struct store *s;
};

/* Empty and closed; of the fixture's engine, or of the one that is not (SQLite always
 * when no cluster runs). shards: of SQLite. */
void other_make(struct other *o, const struct fixture *f, bool same_engine, int shards);
void other_open(struct other *o);
void other_close(struct other *o);
void other_remove(struct other *o);

/* Users, folders, items, tombstones, large contents, devices, cursors, a queue. Larger n:
 * more of them. */
void fill_store(struct fixture *f, unsigned n);
/* Some changes of every kind to the fixture's user. */
void change_store(struct fixture *f);
/* A large content, distinct by its seed, in the user's folder; returns the uid. */
uint32_t add_large(struct fixture *f, uint32_t folder, unsigned seed);

/* All rows of all users, the directory and the queue are the same, and blobs are there.
 */
void assert_same_stores(struct store *a, struct store *b);
/* Of one user; ignores tables whose names are in the list (ends with NULL). */
void assert_same_user(struct store *a, uint64_t user_a, struct store *b, uint64_t user_b,
                      const char *const *but);

#endif
