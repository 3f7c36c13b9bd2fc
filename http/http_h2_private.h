/* SPDX-License-Identifier: ISC
 *
 * http_h2_private.h - an HTTP/2 connection's own state, shared by http_h2.c (the
 * connection) and http_h2_recv.c (what nghttp2 tells of the peer).
 */
#ifndef HTTP_HTTP_H2_PRIVATE_H
#define HTTP_HTTP_H2_PRIVATE_H

#include <nghttp2/nghttp2.h>

#include "http/http_h2_window.h"
#include "http/http_private.h"

struct h2_field {
	uint32_t name_n;
	uint32_t value_n;
};

struct h2_stream {
	struct list link;        /* in the connection's streams */
	struct list event;       /* in the connection's events */
	struct http_exchange *x; /* NULL before the head is whole */
	struct buf head;         /* names and values one after the other */
	struct h2_field *fields;
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
	bool is_submitted; /* nghttp2 has the answer's head */
	bool is_ready;     /* a body that was deferred goes on */
};

struct h2_budget {
	uint32_t spent;
	uint64_t at_ms;
};

struct http_h2 {
	struct h2_guest guest;
	struct list streams;
	struct list events; /* streams that something happened to */
	struct h2_budget resets;
	struct h2_budget frames;
	size_t bodies;          /* bytes */
	uint64_t idle_since_ms; /* with no streams; 0: there are some */
	bool is_calm; /* GOAWAY has been sent: answers what is open, takes nothing new */
	bool is_closing;
};

/* --- http_h2_recv.c --- */
void http_h2_open(struct http_conn *c);
/* c's session, in the window of its lane: until another one is asked for. */
nghttp2_session *http_h2_session(struct http_conn *c);
/* Something happened to s that run_events() must see. */
void http_h2_note(struct http_conn *c, struct h2_stream *s);
/* GOAWAY with ENHANCE_YOUR_CALM, once. */
void http_h2_calm_down(struct http_conn *c, const char *why);
/* Frees the bytes of a head that is parsed, or that never will be. */
void http_h2_drop_head(struct h2_stream *s);

#endif
