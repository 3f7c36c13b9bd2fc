/* SPDX-License-Identifier: ISC
 *
 * eas_task.c - the Tasks class: [MS-ASTASK] 2.2.2.
 *
 * Dates come in pairs: the date where the user is, written as if it were UTC, and the
 * moment in UTC. The first is what a task is about; the second is kept as it came.
 */
#include <stddef.h>

#include "activesync/eas_pim.h"
#include "activesync/eas_recur.h"
#include "base/clock.h"
#include "format/pim_task.h"

#define DAY_S 86400

static const struct eas_text_field fields[] = {
	{ WBXML_TASKS_SUBJECT, offsetof(struct pim_task, subject) },
	{ WBXML_TASKS_SUBORDINALDATE, offsetof(struct pim_task, sub_ordinal_date) },
};

/* --- to the device --- */

static void
write_time(struct wbxml_writer *w, wbxml_tag tag, const struct pim_time *t)
{
	char text[EAS_TIME_SIZE];

	if (t->kind != PIM_TIME_NONE)
		wbxml_str(w, tag, eas_time_iso(pim_time_utc(t, NULL), text));
}

/* local: the civil time as it is; utc: as it came, or computed. */
static void
write_pair(struct wbxml_writer *w, wbxml_tag utc_tag, wbxml_tag local_tag,
           const struct pim_time *local, const struct pim_time *utc)
{
	char text[EAS_TIME_SIZE];

	if (local->kind == PIM_TIME_NONE)
		return;
	write_time(w, utc_tag, utc->kind != PIM_TIME_NONE ? utc : local);
	wbxml_str(w, local_tag, eas_time_iso(civil_to_seconds(&local->at), text));
}

static void
write_recurrence(struct eas_call *c, const struct pim_task *t, struct wbxml_writer *w)
{
	const struct pim_time *start =
		t->recur_start.kind != PIM_TIME_NONE ? &t->recur_start : &t->start;
	struct recur_eas e;
	char text[EAS_TIME_SIZE];

	if (start->kind == PIM_TIME_NONE)
		start = &t->due;
	/* A rule that cannot be said here is left out: the device sees a single task. */
	if (!t->recur || start->kind == PIM_TIME_NONE ||
	    recur_to_eas(t->recur, start, NULL, &e) != RC_OK)
		return;
	wbxml_start(w, WBXML_TASKS_RECURRENCE);
	wbxml_str(w, WBXML_TASKS_START, eas_time_iso(civil_to_seconds(&start->at), text));
	eas_recur_write(&e, &eas_recur_task, c->query.version, w);
	wbxml_u64(w, WBXML_TASKS_REGENERATE, t->regenerate);
	wbxml_u64(w, WBXML_TASKS_DEADOCCUR, t->dead_occur);
	wbxml_end(w);
}

static enum rc
write(struct eas_call *c, struct store_tx *tx, const struct store_item *item,
      const struct eas_options *o, size_t limit, struct arena *a, struct wbxml_writer *w)
{
	struct pim_task *t;
	struct span text;
	enum rc rc = eas_pim_load(tx, item, a, &text);

	if (rc == RC_OK)
		rc = pim_task_parse(text, a, &t);
	if (rc != RC_OK)
		return rc;
	eas_write_body(o, &t->body, true, c->query.version, limit, a, w);
	eas_write_texts(fields, 1, t, w);
	wbxml_u64(w, WBXML_TASKS_IMPORTANCE, t->importance);
	write_pair(w, WBXML_TASKS_UTCSTARTDATE, WBXML_TASKS_STARTDATE, &t->start,
	           &t->utc_start);
	write_pair(w, WBXML_TASKS_UTCDUEDATE, WBXML_TASKS_DUEDATE, &t->due, &t->utc_due);
	eas_write_list(t->categories, WBXML_TASKS_CATEGORIES, WBXML_TASKS_CATEGORY, w);
	write_recurrence(c, t, w);
	wbxml_u64(w, WBXML_TASKS_COMPLETE, t->complete);
	if (t->complete)
		write_time(w, WBXML_TASKS_DATECOMPLETED, &t->completed);
	wbxml_u64(w, WBXML_TASKS_SENSITIVITY, t->sensitivity);
	if (t->reminder_set)
		write_time(w, WBXML_TASKS_REMINDERTIME, &t->reminder);
	wbxml_u64(w, WBXML_TASKS_REMINDERSET,
	          t->reminder_set && t->reminder.kind != PIM_TIME_NONE);
	write_time(w, WBXML_TASKS_ORDINALDATE, &t->ordinal_date);
	eas_write_texts(fields + 1, 1, t, w);
	return RC_OK;
}

