/* SPDX-License-Identifier: ISC
 *
 * eas_folder_edit.c - FolderCreate, FolderUpdate, FolderDelete: [MS-ASCMD] 2.2.1.3, .4,
 * .6.
 *
 * The outcome is kept in the row of the FolderSync key, in the same commit: when the
 * answer was lost, the same request with the same key gets it again.
 */
#include "activesync/eas_class.h"
#include "activesync/eas_cursor.h"
#include "activesync/eas_folders.h"
#include "activesync/eas_id.h"
#include "activesync/eas_pack.h"
#include "base/encode.h"

#define RECIPIENT_CACHE 19

enum edit { EDIT_CREATE, EDIT_UPDATE, EDIT_DELETE };

struct job {
	struct eas_call *c;
	enum edit edit;
	uint32_t id; /* of Update and Delete; of Create: the new one */
	uint32_t parent;
	const struct eas_class *class; /* of Create */
	struct span name;
	uint64_t hash; /* of the request */
};

static void
answer_done(struct job *j, uint64_t key)
{
	struct wbxml_writer w;
	char id[EAS_ID_SIZE];

	eas_answer_begin(j->c, &w);
	wbxml_start(&w, j->c->command->root);
	wbxml_u64(&w, WBXML_FOLDERHIERARCHY_STATUS, EAS_STATUS_OK);
	wbxml_u64(&w, WBXML_FOLDERHIERARCHY_SYNCKEY, key);
	if (j->edit == EDIT_CREATE) {
		eas_id_str((struct eas_id){ .collection = j->id }, 1, id);
		wbxml_str(&w, WBXML_FOLDERHIERARCHY_SERVERID, id);
	}
	wbxml_end(&w);
}

static unsigned
parse(struct job *j)
{
	const struct wbxml_node *root = j->c->root;
	struct span parent = wbxml_child_text(root, WBXML_FOLDERHIERARCHY_PARENTID);
	struct eas_id id;
	struct sha256 h;
	uint32_t type;

	sha256_of(j->c->body, &h);
	memcpy(&j->hash, h.b, sizeof(j->hash));
	if (!root || root->tag != j->c->command->root)
		return EAS_FOLDER_MALFORMED;
	/* 2.2.3.181.2 for the first, 2.2.1.6 for the second */
	if (!wbxml_child(root, WBXML_FOLDERHIERARCHY_SYNCKEY) ||
	    wbxml_child(root, WBXML_FOLDERHIERARCHY_STATUS))
		return EAS_FOLDER_MALFORMED;
	if (j->edit != EDIT_CREATE) {
		if (!wbxml_child(root, WBXML_FOLDERHIERARCHY_SERVERID))
			return EAS_FOLDER_MALFORMED;
		if (eas_id_parse(wbxml_child_text(root, WBXML_FOLDERHIERARCHY_SERVERID),
		                 1, &id) != RC_OK)
			return EAS_FOLDER_NOT_FOUND;
		j->id = id.collection;
	}
	if (j->edit == EDIT_DELETE)
		return EAS_STATUS_OK;
	j->name = span_trim(wbxml_child_text(root, WBXML_FOLDERHIERARCHY_DISPLAYNAME));
	if (j->name.n == 0)
		return EAS_FOLDER_MALFORMED;
	if (parent.n > 0 && !span_is(parent, "0")) {
		if (eas_id_parse(parent, 1, &id) != RC_OK)
			return EAS_FOLDER_NO_PARENT;
		j->parent = id.collection;
	}
	if (j->edit != EDIT_CREATE)
		return EAS_STATUS_OK;
	/* 2.2.3.186.2; the default folders are there already, classes that are not synced
	 * are not made. */
	if (wbxml_child_u32(root, WBXML_FOLDERHIERARCHY_TYPE, 19, &type) != RC_OK ||
	    (type >= 2 && type <= 11))
		return EAS_FOLDER_MALFORMED;
	if (type == RECIPIENT_CACHE)
		return EAS_FOLDER_SPECIAL;
	j->class = eas_class_of_type(type);
	if (!j->class)
		return EAS_FOLDER_UNKNOWN;
	return EAS_STATUS_OK;
}

static unsigned
check_parent(struct job *j, struct store_tx *tx)
{
	struct store_collection parent;

	if (j->edit == EDIT_DELETE || j->parent == 0)
		return EAS_STATUS_OK;
	if (store_collection_load(tx, j->parent, j->c->arena, &parent) != RC_OK ||
	    !eas_folder_is_shown(&parent))
		return EAS_FOLDER_NO_PARENT;
	return EAS_STATUS_OK;
}

