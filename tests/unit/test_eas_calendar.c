/* SPDX-License-Identifier: ISC
 *
 * test_eas_calendar.c - events and series, both ways, at 14.1 and 16.1; meetings that the
 * server tells of.
 */
#include "tests/unit/eas_fixture.h"

/* Central Europe as Outlook writes it: -60, last Sundays of October and March. */
#define BERLIN                                                                           \
	"xP///1cALgAgAEUAdQByAG8AcABlACAAUwB0AGEAbgBkAGEAcgBkACAAVABpAG0AZQAAAAAA"       \
	"AAAAAAAAAAAAAAAAAAAAAAoAAAAFAAMAAAAAAAAAAAAAAFcALgAgAEUAdQByAG8AcABlACAA"       \
	"RABhAHkAbABpAGcAaAB0ACAAVABpAG0AZQAAAAAAAAAAAAAAAAAAAAAAAAAAAAMAAAAFAAIA"       \
	"AAAAAAAAxP///w=="

#define PLAIN                                                                            \
	"<Options><BodyPreference xmlns=\"AirSyncBase\"><Type>1</Type></BodyPreference>" \
	"</Options>"

/* Of the device that writes, while others look. */
static char *own_key;

static char *
synced(struct eas_fixture *f, uint32_t folder)
{
	char *key;

	eas_sync(f, folder, "0", PLAIN);
	key = eas_key(f);
	eas_sync(f, folder, key, "");
	return f->xml[0] != '\0' ? eas_key(f) : key;
}

static void
seen_by(struct eas_fixture *f, const char *device, uint16_t version, uint32_t folder)
{
	const char *was = f->device;
	uint16_t spoke = f->version;

	f->device = device;
	f->version = version;
	synced(f, folder);
	f->device = was;
	f->version = spoke;
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
	own_key = eas_key(f);
	id = span_str(eas_value(f, "ServerId", 0));
	span_cut(&id, ':', &(struct span){ 0 });
	if (id.n > 0)
		assert_ok(parse_u32(id, UINT32_MAX, &uid));
	return uid;
}

/* more: behind the ServerId, an InstanceId. */
static void
change(struct eas_fixture *f, uint32_t folder, uint32_t uid, const char *more,
       const char *data)
{
	eas_sync(f, folder, own_key,
	         arena_printf(f->a,
	                      "<Commands><Change><ServerId>%u:%u</ServerId>%s"
	                      "<ApplicationData>%s</ApplicationData></Change></Commands>",
	                      folder, uid, more, data));
	if (strstr(f->xml, "<Responses>"))
		fail_msg("refused: %s", f->xml);
	own_key = eas_key(f);
}

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

#define C(name, value) "<" name " xmlns=\"Calendar\">" value "</" name ">"
#define INSTANCE(value) "<InstanceId xmlns=\"AirSyncBase\">" value "</InstanceId>"
#define PLACE(value)                                                                     \
	"<Location xmlns=\"AirSyncBase\"><DisplayName>" value "</DisplayName></Location>"
#define TIMES(start, end) C("StartTime", start) C("EndTime", end)
#define ZONE C("Timezone", BERLIN)
#define WEEKLY                                                                           \
	C("Recurrence", "<Type>1</Type><Interval>1</Interval><DayOfWeek>2</DayOfWeek>")

