/* SPDX-License-Identifier: ISC
 *
 * fuzz_push_nats.c - what a NATS server says, byte by byte and at once: the same.
 */
#include <stdlib.h>
#include <string.h>

#include "push/push_nats.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What was read so far is all that decides: more bytes behind it change nothing. */
static void
check_prefix(struct span whole, const struct push_nats_said *said, size_t used)
{
	struct push_nats_said again;
	size_t used_again;

	if (push_nats_parse(span_sub(whole, 0, used), &again, &used_again) != RC_OK ||
	    used_again != used || again.op != said->op ||
	    !span_eq(again.text, said->text) || !span_eq(again.payload, said->payload))
		abort();
	if (push_nats_parse(span_sub(whole, 0, used - 1), &again, &used_again) == RC_OK &&
	    used_again != 0)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = span_of((const char *)data, size);
	struct push_nats_url url;
	struct push_nats_said said;
	size_t used;

	if (push_nats_url_parse(in, &url) == RC_OK) {
		AUTO_DONE(buf) struct buf out = BUF_INIT(0);

		push_nats_write_connect(&out, &url, url.tls);
		push_nats_url_done(&url);
	}
	while (push_nats_parse(in, &said, &used) == RC_OK && used > 0) {
		if (used > in.n || said.payload.n > PUSH_NATS_PAYLOAD_MAX)
			abort();
		check_prefix(in, &said, used);
		if (said.op == PUSH_NATS_INFO)
			push_nats_info_is(said.text, "tls_required");
		in = span_sub(in, used, in.n);
	}
	return 0;
}
