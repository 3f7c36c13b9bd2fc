/* SPDX-License-Identifier: ISC
 *
 * test_eas_sync_client.c - a client's changes: applied once, answered, merged, not sent
 * back.
 */
#include "activesync/eas_props.h"
#include "tests/unit/eas_fixture.h"

#define NOW EAS_NOW

/* A folder that the device has wholly; its key. */
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
change(struct eas_fixture *f, uint32_t folder, const char *key, uint32_t uid,
       const char *data)
{
	return eas_sync(
		f, folder, key,
		arena_printf(f->a,
	                     "<Commands><Change><ServerId>%u:%u</ServerId>"
	                     "<ApplicationData>%s</ApplicationData></Change></Commands>",
	                     folder, uid, data));
}

#define READ(v) "<Read xmlns=\"Email\">" v "</Read>"
#define FLAG(v) "<Flag xmlns=\"Email\">" v "</Flag>"

static uint32_t
flags_of(struct eas_fixture *f, uint32_t folder, uint32_t uid)
{
	struct store_item item;

	assert_ok(eas_item(f, folder, uid, &item));
	return item.flags;
}

static void
read_and_flag_are_kept_and_do_not_come_back(void **state)
{
	struct eas_fixture *f = *state;
	uint32_t uid = eas_mail(f, f->inbox, NOW, "one");
	char *key = synced(f, f->inbox);

	change(f, f->inbox, key, uid,
	       READ("1") FLAG(
		       "<Status>2</Status><FlagType>Flag for follow up</FlagType>"
		       "<Subject xmlns=\"Tasks\">call</Subject>"
		       "<OrdinalDate xmlns=\"Tasks\">2026-12-01T00:00:00.000Z</OrdinalDate>"));
	assert_has(f, "<Status>1</Status>");
	assert_has_not(f, "<Responses>");
	assert_has_not(f, "<Change>");
	assert_int_equal(flags_of(f, f->inbox, uid),
	                 STORE_FLAG_SEEN | STORE_FLAG_FLAGGED);
	key = eas_key(f);
	eas_sync(f, f->inbox, key, "");
	assert_string_equal(f->xml, "");
	/* Another device sees the flag with its details. */
	f->device = "TABLET";
	synced(f, f->inbox);
	assert_has(f, "<Read>1</Read>");
	assert_has(
		f,
		"<Flag><Status>2</Status><FlagType>Flag for follow up</FlagType>"
		"<Subject>call</Subject><OrdinalDate>2026-12-01T00:00:00.000Z</OrdinalDate></Flag>");
}

static void
empty_flag_clears_and_complete_is_not_flagged(void **state)
{
	struct eas_fixture *f = *state;
	uint32_t uid = eas_mail(f, f->inbox, NOW, "one");
	char *key = synced(f, f->inbox);

	change(f, f->inbox, key, uid, FLAG("<Status>2</Status>"));
	change(f, f->inbox, eas_key(f), uid, FLAG(""));
	assert_int_equal(flags_of(f, f->inbox, uid), 0);
	change(f, f->inbox, eas_key(f), uid,
	       FLAG("<Status>1</Status><CompleteTime>2026-11-20T10:00:00.000Z</CompleteTime>"));
	assert_int_equal(flags_of(f, f->inbox, uid), 0);
	f->device = "TABLET";
	synced(f, f->inbox);
	assert_has(f, "<Flag><Status>1</Status>");
	assert_has(f, "<CompleteTime>2026-11-20T10:00:00.000Z</CompleteTime>");
	/* Somebody flags it by IMAP: active again, without the old details. */
	eas_set_flags(f, f->inbox, uid, STORE_FLAG_FLAGGED, 0);
	f->device = "THIRD";
	synced(f, f->inbox);
	assert_has(
		f,
		"<Flag><Status>2</Status><FlagType>Flag for follow up</FlagType></Flag>");
}

static void
changes_of_both_sides_to_one_mail_are_merged(void **state)
{
	struct eas_fixture *f = *state;
	uint32_t uid = eas_mail(f, f->inbox, NOW, "one");
	char *key = synced(f, f->inbox);

	eas_set_flags(f, f->inbox, uid, STORE_FLAG_FLAGGED, 0);
	change(f, f->inbox, key, uid, READ("1"));
	assert_int_equal(flags_of(f, f->inbox, uid),
	                 STORE_FLAG_SEEN | STORE_FLAG_FLAGGED);
	/* The device learns of the flag although it wrote last. */
	assert_has(f, "<Change>");
	assert_has(f, "<Read>1</Read><Flag><Status>2</Status>");
}

