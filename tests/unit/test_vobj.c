/* SPDX-License-Identifier: ISC
 *
 * test_vobj.c - content lines of vCard and iCalendar to a tree and back.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "format/vobj.h"

static struct vobj *
parse(struct arena *a, const char *text)
{
	struct vobj *o;
	enum rc rc = vobj_parse(span_str(text), NULL, a, &o);

	if (rc != RC_OK)
		fail_msg("%s: %s", rc_str(rc), text);
	return o;
}

static void
assert_value(const struct vobj *o, const char *name, const char *value)
{
	const struct vobj_prop *p = vobj_find(o, name);

	if (!p)
		fail_msg("no %s", name);
	else if (!span_is(p->value, value))
		fail_msg("%s is \"%.*s\", not \"%s\"", name, SPAN_FMT(p->value), value);
}

static void
no_property_can_end_an_object(void **state UNUSED)
{
	static const struct span texts[] = {
		SPAN("BEGIN:VEVENT\r\nEND:VCALE\0NDAR\r\nUID:1\r\nEND:VEVENT\r\n"),
		SPAN("BEGIN:VEVENT\r\nEND;ENCODING=QUOTED-PRINTABLE:VEVEN=54\r\nUID:1\r\n"
		     "END:VEVENT\r\n"),
		SPAN("BEGIN:VEVENT\r\nBEGIN:V\0ALARM\r\nUID:1\r\nEND:VEVENT\r\n"),
	};

	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		AUTO(arena)
		struct arena *a = arena_new();
		AUTO_DONE(buf) struct buf out = BUF_INIT(0);
		struct vobj *o;

		assert_int_equal(vobj_parse(texts[i], NULL, a, &o), RC_OK);
		assert_value(o, "UID", "1");
		vobj_write(o, &out);
		o = parse(a, arena_strndup(a, buf_span(&out)));
		assert_string_equal(o->name, "VEVENT");
		assert_null(o->first);
		assert_value(o, "UID", "1");
	}
}

static void
what_is_read_is_written_as_it_was(void **state UNUSED)
{
	static const char text[] = "BEGIN:VCALENDAR\r\n"
				   "VERSION:2.0\r\n"
				   "X-ODD;X-P=\"a:b;c\";X-Q=^n,\"d,e\":v\\,1\\n;2\r\n"
				   "BEGIN:VEVENT\r\n"
				   "item1.SUMMARY;LANGUAGE=de:Grüße\r\n"
				   "END:VEVENT\r\n"
				   "BEGIN:X-OWN\r\n"
				   "X-A:\r\n"
				   "END:X-OWN\r\n"
				   "END:VCALENDAR\r\n";
	AUTO(arena)
	struct arena *a = arena_new();
	AUTO_DONE(buf) struct buf out = BUF_INIT(0);

	vobj_write(parse(a, text), &out);
	buf_add_char(&out, '\0');
	assert_string_equal(out.p, text);
}

static void
long_lines_are_folded_between_characters(void **state UNUSED)
{
	AUTO(arena)
	struct arena *a = arena_new();
	AUTO_DONE(buf) struct buf out = BUF_INIT(0);
	struct vobj *o = vobj_new(a, "vcard");

	buf_add_str(&out, "x");
	for (int i = 0; i < 100; i++)
		buf_add_str(&out, "\xe2\x82\xac");
	vobj_add(o, a, "NOTE", buf_span(&out));
	struct span note = arena_span(a, buf_span(&out));
	buf_clear(&out);
	vobj_write(o, &out);
	struct span rest = buf_span(&out), line;
	while (span_cut(&rest, '\n', &line)) {
		assert_true(line.n <= 76); /* with its CR */
		assert_true(utf8_is_valid(line));
	}
	struct vobj *again;
	assert_int_equal(vobj_parse(buf_span(&out), NULL, a, &again), RC_OK);
	assert_true(span_eq(vobj_find(again, "note")->value, note));
}

