/* SPDX-License-Identifier: ISC
 *
 * store_route.c - aliases, and where mail for an address goes.
 */
#include <stdlib.h>

#include "base/htab.h"
#include "base/mem.h"
#include "store/store_directory_private.h"

#define DEPTH_MAX 10
#define GROUP_MAX 20000 /* of the option group_max */

/* "@example.org" is the catch-all of a domain. */
static enum rc
normalise_alias(struct span address, struct arena *a, struct span *ret,
                struct span *ret_domain)
{
	struct span local;
	enum rc rc;

	if (!span_starts(address, "@"))
		return store_address_normalise(address, a, ret, &local, ret_domain);
	rc = directory_domain(span_sub(address, 1, address.n), a, ret_domain);
	if (!rc)
		*ret = span_str(arena_printf(a, "@%.*s", SPAN_FMT(*ret_domain)));
	return rc;
}

enum rc
store_alias_add(struct store *s, struct span address, struct span target)
{
	AUTO(arena)
	struct arena *a = arena_new();
	AUTO(engine_tx)
	struct engine_tx *etx = NULL;
	uint64_t rows = 0;
	struct span from;
	struct span to;
	struct span domain;
	struct span local;
	struct span to_domain;
	enum rc rc = normalise_alias(address, a, &from, &domain);

	if (!rc)
		rc = store_address_normalise(target, a, &to, &local, &to_domain);
	if (!rc)
		rc = directory_begin(s, true, &etx);
	if (!rc)
		rc = directory_has_domain(etx, domain);
	if (!rc)
		rc = sql_run_rows(
			etx, &rows,
			"INSERT INTO mail_alias (address, target, domain)"
			" VALUES ($1, $2, $3) ON CONFLICT (address, target) DO NOTHING",
			T(from), T(to), T(domain));
	if (!rc && rows == 0)
		rc = RC_EXISTS;
	return rc ? rc : engine_commit(&etx);
}

enum rc
store_alias_remove(struct store *s, struct span address, struct span target)
{
	AUTO(arena)
	struct arena *a = arena_new();
	AUTO(engine_tx)
	struct engine_tx *etx = NULL;
	uint64_t rows = 0;
	struct span from;
	struct span to;
	struct span domain;
	struct span local;
	enum rc rc = normalise_alias(address, a, &from, &domain);

	if (!rc)
		rc = store_address_normalise(target, a, &to, &local, &domain);
	if (!rc)
		rc = directory_begin(s, true, &etx);
	if (!rc)
		rc = sql_run_rows(
			etx, &rows,
			"DELETE FROM mail_alias WHERE address = $1 AND target = $2",
			T(from), T(to));
	if (!rc && rows == 0)
		rc = RC_NOT_FOUND;
	return rc ? rc : engine_commit(&etx);
}

static enum rc
select_aliases(struct engine_tx *etx, struct span domain, struct engine_stmt **ret)
{
	if (domain.n == 0)
		return sql_each(
			etx, ret,
			"SELECT address, target FROM mail_alias ORDER BY address, target"
			" /* long */");
	return sql_each(etx, ret,
	                "SELECT address, target FROM mail_alias WHERE domain = $1"
	                " ORDER BY address, target /* long */",
	                T(domain));
}

enum rc
store_alias_list(struct store *s, struct span domain, struct arena *a,
                 struct store_alias **ret, size_t *ret_n)
{
	AUTO(engine_tx)
	struct engine_tx *etx = NULL;
	AUTO(engine_stmt)
	struct engine_stmt *st = NULL;
	struct store_alias *list = NULL;
	struct span name = domain;
	size_t n = 0;
	size_t cap = 0;
	enum rc rc = domain.n > 0 ? directory_domain(domain, a, &name) : RC_OK;

