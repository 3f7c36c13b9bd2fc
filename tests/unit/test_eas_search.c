/* SPDX-License-Identifier: ISC
 *
 * test_eas_search.c - Search and Find: the mailbox and the address list.
 */
#include "store/store_person.h"
#include "tests/unit/eas_fixture.h"

#define NOW EAS_NOW

static uint32_t
mail(struct eas_fixture *f, uint32_t folder, int64_t ms, const char *raw)
{
	return eas_mail_raw(f, folder, ms, span_str(raw));
}

static void
fill(struct eas_fixture *f)
{
	mail(f, f->inbox, NOW - 3 * EAS_DAY,
	     "From: Anna <anna@example.net>\r\nTo: alice@example.org\r\n"
	     "Subject: Budget for spring\r\nMessage-ID: <1@x>\r\n\r\n"
	     "The numbers are attached.\r\n");
	mail(f, f->inbox, NOW - 2 * EAS_DAY,
	     "From: Ben <ben@example.net>\r\nTo: alice@example.org\r\n"
	     "Cc: Anna <anna@example.net>\r\n"
	     "Subject: Re: Budget for spring\r\nReferences: <1@x>\r\n"
	     "Message-ID: <2@x>\r\nImportance: high\r\n"
	     "Content-Type: multipart/mixed; boundary=b\r\n\r\n"
	     "--b\r\n\r\nLooks   good,\r\nthanks\r\n"
	     "--b\r\nContent-Type: application/pdf; name=plan.pdf\r\n"
	     "Content-Disposition: attachment\r\n\r\nx\r\n--b--\r\n");
	mail(f, f->sent, NOW - EAS_DAY,
	     "From: alice@example.org\r\nTo: anna@example.net\r\n"
	     "Subject: Lunch\r\nMessage-ID: <3@x>\r\n\r\nbudget talk at noon?\r\n");
}

#define SEARCH(query, options)                                                           \
	"<Search xmlns=\"Search\"><Store><Name>Mailbox</Name><Query>" query              \
	"</Query><Options>" options "</Options></Store></Search>"
#define TEXT(t) "<FreeText xmlns=\"Search\">" t "</FreeText>"
#define FOLDER "<CollectionId xmlns=\"AirSync\">%u</CollectionId>"

/* Subjects of what was found, each behind a '|'. */
static const char *
subjects(struct eas_fixture *f)
{
	const char *s = "";

	for (size_t i = 0; *eas_value(f, "Subject", i); i++)
		s = arena_printf(f->a, "%s|%s", s, eas_value(f, "Subject", i));
	return s;
}

static void
mail_is_found_newest_first(void **state)
{
	struct eas_fixture *f = *state;

	fill(f);
	eas_run(f, "Search", SEARCH("<And>" TEXT("budget") "</And>", ""));
	assert_string_equal(subjects(f),
	                    "|Lunch|Re: Budget for spring|Budget for spring");
	assert_has(f, "<Search><Status>1</Status><Response><Store><Status>1</Status>"
	              "<Result><Class>Email</Class><LongId>S");
	assert_has(f, "<Range>0-2</Range><Total>3</Total></Store></Response></Search>");
	assert_string_equal(eas_value(f, "LongId", 2),
	                    arena_printf(f->a, "S%u-1", f->inbox));
	eas_run(f, "Search", SEARCH("<And>" TEXT("BUDGET spr") "</And>", ""));
	assert_int_equal(eas_count(f, "<Result>"), 2);
	eas_run(f, "Search", SEARCH("<And>" TEXT("budget") TEXT("noon") "</And>", ""));
	assert_string_equal(subjects(f), "|Lunch");
	eas_run(f, "Search", SEARCH("<And>" TEXT("nowhere") "</And>", ""));
	assert_has(f, "<Store><Status>1</Status><Result/><Total>0</Total></Store>");
}

#define FETCH                                                                            \
	"<ItemOperations xmlns=\"ItemOperations\"><Fetch><Store>Mailbox</Store>"         \
	"<LongId xmlns=\"Search\">%s</LongId><Options>"                                  \
	"<BodyPreference xmlns=\"AirSyncBase\"><Type>1</Type></BodyPreference>"          \
	"</Options></Fetch></ItemOperations>"

