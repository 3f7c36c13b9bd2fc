/* SPDX-License-Identifier: ISC
 *
 * eas_ping.c - Ping: [MS-ASCMD] 2.2.1.13, 3.1.5.8, 2.2.3.177.11.
 *
 * The row "ping" keeps heartbeat and folders for requests that leave them out, and a
 * watermark for each folder. A folder is reported when a Sync with its present key would
 * find something, by the same code that Sync itself asks. A folder that was never synced
 * (iOS pings those) is reported when it moves behind its watermark.
 */
#include "activesync/eas_beat.h"
#include "activesync/eas_cursor.h"
#include "activesync/eas_folders.h"
#include "activesync/eas_id.h"
#include "activesync/eas_pack.h"
#include "activesync/eas_private.h"

#define ROW "ping"
#define FORMAT 1
/* A client that is told of the same state so often and does not sync is told no more
 * until something moves: its battery is worth more. */
#define TOLD_MAX 3

struct folder {
	uint32_t id;
	uint64_t mark; /* modseq of the folder when it was last reported, or first pinged
	                */
	uint32_t told; /* at once, and without a wait, so often */
	bool changed;
	bool gone;
	uint64_t modseq; /* now */
};

struct ping {
	struct eas_call *c;
	struct store_tx *look; /* the snapshot that is read from; NULL: the next one */
	uint32_t heartbeat_s;
	uint32_t granted_s;
	struct folder *folders;
	size_t n;
	bool dirty; /* the row must be saved */
};

static struct span
row_write(const struct ping *p)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);

	eas_pack_u64(&b, FORMAT);
	eas_pack_u64(&b, p->heartbeat_s);
	eas_pack_u64(&b, p->n);
	for (size_t i = 0; i < p->n; i++) {
		eas_pack_u64(&b, p->folders[i].id);
		eas_pack_u64(&b, p->folders[i].mark);
		eas_pack_u64(&b, p->folders[i].told);
	}
	return arena_span(p->c->arena, buf_span(&b));
}

static bool
row_read(struct ping *p, struct span state)
{
	struct eas_unpack u = { .rest = state };
	size_t max = (size_t)p->c->eas->conf->ping_folders_max;

	if (eas_unpack_u64(&u) != FORMAT)
		return false;
	p->heartbeat_s = eas_unpack_u32(&u);
	p->n = eas_unpack_u64(&u);
	if (u.failed || p->n > max)
		return false;
	p->folders = arena_array(p->c->arena, p->n, struct folder);
	for (size_t i = 0; i < p->n; i++) {
		p->folders[i].id = eas_unpack_u32(&u);
		p->folders[i].mark = eas_unpack_u64(&u);
		p->folders[i].told = eas_unpack_u32(&u);
	}
	return !u.failed;
}

static void
answer(struct ping *p, unsigned status, wbxml_tag extra, uint64_t value)
{
	struct wbxml_writer w;

	eas_answer_begin(p->c, &w);
	wbxml_start(&w, WBXML_PING_PING);
	wbxml_u64(&w, WBXML_PING_STATUS, status);
	if (extra != 0)
		wbxml_u64(&w, extra, value);
	wbxml_end(&w);
}

void
eas_ping_timeout(struct buf *out)
{
	struct wbxml_writer w;

	buf_clear(out);
	wbxml_writer_init(&w, out);
	wbxml_start(&w, WBXML_PING_PING);
	wbxml_u64(&w, WBXML_PING_STATUS, EAS_PING_EXPIRED);
	wbxml_end(&w);
}

static void
answer_changes(struct ping *p)
{
	struct wbxml_writer w;
	char id[EAS_ID_SIZE];

	eas_answer_begin(p->c, &w);
	wbxml_start(&w, WBXML_PING_PING);
	wbxml_u64(&w, WBXML_PING_STATUS, EAS_PING_CHANGES);
	wbxml_start(&w, WBXML_PING_FOLDERS);
	for (size_t i = 0; i < p->n; i++) {
		struct eas_id f = { .collection = p->folders[i].id };

		if (p->folders[i].changed)
			wbxml_str(&w, WBXML_PING_FOLDER, eas_id_str(f, 1, id));
	}
	wbxml_end(&w);
	wbxml_end(&w);
}

static const struct folder *
find(const struct folder *list, size_t n, uint32_t id)
{
	for (size_t i = 0; i < n; i++) {
		if (list[i].id == id)
			return &list[i];
	}
	return NULL;
}

