/* SPDX-License-Identifier: ISC
 *
 * test_eas_failure.c - the n-th call of the database fails under a command, for n = 1, 2,
 * 3... until all pass: the device is told so in the command's own way or by HTTP, and the
 * same request again does what was asked for, once.
 */
#include "store/engine/engine.h"
#include "tests/unit/eas_fixture.h"

#define NOW EAS_NOW
/* No command has so many calls: one that never passes is a failure. */
#define CALLS_MAX 400

struct trial {
	const char *command;
	const char *good;     /* is in the answer in the end */
	const char *statuses; /* what else may be said, separated by spaces */
	const char *(*request)(struct eas_fixture *f, unsigned n);
	void (*check)(struct eas_fixture *f, unsigned n); /* after each success */
};

static bool
is_said(struct eas_fixture *f, const char *statuses)
{
	char *save = NULL, *list = arena_strdup(f->a, statuses);

	for (char *s = strtok_r(list, " ", &save); s; s = strtok_r(NULL, " ", &save)) {
		if (strstr(f->xml, arena_printf(f->a, "<Status>%s</Status>", s)))
			return true;
	}
	return false;
}

static void
try_all(struct eas_fixture *f, const struct trial *t)
{
	for (unsigned n = 1; n < CALLS_MAX; n++) {
		const char *xml = t->request(f, n);

		f->fail_after = n;
		eas_run(f, t->command, xml);
		f->fail_after = 0;
		if (!f->has_failed) {
			if (t->good[0] && !strstr(f->xml, t->good))
				fail_msg("%s: %s", t->command, f->xml);
			assert_true(n > 1);
			return;
		}
		if (f->http_status != 500 && f->http_status != 503 &&
		    (f->http_status != 200 ||
		     (!strstr(f->xml, t->good) && !is_said(f, t->statuses))))
			fail_msg("%s, call %u: HTTP %d %s", t->command, n, f->http_status,
			         f->xml);
		eas_run(f, t->command, xml);
		if (f->http_status != 200 || !strstr(f->xml, t->good))
			fail_msg("%s again, after call %u: HTTP %d %s", t->command, n,
			         f->http_status, f->xml);
		if (t->check)
			t->check(f, n);
	}
	fail_msg("%s never passes", t->command);
}

static char *
tree_key(struct eas_fixture *f)
{
	eas_run(f, "FolderSync",
	        "<FolderSync xmlns=\"FolderHierarchy\"><SyncKey>0</SyncKey></FolderSync>");
	return eas_key(f);
}

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
first_tree(struct eas_fixture *f UNUSED, unsigned n UNUSED)
{
	return "<FolderSync xmlns=\"FolderHierarchy\"><SyncKey>0</SyncKey></FolderSync>";
}

static const char *
new_folder(struct eas_fixture *f, unsigned n)
{
	return arena_printf(
		f->a,
		"<FolderCreate xmlns=\"FolderHierarchy\"><SyncKey>%s</SyncKey>"
		"<ParentId>0</ParentId><DisplayName>F%u</DisplayName>"
		"<Type>12</Type></FolderCreate>",
		tree_key(f), n);
}

/* The cost of making one grows with its neighbours. */
static void
remove_folder(struct eas_fixture *f, uint32_t id)
{
	AUTO(store_tx)
	struct store_tx *tx = NULL;
	struct store_actor who = { .protocol = "imap" };

	assert_ok(store_write(f->store, f->user, &who, &tx));
	assert_ok(store_collection_delete(tx, id));
	assert_ok(store_commit(&tx));
}

static void
folder_is_there_once(struct eas_fixture *f, unsigned n)
{
	uint32_t id = (uint32_t)atol(eas_value(f, "ServerId", 0));

	tree_key(f);
	assert_int_equal(eas_count(f, arena_printf(f->a, ">F%u<", n)), 1);
	remove_folder(f, id);
}

#define OLD_ONE 500 /* of folders that are made before they are renamed or deleted */

static uint32_t last_made;

