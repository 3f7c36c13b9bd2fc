/* SPDX-License-Identifier: ISC
 *
 * test_pim_contact.c - a contact's fields and the card that keeps them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "format/pim_contact.h"

static struct pim_contact *
parse(struct arena *a, const char *text)
{
	struct pim_contact *c;

	assert_int_equal(pim_contact_parse(span_str(text), a, &c), RC_OK);
	return c;
}

static const char *
written(struct arena *a, const struct pim_contact *c)
{
	AUTO_DONE(buf) struct buf out = BUF_INIT(0);

	pim_contact_write(c, &out);
	return arena_strndup(a, buf_span(&out));
}

static void
every_field_comes_back(void **state UNUSED)
{
	static const char *const children[] = { "Ann", "Ben; Jr.", NULL };
	static const char *const categories[] = { "Friends", "a, b", NULL };
	AUTO(arena)
	struct arena *a = arena_new();
	struct pim_contact *c = pim_contact_new(a);
	const char **texts[] = {
		&c->uid,
		&c->first_name,
		&c->middle_name,
		&c->last_name,
		&c->title,
		&c->suffix,
		&c->file_as,
		&c->full_name,
		&c->nickname,
		&c->yomi_first_name,
		&c->yomi_last_name,
		&c->yomi_company_name,
		&c->company,
		&c->department,
		&c->office,
		&c->job_title,
		&c->manager,
		&c->assistant,
		&c->spouse,
		&c->web_page,
		&c->account_name,
		&c->customer_id,
		&c->government_id,
		&c->alias,
		&c->weighted_rank,
		&c->body.plain,
		&c->body.html,
	};

	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		*texts[i] = arena_printf(a, "t%zu;,\\ü\n<", i);
	c->web_page = "http://example.com/?a=1,2;3";
	for (size_t i = 0; i < PIM_PHONE_N; i++)
		c->phone[i] = arena_printf(a, "+%zu", i);
	for (size_t i = 0; i < PIM_EMAIL_N; i++)
		c->email[i] = arena_printf(a, "\"N, %zu\" <e%zu@example.com>", i, i);
	for (size_t i = 0; i < PIM_IM_N; i++)
		c->im[i] = arena_printf(a, "%sim%zu@example.com", i ? "xmpp:" : "", i);
	for (size_t i = 0; i < PIM_ADDRESS_N; i++) {
		c->address[i].street = arena_printf(a, "%zu, Street\nfloor; 2", i);
		c->address[i].city = "City";
		c->address[i].state = "State";
		c->address[i].postal_code = "1";
		c->address[i].country = "Country";
	}
	c->children = children;
	c->categories = categories;
	c->birthday = (struct pim_day){ 1985, 4, 12 };
	c->anniversary = (struct pim_day){ 0, 2, 29 };
	c->photo = SPAN("\x89PNG\0\xff");

	struct pim_contact *d = parse(a, written(a, c));
	const char **back[] = {
		&d->uid,
		&d->first_name,
		&d->middle_name,
		&d->last_name,
		&d->title,
		&d->suffix,
		&d->file_as,
		&d->full_name,
		&d->nickname,
		&d->yomi_first_name,
		&d->yomi_last_name,
		&d->yomi_company_name,
		&d->company,
		&d->department,
		&d->office,
		&d->job_title,
		&d->manager,
		&d->assistant,
		&d->spouse,
		&d->web_page,
		&d->account_name,
		&d->customer_id,
		&d->government_id,
		&d->alias,
		&d->weighted_rank,
		&d->body.plain,
		&d->body.html,
	};
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		assert_string_equal(*back[i], *texts[i]);
	for (size_t i = 0; i < PIM_PHONE_N; i++)
		assert_string_equal(d->phone[i], c->phone[i]);
	for (size_t i = 0; i < PIM_EMAIL_N; i++)
		assert_string_equal(d->email[i], c->email[i]);
	for (size_t i = 0; i < PIM_IM_N; i++)
		assert_string_equal(d->im[i], c->im[i]);
	for (size_t i = 0; i < PIM_ADDRESS_N; i++) {
		assert_string_equal(d->address[i].street, c->address[i].street);
		assert_string_equal(d->address[i].country, "Country");
		assert_null(d->address[i].po_box);
	}
	assert_string_equal(d->children[1], "Ben; Jr.");
	assert_null(d->children[2]);
	assert_string_equal(d->categories[1], "a, b");
	assert_null(d->categories[2]);
	assert_int_equal(d->birthday.year, 1985);
	assert_int_equal(d->anniversary.year, 0);
	assert_int_equal(d->anniversary.day, 29);
	assert_true(span_eq(d->photo, c->photo));
	assert_string_equal(d->photo_type, "image/png");
	/* And written again it is the same text. */
	assert_string_equal(written(a, d), written(a, parse(a, written(a, d))));
}

