/* SPDX-License-Identifier: ISC
 *
 * imap_select.c - SELECT, EXAMINE, CLOSE, UNSELECT (RFC 9051 6.3.2, 6.4.1) and the quick
 * resynchronisation of RFC 7162 3.2.5.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "base/mem.h"
#include "imap/imap_mailbox.h"
#include "imap/imap_private.h"
#include "imap/imap_resync.h"
#include "imap/imap_view.h"
#include "imap/imap_write.h"

struct select {
	struct span name;
	bool read_only;
	bool qresync;
	uint32_t epoch;
	uint64_t modseq;
	struct imap_seqset known; /* UIDs that the client has; n 0: all */
};

/* "(uidvalidity modseq [known-uids] [(seqs uids)])" (RFC 7162 3.2.5) */
static bool
read_qresync(struct imap_run *r, struct select *sel)
{
	struct imap_read *rd = &r->rd;
	struct imap_seqset ignored;

	if (!r->s->qresync)
		return imap_read_fail(rd, "QRESYNC was not enabled");
	if (!imap_read_sp(rd) || !imap_read_char(rd, '(') ||
	    !imap_read_u32(rd, &sel->epoch) || !imap_read_sp(rd) ||
	    !imap_read_u64(rd, &sel->modseq))
		return false;
	bool more = imap_read_if(rd, ' ');
	if (more && imap_read_peek(rd) != '(') {
		if (!imap_read_set(rd, &sel->known) || sel->known.saved)
			return imap_read_fail(rd, "Set of UIDs expected");
		more = imap_read_if(rd, ' ');
	}
	/* The sequence match data help a server without tombstones; we have them. */
	if (more && (!imap_read_char(rd, '(') || !imap_read_set(rd, &ignored) ||
	             !imap_read_sp(rd) || !imap_read_set(rd, &ignored) ||
	             !imap_read_char(rd, ')')))
		return false;
	sel->qresync = true;
	return imap_read_char(rd, ')');
}

static void
parse(struct imap_run *r, bool read_only)
{
	struct select *sel = arena_new_of(r->arena, struct select);
	struct imap_read *rd = &r->rd;
	bool condstore = false;

	r->state = sel;
	sel->read_only = read_only;
	if (!imap_read_sp(rd) || !imap_read_mailbox(rd, &sel->name))
		return;
	if (imap_read_if(rd, ' ')) {
		if (!imap_read_char(rd, '('))
			return;
		do {
			if (imap_read_if_word(rd, "CONDSTORE"))
				condstore = true;
			else if (!imap_read_if_word(rd, "QRESYNC"))
				imap_read_fail(rd, "Unknown parameter");
			else
				read_qresync(r, sel);
		} while (imap_read_if(rd, ' '));
		if (!imap_read_char(rd, ')'))
			return;
	}
	if (imap_read_end(rd) && condstore)
		r->s->condstore = true;
}

void
imap_select_parse(struct imap_run *r)
{
	parse(r, false);
}

void
imap_examine_parse(struct imap_run *r)
{
	parse(r, true);
}

struct first_unseen {
	uint32_t seq;
	bool found;
};

static bool
look_for_unseen(const struct store_item *item, void *arg)
{
	struct first_unseen *f = arg;

	f->seq++;
	f->found = !(item->flags & STORE_FLAG_SEEN);
	return !f->found;
}

static void
write_answers(struct imap_run *r, const struct select *sel,
              const struct store_collection *c, const struct imap_view *v,
              uint32_t unseen)
{
	struct buf *out = &r->out;

	buf_add_str(out, "* FLAGS (");
	imap_flag_write_all(out);
	buf_add_str(out, ")\r\n* OK [PERMANENTFLAGS (");
	if (!sel->read_only) {
		imap_flag_write_all(out);
		buf_add_str(out, " \\*");
	}
	buf_addf(out, ")] Flags permitted\r\n* %" PRIu32 " EXISTS\r\n", v->exists);
	if (!r->s->rev2)
		buf_add_str(out, "* 0 RECENT\r\n");
	if (unseen)
		buf_addf(out, "* OK [UNSEEN %" PRIu32 "] First unseen\r\n", unseen);
	buf_addf(out,
	         "* OK [UIDVALIDITY %" PRIu32 "] UIDs valid\r\n"
	         "* OK [UIDNEXT %" PRIu32 "] Predicted next UID\r\n"
	         "* OK [HIGHESTMODSEQ %" PRIu64 "] Highest\r\n",
	         c->epoch, c->uid_next, c->modseq);
	/* RFC 9051 6.3.2. */
	if (r->s->rev2) {
		buf_add_str(out, "* LIST () \"/\" ");
		imap_write_mailbox(out, sel->name, true);
		buf_add_str(out, "\r\n");
	}
}

