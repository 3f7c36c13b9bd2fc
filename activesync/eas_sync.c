/* SPDX-License-Identifier: ISC
 *
 * eas_sync.c - the Sync command: [MS-ASCMD] 2.2.1.21, 3.1.5.3, 3.1.5.4.
 *
 * Order of work: subscribe when the client wants to wait; match the keys; apply the
 * client's changes (one durable commit); render what the device lacks from one snapshot;
 * save the cursors (one durable commit); answer, or wait.
 */
#include "activesync/eas_sync.h"

#include <assert.h>

#include "activesync/eas_beat.h"
#include "activesync/eas_email.h"
#include "activesync/eas_event_files.h"
#include "activesync/eas_folders.h"
#include "activesync/eas_id.h"
#include "activesync/eas_legacy.h"
#include "activesync/eas_stuck.h"
#include "base/clock.h"
#include "base/encode.h"

/* Requests of one device that are answered by several nodes at the same moment. */
#define TRIES_MAX 4

/* A first key far from those of earlier partnerships: an old key never fits by chance. */
static uint64_t
first_key(void)
{
	return 1000000 + random_below(1000000000);
}

static enum rc
find_folder(struct eas_sync *s, struct eas_sync_collection *co, struct store_tx *tx)
{
	enum rc rc = RC_NOT_FOUND;

	if (co->id != 0)
		rc = store_collection_load(tx, co->id, s->c->arena, &co->folder);
	if (rc == RC_OK) {
		co->class = eas_class_find(co->folder.class);
		if (!co->class)
			rc = RC_NOT_FOUND; /* was never shown */
	}
	if (rc == RC_NOT_FOUND) {
		co->status = EAS_SYNC_HIERARCHY;
		return RC_OK;
	}
	/* 2.2.3.36.2: of mail alone. */
	if (rc == RC_OK && co->conversation_mode && co->class != &eas_class_email)
		co->status = EAS_SYNC_PROTOCOL;
	return rc;
}

/* 2.2.3.68.2: open tasks of a mail folder. MS-ASNOTE 3.2.5.4: notes know no Supported. */
static bool
is_for_the_class(const struct eas_sync_collection *co)
{
	if (co->class->class == STORE_CLASS_MAIL && co->has_options &&
	    co->options.filter == 8)
		return false;
	return co->class->class != STORE_CLASS_NOTES || !co->supported;
}

/* What the class does not know filters nothing. */
static void
take_options(struct eas_sync_collection *co)
{
	if (co->has_conversation_mode)
		co->cursor.gathers = co->conversation_mode;
	if (!co->has_options)
		return;
	co->cursor.options = co->options;
	if (!(co->class->filters & 1u << co->options.filter))
		co->cursor.options.filter = 0;
}

static void
take_supported(struct eas_sync_collection *co, struct arena *a)
{
	struct eas_cursor *cur = &co->cursor;

	if (!co->supported)
		return;
	cur->has_supported = true;
	cur->supported = arena_array(a, EAS_SUPPORTED_MAX, uint32_t);
	for (const struct wbxml_node *n = co->supported->first;
	     n && cur->n_supported < EAS_SUPPORTED_MAX; n = n->next)
		cur->supported[cur->n_supported++] = n->tag;
}

/*
 * Key 0. A second one before the first key was used gives the same key again: two initial
 * Syncs side by side (iOS) then go on as one.
 */
static void
match_first(struct eas_sync *s, struct eas_sync_collection *co, struct store_tx *tx)
{
	struct eas_cursor old;
	bool fresh;

	co->match = EAS_SYNC_KEY_FIRST;
	fresh = co->row.key != 0 &&
	        eas_cursor_read(co->row.state, s->c->arena, &old) == RC_OK &&
	        eas_cursor_is_fresh(&old);
	eas_cursor_start(&co->cursor, store_tx_modseq(tx));
	take_options(co);
	take_supported(co, s->c->arena);
	if (co->row.key != 0 &&
	    eas_cursor_read(co->row.state, s->c->arena, &old) == RC_OK) {
		co->cursor.aside = old.aside; /* it would choke on them once more */
		co->cursor.n_aside = old.n_aside;
	}
	co->new_key = fresh              ? co->row.key
	              : co->row.key != 0 ? store_cursor_next_key(&co->row)
	                                 : first_key();
	co->save = true;
}

