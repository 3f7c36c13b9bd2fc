/* SPDX-License-Identifier: ISC
 *
 * test_password.c - hashing and checking passwords.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/password.h"

static void
a_hash_is_yescrypt_and_opens_for_its_password_alone(void **state UNUSED)
{
	char *hash;
	char *other;

	assert_int_equal(password_hash(SPAN("hello, phone"), 1, &hash), RC_OK);
	assert_true(span_starts(span_str(hash), "$y$"));
	assert_int_equal(password_check(SPAN("hello, phone"), hash), RC_OK);
	assert_int_equal(password_check(SPAN("hello, phon"), hash), RC_DENIED);
	assert_int_equal(password_check(SPAN("hello, phone "), hash), RC_DENIED);
	assert_int_equal(password_check(SPAN(""), hash), RC_DENIED);
	/* Salted: never the same twice. */
	assert_int_equal(password_hash(SPAN("hello, phone"), 1, &other), RC_OK);
	assert_string_not_equal(hash, other);
	free(hash);
	free(other);
}

static void
a_password_ends_at_its_length_not_at_a_nul(void **state UNUSED)
{
	char *hash;
	char *none = NULL;

	assert_int_equal(password_hash(span_of("secretary", 6), 1, &hash), RC_OK);
	assert_int_equal(password_check(SPAN("secret"), hash), RC_OK);
	/* To libcrypt "secret\0anything" would be "secret". */
	assert_int_equal(password_check(SPAN("secret\0x"), hash), RC_DENIED);
	assert_int_equal(password_hash(SPAN("secret\0x"), 1, &none), RC_INVALID);
	assert_null(none);
	free(hash);
}

static void
a_password_that_is_too_long_is_told_not_cut(void **state UNUSED)
{
	char longest[512];
	char *hash = NULL;

	memset(longest, 'x', sizeof(longest));
	assert_int_equal(password_hash(span_of(longest, 512), 1, &hash), RC_TOO_BIG);
	assert_null(hash);
	assert_int_equal(password_hash(span_of(longest, 511), 1, &hash), RC_OK);
	assert_int_equal(password_check(span_of(longest, 511), hash), RC_OK);
	assert_int_equal(password_check(span_of(longest, 510), hash), RC_DENIED);
	assert_int_equal(password_check(span_of(longest, 512), hash), RC_DENIED);
	free(hash);
}

static void
hashes_of_other_systems_are_accepted(void **state UNUSED)
{
	static const char *const hashes[] = {
		"$6$saltsalt$fJZQ0BWjPAWq3ZBjJeCW6zRN/oq4rClpGPN.URHQ6XeOGz7p9fVr."
		"LClpCQneNRDFPhz38kLudVhb2.Jbn1R51",
		"$2b$04$abcdefghijklmnopqrstuuAIKfs10nseVuei7DRiNIbMDA26GR8xC",
	};

	for (size_t i = 0; i < ARRAY_LEN(hashes); i++) {
		assert_int_equal(password_check(SPAN("hello, phone"), hashes[i]), RC_OK);
		assert_int_equal(password_check(SPAN("Hello, phone"), hashes[i]),
		                 RC_DENIED);
	}
}

static void
what_is_no_hash_lets_nobody_in(void **state UNUSED)
{
	static const char *const none[] = {
		"", "*", "*0", "!", "x", "$y$", "$y$j9T$", "$unknown$salt$hash", "\xff",
	};

	for (size_t i = 0; i < ARRAY_LEN(none); i++) {
		enum rc rc = password_check(SPAN("hello"), none[i]);

		if (rc == RC_OK || (rc != RC_INVALID && none[i][0] != '$'))
			print_error("case \"%s\": %s\n", none[i], rc_str(rc));
		assert_int_not_equal(rc, RC_OK);
		if (none[i][0] != '$')
			assert_int_equal(rc, RC_INVALID);
	}
}

static void
a_hash_is_told_from_what_is_none_or_weak(void **state UNUSED)
{
	static const char *const none[] = {
		"",
		"*",
		"hello",
		"$y$",
		"$6$saltsalt$",
		"$6$saltsalt",
		"$unknown$salt$0123456789012345678901234567890123456789012",
		/* MD5 and DES */
		"$1$saltsalt$qjXMvbEw8oaL.CzflDtaK/",
		"rl.3StKT.4T8M",
	};
	char *ours = NULL;

	assert_int_equal(password_hash(SPAN("hello"), 1, &ours), RC_OK);
	assert_true(password_is_hash(ours));
	free(ours);
	assert_true(password_is_hash(
		"$6$saltsalt$fJZQ0BWjPAWq3ZBjJeCW6zRN/oq4rClpGPN.URHQ6XeOGz7p9fVr."
		"LClpCQneNRDFPhz38kLudVhb2.Jbn1R51"));
	assert_true(password_is_hash(
		"$2b$04$abcdefghijklmnopqrstuuAIKfs10nseVuei7DRiNIbMDA26GR8xC"));
	for (size_t i = 0; i < ARRAY_LEN(none); i++) {
		if (password_is_hash(none[i]))
			print_error("case \"%s\"\n", none[i]);
		assert_false(password_is_hash(none[i]));
	}
}

static void
a_cost_out_of_range_is_refused(void **state UNUSED)
{
	char *hash = NULL;

	assert_int_equal(password_hash(SPAN("x"), 0, &hash), RC_INVALID);
	assert_int_equal(password_hash(SPAN("x"), 12, &hash), RC_INVALID);
	assert_null(hash);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_hash_is_yescrypt_and_opens_for_its_password_alone),
		cmocka_unit_test(a_password_ends_at_its_length_not_at_a_nul),
		cmocka_unit_test(a_password_that_is_too_long_is_told_not_cut),
		cmocka_unit_test(hashes_of_other_systems_are_accepted),
		cmocka_unit_test(what_is_no_hash_lets_nobody_in),
		cmocka_unit_test(a_hash_is_told_from_what_is_none_or_weak),
		cmocka_unit_test(a_cost_out_of_range_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
