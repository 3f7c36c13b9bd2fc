/* SPDX-License-Identifier: ISC
 *
 * eas_thread.c - RFC 5322 3.6.4; [MS-OXOMSG] 2.2.1.3: a Thread-Index is a byte 1, five
 * bytes of the time of the first message, a GUID, and five bytes for each answer.
 */
#include "activesync/eas_thread.h"

#include "base/clock.h"
#include "base/encode.h"

#define INDEX_MAX 700 /* a header line has at most 998 characters */
#define HEADER_LEN 22
#define LEVEL_LEN 5
/* The first ones tell the conversation, the last ones the place in it. */
#define REFERENCES_MAX 32

/* 100 ns since 1601 */
static uint64_t
filetime(int64_t ms)
{
	return (uint64_t)(ms + INT64_C(11644473600000)) * 10000;
}

/* The decoded Thread-Index into b; false: there is none that can be understood. */
static bool
thread_index(const struct eas_message *m, struct arena *a, struct buf *b)
{
	struct span text = mime_header_get(m->header, "Thread-Index", a);

	return text.n > 0 && base64_decode(text, b) == RC_OK && buf_ok(b) &&
	       buf_len(b) >= HEADER_LEN && (buf_len(b) - HEADER_LEN) % LEVEL_LEN == 0 &&
	       b->p[0] == 1;
}

/* The five most significant bytes. */
static void
add_time(struct buf *b, uint64_t ticks)
{
	for (int i = 0; i < 5; i++)
		buf_add_char(b, (char)(ticks >> (56 - 8 * i)));
}

void
eas_thread_index(const struct eas_message *m, struct arena *a, struct buf *out)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(INDEX_MAX);

	if (thread_index(m, a, &b)) {
		buf_add(out, b.p + 1, 5);
		buf_add(out, b.p + HEADER_LEN, buf_len(&b) - HEADER_LEN);
	} else {
		add_time(out, filetime(m->item->received_ms));
	}
}

/* One more level: the time since the first message, in one of two resolutions. */
static void
add_level(struct buf *b)
{
	uint64_t first = 0, diff, now = filetime(clock_wall_ms());
	size_t levels = (buf_len(b) - HEADER_LEN) / LEVEL_LEN;
	uint32_t delta;

	/* Older ones leave the top byte, which is 1, to the byte in front. */
	for (int i = b->p[1] == 1 ? 1 : 0; i < 6; i++)
		first = first << 8 | (uint8_t)b->p[i];
	first <<= b->p[1] == 1 ? 24 : 16;
	diff = now > first ? now - first : 0;
	if (diff >> 32 & 0x00fe0000)
		delta = (uint32_t)(diff >> 23 & 0x7fffffff) | UINT32_C(1) << 31;
	else
		delta = (uint32_t)(diff >> 18 & 0x7fffffff);
	for (int i = 3; i >= 0; i--)
		buf_add_char(b, (char)(delta >> 8 * i));
	buf_add_char(b, (char)(random_below(16) << 4 | (levels < 15 ? levels : 15)));
}

static void
write_index(const struct eas_message *original, struct arena *a, struct buf *out)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(INDEX_MAX);
	const struct mime_envelope *e = original->root->envelope;
	struct sha256 id;

	if (!thread_index(original, a, &b)) {
		buf_clear(&b);
		buf_add_char(&b, 1);
		add_time(&b, filetime(original->item->received_ms));
		/* A GUID that two answers to one mail have in common. */
		sha256_of(e ? e->message_id : SPAN(""), &id);
		buf_add(&b, id.b, 16);
	}
	add_level(&b);
	if (!buf_ok(&b))
		return;
	buf_add_str(out, "Thread-Index: ");
	base64_encode(buf_span(&b), out);
	buf_add_str(out, "\r\n");
}

/* The next "<...>" of *rest that has nothing odd in it. */
static bool
next_id(struct span *rest, struct span *ret)
{
	while (rest->n > 0) {
		size_t from = span_find(*rest, 0, '<'), to;
		bool odd = false;

		if (from >= rest->n)
			return false;
		to = span_find(*rest, from, '>');
		if (to >= rest->n)
			return false;
		*ret = span_sub(*rest, from, to + 1);
		*rest = span_sub(*rest, to + 1, rest->n);
		for (size_t i = 1; i + 1 < ret->n; i++)
			odd |= ret->p[i] <= ' ' || ret->p[i] >= 0x7f || ret->p[i] == '<';
		if (!odd && ret->n > 2 && ret->n < 900)
			return true;
	}
	return false;
}

static void
write_references(const struct mime_envelope *e, struct span own, struct buf *out)
{
	struct span rest = e->references.n > 0 ? e->references : e->in_reply_to, id;
	size_t n = 0, at = 0;

	for (struct span i = rest; next_id(&i, &id);)
		n++;
	buf_add_str(out, "References:");
	for (; next_id(&rest, &id); at++) {
		/* Of very many the first and the last. */
		if (at == 0 || at + REFERENCES_MAX > n)
			buf_addf(out, " %.*s\r\n", SPAN_FMT(id));
	}
	buf_addf(out, " %.*s\r\n", SPAN_FMT(own));
}

void
eas_thread_answer(const struct eas_message *original, struct span header, struct arena *a,
                  struct buf *out)
{
	const struct mime_envelope *e = original->root->envelope;
	struct span rest = e ? e->message_id : SPAN(""), own;
	bool has_id = next_id(&rest, &own);

	if (has_id && !mime_header_get(header, "In-Reply-To", a).p)
		buf_addf(out, "In-Reply-To: %.*s\r\n", SPAN_FMT(own));
	if (has_id && !mime_header_get(header, "References", a).p)
		write_references(e, own, out);
	if (!mime_header_get(header, "Thread-Index", a).p)
		write_index(original, a, out);
}
