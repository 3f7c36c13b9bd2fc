/* SPDX-License-Identifier: ISC
 *
 * store_thread.c - conversations of a mail folder.
 *
 * thread_item notes for an item the content that was looked at, and the conversation that
 * it belongs to (the first eight bytes of its id; 0: none). All items that changed last
 * at or before "upto" are noted as they are: a row of a later one, or of one that is
 * gone, says nothing. Facts of a content never change, so two who note at once write the
 * same.
 */
#include "store/store_thread.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "format/mime_thread.h"
#include "store/store_private.h"

#define BATCH 500
#define FEW 64     /* are looked at by who asks */
#define TIDY_AT 32 /* batches, then rows of what is gone go */

struct state {
	bool valid; /* the rows are of the data as it is */
	uint64_t upto;
	uint64_t fills;
};

/* An item, and its conversation as far as it is known. */
struct mail {
	uint32_t uid;
	uint64_t modseq;
	uint64_t content;
	int64_t received_ms;
	bool noted;
	int64_t thread; /* 0: none */
};

struct mails {
	struct mail *p;
	size_t n;
	size_t cap;
};

static enum rc
load_state(struct store_tx *tx, uint32_t collection, struct state *ret)
{
	AUTO(engine_stmt)
	struct engine_stmt *st = NULL;
	enum rc rc = sql_one(tx->etx, &st,
	                     "SELECT upto, restored, fills FROM thread_state"
	                     " WHERE owner = $1 AND collection = $2",
	                     I(tx->user), I(collection));

	*ret = (struct state){ 0 };
	if (!rc && col_u64(st, 1) == store_tx_restored(tx))
		*ret = (struct state){ true, col_u64(st, 0), col_u64(st, 2) };
	return sql_end(rc);
}

static enum rc
save_state(struct store_tx *tx, uint32_t collection, const struct state *s)
{
	return sql_run(
		tx->etx,
		"INSERT INTO thread_state (owner, collection, upto, restored, fills)"
		" VALUES ($1, $2, $3, $4, $5) ON CONFLICT (owner, collection)"
		" DO UPDATE SET upto = $3, restored = $4, fills = $5",
		I(tx->user), I(collection), I(s->upto), I(store_tx_restored(tx)),
		I(s->fills));
}

/* The conversation of a mail; what cannot be read belongs to none. */
static enum rc
look_at(struct store_tx *tx, struct mail *m)
{
	AUTO(arena)
	struct arena *a = arena_new();
	uint8_t id[MIME_CONVERSATION_SIZE];
	struct mime_part *root;
	struct span meta;
	uint64_t v = 0;
	enum rc rc = store_content_meta(tx, m->content, a, &meta);

	m->thread = 0;
	if (rc == RC_NOT_FOUND)
		return RC_OK;
	if (rc || mime_meta_read(meta, a, &root) != RC_OK)
		return rc;
	mime_conversation_id(root->envelope, a, id);
	for (size_t i = 0; i < sizeof(v); i++)
		v = v << 8 | id[i];
	m->thread = v != 0 ? (int64_t)v : 1;
	return RC_OK;
}

/* Those that changed after upto, in that order, with what is noted of them. */
static enum rc
read_new(struct store_tx *tx, uint32_t collection, const struct state *s, size_t limit,
         struct mails *ret)
{
	AUTO(engine_stmt)
	struct engine_stmt *st = NULL;
	enum rc rc =
		sql_each(tx->etx, &st,
	                 "SELECT i.uid, i.modseq, i.content, i.received_ms,"
	                 " coalesce(t.content, 0), coalesce(t.thread, 0)"
	                 " FROM item i LEFT JOIN thread_item t ON t.owner = i.owner"
	                 " AND t.collection = i.collection AND t.uid = i.uid"
	                 " WHERE i.owner = $1 AND i.collection = $2 AND i.modseq > $3"
	                 " ORDER BY i.modseq LIMIT $4",
	                 I(tx->user), I(collection), I(s->upto), I(limit));

	while (!rc && (rc = engine_step(st)) == RC_OK) {
		struct mail m = {
			.uid = col_u32(st, 0),
			.modseq = col_u64(st, 1),
			.content = col_u64(st, 2),
			.received_ms = engine_int(st, 3),
			.noted = s->valid && col_u64(st, 4) == col_u64(st, 2),
			.thread = engine_int(st, 5),
		};

		ret->p = grow(ret->p, ret->n, &ret->cap, sizeof(*ret->p));
		ret->p[ret->n++] = m;
	}
	return sql_end(rc);
}

