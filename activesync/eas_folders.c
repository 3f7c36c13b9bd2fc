/* SPDX-License-Identifier: ISC
 *
 * eas_folders.c - FolderSync: [MS-ASCMD] 2.2.1.5, 2.2.3.177.5.
 *
 * Key 0 again and again (Gmail's pull-to-refresh) gives the same key as long as the tree
 * stays, and never touches the state of the folders.
 */
#include "activesync/eas_folders.h"

#include "activesync/eas_class.h"
#include "activesync/eas_cursor.h"
#include "activesync/eas_id.h"
#include "activesync/eas_pack.h"
#include "base/encode.h"

#define FORMAT 1
/* Requests of one device that are answered by several nodes at the same moment. */
#define TRIES_MAX 4

enum rc
eas_folders_read(struct span state, struct eas_folders *ret)
{
	struct eas_unpack u = { .rest = state };

	if (eas_unpack_u64(&u) != FORMAT)
		return RC_INVALID;
	ret->modseq = eas_unpack_u64(&u);
	ret->n_mine = eas_unpack_u64(&u);
	if (ret->n_mine > EAS_FOLDERS_MINE_MAX)
		return RC_INVALID;
	for (size_t i = 0; i < ret->n_mine; i++) {
		ret->mine[i].id = eas_unpack_u32(&u);
		ret->mine[i].modseq = eas_unpack_u64(&u);
	}
	return u.failed ? RC_INVALID : RC_OK;
}

struct span
eas_folders_write(const struct eas_folders *f, struct arena *a)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);

	eas_pack_u64(&b, FORMAT);
	eas_pack_u64(&b, f->modseq);
	eas_pack_u64(&b, f->n_mine);
	for (size_t i = 0; i < f->n_mine; i++) {
		eas_pack_u64(&b, f->mine[i].id);
		eas_pack_u64(&b, f->mine[i].modseq);
	}
	return arena_span(a, buf_span(&b));
}

enum rc
eas_folders_match(struct eas_call *c, struct store_tx *tx, struct span key,
                  struct store_cursor *ret_row, struct eas_folders *ret, bool *ret_replay)
{
	uint64_t k;
	enum rc rc;

	rc = store_cursor_load(tx, c->device.number, EAS_FOLDERS_ROW, c->arena, ret_row);
	if (rc == RC_NOT_FOUND)
		return RC_CONFLICT;
	if (rc != RC_OK)
		return rc;
	if (parse_u64(key, UINT64_MAX, &k) != RC_OK || k == 0)
		return RC_CONFLICT;
	switch (store_cursor_match(ret_row, k)) {
	case STORE_CURSOR_CURRENT:
		*ret_replay = false;
		break;
	case STORE_CURSOR_PREVIOUS:
		*ret_replay = true;
		break;
	case STORE_CURSOR_UNKNOWN:
		return RC_CONFLICT;
	}
	rc = eas_folders_read(*ret_replay ? ret_row->prev_state : ret_row->state, ret);
	return rc == RC_OK ? RC_OK : RC_CONFLICT;
}

bool
eas_folder_is_shown(const struct store_collection *col)
{
	return eas_class_find(col->class) != NULL;
}

/* The device's own last change of the folder; 0: none, so that it may not know it. */
static uint64_t
own_change(const struct eas_folders *f, const struct store_tree_change *ch)
{
	for (size_t i = 0; i < f->n_mine; i++) {
		if (f->mine[i].id == ch->collection.id)
			return f->mine[i].modseq;
	}
	return 0;
}

/* Changes that matter to a device: not its own, and of folders that it is shown or has
 * made itself. */
static bool
is_news(const struct eas_folders *f, const struct store_tree_change *ch)
{
	uint64_t own = own_change(f, ch);

	if (own >= ch->modseq)
		return false;
	if (ch->deleted)
		return own > 0 || !ch->is_new;
	return eas_folder_is_shown(&ch->collection);
}

