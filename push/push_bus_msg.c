/* SPDX-License-Identifier: ISC
 *
 * push_bus_msg.c - messages of the bus, written and read.
 */
#include "push/push_bus_msg.h"

#define MAGIC 'W'
#define VERSION 1
#define HEAD_SIZE (3 + 8)

/* LEB128: seven bits a byte, the lowest first. */
static void
add_varint(struct buf *out, uint64_t v)
{
	while (v >= 0x80) {
		buf_add_char(out, (char)(v | 0x80));
		v >>= 7;
	}
	buf_add_char(out, (char)v);
}

static size_t
varint_size(uint64_t v)
{
	size_t n = 1;

	while (v >>= 7)
		n++;
	return n;
}

static bool
read_varint(struct span *rest, uint64_t *ret)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < rest->n && i < 10; i++) {
		uint8_t byte = (uint8_t)rest->p[i];

		if (i == 9 && byte > 1) /* more than 64 bits */
			return false;
		v |= (uint64_t)(byte & 0x7f) << (7 * i);
		if (byte & 0x80)
			continue;
		if (byte == 0 && i > 0) /* not the shortest form */
			return false;
		*rest = span_sub(*rest, i + 1, rest->n);
		*ret = v;
		return true;
	}
	return false;
}

static uint64_t
device_word(const struct store_moved *m)
{
	return (uint64_t)m->device << 1 | m->added;
}

void
push_bus_msg_begin(struct buf *out, const struct push_bus_msg *m)
{
	buf_clear(out);
	buf_add_char(out, MAGIC);
	buf_add_char(out, VERSION);
	buf_add_char(out, m->lost ? PUSH_BUS_MSG_LOST : 0);
	for (int shift = 56; shift >= 0; shift -= 8)
		buf_add_char(out, (char)(m->node >> shift));
	add_varint(out, m->stream);
	add_varint(out, m->sequence);
	add_varint(out, m->n);
}

void
push_bus_msg_add(struct buf *out, const struct store_moved *moved)
{
	add_varint(out, moved->user);
	add_varint(out, moved->collection);
	add_varint(out, moved->modseq);
	add_varint(out, device_word(moved));
}

size_t
push_bus_msg_entry_size(const struct store_moved *moved)
{
	return varint_size(moved->user) + varint_size(moved->collection) +
	       varint_size(moved->modseq) + varint_size(device_word(moved));
}

static bool
read_entry(struct span *rest, struct store_moved *ret)
{
	uint64_t user, collection, modseq, device;

	if (!read_varint(rest, &user) || !read_varint(rest, &collection) ||
	    !read_varint(rest, &modseq) || !read_varint(rest, &device) ||
	    collection > UINT32_MAX || device >> 1 > UINT32_MAX)
		return false;
	*ret = (struct store_moved){
		.user = user,
		.collection = (uint32_t)collection,
		.modseq = modseq,
		.device = (uint32_t)(device >> 1),
		.added = device & 1,
	};
	return true;
}

enum rc
push_bus_msg_parse(struct span bytes, struct push_bus_msg *ret)
{
	struct push_bus_msg m = { .rest = span_sub(bytes, HEAD_SIZE, bytes.n) };
	struct store_moved ignored;
	uint64_t stream, n;
	struct span entries;

	if (bytes.n > PUSH_BUS_MSG_MAX)
		return RC_TOO_BIG;
	if (bytes.n < 2 || bytes.p[0] != MAGIC || bytes.p[1] == 0)
		return RC_INVALID;
	if (bytes.p[1] != VERSION)
		return RC_UNSUPPORTED;
	if (bytes.n < HEAD_SIZE || (uint8_t)bytes.p[2] > PUSH_BUS_MSG_LOST)
		return RC_INVALID;
	m.lost = bytes.p[2] & PUSH_BUS_MSG_LOST;
	for (size_t i = 3; i < HEAD_SIZE; i++)
		m.node = m.node << 8 | (uint8_t)bytes.p[i];
	if (m.node == 0 || !read_varint(&m.rest, &stream) || stream >= PUSH_BUS_STREAMS ||
	    !read_varint(&m.rest, &m.sequence) || m.sequence == 0 ||
	    !read_varint(&m.rest, &n) || n > m.rest.n / 4) /* of a byte each at least */
		return RC_INVALID;
	m.stream = (uint32_t)stream;
	m.n = (size_t)n;
	entries = m.rest;
	for (size_t i = 0; i < m.n; i++) {
		if (!read_entry(&entries, &ignored))
			return RC_INVALID;
	}
	if (entries.n > 0)
		return RC_INVALID;
	*ret = m;
	return RC_OK;
}

bool
push_bus_msg_next(struct push_bus_msg *m, struct store_moved *ret)
{
	if (m->n == 0 || !read_entry(&m->rest, ret))
		return false;
	m->n--;
	return true;
}