/* Of the messages, those that the client knows. */
static size_t
keep_known(struct buf *b, const struct imap_seqset *known)
{
	uint32_t *v = (uint32_t *)(void *)b->p;
	size_t n = 0;

	for (size_t i = 0; i < b->len / sizeof(*v); i++) {
		if (!known || imap_seqset_has(known, v[i]))
			v[n++] = v[i];
	}
	imap_sort_u32(v, n);
	return n;
}

/* VANISHED (EARLIER) at once; the FETCH lines come in the slices of imap_view_sync(). */
static enum rc
resync(struct imap_run *r, struct store_tx *tx, const struct select *sel,
       const struct store_collection *c, struct imap_view *v)
{
	AUTO_DONE(buf) struct buf gone = BUF_INIT(0);
	AUTO_DONE(buf) struct buf changed = BUF_INIT(0);
	struct imap_seqset known = { 0 };
	const struct imap_seqset *among = NULL;

	if (!sel->qresync || sel->epoch != c->epoch)
		return RC_OK;
	enum rc rc = imap_resync_changes(tx, v, sel->modseq, c->uid_next, r->arena, &gone,
	                                 &changed);
	if (rc)
		return rc;
	if (sel->known.n > 0) {
		imap_seqset_resolve(&sel->known, c->uid_next - 1, r->arena, &known);
		among = &known;
	}
	imap_resync_write_gone(&r->out, &gone, among, r->arena);
	size_t n = keep_known(&changed, among);
	if (n > 0) {
		v->updates = xreallocarray(NULL, n, sizeof(*v->updates));
		memcpy(v->updates, changed.p, n * sizeof(*v->updates));
		v->n_updates = n;
	}
	return RC_OK;
}

static enum rc
open_view(struct imap_run *r, struct store_tx *tx, const struct select *sel)
{
	struct store_collection c;
	struct first_unseen unseen = { 0, false };

	enum rc rc = imap_mailbox_find(tx, sel->name, r->arena, &c);
	if (rc == RC_OK)
		rc = imap_view_new(tx, &c, &r->s->view);
	/* RFC 9051 has no UNSEEN in SELECT any more. */
	if (rc == RC_OK && c.unseen > 0 && !r->s->rev2)
		rc = store_item_each(tx, c.id, 1, UINT32_MAX, look_for_unseen, &unseen);
	if (rc)
		return rc;
	r->s->view->read_only = sel->read_only;
	write_answers(r, sel, &c, r->s->view, unseen.found ? unseen.seq : 0);
	return resync(r, tx, sel, &c, r->s->view);
}

static void
close_view(struct imap_session *s)
{
	imap_view_free(s->view);
	s->view = NULL;
	free(s->saved);
	s->saved = NULL;
	s->n_saved = 0;
}

bool
imap_select_work(struct imap_run *r)
{
	struct select *sel = r->state;
	struct imap_session *s = r->s;
	AUTO(store_tx)
	struct store_tx *tx = NULL;

	if (s->view)
		buf_add_str(&r->out, "* OK [CLOSED] Previous mailbox closed\r\n");
	close_view(s);
	enum rc rc = imap_look(r, &tx);
	if (rc == RC_OK)
		rc = open_view(r, tx, sel);
	if (rc) {
		close_view(s);
		imap_reply_rc(r, rc, "Select");
		return true;
	}
	imap_reply(r, IMAP_OK, sel->read_only ? "READ-ONLY" : "READ-WRITE", "Selected");
	return true;
}

void
imap_select_finish(struct imap_run *r)
{
	imap_session_move(r->s, r->s->view ? IMAP_STATE_SELECTED : IMAP_STATE_READY);
}

void
imap_close_finish(struct imap_run *r)
{
	if (r->status != IMAP_OK)
		return;
	close_view(r->s);
	imap_session_move(r->s, IMAP_STATE_READY);
}
