/* SPDX-License-Identifier: ISC
 *
 * digest.h - counts and sums of rows, by which two stores (or a store and a backup) are
 * compared.
 */
#ifndef STORE_ARCHIVE_DIGEST_H
#define STORE_ARCHIVE_DIGEST_H

#include "store/archive/archive.h"
#include "store/store.h"

#define DIGEST_TABLES_MAX 64

/* The rows of each table, as the sections of a full archive have them. */
struct digest {
	size_t n;
	struct {
		const char *table; /* static storage */
		struct archive_sum sum;
	} tables[DIGEST_TABLES_MAX];
};

/* Rows go in, the digest comes out; to may be NULL, or where they go on to. */
struct digester;
struct digester *digester_new(struct rows_out *to);
void digester_free(struct digester *d);
AUTO_DEFINE(digester);
struct rows_out *digester_rows(struct digester *d);
/* Of the sections that have ended. */
const struct digest *digester_result(const struct digester *d);

/* Of a user's rows, without the directory's. */
enum rc digest_user(struct store *s, uint64_t user, struct digest *ret) MUST_CHECK;
/* NULL: not in it. */
const struct archive_sum *digest_find(const struct digest *d, const char *table);
/* The first table that is not the same in both, or NULL. */
const char *digest_difference(const struct digest *a, const struct digest *b);
/* The same mail: folders, items and contents, whatever devices have done since. */
bool digest_same_mail(const struct digest *a, const struct digest *b);

#endif
