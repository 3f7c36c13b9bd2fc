/* SPDX-License-Identifier: ISC
 *
 * store_audit.h - the audit table: who did what to whom, from where. Rows are only added.
 *
 * Each row bears a hash over itself and the row before: what is changed or taken out
 * afterwards breaks the chain (store_audit_verify()).
 */
#ifndef STORE_STORE_AUDIT_H
#define STORE_STORE_AUDIT_H

#include "store/store.h"

struct store_audit {
	uint64_t number;     /* given by the table, from 1 */
	int64_t at_ms;       /* likewise */
	struct span actor;   /* "root", "device", "server" */
	struct span origin;  /* "control socket", an address */
	struct span action;  /* "device.blocked" */
	struct span subject; /* the user's address; may be empty */
	struct span object;  /* the device's id; may be empty */
	struct span detail;
};

/* Durable on return. Texts that are longer than 1,000 bytes are cut. */
enum rc store_audit_add(struct store *s, const struct store_audit *a) MUST_CHECK;

struct store_audit_query {
	struct span subject; /* empty: all, as the next */
	struct span object;
	struct span action; /* with all that begin so: "device." */
	int64_t since_ms;
	size_t limit; /* the last so many; at most 100,000 */
};
/* The oldest first; in a. */
enum rc
store_audit_list(struct store *s, const struct store_audit_query *q, struct arena *a,
                 struct store_audit **ret, size_t *ret_n) MUST_CHECK;
/* RC_CONFLICT: the chain breaks at row *ret_number. */
enum rc store_audit_verify(struct store *s, uint64_t *ret_number) MUST_CHECK;

#endif
