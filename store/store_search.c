/* SPDX-License-Identifier: ISC
 *
 * store_search.c - answering a query from the index and the items' rows.
 *
 * First each text of the query becomes the set of the contents that match it; then the
 * rows of the collections in question are gone through, and each is judged by the tree.
 */
#include "store/store_search.h"

#include <stdlib.h>

#include "store/search_private.h"

/* A word of a query, and its distance from the first of its phrase. */
struct term {
	struct span word;
	uint32_t offset;
	bool prefix;
};

struct phrase {
	struct term *terms;
	size_t n;
	size_t cap;
	uint32_t next;
	bool after_gram;
	struct arena *a;
};

struct docs {
	uint64_t *p;
	size_t n;
	size_t cap;
};

/* Where the phrase would begin. */
struct place {
	uint64_t doc;
	uint64_t at;
};

struct places {
	struct place *p;
	size_t n;
	size_t cap;
};

static int
compare_docs(const void *pa, const void *pb)
{
	uint64_t a = *(const uint64_t *)pa;
	uint64_t b = *(const uint64_t *)pb;

	return a < b ? -1 : a > b;
}

static int
compare_places(const void *pa, const void *pb)
{
	const struct place *a = pa;
	const struct place *b = pb;

	if (a->doc != b->doc)
		return a->doc < b->doc ? -1 : 1;
	return a->at < b->at ? -1 : a->at > b->at;
}

static bool
has_doc(const uint64_t *p, size_t n, uint64_t doc)
{
	return n > 0 && bsearch(&doc, p, n, sizeof(doc), compare_docs);
}

static void
sort_docs(struct docs *d)
{
	size_t n = 0;

	if (d->n > 1)
		qsort(d->p, d->n, sizeof(*d->p), compare_docs);
	for (size_t i = 0; i < d->n; i++) {
		if (n == 0 || d->p[n - 1] != d->p[i])
			d->p[n++] = d->p[i];
	}
	d->n = n;
}

static void
add_doc(struct docs *d, uint64_t doc)
{
	if (d->n > 0 && d->p[d->n - 1] == doc)
		return;
	if (d->n == d->cap &&
	    d->n >= 65536) { /* many words of one prefix: again and again */
		sort_docs(d);
		if (d->n < d->cap / 2) {
			d->p[d->n++] = doc;
			return;
		}
	}
	d->p = grow(d->p, d->n, &d->cap, sizeof(*d->p));
	d->p[d->n++] = doc;
}

static void
keep_common(struct docs *d, const struct docs *other)
{
	size_t n = 0;

	for (size_t i = 0; i < d->n; i++) {
		if (has_doc(other->p, other->n, d->p[i]))
			d->p[n++] = d->p[i];
	}
	d->n = n;
}

/* The least byte string above all that begin with word; false: there is none. */
static bool
end_of_prefix(struct span word, char *ret, size_t *ret_n)
{
	size_t n = word.n;

	memcpy(ret, word.p, n);
	while (n > 0 && (unsigned char)ret[n - 1] == 0xff)
		n--;
	if (n == 0)
		return false;
	ret[n - 1] = (char)((unsigned char)ret[n - 1] + 1);
	*ret_n = n;
	return true;
}

static enum rc
select_rows(struct store_tx *tx, const struct term *t, char end[WORD_MAX],
            struct engine_stmt **ret)
{
	size_t n;

	if (t->prefix && end_of_prefix(t->word, end, &n))
		return sql_each(tx->etx, ret,
		                "SELECT first, postings FROM search_word WHERE owner = $1"
		                " AND word >= $2 AND word < $3 ORDER BY word, first"
		                " /* long */",
		                I(tx->user), B(t->word), B(span_of(end, n)));
	return sql_each(tx->etx, ret,
	                "SELECT first, postings FROM search_word"
	                " WHERE owner = $1 AND word = $2 ORDER BY first /* long */",
	                I(tx->user), B(t->word));
}