static void
what_was_found_is_fetched_by_its_long_id(void **state)
{
	struct eas_fixture *f = *state;
	const char *id;

	fill(f);
	eas_run(f, "Search", SEARCH("<And>" TEXT("numbers") "</And>", ""));
	id = arena_strdup(f->a, eas_value(f, "LongId", 0));
	eas_runf(f, "ItemOperations", FETCH, id);
	assert_string_equal(eas_value(f, "Status", 1), "1");
	assert_string_equal(eas_value(f, "LongId", 0), id);
	assert_has(f, "The numbers are attached.");
	eas_runf(f, "ItemOperations", FETCH, "S999-1");
	assert_string_equal(eas_value(f, "Status", 1), "6");
	assert_string_equal(eas_value(f, "LongId", 0), "S999-1");
	eas_runf(f, "ItemOperations", FETCH, "nonsense");
	assert_string_equal(eas_value(f, "Status", 1), "6");
}

static void
mail_that_came_just_now_is_found(void **state)
{
	struct eas_fixture *f = *state;

	fill(f);
	eas_run(f, "Search", SEARCH("<And>" TEXT("zebra") "</And>", ""));
	assert_has(f, "<Total>0</Total>");
	mail(f, f->inbox, NOW, "Subject: Zebra\r\n\r\nx\r\n");
	eas_run(f, "Search", SEARCH("<And>" TEXT("zebra") "</And>", ""));
	assert_has(f, "<Total>1</Total>");
	eas_expunge(f, f->inbox, 3);
	eas_run(f, "Search", SEARCH("<And>" TEXT("zebra") "</And>", ""));
	assert_has(f, "<Total>0</Total>");
}

static void
a_range_is_a_page_of_it(void **state)
{
	struct eas_fixture *f = *state;

	fill(f);
	eas_run(f, "Search",
	        SEARCH("<And>" TEXT("budget") "</And>", "<Range>0-0</Range>"));
	assert_string_equal(subjects(f), "|Lunch");
	assert_has(f, "<Range>0-0</Range><Total>3</Total>");
	eas_run(f, "Search",
	        SEARCH("<And>" TEXT("budget") "</And>", "<Range>1-9</Range>"));
	assert_int_equal(eas_count(f, "<Result>"), 2);
	assert_has(f, "<Range>1-2</Range><Total>3</Total>");
	eas_run(f, "Search",
	        SEARCH("<And>" TEXT("budget") "</And>", "<Range>5-9</Range>"));
	assert_has(f, "<Result/><Total>3</Total>");
	eas_run(f, "Search",
	        SEARCH("<And>" TEXT("budget") "</And>", "<Range>0-100</Range>"));
	assert_has(f, "<Store><Status>12</Status></Store>");
	eas_run(f, "Search", SEARCH("<And>" TEXT("budget") "</And>", "<Range>x</Range>"));
	assert_has(f, "<Store><Status>2</Status></Store>");
	eas_run(f, "Search",
	        SEARCH("<And>" TEXT("budget") "</And>",
	               "<Range>0-1</Range><Range>0-1</Range><DeepTraversal/>"
	               "<DeepTraversal/><RebuildResults/><RebuildResults/>"));
	assert_int_equal(eas_count(f, "<Result>"), 2);
}

static void
folders_classes_dates_and_conversations_narrow_it(void **state)
{
	struct eas_fixture *f = *state;
	const char *id;

	fill(f);
	eas_runf(f, "Search", SEARCH("<And>" FOLDER TEXT("budget") "</And>", ""),
	         f->inbox);
	assert_int_equal(eas_count(f, "<Result>"), 2);
	eas_runf(f, "Search", SEARCH("<And>" FOLDER TEXT("budget") "</And>", ""), 0);
	assert_int_equal(eas_count(f, "<Result>"), 3);
	eas_runf(f, "Search", SEARCH("<And>" FOLDER TEXT("budget") "</And>", ""), 999);
	assert_has(f, "<Store><Status>11</Status></Store>");
	eas_run(f, "Search",
	        SEARCH("<And><Class xmlns=\"AirSync\">Calendar</Class>" TEXT(
			       "budget") "</And>",
	               ""));
	assert_has(f, "<Total>0</Total>");
	eas_run(f, "Search",
	        SEARCH("<And><Class xmlns=\"AirSync\">Email</Class>"
	               "<Class xmlns=\"AirSync\">SMS</Class>" TEXT("budget") "</And>",
	               ""));
	assert_has(f, "<Total>3</Total>");
	eas_run(f, "Search",
	        SEARCH("<And><Class xmlns=\"AirSync\">SMS</Class>" TEXT(
			       "budget") "</And>",
	               ""));
	assert_has(f, "<Total>0</Total>");
	eas_run(f, "Search",
	        SEARCH("<And>" TEXT(
			       "budget") "<GreaterThan><DateReceived xmlns=\"Email\"/>"
	                                 "<Value>2026-11-19T00:00:00.000Z</Value></GreaterThan>"
	                                 "<LessThan><DateReceived xmlns=\"Email\"/>"
	                                 "<Value>2026-11-20T00:00:00.000Z</Value></LessThan></And>",
	               ""));
	assert_string_equal(subjects(f), "|Re: Budget for spring");
	id = eas_value(f, "ConversationId encoding=\"base64\"", 0);
	eas_run(f, "Search", SEARCH("<And>" TEXT("budget") "</And>", ""));
	id = strstr(f->xml, "<ConversationId encoding=\"base64\">");
	assert_non_null(id);
	id = arena_printf(f->a, "%.24s", strchr(id, '>') + 1);
	eas_run(f, "Search",
	        arena_printf(f->a,
	                     SEARCH("<And><ConversationId>%s</ConversationId></And>", ""),
	                     id));
	assert_string_equal(subjects(f), "|Lunch");
}

