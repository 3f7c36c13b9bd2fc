/* SPDX-License-Identifier: ISC
 *
 * eas_estimate.c - GetItemEstimate: [MS-ASCMD] 2.2.1.9, 2.2.3.177.7.
 */
#include "activesync/eas_id.h"
#include "activesync/eas_sync.h"

#define COUNT_MAX 100000

struct one {
	struct span id_text;
	unsigned status;
	size_t count;
};

static enum rc
read_threads(struct eas_call *c, struct store_tx **tx,
             const struct eas_sync_collection *co)
{
	bool done; /* or else it takes its time */
	enum rc rc;

	store_tx_free(TAKE(*tx));
	rc = eas_sync_note_threads(c, &co->cursor, co->id, &done);
	return rc == RC_OK ? eas_read(c, tx) : rc;
}

static enum rc
estimate(struct eas_call *c, struct store_tx **tx, const struct wbxml_node *n,
         struct one *ret)
{
	const struct wbxml_node *options = NULL;
	struct span key = wbxml_child_text(n, WBXML_AIRSYNC_SYNCKEY);
	struct eas_sync s = { .c = c };
	struct eas_sync_collection co = { .status = EAS_STATUS_OK };
	struct eas_id id;
	enum rc rc;

	*ret = (struct one){ .status = EAS_STATUS_OK };
	ret->id_text = wbxml_child_text(n, WBXML_GETITEMESTIMATE_COLLECTIONID);
	if (eas_id_parse(ret->id_text, 1, &id) == RC_OK)
		co.id = id.collection;
	if (eas_options_find(n, &options) != RC_OK) {
		ret->status = EAS_ESTIMATE_BAD_KEY; /* 2.2.3.27.3 */
		return RC_OK;
	}
	co.has_options = options != NULL;
	if (options && eas_options_parse(options, &co.options) != RC_OK) {
		ret->status = EAS_STATUS_INVALID_XML;
		return RC_OK;
	}
	if (key.n == 0 || span_is(key, "0")) {
		ret->status = EAS_ESTIMATE_NOT_PRIMED;
		return RC_OK;
	}
	if (parse_u64(key, UINT64_MAX - 1, &co.key) != RC_OK)
		co.key = UINT64_MAX;
	eas_conversation_mode_parse(c, n, &co);
	rc = eas_sync_match(&s, &co, *tx);
	if (rc != RC_OK)
		return rc;
	/* 2.2.3.36.1 */
	if (co.conversation_mode && co.class && co.class != &eas_class_email) {
		ret->status = EAS_STATUS_INVALID_XML;
		return RC_OK;
	}
	if (co.status != EAS_STATUS_OK) {
		ret->status = co.status == EAS_SYNC_BAD_KEY ? EAS_ESTIMATE_BAD_KEY
		              : co.status == EAS_SYNC_PROTOCOL
		                      ? EAS_STATUS_SERVER_ERROR /* 2.2.3.68.1 */
		                      : EAS_ESTIMATE_COLLECTION;
		return RC_OK;
	}
	if (co.cursor.gathers)
		rc = read_threads(c, tx, &co);
	if (rc == RC_OK)
		rc = eas_cursor_pending(*tx, &co.cursor, co.id, c->device.number,
		                        COUNT_MAX, true, &ret->count);
	if (rc == RC_CONFLICT) {
		ret->status = EAS_ESTIMATE_BAD_KEY;
		rc = RC_OK;
	}
	return rc;
}

static void
write_one(struct wbxml_writer *w, const struct one *o)
{
	wbxml_start(w, WBXML_GETITEMESTIMATE_RESPONSE);
	wbxml_u64(w, WBXML_GETITEMESTIMATE_STATUS, o->status);
	wbxml_start(w, WBXML_GETITEMESTIMATE_COLLECTION);
	wbxml_text(w, WBXML_GETITEMESTIMATE_COLLECTIONID, o->id_text);
	if (o->status == EAS_STATUS_OK)
		wbxml_u64(w, WBXML_GETITEMESTIMATE_ESTIMATE, o->count);
	wbxml_end(w);
	wbxml_end(w);
}

void
eas_estimate_start(struct eas_call *c)
{
	AUTO(store_tx)
	struct store_tx *tx = NULL;
	const struct wbxml_node *list =
		wbxml_child(c->root, WBXML_GETITEMESTIMATE_COLLECTIONS);
	const struct wbxml_node *n = wbxml_child(list, WBXML_GETITEMESTIMATE_COLLECTION);
	struct wbxml_writer w;
	size_t count = 0;
	enum rc rc;

	if (c->root->tag != WBXML_GETITEMESTIMATE_GETITEMESTIMATE || !n) {
		eas_answer_status(c, EAS_ESTIMATE_COLLECTION);
		return;
	}
	for (const struct wbxml_node *i = n; i;
	     i = wbxml_next(i, WBXML_GETITEMESTIMATE_COLLECTION))
		count++;
	if (count > EAS_SYNC_COLLECTIONS_MAX) {
		eas_answer_status(c, EAS_STATUS_INVALID_XML);
		return;
	}
	rc = eas_read(c, &tx);
	eas_answer_begin(c, &w);
	wbxml_start(&w, WBXML_GETITEMESTIMATE_GETITEMESTIMATE);
	while (n && rc == RC_OK) {
		struct one o;

		rc = estimate(c, &tx, n, &o);
		if (rc == RC_OK)
			write_one(&w, &o);
		n = wbxml_next(n, WBXML_GETITEMESTIMATE_COLLECTION);
	}
	wbxml_end(&w);
	if (rc != RC_OK)
		eas_answer_rc(c, rc);
}
