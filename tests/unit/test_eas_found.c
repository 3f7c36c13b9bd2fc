/* SPDX-License-Identifier: ISC
 *
 * test_eas_found.c - what Search finds besides mail, how it is fetched, and in which form
 * its bodies come.
 */
#include "tests/unit/eas_fixture.h"

#define PLAIN                                                                            \
	"<Options><BodyPreference xmlns=\"AirSyncBase\"><Type>1</Type></BodyPreference>" \
	"</Options>"
#define C(name, value) "<" name " xmlns=\"Contacts\">" value "</" name ">"
#define E(name, value) "<" name " xmlns=\"Calendar\">" value "</" name ">"
#define T(name, value) "<" name " xmlns=\"Tasks\">" value "</" name ">"
#define N(name, value) "<" name " xmlns=\"Notes\">" value "</" name ">"
#define BODY(text)                                                                       \
	"<Body xmlns=\"AirSyncBase\"><Type>1</Type><Data>" text "</Data></Body>"
#define SEARCH(query, options)                                                           \
	"<Search xmlns=\"Search\"><Store><Name>Mailbox</Name><Query>" query              \
	"</Query><Options>" options "</Options></Store></Search>"
#define TEXT(t) "<FreeText>" t "</FreeText>"
#define CLASS(name) "<Class xmlns=\"AirSync\">" name "</Class>"
#define FOLDER "<CollectionId xmlns=\"AirSync\">%u</CollectionId>"

/* By a new device: the uid. */
static uint32_t
add(struct eas_fixture *f, enum store_role role, const char *more)
{
	static unsigned n;
	uint32_t folder = eas_folder(f, role);
	const char *was = f->device, *id;
	char *key;

	f->device = arena_printf(f->a, "ADD%u", n++);
	eas_sync(f, folder, "0", PLAIN);
	key = eas_key(f);
	eas_sync(f, folder, key, "");
	eas_sync(f, folder, f->xml[0] != '\0' ? eas_key(f) : key, more);
	id = strchr(eas_value(f, "ServerId", 0), ':');
	if (!id)
		fail_msg("refused: %s", f->xml);
	f->device = was;
	return (uint32_t)atol(id + 1);
}

#define ADD(data)                                                                        \
	"<Commands><Add><ClientId>c</ClientId><ApplicationData>" data                    \
	"</ApplicationData></Add></Commands>"

/* One of each class, each with the word "heron". */
static void
fill(struct eas_fixture *f)
{
	eas_mail_raw(f, f->inbox, EAS_NOW - EAS_DAY,
	             SPAN("From: Ann <ann@example.net>\r\nSubject: Letter\r\n"
	                  "Message-ID: <1@x>\r\n\r\nA heron at the pond.\r\n"));
	add(f, STORE_ROLE_CONTACTS,
	    ADD(C("FirstName", "Hilda") C("LastName", "Heron") C("FileAs", "Heron, Hilda")
	                C("MobilePhoneNumber", "+49301")));
	add(f, STORE_ROLE_CALENDAR,
	    ADD(E("StartTime", "20261123T080000Z") E("EndTime", "20261123T090000Z")
	                E("Subject", "Count") BODY("one heron, two ducks")));
	add(f, STORE_ROLE_TASKS,
	    ADD(T("Subject", "Feed the heron") T("Complete", "0")
	                T("DueDate", "2026-11-24T00:00:00.000Z")));
	add(f, STORE_ROLE_NOTES,
	    ADD(N("Subject", "Birds") N("MessageClass", "IPM.StickyNote") BODY(
		    "heron, grebe, coot") N("Categories", "<Category>pond</Category>")));
}

/* The classes of what was found, in the order of their names. */
static const char *
classes(struct eas_fixture *f)
{
	static const char *const names[] = { "Calendar", "Contacts", "Email",
		                             "Notes",    "SMS",      "Tasks" };
	const char *s = "";

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		const char *one =
			arena_printf(f->a, "<Result><Class>%s</Class>", names[i]);

		for (size_t n = eas_count(f, one); n > 0; n--)
			s = arena_printf(f->a, "%s %s", s, names[i]);
	}
	return s;
}

