/* SPDX-License-Identifier: ISC
 *
 * dns_wire.c - reading of DNS messages: RFC 1035 4.
 */
#include "base/dns_wire.h"

#define RECORD_FIXED_N 10 /* type, class, TTL, length */
#define NAME_TEXT_MAX 253 /* RFC 1035 2.3.4: 255 on the wire */
#define LABEL_MAX 63
#define CLASS_IN 1

struct reader {
	struct span m; /* the message */
	size_t at;
	bool bad;
};

static unsigned
get_u8(struct reader *r)
{
	if (r->at >= r->m.n) {
		r->bad = true;
		return 0;
	}
	return (unsigned char)r->m.p[r->at++];
}

static unsigned
get_u16(struct reader *r)
{
	unsigned high = get_u8(r);

	return high << 8 | get_u8(r);
}

static void
skip(struct reader *r, size_t n)
{
	if (n > r->m.n - r->at)
		r->bad = true;
	else
		r->at += n;
}

static bool
is_host_char(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') || c == '-' || c == '_';
}

bool
dns_wire_is_name(struct span name)
{
	struct span label;

	if (name.n == 0 || name.n > NAME_TEXT_MAX || span_ends(name, "."))
		return false;
	while (span_cut(&name, '.', &label)) {
		if (label.n == 0 || label.n > LABEL_MAX)
			return false;
		for (size_t i = 0; i < label.n; i++) {
			/* '/' stands in names of RFC 2317. */
			if (!is_host_char((unsigned char)label.p[i]) && label.p[i] != '/')
				return false;
		}
	}
	return true;
}

unsigned
dns_wire_rcode(struct span message)
{
	return message.n >= 4 ? (unsigned char)message.p[3] & 0x0f : 2;
}

/*
 * Reads a name, following pointers (RFC 1035 4.1.4) backwards only, so that it ends.
 * text (NAME_TEXT_MAX + 1 bytes) may be NULL. False for what is no host name; the
 * reader stands behind the name all the same.
 */
static bool
get_name(struct reader *r, char *text, size_t *ret_n)
{
	struct reader in = *r; /* moves to where pointers lead */
	size_t limit = r->at;
	bool jumped = false, is_host = true;
	size_t n = 0;

	for (;;) {
		unsigned len = get_u8(&in);

		if (in.bad)
			break;
		if ((len & 0xc0) == 0xc0) {
			size_t to = (len & 0x3f) << 8 | get_u8(&in);

			if (!jumped)
				r->at = in.at;
			jumped = true;
			if (in.bad || to >= limit)
				break;
			limit = in.at = to;
			continue;
		}
		if (len > LABEL_MAX)
			break;
		if (len == 0) {
			if (!jumped)
				r->at = in.at;
			if (ret_n != NULL)
				*ret_n = n;
			return is_host;
		}
		if (n + len + (n > 0) > NAME_TEXT_MAX || len > in.m.n - in.at)
			break;
		if (n > 0) {
			if (text != NULL)
				text[n] = '.';
			n++;
		}
		for (; len > 0; len--) {
			unsigned char c = (unsigned char)get_u8(&in);

			is_host &= is_host_char(c);
			if (text != NULL)
				text[n] = (char)c;
			n++;
		}
	}
	r->bad = true;
	return false;
}

static bool
parse_name(struct reader *r, struct arena *arena, struct span *ret)
{
	char text[NAME_TEXT_MAX + 1];
	size_t n;

	if (!get_name(r, text, &n))
		return false;
	*ret = arena_span(arena, span_of(text, n));
	return true;
}

/* RFC 1035 3.3.14: strings of at most 255 bytes, one behind the other. */
static bool
parse_txt(struct span rdata, struct arena *arena, struct span *ret)
{
	char *text = arena_alloc(arena, rdata.n + 1);
	struct reader r = { .m = rdata };
	size_t n = 0;

	while (r.at < rdata.n) {
		size_t len = get_u8(&r);

		if (len > rdata.n - r.at)
			return false;
		memcpy(text + n, rdata.p + r.at, len);
		n += len;
		skip(&r, len);
	}
	*ret = span_of(text, n);
	return true;
}

/* r stands at the RDATA of n bytes, which are there. */
static bool
parse_rdata(struct reader r, size_t n, enum dns_type type, struct arena *arena,
            struct dns_record *ret)
{
	struct span rdata = span_of(r.m.p + r.at, n);
	size_t end = r.at + n;

	switch (type) {
	case DNS_A:
	case DNS_AAAA:
		if (n != (type == DNS_A ? 4 : 16))
			return false;
		ret->data = arena_span(arena, rdata);
		return true;
	case DNS_MX:
		ret->preference = (uint16_t)get_u16(&r);
		return parse_name(&r, arena, &ret->data) && r.at == end;
	case DNS_PTR:
		return parse_name(&r, arena, &ret->data) && r.at == end;
	case DNS_TXT:
		return parse_txt(rdata, arena, &ret->data);
	case DNS_TLSA:
		ret->data = arena_span(arena, rdata);
		return true;
	}
	return false;
}

/* By preference; those of the same stay in order. */
static void
sort_mx(struct dns_record *records, size_t n)
{
	for (size_t i = 1; i < n; i++) {
		struct dns_record x = records[i];
		size_t j = i;

		for (; j > 0 && records[j - 1].preference > x.preference; j--)
			records[j] = records[j - 1];
		records[j] = x;
	}
}

enum rc
dns_wire_parse(struct span message, enum dns_type type, struct arena *arena,
               struct dns_record **ret, size_t *ret_n)
{
	struct reader r = { .m = message };
	unsigned questions, answers;
	struct dns_record *records;
	size_t n = 0;

	skip(&r, 4);
	questions = get_u16(&r);
	answers = get_u16(&r);
	skip(&r, 4);
	for (; questions > 0 && !r.bad; questions--) {
		get_name(&r, NULL, NULL);
		skip(&r, 4);
	}
	if (r.bad || answers > (message.n - r.at) / (RECORD_FIXED_N + 1))
		return RC_INVALID;
	records = arena_array(arena, answers + 1, struct dns_record);
	for (; answers > 0; answers--) {
		unsigned record_type, class;
		size_t rdata_n;

		get_name(&r, NULL, NULL);
		record_type = get_u16(&r);
		class = get_u16(&r);
		skip(&r, 4);
		rdata_n = get_u16(&r);
		if (r.bad || rdata_n > message.n - r.at)
			return RC_INVALID;
		if (record_type == (unsigned)type && class == CLASS_IN &&
		    parse_rdata(r, rdata_n, type, arena, &records[n]))
			n++;
		skip(&r, rdata_n);
	}
	if (type == DNS_MX)
		sort_mx(records, n);
	*ret = records;
	*ret_n = n;
	return RC_OK;
}
