/* SPDX-License-Identifier: ISC
 *
 * eas_world_others.c - what IMAP and SyncML do to the account, in the store.
 */
#include "base/mem.h"
#include "format/pim_contact.h"
#include "format/pim_event.h"
#include "tests/unit/eas_world.h"

static struct store_tx *
others_write(struct world *w)
{
	struct store_actor who = { .protocol = "imap" };
	struct store_tx *tx = NULL;

	assert_ok(store_write(w->f->store, w->f->user, &who, &tx));
	return tx;
}

static bool
some_collection(struct world *w, enum store_class class, struct store_collection *ret)
{
	AUTO(store_tx)
	struct store_tx *tx = NULL;
	struct store_collection *list;
	size_t n;

	assert_ok(store_read(w->f->store, w->f->user, &tx));
	assert_ok(store_collection_list(tx, w->f->a, &list, &n));
	for (int turn = 0; turn < 30; turn++) {
		*ret = list[world_pick(w, (uint32_t)n)];
		if (ret->class == class && ret->role != STORE_ROLE_SENT &&
		    ret->role != STORE_ROLE_DRAFTS && ret->role != STORE_ROLE_OUTBOX)
			return true;
	}
	return false;
}

static uint32_t
some_uid(struct world *w, uint32_t collection)
{
	AUTO(store_tx)
	struct store_tx *tx = NULL;
	uint32_t *uids;
	size_t n;

	assert_ok(store_read(w->f->store, w->f->user, &tx));
	assert_ok(store_item_uids(tx, collection, w->f->a, &uids, &n));
	return n > 0 ? uids[world_pick(w, (uint32_t)n)] : 0;
}

static const char *
bytes_of(struct world *w, struct store_tx *tx, uint32_t collection, uint32_t uid)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);
	struct store_item item;

	assert_ok(store_item_load(tx, collection, uid, w->f->a, &item));
	assert_ok(store_content_read(tx, item.content, 0, item.size, &b));
	return arena_strndup(w->f->a, buf_span(&b));
}

static void
put_off(struct world *w, const char *text, const char *begin, const char *end)
{
	const char *at = strstr(text, begin);
	size_t n;

	if (!at)
		fail_msg("no %s in %s", begin, text);
	at += strlen(begin);
	n = strcspn(at, end);
	world_mark(w, arena_strndup(w->f->a, span_of(at, n)))->may_be_gone = true;
}

/* The title of a stored item, and that somebody wants it gone. */
static void
may_be_gone(struct world *w, struct store_tx *tx, enum store_class class,
            uint32_t collection, uint32_t uid)
{
	const char *text = bytes_of(w, tx, collection, uid);

	switch (class) {
	case STORE_CLASS_MAIL:
		put_off(w, text, "\r\nSubject: ", "\r");
		break;
	case STORE_CLASS_CONTACTS: {
		const char *n = strstr(text, "\r\nN:");
		assert_non_null(n);
		put_off(w, n + 4, ";", ";");
		break;
	}
	case STORE_CLASS_CALENDAR:
		put_off(w, text, "\r\nLOCATION:", "\r");
		break;
	case STORE_CLASS_TASKS:
	case STORE_CLASS_NOTES:
		put_off(w, text, "\r\nSUMMARY:", "\r");
		break;
	}
}

void
world_others_mail(struct world *w)
{
	struct store_collection from, to;
	char title[PHONE_TEXT];
	uint32_t uid, what = world_pick(w, 20);

	if (!some_collection(w, STORE_CLASS_MAIL, &from) ||
	    !some_collection(w, STORE_CLASS_MAIL, &to))
		return;
	if (what < 8) {
		struct world_mark *m = &w->marks[world_mark_new(w, title)];
		eas_mail(w->f, from.id, clock_wall_ms(), title);
		m->made = true;
		return;
	}
	uid = some_uid(w, from.id);
	if (uid == 0)
		return;
	if (what < 12) {
		eas_set_flags(w->f, from.id, uid, STORE_FLAG_SEEN, STORE_FLAG_FLAGGED);
	} else if (what < 16) {
		eas_set_flags(w->f, from.id, uid, STORE_FLAG_FLAGGED, STORE_FLAG_SEEN);
	} else {
		AUTO(store_tx)
		struct store_tx *tx = others_write(w);
		if (what < 18) {
			may_be_gone(w, tx, STORE_CLASS_MAIL, from.id, uid);
			assert_ok(store_item_expunge(tx, from.id, uid));
		} else if (to.id != from.id) {
			assert_ok(store_item_move(tx, from.id, uid, to.id, &uid));
		}
		assert_ok(store_commit(&tx));
	}
}

/* Another text of a draft: the new one appended, the old one expunged. */
void
world_others_draft(struct world *w)
{
	char title[PHONE_TEXT], value[PHONE_TEXT];
	uint32_t drafts = w->f->drafts, old = world_pick(w, 2) ? some_uid(w, drafts) : 0,
		 uid;
	struct store_item_new item = { .flags = STORE_FLAG_DRAFT | STORE_FLAG_SEEN,
		                       .received_ms = clock_wall_ms() };
	AUTO(store_content)
	struct store_content *content = NULL;
	AUTO(store_tx)
	struct store_tx *tx = NULL;

	world_value(w, value);
	if (old) {
		assert_ok(store_read(w->f->store, w->f->user, &tx));
		const char *text = strstr(bytes_of(w, tx, drafts, old), "\r\nSubject: ");
		store_tx_free(TAKE(tx));
		assert_non_null(text);
		snprintf(title, sizeof(title), "%.*s", (int)strcspn(text + 11, "\r"),
		         text + 11);
	} else {
		w->marks[world_mark_new(w, title)].made = true;
	}
	assert_ok(store_content_new_mail(
		w->f->store,
		span_str(arena_printf(w->f->a,
	                              "From: alice@example.org\r\nSubject: %s\r\n\r\n%s",
	                              title, value)),
		&content));
	tx = others_write(w);
	assert_ok(store_item_add(tx, drafts, content, &item, &uid, NULL));
	if (old)
		assert_ok(store_item_expunge(tx, drafts, old));
	assert_ok(store_commit(&tx));
}

