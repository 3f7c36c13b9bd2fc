/* SPDX-License-Identifier: ISC
 *
 * test_eas_options.c - what a Sync request may say, and how it is understood: Options,
 * windows, filters, bodies.
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

static void
many_mails(struct eas_fixture *f, uint32_t folder, int n)
{
	for (int i = 0; i < n; i++)
		eas_mail(f, folder, NOW - i * 1000, arena_printf(f->a, "m%d", i));
}

static void
without_a_window_a_hundred_come(void **state)
{
	struct eas_fixture *f = *state;

	many_mails(f, f->inbox, 101);
	eas_sync(f, f->inbox, "0", EAS_OPTIONS_PLAIN);
	eas_sync(f, f->inbox, eas_key(f), "");
	assert_int_equal(eas_count(f, "<Add>"), 100);
	assert_int_equal(eas_count(f, "<MoreAvailable/>"), 1);
	eas_sync(f, f->inbox, eas_key(f), "");
	assert_int_equal(eas_count(f, "<Add>"), 1);
	assert_has_not(f, "<MoreAvailable/>");
}

static void
a_window_is_never_wider_than_512(void **state)
{
	static const char *const windows[] = { "512", "0", "100000" };
	struct eas_fixture *f = *state;

	many_mails(f, f->inbox, 520);
	for (size_t i = 0; i < ARRAY_LEN(windows); i++) {
		f->device = windows[i];
		eas_sync(f, f->inbox, "0", "");
		eas_sync(f, f->inbox, eas_key(f),
		         arena_printf(f->a, "<WindowSize>%s</WindowSize>", windows[i]));
		assert_in_range(eas_count(f, "<Add>"), 100, 512);
		assert_int_equal(eas_count(f, "<MoreAvailable/>"), 1);
	}
}

static void
an_option_twice_is_no_error(void **state)
{
	static const char *const twice[] = {
		"<FilterType>0</FilterType><FilterType>1</FilterType>",
		"<MIMESupport>0</MIMESupport><MIMESupport>1</MIMESupport>",
		"<MIMETruncation>1</MIMETruncation><MIMETruncation>2</MIMETruncation>",
		"<Conflict>1</Conflict><Conflict>0</Conflict>",
		"<Class>Email</Class><Class>Email</Class>",
		"<MaxItems>1</MaxItems><MaxItems>2</MaxItems>",
	};
	struct eas_fixture *f = *state;

	eas_mail(f, f->inbox, NOW, "one");
	for (size_t i = 0; i < ARRAY_LEN(twice); i++) {
		f->device = arena_printf(f->a, "PHONE%zu", i);
		eas_sync(f, f->inbox, "0",
		         arena_printf(f->a, "<Options>%s</Options>", twice[i]));
		if (!strstr(f->xml, "<Status>1</Status>"))
			fail_msg("%s: %s", twice[i], f->xml);
		eas_sync(f, f->inbox, eas_key(f), "");
		assert_int_equal(eas_count(f, "<Add>"), 1);
	}
}

static void
options_of_one_class_twice_get_status_4(void **state)
{
	struct eas_fixture *f = *state;

	eas_sync(f, f->inbox, "0",
	         "<Options><Class>Email</Class><FilterType>0</FilterType></Options>"
	         "<Options><Class>email</Class><FilterType>1</FilterType></Options>");
	assert_has(f, "<Status>4</Status>");
	eas_sync(f, f->inbox, "0",
	         "<Options><Class>Email</Class></Options>"
	         "<Options><Class>Tasks</Class></Options>");
	assert_has(f, "<Status>4</Status>");
	eas_sync(
		f, f->inbox, "0",
		"<Options><Class>Email</Class></Options><Options><Class>SMS</Class></Options>"
		"<Options><Class>Notes</Class></Options>");
	assert_has(f, "<Status>4</Status>");
	/* Of mail and of SMS they stand side by side. */
	eas_sync(f, f->inbox, "0",
	         "<Options><Class>Email</Class><FilterType>0</FilterType></Options>"
	         "<Options><Class>SMS</Class><FilterType>1</FilterType></Options>");
	assert_has(f, "<Status>1</Status>");
}

