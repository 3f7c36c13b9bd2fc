/* SPDX-License-Identifier: ISC
 *
 * test_eas_items.c - bodies in the form asked for, attachments, ranges, parts.
 */
#include "store/store_deliver.h"
#include "tests/unit/eas_fixture.h"

#define NOW EAS_NOW

static const char mixed[] =
	"From: =?UTF-8?Q?J=C3=BCrgen?= <j@example.net>\r\n"
	"To: alice@example.org, \"Doe, Jane\" <jane@example.org>\r\nCc: c@example.org\r\n"
	"Reply-To: r@example.net\r\nSubject: Re: =?ISO-8859-1?Q?Gr=FC=DFe?=\r\n"
	"Message-ID: <1@example.net>\r\nIn-Reply-To: <0@example.net>\r\nImportance: high\r\n"
	"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
	"--b\r\nContent-Type: multipart/alternative; boundary=a\r\n\r\n"
	"--a\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nplain text of ten words or so\r\n"
	"--a\r\nContent-Type: text/html; charset=iso-8859-1\r\n"
	"Content-Transfer-Encoding: quoted-printable\r\n\r\n<p>html <b>text</b> =FC</p>\r\n"
	"--a--\r\n"
	"--b\r\nContent-Type: application/octet-stream; name=data.bin\r\n"
	"Content-Transfer-Encoding: base64\r\nContent-Disposition: attachment\r\n\r\n"
	"AAECAwQFBgcICQ==\r\n"
	"--b\r\nContent-Type: image/png\r\nContent-ID: <img@x>\r\n"
	"Content-Disposition: inline\r\nContent-Transfer-Encoding: base64\r\n\r\niVBORw==\r\n"
	"--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: inner\r\n\r\nhello\r\n"
	"--b--\r\n";

static uint32_t
add_mixed(struct eas_fixture *f)
{
	return eas_mail_raw(f, f->inbox, NOW, span_str(mixed));
}

/* The whole folder with these Options, first key and items. */
static void
sync_with(struct eas_fixture *f, const char *options)
{
	eas_sync(f, f->inbox, "0", arena_printf(f->a, "<Options>%s</Options>", options));
	eas_sync(f, f->inbox, eas_key(f), "");
	assert_int_equal(eas_count(f, "<Add>"), 1);
}

#define PREF(type, more)                                                                 \
	"<BodyPreference xmlns=\"AirSyncBase\"><Type>" type "</Type>" more               \
	"</BodyPreference>"

static void
envelope_is_decoded(void **state)
{
	struct eas_fixture *f = *state;

	add_mixed(f);
	sync_with(f, PREF("1", ""));
	assert_has(f, "<From>Jürgen &lt;j@example.net&gt;</From>");
	assert_has(f, "<Subject>Re: Grüße</Subject>");
	assert_has(f, "<ThreadTopic>Grüße</ThreadTopic>");
	assert_has(f, "<DisplayTo>alice@example.org;Doe, Jane</DisplayTo>");
	assert_has(f, "<Importance>2</Importance>");
	assert_has(f, "<ReplyTo>r@example.net</ReplyTo>");
	assert_has(f, "<DateReceived>2026-11-21T22:26:40.000Z</DateReceived>");
	assert_has(f, "<MessageClass>IPM.Note</MessageClass>");
	assert_has(f, "<NativeBodyType>2</NativeBodyType>");
	assert_has(f, "<ConversationId encoding=\"base64\">");
	assert_has(f, "<IsDraft>0</IsDraft>");
}

static void
body_comes_in_the_type_asked_for(void **state)
{
	struct eas_fixture *f = *state;

	add_mixed(f);
	sync_with(f, PREF("1", ""));
	assert_has(f, "<Body><Type>1</Type>");
	assert_has(f, "<Data>plain text of ten words or so</Data>");
	sync_with(f, PREF("2", ""));
	assert_has(f, "<Body><Type>2</Type>");
	assert_has(f, "<Data>&lt;p&gt;html &lt;b&gt;text&lt;/b&gt; ü&lt;/p&gt;</Data>");
	/* The native type wins over the order of the preferences. */
	sync_with(f, PREF("1", "") PREF("2", ""));
	assert_has(f, "<Body><Type>2</Type>");
	sync_with(f, PREF("3", "") PREF("1", ""));
	assert_has(f, "<Body><Type>1</Type>");
	sync_with(f, "");
	assert_has(f, "<Body><Type>1</Type>");
	sync_with(f, "<MIMESupport>2</MIMESupport>" PREF("1", "") PREF("4", ""));
	assert_has(f, "<Body><Type>4</Type>");
	sync_with(f, "<MIMESupport>1</MIMESupport>" PREF("1", "") PREF("4", ""));
	assert_has(f, "<Body><Type>1</Type>");
	sync_with(f, "<MIMESupport>0</MIMESupport>" PREF("1", "") PREF("4", ""));
	assert_has(f, "<Body><Type>1</Type>");
}