static void
every_class_is_found_with_its_own_properties(void **state)
{
	struct eas_fixture *f = *state;

	fill(f);
	eas_run(f, "Search", SEARCH("<And>" TEXT("heron") "</And>", ""));
	assert_string_equal(classes(f), " Calendar Contacts Email Notes Tasks");
	assert_has(f, "<Total>5</Total>");
	assert_has(f, "<FileAs>Heron, Hilda</FileAs>");
	assert_has(f, "<MobilePhoneNumber>+49301</MobilePhoneNumber>");
	assert_has(f, "<StartTime>20261123T080000Z</StartTime>");
	assert_has(f, "<Data>one heron, two ducks</Data>");
	assert_has(f, "<DueDate>2026-11-24T00:00:00.000Z</DueDate>");
	assert_has(f, "<MessageClass>IPM.StickyNote</MessageClass>");
	assert_has(f, "<Category>pond</Category>");
	eas_run(f, "Search", SEARCH("<And>" TEXT("nobody") "</And>", ""));
	assert_has(f, "<Result/><Total>0</Total>");
}

static void
classes_and_folders_narrow_what_is_found(void **state)
{
	struct eas_fixture *f = *state;
	uint32_t calendar = eas_folder(f, STORE_ROLE_CALENDAR);
	uint32_t contacts = eas_folder(f, STORE_ROLE_CONTACTS);

	fill(f);
	eas_run(f, "Search",
	        SEARCH("<And>" CLASS("Tasks") CLASS("Notes") TEXT("heron") "</And>", ""));
	assert_string_equal(classes(f), " Notes Tasks");
	eas_runf(f, "Search", SEARCH("<And>" FOLDER TEXT("heron") "</And>", ""),
	         calendar);
	assert_string_equal(classes(f), " Calendar");
	eas_runf(f, "Search",
	         SEARCH("<And>" FOLDER FOLDER FOLDER CLASS("Tasks") CLASS("Email")
	                        CLASS("Calendar") CLASS("Contacts") CLASS("Notes")
	                                CLASS("SMS") TEXT("heron") "</And>",
	                "<DeepTraversal/><RebuildResults/>"),
	         f->inbox, calendar, contacts);
	assert_string_equal(classes(f), " Calendar Contacts Email");
	eas_runf(f, "Search",
	         SEARCH("<And>" FOLDER CLASS("Tasks") TEXT("heron") "</And>", ""),
	         calendar);
	assert_has(f, "<Status>1</Status><Result/><Total>0</Total>");
}

static void
before_14_0_there_are_no_notes(void **state)
{
	struct eas_fixture *f = *state;

	fill(f);
	f->version = 121;
	eas_run(f, "Search", SEARCH("<And>" TEXT("heron") "</And>", ""));
	assert_string_equal(classes(f), " Calendar Contacts Email Tasks");
	eas_run(f, "Search",
	        SEARCH("<And>" CLASS("Email") CLASS("Calendar") CLASS("Contacts")
	                       CLASS("Tasks") TEXT("heron") "</And>",
	               ""));
	assert_string_equal(classes(f), " Calendar Contacts Email Tasks");
	eas_run(f, "Search", SEARCH("<And>" CLASS("Notes") TEXT("heron") "</And>", ""));
	assert_has(f, "<Total>0</Total>");
}

static void
text_messages_are_a_class_of_their_own(void **state)
{
	struct eas_fixture *f = *state;

	fill(f);
	add(f, STORE_ROLE_INBOX,
	    "<GetChanges/><Options><Class>Email</Class></Options><Options>"
	    "<Class>SMS</Class></Options><Commands><Add><Class>SMS</Class>"
	    "<ClientId>7</ClientId><ApplicationData>"
	    "<To xmlns=\"Email\">[MOBILE: +491]</To><From xmlns=\"Email\">[MOBILE: +492]"
	    "</From><DateReceived xmlns=\"Email\">2026-11-20T10:00:00.000Z"
	    "</DateReceived><Read xmlns=\"Email\">1</Read>" BODY(
		    "saw a heron") "</ApplicationData></Add></Commands>");
	eas_run(f, "Search", SEARCH("<And>" TEXT("heron") "</And>", ""));
	assert_string_equal(classes(f), " Calendar Contacts Email Notes SMS Tasks");
	eas_run(f, "Search", SEARCH("<And>" CLASS("SMS") TEXT("heron") "</And>", ""));
	assert_string_equal(classes(f), " SMS");
	eas_run(f, "Search",
	        SEARCH("<And>" CLASS("SMS") CLASS("Tasks") TEXT("heron") "</And>", ""));
	assert_string_equal(classes(f), " SMS Tasks");
	eas_run(f, "Search", SEARCH("<And>" CLASS("Email") TEXT("heron") "</And>", ""));
	assert_string_equal(classes(f), " Email");
	f->version = 121;
	eas_run(f, "Search", SEARCH("<And>" TEXT("heron") "</And>", ""));
	assert_string_equal(classes(f), " Calendar Contacts Email Tasks");
}