static void
places_keep_what_was_put_into_them(void **state UNUSED)
{
	AUTO(arena)
	struct arena *a = arena_new();
	struct pim_contact *c = pim_contact_new(a);

	c->email[1] = "second@example.com";
	c->email[2] = "third@example.com";
	c->phone[PIM_PHONE_HOME2] = "2";
	c->im[2] = "x";
	c = parse(a, written(a, c));
	assert_null(c->email[0]);
	assert_string_equal(c->email[1], "second@example.com");
	assert_string_equal(c->email[2], "third@example.com");
	assert_null(c->phone[PIM_PHONE_HOME]);
	assert_string_equal(c->phone[PIM_PHONE_HOME2], "2");
	assert_string_equal(c->im[2], "x");
	/* Taking one away moves no other. */
	c->email[1] = NULL;
	c->email[0] = "first@example.com";
	c = parse(a, written(a, c));
	assert_string_equal(c->email[0], "first@example.com");
	assert_null(c->email[1]);
	assert_string_equal(c->email[2], "third@example.com");
}

static const char foreign[] = "BEGIN:VCARD\r\n"
			      "VERSION:4.0\r\n"
			      "UID:u1\r\n"
			      "X-BEFORE;X-P=1:kept\r\n"
			      "FN:Doe\\, Joe (the one)\r\n"
			      "N:Doe;Joe;Q.,Public;;\r\n"
			      "item7.TEL;TYPE=HOME;X-P=\"a:b\":030 1\r\n"
			      "item7.X-ABLabel:den\r\n"
			      "TEL:030 2\r\n"
			      "TEL;TYPE=work,fax:030 3\r\n"
			      "EMAIL;TYPE=home:1@example.com\r\n"
			      "EMAIL;TYPE=work:2@example.com\r\n"
			      "EMAIL:3@example.com\r\n"
			      "EMAIL;X-P=4:4@example.com\r\n"
			      "ADR;TYPE=home;LABEL=\"x\":PO;ext;S 1;City;;1,2;DE\r\n"
			      "ORG:Comp;Dep;Off;More\r\n"
			      "GENDER:M\r\n"
			      "item8.X-ABDATE:20100101\r\n"
			      "item8.X-ABLabel:_$!<Anniversary>!$_\r\n"
			      "END:VCARD\r\n";

static void
a_card_that_nobody_changed_is_written_as_it_was(void **state UNUSED)
{
	AUTO(arena)
	struct arena *a = arena_new();

	assert_string_equal(written(a, parse(a, foreign)), foreign);
}

/* Changes one line of foreign: from to to. */
static void
assert_changed(struct arena *a, const struct pim_contact *c, const char *from,
               const char *to)
{
	const char *at = strstr(foreign, from);

	assert_non_null(at);
	const char *want = arena_printf(a, "%.*s%s%s", (int)(at - foreign), foreign, to,
	                                at + strlen(from));
	assert_string_equal(written(a, c), want);
}

static void
a_change_touches_its_property_only(void **state UNUSED)
{
	AUTO(arena)
	struct arena *a = arena_new();
	struct pim_contact *c = parse(a, foreign);

	assert_string_equal(c->phone[PIM_PHONE_HOME], "030 1");
	assert_string_equal(c->phone[PIM_PHONE_HOME2], "030 2");
	assert_string_equal(c->phone[PIM_PHONE_BUSINESS_FAX], "030 3");
	assert_string_equal(c->address[PIM_ADDRESS_HOME].postal_code, "1,2");
	assert_string_equal(c->office, "Off");
	c->phone[PIM_PHONE_HOME] = "030 9";
	assert_changed(a, c, ":030 1\r\n", ":030 9\r\n");
	c = parse(a, foreign);
	c->email[1] = "\"Two\" <two@example.com>";
	assert_changed(a, c, "EMAIL;TYPE=work:2@",
	               "EMAIL;TYPE=work;X-GODWIT-NAME=Two:two@");
	c = parse(a, foreign);
	c->department = "D;2";
	assert_changed(a, c, ":Comp;Dep;Off;More", ":Comp;D\\;2;Off;More");
	c = parse(a, foreign);
	c->address[PIM_ADDRESS_HOME].city = "Town";
	assert_changed(a, c, ";LABEL=\"x\":PO;ext;S 1;City;;1,2;DE",
	               ":PO;ext;S 1;Town;;1,2;DE");
	c = parse(a, foreign);
	c->first_name = "Jim";
	assert_changed(a, c, "N:Doe;Joe;Q.,Public;;", "N:Doe;Jim;Q.,Public;;");
	c = parse(a, foreign);
	c->title = "Dr.";
	c->nickname = "JD";
	c->company = NULL;
	c->department = NULL;
	c->office = NULL;
	assert_non_null(strstr(written(a, c), "N:Doe;Joe;Q.,Public;Dr.;\r\n"));
	assert_non_null(strstr(written(a, c), "\r\nORG:;;;More\r\n"));
	assert_non_null(strstr(written(a, c), "\r\nNICKNAME:JD\r\nEND:"));
}

