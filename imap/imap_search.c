/* SPDX-License-Identifier: ISC
 *
 * imap_search.c - SEARCH and ESEARCH (RFC 9051 6.4.4, RFC 4731, RFC 5182), in slices.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "imap/imap_search.h"
#include "imap/imap_view.h"
#include "imap/imap_write.h"

#define BATCH_MAX 500
#define NUMBERS_AT_ONCE 8000

struct search {
	bool extended; /* ESEARCH answers */
	bool min, max, count, all, save;
	bool has_modseq;
	struct search_key *keys;
	/* progress */
	bool ready;
	struct imap_seqset range; /* what can match at all, as numbers */
	size_t at_range;
	uint32_t next_seq;
	struct buf found; /* uint32_t sequence numbers, rising */
	uint64_t modseq;  /* the highest of those found */
	uint64_t modseq_min;
	uint64_t modseq_max;
	size_t written;
	bool answering;
};

static void
search_done(void *arg)
{
	struct search *s = arg;

	buf_done(&s->found);
}

/* "RETURN (MIN COUNT)" (RFC 4731 3.1) */
static bool
read_return(struct imap_read *rd, struct search *s)
{
	s->extended = true;
	if (!imap_read_sp(rd) || !imap_read_char(rd, '('))
		return false;
	if (imap_read_if(rd, ')')) {
		s->all = true;
		return imap_read_sp(rd);
	}
	do {
		if (imap_read_if_word(rd, "MIN"))
			s->min = true;
		else if (imap_read_if_word(rd, "MAX"))
			s->max = true;
		else if (imap_read_if_word(rd, "COUNT"))
			s->count = true;
		else if (imap_read_if_word(rd, "ALL"))
			s->all = true;
		else if (imap_read_if_word(rd, "SAVE"))
			s->save = true;
		else
			return imap_read_fail(rd, "Unknown return option");
	} while (imap_read_if(rd, ' '));
	return imap_read_char(rd, ')') && imap_read_sp(rd);
}

/* False when the command is answered. */
static bool
read_charset(struct imap_run *r)
{
	struct span name;

	if (!imap_read_sp(&r->rd) || !imap_read_astring(&r->rd, &name) ||
	    !imap_read_sp(&r->rd))
		return false;
	if (span_iis(name, "UTF-8") || span_iis(name, "US-ASCII"))
		return true;
	imap_reply(r, IMAP_NO, "BADCHARSET (US-ASCII UTF-8)", "Charset not supported");
	r->phase = IMAP_PHASE_END;
	return false;
}

void
imap_search_parse(struct imap_run *r)
{
	struct search *s = arena_new_of(r->arena, struct search);
	struct imap_read *rd = &r->rd;

	r->state = s;
	buf_init(&s->found, 0);
	arena_on_free(r->arena, search_done, s);
	if (!imap_read_sp(rd))
		return;
	if (imap_read_if_word(rd, "RETURN") && !read_return(rd, s))
		return;
	if (imap_read_if_word(rd, "CHARSET") && !read_charset(r))
		return;
	/* RFC 9051 6.4.4: with IMAP4rev2 all answers are ESEARCH. */
	if (r->s->rev2 && !s->extended)
		s->extended = s->all = true;
	s->keys = imap_search_read_keys(r, &s->has_modseq);
	if (s->keys && s->has_modseq)
		imap_enable_condstore(r);
}

/* Fills in "*" and "$" of all sets. */
static enum rc
resolve(struct imap_run *r, struct store_tx *tx, struct search_key *k)
{
	enum rc rc = RC_OK;

	if (k->kind == SEARCH_SEQ) {
		struct imap_seqset wire = k->set;
		rc = imap_view_select(r, tx, &wire, false, &k->set);
		/* A number that is not there matches nothing; others of the set may. */
		if (rc == RC_INVALID) {
			imap_seqset_resolve(&wire, r->s->view->exists, r->arena, &k->set);
			rc = RC_OK;
		}
	} else if (k->kind == SEARCH_UID) {
		struct imap_seqset wire = k->set;
		rc = imap_view_select_uids(r, tx, &wire, &k->set);
	}
	for (struct search_key *c = k->first; rc == RC_OK && c; c = c->next)
		rc = resolve(r, tx, c);
	return rc;
}

/* What of a resolved set lies within 1..last. */
static void
clip(const struct imap_seqset *set, uint32_t last, struct arena *a,
     struct imap_seqset *ret)
{
	struct imap_range *v = arena_array(a, set->n + 1, struct imap_range);
	size_t n = 0;

	for (; n < set->n && set->v[n].lo <= last; n++) {
		v[n] = set->v[n];
		if (v[n].hi > last)
			v[n].hi = last;
	}
	*ret = (struct imap_seqset){ .v = v, .n = n };
}

