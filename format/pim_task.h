/* SPDX-License-Identifier: ISC
 *
 * pim_task.h - a task: MS-ASTASK's fields on a VTODO.
 */
#ifndef FORMAT_PIM_TASK_H
#define FORMAT_PIM_TASK_H

#include "format/recur.h"

enum pim_importance { /* MS-ASTASK 2.2.2.12 */
	              PIM_IMPORTANCE_LOW = 0,
	              PIM_IMPORTANCE_NORMAL = 1,
	              PIM_IMPORTANCE_HIGH = 2,
};

struct pim_task {
	const char *uid;
	const char *subject;
	struct pim_body body;
	pim_strings categories;
	enum pim_importance importance;
	enum pim_sensitivity sensitivity;

	/*
	 * Local date and time as MS-ASTASK's StartDate and DueDate have them (a date, or
	 * with a time of day floating or zoned); the UTC pair is computed from it and the
	 * zone that the UTC element showed.
	 */
	struct pim_time start;
	struct pim_time due;
	/* UtcStartDate and UtcDueDate as they were sent; kind NONE: compute. */
	struct pim_time utc_start;
	struct pim_time utc_due;

	bool complete;
	struct pim_time completed; /* UTC */
	uint8_t percent;           /* 0 to 100 */

	const struct recur *recur;
	struct pim_time recur_start; /* MS-ASTASK Recurrence/Start; NONE: start */
	bool regenerate;             /* the next one when this one is completed */
	bool dead_occur;

	bool reminder_set;
	struct pim_time reminder; /* UTC; NONE without */

	struct pim_time ordinal_date; /* UTC, MS-ASTASK 2.2.2.15 */
	const char *sub_ordinal_date;

	struct pim_time last_modified;

	struct vobj *cal;
	struct vobj *obj;
};

struct pim_task *pim_task_new(struct arena *a);
enum rc
pim_task_parse(struct span ical, struct arena *a, struct pim_task **ret) MUST_CHECK;
enum rc pim_task_of(struct vobj *cal, struct arena *a, struct pim_task **ret) MUST_CHECK;
struct vobj *pim_task_tree(const struct pim_task *t, struct arena *a);
void pim_task_write(const struct pim_task *t, struct buf *out);

/*
 * The series behind a recurring task goes on by one: *ret_next is the task of the next
 * occurrence (a new UID), t becomes the completed single one. RC_NOT_FOUND: it was the
 * last; t is only made single.
 */
enum rc pim_task_complete(struct pim_task *t, int64_t now, const struct tzone *zone,
                          struct arena *a, struct pim_task **ret_next) MUST_CHECK;

#endif
