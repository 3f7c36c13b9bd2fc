/* SPDX-License-Identifier: ISC
 *
 * load_http.c - HTTP/1.1 of the load client: one POST, one answer with Content-Length.
 */
#include "base/span.h"
#include "tests/bench/load.h"

void
load_http_write(struct buf *out, const struct load_post *p)
{
	buf_addf(out,
	         "POST %.*s HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic %.*s\r\n"
	         "MS-ASProtocolVersion: %.*s\r\nUser-Agent: godwit-load\r\n"
	         "Content-Type: application/vnd.ms-sync.wbxml\r\nContent-Length: %zu\r\n"
	         "\r\n",
	         SPAN_FMT(p->target), SPAN_FMT(p->basic), SPAN_FMT(p->protocol),
	         p->body.n);
	buf_add_span(out, p->body);
}

/* The number behind a header's name, or 0. */
static unsigned
header_number(struct span head, struct span name)
{
	uint32_t v = 0;
	size_t at = span_ifind(head, name);
	if (at == head.n)
		return 0;
	struct span value =
		span_sub(head, at + name.n, span_find(head, at + name.n, '\r'));
	if (parse_u32(span_trim(value), 1 << 30, &v) != RC_OK)
		return 0;
	return v;
}

size_t
load_http_read(struct span in, load_answer_fn *fn, void *owner, const char **bad)
{
	size_t head_n = span_ifind(in, SPAN("\r\n\r\n"));
	struct load_answer a = { 0 };
	if (head_n == in.n)
		return 0;
	struct span head = span_sub(in, 0, head_n);
	if (!span_starts(head, "HTTP/1.1 ") ||
	    parse_u32(span_sub(head, 9, 12), 999, &a.status) != RC_OK ||
	    span_ifind(head, SPAN("\r\ntransfer-encoding:")) < head.n) {
		*bad = "not an HTTP/1.1 answer of known length";
		return 0;
	}
	size_t n = header_number(head, SPAN("\r\ncontent-length:"));
	a.retry_after_s = header_number(head, SPAN("\r\nretry-after:"));
	if (in.n < head_n + 4 + n)
		return 0;
	a.body = span_sub(in, head_n + 4, head_n + 4 + n);
	fn(owner, &a);
	return head_n + 4 + n;
}
