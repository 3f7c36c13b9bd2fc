/* SPDX-License-Identifier: ISC
 *
 * fuzz_mime_meta.c - a record that the store gives back damaged is refused or is a tree.
 */
#include <stdlib.h>

#include "format/mime.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(arena)
	struct arena *a = arena_new();
	AUTO_DONE(buf) struct buf x = BUF_INIT(0);
	AUTO_DONE(buf) struct buf y = BUF_INIT(0);
	struct mime_part *root;

	if (mime_meta_read(span_of((const char *)data, size), a, &root) != RC_OK)
		return 0;
	mime_meta_write(root, &x);
	if (mime_meta_read(buf_span(&x), a, &root) != RC_OK)
		abort();
	mime_meta_write(root, &y);
	if (!span_eq(buf_span(&x), buf_span(&y)))
		abort();
	return 0;
}
