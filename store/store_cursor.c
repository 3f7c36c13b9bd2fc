/* SPDX-License-Identifier: ISC
 *
 * store_cursor.c - what devices have seen.
 */
#include "store/store_cursor.h"

#include <stdlib.h>

#include "base/mem.h"
#include "store/store_private.h"

#define NAME_MAX_BYTES 200

enum rc
store_cursor_load(struct store_tx *tx, uint32_t device, const char *name, struct arena *a,
                  struct store_cursor *ret)
{
	AUTO(engine_stmt)
	struct engine_stmt *st = NULL;
	enum rc rc = sql_one(
		tx->etx, &st,
		"SELECT sync_key, state, prev_key, prev_state, answer, key_floor"
		" FROM sync_cursor WHERE owner = $1 AND device = $2 AND name = $3",
		I(tx->user), I(device), T(span_str(name)));

	if (rc)
		return rc;
	*ret = (struct store_cursor){
		.key = col_u64(st, 0),
		.state = arena_span(a, engine_bytes(st, 1)),
		.prev_key = col_u64(st, 2),
		.prev_state = arena_span(a, engine_bytes(st, 3)),
		.answer = arena_span(a, engine_bytes(st, 4)),
		.key_floor = col_u64(st, 5),
	};
	return RC_OK;
}

enum rc
store_cursor_save(struct store_tx *tx, uint32_t device, const char *name,
                  const struct store_cursor *c)
{
	if (strlen(name) > NAME_MAX_BYTES)
		return RC_TOO_BIG;
	return sql_run(
		tx->etx,
		"INSERT INTO sync_cursor (owner, device, name, sync_key, state, prev_key,"
		" prev_state, answer, key_floor)"
		" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)"
		" ON CONFLICT (owner, device, name) DO UPDATE SET"
		" sync_key = excluded.sync_key, state = excluded.state,"
		" prev_key = excluded.prev_key, prev_state = excluded.prev_state,"
		" answer = excluded.answer, key_floor = excluded.key_floor",
		I(tx->user), I(device), T(span_str(name)), I(c->key), B(c->state),
		I(c->prev_key), B(c->prev_state), B(c->answer), I(c->key_floor));
}

uint64_t
store_cursor_next_key(const struct store_cursor *c)
{
	return c->key + 1 > c->key_floor ? c->key + 1 : c->key_floor;
}

enum rc
store_cursor_delete(struct store_tx *tx, uint32_t device, const char *name)
{
	return sql_run(
		tx->etx,
		"DELETE FROM sync_cursor WHERE owner = $1 AND device = $2 AND name = $3",
		I(tx->user), I(device), T(span_str(name)));
}

enum rc
store_cursor_delete_prefix(struct store_tx *tx, uint32_t device, const char *prefix)
{
	size_t n = strlen(prefix);
	char *past;
	enum rc rc;

	if (n == 0)
		return sql_run(tx->etx,
		               "DELETE FROM sync_cursor WHERE owner = $1 AND device = $2",
		               I(tx->user), I(device));
	/* Names are compared by bytes, so all of the prefix lie below its successor. They
	 * are ASCII: the successor is text as well. */
	if ((unsigned char)prefix[n - 1] >= 0x7f)
		return RC_INVALID;
	past = xstrndup(prefix, n);
	past[n - 1]++;
	rc = sql_run(tx->etx,
	             "DELETE FROM sync_cursor WHERE owner = $1 AND device = $2"
	             " AND name >= $3 AND name < $4",
	             I(tx->user), I(device), T(span_str(prefix)), T(span_str(past)));
	free(past);
	return rc;
}