static void
below_a_folder_is_searched_when_asked_for(void **state)
{
	struct eas_fixture *f = *state;
	struct store_actor who = { .protocol = "imap" };
	struct store_tx *tx;
	uint32_t below;

	assert_ok(store_write(f->store, f->user, &who, &tx));
	assert_ok(store_collection_create(tx, f->inbox, SPAN("Below"), STORE_CLASS_MAIL,
	                                  STORE_ROLE_NONE, &below));
	assert_ok(store_commit(&tx));
	mail(f, below, NOW, "Subject: deep budget\r\n\r\nx\r\n");
	eas_runf(f, "Search", SEARCH("<And>" FOLDER TEXT("budget") "</And>", ""),
	         f->inbox);
	assert_has(f, "<Total>0</Total>");
	eas_runf(f, "Search",
	         SEARCH("<And>" FOLDER TEXT("budget") "</And>", "<DeepTraversal/>"),
	         f->inbox);
	assert_has(f, "<Total>1</Total>");
}

static void
what_is_too_complex_gets_status_8(void **state)
{
	struct eas_fixture *f = *state;
	static const char *const queries[] = {
		SEARCH(TEXT("a"), ""),
		SEARCH("<Or>" TEXT("a") "</Or>", ""),
		SEARCH("<And>" TEXT("a") "</And><And>" TEXT("b") "</And>", ""),
		SEARCH("<And><And>" TEXT("a") "</And></And>", ""),
		SEARCH("<And><Or>" TEXT("a") "</Or></And>", ""),
		SEARCH("<Class xmlns=\"AirSync\">Email</Class>", ""),
		SEARCH("<CollectionId xmlns=\"AirSync\">1</CollectionId>", ""),
		SEARCH("<ConversationId>AAAAAAAAAAAAAAAAAAAAAA==</ConversationId>", ""),
		SEARCH("<GreaterThan><DateReceived xmlns=\"Email\"/><Value>x</Value>"
		       "</GreaterThan>",
		       ""),
		SEARCH("<LessThan><DateReceived xmlns=\"Email\"/><Value>x</Value>"
		       "</LessThan>",
		       ""),
		SEARCH("<LessThan><DateReceived xmlns=\"Email\"/><Value>50</Value></LessThan>"
		       "<And>" TEXT("a") "</And>",
		       ""),
	};

	for (size_t i = 0; i < ARRAY_LEN(queries); i++) {
		eas_run(f, "Search", queries[i]);
		assert_has(f, "<Store><Status>8</Status></Store>");
	}
}

static void
what_is_malformed_gets_status_2(void **state)
{
	struct eas_fixture *f = *state;
	static const char *const queries[] = {
		SEARCH("<And/>", ""),
		SEARCH("", ""),
		SEARCH("<And><Class xmlns=\"AirSync\">Fax</Class></And>", ""),
		SEARCH("<And><Subject xmlns=\"Email\">a</Subject></And>", ""),
		SEARCH("<And><LessThan><DateReceived xmlns=\"Email\"/><Value>soon</Value>"
		       "</LessThan></And>",
		       ""),
		"<Search xmlns=\"Search\"><Store><Name>Attic</Name><Query>a</Query>"
		"</Store></Search>",
	};

	for (size_t i = 0; i < ARRAY_LEN(queries); i++) {
		eas_run(f, "Search", queries[i]);
		assert_has(f, "<Status>2</Status>");
	}
	eas_run(f, "Search", "<Search xmlns=\"Search\"/>");
	assert_has(f, "<Search><Status>2</Status></Search>");
}

