/* SPDX-License-Identifier: ISC
 *
 * test_wbxml_tables.c - our token tables beside those of libwbxml, which is not ours.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <wbxml/wbxml.h>

#include "format/wbxml.h"

/* Where libwbxml 0.11.8 knows another name than MS-ASWBXML, or none ("unknown"). */
static const struct {
	wbxml_tag tag;
	const char *theirs;
} differences[] = {
	{ WBXML_CONTACTS_ASSISTANTPHONENUMBER, "AssistantTelephoneNumber" },
	{ WBXML_CONTACTS_BUSINESSADDRESSCITY, "BusinessCity" },
	{ WBXML_CONTACTS_BUSINESSADDRESSCOUNTRY, "BusinessCountry" },
	{ WBXML_CONTACTS_BUSINESSADDRESSPOSTALCODE, "BusinessPostalCode" },
	{ WBXML_CONTACTS_BUSINESSADDRESSSTATE, "BusinessState" },
	{ WBXML_CONTACTS_BUSINESSADDRESSSTREET, "BusinessStreet" },
	{ WBXML_CONTACTS_HOMEADDRESSCITY, "HomeCity" },
	{ WBXML_CONTACTS_HOMEADDRESSCOUNTRY, "HomeCountry" },
	{ WBXML_CONTACTS_HOMEADDRESSPOSTALCODE, "HomePostalCode" },
	{ WBXML_CONTACTS_HOMEADDRESSSTATE, "HomeState" },
	{ WBXML_CONTACTS_HOMEADDRESSSTREET, "HomeStreet" },
	{ WBXML_CONTACTS_OTHERADDRESSCITY, "OtherCity" },
	{ WBXML_CONTACTS_OTHERADDRESSCOUNTRY, "OtherCountry" },
	{ WBXML_CONTACTS_OTHERADDRESSPOSTALCODE, "OtherPostalCode" },
	{ WBXML_CONTACTS_OTHERADDRESSSTATE, "OtherState" },
	{ WBXML_CONTACTS_OTHERADDRESSSTREET, "OtherStreet" },
	{ WBXML_EMAIL_ATT0ID, "AttOId" },
	{ WBXML_EMAIL_REPLYTO, "Reply-To" },
	{ WBXML_EMAIL_DTSTAMP, "DTStamp" },
	{ WBXML_EMAIL_TYPE, "Recurrence_Type" },
	{ WBXML_EMAIL_UNTIL, "Recurrence_Until" },
	{ WBXML_EMAIL_OCCURRENCES, "Recurrence_Occurrences" },
	{ WBXML_EMAIL_INTERVAL, "Recurrence_Interval" },
	{ WBXML_EMAIL_DAYOFWEEK, "Recurrence_DayOfWeek" },
	{ WBXML_EMAIL_DAYOFMONTH, "Recurrence_DayOfMonth" },
	{ WBXML_EMAIL_WEEKOFMONTH, "Recurrence_WeekOfMonth" },
	{ WBXML_EMAIL_MONTHOFYEAR, "Recurrence_MonthOfYear" },
	{ WBXML_EMAIL_STATUS, "FlagStatus" },
	{ WBXML_CALENDAR_TIMEZONE, "TimeZone" },
	{ WBXML_CALENDAR_EMAIL, "Attendee_Email" },
	{ WBXML_CALENDAR_NAME, "Attendee_Name" },
	{ WBXML_CALENDAR_DTSTAMP, "DTStamp" },
	{ WBXML_CALENDAR_DELETED, "Exception_Deleted" },
	{ WBXML_CALENDAR_EXCEPTIONSTARTTIME, "Exception_StartTime" },
	{ WBXML_CALENDAR_ORGANIZEREMAIL, "Organizer_Email" },
	{ WBXML_CALENDAR_ORGANIZERNAME, "Organizer_Name" },
	{ WBXML_CALENDAR_TYPE, "Recurrence_Type" },
	{ WBXML_CALENDAR_UNTIL, "Recurrence_Until" },
	{ WBXML_CALENDAR_OCCURRENCES, "Recurrence_Occurrences" },
	{ WBXML_CALENDAR_INTERVAL, "Recurrence_Interval" },
	{ WBXML_CALENDAR_DAYOFWEEK, "Recurrence_DayOfWeek" },
	{ WBXML_CALENDAR_DAYOFMONTH, "Recurrence_DayOfMonth" },
	{ WBXML_CALENDAR_WEEKOFMONTH, "Recurrence_WeekOfMonth" },
	{ WBXML_CALENDAR_MONTHOFYEAR, "Recurrence_MonthOfYear" },
	{ WBXML_CALENDAR_ATTENDEESTATUS, "Attendee_Status" },
	{ WBXML_CALENDAR_ATTENDEETYPE, "Attendee_Type" },
	{ WBXML_MEETINGRESPONSE_PROPOSEDSTARTTIME, "unknown" },
	{ WBXML_MEETINGRESPONSE_PROPOSEDENDTIME, "unknown" },
	{ WBXML_TASKS_UTCDUEDATE, "UTCDueDate" },
	{ WBXML_TASKS_TYPE, "Recurrence_Type" },
	{ WBXML_TASKS_START, "Recurrence_Start" },
	{ WBXML_TASKS_UNTIL, "Recurrence_Until" },
	{ WBXML_TASKS_OCCURRENCES, "Recurrence_Occurrences" },
	{ WBXML_TASKS_INTERVAL, "Recurrence_Interval" },
	{ WBXML_TASKS_DAYOFMONTH, "Recurrence_DayOfMonth" },
	{ WBXML_TASKS_DAYOFWEEK, "Recurrence_DayOfWeek" },
	{ WBXML_TASKS_WEEKOFMONTH, "Recurrence_WeekOfMonth" },
	{ WBXML_TASKS_MONTHOFYEAR, "Recurrence_MonthOfYear" },
	{ WBXML_TASKS_REGENERATE, "Recurrence_Regenerate" },
	{ WBXML_TASKS_DEADOCCUR, "Recurrence_DeadOccur" },
	{ WBXML_TASKS_UTCSTARTDATE, "UTCStartDate" },
	{ WBXML_PROVISION_REQUIRESTORAGECARDENCRYPTION, "DeviceEncryptionEnabled" },
	{ WBXML_PROVISION_ACCOUNTONLYREMOTEWIPE, "unknown" },
	{ WBXML_SETTINGS_SMTPADDRESS, "SmtpAddress" },
	{ WBXML_SETTINGS_RIGHTSMANAGEMENTINFORMATION, "ihsManagementInformation" },
	{ WBXML_COMPOSEMAIL_MIME, "MIME" },
	{ WBXML_COMPOSEMAIL_NAME, "ForwardeeName" },
	{ WBXML_COMPOSEMAIL_EMAIL, "ForwardeeEmail" },
	{ WBXML_RIGHTSMANAGEMENT_OWNER, "RMOwner" },
	{ WBXML_RIGHTSMANAGEMENT_REMOVERIGHTSMANAGEMENTPROTECTION,
	  "RemoveRightsManagementDistribution" },
};

