/* SPDX-License-Identifier: ISC
 *
 * test_vcard.c - vCard 2.1, 3.0 and 4.0 into one another, and cards that come back.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "format/vcard.h"

static struct vobj *
parse(struct arena *a, const char *text)
{
	struct vobj *o;
	enum rc rc = vcard_parse(span_str(text), a, &o, NULL);

	if (rc != RC_OK)
		fail_msg("%s: %s", rc_str(rc), text);
	return o;
}

static const char *
written(struct arena *a, const struct vobj *card, enum vcard_version version)
{
	AUTO_DONE(buf) struct buf out = BUF_INIT(0);

	vcard_write(card, version, NULL, &out);
	return arena_strndup(a, buf_span(&out));
}

static const char phone_card[] =
	"BEGIN:VCARD\r\n"
	"VERSION:2.1\r\n"
	"N;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:M=C3=BCller;Jo\\;rg;;;\r\n"
	"TEL;CELL;PREF:+49 170 1\r\n"
	"TEL;HOME;VOICE:030,1\r\n"
	"EMAIL;INTERNET:a@example.com\r\n"
	"NOTE;ENCODING=QUOTED-PRINTABLE:one; two, =5C x=0D=0Athree\r\n"
	"BDAY:1985-04-12\r\n"
	"PHOTO;JPEG;ENCODING=BASE64:\r\n"
	" /9j/4AAQ\r\n"
	"\r\n"
	"X-ODD;X-ANY:a;b\r\n"
	"END:VCARD\r\n";

static void
a_card_of_an_old_phone_is_one_of_4_0(void **state UNUSED)
{
	AUTO(arena)
	struct arena *a = arena_new();

	assert_string_equal(written(a, parse(a, phone_card), VCARD_4_0),
	                    "BEGIN:VCARD\r\n"
	                    "VERSION:4.0\r\n"
	                    "FN:Jo\\;rg Müller\r\n"
	                    "N:Müller;Jo\\;rg;;;\r\n"
	                    "TEL;TYPE=CELL;PREF=1:+49 170 1\r\n"
	                    "TEL;TYPE=HOME;TYPE=VOICE:030\\,1\r\n"
	                    "EMAIL;TYPE=INTERNET:a@example.com\r\n"
	                    "NOTE:one\\; two\\, \\\\ x\\nthree\r\n"
	                    "BDAY:19850412\r\n"
	                    "PHOTO:data:image/jpeg;base64,/9j/4AAQ\r\n"
	                    "X-ODD;TYPE=X-ANY:a;b\r\n"
	                    "END:VCARD\r\n");
}

static void
a_card_of_an_old_phone_goes_back_as_it_came(void **state UNUSED)
{
	AUTO(arena)
	struct arena *a = arena_new();
	const char *out = written(a, parse(a, phone_card), VCARD_2_1);
	const char *const lines[] = {
		"N;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:M=C3=BCller;Jo\\;rg;;;\r\n",
		"\r\nTEL;CELL;PREF:+49 170 1\r\n",
		"\r\nTEL;HOME;VOICE:030,1\r\n",
		"\r\nEMAIL;INTERNET:a@example.com\r\n",
		"one; two, \\ x=0D=0Athree\r\n",
		"\r\nBDAY:1985-04-12\r\n",
		"\r\nPHOTO;JPEG;ENCODING=BASE64:\r\n /9j/4AAQ\r\n\r\n",
		"\r\nX-ODD;X-ANY:a;b\r\n",
	};

	for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
		if (!strstr(out, lines[i]))
			fail_msg("no \"%s\" in:\n%s", lines[i], out);
	}
	/* And is the same card again. */
	assert_string_equal(written(a, parse(a, out), VCARD_2_1), out);
}