enum rc
eas_sync_match(struct eas_sync *s, struct eas_sync_collection *co, struct store_tx *tx)
{
	char name[EAS_CURSOR_NAME_SIZE];
	struct eas_cursor lost;
	struct span state;
	enum rc rc;

	rc = find_folder(s, co, tx);
	if (rc != RC_OK || co->status != EAS_STATUS_OK)
		return rc;
	if (!is_for_the_class(co)) {
		co->status = EAS_SYNC_PROTOCOL;
		return RC_OK;
	}
	rc = store_cursor_load(tx, s->c->device.number, eas_cursor_name(co->id, name),
	                       s->c->arena, &co->row);
	if (rc == RC_NOT_FOUND)
		co->row = (struct store_cursor){ .key = 0,
			                         .state = SPAN(""),
			                         .prev_state = SPAN(""),
			                         .answer = SPAN(""),
			                         .twin_state = SPAN("") };
	else if (rc != RC_OK)
		return rc;
	if (co->key == 0) {
		match_first(s, co, tx);
		return RC_OK;
	}
	switch (store_cursor_match(&co->row, co->key)) {
	case STORE_CURSOR_CURRENT:
		co->match = EAS_SYNC_KEY_CURRENT;
		state = co->row.state;
		break;
	case STORE_CURSOR_PREVIOUS:
		co->match = EAS_SYNC_KEY_PREVIOUS;
		state = co->row.prev_state;
		break;
	case STORE_CURSOR_UNKNOWN:
		co->status = EAS_SYNC_BAD_KEY;
		return RC_OK;
	}
	if (eas_cursor_read(state, s->c->arena, &co->cursor) != RC_OK) {
		co->status = EAS_SYNC_BAD_KEY;
		return RC_OK;
	}
	if (co->match == EAS_SYNC_KEY_PREVIOUS &&
	    eas_cursor_read(co->row.state, s->c->arena, &lost) == RC_OK)
		co->set_aside = eas_stuck_replayed(&co->cursor, &lost, clock_wall_ms(),
		                                   s->c->arena);
	take_options(co);
	return RC_OK;
}

static void
begin_output(struct eas_sync_collection *co)
{
	wbxml_writer_init(&co->w, &co->out);
	/* A continuation: inside <Collection>, on AirSync's page. */
	co->w.started = true;
	co->w.depth = 3;
}

/* One snapshot serves as long as nothing is written or subscribed to: a transaction of
 * its own for each look costs a round trip. */
static enum rc
look(struct eas_sync *s)
{
	if (!s->look)
		s->look = TAKE(s->c->look); /* of the sign-in, the first time */
	return s->look ? RC_OK : eas_read(s->c, &s->look);
}

static void
end_look(struct eas_sync *s)
{
	store_tx_free(TAKE(s->look));
}

/* The rows that are read from this snapshot, at one go. */
static enum rc
expect(struct eas_sync *s)
{
	struct arena *a = s->c->arena;
	const char *names[STORE_EXPECT_MAX] = { EAS_SYNC_CACHE };
	uint32_t *ids = arena_array(a, s->n, uint32_t);
	size_t n = 0;
	enum rc rc;

	for (size_t i = 0; i < s->n; i++) {
		if (s->collections[i].id != 0)
			ids[n++] = s->collections[i].id;
	}
	for (size_t i = 0; i < n && i + 1 < STORE_EXPECT_MAX; i++)
		names[i + 1] =
			eas_cursor_name(ids[i], arena_alloc(a, EAS_CURSOR_NAME_SIZE));
	rc = store_cursor_expect(s->look, s->c->device.number, names,
	                         n + 1 < STORE_EXPECT_MAX ? n + 1 : STORE_EXPECT_MAX, a);
	return rc == RC_OK ? store_collection_expect(s->look, ids, n, a) : rc;
}