static void
any_line_end_and_folding_is_read(void **state UNUSED)
{
	AUTO(arena)
	struct arena *a = arena_new();
	const char *const texts[] = {
		"BEGIN:VCARD\r\nVERSION:3.0\r\nNOTE:one\r\n  two\r\nFN:x\r\nEND:VCARD\r\n",
		"BEGIN:VCARD\nVERSION:3.0\nNOTE:one\n  two\nFN:x\nEND:VCARD",
		"BEGIN:VCARD\rVERSION:3.0\rNOTE:one\r\t two\rFN:x\rEND:VCARD\r",
		"\xef\xbb\xbf"
		"BEGIN:VCARD\r\r\nVERSION:3.0\r\r\nNOTE:one\r\r\n  two\r\r\nFN:x\r\r\n",
	};

	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct vobj *o = parse(a, texts[i]);
		assert_value(o, "NOTE", "one two");
		assert_value(o, "FN", "x");
	}
}

static void
quoted_printable_of_vcard_2_1_is_undone_over_soft_breaks(void **state UNUSED)
{
	AUTO(arena)
	struct arena *a = arena_new();
	struct vobj *o = parse(a, "BEGIN:VCARD\r\n"
	                          "VERSION:2.1\r\n"
	                          "N;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:M=C3=BC=\r\n"
	                          "ller;J=C3=B6rg;;;\r\n"
	                          "NOTE;ENCODING=QUOTED-PRINTABLE:a=0D=0Ab\r\n"
	                          "TITLE;CHARSET=ISO-8859-1:Pr\xe9sident\r\n"
	                          "END:VCARD\r\n");

	assert_value(o, "N", "Müller;Jörg;;;");
	assert_value(o, "NOTE", "a\nb");
	assert_value(o, "TITLE", "Président");
	assert_null(vobj_param(vobj_find(o, "N"), "CHARSET", a));
	assert_null(vobj_param(vobj_find(o, "N"), "ENCODING", a));
}

static void
base64_is_joined_even_when_a_phone_does_not_indent_it(void **state UNUSED)
{
	AUTO(arena)
	struct arena *a = arena_new();
	struct vobj *o = parse(a, "BEGIN:VCARD\r\n"
	                          "VERSION:2.1\r\n"
	                          "PHOTO;TYPE=JPEG;ENCODING=BASE64:AAAA\r\n"
	                          "BBBB\r\n"
	                          "CC==\r\n"
	                          "\r\n"
	                          "LOGO;GIF;BASE64:\r\n"
	                          "  DDDD\r\n"
	                          "  EEEE\r\n"
	                          "\r\n"
	                          "TEL:1\r\n"
	                          "END:VCARD\r\n");

	assert_value(o, "PHOTO", "AAAABBBBCC==");
	assert_value(o, "LOGO", "DDDDEEEE");
	assert_value(o, "TEL", "1");
}

static void
a_line_that_is_none_belongs_to_the_text_before_it(void **state UNUSED)
{
	AUTO(arena)
	struct arena *a = arena_new();
	struct vobj *o = parse(a, "BEGIN:VCARD\r\n"
	                          "VERSION:3.0\r\n"
	                          "NOTE:first\r\n"
	                          "second line\r\n"
	                          "see also: this\r\n"
	                          "FN:x\r\n"
	                          "END:VCARD\r\n");

	assert_value(o, "NOTE", "first\\nsecond line\\nsee also: this");
	assert_value(o, "FN", "x");
}

static void
objects_that_are_not_ended_end_with_what_holds_them(void **state UNUSED)
{
	AUTO(arena)
	struct arena *a = arena_new();
	struct vobj *o =
		parse(a, "BEGIN:VCALENDAR\nBEGIN:VEVENT\nBEGIN:VALARM\nACTION:X\n"
	                 "END:VEVENT\nBEGIN:VTODO\nUID:1\nEND:NOTHING\n");

	assert_string_equal(o->first->name, "VEVENT");
	assert_string_equal(o->first->first->name, "VALARM");
	assert_string_equal(o->first->next->name, "VTODO");
	assert_value(o->first->next, "UID", "1");
}

