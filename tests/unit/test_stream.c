/* SPDX-License-Identifier: ISC
 *
 * test_stream.c - plain streams: order of callbacks, limits, ends, freeing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <netinet/tcp.h>

#include "base/clock.h"
#include "tests/fake/stream_rig.h"

/* --- opening and reading --- */

static void
an_accepted_stream_opens_before_its_input(void **state UNUSED)
{
	struct rig r;

	rig_pair(&r, SOCK_STREAM, &RIG_LIMITS);
	rig_send(&r, "hello");
	assert_string_equal(r.trace, "");
	loop_run_once(r.loop, false);
	loop_run_once(r.loop, false);
	assert_string_equal(r.trace, "open input ");
	assert_string_equal(r.got, "hello");
	assert_string_equal(stream_peer(r.s), "unix");
	assert_false(stream_is_tls(r.s));
	assert_string_equal(stream_tls_str(r.s), "");
	rig_done(&r);
}

static void
what_is_not_consumed_stays_until_more_comes(void **state UNUSED)
{
	struct rig r;

	rig_pair(&r, SOCK_STREAM, &RIG_LIMITS);
	r.keep = true;
	rig_send(&r, "abc");
	RIG_UNTIL(&r, stream_input(r.s).n == 3);
	rig_idle(&r);
	assert_string_equal(r.trace, "open input ");
	rig_send(&r, "def");
	RIG_UNTIL(&r, stream_input(r.s).n == 6);
	assert_string_equal(r.trace, "open input input ");
	stream_consume(r.s, 4);
	assert_true(span_is(stream_input(r.s), "ef"));
	rig_send(&r, "g");
	RIG_UNTIL(&r, stream_input(r.s).n == 3);
	assert_true(span_is(stream_input(r.s), "efg"));
	rig_done(&r);
}

static void
reading_stops_at_input_max_and_goes_on(void **state UNUSED)
{
	struct stream_limits limits = { .input_max = 10 };
	struct rig r;

	rig_pair(&r, SOCK_STREAM, &limits);
	r.keep = true;
	rig_send(&r, "0123456789abcdefghijXYZ");
	RIG_UNTIL(&r, stream_input(r.s).n == 10);
	rig_idle(&r);
	assert_int_equal(stream_input(r.s).n, 10);
	assert_string_equal(r.trace, "open input ");
	stream_consume(r.s, 10);
	RIG_UNTIL(&r, stream_input(r.s).n == 10);
	assert_true(span_is(stream_input(r.s), "abcdefghij"));
	stream_set_input_max(r.s, 13);
	RIG_UNTIL(&r, stream_input(r.s).n == 13);
	rig_done(&r);
}

static void
a_paused_stream_reads_nothing_and_does_not_spin(void **state UNUSED)
{
	struct rig r;

	rig_pair(&r, SOCK_STREAM, &RIG_LIMITS);
	rig_idle(&r);
	stream_pause(r.s);
	rig_send(&r, "abc");
	rig_idle(&r);
	assert_int_equal(stream_input(r.s).n, 0);
	/* By levels each turn would report the socket again. */
	assert_true(rig_turns_in_ms(&r, 30) < 5);
	rig_send(&r, "def");
	rig_idle(&r);
	assert_string_equal(r.trace, "open ");
	stream_resume(r.s);
	assert_string_equal(r.trace, "open ");
	RIG_UNTIL(&r, r.got_n == 6);
	assert_string_equal(r.got, "abcdef");
	rig_done(&r);
}

static void
resuming_brings_bytes_that_were_there(void **state UNUSED)
{
	struct rig r;

	rig_pair(&r, SOCK_STREAM, &RIG_LIMITS);
	r.keep = true;
	rig_send(&r, "abc");
	RIG_UNTIL(&r, stream_input(r.s).n == 3);
	stream_pause(r.s);
	rig_idle(&r);
	r.keep = false;
	stream_resume(r.s);
	assert_int_equal(r.got_n, 0);
	RIG_UNTIL(&r, r.got_n == 3);
	assert_string_equal(r.trace, "open input input ");
	rig_done(&r);
}

