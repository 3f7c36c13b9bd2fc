/* SPDX-License-Identifier: ISC
 *
 * eas_event_files.c - files of events and drafts by their FileReference: [MS-ASAIRS]
 * 2.2.2.2, 2.2.2.7, 2.2.2.8, 2.2.2.21.
 */
#include "activesync/eas_event_files.h"

#include "activesync/eas_body.h"
#include "activesync/eas_email.h"
#include "base/encode.h"

#define TOTAL_MAX (10u << 20) /* of an event: its text must stay readable */

uint32_t
eas_event_file_number(struct span name, struct span bytes)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);
	struct sha256 h;
	uint32_t v;

	buf_add_span(&b, name);
	buf_add_char(&b, '\0');
	buf_add_span(&b, bytes);
	sha256_of(buf_span(&b), &h);
	memcpy(&v, h.b, sizeof(v));
	return v;
}

static uint32_t
number_of(const struct pim_attachment *t)
{
	return eas_event_file_number(span_str(t->name), t->data);
}

static const struct pim_attachment *
find(const struct pim_event *e, uint32_t number)
{
	for (const struct pim_attachment *t = e->attachments; t; t = t->next) {
		if (t->data.p && number_of(t) == number)
			return t;
	}
	return NULL;
}

const struct pim_attachment *
eas_event_file(const struct pim_event *e, uint32_t number)
{
	const struct pim_attachment *t = find(e, number);

	for (const struct pim_event *x = e->exceptions; x && !t; x = x->next)
		t = find(x, number);
	return t;
}

void
eas_event_files_write(const struct pim_event *e, struct eas_id id, struct wbxml_writer *w)
{
	const struct pim_attachment *t = e->attachments;
	char ref[EAS_ID_SIZE];

	while (t && !t->data.p) /* links are in no message */
		t = t->next;
	if (!t)
		return;
	wbxml_start(w, WBXML_AIRSYNCBASE_ATTACHMENTS);
	for (; t; t = t->next) {
		if (!t->data.p)
			continue;
		id.part = number_of(t);
		wbxml_start(w, WBXML_AIRSYNCBASE_ATTACHMENT);
		wbxml_str(w, WBXML_AIRSYNCBASE_DISPLAYNAME, t->name ? t->name : "file");
		wbxml_str(w, WBXML_AIRSYNCBASE_FILEREFERENCE, eas_id_str(id, 3, ref));
		wbxml_u64(w, WBXML_AIRSYNCBASE_METHOD, 1);
		wbxml_u64(w, WBXML_AIRSYNCBASE_ESTIMATEDDATASIZE, t->data.n);
		if (t->content_id)
			wbxml_str(w, WBXML_AIRSYNCBASE_CONTENTID, t->content_id);
		if (t->is_inline)
			wbxml_u64(w, WBXML_AIRSYNCBASE_ISINLINE, 1);
		wbxml_end(w);
	}
	wbxml_end(w);
}

/* --- from the device --- */

static const struct wbxml_node *
list_of(const struct wbxml_node *data)
{
	return wbxml_child(data, WBXML_AIRSYNCBASE_ATTACHMENTS);
}

static bool
is_deleted(const struct wbxml_node *list, const struct pim_attachment *t)
{
	const struct wbxml_node *n = wbxml_child(list, WBXML_AIRSYNCBASE_DELETE);
	struct eas_id id;

	for (; n; n = wbxml_next(n, WBXML_AIRSYNCBASE_DELETE)) {
		struct span ref = wbxml_child_text(n, WBXML_AIRSYNCBASE_FILEREFERENCE);

		if (t->data.p && eas_id_parse(ref, 3, &id) == RC_OK &&
		    id.part == number_of(t))
			return true;
	}
	return false;
}

static const char *
text_in(const struct wbxml_node *n, wbxml_tag tag, struct arena *a)
{
	const struct wbxml_node *child = wbxml_child(n, tag);

	return child ? eas_text_of(child, a) : NULL;
}

static struct pim_attachment *
file_of(const struct wbxml_node *n, struct arena *a)
{
	struct pim_attachment *t = arena_new_of(a, struct pim_attachment);

	t->name = text_in(n, WBXML_AIRSYNCBASE_DISPLAYNAME, a);
	t->type = text_in(n, WBXML_AIRSYNCBASE_CONTENTTYPE, a);
	t->content_id = text_in(n, WBXML_AIRSYNCBASE_CONTENTID, a);
	t->is_inline = span_is(wbxml_child_text(n, WBXML_AIRSYNCBASE_ISINLINE), "1");
	t->data = arena_span(a, wbxml_child_text(n, WBXML_AIRSYNCBASE_CONTENT));
	return t;
}

