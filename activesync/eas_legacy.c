/* SPDX-License-Identifier: ISC
 *
 * eas_legacy.c - protocol 2.5: [MS-ASCMD] 2.2.3.187, [MS-ASEMAIL], [MS-ASCNTC],
 * [MS-ASCAL], [MS-ASTASK] as far as they tell of it.
 *
 * The classes speak as at 12.1. Body, Attachments and what came with 12.0 are put into
 * the old words behind them, and the old words into theirs before them.
 */
#include "activesync/eas_legacy.h"

#include "activesync/eas_tree.h"

/* The words for a body in each class that has one; 0: none. */
static const struct body_words {
	wbxml_tag any; /* a tag of the page */
	wbxml_tag body;
	wbxml_tag size;
	wbxml_tag truncated;
} words[] = {
	{ WBXML_EMAIL_SUBJECT, WBXML_EMAIL_BODY, WBXML_EMAIL_BODYSIZE,
	  WBXML_EMAIL_BODYTRUNCATED },
	{ WBXML_CONTACTS_FILEAS, WBXML_CONTACTS_BODY, WBXML_CONTACTS_BODYSIZE,
	  WBXML_CONTACTS_BODYTRUNCATED },
	{ WBXML_CALENDAR_SUBJECT, WBXML_CALENDAR_BODY, 0, WBXML_CALENDAR_BODYTRUNCATED },
	{ WBXML_TASKS_SUBJECT, WBXML_TASKS_BODY, WBXML_TASKS_BODYSIZE,
	  WBXML_TASKS_BODYTRUNCATED },
};

static const struct body_words *
words_of_page(wbxml_tag tag)
{
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		if (words[i].any >> 8 == tag >> 8)
			return &words[i];
	}
	return NULL;
}

/* -- what a device says -- */

static struct wbxml_node *
child_of(struct wbxml_node *parent, wbxml_tag tag, struct span text, struct arena *a)
{
	struct wbxml_node *n = arena_new_of(a, struct wbxml_node);

	*n = (struct wbxml_node){ .tag = tag, .text = text, .parent = parent };
	if (parent->last)
		parent->last->next = n;
	else
		parent->first = n;
	parent->last = n;
	return n;
}

/* <Body>text</Body> is an AirSyncBase:Body of type 1; in Supported it is a name alone. */
static void
read_body(struct wbxml_node *n, struct arena *a)
{
	struct span text = n->text;
	bool is_name = n->parent && n->parent->tag == WBXML_AIRSYNC_SUPPORTED;

	n->tag = WBXML_AIRSYNCBASE_BODY;
	if (is_name || text.n == 0)
		return; /* an empty one clears */
	n->text = SPAN("");
	(void)child_of(n, WBXML_AIRSYNCBASE_TYPE, SPAN("1"), a);
	(void)child_of(n, WBXML_AIRSYNCBASE_DATA, text, a);
}

void
eas_legacy_read(struct wbxml_node *root, struct arena *a)
{
	for (struct wbxml_node *n = root->first; n; n = n->next) {
		const struct body_words *v = words_of_page(n->tag);

		if (v && n->tag == v->body && !n->first)
			read_body(n, a);
		else if (n->first)
			eas_legacy_read(n, a);
	}
}

void
eas_legacy_options(const struct wbxml_node *options, struct eas_options *o)
{
	static const uint32_t sizes[] = { 0,     512,   1024,  2048,  5120,
		                          10240, 20480, 51200, 102400 };
	uint32_t v;

	if (o->n_prefs > 0 ||
	    wbxml_child_u32(options, WBXML_AIRSYNC_TRUNCATION, 9, &v) != RC_OK)
		return;
	o->prefs[0] = (struct eas_body_pref){
		.type = EAS_BODY_PLAIN,
		.truncation = v < ARRAY_LEN(sizes) ? sizes[v] : EAS_NO_TRUNCATION,
	};
	o->prefs[1] = (struct eas_body_pref){ .type = EAS_BODY_MIME,
		                              .truncation = EAS_NO_TRUNCATION };
	o->n_prefs = 2;
}

/* -- what it is told -- */