static void
truncation_cuts_between_characters_and_says_so(void **state)
{
	struct eas_fixture *f = *state;

	eas_mail_raw(f, f->inbox, NOW,
	             SPAN("Subject: x\r\nContent-Type: text/plain; charset=utf-8\r\n"
	                  "Content-Transfer-Encoding: 8bit\r\n\r\nüüüüü\r\n"));
	sync_with(f, PREF("1", "<TruncationSize>5</TruncationSize>"));
	assert_has(f, "<EstimatedDataSize>12</EstimatedDataSize><Truncated>1</Truncated>"
	              "<Data>üü</Data>");
	sync_with(f, PREF("1", "<TruncationSize>12</TruncationSize>"));
	assert_has_not(f, "<Truncated>");
	sync_with(f, PREF("1", "<TruncationSize>0</TruncationSize>"));
	assert_has(f, "<Truncated>1</Truncated></Body>");
	sync_with(f, PREF("1",
	                  "<TruncationSize>5</TruncationSize><AllOrNone>1</AllOrNone>"));
	assert_has(f, "<Truncated>1</Truncated></Body>");
	sync_with(f, PREF("1", "<AllOrNone>1</AllOrNone>"));
	assert_has(f, "<Data>üüüüü");
	sync_with(f, PREF("4", "<TruncationSize>10</TruncationSize>"));
	assert_has(f, "<Truncated>1</Truncated><Data>Subject: x</Data>");
	sync_with(f,
	          "<MIMESupport>2</MIMESupport><MIMETruncation>0</MIMETruncation>" PREF(
			  "4", ""));
	assert_has(f, "<Type>4</Type>");
	assert_has(f, "<Truncated>1</Truncated></Body>");
}

static void
all_or_none_falls_back_to_a_type_that_fits(void **state)
{
	struct eas_fixture *f = *state;

	add_mixed(f);
	sync_with(f,
	          PREF("2", "<TruncationSize>5</TruncationSize><AllOrNone>1</AllOrNone>")
	                  PREF("1", "<TruncationSize>5</TruncationSize>"));
	assert_has(f, "<Type>1</Type>");
	assert_has(f, "<Truncated>1</Truncated><Data>plain</Data>");
}

static void
preview_is_the_beginning_of_the_text(void **state)
{
	struct eas_fixture *f = *state;

	add_mixed(f);
	sync_with(f,
	          PREF("2", "<TruncationSize>0</TruncationSize><Preview>10</Preview>"));
	assert_has(f, "<Preview>plain text</Preview>");
	f->version = 121;
	sync_with(f, PREF("2", "<Preview>10</Preview>"));
	assert_has_not(f, "<Preview>");
}

static void
html_and_text_are_made_of_one_another(void **state)
{
	struct eas_fixture *f = *state;

	eas_mail_raw(f, f->inbox, NOW, SPAN("Subject: x\r\n\r\na < b\r\n"));
	sync_with(f, PREF("2", ""));
	assert_has(f, "<NativeBodyType>1</NativeBodyType>");
	assert_has(f, "a &amp;lt; b");
	eas_expunge(f, f->inbox, 1);
	eas_mail_raw(
		f, f->inbox, NOW,
		SPAN("Subject: x\r\nContent-Type: text/html\r\n\r\n<p>one</p><p>two</p>\r\n"));
	sync_with(f, PREF("1", ""));
	assert_has(f, "<Type>1</Type>");
	assert_has(f, "one");
	assert_has_not(f, "&lt;p&gt;");
}

static void
attachments_are_listed_and_fetched(void **state)
{
	struct eas_fixture *f = *state;
	const char *ref;

	add_mixed(f);
	sync_with(f, PREF("1", ""));
	assert_int_equal(eas_count(f, "<Attachment>"), 3);
	assert_has(f, "<DisplayName>data.bin</DisplayName>");
	assert_has(f, "<ContentId>img@x</ContentId><IsInline>1</IsInline>");
	assert_has(f, "<DisplayName>inner.eml</DisplayName>");
	assert_has(f, "<Method>5</Method>");
	ref = eas_value(f, "FileReference", 0);
	eas_runf(
		f, "ItemOperations",
		"<ItemOperations xmlns=\"ItemOperations\"><Fetch><Store>Mailbox</Store>"
		"<FileReference xmlns=\"AirSyncBase\">%s</FileReference></Fetch></ItemOperations>",
		ref);
	assert_has(f, "<Status>1</Status><Response><Fetch><Status>1</Status>");
	assert_has(f, "<ContentType>application/octet-stream</ContentType>"
	              "<Data>AAECAwQFBgcICQ==</Data>");
	assert_has_not(f, "<Range>"); /* not asked for */
	eas_runf(f, "ItemOperations",
	         "<ItemOperations xmlns=\"ItemOperations\"><Fetch><Store>Mailbox</Store>"
	         "<FileReference xmlns=\"AirSyncBase\">%s</FileReference>"
	         "<Options><Range>2-4</Range></Options></Fetch></ItemOperations>",
	         ref);
	assert_has(f, "<Range>2-4</Range><Total>10</Total><Data>AgME</Data>");
	eas_runf(f, "ItemOperations",
	         "<ItemOperations xmlns=\"ItemOperations\"><Fetch><Store>Mailbox</Store>"
	         "<FileReference xmlns=\"AirSyncBase\">%s</FileReference>"
	         "<Options><Range>8-99</Range></Options></Fetch></ItemOperations>",
	         ref);
	assert_has(f, "<Range>8-9</Range><Total>10</Total><Data>CAk=</Data>");
	eas_runf(f, "ItemOperations",
	         "<ItemOperations xmlns=\"ItemOperations\"><Fetch><Store>Mailbox</Store>"
	         "<FileReference xmlns=\"AirSyncBase\">%s</FileReference>"
	         "<Options><Range>10-11</Range></Options></Fetch></ItemOperations>",
	         ref);
	assert_has(f, "<Fetch><Status>8</Status>");
}

