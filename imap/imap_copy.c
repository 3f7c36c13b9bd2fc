/* SPDX-License-Identifier: ISC
 *
 * imap_copy.c - COPY and MOVE with COPYUID (RFC 9051 6.4.7, 6.4.8).
 *
 * One transaction: all messages or none (RFC 9051 6.4.7).
 */
#include <inttypes.h>

#include "imap/imap_mailbox.h"
#include "imap/imap_private.h"
#include "imap/imap_view.h"

struct copy {
	struct imap_seqset wire;
	struct span name;
	bool move;
	uint32_t epoch;  /* of the target */
	struct buf from; /* uint32_t: UIDs copied ... */
	struct buf to;   /* ... and what they became */
	uint64_t modseq;
};

static void
copy_done(void *arg)
{
	struct copy *c = arg;

	buf_done(&c->from);
	buf_done(&c->to);
}

static void
parse(struct imap_run *r, bool move)
{
	struct copy *c = arena_new_of(r->arena, struct copy);
	struct imap_read *rd = &r->rd;

	r->state = c;
	c->move = move;
	buf_init(&c->from, 0);
	buf_init(&c->to, 0);
	arena_on_free(r->arena, copy_done, c);
	if (imap_read_sp(rd) && imap_read_set(rd, &c->wire) && imap_read_sp(rd) &&
	    imap_read_mailbox(rd, &c->name))
		imap_read_end(rd);
}

void
imap_copy_parse(struct imap_run *r)
{
	parse(r, false);
}

void
imap_move_parse(struct imap_run *r)
{
	parse(r, true);
}

static enum rc
copy_one(struct imap_run *r, struct store_tx *tx, struct copy *c, uint32_t to,
         uint32_t uid)
{
	uint32_t collection = r->s->view->collection;
	uint32_t got;
	enum rc rc;

	if (c->move)
		rc = store_item_move(tx, collection, uid, to, &got);
	else
		rc = store_item_copy(tx, collection, uid, to, &got);
	/* A UID that is gone is passed over; a number stands for a message. */
	if (rc == RC_NOT_FOUND && r->by_uid)
		return RC_OK;
	if (rc)
		return rc;
	buf_add(&c->from, &uid, sizeof(uid));
	buf_add(&c->to, &got, sizeof(got));
	return RC_OK;
}

static enum rc
copy_all(struct imap_run *r, struct store_tx *tx, struct copy *c,
         const struct imap_seqset *seqs, uint32_t to)
{
	for (size_t i = 0; i < seqs->n; i++) {
		for (uint32_t seq = seqs->v[i].lo; seq <= seqs->v[i].hi; seq++) {
			if (atomic_load(&r->cancelled))
				return RC_AGAIN;
			enum rc rc =
				copy_one(r, tx, c, to, imap_view_uid(r->s->view, seq));
			if (rc)
				return rc;
		}
	}
	return RC_OK;
}

/* "COPYUID 38505 304,319:320 3956:3958" (RFC 9051 7.1) */
static const char *
copyuid(struct imap_run *r, const struct copy *c)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);

	buf_addf(&b, "COPYUID %" PRIu32 " ", c->epoch);
	imap_seqset_write(&b, (const uint32_t *)(const void *)c->from.p,
	                  c->from.len / sizeof(uint32_t));
	buf_add_char(&b, ' ');
	imap_seqset_write(&b, (const uint32_t *)(const void *)c->to.p,
	                  c->to.len / sizeof(uint32_t));
	return arena_strndup(r->arena, buf_span(&b));
}

static void
answer(struct imap_run *r, const struct copy *c)
{
	const char *code = buf_len(&c->to) > 0 ? copyuid(r, c) : NULL;

	if (!c->move) {
		imap_reply(r, IMAP_OK, code, "Copy completed");
		return;
	}
	/* RFC 6851 4.3: before the EXPUNGEs, so untagged. */
	if (code)
		buf_addf(&r->out, "* OK [%s] Moved\r\n", code);
	imap_reply(r, IMAP_OK, NULL, "Move completed");
	if (r->s->qresync)
		r->code = arena_printf(r->arena, "HIGHESTMODSEQ %" PRIu64, c->modseq);
}

static enum rc
select_messages(struct imap_run *r, const struct copy *c, struct imap_seqset *ret)
{
	AUTO(store_tx)
	struct store_tx *tx = NULL;

	enum rc rc = imap_look(r, &tx);
	return rc ? rc : imap_view_select(r, tx, &c->wire, r->by_uid, ret);
}

bool
imap_copy_work(struct imap_run *r)
{
	struct copy *c = r->state;
	const char *what = c->move ? "Move" : "Copy";
	AUTO(store_tx)
	struct store_tx *tx = NULL;
	struct imap_seqset seqs;
	struct store_collection to;

	enum rc rc = select_messages(r, c, &seqs);
	if (rc) {
		imap_reply_rc(r, rc, what);
		if (rc == RC_INVALID)
			imap_reply(r, IMAP_BAD, NULL, "No such message");
		return true;
	}
	rc = imap_begin(r, &tx);
	if (rc == RC_OK)
		rc = imap_mailbox_find(tx, c->name, r->arena, &to);
	if (rc) {
		imap_reply_target_rc(r, rc, what);
		return true;
	}
	c->epoch = to.epoch;
	rc = copy_all(r, tx, c, &seqs, to.id);
	if (rc == RC_OK) {
		c->modseq = store_tx_modseq(tx);
		rc = store_commit(&tx);
	}
	if (rc == RC_NOT_FOUND)
		imap_reply(r, IMAP_NO, "EXPUNGEISSUED",
		           "Some of the messages do not exist any more");
	else if (rc)
		imap_reply_rc(r, rc, what);
	else
		answer(r, c);
	return true;
}
