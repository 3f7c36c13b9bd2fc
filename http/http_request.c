/* SPDX-License-Identifier: ISC
 *
 * http_request.c - the request object: made from a head, handed over, held, freed.
 *
 * An exchange is over when its answer has left it or its client has gone; its memory goes
 * from the loop, after the calls that may still look at it have returned, and not before
 * the last hold was released.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/encode.h"
#include "base/mem.h"
#include "http/http_gzip.h"
#include "http/http_private.h"

/* --- making --- */

/* A place in the block behind the headers. */
struct filler {
	char *at;
};

static struct span
put(struct filler *f, struct span s)
{
	struct span kept = span_of(f->at, s.n);
	if (s.n)
		memcpy(f->at, s.p, s.n);
	f->at += s.n;
	return kept;
}

static struct span
put_lower(struct filler *f, struct span s)
{
	struct span kept = put(f, s);
	for (char *p = f->at - s.n; p < f->at; p++) {
		if (*p >= 'A' && *p <= 'Z')
			*p = (char)(*p - 'A' + 'a');
	}
	return kept;
}

/* RFC 9110 12.5.3: is gzip, or anything, among the codings with a weight above 0? */
static bool
takes_gzip(struct span value)
{
	for (struct span item; span_cut(&value, ',', &item);) {
		struct span name;
		if (!span_cut(&item, ';', &name))
			continue;
		name = span_trim(name);
		item = span_trim(item);
		if (!span_iis(name, "gzip") && !span_iis(name, "*"))
			continue;
		if (!span_istarts(item, "q="))
			return true;
		for (size_t i = 2; i < item.n; i++) {
			if (item.p[i] >= '1' && item.p[i] <= '9')
				return true;
		}
	}
	return false;
}

static size_t
head_size(const struct http_head *h)
{
	size_t n = h->n_headers * sizeof(h->headers[0]) + h->method.n + h->path.n +
	           h->query.n + h->host.n;
	for (size_t i = 0; i < h->n_headers; i++)
		n += h->headers[i].name.n + h->headers[i].value.n;
	return n;
}

static bool
fill(struct http_exchange *x, const struct http_head *h)
{
	struct http_request *r = &x->r;
	x->head_n = (uint32_t)head_size(h);
	x->head = xmalloc(x->head_n ? x->head_n : 1);
	struct filler f = { (char *)(x->head + h->n_headers) };
	for (size_t i = 0; i < h->n_headers; i++) {
		x->head[i].name = put_lower(&f, h->headers[i].name);
		x->head[i].value = put(&f, h->headers[i].value);
	}
	r->headers = x->head;
	r->n_headers = h->n_headers;
	r->method = put(&f, h->method);
	r->query = put(&f, h->query);
	r->host = put_lower(&f, h->host);
	r->path = span_of(f.at, 0);
	return http_path_decode(h->path, f.at, &r->path.n);
}

static void
drop_head(struct http_exchange *x)
{
	if (!x->head)
		return;
	/* Credentials are among the headers. */
	mem_wipe(x->head, x->head_n);
	free(x->head);
	x->head = NULL;
}

static void
exchange_free(struct http_exchange *x)
{
	http_forget_auth(&x->r);
	arena_free(x->r.arena);
	http_answer_free(x->answer);
	buf_done(&x->body);
	drop_head(x);
	free(x);
}

/* With the log's fields behind it. */
static struct http_exchange *
exchange_alloc(struct http_conn *c)
{
	static const char form[] = "sess=h%x req=%u peer=%s";
	const char *peer = stream_peer(c->stream);
	int n = snprintf(NULL, 0, form, c->id, c->n_requests, peer);
	struct http_exchange *x = xcalloc(1, sizeof(*x) + (size_t)n + 1);
	snprintf(x->log_fields, (size_t)n + 1, form, c->id, c->n_requests, peer);
	x->r.log.fields = x->log_fields;
	x->r.peer = x->log_fields + (size_t)n - strlen(peer);
	return x;
}

