/* SPDX-License-Identifier: ISC
 *
 * store_collection.c - the tree of collections and its log.
 */
#include "store/store_collection.h"

#include <assert.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "store/store_private.h"

#define COLUMNS                                                                          \
	"id, parent, class, role, name, epoch, uid_next, created, changed, modseq,"      \
	" n_items, n_unseen, n_bytes, subscribed, log_floor"

#define COLUMN_LOG_FLOOR 14

/* store_collection_expect(). */
struct tx_collection {
	struct store_collection row;
	uint64_t log_floor;
};

static void
from_row(struct engine_stmt *st, struct arena *a, struct store_collection *ret)
{
	*ret = (struct store_collection){
		.id = col_u32(st, 0),
		.parent = col_u32(st, 1),
		.class = (enum store_class)engine_int(st, 2),
		.role = (enum store_role)engine_int(st, 3),
		.name = arena_span(a, engine_bytes(st, 4)),
		.epoch = col_u32(st, 5),
		.uid_next = col_u32(st, 6),
		.created = col_u64(st, 7),
		.changed = col_u64(st, 8),
		.modseq = col_u64(st, 9),
		.exists = col_u32(st, 10),
		.unseen = col_u32(st, 11),
		.bytes = col_u64(st, 12),
		.subscribed = engine_int(st, 13) != 0,
	};
}

/* Before rows of the table are read, what items changed must stand in them. */
static enum rc
flush(struct store_tx *tx)
{
	return tx->write ? store_tx_flush(tx) : RC_OK;
}

struct sort_key {
	const struct store_collection *c;
	unsigned depth;
};

static int
compare_keys(const void *pa, const void *pb)
{
	const struct sort_key *a = pa;
	const struct sort_key *b = pb;
	unsigned role_a = a->c->role == STORE_ROLE_NONE ? UINT32_MAX : a->c->role;
	unsigned role_b = b->c->role == STORE_ROLE_NONE ? UINT32_MAX : b->c->role;

	if (a->depth != b->depth)
		return a->depth < b->depth ? -1 : 1;
	if (role_a != role_b)
		return role_a < role_b ? -1 : 1;
	return a->c->id < b->c->id ? -1 : a->c->id > b->c->id;
}

/* list is in the order of ids. */
static const struct store_collection *
find_id(const struct store_collection *list, size_t n, uint32_t id)
{
	size_t from = 0;
	size_t to = n;

	while (from < to) {
		size_t mid = from + (to - from) / 2;

		if (list[mid].id == id)
			return &list[mid];
		if (list[mid].id < id)
			from = mid + 1;
		else
			to = mid;
	}
	return NULL;
}

static unsigned
depth_of(const struct store_collection *list, size_t n, const struct store_collection *c)
{
	unsigned depth = 1;

	while (c && c->parent != 0 && depth <= STORE_COLLECTIONS_MAX) {
		c = find_id(list, n, c->parent);
		depth++;
	}
	return depth;
}

static enum rc
list_by_id(struct store_tx *tx, struct arena *a, struct store_collection **ret,
           size_t *ret_n)
{
	AUTO(engine_stmt)
	struct engine_stmt *st = NULL;
	struct store_collection *list = NULL;
	size_t n = 0;
	size_t cap = 0;
	enum rc rc = flush(tx);

	if (!rc)
		rc = sql_each(tx->etx, &st,
		              "SELECT " COLUMNS
		              " FROM collection WHERE owner = $1 ORDER BY id",
		              I(tx->user));
	if (rc)
		return rc;
	while ((rc = engine_step(st)) == RC_OK) {
		list = grow(list, n, &cap, sizeof(*list));
		from_row(st, a, &list[n++]);
	}
	rc = sql_end(rc);
	if (!rc) {
		*ret = arena_array(a, n, struct store_collection);
		if (n > 0)
			memcpy(*ret, list, n * sizeof(*list));
		*ret_n = n;
	}
	free(list);
	return rc;
}