static enum rc
look_at_all(struct store_tx *tx, struct mails *l)
{
	enum rc rc = RC_OK;

	for (size_t i = 0; !rc && i < l->n; i++) {
		if (!l->p[i].noted)
			rc = look_at(tx, &l->p[i]);
	}
	return rc;
}

/* -- noting -- */

static enum rc
tidy(struct store_tx *tx, uint32_t collection)
{
	return sql_run(tx->etx,
	               "DELETE FROM thread_item WHERE owner = $1 AND collection = $2"
	               " AND NOT EXISTS (SELECT 1 FROM item i WHERE i.owner = $1"
	               " AND i.collection = $2 AND i.uid = thread_item.uid)",
	               I(tx->user), I(collection));
}

/* RC_CONFLICT: somebody else was at it. */
static enum rc
write_batch(struct store *s, uint64_t user, uint32_t collection, const struct state *was,
            const struct mails *l, uint64_t upto)
{
	AUTO(store_tx)
	struct store_tx *tx = NULL;
	struct state now;
	enum rc rc = store_write(s, user, NULL, &tx);

	if (!rc)
		rc = load_state(tx, collection, &now);
	if (!rc && (now.valid != was->valid || now.upto != was->upto))
		rc = RC_CONFLICT;
	if (!rc && !now.valid)
		rc = sql_run(
			tx->etx,
			"DELETE FROM thread_item WHERE owner = $1 AND collection = $2",
			I(user), I(collection));
	for (size_t i = 0; !rc && i < l->n; i++) {
		if (l->p[i].noted)
			continue;
		rc = sql_run(
			tx->etx,
			"INSERT INTO thread_item (owner, collection, uid, content, thread)"
			" VALUES ($1, $2, $3, $4, $5) ON CONFLICT (owner, collection, uid)"
			" DO UPDATE SET content = $4, thread = $5",
			I(user), I(collection), I(l->p[i].uid), I(l->p[i].content),
			I(l->p[i].thread));
	}
	now.upto = upto;
	now.fills = was->fills + 1;
	if (!rc && now.fills % TIDY_AT == 0)
		rc = tidy(tx, collection);
	if (!rc)
		rc = save_state(tx, collection, &now);
	return rc ? rc : store_commit(&tx);
}

/* *ret_few: there was not more than what may stay. */
static enum rc
note_some(struct store *s, uint64_t user, uint32_t collection, bool *ret_few)
{
	AUTO(store_tx)
	struct store_tx *tx = NULL;
	struct mails l = { 0 };
	struct state st;
	uint64_t upto = 0;
	enum rc rc = store_read(s, user, &tx);

	if (!rc)
		rc = load_state(tx, collection, &st);
	if (!rc)
		rc = read_new(tx, collection, &st, BATCH, &l);
	*ret_few = l.n <= FEW;
	if (!rc && !*ret_few) {
		upto = l.n == BATCH ? l.p[l.n - 1].modseq : store_tx_modseq(tx);
		rc = look_at_all(tx, &l);
	}
	store_tx_free(TAKE(tx));
	if (!rc && !*ret_few)
		rc = write_batch(s, user, collection, &st, &l, upto);
	free(l.p);
	return rc;
}

enum rc
store_thread_catch_up(struct store *s, uint64_t user, uint32_t collection,
                      uint64_t budget_ms, bool *ret_done)
{
	uint64_t deadline = clock_mono_ms() + budget_ms;
	bool few = false;
	enum rc rc;

	do {
		rc = note_some(s, user, collection, &few);
	} while ((rc == RC_OK || rc == RC_CONFLICT) && !few &&
	         clock_mono_ms() < deadline);
	if (rc == RC_CONFLICT)
		rc = RC_OK;
	if (!rc)
		*ret_done = few;
	return rc;
}

/* -- asking -- */

static void
add_mail(struct mails *l, struct mail m)
{
	l->p = grow(l->p, l->n, &l->cap, sizeof(*l->p));
	l->p[l->n++] = m;
}

static int
compare_uids(const void *pa, const void *pb)
{
	const struct mail *a = pa;
	const struct mail *b = pb;

	return a->uid < b->uid ? -1 : a->uid > b->uid;
}

