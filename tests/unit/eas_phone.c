/* SPDX-License-Identifier: ISC
 *
 * eas_phone.c - a simulated phone: folders, Sync, answers lost and asked for again.
 */
#include "tests/unit/eas_phone.h"

#include "activesync/eas_id.h"
#include "base/mem.h"

char *
phone_item_str(const struct phone_item *i, struct arena *a)
{
	return arena_printf(a, "%s %s|%s%s%s|%s %lld%s %s,%s,%s,%s,%s", i->title,
	                    i->value, i->read ? "r" : "", i->flagged ? "f" : "",
	                    i->complete ? "c" : "", i->more, (long long)i->start,
	                    i->series ? "s" : "", i->instances[0], i->instances[1],
	                    i->instances[2], i->instances[3], i->instances[4]);
}

void
phone_init(struct phone *p, struct eas_fixture *f, const char *device, uint16_t version)
{
	*p = (struct phone){ .f = f, .device = device, .version = version };
	strcpy(p->tree_key, "0");
	phone_sync_folders(p, false, false);
}

static void
end_commands(struct phone_folder *fo)
{
	for (size_t i = 0; i < fo->n_commands; i++)
		free(fo->commands[i].xml);
	fo->n_commands = 0;
}

static void
drop_commands(struct phone_folder *fo)
{
	const struct phone *p = fo->phone;

	for (size_t i = 0; i < fo->n_commands; i++) {
		if (fo->commands[i].kind == WBXML_AIRSYNC_ADD && p->on_dropped)
			p->on_dropped(&fo->commands[i].after, p->arg);
	}
	end_commands(fo);
}

void
phone_restart(struct phone_folder *fo)
{
	strcpy(fo->key, "0");
	for (uint32_t i = 0; i < fo->n_items; i++)
		fo->items[i].here = false;
	drop_commands(fo);
}

static void
drop_folder(struct phone_folder *fo)
{
	drop_commands(fo);
	free(fo->items);
	*fo = (struct phone_folder){ 0 };
}

void
phone_done(struct phone *p)
{
	for (size_t i = 0; i < PHONE_FOLDERS; i++)
		drop_folder(&p->folders[i]);
	free(p->open_command);
	free(p->open_xml);
}

struct phone_folder *
phone_folder(struct phone *p, uint32_t id)
{
	for (size_t i = 0; i < PHONE_FOLDERS; i++) {
		if (id != 0 && p->folders[i].id == id)
			return &p->folders[i];
	}
	return NULL;
}

struct phone_item *
phone_item(struct phone_folder *fo, uint32_t uid)
{
	if (uid >= fo->n_items) {
		uint32_t n = uid + 64;

		fo->items = xrealloc(fo->items, n * sizeof(*fo->items));
		memset(fo->items + fo->n_items, 0,
		       (n - fo->n_items) * sizeof(*fo->items));
		fo->n_items = n;
	}
	return &fo->items[uid];
}

static unsigned long long
modseq_of(struct eas_fixture *f)
{
	AUTO(store_tx)
	struct store_tx *tx = NULL;

	assert_ok(store_read(f->store, f->user, &tx));
	return store_tx_modseq(tx);
}

static const struct wbxml_node *
run(struct phone *p, const char *command, const char *xml)
{
	struct wbxml_node *root = NULL;

	p->f->device = p->device;
	p->f->version = p->version;
	eas_run(p->f, command, xml);
	p->n_requests++;
	if (getenv("EAS_TRACE"))
		printf("%llu %s %s %s\n-> %s\n", modseq_of(p->f), p->device, command, xml,
		       p->f->xml);
	if (p->f->http_status != 200)
		fail_msg("%s: HTTP %d to %s", command, p->f->http_status, xml);
	if (buf_len(&p->f->body) > 0)
		assert_ok(wbxml_parse(buf_span(&p->f->body), NULL, p->f->a, &root));
	return root;
}