static enum rc
prepare(struct imap_run *r, struct store_tx *tx, struct search *s)
{
	struct imap_view *v = r->s->view;

	enum rc rc = imap_view_load(tx, v);
	if (rc == RC_OK)
		rc = resolve(r, tx, s->keys);
	if (rc)
		return rc;
	struct imap_range *all = arena_new_of(r->arena, struct imap_range);
	*all = (struct imap_range){ 1, v->exists };
	s->range = (struct imap_seqset){ .v = all, .n = v->exists > 0 };
	/* A set among the keys says where to look. */
	for (struct search_key *k = s->keys->first; k; k = k->next) {
		if (k->kind == SEARCH_SEQ) {
			clip(&k->set, v->exists, r->arena, &s->range);
			break;
		}
		if (k->kind == SEARCH_UID) {
			rc = imap_view_select(r, tx, &k->set, true, &s->range);
			break;
		}
	}
	s->next_seq = s->range.n > 0 ? s->range.v[0].lo : 0;
	s->ready = true;
	return rc;
}

struct batch {
	const struct imap_view *v;
	struct search *s;
	struct arena *a;
	struct store_item *items;
	uint32_t *seqs;
	size_t n;
};

static bool
take_item(const struct store_item *item, void *arg)
{
	struct batch *b = arg;
	struct search *s = b->s;

	while (s->next_seq <= b->v->exists &&
	       imap_view_uid(b->v, s->next_seq) < item->uid)
		s->next_seq++;
	if (s->next_seq > b->v->exists || imap_view_uid(b->v, s->next_seq) != item->uid)
		return true;
	b->seqs[b->n] = s->next_seq++;
	b->items[b->n] = *item;
	b->items[b->n].keywords = arena_span(b->a, item->keywords);
	b->n++;
	return b->n < BATCH_MAX;
}

static enum rc
gather(struct imap_run *r, struct store_tx *tx, struct search *s, struct batch *b)
{
	struct imap_view *v = r->s->view;

	b->n = 0;
	while (b->n < BATCH_MAX && s->at_range < s->range.n) {
		struct imap_range range = s->range.v[s->at_range];
		if (s->next_seq <= range.hi) {
			enum rc rc = store_item_each(
				tx, v->collection, imap_view_uid(v, s->next_seq),
				imap_view_uid(v, range.hi), take_item, b);
			if (rc)
				return rc;
		}
		if (b->n == BATCH_MAX && s->next_seq <= range.hi)
			break;
		if (++s->at_range < s->range.n)
			s->next_seq = s->range.v[s->at_range].lo;
	}
	return RC_OK;
}

static void
note_found(struct search *s, uint32_t seq, uint64_t modseq)
{
	if (buf_len(&s->found) == 0)
		s->modseq_min = modseq;
	s->modseq_max = modseq;
	if (modseq > s->modseq)
		s->modseq = modseq;
	buf_add(&s->found, &seq, sizeof(seq));
}

/* Goes on at seq, which was gathered but not asked. */
static void
go_back(struct search *s, uint32_t seq)
{
	while (s->at_range == s->range.n || s->range.v[s->at_range].lo > seq)
		s->at_range--;
	s->next_seq = seq;
}

/* Asks messages until the time of a slice is up; *ret_more: there are others. */
static enum rc
look(struct imap_run *r, struct store_tx *tx, struct search *s, bool *ret_more)
{
	uint64_t until = clock_mono_ms() + IMAP_SLICE_MS;
	AUTO(arena)
	struct arena *a = arena_new();
	struct batch b = { .v = r->s->view, .s = s, .a = a };
	struct search_msg m = { .tx = tx, .now_ms = clock_wall_ms() };

	b.items = arena_array(a, BATCH_MAX, struct store_item);
	b.seqs = arena_array(a, BATCH_MAX, uint32_t);
	do {
		enum rc rc = gather(r, tx, s, &b);
		if (rc)
			return rc;
		for (size_t i = 0; i < b.n; i++) {
			m.item = &b.items[i];
			m.seq = b.seqs[i];
			if (imap_search_matches(&m, s->keys))
				note_found(s, m.seq, m.item->modseq);
			imap_search_clear(&m);
			/* Swept away since the snapshot: no match. */
			if (m.rc && m.rc != RC_NOT_FOUND)
				return m.rc;
			m.rc = RC_OK;
			if (clock_mono_ms() >= until || atomic_load(&r->cancelled)) {
				/* The rest of the batch is read again. */
				if (i + 1 < b.n)
					go_back(s, b.seqs[i + 1]);
				*ret_more = s->at_range < s->range.n;
				return RC_OK;
			}
		}
	} while (b.n > 0);
	*ret_more = false;
	return RC_OK;
}

