/* SPDX-License-Identifier: ISC
 *
 * pim_task.c - tasks as VTODOs (RFC 5545 3.6.2, MS-ASTASK).
 */
#include "format/pim_task.h"

#include "base/clock.h"
#include "format/ical.h"
#include "format/pim_event_private.h"

#define REMINDER "X-GODWIT-REMINDER-TIME"

/* Priorities 1 to 4 are high, 5 and none normal, 6 to 9 low (RFC 5545 3.8.1.9). */
static void
read_importance(const struct vobj *o, const struct pim_field *f, void *value,
                struct pim_reader *r UNUSED)
{
	const struct vobj_prop *p = vobj_find(o, f->name);
	uint32_t v = 0;

	if (p && parse_u32(span_trim(p->value), 9, &v) != RC_OK)
		v = 0;
	*(enum pim_importance *)value = v == 0 || v == 5 ? PIM_IMPORTANCE_NORMAL
	                                : v < 5          ? PIM_IMPORTANCE_HIGH
	                                                 : PIM_IMPORTANCE_LOW;
}

static void
write_importance(struct vobj *o, const struct pim_field *f, const void *value,
                 struct arena *a)
{
	static const char *const priorities[] = { "9", "5", "1" };

	pim_set_raw(o, f->name, priorities[*(const enum pim_importance *)value % 3], a);
}

static bool
eq_importance(const void *x, const void *y)
{
	return *(const enum pim_importance *)x == *(const enum pim_importance *)y;
}

static const struct pim_codec importance = { read_importance, write_importance,
	                                     eq_importance };

#define F(prop, member, how)                                                             \
	{                                                                                \
		.name = prop, .offset = offsetof(struct pim_task, member), .codec = &how \
	}

/* docs/internals/pim.md tells which element of ActiveSync each is. */
static const struct pim_field fields[] = {
	F("UID", uid, pim_text),
	F("SUMMARY", subject, pim_text),
	F("DESCRIPTION|X-ALT-DESC", body, pim_bodies),
	F("CATEGORIES", categories, pim_list),
	F("PRIORITY", importance, importance),
	F("CLASS", sensitivity, pim_class),
	F("DTSTART", start, pim_when),
	F("DUE", due, pim_when),
	F("X-GODWIT-UTC-START", utc_start, pim_when),
	F("X-GODWIT-UTC-DUE", utc_due, pim_when),
	F("COMPLETED", completed, pim_when),
	F("PERCENT-COMPLETE", percent, pim_u8),
	F("RRULE", recur, pim_rrule),
	F("X-GODWIT-RECUR-START", recur_start, pim_when),
	F("X-GODWIT-REGENERATE", regenerate, pim_flag),
	F("X-GODWIT-DEAD-OCCUR", dead_occur, pim_flag),
	F("X-GODWIT-ORDINAL-DATE", ordinal_date, pim_when),
	F("X-GODWIT-SUB-ORDINAL-DATE", sub_ordinal_date, pim_text),
	F("LAST-MODIFIED", last_modified, pim_when),
};

static bool
is_completed(const struct vobj *o)
{
	const struct vobj_prop *p = vobj_find(o, "STATUS");

	return p ? span_iis(span_trim(p->value), "COMPLETED")
	         : vobj_find(o, "COMPLETED") != NULL;
}

/* When the reminder rings, in UTC. */
static struct pim_time
alarm_time(const struct vobj *o, const struct pim_task *t, struct pim_reader *r)
{
	struct pim_time none = { .kind = PIM_TIME_NONE };
	const struct vobj *alarm = pim_alarm_find(o);
	const struct vobj_prop *p = alarm ? vobj_find(alarm, "TRIGGER") : NULL;
	int32_t minutes;

	if (!p)
		return none;
	struct pim_time at = pim_read_time(r, p, p->value);
	if (at.kind != PIM_TIME_NONE)
		return pim_time_of(pim_time_utc(&at, NULL), NULL);
	const struct pim_time *start =
		t->start.kind != PIM_TIME_NONE ? &t->start : &t->due;
	const struct pim_time *due = t->due.kind != PIM_TIME_NONE ? &t->due : start;
	if (!pim_alarm_minutes(alarm, start, due, r, &minutes))
		return none;
	return pim_time_of(pim_time_utc(start, NULL) - (int64_t)minutes * 60, NULL);
}