static void
what_is_edited_is_found_by_its_new_words_alone(void **state)
{
	struct eas_fixture *f = *state;
	uint32_t folder = eas_folder(f, STORE_ROLE_TASKS);
	uint32_t uid;

	f->version = 141;
	uid = add(f, STORE_ROLE_TASKS, ADD(T("Subject", "Feed the heron")));
	eas_run(f, "Search", SEARCH("<And>" TEXT("heron") "</And>", ""));
	assert_has(f, "<Total>1</Total>");
	eas_sync(f, folder, "0", PLAIN);
	eas_sync(f, folder, eas_key(f), "");
	eas_sync(f, folder, eas_key(f),
	         arena_printf(f->a,
	                      "<Commands><Change><ServerId>%u:%u</ServerId>"
	                      "<ApplicationData>" T("Subject", "Feed the coot") "%s",
	                      folder, uid, "</ApplicationData></Change></Commands>"));
	eas_run(f, "Search", SEARCH("<And>" TEXT("heron") "</And>", ""));
	assert_has(f, "<Total>0</Total>");
	eas_run(f, "Search", SEARCH("<And>" TEXT("coot") "</And>", ""));
	assert_has(f, "<Total>1</Total>");
	eas_expunge(f, folder, uid);
	eas_run(f, "Search", SEARCH("<And>" TEXT("coot") "</And>", ""));
	assert_has(f, "<Total>0</Total>");
}

#define FETCH(options)                                                                   \
	"<ItemOperations xmlns=\"ItemOperations\"><Fetch><Store>Mailbox</Store>"         \
	"<LongId xmlns=\"Search\">%s</LongId><Options>" options                          \
	"<BodyPreference xmlns=\"AirSyncBase\"><Type>1</Type></BodyPreference>"          \
	"</Options></Fetch></ItemOperations>"

/* The LongId of what is found of the class. */
static const char *
find(struct eas_fixture *f, const char *class)
{
	eas_run(f, "Search",
	        arena_printf(f->a, SEARCH("<And>" CLASS("%s") TEXT("heron") "</And>", ""),
	                     class));
	return arena_strdup(f->a, eas_value(f, "LongId", 0));
}

static void
what_was_found_is_fetched_by_its_long_id(void **state)
{
	static const struct {
		const char *class, *has;
	} cases[] = {
		{ "Contacts", "<FirstName>Hilda</FirstName>" },
		{ "Calendar", "<Data>one heron, two ducks</Data>" },
		{ "Tasks", "<Subject>Feed the heron</Subject>" },
		{ "Notes", "<Data>heron, grebe, coot</Data>" },
	};
	struct eas_fixture *f = *state;

	fill(f);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const char *id = find(f, cases[i].class);

		eas_runf(f, "ItemOperations", FETCH(""), id);
		assert_string_equal(eas_value(f, "Status", 1), "1");
		assert_string_equal(eas_value(f, "LongId", 0), id);
		assert_has(f, arena_printf(f->a, "<Class>%s</Class>", cases[i].class));
		assert_has(f, cases[i].has);
	}
}

#define SCHEMA(wanted) "<Schema xmlns=\"ItemOperations\">" wanted "</Schema>"