static void
limits_are_kept(void **state UNUSED)
{
	AUTO(arena)
	struct arena *a = arena_new();
	struct vobj_limits depth = { .depth_max = 2 }, props = { .props_max = 2 };
	struct vobj_limits params = { .params_max = 1 }, objs = { .objs_max = 1 };
	struct vobj_limits bytes = { .bytes_max = 10 };
	struct vobj *o;

	assert_int_equal(vobj_parse(SPAN("BEGIN:A\nBEGIN:B\nBEGIN:C\n"), &depth, a, &o),
	                 RC_TOO_BIG);
	assert_int_equal(vobj_parse(SPAN("BEGIN:A\nX:1\nX:2\nX:3\n"), &props, a, &o),
	                 RC_TOO_BIG);
	assert_int_equal(vobj_parse(SPAN("BEGIN:A\nX;A=1;B=2:3\n"), &params, a, &o),
	                 RC_TOO_BIG);
	assert_int_equal(vobj_parse(SPAN("BEGIN:A\nEND:A\nBEGIN:B\n"), &objs, a, &o),
	                 RC_TOO_BIG);
	assert_int_equal(vobj_parse(SPAN("BEGIN:A\nEND:A"), &bytes, a, &o), RC_TOO_BIG);
	assert_int_equal(vobj_parse(SPAN("nothing: here"), NULL, a, &o), RC_INVALID);
}

static void
parameters_are_unquoted_and_set(void **state UNUSED)
{
	AUTO(arena)
	struct arena *a = arena_new();
	struct vobj *o =
		parse(a, "BEGIN:X\n"
	                 "ATTENDEE;CN=\"Doe, ^'J^'^nx\";TYPE=\"home,work\",cell:m\n"
	                 "END:X\n");
	struct vobj_prop *p = vobj_find(o, "attendee");
	AUTO_DONE(buf) struct buf out = BUF_INIT(0);

	assert_string_equal(vobj_param(p, "cn", a), "Doe, \"J\"\nx");
	assert_true(vobj_param_has(p, "type", "WORK"));
	assert_true(vobj_param_has(p, "type", "cell"));
	assert_false(vobj_param_has(p, "type", "fax"));
	vobj_param_set(p, a, "CN", "a;\"b\"");
	vobj_param_set(p, a, "TYPE", NULL);
	vobj_param_set(p, a, "ROLE", "CHAIR");
	vobj_write_prop(p, &out);
	buf_add_char(&out, '\0');
	assert_string_equal(out.p, "ATTENDEE;CN=\"a;^'b^'\";ROLE=CHAIR:m\r\n");
}

static void
texts_are_escaped_and_components_cut_at_bare_separators(void **state UNUSED)
{
	AUTO(arena)
	struct arena *a = arena_new();
	AUTO_DONE(buf) struct buf out = BUF_INIT(0);
	struct span v = SPAN("a\\;b;c\\,d\\\\;;e");

	assert_int_equal(vobj_text_parts(v, ';'), 4);
	assert_string_equal(vobj_text_part(v, ';', 0, a), "a;b");
	assert_string_equal(vobj_text_part(v, ';', 1, a), "c,d\\");
	assert_string_equal(vobj_text_part(v, ';', 3, a), "e");
	assert_string_equal(vobj_text_part(v, ';', 9, a), "");
	vobj_escape("a\r\nb\rc\n\x01;,\\\t", &out);
	assert_true(span_is(buf_span(&out), "a\\nb\\nc\\n\\;\\,\\\\\t"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_property_can_end_an_object),
		cmocka_unit_test(what_is_read_is_written_as_it_was),
		cmocka_unit_test(long_lines_are_folded_between_characters),
		cmocka_unit_test(any_line_end_and_folding_is_read),
		cmocka_unit_test(
			quoted_printable_of_vcard_2_1_is_undone_over_soft_breaks),
		cmocka_unit_test(base64_is_joined_even_when_a_phone_does_not_indent_it),
		cmocka_unit_test(a_line_that_is_none_belongs_to_the_text_before_it),
		cmocka_unit_test(objects_that_are_not_ended_end_with_what_holds_them),
		cmocka_unit_test(limits_are_kept),
		cmocka_unit_test(parameters_are_unquoted_and_set),
		cmocka_unit_test(texts_are_escaped_and_components_cut_at_bare_separators),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
