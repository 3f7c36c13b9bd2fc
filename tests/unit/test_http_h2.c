/* SPDX-License-Identifier: ISC
 *
 * test_http_h2.c - HTTP/2 against nghttp2's client side, and against floods of frames.
 */
#include <inttypes.h>
#include <nghttp2/nghttp2.h>

#include "http/http_gzip.h"
#include "http/http_h2_private.h"
#include "tests/unit/http_fixture.h"

#define STREAMS 400

struct h2_client {
	nghttp2_session *session;
	int status[STREAMS]; /* by stream id / 2 */
	bool is_closed[STREAMS];
	uint32_t error[STREAMS];
	struct buf body[STREAMS];
	bool has_coding;
	bool has_goaway;
	uint32_t goaway;
	size_t continues;
	struct span upload; /* what read_upload gives */
	bool upload_ends;
};

static struct h2_client client;

static int
on_header(nghttp2_session *s UNUSED, const nghttp2_frame *frame, const uint8_t *name,
          size_t name_n, const uint8_t *value, size_t value_n, uint8_t flags UNUSED,
          void *arg UNUSED)
{
	uint32_t status;
	struct span key = span_of((const char *)name, name_n);
	if (span_is(key, ":status") &&
	    parse_u32(span_of((const char *)value, value_n), 999, &status) == RC_OK) {
		if (status == 100)
			client.continues++;
		else
			client.status[frame->hd.stream_id / 2] = (int)status;
	}
	if (span_is(key, "content-encoding"))
		client.has_coding = true;
	return 0;
}

static int
on_chunk(nghttp2_session *s UNUSED, uint8_t flags UNUSED, int32_t id, const uint8_t *p,
         size_t n, void *arg UNUSED)
{
	buf_add(&client.body[id / 2], (const char *)p, n);
	return 0;
}

static int
on_close(nghttp2_session *s UNUSED, int32_t id, uint32_t error, void *arg UNUSED)
{
	client.is_closed[id / 2] = true;
	client.error[id / 2] = error;
	return 0;
}

static int
on_frame(nghttp2_session *s UNUSED, const nghttp2_frame *frame, void *arg UNUSED)
{
	if (frame->hd.type == NGHTTP2_GOAWAY) {
		client.has_goaway = true;
		client.goaway = frame->goaway.error_code;
	}
	return 0;
}

/* What the client has to say goes out, what the server says comes in. */
static void
pump(struct http_fixture *f)
{
	for (int i = 0; i < 50; i++) {
		const uint8_t *p;
		ssize_t n;
		bool moved = false;
		while ((n = nghttp2_session_mem_send(client.session, &p)) > 0) {
			fixture_send(f, p, (size_t)n);
			moved = true;
		}
		fixture_turns(f);
		if (f->got.len > 0) {
			nghttp2_session_mem_recv(client.session,
			                         (const uint8_t *)f->got.p, f->got.len);
			buf_clear(&f->got);
			moved = true;
		}
		if (!moved)
			break;
	}
}

static void
begin_client(struct http_fixture *f, uint32_t window)
{
	nghttp2_session_callbacks *cb;
	nghttp2_option *option;
	nghttp2_settings_entry settings[] = { { NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE,
		                                window } };
	fixture_connect(f, true);
	assert_int_equal(nghttp2_session_callbacks_new(&cb), 0);
	assert_int_equal(nghttp2_option_new(&option), 0);
	nghttp2_session_callbacks_set_on_header_callback(cb, on_header);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(cb, on_chunk);
	nghttp2_session_callbacks_set_on_stream_close_callback(cb, on_close);
	nghttp2_session_callbacks_set_on_frame_recv_callback(cb, on_frame);
	/* This client misbehaves where the tests want it to. */
	nghttp2_option_set_max_outbound_ack(option, 100000);
	nghttp2_option_set_peer_max_concurrent_streams(option, 1000);
	assert_int_equal(nghttp2_session_client_new2(&client.session, cb, NULL, option),
	                 0);
	nghttp2_option_del(option);
	nghttp2_session_callbacks_del(cb);
	nghttp2_submit_settings(client.session, 0, settings, 1);
	pump(f);
}

