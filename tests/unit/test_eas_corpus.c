/* SPDX-License-Identifier: ISC
 *
 * test_eas_corpus.c - other people's cards and calendars through ActiveSync: what a
 * device is shown and gives back leaves the stored text as it is, and what one device
 * adds comes to another as it was.
 *
 * The files lie beside the repository (../shared/corpus, or GODWIT_CORPUS); without them
 * the program says so and ends with 77.
 */
#include <dirent.h>
#include <unistd.h>

#include "activesync/eas_id.h"
#include "base/mem.h"
#include "format/ical.h"
#include "format/pim_contact.h"
#include "format/pim_event.h"
#include "format/pim_note.h"
#include "format/pim_task.h"
#include "tests/unit/eas_fixture.h"

#define SKIPPED 77
#define ITEMS_MAX 2000

struct item {
	const char *name; /* of the file */
	enum store_class class;
	const char *text; /* as the store keeps it */
	uint32_t uid;
	struct wbxml_node *data; /* ApplicationData as the device got it */
};

struct corpus {
	struct eas_fixture *f;
	struct arena *a; /* of the items */
	struct item items[ITEMS_MAX];
	size_t n;
	uint32_t folders[STORE_CLASS_NOTES + 1];
	unsigned compared, known, breaches;
	char *key;
};

static const char *
folder_name(void)
{
	const char *env = getenv("GODWIT_CORPUS");

	return env ? env : "../shared/corpus";
}

/* --- the files --- */

static void
add_item(struct corpus *c, const char *name, enum store_class class, const struct buf *b)
{
	assert_true(c->n < ITEMS_MAX);
	c->items[c->n++] = (struct item){ .name = name,
		                          .class = class,
		                          .text = arena_strndup(c->a, buf_span(b)) };
}

static void
add_cards(struct corpus *c, const char *name, struct span text)
{
	struct vobj *card = NULL, *next;

	if (vcard_parse_all(text, c->a, &card) != RC_OK)
		return;
	for (; card; card = next) {
		AUTO_DONE(buf) struct buf b = BUF_INIT(0);

		next = card->next;
		card->next = NULL;
		pim_contact_write(pim_contact_of(card, c->a), &b);
		add_item(c, name, STORE_CLASS_CONTACTS, &b);
	}
}

static void
add_calendar(struct corpus *c, const char *name, struct span text)
{
	struct vobj *cal, *next;
	struct pim_event *e;
	struct pim_task *t;
	struct pim_note *n;

	if (ical_parse(text, c->a, &cal, NULL) != RC_OK)
		return;
	for (struct vobj *i = ical_split(cal, c->a); i; i = next) {
		AUTO_DONE(buf) struct buf b = BUF_INIT(0);
		enum store_class class = STORE_CLASS_CALENDAR;
		struct vobj *laid_out;

		next = i->next;
		i->next = NULL;
		if (pim_event_of(i, c->a, &e) == RC_OK) {
			laid_out = pim_event_tree(e, c->a);
		} else if (pim_task_of(i, c->a, &t) == RC_OK) {
			laid_out = pim_task_tree(t, c->a);
			class = STORE_CLASS_TASKS;
		} else if (pim_note_of(i, c->a, &n) == RC_OK) {
			laid_out = pim_note_tree(n, c->a);
			class = STORE_CLASS_NOTES;
		} else {
			continue;
		}
		vobj_write(laid_out, &b);
		add_item(c, name, class, &b);
	}
}

static void
read_folder(struct corpus *c, const char *sub,
            void (*fn)(struct corpus *, const char *, struct span))
{
	char *path = xasprintf("%s/%s", folder_name(), sub);
	struct dirent **list;
	int n = scandir(path, &list, NULL, alphasort);

	for (int i = 0; i < n; i++) {
		AUTO_DONE(buf) struct buf b = BUF_INIT(0);
		char *file = xasprintf("%s/%s", path, list[i]->d_name);
		FILE *in = list[i]->d_name[0] == '.' ? NULL : fopen(file, "re");
		char block[65536];
		size_t k;

		while (in && (k = fread(block, 1, sizeof(block), in)) > 0)
			buf_add(&b, block, k);
		if (in) {
			fclose(in);
			fn(c, arena_strdup(c->a, list[i]->d_name), buf_span(&b));
		}
		free(file);
		free(list[i]);
	}
	if (n >= 0)
		free(list);
	free(path);
}

