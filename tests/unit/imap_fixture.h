/* SPDX-License-Identifier: ISC
 *
 * imap_fixture.h - the rig and clients for the tests of IMAP sessions.
 */
#ifndef TESTS_UNIT_IMAP_FIXTURE_H
#define TESTS_UNIT_IMAP_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/fake/imap_rig.h"

struct imap_fixture {
	struct imap_rig rig;
	struct imap_client a; /* signed in; INBOX not selected */
	struct imap_client b;
};

static inline struct imap_fixture *
imap_fixture_begin(void)
{
	struct imap_fixture *f = calloc(1, sizeof(*f));

	if (!f)
		abort();
	imap_rig_conf(&f->rig);
	imap_rig_start(&f->rig);
	imap_client_login(&f->a, &f->rig);
	imap_client_login(&f->b, &f->rig);
	return f;
}

static inline int
imap_fixture_setup(void **state)
{
	*state = imap_fixture_begin();
	return 0;
}

static inline int
imap_fixture_teardown(void **state)
{
	struct imap_fixture *f = *state;

	imap_client_close(&f->a);
	imap_client_close(&f->b);
	imap_rig_stop(&f->rig);
	free(f);
	return 0;
}

/* The answer must hold each of the texts, in their order; NULL ends. */
#define expect(answer, ...)                                                              \
	imap_expect(__FILE__, __LINE__, (answer), (const char *[]){ __VA_ARGS__, NULL })
/* The answer must not hold text. */
#define expect_no(answer, text)                                                          \
	do {                                                                             \
		const char *got_ = (answer);                                             \
		if (strstr(got_, (text)))                                                \
			fail_msg("line %d: \"%s\" in:\n%s", __LINE__, (text), got_);     \
	} while (0)

static inline void
imap_expect(const char *file, int line, const char *answer, const char *const *texts)
{
	const char *at = answer;

	for (; *texts; texts++) {
		const char *found = strstr(at, *texts);
		if (!found) {
			print_error("%s:%d: \"%s\" is not (or not there) in:\n%s\n", file,
			            line, *texts, answer);
			fail();
		}
		at = found + strlen(*texts);
	}
}

static inline void
imap_add(struct imap_client *c, const char *mailbox, const char *flags,
         const char *subject)
{
	char text[512];

	snprintf(
		text, sizeof(text),
		"From: Bob <bob@example.net>\r\nTo: alice@example.org\r\n"
		"Subject: %s\r\nDate: Sat, 21 Nov 2026 10:00:00 +0000\r\n\r\nText of %s.\r\n",
		subject, subject);
	expect(imap_client_append(c, mailbox, flags, span_str(text)), " OK [APPENDUID ");
}

#endif
