/* SPDX-License-Identifier: ISC
 *
 * test_eas_folders.c - the folder tree: FolderSync, its keys, editing it, moving items.
 */
#include "tests/unit/eas_fixture.h"

static const char *
foldersync(struct eas_fixture *f, const char *key)
{
	return eas_runf(f, "FolderSync",
	                "<FolderSync xmlns=\"FolderHierarchy\"><SyncKey>%s</SyncKey>"
	                "</FolderSync>",
	                key);
}

static uint32_t
make_by_imap(struct eas_fixture *f, uint32_t parent, const char *name,
             enum store_class class)
{
	AUTO(store_tx)
	struct store_tx *tx = NULL;
	struct store_actor who = { .protocol = "imap" };
	uint32_t id;

	assert_ok(store_write(f->store, f->user, &who, &tx));
	assert_ok(store_collection_create(tx, parent, span_str(name), class,
	                                  STORE_ROLE_NONE, &id));
	assert_ok(store_commit(&tx));
	return id;
}

static void
first_key_shows_the_folders_with_their_types(void **state)
{
	static const struct {
		enum store_role role;
		int type;
	} want[] = {
		{ STORE_ROLE_INBOX, 2 },    { STORE_ROLE_DRAFTS, 3 },
		{ STORE_ROLE_TRASH, 4 },    { STORE_ROLE_SENT, 5 },
		{ STORE_ROLE_JUNK, 12 },    { STORE_ROLE_TASKS, 7 },
		{ STORE_ROLE_CALENDAR, 8 }, { STORE_ROLE_CONTACTS, 9 },
		{ STORE_ROLE_NOTES, 10 },
	};
	struct eas_fixture *f = *state;

	foldersync(f, "0");
	assert_has(f, "<FolderSync><Status>1</Status><SyncKey>");
	for (size_t i = 0; i < ARRAY_LEN(want); i++) {
		const char *id = arena_printf(f->a, "<ServerId>%u</ServerId>",
		                              eas_folder(f, want[i].role));
		const char *at = strstr(f->xml, id);
		const char *type = arena_printf(f->a, "<Type>%d</Type>", want[i].type);

		assert_non_null(at);
		assert_memory_equal(strstr(at, "<Type>"), type, strlen(type));
	}
	assert_int_equal(eas_count(f, "<Add>"), atol(eas_value(f, "Count", 0)));
}

static void
first_key_again_and_again_changes_nothing(void **state)
{
	struct eas_fixture *f = *state;
	char *a, *sync;

	foldersync(f, "0");
	a = eas_key(f);
	eas_sync(f, f->inbox, "0", EAS_OPTIONS_PLAIN);
	sync = eas_key(f);
	for (int i = 0; i < 5; i++) {
		foldersync(f, "0");
		assert_string_equal(eas_key(f), a);
	}
	foldersync(f, a);
	assert_string_equal(eas_key(f), a);
	assert_has(f, "<Count>0</Count>");
	/* The folders' own keys live on. */
	eas_mail(f, f->inbox, EAS_NOW, "one");
	eas_sync(f, f->inbox, sync, "");
	assert_int_equal(eas_count(f, "<Add>"), 1);
}

