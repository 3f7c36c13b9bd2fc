/* SPDX-License-Identifier: ISC
 *
 * store_queue_lease.c - who works an entry: leases, their ends, and those of the dead.
 *
 * An entry is leased by a node's life (store_node.h) under a random number, which is what
 * the worker shows when it comes to write. It lasts as long as the life does; the time
 * after which it runs out anyway is there for the worker that forgot it.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "store/store_node.h"
#include "store/store_queue_private.h"

/* What another is just leasing is his: look again when he is done. */
#define BUSY_MS 50
#define LIVES_MAX 1000

/* When the next entry that is not held falls due. RC_OK: *ret_next_ms <= now_ms. */
static enum rc
look(struct store *s, bool bulk, int64_t now_ms, int64_t *ret_next_ms)
{
	AUTO(engine_tx)
	struct engine_tx *etx = NULL;
	AUTO(engine_stmt)
	struct engine_stmt *st = NULL;
	enum rc rc = queue_begin(s, false, &etx);

	if (!rc)
		rc = sql_one(etx, &st,
		             "SELECT due_ms FROM entry WHERE bulk = $1 AND held = 0"
		             " ORDER BY due_ms LIMIT 1",
		             I(bulk));
	if (rc == RC_NOT_FOUND)
		*ret_next_ms = INT64_MAX;
	if (rc)
		return rc;
	*ret_next_ms = engine_int(st, 0);
	return *ret_next_ms > now_ms ? RC_NOT_FOUND : RC_OK;
}

/* The earliest that is due and that nobody else is at; locked. */
static enum rc
find_due(struct engine_tx *etx, bool bulk, int64_t now_ms, uint64_t *ret_id)
{
	AUTO(engine_stmt)
	struct engine_stmt *st = NULL;
	enum rc rc = sql_one(etx, &st,
	                     "SELECT id FROM entry WHERE bulk = $1 AND held = 0"
	                     " AND due_ms <= $2 ORDER BY due_ms LIMIT 1"
	                     " /* for update skip locked */",
	                     I(bulk), I(now_ms));

	if (!rc)
		*ret_id = col_u64(st, 0);
	return rc;
}

static enum rc
load_entry(struct engine_tx *etx, uint64_t id, struct arena *a,
           struct store_queue_entry *ret)
{
	AUTO(engine_stmt)
	struct engine_stmt *st = NULL;
	enum rc rc =
		sql_one(etx, &st,
	                "SELECT " QUEUE_COLUMNS ", (SELECT size FROM content"
	                " WHERE content.id = entry.content) FROM entry WHERE id = $1",
	                I(id));

	if (rc)
		return rc;
	queue_from_row(st, a, ret);
	return queue_load_rcpts(etx, a, ret);
}

static enum rc
compare_lease(enum rc rc, struct engine_stmt *st, const struct store_queue_entry *e)
{
	if (rc)
		return rc == RC_NOT_FOUND ? RC_CONFLICT : rc;
	return e->lease != 0 && col_u64(st, 0) == e->lease ? RC_OK : RC_CONFLICT;
}

/* RC_CONFLICT when e's lease does not hold the entry any more; it is locked. */
static enum rc
check_lease(struct engine_tx *etx, const struct store_queue_entry *e)
{
	AUTO(engine_stmt)
	struct engine_stmt *st = NULL;
	enum rc rc = sql_one(etx, &st,
	                     "SELECT lease FROM entry WHERE id = $1 /* for update */",
	                     I(e->id));

	return compare_lease(rc, st, e);
}

enum rc
store_queue_lease(struct store *s, bool bulk, int64_t now_ms, uint64_t lease_ms,
                  struct arena *a, struct store_queue_entry *ret, int64_t *ret_next_ms)
{
	AUTO(engine_tx)
	struct engine_tx *etx = NULL;
	struct store_queue_entry e;
	uint64_t lease = random_u64() >> 1 | 1;
	uint64_t id = 0;
	enum rc rc;

	if (!store_node_is_live(s))
		return RC_AGAIN;
	/* Mostly there is nothing: no write for that. */
	rc = look(s, bulk, now_ms, ret_next_ms);
	if (rc)
		return rc;
	rc = queue_begin(s, true, &etx);
	if (!rc) {
		rc = find_due(etx, bulk, now_ms, &id);
		if (rc == RC_NOT_FOUND)
			*ret_next_ms = now_ms + BUSY_MS;
	}
	if (!rc)
		rc = sql_run(etx,
		             "UPDATE entry SET lease = $2, holder = $3, due_ms = $4"
		             " WHERE id = $1",
		             I(id), I(lease), I(store_node_life(s)),
		             I(now_ms + (int64_t)lease_ms));
	if (!rc)
		rc = load_entry(etx, id, a, &e);
	if (!rc)
		rc = engine_commit(&etx);
	if (!rc)
		*ret = e;
	return rc;
}

enum rc
store_queue_holds(struct store *s, const struct store_queue_entry *e)
{
	AUTO(engine_tx)
	struct engine_tx *etx = NULL;
	AUTO(engine_stmt)
	struct engine_stmt *st = NULL;
	enum rc rc = queue_begin(s, false, &etx);

	if (rc)
		return rc;
	rc = sql_one(etx, &st, "SELECT lease FROM entry WHERE id = $1", I(e->id));
	return compare_lease(rc, st, e);
}

