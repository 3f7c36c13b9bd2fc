/* SPDX-License-Identifier: ISC
 *
 * test_eas_pim.c - contacts, tasks and notes: both ways, whole and in part, beside what
 * other protocols keep in them.
 */
#include "tests/unit/eas_fixture.h"

/* A folder that the device has wholly; its key. */
static char *
synced(struct eas_fixture *f, uint32_t folder, const char *more)
{
	char *key;

	eas_sync(f, folder, "0", arena_printf(f->a, "%s" EAS_OPTIONS_PLAIN, more));
	key = eas_key(f);
	eas_sync(f, folder, key, "");
	return f->xml[0] != '\0' ? eas_key(f) : key;
}

static uint32_t
add(struct eas_fixture *f, uint32_t folder, const char *key, const char *data)
{
	uint32_t uid = 0;
	struct span id;

	eas_sync(f, folder, key,
	         arena_printf(f->a,
	                      "<Commands><Add><ClientId>c1</ClientId><ApplicationData>%s"
	                      "</ApplicationData></Add></Commands>",
	                      data));
	id = span_str(eas_value(f, "ServerId", 0));
	span_cut(&id, ':', &(struct span){ 0 });
	if (id.n > 0)
		assert_ok(parse_u32(id, UINT32_MAX, &uid));
	return uid;
}

static const char *
change(struct eas_fixture *f, uint32_t folder, const char *key, uint32_t uid,
       const char *data)
{
	return eas_sync(
		f, folder, key,
		arena_printf(f->a,
	                     "<Commands><Change><ServerId>%u:%u</ServerId>"
	                     "<ApplicationData>%s</ApplicationData></Change></Commands>",
	                     folder, uid, data));
}

/* What another device sees of the folder. */
static const char *
seen_by(struct eas_fixture *f, const char *device, uint32_t folder)
{
	const char *was = f->device;

	f->device = device;
	synced(f, folder, "");
	f->device = was;
	return f->xml;
}

static const char *
stored(struct eas_fixture *f, uint32_t folder, uint32_t uid)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);
	AUTO(store_tx)
	struct store_tx *tx = NULL;
	struct store_item item;

	assert_ok(store_read(f->store, f->user, &tx));
	assert_ok(store_item_load(tx, folder, uid, f->a, &item));
	assert_ok(store_content_read(tx, item.content, 0, item.size, &b));
	return arena_strndup(f->a, buf_span(&b));
}

/* An item that some other protocol has put there. */
static uint32_t
put(struct eas_fixture *f, uint32_t folder, const char *text)
{
	AUTO(store_content)
	struct store_content *content = NULL;
	AUTO(store_tx)
	struct store_tx *tx = NULL;
	struct store_actor who = { .protocol = "syncml" };
	struct store_item_new item = { .received_ms = EAS_NOW };
	uint32_t uid = 0;

	assert_ok(store_content_new(f->store, span_str(text), SPAN(""), &content));
	assert_ok(store_write(f->store, f->user, &who, &tx));
	assert_ok(store_item_add(tx, folder, content, &item, &uid, NULL));
	assert_ok(store_commit(&tx));
	return uid;
}

#define C(name, value) "<" name " xmlns=\"Contacts\">" value "</" name ">"
#define C2(name, value) "<" name " xmlns=\"Contacts2\">" value "</" name ">"
#define T(name, value) "<" name " xmlns=\"Tasks\">" value "</" name ">"
#define N(name, value) "<" name " xmlns=\"Notes\">" value "</" name ">"
#define BODY(type, text)                                                                 \
	"<Body xmlns=\"AirSyncBase\"><Type>" type "</Type><Data>" text "</Data></Body>"