/* The Folders of the request; marks of folders that stood there before stay. Ids that are
 * none of ours ("UNKNOWN" of Outlook) are passed over. */
static unsigned
take_folders(struct ping *p, const struct wbxml_node *list)
{
	const struct folder *old = p->folders;
	size_t n_old = p->n, count = 0;

	for (const struct wbxml_node *n = wbxml_child(list, WBXML_PING_FOLDER); n;
	     n = wbxml_next(n, WBXML_PING_FOLDER))
		count++;
	if (count == 0)
		return EAS_PING_SYNTAX;
	if (count > (size_t)p->c->eas->conf->ping_folders_max)
		return EAS_PING_TOO_MANY;
	p->folders = arena_array(p->c->arena, count, struct folder);
	p->n = 0;
	for (const struct wbxml_node *n = wbxml_child(list, WBXML_PING_FOLDER); n;
	     n = wbxml_next(n, WBXML_PING_FOLDER)) {
		struct span text = wbxml_child_text(n, WBXML_PING_ID);
		const struct folder *before;
		struct eas_id id;

		if (text.n == 0)
			return EAS_PING_SYNTAX;
		if (eas_id_parse(text, 1, &id) != RC_OK)
			continue;
		if (find(p->folders, p->n, id.collection))
			return EAS_PING_SYNTAX; /* 2.2.3.90: twice */
		before = find(old, n_old, id.collection);
		if (before)
			p->folders[p->n] = *before;
		p->folders[p->n++].id = id.collection;
	}
	p->dirty = true;
	return EAS_STATUS_OK;
}

static void
end_look(struct ping *p)
{
	store_tx_free(TAKE(p->look));
}

/* The rows that are read from this snapshot, at one go. */
static enum rc
expect(struct ping *p, const uint32_t *ids, size_t n)
{
	char(*cursors)[EAS_CURSOR_NAME_SIZE] =
		arena_alloc(p->c->arena, STORE_EXPECT_MAX * sizeof(*cursors));
	const char *names[STORE_EXPECT_MAX] = { ROW, EAS_FOLDERS_ROW };
	size_t n_names = 2;
	enum rc rc;

	for (size_t i = 0; i < n && n_names < STORE_EXPECT_MAX; i++, n_names++)
		names[n_names] = eas_cursor_name(ids[i], cursors[i]);
	rc = store_cursor_expect(p->look, p->c->device.number, names, n_names,
	                         p->c->arena);
	return rc == RC_OK ? store_collection_expect(p->look, ids, n, p->c->arena) : rc;
}

/* The ids of the request's folders, or of p's. */
static uint32_t *
ids_of(struct ping *p, size_t *ret_n)
{
	const struct wbxml_node *list = wbxml_child(p->c->root, WBXML_PING_FOLDERS);
	const struct wbxml_node *first = wbxml_child(list, WBXML_PING_FOLDER);
	size_t max = list ? 0 : p->n, n = 0;
	uint32_t *ids;
	struct eas_id id;

	for (const struct wbxml_node *i = first; i; i = wbxml_next(i, WBXML_PING_FOLDER))
		max++;
	ids = arena_array(p->c->arena, max, uint32_t);
	for (const struct wbxml_node *i = first; i;
	     i = wbxml_next(i, WBXML_PING_FOLDER)) {
		if (eas_id_parse(wbxml_child_text(i, WBXML_PING_ID), 1, &id) == RC_OK)
			ids[n++] = id.collection;
	}
	for (size_t i = 0; !list && i < p->n; i++)
		ids[n++] = p->folders[i].id;
	*ret_n = n;
	return ids;
}

/* That of the sign-in, as long as nothing was written or subscribed to since. */
static enum rc
look(struct ping *p)
{
	uint32_t *ids;
	size_t n;
	enum rc rc = RC_OK;

	if (p->look)
		return RC_OK;
	p->look = TAKE(p->c->look);
	if (!p->look)
		rc = eas_read(p->c, &p->look);
	if (rc != RC_OK)
		return rc;
	ids = ids_of(p, &n);
	return expect(p, ids, n);
}