static void
an_event_comes_to_another_device_as_it_was_written(void **state)
{
	static const char *const fields[] = {
		"<Timezone>xP///1cALgAgAEUAdQByAG8AcABl", /* -60, "W. Europe" */
		"<StartTime>20261123T080000Z</StartTime>",
		"<EndTime>20261123T093000Z</EndTime>",
		"<AllDayEvent>0</AllDayEvent>",
		"<Subject>Tide tables</Subject>",
		"<UID>040000008200E00074C5B7101A82E008</UID>",
		"<Location>Dunlin room</Location>",
		"<BusyStatus>3</BusyStatus>",
		"<Sensitivity>2</Sensitivity>",
		"<Reminder>15</Reminder>",
		"<Categories><Category>Sea</Category></Categories>",
		"<MeetingStatus>0</MeetingStatus>",
		"<Data>bring boots</Data>",
	};
	struct eas_fixture *f = *state;
	uint32_t folder = eas_folder(f, STORE_ROLE_CALENDAR);

	f->version = 141;
	add(f, folder, synced(f, folder),
	    ZONE TIMES("20261123T080000Z", "20261123T093000Z") C(
		    "Subject", "Tide tables") C("UID", "040000008200E00074C5B7101A82E008")
	            C("Location", "Dunlin room") C("BusyStatus", "3") C(
			    "Sensitivity", "2") C("Reminder",
	                                          "15") C("Categories",
	                                                  "<Category>Sea</Category>")
	                    C("DtStamp",
	                      "20261121T080000Z") "<Body xmlns=\"AirSyncBase\"><Type>1</Type><Data>bring boots</Data></Body>");
	assert_has(f, "<ClientId>c1</ClientId>");
	assert_has(f, "<Status>1</Status>");
	seen_by(f, "TABLET", 141, folder);
	for (size_t i = 0; i < ARRAY_LEN(fields); i++)
		assert_has(f, fields[i]);
	seen_by(f, "NEW", 161, folder);
	assert_has(f, "<Location><DisplayName>Dunlin room</DisplayName></Location>");
}

static void
an_all_day_event_is_the_same_day_at_every_version(void **state)
{
	struct eas_fixture *f = *state;
	uint32_t folder = eas_folder(f, STORE_ROLE_CALENDAR);

	f->version = 141;
	/* The 24th and 25th in Berlin. */
	add(f, folder, synced(f, folder),
	    ZONE C("AllDayEvent", "1") TIMES("20261123T230000Z", "20261125T230000Z")
	            C("Subject", "Storm"));
	seen_by(f, "NEW", 161, folder);
	assert_has(f, "<StartTime>20261124T000000Z</StartTime>");
	assert_has(f, "<EndTime>20261126T000000Z</EndTime>");
	assert_has(f, "<AllDayEvent>1</AllDayEvent>");
	assert_has_not(f, "Timezone");
	seen_by(f, "OLD", 141, folder);
	assert_has(f, "<StartTime>20261123T230000Z</StartTime>");
	assert_has(f, "<Timezone>xP///1cALgAgAEUAdQByAG8AcABl");
	f->device = "NEW";
	f->version = 161;
	add(f, folder, synced(f, folder),
	    C("AllDayEvent", "1") TIMES("20261201T000000Z", "20261202T000000Z")
	            C("Subject", "Calm"));
	seen_by(f, "THIRD", 161, folder);
	assert_has(f, "<StartTime>20261201T000000Z</StartTime>");
}

static void
a_series_keeps_its_hour_across_the_change_of_clocks(void **state)
{
	struct eas_fixture *f = *state;
	uint32_t folder = eas_folder(f, STORE_ROLE_CALENDAR);
	uint32_t uid;

	f->version = 141;
	/* Mondays at nine; the third, after the clocks were put back, is moved. */
	uid = add(f, folder, synced(f, folder),
	          ZONE TIMES("20261012T070000Z", "20261012T080000Z") C("Subject", "Count")
	                  WEEKLY C("Exceptions",
	                           "<Exception><ExceptionStartTime>20261026T080000Z"
	                           "</ExceptionStartTime><StartTime>20261027T090000Z"
	                           "</StartTime><EndTime>20261027T100000Z</EndTime>"
	                           "<Subject>Count on Tuesday</Subject></Exception>"
	                           "<Exception><Deleted>1</Deleted><ExceptionStartTime>"
	                           "20261102T080000Z</ExceptionStartTime></Exception>"));
	assert_int_not_equal(uid, 0);
	seen_by(f, "TABLET", 141, folder);
	assert_has(f, "<Recurrence><Type>1</Type><Interval>1</Interval>"
	              "<DayOfWeek>2</DayOfWeek>");
	assert_has(f, "<ExceptionStartTime>20261026T080000Z</ExceptionStartTime>"
	              "<Subject>Count on Tuesday</Subject>"
	              "<StartTime>20261027T090000Z</StartTime>");
	assert_has(f, "<Deleted>1</Deleted><ExceptionStartTime>20261102T080000Z"
	              "</ExceptionStartTime>");
	assert_int_equal(eas_count(f, "<Exception>"), 2);
	/* At 16.x they are named by InstanceId. */
	seen_by(f, "NEW", 161, folder);
	assert_has(f, "<InstanceId>20261026T080000Z</InstanceId>");
	/* Another series has no exceptions but those that come with it. */
	change(f, folder, uid, "",
	       ZONE TIMES("20261012T070000Z", "20261012T081500Z") C("Subject", "Count")
	               WEEKLY C("Exceptions",
	                        "<Exception><Deleted>1</Deleted><ExceptionStartTime>"
	                        "20261102T080000Z</ExceptionStartTime></Exception>"));
	seen_by(f, "FOURTH", 141, folder);
	assert_int_equal(eas_count(f, "<Exception>"), 1);
	assert_has_not(f, "Tuesday");
}

