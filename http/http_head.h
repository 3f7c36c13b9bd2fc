/* SPDX-License-Identifier: ISC
 *
 * http_head.h - the head of an HTTP/1.x request: found, parsed, strictly (RFC 9112).
 *
 * A codec without I/O: the fuzzer and the smuggling cases call it directly. What is
 * unclear is refused, never repaired, since a proxy before us may have read it otherwise.
 */
#ifndef HTTP_HTTP_HEAD_H
#define HTTP_HTTP_HEAD_H

#include "http/http.h"

struct http_head {
	int version; /* 10, 11, or 2 */
	struct span method;
	struct span path;  /* raw; "*" in the asterisk form */
	struct span query; /* raw, without '?' */
	struct span host;
	struct http_header *headers; /* the caller's room; names as they came */
	size_t headers_max;
	size_t n_headers;
	uint64_t length; /* of the body, without chunked */
	bool has_length;
	bool is_chunked;
	bool expects_continue;
	bool says_close;
	bool says_keep_alive;
};

enum http_head_end { HTTP_HEAD_END_MORE, HTTP_HEAD_END_FOUND, HTTP_HEAD_END_BAD };

/*
 * Looks for the empty line that ends the head. *scan is where to go on (0 at first).
 * BAD: a bare LF, or bytes that begin no request. *ret_n: length of the head with it.
 */
enum http_head_end http_head_find(struct span in, size_t *scan, size_t *ret_n);

/* A whole head. 0, or the HTTP status to refuse it with. Spans show the bytes of in. */
int http_head_parse(struct span in, struct http_head *h);

/* The parts that HTTP/2 shares: the target, and one header. 0 or a status. */
int http_head_target(struct span target, struct http_head *h);
int http_head_add(struct http_head *h, struct span name, struct span value);

/* Is name a token, and are all bytes of value allowed in a field (RFC 9110 5.5, 5.6.2)?
 */
bool http_is_token(struct span name);
bool http_is_value(struct span value);

/*
 * Takes the percent encoding off an absolute path. ret has room for path.n bytes. False:
 * a broken or forbidden byte, or a "." or ".." segment.
 */
bool http_path_decode(struct span path, char *ret, size_t *ret_n);

#endif
