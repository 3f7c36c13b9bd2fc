/* SPDX-License-Identifier: ISC
 *
 * test_eas_quarantine.c - what a device in quarantine sees, and how it goes on.
 */
#include "mdm/mdm_access.h"
#include "tests/unit/eas_fixture.h"

#define SYNC(id, key, inner)                                                             \
	"<Sync xmlns=\"AirSync\"><Collections><Collection><SyncKey>" key                 \
	"</SyncKey><CollectionId>" id "</CollectionId>" inner                            \
	"</Collection></Collections></Sync>"
#define PING(id)                                                                         \
	"<Ping xmlns=\"Ping\"><HeartbeatInterval>600</HeartbeatInterval><Folders>"       \
	"<Folder><Id>" id "</Id><Class>Email</Class></Folder></Folders></Ping>"
#define FULL                                                                             \
	"<Options><BodyPreference xmlns=\"AirSyncBase\"><Type>1</Type>"                  \
	"</BodyPreference></Options>"

static const struct mdm_actor admin = { { "root", 4 }, { "test", 4 } };

static const char *
folders(struct eas_fixture *f, const char *key)
{
	return eas_runf(f, "FolderSync",
	                "<FolderSync xmlns=\"FolderHierarchy\"><SyncKey>%s</SyncKey>"
	                "</FolderSync>",
	                key);
}

static void
set_state(struct eas_fixture *f, enum store_device_state s)
{
	assert_ok(mdm_device_set_state(f->mdm, f->user, 1, s, SPAN("said so"), &admin));
}

/* New devices of the user wait. */
static int
set_up(void **state)
{
	struct store_device_rules rules = { .limit = -1,
		                            .unknown = STORE_DEVICE_DEFAULT_QUARANTINE };
	int failed = eas_setup(state);
	struct eas_fixture *f = *state;

	assert_ok(mdm_device_set_rules(f->mdm, f->user, &rules, &admin));
	eas_mail(f, f->inbox, EAS_NOW - 1000, "secret");
	return failed;
}

static void
it_sees_one_folder_with_one_message_that_says_what_happens(void **state)
{
	struct eas_fixture *f = *state;

	folders(f, "0");
	assert_string_equal(f->xml,
	                    "<FolderSync><Status>1</Status><SyncKey>1</SyncKey><Changes>"
	                    "<Count>1</Count><Add><ServerId>quarantine</ServerId>"
	                    "<ParentId>0</ParentId><DisplayName>Inbox</DisplayName>"
	                    "<Type>2</Type></Add></Changes></FolderSync>");
	/* Again and again, it stays so. */
	folders(f, "1");
	assert_has(f, "<Count>0</Count>");
	folders(f, "0");
	assert_has(f, "<SyncKey>1</SyncKey><Changes><Count>1</Count>");
	eas_run(f, "Sync", SYNC("quarantine", "0", ""));
	assert_has(f, "<SyncKey>1</SyncKey><CollectionId>quarantine</CollectionId>"
	              "<Status>1</Status>");
	eas_run(f, "Sync", SYNC("quarantine", "1", FULL));
	assert_int_equal(eas_count(f, "<Add>"), 1);
	assert_has(f, "<ServerId>quarantine:1</ServerId>");
	assert_has(f, "Device: PHONE1");
	assert_has(f, "godwitctl device approve alice@example.org PHONE1");
	assert_has(f, "waits for an administrator");
	assert_has_not(f, "secret");
	eas_run(f, "Sync", SYNC("quarantine", "2", FULL));
	assert_int_equal(f->http_status, 200);
	assert_string_equal(f->xml, "");
}