static void
change_of_an_item_that_is_gone_gets_status_8(void **state)
{
	struct eas_fixture *f = *state;
	uint32_t uid = eas_mail(f, f->inbox, NOW, "one");
	char *key = synced(f, f->inbox);

	eas_expunge(f, f->inbox, uid);
	change(f, f->inbox, key, uid, READ("1"));
	assert_has(f, "<Responses><Change>");
	assert_has(f, "<Status>8</Status>");
	assert_has(f, "<Delete>");
	change(f, f->inbox, eas_key(f), uid, READ("x"));
	assert_has(f, "<Status>8</Status>");
}

static void
value_that_is_none_gets_status_6(void **state)
{
	struct eas_fixture *f = *state;
	uint32_t uid = eas_mail(f, f->inbox, NOW, "one");

	change(f, f->inbox, synced(f, f->inbox), uid, READ("maybe"));
	assert_has(f, "<Status>6</Status>");
}

static void
delete_goes_to_the_trash_and_shows_there(void **state)
{
	struct eas_fixture *f = *state;
	uint32_t uid = eas_mail(f, f->inbox, NOW, "one");
	char *trash = synced(f, f->trash);
	char *key = synced(f, f->inbox);

	eas_sync(f, f->inbox, key,
	         arena_printf(f->a,
	                      "<Commands><Delete><ServerId>%u:%u</ServerId></Delete>"
	                      "</Commands>",
	                      f->inbox, uid));
	assert_has_not(f, "<Delete>");
	assert_int_equal(eas_exists(f, f->inbox), 0);
	assert_int_equal(eas_exists(f, f->trash), 1);
	/* The device does not know the copy's id: it is told. */
	eas_sync(f, f->trash, trash, "");
	assert_int_equal(eas_count(f, "<Add>"), 1);
	assert_string_equal(eas_value(f, "Subject", 0), "one");
}

static void
delete_for_good_leaves_nothing(void **state)
{
	struct eas_fixture *f = *state;
	uint32_t uid = eas_mail(f, f->inbox, NOW, "one");

	eas_sync(
		f, f->inbox, synced(f, f->inbox),
		arena_printf(
			f->a,
			"<DeletesAsMoves>0</DeletesAsMoves>"
			"<Commands><Delete><ServerId>%u:%u</ServerId></Delete></Commands>",
			f->inbox, uid));
	assert_int_equal(eas_exists(f, f->inbox), 0);
	assert_int_equal(eas_exists(f, f->trash), 0);
}

static void
changes_of_a_lost_answer_are_not_applied_twice(void **state)
{
	struct eas_fixture *f = *state;
	uint32_t one = eas_mail(f, f->inbox, NOW, "one");
	uint32_t two = eas_mail(f, f->inbox, NOW, "two");
	char *key = synced(f, f->inbox);
	const char *inner = arena_printf(
		f->a,
		"<Commands><Change><ServerId>%u:%u</ServerId><ApplicationData>" READ(
			"1") "</ApplicationData></Change><Delete><ServerId>%u:%u</ServerId></Delete></Commands>",
		f->inbox, one, f->inbox, two);

	eas_sync(f, f->inbox, key, inner);
	assert_int_equal(flags_of(f, f->inbox, one), STORE_FLAG_SEEN);
	/* Meanwhile somebody marks it unread again: that must stand. */
	eas_set_flags(f, f->inbox, one, 0, STORE_FLAG_SEEN);
	eas_sync(f, f->inbox, key, inner);
	assert_has(f, "<Status>1</Status>");
	assert_has_not(f, "<Status>8</Status>");
	assert_int_equal(flags_of(f, f->inbox, one), 0);
	assert_has(f, "<Read>0</Read>");
	assert_int_equal(eas_exists(f, f->trash), 1);
	eas_sync(f, f->inbox, eas_key(f), "");
	assert_string_equal(f->xml, "");
}

static void
commands_with_the_first_key_are_a_protocol_error(void **state)
{
	struct eas_fixture *f = *state;
	uint32_t uid = eas_mail(f, f->inbox, NOW, "one");

	change(f, f->inbox, "0", uid, READ("1"));
	assert_has(f, "<Status>4</Status>");
	assert_int_equal(flags_of(f, f->inbox, uid), 0);
}