static enum rc
match_all(struct eas_sync *s)
{
	enum rc rc = look(s);

	if (rc == RC_OK)
		rc = expect(s);
	for (size_t i = 0; i < s->n && rc == RC_OK; i++)
		rc = eas_sync_match(s, &s->collections[i], s->look);
	return rc;
}

static bool
is_changed(const struct eas_cursor *cur, struct span state)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);

	eas_cursor_write(cur, &b);
	return !span_eq(buf_span(&b), state);
}

/* A Fetch of the client, in Responses (2.2.3.67.2). */
static void
write_fetch(struct eas_sync *s, struct eas_sync_collection *co, struct store_tx *tx,
            const struct wbxml_node *n, struct wbxml_writer *w)
{
	AUTO(arena)
	struct arena *a = arena_new();
	struct span text = wbxml_child_text(n, WBXML_AIRSYNC_SERVERID);
	struct wbxml_mark mark;
	struct store_item item;
	struct eas_id id;
	enum rc rc;

	wbxml_start(w, WBXML_AIRSYNC_FETCH);
	wbxml_text(w, WBXML_AIRSYNC_SERVERID, text);
	mark = wbxml_mark(w);
	wbxml_u64(w, WBXML_AIRSYNC_STATUS, EAS_STATUS_OK);
	rc = eas_id_parse(text, 2, &id) == RC_OK && id.collection == co->id
	             ? RC_OK
	             : RC_NOT_FOUND;
	if (rc == RC_OK)
		rc = store_item_load(tx, co->id, id.uid, a, &item);
	if (rc == RC_OK) {
		wbxml_start(w, WBXML_AIRSYNC_APPLICATIONDATA);
		rc = eas_class_write(s->c, co->class, false, tx, &item,
		                     &co->cursor.options, s->c->eas->conf->response_max,
		                     a, w);
		wbxml_end(w);
	}
	if (rc != RC_OK) {
		wbxml_rewind(w, mark);
		wbxml_u64(w, WBXML_AIRSYNC_STATUS, eas_status_from_rc(s->c->command, rc));
	}
	wbxml_end(w);
}

static void
serve_fetches(struct eas_sync *s, struct eas_sync_collection *co, struct store_tx *tx)
{
	const struct wbxml_node *n = wbxml_child(co->commands, WBXML_AIRSYNC_FETCH);

	co->has_fetch = n != NULL;
	wbxml_writer_init(&co->fw, &co->fetched);
	co->fw.started = true;
	co->fw.depth = 4;
	for (; n; n = wbxml_next(n, WBXML_AIRSYNC_FETCH))
		write_fetch(s, co, tx, n, &co->fw);
}

/* Before the snapshot that answers. */
static enum rc
note_threads(struct eas_sync *s)
{
	enum rc rc = RC_OK;

	for (size_t i = 0; i < s->n && rc == RC_OK; i++) {
		struct eas_sync_collection *co = &s->collections[i];
		bool done;

		if (co->status != EAS_STATUS_OK || !co->cursor.gathers ||
		    co->match == EAS_SYNC_KEY_FIRST || !co->get_changes)
			continue;
		end_look(s);
		rc = eas_sync_note_threads(s->c, &co->cursor, co->id, &done);
		co->is_unread = rc == RC_OK && !done;
	}
	return rc;
}