enum rc
store_collection_list(struct store_tx *tx, struct arena *a, struct store_collection **ret,
                      size_t *ret_n)
{
	struct store_collection *list;
	struct store_collection *sorted;
	struct sort_key *keys;
	size_t n;
	enum rc rc = list_by_id(tx, a, &list, &n);

	if (rc)
		return rc;
	keys = xcalloc(n + 1, sizeof(*keys));
	for (size_t i = 0; i < n; i++)
		keys[i] = (struct sort_key){ &list[i], depth_of(list, n, &list[i]) };
	qsort(keys, n, sizeof(*keys), compare_keys);
	sorted = arena_array(a, n, struct store_collection);
	for (size_t i = 0; i < n; i++)
		sorted[i] = *keys[i].c;
	free(keys);
	*ret = sorted;
	*ret_n = n;
	return RC_OK;
}

/* The change log of what was loaded is asked for next. */
static void
note_last(struct store_tx *tx, const struct store_collection *c, uint64_t log_floor)
{
	if (tx->write)
		return;
	tx->last.collection = c->id;
	tx->last.modseq = c->modseq;
	tx->last.log_floor = log_floor;
}

/* The place of what was expected; n_collections: it was not. */
static size_t
expected_place(const struct tx_expected *e, uint32_t id)
{
	size_t i = 0;

	while (i < e->n_collections && e->ids[i] != id)
		i++;
	return i;
}

enum rc
store_collection_expect(struct store_tx *tx, const uint32_t *ids, size_t n,
                        struct arena *a)
{
	AUTO(engine_stmt)
	struct engine_stmt *st = NULL;
	struct tx_expected *e = store_tx_expected(tx, a);
	uint32_t id[EXPECT_MAX];
	enum rc rc;

	if (!e || e->n_collections > 0 || n < 2) /* one is loaded as quickly */
		return RC_OK;
	if (n > EXPECT_MAX)
		n = EXPECT_MAX;
	for (size_t i = 0; i < EXPECT_MAX; i++)
		id[i] = ids[i < n ? i : n - 1];
	rc = sql_each(tx->etx, &st,
	              "SELECT " COLUMNS " FROM collection WHERE owner = $1"
	              " AND id IN ($2, $3, $4, $5, $6, $7, $8, $9)",
	              I(tx->user), I(id[0]), I(id[1]), I(id[2]), I(id[3]), I(id[4]),
	              I(id[5]), I(id[6]), I(id[7]));
	if (rc)
		return rc;
	memcpy(e->ids, ids, n * sizeof(*ids));
	e->n_collections = n;
	while ((rc = engine_step(st)) == RC_OK) {
		struct tx_collection *c = arena_new_of(a, struct tx_collection);

		from_row(st, a, &c->row);
		c->log_floor = col_u64(st, COLUMN_LOG_FLOOR);
		if (expected_place(e, c->row.id) < n)
			e->collections[expected_place(e, c->row.id)] = c;
	}
	return sql_end(rc);
}

bool
store_collection_log(const struct store_tx *tx, uint32_t id, uint64_t *ret_floor,
                     uint64_t *ret_modseq)
{
	const struct tx_expected *e = tx->expected;
	size_t i = e ? expected_place(e, id) : 0;

	if (e && i < e->n_collections && e->collections[i]) {
		*ret_floor = e->collections[i]->log_floor;
		*ret_modseq = e->collections[i]->row.modseq;
		return true;
	}
	if (id == 0 || tx->last.collection != id)
		return false;
	*ret_floor = tx->last.log_floor;
	*ret_modseq = tx->last.modseq;
	return true;
}

enum rc
store_collection_load(struct store_tx *tx, uint32_t id, struct arena *a,
                      struct store_collection *ret)
{
	AUTO(engine_stmt)
	struct engine_stmt *st = NULL;
	const struct tx_expected *e = tx->expected;
	size_t i = e ? expected_place(e, id) : 0;
	enum rc rc;

