/* SPDX-License-Identifier: ISC
 *
 * test_goid.c - Outlook's GlobalObjectId and iCalendar's UID.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/encode.h"
#include "format/goid.h"

static struct span
goid(struct arena *a, const char *uid, const struct civil *day)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);

	goid_from_uid(uid, day, &b);
	return arena_span(a, buf_span(&b));
}

static const char *
hex(struct arena *a, struct span base64)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);
	AUTO_DONE(buf) struct buf h = BUF_INIT(0);

	assert_int_equal(base64_decode(base64, &b), RC_OK);
	hex_encode(buf_span(&b), &h);
	return arena_strndup(a, buf_span(&h));
}

static void
a_uid_of_others_is_wrapped(void **state UNUSED)
{
	AUTO(arena)
	struct arena *a = arena_new();
	const char *uid;
	struct civil day;

	/* "{81412D3C-2A24-4E9D-B20E-11F7BBE92799}", [MS-ASEMAIL] 2.2.2.37's example. */
	const char *want = "040000008200e00074c5b7101a82e00800000000000000000000000000"
			   "000000000000003300000076"
			   "43616c2d5569640100000"
			   "07b38313431324433432d324132342d344539442d423230452d313146"
			   "3742424539323739397d00";
	struct span g = goid(a, "{81412D3C-2A24-4E9D-B20E-11F7BBE92799}", NULL);
	assert_string_equal(hex(a, g), want);
	assert_int_equal(goid_to_uid(g, a, &uid, &day), RC_OK);
	assert_string_equal(uid, "{81412D3C-2A24-4E9D-B20E-11F7BBE92799}");
	assert_int_equal(day.month, 0);
	/* And the same as hex. */
	assert_int_equal(goid_to_uid(span_str(want), a, &uid, NULL), RC_OK);
	assert_string_equal(uid, "{81412D3C-2A24-4E9D-B20E-11F7BBE92799}");
}

static void
outlooks_own_uid_is_the_structure(void **state UNUSED)
{
	AUTO(arena)
	struct arena *a = arena_new();
	const char *own = "040000008200E00074C5B7101A82E00800000000302E8AE6A2D4C6010000"
			  "0000000000001000000074C8F2C3D9A5BE4E8FA0F1DD57C2E9B1";
	struct civil day = { 2024, 1, 15, 0, 0, 0 }, back;
	const char *uid;

	struct span g = goid(a, own, &day);
	assert_non_null(strstr(hex(a, g), "1a82e00807e8010f302e"));
	assert_int_equal(goid_to_uid(g, a, &uid, &back), RC_OK);
	assert_string_equal(uid, own);
	assert_int_equal(back.year, 2024);
	assert_int_equal(back.month, 1);
	assert_int_equal(back.day, 15);
}

static void
what_is_no_goid_is_refused(void **state UNUSED)
{
	AUTO(arena)
	struct arena *a = arena_new();
	const char *uid;

	assert_int_equal(goid_to_uid(SPAN(""), a, &uid, NULL), RC_INVALID);
	assert_int_equal(goid_to_uid(SPAN("AAAA"), a, &uid, NULL), RC_INVALID);
	assert_int_equal(goid_to_uid(SPAN("some-uid@example.com"), a, &uid, NULL),
	                 RC_INVALID);
	assert_int_equal(
		goid_to_uid(SPAN("040000008200E00074C5B7101A82E008"), a, &uid, NULL),
		RC_INVALID);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_uid_of_others_is_wrapped),
		cmocka_unit_test(outlooks_own_uid_is_the_structure),
		cmocka_unit_test(what_is_no_goid_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