static enum rc
serve_all(struct eas_sync *s)
{
	enum rc rc = look(s);

	if (rc == RC_OK)
		s->served = store_tx_modseq(s->look);
	for (size_t i = 0; i < s->n && rc == RC_OK; i++) {
		struct eas_sync_collection *co = &s->collections[i];

		if (co->status != EAS_STATUS_OK || co->match == EAS_SYNC_KEY_FIRST)
			continue;
		begin_output(co);
		if (co->get_changes)
			rc = eas_sync_server(s, co, s->look);
		if (rc != RC_OK)
			return rc;
		if (co->status != EAS_STATUS_OK)
			continue;
		serve_fetches(s, co, s->look);
		if (co->n_out > 0 || co->match == EAS_SYNC_KEY_PREVIOUS)
			eas_stuck_sent(&co->cursor, (uint32_t)co->n_out, co->last_uid);
		if (co->n_out > 0 || co->results || co->match == EAS_SYNC_KEY_PREVIOUS) {
			co->new_key = store_cursor_next_key(&co->row);
			co->save = true;
		} else {
			/* Nothing to say; what was passed over need not be seen again. */
			co->save = is_changed(&co->cursor, co->row.state) ||
			           co->row.twin_key != 0;
		}
	}
	return rc;
}

static enum rc
save_cursor(struct eas_sync *s, struct eas_sync_collection *co, struct store_tx *tx)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);
	AUTO_DONE(buf) struct buf answer = BUF_INIT(0);
	char name[EAS_CURSOR_NAME_SIZE];
	struct store_cursor row = co->row;

	eas_cursor_write(&co->cursor, &b);
	if (co->new_key != 0 && co->new_key != co->row.key) {
		store_cursor_advance(&row,
		                     co->match == EAS_SYNC_KEY_PREVIOUS
		                             ? STORE_CURSOR_PREVIOUS
		                             : STORE_CURSOR_CURRENT,
		                     buf_span(&b));
		row.key = co->new_key;
		if (co->results)
			eas_sync_results_write(co->key, co->results, &answer);
		row.answer = buf_span(&answer);
	} else { /* it is in that state, so not in the twin's */
		row.state = buf_span(&b);
		row.twin_key = 0;
		row.twin_state = SPAN("");
	}
	return store_cursor_swap(tx, s->c->device.number, eas_cursor_name(co->id, name),
	                         &row);
}

/* Cursors and the cached request in one commit; nothing is written when nothing moved. */
static enum rc
save_all(struct eas_sync *s)
{
	AUTO(store_tx)
	struct store_tx *tx = NULL;
	AUTO_DONE(buf) struct buf cache = BUF_INIT(0);
	struct store_cursor row = { .key = 1 };
	bool cursors = false, changed;
	enum rc rc;

	for (size_t i = 0; i < s->n; i++)
		cursors |= s->collections[i].save;
	eas_sync_cache_write(s, &cache);
	if (!s->c->resumed)
		s->c->wait_token = hash_bytes(buf_span(&cache));
	rc = look(s);
	if (rc == RC_OK)
		rc = store_cursor_load(s->look, s->c->device.number, EAS_SYNC_CACHE,
		                       s->c->arena, &row);
	if (rc != RC_OK && rc != RC_NOT_FOUND)
		return rc;
	changed = rc == RC_NOT_FOUND || !span_eq(row.state, buf_span(&cache));
	end_look(s);
	if (!cursors && (!changed || s->c->resumed))
		return RC_OK;
	rc = eas_write(s->c, true, &tx);
	for (size_t i = 0; i < s->n && rc == RC_OK; i++) {
		if (s->collections[i].save)
			rc = save_cursor(s, &s->collections[i], tx);
	}
	if (rc == RC_OK && changed && !s->c->resumed) {
		row = (struct store_cursor){ .key = 1, .state = buf_span(&cache) };
		row.prev_state = row.answer = row.twin_state = SPAN("");
		rc = store_cursor_save(tx, s->c->device.number, EAS_SYNC_CACHE, &row);
	}
	return rc == RC_OK ? store_commit(&tx) : rc;
}