static void
there_is_no_document_library(void **state)
{
	struct eas_fixture *f = *state;

	eas_run(f, "Search",
	        "<Search xmlns=\"Search\"><Store><Name>DocumentLibrary</Name><Query>"
	        "<EqualTo><LinkId xmlns=\"DocumentLibrary\"/><Value>\\\\s\\d</Value>"
	        "</EqualTo></Query></Store></Search>");
	assert_has(f, "<Store><Status>6</Status></Store>");
}

static void
bodies_come_as_asked_for(void **state)
{
	struct eas_fixture *f = *state;

	fill(f);
	eas_run(f, "Search",
	        SEARCH("<And>" TEXT("noon") "</And>",
	               "<BodyPreference xmlns=\"AirSyncBase\"><Type>2</Type>"
	               "</BodyPreference>"));
	assert_has(f, "<Type>2</Type>");
	assert_has(f, "budget talk at noon?");
	eas_run(f, "Search",
	        SEARCH("<And>" TEXT("noon") "</And>",
	               "<MIMESupport xmlns=\"AirSync\">2</MIMESupport>"
	               "<BodyPreference xmlns=\"AirSyncBase\"><Type>4</Type>"
	               "</BodyPreference>"));
	assert_has(f, "Message-ID: &lt;3@x&gt;");
}

static void
nobody_finds_anothers_mail(void **state)
{
	struct eas_fixture *f = *state;
	uint64_t alice = f->user;

	fill(f);
	eas_run(f, "Search", SEARCH("<And>" TEXT("budget") "</And>", ""));
	assert_has(f, "<Total>3</Total>");
	assert_ok(store_user_add(f->store, SPAN("eve@example.org"), SPAN("Eve"), SPAN(""),
	                         &f->user));
	eas_run(f, "Search", SEARCH("<And>" TEXT("budget") "</And>", ""));
	assert_has(f, "<Total>0</Total>");
	f->user = alice;
}

/* -- Find -- */

#define FIND(query, options)                                                             \
	"<Find xmlns=\"Find\"><SearchId>12345678-1234-1234-1234-123456789012</SearchId>" \
	"<ExecuteSearch><MailBoxSearchCriterion><Query>" query                           \
	"</Query><Options>" options                                                      \
	"</Options></MailBoxSearchCriterion></ExecuteSearch></Find>"
#define KQL(t) "<FreeText>" t "</FreeText>"
#define FOLDERSYNC                                                                       \
	"<FolderSync xmlns=\"FolderHierarchy\"><SyncKey>0</SyncKey></FolderSync>"

static void
find_takes_a_query_as_it_is_typed(void **state)
{
	struct eas_fixture *f = *state;

	fill(f);
	eas_run(f, "FolderSync", FOLDERSYNC);
	eas_run(f, "Find", FIND(KQL("budget from:ben"), "<Range>0-4</Range>"));
	assert_has(f, "<Find><Status>1</Status><Response><Store>Mailbox</Store>"
	              "<Status>1</Status><Result><Class>Email</Class><ServerId>");
	assert_has(f, "<Subject>Re: Budget for spring</Subject>");
	assert_has(f, "<DisplayTo>alice@example.org</DisplayTo>"
	              "<DisplayCc>Anna &lt;anna@example.net&gt;</DisplayCc>"
	              "<Importance>2</Importance><Read>0</Read><IsDraft>0</IsDraft>"
	              "<Preview>Looks good, thanks</Preview>"
	              "<HasAttachments>1</HasAttachments>"
	              "<From>Ben &lt;ben@example.net&gt;</From>");
	assert_has(f, "<Range>0-0</Range><Total>1</Total></Response></Find>");
	eas_run(f, "Find", FIND(KQL("hasattachment:true"), ""));
	assert_string_equal(subjects(f), "|Re: Budget for spring");
	eas_run(f, "Find", FIND(KQL("budget NOT hasattachment:true"), ""));
	assert_string_equal(subjects(f), "|Lunch|Budget for spring");
	eas_run(f, "Find",
	        FIND(KQL("(from:anna OR to:anna) received&gt;=2026-11-20"), ""));
	assert_string_equal(subjects(f), "|Lunch");
	eas_run(f, "Find", FIND(KQL("\"budget for\""), ""));
	assert_int_equal(eas_count(f, "<Result>"), 2);
	eas_run(f, "Find", FIND(KQL("nothing at all"), ""));
	assert_has(f, "<Status>1</Status><Total>0</Total></Response>");
}

