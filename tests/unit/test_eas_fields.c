/* SPDX-License-Identifier: ISC
 *
 * test_eas_fields.c - fields of contacts, tasks, notes and events one by one: what stays
 * when it is left out, what goes, which values are refused, and every recurrence.
 */
#include "tests/unit/eas_fixture.h"

static char *
first_key(struct eas_fixture *f, uint32_t folder, const char *more)
{
	eas_sync(f, folder, "0", arena_printf(f->a, "%s" EAS_OPTIONS_PLAIN, more));
	return eas_key(f);
}

/* A folder that the device has wholly; its key. */
static char *
synced(struct eas_fixture *f, uint32_t folder, const char *more)
{
	char *key = first_key(f, folder, more);

	eas_sync(f, folder, key, "");
	return f->xml[0] != '\0' ? eas_key(f) : key;
}

/* By a new device: the uid, or 0 when it was refused; its next key is in *key. */
static uint32_t
add(struct eas_fixture *f, uint32_t folder, const char *supported, const char *data,
    char **key)
{
	static unsigned n;
	const char *id;

	f->device = arena_printf(f->a, "ADD%u", n++);
	eas_sync(f, folder, synced(f, folder, supported),
	         arena_printf(f->a,
	                      "<Commands><Add><ClientId>c%u</ClientId><ApplicationData>%s"
	                      "</ApplicationData></Add></Commands>",
	                      n, data));
	*key = eas_key(f);
	id = strchr(eas_value(f, "ServerId", 0), ':');
	return id ? (uint32_t)atol(id + 1) : 0;
}

static void
change(struct eas_fixture *f, uint32_t folder, uint32_t uid, const char *data, char **key)
{
	eas_sync(f, folder, *key,
	         arena_printf(f->a,
	                      "<Commands><Change><ServerId>%u:%u</ServerId>"
	                      "<ApplicationData>%s</ApplicationData></Change></Commands>",
	                      folder, uid, data));
	if (strstr(f->xml, "<Responses>"))
		fail_msg("refused: %s", f->xml);
	*key = eas_key(f);
}

/* What a new device sees of the folder. */
static const char *
seen(struct eas_fixture *f, uint32_t folder)
{
	static unsigned n;
	const char *was = f->device;

	f->device = arena_printf(f->a, "SEE%u", n++);
	synced(f, folder, "");
	f->device = was;
	return f->xml;
}

#define BODY(type, text)                                                                 \
	"<Body xmlns=\"AirSyncBase\"><Type>" type "</Type><Data>" text "</Data></Body>"

/* --- contacts --- */

static const char *const contact_texts[] = {
	"AssistantName",
	"AssistantPhoneNumber",
	"Business2PhoneNumber",
	"BusinessAddressCity",
	"BusinessAddressCountry",
	"BusinessAddressPostalCode",
	"BusinessAddressState",
	"BusinessAddressStreet",
	"BusinessFaxNumber",
	"BusinessPhoneNumber",
	"CarPhoneNumber",
	"CompanyName",
	"Department",
	"Email1Address",
	"Email2Address",
	"Email3Address",
	"FileAs",
	"FirstName",
	"Home2PhoneNumber",
	"HomeAddressCity",
	"HomeAddressCountry",
	"HomeAddressPostalCode",
	"HomeAddressState",
	"HomeAddressStreet",
	"HomeFaxNumber",
	"HomePhoneNumber",
	"JobTitle",
	"LastName",
	"MiddleName",
	"MobilePhoneNumber",
	"OfficeLocation",
	"OtherAddressCity",
	"OtherAddressCountry",
	"OtherAddressPostalCode",
	"OtherAddressState",
	"OtherAddressStreet",
	"PagerNumber",
	"RadioPhoneNumber",
	"Spouse",
	"Suffix",
	"Title",
	"WebPage",
	"YomiCompanyName",
	"YomiFirstName",
	"YomiLastName",
};
static const char *const contact2_texts[] = {
	"AccountName", "CompanyMainPhone", "CustomerId",  "GovernmentId", "IMAddress",
	"IMAddress2",  "IMAddress3",       "ManagerName", "MMS",          "NickName",
};

