/* SPDX-License-Identifier: ISC
 *
 * backup_private.h - shared by the files of backups.
 */
#ifndef STORE_ARCHIVE_BACKUP_PRIVATE_H
#define STORE_ARCHIVE_BACKUP_PRIVATE_H

#include "store/archive/archive.h"
#include "store/archive/backup.h"

/* -- backup_manifest.c -- */

void backup_manifest_write(const struct backup_run *r, struct buf *out);
/* Everything but number and sum; entries only if a is given, and spans in them show the
 * text, which is foreign. RC_INVALID. */
enum rc backup_manifest_read(struct span text, struct arena *a,
                             struct backup_run *ret) MUST_CHECK;
/* The entries of r and of all that it goes on from, as far as they are not loaded yet. */
enum rc backup_load(const char *dir, struct backup_run *runs, size_t n,
                    struct backup_run *r, struct arena *a, struct err *err) MUST_CHECK;

/* NULL: there is none. */
struct backup_run *backup_run_find(struct backup_run *runs, size_t n, unsigned number);
const struct backup_entry *backup_entry_find(const struct backup_run *r, uint64_t user);
/* What the backups up to run r know of the user; *ret_run: whose entry it is. NULL:
 * nothing. */
const struct backup_entry *
backup_entry_before(struct backup_run *runs, size_t n, const struct backup_run *r,
                    uint64_t user, const struct backup_run **ret_run);

/* -- backup_file.c: paths are to be freed -- */

char *backup_path_of_run(const char *dir, unsigned number, const char *file);
char *backup_path_of_user(const char *dir, unsigned number, uint64_t user);
char *backup_path_of_blob(const char *dir, const struct sha256 *hash);

/* A file that is written, summed, synced. */
struct backup_out {
	int fd;
	uint64_t size;
	struct sha256_sum *sum;
	bool failed; /* it could not be written: not the source's fault */
};
/* Where there is one it is written over. */
enum rc
backup_out_open(struct backup_out *o, const char *path, struct err *err) MUST_CHECK;
enum rc backup_out_write(struct span bytes, void *out) MUST_CHECK;
/* Synced. ret may be NULL. */
enum rc backup_out_close(struct backup_out *o, const char *path, struct backup_file *ret,
                         struct err *err) MUST_CHECK;
/* Gives it up, if it is still open. */
void backup_out_drop(struct backup_out *o);
enum rc backup_sync_folder(const char *path) MUST_CHECK;

/* An archive's file that is read; sums on the way if asked. */
struct backup_in {
	int fd;
	uint64_t size;
	struct sha256_sum *sum; /* NULL: not asked */
	struct codec *codec;
	struct archive_reader *r;
};
enum rc backup_in_open(struct backup_in *in, const char *path, bool sum,
                       struct err *err) MUST_CHECK;
/* After ARCHIVE_EV_END: nothing may follow. RC_INVALID: it is not the file that was
 * written. want NULL: not compared. */
enum rc backup_in_check(struct backup_in *in, const struct backup_file *want,
                        struct err *err) MUST_CHECK;
void backup_in_close(struct backup_in *in);

/* -- backup_scan.c -- */

struct backup_scan {
	struct archive_head head; /* without the address */
	struct span address;      /* in the arena */
	struct sha256 small;
	bool has_log; /* rows or runs of tables with a log */
	uint64_t rows;
};
/* Reads an archive of rows through; blob (may be NULL) is called for each that the
 * contents in it name. */
enum rc backup_scan_file(const char *path, const struct backup_file *want,
                         struct arena *a, dump_blob_fn *blob, void *arg,
                         struct backup_scan *ret, struct err *err) MUST_CHECK;
/* A blob's file. */
enum rc
backup_scan_blob(const char *path, const struct sha256 *hash, struct err *err) MUST_CHECK;

/* -- backup_merge.c -- */

/* The archives of a user, the full one first, as the rows that they make together. */
enum rc backup_merge(char *const *paths, size_t n, struct rows_out *to,
                     struct err *err) MUST_CHECK;
/* The files of a user as of run r (loaded), the full one first; in a. RC_NOT_FOUND: not
 * in it. */
enum rc backup_chain(const char *dir, struct backup_run *runs, size_t n,
                     const struct backup_run *r, uint64_t user, struct arena *a,
                     char ***ret, size_t *ret_n, struct err *err) MUST_CHECK;

#endif
