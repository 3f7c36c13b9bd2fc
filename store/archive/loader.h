/* SPDX-License-Identifier: ISC
 *
 * loader.h - rows into a store: of a user, the directory, the queue.
 *
 * They are committed in batches, so that memory does not grow with them and nobody waits
 * long. A user is held meanwhile (store_private.h): everybody else gets RC_AGAIN, also
 * when the loading ends in the middle; it is loaded from the beginning then.
 */
#ifndef STORE_ARCHIVE_LOADER_H
#define STORE_ARCHIVE_LOADER_H

#include "store/archive/rows.h"
#include "store/store.h"

/* Changes a row on its way in; texts and bytes that it puts in live until the next. */
typedef enum rc
loader_change_fn(const struct table *t, struct engine_arg *values, void *arg);

struct loader;

/* Holds the user, making the account when there is none, and removes all rows. change
 * may be NULL. */
enum rc loader_user(struct store *s, uint64_t user, loader_change_fn *change, void *arg,
                    struct loader **ret) MUST_CHECK;
/* Clears the queue. */
enum rc loader_queue(struct store *s, loader_change_fn *change, void *arg,
                     struct loader **ret) MUST_CHECK;
/* Clears and fills the directory in one transaction, except what belongs to the store
 * itself and not to its contents. */
enum rc loader_directory(struct store *s, loader_change_fn *change, void *arg,
                         struct loader **ret) MUST_CHECK;
struct rows_out *loader_rows(struct loader *l);
/* Commits the rest; a user lives again. RC_INVALID: there was no account's row. */
enum rc loader_end(struct loader *l) MUST_CHECK;
/* Frees; what is not committed is rolled back. NULL is fine. */
void loader_free(struct loader *l);
AUTO_DEFINE(loader);

#endif
