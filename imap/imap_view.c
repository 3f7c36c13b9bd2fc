/* SPDX-License-Identifier: ISC
 *
 * imap_view.c - the map of sequence numbers: made from the store, kept, forgotten.
 */
#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/mem.h"
#include "imap/imap_view.h"
#include "store/store_change.h"

#define KEYWORDS_KNOWN_MAX 8192
#define CHANGES_AT_ONCE 1000

static void
set_uids(struct imap_view *v, const uint32_t *uids, size_t n)
{
	v->cap = n;
	v->uids = n ? xreallocarray(v->uids, n, sizeof(*uids)) : v->uids;
	if (n)
		memcpy(v->uids, uids, n * sizeof(*uids));
	v->exists = (uint32_t)n;
	v->loaded = true;
}

enum rc
imap_view_new(struct store_tx *tx, const struct store_collection *c,
              struct imap_view **ret)
{
	AUTO(arena)
	struct arena *a = arena_new();
	uint32_t *uids;
	size_t n;

	enum rc rc = store_item_uids(tx, c->id, a, &uids, &n);
	if (rc)
		return rc;
	struct imap_view *v = xcalloc(1, sizeof(*v));
	v->collection = c->id;
	v->epoch = c->epoch;
	v->modseq = store_tx_modseq(tx);
	buf_init(&v->keywords, KEYWORDS_KNOWN_MAX);
	set_uids(v, uids, n);
	*ret = v;
	return RC_OK;
}

void
imap_view_free(struct imap_view *v)
{
	if (!v)
		return;
	free(v->uids);
	free(v->gone);
	free(v->told);
	free(v->updates);
	buf_done(&v->keywords);
	free(v);
}

void
imap_view_forget(struct imap_view *v)
{
	if (v->n_gone > 0)
		return;
	free(v->uids);
	free(v->told);
	v->uids = NULL;
	v->told = NULL;
	v->cap = v->n_told = v->cap_told = 0;
	v->loaded = false;
}

/* What is not as it was at M: born since (to be left out), expunged since (to be put in).
 */
static enum rc
collect_since(struct store_tx *tx, const struct imap_view *v, struct arena *a,
              struct buf *born, struct buf *gone)
{
	struct store_change_query q = {
		.collection = v->collection,
		.since = v->modseq,
		.limit = CHANGES_AT_ONCE,
	};
	bool more = true;

	while (more) {
		struct store_change *c;
		size_t n;
		enum rc rc = store_changes(tx, &q, a, &c, &n, &q.since, &more);
		if (rc)
			return rc;
		for (size_t i = 0; i < n; i++) {
			bool is_gone = c[i].kind == STORE_CHANGE_EXPUNGE;
			bool is_born = c[i].item.created > v->modseq;
			if (is_gone != is_born)
				buf_add(is_gone ? gone : born, &c[i].item.uid,
				        sizeof(uint32_t));
		}
	}
	return RC_OK;
}

enum rc
imap_view_load(struct store_tx *tx, struct imap_view *v)
{
	AUTO(arena)
	struct arena *a = arena_new();
	AUTO_DONE(buf) struct buf born = BUF_INIT(0);
	AUTO_DONE(buf) struct buf gone = BUF_INIT(0);
	uint32_t *uids;
	size_t n, out = 0;

	if (v->loaded)
		return RC_OK;
	enum rc rc = store_item_uids(tx, v->collection, a, &uids, &n);
	if (rc)
		return rc;
	if (store_tx_modseq(tx) != v->modseq) {
		rc = collect_since(tx, v, a, &born, &gone);
		if (rc)
			return rc;
	}
	uint32_t *b = (uint32_t *)(void *)born.p, *g = (uint32_t *)(void *)gone.p;
	size_t n_born = born.len / sizeof(*b), n_gone = gone.len / sizeof(*g);
	imap_sort_u32(b, n_born);
	imap_sort_u32(g, n_gone);
	uint32_t *all = arena_array(a, n + n_gone + 1, uint32_t);
	for (size_t i = 0, ib = 0, ig = 0; i < n || ig < n_gone;) {
		if (ig < n_gone && (i == n || g[ig] < uids[i])) {
			all[out++] = g[ig++];
			continue;
		}
		while (ib < n_born && b[ib] < uids[i])
			ib++;
		if (ib == n_born || b[ib] != uids[i])
			all[out++] = uids[i];
		i++;
	}
	/* Should the log not reach back so far, the client must begin anew. */
	if (out != v->exists)
		return RC_CONFLICT;
	set_uids(v, all, out);
	return RC_OK;
}

