/* SPDX-License-Identifier: ISC
 *
 * imap_view_sync.c - tells a client what has changed in its mailbox (RFC 9051 7.5, RFC
 * 7162 3.2.10): from the change log, never by comparing mailboxes.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "base/mem.h"
#include "imap/imap_view.h"
#include "store/store_change.h"

#define CHANGES_AT_ONCE 1000

/* What moved since the view's modseq; UIDs in no order. */
struct news {
	struct buf born;
	struct buf gone;
	struct buf updates;
};

static void
news_done(struct news *n)
{
	buf_done(&n->born);
	buf_done(&n->gone);
	buf_done(&n->updates);
}

static uint32_t *
uids_of(const struct buf *b, size_t *ret_n)
{
	*ret_n = b->len / sizeof(uint32_t);
	return (uint32_t *)(void *)b->p;
}

static void
add_uid(struct buf *b, uint32_t uid)
{
	buf_add(b, &uid, sizeof(uid));
}

static int
by_uid(const void *a, const void *b)
{
	const struct imap_told *x = a, *y = b;

	if (x->uid != y->uid)
		return x->uid < y->uid ? -1 : 1;
	return (x->modseq > y->modseq) - (x->modseq < y->modseq);
}

/* Did we make this very change, and told it? told is sorted. */
static bool
was_told(const struct imap_view *v, uint32_t uid, uint64_t modseq)
{
	size_t lo = 0, hi = v->n_told;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		if (v->told[mid].uid <= uid)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo > 0 && v->told[lo - 1].uid == uid && v->told[lo - 1].modseq >= modseq;
}

static void
note_change(const struct imap_view *v, const struct store_change *c, struct news *news)
{
	const struct store_item *item = &c->item;
	bool born = item->created > v->modseq;

	switch (c->kind) {
	case STORE_CHANGE_EXPUNGE:
		/* Born and gone since: the client never knew it. */
		if (!born)
			add_uid(&news->gone, item->uid);
		break;
	case STORE_CHANGE_ADD:
		add_uid(&news->born, item->uid);
		break;
	case STORE_CHANGE_UPDATE:
		/* Born since and changed later: the ADD was in an earlier batch. */
		if (!born && !was_told(v, item->uid, c->modseq))
			add_uid(&news->updates, item->uid);
		break;
	}
}

static enum rc
collect(struct store_tx *tx, struct imap_view *v, struct news *news)
{
	struct store_change_query q = {
		.collection = v->collection,
		.since = v->modseq,
		.limit = CHANGES_AT_ONCE,
	};
	bool more = true;

	if (v->n_told > 1)
		qsort(v->told, v->n_told, sizeof(*v->told), by_uid);
	while (more) {
		AUTO(arena)
		struct arena *a = arena_new();
		struct store_change *c;
		size_t n;
		enum rc rc = store_changes(tx, &q, a, &c, &n, &q.since, &more);
		if (rc)
			return rc;
		for (size_t i = 0; i < n; i++)
			note_change(v, &c[i], news);
	}
	return RC_OK;
}

/* Adds news to what was held back; all of it rises after that. */
static void
merge_gone(struct imap_view *v, const struct buf *gone)
{
	size_t n;
	const uint32_t *uids = uids_of(gone, &n);

	if (n == 0)
		return;
	v->gone = xreallocarray(v->gone, v->n_gone + n, sizeof(*v->gone));
	memcpy(v->gone + v->n_gone, uids, n * sizeof(*uids));
	v->n_gone += n;
	imap_sort_u32(v->gone, v->n_gone);
}

/* EXPUNGE from the highest number down, so that none is moved by another. */
static void
tell_gone(struct imap_run *r, struct imap_view *v)
{
	if (r->s->qresync) {
		buf_add_str(&r->out, "* VANISHED ");
		imap_seqset_write(&r->out, v->gone, v->n_gone);
		buf_add_str(&r->out, "\r\n");
	} else {
		for (size_t i = v->n_gone; i-- > 0;) {
			uint32_t seq = imap_view_seq(v, v->gone[i]);
			if (seq)
				buf_addf(&r->out, "* %" PRIu32 " EXPUNGE\r\n", seq);
		}
	}
	uint32_t out = 0;
	for (size_t i = 0, g = 0; i < v->exists; i++) {
		while (g < v->n_gone && v->gone[g] < v->uids[i])
			g++;
		if (g == v->n_gone || v->gone[g] != v->uids[i])
			v->uids[out++] = v->uids[i];
	}
	v->exists = out;
	free(v->gone);
	v->gone = NULL;
	v->n_gone = 0;
}