static void
item_of_another_folder_is_not_touched(void **state)
{
	struct eas_fixture *f = *state;
	uint32_t uid = eas_mail(f, f->junk, NOW, "one");
	char *key = synced(f, f->inbox);

	eas_sync(
		f, f->inbox, key,
		arena_printf(
			f->a,
			"<Commands><Change><ServerId>%u:%u</ServerId><ApplicationData>" READ(
				"1") "</ApplicationData></Change></Commands>",
			f->junk, uid));
	assert_has(f, "<Status>8</Status>");
	assert_int_equal(flags_of(f, f->junk, uid), 0);
}

static const char *
draft_add(struct eas_fixture *f, const char *key, const char *client_id, const char *more)
{
	return eas_sync(
		f, f->drafts, key,
		arena_printf(
			f->a,
			"<Commands><Add>%s<ClientId>%s</ClientId><ApplicationData>"
			"<To xmlns=\"Email\">\"Bob Grüße\" &lt;bob@example.net&gt;</To>"
			"<Subject xmlns=\"Email\">Täglich</Subject>"
			"<Body xmlns=\"AirSyncBase\"><Type>1</Type><Data>Hallo Bob</Data></Body>"
			"</ApplicationData></Add></Commands>",
			more, client_id));
}

static void
draft_is_made_once_however_often_it_comes(void **state)
{
	struct eas_fixture *f = *state;
	char *key = synced(f, f->drafts), *id;

	draft_add(f, key, "c1", "");
	assert_has(f, "<Responses><Add><ClientId>c1</ClientId><ServerId>");
	assert_has_not(f, "<Commands>");
	id = arena_strdup(f->a, eas_value(f, "ServerId", 0));
	assert_int_equal(eas_exists(f, f->drafts), 1);
	/* The answer was lost: same key, same request. */
	draft_add(f, key, "c1", "");
	assert_string_equal(eas_value(f, "ServerId", 0), id);
	assert_int_equal(eas_exists(f, f->drafts), 1);
	key = eas_key(f);
	/* A client that has forgotten its answer altogether asks with its new key. */
	draft_add(f, key, "c1", "");
	assert_string_equal(eas_value(f, "ServerId", 0), id);
	assert_int_equal(eas_exists(f, f->drafts), 1);
	eas_sync(f, f->drafts, eas_key(f), "");
	assert_string_equal(f->xml, "");
	f->device = "TABLET";
	synced(f, f->drafts);
	assert_string_equal(eas_value(f, "Subject", 0), "Täglich");
	assert_has(f, "<Data>Hallo Bob</Data>");
	assert_has(f, "<To>Bob Grüße &lt;bob@example.net&gt;</To>");
	assert_has(f, "<IsDraft>1</IsDraft>");
}

/* MS-ASEMAIL 2.2.2.21, .22, .37 */
static void
draft_says_that_it_is_one_and_of_which_conversation(void **state)
{
	struct eas_fixture *f = *state;
	char *key = synced(f, f->drafts);
	const char *conversation;

	draft_add(f, key, "c1", "");
	assert_has(f, "<Status>1</Status><ApplicationData><ConversationId "
	              "encoding=\"base64\">");
	assert_has(f, "<ConversationIndex encoding=\"base64\">");
	conversation = strstr(f->xml, "<ConversationId ");
	conversation = arena_printf(f->a, "%.*s", (int)strcspn(conversation + 1, "<") + 1,
	                            conversation);
	f->device = "TABLET";
	synced(f, f->drafts);
	assert_has(f, conversation);
	assert_has(f, "<IsDraft>1</IsDraft>");
	eas_runf(f, "ItemOperations",
	         "<ItemOperations xmlns=\"ItemOperations\"><Fetch><Store>Mailbox</Store>"
	         "<CollectionId xmlns=\"AirSync\">%u</CollectionId>"
	         "<ServerId xmlns=\"AirSync\">%s</ServerId></Fetch></ItemOperations>",
	         f->drafts, eas_value(f, "ServerId", 0));
	assert_has(f, "<IsDraft>1</IsDraft>");
	eas_runf(f, "Search",
	         "<Search xmlns=\"Search\"><Store><Name>Mailbox</Name><Query><And>"
	         "<CollectionId xmlns=\"AirSync\">%u</CollectionId><FreeText>Hallo"
	         "</FreeText></And></Query></Store></Search>",
	         f->drafts);
	assert_has(f, "<Total>1</Total>");
	assert_has(f, "<IsDraft>1</IsDraft>");
	assert_has(f, conversation);
}

