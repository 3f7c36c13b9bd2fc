/* SPDX-License-Identifier: ISC
 *
 * store_checked.c - that a user's password was checked, kept over restarts of the server.
 */
#include "store/store_checked.h"

#include "base/clock.h"
#include "store/store_directory_private.h"

enum rc
store_checked_load(struct store *s, uint64_t user, uint64_t key,
                   struct store_checked *ret)
{
	AUTO(engine_tx)
	struct engine_tx *etx = NULL;
	AUTO(engine_stmt)
	struct engine_stmt *st = NULL;
	struct span digest;
	enum rc rc = directory_begin(s, false, &etx);

	if (!rc)
		rc = sql_one(etx, &st,
		             "SELECT digest, until_ms FROM checked_password"
		             " WHERE id = $1 AND key_id = $2 AND until_ms > $3",
		             I(user), I(key), I(clock_wall_ms()));
	if (rc)
		return rc;
	digest = engine_bytes(st, 0);
	if (digest.n != sizeof(ret->digest.b))
		return RC_NOT_FOUND;
	memcpy(ret->digest.b, digest.p, digest.n);
	ret->until_ms = engine_int(st, 1);
	return RC_OK;
}

/* Without the lock of the directory's writers: one row, whoever is last. */
enum rc
store_checked_save(struct store *s, uint64_t user, uint64_t key,
                   const struct store_checked *c)
{
	AUTO(engine_tx)
	struct engine_tx *etx = NULL;
	enum rc rc = engine_begin(s->engine, ENGINE_DIRECTORY, 0, true, &etx);

	if (!rc)
		rc = sql_run(etx,
		             "INSERT INTO checked_password (id, key_id, digest, until_ms)"
		             " VALUES ($1, $2, $3, $4)"
		             " ON CONFLICT (id, key_id) DO UPDATE SET"
		             " digest = excluded.digest, until_ms = excluded.until_ms",
		             I(user), I(key),
		             B(span_of((const char *)c->digest.b, sizeof(c->digest.b))),
		             I(c->until_ms));
	return rc ? rc : engine_commit(&etx);
}

enum rc
store_checked_sweep(struct store *s)
{
	AUTO(engine_tx)
	struct engine_tx *etx = NULL;
	enum rc rc = engine_begin(s->engine, ENGINE_DIRECTORY, 0, true, &etx);

	if (!rc)
		rc = sql_run(etx, "DELETE FROM checked_password WHERE until_ms <= $1",
		             I(clock_wall_ms()));
	return rc ? rc : engine_commit(&etx);
}
