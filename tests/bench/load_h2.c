/* SPDX-License-Identifier: ISC
 *
 * load_h2.c - HTTP/2 of the load client (RFC 9113), by hand: nghttp2 keeps a frame's
 * buffer and two header tables for each connection, which a crowd cannot afford.
 *
 * The server is told to keep no header table (SETTINGS_HEADER_TABLE_SIZE 0), so headers
 * can be read one by one, without a state (RFC 7541).
 */
#include "base/span.h"
#include "tests/bench/load.h"

enum h2_frame {
	H2_DATA = 0,
	H2_HEADERS = 1,
	H2_RST_STREAM = 3,
	H2_SETTINGS = 4,
	H2_PING = 6,
	H2_GOAWAY = 7,
	H2_WINDOW_UPDATE = 8,
};

enum h2_flag {
	H2_END_STREAM = 0x01,
	H2_ACK = 0x01,
	H2_END_HEADERS = 0x04,
	H2_PADDED = 0x08,
	H2_PRIORITY = 0x20,
};

#define H2_WINDOW_MAX 0x7fffffff
#define H2_WINDOW_FIRST 65535
#define HEAD_SIZE 9

/* RFC 7541, appendix A. */
enum { STATUS_FIRST = 8, STATUS_LAST = 14, RETRY_AFTER = 53 };

static void
add_u32(struct buf *b, uint32_t v)
{
	const char bytes[] = { (char)(v >> 24), (char)(v >> 16), (char)(v >> 8),
		               (char)v };
	buf_add(b, bytes, 4);
}

static void
add_frame(struct buf *b, size_t n, enum h2_frame type, unsigned flags, uint32_t stream)
{
	const char bytes[] = { (char)(n >> 16), (char)(n >> 8), (char)n, (char)type,
		               (char)flags };
	buf_add(b, bytes, 5);
	add_u32(b, stream);
}

static uint32_t
get_u32(const char *p)
{
	const unsigned char *u = (const unsigned char *)p;
	return (uint32_t)u[0] << 24 | (uint32_t)u[1] << 16 | (uint32_t)u[2] << 8 | u[3];
}

/* -- header fields -- */

/* RFC 7541 5.1. */
static void
add_int(struct buf *b, unsigned first, unsigned prefix, size_t v)
{
	size_t max = (1u << prefix) - 1;
	if (v < max) {
		buf_add_char(b, (char)(first | v));
		return;
	}
	buf_add_char(b, (char)(first | max));
	for (v -= max; v >= 128; v >>= 7)
		buf_add_char(b, (char)(v % 128 + 128));
	buf_add_char(b, (char)v);
}

static void
add_string(struct buf *b, struct span s)
{
	add_int(b, 0, 7, s.n);
	buf_add_span(b, s);
}

/* A literal that no table takes, its name by index (RFC 7541 6.2.2). */
static void
add_field(struct buf *b, unsigned name, struct span value)
{
	add_int(b, 0, 4, name);
	add_string(b, value);
}

static bool
take_int(struct span *in, unsigned prefix, size_t *ret)
{
	if (in->n == 0)
		return false;
	size_t max = (1u << prefix) - 1;
	size_t v = (unsigned char)in->p[0] & max;
	*in = span_sub(*in, 1, in->n);
	for (unsigned shift = 0; v >= max; shift += 7) {
		if (in->n == 0 || shift > 21)
			return false;
		unsigned char c = (unsigned char)in->p[0];
		*in = span_sub(*in, 1, in->n);
		v += (size_t)(c & 127) << shift;
		if (!(c & 128))
			break;
	}
	*ret = v;
	return true;
}

/*
 * A number in plain digits or in Huffman's code (RFC 7541, appendix B: 0, 1 and 2 have
 * five bits, the other digits six); 0 for anything else.
 */