static const char *
add_subject(struct eas_fixture *f, const char *key, const char *subject)
{
	static const char answer[] = "<ClientId>1</ClientId><ServerId>";
	const char *id;

	eas_sync(f, f->drafts, key,
	         arena_printf(f->a,
	                      "<Commands><Add><ClientId>1</ClientId><ApplicationData>"
	                      "<Subject xmlns=\"Email\">%s</Subject>"
	                      "</ApplicationData></Add></Commands>",
	                      subject));
	assert_has(f, answer);
	id = strstr(f->xml, answer) + strlen(answer);
	return arena_printf(f->a, "%.*s", (int)strcspn(id, "<"), id);
}

/* ClientId says which answer belongs to which Add: a client may count from 1 in each
 * request, or begin anew after a reset. */
static void
client_ids_that_come_again_for_other_items_lose_none(void **state)
{
	struct eas_fixture *f = *state;
	char *key = synced(f, f->drafts);
	const char *one = add_subject(f, key, "One"), *two;
	unsigned collection, uid;

	/* The answer was lost: it is the same item, whatever became of it. */
	assert_string_equal(add_subject(f, key, "One"), one);
	key = eas_key(f);
	two = add_subject(f, key, "Two");
	assert_string_not_equal(two, one);
	assert_int_equal(eas_exists(f, f->drafts), 2);
	/* What was deleted is not there because it once was. */
	assert_int_equal(sscanf(two, "%u:%u", &collection, &uid), 2);
	key = eas_key(f);
	eas_expunge(f, f->drafts, uid);
	assert_string_not_equal(add_subject(f, key, "Two"), two);
	assert_int_equal(eas_exists(f, f->drafts), 2);
}

static void
draft_keeps_the_marks_that_it_came_with(void **state)
{
	struct eas_fixture *f = *state;
	char *key = synced(f, f->drafts);

	eas_sync(
		f, f->drafts, key,
		"<Commands><Add><ClientId>c1</ClientId><ApplicationData>"
		"<Subject xmlns=\"Email\">Later</Subject><Read xmlns=\"Email\">0</Read>"
		"<Flag xmlns=\"Email\"><Status>2</Status><FlagType>Call</FlagType></Flag>"
		"<Categories xmlns=\"Email\"><Category>Blue</Category></Categories>"
		"</ApplicationData></Add><Add><ClientId>c2</ClientId><ApplicationData>"
		"<Subject xmlns=\"Email\">Wrong</Subject>"
		"<Flag xmlns=\"Email\"><Status>7</Status></Flag>"
		"</ApplicationData></Add></Commands>");
	assert_has(f, "<ClientId>c2</ClientId><Status>6</Status>");
	assert_int_equal(eas_exists(f, f->drafts), 1);
	f->device = "TABLET";
	synced(f, f->drafts);
	assert_has(f, "<Read>0</Read>");
	assert_has(f, "<Flag><Status>2</Status><FlagType>Call</FlagType>");
	assert_has(f, "<Category>Blue</Category>");
	assert_has(f, "<IsDraft>1</IsDraft>");
}

static void
draft_that_others_delete_goes_from_the_device_that_made_it(void **state)
{
	struct eas_fixture *f = *state;
	char *key = synced(f, f->drafts);
	unsigned collection, uid;

	draft_add(f, key, "c1", "");
	assert_int_equal(sscanf(eas_value(f, "ServerId", 0), "%u:%u", &collection, &uid),
	                 2);
	key = eas_key(f);
	eas_expunge(f, f->drafts, uid);
	eas_sync(f, f->drafts, key, "");
	assert_int_equal(eas_count(f, "<Delete>"), 1);
}

