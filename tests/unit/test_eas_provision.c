/* SPDX-License-Identifier: ISC
 *
 * test_eas_provision.c - the two phases, keys, enforcement by version, wipe.
 */
#include "mdm/mdm_access.h"
#include "tests/unit/eas_fixture.h"

#define FOLDERSYNC                                                                       \
	"<FolderSync xmlns=\"FolderHierarchy\"><SyncKey>0</SyncKey></FolderSync>"
#define ASK                                                                              \
	"<Provision xmlns=\"Provision\"><Policies><Policy>"                              \
	"<PolicyType>MS-EAS-Provisioning-WBXML</PolicyType></Policy></Policies></Provision>"

static const struct mdm_actor admin = { { "root", 4 }, { "test", 4 } };

static const char *
acknowledge(struct eas_fixture *f, const char *key, const char *status)
{
	return eas_runf(f, "Provision",
	                "<Provision xmlns=\"Provision\"><Policies><Policy>"
	                "<PolicyType>MS-EAS-Provisioning-WBXML</PolicyType>"
	                "<PolicyKey>%s</PolicyKey><Status>%s</Status></Policy></Policies>"
	                "</Provision>",
	                key, status);
}

static uint32_t
number(const char *s)
{
	uint32_t v = 0;

	assert_ok(parse_u32(span_str(s), UINT32_MAX, &v));
	return v;
}

static void
provision(struct eas_fixture *f)
{
	const char *key;

	f->policy_key = 0;
	eas_run(f, "Provision", ASK);
	key = eas_value(f, "PolicyKey", 0);
	acknowledge(f, key, "1");
	f->policy_key = number(eas_value(f, "PolicyKey", 0));
}

static struct store_device
device(struct eas_fixture *f)
{
	AUTO(store_tx)
	struct store_tx *tx = NULL;
	struct store_device d;

	assert_ok(store_read(f->store, f->user, &tx));
	assert_ok(
		store_device_find(tx, SPAN("activesync"), span_str(f->device), f->a, &d));
	return d;
}

static void
both_phases_lead_to_a_key_that_lets_the_device_sync(void **state)
{
	struct eas_fixture *f = *state;
	const char *temporary;

	eas_enforce(f);
	eas_run(f, "FolderSync", FOLDERSYNC);
	assert_string_equal(f->xml, "<FolderSync><Status>142</Status></FolderSync>");
	eas_run(f, "Provision", ASK);
	assert_has(f,
	           "<Provision><Status>1</Status><Policies><Policy><PolicyType>"
	           "MS-EAS-Provisioning-WBXML</PolicyType><Status>1</Status><PolicyKey>");
	assert_has(f, "<DevicePasswordEnabled>1</DevicePasswordEnabled>");
	assert_has(f, "<MinDevicePasswordLength>6</MinDevicePasswordLength>");
	assert_has(f, "<MaxInactivityTimeDeviceLock>300</MaxInactivityTimeDeviceLock>");
	assert_has(f, "<AllowCamera>0</AllowCamera>");
	temporary = eas_value(f, "PolicyKey", 0);
	/* The temporary key is for the acknowledgement only. */
	f->policy_key = number(temporary);
	eas_run(f, "FolderSync", FOLDERSYNC);
	assert_has(f, "<Status>142</Status>");
	acknowledge(f, temporary, "1");
	assert_has(f, "<Status>1</Status><PolicyKey>");
	assert_has_not(f, "EASProvisionDoc");
	assert_string_not_equal(eas_value(f, "PolicyKey", 0), temporary);
	f->policy_key = number(eas_value(f, "PolicyKey", 0));
	eas_run(f, "FolderSync", FOLDERSYNC);
	assert_has(f, "<Status>1</Status>");
}