static void
at_16_one_instance_is_changed_and_deleted_by_its_id(void **state)
{
	struct eas_fixture *f = *state;
	uint32_t folder = eas_folder(f, STORE_ROLE_CALENDAR);
	uint32_t uid;

	f->version = 161;
	uid = add(f, folder, synced(f, folder),
	          ZONE TIMES("20261123T080000Z", "20261123T090000Z") C("Subject", "Count")
	                  WEEKLY PLACE("Hide"));
	change(f, folder, uid, INSTANCE("20261130T080000Z"), C("Subject", "Count twice"));
	eas_sync(f, folder, own_key,
	         arena_printf(f->a,
	                      "<Commands><Delete><ServerId>%u:%u</ServerId>" INSTANCE(
				      "20261207T080000Z") "</Delete></Commands>",
	                      folder, uid));
	assert_has_not(f, "<Responses>");
	own_key = eas_key(f);
	assert_int_equal(eas_exists(f, folder), 1);
	seen_by(f, "TABLET", 161, folder);
	assert_has(f, "<InstanceId>20261130T080000Z</InstanceId>"
	              "<Subject>Count twice</Subject>");
	assert_has(f, "<Deleted>1</Deleted><InstanceId>20261207T080000Z</InstanceId>");
	/* Another rule, and they are gone (MS-ASCAL 2.2.2.22). */
	change(f, folder, uid, "",
	       ZONE TIMES("20261123T080000Z", "20261123T090000Z") C("Subject", "Count")
	               C("Recurrence", "<Type>0</Type><Interval>2</Interval>"));
	seen_by(f, "THIRD", 161, folder);
	assert_has_not(f, "Exception");
	assert_has_not(f, "<DisplayName>Hide");
}

/* MS-ASAIRS 2.2.2.28 */
#define SPOT                                                                               \
	"<Location xmlns=\"AirSyncBase\"><Accuracy>1</Accuracy><Altitude>55.46</Altitude>" \
	"<AltitudeAccuracy>2</AltitudeAccuracy><Annotation>by the dyke</Annotation>"       \
	"<City>Husum</City><Country>Germany</Country><DisplayName>Hide</DisplayName>"      \
	"<Latitude>11.56</Latitude><LocationUri>geo:hide</LocationUri>"                    \
	"<Longitude>1.9</Longitude><PostalCode>25813</PostalCode><State>SH</State>"        \
	"<Street>Deich 3</Street></Location>"