static void
find_refuses_with_its_status(void **state)
{
	struct eas_fixture *f = *state;

	fill(f);
	eas_run(f, "Find", FIND(KQL("budget"), ""));
	assert_has(f, "<Find><Status>3</Status></Find>");
	eas_run(f, "FolderSync", FOLDERSYNC);
	eas_run(f, "Find", FIND(KQL("budget"), "<Range>a-b</Range>"));
	assert_has(f, "<Find><Status>4</Status></Find>");
	eas_run(f, "Find", FIND("", ""));
	assert_has(f, "<Find><Status>2</Status></Find>");
	eas_run(f, "Find", "<Find xmlns=\"Find\"><SearchId>x</SearchId></Find>");
	assert_has(f, "<Find><Status>2</Status></Find>");
	eas_run(f, "Find", "<Find xmlns=\"Find\"><ExecuteSearch/></Find>");
	assert_has(f, "<Find><Status>2</Status></Find>");
	eas_run(f, "Find", FIND(KQL("a") "<Class xmlns=\"AirSync\">Tasks</Class>", ""));
	assert_has(f, "<Find><Status>2</Status></Find>");
	eas_run(f, "Find",
	        FIND(KQL("a") "<CollectionId xmlns=\"AirSync\">999</CollectionId>", ""));
	assert_has(f, "<Find><Status>3</Status></Find>");
	f->version = 160;
	eas_run(f, "Find", FIND(KQL("budget"), ""));
	assert_int_equal(f->http_status, 501);
}

/* -- the address list -- */

static void
set(struct eas_fixture *f, const char *who, enum store_person_field field,
    const char *text)
{
	assert_ok(store_person_set(f->store, span_str(who), field, span_str(text)));
}

static void
add_people(struct eas_fixture *f)
{
	static const char jpeg[] = "\xff\xd8\xff\xe0 a photo";
	uint64_t id;

	assert_ok(store_user_add(f->store, SPAN("bob@example.org"), SPAN("Bób Builder"),
	                         SPAN(""), &id));
	assert_ok(store_user_add(f->store, SPAN("carol@example.org"), SPAN(""), SPAN(""),
	                         &id));
	assert_ok(store_user_add(f->store, SPAN("shy@example.org"), SPAN("Bob Shy"),
	                         SPAN(""), &id));
	assert_ok(store_domain_add(f->store, SPAN("elsewhere.example")));
	assert_ok(store_user_add(f->store, SPAN("bob@elsewhere.example"),
	                         SPAN("Bob Other"), SPAN(""), &id));
	assert_ok(store_alias_add(f->store, SPAN("bobs@example.org"),
	                          SPAN("bob@example.org")));
	assert_ok(store_alias_add(f->store, SPAN("bobs@example.org"),
	                          SPAN("carol@example.org")));
	assert_ok(store_alias_add(f->store, SPAN("bobby@example.org"),
	                          SPAN("bob@example.org")));
	assert_ok(store_person_set_hidden(f->store, SPAN("shy@example.org"), true));
	set(f, "bob@example.org", STORE_PERSON_PHONE, "+49 30 1234-56");
	set(f, "bob@example.org", STORE_PERSON_TITLE, "Engineer");
	set(f, "bob@example.org", STORE_PERSON_OFFICE, "B 12");
	set(f, "carol@example.org", STORE_PERSON_FIRST_NAME, "Carol");
	set(f, "carol@example.org", STORE_PERSON_LAST_NAME, "Danvers");
	set(f, "carol@example.org", STORE_PERSON_COMPANY, "Acme");
	set(f, "carol@example.org", STORE_PERSON_MOBILE, "0170 9");
	assert_ok(store_person_set_photo(f->store, SPAN("bob@example.org"),
	                                 span_of(jpeg, sizeof(jpeg) - 1)));
}

#define GAL(query, options)                                                              \
	"<Search xmlns=\"Search\"><Store><Name>GAL</Name><Query>" query                  \
	"</Query><Options>" options "</Options></Store></Search>"

