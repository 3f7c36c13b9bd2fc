/* SPDX-License-Identifier: ISC
 *
 * imap_search_match.c - a message against a search key (RFC 9051 6.4.4).
 */
#include "base/clock.h"
#include "format/mime_text.h"
#include "imap/imap_fetch.h"
#include "imap/imap_flag.h"
#include "imap/imap_search.h"

#define DAY_MS INT64_C(86400000)

void
imap_search_clear(struct search_msg *m)
{
	arena_free(m->arena);
	m->arena = NULL;
	m->root = NULL;
	m->header = span_of(NULL, 0);
}

/* False when something cannot be read; m->rc tells. */
static bool
load_structure(struct search_msg *m)
{
	if (m->root)
		return true;
	if (!m->arena)
		m->arena = arena_new();
	m->rc = imap_fetch_structure(m->tx, m->item, m->arena, &m->root);
	return m->rc == RC_OK;
}

static bool
read_range(struct search_msg *m, uint64_t at, uint64_t n, struct buf *out)
{
	m->rc = store_content_read(m->tx, m->item->content, at, n, out);
	return m->rc == RC_OK;
}

static int64_t
day_of(int64_t ms)
{
	return ms / DAY_MS - (ms % DAY_MS < 0);
}

/* The day as it is written in Date, whatever the zone (RFC 9051 6.4.4). */
static bool
sent_day(struct search_msg *m, int64_t *ret)
{
	if (!load_structure(m) || !m->root->envelope)
		return false;
	const struct mime_envelope *e = m->root->envelope;
	if (e->date_ms == INT64_MIN)
		return false;
	/* "Tue, 5 Nov 2024 23:10:00 -0800": the zone is the last word that has a sign. */
	size_t at = e->date.n;
	while (at > 0 && e->date.p[at - 1] != '+' && e->date.p[at - 1] != '-')
		at--;
	uint32_t hhmm;
	int64_t zone_ms = 0;
	if (at > 0 && at + 4 <= e->date.n &&
	    parse_u32(span_of(e->date.p + at, 4), 2359, &hhmm) == RC_OK) {
		zone_ms = ((int64_t)hhmm / 100 * 60 + hhmm % 100) * 60000;
		if (e->date.p[at - 1] == '-')
			zone_ms = -zone_ms;
	}
	*ret = day_of(e->date_ms + zone_ms);
	return true;
}

static bool
addresses_contain(struct search_msg *m, const struct mime_address *list, struct span text)
{
	return imap_fold_contains(mime_addresses_str(list, m->arena), text);
}

static bool
matches_envelope(struct search_msg *m, const struct search_key *k)
{
	if (!load_structure(m) || !m->root->envelope)
		return false;
	const struct mime_envelope *e = m->root->envelope;
	if (k->kind == SEARCH_SUBJECT)
		return e->subject.p &&
		       imap_fold_contains(mime_decode_header(e->subject, m->arena),
		                          k->text);
	const struct mime_address *list = e->from;
	if (k->kind == SEARCH_TO)
		list = e->to;
	else if (k->kind == SEARCH_CC)
		list = e->cc;
	else if (k->kind == SEARCH_BCC)
		list = e->bcc;
	return list && addresses_contain(m, list, k->text);
}

static bool
load_header(struct search_msg *m)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);

	if (m->header.p)
		return true;
	if (!load_structure(m) ||
	    !read_range(m, m->root->header_at, m->root->header_len, &b))
		return false;
	m->header = arena_span(m->arena, buf_span(&b));
	return true;
}

struct field_search {
	struct search_msg *m;
	struct span name; /* empty: any */
	struct span text;
	bool found;
};

static bool
look_at_field(struct span name, struct span value, struct span whole, void *arg)
{
	struct field_search *fs = arg;

	if (fs->name.n > 0) {
		if (span_ieq(name, fs->name))
			fs->found = imap_fold_contains(
				mime_decode_header(span_trim(value), fs->m->arena),
				fs->text);
	} else {
		fs->found = imap_fold_contains(mime_decode_header(whole, fs->m->arena),
		                               fs->text);
	}
	return !fs->found;
}

static bool
header_contains(struct search_msg *m, struct span header, struct span name,
                struct span text)
{
	struct field_search fs = { .m = m, .name = name, .text = text };

	mime_header_each(header, look_at_field, &fs);
	return fs.found;
}