	if (e && i < e->n_collections) {
		if (e->collections[i])
			*ret = e->collections[i]->row;
		return e->collections[i] ? RC_OK : RC_NOT_FOUND;
	}
	rc = flush(tx);
	if (!rc)
		rc = sql_one(tx->etx, &st,
		             "SELECT " COLUMNS
		             " FROM collection WHERE owner = $1 AND id = $2",
		             I(tx->user), I(id));
	if (!rc) {
		from_row(st, a, ret);
		note_last(tx, ret, col_u64(st, COLUMN_LOG_FLOOR));
	}
	return rc;
}

enum rc
store_collection_find_role(struct store_tx *tx, enum store_role role, struct arena *a,
                           struct store_collection *ret)
{
	AUTO(engine_stmt)
	struct engine_stmt *st = NULL;
	enum rc rc = flush(tx);

	if (!rc)
		rc = sql_one(
			tx->etx, &st,
			"SELECT " COLUMNS
			" FROM collection WHERE owner = $1 AND role = $2 ORDER BY id LIMIT 1",
			I(tx->user), I(role));
	if (!rc)
		from_row(st, a, ret);
	return rc;
}

enum rc
store_collection_find_name(struct store_tx *tx, uint32_t parent, struct span name,
                           struct arena *a, struct store_collection *ret)
{
	AUTO(engine_stmt)
	struct engine_stmt *st = NULL;
	enum rc rc;

	if (parent == 0 && span_iis(name, "INBOX"))
		return store_collection_find_role(tx, STORE_ROLE_INBOX, a, ret);
	rc = flush(tx);
	if (!rc)
		rc = sql_one(tx->etx, &st,
		             "SELECT " COLUMNS " FROM collection"
		             " WHERE owner = $1 AND parent = $2 AND name = $3",
		             I(tx->user), I(parent), T(name));
	if (!rc)
		from_row(st, a, ret);
	return rc;
}

static bool
name_is_valid(struct span name)
{
	if (name.n == 0 || name.n > 255 || !utf8_is_valid(name))
		return false;
	for (size_t i = 0; i < name.n; i++) {
		unsigned char c = (unsigned char)name.p[i];

		/* C1 controls are C2 80..9F in UTF-8. */
		if (c < 0x20 || c == 0x7f || c == '/' ||
		    (c == 0xc2 && i + 1 < name.n && (unsigned char)name.p[i + 1] < 0xa0))
			return false;
	}
	return true;
}

/* Roles that every user has for good. */
static bool
role_is_default(enum store_role role)
{
	return role != STORE_ROLE_NONE && role != STORE_ROLE_OUTBOX;
}

static enum rc
check_place(const struct store_collection *list, size_t n, uint32_t self, uint32_t parent,
            struct span name)
{
	if (!name_is_valid(name))
		return RC_INVALID;
	if (parent != 0 && !find_id(list, n, parent))
		return RC_NOT_FOUND;
	for (size_t i = 0; i < n; i++) {
		if (list[i].parent != parent || list[i].id == self)
			continue;
		if (span_eq(list[i].name, name) ||
		    (list[i].role == STORE_ROLE_INBOX && span_iis(name, "INBOX")))
			return RC_EXISTS;
	}
	return RC_OK;
}

/* IMAP's UIDVALIDITY: never seen before with this user (RFC 9051 2.3.1.1). */
static uint32_t
next_epoch(struct store_tx *tx)
{
	int64_t now = clock_wall_ms() / 1000;

	tx->epoch_last = now > (int64_t)tx->epoch_last && now <= UINT32_MAX
	                         ? (uint32_t)now
	                         : tx->epoch_last + 1;
	return tx->epoch_last;
}

