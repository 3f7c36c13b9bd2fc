/* SPDX-License-Identifier: ISC
 *
 * restore_directory.c - the place in the directory of a user who is restored.
 */
#include "base/clock.h"
#include "store/archive/restore.h"
#include "store/store_directory_private.h"

static uint64_t
number(const struct table *t, const struct engine_arg *values, const char *column)
{
	int at = table_column(t, span_str(column));

	return at >= 0 ? (uint64_t)values[at].i : 0;
}

static struct span
text(const struct table *t, const struct engine_arg *values, const char *column)
{
	int at = table_column(t, span_str(column));

	return at >= 0 ? values[at].s : SPAN("");
}

void
restore_person_from(const struct table *t, const struct engine_arg *values,
                    struct restore_person *ret)
{
	*ret = (struct restore_person){
		.id = number(t, values, "id"),
		.address = text(t, values, "address"),
		.name = text(t, values, "name"),
		.password = text(t, values, "password"),
		.password_version = number(t, values, "password_version"),
		.disabled = number(t, values, "disabled") != 0,
	};
}

/* The number of a row; RC_CONFLICT: it is another's by now. */
static enum rc
check_number(struct engine_tx *etx, const struct restore_person *p, struct span address)
{
	AUTO(engine_stmt)
	struct engine_stmt *st = NULL;
	enum rc rc = sql_one(etx, &st, "SELECT address FROM mail_user WHERE id = $1",
	                     I(p->id));

	if (rc)
		return rc;
	return span_eq(engine_bytes(st, 0), address) ? RC_OK : RC_CONFLICT;
}

static enum rc
next_number(struct engine_tx *etx, uint64_t *ret)
{
	AUTO(engine_stmt)
	struct engine_stmt *st = NULL;
	enum rc rc = sql_one(etx, &st, "SELECT value FROM meta WHERE name = 'user_next'");

	if (!rc)
		*ret = col_u64(st, 0);
	return rc == RC_NOT_FOUND ? RC_IO : rc;
}

/* As store_user_add() does: first as one that was removed, so that the sweep takes away
 * what stays unfinished. */
static enum rc
add_row(struct engine_tx *etx, const struct restore_person *p, uint64_t id,
        struct span address, struct span domain, int64_t now_ms)
{
	uint64_t next = 0;
	enum rc rc = next_number(etx, &next);

	if (!rc && id >= next)
		rc = sql_run(etx, "UPDATE meta SET value = $1 WHERE name = 'user_next'",
		             I(id + 1));
	if (rc)
		return rc;
	return sql_run(etx,
	               "INSERT INTO mail_user (id, address, domain, name, password,"
	               " password_version, disabled, created_ms, removed_ms)"
	               " VALUES ($1, $2, $3, $4, '', $5, 0, $6, $6)",
	               I(id), T(address), T(domain), T(p->name), I(p->password_version),
	               I(now_ms));
}

static enum rc
find_or_add(struct engine_tx *etx, const struct restore_person *p, struct span address,
            struct span domain, uint64_t *ret_user)
{
	int64_t now_ms = clock_wall_ms();
	uint64_t id = p->id;
	enum rc rc = directory_find_user(etx, address, ret_user);

	if (rc != RC_NOT_FOUND)
		return rc;
	rc = p->id > 0 ? check_number(etx, p, address) : RC_CONFLICT;
	if (!rc) { /* was removed: and the sweep shall not come meanwhile */
		*ret_user = id;
		return sql_run(etx, "UPDATE mail_user SET removed_ms = $2 WHERE id = $1",
		               I(id), I(now_ms));
	}
	if (rc == RC_CONFLICT)
		rc = next_number(etx, &id);
	else if (rc == RC_NOT_FOUND)
		rc = RC_OK;
	if (!rc)
		rc = add_row(etx, p, id, address, domain, now_ms);
	if (!rc)
		*ret_user = id;
	return rc;
}

enum rc
restore_find(struct store *s, const struct restore_person *p, uint64_t *ret_user)
{
	AUTO(arena)
	struct arena *a = arena_new();
	AUTO(engine_tx)
	struct engine_tx *etx = NULL;
	struct span address;
	struct span local;
	struct span domain;
	uint64_t user = 0;
	enum rc rc = store_address_normalise(p->address, a, &address, &local, &domain);

	if (!rc)
		rc = directory_begin(s, true, &etx);
	if (!rc)
		rc = directory_has_domain(etx, domain);
	if (!rc)
		rc = find_or_add(etx, p, address, domain, &user);
	if (!rc)
		rc = engine_commit(&etx);
	if (!rc)
		*ret_user = user;
	return rc;
}

/* One whom an earlier restore has left held has nothing yet. */
enum rc
restore_has_mail(struct store *s, uint64_t user, const struct digest *mail, bool *ret)
{
	struct digest now;
	enum rc rc = digest_user(s, user, &now);

	*ret = rc == RC_OK && digest_same_mail(&now, mail);
	return rc == RC_NOT_FOUND || rc == RC_AGAIN ? RC_OK : rc;
}

enum rc
restore_enliven(struct store *s, uint64_t user, const struct restore_person *p)
{
	AUTO(engine_tx)
	struct engine_tx *etx = NULL;
	AUTO(engine_stmt)
	struct engine_stmt *st = NULL;
	bool lives = false;
	enum rc rc = directory_begin(s, true, &etx);

	if (!rc)
		rc = sql_one(etx, &st, "SELECT removed_ms FROM mail_user WHERE id = $1",
		             I(user));
	if (!rc)
		lives = engine_int(st, 0) == 0;
	engine_stmt_free(TAKE(st));
	if (rc || lives)
		return rc;
	/* A higher version voids what any node remembers of a sign-in. */
	rc = sql_run(etx,
	             "UPDATE mail_user SET removed_ms = 0, name = $2, password = $3,"
	             " password_version = password_version + $4, disabled = $5"
	             " WHERE id = $1",
	             I(user), T(p->name), T(p->password), I(p->password_version + 1),
	             I(p->disabled));
	return rc ? rc : engine_commit(&etx);
}