/* --- the store and the devices --- */

static uint32_t
put(struct corpus *c, const struct item *i)
{
	AUTO(store_content)
	struct store_content *content = NULL;
	AUTO(store_tx)
	struct store_tx *tx = NULL;
	struct store_actor who = { .protocol = "syncml" };
	struct store_item_new item = { .received_ms = EAS_NOW };
	uint32_t uid = 0;

	assert_ok(store_content_new(c->f->store, span_str(i->text), SPAN(""), &content));
	assert_ok(store_write(c->f->store, c->f->user, &who, &tx));
	assert_ok(store_item_add(tx, c->folders[i->class], content, &item, &uid, NULL));
	assert_ok(store_commit(&tx));
	return uid;
}

static char *
stored(struct corpus *c, uint32_t folder, uint32_t uid)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);
	AUTO(store_tx)
	struct store_tx *tx = NULL;
	struct store_item item;

	assert_ok(store_read(c->f->store, c->f->user, &tx));
	assert_ok(store_item_load(tx, folder, uid, c->f->a, &item));
	assert_ok(store_content_read(tx, item.content, 0, item.size, &b));
	return arena_strndup(c->f->a, buf_span(&b));
}

static uint32_t
another_folder(struct corpus *c, enum store_class class, const char *name)
{
	AUTO(store_tx)
	struct store_tx *tx = NULL;
	struct store_actor who = { .protocol = "imap" };
	uint32_t id;

	assert_ok(store_write(c->f->store, c->f->user, &who, &tx));
	assert_ok(store_collection_create(tx, 0, span_str(name), class, STORE_ROLE_NONE,
	                                  &id));
	assert_ok(store_commit(&tx));
	return id;
}

/* What a client of the version does not send: what is the server's alone to say, and at
 * 16.x the exceptions, which go one by one (MS-ASCAL 2.2.2.22). */
static bool
is_servers(wbxml_tag tag, uint16_t version, bool is_add)
{
	if (tag == WBXML_AIRSYNCBASE_NATIVEBODYTYPE ||
	    tag == WBXML_CALENDAR_RESPONSETYPE ||
	    tag == WBXML_CALENDAR_APPOINTMENTREPLYTIME)
		return true;
	if (version < 160)
		return false;
	return tag == WBXML_CALENDAR_UID || tag == WBXML_CALENDAR_DTSTAMP ||
	       tag == WBXML_CALENDAR_ORGANIZERNAME ||
	       tag == WBXML_CALENDAR_ORGANIZEREMAIL ||
	       tag == WBXML_CALENDAR_MEETINGSTATUS ||
	       (tag == WBXML_CALENDAR_EXCEPTIONS && !is_add);
}

static void
write_node(struct wbxml_writer *w, const struct wbxml_node *n)
{
	if (!n->first) {
		wbxml_text(w, n->tag, n->text);
		return;
	}
	wbxml_start(w, n->tag);
	for (const struct wbxml_node *i = n->first; i; i = i->next)
		write_node(w, i);
	wbxml_end(w);
}

static void
write_data(struct wbxml_writer *w, const struct item *i, uint16_t version, bool is_add)
{
	wbxml_start(w, WBXML_AIRSYNC_APPLICATIONDATA);
	for (const struct wbxml_node *n = i->data->first; n; n = n->next) {
		if (!is_servers(n->tag, version, is_add))
			write_node(w, n);
	}
	wbxml_end(w);
}