static void
schema_restricts_every_class(void **state)
{
	struct eas_fixture *f = *state;

	fill(f);
	eas_runf(f, "ItemOperations", FETCH(SCHEMA(C("FileAs", ""))),
	         find(f, "Contacts"));
	assert_has(f, "<Properties><FileAs>Heron, Hilda</FileAs></Properties>");
	eas_runf(f, "ItemOperations", FETCH(SCHEMA(E("Subject", ""))),
	         find(f, "Calendar"));
	assert_has(f, "<Properties><Subject>Count</Subject></Properties>");
	eas_runf(f, "ItemOperations", FETCH(SCHEMA(T("DueDate", "") T("Subject", ""))),
	         find(f, "Tasks"));
	assert_int_equal(eas_count(f, "<DueDate>"), 1);
	assert_int_equal(eas_count(f, "<Subject>"), 1);
	assert_has_not(f, "<Complete>");
	/* Subject of another class is not this one's. */
	eas_runf(f, "ItemOperations", FETCH(SCHEMA(T("Subject", ""))), find(f, "Notes"));
	assert_has(f, "<Properties/>");
	eas_runf(f, "ItemOperations",
	         FETCH(SCHEMA("<Body xmlns=\"AirSyncBase\"><Type>1</Type></Body>")),
	         find(f, "Notes"));
	assert_has(f, "<Properties><Body><Type>1</Type>");
	assert_has(f, "<Data>heron, grebe, coot</Data></Body></Properties>");
}

static uint32_t
u32_at(struct span s, size_t at)
{
	const unsigned char *p = (const unsigned char *)s.p + at;

	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 |
	       (uint32_t)p[3] << 24;
}

/* Checks that the multipart answer has the text as its only part, named by the Body. */
static void
assert_part(struct eas_fixture *f, const char *text)
{
	struct span all = buf_span(&f->body);
	const struct wbxml_node *n;
	struct wbxml_node *root;

	assert_int_equal(u32_at(all, 0), 2);
	assert_true(span_is(
		span_sub(all, u32_at(all, 12), u32_at(all, 12) + u32_at(all, 16)), text));
	assert_ok(wbxml_parse(span_sub(all, u32_at(all, 4), u32_at(all, 12)), NULL, f->a,
	                      &root));
	n = wbxml_child(wbxml_child(root, WBXML_ITEMOPERATIONS_RESPONSE),
	                WBXML_ITEMOPERATIONS_FETCH);
	assert_true(span_is(wbxml_child_text(n, WBXML_ITEMOPERATIONS_STATUS), "1"));
	n = wbxml_child(wbxml_child(n, WBXML_ITEMOPERATIONS_PROPERTIES),
	                WBXML_AIRSYNCBASE_BODY);
	assert_true(span_is(wbxml_child_text(n, WBXML_AIRSYNCBASE_TYPE), "1"));
	assert_true(span_is(wbxml_child_text(n, WBXML_ITEMOPERATIONS_PART), "1"));
	assert_null(wbxml_child(n, WBXML_AIRSYNCBASE_DATA));
}

static void
bodies_of_every_class_come_as_parts(void **state)
{
	struct eas_fixture *f = *state;
	const char *event, *note, *contact;

	fill(f);
	event = find(f, "Calendar");
	note = find(f, "Notes");
	contact = find(f, "Contacts");
	f->multipart = true;
	eas_runf(f, "ItemOperations", FETCH(""), event);
	assert_part(f, "one heron, two ducks");
	eas_runf(f, "ItemOperations",
	         FETCH(SCHEMA("<Body xmlns=\"AirSyncBase\"/>" N("Subject", ""))), note);
	assert_part(f, "heron, grebe, coot");
	/* No part for what nobody wants, or what has none. */
	eas_runf(f, "ItemOperations", FETCH(SCHEMA(N("Subject", ""))), note);
	assert_int_equal(u32_at(buf_span(&f->body), 0), 1);
	eas_runf(f, "ItemOperations", FETCH(""), contact);
	assert_int_equal(u32_at(buf_span(&f->body), 0), 1);
}

#define PART(type, more)                                                                 \
	"<BodyPartPreference xmlns=\"AirSyncBase\"><Type>" type "</Type>" more           \
	"</BodyPartPreference>"

