/* SPDX-License-Identifier: ISC
 *
 * test_eas_resolve.c - ResolveRecipients and ValidateCert.
 */
#include <unistd.h>

#include "store/store_person.h"
#include "tests/fake/chain_certs.h"
#include "tests/unit/eas_fixture.h"

/* S/MIME certificates, valid from 2026-11-22 for a hundred years (old_cert: never);
 * low_cert is signed by mid_cert, sub_cert by bob_cert, which is no authority; web_cert
 * is a web server's. */
/* clang-format off */
static const char bob_cert[] =
	"MIIBjzCCATWgAwIBAgIBCjAKBggqhkjOPQQDAjASMRAwDgYDVQQDDAdUZXN0IENBMCAXDT"
	"I2MTEyMjA2MzU0OFoYDzIxMjYxMDI5MDYzNTQ4WjAOMQwwCgYDVQQDDANib2IwWTATBgcq"
	"hkjOPQIBBggqhkjOPQMBBwNCAATfC0f7v8Qje7yeJI0usV1giKX0ah+shTgkjxB+BC2oL7"
	"7JOEJ9hL7rNoZ1jni95571//X/jTs2qLkqBf0RMGREo34wfDAJBgNVHRMEAjAAMBMGA1Ud"
	"JQQMMAoGCCsGAQUFBwMEMBoGA1UdEQQTMBGBD2JvYkBleGFtcGxlLm9yZzAdBgNVHQ4EFg"
	"QU9P0UXfFpZK19OSVkFdZ1TUjAQ4gwHwYDVR0jBBgwFoAUIdMOtMv+WHqWUaKhri5J7J07"
	"XhQwCgYIKoZIzj0EAwIDSAAwRQIhANzoagxbHffnNMjTrYVlPGajoM+Mw0BYsejytX2lu+"
	"PGAiABeC0im4EiR3RE5uKAPaL4lvl3sctQ1bLLBbWLo57GgQ==";

static const char low_cert[] =
	"MIIBjjCCATSgAwIBAgIBCzAKBggqhkjOPQQDAjARMQ8wDQYDVQQDDAZNaWRkbGUwIBcNMj"
	"YxMTIyMDYzNTQ4WhgPMjEyNjEwMjkwNjM1NDhaMA4xDDAKBgNVBAMMA2xvdzBZMBMGByqG"
	"SM49AgEGCCqGSM49AwEHA0IABOXXxUDcfi7NNzaeF/DCQlgHSRdH34Zr/k8MMWZbbXuE+e"
	"N9DlhcPmYHqAs+kGRxBpvH8N3luBHPHn9Ds1Hs2nCjfjB8MAkGA1UdEwQCMAAwEwYDVR0l"
	"BAwwCgYIKwYBBQUHAwQwGgYDVR0RBBMwEYEPbG93QGV4YW1wbGUub3JnMB0GA1UdDgQWBB"
	"ToFvYW9kdVf1gkEzx5TuqZjuOgsTAfBgNVHSMEGDAWgBSCOuPsNOTEqpbfm23RUWFLCBVp"
	"0jAKBggqhkjOPQQDAgNIADBFAiEA2vR0sIFMQUUv3CYuydGzeOgPSk8OKOQGfo0lEmFbYL"
	"ECIBcjrmZX+IEJ017ONvGWfAK7oVnyq6Zw5rDfeTXJLkR5";

static const char mid_cert[] =
	"MIIBdzCCAR2gAwIBAgIBAjAKBggqhkjOPQQDAjASMRAwDgYDVQQDDAdUZXN0IENBMCAXDT"
	"I2MTEyMjA2MzU0OFoYDzIxMjYxMDI5MDYzNTQ4WjARMQ8wDQYDVQQDDAZNaWRkbGUwWTAT"
	"BgcqhkjOPQIBBggqhkjOPQMBBwNCAAQEd1/peizWQddm3m5OeU61Pfska5MEqHeHOBwyv/"
	"cUmOox7CnHdqC2S0dZ43BWcAYZey8JR4u3KgQGnq13AIgmo2MwYTAPBgNVHRMBAf8EBTAD"
	"AQH/MA4GA1UdDwEB/wQEAwIBBjAdBgNVHQ4EFgQUgjrj7DTkxKqW35tt0VFhSwgVadIwHw"
	"YDVR0jBBgwFoAUIdMOtMv+WHqWUaKhri5J7J07XhQwCgYIKoZIzj0EAwIDSAAwRQIhAIeC"
	"gBoiTUXHb7cYrVKJ+5IW2hJUl3/yF8Vkv68uScXCAiBIjO5uzQzxp1Or3wazMTBtSHp0eo"
	"uT5naDGxjFgkp+jA==";