static const char *
full_contact(struct eas_fixture *f)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);

	for (size_t i = 0; i < ARRAY_LEN(contact_texts); i++)
		buf_addf(&b, "<%s xmlns=\"Contacts\">v%zu</%s>", contact_texts[i], i,
		         contact_texts[i]);
	for (size_t i = 0; i < ARRAY_LEN(contact2_texts); i++)
		buf_addf(&b, "<%s xmlns=\"Contacts2\">w%zu</%s>", contact2_texts[i], i,
		         contact2_texts[i]);
	buf_add_str(
		&b,
		"<Anniversary xmlns=\"Contacts\">2001-02-03T11:59:00.000Z"
		"</Anniversary><Birthday xmlns=\"Contacts\">1980-04-05T11:59:00.000Z"
		"</Birthday><Categories xmlns=\"Contacts\"><Category>C</Category>"
		"</Categories><Children xmlns=\"Contacts\"><Child>K</Child></Children>"
		"<Picture xmlns=\"Contacts\">/9j/4AAQSkZJRg==</Picture>" BODY("1",
	                                                                      "notes"));
	return arena_strndup(f->a, buf_span(&b));
}

static void
assert_full_contact(struct eas_fixture *f)
{
	for (size_t i = 0; i < ARRAY_LEN(contact_texts); i++)
		assert_has(f, arena_printf(f->a, "<%s>v%zu</%s>", contact_texts[i], i,
		                           contact_texts[i]));
	for (size_t i = 0; i < ARRAY_LEN(contact2_texts); i++)
		assert_has(f, arena_printf(f->a, "<%s>w%zu</%s>", contact2_texts[i], i,
		                           contact2_texts[i]));
	assert_has(f, "<Anniversary>2001-02-03T");
	assert_has(f, "<Birthday>1980-04-05T");
	assert_has(f, "<Categories><Category>C</Category></Categories>");
	assert_has(f, "<Children><Child>K</Child></Children>");
	assert_has(f, "<Picture>/9j/4AAQSkZJRg==</Picture>");
	assert_has(f, "<Data>notes</Data>");
}

static void
every_field_of_a_contact_comes_and_can_be_ghosted(void **state)
{
	struct eas_fixture *f = *state;
	uint32_t folder = eas_folder(f, STORE_ROLE_CONTACTS), uid;
	char *key;

	f->version = 141;
	/* With an empty Supported everything else is ghosted (MS-ASCMD 2.2.3.179). */
	uid = add(f, folder, "<Supported><Title xmlns=\"Contacts\"/></Supported>",
	          full_contact(f), &key);
	assert_int_not_equal(uid, 0);
	seen(f, folder);
	assert_full_contact(f);
	change(f, folder, uid, "<Title xmlns=\"Contacts\">v40</Title>", &key);
	seen(f, folder);
	assert_full_contact(f);
}

static void
a_picture_of_more_than_48_kb_gets_status_6(void **state)
{
	struct eas_fixture *f = *state;
	uint32_t folder = eas_folder(f, STORE_ROLE_CONTACTS);
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);
	char *key;

	for (int i = 0; i < 49153 / 3 * 4 + 4; i++)
		buf_add_char(&b, 'A');
	add(f, folder, "",
	    arena_printf(f->a,
	                 "<FirstName xmlns=\"Contacts\">Ann</FirstName>"
	                 "<Picture xmlns=\"Contacts\">%.*s</Picture>",
	                 SPAN_FMT(buf_span(&b))),
	    &key);
	assert_has(f, "<Status>6</Status></Add>");
	assert_int_equal(eas_exists(f, folder), 0);
}

static const char *
list_of(struct eas_fixture *f, const char *list, const char *item, int n)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);

	buf_addf(&b, "<%s xmlns=\"Contacts\">", list);
	for (int i = 0; i < n; i++)
		buf_addf(&b, "<%s>n%d</%s>", item, i, item);
	buf_addf(&b, "</%s>", list);
	return arena_strndup(f->a, buf_span(&b));
}

