/* SPDX-License-Identifier: ISC
 *
 * eas_world_users.c - what the phones' users do, at random.
 */
#include "tests/unit/eas_world.h"

/* Of any class alike; of mail often the drafts, which are edited like the others. */
struct phone_folder *
world_folder(struct world *w, struct phone *p)
{
	enum store_class class = (enum store_class)world_pick(w, STORE_CLASS_NOTES + 1);

	if (class == STORE_CLASS_MAIL && world_pick(w, 2) == 0)
		return phone_folder(p, w->f->drafts);
	for (;;) {
		struct phone_folder *fo = &p->folders[world_pick(w, PHONE_FOLDERS)];

		if (fo->id != 0 && fo->class->class == class)
			return fo;
	}
}

/* What is not the title: another text, sometimes none. */
static void
some_text(struct world *w, char ret[PHONE_TEXT])
{
	world_value(w, ret);
	if (world_pick(w, 5) == 0)
		ret[0] = '\0';
}

static bool
is_mail(const struct phone_folder *fo)
{
	return fo->class->class == STORE_CLASS_MAIL;
}

static uint32_t
some_item(struct world *w, struct phone_folder *fo)
{
	for (int turn = 0; turn < 40 && fo->n_items > 0; turn++) {
		uint32_t uid = world_pick(w, fo->n_items);

		if (fo->items[uid].here)
			return uid;
	}
	return 0;
}

static bool
has_more(const struct phone_folder *fo)
{
	return fo->class->class == STORE_CLASS_CONTACTS ||
	       fo->class->class == STORE_CLASS_CALENDAR ||
	       fo->class->class == STORE_CLASS_NOTES;
}

void
world_user_adds(struct world *w, struct phone *p, struct phone_folder *fo)
{
	struct phone_item i = { .here = true };
	unsigned mark;

	if (is_mail(fo) && (fo->type != 3 || p->version < 160))
		return;
	if (strcmp(fo->key, "0") == 0 || fo->n_commands == PHONE_COMMANDS)
		return;
	mark = world_mark_new(w, i.title);
	world_value(w, i.value);
	if (is_mail(fo))
		i.read = i.draft = true;
	if (has_more(fo))
		some_text(w, i.more);
	if (fo->class->class == STORE_CLASS_CALENDAR) {
		i.start = EAS_NOW / 1000 + (100 + world_pick(w, 50)) * 86400;
		i.series = world_pick(w, 3) > 0;
	}
	w->marks[mark].made = phone_add(p, fo, &i);
	assert_true(w->marks[mark].made);
}

static bool
user_changes_event(struct world *w, struct phone *p, struct phone_folder *fo,
                   uint32_t uid, struct phone_item *i)
{
	uint32_t what = world_pick(w, 6);
	unsigned k = world_pick(w, PHONE_INSTANCES);
	char subject[PHONE_TEXT] = "-";

	if (i->series && what < 3 && i->instances[k][0] != '-') {
		if (what > 0)
			world_value(w, subject);
		if (p->version >= 160)
			return phone_change_instance(p, fo, uid, k, subject);
		strcpy(i->instances[k], subject);
	} else if (what == 3) {
		i->start += 3600;
		memset(i->instances, 0, sizeof(i->instances));
	} else {
		world_value(w, i->value);
		if (p->version < 160 && what == 4)
			return phone_change_part(p, fo, uid, i);
		some_text(w, i->more);
	}
	return phone_change(p, fo, uid, i);
}

void
world_user_changes(struct world *w, struct phone *p, struct phone_folder *fo)
{
	uint32_t uid = some_item(w, fo);
	struct phone_item i;
	bool done;

	if (uid == 0)
		return;
	i = fo->items[uid];
	if (is_mail(fo) && i.draft && fo->type == 3 && p->version >= 160 &&
	    world_pick(w, 2)) {
		struct world_mark *m = world_mark(w, i.title);

		if (world_pick(w, 3) == 0) {
			if (phone_send_draft(p, fo, uid))
				m->may_be_gone = m->may_be_sent = true;
			return;
		}
		world_value(w, i.value);
		done = phone_change(p, fo, uid, &i);
	} else if (is_mail(fo)) {
		if (world_pick(w, 2))
			i.read = !i.read;
		else
			i.flagged = !i.flagged;
		done = phone_change(p, fo, uid, &i);
	} else if (fo->class->class == STORE_CLASS_CALENDAR) {
		done = user_changes_event(w, p, fo, uid, &i);
	} else {
		bool part = p->version < 160 && world_pick(w, 3) == 0;

		some_text(w, i.value);
		if (part) {
			done = phone_change_part(p, fo, uid, &i);
		} else {
			if (has_more(fo))
				some_text(w, i.more);
			i.complete =
				fo->class->class == STORE_CLASS_TASKS && world_pick(w, 2);
			done = phone_change(p, fo, uid, &i);
		}
	}
	w->edits[fo->class->class] += done;
}

