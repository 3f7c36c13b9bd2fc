/* SPDX-License-Identifier: ISC
 *
 * http_h2.c - a connection that speaks HTTP/2 (RFC 9113) through nghttp2.
 *
 * nghttp2 is called only from the loop's own callbacks (input, drained output, timer,
 * post). Inside of it our callbacks only note what has happened; handlers are called when
 * it has returned, and answers wait for the next post. So neither is ever re-entered.
 *
 * A peer has a budget of resets (CVE-2023-44487, CVE-2025-8671) and of frames that make
 * work but carry nothing (PING, SETTINGS, WINDOW_UPDATE, empty DATA; CONTINUATION by
 * nghttp2's own limit). Who has spent one gets GOAWAY with ENHANCE_YOUR_CALM.
 */
#include <assert.h>
#include <nghttp2/nghttp2.h>
#include <stdlib.h>

#include "base/mem.h"
#include "http/http_private.h"

#define RESETS_MAX 100 /* at once */
#define RESETS_RATE 10 /* a second, after that */
#define FRAMES_MAX 1000
#define FRAMES_RATE 100
#define ACKS_MAX 100
#define CONTINUATIONS_MAX 8
/* The bodies that one connection may have us hold, as a multiple of body_max. */
#define BODIES_MAX 2
#define SETTINGS_TABLE_SIZE 4096
#define LINGER_MS 1000

struct field {
	uint32_t name_n;
	uint32_t value_n;
};

struct h2_stream {
	struct list link;        /* in the connection's streams */
	struct list event;       /* in the connection's events */
	struct http_exchange *x; /* NULL before the head is whole */
	struct buf head;         /* names and values one after the other */
	struct field *fields;
	uint32_t n_fields;
	int32_t id;
	uint32_t error; /* of the close */
	uint64_t began_ms;
	uint64_t moved_ms; /* when the client last took some of the answer */
	size_t body_n;
	int refuse;        /* status for a head over a limit */
	bool is_whole;     /* to be dispatched */
	bool is_closed;    /* by nghttp2 */
	bool is_ended;     /* the peer has said END_STREAM */
	bool has_answer;   /* submitted, to the last byte */
	bool is_lingering; /* all is said; the peer may stop by itself before we reset */
};

struct budget {
	uint32_t spent;
	uint64_t at_ms;
};

struct http_h2 {
	nghttp2_session *session;
	struct list streams;
	struct list events; /* streams that something happened to */
	struct budget resets;
	struct budget frames;
	size_t bodies; /* bytes */
	bool is_calm;  /* GOAWAY has been sent: answers what is open, takes nothing new */
	bool is_closing;
};

static const uint8_t *
u8(const char *p)
{
	return (const uint8_t *)p;
}

/* --- budgets --- */

/* True when it is spent. */
static bool
spend(struct http_conn *c, struct budget *b, uint32_t max, uint32_t rate)
{
	uint64_t now = loop_now_ms(c->lane->loop);
	uint64_t refill = (now - b->at_ms) * rate / 1000;
	if (refill) {
		b->spent = refill < b->spent ? b->spent - (uint32_t)refill : 0;
		b->at_ms = now;
	}
	return ++b->spent > max;
}

static void
calm_down(struct http_conn *c, const char *why)
{
	struct http_h2 *h2 = c->h2;
	if (h2->is_calm)
		return;
	h2->is_calm = true;
	http_conn_log_refusal(c, 0, why);
	nghttp2_session_terminate_session(h2->session, NGHTTP2_ENHANCE_YOUR_CALM);
}

/* --- what nghttp2 tells; no handler is called from here --- */

static void
note_event(struct http_conn *c, struct h2_stream *s)
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
	s->fields[s->n_fields++] = (struct field){ (uint32_t)name_n, (uint32_t)value_n };
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

