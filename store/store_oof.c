/* SPDX-License-Identifier: ISC
 *
 * store_oof.c - automatic replies: what they say, and who has had one.
 */
#include "store/store_oof.h"

#include "store/store_private.h"

const char *
store_oof_audience_str(enum store_oof_audience a)
{
	static const char *const names[] = {
#define X(name, text) [STORE_OOF_##name] = (text),
		STORE_OOF_AUDIENCE_LIST(X)
#undef X
	};

	return names[a];
}

bool
store_oof_is_on(const struct store_oof *o, int64_t now_ms)
{
	switch (o->state) {
	case STORE_OOF_OFF:
		return false;
	case STORE_OOF_ON:
		return true;
	case STORE_OOF_TIMED:
		return o->from_ms <= now_ms && now_ms < o->until_ms;
	}
	return false;
}

bool
store_tx_oof_is_on(const struct store_tx *tx, int64_t now_ms)
{
	const struct store_oof o = {
		.state = (enum store_oof_state)tx->oof.state,
		.from_ms = tx->oof.from_ms,
		.until_ms = tx->oof.until_ms,
	};

	return store_oof_is_on(&o, now_ms);
}

enum rc
store_oof_load(struct store_tx *tx, struct arena *a, struct store_oof *ret)
{
	AUTO(engine_stmt)
	struct engine_stmt *st = NULL;
	struct store_oof o = {
		.state = (enum store_oof_state)tx->oof.state,
		.from_ms = tx->oof.from_ms,
		.until_ms = tx->oof.until_ms,
		.version = tx->oof.version,
	};
	enum rc rc = sql_each(tx->etx, &st,
	                      "SELECT audience, enabled, html, reply FROM oof"
	                      " WHERE owner = $1",
	                      I(tx->user));

	while (!rc && (rc = engine_step(st)) == RC_OK) {
		uint64_t who = col_u64(st, 0);

		if (who >= STORE_OOF_AUDIENCES)
			return RC_IO;
		o.message[who] = (struct store_oof_message){
			.enabled = engine_int(st, 1) != 0,
			.is_html = engine_int(st, 2) != 0,
			.text = arena_span(a, engine_bytes(st, 3)),
		};
	}
	rc = sql_end(rc);
	if (!rc)
		*ret = o;
	return rc;
}

static bool
is_same(const struct store_oof *x, const struct store_oof *y)
{
	if (x->state != y->state || x->from_ms != y->from_ms ||
	    x->until_ms != y->until_ms)
		return false;
	for (size_t i = 0; i < STORE_OOF_AUDIENCES; i++) {
		const struct store_oof_message *a = &x->message[i];
		const struct store_oof_message *b = &y->message[i];

		if (a->enabled != b->enabled || a->is_html != b->is_html ||
		    !span_eq(a->text, b->text))
			return false;
	}
	return true;
}

static enum rc
check(const struct store_oof *o)
{
	if (o->from_ms < 0 || o->until_ms < 0 || (o->from_ms == 0) != (o->until_ms == 0))
		return RC_INVALID;
	if (o->state == STORE_OOF_TIMED && o->from_ms >= o->until_ms)
		return RC_INVALID;
	for (size_t i = 0; i < STORE_OOF_AUDIENCES; i++) {
		if (o->message[i].text.n > STORE_OOF_TEXT_MAX)
			return RC_TOO_BIG;
		if (!utf8_is_valid(o->message[i].text))
			return RC_INVALID;
	}
	return RC_OK;
}

/* The account's row is what every delivery sees. */
static enum rc
save_state(struct store_tx *tx, const struct store_oof *o)
{
	tx->oof =
		(struct tx_oof){ o->state, o->from_ms, o->until_ms, tx->oof.version + 1 };
	return sql_run(tx->etx,
	               "UPDATE account SET oof_state = $2, oof_from_ms = $3,"
	               " oof_until_ms = $4, oof_version = $5 WHERE owner = $1",
	               I(tx->user), I(o->state), I(o->from_ms), I(o->until_ms),
	               I(tx->oof.version));
}

enum rc
store_oof_save(struct store_tx *tx, const struct store_oof *o)
{
	AUTO(arena)
	struct arena *a = arena_new();
	struct store_oof old;
	enum rc rc = check(o);

	if (!rc)
		rc = store_oof_load(tx, a, &old);
	if (rc || (old.version != 0 && is_same(&old, o)))
		return rc;
	for (size_t i = 0; !rc && i < STORE_OOF_AUDIENCES; i++) {
		const struct store_oof_message *m = &o->message[i];

		rc = sql_run(tx->etx,
		             "INSERT INTO oof (owner, audience, enabled, html, reply)"
		             " VALUES ($1, $2, $3, $4, $5)"
		             " ON CONFLICT (owner, audience) DO UPDATE SET"
		             " enabled = excluded.enabled, html = excluded.html,"
		             " reply = excluded.reply",
		             I(tx->user), I(i), I(m->enabled), I(m->is_html), B(m->text));
	}
	return rc ? rc : save_state(tx, o);
}

/* The writer has the user's row, so that nobody else counts or adds meanwhile. */
enum rc
store_oof_take(struct store_tx *tx, const struct store_oof_sender *q)
{
	AUTO(engine_stmt)
	struct engine_stmt *st = NULL;
	uint64_t rows = 0;
	enum rc rc = sql_one(tx->etx, &st,
	                     "SELECT count(*) FROM oof_told"
	                     " WHERE owner = $1 AND told_ms >= $2",
	                     I(tx->user), I(q->since_ms));

	if (!rc && col_u64(st, 0) >= q->many_max)
		return RC_TOO_BIG;
	if (!rc)
		rc = sql_run_rows(
			tx->etx, &rows,
			"INSERT INTO oof_told (owner, sender, version, told_ms)"
			" VALUES ($1, $2, $3, $4)"
			" ON CONFLICT (owner, sender) DO UPDATE SET"
			" version = excluded.version, told_ms = excluded.told_ms"
			" WHERE oof_told.version <> excluded.version"
			" OR oof_told.told_ms <= $5",
			I(tx->user), B(q->address), I(q->version), I(q->now_ms),
			I(q->again_ms));
	return !rc && rows == 0 ? RC_EXISTS : rc;
}

enum rc
store_oof_forget(struct store_tx *tx, struct span address)
{
	return sql_run(tx->etx, "DELETE FROM oof_told WHERE owner = $1 AND sender = $2",
	               I(tx->user), B(address));
}
