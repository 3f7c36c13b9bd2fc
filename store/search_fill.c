/* SPDX-License-Identifier: ISC
 *
 * search_fill.c - bringing the index of a user up to date.
 *
 * Contents are taken in the order of their numbers, some at a time: read and cut into
 * words in a read transaction, then written in short write transactions, so that nobody
 * waits long behind them. The last one moves "upto". Rows of a batch that did not get so
 * far say nothing wrong, and the next batch, which begins at the same content, writes
 * them again. A claim keeps two who fill at once (two nodes) from mixing their rows.
 */
#include <stdlib.h>

#include "base/clock.h"
#include "base/htab.h"
#include "base/mem.h"
#include "store/search_private.h"

#define BATCH_CONTENTS 64
#define BATCH_BYTES (4 * 1024 * 1024) /* of rows; no further content is begun beyond */
#define WRITE_ROWS 400                /* in one transaction */
#define CLEAR_ROWS 1000
#define TRIES 50

/* A word of the batch. */
struct entry {
	struct hnode node;
	char word[WORD_MAX];
	size_t n;
	uint64_t first;
	uint64_t last;
	struct buf postings;
	uint64_t doc; /* whose positions those are */
	uint64_t position;
	struct buf positions;
};

struct batch {
	struct htab words;
	struct entry **list;
	size_t n;
	size_t cap;
	size_t bytes;
	uint64_t from; /* upto before */
	uint64_t upto;
	/* the content that is being read */
	uint64_t doc;
	enum store_search_field field;
	uint32_t count[STORE_SEARCH_FIELD_N];
};

enum rc
search_state_load(struct store_tx *tx, struct arena *a, struct search_state *ret)
{
	AUTO(engine_stmt)
	struct engine_stmt *st = NULL;
	enum rc rc = sql_one(tx->etx, &st,
	                     "SELECT version, upto, claim, restored, swept, fills, tidy"
	                     " FROM search_state WHERE owner = $1",
	                     I(tx->user));

	*ret = (struct search_state){ .tidy = SPAN("") };
	if (rc == RC_NOT_FOUND)
		return RC_OK;
	if (rc)
		return rc;
	*ret = (struct search_state){
		.exists = true,
		.version = col_u64(st, 0),
		.upto = col_u64(st, 1),
		.claim = col_u64(st, 2),
		.restored = col_u64(st, 3),
		.swept = col_u64(st, 4),
		.fills = col_u64(st, 5),
		.tidy = arena_span(a, engine_bytes(st, 6)),
	};
	return RC_OK;
}

enum rc
search_state_save(struct store_tx *tx, const struct search_state *s)
{
	return sql_run(tx->etx,
	               "INSERT INTO search_state (owner, version, upto, claim, restored,"
	               " swept, fills, tidy) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"
	               " ON CONFLICT (owner) DO UPDATE SET version = $2, upto = $3,"
	               " claim = $4, restored = $5, swept = $6, fills = $7, tidy = $8",
	               I(tx->user), I(s->version), I(s->upto), I(s->claim),
	               I(s->restored), I(s->swept), I(s->fills), B(s->tidy));
}

enum rc
search_put(struct store_tx *tx, struct span word, uint64_t first, struct span postings)
{
	return sql_run(tx->etx,
	               "INSERT INTO search_word (owner, word, first, postings)"
	               " VALUES ($1, $2, $3, $4) ON CONFLICT (owner, word, first)"
	               " DO UPDATE SET postings = $4",
	               I(tx->user), B(word), I(first), B(postings));
}

static void
batch_done(struct batch *b)
{
	for (size_t i = 0; i < b->n; i++) {
		buf_done(&b->list[i]->postings);
		buf_done(&b->list[i]->positions);
		free(b->list[i]);
	}
	free(b->list);
	htab_done(&b->words);
}