static enum rc
is_current(struct eas_call *c, struct store_tx *tx, struct span state, bool *ret)
{
	struct store_tree_change *changes;
	struct eas_folders f;
	size_t n, news = 0;
	enum rc rc;

	*ret = true;
	if (eas_folders_read(state, &f) != RC_OK)
		return RC_OK;
	rc = store_tree_changes(tx, f.modseq, c->arena, &changes, &n);
	for (size_t i = 0; rc == RC_OK && i < n; i++)
		news += is_news(&f, &changes[i]);
	*ret = news == 0;
	return rc;
}

enum rc
eas_folders_are_current(struct eas_call *c, struct store_tx *tx, bool *ret)
{
	struct store_cursor row;
	enum rc rc;

	rc = store_cursor_load(tx, c->device.number, EAS_FOLDERS_ROW, c->arena, &row);
	if (rc == RC_NOT_FOUND) {
		*ret = true;
		return RC_OK;
	}
	if (rc == RC_OK)
		rc = is_current(c, tx, row.state, ret);
	/* It may hold either key. */
	if (rc == RC_OK && *ret && row.twin_key != 0)
		rc = is_current(c, tx, row.twin_state, ret);
	return rc;
}

unsigned
eas_folder_type(const struct store_collection *col)
{
	switch (col->role) {
	case STORE_ROLE_INBOX:
		return 2;
	case STORE_ROLE_DRAFTS:
		return 3;
	case STORE_ROLE_TRASH:
		return 4;
	case STORE_ROLE_SENT:
		return 5;
	case STORE_ROLE_OUTBOX:
		return 6;
	case STORE_ROLE_TASKS:
		return 7;
	case STORE_ROLE_CALENDAR:
		return 8;
	case STORE_ROLE_CONTACTS:
		return 9;
	case STORE_ROLE_NOTES:
		return 10;
	case STORE_ROLE_NONE:
	case STORE_ROLE_JUNK:
	case STORE_ROLE_ARCHIVE:
		break;
	}
	switch (col->class) {
	case STORE_CLASS_MAIL:
		return 12;
	case STORE_CLASS_CALENDAR:
		return 13;
	case STORE_CLASS_CONTACTS:
		return 14;
	case STORE_CLASS_TASKS:
		return 15;
	case STORE_CLASS_NOTES:
		return 17;
	}
	return 18;
}

/* INBOX is IMAP's word; Exchange says Inbox, and some clients look for that. */
static struct span
shown_name(const struct store_collection *col)
{
	return col->role == STORE_ROLE_INBOX ? SPAN("Inbox") : col->name;
}

static void
write_folder(struct wbxml_writer *w, wbxml_tag tag, const struct store_collection *col)
{
	char id[EAS_ID_SIZE], parent[EAS_ID_SIZE];

	eas_id_str((struct eas_id){ .collection = col->id }, 1, id);
	eas_id_str((struct eas_id){ .collection = col->parent }, 1, parent);
	wbxml_start(w, tag);
	wbxml_str(w, WBXML_FOLDERHIERARCHY_SERVERID, id);
	wbxml_str(w, WBXML_FOLDERHIERARCHY_PARENTID, parent);
	wbxml_text(w, WBXML_FOLDERHIERARCHY_DISPLAYNAME, shown_name(col));
	wbxml_u64(w, WBXML_FOLDERHIERARCHY_TYPE, eas_folder_type(col));
	wbxml_end(w);
}

static void
write_deleted(struct wbxml_writer *w, uint32_t collection)
{
	char id[EAS_ID_SIZE];

	eas_id_str((struct eas_id){ .collection = collection }, 1, id);
	wbxml_start(w, WBXML_FOLDERHIERARCHY_DELETE);
	wbxml_str(w, WBXML_FOLDERHIERARCHY_SERVERID, id);
	wbxml_end(w);
}

static void
begin_answer(struct eas_call *c, struct wbxml_writer *w, uint64_t key, size_t count)
{
	eas_answer_begin(c, w);
	wbxml_start(w, WBXML_FOLDERHIERARCHY_FOLDERSYNC);
	wbxml_u64(w, WBXML_FOLDERHIERARCHY_STATUS, EAS_STATUS_OK);
	wbxml_u64(w, WBXML_FOLDERHIERARCHY_SYNCKEY, key);
	wbxml_start(w, WBXML_FOLDERHIERARCHY_CHANGES);
	wbxml_u64(w, WBXML_FOLDERHIERARCHY_COUNT, count);
}

