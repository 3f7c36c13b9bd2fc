/* SPDX-License-Identifier: ISC
 *
 * http_head.c - request line and fields of HTTP/1.x, strictly: RFC 9110, RFC 9112.
 */
#include "http/http_head.h"

/* RFC 9110 5.6.2: tchar. */
static bool
is_tchar(unsigned char c)
{
	if ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'))
		return true;
	return c != 0 && strchr("!#$%&'*+-.^_`|~", c) != NULL;
}

bool
http_is_token(struct span name)
{
	for (size_t i = 0; i < name.n; i++) {
		if (!is_tchar((unsigned char)name.p[i]))
			return false;
	}
	return name.n > 0;
}

bool
http_is_value(struct span value)
{
	for (size_t i = 0; i < value.n; i++) {
		unsigned char c = (unsigned char)value.p[i];
		if ((c < 0x20 && c != '\t') || c == 0x7f)
			return false;
	}
	return true;
}

enum http_head_end
http_head_find(struct span in, size_t *scan, size_t *ret_n)
{
	if (in.n > 0 && !is_tchar((unsigned char)in.p[0]))
		return HTTP_HEAD_END_BAD;
	for (size_t i = *scan; i < in.n; i++) {
		const char *lf = memchr(in.p + i, '\n', in.n - i);
		if (!lf)
			break;
		i = (size_t)(lf - in.p);
		/* RFC 9112 2.2 lets us take a bare LF; smugglers live on it. */
		if (i == 0 || in.p[i - 1] != '\r')
			return HTTP_HEAD_END_BAD;
		if (i >= 3 && in.p[i - 2] == '\n') {
			*ret_n = i + 1;
			return HTTP_HEAD_END_FOUND;
		}
	}
	*scan = in.n;
	return HTTP_HEAD_END_MORE;
}

/* host [":" port], as far as we need to trust it: no userinfo, path, space or list. */
static bool
is_host(struct span host)
{
	for (size_t i = 0; i < host.n; i++) {
		unsigned char c = (unsigned char)host.p[i];
		if (c <= 0x20 || c >= 0x7f || strchr("/?#@\\,\"<>^`{|}", c))
			return false;
	}
	return true;
}

/* RFC 9112 3.2: origin-form, absolute-form or asterisk-form. */
int
http_head_target(struct span target, struct http_head *h)
{
	for (size_t i = 0; i < target.n; i++) {
		unsigned char c = (unsigned char)target.p[i];
		if (c <= 0x20 || c >= 0x7f || c == '#')
			return 400;
	}
	if (span_is(target, "*")) {
		h->path = target;
		return span_is(h->method, "OPTIONS") ? 0 : 400;
	}
	size_t scheme = span_istarts(target, "http://")    ? strlen("http://")
	                : span_istarts(target, "https://") ? strlen("https://")
	                                                   : 0;
	if (scheme) {
		struct span rest = span_sub(target, scheme, target.n);
		size_t end = 0;
		while (end < rest.n && rest.p[end] != '/' && rest.p[end] != '?')
			end++;
		/* It counts, whatever Host says: RFC 9112 3.2.2. */
		h->host = span_sub(rest, 0, end);
		if (end == 0 || !is_host(h->host))
			return 400;
		target = span_sub(rest, end, rest.n);
		h->path = SPAN("/"); /* RFC 9110 4.2.3, unless one is given */
	}
	size_t mark = span_find(target, 0, '?');
	if (mark > 0 || !scheme)
		h->path = span_sub(target, 0, mark);
	h->query = span_sub(target, mark + 1, target.n);
	return h->path.n > 0 && h->path.p[0] == '/' ? 0 : 400;
}

static int
parse_request_line(struct span line, struct http_head *h)
{
	size_t sp1 = span_find(line, 0, ' ');
	size_t sp2 = span_find(line, sp1 + 1, ' ');
	if (sp1 >= line.n || sp2 >= line.n)
		return 400;
	h->method = span_sub(line, 0, sp1);
	struct span target = span_sub(line, sp1 + 1, sp2);
	struct span version = span_sub(line, sp2 + 1, line.n);
	if (!http_is_token(h->method) || h->method.n > 32)
		return 400;
	if (span_is(version, "HTTP/1.1"))
		h->version = 11;
	else if (span_is(version, "HTTP/1.0"))
		h->version = 10;
	else
		return span_starts(version, "HTTP/") && version.n == 8 ? 505 : 400;
	/* authority-form is CONNECT's alone: RFC 9112 3.2.3. We are no proxy. */
	if (span_is(h->method, "CONNECT"))
		return 405;
	return http_head_target(target, h);
}

