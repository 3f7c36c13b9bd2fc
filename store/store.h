/* SPDX-License-Identifier: ISC
 *
 * store.h - users' data behind one change log: opening, transactions, publishing.
 *
 * Every change to anything of a user's gets the next number of that user's one counter,
 * the modseq. All rows of a user lie in one shard; a transaction is one user's.
 * store_commit() returns after the data is synced to disk (or committed by the cluster).
 * All calls may block: workers only, never loops. A transaction belongs to one thread.
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/conf.h"
#include "base/rc.h"

struct store;
struct store_tx;

extern const struct conf_section store_conf_section; /* "store" */

enum store_engine { STORE_ENGINE_SQLITE, STORE_ENGINE_POSTGRESQL };
/* AUTO: where several nodes share a database, in that; otherwise in files. */
enum store_blobs { STORE_BLOBS_AUTO, STORE_BLOBS_FILES, STORE_BLOBS_DATABASE };

struct store_conf {
	char *directory;          /* of the data */
	int64_t shards;           /* SQLite files; fixed when the store is made */
	uint64_t group_window_ms; /* how long a group commit may gather at most */
	uint64_t inline_max;  /* bytes: contents up to here lie in the row, larger in blob
	                         files */
	uint64_t message_max; /* bytes of one item's content */
	uint64_t retention_ms; /* tombstones and deleted things are kept so long */
	int64_t group_max;     /* users and addresses that one address may lead to; 0:
	                          20,000 */
	int64_t readers;       /* read connections of a shard */
	int engine;            /* enum store_engine */
	int blobs;             /* enum store_blobs */
	char *postgresql;      /* conninfo, or the file that holds it */
	int64_t postgresql_connections;
};

/* Opens or makes the store; upgrades its schema in numbered steps. With SQLite only one
 * process may have it open (lock file): RC_EXISTS otherwise. RC_CONFLICT: a copy or a
 * restore has filled it only in part. */
enum rc
store_open(const struct store_conf *conf, struct store **ret, struct err *err) MUST_CHECK;
void store_close(struct store *s);

/* Who changes things: for the log, for "do not send a device its own changes". */
struct store_actor {
	uint32_t device;      /* the user's device number (store_device.h), 0: none */
	const char *protocol; /* "imap", "activesync", "smtp": static storage */
};

/*
 * A read transaction sees one snapshot. A write transaction has the user (on SQLite: the
 * user's shard) to itself until it ends (they are short: no waiting for anything inside),
 * and is committed in a group with others. user: from store_directory.h; must exist.
 * RC_AGAIN while a restore replaces the user's data.
 */
enum rc store_read(struct store *s, uint64_t user, struct store_tx **ret) MUST_CHECK;
enum rc store_write(struct store *s, uint64_t user, const struct store_actor *who,
                    struct store_tx **ret) MUST_CHECK;
/* RC_OK: durable, and the commit hook was called. *tx is NULL after it in every case.
 * RC_AGAIN: not done, may be tried again. Reads: just ends. */
enum rc store_commit(struct store_tx **tx) MUST_CHECK;
/* Rolls back. NULL is fine. */
void store_tx_free(struct store_tx *tx);
AUTO_DEFINE(store_tx);

/* What is written from here on is who's doing: what a device does without knowing the
 * outcome (a copy whose uid it is not told) is written as nobody's, so that it hears of
 * it. */
void store_tx_set_actor(struct store_tx *tx, const struct store_actor *who);

uint64_t store_tx_user(const struct store_tx *tx);
/* The user's counter: in a read the snapshot's, in a write the last number given. */
uint64_t store_tx_modseq(struct store_tx *tx);

/*
 * A restore from a backup loses what came after it, and numbers go on far above all that
 * were given out (docs/decisions/store-archive.md). True for a modseq of what was lost:
 * who remembers it may know of changes that never were, and starts afresh.
 */
bool store_tx_is_lost(const struct store_tx *tx, uint64_t modseq);
/* The modseq with which the last restore of the user's data began, 0: never. What a
 * protocol remembers of the life before (a cached request) is void in the next. */
uint64_t store_tx_restored(const struct store_tx *tx);

/* Users are spread over so many numbers, the same in every process and for good; an
 * engine's shards are made of them. */
#define STORE_SHARD_NUMBERS 4096
unsigned store_shard_number(uint64_t user);

/*
 * The counters of n users as they are now: ret[i] is that of users[i], 0 for one who is
 * not there. One statement a user, in one read transaction for those of a shard. ret is
 * written on RC_OK only.
 */
enum rc
store_modseqs(struct store *s, const uint64_t *users, size_t n, uint64_t *ret) MUST_CHECK;

/* What a commit moved. collection 0 means the folder tree, STORE_MOVED_ACCESS that who
 * may come in may have changed: it concerns all that the user and his devices wait for.
 */
#define STORE_MOVED_ACCESS UINT32_MAX
struct store_moved {
	uint64_t user;
	uint32_t collection;
	uint32_t device; /* of the actor */
	uint64_t modseq; /* the highest of this commit in that collection */
	bool added;      /* an item came in (as against flags, expunges) */
};

/* In a write: its commit moves STORE_MOVED_ACCESS. What changes users in the directory
 * does so by itself. */
void store_tx_access_moved(struct store_tx *tx);

/* Called after each durable commit that moved something, in the committing thread, once
 * with all that it moved. Set once, before the first transaction. */
typedef void store_commit_fn(const struct store_moved *moved, size_t n, void *arg);
void store_on_commit(struct store *s, store_commit_fn *fn, void *arg);

/* Removes tombstones, contents and blobs that nothing names and retention has passed;
 * called by the server now and then, in a worker. *ret_removed counts. */
enum rc store_sweep(struct store *s, uint64_t *ret_removed) MUST_CHECK;
/* Since the store was opened. */
struct store_stats {
	uint64_t transactions; /* write transactions that were committed */
	uint64_t statements;  /* of reads and writes, without those of begin and commit */
	uint64_t parsed;      /* statements, in this process */
	uint64_t round_trips; /* to the database; 0 where it is files */
};
void store_stats(const struct store *s, struct store_stats *ret);

/* The engine's own integrity check of every file; err tells the first fault. */
enum rc store_check(struct store *s, struct err *err) MUST_CHECK;

#endif
