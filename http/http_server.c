/* SPDX-License-Identifier: ISC
 *
 * http_server.c - the server object, its routes, and the life of its connections.
 */
#include <assert.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/htab.h"
#include "base/mem.h"
#include "base/metric.h"
#include "http/http_h2_window.h"
#include "http/http_private.h"

static struct metric metric_conns =
	METRIC_GAUGE("godwit_http_connections", "Open HTTP connections.");
static struct metric metric_refused = METRIC_COUNTER(
	"godwit_http_refused_total", "HTTP requests refused as malformed, too "
				     "big or too slow.");

static struct metric metric_requests =
	METRIC_COUNTER("godwit_http_requests_total", "HTTP requests handed to handlers.");

void
http_count_request(void)
{
	metric_add(&metric_requests, 1);
}

enum rc
http_server_new(const struct http_conf *conf, struct http_server **ret)
{
	struct http_server *s = xcalloc(1, sizeof(*s));
	s->conf = *conf;
	s->conf.listen = s->conf.listen_tls = (struct conf_list){ 0 };
	pthread_mutex_init(&s->lanes_lock, NULL);
	metric_register(&metric_conns);
	metric_register(&metric_refused);
	metric_register(&metric_requests);
	*ret = s;
	return RC_OK;
}

void
http_server_free(struct http_server *s)
{
	if (!s)
		return;
	assert(atomic_load(&s->n_conns) == 0);
	for (struct http_lane *lane = s->lanes, *next; lane; lane = next) {
		next = lane->next;
		free(lane->headers);
		h2_window_free(lane->h2);
		free(lane);
	}
	for (size_t i = 0; i < s->n_routes; i++)
		free(s->routes[i].path);
	free(s->routes);
	pthread_mutex_destroy(&s->lanes_lock);
	free(s);
}

void
http_server_route(struct http_server *s, const char *path, http_handler_fn *fn, void *arg)
{
	size_t n = strlen(path);
	bool is_prefix = n > 0 && path[n - 1] == '*';
	n -= is_prefix;
	s->routes = xreallocarray(s->routes, s->n_routes + 1, sizeof(s->routes[0]));
	s->routes[s->n_routes++] = (struct http_route){ .path = xstrndup(path, n),
		                                        .n = n,
		                                        .is_prefix = is_prefix,
		                                        .fn = fn,
		                                        .arg = arg };
}

void
http_server_on_busy(struct http_server *s, http_busy_fn *fn, void *arg)
{
	s->busy = fn;
	s->busy_arg = arg;
}

const struct http_route *
http_route_find(const struct http_server *s, struct span path)
{
	for (size_t i = 0; i < s->n_routes; i++) {
		const struct http_route *route = &s->routes[i];
		struct span head = route->is_prefix ? span_sub(path, 0, route->n) : path;
		if (span_ieq(head, span_of(route->path, route->n)))
			return route;
	}
	return NULL;
}

size_t
http_server_connections(const struct http_server *s)
{
	return atomic_load_explicit(&s->n_conns, memory_order_relaxed);
}

struct http_lane *
http_lane_get(struct http_server *s, struct loop *l)
{
	pthread_mutex_lock(&s->lanes_lock);
	struct http_lane *lane = s->lanes;
	while (lane && lane->loop != l)
		lane = lane->next;
	if (!lane) {
		lane = xcalloc(1, sizeof(*lane));
		lane->loop = l;
		lane->headers =
			xcalloc((size_t)s->conf.headers_max, sizeof(lane->headers[0]));
		lane->date_s = INT64_MIN;
		list_init(&lane->conns);
		lane->next = s->lanes;
		s->lanes = lane;
	}
	pthread_mutex_unlock(&s->lanes_lock);
	return lane;
}

const char *
http_lane_date(struct http_lane *lane)
{
	int64_t now_ms = clock_wall_ms();
	if (now_ms / 1000 != lane->date_s) {
		lane->date_s = now_ms / 1000;
		clock_http(now_ms, lane->date, sizeof(lane->date));
	}
	return lane->date;
}

/* --- connections --- */

static void
on_open(void *owner)
{
	struct http_conn *c = owner;
	if (c->force_h2 || span_is(stream_alpn(c->stream), "h2"))
		http_h2_begin(c);
	else
		http_h1_begin(c);
}

static void
on_input(void *owner)
{
	struct http_conn *c = owner;
	c->version->on_input(c);
}

static void
on_drain(void *owner)
{
	struct http_conn *c = owner;
	c->version->on_drain(c);
}

static enum http_gone
gone_how(enum stream_end why)
{
	switch (why) {
	case STREAM_END_ERROR:
		return HTTP_GONE_RESET;
	case STREAM_END_TIMEOUT:
		return HTTP_GONE_SILENT;
	case STREAM_END_EOF:
	case STREAM_END_TLS:
	case STREAM_END_CLOSED:
		break;
	}
	return HTTP_GONE_LEFT;
}

static void
on_end(void *owner, enum stream_end why, const char *detail)
{
	struct http_conn *c = owner;
	c->gone = gone_how(why);
	log_debug(NULL, "http.end", "sess=h%x peer=%s why=%s requests=%u", c->id,
	          stream_peer(c->stream),
	          LOG_STR(span_str(detail ? detail : stream_end_str(why))),
	          c->n_requests);
	http_conn_free(c);
}

