/* SPDX-License-Identifier: ISC
 *
 * http.h - HTTP/1.1 and HTTP/2 on one listener, to one request object (RFC 9110-9113).
 *
 * Everything here runs in the connection's loop. A handler is called with the whole
 * request (body included), and answers now or later; while it waits the connection costs
 * a socket and the request object. A client that goes away cancels the request at once.
 */
#ifndef HTTP_HTTP_H
#define HTTP_HTTP_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/conf.h"
#include "base/listener.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/stream.h"

struct http_server;
struct http_request;

extern const struct conf_section http_conf_section; /* "http" */

struct http_conf {
	struct conf_list listen; /* plain */
	struct conf_list listen_tls;
	uint64_t header_max; /* bytes of request line and headers */
	int64_t headers_max; /* count */
	uint64_t body_max;
	uint64_t idle_ms;       /* keep-alive between requests */
	uint64_t request_ms;    /* the whole request must have come in so long after its
	                           first byte */
	uint64_t body_rate_min; /* bytes a second that a body must make beyond request_ms
	                         */
	struct listener_tcp tcp;
	uint64_t stall_ms;   /* a client that takes nothing of its answer is dropped */
	int64_t streams_max; /* concurrent HTTP/2 streams of a connection */
	bool http2;
	bool gzip;
};

struct http_header {
	struct span name;  /* lower case */
	struct span value; /* trimmed */
};

/* Read by handlers; spans live as long as the request, or until http_park(). */
struct http_request {
	struct arena *arena;
	struct log_ctx log; /* sess= peer= req= */
	struct span method; /* "POST" */
	struct span path;  /* "/Microsoft-Server-ActiveSync", percent-decoded, no query */
	struct span query; /* behind '?', raw; empty without */
	struct span host;  /* Host or :authority */
	const struct http_header *headers;
	size_t n_headers;
	struct span body; /* content codings undone (gzip) */
	int version;      /* 11 or 2 */
	bool is_tls;
	const char *peer; /* address */
	struct loop *loop;
	void *user_data; /* the handler's own */
};

/* Called for a path; the request stays valid until http_respond() was called (its memory
 * goes after that call returns to the loop), or on_gone ran. */
typedef void http_handler_fn(struct http_request *r, void *arg);
/* The client went away before the answer: the handler must let go of r. A handler whose
 * job is still running in a worker sets http_hold(). */
typedef void http_gone_fn(struct http_request *r);

enum rc
http_server_new(const struct http_conf *conf, struct http_server **ret) MUST_CHECK;
/* Exact path, or a prefix when it ends in '*'; compared without case. First match wins.
 */
void http_server_route(struct http_server *s, const char *path, http_handler_fn *fn,
                       void *arg);
/* Asked before each request is handed over: 0, or after how many milliseconds its client
 * shall come again; it gets 503 with Retry-After then (RFC 9110 10.2.3). */
typedef uint64_t http_busy_fn(void *arg);
void http_server_on_busy(struct http_server *s, http_busy_fn *fn, void *arg);
/* Takes an accepted connection; tls NULL: plain HTTP/1.1. */
void
http_server_accept(struct http_server *s, struct loop *l, int fd, struct tls_server *tls);
/*
 * Draining: no new requests on kept connections ("Connection: close", GOAWAY), open ones
 * go on; waiting requests are told through their on_drain, but for a part, chosen by
 * chance: keep of 1000 may go on waiting. Called in each loop, again and again with ever
 * fewer to keep, so that not all come back at once, until it is 0.
 */
void http_server_drain(struct http_server *s, struct loop *l, unsigned keep);
/* All connections of l are closed at once. Called in each loop before its end. */
void http_server_abort(struct http_server *s, struct loop *l);
size_t http_server_connections(const struct http_server *s);
void http_server_free(struct http_server *s);

/* First header with the name (lower case), or p NULL. */
struct span http_header_get(const struct http_request *r, const char *name);
/* Value of a key of the query, percent-decoded, key compared without case; p NULL:
 * absent. */
struct span http_query_get(struct http_request *r, const char *key);
/* Basic credentials (RFC 7617), UTF-8 or ISO-8859-1 made UTF-8; until they are asked for
 * again or forgotten. RC_NOT_FOUND, RC_INVALID. */
enum rc http_basic_auth(struct http_request *r, struct span *ret_user,
                        struct span *ret_password) MUST_CHECK;

/* Wipes the credentials, as they came and as http_basic_auth() decoded them. The header
 * is empty from then on. */
void http_forget_auth(struct http_request *r);

void http_on_gone(struct http_request *r, http_gone_fn *fn);
/* Optional: called at draining while the request waits (a Ping may answer "no changes").
 */
void http_on_drain(struct http_request *r, http_gone_fn *fn);
/*
 * While held, a request whose client has gone is not freed: http_is_gone() tells, on_gone
 * is called at once all the same (in the loop), and memory goes at http_release() (in the
 * loop). For jobs: hold before job_run(), release in its done.
 */
void http_hold(struct http_request *r);
void http_release(struct http_request *r);
bool http_is_gone(const struct http_request *r);
/* How its client has gone, known when on_gone is called. */
enum http_gone {
	HTTP_GONE_LEFT,  /* it hung up, or gave up the request; or we closed */
	HTTP_GONE_RESET, /* the connection was broken off: by the client, or on the way */
	HTTP_GONE_SILENT, /* TCP had no word from it any more */
};
enum http_gone http_gone_how(const struct http_request *r);
/* The same for all requests of one connection; 0 when that has gone. In the loop. */
uint32_t http_connection_id(const struct http_request *r);
/*
 * r waits for long from here on: its body, head, query and all that lies in its arena go.
 * What stays: log, peer, loop, user_data, the name of its path, and what is needed to
 * answer.
 */
void http_park(struct http_request *r);

/* Headers of the answer, before http_respond(); copied. Date, Server and Content-Length
 * come by themselves. */
void http_set_header(struct http_request *r, const char *name, const char *value);
void http_set_headerf(struct http_request *r, const char *name, const char *fmt, ...)
	PRINTF_LIKE(3, 4);
/* The answer; takes body's memory (may be NULL). gzip'ed when the client takes it and it
 * pays. When the client has gone it does nothing but clean up. */
void http_respond(struct http_request *r, int status, struct buf *body);
/* A plain-text answer of one sentence. */
void http_respond_text(struct http_request *r, int status, const char *fmt, ...)
	PRINTF_LIKE(3, 4);

/*
 * A long answer in slices: more(out) is called in the loop whenever the client has
 * drained what was written, until it says end. size: Content-Length, or UINT64_MAX for
 * chunked. The producer may be asynchronous: it says WAIT and calls http_body_ready()
 * later.
 */
enum http_body { HTTP_BODY_MORE, HTTP_BODY_END, HTTP_BODY_WAIT, HTTP_BODY_ABORT };
typedef enum http_body http_body_fn(struct http_request *r, struct buf *out, void *arg);
void http_respond_body(struct http_request *r, int status, uint64_t size,
                       http_body_fn *fn, void *arg);
void http_body_ready(struct http_request *r);

const char *http_status_str(int status);

#endif