/* 14.x names failures of Change and Delete only, an Add always (2.2.3.154). */
static bool
is_told(const struct eas_sync *s, const struct eas_sync_result *r)
{
	return r->kind == WBXML_AIRSYNC_ADD || r->status != EAS_STATUS_OK || r->sent ||
	       eas_event_files_are_new(s->c->query.version, r->node);
}

/* The item of an Add or Change. */
static struct eas_id
item_of(const struct eas_sync_collection *co, const struct eas_sync_result *r)
{
	struct eas_id id = { co->id, r->uid, 0 };

	if (r->kind != WBXML_AIRSYNC_ADD &&
	    eas_id_parse(wbxml_child_text(r->node, WBXML_AIRSYNC_SERVERID), 2, &id) !=
	            RC_OK)
		id.uid = 0;
	return id;
}

/* From 16.0 on: what the server has made of it, for the device to know. */
static void
write_made(struct eas_sync *s, struct eas_sync_collection *co,
           const struct eas_sync_result *r, struct eas_id id, struct wbxml_writer *w)
{
	bool is_mail = co->class == &eas_class_email;
	bool has_files = eas_event_files_are_new(s->c->query.version, r->node);
	bool is_draft = is_mail && r->kind == WBXML_AIRSYNC_ADD &&
	                s->c->query.version >= 160 &&
	                !span_iis(wbxml_child_text(r->node, WBXML_AIRSYNC_CLASS), "SMS");

	if (!has_files && !is_draft)
		return;
	wbxml_start(w, WBXML_AIRSYNC_APPLICATIONDATA);
	if (is_draft)
		eas_email_write_thread(s->c, id, w);
	if (has_files)
		eas_event_files_answer(s->c, r->node, id, is_mail, w);
	wbxml_end(w);
}

static void
write_result(struct eas_sync *s, struct eas_sync_collection *co,
             const struct eas_sync_result *r, struct wbxml_writer *w)
{
	struct eas_id id = item_of(co, r);
	char text[EAS_ID_SIZE];

	wbxml_start(w, r->kind);
	if (r->kind == WBXML_AIRSYNC_ADD) {
		wbxml_text(w, WBXML_AIRSYNC_CLIENTID,
		           wbxml_child_text(r->node, WBXML_AIRSYNC_CLIENTID));
		if (r->uid != 0)
			wbxml_str(w, WBXML_AIRSYNC_SERVERID, eas_id_str(id, 2, text));
		if (span_iis(wbxml_child_text(r->node, WBXML_AIRSYNC_CLASS), "SMS"))
			wbxml_str(w, WBXML_AIRSYNC_CLASS, "SMS");
	} else {
		wbxml_text(w, WBXML_AIRSYNC_SERVERID,
		           wbxml_child_text(r->node, WBXML_AIRSYNC_SERVERID));
	}
	wbxml_u64(w, WBXML_AIRSYNC_STATUS, r->status);
	if (r->status == EAS_STATUS_OK && !r->sent && id.uid != 0)
		write_made(s, co, r, id, w);
	wbxml_end(w);
}

/* Never an empty Responses: Windows Phone breaks on it. */
static void
write_responses(struct eas_sync *s, struct eas_sync_collection *co,
                struct wbxml_writer *w)
{
	bool any = co->has_fetch;

	for (const struct eas_sync_result *r = co->results; r; r = r->next)
		any |= is_told(s, r);
	if (!any)
		return;
	wbxml_start(w, WBXML_AIRSYNC_RESPONSES);
	for (const struct eas_sync_result *r = co->results; r; r = r->next) {
		if (is_told(s, r))
			write_result(s, co, r, w);
	}
	if (co->has_fetch)
		eas_wbxml_append(w, &co->fw);
	wbxml_end(w);
}

static bool
has_news(const struct eas_sync_collection *co)
{
	return co->status != EAS_STATUS_OK || co->new_key != 0 || co->more ||
	       co->has_fetch;
}