void
world_user_deletes(struct world *w, struct phone_folder *fo)
{
	uint32_t uid = some_item(w, fo);

	if (uid != 0 && fo->type != 5 && phone_delete(fo, uid))
		world_mark(w, fo->items[uid].title)->may_be_gone = true;
}

void
world_user_moves(struct world *w, struct phone *p, bool lose)
{
	struct phone_folder *from = world_folder(w, p), *to = world_folder(w, p);
	uint32_t uid = some_item(w, from);

	if (uid == 0 || from == to || from->class != to->class || from->type == 5 ||
	    to->type == 5 || from->type == 3 || to->type == 3 || from->n_commands > 0 ||
	    strcmp(to->key, "0") == 0)
		return;
	phone_ask(
		p, "MoveItems",
		arena_printf(w->f->a,
	                     "<MoveItems xmlns=\"Move\"><Move><SrcMsgId>%u:%u</SrcMsgId>"
	                     "<SrcFldId>%u</SrcFldId><DstFldId>%u</DstFldId></Move>"
	                     "</MoveItems>",
	                     from->id, uid, from->id, to->id),
		lose);
}

/* What the phone sees in a folder that goes, and what lies below it. */
static void
user_deletes_folder(struct world *w, struct phone *p, struct phone_folder *fo, bool lose)
{
	AUTO(store_tx)
	struct store_tx *tx = NULL;

	assert_ok(store_read(w->f->store, w->f->user, &tx));
	world_tree_may_be_gone(w, tx, fo->id);
	store_tx_free(TAKE(tx));
	phone_ask(p, "FolderDelete",
	          arena_printf(w->f->a,
	                       "<FolderDelete xmlns=\"FolderHierarchy\"><SyncKey>%s"
	                       "</SyncKey><ServerId>%u</ServerId></FolderDelete>",
	                       p->tree_key, fo->id),
	          lose);
}

void
world_user_edits_folders(struct world *w, struct phone *p, bool lose)
{
	static const unsigned types[] = { 12, 13, 14, 15, 17 };
	struct phone_folder *fo = world_folder(w, p), *parent = world_folder(w, p);
	uint32_t what = world_pick(w, 4), id = world_pick(w, 2) ? parent->id : 0;
	unsigned n = 0;
	char name[PHONE_TEXT];

	world_value(w, name);
	for (int i = 0; i < PHONE_FOLDERS; i++)
		n += p->folders[i].id != 0;
	if (what < 2 && n < WORLD_FOLDERS)
		phone_ask(
			p, "FolderCreate",
			arena_printf(w->f->a,
		                     "<FolderCreate xmlns=\"FolderHierarchy\"><SyncKey>%s"
		                     "</SyncKey><ParentId>%u</ParentId><DisplayName>%s"
		                     "</DisplayName><Type>%u</Type></FolderCreate>",
		                     p->tree_key, id, name,
		                     types[world_pick(w, ARRAY_LEN(types))]),
			lose);
	else if (fo->type >= 12 && what == 2)
		phone_ask(
			p, "FolderUpdate",
			arena_printf(w->f->a,
		                     "<FolderUpdate xmlns=\"FolderHierarchy\"><SyncKey>%s"
		                     "</SyncKey><ServerId>%u</ServerId><ParentId>%u"
		                     "</ParentId><DisplayName>%s</DisplayName>"
		                     "</FolderUpdate>",
		                     p->tree_key, fo->id, id, name),
			lose);
	else if (fo->type >= 12 && what == 3)
		user_deletes_folder(w, p, fo, lose);
}

void
world_user_sends(struct world *w, struct phone *p, bool lose)
{
	char title[PHONE_TEXT];
	struct world_mark *m = &w->marks[world_mark_new(w, title)];

	m->made = m->may_be_sent = true;
	phone_ask(p, "SendMail",
	          arena_printf(w->f->a,
	                       "<SendMail xmlns=\"ComposeMail\"><ClientId>%s</ClientId>"
	                       "<SaveInSentItems/><Mime>From: alice@example.org\r\n"
	                       "To: bob@example.net\r\nSubject: %s\r\n\r\nHello\r\n"
	                       "</Mime></SendMail>",
	                       title, title),
	          lose);
}
