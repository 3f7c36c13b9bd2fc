/* SPDX-License-Identifier: ISC
 *
 * imap_mailbox.c - mailbox names and the store's tree of mail collections.
 */
#include <stdlib.h>

#include "base/mem.h"
#include "imap/imap_mailbox.h"

bool
imap_mailbox_is(const struct store_collection *c)
{
	return c->class == STORE_CLASS_MAIL && c->role != STORE_ROLE_OUTBOX;
}

enum rc
imap_mailbox_find(struct store_tx *tx, struct span path, struct arena *a,
                  struct store_collection *ret)
{
	uint32_t parent = 0;
	size_t at = 0;

	do {
		size_t slash = span_find(path, at, '/');
		enum rc rc = store_collection_find_name(
			tx, parent, span_sub(path, at, slash), a, ret);
		if (rc)
			return rc;
		if (!imap_mailbox_is(ret))
			return RC_NOT_FOUND;
		parent = ret->id;
		at = slash + 1;
	} while (at <= path.n);
	return RC_OK;
}

enum rc
imap_mailbox_make(struct store_tx *tx, uint32_t parent, struct span name,
                  uint32_t *ret_id)
{
	enum rc rc = store_collection_create(tx, parent, name, STORE_CLASS_MAIL,
	                                     STORE_ROLE_NONE, ret_id);

	return rc ? rc : store_collection_subscribe(tx, *ret_id, false);
}

enum rc
imap_mailbox_make_parents(struct store_tx *tx, struct span path, struct arena *a,
                          uint32_t *ret_parent, struct span *ret_leaf)
{
	uint32_t parent = 0;
	size_t at = 0;

	for (;;) {
		size_t slash = span_find(path, at, '/');
		struct span name = span_sub(path, at, slash);
		if (slash == path.n) {
			*ret_parent = parent;
			*ret_leaf = name;
			return RC_OK;
		}
		struct store_collection c;
		enum rc rc = store_collection_find_name(tx, parent, name, a, &c);
		if (rc == RC_OK && !imap_mailbox_is(&c))
			return RC_INVALID;
		if (rc == RC_NOT_FOUND)
			rc = imap_mailbox_make(tx, parent, name, &c.id);
		if (rc)
			return rc;
		parent = c.id;
		at = slash + 1;
	}
}

struct by_id {
	uint32_t id;
	struct imap_mailbox *m;
};

static int
compare_ids(const void *a, const void *b)
{
	const struct by_id *x = a, *y = b;

	return (x->id > y->id) - (x->id < y->id);
}

static struct imap_mailbox *
find_by_id(const struct by_id *v, size_t n, uint32_t id)
{
	struct by_id key = { .id = id };
	struct by_id *found = n ? bsearch(&key, v, n, sizeof(*v), compare_ids) : NULL;

	return found ? found->m : NULL;
}

enum rc
imap_mailbox_list(struct store_tx *tx, struct arena *a, struct imap_mailbox **ret,
                  size_t *ret_n)
{
	struct store_collection *all;
	size_t n_all, n = 0;

	enum rc rc = store_collection_list(tx, a, &all, &n_all);
	if (rc)
		return rc;
	struct imap_mailbox *v = arena_array(a, n_all + 1, struct imap_mailbox);
	struct by_id *ids = arena_array(a, n_all + 1, struct by_id);
	for (size_t i = 0; i < n_all; i++) {
		if (!imap_mailbox_is(&all[i]))
			continue;
		v[n].c = all[i];
		ids[n] = (struct by_id){ all[i].id, &v[n] };
		n++;
	}
	qsort(ids, n, sizeof(*ids), compare_ids);
	size_t out = 0;
	for (size_t i = 0; i < n; i++) {
		struct imap_mailbox *m = &v[i];
		struct imap_mailbox *up = find_by_id(ids, n, m->c.parent);
		/* What lies below something that is no mailbox is not shown. */
		if (m->c.parent != 0 && (!up || !up->path.p))
			continue;
		m->path = m->c.name;
		if (up) {
			char *path = arena_printf(a, "%.*s/%.*s", SPAN_FMT(up->path),
			                          SPAN_FMT(m->c.name));
			m->path = span_str(path);
			up->has_children = true;
		}
		out++;
	}
	/* Drops those without a path. */
	struct imap_mailbox *shown = arena_array(a, out + 1, struct imap_mailbox);
	size_t k = 0;
	for (size_t i = 0; i < n; i++) {
		if (v[i].path.p)
			shown[k++] = v[i];
	}
	*ret = shown;
	*ret_n = k;
	return RC_OK;
}

/*
 * One pass over the pattern; may[i] tells whether what was read of it matches the first
 * i bytes of path. No backtracking, so its cost is pattern times path at most.
 */
bool
imap_mailbox_matches(struct span pattern, struct span path)
{
	bool small[512];
	bool *may = path.n + 1 <= ARRAY_LEN(small) ? small : xcalloc(path.n + 1, 1);
	bool alive = true;

	memset(may, 0, path.n + 1);
	may[0] = true;
	for (size_t p = 0; p < pattern.n && alive; p++) {
		char c = pattern.p[p];
		if (c == '*' || c == '%') {
			for (size_t i = 0; i < path.n; i++)
				may[i + 1] |= may[i] && (c == '*' || path.p[i] != '/');
			continue;
		}
		alive = false;
		for (size_t i = path.n; i > 0; i--) {
			may[i] = may[i - 1] && path.p[i - 1] == c;
			alive |= may[i];
		}
		may[0] = false;
	}
	bool matches = alive && may[path.n];
	if (may != small)
		free(may);
	return matches;
}
