/* SPDX-License-Identifier: ISC
 *
 * store_collection.h - the tree of a user's collections and its log.
 */
#ifndef STORE_STORE_COLLECTION_H
#define STORE_STORE_COLLECTION_H

#include "store/store.h"

#define STORE_CLASS_LIST(X)                                                              \
	X(MAIL, "mail")                                                                  \
	X(CONTACTS, "contacts")                                                          \
	X(CALENDAR, "calendar")                                                          \
	X(TASKS, "tasks")                                                                \
	X(NOTES, "notes")

enum store_class {
#define X(name, text) STORE_CLASS_##name,
	STORE_CLASS_LIST(X)
#undef X
};
const char *store_class_str(enum store_class c);

/* What a collection is for; at most one collection of a user has each role but NONE. */
#define STORE_ROLE_LIST(X)                                                               \
	X(NONE, "none")                                                                  \
	X(INBOX, "inbox")                                                                \
	X(DRAFTS, "drafts")                                                              \
	X(SENT, "sent")                                                                  \
	X(TRASH, "trash")                                                                \
	X(JUNK, "junk")                                                                  \
	X(ARCHIVE, "archive")                                                            \
	X(OUTBOX, "outbox")                                                              \
	X(CONTACTS, "contacts")                                                          \
	X(CALENDAR, "calendar")                                                          \
	X(TASKS, "tasks")                                                                \
	X(NOTES, "notes")

enum store_role {
#define X(name, text) STORE_ROLE_##name,
	STORE_ROLE_LIST(X)
#undef X
};
const char *store_role_str(enum store_role r);

struct store_collection {
	uint32_t id;     /* from 1, never used again within a user */
	uint32_t parent; /* 0: top */
	enum store_class class;
	enum store_role role;
	struct span name; /* UTF-8, NFC as given, 1-255 bytes, no control characters, no
	                     '/' */
	uint32_t epoch;   /* IMAP's UIDVALIDITY */
	uint32_t uid_next;
	uint64_t created; /* modseq of the tree's log */
	uint64_t changed; /* last change of name, parent, subscription or removal */
	uint64_t modseq;  /* highest of its items' changes: HIGHESTMODSEQ */
	uint32_t exists;  /* items */
	uint32_t unseen;
	uint64_t bytes; /* of the items' contents */
	bool subscribed;
};

#define STORE_DEPTH_MAX 20
#define STORE_COLLECTIONS_MAX 5000

/* All of the user's, parents before children, the default ones first. Arrays in a. */
enum rc store_collection_list(struct store_tx *tx, struct arena *a,
                              struct store_collection **ret, size_t *ret_n) MUST_CHECK;
/* Loads up to 8 in one round trip, for the calls of store_collection_load() that will
 * come: they are then answered out of a. Does nothing to a writer, and nothing the second
 * time. */
enum rc store_collection_expect(struct store_tx *tx, const uint32_t *ids, size_t n,
                                struct arena *a) MUST_CHECK;
enum rc store_collection_load(struct store_tx *tx, uint32_t id, struct arena *a,
                              struct store_collection *ret) MUST_CHECK;
enum rc
store_collection_find_role(struct store_tx *tx, enum store_role role, struct arena *a,
                           struct store_collection *ret) MUST_CHECK;
/* Child of parent with this name (bytes equal; the INBOX at the top
 * ASCII-case-insensitively). */
enum rc
store_collection_find_name(struct store_tx *tx, uint32_t parent, struct span name,
                           struct arena *a, struct store_collection *ret) MUST_CHECK;

/* RC_EXISTS: the name is taken; RC_INVALID: name, depth; RC_TOO_BIG: too many. */
enum rc store_collection_create(struct store_tx *tx, uint32_t parent, struct span name,
                                enum store_class class, enum store_role role,
                                uint32_t *ret_id) MUST_CHECK;
/* New name and/or parent. RC_DENIED for default collections with a role; RC_CONFLICT when
 * it would lie below itself. */
enum rc store_collection_rename(struct store_tx *tx, uint32_t id, uint32_t parent,
                                struct span name) MUST_CHECK;
/* With all its items and what lies below it. RC_DENIED for the INBOX and roles that every
 * user has. Leaves tombstones in the tree's log. */
enum rc store_collection_delete(struct store_tx *tx, uint32_t id) MUST_CHECK;
enum rc store_collection_subscribe(struct store_tx *tx, uint32_t id, bool on) MUST_CHECK;

/* The tree's log: what was created, changed or deleted after since. */
struct store_tree_change {
	uint64_t modseq;
	bool deleted; /* only collection.id is meaningful then */
	bool is_new;  /* created after since; if deleted as well, only its maker knows it
	               */
	struct store_collection collection;
};

/* In the order of modseq.
 * RC_CONFLICT: since lies before what the log still knows (retention): start afresh. */
enum rc store_tree_changes(struct store_tx *tx, uint64_t since, struct arena *a,
                           struct store_tree_change **ret, size_t *ret_n) MUST_CHECK;
/* Highest modseq of the tree's log. */
enum rc store_tree_modseq(struct store_tx *tx, uint64_t *ret) MUST_CHECK;

#endif