static const char stranger_cert[] =
	"MIIBnDCCAUKgAwIBAgIBDDAKBggqhkjOPQQDAjATMREwDwYDVQQDDAhPdGhlciBDQTAgFw"
	"0yNjExMjIwNjM1NDhaGA8yMTI2MTAyOTA2MzU0OFowEzERMA8GA1UEAwwIc3RyYW5nZXIw"
	"WTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAR2h7P2HuSaxJSVf+AjBgkiGHGH+1EYHOPF7m"
	"+SnJEzDMXs7HlvhDCx5ug+U57flFI+FFeUz3rJd/h6LFcwHXemo4GEMIGBMAkGA1UdEwQC"
	"MAAwEwYDVR0lBAwwCgYIKwYBBQUHAwQwHwYDVR0RBBgwFoEUc3RyYW5nZXJAZXhhbXBsZS"
	"5vcmcwHQYDVR0OBBYEFI8C3xZDpwAtFuPLnlFIc774IuhOMB8GA1UdIwQYMBaAFDQAaBSu"
	"swl9BSX2xBVkwxBh4jfJMAoGCCqGSM49BAMCA0gAMEUCIHHK+G6cu8v7aWKiC/BxGR1+d8"
	"44flUoPWX45/uFypmjAiEA3mGwXrYSArk+O5R8u3vvaLAOq623mTxnjpVgZfbzj4w=";

static const char web_cert[] =
	"MIIBjzCCATWgAwIBAgIBDTAKBggqhkjOPQQDAjASMRAwDgYDVQQDDAdUZXN0IENBMCAXDT"
	"I2MTEyMjA2MzU0OFoYDzIxMjYxMDI5MDYzNTQ4WjAOMQwwCgYDVQQDDAN3ZWIwWTATBgcq"
	"hkjOPQIBBggqhkjOPQMBBwNCAAR8ObZux9PJW7DpQX7QjHjHVeKtT631F1H64Lq9tCNZxj"
	"oREumbH+uWRa1gSWF69ROXavmHGah5B7R5zhOffyIoo34wfDAJBgNVHRMEAjAAMBMGA1Ud"
	"JQQMMAoGCCsGAQUFBwMBMBoGA1UdEQQTMBGBD3dlYkBleGFtcGxlLm9yZzAdBgNVHQ4EFg"
	"QUWxPMVCxPmbs8zw96NYvxV5ng+28wHwYDVR0jBBgwFoAUIdMOtMv+WHqWUaKhri5J7J07"
	"XhQwCgYIKoZIzj0EAwIDSAAwRQIgKbPwPjSbaE258SFTew+9GCI62SeOCUaA/q+3hFc7z3"
	"wCIQCKeHigaoGK8KdcTKhxP149iN0dL5BlTswovp8auqEndg==";

static const char old_cert[] =
	"MIIBjDCCATOgAwIBAgIBEDAKBggqhkjOPQQDAjASMRAwDgYDVQQDDAdUZXN0IENBMB4XDT"
	"I2MTEyMjA2MzU0OFoXDTI2MTEyMTA2MzU0OFowDjEMMAoGA1UEAwwDb2xkMFkwEwYHKoZI"
	"zj0CAQYIKoZIzj0DAQcDQgAELmGrsUfIEmZH05uNX+L7Z3tOZAza2pcrnRMM309SdNTxFB"
	"JNZPYZNPyqeO3L8hmVArIwrvkojd4glCNKHTsqo6N+MHwwCQYDVR0TBAIwADATBgNVHSUE"
	"DDAKBggrBgEFBQcDBDAaBgNVHREEEzARgQ9vbGRAZXhhbXBsZS5vcmcwHQYDVR0OBBYEFD"
	"cRjKnemZI6hmnSpkOvSwc6pDQ4MB8GA1UdIwQYMBaAFCHTDrTL/lh6llGioa4uSeydO14U"
	"MAoGCCqGSM49BAMCA0cAMEQCIEFVPSavfnzQNBSdEHAC+1PXXSr1F0Pg1vkGfL/y1sSmAi"
	"AGLpUwNTTjmbUXXTcMDn77zA4n4WKWqCZc/SXs39jvsg==";

static const char sub_cert[] =
	"MIIBijCCATGgAwIBAgIBDzAKBggqhkjOPQQDAjAOMQwwCgYDVQQDDANib2IwIBcNMjYxMT"
	"IyMDYzNTQ4WhgPMjEyNjEwMjkwNjM1NDhaMA4xDDAKBgNVBAMMA3N1YjBZMBMGByqGSM49"
	"AgEGCCqGSM49AwEHA0IABPniOQjn8SNF6o+5PbTcih4QfplODmlmpVvIObCyenZec18BaW"
	"WRfXsfumCLM1PeEfwXHZIlgHlGEms/ZddlGuSjfjB8MAkGA1UdEwQCMAAwEwYDVR0lBAww"
	"CgYIKwYBBQUHAwQwGgYDVR0RBBMwEYEPc3ViQGV4YW1wbGUub3JnMB0GA1UdDgQWBBRiv6"
	"sUEy8DVLCKRBx/eZfX2RHRcjAfBgNVHSMEGDAWgBT0/RRd8WlkrX05JWQV1nVNSMBDiDAK"
	"BggqhkjOPQQDAgNHADBEAiA85G4XIjftdLaXU740xMT//678BeaQVxCuK7OVuAlV0QIgHD"
	"xjLomG19YgZEPeeCGs7Gu37Q+Ov2TqqD0mL7HyWc8=";