static void
changes_of_the_tree_come_once_and_again_when_the_answer_was_lost(void **state)
{
	struct eas_fixture *f = *state;
	AUTO(store_tx)
	struct store_tx *tx = NULL;
	struct store_actor who = { .protocol = "imap" };
	char *key, *next;
	uint32_t work, old;

	work = make_by_imap(f, 0, "Work", STORE_CLASS_MAIL);
	old = make_by_imap(f, 0, "Old", STORE_CLASS_MAIL);
	foldersync(f, "0");
	key = eas_key(f);
	assert_ok(store_write(f->store, f->user, &who, &tx));
	assert_ok(store_collection_rename(tx, work, 0, SPAN("Arbeit")));
	assert_ok(store_collection_delete(tx, old));
	assert_ok(store_commit(&tx));
	make_by_imap(f, work, "Sub", STORE_CLASS_MAIL);
	make_by_imap(f, 0, "Friends", STORE_CLASS_CONTACTS);
	for (int i = 0; i < 2; i++) { /* the second time for a lost answer */
		foldersync(f, key);
		assert_has(f, "<Count>4</Count>");
		assert_has(f, "<DisplayName>Friends</DisplayName><Type>14</Type>");
		assert_has(f, "<DisplayName>Arbeit</DisplayName>");
		assert_int_equal(eas_count(f, "<Update>"), 1);
		assert_int_equal(eas_count(f, "<Delete>"), 1);
		assert_int_equal(eas_count(f, "<Add>"), 2);
		assert_true(strstr(f->xml, "Arbeit") < strstr(f->xml, "Sub"));
	}
	next = eas_key(f);
	foldersync(f, next);
	assert_has(f, "<Count>0</Count>");
	foldersync(f, key);
	foldersync(f, "4711");
	assert_string_equal(f->xml, "<FolderSync><Status>9</Status></FolderSync>");
	foldersync(f, "nonsense");
	assert_string_equal(f->xml, "<FolderSync><Status>9</Status></FolderSync>");
}

/* Gmail's pull-to-refresh on a bad line: neither answer arrived. */
static void
a_lost_first_key_leaves_the_devices_own_keys_good(void **state)
{
	struct eas_fixture *f = *state;
	char *key, *lost;

	foldersync(f, "0");
	key = eas_key(f);
	make_by_imap(f, 0, "Work", STORE_CLASS_MAIL);
	foldersync(f, key);
	lost = eas_key(f);
	make_by_imap(f, 0, "Friends", STORE_CLASS_CONTACTS);
	foldersync(f, "0");
	assert_string_not_equal(eas_key(f), lost);
	foldersync(f, key);
	assert_has(f, "<Status>1</Status>");
	assert_has(f, "<Count>2</Count>");
	/* Had the first one arrived, it would be as good. */
	make_by_imap(f, 0, "Birds", STORE_CLASS_NOTES);
	key = eas_key(f);
	foldersync(f, "0");
	foldersync(f, key);
	assert_has(f, "<Count>1</Count>");
}

static const char *
create(struct eas_fixture *f, const char *key, const char *parent, const char *name,
       int type)
{
	return eas_runf(
		f, "FolderCreate",
		"<FolderCreate xmlns=\"FolderHierarchy\"><SyncKey>%s</SyncKey><ParentId>%s"
		"</ParentId><DisplayName>%s</DisplayName><Type>%d</Type></FolderCreate>",
		key, parent, name, type);
}

/* Before the device asked again. */
static void
what_others_do_to_a_folder_is_told_to_its_maker(void **state)
{
	struct eas_fixture *f = *state;
	AUTO(store_tx)
	struct store_tx *tx = NULL;
	struct store_actor who = { .protocol = "imap" };
	char *one, *two;

	foldersync(f, "0");
	create(f, eas_key(f), "0", "one", 12);
	one = arena_strdup(f->a, eas_value(f, "ServerId", 0));
	create(f, eas_key(f), "0", "two", 12);
	two = arena_strdup(f->a, eas_value(f, "ServerId", 0));
	assert_ok(store_write(f->store, f->user, &who, &tx));
	assert_ok(store_collection_rename(tx, (uint32_t)atol(one), 0, SPAN("eins")));
	assert_ok(store_collection_delete(tx, (uint32_t)atol(two)));
	assert_ok(store_commit(&tx));
	foldersync(f, eas_key(f));
	assert_has(f, "<Count>2</Count>");
	assert_has(f, arena_printf(f->a, "<Update><ServerId>%s</ServerId>", one));
	assert_has(f, "<DisplayName>eins</DisplayName>");
	assert_has(f, arena_printf(f->a, "<Delete><ServerId>%s</ServerId>", two));
	foldersync(f, eas_key(f));
	assert_has(f, "<Count>0</Count>");
}

