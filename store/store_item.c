/* SPDX-License-Identifier: ISC
 *
 * store_item.c - items: adding, changing, copying, expunging.
 */
#include "store/store_item.h"

#include <assert.h>

#include "base/clock.h"
#include "store/store_private.h"

#define KEYWORDS_MAX 8192
#define PROPS_MAX 65536
#define CLIENT_ID_MAX 256

static struct span
keep(struct arena *a, struct span s)
{
	return a ? arena_span(a, s) : s;
}

struct span
store_object_name(const char *uid, struct arena *a)
{
	AUTO_DONE(buf) struct buf hex = BUF_INIT(128);
	struct sha256 h;

	if (!uid || strlen(uid) <= STORE_OBJECT_MAX)
		return span_str(uid);
	sha256_of(span_str(uid), &h);
	hex_encode(span_of((const char *)h.b, sizeof(h.b)), &hex);
	return span_str(arena_printf(a, "sha256:%.*s", SPAN_FMT(buf_span(&hex))));
}

void
store_item_from_row(struct engine_stmt *st, struct arena *a, struct store_item *ret)
{
	*ret = (struct store_item){
		.collection = col_u32(st, 0),
		.uid = col_u32(st, 1),
		.created = col_u64(st, 2),
		.modseq = col_u64(st, 3),
		.flags = col_u32(st, 4),
		.keywords = keep(a, engine_bytes(st, 5)),
		.received_ms = engine_int(st, 6),
		.size = col_u64(st, 7),
		.content = col_u64(st, 8),
		.writer = col_u32(st, 9),
		.writer_saw = col_u64(st, 10),
		.props = keep(a, engine_bytes(st, 11)),
		/* 12: creator */
		.received_was = engine_int(st, 13),
		.received_moved = col_u64(st, 14),
		.object = keep(a, engine_bytes(st, 15)),
	};
}

/* An item and the one column that callers do not see. */
struct full_item {
	struct store_item item;
	uint32_t creator;
};

static enum rc
load_full(struct store_tx *tx, uint32_t collection, uint32_t uid, struct arena *a,
          struct full_item *ret)
{
	AUTO(engine_stmt)
	struct engine_stmt *st = NULL;
	enum rc rc = sql_one(tx->etx, &st,
	                     "SELECT " ITEM_COLUMNS " FROM item"
	                     " WHERE owner = $1 AND collection = $2 AND uid = $3",
	                     I(tx->user), I(collection), I(uid));

	if (rc)
		return rc;
	store_item_from_row(st, a, &ret->item);
	ret->creator = col_u32(st, ITEM_COLUMN_CREATOR);
	return RC_OK;
}

/* A deleted collection's items are still there, but nobody's. */
static enum rc
collection_lives(struct store_tx *tx, uint32_t collection)
{
	AUTO(engine_stmt)
	struct engine_stmt *st = NULL;

	return sql_one(tx->etx, &st,
	               "SELECT id FROM collection WHERE owner = $1 AND id = $2",
	               I(tx->user), I(collection));
}

enum rc
store_item_load(struct store_tx *tx, uint32_t collection, uint32_t uid, struct arena *a,
                struct store_item *ret)
{
	struct full_item full;
	enum rc rc = collection_lives(tx, collection);

	if (!rc)
		rc = load_full(tx, collection, uid, a, &full);
	if (!rc)
		*ret = full.item;
	return rc;
}

static bool
is_unseen(uint32_t flags)
{
	return !(flags & STORE_FLAG_SEEN);
}

/* RC_NOT_FOUND: the name is free, or free again. */
static enum rc
find_client_add(struct store_tx *tx, uint32_t collection,
                const struct store_item_new *item, uint32_t *ret_uid)
{
	AUTO(engine_stmt)
	struct engine_stmt *st = NULL;
	AUTO(engine_stmt)
	struct engine_stmt *there = NULL;
	enum rc rc = sql_one(tx->etx, &st,
	                     "SELECT uid, turn, print FROM client_add WHERE owner = $1"
	                     " AND collection = $2 AND device = $3 AND client_id = $4",
	                     I(tx->user), I(collection), I(tx->who.device),
	                     B(item->client_id));

	if (rc)
		return rc;
	if (col_u64(st, 1) != item->client_turn) {
		if (col_u64(st, 2) != item->client_print)
			return RC_NOT_FOUND;
		rc = sql_one(tx->etx, &there,
		             "SELECT uid FROM item WHERE owner = $1 AND collection = $2"
		             " AND uid = $3",
		             I(tx->user), I(collection), I(col_u32(st, 0)));
	}
	if (!rc)
		*ret_uid = col_u32(st, 0);
	return rc;
}