/* --- from the device --- */

/* A local time of the wire: a date when it is midnight. */
static struct pim_time
local_of(const struct pim_time *wire)
{
	int64_t s = pim_time_utc(wire, NULL);
	struct civil c;

	civil_from_seconds(s, &c);
	if (s % DAY_S == 0)
		return pim_date(c.year, c.month, c.day);
	return (struct pim_time){ .kind = PIM_TIME_FLOATING, .at = c };
}

/* One of a pair alone stands for both (2.2.2.33 wants both; clients differ). */
static enum rc
take_pair(const struct eas_edit_request *q, wbxml_tag utc_tag, wbxml_tag local_tag,
          struct pim_time *local, struct pim_time *utc)
{
	bool has_utc = wbxml_child(q->data, utc_tag) != NULL;
	bool has_local = wbxml_child(q->data, local_tag) != NULL;
	struct pim_time wire = { .kind = PIM_TIME_NONE };
	enum rc rc;

	if (!has_local && !has_utc && q->old && q->c->query.version < 160)
		return RC_OK; /* says nothing; tasks know no Supported */
	*local = *utc = (struct pim_time){ .kind = PIM_TIME_NONE };
	rc = eas_take_time(q, utc_tag, utc);
	if (rc == RC_OK)
		rc = eas_take_time(q, local_tag, &wire);
	if (rc != RC_OK)
		return rc;
	if (wire.kind != PIM_TIME_NONE)
		*local = local_of(&wire);
	else if (utc->kind != PIM_TIME_NONE)
		*local = local_of(utc);
	return RC_OK;
}

static enum rc
take_recurrence(const struct eas_edit_request *q, struct pim_task *t)
{
	const struct wbxml_node *n, *start;
	struct recur_eas e;
	struct recur *r;
	struct pim_time first;
	uint32_t flag = 0;
	int64_t utc;
	enum rc rc;

	switch (eas_take(q, WBXML_TASKS_RECURRENCE, &n)) {
	case EAS_TAKE_KEEP:
		return RC_OK;
	case EAS_TAKE_CLEAR:
		t->recur = NULL;
		t->recur_start = (struct pim_time){ .kind = PIM_TIME_NONE };
		t->regenerate = t->dead_occur = false;
		return RC_OK;
	case EAS_TAKE_SET:
		break;
	}
	rc = eas_recur_read(n, &eas_recur_task, &e);
	if (rc != RC_OK)
		return rc;
	start = wbxml_child(n, WBXML_TASKS_START);
	first = t->start.kind != PIM_TIME_NONE ? t->start : t->due;
	if (start && start->text.n > 0) {
		if (eas_time_parse(start->text, &utc) != RC_OK)
			return RC_INVALID;
		first = pim_time_of(utc, NULL);
		first = local_of(&first);
		t->recur_start = first;
	}
	if (first.kind == PIM_TIME_NONE)
		return RC_INVALID; /* 2.2.2.25: from when? */
	r = arena_new_of(q->c->arena, struct recur);
	rc = recur_change_eas(t->recur, &e, &first, NULL, q->c->arena, r);
	if (rc != RC_OK)
		return rc;
	t->recur = r;
	t->regenerate = wbxml_child_u32(n, WBXML_TASKS_REGENERATE, 1, &flag) == RC_OK &&
	                flag == 1;
	flag = 0;
	t->dead_occur =
		wbxml_child_u32(n, WBXML_TASKS_DEADOCCUR, 1, &flag) == RC_OK && flag == 1;
	return RC_OK;
}

/* 3.2.5.4.3, .4: Importance and the reminder stay when a Change leaves them out, at every
 * version. */
static bool
has(const struct eas_edit_request *q, wbxml_tag tag)
{
	return !q->old || wbxml_child(q->data, tag);
}