static void
wrong_key_is_not_acknowledged(void **state)
{
	struct eas_fixture *f = *state;

	eas_enforce(f);
	eas_run(f, "Provision", ASK);
	acknowledge(f, "1", "1");
	assert_has(f, "<Policy><PolicyType>MS-EAS-Provisioning-WBXML</PolicyType>"
	              "<Status>5</Status></Policy>");
	f->policy_key = 1;
	eas_run(f, "FolderSync", FOLDERSYNC);
	assert_has(f, "<Status>142</Status>");
}

static void
device_that_did_not_apply_the_policy_gets_no_key(void **state)
{
	struct eas_fixture *f = *state;
	const char *key;

	eas_enforce(f);
	eas_run(f, "Provision", ASK);
	key = eas_value(f, "PolicyKey", 0);
	acknowledge(f, key, "3");
	assert_string_equal(f->xml, "<Provision><Status>139</Status></Provision>");
	acknowledge(f, key, "4");
	assert_string_equal(f->xml, "<Provision><Status>145</Status></Provision>");
	acknowledge(f, key, "9");
	assert_string_equal(f->xml, "<Provision><Status>2</Status></Provision>");
	acknowledge(f, key, "2");
	assert_has(f, "<Status>1</Status><PolicyKey>");
}

static void
the_policy_says_who_may_come_in_with_less(void **state)
{
	struct eas_fixture *f = *state;
	struct mdm_policy p = { .enforce = true, .managed_elsewhere_allowed = true };
	char type[] = "Test*";
	char *types[] = { type };

	mdm_set_policy(f->mdm, &p);
	eas_run(f, "Provision", ASK);
	acknowledge(f, eas_value(f, "PolicyKey", 0), "2");
	assert_string_equal(f->xml, "<Provision><Status>139</Status></Provision>");
	eas_run(f, "Provision", ASK);
	acknowledge(f, eas_value(f, "PolicyKey", 0), "4");
	assert_has(f, "<Status>1</Status><PolicyKey>");
	f->version = 121;
	eas_run(f, "Provision", ASK);
	acknowledge(f, eas_value(f, "PolicyKey", 0), "3");
	assert_int_equal(f->http_status, 403);
	f->version = 161;
	eas_run(f, "FolderSync", FOLDERSYNC);
	assert_has(f, "<Status>142</Status>");
	/* One that cannot provision. */
	p.exempt_types = (struct conf_list){ types, 1 };
	mdm_set_policy(f->mdm, &p);
	eas_run(f, "FolderSync", FOLDERSYNC);
	assert_has(f, "<Status>1</Status>");
}

static void
each_option_is_in_the_document_and_can_be_unset(void **state)
{
	static const char *const set[] = {
		"<PasswordRecoveryEnabled>1<",
		"<RequireStorageCardEncryption>1<",
		"<AttachmentsEnabled>0<",
		"<MaxDevicePasswordFailedAttempts>5<",
		"<MaxAttachmentSize>1000<",
		"<DevicePasswordExpiration>90<",
		"<DevicePasswordHistory>3<",
		"<MinDevicePasswordComplexCharacters>3<",
		"<AllowBluetooth>1<",
		"<RequireManualSyncWhenRoaming>1<",
		"<MaxCalendarAgeFilter>5<",
		"<MaxEmailAgeFilter>2<",
		"<MaxEmailBodyTruncationSize>10<",
		"<MaxEmailHTMLBodyTruncationSize>-1<",
		"<RequireSignedSMIMEMessages>1<",
		"<RequireEncryptionSMIMEAlgorithm>2<",
		"<AllowSMIMEEncryptionAlgorithmNegotiation>1<",
		"<UnapprovedInROMApplicationList><ApplicationName>game<",
		"<ApprovedApplicationList><Hash>00ff<",
	};
	static const char *const unset[] = {
		"<MaxDevicePasswordFailedAttempts/>",
		"<MaxAttachmentSize/>",
		"<DevicePasswordExpiration/>",
		"<MaxEmailAgeFilter>0<",
	};
	struct eas_fixture *f = *state;
	char game[] = "game", sum[] = "00ff", *games[] = { game }, *sums[] = { sum };
	struct mdm_policy p = {
		.enforce = true,
		.password_required = true,
		.password_alphanumeric = true,
		.password_recovery = true,
		.password_complex_min = 3,
		.password_failures_max = 5,
		.password_expires_days = 90,
		.password_history = 3,
		.card_encryption_required = true,
		.bluetooth_allowed = 1,
		.attachment_max = 1000,
		.roaming_manual_sync = true,
		.mail_age_max = 2,
		.calendar_age_max = 2,
		.mail_body_max = 10,
		.mail_html_max = -1,
		.smime_signed_required = true,
		.smime_encrypted_algorithm = 2,
		.smime_negotiation = 1,
		.unapproved_rom_applications = { games, 1 },
		.approved_applications = { sums, 1 },
	};
	struct mdm_policy none = { .enforce = true };

	mdm_set_policy(f->mdm, &p);
	game[0] = sum[0] = 'X'; /* the copy counts */
	eas_run(f, "Provision", ASK);
	for (size_t i = 0; i < ARRAY_LEN(set); i++)
		assert_has(f, set[i]);
	mdm_set_policy(f->mdm, &none);
	eas_run(f, "Provision", ASK);
	for (size_t i = 0; i < ARRAY_LEN(unset); i++)
		assert_has(f, unset[i]);
	assert_has_not(f, "ApplicationList");
}