static const struct stream_ops conn_ops = {
	.on_open = on_open,
	.on_input = on_input,
	.on_drain = on_drain,
	.on_end = on_end,
};

static void
on_timer(void *arg)
{
	struct http_conn *c = arg;
	c->version->on_timer(c);
}

struct http_conn *
http_conn_accept(struct http_server *s, struct loop *l, int fd, struct tls_server *tls,
                 bool force_h2)
{
	static _Atomic uint32_t next_id;
	struct http_conn *c = xcalloc(1, sizeof(*c));
	/* The head lies in the stream's input until it is whole. */
	struct stream_limits limits = { .input_max = s->conf.header_max + 16384,
		                        .stall_ms = s->conf.stall_ms,
		                        .handshake_ms = s->conf.request_ms };
	struct span alpn =
		s->conf.http2 ? SPAN("\x02h2\x08http/1.1") : SPAN("\x08http/1.1");

	c->server = s;
	c->lane = http_lane_get(s, l);
	c->id = atomic_fetch_add(&next_id, 1) + 1;
	c->force_h2 = force_h2;
	list_init(&c->exchanges);
	loop_timer_init(&c->timer, l, on_timer, c);
	list_push_back(&c->lane->conns, &c->link);
	atomic_fetch_add_explicit(&s->n_conns, 1, memory_order_relaxed);
	metric_add(&metric_conns, 1);
	c->stream = stream_accept(l, fd, tls, tls ? alpn : (struct span){ 0 }, &limits,
	                          &conn_ops, c);
	return c;
}

void
http_server_accept(struct http_server *s, struct loop *l, int fd, struct tls_server *tls)
{
	http_conn_accept(s, l, fd, tls, false);
}

void
http_conn_free(struct http_conn *c)
{
	struct list gone;
	list_init(&gone);
	list_splice(&gone, &c->exchanges);
	while (!list_is_empty(&gone))
		http_exchange_gone(list_first(&gone, struct http_exchange, link));
	if (c->version)
		c->version->done(c);
	loop_timer_clear(&c->timer);
	stream_free(c->stream);
	c->stream = NULL;
	list_remove(&c->link);
	atomic_fetch_sub_explicit(&c->server->n_conns, 1, memory_order_relaxed);
	metric_add(&metric_conns, -1);
	c->is_dead = true;
	if (!c->is_posted)
		free(c);
}

static void
run_posted(void *arg)
{
	struct http_conn *c = arg;
	c->is_posted = false;
	if (c->is_dead)
		free(c);
	else
		c->version->on_post(c);
}

void
http_conn_post(struct http_conn *c)
{
	if (c->is_posted)
		return;
	c->is_posted = true;
	loop_post(c->lane->loop, run_posted, c);
}

void
http_conn_close(struct http_conn *c)
{
	loop_timer_clear(&c->timer);
	stream_set_idle_ms(c->stream, HTTP_CLOSE_MS);
	stream_close(c->stream);
}

uint64_t
http_conn_time_left(const struct http_conn *c, uint64_t began_ms, uint64_t got)
{
	const struct http_conf *conf = &c->server->conf;
	uint64_t rate = conf->body_rate_min ? conf->body_rate_min : 1;
	uint64_t due = began_ms + conf->request_ms + got * 1000 / rate;
	uint64_t now = loop_now_ms(c->lane->loop);
	return due > now ? due - now : 0;
}

void
http_conn_log_refusal(const struct http_conn *c, int status, const char *why)
{
	metric_add(&metric_refused, 1);
	log_info(NULL, "http.refused", "sess=h%x peer=%s status=%d why=\"%s\"", c->id,
	         stream_peer(c->stream), status, why);
}

/* --- draining --- */

/* Asks the handlers that wait for an answer now. */
static void
tell_waiting(struct http_conn *c)
{
	struct list todo;
	list_init(&todo);
	list_splice(&todo, &c->exchanges);
	while (!list_is_empty(&todo)) {
		struct http_exchange *x = list_first(&todo, struct http_exchange, link);
		list_remove(&x->link);
		list_push_back(&c->exchanges, &x->link);
		if (x->is_handed && !x->is_answered && x->on_drain)
			x->on_drain(&x->r);
	}
}

static bool
waits(const struct http_conn *c)
{
	list_each(x, &c->exchanges, struct http_exchange, link) {
		if (x->is_handed && !x->is_answered && x->on_drain)
			return true;
	}
	return false;
}

void
http_server_drain(struct http_server *s, struct loop *l, unsigned keep)
{
	struct http_lane *lane = http_lane_get(s, l);
	atomic_store(&s->draining, true);
	list_each_safe(c, &lane->conns, struct http_conn, link) {
		if (!c->version) /* hands are being shaken: sees it when it opens */
			continue;
		if (waits(c) && hash_u64(c->id) % 1000 < keep)
			continue;
		tell_waiting(c);
		if (!c->is_drained)
			c->version->drain(c);
		c->is_drained = true;
	}
}

void
http_server_abort(struct http_server *s, struct loop *l)
{
	struct http_lane *lane = http_lane_get(s, l);
	while (!list_is_empty(&lane->conns)) {
		struct http_conn *c = list_first(&lane->conns, struct http_conn, link);
		list_remove(&c->link);
		http_conn_free(c);
	}
}