int
http_exchange_new(struct http_conn *c, const struct http_head *h,
                  struct http_exchange **ret)
{
	c->n_requests++;
	struct http_exchange *x = exchange_alloc(c);
	x->conn = c;
	x->began_ms = loop_now_ms(c->lane->loop);
	x->r.arena = arena_new();
	x->r.version = h->version == 2 ? 2 : 11;
	x->r.is_tls = stream_is_tls(c->stream);
	x->r.loop = c->lane->loop;
	x->is_http10 = h->version == 10;
	x->keeps_alive =
		x->is_http10 ? h->says_keep_alive && !h->says_close : !h->says_close;
	x->expects_continue = h->expects_continue;
	buf_init(&x->body, c->server->conf.body_max);
	list_init(&x->link);
	if (!fill(x, h)) {
		exchange_free(x);
		return 400;
	}
	x->is_head = span_is(x->r.method, "HEAD");
	x->takes_gzip = takes_gzip(http_header_get(&x->r, "accept-encoding"));
	list_push_back(&c->exchanges, &x->link);
	*ret = x;
	return 0;
}

/* --- handing over --- */

/* RFC 9110 8.4. 0, or a status. */
static int
undo_coding(struct http_exchange *x)
{
	struct span coding = http_header_get(&x->r, "content-encoding");
	if (coding.n == 0 || span_iis(coding, "identity"))
		return 0;
	if (!span_iis(coding, "gzip") && !span_iis(coding, "x-gzip"))
		return 415;
	AUTO_DONE(buf) struct buf plain = BUF_INIT(x->body.max);
	enum rc rc = http_gunzip(buf_span(&x->body), &plain);
	if (rc != RC_OK)
		return rc == RC_TOO_BIG ? 413 : 400;
	buf_clear(&x->body);
	buf_move(&x->body, &plain);
	return 0;
}

static void
refuse(struct http_exchange *x, int status)
{
	http_conn_log_refusal(x->conn, status, http_status_str(status));
	http_respond_text(&x->r, status, "%s", http_status_str(status));
}

static void
hand_over(struct http_exchange *x)
{
	struct http_request *r = &x->r;
	int status = undo_coding(x);
	if (status) {
		refuse(x, status);
		return;
	}
	r->body = buf_span(&x->body);
	struct http_server *s = x->conn->server;
	const struct http_route *route = http_route_find(s, r->path);
	uint64_t busy_ms = route && s->busy ? s->busy(s->busy_arg) : 0;
	if (busy_ms > 0) {
		http_set_headerf(r, "Retry-After", "%" PRIu64, busy_ms / 1000 + 1);
		refuse(x, 503);
	} else if (span_is(r->method, "TRACE")) {
		refuse(x, 405);
	} else if (route) {
		x->is_handed = true;
		http_count_request();
		route->fn(r, route->arg);
	} else if (span_is(r->path, "*")) {
		http_set_header(r, "Allow", "GET, HEAD, POST, OPTIONS");
		http_respond(r, 200, NULL);
	} else {
		http_respond_text(r, 404, "There is nothing here.");
	}
}

bool
http_exchange_dispatch(struct http_exchange *x)
{
	x->is_dispatching = true;
	hand_over(x);
	x->is_dispatching = false;
	if (!x->is_over)
		return !x->is_answered;
	if (x->holds == 0)
		exchange_free(x);
	return false;
}

/* --- the end --- */

static void
free_posted(void *arg)
{
	exchange_free(arg);
}

static void
free_when_nobody_looks(struct http_exchange *x)
{
	if (!x->is_over || x->holds || x->is_dispatching || x->is_posted)
		return;
	x->is_posted = true;
	loop_post(x->r.loop, free_posted, x);
}

static void
log_answer(const struct http_exchange *x)
{
	const struct http_answer *a = x->answer;
	enum log_level level = a->status >= 400 ? LOG_LEVEL_INFO : LOG_LEVEL_DEBUG;
	if (!log_is_on(level))
		return;
	log_write(level, &x->r.log, "http.answer",
	          "method=%s path=%s status=%d in=%zu out=%" PRIu64 " ms=%" PRIu64
	          " http=%d",
	          LOG_STR(x->r.method), LOG_STR(x->r.path), a->status, x->r.body.n,
	          a->sent, loop_now_ms(x->r.loop) - x->began_ms, x->r.version);
}

