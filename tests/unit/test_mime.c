/* SPDX-License-Identifier: ISC
 *
 * test_mime.c - structure, offsets, headers, addresses, dates and the record of messages.
 */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "format/mime.h"

#define assert_span(s, text)                                                             \
	do {                                                                             \
		struct span span_ = (s);                                                 \
		if (!span_.p || !span_is(span_, text))                                   \
			fail_msg("\"%.*s\" is not \"%s\"", SPAN_FMT(span_), text);       \
	} while (0)

/* "multipart/mixed(text/plain,message/rfc822(text/html))" */
static void
outline(const struct mime_part *p, struct buf *out)
{
	buf_add_span(out, p->type);
	buf_add_char(out, '/');
	buf_add_span(out, p->subtype);
	if (!p->first)
		return;
	for (const struct mime_part *c = p->first; c; c = c->next) {
		buf_add_char(out, c == p->first ? '(' : ',');
		assert_ptr_equal(c->parent, p);
		outline(c, out);
	}
	buf_add_char(out, ')');
}

static struct span
body_of(struct span raw, const struct mime_part *p)
{
	return span_sub(raw, p->body_at, p->body_at + p->body_len);
}

static struct span
header_of(struct span raw, const struct mime_part *p)
{
	return span_sub(raw, p->header_at, p->header_at + p->header_len);
}

static const char nested[] =
	"From: a@example.com\r\n"
	"Content-Type: multipart/mixed; boundary=outer\r\n"
	"\r\n"
	"preamble\r\n"
	"--outer\r\n"
	"\r\n"
	"first\r\n"
	"two lines\r\n"
	"--outer\r\n"
	"Content-Type: multipart/alternative; boundary=\"outer-1\"\r\n"
	"\r\n"
	"--outer-1\r\n"
	"Content-Type: text/plain\r\n"
	"\r\n"
	"plain\r\n"
	"--outer-1 \t\r\n"
	"Content-Type: text/html\r\n"
	"\r\n"
	"<p>html\r\n"
	"--outer-1--\r\n"
	"inner epilogue\r\n"
	"--outer\r\n"
	"Content-Type: message/rfc822\r\n"
	"\r\n"
	"Subject: inside\r\n"
	"Content-Type: multipart/mixed; boundary=deep\r\n"
	"\r\n"
	"--deep\r\n"
	"Content-ID: <x@y>\r\n"
	"\r\n"
	"--deep--\r\n"
	"--outer--\r\n"
	"epilogue\r\n";

static void
parts_have_their_exact_places(void **state UNUSED)
{
	AUTO(arena)
	struct arena *a = arena_new();
	AUTO_DONE(buf) struct buf out = BUF_INIT(0);
	struct span raw = span_str(nested);
	struct mime_part *root = mime_parse(raw, NULL, a);

	outline(root, &out);
	assert_span(
		buf_span(&out),
		"multipart/mixed(text/plain,multipart/alternative(text/plain,text/html),"
		"message/rfc822(multipart/mixed(text/plain)))");
	struct mime_part *one = root->first, *two = one->next, *three = two->next;
	assert_span(header_of(raw, one), "\r\n");
	assert_span(body_of(raw, one), "first\r\ntwo lines");
	assert_int_equal(one->body_lines, 1);
	assert_span(body_of(raw, two->first), "plain");
	assert_span(header_of(raw, two->first->next), "Content-Type: text/html\r\n\r\n");
	assert_span(body_of(raw, two->first->next), "<p>html");
	assert_true(span_ends(body_of(raw, two), "--outer-1--\r\ninner epilogue"));
	assert_int_equal(two->body_lines, 9);
	assert_true(span_starts(body_of(raw, three), "Subject: inside\r\n"));
	assert_true(span_ends(body_of(raw, three), "\r\n--deep--"));
	assert_null(three->envelope);
	assert_span(three->first->envelope->subject, "inside");
	assert_span(three->first->first->id, "<x@y>");
	assert_int_equal(three->first->first->body_len, 0);
	assert_int_equal(three->first->first->body_lines, 0);
	assert_int_equal(root->body_at + root->body_len, raw.n);
	assert_span(span_sub(body_of(raw, root), 0, 8), "preamble");
	assert_true(span_ends(body_of(raw, root), "epilogue\r\n"));
}

