/* SPDX-License-Identifier: ISC
 *
 * send.c - whole archives out of a store that is in use.
 */
#include "store/archive/send.h"

#include "base/clock.h"
#include "store/blobs.h"
#include "store/store_directory_private.h"

#define PIECE (UINT64_C(1) << 20)

uint64_t
send_store_id(const struct store *s)
{
	return s->id;
}

/* Also of one who was removed. */
static enum rc
address_of(struct store *s, uint64_t user, struct arena *a, struct span *ret)
{
	AUTO(engine_tx)
	struct engine_tx *etx = NULL;
	AUTO(engine_stmt)
	struct engine_stmt *st = NULL;
	enum rc rc = directory_begin(s, false, &etx);

	if (!rc)
		rc = sql_one(etx, &st, "SELECT address FROM mail_user WHERE id = $1",
		             I(user));
	if (!rc)
		*ret = arena_span(a, engine_bytes(st, 0));
	return rc;
}

enum rc
send_user(struct store *s, uint64_t user, const struct dump_mark *since,
          archive_write_fn *fn, void *arg)
{
	AUTO(archive_writer)
	struct archive_writer *w = archive_writer_new(s->codec, fn, arg);
	AUTO(dump_user)
	struct dump_user *d = NULL;
	AUTO(arena)
	struct arena *a = arena_new();
	struct archive_head h = { .kind = ARCHIVE_USER,
		                  .store = s->id,
		                  .made_ms = clock_wall_ms(),
		                  .user = user };
	struct dump_mark mark;
	enum rc rc = address_of(s, user, a, &h.address);

	if (!rc)
		rc = dump_user_new(s, user, &d, &mark);
	if (rc)
		return rc;
	if (since && !dump_user_can_go_on(d, since))
		since = NULL;
	h.increment = since != NULL;
	h.modseq = mark.modseq;
	h.content_next = mark.content_next;
	h.swept = mark.swept;
	rc = archive_write_head(w, &h);
	if (!rc)
		rc = dump_person(s, user, archive_writer_rows(w));
	if (!rc)
		rc = dump_user_rows(d, since, archive_writer_rows(w));
	return rc ? rc : archive_write_end(w, NULL);
}

static enum rc
send_other(struct store *s, enum archive_kind kind, archive_write_fn *fn, void *arg)
{
	AUTO(archive_writer)
	struct archive_writer *w = archive_writer_new(s->codec, fn, arg);
	struct archive_head h = { .kind = kind,
		                  .store = s->id,
		                  .made_ms = clock_wall_ms() };
	enum rc rc = archive_write_head(w, &h);

	if (!rc)
		rc = kind == ARCHIVE_QUEUE
		             ? dump_queue(s, archive_writer_rows(w))
		             : dump_directory(s, false, archive_writer_rows(w));
	return rc ? rc : archive_write_end(w, NULL);
}

enum rc
send_directory(struct store *s, archive_write_fn *fn, void *arg)
{
	return send_other(s, ARCHIVE_DIRECTORY, fn, arg);
}

enum rc
send_queue(struct store *s, archive_write_fn *fn, void *arg)
{
	return send_other(s, ARCHIVE_QUEUE, fn, arg);
}

static enum rc
send_bytes(struct store *s, struct archive_writer *w, const struct sha256 *hash,
           uint64_t size)
{
	AUTO(sha256_sum)
	struct sha256_sum *sum = sha256_sum_new();
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);
	struct span name = span_of((const char *)hash->b, sizeof(hash->b));
	struct sha256 found;
	enum rc rc = RC_OK;

	for (uint64_t at = 0; !rc && at < size; at += PIECE) {
		buf_clear(&b);
		rc = blobs_read(s->blobs, name, size, at, PIECE, &b);
		sha256_sum_add(sum, buf_span(&b));
		if (!rc)
			rc = archive_write_bytes(w, buf_span(&b));
	}
	sha256_sum_end(sum, &found);
	if (!rc && memcmp(found.b, hash->b, sizeof(found.b)) != 0)
		rc = RC_IO;
	return rc;
}

enum rc
send_blob(struct store *s, const struct sha256 *hash, uint64_t size, archive_write_fn *fn,
          void *arg)
{
	AUTO(archive_writer)
	struct archive_writer *w = archive_writer_new(s->codec, fn, arg);
	struct archive_head h = { .kind = ARCHIVE_BLOB,
		                  .store = s->id,
		                  .made_ms = clock_wall_ms() };
	enum rc rc = archive_write_head(w, &h);

	if (!rc)
		rc = archive_write_blob(w, hash, size);
	if (!rc)
		rc = send_bytes(s, w, hash, size);
	if (!rc)
		rc = archive_write_blob_end(w);
	return rc ? rc : archive_write_end(w, NULL);
}

enum rc
send_take_blob(struct store *s, struct archive_reader *r, struct err *err)
{
	const struct archive_view *v = archive_view(r);
	AUTO_DONE(buf) struct buf raw = BUF_INIT(s->conf.message_max);
	enum archive_event ev = ARCHIVE_EV_HEAD;
	struct sha256 found;
	size_t blobs = 0;
	enum rc rc;

	while ((rc = archive_next(r, &ev, err)) == RC_OK && ev != ARCHIVE_EV_END) {
		blobs += ev == ARCHIVE_EV_SECTION;
		if (ev == ARCHIVE_EV_SECTION &&
		    (blobs > 1 || v->blob_size > s->conf.message_max))
			return err_set(err, RC_TOO_BIG,
			               "a content over store.message_max");
		if (ev == ARCHIVE_EV_BYTES)
			buf_add_span(&raw, v->bytes);
	}
	if (rc)
		return rc;
	sha256_of(buf_span(&raw), &found);
	if (blobs != 1 || memcmp(found.b, v->blob.b, sizeof(found.b)) != 0)
		return err_set(err, RC_INVALID,
		               "a content that is not what its name says");
	rc = blobs_put(s->blobs, &found, buf_span(&raw));
	return rc ? err_set(err, rc, "a content cannot be stored: %s", rc_str(rc))
	          : RC_OK;
}