/* The places of one posting that stand in the fields; docs or places may be NULL. */
static void
read_posting(const struct search_posting *p, const struct term *t, unsigned fields,
             struct docs *docs, struct places *places)
{
	struct span rest = p->positions;
	uint64_t at = 0, step;

	while (search_varint_next(&rest, &step)) {
		at += step;
		if (at >> SEARCH_FIELD_SHIFT >= STORE_SEARCH_FIELD_N ||
		    !(fields & (1U << (at >> SEARCH_FIELD_SHIFT))))
			continue;
		if (docs) {
			add_doc(docs, p->doc);
			return;
		}
		if (at < t->offset)
			continue;
		places->p = grow(places->p, places->n, &places->cap, sizeof(*places->p));
		places->p[places->n++] = (struct place){ p->doc, at - t->offset };
	}
}

/* among NULL: all contents. One of docs and places is to be filled. */
static enum rc
read_term(struct store_tx *tx, const struct term *t, unsigned fields,
          const struct docs *among, struct docs *docs, struct places *places)
{
	AUTO(engine_stmt)
	struct engine_stmt *st = NULL;
	char end[WORD_MAX];
	enum rc rc = select_rows(tx, t, end, &st);

	while (!rc && (rc = engine_step(st)) == RC_OK) {
		struct span rest = engine_bytes(st, 1);
		uint64_t doc = col_u64(st, 0);
		struct search_posting p;

		while (search_posting_next(&rest, &doc, &p)) {
			if (!among || has_doc(among->p, among->n, p.doc))
				read_posting(&p, t, fields, docs, places);
		}
	}
	return sql_end(rc);
}

static void
sort_places(struct places *p)
{
	if (p->n > 1)
		qsort(p->p, p->n, sizeof(*p->p), compare_places);
}

static void
keep_common_places(struct places *p, const struct places *other)
{
	size_t n = 0;

	for (size_t i = 0; i < p->n; i++) {
		if (other->n > 0 && bsearch(&p->p[i], other->p, other->n,
		                            sizeof(*other->p), compare_places))
			p->p[n++] = p->p[i];
	}
	p->n = n;
}

/* Of the contents that have all the words, those that have them together. */
static enum rc
keep_together(struct store_tx *tx, const struct phrase *ph, unsigned fields,
              struct docs *docs)
{
	struct places found = { 0 }, next = { 0 };
	enum rc rc = RC_OK;

	for (size_t i = 0; !rc && i < ph->n; i++) {
		next.n = 0;
		rc = read_term(tx, &ph->terms[i], fields, docs, NULL, &next);
		sort_places(&next);
		if (i == 0) {
			struct places t = found;

			found = next;
			next = t;
		} else {
			keep_common_places(&found, &next);
		}
	}
	docs->n = 0;
	for (size_t i = 0; !rc && i < found.n; i++) {
		if (docs->n == 0 || docs->p[docs->n - 1] != found.p[i].doc)
			docs->p[docs->n++] = found.p[i].doc; /* there was room for them */
	}
	free(found.p);
	free(next.p);
	return rc;
}

static enum rc
find_phrase(struct store_tx *tx, const struct phrase *ph, unsigned fields,
            struct docs *ret)
{
	struct docs more = { 0 };
	enum rc rc = RC_OK;

	for (size_t i = 0; !rc && i < ph->n && (i == 0 || ret->n > 0); i++) {
		struct docs *d = i == 0 ? ret : &more;

		d->n = 0;
		rc = read_term(tx, &ph->terms[i], fields, i == 0 ? NULL : ret, d, NULL);
		sort_docs(d);
		if (!rc && i > 0)
			keep_common(ret, &more);
	}
	free(more.p);
	if (!rc && ph->n > 1 && ret->n > 0)
		rc = keep_together(tx, ph, fields, ret);
	return rc;
}

