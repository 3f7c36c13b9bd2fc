/* SPDX-License-Identifier: ISC
 *
 * http_private.h - what the files of http/ share: server, lane, connection, exchange.
 *
 * A lane is what the server has on one loop. A connection speaks one version through
 * struct http_version; an exchange is one request with its answer; its head is a block of
 * memory of its own, which goes when the request is parked. All of it is the loop's; only
 * the counters and the lane list are shared.
 */
#ifndef HTTP_HTTP_PRIVATE_H
#define HTTP_HTTP_PRIVATE_H

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>

#include "base/list.h"
#include "http/http_chunk.h"
#include "http/http_head.h"

/* Output that waits for a client; above it nothing more is made for it. */
#define HTTP_OUTPUT_HIGH 65536UL
/* How long the last bytes may take to leave. */
#define HTTP_CLOSE_MS 10000

struct http_route {
	char *path; /* without '*' */
	size_t n;
	bool is_prefix;
	http_handler_fn *fn;
	void *arg;
};

struct http_lane {
	struct http_lane *next;
	struct loop *loop;
	struct list conns;
	struct http_header *headers; /* room for one head while it is parsed */
	struct h2_window *h2;        /* NULL before the first connection of HTTP/2 */
	int64_t date_s;              /* of date */
	char date[32];
};

struct http_server {
	struct http_conf conf; /* lists are not kept */
	struct http_route *routes;
	size_t n_routes;
	pthread_mutex_t lanes_lock; /* over the list, not over what is in a lane */
	struct http_lane *lanes;
	http_busy_fn *busy; /* NULL: never */
	void *busy_arg;
	_Atomic size_t n_conns;
	_Atomic bool draining;
};

struct http_exchange;
struct http_conn;

/* Credentials; wiped when they go. */
struct http_secret {
	size_t n;
	char p[];
};

/* What differs between HTTP/1.1 and HTTP/2. All in the loop, none calls a handler but
 * through http_exchange_dispatch() or x->answer->more. */
struct http_version {
	void (*on_input)(struct http_conn *c);
	void (*on_drain)(struct http_conn *c);
	void (*on_timer)(struct http_conn *c);
	void (*on_post)(struct http_conn *c);
	/* status, fields and body (or more) stand in x->answer */
	void (*respond)(struct http_exchange *x);
	/* more may be asked again */
	void (*body_ready)(struct http_exchange *x);
	/* begin to end; exchanges that wait have been told */
	void (*drain)(struct http_conn *c);
	/* frees what is the version's own; the exchanges have gone */
	void (*done)(struct http_conn *c);
};

struct http_h2;

enum http_h1_state {
	HTTP_H1_HEAD, /* before or in a head */
	HTTP_H1_BODY,
	HTTP_H1_WAITING,   /* for the handler */
	HTTP_H1_ANSWERING, /* a body in slices */
	HTTP_H1_CLOSING,
};

struct http_conn {
	struct list link; /* in the lane */
	struct http_lane *lane;
	struct http_server *server;
	struct stream *stream;
	const struct http_version *version; /* NULL until open */
	struct list exchanges;
	struct loop_timer timer;
	uint64_t began_ms;  /* of the request that is coming in (HTTP/1.1) */
	struct http_h2 *h2; /* NULL with HTTP/1.1 */
	struct http_chunk chunk;
	uint64_t body_left;
	uint32_t scan;
	uint32_t id;
	uint32_t n_requests;
	enum http_h1_state state;
	uint8_t blank_lines;
	bool has_begun : 1;    /* a first byte of the next request has come */
	bool is_throttled : 1; /* not read before the output has drained */
	bool is_last : 1;      /* closes after this answer */
	bool force_h2 : 1;     /* tests: HTTP/2 without ALPN */
	bool is_posted : 1;    /* on_post is under way */
	bool is_dead : 1;      /* freed when on_post comes */
	bool is_drained : 1;   /* version->drain() was called */
	uint8_t gone : 2;      /* enum http_gone */
};

