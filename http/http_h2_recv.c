/* SPDX-License-Identifier: ISC
 *
 * http_h2_recv.c - what nghttp2 tells of an HTTP/2 peer: heads, data, resets, floods.
 *
 * These callbacks run inside nghttp2: they note what has happened (http_h2_note) and call
 * no handler.
 *
 * A peer has a budget of resets (CVE-2023-44487, CVE-2025-8671) and of frames that make
 * work but carry nothing (PING, SETTINGS, WINDOW_UPDATE, empty DATA; CONTINUATION by
 * nghttp2's own limit). Who has spent one gets GOAWAY with ENHANCE_YOUR_CALM.
 */
#include <assert.h>
#include <stdlib.h>

#include "base/mem.h"
#include "http/http_h2_private.h"

#define RESETS_MAX 100U /* at once */
#define RESETS_RATE 10  /* a second, after that */
#define FRAMES_MAX 1000
#define FRAMES_RATE 100
#define ACKS_MAX 100
#define CONTINUATIONS_MAX 8
/* The bodies that one connection may have us hold, as a multiple of body_max. */
#define BODIES_MAX 2UL
/* What we would remember of our own answers, to write the next ones shorter. */
#define DEFLATE_TABLE_SIZE 0

/* --- budgets --- */

/* True when it is spent. */
static bool
spend(struct http_conn *c, struct h2_budget *b, uint32_t max, uint32_t rate)
{
	uint64_t now = loop_now_ms(c->lane->loop);
	uint64_t refill = (now - b->at_ms) * rate / 1000;
	if (refill) {
		b->spent = refill < b->spent ? b->spent - (uint32_t)refill : 0;
		b->at_ms = now;
	}
	return ++b->spent > max;
}

void
http_h2_calm_down(struct http_conn *c, const char *why)
{
	struct http_h2 *h2 = c->h2;
	if (h2->is_calm)
		return;
	h2->is_calm = true;
	http_conn_log_refusal(c, 0, why);
	nghttp2_session_terminate_session(http_h2_session(c), NGHTTP2_ENHANCE_YOUR_CALM);
}

/* --- what nghttp2 tells --- */

void
http_h2_note(struct http_conn *c, struct h2_stream *s)
{
	if (list_is_empty(&s->event))
		list_push_back(&c->h2->events, &s->event);
}

static struct h2_stream *
stream_of(nghttp2_session *session, int32_t id)
{
	return nghttp2_session_get_stream_user_data(session, id);
}

static int
on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
	struct http_conn *c = arg;
	if (frame->hd.type != NGHTTP2_HEADERS ||
	    frame->headers.cat != NGHTTP2_HCAT_REQUEST)
		return 0;
	struct h2_stream *s = xcalloc(1, sizeof(*s));
	s->id = frame->hd.stream_id;
	s->began_ms = loop_now_ms(c->lane->loop);
	list_init(&s->event);
	list_push_back(&c->h2->streams, &s->link);
	buf_init(&s->head, c->server->conf.header_max);
	nghttp2_session_set_stream_user_data(session, s->id, s);
	return 0;
}

static int
on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
          size_t name_n, const uint8_t *value, size_t value_n, uint8_t flags UNUSED,
          void *arg)
{
	struct http_conn *c = arg;
	struct h2_stream *s = stream_of(session, frame->hd.stream_id);
	/* Trailers are checked by nghttp2 and forgotten. */
	if (!s || s->x || s->refuse || frame->headers.cat != NGHTTP2_HCAT_REQUEST)
		return 0;
	buf_add(&s->head, (const char *)name, name_n);
	buf_add(&s->head, (const char *)value, value_n);
	/* Four are the pseudo header fields. */
	if (!buf_ok(&s->head) || s->n_fields >= (size_t)c->server->conf.headers_max + 4) {
		s->refuse = 431;
		return 0;
	}
	if ((s->n_fields & (s->n_fields - 1)) == 0)
		s->fields = xreallocarray(s->fields, s->n_fields ? 2 * s->n_fields : 1,
		                          sizeof(s->fields[0]));
	s->fields[s->n_fields++] =
		(struct h2_field){ (uint32_t)name_n, (uint32_t)value_n };
	return 0;
}

