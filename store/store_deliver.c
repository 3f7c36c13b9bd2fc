/* SPDX-License-Identifier: ISC
 *
 * store_deliver.c - one message to many: one commit a shard, all shards side by side.
 */
#include "store/store_deliver.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "format/mime_thread.h"
#include "store/store_conversation.h"
#include "store/store_directory.h"
#include "store/store_invite.h"
#include "store/store_private.h"

/* The deliveries of one shard. */
struct batch {
	struct engine_tx *etx;
	struct store_moved *moved;
	size_t n_moved;
	size_t from; /* in the order */
	size_t to;
};

struct deliver {
	struct store *s;
	const struct store_content *content;
	const struct store_actor *who;
	int64_t received_ms;
	int64_t now_ms;
	struct store_delivery *all;
	struct arena *a;
	/* Of a mail about a meeting: who each user is; empty: gone. */
	struct span *addresses;
	struct place {
		unsigned shard;
		uint64_t user;
		size_t index;
	} * order; /* of deliveries, by shard and user */
};

static int
compare(const void *pa, const void *pb)
{
	const struct place *a = pa;
	const struct place *b = pb;

	if (a->shard != b->shard)
		return a->shard < b->shard ? -1 : 1;
	/* All lock users' rows in the same order, so that none wait in a circle. */
	if (a->user != b->user)
		return a->user < b->user ? -1 : 1;
	return a->index < b->index ? -1 : a->index > b->index;
}

/* RC_EXISTS: the user has the message of this token. */
static enum rc
take_token(struct store_tx *tx, uint64_t token)
{
	uint64_t rows = 0;
	enum rc rc = sql_run_rows(tx->etx, &rows,
	                          "INSERT INTO delivered (owner, token, done_ms)"
	                          " VALUES ($1, $2, $3)"
	                          " ON CONFLICT (owner, token) DO NOTHING",
	                          I(tx->user), I(token), I(clock_wall_ms()));

	return !rc && rows == 0 ? RC_EXISTS : rc;
}

/* Where its conversation goes, when that is a mail folder still. RC_NOT_FOUND. */
static enum rc
find_conversation(struct deliver *d, struct store_tx *tx, struct arena *a,
                  struct store_collection *ret)
{
	uint8_t id[STORE_CONVERSATION_SIZE];
	struct mime_part *root;
	uint32_t collection;
	enum rc rc;

	if (tx->n_conversations == 0 ||
	    mime_meta_read(buf_span(&d->content->meta), a, &root) != RC_OK)
		return RC_NOT_FOUND;
	mime_conversation_id(root->envelope, a, id);
	rc = store_conversation_find(tx, id, &collection);
	if (!rc)
		rc = store_collection_load(tx, collection, a, ret);
	return !rc && ret->class != STORE_CLASS_MAIL ? RC_NOT_FOUND : rc;
}

static enum rc
find_folder(struct deliver *d, struct store_tx *tx, enum store_role role, struct arena *a,
            struct store_collection *ret)
{
	enum rc rc = role == STORE_ROLE_INBOX ? find_conversation(d, tx, a, ret)
	                                      : RC_NOT_FOUND;

	return rc == RC_NOT_FOUND ? store_collection_find_role(tx, role, a, ret) : rc;
}

static enum rc
add_to_folder(struct deliver *d, struct store_tx *tx, struct store_delivery *one,
              uint32_t *ret_uid)
{
	AUTO(arena)
	struct arena *a = arena_new();
	struct store_item_new item = {
		.flags = one->flags,
		.received_ms = d->received_ms,
	};
	struct store_collection c;
	enum rc rc = one->token != 0 ? take_token(tx, one->token) : RC_OK;

	if (rc == RC_EXISTS)
		return RC_OK;
	if (!rc)
		rc = find_folder(d, tx, one->folder, a, &c);
	if (!rc)
		rc = store_item_add(tx, c.id, d->content, &item, ret_uid, NULL);
	/* What looks like junk stays out of the calendar. */
	if (!rc && d->addresses && one->folder == STORE_ROLE_INBOX)
		rc = store_invite_apply(tx, d->content->invite,
		                        d->addresses[one - d->all], &one->asks);
	return rc ? rc : store_tx_flush(tx);
}

static void
keep_moved(struct batch *b, const struct store_tx *tx)
{
	if (tx->n_moved == 0)
		return;
	b->moved = xreallocarray(b->moved, b->n_moved + tx->n_moved, sizeof(*b->moved));
	memcpy(b->moved + b->n_moved, tx->moved, tx->n_moved * sizeof(*tx->moved));
	b->n_moved += tx->n_moved;
}

