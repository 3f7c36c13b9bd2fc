/* SPDX-License-Identifier: ISC
 *
 * imap_store.c - STORE (RFC 9051 6.4.6) with UNCHANGEDSINCE (RFC 7162 3.1.3).
 */
#include <inttypes.h>

#include "imap/imap_private.h"
#include "imap/imap_view.h"

/* Messages of one transaction. */
#define AT_ONCE 500
#define KEYWORDS_MAX 4096 /* bytes of an item's keywords */

struct store_cmd {
	struct imap_seqset wire;
	char mode; /* '+', '-' or '=' */
	bool silent;
	bool conditional;
	uint64_t unchanged_since;
	struct imap_flags flags;
	/* progress */
	bool ready;
	bool missing;
	struct imap_seqset seqs;
	size_t range;
	uint32_t next_seq;
	struct buf modified; /* uint32_t: numbers that failed UNCHANGEDSINCE */
};

static void
store_cmd_done(void *arg)
{
	struct store_cmd *c = arg;

	buf_done(&c->modified);
}

static bool
read_action(struct imap_read *rd, struct store_cmd *c)
{
	struct span word;

	if (!imap_read_word(rd, &word))
		return false;
	c->mode = '=';
	if (word.p[0] == '+' || word.p[0] == '-') {
		c->mode = word.p[0];
		word = span_sub(word, 1, word.n);
	}
	c->silent = span_iis(word, "FLAGS.SILENT");
	return c->silent || span_iis(word, "FLAGS") ||
	       imap_read_fail(rd, "FLAGS expected");
}

void
imap_store_parse(struct imap_run *r)
{
	struct store_cmd *c = arena_new_of(r->arena, struct store_cmd);
	struct imap_read *rd = &r->rd;

	r->state = c;
	buf_init(&c->modified, 0);
	arena_on_free(r->arena, store_cmd_done, c);
	if (!imap_read_sp(rd) || !imap_read_set(rd, &c->wire) || !imap_read_sp(rd))
		return;
	if (imap_read_if(rd, '(')) {
		if (!imap_read_if_word(rd, "UNCHANGEDSINCE"))
			imap_read_fail(rd, "Unknown modifier");
		if (!imap_read_sp(rd) || !imap_read_u64(rd, &c->unchanged_since) ||
		    !imap_read_char(rd, ')') || !imap_read_sp(rd))
			return;
		c->conditional = true;
	}
	if (!read_action(rd, c) || !imap_read_sp(rd) ||
	    !imap_read_flags(rd, true, &c->flags) || !imap_read_end(rd))
		return;
	if (c->conditional)
		imap_enable_condstore(r);
}

/* What the item will have; false when it would be too much. */
static bool
make_change(const struct store_cmd *c, const struct store_item *item, struct arena *a,
            struct store_item_change *ret)
{
	*ret = (struct store_item_change){ 0 };
	switch (c->mode) {
	case '+':
		ret->flags_on = c->flags.system;
		ret->keywords = imap_keywords_add(item->keywords, c->flags.keywords, a);
		break;
	case '-':
		ret->flags_off = c->flags.system;
		ret->keywords =
			imap_keywords_remove(item->keywords, c->flags.keywords, a);
		break;
	case '=':
		ret->flags_on = c->flags.system;
		ret->flags_off = ~c->flags.system;
		ret->keywords = c->flags.keywords;
		break;
	}
	ret->set_keywords = !imap_keywords_eq(ret->keywords, item->keywords);
	return ret->keywords.n <= KEYWORDS_MAX;
}

static void
write_result(struct imap_run *r, const struct store_cmd *c, uint32_t seq,
             const struct store_item *item)
{
	if (!c->silent)
		imap_view_write_flags(r, seq, item);
	else if (r->s->condstore)
		/* RFC 7162 3.1.3: told even when .SILENT is asked. */
		buf_addf(&r->out,
		         "* %" PRIu32 " FETCH (UID %" PRIu32 " MODSEQ (%" PRIu64 "))\r\n",
		         seq, item->uid, item->modseq);
}

