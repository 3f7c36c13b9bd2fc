/* SPDX-License-Identifier: ISC
 *
 * store_content.c - the bytes of items, in rows and blobs.
 */
#include "store/store_content.h"

#include <stdlib.h>

#include "base/mem.h"
#include "store/blobs.h"
#include "store/store_invite.h"
#include "store/store_private.h"

#define PACK_MIN 256          /* below, a frame's head eats the gain */
#define COPIES_MAX (1U << 20) /* bytes that the rows of one content may take together */

static bool
lies_apart(const struct store *s, uint64_t size, size_t copies)
{
	if (size > s->conf.inline_max)
		return true;
	return copies > 1 && size > COPIES_MAX / copies;
}

enum rc
store_content_new(struct store *s, struct span raw, struct span meta,
                  struct store_content **ret)
{
	return store_content_new_copies(s, raw, meta, 1, ret);
}

static struct store_content *
new_content(struct span raw, struct span meta)
{
	struct store_content *c = xcalloc(1, sizeof(*c));

	sha256_of(raw, &c->hash);
	c->size = raw.n;
	buf_add_span(&c->meta, meta);
	return c;
}

static void
lie_in_row(struct store *s, struct span raw, struct store_content *c)
{
	if (raw.n >= PACK_MIN && codec_pack(s->codec, raw, &c->stored)) {
		c->form = CONTENT_INLINE_ZSTD;
		return;
	}
	c->form = CONTENT_INLINE;
	buf_clear(&c->stored);
	buf_add_span(&c->stored, raw);
}

struct store_content *
content_new_inline(struct store *s, struct span raw)
{
	struct store_content *c = new_content(raw, SPAN(""));

	lie_in_row(s, raw, c);
	return c;
}

enum rc
store_content_new_copies(struct store *s, struct span raw, struct span meta,
                         size_t copies, struct store_content **ret)
{
	AUTO(store_content)
	struct store_content *c = NULL;
	enum rc rc = RC_OK;

	if (raw.n > s->conf.message_max)
		return RC_TOO_BIG;
	c = new_content(raw, meta);
	if (lies_apart(s, raw.n, copies)) {
		c->form = CONTENT_BLOB;
		rc = blobs_put(s->blobs, &c->hash, raw);
	} else {
		lie_in_row(s, raw, c);
	}
	if (rc)
		return rc;
	*ret = TAKE(c);
	return RC_OK;
}

void
store_content_free(struct store_content *c)
{
	if (!c)
		return;
	buf_done(&c->stored);
	buf_done(&c->meta);
	store_invite_free(c->invite);
	free(c);
}

uint64_t
store_content_size(const struct store_content *c)
{
	return c->size;
}

enum rc
content_insert(struct store_tx *tx, const struct store_content *c, uint64_t *ret_id)
{
	uint64_t id = tx->content_next++;
	enum rc rc;

	tx->account_dirty = true;
	rc = sql_run(
		tx->etx,
		"INSERT INTO content (owner, id, refs, form, size, sha256, meta, stored)"
		" VALUES ($1, $2, 1, $3, $4, $5, $6, $7)",
		I(tx->user), I(id), I(c->form), I(c->size),
		B(span_of((const char *)c->hash.b, sizeof(c->hash.b))),
		B(buf_span(&c->meta)), B(buf_span(&c->stored)));
	if (!rc)
		*ret_id = id;
	return rc;
}

enum rc
content_ref(struct store_tx *tx, uint64_t id)
{
	return sql_run(tx->etx,
	               "UPDATE content SET refs = refs + 1 WHERE owner = $1 AND id = $2",
	               I(tx->user), I(id));
}

enum rc
content_unref(struct store_tx *tx, uint64_t id)
{
	uint64_t rows = 0;
	enum rc rc;

	rc = sql_run_rows(
		tx->etx, &rows,
		"DELETE FROM content WHERE owner = $1 AND id = $2 AND refs <= 1",
		I(tx->user), I(id));
	if (!rc && rows == 0)
		rc = sql_run(
			tx->etx,
			"UPDATE content SET refs = refs - 1 WHERE owner = $1 AND id = $2",
			I(tx->user), I(id));
	return rc;
}

enum rc
content_is_same(struct store_tx *tx, uint64_t id, const struct store_content *c,
                bool *ret)
{
	AUTO(engine_stmt)
	struct engine_stmt *st = NULL;
	enum rc rc =
		sql_one(tx->etx, &st,
	                "SELECT sha256, meta FROM content WHERE owner = $1 AND id = $2",
	                I(tx->user), I(id));

	if (rc)
		return rc == RC_NOT_FOUND ? RC_IO : rc;
	*ret = span_eq(engine_bytes(st, 0),
	               span_of((const char *)c->hash.b, sizeof(c->hash.b))) &&
	       span_eq(engine_bytes(st, 1), buf_span(&c->meta));
	return RC_OK;
}

enum rc
content_open(struct store *s, enum content_form form, uint64_t size, struct span hash,
             struct span stored, uint64_t at, uint64_t n, struct buf *out)
{
	AUTO_DONE(buf) struct buf raw = BUF_INIT(0);
	struct sha256 found;
	enum rc rc;

	if (at >= size)
		return RC_OK;
	if (n > size - at)
		n = size - at;
	if (form == CONTENT_BLOB)
		return blobs_read(s->blobs, hash, size, at, n, out);
	if (form == CONTENT_INLINE_ZSTD) {
		rc = codec_unpack(s->codec, stored, size, &raw);
		if (rc)
			return rc;
		stored = buf_span(&raw);
	}
	sha256_of(stored, &found);
	if (stored.n != size ||
	    !span_eq(hash, span_of((const char *)found.b, sizeof(found.b))))
		return RC_IO; /* the database has no check of its own */
	buf_add_span(out, span_sub(stored, at, at + n));
	return buf_ok(out) ? RC_OK : RC_TOO_BIG;
}

enum rc
store_content_meta(struct store_tx *tx, uint64_t content, struct arena *a,
                   struct span *ret)
{
	AUTO(engine_stmt)
	struct engine_stmt *st = NULL;
	enum rc rc = sql_one(tx->etx, &st,
	                     "SELECT meta FROM content WHERE owner = $1 AND id = $2",
	                     I(tx->user), I(content));

	if (!rc)
		*ret = arena_span(a, engine_bytes(st, 0));
	return rc;
}

enum rc
store_content_read(struct store_tx *tx, uint64_t content, uint64_t at, uint64_t n,
                   struct buf *out)
{
	AUTO(engine_stmt)
	struct engine_stmt *st = NULL;
	enum rc rc = sql_one(tx->etx, &st,
	                     "SELECT form, size, sha256, stored FROM content"
	                     " WHERE owner = $1 AND id = $2",
	                     I(tx->user), I(content));

	if (rc)
		return rc;
	return content_open(tx->s, (enum content_form)engine_int(st, 0), col_u64(st, 1),
	                    engine_bytes(st, 2), engine_bytes(st, 3), at, n, out);
}