static void
fetches_that_cannot_be_get_their_status(void **state)
{
	struct eas_fixture *f = *state;
	uint32_t uid = add_mixed(f);

	eas_run(f, "ItemOperations",
	        "<ItemOperations xmlns=\"ItemOperations\">"
	        "<Fetch><Store>DocumentLibrary</Store></Fetch>"
	        "<Fetch><Store>Mailbox</Store><FileReference xmlns=\"AirSyncBase\">1:1:99"
	        "</FileReference></Fetch>"
	        "<Fetch><Store>Mailbox</Store><FileReference xmlns=\"AirSyncBase\">x"
	        "</FileReference></Fetch>"
	        "<Fetch><Store>Mailbox</Store><CollectionId xmlns=\"AirSync\">1</CollectionId>"
	        "<ServerId xmlns=\"AirSync\">1:99</ServerId></Fetch>"
	        "<Move><ConversationId encoding=\"base64\">AAE=</ConversationId></Move>"
	        "</ItemOperations>");
	assert_string_equal(eas_value(f, "Status", 1), "9");
	assert_string_equal(eas_value(f, "Status", 2), "15");
	assert_string_equal(eas_value(f, "Status", 3), "15");
	assert_string_equal(eas_value(f, "Status", 4), "6");
	assert_string_equal(eas_value(f, "Status", 5), "155");
	eas_runf(f, "ItemOperations",
	         "<ItemOperations xmlns=\"ItemOperations\"><Fetch><Store>Mailbox</Store>"
	         "<ServerId xmlns=\"AirSync\">%u:%u</ServerId>"
	         "<Options><Range>9-3</Range></Options></Fetch></ItemOperations>",
	         f->inbox, uid);
	assert_has(f, "<Fetch><Status>8</Status>");
	eas_run(f, "ItemOperations", "<ItemOperations xmlns=\"ItemOperations\"/>");
	assert_string_equal(f->xml,
	                    "<ItemOperations><Status>2</Status></ItemOperations>");
}

static void
requests_that_break_the_schema_get_status_2_as_a_whole(void **state)
{
	static const char *const wrong[] = {
		"<Fetch><Store>Mailbox</Store><ServerId xmlns=\"AirSync\">2:1</ServerId>"
		"<Options><Range></Range></Options></Fetch>",
		"<Fetch><Store>Mailbox</Store><ServerId xmlns=\"AirSync\">2:1</ServerId>"
		"<Options><Range>1-x</Range></Options></Fetch>",
		"<Fetch><Store>Mailbox</Store><ServerId xmlns=\"AirSync\">2:1</ServerId>"
		"<Options><DeleteSubFolders/></Options></Fetch>",
		"<EmptyFolderContents><CollectionId xmlns=\"AirSync\">4</CollectionId>"
		"<Options><MoveAlways/></Options></EmptyFolderContents>",
		"<Fetch><Store>Mailbox</Store>"
		"<FileReference xmlns=\"AirSyncBase\">2:1:3</FileReference>"
		"<FileReference xmlns=\"AirSyncBase\">2:1:4</FileReference></Fetch>",
	};
	struct eas_fixture *f = *state;

	eas_mail(f, f->trash, EAS_NOW, "stays");
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		/* What stands beside it is not done either. */
		eas_runf(f, "ItemOperations",
		         "<ItemOperations xmlns=\"ItemOperations\"><EmptyFolderContents>"
		         "<CollectionId xmlns=\"AirSync\">%u</CollectionId>"
		         "</EmptyFolderContents>%s</ItemOperations>",
		         f->trash, wrong[i]);
		if (strcmp(f->xml, "<ItemOperations><Status>2</Status></ItemOperations>"))
			fail_msg("%s: %s", wrong[i], f->xml);
	}
	assert_int_equal(eas_exists(f, f->trash), 1);
}

