/* SPDX-License-Identifier: ISC
 *
 * search_text.c - what a person reads of a content, for the search index.
 *
 * A mail is known by the record of its structure; contacts, events, tasks and notes by
 * how their text begins.
 */
#include "format/mime_text.h"
#include "format/pim_contact.h"
#include "format/pim_event.h"
#include "format/pim_note.h"
#include "format/pim_task.h"
#include "store/search_private.h"

#define WHOLE_MAX (256 * 1024)        /* bytes of a content that are read at once */
#define PART_MAX (2 * 1024 * 1024)    /* bytes of a body, as it is encoded */
#define OBJECT_MAX (16 * 1024 * 1024) /* bytes of a contact, an event ... */

struct reader {
	struct store_tx *tx;
	uint64_t content;
	uint64_t size;
	struct span whole; /* of small ones */
	struct arena *a;
	search_text_fn *fn;
	void *arg;
};

static void
tell(const struct reader *r, enum store_search_field field, const char *text)
{
	if (text && *text)
		r->fn(field, span_str(text), r->arg);
}

static void
tell_all(const struct reader *r, enum store_search_field field, pim_strings list)
{
	for (size_t i = 0; list && list[i]; i++)
		tell(r, field, list[i]);
}

static void
tell_body(const struct reader *r, const struct pim_body *b)
{
	AUTO_DONE(buf) struct buf text = BUF_INIT(PART_MAX);

	if (b->plain || !b->html) {
		tell(r, STORE_SEARCH_BODY, b->plain);
		return;
	}
	html_to_text(span_str(b->html), &text);
	r->fn(STORE_SEARCH_BODY, buf_span(&text), r->arg);
}

static enum rc
read_part(const struct reader *r, const struct mime_part *p, struct buf *out)
{
	uint64_t n = p->body_len < PART_MAX ? p->body_len : PART_MAX;

	if (r->whole.n == 0)
		return store_content_read(r->tx, r->content, p->body_at, n, out);
	if (p->body_at < r->whole.n)
		buf_add_span(out, span_sub(r->whole, (size_t)p->body_at,
		                           (size_t)(p->body_at + n)));
	return RC_OK;
}

static enum rc
tell_part(const struct reader *r, const struct mime_part *p, bool is_html)
{
	AUTO_DONE(buf) struct buf raw = BUF_INIT(0);
	AUTO_DONE(buf) struct buf text = BUF_INIT(0);
	AUTO_DONE(buf) struct buf plain = BUF_INIT(0);
	enum rc rc = p ? read_part(r, p, &raw) : RC_OK;

	if (rc || !p)
		return rc;
	mime_decode_text(p, buf_span(&raw), &text);
	if (is_html)
		html_to_text(buf_span(&text), &plain);
	r->fn(STORE_SEARCH_BODY, buf_span(is_html ? &plain : &text), r->arg);
	return RC_OK;
}

static void
tell_addresses(const struct reader *r, enum store_search_field field,
               const struct mime_address *list)
{
	if (list)
		r->fn(field, mime_addresses_str(list, r->a), r->arg);
}

static enum rc
tell_mail(const struct reader *r, struct mime_part *root, bool *ret_has_attachment)
{
	const struct mime_envelope *e = root->envelope;
	struct mime_view view;
	enum rc rc;

	if (e) {
		r->fn(STORE_SEARCH_SUBJECT, mime_decode_header(e->subject, r->a), r->arg);
		tell_addresses(r, STORE_SEARCH_FROM, e->from);
		tell_addresses(r, STORE_SEARCH_FROM, e->sender);
		tell_addresses(r, STORE_SEARCH_TO, e->to);
		tell_addresses(r, STORE_SEARCH_CC, e->cc);
		tell_addresses(r, STORE_SEARCH_BCC, e->bcc);
	}
	mime_view_make(root, r->a, &view);
	for (size_t i = 0; i < view.n_attachments; i++)
		r->fn(STORE_SEARCH_ATTACHMENT,
		      mime_part_filename(view.attachments[i], r->a), r->arg);
	*ret_has_attachment = view.n_attachments > 0;
	rc = tell_part(r, view.plain, false);
	return rc ? rc : tell_part(r, view.html, true);
}

static void
tell_address(const struct reader *r, const struct pim_address *a)
{
	const char *const lines[] = { a->street,  a->city,   a->state,   a->postal_code,
		                      a->country, a->po_box, a->extended };

	for (size_t i = 0; i < ARRAY_LEN(lines); i++)
		tell(r, STORE_SEARCH_BODY, lines[i]);
}

