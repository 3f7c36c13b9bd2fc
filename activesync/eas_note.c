/* SPDX-License-Identifier: ISC
 *
 * eas_note.c - the Notes class: [MS-ASNOTE] 2.2.2.
 */
#include <stddef.h>

#include "activesync/eas_pim.h"
#include "base/clock.h"
#include "format/pim_note.h"

static const struct eas_text_field fields[] = {
	{ WBXML_NOTES_SUBJECT, offsetof(struct pim_note, subject) },
	{ WBXML_NOTES_MESSAGECLASS, offsetof(struct pim_note, message_class) },
};

static enum rc
write(struct eas_call *c, struct store_tx *tx, const struct store_item *item,
      const struct eas_options *o, size_t limit, struct arena *a, struct wbxml_writer *w)
{
	struct pim_note *n;
	struct span text;
	char time[EAS_TIME_SIZE];
	int64_t modified;
	enum rc rc = eas_pim_load(tx, item, a, &text);

	if (rc == RC_OK)
		rc = pim_note_parse(text, a, &n);
	if (rc != RC_OK)
		return rc;
	if (!n->message_class)
		n->message_class = "IPM.StickyNote"; /* 2.2.2.5 */
	eas_write_texts(fields, ARRAY_LEN(fields), n, w);
	eas_write_body(o, &n->body, true, c->query.version, limit, a, w);
	modified = n->last_modified.kind != PIM_TIME_NONE
	                   ? pim_time_utc(&n->last_modified, NULL)
	                   : item->received_ms / 1000;
	wbxml_str(w, WBXML_NOTES_LASTMODIFIEDDATE, eas_time_compact(modified, time));
	eas_write_list(n->categories, WBXML_NOTES_CATEGORIES, WBXML_NOTES_CATEGORY, w);
	return RC_OK;
}

/* 3.2.5.4: a Change that leaves the Subject out does not delete it, at any version. */
static void
take_texts(const struct eas_edit_request *q, struct pim_note *n)
{
	for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
		if (wbxml_child(q->data, fields[i].tag))
			eas_take_texts(q, &fields[i], 1, n);
	}
}

/* But Categories that are left out go, at every version. */
static enum rc
take_categories(const struct eas_edit_request *q, struct pim_note *n)
{
	if (!wbxml_child(q->data, WBXML_NOTES_CATEGORIES)) {
		n->categories = NULL;
		return RC_OK;
	}
	return eas_take_list(q, WBXML_NOTES_CATEGORIES, WBXML_NOTES_CATEGORY,
	                     &n->categories);
}

static enum rc
edit(const struct eas_edit_request *q, struct eas_edit *ret)
{
	struct pim_note *n = NULL;
	enum rc rc = RC_OK;

	if (!q->data) /* a Delete */
		return RC_OK;
	if (q->old)
		rc = pim_note_parse(q->base, q->c->arena, &n);
	else
		n = pim_note_new(q->c->arena);
	if (rc != RC_OK)
		return rc;
	take_texts(q, n);
	/* 2.2.2.5: nothing else may stand there */
	if (n->message_class &&
	    !span_istarts(span_str(n->message_class), "IPM.StickyNote"))
		return RC_INVALID;
	rc = eas_take_body(q, &n->body);
	if (rc == RC_OK)
		rc = take_categories(q, n);
	if (rc != RC_OK)
		return rc;
	/* 2.2.2.4: the server's own time, whatever the client says */
	n->last_modified = pim_time_of(clock_wall_ms() / 1000, NULL);
	if (!n->uid)
		n->uid = pim_uid_new(q->c->arena);
	pim_note_write(n, &ret->content);
	ret->has_content = true;
	ret->set_object = true;
	ret->object = eas_pim_object(n->uid, q->c->arena);
	ret->received_ms = clock_wall_ms();
	return RC_OK;
}

const struct eas_class eas_class_note = {
	.class = STORE_CLASS_NOTES,
	.name = "Notes",
	.filters = 0x1,
	.user_type = 17,
	.write = write,
	.edit = edit,
};