uint32_t
imap_view_seq(const struct imap_view *v, uint32_t uid)
{
	size_t i = imap_lower_bound(v->uids, v->exists, uid);

	return i < v->exists && v->uids[i] == uid ? (uint32_t)i + 1 : 0;
}

void
imap_view_told(struct imap_view *v, uint32_t uid, uint64_t modseq)
{
	if (v->n_told == v->cap_told) {
		v->cap_told = v->cap_told ? v->cap_told * 2 : 16;
		v->told = xreallocarray(v->told, v->cap_told, sizeof(*v->told));
	}
	v->told[v->n_told++] = (struct imap_told){ uid, modseq };
}

void
imap_view_keywords(struct imap_view *v, struct span keywords, struct buf *out)
{
	struct span rest = keywords, word;
	bool news = false;

	while (span_cut(&rest, ' ', &word)) {
		if (word.n == 0 || imap_keywords_has(buf_span(&v->keywords), word))
			continue;
		if (buf_len(&v->keywords) + word.n + 1 > KEYWORDS_KNOWN_MAX)
			return;
		if (buf_len(&v->keywords) > 0)
			buf_add_char(&v->keywords, ' ');
		buf_add_span(&v->keywords, word);
		news = true;
	}
	if (!news)
		return;
	buf_add_str(out, "* FLAGS (");
	imap_flag_write(out, UINT32_MAX, buf_span(&v->keywords));
	buf_add_str(out, ")\r\n");
}

void
imap_view_write_flags(struct imap_run *r, uint32_t seq, const struct store_item *item)
{
	struct buf *out = &r->out;

	if (item->keywords.n > 0)
		imap_view_keywords(r->s->view, item->keywords, out);
	buf_addf(out, "* %" PRIu32 " FETCH (UID %" PRIu32, seq, item->uid);
	if (r->s->condstore)
		buf_addf(out, " MODSEQ (%" PRIu64 ")", item->modseq);
	buf_add_str(out, " FLAGS (");
	imap_flag_write(out, item->flags, item->keywords);
	buf_add_str(out, "))\r\n");
}

/* Sequence numbers of the messages with lo <= UID <= hi. */
static bool
range_of_uids(const struct imap_view *v, struct imap_range in, struct imap_range *ret)
{
	size_t lo = imap_lower_bound(v->uids, v->exists, in.lo);
	size_t hi = in.hi == UINT32_MAX ? v->exists
	                                : imap_lower_bound(v->uids, v->exists, in.hi + 1);

	*ret = (struct imap_range){ (uint32_t)lo + 1, (uint32_t)hi };
	return lo < hi;
}

/* The set with "*" and "$" filled in; the view is loaded. */
static void
flatten(struct imap_run *r, const struct imap_seqset *set, bool by_uid,
        struct imap_seqset *ret)
{
	struct imap_session *s = r->s;
	struct imap_view *v = s->view;
	uint32_t last = v->exists;

	if (set->saved) {
		*ret = (struct imap_seqset){ .v = s->saved, .n = s->n_saved };
		return;
	}
	if (by_uid)
		last = v->exists ? imap_view_uid(v, v->exists) : 0;
	imap_seqset_resolve(set, last, r->arena, ret);
}

enum rc
imap_view_select_uids(struct imap_run *r, struct store_tx *tx,
                      const struct imap_seqset *set, struct imap_seqset *ret)
{
	enum rc rc = imap_view_load(tx, r->s->view);
	if (rc)
		return rc;
	flatten(r, set, true, ret);
	if (!ret->v)
		ret->v = arena_new_of(r->arena, struct imap_range);
	return RC_OK;
}

enum rc
imap_view_select(struct imap_run *r, struct store_tx *tx, const struct imap_seqset *set,
                 bool by_uid, struct imap_seqset *ret)
{
	struct imap_view *v = r->s->view;
	struct imap_seqset flat;

	enum rc rc = imap_view_load(tx, v);
	if (rc)
		return rc;
	/* RFC 5182 2.1: "$" holds messages, whichever form the command has. */
	by_uid = by_uid || set->saved;
	flatten(r, set, by_uid, &flat);
	if (!by_uid) {
		if (flat.n > 0 && flat.v[flat.n - 1].hi > v->exists)
			return RC_INVALID;
		*ret = flat;
		return RC_OK;
	}
	struct imap_range *out = arena_array(r->arena, flat.n + 1, struct imap_range);
	size_t n = 0;
	for (size_t i = 0; i < flat.n; i++)
		n += range_of_uids(v, flat.v[i], &out[n]);
	*ret = (struct imap_seqset){ .v = out, .n = n };
	return RC_OK;
}
