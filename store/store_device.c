/* SPDX-License-Identifier: ISC
 *
 * store_device.c - the registry of a user's devices.
 */
#include "store/store_device.h"

#include <stdlib.h>

#include "base/mem.h"
#include "store/store_cursor.h"
#include "store/store_private.h"
#include "store/store_recovery.h"

#define FIELD_MAX 4096
#define COLUMNS                                                                          \
	"number, id, protocol, device_type, model, os, user_agent, version, state,"      \
	" reason, policy_key, policy_key_pending, policy_version, first_seen_ms,"        \
	" last_seen_ms, extra, beat_kept, beat_cut, beat_told, beat_misses,"             \
	" beat_changed_ms, state_before, by_admin, wipe_sent_ms"
#define N_COLUMNS 24

static void
from_row(struct engine_stmt *st, struct arena *a, struct store_device *ret)
{
	*ret = (struct store_device){
		.number = col_u32(st, 0),
		.id = arena_span(a, engine_bytes(st, 1)),
		.protocol = arena_span(a, engine_bytes(st, 2)),
		.type = arena_span(a, engine_bytes(st, 3)),
		.model = arena_span(a, engine_bytes(st, 4)),
		.os = arena_span(a, engine_bytes(st, 5)),
		.user_agent = arena_span(a, engine_bytes(st, 6)),
		.version = arena_span(a, engine_bytes(st, 7)),
		.state = (enum store_device_state)engine_int(st, 8),
		.reason = arena_span(a, engine_bytes(st, 9)),
		.policy_key = col_u32(st, 10),
		.policy_key_pending = col_u32(st, 11),
		.policy_version = col_u32(st, 12),
		.first_seen_ms = engine_int(st, 13),
		.last_seen_ms = engine_int(st, 14),
		.extra = arena_span(a, engine_bytes(st, 15)),
		.heartbeat = {
			.kept_s = col_u32(st, 16),
			.cut_s = col_u32(st, 17),
			.told_s = col_u32(st, 18),
			.misses = col_u32(st, 19),
			.changed_ms = engine_int(st, 20),
		},
		.state_before = (enum store_device_state)engine_int(st, 21),
		.by_admin = engine_int(st, 22) != 0,
		.wipe_sent_ms = engine_int(st, 23),
	};
}

enum rc
store_device_find(struct store_tx *tx, struct span protocol, struct span id,
                  struct arena *a, struct store_device *ret)
{
	AUTO(engine_stmt)
	struct engine_stmt *st = NULL;
	enum rc rc = sql_one(tx->etx, &st,
	                     "SELECT " COLUMNS " FROM device"
	                     " WHERE owner = $1 AND protocol = $2 AND id = $3",
	                     I(tx->user), T(protocol), B(id));

	if (!rc)
		from_row(st, a, ret);
	return rc;
}

enum rc
store_device_read(struct store *s, uint64_t user, struct span protocol, struct span id,
                  struct arena *a, struct store_tx **ret_tx, struct store_device *ret)
{
	AUTO(store_tx)
	struct store_tx *tx = NULL;
	AUTO(engine_stmt)
	struct engine_stmt *st = NULL;
	enum rc rc = store_tx_open(s, user, &tx);

	if (!rc)
		rc = sql_one(tx->etx, &st,
		             "SELECT " COLUMNS ", " ACCOUNT_COLUMNS
		             " FROM account a LEFT JOIN device d"
		             " ON d.owner = a.owner AND d.protocol = $2 AND d.id = $3"
		             " WHERE a.owner = $1",
		             I(user), T(protocol), B(id));
	if (!rc)
		rc = store_tx_set_account(tx, st, N_COLUMNS);
	if (rc)
		return rc;
	if (col_u32(st, 0) == 0)
		return RC_NOT_FOUND;
	from_row(st, a, ret);
	*ret_tx = TAKE(tx);
	return RC_OK;
}

enum rc
store_device_load(struct store_tx *tx, uint32_t number, struct arena *a,
                  struct store_device *ret)
{
	AUTO(engine_stmt)
	struct engine_stmt *st = NULL;
	enum rc rc =
		sql_one(tx->etx, &st,
	                "SELECT " COLUMNS " FROM device WHERE owner = $1 AND number = $2",
	                I(tx->user), I(number));

	if (!rc)
		from_row(st, a, ret);
	return rc;
}

static enum rc
check_fields(const struct store_device *d)
{
	const struct span fields[] = { d->type,    d->model,  d->os,   d->user_agent,
		                       d->version, d->reason, d->extra };

	if (d->id.n == 0 || d->protocol.n == 0 || !utf8_is_valid(d->protocol))
		return RC_INVALID;
	if (d->id.n > 128 || d->protocol.n > 32)
		return RC_TOO_BIG;
	for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
		if (fields[i].n > FIELD_MAX)
			return RC_TOO_BIG;
	}
	return RC_OK;
}