static void
a_contact_comes_to_another_device_as_it_was_written(void **state)
{
	static const char *const fields[] = {
		"<FirstName>Käthe</FirstName>",
		"<LastName>O&amp;Neil</LastName>",
		"<CompanyName>Wader; Sons, Ltd</CompanyName>",
		"<Email1Address>&quot;Käthe O&quot; &lt;k@example.org&gt;</Email1Address>",
		"<MobilePhoneNumber>+49 151 1</MobilePhoneNumber>",
		"<HomeFaxNumber>2</HomeFaxNumber>",
		"<BusinessAddressStreet>Hafen 1\nHof</BusinessAddressStreet>",
		"<OtherAddressCountry>Iceland</OtherAddressCountry>",
		"<NickName>Kä</NickName>",
		"<IMAddress2>xmpp:k@example.org</IMAddress2>",
		"<ManagerName>Boss</ManagerName>",
		"<Categories><Category>Friends</Category><Category>Birds, waders</Category>"
		"</Categories>",
		"<Children><Child>Ada</Child><Child>Bo</Child></Children>",
		"<Birthday>1980-02-29T11:59:00.000Z</Birthday>",
		"<Picture>/9j/4AAQSkZJRg==</Picture>",
		"<Data>first line\nsecond</Data>",
	};
	struct eas_fixture *f = *state;
	uint32_t folder = eas_folder(f, STORE_ROLE_CONTACTS);
	char *key = synced(f, folder, "");

	add(f, folder, key,
	    C("FirstName", "Käthe") C("LastName", "O&amp;Neil") C(
		    "CompanyName",
		    "Wader; Sons, Ltd") C("Email1Address",
	                                  "\"Käthe O\" &lt;k@example.org&gt;")
	            C("MobilePhoneNumber", "+49 151 1") C("HomeFaxNumber", "2") C(
			    "BusinessAddressStreet",
			    "Hafen 1\nHof") C("OtherAddressCountry",
	                                      "Iceland") C2("NickName",
	                                                    "Kä") C2("IMAddress2",
	                                                             "xmpp:k@example.org")
	                    C2("ManagerName", "Boss") C(
				    "Categories",
				    "<Category>Friends</Category><Category>Birds, waders</Category>")
	                            C("Children", "<Child>Ada</Child><Child>Bo</Child>")
	                                    C("Birthday", "1980-02-28T23:00:00.000Z")
	                                            C("Picture", "/9j/4AAQSkZJRg==") BODY(
							    "1", "first line\nsecond"));
	assert_has(f, "<ClientId>c1</ClientId>");
	assert_has(f, "<Status>1</Status>");
	seen_by(f, "TABLET", folder);
	for (size_t i = 0; i < ARRAY_LEN(fields); i++)
		assert_has(f, fields[i]);
}

static void
the_same_add_gets_the_first_ones_id(void **state)
{
	struct eas_fixture *f = *state;
	uint32_t folder = eas_folder(f, STORE_ROLE_CONTACTS);
	char *key = synced(f, folder, "");
	uint32_t uid = add(f, folder, key, C("FirstName", "Ann"));

	assert_int_not_equal(uid, 0);
	/* The answer was lost: the same request again; then by a new key. */
	assert_int_equal(add(f, folder, key, C("FirstName", "Ann")), uid);
	assert_int_equal(add(f, folder, eas_key(f), C("FirstName", "Ann")), uid);
	assert_int_equal(eas_exists(f, folder), 1);
}

/* The trash holds mail. */
static void
a_deleted_contact_is_gone_whatever_deletes_are(void **state)
{
	struct eas_fixture *f = *state;
	uint32_t folder = eas_folder(f, STORE_ROLE_CONTACTS);
	char *key = synced(f, folder, "");
	uint32_t uid = add(f, folder, key, C("FirstName", "Ann"));

	eas_sync(f, folder, eas_key(f),
	         arena_printf(f->a,
	                      "<DeletesAsMoves>1</DeletesAsMoves><Commands><Delete>"
	                      "<ServerId>%u:%u</ServerId></Delete></Commands>",
	                      folder, uid));
	assert_int_equal(eas_exists(f, folder), 0);
	assert_int_equal(eas_exists(f, f->trash), 0);
}