static bool
text_contains(struct search_msg *m, const struct mime_part *p, struct span text)
{
	AUTO_DONE(buf) struct buf raw = BUF_INIT(0);
	AUTO_DONE(buf) struct buf utf8 = BUF_INIT(0);

	if (!read_range(m, p->body_at, p->body_len, &raw))
		return false;
	mime_decode_text(p, buf_span(&raw), &utf8);
	return imap_fold_contains(buf_span(&utf8), text);
}

/* The texts of a part and of all below it; headers of messages within are text too. */
static bool
body_contains(struct search_msg *m, const struct mime_part *p, struct span text)
{
	if (span_is(p->type, "text"))
		return text_contains(m, p, text);
	for (const struct mime_part *c = p->first; c && m->rc == RC_OK; c = c->next) {
		if (span_is(p->type, "message")) {
			AUTO_DONE(buf) struct buf header = BUF_INIT(0);
			if (!read_range(m, c->header_at, c->header_len, &header))
				return false;
			if (header_contains(m, arena_span(m->arena, buf_span(&header)),
			                    span_of("", 0), text))
				return true;
		}
		if (body_contains(m, c, text))
			return true;
	}
	return false;
}

static bool
matches_bytes(struct search_msg *m, const struct search_key *k)
{
	if (k->kind == SEARCH_HEADER)
		return load_header(m) && header_contains(m, m->header, k->name, k->text);
	if (k->kind == SEARCH_TEXT && load_header(m) &&
	    header_contains(m, m->header, span_of("", 0), k->text))
		return true;
	return m->rc == RC_OK && load_structure(m) && body_contains(m, m->root, k->text);
}

static bool
matches_sent(struct search_msg *m, const struct search_key *k)
{
	int64_t day;

	if (!sent_day(m, &day))
		return false;
	if (k->kind == SEARCH_SENT_BEFORE)
		return day < k->days;
	return k->kind == SEARCH_SENT_ON ? day == k->days : day >= k->days;
}

static bool
matches_list(struct search_msg *m, const struct search_key *k)
{
	bool all = k->kind == SEARCH_AND;

	for (const struct search_key *c = k->first; c; c = c->next) {
		if (imap_search_matches(m, c) != all)
			return !all;
	}
	return all;
}

bool
imap_search_matches(struct search_msg *m, const struct search_key *k)
{
	const struct store_item *item = m->item;

	switch (k->kind) {
	case SEARCH_AND:
	case SEARCH_OR:
		return matches_list(m, k);
	case SEARCH_NOT:
		return !imap_search_matches(m, k->first);
	case SEARCH_ALL:
		return true;
	case SEARCH_NONE:
		return false;
	case SEARCH_FLAG:
		return (item->flags & k->flag) != 0;
	case SEARCH_KEYWORD:
		return imap_keywords_has(item->keywords, k->name);
	case SEARCH_SEQ:
		return imap_seqset_has(&k->set, m->seq);
	case SEARCH_UID:
		return imap_seqset_has(&k->set, item->uid);
	case SEARCH_BEFORE:
		return day_of(item->received_ms) < k->days;
	case SEARCH_ON:
		return day_of(item->received_ms) == k->days;
	case SEARCH_SINCE:
		return day_of(item->received_ms) >= k->days;
	case SEARCH_SENT_BEFORE:
	case SEARCH_SENT_ON:
	case SEARCH_SENT_SINCE:
		return matches_sent(m, k);
	case SEARCH_LARGER:
		return item->size > k->number;
	case SEARCH_SMALLER:
		return item->size < k->number;
	case SEARCH_OLDER:
		return (m->now_ms - item->received_ms) / 1000 >= (int64_t)k->number;
	case SEARCH_YOUNGER:
		return (m->now_ms - item->received_ms) / 1000 < (int64_t)k->number;
	case SEARCH_MODSEQ:
		return item->modseq >= k->number || store_tx_is_lost(m->tx, k->number);
	case SEARCH_FROM:
	case SEARCH_TO:
	case SEARCH_CC:
	case SEARCH_BCC:
	case SEARCH_SUBJECT:
		return matches_envelope(m, k);
	case SEARCH_HEADER:
	case SEARCH_BODY:
	case SEARCH_TEXT:
		return matches_bytes(m, k);
	}
	return false;
}