static void
body_part_comes_with_what_is_found(void **state)
{
	static const char quoting[] =
		"From: b@example.net\r\nSubject: Re: q\r\nMIME-Version: 1.0\r\n"
		"Content-Type: text/html\r\n\r\n"
		"<p>My answer</p><div class=\"gmail_quote\"><blockquote>heron</blockquote>"
		"</div>";
	struct eas_fixture *f = *state;

	f->version = 141;
	eas_mail_raw(f, f->inbox, EAS_NOW, span_str(quoting));
	eas_run(f, "Search",
	        SEARCH("<And>" TEXT("heron") "</And>",
	               PART("2", "<Preview>5</Preview>")));
	assert_has(f, "<BodyPart><Status>1</Status><Type>2</Type><EstimatedDataSize>16"
	              "</EstimatedDataSize><Data>&lt;p&gt;My answer&lt;/p&gt;</Data>"
	              "<Preview>My an</Preview></BodyPart>");
	assert_has_not(f, "<Body>"); /* who asks for the part alone gets it alone */
	eas_run(f, "Search",
	        SEARCH("<And>" TEXT("heron") "</And>",
	               PART("2",
	                    "<TruncationSize>5</TruncationSize>") "<BodyPreference xmlns=\"AirSyncBase\"><Type>2</Type>"
	                                                          "</BodyPreference>"));
	assert_has(f, "<Truncated>1</Truncated><Data>&lt;p&gt;My</Data></BodyPart>");
	assert_has(f, "<Body><Type>2</Type>");
	eas_run(f, "Search", SEARCH("<And>" TEXT("heron") "</And>", ""));
	assert_has(f, "<Body>");
	assert_has_not(f, "<BodyPart>");
	eas_run(f, "Search", SEARCH("<And>" TEXT("heron") "</And>", PART("3", "")));
	assert_has(f, "<Store><Status>164</Status></Store>");
	f->version = 140;
	eas_run(f, "Search", SEARCH("<And>" TEXT("heron") "</And>", PART("2", "")));
	assert_has(f, "<Body>");
	assert_has_not(f, "<BodyPart>");
}

static void
elements_twice_are_taken_once_but_for_a_conversation(void **state)
{
	struct eas_fixture *f = *state;

	fill(f);
	eas_run(f, "Search",
	        SEARCH("<And>" CLASS("Email") TEXT("heron") "</And>",
	               "<MIMESupport xmlns=\"AirSync\">2</MIMESupport>"
	               "<MIMESupport xmlns=\"AirSync\">2</MIMESupport>"));
	assert_string_equal(classes(f), " Email");
	assert_has(f, "Message-ID: &lt;1@x&gt;");
	eas_run(f, "Search",
	        "<Search xmlns=\"Search\"><Store><Name>Mailbox</Name><Query><And>" TEXT(
			"heron") "</And></Query></Store><Store><Name>Mailbox</Name>"
	                         "<Query><And>" TEXT("letter") "</And></Query></Store>"
	                                                       "</Search>");
	assert_int_equal(eas_count(f, "<Store>"), 1);
	assert_has(f, "<Total>5</Total>");
	eas_run(f, "Search",
	        SEARCH("<And><ConversationId>AAAAAAAAAAAAAAAAAAAAAA==</ConversationId>"
	               "<ConversationId>AAAAAAAAAAAAAAAAAAAAAA==</ConversationId>" TEXT(
			       "heron") "</And>",
	               ""));
	assert_has(f, "<Store><Status>2</Status></Store>");
}

static void
elements_of_a_class_are_no_query(void **state)
{
	static const char *const elements[] = { C("FirstName", "a"), E("Subject", "a"),
		                                T("Subject", "user"), N("Subject", "a") };
	struct eas_fixture *f = *state;

	fill(f);
	for (size_t i = 0; i < ARRAY_LEN(elements); i++) {
		eas_run(f, "Search",
		        arena_printf(f->a, SEARCH("<And>" TEXT("heron") "%s</And>", ""),
		                     elements[i]));
		assert_has(f, "<Store><Status>2</Status></Store>");
	}
}

int
main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, eas_setup, eas_teardown)
	const struct CMUnitTest tests[] = {
		CASE(every_class_is_found_with_its_own_properties),
		CASE(classes_and_folders_narrow_what_is_found),
		CASE(before_14_0_there_are_no_notes),
		CASE(text_messages_are_a_class_of_their_own),
		CASE(what_is_edited_is_found_by_its_new_words_alone),
		CASE(what_was_found_is_fetched_by_its_long_id),
		CASE(schema_restricts_every_class),
		CASE(bodies_of_every_class_come_as_parts),
		CASE(body_part_comes_with_what_is_found),
		CASE(elements_twice_are_taken_once_but_for_a_conversation),
		CASE(elements_of_a_class_are_no_query),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
