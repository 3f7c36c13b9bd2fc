/* SPDX-License-Identifier: ISC
 *
 * http_respond.c - the answer as the handler gives it, before a version writes it.
 */
#include <assert.h>
#include <stdlib.h>

#include "base/mem.h"
#include "http/http_gzip.h"
#include "http/http_private.h"

/* Below it a packet is a packet; above it packing would hold the loop too long. */
#define GZIP_MIN 1024
#define GZIP_MAX (1UL << 20)

#define STATUS_LIST(X)                                                                   \
	X(100, "Continue")                                                               \
	X(200, "OK")                                                                     \
	X(201, "Created")                                                                \
	X(202, "Accepted")                                                               \
	X(204, "No Content")                                                             \
	X(206, "Partial Content")                                                        \
	X(301, "Moved Permanently")                                                      \
	X(302, "Found")                                                                  \
	X(303, "See Other")                                                              \
	X(304, "Not Modified")                                                           \
	X(307, "Temporary Redirect")                                                     \
	X(400, "Bad Request")                                                            \
	X(401, "Unauthorized")                                                           \
	X(403, "Forbidden")                                                              \
	X(404, "Not Found")                                                              \
	X(405, "Method Not Allowed")                                                     \
	X(406, "Not Acceptable")                                                         \
	X(408, "Request Timeout")                                                        \
	X(409, "Conflict")                                                               \
	X(411, "Length Required")                                                        \
	X(412, "Precondition Failed")                                                    \
	X(413, "Content Too Large")                                                      \
	X(414, "URI Too Long")                                                           \
	X(415, "Unsupported Media Type")                                                 \
	X(417, "Expectation Failed")                                                     \
	X(421, "Misdirected Request")                                                    \
	X(429, "Too Many Requests")                                                      \
	X(431, "Request Header Fields Too Large")                                        \
	X(449, "Retry With")                                                             \
	X(451, "Redirect")                                                               \
	X(500, "Internal Server Error")                                                  \
	X(501, "Not Implemented")                                                        \
	X(503, "Service Unavailable")                                                    \
	X(505, "HTTP Version Not Supported")                                             \
	X(507, "Insufficient Storage")

const char *
http_status_str(int status)
{
	switch (status) {
#define X(number, text)                                                                  \
	case number:                                                                     \
		return text;
		STATUS_LIST(X)
#undef X
	default: /* a number, not an enum of ours */
		return "Status";
	}
}

struct http_answer *
http_answer_need(struct http_exchange *x)
{
	if (!x->answer)
		x->answer = xcalloc(1, sizeof(*x->answer));
	return x->answer;
}

void
http_answer_free(struct http_answer *a)
{
	if (!a)
		return;
	buf_done(&a->fields);
	buf_done(&a->out);
	free(a);
}

bool
http_answer_field(const struct http_answer *a, size_t *at, const char **ret_name,
                  const char **ret_value)
{
	if (*at >= a->fields.len)
		return false;
	*ret_name = a->fields.p + *at;
	*ret_value = *ret_name + strlen(*ret_name) + 1;
	*at = (size_t)(*ret_value - a->fields.p) + strlen(*ret_value) + 1;
	return true;
}

/* --- fields --- */

static void
remove_field(struct http_answer *a, const char *name)
{
	const char *found, *value;
	for (size_t at = 0, begin = 0; http_answer_field(a, &at, &found, &value);
	     begin = at) {
		if (!span_iis(span_str(found), name))
			continue;
		memmove(a->fields.p + begin, a->fields.p + at, a->fields.len - at);
		buf_truncate(&a->fields, a->fields.len - (at - begin));
		return;
	}
}

/* Types whose bytes are packed already. */
static bool
is_packed_type(struct span type)
{
	static const char *const prefixes[] = {
		"image/",          "video/",           "audio/",
		"application/zip", "application/gzip", "application/x-gzip"
	};
	if (span_istarts(type, "image/svg"))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(prefixes); i++) {
		if (span_istarts(type, prefixes[i]))
			return true;
	}
	return false;
}

