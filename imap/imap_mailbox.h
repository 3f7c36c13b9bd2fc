/* SPDX-License-Identifier: ISC
 *
 * imap_mailbox.h - mailbox names "a/b/c" and the store's tree of mail collections.
 */
#ifndef IMAP_IMAP_MAILBOX_H
#define IMAP_IMAP_MAILBOX_H

#include "store/store_collection.h"

/* Mail collections alone are mailboxes; ActiveSync's outbox is none. */
bool imap_mailbox_is(const struct store_collection *c);
/* path in UTF-8. RC_NOT_FOUND. */
enum rc imap_mailbox_find(struct store_tx *tx, struct span path, struct arena *a,
                          struct store_collection *ret) MUST_CHECK;
/* As CREATE does it: subscribing is another command (RFC 9051 6.3.4). */
enum rc imap_mailbox_make(struct store_tx *tx, uint32_t parent, struct span name,
                          uint32_t *ret_id) MUST_CHECK;
/* What path's last level lies in, made where it is missing; *ret_leaf shows path. */
enum rc imap_mailbox_make_parents(struct store_tx *tx, struct span path, struct arena *a,
                                  uint32_t *ret_parent, struct span *ret_leaf) MUST_CHECK;

struct imap_mailbox {
	struct store_collection c;
	struct span path;
	bool has_children;
};

/* All mailboxes, parents before children, in a. */
enum rc imap_mailbox_list(struct store_tx *tx, struct arena *a, struct imap_mailbox **ret,
                          size_t *ret_n) MUST_CHECK;

/* "%" matches within a level, "*" across levels (RFC 9051 6.3.9.1). */
bool imap_mailbox_matches(struct span pattern, struct span path);

#endif
