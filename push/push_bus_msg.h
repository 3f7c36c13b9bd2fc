/* SPDX-License-Identifier: ISC
 *
 * push_bus_msg.h - what one node tells the others: bytes on the bus.
 *
 *	'W', version 1, flags, node (8 bytes, big-endian),
 *	varint stream, varint sequence, varint n,
 *	n times: varint user, varint collection, varint modseq, varint device * 2 + added
 *
 * A varint is LEB128, the shortest form of at most 64 bits. node is random, made at each
 * start of a process. The sequence counts the messages of a node in a stream from 1, so
 * that who misses one notices; PUSH_BUS_MSG_LOST says that there were changes of which
 * nothing was sent. Nothing here is trusted: a wake too many is all that a message can
 * do.
 */
#ifndef PUSH_PUSH_BUS_MSG_H
#define PUSH_PUSH_BUS_MSG_H

#include "base/buf.h"
#include "store/store.h"

/* A stream is a shard's number, or this: all of a node's messages are one. */
#define PUSH_BUS_STREAM_ALL STORE_SHARD_NUMBERS
#define PUSH_BUS_STREAMS (STORE_SHARD_NUMBERS + 1)

#define PUSH_BUS_MSG_MAX 65536 /* bytes */

enum push_bus_msg_flag { PUSH_BUS_MSG_LOST = 1 << 0 };

struct push_bus_msg {
	uint64_t node; /* never 0 */
	uint32_t stream;
	uint64_t sequence;
	bool lost;
	size_t n; /* entries that push_bus_msg_next() will give */
	struct span rest;
};

/* Begins a message in out, which is cleared; n must be known before. */
void push_bus_msg_begin(struct buf *out, const struct push_bus_msg *m);
void push_bus_msg_add(struct buf *out, const struct store_moved *moved);
/* Bytes that a message takes at most, and an entry. */
#define PUSH_BUS_MSG_HEAD_MAX (3 + 8 + 3 * 10)
#define PUSH_BUS_MSG_ENTRY_MAX (4 * 10)
size_t push_bus_msg_entry_size(const struct store_moved *moved);

/*
 * Checks all of it. RC_OK: the entries are well-formed, bytes must live while they are
 * read. RC_UNSUPPORTED: of a newer version, whatever it says; RC_INVALID, RC_TOO_BIG: no
 * message of ours.
 */
enum rc push_bus_msg_parse(struct span bytes, struct push_bus_msg *ret) MUST_CHECK;
/* The next entry; false after the last. */
bool push_bus_msg_next(struct push_bus_msg *m, struct store_moved *ret);

#endif