void
http_set_header(struct http_request *r, const char *name, const char *value)
{
	struct http_answer *a = http_answer_need(http_exchange_of(r));
	struct span key = span_str(name);
	assert(http_is_token(key));
	if (span_iis(key, "content-type")) {
		a->has_type = true;
		a->is_packed = is_packed_type(span_str(value));
	} else if (span_iis(key, "content-encoding")) {
		a->has_coding = true;
	}
	/* These two may stand more than once. */
	if (!span_iis(key, "set-cookie") && !span_iis(key, "www-authenticate"))
		remove_field(a, name);
	buf_add(&a->fields, name, key.n + 1);
	/* Something of a peer's may be in it: no second field comes out of one. */
	for (const char *p = value; *p; p++)
		buf_add_char(&a->fields, http_is_value(span_of(p, 1)) ? *p : ' ');
	buf_add_char(&a->fields, '\0');
}

void
http_set_headerf(struct http_request *r, const char *name, const char *fmt, ...)
{
	AUTO_DONE(buf) struct buf b = { 0 };
	va_list ap;
	va_start(ap, fmt);
	buf_addv(&b, fmt, ap);
	va_end(ap);
	buf_add_char(&b, '\0');
	http_set_header(r, name, b.p);
}

/* --- the answer --- */

bool
http_answer_has_body(const struct http_exchange *x)
{
	int status = x->answer->status;
	return !x->is_head && status >= 200 && status != 204 && status != 304;
}

bool
http_answer_discard(struct http_exchange *x)
{
	struct http_answer *a = x->answer;
	while (!a->has_ended) {
		switch (a->more(&x->r, &a->out, a->more_arg)) {
		case HTTP_BODY_MORE:
			break;
		case HTTP_BODY_WAIT:
			return false;
		case HTTP_BODY_END:
		case HTTP_BODY_ABORT:
			a->has_ended = true;
			break;
		}
		buf_done(&a->out);
	}
	return true;
}

static void
pack(struct http_exchange *x)
{
	struct http_answer *a = x->answer;
	if (!x->takes_gzip || !x->conn->server->conf.gzip || a->has_coding ||
	    a->is_packed)
		return;
	if (a->out.len < GZIP_MIN || a->out.len > GZIP_MAX)
		return;
	AUTO_DONE(buf) struct buf packed = { 0 };
	http_set_header(&x->r, "Vary", "Accept-Encoding");
	if (!http_gzip(buf_span(&a->out), &packed))
		return;
	buf_done(&a->out);
	buf_move(&a->out, &packed);
	http_set_header(&x->r, "Content-Encoding", "gzip");
}

void
http_respond(struct http_request *r, int status, struct buf *body)
{
	struct http_exchange *x = http_exchange_of(r);
	assert(!x->is_answered);
	x->is_answered = true;
	struct http_answer *a = http_answer_need(x);
	a->status = status;
	if (body && !buf_ok(body)) {
		log_error(&r->log, "http.answer_too_big", "path=%s max=%zu",
		          LOG_STR(r->path), body->max);
		a->status = 500;
		buf_done(body);
	} else if (body) {
		a->out = *body;
		a->out.max = 0;
		buf_init(body, body->max);
	}
	if (!x->conn) {
		buf_done(&a->out);
		return;
	}
	pack(x);
	a->size = a->out.len;
	x->conn->version->respond(x);
}

void
http_respond_text(struct http_request *r, int status, const char *fmt, ...)
{
	struct buf b = { 0 };
	va_list ap;
	va_start(ap, fmt);
	buf_addv(&b, fmt, ap);
	va_end(ap);
	buf_add_char(&b, '\n');
	http_set_header(r, "Content-Type", "text/plain; charset=utf-8");
	http_respond(r, status, &b);
	buf_done(&b);
}

void
http_respond_body(struct http_request *r, int status, uint64_t size, http_body_fn *fn,
                  void *arg)
{
	struct http_exchange *x = http_exchange_of(r);
	assert(!x->is_answered);
	x->is_answered = true;
	struct http_answer *a = http_answer_need(x);
	a->status = status;
	a->size = size;
	a->more = fn;
	a->more_arg = arg;
	if (x->conn)
		x->conn->version->respond(x);
}

void
http_body_ready(struct http_request *r)
{
	struct http_exchange *x = http_exchange_of(r);
	if (x->conn && x->is_answered)
		x->conn->version->body_ready(x);
}
