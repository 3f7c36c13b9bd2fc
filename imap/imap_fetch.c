/* SPDX-License-Identifier: ISC
 *
 * imap_fetch.c - FETCH (RFC 9051 6.4.5), in slices whatever the client asks for.
 *
 * A batch of items is read by one query, marked \Seen where the command does so, and
 * written; a literal that is longer than a slice goes on in the next one.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "base/mem.h"
#include "imap/imap_bodystructure.h"
#include "imap/imap_fetch.h"
#include "imap/imap_resync.h"
#include "imap/imap_write.h"
#include "store/store_change.h"

#define BATCH_MAX 2000

static void
fetch_done(void *arg)
{
	struct fetch *f = arg;

	arena_free(f->batch);
	arena_free(f->scratch);
	free(f->items);
	buf_done(&f->decoded);
}

/* "(CHANGEDSINCE 12345 VANISHED)" (RFC 7162 3.1.4.1, 3.2.6) */
static bool
read_modifiers(struct imap_run *r, struct fetch *f)
{
	struct imap_read *rd = &r->rd;

	if (!imap_read_char(rd, '('))
		return false;
	do {
		if (imap_read_if_word(rd, "CHANGEDSINCE")) {
			if (!imap_read_sp(rd) || !imap_read_u64(rd, &f->changed_since))
				return false;
		} else if (imap_read_if_word(rd, "VANISHED")) {
			f->vanished = true;
		} else {
			return imap_read_fail(rd, "Unknown modifier");
		}
	} while (imap_read_if(rd, ' '));
	if (f->vanished && (!r->by_uid || !r->s->qresync || f->changed_since == 0))
		return imap_read_fail(
			rd, "VANISHED needs UID FETCH, QRESYNC and CHANGEDSINCE");
	return imap_read_char(rd, ')');
}

void
imap_fetch_parse(struct imap_run *r)
{
	struct fetch *f = arena_new_of(r->arena, struct fetch);
	struct imap_read *rd = &r->rd;

	r->state = f;
	buf_init(&f->decoded, 0);
	arena_on_free(r->arena, fetch_done, f);
	if (!imap_read_sp(rd) || !imap_read_set(rd, &f->wire) || !imap_read_sp(rd) ||
	    !imap_fetch_read_atts(r, f))
		return;
	bool modifiers = imap_read_if(rd, ' ');
	if (modifiers && !read_modifiers(r, f))
		return;
	if (!imap_read_end(rd))
		return;
	if (f->has_modseq || f->changed_since)
		imap_enable_condstore(r);
	/* RFC 7162 3.1.4.1: the answer carries the modseq. */
	if (f->changed_since && !f->has_modseq) {
		struct fetch_att *att = arena_new_of(r->arena, struct fetch_att);
		*att = (struct fetch_att){ .kind = FETCH_MODSEQ, .label = "MODSEQ" };
		*f->last = att;
		f->has_modseq = true;
	}
	if (r->s->view->read_only)
		f->marks_seen = false;
}

/* Of the messages asked for, those that changed: found in the log, not by looking at all.
 */
static enum rc
narrow(struct imap_run *r, struct store_tx *tx, struct fetch *f)
{
	struct imap_view *v = r->s->view;
	AUTO_DONE(buf) struct buf gone = BUF_INIT(0);
	AUTO_DONE(buf) struct buf changed = BUF_INIT(0);
	struct store_collection c;

	enum rc rc = store_collection_load(tx, v->collection, r->arena, &c);
	if (rc == RC_OK)
		rc = imap_resync_changes(tx, v, f->changed_since, c.uid_next, r->arena,
		                         &gone, &changed);
	if (rc)
		return rc;
	uint32_t *uids = (uint32_t *)(void *)changed.p;
	size_t n = changed.len / sizeof(*uids), out = 0;
	imap_sort_u32(uids, n);
	struct imap_range *ranges = arena_array(r->arena, n + 1, struct imap_range);
	for (size_t i = 0; i < n; i++) {
		uint32_t seq = imap_view_seq(v, uids[i]);
		if (!seq || !imap_seqset_has(&f->seqs, seq))
			continue;
		if (out > 0 && ranges[out - 1].hi + 1 == seq)
			ranges[out - 1].hi = seq;
		else
			ranges[out++] = (struct imap_range){ seq, seq };
	}
	f->seqs = (struct imap_seqset){ .v = ranges, .n = out };
	if (!f->vanished)
		return RC_OK;
	struct imap_seqset asked;
	rc = imap_view_select_uids(r, tx, &f->wire, &asked);
	if (rc)
		return rc;
	imap_resync_write_gone(&r->out, &gone, &asked, r->arena);
	return RC_OK;
}

