/* SPDX-License-Identifier: ISC
 *
 * fuzz_base64.c - the decoders of encode.h: what they accept, they give back when
 * encoded.
 */
#include <stdlib.h>

#include "base/encode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef enum rc decode_fn(struct span in, struct buf *out);
typedef void encode_fn(struct span in, struct buf *out);

/* Strict decoders have exactly one text for some bytes. */
static void
there_and_back(struct span in, decode_fn *decode, encode_fn *encode)
{
	AUTO_DONE(buf) struct buf bytes = BUF_INIT(0);
	AUTO_DONE(buf) struct buf text = BUF_INIT(0);
	enum rc rc = decode(in, &bytes);

	if (rc != RC_OK) {
		if (rc != RC_INVALID || buf_len(&bytes))
			abort();
	} else {
		encode(buf_span(&bytes), &text);
		if (!span_ieq(buf_span(&text), in))
			abort();
		if (decode != hex_decode && !span_eq(buf_span(&text), in))
			abort();
	}
	buf_clear(&bytes);
	buf_clear(&text);
	encode(in, &text);
	if (decode(buf_span(&text), &bytes) != RC_OK || !span_eq(buf_span(&bytes), in))
		abort();
}

/* With a limit that it may meet, nothing is left behind. */
static void
within_a_limit(struct span in, decode_fn *decode)
{
	AUTO_DONE(buf) struct buf small = BUF_INIT(8);

	if (decode(in, &small) != RC_OK && buf_len(&small))
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = span_of((const char *)data, size);
	AUTO_DONE(buf) struct buf out = BUF_INIT(0);

	there_and_back(in, base64_decode, base64_encode);
	there_and_back(in, base64url_decode, base64url_encode);
	there_and_back(in, hex_decode, hex_encode);
	within_a_limit(in, base64_decode);
	within_a_limit(in, hex_decode);
	if (percent_decode(in, true, &out) == RC_OK && buf_len(&out) > size)
		abort();
	return 0;
}
