/* SPDX-License-Identifier: ISC
 *
 * test_eas_query.c - plain and base64 query strings, as clients send them; ids; versions.
 */
#include "activesync/eas_id.h"
#include "activesync/eas_query.h"
#include "base/encode.h"
#include "tests/unit/eas_fixture.h"

static struct arena *a;

static int
setup(void **state UNUSED)
{
	a = arena_new();
	return 0;
}

static int
teardown(void **state UNUSED)
{
	arena_free(a);
	return 0;
}

#define assert_span(s, want)                                                             \
	do {                                                                             \
		if (!span_is((s), (want)))                                               \
			fail_msg("\"%.*s\" is not \"%s\"", SPAN_FMT(s), (want));         \
	} while (0)

static struct eas_query
parse(const char *raw, const char *version, const char *key)
{
	struct eas_query_headers h = { 0 };
	struct eas_query q;
	enum rc rc;

	if (version)
		h.version = span_str(version);
	if (key)
		h.policy_key = span_str(key);
	rc = eas_query_parse(span_str(raw), &h, a, &q);
	if (rc != RC_OK)
		fail_msg("%s: %s", raw, rc_str(rc));
	return q;
}

static void
plain_queries_are_read_whatever_the_case_of_their_keys(void **state UNUSED)
{
	struct eas_query q =
		parse("Cmd=FolderSync&User=alice%40example.org&DeviceId=androidc123&"
	              "DeviceType=Android",
	              "14.1", "2401271238");

	assert_span(q.command, "FolderSync");
	assert_span(q.user, "alice@example.org");
	assert_span(q.device_id, "androidc123");
	assert_span(q.device_type, "Android");
	assert_int_equal(q.version, 141);
	assert_int_equal(q.policy_key, 2401271238U);
	q = parse(
		"cmd=SmartReply&USER=D%5Calice&deviceid=A&devicetype=iPhone&itemid=1%3a2&"
		"CollectionId=1&SaveInSent=T",
		"12.1", NULL);
	assert_span(q.user, "D\\alice");
	assert_span(q.item_id, "1:2");
	assert_true(q.save_in_sent);
	assert_false(q.has_policy_key);
	assert_int_equal(q.version, 121);
}

static void
base64_query_of_the_specification_is_read(void **state UNUSED)
{
	/* MS-ASHTTP 2.2.1.1.1.1's own example: 14.0, FolderSync, en-US, v140Device. */
	struct eas_query q = parse("jAAJBAp2MTQwRGV2aWNlAApTbWFydFBob25l", NULL, NULL);

	assert_int_equal(q.version, 140);
	assert_span(q.command, "Sync");
	assert_int_equal(q.locale, 0x0409);
	assert_span(q.device_id, "v140Device");
	assert_false(q.has_policy_key);
	assert_span(q.device_type, "SmartPhone");
}

static void
base64_query_in_the_alphabet_of_addresses_is_read(void **state UNUSED)
{
	static const char packed[] = "\x8d\x14\x09\x04\x04"
				     "a\xfb\xff\xbf"
				     "\x00\x05Phone\x08\x04"
				     "a?>b";
	static const char *const ends[] = { "", "==", "%3D%3D" };
	AUTO_DONE(buf) struct buf url = BUF_INIT(0);

	base64url_encode(span_of(packed, sizeof(packed) - 1), &url);
	buf_add_char(&url, '\0');
	assert_non_null(strchr(url.p, '-'));
	assert_non_null(strchr(url.p, '_'));
	assert_int_equal(strlen(url.p) % 4, 2); /* "==" is missing */
	for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
		char *text = arena_printf(a, "%s%s", url.p, ends[i]);
		struct eas_query q = parse(text, NULL, NULL);

		assert_int_equal(q.version, 141);
		assert_span(q.command, "Provision");
		assert_span(q.device_type, "Phone");
		assert_span(q.user, "a?>b");
	}
}

static void
base64_query_as_windows_mail_sends_it(void **state UNUSED)
{
	static const char id[16] = "\x01\x02\x03\x04\x05\x06\x07\x08"
				   "\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10";
	AUTO_DONE(buf) struct buf raw = BUF_INIT(0);
	AUTO_DONE(buf) struct buf text = BUF_INIT(0);
	struct eas_query q;

	buf_add(&raw, "\x8d\x13\x07\x04\x10", 5);
	buf_add(&raw, id, sizeof(id));
	buf_add(&raw, "\x04\x00\x00\x00\x80\x0bWindowsMail", 17);
	buf_add(&raw, "\x07\x01\x02", 3); /* Options: AcceptMultiPart */
	buf_add(&raw,
	        "\x01\x02"
	        "12",
	        4);                    /* CollectionId */
	buf_add(&raw, "\x63\x01z", 3); /* unknown: skipped */
	base64_encode(buf_span(&raw), &text);
	buf_add_char(&text, '\0');
	q = parse(text.p, NULL, "7");
	assert_int_equal(q.version, 141);
	assert_span(q.command, "ItemOperations");
	assert_span(q.device_id, "0102030405060708090a0b0c0d0e0f10");
	assert_int_equal(q.policy_key, 0x80000000U);
	assert_true(q.accept_multipart);
	assert_false(q.save_in_sent);
	assert_span(q.collection_id, "12");
	assert_span(q.device_type, "WindowsMail");
}

