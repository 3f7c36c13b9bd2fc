/* SPDX-License-Identifier: ISC
 *
 * eas_find.c - Find (16.1): [MS-ASCMD] 2.2.1.2: mail by what a person types, and the
 * address list.
 */
#include "activesync/eas_class.h"
#include "activesync/eas_email.h"
#include "activesync/eas_folders.h"
#include "activesync/eas_found.h"
#include "activesync/eas_gal.h"
#include "activesync/eas_id.h"
#include "activesync/eas_kql.h"
#include "base/clock.h"

#define PREVIEW_MAX 255 /* characters, 2.2.3.137 */

struct find {
	struct eas_call *c;
	struct eas_found_query q;
	struct eas_range range;
	struct eas_gal_pictures pictures;
	struct wbxml_writer w;
};

static unsigned
parse_options(struct find *f, const struct wbxml_node *n)
{
	enum rc rc = eas_range_parse(wbxml_child_text(n, WBXML_FIND_RANGE), &f->range);

	if (rc != RC_OK)
		return EAS_FIND_RANGE;
	rc = eas_gal_pictures_parse(wbxml_child(n, WBXML_FIND_PICTURE),
	                            WBXML_FIND_MAXSIZE, WBXML_FIND_MAXPICTURES,
	                            &f->pictures);
	f->q.deep = wbxml_child(n, WBXML_FIND_DEEPTRAVERSAL) != NULL;
	return rc == RC_OK ? EAS_STATUS_OK : EAS_FIND_INVALID;
}

static unsigned
parse_query(struct find *f, const struct wbxml_node *query)
{
	struct span text = wbxml_child_text(query, WBXML_FIND_FREETEXT);
	struct span class = span_trim(wbxml_child_text(query, WBXML_AIRSYNC_CLASS));
	const struct wbxml_node *col = wbxml_child(query, WBXML_AIRSYNC_COLLECTIONID);
	struct eas_id id;

	/* 2.2.3.27.1: mail is all that is found. */
	if (!query || (class.n > 0 && !span_iis(class, "Email")) ||
	    eas_kql_parse(text, clock_wall_ms(), f->c->arena, &f->q.root) != RC_OK ||
	    !f->q.root)
		return EAS_FIND_INVALID;
	f->q.classes = 1U << STORE_CLASS_MAIL;
	if (col && !span_is(span_trim(col->text), "0")) {
		if (eas_id_parse(col->text, 1, &id) != RC_OK)
			return EAS_FIND_FOLDERS;
		f->q.collections[f->q.n_collections++] = id.collection;
	}
	return EAS_STATUS_OK;
}

static void
write_addresses(struct find *f, wbxml_tag tag, const struct mime_address *list,
                struct arena *a)
{
	if (list)
		wbxml_text(&f->w, tag, mime_addresses_str(list, a));
}

static struct span
preview_of(const struct eas_message *m, struct arena *a)
{
	AUTO_DONE(buf) struct buf text = BUF_INIT(0);
	AUTO_DONE(buf) struct buf flat = BUF_INIT(PREVIEW_MAX * 4 + 8);
	struct span s;
	size_t chars = 0;

	if (eas_body_text(m, EAS_BODY_PLAIN, PREVIEW_MAX * 8, &text) != RC_OK)
		return SPAN("");
	s = span_trim(buf_span(&text));
	while (s.n > 0 && chars < PREVIEW_MAX) {
		uint32_t cp;
		size_t n = utf8_next(s, &cp);

		if (n == 0)
			break;
		if (cp > ' ') {
			buf_add(&flat, s.p, n);
			chars++;
		} else if (buf_len(&flat) > 0 && flat.p[flat.len - 1] != ' ') {
			buf_add_char(&flat, ' ');
			chars++;
		}
		s = span_sub(s, n, s.n);
	}
	return arena_span(a, buf_span(&flat));
}

