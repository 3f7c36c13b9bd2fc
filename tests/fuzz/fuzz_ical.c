/* SPDX-License-Identifier: ISC
 *
 * fuzz_ical.c - a calendar is read, cut into items, expanded, written in both versions,
 * merged with what a device would give back, and applied as a message.
 *
 * Asserts that an event that nobody changed is written as it was, and that instances come
 * in order and lie in their window.
 */
#include <stdlib.h>

#include "base/clock.h"
#include "format/ical.h"
#include "format/itip.h"
#include "format/pim_note.h"
#include "format/pim_task.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(condition)                                                                 \
	do {                                                                             \
		if (!(condition))                                                        \
			abort();                                                         \
	} while (0)

#define FROM 1700000000
#define TO (FROM + 40LL * 86400)

static struct span
written(const struct vobj *cal, struct arena *a)
{
	AUTO_DONE(buf) struct buf out = BUF_INIT(0);

	ical_write(cal, ICAL_2_0, NULL, NULL, &out);
	CHECK(utf8_is_valid(buf_span(&out)));
	return arena_span(a, buf_span(&out));
}

static void
check_instances(const struct pim_event *e, const struct tzone *zone, struct arena *a)
{
	struct pim_instance *list;
	int64_t start, end;
	size_t n;

	enum rc rc = pim_event_expand(e, FROM, TO, zone, 50, a, &list, &n);
	CHECK(rc == RC_OK || (rc == RC_TOO_BIG && n <= 50));
	CHECK(pim_event_in_window(e, FROM, TO, zone) == (n > 0));
	for (size_t i = 0; i < n; i++) {
		CHECK(list[i].start < TO && list[i].end >= FROM);
		CHECK(i == 0 || list[i - 1].start <= list[i].start);
	}
	if (e->start.kind == PIM_TIME_NONE)
		return;
	pim_event_range(e, zone, &start, &end);
	for (size_t i = 0; i < n; i++)
		CHECK(list[i].start >= start && list[i].end <= end);
}

/* The same event as ADD and COUNTER to what was made of it. */
static void
check_messages(const struct pim_event *stored, struct itip *in, const struct tzone *zone,
               struct arena *a)
{
	struct pim_event *more, *same;

	in->event->sequence = stored->sequence < UINT32_MAX ? stored->sequence + 1 : 0;
	/* Instances that are not there yet. */
	if (in->event->start.kind != PIM_TIME_NONE) {
		in->event->start.kind = PIM_TIME_UTC;
		in->event->start.at.second ^= 1;
	}
	in->method = ITIP_ADD;
	if (itip_apply_add(stored, in, zone, a, &more) == RC_OK) {
		CHECK(more->n_rdates > stored->n_rdates);
		CHECK(more->n_rdates - stored->n_rdates <= ITIP_ADDED_MAX);
		CHECK(pim_event_of(pim_event_tree(more, a), a, &same) == RC_OK);
		itip_ask_again(stored, more, SPAN("o@example.com"));
		check_instances(more, zone, a);
	}
	in->method = ITIP_COUNTER;
	in->sender = stored->attendees;
	itip_set_sender(in, SPAN("a@example.com"));
	if (itip_apply_reply(stored, in, zone, a, &more) == RC_OK)
		CHECK(pim_event_of(pim_event_tree(more, a), a, &same) == RC_OK);
}

static void
check_event(struct vobj *cal, const struct tzone *zone, struct arena *a)
{
	struct pim_event *e, *same;
	struct itip in;

	if (pim_event_of(cal, a, &e) != RC_OK)
		return;
	e->uid = "uid";
	cal = pim_event_tree(e, a);
	CHECK(pim_event_of(cal, a, &e) == RC_OK);
	CHECK(span_eq(written(pim_event_tree(e, a), a), written(cal, a)));
	check_instances(e, zone, a);
	struct span text = written(cal, a);
	CHECK(pim_event_parse(text, a, &same) == RC_OK);
	struct pim_event *x = pim_event_exception_add(e, FROM, zone, a);
	x->subject = "s";
	CHECK(pim_event_of(pim_event_tree(e, a), a, &same) == RC_OK);
	if (e->start.kind == PIM_TIME_UTC)
		CHECK(pim_event_exception(same, FROM, zone) != NULL);
	if (pim_event_instance_delete(e, FROM, zone, a) == RC_OK)
		CHECK(pim_event_of(pim_event_tree(e, a), a, &same) == RC_OK);
	struct itip_spec spec = { .method = ITIP_REQUEST,
		                  .event = e,
		                  .zone = zone,
		                  .instance = INT64_MIN,
		                  .now = FROM };
	AUTO_DONE(buf) struct buf mail = BUF_INIT(0);
	e->organizer_email = "o@example.com";
	CHECK(itip_write(&spec, &mail) == RC_OK);
	CHECK(itip_parse(buf_span(&mail), a, &in) == RC_OK);
	CHECK(itip_apply_request(NULL, &in, zone, a, &same) == RC_OK);
	pim_event_tree(same, a);
	check_messages(same, &in, zone, a);
}

static void
check_task(struct vobj *cal, const struct tzone *zone, struct arena *a)
{
	struct pim_task *t, *next;

	if (pim_task_of(cal, a, &t) != RC_OK)
		return;
	t->uid = "uid";
	cal = pim_task_tree(t, a);
	CHECK(pim_task_of(cal, a, &t) == RC_OK);
	CHECK(span_eq(written(pim_task_tree(t, a), a), written(cal, a)));
	if (pim_task_complete(t, FROM, zone, a, &next) == RC_OK)
		pim_task_tree(next, a);
	pim_task_tree(t, a);
}

static void
check_note(struct vobj *cal, struct arena *a)
{
	AUTO_DONE(buf) struct buf out = BUF_INIT(0);
	struct pim_note *n;

	if (pim_note_of(cal, a, &n) != RC_OK)
		return;
	pim_note_vnote(n, &out);
	CHECK(pim_note_parse(buf_span(&out), a, &n) == RC_OK);
	pim_note_tree(n, a);
}

static void
check_device(struct vobj *cal, enum ical_version version, const struct tzone *zone,
             struct arena *a)
{
	AUTO_DONE(buf) struct buf out = BUF_INIT(0);
	struct vobj *back;

	ical_write(cal, version, NULL, zone, &out);
	CHECK(utf8_is_valid(buf_span(&out)));
	CHECK(ical_parse(buf_span(&out), a, &back, NULL) == RC_OK);
	written(ical_merge(cal, back, NULL, zone, a), a);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(arena)
	struct arena *a = arena_new();
	const struct tzone *zone = tzone_find("Europe/Berlin");
	struct span text = span_of((const char *)data, size);
	struct pim_note *n;
	struct vobj *cal;
	int left = 4;

	clock_fake_start(FROM * 1000LL);
	if (pim_note_parse(text, a, &n) == RC_OK)
		pim_note_tree(n, a);
	if (ical_parse(text, a, &cal, NULL) != RC_OK)
		return 0;
	for (struct vobj *item = ical_split(cal, a); item && left > 0; left--) {
		struct vobj *next = item->next;
		item->next = NULL;
		check_event(item, zone, a);
		check_task(item, zone, a);
		check_note(item, a);
		check_device(item, ICAL_1_0, zone, a);
		check_device(item, ICAL_2_0, zone, a);
		item = next;
	}
	return 0;
}
