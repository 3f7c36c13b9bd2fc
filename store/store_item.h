/* SPDX-License-Identifier: ISC
 *
 * store_item.h - items of a collection: adding, changing, moving, expunging, listing.
 */
#ifndef STORE_STORE_ITEM_H
#define STORE_STORE_ITEM_H

#include "store/store_collection.h"
#include "store/store_content.h"

/* System flags as bits; other IMAP keywords are words in keywords. */
enum store_flag {
	STORE_FLAG_SEEN = 1 << 0,
	STORE_FLAG_ANSWERED = 1 << 1,
	STORE_FLAG_FLAGGED = 1 << 2,
	STORE_FLAG_DELETED = 1 << 3,
	STORE_FLAG_DRAFT = 1 << 4,
	STORE_FLAG_FORWARDED = 1 << 5, /* $Forwarded */
	STORE_FLAG_JUNK = 1 << 6,      /* $Junk */
	STORE_FLAG_NOT_JUNK = 1 << 7,  /* $NotJunk */
	STORE_FLAG_MDN_SENT = 1 << 8,  /* $MDNSent */
};

struct store_item {
	uint32_t collection;
	uint32_t uid;
	uint64_t created; /* modseq */
	uint64_t modseq;  /* of the last change */
	uint32_t flags;
	struct span keywords; /* space-separated, in the order of setting; empty: none */
	/* INTERNALDATE; of other classes the time by which a time filter judges. */
	int64_t received_ms;
	int64_t received_was;    /* before it changed last ... */
	uint64_t received_moved; /* ... with this modseq; 0: never */
	uint64_t size;           /* of the content */
	uint64_t content;
	uint32_t writer; /* device of the last change, 0: none */
	/* The item's modseq before that change, or before the first of several in a row
	 * by the same device: what the writer had seen of others. */
	uint64_t writer_saw;
	/* Protocol extras (follow-up flag details, categories), opaque. */
	struct span props;
	/* The name that the content bears (UID of iCalendar and vCard); empty: none. */
	struct span object;
};

#define STORE_OBJECT_MAX 255 /* bytes of an object name: UTF-8 without NUL */
/* The object name for a UID: itself, or its hash when it is too long; in a or uid's. */
struct span store_object_name(const char *uid, struct arena *a);

struct store_item_new {
	uint32_t flags;
	struct span keywords;
	int64_t received_ms;
	struct span props;
	struct span object;
	/* Exactly once: an add with the same device and client_id in this collection
	 * gives the first one's uid and RC_EXISTS (ret_uid is set then too), when it is
	 * of the same turn, or has the same print and its item is still there. Else the
	 * client uses the name anew, and the item is another. Empty: not checked. */
	struct span client_id;
	uint64_t client_turn;  /* the state that the client added to */
	uint64_t client_print; /* a hash of what it said */
};

/* RC_NOT_FOUND: no such collection. ret_modseq may be NULL. */
enum rc
store_item_add(struct store_tx *tx, uint32_t collection,
               const struct store_content *content, const struct store_item_new *item,
               uint32_t *ret_uid, uint64_t *ret_modseq) MUST_CHECK;
enum rc store_item_load(struct store_tx *tx, uint32_t collection, uint32_t uid,
                        struct arena *a, struct store_item *ret) MUST_CHECK;

struct store_item_change {
	uint32_t flags_on;
	uint32_t flags_off;
	bool set_keywords; /* replace keywords by the given */
	struct span keywords;
	bool set_props;
	struct span props;
	const struct store_content *content; /* non-NULL: new bytes (contacts, drafts) */
	bool set_received;
	int64_t received_ms;
	bool set_object;
	struct span object;
	/* Non-zero: fail with RC_CONFLICT when the item's modseq is above
	 * (UNCHANGEDSINCE). */
	uint64_t unchanged_since;
};

/* A change that changes nothing gives no new modseq. *ret_modseq: the item's after it. */
enum rc
store_item_update(struct store_tx *tx, uint32_t collection, uint32_t uid,
                  const struct store_item_change *c, uint64_t *ret_modseq) MUST_CHECK;
/* Leaves a tombstone. */
enum rc
store_item_expunge(struct store_tx *tx, uint32_t collection, uint32_t uid) MUST_CHECK;
/* The copy shares the content; flags, keywords, received and props go along. */
enum rc store_item_copy(struct store_tx *tx, uint32_t collection, uint32_t uid,
                        uint32_t to, uint32_t *ret_uid) MUST_CHECK;
/* copy and expunge. */
enum rc store_item_move(struct store_tx *tx, uint32_t collection, uint32_t uid,
                        uint32_t to, uint32_t *ret_uid) MUST_CHECK;

/* The item of this object name with the lowest uid. RC_NOT_FOUND. */
enum rc
store_item_find_object(struct store_tx *tx, uint32_t collection, struct span object,
                       struct arena *a, struct store_item *ret) MUST_CHECK;

/* Calls fn for each item with uid_from <= uid <= uid_to, in the order of uids, until it
 * returns false. The item and its spans live during the call. fn must not write. */
typedef bool store_item_fn(const struct store_item *item, void *arg);
enum rc store_item_each(struct store_tx *tx, uint32_t collection, uint32_t uid_from,
                        uint32_t uid_to, store_item_fn *fn, void *arg) MUST_CHECK;
/* The uids alone, ascending, in a (an IMAP session's map). */
enum rc store_item_uids(struct store_tx *tx, uint32_t collection, struct arena *a,
                        uint32_t **ret, size_t *ret_n) MUST_CHECK;

#endif