static void
before_16_a_change_says_only_what_it_names(void **state)
{
	struct eas_fixture *f = *state;
	uint32_t folder = eas_folder(f, STORE_ROLE_CONTACTS);
	uint32_t uid;
	char *key;

	f->version = 141;
	key = synced(f, folder, "");
	uid = add(f, folder, key,
	          C("FirstName", "Ann") C("LastName", "Lee") C("JobTitle", "Pilot"));
	change(f, folder, eas_key(f), uid, C("FirstName", "Anna") C("JobTitle", ""));
	assert_has_not(f, "<Responses>");
	seen_by(f, "TABLET", folder);
	assert_has(f, "<FirstName>Anna</FirstName>");
	assert_has(f, "<LastName>Lee</LastName>");
	assert_has_not(f, "JobTitle");
}

static void
what_a_device_supports_and_leaves_out_goes(void **state)
{
	struct eas_fixture *f = *state;
	uint32_t folder = eas_folder(f, STORE_ROLE_CONTACTS);
	uint32_t uid;
	char *key;

	f->version = 141;
	key = synced(f, folder,
	             "<Supported>" C("FirstName", "") C("JobTitle", "") "</Supported>");
	uid = add(f, folder, key,
	          C("FirstName", "Ann") C("LastName", "Lee") C("JobTitle", "Pilot"));
	change(f, folder, eas_key(f), uid, C("FirstName", "Anna"));
	seen_by(f, "TABLET", folder);
	assert_has(f, "<LastName>Lee</LastName>");
	assert_has_not(f, "JobTitle");
}

static void
at_16_a_change_replaces_the_item_but_not_its_picture(void **state)
{
	struct eas_fixture *f = *state;
	uint32_t folder = eas_folder(f, STORE_ROLE_CONTACTS);
	uint32_t uid;
	char *key;

	f->version = 161;
	key = synced(f, folder, "");
	uid = add(f, folder, key,
	          C("FirstName", "Ann") C("LastName", "Lee")
	                  C("Picture", "/9j/4AAQSkZJRg=="));
	change(f, folder, eas_key(f), uid, C("FirstName", "Anna"));
	key = eas_key(f);
	seen_by(f, "TABLET", folder);
	assert_has(f, "<FirstName>Anna</FirstName>");
	assert_has_not(f, "LastName");
	assert_has(f, "<Picture>/9j/4AAQSkZJRg==</Picture>");
	change(f, folder, key, uid, C("FirstName", "Anna") C("Picture", ""));
	seen_by(f, "THIRD", folder);
	assert_has_not(f, "Picture");
}

/* MS-ASCMD 2.2.3.24: a device keeps the Body, its Data and the Picture that a Change does
 * not name, and drops whatever else is not there. */
static void
what_one_device_empties_the_others_are_told_is_empty(void **state)
{
	static const char empty[] = "<Body><Type>1</Type><EstimatedDataSize>0"
				    "</EstimatedDataSize><Data/></Body>";
	struct eas_fixture *f = *state;
	uint32_t folder = eas_folder(f, STORE_ROLE_CONTACTS);
	uint32_t uid =
		put(f, folder,
	            "BEGIN:VCARD\r\nVERSION:4.0\r\nN:Lee;Ann;;;\r\nTITLE:Pilot\r\n"
	            "NOTE:tall\r\nPHOTO:data:image/jpeg;base64,/9j/4AAQSkZJRg==\r\n"
	            "END:VCARD\r\n");
	char *mine, *theirs;

	f->version = 161;
	mine = synced(f, folder, "");
	assert_has(f, "<Data>tall</Data>");
	f->device = "TABLET";
	f->version = 141;
	theirs = synced(f, folder, "");
	assert_has(f, "<JobTitle>Pilot</JobTitle>");
	f->device = "PHONE1";
	f->version = 161;
	change(f, folder, mine, uid,
	       C("FirstName", "Ann") BODY("1", "") C("Picture", ""));
	assert_has_not(f, "<Responses>");
	f->device = "TABLET";
	f->version = 141;
	eas_sync(f, folder, theirs, "");
	assert_has(f, "<Change>");
	assert_has(f, empty);
	assert_has(f, "<Picture/>");
	assert_has_not(f, "JobTitle");
	/* A device that lost its key takes an Add as a Change of what it still holds. */
	seen_by(f, "TABLET", folder);
	assert_has(f, "<Add>");
	assert_has(f, empty);
	assert_has_not(f, "Picture");
}

