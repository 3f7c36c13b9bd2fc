/* SPDX-License-Identifier: ISC
 *
 * blobs_database.c - large contents as rows, for nodes that share a database.
 *
 * A blob is a row that holds its age and a row for each frame. Who puts one that is there
 * renews its age; who sweeps deletes by age in the same statement that looks at it: so a
 * blob that was put is not swept away within the time of grace, whoever comes first.
 */
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "store/blobs_private.h"
#include "store/store_private.h"

#define SWEEP_BATCH 200

static const struct blobs_ops ops;

struct blobs_database {
	struct blobs base;
	struct engine *e;
};

static struct blobs_database *
database_of(struct blobs *b)
{
	return container_of(b, struct blobs_database, base);
}

void
blobs_open_database(struct engine *e, struct codec *codec, struct blobs **ret)
{
	struct blobs_database *b = xcalloc(1, sizeof(*b));

	b->base.ops = &ops;
	b->base.codec = codec;
	b->e = e;
	*ret = &b->base;
}

static void
database_close(struct blobs *base)
{
	free(database_of(base));
}

static enum rc
begin(struct blobs *b, bool write, struct engine_tx **ret)
{
	return engine_begin(database_of(b)->e, ENGINE_BLOBS, 0, write, ret);
}

static struct span
span_of_hash(const struct sha256 *hash)
{
	return span_of((const char *)hash->b, sizeof(hash->b));
}

/* A frame at a time: a message of any size takes the memory of one. */
static enum rc
insert_frames(struct blobs *b, struct engine_tx *etx, struct span hash, struct span raw)
{
	AUTO_DONE(buf) struct buf packed = BUF_INIT(0);
	enum rc rc = RC_OK;

	for (uint64_t i = 0; !rc && i * BLOB_FRAME < raw.n; i++) {
		uint64_t at = i * BLOB_FRAME;
		struct span part = span_sub(raw, at, at + blob_frame_size(raw.n, i));
		struct span stored = part;

		buf_clear(&packed);
		if (codec_pack(b->codec, part, &packed))
			stored = buf_span(&packed);
		rc = sql_run(etx,
		             "INSERT INTO blob_frame (sha256, frame, raw_check, stored)"
		             " VALUES ($1, $2, $3, $4)",
		             B(hash), I(i), I(blob_check_of(part)), B(stored));
	}
	return rc;
}

static enum rc
database_put(struct blobs *b, const struct sha256 *sha256, struct span raw)
{
	AUTO(engine_tx)
	struct engine_tx *etx = NULL;
	struct span hash = span_of_hash(sha256);
	int64_t now = clock_wall_ms();
	uint64_t rows = 0;
	enum rc rc = begin(b, true, &etx);

	if (!rc)
		rc = sql_run_rows(etx, &rows,
		                  "UPDATE blob SET put_ms = $2 WHERE sha256 = $1",
		                  B(hash), I(now));
	if (!rc && rows == 0) {
		/* Another may put the same at this moment: it is waited for. */
		rc = sql_run_rows(etx, &rows,
		                  "INSERT INTO blob (sha256, put_ms) VALUES ($1, $2)"
		                  " ON CONFLICT (sha256) DO NOTHING",
		                  B(hash), I(now));
		if (!rc && rows > 0)
			rc = insert_frames(b, etx, hash, raw);
	}
	return rc ? rc : engine_commit(&etx);
}

static enum rc
open_frame(struct blobs *b, struct span stored, uint64_t raw_n, uint64_t check,
           struct buf *out)
{
	enum rc rc = RC_OK;

	if (stored.n > raw_n)
		return RC_IO;
	if (stored.n == raw_n)
		buf_add_span(out, stored);
	else
		rc = codec_unpack(b->codec, stored, raw_n, out);
	return !rc && blob_check_of(buf_span(out)) != check ? RC_IO : rc;
}