static void
it_can_fetch_that_message_and_nothing_else(void **state)
{
	struct eas_fixture *f = *state;
	char other[200];

	eas_run(f, "ItemOperations",
	        "<ItemOperations xmlns=\"ItemOperations\"><Fetch><Store>Mailbox</Store>"
	        "<CollectionId xmlns=\"AirSync\">quarantine</CollectionId>"
	        "<ServerId xmlns=\"AirSync\">quarantine:1</ServerId><Options>"
	        "<BodyPreference xmlns=\"AirSyncBase\"><Type>2</Type></BodyPreference>"
	        "</Options></Fetch></ItemOperations>");
	assert_has(f, "<Type>2</Type>");
	assert_has(f, "approve alice@example.org PHONE1");
	snprintf(other, sizeof(other),
	         "<ItemOperations xmlns=\"ItemOperations\"><Fetch><Store>Mailbox</Store>"
	         "<ServerId xmlns=\"AirSync\">%u:1</ServerId></Fetch></ItemOperations>",
	         f->inbox);
	eas_run(f, "ItemOperations", other);
	assert_has(f, "<Fetch><Status>6</Status></Fetch>");
	eas_run(f, "SendMail",
	        "<SendMail xmlns=\"ComposeMail\"><ClientId>1</ClientId><Mime>To: x@y\n\nx"
	        "</Mime></SendMail>");
	assert_has(f, "<Status>129</Status>");
	assert_int_equal(f->n_sent, 0);
	eas_run(f, "MoveItems",
	        "<MoveItems xmlns=\"Move\"><Move><SrcMsgId>1:1</SrcMsgId><SrcFldId>1"
	        "</SrcFldId><DstFldId>2</DstFldId></Move></MoveItems>");
	assert_has(f, "<Status>129</Status>");
	eas_run(f, "Settings",
	        "<Settings xmlns=\"Settings\"><UserInformation><Get/></UserInformation>"
	        "</Settings>");
	assert_has(f, "<Status>129</Status>");
	eas_run(f, "Settings",
	        "<Settings xmlns=\"Settings\"><DeviceInformation><Set><Model>Pixel</Model>"
	        "</Set></DeviceInformation></Settings>");
	assert_has(f, "<DeviceInformation><Status>1</Status></DeviceInformation>");
	f->version = 121;
	eas_run(f, "MoveItems", "<MoveItems xmlns=\"Move\"/>");
	assert_int_equal(f->http_status, 403);
}

static void
keys_and_folders_of_other_times_send_it_back_to_the_start(void **state)
{
	struct eas_fixture *f = *state;

	folders(f, "4711");
	assert_string_equal(f->xml, "<FolderSync><Status>9</Status></FolderSync>");
	eas_run(f, "Sync", SYNC("5", "123456", ""));
	assert_string_equal(f->xml, "<Sync><Status>12</Status></Sync>");
	eas_run(f, "Sync", SYNC("quarantine", "123456", ""));
	assert_has(f, "<Status>3</Status>");
	eas_run(f, "Sync", NULL);
	assert_string_equal(f->xml, "<Sync><Status>13</Status></Sync>");
	eas_run(f, "Ping", NULL);
	assert_string_equal(f->xml, "<Ping><Status>3</Status></Ping>");
	eas_run(f, "Ping", PING("5"));
	assert_string_equal(f->xml, "<Ping><Status>7</Status></Ping>");
	eas_run(f, "GetItemEstimate",
	        "<GetItemEstimate xmlns=\"GetItemEstimate\"><Collections><Collection>"
	        "<SyncKey xmlns=\"AirSync\">1</SyncKey><CollectionId>quarantine"
	        "</CollectionId></Collection></Collections></GetItemEstimate>");
	assert_has(f, "<Estimate>1</Estimate>");
}

