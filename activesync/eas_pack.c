/* SPDX-License-Identifier: ISC
 *
 * eas_pack.c - varints for cursor rows.
 */
#include "activesync/eas_pack.h"

void
eas_pack_u64(struct buf *b, uint64_t v)
{
	while (v >= 0x80) {
		buf_add_char(b, (char)(v | 0x80));
		v >>= 7;
	}
	buf_add_char(b, (char)v);
}

void
eas_pack_i64(struct buf *b, int64_t v)
{
	eas_pack_u64(b, (uint64_t)v << 1 ^ (v < 0 ? UINT64_MAX : 0));
}

void
eas_pack_span(struct buf *b, struct span s)
{
	eas_pack_u64(b, s.n);
	buf_add_span(b, s);
}

uint64_t
eas_unpack_u64(struct eas_unpack *u)
{
	uint64_t v = 0;

	for (unsigned shift = 0; shift < 64 && u->rest.n > 0; shift += 7) {
		uint8_t c = (uint8_t)u->rest.p[0];

		u->rest = span_sub(u->rest, 1, u->rest.n);
		v |= (uint64_t)(c & 0x7f) << shift;
		if (!(c & 0x80))
			return u->failed ? 0 : v;
	}
	u->failed = true;
	u->rest = SPAN("");
	return 0;
}

uint32_t
eas_unpack_u32(struct eas_unpack *u)
{
	uint64_t v = eas_unpack_u64(u);

	if (v > UINT32_MAX) {
		u->failed = true;
		return 0;
	}
	return (uint32_t)v;
}

int64_t
eas_unpack_i64(struct eas_unpack *u)
{
	uint64_t v = eas_unpack_u64(u);

	return (int64_t)(v >> 1 ^ (v & 1 ? UINT64_MAX : 0));
}

struct span
eas_unpack_span(struct eas_unpack *u)
{
	uint64_t n = eas_unpack_u64(u);
	struct span s;

	if (u->failed || n > u->rest.n) {
		u->failed = true;
		return SPAN("");
	}
	s = span_sub(u->rest, 0, n);
	u->rest = span_sub(u->rest, n, u->rest.n);
	return s;
}

void
eas_pack_node(const struct wbxml_node *n, struct buf *b)
{
	eas_pack_u64(b, n->tag);
	eas_pack_span(b, n->text);
	for (const struct wbxml_node *i = n->first; i; i = i->next)
		eas_pack_node(i, b);
	eas_pack_u64(b, 0);
}
