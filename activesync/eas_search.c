/* SPDX-License-Identifier: ISC
 *
 * eas_search.c - Search: [MS-ASCMD] 2.2.1.16: the mailbox, the address list, and that
 * there is no document library here.
 */
#include "activesync/eas_class.h"
#include "activesync/eas_email.h"
#include "activesync/eas_found.h"
#include "activesync/eas_gal.h"
#include "activesync/eas_id.h"
#include "activesync/eas_kql.h"
#include "activesync/eas_sms.h"
#include "activesync/eas_sync.h"
#include "base/encode.h"
#include "format/pim.h"

/* What the store's part of a request asks for. */
struct search {
	struct eas_call *c;
	struct eas_found_query q;
	struct eas_range range;
	struct eas_options options;
	struct eas_gal_pictures pictures;
	bool has_conversation;
	uint8_t conversation[16];
};

/* 2.2.3.86, 2.2.3.96: the value of a DateReceived. */
static enum rc
parse_date(const struct wbxml_node *n, int64_t *ret_ms)
{
	struct pim_time t;

	if (!wbxml_child(n, WBXML_EMAIL_DATERECEIVED) ||
	    pim_time_parse(span_trim(wbxml_child_text(n, WBXML_SEARCH_VALUE)), &t) !=
	            RC_OK)
		return RC_INVALID;
	*ret_ms = pim_time_utc(&t, NULL) * 1000;
	return RC_OK;
}

static unsigned
parse_class(struct search *s, const struct wbxml_node *n)
{
	const struct eas_class *class = eas_class_named(span_trim(n->text));

	if (class)
		s->q.classes |= 1U << class->class;
	else if (span_iis(span_trim(n->text), "SMS"))
		s->q.classes |= EAS_FOUND_SMS;
	else
		return EAS_SEARCH_INVALID;
	return EAS_STATUS_OK;
}

static unsigned
parse_collection(struct search *s, const struct wbxml_node *n, bool *ret_all)
{
	struct eas_id id;

	if (span_is(span_trim(n->text), "0")) { /* all of them (Outlook mobile) */
		*ret_all = true;
		return EAS_STATUS_OK;
	}
	if (eas_id_parse(n->text, 1, &id) != RC_OK)
		return EAS_SEARCH_FOLDERS;
	for (size_t i = 0; i < s->q.n_collections; i++) {
		if (s->q.collections[i] == id.collection)
			return EAS_STATUS_OK;
	}
	if (s->q.n_collections == EAS_FOUND_COLLECTIONS_MAX)
		return EAS_SEARCH_COMPLEX;
	s->q.collections[s->q.n_collections++] = id.collection;
	return EAS_STATUS_OK;
}

static unsigned
parse_conversation(struct search *s, const struct wbxml_node *n)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(64);
	struct span id = n->text;

	if (s->has_conversation) /* 2.2.3.35.2: one */
		return EAS_SEARCH_INVALID;
	if (id.n != sizeof(s->conversation)) { /* as text by some */
		if (base64_decode(span_trim(id), &b) != RC_OK)
			return EAS_SEARCH_INVALID;
		id = buf_span(&b);
	}
	s->has_conversation = true;
	if (id.n == sizeof(s->conversation))
		memcpy(s->conversation, id.p, id.n);
	return EAS_STATUS_OK;
}

/* A child of And. */
static unsigned
parse_condition(struct search *s, const struct wbxml_node *n, bool *all)
{
	struct arena *a = s->c->arena;
	struct store_search_node *node = NULL;
	int64_t ms;

	switch (n->tag) {
	case WBXML_AIRSYNC_CLASS:
		return parse_class(s, n);
	case WBXML_AIRSYNC_COLLECTIONID:
		return parse_collection(s, n, all);
	case WBXML_SEARCH_CONVERSATIONID:
		return parse_conversation(s, n);
	case WBXML_SEARCH_FREETEXT:
		if (span_trim(n->text).n > 0)
			node = eas_kql_text(n->text, STORE_SEARCH_ALL, a);
		break;
	case WBXML_SEARCH_GREATERTHAN:
		if (parse_date(n, &ms) != RC_OK)
			return EAS_SEARCH_INVALID;
		node = eas_kql_received(ms + 1, INT64_MAX, a);
		break;
	case WBXML_SEARCH_LESSTHAN:
		if (parse_date(n, &ms) != RC_OK)
			return EAS_SEARCH_INVALID;
		node = eas_kql_received(INT64_MIN, ms, a);
		break;
	case WBXML_SEARCH_AND:
	case WBXML_SEARCH_OR:
	case WBXML_SEARCH_EQUALTO:
		return EAS_SEARCH_COMPLEX;
	default: /* properties of the classes: MS-ASEMAIL 3.2.5.3 and its like */
		return EAS_SEARCH_INVALID;
	}
	if (node)
		s->q.root = eas_kql_join(STORE_SEARCH_AND, s->q.root, node, a);
	return EAS_STATUS_OK;
}