static void
the_address_list_is_searched_by_beginnings(void **state)
{
	struct eas_fixture *f = *state;

	add_people(f);
	eas_run(f, "Search", GAL("bob", "<Range>0-99</Range>"));
	/* Not the hidden one, nor another domain's, nor a second address. */
	assert_int_equal(eas_count(f, "<Result>"), 2);
	assert_has(f, "<Properties><DisplayName>Bób Builder</DisplayName>"
	              "<Phone>+49 30 1234-56</Phone><Office>B 12</Office>"
	              "<Title>Engineer</Title><Alias>bob</Alias>"
	              "<EmailAddress>bob@example.org</EmailAddress></Properties>");
	assert_has(f, "<DisplayName>bobs</DisplayName>");
	assert_has(f, "<Range>0-1</Range><Total>2</Total>");
	eas_run(f, "Search", GAL("dan car", ""));
	assert_has(f, "<DisplayName>Carol Danvers</DisplayName><Company>Acme</Company>"
	              "<Alias>carol</Alias><FirstName>Carol</FirstName>"
	              "<LastName>Danvers</LastName><MobilePhone>0170 9</MobilePhone>");
	eas_run(f, "Search", GAL("123456", ""));
	assert_has(f, "Bób");
	eas_run(f, "Search", GAL("builder bob", "<Range>0-0</Range>"));
	assert_has(f, "<Range>0-0</Range><Total>1</Total>");
	eas_run(f, "Search", GAL("uilder", ""));
	assert_has(f, "<Result/><Total>0</Total>");
	eas_run(f, "Search", GAL("", ""));
	assert_has(f, "<Total>0</Total>");
}

static void
pictures_come_within_their_limits(void **state)
{
	struct eas_fixture *f = *state;

	add_people(f);
	eas_run(f, "Search", GAL("builder", "<Picture/>"));
	assert_has(f,
	           "<Picture><Status>1</Status><Data>/9j/4CBhIHBob3Rv</Data></Picture>");
	eas_run(f, "Search", GAL("danvers", "<Picture/>"));
	assert_has(f, "<Picture><Status>173</Status></Picture>");
	eas_run(f, "Search", GAL("builder", "<Picture><MaxSize>5</MaxSize></Picture>"));
	assert_has(f, "<Picture><Status>174</Status></Picture>");
	eas_run(f, "Search",
	        GAL("builder", "<Picture><MaxPictures>0</MaxPictures></Picture>"));
	assert_has(f, "<Picture><Status>175</Status></Picture>");
	eas_run(f, "Search", GAL("builder", ""));
	assert_has_not(f, "<Picture>");
}

static void
find_knows_the_address_list_too(void **state)
{
	struct eas_fixture *f = *state;

	add_people(f);
	eas_run(f, "Find",
	        "<Find xmlns=\"Find\"><SearchId>x</SearchId><ExecuteSearch>"
	        "<GalSearchCriterion><Query>builder</Query><Options><Range>0-4</Range>"
	        "<Picture><MaxSize>1000</MaxSize></Picture></Options></GalSearchCriterion>"
	        "</ExecuteSearch></Find>");
	assert_has(f, "<Find><Status>1</Status><Response><Store>GAL</Store>"
	              "<Status>1</Status><Result><Properties><DisplayName>Bób Builder");
	assert_has(f, "<Picture><Status>1</Status><Data>");
	assert_has(f, "<Range>0-0</Range><Total>1</Total></Response></Find>");
	eas_run(f, "Find",
	        "<Find xmlns=\"Find\"><SearchId>x</SearchId><ExecuteSearch>"
	        "<GalSearchCriterion><Query/></GalSearchCriterion>"
	        "</ExecuteSearch></Find>");
	assert_has(f, "<Find><Status>2</Status></Find>");
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, eas_setup, eas_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(mail_is_found_newest_first),
		TEST(what_was_found_is_fetched_by_its_long_id),
		TEST(mail_that_came_just_now_is_found),
		TEST(a_range_is_a_page_of_it),
		TEST(folders_classes_dates_and_conversations_narrow_it),
		TEST(below_a_folder_is_searched_when_asked_for),
		TEST(what_is_too_complex_gets_status_8),
		TEST(what_is_malformed_gets_status_2),
		TEST(there_is_no_document_library),
		TEST(bodies_come_as_asked_for),
		TEST(nobody_finds_anothers_mail),
		TEST(find_takes_a_query_as_it_is_typed),
		TEST(find_refuses_with_its_status),
		TEST(the_address_list_is_searched_by_beginnings),
		TEST(pictures_come_within_their_limits),
		TEST(find_knows_the_address_list_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