/* Its id; the tree's key is in *ret_key. */
static const char *
made_folder(struct eas_fixture *f, unsigned n, char **ret_key)
{
	const char *id;

	eas_run(f, "FolderCreate", new_folder(f, n));
	*ret_key = eas_key(f);
	id = eas_value(f, "ServerId", 0);
	last_made = (uint32_t)atol(id);
	return id;
}

static const char *
new_name(struct eas_fixture *f, unsigned n)
{
	char *key;
	const char *id = made_folder(f, 2 * OLD_ONE + n, &key);

	return arena_printf(
		f->a,
		"<FolderUpdate xmlns=\"FolderHierarchy\"><SyncKey>%s</SyncKey><ServerId>%s"
		"</ServerId><ParentId>0</ParentId><DisplayName>G%u</DisplayName>"
		"</FolderUpdate>",
		key, id, n);
}

static void
name_is_changed(struct eas_fixture *f, unsigned n)
{
	tree_key(f);
	assert_int_equal(eas_count(f, arena_printf(f->a, ">F%u<", 2 * OLD_ONE + n)), 0);
	assert_int_equal(eas_count(f, arena_printf(f->a, ">G%u<", n)), 1);
	remove_folder(f, last_made);
}

static const char *
old_folder(struct eas_fixture *f, unsigned n)
{
	char *key;
	const char *id = made_folder(f, OLD_ONE + n, &key);

	return arena_printf(
		f->a,
		"<FolderDelete xmlns=\"FolderHierarchy\"><SyncKey>%s</SyncKey><ServerId>%s"
		"</ServerId></FolderDelete>",
		key, id);
}

static void
folder_is_gone(struct eas_fixture *f, unsigned n)
{
	tree_key(f);
	assert_int_equal(eas_count(f, arena_printf(f->a, ">F%u<", OLD_ONE + n)), 0);
}

static void
folders_survive_a_failing_database(void **state)
{
	struct eas_fixture *f = *state;

	try_all(f, &(struct trial){ "FolderSync", "<Status>1</Status><SyncKey>", "6",
	                            first_tree, NULL });
	try_all(f, &(struct trial){ "FolderCreate", "<Status>1</Status><SyncKey>", "6",
	                            new_folder, folder_is_there_once });
	try_all(f, &(struct trial){ "FolderDelete", "<Status>1</Status><SyncKey>", "6",
	                            old_folder, folder_is_gone });
	try_all(f, &(struct trial){ "FolderUpdate", "<Status>1</Status><SyncKey>", "6",
	                            new_name, name_is_changed });
}

static const char *
new_mail(struct eas_fixture *f, unsigned n)
{
	char *key;

	f->device = arena_printf(f->a, "PHONE%u", n);
	key = synced(f, f->inbox);
	eas_mail(f, f->inbox, NOW + n, arena_printf(f->a, "m%u", n));
	return arena_printf(f->a,
	                    "<Sync xmlns=\"AirSync\"><Collections><Collection><SyncKey>%s"
	                    "</SyncKey><CollectionId>%u</CollectionId></Collection>"
	                    "</Collections></Sync>",
	                    key, f->inbox);
}

static void
mail_came_once(struct eas_fixture *f, unsigned n)
{
	char *key = eas_key(f);

	assert_int_equal(eas_count(f, "<Add>"), 1);
	assert_has(f, arena_printf(f->a, "<Subject>m%u</Subject>", n));
	eas_sync(f, f->inbox, key, "");
	assert_string_equal(f->xml, "");
}

static const char *
new_contact(struct eas_fixture *f, unsigned n)
{
	uint32_t folder = eas_folder(f, STORE_ROLE_CONTACTS);

	f->device = arena_printf(f->a, "PHONE%u", n);
	return arena_printf(
		f->a,
		"<Sync xmlns=\"AirSync\"><Collections><Collection><SyncKey>%s</SyncKey>"
		"<CollectionId>%u</CollectionId><Commands><Add><ClientId>c%u</ClientId>"
		"<ApplicationData><FirstName xmlns=\"Contacts\">N%u</FirstName>"
		"</ApplicationData></Add></Commands></Collection></Collections></Sync>",
		synced(f, folder), folder, n, n);
}

