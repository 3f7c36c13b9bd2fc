/* SPDX-License-Identifier: ISC
 *
 * restore.c - a user's rows from a backup, and the numbers that go on from the clock.
 */
#include "store/archive/restore.h"

#include <assert.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "store/archive/loader.h"
#include "store/store_device.h"
#include "store/store_private.h"

#define EPOCH_2024_S INT64_C(1704067200)
/* Where the clock is behind (it is wrong, or the last restore was just now). */
#define MODSEQ_GAP (UINT64_C(1) << 20)
#define UID_GAP 1024
#define UIDS_A_SECOND 8
#define UID_STEP 32 /* at least: what came in the second of the last restore */
#define FOLDER_GAP 16
#define KEY_GAP 64
#define EPOCH_GAP 1000 /* UIDVALIDITY: seconds, and one more for each in the same */

static const struct rows_ops ops;

/* What the store has now, if anything. */
struct present {
	uint64_t modseq;
	uint64_t collection_next;
	uint64_t content_next;
	uint64_t device_next;
	uint64_t epoch_last;
	uint64_t swept;
	uint64_t key_max;
	struct span lost;
	struct {
		uint32_t id;
		uint64_t uid_next;
	} * folders;
	size_t n_folders;
	struct store_device *shut; /* those that may not sync; number 0: not met again */
	size_t n_shut;
};

struct restore {
	struct rows_out base;
	struct store *s;
	uint64_t user;
	struct arena *a;
	struct present now;
	struct loader *loader;
	bool skips; /* the section is none of the user's shard */
	bool has_account;
	int64_t now_s;
	uint64_t modseq; /* the new one */
	struct buf lost;
	struct store_moved *moved;
	size_t n_moved;
	size_t cap_moved;
};

