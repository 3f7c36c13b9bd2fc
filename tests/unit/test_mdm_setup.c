/* SPDX-License-Identifier: ISC
 *
 * test_mdm_setup.c - what clients are told of their account.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/def.h"
#include "base/mem.h"
#include "mdm/mdm_setup.h"

static struct mdm_setup_conf conf = { .host = (char *)"",
	                              .name = (char *)"Waders & Sons",
	                              .imap_port = 993,
	                              .submission_port = 465,
	                              .https_port = 443,
	                              .ca = (char *)"" };

static char *
text_of(struct buf *b)
{
	buf_add_char(b, '\0');
	assert_true(buf_ok(b));
	return b->p;
}

#define assert_has(text, needle)                                                         \
	do {                                                                             \
		if (!strstr((text), (needle)))                                           \
			fail_msg("%s is not in %s", (needle), (text));                   \
	} while (0)

static void
autoconfig_names_the_doors(void **state UNUSED)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);
	const char *t;

	mdm_setup_autoconfig(&conf, SPAN("mail.example.org:8443"), SPAN("a@example.net"),
	                     &b);
	t = text_of(&b);
	assert_has(t, "<emailProvider id=\"example.net\">");
	assert_has(t, "<hostname>mail.example.org</hostname>");
	assert_has(t, "<port>993</port>");
	assert_has(t, "<port>465</port>");
	assert_has(t, "<displayName>Waders &amp; Sons</displayName>");
}

static void
a_configured_host_goes_before_the_one_asked(void **state UNUSED)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);
	struct mdm_setup_conf c = conf;

	c.host = (char *)"godwit.example.org";
	mdm_setup_autoconfig(&c, SPAN("198.51.100.7"), SPAN(""), &b);
	assert_has(text_of(&b), "<hostname>godwit.example.org</hostname>");
}

static void
a_profile_has_the_same_identity_each_time(void **state UNUSED)
{
	AUTO_DONE(buf) struct buf a = BUF_INIT(0);
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);
	AUTO_DONE(buf) struct buf other = BUF_INIT(0);

	assert_int_equal(mdm_setup_profile(&conf, SPAN("m.example.org"),
	                                   SPAN("a@example.org"), &a),
	                 RC_OK);
	assert_int_equal(mdm_setup_profile(&conf, SPAN("m.example.org"),
	                                   SPAN("a@example.org"), &b),
	                 RC_OK);
	assert_int_equal(mdm_setup_profile(&conf, SPAN("m.example.org"),
	                                   SPAN("b@example.org"), &other),
	                 RC_OK);
	assert_true(span_eq(buf_span(&a), buf_span(&b)));
	assert_false(span_eq(buf_span(&a), buf_span(&other)));
	assert_has(text_of(&a), "com.apple.eas.account");
	assert_has(a.p, "com.apple.mail.managed");
}

static void
what_would_break_the_document_is_escaped(void **state UNUSED)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);

	assert_int_equal(mdm_setup_profile(&conf, SPAN("m.example.org"),
	                                   SPAN("a<b>&\"@example.org"), &b),
	                 RC_OK);
	assert_has(text_of(&b), "a&lt;b&gt;&amp;");
	assert_null(strstr(b.p, "a<b>"));
}

static void
an_authority_that_cannot_be_read_is_said(void **state UNUSED)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);
	struct mdm_setup_conf c = conf;

	c.ca = (char *)"/nonexistent/ca.pem";
	assert_int_equal(
		mdm_setup_profile(&c, SPAN("m.example.org"), SPAN("a@example.org"), &b),
		RC_INVALID);
}

static void
outlook_is_given_imap_and_smtp(void **state UNUSED)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);
	const char *t;

	mdm_setup_outlook(&conf, SPAN("m.example.org"), SPAN(""), SPAN("a@example.org"),
	                  &b);
	t = text_of(&b);
	assert_has(t, "<Type>IMAP</Type>");
	assert_has(t, "<Port>993</Port>");
	assert_has(t, "<Type>SMTP</Type>");
	assert_has(t, "a@example.org");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(autoconfig_names_the_doors),
		cmocka_unit_test(a_configured_host_goes_before_the_one_asked),
		cmocka_unit_test(a_profile_has_the_same_identity_each_time),
		cmocka_unit_test(what_would_break_the_document_is_escaped),
		cmocka_unit_test(an_authority_that_cannot_be_read_is_said),
		cmocka_unit_test(outlook_is_given_imap_and_smtp),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