static struct entry *
find_entry(struct batch *b, struct span word)
{
	uint64_t hash = hash_bytes(word);
	struct entry *e;

	for (struct hnode *n = htab_find(&b->words, hash); n; n = htab_next(n)) {
		e = (struct entry *)(void *)((char *)n - offsetof(struct entry, node));
		if (span_eq(span_of(e->word, e->n), word))
			return e;
	}
	e = xcalloc(1, sizeof(*e));
	memcpy(e->word, word.p, word.n);
	e->n = word.n;
	e->first = e->last = b->doc;
	htab_add(&b->words, &e->node, hash);
	b->list = grow(b->list, b->n, &b->cap, sizeof(*b->list));
	b->list[b->n++] = e;
	b->bytes += word.n;
	return e;
}

/* The positions of the content before become a part of the row. */
static void
close_posting(struct entry *e)
{
	if (e->doc == 0)
		return;
	search_posting_add(&e->postings, &e->last, e->doc, buf_span(&e->positions));
	buf_clear(&e->positions);
	e->position = 0;
	e->doc = 0;
}

static void
add_word(struct batch *b, struct span word, uint64_t position)
{
	struct entry *e = find_entry(b, word);

	if (e->doc != b->doc) {
		close_posting(e);
		e->doc = b->doc;
	}
	search_varint(&e->positions, position - e->position);
	e->position = position;
	b->bytes += 2;
}

static bool
on_word(struct span word, enum word_kind kind UNUSED, void *arg)
{
	struct batch *b = arg;
	uint32_t *n = &b->count[b->field];

	add_word(b, word, ((uint64_t)b->field << SEARCH_FIELD_SHIFT) + *n);
	return ++*n < SEARCH_FIELD_WORDS;
}

/* Texts of the fields come in any order, and a word's positions must rise. */
struct gathered {
	struct buf text[STORE_SEARCH_FIELD_N];
};

static void
gather(enum store_search_field field, struct span text, void *arg)
{
	struct gathered *g = arg;
	struct buf *b = &g->text[field];

	if (buf_len(b) > 0)
		buf_add_char(b, '\n');
	buf_add_span(b, text);
}

static void
gathered_done(struct gathered *g)
{
	for (size_t i = 0; i < ARRAY_LEN(g->text); i++)
		buf_done(&g->text[i]);
}

/*
 * A content that is damaged has no words and must not stand in the way of all others; but
 * it is damaged only when it cannot be read twice and the database answers all the same.
 */
static enum rc
gather_content(struct store_tx *tx, uint64_t content, struct gathered *g,
               bool *ret_has_attachment)
{
	AUTO(arena)
	struct arena *a = arena_new();
	struct search_state st;
	enum rc rc = RC_IO;

	for (int i = 0; i < 2 && rc == RC_IO; i++) {
		gathered_done(g);
		*ret_has_attachment = false;
		rc = search_text_each(tx, content, gather, g, ret_has_attachment);
	}
	if (rc == RC_IO || rc == RC_NOT_FOUND || rc == RC_TOO_BIG || rc == RC_INVALID) {
		gathered_done(g);
		*ret_has_attachment = false;
		rc = search_state_load(tx, a, &st);
	}
	return rc;
}

static enum rc
add_content(struct store_tx *tx, struct batch *b, uint64_t content)
{
	struct gathered g = { 0 };
	bool has_attachment = false;
	enum rc rc = gather_content(tx, content, &g, &has_attachment);

	b->doc = content;
	memset(b->count, 0, sizeof(b->count));
	if (!rc && has_attachment)
		add_word(b, span_str(SEARCH_HAS_ATTACHMENT), 0);
	for (size_t i = 0; !rc && i < ARRAY_LEN(g.text); i++) {
		b->field = (enum store_search_field)i;
		words_each(buf_span(&g.text[i]), on_word, b);
	}
	gathered_done(&g);
	return rc;
}