static uint64_t
max_u64(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* -- what is there now -- */

static enum rc
read_account(struct restore *r, struct engine_tx *etx)
{
	AUTO(engine_stmt)
	struct engine_stmt *st = NULL;
	struct present *now = &r->now;
	enum rc rc = sql_one(etx, &st,
	                     "SELECT modseq, collection_next, content_next, device_next,"
	                     " epoch_last, swept FROM account WHERE owner = $1",
	                     I(r->user));

	if (rc)
		return sql_end(rc);
	now->modseq = col_u64(st, 0);
	now->collection_next = col_u64(st, 1);
	now->content_next = col_u64(st, 2);
	now->device_next = col_u64(st, 3);
	now->epoch_last = col_u64(st, 4);
	now->swept = col_u64(st, 5);
	return RC_OK;
}

static enum rc
read_folders(struct restore *r, struct engine_tx *etx)
{
	AUTO(engine_stmt)
	struct engine_stmt *st = NULL;
	size_t cap = 0;
	enum rc rc =
		sql_each(etx, &st, "SELECT id, uid_next FROM collection WHERE owner = $1",
	                 I(r->user));

	while (!rc && (rc = engine_step(st)) == RC_OK) {
		struct present *now = &r->now;

		now->folders =
			grow(now->folders, now->n_folders, &cap, sizeof(*now->folders));
		now->folders[now->n_folders].id = col_u32(st, 0);
		now->folders[now->n_folders++].uid_next = col_u64(st, 1);
	}
	return sql_end(rc);
}

static enum rc
read_keys(struct restore *r, struct engine_tx *etx)
{
	AUTO(engine_stmt)
	struct engine_stmt *st = NULL;
	enum rc rc =
		sql_one(etx, &st,
	                "SELECT coalesce(max(sync_key), 0), coalesce(max(twin_key), 0)"
	                " FROM sync_cursor WHERE owner = $1",
	                I(r->user));

	if (!rc)
		r->now.key_max =
			col_u64(st, 0) > col_u64(st, 1) ? col_u64(st, 0) : col_u64(st, 1);
	return rc;
}

static enum rc
read_shut_devices(struct restore *r, struct engine_tx *etx)
{
	AUTO(engine_stmt)
	struct engine_stmt *st = NULL;
	size_t cap = 0;
	enum rc rc = sql_each(etx, &st,
	                      "SELECT protocol, id, state, reason FROM device"
	                      " WHERE owner = $1 AND state <> $2",
	                      I(r->user), I(STORE_DEVICE_ALLOWED));

	while (!rc && (rc = engine_step(st)) == RC_OK) {
		struct present *now = &r->now;

		now->shut = grow(now->shut, now->n_shut, &cap, sizeof(*now->shut));
		now->shut[now->n_shut++] = (struct store_device){
			.protocol = arena_span(r->a, engine_bytes(st, 0)),
			.id = arena_span(r->a, engine_bytes(st, 1)),
			.state = (enum store_device_state)engine_int(st, 2),
			.reason = arena_span(r->a, engine_bytes(st, 3)),
		};
	}
	return sql_end(rc);
}

static enum rc
read_present(struct restore *r)
{
	AUTO(engine_tx)
	struct engine_tx *etx = NULL;
	enum rc rc = engine_begin(r->s->engine, ENGINE_SHARD,
	                          store_shard_of(r->s, r->user), false, &etx);

	if (!rc)
		rc = read_account(r, etx);
	if (!rc)
		rc = read_folders(r, etx);
	if (!rc)
		rc = read_keys(r, etx);
	if (!rc)
		rc = read_shut_devices(r, etx);
	return rc;
}

/* -- numbers -- */

static struct engine_arg *
value(const struct table *t, struct engine_arg *values, const char *column)
{
	int at = table_column(t, span_str(column));

	assert(at >= 0);
	return &values[at];
}

static uint64_t
number(const struct table *t, struct engine_arg *values, const char *column)
{
	return (uint64_t)value(t, values, column)->i;
}

static void
set(const struct table *t, struct engine_arg *values, const char *column, uint64_t v)
{
	value(t, values, column)->i = (int64_t)v;
}

static uint64_t
seconds_since_2024(const struct restore *r)
{
	return r->now_s > EPOCH_2024_S ? (uint64_t)(r->now_s - EPOCH_2024_S) : 0;
}

static void
raise(const struct table *t, struct engine_arg *values, const char *column,
      uint64_t least)
{
	set(t, values, column, max_u64(number(t, values, column), least));
}

/* What the clock says, if that is above all that is known; else a step on. A life of the
 * user that nobody here knows of began with an earlier restore, or with none: it cannot
 * have got so far. */
static uint64_t
go_on(uint64_t known, uint64_t clock, uint64_t gap)
{
	return clock > known ? clock : known + gap;
}

/* A second has 2^20 modseqs. */
static enum rc
change_account(struct restore *r, const struct table *t, struct engine_arg *values)
{
	const struct present *now = &r->now;
	uint64_t from = number(t, values, "modseq");
	uint64_t folder =
		max_u64(now->collection_next, number(t, values, "collection_next")) +
		FOLDER_GAP;
	enum rc rc;

	r->modseq = max_u64(now->modseq, from) + MODSEQ_GAP;
	if (r->now_s > 0)
		r->modseq = max_u64(r->modseq, (uint64_t)r->now_s << 20);
	rc = lost_add(value(t, values, "lost")->s, from, r->modseq, &r->lost);
	if (rc)
		return RC_INVALID;
	r->has_account = true;
	value(t, values, "lost")->s = buf_span(&r->lost);
	set(t, values, "modseq", r->modseq);
	set(t, values, "tree_modseq", r->modseq);
	folder = go_on(folder, seconds_since_2024(r) / 60, FOLDER_GAP);
	set(t, values, "collection_next", folder < UINT32_MAX ? folder : UINT32_MAX);
	raise(t, values, "content_next", now->content_next);
	raise(t, values, "device_next", now->device_next);
	raise(t, values, "epoch_last", now->epoch_last);
	raise(t, values, "epoch_last", (uint64_t)(r->now_s > 0 ? r->now_s : 0));
	raise(t, values, "epoch_last", number(t, values, "epoch_last") + EPOCH_GAP);
	set(t, values, "swept", max_u64(number(t, values, "swept"), now->swept) + 1);
	return RC_OK;
}

static void
note_moved(struct restore *r, uint32_t collection)
{
	r->moved = grow(r->moved, r->n_moved, &r->cap_moved, sizeof(*r->moved));
	r->moved[r->n_moved++] = (struct store_moved){
		.user = r->user,
		.collection = collection,
		.modseq = r->modseq,
		.added = true,
	};
}

/* UIDs have 32 bits: a gap takes a sixteenth of what is left at most. */
static enum rc
change_collection(struct restore *r, const struct table *t, struct engine_arg *values)
{
	uint32_t id = (uint32_t)number(t, values, "id");
	uint64_t next = number(t, values, "uid_next");
	uint64_t gap;
	uint64_t clock = seconds_since_2024(r) * UIDS_A_SECOND;

	for (size_t i = 0; i < r->now.n_folders; i++) {
		if (r->now.folders[i].id == id)
			next = max_u64(next, r->now.folders[i].uid_next);
	}
	if (next == 0 || next > UINT32_MAX)
		return RC_INVALID;
	gap = (UINT32_MAX - next) / 16;
	next = go_on(next + (gap < UID_STEP ? gap : UID_STEP),
	             clock < UINT32_MAX / 2 ? clock : 0, gap < UID_GAP ? gap : UID_GAP);
	set(t, values, "uid_next", next);
	set(t, values, "modseq", r->modseq);
	note_moved(r, id);
	return RC_OK;
}

static void
change_cursor(struct restore *r, const struct table *t, struct engine_arg *values)
{
	uint64_t known = max_u64(number(t, values, "sync_key"), r->now.key_max);

	known = max_u64(known, number(t, values, "twin_key"));
	known = max_u64(known, number(t, values, "key_floor"));
	set(t, values, "key_floor",
	    go_on(known, (uint64_t)(r->now_s > 0 ? r->now_s : 0), KEY_GAP));
	/* Who has read the row of the life before does not write over this one. */
	raise(t, values, "version", (uint64_t)(r->now_s > 0 ? r->now_s : 0));
}

/* Who was shut out meanwhile does not come back by the restore. */
static void
change_device(struct restore *r, const struct table *t, struct engine_arg *values)
{
	for (size_t i = 0; i < r->now.n_shut; i++) {
		struct store_device *d = &r->now.shut[i];

		if (!span_eq(value(t, values, "protocol")->s, d->protocol) ||
		    !span_eq(value(t, values, "id")->s, d->id))
			continue;
		d->number = (uint32_t)number(t, values, "number");
		set(t, values, "state", d->state);
		value(t, values, "reason")->s = d->reason;
	}
}

static enum rc
change(const struct table *t, struct engine_arg *values, void *arg)
{
	struct restore *r = arg;
	bool first = !r->has_account;

	if (strcmp(t->name, "account") == 0)
		return first ? change_account(r, t, values) : RC_INVALID;
	if (first)
		return RC_INVALID;
	if (strcmp(t->name, "collection") == 0)
		return change_collection(r, t, values);
	if (strcmp(t->name, "sync_cursor") == 0)
		change_cursor(r, t, values);
	else if (strcmp(t->name, "device") == 0)
		change_device(r, t, values);
	return RC_OK;
}

/* -- rows -- */

enum rc
restore_new(struct store *s, uint64_t user, struct restore **ret)
{
	AUTO(restore)
	struct restore *r = xcalloc(1, sizeof(*r));
	enum rc rc;

	r->base.ops = &ops;
	r->s = s;
	r->user = user;
	r->a = arena_new();
	r->now_s = clock_wall_ms() / 1000;
	rc = read_present(r);
	if (!rc)
		rc = loader_user(s, user, change, r, &r->loader);
	if (!rc)
		*ret = TAKE(r);
	return rc;
}

void
restore_free(struct restore *r)
{
	if (!r)
		return;
	loader_free(r->loader);
	buf_done(&r->lost);
	free(r->now.folders);
	free(r->now.shut);
	free(r->moved);
	arena_free(r->a);
	free(r);
}

static struct restore *
restore_of(struct rows_out *o)
{
	return container_of(o, struct restore, base);
}

struct rows_out *
restore_rows(struct restore *r)
{
	return &r->base;
}

static enum rc
take_section(struct rows_out *o, const struct table *t, enum rows_part part)
{
	struct restore *r = restore_of(o);
	struct rows_out *to = loader_rows(r->loader);

	r->skips = t->db == ENGINE_DIRECTORY;
	return r->skips ? RC_OK : to->ops->section(to, t, part);
}

static enum rc
take_row(struct rows_out *o, const struct engine_arg *values)
{
	struct restore *r = restore_of(o);
	struct rows_out *to = loader_rows(r->loader);

	return r->skips ? RC_OK : to->ops->row(to, values);
}

static enum rc
take_run(struct rows_out *o UNUSED, const struct engine_arg *values UNUSED,
         int64_t to UNUSED)
{
	return RC_UNSUPPORTED;
}

static enum rc
take_end(struct rows_out *o)
{
	struct restore *r = restore_of(o);
	struct rows_out *to = loader_rows(r->loader);

	return r->skips ? RC_OK : to->ops->end(to);
}

/* Those that came after the backup, and were shut out as well. */
static enum rc
add_shut_devices(struct restore *r)
{
	AUTO(store_tx)
	struct store_tx *tx = NULL;
	bool any = false;
	enum rc rc = store_write(r->s, r->user, NULL, &tx);

	for (size_t i = 0; !rc && i < r->now.n_shut; i++) {
		uint32_t given;

		if (r->now.shut[i].number != 0)
			continue;
		any = true;
		rc = store_device_save(tx, &r->now.shut[i], &given);
	}
	return rc || !any ? rc : store_commit(&tx);
}

enum rc
restore_end(struct restore *r)
{
	enum rc rc = loader_end(r->loader);

	if (!rc && r->now.n_shut > 0)
		rc = add_shut_devices(r);
	if (rc)
		return rc;
	note_moved(r, 0);
	if (r->s->on_commit)
		r->s->on_commit(r->moved, r->n_moved, r->s->on_commit_arg);
	return RC_OK;
}

static const struct rows_ops ops = {
	.section = take_section,
	.row = take_row,
	.run = take_run,
	.end = take_end,
};