static unsigned
number_of(struct span s, bool huffman)
{
	unsigned v = 0;
	uint32_t bits = 0;
	unsigned have = 0;
	if (!huffman)
		return parse_u32(s, 1 << 30, &bits) == RC_OK ? bits : 0;
	for (size_t i = 0; i < s.n || have >= 5;) {
		if (have < 6 && i < s.n) {
			bits = bits << 8 | (unsigned char)s.p[i++];
			have += 8;
		}
		unsigned five = bits >> (have - 5) & 31;
		if (five <= 2) {
			v = v * 10 + five;
			have -= 5;
			continue;
		}
		unsigned six = have >= 6 ? bits >> (have - 6) & 63 : 63;
		if (six < 25 || six > 31)
			break; /* padding */
		v = v * 10 + six - 25 + 3;
		have -= 6;
	}
	return v;
}

static bool
take_string(struct span *in, struct span *ret, bool *ret_huffman)
{
	size_t n;
	*ret_huffman = in->n > 0 && (in->p[0] & 0x80);
	if (!take_int(in, 7, &n) || n > in->n)
		return false;
	*ret = span_sub(*in, 0, n);
	*in = span_sub(*in, n, in->n);
	return true;
}

static bool
take_fields(struct load_h2 *h, struct span in)
{
	static const unsigned known[] = { 200, 204, 206, 304, 400, 404, 500 };
	while (in.n > 0) {
		unsigned char c = (unsigned char)in.p[0];
		size_t name;
		struct span value;
		bool huffman;
		if (c & 0x80) {
			if (!take_int(&in, 7, &name))
				return false;
			if (name >= STATUS_FIRST && name <= STATUS_LAST)
				h->status = known[name - STATUS_FIRST];
			continue;
		}
		if ((c & 0xe0) == 0x20) { /* a table's size */
			if (!take_int(&in, 5, &name))
				return false;
			continue;
		}
		if (!take_int(&in, c & 0x40 ? 6 : 4, &name) ||
		    (name == 0 && !take_string(&in, &value, &huffman)) ||
		    !take_string(&in, &value, &huffman))
			return false;
		if (name >= STATUS_FIRST && name <= STATUS_LAST)
			h->status = number_of(value, huffman);
		else if (name == RETRY_AFTER)
			h->retry_after_s = number_of(value, huffman);
	}
	return true;
}

/* -- writing -- */