/* Three of 10 bytes and more where 15 are too many: the third has to be asked for again.
 */
static void
more_than_the_server_sends_at_once_gets_status_11(void **state)
{
	struct eas_fixture *f = *state;
	uint32_t uid = add_mixed(f);
	const char *fetch = arena_printf(f->a,
	                                 "<Fetch><Store>Mailbox</Store><ServerId "
	                                 "xmlns=\"AirSync\">%u:%u</ServerId></Fetch>",
	                                 f->inbox, uid);

	f->eas->own.response_max = 1;
	eas_runf(f, "ItemOperations",
	         "<ItemOperations xmlns=\"ItemOperations\">%s%s</ItemOperations>", fetch,
	         fetch);
	assert_string_equal(eas_value(f, "Status", 1), "1");
	assert_has(f, "<Fetch><Status>11</Status><ServerId>");
	eas_runf(f, "ItemOperations",
	         "<ItemOperations xmlns=\"ItemOperations\">%s</ItemOperations>", fetch);
	assert_has_not(f, "<Status>11</Status>");
}

#define SCHEMA_ASK                                                                       \
	"<ItemOperations xmlns=\"ItemOperations\"><Fetch><Store>Mailbox"                 \
	"</Store><CollectionId xmlns=\"AirSync\">%u</CollectionId>"                      \
	"<ServerId xmlns=\"AirSync\">%u:%u</ServerId><Options><Schema>%s"                \
	"</Schema></Options></Fetch></ItemOperations>"

static void
schema_leaves_out_what_is_not_wanted(void **state)
{
	struct eas_fixture *f = *state;
	uint32_t uid = add_mixed(f);

	eas_runf(f, "ItemOperations", SCHEMA_ASK, f->inbox, f->inbox, uid,
	         "<Subject xmlns=\"Email\"/><From xmlns=\"Email\"/>");
	assert_has(f, "<Class>Email</Class><Properties><From>");
	assert_has(f, "<Subject>Re: Grüße</Subject></Properties>");
	assert_has_not(f, "<Body>");
	eas_runf(f, "ItemOperations", SCHEMA_ASK, f->inbox, f->inbox, uid,
	         "<Body xmlns=\"AirSyncBase\"/>");
	assert_has(f, "<Properties><Body><Type>");
	assert_has_not(f, "<Subject>");
	f->multipart = true;
	eas_runf(f, "ItemOperations", SCHEMA_ASK, f->inbox, f->inbox, uid,
	         "<Subject xmlns=\"Email\"/>");
	/* No part comes for a body that nobody wants. */
	assert_int_equal(f->body.p[0], 1);
}

static const char quoting[] =
	"From: b@example.net\r\nSubject: Re: q\r\nMIME-Version: 1.0\r\n"
	"Content-Type: text/html\r\n\r\n"
	"<p>My answer</p><div class=\"gmail_quote\"><blockquote>long ago</blockquote></div>";

#define PART(type, more)                                                                 \
	"<GetChanges/><Options><BodyPartPreference xmlns=\"AirSyncBase\"><Type>" type    \
	"</Type>" more "</BodyPartPreference></Options>"

static void
fetch_part(struct eas_fixture *f, const char *type)
{
	eas_runf(
		f, "ItemOperations",
		"<ItemOperations xmlns=\"ItemOperations\"><Fetch><Store>Mailbox</Store>"
		"<ServerId xmlns=\"AirSync\">%u:1</ServerId><Options><BodyPartPreference "
		"xmlns=\"AirSyncBase\"><Type>%s</Type></BodyPartPreference></Options>"
		"</Fetch></ItemOperations>",
		f->inbox, type);
}

