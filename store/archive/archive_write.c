/* SPDX-License-Identifier: ISC
 *
 * archive_write.c - rows and blobs into the stream of an archive.
 */
#include <assert.h>
#include <endian.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/mem.h"
#include "store/archive/archive_private.h"

static const struct rows_ops ops;

struct archive_writer {
	struct rows_out base;
	struct codec *codec;
	archive_write_fn *fn;
	void *arg;
	enum rc failed;
	const struct table *table; /* of the open section; NULL: a blob's, or none */
	enum rows_part part;
	struct buf rows; /* not written yet */
	struct buf frame;
	struct sha256_sum *sum; /* of the section */
	struct sha256_sum *all; /* of the sections' sums */
	struct archive_sum last;
	uint64_t count;
	uint64_t sections;
};

const char *
archive_kind_str(enum archive_kind k)
{
	static const char *const names[] = {
#define X(name, text) [ARCHIVE_##name] = text,
		ARCHIVE_KIND_LIST(X)
#undef X
	};

	return names[k];
}

const char *
archive_part_str(enum archive_part p)
{
	switch (p) {
	case ARCHIVE_PART_ROWS:
		return "rows";
	case ARCHIVE_PART_RUNS:
		return "runs";
	case ARCHIVE_PART_BLOB:
		break;
	}
	return "blob";
}

void
archive_put_u64(struct buf *out, uint64_t v)
{
	for (; v >= 0x80; v >>= 7)
		buf_add_char(out, (char)(v | 0x80));
	buf_add_char(out, (char)v);
}

struct archive_writer *
archive_writer_new(struct codec *codec, archive_write_fn *fn, void *arg)
{
	struct archive_writer *w = xcalloc(1, sizeof(*w));

	w->base.ops = &ops;
	w->codec = codec;
	w->fn = fn;
	w->arg = arg;
	w->sum = sha256_sum_new();
	w->all = sha256_sum_new();
	return w;
}

void
archive_writer_free(struct archive_writer *w)
{
	if (!w)
		return;
	sha256_sum_free(w->sum);
	sha256_sum_free(w->all);
	buf_done(&w->rows);
	buf_done(&w->frame);
	free(w);
}

static struct archive_writer *
writer_of(struct rows_out *o)
{
	return container_of(o, struct archive_writer, base);
}

struct rows_out *
archive_writer_rows(struct archive_writer *w)
{
	return &w->base;
}

static enum rc
fail(struct archive_writer *w, enum rc rc)
{
	if (!w->failed)
		w->failed = rc;
	return w->failed;
}

static void
put_u32(struct buf *out, uint32_t v)
{
	uint32_t le = htole32(v);

	buf_add(out, &le, sizeof(le));
}

static enum rc
put_frame(struct archive_writer *w, enum frame type, struct span raw)
{
	AUTO_DONE(buf) struct buf packed = BUF_INIT(0);
	struct span stored = raw;
	char flags = 0;

	if (w->failed || !w->fn)
		return w->failed;
	if (raw.n > FRAME_MAX)
		return fail(w, RC_TOO_BIG);
	if (w->codec && raw.n > 256 && codec_pack(w->codec, raw, &packed)) {
		stored = buf_span(&packed);
		flags = FRAME_PACKED;
	}
	buf_clear(&w->frame);
	buf_add_char(&w->frame, (char)type);
	buf_add_char(&w->frame, flags);
	put_u32(&w->frame, (uint32_t)raw.n);
	put_u32(&w->frame, (uint32_t)stored.n);
	buf_add_span(&w->frame, stored);
	return fail(w, w->fn(buf_span(&w->frame), w->arg));
}

enum rc
archive_write_head(struct archive_writer *w, const struct archive_head *h)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);

	buf_addf(&b, "format %d\nkind %s\nincrement %d\nstore %016" PRIx64 "\n",
	         ARCHIVE_FORMAT, archive_kind_str(h->kind), h->increment, h->store);
	buf_addf(&b, "made_ms %" PRId64 "\n", h->made_ms);
	if (h->kind == ARCHIVE_USER)
		buf_addf(&b,
		         "user %" PRIu64 "\naddress %.*s\nmodseq %" PRIu64
		         "\ncontent_next %" PRIu64 "\nswept %" PRIu64 "\n",
		         h->user, SPAN_FMT(h->address), h->modseq, h->content_next,
		         h->swept);
	sha256_sum_add(w->all, buf_span(&b));
	if (w->fn && !w->failed)
		fail(w, w->fn(SPAN(ARCHIVE_MAGIC), w->arg));
	return put_frame(w, FRAME_OF_HEAD, buf_span(&b));
}