static void
version_3_0_has_its_own_words(void **state UNUSED)
{
	AUTO(arena)
	struct arena *a = arena_new();
	const char *text = "BEGIN:VCARD\r\n"
			   "VERSION:3.0\r\n"
			   "FN:Jo\r\n"
			   "N:;Jo;;;\r\n"
			   "item1.TEL;TYPE=iPhone,CELL,pref;X-A=1:1\r\n"
			   "item1.X-ABLabel:_$!<Home>!$_\r\n"
			   "BDAY;X-APPLE-OMIT-YEAR=1604;VALUE=date:1604-04-12\r\n"
			   "X-ANNIVERSARY:2001-02-03\r\n"
			   "GEO:37.386;-122.08\r\n"
			   "PHOTO;ENCODING=b;TYPE=PNG:iVBORw0K\r\n"
			   "LOGO;VALUE=uri:http://example.com/a;b.png\r\n"
			   "END:VCARD\r\n";
	struct vobj *card = parse(a, text);

	assert_string_equal(written(a, card, VCARD_4_0),
	                    "BEGIN:VCARD\r\n"
	                    "VERSION:4.0\r\n"
	                    "FN:Jo\r\n"
	                    "N:;Jo;;;\r\n"
	                    "item1.TEL;TYPE=iPhone,CELL;X-A=1;PREF=1:1\r\n"
	                    "item1.X-ABLabel:_$!<Home>!$_\r\n"
	                    "BDAY;VALUE=date:--0412\r\n"
	                    "ANNIVERSARY:20010203\r\n"
	                    "GEO:geo:37.386,-122.08\r\n"
	                    "PHOTO:data:image/png;base64,iVBORw0K\r\n"
	                    "LOGO:http://example.com/a;b.png\r\n"
	                    "END:VCARD\r\n");
	const char *back = written(a, card, VCARD_3_0);
	assert_non_null(strstr(back, "item1.TEL;TYPE=iPhone,CELL;X-A=1;TYPE=pref:1\r\n"));
	assert_non_null(
		strstr(back, "BDAY;VALUE=date;X-APPLE-OMIT-YEAR=1604:1604-04-12\r\n"));
	assert_non_null(strstr(back, "X-ANNIVERSARY:2001-02-03\r\n"));
	assert_non_null(strstr(back, "GEO:37.386;-122.08\r\n"));
	assert_non_null(strstr(back, "PHOTO;ENCODING=b;TYPE=PNG:iVBORw0K\r\n"));
	assert_non_null(strstr(back, "LOGO;VALUE=uri:http://example.com/a;b.png\r\n"));
}

static void
a_card_within_a_card_is_kept(void **state UNUSED)
{
	AUTO(arena)
	struct arena *a = arena_new();
	struct vobj *card =
		parse(a, "BEGIN:VCARD\r\nVERSION:2.1\r\nN:A\r\nAGENT:\r\n"
	                 "BEGIN:VCARD\r\nVERSION:2.1\r\nN:B;b\r\nEND:VCARD\r\n"
	                 "TEL:1\r\nEND:VCARD\r\n");

	assert_non_null(
		strstr(written(a, card, VCARD_4_0),
	               "AGENT;VALUE=text:BEGIN:VCARD\\nVERSION:2.1\\nN:B\\;b\\n"));
	assert_non_null(vobj_find(card, "TEL"));
}

static void
all_cards_of_an_address_book_are_read(void **state UNUSED)
{
	AUTO(arena)
	struct arena *a = arena_new();
	struct vobj *o;

	assert_int_equal(
		vcard_parse_all(SPAN("BEGIN:VCARD\nFN:a\nEND:VCARD\n"
	                             "BEGIN:VCALENDAR\nEND:VCALENDAR\n"
	                             "BEGIN:VCARD\nVERSION:2.1\nFN:b\nEND:VCARD\n"),
	                        a, &o),
		RC_OK);
	assert_true(span_is(vobj_find(o, "FN")->value, "a"));
	assert_true(span_is(vobj_find(o->next, "FN")->value, "b"));
	assert_null(o->next->next);
	assert_int_equal(
		vcard_parse(SPAN("BEGIN:VCALENDAR\nEND:VCALENDAR\n"), a, &o, NULL),
		RC_INVALID);
}

static void
a_device_gets_what_it_can_hold(void **state UNUSED)
{
	AUTO(arena)
	struct arena *a = arena_new();
	AUTO_DONE(buf) struct buf out = BUF_INIT(0);
	const struct vobj_cap list[] = {
		{ .name = "N" },
		{ .name = "TEL", .occurs_max = 1 },
		{ .name = "NOTE", .size_max = 5 },
		{ .name = "TITLE", .size_max = 2, .no_truncate = true },
		{ .name = "PHOTO", .size_max = 4 },
	};
	struct vobj_caps caps = { list, ARRAY_LEN(list) };

	vcard_write(parse(a, "BEGIN:VCARD\r\nVERSION:3.0\r\nFN:F\r\nN:L;F;;;\r\nTEL:1\r\n"
	                     "TEL:2\r\nNOTE:abcd\\,efg\r\nTITLE:boss\r\n"
	                     "PHOTO;ENCODING=b:AAAAAAAA\r\nEND:VCARD\r\n"),
	            VCARD_3_0, &caps, &out);
	assert_true(span_is(buf_span(&out),
	                    "BEGIN:VCARD\r\nVERSION:3.0\r\nN:L;F;;;\r\nTEL:1\r\n"
	                    "NOTE:abcd\r\nEND:VCARD\r\n"));
}

/* Merging */

