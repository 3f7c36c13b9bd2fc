/* SPDX-License-Identifier: ISC
 *
 * test_eas_legacy.c - protocols 2.5 and 12.0: what their devices say and are told.
 */
#include "base/encode.h"
#include "format/itip.h"
#include "format/mime_text.h"
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
	assert_has(
		f,
		"<ParentId>0</ParentId><DisplayName>Inbox</DisplayName><Type>2</Type>");
	assert_has(f, "<Type>4</Type>");
	assert_has(f, "<Type>5</Type>");
	/* Of mail alone: no calendar, contacts, tasks or notes. */
	assert_has_not(f, "<Type>7</Type>");
	assert_has_not(f, "<Type>8</Type>");
	assert_has_not(f, "<Type>9</Type>");
	assert_has_not(f, "<Type>10</Type>");
	f->version = 121;
	eas_run(f, "GetHierarchy", NULL);
	assert_int_equal(f->http_status, 200);
	f->version = 140;
	eas_run(f, "GetHierarchy", NULL);
	assert_int_equal(f->http_status, 501);
}

/* The documents name them and describe none. */
static void
collection_commands_are_nowhere(void **state)
{
	static const char *const names[] = { "CreateCollection", "DeleteCollection",
		                             "MoveCollection" };
	static const uint16_t versions[] = { 25, 120, 121, 140, 161 };
	struct eas_fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		for (size_t k = 0; k < ARRAY_LEN(versions); k++) {
			f->version = versions[k];
			eas_run(f, names[i], NULL);
			assert_int_equal(f->http_status, 501);
		}
	}
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

#define ANSWER                                                                           \
	"From: alice@example.org\r\nTo: bob@example.net\r\nSubject: Re: old\r\n\r\nmine\r\n"

/* The packed form of a query (MS-ASHTTP 2.2.1.1.1.1) with one parameter. */
static const char *
packed(struct eas_fixture *f, uint8_t command, uint8_t tag, const char *value)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);
	AUTO_DONE(buf) struct buf text = BUF_INIT(0);

	buf_add_char(&b, 121);
	buf_add_char(&b, (char)command);
	buf_add(&b, "\x09\x04\x06PHONE1\0\x04Test", 15);
	buf_add_char(&b, (char)tag);
	buf_add_char(&b, (char)strlen(value));
	buf_add_str(&b, value);
	base64_encode(buf_span(&b), &text);
	return arena_strndup(f->a, buf_span(&text));
}

/* The text of the last message sent. */
static const char *
sent_text(struct eas_fixture *f)
{
	struct span raw = span_str(f->sent_message);
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);
	struct mime_view view;
	const struct mime_part *p;

	mime_view_make(mime_parse(raw, NULL, f->a), f->a, &view);
	p = view.plain;
	assert_non_null(p);
	mime_decode_text(p, span_sub(raw, p->body_at, p->body_at + p->body_len), &b);
	return arena_strndup(f->a, buf_span(&b));
}

static void
source_is_named_in_the_query_before_14_0(void **state)
{
	struct eas_fixture *f = *state;
	uint32_t uid =
		eas_mail_raw(f, f->inbox, EAS_NOW, span_of(mixed, sizeof(mixed) - 1));
	const char *long_id = arena_printf(f->a, "S%u-%u", f->inbox, uid);
	const char *queries[] = {
		arena_printf(f->a, "Cmd=SmartReply&ItemId=%u%%3a%u&CollectionId=%u",
		             f->inbox, uid, f->inbox),
		arena_printf(f->a, "Cmd=SmartReply&LongId=%s&SaveInSent=T", long_id),
		packed(f, 3, 4, long_id),
	};
	struct store_item item;

	f->version = 121;
	for (size_t i = 0; i < ARRAY_LEN(queries); i++) {
		f->query = queries[i];
		eas_run_bytes(f, "SmartReply", SPAN(ANSWER));
		assert_int_equal(f->http_status, 200);
		assert_int_equal(f->n_sent, i + 1);
		assert_non_null(strstr(sent_text(f), "> 01234567890123456789"));
	}
	assert_int_equal(eas_exists(f, f->sent), 1);
	assert_ok(eas_item(f, f->inbox, uid, &item));
	assert_true(item.flags & STORE_FLAG_ANSWERED);
	f->query = packed(f, 2, 4, long_id);
	eas_run_bytes(f, "SmartForward", SPAN(ANSWER));
	assert_int_equal(f->http_status, 200);
	assert_non_null(strstr(f->sent_message, "Content-Type: message/rfc822"));
	/* Where nothing is, HTTP says so. */
	f->query = "Cmd=SmartForward&LongId=S99-1";
	eas_run_bytes(f, "SmartForward", SPAN(ANSWER));
	assert_int_equal(f->http_status, 500);
	assert_int_equal(f->n_sent, 4);
}