static enum rc
insert(struct store_tx *tx, uint32_t parent, struct span name, enum store_class class,
       enum store_role role, uint32_t *ret_id)
{
	uint64_t modseq = store_tx_next_modseq(tx);
	uint32_t id = tx->collection_next++;
	enum rc rc;

	rc = sql_run(tx->etx,
	             "INSERT INTO collection (owner, " COLUMNS ") VALUES"
	             " ($1, $2, $3, $4, $5, $6, $7, 1, $8, $8, $8, 0, 0, 0, 1, 0)",
	             I(tx->user), I(id), I(parent), I(class), I(role), T(name),
	             I(next_epoch(tx)), I(modseq));
	if (rc)
		return rc;
	store_tx_moved(tx, 0, modseq, false);
	*ret_id = id;
	return RC_OK;
}

enum rc
store_collection_make_defaults(struct store_tx *tx)
{
	static const struct {
		const char *name;
		enum store_class class;
		enum store_role role;
	} defaults[] = {
		{ "INBOX", STORE_CLASS_MAIL, STORE_ROLE_INBOX },
		{ "Drafts", STORE_CLASS_MAIL, STORE_ROLE_DRAFTS },
		{ "Sent", STORE_CLASS_MAIL, STORE_ROLE_SENT },
		{ "Trash", STORE_CLASS_MAIL, STORE_ROLE_TRASH },
		{ "Junk", STORE_CLASS_MAIL, STORE_ROLE_JUNK },
		{ "Archive", STORE_CLASS_MAIL, STORE_ROLE_ARCHIVE },
		{ "Contacts", STORE_CLASS_CONTACTS, STORE_ROLE_CONTACTS },
		{ "Calendar", STORE_CLASS_CALENDAR, STORE_ROLE_CALENDAR },
		{ "Tasks", STORE_CLASS_TASKS, STORE_ROLE_TASKS },
		{ "Notes", STORE_CLASS_NOTES, STORE_ROLE_NOTES },
	};
	enum rc rc = RC_OK;

	for (size_t i = 0; !rc && i < ARRAY_LEN(defaults); i++) {
		uint32_t id;

		rc = insert(tx, 0, span_str(defaults[i].name), defaults[i].class,
		            defaults[i].role, &id);
	}
	return rc;
}

enum rc
store_collection_create(struct store_tx *tx, uint32_t parent, struct span name,
                        enum store_class class, enum store_role role, uint32_t *ret_id)
{
	AUTO(arena)
	struct arena *a = arena_new();
	struct store_collection *list;
	size_t n;
	enum rc rc = list_by_id(tx, a, &list, &n);

	if (!rc)
		rc = check_place(list, n, 0, parent, name);
	if (rc)
		return rc;
	if (n >= STORE_COLLECTIONS_MAX || tx->collection_next == UINT32_MAX)
		return RC_TOO_BIG;
	if (parent != 0 && depth_of(list, n, find_id(list, n, parent)) >= STORE_DEPTH_MAX)
		return RC_INVALID;
	for (size_t i = 0; role != STORE_ROLE_NONE && i < n; i++) {
		if (list[i].role == role)
			return RC_EXISTS;
	}
	return insert(tx, parent, name, class, role, ret_id);
}

/* Is c the collection root, or below it? */
static bool
is_below(const struct store_collection *list, size_t n, const struct store_collection *c,
         uint32_t root)
{
	for (unsigned i = 0; c && i <= STORE_COLLECTIONS_MAX; i++) {
		if (c->id == root)
			return true;
		c = find_id(list, n, c->parent);
	}
	return false;
}

/* How many levels hang below id, itself counted. */
static unsigned
height_of(const struct store_collection *list, size_t n, uint32_t id)
{
	unsigned top = depth_of(list, n, find_id(list, n, id));
	unsigned deepest = top;

	for (size_t i = 0; i < n; i++) {
		unsigned depth = depth_of(list, n, &list[i]);

		if (depth > deepest && is_below(list, n, &list[i], id))
			deepest = depth;
	}
	return deepest - top + 1;
}

