/* SPDX-License-Identifier: ISC
 *
 * imap_flag.c - flags and keywords (RFC 9051 2.3.2).
 */
#include "imap/imap_flag.h"
#include "store/store_item.h"

static const struct {
	uint32_t bit;
	const char *name;
} names[] = {
	{ STORE_FLAG_ANSWERED, "\\Answered" }, { STORE_FLAG_FLAGGED, "\\Flagged" },
	{ STORE_FLAG_DELETED, "\\Deleted" },   { STORE_FLAG_SEEN, "\\Seen" },
	{ STORE_FLAG_DRAFT, "\\Draft" },       { STORE_FLAG_FORWARDED, "$Forwarded" },
	{ STORE_FLAG_JUNK, "$Junk" },          { STORE_FLAG_NOT_JUNK, "$NotJunk" },
	{ STORE_FLAG_MDN_SENT, "$MDNSent" },
};

uint32_t
imap_flag_find(struct span name)
{
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (span_iis(name, names[i].name))
			return names[i].bit;
	}
	return 0;
}

void
imap_flag_write(struct buf *out, uint32_t flags, struct span keywords)
{
	bool first = true;

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (!(flags & names[i].bit))
			continue;
		if (!first)
			buf_add_char(out, ' ');
		buf_add_str(out, names[i].name);
		first = false;
	}
	if (keywords.n == 0)
		return;
	if (!first)
		buf_add_char(out, ' ');
	buf_add_span(out, keywords);
}

void
imap_flag_write_all(struct buf *out)
{
	imap_flag_write(out, UINT32_MAX, span_of("", 0));
}

bool
imap_keywords_has(struct span list, struct span word)
{
	struct span w;

	while (span_cut(&list, ' ', &w)) {
		if (span_ieq(w, word))
			return true;
	}
	return false;
}

/* Words of list that are not in other, behind what is in out. */
static void
add_words(struct buf *out, struct span list, struct span other)
{
	struct span w;

	while (span_cut(&list, ' ', &w)) {
		if (w.n == 0 || imap_keywords_has(other, w))
			continue;
		if (buf_len(out) > 0)
			buf_add_char(out, ' ');
		buf_add_span(out, w);
	}
}

struct span
imap_keywords_add(struct span list, struct span add, struct arena *a)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);

	buf_add_span(&b, list);
	add_words(&b, add, list);
	return arena_span(a, buf_span(&b));
}

struct span
imap_keywords_remove(struct span list, struct span remove, struct arena *a)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);

	add_words(&b, list, remove);
	return arena_span(a, buf_span(&b));
}

static bool
has_all(struct span list, struct span words)
{
	struct span w;

	while (span_cut(&words, ' ', &w)) {
		if (w.n > 0 && !imap_keywords_has(list, w))
			return false;
	}
	return true;
}

bool
imap_keywords_eq(struct span x, struct span y)
{
	return span_eq(x, y) || (has_all(x, y) && has_all(y, x));
}
