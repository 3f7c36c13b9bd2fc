/* SPDX-License-Identifier: ISC
 *
 * fuzz_http2.c - our side of HTTP/2: frames behind a good beginning, with nghttp2
 * between.
 */
#include "tests/fuzz/http_rig.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1 || size > 16384)
		return 0;
	rig_begin();
	size_t n = sizeof(preface) - 1;
	uint8_t *bytes = malloc(n + size);
	if (!bytes)
		abort();
	memcpy(bytes, preface, n);
	memcpy(bytes + n, data + 1, size - 1);
	size_t piece = data[0] < 8 && size < 600 ? data[0] * 7 + 1U : 4096;
	rig_feed(bytes, n + size - 1, piece, true);
	free(bytes);
	return 0;
}