static void
read_task(struct vobj *o, struct pim_task *t, struct pim_reader *r)
{
	pim_fields_read(fields, ARRAY_LEN(fields), o, t, r);
	t->complete = is_completed(o);
	t->reminder = alarm_time(o, t, r);
	t->reminder_set = t->reminder.kind != PIM_TIME_NONE;
	const struct vobj_prop *p = vobj_find(o, REMINDER);
	if (!t->reminder_set && p)
		t->reminder = pim_read_time(r, p, p->value);
	t->obj = o;
}

static void
write_state(struct vobj *o, const struct pim_task *was, const struct pim_task *is,
            struct arena *a)
{
	if (was->complete == is->complete)
		return;
	pim_set_raw(o, "STATUS", is->complete ? "COMPLETED" : "NEEDS-ACTION", a);
	if (is->percent == was->percent)
		pim_set_raw(o, "PERCENT-COMPLETE", is->complete ? "100" : NULL, a);
	if (!is->complete && pim_time_eq(&was->completed, &is->completed))
		vobj_remove_all(o, "COMPLETED");
}

static void
write_reminder(struct vobj *o, const struct pim_task *was, const struct pim_task *is,
               struct arena *a)
{
	struct vobj *alarm = pim_alarm_find(o);
	struct pim_time at = pim_time_of(pim_time_utc(&is->reminder, NULL), NULL);

	if (was->reminder_set == is->reminder_set &&
	    pim_time_eq(&was->reminder, &is->reminder))
		return;
	vobj_remove_all(o, REMINDER);
	if (!is->reminder_set || is->reminder.kind == PIM_TIME_NONE) {
		for (; alarm; alarm = pim_alarm_find(o))
			vobj_remove_child(o, alarm);
		/* Switched off, but remembered. */
		if (is->reminder.kind != PIM_TIME_NONE)
			pim_write_time(vobj_add(o, a, REMINDER, span_str("")), &at, a);
		return;
	}
	if (!alarm) {
		alarm = vobj_new(a, "VALARM");
		vobj_add(alarm, a, "ACTION", SPAN("DISPLAY"));
		vobj_add(alarm, a, "DESCRIPTION", SPAN("Reminder"));
		vobj_add(alarm, a, "TRIGGER", span_str(""));
		vobj_add_child(o, alarm);
	}
	struct vobj_prop *p = vobj_find(alarm, "TRIGGER");
	pim_write_time(p, &at, a);
	vobj_param_set(p, a, "VALUE", "DATE-TIME");
	vobj_param_set(p, a, "RELATED", NULL);
}

struct pim_task *
pim_task_new(struct arena *a)
{
	struct pim_task *t = arena_new_of(a, struct pim_task);

	t->importance = PIM_IMPORTANCE_NORMAL;
	return t;
}

enum rc
pim_task_of(struct vobj *cal, struct arena *a, struct pim_task **ret)
{
	struct pim_reader r = { .cal = cal, .a = a };
	struct vobj *o = vobj_child(cal, "VTODO");

	/* The series rather than one of its exceptions, which MS-ASTASK has not. */
	for (struct vobj *c = o; c; c = vobj_next_child(c, "VTODO")) {
		if (!vobj_find(c, "RECURRENCE-ID")) {
			o = c;
			break;
		}
	}
	if (!o)
		return RC_INVALID;
	struct pim_task *t = pim_task_new(a);
	read_task(o, t, &r);
	t->cal = cal;
	*ret = t;
	return RC_OK;
}

enum rc
pim_task_parse(struct span ical, struct arena *a, struct pim_task **ret)
{
	struct vobj *cal;
	enum rc rc = ical_parse(ical, a, &cal, NULL);

	return rc == RC_OK ? pim_task_of(cal, a, ret) : rc;
}