static void
its_ping_waits_and_tells_when_it_is_approved(void **state)
{
	struct eas_fixture *f = *state;
	const char *key;

	folders(f, "0");
	f->can_wait = true;
	eas_run(f, "Ping", PING("quarantine"));
	assert_true(f->waiting);
	assert_int_equal(f->wait_ms, 600000);
	/* The user's mail does not concern it. */
	eas_mail(f, f->inbox, EAS_NOW, "another secret");
	loop_run_once(f->loop, false);
	assert_int_equal(f->woken, 0);
	set_state(f, STORE_DEVICE_ALLOWED);
	loop_run_once(f->loop, false);
	assert_int_equal(f->woken, 1);
	eas_resume(f, "Ping");
	assert_string_equal(f->xml, "<Ping><Status>7</Status></Ping>");
	/* From there on it is as any other, by itself. */
	folders(f, "1");
	assert_string_equal(f->xml, "<FolderSync><Status>9</Status></FolderSync>");
	eas_run(f, "Sync", SYNC("quarantine", "2", FULL));
	assert_has(f, "<Status>12</Status>");
	folders(f, "0");
	assert_has_not(f, "quarantine");
	eas_sync(f, f->inbox, "0", EAS_OPTIONS_PLAIN);
	key = eas_key(f);
	eas_sync(f, f->inbox, key, EAS_OPTIONS_PLAIN);
	assert_has(f, "<Subject>secret</Subject>");
}

static void
a_sync_that_waits_there_is_told_as_well(void **state)
{
	struct eas_fixture *f = *state;

	folders(f, "0");
	f->can_wait = true;
	eas_run(f, "Sync",
	        "<Sync xmlns=\"AirSync\"><Collections><Collection><SyncKey>2</SyncKey>"
	        "<CollectionId>quarantine</CollectionId></Collection></Collections>"
	        "<HeartbeatInterval>300</HeartbeatInterval></Sync>");
	assert_true(f->waiting);
	set_state(f, STORE_DEVICE_ALLOWED);
	loop_run_once(f->loop, false);
	assert_int_equal(f->woken, 1);
	eas_resume(f, "Sync");
	assert_string_equal(f->xml, "<Sync><Status>12</Status></Sync>");
}

static void
a_device_that_syncs_loses_sight_of_its_folders(void **state)
{
	struct eas_fixture *f = *state;
	char ping[400], *key;

	folders(f, "0");
	set_state(f, STORE_DEVICE_ALLOWED);
	folders(f, "0");
	key = arena_strndup(f->a, span_str(eas_value(f, "SyncKey", 0)));
	snprintf(
		ping, sizeof(ping),
		"<Ping xmlns=\"Ping\"><HeartbeatInterval>600</HeartbeatInterval><Folders>"
		"<Folder><Id>%u</Id><Class>Email</Class></Folder></Folders></Ping>",
		f->inbox);
	f->can_wait = true;
	eas_run(f, "Ping", ping);
	assert_true(f->waiting);
	set_state(f, STORE_DEVICE_QUARANTINED);
	loop_run_once(f->loop, false);
	eas_resume(f, "Ping");
	assert_string_equal(f->xml, "<Ping><Status>7</Status></Ping>");
	folders(f, key);
	assert_string_equal(f->xml, "<FolderSync><Status>9</Status></FolderSync>");
	folders(f, "0");
	assert_has(f, "<Count>1</Count>");
	/* And back: what it had synced is still known. */
	set_state(f, STORE_DEVICE_ALLOWED);
	folders(f, key);
	assert_has(f, "<Status>1</Status>");
}

static void
a_blocked_device_that_waits_is_told_at_once(void **state)
{
	struct eas_fixture *f = *state;

	folders(f, "0");
	f->can_wait = true;
	eas_run(f, "Ping", PING("quarantine"));
	assert_true(f->waiting);
	set_state(f, STORE_DEVICE_BLOCKED);
	loop_run_once(f->loop, false);
	eas_resume(f, "Ping");
	assert_string_equal(f->xml, "<Ping><Status>129</Status></Ping>");
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, eas_teardown)
	const struct CMUnitTest tests[] = {
		TEST(it_sees_one_folder_with_one_message_that_says_what_happens),
		TEST(it_can_fetch_that_message_and_nothing_else),
		TEST(keys_and_folders_of_other_times_send_it_back_to_the_start),
		TEST(its_ping_waits_and_tells_when_it_is_approved),
		TEST(a_sync_that_waits_there_is_told_as_well),
		TEST(a_device_that_syncs_loses_sight_of_its_folders),
		TEST(a_blocked_device_that_waits_is_told_at_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