/* Order of the children: 2.2.3.29.2; MoreAvailable before Commands. */
static void
write_collection(struct eas_sync *s, struct eas_sync_collection *co,
                 struct wbxml_writer *w)
{
	uint64_t key = co->new_key != 0 ? co->new_key : co->key;

	wbxml_start(w, WBXML_AIRSYNC_COLLECTION);
	if (s->c->query.version <= 121 && co->class)
		wbxml_str(w, WBXML_AIRSYNC_CLASS, co->class->name);
	if (co->status == EAS_SYNC_BAD_KEY || key == UINT64_MAX)
		key = 0;
	wbxml_u64(w, WBXML_AIRSYNC_SYNCKEY, key);
	wbxml_text(w, WBXML_AIRSYNC_COLLECTIONID, co->id_text);
	wbxml_u64(w, WBXML_AIRSYNC_STATUS, co->status);
	if (co->status == EAS_STATUS_OK) {
		if (co->more)
			wbxml_empty(w, WBXML_AIRSYNC_MOREAVAILABLE);
		if (co->commands_open)
			eas_wbxml_append(w, &co->w);
		write_responses(s, co, w);
	}
	wbxml_end(w);
}

static void
answer(struct eas_sync *s)
{
	struct wbxml_writer w;

	eas_answer_begin(s->c, &w);
	wbxml_start(&w, WBXML_AIRSYNC_SYNC);
	wbxml_start(&w, WBXML_AIRSYNC_COLLECTIONS);
	for (size_t i = 0; i < s->n; i++) {
		if (has_news(&s->collections[i]))
			write_collection(s, &s->collections[i], &w);
	}
	wbxml_end(&w);
	wbxml_end(&w);
}

/* 2.2.3.97: the nearest allowed value, in the unit of the question. */
static void
answer_limit(struct eas_sync *s, uint64_t limit_ms)
{
	struct wbxml_writer w;

	eas_answer_begin(s->c, &w);
	wbxml_start(&w, WBXML_AIRSYNC_SYNC);
	wbxml_u64(&w, WBXML_AIRSYNC_STATUS, EAS_SYNC_WAIT_RANGE);
	wbxml_u64(&w, WBXML_AIRSYNC_LIMIT, limit_ms / (s->is_wait ? 60000 : 1000));
	wbxml_end(&w);
}

/* The request, its own words and what the cache adds. *ret_status: of a refusal. */
static enum rc
read_request(struct eas_sync *s, unsigned *ret_status)
{
	enum rc rc;

	*ret_status = EAS_STATUS_OK;
	if (s->c->root) {
		if (eas_is_legacy(s->c->query.version))
			eas_legacy_read(s->c->root, s->c->arena);
		rc = eas_sync_parse(s, s->c->root);
		if (rc != RC_OK) {
			*ret_status =
				rc == RC_TOO_BIG ? EAS_SYNC_TOO_MANY : EAS_SYNC_PROTOCOL;
			return RC_OK;
		}
	}
	rc = look(s);
	if (rc == RC_OK)
		s->restored = store_tx_restored(s->look);
	if (rc == RC_OK && (!s->c->root || s->partial)) {
		rc = eas_sync_cache_load(s, s->look);
		if (rc == RC_NOT_FOUND || (rc == RC_OK && s->n == 0)) {
			*ret_status = EAS_SYNC_INCOMPLETE;
			return RC_OK;
		}
	}
	if (rc == RC_OK && !s->c->resumed) {
		rc = store_tree_modseq(s->look, &s->tree);
		s->tree_seen = store_tx_modseq(s->look);
	}
	return rc;
}

static bool
may_wait(const struct eas_sync *s)
{
	if (s->wait_s == 0 || s->has_commands || !s->c->loop)
		return false;
	for (size_t i = 0; i < s->n; i++) {
		if (s->collections[i].key == 0)
			return false;
	}
	return true;
}