static int
compare_threads(const void *pa, const void *pb)
{
	const struct mail *a = pa;
	const struct mail *b = pb;

	return a->thread < b->thread ? -1 : a->thread > b->thread;
}

static const struct mail *
find_uid(const struct mails *l, uint32_t uid)
{
	struct mail key = { .uid = uid };

	return l->n > 0 ? bsearch(&key, l->p, l->n, sizeof(*l->p), compare_uids) : NULL;
}

/* What is noted, by uid; some of it is gone or has changed since. */
static enum rc
read_noted(struct store_tx *tx, uint32_t collection, struct mails *ret)
{
	AUTO(engine_stmt)
	struct engine_stmt *st = NULL;
	enum rc rc = sql_each(tx->etx, &st,
	                      "SELECT uid, thread FROM thread_item"
	                      " WHERE owner = $1 AND collection = $2 ORDER BY uid",
	                      I(tx->user), I(collection));

	while (!rc && (rc = engine_step(st)) == RC_OK)
		add_mail(ret, (struct mail){ .uid = col_u32(st, 0),
		                             .thread = engine_int(st, 1) });
	return sql_end(rc);
}

/* All that is there but for the new ones, which are in ret: by two walks along an index
 * each, since a join would be planned by sizes that such tables do not have yet. */
static enum rc
read_rest(struct store_tx *tx, uint32_t collection, struct mails *ret)
{
	AUTO(engine_stmt)
	struct engine_stmt *st = NULL;
	struct mails noted = { 0 };
	const struct mails fresh = *ret;
	struct mails rest = { 0 };
	enum rc rc = read_noted(tx, collection, &noted);

	if (!rc)
		rc = sql_each(tx->etx, &st,
		              "SELECT uid, received_ms FROM item"
		              " WHERE owner = $1 AND collection = $2",
		              I(tx->user), I(collection));
	while (!rc && (rc = engine_step(st)) == RC_OK) {
		const struct mail *m = find_uid(&noted, col_u32(st, 0));

		if (m && m->thread != 0 && !find_uid(&fresh, m->uid))
			add_mail(&rest, (struct mail){ .uid = m->uid,
			                               .received_ms = engine_int(st, 1),
			                               .thread = m->thread });
	}
	rc = sql_end(rc);
	for (size_t i = 0; !rc && i < rest.n; i++)
		add_mail(ret, rest.p[i]);
	free(noted.p);
	free(rest.p);
	return rc;
}

/* Of l, which is sorted by conversations; leaves the mails in question in front. */
static void
keep_outside(struct mails *l, int64_t from_ms)
{
	size_t kept = 0, next;

	for (size_t i = 0; i < l->n; i = next) {
		int64_t thread = l->p[i].thread;
		bool reaches_in = false;

		for (next = i; next < l->n && l->p[next].thread == thread; next++)
			reaches_in |= l->p[next].received_ms >= from_ms;
		for (size_t k = i; k < next && thread != 0 && reaches_in; k++) {
			if (l->p[k].received_ms < from_ms)
				l->p[kept++] = l->p[k];
		}
	}
	l->n = kept;
}

enum rc
store_thread_outside(struct store_tx *tx, uint32_t collection, int64_t from_ms,
                     struct arena *a, uint32_t **ret, size_t *ret_n)
{
	struct mails l = { 0 };
	struct state st;
	enum rc rc = tx->write ? store_tx_flush(tx) : RC_OK;

	if (!rc)
		rc = load_state(tx, collection, &st);
	if (!rc)
		rc = read_new(tx, collection, &st, INT32_MAX, &l);
	if (!rc)
		rc = look_at_all(tx, &l);
	if (!rc && l.n > 1)
		qsort(l.p, l.n, sizeof(*l.p), compare_uids);
	if (!rc && st.valid)
		rc = read_rest(tx, collection, &l);
	if (!rc) {
		if (l.n > 1)
			qsort(l.p, l.n, sizeof(*l.p), compare_threads);
		keep_outside(&l, from_ms);
		if (l.n > 1)
			qsort(l.p, l.n, sizeof(*l.p), compare_uids);
		*ret = arena_array(a, l.n, uint32_t);
		for (size_t i = 0; i < l.n; i++)
			(*ret)[i] = l.p[i].uid;
		*ret_n = l.n;
	}
	free(l.p);
	return rc;
}