static uint32_t
number_of(const struct wbxml_node *n, wbxml_tag tag)
{
	uint32_t v = 0;

	assert_ok(wbxml_child_u32(n, tag, UINT32_MAX, &v));
	return v;
}

/* --- folders --- */

static struct phone_folder *
new_folder(struct phone *p, uint32_t id)
{
	for (size_t i = 0; i < PHONE_FOLDERS; i++) {
		if (p->folders[i].id == 0) {
			p->folders[i].id = id;
			p->folders[i].phone = p;
			strcpy(p->folders[i].key, "0");
			return &p->folders[i];
		}
	}
	fail_msg("too many folders");
	return NULL;
}

static void
take_folder(struct phone *p, const struct wbxml_node *n)
{
	uint32_t id = number_of(n, WBXML_FOLDERHIERARCHY_SERVERID);
	uint32_t parent = number_of(n, WBXML_FOLDERHIERARCHY_PARENTID);
	struct phone_folder *fo = phone_folder(p, id);

	if (!fo)
		fo = new_folder(p, id);
	else if (n->tag == WBXML_FOLDERHIERARCHY_ADD)
		fail_msg("%s: folder %u came twice", p->device, id);
	if (parent != 0 && !phone_folder(p, parent))
		fail_msg("%s: folder %u before its parent %u", p->device, id, parent);
	fo->parent = parent;
	fo->type = number_of(n, WBXML_FOLDERHIERARCHY_TYPE);
	fo->class = fo->type < 7     ? &eas_class_email
	            : fo->type == 7  ? &eas_class_task
	            : fo->type == 8  ? &eas_class_calendar
	            : fo->type == 9  ? &eas_class_contact
	            : fo->type == 10 ? &eas_class_note
	                             : eas_class_of_type(fo->type);
	assert_non_null(fo->class);
	snprintf(fo->name, sizeof(fo->name), "%.*s",
	         SPAN_FMT(wbxml_child_text(n, WBXML_FOLDERHIERARCHY_DISPLAYNAME)));
}

/* With all that lies in it. */
static void
remove_folder(struct phone *p, uint32_t id)
{
	struct phone_folder *fo = phone_folder(p, id);

	if (fo)
		drop_folder(fo);
	for (size_t i = 0; i < PHONE_FOLDERS; i++) {
		if (p->folders[i].id != 0 && p->folders[i].parent == id)
			remove_folder(p, p->folders[i].id);
	}
}

/* The whole tree: what is not named is gone, the others' keys live on. */
static void
take_tree(struct phone *p, const struct wbxml_node *changes)
{
	bool named[PHONE_FOLDERS] = { false };

	for (const struct wbxml_node *n = wbxml_child(changes, WBXML_FOLDERHIERARCHY_ADD);
	     n; n = wbxml_next(n, WBXML_FOLDERHIERARCHY_ADD)) {
		struct wbxml_node as_update = *n;

		as_update.tag = WBXML_FOLDERHIERARCHY_UPDATE;
		take_folder(p, &as_update);
		named[phone_folder(p, number_of(n, WBXML_FOLDERHIERARCHY_SERVERID)) -
		      p->folders] = true;
	}
	for (size_t i = 0; i < PHONE_FOLDERS; i++) {
		if (p->folders[i].id != 0 && !named[i])
			drop_folder(&p->folders[i]);
	}
}

/* After several lost answers the key is too old, and the tree begun anew: MS-ASCMD
 * 2.2.3.177.5. */
static bool
is_bad_key(struct phone *p, const struct wbxml_node *root)
{
	if (!span_is(wbxml_child_text(root, WBXML_FOLDERHIERARCHY_STATUS), "9"))
		return false;
	assert_true(p->lost > 1);
	p->bad_keys++;
	strcpy(p->tree_key, "0");
	return true;
}

