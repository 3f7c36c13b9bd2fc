/* SPDX-License-Identifier: ISC
 *
 * store_cursor.c - what devices have seen.
 */
#include "store/store_cursor.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "store/store_private.h"

#define NAME_MAX_BYTES 200

#define COLUMNS                                                                           \
	"sync_key, state, prev_key, prev_state, answer, key_floor, twin_key, twin_state," \
	" version"

static void
from_row(struct engine_stmt *st, struct arena *a, struct store_cursor *ret)
{
	*ret = (struct store_cursor){
		.key = col_u64(st, 0),
		.state = arena_span(a, engine_bytes(st, 1)),
		.prev_key = col_u64(st, 2),
		.prev_state = arena_span(a, engine_bytes(st, 3)),
		.answer = arena_span(a, engine_bytes(st, 4)),
		.key_floor = col_u64(st, 5),
		.twin_key = col_u64(st, 6),
		.twin_state = arena_span(a, engine_bytes(st, 7)),
		.version = col_u64(st, 8),
	};
}

/* The place of what was expected; n_cursors: it was not. */
static size_t
expected_place(const struct tx_expected *e, struct span name)
{
	size_t i = 0;

	while (i < e->n_cursors && !span_is(name, e->names[i]))
		i++;
	return i;
}

enum rc
store_cursor_expect(struct store_tx *tx, uint32_t device, const char *const *names,
                    size_t n, struct arena *a)
{
	AUTO(engine_stmt)
	struct engine_stmt *st = NULL;
	struct tx_expected *e = store_tx_expected(tx, a);
	struct span s[EXPECT_MAX];
	enum rc rc;

	if (!e || e->n_cursors > 0 || n == 0)
		return RC_OK;
	if (n > EXPECT_MAX)
		n = EXPECT_MAX;
	for (size_t i = 0; i < EXPECT_MAX; i++)
		s[i] = span_str(names[i < n ? i : n - 1]);
	rc = sql_each(tx->etx, &st,
	              "SELECT " COLUMNS ", name FROM sync_cursor"
	              " WHERE owner = $1 AND device = $2"
	              " AND name IN ($3, $4, $5, $6, $7, $8, $9, $10)",
	              I(tx->user), I(device), T(s[0]), T(s[1]), T(s[2]), T(s[3]), T(s[4]),
	              T(s[5]), T(s[6]), T(s[7]));
	if (rc)
		return rc;
	e->device = device;
	memcpy(e->names, names, n * sizeof(*names));
	e->n_cursors = n;
	while ((rc = engine_step(st)) == RC_OK) {
		size_t i = expected_place(e, engine_bytes(st, 9));

		if (i == n)
			return RC_IO;
		e->cursors[i] = arena_new_of(a, struct store_cursor);
		from_row(st, a, e->cursors[i]);
	}
	return sql_end(rc);
}

enum rc
store_cursor_load(struct store_tx *tx, uint32_t device, const char *name, struct arena *a,
                  struct store_cursor *ret)
{
	AUTO(engine_stmt)
	struct engine_stmt *st = NULL;
	const struct tx_expected *e = tx->expected;
	enum rc rc;

	if (e && e->device == device) {
		size_t i = expected_place(e, span_str(name));

		if (i < e->n_cursors && e->cursors[i])
			*ret = *e->cursors[i];
		if (i < e->n_cursors)
			return e->cursors[i] ? RC_OK : RC_NOT_FOUND;
	}
	rc = sql_one(tx->etx, &st,
	             "SELECT " COLUMNS
	             " FROM sync_cursor WHERE owner = $1 AND device = $2 AND name = $3",
	             I(tx->user), I(device), T(span_str(name)));
	if (!rc)
		from_row(st, a, ret);
	return rc;
}

#define ROW                                                                              \
	I(tx->user), I(device), T(span_str(name)), I(c->key), B(c->state),               \
		I(c->prev_key), B(c->prev_state), B(c->answer), I(c->key_floor),         \
		I(c->twin_key), B(c->twin_state), I(clock_wall_ms())
#define INSERT                                                                           \
	"INSERT INTO sync_cursor (owner, device, name, sync_key, state, prev_key,"       \
	" prev_state, answer, key_floor, twin_key, twin_state, saved_ms, version)"       \
	" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, 1)"