static void
at_16_the_place_of_older_versions_is_taken_too(void **state)
{
	struct eas_fixture *f = *state;
	uint32_t folder = eas_folder(f, STORE_ROLE_CALENDAR);
	uint32_t uid;

	f->version = 161;
	uid = add(f, folder, synced(f, folder),
	          ZONE TIMES("20261123T080000Z", "20261123T090000Z") C("Subject", "Count")
	                  C("Location", "Hide"));
	seen_by(f, "TABLET", 161, folder);
	assert_has(f, "<Location><DisplayName>Hide</DisplayName></Location>");
	/* Of both, the one of this version. */
	change(f, folder, uid, "",
	       ZONE TIMES("20261123T080000Z", "20261123T090000Z") C("Subject", "Count")
	               C("Location", "Hide") SPOT);
	seen_by(f, "THIRD", 161, folder);
	assert_has(f, "<Street>Deich 3</Street>");
	change(f, folder, uid, "",
	       ZONE TIMES("20261123T080000Z", "20261123T090000Z") C("Subject", "Count")
	               C("Location", "Dyke"));
	seen_by(f, "FOURTH", 161, folder);
	assert_has(f, "<Location><DisplayName>Dyke</DisplayName></Location>");
}

static void
a_place_comes_with_all_its_fields_and_can_be_emptied(void **state)
{
	static const char *const fields[] = {
		"<DisplayName>Hide</DisplayName>",
		"<Annotation>by the dyke</Annotation>",
		"<Street>Deich 3</Street>",
		"<City>Husum</City>",
		"<State>SH</State>",
		"<Country>Germany</Country>",
		"<PostalCode>25813</PostalCode>",
		"<Latitude>11.56</Latitude>",
		"<Longitude>1.9</Longitude>",
		"<Accuracy>1</Accuracy>",
		"<Altitude>55.46</Altitude>",
		"<AltitudeAccuracy>2</AltitudeAccuracy>",
		"<LocationUri>geo:hide</LocationUri>",
	};
	struct eas_fixture *f = *state;
	uint32_t folder = eas_folder(f, STORE_ROLE_CALENDAR);
	uint32_t uid;

	f->version = 161;
	uid = add(f, folder, synced(f, folder),
	          ZONE TIMES("20261123T080000Z", "20261123T090000Z") C("Subject", "Count")
	                  WEEKLY SPOT);
	seen_by(f, "TABLET", 161, folder);
	for (size_t i = 0; i < ARRAY_LEN(fields); i++)
		assert_has(f, fields[i]);
	/* One instance somewhere else by the same name, and one nowhere. */
	change(f, folder, uid, INSTANCE("20261130T080000Z"),
	       "<Location xmlns=\"AirSyncBase\"><DisplayName>Hide</DisplayName>"
	       "<City>Emden</City></Location>");
	change(f, folder, uid, INSTANCE("20261207T080000Z"),
	       "<Location xmlns=\"AirSyncBase\"/>");
	seen_by(f, "TABLET", 161, folder);
	assert_has(f, "<Location><DisplayName>Hide</DisplayName><City>Emden</City>"
	              "</Location>");
	assert_int_equal(eas_count(f, "<Location/>"), 1);
	change(f, folder, uid, "",
	       ZONE TIMES("20261123T080000Z", "20261123T090000Z") C("Subject", "Count")
	               WEEKLY "<Location xmlns=\"AirSyncBase\"/>");
	seen_by(f, "THIRD", 161, folder);
	assert_has(f, "<Location/>");
	assert_has_not(f, "<Street>");
	assert_has_not(f, "<Longitude>");
	eas_runf(f, "ItemOperations",
	         "<ItemOperations xmlns=\"ItemOperations\"><Fetch><Store>Mailbox</Store>"
	         "<CollectionId xmlns=\"AirSync\">%u</CollectionId>"
	         "<ServerId xmlns=\"AirSync\">%u:%u</ServerId></Fetch></ItemOperations>",
	         folder, folder, uid);
	assert_has(f, "<Subject>Count</Subject>");
	assert_has_not(f, "<Latitude>");
}