static void
refusal_depends_on_the_version_and_the_key(void **state)
{
	struct eas_fixture *f = *state;
	uint32_t key;
	struct mdm_policy other = { .enforce = true, .password_required = false };

	eas_enforce(f);
	f->version = 121;
	eas_run(f, "FolderSync", FOLDERSYNC);
	assert_int_equal(f->http_status, 449);
	assert_string_equal(f->xml, "");
	f->version = 141;
	provision(f);
	key = f->policy_key;
	f->policy_key = key + 1;
	eas_run(f, "FolderSync", FOLDERSYNC);
	assert_has(f, "<Status>144</Status>");
	f->policy_key = key;
	mdm_set_policy(f->mdm, &other);
	eas_run(f, "FolderSync", FOLDERSYNC);
	assert_has(f, "<Status>143</Status>");
	eas_run(f, "Ping", NULL);
	assert_string_equal(f->xml, "<Ping><Status>143</Status></Ping>");
	eas_run(f, "Sync", NULL);
	assert_string_equal(f->xml, "<Sync><Status>143</Status></Sync>");
	provision(f);
	eas_run(f, "FolderSync", FOLDERSYNC);
	assert_has(f, "<Status>1</Status>");
}

static void
without_a_policy_status_2_ends_the_loop(void **state)
{
	struct eas_fixture *f = *state;

	eas_run(f, "Provision", ASK);
	assert_string_equal(f->xml,
	                    "<Provision><Status>1</Status><Policies><Policy><PolicyType>"
	                    "MS-EAS-Provisioning-WBXML</PolicyType><Status>2</Status>"
	                    "</Policy></Policies></Provision>");
	eas_run(f, "FolderSync", FOLDERSYNC);
	assert_has(f, "<Status>1</Status>");
}

static void
unknown_policy_types_and_broken_requests_get_their_status(void **state)
{
	struct eas_fixture *f = *state;

	eas_enforce(f);
	eas_run(f, "Provision",
	        "<Provision xmlns=\"Provision\"><Policies><Policy><PolicyType>X</PolicyType>"
	        "</Policy></Policies></Provision>");
	assert_has(f, "<PolicyType>X</PolicyType><Status>3</Status>");
	eas_run(f, "Provision", "<Provision xmlns=\"Provision\"><Policies/></Provision>");
	assert_string_equal(f->xml, "<Provision><Status>2</Status></Provision>");
	eas_run(f, "Provision", "<Provision xmlns=\"Provision\"/>");
	assert_string_equal(f->xml, "<Provision><Status>1</Status></Provision>");
	eas_run(f, "Provision", "<Ping xmlns=\"Ping\"/>");
	assert_string_equal(f->xml, "<Provision><Status>2</Status></Provision>");
}