static void
body_preferences_that_contradict_get_status_4(void **state)
{
	static const char *const wrong[] = {
		"<BodyPreference xmlns=\"AirSyncBase\"><Type>1</Type></BodyPreference>"
		"<BodyPreference xmlns=\"AirSyncBase\"><Type>1</Type><TruncationSize>5"
		"</TruncationSize></BodyPreference>",
		"<BodyPreference xmlns=\"AirSyncBase\"><Type>1</Type><TruncationSize>5"
		"</TruncationSize><AllOrNone>1</AllOrNone><AllOrNone>0</AllOrNone>"
		"</BodyPreference>",
		"<BodyPreference xmlns=\"AirSyncBase\"><Type>1</Type><AllOrNone>yes"
		"</AllOrNone></BodyPreference>",
		"<BodyPreference xmlns=\"AirSyncBase\"><Type>9</Type></BodyPreference>",
		"<BodyPreference xmlns=\"AirSyncBase\"><TruncationSize>5</TruncationSize>"
		"</BodyPreference>",
	};
	struct eas_fixture *f = *state;
	uint32_t uid = eas_mail(f, f->inbox, NOW, "one");

	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		eas_sync(f, f->inbox, "0",
		         arena_printf(f->a, "<Options>%s</Options>", wrong[i]));
		if (!strstr(f->xml, "<Status>4</Status>"))
			fail_msg("Sync, %s: %s", wrong[i], f->xml);
		eas_runf(
			f, "ItemOperations",
			"<ItemOperations xmlns=\"ItemOperations\"><Fetch><Store>Mailbox</Store>"
			"<CollectionId xmlns=\"AirSync\">%u</CollectionId><ServerId "
			"xmlns=\"AirSync\">%u:%u</ServerId><Options>%s</Options></Fetch>"
			"</ItemOperations>",
			f->inbox, f->inbox, uid, wrong[i]);
		if (strcmp(f->xml, "<ItemOperations><Status>2</Status></ItemOperations>"))
			fail_msg("ItemOperations, %s: %s", wrong[i], f->xml);
		eas_runf(
			f, "Search",
			"<Search xmlns=\"Search\"><Store><Name>Mailbox</Name><Query><And>"
			"<CollectionId xmlns=\"AirSync\">%u</CollectionId><FreeText>one"
			"</FreeText></And></Query><Options>%s</Options></Store></Search>",
			f->inbox, wrong[i]);
		if (!strstr(f->xml, "<Store><Status>2</Status>"))
			fail_msg("Search, %s: %s", wrong[i], f->xml);
	}
}

static void
filters_that_a_class_does_not_know(void **state)
{
	static const struct {
		enum store_role role;
		unsigned known; /* bits; what is no value at all gets Status 4 */
		unsigned refused;
	} cases[] = {
		{ STORE_ROLE_INBOX, 0x3f, 1u << 8 }, { STORE_ROLE_CALENDAR, 0xf1, 0 },
		{ STORE_ROLE_CONTACTS, 0x1, 0 },     { STORE_ROLE_TASKS, 0x101, 0 },
		{ STORE_ROLE_NOTES, 0x1, 0 },
	};
	struct eas_fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		uint32_t folder = eas_folder(f, cases[i].role);

		for (unsigned filter = 0; filter <= 9; filter++) {
			bool refused = filter == 9 || cases[i].refused & 1u << filter;

			f->device = arena_printf(f->a, "D%zuF%u", i, filter);
			eas_sync(f, folder, "0",
			         arena_printf(f->a,
			                      "<Options><FilterType>%u</FilterType>"
			                      "</Options>",
			                      filter));
			if (!strstr(f->xml, refused ? "<Status>4</Status>"
			                            : "<Status>1</Status>"))
				fail_msg("role %d, filter %u: %s", cases[i].role, filter,
				         f->xml);
		}
	}
}