static void
a_big_sender_does_not_hold_the_loop(void **state UNUSED)
{
	struct stream_limits limits = { .input_max = 1 << 20 };
	struct rig r;
	char block[4096];

	memset(block, 'x', sizeof(block));
	rig_pair(&r, SOCK_STREAM, &limits);
	assert_int_equal(
		setsockopt(r.peer, SOL_SOCKET, SO_SNDBUF, &(int){ 1 << 20 }, sizeof(int)),
		0);
	for (int i = 0; i < 40; i++)
		assert_int_equal(send(r.peer, block, sizeof(block), 0), sizeof(block));
	r.keep = true;
	loop_run_once(r.loop, false);
	/* A share, not all 160 KB. */
	assert_in_range(stream_input(r.s).n, 1, 100 * 1024);
	RIG_UNTIL(&r, stream_input(r.s).n == 40 * sizeof(block));
	rig_done(&r);
}

static int detached_fd = -1;

static void
detach(struct rig *r)
{
	stream_consume(r->s, stream_input(r->s).n);
	detached_fd = stream_detach(r->s);
	r->s = NULL;
}

static void
a_detached_socket_lives_on_without_its_stream(void **state UNUSED)
{
	char got[8] = "";
	struct rig r;

	rig_pair(&r, SOCK_STREAM, &RIG_LIMITS);
	r.on_input = detach;
	rig_send(&r, "go");
	RIG_UNTIL(&r, r.s == NULL);
	rig_send(&r, "on");
	rig_idle(&r); /* nobody reads it but who has the socket now */
	assert_int_equal(read(detached_fd, got, sizeof(got)), 2);
	assert_string_equal(got, "on");
	assert_int_equal(send(detached_fd, "bye", 3, MSG_NOSIGNAL), 3);
	assert_int_equal(recv(r.peer, got, sizeof(got), 0), 3);
	assert_string_equal(r.trace, "open input ");
	close(detached_fd);
	rig_done(&r);
}

/* --- writing --- */

static void
an_answer_written_in_on_input_arrives(void **state UNUSED)
{
	struct rig r;

	rig_pair(&r, SOCK_STREAM, &RIG_LIMITS);
	r.on_input = rig_echo;
	rig_send(&r, "ping");
	RIG_UNTIL(&r, rig_received(&r, "ping"));
	RIG_UNTIL(&r, strcmp(r.trace, "open input drain ") == 0);
	assert_int_equal(stream_output_len(r.s), 0);
	rig_done(&r);
}

static void
corked_writes_leave_in_one_packet(void **state UNUSED)
{
	struct rig r;
	char got[32];

	/* A packet socket shows what went out together. */
	rig_pair(&r, SOCK_SEQPACKET, &RIG_LIMITS);
	rig_idle(&r);
	stream_cork(r.s);
	stream_write(r.s, SPAN("* 1 EXISTS\r\n"));
	rig_idle(&r);
	stream_write(r.s, SPAN("a OK\r\n"));
	rig_idle(&r);
	assert_int_equal(recv(r.peer, got, sizeof(got), 0), -1);
	assert_int_equal(stream_output_len(r.s), 18);
	stream_uncork(r.s);
	rig_idle(&r);
	assert_int_equal(recv(r.peer, got, sizeof(got), 0), 18);
	assert_int_equal(recv(r.peer, got, sizeof(got), 0), -1);
	rig_done(&r);
}

static void
a_cork_does_not_hold_up_a_full_socket_or_spin(void **state UNUSED)
{
	static const char block[1000000];
	struct rig r;

	rig_pair(&r, SOCK_STREAM, &RIG_LIMITS);
	rig_idle(&r);
	stream_write(r.s, span_of(block, sizeof(block)));
	rig_idle(&r);
	assert_true(stream_output_len(r.s) > 0);
	stream_cork(r.s);
	stream_write(r.s, SPAN("end"));
	RIG_UNTIL(&r, (rig_receive_and_drop(&r), r.dropped >= sizeof(block)));
	rig_idle(&r);
	assert_true(rig_turns_in_ms(&r, 30) < 5);
	stream_uncork(r.s);
	RIG_UNTIL(&r, (rig_receive_and_drop(&r), r.dropped == sizeof(block) + 3));
	rig_done(&r);
}