static int
set_up(void **state)
{
	struct http_conf conf = fixture_conf();
	client = (struct h2_client){ 0 };
	fixture_begin(&http_fixture, &conf);
	begin_client(&http_fixture, 65535);
	*state = &http_fixture;
	return 0;
}

static int
tear_down(void **state)
{
	nghttp2_session_del(client.session);
	for (size_t i = 0; i < STREAMS; i++)
		buf_done(&client.body[i]);
	fixture_end(*state);
	return 0;
}

static nghttp2_nv
nv(const char *name, const char *value)
{
	return (nghttp2_nv){ (uint8_t *)(uintptr_t)name, (uint8_t *)(uintptr_t)value,
		             strlen(name), strlen(value), NGHTTP2_NV_FLAG_NONE };
}

static ssize_t
read_upload(nghttp2_session *s UNUSED, int32_t id UNUSED, uint8_t *to, size_t room,
            uint32_t *flags, nghttp2_data_source *source UNUSED, void *arg UNUSED)
{
	size_t n = client.upload.n < room ? client.upload.n : room;
	if (n == 0 && !client.upload_ends)
		return NGHTTP2_ERR_DEFERRED;
	memcpy(to, client.upload.p, n);
	client.upload = span_sub(client.upload, n, client.upload.n);
	if (client.upload.n == 0 && client.upload_ends)
		*flags |= NGHTTP2_DATA_FLAG_EOF;
	return (ssize_t)n;
}

/* Submits a request and returns the index of its stream. */
static size_t
ask(struct http_fixture *f, const char *method, const char *path, bool has_body,
    const char *name, const char *value)
{
	nghttp2_nv fields[] = { nv(":method", method), nv(":scheme", "https"),
		                nv(":authority", "A.example"), nv(":path", path),
		                nv(name ? name : "x", value ? value : "y") };
	nghttp2_data_provider upload = { .read_callback = read_upload };
	int32_t id =
		nghttp2_submit_request(client.session, NULL, fields, ARRAY_LEN(fields),
	                               has_body ? &upload : NULL, NULL);
	assert_true(id > 0);
	pump(f);
	return (size_t)id / 2;
}

static size_t
get(struct http_fixture *f, const char *path)
{
	return ask(f, "GET", path, false, NULL, NULL);
}

static bool
body_has(size_t i, const char *text)
{
	return span_ifind(buf_span(&client.body[i]), span_str(text)) < client.body[i].len;
}

/* --- requests and answers --- */

static void
a_get_is_answered(void **state)
{
	size_t i = get(*state, "/echo/a%20b?x=1");
	assert_int_equal(client.status[i], 200);
	assert_true(
		body_has(i, "path=/echo/a b query=x=1 host=a.example version=2 body=|"));
	assert_true(client.is_closed[i]);
	assert_int_equal(client.error[i], 0);
}

static void
a_stream_that_waits_does_not_hold_up_the_others(void **state)
{
	struct http_fixture *f = *state;
	size_t wait = get(f, "/wait"), echo = get(f, "/echo");
	assert_int_equal(client.status[echo], 200);
	assert_int_equal(client.status[wait], 0);
	clock_fake_advance(900 * 1000);
	pump(f);
	http_respond_text(f->waiting, 200, "at last");
	pump(f);
	assert_true(body_has(wait, "at last"));
	assert_true(client.is_closed[wait]);
}

static void
a_body_is_taken_and_acknowledged(void **state)
{
	struct http_fixture *f = *state;
	char *body = xcalloc(1, 90000);
	memset(body, 'x', 90000);
	client.upload = span_of(body, 90000);
	client.upload_ends = true;
	size_t i = ask(f, "POST", "/echo", true, "expect", "100-continue");
	assert_int_equal(client.continues, 1);
	assert_int_equal(client.status[i], 200);
	assert_true(client.body[i].len > 90000);
	free(body);
}