static const char stored_card[] = "BEGIN:VCARD\r\n"
				  "VERSION:4.0\r\n"
				  "UID:u1\r\n"
				  "FN:Joe Doe\r\n"
				  "N:Doe;Joe;;;\r\n"
				  "item1.TEL;TYPE=CELL,iPhone;X-KEEP=1:+49 (170) 1-2\r\n"
				  "item1.X-ABLabel:own phone\r\n"
				  "TEL;TYPE=HOME,VOICE:030 1\r\n"
				  "TEL;TYPE=WORK,VOICE:030 2\r\n"
				  "EMAIL;PREF=1:joe@example.com\r\n"
				  "NOTE:note\r\n"
				  "PHOTO:data:image/png;base64,iVBORw0K\r\n"
				  "X-SOMETHING;X-P=\"a,b\":else\r\n"
				  "END:VCARD\r\n";

static const char *
merged(struct arena *a, const char *incoming)
{
	struct vobj *m = vcard_merge(parse(a, stored_card), parse(a, incoming), NULL, a);

	return written(a, m, VCARD_4_0);
}

static void
what_a_phone_gave_back_unchanged_is_as_it_was(void **state UNUSED)
{
	AUTO(arena)
	struct arena *a = arena_new();
	struct vobj *stored = parse(a, stored_card);
	const char *sent = written(a, stored, VCARD_2_1);
	struct vobj *back = vcard_merge(stored, parse(a, sent), NULL, a);

	assert_string_equal(written(a, back, VCARD_4_0), stored_card);
}

static void
a_phones_edit_changes_what_it_edited_and_nothing_else(void **state UNUSED)
{
	AUTO(arena)
	struct arena *a = arena_new();

	/* Another home number, a note gone, an office number new; it knows no photo. */
	assert_string_equal(merged(a, "BEGIN:VCARD\r\nVERSION:2.1\r\nN:Doe;Joe\r\n"
	                              "TEL;CELL:+4917012\r\nTEL;HOME:999\r\n"
	                              "TEL;WORK:030 2\r\nTEL;FAX;WORK:777\r\n"
	                              "EMAIL;INTERNET:JOE@example.com\r\nEND:VCARD\r\n"),
	                    "BEGIN:VCARD\r\n"
	                    "VERSION:4.0\r\n"
	                    "UID:u1\r\n"
	                    "FN:Joe Doe\r\n"
	                    "N:Doe;Joe;;;\r\n"
	                    "item1.TEL;TYPE=CELL,iPhone;X-KEEP=1:+49 (170) 1-2\r\n"
	                    "item1.X-ABLabel:own phone\r\n"
	                    "TEL;TYPE=HOME,VOICE:999\r\n"
	                    "TEL;TYPE=WORK,VOICE:030 2\r\n"
	                    "EMAIL;PREF=1:joe@example.com\r\n"
	                    "PHOTO:data:image/png;base64,iVBORw0K\r\n"
	                    "X-SOMETHING;X-P=\"a,b\":else\r\n"
	                    "TEL;TYPE=FAX;TYPE=WORK:777\r\n"
	                    "END:VCARD\r\n");
}

static void
a_number_that_moved_takes_its_label_and_words_along(void **state UNUSED)
{
	AUTO(arena)
	struct arena *a = arena_new();
	const char *out = merged(a, "BEGIN:VCARD\r\nVERSION:2.1\r\nN:Doe;Joe\r\n"
	                            "TEL;WORK:+4917012\r\nTEL;HOME:030 1\r\n"
	                            "END:VCARD\r\n");

	assert_non_null(
		strstr(out, "item1.TEL;TYPE=iPhone,WORK;X-KEEP=1:+49 (170) 1-2\r\n"));
	assert_null(strstr(out, "030 2"));
	assert_null(strstr(out, "EMAIL"));
	/* A number that is gone takes its label with it. */
	out = merged(a, "BEGIN:VCARD\r\nVERSION:2.1\r\nN:Doe;Joe\r\nEND:VCARD\r\n");
	assert_null(strstr(out, "own phone"));
}

static void
another_name_makes_another_full_name(void **state UNUSED)
{
	AUTO(arena)
	struct arena *a = arena_new();
	const char *out = merged(a, "BEGIN:VCARD\r\nVERSION:2.1\r\nN:Roe;Jane\r\n"
	                            "END:VCARD\r\n");

	assert_non_null(strstr(out, "N:Roe;Jane\r\n"));
	assert_non_null(strstr(out, "FN:Jane Roe\r\n"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_card_of_an_old_phone_is_one_of_4_0),
		cmocka_unit_test(a_card_of_an_old_phone_goes_back_as_it_came),
		cmocka_unit_test(version_3_0_has_its_own_words),
		cmocka_unit_test(a_card_within_a_card_is_kept),
		cmocka_unit_test(all_cards_of_an_address_book_are_read),
		cmocka_unit_test(a_device_gets_what_it_can_hold),
		cmocka_unit_test(what_a_phone_gave_back_unchanged_is_as_it_was),
		cmocka_unit_test(a_phones_edit_changes_what_it_edited_and_nothing_else),
		cmocka_unit_test(a_number_that_moved_takes_its_label_and_words_along),
		cmocka_unit_test(another_name_makes_another_full_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
