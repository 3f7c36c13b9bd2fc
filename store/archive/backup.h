/* SPDX-License-Identifier: ISC
 *
 * backup.h - a folder with backups: full ones and increments, of all users or of some.
 *
 *   DIR/000001/manifest    what the backup holds, with sizes and sums
 *   DIR/000001/directory, queue, user-17    archives
 *   DIR/000002/...         the next; an increment names the one that it goes on from
 *   DIR/blobs/ab/abcd...   large contents, each once for all backups
 *
 * A backup is made in "000002.part" and gets its name when all of it is on the disk. One
 * process at a time writes in a folder.
 */
#ifndef STORE_ARCHIVE_BACKUP_H
#define STORE_ARCHIVE_BACKUP_H

#include "base/arena.h"
#include "base/encode.h"
#include "store/archive/dump.h"
#include "store/archive/restore.h"

#define BACKUP_KIND_LIST(X)                                                              \
	X(FULL, "full")                                                                  \
	X(INCREMENT, "increment") /* on what the backups before hold */                  \
	X(SAME, "same")           /* nothing has changed since: no file */               \
	X(KEPT, "kept")           /* could not be read now: what was before, no file */

enum backup_kind {
#define X(name, text) BACKUP_##name,
	BACKUP_KIND_LIST(X)
#undef X
};
const char *backup_kind_str(enum backup_kind k);

struct backup_file {
	uint64_t size;
	struct sha256 sum;
};

struct backup_entry {
	uint64_t user;
	struct span address;
	enum backup_kind kind;
	struct backup_file file;
	struct dump_mark mark; /* where the next increment begins */
	struct sha256 small;   /* of the tables that increments hold whole */
};

struct backup_run {
	unsigned number;
	bool full;      /* begins a chain */
	bool all;       /* all users, the directory, the queue; otherwise some users */
	uint64_t store; /* whose it is */
	int64_t made_ms;
	unsigned parent; /* 0: none */
	struct sha256 parent_sum;
	struct sha256 sum; /* of its manifest */
	struct backup_file directory;
	struct backup_file queue;
	uint64_t bytes;               /* of all its archives */
	size_t n;                     /* users */
	struct backup_entry *entries; /* by rising user; NULL: not loaded */
};

typedef void backup_say_fn(const char *sentence, void *arg);

/* All that are whole, oldest first, their manifests checked, without the entries.
 * RC_NOT_FOUND: no folder. */
enum rc backup_list(const char *dir, struct arena *a, struct backup_run **ret,
                    size_t *ret_n, struct err *err) MUST_CHECK;

/* -- making -- */

/* Where a backup comes from: a store, or a server that has it open. */
struct backup_source;
typedef enum rc backup_bytes_fn(struct span bytes, void *arg);

struct backup_source_ops {
	/* Users in the directory by rising number, also removed ones; in a. */
	enum rc (*begin)(struct backup_source *s, struct arena *a, uint64_t *ret_store,
	                 struct dump_person **ret, size_t *ret_n, struct err *err);
	/* Archives (send.h). */
	enum rc (*directory)(struct backup_source *s, backup_bytes_fn *fn, void *arg,
	                     struct err *err);
	enum rc (*queue)(struct backup_source *s, backup_bytes_fn *fn, void *arg,
	                 struct err *err);
	enum rc (*user)(struct backup_source *s, uint64_t user,
	                const struct dump_mark *since, backup_bytes_fn *fn, void *arg,
	                struct err *err);
	enum rc (*blob)(struct backup_source *s, const struct sha256 *hash, uint64_t size,
	                backup_bytes_fn *fn, void *arg, struct err *err);
};

struct backup_source {
	const struct backup_source_ops *ops;
};

/* A store that this process has open. */
struct backup_store_source {
	struct backup_source base;
	struct store *s;
};
void backup_source_of_store(struct backup_store_source *b, struct store *s);

struct backup_make_conf {
	const char *dir; /* made when absent, but not its parent */
	bool full;       /* otherwise an increment, where there is what to go on from */
	const struct span *users; /* addresses; n_users 0: all */
	size_t n_users;
	backup_say_fn *say; /* may be NULL */
	void *arg;
};

struct backup_report {
	unsigned run;
	bool full;
	uint64_t users;
	uint64_t changed; /* of them */
	uint64_t blobs;   /* new ones */
	uint64_t bytes;   /* written */
	uint64_t faults;  /* told by say: users that were kept, contents that are lost */
};

enum rc backup_make(struct backup_source *source, const struct backup_make_conf *conf,
                    struct backup_report *ret, struct err *err) MUST_CHECK;

/* -- looking -- */

/*
 * Reads all backups through: sums, forms, that chains hang together and contents are
 * there; puts each user of the last backup together as a restore would and counts. The
 * first fault is in err, all are told by say; *ret_faults counts them.
 */
enum rc backup_verify(const char *dir, backup_say_fn *say, void *arg,
                      uint64_t *ret_faults, struct err *err) MUST_CHECK;

/* -- restoring -- */

/* Where a user goes: a store, or a server that has it open. */
struct backup_target;

struct backup_target_ops {
	/* mail: what the user has in the backup. *ret_same: he has it already; then
	 * nothing else is called. */
	enum rc (*begin)(struct backup_target *t, const struct restore_person *p,
	                 const struct digest *mail, bool *ret_same, struct err *err);
	/* Blobs that his contents name, then the rows. path: the blob's archive. */
	enum rc (*blob)(struct backup_target *t, const char *path, struct err *err);
	enum rc (*rows)(struct backup_target *t, struct rows_out **ret, struct err *err);
	enum rc (*end)(struct backup_target *t, struct err *err);
};

struct backup_target {
	const struct backup_target_ops *ops;
};

/* A store that this process has open. */
struct backup_store_target {
	struct backup_target base;
	struct store *s;
	struct restore *restore;
	struct restore_person person; /* spans of the caller's, until the end */
	uint64_t user;
};
void backup_target_of_store(struct backup_store_target *b, struct store *s);
/* Lets go of what an error has left. */
void backup_target_done(struct backup_store_target *b);

/*
 * One user from the backup run (0: the last that has him) into a living store. address:
 * his as of the backup. *ret_same: he had all of it already, and was only brought back
 * to life if he was removed. RC_NOT_FOUND: the backup has no such user.
 */
enum rc backup_restore_user(const char *dir, unsigned run, struct span address,
                            struct backup_target *target, bool *ret_same,
                            struct err *err) MUST_CHECK;

enum backup_queue { BACKUP_QUEUE_HOLD, BACKUP_QUEUE_RUN, BACKUP_QUEUE_DROP };

struct backup_restore_conf {
	const char *dir;
	unsigned run; /* 0: the last of all users */
	/* Mail that was waiting may have left since: it is held until an admin says. */
	enum backup_queue queue;
	backup_say_fn *say; /* may be NULL */
	void *arg;
};

/*
 * All of a backup into an empty store, which nobody else has open. A restore that was
 * killed goes on. RC_EXISTS: the store holds other things. report: users, blobs, faults.
 */
enum rc
backup_restore(const struct backup_restore_conf *conf, const struct store_conf *to,
               struct backup_report *ret, struct err *err) MUST_CHECK;

#endif