static void
limits_are_answered_with_their_status(void **state)
{
	struct http_fixture *f = *state;
	char *body = xcalloc(1, 200000), *value = xcalloc(1, 3000);
	memset(body, 'x', 200000);
	memset(value, 'v', 2999);
	client.upload = span_of(body, 200000);
	client.upload_ends = true;
	size_t i = ask(f, "POST", "/echo", true, NULL, NULL);
	assert_int_equal(client.status[i], 413);
	client.upload = span_of(body, 10);
	client.upload_ends = false;
	i = ask(f, "POST", "/echo", true, "content-length", "100001");
	assert_int_equal(client.status[i], 413);
	/* It may stop by itself; then it is stopped. */
	assert_false(client.is_closed[i]);
	clock_fake_advance(1000);
	pump(f);
	assert_true(client.is_closed[i]);
	assert_int_equal(client.error[i], NGHTTP2_NO_ERROR);
	i = ask(f, "GET", "/echo", false, "long", value);
	assert_int_equal(client.status[i], 431);
	client.upload = span_of(body, 10);
	i = ask(f, "POST", "/nowhere", true, NULL, NULL);
	assert_int_equal(client.status[i], 404);
	i = get(f, "/echo/../x");
	assert_int_equal(client.status[i], 400);
	i = ask(f, "TRACE", "/echo", false, NULL, NULL);
	assert_int_equal(client.status[i], 405);
	assert_int_equal(f->calls, 0);
	i = get(f, "/echo");
	assert_int_equal(client.status[i], 200);
	free(body);
	free(value);
}

static void
head_and_204_have_no_body(void **state)
{
	struct http_fixture *f = *state;
	size_t i = ask(f, "HEAD", "/big", false, NULL, NULL);
	assert_int_equal(client.status[i], 200);
	assert_int_equal(client.body[i].len, 0);
	assert_true(client.is_closed[i]);
	i = get(f, "/wait");
	http_respond(f->waiting, 204, NULL);
	pump(f);
	assert_int_equal(client.status[i], 204);
	assert_true(client.is_closed[i]);
}

static void
a_long_answer_follows_the_window(void **state)
{
	struct http_fixture *f = *state;
	f->slices_left = 200;
	size_t i = get(f, "/stream");
	for (int k = 0; k < 100 && !client.is_closed[i]; k++)
		pump(f);
	assert_int_equal(client.body[i].len, 2000000);
	assert_int_equal(client.error[i], 0);
	assert_int_equal(f->gone, 0);
	i = ask(f, "GET", "/big", false, "accept-encoding", "gzip");
	pump(f);
	AUTO_DONE(buf) struct buf plain = BUF_INIT(1 << 20);
	assert_true(client.has_coding);
	assert_int_equal(http_gunzip(buf_span(&client.body[i]), &plain), RC_OK);
	assert_true(span_ends(buf_span(&plain), "line 19999\n"));
}

static void
a_slow_producer_says_when_it_is_ready(void **state)
{
	struct http_fixture *f = *state;
	f->slices_left = 1;
	f->stream_waits = true;
	size_t i = get(f, "/stream");
	assert_int_equal(client.status[i], 200);
	assert_int_equal(client.body[i].len, 0);
	clock_fake_advance(10 * FIXTURE_STALL_MS);
	pump(f);
	http_body_ready(f->waiting);
	pump(f);
	assert_int_equal(client.body[i].len, 10000);
	assert_true(client.is_closed[i]);
}

static void
a_body_that_breaks_off_resets_its_stream_alone(void **state)
{
	struct http_fixture *f = *state;
	f->slices_left = 1;
	f->stream_end = HTTP_BODY_ABORT;
	size_t i = get(f, "/stream");
	assert_int_equal(client.error[i], NGHTTP2_INTERNAL_ERROR);
	i = get(f, "/echo");
	assert_int_equal(client.status[i], 200);
}

/* --- ends --- */

static void
a_reset_cancels_the_request_at_once(void **state)
{
	struct http_fixture *f = *state;
	size_t i = get(f, "/wait");
	struct http_request *r = f->waiting;
	http_hold(r);
	nghttp2_submit_rst_stream(client.session, 0, (int32_t)(2 * i + 1),
	                          NGHTTP2_CANCEL);
	pump(f);
	assert_int_equal(f->gone, 1);
	assert_true(http_is_gone(r));
	http_respond_text(r, 200, "too late");
	http_release(r);
	i = get(f, "/echo");
	assert_int_equal(client.status[i], 200);
}

static void
the_end_of_the_connection_cancels_all(void **state)
{
	struct http_fixture *f = *state;
	get(f, "/wait");
	get(f, "/wait");
	fixture_hang_up(f);
	assert_int_equal(f->gone, 2);
}