static void
an_emptied_note_and_task_are_told_to_be_empty(void **state)
{
	static const struct {
		enum store_role role;
		const char *data, *without;
	} cases[] = {
		{ STORE_ROLE_NOTES, N("Subject", "s") BODY("1", "text"),
		  N("Subject", "s") "<Body xmlns=\"AirSyncBase\"/>" },
		{ STORE_ROLE_TASKS, T("Subject", "s") BODY("1", "text"),
		  T("Subject", "s") BODY("1", "") },
	};
	struct eas_fixture *f = *state;

	f->version = 161;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		uint32_t folder = eas_folder(f, cases[i].role), uid;
		char *theirs;

		f->device = "PHONE1";
		uid = add(f, folder, synced(f, folder, ""), cases[i].data);
		f->device = "TABLET";
		theirs = synced(f, folder, "");
		assert_has(f, "<Data>text</Data>");
		f->device = "PHONE1";
		change(f, folder, synced(f, folder, ""), uid, cases[i].without);
		f->device = "TABLET";
		eas_sync(f, folder, theirs, "");
		assert_has(f, "<EstimatedDataSize>0</EstimatedDataSize><Data/></Body>");
	}
}

static void
what_other_protocols_keep_survives_a_devices_change(void **state)
{
	struct eas_fixture *f = *state;
	uint32_t folder = eas_folder(f, STORE_ROLE_CONTACTS);
	uint32_t uid = put(f, folder,
	                   "BEGIN:VCARD\r\nVERSION:4.0\r\nUID:u-1\r\nFN:Ann Lee\r\n"
	                   "N:Lee;Ann;;;\r\nX-MOOD;TYPE=today:sunny\r\n"
	                   "item1.TEL;VALUE=uri:tel:+1\r\nitem1.X-ABLabel:boat\r\n"
	                   "END:VCARD\r\n");
	char *key;
	const char *now;

	f->version = 161;
	key = synced(f, folder, "");
	assert_has(f, "<LastName>Lee</LastName>");
	change(f, folder, key, uid, C("FirstName", "Anna") C("LastName", "Lee"));
	now = stored(f, folder, uid);
	assert_non_null(strstr(now, "Lee;Anna"));
	assert_non_null(strstr(now, "X-MOOD;TYPE=today:sunny"));
	assert_non_null(strstr(now, "X-ABLabel:boat"));
	assert_non_null(strstr(now, "UID:u-1"));
}

static void
several_changes_of_one_item_build_on_each_other(void **state)
{
	struct eas_fixture *f = *state;
	uint32_t folder = eas_folder(f, STORE_ROLE_CONTACTS);
	uint32_t uid;
	char *key;

	f->version = 141;
	key = synced(f, folder, "");
	uid = add(f, folder, key, C("FirstName", "Ann"));
	eas_sync(
		f, folder, eas_key(f),
		arena_printf(
			f->a,
			"<Commands><Change><ServerId>%u:%u</ServerId>"
			"<ApplicationData>" C(
				"LastName",
				"Lee") "</ApplicationData>"
				       "</Change><Change><ServerId>%u:%u</ServerId>"
				       "<ApplicationData>" C(
					       "JobTitle",
					       "Pilot") "</ApplicationData></Change></Commands>",
			folder, uid, folder, uid));
	assert_has_not(f, "<Responses>");
	seen_by(f, "TABLET", folder);
	assert_has(f, "<FirstName>Ann</FirstName>");
	assert_has(f, "<LastName>Lee</LastName>");
	assert_has(f, "<JobTitle>Pilot</JobTitle>");
}