static void
a_buffer_is_taken_without_a_copy(void **state UNUSED)
{
	struct rig r;
	struct buf b = BUF_INIT(100000);

	rig_pair(&r, SOCK_STREAM, &RIG_LIMITS);
	rig_idle(&r);
	for (int i = 0; i < 5000; i++)
		buf_add_str(&b, "0123456789");
	stream_write_buf(r.s, &b);
	assert_null(b.p);
	assert_int_equal(b.len, 0);
	assert_int_equal(b.max, 100000);
	buf_add_str(&b, "end");
	stream_write_buf(r.s, &b);
	stream_write_buf(r.s, &b); /* empty is fine */
	assert_int_equal(stream_output_len(r.s), 50003);
	RIG_UNTIL(&r, rig_receive(&r) == 50003);
	assert_memory_equal(r.received + 49995, "56789end", 8);
	rig_done(&r);
}

static void
a_buffer_that_failed_ends_the_stream(void **state UNUSED)
{
	struct rig r;
	struct buf b = BUF_INIT(4);

	rig_pair(&r, SOCK_STREAM, &RIG_LIMITS);
	rig_idle(&r);
	buf_add_str(&b, "too long");
	stream_write_buf(r.s, &b);
	assert_false(r.ended);
	RIG_UNTIL(&r, r.ended);
	assert_int_equal(r.why, STREAM_END_ERROR);
	rig_done(&r);
}

static void
a_peer_that_does_not_read_fills_the_queue_and_drains_it_once(void **state UNUSED)
{
	enum { SIZE = 3000000 };
	struct rig r;
	char *block = xmalloc(SIZE);
	size_t got = 0;

	for (size_t i = 0; i < SIZE; i++)
		block[i] = (char)(i * 7 + i / 251);
	rig_pair(&r, SOCK_STREAM, &RIG_LIMITS);
	rig_idle(&r);
	for (size_t i = 0; i < SIZE; i += SIZE / 100)
		stream_write(r.s, span_of(block + i, SIZE / 100));
	rig_idle(&r);
	assert_true(stream_output_len(r.s) > 0);
	assert_string_equal(r.trace, "open ");
	assert_true(rig_turns_in_ms(&r, 30) < 5);
	while (got < SIZE) {
		ssize_t n;

		loop_run_once(r.loop, false);
		n = recv(r.peer, r.received, sizeof(r.received), 0);
		if (n <= 0)
			continue;
		assert_memory_equal(r.received, block + got, (size_t)n);
		got += (size_t)n;
	}
	rig_idle(&r);
	assert_string_equal(r.trace, "open drain ");
	assert_int_equal(stream_memory(r.s),
	                 sizeof(struct stream) + strlen(stream_peer(r.s)) + 1);
	free(block);
	rig_done(&r);
}

static void
an_idle_stream_is_small(void **state UNUSED)
{
	struct rig r;

	rig_pair(&r, SOCK_STREAM, &RIG_LIMITS);
	r.on_input = rig_echo;
	rig_send(&r, "some bytes");
	RIG_UNTIL(&r, rig_received(&r, "some bytes"));
	rig_idle(&r);
	assert_true(stream_memory(r.s) < 400);
	rig_done(&r);
}

/* --- ends --- */

static void
free_it(struct rig *r)
{
	stream_free(r->s);
	r->s = NULL;
}

static void
the_peers_close_comes_after_its_input(void **state UNUSED)
{
	struct rig r;

	rig_pair(&r, SOCK_STREAM, &RIG_LIMITS);
	rig_send(&r, "last words");
	rig_hang_up(&r);
	RIG_UNTIL(&r, r.ended);
	assert_string_equal(r.trace, "open input end:EOF ");
	assert_string_equal(r.got, "last words");
	rig_done(&r);
}