static void
draining_says_goaway_and_lets_what_is_open_end(void **state)
{
	struct http_fixture *f = *state;
	size_t i = get(f, "/wait"), k = get(f, "/drain");
	struct http_request *waiting = f->waiting;
	get(f, "/wait");
	struct http_request *other = f->waiting;
	(void)waiting;
	http_server_drain(f->server, f->loop, 0);
	pump(f);
	assert_true(client.has_goaway);
	assert_int_equal(client.goaway, NGHTTP2_NO_ERROR);
	assert_int_equal(f->drained, 1);
	assert_true(body_has(k, "drained"));
	assert_false(f->is_closed);
	http_respond_text(other, 200, "ok");
	pump(f);
	assert_false(f->is_closed);
	assert_int_equal(client.status[i], 0);
	fixture_hang_up(f);
}

static void
times_run_out_for_idle_and_slow_peers(void **state)
{
	struct http_fixture *f = *state;
	client.upload = SPAN("some");
	size_t i = ask(f, "POST", "/echo", true, NULL, NULL);
	clock_fake_advance(10039);
	pump(f);
	assert_int_equal(client.status[i], 0);
	clock_fake_advance(1);
	pump(f);
	assert_int_equal(client.status[i], 408);
	assert_false(client.has_goaway);
	clock_fake_advance(1000);
	pump(f);
	clock_fake_advance(60000);
	pump(f);
	assert_true(client.has_goaway);
	assert_int_equal(client.goaway, NGHTTP2_NO_ERROR);
	assert_true(f->is_closed);
}

static void
frames_without_a_request_do_not_keep_a_connection(void **state)
{
	struct http_fixture *f = *state;
	for (int i = 0; i < 6; i++) {
		clock_fake_advance(9999);
		pump(f);
		assert_false(client.has_goaway);
		nghttp2_submit_ping(client.session, NGHTTP2_FLAG_NONE, NULL);
		pump(f);
	}
	clock_fake_advance(6);
	pump(f);
	assert_true(client.has_goaway);
	assert_true(f->is_closed);
}

static void
an_answer_that_is_not_taken_is_cut_off(void **state)
{
	struct http_fixture *f = *state;
	nghttp2_session_del(client.session);
	begin_client(f, 0); /* a window of nothing */
	size_t i = get(f, "/big");
	assert_int_equal(client.status[i], 200);
	clock_fake_advance(FIXTURE_STALL_MS - 1);
	pump(f);
	assert_false(client.is_closed[i]);
	clock_fake_advance(1);
	pump(f);
	assert_int_equal(client.error[i], NGHTTP2_CANCEL);
}

/* --- abuse --- */

static void
more_streams_than_allowed_are_refused(void **state)
{
	struct http_fixture *f = *state;
	for (int i = 0; i < 8; i++)
		get(f, "/wait");
	/* Our own client would wait by itself: take back what it has learnt. */
	size_t ninth = get(f, "/wait");
	assert_int_equal(f->calls, 8);
	assert_false(client.status[ninth]);
}

static void
rapid_resets_end_in_goaway(void **state)
{
	struct http_fixture *f = *state;
	for (int i = 0; i < 300 && !client.has_goaway; i++) {
		size_t k = get(f, "/wait");
		if (client.has_goaway)
			break;
		nghttp2_submit_rst_stream(client.session, 0, (int32_t)(2 * k + 1),
		                          NGHTTP2_CANCEL);
		pump(f);
	}
	assert_true(client.has_goaway);
	assert_int_equal(client.goaway, NGHTTP2_ENHANCE_YOUR_CALM);
	assert_in_range(f->calls, 50, 150);
	assert_true(f->is_closed);
	assert_int_equal(f->gone, f->calls);
}

static void
a_client_that_cancels_now_and_then_is_left_alone(void **state)
{
	struct http_fixture *f = *state;
	for (int i = 0; i < 150; i++) {
		size_t k = get(f, "/wait");
		nghttp2_submit_rst_stream(client.session, 0, (int32_t)(2 * k + 1),
		                          NGHTTP2_CANCEL);
		pump(f);
		clock_fake_advance(1000);
	}
	assert_false(client.has_goaway);
	assert_int_equal(f->calls, 150);
}