static void
against_anothers_change_the_server_wins_unless_told(void **state)
{
	struct eas_fixture *f = *state;
	uint32_t folder = eas_folder(f, STORE_ROLE_CONTACTS);
	char *phone = synced(f, folder, ""), *tablet;
	uint32_t uid = add(f, folder, phone, C("FirstName", "Ann"));

	phone = eas_key(f);
	f->device = "TABLET";
	tablet = synced(f, folder, "");
	change(f, folder, tablet, uid, C("FirstName", "Again"));
	tablet = eas_key(f);
	f->device = "PHONE1";
	change(f, folder, phone, uid, C("FirstName", "Phone"));
	assert_has(f, "<Status>7</Status>");
	assert_has(f, "<FirstName>Again</FirstName>");
	phone = eas_key(f);
	f->device = "TABLET";
	change(f, folder, tablet, uid, C("FirstName", "Third"));
	f->device = "PHONE1";
	eas_sync(
		f, folder, phone,
		arena_printf(f->a,
	                     "<Options><Conflict>0</Conflict></Options><Commands><Change>"
	                     "<ServerId>%u:%u</ServerId><ApplicationData>" C(
				     "FirstName",
				     "Mine") "</ApplicationData></Change></Commands>",
	                     folder, uid));
	assert_has_not(f, "<Status>7</Status>");
	seen_by(f, "FOURTH", folder);
	assert_has(f, "<FirstName>Mine</FirstName>");
}

static void
what_is_no_contact_gets_status_6(void **state)
{
	struct eas_fixture *f = *state;
	uint32_t folder = eas_folder(f, STORE_ROLE_CONTACTS);
	char *key = synced(f, folder, "");

	add(f, folder, key, C("FirstName", "Ann") C("Birthday", "soon"));
	assert_has(f, "<Status>6</Status>");
	add(f, folder, eas_key(f), C("FirstName", "Ann") C("Picture", "%%%"));
	assert_has(f, "<Status>6</Status>");
	assert_int_equal(eas_exists(f, folder), 0);
}

static void
a_birthday_without_a_year_stays_without(void **state)
{
	struct eas_fixture *f = *state;
	uint32_t folder = eas_folder(f, STORE_ROLE_CONTACTS);
	uint32_t uid = put(f, folder,
	                   "BEGIN:VCARD\r\nVERSION:4.0\r\nFN:Bo\r\nBDAY:--0401\r\n"
	                   "END:VCARD\r\n");
	char *key;

	f->version = 141;
	key = synced(f, folder, "");
	assert_has(f, "<Birthday>1604-04-01T11:59:00.000Z</Birthday>");
	change(f, folder, key, uid, C("Birthday", "1604-04-02T11:59:00.000Z"));
	assert_non_null(strstr(stored(f, folder, uid), "BDAY:--0402"));
}

