/* SPDX-License-Identifier: ISC
 *
 * test_http_conn.c - HTTP/1.1 over a socket: framing, limits, times, waiting, ends.
 */
#include "tests/unit/http_fixture.h"

#include "base/encode.h"
#include "http/http_gzip.h"

static int
set_up(void **state)
{
	struct http_conf conf = fixture_conf();
	fixture_begin(&http_fixture, &conf);
	fixture_connect(&http_fixture, false);
	*state = &http_fixture;
	return 0;
}

static int
tear_down(void **state)
{
	fixture_end(*state);
	return 0;
}

static void
say(struct http_fixture *f, const char *text)
{
	fixture_send(f, text, strlen(text));
}

static bool
got(const struct http_fixture *f, const char *text)
{
	return span_ifind(buf_span(&f->got), span_str(text)) < f->got.len;
}

static size_t
times_got(const struct http_fixture *f, const char *text)
{
	struct span rest = buf_span(&f->got), needle = span_str(text);
	size_t n = 0, at;
	while ((at = span_ifind(rest, needle)) < rest.n) {
		rest = span_sub(rest, at + needle.n, rest.n);
		n++;
	}
	return n;
}

static struct span
answer_body(const struct http_fixture *f)
{
	struct span all = buf_span(&f->got);
	size_t at = span_ifind(all, SPAN("\r\n\r\n"));
	return span_sub(all, at + 4, all.n);
}

/* --- framing --- */

static void
a_get_is_answered(void **state)
{
	struct http_fixture *f = *state;
	say(f, "GET /echo/a%20b?x=1 HTTP/1.1\r\nHost: Example.ORG\r\n\r\n");
	assert_true(span_starts(buf_span(&f->got),
	                        "HTTP/1.1 200 OK\r\nDate: Sun, 09 Sep 2001"));
	assert_true(got(
		f, "method=GET path=/echo/a b query=x=1 host=example.org version=11"));
	assert_true(got(f, "\r\nContent-Length: "));
	assert_false(f->is_closed);
}

static void
bytes_may_come_one_by_one(void **state)
{
	struct http_fixture *f = *state;
	const char *text =
		"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
		"5;x=y\r\nhello\r\nA\r\n, world...\r\n0\r\nTrailer: 1\r\n\r\n"
		"GET /echo HTTP/1.1\r\nHost: a\r\n\r\n";
	for (size_t i = 0; text[i]; i++)
		fixture_send(f, text + i, 1);
	assert_true(got(f, "body=hello, world...|"));
	assert_int_equal(times_got(f, "HTTP/1.1 200"), 2);
}

static void
pipelined_requests_are_answered_in_order(void **state)
{
	struct http_fixture *f = *state;
	say(f, "GET /wait HTTP/1.1\r\nHost: a\r\n\r\n"
	       "POST /echo/1 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"
	       "GET /echo/2 HTTP/1.1\r\nHost: a\r\n\r\n");
	assert_int_equal(f->calls, 1);
	http_respond_text(f->waiting, 200, "first");
	fixture_turns(f);
	assert_int_equal(f->calls, 3);
	struct span all = buf_span(&f->got);
	size_t first = span_ifind(all, SPAN("first")),
	       second = span_ifind(all, SPAN("/echo/1"));
	size_t third = span_ifind(all, SPAN("/echo/2"));
	assert_true(first < second && second < third && third < all.n);
	assert_true(got(f, "body=abc|"));
}

static void
hundred_continue_is_said_when_the_body_waits_for_it(void **state)
{
	struct http_fixture *f = *state;
	say(f, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n"
	       "Expect: 100-continue\r\n\r\n");
	assert_true(span_is(buf_span(&f->got), "HTTP/1.1 100 Continue\r\n\r\n"));
	say(f, "abc");
	assert_true(got(f, "body=abc|"));
	buf_clear(&f->got);
	say(f, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n"
	       "Expect: 100-continue\r\n\r\nabc");
	assert_false(got(f, "100 Continue"));
	assert_true(got(f, "body=abc|"));
}

static void
a_body_too_large_is_refused_before_it_is_sent(void **state)
{
	struct http_fixture *f = *state;
	say(f, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 100001\r\n"
	       "Expect: 100-continue\r\n\r\n");
	assert_true(span_starts(buf_span(&f->got), "HTTP/1.1 413"));
	assert_true(f->is_closed);
	assert_int_equal(f->calls, 0);
}

static void
a_body_grows_to_the_limit_and_not_above(void **state)
{
	struct http_fixture *f = *state;
	char *body = xcalloc(1, 100001);
	memset(body, 'x', 100001);
	say(f,
	    "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n186A0\r\n");
	fixture_send(f, body, 100000);
	say(f, "\r\n0\r\n\r\n");
	assert_int_equal(f->calls, 1);
	assert_true(got(f, "200 OK"));
	buf_clear(&f->got);
	say(f,
	    "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n186A1\r\n");
	fixture_send(f, body, 100001);
	assert_true(got(f, "HTTP/1.1 413"));
	assert_true(f->is_closed);
	assert_int_equal(f->calls, 1);
	free(body);
}

