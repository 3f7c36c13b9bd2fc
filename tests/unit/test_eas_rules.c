/* SPDX-License-Identifier: ISC
 *
 * test_eas_rules.c - requests as the documents allow and forbid them: folder edits,
 * moves, estimates, Ping, sending.
 */
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

/* --- folders --- */

static char *
tree_key(struct eas_fixture *f)
{
	eas_run(f, "FolderSync",
	        "<FolderSync xmlns=\"FolderHierarchy\"><SyncKey>0</SyncKey></FolderSync>");
	return eas_key(f);
}

static const char *
edit_folder(struct eas_fixture *f, const char *command, const char *inner)
{
	return eas_runf(f, command, "<%s xmlns=\"FolderHierarchy\">%s</%s>", command,
	                inner, command);
}

/* The answer is the command's element with this Status alone: no SyncKey, no ServerId. */
static void
assert_refused(struct eas_fixture *f, const char *command, int status)
{
	assert_string_equal(f->xml, arena_printf(f->a, "<%s><Status>%d</Status></%s>",
	                                         command, status, command));
}

static void
folder_edits_that_lack_something_get_status_10(void **state)
{
	struct eas_fixture *f = *state;
	const char *key = arena_printf(f->a, "<SyncKey>%s</SyncKey>", tree_key(f));

	edit_folder(f, "FolderCreate",
	            "<ParentId>0</ParentId><DisplayName>X</DisplayName><Type>12</Type>");
	assert_refused(f, "FolderCreate", 10);
	edit_folder(f, "FolderCreate",
	            arena_printf(f->a, "%s<ParentId>0</ParentId><Type>12</Type>", key));
	assert_refused(f, "FolderCreate", 10);
	/* A default folder is there already. */
	for (int type = 2; type <= 11; type++) {
		edit_folder(f, "FolderCreate",
		            arena_printf(
				    f->a,
				    "%s<ParentId>0</ParentId><DisplayName>X</DisplayName>"
				    "<Type>%d</Type>",
				    key, type));
		assert_refused(f, "FolderCreate", 10);
	}
	edit_folder(f, "FolderDelete", key);
	assert_refused(f, "FolderDelete", 10);
	edit_folder(f, "FolderDelete",
	            arena_printf(f->a, "<ServerId>%u</ServerId>", f->junk));
	assert_refused(f, "FolderDelete", 10);
	edit_folder(f, "FolderUpdate",
	            arena_printf(f->a,
	                         "<ServerId>%u</ServerId><ParentId>0</ParentId>"
	                         "<DisplayName>X</DisplayName>",
	                         f->junk));
	assert_refused(f, "FolderUpdate", 10);
	edit_folder(f, "FolderUpdate",
	            arena_printf(f->a,
	                         "%s<ServerId>%u</ServerId><ParentId>0</ParentId>"
	                         "<DisplayName>X</DisplayName><Status>1</Status>",
	                         key, f->junk));
	assert_refused(f, "FolderUpdate", 10);
}

static void
a_recipient_cache_is_not_made(void **state)
{
	struct eas_fixture *f = *state;

	edit_folder(f, "FolderCreate",
	            arena_printf(f->a,
	                         "<SyncKey>%s</SyncKey><ParentId>0</ParentId>"
	                         "<DisplayName>Recent</DisplayName><Type>19</Type>",
	                         tree_key(f)));
	assert_refused(f, "FolderCreate", 3);
}

static void
a_folder_sync_that_is_none_gets_status_10(void **state)
{
	struct eas_fixture *f = *state;

	eas_run(f, "FolderSync", "<Folders xmlns=\"FolderHierarchy\"/>");
	assert_refused(f, "FolderSync", 10);
}

static void
folder_edits_with_a_key_that_does_not_fit_get_status_9(void **state)
{
	static const char *const keys[] = { "", "0", "4711", "x" };
	static const char *const commands[] = { "FolderCreate", "FolderUpdate",
		                                "FolderDelete" };
	struct eas_fixture *f = *state;

	tree_key(f);
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		for (size_t k = 0; k < ARRAY_LEN(commands); k++) {
			edit_folder(
				f, commands[k],
				arena_printf(
					f->a,
					"<SyncKey>%s</SyncKey>%s<ParentId>0</ParentId>"
					"<DisplayName>X</DisplayName>%s",
					keys[i],
					k == 0 ? ""
					       : arena_printf(f->a,
			                                      "<ServerId>%u</ServerId>",
			                                      f->junk),
					k == 0 ? "<Type>12</Type>" : ""));
			assert_refused(f, commands[k], 9);
		}
	}
}