static void
contact_is_there_once(struct eas_fixture *f, unsigned n)
{
	assert_int_equal(eas_exists(f, eas_folder(f, STORE_ROLE_CONTACTS)), n);
}

static void
sync_survives_a_failing_database(void **state)
{
	struct eas_fixture *f = *state;

	try_all(f, &(struct trial){ "Sync", "<Add><ServerId>", "5 16", new_mail,
	                            mail_came_once });
	try_all(f, &(struct trial){ "Sync", "</ServerId><Status>1</Status></Add>", "5 16",
	                            new_contact, contact_is_there_once });
}

static const char *
new_move(struct eas_fixture *f, unsigned n)
{
	uint32_t uid = eas_mail(f, f->inbox, NOW, arena_printf(f->a, "m%u", n));

	return arena_printf(
		f->a,
		"<MoveItems xmlns=\"Move\"><Move><SrcMsgId>%u:%u</SrcMsgId>"
		"<SrcFldId>%u</SrcFldId><DstFldId>%u</DstFldId></Move></MoveItems>",
		f->inbox, uid, f->inbox, f->junk);
}

static void
mail_moved_once(struct eas_fixture *f, unsigned n)
{
	assert_int_equal(eas_exists(f, f->inbox), 0);
	assert_int_equal(eas_exists(f, f->junk), n);
}

static const char *
an_estimate(struct eas_fixture *f, unsigned n)
{
	static char *key;

	if (n == 1)
		key = synced(f, f->junk);
	return arena_printf(
		f->a,
		"<GetItemEstimate xmlns=\"GetItemEstimate\"><Collections><Collection>"
		"<SyncKey xmlns=\"AirSync\">%s</SyncKey><CollectionId>%u</CollectionId>"
		"</Collection></Collections></GetItemEstimate>",
		key, f->junk);
}

static const char *
a_ping(struct eas_fixture *f, unsigned n)
{
	f->device = arena_printf(f->a, "PING%u", n);
	synced(f, f->inbox);
	eas_mail(f, f->inbox, NOW, "one");
	return arena_printf(
		f->a,
		"<Ping xmlns=\"Ping\"><HeartbeatInterval>120</HeartbeatInterval>"
		"<Folders><Folder><Id>%u</Id><Class>Email</Class></Folder>"
		"</Folders></Ping>",
		f->inbox);
}

static const char *
a_fetch(struct eas_fixture *f, unsigned n)
{
	uint32_t uid = n == 1 ? eas_mail(f, f->trash, NOW, "one") : 1;

	return arena_printf(
		f->a,
		"<ItemOperations xmlns=\"ItemOperations\"><Fetch><Store>Mailbox"
		"</Store><CollectionId xmlns=\"AirSync\">%u</CollectionId>"
		"<ServerId xmlns=\"AirSync\">%u:%u</ServerId></Fetch>"
		"</ItemOperations>",
		f->trash, f->trash, uid);
}

/* Two mails of one thread, alone in the inbox. */
static const char *
a_conversation(struct eas_fixture *f, unsigned n)
{
	const char *at;

	for (const char *id = "ab"; *id; id++)
		eas_mail_raw(f, f->inbox, NOW,
		             span_str(arena_printf(
				     f->a,
				     "From: b@example.net\r\nTo: alice@example.org\r\n"
				     "Subject: plan\r\nMessage-ID: <%c%u@x>\r\n"
				     "References: <root%u@x>\r\n\r\nx\r\n",
				     *id, n, n)));
	f->device = arena_printf(f->a, "PHONE%u", n);
	synced(f, f->inbox);
	at = strstr(f->xml, "<ConversationId encoding=\"base64\">");
	assert_non_null(at);
	at = strchr(at, '>') + 1;
	return arena_printf(
		f->a,
		"<ItemOperations xmlns=\"ItemOperations\"><Move>"
		"<ConversationId encoding=\"base64\">%.*s</ConversationId><DstFldId>%u"
		"</DstFldId><Options><MoveAlways/></Options></Move></ItemOperations>",
		(int)(strchr(at, '<') - at), at, f->junk);
}