/* One user's part: it fails alone. The result is that of the batch. */
static enum rc
deliver_one(struct deliver *d, struct batch *b, struct store_delivery *one)
{
	AUTO(store_tx)
	struct store_tx *tx = NULL;
	uint32_t uid = 0;
	enum rc rc = engine_savepoint(b->etx);

	one->rc = rc;
	if (rc)
		return rc;
	rc = store_tx_join(d->s, b->etx, one->user, d->who, &tx);
	if (!rc)
		rc = add_to_folder(d, tx, one, &uid);
	if (!rc)
		rc = engine_release(b->etx);
	one->rc = rc;
	if (rc) {
		one->asks = false;
		return engine_rollback_to(b->etx);
	}
	one->uid = uid;
	one->oof = uid != 0 && one->folder == STORE_ROLE_INBOX &&
	           store_tx_oof_is_on(tx, d->now_ms);
	keep_moved(b, tx);
	return RC_OK;
}

static void
fail_batch(struct deliver *d, struct batch *b, enum rc rc)
{
	for (size_t i = b->from; i < b->to; i++) {
		struct store_delivery *one = &d->all[d->order[i].index];

		if (one->rc == RC_OK)
			one->rc = rc;
		one->oof = one->asks = false;
	}
	b->n_moved = 0;
}

/* Begins the batch and, unless it is the last, lets its shard's committer have it: that
 * one this thread commits by itself, while the others are under way. */
static void
start_batch(struct deliver *d, struct batch *b, bool last)
{
	enum rc rc = engine_begin(d->s->engine, ENGINE_SHARD, d->order[b->from].shard,
	                          true, &b->etx);

	for (size_t i = b->from; !rc && i < b->to; i++)
		rc = deliver_one(d, b, &d->all[d->order[i].index]);
	if (!rc && b->n_moved > 0) {
		rc = last ? RC_OK : engine_submit(b->etx);
		if (!rc)
			return;
	}
	engine_tx_free(TAKE(b->etx));
	if (rc)
		fail_batch(d, b, rc);
}

static void
finish_batch(struct deliver *d, struct batch *b)
{
	enum rc rc;

	if (!b->etx)
		return;
	rc = engine_commit(&b->etx);
	if (rc)
		fail_batch(d, b, rc);
	else if (d->s->on_commit)
		d->s->on_commit(b->moved, b->n_moved, d->s->on_commit_arg);
}

/* Outside of the transactions: the directory is another database. */
static enum rc
look_up_addresses(struct deliver *d, size_t n)
{
	struct store_user user;
	enum rc rc = RC_OK;

	d->addresses = arena_array(d->a, n, struct span);
	for (size_t i = 0; i < n && !rc; i++) {
		rc = store_user_load(d->s, d->all[i].user, d->a, &user);
		d->addresses[i] = rc ? SPAN("") : user.address;
		if (rc == RC_NOT_FOUND)
			rc = RC_OK;
	}
	return rc;
}

unsigned
store_deliver_group(const struct store *s, uint64_t user)
{
	return store_shard_of(s, user);
}

enum rc
store_deliver(struct store *s, const struct store_content *content,
              const struct store_actor *who, int64_t received_ms,
              struct store_delivery *deliveries, size_t n)
{
	AUTO(arena)
	struct arena *a = arena_new();
	struct deliver d = {
		.s = s,
		.a = a,
		.content = content,
		.who = who,
		.received_ms = received_ms,
		.now_ms = clock_wall_ms(),
		.all = deliveries,
		.order = xcalloc(n + 1, sizeof(*d.order)),
	};
	struct batch *batches = xcalloc(n + 1, sizeof(*batches));
	size_t n_batches = 0;
	enum rc rc = RC_OK;

	for (size_t i = 0; i < n; i++) {
		d.order[i] = (struct place){ store_shard_of(s, deliveries[i].user),
			                     deliveries[i].user, i };
		deliveries[i].rc = RC_OK;
		deliveries[i].uid = 0;
		deliveries[i].oof = deliveries[i].asks = false;
	}
	if (content->invite)
		rc = look_up_addresses(&d, n);
	for (size_t i = 0; rc && i < n; i++)
		deliveries[i].rc = rc;
	if (rc)
		n = 0;
	if (n > 0)
		qsort(d.order, n, sizeof(*d.order), compare);
	for (size_t i = 0; i < n; i = batches[n_batches++].to) {
		struct batch *b = &batches[n_batches];

		b->from = i;
		for (b->to = i; b->to < n && d.order[b->to].shard == d.order[i].shard;)
			b->to++;
		start_batch(&d, b, b->to == n);
	}
	for (size_t i = n_batches; i-- > 0;) {
		finish_batch(&d, &batches[i]);
		free(batches[i].moved);
	}
	for (size_t i = 0; !rc && i < n; i++)
		rc = deliveries[i].rc;
	free(batches);
	free(d.order);
	return rc;
}