static void
renames_that_cannot_be_get_their_status(void **state)
{
	struct eas_fixture *f = *state;
	const char *key = tree_key(f), *inbox, *one = "", *two;

	for (int i = 0; i < 2; i++) {
		edit_folder(f, "FolderCreate",
		            arena_printf(f->a,
		                         "<SyncKey>%s</SyncKey><ParentId>0</ParentId>"
		                         "<DisplayName>F%d</DisplayName><Type>12</Type>",
		                         key, i));
		assert_has(f, "<Status>1</Status>");
		key = eas_key(f);
		if (i == 0)
			one = arena_strdup(f->a, eas_value(f, "ServerId", 0));
	}
	two = arena_strdup(f->a, eas_value(f, "ServerId", 0));
	inbox = arena_printf(f->a, "%u", f->inbox);
	const struct {
		const char *id, *parent, *name;
		int status;
	} cases[] = {
		{ inbox, "0", "Post", 2 }, /* a special folder */
		{ one, "0", "F1", 2 },     /* a name that is taken */
		{ "4711", "0", "X", 4 },   { one, "4711", "X", 5 },
		{ one, "0", "G", 1 },      { two, one, "G", 1 },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		edit_folder(
			f, "FolderUpdate",
			arena_printf(
				f->a,
				"<SyncKey>%s</SyncKey><ServerId>%s</ServerId>"
				"<ParentId>%s</ParentId><DisplayName>%s</DisplayName>",
				key, cases[i].id, cases[i].parent, cases[i].name));
		if (cases[i].status != 1) {
			assert_refused(f, "FolderUpdate", cases[i].status);
			continue;
		}
		assert_has(f, "<FolderUpdate><Status>1</Status><SyncKey>");
		key = eas_key(f);
	}
	/* The ids are the old ones, the folders where they were put. */
	tree_key(f);
	assert_has(f, arena_printf(f->a,
	                           "<ServerId>%s</ServerId><ParentId>%s</ParentId>"
	                           "<DisplayName>G</DisplayName>",
	                           two, one));
}

static void
a_tree_that_is_synced_again_has_the_same_ids(void **state)
{
	struct eas_fixture *f = *state;
	char *first, *again;

	f->device = "ONE";
	tree_key(f);
	first = arena_strdup(f->a, strstr(f->xml, "<Changes>"));
	f->device = "TWO";
	tree_key(f);
	again = strstr(f->xml, "<Changes>");
	assert_string_equal(first, again);
	/* Without a first key too: some clients leave it out. */
	edit_folder(f, "FolderSync", "");
	assert_string_equal(strstr(f->xml, "<Changes>"), first);
}

/* --- moves --- */

static void
a_move_to_two_places_gets_status_5(void **state)
{
	struct eas_fixture *f = *state;
	uint32_t uid = eas_mail(f, f->inbox, NOW, "one");

	eas_runf(
		f, "MoveItems",
		"<MoveItems xmlns=\"Move\"><Move><SrcMsgId>%u:%u</SrcMsgId><SrcFldId>%u"
		"</SrcFldId><DstFldId>%u</DstFldId><DstFldId>%u</DstFldId></Move></MoveItems>",
		f->inbox, uid, f->inbox, f->junk, f->trash);
	assert_has(f, "<Status>5</Status>");
	assert_int_equal(eas_exists(f, f->inbox), 1);
}

static void
a_move_from_a_folder_that_is_not_there_gets_status_1(void **state)
{
	struct eas_fixture *f = *state;
	uint32_t uid = eas_mail(f, f->inbox, NOW, "one");

	eas_runf(f, "MoveItems",
	         "<MoveItems xmlns=\"Move\"><Move><SrcMsgId>%u:%u</SrcMsgId>"
	         "<SrcFldId>4711</SrcFldId><DstFldId>%u</DstFldId></Move>"
	         "<Move><SrcMsgId>4711:%u</SrcMsgId><SrcFldId>4711</SrcFldId>"
	         "<DstFldId>%u</DstFldId></Move></MoveItems>",
	         f->inbox, uid, f->junk, uid, f->junk);
	assert_int_equal(eas_count(f, "<Status>1</Status>"), 2);
	assert_int_equal(eas_exists(f, f->inbox), 1);
}

