/* SPDX-License-Identifier: ISC
 *
 * send.h - whole archives out of a store that is in use, a piece at a time.
 *
 * Used by the running server for godwitctl, and by godwitctl itself where no server runs.
 */
#ifndef STORE_ARCHIVE_SEND_H
#define STORE_ARCHIVE_SEND_H

#include "store/archive/archive.h"
#include "store/archive/dump.h"

/*
 * One archive each, of one snapshot; fn gets its bytes. since NULL: all of the user;
 * otherwise an increment, or all again where an increment cannot tell (the head says
 * which). RC_NOT_FOUND: no such user or blob; RC_AGAIN: the user is being restored.
 */
enum rc send_user(struct store *s, uint64_t user, const struct dump_mark *since,
                  archive_write_fn *fn, void *arg) MUST_CHECK;
enum rc send_directory(struct store *s, archive_write_fn *fn, void *arg) MUST_CHECK;
enum rc send_queue(struct store *s, archive_write_fn *fn, void *arg) MUST_CHECK;
/* The bytes are compared with their name; RC_IO: missing or damaged. */
enum rc send_blob(struct store *s, const struct sha256 *hash, uint64_t size,
                  archive_write_fn *fn, void *arg) MUST_CHECK;
/* By which backups know the store. */
uint64_t send_store_id(const struct store *s);

/* Takes a blob's archive, its head already read, into the store. */
enum rc
send_take_blob(struct store *s, struct archive_reader *r, struct err *err) MUST_CHECK;

#endif
