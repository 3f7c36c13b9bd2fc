/* SPDX-License-Identifier: ISC
 *
 * search_tidy.c - keeping the index small.
 *
 * Each batch adds a row for each of its words. A round goes through the words in their
 * order, now and then and a little at a time, and makes larger rows of small ones; when
 * the store's sweep has taken contents away since the last round, it takes them out too.
 */
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "store/search_private.h"

#define ROWS 400            /* read in one transaction */
#define ROW_MAX (32 * 1024) /* bytes to which rows are put together */
#define FILLS 32            /* batches between two rounds */

/* search_state.tidy: what kind of round it is, and the last word that is done. */
#define ROUND_JOIN 'j'
#define ROUND_TAKE_OUT 't'

struct row {
	struct span word;
	uint64_t first;
	struct span postings;
};

struct round {
	struct store *s;
	uint64_t user;
	uint64_t deadline_ms;
	/* Numbers of the contents that there are; NULL: nothing was taken away. */
	uint64_t *living;
	size_t n_living;
	uint64_t living_upto; /* what is newer lives */
};

static int
compare_u64(const void *pa, const void *pb)
{
	uint64_t a = *(const uint64_t *)pa;
	uint64_t b = *(const uint64_t *)pb;

	return a < b ? -1 : a > b;
}

static bool
lives(const struct round *r, uint64_t doc)
{
	return !r->living || doc > r->living_upto ||
	       bsearch(&doc, r->living, r->n_living, sizeof(doc), compare_u64);
}

static enum rc
load_living(struct round *r, struct store_tx *tx)
{
	AUTO(engine_stmt)
	struct engine_stmt *st = NULL;
	size_t cap = 0;
	enum rc rc = sql_each(tx->etx, &st,
	                      "SELECT id FROM content WHERE owner = $1 ORDER BY id"
	                      " /* long */",
	                      I(r->user));

	r->living_upto = tx->content_next - 1;
	r->living = xcalloc(1, sizeof(*r->living));
	while (!rc && (rc = engine_step(st)) == RC_OK) {
		r->living = grow(r->living, r->n_living, &cap, sizeof(*r->living));
		r->living[r->n_living++] = col_u64(st, 0);
	}
	return sql_end(rc);
}

static enum rc
read_rows(struct engine_stmt *st, struct arena *a, struct row **list, size_t *n)
{
	size_t cap = 0;
	enum rc rc;

	while ((rc = engine_step(st)) == RC_OK) {
		*list = grow(*list, *n, &cap, sizeof(**list));
		(*list)[(*n)++] = (struct row){
			.word = arena_span(a, engine_bytes(st, 0)),
			.first = col_u64(st, 1),
			.postings = arena_span(a, engine_bytes(st, 2)),
		};
	}
	return sql_end(rc);
}

/* Whole words behind above; *ret_last: there are none behind them. */
static enum rc
read_words(struct store_tx *tx, struct span above, struct arena *a, struct row **ret,
           size_t *ret_n, bool *ret_last)
{
	AUTO(engine_stmt)
	struct engine_stmt *st = NULL;
	struct row *list = NULL;
	struct span last;
	size_t n = 0;
	enum rc rc = sql_each(tx->etx, &st,
	                      "SELECT word, first, postings FROM search_word"
	                      " WHERE owner = $1 AND word > $2 ORDER BY word, first"
	                      " LIMIT $3",
	                      I(tx->user), B(above), I(ROWS));

	if (!rc)
		rc = read_rows(st, a, &list, &n);
	engine_stmt_free(TAKE(st));
	*ret_last = n < ROWS;
	if (!rc && n == ROWS) { /* of the last word there may be more */
		last = list[n - 1].word;
		while (n > 0 && span_eq(list[n - 1].word, last))
			n--;
		if (n == 0) {
			free(list);
			list = NULL;
			rc = sql_each(tx->etx, &st,
			              "SELECT word, first, postings FROM search_word"
			              " WHERE owner = $1 AND word = $2 ORDER BY first"
			              " /* long */",
			              I(tx->user), B(last));
			if (!rc)
				rc = read_rows(st, a, &list, &n);
		}
	}
	if (rc) {
		free(list);
		return rc;
	}
	*ret = list;
	*ret_n = n;
	return RC_OK;
}