static void
store_text(struct world *w, uint32_t collection, uint32_t uid, const char *text)
{
	AUTO(store_content)
	struct store_content *content = NULL;
	struct store_item_change ch = { 0 };
	struct store_item_new item = { .received_ms = EAS_NOW };
	AUTO(store_tx)
	struct store_tx *tx = NULL;

	assert_ok(store_content_new(w->f->store, span_str(text), SPAN(""), &content));
	ch.content = content;
	tx = others_write(w);
	if (uid != 0)
		assert_ok(store_item_update(tx, collection, uid, &ch, NULL));
	else
		assert_ok(store_item_add(tx, collection, content, &item, &uid, NULL));
	assert_ok(store_commit(&tx));
}

/* A contact or an event made, changed or removed as a device of another protocol would.
 */
void
world_others_pim(struct world *w)
{
	bool card = world_pick(w, 2);
	enum store_class class = card ? STORE_CLASS_CONTACTS : STORE_CLASS_CALENDAR;
	struct store_collection c;
	char title[PHONE_TEXT], value[PHONE_TEXT];
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);
	uint32_t uid = 0;

	if (!some_collection(w, class, &c))
		return;
	world_value(w, value);
	uid = world_pick(w, 3) ? some_uid(w, c.id) : 0;
	if (uid == 0) {
		w->marks[world_mark_new(w, title)].made = true;
		store_text(w, c.id, 0,
		           card ? arena_printf(w->f->a,
		                               "BEGIN:VCARD\r\nVERSION:4.0\r\nUID:%s\r\n"
		                               "N:%s;%s;;;\r\nX-MOOD:sunny\r\n"
		                               "END:VCARD\r\n",
		                               title, value, title)
		                : arena_printf(w->f->a,
		                               "BEGIN:VCALENDAR\r\nVERSION:2.0\r\n"
		                               "BEGIN:VEVENT\r\nUID:%s\r\nSUMMARY:%s\r\n"
		                               "DTSTART:20270101T100000Z\r\n"
		                               "DTEND:20270101T103000Z\r\nLOCATION:%s\r\n"
		                               "END:VEVENT\r\nEND:VCALENDAR\r\n",
		                               title, value, title));
		return;
	}
	AUTO(store_tx)
	struct store_tx *tx = others_write(w);
	const char *text = bytes_of(w, tx, c.id, uid);

	if (world_pick(w, 4) == 0) {
		may_be_gone(w, tx, class, c.id, uid);
		assert_ok(store_item_expunge(tx, c.id, uid));
		assert_ok(store_commit(&tx));
		return;
	}
	store_tx_free(TAKE(tx));
	if (card) {
		struct pim_contact *x;
		assert_ok(pim_contact_parse(span_str(text), w->f->a, &x));
		x->last_name = value;
		if (world_pick(w, 4) == 0)
			x->job_title = NULL;
		pim_contact_write(x, &b);
	} else {
		struct pim_event *x;
		assert_ok(pim_event_parse(span_str(text), w->f->a, &x));
		x->subject = value;
		if (world_pick(w, 4) == 0)
			x->body = (struct pim_body){ 0 };
		pim_event_write(x, &b);
	}
	store_text(w, c.id, uid, arena_strndup(w->f->a, buf_span(&b)));
}

/* All items of a tree may be gone. */
void
world_tree_may_be_gone(struct world *w, struct store_tx *tx, uint32_t id)
{
	struct store_collection *list;
	uint32_t *uids;
	size_t n, n_uids;

	assert_ok(store_collection_list(tx, w->f->a, &list, &n));
	for (size_t i = 0; i < n; i++) {
		if (list[i].parent == id)
			world_tree_may_be_gone(w, tx, list[i].id);
		if (list[i].id != id)
			continue;
		assert_ok(store_item_uids(tx, id, w->f->a, &uids, &n_uids));
		for (size_t k = 0; k < n_uids; k++)
			may_be_gone(w, tx, list[i].class, id, uids[k]);
	}
}

void
world_others_folder(struct world *w)
{
	enum store_class class = (enum store_class)world_pick(w, STORE_CLASS_NOTES + 1);
	struct store_collection c = { 0 }, to = { 0 };
	uint32_t what = world_pick(w, 4), id;
	char name[PHONE_TEXT];
	size_t n;

	world_value(w, name);
	if (!some_collection(w, class, &c) || !some_collection(w, class, &to))
		return;
	AUTO(store_tx)
	struct store_tx *tx = others_write(w);
	struct store_collection *list;

	assert_ok(store_collection_list(tx, w->f->a, &list, &n));
	if (what < 2 && n < WORLD_FOLDERS) {
		assert_ok(store_collection_create(tx, world_pick(w, 2) ? c.id : 0,
		                                  span_str(name), class, STORE_ROLE_NONE,
		                                  &id));
	} else if (c.role == STORE_ROLE_NONE && what == 2) {
		enum rc rc = store_collection_rename(
			tx, c.id, world_pick(w, 2) ? to.id : 0, span_str(name));
		if (rc != RC_OK && rc != RC_CONFLICT)
			fail_msg("rename: %s", rc_str(rc));
	} else if (c.role == STORE_ROLE_NONE && what == 3) {
		world_tree_may_be_gone(w, tx, c.id);
		assert_ok(store_collection_delete(tx, c.id));
	}
	assert_ok(store_commit(&tx));
}
