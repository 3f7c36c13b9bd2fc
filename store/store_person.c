/* SPDX-License-Identifier: ISC
 *
 * store_person.c - the rows of the address list.
 */
#include "store/store_person.h"

#include <stdlib.h>

#include "base/mem.h"
#include "store/store_directory_private.h"

static const struct {
	const char *word;
	const char *sql; /* sets it: $1 user, $2 text */
} fields[] = {
#define X(name, column, word)                                                            \
	{ word, "INSERT INTO person (id, " #column ") VALUES ($1, $2)"                   \
		" ON CONFLICT (id) DO UPDATE SET " #column " = $2" },
	STORE_PERSON_LIST(X)
#undef X
};
_Static_assert(ARRAY_LEN(fields) == STORE_PERSON_FIELD_N, "one row a field");

#define COLUMNS                                                                          \
	"u.id, u.address, u.name, coalesce(p.hidden, 0), coalesce(p.first_name, ''),"    \
	" coalesce(p.last_name, ''), coalesce(p.alias, ''), coalesce(p.phone, ''),"      \
	" coalesce(p.home_phone, ''), coalesce(p.mobile, ''), coalesce(p.office, ''),"   \
	" coalesce(p.title, ''), coalesce(p.company, '')"
#define TABLES " FROM mail_user u LEFT JOIN person p ON p.id = u.id"

enum rc
store_person_field(struct span word, enum store_person_field *ret)
{
	for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
		if (span_iis(word, fields[i].word)) {
			*ret = (enum store_person_field)i;
			return RC_OK;
		}
	}
	return RC_NOT_FOUND;
}

static void
from_row(struct engine_stmt *st, struct arena *a, struct store_person *ret)
{
	*ret = (struct store_person){
		.user = col_u64(st, 0),
		.address = arena_span(a, engine_bytes(st, 1)),
		.name = arena_span(a, engine_bytes(st, 2)),
		.hidden = engine_int(st, 3) != 0,
	};
	for (unsigned i = 0; i < STORE_PERSON_FIELD_N; i++)
		ret->text[i] = arena_span(a, engine_bytes(st, 4 + i));
}

static enum rc
select_people(struct engine_tx *etx, struct span domain, struct engine_stmt **ret)
{
	if (domain.n == 0)
		return sql_each(etx, ret,
		                "SELECT " COLUMNS TABLES
		                " WHERE u.removed_ms = 0 ORDER BY u.address /* long */");
	return sql_each(etx, ret,
	                "SELECT " COLUMNS TABLES
	                " WHERE u.domain = $1 AND u.removed_ms = 0 ORDER BY u.address"
	                " /* long */",
	                T(domain));
}

enum rc
store_person_list(struct store *s, struct span domain, struct arena *a,
                  struct store_person **ret, size_t *ret_n)
{
	AUTO(engine_tx)
	struct engine_tx *etx = NULL;
	AUTO(engine_stmt)
	struct engine_stmt *st = NULL;
	struct store_person *list = NULL;
	struct span name = domain;
	size_t n = 0;
	size_t cap = 0;
	enum rc rc = domain.n > 0 ? directory_domain(domain, a, &name) : RC_OK;

	if (!rc)
		rc = directory_begin(s, false, &etx);
	if (!rc)
		rc = select_people(etx, name, &st);
	while (!rc && (rc = engine_step(st)) == RC_OK) {
		list = grow(list, n, &cap, sizeof(*list));
		from_row(st, a, &list[n++]);
	}
	rc = sql_end(rc);
	if (!rc) {
		*ret = arena_array(a, n, struct store_person);
		if (n > 0)
			memcpy(*ret, list, n * sizeof(*list));
		*ret_n = n;
	}
	free(list);
	return rc;
}

enum rc
store_person_load(struct store *s, uint64_t user, struct arena *a,
                  struct store_person *ret)
{
	AUTO(engine_tx)
	struct engine_tx *etx = NULL;
	AUTO(engine_stmt)
	struct engine_stmt *st = NULL;
	enum rc rc = directory_begin(s, false, &etx);

	if (!rc)
		rc = sql_one(etx, &st,
		             "SELECT " COLUMNS TABLES
		             " WHERE u.id = $1 AND u.removed_ms = 0",
		             I(user));
	if (!rc)
		from_row(st, a, ret);
	return rc;
}

static bool
is_text(struct span s)
{
	if (s.n > STORE_PERSON_TEXT_MAX || !utf8_is_valid(s))
		return false;
	for (size_t i = 0; i < s.n; i++) {
		if ((unsigned char)s.p[i] < ' ' || s.p[i] == 0x7f)
			return false;
	}
	return true;
}

/* A transaction with the user's number. */
static enum rc
begin(struct store *s, struct span address, struct engine_tx **ret, uint64_t *ret_user)
{
	AUTO(arena)
	struct arena *a = arena_new();
	AUTO(engine_tx)
	struct engine_tx *etx = NULL;
	struct span whole, local, domain;
	enum rc rc = store_address_normalise(address, a, &whole, &local, &domain);

	if (rc)
		return RC_NOT_FOUND;
	rc = directory_begin(s, true, &etx);
	if (!rc)
		rc = directory_find_user(etx, whole, ret_user);
	if (!rc)
		*ret = TAKE(etx);
	return rc;
}