static const char revoked_cert[] =
	"MIIBmTCCAT+gAwIBAgIBDjAKBggqhkjOPQQDAjASMRAwDgYDVQQDDAdUZXN0IENBMCAXDT"
	"I2MTEyMjA2MzU0OFoYDzIxMjYxMDI5MDYzNTQ4WjASMRAwDgYDVQQDDAdyZXZva2VkMFkw"
	"EwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAErKl/clIOYVYQf4QlcnMDfFQKInosoBNrm9llCG"
	"n2/LPL/O/NdXCb1DVTTKM2ASjlepnAqcQ7riVTQOSrJ5JMJ6OBgzCBgDAJBgNVHRMEAjAA"
	"MBMGA1UdJQQMMAoGCCsGAQUFBwMEMB4GA1UdEQQXMBWBE3Jldm9rZWRAZXhhbXBsZS5vcm"
	"cwHQYDVR0OBBYEFATz+692k+vQeRMTEF5EEPyWmeRoMB8GA1UdIwQYMBaAFCHTDrTL/lh6"
	"llGioa4uSeydO14UMAoGCCqGSM49BAMCA0gAMEUCIQCs6QtfG/rfY9bfcoE4uFPKLskGAX"
	"JB9XXM58k6k3+Y4gIgfCFz9sdjgpO3NqBEMZIZVSqrFI8ozJ+b39/yLxVTOGk=";

/* The authority of the others but stranger_cert, and its list, which names revoked_cert. */
static const char ca_pem[] =
	"-----BEGIN CERTIFICATE-----\n"
	"MIIBijCCATGgAwIBAgIUe4uYKZoID0uX/RL8n6ylzeCfiR0wCgYIKoZIzj0EAwIw\n"
	"EjEQMA4GA1UEAwwHVGVzdCBDQTAgFw0yNjExMjIwNjM1NDhaGA8yMTI2MTAyOTA2\n"
	"MzU0OFowEjEQMA4GA1UEAwwHVGVzdCBDQTBZMBMGByqGSM49AgEGCCqGSM49AwEH\n"
	"A0IABAZ1LCLhHP9OgXFQwZdU1Srr1xK5V66lmTnIFwZP4VtVeHT7WWRf7bHQUiLa\n"
	"ZzBAoPuKqlN2LeYxVCGtWtq6hE2jYzBhMB0GA1UdDgQWBBQh0w60y/5YepZRoqGu\n"
	"LknsnTteFDAfBgNVHSMEGDAWgBQh0w60y/5YepZRoqGuLknsnTteFDAPBgNVHRMB\n"
	"Af8EBTADAQH/MA4GA1UdDwEB/wQEAwIBBjAKBggqhkjOPQQDAgNHADBEAiAooUde\n"
	"Za6TR3DZASj8n0VuX0I1f5iasACQN1oqb5jHcwIgFVpsqx4KlbepZsjXlZSbB8ZR\n"
	"jXrrjWXj3pR1k/1t3uU=\n"
	"-----END CERTIFICATE-----\n";
static const char crl_pem[] =
	"-----BEGIN X509 CRL-----\n"
	"MIHBMGkCAQEwCgYIKoZIzj0EAwIwEjEQMA4GA1UEAwwHVGVzdCBDQRcNMjYxMTIy\n"
	"MDYzNTQ5WhgPMjEyNjEwMjkwNjM1NDlaMBQwEgIBDhcNMjYxMTIyMDYzNTQ5WqAO\n"
	"MAwwCgYDVR0UBAMCAQEwCgYIKoZIzj0EAwIDSAAwRQIhAIwK3AuC9t4AeW3B9dMD\n"
	"MSpiV9OP4g8RLNhdXOH4mWwRAiAFI48yCwn3VNlVCSP0xf8SEyq7td9E4j9yj6sA\n"
	"8apCBQ==\n"
	"-----END X509 CRL-----\n";
/* clang-format on */

static uint64_t
add_user(struct eas_fixture *f, const char *address, const char *name)
{
	uint64_t id;

	assert_ok(store_user_add(f->store, span_str(address), span_str(name), SPAN(""),
	                         &id));
	return id;
}

static void
add_object(struct eas_fixture *f, uint64_t user, enum store_role role, int64_t received,
           const char *text)
{
	struct store_actor who = { .protocol = "imap" };
	struct store_item_new item = { .received_ms = received };
	struct store_collection col;
	struct store_content *content;
	struct store_tx *tx;
	uint32_t uid;

	assert_ok(store_content_new(f->store, span_str(text), SPAN(""), &content));
	assert_ok(store_write(f->store, user, &who, &tx));
	assert_ok(store_collection_find_role(tx, role, f->a, &col));
	assert_ok(store_item_add(tx, col.id, content, &item, &uid, NULL));
	assert_ok(store_commit(&tx));
	store_content_free(content);
}

static void
add_event(struct eas_fixture *f, uint64_t user, const char *lines)
{
	add_object(f, user, STORE_ROLE_CALENDAR, INT64_C(4000000000000),
	           arena_printf(f->a,
	                        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\n"
	                        "BEGIN:VEVENT\r\nUID:%p\r\nDTSTAMP:20260101T000000Z\r\n"
	                        "%sEND:VEVENT\r\nEND:VCALENDAR\r\n",
	                        (const void *)lines, lines));
}