/* MS-ASCAL 2.2.2.21: what is not there is as in the series. */
static void
an_instance_without_the_series_body_and_place_says_so(void **state)
{
	struct eas_fixture *f = *state;
	uint32_t folder = eas_folder(f, STORE_ROLE_CALENDAR);

	put(f, folder,
	    "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x//y//EN\r\n"
	    "BEGIN:VEVENT\r\nUID:u-1\r\nDTSTAMP:20261101T000000Z\r\n"
	    "DTSTART:20261123T080000Z\r\nDTEND:20261123T090000Z\r\n"
	    "RRULE:FREQ=DAILY;COUNT=3\r\nSUMMARY:Count\r\nDESCRIPTION:Waders\r\n"
	    "LOCATION:Hide\r\nEND:VEVENT\r\n"
	    "BEGIN:VEVENT\r\nUID:u-1\r\nDTSTAMP:20261101T000000Z\r\n"
	    "RECURRENCE-ID:20261124T080000Z\r\n"
	    "DTSTART:20261124T080000Z\r\nDTEND:20261124T090000Z\r\n"
	    "SUMMARY:Count\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n");
	seen_by(f, "TABLET", 141, folder);
	assert_has(f, "<Data>Waders</Data>");
	assert_int_equal(eas_count(f, "<Data/>"), 1);
	assert_has(f, "<Location/>");
	seen_by(f, "THIRD", 161, folder);
	assert_int_equal(eas_count(f, "<Data/>"), 1);
	assert_has(f, "<Location/>");
}

static void
what_calendars_keep_survives_a_devices_change(void **state)
{
	struct eas_fixture *f = *state;
	uint32_t folder = eas_folder(f, STORE_ROLE_CALENDAR);
	uint32_t uid = put(f, folder,
	                   "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x//y//EN\r\n"
	                   "BEGIN:VEVENT\r\nUID:u-1\r\nDTSTAMP:20261101T000000Z\r\n"
	                   "DTSTART:20261123T080000Z\r\nDTEND:20261123T090000Z\r\n"
	                   "SUMMARY:Count\r\nX-TIDE;LEVEL=high:5.4\r\n"
	                   "GEO:53.5;8.1\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n");
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);
	AUTO(store_tx)
	struct store_tx *tx = NULL;
	struct store_item item;

	f->version = 161;
	own_key = synced(f, folder);
	change(f, folder, uid, "",
	       TIMES("20261123T090000Z", "20261123T100000Z") C("Subject", "Count late"));
	assert_ok(store_read(f->store, f->user, &tx));
	assert_ok(store_item_load(tx, folder, uid, f->a, &item));
	assert_ok(store_content_read(tx, item.content, 0, item.size, &b));
	buf_add_char(&b, '\0');
	assert_non_null(strstr(b.p, "SUMMARY:Count late"));
	assert_non_null(strstr(b.p, "X-TIDE;LEVEL=high:5.4"));
	assert_true(span_is(item.object, "u-1"));
	/* By its time it is judged now: the end of the event. */
	assert_true(item.received_ms == INT64_C(1795428000000));
}

static void
at_16_the_server_invites_and_cancels(void **state)
{
	struct eas_fixture *f = *state;
	uint32_t folder = eas_folder(f, STORE_ROLE_CALENDAR);
	const char *attendees =
		C("Attendees", "<Attendee><Email>bob@example.net</Email><Name>Bob</Name>"
	                       "<AttendeeType>1</AttendeeType></Attendee>");
	const char *times = TIMES("20991123T080000Z", "20991123T090000Z");
	uint32_t uid;

	f->version = 161;
	uid = add(f, folder, synced(f, folder),
	          arena_printf(f->a, "%s%s" C("Subject", "Count"), times, attendees));
	assert_int_equal(f->n_sent, 1);
	assert_non_null(strstr(f->sent_message, "method=REQUEST"));
	assert_non_null(strstr(f->sent_message, "bob@example.net"));
	/* What is the organizer's own is nobody's news. */
	change(f, folder, uid, "",
	       arena_printf(f->a, "%s%s" C("Subject", "Count") C("Reminder", "5"), times,
	                    attendees));
	assert_int_equal(f->n_sent, 1);
	change(f, folder, uid, "",
	       arena_printf(f->a, "%s%s" C("Subject", "Count at dusk"), times,
	                    attendees));
	assert_int_equal(f->n_sent, 2);
	eas_sync(f, folder, own_key,
	         arena_printf(f->a,
	                      "<Commands><Delete><ServerId>%u:%u</ServerId></Delete>"
	                      "</Commands>",
	                      folder, uid));
	assert_int_equal(f->n_sent, 3);
	assert_non_null(strstr(f->sent_message, "method=CANCEL"));
	assert_int_equal(eas_exists(f, folder), 0);
}

