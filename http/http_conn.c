/* SPDX-License-Identifier: ISC
 *
 * http_conn.c - a connection that speaks HTTP/1.1 or 1.0 (RFC 9112).
 *
 * One request at a time: pipelined ones stay in the stream until the answer before them
 * is written. While a handler waits the stream is paused, which still notices the
 * client's end; no buffer is held then.
 */
#include <assert.h>

#include "base/mem.h"
#include "http/http_private.h"

/* Empty lines before a request line: RFC 9112 2.2. */
#define BLANK_LINES_MAX 2
/* Up to here a body is copied behind its head, so that both go in one write. */
#define SMALL_BODY 4096

static void
enter(struct http_conn *c, enum http_h1_state state)
{
	/* Where one may come from, as bits. */
	static const unsigned from[] = {
		[HTTP_H1_HEAD] = 1u << HTTP_H1_HEAD | 1u << HTTP_H1_WAITING |
		                 1u << HTTP_H1_ANSWERING,
		[HTTP_H1_BODY] = 1u << HTTP_H1_HEAD,
		[HTTP_H1_WAITING] = 1u << HTTP_H1_HEAD | 1u << HTTP_H1_BODY,
		[HTTP_H1_ANSWERING] = 1u << HTTP_H1_WAITING,
		[HTTP_H1_CLOSING] = 1u << HTTP_H1_HEAD | 1u << HTTP_H1_BODY |
		                    1u << HTTP_H1_WAITING | 1u << HTTP_H1_ANSWERING |
		                    1u << HTTP_H1_CLOSING,
	};
	assert(from[state] & 1u << c->state);
	c->state = state;
}

/* The one exchange of the connection, if there is one. */
static struct http_exchange *
current(struct http_conn *c)
{
	if (list_is_empty(&c->exchanges))
		return NULL;
	return list_first(&c->exchanges, struct http_exchange, link);
}

static void
close_conn(struct http_conn *c)
{
	enter(c, HTTP_H1_CLOSING);
	http_conn_close(c);
}

/* Before the next request: only so long may it be quiet. */
static void
begin_head(struct http_conn *c)
{
	c->scan = 0;
	c->blank_lines = 0;
	c->has_begun = false;
	loop_timer_set(&c->timer, c->server->conf.idle_ms);
}

void
http_h1_begin(struct http_conn *c)
{
	c->version = &http_version_1;
	c->state = HTTP_H1_HEAD;
	begin_head(c);
	if (atomic_load(&c->server->draining))
		c->is_last = true;
}

/* Refuses what is no request to us; nothing that follows can be trusted. */
static void
refuse_conn(struct http_conn *c, int status, const char *why)
{
	const char *text = http_status_str(status);
	AUTO_DONE(buf) struct buf b = { 0 };
	http_conn_log_refusal(c, status, why);
	buf_addf(&b,
	         "HTTP/1.1 %d %s\r\nDate: %s\r\nServer: Godwit\r\n"
	         "Content-Type: text/plain; charset=utf-8\r\nContent-Length: %zu\r\n"
	         "Connection: close\r\n\r\n%s\n",
	         status, text, http_lane_date(c->lane), strlen(text) + 1, text);
	stream_write_buf(c->stream, &b);
	if (current(c))
		http_exchange_gone(current(c));
	close_conn(c);
}

/* Refuses a request whose body has not been read: it cannot be told from a next one. */
static void
refuse_request(struct http_exchange *x, int status)
{
	struct http_conn *c = x->conn;
	http_conn_log_refusal(c, status, http_status_str(status));
	c->is_last = true;
	enter(c, HTTP_H1_WAITING);
	http_respond_text(&x->r, status, "%s", http_status_str(status));
}

/* --- reading --- */

static void
dispatch(struct http_exchange *x)
{
	struct http_conn *c = x->conn;
	loop_timer_clear(&c->timer);
	enter(c, HTTP_H1_WAITING);
	if (http_exchange_dispatch(x))
		stream_pause(c->stream);
}