#define RESOLVE(to, options)                                                             \
	"<ResolveRecipients xmlns=\"ResolveRecipients\">" to "<Options>" options         \
	"</Options></ResolveRecipients>"
#define TO(t) "<To>" t "</To>"
#define TIMES(from, to)                                                                  \
	"<Availability><StartTime>" from "</StartTime><EndTime>" to                      \
	"</EndTime></Availability>"

static void
names_lead_to_people(void **state)
{
	struct eas_fixture *f = *state;

	add_user(f, "bob@example.org", "Bob Builder");
	add_user(f, "bill@example.org", "Bill Builder");
	add_object(f, f->user, STORE_ROLE_CONTACTS, 0,
	           "BEGIN:VCARD\r\nVERSION:4.0\r\nFN:Zoe Builder\r\nN:Builder;Zoe;;;\r\n"
	           "EMAIL:zoe@example.net\r\nEMAIL:zoe.b@example.com\r\nEND:VCARD\r\n");
	eas_run(f, "ResolveRecipients",
	        RESOLVE(TO("bob") TO("zoe@example.net") TO("nobody") TO("builder"), ""));
	assert_has(f,
	           "<ResolveRecipients><Status>1</Status><Response><To>bob</To>"
	           "<Status>1</Status><RecipientCount>1</RecipientCount><Recipient>"
	           "<Type>1</Type><DisplayName>Bob Builder</DisplayName>"
	           "<EmailAddress>bob@example.org</EmailAddress></Recipient></Response>");
	assert_has(f, "<To>zoe@example.net</To><Status>1</Status>"
	              "<RecipientCount>1</RecipientCount><Recipient><Type>2</Type>"
	              "<DisplayName>Zoe Builder</DisplayName>"
	              "<EmailAddress>zoe@example.net</EmailAddress></Recipient>");
	assert_has(f, "<To>nobody</To><Status>4</Status>"
	              "<RecipientCount>0</RecipientCount></Response>");
	assert_has(f, "<To>builder</To><Status>2</Status>"
	              "<RecipientCount>4</RecipientCount><Recipient>");
	eas_run(f, "ResolveRecipients",
	        RESOLVE(TO("builder"),
	                "<MaxAmbiguousRecipients>2</MaxAmbiguousRecipients>" TIMES(
				"2027-01-04T08:00:00.000Z", "2027-01-04T10:00:00.000Z")));
	assert_has(f, "<Status>3</Status><RecipientCount>4</RecipientCount>");
	assert_int_equal(eas_count(f, "<Recipient>"), 2);
	assert_has_not(f, "<Availability>");
}

static void
a_hidden_user_is_known_by_the_whole_address(void **state)
{
	struct eas_fixture *f = *state;

	add_user(f, "bob@example.org", "Bob Builder");
	assert_ok(store_person_set_hidden(f->store, SPAN("bob@example.org"), true));
	eas_run(f, "ResolveRecipients", RESOLVE(TO("bob"), ""));
	assert_has(f, "<Status>4</Status>");
	eas_run(f, "ResolveRecipients", RESOLVE(TO("Bob@Example.org"), ""));
	assert_has(f, "<EmailAddress>bob@example.org</EmailAddress>");
}

static void
times_come_from_the_calendar(void **state)
{
	struct eas_fixture *f = *state;
	uint64_t bob = add_user(f, "bob@example.org", "Bob");
	uint64_t ann = add_user(f, "ann@example.org", "Ann");

	add_event(f, bob, "DTSTART:20270104T083000Z\r\nDTEND:20270104T091000Z\r\n");
	add_event(f, bob,
	          "DTSTART:20270104T100000Z\r\nDTEND:20270104T103000Z\r\n"
	          "TRANSP:TRANSPARENT\r\n");
	/* Mondays and Tuesdays at 11:00, from the year before. */
	add_event(f, bob,
	          "DTSTART:20260105T110000Z\r\nDTEND:20260105T113000Z\r\n"
	          "RRULE:FREQ=WEEKLY;BYDAY=MO,TU\r\nEXDATE:20270105T110000Z\r\n"
	          "X-MICROSOFT-CDO-BUSYSTATUS:OOF\r\n");
	add_event(f, ann,
	          "DTSTART:20270104T080000Z\r\nDTEND:20270104T083000Z\r\n"
	          "STATUS:TENTATIVE\r\nX-MICROSOFT-CDO-BUSYSTATUS:TENTATIVE\r\n");
	eas_run(f, "ResolveRecipients",
	        RESOLVE(TO("bob@example.org"),
	                TIMES("2027-01-04T08:00:00.000Z", "2027-01-04T12:00:00.000Z")));
	assert_has(f, "<Availability><Status>1</Status>"
	              "<MergedFreeBusy>02200030</MergedFreeBusy></Availability>");
	eas_run(f, "ResolveRecipients",
	        RESOLVE(TO("bob@example.org"),
	                TIMES("2027-01-05T10:45:00.000Z", "2027-01-05T12:00:00.000Z")));
	assert_has(f, "<MergedFreeBusy>000</MergedFreeBusy>");
	/* A list is all of its members. */
	assert_ok(store_alias_add(f->store, SPAN("both@example.org"),
	                          SPAN("bob@example.org")));
	assert_ok(store_alias_add(f->store, SPAN("both@example.org"),
	                          SPAN("ann@example.org")));
	eas_run(f, "ResolveRecipients",
	        RESOLVE(TO("both"),
	                TIMES("2027-01-04T08:00:00.000Z", "2027-01-04T12:00:00.000Z")));
	assert_has(f, "<MergedFreeBusy>12200030</MergedFreeBusy>");
	/* Without an end: a week. */
	eas_run(f, "ResolveRecipients",
	        RESOLVE(TO("ann@example.org"),
	                "<Availability><StartTime>2027-01-04T08:00:00.000Z</StartTime>"
	                "</Availability>"));
	assert_int_equal(strlen(eas_value(f, "MergedFreeBusy", 0)), 7 * 48);
}

