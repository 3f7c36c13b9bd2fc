/* SPDX-License-Identifier: ISC
 *
 * engine_private.h - what an engine fills in; engine.c dispatches to it.
 */
#ifndef STORE_ENGINE_ENGINE_PRIVATE_H
#define STORE_ENGINE_ENGINE_PRIVATE_H

#include <stdatomic.h>

#include "store/engine/engine.h"

struct engine_ops {
	void (*close)(struct engine *e);
	enum rc (*begin)(struct engine *e, enum engine_db db, unsigned shard, bool write,
	                 struct engine_tx **ret);
	/* Joins the group. After a failure rollback() follows. */
	enum rc (*submit)(struct engine_tx *tx, bool will_wait);
	/* Submitted: waits and frees. A read: ends and frees. */
	enum rc (*finish)(struct engine_tx *tx);
	/* Not submitted: rolls back and frees. */
	void (*rollback)(struct engine_tx *tx);
	enum rc (*savepoint)(struct engine_tx *tx);
	enum rc (*release)(struct engine_tx *tx);
	enum rc (*rollback_to)(struct engine_tx *tx);
	enum rc (*prepare)(struct engine_tx *tx, const char *sql,
	                   const struct engine_arg *args, size_t n,
	                   struct engine_stmt **ret);
	enum rc (*step)(struct engine_stmt *st);
	int64_t (*get_int)(struct engine_stmt *st, unsigned column);
	struct span (*get_bytes)(struct engine_stmt *st, unsigned column);
	void (*stmt_free)(struct engine_stmt *st);
	/* Rows that the last statement that ended changed. */
	uint64_t (*changed_rows)(struct engine_tx *tx);
	enum rc (*check)(struct engine *e, struct err *err);
	void (*stats)(const struct engine *e, struct engine_stats *ret);
	enum rc (*explain)(struct engine_tx *tx, const char *sql, struct buf *out);
};

struct engine {
	const struct engine_ops *ops;
	_Atomic uint64_t statements;
};

struct engine_tx {
	struct engine *e;
	bool write;
	bool submitted;
	enum rc failed; /* sticky: the first error; only going back helps */
};

struct engine_stmt {
	struct engine_tx *tx;
};

/* The present thread's, set by engine_set_urgent(). */
bool engine_is_urgent(void);
/* True when this very call is the one that a test wants to fail. */
bool engine_must_fail(void);

/* The name in a CREATE TABLE that says "append only"; empty: it does not. */
struct span engine_append_only(const char *sql);

#endif