enum rc
store_device_save(struct store_tx *tx, const struct store_device *d, uint32_t *ret_number)
{
	AUTO(engine_stmt)
	struct engine_stmt *st = NULL;
	uint32_t number = d->number;
	enum rc rc = check_fields(d);

	if (rc)
		return rc;
	rc = sql_one(
		tx->etx, &st,
		"SELECT number FROM device WHERE owner = $1 AND protocol = $2 AND id = $3",
		I(tx->user), T(d->protocol), B(d->id));
	if (!rc && col_u32(st, 0) != number)
		return RC_EXISTS;
	if (rc && rc != RC_NOT_FOUND)
		return rc;
	if (number == 0) {
		number = tx->device_next++;
		tx->account_dirty = true;
	}
	rc = sql_run(
		tx->etx,
		"INSERT INTO device (owner, " COLUMNS ") VALUES ($1, $2, $3, $4, $5, $6,"
		" $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21,"
		" $22, $23, $24, $25)"
		" ON CONFLICT (owner, number) DO UPDATE SET id = excluded.id,"
		" protocol = excluded.protocol, device_type = excluded.device_type,"
		" model = excluded.model, os = excluded.os,"
		" user_agent = excluded.user_agent, version = excluded.version,"
		" state = excluded.state, reason = excluded.reason,"
		" policy_key = excluded.policy_key,"
		" policy_key_pending = excluded.policy_key_pending,"
		" policy_version = excluded.policy_version,"
		" first_seen_ms = excluded.first_seen_ms,"
		" last_seen_ms = excluded.last_seen_ms, extra = excluded.extra,"
		" beat_kept = excluded.beat_kept, beat_cut = excluded.beat_cut,"
		" beat_told = excluded.beat_told, beat_misses = excluded.beat_misses,"
		" beat_changed_ms = excluded.beat_changed_ms,"
		" state_before = excluded.state_before, by_admin = excluded.by_admin,"
		" wipe_sent_ms = excluded.wipe_sent_ms",
		I(tx->user), I(number), B(d->id), T(d->protocol), B(d->type), B(d->model),
		B(d->os), B(d->user_agent), B(d->version), I(d->state), B(d->reason),
		I(d->policy_key), I(d->policy_key_pending), I(d->policy_version),
		I(d->first_seen_ms), I(d->last_seen_ms), B(d->extra),
		I(d->heartbeat.kept_s), I(d->heartbeat.cut_s), I(d->heartbeat.told_s),
		I(d->heartbeat.misses), I(d->heartbeat.changed_ms), I(d->state_before),
		I(d->by_admin), I(d->wipe_sent_ms));
	if (!rc && ret_number)
		*ret_number = number;
	return rc;
}

enum rc
store_device_set_heartbeat(struct store_tx *tx, uint32_t number,
                           const struct store_heartbeat *h)
{
	uint64_t rows = 0;
	enum rc rc = sql_run_rows(
		tx->etx, &rows,
		"UPDATE device SET beat_kept = $3, beat_cut = $4, beat_told = $5,"
		" beat_misses = $6, beat_changed_ms = $7"
		" WHERE owner = $1 AND number = $2",
		I(tx->user), I(number), I(h->kept_s), I(h->cut_s), I(h->told_s),
		I(h->misses), I(h->changed_ms));

	return !rc && rows == 0 ? RC_NOT_FOUND : rc;
}

enum rc
store_device_delete(struct store_tx *tx, uint32_t number)
{
	uint64_t rows = 0;
	enum rc rc = sql_run_rows(tx->etx, &rows,
	                          "DELETE FROM device WHERE owner = $1 AND number = $2",
	                          I(tx->user), I(number));

	if (!rc)
		rc = store_cursor_delete_prefix(tx, number, "");
	if (!rc)
		rc = store_recovery_set(tx, number, SPAN(""), 0);
	return !rc && rows == 0 ? RC_NOT_FOUND : rc;
}

enum rc
store_device_list(struct store_tx *tx, struct arena *a, struct store_device **ret,
                  size_t *ret_n)
{
	AUTO(engine_stmt)
	struct engine_stmt *st = NULL;
	struct store_device *list = NULL;
	size_t n = 0;
	size_t cap = 0;
	enum rc rc = sql_each(tx->etx, &st,
	                      "SELECT " COLUMNS
	                      " FROM device WHERE owner = $1 ORDER BY number",
	                      I(tx->user));

	if (rc)
		return rc;
	while ((rc = engine_step(st)) == RC_OK) {
		list = grow(list, n, &cap, sizeof(*list));
		from_row(st, a, &list[n++]);
	}
	rc = sql_end(rc);
	if (!rc) {
		*ret = arena_array(a, n, struct store_device);
		if (n > 0)
			memcpy(*ret, list, n * sizeof(*list));
		*ret_n = n;
	}
	free(list);
	return rc;
}

enum rc
store_device_rules_load(struct store_tx *tx, struct store_device_rules *ret)
{
	*ret = tx->rules;
	return RC_OK;
}

enum rc
store_device_rules_save(struct store_tx *tx, const struct store_device_rules *r)
{
	enum rc rc = sql_run(tx->etx,
	                     "UPDATE account SET device_limit = $2, device_unknown = $3"
	                     " WHERE owner = $1",
	                     I(tx->user), I(r->limit), I(r->unknown));

	if (!rc)
		tx->rules = *r;
	return rc;
}