static void
before_16_the_device_invites_by_itself(void **state)
{
	struct eas_fixture *f = *state;
	uint32_t folder = eas_folder(f, STORE_ROLE_CALENDAR);

	f->version = 141;
	add(f, folder, synced(f, folder),
	    ZONE TIMES("20991123T080000Z", "20991123T090000Z") C("Subject", "Count")
	            C("MeetingStatus", "1")
	                    C("Attendees", "<Attendee><Email>bob@example.net</Email>"
	                                   "<Name>Bob</Name></Attendee>"));
	assert_int_equal(f->n_sent, 0);
	seen_by(f, "TABLET", 141, folder);
	assert_has(f, "<MeetingStatus>1</MeetingStatus>");
	assert_has(f, "<OrganizerEmail>alice@example.org</OrganizerEmail>");
	assert_has(f, "<Email>bob@example.net</Email><Name>Bob</Name>");
	assert_has(f, "<ResponseType>1</ResponseType>");
}

static void
an_invited_one_does_not_lose_the_others(void **state)
{
	struct eas_fixture *f = *state;
	uint32_t folder = eas_folder(f, STORE_ROLE_CALENDAR);
	uint32_t uid = put(f, folder,
	                   "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x//y//EN\r\n"
	                   "BEGIN:VEVENT\r\nUID:u-2\r\nDTSTAMP:20261101T000000Z\r\n"
	                   "DTSTART:20991123T080000Z\r\nDTEND:20991123T090000Z\r\n"
	                   "SUMMARY:Theirs\r\nORGANIZER;CN=Bob:mailto:bob@example.net\r\n"
	                   "ATTENDEE;PARTSTAT=ACCEPTED:mailto:cy@example.net\r\n"
	                   "ATTENDEE;RSVP=TRUE:mailto:alice@example.org\r\n"
	                   "END:VEVENT\r\nEND:VCALENDAR\r\n");

	f->version = 161;
	own_key = synced(f, folder);
	assert_has(f, "<MeetingStatus>3</MeetingStatus>");
	assert_has(f, "<ResponseType>5</ResponseType>");
	change(f, folder, uid, "",
	       TIMES("20991123T080000Z", "20991123T090000Z") C("Subject", "Theirs")
	               C("Reminder", "30"));
	assert_int_equal(f->n_sent, 0);
	seen_by(f, "TABLET", 161, folder);
	assert_has(f, "<Reminder>30</Reminder>");
	assert_has(f, "<Email>cy@example.net</Email>");
	assert_has(f, "<OrganizerEmail>bob@example.net</OrganizerEmail>");
}

static void
a_filter_keeps_what_still_happens(void **state)
{
	struct eas_fixture *f = *state;
	uint32_t folder = eas_folder(f, STORE_ROLE_CALENDAR);

	clock_fake_start(EAS_NOW);
	f->version = 141;
	add(f, folder, synced(f, folder),
	    ZONE TIMES("20200106T080000Z", "20200106T090000Z") C("Subject", "Mondays")
	            WEEKLY);
	f->device = "SECOND";
	add(f, folder, synced(f, folder),
	    ZONE TIMES("20200107T080000Z", "20200107T090000Z") C("Subject", "Long ago"));
	f->device = "TABLET";
	eas_sync(f, folder, "0", "<Options><FilterType>4</FilterType></Options>");
	eas_sync(f, folder, eas_key(f), "");
	clock_fake_stop();
	assert_has(f, "Mondays");
	assert_has_not(f, "Long ago");
}