static void
draft_changes_keep_attachments_and_text_that_are_not_named(void **state)
{
	struct eas_fixture *f = *state;
	char *key = synced(f, f->drafts), *id;

	eas_sync(
		f, f->drafts, key,
		"<Commands><Add><ClientId>c1</ClientId><ApplicationData>"
		"<Subject xmlns=\"Email\">first</Subject>"
		"<Body xmlns=\"AirSyncBase\"><Type>2</Type><Data>&lt;b&gt;text&lt;/b&gt;</Data></Body>"
		"<Attachments xmlns=\"AirSyncBase\"><Add><ClientId>a1</ClientId>"
		"<Content encoding=\"base64\">AAECAwQ=</Content><DisplayName>data.bin</DisplayName>"
		"</Add></Attachments></ApplicationData></Add></Commands>");
	id = arena_strdup(f->a, eas_value(f, "ServerId", 0));
	assert_string_not_equal(id, "");
	eas_sync(
		f, f->drafts, eas_key(f),
		arena_printf(
			f->a,
			"<Commands><Change><ServerId>%s</ServerId><ApplicationData>"
			"<Subject xmlns=\"Email\">second</Subject></ApplicationData></Change>"
			"</Commands>",
			id));
	assert_has_not(f, "<Responses>");
	f->device = "TABLET";
	synced(f, f->drafts);
	assert_int_equal(eas_count(f, "<Add>"), 1);
	assert_string_equal(eas_value(f, "Subject", 0), "second");
	assert_has(f, "<DisplayName>data.bin</DisplayName>");
	assert_has(f, "text");
	eas_runf(
		f, "ItemOperations",
		"<ItemOperations xmlns=\"ItemOperations\"><Fetch><Store>Mailbox</Store>"
		"<FileReference xmlns=\"AirSyncBase\">%s</FileReference></Fetch></ItemOperations>",
		eas_value(f, "FileReference", 0));
	assert_has(f, "<Data>AAECAwQ=</Data>");
}

static void
draft_changed_on_both_sides_is_the_servers(void **state)
{
	struct eas_fixture *f = *state;
	char *key = synced(f, f->drafts), *id, *phone;

	draft_add(f, key, "c1", "");
	id = arena_strdup(f->a, eas_value(f, "ServerId", 0));
	phone = eas_key(f);
	f->device = "TABLET";
	key = synced(f, f->drafts);
	eas_sync(
		f, f->drafts, key,
		arena_printf(
			f->a,
			"<Commands><Change><ServerId>%s</ServerId><ApplicationData>"
			"<Subject xmlns=\"Email\">of the tablet</Subject></ApplicationData></Change>"
			"</Commands>",
			id));
	f->device = "PHONE1";
	eas_sync(
		f, f->drafts, phone,
		arena_printf(
			f->a,
			"<Commands><Change><ServerId>%s</ServerId><ApplicationData>"
			"<Subject xmlns=\"Email\">of the phone</Subject></ApplicationData></Change>"
			"</Commands>",
			id));
	assert_has(f, "<Status>7</Status>");
	assert_string_equal(eas_value(f, "Subject", 0), "of the tablet");
}

static void
draft_that_is_sent_goes_out_once_and_to_sent(void **state)
{
	struct eas_fixture *f = *state;
	char *key = synced(f, f->drafts), *id;

	draft_add(f, key, "c1", "<Send xmlns=\"Email2\"/>");
	assert_has(f, "<Add><ClientId>c1</ClientId><Status>1</Status></Add>");
	assert_int_equal(f->n_sent, 1);
	draft_add(f, key, "c1", "<Send xmlns=\"Email2\"/>");
	assert_int_equal(f->n_sent, 1);
	assert_int_equal(eas_exists(f, f->drafts), 0);
	assert_int_equal(eas_exists(f, f->sent), 1);
	/* A draft that stood there first. */
	draft_add(f, eas_key(f), "c2", "");
	id = arena_strdup(f->a, eas_value(f, "ServerId", 0));
	eas_sync(
		f, f->drafts, eas_key(f),
		arena_printf(
			f->a,
			"<Commands><Change><Send xmlns=\"Email2\"/><ServerId>%s</ServerId>"
			"</Change></Commands>",
			id));
	assert_int_equal(f->n_sent, 2);
	assert_int_equal(eas_exists(f, f->drafts), 0);
	assert_int_equal(eas_exists(f, f->sent), 2);
	assert_non_null(strstr(f->sent_message, "To: "));
	assert_has(f, "<Delete>");
}

static void
mail_is_not_added_by_clients_of_14_1_nor_outside_of_drafts(void **state)
{
	struct eas_fixture *f = *state;

	f->version = 141;
	draft_add(f, synced(f, f->drafts), "c1", "");
	assert_has(f, "<Add><ClientId>c1</ClientId><Status>6</Status></Add>");
	assert_int_equal(eas_exists(f, f->drafts), 0);
	f->version = 161;
	eas_sync(
		f, f->inbox, synced(f, f->inbox),
		"<Commands><Add><ClientId>c2</ClientId><ApplicationData>"
		"<Subject xmlns=\"Email\">x</Subject></ApplicationData></Add></Commands>");
	assert_has(f, "<Status>6</Status></Add>");
	assert_int_equal(eas_exists(f, f->inbox), 0);
}