static enum rc
prepare(struct imap_run *r, struct store_tx *tx, struct fetch *f)
{
	enum rc rc = imap_view_select(r, tx, &f->wire, r->by_uid, &f->seqs);
	if (rc == RC_OK && f->changed_since)
		rc = narrow(r, tx, f);
	if (rc)
		return rc;
	/* What the client remembers was lost by a restore: nothing is as it knows it. */
	if (f->changed_since && store_tx_is_lost(tx, f->changed_since))
		f->changed_since = 1;
	f->next_seq = f->seqs.n > 0 ? f->seqs.v[0].lo : 0;
	f->ready = true;
	return RC_OK;
}

/* About how many bytes the answer for an item will have. */
static size_t
estimate(const struct fetch *f, const struct store_item *item)
{
	uint64_t n = 64;

	for (const struct fetch_att *att = f->atts; att; att = att->next) {
		uint64_t size = item->size;
		switch (att->kind) {
		case FETCH_ENVELOPE:
		case FETCH_BODY:
		case FETCH_BODYSTRUCTURE:
			n += 500;
			break;
		case FETCH_SECTION:
			if (att->text != FETCH_TEXT_ALL && att->text != FETCH_TEXT_TEXT &&
			    size > 2000)
				size = 2000;
			if (att->partial && att->count < size)
				size = att->count;
			n += size;
			break;
		case FETCH_BINARY:
			n += size;
			break;
		case FETCH_UID:
		case FETCH_FLAGS:
		case FETCH_INTERNALDATE:
		case FETCH_SIZE:
		case FETCH_MODSEQ:
		case FETCH_BINARY_SIZE:
			n += 16;
			break;
		}
	}
	return n < IMAP_SLICE_BYTES ? (size_t)n : IMAP_SLICE_BYTES;
}

struct gather {
	const struct imap_view *v;
	struct fetch *f;
	bool full;
};

static bool
take_item(const struct store_item *item, void *arg)
{
	struct gather *g = arg;
	struct fetch *f = g->f;

	while (f->next_seq <= g->v->exists &&
	       imap_view_uid(g->v, f->next_seq) < item->uid) {
		f->missing = true;
		f->next_seq++;
	}
	/* Not in the view: the client has not been told of it. */
	if (f->next_seq > g->v->exists || imap_view_uid(g->v, f->next_seq) != item->uid)
		return true;
	uint32_t seq = f->next_seq++;
	if (f->changed_since && item->modseq <= f->changed_since)
		return true;
	if (f->n_items == f->cap_items) {
		f->cap_items = f->cap_items ? f->cap_items * 2 : 16;
		f->items = xreallocarray(f->items, f->cap_items, sizeof(*f->items));
	}
	struct fetch_item *it = &f->items[f->n_items++];
	*it = (struct fetch_item){ .item = *item, .seq = seq };
	it->item.keywords = arena_span(f->batch, item->keywords);
	it->item.props = span_of("", 0);
	f->estimate += estimate(f, item);
	g->full = f->estimate >= IMAP_SLICE_BYTES || f->n_items >= BATCH_MAX;
	return !g->full;
}

/* The next batch; n_items 0: there is none. */
static enum rc
gather(struct imap_run *r, struct store_tx *tx, struct fetch *f)
{
	struct imap_view *v = r->s->view;
	struct gather g = { v, f, false };

	arena_free(f->batch);
	f->batch = arena_new();
	f->n_items = f->at_item = f->estimate = 0;
	while (!g.full && f->range < f->seqs.n) {
		struct imap_range range = f->seqs.v[f->range];
		if (f->next_seq <= range.hi) {
			enum rc rc = store_item_each(
				tx, v->collection, imap_view_uid(v, f->next_seq),
				imap_view_uid(v, range.hi), take_item, &g);
			if (rc)
				return rc;
		}
		if (g.full && f->next_seq <= range.hi)
			break;
		f->missing |= f->next_seq <= range.hi;
		if (++f->range < f->seqs.n)
			f->next_seq = f->seqs.v[f->range].lo;
	}
	return RC_OK;
}

/* What is told stands for the new modseq, so it must have what others (on other nodes)
 * have changed since the look. */