/* The answer; made when the first header is set. */
struct http_answer {
	int status;
	struct buf fields;  /* "name\0value\0" */
	struct buf out;     /* body bytes */
	size_t out_off;     /* taken already (HTTP/2) */
	http_body_fn *more; /* NULL: out is all */
	void *more_arg;
	uint64_t size;    /* UINT64_MAX: not known */
	uint64_t sent;    /* body bytes handed over, for the log */
	bool has_ended;   /* more said END */
	bool is_deferred; /* more said WAIT */
	bool has_type : 1;
	bool has_coding : 1;
	bool is_packed : 1; /* the type is compressed by itself */
};

struct http_exchange {
	struct http_request r;
	struct http_conn *conn; /* NULL: done or gone */
	struct list link;       /* in the connection */
	struct http_answer *answer;
	http_gone_fn *on_gone;
	http_gone_fn *on_drain;
	void *h2;                   /* struct h2_stream */
	struct http_secret *secret; /* decoded credentials, or NULL */
	struct buf body;
	uint64_t began_ms;
	struct http_header *head; /* with the bytes of all spans behind; NULL: parked */
	uint32_t head_n;          /* bytes of it */
	uint16_t holds;
	bool is_handed : 1;      /* the handler has been called */
	bool is_dispatching : 1; /* ... and is on the stack */
	bool is_answered : 1;
	bool is_over : 1; /* memory goes when nobody holds it */
	bool is_gone : 1;
	uint8_t gone : 2;   /* enum http_gone */
	bool is_posted : 1; /* to be freed */
	bool is_head : 1;   /* HEAD: no body */
	bool is_http10 : 1;
	bool is_chunked : 1;  /* the answer's body */
	bool keeps_alive : 1; /* the client's wish */
	bool expects_continue : 1;
	bool takes_gzip : 1;
	char log_fields[]; /* of r.log; ends with the peer */
};

static inline struct http_exchange *
http_exchange_of(const struct http_request *r)
{
	return container_of((struct http_request *)(uintptr_t)r, struct http_exchange, r);
}

/* --- http_server.c --- */
const struct http_route *http_route_find(const struct http_server *s, struct span path);
const char *http_lane_date(struct http_lane *lane);
/* The lane of l; made at need. */
struct http_lane *http_lane_get(struct http_server *s, struct loop *l);
/* http_server_accept(); force_h2: no ALPN is asked. */
struct http_conn *http_conn_accept(struct http_server *s, struct loop *l, int fd,
                                   struct tls_server *tls, bool force_h2);
/* The connection has ended: its exchanges are gone, all memory goes. */
void http_conn_free(struct http_conn *c);
/* version->on_post comes from the loop, once for many calls. */
void http_conn_post(struct http_conn *c);
/* Closes after what was written has left. */
void http_conn_close(struct http_conn *c);
/* How long a body that began_ms ago may still take: 0 when its time is up. */
uint64_t http_conn_time_left(const struct http_conn *c, uint64_t began_ms, uint64_t got);
/* One line about a peer that breaks the rules. */
void http_conn_log_refusal(const struct http_conn *c, int status, const char *why);
void http_count_request(void);

/* --- http_conn.c, http_h2.c --- */
extern const struct http_version http_version_1;
extern const struct http_version http_version_2;
void http_h1_begin(struct http_conn *c);
void http_h2_begin(struct http_conn *c);

/* --- http_request.c --- */
/* h's spans are copied. 0 or the status to refuse it with. */
int http_exchange_new(struct http_conn *c, const struct http_head *h,
                      struct http_exchange **ret);
/* The request is whole: undoes content codings, calls the handler or refuses. True: x may
 * still be looked at (it is not answered yet). */
bool http_exchange_dispatch(struct http_exchange *x);
/* The answer has left the exchange: off the connection, freed when it may be. */
void http_exchange_over(struct http_exchange *x);
/* The client has gone: tells the handler. */
void http_exchange_gone(struct http_exchange *x);

/* --- http_respond.c --- */
struct http_answer *http_answer_need(struct http_exchange *x);
void http_answer_free(struct http_answer *a);
/* May the answer have a body at all (HEAD, 204, 304)? */
bool http_answer_has_body(const struct http_exchange *x);
/* Next "name\0value\0" of fields; false at the end. *at begins with 0. */
bool http_answer_field(const struct http_answer *a, size_t *at, const char **ret_name,
                       const char **ret_value);
/* Throws away what more makes, for an answer that has no body. True: it has ended. */
bool http_answer_discard(struct http_exchange *x);

#endif