static void
tell_contact(const struct reader *r, const struct pim_contact *c)
{
	const char *const names[] = {
		c->full_name,      c->title,     c->first_name,
		c->middle_name,    c->last_name, c->suffix,
		c->file_as,        c->nickname,  c->yomi_first_name,
		c->yomi_last_name, c->company,   c->yomi_company_name,
	};
	const char *const more[] = { c->department,  c->office,    c->job_title,
		                     c->manager,     c->assistant, c->spouse,
		                     c->web_page,    c->alias,     c->customer_id,
		                     c->account_name };

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		tell(r, STORE_SEARCH_SUBJECT, names[i]);
	for (size_t i = 0; i < PIM_EMAIL_N; i++)
		tell(r, STORE_SEARCH_TO, c->email[i]);
	for (size_t i = 0; i < PIM_IM_N; i++)
		tell(r, STORE_SEARCH_TO, c->im[i]);
	for (size_t i = 0; i < ARRAY_LEN(more); i++)
		tell(r, STORE_SEARCH_BODY, more[i]);
	for (size_t i = 0; i < PIM_PHONE_N; i++)
		tell(r, STORE_SEARCH_BODY, c->phone[i]);
	for (size_t i = 0; i < PIM_ADDRESS_N; i++)
		tell_address(r, &c->address[i]);
	tell_all(r, STORE_SEARCH_BODY, c->children);
	tell_all(r, STORE_SEARCH_BODY, c->categories);
	tell_body(r, &c->body);
}

static void
tell_event(const struct reader *r, const struct pim_event *e)
{
	tell(r, STORE_SEARCH_SUBJECT, e->subject);
	tell(r, STORE_SEARCH_FROM, e->organizer_name);
	tell(r, STORE_SEARCH_FROM, e->organizer_email);
	for (const struct pim_attendee *i = e->attendees; i; i = i->next) {
		tell(r, STORE_SEARCH_TO, i->name);
		tell(r, STORE_SEARCH_TO, i->email);
	}
	for (const struct pim_attachment *i = e->attachments; i; i = i->next)
		tell(r, STORE_SEARCH_ATTACHMENT, i->name);
	tell(r, STORE_SEARCH_BODY, e->location.name);
	tell_all(r, STORE_SEARCH_BODY, e->categories);
	tell_body(r, &e->body);
	for (const struct pim_event *i = e->exceptions; i; i = i->next)
		tell_event(r, i);
}

static void
tell_calendar(const struct reader *r)
{
	struct pim_event *e;
	struct pim_task *t;
	struct pim_note *n;

	if (pim_event_parse(r->whole, r->a, &e) == RC_OK) {
		tell_event(r, e);
	} else if (pim_task_parse(r->whole, r->a, &t) == RC_OK) {
		tell(r, STORE_SEARCH_SUBJECT, t->subject);
		tell_all(r, STORE_SEARCH_BODY, t->categories);
		tell_body(r, &t->body);
	} else if (pim_note_parse(r->whole, r->a, &n) == RC_OK) {
		tell(r, STORE_SEARCH_SUBJECT, n->subject);
		tell_all(r, STORE_SEARCH_BODY, n->categories);
		tell_body(r, &n->body);
	}
}

static enum rc
load_size(struct store_tx *tx, uint64_t content, uint64_t *ret)
{
	AUTO(engine_stmt)
	struct engine_stmt *st = NULL;
	enum rc rc = sql_one(tx->etx, &st,
	                     "SELECT size FROM content WHERE owner = $1 AND id = $2",
	                     I(tx->user), I(content));

	if (!rc)
		*ret = col_u64(st, 0);
	return rc;
}

enum rc
search_text_each(struct store_tx *tx, uint64_t content, search_text_fn *fn, void *arg,
                 bool *ret_has_attachment)
{
	AUTO(arena)
	struct arena *a = arena_new();
	AUTO_DONE(buf) struct buf raw = BUF_INIT(0);
	struct reader r = { .tx = tx, .content = content, .a = a, .fn = fn, .arg = arg };
	struct pim_contact *contact;
	struct mime_part *root;
	struct span meta;
	bool is_mail;
	enum rc rc = store_content_meta(tx, content, a, &meta);

	if (!rc)
		rc = load_size(tx, content, &r.size);
	if (rc)
		return rc;
	*ret_has_attachment = false;
	is_mail = meta.n > 0 && mime_meta_read(meta, a, &root) == RC_OK;
	if (r.size <= WHOLE_MAX || (!is_mail && r.size <= OBJECT_MAX)) {
		rc = store_content_read(tx, content, 0, r.size, &raw);
		r.whole = buf_span(&raw);
	}
	if (rc)
		return rc;
	if (is_mail)
		return tell_mail(&r, root, ret_has_attachment);
	if (span_istarts(r.whole, "BEGIN:VCARD")) {
		if (pim_contact_parse(r.whole, a, &contact) == RC_OK)
			tell_contact(&r, contact);
	} else if (span_istarts(r.whole, "BEGIN:V")) { /* VCALENDAR, VNOTE */
		tell_calendar(&r);
	}
	return RC_OK;
}
