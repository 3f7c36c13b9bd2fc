/* SPDX-License-Identifier: ISC
 *
 * eas_class.h - the data classes: how an item looks to a device, and what a device's
 * words make of it. One row a class; the Sync engine knows no class by name.
 *
 * Time filters judge every class by its items' received_ms: a class whose items' time
 * changes (the end of an event, the state of a task) says so with each edit.
 */
#ifndef ACTIVESYNC_EAS_CLASS_H
#define ACTIVESYNC_EAS_CLASS_H

#include "activesync/eas_cursor.h"
#include "activesync/eas_private.h"
#include "store/store_item.h"

/* A command of the client's on one item. */
struct eas_edit_request {
	struct eas_call *c;
	struct store_tx *tx; /* a read; the only one open */
	const struct store_collection *folder;
	const struct eas_cursor *cursor; /* options, Supported */
	/* <Add>, <Change>, <Delete>; at 16.x the last two may name an InstanceId. */
	const struct wbxml_node *command;
	const struct wbxml_node *data; /* ApplicationData; NULL: there is none */
	const struct store_item *old;  /* NULL: an Add */
	struct span base; /* the old bytes, with what earlier commands made of them */
};

/* Mail that goes out with an edit (invitations, cancellations), once. */
struct eas_edit_mail {
	struct span message; /* a whole message; recipients from its header */
	struct eas_edit_mail *next;
};

/* What becomes of the item. Spans lie in c->arena. */
struct eas_edit {
	bool has_content; /* else the bytes stay; an Add must have some */
	struct buf content;
	bool set_received;
	int64_t received_ms;
	bool set_object;
	struct span object;
	uint32_t flags_on;
	uint32_t flags_off;
	bool set_props;
	struct span props;
	struct eas_edit_mail *mail;
};

typedef enum rc
eas_class_write_fn(struct eas_call *c, struct store_tx *tx, const struct store_item *item,
                   const struct eas_options *o, size_t limit, struct arena *a,
                   struct wbxml_writer *w);
typedef enum rc eas_class_edit_fn(const struct eas_edit_request *q, struct eas_edit *ret);

struct eas_class {
	enum store_class class;
	const char *name;   /* of the Class element, MS-ASCMD 2.2.3.27 */
	uint16_t filters;   /* bits of the FilterTypes that it knows, MS-ASCMD 2.2.3.68 */
	unsigned user_type; /* of a folder that a user makes, MS-ASCMD 2.2.3.186 */
	/* All properties as children of the open ApplicationData or Properties element;
	 * limit: bytes of the body. RC_INVALID: the item cannot be read and is set aside.
	 */
	eas_class_write_fn *write;
	/* The same for a Change; NULL: write. */
	eas_class_write_fn *write_change;
	/*
	 * Add, Change, Delete. RC_INVALID, RC_UNSUPPORTED: Status 6; RC_TOO_BIG: 9. A
	 * Delete that leaves has_content false removes the item. Nothing is written here,
	 * and *ret is thrown away when the edit fails later. NULL: the Sync engine's own
	 * way with mail.
	 */
	eas_class_edit_fn *edit;
};

/* The class of a collection, or NULL when devices are not shown it. */
const struct eas_class *eas_class_find(enum store_class class);
/* An item as the version of the call wants it; change: what a Change tells. As
 * eas_class_write_fn. */
enum rc eas_class_write(struct eas_call *c, const struct eas_class *class, bool change,
                        struct store_tx *tx, const struct store_item *item,
                        const struct eas_options *o, size_t limit, struct arena *a,
                        struct wbxml_writer *w) MUST_CHECK;
/* By the name of a Class element, case ignored; NULL: none. */
const struct eas_class *eas_class_named(struct span name);
/* By the type of a user's folder (MS-ASCMD 2.2.3.186.2); 1 (generic) is mail. */
const struct eas_class *eas_class_of_type(unsigned type);

/* The rows, each in the file of its class. */
extern const struct eas_class eas_class_email;
extern const struct eas_class eas_class_contact;
extern const struct eas_class eas_class_calendar;
extern const struct eas_class eas_class_task;
extern const struct eas_class eas_class_note;

/* FilterType 8, "incomplete tasks only" (MS-ASCMD 2.2.3.68.2), as a time: completed tasks
 * are received at EAS_TASK_DONE_MS, the others at EAS_TASK_OPEN_MS. */
#define EAS_TASK_DONE_MS INT64_C(1)
#define EAS_TASK_OPEN_MS INT64_C(253402300799000) /* the end of the year 9999 */

#endif
