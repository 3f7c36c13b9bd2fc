/* SPDX-License-Identifier: ISC
 *
 * test_mime_text.c - what a person reads of a message.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "format/charset.h"
#include "format/mime_text.h"
#include "format/utf8_clean.h"

#define assert_span(s, text)                                                             \
	do {                                                                             \
		struct span span_ = (s);                                                 \
		if (!span_.p || !span_is(span_, text))                                   \
			fail_msg("\"%.*s\" is not \"%s\"", SPAN_FMT(span_), text);       \
	} while (0)

static double
cpu_seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void
header_words_are_decoded(void **state UNUSED)
{
	static const struct {
		const char *raw, *text;
	} cases[] = {
		{ "plain", "plain" },
		{ "", "" },
		{ "=?utf-8?Q?gr=C3=BC=C3=9Fe?=", "gr\xc3\xbc\xc3\x9f"
		                                 "e" },
		{ "=?UTF-8?B?w6k=?= =?iso-8859-1?q?=E9_x?=", "\xc3\xa9\xc3\xa9 x" },
		{ "a =?utf-8?Q?b?= c", "a b c" },
		{ "=?iso-2022-jp?B?GyRCRnxLXBsoQg==?=", "\xe6\x97\xa5\xe6\x9c\xac" },
		{ "=?gb2312?B?xOO6ww==?=", "\xe4\xbd\xa0\xe5\xa5\xbd" },
		{ "bare \xc3\xa9", "bare \xc3\xa9" },
		{ "bare latin \xe9", "bare latin \xc3\xa9" },
		{ "=?utf-8?Q?a=0D=0ABcc:_x?=", "a  Bcc: x" },
		{ "=?utf-8?Q?a=00b?=", "a?b" },
		{ "=?utf-8?X?oops?=", "=?utf-8?X?oops?=" },
		{ "=?", "=?" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(arena)
		struct arena *a = arena_new();
		struct span s = mime_decode_header(span_str(cases[i].raw), a);
		assert_true(utf8_is_valid(s));
		if (!span_is(s, cases[i].text))
			fail_msg("%s: %.*s", cases[i].raw, SPAN_FMT(s));
	}
}

static void
addresses_are_shown_as_one_writes_them(void **state UNUSED)
{
	static const struct {
		const char *raw, *text;
	} cases[] = {
		{ "", "" },
		{ "a@b", "a@b" },
		{ "=?utf-8?Q?J=C3=B6rg?= <j@x>, a@b", "J\xc3\xb6rg <j@x>, a@b" },
		{ "\"B, Ann\" <a@b>", "\"B, Ann\" <a@b>" },
		{ "=?utf-8?Q?B=2C_=22Ann=22?= <a@b>", "\"B, \\\"Ann\\\"\" <a@b>" },
		{ "\"a b\"@c", "\"a b\"@c" },
		{ "root", "root" },
		{ "x@y, Us: a@b, c@d; e@f", "x@y, Us: a@b, c@d;, e@f" },
		{ "nobody:;", "nobody: ;" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(arena)
		struct arena *a = arena_new();
		struct span s = mime_addresses_str(
			mime_address_parse(span_str(cases[i].raw), 0, a), a);
		if (!span_is(s, cases[i].text))
			fail_msg("%s: %.*s", cases[i].raw, SPAN_FMT(s));
	}
}

static void
bodies_are_decoded_as_far_as_they_can_be_read(void **state UNUSED)
{
	static const struct {
		const char *encoding, *charset, *body, *text;
	} cases[] = {
		{ "7bit", "us-ascii", "a\r\nb", "a\r\nb" },
		{ "base64", "utf-8", "w6kK\r\nw6k=\r\n", "\xc3\xa9\n\xc3\xa9" },
		{ "base64", "utf-8", "w6kK!!? w6", "\xc3\xa9\n" },
		{ "quoted-printable", "iso-8859-1",
		  "=E9=\r\n=e9 =ZZ=", "\xc3\xa9\xc3\xa9 =ZZ" },
		{ "quoted-printable", "", "a \t\r\nb= \t\r\nc=20\r\nd= e =\n",
		  "a\r\nbc \r\nd= e " },
		{ "x-uuencode", "", "hello\nbegin 644 x\n#0V%T\n`\nend\n", "Cat" },
		{ "x-unknown", "utf-8", "=E9", "=E9" },
		{ "8bit", "windows-1252", "\x80", "\xe2\x82\xac" },
		{ "8bit", "", "\xe9", "\xc3\xa9" },
		{ "8bit", "us-ascii", "\xc3\xa9", "\xc3\xa9" },
		{ "8bit", "utf-8", "\xc3\xa9\xe9", "\xc3\xa9\xef\xbf\xbd" },
		{ "8bit", "no-such-charset", "a\xe9", "a\xef\xbf\xbd" },
		{ "8bit", "UTF-8//TRANSLIT", "a\xe9", "a\xef\xbf\xbd" },
		{ "8bit", "shift_jis", "\x93\xfa\x96{ \xff",
		  "\xe6\x97\xa5\xe6\x9c\xac \xef\xbf\xbd" },
		{ "8bit", "gb18030", "\xc4\xe3\xc4", "\xe4\xbd\xa0\xef\xbf\xbd" },
		{ "7bit", "utf-7", "+AOk-", "\xc3\xa9" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO_DONE(buf) struct buf out = BUF_INIT(0);
		struct mime_param charset = { SPAN("charset"), span_str(cases[i].charset),
			                      NULL };
		struct mime_part p = { .encoding = span_str(cases[i].encoding),
			               .params = &charset };
		mime_decode_text(&p, span_str(cases[i].body), &out);
		if (!span_is(buf_span(&out), cases[i].text))
			fail_msg("%s %s: \"%.*s\"", cases[i].encoding, cases[i].body,
			         SPAN_FMT(buf_span(&out)));
	}
}

static void
a_long_body_is_decoded_in_pieces(void **state UNUSED)
{
	AUTO_DONE(buf) struct buf body = BUF_INIT(0);
	AUTO_DONE(buf) struct buf out = BUF_INIT(0);
	AUTO_DONE(buf) struct buf few = BUF_INIT(100);
	struct mime_part p = { .encoding = SPAN("base64") };

	for (int i = 0; i < 30000; i++)
		buf_add_str(&body, i % 19 == 18 ? "w6l4\r\n" : "w6l4");
	mime_decode_text(&p, buf_span(&body), &out);
	assert_int_equal(out.len, 90000);
	for (size_t i = 0; i < out.len; i += 3)
		assert_memory_equal(out.p + i, "\xc3\xa9x", 3);
	mime_decode_body(&p, buf_span(&body), &few);
	assert_false(buf_ok(&few));
}

/* "plain html attachments", each as the part's id; "-" for none; "S" when signed. */
static void
view_str(struct span raw, struct arena *a, struct buf *out)
{
	struct mime_view v;

	mime_view_make(mime_parse(raw, NULL, a), a, &v);
	buf_add_span(out, v.plain ? v.plain->id : SPAN("-"));
	buf_add_char(out, ' ');
	buf_add_span(out, v.html ? v.html->id : SPAN("-"));
	for (size_t i = 0; i < v.n_attachments; i++) {
		buf_add_char(out, ' ');
		buf_add_span(out, v.attachments[i]->id);
	}
	if (v.is_signed)
		buf_add_str(out, " S");
}