bool
phone_sync_folders(struct phone *p, bool whole, bool lose)
{
	const struct wbxml_node *root, *changes;
	const char *key = whole ? "0" : p->tree_key;
	bool news;

	whole = strcmp(key, "0") == 0;
	root = run(p, "FolderSync",
	           arena_printf(p->f->a,
	                        "<FolderSync xmlns=\"FolderHierarchy\"><SyncKey>%s"
	                        "</SyncKey></FolderSync>",
	                        key));
	if (lose) {
		p->lost++;
		return true;
	}
	if (is_bad_key(p, root))
		return true;
	if (!span_is(wbxml_child_text(root, WBXML_FOLDERHIERARCHY_STATUS), "1"))
		fail_msg("%s: %s", p->device, p->f->xml);
	snprintf(p->tree_key, sizeof(p->tree_key), "%.*s",
	         SPAN_FMT(wbxml_child_text(root, WBXML_FOLDERHIERARCHY_SYNCKEY)));
	changes = wbxml_child(root, WBXML_FOLDERHIERARCHY_CHANGES);
	news = number_of(changes, WBXML_FOLDERHIERARCHY_COUNT) > 0;
	if (whole) {
		take_tree(p, changes);
		return news;
	}
	for (const struct wbxml_node *n = changes->first; n; n = n->next) {
		if (n->tag == WBXML_FOLDERHIERARCHY_DELETE)
			remove_folder(p, number_of(n, WBXML_FOLDERHIERARCHY_SERVERID));
		else if (n->tag != WBXML_FOLDERHIERARCHY_COUNT)
			take_folder(p, n);
	}
	return news;
}

/* --- Sync --- */

static uint32_t
uid_of(struct phone_folder *fo, const struct wbxml_node *n)
{
	struct eas_id id;

	assert_ok(eas_id_parse(wbxml_child_text(n, WBXML_AIRSYNC_SERVERID), 2, &id));
	assert_int_equal(id.collection, fo->id);
	return id.uid;
}

static void
take_command(struct phone *p, struct phone_folder *fo, const struct wbxml_node *n)
{
	uint32_t uid = uid_of(fo, n);
	struct phone_item *i = phone_item(fo, uid);
	const struct wbxml_node *data = wbxml_child(n, WBXML_AIRSYNC_APPLICATIONDATA);

	if (n->tag == WBXML_AIRSYNC_DELETE || n->tag == WBXML_AIRSYNC_SOFTDELETE) {
		i->here = false;
		return;
	}
	if (n->tag == WBXML_AIRSYNC_ADD) {
		if (i->here)
			fail_msg("%s: %u:%u came twice", p->device, fo->id, uid);
		*i = (struct phone_item){ .here = true };
	} else if (!i->here) {
		struct store_item item = { 0 };

		assert_ok(eas_item(p->f, fo->id, uid, &item));
		fail_msg("%s: change of %u:%u, which is not here (created %llu, changed "
		         "%llu by %u, saw %llu)",
		         p->device, fo->id, uid, (unsigned long long)item.created,
		         (unsigned long long)item.modseq, item.writer,
		         (unsigned long long)item.writer_saw);
	}
	phone_take_data(fo->class, data, i);
}

/* What the server said of a command; without a word it went well. */
static unsigned
status_of(const struct phone_command *c, struct phone_folder *fo,
          const struct wbxml_node *responses, uint32_t *ret_uid)
{
	for (const struct wbxml_node *n = responses ? responses->first : NULL; n;
	     n = n->next) {
		bool mine = c->kind == WBXML_AIRSYNC_ADD
		                    ? span_is(wbxml_child_text(n, WBXML_AIRSYNC_CLIENTID),
		                              c->id)
		                    : wbxml_child_text(n, WBXML_AIRSYNC_SERVERID).n > 0 &&
		                              uid_of(fo, n) == c->uid;

		if (n->tag != c->kind || !mine)
			continue;
		if (c->kind == WBXML_AIRSYNC_ADD &&
		    wbxml_child_text(n, WBXML_AIRSYNC_SERVERID).n > 0)
			*ret_uid = uid_of(fo, n);
		return number_of(n, WBXML_AIRSYNC_STATUS);
	}
	return 1;
}

