/* SPDX-License-Identifier: ISC
 *
 * imap_resync.c - what has changed since a modseq that a client remembers (RFC 7162).
 */
#include "imap/imap_resync.h"
#include "store/store_change.h"

/* All UIDs that were given out and are not there. */
static void
gone_by_gaps(const struct imap_view *v, uint32_t uid_next, struct buf *gone)
{
	uint32_t at = 0;

	for (uint32_t uid = 1; uid < uid_next; uid++) {
		while (at < v->exists && v->uids[at] < uid)
			at++;
		if (at == v->exists || v->uids[at] != uid)
			buf_add(gone, &uid, sizeof(uid));
	}
}

enum rc
imap_resync_changes(struct store_tx *tx, const struct imap_view *v, uint64_t since,
                    uint32_t uid_next, struct arena *a, struct buf *gone,
                    struct buf *changed)
{
	struct store_change_query q = { .collection = v->collection, .since = since };
	struct store_change *c;
	size_t n;
	uint64_t next;
	bool more;

	enum rc rc = store_changes(tx, &q, a, &c, &n, &next, &more);
	if (rc == RC_CONFLICT) {
		gone_by_gaps(v, uid_next, gone);
		if (v->exists > 0)
			buf_add(changed, v->uids, v->exists * sizeof(*v->uids));
		return RC_OK;
	}
	if (rc)
		return rc;
	for (size_t i = 0; i < n; i++) {
		bool is_gone = c[i].kind == STORE_CHANGE_EXPUNGE;
		buf_add(is_gone ? gone : changed, &c[i].item.uid, sizeof(uint32_t));
	}
	return RC_OK;
}