/* sql: $1 is the user's number. */
static enum rc
change(struct store *s, struct span address, const char *sql, struct engine_arg arg)
{
	AUTO(engine_tx)
	struct engine_tx *etx = NULL;
	uint64_t user;
	enum rc rc = begin(s, address, &etx, &user);

	if (!rc)
		rc = sql_run(etx, sql, I(user), arg);
	return rc ? rc : engine_commit(&etx);
}

enum rc
store_person_set(struct store *s, struct span address, enum store_person_field field,
                 struct span text)
{
	return is_text(text) ? change(s, address, fields[field].sql, T(text))
	                     : RC_INVALID;
}

enum rc
store_person_set_name(struct store *s, struct span address, struct span name)
{
	if (!is_text(name))
		return RC_INVALID;
	return change(s, address, "UPDATE mail_user SET name = $2 WHERE id = $1",
	              T(name));
}

enum rc
store_person_set_hidden(struct store *s, struct span address, bool hidden)
{
	return change(s, address,
	              "INSERT INTO person (id, hidden) VALUES ($1, $2)"
	              " ON CONFLICT (id) DO UPDATE SET hidden = $2",
	              I(hidden));
}

enum rc
store_person_set_photo(struct store *s, struct span address, struct span image)
{
	if (image.n > STORE_PERSON_PHOTO_MAX)
		return RC_TOO_BIG;
	if (image.n > 0 && !span_starts(image, "\xff\xd8\xff") &&
	    !span_starts(image, "\x89PNG\r\n"))
		return RC_INVALID;
	return change(s, address,
	              "INSERT INTO person (id, photo) VALUES ($1, $2)"
	              " ON CONFLICT (id) DO UPDATE SET photo = $2",
	              B(image));
}

static enum rc
load_bytes(struct engine_tx *etx, const char *sql, uint64_t user, struct arena *a,
           struct span *ret)
{
	AUTO(engine_stmt)
	struct engine_stmt *st = NULL;
	enum rc rc = engine_prepare(etx, sql, SQL_ARGS(I(user)), &st);

	if (!rc)
		rc = engine_step(st);
	*ret = rc ? SPAN("") : arena_span(a, engine_bytes(st, 0));
	return sql_end(rc);
}

/* Certificates lie one behind the other, each behind its length as three bytes, the
 * highest first. */
static struct span
cut_certificate(struct span *rest)
{
	struct span der = SPAN("");
	size_t n;

	if (rest->n < 3)
		return der;
	n = (size_t)(unsigned char)rest->p[0] << 16 |
	    (size_t)(unsigned char)rest->p[1] << 8 | (unsigned char)rest->p[2];
	der = span_sub(*rest, 3, 3 + n);
	*rest = span_sub(*rest, 3 + n, rest->n);
	return der;
}

#define SELECT_CERTIFICATES "SELECT certificates FROM person WHERE id = $1"

enum rc
store_person_add_certificate(struct store *s, struct span address, struct span der)
{
	AUTO(arena)
	struct arena *a = arena_new();
	AUTO(engine_tx)
	struct engine_tx *etx = NULL;
	AUTO_DONE(buf) struct buf all = BUF_INIT(STORE_PERSON_CERTIFICATES_MAX);
	struct span old;
	uint64_t user;
	enum rc rc = begin(s, address, &etx, &user);

	if (!rc)
		rc = load_bytes(etx, SELECT_CERTIFICATES, user, a, &old);
	if (rc)
		return rc;
	if (der.n > 0) {
		buf_add_char(&all, (char)(der.n >> 16));
		buf_add_char(&all, (char)(der.n >> 8));
		buf_add_char(&all, (char)der.n);
		buf_add_span(&all, der);
		while (old.n > 0) {
			struct span before = old;
			struct span one = cut_certificate(&old);

			if (!span_eq(one, der)) /* the same again: to the front */
				buf_add_span(&all, span_sub(before, 0, before.n - old.n));
		}
	}
	if (!buf_ok(&all))
		return RC_TOO_BIG;
	rc = sql_run(etx,
	             "INSERT INTO person (id, certificates) VALUES ($1, $2)"
	             " ON CONFLICT (id) DO UPDATE SET certificates = $2",
	             I(user), B(buf_span(&all)));
	return rc ? rc : engine_commit(&etx);
}

enum rc
store_person_photo(struct store *s, uint64_t user, struct arena *a, struct span *ret)
{
	AUTO(engine_tx)
	struct engine_tx *etx = NULL;
	struct span photo;
	enum rc rc = directory_begin(s, false, &etx);

	if (!rc)
		rc = load_bytes(etx, "SELECT photo FROM person WHERE id = $1", user, a,
		                &photo);
	if (!rc)
		*ret = photo;
	return rc;
}

enum rc
store_person_certificates(struct store *s, uint64_t user, struct arena *a,
                          struct span **ret, size_t *ret_n)
{
	AUTO(engine_tx)
	struct engine_tx *etx = NULL;
	struct span all, rest, *list;
	size_t n = 0;
	enum rc rc = directory_begin(s, false, &etx);

	if (!rc)
		rc = load_bytes(etx, SELECT_CERTIFICATES, user, a, &all);
	if (rc)
		return rc;
	for (rest = all; cut_certificate(&rest).n > 0;)
		n++;
	list = arena_array(a, n, struct span);
	rest = all;
	for (size_t i = 0; i < n; i++)
		list[i] = cut_certificate(&rest);
	*ret = list;
	*ret_n = n;
	return RC_OK;
}
