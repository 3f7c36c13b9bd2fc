/* SPDX-License-Identifier: ISC
 *
 * test_eas_legacy.c - protocols 2.5 and 12.0: what their devices say and are told.
 */
#include "tests/unit/eas_fixture.h"

static const char mixed[] = "From: Bob <b@example.net>\r\nTo: alice@example.org\r\n"
			    "Subject: old\r\nMIME-Version: 1.0\r\n"
			    "Content-Type: multipart/mixed; boundary=b\r\n\r\n"
			    "--b\r\nContent-Type: text/plain\r\n\r\n"
			    "0123456789012345678901234567890123456789\r\n"
			    "--b\r\nContent-Type: application/pdf\r\n"
			    "Content-Disposition: attachment; filename=a.pdf\r\n"
			    "Content-Transfer-Encoding: base64\r\n\r\nAAECAw==\r\n"
			    "--b--\r\n";

static const char *
sync_old(struct eas_fixture *f, uint32_t folder, const char *class, const char *inner)
{
	eas_runf(f, "Sync",
	         "<Sync xmlns=\"AirSync\"><Collections><Collection><Class>%s</Class>"
	         "<SyncKey>0</SyncKey><CollectionId>%u</CollectionId></Collection>"
	         "</Collections></Sync>",
	         class, folder);
	return eas_runf(
		f, "Sync",
		"<Sync xmlns=\"AirSync\"><Collections><Collection><Class>%s</Class>"
		"<SyncKey>%s</SyncKey><CollectionId>%u</CollectionId><GetChanges/>%s"
		"</Collection></Collections></Sync>",
		class, eas_key(f), folder, inner);
}

static void
mail_comes_in_the_words_of_2_5(void **state)
{
	struct eas_fixture *f = *state;

	f->version = 25;
	eas_mail_raw(f, f->inbox, EAS_NOW, span_of(mixed, sizeof(mixed) - 1));
	sync_old(f, f->inbox, "Email", "<Options><Truncation>4</Truncation></Options>");
	assert_has(f, "<Collection><Class>Email</Class><SyncKey>");
	assert_has(f, "<BodySize>40</BodySize><BodyTruncated>0</BodyTruncated><Body>"
	              "0123456789012345678901234567890123456789</Body>");
	assert_has(f, "<Attachments><Attachment><AttMethod>1</AttMethod><AttSize>");
	assert_has(f, "<DisplayName>a.pdf</DisplayName><AttName>");
	assert_has_not(f, "NativeBodyType");
	assert_has_not(f, "<Flag");
	assert_has_not(f, "ContentClass");
	assert_has_not(f, "Preview");
	f->attachment = eas_value(f, "AttName", 0);
	eas_run(f, "GetAttachment", NULL);
	assert_int_equal(f->http_status, 200);
	assert_memory_equal(f->body.p, "\0\1\2\3", 4);
}

static void
truncation_cuts_what_2_5_is_told(void **state)
{
	struct eas_fixture *f = *state;

	f->version = 25;
	eas_mail_raw(f, f->inbox, EAS_NOW, span_of(mixed, sizeof(mixed) - 1));
	sync_old(f, f->inbox, "Email", "<Options><Truncation>0</Truncation></Options>");
	assert_has(f, "<BodyTruncated>1</BodyTruncated>");
	assert_has_not(f, "<Body>");
	sync_old(f, f->inbox, "Email",
	         "<Options><Truncation>9</Truncation><MIMESupport>2</MIMESupport>"
	         "</Options>");
	assert_has(f, "<MIMETruncated>0</MIMETruncated><MIMEData>From: Bob");
	assert_has(f, "<MIMESize>");
}

static void
contacts_and_tasks_go_both_ways_at_2_5(void **state)
{
	struct eas_fixture *f = *state;
	uint32_t contacts = eas_folder(f, STORE_ROLE_CONTACTS);
	uint32_t tasks = eas_folder(f, STORE_ROLE_TASKS);

	f->version = 25;
	sync_old(
		f, contacts, "Contacts",
		"<Commands><Add><ClientId>1</ClientId><ApplicationData>"
		"<FileAs xmlns=\"Contacts\">Old, Phone</FileAs>"
		"<Body xmlns=\"Contacts\">a note</Body></ApplicationData></Add></Commands>");
	assert_has(f, "<Add><ClientId>1</ClientId><ServerId>");
	assert_has(f, "<Status>1</Status></Add>");
	sync_old(f, tasks, "Tasks",
	         "<Commands><Add><ClientId>2</ClientId><ApplicationData>"
	         "<Subject xmlns=\"Tasks\">buy</Subject><Body xmlns=\"Tasks\">milk</Body>"
	         "</ApplicationData></Add></Commands>");
	assert_has(f, "<Status>1</Status></Add>");
	f->device = "PHONE2";
	sync_old(f, contacts, "Contacts", "");
	assert_has(f, "<FileAs>Old, Phone</FileAs>");
	assert_has(f, "<BodyTruncated>0</BodyTruncated><Body>a note</Body>");
	sync_old(f, tasks, "Tasks", "");
	assert_has(f, "<Body>milk</Body>");
	/* A newer phone sees the same. */
	f->device = "PHONE3";
	f->version = 161;
	eas_sync(f, contacts, "0", "");
	eas_sync(f, contacts, eas_key(f), "<GetChanges/>");
	assert_has(f, "<Data>a note</Data>");
}

static void
hierarchy_is_told_to_old_devices_alone(void **state)
{
	struct eas_fixture *f = *state;

	f->version = 25;
	eas_run(f, "GetHierarchy", NULL);
	assert_has(f, "<Folders><Folder><ServerId>");
	assert_has(f, "<DisplayName>INBOX</DisplayName><Type>2</Type>");
	f->version = 121;
	eas_run(f, "GetHierarchy", NULL);
	assert_int_equal(f->http_status, 200);
	f->version = 140;
	eas_run(f, "GetHierarchy", NULL);
	assert_int_equal(f->http_status, 501);
}

static void
commands_of_12_0_are_not_there_at_2_5(void **state)
{
	struct eas_fixture *f = *state;

	f->version = 25;
	eas_run(f, "ItemOperations", "<ItemOperations xmlns=\"ItemOperations\"/>");
	assert_int_equal(f->http_status, 501);
	eas_run(f, "Settings", "<Settings xmlns=\"Settings\"/>");
	assert_int_equal(f->http_status, 501);
	eas_run(f, "Notify", NULL);
	assert_int_equal(f->http_status, 501);
}

static void
version_12_0_syncs_as_12_1(void **state)
{
	struct eas_fixture *f = *state;

	f->version = 120;
	eas_mail_raw(f, f->inbox, EAS_NOW, span_of(mixed, sizeof(mixed) - 1));
	sync_old(f, f->inbox, "Email",
	         "<Options><BodyPreference xmlns=\"AirSyncBase\"><Type>1</Type>"
	         "</BodyPreference></Options>");
	assert_has(f, "<Class>Email</Class>");
	assert_has(f, "<Body><Type>1</Type>");
	assert_has(f, "<NativeBodyType>1</NativeBodyType>");
	assert_has_not(f, "ConversationId");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, eas_setup, eas_teardown)
		T(mail_comes_in_the_words_of_2_5),
		T(truncation_cuts_what_2_5_is_told),
		T(contacts_and_tasks_go_both_ways_at_2_5),
		T(hierarchy_is_told_to_old_devices_alone),
		T(commands_of_12_0_are_not_there_at_2_5),
		T(version_12_0_syncs_as_12_1),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