static uint32_t
number_of(const struct imap_run *r, uint32_t seq)
{
	return r->by_uid ? imap_view_uid(r->s->view, seq) : seq;
}

static const uint32_t *
found(const struct search *s, size_t *ret_n)
{
	*ret_n = s->found.len / sizeof(uint32_t);
	return (const uint32_t *)(const void *)s->found.p;
}

/* RFC 5182 2.1: with MIN or MAX alone only those are saved. */
static void
save(struct imap_run *r, const struct search *s)
{
	struct imap_session *se = r->s;
	size_t n, out = 0;
	const uint32_t *v = found(s, &n);
	bool ends_only = (s->min || s->max) && !s->all && !s->count;

	free(se->saved);
	se->saved = n ? xreallocarray(NULL, n, sizeof(*se->saved)) : NULL;
	for (size_t i = 0; i < n; i++) {
		if (ends_only && !(s->min && i == 0) && !(s->max && i + 1 == n))
			continue;
		uint32_t uid = imap_view_uid(se->view, v[i]);
		if (out > 0 && se->saved[out - 1].hi + 1 == uid)
			se->saved[out - 1].hi = uid;
		else
			se->saved[out++] = (struct imap_range){ uid, uid };
	}
	se->n_saved = out;
	if (out > 0)
		se->saved = xreallocarray(se->saved, out, sizeof(*se->saved));
}

static void
write_extended(struct imap_run *r, struct search *s)
{
	struct buf *out = &r->out;
	size_t n;
	const uint32_t *v = found(s, &n);

	buf_add_str(out, "* ESEARCH (TAG ");
	imap_write_string(out, r->tag, false);
	buf_add_str(out, r->by_uid ? ") UID" : ")");
	if (s->min && n > 0)
		buf_addf(out, " MIN %" PRIu32, number_of(r, v[0]));
	if (s->max && n > 0)
		buf_addf(out, " MAX %" PRIu32, number_of(r, v[n - 1]));
	if (s->count)
		buf_addf(out, " COUNT %zu", n);
	if (s->all && n > 0) {
		buf_add_str(out, " ALL ");
		uint32_t *numbers = (uint32_t *)(void *)s->found.p;
		for (size_t i = 0; r->by_uid && i < n; i++)
			numbers[i] = number_of(r, numbers[i]);
		imap_seqset_write(out, numbers, n);
	}
	if (s->has_modseq && n > 0) {
		/* RFC 7162 3.1.10: of those that are told of. */
		uint64_t m = s->modseq;
		if (!s->all && !s->count && s->min != s->max)
			m = s->min ? s->modseq_min : s->modseq_max;
		buf_addf(out, " MODSEQ %" PRIu64, m);
	}
	buf_add_str(out, "\r\n");
}

/* Some of the numbers of "* SEARCH 2 84 882"; true when those were all. */
static bool
write_plain(struct imap_run *r, struct search *s)
{
	struct buf *out = &r->out;
	size_t n;
	const uint32_t *v = found(s, &n);

	if (s->written == 0)
		buf_add_str(out, "* SEARCH");
	size_t end = s->written + NUMBERS_AT_ONCE;
	for (; s->written < n && s->written < end; s->written++)
		buf_addf(out, " %" PRIu32, number_of(r, v[s->written]));
	if (s->written < n)
		return false;
	if (s->has_modseq && n > 0)
		buf_addf(out, " (MODSEQ %" PRIu64 ")", s->modseq);
	buf_add_str(out, "\r\n");
	return true;
}

static bool
answer(struct imap_run *r, struct search *s)
{
	if (!s->answering && s->save)
		save(r, s);
	s->answering = true;
	bool quiet = s->save && !s->min && !s->max && !s->count && !s->all;
	if (!s->extended) {
		if (!write_plain(r, s))
			return false;
	} else if (!quiet) {
		write_extended(r, s);
	}
	imap_reply(r, IMAP_OK, NULL, "Search completed");
	return true;
}

static bool
fail(struct imap_run *r, const struct search *s, enum rc rc)
{
	if (s->save) {
		/* RFC 5182 2.1: a search that fails empties the result. */
		free(r->s->saved);
		r->s->saved = NULL;
		r->s->n_saved = 0;
	}
	imap_reply_rc(r, rc, "Search");
	return true;
}

bool
imap_search_work(struct imap_run *r)
{
	struct search *s = r->state;
	AUTO(store_tx)
	struct store_tx *tx = NULL;
	bool more = false;

	if (s->answering)
		return answer(r, s);
	enum rc rc = imap_look(r, &tx);
	if (rc == RC_OK && !s->ready)
		rc = prepare(r, tx, s);
	if (rc == RC_OK)
		rc = look(r, tx, s, &more);
	if (rc)
		return fail(r, s, rc);
	return more ? false : answer(r, s);
}
