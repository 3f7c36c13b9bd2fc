/* SPDX-License-Identifier: ISC
 *
 * restore.h - a user's rows from a backup into a store that may have lost newer ones.
 *
 * What was given out after the backup is lost, and nobody can say what it was. So the
 * numbers go on from the clock, far above all that any earlier life of the user can have
 * reached: the modseq, the UIDs, the numbers of folders, the SyncKeys. The account
 * remembers the span of modseqs that is lost (store_tx_is_lost()); who has seen nothing
 * of it goes on as if nothing had been. docs/decisions/store-archive.md tells it all.
 */
#ifndef STORE_ARCHIVE_RESTORE_H
#define STORE_ARCHIVE_RESTORE_H

#include "base/arena.h"
#include "store/archive/digest.h"
#include "store/store.h"

/* The user's row in the directory, as the backup has it. Spans in the restore's memory.
 */
struct restore_person {
	uint64_t id;
	struct span address;
	struct span name;
	struct span password;
	uint64_t password_version;
	bool disabled;
};

/*
 * In the directory: the user of the address; one who was removed, or whose number is
 * free; or a new number. Who is not there yet is noted as removed. RC_NOT_FOUND: the
 * domain is not ours.
 */
enum rc restore_find(struct store *s, const struct restore_person *p,
                     uint64_t *ret_user) MUST_CHECK;
/* *ret: the user has the mail of the backup, and nothing else. */
enum rc restore_has_mail(struct store *s, uint64_t user, const struct digest *mail,
                         bool *ret) MUST_CHECK;
/* After the rows: the user lives (again), with the backup's name and password if he was
 * removed. RC_EXISTS: another has the address by now. */
enum rc restore_enliven(struct store *s, uint64_t user,
                        const struct restore_person *p) MUST_CHECK;

/*
 * Rows in, as dump_user_rows() gives them, the account's first (a section of the
 * directory is passed over). The user's present rows go. Ends by itself in a state that
 * can be restored again: held.
 */
struct restore;
enum rc restore_new(struct store *s, uint64_t user, struct restore **ret) MUST_CHECK;
struct rows_out *restore_rows(struct restore *r);
/* Devices that were shut out or wiped since stay so. The commit hook is called for all
 * folders. RC_INVALID: rows are missing. */
enum rc restore_end(struct restore *r) MUST_CHECK;
void restore_free(struct restore *r);
AUTO_DEFINE(restore);

/* A person from a row of mail_user; spans show values. */
void restore_person_from(const struct table *t, const struct engine_arg *values,
                         struct restore_person *ret);

#endif