/* 2.2.3.142.2: one And; what stands beside it, and Or, is too complex. */
static unsigned
parse_mailbox(struct search *s, const struct wbxml_node *query)
{
	const struct wbxml_node *and = query ? query->first : NULL;
	bool all = false;
	unsigned status;

	if (!query)
		return EAS_SEARCH_INVALID;
	if (!and) { /* a text alone, as of the address list */
		if (span_trim(query->text).n == 0)
			return EAS_SEARCH_INVALID;
		s->q.root = eas_kql_text(query->text, STORE_SEARCH_ALL, s->c->arena);
		return EAS_STATUS_OK;
	}
	if (and->tag != WBXML_SEARCH_AND || and->next)
		return EAS_SEARCH_COMPLEX;
	for (const struct wbxml_node *n = and->first; n; n = n->next) {
		status = parse_condition(s, n, &all);
		if (status != EAS_STATUS_OK)
			return status;
	}
	if (!and->first)
		return EAS_SEARCH_INVALID;
	if (all)
		s->q.n_collections = 0;
	return EAS_STATUS_OK;
}

static unsigned
parse_options(struct search *s, const struct wbxml_node *n)
{
	struct eas_options *o = &s->options;
	enum rc rc = eas_range_parse(wbxml_child_text(n, WBXML_SEARCH_RANGE), &s->range);

	if (rc == RC_TOO_BIG)
		return EAS_SEARCH_RANGE;
	if (rc == RC_OK)
		rc = eas_options_parse(n, o);
	if (rc == RC_OK)
		rc = eas_gal_pictures_parse(wbxml_child(n, WBXML_SEARCH_PICTURE),
		                            WBXML_SEARCH_MAXSIZE,
		                            WBXML_SEARCH_MAXPICTURES, &s->pictures);
	if (rc != RC_OK)
		return rc == RC_UNSUPPORTED ? EAS_STATUS_BODY_PART_TYPE
		                            : EAS_SEARCH_INVALID;
	if (o->n_prefs == 0 && o->mime_support == 0 &&
	    !eas_options_is_part_alone(o, s->c->query.version)) /* enough for a list */
		o->prefs[o->n_prefs++] = (struct eas_body_pref){ .type = EAS_BODY_PLAIN,
			                                         .truncation = 255 };
	s->q.deep = wbxml_child(n, WBXML_SEARCH_DEEPTRAVERSAL) != NULL;
	return EAS_STATUS_OK;
}

static bool
is_of_conversation(const struct search *s, struct store_tx *tx,
                   const struct store_search_hit *hit)
{
	AUTO(arena)
	struct arena *a = arena_new();
	struct mime_part *root;
	struct span meta;
	uint8_t id[16];

	if (store_content_meta(tx, hit->content, a, &meta) != RC_OK ||
	    mime_meta_read(meta, a, &root) != RC_OK)
		return false;
	eas_email_conversation(root->envelope, a, id);
	return memcmp(id, s->conversation, sizeof(id)) == 0;
}

static enum rc
write_hit(struct search *s, struct store_tx *tx, const struct store_search_hit *hit,
          struct wbxml_writer *w)
{
	AUTO(arena)
	struct arena *a = arena_new();
	struct wbxml_mark mark = wbxml_mark(w);
	struct eas_id id = { .collection = hit->collection, .uid = hit->uid };
	char text[EAS_ID_SIZE];
	const struct eas_class *class = NULL;
	struct store_collection col;
	struct store_item item;
	enum rc rc = store_collection_load(tx, hit->collection, a, &col);

	if (rc == RC_OK)
		rc = store_item_load(tx, hit->collection, hit->uid, a, &item);
	if (rc == RC_OK && !(class = eas_class_find(col.class)))
		rc = RC_NOT_FOUND;
	if (rc != RC_OK)
		return rc;
	wbxml_start(w, WBXML_SEARCH_RESULT);
	wbxml_str(w, WBXML_AIRSYNC_CLASS, eas_sms_is(&item) ? "SMS" : class->name);
	wbxml_str(w, WBXML_SEARCH_LONGID, eas_long_id_str(id, text));
	wbxml_str(w, WBXML_AIRSYNC_COLLECTIONID, eas_id_str(id, 1, text));
	wbxml_start(w, WBXML_SEARCH_PROPERTIES);
	rc = eas_class_write(s->c, class, false, tx, &item, &s->options,
	                     s->c->eas->conf->response_max, a, w);
	wbxml_end(w);
	wbxml_end(w);
	if (rc != RC_OK)
		wbxml_rewind(w, mark);
	return rc;
}

/* What was found in all, and what of it was written. */
static void
write_counts(struct eas_call *c, const struct eas_range *r, size_t written, size_t total,
             struct wbxml_writer *w)
{
	if (written == 0) /* 2.2.3.155.3 */
		wbxml_empty(w, WBXML_SEARCH_RESULT);
	else
		wbxml_text(w, WBXML_SEARCH_RANGE,
		           eas_range_str(r->from, written, c->arena));
	wbxml_u64(w, WBXML_SEARCH_TOTAL, total);
}

static enum rc
write_hits(struct search *s, struct store_tx *tx, struct store_search_hit *hits, size_t n,
           struct wbxml_writer *w)
{
	size_t kept = 0, written = 0;
	enum rc rc = RC_OK;