#define ASK_WAP                                                                          \
	"<Provision xmlns=\"Provision\"><Policies><Policy>"                              \
	"<PolicyType>MS-WAP-Provisioning-XML</PolicyType></Policy></Policies></Provision>"

/* The document that is between the tags of Data, its markup as text. */
static const char *
wap_of(struct eas_fixture *f)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);
	const char *p = eas_value(f, "Data", 0);

	while (*p) {
		if (span_starts(span_str(p), "&lt;")) {
			buf_add_char(&b, '<');
			p += 4;
		} else if (span_starts(span_str(p), "&gt;")) {
			buf_add_char(&b, '>');
			p += 4;
		} else if (span_starts(span_str(p), "&quot;")) {
			buf_add_char(&b, '"');
			p += 6;
		} else {
			buf_add_char(&b, *p++);
		}
	}
	return arena_strndup(f->a, buf_span(&b));
}

static void
device_of_2_5_gets_the_policy_as_wap_xml(void **state)
{
	struct eas_fixture *f = *state;
	struct mdm_policy p = {
		.enforce = true,
		.password_required = true,
		.password_alphanumeric = true,
		.password_length_min = 6,
		.password_failures_max = 8,
		.lock_after_ms = 170000,
	};

	mdm_set_policy(f->mdm, &p);
	f->version = 25;
	eas_run(f, "FolderSync", FOLDERSYNC);
	assert_int_equal(f->http_status, 449);
	eas_run(f, "Provision", ASK_WAP);
	assert_has(f, "<Policy><PolicyType>MS-WAP-Provisioning-XML</PolicyType>"
	              "<Status>1</Status><PolicyKey>");
	assert_string_equal(
		wap_of(f),
		"<wap-provisioningdoc><characteristic type=\"SecurityPolicy\">"
		"<parm name=\"4131\" value=\"0\"/></characteristic>"
		"<characteristic type=\"Registry\">"
		"<characteristic type=\"HKLM\\Comm\\Security\\Policy\\LASSD\\AE\\"
		"{50C13377-C66D-400C-889E-C316FC4AB374}\">"
		"<parm name=\"AEFrequencyType\" value=\"1\"/>"
		"<parm name=\"AEFrequencyValue\" value=\"2\"/></characteristic>"
		"<characteristic type=\"HKLM\\Comm\\Security\\Policy\\LASSD\">"
		"<parm name=\"DeviceWipeThreshold\" value=\"8\"/></characteristic>"
		"<characteristic type=\"HKLM\\Comm\\Security\\Policy\\LASSD\">"
		"<parm name=\"CodewordFrequency\" value=\"4\"/></characteristic>"
		"<characteristic type=\"HKLM\\Comm\\Security\\Policy\\LASSD\\LAP\\lap_pw\">"
		"<parm name=\"MinimumPasswordLength\" value=\"6\"/></characteristic>"
		"<characteristic type=\"HKLM\\Comm\\Security\\Policy\\LASSD\\LAP\\lap_pw\">"
		"<parm name=\"PasswordComplexity\" value=\"0\"/></characteristic>"
		"</characteristic></wap-provisioningdoc>");
	eas_runf(f, "Provision",
	         "<Provision xmlns=\"Provision\"><Policies><Policy>"
	         "<PolicyType>MS-WAP-Provisioning-XML</PolicyType>"
	         "<PolicyKey>%s</PolicyKey><Status>1</Status></Policy></Policies>"
	         "</Provision>",
	         eas_value(f, "PolicyKey", 0));
	assert_has(f, "<PolicyType>MS-WAP-Provisioning-XML</PolicyType><Status>1</Status>"
	              "<PolicyKey>");
	assert_has_not(f, "<Data>");
	f->policy_key = number(eas_value(f, "PolicyKey", 0));
	eas_run(f, "FolderSync", FOLDERSYNC);
	assert_has(f, "<FolderSync><Status>1</Status>");
}