#define DAY TIMES("2027-01-04T22:00:00.000Z", "2027-01-05T00:00:00.000Z")

static void
whole_days_are_those_of_the_owner(void **state)
{
	struct eas_fixture *f = *state;
	uint64_t bob = add_user(f, "bob@example.org", "Bob");

	add_event(f, bob,
	          "DTSTART;VALUE=DATE:20270105\r\nDTEND;VALUE=DATE:20270106\r\n"
	          "TRANSP:OPAQUE\r\n");
	/* Nothing tells where bob is. */
	eas_run(f, "ResolveRecipients", RESOLVE(TO("bob@example.org"), DAY));
	assert_has(f, "<MergedFreeBusy>0000</MergedFreeBusy>");
	add_event(f, bob,
	          "DTSTART;TZID=Europe/Berlin:20260601T100000\r\n"
	          "DTEND;TZID=Europe/Berlin:20260601T110000\r\n");
	/* Another's meeting says nothing of him. */
	add_event(f, bob,
	          "DTSTART;TZID=Asia/Tokyo:20260602T100000\r\n"
	          "DTEND;TZID=Asia/Tokyo:20260602T110000\r\n"
	          "ORGANIZER:mailto:boss@example.com\r\n");
	eas_run(f, "ResolveRecipients", RESOLVE(TO("bob@example.org"), DAY));
	assert_has(f, "<MergedFreeBusy>0022</MergedFreeBusy>");
	/* Its last hour, which UTC has not. */
	eas_run(f, "ResolveRecipients",
	        RESOLVE(TO("bob@example.org"),
	                TIMES("2027-01-05T22:00:00.000Z", "2027-01-06T00:00:00.000Z")));
	assert_has(f, "<MergedFreeBusy>2200</MergedFreeBusy>");
	add_event(f, bob, "DTSTART:20270107T090000\r\nDTEND:20270107T093000\r\n");
	eas_run(f, "ResolveRecipients",
	        RESOLVE(TO("bob@example.org"),
	                TIMES("2027-01-07T08:00:00.000Z", "2027-01-07T10:00:00.000Z")));
	assert_has(f, "<MergedFreeBusy>2000</MergedFreeBusy>");
	/* A day that says its zone itself. */
	add_event(f, bob,
	          "DTSTART;VALUE=DATE:20270110\r\nDTEND;VALUE=DATE:20270111\r\n"
	          "X-GODWIT-TZID:Asia/Tokyo\r\n");
	eas_run(f, "ResolveRecipients",
	        RESOLVE(TO("bob@example.org"),
	                TIMES("2027-01-10T14:00:00.000Z", "2027-01-10T16:00:00.000Z")));
	assert_has(f, "<MergedFreeBusy>2200</MergedFreeBusy>");
}

static void
times_that_cannot_be_told_say_so(void **state)
{
	struct eas_fixture *f = *state;
	char address[40];

	add_object(f, f->user, STORE_ROLE_CONTACTS, 0,
	           "BEGIN:VCARD\r\nVERSION:4.0\r\nFN:Zoe\r\nEMAIL:zoe@example.net\r\n"
	           "END:VCARD\r\n");
	eas_run(f, "ResolveRecipients",
	        RESOLVE(TO("zoe"),
	                TIMES("2027-01-04T08:00:00.000Z", "2027-01-04T12:00:00.000Z")));
	assert_has(f, "<Availability><Status>163</Status></Availability>");
	for (int i = 0; i < 21; i++) {
		snprintf(address, sizeof(address), "m%d@example.org", i);
		assert_ok(store_alias_add(f->store, SPAN("many@example.org"),
		                          span_str(address)));
	}
	eas_run(f, "ResolveRecipients",
	        RESOLVE(TO("many"),
	                TIMES("2027-01-04T08:00:00.000Z", "2027-01-04T12:00:00.000Z")));
	assert_has(f, "<Availability><Status>161</Status></Availability>");
}