void
load_h2_open(struct load_h2 *h, struct buf *out)
{
	static const struct {
		uint16_t id;
		uint32_t value;
	} settings[] = { { 1, 0 }, { 2, 0 }, { 4, H2_WINDOW_MAX } };
	load_h2_done(h);
	*h = (struct load_h2){ .window = H2_WINDOW_FIRST };
	buf_init(&h->body, 0);
	buf_add_str(out, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
	add_frame(out, ARRAY_LEN(settings) * 6, H2_SETTINGS, 0, 0);
	for (size_t i = 0; i < ARRAY_LEN(settings); i++) {
		buf_add_char(out, 0);
		buf_add_char(out, (char)settings[i].id);
		add_u32(out, settings[i].value);
	}
	add_frame(out, 4, H2_WINDOW_UPDATE, 0, 0);
	add_u32(out, H2_WINDOW_MAX - H2_WINDOW_FIRST);
}

bool
load_h2_write(struct load_h2 *h, struct buf *out, const struct load_post *p)
{
	AUTO_DONE(buf) struct buf head = BUF_INIT(0);
	AUTO_DONE(buf) struct buf text = BUF_INIT(0);
	if (h->window < (int64_t)p->body.n)
		return false;
	h->window -= (int64_t)p->body.n;
	h->stream = h->stream ? h->stream + 2 : 1;
	h->status = 0;
	h->retry_after_s = 0;
	buf_add(&head, "\x83\x87", 2); /* :method POST, :scheme https */
	add_field(&head, 4, p->target);
	add_field(&head, 1, SPAN("localhost"));
	buf_addf(&text, "Basic %.*s", SPAN_FMT(p->basic));
	add_field(&head, 23, buf_span(&text));
	add_field(&head, 31, SPAN("application/vnd.ms-sync.wbxml"));
	add_field(&head, 58, SPAN("godwit-load"));
	buf_clear(&text);
	buf_add_u64(&text, p->body.n);
	add_field(&head, 28, buf_span(&text));
	buf_add_char(&head, 0);
	add_string(&head, SPAN("ms-asprotocolversion"));
	add_string(&head, p->protocol);
	add_frame(out, head.len, H2_HEADERS,
	          p->body.n ? H2_END_HEADERS : H2_END_HEADERS | H2_END_STREAM, h->stream);
	buf_add_span(out, buf_span(&head));
	if (p->body.n) {
		add_frame(out, p->body.n, H2_DATA, H2_END_STREAM, h->stream);
		buf_add_span(out, p->body);
	}
	return true;
}

/* -- reading -- */

/* The payload without its padding and priority (RFC 9113 6.1, 6.2). */
static bool
strip(struct span *in, unsigned flags)
{
	size_t from = 0;
	size_t pad = 0;
	if (flags & H2_PADDED) {
		if (in->n < 1)
			return false;
		pad = (unsigned char)in->p[0];
		from = 1;
	}
	if (flags & H2_PRIORITY)
		from += 5;
	if (from + pad > in->n)
		return false;
	*in = span_sub(*in, from, in->n - pad);
	return true;
}

static void
answer(struct load_h2 *h, load_answer_fn *fn, void *owner)
{
	/* fn may write the next request at once. */
	AUTO_DONE(buf) struct buf body = h->body;
	struct load_answer a = { h->status, h->retry_after_s, buf_span(&body) };
	buf_init(&h->body, 0);
	fn(owner, &a);
}

static const char *
take_frame(struct load_h2 *h, unsigned type, unsigned flags, uint32_t stream,
           struct span in, struct buf *out)
{
	switch (type) {
	case H2_DATA:
		if (!strip(&in, flags & H2_PADDED))
			return "bad DATA";
		if (stream == h->stream)
			buf_add_span(&h->body, in);
		return NULL;
	case H2_HEADERS:
		if (!strip(&in, flags) || !(flags & H2_END_HEADERS) ||
		    !take_fields(h, in))
			return "bad HEADERS";
		return NULL;
	case H2_SETTINGS:
		if (!(flags & H2_ACK))
			add_frame(out, 0, H2_SETTINGS, H2_ACK, 0);
		return NULL;
	case H2_PING:
		if (!(flags & H2_ACK)) {
			add_frame(out, in.n, H2_PING, H2_ACK, 0);
			buf_add_span(out, in);
		}
		return NULL;
	case H2_WINDOW_UPDATE:
		if (in.n == 4 && stream == 0)
			h->window += get_u32(in.p) & H2_WINDOW_MAX;
		return NULL;
	case H2_RST_STREAM:
		return "RST_STREAM";
	case H2_GOAWAY:
		return "GOAWAY";
	default:
		return NULL;
	}
}

size_t
load_h2_read(struct load_h2 *h, struct span in, struct buf *out, load_answer_fn *fn,
             void *owner, const char **bad)
{
	size_t used = 0;
	while (in.n - used >= HEAD_SIZE) {
		const char *p = in.p + used;
		size_t n = get_u32(p) >> 8;
		unsigned type = (unsigned char)p[3];
		unsigned flags = (unsigned char)p[4];
		uint32_t stream = get_u32(p + 5) & H2_WINDOW_MAX;
		if (in.n - used < HEAD_SIZE + n)
			break;
		used += HEAD_SIZE + n;
		*bad = take_frame(h, type, flags, stream, span_of(p + HEAD_SIZE, n), out);
		if (*bad)
			return used;
		if ((type == H2_DATA || type == H2_HEADERS) && (flags & H2_END_STREAM) &&
		    stream == h->stream) {
			answer(h, fn, owner);
			/* One request at a time: nothing of use is behind its answer, and
			 * the owner may have cut the connection. */
			return used;
		}
	}
	return used;
}

void
load_h2_done(struct load_h2 *h)
{
	buf_done(&h->body);
}