static void
policy_of_2_5_says_no_more_than_is_asked(void **state)
{
	struct eas_fixture *f = *state;
	struct mdm_policy p = { .enforce = true, .lock_after_ms = 60000 };

	mdm_set_policy(f->mdm, &p);
	f->version = 25;
	eas_run(f, "Provision", ASK_WAP);
	assert_string_equal(
		wap_of(f), "<wap-provisioningdoc><characteristic type=\"SecurityPolicy\">"
			   "<parm name=\"4131\" value=\"1\"/></characteristic>"
			   "</wap-provisioningdoc>");
	p.password_required = true;
	p.password_failures_max = 1;
	p.lock_after_ms = 0;
	mdm_set_policy(f->mdm, &p);
	eas_run(f, "Provision", ASK_WAP);
	assert_non_null(strstr(wap_of(f), "\"AEFrequencyType\" value=\"0\"/></char"));
	assert_non_null(strstr(wap_of(f), "\"CodewordFrequency\" value=\"1\""));
	assert_non_null(strstr(wap_of(f), "\"PasswordComplexity\" value=\"2\""));
	assert_null(strstr(wap_of(f), "MinimumPasswordLength"));
	p.lock_after_ms = 5000; /* less than it can count */
	mdm_set_policy(f->mdm, &p);
	eas_run(f, "Provision", ASK_WAP);
	assert_non_null(strstr(wap_of(f), "\"AEFrequencyValue\" value=\"1\""));
	/* It is the form of 2.5 alone. */
	f->version = 120;
	eas_run(f, "Provision", ASK_WAP);
	assert_has(f,
	           "<PolicyType>MS-WAP-Provisioning-XML</PolicyType><Status>3</Status>");
	assert_has_not(f, "<Data>");
}

static void
device_information_is_kept_in_the_registry(void **state)
{
	struct eas_fixture *f = *state;
	struct store_device d;

	eas_enforce(f);
	eas_run(f, "Provision",
	        "<Provision xmlns=\"Provision\"><DeviceInformation xmlns=\"Settings\"><Set>"
	        "<Model>Pixel 9</Model><OS>Android 17</OS><FriendlyName>My \"phone\"</FriendlyName>"
	        "<IMEI>490154203237518</IMEI></Set></DeviceInformation><Policies><Policy>"
	        "<PolicyType>MS-EAS-Provisioning-WBXML</PolicyType></Policy></Policies>"
	        "</Provision>");
	assert_has(f,
	           "<Provision><DeviceInformation><Status>1</Status></DeviceInformation>"
	           "<Status>1</Status>");
	d = device(f);
	assert_true(span_is(d.model, "Pixel 9"));
	assert_true(span_is(d.os, "Android 17"));
	assert_true(span_is(d.extra, "{\"imei\":\"490154203237518\","
	                             "\"friendly_name\":\"My \\\"phone\\\"\"}"));
	assert_true(span_is(d.user_agent, "Test/1.0"));
	assert_true(span_is(d.version, "16.1"));
	/* By Settings as well; what is not told stays. */
	eas_run(f, "Provision", ASK);
	provision(f);
	eas_run(f, "Settings",
	        "<Settings xmlns=\"Settings\"><DeviceInformation><Set><OS>Android 18</OS></Set>"
	        "</DeviceInformation></Settings>");
	assert_has(f, "<DeviceInformation><Status>1</Status></DeviceInformation>");
	d = device(f);
	assert_true(span_is(d.model, "Pixel 9"));
	assert_true(span_is(d.os, "Android 18"));
}

