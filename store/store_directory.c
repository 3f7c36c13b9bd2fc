/* SPDX-License-Identifier: ISC
 *
 * store_directory.c - domains and users.
 */
#include "store/store_directory.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "store/store_directory_private.h"

#define USER_COLUMNS "id, address, name, password, password_version, disabled"

/* Writers of the directory are few, and check one row before they change another: they
 * run one after the other, by the lock of one row. */
enum rc
directory_begin(struct store *s, bool write, struct engine_tx **ret)
{
	AUTO(engine_tx)
	struct engine_tx *etx = NULL;
	AUTO(engine_stmt)
	struct engine_stmt *st = NULL;
	enum rc rc = engine_begin(s->engine, ENGINE_DIRECTORY, 0, write, &etx);

	if (!rc && write)
		rc = sql_one(
			etx, &st,
			"SELECT value FROM meta WHERE name = 'user_next' /* for update */");
	engine_stmt_free(TAKE(st));
	if (rc)
		return rc == RC_NOT_FOUND ? RC_IO : rc;
	*ret = TAKE(etx);
	return RC_OK;
}

enum rc
directory_has_domain(struct engine_tx *etx, struct span domain)
{
	AUTO(engine_stmt)
	struct engine_stmt *st = NULL;

	return sql_one(etx, &st, "SELECT created_ms FROM mail_domain WHERE name = $1",
	               T(domain));
}

enum rc
directory_find_user(struct engine_tx *etx, struct span address, uint64_t *ret_id)
{
	AUTO(engine_stmt)
	struct engine_stmt *st = NULL;
	enum rc rc =
		sql_one(etx, &st,
	                "SELECT id FROM mail_user WHERE address = $1 AND removed_ms = 0",
	                T(address));

	if (!rc)
		*ret_id = col_u64(st, 0);
	return rc;
}

enum rc
store_domain_add(struct store *s, struct span name)
{
	AUTO(arena)
	struct arena *a = arena_new();
	AUTO(engine_tx)
	struct engine_tx *etx = NULL;
	uint64_t rows = 0;
	struct span domain;
	enum rc rc = directory_domain(name, a, &domain);

	if (!rc)
		rc = directory_begin(s, true, &etx);
	if (!rc)
		rc = sql_run_rows(
			etx, &rows,
			"INSERT INTO mail_domain (name, created_ms) VALUES ($1, $2)"
			" ON CONFLICT (name) DO NOTHING",
			T(domain), I(clock_wall_ms()));
	if (!rc && rows == 0)
		rc = RC_EXISTS;
	return rc ? rc : engine_commit(&etx);
}

static enum rc
domain_is_empty(struct engine_tx *etx, struct span domain)
{
	AUTO(engine_stmt)
	struct engine_stmt *users = NULL;
	AUTO(engine_stmt)
	struct engine_stmt *aliases = NULL;
	enum rc rc =
		sql_one(etx, &users,
	                "SELECT id FROM mail_user WHERE domain = $1 AND removed_ms = 0"
	                " LIMIT 1",
	                T(domain));

	if (rc == RC_NOT_FOUND)
		rc = sql_one(etx, &aliases,
		             "SELECT target FROM mail_alias WHERE domain = $1 LIMIT 1",
		             T(domain));
	if (rc == RC_NOT_FOUND)
		return RC_OK;
	return rc ? rc : RC_CONFLICT;
}

enum rc
store_domain_remove(struct store *s, struct span name)
{
	AUTO(arena)
	struct arena *a = arena_new();
	AUTO(engine_tx)
	struct engine_tx *etx = NULL;
	struct span domain;
	enum rc rc = directory_domain(name, a, &domain);

	if (!rc)
		rc = directory_begin(s, true, &etx);
	if (!rc)
		rc = directory_has_domain(etx, domain);
	if (!rc)
		rc = domain_is_empty(etx, domain);
	if (!rc)
		rc = sql_run(etx, "DELETE FROM mail_domain WHERE name = $1", T(domain));
	return rc ? rc : engine_commit(&etx);
}

enum rc
store_domain_find(struct store *s, struct span name)
{
	AUTO(arena)
	struct arena *a = arena_new();
	AUTO(engine_tx)
	struct engine_tx *etx = NULL;
	struct span domain;
	enum rc rc;

	if (directory_domain(name, a, &domain))
		return RC_NOT_FOUND;
	rc = directory_begin(s, false, &etx);
	return rc ? rc : directory_has_domain(etx, domain);
}