static void
three_hundred_categories_and_children_are_kept(void **state)
{
	struct eas_fixture *f = *state;
	uint32_t folder = eas_folder(f, STORE_ROLE_CONTACTS);
	char *key;

	assert_int_not_equal(
		add(f, folder, "", list_of(f, "Categories", "Category", 300), &key), 0);
	assert_int_not_equal(
		add(f, folder, "", list_of(f, "Children", "Child", 300), &key), 0);
	seen(f, folder);
	assert_int_equal(eas_count(f, "<Category>"), 300);
	assert_int_equal(eas_count(f, "<Child>"), 300);
	add(f, folder, "", list_of(f, "Children", "Child", 301), &key);
	assert_has(f, "<Status>6</Status></Add>");
}

#define PREF(more)                                                                       \
	"<BodyPreference xmlns=\"AirSyncBase\"><Type>1</Type>" more "</BodyPreference>"

static void
notes_of_a_contact_are_cut_where_asked(void **state)
{
	struct eas_fixture *f = *state;
	uint32_t folder = eas_folder(f, STORE_ROLE_CONTACTS), uid;
	char *key;

	uid = add(f, folder, "",
	          "<FirstName xmlns=\"Contacts\">Ann</FirstName>" BODY("1", "0123456789"),
	          &key);
	f->device = "TABLET";
	eas_sync(f, folder, "0",
	         "<Options>" PREF("<TruncationSize>4</TruncationSize>") "</Options>");
	key = eas_key(f);
	eas_sync(f, folder, key, "");
	assert_has(f, "<EstimatedDataSize>10</EstimatedDataSize><Truncated>1</Truncated>"
	              "<Data>0123</Data>");
	/* Without TruncationSize all of it comes again. */
	eas_sync(f, folder, "0", "<Options>" PREF("") "</Options>");
	eas_sync(f, folder, eas_key(f), "");
	assert_has(f, "<Data>0123456789</Data>");
	assert_has_not(f, "<Truncated>");
	eas_runf(f, "ItemOperations",
	         "<ItemOperations xmlns=\"ItemOperations\"><Fetch><Store>Mailbox</Store>"
	         "<CollectionId xmlns=\"AirSync\">%u</CollectionId>"
	         "<ServerId xmlns=\"AirSync\">%u:%u</ServerId><Options>" PREF(
			 "<TruncationSize>4</TruncationSize>") "</Options></Fetch>"
	                                                       "</ItemOperations>",
	         folder, folder, uid);
	assert_has(f, "<Class>Contacts</Class>");
	assert_has(f, "<Truncated>1</Truncated><Data>0123</Data>");
}

static void
a_body_that_a_change_leaves_out_stays(void **state)
{
	static const struct {
		enum store_role role;
		const char *subject;
	} cases[] = {
		{ STORE_ROLE_CONTACTS, "<FirstName xmlns=\"Contacts\">%s</FirstName>" },
		{ STORE_ROLE_TASKS, "<Subject xmlns=\"Tasks\">%s</Subject>" },
		{ STORE_ROLE_NOTES, "<Subject xmlns=\"Notes\">%s</Subject>" },
		{ STORE_ROLE_CALENDAR,
		  "<StartTime xmlns=\"Calendar\">20261124T090000Z</StartTime>"
		  "<EndTime xmlns=\"Calendar\">20261124T100000Z</EndTime>"
		  "<Subject xmlns=\"Calendar\">%s</Subject>" },
	};
	static const uint16_t versions[] = { 141, 161 };
	struct eas_fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LEN(cases) * ARRAY_LEN(versions); i++) {
		uint32_t folder = eas_folder(f, cases[i / 2].role), uid;
		const char *head = cases[i / 2].subject, *at = strstr(head, "%s");
		const char *one =
			arena_printf(f->a, "%.*sone%s", (int)(at - head), head, at + 2);
		const char *two =
			arena_printf(f->a, "%.*stwo%s", (int)(at - head), head, at + 2);
		char *key;

		f->version = versions[i % 2];
		uid = add(f, folder, "",
		          arena_printf(f->a, "%s" BODY("1", "kept text"), one), &key);
		change(f, folder, uid, two, &key);
		seen(f, folder);
		assert_has(f, ">two<");
		assert_has(f, "<Data>kept text</Data>");
		/* Emptied it goes. */
		change(f, folder, uid, arena_printf(f->a, "%s" BODY("1", ""), two), &key);
		seen(f, folder);
		assert_has_not(f, "kept text");
		eas_expunge(f, folder, uid);
	}
}