	if (!rc)
		rc = directory_begin(s, false, &etx);
	if (!rc)
		rc = select_aliases(etx, name, &st);
	while (!rc && (rc = engine_step(st)) == RC_OK) {
		list = grow(list, n, &cap, sizeof(*list));
		list[n].address = arena_span(a, engine_bytes(st, 0));
		list[n++].target = arena_span(a, engine_bytes(st, 1));
	}
	rc = sql_end(rc);
	if (!rc) {
		*ret = arena_array(a, n, struct store_alias);
		if (n > 0)
			memcpy(*ret, list, n * sizeof(*list));
		*ret_n = n;
	}
	free(list);
	return rc;
}

/* One search: what was found, and the addresses met on the way. What it makes lies in a.
 */
struct search {
	struct engine_tx *etx;
	struct arena *a;
	size_t max;
	struct store_route *routes;
	size_t n;
	size_t cap;
	struct htab found; /* struct known, by the address of a route */
	struct htab met;   /* struct known, by the address of an alias */
};

struct known {
	struct hnode node;
	struct span address;
	bool open; /* on the path to where we are: meeting it again is a loop */
};

static struct known *
find_known(const struct htab *t, struct span address)
{
	for (struct hnode *n = htab_find(t, hash_bytes(address)); n; n = htab_next(n)) {
		struct known *k = container_of(n, struct known, node);

		if (span_eq(k->address, address))
			return k;
	}
	return NULL;
}

static struct known *
add_known(struct search *f, struct htab *t, struct span address)
{
	struct known *k = arena_new_of(f->a, struct known);

	k->address = address;
	htab_add(t, &k->node, hash_bytes(address));
	return k;
}

static enum rc
add_route(struct search *f, uint64_t user, struct span address)
{
	if (find_known(&f->found, address))
		return RC_OK;
	if (f->n == f->max)
		return RC_TOO_BIG;
	(void)add_known(f, &f->found, address);
	f->routes = grow(f->routes, f->n, &f->cap, sizeof(*f->routes));
	f->routes[f->n++] = (struct store_route){ user, address };
	return RC_OK;
}

struct target {
	struct span address;
	uint64_t user; /* of ours with this address, or 0 */
	bool is_alias; /* too */
};

/* RC_NOT_FOUND: no such alias. One statement tells all of a group's plain members. */
static enum rc
load_targets(struct search *f, struct span address, struct target **ret, size_t *ret_n)
{
	AUTO(engine_stmt)
	struct engine_stmt *st = NULL;
	struct target *list = NULL;
	size_t n = 0;
	size_t cap = 0;
	enum rc rc = sql_each(
		f->etx, &st,
		"SELECT target, coalesce((SELECT id FROM mail_user"
		" WHERE mail_user.address = mail_alias.target AND removed_ms = 0), 0),"
		" coalesce((SELECT 1 FROM mail_alias b"
		" WHERE b.address = mail_alias.target LIMIT 1), 0)"
		" FROM mail_alias WHERE address = $1 ORDER BY target",
		T(address));

	while (!rc && (rc = engine_step(st)) == RC_OK) {
		if (n > f->max) {
			free(list);
			return RC_TOO_BIG;
		}
		list = grow(list, n, &cap, sizeof(*list));
		list[n++] = (struct target){
			.address = arena_span(f->a, engine_bytes(st, 0)),
			.user = col_u64(st, 1),
			.is_alias = engine_int(st, 2) != 0,
		};
	}
	if (rc == RC_NOT_FOUND && n > 0) {
		rc = RC_OK;
		*ret = arena_array(f->a, n, struct target);
		memcpy(*ret, list, n * sizeof(*list));
		*ret_n = n;
	}
	free(list);
	return rc;
}

/* RC_NOT_FOUND: not yet met. RC_CONFLICT: a loop. RC_OK: done already. */
static enum rc
meet(struct search *f, struct span address, struct known **ret)
{
	struct known *k = find_known(&f->met, address);

	if (k)
		return k->open ? RC_CONFLICT : RC_OK;
	if (f->met.count == f->max)
		return RC_TOO_BIG;
	k = add_known(f, &f->met, address);
	k->open = true;
	*ret = k;
	return RC_NOT_FOUND;
}