/* *ret_status other than 1: refused. */
static enum rc
read_request(struct ping *p, struct store_cursor *row, unsigned *ret_status)
{
	struct eas_call *c = p->c;
	const struct wbxml_node *folders = wbxml_child(c->root, WBXML_PING_FOLDERS);
	uint32_t beat;
	bool cached;
	enum rc rc;

	*ret_status = EAS_STATUS_OK;
	rc = look(p);
	if (rc == RC_OK)
		rc = store_cursor_load(p->look, c->device.number, ROW, c->arena, row);
	if (rc != RC_OK && rc != RC_NOT_FOUND)
		return rc;
	cached = rc == RC_OK && row_read(p, row->state);
	if (!cached) {
		p->n = 0;
		p->heartbeat_s = 0;
	}
	if (c->root && c->root->tag != WBXML_PING_PING) {
		*ret_status = EAS_PING_SYNTAX;
		return RC_OK;
	}
	rc = wbxml_child_u32(c->root, WBXML_PING_HEARTBEATINTERVAL, UINT32_MAX, &beat);
	if (rc == RC_OK) {
		p->dirty |= p->heartbeat_s != beat;
		p->heartbeat_s = beat;
	} else if (rc != RC_NOT_FOUND) {
		*ret_status = EAS_PING_SYNTAX;
		return RC_OK;
	}
	if (folders)
		*ret_status = take_folders(p, folders);
	else if (!cached)
		*ret_status = EAS_PING_MISSING;
	if (*ret_status == EAS_STATUS_OK && p->heartbeat_s == 0)
		*ret_status = EAS_PING_MISSING;
	return RC_OK;
}

static void
subscribe_to(struct ping *p)
{
	size_t n;
	uint32_t *ids = ids_of(p, &n);
	uint32_t *all = arena_array(p->c->arena, n + 1, uint32_t);

	if (n > 0)
		memcpy(all + 1, ids, n * sizeof(*ids)); /* 0 is the tree: Status 7 */
	end_look(p); /* what is compared must be younger */
	eas_call_subscribe(p->c, all, n + 1, p->c->wait_ms);
}

/* Unless the request's folders are waited for since before the first look. */
static void
subscribe(struct ping *p)
{
	if (!p->c->resumed)
		p->c->wait_ms =
			spread_wait(&p->c->eas->spread, p->granted_s * UINT64_C(1000));
	if (!p->c->wait)
		subscribe_to(p);
}

void
eas_ping_watch(struct eas_call *c)
{
	struct ping p = { .c = c };

	if (wbxml_child(c->root, WBXML_PING_FOLDERS))
		subscribe_to(&p); /* too many are refused later */
}

/* Would a Sync with a key of that state find something? */
static enum rc
find_news(struct ping *p, struct store_tx *tx, const struct folder *f, struct span state,
          bool *ret)
{
	struct eas_cursor cur;
	size_t n = 0;
	enum rc rc;

	if (eas_cursor_read(state, p->c->arena, &cur) != RC_OK)
		return RC_INVALID;
	rc = eas_cursor_pending(tx, &cur, f->id, p->c->device.number, 1, false, &n);
	if (rc == RC_CONFLICT) { /* the cursor is too old: Sync will say so */
		n = 1;
		rc = RC_OK;
	}
	*ret = rc == RC_OK && n > 0;
	return rc;
}

static enum rc
compare_folder(struct ping *p, struct store_tx *tx, struct folder *f)
{
	char name[EAS_CURSOR_NAME_SIZE];
	struct store_collection col;
	struct store_cursor row;
	enum rc rc;

	rc = store_collection_load(tx, f->id, p->c->arena, &col);
	if (rc == RC_NOT_FOUND || (rc == RC_OK && !eas_folder_is_shown(&col))) {
		f->gone = true;
		return RC_OK;
	}
	if (rc != RC_OK)
		return rc;
	f->modseq = col.modseq;
	rc = store_cursor_load(tx, p->c->device.number, eas_cursor_name(f->id, name),
	                       p->c->arena, &row);
	if (rc == RC_OK)
		rc = find_news(p, tx, f, row.state, &f->changed);
	/* It may hold either key. */
	if (rc == RC_OK && !f->changed && row.twin_key != 0)
		rc = find_news(p, tx, f, row.twin_state, &f->changed);
	if (rc == RC_NOT_FOUND || rc == RC_INVALID) {
		if (f->mark == 0) {
			f->mark = col.modseq;
			p->dirty = true;
		}
		f->changed = col.modseq > f->mark;
		return RC_OK;
	}
	if (f->changed && f->modseq == f->mark && f->told >= TOLD_MAX)
		f->changed = false;
	return rc;
}

