/* SPDX-License-Identifier: ISC
 *
 * test_eas_events.c - elements of events one by one: times that are absent, values, what
 * stays when it is left out, exceptions.
 */
#include "tests/unit/eas_fixture.h"

#define PLAIN                                                                            \
	"<Options><BodyPreference xmlns=\"AirSyncBase\"><Type>1</Type></BodyPreference>" \
	"</Options>"

static char *
synced(struct eas_fixture *f, uint32_t folder, const char *more)
{
	char *key;

	eas_sync(f, folder, "0", arena_printf(f->a, "%s" PLAIN, more));
	key = eas_key(f);
	eas_sync(f, folder, key, "");
	return f->xml[0] != '\0' ? eas_key(f) : key;
}

/* By a new device: the uid, or 0 when it was refused; its next key is in *key. */
static uint32_t
add(struct eas_fixture *f, const char *supported, const char *data, char **key)
{
	static unsigned n;
	uint32_t folder = eas_folder(f, STORE_ROLE_CALENDAR);
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
change(struct eas_fixture *f, uint32_t uid, const char *data, char **key)
{
	uint32_t folder = eas_folder(f, STORE_ROLE_CALENDAR);

	eas_sync(f, folder, *key,
	         arena_printf(f->a,
	                      "<Commands><Change><ServerId>%u:%u</ServerId>"
	                      "<ApplicationData>%s</ApplicationData></Change></Commands>",
	                      folder, uid, data));
	if (strstr(f->xml, "<Responses>"))
		fail_msg("refused: %s", f->xml);
	*key = eas_key(f);
}

/* What a new device sees of the calendar. */
static void
seen(struct eas_fixture *f)
{
	static unsigned n;
	const char *was = f->device;

	f->device = arena_printf(f->a, "SEE%u", n++);
	synced(f, eas_folder(f, STORE_ROLE_CALENDAR), "");
	f->device = was;
}

#define C(name, value) "<" name " xmlns=\"Calendar\">" value "</" name ">"
#define TIMES C("StartTime", "20261123T080000Z") C("EndTime", "20261123T090000Z")
#define WEEKLY                                                                           \
	C("Recurrence", "<Type>1</Type><Interval>1</Interval><DayOfWeek>2</DayOfWeek>")
#define BODY(text)                                                                       \
	"<Body xmlns=\"AirSyncBase\"><Type>1</Type><Data>" text "</Data></Body>"

static void
times_that_are_absent_are_those_of_the_next_half_hour(void **state)
{
	/* It is 22:26:40 on 21 November 2026. */
	static const struct {
		const char *given, *start, *end; /* start NULL: Status 6 */
	} cases[] = {
		{ "", "20261121T223000Z", "20261121T230000Z" },
		{ C("EndTime", "20261120T090000Z"), NULL, NULL },
		{ C("EndTime", "20261123T090000Z"), "20261121T223000Z",
		  "20261123T090000Z" },
		{ C("StartTime", "20261121T080000Z"), "20261121T080000Z",
		  "20261121T230000Z" },
		{ C("StartTime", "20261123T080000Z"), NULL, NULL },
	};
	struct eas_fixture *f = *state;
	uint32_t uid;
	char *key;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		uid = add(f, "",
		          arena_printf(f->a, C("Subject", "x") "%s", cases[i].given),
		          &key);
		if (!cases[i].start) {
			if (!strstr(f->xml, "<Status>6</Status></Add>"))
				fail_msg("%s: %s", cases[i].given, f->xml);
			continue;
		}
		seen(f);
		assert_has(f,
		           arena_printf(f->a,
		                        "<StartTime>%s</StartTime><EndTime>%s</EndTime>",
		                        cases[i].start, cases[i].end));
		eas_expunge(f, eas_folder(f, STORE_ROLE_CALENDAR), uid);
	}
}

static void
an_event_of_two_times_has_what_every_event_has(void **state)
{
	static const char *const told[] = {
		"<Timezone>",
		"<DtStamp>20261121T222640Z</DtStamp>",
		"<UID>",
		"<AllDayEvent>0</AllDayEvent>",
		"<BusyStatus>2</BusyStatus>",
		"<Sensitivity>0</Sensitivity>",
		"<MeetingStatus>0</MeetingStatus>",
		/* A device keeps what a Change does not say. */
		"<EstimatedDataSize>0</EstimatedDataSize><Data/></Body>",
	};
	static const char *const absent[] = { "<Recurrence>", "<Attendees>",
		                              "<Categories>", "<Reminder>",
		                              "<Exceptions>" };
	struct eas_fixture *f = *state;
	char *key;

	f->version = 141;
	add(f, "", TIMES, &key);
	assert_has(f, "<Status>1</Status></Add>");
	seen(f);
	for (size_t i = 0; i < ARRAY_LEN(told); i++)
		assert_has(f, told[i]);
	for (size_t i = 0; i < ARRAY_LEN(absent); i++)
		assert_has_not(f, absent[i]);
}