static void
take_response(struct phone *p, struct phone_folder *fo, const struct phone_command *c,
              const struct wbxml_node *responses)
{
	uint32_t uid = c->uid;
	unsigned status = status_of(c, fo, responses, &uid);
	struct phone_item *i;

	if (status == 7)
		p->conflicts++;
	else if (status == 8)
		p->gone++;
	else if (status != 1)
		fail_msg("%s: %s -> %s", p->device, c->xml, p->f->xml);
	if (status != 1)
		return;
	p->sent += c->is_send;
	if (c->is_send && uid == 0)
		return;
	i = phone_item(fo, uid);
	if (c->kind == WBXML_AIRSYNC_ADD && i->here)
		fail_msg("%s: %u:%u was here before it was added", p->device, fo->id,
		         uid);
	*i = c->after;
	i->here = (c->kind != WBXML_AIRSYNC_DELETE || c->is_instance) && !c->is_send;
}

static char *
request(struct phone *p, struct phone_folder *fo, unsigned window)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);
	bool first = strcmp(fo->key, "0") == 0;

	buf_addf(&b,
	         "<Sync xmlns=\"AirSync\"><Collections><Collection><SyncKey>%s</SyncKey>"
	         "<CollectionId>%u</CollectionId>",
	         fo->key, fo->id);
	if (!first)
		buf_addf(&b,
		         "<DeletesAsMoves>%u</DeletesAsMoves><GetChanges/><WindowSize>%u"
		         "</WindowSize>",
		         (unsigned)(fo->n_commands % 2), window);
	buf_add_str(&b,
	            "<Options><FilterType>0</FilterType><BodyPreference "
	            "xmlns=\"AirSyncBase\"><Type>1</Type></BodyPreference></Options>");
	if (fo->n_commands > 0) {
		buf_add_str(&b, "<Commands>");
		for (size_t i = 0; i < fo->n_commands; i++)
			buf_add_str(&b, fo->commands[i].xml);
		buf_add_str(&b, "</Commands>");
	}
	buf_add_str(&b, "</Collection></Collections></Sync>");
	return arena_strndup(p->f->a, buf_span(&b));
}

bool
phone_sync(struct phone *p, struct phone_folder *fo, unsigned window, bool lose)
{
	const struct wbxml_node *root, *co, *list;
	bool first = strcmp(fo->key, "0") == 0;
	struct span status;

	root = run(p, "Sync", request(p, fo, window));
	if (lose) {
		p->lost++;
		return true;
	}
	if (!root) {
		assert_int_equal(fo->n_commands, 0);
		return first;
	}
	co = wbxml_child(wbxml_child(root, WBXML_AIRSYNC_COLLECTIONS),
	                 WBXML_AIRSYNC_COLLECTION);
	status = wbxml_child_text(co, WBXML_AIRSYNC_STATUS);
	if (span_is(status, "12")) { /* the folder is gone: the tree says so */
		uint32_t id = fo->id;

		phone_sync_folders(p, false, false);
		if (phone_folder(p, id))
			fail_msg("%s: Status 12 for folder %u", p->device, id);
		return true;
	}
	if (!span_is(status, "1"))
		fail_msg("%s: %s", p->device, p->f->xml);
	snprintf(fo->key, sizeof(fo->key), "%.*s",
	         SPAN_FMT(wbxml_child_text(co, WBXML_AIRSYNC_SYNCKEY)));
	if (!first) {
		list = wbxml_child(co, WBXML_AIRSYNC_RESPONSES);
		for (size_t i = 0; i < fo->n_commands; i++)
			take_response(p, fo, &fo->commands[i], list);
		end_commands(fo);
	}
	list = wbxml_child(co, WBXML_AIRSYNC_COMMANDS);
	for (const struct wbxml_node *n = list ? list->first : NULL; n; n = n->next)
		take_command(p, fo, n);
	return true;
}