static void
drop_head(struct h2_stream *s)
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
	drop_head(s);
	s->x->h2 = s;
	s->x->began_ms = s->began_ms;
	s->refuse = status;
	if (status || s->is_ended) {
		s->is_whole = true;
		note_event(c, s);
	} else if (h.expects_continue) {
		nghttp2_nv nv = { (uint8_t *)":status", (uint8_t *)"100", 7, 3,
			          NGHTTP2_NV_FLAG_NONE };
		nghttp2_submit_headers(c->h2->session, 0, s->id, NULL, &nv, 1, NULL);
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
			note_event(c, s);
		}
		return 0;
	case NGHTTP2_DATA:
		if (s && ends) {
			s->is_ended = true;
			if (!s->is_whole) {
				s->is_whole = true;
				note_event(c, s);
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
		calm_down(c, "flood of control frames");
	return 0;
}

static int
on_invalid_frame(nghttp2_session *session UNUSED, const nghttp2_frame *frame UNUSED,
                 int error UNUSED, void *arg)
{
	struct http_conn *c = arg;
	if (spend(c, &c->h2->resets, RESETS_MAX, RESETS_RATE))
		calm_down(c, "too many broken frames");
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
	note_event(c, s);
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
	note_event(c, s);
	/* Work was begun and thrown away, whoever reset it. */
	if (error != NGHTTP2_NO_ERROR &&
	    spend(c, &c->h2->resets, RESETS_MAX, RESETS_RATE))
		calm_down(c, "too many reset streams");
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

/* --- after nghttp2 has returned --- */

static void
end_stream(struct http_conn *c, struct h2_stream *s)
{
	struct http_exchange *x = s->x;
	list_remove(&s->event);
	list_remove(&s->link);
	c->h2->bodies -= s->body_n;
	if (x && x->conn) {
		x->h2 = NULL;
		if (x->is_answered && s->has_answer && s->error == NGHTTP2_NO_ERROR)
			http_exchange_over(x);
		else
			http_exchange_gone(x);
	}
	drop_head(s);
	free(s);
}

static void
dispatch(struct http_conn *c, struct h2_stream *s)
{
	struct http_exchange *x = s->x;
	s->is_whole = true;
	if (s->refuse) {
		http_conn_log_refusal(c, s->refuse, http_status_str(s->refuse));
		http_respond_text(&x->r, s->refuse, "%s", http_status_str(s->refuse));
	} else {
		http_exchange_dispatch(x);
	}
}

static void
run_events(struct http_conn *c)
{
	while (!list_is_empty(&c->h2->events)) {
		struct h2_stream *s = list_first(&c->h2->events, struct h2_stream, event);
		list_remove(&s->event);
		if (s->is_closed)
			end_stream(c, s);
		else if (s->x && s->is_whole && !s->x->is_handed && !s->x->is_answered)
			dispatch(c, s);
	}
}

/* How long the stream may still go on as it does; UINT64_MAX: a handler is at work. */
static uint64_t
time_left(struct http_conn *c, const struct h2_stream *s)
{
	struct http_exchange *x = s->x;
	if (!s->is_whole)
		return http_conn_time_left(c, s->began_ms, s->body_n);
	if (!x || !x->is_answered || x->answer->is_deferred)
		return UINT64_MAX;
	/* A window that is never opened would hold the answer for ever. */
	uint64_t due = s->moved_ms + (s->is_lingering ? LINGER_MS : HTTP_STALL_MS);
	uint64_t now = loop_now_ms(c->lane->loop);
	return due > now ? due - now : 0;
}

static void
set_timer(struct http_conn *c)
{
	uint64_t left = UINT64_MAX;
	list_each(s, &c->h2->streams, struct h2_stream, link) {
		uint64_t its = time_left(c, s);
		left = its < left ? its : left;
	}
	if (list_is_empty(&c->h2->streams))
		left = c->server->conf.idle_ms;
	if (left == UINT64_MAX)
		loop_timer_clear(&c->timer);
	else
		loop_timer_set(&c->timer, left);
}

/* Events, then output, until both are done or the client does not take more. */
static void
h2_run(struct http_conn *c)
{
	struct http_h2 *h2 = c->h2;
	if (h2->is_closing)
		return;
	run_events(c);
	while (stream_output_len(c->stream) < HTTP_OUTPUT_HIGH) {
		const uint8_t *p;
		ssize_t n = nghttp2_session_mem_send(h2->session, &p);
		if (n <= 0)
			break;
		stream_write(c->stream, span_of((const char *)p, (size_t)n));
	}
	run_events(c);
	bool is_full = stream_output_len(c->stream) >= HTTP_OUTPUT_HIGH;
	stream_set_idle_ms(c->stream, stream_output_len(c->stream) ? HTTP_STALL_MS : 0);
	/* Who does not read what it asked for may not ask for more. */
	if (is_full)
		stream_pause(c->stream);
	else
		stream_resume(c->stream);
	if (!nghttp2_session_want_read(h2->session) &&
	    !nghttp2_session_want_write(h2->session)) {
		h2->is_closing = true;
		http_conn_close(c);
		return;
	}
	set_timer(c);
}

static void
h2_on_input(struct http_conn *c)
{
	struct span in = stream_input(c->stream);
	ssize_t n = nghttp2_session_mem_recv(c->h2->session, u8(in.p), in.n);
	if (n < 0) {
		/* FLOODED, BAD_CLIENT_MAGIC, out of memory: nothing to say any more. */
		http_conn_log_refusal(c, 0, nghttp2_strerror((int)n));
		nghttp2_session_terminate_session(c->h2->session,
		                                  n == NGHTTP2_ERR_FLOODED
		                                          ? NGHTTP2_ENHANCE_YOUR_CALM
		                                          : NGHTTP2_PROTOCOL_ERROR);
	}
	stream_consume(c->stream, in.n);
	h2_run(c);
}

static void
stop_slow_stream(struct http_conn *c, struct h2_stream *s)
{
	if (s->is_lingering) {
		nghttp2_submit_rst_stream(c->h2->session, NGHTTP2_FLAG_NONE, s->id,
		                          NGHTTP2_NO_ERROR);
	} else if (s->is_whole) {
		http_conn_log_refusal(c, 0, "answer not taken");
		nghttp2_submit_rst_stream(c->h2->session, NGHTTP2_FLAG_NONE, s->id,
		                          NGHTTP2_CANCEL);
	} else if (s->x) {
		s->refuse = 408;
		s->is_whole = true;
		note_event(c, s);
	} else {
		/* In the middle of a head nothing else can be said on the connection. */
		calm_down(c, "head too slow");
	}
}

static void
h2_on_timer(struct http_conn *c)
{
	struct http_h2 *h2 = c->h2;
	if (list_is_empty(&h2->streams))
		nghttp2_session_terminate_session(h2->session, NGHTTP2_NO_ERROR);
	list_each_safe(s, &h2->streams, struct h2_stream, link) {
		if (time_left(c, s) == 0)
			stop_slow_stream(c, s);
	}
	h2_run(c);
}

/* --- answering --- */

static ssize_t
take_out(struct http_answer *a, uint8_t *to, size_t room)
{
	size_t n = a->out.len - a->out_off < room ? a->out.len - a->out_off : room;
	memcpy(to, a->out.p + a->out_off, n);
	a->out_off += n;
	a->sent += n;
	if (a->out_off == a->out.len) {
		buf_done(&a->out);
		a->out_off = 0;
	}
	return (ssize_t)n;
}

static ssize_t
read_answer(nghttp2_session *session UNUSED, int32_t id UNUSED, uint8_t *to, size_t room,
            uint32_t *flags, nghttp2_data_source *source, void *arg UNUSED)
{
	struct h2_stream *s = source->ptr;
	struct http_exchange *x = s->x;
	struct http_answer *a = x->answer;
	while (a->out.len == 0 && a->more && !a->has_ended) {
		switch (a->more(&x->r, &a->out, a->more_arg)) {
		case HTTP_BODY_MORE:
			assert(a->out.len > 0 || a->out.failed);
			break;
		case HTTP_BODY_END:
			a->has_ended = true;
			break;
		case HTTP_BODY_WAIT:
			if (a->out.len > 0)
				break;
			a->is_deferred = true;
			return NGHTTP2_ERR_DEFERRED;
		case HTTP_BODY_ABORT:
			a->has_ended = true;
			return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
		}
		if (!buf_ok(&a->out)) {
			a->has_ended = true;
			return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
		}
	}
	ssize_t n = a->out.len ? take_out(a, to, room) : 0;
	s->moved_ms = loop_now_ms(x->r.loop);
	if (a->out.len == 0 && (!a->more || a->has_ended)) {
		*flags |= NGHTTP2_DATA_FLAG_EOF;
		s->has_answer = true;
	}
	return n;
}

static void
add_nv(nghttp2_nv *nv, size_t *n, struct arena *a, const char *name, const char *value)
{
	/* RFC 9113 8.2.1: lower case. */
	char *lower = arena_strdup(a, name);
	for (char *p = lower; *p; p++) {
		if (*p >= 'A' && *p <= 'Z')
			*p = (char)(*p - 'A' + 'a');
	}
	nv[(*n)++] = (nghttp2_nv){ (uint8_t *)lower, (uint8_t *)(uintptr_t)value,
		                   strlen(lower), strlen(value), NGHTTP2_NV_FLAG_NONE };
}

static void
submit(struct h2_stream *s, struct arena *arena)
{
	struct http_exchange *x = s->x;
	struct http_answer *a = x->answer;
	const char *name, *value;
	size_t n = 0, n_fields = 4;
	for (size_t at = 0; http_answer_field(a, &at, &name, &value);)
		n_fields++;
	nghttp2_nv *nv = arena_array(arena, n_fields, nghttp2_nv);
	add_nv(nv, &n, arena, ":status", arena_printf(arena, "%d", a->status));
	add_nv(nv, &n, arena, "date", http_lane_date(x->conn->lane));
	add_nv(nv, &n, arena, "server", "Godwit");
	if (a->size != UINT64_MAX && a->status != 204 &&
	    (a->status != 304 || a->size > 0))
		add_nv(nv, &n, arena, "content-length",
		       arena_printf(arena, "%" PRIu64, a->size));
	for (size_t at = 0; http_answer_field(a, &at, &name, &value);)
		add_nv(nv, &n, arena, name, value);
	nghttp2_data_provider provider = { .source.ptr = s,
		                           .read_callback = read_answer };
	bool has_body = http_answer_has_body(x) && (a->more || a->out.len > 0);
	s->has_answer = !has_body;
	s->moved_ms = loop_now_ms(x->r.loop);
	nghttp2_submit_response(x->conn->h2->session, s->id, nv, n,
	                        has_body ? &provider : NULL);
}

static void
h2_respond(struct http_exchange *x)
{
	struct h2_stream *s = x->h2;
	struct http_answer *a = x->answer;
	if (!s || s->is_closed)
		return; /* its end is among the events */
	AUTO(arena)
	struct arena *arena = arena_new();
	submit(s, arena);
	if (a->more && !http_answer_has_body(x) && !http_answer_discard(x))
		s->has_answer = false; /* its producer hears of the end by on_gone */
	http_conn_post(x->conn);
}

static void
h2_body_ready(struct http_exchange *x)
{
	struct h2_stream *s = x->h2;
	if (!s || s->is_closed || !x->answer->is_deferred)
		return;
	x->answer->is_deferred = false;
	nghttp2_session_resume_data(x->conn->h2->session, s->id);
	http_conn_post(x->conn);
}

/* --- begin and end --- */

static void
h2_drain(struct http_conn *c)
{
	struct http_h2 *h2 = c->h2;
	nghttp2_submit_goaway(h2->session, NGHTTP2_FLAG_NONE,
	                      nghttp2_session_get_last_proc_stream_id(h2->session),
	                      NGHTTP2_NO_ERROR, NULL, 0);
	http_conn_post(c);
}

static void
h2_done(struct http_conn *c)
{
	struct http_h2 *h2 = c->h2;
	/* nghttp2 does not tell of the streams that end with the session. */
	list_each_safe(s, &h2->streams, struct h2_stream, link) {
		drop_head(s);
		free(s);
	}
	nghttp2_session_del(h2->session);
	free(h2);
	c->h2 = NULL;
}

static nghttp2_session *
make_session(struct http_conn *c)
{
	nghttp2_session_callbacks *cb;
	nghttp2_option *option;
	nghttp2_session *session;
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
	nghttp2_option_set_stream_reset_rate_limit(option, 2 * RESETS_MAX, RESETS_RATE);
	nghttp2_option_set_max_continuations(option, CONTINUATIONS_MAX);
	nghttp2_option_set_max_deflate_dynamic_table_size(option, SETTINGS_TABLE_SIZE);
	if (nghttp2_session_server_new2(&session, cb, c, option) != 0)
		abort();
	nghttp2_option_del(option);
	nghttp2_session_callbacks_del(cb);
	return session;
}

void
http_h2_begin(struct http_conn *c)
{
	const struct http_conf *conf = &c->server->conf;
	struct http_h2 *h2 = xcalloc(1, sizeof(*h2));
	nghttp2_settings_entry settings[] = {
		{ NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, (uint32_t)conf->streams_max },
		{ NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, (uint32_t)conf->header_max },
		{ NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1 },
	};
	c->version = &http_version_2;
	c->h2 = h2;
	list_init(&h2->streams);
	list_init(&h2->events);
	h2->session = make_session(c);
	if (nghttp2_submit_settings(h2->session, NGHTTP2_FLAG_NONE, settings,
	                            ARRAY_LEN(settings)) != 0)
		abort();
	if (atomic_load(&c->server->draining))
		h2_drain(c);
	h2_run(c);
}

const struct http_version http_version_2 = {
	.on_input = h2_on_input,
	.on_drain = h2_run,
	.on_timer = h2_on_timer,
	.on_post = h2_run,
	.respond = h2_respond,
	.body_ready = h2_body_ready,
	.drain = h2_drain,
	.done = h2_done,
};