#define MULTI(subtype, boundary)                                                         \
	"Content-Type: multipart/" subtype "; boundary=" boundary "\n\n--" boundary "\n"
#define LEAF(id, type) "Content-ID: " id "\nContent-Type: " type "\n\nx\n"

static void
a_reader_sees_body_and_attachments(void **state UNUSED)
{
	static const struct {
		const char *raw, *view;
	} cases[] = {
		{ LEAF("1", "text/plain"), "1 -" },
		{ LEAF("1", "text/plain; name=a.txt"), "1 -" },
		{ LEAF("1", "text/html"), "- 1" },
		{ LEAF("1", "image/png"), "- - 1" },
		{ LEAF("1", "text/calendar"), "- - 1" },
		{ LEAF("1", "text/plain\nContent-Disposition: attachment"), "- - 1" },
		{ MULTI("alternative", "a")
		          LEAF("1", "text/plain") "--a\n" LEAF("2", "text/html") "--a--",
		  "1 2" },
		{ MULTI("alternative", "a")
		          LEAF("1", "text/html") "--a\n" LEAF("2", "text/plain") "--a--",
		  "2 1" },
		{ MULTI("alternative",
		        "a") LEAF("1", "text/plain") "--a\n" MULTI("related", "r")
		          LEAF("2", "text/html") "--r\n" LEAF(
				  "3",
				  "image/png") "--r--\n--a\n" LEAF("4",
		                                                   "text/calendar") "--a--",
		  "1 2 3 4" },
		{ MULTI("mixed", "m") MULTI("alternative", "a")
		          LEAF("1", "text/plain") "--a\n" LEAF("2", "text/html") "--a--\n--m\n" LEAF(
				  "3",
				  "application/pdf") "--m\n" LEAF("4",
		                                                  "text/plain") "--m--",
		  "1 2 3 4" },
		{ MULTI("mixed", "m")
		          LEAF("1", "text/plain") "--m\n" LEAF("2", "text/html") "--m--",
		  "1 - 2" },
		{ MULTI("mixed", "m") LEAF("1", "text/plain; name=log.txt") "--m\n" LEAF(
			  "2", "text/plain") "--m--",
		  "2 - 1" },
		{ MULTI("mixed", "m")
		          LEAF("1", "text/plain") "--m\nContent-ID: 2\n"
		                                  "Content-Type: message/rfc822\n\n" LEAF(
							  "3", "text/html") "--m--",
		  "1 - 2" },
		{ "Content-ID: 1\nContent-Type: message/rfc822\n\n" LEAF("2",
		                                                         "text/plain"),
		  "- - 1" },
		{ MULTI("signed", "s") LEAF("1", "text/plain") "--s\n" LEAF(
			  "2", "application/pgp-signature") "--s--",
		  "1 - 2 S" },
		{ MULTI("mixed", "m") MULTI("signed", "s") MULTI("alternative", "a")
		          LEAF("1", "text/html") "--a--\n--s\n" LEAF(
				  "2", "application/pkcs7-signature") "--s--\n--m--",
		  "- 1 2 S" },
		{ LEAF("1", "application/pkcs7-mime"), "- - 1 S" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(arena)
		struct arena *a = arena_new();
		AUTO_DONE(buf) struct buf out = BUF_INIT(0);
		view_str(span_str(cases[i].raw), a, &out);
		if (!span_is(buf_span(&out), cases[i].view))
			fail_msg("%s\nis %.*s", cases[i].raw, SPAN_FMT(buf_span(&out)));
	}
}

static void
file_names_are_found_and_decoded(void **state UNUSED)
{
	static const struct {
		const char *raw, *name;
	} cases[] = {
		{ "Content-Type: a/b; name=n.txt\n\n", "n.txt" },
		{ "Content-Type: a/b; name=n.txt\nContent-Disposition: x; filename=f.txt\n\n",
		  "f.txt" },
		{ "Content-Type: a/b; name=\"=?utf-8?B?w6kudHh0?=\"\n\n",
		  "\xc3\xa9.txt" },
		{ "Content-Disposition: x; filename*=utf-8''%C3%A9.txt\n\n",
		  "\xc3\xa9.txt" },
		{ "Content-Disposition: x; filename=\"\xe9.txt\"\n\n", "\xc3\xa9.txt" },
		{ "Content-Type: a/b\n\n", "" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(arena)
		struct arena *a = arena_new();
		struct mime_part *p = mime_parse(span_str(cases[i].raw), NULL, a);
		assert_span(mime_part_filename(p, a), cases[i].name);
	}
}

static void
html_becomes_readable_text(void **state UNUSED)
{
	static const struct {
		const char *html, *text;
	} cases[] = {
		{ "", "" },
		{ "plain", "plain\n" },
		{ "a  b\n\tc&nbsp;d", "a b c d\n" },
		{ "<html><head><title>T</title><style>p{a<b}</style></head><body>x</body>",
		  "x\n" },
		{ "<script>if (a<b) '</p>'</script>x<SCRIPT>y</script >z", "xz\n" },
		{ "<p>one<p>two</p>three", "one\n\ntwo\n\nthree\n" },
		{ "<div>one</div><div>two<br>three<br><br><br>four</div>",
		  "one\ntwo\nthree\n\nfour\n" },
		{ "<ul><li>a<li>b<ul><li>c</ul><li>d</ul>e",
		  "- a\n- b\n  - c\n- d\n\ne\n" },
		{ "<ol><li>a</li><li>b</li></ol>", "1. a\n2. b\n" },
		{ "<a href=\"http://x.example/?a=1&amp;b=2\">here</a>!",
		  "here <http://x.example/?a=1&b=2>!\n" },
		{ "<a href='http://x.example'>http://x.example</a>",
		  "http://x.example\n" },
		{ "<a href=mailto:a@b>a@b</a> <a href=\"mailto:c@d\">C</a>",
		  "a@b C <c@d>\n" },
		{ "<a href=\"javascript:x()\">no</a> <a name=x>anchor</a>",
		  "no anchor\n" },
		{ "&lt;&amp;&gt;&quot;&apos;&eacute;&#233;&#xe9;&#128;&euro;",
		  "<&>\"'\xc3\xa9\xc3\xa9\xc3\xa9\xe2\x82\xac\xe2\x82\xac\n" },
		{ "&nothing; & &# &#x; &#xd800; &#99999999; a&b",
		  "&nothing; & &# &#x; \xef\xbf\xbd \xef\xbf\xbd a&b\n" },
		{ "<blockquote>said<br>more</blockquote>mine",
		  "> said\n> more\n\nmine\n" },
		{ "<pre>a\n  b\n\nc</pre>d", "a\n  b\n\nc\n\nd\n" },
		{ "<table><tr><td>a</td><td>b</td></tr><tr><td>c</table>", "a b\nc\n" },
		{ "<!-- x > --><!DOCTYPE html><?xml?>a<!-- open", "a\n" },
		{ "1 < 2 <> </ > <3", "1 < 2 <> </ > <3\n" },
		{ "a<img src=x alt='a picture'>b<hr>c", "aa pictureb\n----\nc\n" },
		{ "<p title=\"a > b\">x</p><b c='>y", "x\n\ny\n" },
		{ "<b a=\"x>y</b>z", "yz\n" },
		{ "x\xe9\x01y", "x\xef\xbf\xbdy\n" },
		{ "<o:p></o:p>x<p class=MsoNormal>&nbsp;</p>y", "x\n\ny\n" },
		{ "<a href=\"http://x\">cut", "cut <http://x>\n" },
		{ "x<", "x<\n" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO_DONE(buf) struct buf out = BUF_INIT(0);
		html_to_text(span_str(cases[i].html), &out);
		if (!span_is(buf_span(&out), cases[i].text))
			fail_msg("%s: \"%.*s\"", cases[i].html, SPAN_FMT(buf_span(&out)));
	}
}

static void
text_becomes_escaped_html(void **state UNUSED)
{
	AUTO_DONE(buf) struct buf out = BUF_INIT(0);

	text_to_html(SPAN("a <b> & \"c\"\r\nd\n\ne\xff\x01"), &out);
	assert_span(buf_span(&out),
	            "a &lt;b&gt; &amp; &quot;c&quot;<br>\r\nd<br>\r\n<br>\r\n"
	            "e\xef\xbf\xbd");
}

/* XML 1.0 2.2, for each byte at each place of a text. */
static void
controls_are_taken_out_wherever_they_stand(void **state UNUSED)
{
	char text[19];

	for (int c = 0; c < 256; c++) {
		bool is_good =
			c == '\t' || c == '\n' || c == '\r' || (c >= 0x20 && c < 0x80);
		for (size_t at = 0; at < sizeof(text); at++) {
			AUTO_DONE(buf) struct buf out = BUF_INIT(0);

			memset(text, 'a', sizeof(text));
			text[at] = (char)c;
			assert_int_equal(utf8_is_clean(span_of(text, sizeof(text))),
			                 is_good);
			utf8_clean(span_of(text, sizeof(text)), &out);
			size_t left = is_good ? 1 : c < 0x80 ? 0 : 3;
			assert_int_equal(buf_span(&out).n, sizeof(text) - 1 + left);
		}
	}
}

static void
hostile_texts_take_linear_time(void **state UNUSED)
{
	static const struct {
		const char *what, *head, *piece;
	} cases[] = {
		{ "attributes", "<p ", "a=b " },
		{ "open quotes", "", "<a b=\"x>" },
		{ "both quotes", "", "<a b='\" c=\"'>" },
		{ "open comments", "", "<!--" },
		{ "open scripts", "", "<script>" },
		{ "nested bold", "", "<b>" },
		{ "nested quotes", "", "<blockquote>x<br>" },
		{ "nested lists", "", "<ol><li>" },
		{ "links", "", "<a href=http://x>" },
		{ "ampersands", "", "&" },
		{ "less-thans", "", "<" },
		{ "entities", "", "&aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO_DONE(buf) struct buf html = BUF_INIT(0);
		AUTO_DONE(buf) struct buf out = BUF_INIT(0);
		buf_add_str(&html, cases[i].head);
		for (int k = 0; k < 100000; k++)
			buf_add_str(&html, cases[i].piece);
		double before = cpu_seconds();
		html_to_text(buf_span(&html), &out);
		double seconds = cpu_seconds() - before;
		if (seconds > 3 || out.len > 4 * html.len)
			fail_msg("%s: %.2f s, %zu bytes", cases[i].what, seconds,
			         out.len);
	}
}

static void
hostile_header_words_take_linear_time(void **state UNUSED)
{
	static const char *const pieces[] = { "=?utf-8?Q?a?= ",   "=?",
		                              "=?utf-8?Q?",       "\xe9 ",
		                              "=?utf-8?B?w6k=?=", "=?a?q?b?=x " };

	for (size_t i = 0; i < ARRAY_LEN(pieces); i++) {
		AUTO(arena)
		struct arena *a = arena_new();
		AUTO_DONE(buf) struct buf raw = BUF_INIT(0);
		for (int k = 0; k < 50000; k++)
			buf_add_str(&raw, pieces[i]);
		double before = cpu_seconds();
		struct span s = mime_decode_header(buf_span(&raw), a);
		double seconds = cpu_seconds() - before;
		assert_true(utf8_is_valid(s));
		if (seconds > 3)
			fail_msg("%s: %.2f s", pieces[i], seconds);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(header_words_are_decoded),
		cmocka_unit_test(addresses_are_shown_as_one_writes_them),
		cmocka_unit_test(bodies_are_decoded_as_far_as_they_can_be_read),
		cmocka_unit_test(a_long_body_is_decoded_in_pieces),
		cmocka_unit_test(a_reader_sees_body_and_attachments),
		cmocka_unit_test(file_names_are_found_and_decoded),
		cmocka_unit_test(html_becomes_readable_text),
		cmocka_unit_test(text_becomes_escaped_html),
		cmocka_unit_test(controls_are_taken_out_wherever_they_stand),
		cmocka_unit_test(hostile_texts_take_linear_time),
		cmocka_unit_test(hostile_header_words_take_linear_time),
	};
	mime_text_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