static void
tell_born(struct imap_run *r, struct imap_view *v, const struct buf *born)
{
	size_t n;
	uint32_t *uids = uids_of(born, &n);

	if (n == 0)
		return;
	if (v->loaded) {
		imap_sort_u32(uids, n);
		if (v->exists + n > v->cap) {
			v->cap = v->exists + n + v->exists / 16;
			v->uids = xreallocarray(v->uids, v->cap, sizeof(*v->uids));
		}
		memcpy(v->uids + v->exists, uids, n * sizeof(*uids));
	}
	v->exists += (uint32_t)n;
	buf_addf(&r->out, "* %" PRIu32 " EXISTS\r\n", v->exists);
}

/* The FETCH lines are made later, in slices. */
static void
keep_updates(struct imap_view *v, struct buf *updates)
{
	size_t n;
	uint32_t *uids = uids_of(updates, &n);

	if (n == 0)
		return;
	imap_sort_u32(uids, n);
	v->updates = xreallocarray(NULL, n, sizeof(*uids));
	memcpy(v->updates, uids, n * sizeof(*uids));
	v->n_updates = n;
	v->at_update = 0;
}

static enum rc
apply(struct imap_run *r, struct store_tx *tx, struct news *news, bool may_expunge)
{
	struct imap_view *v = r->s->view;
	bool needs_map = news->gone.len > 0 || news->updates.len > 0 || v->n_gone > 0;

	if (needs_map) {
		enum rc rc = imap_view_load(tx, v);
		if (rc)
			return rc;
	}
	merge_gone(v, &news->gone);
	if (v->n_gone > 0 && may_expunge)
		tell_gone(r, v);
	tell_born(r, v, &news->born);
	keep_updates(v, &news->updates);
	v->modseq = store_tx_modseq(tx);
	v->n_told = 0;
	return RC_OK;
}

/* A slice of the FETCH lines. */
static bool
write_updates(struct imap_run *r, struct store_tx *tx)
{
	struct imap_view *v = r->s->view;
	AUTO(arena)
	struct arena *a = arena_new();

	while (v->at_update < v->n_updates && buf_len(&r->out) < IMAP_SLICE_BYTES) {
		uint32_t uid = v->updates[v->at_update++];
		uint32_t seq = imap_view_seq(v, uid);
		struct store_item item;
		/* Expunged in the meantime: the next round tells. */
		if (!seq || store_item_load(tx, v->collection, uid, a, &item))
			continue;
		imap_view_write_flags(r, seq, &item);
	}
	if (v->at_update < v->n_updates)
		return false;
	free(v->updates);
	v->updates = NULL;
	v->n_updates = v->at_update = 0;
	return true;
}

static enum rc
look_for_news(struct imap_run *r, struct store_tx *tx, bool may_expunge)
{
	struct imap_view *v = r->s->view;
	AUTO(arena)
	struct arena *a = arena_new();
	AUTO_DONE(news) struct news news = { BUF_INIT(0), BUF_INIT(0), BUF_INIT(0) };
	struct store_collection c;

	if (store_tx_modseq(tx) == v->modseq && (v->n_gone == 0 || !may_expunge)) {
		v->n_told = 0;
		return RC_OK;
	}
	enum rc rc = store_collection_load(tx, v->collection, a, &c);
	if (rc)
		return rc;
	if (c.epoch != v->epoch)
		return RC_NOT_FOUND;
	rc = collect(tx, v, &news);
	if (rc == RC_OK)
		rc = apply(r, tx, &news, may_expunge);
	return rc;
}

bool
imap_view_sync(struct imap_run *r, bool may_expunge)
{
	AUTO(store_tx)
	struct store_tx *tx = NULL;
	struct imap_view *v = r->s->view;

	enum rc rc = imap_look(r, &tx);
	if (rc == RC_OK && v->n_updates == 0)
		rc = look_for_news(r, tx, may_expunge);
	if (rc == RC_OK)
		return v->n_updates == 0 || write_updates(r, tx);
	if (rc == RC_AGAIN) {
		/* A command need not wait for it: the next one tells. IDLE does. */
		r->again = r->silent && r->failures < IMAP_RETRIES;
		return !r->again;
	}
	r->bye = true;
	r->text = rc == RC_NOT_FOUND ? "The selected mailbox was deleted"
	                             : "The selected mailbox cannot be read";
	return true;
}