static void
a_task_comes_back_with_its_dates(void **state)
{
	struct eas_fixture *f = *state;
	uint32_t folder = eas_folder(f, STORE_ROLE_TASKS);
	char *key = synced(f, folder, "");

	add(f, folder, key,
	    T("Subject", "Count the waders") T("Importance", "2") T("Complete", "0") T(
		    "StartDate", "2026-11-24T00:00:00.000Z") T("UtcStartDate",
	                                                       "2026-11-23T23:00:00.000Z")
	            T("DueDate", "2026-11-25T00:00:00.000Z")
	                    T("UtcDueDate", "2026-11-24T23:00:00.000Z")
	                            T("Sensitivity", "2") T("ReminderSet", "1")
	                                    T("ReminderTime", "2026-11-24T08:00:00.000Z")
	                                            BODY("2", "&lt;b&gt;all&lt;/b&gt;"));
	assert_has(f, "<Status>1</Status>");
	seen_by(f, "TABLET", folder);
	assert_has(f, "<Subject>Count the waders</Subject>");
	assert_has(f, "<UtcStartDate>2026-11-23T23:00:00.000Z</UtcStartDate>");
	assert_has(f, "<StartDate>2026-11-24T00:00:00.000Z</StartDate>");
	assert_has(f, "<UtcDueDate>2026-11-24T23:00:00.000Z</UtcDueDate>");
	assert_has(f, "<DueDate>2026-11-25T00:00:00.000Z</DueDate>");
	assert_has(f, "<Importance>2</Importance>");
	assert_has(f, "<Sensitivity>2</Sensitivity>");
	assert_has(f, "<ReminderTime>2026-11-24T08:00:00.000Z</ReminderTime>");
	assert_has(f, "<Type>1</Type>");
	assert_has(f, "<Data>all</Data>");
}

static void
a_task_repeats_as_it_was_told(void **state)
{
	struct eas_fixture *f = *state;
	uint32_t folder = eas_folder(f, STORE_ROLE_TASKS);
	char *key = synced(f, folder, "");

	add(f, folder, key,
	    T("Subject", "Feed") T("StartDate", "2026-11-24T00:00:00.000Z")
	            T("DueDate", "2026-11-24T00:00:00.000Z")
	                    T("Recurrence",
	                      "<Type>1</Type><Start>2026-11-24T00:00:00.000Z</Start>"
	                      "<Interval>2</Interval><DayOfWeek>20</DayOfWeek>"
	                      "<Occurrences>9</Occurrences><Regenerate>0</Regenerate>"
	                      "<DeadOccur>0</DeadOccur>"));
	assert_has(f, "<Status>1</Status>");
	seen_by(f, "TABLET", folder);
	assert_has(f, "<Start>2026-11-24T00:00:00.000Z</Start><Type>1</Type>"
	              "<Occurrences>9</Occurrences><Interval>2</Interval>"
	              "<DayOfWeek>20</DayOfWeek>");
	assert_has(f, "<Regenerate>0</Regenerate><DeadOccur>0</DeadOccur>");
}

#define OPEN_ONLY "<Options><FilterType>8</FilterType></Options>"

static void
completed_tasks_leave_a_device_that_wants_open_ones(void **state)
{
	struct eas_fixture *f = *state;
	uint32_t folder = eas_folder(f, STORE_ROLE_TASKS);
	char *key, *phone;
	uint32_t uid;

	f->version = 141;
	f->device = "TABLET";
	key = synced(f, folder, "");
	uid = add(f, folder, key, T("Subject", "Feed") T("Complete", "0"));
	key = eas_key(f);
	f->device = "PHONE1";
	eas_sync(f, folder, "0", OPEN_ONLY);
	eas_sync(f, folder, eas_key(f), "");
	assert_has(f, "<Subject>Feed</Subject>");
	phone = eas_key(f);
	f->device = "TABLET";
	change(f, folder, key, uid, T("Complete", "1"));
	key = eas_key(f);
	f->device = "PHONE1";
	eas_sync(f, folder, phone, "");
	assert_has(f, "<SoftDelete>");
	phone = eas_key(f);
	f->device = "TABLET";
	change(f, folder, key, uid, T("Complete", "0"));
	f->device = "PHONE1";
	eas_sync(f, folder, phone, "");
	assert_has(f, "<Add>");
	assert_has(f, "<Subject>Feed</Subject>");
	/* Who starts afresh gets open ones alone. */
	f->device = "THIRD";
	add(f, folder, synced(f, folder, ""), T("Subject", "Done") T("Complete", "1"));
	f->device = "FOURTH";
	eas_sync(f, folder, "0", OPEN_ONLY);
	eas_sync(f, folder, eas_key(f), "");
	assert_has(f, "Feed");
	assert_has_not(f, "Done");
}

