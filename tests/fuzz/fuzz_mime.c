/* SPDX-License-Identifier: ISC
 *
 * fuzz_mime.c - a message is parsed, its record written and read, its texts decoded.
 *
 * Asserts what others build upon: parts lie within their parents and after one another,
 * the record gives the same tree back, all texts are UTF-8, header values are one line.
 */
#include <stdlib.h>

#include "format/mime_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(condition)                                                                 \
	do {                                                                             \
		if (!(condition))                                                        \
			abort();                                                         \
	} while (0)

static void
check_line(struct span s)
{
	CHECK(!s.p || s.n == 0 ||
	      (!memchr(s.p, '\n', s.n) && !memchr(s.p, '\r', s.n) &&
	       !memchr(s.p, 0, s.n)));
}

static void
check_addresses(const struct mime_address *p, struct arena *a)
{
	CHECK(utf8_is_valid(mime_addresses_str(p, a)));
	for (; p; p = p->next) {
		check_line(p->name);
		check_line(p->route);
		check_line(p->mailbox);
		check_line(p->host);
		CHECK(p->host.n > 0 || p->name.n == 0);
	}
}

static void
check_envelope(const struct mime_envelope *e, struct arena *a)
{
	check_line(e->date);
	check_line(e->subject);
	check_line(e->message_id);
	check_line(e->in_reply_to);
	check_line(e->references);
	check_addresses(e->from, a);
	check_addresses(e->to, a);
	if (e->subject.p)
		CHECK(utf8_is_valid(mime_decode_header(e->subject, a)));
}

static void
check_part(struct span raw, const struct mime_part *p, struct arena *a)
{
	uint64_t low = 0, high = raw.n;

	if (p->parent) {
		low = p->parent->body_at;
		high = low + p->parent->body_len;
	}
	CHECK(p->header_at >= low && p->header_at + p->header_len <= p->body_at &&
	      p->body_at + p->body_len <= high);
	CHECK(!p->next || p->next->header_at >= p->body_at + p->body_len);
	CHECK(mime_is(p, "multipart", NULL) == (p->first && !p->first->envelope));
	CHECK((p->envelope != NULL) ==
	      (!p->parent || mime_is(p->parent, "message", NULL)));
	check_line(p->type);
	check_line(p->subtype);
	check_line(p->id);
	check_line(p->encoding);
	if (p->envelope)
		check_envelope(p->envelope, a);
	uint32_t lines = 0;
	for (uint64_t i = p->body_at; i < p->body_at + p->body_len; i++)
		lines += raw.p[i] == '\n';
	CHECK(lines == p->body_lines);
	CHECK(utf8_is_valid(mime_part_filename(p, a)));
}

static void
check_tree(struct span raw, const struct mime_part *root, struct arena *a)
{
	for (const struct mime_part *p = root; p;) {
		check_part(raw, p, a);
		if (p->first) {
			p = p->first;
			continue;
		}
		while (p && !p->next)
			p = p->parent;
		p = p ? p->next : NULL;
	}
}

static void
check_texts(struct span raw, struct mime_part *root, struct arena *a)
{
	AUTO_DONE(buf) struct buf text = BUF_INIT(0);
	AUTO_DONE(buf) struct buf plain = BUF_INIT(0);
	struct mime_view view;

	mime_view_make(root, a, &view);
	struct mime_part *bodies[] = { view.plain, view.html };
	for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
		if (!bodies[i])
			continue;
		buf_clear(&text);
		mime_decode_text(bodies[i],
		                 span_sub(raw, bodies[i]->body_at,
		                          bodies[i]->body_at + bodies[i]->body_len),
		                 &text);
		CHECK(utf8_is_valid(buf_span(&text)));
		buf_clear(&plain);
		html_to_text(buf_span(&text), &plain);
		CHECK(utf8_is_valid(buf_span(&plain)));
	}
	buf_clear(&plain);
	html_to_text(raw, &plain);
	CHECK(utf8_is_valid(buf_span(&plain)));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(arena)
	struct arena *a = arena_new();
	AUTO_DONE(buf) struct buf meta = BUF_INIT(0);
	AUTO_DONE(buf) struct buf again = BUF_INIT(0);
	struct mime_limits limits = { .parts_max = 30, .depth_max = 8 };
	struct span raw = span_of((const char *)data, size);
	struct mime_part *root;

	mime_text_init();
	struct mime_part *parsed = mime_parse(raw, &limits, a);
	check_tree(raw, parsed, a);
	mime_meta_write(parsed, &meta);
	CHECK(mime_meta_read(buf_span(&meta), a, &root) == RC_OK);
	check_tree(raw, root, a);
	mime_meta_write(root, &again);
	CHECK(span_eq(buf_span(&meta), buf_span(&again)));
	CHECK(mime_header_len(raw) >= root->header_len);
	check_texts(raw, root, a);
	return 0;
}