static void
each_value_of_sensitivity_and_busy_status_comes_back(void **state)
{
	struct eas_fixture *f = *state;
	uint32_t uid;
	char *key;

	for (unsigned i = 0; i <= 4; i++) {
		uid = add(f, "",
		          arena_printf(f->a,
		                       TIMES
		                       "<BusyStatus xmlns=\"Calendar\">%u</BusyStatus>"
		                       "<Sensitivity xmlns=\"Calendar\">%u</Sensitivity>",
		                       i, i < 4 ? i : 0),
		          &key);
		seen(f);
		assert_has(f, arena_printf(f->a, "<BusyStatus>%u</BusyStatus>", i));
		assert_has(f, arena_printf(f->a, "<Sensitivity>%u</Sensitivity>",
		                           i < 4 ? i : 0));
		eas_expunge(f, eas_folder(f, STORE_ROLE_CALENDAR), uid);
	}
	add(f, "", TIMES C("Sensitivity", "4"), &key);
	assert_has(f, "<Status>6</Status></Add>");
	add(f, "", TIMES C("BusyStatus", "5"), &key);
	assert_has(f, "<Status>6</Status></Add>");
}

static void
an_attendee_with_an_odd_address_is_kept(void **state)
{
	struct eas_fixture *f = *state;
	char *key;

	f->version = 141; /* nobody is written to */
	add(f, "",
	    TIMES C("MeetingStatus", "1")
	            C("Attendees",
	              "<Attendee><Email>somebody</Email><Name>Bo</Name></Attendee>"),
	    &key);
	assert_has(f, "<Status>1</Status></Add>");
	seen(f);
	assert_has(f, "<Email>somebody</Email><Name>Bo</Name>");
}

#define FULL                                                                             \
	C("Location", "Hide")                                                            \
	C("Categories", "<Category>Sea</Category>")                                      \
	C("Reminder", "15") C("BusyStatus", "3") C("Sensitivity", "2") BODY("boots")

static void
what_is_ghosted_stays_as_it_was(void **state)
{
	static const char *const kept[] = {
		"<StartTime>20261123T080000Z</StartTime>",
		"<Location>Hide</Location>",
		"<Categories><Category>Sea</Category></Categories>",
		"<Reminder>15</Reminder>",
		"<BusyStatus>3</BusyStatus>",
		"<Sensitivity>2</Sensitivity>",
		"<Data>boots</Data>",
		"<Recurrence><Type>1</Type>",
	};
	struct eas_fixture *f = *state;
	uint32_t uid;
	char *key;

	f->version = 141;
	uid = add(f, "<Supported>" C("Subject", "") "</Supported>",
	          TIMES C("Subject", "one") WEEKLY FULL, &key);
	change(f, uid, C("Subject", "two"), &key);
	seen(f);
	assert_has(f, "<Subject>two</Subject>");
	for (size_t i = 0; i < ARRAY_LEN(kept); i++)
		assert_has(f, kept[i]);
}

#define EXCEPTION(original, more)                                                        \
	"<Exception><ExceptionStartTime>" original "</ExceptionStartTime>" more          \
	"</Exception>"
#define SERIES TIMES C("Subject", "Count") WEEKLY FULL

static void
exceptions_that_are_not_named_stay(void **state)
{
	struct eas_fixture *f = *state;
	uint32_t uid;
	char *key;

	f->version = 141;
	uid = add(f, "<Supported>" C("Exceptions", "") "</Supported>",
	          SERIES C("Exceptions",
	                   EXCEPTION("20261130T080000Z", "<Subject>first</Subject>")
	                           EXCEPTION("20261207T080000Z", "<Deleted>1</Deleted>")),
	          &key);
	/* No Exceptions at all, although the device knows them. */
	change(f, uid, C("Subject", "Count all"), &key);
	seen(f);
	assert_int_equal(eas_count(f, "<Exception>"), 2);
	assert_has(f, "<Subject>first</Subject>");
	/* Another one: the first two stay. */
	change(f, uid,
	       SERIES C("Exceptions",
	                EXCEPTION("20261214T080000Z", "<Subject>third</Subject>")),
	       &key);
	seen(f);
	assert_int_equal(eas_count(f, "<Exception>"), 3);
	assert_has(f, "<ExceptionStartTime>20261130T080000Z</ExceptionStartTime>"
	              "<Subject>first</Subject>");
	assert_has(f, "<Deleted>1</Deleted><ExceptionStartTime>20261207T080000Z");
	assert_has(f, "<Subject>third</Subject>");
	/* The same once more says something new of it, and one that was deleted is back.
	 */
	change(f, uid,
	       SERIES C("Exceptions",
	                EXCEPTION("20261130T080000Z", "<Subject>changed</Subject>")
	                        EXCEPTION("20261207T080000Z", "<Subject>back</Subject>")),
	       &key);
	seen(f);
	assert_int_equal(eas_count(f, "<Exception>"), 3);
	assert_has(f, "<Subject>changed</Subject>");
	assert_has(f, "<Subject>back</Subject>");
	assert_has_not(f, "<Deleted>");
}