static void
head_and_1_0_have_their_own_framing(void **state)
{
	struct http_fixture *f = *state;
	say(f, "HEAD /echo HTTP/1.1\r\nHost: a\r\n\r\n");
	assert_true(got(f, "Content-Length: 54"));
	assert_int_equal(answer_body(f).n, 0);
	buf_clear(&f->got);
	say(f, "GET /echo HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
	assert_true(got(f, "Connection: keep-alive"));
	assert_false(f->is_closed);
	f->slices_left = 2;
	buf_clear(&f->got);
	say(f, "GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
	assert_false(got(f, "chunked"));
	assert_int_equal(answer_body(f).n, 20000);
	assert_true(f->is_closed);
}

static void
a_client_that_says_close_is_closed(void **state)
{
	struct http_fixture *f = *state;
	say(f, "GET /echo HTTP/1.1\r\nHost: a\r\nConnection: foo, Close\r\n\r\n"
	       "GET /echo HTTP/1.1\r\nHost: a\r\n\r\n");
	assert_true(got(f, "Connection: close"));
	assert_int_equal(f->calls, 1);
	assert_true(f->is_closed);
}

/* What is unclear is refused: each is one request, and no handler may be called. */
static const struct {
	const char *bytes;
	int status;
} refused[] = {
	/* Both lengths (RFC 9112 6.3), doubled, listed, signed, strange ones. */
	{ "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n"
	  "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	  400 },
	{ "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n"
	  "Content-Length: 3\r\n\r\nabc",
	  400 },
	{ "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
	  400 },
	{ "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3, 3\r\n\r\nabc", 400 },
	{ "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: +3\r\n\r\nabc", 400 },
	{ "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\nabc", 400 },
	{ "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 0x3\r\n\r\nabc", 400 },
	{ "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: \r\n\r\n", 400 },
	{ "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999999\r\n\r\n",
	  413 },
	/* Transfer codings that are not exactly chunked, once. */
	{ "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", 501 },
	{ "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
	  400 },
	{ "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n", 400 },
	{ "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, identity\r\n\r\n",
	  400 },
	{ "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n"
	  "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	  400 },
	{ "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\x0b"
	  "chunked\r\n\r\n",
	  400 },
	{ "POST /echo HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	  400 },
	/* Names: space before the colon, obs-fold, none, bytes that are no token. */
	{ "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length : 3\r\n\r\nabc", 400 },
	{ "POST /echo HTTP/1.1\r\nHost: a\r\nX: y\r\n Content-Length: 3\r\n\r\nabc",
	  400 },
	{ "POST /echo HTTP/1.1\r\nHost: a\r\nX: y\r\n\tz\r\n\r\n", 400 },
	{ "GET /echo HTTP/1.1\r\n Host: a\r\n\r\n", 400 },
	{ "GET /echo HTTP/1.1\r\nHost: a\r\n: x\r\n\r\n", 400 },
	{ "GET /echo HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n", 400 },
	{ "GET /echo HTTP/1.1\r\nHost: a\r\nX(y): z\r\n\r\n", 400 },
	/* Ends of lines: bare LF, bare CR, NUL, control characters. */
	{ "GET /echo HTTP/1.1\nHost: a\n\n", 400 },
	{ "GET /echo HTTP/1.1\r\nHost: a\n\r\n", 400 },
	{ "GET /echo HTTP/1.1\r\nHost: a\r\nX: y\n\r\n", 400 },
	{ "GET /echo HTTP/1.1\r\nHost: a\r\nX: y\rZ: w\r\n\r\n", 400 },
	{ "GET /echo HTTP/1.1\r\nHost: a\r\nX: \x01\r\n\r\n", 400 },
	{ "GET /echo HTTP/1.1\r\nHost: a\r\nX: \x7f\r\n\r\n", 400 },
	/* Host: none, two, with a path. */
	{ "GET /echo HTTP/1.1\r\n\r\n", 400 },
	{ "GET /echo HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400 },
	{ "GET /echo HTTP/1.1\r\nHost: a/b\r\n\r\n", 400 },
	{ "GET /echo HTTP/1.1\r\nHost: user@a\r\n\r\n", 400 },
	{ "GET /echo HTTP/1.1\r\nHost: a, b\r\n\r\n", 400 },
	/* Request lines. */
	{ "GET  /echo HTTP/1.1\r\nHost: a\r\n\r\n", 400 },
	{ "GET /echo  HTTP/1.1\r\nHost: a\r\n\r\n", 400 },
	{ "GET /echo HTTP/1.1 \r\nHost: a\r\n\r\n", 400 },
	{ " GET /echo HTTP/1.1\r\nHost: a\r\n\r\n", 400 },
	{ "GET\t/echo\tHTTP/1.1\r\nHost: a\r\n\r\n", 400 },
	{ "GET /echo\r\n\r\n", 400 },
	{ "GET /echo HTTP/2.0\r\nHost: a\r\n\r\n", 505 },
	{ "GET /echo HTTP/1.2\r\nHost: a\r\n\r\n", 505 },
	{ "GET /echo http/1.1\r\nHost: a\r\n\r\n", 400 },
	{ "GET /echo#x HTTP/1.1\r\nHost: a\r\n\r\n", 400 },
	{ "GET echo HTTP/1.1\r\nHost: a\r\n\r\n", 400 },
	{ "GET * HTTP/1.1\r\nHost: a\r\n\r\n", 400 },
	{ "GET http:///echo HTTP/1.1\r\nHost: a\r\n\r\n", 400 },
	{ "GET http://u@b/echo HTTP/1.1\r\nHost: a\r\n\r\n", 400 },
	{ "GET ftp://b/echo HTTP/1.1\r\nHost: a\r\n\r\n", 400 },
	{ "CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n", 405 },
	{ "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505 },
	{ "\x16\x03\x01\x02", 400 }, /* TLS on the plain port */
	{ "\r\n\r\n\r\nGET /echo HTTP/1.1\r\nHost: a\r\n\r\n", 400 },
	/* Paths: dots, NUL, control characters, broken percent signs. */
	{ "GET /echo/../x HTTP/1.1\r\nHost: a\r\n\r\n", 400 },
	{ "GET /echo/%2e%2E/x HTTP/1.1\r\nHost: a\r\n\r\n", 400 },
	{ "GET /echo/. HTTP/1.1\r\nHost: a\r\n\r\n", 400 },
	{ "GET /echo%2f..%2fx HTTP/1.1\r\nHost: a\r\n\r\n", 400 },
	{ "GET /echo%00 HTTP/1.1\r\nHost: a\r\n\r\n", 400 },
	{ "GET /echo%0d%0a HTTP/1.1\r\nHost: a\r\n\r\n", 400 },
	{ "GET /echo%4 HTTP/1.1\r\nHost: a\r\n\r\n", 400 },
	{ "GET /echo%zz HTTP/1.1\r\nHost: a\r\n\r\n", 400 },
	{ "GET /ech\xc3\xb6 HTTP/1.1\r\nHost: a\r\n\r\n", 400 },
	{ "GET /echo HTTP/1.1\r\nHost: a\r\nExpect: 200-ok\r\n\r\n", 417 },
	{ "TRACE /echo HTTP/1.1\r\nHost: a\r\n\r\n", 405 },
	{ "GET /nowhere HTTP/1.1\r\nHost: a\r\n\r\n", 404 },
	{ "POST /nowhere HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc", 404 },
/* Chunks. */
#define CHUNKED "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
	{ CHUNKED "\r\n", 400 },
	{ CHUNKED "x\r\n", 400 },
	{ CHUNKED "-1\r\n", 400 },
	{ CHUNKED "0x1\r\n", 400 },
	{ CHUNKED "1 \r\nx\r\n0\r\n\r\n", 400 },
	{ CHUNKED " 1\r\nx\r\n0\r\n\r\n", 400 },
	{ CHUNKED "1\nx\n0\n\n", 400 },
	{ CHUNKED "1\r\nx\n0\r\n\r\n", 400 },
	{ CHUNKED "1\r\nxy\r\n0\r\n\r\n", 400 },
	{ CHUNKED "1;a\nb\r\nx\r\n0\r\n\r\n", 400 },
	{ CHUNKED "1\rx\r\n0\r\n\r\n", 400 },
	{ CHUNKED "0\r\nX: y\n\r\n", 400 },
	{ CHUNKED "0\r\n folded\r\n\r\n", 400 },
	{ CHUNKED "0\r\nX : y\r\n\r\n", 400 },
	{ CHUNKED "0\r\n\rx", 400 },
	{ CHUNKED "ffffffffffffffff\r\n", 413 },
	{ CHUNKED "00000000000000001\r\n", 413 },
};

static void
what_is_unclear_is_refused(void **state)
{
	struct http_fixture *f = *state;
	for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
		char line[32];
		snprintf(line, sizeof(line), "HTTP/1.1 %d ", refused[i].status);
		fixture_connect(f, false);
		say(f, refused[i].bytes);
		if (!span_starts(buf_span(&f->got), line) || f->calls > 0 ||
		    times_got(f, "HTTP/1.1 ") != 1)
			print_error("case %zu: %s\nanswer: %.*s\n", i, refused[i].bytes,
			            (int)f->got.len, f->got.p ? f->got.p : "");
		assert_true(span_starts(buf_span(&f->got), line));
		assert_int_equal(times_got(f, "HTTP/1.1 "), 1);
		assert_int_equal(f->calls, 0);
		/* Where the next request begins is known only after these. */
		bool may_stay = refused[i].status == 404 || refused[i].status == 405;
		assert_true(f->is_closed || may_stay);
	}
}

static void
a_nul_in_the_head_is_refused(void **state)
{
	static const char bytes[] = "GET /echo HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n";
	struct http_fixture *f = *state;
	fixture_send(f, bytes, sizeof(bytes) - 1);
	assert_true(span_starts(buf_span(&f->got), "HTTP/1.1 400"));
}

static void
what_is_allowed_though_odd_is_served(void **state)
{
	static const char *const odd[] = {
		"\r\nGET /echo HTTP/1.1\r\nHost: a\r\n\r\n", /* RFC 9112 2.2 */
		"GET http://b/echo HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET /echo HTTP/1.1\r\nHost:\r\n\r\n",
		"GET /echo HTTP/1.1\r\nHost: [::1]:8080\r\n\r\n",
		"GET /ECHO/x HTTP/1.1\r\nhOST:a\r\nX:\t \xe4 \r\n\r\n",
		"POST /echo HTTP/1.1\r\nHost: a\r\ntransfer-encoding: CHUNKED\r\n\r\n0\r\n\r\n",
		"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 000\r\n\r\n",
		"FROB /echo HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET /echo/..x/.y HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET /echo HTTP/1.0\r\n\r\n",
	};
	struct http_fixture *f = *state;
	for (size_t i = 0; i < ARRAY_LEN(odd); i++) {
		fixture_connect(f, false);
		say(f, odd[i]);
		if (!got(f, "HTTP/1.1 200"))
			print_error("case %zu: %s\n%.*s\n", i, odd[i], (int)f->got.len,
			            f->got.p);
		assert_true(got(f, "HTTP/1.1 200"));
	}
	assert_int_equal(f->calls, ARRAY_LEN(odd));
}

static void
an_absolute_target_names_the_host(void **state)
{
	struct http_fixture *f = *state;
	say(f, "GET http://B.example?q HTTP/1.1\r\nHost: a\r\n\r\n");
	assert_true(got(f, "404"));
	say(f, "GET https://B.example/echo?q HTTP/1.1\r\nHost: a\r\n\r\n");
	assert_true(got(f, "path=/echo query=q host=b.example "));
}

/* --- limits and times --- */

static void
a_head_has_its_limits(void **state)
{
	struct http_fixture *f = *state;
	AUTO_DONE(buf) struct buf b = { 0 };
	buf_add_str(&b, "GET /echo HTTP/1.1\r\nHost: a\r\nX: ");
	while (b.len < 2048)
		buf_add_char(&b, 'x');
	fixture_send(f, b.p, b.len);
	assert_true(span_starts(buf_span(&f->got), "HTTP/1.1 431"));
	assert_true(f->is_closed);

	buf_clear(&b);
	fixture_connect(f, false);
	buf_add_str(&b, "GET /");
	while (b.len < 2048)
		buf_add_char(&b, 'x');
	fixture_send(f, b.p, b.len);
	assert_true(span_starts(buf_span(&f->got), "HTTP/1.1 414"));

	buf_clear(&b);
	fixture_connect(f, false);
	buf_add_str(&b, "GET /echo HTTP/1.1\r\nHost: a\r\n");
	for (int i = 0; i < 20; i++)
		buf_addf(&b, "X%d: y\r\n", i);
	buf_add_str(&b, "\r\n");
	fixture_send(f, b.p, b.len);
	assert_true(span_starts(buf_span(&f->got), "HTTP/1.1 431"));
	assert_int_equal(f->calls, 0);
}

static void
an_idle_connection_is_closed_without_a_word(void **state)
{
	struct http_fixture *f = *state;
	say(f, "GET /echo HTTP/1.1\r\nHost: a\r\n\r\n");
	buf_clear(&f->got);
	clock_fake_advance(59999);
	fixture_turns(f);
	assert_false(f->is_closed);
	clock_fake_advance(1);
	fixture_turns(f);
	assert_true(f->is_closed);
	assert_int_equal(f->got.len, 0);
}

static void
a_slow_head_is_timed_out(void **state)
{
	struct http_fixture *f = *state;
	const char *text = "GET /echo HTTP/1.1\r\n";
	for (int i = 0; i < 10; i++) {
		fixture_send(f, text + i, 1);
		clock_fake_advance(999);
		fixture_turns(f);
		assert_false(f->is_closed);
	}
	clock_fake_advance(10);
	fixture_turns(f);
	assert_true(span_starts(buf_span(&f->got), "HTTP/1.1 408"));
	assert_true(f->is_closed);
}

static void
a_body_may_be_slow_but_not_too_slow(void **state)
{
	struct http_fixture *f = *state;
	char half[200];
	memset(half, 'x', sizeof(half));
	say(f, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 400\r\n\r\n");
	fixture_send(f, half, sizeof(half));
	clock_fake_advance(11999); /* 10 s and 200 bytes at 100 a second */
	fixture_turns(f);
	assert_false(f->is_closed);
	clock_fake_advance(1);
	fixture_turns(f);
	assert_true(got(f, "HTTP/1.1 408"));
	assert_true(f->is_closed);
	assert_int_equal(f->calls, 0);
}

static void
a_client_that_does_not_read_is_dropped(void **state)
{
	struct http_fixture *f = *state;
	int keep = f->fd;
	f->slices_left = 100000;
	say(f, "GET /wait HTTP/1.1\r\nHost: a\r\n\r\n");
	f->fd = -1; /* reads nothing from here on */
	AUTO_DONE(buf) struct buf b = { 0 };
	for (int i = 0; i < 200000; i++)
		buf_add_str(&b, "0123456789");
	http_respond(f->waiting, 200, &b);
	fixture_turns(f);
	assert_int_equal(http_server_connections(f->server), 1);
	clock_fake_advance(FIXTURE_STALL_MS);
	fixture_turns(f);
	clock_fake_advance(HTTP_CLOSE_MS);
	fixture_turns(f);
	assert_int_equal(http_server_connections(f->server), 0);
	f->fd = keep;
}

/* --- waiting --- */

static void
a_waiting_request_whose_client_goes_is_cancelled_at_once(void **state)
{
	struct http_fixture *f = *state;
	say(f, "GET /wait HTTP/1.1\r\nHost: a\r\n\r\n");
	assert_non_null(f->waiting);
	clock_fake_advance(900 * 1000); /* no limit of time while it waits */
	fixture_turns(f);
	assert_int_equal(f->gone, 0);
	fixture_hang_up(f);
	assert_int_equal(f->gone, 1);
	assert_int_equal(http_server_connections(f->server), 0);
}

static void
a_held_request_outlives_its_client(void **state)
{
	struct http_fixture *f = *state;
	say(f, "GET /wait HTTP/1.1\r\nHost: held\r\n\r\n");
	struct http_request *r = f->waiting;
	http_hold(r);
	assert_false(http_is_gone(r));
	fixture_hang_up(f);
	assert_int_equal(f->gone, 1);
	assert_true(http_is_gone(r));
	assert_true(span_is(r->host, "held"));
	AUTO_DONE(buf) struct buf b = { 0 };
	buf_add_str(&b, "too late");
	http_respond(r, 200, &b);
	assert_int_equal(b.len, 0);
	http_release(r);
	assert_true(http_is_gone(r)); /* still there until the loop's next turn */
	fixture_turns(f);
}

static void
a_handler_is_told_how_its_client_has_gone(void **state)
{
	struct http_fixture *f = *state;
	char bytes[] = "POST /wait HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n"
		       "Expect: 100-continue\r\n\r\n";
	say(f, "GET /wait HTTP/1.1\r\nHost: a\r\n\r\n");
	struct http_request *r = f->waiting;
	http_hold(r);
	fixture_hang_up(f);
	assert_int_equal(http_gone_how(r), HTTP_GONE_LEFT);
	assert_int_equal(http_connection_id(r), 0);
	http_release(r);
	fixture_turns(f);

	fixture_connect(f, false);
	int fd = f->fd;
	f->fd = -1; /* "100 Continue" is not read: closing then resets */
	assert_int_equal(write(fd, bytes, sizeof(bytes) - 1), sizeof(bytes) - 1);
	fixture_turns(f);
	assert_int_equal(write(fd, "abc", 3), 3);
	fixture_turns(f);
	r = f->waiting;
	assert_true(http_connection_id(r) != 0);
	http_hold(r);
	close(fd);
	fixture_turns(f);
	assert_true(http_is_gone(r));
	assert_int_equal(http_gone_how(r), HTTP_GONE_RESET);
	http_release(r);
	fixture_turns(f);
}

static void
an_answered_request_that_is_held_stays(void **state)
{
	struct http_fixture *f = *state;
	say(f, "GET /wait HTTP/1.1\r\nHost: held\r\n\r\n");
	struct http_request *r = f->waiting;
	http_hold(r);
	http_respond_text(r, 200, "done");
	fixture_turns(f);
	assert_true(got(f, "done"));
	assert_true(span_is(r->host, "held"));
	fixture_hang_up(f);
	assert_int_equal(f->gone, 0); /* it had its answer */
	http_release(r);
	fixture_turns(f);
}

static void
a_parked_request_keeps_what_it_needs_to_be_answered(void **state)
{
	struct http_fixture *f = *state;
	say(f, "POST /wait?q=1 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n"
	       "Accept-Encoding: gzip\r\nAuthorization: Basic YTpi\r\n\r\nabc");
	struct http_request *r = f->waiting;
	struct span user, password;
	assert_true(span_is(r->body, "abc"));
	assert_int_equal(http_basic_auth(r, &user, &password), RC_OK);
	http_park(r);
	assert_int_equal(r->body.n, 0);
	assert_null(http_exchange_of(r)->body.p);
	assert_null(http_exchange_of(r)->head);
	assert_int_equal(arena_used(r->arena), 0);
	assert_null(http_header_get(r, "authorization").p);
	assert_int_equal(r->query.n, 0);
	assert_true(span_is(r->method, "POST"));
	assert_true(span_is(r->path, "/wait"));
	assert_non_null(strstr(r->log.fields, "req=1 peer=unix"));
	assert_string_equal(r->peer, "unix");
	http_respond_text(r, 200, "ok");
	fixture_turns(f);
	assert_true(got(f, "200 OK"));
	say(f, "GET /wait HTTP/1.1\r\nHost: a\r\n\r\n");
	http_park(f->waiting);
	fixture_hang_up(f);
	assert_int_equal(f->gone, 1);
}

/* --- answers --- */

static void
a_long_answer_comes_in_slices_as_the_client_reads(void **state)
{
	struct http_fixture *f = *state;
	int keep = f->fd;
	f->slices_left = 1000;
	AUTO_DONE(buf) struct buf b = { 0 };
	const char *text = "GET /stream?sized HTTP/1.1\r\nHost: a\r\n\r\n";
	assert_int_equal(send(f->fd, text, strlen(text), 0), strlen(text));
	f->fd = -1;
	fixture_turns(f);
	/* Some lies in the socket and some in our queue, far from all of it. */
	assert_in_range(f->slices_left, 900, 999);
	f->fd = keep;
	for (int i = 0; i < 100 && f->slices_left > 0; i++)
		fixture_turns(f);
	fixture_turns(f);
	assert_true(got(f, "Content-Length: 10000000"));
	assert_int_equal(answer_body(f).n, 10000000);
	assert_false(f->is_closed);
	assert_int_equal(f->gone, 0);
}

static void
a_slow_producer_says_when_it_is_ready(void **state)
{
	struct http_fixture *f = *state;
	f->slices_left = 1;
	f->stream_waits = true;
	say(f, "GET /stream HTTP/1.1\r\nHost: a\r\n\r\n");
	assert_true(got(f, "Transfer-Encoding: chunked"));
	assert_int_equal(answer_body(f).n, 0);
	clock_fake_advance(10 * FIXTURE_STALL_MS);
	fixture_turns(f);
	assert_false(f->is_closed);
	http_body_ready(f->waiting);
	fixture_turns(f);
	assert_true(got(f, "\r\n\r\n2710\r\n0123"));
	assert_true(got(f, "9\r\n0\r\n\r\n"));
	say(f, "GET /echo HTTP/1.1\r\nHost: a\r\n\r\n");
	assert_int_equal(times_got(f, "HTTP/1.1 200"), 2);
}

static void
a_producer_hears_that_its_client_has_gone(void **state)
{
	struct http_fixture *f = *state;
	f->slices_left = 1;
	f->stream_waits = true;
	say(f, "GET /stream HTTP/1.1\r\nHost: a\r\n\r\n");
	fixture_hang_up(f);
	assert_int_equal(f->gone, 1);
}

static void
a_body_that_breaks_off_ends_the_connection(void **state)
{
	struct http_fixture *f = *state;
	f->slices_left = 1;
	f->stream_end = HTTP_BODY_ABORT;
	say(f, "GET /stream HTTP/1.1\r\nHost: a\r\n\r\n");
	assert_true(f->is_closed);
	assert_false(got(f, "\r\n0\r\n\r\n"));
}

static void
gzip_is_used_where_it_is_taken_and_pays(void **state)
{
	static const struct {
		const char *path, *accept;
		bool packed;
	} cases[] = {
		{ "/big", "gzip", true },
		{ "/big", "br;q=1.0, GZIP;q=0.8, *;q=0.1", true },
		{ "/big", "gzip;q=0", false },
		{ "/big", "gzip;q=0.000", false },
		{ "/big", "deflate", false },
		{ "/big", "*", true },
		{ "/big?image", "gzip", false },
		{ "/echo", "gzip", false },
	};
	struct http_fixture *f = *state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO_DONE(buf) struct buf b = { 0 };
		AUTO_DONE(buf) struct buf plain = BUF_INIT(1 << 20);
		buf_addf(&b, "GET %s HTTP/1.1\r\nHost: a\r\nAccept-Encoding: %s\r\n\r\n",
		         cases[i].path, cases[i].accept);
		buf_clear(&f->got);
		fixture_send(f, b.p, b.len);
		print_message("%s %s\n", cases[i].path, cases[i].accept);
		assert_int_equal(got(f, "Content-Encoding: gzip"), cases[i].packed);
		if (cases[i].packed) {
			assert_true(got(f, "Vary: Accept-Encoding"));
			assert_int_equal(http_gunzip(answer_body(f), &plain), RC_OK);
			assert_true(span_starts(buf_span(&plain), "line 0\nline 1\n"));
			assert_true(span_ends(buf_span(&plain), "line 19999\n"));
		}
	}
}

static void
send_packed(struct http_fixture *f, struct span body, const char *coding)
{
	AUTO_DONE(buf) struct buf b = { 0 };
	buf_addf(&b,
	         "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Encoding: %s\r\n"
	         "Content-Length: %zu\r\n\r\n",
	         coding, body.n);
	buf_add_span(&b, body);
	buf_clear(&f->got);
	fixture_send(f, b.p, b.len);
}

static void
a_packed_request_is_unpacked_with_bounds(void **state)
{
	struct http_fixture *f = *state;
	AUTO_DONE(buf) struct buf plain = { 0 };
	AUTO_DONE(buf) struct buf packed = { 0 };
	for (int i = 0; i < 1000; i++)
		buf_add_str(&plain, "wbxml");
	assert_true(http_gzip(buf_span(&plain), &packed));
	send_packed(f, buf_span(&packed), "gzip");
	assert_true(got(f, "body=wbxmlwbxml"));
	assert_true(got(f, "wbxml|"));
	send_packed(f, span_sub(buf_span(&packed), 0, packed.len - 1), "gzip");
	assert_true(got(f, "HTTP/1.1 400"));
	send_packed(f, buf_span(&packed), "br");
	assert_true(got(f, "HTTP/1.1 415"));
	buf_add_char(&packed, 'x');
	send_packed(f, buf_span(&packed), "x-gzip");
	assert_true(got(f, "HTTP/1.1 400"));
	/* A bomb: 200,000 bytes out of a few hundred. */
	for (int i = 0; i < 195000; i++)
		buf_add_char(&plain, 'x');
	buf_clear(&packed);
	assert_true(http_gzip(buf_span(&plain), &packed));
	send_packed(f, buf_span(&packed), "gzip");
	assert_true(got(f, "HTTP/1.1 413"));
	assert_int_equal(f->calls, 1);
}

static void
headers_carry_no_second_line(void **state)
{
	struct http_fixture *f = *state;
	say(f, "GET /wait HTTP/1.1\r\nHost: a\r\n\r\n");
	http_set_header(f->waiting, "X-Name", "first");
	http_set_header(f->waiting, "x-name", "a\r\nSet-Cookie: b");
	http_set_headerf(f->waiting, "X-Number", "%d", 7);
	http_respond(f->waiting, 204, NULL);
	fixture_turns(f);
	assert_true(got(f, "x-name: a  Set-Cookie: b\r\nX-Number: 7\r\n"));
	assert_false(got(f, "first"));
	assert_false(got(f, "Content-Length"));
}

static void
draining_ends_what_is_idle_and_asks_what_waits(void **state)
{
	struct http_fixture *f = *state;
	int idle = f->fd;
	f->fd = -1;
	fixture_connect(f, false);
	say(f, "GET /drain HTTP/1.1\r\nHost: a\r\n\r\n");
	http_server_drain(f->server, f->loop, 0);
	fixture_turns(f);
	assert_int_equal(f->drained, 1);
	assert_true(got(f, "Connection: close"));
	assert_true(got(f, "drained"));
	assert_true(f->is_closed);
	char c;
	assert_int_equal(recv(idle, &c, 1, MSG_DONTWAIT), 0);
	close(idle);
	fixture_connect(f, false);
	say(f, "GET /echo HTTP/1.1\r\nHost: a\r\n\r\n");
	assert_true(got(f, "200 OK"));
	assert_true(f->is_closed);
}

static void
draining_ends_a_crowd_little_by_little(void **state)
{
	enum { N = 100 };
	struct http_fixture *f = *state;
	int idle = f->fd, fds[N];
	for (int i = 0; i < N; i++) {
		f->fd = -1;
		fixture_connect(f, false);
		say(f, "GET /drain HTTP/1.1\r\nHost: a\r\n\r\n");
		fds[i] = f->fd;
	}
	f->fd = idle;
	http_server_drain(f->server, f->loop, 1000);
	fixture_turns(f);
	assert_int_equal(f->drained, 0);
	assert_int_equal(http_server_connections(f->server), N); /* the idle one went */
	http_server_drain(f->server, f->loop, 500);
	http_server_drain(f->server, f->loop, 500); /* again is no more */
	fixture_turns(f);
	int half = f->drained;
	assert_in_range(half, 20, 80);
	assert_int_equal(http_server_connections(f->server), N - half);
	http_server_drain(f->server, f->loop, 0);
	fixture_turns(f);
	assert_int_equal(f->drained, N);
	assert_int_equal(http_server_connections(f->server), 0);
	for (int i = 0; i < N; i++)
		close(fds[i]);
}

static void
aborting_tells_those_who_wait(void **state)
{
	struct http_fixture *f = *state;
	say(f, "GET /wait HTTP/1.1\r\nHost: a\r\n\r\n");
	http_server_abort(f->server, f->loop);
	assert_int_equal(f->gone, 1);
	assert_int_equal(http_server_connections(f->server), 0);
	fixture_turns(f);
	assert_true(f->is_closed);
}

/* --- what handlers ask --- */

static void
queries_and_credentials_are_decoded(void **state)
{
	static const struct {
		const char *header;
		enum rc rc;
		const char *user, *password;
	} cases[] = {
		{ "Basic YWxpY2U6d29uZGVybGFuZA==", RC_OK, "alice", "wonderland" },
		{ "bAsIc  YTpiOmM=", RC_OK, "a", "b:c" },
		{ "Basic YTo=", RC_OK, "a", "" },
		{ "Basic 5OQ6/A==", RC_OK, "\xc3\xa4\xc3\xa4",
		  "\xc3\xbc" },                                      /* ISO-8859-1 */
		{ "Basic w6Q6w7w=", RC_OK, "\xc3\xa4", "\xc3\xbc" }, /* UTF-8 */
		{ "Basic YWxpY2U=", RC_INVALID, NULL, NULL },
		{ "Basic OmI=", RC_INVALID, NULL, NULL },
		{ "Basic !!!!", RC_INVALID, NULL, NULL },
		{ "Basic YQA6Yg==", RC_INVALID, NULL, NULL },
		{ "Bearer abc", RC_NOT_FOUND, NULL, NULL },
		{ "Basic", RC_INVALID, NULL, NULL },
	};
	struct http_fixture *f = *state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO_DONE(buf) struct buf b = { 0 };
		struct span user, password;
		buf_addf(
			&b,
			"GET /wait?Cmd=Ping&user=a%%40b+c&empty=&flag&bad=%%zz HTTP/1.1\r\n"
			"Host: a\r\nAuthorization: %s\r\n\r\n",
			cases[i].header);
		fixture_send(f, b.p, b.len);
		print_message("%s\n", cases[i].header);
		enum rc rc = http_basic_auth(f->waiting, &user, &password);
		assert_int_equal(rc, cases[i].rc);
		if (rc == RC_OK) {
			assert_true(span_is(user, cases[i].user));
			assert_true(span_is(password, cases[i].password));
		}
		assert_true(span_is(http_query_get(f->waiting, "cmd"), "Ping"));
		assert_true(span_is(http_query_get(f->waiting, "User"), "a@b c"));
		assert_non_null(http_query_get(f->waiting, "empty").p);
		assert_non_null(http_query_get(f->waiting, "flag").p);
		assert_null(http_query_get(f->waiting, "bad").p);
		assert_null(http_query_get(f->waiting, "none").p);
		http_respond(f->waiting, 200, NULL);
		fixture_turns(f);
	}
}

static uint64_t busy_ms;

static uint64_t
tell_busy(void *arg UNUSED)
{
	return busy_ms;
}

static void
a_busy_server_says_when_to_come_again(void **state)
{
	struct http_fixture *f = *state;
	http_server_on_busy(f->server, tell_busy, NULL);
	busy_ms = 41999;
	say(f, "GET /echo HTTP/1.1\r\nHost: a\r\n\r\n");
	assert_true(got(f, "HTTP/1.1 503"));
	assert_true(got(f, "Retry-After: 42\r\n"));
	assert_int_equal(f->calls, 0);
	buf_clear(&f->got);
	busy_ms = 0;
	say(f, "GET /echo HTTP/1.1\r\nHost: a\r\n\r\n");
	assert_true(got(f, "HTTP/1.1 200"));
	assert_int_equal(f->calls, 1);
}

static void
forgotten_credentials_are_in_memory_no_more(void **state)
{
	struct http_fixture *f = *state;
	struct span user, password;
	say(f, "GET /wait HTTP/1.1\r\nHost: a\r\n"
	       "Authorization: Basic YWxpY2U6d29uZGVybGFuZA==\r\n\r\n");
	assert_int_equal(http_basic_auth(f->waiting, &user, &password), RC_OK);
	struct span header = http_header_get(f->waiting, "authorization");
	http_forget_auth(f->waiting);
	assert_int_equal(http_header_get(f->waiting, "authorization").n, 0);
	for (size_t i = 0; i < header.n; i++)
		assert_int_equal(header.p[i], 0);
	assert_null(http_exchange_of(f->waiting)->secret);
	assert_int_equal(http_basic_auth(f->waiting, &user, &password), RC_NOT_FOUND);
	http_respond(f->waiting, 200, NULL);
	fixture_turns(f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		CASE(a_get_is_answered),
		CASE(bytes_may_come_one_by_one),
		CASE(pipelined_requests_are_answered_in_order),
		CASE(hundred_continue_is_said_when_the_body_waits_for_it),
		CASE(a_body_too_large_is_refused_before_it_is_sent),
		CASE(a_body_grows_to_the_limit_and_not_above),
		CASE(head_and_1_0_have_their_own_framing),
		CASE(a_client_that_says_close_is_closed),
		CASE(what_is_unclear_is_refused),
		CASE(a_nul_in_the_head_is_refused),
		CASE(what_is_allowed_though_odd_is_served),
		CASE(an_absolute_target_names_the_host),
		CASE(a_head_has_its_limits),
		CASE(an_idle_connection_is_closed_without_a_word),
		CASE(a_slow_head_is_timed_out),
		CASE(a_body_may_be_slow_but_not_too_slow),
		CASE(a_client_that_does_not_read_is_dropped),
		CASE(a_waiting_request_whose_client_goes_is_cancelled_at_once),
		CASE(a_held_request_outlives_its_client),
		CASE(a_handler_is_told_how_its_client_has_gone),
		CASE(an_answered_request_that_is_held_stays),
		CASE(a_parked_request_keeps_what_it_needs_to_be_answered),
		CASE(a_long_answer_comes_in_slices_as_the_client_reads),
		CASE(a_slow_producer_says_when_it_is_ready),
		CASE(a_producer_hears_that_its_client_has_gone),
		CASE(a_body_that_breaks_off_ends_the_connection),
		CASE(gzip_is_used_where_it_is_taken_and_pays),
		CASE(a_packed_request_is_unpacked_with_bounds),
		CASE(headers_carry_no_second_line),
		CASE(draining_ends_what_is_idle_and_asks_what_waits),
		CASE(draining_ends_a_crowd_little_by_little),
		CASE(aborting_tells_those_who_wait),
		CASE(queries_and_credentials_are_decoded),
		CASE(forgotten_credentials_are_in_memory_no_more),
		CASE(a_busy_server_says_when_to_come_again),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