static void
an_unfinished_line_is_shown_before_the_end(void **state UNUSED)
{
	struct rig r;

	rig_pair(&r, SOCK_STREAM, &RIG_LIMITS);
	r.keep = true;
	rig_send(&r, "NOO");
	rig_hang_up(&r);
	RIG_UNTIL(&r, r.ended);
	assert_string_equal(r.trace, "open input end:EOF ");
	rig_done(&r);
}

static void
a_paused_stream_notices_that_its_peer_has_gone(void **state UNUSED)
{
	struct rig r;

	for (int tcp = 0; tcp < 2; tcp++) {
		if (tcp)
			rig_tcp(&r, &RIG_LIMITS);
		else
			rig_pair(&r, SOCK_STREAM, &RIG_LIMITS);
		rig_idle(&r);
		stream_pause(r.s);
		rig_idle(&r);
		rig_hang_up(&r);
		RIG_UNTIL(&r, r.ended);
		assert_string_equal(r.trace, "open end:EOF ");
		rig_done(&r);
	}
}

static void
a_reset_ends_a_stream_paused_or_not(void **state UNUSED)
{
	struct rig r;

	/* 0: reading, 1: paused, 2: paused with input that it has been told of. */
	for (int mode = 0; mode < 3; mode++) {
		rig_tcp(&r, &RIG_LIMITS);
		rig_idle(&r);
		if (mode > 0)
			stream_pause(r.s);
		if (mode == 2)
			rig_send(&r, "x");
		rig_idle(&r);
		rig_reset(&r);
		RIG_UNTIL(&r, r.ended);
		assert_string_equal(r.trace, "open end:ERROR ");
		assert_non_null(strstr(r.detail, "reset"));
		rig_done(&r);
	}
}

static void
what_came_before_the_peers_close_waits_for_the_paused(void **state UNUSED)
{
	struct rig r;

	for (int told = 0; told < 2; told++) {
		rig_tcp(&r, &RIG_LIMITS);
		rig_idle(&r);
		if (told) {
			r.keep = true;
			rig_send(&r, "x");
			RIG_UNTIL(&r, stream_input(r.s).n == 1);
		}
		stream_pause(r.s);
		rig_send(&r, "QUIT");
		rig_idle(&r);
		rig_hang_up(&r);
		rig_idle(&r);
		assert_false(r.ended);
		assert_true(rig_turns_in_ms(&r, 30) < 5);
		r.keep = false;
		stream_resume(r.s);
		RIG_UNTIL(&r, r.ended);
		assert_string_equal(r.got, told ? "xQUIT" : "QUIT");
		assert_int_equal(r.why, STREAM_END_EOF);
		rig_done(&r);
	}
}

static void
a_full_stream_notices_a_reset(void **state UNUSED)
{
	struct stream_limits limits = { .input_max = 4 };
	struct rig r;

	rig_tcp(&r, &limits);
	r.keep = true;
	rig_send(&r, "12345678");
	RIG_UNTIL(&r, stream_input(r.s).n == 4);
	rig_idle(&r);
	assert_true(rig_turns_in_ms(&r, 30) < 5);
	rig_reset(&r);
	RIG_UNTIL(&r, r.ended);
	assert_int_equal(r.why, STREAM_END_ERROR);
	rig_done(&r);
}

static void
a_blocked_writer_notices_a_reset(void **state UNUSED)
{
	static const char block[100000];
	struct rig r;

	rig_tcp(&r, &RIG_LIMITS);
	rig_idle(&r);
	stream_pause(r.s);
	for (int i = 0; i < 100; i++)
		stream_write(r.s, span_of(block, sizeof(block)));
	rig_idle(&r);
	assert_true(stream_output_len(r.s) > 0);
	rig_reset(&r);
	RIG_UNTIL(&r, r.ended);
	assert_int_equal(r.why, STREAM_END_ERROR);
	rig_done(&r);
}

static void
closing_writes_all_and_then_ends(void **state UNUSED)
{
	struct rig r;

	rig_pair(&r, SOCK_STREAM, &RIG_LIMITS);
	rig_idle(&r);
	stream_cork(r.s);
	stream_write(r.s, SPAN("221 bye\r\n"));
	stream_close(r.s);
	stream_write(r.s, SPAN("too late"));
	assert_false(r.ended);
	RIG_UNTIL(&r, r.ended);
	assert_string_equal(r.trace, "open end:CLOSED ");
	assert_true(rig_received(&r, "221 bye\r\n"));
	assert_true(r.peer_eof);
	stream_write(r.s, SPAN("much too late"));
	rig_done(&r);
}

