/* SPDX-License-Identifier: ISC
 *
 * test_eas_settings.c - Settings: Oof Get and Set, with their statuses.
 */
#include "store/store_oof.h"
#include "tests/unit/eas_fixture.h"

static const char *
set_oof(struct eas_fixture *f, const char *inner)
{
	return eas_runf(
		f, "Settings",
		"<Settings xmlns=\"Settings\"><Oof><Set>%s</Set></Oof></Settings>",
		inner);
}

static const char *
get_oof(struct eas_fixture *f, const char *type)
{
	return eas_runf(f, "Settings",
	                "<Settings xmlns=\"Settings\"><Oof><Get><BodyType>%s</BodyType>"
	                "</Get></Oof></Settings>",
	                type);
}

static void
assert_set(struct eas_fixture *f, const char *inner, unsigned status)
{
	char want[200];

	snprintf(want, sizeof(want),
	         "<Settings><Status>1</Status><Oof><Status>%u</Status></Oof></Settings>",
	         status);
	assert_string_equal(set_oof(f, inner), want);
}

#define MESSAGE(who, enabled, text, type)                                                \
	"<OofMessage><AppliesTo" who "/><Enabled>" enabled                               \
	"</Enabled><ReplyMessage>" text "</ReplyMessage><BodyType>" type                 \
	"</BodyType></OofMessage>"

static void
oof_that_was_never_set_is_off_for_all_three(void **state)
{
	struct eas_fixture *f = *state;

	assert_string_equal(get_oof(f, "Text"),
	                    "<Settings><Status>1</Status><Oof><Status>1</Status><Get>"
	                    "<OofState>0</OofState>"
	                    "<OofMessage><AppliesToInternal/><Enabled>0</Enabled>"
	                    "<BodyType>Text</BodyType></OofMessage>"
	                    "<OofMessage><AppliesToExternalKnown/><Enabled>0</Enabled>"
	                    "<BodyType>Text</BodyType></OofMessage>"
	                    "<OofMessage><AppliesToExternalUnknown/><Enabled>0</Enabled>"
	                    "<BodyType>Text</BodyType></OofMessage>"
	                    "</Get></Oof></Settings>");
}

static void
what_is_set_is_told_in_the_form_that_is_asked_for(void **state)
{
	struct eas_fixture *f = *state;

	assert_set(
		f,
		"<OofState>1</OofState>" MESSAGE("Internal", "1", "a &lt; b", "TEXT")
			MESSAGE("ExternalUnknown", "1", "&lt;p&gt;Out&lt;/p&gt;", "HTML"),
		1);
	get_oof(f, "text");
	assert_has(f, "<OofState>1</OofState><OofMessage><AppliesToInternal/>"
	              "<Enabled>1</Enabled><ReplyMessage>a &lt; b</ReplyMessage>"
	              "<BodyType>Text</BodyType></OofMessage>");
	assert_has(f, "<AppliesToExternalUnknown/><Enabled>1</Enabled><ReplyMessage>Out");
	assert_has_not(f, "StartTime");
	get_oof(f, "HTML");
	assert_has(f, "&amp;lt; b");
	assert_has(f, "<ReplyMessage>&lt;p&gt;Out&lt;/p&gt;</ReplyMessage>"
	              "<BodyType>HTML</BodyType>");
	/* What is not named stays. */
	assert_set(f, "<OofState>0</OofState>", 1);
	get_oof(f, "HTML");
	assert_has(f, "<OofState>0</OofState>");
	assert_has(f, "&lt;p&gt;Out");
	assert_set(f,
	           "<OofMessage><AppliesToExternalUnknown/><Enabled>0</Enabled>"
	           "</OofMessage>",
	           1);
	get_oof(f, "HTML");
	assert_has(f, "<AppliesToExternalUnknown/><Enabled>0</Enabled><ReplyMessage>");
}