static enum rc
take_state(const struct eas_edit_request *q, struct pim_task *t)
{
	uint32_t complete = t->complete, importance = t->importance,
		 sensitivity = t->sensitivity, reminder = t->reminder_set;
	enum rc rc = eas_take_u32(q, WBXML_TASKS_COMPLETE, 1, 0, &complete);

	/* 2.2.2.12: another value is no error; what it means is not said. */
	if (rc == RC_OK && has(q, WBXML_TASKS_IMPORTANCE))
		rc = eas_take_u32(q, WBXML_TASKS_IMPORTANCE, UINT32_MAX,
		                  PIM_IMPORTANCE_NORMAL, &importance);
	if (importance > PIM_IMPORTANCE_HIGH)
		importance = PIM_IMPORTANCE_NORMAL;
	if (rc == RC_OK)
		rc = eas_take_u32(q, WBXML_TASKS_SENSITIVITY, 3, PIM_SENSITIVITY_NORMAL,
		                  &sensitivity);
	if (rc == RC_OK && has(q, WBXML_TASKS_REMINDERSET))
		rc = eas_take_u32(q, WBXML_TASKS_REMINDERSET, 1, 0, &reminder);
	if (rc == RC_OK &&
	    (has(q, WBXML_TASKS_REMINDERSET) || has(q, WBXML_TASKS_REMINDERTIME)))
		rc = eas_take_time(q, WBXML_TASKS_REMINDERTIME, &t->reminder);
	if (rc == RC_OK)
		rc = eas_take_time(q, WBXML_TASKS_DATECOMPLETED, &t->completed);
	if (rc != RC_OK)
		return rc;
	/* 2.2.2.7, 2.2.2.10: a completed task says when. */
	if (complete && t->completed.kind == PIM_TIME_NONE)
		t->completed = pim_time_of(clock_wall_ms() / 1000, NULL);
	if (!complete)
		t->completed = (struct pim_time){ .kind = PIM_TIME_NONE };
	if (complete)
		t->percent = 100;
	else if (t->complete || t->percent == 100)
		t->percent = 0;
	t->complete = complete != 0;
	t->importance = (enum pim_importance)importance;
	t->sensitivity = (enum pim_sensitivity)sensitivity;
	t->reminder_set = reminder != 0;
	if (!t->reminder_set)
		t->reminder = (struct pim_time){ .kind = PIM_TIME_NONE };
	return RC_OK;
}

static enum rc
edit(const struct eas_edit_request *q, struct eas_edit *ret)
{
	struct pim_task *t = NULL;
	enum rc rc = RC_OK;

	if (!q->data) /* a Delete */
		return RC_OK;
	if (q->old)
		rc = pim_task_parse(q->base, q->c->arena, &t);
	else
		t = pim_task_new(q->c->arena);
	if (rc != RC_OK)
		return rc;
	if (!q->old)
		t->importance = PIM_IMPORTANCE_NORMAL;
	eas_take_texts(q, fields, ARRAY_LEN(fields), t);
	rc = eas_take_body(q, &t->body);
	if (rc == RC_OK)
		rc = eas_take_list(q, WBXML_TASKS_CATEGORIES, WBXML_TASKS_CATEGORY,
		                   &t->categories);
	if (rc == RC_OK)
		rc = take_pair(q, WBXML_TASKS_UTCSTARTDATE, WBXML_TASKS_STARTDATE,
		               &t->start, &t->utc_start);
	if (rc == RC_OK)
		rc = take_pair(q, WBXML_TASKS_UTCDUEDATE, WBXML_TASKS_DUEDATE, &t->due,
		               &t->utc_due);
	if (rc == RC_OK)
		rc = take_recurrence(q, t);
	if (rc == RC_OK)
		rc = take_state(q, t);
	if (rc == RC_OK)
		rc = eas_take_time(q, WBXML_TASKS_ORDINALDATE, &t->ordinal_date);
	if (rc != RC_OK)
		return rc;
	t->last_modified = pim_time_of(clock_wall_ms() / 1000, NULL);
	if (!t->uid)
		t->uid = pim_uid_new(q->c->arena);
	pim_task_write(t, &ret->content);
	ret->has_content = true;
	ret->set_object = true;
	ret->object = eas_pim_object(t->uid, q->c->arena);
	ret->set_received = true;
	ret->received_ms = t->complete ? EAS_TASK_DONE_MS : EAS_TASK_OPEN_MS;
	return RC_OK;
}

const struct eas_class eas_class_task = {
	.class = STORE_CLASS_TASKS,
	.name = "Tasks",
	.filters = 1u << 0 | 1u << 8,
	.user_type = 15,
	.write = write,
	.edit = edit,
};
