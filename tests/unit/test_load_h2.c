/* SPDX-License-Identifier: ISC
 *
 * test_load_h2.c - the load client's HTTP/2, against what nghttp2 sends.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka needs them first */
#include <cmocka.h>
#include <nghttp2/nghttp2.h>
#include <stdio.h>

#include "tests/bench/load.h"

/* What the last answer was. */
struct seen {
	unsigned answers;
	unsigned status;
	unsigned retry_after_s;
	char body[64];
};

static void
on_answer(void *owner, const struct load_answer *a)
{
	struct seen *s = owner;

	s->answers++;
	s->status = a->status;
	s->retry_after_s = a->retry_after_s;
	snprintf(s->body, sizeof(s->body), "%.*s", SPAN_FMT(a->body));
}

static void
add_frame(struct buf *b, size_t n, unsigned type, unsigned flags, uint32_t stream)
{
	const unsigned char head[] = { (unsigned char)(n >> 16),
		                       (unsigned char)(n >> 8),
		                       (unsigned char)n,
		                       (unsigned char)type,
		                       (unsigned char)flags,
		                       0,
		                       0,
		                       0,
		                       (unsigned char)stream };
	buf_add(b, head, sizeof(head));
}

static nghttp2_nv
field(const char *name, const char *value)
{
	return (nghttp2_nv){ (uint8_t *)(uintptr_t)name, (uint8_t *)(uintptr_t)value,
		             strlen(name), strlen(value), NGHTTP2_NV_FLAG_NONE };
}

/* HEADERS with the table that the client allows, which is none. */
static void
add_headers(struct buf *b, unsigned status, const char *retry_after, unsigned flags)
{
	nghttp2_hd_deflater *d;
	unsigned char block[512];
	char code[8];
	nghttp2_nv nv[4];
	size_t n = 0;
	ssize_t len;

	snprintf(code, sizeof(code), "%u", status);
	nv[n++] = field(":status", code);
	nv[n++] = field("content-type", "application/vnd.ms-sync.wbxml");
	nv[n++] = field("x-of-ours", "a value of some length: 503, 17");
	if (retry_after)
		nv[n++] = field("retry-after", retry_after);
	assert_int_equal(nghttp2_hd_deflate_new(&d, 0), 0);
	len = nghttp2_hd_deflate_hd(d, block, sizeof(block), nv, n);
	assert_true(len > 0);
	nghttp2_hd_deflate_del(d);
	add_frame(b, (size_t)len, NGHTTP2_HEADERS, flags, 1);
	buf_add(b, block, (size_t)len);
}

/* The answer to a request whose bytes go nowhere. */
static void
take(const struct buf *in, struct seen *ret, struct buf *out)
{
	const struct load_post post = { SPAN("/x"), SPAN("16.1"), SPAN("YTpi"),
		                        SPAN("body") };
	AUTO_DONE(buf) struct buf sent = BUF_INIT(0);
	struct load_h2 h = { 0 };
	const char *bad = NULL;
	size_t used = 0;

	*ret = (struct seen){ 0 };
	load_h2_open(&h, &sent);
	assert_true(load_h2_write(&h, &sent, &post));
	while (used < in->len) {
		size_t n = load_h2_read(&h, span_of(in->p + used, in->len - used), out,
		                        on_answer, ret, &bad);
		assert_null(bad);
		if (n == 0)
			break;
		used += n;
	}
	assert_int_equal(used, in->len);
	load_h2_done(&h);
}

static void
any_status_and_any_time_to_wait_are_read(void **state UNUSED)
{
	for (unsigned status = 200; status < 600; status++) {
		AUTO_DONE(buf) struct buf in = BUF_INIT(0);
		AUTO_DONE(buf) struct buf out = BUF_INIT(0);
		struct seen s;
		char wait[16];

		/* All lengths and digits: 1, 10, 100 ... */
		snprintf(wait, sizeof(wait), "%u", status * status / 7 % 3601);
		add_headers(&in, status, wait,
		            NGHTTP2_FLAG_END_HEADERS | NGHTTP2_FLAG_END_STREAM);
		take(&in, &s, &out);
		assert_int_equal(s.answers, 1);
		assert_int_equal(s.status, status);
		assert_int_equal(s.retry_after_s, status * status / 7 % 3601);
	}
}

static void
a_body_in_pieces_is_one_and_pings_and_settings_are_answered(void **state UNUSED)
{
	AUTO_DONE(buf) struct buf in = BUF_INIT(0);
	AUTO_DONE(buf) struct buf out = BUF_INIT(0);
	struct seen s;

	add_frame(&in, 0, NGHTTP2_SETTINGS, 0, 0);
	add_headers(&in, 200, NULL, NGHTTP2_FLAG_END_HEADERS);
	add_frame(&in, 5, NGHTTP2_DATA, 0, 1);
	buf_add_str(&in, "hello");
	add_frame(&in, 8, NGHTTP2_PING, 0, 0);
	buf_add_str(&in, "12345678");
	/* Padded by three bytes. */
	add_frame(&in, 11, NGHTTP2_DATA, NGHTTP2_FLAG_PADDED | NGHTTP2_FLAG_END_STREAM,
	          1);
	buf_add(&in, "\3, phone\0\0\0", 11);
	take(&in, &s, &out);
	assert_int_equal(s.answers, 1);
	assert_int_equal(s.status, 200);
	assert_string_equal(s.body, "hello, phone");
	/* The two acknowledgements, a head of nine bytes each. */
	assert_int_equal(out.len, 9 + 9 + 8);
	assert_int_equal(out.p[3], NGHTTP2_SETTINGS);
	assert_int_equal(out.p[9 + 3], NGHTTP2_PING);
	assert_memory_equal(out.p + 18, "12345678", 8);
}

static void
a_frame_that_is_not_whole_waits(void **state UNUSED)
{
	AUTO_DONE(buf) struct buf in = BUF_INIT(0);
	AUTO_DONE(buf) struct buf out = BUF_INIT(0);
	struct load_h2 h = { .stream = 1 };
	struct seen s = { 0 };
	const char *bad = NULL;

	add_headers(&in, 200, NULL, NGHTTP2_FLAG_END_HEADERS | NGHTTP2_FLAG_END_STREAM);
	for (size_t n = 0; n < in.len; n++)
		assert_int_equal(
			load_h2_read(&h, span_of(in.p, n), &out, on_answer, &s, &bad), 0);
	assert_int_equal(s.answers, 0);
	assert_int_equal(load_h2_read(&h, buf_span(&in), &out, on_answer, &s, &bad),
	                 in.len);
	assert_int_equal(s.answers, 1);
	load_h2_done(&h);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_status_and_any_time_to_wait_are_read),
		cmocka_unit_test(
			a_body_in_pieces_is_one_and_pings_and_settings_are_answered),
		cmocka_unit_test(a_frame_that_is_not_whole_waits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