static bool
on_word(struct span word, enum word_kind kind, void *arg)
{
	struct phrase *ph = arg;
	bool within = kind == WORD_TAIL && ph->after_gram;

	ph->after_gram = kind == WORD_GRAM;
	if (!within) { /* the last of several: the pair before it says the same */
		ph->terms = grow(ph->terms, ph->n, &ph->cap, sizeof(*ph->terms));
		ph->terms[ph->n++] = (struct term){
			.word = arena_span(ph->a, word),
			.offset = ph->next,
			.prefix = kind == WORD_TAIL,
		};
	}
	ph->next++;
	return ph->n <= STORE_SEARCH_WORDS_MAX;
}

/* A piece of text without spaces, or a whole phrase. */
static enum rc
find_piece(struct store_tx *tx, const struct store_search_node *node, struct span text,
           size_t *n_words, struct arena *a, bool *ret_has_words, struct docs *ret)
{
	struct phrase ph = { .a = a };
	enum rc rc = RC_OK;

	words_each(text, on_word, &ph);
	*n_words += ph.n;
	*ret_has_words = ph.n > 0;
	if (*n_words > STORE_SEARCH_WORDS_MAX)
		rc = RC_TOO_BIG;
	if (!rc && ph.n > 0) {
		/* A pair of characters stands for its second too. */
		if (node->prefix && !ph.after_gram)
			ph.terms[ph.n - 1].prefix = true;
		rc = find_phrase(tx, &ph, node->fields, ret);
	}
	free(ph.terms);
	return rc;
}

static size_t
space_len(struct span s, size_t at)
{
	if ((unsigned char)s.p[at] <= ' ')
		return 1;
	return span_starts(span_sub(s, at, s.n), "\xe3\x80\x80") ? 3 : 0; /* U+3000 */
}

/* Up to the next space; empty at the end. */
static struct span
next_piece(struct span *rest)
{
	size_t n = 0;
	struct span piece;

	while (rest->n > 0 && space_len(*rest, 0) > 0)
		*rest = span_sub(*rest, space_len(*rest, 0), rest->n);
	while (n < rest->n && space_len(*rest, n) == 0)
		n++;
	piece = span_sub(*rest, 0, n);
	*rest = span_sub(*rest, n, rest->n);
	return piece;
}

/* Frees d. */
static void
keep_docs(struct store_search_node *node, struct docs *d, struct arena *a)
{
	uint64_t *docs = arena_array(a, d->n, uint64_t);

	if (d->n > 0)
		memcpy(docs, d->p, d->n * sizeof(*docs));
	node->docs = docs;
	node->n_docs = d->n;
	free(d->p);
}

static enum rc
find_text(struct store_tx *tx, struct store_search_node *node, size_t *n_words,
          struct arena *a)
{
	struct docs all = { 0 };
	struct span rest = node->text;
	struct span piece = node->phrase ? rest : next_piece(&rest);
	bool any = false;
	enum rc rc = node->text.n > STORE_SEARCH_TEXT_MAX ? RC_TOO_BIG : RC_OK;

	while (!rc && piece.n > 0) {
		struct docs d = { 0 };
		bool has_words = false;

		rc = find_piece(tx, node, piece, n_words, a, &has_words, &d);
		if (!rc && has_words && !any) {
			struct docs t = all;

			all = d;
			d = t;
			any = true;
		} else if (!rc && has_words) {
			keep_common(&all, &d);
		}
		free(d.p);
		piece = node->phrase ? SPAN("") : next_piece(&rest);
	}
	keep_docs(node, &all, a);
	return rc;
}

static enum rc
find_all(struct store_tx *tx, struct store_search_node *node, size_t *n_words,
         struct arena *a)
{
	struct term mark = { .word = span_str(SEARCH_HAS_ATTACHMENT) };
	struct docs d = { 0 };
	enum rc rc = RC_OK;