static void
more_than_a_thousand_moves_are_refused(void **state)
{
	struct eas_fixture *f = *state;
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);
	uint32_t uid = eas_mail(f, f->inbox, NOW, "one");

	buf_add_str(&b, "<MoveItems xmlns=\"Move\">");
	for (int i = 0; i < 1001; i++)
		buf_addf(
			&b,
			"<Move><SrcMsgId>%u:%u</SrcMsgId><SrcFldId>%u</SrcFldId><DstFldId>%u"
			"</DstFldId></Move>",
			f->inbox, uid, f->inbox, f->junk);
	buf_add_str(&b, "</MoveItems>");
	buf_add_char(&b, '\0');
	eas_run(f, "MoveItems", b.p);
	assert_refused(f, "MoveItems", 103);
	assert_int_equal(eas_exists(f, f->inbox), 1);
}

/* --- conversations, as clients handle them: all their mails in one request --- */

static void
a_conversation_is_read_flagged_moved_and_deleted(void **state)
{
	struct eas_fixture *f = *state;
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);
	uint32_t uids[3], moved[3];
	struct store_item item;
	char *key;

	for (int i = 0; i < 3; i++)
		uids[i] = eas_mail(f, f->inbox, NOW + i, arena_printf(f->a, "talk%d", i));
	key = synced(f, f->inbox);
	for (int read = 1; read >= 0; read--) {
		buf_clear(&b);
		for (int i = 0; i < 3; i++)
			buf_addf(
				&b,
				"<Change><ServerId>%u:%u</ServerId><ApplicationData>"
				"<Read xmlns=\"Email\">%d</Read>%s</ApplicationData></Change>",
				f->inbox, uids[i], read,
				i == 2 ? "<Flag xmlns=\"Email\"><Status>2</Status></Flag>"
				       : "");
		eas_sync(f, f->inbox, key,
		         arena_printf(f->a, "<Commands>%.*s</Commands>",
		                      SPAN_FMT(buf_span(&b))));
		assert_has_not(f, "<Responses>");
		key = eas_key(f);
		for (int i = 0; i < 3; i++) {
			assert_ok(eas_item(f, f->inbox, uids[i], &item));
			assert_int_equal((item.flags & STORE_FLAG_SEEN) != 0, read);
			assert_int_equal((item.flags & STORE_FLAG_FLAGGED) != 0, i == 2);
		}
	}
	buf_clear(&b);
	for (int i = 0; i < 3; i++)
		buf_addf(
			&b,
			"<Move><SrcMsgId>%u:%u</SrcMsgId><SrcFldId>%u</SrcFldId><DstFldId>%u"
			"</DstFldId></Move>",
			f->inbox, uids[i], f->inbox, f->junk);
	eas_runf(f, "MoveItems", "<MoveItems xmlns=\"Move\">%.*s</MoveItems>",
	         SPAN_FMT(buf_span(&b)));
	assert_int_equal(eas_count(f, "<Status>3</Status>"), 3);
	assert_int_equal(eas_exists(f, f->junk), 3);
	for (size_t i = 0; i < 3; i++)
		moved[i] = (uint32_t)atol(strchr(eas_value(f, "DstMsgId", i), ':') + 1);
	buf_clear(&b);
	key = synced(f, f->junk);
	for (int i = 0; i < 3; i++)
		buf_addf(&b, "<Delete><ServerId>%u:%u</ServerId></Delete>", f->junk,
		         moved[i]);
	eas_sync(f, f->junk, key,
	         arena_printf(f->a, "<Commands>%.*s</Commands>", SPAN_FMT(buf_span(&b))));
	assert_has_not(f, "<Responses>");
	assert_int_equal(eas_exists(f, f->trash), 3);
	/* What comes later stays where it comes. */
	eas_mail(f, f->inbox, NOW + 9, "talk9");
	assert_int_equal(eas_exists(f, f->inbox), 1);
	assert_int_equal(eas_exists(f, f->trash), 3);
}

/* --- estimates --- */

static const char *
estimate(struct eas_fixture *f, uint32_t folder, const char *key, const char *options)
{
	return eas_runf(
		f, "GetItemEstimate",
		"<GetItemEstimate xmlns=\"GetItemEstimate\"><Collections><Collection>"
		"<SyncKey xmlns=\"AirSync\">%s</SyncKey><CollectionId>%u</CollectionId>%s"
		"</Collection></Collections></GetItemEstimate>",
		key, folder, options);
}