static void
wipe_is_asked_and_confirmed_by_the_device(void **state)
{
	struct eas_fixture *f = *state;
	struct store_device d;

	eas_enforce(f);
	provision(f);
	d = device(f);
	assert_ok(mdm_device_set_state(f->mdm, f->user, d.number,
	                               STORE_DEVICE_WIPE_PENDING, SPAN("stolen"),
	                               &admin));
	eas_run(f, "Sync", NULL);
	assert_string_equal(f->xml, "<Sync><Status>140</Status></Sync>");
	f->version = 121;
	eas_run(f, "Ping", NULL);
	assert_int_equal(f->http_status, 449);
	f->version = 161;
	eas_run(f, "Provision", ASK);
	assert_string_equal(f->xml,
	                    "<Provision><Status>1</Status><RemoteWipe/></Provision>");
	eas_run(f, "Provision", "<Provision xmlns=\"Provision\"/>");
	assert_has(f, "<RemoteWipe/>");
	/* It could not: the wipe stays pending. */
	eas_run(f, "Provision",
	        "<Provision xmlns=\"Provision\"><RemoteWipe><Status>2</Status></RemoteWipe>"
	        "</Provision>");
	assert_string_equal(f->xml,
	                    "<Provision><Status>2</Status><RemoteWipe/></Provision>");
	d = device(f);
	assert_int_equal(d.state, STORE_DEVICE_WIPE_PENDING);
	eas_run(f, "Provision",
	        "<Provision xmlns=\"Provision\"><RemoteWipe><Status>1</Status></RemoteWipe>"
	        "</Provision>");
	assert_string_equal(f->xml, "<Provision><Status>1</Status></Provision>");
	d = device(f);
	assert_int_equal(d.state, STORE_DEVICE_WIPED);
	eas_run(f, "FolderSync", FOLDERSYNC);
	assert_has(f, "<Status>129</Status>");
}

static void
wipe_at_2_5_is_asked_where_the_policy_would_be(void **state)
{
	struct eas_fixture *f = *state;
	struct store_device d;

	eas_enforce(f);
	f->version = 25;
	provision(f);
	d = device(f);
	assert_ok(mdm_device_set_state(f->mdm, f->user, d.number,
	                               STORE_DEVICE_WIPE_PENDING, SPAN("stolen"),
	                               &admin));
	eas_run(f, "GetHierarchy", NULL);
	assert_int_equal(f->http_status, 449);
	eas_run(f, "Provision", ASK_WAP);
	assert_string_equal(f->xml,
	                    "<Provision><Status>1</Status><RemoteWipe/></Provision>");
	d = device(f);
	assert_int_equal(d.state, STORE_DEVICE_WIPE_PENDING);
	eas_run(f, "Provision",
	        "<Provision xmlns=\"Provision\"><RemoteWipe><Status>1</Status></RemoteWipe>"
	        "</Provision>");
	assert_string_equal(f->xml, "<Provision><Status>1</Status></Provision>");
	d = device(f);
	assert_int_equal(d.state, STORE_DEVICE_WIPED);
	eas_run(f, "FolderSync", FOLDERSYNC);
	assert_int_equal(f->http_status, 403);
}

static const char *
confirm(struct eas_fixture *f, const char *tag, const char *status)
{
	return eas_runf(f, "Provision",
	                "<Provision xmlns=\"Provision\"><%s><Status>%s</Status></%s>"
	                "</Provision>",
	                tag, status, tag);
}

static void
order(struct eas_fixture *f, enum store_device_state state)
{
	struct store_device d = device(f);

	assert_ok(mdm_device_set_state(f->mdm, f->user, d.number, state, SPAN("test"),
	                               &admin));
}

static void
wipe_of_the_account_alone_is_asked_and_confirmed(void **state)
{
	struct eas_fixture *f = *state;

	eas_enforce(f);
	provision(f);
	order(f, STORE_DEVICE_ACCOUNT_WIPE_PENDING);
	eas_run(f, "FolderSync", FOLDERSYNC);
	assert_has(f, "<Status>140</Status>");
	/* An older version has no word for it. */
	f->version = 160;
	eas_run(f, "Provision", ASK);
	assert_has(f, "<Status>129</Status>");
	f->version = 161;
	eas_run(f, "Provision", ASK);
	assert_string_equal(f->xml,
	                    "<Provision><Status>1</Status><AccountOnlyRemoteWipe/>"
	                    "</Provision>");
	confirm(f, "RemoteWipe", "1");
	assert_string_equal(f->xml, "<Provision><Status>2</Status></Provision>");
	confirm(f, "AccountOnlyRemoteWipe", "1");
	assert_string_equal(f->xml, "<Provision><Status>1</Status></Provision>");
	assert_int_equal(device(f).state, STORE_DEVICE_ACCOUNT_WIPED);
	eas_run(f, "FolderSync", FOLDERSYNC);
	assert_has(f, "<Status>129</Status>");
}