static void
lf_alone_gives_the_same_tree(void **state UNUSED)
{
	AUTO(arena)
	struct arena *a = arena_new();
	AUTO_DONE(buf) struct buf x = BUF_INIT(0), y = BUF_INIT(0), lf = BUF_INIT(0);

	for (const char *p = nested; *p; p++) {
		if (*p != '\r')
			buf_add_char(&lf, *p);
	}
	struct mime_part *root = mime_parse(buf_span(&lf), NULL, a);
	outline(root, &y);
	outline(mime_parse(span_str(nested), NULL, a), &x);
	assert_true(span_eq(buf_span(&x), buf_span(&y)));
	assert_span(body_of(buf_span(&lf), root->first), "first\ntwo lines");
}

static void
section_numbers_find_parts(void **state UNUSED)
{
	AUTO(arena)
	struct arena *a = arena_new();
	struct mime_part *root = mime_parse(span_str(nested), NULL, a);
	struct mime_part *rfc822 = root->first->next->next;
	struct mime_part *text = mime_parse(SPAN("\r\nhello"), NULL, a);
	struct mime_part *carrier = mime_parse(
		SPAN("Content-Type: message/rfc822\n\nSubject: x\n\nbody"), NULL, a);

	assert_ptr_equal(mime_part_find(root, SPAN("")), root);
	assert_ptr_equal(mime_part_find(root, SPAN("1")), root->first);
	assert_ptr_equal(mime_part_find(root, SPAN("2.2")),
	                 root->first->next->first->next);
	assert_ptr_equal(mime_part_find(root, SPAN("3")), rfc822);
	assert_ptr_equal(mime_part_find(root, SPAN("3.1")), rfc822->first->first);
	assert_ptr_equal(mime_part_find(text, SPAN("1")), text);
	assert_ptr_equal(mime_part_find(carrier, SPAN("1")), carrier);
	assert_ptr_equal(mime_part_find(carrier, SPAN("1.1")), carrier->first);
	static const char *const none[] = { "0",    "4",           "1.1",  "2.3", "3.2",
		                            "1.",   ".1",          "x",    "01",  "-1",
		                            "1..1", "99999999999", "3.1.1" };
	for (size_t i = 0; i < ARRAY_LEN(none); i++) {
		if (mime_part_find(root, span_str(none[i])))
			fail_msg("%s", none[i]);
	}
	assert_null(mime_part_find(text, SPAN("1.1")));
	assert_null(mime_part_find(text, SPAN("2")));
	assert_null(mime_part_find(carrier, SPAN("1.1.1")));
}

