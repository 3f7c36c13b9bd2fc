/* SPDX-License-Identifier: ISC
 *
 * test_imap_search.c - SEARCH's keys on messages of a real store; ESEARCH, SEARCHRES.
 */
#include "imap/imap_search.h"
#include "tests/unit/imap_fixture.h"

static const struct {
	const char *flags_and_date;
	const char *text;
} messages[] = {
	{ "(\\Seen) \"01-Jan-2024 23:30:00 +0000\"",
	  "From: Fred Foobar <fred@example.net>\r\nTo: alice@example.org\r\n"
	  "Subject: The first one\r\nDate: Tue, 2 Jan 2024 01:30:00 +0200\r\n"
	  "Message-ID: <one@example.net>\r\n\r\nSome plain words.\r\n" },
	{ "(\\Flagged work) \"05-Feb-2024 10:00:00 +0000\"",
	  "From: =?utf-8?Q?J=C3=BCrgen_Gr=C3=B6=C3=9Fer?= <juergen@example.net>\r\n"
	  "To: list@example.org\r\nCc: fred@example.net\r\n"
	  "Subject: =?utf-8?B?w4RwZmVsIHVuZCBCaXJuZW4=?=\r\n"
	  "Date: Sun, 4 Feb 2024 23:10:00 -0800\r\n"
	  "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=iso-8859-1\r\n"
	  "Content-Transfer-Encoding: quoted-printable\r\n\r\nsch=F6ne =C4pfel\r\n" },
	{ "(\\Answered \\Deleted) \"05-Feb-2024 10:00:00 +0000\"",
	  "From: x@y.z\r\nBcc: hidden@example.net\r\nSubject: third\r\n"
	  "X-Odd: yes\r\nMIME-Version: 1.0\r\n"
	  "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n"
	  "a needle in text\r\n--b\r\nContent-Type: text/html\r\n"
	  "Content-Transfer-Encoding: base64\r\n\r\nPHA+aGF5c3RhY2s8L3A+\r\n"
	  "--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: inner topic\r\n\r\ninner text\r\n"
	  "--b--\r\n" },
	{ "(\\Draft $Junk) \"06-Mar-2024 00:00:00 +0000\"",
	  "From: x@y.z\r\nSubject: fourth\r\n\r\n\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e text\r\n" },
};

static int
setup(void **state)
{
	struct imap_fixture *f = imap_fixture_begin();

	for (size_t i = 0; i < ARRAY_LEN(messages); i++)
		expect(imap_client_append(&f->a, "INBOX", messages[i].flags_and_date,
		                          span_str(messages[i].text)),
		       " OK ");
	imap_client_do(&f->a, "SELECT INBOX");
	*state = f;
	return 0;
}