static void
only_the_device_that_was_told_can_confirm(void **state)
{
	static const char *const wrong[] = { "0", "3", "", "x" };
	struct eas_fixture *f = *state;
	uint32_t mine;

	eas_enforce(f);
	provision(f);
	mine = f->policy_key;
	order(f, STORE_DEVICE_WIPE_PENDING);
	confirm(f, "RemoteWipe", "1"); /* not told yet */
	assert_has(f, "<Status>2</Status>");
	eas_run(f, "Provision", ASK);
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		confirm(f, "RemoteWipe", wrong[i]);
		assert_has(f, "<Status>2</Status>");
		assert_int_equal(device(f).state, STORE_DEVICE_WIPE_PENDING);
	}
	f->policy_key = mine + 1; /* of another device */
	confirm(f, "RemoteWipe", "1");
	assert_has(f, "<Status>2</Status>");
	assert_int_equal(device(f).state, STORE_DEVICE_WIPE_PENDING);
	f->policy_key = 0; /* as MS-ASPROV 3.1.5.1.1 has it */
	confirm(f, "RemoteWipe", "1");
	assert_has(f, "<Status>1</Status>");
	assert_int_equal(device(f).state, STORE_DEVICE_WIPED);
}

static void
false_confirmation_of_a_wipe_is_refused(void **state)
{
	struct eas_fixture *f = *state;
	struct store_device d;

	eas_enforce(f);
	provision(f);
	eas_run(f, "Provision",
	        "<Provision xmlns=\"Provision\"><RemoteWipe><Status>1</Status></RemoteWipe>"
	        "</Provision>");
	assert_string_equal(f->xml, "<Provision><Status>2</Status></Provision>");
	d = device(f);
	assert_int_equal(d.state, STORE_DEVICE_ALLOWED);
}

static void
blocked_device_is_refused_by_every_command(void **state)
{
	static const char *const commands[] = { "Sync", "Ping" };
	struct eas_fixture *f = *state;
	struct store_device d;

	eas_run(f, "FolderSync", FOLDERSYNC);
	d = device(f);
	assert_ok(mdm_device_set_state(f->mdm, f->user, d.number, STORE_DEVICE_BLOCKED,
	                               SPAN("not ours"), &admin));
	for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
		eas_run(f, commands[i], NULL);
		assert_has(f, "<Status>129</Status>");
	}
	eas_run(f, "Provision", ASK);
	assert_has(f, "<Status>129</Status>");
	f->version = 121;
	eas_run(f, "Ping", NULL);
	assert_int_equal(f->http_status, 403);
}

/* Who signs in has been let in before that: only a command under way meets it. */
static void
user_who_was_disabled_meanwhile_is_told(void **state)
{
	struct eas_fixture *f = *state;

	eas_run(f, "FolderSync", FOLDERSYNC);
	assert_has(f, "<Status>1</Status>");
	assert_ok(store_user_set_disabled(f->store, SPAN("alice@example.org"), true));
	eas_run(f, "FolderSync", FOLDERSYNC);
	assert_string_equal(f->xml, "<FolderSync><Status>131</Status></FolderSync>");
	f->version = 121;
	eas_run(f, "FolderSync", FOLDERSYNC);
	assert_int_equal(f->http_status, 403);
	assert_ok(store_user_set_disabled(f->store, SPAN("alice@example.org"), false));
	eas_run(f, "FolderSync", FOLDERSYNC);
	assert_int_equal(f->http_status, 200);
}

