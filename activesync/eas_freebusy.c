/* SPDX-License-Identifier: ISC
 *
 * eas_freebusy.c - reading calendars for ResolveRecipients: [MS-ASCMD] 2.2.3.107.
 */
#include "activesync/eas_freebusy.h"

#include <stdlib.h>

#include "format/pim_event.h"
#include "store/store_item.h"

#define INSTANCES_MAX 5000 /* of one event within the span */
#define EVENT_MAX (4 * 1024 * 1024)

struct merge {
	struct store_tx *tx;
	int64_t from;
	int64_t to;
	char *merged;
	size_t slots;
	/* Contents of events that may lie in the span: read when the rows are through. */
	uint64_t *contents;
	size_t n;
	size_t cap;
};

size_t
eas_freebusy_slots(int64_t from, int64_t to)
{
	return (size_t)((to - from + EAS_FREEBUSY_SLOT_S - 1) / EAS_FREEBUSY_SLOT_S);
}

static char
digit_of(const struct pim_event *e)
{
	if ((e->meeting & PIM_MEETING_CANCELLED) || e->response == PIM_RESPONSE_DECLINED)
		return '0';
	switch (e->busy) {
	case PIM_BUSY_TENTATIVE:
		return '1';
	case PIM_BUSY_BUSY:
		return '2';
	case PIM_BUSY_OOF:
		return '3';
	case PIM_BUSY_FREE:
	case PIM_BUSY_ELSEWHERE: /* at work, and can be met */
		break;
	}
	return '0';
}

static void
mark(struct merge *m, const struct pim_instance *i)
{
	char digit = digit_of(i->event);
	int64_t start = i->start > m->from ? i->start - m->from : 0;
	int64_t end = (i->end < m->to ? i->end : m->to) - m->from;

	for (int64_t at = start / EAS_FREEBUSY_SLOT_S;
	     at * EAS_FREEBUSY_SLOT_S < end && (size_t)at < m->slots; at++) {
		if (m->merged[at] < digit)
			m->merged[at] = digit;
	}
}

/* received_ms of an event is when its last instance ends (eas_class.h). */
static bool
note_event(const struct store_item *item, void *arg)
{
	struct merge *m = arg;

	if (item->received_ms < m->from * 1000 || item->size > EVENT_MAX)
		return true;
	if (m->n == m->cap) {
		m->cap = m->cap ? m->cap * 2 : 64;
		m->contents = realloc(m->contents, m->cap * sizeof(*m->contents));
		if (!m->contents)
			abort();
	}
	m->contents[m->n++] = item->content;
	return true;
}

static enum rc
merge_event(struct merge *m, uint64_t content)
{
	AUTO(arena)
	struct arena *a = arena_new();
	AUTO_DONE(buf) struct buf raw = BUF_INIT(0);
	struct pim_instance *list;
	struct pim_event *e;
	size_t n = 0;
	enum rc rc = store_content_read(m->tx, content, 0, EVENT_MAX, &raw);

	if (rc != RC_OK)
		return rc == RC_AGAIN ? rc : RC_OK;
	if (pim_event_parse(buf_span(&raw), a, &e) != RC_OK)
		return RC_OK;
	rc = pim_event_expand(e, m->from, m->to, NULL, INSTANCES_MAX, a, &list, &n);
	for (size_t i = 0; (rc == RC_OK || rc == RC_TOO_BIG) && i < n; i++)
		mark(m, &list[i]);
	return RC_OK;
}

enum rc
eas_freebusy_merge(struct store *s, uint64_t user, int64_t from, int64_t to, char *merged)
{
	AUTO(arena)
	struct arena *a = arena_new();
	AUTO(store_tx)
	struct store_tx *tx = NULL;
	struct merge m = { .from = from,
		           .to = to,
		           .merged = merged,
		           .slots = eas_freebusy_slots(from, to) };
	struct store_collection *cols;
	size_t n;
	enum rc rc = store_read(s, user, &tx);

	m.tx = tx;
	if (rc == RC_OK)
		rc = store_collection_list(tx, a, &cols, &n);
	for (size_t i = 0; rc == RC_OK && i < n; i++) {
		if (cols[i].class == STORE_CLASS_CALENDAR)
			rc = store_item_each(tx, cols[i].id, 1, UINT32_MAX, note_event,
			                     &m);
	}
	for (size_t i = 0; rc == RC_OK && i < m.n; i++)
		rc = merge_event(&m, m.contents[i]);
	free(m.contents);
	return rc;
}