static void
write_properties(struct find *f, const struct eas_message *m, struct arena *a)
{
	static const struct mime_envelope none;
	const struct mime_envelope *e = m->root->envelope ? m->root->envelope : &none;
	const struct store_item *item = m->item;
	struct wbxml_writer *w = &f->w;
	char time[32];

	wbxml_start(w, WBXML_FIND_PROPERTIES);
	wbxml_text(w, WBXML_EMAIL_SUBJECT, mime_decode_header(e->subject, a));
	wbxml_str(w, WBXML_EMAIL_DATERECEIVED,
	          clock_iso8601(item->received_ms, time, sizeof(time)));
	write_addresses(f, WBXML_EMAIL_DISPLAYTO, e->to, a);
	write_addresses(f, WBXML_FIND_DISPLAYCC, e->cc, a);
	write_addresses(f, WBXML_FIND_DISPLAYBCC, e->bcc, a);
	wbxml_u64(w, WBXML_EMAIL_IMPORTANCE, eas_email_importance(m, a));
	wbxml_u64(w, WBXML_EMAIL_READ, (item->flags & STORE_FLAG_SEEN) != 0);
	wbxml_u64(w, WBXML_EMAIL2_ISDRAFT, (item->flags & STORE_FLAG_DRAFT) != 0);
	wbxml_text(w, WBXML_FIND_PREVIEW, preview_of(m, a));
	wbxml_u64(w, WBXML_FIND_HASATTACHMENTS, m->view.n_attachments > 0);
	write_addresses(f, WBXML_EMAIL_FROM, e->from, a);
	wbxml_end(w);
}

static enum rc
write_hit(struct find *f, struct store_tx *tx, const struct store_search_hit *hit)
{
	AUTO(arena)
	struct arena *a = arena_new();
	struct eas_id id = { .collection = hit->collection, .uid = hit->uid };
	char text[EAS_ID_SIZE];
	struct store_item item;
	struct eas_message m;
	enum rc rc = store_item_load(tx, hit->collection, hit->uid, a, &item);

	if (rc == RC_OK)
		rc = eas_message_open(tx, &item, a, &m);
	if (rc != RC_OK)
		return rc;
	wbxml_start(&f->w, WBXML_FIND_RESULT);
	wbxml_str(&f->w, WBXML_AIRSYNC_CLASS, "Email");
	wbxml_str(&f->w, WBXML_AIRSYNC_SERVERID, eas_id_str(id, 2, text));
	wbxml_str(&f->w, WBXML_AIRSYNC_COLLECTIONID, eas_id_str(id, 1, text));
	write_properties(f, &m, a);
	wbxml_end(&f->w);
	return RC_OK;
}

static void
begin_response(struct find *f, const char *store)
{
	wbxml_start(&f->w, WBXML_FIND_RESPONSE);
	wbxml_str(&f->w, WBXML_ITEMOPERATIONS_STORE, store);
	wbxml_u64(&f->w, WBXML_FIND_STATUS, EAS_STATUS_OK);
}

static void
end_response(struct find *f, size_t written, size_t total)
{
	if (written > 0)
		wbxml_text(&f->w, WBXML_FIND_RANGE,
		           eas_range_str(f->range.from, written, f->c->arena));
	wbxml_u64(&f->w, WBXML_FIND_TOTAL, total);
	wbxml_end(&f->w);
}

static enum rc
write_hits(struct find *f, struct store_tx *tx, const struct store_search_hit *hits,
           size_t n)
{
	size_t written = 0;

	begin_response(f, "Mailbox");
	for (size_t i = f->range.from; i < n && i <= f->range.to; i++) {
		enum rc rc;

		if (buf_len(&f->c->out) > f->c->eas->conf->response_max)
			break;
		rc = write_hit(f, tx, &hits[i]);
		if (rc == RC_AGAIN)
			return rc;
		if (rc != RC_OK)
			log_warn(f->c->log, "eas.find item", "item=%u:%u rc=%s",
			         hits[i].collection, hits[i].uid,
			         LOG_STR(span_str(rc_str(rc))));
		else
			written++;
	}
	end_response(f, written, n);
	return RC_OK;
}