static void
begin_body(struct http_exchange *x, const struct http_head *h)
{
	struct http_conn *c = x->conn;
	c->body_left = h->length;
	c->chunk = (struct http_chunk){ 0 };
	x->is_chunked = h->is_chunked;
	enter(c, HTTP_H1_BODY);
	/* RFC 9110 10.1.1: not needed when the body is on its way already. */
	if (x->expects_continue && stream_input(c->stream).n == 0)
		stream_write(c->stream, SPAN("HTTP/1.1 100 Continue\r\n\r\n"));
}

static void
begin_request(struct http_conn *c, const struct http_head *h, size_t head_n)
{
	struct http_exchange *x;
	int status = http_exchange_new(c, h, &x);
	stream_consume(c->stream, head_n);
	if (status) {
		refuse_conn(c, status, "bad path");
		return;
	}
	x->began_ms = c->began_ms;
	if (!x->keeps_alive)
		c->is_last = true;
	bool has_body = h->is_chunked || h->length > 0;
	if (h->length > c->server->conf.body_max)
		refuse_request(x, 413);
	else if (has_body && !http_route_find(c->server, x->r.path))
		refuse_request(x, 404);
	else if (has_body)
		begin_body(x, h);
	else
		dispatch(x);
}

static bool
skip_blank_lines(struct http_conn *c)
{
	for (;;) {
		struct span in = stream_input(c->stream);
		if (in.n == 0 || in.p[0] != '\r')
			return true;
		if (in.n == 1)
			return false;
		if (in.p[1] != '\n' || c->blank_lines == BLANK_LINES_MAX)
			return true; /* the head's parser refuses it */
		c->blank_lines++;
		stream_consume(c->stream, 2);
	}
}

static const char *
why_refused(int status)
{
	switch (status) {
	case 405:
		return "CONNECT";
	case 417:
		return "unknown expectation";
	case 431:
		return "too many headers";
	case 501:
		return "unknown transfer coding";
	case 505:
		return "unknown version";
	default: /* a number, not an enum of ours */
		return "malformed head";
	}
}

/* True when there may be more to do. */
static bool
read_head(struct http_conn *c)
{
	const struct http_conf *conf = &c->server->conf;
	if (stream_input(c->stream).n > 0 && !c->has_begun) {
		c->has_begun = true;
		c->began_ms = loop_now_ms(c->lane->loop);
		loop_timer_set(&c->timer, conf->request_ms);
	}
	if (c->scan == 0 && !skip_blank_lines(c))
		return false;

	struct span in = stream_input(c->stream);
	size_t scan = c->scan, n = 0;
	enum http_head_end end = http_head_find(in, &scan, &n);
	c->scan = (uint32_t)scan;
	if (end == HTTP_HEAD_END_BAD) {
		refuse_conn(c, 400, "bare LF or no HTTP");
		return false;
	}
	if (end == HTTP_HEAD_END_MORE && in.n < conf->header_max)
		return false;
	if (end == HTTP_HEAD_END_MORE || n > conf->header_max) {
		bool in_line = span_find(in, 0, '\n') == in.n;
		refuse_conn(c, in_line ? 414 : 431, "head too long");
		return false;
	}
	struct http_head h = { .headers = c->lane->headers,
		               .headers_max = (size_t)conf->headers_max };
	int status = http_head_parse(span_sub(in, 0, n), &h);
	if (status) {
		refuse_conn(c, status, why_refused(status));
		return false;
	}
	begin_request(c, &h, n);
	return true;
}

static enum rc
take_body(struct http_conn *c, struct http_exchange *x)
{
	struct span in = stream_input(c->stream);
	size_t used = 0;
	enum rc rc = RC_AGAIN;
	if (x->is_chunked) {
		rc = http_chunk_feed(&c->chunk, in, &x->body, &used);
		if (rc != RC_OK && rc != RC_AGAIN)
			return rc;
	} else {
		used = in.n < c->body_left ? in.n : (size_t)c->body_left;
		buf_add(&x->body, in.p, used);
		c->body_left -= used;
		if (c->body_left == 0)
			rc = RC_OK;
	}
	stream_consume(c->stream, used);
	return buf_ok(&x->body) ? rc : RC_TOO_BIG;
}