enum rc
eas_event_files_take(const struct eas_edit_request *q, struct pim_event *e)
{
	const struct wbxml_node *list = list_of(q->data);
	const struct wbxml_node *n = wbxml_child(list, WBXML_AIRSYNCBASE_ADD);
	struct pim_attachment **at = &e->attachments;
	size_t total = 0;

	if (!list || q->c->query.version < 160)
		return RC_OK;
	while (*at) {
		if (is_deleted(list, *at))
			*at = (*at)->next;
		else
			at = &(*at)->next;
	}
	for (; n; n = wbxml_next(n, WBXML_AIRSYNCBASE_ADD)) {
		*at = file_of(n, q->c->arena);
		at = &(*at)->next;
	}
	for (const struct pim_attachment *t = e->attachments; t; t = t->next)
		total += t->data.n;
	return total > TOTAL_MAX ? RC_TOO_BIG : RC_OK;
}

/* --- what they are called --- */

bool
eas_event_files_are_new(uint16_t version, const struct wbxml_node *command)
{
	const struct wbxml_node *data =
		wbxml_child(command, WBXML_AIRSYNC_APPLICATIONDATA);

	return version >= 160 && wbxml_child(list_of(data), WBXML_AIRSYNCBASE_ADD);
}

/* New files of a draft are the last parts of it, in their order (eas_draft.c). */
static enum rc
draft_numbers(struct eas_call *c, struct eas_id id, uint32_t *numbers, size_t n)
{
	AUTO(store_tx)
	struct store_tx *tx = NULL;
	struct store_item item;
	struct eas_message m;
	size_t from;
	enum rc rc = eas_read(c, &tx);

	if (rc == RC_OK)
		rc = store_item_load(tx, id.collection, id.uid, c->arena, &item);
	if (rc == RC_OK)
		rc = eas_message_open(tx, &item, c->arena, &m);
	if (rc != RC_OK)
		return rc;
	if (m.view.n_attachments < n)
		return RC_NOT_FOUND;
	from = m.view.n_attachments - n;
	for (size_t i = 0; i < n; i++)
		numbers[i] = eas_email_part_number(m.root, m.view.attachments[from + i]);
	return RC_OK;
}

void
eas_event_files_answer(struct eas_call *c, const struct wbxml_node *command,
                       struct eas_id item, bool is_mail, struct wbxml_writer *w)
{
	const struct wbxml_node *data =
		wbxml_child(command, WBXML_AIRSYNC_APPLICATIONDATA);
	const struct wbxml_node *first =
		wbxml_child(list_of(data), WBXML_AIRSYNCBASE_ADD);
	uint32_t *numbers;
	char ref[EAS_ID_SIZE];
	size_t n = 0, i = 0;

	for (const struct wbxml_node *k = first; k;
	     k = wbxml_next(k, WBXML_AIRSYNCBASE_ADD))
		n++;
	numbers = arena_array(c->arena, n + 1, uint32_t);
	for (const struct wbxml_node *k = first; k && !is_mail;
	     k = wbxml_next(k, WBXML_AIRSYNCBASE_ADD)) {
		const struct pim_attachment *t = file_of(k, c->arena);

		numbers[i++] = number_of(t);
	}
	if (n == 0 || (is_mail && draft_numbers(c, item, numbers, n) != RC_OK))
		return;
	wbxml_start(w, WBXML_AIRSYNCBASE_ATTACHMENTS);
	i = 0;
	for (const struct wbxml_node *k = first; k;
	     k = wbxml_next(k, WBXML_AIRSYNCBASE_ADD)) {
		item.part = numbers[i++];
		wbxml_start(w, WBXML_AIRSYNCBASE_ATTACHMENT);
		wbxml_text(w, WBXML_AIRSYNCBASE_CLIENTID,
		           wbxml_child_text(k, WBXML_AIRSYNCBASE_CLIENTID));
		wbxml_str(w, WBXML_AIRSYNCBASE_FILEREFERENCE, eas_id_str(item, 3, ref));
		wbxml_end(w);
	}
	wbxml_end(w);
}