static enum rc
store_one(struct imap_run *r, struct store_tx *tx, struct store_cmd *c, uint32_t seq,
          struct arena *a)
{
	struct imap_view *v = r->s->view;
	uint32_t uid = imap_view_uid(v, seq);
	struct store_item item;
	struct store_item_change change;

	enum rc rc = store_item_load(tx, v->collection, uid, a, &item);
	if (rc == RC_NOT_FOUND) {
		c->missing = true;
		return RC_OK;
	}
	if (rc)
		return rc;
	if (c->conditional && (item.modseq > c->unchanged_since ||
	                       store_tx_is_lost(tx, c->unchanged_since))) {
		uint32_t n = r->by_uid ? uid : seq;
		buf_add(&c->modified, &n, sizeof(n));
		return RC_OK;
	}
	if (!make_change(c, &item, a, &change))
		return RC_TOO_BIG;
	rc = store_item_update(tx, v->collection, uid, &change, &item.modseq);
	if (rc)
		return rc;
	item.flags = (item.flags & ~change.flags_off) | change.flags_on;
	if (change.set_keywords)
		item.keywords = change.keywords;
	imap_view_told(v, uid, item.modseq);
	write_result(r, c, seq, &item);
	return RC_OK;
}

/* A transaction's worth; the answers stand only if it was committed. */
static enum rc
store_some(struct imap_run *r, struct store_cmd *c)
{
	AUTO(arena)
	struct arena *a = arena_new();
	AUTO(store_tx)
	struct store_tx *tx = NULL;
	size_t before = buf_len(&r->out);
	size_t told = r->s->view->n_told;

	enum rc rc = imap_begin(r, &tx);
	for (size_t n = 0; rc == RC_OK && n < AT_ONCE && c->range < c->seqs.n; n++) {
		rc = store_one(r, tx, c, c->next_seq, a);
		if (c->next_seq++ < c->seqs.v[c->range].hi)
			continue;
		if (++c->range < c->seqs.n)
			c->next_seq = c->seqs.v[c->range].lo;
	}
	if (rc == RC_OK)
		rc = store_commit(&tx);
	if (rc) {
		buf_truncate(&r->out, before);
		r->s->view->n_told = told;
	}
	return rc;
}

static enum rc
prepare(struct imap_run *r, struct store_cmd *c)
{
	AUTO(store_tx)
	struct store_tx *tx = NULL;

	enum rc rc = imap_look(r, &tx);
	if (rc == RC_OK)
		rc = imap_view_select(r, tx, &c->wire, r->by_uid, &c->seqs);
	if (rc)
		return rc;
	c->next_seq = c->seqs.n > 0 ? c->seqs.v[0].lo : 0;
	c->ready = true;
	return RC_OK;
}

static void
answer(struct imap_run *r, struct store_cmd *c)
{
	if (buf_len(&c->modified) > 0) {
		AUTO_DONE(buf) struct buf b = BUF_INIT(0);
		buf_add_str(&b, "MODIFIED ");
		imap_seqset_write(&b, (const uint32_t *)(const void *)c->modified.p,
		                  c->modified.len / sizeof(uint32_t));
		imap_reply(r, IMAP_OK, arena_strndup(r->arena, buf_span(&b)),
		           "Conditional STORE failed for some");
	} else if (c->missing && !r->by_uid) {
		imap_reply(r, IMAP_OK, "EXPUNGEISSUED",
		           "Completed, but for messages that do not exist any more");
	} else {
		imap_reply_rc(r, RC_OK, "Store");
	}
}

bool
imap_store_work(struct imap_run *r)
{
	struct store_cmd *c = r->state;

	enum rc rc = c->ready ? RC_OK : prepare(r, c);
	if (rc == RC_INVALID) {
		imap_reply(r, IMAP_BAD, NULL, "No such message");
		return true;
	}
	if (rc == RC_OK && c->range < c->seqs.n)
		rc = store_some(r, c);
	if (rc) {
		imap_reply_rc(r, rc, "Store");
		return true;
	}
	if (c->range < c->seqs.n)
		return false;
	answer(r, c);
	return true;
}