static void
body_part_is_what_a_message_adds(void **state)
{
	struct eas_fixture *f = *state;
	const char *key;

	f->version = 141;
	eas_mail_raw(f, f->inbox, EAS_NOW, span_of(quoting, sizeof(quoting) - 1));
	eas_sync(f, f->inbox, "0", "");
	key = arena_strdup(f->a, eas_key(f));
	eas_sync(f, f->inbox, key, PART("2", "<Preview>5</Preview>"));
	assert_has(f, "<BodyPart><Status>1</Status><Type>2</Type><EstimatedDataSize>16"
	              "</EstimatedDataSize><Data>&lt;p&gt;My answer&lt;/p&gt;</Data>"
	              "<Preview>My an</Preview></BodyPart>");
	eas_sync(f, f->inbox, key, PART("2", "<TruncationSize>5</TruncationSize>"));
	assert_has(f, "<Truncated>1</Truncated><Data>&lt;p&gt;My</Data></BodyPart>");
	assert_has_not(f, "<Body>"); /* who asks for the part alone gets it alone */
	eas_sync(f, f->inbox, key,
	         PART("2", "<TruncationSize>5</TruncationSize><AllOrNone>1</AllOrNone>"));
	assert_has(f, "<EstimatedDataSize>16</EstimatedDataSize><Truncated>1</Truncated>"
	              "</BodyPart>");
	eas_sync(
		f, f->inbox, key,
		PART("2", "<TruncationSize>16</TruncationSize><AllOrNone>1</AllOrNone>"));
	assert_has(f, "<Data>&lt;p&gt;My answer&lt;/p&gt;</Data></BodyPart>");
	eas_sync(
		f, f->inbox, key,
		PART("2", "<TruncationSize>16</TruncationSize><AllOrNone>0</AllOrNone>"));
	assert_has(f, "<Data>&lt;p&gt;My answer&lt;/p&gt;</Data></BodyPart>");
	eas_sync(f, f->inbox, key, PART("1", ""));
	assert_string_equal(eas_value(f, "Status", 0), "164");
	fetch_part(f, "2");
	assert_has(f, "<BodyPart><Status>1</Status><Type>2</Type>");
	assert_has_not(f, "<Body>");
	fetch_part(f, "4");
	assert_has(f, "<Fetch><Status>164</Status>");
	f->version = 140;
	eas_sync(f, f->inbox, "0", "");
	eas_sync(f, f->inbox, eas_key(f), PART("2", ""));
	assert_has_not(f, "<BodyPart>");
}

#define SMS_OPTIONS                                                                       \
	"<GetChanges/><Options><Class>Email</Class></Options><Options><Class>SMS</Class>" \
	"</Options>"
#define SMS_ADD                                                                          \
	"<Commands><Add><Class>SMS</Class><ClientId>77</ClientId><ApplicationData>"      \
	"<To xmlns=\"Email\">\"Ann\" [MOBILE: +491234]</To>"                             \
	"<From xmlns=\"Email\">[MOBILE: +495678]</From>"                                 \
	"<DateReceived xmlns=\"Email\">2026-11-20T10:00:00.000Z</DateReceived>"          \
	"<Read xmlns=\"Email\">1</Read><Body xmlns=\"AirSyncBase\"><Type>1</Type>"       \
	"<Data>see you</Data></Body></ApplicationData></Add></Commands>"

static void
text_messages_are_kept_once_and_shown_to_who_wants_them(void **state)
{
	struct eas_fixture *f = *state;
	const char *key;

	f->version = 141;
	eas_sync(f, f->inbox, "0", "");
	key = arena_strdup(f->a, eas_key(f));
	eas_sync(f, f->inbox, key, SMS_OPTIONS SMS_ADD);
	assert_has(f, "<Add><ClientId>77</ClientId><ServerId>");
	assert_has(f, "<Class>SMS</Class><Status>1</Status></Add>");
	/* The answer was lost. */
	eas_sync(f, f->inbox, key, SMS_OPTIONS SMS_ADD);
	assert_has(f, "<Status>1</Status></Add>");
	assert_int_equal(eas_exists(f, f->inbox), 1);
	f->device = "PHONE2";
	eas_sync(f, f->inbox, "0", "");
	eas_sync(f, f->inbox, eas_key(f), SMS_OPTIONS);
	assert_has(
		f,
		"<Class>SMS</Class><ApplicationData><To>&quot;Ann&quot; [MOBILE: +491234]</To>"
		"<From>[MOBILE: +495678]</From>");
	assert_has(f, "<DateReceived>2026-11-20T10:00:00.000Z</DateReceived>");
	assert_has(f, "<Read>1</Read>");
	assert_has(f, "<MessageClass>IPM.Note.Mobile.SMS</MessageClass>");
	assert_has(f, "see you");
	f->device = "PHONE3";
	eas_sync(f, f->inbox, "0", "");
	eas_sync(f, f->inbox, eas_key(f), "<GetChanges/>");
	assert_has_not(f, "<Add>");
}

static void
conversation_mode_is_of_mail_alone(void **state)
{
	struct eas_fixture *f = *state;
	uint32_t contacts = eas_folder(f, STORE_ROLE_CONTACTS);
	const char *mode = "<GetChanges/><ConversationMode>1</ConversationMode>";

	eas_sync(f, f->inbox, "0", "");
	eas_sync(f, f->inbox, eas_key(f), mode);
	assert_int_equal(f->http_status, 200);
	assert_has_not(f, "<Status>4</Status>");
	eas_sync(f, contacts, "0", "");
	eas_sync(f, contacts, eas_key(f), mode);
	assert_string_equal(eas_value(f, "Status", 0), "4");
	eas_sync(f, contacts, "0", "");
	eas_runf(f, "GetItemEstimate",
	         "<GetItemEstimate xmlns=\"GetItemEstimate\"><Collections><Collection>"
	         "<SyncKey xmlns=\"AirSync\">%s</SyncKey><CollectionId>%u</CollectionId>"
	         "<ConversationMode xmlns=\"AirSync\">1</ConversationMode></Collection>"
	         "</Collections></GetItemEstimate>",
	         eas_key(f), contacts);
	assert_has(f, "<Response><Status>103</Status>");
}