/* Sends the frame n times, past our client's own idea of the connection. */
static void
flood(struct http_fixture *f, const void *frame, size_t size, int n)
{
	for (int i = 0; i < n && !f->is_closed; i++)
		fixture_send(f, frame, size);
	pump(f);
}

static void
floods_of_frames_end_the_connection(void **state)
{
	static const struct {
		const char *name;
		const char *frame;
		size_t n;
		bool ends;
	} cases[] = {
		{ "ping", "\0\0\x08\x06\0\0\0\0\0abcdefgh", 17, true },
		{ "settings", "\0\0\0\x04\0\0\0\0\0", 9, true },
		{ "window update", "\0\0\x04\x08\0\0\0\0\0\0\0\0\x01", 13, true },
		/* nghttp2 drops these without a word, and they cost nothing. */
		{ "priority", "\0\0\x05\x02\0\0\0\0\x01\0\0\0\0\0", 14, false },
		{ "unknown type", "\0\0\0\x77\0\0\0\0\0", 9, false },
	};
	struct http_fixture *f = *state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		print_message("%s\n", cases[i].name);
		nghttp2_session_del(client.session);
		begin_client(f, 65535);
		client.goaway = 0;
		flood(f, cases[i].frame, cases[i].n, 1500);
		assert_int_equal(f->is_closed, cases[i].ends);
		/* Our client itself takes offence at ACKs it did not ask for. */
		if (cases[i].ends && !span_is(span_str(cases[i].name), "settings"))
			assert_int_equal(client.goaway, NGHTTP2_ENHANCE_YOUR_CALM);
	}
}

static void
a_flood_of_empty_data_ends_the_connection(void **state)
{
	struct http_fixture *f = *state;
	ask(f, "POST", "/echo", true, NULL, NULL);
	flood(f, "\0\0\0\0\0\0\0\0\x01", 9, 1500);
	assert_true(client.has_goaway);
	assert_true(f->is_closed);
}

static void
a_flood_of_continuations_ends_the_connection(void **state)
{
	struct http_fixture *f = *state;
	fixture_send(f, "\0\0\x01\x01\0\0\0\0\x01\x82", 10); /* HEADERS, not ended */
	flood(f, "\0\0\x01\x09\0\0\0\0\x01\x84", 10, 20);
	assert_true(f->is_closed);
	assert_int_equal(f->calls, 0);
}

static void
a_head_that_does_not_end_is_timed_out(void **state)
{
	struct http_fixture *f = *state;
	fixture_send(f, "\0\0\x01\x01\0\0\0\0\x01\x82", 10);
	clock_fake_advance(10001);
	pump(f);
	assert_true(client.has_goaway);
	assert_true(f->is_closed);
}