static enum rc follow(struct search *f, struct span address, unsigned depth);

static enum rc
follow_target(struct search *f, struct span alias, const struct target *t, unsigned depth)
{
	/* An alias that names its own address keeps a copy for the user of it. */
	if (span_eq(t->address, alias))
		return t->user != 0 ? add_route(f, t->user, alias) : RC_NOT_FOUND;
	if (t->user != 0 && !t->is_alias)
		return depth < DEPTH_MAX ? add_route(f, t->user, t->address)
		                         : RC_CONFLICT;
	return follow(f, t->address, depth + 1);
}

static enum rc
follow_alias(struct search *f, struct span alias, unsigned depth)
{
	struct target *targets;
	struct known *here;
	size_t n;
	enum rc rc = load_targets(f, alias, &targets, &n);

	if (rc)
		return rc;
	rc = meet(f, alias, &here);
	if (rc != RC_NOT_FOUND)
		return rc;
	rc = RC_OK;
	for (size_t i = 0; !rc && i < n; i++) {
		rc = follow_target(f, alias, &targets[i], depth);
		if (rc == RC_NOT_FOUND) /* one dead target does not harm the others */
			rc = RC_OK;
	}
	here->open = false;
	return rc;
}

/* As it stands: an alias or a user. */
static enum rc
follow_exact(struct search *f, struct span address, unsigned depth)
{
	uint64_t user;
	enum rc rc = follow_alias(f, address, depth);

	if (rc != RC_NOT_FOUND)
		return rc;
	rc = directory_find_user(f->etx, address, &user);
	return rc ? rc : add_route(f, user, address);
}

/* address is normalised and stays while the search lasts. */
static enum rc
follow(struct search *f, struct span address, unsigned depth)
{
	struct span whole;
	struct span local;
	struct span domain;
	size_t plus;
	enum rc rc;

	if (depth > DEPTH_MAX)
		return RC_CONFLICT;
	rc = store_address_normalise(address, f->a, &whole, &local, &domain);
	if (rc)
		return rc;
	rc = directory_has_domain(f->etx, domain);
	if (rc == RC_NOT_FOUND)
		return depth == 0 ? RC_DENIED : add_route(f, 0, whole);
	if (!rc)
		rc = follow_exact(f, whole, depth);
	plus = span_find(local, 0, '+');
	if (rc == RC_NOT_FOUND && plus > 0 && plus < local.n)
		rc = follow_exact(f,
		                  span_str(arena_printf(f->a, "%.*s@%.*s", (int)plus,
		                                        local.p, SPAN_FMT(domain))),
		                  depth);
	if (rc == RC_NOT_FOUND)
		rc = follow_alias(f,
		                  span_str(arena_printf(f->a, "@%.*s", SPAN_FMT(domain))),
		                  depth);
	return rc;
}

enum rc
store_route_find(struct store *s, struct span address, struct arena *a,
                 struct store_route **ret, size_t *ret_n)
{
	AUTO(engine_tx)
	struct engine_tx *etx = NULL;
	struct search f = { .a = a,
		            .max = s->conf.group_max > 0 ? (size_t)s->conf.group_max
		                                         : GROUP_MAX };
	enum rc rc = directory_begin(s, false, &etx);

	htab_init(&f.found);
	htab_init(&f.met);
	if (!rc) {
		f.etx = etx;
		rc = follow(&f, address, 0);
	}
	if (!rc && f.n == 0)
		rc = RC_NOT_FOUND;
	if (!rc) {
		*ret = arena_array(a, f.n, struct store_route);
		memcpy(*ret, f.routes, f.n * sizeof(*f.routes));
		*ret_n = f.n;
	}
	free(f.routes);
	htab_done(&f.found);
	htab_done(&f.met);
	return rc;
}