static enum rc
mark_one(struct store_tx *tx, struct fetch *f, struct imap_view *v,
         struct store_item *item)
{
	struct store_item_change change = { .flags_on = STORE_FLAG_SEEN };
	struct store_item now;

	enum rc rc = store_item_load(tx, v->collection, item->uid, f->batch, &now);
	if (rc == RC_OK)
		rc = store_item_update(tx, v->collection, item->uid, &change,
		                       &item->modseq);
	if (rc)
		return rc;
	item->flags = now.flags | STORE_FLAG_SEEN;
	item->keywords = now.keywords;
	imap_view_told(v, item->uid, item->modseq);
	return RC_OK;
}

/* BODY[...] without PEEK sets \Seen: durable before the client sees the text. */
static enum rc
mark_seen(struct imap_run *r, struct fetch *f)
{
	AUTO(store_tx)
	struct store_tx *tx = NULL;
	enum rc rc = RC_OK;

	for (size_t i = 0; rc == RC_OK && i < f->n_items; i++) {
		struct fetch_item *it = &f->items[i];
		if (it->item.flags & STORE_FLAG_SEEN)
			continue;
		if (!tx)
			rc = imap_begin(r, &tx);
		if (rc == RC_OK)
			rc = mark_one(tx, f, r->s->view, &it->item);
		it->marked = rc == RC_OK;
		if (rc == RC_NOT_FOUND)
			rc = RC_OK;
	}
	if (rc == RC_OK && tx)
		rc = store_commit(&tx);
	return rc;
}

static enum rc
write_structure(struct imap_run *r, struct store_tx *tx, struct fetch *f,
                enum fetch_kind kind)
{
	bool utf8 = r->s->utf8;

	if (!f->root) {
		enum rc rc = imap_fetch_structure(tx, &f->items[f->at_item].item,
		                                  f->scratch, &f->root);
		if (rc)
			return rc;
	}
	if (kind == FETCH_ENVELOPE)
		imap_envelope_write(&r->out, f->root->envelope, utf8);
	else
		imap_bodystructure_write(&r->out, f->root, kind == FETCH_BODYSTRUCTURE,
		                         utf8);
	return RC_OK;
}

static enum rc
write_att(struct imap_run *r, struct store_tx *tx, struct fetch *f,
          const struct fetch_att *att)
{
	const struct store_item *item = &f->items[f->at_item].item;
	struct buf *out = &r->out;

	if (att->kind >= FETCH_SECTION)
		return imap_fetch_write_section(r, tx, f, att);
	buf_addf(out, "%s ", att->label);
	switch (att->kind) {
	case FETCH_UID:
		buf_add_u64(out, item->uid);
		break;
	case FETCH_FLAGS:
		buf_add_char(out, '(');
		imap_flag_write(out, item->flags, item->keywords);
		buf_add_char(out, ')');
		break;
	case FETCH_INTERNALDATE:
		imap_write_date_time(out, item->received_ms);
		break;
	case FETCH_SIZE:
		buf_add_u64(out, item->size);
		break;
	case FETCH_MODSEQ:
		buf_addf(out, "(%" PRIu64 ")", item->modseq);
		break;
	case FETCH_ENVELOPE:
	case FETCH_BODY:
	case FETCH_BODYSTRUCTURE:
		return write_structure(r, tx, f, att->kind);
	case FETCH_SECTION:
	case FETCH_BINARY:
	case FETCH_BINARY_SIZE:
		break;
	}
	return RC_OK;
}

/* More of a literal, as far as the slice goes. */
static enum rc
write_left(struct imap_run *r, struct store_tx *tx, struct fetch *f)
{
	uint64_t room = IMAP_SLICE_BYTES;
	uint64_t n = f->left < room ? f->left : room;

	if (f->from_decoded) {
		buf_add(&r->out, f->decoded.p + f->left_at, (size_t)n);
	} else {
		size_t before = buf_len(&r->out);
		enum rc rc = store_content_read(tx, f->items[f->at_item].item.content,
		                                f->left_at, n, &r->out);
		if (rc == RC_OK && buf_len(&r->out) - before != n)
			rc = RC_IO;
		if (rc) {
			buf_truncate(&r->out, before);
			return rc;
		}
	}
	f->left_at += n;
	f->left -= n;
	if (f->left == 0 && f->from_decoded)
		buf_done(&f->decoded);
	return RC_OK;
}