static void
each_key_finds_what_it_names(void **state)
{
	static const struct {
		const char *keys, *want;
	} cases[] = {
		{ "ALL", " 1 2 3 4" },
		{ "SEEN", " 1" },
		{ "UNSEEN", " 2 3 4" },
		{ "FLAGGED", " 2" },
		{ "UNFLAGGED", " 1 3 4" },
		{ "ANSWERED", " 3" },
		{ "UNANSWERED", " 1 2 4" },
		{ "DELETED", " 3" },
		{ "UNDELETED", " 1 2 4" },
		{ "DRAFT", " 4" },
		{ "UNDRAFT", " 1 2 3" },
		{ "KEYWORD WORK", " 2" },
		{ "UNKEYWORD work", " 1 3 4" },
		{ "KEYWORD $Junk", " 4" },
		{ "RECENT", "" },
		{ "NEW", "" },
		{ "OLD", " 1 2 3 4" },
		{ "FROM fred", " 1" },
		{ "FROM \"foobar <fred\"", " 1" },
		{ "FROM {9+}\r\nj\xc3\xbcrgen g", " 2" },
		{ "FROM \"GR\xc3\x96\xc3\x9f\"", " 2" },
		{ "TO alice@", " 1" },
		{ "CC fred", " 2" },
		{ "BCC hidden", " 3" },
		{ "SUBJECT \"first ONE\"", " 1" },
		{ "CHARSET UTF-8 SUBJECT {6+}\r\n\xc3\xa4pfel", " 2" },
		{ "BODY needle", " 3" },
		{ "BODY HAYSTACK", " 3" },
		{ "BODY third", "" },
		{ "TEXT third", " 3" },
		{ "BODY \"inner text\"", " 3" },
		{ "BODY \"inner topic\"", " 3" },
		{ "BODY {6+}\r\n\xc3\xa4pfel", " 2" },
		{ "BODY \"SCH\xc3\x96NE\"", " 2" },
		{ "BODY \xe6\x9c\xac\xe8\xaa\x9e", " 4" },
		{ "HEADER X-Odd \"\"", " 3" },
		{ "HEADER x-odd YES", " 3" },
		{ "HEADER x-odd no", "" },
		{ "HEADER Message-ID <one@example.net>", " 1" },
		{ "BEFORE 5-Feb-2024", " 1" },
		{ "ON 5-Feb-2024", " 2 3" },
		{ "SINCE 5-Feb-2024", " 2 3 4" },
		{ "SENTON 2-Jan-2024", " 1" },
		{ "SENTON 4-Feb-2024", " 2" },
		{ "SENTBEFORE 4-Feb-2024", " 1" },
		{ "SENTSINCE 4-Feb-2024", " 2" },
		{ "LARGER 200", " 2 3" },
		{ "SMALLER 100", " 4" },
		{ "OLDER 1000", " 1 2 3 4" },
		{ "YOUNGER 1000", "" },
		{ "2:3", " 2 3" },
		{ "UID 3:*", " 3 4" },
		{ "UID 9:*", " 4" },
		{ "9", "" },
		{ "3:9", " 3 4" },
		{ "OR 9 1", " 1" },
		{ "1,3 SEEN", " 1" },
		{ "NOT SEEN", " 2 3 4" },
		{ "NOT NOT SEEN", " 1" },
		{ "OR SEEN DRAFT", " 1 4" },
		{ "OR BODY needle (SEEN FROM fred)", " 1 3" },
		{ "(UNSEEN (UNDELETED))", " 2 4" },
		{ "UNSEEN UNDELETED SUBJECT fourth", " 4" },
		{ "NOT (OR SEEN FLAGGED)", " 3 4" },
	};
	struct imap_fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char want[64];
		const char *s = imap_client_do(&f->a, "SEARCH %s", cases[i].keys);
		snprintf(want, sizeof(want), "* SEARCH%s\r\n", cases[i].want);
		if (!strstr(s, want))
			fail_msg("SEARCH %s: %s", cases[i].keys, s);
	}
}

static void
what_is_no_key_is_bad(void **state)
{
	static const char *const bad[] = {
		"",
		"BOGUS",
		"FROM",
		"OR SEEN",
		"NOT",
		"(SEEN",
		"SEEN)",
		"LARGER x",
		"ON 99-Feb-2024",
		"0",

		"UID",
		"HEADER x",
		"KEYWORD",
		"RETURN (BOGUS) ALL",
		"SEEN  UNSEEN",
		"MODSEQ x",
	};
	struct imap_fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		const char *s = imap_client_do(&f->a, "SEARCH %s", bad[i]);
		if (!strstr(s, " BAD "))
			fail_msg("SEARCH %s: %s", bad[i], s);
		imap_client_do(&f->a, "NOOP");
	}
	expect(imap_client_do(&f->a, "SEARCH CHARSET KOI8-R ALL"),
	       "NO [BADCHARSET (US-ASCII UTF-8)]");
	char deep[400];
	memset(deep, '(', 100);
	snprintf(deep + 100, sizeof(deep) - 100, "ALL");
	expect(imap_client_do(&f->a, "SEARCH %s", deep), "BAD");
}