/* MS-ASHTTP 2.2.1.1.1.1.3 and 2.2.1.1.1.2.5: what single commands say there. */
static void
parameters_of_commands_are_read_in_both_forms(void **state UNUSED)
{
	static const char packed[] = "\x79\x02\x09\x04\x03"
				     "abc"
				     "\x00\x05Phone"
				     "\x00\x05"
				     "a.txt"
				     "\x01\x01"
				     "5"
				     "\x03\x03"
				     "5:7"
				     "\x04\x06"
				     "RgAAAA"
				     "\x06\x06"
				     "202611"
				     "\x07\x01\x01"
				     "\x08\x05"
				     "alice";
	AUTO_DONE(buf) struct buf text = BUF_INIT(0);
	struct eas_query q[2];

	base64_encode(span_of(packed, sizeof(packed) - 1), &text);
	buf_add_char(&text, '\0');
	q[0] = parse(text.p, NULL, NULL);
	q[1] = parse("Cmd=SmartForward&DeviceId=abc&DeviceType=Phone&User=alice&"
	             "AttachmentName=a.txt&CollectionId=5&ItemId=5%3A7&LongId=RgAAAA&"
	             "Occurrence=202611&SaveInSent=T",
	             "12.1", NULL);
	for (size_t i = 0; i < ARRAY_LEN(q); i++) {
		assert_int_equal(q[i].version, 121);
		assert_span(q[i].command, "SmartForward");
		assert_span(q[i].attachment_name, "a.txt");
		assert_span(q[i].collection_id, "5");
		assert_span(q[i].item_id, "5:7");
		assert_span(q[i].long_id, "RgAAAA");
		assert_span(q[i].occurrence, "202611");
		assert_span(q[i].user, "alice");
		assert_true(q[i].save_in_sent);
		assert_false(q[i].accept_multipart);
	}
}

static void
every_command_has_its_code(void **state UNUSED)
{
	/* MS-ASHTTP 2.2.1.1.1.1.2 */
	static const struct {
		uint8_t code;
		const char *name;
	} codes[] = {
		{ 0, "Sync" },
		{ 1, "SendMail" },
		{ 2, "SmartForward" },
		{ 3, "SmartReply" },
		{ 4, "GetAttachment" },
		{ 9, "FolderSync" },
		{ 10, "FolderCreate" },
		{ 11, "FolderDelete" },
		{ 12, "FolderUpdate" },
		{ 13, "MoveItems" },
		{ 14, "GetItemEstimate" },
		{ 15, "MeetingResponse" },
		{ 16, "Search" },
		{ 17, "Settings" },
		{ 18, "Ping" },
		{ 19, "ItemOperations" },
		{ 20, "Provision" },
		{ 21, "ResolveRecipients" },
		{ 22, "ValidateCert" },
	};

	for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
		char raw[] = "\x8d.\x09\x04\x03"
			     "abc"
			     "\x00\x05Phone";
		AUTO_DONE(buf) struct buf text = BUF_INIT(0);

		raw[1] = (char)codes[i].code;
		base64_encode(span_of(raw, sizeof(raw) - 1), &text);
		buf_add_char(&text, '\0');
		assert_span(parse(text.p, NULL, NULL).command, codes[i].name);
	}
}

static void
broken_queries_are_refused(void **state UNUSED)
{
	static const char *const queries[] = {
		"",
		"User=x&DeviceId=y",        /* no command */
		"jAAJ",                     /* too short */
		"jAAJBP92MTQwRGV2aWNl",     /* length past the end */
		"jAAJBAp2MTQwRGV2aWNlAw==", /* key length 3 */
		"!!!!",
		"Cmd=Sync&DeviceId=a%0ab&DeviceType=x",
	};
	struct eas_query_headers h = { 0 };
	struct eas_query q;

	for (size_t i = 0; i < ARRAY_LEN(queries); i++) {
		if (eas_query_parse(span_str(queries[i]), &h, a, &q) != RC_INVALID)
			fail_msg("%s was taken", queries[i]);
	}
}

/* MS-ASHTTP 2.2.2.1.1: it is HTTP 501, as for a name that is none. */
static void
code_of_no_command_is_no_command(void **state UNUSED)
{
	struct eas_query q = parse("jGMJBAp2MTQwRGV2aWNlAApTbWFydFBob25l", NULL, NULL);

	assert_span(q.device_id, "v140Device");
	assert_null(eas_command_find(q.command));
	assert_true(q.command.n > 0);
}

