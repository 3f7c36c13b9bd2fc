/* SPDX-License-Identifier: ISC
 *
 * mime_meta.c - the compact record of a parsed message that the store keeps.
 *
 * A version byte and the number of parts, then the parts in the order of the message.
 * Each begins with how many levels to go up from the part before it (0: its child, 1: its
 * sibling), so that reading needs neither recursion nor a stack. Numbers are varints,
 * seven bits a byte, least first; a string is its length plus one and its bytes, 0 for
 * absent.
 */
#include "format/mime.h"

#include <assert.h>

#define VERSION 1
#define DEPTH_MAX 1000

/* The strings that are the same in most mail are one byte, 1 + index, behind a 0 length.
 */
static const char *const usual[] = {
	"text",        "plain",   "html",     "multipart", "mixed",
	"alternative", "7bit",    "8bit",     "base64",    "quoted-printable",
	"attachment",  "inline",  "charset",  "utf-8",     "us-ascii",
	"iso-8859-1",  "name",    "filename", "boundary",  "image",
	"application", "message", "rfc822",   "related",   "format",
	"flowed",
};

static void
put_number(struct buf *out, uint64_t v)
{
	while (v >= 0x80) {
		buf_add_char(out, (char)(0x80 | (v & 0x7f)));
		v >>= 7;
	}
	buf_add_char(out, (char)v);
}

/* Absent: 0. Usual: 1, index. Others: length + 2, bytes. */
static void
put_span(struct buf *out, struct span s)
{
	if (!s.p) {
		put_number(out, 0);
		return;
	}
	for (size_t i = 0; i < ARRAY_LEN(usual); i++) {
		if (span_is(s, usual[i])) {
			put_number(out, 1);
			put_number(out, i);
			return;
		}
	}
	put_number(out, s.n + 2);
	buf_add_span(out, s);
}

static void
put_params(struct buf *out, const struct mime_param *first)
{
	uint64_t n = 0;

	for (const struct mime_param *p = first; p; p = p->next)
		n++;
	put_number(out, n);
	for (const struct mime_param *p = first; p; p = p->next) {
		put_span(out, p->name);
		put_span(out, p->value);
	}
}

static void
put_addresses(struct buf *out, const struct mime_address *first)
{
	uint64_t n = 0;

	for (const struct mime_address *p = first; p; p = p->next)
		n++;
	put_number(out, n);
	for (const struct mime_address *p = first; p; p = p->next) {
		put_span(out, p->name);
		put_span(out, p->route);
		put_span(out, p->mailbox);
		put_span(out, p->host);
	}
}

/* Small numbers of either sign stay small. */
static void
put_signed(struct buf *out, int64_t v)
{
	put_number(out, (uint64_t)v << 1 ^ (v < 0 ? UINT64_MAX : 0));
}

static void
put_envelope(struct buf *out, const struct mime_envelope *e)
{
	put_span(out, e->date);
	put_span(out, e->subject);
	put_addresses(out, e->from);
	put_addresses(out, e->sender);
	put_addresses(out, e->reply_to);
	put_addresses(out, e->to);
	put_addresses(out, e->cc);
	put_addresses(out, e->bcc);
	put_span(out, e->in_reply_to);
	put_span(out, e->message_id);
	put_span(out, e->references);
	put_signed(out, e->date_ms);
}

static void
put_part(struct buf *out, const struct mime_part *p)
{
	put_span(out, p->type);
	put_span(out, p->subtype);
	put_params(out, p->params);
	put_span(out, p->id);
	put_span(out, p->description);
	put_span(out, p->encoding);
	put_span(out, p->disposition);
	put_params(out, p->disposition_params);
	put_span(out, p->language);
	put_span(out, p->location);
	put_span(out, p->md5);
	put_number(out, p->header_at);
	put_number(out, p->header_len);
	put_number(out, p->body_at);
	put_number(out, p->body_len);
	put_number(out, p->body_lines);
	put_number(out, p->envelope != NULL);
	if (p->envelope)
		put_envelope(out, p->envelope);
}

/* The part after p in the order of the message; *up says how it lies to p. */
static const struct mime_part *
part_after(const struct mime_part *p, uint64_t *up)
{
	*up = 0;
	if (p->first)
		return p->first;
	for (; p; p = p->parent) {
		++*up;
		if (p->next)
			return p->next;
	}
	return NULL;
}

void
mime_meta_write(const struct mime_part *root, struct buf *out)
{
	uint64_t n = 0, up;

	assert(root);
	for (const struct mime_part *p = root; p; p = part_after(p, &up))
		n++;
	put_number(out, VERSION);
	put_number(out, n);
	put_part(out, root);
	for (const struct mime_part *p = part_after(root, &up); p;
	     p = part_after(p, &up)) {
		put_number(out, up);
		put_part(out, p);
	}
}

struct reader {
	struct span rest;
	struct arena *a;
	bool failed;
};