static void
folder_is_made_once_and_not_told_to_its_maker(void **state)
{
	struct eas_fixture *f = *state;
	char *key, *id;

	foldersync(f, "0");
	key = eas_key(f);
	/* Something else happens first: that must still be told. */
	make_by_imap(f, 0, "Theirs", STORE_CLASS_MAIL);
	create(f, key, "0", "Mine", 12);
	assert_has(f, "<FolderCreate><Status>1</Status>");
	id = arena_strdup(f->a, eas_value(f, "ServerId", 0));
	/* The answer was lost. */
	create(f, key, "0", "Mine", 12);
	assert_has(f, "<FolderCreate><Status>1</Status>");
	assert_string_equal(eas_value(f, "ServerId", 0), id);
	key = eas_key(f);
	foldersync(f, key);
	assert_has(f, "<Count>1</Count>");
	assert_has(f, "<DisplayName>Theirs</DisplayName>");
	create(f, eas_key(f), "0", "Mine", 12);
	assert_string_equal(f->xml, "<FolderCreate><Status>2</Status></FolderCreate>");
}

static void
folder_edits_get_their_status(void **state)
{
	struct eas_fixture *f = *state;
	char *key, *id;

	foldersync(f, "0");
	key = eas_key(f);
	create(f, "4711", "0", "X", 12);
	assert_string_equal(f->xml, "<FolderCreate><Status>9</Status></FolderCreate>");
	create(f, key, "4711", "X", 12);
	assert_string_equal(f->xml, "<FolderCreate><Status>5</Status></FolderCreate>");
	create(f, key, "0", "", 12);
	assert_string_equal(f->xml, "<FolderCreate><Status>10</Status></FolderCreate>");
	create(f, key, "0", "Diary", 16); /* a journal */
	assert_string_equal(f->xml, "<FolderCreate><Status>11</Status></FolderCreate>");
	create(f, key, "0", "Friends", 14);
	assert_has(f, "<Status>1</Status>");
	key = eas_key(f);
	create(f, key, "0", "X", 12);
	id = arena_strdup(f->a, eas_value(f, "ServerId", 0));
	key = eas_key(f);
	eas_runf(
		f, "FolderUpdate",
		"<FolderUpdate xmlns=\"FolderHierarchy\"><SyncKey>%s</SyncKey><ServerId>%s"
		"</ServerId><ParentId>%u</ParentId><DisplayName>Y</DisplayName></FolderUpdate>",
		key, id, f->inbox);
	assert_has(f, "<FolderUpdate><Status>1</Status>");
	key = eas_key(f);
	eas_runf(
		f, "FolderUpdate",
		"<FolderUpdate xmlns=\"FolderHierarchy\"><SyncKey>%s</SyncKey><ServerId>%u"
		"</ServerId><ParentId>0</ParentId><DisplayName>Z</DisplayName></FolderUpdate>",
		key, f->sent);
	assert_string_equal(f->xml, "<FolderUpdate><Status>2</Status></FolderUpdate>");
	eas_runf(
		f, "FolderDelete",
		"<FolderDelete xmlns=\"FolderHierarchy\"><SyncKey>%s</SyncKey><ServerId>%u"
		"</ServerId></FolderDelete>",
		key, f->inbox);
	assert_string_equal(f->xml, "<FolderDelete><Status>3</Status></FolderDelete>");
	eas_runf(
		f, "FolderDelete",
		"<FolderDelete xmlns=\"FolderHierarchy\"><SyncKey>%s</SyncKey><ServerId>4711"
		"</ServerId></FolderDelete>",
		key);
	assert_string_equal(f->xml, "<FolderDelete><Status>4</Status></FolderDelete>");
	for (int i = 0; i < 2; i++) {
		eas_runf(f, "FolderDelete",
		         "<FolderDelete xmlns=\"FolderHierarchy\"><SyncKey>%s</SyncKey>"
		         "<ServerId>%s</ServerId></FolderDelete>",
		         key, id);
		assert_has(f, "<FolderDelete><Status>1</Status>");
	}
	foldersync(f, eas_key(f));
	assert_has(f, "<Count>0</Count>");
}