static int
compare_words(const void *pa, const void *pb)
{
	const struct entry *a = *(struct entry *const *)pa;
	const struct entry *b = *(struct entry *const *)pb;

	return span_cmp(span_of(a->word, a->n), span_of(b->word, b->n));
}

static enum rc
read_ids(struct store_tx *tx, uint64_t above, uint64_t *ids, size_t *ret_n)
{
	AUTO(engine_stmt)
	struct engine_stmt *st = NULL;
	size_t n = 0;
	enum rc rc = sql_each(tx->etx, &st,
	                      "SELECT id FROM content WHERE owner = $1 AND id > $2"
	                      " ORDER BY id LIMIT $3",
	                      I(tx->user), I(above), I(BATCH_CONTENTS));

	while (!rc && n < BATCH_CONTENTS && (rc = engine_step(st)) == RC_OK)
		ids[n++] = col_u64(st, 0);
	rc = sql_end(rc);
	if (!rc)
		*ret_n = n;
	return rc;
}

static bool
is_valid(struct store_tx *tx, const struct search_state *s)
{
	return s->exists && s->version == SEARCH_VERSION &&
	       s->restored == store_tx_restored(tx);
}

/* *ret_state: what the batch goes on from; *ret_done: there is nothing to do. */
static enum rc
read_batch(struct store *s, uint64_t user, struct arena *a, struct batch *b,
           struct search_state *ret_state, bool *ret_valid, bool *ret_done)
{
	AUTO(store_tx)
	struct store_tx *tx = NULL;
	uint64_t ids[BATCH_CONTENTS];
	size_t n = 0;
	enum rc rc = store_read(s, user, &tx);

	if (!rc)
		rc = search_state_load(tx, a, ret_state);
	if (rc)
		return rc;
	*ret_valid = is_valid(tx, ret_state);
	if (!*ret_valid) {
		ret_state->restored = store_tx_restored(tx);
		return RC_OK;
	}
	b->from = b->upto = ret_state->upto;
	*ret_done = b->from + 1 >= tx->content_next;
	if (*ret_done)
		return RC_OK;
	rc = read_ids(tx, b->from, ids, &n);
	for (size_t i = 0; !rc && i < n && b->bytes < BATCH_BYTES; i++) {
		rc = add_content(tx, b, ids[i]);
		b->upto = ids[i];
	}
	if (!rc && n < BATCH_CONTENTS && b->upto == (n > 0 ? ids[n - 1] : b->from))
		b->upto = tx->content_next - 1; /* what lay behind is gone */
	return rc;
}

/* One transaction. The first one claims, the last one moves upto. */
static enum rc
write_rows(struct store *s, uint64_t user, struct batch *b, size_t from, uint64_t claim)
{
	AUTO(arena)
	struct arena *a = arena_new();
	AUTO(store_tx)
	struct store_tx *tx = NULL;
	struct search_state st;
	size_t to = b->n - from > WRITE_ROWS ? from + WRITE_ROWS : b->n;
	enum rc rc = store_write(s, user, NULL, &tx);

	if (!rc)
		rc = search_state_load(tx, a, &st);
	if (!rc &&
	    (!is_valid(tx, &st) || st.upto != b->from || (from > 0 && st.claim != claim)))
		rc = RC_CONFLICT;
	for (size_t i = from; !rc && i < to; i++) {
		struct entry *e = b->list[i];

		rc = search_put(tx, span_of(e->word, e->n), e->first,
		                buf_span(&e->postings));
	}
	if (rc)
		return rc;
	st.claim = claim;
	if (to == b->n) {
		st.upto = b->upto;
		st.fills++;
	}
	if (from == 0 || to == b->n)
		rc = search_state_save(tx, &st);
	return rc ? rc : store_commit(&tx);
}