static void
end_answer(struct wbxml_writer *w)
{
	wbxml_end(w);
	wbxml_end(w);
}

/* RC_AGAIN: another node answered the device meanwhile. */
static enum rc
save(struct eas_call *c, struct store_cursor *row, const uint32_t *gone, size_t n_gone)
{
	AUTO(store_tx)
	struct store_tx *tx = NULL;
	char name[EAS_CURSOR_NAME_SIZE];
	enum rc rc;

	rc = eas_write(c, true, &tx);
	if (rc == RC_OK)
		rc = store_cursor_swap(tx, c->device.number, EAS_FOLDERS_ROW, row);
	if (rc == RC_CONFLICT)
		return RC_AGAIN;
	for (size_t i = 0; i < n_gone && rc == RC_OK; i++)
		rc = store_cursor_delete(tx, c->device.number,
		                         eas_cursor_name(gone[i], name));
	return rc == RC_OK ? store_commit(&tx) : rc;
}

/* Key 0: the whole tree. */
static enum rc
sync_first(struct eas_call *c)
{
	AUTO(store_tx)
	struct store_tx *tx = NULL;
	struct store_cursor row = { 0 };
	struct store_collection *cols;
	struct wbxml_writer w;
	struct eas_folders f = { 0 }, old;
	size_t n, shown = 0;
	bool same;
	enum rc rc;

	rc = eas_read(c, &tx);
	if (rc == RC_OK)
		rc = store_collection_list(tx, c->arena, &cols, &n);
	if (rc == RC_OK)
		rc = store_tree_modseq(tx, &f.modseq);
	if (rc == RC_OK && c->device.number != 0)
		rc = store_cursor_load(tx, c->device.number, EAS_FOLDERS_ROW, c->arena,
		                       &row);
	if (rc != RC_OK && rc != RC_NOT_FOUND)
		return rc;
	same = row.key != 0 && eas_folders_read(row.state, &old) == RC_OK &&
	       old.modseq == f.modseq;
	store_tx_free(TAKE(tx));
	if (!same) {
		if (row.key == 0)
			row.key_floor = 1000 + random_below(1000000000);
		/* Should this answer be lost too, the device shows a key from before, and
		 * not even the last one for sure. */
		store_cursor_advance(&row, STORE_CURSOR_PREVIOUS,
		                     eas_folders_write(&f, c->arena));
		row.answer = SPAN("");
		if (c->device.number != 0)
			rc = save(c, &row, NULL, 0);
		else
			rc = RC_OK;
		if (rc != RC_OK)
			return rc;
	}
	/* The pseudo device of account set-up wants to see that it works, no more. */
	if (c->device.number == 0)
		n = 0;
	for (size_t i = 0; i < n; i++)
		shown += eas_folder_is_shown(&cols[i]);
	begin_answer(c, &w, row.key, shown);
	for (size_t i = 0; i < n; i++) {
		if (eas_folder_is_shown(&cols[i]))
			write_folder(&w, WBXML_FOLDERHIERARCHY_ADD, &cols[i]);
	}
	end_answer(&w);
	return RC_OK;
}

/* Parents before children, so that each folder's parent is known when it comes. */
static void
order(struct store_tree_change **list, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		for (size_t k = i + 1, turns = 0; k < n && turns < n; k++) {
			struct store_tree_change *t;

			if (list[i]->deleted || list[k]->deleted ||
			    list[k]->collection.id != list[i]->collection.parent)
				continue;
			t = list[i];
			list[i] = list[k];
			list[k] = t;
			k = i;
			turns++;
		}
	}
}

static void
write_changes(struct eas_call *c, const struct eas_folders *f,
              struct store_tree_change **list, size_t n, uint64_t key)
{
	struct wbxml_writer w;

