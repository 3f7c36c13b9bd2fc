/* SPDX-License-Identifier: ISC
 *
 * eas_found.c - a search in the folders that a client names.
 */
#include "activesync/eas_found.h"

#include "activesync/eas_class.h"
#include "activesync/eas_folders.h"
#include "activesync/eas_kql.h"
#include "activesync/eas_sms.h"

/* The user's other commands wait meanwhile, and phones for a minute at most; a mailbox
 * that is searched for the first time may take several requests. */
#define CATCH_UP_MS 5000

enum rc
eas_range_parse(struct span s, struct eas_range *ret)
{
	struct span rest = span_trim(s), from;
	struct eas_range r = { 0, EAS_FOUND_RANGE_MAX - 1 };

	if (rest.n > 0 && (!span_cut(&rest, '-', &from) ||
	                   parse_u32(from, UINT32_MAX, &r.from) != RC_OK ||
	                   parse_u32(rest, UINT32_MAX, &r.to) != RC_OK || r.to < r.from))
		return RC_INVALID;
	if (r.to - r.from >= EAS_FOUND_RANGE_MAX)
		return RC_TOO_BIG;
	*ret = r;
	return RC_OK;
}

struct span
eas_range_str(uint32_t from, size_t n, struct arena *a)
{
	return span_str(arena_printf(a, "%u-%zu", from, from + n - 1));
}

/* MS-ASCMD 2.2.3.27.5: notes and text messages come with 14.0. */
static unsigned
classes_of(const struct eas_call *c, const struct eas_found_query *q)
{
	unsigned all = q->classes != 0 ? q->classes : ~0U;

	if (c->query.version < 140)
		all &= ~(EAS_FOUND_SMS | 1U << STORE_CLASS_NOTES);
	return all;
}

static bool
is_wanted(unsigned classes, const struct store_collection *col)
{
	if (col->class == STORE_CLASS_MAIL && (classes & EAS_FOUND_SMS))
		classes |= 1U << STORE_CLASS_MAIL;
	return eas_folder_is_shown(col) && eas_class_find(col->class) &&
	       (classes & (1U << col->class));
}

static bool
is_named(const struct eas_found_query *q, uint32_t id)
{
	for (size_t i = 0; i < q->n_collections; i++) {
		if (q->collections[i] == id)
			return true;
	}
	return false;
}

/* Parents stand before their children: what is marked hands it down. */
static enum rc
choose(const struct eas_found_query *q, unsigned classes,
       const struct store_collection *cols, size_t n, struct arena *a, uint32_t **ret,
       size_t *ret_n)
{
	bool *marked = arena_array(a, n, bool);
	uint32_t *ids = arena_array(a, n, uint32_t);
	size_t found = 0, count = 0;

	for (size_t i = 0; i < n; i++) {
		marked[i] = q->n_collections == 0 || is_named(q, cols[i].id);
		found += q->n_collections > 0 && marked[i];
		for (size_t j = 0; q->deep && !marked[i] && j < i; j++)
			marked[i] = marked[j] && cols[j].id == cols[i].parent;
		if (marked[i] && is_wanted(classes, &cols[i]))
			ids[count++] = cols[i].id;
	}
	if (found < q->n_collections)
		return RC_CONFLICT;
	*ret = ids;
	*ret_n = count;
	return RC_OK;
}

/* Of mail folders, when mail and text messages are not both wanted. */
struct kinds {
	unsigned classes;
	const struct store_collection *cols;
	size_t n;
	size_t at; /* whose items come just now */
};

static bool
is_wanted_kind(const struct store_item *item, void *arg)
{
	struct kinds *k = arg;

	if (eas_sms_is(item))
		return (k->classes & EAS_FOUND_SMS) != 0;
	if (k->at >= k->n || k->cols[k->at].id != item->collection) {
		k->at = 0;
		while (k->at < k->n && k->cols[k->at].id != item->collection)
			k->at++;
	}
	return k->at < k->n && (k->classes & (1U << k->cols[k->at].class));
}

static struct store_search_node *
of_kinds(unsigned classes, const struct store_collection *cols, size_t n, struct arena *a)
{
	const unsigned both = EAS_FOUND_SMS | 1U << STORE_CLASS_MAIL;
	struct store_search_node *node;
	struct kinds *k;

	if ((classes & both) == both || (classes & both) == 0)
		return NULL;
	k = arena_new_of(a, struct kinds);
	*k = (struct kinds){ .classes = classes, .cols = cols, .n = n };
	node = arena_new_of(a, struct store_search_node);
	node->op = STORE_SEARCH_TEST;
	node->test = is_wanted_kind;
	node->arg = k;
	return node;
}

enum rc
eas_found_run(struct eas_call *c, const struct eas_found_query *q,
              struct store_tx **ret_tx, struct store_search_hit **ret, size_t *ret_n)
{
	AUTO(store_tx)
	struct store_tx *tx = NULL;
	struct store_search_query sq = { .root = q->root };
	unsigned classes = classes_of(c, q);
	struct store_search_node *kinds;
	struct store_collection *cols;
	uint32_t *ids;
	size_t n;
	bool done;
	enum rc rc =
		store_search_catch_up(c->eas->deps.store, c->user.id, CATCH_UP_MS, &done);

	if (rc == RC_OK && !done)
		rc = RC_DENIED;
	if (rc == RC_OK)
		rc = eas_read(c, &tx);
	if (rc == RC_OK)
		rc = store_collection_list(tx, c->arena, &cols, &n);
	if (rc == RC_OK)
		rc = choose(q, classes, cols, n, c->arena, &ids, &sq.n_collections);
	if (rc != RC_OK)
		return rc;
	sq.collections = ids;
	kinds = of_kinds(classes, cols, n, c->arena);
	if (kinds)
		sq.root =
			sq.root ? eas_kql_join(STORE_SEARCH_AND, sq.root, kinds, c->arena)
				: kinds;
	rc = store_search(tx, &sq, c->arena, ret, ret_n);
	if (rc == RC_OK)
		*ret_tx = TAKE(tx);
	return rc;
}
