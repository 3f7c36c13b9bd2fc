/* SPDX-License-Identifier: ISC
 *
 * test_imap_folder.c - mailboxes: made, renamed, deleted, listed, subscribed, counted.
 */
#include "imap/imap_mailbox.h"
#include "tests/unit/imap_fixture.h"

static void
patterns_match_levels_or_all(void **state UNUSED)
{
	static const struct {
		const char *pattern, *path;
		bool want;
	} cases[] = {
		{ "*", "a/b/c", true },
		{ "%", "a/b", false },
		{ "%", "a", true },
		{ "a/%", "a/b", true },
		{ "a/%", "a/b/c", false },
		{ "a*c", "a/b/c", true },
		{ "%/%", "a/b", true },
		{ "%b", "a/b", false },
		{ "a", "ab", false },
		{ "ab", "a", false },
		{ "*b", "a/b", true },
		{ "", "", true },
		{ "", "a", false },
		{ "**%", "a/b/", true },
		{ "a%c", "abc", true },
		{ "a%b%c", "axxbyyc", true },
		{ "*a*a*a*a*b", "aaaa", false },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		if (imap_mailbox_matches(span_str(cases[i].pattern),
		                         span_str(cases[i].path)) != cases[i].want)
			fail_msg("%s %s", cases[i].pattern, cases[i].path);
	}
}

static void
a_pattern_of_many_stars_costs_little(void **state UNUSED)
{
	char pattern[1001], path[5001];

	for (size_t i = 0; i < 1000; i++)
		pattern[i] = i % 2 ? 'a' : '*';
	pattern[1000] = '\0';
	memset(path, 'a', 5000);
	path[5000] = '\0';
	path[4999] = 'b';
	assert_false(imap_mailbox_matches(span_str(pattern), span_str(path)));
}

static void
the_default_mailboxes_tell_what_they_are_for(void **state)
{
	struct imap_fixture *f = *state;

	const char *s = imap_client_do(&f->a, "LIST \"\" \"*\"");
	expect(s, "* LIST (\\HasNoChildren) \"/\" \"INBOX\"\r\n",
	       "* LIST (\\HasNoChildren \\Drafts) \"/\" \"Drafts\"\r\n",
	       "\\Sent) \"/\" \"Sent\"", "\\Trash) \"/\" \"Trash\"",
	       "\\Junk) \"/\" \"Junk\"", "\\Archive) \"/\" \"Archive\"", " OK ");
	expect_no(s, "Calendar");
	expect_no(s, "Contacts");
	expect(imap_client_do(&f->a, "LIST \"\" \"\""),
	       "* LIST (\\Noselect) \"/\" \"\"\r\n");
	expect(imap_client_do(&f->a, "LIST x \"\""),
	       "* LIST (\\Noselect) \"/\" \"\"\r\n");
	expect(imap_client_do(&f->a, "LIST \"\" inb%%"), "\"INBOX\"");
	s = imap_client_do(&f->a, "LIST (SPECIAL-USE) \"\" \"*\" RETURN (SPECIAL-USE)");
	expect(s, "\"Drafts\"");
	expect_no(s, "\"INBOX\"");
	expect(imap_client_do(&f->a, "LIST \"\" (\"INBOX\" \"S%%\")"), "INBOX", "Sent");
	expect(imap_client_do(&f->a, "LIST (BOGUS) \"\" *"), "BAD");
	expect(imap_client_do(&f->a, "LIST (RECURSIVEMATCH) \"\" *"), "BAD");
}

static void
mailboxes_are_made_with_what_lies_above_them(void **state)
{
	struct imap_fixture *f = *state;

	expect(imap_client_do(&f->a, "CREATE Work/2026/May"), " OK ");
	expect(imap_client_do(&f->a, "CREATE Work/2026"), "NO [ALREADYEXISTS]");
	expect(imap_client_do(&f->a, "CREATE inbox"), "NO [ALREADYEXISTS]");
	expect(imap_client_do(&f->a, "CREATE Later/"), " OK ");
	expect(imap_client_do(&f->a, "CREATE a//b"), "NO [CANNOT]");
	expect(imap_client_do(&f->a, "CREATE \"a\tb\""), "NO [CANNOT]");
	expect(imap_client_do(&f->a, "CREATE Contacts/x"), "NO [CANNOT]");
	const char *s = imap_client_do(&f->a, "LIST \"\" \"Work*\"");
	expect(s, "(\\HasChildren) \"/\" \"Work\"", "(\\HasChildren) \"/\" \"Work/2026\"",
	       "(\\HasNoChildren) \"/\" \"Work/2026/May\"");
	s = imap_client_do(&f->a, "LIST \"Work/\" \"%%\"");
	expect(s, "\"Work/2026\"\r\n");
	expect_no(s, "May");
	expect(imap_client_do(&f->a, "DELETE Work"), "NO [HASCHILDREN]");
	expect(imap_client_do(&f->a, "DELETE Work/2026/May"), " OK ");
	expect(imap_client_do(&f->a, "DELETE Work/2026/May"), "NO [NONEXISTENT]");
	expect(imap_client_do(&f->a, "DELETE INBOX"), "NO [CANNOT]");
	expect(imap_client_do(&f->a, "DELETE Trash"), "NO [CANNOT]");
}