/* --- other commands --- */

static void
take_move(struct phone *p, const struct wbxml_node *n)
{
	struct eas_id from, to;
	struct phone_folder *a, *b;
	struct phone_item i;

	if (!span_is(wbxml_child_text(n, WBXML_MOVE_STATUS), "3"))
		return; /* somebody was faster: the next Sync says so */
	assert_ok(eas_id_parse(wbxml_child_text(n, WBXML_MOVE_SRCMSGID), 2, &from));
	assert_ok(eas_id_parse(wbxml_child_text(n, WBXML_MOVE_DSTMSGID), 2, &to));
	a = phone_folder(p, from.collection);
	b = phone_folder(p, to.collection);
	if (!a || !b)
		return;
	i = *phone_item(a, from.uid);
	phone_item(a, from.uid)->here = false;
	if (phone_item(b, to.uid)->here)
		fail_msg("%s: %u:%u was there before it was moved there", p->device,
		         to.collection, to.uid);
	*phone_item(b, to.uid) = i;
}

/* The text of an element of the open request. */
static char *
asked(struct phone *p, const char *name)
{
	const char *open = arena_printf(p->f->a, "<%s>", name);
	const char *at = strstr(p->open_xml, open);

	assert_non_null(at);
	at += strlen(open);
	return arena_strndup(p->f->a, span_of(at, strcspn(at, "<")));
}

static void
take_folder_edit(struct phone *p, const struct wbxml_node *root)
{
	struct phone_folder *fo;
	uint32_t id;

	if (is_bad_key(p, root) ||
	    !span_is(wbxml_child_text(root, WBXML_FOLDERHIERARCHY_STATUS), "1"))
		return; /* the name was taken, the folder gone: FolderSync says what is */
	snprintf(p->tree_key, sizeof(p->tree_key), "%.*s",
	         SPAN_FMT(wbxml_child_text(root, WBXML_FOLDERHIERARCHY_SYNCKEY)));
	id = strcmp(p->open_command, "FolderCreate") == 0
	             ? number_of(root, WBXML_FOLDERHIERARCHY_SERVERID)
	             : (uint32_t)atoi(asked(p, "ServerId"));
	if (strcmp(p->open_command, "FolderDelete") == 0) {
		remove_folder(p, id);
		return;
	}
	fo = phone_folder(p, id);
	if (strcmp(p->open_command, "FolderCreate") == 0) {
		assert_null(fo);
		fo = new_folder(p, id);
		fo->type = (unsigned)atoi(asked(p, "Type"));
		fo->class = eas_class_of_type(fo->type);
	}
	assert_non_null(fo);
	fo->parent = (uint32_t)atoi(asked(p, "ParentId"));
	snprintf(fo->name, sizeof(fo->name), "%s", asked(p, "DisplayName"));
}

bool
phone_retry(struct phone *p, bool lose)
{
	const struct wbxml_node *root;

	if (!p->open_command)
		return true;
	root = run(p, p->open_command, p->open_xml);
	if (lose) {
		p->lost++;
		return false;
	}
	if (strcmp(p->open_command, "MoveItems") == 0) {
		for (const struct wbxml_node *n = wbxml_child(root, WBXML_MOVE_RESPONSE);
		     n; n = wbxml_next(n, WBXML_MOVE_RESPONSE))
			take_move(p, n);
	} else if (strncmp(p->open_command, "Folder", 6) == 0) {
		take_folder_edit(p, root);
	} else if (root) {
		fail_msg("%s: %s -> %s", p->device, p->open_command, p->f->xml);
	}
	free(TAKE(p->open_command));
	free(TAKE(p->open_xml));
	return true;
}

void
phone_ask(struct phone *p, const char *command, char *xml, bool lose)
{
	assert_null(p->open_command);
	p->open_command = xstrdup(command);
	p->open_xml = xstrdup(xml);
	phone_retry(p, lose);
}