static void
received_mail_does_not_take_another_text(void **state)
{
	struct eas_fixture *f = *state;
	uint32_t uid = eas_mail(f, f->inbox, NOW, "one");

	change(f, f->inbox, synced(f, f->inbox), uid,
	       "<Subject xmlns=\"Email\">forged</Subject>");
	assert_has(f, "<Status>6</Status>");
	f->device = "TABLET";
	synced(f, f->inbox);
	assert_string_equal(eas_value(f, "Subject", 0), "one");
}

static void
categories_go_to_other_devices(void **state)
{
	struct eas_fixture *f = *state;
	uint32_t uid = eas_mail(f, f->inbox, NOW, "one");
	char *key = synced(f, f->inbox);

	change(f, f->inbox, key, uid,
	       "<Categories xmlns=\"Email\"><Category>Work 100%</Category>"
	       "<Category>Later</Category></Categories>");
	f->device = "TABLET";
	synced(f, f->inbox);
	assert_has(f,
	           "<Categories><Category>Work 100%</Category><Category>Later</Category>"
	           "</Categories>");
}

static void
what_is_too_large_to_keep_gets_status_9(void **state)
{
	struct eas_fixture *f = *state;
	uint32_t uid = eas_mail(f, f->inbox, NOW, "one");
	char *key = synced(f, f->inbox);
	char *long_name = arena_alloc(f->a, 70001);

	memset(long_name, 'x', 70000);
	long_name[70000] = '\0';
	eas_sync(f, f->inbox, key,
	         arena_printf(
			 f->a,
			 "<Commands><Change><ServerId>%u:%u</ServerId><ApplicationData>"
			 "<Categories xmlns=\"Email\"><Category>%s</Category>"
			 "</Categories></ApplicationData></Change></Commands>",
			 f->inbox, uid, long_name));
	assert_has(f, "<Change><ServerId>");
	assert_has(f, "<Status>9</Status></Change>");
}

static void
props_keep_lines_they_do_not_know(void **state UNUSED)
{
	AUTO(arena)
	struct arena *a = arena_new();
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);
	AUTO_DONE(buf) struct buf c = BUF_INIT(0);

	eas_props_add(&b, "x-other", SPAN("kept\nas it is"));
	eas_props_add(&b, "flag.status", SPAN("2"));
	eas_props_add(&b, "category", SPAN("a"));
	eas_props_add(&b, "category", SPAN("b"));
	eas_props_copy_without(&c, buf_span(&b), "flag.");
	assert_null(eas_props_get(buf_span(&c), "flag.status", 0, a).p);
	assert_true(
		span_is(eas_props_get(buf_span(&c), "x-other", 0, a), "kept\nas it is"));
	assert_true(span_is(eas_props_get(buf_span(&c), "category", 1, a), "b"));
	assert_null(eas_props_get(buf_span(&c), "category", 2, a).p);
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, eas_setup, eas_teardown)
	const struct CMUnitTest tests[] = {
		T(read_and_flag_are_kept_and_do_not_come_back),
		T(empty_flag_clears_and_complete_is_not_flagged),
		T(changes_of_both_sides_to_one_mail_are_merged),
		T(change_of_an_item_that_is_gone_gets_status_8),
		T(value_that_is_none_gets_status_6),
		T(delete_goes_to_the_trash_and_shows_there),
		T(delete_for_good_leaves_nothing),
		T(changes_of_a_lost_answer_are_not_applied_twice),
		T(commands_with_the_first_key_are_a_protocol_error),
		T(item_of_another_folder_is_not_touched),
		T(draft_is_made_once_however_often_it_comes),
		T(draft_says_that_it_is_one_and_of_which_conversation),
		T(client_ids_that_come_again_for_other_items_lose_none),
		T(draft_keeps_the_marks_that_it_came_with),
		T(draft_that_others_delete_goes_from_the_device_that_made_it),
		T(draft_changes_keep_attachments_and_text_that_are_not_named),
		T(draft_changed_on_both_sides_is_the_servers),
		T(draft_that_is_sent_goes_out_once_and_to_sent),
		T(mail_is_not_added_by_clients_of_14_1_nor_outside_of_drafts),
		T(received_mail_does_not_take_another_text),
		T(categories_go_to_other_devices),
		T(what_is_too_large_to_keep_gets_status_9),
		cmocka_unit_test(props_keep_lines_they_do_not_know),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
