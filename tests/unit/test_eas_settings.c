/* SPDX-License-Identifier: ISC
 *
 * test_eas_settings.c - Settings: Oof, recovery passwords, what there is of the user.
 */
#include "mdm/mdm_policy.h"
#include "store/store_oof.h"
#include "store/store_recovery.h"
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

#define PASSWORD(text)                                                                   \
	"<Settings xmlns=\"Settings\"><DevicePassword><Set><Password>" text              \
	"</Password></Set></DevicePassword></Settings>"

static void
assert_password(struct eas_fixture *f, const char *xml, unsigned status)
{
	char want[200];

	snprintf(want, sizeof(want),
	         "<Settings><Status>1</Status><DevicePassword><Status>%u</Status>"
	         "</DevicePassword></Settings>",
	         status);
	assert_string_equal(eas_run(f, "Settings", xml), want);
}

static enum rc
recovery(struct eas_fixture *f, struct store_recovery *ret)
{
	AUTO(store_tx)
	struct store_tx *tx = NULL;
	struct store_device d;

	assert_ok(store_read(f->store, f->user, &tx));
	assert_ok(
		store_device_find(tx, SPAN("activesync"), span_str(f->device), f->a, &d));
	return store_recovery_load(tx, d.number, f->a, ret);
}

/* The policy with or without recovery, taken by the device. */
static void
take_policy(struct eas_fixture *f, bool with_recovery)
{
	const struct mdm_policy p = { .enforce = true,
		                      .password_required = true,
		                      .password_recovery = with_recovery };
	uint32_t key = 0;

	mdm_set_policy(f->mdm, &p);
	f->policy_key = 0;
	eas_run(f, "Provision",
	        "<Provision xmlns=\"Provision\"><Policies><Policy><PolicyType>"
	        "MS-EAS-Provisioning-WBXML</PolicyType></Policy></Policies></Provision>");
	assert_has(f, with_recovery ? "<PasswordRecoveryEnabled>1<"
	                            : "<PasswordRecoveryEnabled>0<");
	eas_runf(f, "Provision",
	         "<Provision xmlns=\"Provision\"><Policies><Policy><PolicyType>"
	         "MS-EAS-Provisioning-WBXML</PolicyType><PolicyKey>%s</PolicyKey>"
	         "<Status>1</Status></Policy></Policies></Provision>",
	         eas_value(f, "PolicyKey", 0));
	assert_ok(parse_u32(span_str(eas_value(f, "PolicyKey", 0)), UINT32_MAX, &key));
	f->policy_key = key;
}

static void
a_recovery_password_is_kept_where_the_policy_wants_it(void **state)
{
	struct eas_fixture *f = *state;
	struct store_recovery r;
	char long_one[260];

	take_policy(f, true);
	assert_password(f, PASSWORD("12345-67890"), 1);
	assert_ok(recovery(f, &r));
	assert_true(span_is(r.password, "12345-67890"));
	assert_int_equal(r.set_ms, clock_wall_ms());
	memset(long_one, 'x', 256);
	long_one[256] = '\0';
	eas_runf(f, "Settings", PASSWORD("%s"), long_one);
	assert_has(f, "<DevicePassword><Status>5</Status>");
	assert_ok(recovery(f, &r));
	long_one[255] = '\0';
	eas_runf(f, "Settings", PASSWORD("%s"), long_one);
	assert_has(f, "<DevicePassword><Status>1</Status>");
	assert_password(f, PASSWORD(""), 1);
	assert_rc(recovery(f, &r), RC_NOT_FOUND);
	eas_run(f, "Settings",
	        "<Settings xmlns=\"Settings\"><DevicePassword/></Settings>");
	assert_has(f, "<DevicePassword><Status>2</Status>");
}

static void
a_recovery_password_is_refused_elsewhere(void **state)
{
	struct eas_fixture *f = *state;
	struct store_recovery r;

	assert_password(f, PASSWORD("12345"), 7);
	take_policy(f, false);
	assert_password(f, PASSWORD("12345"), 7);
	assert_rc(recovery(f, &r), RC_NOT_FOUND);
}

static void
a_forgotten_device_takes_its_recovery_password_along(void **state)
{
	struct eas_fixture *f = *state;
	AUTO(store_tx)
	struct store_tx *tx = NULL;
	struct store_device d;
	struct store_recovery r;

	take_policy(f, true);
	assert_password(f, PASSWORD("12345"), 1);
	assert_ok(store_write(f->store, f->user, NULL, &tx));
	assert_ok(
		store_device_find(tx, SPAN("activesync"), span_str(f->device), f->a, &d));
	assert_ok(store_device_delete(tx, d.number));
	assert_rc(store_recovery_load(tx, d.number, f->a, &r), RC_NOT_FOUND);
}

static void
user_information_and_rights_say_what_there_is(void **state)
{
	struct eas_fixture *f = *state;
	static const char ask[] =
		"<Settings xmlns=\"Settings\"><RightsManagementInformation><Get/>"
		"</RightsManagementInformation><UserInformation><Get/></UserInformation>"
		"</Settings>";

	eas_run(f, "Settings", ask);
	assert_has(f, "<UserInformation><Status>1</Status><Get><Accounts><Account>"
	              "<UserDisplayName>Alice Example</UserDisplayName><EmailAddresses>"
	              "<SMTPAddress>alice@example.org</SMTPAddress><PrimarySmtpAddress>"
	              "alice@example.org</PrimarySmtpAddress></EmailAddresses></Account>"
	              "</Accounts></Get></UserInformation>");
	assert_has(f, "<RightsManagementInformation><Status>168</Status>");
	f->version = 121;
	eas_run(f, "Settings", ask);
	assert_has(f, "<UserInformation><Status>1</Status><Get><EmailAddresses>"
	              "<SMTPAddress>alice@example.org</SMTPAddress></EmailAddresses>");
	eas_run(f, "Settings",
	        "<Settings xmlns=\"Settings\"><UserInformation/></Settings>");
	assert_has(f, "<UserInformation><Status>2</Status></UserInformation>");
}

static void
answers_come_in_the_order_of_the_questions(void **state)
{
	struct eas_fixture *f = *state;

	eas_run(f, "Settings",
	        "<Settings xmlns=\"Settings\"><RightsManagementInformation><Get/>"
	        "</RightsManagementInformation><DevicePassword><Set><Password>x</Password>"
	        "</Set></DevicePassword><UserInformation/><DeviceInformation><Set>"
	        "<EnableOutboundSMS>1</EnableOutboundSMS></Set></DeviceInformation>"
	        "</Settings>");
	assert_string_equal(
		f->xml,
		"<Settings><Status>1</Status><RightsManagementInformation>"
		"<Status>168</Status></RightsManagementInformation><DevicePassword>"
		"<Status>7</Status></DevicePassword><UserInformation><Status>2</Status>"
		"</UserInformation><DeviceInformation><Status>5</Status>"
		"</DeviceInformation></Settings>");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, eas_setup, eas_teardown)
		T(oof_that_was_never_set_is_off_for_all_three),
		T(what_is_set_is_told_in_the_form_that_is_asked_for),
		T(times_belong_to_state_2),
		T(nonsense_gets_its_status_and_changes_nothing),
		T(all_devices_of_the_user_see_the_same),
		T(a_recovery_password_is_kept_where_the_policy_wants_it),
		T(a_recovery_password_is_refused_elsewhere),
		T(a_forgotten_device_takes_its_recovery_password_along),
		T(user_information_and_rights_say_what_there_is),
		T(answers_come_in_the_order_of_the_questions),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