static void
a_filter_of_mail_lets_through_what_is_young_enough(void **state)
{
	static const struct {
		const char *filter;
		size_t n;
	} cases[] = { { "0", 6 }, { "1", 1 }, { "2", 2 },
		      { "3", 3 }, { "4", 4 }, { "5", 5 } };
	static const int days[] = { 0, 2, 5, 10, 20, 200 };
	struct eas_fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LEN(days); i++)
		eas_mail(f, f->inbox, NOW - days[i] * EAS_DAY,
		         arena_printf(f->a, "m%zu", i));
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		f->device = arena_printf(f->a, "PHONE%zu", i);
		eas_sync(f, f->inbox, "0",
		         arena_printf(f->a,
		                      "<Options><FilterType>%s</FilterType></Options>",
		                      cases[i].filter));
		eas_sync(f, f->inbox, eas_key(f), "");
		assert_int_equal(eas_count(f, "<Add>"), cases[i].n);
	}
}

static void
commands_without_children_are_no_error(void **state)
{
	struct eas_fixture *f = *state;
	char *key = synced(f, f->inbox);

	eas_sync(f, f->inbox, key, "<Commands/>");
	assert_int_equal(f->http_status, 200);
	assert_has_not(f, "<Responses>");
	eas_mail(f, f->inbox, NOW, "one");
	eas_sync(f, f->inbox, key, "<Commands/>");
	assert_has(f, "<Status>1</Status>");
	assert_int_equal(eas_count(f, "<Add>"), 1);
}

static void
a_collection_without_an_id_gets_status_4(void **state)
{
	struct eas_fixture *f = *state;

	eas_run(f, "Sync",
	        "<Sync xmlns=\"AirSync\"><Collections><Collection><SyncKey>0</SyncKey>"
	        "<Supported><FirstName xmlns=\"Contacts\"/></Supported></Collection>"
	        "</Collections></Sync>");
	assert_string_equal(f->xml, "<Sync><Status>4</Status></Sync>");
}

static void
changes_come_when_they_are_asked_for(void **state)
{
	static const struct {
		const char *ask;
		bool come;
	} cases[] = {
		{ "<GetChanges>1</GetChanges>", true },
		{ "<GetChanges/>", true },
		{ "", true },
		{ "<GetChanges>0</GetChanges>", false },
	};
	struct eas_fixture *f = *state;

	eas_mail(f, f->inbox, NOW, "one");
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		f->device = arena_printf(f->a, "PHONE%zu", i);
		eas_sync(f, f->inbox, "0", "<GetChanges>0</GetChanges>");
		assert_has(f, "<Status>1</Status>");
		assert_has_not(f, "<Add>");
		eas_sync(f, f->inbox, eas_key(f), cases[i].ask);
		assert_int_equal(eas_count(f, "<Add>"), cases[i].come);
	}
}

static void
a_delete_moves_to_the_trash_unless_told_not_to(void **state)
{
	static const struct {
		const char *say;
		uint32_t in_trash;
	} cases[] = {
		{ "", 1 },
		{ "<DeletesAsMoves/>", 2 },
		{ "<DeletesAsMoves>1</DeletesAsMoves>", 3 },
		{ "<DeletesAsMoves>0</DeletesAsMoves>", 3 },
	};
	struct eas_fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		uint32_t uid = eas_mail(f, f->inbox, NOW, "one");

		f->device = arena_printf(f->a, "PHONE%zu", i);
		eas_sync(f, f->inbox, synced(f, f->inbox),
		         arena_printf(f->a,
		                      "%s<Commands><Delete><ServerId>%u:%u</ServerId>"
		                      "</Delete></Commands>",
		                      cases[i].say, f->inbox, uid));
		assert_int_equal(eas_exists(f, f->inbox), 0);
		assert_int_equal(eas_exists(f, f->trash), cases[i].in_trash);
	}
}

