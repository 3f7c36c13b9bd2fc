/* SPDX-License-Identifier: ISC
 *
 * test_push_bus_msg.c - messages of the bus, what is gathered for them, and their order.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/mem.h"
#include "push/push_bus_queue.h"
#include "push/push_bus_seen.h"

static void
write_message(struct buf *out, uint64_t sequence, const struct store_moved *moved,
              size_t n)
{
	const struct push_bus_msg m = {
		.node = UINT64_C(0x0123456789abcdef),
		.stream = 17,
		.sequence = sequence,
		.n = n,
	};

	push_bus_msg_begin(out, &m);
	for (size_t i = 0; i < n; i++)
		push_bus_msg_add(out, &moved[i]);
}

static void
what_is_written_is_read(void **state)
{
	(void)state;
	const struct store_moved moved[] = {
		{ .user = 1, .collection = 0, .modseq = 1 },
		{ .user = UINT64_MAX,
		  .collection = UINT32_MAX,
		  .device = UINT32_MAX,
		  .modseq = UINT64_MAX,
		  .added = true },
		{ .user = 300, .collection = 4, .device = 2, .modseq = 127 },
	};
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);
	struct push_bus_msg m;
	struct store_moved got;
	size_t size = 0;

	write_message(&b, 128, moved, ARRAY_LEN(moved));
	assert_int_equal(push_bus_msg_parse(buf_span(&b), &m), RC_OK);
	assert_true(m.node == UINT64_C(0x0123456789abcdef));
	assert_int_equal(m.stream, 17);
	assert_int_equal(m.sequence, 128);
	assert_false(m.lost);
	assert_int_equal(m.n, ARRAY_LEN(moved));
	for (size_t i = 0; i < ARRAY_LEN(moved); i++) {
		assert_true(push_bus_msg_next(&m, &got));
		assert_true(got.user == moved[i].user);
		assert_int_equal(got.collection, moved[i].collection);
		assert_int_equal(got.device, moved[i].device);
		assert_true(got.modseq == moved[i].modseq);
		assert_int_equal(got.added, moved[i].added);
		size += push_bus_msg_entry_size(&moved[i]);
	}
	assert_false(push_bus_msg_next(&m, &got));
	write_message(&b, 128, moved, 0);
	assert_true(buf_len(&b) <= PUSH_BUS_MSG_HEAD_MAX);
	assert_true(size <= 3 * PUSH_BUS_MSG_ENTRY_MAX);
}

static void
a_message_cut_off_anywhere_is_refused(void **state)
{
	(void)state;
	const struct store_moved moved = { .user = 900,
		                           .collection = 1,
		                           .modseq = 70000 };
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);
	struct push_bus_msg m;

	write_message(&b, 1, &moved, 1);
	for (size_t n = 0; n < buf_len(&b); n++)
		assert_int_equal(push_bus_msg_parse(span_of(b.p, n), &m), RC_INVALID);
	buf_add_char(&b, 0);
	assert_int_equal(push_bus_msg_parse(buf_span(&b), &m), RC_INVALID);
}

static void
what_is_not_written_so_is_refused(void **state)
{
	(void)state;
	static const char node[] = "\1\2\3\4\5\6\7\10";
	static const struct {
		const char *what;
		struct span bytes; /* "N" stands for the node */
		enum rc want;
	} cases[] = {
		{ "all is well", SPAN("W\1\0N\1\1\0"), RC_OK },
		{ "told as lost", SPAN("W\1\1N\1\1\0"), RC_OK },
		{ "another magic", SPAN("V\1\0N\1\1\0"), RC_INVALID },
		{ "version 0", SPAN("W\0\0N\1\1\0"), RC_INVALID },
		{ "a newer version", SPAN("W\2\0N\1\1\0"), RC_UNSUPPORTED },
		{ "a newer version, cut", SPAN("W\7"), RC_UNSUPPORTED },
		{ "an unknown flag", SPAN("W\1\2N\1\1\0"), RC_INVALID },
		{ "node 0", SPAN("W\1\0\0\0\0\0\0\0\0\0\1\1\0"), RC_INVALID },
		{ "the last stream", SPAN("W\1\0N\x80\x20\1\0"), RC_OK },
		{ "a stream too many", SPAN("W\1\0N\x81\x20\1\0"), RC_INVALID },
		{ "sequence 0", SPAN("W\1\0N\1\0\0"), RC_INVALID },
		{ "a longer form", SPAN("W\1\0N\1\x81\0\0"), RC_INVALID },
		{ "more than 64 bits",
		  SPAN("W\1\0N\1\xff\xff\xff\xff\xff\xff\xff\xff\xff\2\0"), RC_INVALID },
		{ "64 bits", SPAN("W\1\0N\1\xff\xff\xff\xff\xff\xff\xff\xff\xff\1\0"),
		  RC_OK },
		{ "more entries than bytes", SPAN("W\1\0N\1\1\2\1\1\1\1"), RC_INVALID },
		{ "a collection too large",
		  SPAN("W\1\0N\1\1\1\1\x80\x80\x80\x80\x10\1\1"), RC_INVALID },
		{ "a device too large", SPAN("W\1\0N\1\1\1\1\1\1\x80\x80\x80\x80\x20"),
		  RC_INVALID },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO_DONE(buf) struct buf b = BUF_INIT(0);
		struct push_bus_msg m;

		for (size_t k = 0; k < cases[i].bytes.n; k++) {
			if (cases[i].bytes.p[k] == 'N')
				buf_add(&b, node, 8);
			else
				buf_add_char(&b, cases[i].bytes.p[k]);
		}
		if (push_bus_msg_parse(buf_span(&b), &m) != cases[i].want)
			fail_msg("%s", cases[i].what);
	}
}