struct vobj *
pim_task_tree(const struct pim_task *t, struct arena *a)
{
	struct pim_copy copy;
	struct pim_task is = *t;

	pim_copy_cal(&copy, t->cal, a);
	struct pim_reader r = { .cal = copy.cal, .a = a };
	struct vobj *o = t->obj ? pim_copy_of(&copy, t->obj) : NULL;
	if (!o) {
		o = t->obj ? vobj_copy(t->obj, a) : vobj_new(a, "VTODO");
		vobj_add_child(copy.cal, o);
		if (!vobj_find(o, "DTSTAMP")) {
			struct pim_time now = pim_time_of(clock_wall_ms() / 1000, NULL);
			pim_write_time(vobj_add(o, a, "DTSTAMP", span_str("")), &now, a);
		}
	}
	if (pim_str_eq(is.uid, ""))
		is.uid = pim_uid_new(a);
	struct pim_task *was = pim_task_new(a);
	read_task(o, was, &r);
	pim_fields_write(fields, ARRAY_LEN(fields), o, was, &is, a);
	write_state(o, was, &is, a);
	write_reminder(o, was, &is, a);
	if (!pim_time_eq(&was->start, &is.start))
		pim_add_zone(copy.cal, &is.start, a);
	if (!pim_time_eq(&was->due, &is.due))
		pim_add_zone(copy.cal, &is.due, a);
	return copy.cal;
}

void
pim_task_write(const struct pim_task *t, struct buf *out)
{
	AUTO(arena)
	struct arena *a = arena_new();

	vobj_write(pim_task_tree(t, a), out);
}

/* Going on by one */

static bool
note_next(const struct civil *at, void *arg)
{
	*(struct civil *)arg = *at;
	return false;
}

/* t moved by as much as from lies before to, in civil time. */
static void
move(struct pim_time *t, const struct civil *from, const struct civil *to)
{
	if (t->kind != PIM_TIME_NONE)
		civil_from_seconds(civil_to_seconds(&t->at) + civil_to_seconds(to) -
		                           civil_to_seconds(from),
		                   &t->at);
}

/* The base of the recurrence: what it counts from. */
static struct pim_time
base_of(const struct pim_task *t)
{
	if (t->start.kind != PIM_TIME_NONE)
		return t->start;
	return t->due.kind != PIM_TIME_NONE ? t->due : t->recur_start;
}

enum rc
pim_task_complete(struct pim_task *t, int64_t now, const struct tzone *zone,
                  struct arena *a, struct pim_task **ret_next)
{
	struct pim_time base = base_of(t);
	const struct recur *recur = t->recur;
	struct civil at = base.at, far = { 9999, 12, 31, 0, 0, 0 }, found = { 0 };
	struct recur *left = arena_new_of(a, struct recur);

	t->recur = NULL;
	t->recur_start.kind = PIM_TIME_NONE;
	t->complete = true;
	t->percent = 100;
	if (t->completed.kind == PIM_TIME_NONE)
		t->completed = pim_time_of(now, NULL);
	if (!recur || base.kind == PIM_TIME_NONE || recur->count == 1)
		return RC_NOT_FOUND;
	*left = *recur;
	if (recur->count > 0)
		left->count--;
	struct pim_time start = base;
	if (t->regenerate) {
		/* MS-ASTASK 2.2.2.20: so long after it was completed. */
		tzone_local(zone ? zone : tzone_utc(), pim_time_utc(&t->completed, zone),
		            &at);
		start.at = at;
		start.at.hour = base.at.hour;
		start.at.minute = base.at.minute;
		start.at.second = base.at.second;
	}
	struct civil from;
	civil_from_seconds(civil_to_seconds(&start.at) + 1, &from);
	enum rc rc = recur_each(recur, &start, zone, &from, &far, 0, note_next, &found);
	if (rc == RC_UNSUPPORTED || found.year == 0)
		return RC_NOT_FOUND;
	struct pim_task *next = arena_new_of(a, struct pim_task);
	*next = *t;
	next->cal = NULL;
	next->obj = t->obj ? vobj_copy(t->obj, a) : NULL;
	next->uid = pim_uid_new(a);
	next->complete = false;
	next->percent = 0;
	next->completed.kind = PIM_TIME_NONE;
	next->recur = left;
	next->dead_occur = false;
	move(&next->start, &base.at, &found);
	move(&next->due, &base.at, &found);
	move(&next->utc_start, &base.at, &found);
	move(&next->utc_due, &base.at, &found);
	move(&next->reminder, &base.at, &found);
	*ret_next = next;
	return RC_OK;
}