static void
the_answer_survives_closing_on_a_peer_that_still_sends(void **state UNUSED)
{
	static const char block[65536];
	struct stream_limits limits = { .input_max = 100 };
	struct rig r;

	rig_tcp(&r, &limits);
	r.keep = true;
	r.on_end = free_it;
	assert_true(send(r.peer, block, sizeof(block), 0) > 1000);
	RIG_UNTIL(&r, stream_input(r.s).n == 100);
	stream_write(r.s, SPAN("413 Content Too Large\r\n"));
	stream_close(r.s);
	rig_idle(&r);
	/* Closed with bytes unread, the socket would be reset and the answer lost. */
	assert_true(send(r.peer, block, 1000, 0) > 0);
	rig_idle(&r);
	assert_true(rig_received(&r, "413 Content Too Large\r\n"));
	assert_true(r.peer_eof);
	assert_int_equal(send(r.peer, block, 1000, MSG_NOSIGNAL), 1000);
	rig_hang_up(&r);
	RIG_UNTIL(&r, r.ended);
	assert_int_equal(r.why, STREAM_END_CLOSED);
	rig_done(&r);
}

static void
the_peers_half_close_does_not_stop_a_closing_stream(void **state UNUSED)
{
	enum { SIZE = 1000000 };
	struct rig r;
	char *block = xcalloc(1, SIZE);

	rig_pair(&r, SOCK_STREAM, &RIG_LIMITS);
	rig_idle(&r);
	stream_write(r.s, span_of(block, SIZE));
	stream_close(r.s);
	shutdown(r.peer, SHUT_WR);
	rig_idle(&r);
	assert_false(r.ended);
	RIG_UNTIL(&r, (rig_receive_and_drop(&r), r.ended));
	while (!r.peer_eof)
		rig_receive_and_drop(&r);
	assert_int_equal(r.dropped, SIZE);
	assert_int_equal(r.why, STREAM_END_CLOSED);
	free(block);
	rig_done(&r);
}

static void
lose_the_peer_and_write(void *arg)
{
	struct rig *r = arg;

	rig_send(r, "554 go away\r\n");
	rig_hang_up(r);
	stream_write(r->s, SPAN("MAIL FROM:<>\r\n"));
}

static void
why_the_peer_went_is_read_when_writing_fails(void **state UNUSED)
{
	struct loop_timer t;
	struct rig r;

	rig_pair(&r, SOCK_STREAM, &RIG_LIMITS);
	rig_idle(&r);
	/* From a timer: the write is tried before the socket is looked at. */
	loop_timer_init(&t, r.loop, lose_the_peer_and_write, &r);
	loop_timer_set(&t, 0);
	RIG_UNTIL(&r, r.ended);
	assert_string_equal(r.trace, "open input end:ERROR ");
	assert_string_equal(r.got, "554 go away\r\n");
	rig_done(&r);
}

static void
pause_it(struct rig *r)
{
	stream_pause(r->s);
}

static void
an_end_read_with_the_last_bytes_waits_for_a_pause_in_on_input(void **state UNUSED)
{
	static const char block[LOOP_SCRATCH];
	struct rig r;

	rig_pair(&r, SOCK_STREAM, &RIG_LIMITS);
	r.on_input = pause_it;
	/* Just as much as is read at once, so that the end is seen in the same turn. */
	assert_int_equal(send(r.peer, block, sizeof(block), 0), sizeof(block));
	rig_hang_up(&r);
	rig_idle(&r);
	assert_string_equal(r.trace, "open input ");
	assert_int_equal(stream_input(r.s).n, sizeof(block));
	assert_true(rig_turns_in_ms(&r, 30) < 5);
	r.on_input = NULL;
	r.keep = true;
	stream_resume(r.s);
	RIG_UNTIL(&r, r.ended);
	assert_string_equal(r.trace, "open input input end:EOF ");
	rig_done(&r);
}