static void
a_message_over_the_limit_is_refused_unread(void **state)
{
	(void)state;
	char *bytes = xcalloc(1, PUSH_BUS_MSG_MAX + 1);
	struct push_bus_msg m;

	memcpy(bytes, "W\1", 2);
	assert_int_equal(push_bus_msg_parse(span_of(bytes, PUSH_BUS_MSG_MAX + 1), &m),
	                 RC_TOO_BIG);
	free(bytes);
}

/* -- the queue -- */

static void
changes_of_one_collection_become_one(void **state)
{
	(void)state;
	struct push_bus_queue q;
	const struct store_moved moved[] = {
		{ .user = 7, .collection = 1, .device = 3, .modseq = 10 },
		{ .user = 7, .collection = 2, .device = 3, .modseq = 11 },
		{ .user = 7, .collection = 1, .device = 3, .modseq = 12, .added = true },
		{ .user = 8, .collection = 1, .device = 3, .modseq = 1 },
		{ .user = 7, .collection = 2, .device = 4, .modseq = 9 },
	};

	push_bus_queue_init(&q, 3);
	for (size_t i = 0; i < ARRAY_LEN(moved); i++)
		assert_true(push_bus_queue_add(&q, &moved[i]));
	assert_int_equal(q.n, 3);
	push_bus_queue_sort(&q, false);
	assert_int_equal(q.entries[0].moved.user, 7);
	assert_int_equal(q.entries[0].moved.collection, 1);
	assert_int_equal(q.entries[0].moved.modseq, 12);
	assert_int_equal(q.entries[0].moved.device, 3);
	assert_true(q.entries[0].moved.added);
	/* By two devices: each is to hear of the other's. */
	assert_int_equal(q.entries[1].moved.collection, 2);
	assert_int_equal(q.entries[1].moved.modseq, 11);
	assert_int_equal(q.entries[1].moved.device, 0);
	assert_int_equal(q.entries[2].moved.user, 8);
	push_bus_queue_done(&q);
}

static void
a_full_queue_says_so_and_still_joins(void **state)
{
	(void)state;
	struct push_bus_queue q;
	struct store_moved moved = { .user = 1, .modseq = 1 };

	push_bus_queue_init(&q, 2);
	assert_true(push_bus_queue_add(&q, &moved));
	moved.user = 2;
	assert_true(push_bus_queue_add(&q, &moved));
	moved.user = 3;
	assert_false(push_bus_queue_add(&q, &moved));
	moved.user = 2;
	moved.modseq = 5;
	assert_true(push_bus_queue_add(&q, &moved));
	assert_int_equal(q.entries[1].moved.modseq, 5);
	push_bus_queue_clear(&q);
	moved.user = 3;
	assert_true(push_bus_queue_add(&q, &moved));
	assert_int_equal(q.n, 1);
	push_bus_queue_done(&q);
}