static void
what_is_no_http2_is_closed(void **state)
{
	struct http_fixture *f = *state;
	fixture_connect(f, true);
	fixture_send(f, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", 27);
	assert_true(f->is_closed);
	assert_int_equal(http_server_connections(f->server), 0);
}

/* --- many sessions in one window --- */

#define CROWD 5

struct one {
	struct h2_client client;
	int fd;
	struct buf got;
	struct http_request *waiting;
	size_t wait, upload;
};

/* Makes o the fixture's connection, and what was that o's. */
static void
swap(struct http_fixture *f, struct one *o)
{
	struct one was = { .client = client, .fd = f->fd, .got = f->got };
	client = o->client;
	f->fd = o->fd;
	f->got = o->got;
	o->client = was.client;
	o->fd = was.fd;
	o->got = was.got;
}

/* Each has an upload under way in pieces, a request that waits, and long answers. */
static void
sessions_that_take_turns_do_not_mix(void **state)
{
	struct http_fixture *f = *state;
	struct one crowd[CROWD] = { 0 };
	char piece[700], path[32];
	for (int k = 0; k < CROWD; k++) {
		crowd[k].fd = -1;
		swap(f, &crowd[k]);
		begin_client(f, 65535);
		crowd[k].wait = get(f, "/wait");
		crowd[k].waiting = f->waiting;
		snprintf(path, sizeof(path), "/echo/%d", k);
		crowd[k].upload = ask(f, "POST", path, true, "for", path);
		swap(f, &crowd[k]);
	}
	for (int round = 0; round < 40; round++) {
		for (int k = 0; k < CROWD; k++) {
			swap(f, &crowd[k]);
			memset(piece, 'a' + k, sizeof(piece));
			client.upload = span_of(piece, sizeof(piece));
			client.upload_ends = round == 39;
			nghttp2_session_resume_data(client.session,
			                            2 * (int32_t)crowd[k].upload + 1);
			pump(f);
			if (round % 7 == k) {
				f->slices_left = 30;
				size_t i = get(f, "/stream");
				assert_int_equal(client.body[i].len, 300000);
			}
			swap(f, &crowd[k]);
		}
	}
	for (int k = 0; k < CROWD; k++)
		http_respond_text(crowd[k].waiting, 200, "awake %d", k);
	for (int k = 0; k < CROWD; k++) {
		swap(f, &crowd[k]);
		pump(f);
		snprintf(path, sizeof(path), "awake %d", k);
		assert_true(body_has(crowd[k].wait, path));
		snprintf(path, sizeof(path), "path=/echo/%d ", k);
		struct buf *b = &client.body[crowd[k].upload];
		assert_true(body_has(crowd[k].upload, path));
		size_t at = span_ifind(buf_span(b), SPAN("body="));
		assert_int_equal(b->len - at, 5 + 40 * sizeof(piece) + 1);
		for (size_t i = at + 5; i < b->len - 1; i++)
			assert_int_equal(b->p[i], 'a' + k);
		assert_int_equal(client.error[crowd[k].upload], 0);
		nghttp2_session_del(client.session);
		for (size_t i = 0; i < STREAMS; i++)
			buf_done(&client.body[i]);
		buf_done(&f->got);
		close(f->fd);
		f->got = (struct buf){ 0 };
		client = (struct h2_client){ 0 };
		swap(f, &crowd[k]);
	}
	/* The first of all, which slept through it. */
	assert_int_equal(client.status[get(f, "/echo")], 200);
}

static void
a_session_that_waits_is_small(void **state)
{
	struct http_fixture *f = *state;
	size_t i = get(f, "/echo");
	assert_int_equal(client.status[i], 200);
	i = ask(f, "POST", "/wait", false, "authorization", "Basic YWxpY2U6c2VjcmV0");
	struct http_conn *c = http_exchange_of(f->waiting)->conn;
	http_park(f->waiting);
	size_t cost = h2_window_cost(c->lane->h2, &c->h2->guest);
	/* Its client's header table has seven fields. */
	print_message("%zu bytes\n", cost);
	assert_in_range(cost, 500, 2500);
	http_respond_text(f->waiting, 200, "awake");
	pump(f);
	assert_true(body_has(i, "awake"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		CASE(a_get_is_answered),
		CASE(a_stream_that_waits_does_not_hold_up_the_others),
		CASE(a_body_is_taken_and_acknowledged),
		CASE(limits_are_answered_with_their_status),
		CASE(head_and_204_have_no_body),
		CASE(a_long_answer_follows_the_window),
		CASE(a_slow_producer_says_when_it_is_ready),
		CASE(a_body_that_breaks_off_resets_its_stream_alone),
		CASE(a_reset_cancels_the_request_at_once),
		CASE(the_end_of_the_connection_cancels_all),
		CASE(draining_says_goaway_and_lets_what_is_open_end),
		CASE(times_run_out_for_idle_and_slow_peers),
		CASE(an_answer_that_is_not_taken_is_cut_off),
		CASE(frames_without_a_request_do_not_keep_a_connection),
		CASE(more_streams_than_allowed_are_refused),
		CASE(rapid_resets_end_in_goaway),
		CASE(a_client_that_cancels_now_and_then_is_left_alone),
		CASE(floods_of_frames_end_the_connection),
		CASE(a_flood_of_empty_data_ends_the_connection),
		CASE(a_flood_of_continuations_ends_the_connection),
		CASE(a_head_that_does_not_end_is_timed_out),
		CASE(what_is_no_http2_is_closed),
		CASE(sessions_that_take_turns_do_not_mix),
		CASE(a_session_that_waits_is_small),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