/* nghttp2 has checked that the pseudo header fields are right and stand first. */
static int
head_of(struct h2_stream *s, struct http_head *h)
{
	struct span target = { 0 }, host = { 0 }, rest = buf_span(&s->head);
	int status = s->refuse;
	for (size_t i = 0; i < s->n_fields && status == 0; i++) {
		size_t name_n = s->fields[i].name_n, all = name_n + s->fields[i].value_n;
		struct span name = span_sub(rest, 0, name_n);
		struct span value = span_sub(rest, name_n, all);
		rest = span_sub(rest, all, rest.n);
		if (span_is(name, ":method"))
			h->method = value;
		else if (span_is(name, ":path"))
			target = value;
		else if (span_is(name, ":authority"))
			h->host = value;
		else if (!span_starts(name, ":"))
			status = http_head_add(h, name, span_trim(value));
		if (span_is(name, "host"))
			host = value;
	}
	if (!h->host.p)
		h->host = host;
	/* The answer to a head over a limit needs a request, too. */
	if (status)
		return status;
	if (span_is(h->method, "CONNECT"))
		return 405;
	return http_head_target(target, h);
}

void
http_h2_drop_head(struct h2_stream *s)
{
	if (s->head.p)
		mem_wipe(s->head.p, s->head.cap);
	buf_done(&s->head);
	free(s->fields);
	s->fields = NULL;
}

/* A request that can only be answered with a status. */
static struct http_exchange *
make_refusal(struct http_conn *c)
{
	struct http_head h = { .version = 2, .method = SPAN("GET"), .path = SPAN("/") };
	struct http_exchange *x;
	int e = http_exchange_new(c, &h, &x);
	assert(e == 0);
	(void)e;
	return x;
}

static void
on_head(struct http_conn *c, struct h2_stream *s)
{
	const struct http_conf *conf = &c->server->conf;
	struct http_head h = { .version = 2,
		               .headers = c->lane->headers,
		               .headers_max = (size_t)conf->headers_max };
	int status = head_of(s, &h);
	if (status == 0)
		status = http_exchange_new(c, &h, &s->x);
	if (status == 0 && h.length > conf->body_max)
		status = 413;
	if (!s->x)
		s->x = make_refusal(c);
	if (status == 0 && !s->is_ended && !http_route_find(c->server, s->x->r.path))
		status = 404;
	http_h2_drop_head(s);
	s->x->h2 = s;
	s->x->began_ms = s->began_ms;
	s->refuse = status;
	if (status || s->is_ended) {
		s->is_whole = true;
		http_h2_note(c, s);
	} else if (h.expects_continue) {
		nghttp2_nv nv = { (uint8_t *)":status", (uint8_t *)"100", 7, 3,
			          NGHTTP2_NV_FLAG_NONE };
		nghttp2_submit_headers(http_h2_session(c), 0, s->id, NULL, &nv, 1, NULL);
	}
}

static int
on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
	struct http_conn *c = arg;
	struct h2_stream *s = stream_of(session, frame->hd.stream_id);
	bool ends = frame->hd.flags & NGHTTP2_FLAG_END_STREAM;
	switch (frame->hd.type) {
	case NGHTTP2_HEADERS:
		if (!s)
			return 0;
		s->is_ended = s->is_ended || ends;
		if (!s->x)
			on_head(c, s);
		else if (ends && !s->is_whole) {
			s->is_whole = true;
			http_h2_note(c, s);
		}
		return 0;
	case NGHTTP2_DATA:
		if (s && ends) {
			s->is_ended = true;
			if (!s->is_whole) {
				s->is_whole = true;
				http_h2_note(c, s);
			}
			return 0;
		}
		if (frame->hd.length > 0)
			return 0;
		break;
	case NGHTTP2_RST_STREAM: /* counted as the stream closes */
		return 0;
	default: /* their numbers are open-ended; all of these only make work */
		break;
	}
	if (spend(c, &c->h2->frames, FRAMES_MAX, FRAMES_RATE))
		http_h2_calm_down(c, "flood of control frames");
	return 0;
}

