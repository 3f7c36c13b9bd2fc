/* SPDX-License-Identifier: ISC
 *
 * fuzz_archive.c - an archive is refused with a sentence, or is one.
 *
 * Sums would stop most mutations at once; so the bytes are given to the reader as they
 * are and, behind a 0 byte, as the frames of an archive whose sums are put in.
 */
#include <stdlib.h>

#include "store/archive/archive_private.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum rc
from_span(char *p, size_t n, size_t *ret_n, void *arg)
{
	struct span *rest = arg;

	n = n < rest->n ? n : rest->n;
	if (n > 0)
		memcpy(p, rest->p, n);
	*rest = span_sub(*rest, n, rest->n);
	*ret_n = n;
	return RC_OK;
}

static void
put_frame(struct buf *b, char type, struct span raw)
{
	char lengths[8];

	for (int i = 0; i < 8; i++)
		lengths[i] = (char)(raw.n >> 8 * (i % 4));
	buf_add_char(b, type);
	buf_add_char(b, 0);
	buf_add(b, lengths, sizeof(lengths));
	buf_add_span(b, raw);
}

/* "type, 16 bits of length, bytes" again and again; sums of sections are right. */
static void
make_frames(struct span in, struct buf *out)
{
	AUTO(sha256_sum)
	struct sha256_sum *sum = sha256_sum_new();

	buf_add_str(out, ARCHIVE_MAGIC);
	while (in.n >= 3) {
		size_t n = (unsigned char)in.p[1] | (size_t)(unsigned char)in.p[2] << 8;
		char type = in.p[0];
		struct span raw = span_sub(in, 3, 3 + n);

		in = span_sub(in, 3 + n, in.n);
		if (type == FRAME_OF_SECTION_END && raw.n > 0) {
			AUTO_DONE(buf) struct buf end = BUF_INIT(0);
			struct sha256 hash;

			sha256_sum_end(sum, &hash);
			archive_put_u64(&end, (unsigned char)raw.p[0]);
			buf_add(&end, hash.b, sizeof(hash.b));
			put_frame(out, type, buf_span(&end));
			continue;
		}
		if (type != FRAME_OF_HEAD)
			sha256_sum_add(sum, raw);
		put_frame(out, type, raw);
	}
}

/* Every value that is given out is looked at: ASan sees whether it is there. */
static unsigned
touch(const struct archive_view *v, enum archive_event ev)
{
	unsigned sum = 0;

	for (size_t i = 0; ev == ARCHIVE_EV_ROW && i < v->n_columns; i++) {
		for (size_t k = 0; k < v->values[i].s.n; k++)
			sum += (unsigned char)v->values[i].s.p[k];
	}
	for (size_t k = 0; ev == ARCHIVE_EV_BYTES && k < v->bytes.n; k++)
		sum += (unsigned char)v->bytes.p[k];
	return sum;
}

static volatile unsigned looked_at;

static void
read_all(struct codec *codec, struct span bytes)
{
	AUTO(archive_reader)
	struct archive_reader *r = archive_reader_new(codec, from_span, &bytes);
	enum archive_event ev = ARCHIVE_EV_HEAD;
	struct err err = { "" };
	enum rc rc;

	while ((rc = archive_next(r, &ev, &err)) == RC_OK && ev != ARCHIVE_EV_END)
		looked_at = touch(archive_view(r), ev);
	if (rc != RC_OK && !*err.text)
		abort(); /* a refusal without a sentence */
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct codec *codec;
	AUTO_DONE(buf) struct buf made = BUF_INIT(0);
	struct span in = span_of((const char *)data, size);

	if (!codec)
		codec = codec_new();
	if (in.n > 0 && in.p[0] == '\0') {
		make_frames(span_sub(in, 1, in.n), &made);
		in = buf_span(&made);
	}
	read_all(codec, in);
	return 0;
}