static struct itip
invitation(struct eas_fixture *f)
{
	struct span raw = span_str(f->sent_message);
	AUTO_DONE(buf) struct buf text = BUF_INIT(0);
	struct mime_part *root = mime_parse(raw, NULL, f->a);
	struct mime_part *p = itip_part(root);
	struct itip in;

	assert_non_null(p);
	mime_decode_text(p, span_sub(raw, p->body_at, p->body_at + p->body_len), &text);
	assert_ok(itip_parse(arena_span(f->a, buf_span(&text)), f->a, &in));
	return in;
}

static void
occurrence_in_the_query_is_the_instance(void **state)
{
	struct eas_fixture *f = *state;
	uint32_t calendar = eas_folder(f, STORE_ROLE_CALENDAR);
	const char *id;
	const char *queries[2];

	f->version = 121;
	sync_old(f, calendar, "Calendar",
	         "<Commands><Add><ClientId>1</ClientId><ApplicationData>"
	         "<Subject xmlns=\"Calendar\">Tides</Subject>"
	         "<StartTime xmlns=\"Calendar\">20261201T090000Z</StartTime>"
	         "<EndTime xmlns=\"Calendar\">20261201T100000Z</EndTime>"
	         "<Recurrence xmlns=\"Calendar\"><Type>1</Type><Interval>1</Interval>"
	         "<DayOfWeek>4</DayOfWeek></Recurrence></ApplicationData></Add>"
	         "</Commands>");
	id = eas_value(f, "ServerId", 0);
	assert_string_not_equal(id, "");
	queries[0] = arena_printf(
		f->a, "Cmd=SmartForward&ItemId=%s&Occurrence=2026-12-08T09:00:00.000Z",
		id);
	queries[1] = arena_printf(
		f->a, "Cmd=SmartForward&ItemId=%s&Occurrence=20261208T090000Z", id);
	for (size_t i = 0; i < ARRAY_LEN(queries); i++) {
		struct itip in;

		f->query = queries[i];
		eas_run_bytes(f, "SmartForward", SPAN(ANSWER));
		assert_int_equal(f->http_status, 200);
		in = invitation(f);
		assert_null(in.event->recur);
		assert_int_equal(in.event->recurrence_id.at.day, 8);
	}
	f->query = arena_printf(f->a, "Cmd=SmartForward&ItemId=%s", id);
	eas_run_bytes(f, "SmartForward", SPAN(ANSWER));
	assert_non_null(invitation(f).event->recur);
	f->query = arena_printf(
		f->a, "Cmd=SmartForward&ItemId=%s&Occurrence=20261209T090000Z", id);
	eas_run_bytes(f, "SmartForward", SPAN(ANSWER));
	assert_int_equal(f->http_status, 500);
	assert_int_equal(f->n_sent, 3);
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
		T(collection_commands_are_nowhere),
		T(commands_of_12_0_are_not_there_at_2_5),
		T(version_12_0_syncs_as_12_1),
		T(source_is_named_in_the_query_before_14_0),
		T(occurrence_in_the_query_is_the_instance),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