enum rc
store_collection_rename(struct store_tx *tx, uint32_t id, uint32_t parent,
                        struct span name)
{
	AUTO(arena)
	struct arena *a = arena_new();
	const struct store_collection *c;
	struct store_collection *list;
	unsigned depth;
	uint64_t modseq;
	size_t n;
	enum rc rc = list_by_id(tx, a, &list, &n);

	if (rc)
		return rc;
	c = find_id(list, n, id);
	if (!c)
		return RC_NOT_FOUND;
	if (role_is_default(c->role))
		return RC_DENIED;
	rc = check_place(list, n, id, parent, name);
	if (rc)
		return rc;
	if (c->parent == parent && span_eq(c->name, name))
		return RC_OK;
	if (parent != 0 && is_below(list, n, find_id(list, n, parent), id))
		return RC_CONFLICT;
	depth = parent ? depth_of(list, n, find_id(list, n, parent)) : 0;
	if (depth + height_of(list, n, id) > STORE_DEPTH_MAX)
		return RC_INVALID;
	modseq = store_tx_next_modseq(tx);
	rc = sql_run(tx->etx,
	             "UPDATE collection SET parent = $3, name = $4, changed = $5"
	             " WHERE owner = $1 AND id = $2",
	             I(tx->user), I(id), I(parent), T(name), I(modseq));
	if (!rc)
		store_tx_moved(tx, 0, modseq, false);
	return rc;
}

/* Its items stay where they are, out of sight, until the sweep. */
static enum rc
bury(struct store_tx *tx, const struct store_collection *c)
{
	uint64_t modseq = store_tx_next_modseq(tx);
	enum rc rc;

	rc = sql_run(
		tx->etx,
		"INSERT INTO collection_gone (owner, id, created, expunged, parent, class,"
		" role, name, gone_ms, device, protocol)"
		" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
		I(tx->user), I(c->id), I(c->created), I(modseq), I(c->parent),
		I(c->class), I(c->role), T(c->name), I(clock_wall_ms()),
		I(tx->who.device), T(span_str(tx->who.protocol)));
	if (!rc)
		rc = sql_run(tx->etx,
		             "DELETE FROM collection WHERE owner = $1 AND id = $2",
		             I(tx->user), I(c->id));
	if (rc)
		return rc;
	store_tx_moved(tx, c->id, modseq, false);
	store_tx_moved(tx, 0, modseq, false);
	return RC_OK;
}

enum rc
store_collection_delete(struct store_tx *tx, uint32_t id)
{
	AUTO(arena)
	struct arena *a = arena_new();
	struct store_collection *list;
	size_t n;
	enum rc rc = list_by_id(tx, a, &list, &n);

	if (rc)
		return rc;
	if (!find_id(list, n, id))
		return RC_NOT_FOUND;
	for (size_t i = 0; i < n; i++) {
		if (role_is_default(list[i].role) && is_below(list, n, &list[i], id))
			return RC_DENIED;
	}
	for (size_t i = 0; !rc && i < n; i++) {
		if (is_below(list, n, &list[i], id))
			rc = bury(tx, &list[i]);
	}
	store_tx_forget_counters(tx);
	return rc;
}

enum rc
store_collection_subscribe(struct store_tx *tx, uint32_t id, bool on)
{
	AUTO(arena)
	struct arena *a = arena_new();
	struct store_collection c;
	uint64_t modseq;
	enum rc rc = store_collection_load(tx, id, a, &c);

	if (rc || c.subscribed == on)
		return rc;
	modseq = store_tx_next_modseq(tx);
	rc = sql_run(tx->etx,
	             "UPDATE collection SET subscribed = $3, changed = $4"
	             " WHERE owner = $1 AND id = $2",
	             I(tx->user), I(id), I(on), I(modseq));
	if (!rc)
		store_tx_moved(tx, 0, modseq, false);
	return rc;
}