static void
times_belong_to_state_2(void **state)
{
	struct eas_fixture *f = *state;

	assert_set(f,
	           "<OofState>2</OofState><StartTime>2026-12-01T08:00:00.000Z</StartTime>"
	           "<EndTime>20261224T170000Z</EndTime>",
	           1);
	get_oof(f, "Text");
	assert_has(f, "<OofState>2</OofState><StartTime>2026-12-01T08:00:00.000Z"
	              "</StartTime><EndTime>2026-12-24T17:00:00.000Z</EndTime>");
	/* 2.2.3.124: with another state they are not stored. */
	assert_set(f,
	           "<OofState>1</OofState><StartTime>2027-01-01T08:00:00.000Z</StartTime>"
	           "<EndTime>2027-01-02T08:00:00.000Z</EndTime>",
	           1);
	get_oof(f, "Text");
	assert_has_not(f, "StartTime");
	assert_set(f, "<OofState>2</OofState>", 1);
	get_oof(f, "Text");
	assert_has(f, "<StartTime>2026-12-01T08:00:00.000Z");
}

static void
nonsense_gets_its_status_and_changes_nothing(void **state)
{
	struct eas_fixture *f = *state;

	assert_set(f, "<OofState>3</OofState>", 5);
	assert_set(f, "<OofState>2</OofState>", 5);
	assert_set(f,
	           "<OofState>2</OofState><StartTime>2026-12-01T08:00:00.000Z"
	           "</StartTime>",
	           2);
	assert_set(f,
	           "<OofState>2</OofState><StartTime>2026-12-02T08:00:00.000Z</StartTime>"
	           "<EndTime>2026-12-01T08:00:00.000Z</EndTime>",
	           6);
	assert_set(f,
	           "<OofState>2</OofState><StartTime>soon</StartTime>"
	           "<EndTime>2026-12-01T08:00:00.000Z</EndTime>",
	           5);
	assert_set(f,
	           "<OofState>1</OofState><OofMessage><AppliesToInternal/>"
	           "<ReplyMessage>x</ReplyMessage></OofMessage>",
	           2);
	assert_set(f, "<OofMessage><Enabled>1</Enabled></OofMessage>", 2);
	assert_set(f,
	           "<OofMessage><AppliesToInternal/><AppliesToExternalKnown/>"
	           "<Enabled>1</Enabled></OofMessage>",
	           2);
	assert_set(f, MESSAGE("Internal", "1", "x", "RTF"), 5);
	assert_set(f, MESSAGE("Internal", "7", "x", "Text"), 5);
	assert_set(f,
	           MESSAGE("Internal", "1", "x", "Text")
	                   MESSAGE("Internal", "1", "y", "Text"),
	           6);
	get_oof(f, "PDF");
	assert_has(f, "<Oof><Status>5</Status></Oof>");
	eas_run(f, "Settings", "<Settings xmlns=\"Settings\"><Oof/></Settings>");
	assert_has(f, "<Oof><Status>2</Status></Oof>");
	get_oof(f, "Text");
	assert_has(f, "<OofState>0</OofState>");
	assert_has_not(f, "<Enabled>1");
}

static void
all_devices_of_the_user_see_the_same(void **state)
{
	struct eas_fixture *f = *state;

	set_oof(f, "<OofState>1</OofState>" MESSAGE("Internal", "1", "away", "Text"));
	f->device = "PHONE2";
	f->version = 121;
	get_oof(f, "Text");
	assert_has(f, "<ReplyMessage>away</ReplyMessage>");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define EAS_TEST(name) cmocka_unit_test_setup_teardown(name, eas_setup, eas_teardown)
		EAS_TEST(oof_that_was_never_set_is_off_for_all_three),
		EAS_TEST(what_is_set_is_told_in_the_form_that_is_asked_for),
		EAS_TEST(times_belong_to_state_2),
		EAS_TEST(nonsense_gets_its_status_and_changes_nothing),
		EAS_TEST(all_devices_of_the_user_see_the_same),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