static uint32_t
letter(struct eas_fixture *f, uint32_t folder, const char *id, const char *references)
{
	return eas_mail_raw(
		f, folder, EAS_NOW,
		span_str(arena_printf(
			f->a,
			"From: b@example.net\r\nTo: alice@example.org\r\n"
			"Subject: plan\r\nMessage-ID: <%s>\r\n%s%s%s\r\nx\r\n",
			id, references ? "References: <" : "",
			references ? references : "", references ? ">\r\n" : "")));
}

/* The ConversationId of the only mail of the folder. */
static const char *
conversation_of(struct eas_fixture *f, uint32_t folder)
{
	const char *at;

	eas_sync(f, folder, "0", "");
	eas_sync(f, folder, eas_key(f), "<GetChanges/>");
	at = strstr(f->xml, "<ConversationId encoding=\"base64\">");
	assert_non_null(at);
	at = strchr(at, '>') + 1;
	return arena_strndup(f->a, span_of(at, (size_t)(strchr(at, '<') - at)));
}

static const char *
move_conversation(struct eas_fixture *f, const char *id, uint32_t to, const char *options)
{
	eas_runf(f, "ItemOperations",
	         "<ItemOperations xmlns=\"ItemOperations\"><Move>"
	         "<ConversationId encoding=\"base64\">%s</ConversationId>"
	         "<DstFldId>%u</DstFldId>%s</Move></ItemOperations>",
	         id, to, options);
	return eas_value(f, "Status", 1);
}

#define ALWAYS "<Options><MoveAlways/></Options>"

static void
a_conversation_moves_as_a_whole_but_for_what_was_sent(void **state)
{
	struct eas_fixture *f = *state;
	const char *id, *key;

	letter(f, f->inbox, "1@x", NULL);
	id = conversation_of(f, f->inbox);
	key = arena_strdup(f->a, eas_key(f));
	letter(f, f->inbox, "2@x", "1@x");
	letter(f, f->junk, "3@x", "1@x> <2@x");
	letter(f, f->sent, "4@x", "1@x");
	letter(f, f->inbox, "5@x", NULL);
	assert_string_equal(move_conversation(f, id, f->trash, ALWAYS), "1");
	assert_has(f, "<Response><Move><Status>1</Status><ConversationId");
	assert_int_equal(eas_exists(f, f->trash), 3);
	assert_int_equal(eas_exists(f, f->inbox), 1);
	assert_int_equal(eas_exists(f, f->junk), 0);
	assert_int_equal(eas_exists(f, f->sent), 1);
	/* The device is told as everybody is. */
	eas_sync(f, f->inbox, key, "<GetChanges/>");
	assert_has(f, "<Delete>");
}

static void
a_conversation_moves_for_good_or_not_at_all(void **state)
{
	struct eas_fixture *f = *state;
	const char *id;

	letter(f, f->inbox, "1@x", NULL);
	id = conversation_of(f, f->inbox);
	assert_string_equal(move_conversation(f, id, f->trash, ""), "155");
	assert_string_equal(move_conversation(f, id, 9999, ALWAYS), "6");
	assert_string_equal(
		move_conversation(f, "AAAAAAAAAAAAAAAAAAAAAA==", f->trash, ALWAYS), "6");
	assert_string_equal(
		move_conversation(f, id, eas_folder(f, STORE_ROLE_CONTACTS), ALWAYS),
		"156");
	assert_string_equal(move_conversation(f, "AAE=", f->trash, ALWAYS), "2");
	assert_int_equal(eas_exists(f, f->inbox), 1);
	f->version = 121;
	assert_string_equal(move_conversation(f, id, f->trash, ALWAYS), "2");
	assert_int_equal(eas_exists(f, f->inbox), 1);
}

/* As SMTP brings it. */
static void
deliver(struct eas_fixture *f, const char *id, const char *references)
{
	AUTO(store_content)
	struct store_content *content = NULL;
	struct store_delivery d = { .user = f->user, .folder = STORE_ROLE_INBOX };
	const char *raw = arena_printf(
		f->a,
		"From: b@example.net\r\nSubject: Re: plan\r\nMessage-ID: <%s>\r\n"
		"References: <%s>\r\n\r\nx\r\n",
		id, references);

	assert_ok(store_content_new_mail(f->store, span_str(raw), &content));
	assert_ok(store_deliver(f->store, content, NULL, EAS_NOW, &d, 1));
}