/* Rows i to j (excluded) of one word as one. */
static enum rc
join(struct round *r, struct store_tx *tx, const struct row *rows, size_t i, size_t j)
{
	AUTO_DONE(buf) struct buf out = BUF_INIT(0);
	struct search_posting p;
	uint64_t first = 0, last = 0;
	bool dropped = false;
	enum rc rc = RC_OK;

	for (size_t k = i; k < j; k++) {
		struct span rest = rows[k].postings;
		uint64_t doc = rows[k].first;

		while (search_posting_next(&rest, &doc, &p)) {
			if (!lives(r, doc) || (first && doc <= last)) {
				dropped = true;
				continue;
			}
			if (!first)
				first = last = doc;
			search_posting_add(&out, &last, doc, p.positions);
		}
	}
	if (j - i == 1 && !dropped)
		return RC_OK;
	for (size_t k = i; !rc && k < j; k++)
		rc = sql_run(tx->etx,
		             "DELETE FROM search_word"
		             " WHERE owner = $1 AND word = $2 AND first = $3",
		             I(r->user), B(rows[k].word), I(rows[k].first));
	if (!rc && first)
		rc = search_put(tx, rows[i].word, first, buf_span(&out));
	return rc;
}

static enum rc
join_all(struct round *r, struct store_tx *tx, const struct row *rows, size_t n)
{
	size_t i = 0;
	enum rc rc = RC_OK;

	while (!rc && i < n) {
		size_t bytes = rows[i].postings.n;
		size_t j = i + 1;

		while (j < n && span_eq(rows[j].word, rows[i].word) &&
		       bytes + rows[j].postings.n <= ROW_MAX)
			bytes += rows[j++].postings.n;
		if (j - i > 1 || r->living)
			rc = join(r, tx, rows, i, j);
		i = j;
	}
	return rc;
}

static bool
is_due(const struct store_tx *tx, const struct search_state *st)
{
	return st->tidy.n > 0 || st->fills >= FILLS || st->swept != tx->swept;
}

static void
begin_round(struct store_tx *tx, struct search_state *st)
{
	st->tidy = st->swept != tx->swept ? SPAN("t") : SPAN("j");
	st->swept = tx->swept;
	st->fills = 0;
}

/* One transaction. *ret_more: the round goes on. */
static enum rc
tidy_some(struct round *r, bool *ret_more)
{
	AUTO(arena)
	struct arena *a = arena_new();
	AUTO(store_tx)
	struct store_tx *tx = NULL;
	AUTO_DONE(buf) struct buf place = BUF_INIT(0);
	struct search_state st;
	struct row *rows = NULL;
	size_t n = 0;
	bool last = false;
	enum rc rc = store_write(r->s, r->user, NULL, &tx);

	if (!rc)
		rc = search_state_load(tx, a, &st);
	if (rc)
		return rc;
	*ret_more = false;
	if (st.version != SEARCH_VERSION || st.restored != store_tx_restored(tx) ||
	    !is_due(tx, &st))
		return RC_OK;
	if (st.tidy.n == 0)
		begin_round(tx, &st);
	if (st.tidy.p[0] == ROUND_TAKE_OUT && !r->living)
		rc = load_living(r, tx);
	if (!rc)
		rc = read_words(tx, span_sub(st.tidy, 1, st.tidy.n), a, &rows, &n, &last);
	if (!rc)
		rc = join_all(r, tx, rows, n);
	buf_add_char(&place,
	             st.tidy.p[0] == ROUND_TAKE_OUT ? ROUND_TAKE_OUT : ROUND_JOIN);
	if (!rc && n > 0)
		buf_add_span(&place, rows[n - 1].word);
	free(rows);
	st.claim = random_u64() >> 1; /* whoever fills just now begins again */
	st.tidy = last ? SPAN("") : buf_span(&place);
	if (!rc)
		rc = search_state_save(tx, &st);
	if (!rc)
		rc = store_commit(&tx);
	*ret_more = !last;
	return rc;
}

enum rc
search_tidy(struct store *s, uint64_t user, uint64_t deadline_ms)
{
	struct round r = { .s = s, .user = user, .deadline_ms = deadline_ms };
	AUTO(store_tx)
	struct store_tx *tx = NULL;
	AUTO(arena)
	struct arena *a = arena_new();
	struct search_state st;
	bool more;
	enum rc rc = store_read(s, user, &tx);

	if (!rc)
		rc = search_state_load(tx, a, &st);
	if (rc)
		return rc;
	more = is_due(tx, &st);
	store_tx_free(TAKE(tx));
	while (!rc && more) {
		rc = tidy_some(&r, &more);
		more = more && clock_mono_ms() < deadline_ms;
	}
	free(r.living);
	return rc;
}