static void
an_event_that_moves_into_the_window_is_added(void **state)
{
	struct eas_fixture *f = *state;
	uint32_t folder = eas_folder(f, STORE_ROLE_CALENDAR);
	char *window, *all;
	uint32_t uid;

	clock_fake_start(EAS_NOW);
	f->version = 141;
	uid = add(f, folder, synced(f, folder),
	          ZONE TIMES("20200107T080000Z", "20200107T090000Z")
	                  C("Subject", "Moving"));
	all = eas_key(f);
	f->device = "TABLET";
	eas_sync(f, folder, "0", "<Options><FilterType>4</FilterType></Options>");
	window = eas_key(f);
	eas_sync(f, folder, window, "");
	if (f->xml[0])
		window = eas_key(f);
	assert_has_not(f, "Moving");
	for (int back = 0; back < 2; back++) {
		f->device = "PHONE1";
		eas_sync(
			f, folder, all,
			arena_printf(
				f->a,
				"<Commands><Change><ServerId>%u:%u</ServerId>"
				"<ApplicationData>%s</ApplicationData></Change></Commands>",
				folder, uid,
				back ? TIMES("20200107T080000Z", "20200107T090000Z")
				     : TIMES("20261201T080000Z", "20261201T090000Z")));
		all = eas_key(f);
		f->device = "TABLET";
		eas_sync(f, folder, window, "");
		window = eas_key(f);
		assert_has(f, back ? "<SoftDelete>" : "<Add>");
	}
	clock_fake_stop();
}

static void
times_that_are_none_get_status_6(void **state)
{
	struct eas_fixture *f = *state;
	uint32_t folder = eas_folder(f, STORE_ROLE_CALENDAR);

	add(f, folder, synced(f, folder), TIMES("soon", "20261123T090000Z"));
	assert_has(f, "<Status>6</Status>");
	add(f, folder, eas_key(f), TIMES("20261123T090000Z", "20261123T080000Z"));
	assert_has(f, "<Status>6</Status>");
	add(f, folder, eas_key(f),
	    TIMES("20261123T090000Z", "20261123T100000Z")
	            C("Recurrence", "<Type>4</Type>"));
	assert_has(f, "<Status>6</Status>");
	assert_int_equal(eas_exists(f, folder), 0);
}

#define FILE(id, name, base64)                                                           \
	"<Add><ClientId>" id "</ClientId><Content>" base64                               \
	"</Content><ContentType>text/plain</ContentType><DisplayName>" name              \
	"</DisplayName><Method>1</Method></Add>"
#define FILES(list) "<Attachments xmlns=\"AirSyncBase\">" list "</Attachments>"

static const char *
fetch_file(struct eas_fixture *f, const char *reference)
{
	return eas_runf(f, "ItemOperations",
	                "<ItemOperations xmlns=\"ItemOperations\"><Fetch>"
	                "<Store>Mailbox</Store><FileReference xmlns=\"AirSyncBase\">%s"
	                "</FileReference></Fetch></ItemOperations>",
	                reference);
}

static void
files_of_an_event_come_and_go_by_their_reference(void **state)
{
	struct eas_fixture *f = *state;
	uint32_t folder = eas_folder(f, STORE_ROLE_CALENDAR);
	uint32_t uid;
	const char *first, *second;

	uid = add(f, folder, synced(f, folder),
	          TIMES("20261123T080000Z", "20261123T090000Z")
	                  FILES(FILE("f1", "a.txt", "one") FILE("f2", "b.txt", "two")));
	assert_has(f, "<ClientId>f1</ClientId><FileReference>");
	first = eas_value(f, "FileReference", 0);
	second = eas_value(f, "FileReference", 1);
	assert_string_not_equal(first, second);
	seen_by(f, "TABLET", 161, folder);
	assert_has(f, arena_printf(f->a,
	                           "<Attachment><DisplayName>a.txt</DisplayName>"
	                           "<FileReference>%s</FileReference><Method>1</Method>"
	                           "<EstimatedDataSize>3</EstimatedDataSize>",
	                           first));
	fetch_file(f, second);
	assert_has(f, "<ContentType>text/plain</ContentType>");
	assert_has(f, "<Data>dHdv</Data>");
	/* A Change that names none leaves them; one that is removed is gone for good. */
	change(f, folder, uid, "",
	       TIMES("20261124T080000Z", "20261124T090000Z") C("Subject", "x"));
	seen_by(f, "TABLET2", 161, folder);
	assert_int_equal(eas_count(f, "<Attachment>"), 2);
	change(f, folder, uid, "",
	       arena_printf(f->a,
	                    TIMES("20261124T080000Z", "20261124T090000Z")
	                            FILES("<Delete><FileReference>%s</FileReference>"
	                                  "</Delete>"),
	                    first));
	fetch_file(f, first);
	assert_has(f, "<Status>15</Status>");
	fetch_file(f, second);
	assert_has(f, "<Data>dHdv</Data>");
	/* One more: the Change is answered with its name. */
	eas_sync(
		f, folder, own_key,
		arena_printf(
			f->a,
			"<Commands><Change><ServerId>%u:%u</ServerId>"
			"<ApplicationData>" TIMES("20261124T080000Z", "20261124T090000Z")
				FILES(FILE(
					"f3", "c.txt",
					"three")) "</ApplicationData></Change></Commands>",
			folder, uid));
	assert_has(f, "<ClientId>f3</ClientId><FileReference>");
	fetch_file(f, eas_value(f, "FileReference", 0));
	assert_has(f, "<Data>dGhyZWU=</Data>");
	/* Devices before 16.0 are not told of them. */
	seen_by(f, "OLD", 141, folder);
	assert_has_not(f, "Attachment");
}