/* --- notes --- */

#define N(name, value) "<" name " xmlns=\"Notes\">" value "</" name ">"

static void
categories_of_a_note_go_when_left_out_and_its_subject_stays(void **state)
{
	static const uint16_t versions[] = { 141, 161 };
	struct eas_fixture *f = *state;
	uint32_t folder = eas_folder(f, STORE_ROLE_NOTES), uid;
	char *key;

	for (size_t i = 0; i < ARRAY_LEN(versions); i++) {
		f->version = versions[i];
		uid = add(f, folder, "",
		          N("Subject", "Tide") N("MessageClass", "IPM.StickyNote")
		                  N("Categories",
		                    "<Category>Sea</Category><Category>Moon</Category>")
		                          BODY("1", "High at six"),
		          &key);
		change(f, folder, uid,
		       N("MessageClass", "IPM.StickyNote.Own")
		               N("Categories", "<Category>Moon</Category>"),
		       &key);
		seen(f, folder);
		assert_has(f, "<Subject>Tide</Subject>");
		assert_has(f, "<MessageClass>IPM.StickyNote.Own</MessageClass>");
		assert_has(f, "<Categories><Category>Moon</Category></Categories>");
		change(f, folder, uid, N("Subject", "Ebb"), &key);
		seen(f, folder);
		assert_has(f, "<Subject>Ebb</Subject>");
		assert_has(f, "<Data>High at six</Data>");
		assert_has_not(f, "<Category>");
		eas_expunge(f, folder, uid);
	}
}

static void
notes_know_no_supported_and_no_other_class(void **state)
{
	struct eas_fixture *f = *state;
	uint32_t folder = eas_folder(f, STORE_ROLE_NOTES);
	char *key;

	first_key(f, folder, "<Supported>" N("Subject", "") "</Supported>");
	assert_has(f, "<Status>4</Status>");
	add(f, folder, "", N("Subject", "x") N("MessageClass", "IPM.invalid"), &key);
	assert_has(f, "<Status>6</Status></Add>");
	assert_int_equal(eas_exists(f, folder), 0);
}

static void
bodies_of_a_note_are_text_or_html(void **state)
{
	struct eas_fixture *f = *state;
	uint32_t folder = eas_folder(f, STORE_ROLE_NOTES);
	char *key;

	add(f, folder, "", N("Subject", "a") BODY("1", "plain"), &key);
	assert_has(f, "<Status>1</Status></Add>");
	add(f, folder, "", N("Subject", "b") BODY("2", "&lt;p&gt;bold&lt;/p&gt;"), &key);
	assert_has(f, "<Status>1</Status></Add>");
	f->device = "TABLET";
	eas_sync(f, folder, "0",
	         "<Options><BodyPreference xmlns=\"AirSyncBase\"><Type>2</Type>"
	         "</BodyPreference></Options>");
	eas_sync(f, folder, eas_key(f), "");
	assert_int_equal(eas_count(f, "<Body><Type>2</Type>"), 2);
	assert_has(f, "&lt;p&gt;bold&lt;/p&gt;");
	eas_runf(
		f, "ItemOperations",
		"<ItemOperations xmlns=\"ItemOperations\"><Fetch><Store>Mailbox</Store>"
		"<CollectionId xmlns=\"AirSync\">%u</CollectionId>"
		"<ServerId xmlns=\"AirSync\">%u:1</ServerId></Fetch><Fetch>"
		"<Store>Mailbox</Store><CollectionId xmlns=\"AirSync\">%u</CollectionId>"
		"<ServerId xmlns=\"AirSync\">%u:4711</ServerId></Fetch></ItemOperations>",
		folder, folder, folder, folder);
	assert_has(f, "<Class>Notes</Class><Properties><Subject>a</Subject>");
	assert_has(f, "<Fetch><Status>6</Status>");
}