/* Bytes from..to of the blob, all in frame i. */
static enum rc
read_part(struct blobs *b, struct engine_tx *etx, const struct sha256 *hash,
          uint64_t size, uint64_t i, uint64_t from, uint64_t to, struct buf *out)
{
	AUTO_DONE(buf) struct buf raw = BUF_INIT(0);
	AUTO(engine_stmt)
	struct engine_stmt *st = NULL;
	enum rc rc = sql_one(etx, &st,
	                     "SELECT raw_check, stored FROM blob_frame"
	                     " WHERE sha256 = $1 AND frame = $2",
	                     B(span_of_hash(hash)), I(i));

	if (!rc)
		rc = open_frame(b, engine_bytes(st, 1), blob_frame_size(size, i),
		                col_u64(st, 0), &raw);
	if (!rc)
		buf_add_span(out, span_sub(buf_span(&raw), from - i * BLOB_FRAME,
		                           to - i * BLOB_FRAME));
	return rc == RC_NOT_FOUND ? RC_IO : rc;
}

/* A row at a time: it takes the memory of one, too. */
static enum rc
database_read(struct blobs *b, const struct sha256 *hash, uint64_t size, uint64_t at,
              uint64_t n, struct buf *out)
{
	AUTO(engine_tx)
	struct engine_tx *etx = NULL;
	uint64_t end = at + n;
	enum rc rc = begin(b, false, &etx);

	while (!rc && at < end) {
		uint64_t i = at / BLOB_FRAME;
		uint64_t next = (i + 1) * BLOB_FRAME;
		uint64_t to = next < end ? next : end;

		rc = read_part(b, etx, hash, size, i, at, to, out);
		at = to;
	}
	return rc;
}

struct page {
	struct sha256 hashes[SWEEP_BATCH];
	size_t n;
};

static enum rc
load_page(struct blobs *b, int64_t before_ms, struct span after, struct page *ret)
{
	AUTO(engine_tx)
	struct engine_tx *etx = NULL;
	AUTO(engine_stmt)
	struct engine_stmt *st = NULL;
	enum rc rc = begin(b, false, &etx);

	ret->n = 0;
	if (!rc)
		rc = sql_each(etx, &st,
		              "SELECT sha256 FROM blob WHERE sha256 > $1 AND put_ms < $2"
		              " ORDER BY sha256 LIMIT $3",
		              B(after), I(before_ms), I(SWEEP_BATCH));
	while (!rc && ret->n < SWEEP_BATCH && (rc = engine_step(st)) == RC_OK) {
		struct span hash = engine_bytes(st, 0);

		if (hash.n != sizeof(ret->hashes[0].b))
			return RC_IO;
		memcpy(ret->hashes[ret->n++].b, hash.p, hash.n);
	}
	return sql_end(rc);
}

static enum rc
remove_one(struct blobs *b, int64_t before_ms, const struct sha256 *hash, uint64_t *count)
{
	AUTO(engine_tx)
	struct engine_tx *etx = NULL;
	uint64_t rows = 0;
	enum rc rc = begin(b, true, &etx);

	if (!rc)
		rc = sql_run_rows(etx, &rows,
		                  "DELETE FROM blob WHERE sha256 = $1 AND put_ms < $2",
		                  B(span_of_hash(hash)), I(before_ms));
	if (!rc && rows > 0)
		rc = sql_run(etx, "DELETE FROM blob_frame WHERE sha256 = $1",
		             B(span_of_hash(hash)));
	if (!rc)
		rc = engine_commit(&etx);
	if (!rc)
		*count += rows;
	return rc;
}

static enum rc
database_sweep(struct blobs *b, uint64_t grace_ms, blobs_used_fn *is_used, void *arg,
               uint64_t *ret_removed)
{
	int64_t before_ms = clock_wall_ms() - (int64_t)grace_ms;
	struct page page = { .n = 0 };
	struct sha256 last;
	struct span after = SPAN("");
	uint64_t removed = 0;
	enum rc rc;

	do {
		rc = load_page(b, before_ms, after, &page);
		for (size_t i = 0; !rc && i < page.n; i++) {
			if (!is_used(&page.hashes[i], arg))
				rc = remove_one(b, before_ms, &page.hashes[i], &removed);
		}
		if (page.n > 0) {
			last = page.hashes[page.n - 1];
			after = span_of_hash(&last);
		}
	} while (!rc && page.n == SWEEP_BATCH);
	if (!rc)
		*ret_removed = removed;
	return rc;
}

static const struct blobs_ops ops = {
	.close = database_close,
	.put = database_put,
	.read = database_read,
	.sweep = database_sweep,
};
