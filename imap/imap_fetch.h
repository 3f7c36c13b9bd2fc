/* SPDX-License-Identifier: ISC
 *
 * imap_fetch.h - FETCH's items and its progress, shared by imap_fetch*.c.
 */
#ifndef IMAP_IMAP_FETCH_H
#define IMAP_IMAP_FETCH_H

#include "format/mime.h"
#include "imap/imap_private.h"

enum fetch_kind {
	FETCH_UID,
	FETCH_FLAGS,
	FETCH_INTERNALDATE,
	FETCH_SIZE,
	FETCH_MODSEQ,
	FETCH_ENVELOPE,
	FETCH_BODY,
	FETCH_BODYSTRUCTURE,
	FETCH_SECTION,
	FETCH_BINARY,
	FETCH_BINARY_SIZE,
};

enum fetch_text {
	FETCH_TEXT_ALL,
	FETCH_TEXT_HEADER,
	FETCH_TEXT_FIELDS,
	FETCH_TEXT_FIELDS_NOT,
	FETCH_TEXT_TEXT,
	FETCH_TEXT_MIME,
};

struct fetch_att {
	enum fetch_kind kind;
	bool peek;
	struct span number; /* "1.2", or empty: the whole message */
	enum fetch_text text;
	struct span *fields;
	size_t n_fields;
	bool partial;
	uint64_t from;
	uint64_t count;
	const char *label; /* as it stands in the answer */
	struct fetch_att *next;
};

/* A message that is being written. */
struct fetch_item {
	struct store_item item;
	uint32_t seq;
	bool marked; /* \Seen was set by this command */
};

struct fetch {
	struct imap_seqset wire;
	struct fetch_att *atts;
	struct fetch_att **last;
	uint64_t changed_since;
	bool vanished;
	bool has_uid;
	bool has_flags;
	bool has_modseq;
	bool marks_seen;

	/* progress */
	bool ready;
	bool missing;      /* a message was expunged elsewhere */
	bool bad_encoding; /* BINARY of a part that cannot be decoded */
	struct imap_seqset seqs;
	size_t range;
	uint32_t next_seq;
	struct arena *batch; /* of items */
	struct fetch_item *items;
	size_t n_items;
	size_t cap_items;
	size_t at_item;
	size_t estimate;

	/* of items[at_item] */
	bool open;
	size_t began; /* where it began in the slice's output */
	bool carried; /* it began in an earlier slice */
	struct fetch_att *att;
	struct arena *scratch;
	struct mime_part *root; /* NULL: not read yet */
	/* The rest of a literal: from the store, or decoded. */
	uint64_t left_at;
	uint64_t left;
	struct buf decoded;
	bool from_decoded;
};

/* imap_fetch_att.c: "(FLAGS BODY[1.2]<0.100> ...)" */
bool imap_fetch_read_atts(struct imap_run *r, struct fetch *f);
/* imap_fetch_body.c: a section, BINARY or BINARY.SIZE; may leave f->left. */
enum rc imap_fetch_write_section(struct imap_run *r, struct store_tx *tx, struct fetch *f,
                                 const struct fetch_att *att) MUST_CHECK;
/* The structure of the message, read once for each item. */
enum rc imap_fetch_structure(struct store_tx *tx, const struct store_item *item,
                             struct arena *a, struct mime_part **ret) MUST_CHECK;

#endif