static enum rc
has_rcpts(struct engine_tx *etx, uint64_t id)
{
	AUTO(engine_stmt)
	struct engine_stmt *st = NULL;

	return sql_one(etx, &st, "SELECT seq FROM rcpt WHERE entry = $1 LIMIT 1", I(id));
}

enum rc
store_queue_done(struct store *s, const struct store_queue_entry *e,
                 const struct span *addresses, size_t n)
{
	AUTO(engine_tx)
	struct engine_tx *etx = NULL;
	enum rc rc = queue_begin(s, true, &etx);

	if (!rc)
		rc = check_lease(etx, e);
	for (size_t i = 0; !rc && i < n; i++)
		rc = sql_run(etx, "DELETE FROM rcpt WHERE entry = $1 AND address = $2",
		             I(e->id), B(addresses[i]));
	if (!rc)
		rc = has_rcpts(etx, e->id);
	if (rc == RC_NOT_FOUND)
		rc = queue_delete_entry(etx, e->id);
	return rc ? rc : engine_commit(&etx);
}

enum rc
store_queue_members(struct store *s, const struct store_queue_entry *e,
                    const uint64_t *left, size_t n)
{
	AUTO(engine_tx)
	struct engine_tx *etx = NULL;
	AUTO_DONE(buf) struct buf packed = BUF_INIT(0);
	enum rc rc = queue_begin(s, true, &etx);

	queue_write_members(left, n, &packed);
	if (!rc)
		rc = check_lease(etx, e);
	if (!rc && n == 0)
		rc = queue_delete_entry(etx, e->id);
	else if (!rc)
		rc = sql_run(etx, "UPDATE entry SET members = $2 WHERE id = $1", I(e->id),
		             B(buf_span(&packed)));
	return rc ? rc : engine_commit(&etx);
}

enum rc
store_queue_retry(struct store *s, const struct store_queue_entry *e, int64_t next_ms,
                  struct span error, bool delay_warned)
{
	AUTO(engine_tx)
	struct engine_tx *etx = NULL;
	enum rc rc = queue_begin(s, true, &etx);

	if (!rc)
		rc = check_lease(etx, e);
	if (!rc)
		rc = sql_run(
			etx,
			"UPDATE entry SET lease = 0, holder = 0, next_ms = $2, due_ms = $2,"
			" attempts = attempts + 1, last_error = $3, delay_warned = $4"
			" WHERE id = $1",
			I(e->id), I(next_ms), B(error), I(delay_warned));
	return rc ? rc : queue_commit_and_tell(s, &etx);
}

enum rc
store_queue_put_back(struct store *s, const struct store_queue_entry *e, int64_t due_ms)
{
	AUTO(engine_tx)
	struct engine_tx *etx = NULL;
	enum rc rc = queue_begin(s, true, &etx);

	if (!rc)
		rc = check_lease(etx, e);
	if (!rc)
		rc = sql_run(etx,
		             "UPDATE entry SET lease = 0, holder = 0, due_ms = $2"
		             " WHERE id = $1",
		             I(e->id), I(due_ms));
	return rc ? rc : queue_commit_and_tell(s, &etx);
}

/* --- what the dead leave --- */

/* Lives that hold entries, but for the present one of this node. */
static enum rc
other_holders(struct store *s, uint64_t *lives, size_t *ret_n)
{
	AUTO(engine_tx)
	struct engine_tx *etx = NULL;
	AUTO(engine_stmt)
	struct engine_stmt *st = NULL;
	uint64_t mine = store_node_life(s);
	size_t n = 0;
	enum rc rc = queue_begin(s, false, &etx);

	if (!rc)
		rc = sql_each(etx, &st,
		              "SELECT DISTINCT holder FROM entry WHERE holder > 0");
	while (!rc && n < LIVES_MAX && (rc = engine_step(st)) == RC_OK) {
		if (col_u64(st, 0) != mine)
			lives[n++] = col_u64(st, 0);
	}
	*ret_n = n;
	return sql_end(rc);
}

static enum rc
free_leases_of(struct store *s, uint64_t life)
{
	AUTO(engine_tx)
	struct engine_tx *etx = NULL;
	uint64_t rows = 0;
	enum rc rc = queue_begin(s, true, &etx);

	if (!rc)
		rc = sql_run_rows(
			etx, &rows,
			"UPDATE entry SET lease = 0, holder = 0, due_ms = next_ms"
			" WHERE holder = $1",
			I(life));
	if (!rc)
		rc = queue_commit_and_tell(s, &etx);
	if (!rc && rows > 0)
		log_info(NULL, "store.queue taken-over", "life=%" PRIu64 " n=%" PRIu64,
		         life, rows);
	return rc;
}

enum rc
store_queue_reclaim(struct store *s)
{
	uint64_t lives[LIVES_MAX];
	size_t n = 0;
	/* Holders first: who holds something has joined before, so the look at the nodes
	 * that follows knows it. */
	enum rc rc = other_holders(s, lives, &n);

	for (size_t i = 0; !rc && i < n; i++) {
		bool over = false;

		rc = store_node_is_over(s, lives[i], &over);
		if (!rc && over)
			rc = free_leases_of(s, lives[i]);
	}
	return rc;
}