static void
later_mail_of_a_moved_conversation_follows_it(void **state)
{
	struct eas_fixture *f = *state;
	AUTO(store_tx)
	struct store_tx *tx = NULL;
	const char *id;
	uint32_t folder;

	letter(f, f->inbox, "1@x", NULL);
	id = conversation_of(f, f->inbox);
	assert_ok(store_write(f->store, f->user, NULL, &tx));
	assert_ok(store_collection_create(tx, 0, SPAN("plans"), STORE_CLASS_MAIL,
	                                  STORE_ROLE_NONE, &folder));
	assert_ok(store_commit(&tx));
	assert_string_equal(move_conversation(f, id, folder, ALWAYS), "1");
	deliver(f, "2@x", "1@x");
	deliver(f, "3@x", "other@x");
	assert_int_equal(eas_exists(f, folder), 2);
	assert_int_equal(eas_exists(f, f->inbox), 1);
	/* A folder that is gone keeps nothing from the INBOX. */
	assert_ok(store_write(f->store, f->user, NULL, &tx));
	assert_ok(store_collection_delete(tx, folder));
	assert_ok(store_commit(&tx));
	deliver(f, "4@x", "1@x");
	assert_int_equal(eas_exists(f, f->inbox), 2);
}

static void
the_index_of_a_conversation_is_that_of_its_thread(void **state)
{
	struct eas_fixture *f = *state;
	/* 1, five bytes of time, a GUID of 16, one answer of five. */
	const char *index = "AQECAwQFAAAAAAAAAAAAAAAAAAAAAKqrrK2u";

	eas_mail_raw(
		f, f->inbox, EAS_NOW,
		span_str(arena_printf(f->a, "Subject: x\r\nThread-Index: %s\r\n\r\nx\r\n",
	                              index)));
	(void)conversation_of(f, f->inbox);
	/* 01 02 03 04 05 aa ab ac ad ae */
	assert_has(f, "<ConversationIndex encoding=\"base64\">AQIDBAWqq6ytrg==<");
}

static void
attachment_comes_by_its_own_command_at_12_1(void **state)
{
	struct eas_fixture *f = *state;

	add_mixed(f);
	f->version = 121;
	sync_with(f, PREF("1", ""));
	f->attachment = eas_value(f, "FileReference", 0);
	eas_run(f, "GetAttachment", NULL);
	assert_int_equal(f->http_status, 200);
	assert_true(span_eq(buf_span(&f->body), span_of("\0\1\2\3\4\5\6\7\10\11", 10)));
	f->attachment = "1:1:99";
	eas_run(f, "GetAttachment", NULL);
	assert_int_equal(f->http_status, 500);
	assert_int_equal(buf_len(&f->body), 0);
	f->version = 141;
	eas_run(f, "GetAttachment", NULL);
	assert_int_equal(f->http_status, 501);
}

static uint32_t
u32_at(struct span s, size_t at)
{
	const uint8_t *p = (const uint8_t *)s.p + at;

	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 |
	       (uint32_t)p[3] << 24;
}

static void
message_comes_byte_for_byte_as_opaque_and_as_part(void **state)
{
	static const char raw[] =
		"Subject: \xfc\xff\r\nX: \x01\r\n\r\nbin\x80\x7f\r\n.\r\n";
	struct eas_fixture *f = *state;
	uint32_t uid = eas_mail_raw(f, f->inbox, NOW, span_of(raw, sizeof(raw) - 1));
	const struct wbxml_node *n;
	struct wbxml_node *root;
	struct span body;
	const char *ask = arena_printf(
		f->a,
		"<ItemOperations xmlns=\"ItemOperations\"><Fetch><Store>Mailbox</Store>"
		"<CollectionId xmlns=\"AirSync\">%u</CollectionId>"
		"<ServerId xmlns=\"AirSync\">%u:%u</ServerId><Options>"
		"<MIMESupport xmlns=\"AirSync\">2</MIMESupport>" PREF(
			"4", "") "</Options></Fetch></ItemOperations>",
		f->inbox, f->inbox, uid);

	eas_run(f, "ItemOperations", ask);
	assert_ok(wbxml_parse(buf_span(&f->body), NULL, f->a, &root));
	n = wbxml_child(wbxml_child(root, WBXML_ITEMOPERATIONS_RESPONSE),
	                WBXML_ITEMOPERATIONS_FETCH);
	n = wbxml_child(wbxml_child(n, WBXML_ITEMOPERATIONS_PROPERTIES),
	                WBXML_AIRSYNCBASE_BODY);
	body = wbxml_child_text(n, WBXML_AIRSYNCBASE_DATA);
	assert_true(span_eq(body, span_of(raw, sizeof(raw) - 1)));
	f->multipart = true;
	eas_run(f, "ItemOperations", ask);
	body = buf_span(&f->body);
	assert_int_equal(u32_at(body, 0), 2);
	assert_int_equal(u32_at(body, 4), 20);
	assert_int_equal(u32_at(body, 12), 20 + u32_at(body, 8));
	assert_int_equal(u32_at(body, 16), sizeof(raw) - 1);
	assert_true(span_eq(span_sub(body, u32_at(body, 12), body.n),
	                    span_of(raw, sizeof(raw) - 1)));
	body = span_sub(body, 20, u32_at(body, 12));
	assert_ok(wbxml_parse(body, NULL, f->a, &root));
	n = wbxml_child(wbxml_child(root, WBXML_ITEMOPERATIONS_RESPONSE),
	                WBXML_ITEMOPERATIONS_FETCH);
	n = wbxml_child(wbxml_child(n, WBXML_ITEMOPERATIONS_PROPERTIES),
	                WBXML_AIRSYNCBASE_BODY);
	assert_true(span_is(wbxml_child_text(n, WBXML_ITEMOPERATIONS_PART), "1"));
	assert_null(wbxml_child(n, WBXML_AIRSYNCBASE_DATA));
}

