/* SPDX-License-Identifier: ISC
 *
 * store_conversation.c - where the later mail of a conversation goes: [MS-ASCON] 3.1.4.4.
 */
#include "store/store_conversation.h"

#include "store/store_private.h"

static struct engine_arg
arg_of(const uint8_t id[STORE_CONVERSATION_SIZE])
{
	return B(span_of((const char *)id, STORE_CONVERSATION_SIZE));
}

/* Makes room for one more. */
static enum rc
drop_oldest(struct store_tx *tx)
{
	AUTO(engine_stmt)
	struct engine_stmt *st = NULL;
	AUTO_DONE(buf) struct buf id = BUF_INIT(64);
	enum rc rc = sql_one(tx->etx, &st,
	                     "SELECT conversation FROM conversation_rule"
	                     " WHERE owner = $1 ORDER BY set_ms, conversation LIMIT 1",
	                     I(tx->user));

	if (!rc)
		buf_add_span(&id, engine_bytes(st, 0));
	engine_stmt_free(TAKE(st));
	if (rc)
		return sql_end(rc);
	tx->n_conversations--;
	return sql_run(tx->etx,
	               "DELETE FROM conversation_rule"
	               " WHERE owner = $1 AND conversation = $2",
	               I(tx->user), B(buf_span(&id)));
}

enum rc
store_conversation_set(struct store_tx *tx, const uint8_t id[STORE_CONVERSATION_SIZE],
                       uint32_t collection, int64_t now_ms)
{
	uint64_t rows = 0;
	enum rc rc = sql_run_rows(tx->etx, &rows,
	                          "UPDATE conversation_rule SET collection = $3,"
	                          " set_ms = $4 WHERE owner = $1 AND conversation = $2",
	                          I(tx->user), arg_of(id), I(collection), I(now_ms));

	if (rc || rows > 0)
		return rc;
	if (tx->n_conversations >= STORE_CONVERSATIONS_MAX)
		rc = drop_oldest(tx);
	if (!rc)
		rc = sql_run(tx->etx,
		             "INSERT INTO conversation_rule"
		             " (owner, conversation, collection, set_ms)"
		             " VALUES ($1, $2, $3, $4)",
		             I(tx->user), arg_of(id), I(collection), I(now_ms));
	if (rc)
		return rc;
	tx->n_conversations++;
	return sql_run(tx->etx,
	               "UPDATE account SET n_conversations = $2 WHERE owner = $1",
	               I(tx->user), I(tx->n_conversations));
}

enum rc
store_conversation_find(struct store_tx *tx, const uint8_t id[STORE_CONVERSATION_SIZE],
                        uint32_t *ret_collection)
{
	AUTO(engine_stmt)
	struct engine_stmt *st = NULL;
	enum rc rc = RC_NOT_FOUND;

	if (tx->n_conversations > 0)
		rc = sql_one(tx->etx, &st,
		             "SELECT collection FROM conversation_rule"
		             " WHERE owner = $1 AND conversation = $2",
		             I(tx->user), arg_of(id));
	if (!rc)
		*ret_collection = col_u32(st, 0);
	return rc;
}
