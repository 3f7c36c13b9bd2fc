/* SPDX-License-Identifier: ISC
 *
 * imap_view.h - what a session's client knows of the selected mailbox: its messages by
 * sequence number, as of one modseq.
 *
 * The view at modseq M is the items with created <= M plus the tombstones expunged after
 * M, so an idle session can forget its map of UIDs and the change log makes it again.
 * Sequence number n is uids[n - 1].
 */
#ifndef IMAP_IMAP_VIEW_H
#define IMAP_IMAP_VIEW_H

#include "imap/imap_flag.h"
#include "imap/imap_private.h"

/* A change that the session itself made and told its client: not to be told again. */
struct imap_told {
	uint32_t uid;
	uint64_t modseq;
};

struct imap_view {
	uint32_t collection;
	uint32_t epoch;
	bool read_only;
	bool loaded;     /* uids is there; if not, gone is empty */
	uint64_t modseq; /* M */
	uint32_t exists;
	uint32_t *uids; /* rising */
	size_t cap;
	uint32_t *gone; /* expunged, but the client may not be told yet; rising */
	size_t n_gone;
	struct imap_told *told;
	size_t n_told;
	size_t cap_told;
	uint32_t
		*updates; /* of imap_view_sync(): FETCH lines that are still to be made */
	size_t n_updates;
	size_t at_update;
	struct buf keywords; /* those that a FLAGS answer has named */
};

/* The mailbox as it is in tx. */
enum rc imap_view_new(struct store_tx *tx, const struct store_collection *c,
                      struct imap_view **ret) MUST_CHECK;
void imap_view_free(struct imap_view *v);
/* Workers: makes the map again if it was forgotten. RC_CONFLICT: it cannot be had. */
enum rc imap_view_load(struct store_tx *tx, struct imap_view *v) MUST_CHECK;
/* The map goes, unless something is held back. */
void imap_view_forget(struct imap_view *v);
/* UID of a sequence number within 1..exists; the view is loaded. */
static inline uint32_t
imap_view_uid(const struct imap_view *v, uint32_t seq)
{
	return v->uids[seq - 1];
}
/* Sequence number, or 0. */
uint32_t imap_view_seq(const struct imap_view *v, uint32_t uid);

void imap_view_told(struct imap_view *v, uint32_t uid, uint64_t modseq);
/* Writes FLAGS before a keyword is used that the client has not heard of. */
void imap_view_keywords(struct imap_view *v, struct span keywords, struct buf *out);

/*
 * A slice of telling the client what has changed since: EXPUNGE or VANISHED (if allowed),
 * EXISTS, FETCH. True when that was all. Sets run->bye when the mailbox is gone.
 */
bool imap_view_sync(struct imap_run *r, bool may_expunge);

/*
 * The messages that a command names, as ranges of sequence numbers, in the run's arena;
 * the view is loaded by it. RC_INVALID: a sequence number that is not there.
 */
enum rc
imap_view_select(struct imap_run *r, struct store_tx *tx, const struct imap_seqset *set,
                 bool by_uid, struct imap_seqset *ret) MUST_CHECK;

/* The same as UIDs that need not be there, for sets of UIDs. */
enum rc
imap_view_select_uids(struct imap_run *r, struct store_tx *tx,
                      const struct imap_seqset *set, struct imap_seqset *ret) MUST_CHECK;

/* "* 5 FETCH (UID 7 FLAGS (\Seen) MODSEQ (12))"; MODSEQ as the client wants it. */
void
imap_view_write_flags(struct imap_run *r, uint32_t seq, const struct store_item *item);
/* imap_basic.c: the client has shown that it knows modseqs. */
void imap_enable_condstore(struct imap_run *r);

#endif