static int
on_invalid_frame(nghttp2_session *session UNUSED, const nghttp2_frame *frame UNUSED,
                 int error UNUSED, void *arg)
{
	struct http_conn *c = arg;
	if (spend(c, &c->h2->resets, RESETS_MAX, RESETS_RATE))
		http_h2_calm_down(c, "too many broken frames");
	return 0;
}

static int
on_data(nghttp2_session *session, uint8_t flags UNUSED, int32_t id, const uint8_t *p,
        size_t n, void *arg)
{
	struct http_conn *c = arg;
	struct h2_stream *s = stream_of(session, id);
	if (!s || !s->x || s->is_whole)
		return 0; /* of a request that is answered already */
	buf_add(&s->x->body, (const char *)p, n);
	s->body_n += n;
	c->h2->bodies += n;
	if (buf_ok(&s->x->body) && c->h2->bodies <= BODIES_MAX * c->server->conf.body_max)
		return 0;
	s->refuse = 413;
	s->is_whole = true;
	http_h2_note(c, s);
	return 0;
}

static int
on_stream_close(nghttp2_session *session, int32_t id, uint32_t error, void *arg)
{
	struct http_conn *c = arg;
	struct h2_stream *s = stream_of(session, id);
	if (!s)
		return 0;
	nghttp2_session_set_stream_user_data(session, id, NULL);
	s->is_closed = true;
	s->error = error;
	http_h2_note(c, s);
	/* Work was begun and thrown away, whoever reset it. */
	if (error != NGHTTP2_NO_ERROR &&
	    spend(c, &c->h2->resets, RESETS_MAX, RESETS_RATE))
		http_h2_calm_down(c, "too many reset streams");
	return 0;
}

/*
 * The answer is out and the peer still sends its body: RFC 9113 8.1 lets us reset the
 * stream. Not in the same breath: curl 7.88 then forgets the answer that it has just
 * read.
 */
static int
on_frame_sent(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
	struct http_conn *c = arg;
	struct h2_stream *s = stream_of(session, frame->hd.stream_id);
	/* Its window updates come from what we send. */
	if (frame->hd.type == NGHTTP2_DATA)
		c->h2->frames.spent -= c->h2->frames.spent < 3 ? c->h2->frames.spent : 3;
	bool carries =
		frame->hd.type == NGHTTP2_DATA || frame->hd.type == NGHTTP2_HEADERS;
	if (s && carries && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) && !s->is_ended) {
		s->is_lingering = true;
		s->moved_ms = loop_now_ms(c->lane->loop);
	}
	return 0;
}

/* --- the session --- */

nghttp2_session *
http_h2_session(struct http_conn *c)
{
	h2_window_enter(c->lane->h2, &c->h2->guest);
	return c->h2->guest.session;
}

void
http_h2_open(struct http_conn *c)
{
	nghttp2_session_callbacks *cb;
	nghttp2_option *option;
	if (nghttp2_session_callbacks_new(&cb) != 0 || nghttp2_option_new(&option) != 0)
		abort();
	nghttp2_session_callbacks_set_on_begin_headers_callback(cb, on_begin_headers);
	nghttp2_session_callbacks_set_on_header_callback(cb, on_header);
	nghttp2_session_callbacks_set_on_frame_recv_callback(cb, on_frame);
	nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(cb,
	                                                             on_invalid_frame);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(cb, on_data);
	nghttp2_session_callbacks_set_on_stream_close_callback(cb, on_stream_close);
	nghttp2_session_callbacks_set_on_frame_send_callback(cb, on_frame_sent);
	nghttp2_option_set_no_closed_streams(option, 1);
	nghttp2_option_set_max_outbound_ack(option, ACKS_MAX);
	nghttp2_option_set_max_settings(option, 32);
	nghttp2_option_set_stream_reset_rate_limit(option, 2UL * RESETS_MAX, RESETS_RATE);
	nghttp2_option_set_max_continuations(option, CONTINUATIONS_MAX);
	nghttp2_option_set_max_deflate_dynamic_table_size(option, DEFLATE_TABLE_SIZE);
	if (!c->lane->h2)
		c->lane->h2 = h2_window_new();
	if (!h2_window_open(c->lane->h2, &c->h2->guest, cb, c, option))
		abort();
	nghttp2_option_del(option);
	nghttp2_session_callbacks_del(cb);
}