static enum rc
note_client_add(struct store_tx *tx, uint32_t collection,
                const struct store_item_new *item, uint32_t uid)
{
	return sql_run(tx->etx,
	               "INSERT INTO client_add (owner, collection, device, client_id,"
	               " uid, added_ms, turn, print)"
	               " VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"
	               " ON CONFLICT (owner, collection, device, client_id) DO UPDATE"
	               " SET uid = $5, added_ms = $6, turn = $7, print = $8",
	               I(tx->user), I(collection), I(tx->who.device), B(item->client_id),
	               I(uid), I(clock_wall_ms()), I(item->client_turn),
	               I(item->client_print));
}

/* The item's uid, created and modseq are given here; its content has its reference. */
static enum rc
insert(struct store_tx *tx, struct store_item *it)
{
	struct tx_counters *c;
	enum rc rc = store_tx_counters(tx, it->collection, &c);

	if (rc)
		return rc;
	if (c->uid_next == UINT32_MAX)
		return RC_TOO_BIG;
	it->uid = c->uid_next;
	it->created = it->modseq = store_tx_next_modseq(tx);
	rc = sql_run(
		tx->etx,
		"INSERT INTO item (owner, " ITEM_COLUMNS ") VALUES"
		" ($1, $2, $3, $4, $4, $5, $6, $7, $8, $9, $10, 0, $11, $10, 0, 0, $12)",
		I(tx->user), I(it->collection), I(it->uid), I(it->modseq), I(it->flags),
		B(it->keywords), I(it->received_ms), I(it->size), I(it->content),
		I(tx->who.device), B(it->props), T(it->object));
	if (rc)
		return rc;
	c->uid_next++;
	c->modseq = it->modseq;
	c->n_items++;
	c->n_unseen += is_unseen(it->flags);
	c->n_bytes += (int64_t)it->size;
	c->dirty = true;
	store_tx_moved(tx, it->collection, it->modseq, true);
	return RC_OK;
}

enum rc
store_item_add(struct store_tx *tx, uint32_t collection,
               const struct store_content *content, const struct store_item_new *item,
               uint32_t *ret_uid, uint64_t *ret_modseq)
{
	struct store_item it = {
		.collection = collection,
		.flags = item->flags,
		.keywords = item->keywords,
		.received_ms = item->received_ms,
		.size = store_content_size(content),
		.props = item->props,
		.object = item->object,
	};
	struct tx_counters *c;
	enum rc rc = store_tx_counters(tx, collection, &c);

	if (rc)
		return rc;
	if (item->keywords.n > KEYWORDS_MAX || item->props.n > PROPS_MAX ||
	    item->client_id.n > CLIENT_ID_MAX || item->object.n > STORE_OBJECT_MAX)
		return RC_TOO_BIG;
	if (item->client_id.n > 0) {
		rc = find_client_add(tx, collection, item, ret_uid);
		if (rc != RC_NOT_FOUND)
			return rc ? rc : RC_EXISTS;
	}
	rc = content_insert(tx, content, &it.content);
	if (!rc)
		rc = insert(tx, &it);
	if (!rc && item->client_id.n > 0)
		rc = note_client_add(tx, collection, item, it.uid);
	if (rc)
		return rc;
	*ret_uid = it.uid;
	if (ret_modseq)
		*ret_modseq = it.modseq;
	return RC_OK;
}

/* True when new bytes take the place of the old; the item's fields follow. */
static enum rc
replace_content(struct store_tx *tx, struct store_item *it, const struct store_content *c,
                bool *ret_changed)
{
	bool same = false;
	uint64_t id;
	enum rc rc = content_is_same(tx, it->content, c, &same);

	if (rc || same) {
		*ret_changed = false;
		return rc;
	}
	rc = content_insert(tx, c, &id);
	if (!rc)
		rc = content_unref(tx, it->content);
	if (rc)
		return rc;
	it->content = id;
	it->size = store_content_size(c);
	*ret_changed = true;
	return RC_OK;
}

/* Lays the change over the item; *ret_changed: did that make a difference? */
static enum rc
apply(struct store_tx *tx, struct store_item *it, const struct store_item_change *c,
      bool *ret_changed)
{
	uint32_t flags = (it->flags | c->flags_on) & ~c->flags_off;
	bool changed = flags != it->flags;
	bool new_bytes = false;
	enum rc rc = RC_OK;

	it->flags = flags;
	if (c->set_received && c->received_ms != it->received_ms) {
		it->received_was = it->received_ms;
		it->received_ms = c->received_ms;
		it->received_moved = UINT64_MAX; /* the number is given by save() */
		changed = true;
	}
	if (c->set_object && !span_eq(c->object, it->object)) {
		it->object = c->object;
		changed = true;
	}
	if (c->set_keywords && !span_eq(c->keywords, it->keywords)) {
		it->keywords = c->keywords;
		changed = true;
	}
	if (c->set_props && !span_eq(c->props, it->props)) {
		it->props = c->props;
		changed = true;
	}
	if (c->content)
		rc = replace_content(tx, it, c->content, &new_bytes);
	*ret_changed = changed || new_bytes;
	return rc;
}