static void
subject_with_control_characters_does_not_break_the_answer(void **state)
{
	struct eas_fixture *f = *state;

	eas_mail_raw(f, f->inbox, NOW,
	             SPAN("Subject: a\x01\x08 b\r\n\r\nx\x0c\x00y\r\n"));
	eas_sync(f, f->inbox, "0", EAS_OPTIONS_PLAIN);
	eas_sync(f, f->inbox, eas_key(f), "");
	assert_has(f, "<Subject>a b</Subject>");
	assert_has(f, "<Data>xy");
}

static void
folder_is_emptied_with_what_lies_below(void **state)
{
	struct eas_fixture *f = *state;
	AUTO(store_tx)
	struct store_tx *tx = NULL;
	struct store_actor who = { .protocol = "imap" };
	struct store_collection col;
	uint32_t below;

	for (int i = 0; i < 3; i++)
		eas_mail(f, f->trash, NOW, "old");
	assert_ok(store_write(f->store, f->user, &who, &tx));
	assert_ok(store_collection_create(tx, f->trash, SPAN("Below"), STORE_CLASS_MAIL,
	                                  STORE_ROLE_NONE, &below));
	assert_ok(store_commit(&tx));
	eas_runf(f, "ItemOperations",
	         "<ItemOperations xmlns=\"ItemOperations\"><EmptyFolderContents>"
	         "<CollectionId xmlns=\"AirSync\">%u</CollectionId></EmptyFolderContents>"
	         "</ItemOperations>",
	         f->trash);
	assert_has(f, "<EmptyFolderContents><Status>1</Status>");
	assert_int_equal(eas_exists(f, f->trash), 0);
	eas_runf(
		f, "ItemOperations",
		"<ItemOperations xmlns=\"ItemOperations\"><EmptyFolderContents>"
		"<CollectionId xmlns=\"AirSync\">%u</CollectionId><Options><DeleteSubFolders/>"
		"</Options></EmptyFolderContents></ItemOperations>",
		f->trash);
	assert_ok(store_read(f->store, f->user, &tx));
	assert_rc(store_collection_load(tx, below, f->a, &col), RC_NOT_FOUND);
	eas_run(f, "ItemOperations",
	        "<ItemOperations xmlns=\"ItemOperations\"><EmptyFolderContents>"
	        "<CollectionId xmlns=\"AirSync\">4711</CollectionId></EmptyFolderContents>"
	        "</ItemOperations>");
	assert_has(f, "<EmptyFolderContents><Status>6</Status>");
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, eas_setup, eas_teardown)
	const struct CMUnitTest tests[] = {
		T(envelope_is_decoded),
		T(body_comes_in_the_type_asked_for),
		T(truncation_cuts_between_characters_and_says_so),
		T(all_or_none_falls_back_to_a_type_that_fits),
		T(preview_is_the_beginning_of_the_text),
		T(html_and_text_are_made_of_one_another),
		T(attachments_are_listed_and_fetched),
		T(attachment_comes_by_its_own_command_at_12_1),
		T(fetches_that_cannot_be_get_their_status),
		T(requests_that_break_the_schema_get_status_2_as_a_whole),
		T(more_than_the_server_sends_at_once_gets_status_11),
		T(schema_leaves_out_what_is_not_wanted),
		T(body_part_is_what_a_message_adds),
		T(text_messages_are_kept_once_and_shown_to_who_wants_them),
		T(conversation_mode_is_of_mail_alone),
		T(a_conversation_moves_as_a_whole_but_for_what_was_sent),
		T(a_conversation_moves_for_good_or_not_at_all),
		T(later_mail_of_a_moved_conversation_follows_it),
		T(the_index_of_a_conversation_is_that_of_its_thread),
		T(message_comes_byte_for_byte_as_opaque_and_as_part),
		T(subject_with_control_characters_does_not_break_the_answer),
		T(folder_is_emptied_with_what_lies_below),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