/* One Sync; its answer's Collection in a. command: NULL, or one on an item. */
static struct wbxml_node *
sync_one(struct corpus *c, uint32_t folder, wbxml_tag command, const struct item *i,
         struct arena *a)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);
	struct wbxml_node *root, *co;
	struct wbxml_writer w;
	char id[EAS_ID_SIZE];

	wbxml_writer_init(&w, &b);
	wbxml_start(&w, WBXML_AIRSYNC_SYNC);
	wbxml_start(&w, WBXML_AIRSYNC_COLLECTIONS);
	wbxml_start(&w, WBXML_AIRSYNC_COLLECTION);
	wbxml_str(&w, WBXML_AIRSYNC_SYNCKEY, c->key);
	wbxml_u64(&w, WBXML_AIRSYNC_COLLECTIONID, folder);
	if (strcmp(c->key, "0") != 0)
		wbxml_u64(&w, WBXML_AIRSYNC_WINDOWSIZE, 512);
	wbxml_start(&w, WBXML_AIRSYNC_OPTIONS);
	for (unsigned type = 1; type <= 2; type++) {
		if (type == 2 && c->f->version < 160)
			break;
		wbxml_start(&w, WBXML_AIRSYNCBASE_BODYPREFERENCE);
		wbxml_u64(&w, WBXML_AIRSYNCBASE_TYPE, type);
		wbxml_end(&w);
	}
	wbxml_end(&w);
	if (i) {
		wbxml_start(&w, WBXML_AIRSYNC_COMMANDS);
		wbxml_start(&w, command);
		if (command == WBXML_AIRSYNC_ADD)
			wbxml_u64(&w, WBXML_AIRSYNC_CLIENTID,
			          (uint64_t)(i - c->items) + 1);
		else
			wbxml_str(
				&w, WBXML_AIRSYNC_SERVERID,
				eas_id_str((struct eas_id){ folder, i->uid, 0 }, 2, id));
		write_data(&w, i, c->f->version, command == WBXML_AIRSYNC_ADD);
		wbxml_end(&w);
		wbxml_end(&w);
	}
	wbxml_end(&w);
	wbxml_end(&w);
	wbxml_end(&w);
	eas_run_bytes(c->f, "Sync", buf_span(&b));
	assert_int_equal(c->f->http_status, 200);
	if (buf_len(&c->f->body) == 0)
		return NULL;
	assert_ok(wbxml_parse(arena_span(a, buf_span(&c->f->body)), NULL, a, &root));
	co = wbxml_child(wbxml_child(root, WBXML_AIRSYNC_COLLECTIONS),
	                 WBXML_AIRSYNC_COLLECTION);
	if (!span_is(wbxml_child_text(co, WBXML_AIRSYNC_STATUS), "1"))
		fail_msg("%s", c->f->xml);
	free(c->key);
	struct span key = wbxml_child_text(co, WBXML_AIRSYNC_SYNCKEY);
	c->key = xstrndup(key.p, key.n);
	return co;
}

static void
begin(struct corpus *c, const char *device)
{
	c->f->device = device;
	free(c->key);
	c->key = xstrdup("0");
}

/* All of a folder; fn for each Add. */
static void
sync_all(struct corpus *c, uint32_t folder, const char *device,
         void (*fn)(struct corpus *, uint32_t uid, struct wbxml_node *data, void *),
         void *arg)
{
	const struct wbxml_node *co, *list, *n;
	struct eas_id id;

	begin(c, device);
	sync_one(c, folder, 0, NULL, c->a);
	while ((co = sync_one(c, folder, 0, NULL, c->a)) != NULL) {
		list = wbxml_child(co, WBXML_AIRSYNC_COMMANDS);
		for (n = wbxml_child(list, WBXML_AIRSYNC_ADD); n && fn;
		     n = wbxml_next(n, WBXML_AIRSYNC_ADD)) {
			assert_ok(eas_id_parse(
				wbxml_child_text(n, WBXML_AIRSYNC_SERVERID), 2, &id));
			fn(c, id.uid, wbxml_child(n, WBXML_AIRSYNC_APPLICATIONDATA), arg);
		}
	}
}

/* --- the judge --- */

static bool
is_stamp(struct span line)
{
	static const char *const names[] = { "LAST-MODIFIED", "DTSTAMP", "REV",
		                             "<DtStamp" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (span_starts(line, names[i]))
			return true;
	}
	return false;
}

/* The next line that is no stamp; empty at the end. */
static struct span
next_line(struct span *rest)
{
	while (rest->n > 0) {
		size_t end = span_find(*rest, 0, '\n');
		struct span line = span_sub(*rest, 0, end);

		*rest = span_sub(*rest, end + (end < rest->n), rest->n);
		line = span_trim(line);
		if (!is_stamp(line))
			return line;
	}
	return SPAN("");
}