#define FILTER(v) "<Options xmlns=\"AirSync\"><FilterType>" v "</FilterType></Options>"

static void
an_estimate_counts_by_its_own_filter(void **state)
{
	struct eas_fixture *f = *state;
	char *key;

	for (int i = 0; i < 5; i++)
		eas_mail(f, f->inbox, NOW - i * 10 * EAS_DAY, "one");
	eas_sync(f, f->inbox, "0", "");
	key = eas_key(f);
	estimate(f, f->inbox, key, "");
	assert_has(f, "<Estimate>5</Estimate>");
	estimate(f, f->inbox, key, FILTER("0"));
	assert_has(f, "<Estimate>5</Estimate>");
	estimate(f, f->inbox, key, FILTER("4"));
	assert_has(f, "<Estimate>2</Estimate>");
	estimate(f, f->inbox, key, FILTER("8"));
	assert_has(f, "<Response><Status>110</Status>");
	estimate(f, f->inbox, key, FILTER("9"));
	assert_has(f, "<Response><Status>103</Status>");
	estimate(f, f->inbox, key,
	         "<Options xmlns=\"AirSync\"><MaxItems>1</MaxItems><MaxItems>2</MaxItems>"
	         "</Options>");
	assert_has(f, "<Status>1</Status>");
	estimate(f, f->inbox, key,
	         "<Options xmlns=\"AirSync\"><Class>Email</Class></Options>"
	         "<Options xmlns=\"AirSync\"><Class>SMS</Class></Options>");
	assert_has(f, "<Estimate>5</Estimate>");
	estimate(f, f->inbox, key,
	         "<Options xmlns=\"AirSync\"><Class>Email</Class></Options>"
	         "<Options xmlns=\"AirSync\"><Class>Tasks</Class></Options>");
	assert_has(f, "<Response><Status>4</Status>");
	/* Contacts know no filter and do not mind one. */
	eas_sync(f, eas_folder(f, STORE_ROLE_CONTACTS), "0", "");
	estimate(f, eas_folder(f, STORE_ROLE_CONTACTS), eas_key(f), FILTER("3"));
	assert_has(f, "<Response><Status>1</Status>");
}

static void
too_many_collections_in_an_estimate_are_refused(void **state)
{
	struct eas_fixture *f = *state;
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);

	buf_add_str(&b, "<GetItemEstimate xmlns=\"GetItemEstimate\"><Collections>");
	for (int i = 0; i < 1001; i++)
		buf_addf(
			&b,
			"<Collection><SyncKey xmlns=\"AirSync\">1</SyncKey><CollectionId>%d"
			"</CollectionId></Collection>",
			i + 1);
	buf_add_str(&b, "</Collections></GetItemEstimate>");
	buf_add_char(&b, '\0');
	eas_run(f, "GetItemEstimate", b.p);
	assert_refused(f, "GetItemEstimate", 103);
}

/* --- Ping --- */

static void
a_ping_names_each_folder_that_moved(void **state)
{
	struct eas_fixture *f = *state;

	synced(f, f->inbox);
	synced(f, f->junk);
	synced(f, f->sent);
	eas_mail(f, f->inbox, NOW, "one");
	eas_mail(f, f->junk, NOW, "two");
	eas_runf(
		f, "Ping",
		"<Ping xmlns=\"Ping\"><HeartbeatInterval>120</HeartbeatInterval><Folders>"
		"<Folder><Id>%u</Id><Class>Email</Class></Folder>"
		"<Folder><Id>%u</Id><Class>Email</Class></Folder>"
		"<Folder><Id>%u</Id><Class>Email</Class></Folder></Folders></Ping>",
		f->inbox, f->junk, f->sent);
	assert_string_equal(
		f->xml,
		arena_printf(f->a,
	                     "<Ping><Status>2</Status><Folders><Folder>%u</Folder>"
	                     "<Folder>%u</Folder></Folders></Ping>",
	                     f->inbox, f->junk));
}