static void
mime_is_cut_where_the_client_says(void **state)
{
	static const struct {
		const char *truncation;
		size_t size; /* 0: no Data; SIZE_MAX: all of it */
	} cases[] = {
		{ "0", 0 },     { "1", 4096 },   { "2", 5120 },
		{ "3", 7168 },  { "4", 10240 },  { "5", 20480 },
		{ "6", 51200 }, { "7", 102400 }, { "8", SIZE_MAX },
	};
	struct eas_fixture *f = *state;
	AUTO_DONE(buf) struct buf raw = BUF_INIT(0);

	buf_add_str(&raw, "Subject: x\r\n\r\n");
	while (buf_len(&raw) < 120000)
		buf_add_str(&raw,
		            "A line of the text, as they come in long letters.\r\n");
	eas_mail_raw(f, f->inbox, NOW, buf_span(&raw));
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		bool whole = cases[i].size == SIZE_MAX;
		char *data, *end;

		f->device = arena_printf(f->a, "PHONE%zu", i);
		eas_sync(f, f->inbox, "0",
		         arena_printf(
				 f->a,
				 "<Options><MIMESupport>2</MIMESupport><MIMETruncation>%s"
				 "</MIMETruncation><BodyPreference xmlns=\"AirSyncBase\">"
				 "<Type>4</Type></BodyPreference></Options>",
				 cases[i].truncation));
		eas_sync(f, f->inbox, eas_key(f), "");
		assert_has(f, "<Body><Type>4</Type><EstimatedDataSize>");
		assert_int_equal(eas_count(f, "<Truncated>1</Truncated>"), !whole);
		data = strstr(f->xml, "<Data>");
		assert_int_equal(data != NULL, cases[i].size > 0);
		if (!data)
			continue;
		end = strstr(data, "</Data>");
		/* Each CR is five characters of XML, or none: lines are counted. */
		*end = '\0';
		if (whole)
			assert_true(strlen(data) > 110000);
		else
			assert_in_range(strlen(data),
			                cases[i].size - 6 - cases[i].size / 20,
			                cases[i].size + 6 + cases[i].size / 8);
		*end = '<';
	}
}

/* MS-ASAIRS 2.2.2.3.2 and 2.2.2.47.2, in a Sync and in a Fetch. */
static void
truncation_and_all_or_none_go_together(void **state)
{
	static const struct {
		const char *pref;
		const char *body;
	} cases[] = {
#define WHOLE "<EstimatedDataSize>10</EstimatedDataSize><Data>0123456789</Data></Body>"
#define CUT                                                                              \
	"<EstimatedDataSize>10</EstimatedDataSize><Truncated>1</Truncated>"              \
	"<Data>01234</Data></Body>"
#define NOTHING "<EstimatedDataSize>10</EstimatedDataSize><Truncated>1</Truncated></Body>"
		{ "<TruncationSize>10</TruncationSize><AllOrNone>1</AllOrNone>", WHOLE },
		{ "<TruncationSize>5</TruncationSize><AllOrNone>1</AllOrNone>", NOTHING },
		{ "<TruncationSize>5</TruncationSize><AllOrNone>0</AllOrNone>", CUT },
		{ "<TruncationSize>10</TruncationSize><AllOrNone>0</AllOrNone>", WHOLE },
		{ "<TruncationSize>5</TruncationSize>", CUT },
		{ "<TruncationSize>10</TruncationSize>", WHOLE },
		{ "<AllOrNone>1</AllOrNone>", WHOLE },
		{ "<AllOrNone>0</AllOrNone>", WHOLE },
		{ "", WHOLE },
	};
	struct eas_fixture *f = *state;
	uint32_t uid =
		eas_mail_raw(f, f->inbox, NOW, SPAN("Subject: x\r\n\r\n0123456789"));

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const char *pref = arena_printf(
			f->a,
			"<BodyPreference xmlns=\"AirSyncBase\"><Type>1</Type>%s"
			"</BodyPreference>",
			cases[i].pref);
		const char *want =
			arena_printf(f->a, "<Body><Type>1</Type>%s", cases[i].body);

		f->device = arena_printf(f->a, "PHONE%zu", i);
		eas_sync(f, f->inbox, "0",
		         arena_printf(f->a, "<Options>%s</Options>", pref));
		eas_sync(f, f->inbox, eas_key(f), "");
		assert_has(f, want);
		eas_runf(
			f, "ItemOperations",
			"<ItemOperations xmlns=\"ItemOperations\"><Fetch><Store>Mailbox</Store>"
			"<CollectionId xmlns=\"AirSync\">%u</CollectionId><ServerId "
			"xmlns=\"AirSync\">%u:%u</ServerId><Options>%s</Options></Fetch>"
			"</ItemOperations>",
			f->inbox, f->inbox, uid, pref);
		assert_has(f, want);
	}
}

