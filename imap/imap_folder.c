/* SPDX-License-Identifier: ISC
 *
 * imap_folder.c - CREATE, DELETE, RENAME, SUBSCRIBE, UNSUBSCRIBE (RFC 9051 6.3.4-6.3.8).
 */
#include "imap/imap_mailbox.h"
#include "imap/imap_private.h"
#include "imap/imap_view.h"

struct folder {
	struct span name;
	struct span to; /* RENAME */
	bool on;        /* SUBSCRIBE */
};

static struct folder *
read_name(struct imap_run *r)
{
	struct folder *f = arena_new_of(r->arena, struct folder);

	r->state = f;
	if (!imap_read_sp(&r->rd) || !imap_read_mailbox(&r->rd, &f->name))
		return NULL;
	return f;
}

void
imap_create_parse(struct imap_run *r)
{
	struct folder *f = read_name(r);

	if (!f || !imap_read_end(&r->rd))
		return;
	/* RFC 9051 6.3.4: "a/" declares that names below it will come. */
	if (f->name.n > 1 && f->name.p[f->name.n - 1] == '/')
		f->name.n--;
}

bool
imap_create_work(struct imap_run *r)
{
	struct folder *f = r->state;
	AUTO(store_tx)
	struct store_tx *tx = NULL;
	uint32_t parent, id;
	struct span leaf;

	enum rc rc = imap_begin(r, &tx);
	if (rc == RC_OK)
		rc = imap_mailbox_make_parents(tx, f->name, r->arena, &parent, &leaf);
	if (rc == RC_OK)
		rc = imap_mailbox_make(tx, parent, leaf, &id);
	if (rc == RC_OK)
		rc = store_commit(&tx);
	imap_reply_rc(r, rc, "Create");
	return true;
}

void
imap_delete_parse(struct imap_run *r)
{
	if (read_name(r))
		imap_read_end(&r->rd);
}

static enum rc
has_children(struct store_tx *tx, uint32_t id, struct arena *a, bool *ret)
{
	struct store_collection *all;
	size_t n;

	enum rc rc = store_collection_list(tx, a, &all, &n);
	if (rc)
		return rc;
	*ret = false;
	for (size_t i = 0; i < n; i++)
		*ret |= all[i].parent == id;
	return RC_OK;
}

bool
imap_delete_work(struct imap_run *r)
{
	struct folder *f = r->state;
	struct imap_session *s = r->s;
	AUTO(store_tx)
	struct store_tx *tx = NULL;
	struct store_collection c;
	bool children = false;

	enum rc rc = imap_begin(r, &tx);
	if (rc == RC_OK)
		rc = imap_mailbox_find(tx, f->name, r->arena, &c);
	if (rc == RC_OK)
		rc = has_children(tx, c.id, r->arena, &children);
	if (rc == RC_OK && children) {
		imap_reply(r, IMAP_NO, "HASCHILDREN", "There are mailboxes below it");
		return true;
	}
	if (rc == RC_OK)
		rc = store_collection_delete(tx, c.id);
	if (rc == RC_OK)
		rc = store_commit(&tx);
	if (rc == RC_OK && s->view && s->view->collection == c.id) {
		imap_view_free(s->view);
		s->view = NULL;
		s->n_saved = 0;
		buf_add_str(&r->out,
		            "* OK [CLOSED] The selected mailbox was deleted\r\n");
	}
	imap_reply_rc(r, rc, "Delete");
	return true;
}

void
imap_delete_finish(struct imap_run *r)
{
	if (!r->s->view)
		imap_session_move(r->s, IMAP_STATE_READY);
}

void
imap_rename_parse(struct imap_run *r)
{
	struct folder *f = read_name(r);

	if (!f || !imap_read_sp(&r->rd) || !imap_read_mailbox(&r->rd, &f->to) ||
	    !imap_read_end(&r->rd))
		return;
	if (f->to.n > 1 && f->to.p[f->to.n - 1] == '/')
		f->to.n--;
}

/* RFC 9051 6.3.6: renaming INBOX moves its messages; it stays, empty, and so does what
 * lies below it. */
static enum rc
move_inbox(struct store_tx *tx, uint32_t inbox, uint32_t parent, struct span leaf,
           struct arena *a)
{
	uint32_t to, *uids, uid;
	size_t n;

	enum rc rc = imap_mailbox_make(tx, parent, leaf, &to);
	if (rc == RC_OK)
		rc = store_item_uids(tx, inbox, a, &uids, &n);
	for (size_t i = 0; rc == RC_OK && i < n; i++)
		rc = store_item_move(tx, inbox, uids[i], to, &uid);
	return rc;
}

bool
imap_rename_work(struct imap_run *r)
{
	struct folder *f = r->state;
	AUTO(store_tx)
	struct store_tx *tx = NULL;
	struct store_collection c;
	uint32_t parent;
	struct span leaf;

	enum rc rc = imap_begin(r, &tx);
	if (rc == RC_OK)
		rc = imap_mailbox_find(tx, f->name, r->arena, &c);
	if (rc == RC_OK)
		rc = imap_mailbox_make_parents(tx, f->to, r->arena, &parent, &leaf);
	if (rc == RC_OK && c.role == STORE_ROLE_INBOX)
		rc = move_inbox(tx, c.id, parent, leaf, r->arena);
	else if (rc == RC_OK)
		rc = store_collection_rename(tx, c.id, parent, leaf);
	if (rc == RC_OK)
		rc = store_commit(&tx);
	imap_reply_rc(r, rc, "Rename");
	return true;
}

static void
subscribe_parse(struct imap_run *r, bool on)
{
	struct folder *f = read_name(r);

	if (f && imap_read_end(&r->rd))
		f->on = on;
}

void
imap_subscribe_parse(struct imap_run *r)
{
	subscribe_parse(r, true);
}

void
imap_unsubscribe_parse(struct imap_run *r)
{
	subscribe_parse(r, false);
}

bool
imap_subscribe_work(struct imap_run *r)
{
	struct folder *f = r->state;
	AUTO(store_tx)
	struct store_tx *tx = NULL;
	struct store_collection c;

	enum rc rc = imap_begin(r, &tx);
	if (rc == RC_OK)
		rc = imap_mailbox_find(tx, f->name, r->arena, &c);
	if (rc == RC_OK && c.subscribed != f->on)
		rc = store_collection_subscribe(tx, c.id, f->on);
	if (rc == RC_OK)
		rc = store_commit(&tx);
	imap_reply_rc(r, rc, f->on ? "Subscribe" : "Unsubscribe");
	return true;
}