/* --- time --- */

static void
silence_ends_a_stream_and_bytes_put_it_off(void **state UNUSED)
{
	struct stream_limits limits = { .idle_ms = 1000 };
	struct rig r;

	clock_fake_start(0);
	rig_pair(&r, SOCK_STREAM, &limits);
	rig_idle(&r);
	clock_fake_advance(900);
	rig_send(&r, "x");
	RIG_UNTIL(&r, r.got_n == 1);
	clock_fake_advance(900);
	rig_idle(&r);
	assert_false(r.ended);
	stream_write(r.s, SPAN("y"));
	rig_idle(&r);
	clock_fake_advance(999);
	rig_idle(&r);
	assert_false(r.ended);
	clock_fake_advance(1);
	loop_run_once(r.loop, false);
	assert_true(r.ended);
	assert_int_equal(r.why, STREAM_END_TIMEOUT);
	rig_done(&r);
	clock_fake_stop();
}

static void
the_idle_time_can_be_changed_and_switched_off(void **state UNUSED)
{
	struct stream_limits limits = { .idle_ms = 1000 };
	struct rig r;

	clock_fake_start(0);
	rig_pair(&r, SOCK_STREAM, &limits);
	rig_idle(&r);
	stream_set_idle_ms(r.s, 0);
	clock_fake_advance(100000);
	rig_idle(&r);
	assert_false(r.ended);
	stream_set_idle_ms(r.s, 50);
	clock_fake_advance(49);
	rig_idle(&r);
	assert_false(r.ended);
	clock_fake_advance(1);
	loop_run_once(r.loop, false);
	assert_int_equal(r.why, STREAM_END_TIMEOUT);
	rig_done(&r);
	clock_fake_stop();
}

static void
a_peer_that_never_reads_cannot_hold_a_closing_stream(void **state UNUSED)
{
	static const char block[1000000];
	struct rig r;

	clock_fake_start(0);
	rig_pair(&r, SOCK_STREAM, &RIG_LIMITS);
	rig_idle(&r);
	stream_write(r.s, span_of(block, sizeof(block)));
	stream_close(r.s);
	rig_idle(&r);
	assert_false(r.ended);
	clock_fake_advance(30000);
	loop_run_once(r.loop, false);
	assert_int_equal(r.why, STREAM_END_TIMEOUT);
	rig_done(&r);
	clock_fake_stop();
}

static void
a_peer_that_takes_too_little_is_dropped_whatever_it_sends(void **state UNUSED)
{
	static const char block[1000000];
	struct stream_limits limits = { .stall_ms = 10000, .idle_ms = 100000 };
	struct rig r;

	clock_fake_start(0);
	rig_pair(&r, SOCK_STREAM, &limits);
	rig_idle(&r);
	stream_write(r.s, span_of(block, sizeof(block)));
	rig_idle(&r);
	for (int i = 0; i < 9; i++) {
		clock_fake_advance(1000);
		rig_send(&r, "x");
		rig_idle(&r);
	}
	assert_false(r.ended);
	assert_int_equal(r.got_n, 9);
	clock_fake_advance(1000);
	loop_run_once(r.loop, false);
	assert_true(r.ended);
	assert_int_equal(r.why, STREAM_END_TIMEOUT);
	rig_done(&r);
	clock_fake_stop();
}

static void
a_peer_that_takes_its_output_slowly_may_go_on(void **state UNUSED)
{
	enum { SIZE = 1000000 };
	static const char block[SIZE];
	struct stream_limits limits = { .stall_ms = 10000 };
	struct rig r;

	clock_fake_start(0);
	rig_pair(&r, SOCK_STREAM, &limits);
	rig_idle(&r);
	stream_write(r.s, span_of(block, sizeof(block)));
	rig_idle(&r);
	/* Some ten KB now and then: the kernel frees no less at a time. */
	while (stream_output_len(r.s) > 0) {
		clock_fake_advance(9000);
		for (int i = 0; i < 4; i++)
			rig_receive_and_drop(&r);
		rig_idle(&r);
		assert_false(r.ended);
	}
	/* Once all is out it may be silent. */
	clock_fake_advance(100000);
	rig_idle(&r);
	assert_false(r.ended);
	rig_done(&r);
	clock_fake_stop();
}

