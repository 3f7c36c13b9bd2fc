/* SPDX-License-Identifier: ISC
 *
 * eas_freebusy.c - reading calendars for ResolveRecipients: [MS-ASCMD] 2.2.3.107.
 *
 * Whole days and floating times are busy where their owner is: in the zone of the newest
 * of the owner's own events that has one. The protocol tells no other, and devices put
 * theirs into each event that they make.
 */
#include "activesync/eas_freebusy.h"

#include <stdlib.h>

#include "activesync/eas_calendar.h"
#include "store/store_item.h"

#define INSTANCES_MAX 5000 /* of one event within the span */
#define EVENT_MAX (4 * 1024 * 1024)
#define ZONE_EVENTS_MAX 64                 /* that are asked for the owner's zone */
#define ZONE_SPREAD_S (INT64_C(14) * 3600) /* between any zone and UTC */

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
	/* The owner's, looked for when the first event without one comes. */
	struct span owner;
	const struct store_collection *cols;
	size_t n_cols;
	struct arena *a;
	const struct tzone *zone;
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

	if (item->received_ms < (m->from - ZONE_SPREAD_S) * 1000 ||
	    item->size > EVENT_MAX)
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

/* NULL: it cannot be read. */
static enum rc
load_event(struct merge *m, uint64_t content, struct arena *a, struct pim_event **ret)
{
	AUTO_DONE(buf) struct buf raw = BUF_INIT(0);
	enum rc rc = store_content_read(m->tx, content, 0, EVENT_MAX, &raw);

	*ret = NULL;
	if (rc != RC_OK)
		return rc == RC_AGAIN ? rc : RC_OK;
	if (pim_event_parse(arena_span(a, buf_span(&raw)), a, ret) != RC_OK)
		*ret = NULL;
	return RC_OK;
}

/* The zone of that event, when it is one that its owner made; else NULL. */
static enum rc
zone_of(struct merge *m, uint32_t collection, uint32_t uid, const struct tzone **ret)
{
	AUTO(arena)
	struct arena *a = arena_new();
	struct store_item item;
	struct pim_event *e;
	enum rc rc = store_item_load(m->tx, collection, uid, a, &item);

	*ret = NULL;
	if (rc != RC_OK || item.size > EVENT_MAX)
		return rc == RC_NOT_FOUND ? RC_OK : rc;
	rc = load_event(m, item.content, a, &e);
	if (rc != RC_OK || !e || !eas_calendar_is_own(e, m->owner) ||
	    pim_event_zone(e) == tzone_utc())
		return rc;
	/* Again, to live as long as the search. */
	rc = load_event(m, item.content, m->a, &e);
	if (rc == RC_OK && e)
		*ret = pim_event_zone(e);
	return rc;
}

static enum rc
find_zone(struct merge *m)
{
	size_t asked = 0;
	enum rc rc = RC_OK;

	m->zone = tzone_utc();
	for (size_t i = 0; rc == RC_OK && i < m->n_cols; i++) {
		uint32_t *uids;
		size_t n;

		if (m->cols[i].class != STORE_CLASS_CALENDAR)
			continue;
		rc = store_item_uids(m->tx, m->cols[i].id, m->a, &uids, &n);
		while (rc == RC_OK && n > 0 && asked++ < ZONE_EVENTS_MAX) {
			const struct tzone *zone;

			rc = zone_of(m, m->cols[i].id, uids[--n], &zone);
			if (rc == RC_OK && zone) {
				m->zone = zone;
				return RC_OK;
			}
		}
	}
	return rc;
}

static enum rc
merge_event(struct merge *m, uint64_t content)
{
	AUTO(arena)
	struct arena *a = arena_new();
	const struct tzone *zone;
	struct pim_instance *list;
	struct pim_event *e;
	size_t n = 0;
	enum rc rc = load_event(m, content, a, &e);

	if (rc != RC_OK || !e)
		return rc;
	zone = pim_event_zone(e);
	if (zone == tzone_utc() && e->start.kind != PIM_TIME_UTC) {
		if (!m->zone)
			rc = find_zone(m);
		if (rc != RC_OK)
			return rc;
		zone = m->zone;
	}
	rc = pim_event_expand(e, m->from, m->to, zone, INSTANCES_MAX, a, &list, &n);
	for (size_t i = 0; (rc == RC_OK || rc == RC_TOO_BIG) && i < n; i++)
		mark(m, &list[i]);
	return RC_OK;
}

enum rc
eas_freebusy_merge(struct store *s, const struct store_user *user, int64_t from,
                   int64_t to, char *merged)
{
	AUTO(arena)
	struct arena *a = arena_new();
	AUTO(store_tx)
	struct store_tx *tx = NULL;
	struct merge m = { .from = from,
		           .to = to,
		           .merged = merged,
		           .slots = eas_freebusy_slots(from, to),
		           .owner = user->address,
		           .a = a };
	struct store_collection *cols;
	size_t n;
	enum rc rc = store_read(s, user->id, &tx);

	m.tx = tx;
	if (rc == RC_OK)
		rc = store_collection_list(tx, a, &cols, &n);
	m.cols = rc == RC_OK ? cols : NULL;
	m.n_cols = rc == RC_OK ? n : 0;
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