static void
open_item(struct imap_run *r, struct fetch *f)
{
	struct fetch_item *it = &f->items[f->at_item];

	if (it->item.keywords.n > 0 && (f->has_flags || it->marked))
		imap_view_keywords(r->s->view, it->item.keywords, &r->out);
	f->began = buf_len(&r->out);
	f->carried = false;
	f->open = true;
	f->att = f->atts;
	f->root = NULL;
	arena_free(f->scratch);
	f->scratch = arena_new();
	buf_addf(&r->out, "* %" PRIu32 " FETCH (", it->seq);
}

static void
close_item(struct imap_run *r, struct fetch *f)
{
	struct fetch_item *it = &f->items[f->at_item];

	if (it->marked && !f->has_flags) {
		buf_add_str(&r->out, " FLAGS (");
		imap_flag_write(&r->out, it->item.flags, it->item.keywords);
		buf_add_char(&r->out, ')');
	}
	if (it->marked && r->s->condstore && !f->has_modseq)
		buf_addf(&r->out, " MODSEQ (%" PRIu64 ")", it->item.modseq);
	buf_add_str(&r->out, ")\r\n");
	f->open = false;
	f->at_item++;
}

/* Writes of an item what the slice has room for. */
static enum rc
write_item(struct imap_run *r, struct store_tx *tx, struct fetch *f)
{
	enum rc rc = RC_OK;

	if (!f->open)
		open_item(r, f);
	while (rc == RC_OK && (f->left > 0 || f->att)) {
		if (buf_len(&r->out) >= IMAP_SLICE_BYTES) {
			f->carried = true;
			return RC_OK;
		}
		if (f->left > 0) {
			rc = write_left(r, tx, f);
			continue;
		}
		size_t before = buf_len(&r->out);
		if (f->att != f->atts)
			buf_add_char(&r->out, ' ');
		rc = write_att(r, tx, f, f->att);
		if (rc)
			buf_truncate(&r->out, before);
		else
			f->att = f->att->next;
	}
	if (rc == RC_OK)
		close_item(r, f);
	return rc;
}

/* Gathers and marks; when that fails nothing of it has been done. */
static enum rc
next_batch(struct imap_run *r, struct store_tx **tx, struct fetch *f)
{
	size_t range = f->range, told = r->s->view->n_told;
	uint32_t next_seq = f->next_seq;

	enum rc rc = gather(r, *tx, f);
	if (rc == RC_OK && f->marks_seen) {
		/* No snapshot is held while we write. */
		store_tx_free(TAKE(*tx));
		rc = mark_seen(r, f);
		if (rc == RC_OK)
			rc = imap_look(r, tx);
	}
	if (rc) {
		f->n_items = f->at_item = 0;
		f->range = range;
		f->next_seq = next_seq;
		r->s->view->n_told = told;
	}
	return rc;
}

/* The item cannot be written to its end. */
static bool
give_up(struct imap_run *r, struct fetch *f, enum rc rc)
{
	if (f->open && f->carried) {
		r->broken = true;
		return true;
	}
	if (f->open)
		buf_truncate(&r->out, f->began);
	if (rc == RC_INVALID)
		imap_reply(r, IMAP_BAD, NULL, "No such message");
	else
		imap_reply_rc(r, rc, "Fetch");
	return true;
}

static void
answer(struct imap_run *r, const struct fetch *f)
{
	if (f->bad_encoding)
		imap_reply(r, IMAP_NO, "UNKNOWN-CTE", "A part cannot be decoded");
	else if (f->missing && !r->by_uid)
		imap_reply(r, IMAP_OK, "EXPUNGEISSUED",
		           "Completed, but for messages that do not exist any more");
	else
		imap_reply(r, IMAP_OK, NULL, "Fetch completed");
}

bool
imap_fetch_work(struct imap_run *r)
{
	struct fetch *f = r->state;
	AUTO(store_tx)
	struct store_tx *tx = NULL;

	enum rc rc = imap_look(r, &tx);
	if (rc == RC_OK && !f->ready)
		rc = prepare(r, tx, f);
	while (rc == RC_OK && buf_len(&r->out) < IMAP_SLICE_BYTES &&
	       !atomic_load(&r->cancelled)) {
		if (f->at_item == f->n_items) {
			rc = next_batch(r, &tx, f);
			if (rc == RC_OK && f->n_items == 0) {
				answer(r, f);
				return true;
			}
			continue;
		}
		rc = write_item(r, tx, f);
	}
	if (rc == RC_AGAIN && r->failures < IMAP_RETRIES) {
		f->carried |= f->open;
		r->again = true;
		return false;
	}
	return rc ? give_up(r, f, rc) : false;
}
