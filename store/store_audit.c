/* SPDX-License-Identifier: ISC
 *
 * store_audit.c - the audit table and its chain of hashes.
 */
#include "store/store_audit.h"

#include <endian.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "store/store_directory_private.h"

#define TEXT_MAX 1000
#define LIST_MAX 100000
#define COLUMNS "number, at_ms, actor, origin, action, subject, object, detail, hash"

static void
add_u64(struct buf *b, uint64_t v)
{
	uint64_t le = htole64(v);

	buf_add(b, &le, sizeof(le));
}

/* before: of the row before; empty for the first. */
static void
hash_row(const struct store_audit *a, struct span before, struct sha256 *ret)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);
	const struct span texts[] = { a->actor,   a->origin, a->action,
		                      a->subject, a->object, a->detail };

	buf_add_span(&b, before);
	add_u64(&b, a->number);
	add_u64(&b, (uint64_t)a->at_ms);
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		add_u64(&b, texts[i].n);
		buf_add_span(&b, texts[i]);
	}
	sha256_of(buf_span(&b), ret);
}

static void
from_row(struct engine_stmt *st, struct arena *a, struct store_audit *ret)
{
	*ret = (struct store_audit){
		.number = col_u64(st, 0),
		.at_ms = engine_int(st, 1),
		.actor = arena_span(a, engine_bytes(st, 2)),
		.origin = arena_span(a, engine_bytes(st, 3)),
		.action = arena_span(a, engine_bytes(st, 4)),
		.subject = arena_span(a, engine_bytes(st, 5)),
		.object = arena_span(a, engine_bytes(st, 6)),
		.detail = arena_span(a, engine_bytes(st, 7)),
	};
}

/* Number and hash of the last row; 0 and empty of none. */
static enum rc
find_last(struct engine_tx *etx, struct arena *a, uint64_t *ret_number,
          struct span *ret_hash)
{
	AUTO(engine_stmt)
	struct engine_stmt *st = NULL;
	enum rc rc = sql_one(
		etx, &st, "SELECT number, hash FROM audit ORDER BY number DESC LIMIT 1");

	*ret_number = 0;
	*ret_hash = SPAN("");
	if (!rc) {
		*ret_number = col_u64(st, 0);
		*ret_hash = arena_span(a, engine_bytes(st, 1));
	}
	return sql_end(rc);
}

/* Texts of the table are UTF-8 without NUL. */
static struct span
text_of(struct span s)
{
	s = utf8_prefix(s, TEXT_MAX);
	return utf8_is_valid(s) && span_find(s, 0, '\0') == s.n ? s : SPAN("?");
}

enum rc
store_audit_add(struct store *s, const struct store_audit *from)
{
	AUTO(arena)
	struct arena *a = arena_new();
	AUTO(engine_tx)
	struct engine_tx *etx = NULL;
	struct store_audit row = {
		.at_ms = clock_wall_ms(),
		.actor = text_of(from->actor),
		.origin = text_of(from->origin),
		.action = text_of(from->action),
		.subject = text_of(from->subject),
		.object = utf8_prefix(from->object, TEXT_MAX),
		.detail = utf8_prefix(from->detail, TEXT_MAX),
	};
	struct sha256 hash;
	struct span before;
	/* Writers of the directory run one after the other. */
	enum rc rc = directory_begin(s, true, &etx);

	if (!rc)
		rc = find_last(etx, a, &row.number, &before);
	if (rc)
		return rc;
	row.number++;
	hash_row(&row, before, &hash);
	rc = sql_run(etx,
	             "INSERT INTO audit (" COLUMNS ")"
	             " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
	             I(row.number), I(row.at_ms), T(row.actor), T(row.origin),
	             T(row.action), T(row.subject), B(row.object), B(row.detail),
	             B(span_of((const char *)hash.b, sizeof(hash.b))));
	return rc ? rc : engine_commit(&etx);
}

static enum rc
select_rows(struct engine_tx *etx, const struct store_audit_query *q,
            struct engine_stmt **ret)
{
	if (q->subject.n == 0)
		return sql_each(etx, ret,
		                "SELECT " COLUMNS " FROM audit WHERE at_ms >= $1"
		                " ORDER BY at_ms DESC, number DESC /* long */",
		                I(q->since_ms));
	return sql_each(etx, ret,
	                "SELECT " COLUMNS " FROM audit WHERE subject = $1 AND at_ms >= $2"
	                " ORDER BY at_ms DESC, number DESC /* long */",
	                T(q->subject), I(q->since_ms));
}

static bool
is_wanted(const struct store_audit_query *q, struct span action, struct span object)
{
	if (q->object.n > 0 && !span_ieq(q->object, object))
		return false;
	return q->action.n == 0 || span_eq(q->action, span_sub(action, 0, q->action.n));
}

enum rc
store_audit_list(struct store *s, const struct store_audit_query *q, struct arena *a,
                 struct store_audit **ret, size_t *ret_n)
{
	AUTO(engine_tx)
	struct engine_tx *etx = NULL;
	AUTO(engine_stmt)
	struct engine_stmt *st = NULL;
	struct store_audit *list = NULL;
	size_t limit = q->limit < LIST_MAX ? q->limit : LIST_MAX;
	size_t n = 0;
	size_t cap = 0;
	enum rc rc = directory_begin(s, false, &etx);

	if (!rc)
		rc = select_rows(etx, q, &st);
	while (!rc && n < limit && (rc = engine_step(st)) == RC_OK) {
		if (!is_wanted(q, engine_bytes(st, 4), engine_bytes(st, 6)))
			continue;
		list = grow(list, n, &cap, sizeof(*list));
		from_row(st, a, &list[n++]);
	}
	rc = sql_end(rc);
	if (!rc) {
		*ret = arena_array(a, n, struct store_audit);
		for (size_t i = 0; i < n; i++)
			(*ret)[i] = list[n - 1 - i];
		*ret_n = n;
	}
	free(list);
	return rc;
}

enum rc
store_audit_verify(struct store *s, uint64_t *ret_number)
{
	AUTO(engine_tx)
	struct engine_tx *etx = NULL;
	AUTO(engine_stmt)
	struct engine_stmt *st = NULL;
	struct sha256 hash;
	struct span before = SPAN("");
	uint64_t want = 1;
	enum rc rc = directory_begin(s, false, &etx);

	if (!rc)
		rc = sql_each(etx, &st,
		              "SELECT " COLUMNS " FROM audit ORDER BY number /* long */");
	while (!rc && (rc = engine_step(st)) == RC_OK) {
		AUTO(arena)
		struct arena *a = arena_new();
		struct store_audit row;

		from_row(st, a, &row);
		hash_row(&row, before, &hash);
		before = span_of((const char *)hash.b, sizeof(hash.b));
		if (row.number != want || !span_eq(engine_bytes(st, 8), before)) {
			*ret_number = row.number;
			return RC_CONFLICT;
		}
		want++;
	}
	return sql_end(rc);
}