static void
write_body(struct wbxml_writer *w, const struct wbxml_node *n, const struct body_words *v)
{
	const struct wbxml_node *data = wbxml_child(n, WBXML_AIRSYNCBASE_DATA);
	struct span type = wbxml_child_text(n, WBXML_AIRSYNCBASE_TYPE);
	struct span size = wbxml_child_text(n, WBXML_AIRSYNCBASE_ESTIMATEDDATASIZE);
	bool cut = wbxml_child(n, WBXML_AIRSYNCBASE_TRUNCATED) != NULL;
	struct wbxml_node text = { .text = data ? data->text : SPAN("") };

	if (span_is(type, "4")) {
		text.tag = WBXML_EMAIL_MIMEDATA;
		wbxml_u64(w, WBXML_EMAIL_MIMETRUNCATED, cut);
		if (data)
			eas_tree_write(w, &text);
		wbxml_text(w, WBXML_EMAIL_MIMESIZE, size);
		return;
	}
	text.tag = v->body;
	if (v->size)
		wbxml_text(w, v->size, size);
	wbxml_u64(w, v->truncated, cut);
	if (data)
		eas_tree_write(w, &text);
}

static void
write_attachments(struct wbxml_writer *w, const struct wbxml_node *list)
{
	wbxml_start(w, WBXML_EMAIL_ATTACHMENTS);
	for (const struct wbxml_node *n = wbxml_child(list, WBXML_AIRSYNCBASE_ATTACHMENT);
	     n; n = wbxml_next(n, WBXML_AIRSYNCBASE_ATTACHMENT)) {
		wbxml_start(w, WBXML_EMAIL_ATTACHMENT);
		wbxml_text(w, WBXML_EMAIL_ATTMETHOD,
		           wbxml_child_text(n, WBXML_AIRSYNCBASE_METHOD));
		wbxml_text(w, WBXML_EMAIL_ATTSIZE,
		           wbxml_child_text(n, WBXML_AIRSYNCBASE_ESTIMATEDDATASIZE));
		wbxml_text(w, WBXML_EMAIL_DISPLAYNAME,
		           wbxml_child_text(n, WBXML_AIRSYNCBASE_DISPLAYNAME));
		wbxml_text(w, WBXML_EMAIL_ATTNAME,
		           wbxml_child_text(n, WBXML_AIRSYNCBASE_FILEREFERENCE));
		wbxml_end(w);
	}
	wbxml_end(w);
}

static void
write_children(struct wbxml_writer *w, const struct wbxml_node *parent,
               const struct body_words *v)
{
	for (const struct wbxml_node *n = parent->first; n; n = n->next) {
		/* What a class says of itself stands on its own page. */
		const struct body_words *own = words_of_page(n->tag);

		if (own)
			v = own;
		switch (n->tag) {
		case WBXML_AIRSYNCBASE_BODY:
			if (v)
				write_body(w, n, v);
			break;
		case WBXML_AIRSYNCBASE_ATTACHMENTS:
			write_attachments(w, n);
			break;
		case WBXML_AIRSYNCBASE_NATIVEBODYTYPE: /* new at 12.0 */
		case WBXML_EMAIL_CONTENTCLASS:
		case WBXML_EMAIL_FLAG:
			break;
		default:
			if (!n->first) {
				eas_tree_write(w, n);
				break;
			}
			wbxml_start(w, n->tag);
			write_children(w, n, v);
			wbxml_end(w);
		}
	}
}

/* The class of the properties: a body may stand before them. */
static const struct body_words *
words_of(const struct wbxml_node *root)
{
	const struct body_words *v = NULL;

	for (const struct wbxml_node *n = root->first; n && !v; n = n->next)
		v = words_of_page(n->tag);
	return v;
}

enum rc
eas_legacy_write(struct eas_call *c, eas_class_write_fn *fn, struct store_tx *tx,
                 const struct store_item *item, const struct eas_options *o, size_t limit,
                 struct arena *a, struct wbxml_writer *w)
{
	AUTO_DONE(buf) struct buf doc = BUF_INIT(0);
	struct wbxml_writer own;
	struct wbxml_node *root;
	enum rc rc;

	wbxml_writer_init(&own, &doc);
	wbxml_start(&own, WBXML_AIRSYNC_APPLICATIONDATA);
	rc = fn(c, tx, item, o, limit, a, &own);
	wbxml_end(&own);
	if (rc == RC_OK && !wbxml_writer_ok(&own))
		rc = RC_TOO_BIG;
	if (rc == RC_OK)
		rc = wbxml_parse(buf_span(&doc), NULL, a, &root);
	if (rc == RC_OK)
		write_children(w, root, words_of(root));
	return rc;
}