static void
an_exception_has_its_own_elements_and_empty_ones_clear(void **state)
{
	struct eas_fixture *f = *state;
	const char *at;
	char *key;

	f->version = 141;
	add(f, "",
	    SERIES C(
		    "Exceptions",
		    EXCEPTION(
			    "20261130T080000Z",
			    "<Subject>own</Subject><StartTime>20261130T100000Z</StartTime>"
			    "<EndTime>20261130T113000Z</EndTime><Location>Dyke</Location>"
			    "<Categories><Category>Moon</Category></Categories>"
			    "<Reminder>5</Reminder><BusyStatus>1</BusyStatus>"
			    "<Sensitivity>0</Sensitivity><AllDayEvent>0</AllDayEvent>"
			    "<DtStamp>20261101T000000Z</DtStamp>" BODY("hat"))
			    EXCEPTION(
				    "20261207T080000Z",
				    "<Subject/><Location/><Categories/><Reminder/>" BODY(
					    ""))),
	    &key);
	seen(f);
	at = strstr(f->xml, "<Exceptions>");
	assert_non_null(at);
	assert_has(f, "<ExceptionStartTime>20261130T080000Z</ExceptionStartTime>"
	              "<Subject>own</Subject><StartTime>20261130T100000Z</StartTime>"
	              "<EndTime>20261130T113000Z</EndTime><AllDayEvent>0</AllDayEvent>");
	assert_non_null(strstr(at, "<Location>Dyke</Location>"));
	assert_non_null(strstr(at, "<Categories><Category>Moon</Category></Categories>"));
	assert_non_null(strstr(at, "<Reminder>5</Reminder>"));
	assert_non_null(strstr(at, "<BusyStatus>1</BusyStatus>"));
	assert_non_null(strstr(at, "<Sensitivity>0</Sensitivity>"));
	assert_non_null(strstr(at, "<Data>hat</Data>"));
	assert_has(f, "<ExceptionStartTime>20261207T080000Z</ExceptionStartTime>"
	              "<Subject/><StartTime>20261207T080000Z</StartTime>");
	assert_non_null(strstr(at, "<Location/>"));
	assert_non_null(strstr(at, "<Categories/>"));
	assert_non_null(strstr(at, "<Reminder/>"));
	at = strstr(at, "20261207T080000Z");
	assert_non_null(at);
	assert_non_null(
		strstr(at, "<Body><Type>1</Type><EstimatedDataSize>0</EstimatedDataSize>"
	                   "<Data/></Body>"));
	/* What is not named is as in the series, and not told again. */
	assert_int_equal(eas_count(f, "<Data>boots</Data>"), 1);
}

static void
an_event_is_fetched_by_item_operations(void **state)
{
	struct eas_fixture *f = *state;
	uint32_t folder = eas_folder(f, STORE_ROLE_CALENDAR), uid;
	char *key;

	uid = add(f, "", TIMES C("Subject", "Count") BODY("boots"), &key);
	eas_runf(f, "ItemOperations",
	         "<ItemOperations xmlns=\"ItemOperations\"><Fetch><Store>Mailbox</Store>"
	         "<CollectionId xmlns=\"AirSync\">%u</CollectionId>"
	         "<ServerId xmlns=\"AirSync\">%u:%u</ServerId></Fetch></ItemOperations>",
	         folder, folder, uid);
	assert_has(f, "<Class>Calendar</Class><Properties>");
	assert_has(f, "<Subject>Count</Subject>");
	assert_has(f, "<Data>boots</Data>");
	assert_has_not(f, "<Part>");
}

int
main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, eas_setup, eas_teardown)
	const struct CMUnitTest tests[] = {
		CASE(times_that_are_absent_are_those_of_the_next_half_hour),
		CASE(an_event_of_two_times_has_what_every_event_has),
		CASE(each_value_of_sensitivity_and_busy_status_comes_back),
		CASE(an_attendee_with_an_odd_address_is_kept),
		CASE(what_is_ghosted_stays_as_it_was),
		CASE(exceptions_that_are_not_named_stay),
		CASE(an_exception_has_its_own_elements_and_empty_ones_clear),
		CASE(an_event_is_fetched_by_item_operations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