static void
bodies_that_are_none_get_status_6(void **state)
{
	struct eas_fixture *f = *state;
	uint32_t folder = eas_folder(f, STORE_ROLE_NOTES);
	char *key;

	add(f, folder, "", N("Subject", "a") BODY("a", "plain"), &key);
	assert_has(f, "<Status>6</Status></Add>");
	add(f, folder, "", N("Subject", "a") BODY("9", "plain"), &key);
	assert_has(f, "<Status>6</Status></Add>");
	add(f, folder, "", N("Subject", "a") BODY("1</Type><Type>1", "plain"), &key);
	assert_has(f, "<Status>6</Status></Add>");
	assert_int_equal(eas_exists(f, folder), 0);
}

/* --- tasks --- */

#define T(name, value) "<" name " xmlns=\"Tasks\">" value "</" name ">"
#define DUE                                                                              \
	T("StartDate", "2026-11-24T00:00:00.000Z")                                       \
	T("UtcStartDate", "2026-11-24T00:00:00.000Z")                                    \
	T("DueDate", "2026-11-24T00:00:00.000Z")                                         \
	T("UtcDueDate", "2026-11-24T00:00:00.000Z")
#define START "<Start>2026-11-24T00:00:00.000Z</Start>"

static void
importance_and_reminder_of_a_task_stay_when_left_out(void **state)
{
	static const uint16_t versions[] = { 141, 161 };
	struct eas_fixture *f = *state;
	uint32_t folder = eas_folder(f, STORE_ROLE_TASKS), uid;
	char *key;

	for (size_t i = 0; i < ARRAY_LEN(versions); i++) {
		f->version = versions[i];
		uid = add(f, folder, "",
		          T("Subject", "one") T("Importance", "2") T("ReminderSet", "1")
		                  T("ReminderTime", "2026-11-24T08:00:00.000Z")
		                          T("Categories", "<Category>Sea</Category>"),
		          &key);
		change(f, folder, uid, T("Subject", "two") T("Categories", ""), &key);
		seen(f, folder);
		assert_has(f, "<Subject>two</Subject>");
		assert_has(f, "<Importance>2</Importance>");
		assert_has(f, "<ReminderTime>2026-11-24T08:00:00.000Z</ReminderTime>"
		              "<ReminderSet>1</ReminderSet>");
		assert_has_not(f, "<Category>");
		change(f, folder, uid,
		       T("Subject", "two") T("Importance", "0") T("ReminderSet", "0"),
		       &key);
		seen(f, folder);
		assert_has(f, "<Importance>0</Importance>");
		assert_has(f, "<ReminderSet>0</ReminderSet>");
		assert_has_not(f, "<ReminderTime>");
		eas_expunge(f, folder, uid);
	}
}

static void
a_completed_task_says_when(void **state)
{
	struct eas_fixture *f = *state;
	uint32_t folder = eas_folder(f, STORE_ROLE_TASKS), uid;
	char *key;

	uid = add(f, folder, "",
	          T("Subject", "one") T("Complete", "1")
	                  T("DateCompleted", "2026-11-20T00:00:00.000Z"),
	          &key);
	seen(f, folder);
	assert_has(f, "<Complete>1</Complete>"
	              "<DateCompleted>2026-11-20T00:00:00.000Z</DateCompleted>");
	assert_has(f, "<Sensitivity>0</Sensitivity>");
	change(f, folder, uid, T("Subject", "one") T("Complete", "0"), &key);
	seen(f, folder);
	assert_has_not(f, "<DateCompleted>");
	add(f, folder, "", T("Subject", "two") T("Complete", "1"), &key);
	seen(f, folder);
	assert_has(f, "<DateCompleted>2026-11-21T");
}

static void
values_of_a_task_that_are_none_get_status_6(void **state)
{
	static const char *const wrong[] = {
		T("ReminderSet", "2"),
		T("Complete", "maybe"),
		T("Sensitivity", "9"),
		T("DueDate", "soon"),
	};
	struct eas_fixture *f = *state;
	uint32_t folder = eas_folder(f, STORE_ROLE_TASKS);
	char *key;

	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		add(f, folder, "", arena_printf(f->a, T("Subject", "x") "%s", wrong[i]),
		    &key);
		if (!strstr(f->xml, "<Status>6</Status></Add>"))
			fail_msg("%s: %s", wrong[i], f->xml);
	}
	/* But an Importance of another value is no error (MS-ASTASK 2.2.2.12). */
	add(f, folder, "", T("Subject", "x") T("Importance", "7"), &key);
	assert_has(f, "<Status>1</Status></Add>");
	assert_int_equal(eas_exists(f, folder), 1);
}