static enum rc
edit(struct job *j, struct store_tx *tx)
{
	struct store_collection col;
	enum rc rc;

	if (j->edit == EDIT_CREATE)
		return store_collection_create(tx, j->parent, j->name, j->class->class,
		                               STORE_ROLE_NONE, &j->id);
	rc = store_collection_load(tx, j->id, j->c->arena, &col);
	if (rc == RC_OK && !eas_folder_is_shown(&col))
		rc = RC_NOT_FOUND;
	if (rc == RC_OK && j->edit == EDIT_UPDATE)
		rc = store_collection_rename(tx, j->id, j->parent, j->name);
	else if (rc == RC_OK)
		rc = store_collection_delete(tx, j->id);
	return rc;
}

/* The device knows its own change; what others did meanwhile it still has to hear. */
static enum rc
note(struct job *j, struct store_tx *tx, struct store_cursor *row, struct eas_folders *f,
     bool replay)
{
	AUTO_DONE(buf) struct buf answer = BUF_INIT(64);
	size_t i = 0;
	enum rc rc;

	while (i < f->n_mine && f->mine[i].id != j->id)
		i++;
	if (i < EAS_FOLDERS_MINE_MAX) {
		f->mine[i].id = j->id;
		f->mine[i].modseq = store_tx_modseq(tx);
		if (i == f->n_mine)
			f->n_mine++;
	}
	store_cursor_advance(row, replay ? STORE_CURSOR_PREVIOUS : STORE_CURSOR_CURRENT,
	                     eas_folders_write(f, j->c->arena));
	eas_pack_u64(&answer, j->hash);
	eas_pack_u64(&answer, j->id);
	row->answer = arena_span(j->c->arena, buf_span(&answer));
	rc = store_cursor_save(tx, j->c->device.number, EAS_FOLDERS_ROW, row);
	if (rc == RC_OK && j->edit == EDIT_DELETE) {
		char name[EAS_CURSOR_NAME_SIZE];

		rc = store_cursor_delete(tx, j->c->device.number,
		                         eas_cursor_name(j->id, name));
	}
	return rc;
}

static enum rc
run(struct job *j)
{
	AUTO(store_tx)
	struct store_tx *tx = NULL;
	struct span key = wbxml_child_text(j->c->root, WBXML_FOLDERHIERARCHY_SYNCKEY);
	struct store_cursor row;
	struct eas_folders f;
	unsigned status;
	bool replay;
	enum rc rc;

	rc = eas_write(j->c, true, &tx);
	if (rc == RC_OK)
		rc = eas_folders_match(j->c, tx, key, &row, &f, &replay);
	if (rc == RC_CONFLICT) {
		eas_answer_status(j->c, EAS_FOLDER_BAD_KEY);
		return RC_OK;
	}
	if (rc != RC_OK)
		return rc;
	if (replay) {
		struct eas_unpack u = { .rest = row.answer };

		if (u.rest.n > 0 && eas_unpack_u64(&u) == j->hash) {
			j->id = eas_unpack_u32(&u);
			answer_done(j, row.key);
			return RC_OK;
		}
	}
	status = check_parent(j, tx);
	if (status == EAS_STATUS_OK) {
		rc = edit(j, tx);
		status = eas_status_from_rc(j->c->command, rc);
		/* 2.2.3.177.6: for a rename a special folder is like a name that is
		 * taken. */
		if (j->edit == EDIT_UPDATE && rc == RC_DENIED)
			status = EAS_FOLDER_EXISTS;
	}
	if (status != EAS_STATUS_OK) {
		eas_answer_status(j->c, status);
		return RC_OK;
	}
	rc = note(j, tx, &row, &f, replay);
	if (rc == RC_OK)
		rc = store_commit(&tx);
	if (rc == RC_OK)
		answer_done(j, row.key);
	return rc;
}

static void
start(struct eas_call *c, enum edit what)
{
	struct job j = { .c = c, .edit = what };
	unsigned status = parse(&j);
	enum rc rc;

	if (status != EAS_STATUS_OK) {
		eas_answer_status(c, status);
		return;
	}
	rc = run(&j);
	if (rc != RC_OK)
		eas_answer_rc(c, rc);
}

void
eas_folder_create_start(struct eas_call *c)
{
	start(c, EDIT_CREATE);
}

void
eas_folder_update_start(struct eas_call *c)
{
	start(c, EDIT_UPDATE);
}

void
eas_folder_delete_start(struct eas_call *c)
{
	start(c, EDIT_DELETE);
}