	for (size_t i = 0; s->has_conversation && i < n; i++) {
		if (is_of_conversation(s, tx, &hits[i]))
			hits[kept++] = hits[i];
	}
	if (s->has_conversation)
		n = kept;
	wbxml_u64(w, WBXML_SEARCH_STATUS, EAS_STATUS_OK);
	for (size_t i = s->range.from; i < n && i <= s->range.to; i++) {
		if (buf_len(&s->c->out) > s->c->eas->conf->response_max)
			break; /* Range says how far it went */
		rc = write_hit(s, tx, &hits[i], w);
		if (rc == RC_AGAIN)
			return rc;
		if (rc != RC_OK)
			log_warn(s->c->log, "eas.search item", "item=%u:%u rc=%s",
			         hits[i].collection, hits[i].uid,
			         LOG_STR(span_str(rc_str(rc))));
		else
			written++;
	}
	write_counts(s->c, &s->range, written, n, w);
	return RC_OK;
}

static enum rc
search_mailbox(struct search *s, const struct wbxml_node *query, struct wbxml_writer *w)
{
	AUTO(store_tx)
	struct store_tx *tx = NULL;
	struct store_search_hit *hits;
	size_t n;
	unsigned status = parse_mailbox(s, query);
	enum rc rc;

	if (status != EAS_STATUS_OK) {
		wbxml_u64(w, WBXML_SEARCH_STATUS, status);
		return RC_OK;
	}
	rc = eas_found_run(s->c, &s->q, &tx, &hits, &n);
	if (rc == RC_OK)
		return write_hits(s, tx, hits, n, w);
	if (rc != RC_AGAIN)
		wbxml_u64(w, WBXML_SEARCH_STATUS, eas_status_from_rc(s->c->command, rc));
	return rc == RC_AGAIN ? rc : RC_OK;
}

static enum rc
search_gal(struct search *s, const struct wbxml_node *query, struct wbxml_writer *w)
{
	struct eas_gal_entry *found;
	size_t n, written = 0;
	enum rc rc;

	if (!query || query->first) {
		wbxml_u64(w, WBXML_SEARCH_STATUS, EAS_SEARCH_INVALID);
		return RC_OK;
	}
	rc = eas_gal_find(s->c, query->text, false, &found, &n);
	if (rc != RC_OK)
		return rc;
	wbxml_u64(w, WBXML_SEARCH_STATUS, EAS_STATUS_OK);
	for (size_t i = s->range.from; i < n && i <= s->range.to; i++, written++) {
		if (buf_len(&s->c->out) > s->c->eas->conf->response_max)
			break;
		wbxml_start(w, WBXML_SEARCH_RESULT);
		wbxml_start(w, WBXML_SEARCH_PROPERTIES);
		eas_gal_write(s->c, &found[i], &s->pictures, w);
		wbxml_end(w);
		wbxml_end(w);
	}
	write_counts(s->c, &s->range, written, n, w);
	return RC_OK;
}

static enum rc
search_store(struct eas_call *c, const struct wbxml_node *store, struct wbxml_writer *w)
{
	struct search *s = arena_new_of(c->arena, struct search);
	const struct wbxml_node *query = wbxml_child(store, WBXML_SEARCH_QUERY);
	struct span name = span_trim(wbxml_child_text(store, WBXML_SEARCH_NAME));
	unsigned status;

	s->c = c;
	status = parse_options(s, wbxml_child(store, WBXML_SEARCH_OPTIONS));
	if (status == EAS_STATUS_OK && span_iis(name, "Mailbox"))
		return search_mailbox(s, query, w);
	if (status == EAS_STATUS_OK && span_iis(name, "GAL"))
		return search_gal(s, query, w);
	if (status == EAS_STATUS_OK && span_iis(name, "DocumentLibrary"))
		status = EAS_SEARCH_NOT_FOUND; /* there is none, whatever the LinkId */
	else if (status == EAS_STATUS_OK)
		status = EAS_SEARCH_INVALID;
	wbxml_u64(w, WBXML_SEARCH_STATUS, status);
	return RC_OK;
}

void
eas_search_start(struct eas_call *c)
{
	const struct wbxml_node *store = wbxml_child(c->root, WBXML_SEARCH_STORE);
	struct wbxml_writer w;
	enum rc rc;

	if (c->root->tag != WBXML_SEARCH_SEARCH || !store) {
		eas_answer_status(c, EAS_SEARCH_INVALID);
		return;
	}
	eas_answer_begin(c, &w);
	wbxml_start(&w, WBXML_SEARCH_SEARCH);
	wbxml_u64(&w, WBXML_SEARCH_STATUS, EAS_STATUS_OK);
	wbxml_start(&w, WBXML_SEARCH_RESPONSE);
	wbxml_start(&w, WBXML_SEARCH_STORE);
	rc = search_store(c, store, &w);
	wbxml_end(&w);
	wbxml_end(&w);
	wbxml_end(&w);
	if (rc != RC_OK)
		eas_answer_rc(c, rc);
}