static bool
read_body(struct http_conn *c)
{
	struct http_exchange *x = current(c);
	switch (take_body(c, x)) {
	case RC_AGAIN:
		return false;
	case RC_OK:
		x->is_chunked = false;
		dispatch(x);
		return true;
	case RC_TOO_BIG:
		x->is_chunked = false;
		refuse_request(x, 413);
		return false;
	default: /* how the chunks are broken does not matter */
		refuse_conn(c, 400, "malformed chunk");
		return false;
	}
}

static void
h1_on_input(struct http_conn *c)
{
	bool goes_on = true;
	while (goes_on && stream_input(c->stream).n > 0) {
		if (c->state == HTTP_H1_BODY) {
			goes_on = read_body(c);
		} else if (c->state != HTTP_H1_HEAD) {
			goes_on = false;
		} else if (stream_output_len(c->stream) > HTTP_OUTPUT_HIGH) {
			/* It asks faster than it listens. */
			stream_pause(c->stream);
			c->is_throttled = true;
			goes_on = false;
		} else {
			goes_on = read_head(c);
		}
	}
}

/* --- answering --- */

/* The answer is written whole: what is next? */
static void
end_answer(struct http_exchange *x)
{
	struct http_conn *c = x->conn;
	http_exchange_over(x);
	if (c->is_last) {
		close_conn(c);
		return;
	}
	enter(c, HTTP_H1_HEAD);
	begin_head(c);
	stream_resume(c->stream);
}

static void
add_framing(struct http_exchange *x, struct buf *b)
{
	struct http_answer *a = x->answer;
	struct http_conn *c = x->conn;
	x->is_chunked = false;
	if (a->status == 204 || a->status < 200) {
		/* RFC 9110 8.6: none. */
	} else if (a->size != UINT64_MAX && (a->status != 304 || a->size > 0)) {
		buf_addf(b, "Content-Length: %" PRIu64 "\r\n", a->size);
	} else if (a->size == UINT64_MAX && !x->is_http10) {
		x->is_chunked = true;
		buf_add_str(b, "Transfer-Encoding: chunked\r\n");
	} else if (a->size == UINT64_MAX) {
		c->is_last = true; /* the end of the connection ends the body */
	}
	if (c->is_last)
		buf_add_str(b, "Connection: close\r\n");
	else if (x->is_http10)
		buf_add_str(b, "Connection: keep-alive\r\n");
}

static void
write_head(struct http_exchange *x, struct buf *b)
{
	const struct http_answer *a = x->answer;
	const char *name, *value;
	buf_addf(b, "HTTP/1.1 %d %s\r\nDate: %s\r\nServer: Godwit\r\n", a->status,
	         http_status_str(a->status), http_lane_date(x->conn->lane));
	for (size_t at = 0; http_answer_field(a, &at, &name, &value);)
		buf_addf(b, "%s: %s\r\n", name, value);
	add_framing(x, b);
	buf_add_str(b, "\r\n");
}

/* Writes one slice. size: what a Content-Length has promised is kept to the byte. */
static bool
write_slice(struct http_exchange *x)
{
	struct http_answer *a = x->answer;
	struct http_conn *c = x->conn;
	size_t n = a->out.len;
	if (a->size != UINT64_MAX && n > a->size - a->sent)
		return false;
	a->sent += n;
	if (n == 0)
		return true;
	if (x->is_chunked) {
		AUTO_DONE(buf) struct buf b = { 0 };
		buf_addf(&b, "%zx\r\n", n);
		stream_write_buf(c->stream, &b);
	}
	stream_write_buf(c->stream, &a->out);
	if (x->is_chunked)
		stream_write(c->stream, SPAN("\r\n"));
	return true;
}

