/* SPDX-License-Identifier: ISC
 *
 * fuzz_push_bus_msg.c - messages of the bus: what is taken is written back the same.
 */
#include <stdlib.h>
#include <string.h>

#include "push/push_bus_msg.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span bytes = span_of((const char *)data, size);
	AUTO_DONE(buf) struct buf again = BUF_INIT(0);
	struct push_bus_msg m;
	struct store_moved moved;
	size_t n = 0, said;

	if (push_bus_msg_parse(bytes, &m) != RC_OK)
		return 0;
	if (m.node == 0 || m.stream >= PUSH_BUS_STREAMS || m.sequence == 0)
		abort();
	push_bus_msg_begin(&again, &m);
	said = m.n;
	while (push_bus_msg_next(&m, &moved)) {
		push_bus_msg_add(&again, &moved);
		n++;
	}
	/* There is one form for each message. */
	if (n != said || !span_eq(buf_span(&again), bytes))
		abort();
	return 0;
}