static enum rc
write_batch(struct store *s, uint64_t user, struct batch *b)
{
	uint64_t claim = random_u64() >> 1;
	size_t at = 0;
	enum rc rc;

	for (size_t i = 0; i < b->n; i++)
		close_posting(b->list[i]);
	if (b->n > 0)
		qsort(b->list, b->n, sizeof(*b->list), compare_words);
	do {
		rc = write_rows(s, user, b, at, claim);
		at += WRITE_ROWS;
	} while (!rc && at < b->n);
	return rc;
}

/* One transaction's worth of an index that is of no use any more. */
static enum rc
clear_rows(struct store *s, uint64_t user, bool *ret_more)
{
	AUTO(store_tx)
	struct store_tx *tx = NULL;
	AUTO(engine_stmt)
	struct engine_stmt *st = NULL;
	AUTO_DONE(buf) struct buf word = BUF_INIT(0);
	enum rc rc = store_write(s, user, NULL, &tx);

	if (rc)
		return rc;
	rc = sql_one(tx->etx, &st,
	             "SELECT word FROM search_word WHERE owner = $1 ORDER BY word"
	             " LIMIT 1 OFFSET $2",
	             I(user), I(CLEAR_ROWS));
	*ret_more = rc == RC_OK;
	if (!rc)
		buf_add_span(&word, engine_bytes(st, 0));
	engine_stmt_free(TAKE(st));
	if (!rc)
		rc = sql_run(tx->etx,
		             "DELETE FROM search_word WHERE owner = $1 AND word <= $2",
		             I(user), B(buf_span(&word)));
	else if (rc == RC_NOT_FOUND)
		rc = sql_run(tx->etx, "DELETE FROM search_word WHERE owner = $1",
		             I(user));
	return rc ? rc : store_commit(&tx);
}

/* Anew from the first content. Until all is cleared the state says that it is not. */
static enum rc
start_over(struct store *s, uint64_t user, const struct search_state *was)
{
	AUTO(store_tx)
	struct store_tx *tx = NULL;
	struct search_state st = { .tidy = SPAN("") };
	bool more = was->exists;
	enum rc rc = RC_OK;

	if (more) {
		rc = store_write(s, user, NULL, &tx);
		if (!rc)
			rc = search_state_save(tx, &st);
		if (!rc)
			rc = store_commit(&tx);
	}
	while (!rc && more)
		rc = clear_rows(s, user, &more);
	if (!rc)
		rc = store_write(s, user, NULL, &tx);
	if (rc)
		return rc;
	st.version = SEARCH_VERSION;
	st.restored = store_tx_restored(tx);
	st.swept = tx->swept;
	rc = search_state_save(tx, &st);
	return rc ? rc : store_commit(&tx);
}

static enum rc
fill_some(struct store *s, uint64_t user, bool *ret_done)
{
	AUTO(arena)
	struct arena *a = arena_new();
	struct batch b = { 0 };
	struct search_state st;
	bool is_valid_now = false;
	enum rc rc;

	*ret_done = false;
	htab_init(&b.words);
	rc = read_batch(s, user, a, &b, &st, &is_valid_now, ret_done);
	if (!rc && !is_valid_now)
		rc = start_over(s, user, &st);
	else if (!rc && !*ret_done)
		rc = write_batch(s, user, &b);
	batch_done(&b);
	return rc;
}

enum rc
store_search_catch_up(struct store *s, uint64_t user, uint64_t budget_ms, bool *ret_done)
{
	uint64_t deadline = clock_mono_ms() + budget_ms;
	unsigned conflicts = 0;
	bool done = false;
	enum rc rc = RC_OK;

	do {
		rc = fill_some(s, user, &done);
		if (rc == RC_CONFLICT && ++conflicts < TRIES)
			rc = RC_OK; /* another one is at it */
	} while (!rc && !done && clock_mono_ms() < deadline);
	if (!rc && done)
		rc = search_tidy(s, user, deadline);
	if (rc == RC_CONFLICT)
		rc = RC_AGAIN;
	if (!rc)
		*ret_done = done;
	return rc;
}
