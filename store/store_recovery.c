/* SPDX-License-Identifier: ISC
 *
 * store_recovery.c - recovery passwords of devices.
 */
#include "store/store_recovery.h"

#include "store/store_private.h"

enum rc
store_recovery_set(struct store_tx *tx, uint32_t device, struct span password,
                   int64_t now_ms)
{
	if (password.n > STORE_RECOVERY_MAX)
		return RC_TOO_BIG;
	if (password.n == 0)
		return sql_run(
			tx->etx,
			"DELETE FROM device_recovery WHERE owner = $1 AND device = $2",
			I(tx->user), I(device));
	return sql_run(tx->etx,
	               "INSERT INTO device_recovery (owner, device, password, set_ms)"
	               " VALUES ($1, $2, $3, $4)"
	               " ON CONFLICT (owner, device) DO UPDATE SET"
	               " password = excluded.password, set_ms = excluded.set_ms",
	               I(tx->user), I(device), B(password), I(now_ms));
}

enum rc
store_recovery_load(struct store_tx *tx, uint32_t device, struct arena *a,
                    struct store_recovery *ret)
{
	AUTO(engine_stmt)
	struct engine_stmt *st = NULL;
	enum rc rc = sql_one(tx->etx, &st,
	                     "SELECT password, set_ms FROM device_recovery"
	                     " WHERE owner = $1 AND device = $2",
	                     I(tx->user), I(device));

	if (!rc)
		*ret = (struct store_recovery){
			.password = arena_span(a, engine_bytes(st, 0)),
			.set_ms = engine_int(st, 1),
		};
	return rc;
}