static void
every_prefix_of_a_base64_query_is_safe(void **state UNUSED)
{
	static const char whole[] = "\x8d\x13\x07\x04\x03"
				    "abc"
				    "\x04\x01\x02\x03\x04\x04Test"
				    "\x07\x01\x03\x01\x02"
				    "12";
	struct eas_query_headers h = { 0 };
	struct eas_query q;

	for (size_t n = 0; n < sizeof(whole) - 1; n++) {
		AUTO_DONE(buf) struct buf b = BUF_INIT(0);

		base64_encode(span_of(whole, n), &b);
		if (eas_query_parse(buf_span(&b), &h, a, &q) == RC_OK)
			assert_true(n >= 18);
	}
}

static void
versions_are_numbers(void **state UNUSED)
{
	assert_int_equal(eas_version_parse(SPAN("16.1")), 161);
	assert_int_equal(eas_version_parse(SPAN(" 2.5 ")), 25);
	assert_int_equal(eas_version_parse(SPAN("")), 0);
	assert_int_equal(eas_version_parse(SPAN("x.y")), 0);
	assert_int_equal(eas_version_parse(SPAN("14.11")), 0);
	assert_string_equal(eas_version_str(141, a), "14.1");
}

static void
ids_have_one_form(void **state UNUSED)
{
	static const struct {
		const char *text;
		int depth;
		bool good;
	} cases[] = {
		{ "12", 1, true },          { "12:345", 2, true },
		{ "12:345:0", 3, true },    { "12:345:3", 3, true },
		{ "", 1, false },           { "0", 1, false },
		{ "12:0", 2, false },       { "12:", 2, false },
		{ ":12", 2, false },        { "12:345", 1, false },
		{ "12", 2, false },         { "12:345:6:7", 3, false },
		{ "4294967296", 1, false }, { "-1", 1, false },
		{ "1a", 1, false },
	};
	struct eas_id id;
	char text[EAS_ID_SIZE];

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		bool good = eas_id_parse(span_str(cases[i].text), cases[i].depth, &id) ==
		            RC_OK;

		if (good != cases[i].good)
			fail_msg("%s as %d", cases[i].text, cases[i].depth);
		if (good)
			assert_string_equal(eas_id_str(id, cases[i].depth, text),
			                    cases[i].text);
	}
}

static void
command_and_version_lists_come_from_the_table(void **state UNUSED)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);

	eas_version_list(&b);
	assert_span(buf_span(&b), "2.5,12.0,12.1,14.0,14.1,16.0,16.1");
	buf_clear(&b);
	eas_command_list(&b);
	assert_true(span_starts(buf_span(&b), "Sync,SendMail,"));
	assert_true(span_ifind(buf_span(&b), SPAN(",Search,")) < buf_len(&b));
	assert_null(eas_command_find(SPAN("Notify")));
	assert_string_equal(eas_command_find(SPAN("foldersync"))->name, "FolderSync");
}

static void
commands_that_are_not_there_say_so(void **state)
{
	struct eas_fixture *f = *state;

	eas_run(f, "Notify", NULL);
	assert_int_equal(f->http_status, 501);
	f->version = 141;
	eas_run(f, "Find", "<Find xmlns=\"Find\"/>");
	assert_int_equal(f->http_status, 501);
	f->version = 21;
	eas_run(f, "Ping", NULL);
	assert_int_equal(f->http_status, 400);
	f->version = 161;
	f->device = "";
	eas_run(f, "Ping", NULL);
	assert_string_equal(f->xml, "<Ping><Status>108</Status></Ping>");
	f->version = 121;
	eas_run(f, "Ping", NULL);
	assert_int_equal(f->http_status, 400);
	f->version = 161;
	f->device = "not a device";
	eas_run(f, "Ping", NULL);
	assert_string_equal(f->xml, "<Ping><Status>108</Status></Ping>");
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(plain_queries_are_read_whatever_the_case_of_their_keys),
		T(base64_query_of_the_specification_is_read),
		T(base64_query_in_the_alphabet_of_addresses_is_read),
		T(base64_query_as_windows_mail_sends_it),
		T(parameters_of_commands_are_read_in_both_forms),
		T(every_command_has_its_code),
		T(broken_queries_are_refused),
		T(code_of_no_command_is_no_command),
		T(every_prefix_of_a_base64_query_is_safe),
		T(versions_are_numbers),
		T(ids_have_one_form),
		T(command_and_version_lists_come_from_the_table),
		cmocka_unit_test_setup_teardown(commands_that_are_not_there_say_so,
		                                eas_setup, eas_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
