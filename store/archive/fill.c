/* SPDX-License-Identifier: ISC
 *
 * fill.c - an empty store that is being filled.
 */
#include "store/archive/fill.h"

#include "store/archive/tables.h"
#include "store/blobs.h"
#include "store/store_directory_private.h"

#define PIECE (UINT64_C(1) << 20)

static enum rc
read_mark(struct engine_tx *etx, uint64_t *ret)
{
	AUTO(engine_stmt)
	struct engine_stmt *st = NULL;
	enum rc rc =
		sql_one(etx, &st, "SELECT value FROM meta WHERE name = 'unfinished'");

	*ret = rc == RC_OK ? col_u64(st, 0) : 0;
	return sql_end(rc);
}

/* *ret: a table of the database has rows; a store makes its meta by itself. */
static enum rc
has_rows(struct store *s, enum engine_db db, unsigned shard, bool *ret)
{
	AUTO(engine_tx)
	struct engine_tx *etx = NULL;
	size_t n;
	const struct table *t = tables_of(db, &n);
	enum rc rc = engine_begin(s->engine, db, shard, false, &etx);

	*ret = false;
	for (size_t i = 0; !rc && !*ret && i < n; i++) {
		AUTO(engine_stmt)
		struct engine_stmt *st = NULL;

		if (strcmp(t[i].name, "meta") == 0)
			continue;
		rc = sql_one(etx, &st, t[i].sql_any);
		*ret = rc == RC_OK;
		rc = sql_end(rc);
	}
	return rc;
}

static enum rc
check_empty(struct store *s, struct err *err)
{
	bool any = false;
	enum rc rc = has_rows(s, ENGINE_DIRECTORY, 0, &any);

	if (!rc && !any)
		rc = has_rows(s, ENGINE_QUEUE, 0, &any);
	for (unsigned i = 0; !rc && !any && i < s->shards; i++)
		rc = has_rows(s, ENGINE_SHARD, i, &any);
	if (rc)
		return err_set(err, rc, "the target cannot be read: %s", rc_str(rc));
	return any ? err_set(err, RC_EXISTS, "the target is not empty") : RC_OK;
}

static enum rc
set_mark(struct store *s, uint64_t source)
{
	AUTO(engine_tx)
	struct engine_tx *etx = NULL;
	enum rc rc = directory_begin(s, true, &etx);

	if (!rc)
		rc = sql_run(etx,
		             "INSERT INTO meta (name, value) VALUES ('unfinished', $1)",
		             I(source));
	return rc ? rc : engine_commit(&etx);
}

enum rc
fill_begin(struct store *s, uint64_t source, bool *ret_goes_on, struct err *err)
{
	AUTO(engine_tx)
	struct engine_tx *etx = NULL;
	uint64_t mark = 0;
	enum rc rc = directory_begin(s, false, &etx);

	if (!rc)
		rc = read_mark(etx, &mark);
	engine_tx_free(TAKE(etx));
	if (rc)
		return err_set(err, rc, "the target cannot be read: %s", rc_str(rc));
	if (mark != 0 && mark != source)
		return err_set(err, RC_EXISTS,
		               "the target is half filled with something else");
	*ret_goes_on = mark == source;
	if (mark == source)
		return RC_OK;
	rc = check_empty(s, err);
	if (rc)
		return rc;
	rc = set_mark(s, source);
	return rc ? err_set(err, rc, "the target cannot be written: %s", rc_str(rc))
	          : RC_OK;
}

enum rc
fill_end(struct store *s)
{
	AUTO(engine_tx)
	struct engine_tx *etx = NULL;
	enum rc rc = directory_begin(s, true, &etx);

	if (!rc)
		rc = sql_run(etx, "DELETE FROM meta WHERE name = 'unfinished'");
	return rc ? rc : engine_commit(&etx);
}

enum rc
fill_has_user(struct store *s, uint64_t user, bool *ret)
{
	AUTO(store_tx)
	struct store_tx *tx = NULL;
	enum rc rc = store_read(s, user, &tx);

	*ret = rc == RC_OK;
	return rc == RC_NOT_FOUND || rc == RC_AGAIN ? RC_OK : rc;
}

enum rc
fill_count_users(struct store *s, uint64_t *ret)
{
	uint64_t n = 0;
	enum rc rc = RC_OK;

	for (unsigned i = 0; !rc && i < s->shards; i++) {
		AUTO(engine_tx)
		struct engine_tx *etx = NULL;
		AUTO(engine_stmt)
		struct engine_stmt *st = NULL;

		rc = engine_begin(s->engine, ENGINE_SHARD, i, false, &etx);
		if (!rc)
			rc = sql_one(etx, &st, "SELECT count(*) FROM account");
		if (!rc)
			n += col_u64(st, 0);
	}
	if (!rc)
		*ret = n;
	return rc;
}

enum rc
fill_check_blob(struct store *s, const struct sha256 *hash, uint64_t size)
{
	AUTO(sha256_sum)
	struct sha256_sum *sum = sha256_sum_new();
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);
	struct span name = span_of((const char *)hash->b, sizeof(hash->b));
	struct sha256 found;
	enum rc rc = RC_OK;

	for (uint64_t at = 0; !rc && at < size; at += PIECE) {
		buf_clear(&b);
		rc = blobs_read(s->blobs, name, size, at, PIECE, &b);
		sha256_sum_add(sum, buf_span(&b));
	}
	sha256_sum_end(sum, &found);
	if (!rc && memcmp(found.b, hash->b, sizeof(found.b)) != 0)
		rc = RC_IO;
	return rc;
}