static char *
synced(struct eas_fixture *f, uint32_t folder)
{
	char *key;

	eas_sync(f, folder, "0", EAS_OPTIONS_PLAIN);
	key = eas_key(f);
	eas_sync(f, folder, key, "");
	return f->xml[0] != '\0' ? eas_key(f) : key;
}

static const char *
move(struct eas_fixture *f, uint32_t from, uint32_t uid, uint32_t to)
{
	return eas_runf(
		f, "MoveItems",
		"<MoveItems xmlns=\"Move\"><Move><SrcMsgId>%u:%u</SrcMsgId><SrcFldId>%u"
		"</SrcFldId><DstFldId>%u</DstFldId></Move></MoveItems>",
		from, uid, from, to);
}

static void
moved_item_has_a_new_id_and_is_not_added_again(void **state)
{
	struct eas_fixture *f = *state;
	uint32_t uid = eas_mail(f, f->inbox, EAS_NOW, "one");
	char *junk = synced(f, f->junk), *inbox = synced(f, f->inbox), *id;

	move(f, f->inbox, uid, f->junk);
	assert_has(f, "<Status>3</Status><DstMsgId>");
	id = arena_strdup(f->a, eas_value(f, "DstMsgId", 0));
	/* The answer was lost: the same again. */
	move(f, f->inbox, uid, f->junk);
	assert_has(f, "<Status>3</Status>");
	assert_string_equal(eas_value(f, "DstMsgId", 0), id);
	assert_int_equal(eas_exists(f, f->junk), 1);
	eas_sync(f, f->junk, junk, "");
	assert_has_not(f, "<Add>");
	eas_sync(f, f->inbox, inbox, "");
	assert_has_not(f, "<Delete>");
	/* Another device is told of both. */
	f->device = "TABLET";
	synced(f, f->junk);
	assert_int_equal(eas_count(f, "<Add>"), 1);
}

/* The answer was lost, and then somebody removed the folder that the item came from. */
static void
a_move_is_told_again_when_its_source_is_gone(void **state)
{
	struct eas_fixture *f = *state;
	AUTO(store_tx)
	struct store_tx *tx = NULL;
	struct store_actor who = { .protocol = "imap" };
	uint32_t work = make_by_imap(f, 0, "Work", STORE_CLASS_MAIL);
	uint32_t uid = eas_mail(f, work, EAS_NOW, "one");
	char *id;

	move(f, work, uid, f->inbox);
	id = arena_strdup(f->a, eas_value(f, "DstMsgId", 0));
	assert_ok(store_write(f->store, f->user, &who, &tx));
	assert_ok(store_collection_delete(tx, work));
	assert_ok(store_commit(&tx));
	move(f, work, uid, f->inbox);
	assert_has(f, "<Status>3</Status>");
	assert_string_equal(eas_value(f, "DstMsgId", 0), id);
	assert_int_equal(eas_exists(f, f->inbox), 1);
}

static void
moves_that_cannot_be_get_their_status(void **state)
{
	struct eas_fixture *f = *state;
	uint32_t uid = eas_mail(f, f->inbox, EAS_NOW, "one");

	move(f, f->inbox, 4711, f->junk);
	assert_has(f, "<Status>1</Status>");
	move(f, f->inbox, uid, 4711);
	assert_has(f, "<Status>2</Status>");
	move(f, f->inbox, uid, eas_folder(f, STORE_ROLE_CALENDAR));
	assert_has(f, "<Status>2</Status>");
	move(f, f->inbox, uid, f->inbox);
	assert_has(f, "<Status>4</Status>");
	eas_run(f, "MoveItems", "<MoveItems xmlns=\"Move\"/>");
	assert_int_equal(f->http_status, 400);
	assert_int_equal(eas_exists(f, f->inbox), 1);
}