static int
note_length(struct http_head *h, struct span value)
{
	/* RFC 9112 6.3 would let equal ones pass; who sends two is not to be trusted. */
	if (h->has_length)
		return 400;
	h->has_length = true;
	switch (parse_u64(value, INT64_MAX, &h->length)) {
	case RC_OK:
		return 0;
	case RC_TOO_BIG:
		return 413;
	default:
		return 400;
	}
}

static int
note_transfer_encoding(struct http_head *h, struct span value)
{
	if (h->is_chunked || h->version != 11)
		return 400;
	/* Any other coding, and chunked not alone: RFC 9112 6.1. */
	if (!span_iis(value, "chunked"))
		return span_ifind(value, SPAN("chunked")) < value.n ? 400 : 501;
	h->is_chunked = true;
	return 0;
}

static void
note_connection(struct http_head *h, struct span value)
{
	for (struct span token; span_cut(&value, ',', &token);) {
		token = span_trim(token);
		if (span_iis(token, "close"))
			h->says_close = true;
		else if (span_iis(token, "keep-alive"))
			h->says_keep_alive = true;
	}
}

static int
note_expect(struct http_head *h, struct span value)
{
	if (!span_iis(value, "100-continue"))
		return 417;
	/* HTTP/1.0 knows none and is not answered: RFC 9110 10.1.1. */
	h->expects_continue = h->version >= 11 || h->version == 2;
	return 0;
}

int
http_head_add(struct http_head *h, struct span name, struct span value)
{
	if (h->n_headers >= h->headers_max)
		return 431;
	h->headers[h->n_headers++] = (struct http_header){ name, value };
	if (span_iis(name, "content-length"))
		return note_length(h, value);
	if (span_iis(name, "transfer-encoding"))
		return note_transfer_encoding(h, value);
	if (span_iis(name, "connection"))
		note_connection(h, value);
	if (span_iis(name, "expect"))
		return note_expect(h, value);
	return 0;
}

/* Host: exactly one in HTTP/1.1 (RFC 9112 3.2), at most one in 1.0. */
static int
check_host(struct http_head *h)
{
	struct span host = { 0 };
	size_t n = 0;
	for (size_t i = 0; i < h->n_headers; i++) {
		if (span_iis(h->headers[i].name, "host")) {
			host = h->headers[i].value;
			n++;
		}
	}
	if (n > 1 || (n == 0 && h->version == 11) || !is_host(host))
		return 400;
	if (!h->host.p)
		h->host = host;
	return 0;
}

static int
parse_field(struct span line, struct http_head *h)
{
	size_t colon = span_find(line, 0, ':');
	struct span name = span_sub(line, 0, colon);
	/* A leading space (obs-fold) or one before the colon makes it no token either. */
	if (colon == line.n || !http_is_token(name))
		return 400;
	struct span value = span_sub(line, colon + 1, line.n);
	if (!http_is_value(value))
		return 400;
	return http_head_add(h, name, span_trim(value));
}

/* The next line without its CRLF. False: a line that does not end so. */
static bool
cut_line(struct span *rest, struct span *ret_line)
{
	if (!span_cut(rest, '\n', ret_line) || ret_line->n == 0)
		return false;
	return ret_line->p[--ret_line->n] == '\r';
}

int
http_head_parse(struct span in, struct http_head *h)
{
	struct span line;
	int status;
	*h = (struct http_head){ .headers = h->headers, .headers_max = h->headers_max };
	if (!cut_line(&in, &line))
		return 400;
	status = parse_request_line(line, h);
	while (status == 0) {
		if (!cut_line(&in, &line))
			return 400;
		if (line.n == 0)
			break;
		status = parse_field(line, h);
	}
	if (status == 0)
		status = check_host(h);
	/* RFC 9112 6.3: the smuggler's pair. */
	if (status == 0 && h->is_chunked && h->has_length)
		status = 400;
	return status;
}

static int
hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

static bool
has_dot_segment(struct span path)
{
	struct span segment;
	while (span_cut(&path, '/', &segment)) {
		if (span_is(segment, ".") || span_is(segment, ".."))
			return true;
	}
	return false;
}

bool
http_path_decode(struct span path, char *ret, size_t *ret_n)
{
	size_t n = 0;
	for (size_t i = 0; i < path.n; i++) {
		unsigned char c = (unsigned char)path.p[i];
		if (c == '%') {
			int high = i + 2 < path.n ? hex_value(path.p[i + 1]) : -1;
			int low = high >= 0 ? hex_value(path.p[i + 2]) : -1;
			if (low < 0)
				return false;
			c = (unsigned char)(high << 4 | low);
			i += 2;
		}
		if (c < 0x20 || c == 0x7f)
			return false;
		ret[n++] = (char)c;
	}
	if (has_dot_segment(span_of(ret, n)))
		return false;
	*ret_n = n;
	return true;
}