static void
malformed_requests_get_status_5(void **state)
{
	struct eas_fixture *f = *state;
	static const char *const requests[] = {
		RESOLVE("", ""),
		RESOLVE(TO(""), ""),
		RESOLVE(TO("a"), TIMES("x", "2027-01-04T12:00:00.000Z")),
		RESOLVE(TO("a"), TIMES("2027-01-04T12:00:00.000Z", "soon")),
		RESOLVE(TO("a"),
		        TIMES("2027-01-04T12:00:00.000Z", "2027-01-04T11:00:00.000Z")),
		RESOLVE(TO("a"),
		        TIMES("2027-01-04T12:00:00.000Z", "2027-03-04T11:00:00.000Z")),
		RESOLVE(TO("a"), "<CertificateRetrieval>4</CertificateRetrieval>"),
		RESOLVE(TO("a"), "<MaxCertificates>10000</MaxCertificates>"),
	};
	AUTO_DONE(buf) struct buf many = BUF_INIT(0);

	for (size_t i = 0; i < ARRAY_LEN(requests); i++) {
		eas_run(f, "ResolveRecipients", requests[i]);
		assert_string_equal(
			f->xml,
			"<ResolveRecipients><Status>5</Status></ResolveRecipients>");
	}
	for (int i = 0; i <= 1000; i++)
		buf_add_str(&many, TO("a"));
	eas_runf(f, "ResolveRecipients", RESOLVE("%.*s", ""), SPAN_FMT(buf_span(&many)));
	assert_has(f, "<Status>5</Status>");
}

static struct span
der_of(struct eas_fixture *f, const char *b64)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);

	assert_ok(base64_decode(span_str(b64), &b));
	return arena_span(f->a, buf_span(&b));
}

static void
certificates_are_those_of_directory_and_contacts(void **state)
{
	struct eas_fixture *f = *state;

	clock_fake_advance(10 * EAS_DAY);
	add_user(f, "bob@example.org", "Bob");
	add_user(f, "ann@example.org", "Ann");
	assert_ok(store_person_add_certificate(f->store, SPAN("bob@example.org"),
	                                       der_of(f, old_cert)));
	assert_ok(store_person_add_certificate(f->store, SPAN("bob@example.org"),
	                                       der_of(f, bob_cert)));
	add_object(f, f->user, STORE_ROLE_CONTACTS, 0,
	           arena_printf(f->a,
	                        "BEGIN:VCARD\r\nVERSION:4.0\r\nFN:Zoe\r\n"
	                        "EMAIL:zoe@example.net\r\n"
	                        "KEY:data:application/pkix-cert;base64,%s\r\n"
	                        "END:VCARD\r\n",
	                        low_cert));
	eas_run(f, "ResolveRecipients",
	        RESOLVE(TO("bob@example.org") TO("ann@example.org") TO("zoe"),
	                "<CertificateRetrieval>2</CertificateRetrieval>"));
	assert_has(f, arena_printf(f->a,
	                           "<Certificates><Status>1</Status>"
	                           "<CertificateCount>1</CertificateCount>"
	                           "<RecipientCount>1</RecipientCount>"
	                           "<Certificate>%s</Certificate></Certificates>",
	                           bob_cert));
	assert_has(f, "<Certificates><Status>7</Status>"
	              "<CertificateCount>0</CertificateCount></Certificates>");
	assert_has(f, arena_printf(f->a, "<Certificate>%s</Certificate>", low_cert));
	eas_run(f, "ResolveRecipients",
	        RESOLVE(TO("bob@example.org") TO("zoe"),
	                "<CertificateRetrieval>2</CertificateRetrieval>"
	                "<MaxCertificates>1</MaxCertificates>"));
	assert_has(f, "<Certificates><Status>8</Status>"
	              "<CertificateCount>1</CertificateCount>"
	              "<RecipientCount>1</RecipientCount></Certificates>");
	eas_run(f, "ResolveRecipients", RESOLVE(TO("bob@example.org"), ""));
	assert_has_not(f, "<Certificates>");
}

static void
times_of_more_than_100_people_are_too_many(void **state)
{
	struct eas_fixture *f = *state;
	AUTO_DONE(buf) struct buf names = BUF_INIT(0);
	const char *all, *but_one;

	add_user(f, "bob@example.org", "Bob");
	for (int i = 0; i < 101; i++)
		buf_add_str(&names, TO("bob@example.org"));
	buf_add_char(&names, '\0');
	all = names.p;
	but_one = names.p + sizeof(TO("bob@example.org")) - 1;
	eas_runf(f, "ResolveRecipients",
	         RESOLVE("%s",
	                 TIMES("2027-01-04T08:00:00.000Z", "2027-01-04T09:00:00.000Z")),
	         all);
	assert_has(f, "<Availability><Status>160</Status></Availability>");
	assert_has_not(f, "MergedFreeBusy");
	eas_runf(f, "ResolveRecipients",
	         RESOLVE("%s",
	                 TIMES("2027-01-04T08:00:00.000Z", "2027-01-04T09:00:00.000Z")),
	         but_one);
	assert_has(f, "<MergedFreeBusy>00</MergedFreeBusy>");
}