/* --- freeing inside callbacks --- */

static void
an_owner_may_free_the_stream_in_any_callback(void **state UNUSED)
{
	struct rig r;

	rig_pair(&r, SOCK_STREAM, &RIG_LIMITS);
	r.on_open = free_it;
	rig_send(&r, "x");
	RIG_UNTIL(&r, r.s == NULL);
	rig_idle(&r);
	assert_string_equal(r.trace, "open ");
	rig_done(&r);

	rig_pair(&r, SOCK_STREAM, &RIG_LIMITS);
	r.on_input = free_it;
	rig_send(&r, "x");
	rig_hang_up(&r);
	RIG_UNTIL(&r, r.s == NULL);
	rig_idle(&r);
	assert_string_equal(r.trace, "open input ");
	rig_done(&r);

	rig_pair(&r, SOCK_STREAM, &RIG_LIMITS);
	r.on_drain = free_it;
	stream_write(r.s, SPAN("x"));
	RIG_UNTIL(&r, r.s == NULL);
	rig_idle(&r);
	assert_string_equal(r.trace, "open drain ");
	assert_true(rig_received(&r, "x"));
	rig_done(&r);

	rig_pair(&r, SOCK_STREAM, &RIG_LIMITS);
	r.on_end = free_it;
	rig_hang_up(&r);
	RIG_UNTIL(&r, r.s == NULL);
	rig_idle(&r);
	assert_string_equal(r.trace, "open end:EOF ");
	rig_done(&r);
}

static struct rig other;

static void
free_the_other(struct rig *r UNUSED)
{
	free_it(&other);
}

static void
one_streams_callback_may_free_another_that_is_due(void **state UNUSED)
{
	struct rig r;

	rig_pair(&r, SOCK_STREAM, &RIG_LIMITS);
	rig_idle(&r);
	rig_pair_on(&other, r.loop, SOCK_STREAM, &RIG_LIMITS);
	rig_idle(&r);
	r.on_input = free_the_other;
	/* Both are ready in the same turn; whichever comes first, none is touched freed.
	 */
	other.on_input = NULL;
	rig_send(&r, "x");
	rig_send(&other, "y");
	stream_write(other.s, SPAN("z"));
	RIG_UNTIL(&r, other.s == NULL);
	rig_idle(&r);
	rig_done(&other);
	rig_done(&r);
}

static void
write_close_and_free(struct rig *r)
{
	rig_echo(r);
	stream_close(r->s);
	free_it(r);
}

static void
freeing_after_closing_in_one_callback_is_fine(void **state UNUSED)
{
	struct rig r;

	rig_pair(&r, SOCK_STREAM, &RIG_LIMITS);
	r.on_input = write_close_and_free;
	rig_send(&r, "x");
	RIG_UNTIL(&r, r.s == NULL);
	rig_idle(&r);
	assert_string_equal(r.trace, "open input ");
	rig_done(&r);
}

/* --- connecting --- */

static void
connecting_opens_or_ends_by_callback(void **state UNUSED)
{
	struct sockaddr_in to = { .sin_family = AF_INET };
	socklen_t n = sizeof(to);
	struct rig r;
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	int one = 0;

	inet_pton(AF_INET, "127.0.0.1", &to.sin_addr);
	assert_int_equal(bind(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&to, &n), 0);
	assert_int_equal(listen(fd, 1), 0);

	rig_start(&r, NULL);
	r.s = stream_connect(r.loop, (struct sockaddr *)&to, n, &RIG_LIMITS, &rig_ops,
	                     &r);
	stream_write(r.s, SPAN("early"));
	assert_string_equal(r.trace, "");
	RIG_UNTIL(&r, strstr(r.trace, "open"));
	r.peer = accept4(fd, NULL, NULL, SOCK_NONBLOCK);
	RIG_UNTIL(&r, rig_received(&r, "early"));
	assert_string_equal(stream_peer(r.s), "127.0.0.1");
	assert_int_equal(stream_peer_port(r.s), ntohs(to.sin_port));
	n = sizeof(one);
	getsockopt(rig_fd(&r), IPPROTO_TCP, TCP_NODELAY, &one, &n);
	assert_int_not_equal(one, 0);
	rig_done(&r);
	close(fd);

	rig_start(&r, NULL);
	r.s = stream_connect(r.loop, (struct sockaddr *)&to, sizeof(to), &RIG_LIMITS,
	                     &rig_ops, &r);
	assert_string_equal(r.trace, "");
	RIG_UNTIL(&r, r.ended);
	assert_string_equal(r.trace, "end:ERROR ");
	assert_non_null(strstr(r.detail, "refused"));
	rig_done(&r);
}