static enum rc
save(struct store_tx *tx, struct store_item *it)
{
	/* The first of a run of changes by one device keeps what it saw. */
	if (it->writer != tx->who.device)
		it->writer_saw = it->modseq;
	it->writer = tx->who.device;
	it->modseq = store_tx_next_modseq(tx);
	if (it->received_moved == UINT64_MAX)
		it->received_moved = it->modseq;
	return sql_run(
		tx->etx,
		"UPDATE item SET modseq = $4, flags = $5, keywords = $6, size = $7,"
		" content = $8, writer = $9, writer_saw = $10, props = $11,"
		" received_ms = $12, received_was = $13, received_moved = $14, object = $15"
		" WHERE owner = $1 AND collection = $2 AND uid = $3",
		I(tx->user), I(it->collection), I(it->uid), I(it->modseq), I(it->flags),
		B(it->keywords), I(it->size), I(it->content), I(it->writer),
		I(it->writer_saw), B(it->props), I(it->received_ms), I(it->received_was),
		I(it->received_moved), T(it->object));
}

enum rc
store_item_update(struct store_tx *tx, uint32_t collection, uint32_t uid,
                  const struct store_item_change *change, uint64_t *ret_modseq)
{
	AUTO(arena)
	struct arena *a = arena_new();
	struct full_item full;
	struct store_item *it = &full.item;
	struct tx_counters *c;
	bool was_unseen;
	bool changed = false;
	uint64_t was_size;
	enum rc rc = store_tx_counters(tx, collection, &c);

	if (!rc)
		rc = load_full(tx, collection, uid, a, &full);
	if (rc)
		return rc;
	if (change->keywords.n > KEYWORDS_MAX || change->props.n > PROPS_MAX ||
	    change->object.n > STORE_OBJECT_MAX)
		return RC_TOO_BIG;
	if (change->unchanged_since != 0 && it->modseq > change->unchanged_since)
		return RC_CONFLICT;
	was_unseen = is_unseen(it->flags);
	was_size = it->size;
	rc = apply(tx, it, change, &changed);
	if (!rc && changed) {
		rc = save(tx, it);
		if (!rc) {
			c->modseq = it->modseq;
			c->n_unseen += (int)is_unseen(it->flags) - (int)was_unseen;
			c->n_bytes += (int64_t)it->size - (int64_t)was_size;
			c->dirty = true;
			store_tx_moved(tx, collection, it->modseq, false);
		}
	}
	if (!rc && ret_modseq)
		*ret_modseq = it->modseq;
	return rc;
}

/* content: what the tombstone keeps, 0 when the content lives on elsewhere. */
static enum rc
bury(struct store_tx *tx, const struct full_item *full, uint64_t content)
{
	const struct store_item *it = &full->item;
	/* Who saw it by either time is to hear of it. */
	int64_t received = it->received_moved != 0 && it->received_was > it->received_ms
	                           ? it->received_was
	                           : it->received_ms;
	struct tx_counters *c;
	uint64_t modseq;
	enum rc rc = store_tx_counters(tx, it->collection, &c);

	if (rc)
		return rc;
	modseq = store_tx_next_modseq(tx);
	rc = sql_run(tx->etx,
	             "INSERT INTO tombstone (owner, collection, uid, created, expunged,"
	             " received_ms, creator, writer, protocol, gone_ms, flags, content)"
	             " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
	             I(tx->user), I(it->collection), I(it->uid), I(it->created),
	             I(modseq), I(received), I(full->creator), I(tx->who.device),
	             T(span_str(tx->who.protocol)), I(clock_wall_ms()), I(it->flags),
	             I(content));
	if (!rc)
		rc = sql_run(
			tx->etx,
			"DELETE FROM item WHERE owner = $1 AND collection = $2 AND uid = $3",
			I(tx->user), I(it->collection), I(it->uid));
	if (rc)
		return rc;
	c->modseq = modseq;
	c->n_items--;
	c->n_unseen -= is_unseen(it->flags);
	c->n_bytes -= (int64_t)it->size;
	c->dirty = true;
	store_tx_moved(tx, it->collection, modseq, false);
	return RC_OK;
}

static enum rc
load_living(struct store_tx *tx, uint32_t collection, uint32_t uid, struct arena *a,
            struct full_item *ret)
{
	struct tx_counters *c;
	enum rc rc = store_tx_counters(tx, collection, &c);

	return rc ? rc : load_full(tx, collection, uid, a, ret);
}