	switch (node->op) {
	case STORE_SEARCH_AND:
	case STORE_SEARCH_OR:
		rc = find_all(tx, node->left, n_words, a);
		return rc ? rc : find_all(tx, node->right, n_words, a);
	case STORE_SEARCH_NOT:
		return find_all(tx, node->left, n_words, a);
	case STORE_SEARCH_TEXT:
		return find_text(tx, node, n_words, a);
	case STORE_SEARCH_HAS_ATTACHMENT:
		rc = read_term(tx, &mark, STORE_SEARCH_ALL, NULL, &d, NULL);
		sort_docs(&d);
		keep_docs(node, &d, a);
		return rc;
	case STORE_SEARCH_TEST:
		break;
	}
	return RC_OK;
}

/* False when no item can match. */
static bool
can_match(const struct store_search_node *n)
{
	switch (n->op) {
	case STORE_SEARCH_AND:
		return can_match(n->left) && can_match(n->right);
	case STORE_SEARCH_OR:
		return can_match(n->left) || can_match(n->right);
	case STORE_SEARCH_TEXT:
	case STORE_SEARCH_HAS_ATTACHMENT:
		return n->n_docs > 0;
	case STORE_SEARCH_NOT:
	case STORE_SEARCH_TEST:
		break;
	}
	return true;
}

static bool
matches(const struct store_search_node *n, const struct store_item *item)
{
	switch (n->op) {
	case STORE_SEARCH_AND:
		return matches(n->left, item) && matches(n->right, item);
	case STORE_SEARCH_OR:
		return matches(n->left, item) || matches(n->right, item);
	case STORE_SEARCH_NOT:
		return !matches(n->left, item);
	case STORE_SEARCH_TEXT:
	case STORE_SEARCH_HAS_ATTACHMENT:
		return has_doc(n->docs, n->n_docs, item->content);
	case STORE_SEARCH_TEST:
		return n->test(item, n->arg);
	}
	return false;
}

struct hits {
	const struct store_search_node *root;
	struct store_search_hit *p;
	size_t n;
	size_t cap;
};

static bool
judge(const struct store_item *item, void *arg)
{
	struct hits *h = arg;

	if (h->root && !matches(h->root, item))
		return true;
	h->p = grow(h->p, h->n, &h->cap, sizeof(*h->p));
	h->p[h->n++] = (struct store_search_hit){
		.collection = item->collection,
		.uid = item->uid,
		.received_ms = item->received_ms,
		.content = item->content,
	};
	return true;
}

static int
compare_hits(const void *pa, const void *pb)
{
	const struct store_search_hit *a = pa;
	const struct store_search_hit *b = pb;

	if (a->received_ms != b->received_ms)
		return a->received_ms > b->received_ms ? -1 : 1;
	if (a->collection != b->collection)
		return a->collection < b->collection ? -1 : 1;
	return a->uid > b->uid ? -1 : a->uid < b->uid;
}

enum rc
store_search(struct store_tx *tx, const struct store_search_query *q, struct arena *a,
             struct store_search_hit **ret, size_t *ret_n)
{
	struct hits h = { .root = q->root };
	size_t n_words = 0;
	enum rc rc = q->root ? find_all(tx, q->root, &n_words, a) : RC_OK;

	for (size_t i = 0; !rc && i < q->n_collections; i++) {
		if (q->root && !can_match(q->root))
			break;
		rc = store_item_each(tx, q->collections[i], 1, UINT32_MAX, judge, &h);
		if (rc == RC_NOT_FOUND)
			rc = RC_OK;
	}
	if (!rc) {
		if (h.n > 1)
			qsort(h.p, h.n, sizeof(*h.p), compare_hits);
		*ret = arena_array(a, h.n, struct store_search_hit);
		if (h.n > 0)
			memcpy(*ret, h.p, h.n * sizeof(*h.p));
		*ret_n = h.n;
	}
	free(h.p);
	return rc;
}
