/* SPDX-License-Identifier: ISC
 *
 * fuzz_http1.c - HTTP/1.1 from the socket to the handler; and what our strict parser
 * takes must mean the same to another parser (http-parser), or a request could be
 * smuggled.
 */
/* It has a function of the same name as one of ours. */
#define http_status_str other_http_status_str
#include <http_parser.h>
#undef http_status_str
#include <stdio.h>

#include "tests/fuzz/http_rig.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define HEADERS_MAX 16

/* What the other parser has seen. */
struct other {
	struct buf url;
	struct buf names[HEADERS_MAX + 1];
	struct buf values[HEADERS_MAX + 1];
	size_t n_headers;
	bool in_value;
	struct buf body;
	bool has_head; /* trailers come as fields, too */
	bool is_complete;
	bool is_upgrade;
};

static int
on_url(http_parser *p, const char *at, size_t n)
{
	struct other *o = p->data;
	buf_add(&o->url, at, n);
	return 0;
}

static int
on_field(http_parser *p, const char *at, size_t n)
{
	struct other *o = p->data;
	if (o->has_head)
		return 0;
	if (o->in_value || o->n_headers == 0) {
		o->in_value = false;
		if (o->n_headers > HEADERS_MAX - 1)
			return 1;
		o->n_headers++;
	}
	buf_add(&o->names[o->n_headers - 1], at, n);
	return 0;
}

static int
on_value(http_parser *p, const char *at, size_t n)
{
	struct other *o = p->data;
	if (o->has_head)
		return 0;
	o->in_value = true;
	buf_add(&o->values[o->n_headers - 1], at, n);
	return 0;
}

static int
on_head(http_parser *p)
{
	struct other *o = p->data;
	o->has_head = true;
	o->is_upgrade = p->upgrade;
	return 0;
}

static int
on_body(http_parser *p, const char *at, size_t n)
{
	struct other *o = p->data;
	buf_add(&o->body, at, n);
	return 0;
}

static int
on_complete(http_parser *p)
{
	struct other *o = p->data;
	o->is_complete = true;
	http_parser_pause(p, 1);
	return 0;
}

static void
other_done(struct other *o)
{
	buf_done(&o->url);
	buf_done(&o->body);
	for (size_t i = 0; i <= HEADERS_MAX; i++) {
		buf_done(&o->names[i]);
		buf_done(&o->values[i]);
	}
}

/* Things that the other parser does not take though they are right, or takes otherwise by
 * design: methods it does not know, and targets. */
static bool
is_other_matter(enum http_errno e)
{
	return e == HPE_INVALID_METHOD || e == HPE_INVALID_URL || e == HPE_INVALID_HOST ||
	       e == HPE_INVALID_PATH || e == HPE_INVALID_PORT ||
	       e == HPE_INVALID_QUERY_STRING || e == HPE_CB_header_field;
}

static void
differ(const char *what)
{
	fprintf(stderr, "the parsers differ: %s\n", what);
	abort();
}

/* http-parser 2.9.4 takes the field "Transfer-EncodingX" for half a Transfer-Encoding. */
static bool
has_near_transfer_encoding(const struct http_head *h)
{
	for (size_t i = 0; i < h->n_headers; i++) {
		struct span name = h->headers[i].name;
		if (span_istarts(name, "transfer-encoding") &&
		    !span_iis(name, "transfer-encoding"))
			return true;
	}
	return false;
}

/* Our view of one whole request. False: refused or not whole. */
static bool
parse_ours(struct span in, struct http_head *h, struct buf *body, size_t *ret_n)
{
	size_t scan = 0, head_n, used;
	if (http_head_find(in, &scan, &head_n) != HTTP_HEAD_END_FOUND)
		return false;
	if (http_head_parse(span_sub(in, 0, head_n), h) != 0)
		return false;
	struct span rest = span_sub(in, head_n, in.n);
	if (h->is_chunked) {
		struct http_chunk c = { 0 };
		if (http_chunk_feed(&c, rest, body, &used) != RC_OK)
			return false;
		*ret_n = head_n + used;
		return true;
	}
	if (rest.n < h->length)
		return false;
	buf_add(body, rest.p, (size_t)h->length);
	*ret_n = head_n + (size_t)h->length;
	return true;
}

static void
compare(struct span in)
{
	static const http_parser_settings settings = { .on_url = on_url,
		                                       .on_header_field = on_field,
		                                       .on_header_value = on_value,
		                                       .on_headers_complete = on_head,
		                                       .on_body = on_body,
		                                       .on_message_complete =
		                                               on_complete };
	struct http_header headers[HEADERS_MAX];
	struct http_head h = { .headers = headers, .headers_max = HEADERS_MAX };
	AUTO_DONE(buf) struct buf body = { 0 };
	struct other o = { 0 };
	http_parser p;
	size_t n;
	if (!parse_ours(in, &h, &body, &n) || has_near_transfer_encoding(&h))
		return;
	http_parser_init(&p, HTTP_REQUEST);
	p.data = &o;
	size_t got = http_parser_execute(&p, &settings, in.p, n);
	enum http_errno e = HTTP_PARSER_ERRNO(&p);
	/* Trailers that would be lengths are forgotten by us, as all trailers. */
	bool is_trailer = o.has_head && (e == HPE_INVALID_CONTENT_LENGTH ||
	                                 e == HPE_UNEXPECTED_CONTENT_LENGTH);
	if (o.is_upgrade || is_trailer || is_other_matter(e)) {
		other_done(&o);
		return;
	}
	if (e != HPE_OK && e != HPE_PAUSED)
		differ(http_errno_name(e));
	if (!o.is_complete)
		differ("it is not whole");
	if (got + 1 < n) /* it pauses on the last byte or behind it */
		differ("its end");
	if (o.n_headers != h.n_headers)
		differ("the number of headers");
	for (size_t i = 0; i < h.n_headers; i++) {
		if (!span_eq(buf_span(&o.names[i]), headers[i].name) ||
		    !span_eq(span_trim(buf_span(&o.values[i])), headers[i].value))
			differ("a header");
	}
	if (!span_eq(buf_span(&o.body), buf_span(&body)))
		differ("the body");
	if (p.http_major * 10 + p.http_minor != h.version)
		differ("the version");
	other_done(&o);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1 || size > 16384)
		return 0;
	rig_begin();
	compare(span_of((const char *)data + 1, size - 1));
	/* The first byte says how small the pieces are. */
	size_t piece = data[0] < 8 ? data[0] + 1U : 4096;
	if (piece < 8 && size > 600)
		piece = 64;
	rig_feed(data + 1, size - 1, piece, false);
	return 0;
}
