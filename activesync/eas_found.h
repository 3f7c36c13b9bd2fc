/* SPDX-License-Identifier: ISC
 *
 * eas_found.h - what Search and Find have in common: where to look, and the range.
 */
#ifndef ACTIVESYNC_EAS_FOUND_H
#define ACTIVESYNC_EAS_FOUND_H

#include "activesync/eas_private.h"
#include "store/store_search.h"

#define EAS_FOUND_RANGE_MAX 100 /* entries in one answer, MS-ASCMD 2.2.3.143 */
#define EAS_FOUND_COLLECTIONS_MAX 300
#define EAS_FOUND_SMS (1U << 31) /* text messages, which lie among the mail */

struct eas_found_query {
	struct store_search_node *root; /* NULL: all items */
	uint32_t collections[EAS_FOUND_COLLECTIONS_MAX];
	size_t n_collections; /* 0: all folders */
	bool deep;            /* and what lies below them */
	/* Bits 1 << enum store_class and EAS_FOUND_SMS; 0: all that the version has. */
	unsigned classes;
};

/*
 * Newest first. tx: a read that is opened here (the caller frees it), the hits in
 * c->arena. RC_CONFLICT: a collection is not there; RC_DENIED: the index could not be
 * brought up to date in time; RC_TOO_BIG: too many words.
 */
enum rc eas_found_run(struct eas_call *c, const struct eas_found_query *q,
                      struct store_tx **ret_tx, struct store_search_hit **ret,
                      size_t *ret_n) MUST_CHECK;

struct eas_range {
	uint32_t from;
	uint32_t to; /* included */
};

/* "0-99"; an empty one is that. RC_INVALID: none; RC_TOO_BIG: more than the maximum. */
enum rc eas_range_parse(struct span s, struct eas_range *ret) MUST_CHECK;
/* "from-to" of what was written, in a. */
struct span eas_range_str(uint32_t from, size_t n, struct arena *a);

#endif