static void
a_shards_changes_stand_together(void **state)
{
	(void)state;
	struct push_bus_queue q;

	push_bus_queue_init(&q, 1000);
	for (uint64_t user = 1; user <= 1000; user++) {
		struct store_moved moved = { .user = user, .modseq = 1 };
		assert_true(push_bus_queue_add(&q, &moved));
	}
	push_bus_queue_sort(&q, true);
	for (size_t i = 1; i < q.n; i++)
		assert_true(store_shard_number(q.entries[i - 1].moved.user) <=
		            store_shard_number(q.entries[i].moved.user));
	push_bus_queue_done(&q);
}

/* -- the order -- */

static enum push_bus_order
note(struct push_bus_seen *s, uint64_t node, uint32_t stream, uint64_t sequence)
{
	const struct push_bus_msg m = { .node = node,
		                        .stream = stream,
		                        .sequence = sequence };

	return push_bus_seen_note(s, &m);
}

static void
a_missing_message_is_noticed_in_each_stream_by_itself(void **state)
{
	(void)state;
	struct push_bus_seen s;

	push_bus_seen_init(&s);
	assert_int_equal(note(&s, 1, 5, 7), PUSH_BUS_ORDER_FIRST);
	assert_int_equal(note(&s, 1, 5, 8), PUSH_BUS_ORDER_NEXT);
	assert_int_equal(note(&s, 1, 6, 3), PUSH_BUS_ORDER_FIRST);
	assert_int_equal(note(&s, 2, 5, 8), PUSH_BUS_ORDER_FIRST);
	assert_int_equal(note(&s, 1, PUSH_BUS_STREAM_ALL, 1), PUSH_BUS_ORDER_FIRST);
	assert_int_equal(note(&s, 1, 5, 11), PUSH_BUS_ORDER_GAP);
	assert_int_equal(note(&s, 1, 5, 10), PUSH_BUS_ORDER_OLD);
	assert_int_equal(note(&s, 1, 5, 11), PUSH_BUS_ORDER_OLD);
	assert_int_equal(note(&s, 1, 5, 12), PUSH_BUS_ORDER_NEXT);
	assert_int_equal(note(&s, 1, 6, 4), PUSH_BUS_ORDER_NEXT);
	assert_int_equal(note(&s, 1, PUSH_BUS_STREAM_ALL, 2), PUSH_BUS_ORDER_NEXT);
	push_bus_seen_forget(&s);
	assert_int_equal(note(&s, 1, 5, 20), PUSH_BUS_ORDER_FIRST);
	push_bus_seen_done(&s);
}

static void
nodes_without_end_take_no_memory_without_end(void **state)
{
	(void)state;
	struct push_bus_seen s;

	push_bus_seen_init(&s);
	assert_int_equal(note(&s, 1, 0, 1), PUSH_BUS_ORDER_FIRST);
	for (uint64_t node = 2; node < 4 * PUSH_BUS_NODES_MAX; node++) {
		assert_int_equal(note(&s, node, 0, 1), PUSH_BUS_ORDER_FIRST);
		if (node % 100 == 0) /* one that speaks now and then is not forgotten */
			assert_int_equal(note(&s, 1, 0, 1 + node / 100),
			                 PUSH_BUS_ORDER_NEXT);
	}
	assert_int_equal(s.n, PUSH_BUS_NODES_MAX);
	push_bus_seen_done(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_read),
		cmocka_unit_test(a_message_cut_off_anywhere_is_refused),
		cmocka_unit_test(what_is_not_written_so_is_refused),
		cmocka_unit_test(a_message_over_the_limit_is_refused_unread),
		cmocka_unit_test(changes_of_one_collection_become_one),
		cmocka_unit_test(a_full_queue_says_so_and_still_joins),
		cmocka_unit_test(a_shards_changes_stand_together),
		cmocka_unit_test(a_missing_message_is_noticed_in_each_stream_by_itself),
		cmocka_unit_test(nodes_without_end_take_no_memory_without_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