static enum rc
compare(struct ping *p, bool *ret_any, bool *ret_hierarchy, uint64_t *ret_modseq)
{
	bool current;
	enum rc rc;

	*ret_any = false;
	rc = look(p);
	if (rc == RC_OK)
		rc = eas_folders_are_current(p->c, p->look, &current);
	if (rc == RC_OK) {
		*ret_hierarchy = !current;
		*ret_modseq = store_tx_modseq(p->look);
	}
	for (size_t i = 0; i < p->n && rc == RC_OK; i++) {
		rc = compare_folder(p, p->look, &p->folders[i]);
		*ret_any |= p->folders[i].changed;
	}
	end_look(p);
	return rc;
}

static enum rc
save(struct ping *p)
{
	AUTO(store_tx)
	struct store_tx *tx = NULL;
	struct store_cursor row = { .key = 1, .state = row_write(p) };
	enum rc rc;

	row.prev_state = row.answer = SPAN("");
	rc = eas_write(p->c, true, &tx);
	if (rc == RC_OK)
		rc = store_cursor_save(tx, p->c->device.number, ROW, &row);
	return rc == RC_OK ? store_commit(&tx) : rc;
}

/* What is about to be reported, noted. An answer after a wait is not counted: that is how
 * it should be, and no commit stands between the mail and the phone. */
static void
note_told(struct ping *p)
{
	if (p->c->resumed)
		return;
	for (size_t i = 0; i < p->n; i++) {
		struct folder *f = &p->folders[i];

		if (!f->changed)
			continue;
		f->told = f->mark == f->modseq ? f->told + 1 : 1;
		f->mark = f->modseq;
		p->dirty = true;
	}
}

static enum rc
run(struct ping *p, const struct store_cursor *row)
{
	bool any, hierarchy;
	uint64_t modseq;
	enum rc rc;

	if (p->c->loop)
		subscribe(p);
	rc = compare(p, &any, &hierarchy, &modseq);
	if (rc != RC_OK)
		return rc;
	if (!hierarchy)
		note_told(p);
	if (p->dirty && !span_eq(row_write(p), row->state))
		rc = save(p);
	if (rc != RC_OK)
		return rc;
	if (hierarchy)
		answer(p, EAS_PING_HIERARCHY, 0, 0);
	else if (any)
		answer_changes(p);
	else if (p->c->loop)
		eas_call_wait(p->c, modseq);
	else
		answer(p, EAS_PING_EXPIRED, 0, 0);
	return RC_OK;
}

/* The device's network keeps no silence as long as that. */
static void
tell_limit(struct ping *p)
{
	end_look(p);
	eas_beat_told(p->c, p->granted_s);
	answer(p, EAS_PING_HEARTBEAT, WBXML_PING_HEARTBEATINTERVAL, p->granted_s);
}

static void
start(struct ping *p)
{
	struct eas_call *c = p->c;
	struct store_cursor row = { .key = 0, .state = SPAN("") };
	const struct eas_conf *conf = c->eas->conf;
	uint64_t ms;
	unsigned status;
	enum rc rc;

	rc = read_request(p, &row, &status);
	if (rc != RC_OK) {
		eas_answer_rc(c, rc);
		return;
	}
	ms = p->heartbeat_s * UINT64_C(1000);
	if (status == EAS_PING_TOO_MANY)
		answer(p, status, WBXML_PING_MAXFOLDERS,
		       (uint64_t)conf->ping_folders_max);
	else if (status != EAS_STATUS_OK)
		answer(p, status, 0, 0);
	else if (ms < conf->heartbeat_min_ms)
		answer(p, EAS_PING_HEARTBEAT, WBXML_PING_HEARTBEATINTERVAL,
		       conf->heartbeat_min_ms / 1000);
	else if (ms > conf->heartbeat_max_ms)
		answer(p, EAS_PING_HEARTBEAT, WBXML_PING_HEARTBEATINTERVAL,
		       conf->heartbeat_max_ms / 1000);
	else if (!c->resumed && !eas_beat_grant(c, p->heartbeat_s, &p->granted_s))
		tell_limit(p);
	else if ((rc = run(p, &row)) != RC_OK)
		eas_answer_rc(c, rc);
}

void
eas_ping_start(struct eas_call *c)
{
	struct ping p = { .c = c };

	start(&p);
	end_look(&p);
}