static void
subscribe(struct eas_sync *s)
{
	uint32_t *ids = arena_array(s->c->arena, s->n + 1, uint32_t);
	size_t n = 0;

	ids[n++] = 0; /* the tree */
	for (size_t i = 0; i < s->n; i++) {
		if (s->collections[i].id != 0)
			ids[n++] = s->collections[i].id;
	}
	end_look(s); /* what is compared with must be younger */
	eas_call_subscribe(s->c, ids, n, s->c->wait_ms);
}

/* What a request with a wait names itself, when it is all there is. */
void
eas_sync_watch(struct eas_call *c)
{
	const struct wbxml_node *list = wbxml_child(c->root, WBXML_AIRSYNC_COLLECTIONS);
	const struct wbxml_node *first = wbxml_child(list, WBXML_AIRSYNC_COLLECTION);
	size_t max = 0, n = 1; /* 0 is the tree */
	uint32_t *ids;
	struct eas_id id;

	if (!first || wbxml_child(c->root, WBXML_AIRSYNC_PARTIAL) ||
	    (!wbxml_child(c->root, WBXML_AIRSYNC_WAIT) &&
	     !wbxml_child(c->root, WBXML_AIRSYNC_HEARTBEATINTERVAL)))
		return;
	for (const struct wbxml_node *i = first; i;
	     i = wbxml_next(i, WBXML_AIRSYNC_COLLECTION), max++) {
		if (wbxml_child(i, WBXML_AIRSYNC_COMMANDS))
			return; /* it will not wait */
	}
	ids = arena_array(c->arena, max + 1, uint32_t);
	for (const struct wbxml_node *i = first; i;
	     i = wbxml_next(i, WBXML_AIRSYNC_COLLECTION)) {
		if (eas_id_parse(wbxml_child_text(i, WBXML_AIRSYNC_COLLECTIONID), 1,
		                 &id) == RC_OK)
			ids[n++] = id.collection;
	}
	eas_call_subscribe(c, ids, n, 0);
}

/* A wait ends when a folder came or went that the device has not been told of. */
static enum rc
tree_moved(struct eas_sync *s, bool *ret)
{
	uint64_t modseq;
	bool current = true;
	enum rc rc;

	rc = look(s);
	if (rc == RC_OK)
		rc = store_tree_modseq(s->look, &modseq);
	if (rc == RC_OK && modseq > s->tree)
		rc = eas_folders_are_current(s->c, s->look, &current);
	if (rc == RC_OK) {
		*ret = !current;
		s->tree_seen = store_tx_modseq(s->look);
	}
	return rc;
}

/* There is nothing to tell. When something of the user's moved between the looks at the
 * tree and at the folders, the tree is looked at once more: each look is before or after
 * what a wake would be for. */
static enum rc
begin_wait(struct eas_sync *s)
{
	bool moved = false;
	enum rc rc = RC_OK;

	if (s->served > s->tree_seen)
		rc = tree_moved(s, &moved);
	if (rc != RC_OK)
		return rc;
	if (moved)
		eas_answer_status(s->c, EAS_SYNC_HIERARCHY);
	else
		eas_call_wait(s->c, s->served < s->tree_seen ? s->served : s->tree_seen);
	return RC_OK;
}

/* What the device cannot take, and what of the device's we cannot. */
static void
tell_admin(struct eas_sync *s)
{
	const struct mdm_actor by = { SPAN("server"),
		                      span_str(s->c->peer ? s->c->peer : "-") };

	for (size_t i = 0; i < s->n; i++) {
		const struct eas_sync_collection *co = &s->collections[i];
		const struct eas_sync_result *r = co->results;

		if (co->set_aside != 0) {
			log_warn(s->c->log, "eas.item set aside", "item=%u:%u", co->id,
			         co->set_aside);
			mdm_audit(s->c->eas->deps.mdm, &by, "device.item_set_aside",
			          s->c->user.id, s->c->device.id,
			          "item=%u:%u folder=%.*s", co->id, co->set_aside,
			          SPAN_FMT(co->folder.name));
		}
		while (r && r->status != EAS_SYNC_CONVERSION)
			r = r->next;
		if (r)
			mdm_audit_once(s->c->eas->deps.mdm, &by, "device.item_refused",
			               s->c->user.id, s->c->device.id,
			               "it sent an item that cannot be one (Status 6)");
	}
}

