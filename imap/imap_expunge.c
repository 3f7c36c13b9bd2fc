/* SPDX-License-Identifier: ISC
 *
 * imap_expunge.c - EXPUNGE, UID EXPUNGE, and what CLOSE expunges (RFC 9051 6.4.2, 6.4.9).
 *
 * The removal itself is told by imap_view_sync(), as that of any other session is.
 */
#include <inttypes.h>

#include "imap/imap_private.h"
#include "imap/imap_view.h"

#define AT_ONCE 500

struct expunge {
	struct imap_seqset wire;
	struct imap_seqset uids; /* UID EXPUNGE; n 0: all */
	uint32_t from;           /* progress: UIDs below are done */
	uint64_t modseq;
	uint32_t found[AT_ONCE];
	size_t n;
};

void
imap_expunge_parse(struct imap_run *r)
{
	struct expunge *e = arena_new_of(r->arena, struct expunge);

	r->state = e;
	e->from = 1;
	if (r->by_uid && (!imap_read_sp(&r->rd) || !imap_read_set(&r->rd, &e->wire)))
		return;
	imap_read_end(&r->rd);
}

static bool
note_deleted(const struct store_item *item, void *arg)
{
	struct expunge *e = arg;

	e->from = item->uid + 1;
	if ((item->flags & STORE_FLAG_DELETED) &&
	    (!e->uids.v || imap_seqset_has(&e->uids, item->uid)))
		e->found[e->n++] = item->uid;
	return e->n < AT_ONCE;
}

/* Looks in a snapshot; who it finds is asked again where it counts. */
static enum rc
find_some(struct imap_run *r, struct expunge *e, uint32_t collection)
{
	AUTO(store_tx)
	struct store_tx *tx = NULL;

	e->n = 0;
	enum rc rc = imap_look(r, &tx);
	if (rc)
		return rc;
	return store_item_each(tx, collection, e->from, UINT32_MAX, note_deleted, e);
}

static enum rc
remove_some(struct imap_run *r, struct expunge *e, uint32_t collection)
{
	AUTO(arena)
	struct arena *a = arena_new();
	AUTO(store_tx)
	struct store_tx *tx = NULL;

	enum rc rc = imap_begin(r, &tx);
	for (size_t i = 0; rc == RC_OK && i < e->n; i++) {
		struct store_item item;
		rc = store_item_load(tx, collection, e->found[i], a, &item);
		if (rc == RC_OK && (item.flags & STORE_FLAG_DELETED))
			rc = store_item_expunge(tx, collection, e->found[i]);
		if (rc == RC_NOT_FOUND)
			rc = RC_OK;
	}
	if (rc)
		return rc;
	e->modseq = store_tx_modseq(tx);
	return store_commit(&tx);
}

/* True when all is done or failed; RC_OK goes on otherwise. */
static bool
slice(struct imap_run *r, struct expunge *e, const char *what)
{
	uint32_t collection = r->s->view->collection;

	enum rc rc = find_some(r, e, collection);
	bool last = e->n < AT_ONCE;
	if (rc == RC_OK && e->n > 0)
		rc = remove_some(r, e, collection);
	if (rc) {
		imap_reply_rc(r, rc, what);
		return true;
	}
	return last;
}

bool
imap_expunge_work(struct imap_run *r)
{
	struct expunge *e = r->state;

	/* "$" and "*" mean what the client knows. */
	if (r->by_uid && !e->uids.v) {
		AUTO(store_tx)
		struct store_tx *tx = NULL;
		enum rc rc = imap_look(r, &tx);
		if (rc == RC_OK)
			rc = imap_view_select_uids(r, tx, &e->wire, &e->uids);
		if (rc) {
			imap_reply_rc(r, rc, "Expunge");
			return true;
		}
	}
	imap_reply_rc(r, RC_OK, "Expunge");
	if (!slice(r, e, "Expunge"))
		return false;
	/* RFC 7162 3.2.7. */
	if (r->status == IMAP_OK && r->s->qresync && e->modseq)
		r->code = arena_printf(r->arena, "HIGHESTMODSEQ %" PRIu64, e->modseq);
	return true;
}

/* RFC 9051 6.4.1: what is marked \Deleted goes, and nobody is told. */
bool
imap_close_work(struct imap_run *r)
{
	if (r->s->view->read_only)
		return true;
	if (!r->state) {
		struct expunge *e = arena_new_of(r->arena, struct expunge);
		e->from = 1;
		r->state = e;
	}
	return slice(r, r->state, "Close");
}