static void
broken_structure_becomes_what_can_be_read(void **state UNUSED)
{
	static const struct {
		const char *what, *raw, *outline, *body; /* body of the first leaf */
	} cases[] = {
		{ "nothing at all", "", "text/plain", "" },
		{ "a header alone", "Subject: x", "text/plain", "" },
		{ "a body alone", "hello\nworld", "text/plain", "hello\nworld" },
		{ "no empty line", "Subject: x\nhello world\nmore\n", "text/plain",
		  "hello world\nmore\n" },
		{ "mbox line", "From a@b Mon Jan 1\nSubject: x\n\nhello", "text/plain",
		  "hello" },
		{ "no boundary parameter",
		  "Content-Type: multipart/mixed\n\n--x\n\nhi\n--x--\n", "text/plain",
		  "--x\n\nhi\n--x--\n" },
		{ "empty boundary",
		  "Content-Type: multipart/mixed; boundary=\"\"\n\n--\n\nhi\n",
		  "text/plain", "--\n\nhi\n" },
		{ "boundary never comes",
		  "Content-Type: multipart/mixed; boundary=b\n\nhello\n", "text/plain",
		  "hello\n" },
		{ "only the closing boundary",
		  "Content-Type: multipart/mixed; boundary=b\n\nhello\n--b--\n",
		  "text/plain", "hello\n--b--\n" },
		{ "no closing boundary",
		  "Content-Type: multipart/mixed; boundary=b\n\n--b\n\nhello\n",
		  "multipart/mixed(text/plain)", "hello\n" },
		{ "boundary instead of a header's end",
		  "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/html\n--b--",
		  "multipart/mixed(text/html)", "" },
		{ "boundary at the very end",
		  "Content-Type: multipart/mixed; boundary=b\n\n--b\n\nx\n--b",
		  "multipart/mixed(text/plain,text/plain)", "x" },
		{ "boundary within a line",
		  "Content-Type: multipart/mixed; boundary=b\n\n--b\n\nx--b\n--bc\n --b\n--b--",
		  "multipart/mixed(text/plain)", "x--b\n--bc\n --b" },
		{ "outer boundary ends the inner multipart",
		  "Content-Type: multipart/mixed; boundary=a\n\n--a\n"
		  "Content-Type: multipart/mixed; boundary=b\n\n--b\n\nx\n--a\n\ny\n--a--",
		  "multipart/mixed(multipart/mixed(text/plain),text/plain)", "x" },
		{ "the same boundary within",
		  "Content-Type: multipart/mixed; boundary=a\n\n--a\n"
		  "Content-Type: multipart/mixed; boundary=a\n\n--a\n\nx\n--a--\n--a--",
		  "multipart/mixed(multipart/mixed(text/plain))", "x" },
		{ "digest",
		  "Content-Type: multipart/digest; boundary=b\n\n--b\n\nSubject: x\n\ny\n--b--",
		  "multipart/digest(message/rfc822(text/plain))", "y" },
		{ "digest of bad type",
		  "Content-Type: multipart/digest; boundary=b\n\n--b\nContent-Type: x\n\ny\n--b--",
		  "multipart/digest(text/plain)", "y" },
		{ "empty message within", "Content-Type: message/rfc822\n\n",
		  "message/rfc822(text/plain)", "" },
		{ "message within that ends where its header does",
		  "Content-Type: multipart/mixed; boundary=a\n\n--a\n"
		  "Content-Type: message/rfc822\n\n\n--a--\n",
		  "multipart/mixed(message/rfc822(text/plain))", "" },
		{ "message within without header",
		  "Content-Type: message/rfc822\n\nhello there\n",
		  "message/rfc822(text/plain)", "hello there\n" },
		{ "encoded message",
		  "Content-Type: message/rfc822\nContent-Transfer-Encoding: BASE64\n\nU3ViamVjdDogeAo=\n",
		  "message/rfc822", "U3ViamVjdDogeAo=\n" },
		{ "UTF-8 message", "Content-Type: message/global\n\nSubject: x\n\ny",
		  "message/global(text/plain)", "y" },
		{ "delivery report",
		  "Content-Type: message/delivery-status\n\nReporting-MTA: x\n",
		  "message/delivery-status", "Reporting-MTA: x\n" },
		{ "no type", "Content-Type: \n\nx", "text/plain", "x" },
		{ "half a type", "Content-Type: text\n\nx", "text/plain", "x" },
		{ "comments",
		  "Content-Type: (a) TEXT (b\\) (c)) / (d) HTML (e); charset=x\n\nx",
		  "text/html", "x" },
		{ "first of two types",
		  "Content-Type: text/html\nContent-Type: image/png\n\nx", "text/html",
		  "x" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(arena)
		struct arena *a = arena_new();
		AUTO_DONE(buf) struct buf out = BUF_INIT(0);
		struct span raw = span_str(cases[i].raw);
		struct mime_part *p = mime_parse(raw, NULL, a);
		outline(p, &out);
		if (!span_is(buf_span(&out), cases[i].outline))
			fail_msg("%s: %.*s", cases[i].what, SPAN_FMT(buf_span(&out)));
		while (p->first)
			p = p->first;
		if (!span_is(body_of(raw, p), cases[i].body))
			fail_msg("%s: \"%.*s\"", cases[i].what,
			         SPAN_FMT(body_of(raw, p)));
		size_t lines = 0;
		for (const char *c = cases[i].body; *c; c++)
			lines += *c == '\n';
		assert_int_equal(p->body_lines, lines);
	}
}

static void
a_part_tells_its_fields(void **state UNUSED)
{
	AUTO(arena)
	struct arena *a = arena_new();
	struct mime_part *p = mime_parse(
		SPAN("Content-Type: Image/PNG;\r\n\tName=\"a \\\"b\\\" C:\\x\"; x=(c) y z (comment); ;=;q\r\n"
	             "Content-Transfer-Encoding: Base64 (always)\r\n"
	             "Content-Disposition: ATTACHMENT; filename*0*=utf-8'de'gr%C3%BC;\r\n"
	             " filename*1=\"%41\"; filename*2*=%C3%9Fe; size=12\r\n"
	             "Content-ID : <1@x>\r\n"
	             "Content-Description: a\r\n  folded\ttext\r\n"
	             "Content-Language: de, en\r\n"
	             "Content-MD5:\r\n"
	             "Content-Location: http://x/\r\n\r\nxx"),
		NULL, a);

	assert_true(mime_is(p, "image", "png"));
	assert_true(mime_is(p, "image", NULL));
	assert_false(mime_is(p, "image", "gif"));
	assert_span(mime_param_get(p->params, "NAME"), "a \"b\" C:\\x");
	assert_span(mime_param_get(p->params, "x"), "y z");
	assert_int_equal(mime_param_get(p->params, "q").n, 0);
	assert_span(p->encoding, "base64");
	assert_span(p->disposition, "attachment");
	assert_span(mime_param_get(p->disposition_params, "filename"),
	            "gr\xc3\xbc%41\xc3\x9f"
	            "e");
	assert_span(mime_param_get(p->disposition_params, "size"), "12");
	assert_span(p->id, "<1@x>");
	assert_span(p->description, "a  folded\ttext");
	assert_span(p->language, "de, en");
	assert_span(p->md5, "");
	assert_span(p->location, "http://x/");
	p = mime_parse(SPAN("\r\n"), NULL, a);
	assert_null(p->md5.p);
	assert_null(p->disposition.p);
	assert_span(p->encoding, "7bit");
}

static void
rfc2231_values_are_joined(void **state UNUSED)
{
	static const struct {
		const char *header, *value;
	} cases[] = {
		{ "n=plain; n*=utf-8''better", "better" },
		{ "n*=utf-8''better; n=plain", "better" },
		{ "n*1=b; n*0=a; n*2=c", "abc" },
		{ "n*0=a; n*2=c", "a" },
		{ "n*1=b", "b" },
		{ "n*=iso-8859-1''%E9t%E9", "\xc3\xa9t\xc3\xa9" },
		{ "n*=nonsense''%E9", "\xef\xbf\xbd" },
		{ "n*=utf-8''%E9", "\xef\xbf\xbd" },
		{ "n*=%41%zz%", "A%zz%" },
		{ "n*=''%41", "A" },
		{ "n*0*=us-ascii'en'a'%41; n*1*='b", "a'A'b" },
		{ "n=first; n=second", "first" },
		{ "n=\"unclosed", "unclosed" },
		{ "n=\"a\\", "a\\" },
		{ "N = \"a;b\" junk ; m=x", "a;b" },
		{ "n*0*x=a", "" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(arena)
		struct arena *a = arena_new();
		char *raw = arena_printf(a, "Content-Type: text/plain; %s\n\n",
		                         cases[i].header);
		struct mime_part *p = mime_parse(span_str(raw), NULL, a);
		struct span v = mime_param_get(p->params, "n");
		if (!span_is(v, cases[i].value))
			fail_msg("%s: %.*s", cases[i].header, SPAN_FMT(v));
	}
}

static void
addresses_are_read_as_people_write_them(void **state UNUSED)
{
	static const struct {
		const char *value, *parsed; /* name|route|mailbox|host, ... */
	} cases[] = {
		{ "", "" },
		{ " , ,", "" },
		{ "a@example.com", "||a|example.com" },
		{ "Ann B <a@b>", "Ann B||a|b" },
		{ "\"B, Ann \\\"x\\\"\" <a@b>,c@d", "B, Ann \"x\"||a|b,||c|d" },
		{ "a@b (Ann (the) B), c@d", "Ann (the) B||a|b,||c|d" },
		{ "=?utf-8?Q?J=C3=B6rg?= =?utf-8?Q?_X?= <j@x>",
		  "=?utf-8?Q?J=C3=B6rg?= =?utf-8?Q?_X?=||j|x" },
		{ "J. R. Smith <j@x>", "J. R. Smith||j|x" },
		{ "<@one,@two:a@b>", "|@one,@two|a|b" },
		{ "\"a b\"@c", "||a b|c" },
		{ "a . b @ c . d", "a .||b|c.d" },
		{ "<a . b @ c . d>", "||a.b|c.d" },
		{ "x@[127.0.0.1]", "||x|[127.0.0.1]" },
		{ "root", "||root|MISSING_DOMAIN" },
		{ "root (Operator), <x>",
		  "Operator||root|MISSING_DOMAIN,||x|MISSING_DOMAIN" },
		{ "<>", "||MISSING_MAILBOX|MISSING_DOMAIN" },
		{ "a@", "||a|MISSING_DOMAIN" },
		{ "@b", "||MISSING_MAILBOX|b" },
		{ "undisclosed-recipients:;", "||undisclosed-recipients|,|||" },
		{ "Us: a@b, C <c@d>; e@f", "||Us|,||a|b,C||c|d,|||,||e|f" },
		{ "Us: a@b", "||Us|,||a|b,|||" },
		{ "Ann <a@b", "Ann||a|b" },
		{ "Ann <a@b, c@d", "Ann||a|b,||c|d" },
		{ "\"Ann <a@b", "||Ann <a@b|MISSING_DOMAIN" },
		{ "(never closed a@b", "" },
		{ "Ann\r\n <a@b>", "Ann||a|b" },
		{ "g\xc3\xbc <a@b>", "g\xc3\xbc||a|b" },
		{ ">)]<a@b>", "||a|b" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(arena)
		struct arena *a = arena_new();
		AUTO_DONE(buf) struct buf out = BUF_INIT(0);
		struct mime_address *p =
			mime_address_parse(span_str(cases[i].value), 0, a);
		for (bool first = true; p; p = p->next, first = false)
			buf_addf(&out, "%s%.*s|%.*s|%.*s|%.*s", first ? "" : ",",
			         SPAN_FMT(p->name), SPAN_FMT(p->route),
			         SPAN_FMT(p->mailbox), SPAN_FMT(p->host));
		if (!span_is(buf_span(&out), cases[i].parsed))
			fail_msg("%s: %.*s", cases[i].value, SPAN_FMT(buf_span(&out)));
	}
}

static void
dates_are_read(void **state UNUSED)
{
	static const struct {
		const char *value;
		int64_t seconds; /* -1: none */
	} cases[] = {
		{ "Thu, 01 Jan 1970 00:00:00 +0000", 0 },
		{ "Fri, 21 Nov 1997 09:55:06 -0600", 880127706 },
		{ "21 Nov 1997 09:55 -0600", 880127700 },
		{ "Fri 21 Nov 97 09:55:06 CST", 880127706 },
		{ "Fri, 21 Nov 097 09(comment):   55  :  06 -0600 (CST)", 880127706 },
		{ "Sat, 29 Feb 2020 23:59:60 +0000", 1583020800 },
		{ "Wed, 31 Dec 1969 23:59:59 GMT", -1000 },
		{ "1 Jan 49 00:00:00 UT", 2493072000 },
		{ "Sat Sep 21 08:18:08 2002", 1032596288 },
		{ "Thu, 29 Aug 2002 15:36:58 +-0500", 1030635418 },
		{ "1 Jan 0001 00:00:00 +0000", -62135596800 },
		{ "31 Dec 9999 23:59:59 -9959", 253402660739 },
		{ "", -1 },
		{ "yesterday", -1 },
		{ "Sat, 30 Feb 2020 10:00:00 +0000", -1 },
		{ "29 Feb 1900 10:00:00 +0000", -1 },
		{ "0 Jan 2020 10:00:00 +0000", -1 },
		{ "1 Jan 2020 24:00:00 +0000", -1 },
		{ "1 Foo 2020 10:00:00 +0000", -1 },
		{ "1 Jan 99999 10:00:00 +0000", -1 },
		{ "99999999999999999999 Jan 2020 10:00:00", -1 },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		int64_t ms = mime_date_parse(span_str(cases[i].value));
		int64_t want = cases[i].seconds == -1      ? INT64_MIN
		               : cases[i].seconds == -1000 ? -1000
		                                           : cases[i].seconds * 1000;
		if (ms != want)
			fail_msg("%s: %" PRId64, cases[i].value, ms);
	}
}

static void
the_envelope_is_raw_and_unfolded(void **state UNUSED)
{
	AUTO(arena)
	struct arena *a = arena_new();
	struct mime_part *p = mime_parse(
		SPAN("Received: x\r\nsubject:  =?utf-8?Q?a?=\r\n =?utf-8?Q?b?= \r\n"
	             "Subject: second\r\nTO: a@b\r\n\t, c@d\r\nDate: Thu, 01 Jan 1970 00:00:01 +0000\r\n"
	             "Message-ID: <m@x>\r\nIn-Reply-To:\r\nReferences: <1@x>\r\n <2@x>\r\nBcc: \r\n\r\n"),
		NULL, a);
	const struct mime_envelope *e = p->envelope;

	assert_span(e->subject, "=?utf-8?Q?a?= =?utf-8?Q?b?=");
	assert_span(e->to->next->mailbox, "c");
	assert_null(e->to->next->next);
	assert_null(e->from);
	assert_null(e->bcc);
	assert_span(e->message_id, "<m@x>");
	assert_span(e->in_reply_to, "");
	assert_span(e->references, "<1@x> <2@x>");
	assert_int_equal(e->date_ms, 1000);
	p = mime_parse(SPAN("Subject: a\0b\rc\r\n\r\n"), NULL, a);
	assert_span(p->envelope->subject, "a b c");
	assert_null(p->envelope->date.p);
	assert_true(p->envelope->date_ms == INT64_MIN);
}

static bool
collect(struct span name, struct span value, struct span whole, void *arg)
{
	buf_addf(arg, "[%.*s|%.*s|%zu]", SPAN_FMT(name), SPAN_FMT(value), whole.n);
	return !span_is(name, "Stop");
}

static void
header_fields_are_visited(void **state UNUSED)
{
	AUTO(arena)
	struct arena *a = arena_new();
	AUTO_DONE(buf) struct buf out = BUF_INIT(0);
	struct span raw =
		SPAN("A: 1\r\n\t2\r\nB:\n: none\n C\nd : x\nStop: y\nE: z\n\nF: body\n");

	mime_header_each(raw, collect, &out);
	assert_span(buf_span(&out), "[A| 1\r\n\t2|10][B||3][d| x|6][Stop| y|8]");
	assert_int_equal(mime_header_len(raw), raw.n - strlen("F: body\n"));
	assert_span(mime_header_get(raw, "a", a), "1\t2");
	assert_span(mime_header_get(raw, "b", a), "");
	assert_null(mime_header_get(raw, "f", a).p);
	assert_int_equal(mime_header_len(SPAN("A: 1\nno header\n")), 5);
	assert_int_equal(mime_header_len(SPAN("\r\nx")), 2);
	assert_int_equal(mime_header_len(SPAN("")), 0);
}

/* The record of the tree, read and written again, is the same record. */
static void
assert_round_trip(struct span raw, struct arena *a)
{
	AUTO_DONE(buf) struct buf x = BUF_INIT(0), y = BUF_INIT(0);
	struct mime_part *root;

	mime_meta_write(mime_parse(raw, NULL, a), &x);
	assert_int_equal(mime_meta_read(buf_span(&x), a, &root), RC_OK);
	mime_meta_write(root, &y);
	assert_true(span_eq(buf_span(&x), buf_span(&y)));
	AUTO_DONE(buf) struct buf before = BUF_INIT(0), after = BUF_INIT(0);
	outline(mime_parse(raw, NULL, a), &before);
	outline(root, &after);
	assert_true(span_eq(buf_span(&before), buf_span(&after)));
	/* Every cut record is refused. */
	for (size_t n = 0; n < x.len; n++) {
		char *cut = malloc(n ? n : 1);
		assert_non_null(cut);
		memcpy(cut, x.p, n);
		assert_int_equal(mime_meta_read(span_of(cut, n), a, &root), RC_INVALID);
		free(cut);
	}
	buf_add_char(&x, 0);
	assert_int_equal(mime_meta_read(buf_span(&x), a, &root), RC_INVALID);
	x.p[0] = 2;
	assert_int_equal(mime_meta_read(buf_span(&x), a, &root), RC_INVALID);
}

static void
the_record_gives_the_tree_back(void **state UNUSED)
{
	AUTO(arena)
	struct arena *a = arena_new();

	assert_round_trip(span_str(nested), a);
	assert_round_trip(SPAN(""), a);
	assert_round_trip(
		SPAN("To: x: a@b;\nDate: 1 Jan 1960 00:00:00 +0000\n"
	             "Content-Type: text/plain; charset=utf-8; name*=utf-8''x\n\n"),
		a);
}

static void
done(void *arg)
{
	buf_done(arg);
}

/* Seconds of processor time that the parse of n pieces between head and tail takes. */
static double
time_of(const char *head, const char *piece, size_t n, const char *tail,
        struct mime_part **ret, struct arena *a, const struct mime_limits *limits)
{
	struct buf *raw = arena_new_of(a, struct buf);
	struct timespec x, y;

	arena_on_free(a, done, raw);
	buf_add_str(raw, head);
	for (size_t i = 0; i < n; i++)
		buf_add_str(raw, piece);
	buf_add_str(raw, tail);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &x);
	*ret = mime_parse(buf_span(raw), limits, a);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &y);
	return (double)(y.tv_sec - x.tv_sec) + (double)(y.tv_nsec - x.tv_nsec) / 1e9;
}

static void
quantity_costs_no_more_than_it_weighs(void **state UNUSED)
{
	static const struct {
		const char *what, *head, *piece, *tail;
	} cases[] = {
		{ "parts", "Content-Type: multipart/mixed; boundary=b\n\n", "--b\n\nx\n",
		  "--b--\n" },
		{ "multiparts", "", "Content-Type: multipart/mixed; boundary=b\n\n--b\n",
		  "x" },
		{ "messages", "", "Content-Type: message/rfc822\n\n", "x" },
		{ "params", "Content-Type: text/plain", "; a*1*=x", "\n\n" },
		{ "semicolons", "Content-Type: text/plain", ";", "\n\n" },
		{ "addresses", "To: ", "a@b,", "\n\n" },
		{ "groups", "To: ", "a:", "\n\n" },
		{ "angles", "To: ", "<", "\n\n" },
		{ "ats", "To: ", "@", "\n\n" },
		{ "comments", "To: ", "(", "\n\n" },
		{ "quotes", "To: ", "\"", "\n\n" },
		{ "words", "To: ", "a ", "<x@y>\n\n" },
		{ "headers", "", "Subject: x\n", "\n\n" },
		{ "folds", "Subject:", "\n x", "\n\n" },
		{ "comments in a type", "Content-Type: ", "(", "\n\n" },
		{ "dashes", "Content-Type: multipart/mixed; boundary=b\n\n", "--\n", "" },
		{ "colons", "", ":\n", "" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(arena)
		struct arena *a = arena_new();
		struct mime_part *root;
		double seconds = time_of(cases[i].head, cases[i].piece, 100000,
		                         cases[i].tail, &root, a, NULL);
		/* With sanitizers on a busy machine; quadratic would be minutes. */
		if (seconds > 3)
			fail_msg("%s: %.2f s", cases[i].what, seconds);
	}
}

static void
limits_turn_the_rest_into_text(void **state UNUSED)
{
	AUTO(arena)
	struct arena *a = arena_new();
	struct mime_limits few = {
		.parts_max = 10, .depth_max = 4, .addresses_max = 3, .params_max = 2
	};
	struct mime_part *root, *p;
	size_t n = 0;

	time_of("Content-Type: multipart/mixed; boundary=b\n\n", "--b\n\nx\n", 100,
	        "--b--\n", &root, a, &few);
	for (p = root->first; p; p = p->next)
		n++;
	assert_int_equal(n, 9);
	time_of("", "Content-Type: message/rfc822\n\n", 100, "", &root, a, &few);
	for (n = 1, p = root; p->first; p = p->first)
		n++;
	assert_int_equal(n, 4);
	assert_true(mime_is(p, "message", "rfc822"));
	time_of("", "Content-Type: multipart/mixed; boundary=b\n\n--b\n", 100, "x", &root,
	        a, &few);
	for (n = 1, p = root; p->first; p = p->first)
		n++;
	assert_int_equal(n, 4);
	assert_true(mime_is(p, "text", "plain"));
	time_of("To: ", "a@b,", 10, "\nContent-Type: a/b; c=d; e=f; g=h\n\n", &root, a,
	        &few);
	n = 0;
	for (struct mime_address *q = root->envelope->to; q; q = q->next)
		n++;
	assert_int_equal(n, 3);
	assert_span(mime_param_get(root->params, "e"), "f");
	assert_int_equal(mime_param_get(root->params, "g").n, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parts_have_their_exact_places),
		cmocka_unit_test(lf_alone_gives_the_same_tree),
		cmocka_unit_test(section_numbers_find_parts),
		cmocka_unit_test(broken_structure_becomes_what_can_be_read),
		cmocka_unit_test(a_part_tells_its_fields),
		cmocka_unit_test(rfc2231_values_are_joined),
		cmocka_unit_test(addresses_are_read_as_people_write_them),
		cmocka_unit_test(dates_are_read),
		cmocka_unit_test(the_envelope_is_raw_and_unfolded),
		cmocka_unit_test(header_fields_are_visited),
		cmocka_unit_test(the_record_gives_the_tree_back),
		cmocka_unit_test(quantity_costs_no_more_than_it_weighs),
		cmocka_unit_test(limits_turn_the_rest_into_text),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