static void
an_accepted_tcp_stream_knows_its_peer(void **state UNUSED)
{
	struct rig r;

	rig_tcp(&r, &RIG_LIMITS);
	assert_string_equal(stream_peer(r.s), "127.0.0.1");
	assert_true(stream_peer_port(r.s) > 0);
	assert_ptr_equal(stream_loop(r.s), r.loop);
	rig_done(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_accepted_stream_opens_before_its_input),
		cmocka_unit_test(what_is_not_consumed_stays_until_more_comes),
		cmocka_unit_test(reading_stops_at_input_max_and_goes_on),
		cmocka_unit_test(a_paused_stream_reads_nothing_and_does_not_spin),
		cmocka_unit_test(resuming_brings_bytes_that_were_there),
		cmocka_unit_test(a_big_sender_does_not_hold_the_loop),
		cmocka_unit_test(a_detached_socket_lives_on_without_its_stream),
		cmocka_unit_test(an_answer_written_in_on_input_arrives),
		cmocka_unit_test(corked_writes_leave_in_one_packet),
		cmocka_unit_test(a_cork_does_not_hold_up_a_full_socket_or_spin),
		cmocka_unit_test(a_buffer_is_taken_without_a_copy),
		cmocka_unit_test(a_buffer_that_failed_ends_the_stream),
		cmocka_unit_test(
			a_peer_that_does_not_read_fills_the_queue_and_drains_it_once),
		cmocka_unit_test(an_idle_stream_is_small),
		cmocka_unit_test(the_peers_close_comes_after_its_input),
		cmocka_unit_test(an_unfinished_line_is_shown_before_the_end),
		cmocka_unit_test(a_paused_stream_notices_that_its_peer_has_gone),
		cmocka_unit_test(a_reset_ends_a_stream_paused_or_not),
		cmocka_unit_test(what_came_before_the_peers_close_waits_for_the_paused),
		cmocka_unit_test(a_full_stream_notices_a_reset),
		cmocka_unit_test(a_blocked_writer_notices_a_reset),
		cmocka_unit_test(closing_writes_all_and_then_ends),
		cmocka_unit_test(the_answer_survives_closing_on_a_peer_that_still_sends),
		cmocka_unit_test(the_peers_half_close_does_not_stop_a_closing_stream),
		cmocka_unit_test(why_the_peer_went_is_read_when_writing_fails),
		cmocka_unit_test(
			an_end_read_with_the_last_bytes_waits_for_a_pause_in_on_input),
		cmocka_unit_test(silence_ends_a_stream_and_bytes_put_it_off),
		cmocka_unit_test(the_idle_time_can_be_changed_and_switched_off),
		cmocka_unit_test(a_peer_that_never_reads_cannot_hold_a_closing_stream),
		cmocka_unit_test(
			a_peer_that_takes_too_little_is_dropped_whatever_it_sends),
		cmocka_unit_test(a_peer_that_takes_its_output_slowly_may_go_on),
		cmocka_unit_test(an_owner_may_free_the_stream_in_any_callback),
		cmocka_unit_test(one_streams_callback_may_free_another_that_is_due),
		cmocka_unit_test(freeing_after_closing_in_one_callback_is_fine),
		cmocka_unit_test(connecting_opens_or_ends_by_callback),
		cmocka_unit_test(an_accepted_tcp_stream_knows_its_peer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
