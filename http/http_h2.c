/* SPDX-License-Identifier: ISC
 *
 * http_h2.c - a connection that speaks HTTP/2 (RFC 9113) through nghttp2.
 *
 * nghttp2 is called only from the loop's own callbacks (input, drained output, timer,
 * post). Inside of it our callbacks only note what has happened; handlers are called when
 * it has returned, and their answers are noted too. So neither is ever re-entered, and no
 * session is in the lane's window while another one is at work.
 */
#include <assert.h>
#include <stdlib.h>

#include "base/mem.h"
#include "http/http_h2_private.h"

#define LINGER_MS 1000

/* --- what was noted --- */

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
	http_h2_drop_head(s);
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

static void submit(struct h2_stream *s);

static void
run_event(struct http_conn *c, struct h2_stream *s)
{
	if (s->is_closed) {
		end_stream(c, s);
	} else if (s->x && s->is_whole && !s->x->is_handed && !s->x->is_answered) {
		dispatch(c, s);
	} else if (s->x && s->x->is_answered && !s->is_submitted) {
		submit(s);
	} else if (s->is_ready) {
		s->is_ready = false;
		nghttp2_session_resume_data(http_h2_session(c), s->id);
	}
}

static void
run_events(struct http_conn *c)
{
	while (!list_is_empty(&c->h2->events)) {
		struct h2_stream *s = list_first(&c->h2->events, struct h2_stream, event);
		list_remove(&s->event);
		run_event(c, s);
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
	uint64_t due =
		s->moved_ms + (s->is_lingering ? LINGER_MS : c->server->conf.stall_ms);
	uint64_t now = loop_now_ms(c->lane->loop);
	return due > now ? due - now : 0;
}

/* Frames that carry no request do not make a connection less idle. */
static uint64_t
idle_left(struct http_conn *c)
{
	struct http_h2 *h2 = c->h2;
	uint64_t now = loop_now_ms(c->lane->loop);
	if (h2->idle_since_ms == 0)
		h2->idle_since_ms = now;
	uint64_t due = h2->idle_since_ms + c->server->conf.idle_ms;
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
		left = idle_left(c);
	else
		c->h2->idle_since_ms = 0;
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
		nghttp2_session *session = http_h2_session(c);
		h2_window_hold(c->lane->h2, true);
		ssize_t n = nghttp2_session_mem_send(session, &p);
		h2_window_hold(c->lane->h2, false);
		if (n <= 0)
			break;
		stream_write(c->stream, span_of((const char *)p, (size_t)n));
	}
	run_events(c);
	bool is_full = stream_output_len(c->stream) >= HTTP_OUTPUT_HIGH;
	/* Who does not read what it asked for may not ask for more. */
	if (is_full)
		stream_pause(c->stream);
	else
		stream_resume(c->stream);
	nghttp2_session *session = http_h2_session(c);
	if (!nghttp2_session_want_read(session) && !nghttp2_session_want_write(session)) {
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
	nghttp2_session *session = http_h2_session(c);
	h2_window_hold(c->lane->h2, true);
	ssize_t n = nghttp2_session_mem_recv(session, (const uint8_t *)in.p, in.n);
	h2_window_hold(c->lane->h2, false);
	if (n < 0) {
		/* FLOODED, BAD_CLIENT_MAGIC, out of memory: nothing to say any more. */
		http_conn_log_refusal(c, 0, nghttp2_strerror((int)n));
		nghttp2_session_terminate_session(
			session, n == NGHTTP2_ERR_FLOODED ? NGHTTP2_ENHANCE_YOUR_CALM
							  : NGHTTP2_PROTOCOL_ERROR);
	}
	stream_consume(c->stream, in.n);
	h2_run(c);
}

static void
stop_slow_stream(struct http_conn *c, struct h2_stream *s)
{
	if (s->is_lingering) {
		nghttp2_submit_rst_stream(http_h2_session(c), NGHTTP2_FLAG_NONE, s->id,
		                          NGHTTP2_NO_ERROR);
	} else if (s->is_whole) {
		http_conn_log_refusal(c, 0, "answer not taken");
		nghttp2_submit_rst_stream(http_h2_session(c), NGHTTP2_FLAG_NONE, s->id,
		                          NGHTTP2_CANCEL);
	} else if (s->x) {
		s->refuse = 408;
		s->is_whole = true;
		http_h2_note(c, s);
	} else {
		/* In the middle of a head nothing else can be said on the connection. */
		http_h2_calm_down(c, "head too slow");
	}
}

static void
h2_on_timer(struct http_conn *c)
{
	struct http_h2 *h2 = c->h2;
	if (list_is_empty(&h2->streams) && idle_left(c) == 0)
		nghttp2_session_terminate_session(http_h2_session(c), NGHTTP2_NO_ERROR);
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
submit(struct h2_stream *s)
{
	struct http_exchange *x = s->x;
	struct http_answer *a = x->answer;
	AUTO(arena)
	struct arena *arena = arena_new();
	const char *name, *value;
	size_t n = 0, n_fields = 4;
	s->is_submitted = true;
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
	nghttp2_submit_response(http_h2_session(x->conn), s->id, nv, n,
	                        has_body ? &provider : NULL);
	if (a->more && !http_answer_has_body(x) && !http_answer_discard(x))
		s->has_answer = false; /* its producer hears of the end by on_gone */
}

static void
h2_respond(struct http_exchange *x)
{
	struct h2_stream *s = x->h2;
	if (!s || s->is_closed)
		return; /* its end is among the events */
	http_h2_note(x->conn, s);
	http_conn_post(x->conn);
}

static void
h2_body_ready(struct http_exchange *x)
{
	struct h2_stream *s = x->h2;
	if (!s || s->is_closed || !x->answer->is_deferred)
		return;
	x->answer->is_deferred = false;
	s->is_ready = true;
	http_h2_note(x->conn, s);
	http_conn_post(x->conn);
}

/* --- begin and end --- */

static void
h2_drain(struct http_conn *c)
{
	nghttp2_session *session = http_h2_session(c);
	nghttp2_submit_goaway(session, NGHTTP2_FLAG_NONE,
	                      nghttp2_session_get_last_proc_stream_id(session),
	                      NGHTTP2_NO_ERROR, NULL, 0);
	http_conn_post(c);
}

static void
h2_done(struct http_conn *c)
{
	struct http_h2 *h2 = c->h2;
	/* nghttp2 does not tell of the streams that end with the session. */
	list_each_safe(s, &h2->streams, struct h2_stream, link) {
		http_h2_drop_head(s);
		free(s);
	}
	h2_window_close(c->lane->h2, &h2->guest);
	free(h2);
	c->h2 = NULL;
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
	http_h2_open(c);
	if (nghttp2_submit_settings(http_h2_session(c), NGHTTP2_FLAG_NONE, settings,
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