static enum rc
begin_section(struct archive_writer *w, const struct buf *text)
{
	w->count = 0;
	buf_clear(&w->rows);
	sha256_sum_add(w->sum, buf_span(text));
	return put_frame(w, FRAME_OF_SECTION, buf_span(text));
}

static enum rc
flush(struct archive_writer *w)
{
	enum rc rc;

	if (buf_len(&w->rows) == 0)
		return w->failed;
	sha256_sum_add(w->sum, buf_span(&w->rows));
	rc = put_frame(w, w->table ? FRAME_OF_ROWS : FRAME_OF_BYTES, buf_span(&w->rows));
	buf_clear(&w->rows);
	return rc;
}

static void
put_sum(struct buf *b, const struct archive_sum *s)
{
	archive_put_u64(b, s->count);
	buf_add(b, s->hash.b, sizeof(s->hash.b));
}

static enum rc
end_section(struct archive_writer *w)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);

	(void)flush(w);
	w->table = NULL;
	w->last.count = w->count;
	sha256_sum_end(w->sum, &w->last.hash);
	w->sections++;
	put_sum(&b, &w->last);
	sha256_sum_add(w->all, buf_span(&b));
	return put_frame(w, FRAME_OF_SECTION_END, buf_span(&b));
}

static enum rc
write_section(struct rows_out *o, const struct table *t, enum rows_part part)
{
	struct archive_writer *w = writer_of(o);
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);

	assert(!w->table);
	w->table = t;
	w->part = part;
	buf_addf(&b, "%s %s\n",
	         archive_part_str(part == ROWS_ALL ? ARCHIVE_PART_ROWS
	                                           : ARCHIVE_PART_RUNS),
	         t->name);
	for (size_t i = 0; i < t->n_columns; i++) {
		const struct table_column *c = &t->columns[i];

		if (part == ROWS_ALL || c->is_key || c->is_volatile)
			buf_addf(&b, "%s %s%s\n", c->name, table_type_str(c->type),
			         c->is_key ? " key" : "");
	}
	return begin_section(w, &b);
}

static void
put_value(struct buf *b, const struct engine_arg *v)
{
	if (v->type == ENGINE_INT) {
		archive_put_u64(b, zigzag(v->i));
		return;
	}
	archive_put_u64(b, v->s.n);
	buf_add_span(b, v->s);
}

static enum rc
write_row(struct rows_out *o, const struct engine_arg *values)
{
	struct archive_writer *w = writer_of(o);
	const struct table *t = w->table;

	for (size_t i = 0, k = 0; i < t->n_columns; i++) {
		const struct table_column *c = &t->columns[i];

		if (w->part == ROWS_ALL || c->is_key || c->is_volatile)
			put_value(&w->rows, &values[k++]);
	}
	w->count++;
	return buf_len(&w->rows) >= FRAME_FULL ? flush(w) : w->failed;
}

static enum rc
write_run(struct rows_out *o, const struct engine_arg *values, int64_t to)
{
	struct archive_writer *w = writer_of(o);

	archive_put_u64(&w->rows, zigzag(to));
	return write_row(o, values);
}

static enum rc
write_section_end(struct rows_out *o)
{
	return end_section(writer_of(o));
}

enum rc
archive_write_blob(struct archive_writer *w, const struct sha256 *hash, uint64_t size)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);

	assert(!w->table);
	buf_add_str(&b, "blob ");
	hex_encode(span_of((const char *)hash->b, sizeof(hash->b)), &b);
	buf_addf(&b, "\nsize %" PRIu64 "\n", size);
	return begin_section(w, &b);
}

enum rc
archive_write_bytes(struct archive_writer *w, struct span bytes)
{
	while (bytes.n > 0 && !w->failed) {
		size_t n = FRAME_FULL - buf_len(&w->rows);

		n = n < bytes.n ? n : bytes.n;
		buf_add_span(&w->rows, span_sub(bytes, 0, n));
		bytes = span_sub(bytes, n, bytes.n);
		w->count += n;
		if (buf_len(&w->rows) >= FRAME_FULL)
			(void)flush(w);
	}
	return w->failed;
}

enum rc
archive_write_blob_end(struct archive_writer *w)
{
	return end_section(w);
}

enum rc
archive_write_end(struct archive_writer *w, struct archive_sum *ret)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);
	struct archive_sum sum = { .count = w->sections };
	enum rc rc;

	sha256_sum_end(w->all, &sum.hash);
	put_sum(&b, &sum);
	rc = put_frame(w, FRAME_OF_END, buf_span(&b));
	if (!rc && ret)
		*ret = sum;
	return rc;
}

const struct archive_sum *
archive_writer_sum(const struct archive_writer *w)
{
	return &w->last;
}

static const struct rows_ops ops = {
	.section = write_section,
	.row = write_row,
	.run = write_run,
	.end = write_section_end,
};