/* S23_TC08 of Microsoft's cases: a device that never asked for the folders. */
static enum rc
has_folders(struct eas_call *c, struct store_tx *tx)
{
	struct store_cursor row;

	return store_cursor_load(tx, c->device.number, EAS_FOLDERS_ROW, c->arena, &row);
}

static unsigned
find_mail(struct find *f, const struct wbxml_node *n, enum rc *ret)
{
	AUTO(store_tx)
	struct store_tx *tx = NULL;
	struct store_search_hit *hits;
	size_t n_hits;
	unsigned status = parse_options(f, wbxml_child(n, WBXML_FIND_OPTIONS));
	enum rc rc;

	if (status == EAS_STATUS_OK)
		status = parse_query(f, wbxml_child(n, WBXML_FIND_QUERY));
	if (status != EAS_STATUS_OK)
		return status;
	rc = eas_found_run(f->c, &f->q, &tx, &hits, &n_hits);
	if (rc == RC_OK)
		rc = has_folders(f->c, tx) == RC_NOT_FOUND ? RC_CONFLICT : RC_OK;
	if (rc == RC_OK)
		rc = write_hits(f, tx, hits, n_hits);
	*ret = rc;
	return EAS_STATUS_OK;
}

static unsigned
find_people(struct find *f, const struct wbxml_node *n, enum rc *ret)
{
	const struct wbxml_node *query = wbxml_child(n, WBXML_FIND_QUERY);
	struct eas_gal_entry *found;
	size_t n_found, written = 0;
	unsigned status = parse_options(f, wbxml_child(n, WBXML_FIND_OPTIONS));

	if (status != EAS_STATUS_OK || !query || span_trim(query->text).n == 0)
		return status != EAS_STATUS_OK ? status : EAS_FIND_INVALID;
	*ret = eas_gal_find(f->c, query->text, false, &found, &n_found);
	if (*ret != RC_OK)
		return EAS_STATUS_OK;
	begin_response(f, "GAL");
	for (size_t i = f->range.from; i < n_found && i <= f->range.to; i++, written++) {
		if (buf_len(&f->c->out) > f->c->eas->conf->response_max)
			break;
		wbxml_start(&f->w, WBXML_FIND_RESULT);
		wbxml_start(&f->w, WBXML_FIND_PROPERTIES);
		eas_gal_write(f->c, &found[i], &f->pictures, &f->w);
		wbxml_end(&f->w);
		wbxml_end(&f->w);
	}
	end_response(f, written, n_found);
	return EAS_STATUS_OK;
}

void
eas_find_start(struct eas_call *c)
{
	struct find *f = arena_new_of(c->arena, struct find);
	const struct wbxml_node *run = wbxml_child(c->root, WBXML_FIND_EXECUTESEARCH);
	const struct wbxml_node *mail =
		wbxml_child(run, WBXML_FIND_MAILBOXSEARCHCRITERION);
	const struct wbxml_node *gal = wbxml_child(run, WBXML_FIND_GALSEARCHCRITERION);
	unsigned status = EAS_FIND_INVALID;
	enum rc rc = RC_OK;

	f->c = c;
	if (c->root->tag != WBXML_FIND_FIND ||
	    !wbxml_child(c->root, WBXML_FIND_SEARCHID)) {
		eas_answer_status(c, EAS_FIND_INVALID);
		return;
	}
	eas_answer_begin(c, &f->w);
	wbxml_start(&f->w, WBXML_FIND_FIND);
	wbxml_u64(&f->w, WBXML_FIND_STATUS, EAS_STATUS_OK);
	if (mail)
		status = find_mail(f, mail, &rc);
	else if (gal)
		status = find_people(f, gal, &rc);
	wbxml_end(&f->w);
	if (rc != RC_OK)
		eas_answer_rc(c, rc);
	else if (status != EAS_STATUS_OK)
		eas_answer_status(c, status);
}