enum rc
store_domain_list(struct store *s, struct arena *a, struct span **ret, size_t *ret_n)
{
	AUTO(engine_tx)
	struct engine_tx *etx = NULL;
	AUTO(engine_stmt)
	struct engine_stmt *st = NULL;
	struct span *list = NULL;
	size_t n = 0;
	size_t cap = 0;
	enum rc rc = directory_begin(s, false, &etx);

	if (!rc)
		rc = sql_each(etx, &st, "SELECT name FROM mail_domain ORDER BY name");
	while (!rc && (rc = engine_step(st)) == RC_OK) {
		list = grow(list, n, &cap, sizeof(*list));
		list[n++] = arena_span(a, engine_bytes(st, 0));
	}
	rc = sql_end(rc);
	if (!rc) {
		*ret = arena_array(a, n, struct span);
		if (n > 0)
			memcpy(*ret, list, n * sizeof(*list));
		*ret_n = n;
	}
	free(list);
	return rc;
}

/* A number of its own, and the user as one that was removed: when what follows fails, the
 * sweep takes it away like any other. */
static enum rc
reserve_user(struct store *s, struct span address, struct span domain, struct span name,
             struct span password, uint64_t *ret_id)
{
	AUTO(engine_tx)
	struct engine_tx *etx = NULL;
	AUTO(engine_stmt)
	struct engine_stmt *st = NULL;
	int64_t now = clock_wall_ms();
	uint64_t id = 0;
	enum rc rc = directory_begin(s, true, &etx);

	if (!rc)
		rc = directory_has_domain(etx, domain);
	if (!rc) {
		rc = directory_find_user(etx, address, &id);
		if (rc != RC_NOT_FOUND)
			return rc ? rc : RC_EXISTS;
		rc = sql_one(etx, &st, "SELECT value FROM meta WHERE name = 'user_next'");
	}
	if (rc)
		return rc;
	id = col_u64(st, 0);
	engine_stmt_free(TAKE(st));
	rc = sql_run(etx, "UPDATE meta SET value = value + 1 WHERE name = 'user_next'");
	if (!rc)
		rc = sql_run(etx,
		             "INSERT INTO mail_user (id, address, domain, name, password,"
		             " password_version, disabled, created_ms, removed_ms)"
		             " VALUES ($1, $2, $3, $4, $5, 1, 0, $6, $6)",
		             I(id), T(address), T(domain), T(name), T(password), I(now));
	if (!rc)
		rc = engine_commit(&etx);
	if (!rc)
		*ret_id = id;
	return rc;
}

static enum rc
enliven_user(struct store *s, uint64_t id)
{
	AUTO(engine_tx)
	struct engine_tx *etx = NULL;
	enum rc rc = directory_begin(s, true, &etx);

	/* RC_EXISTS from the index, when another took the address meanwhile. */
	if (!rc)
		rc = sql_run(etx, "UPDATE mail_user SET removed_ms = 0 WHERE id = $1",
		             I(id));
	return rc ? rc : engine_commit(&etx);
}

static bool
is_text(struct span s, size_t max)
{
	return s.n <= max && utf8_is_valid(s) && (s.n == 0 || !memchr(s.p, 0, s.n));
}

enum rc
store_user_add(struct store *s, struct span address, struct span name,
               struct span password, uint64_t *ret_id)
{
	AUTO(arena)
	struct arena *a = arena_new();
	struct span whole;
	struct span local;
	struct span domain;
	uint64_t id;
	enum rc rc = store_address_normalise(address, a, &whole, &local, &domain);

	if (!rc && (!is_text(name, 255) || !is_text(password, 512)))
		rc = RC_INVALID;
	if (!rc)
		rc = reserve_user(s, whole, domain, name, password, &id);
	if (!rc)
		rc = store_account_make(s, id);
	if (!rc)
		rc = enliven_user(s, id);
	if (!rc)
		*ret_id = id;
	return rc;
}

/* The directory has no change log, the user's shard has. What cannot be said is found out
 * when the device comes next. */
static void
tell_access(struct store *s, uint64_t user)
{
	AUTO(store_tx)
	struct store_tx *tx = NULL;
	enum rc rc = store_write(s, user, NULL, &tx);

	if (!rc) {
		store_tx_access_moved(tx);
		rc = store_commit(&tx);
	}
	if (rc)
		log_warn(NULL, "store.access not told", "user=%" PRIu64 " rc=%s", user,
		         LOG_STR(span_str(rc_str(rc))));
}

/* One change of one living user's row: $1 is its address. */
static enum rc
change_user(struct store *s, struct span address, const char *sql, struct engine_arg arg)
{
	AUTO(arena)
	struct arena *a = arena_new();
	AUTO(engine_tx)
	struct engine_tx *etx = NULL;
	uint64_t user = 0;
	struct span whole;
	struct span local;
	struct span domain;
	enum rc rc = store_address_normalise(address, a, &whole, &local, &domain);

	if (!rc)
		rc = directory_begin(s, true, &etx);
	if (!rc)
		rc = directory_find_user(etx, whole, &user);
	if (!rc)
		rc = sql_run(etx, sql, T(whole), arg);
	if (!rc)
		rc = engine_commit(&etx);
	if (!rc)
		tell_access(s, user);
	return rc;
}