static void
a_task_is_fetched_by_item_operations(void **state)
{
	struct eas_fixture *f = *state;
	uint32_t folder = eas_folder(f, STORE_ROLE_TASKS), uid;
	char *key;

	uid = add(f, folder, "", T("Subject", "Feed") DUE, &key);
	eas_runf(f, "ItemOperations",
	         "<ItemOperations xmlns=\"ItemOperations\"><Fetch><Store>Mailbox</Store>"
	         "<CollectionId xmlns=\"AirSync\">%u</CollectionId>"
	         "<ServerId xmlns=\"AirSync\">%u:%u</ServerId></Fetch></ItemOperations>",
	         folder, folder, uid);
	assert_has(f, "<Class>Tasks</Class><Properties>");
	assert_has(f, "<Subject>Feed</Subject>");
	assert_has(f, "<DueDate>2026-11-24T00:00:00.000Z</DueDate>");
}

/* --- recurrences of tasks and events --- */

/* In the order of the answer; the same elements are taken in any order. */
static const struct {
	const char *pattern;
	const char *more; /* what the server adds */
} patterns[] = {
	{ "<Type>0</Type><Interval>3</Interval>", "" },
	{ "<Type>0</Type><Occurrences>4</Occurrences><Interval>1</Interval>", "" },
	{ "<Type>1</Type><Interval>1</Interval><DayOfWeek>4</DayOfWeek>",
	  "<FirstDayOfWeek>1</FirstDayOfWeek>" },
	{ "<Type>1</Type><Interval>2</Interval><DayOfWeek>20</DayOfWeek>"
	  "<FirstDayOfWeek>0</FirstDayOfWeek>",
	  "" },
	{ "<Type>2</Type><Interval>1</Interval><DayOfMonth>24</DayOfMonth>",
	  "<CalendarType>0</CalendarType>" },
	{ "<Type>3</Type><Interval>1</Interval><WeekOfMonth>4</WeekOfMonth>"
	  "<DayOfWeek>4</DayOfWeek>",
	  "<CalendarType>0</CalendarType>" },
	{ "<Type>3</Type><Interval>2</Interval><WeekOfMonth>5</WeekOfMonth>"
	  "<DayOfWeek>62</DayOfWeek>",
	  "<CalendarType>0</CalendarType>" },
	{ "<Type>5</Type><Interval>1</Interval><MonthOfYear>11</MonthOfYear>"
	  "<DayOfMonth>24</DayOfMonth>",
	  "<CalendarType>0</CalendarType>" },
	{ "<Type>6</Type><Interval>1</Interval><WeekOfMonth>4</WeekOfMonth>"
	  "<DayOfWeek>4</DayOfWeek><MonthOfYear>11</MonthOfYear>",
	  "<CalendarType>0</CalendarType>" },
};

static void
each_recurrence_of_a_task_comes_back(void **state)
{
	struct eas_fixture *f = *state;
	uint32_t folder = eas_folder(f, STORE_ROLE_TASKS), uid;
	char *key;

	for (size_t i = 0; i < ARRAY_LEN(patterns); i++) {
		uid = add(f, folder, "",
		          arena_printf(f->a,
		                       T("Subject", "x") DUE
		                       "<Recurrence xmlns=\"Tasks\">" START
		                       "%s</Recurrence>",
		                       patterns[i].pattern),
		          &key);
		assert_int_not_equal(uid, 0);
		seen(f, folder);
		assert_has(f, arena_printf(f->a,
		                           "<Recurrence>" START
		                           "%s%s<Regenerate>0</Regenerate>"
		                           "<DeadOccur>0</DeadOccur></Recurrence>",
		                           patterns[i].pattern, patterns[i].more));
		eas_expunge(f, folder, uid);
	}
}