/* The first line in which two texts differ, stamps aside; NULL: none. */
static char *
difference(struct corpus *c, const char *one, const char *two)
{
	struct span a = span_str(one), b = span_str(two);

	while (a.n > 0 || b.n > 0) {
		struct span x = next_line(&a), y = next_line(&b);

		if (!span_eq(x, y))
			return arena_printf(c->f->a, "%.*s -> %.*s", SPAN_FMT(x),
			                    SPAN_FMT(y));
	}
	return NULL;
}

/* What ActiveSync cannot say in full, by the line that then differs; the other lines of
 * such an item are not looked at. docs/activesync.md names them. */
static const char *const known[] = {
	"<AttendeeStatus>", /* 0, unknown, is not told from 5, no answer yet */
	"<DateCompleted",   /* of a completed task without one: the server's time */
	"EXDATE",           /* days and times in one series */
	"DTSTART:",         /* of a task: midnight is a day, a moment is local */
	"DTSTART;VALUE=DATE",
	"BEGIN:VTIMEZONE",
	"ORGANIZER",
	"X-GODWIT-UTC-",
	"X-GODWIT-MESSAGE-CLASS",
	"<InstanceId", /* of an instance without its series: an Add makes an event of it
	                */
	"SEQUENCE:",   /* of our own meetings the server counts */
};

static bool
is_known(const char *what)
{
	const char *then = strstr(what, " -> ");

	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		if (span_starts(span_str(what), known[i]) ||
		    (then && span_starts(span_str(then + 4), known[i])))
			return true;
	}
	return false;
}

static void
breach(struct corpus *c, const struct item *i, const char *how, const char *what)
{
	if (is_known(what)) {
		c->known++;
		return;
	}
	if (c->breaches++ < 40)
		print_message("%s at %u, %s: %s\n", i->name, c->f->version, how, what);
}

static struct item *
item_of(struct corpus *c, enum store_class class, uint32_t uid)
{
	for (size_t i = 0; i < c->n; i++) {
		if (c->items[i].class == class && c->items[i].uid == uid)
			return &c->items[i];
	}
	return NULL;
}

static void
take_item(struct corpus *c, uint32_t uid, struct wbxml_node *data, void *arg)
{
	struct item *i = item_of(c, *(enum store_class *)arg, uid);

	assert_non_null(i);
	i->data = data;
}

/* A device gives back just what it was shown: nothing changes in the store. */
static void
give_back(struct corpus *c, struct item *i)
{
	struct wbxml_node *co =
		sync_one(c, c->folders[i->class], WBXML_AIRSYNC_CHANGE, i, c->f->a);
	char *what;

	if (wbxml_child(co, WBXML_AIRSYNC_RESPONSES)) {
		breach(c, i, "given back", c->f->xml);
		return;
	}
	c->compared++;
	what = difference(c, i->text, stored(c, c->folders[i->class], i->uid));
	if (what)
		breach(c, i, "given back", what);
}

struct second {
	struct item *item;
	uint32_t uid;
	bool seen;
};

/* What the next device sees is what the first one added. */
static void
compare_shown(struct corpus *c, uint32_t uid, struct wbxml_node *data, void *arg)
{
	struct second *list = arg;
	struct item *i = NULL;

	for (size_t k = 0; k < c->n && !i; k++) {
		if (list[k].uid == uid) {
			i = list[k].item;
			list[k].seen = true;
		}
	}
	if (!i)
		return;
	struct item again = { .data = data };
	AUTO_DONE(buf) struct buf x = BUF_INIT(0);
	AUTO_DONE(buf) struct buf y = BUF_INIT(0);
	struct wbxml_writer w;
	struct wbxml_node *root;
	AUTO_DONE(buf) struct buf one = BUF_INIT(0);
	AUTO_DONE(buf) struct buf two = BUF_INIT(0);

	wbxml_writer_init(&w, &x);
	write_data(&w, i, c->f->version, true);
	wbxml_writer_init(&w, &y);
	write_data(&w, &again, c->f->version, true);
	c->compared++;
	assert_ok(wbxml_parse(buf_span(&x), NULL, c->f->a, &root));
	wbxml_dump(root, &one);
	assert_ok(wbxml_parse(buf_span(&y), NULL, c->f->a, &root));
	wbxml_dump(root, &two);
	char *what = difference(c, arena_strndup(c->f->a, buf_span(&one)),
	                        arena_strndup(c->f->a, buf_span(&two)));
	if (what)
		breach(c, i, "added", what);
}