static const char *
estimate(struct eas_fixture *f, uint32_t folder, const char *key)
{
	return eas_runf(
		f, "GetItemEstimate",
		"<GetItemEstimate xmlns=\"GetItemEstimate\"><Collections><Collection>"
		"<SyncKey xmlns=\"AirSync\">%s</SyncKey><CollectionId>%u</CollectionId>"
		"</Collection></Collections></GetItemEstimate>",
		key, folder);
}

static void
estimate_is_what_sync_will_bring(void **state)
{
	struct eas_fixture *f = *state;
	char *key;

	for (int i = 0; i < 5; i++)
		eas_mail(f, f->inbox, EAS_NOW - i * EAS_DAY, "one");
	estimate(f, f->inbox, "0");
	assert_has(f, "<Status>3</Status>");
	estimate(f, f->inbox, "4711");
	assert_has(f, "<Status>4</Status>");
	estimate(f, 4711, "1");
	assert_has(f, "<Status>2</Status>");
	eas_sync(f, f->inbox, "0", "<Options><FilterType>2</FilterType></Options>");
	key = eas_key(f);
	estimate(f, f->inbox, key);
	assert_has(f, "<Status>1</Status>");
	assert_has(f, "<Estimate>4</Estimate>");
	eas_sync(f, f->inbox, key, "");
	assert_int_equal(eas_count(f, "<Add>"), 4);
	key = eas_key(f);
	eas_mail(f, f->inbox, EAS_NOW, "two");
	estimate(f, f->inbox, key);
	assert_has(f, "<Estimate>1</Estimate>");
}

static void
window_moves_with_the_days(void **state)
{
	struct eas_fixture *f = *state;
	char *key;

	eas_mail(f, f->inbox, EAS_NOW, "today");
	eas_mail(f, f->inbox, EAS_NOW - 2 * EAS_DAY, "the day before yesterday");
	eas_mail(f, f->inbox, EAS_NOW - 9 * EAS_DAY, "long ago");
	eas_sync(f, f->inbox, "0", "<Options><FilterType>2</FilterType></Options>");
	eas_sync(f, f->inbox, eas_key(f), "");
	assert_int_equal(eas_count(f, "<Add>"), 2);
	key = eas_key(f);
	clock_fake_advance(3 * EAS_DAY);
	eas_sync(f, f->inbox, key, "");
	assert_int_equal(eas_count(f, "<SoftDelete>"), 1);
	assert_int_equal(eas_count(f, "<Add>"), 0);
	/* The window is opened wide: what left and what never was there comes. */
	eas_sync(f, f->inbox, eas_key(f),
	         "<Options><FilterType>0</FilterType></Options>");
	assert_int_equal(eas_count(f, "<Add>"), 2);
	assert_int_equal(eas_count(f, "<SoftDelete>"), 0);
	/* And closed again; left out it means all (a new Options replaces the old). */
	eas_sync(f, f->inbox, eas_key(f),
	         "<Options><FilterType>1</FilterType></Options>");
	assert_int_equal(eas_count(f, "<SoftDelete>"), 3);
	eas_sync(f, f->inbox, eas_key(f), "<Options/>");
	assert_int_equal(eas_count(f, "<Add>"), 3);
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, eas_setup, eas_teardown)
	const struct CMUnitTest tests[] = {
		T(first_key_shows_the_folders_with_their_types),
		T(first_key_again_and_again_changes_nothing),
		T(changes_of_the_tree_come_once_and_again_when_the_answer_was_lost),
		T(a_lost_first_key_leaves_the_devices_own_keys_good),
		T(folder_is_made_once_and_not_told_to_its_maker),
		T(what_others_do_to_a_folder_is_told_to_its_maker),
		T(folder_edits_get_their_status),
		T(moved_item_has_a_new_id_and_is_not_added_again),
		T(a_move_is_told_again_when_its_source_is_gone),
		T(moves_that_cannot_be_get_their_status),
		T(estimate_is_what_sync_will_bring),
		T(window_moves_with_the_days),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