#define C(name, value) "<" name " xmlns=\"Calendar\">" value "</" name ">"
#define TIMES C("StartTime", "20261124T090000Z") C("EndTime", "20261124T100000Z")

static void
each_recurrence_of_an_event_comes_back(void **state)
{
	struct eas_fixture *f = *state;
	uint32_t folder = eas_folder(f, STORE_ROLE_CALENDAR), uid;
	char *key;

	for (size_t i = 0; i < ARRAY_LEN(patterns); i++) {
		uid = add(
			f, folder, "",
			arena_printf(
				f->a,
				TIMES C("Subject",
		                        "x") "<Recurrence xmlns=\"Calendar\">%s</Recurrence>",
				patterns[i].pattern),
			&key);
		assert_int_not_equal(uid, 0);
		seen(f, folder);
		assert_has(f, arena_printf(f->a, "<Recurrence>%s%s</Recurrence>",
		                           patterns[i].pattern, patterns[i].more));
		eas_expunge(f, folder, uid);
	}
}

static void
recurrences_that_do_not_hold_together_get_status_6(void **state)
{
	static const char *const wrong[] = {
		"<Interval>1</Interval>", /* no Type */
		"<Type>4</Type>",
		"<Type>9</Type>",
		"<Type>1</Type>", /* on which day? */
		"<Type>0</Type><DayOfMonth>3</DayOfMonth>",
		"<Type>1</Type><DayOfWeek>4</DayOfWeek><DayOfMonth>3</DayOfMonth>",
		"<Type>2</Type><DayOfMonth>3</DayOfMonth><DayOfWeek>4</DayOfWeek>",
		"<Type>5</Type><DayOfMonth>3</DayOfMonth><MonthOfYear>3</MonthOfYear>"
		"<DayOfWeek>4</DayOfWeek>",
		"<Type>1</Type><DayOfWeek>4</DayOfWeek><WeekOfMonth>2</WeekOfMonth>",
		"<Type>2</Type><DayOfMonth>3</DayOfMonth><WeekOfMonth>2</WeekOfMonth>",
		"<Type>2</Type><DayOfMonth>3</DayOfMonth><MonthOfYear>3</MonthOfYear>",
		"<Type>0</Type><CalendarType>1</CalendarType>",
		"<Type>1</Type><DayOfWeek>4</DayOfWeek><CalendarType>1</CalendarType>",
		"<Type>1</Type><DayOfWeek>4</DayOfWeek><FirstDayOfWeek>7</FirstDayOfWeek>",
		"<Type>2</Type><DayOfMonth>3</DayOfMonth><CalendarType>1</CalendarType>"
		"<CalendarType>1</CalendarType>",
		"<Type>2</Type><DayOfMonth>3</DayOfMonth><CalendarType>13</CalendarType>",
		"<Type>2</Type><DayOfMonth>3</DayOfMonth><CalendarType>19</CalendarType>",
		"<Type>2</Type><DayOfMonth>3</DayOfMonth><CalendarType>99</CalendarType>",
		"<Type>2</Type><DayOfMonth>32</DayOfMonth>",
		"<Type>3</Type><DayOfWeek>4</DayOfWeek><WeekOfMonth>6</WeekOfMonth>",
		"<Type>5</Type><DayOfMonth>3</DayOfMonth><MonthOfYear>13</MonthOfYear>",
	};
	struct eas_fixture *f = *state;
	uint32_t tasks = eas_folder(f, STORE_ROLE_TASKS);
	uint32_t events = eas_folder(f, STORE_ROLE_CALENDAR);
	char *key;

	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		add(f, tasks, "",
		    arena_printf(f->a,
		                 T("Subject", "x") DUE
		                 "<Recurrence xmlns=\"Tasks\">" START "%s</Recurrence>",
		                 wrong[i]),
		    &key);
		if (!strstr(f->xml, "<Status>6</Status></Add>"))
			fail_msg("task, %s: %s", wrong[i], f->xml);
		add(f, events, "",
		    arena_printf(
			    f->a,
			    TIMES C("Subject",
		                    "x") "<Recurrence xmlns=\"Calendar\">%s</Recurrence>",
			    wrong[i]),
		    &key);
		if (!strstr(f->xml, "<Status>6</Status></Add>"))
			fail_msg("event, %s: %s", wrong[i], f->xml);
	}
	assert_int_equal(eas_exists(f, tasks), 0);
	assert_int_equal(eas_exists(f, events), 0);
}