static enum rc
run(struct eas_sync *s)
{
	bool waits = may_wait(s), moved = false, news = false;
	enum rc rc;

	if (waits && !s->c->resumed)
		s->c->wait_ms =
			spread_wait(&s->c->eas->spread, s->granted_s * UINT64_C(1000));
	if (waits && !s->c->wait) /* else since before the first look */
		subscribe(s);
	rc = match_all(s);
	if (rc == RC_OK && s->has_commands) {
		end_look(s);
		rc = eas_sync_client(s);
	}
	if (rc == RC_OK && s->c->resumed)
		rc = tree_moved(s, &moved);
	if (rc != RC_OK)
		return rc;
	if (moved) {
		eas_answer_status(s->c, EAS_SYNC_HIERARCHY);
		return RC_OK;
	}
	rc = note_threads(s);
	if (rc == RC_OK)
		rc = serve_all(s);
	if (rc == RC_OK)
		rc = save_all(s);
	if (rc != RC_OK)
		return rc;
	tell_admin(s);
	for (size_t i = 0; i < s->n; i++)
		news |= has_news(&s->collections[i]);
	if (news)
		answer(s);
	else if (waits)
		return begin_wait(s);
	else
		eas_answer_http(s->c, 200); /* 2.2.1.21.2: the empty answer */
	return RC_OK;
}

static void
done(struct eas_sync *s)
{
	end_look(s);
	for (size_t i = 0; i < s->n; i++) {
		buf_done(&s->collections[i].out);
		buf_done(&s->collections[i].fetched);
	}
}

/* RC_CONFLICT: another request of the device was answered meanwhile: to be done anew. */
static enum rc
start_once(struct eas_sync *s)
{
	struct eas_call *c = s->c;
	uint64_t ms;
	unsigned status;
	enum rc rc;

	rc = read_request(s, &status);
	if (rc != RC_OK)
		return rc;
	if (status != EAS_STATUS_OK) {
		eas_answer_status(c, status);
		return RC_OK;
	}
	if (s->is_stale) {
		/* The device has asked for something else meanwhile: its keys may have
		 * moved on, and this answer could only confuse. */
		eas_answer_http(c, 200);
		return RC_OK;
	}
	ms = s->wait_s * UINT64_C(1000);
	if (ms > 0 && !c->resumed &&
	    (ms < c->eas->conf->heartbeat_min_ms ||
	     ms > c->eas->conf->heartbeat_max_ms)) {
		answer_limit(s, ms < c->eas->conf->heartbeat_min_ms
		                        ? c->eas->conf->heartbeat_min_ms
		                        : c->eas->conf->heartbeat_max_ms);
		return RC_OK;
	}
	s->granted_s = s->wait_s;
	if (may_wait(s) && !c->resumed && !eas_beat_grant(c, s->wait_s, &s->granted_s)) {
		/* The device's network keeps no silence as long as that. */
		end_look(s);
		eas_beat_told(c, s->granted_s);
		answer_limit(s, s->granted_s * UINT64_C(1000));
		return RC_OK;
	}
	return run(s);
}

void
eas_sync_start(struct eas_call *c)
{
	enum rc rc = RC_CONFLICT;

	for (int i = 0; rc == RC_CONFLICT && i < TRIES_MAX; i++) {
		struct eas_sync s = { .c = c, .window = EAS_WINDOW_MAX };

		if (i > 0)
			push_wait_free(TAKE(c->wait));
		rc = start_once(&s);
		done(&s);
	}
	if (rc != RC_OK)
		eas_answer_rc(c, rc == RC_CONFLICT ? RC_AGAIN : rc);
}