static uint64_t
get_number(struct reader *r)
{
	uint64_t v = 0;

	for (unsigned shift = 0; shift < 64; shift += 7) {
		if (r->rest.n == 0)
			break;
		uint8_t b = (uint8_t)*r->rest.p;
		r->rest = span_sub(r->rest, 1, r->rest.n);
		v |= (uint64_t)(b & 0x7f) << shift;
		if (!(b & 0x80))
			return v;
	}
	r->failed = true;
	return 0;
}

/* A count of things that take at least size bytes each. */
static uint64_t
get_count(struct reader *r, size_t size)
{
	uint64_t n = get_number(r);

	if (n > r->rest.n / size)
		r->failed = true;
	return r->failed ? 0 : n;
}

static struct span
get_span(struct reader *r)
{
	uint64_t n = get_number(r);

	if (r->failed || n == 0)
		return span_of(NULL, 0);
	if (n == 1) {
		uint64_t i = get_number(r);
		if (i < ARRAY_LEN(usual))
			return span_str(usual[i]);
		r->failed = true;
		return span_of(NULL, 0);
	}
	n -= 2;
	if (n > r->rest.n) {
		r->failed = true;
		return span_of(NULL, 0);
	}
	struct span s = span_sub(r->rest, 0, n);
	r->rest = span_sub(r->rest, n, r->rest.n);
	return s;
}

static struct mime_param *
get_params(struct reader *r)
{
	struct mime_param *first = NULL, **tail = &first;

	for (uint64_t n = get_count(r, 2); n > 0 && !r->failed; n--) {
		struct mime_param *p = arena_new_of(r->a, struct mime_param);
		p->name = get_span(r);
		p->value = get_span(r);
		*tail = p;
		tail = &p->next;
	}
	return first;
}

static struct mime_address *
get_addresses(struct reader *r)
{
	struct mime_address *first = NULL, **tail = &first;

	for (uint64_t n = get_count(r, 4); n > 0 && !r->failed; n--) {
		struct mime_address *p = arena_new_of(r->a, struct mime_address);
		p->name = get_span(r);
		p->route = get_span(r);
		p->mailbox = get_span(r);
		p->host = get_span(r);
		*tail = p;
		tail = &p->next;
	}
	return first;
}

static struct mime_envelope *
get_envelope(struct reader *r)
{
	struct mime_envelope *e = arena_new_of(r->a, struct mime_envelope);

	e->date = get_span(r);
	e->subject = get_span(r);
	e->from = get_addresses(r);
	e->sender = get_addresses(r);
	e->reply_to = get_addresses(r);
	e->to = get_addresses(r);
	e->cc = get_addresses(r);
	e->bcc = get_addresses(r);
	e->in_reply_to = get_span(r);
	e->message_id = get_span(r);
	e->references = get_span(r);
	uint64_t v = get_number(r);
	e->date_ms = (int64_t)(v >> 1 ^ (v & 1 ? UINT64_MAX : 0));
	return e;
}

static struct mime_part *
get_part(struct reader *r)
{
	struct mime_part *p = arena_new_of(r->a, struct mime_part);

	p->type = get_span(r);
	p->subtype = get_span(r);
	p->params = get_params(r);
	p->id = get_span(r);
	p->description = get_span(r);
	p->encoding = get_span(r);
	p->disposition = get_span(r);
	p->disposition_params = get_params(r);
	p->language = get_span(r);
	p->location = get_span(r);
	p->md5 = get_span(r);
	p->header_at = get_number(r);
	p->header_len = get_number(r);
	p->body_at = get_number(r);
	p->body_len = get_number(r);
	p->body_lines = (uint32_t)get_number(r);
	if (get_number(r))
		p->envelope = get_envelope(r);
	return p;
}

/* Hangs p where up says, seen from the part before it. */
static bool
hang(struct mime_part *before, uint64_t up, struct mime_part *p, size_t *depth)
{
	if (up == 0) {
		p->parent = before;
		before->first = p;
		return ++*depth < DEPTH_MAX;
	}
	for (; up > 1 && before; up--) {
		before = before->parent;
		--*depth;
	}
	/* The root has no siblings. */
	if (!before || !before->parent)
		return false;
	p->parent = before->parent;
	before->next = p;
	return true;
}

enum rc
mime_meta_read(struct span meta, struct arena *a, struct mime_part **ret)
{
	struct reader r = { .rest = meta, .a = a };
	size_t depth = 0;

	if (get_number(&r) != VERSION || r.failed)
		return RC_INVALID;
	uint64_t n = get_count(&r, 1);
	if (n == 0 || r.failed)
		return RC_INVALID;
	struct mime_part *root = get_part(&r), *before = root;
	while (--n > 0 && !r.failed) {
		uint64_t up = get_number(&r);
		struct mime_part *p = get_part(&r);
		if (r.failed || !hang(before, up, p, &depth))
			return RC_INVALID;
		before = p;
	}
	if (r.failed || r.rest.n > 0)
		return RC_INVALID;
	*ret = root;
	return RC_OK;
}