static void
validate_is_no_device(void **state)
{
	struct eas_fixture *f = *state;
	AUTO(store_tx)
	struct store_tx *tx = NULL;
	struct store_device *list;
	size_t n;

	eas_enforce(f);
	f->device = "validate";
	eas_run(f, "FolderSync", FOLDERSYNC);
	assert_has(f, "<Status>1</Status>");
	assert_has_not(f, "<Add>");
	eas_run(f, "Provision", ASK);
	assert_has(f, "<Status>2</Status>");
	eas_run(f, "Sync", NULL);
	assert_has(f, "<Status>108</Status>");
	assert_ok(store_read(f->store, f->user, &tx));
	assert_ok(store_device_list(tx, f->a, &list, &n));
	assert_int_equal(n, 0);
}

static void
settings_tell_who_the_user_is(void **state)
{
	struct eas_fixture *f = *state;

	eas_run(f, "Settings",
	        "<Settings xmlns=\"Settings\"><UserInformation><Get/>"
	        "</UserInformation></Settings>");
	assert_has(
		f,
		"<Account><UserDisplayName>Alice Example</UserDisplayName><EmailAddresses>"
		"<SMTPAddress>alice@example.org</SMTPAddress><PrimarySmtpAddress>");
	f->version = 140;
	eas_run(f, "Settings",
	        "<Settings xmlns=\"Settings\"><UserInformation><Get/>"
	        "</UserInformation></Settings>");
	assert_has(f, "<Get><EmailAddresses><SMTPAddress>alice@example.org</SMTPAddress>"
	              "</EmailAddresses></Get>");
	eas_run(f, "Settings",
	        "<Settings xmlns=\"Settings\"><Oof><Get><BodyType>HTML</BodyType>"
	        "</Get></Oof></Settings>");
	assert_has(f, "<Oof><Status>1</Status><Get><OofState>0</OofState>");
	eas_run(f, "Settings",
	        "<Settings xmlns=\"Settings\"><Oof><Set><OofState>1</OofState>"
	        "</Set></Oof></Settings>");
	assert_has(f, "<Oof><Status>1</Status></Oof>");
	eas_run(f, "Settings",
	        "<Settings xmlns=\"Settings\"><DevicePassword><Set><Password>x"
	        "</Password></Set></DevicePassword><RightsManagementInformation>"
	        "<Get/></RightsManagementInformation></Settings>");
	assert_has(f, "<DevicePassword><Status>7</Status></DevicePassword>");
	assert_has(f, "<RightsManagementInformation><Status>168</Status>");
	eas_run(f, "Settings", "<Settings xmlns=\"Settings\"/>");
	assert_string_equal(f->xml, "<Settings><Status>2</Status></Settings>");
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, eas_setup, eas_teardown)
	const struct CMUnitTest tests[] = {
		T(both_phases_lead_to_a_key_that_lets_the_device_sync),
		T(wrong_key_is_not_acknowledged),
		T(device_that_did_not_apply_the_policy_gets_no_key),
		T(refusal_depends_on_the_version_and_the_key),
		T(without_a_policy_status_2_ends_the_loop),
		T(unknown_policy_types_and_broken_requests_get_their_status),
		T(device_of_2_5_gets_the_policy_as_wap_xml),
		T(policy_of_2_5_says_no_more_than_is_asked),
		T(device_information_is_kept_in_the_registry),
		T(wipe_is_asked_and_confirmed_by_the_device),
		T(wipe_at_2_5_is_asked_where_the_policy_would_be),
		T(false_confirmation_of_a_wipe_is_refused),
		T(wipe_of_the_account_alone_is_asked_and_confirmed),
		T(only_the_device_that_was_told_can_confirm),
		T(the_policy_says_who_may_come_in_with_less),
		T(each_option_is_in_the_document_and_can_be_unset),
		T(blocked_device_is_refused_by_every_command),
		T(user_who_was_disabled_meanwhile_is_told),
		T(validate_is_no_device),
		T(settings_tell_who_the_user_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