/* The body breaks off: only the end of the connection can say so. */
static void
abort_answer(struct http_exchange *x)
{
	x->answer->has_ended = true;
	x->conn->is_last = true;
	end_answer(x);
}

/* Asks for slices until the client has enough to do. */
static void
pump(struct http_exchange *x)
{
	struct http_conn *c = x->conn;
	struct http_answer *a = x->answer;
	if (!http_answer_has_body(x)) {
		if (http_answer_discard(x))
			end_answer(x);
		else
			a->is_deferred = true;
		return;
	}
	while (stream_output_len(c->stream) < HTTP_OUTPUT_HIGH) {
		enum http_body body = a->more(&x->r, &a->out, a->more_arg);
		assert(body != HTTP_BODY_MORE || a->out.len > 0 || a->out.failed);
		bool fits = body != HTTP_BODY_ABORT && buf_ok(&a->out) && write_slice(x);
		buf_done(&a->out);
		if (!fits) {
			abort_answer(x);
			return;
		}
		if (body == HTTP_BODY_WAIT) {
			a->is_deferred = true;
			return;
		}
		if (body == HTTP_BODY_END) {
			a->has_ended = true;
			if (x->is_chunked)
				stream_write(c->stream, SPAN("0\r\n\r\n"));
			else if (a->size != UINT64_MAX && a->sent < a->size)
				c->is_last = true; /* it has promised more */
			end_answer(x);
			return;
		}
	}
}

static void
h1_respond(struct http_exchange *x)
{
	struct http_conn *c = x->conn;
	struct http_answer *a = x->answer;
	AUTO_DONE(buf) struct buf b = { 0 };
	if (atomic_load_explicit(&c->server->draining, memory_order_relaxed))
		c->is_last = true;
	write_head(x, &b);
	bool has_body = !a->more && http_answer_has_body(x);
	a->sent = has_body ? a->out.len : 0;
	if (has_body && a->out.len <= SMALL_BODY)
		buf_add_span(&b, buf_span(&a->out));
	stream_write_buf(c->stream, &b);
	if (has_body && a->out.len > SMALL_BODY)
		stream_write_buf(c->stream, &a->out);
	if (!a->more) {
		end_answer(x);
	} else {
		enter(c, HTTP_H1_ANSWERING);
		stream_pause(c->stream);
		pump(x);
	}
}

static void
h1_body_ready(struct http_exchange *x)
{
	struct http_conn *c = x->conn;
	if (c->state == HTTP_H1_ANSWERING && x->answer->is_deferred) {
		x->answer->is_deferred = false;
		pump(x);
	}
}

static void
h1_on_drain(struct http_conn *c)
{
	if (c->state == HTTP_H1_ANSWERING) {
		if (!current(c)->answer->is_deferred)
			pump(current(c));
	} else if (c->is_throttled) {
		c->is_throttled = false;
		stream_resume(c->stream);
	}
}

/* --- time and ends --- */

static void
h1_on_timer(struct http_conn *c)
{
	struct http_exchange *x = current(c);
	if (c->state == HTTP_H1_BODY) {
		uint64_t left = http_conn_time_left(c, x->began_ms, x->body.len);
		if (left)
			loop_timer_set(&c->timer, left);
		else
			refuse_conn(c, 408, "body too slow");
	} else if (c->state == HTTP_H1_HEAD && c->has_begun) {
		refuse_conn(c, 408, "head too slow");
	} else if (c->state == HTTP_H1_HEAD) {
		close_conn(c);
	}
}

static void
h1_drain(struct http_conn *c)
{
	c->is_last = true;
	if (c->state == HTTP_H1_HEAD && !c->has_begun)
		close_conn(c);
}

static void
h1_nothing(struct http_conn *c UNUSED)
{
}

const struct http_version http_version_1 = {
	.on_input = h1_on_input,
	.on_drain = h1_on_drain,
	.on_timer = h1_on_timer,
	.on_post = h1_nothing,
	.respond = h1_respond,
	.body_ready = h1_body_ready,
	.drain = h1_drain,
	.done = h1_nothing,
};