/* MS-ASCMD 2.2.3.185.2 */
static void
a_name_has_up_to_256_characters(void **state)
{
	struct eas_fixture *f = *state;
	AUTO_DONE(buf) struct buf name = BUF_INIT(0);

	for (int i = 0; i < 256; i++)
		buf_add_str(&name, "\xc3\xa4");
	buf_add_char(&name, '\0');
	eas_runf(f, "ResolveRecipients", RESOLVE(TO("%s"), ""), name.p);
	assert_has(f, "<ResolveRecipients><Status>1</Status><Response>");
	assert_has(f, "<Status>4</Status>");
	eas_runf(f, "ResolveRecipients", RESOLVE(TO("%sx"), ""), name.p);
	assert_string_equal(f->xml,
	                    "<ResolveRecipients><Status>5</Status></ResolveRecipients>");
}

static void
pictures_come_within_their_limits(void **state)
{
	struct eas_fixture *f = *state;
	static const char photo[] = "\xff\xd8\xff\xe0 a photo";

	add_user(f, "bob@example.org", "Bob");
	add_user(f, "ann@example.org", "Ann");
	assert_ok(store_person_set_photo(f->store, SPAN("bob@example.org"),
	                                 span_of(photo, sizeof(photo) - 1)));
	assert_rc(
		store_person_set_photo(f->store, SPAN("bob@example.org"), SPAN("GIF89a")),
		RC_INVALID);
	eas_run(f, "ResolveRecipients",
	        RESOLVE(TO("bob@example.org") TO("ann@example.org"), "<Picture/>"));
	assert_has(f,
	           "<Picture><Status>1</Status><Data>/9j/4CBhIHBob3Rv</Data></Picture>");
	assert_has(f, "<Picture><Status>173</Status></Picture>");
	eas_run(f, "ResolveRecipients",
	        RESOLVE(TO("bob@example.org"),
	                "<Picture><MaxSize>3</MaxSize></Picture>"));
	assert_has(f, "<Picture><Status>174</Status></Picture>");
	eas_run(f, "ResolveRecipients",
	        RESOLVE(TO("bob@example.org") TO("bob@example.org"),
	                "<Picture><MaxPictures>1</MaxPictures></Picture>"));
	assert_has(f, "<Picture><Status>175</Status></Picture>");
}

/* -- ValidateCert -- */

static void
believe_in(struct eas_fixture *f, const char *authority, const char *lists)
{
	const char *path = arena_printf(f->a, "%s/ca.pem", f->dir);
	FILE *out = fopen(path, "w");
	struct err err = { "" };

	assert_non_null(out);
	fputs(authority, out);
	fputs(lists, out);
	assert_int_equal(fclose(out), 0);
	cert_roots_free(TAKE(f->eas->roots));
	assert_ok(cert_roots_new(path, &f->eas->roots, &err));
	assert_int_equal(unlink(path), 0);
}

static void
believe(struct eas_fixture *f, bool with_list)
{
	believe_in(f, ca_pem, with_list ? crl_pem : "");
}

#define CERT "<Certificate>%s</Certificate>"
#define VALIDATE(chain, certs, more)                                                     \
	"<ValidateCert xmlns=\"ValidateCert\"><CertificateChain>" chain                  \
	"</CertificateChain><Certificates>" certs "</Certificates>" more                 \
	"</ValidateCert>"

static void
certificates_are_judged_one_by_one(void **state)
{
	struct eas_fixture *f = *state;

	clock_fake_advance(10 * EAS_DAY);
	believe(f, false);
	eas_runf(f, "ValidateCert",
	         VALIDATE(CERT,
	                  CERT CERT CERT CERT CERT CERT
	                  "<Certificate>nonsense</Certificate>",
	                  ""),
	         mid_cert, bob_cert, low_cert, stranger_cert, web_cert, old_cert,
	         revoked_cert);
	assert_has(f, "<ValidateCert><Status>1</Status>"
	              "<Certificate><Status>1</Status></Certificate>"
	              "<Certificate><Status>1</Status></Certificate>"
	              "<Certificate><Status>4</Status></Certificate>"
	              "<Certificate><Status>6</Status></Certificate>"
	              "<Certificate><Status>7</Status></Certificate>"
	              "<Certificate><Status>1</Status></Certificate>"
	              "<Certificate><Status>10</Status></Certificate></ValidateCert>");
	/* The chain lacks a link; and one that is no authority. */
	eas_runf(f, "ValidateCert", VALIDATE("", CERT, ""), low_cert);
	assert_has(f, "<Certificate><Status>4</Status></Certificate>");
	eas_runf(f, "ValidateCert", VALIDATE(CERT, CERT, ""), bob_cert, sub_cert);
	assert_has_not(f, "<Certificate><Status>1</Status></Certificate>");
}

static void
revocation_counts_when_asked_for(void **state)
{
	struct eas_fixture *f = *state;

	clock_fake_advance(10 * EAS_DAY);
	believe(f, false);
	eas_runf(f, "ValidateCert", VALIDATE("", CERT, "<CheckCRL>1</CheckCRL>"),
	         bob_cert);
	assert_has(f, "<Certificate><Status>16</Status></Certificate>");
	believe(f, true);
	eas_runf(f, "ValidateCert", VALIDATE("", CERT CERT, "<CheckCRL>1</CheckCRL>"),
	         bob_cert, revoked_cert);
	assert_has(f, "<Certificate><Status>1</Status></Certificate>"
	              "<Certificate><Status>13</Status></Certificate>");
}