	begin_answer(c, &w, key, n);
	for (size_t i = 0; i < n; i++) {
		if (list[i]->deleted)
			write_deleted(&w, list[i]->collection.id);
		else
			write_folder(&w,
			             list[i]->is_new && own_change(f, list[i]) == 0
			                     ? WBXML_FOLDERHIERARCHY_ADD
			                     : WBXML_FOLDERHIERARCHY_UPDATE,
			             &list[i]->collection);
	}
	end_answer(&w);
}

static enum rc
sync_more(struct eas_call *c, struct span key)
{
	AUTO(store_tx)
	struct store_tx *tx = NULL;
	struct store_tree_change *changes, **news;
	struct store_cursor row;
	struct eas_folders f;
	uint32_t *gone;
	size_t n, n_news = 0, n_gone = 0;
	uint64_t modseq;
	bool replay;
	enum rc rc;

	rc = eas_read(c, &tx);
	if (rc == RC_OK)
		rc = eas_folders_match(c, tx, key, &row, &f, &replay);
	if (rc == RC_OK)
		rc = store_tree_changes(tx, f.modseq, c->arena, &changes, &n);
	if (rc == RC_OK)
		rc = store_tree_modseq(tx, &modseq);
	if (rc != RC_OK)
		return rc;
	store_tx_free(TAKE(tx));
	news = arena_array(c->arena, n, struct store_tree_change *);
	gone = arena_array(c->arena, n, uint32_t);
	for (size_t i = 0; i < n; i++) {
		if (!is_news(&f, &changes[i]))
			continue;
		news[n_news++] = &changes[i];
		if (changes[i].deleted)
			gone[n_gone++] = changes[i].collection.id;
	}
	if (n_news > 0 || replay || row.twin_key != 0) {
		/* A lost answer: the client still holds prev_key and its state. */
		store_cursor_advance(
			&row, replay ? STORE_CURSOR_PREVIOUS : STORE_CURSOR_CURRENT,
			eas_folders_write(&(struct eas_folders){ .modseq = modseq },
		                          c->arena));
		row.answer = SPAN("");
		rc = save(c, &row, gone, n_gone);
		if (rc != RC_OK)
			return rc;
	}
	order(news, n_news);
	write_changes(c, &f, news, n_news, row.key);
	return RC_OK;
}

void
eas_folders_start(struct eas_call *c)
{
	struct span key = wbxml_child_text(c->root, WBXML_FOLDERHIERARCHY_SYNCKEY);
	enum rc rc = RC_AGAIN;

	if (!c->root || c->root->tag != WBXML_FOLDERHIERARCHY_FOLDERSYNC) {
		eas_answer_status(c, EAS_FOLDER_MALFORMED);
		return;
	}
	/* Some clients leave the first key out. */
	for (int i = 0; rc == RC_AGAIN && i < TRIES_MAX; i++)
		rc = key.n == 0 || span_is(key, "0") ? sync_first(c) : sync_more(c, key);
	if (rc == RC_CONFLICT)
		eas_answer_status(c, EAS_FOLDER_BAD_KEY);
	else if (rc != RC_OK)
		eas_answer_rc(c, rc);
}

/* GetHierarchy, to 12.1: the mail folders, without a key (MS-ASCMD 2.2.1.8). */
void
eas_hierarchy_start(struct eas_call *c)
{
	AUTO(store_tx)
	struct store_tx *tx = NULL;
	struct store_collection *cols;
	struct wbxml_writer w;
	size_t n;
	enum rc rc = eas_read(c, &tx);

	if (rc == RC_OK)
		rc = store_collection_list(tx, c->arena, &cols, &n);
	if (rc != RC_OK) {
		eas_answer_rc(c, rc);
		return;
	}
	eas_answer_begin(c, &w);
	wbxml_start(&w, WBXML_FOLDERHIERARCHY_FOLDERS);
	for (size_t i = 0; i < n; i++) {
		if (cols[i].class == STORE_CLASS_MAIL && eas_folder_is_shown(&cols[i]))
			write_folder(&w, WBXML_FOLDERHIERARCHY_FOLDER, &cols[i]);
	}
	wbxml_end(&w);
}