enum rc
store_cursor_save(struct store_tx *tx, uint32_t device, const char *name,
                  const struct store_cursor *c)
{
	if (strlen(name) > NAME_MAX_BYTES)
		return RC_TOO_BIG;
	return sql_run(tx->etx,
	               INSERT
	               " ON CONFLICT (owner, device, name) DO UPDATE SET"
	               " sync_key = excluded.sync_key, state = excluded.state,"
	               " prev_key = excluded.prev_key, prev_state = excluded.prev_state,"
	               " answer = excluded.answer, key_floor = excluded.key_floor,"
	               " twin_key = excluded.twin_key, twin_state = excluded.twin_state,"
	               " saved_ms = excluded.saved_ms,"
	               " version = sync_cursor.version + 1",
	               ROW);
}

enum rc
store_cursor_swap(struct store_tx *tx, uint32_t device, const char *name,
                  struct store_cursor *c)
{
	uint64_t rows = 0;
	enum rc rc;

	if (strlen(name) > NAME_MAX_BYTES)
		return RC_TOO_BIG;
	if (c->version == 0)
		rc = sql_run_rows(tx->etx, &rows,
		                  INSERT " ON CONFLICT (owner, device, name) DO NOTHING",
		                  ROW);
	else
		rc = sql_run_rows(
			tx->etx, &rows,
			"UPDATE sync_cursor SET sync_key = $4, state = $5, prev_key = $6,"
			" prev_state = $7, answer = $8, key_floor = $9, twin_key = $10,"
			" twin_state = $11, saved_ms = $12, version = version + 1"
			" WHERE owner = $1 AND device = $2 AND name = $3"
			" AND version = $13",
			ROW, I(c->version));
	if (!rc && rows == 0)
		rc = RC_CONFLICT;
	if (!rc)
		c->version++;
	return rc;
}

enum rc
store_cursor_list(struct store_tx *tx, uint32_t device, struct arena *a,
                  struct store_cursor_info **ret, size_t *ret_n)
{
	AUTO(engine_stmt)
	struct engine_stmt *st = NULL;
	struct store_cursor_info *list = NULL;
	size_t n = 0;
	size_t cap = 0;
	enum rc rc = sql_each(tx->etx, &st,
	                      "SELECT name, sync_key, saved_ms FROM sync_cursor"
	                      " WHERE owner = $1 AND device = $2 ORDER BY name",
	                      I(tx->user), I(device));

	while (!rc && (rc = engine_step(st)) == RC_OK) {
		list = grow(list, n, &cap, sizeof(*list));
		list[n++] = (struct store_cursor_info){
			.name = arena_span(a, engine_bytes(st, 0)),
			.key = col_u64(st, 1),
			.saved_ms = engine_int(st, 2),
		};
	}
	rc = sql_end(rc);
	if (!rc) {
		*ret = arena_array(a, n, struct store_cursor_info);
		if (n > 0)
			memcpy(*ret, list, n * sizeof(*list));
		*ret_n = n;
	}
	free(list);
	return rc;
}

enum store_cursor_match
store_cursor_match(struct store_cursor *c, uint64_t key)
{
	if (key == 0)
		return STORE_CURSOR_UNKNOWN;
	if (key == c->twin_key) {
		struct span state = c->twin_state;

		c->twin_key = c->key;
		c->twin_state = c->state;
		c->key = key;
		c->state = state;
	}
	if (key == c->key)
		return STORE_CURSOR_CURRENT;
	return key == c->prev_key ? STORE_CURSOR_PREVIOUS : STORE_CURSOR_UNKNOWN;
}

uint64_t
store_cursor_next_key(const struct store_cursor *c)
{
	uint64_t last = c->key > c->twin_key ? c->key : c->twin_key;

	return last + 1 > c->key_floor ? last + 1 : c->key_floor;
}

void
store_cursor_advance(struct store_cursor *c, enum store_cursor_match match,
                     struct span state)
{
	uint64_t next = store_cursor_next_key(c);

	if (match == STORE_CURSOR_PREVIOUS) {
		c->twin_key = c->key;
		c->twin_state = c->state;
	} else {
		c->prev_key = c->key;
		c->prev_state = c->key != 0 ? c->state : SPAN("");
		c->twin_key = 0;
		c->twin_state = SPAN("");
	}
	c->key = next;
	c->state = state;
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