static void
a_signature_that_is_not_the_authoritys_gets_status_3(void **state)
{
	struct eas_fixture *f = *state;
	AUTO_DONE(buf) struct buf der = BUF_INIT(0);
	AUTO_DONE(buf) struct buf text = BUF_INIT(0);

	clock_fake_advance(10 * EAS_DAY);
	believe(f, false);
	assert_ok(base64_decode(span_str(bob_cert), &der));
	der.p[buf_len(&der) - 1] ^= 1; /* the signature stands last */
	base64_encode(buf_span(&der), &text);
	buf_add_char(&text, '\0');
	eas_runf(f, "ValidateCert", VALIDATE("", CERT CERT, ""), bob_cert, text.p);
	assert_has(f, "<Certificate><Status>1</Status></Certificate>"
	              "<Certificate><Status>3</Status></Certificate>");
}

/* MS-ASCMD 2.2.3.177.18 */
static void
each_fault_of_a_chain_has_its_status(void **state)
{
	struct eas_fixture *f = *state;
	const struct {
		const char *leaf;
		const char *chain[2];
		const char *status;
	} cases[] = {
		{ gone_leaf, { gone_mid, gone_mid }, "1" },
		{ late_leaf, { late_mid, late_mid }, "8" },
		{ critical_leaf, { late_mid, late_mid }, "9" },
		{ deep_leaf, { deep_mid, short_mid }, "11" },
		{ names_leaf, { names_mid, names_mid }, "12" },
		{ gone_leaf, { "AAAA", gone_mid }, "5" },
	};

	believe_in(f, chain_pem, "");
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		eas_runf(f, "ValidateCert", VALIDATE(CERT CERT, CERT, ""),
		         cases[i].chain[0], cases[i].chain[1], cases[i].leaf);
		if (strcmp(eas_value(f, "Status", 1), cases[i].status) != 0)
			fail_msg("case %zu: %s", i, f->xml);
	}
	believe_in(f, chain_pem, chain_lists);
	eas_runf(f, "ValidateCert", VALIDATE(CERT, CERT, "<CheckCRL>1</CheckCRL>"),
	         gone_mid, gone_leaf);
	assert_string_equal(eas_value(f, "Status", 1), "15");
}

static void
without_authorities_nothing_is_judged(void **state)
{
	struct eas_fixture *f = *state;

	cert_roots_free(TAKE(f->eas->roots));
	eas_runf(f, "ValidateCert", VALIDATE("", CERT, ""), bob_cert);
	assert_string_equal(f->xml, "<ValidateCert><Status>17</Status></ValidateCert>");
}

static void
malformed_validations_get_status_2(void **state)
{
	struct eas_fixture *f = *state;
	AUTO_DONE(buf) struct buf many = BUF_INIT(0);

	/* MS-ASCMD 3.1.5.10: up to 100 */
	for (int i = 0; i < 101; i++)
		buf_add_str(&many, "<Certificate>AAAA</Certificate>");
	buf_add_char(&many, '\0');
	eas_runf(f, "ValidateCert", VALIDATE("", "%s", ""), many.p);
	assert_string_equal(f->xml, "<ValidateCert><Status>2</Status></ValidateCert>");
	eas_runf(f, "ValidateCert", VALIDATE("", "%s", ""),
	         many.p + sizeof("<Certificate>AAAA</Certificate>") - 1);
	assert_int_equal(eas_count(f, "<Certificate><Status>"), 100);

	eas_run(f, "ValidateCert", VALIDATE("", "", ""));
	assert_string_equal(f->xml, "<ValidateCert><Status>2</Status></ValidateCert>");
	eas_run(f, "ValidateCert",
	        VALIDATE("", "<Certificate>x</Certificate>", "<CheckCRL>7</CheckCRL>"));
	assert_string_equal(f->xml, "<ValidateCert><Status>2</Status></ValidateCert>");
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, eas_setup, eas_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(names_lead_to_people),
		TEST(a_hidden_user_is_known_by_the_whole_address),
		TEST(times_come_from_the_calendar),
		TEST(whole_days_are_those_of_the_owner),
		TEST(times_that_cannot_be_told_say_so),
		TEST(malformed_requests_get_status_5),
		TEST(certificates_are_those_of_directory_and_contacts),
		TEST(times_of_more_than_100_people_are_too_many),
		TEST(a_name_has_up_to_256_characters),
		TEST(pictures_come_within_their_limits),
		TEST(certificates_are_judged_one_by_one),
		TEST(revocation_counts_when_asked_for),
		TEST(a_signature_that_is_not_the_authoritys_gets_status_3),
		TEST(each_fault_of_a_chain_has_its_status),
		TEST(without_authorities_nothing_is_judged),
		TEST(malformed_validations_get_status_2),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