static void
a_note_says_when_it_was_changed(void **state)
{
	struct eas_fixture *f = *state;
	uint32_t folder = eas_folder(f, STORE_ROLE_NOTES);
	char *key = synced(f, folder, "");

	clock_fake_start(EAS_NOW);
	add(f, folder, key,
	    N("Subject", "Tide") N("MessageClass", "IPM.StickyNote") N("LastModifiedDate",
	                                                               "19990101T000000Z")
	            N("Categories", "<Category>Sea</Category>") BODY("1", "High at six"));
	assert_has(f, "<Status>1</Status>");
	seen_by(f, "TABLET", folder);
	clock_fake_stop();
	assert_has(f, "<Subject>Tide</Subject>");
	assert_has(f, "<Data>High at six</Data>");
	assert_has(f, "<Categories><Category>Sea</Category></Categories>");
	assert_has(f, "<LastModifiedDate>20261121T");
	add(f, folder, eas_key(f), N("MessageClass", "IPM.Task"));
	assert_has(f, "<Status>3</Status>");
}

static void
a_damaged_item_is_set_aside_and_holds_up_nothing(void **state)
{
	struct eas_fixture *f = *state;
	uint32_t folder = eas_folder(f, STORE_ROLE_CONTACTS);

	put(f, folder, "BEGIN:VCARD\r\nVERSION:4.0\r\nFN:First\r\nEND:VCARD\r\n");
	put(f, folder, "no card at all");
	put(f, folder, "BEGIN:VCARD\r\nVERSION:4.0\r\nFN:Last\r\nEND:VCARD\r\n");
	synced(f, folder, "");
	assert_int_equal(eas_count(f, "<Add>"), 2);
	assert_has_not(f, "<MoreAvailable/>");
}

static void
a_contact_is_fetched_by_item_operations(void **state)
{
	struct eas_fixture *f = *state;
	uint32_t folder = eas_folder(f, STORE_ROLE_CONTACTS);
	uint32_t uid =
		put(f, folder, "BEGIN:VCARD\r\nVERSION:4.0\r\nFN:Ann\r\nEND:VCARD\r\n");

	eas_runf(f, "ItemOperations",
	         "<ItemOperations xmlns=\"ItemOperations\"><Fetch><Store>Mailbox</Store>"
	         "<CollectionId xmlns=\"AirSync\">%u</CollectionId>"
	         "<ServerId xmlns=\"AirSync\">%u:%u</ServerId></Fetch></ItemOperations>",
	         folder, folder, uid);
	assert_has(f, "<Class>Contacts</Class><Properties>");
	assert_has(f, "<FileAs>Ann</FileAs>");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, eas_setup, eas_teardown)
		CASE(a_contact_comes_to_another_device_as_it_was_written),
		CASE(the_same_add_gets_the_first_ones_id),
		CASE(a_deleted_contact_is_gone_whatever_deletes_are),
		CASE(before_16_a_change_says_only_what_it_names),
		CASE(what_a_device_supports_and_leaves_out_goes),
		CASE(at_16_a_change_replaces_the_item_but_not_its_picture),
		CASE(what_one_device_empties_the_others_are_told_is_empty),
		CASE(an_emptied_note_and_task_are_told_to_be_empty),
		CASE(what_other_protocols_keep_survives_a_devices_change),
		CASE(several_changes_of_one_item_build_on_each_other),
		CASE(against_anothers_change_the_server_wins_unless_told),
		CASE(what_is_no_contact_gets_status_6),
		CASE(a_birthday_without_a_year_stays_without),
		CASE(a_task_comes_back_with_its_dates),
		CASE(a_task_repeats_as_it_was_told),
		CASE(completed_tasks_leave_a_device_that_wants_open_ones),
		CASE(a_note_says_when_it_was_changed),
		CASE(a_damaged_item_is_set_aside_and_holds_up_nothing),
		CASE(a_contact_is_fetched_by_item_operations),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