static void
results_are_given_in_the_form_asked_for(void **state)
{
	struct imap_fixture *f = *state;

	imap_client_do(&f->a, "UID STORE 1 +FLAGS.SILENT (\\Deleted)");
	imap_client_do(&f->a, "UID EXPUNGE 1");
	expect(imap_client_do(&f->a, "UID SEARCH ALL"), "* SEARCH 2 3 4\r\n");
	expect(imap_client_do(&f->a, "UID SEARCH RETURN () ALL"), "* ESEARCH (TAG \"t",
	       "\") UID ALL 2:4\r\n");
	expect(imap_client_do(&f->a, "SEARCH RETURN (MIN MAX COUNT) ALL"),
	       ") MIN 1 MAX 3 COUNT 3\r\n");
	expect(imap_client_do(&f->a, "SEARCH RETURN (MIN MAX COUNT ALL) SEEN"),
	       ") COUNT 0\r\n");
	expect(imap_client_do(&f->a, "SEARCH RETURN (ALL) OR 1 3"), ") ALL 1,3\r\n");
	expect(imap_client_do(&f->a, "SEARCH RETURN (COUNT) MODSEQ 1"),
	       " COUNT 3 MODSEQ ");
	imap_client_do(&f->a, "ENABLE IMAP4rev2");
	expect(imap_client_do(&f->a, "SEARCH ALL"), "* ESEARCH (TAG ", ") ALL 1:3\r\n");
}

static void
a_result_can_be_saved_and_named(void **state)
{
	struct imap_fixture *f = *state;

	const char *s = imap_client_do(&f->a, "SEARCH RETURN (SAVE) UNSEEN UNDELETED");
	expect_no(s, "ESEARCH (");
	expect(imap_client_do(&f->a, "FETCH $ (UID)"), "* 2 FETCH (UID 2)",
	       "* 4 FETCH (UID 4)");
	expect(imap_client_do(&f->a, "UID FETCH $ (UID)"), "* 2 FETCH (UID 2)");
	expect(imap_client_do(&f->a, "SEARCH $ DRAFT"), "* SEARCH 4\r\n");
	expect(imap_client_do(&f->a, "SEARCH RETURN (SAVE MIN) ALL"), "MIN 1");
	s = imap_client_do(&f->a, "FETCH $ UID");
	expect(s, "* 1 FETCH");
	expect_no(s, "* 2 FETCH");
	imap_client_do(&f->a, "SEARCH RETURN (SAVE) UNSEEN");
	imap_client_do(&f->a, "UID STORE 2 +FLAGS.SILENT (\\Deleted)");
	imap_client_do(&f->a, "UID EXPUNGE 2");
	expect(imap_client_do(&f->a, "FETCH $ UID"), "* 2 FETCH (UID 3)",
	       "* 3 FETCH (UID 4)", "OK");
	imap_client_do(&f->a, "SELECT INBOX");
	expect_no(imap_client_do(&f->a, "FETCH $ UID"), "FETCH (");
}

static void
text_is_compared_without_case_in_all_scripts(void **state UNUSED)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);

	imap_fold(SPAN("ABC \xc3\x84 \xd0\x96 \xf0\x9f\x98\x80 \xff"), &b);
	assert_true(span_is(buf_span(&b), "abc \xc3\xa4 \xd0\xb6 \xf0\x9f\x98\x80 \xff"));
	assert_true(imap_fold_contains(SPAN("xABCx"), SPAN("bc")));
	assert_true(imap_fold_contains(SPAN(""), SPAN("")));
	assert_false(imap_fold_contains(SPAN("ab"), SPAN("abc")));
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, imap_fixture_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(each_key_finds_what_it_names),
		T(what_is_no_key_is_bad),
		T(results_are_given_in_the_form_asked_for),
		T(a_result_can_be_saved_and_named),
		cmocka_unit_test(text_is_compared_without_case_in_all_scripts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
