/* SPDX-License-Identifier: ISC
 *
 * engine.c - the front of the engines: dispatch, and failures on demand.
 */
#include "store/engine/engine_private.h"

#include <assert.h>
#include <stdatomic.h>

static atomic_uint calls_until_failure;
static engine_watch_fn *watcher; /* set by tests before there are threads */
static void *watcher_arg;
static _Thread_local bool urgent;

void
engine_set_urgent(bool is)
{
	urgent = is;
}

bool
engine_is_urgent(void)
{
	return urgent;
}

void
engine_watch(engine_watch_fn *fn, void *arg)
{
	watcher = fn;
	watcher_arg = arg;
}

void
engine_fail_after(unsigned n)
{
	atomic_store(&calls_until_failure, n);
}

bool
engine_fail_pending(void)
{
	return atomic_load(&calls_until_failure) > 0;
}

bool
engine_must_fail(void)
{
	unsigned left = atomic_load_explicit(&calls_until_failure, memory_order_relaxed);

	while (left > 0) {
		if (atomic_compare_exchange_weak(&calls_until_failure, &left, left - 1))
			return left == 1;
	}
	return false;
}

void
engine_close(struct engine *e)
{
	if (e)
		e->ops->close(e);
}

enum rc
engine_begin(struct engine *e, enum engine_db db, unsigned shard, bool write,
             struct engine_tx **ret)
{
	struct engine_tx *tx;
	enum rc rc;

	if (engine_must_fail())
		return RC_IO;
	rc = e->ops->begin(e, db, shard, write, &tx);
	if (rc)
		return rc;
	tx->e = e;
	tx->write = write;
	tx->submitted = false;
	tx->failed = RC_OK;
	*ret = tx;
	return RC_OK;
}

/* After an error a transaction can only go back, so that no half of a change is committed
 * by a caller that went on (and PostgreSQL would not let it). */
static enum rc
note(struct engine_tx *tx, enum rc rc)
{
	if (rc && rc != RC_NOT_FOUND && tx->write)
		tx->failed = rc;
	return rc;
}

static enum rc
submit(struct engine_tx *tx, bool will_wait)
{
	assert(tx->write && !tx->submitted);
	return tx->failed ? tx->failed : tx->e->ops->submit(tx, will_wait);
}

enum rc
engine_submit(struct engine_tx *tx)
{
	enum rc rc = engine_must_fail() ? RC_IO : submit(tx, false);

	if (!rc)
		tx->submitted = true;
	return rc;
}

enum rc
engine_commit(struct engine_tx **ptx)
{
	struct engine_tx *tx = TAKE(*ptx);
	enum rc rc = RC_OK;

	if (tx->write && !tx->submitted)
		rc = engine_must_fail() ? RC_IO : submit(tx, true);
	if (rc) {
		tx->e->ops->rollback(tx);
		return rc;
	}
	return tx->e->ops->finish(tx);
}

void
engine_tx_free(struct engine_tx *tx)
{
	if (!tx)
		return;
	if (tx->write && !tx->submitted)
		tx->e->ops->rollback(tx);
	else
		(void)tx->e->ops->finish(tx);
}

enum rc
engine_savepoint(struct engine_tx *tx)
{
	if (tx->failed)
		return tx->failed;
	return note(tx, engine_must_fail() ? RC_IO : tx->e->ops->savepoint(tx));
}

enum rc
engine_release(struct engine_tx *tx)
{
	if (tx->failed)
		return tx->failed;
	return note(tx, engine_must_fail() ? RC_IO : tx->e->ops->release(tx));
}

enum rc
engine_rollback_to(struct engine_tx *tx)
{
	tx->failed = RC_OK;
	return note(tx, engine_must_fail() ? RC_IO : tx->e->ops->rollback_to(tx));
}

enum rc
engine_prepare(struct engine_tx *tx, const char *sql, const struct engine_arg *args,
               size_t n, struct engine_stmt **ret)
{
	assert(!tx->submitted);
	if (tx->failed)
		return tx->failed;
	if (watcher)
		watcher(sql, watcher_arg);
	if (engine_must_fail())
		return note(tx, RC_IO);
	atomic_fetch_add_explicit(&tx->e->statements, 1, memory_order_relaxed);
	return note(tx, tx->e->ops->prepare(tx, sql, args, n, ret));
}

enum rc
engine_step(struct engine_stmt *st)
{
	if (st->tx->failed)
		return st->tx->failed;
	return note(st->tx, engine_must_fail() ? RC_IO : st->tx->e->ops->step(st));
}

int64_t
engine_int(struct engine_stmt *st, unsigned column)
{
	return st->tx->e->ops->get_int(st, column);
}

struct span
engine_bytes(struct engine_stmt *st, unsigned column)
{
	return st->tx->e->ops->get_bytes(st, column);
}

void
engine_stmt_free(struct engine_stmt *st)
{
	if (st)
		st->tx->e->ops->stmt_free(st);
}

enum rc
engine_run(struct engine_tx *tx, const char *sql, const struct engine_arg *args, size_t n,
           uint64_t *ret_rows)
{
	AUTO(engine_stmt)
	struct engine_stmt *st = NULL;
	enum rc rc;

	rc = engine_prepare(tx, sql, args, n, &st);
	if (rc)
		return rc;
	do
		rc = engine_step(st);
	while (rc == RC_OK);
	if (rc != RC_NOT_FOUND)
		return rc;
	if (ret_rows)
		*ret_rows = tx->e->ops->changed_rows(tx);
	return RC_OK;
}

enum rc
engine_check(struct engine *e, struct err *err)
{
	return e->ops->check(e, err);
}

void
engine_stats(const struct engine *e, struct engine_stats *ret)
{
	e->ops->stats(e, ret);
	ret->statements = atomic_load_explicit(&e->statements, memory_order_relaxed);
}

enum rc
engine_explain(struct engine_tx *tx, const char *sql, struct buf *out)
{
	return tx->e->ops->explain(tx, sql, out);
}

struct span
engine_append_only(const char *sql)
{
	static const char create[] = "CREATE TABLE ";
	struct span s = span_str(sql);

	if (!span_starts(s, create) || !strstr(sql, "/* append only */"))
		return SPAN("");
	s = span_sub(s, sizeof(create) - 1, s.n);
	return span_sub(s, 0, span_find(s, 0, ' '));
}