static void
a_first_ping_needs_heartbeat_and_folders(void **state)
{
	struct eas_fixture *f = *state;

	eas_run(f, "Ping", NULL);
	assert_refused(f, "Ping", 3);
	eas_run(f, "Ping",
	        "<Ping xmlns=\"Ping\"><HeartbeatInterval>120</HeartbeatInterval></Ping>");
	assert_refused(f, "Ping", 3);
	eas_runf(f, "Ping",
	         "<Ping xmlns=\"Ping\"><Folders><Folder><Id>%u</Id><Class>Email</Class>"
	         "</Folder></Folders></Ping>",
	         f->inbox);
	assert_refused(f, "Ping", 3);
	eas_runf(
		f, "Ping",
		"<Ping xmlns=\"Ping\"><HeartbeatInterval>-60</HeartbeatInterval><Folders>"
		"<Folder><Id>%u</Id><Class>Email</Class></Folder></Folders></Ping>",
		f->inbox);
	assert_has(f, "<Ping><Status>");
	assert_has_not(f, "<Status>1</Status>");
}

/* --- sending --- */

#define TO_BOB "To: bob@example.net\n\nhello\n"

static void
mail_for_an_account_that_is_none_gets_status_166(void **state)
{
	static const char *const commands[] = { "SendMail", "SmartReply",
		                                "SmartForward" };
	struct eas_fixture *f = *state;
	uint32_t uid = eas_mail(f, f->inbox, NOW, "one");

	for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
		const char *source =
			i == 0 ? ""
			       : arena_printf(f->a,
		                              "<Source><FolderId>%u</FolderId><ItemId>"
		                              "%u:%u</ItemId></Source>",
		                              f->inbox, f->inbox, uid);

		eas_runf(f, commands[i],
		         "<%s xmlns=\"ComposeMail\"><ClientId>c%zu</ClientId>"
		         "<AccountId>nobody's</AccountId>%s<Mime>" TO_BOB "</Mime></%s>",
		         commands[i], i, source, commands[i]);
		assert_refused(f, commands[i], 166);
	}
	assert_int_equal(f->n_sent, 0);
}

static void
mail_without_a_message_gets_status_103(void **state)
{
	struct eas_fixture *f = *state;

	eas_run(f, "SendMail",
	        "<SendMail xmlns=\"ComposeMail\"><ClientId>c1</ClientId></SendMail>");
	assert_refused(f, "SendMail", 103);
	eas_run(f, "SmartReply",
	        "<SmartReply xmlns=\"ComposeMail\"><ClientId>c1</ClientId></SmartReply>");
	assert_refused(f, "SmartReply", 103);
	f->version = 121;
	eas_run_bytes(f, "SendMail", SPAN(""));
	assert_int_equal(f->http_status, 400);
}

static void
a_forward_with_replaced_mime_goes_as_it_is(void **state)
{
	struct eas_fixture *f = *state;
	uint32_t uid = eas_mail(f, f->inbox, NOW, "one");

	eas_runf(
		f, "SmartForward",
		"<SmartForward xmlns=\"ComposeMail\"><ClientId>c1</ClientId><Source><FolderId>"
		"%u</FolderId><ItemId>%u:%u</ItemId></Source><ReplaceMime/><Mime>" TO_BOB
		"</Mime></SmartForward>",
		f->inbox, f->inbox, uid);
	assert_string_equal(f->xml, "");
	assert_int_equal(f->n_sent, 1);
	assert_null(strstr(f->sent_message, "rfc822"));
	assert_null(strstr(f->sent_message, "Hello, this is one."));
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, eas_setup, eas_teardown)
	const struct CMUnitTest tests[] = {
		T(folder_edits_that_lack_something_get_status_10),
		T(a_recipient_cache_is_not_made),
		T(a_folder_sync_that_is_none_gets_status_10),
		T(folder_edits_with_a_key_that_does_not_fit_get_status_9),
		T(renames_that_cannot_be_get_their_status),
		T(a_tree_that_is_synced_again_has_the_same_ids),
		T(a_move_to_two_places_gets_status_5),
		T(a_move_from_a_folder_that_is_not_there_gets_status_1),
		T(more_than_a_thousand_moves_are_refused),
		T(a_conversation_is_read_flagged_moved_and_deleted),
		T(an_estimate_counts_by_its_own_filter),
		T(too_many_collections_in_an_estimate_are_refused),
		T(a_ping_names_each_folder_that_moved),
		T(a_first_ping_needs_heartbeat_and_folders),
		T(mail_for_an_account_that_is_none_gets_status_166),
		T(mail_without_a_message_gets_status_103),
		T(a_forward_with_replaced_mime_goes_as_it_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
