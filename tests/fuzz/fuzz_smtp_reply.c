/* SPDX-License-Identifier: ISC
 *
 * fuzz_smtp_reply.c - replies of other servers, as the client reads them.
 */
#include <stdlib.h>

#include "smtp/smtp_answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_one(const struct smtp_answer *a)
{
	struct buf out = BUF_INIT(0);
	struct span rest = a->lines, text;
	char status[16];
	size_t lines = 0;
	while (smtp_answer_line(&rest, &text))
		lines++;
	if (!lines || rest.n)
		abort();
	if (a->code < 200 || a->code > 599)
		abort();
	smtp_answer_status(a, status);
	if ((unsigned)(status[0] - '0') != a->code / 100)
		abort();
	smtp_answer_write(a, &out);
	for (size_t i = 0; i < buf_len(&out); i++)
		if ((unsigned char)out.p[i] < 0x20 || (unsigned char)out.p[i] > 0x7e)
			abort();
	buf_done(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = span_of((const char *)data, size);
	struct smtp_answer a, again;
	size_t used, used_again;
	while (smtp_answer_next(in, &a, &used) == RC_OK) {
		if (!used || used > in.n || a.lines.n != used)
			abort();
		check_one(&a);
		/* It does not depend on what has come behind it, and is not seen too
		 * early. */
		if (smtp_answer_next(span_sub(in, 0, used), &again, &used_again) ||
		    used_again != used || again.code != a.code)
			abort();
		if (smtp_answer_next(span_sub(in, 0, used - 1), &again, &used_again) ==
		    RC_OK)
			abort();
		in = span_sub(in, used, in.n);
	}
	return 0;
}