enum rc
store_item_expunge(struct store_tx *tx, uint32_t collection, uint32_t uid)
{
	AUTO(arena)
	struct arena *a = arena_new();
	struct full_item full;
	enum rc rc = load_living(tx, collection, uid, a, &full);

	return rc ? rc : bury(tx, &full, full.item.content);
}

static enum rc
copy_to(struct store_tx *tx, const struct store_item *from, uint32_t to,
        uint32_t *ret_uid)
{
	struct store_item it = *from;
	enum rc rc;

	it.collection = to;
	rc = insert(tx, &it);
	if (!rc)
		*ret_uid = it.uid;
	return rc;
}

enum rc
store_item_copy(struct store_tx *tx, uint32_t collection, uint32_t uid, uint32_t to,
                uint32_t *ret_uid)
{
	AUTO(arena)
	struct arena *a = arena_new();
	struct full_item full;
	struct tx_counters *c;
	enum rc rc = load_living(tx, collection, uid, a, &full);

	if (!rc)
		rc = store_tx_counters(tx, to, &c);
	if (!rc)
		rc = content_ref(tx, full.item.content);
	return rc ? rc : copy_to(tx, &full.item, to, ret_uid);
}

enum rc
store_item_move(struct store_tx *tx, uint32_t collection, uint32_t uid, uint32_t to,
                uint32_t *ret_uid)
{
	AUTO(arena)
	struct arena *a = arena_new();
	struct full_item full;
	uint32_t new_uid;
	enum rc rc = load_living(tx, collection, uid, a, &full);

	if (!rc)
		rc = copy_to(tx, &full.item, to, &new_uid);
	if (!rc)
		rc = bury(tx, &full, 0);
	if (!rc)
		*ret_uid = new_uid;
	return rc;
}

enum rc
store_item_find_object(struct store_tx *tx, uint32_t collection, struct span object,
                       struct arena *a, struct store_item *ret)
{
	AUTO(engine_stmt)
	struct engine_stmt *st = NULL;
	enum rc rc = collection_lives(tx, collection);

	if (object.n == 0)
		return RC_NOT_FOUND;
	if (!rc)
		rc = sql_one(tx->etx, &st,
		             "SELECT " ITEM_COLUMNS " FROM item WHERE owner = $1"
		             " AND collection = $2 AND object = $3 AND object <> ''"
		             " ORDER BY uid LIMIT 1",
		             I(tx->user), I(collection), T(object));
	if (!rc)
		store_item_from_row(st, a, ret);
	return rc;
}

enum rc
store_item_each(struct store_tx *tx, uint32_t collection, uint32_t uid_from,
                uint32_t uid_to, store_item_fn *fn, void *arg)
{
	AUTO(engine_stmt)
	struct engine_stmt *st = NULL;
	struct store_item it;
	enum rc rc = collection_lives(tx, collection);

	if (!rc)
		rc = sql_each(
			tx->etx, &st,
			"SELECT " ITEM_COLUMNS " FROM item WHERE owner = $1"
			" AND collection = $2 AND uid >= $3 AND uid <= $4 ORDER BY uid"
			" /* long */",
			I(tx->user), I(collection), I(uid_from), I(uid_to));
	if (rc)
		return rc;
	while ((rc = engine_step(st)) == RC_OK) {
		store_item_from_row(st, NULL, &it);
		if (!fn(&it, arg))
			return RC_OK;
	}
	return sql_end(rc);
}

enum rc
store_item_uids(struct store_tx *tx, uint32_t collection, struct arena *a, uint32_t **ret,
                size_t *ret_n)
{
	AUTO(engine_stmt)
	struct engine_stmt *st = NULL;
	AUTO(engine_stmt)
	struct engine_stmt *count = NULL;
	uint32_t *uids;
	size_t max;
	size_t n = 0;
	enum rc rc = tx->write ? store_tx_flush(tx) : RC_OK;

	if (!rc)
		rc = sql_one(
			tx->etx, &count,
			"SELECT n_items FROM collection WHERE owner = $1 AND id = $2",
			I(tx->user), I(collection));
	if (!rc)
		rc = sql_each(tx->etx, &st,
		              "SELECT uid FROM item WHERE owner = $1 AND collection = $2"
		              " ORDER BY uid /* long */",
		              I(tx->user), I(collection));
	if (rc)
		return rc;
	max = (size_t)engine_int(count, 0);
	uids = arena_array(a, max, uint32_t);
	while ((rc = engine_step(st)) == RC_OK) {
		if (n == max)
			return RC_IO; /* the counter and the rows disagree: damaged */
		uids[n++] = col_u32(st, 0);
	}
	rc = sql_end(rc);
	if (rc)
		return rc;
	*ret = uids;
	*ret_n = n;
	return RC_OK;
}
