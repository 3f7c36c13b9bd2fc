/* SPDX-License-Identifier: ISC
 *
 * imap_resync.c - what has changed since a modseq that a client remembers (RFC 7162).
 */
#include "imap/imap_resync.h"
#include "store/store_change.h"

static void
add_range(struct buf *b, uint32_t lo, uint32_t hi)
{
	struct imap_range r = { lo, hi };

	if (lo <= hi)
		buf_add(b, &r, sizeof(r));
}

/* All UIDs that were given out and are not there. */
static void
gone_by_gaps(const struct imap_view *v, uint32_t uid_next, struct buf *gone)
{
	uint32_t from = 1;

	for (uint32_t i = 0; i < v->exists; i++) {
		add_range(gone, from, v->uids[i] - 1);
		from = v->uids[i] + 1;
	}
	if (uid_next > 0)
		add_range(gone, from, uid_next - 1);
}

/* uids are sorted. */
static void
add_uids(struct buf *b, const uint32_t *uids, size_t n)
{
	for (size_t i = 0; i < n;) {
		size_t end = i + 1;

		while (end < n && uids[end] <= uids[end - 1] + 1)
			end++;
		add_range(b, uids[i], uids[end - 1]);
		i = end;
	}
}

enum rc
imap_resync_changes(struct store_tx *tx, const struct imap_view *v, uint64_t since,
                    uint32_t uid_next, struct arena *a, struct buf *gone,
                    struct buf *changed)
{
	struct store_change_query q = { .collection = v->collection, .since = since };
	AUTO_DONE(buf) struct buf uids = BUF_INIT(0);
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
		buf_add(is_gone ? &uids : changed, &c[i].item.uid, sizeof(uint32_t));
	}
	imap_sort_u32((uint32_t *)(void *)uids.p, uids.len / sizeof(uint32_t));
	add_uids(gone, (const uint32_t *)(const void *)uids.p,
	         uids.len / sizeof(uint32_t));
	return RC_OK;
}

void
imap_resync_write_gone(struct buf *out, const struct buf *gone,
                       const struct imap_seqset *among, struct arena *a)
{
	const struct imap_range *g = (const struct imap_range *)(const void *)gone->p;
	size_t n = gone->len / sizeof(*g);
	struct imap_range *both;
	size_t n_both = 0;

	if (!among) {
		both = arena_array(a, n, struct imap_range);
		if (n > 0)
			memcpy(both, g, n * sizeof(*g));
		n_both = n;
	} else {
		/* Each step lets go of a range of one of the two. */
		both = arena_array(a, n + among->n, struct imap_range);
		for (size_t i = 0, k = 0; i < n && k < among->n;) {
			const struct imap_range *m = &among->v[k];
			uint32_t lo = g[i].lo > m->lo ? g[i].lo : m->lo;
			uint32_t hi = g[i].hi < m->hi ? g[i].hi : m->hi;

			if (lo <= hi)
				both[n_both++] = (struct imap_range){ lo, hi };
			if (g[i].hi < m->hi)
				i++;
			else
				k++;
		}
	}
	if (n_both == 0)
		return;
	buf_add_str(out, "* VANISHED (EARLIER) ");
	imap_seqset_write_ranges(out, both, n_both);
	buf_add_str(out, "\r\n");
}