static void
of_occurrences_and_until_the_first_counts(void **state)
{
	struct eas_fixture *f = *state;
	uint32_t tasks = eas_folder(f, STORE_ROLE_TASKS);
	uint32_t events = eas_folder(f, STORE_ROLE_CALENDAR);
	char *key;

	add(f, tasks, "",
	    T("Subject", "x") DUE "<Recurrence xmlns=\"Tasks\"><Type>0</Type>" START
	                          "<Until>2026-12-01T00:00:00.000Z</Until>"
	                          "<Occurrences>3</Occurrences></Recurrence>",
	    &key);
	seen(f, tasks);
	assert_has(f, "<Occurrences>3</Occurrences>");
	assert_has_not(f, "<Until>");
	/* An Interval of 0 is 1. */
	add(f, events, "",
	    TIMES C("Recurrence", "<Type>0</Type><Interval>0</Interval>"
	                          "<Until>20261201T000000Z</Until>"
	                          "<Occurrences>3</Occurrences>"),
	    &key);
	seen(f, events);
	assert_has(f, "<Recurrence><Type>0</Type><Occurrences>3</Occurrences>"
	              "<Interval>1</Interval></Recurrence>");
}

static void
a_lunar_year_keeps_its_leap_month(void **state)
{
	struct eas_fixture *f = *state;
	uint32_t folder = eas_folder(f, STORE_ROLE_CALENDAR), uid;
	char *key;

	uid = add(f, folder, "",
	          TIMES C("Recurrence",
	                  "<Type>5</Type><Interval>1</Interval><DayOfMonth>1</DayOfMonth>"
	                  "<MonthOfYear>6</MonthOfYear><CalendarType>15</CalendarType>"
	                  "<IsLeapMonth>1</IsLeapMonth>"),
	          &key);
	assert_int_not_equal(uid, 0);
	seen(f, folder);
	assert_has(f, "<MonthOfYear>6</MonthOfYear><DayOfMonth>1</DayOfMonth>"
	              "<CalendarType>15</CalendarType><IsLeapMonth>1</IsLeapMonth>");
	/* For us it means nothing. */
	eas_expunge(f, folder, uid);
	add(f, folder, "",
	    TIMES C("Recurrence",
	            "<Type>5</Type><Interval>1</Interval><DayOfMonth>24</DayOfMonth>"
	            "<MonthOfYear>11</MonthOfYear><CalendarType>1</CalendarType>"
	            "<IsLeapMonth>0</IsLeapMonth>"),
	    &key);
	seen(f, folder);
	assert_has(f, "<DayOfMonth>24</DayOfMonth><CalendarType>0</CalendarType>"
	              "</Recurrence>");
}

int
main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, eas_setup, eas_teardown)
	const struct CMUnitTest tests[] = {
		CASE(every_field_of_a_contact_comes_and_can_be_ghosted),
		CASE(a_picture_of_more_than_48_kb_gets_status_6),
		CASE(three_hundred_categories_and_children_are_kept),
		CASE(notes_of_a_contact_are_cut_where_asked),
		CASE(a_body_that_a_change_leaves_out_stays),
		CASE(categories_of_a_note_go_when_left_out_and_its_subject_stays),
		CASE(notes_know_no_supported_and_no_other_class),
		CASE(bodies_of_a_note_are_text_or_html),
		CASE(bodies_that_are_none_get_status_6),
		CASE(importance_and_reminder_of_a_task_stay_when_left_out),
		CASE(a_completed_task_says_when),
		CASE(values_of_a_task_that_are_none_get_status_6),
		CASE(a_task_is_fetched_by_item_operations),
		CASE(each_recurrence_of_a_task_comes_back),
		CASE(each_recurrence_of_an_event_comes_back),
		CASE(recurrences_that_do_not_hold_together_get_status_6),
		CASE(of_occurrences_and_until_the_first_counts),
		CASE(a_lunar_year_keeps_its_leap_month),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