static void
a_new_mailbox_of_an_old_name_has_another_uidvalidity(void **state)
{
	struct imap_fixture *f = *state;
	char first[256];

	imap_client_do(&f->a, "CREATE x");
	snprintf(first, sizeof(first), "%s",
	         imap_client_do(&f->a, "STATUS x (UIDVALIDITY)"));
	*strstr(first, ")\r\n") = '\0';
	imap_client_do(&f->a, "DELETE x");
	imap_client_do(&f->a, "CREATE x");
	expect_no(imap_client_do(&f->a, "STATUS x (UIDVALIDITY)"), first);
}

static void
a_renamed_mailbox_takes_along_what_lies_below(void **state)
{
	struct imap_fixture *f = *state;

	imap_client_do(&f->a, "CREATE a/b/c");
	imap_add(&f->a, "a/b", "()", "x");
	expect(imap_client_do(&f->a, "RENAME a/b new/place"), " OK ");
	const char *s = imap_client_do(&f->a, "LIST \"\" \"*/*\"");
	expect(s, "\"new/place\"", "\"new/place/c\"");
	expect_no(s, "\"a/b\"");
	expect(imap_client_do(&f->a, "STATUS new/place (MESSAGES)"), "(MESSAGES 1)");
	expect(imap_client_do(&f->a, "RENAME new new/place/below"), "NO [CANNOT]");
	expect(imap_client_do(&f->a, "RENAME new Sent"), "NO [ALREADYEXISTS]");
	expect(imap_client_do(&f->a, "RENAME Sent Gone"), "NO [CANNOT]");
	expect(imap_client_do(&f->a, "RENAME nowhere x"), "NO [NONEXISTENT]");
}

static void
renaming_the_inbox_moves_its_mail_and_keeps_it(void **state)
{
	struct imap_fixture *f = *state;

	imap_add(&f->a, "INBOX", "(\\Seen)", "x");
	imap_add(&f->a, "INBOX", "()", "y");
	expect(imap_client_do(&f->a, "RENAME INBOX Old"), " OK ");
	expect(imap_client_do(&f->a, "STATUS Old (MESSAGES UNSEEN)"),
	       "(MESSAGES 2 UNSEEN 1)");
	expect(imap_client_do(&f->a, "STATUS INBOX (MESSAGES)"), "(MESSAGES 0)");
}

static void
names_of_all_scripts_go_both_ways(void **state)
{
	struct imap_fixture *f = *state;

	expect(imap_client_do(&f->a, "CREATE Entw&APw-rfe"), " OK ");
	expect(imap_client_do(&f->a, "CREATE \"a&-b\""), " OK ");
	expect(imap_client_do(&f->a, "CREATE a&b"), "NO [CANNOT]");
	expect(imap_client_do(&f->a, "LIST \"\" Entw*"), "\"Entw&APw-rfe\"");
	expect(imap_client_do(&f->a, "LIST \"\" a*"), "\"a&-b\"");
	imap_client_do(&f->b, "ENABLE UTF8=ACCEPT");
	expect(imap_client_do(&f->b, "LIST \"\" \"Entw\xc3\xbcr*\""),
	       "\"Entw\xc3\xbcrfe\"");
	expect(imap_client_do(&f->b, "LIST \"\" a*"), "\"a&b\"");
	expect(imap_client_do(&f->b, "SELECT \"a&b\""), " OK ");
	expect(imap_client_do(&f->b, "STATUS \"\xe6\x97\xa5\" (MESSAGES)"),
	       "NO [NONEXISTENT]");
}