static void
new_files_of_a_draft_are_named_in_the_answer(void **state)
{
	struct eas_fixture *f = *state;
	char *key = synced(f, f->drafts);

	eas_sync(f, f->drafts, key,
	         "<Commands><Add><ClientId>d1</ClientId><ApplicationData>"
	         "<Subject xmlns=\"Email\">files</Subject>" FILES(
			 FILE("f1", "a.txt", "one")
				 FILE("f2", "b.txt",
	                              "two")) "</ApplicationData></Add></Commands>");
	assert_has(f, "<ClientId>f2</ClientId><FileReference>");
	fetch_file(f, eas_value(f, "FileReference", 1));
	assert_has(f, "<Data>dHdv</Data>");
}

static void
an_invitation_to_one_instance_alone_says_which(void **state)
{
	struct eas_fixture *f = *state;
	uint32_t folder = eas_folder(f, STORE_ROLE_CALENDAR);

	put(f, folder,
	    "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VEVENT\r\nUID:o\r\n"
	    "RECURRENCE-ID:20261208T090000Z\r\nDTSTART:20261208T150000Z\r\n"
	    "DTEND:20261208T160000Z\r\nSUMMARY:alone\r\nEND:VEVENT\r\n"
	    "END:VCALENDAR\r\n");
	seen_by(f, "TABLET", 161, folder);
	assert_has(f, "<InstanceId>20261208T090000Z</InstanceId>");
	assert_has(f, "<StartTime>20261208T150000Z</StartTime>");
	seen_by(f, "OLD", 141, folder);
	assert_has_not(f, "InstanceId");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, eas_setup, eas_teardown)
		CASE(an_event_comes_to_another_device_as_it_was_written),
		CASE(an_all_day_event_is_the_same_day_at_every_version),
		CASE(a_series_keeps_its_hour_across_the_change_of_clocks),
		CASE(at_16_one_instance_is_changed_and_deleted_by_its_id),
		CASE(at_16_the_place_of_older_versions_is_taken_too),
		CASE(a_place_comes_with_all_its_fields_and_can_be_emptied),
		CASE(an_instance_without_the_series_body_and_place_says_so),
		CASE(what_calendars_keep_survives_a_devices_change),
		CASE(at_16_the_server_invites_and_cancels),
		CASE(before_16_the_device_invites_by_itself),
		CASE(an_invited_one_does_not_lose_the_others),
		CASE(a_filter_keeps_what_still_happens),
		CASE(an_event_that_moves_into_the_window_is_added),
		CASE(times_that_are_none_get_status_6),
		CASE(files_of_an_event_come_and_go_by_their_reference),
		CASE(new_files_of_a_draft_are_named_in_the_answer),
		CASE(an_invitation_to_one_instance_alone_says_which),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