/* One device adds all items of a class to a folder of their own, another fetches them. */
static void
add_and_fetch(struct corpus *c, enum store_class class)
{
	struct second *list = arena_array(c->a, c->n, struct second);
	uint32_t folder = another_folder(
		c, class,
		arena_printf(c->f->a, "%u of %s", c->f->version, store_class_str(class)));

	sync_all(c, folder, "ADDS", NULL, NULL);
	for (size_t k = 0; k < c->n; k++) {
		struct item *i = &c->items[k];

		if (i->class != class || !i->data)
			continue;
		sync_one(c, folder, WBXML_AIRSYNC_ADD, i, c->f->a);
		list[k].item = i;
		if (strcmp(eas_value(c->f, "ServerId", 0), "") == 0) {
			breach(c, i, "added", c->f->xml);
			continue;
		}
		list[k].uid =
			(uint32_t)atol(strchr(eas_value(c->f, "ServerId", 0), ':') + 1);
		arena_free(c->f->a);
		c->f->a = arena_new();
	}
	sync_all(c, folder, "FETCHES", compare_shown, list);
	for (size_t k = 0; k < c->n; k++) {
		if (list[k].uid != 0 && !list[k].seen)
			breach(c, list[k].item, "added", "does not come");
	}
}

static void
run(struct eas_fixture *f, uint16_t version)
{
	struct corpus *c = xcalloc(1, sizeof(*c));

	c->f = f;
	c->a = arena_new();
	f->version = version;
	f->conf.window_max = 512;
	c->folders[STORE_CLASS_CONTACTS] = eas_folder(f, STORE_ROLE_CONTACTS);
	c->folders[STORE_CLASS_CALENDAR] = eas_folder(f, STORE_ROLE_CALENDAR);
	c->folders[STORE_CLASS_TASKS] = eas_folder(f, STORE_ROLE_TASKS);
	c->folders[STORE_CLASS_NOTES] = eas_folder(f, STORE_ROLE_NOTES);
	read_folder(c, "vcard", add_cards);
	read_folder(c, "ical", add_calendar);
	assert_true(c->n > 50);
	for (size_t i = 0; i < c->n; i++)
		c->items[i].uid = put(c, &c->items[i]);
	for (enum store_class k = STORE_CLASS_CONTACTS; k <= STORE_CLASS_NOTES; k++) {
		sync_all(c, c->folders[k], "SEES", take_item, &k);
		for (size_t i = 0; i < c->n; i++) {
			if (c->items[i].class != k)
				continue;
			if (!c->items[i].data)
				breach(c, &c->items[i], "shown", "does not come");
			else
				give_back(c, &c->items[i]);
		}
		add_and_fetch(c, k);
	}
	print_message(
		"%u: %zu items, %u comparisons, %u known differences, %u breaches\n",
		version, c->n, c->compared, c->known, c->breaches);
	assert_true(c->known < 50);
	assert_true(c->compared > c->n);
	assert_int_equal(c->breaches, 0);
	arena_free(c->a);
	free(c->key);
	free(c);
}

static void
what_is_given_back_at_16_1_is_what_was_stored(void **state)
{
	run(*state, 161);
}

static void
what_is_given_back_at_14_1_is_what_was_stored(void **state)
{
	run(*state, 141);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			what_is_given_back_at_16_1_is_what_was_stored, eas_setup,
			eas_teardown),
		cmocka_unit_test_setup_teardown(
			what_is_given_back_at_14_1_is_what_was_stored, eas_setup,
			eas_teardown),
	};

	if (access(folder_name(), R_OK) != 0) {
		fprintf(stderr, "skipped: there is no %s\n", folder_name());
		return SKIPPED;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