static void
subscriptions_choose_what_lsub_shows(void **state)
{
	struct imap_fixture *f = *state;

	imap_client_do(&f->a, "CREATE a/b");
	imap_client_do(&f->a, "SUBSCRIBE a/b");
	imap_client_do(&f->a, "UNSUBSCRIBE Junk");
	expect(imap_client_do(&f->a, "SUBSCRIBE nowhere"), "NO [NONEXISTENT]");
	const char *s = imap_client_do(&f->a, "LSUB \"\" \"*\"");
	expect(s, "* LSUB (\\HasNoChildren) \"/\" \"INBOX\"", "\"a/b\"");
	expect_no(s, "Junk");
	expect_no(s, "\"a\"");
	expect(imap_client_do(&f->a, "LSUB \"\" \"%%\""),
	       "* LSUB (\\Noselect \\HasChildren) \"/\" \"a\"");
	s = imap_client_do(&f->a, "LIST (SUBSCRIBED) \"\" \"*\"");
	expect(s, "\\Subscribed) \"/\" \"INBOX\"", "\"a/b\"");
	expect_no(s, "Junk");
	expect(imap_client_do(&f->a, "LIST (SUBSCRIBED RECURSIVEMATCH) \"\" %%"),
	       "\"a\" (\"CHILDINFO\" (\"SUBSCRIBED\"))");
	expect_no(imap_client_do(&f->a, "LIST (SUBSCRIBED RECURSIVEMATCH) \"\" (a a/b)"),
	          "CHILDINFO");
	s = imap_client_do(&f->a, "LIST \"\" * RETURN (SUBSCRIBED CHILDREN)");
	expect(s, "(\\HasNoChildren \\Junk) \"/\" \"Junk\"");
}

static void
status_counts_without_selecting(void **state)
{
	struct imap_fixture *f = *state;

	imap_add(&f->a, "Sent", "(\\Seen)", "x");
	imap_add(&f->a, "Sent", "(\\Deleted)", "yy");
	const char *s =
		imap_client_do(&f->b, "STATUS Sent (MESSAGES UIDNEXT UIDVALIDITY UNSEEN "
	                              "RECENT DELETED SIZE HIGHESTMODSEQ APPENDLIMIT)");
	expect(s, "* STATUS \"Sent\" (MESSAGES 2 RECENT 0 UIDNEXT 3 UIDVALIDITY ",
	       " UNSEEN 1 DELETED 1 SIZE 2", " HIGHESTMODSEQ ", " APPENDLIMIT 8388608)");
	expect(imap_client_do(&f->b, "STATUS Sent (BOGUS)"), "BAD");
	expect(imap_client_do(&f->b, "STATUS Sent ()"), "BAD");
	s = imap_client_do(&f->b,
	                   "LIST \"\" (INBOX Sent) RETURN (STATUS (MESSAGES UNSEEN))");
	expect(s, "* LIST ", "\"INBOX\"", "* STATUS \"INBOX\" (MESSAGES 0 UNSEEN 0)",
	       "* LIST ", "* STATUS \"Sent\" (MESSAGES 2 UNSEEN 1)");
}

static void
an_append_without_a_mailbox_says_trycreate(void **state)
{
	struct imap_fixture *f = *state;

	expect(imap_client_append(&f->a, "nowhere", "()", SPAN("A: b\r\n\r\n")),
	       "NO [TRYCREATE]");
	expect(imap_client_append(&f->a, "INBOX", "(\\Recent)", SPAN("A: b\r\n\r\n")),
	       "BAD");
	expect(imap_client_do(&f->a, "APPEND INBOX {0+}\r\n"), "BAD");
	expect(imap_client_do(&f->a, "APPEND INBOX \"x\""), "BAD");
	expect(imap_client_do(&f->a, "APPEND INBOX UTF8 (~{8+}\r\nA: b\r\n\r\n)"),
	       "OK [APPENDUID ");
}

#define T(name)                                                                          \
	cmocka_unit_test_setup_teardown(name, imap_fixture_setup, imap_fixture_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(patterns_match_levels_or_all),
		cmocka_unit_test(a_pattern_of_many_stars_costs_little),
		T(the_default_mailboxes_tell_what_they_are_for),
		T(mailboxes_are_made_with_what_lies_above_them),
		T(a_new_mailbox_of_an_old_name_has_another_uidvalidity),
		T(a_renamed_mailbox_takes_along_what_lies_below),
		T(renaming_the_inbox_moves_its_mail_and_keeps_it),
		T(names_of_all_scripts_go_both_ways),
		T(subscriptions_choose_what_lsub_shows),
		T(status_counts_without_selecting),
		T(an_append_without_a_mailbox_says_trycreate),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
