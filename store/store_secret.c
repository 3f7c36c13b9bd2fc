/* SPDX-License-Identifier: ISC
 *
 * store_secret.c - the table server_secret of the directory.
 */
#include "store/store_secret.h"

#include <assert.h>

#include "store/store_directory_private.h"

#define EPOCHS_MAX 16

/* Fills in what is there; *ret_stale: there are older ones, or what is no secret. */
static enum rc
read_all(struct engine_tx *etx, const char *name, uint64_t first, uint64_t last,
         struct store_secret *ret, bool *has, bool *ret_stale)
{
	AUTO(engine_stmt)
	struct engine_stmt *st = NULL;
	enum rc rc = sql_each(etx, &st,
	                      "SELECT epoch, value FROM server_secret WHERE name = $1"
	                      " AND epoch <= $2",
	                      T(span_str(name)), I(last));

	*ret_stale = false;
	while (!rc && !(rc = engine_step(st))) {
		uint64_t epoch = col_u64(st, 0);
		struct span value = engine_bytes(st, 1);

		if (epoch < first) {
			*ret_stale = true;
		} else if (value.n == STORE_SECRET_SIZE) {
			memcpy(ret[epoch - first].bytes, value.p, STORE_SECRET_SIZE);
			has[epoch - first] = true;
		}
	}
	return sql_end(rc);
}

static bool
is_complete(const bool *has, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (!has[i])
			return false;
	}
	return true;
}

static enum rc
make_missing(struct engine_tx *etx, const char *name, size_t n, struct store_secret *ret,
             const bool *has)
{
	enum rc rc = RC_OK;

	for (size_t i = 0; i < n && !rc; i++) {
		if (has[i])
			continue;
		random_bytes(ret[i].bytes, STORE_SECRET_SIZE);
		rc = sql_run(etx,
		             "INSERT INTO server_secret (name, epoch, value)"
		             " VALUES ($1, $2, $3)"
		             " ON CONFLICT (name, epoch) DO UPDATE SET"
		             " value = excluded.value",
		             T(span_str(name)), I(ret[i].epoch),
		             B(span_of((const char *)ret[i].bytes, STORE_SECRET_SIZE)));
	}
	return rc;
}

enum rc
store_secret_load(struct store *s, const char *name, uint64_t first, uint64_t last,
                  struct store_secret *ret)
{
	AUTO(engine_tx)
	struct engine_tx *etx = NULL;
	size_t n = (size_t)(last - first) + 1;
	bool has[EPOCHS_MAX] = { false };
	bool stale;
	enum rc rc;

	assert(first <= last && n <= EPOCHS_MAX);
	for (size_t i = 0; i < n; i++)
		ret[i].epoch = first + i;
	rc = directory_begin(s, false, &etx);
	if (!rc)
		rc = read_all(etx, name, first, last, ret, has, &stale);
	if (rc || (is_complete(has, n) && !stale))
		return rc;
	engine_tx_free(TAKE(etx));

	/* Another node may have been faster: the writers of the directory take turns. */
	rc = directory_begin(s, true, &etx);
	if (!rc)
		rc = read_all(etx, name, first, last, ret, has, &stale);
	if (!rc)
		rc = make_missing(etx, name, n, ret, has);
	if (!rc && stale)
		rc = sql_run(etx,
		             "DELETE FROM server_secret WHERE name = $1 AND epoch < $2",
		             T(span_str(name)), I(first));
	return rc ? rc : engine_commit(&etx);
}