static void
conversation_has_moved(struct eas_fixture *f, unsigned n)
{
	assert_int_equal(eas_exists(f, f->inbox), 0);
	assert_int_equal(eas_exists(f, f->junk), 2 * n);
}

static void
moves_of_conversations_survive_a_failing_database(void **state)
{
	struct eas_fixture *f = *state;

	/* When all is moved but the answer is lost, there is no more to move: 6. */
	try_all(f, &(struct trial){ "ItemOperations", "<Move><Status>", "3 6 153 154",
	                            a_conversation, conversation_has_moved });
}

static const char *
a_search(struct eas_fixture *f, unsigned n)
{
	if (n == 1)
		eas_mail(f, f->inbox, NOW, "needle");
	return arena_printf(f->a,
	                    "<Search xmlns=\"Search\"><Store><Name>Mailbox</Name><Query>"
	                    "<And><CollectionId xmlns=\"AirSync\">%u</CollectionId>"
	                    "<FreeText>needle</FreeText></And></Query></Store></Search>",
	                    f->inbox);
}

static const char *
people(struct eas_fixture *f UNUSED, unsigned n UNUSED)
{
	return "<ResolveRecipients xmlns=\"ResolveRecipients\"><To>alice@example.org</To>"
	       "<Options><Availability><StartTime>2027-01-04T08:00:00.000Z</StartTime>"
	       "<EndTime>2027-01-04T12:00:00.000Z</EndTime></Availability></Options>"
	       "</ResolveRecipients>";
}

static void
searches_survive_a_failing_database(void **state)
{
	struct eas_fixture *f = *state;

	try_all(f, &(struct trial){ "Search", "<Total>1</Total>", "3", a_search, NULL });
	try_all(f, &(struct trial){ "ResolveRecipients", "<MergedFreeBusy>", "6 162",
	                            people, NULL });
}

static void
other_commands_survive_a_failing_database(void **state)
{
	struct eas_fixture *f = *state;

	try_all(f, &(struct trial){ "MoveItems", "<Status>3</Status>", "1 2 5 7",
	                            new_move, mail_moved_once });
	try_all(f, &(struct trial){ "GetItemEstimate", "<Estimate>", "2 3", an_estimate,
	                            NULL });
	try_all(f, &(struct trial){ "Ping", "<Status>2</Status>", "8", a_ping, NULL });
	try_all(f, &(struct trial){ "ItemOperations", "<Subject>one</Subject>", "3",
	                            a_fetch, NULL });
}

static const char *
device_facts(struct eas_fixture *f, unsigned n)
{
	return arena_printf(
		f->a,
		"<Settings xmlns=\"Settings\"><DeviceInformation><Set><Model>M%u"
		"</Model></Set></DeviceInformation></Settings>",
		n);
}

static const char *
ask_for_a_policy(struct eas_fixture *f UNUSED, unsigned n UNUSED)
{
	return "<Provision xmlns=\"Provision\"><Policies><Policy>"
	       "<PolicyType>MS-EAS-Provisioning-WBXML</PolicyType></Policy></Policies>"
	       "</Provision>";
}

static void
settings_and_policies_survive_a_failing_database(void **state)
{
	struct eas_fixture *f = *state;

	try_all(f, &(struct trial){ "Settings", "<DeviceInformation><Status>1</Status>",
	                            "4", device_facts, NULL });
	eas_enforce(f);
	try_all(f, &(struct trial){ "Provision", "<PolicyKey>", "3", ask_for_a_policy,
	                            NULL });
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, eas_setup, eas_teardown)
	const struct CMUnitTest tests[] = {
		T(folders_survive_a_failing_database),
		T(sync_survives_a_failing_database),
		T(other_commands_survive_a_failing_database),
		T(settings_and_policies_survive_a_failing_database),
		T(moves_of_conversations_survive_a_failing_database),
		T(searches_survive_a_failing_database),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