static void
an_empty_file_reference_gets_status_15(void **state)
{
	struct eas_fixture *f = *state;

	eas_run(f, "ItemOperations",
	        "<ItemOperations xmlns=\"ItemOperations\"><Fetch><Store>Mailbox</Store>"
	        "<FileReference xmlns=\"AirSyncBase\"></FileReference></Fetch>"
	        "</ItemOperations>");
	assert_has(f, "<Fetch><Status>15</Status>");
}

static void
a_signed_mail_has_its_body_as_mime(void **state)
{
	static const char signed_mail[] =
		"Subject: signed\r\nMIME-Version: 1.0\r\nContent-Type: multipart/signed; "
		"protocol=\"application/pkcs7-signature\"; micalg=sha-256; boundary=b\r\n\r\n"
		"--b\r\nContent-Type: text/plain\r\n\r\nhello\r\n"
		"--b\r\nContent-Type: application/pkcs7-signature; name=smime.p7s\r\n"
		"Content-Transfer-Encoding: base64\r\n\r\nAAEC\r\n--b--\r\n";
	struct eas_fixture *f = *state;

	eas_mail_raw(f, f->inbox, NOW, span_str(signed_mail));
	eas_sync(f, f->inbox, "0",
	         "<Options><MIMESupport>1</MIMESupport>"
	         "<BodyPreference xmlns=\"AirSyncBase\"><Type>2</Type></BodyPreference>"
	         "<BodyPreference xmlns=\"AirSyncBase\"><Type>4</Type></BodyPreference>"
	         "</Options>");
	eas_sync(f, f->inbox, eas_key(f), "");
	assert_has(f, "<MessageClass>IPM.Note.SMIME.MultipartSigned</MessageClass>");
	assert_has(f, "<Body><Type>4</Type><EstimatedDataSize>");
	assert_has(f, "Content-Type: application/pkcs7-signature");
}

static void
what_a_client_says_of_truncated_means_nothing(void **state)
{
	struct eas_fixture *f = *state;
	uint32_t folder = eas_folder(f, STORE_ROLE_TASKS);

	for (int i = 0; i < 2; i++) {
		f->device = i ? "PHONE1" : "PHONE0";
		eas_sync(
			f, folder, synced(f, folder),
			arena_printf(
				f->a,
				"<Commands><Add><ClientId>c%d</ClientId><ApplicationData>"
				"<Subject xmlns=\"Tasks\">t</Subject>"
				"<Body xmlns=\"AirSyncBase\"><Type>1</Type>"
				"<Truncated>%d</Truncated><Data>all of it</Data></Body>"
				"</ApplicationData></Add></Commands>",
				i, i));
		assert_has(f, "<Status>1</Status>");
	}
	f->device = "TABLET";
	synced(f, folder);
	assert_int_equal(eas_count(f, "<Data>all of it</Data>"), 2);
	assert_has_not(f, "<Truncated>");
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, eas_setup, eas_teardown)
	const struct CMUnitTest tests[] = {
		T(without_a_window_a_hundred_come),
		T(a_window_is_never_wider_than_512),
		T(an_option_twice_is_no_error),
		T(options_of_one_class_twice_get_status_4),
		T(body_preferences_that_contradict_get_status_4),
		T(filters_that_a_class_does_not_know),
		T(a_filter_of_mail_lets_through_what_is_young_enough),
		T(commands_without_children_are_no_error),
		T(a_collection_without_an_id_gets_status_4),
		T(changes_come_when_they_are_asked_for),
		T(a_delete_moves_to_the_trash_unless_told_not_to),
		T(mime_is_cut_where_the_client_says),
		T(truncation_and_all_or_none_go_together),
		T(an_empty_file_reference_gets_status_15),
		T(a_signed_mail_has_its_body_as_mime),
		T(what_a_client_says_of_truncated_means_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