enum rc
store_user_remove(struct store *s, struct span address)
{
	return change_user(s, address,
	                   "UPDATE mail_user SET removed_ms = $2, password = ''"
	                   " WHERE address = $1 AND removed_ms = 0",
	                   I(clock_wall_ms()));
}

enum rc
store_user_set_password(struct store *s, struct span address, struct span password)
{
	if (!is_text(password, 512))
		return RC_INVALID;
	return change_user(s, address,
	                   "UPDATE mail_user SET password = $2,"
	                   " password_version = password_version + 1"
	                   " WHERE address = $1 AND removed_ms = 0",
	                   T(password));
}

enum rc
store_user_set_disabled(struct store *s, struct span address, bool disabled)
{
	return change_user(s, address,
	                   "UPDATE mail_user SET disabled = $2"
	                   " WHERE address = $1 AND removed_ms = 0",
	                   I(disabled));
}

static void
user_from_row(struct engine_stmt *st, struct arena *a, struct store_user *ret)
{
	*ret = (struct store_user){
		.id = col_u64(st, 0),
		.address = arena_span(a, engine_bytes(st, 1)),
		.name = arena_span(a, engine_bytes(st, 2)),
		.password = arena_span(a, engine_bytes(st, 3)),
		.password_version = col_u64(st, 4),
		.disabled = engine_int(st, 5) != 0,
	};
}

enum rc
store_user_find(struct store *s, struct span address, struct arena *a,
                struct store_user *ret)
{
	AUTO(engine_tx)
	struct engine_tx *etx = NULL;
	AUTO(engine_stmt)
	struct engine_stmt *st = NULL;
	struct span whole;
	struct span local;
	struct span domain;
	enum rc rc;

	if (store_address_normalise(address, a, &whole, &local, &domain))
		return RC_NOT_FOUND;
	rc = directory_begin(s, false, &etx);
	if (!rc)
		rc = sql_one(etx, &st,
		             "SELECT " USER_COLUMNS
		             " FROM mail_user WHERE address = $1 AND removed_ms = 0",
		             T(whole));
	if (!rc)
		user_from_row(st, a, ret);
	return rc;
}

enum rc
store_user_load(struct store *s, uint64_t id, struct arena *a, struct store_user *ret)
{
	AUTO(engine_tx)
	struct engine_tx *etx = NULL;
	AUTO(engine_stmt)
	struct engine_stmt *st = NULL;
	enum rc rc = directory_begin(s, false, &etx);

	if (!rc)
		rc = sql_one(etx, &st,
		             "SELECT " USER_COLUMNS
		             " FROM mail_user WHERE id = $1 AND removed_ms = 0",
		             I(id));
	if (!rc)
		user_from_row(st, a, ret);
	return rc;
}

static enum rc
select_users(struct engine_tx *etx, struct span domain, struct engine_stmt **ret)
{
	if (domain.n == 0)
		return sql_each(etx, ret,
		                "SELECT " USER_COLUMNS
		                " FROM mail_user WHERE removed_ms = 0 ORDER BY address"
		                " /* long */");
	return sql_each(etx, ret,
	                "SELECT " USER_COLUMNS " FROM mail_user"
	                " WHERE domain = $1 AND removed_ms = 0 ORDER BY address"
	                " /* long */",
	                T(domain));
}

enum rc
store_user_list(struct store *s, struct span domain, struct arena *a,
                struct store_user **ret, size_t *ret_n)
{
	AUTO(engine_tx)
	struct engine_tx *etx = NULL;
	AUTO(engine_stmt)
	struct engine_stmt *st = NULL;
	struct store_user *list = NULL;
	struct span name = domain;
	size_t n = 0;
	size_t cap = 0;
	enum rc rc = domain.n > 0 ? directory_domain(domain, a, &name) : RC_OK;

	if (!rc)
		rc = directory_begin(s, false, &etx);
	if (!rc)
		rc = select_users(etx, name, &st);
	while (!rc && (rc = engine_step(st)) == RC_OK) {
		list = grow(list, n, &cap, sizeof(*list));
		user_from_row(st, a, &list[n++]);
	}
	rc = sql_end(rc);
	if (!rc) {
		*ret = arena_array(a, n, struct store_user);
		if (n > 0)
			memcpy(*ret, list, n * sizeof(*list));
		*ret_n = n;
	}
	free(list);
	return rc;
}