static void
the_full_name_follows_the_names_unless_somebody_set_it(void **state UNUSED)
{
	AUTO(arena)
	struct arena *a = arena_new();
	struct pim_contact *c = pim_contact_new(a);

	c->first_name = "Joe";
	c->last_name = "Doe";
	c->suffix = "Jr.";
	c = parse(a, written(a, c));
	assert_string_equal(c->full_name, "Joe Doe, Jr.");
	c->first_name = "Jane";
	c = parse(a, written(a, c));
	assert_string_equal(c->full_name, "Jane Doe, Jr.");
	c->full_name = "The Boss";
	c = parse(a, written(a, c));
	c->last_name = "Roe";
	c = parse(a, written(a, c));
	assert_string_equal(c->full_name, "The Boss");
	assert_string_equal(pim_contact_display(c, a), "The Boss");
	c = pim_contact_new(a);
	c->phone[PIM_PHONE_MOBILE] = "1";
	assert_string_equal(pim_contact_display(c, a), "1");
}

static void
a_linked_photo_stays_and_can_be_replaced(void **state UNUSED)
{
	AUTO(arena)
	struct arena *a = arena_new();
	const char *text = "BEGIN:VCARD\r\nVERSION:4.0\r\nUID:u\r\nFN:x\r\n"
			   "PHOTO;X-P=1:http://example.com/x.jpg\r\nEND:VCARD\r\n";
	struct pim_contact *c = parse(a, text);

	assert_string_equal(c->photo_uri, "http://example.com/x.jpg");
	assert_string_equal(written(a, c), text);
	c->photo = SPAN("\xff\xd8\xff");
	c = parse(a, written(a, c));
	assert_true(span_is(c->photo, "\xff\xd8\xff"));
	assert_null(c->photo_uri);
	c = parse(a, text);
	c->photo_uri = NULL;
	assert_null(strstr(written(a, c), "PHOTO"));
	/* Broken lines, no padding, bits that stand for nothing. */
	c = parse(a, "BEGIN:VCARD\r\nVERSION:3.0\r\nFN:x\r\n"
	             "PHOTO;ENCODING=b:QUJD\r\n  RB\r\nEND:VCARD\r\n");
	assert_true(span_is(c->photo, "ABCD"));
}

static void
the_text_of_an_html_note_is_made(void **state UNUSED)
{
	AUTO(arena)
	struct arena *a = arena_new();
	struct pim_contact *c = pim_contact_new(a);

	pim_body_set_html(&c->body, "<p>Hello <b>you</b></p>", a);
	c = parse(a, written(a, c));
	assert_string_equal(c->body.html, "<p>Hello <b>you</b></p>");
	assert_non_null(strstr(c->body.plain, "Hello you"));
	pim_body_set_plain(&c->body, "plain");
	c = parse(a, written(a, c));
	assert_null(c->body.html);
	assert_string_equal(c->body.plain, "plain");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_field_comes_back),
		cmocka_unit_test(places_keep_what_was_put_into_them),
		cmocka_unit_test(a_card_that_nobody_changed_is_written_as_it_was),
		cmocka_unit_test(a_change_touches_its_property_only),
		cmocka_unit_test(the_full_name_follows_the_names_unless_somebody_set_it),
		cmocka_unit_test(a_linked_photo_stays_and_can_be_replaced),
		cmocka_unit_test(the_text_of_an_html_note_is_made),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