/* The name that libwbxml gives the tag, in a; "unknown" when it has none. */
static struct span
their_name(wbxml_tag tag, struct arena *a)
{
	/* Two levels: libwbxml derives the namespace of a root from its page. */
	WB_UTINY doc[] = {
		0x03, 0x01, 0x6a, 0x00, 0x00, (WB_UTINY)(tag >> 8), (WB_UTINY)(tag & 0xff)
	};
	WBXMLConvWBXML2XML *conv = NULL;
	WB_UTINY *xml = NULL;
	WB_ULONG n = 0;

	assert_int_equal(wbxml_conv_wbxml2xml_create(&conv), WBXML_OK);
	wbxml_conv_wbxml2xml_set_language(conv, WBXML_LANG_ACTIVESYNC);
	wbxml_conv_wbxml2xml_set_gen_type(conv, WBXML_GEN_XML_COMPACT);
	WBXMLError e = wbxml_conv_wbxml2xml_run(conv, doc, sizeof(doc), &xml, &n);
	wbxml_conv_wbxml2xml_destroy(conv);
	if (e != WBXML_OK)
		fail_msg("%04x: %s", tag, wbxml_errors_string(e));
	struct span rest = arena_span(a, span_of((const char *)xml, n)), head;
	free(xml);
	/* "<?xml ...?><!DOCTYPE ...><Name xmlns=...": the last '<' begins the element. */
	while (span_cut(&rest, '<', &head) && span_find(rest, 0, '<') < rest.n)
		;
	size_t end = 0;
	while (end < rest.n && !strchr(" />", rest.p[end]))
		end++;
	return span_sub(rest, 0, end);
}

static void
tokens_agree_with_libwbxml_where_both_have_them(void **state UNUSED)
{
	static const struct {
		wbxml_tag tag;
		const char *name;
	} tags[] = {
#define X(page, NAME, token, name) { WBXML_##page##_##NAME, name },
		WBXML_TAGS(X)
#undef X
	};
	AUTO(arena)
	struct arena *a = arena_new();
	size_t wrong = 0;

	for (size_t i = 0; i < ARRAY_LEN(tags); i++) {
		const char *expected = tags[i].name;
		for (size_t k = 0; k < ARRAY_LEN(differences); k++) {
			if (differences[k].tag == tags[i].tag)
				expected = differences[k].theirs;
		}
		struct span theirs = their_name(tags[i].tag, a);
		/* Versions from 0.11.9 on know page 25 and a few tokens more. */
		if (tags[i].tag >> 8 == WBXML_PAGE_FIND && span_is(theirs, "unknown"))
			continue;
		if (!span_is(theirs, expected) && !span_is(theirs, tags[i].name)) {
			print_message("%04x %s: libwbxml says %.*s\n", tags[i].tag,
			              wbxml_tag_name(tags[i].tag), SPAN_FMT(theirs));
			wrong++;
		}
	}
	assert_int_equal(wrong, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tokens_agree_with_libwbxml_where_both_have_them),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