void
http_exchange_over(struct http_exchange *x)
{
	log_answer(x);
	list_remove(&x->link);
	x->conn = NULL;
	x->is_over = true;
	free_when_nobody_looks(x);
}

void
http_exchange_gone(struct http_exchange *x)
{
	list_remove(&x->link);
	x->gone = x->conn ? x->conn->gone : HTTP_GONE_LEFT;
	x->conn = NULL;
	x->is_gone = true;
	/* After its answer the handler has let go, but for a body that it still makes. */
	bool concerns_handler =
		x->is_handed &&
		(!x->is_answered || (x->answer->more && !x->answer->has_ended));
	if (concerns_handler && x->on_gone) {
		log_debug(&x->r.log, "http.gone", "path=%s ms=%" PRIu64,
		          LOG_STR(x->r.path), loop_now_ms(x->r.loop) - x->began_ms);
		x->on_gone(&x->r);
	}
	x->is_over = true;
	free_when_nobody_looks(x);
}

void
http_on_gone(struct http_request *r, http_gone_fn *fn)
{
	http_exchange_of(r)->on_gone = fn;
}

void
http_on_drain(struct http_request *r, http_gone_fn *fn)
{
	http_exchange_of(r)->on_drain = fn;
}

void
http_hold(struct http_request *r)
{
	struct http_exchange *x = http_exchange_of(r);
	assert(x->holds < UINT16_MAX);
	x->holds++;
}

void
http_release(struct http_request *r)
{
	struct http_exchange *x = http_exchange_of(r);
	assert(x->holds > 0);
	x->holds--;
	free_when_nobody_looks(x);
}

bool
http_is_gone(const struct http_request *r)
{
	return http_exchange_of(r)->is_gone;
}

enum http_gone
http_gone_how(const struct http_request *r)
{
	return http_exchange_of(r)->gone;
}

uint32_t
http_connection_id(const struct http_request *r)
{
	const struct http_exchange *e = http_exchange_of(r);
	return e->conn ? e->conn->id : 0;
}

/* What the log says of a parked request's method. */
static struct span
known_method(struct span method)
{
	static const char *const known[] = { "POST", "GET", "PUT" };
	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		if (span_is(method, known[i]))
			return span_str(known[i]);
	}
	return SPAN("");
}

void
http_park(struct http_request *r)
{
	struct http_exchange *x = http_exchange_of(r);
	const struct http_route *route = NULL;
	if (x->conn)
		route = http_route_find(x->conn->server, r->path);
	r->path = route ? span_of(route->path, route->n) : SPAN("");
	r->method = known_method(r->method);
	r->query = r->host = r->body = SPAN("");
	r->headers = NULL;
	r->n_headers = 0;
	drop_head(x);
	buf_done(&x->body);
	arena_clear(r->arena);
}

/* --- what handlers ask --- */

struct span
http_header_get(const struct http_request *r, const char *name)
{
	for (size_t i = 0; i < r->n_headers; i++) {
		if (span_is(r->headers[i].name, name))
			return r->headers[i].value;
	}
	return (struct span){ 0 };
}

struct span
http_query_get(struct http_request *r, const char *key)
{
	struct span rest = r->query, pair, name;
	while (span_cut(&rest, '&', &pair)) {
		bool has_value = span_find(pair, 0, '=') < pair.n;
		AUTO_DONE(buf) struct buf b = BUF_INIT(r->query.n + 1);
		if (!span_cut(&pair, '=', &name) ||
		    percent_decode(name, true, &b) != RC_OK ||
		    !span_iis(buf_span(&b), key))
			continue;
		buf_clear(&b);
		if (percent_decode(has_value ? pair : SPAN(""), true, &b) != RC_OK)
			continue;
		return arena_span(r->arena, buf_span(&b));
	}
	return (struct span){ 0 };
}
