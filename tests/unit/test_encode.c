/* SPDX-License-Identifier: ISC
 *
 * test_encode.c - base64, hex, percent; hashes by their RFCs' vectors; randomness.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/encode.h"

static void
assert_holds(const struct buf *b, const char *text)
{
	if (!span_is(buf_span(b), text))
		print_error("is \"%.*s\"\nnot \"%s\"\n", SPAN_FMT(buf_span(b)), text);
	assert_true(span_is(buf_span(b), text));
}

/* RFC 4648 10. */
static void
base64_gives_the_vectors_of_its_rfc(void **state UNUSED)
{
	static const char *const pairs[][3] = {
		{ "", "", "" },
		{ "f", "Zg==", "Zg" },
		{ "fo", "Zm8=", "Zm8" },
		{ "foo", "Zm9v", "Zm9v" },
		{ "foob", "Zm9vYg==", "Zm9vYg" },
		{ "fooba", "Zm9vYmE=", "Zm9vYmE" },
		{ "foobar", "Zm9vYmFy", "Zm9vYmFy" },
		{ "\xfb\xff\xbe", "+/++", "-_--" },
	};

	for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
		AUTO_DONE(buf) struct buf b = BUF_INIT(0);

		base64_encode(span_str(pairs[i][0]), &b);
		assert_holds(&b, pairs[i][1]);
		buf_clear(&b);
		base64url_encode(span_str(pairs[i][0]), &b);
		assert_holds(&b, pairs[i][2]);
		buf_clear(&b);
		assert_int_equal(base64_decode(span_str(pairs[i][1]), &b), RC_OK);
		assert_holds(&b, pairs[i][0]);
		buf_clear(&b);
		assert_int_equal(base64url_decode(span_str(pairs[i][2]), &b), RC_OK);
		assert_holds(&b, pairs[i][0]);
	}
}

static void
base64_that_is_not_strict_is_refused_and_adds_nothing(void **state UNUSED)
{
	static const char *const bad[] = {
		"Zg",
		"Zg=",
		"Zg===",
		"Z===",
		"====",
		"=",
		"Zm9v\n",
		"Zm 9",
		"Zm9v====",
		"Zg==Zg==",
		"Zm9-",
		"Zm9_",
		"Zh==" /* bits for nothing */,
		"Zm9=",
		"Z\xc3\xa4=",
		"=g==",
		"Z=g=",
	};
	static const char *const bad_url[] = {
		"Z", "Zg==", "Zm9+", "Zm9/", "Zh", "Zm9vY"
	};

	for (size_t i = 0; i < ARRAY_LEN(bad) + ARRAY_LEN(bad_url); i++) {
		AUTO_DONE(buf) struct buf b = BUF_INIT(0);
		enum rc rc;

		buf_add_str(&b, "kept");
		if (i < ARRAY_LEN(bad))
			rc = base64_decode(span_str(bad[i]), &b);
		else
			rc = base64url_decode(span_str(bad_url[i - ARRAY_LEN(bad)]), &b);
		if (rc != RC_INVALID)
			print_error("case %zu\n", i);
		assert_int_equal(rc, RC_INVALID);
		assert_true(buf_ok(&b));
		assert_holds(&b, "kept");
	}
}

static void
decoders_stop_at_the_limit_of_their_buffer(void **state UNUSED)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(5);

	assert_int_equal(base64_decode(SPAN("Zm9vYmE="), &b), RC_OK);
	assert_holds(&b, "fooba");
	assert_int_equal(base64_decode(SPAN("Zg=="), &b), RC_TOO_BIG);
	assert_holds(&b, "fooba");
	buf_clear(&b);
	assert_int_equal(base64_decode(SPAN("Zm9vYmFy"), &b), RC_TOO_BIG);
	buf_clear(&b);
	assert_int_equal(hex_decode(SPAN("666f6f626172"), &b), RC_TOO_BIG);
	buf_clear(&b);
	assert_int_equal(percent_decode(SPAN("foob%61r"), false, &b), RC_TOO_BIG);
	assert_int_equal(buf_len(&b), 0);
}

static void
mime_lines_are_76_long(void **state UNUSED)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);
	char in[115];
	struct span rest;

	memset(in, 'i', sizeof(in));
	base64_encode_mime(span_of(in, 115), &b);
	assert_int_equal(buf_len(&b), 78 + 78 + 6);
	rest = buf_span(&b);
	assert_true(span_is(span_sub(rest, 76, 78), "\r\n"));
	assert_true(span_is(span_sub(rest, 154, 156), "\r\n"));
	assert_true(span_is(span_sub(rest, 156, 162), "aQ==\r\n"));
	buf_clear(&b);
	base64_encode_mime(span_of(in, 57), &b);
	assert_int_equal(buf_len(&b), 78);
	buf_clear(&b);
	base64_encode_mime(SPAN(""), &b);
	assert_int_equal(buf_len(&b), 0);
}

static void
hex_takes_both_cases_and_whole_bytes(void **state UNUSED)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);

	hex_encode(SPAN("\x01\xAB\xff"), &b);
	assert_holds(&b, "01abff");
	buf_clear(&b);
	assert_int_equal(hex_decode(SPAN("01aBFf"), &b), RC_OK);
	assert_holds(&b, "\x01\xab\xff");
	assert_int_equal(hex_decode(SPAN("0"), &b), RC_INVALID);
	assert_int_equal(hex_decode(SPAN("0g"), &b), RC_INVALID);
	assert_int_equal(hex_decode(SPAN("+1"), &b), RC_INVALID);
	assert_holds(&b, "\x01\xab\xff");
}

static void
percent_signs_need_two_digits(void **state UNUSED)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);

	assert_int_equal(percent_decode(SPAN("a%20b+c%2B%c3%A4"), true, &b), RC_OK);
	assert_holds(&b, "a b c+\xc3\xa4");
	buf_clear(&b);
	assert_int_equal(percent_decode(SPAN("a+b"), false, &b), RC_OK);
	assert_holds(&b, "a+b");
	assert_int_equal(percent_decode(SPAN("x%"), false, &b), RC_INVALID);
	assert_int_equal(percent_decode(SPAN("x%2"), false, &b), RC_INVALID);
	assert_int_equal(percent_decode(SPAN("x%2g"), false, &b), RC_INVALID);
	assert_int_equal(percent_decode(SPAN("x%%20"), false, &b), RC_INVALID);
	assert_holds(&b, "a+b");
}

static void
assert_hash(const struct sha256 *h, const char *hex)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);

	hex_encode(span_of((const char *)h->b, sizeof(h->b)), &b);
	assert_holds(&b, hex);
}

static void
hashes_give_the_vectors_of_their_papers(void **state UNUSED)
{
	char key[131];
	struct sha256 h;

	/* FIPS 180-4 */
	sha256_of(SPAN(""), &h);
	assert_hash(&h,
	            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	sha256_of(SPAN("abc"), &h);
	assert_hash(&h,
	            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	/* RFC 4231 4.3 and 4.7 (a key over the block size) */
	hmac_sha256(SPAN("Jefe"), SPAN("what do ya want for nothing?"), &h);
	assert_hash(&h,
	            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
	memset(key, 0xaa, sizeof(key));
	hmac_sha256(span_of(key, sizeof(key)),
	            SPAN("Test Using Larger Than Block-Size Key - Hash Key First"), &h);
	assert_hash(&h,
	            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
	hmac_sha256(SPAN(""), SPAN(""), &h);
	assert_hash(&h,
	            "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

static void
a_hash_of_pieces_is_that_of_the_whole(void **state UNUSED)
{
	struct sha256_sum *s = sha256_sum_new();
	struct sha256 whole;
	struct sha256 pieces;

	sha256_sum_end(s, &pieces);
	assert_hash(&pieces,
	            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	/* It begins anew after its end. */
	sha256_sum_add(s, SPAN("a"));
	sha256_sum_add(s, SPAN(""));
	sha256_sum_add(s, SPAN("bc"));
	sha256_sum_end(s, &pieces);
	sha256_of(SPAN("abc"), &whole);
	assert_memory_equal(&pieces, &whole, sizeof(whole));
	sha256_sum_free(s);
	sha256_sum_free(NULL);
}

static void
random_numbers_stay_below_and_reach_all(void **state UNUSED)
{
	unsigned seen[3] = { 0 };

	assert_int_equal(random_below(0), 0);
	assert_int_equal(random_below(1), 0);
	for (int i = 0; i < 300; i++) {
		uint64_t v = random_below(3);

		assert_true(v < 3);
		seen[v]++;
	}
	/* Each is missing with a chance of (2/3)^300. */
	assert_true(seen[0] && seen[1] && seen[2]);
	assert_true(random_below(UINT64_MAX) < UINT64_MAX);
	assert_true(random_u64() != random_u64());
}

static void
secrets_are_equal_only_as_a_whole(void **state UNUSED)
{
	assert_true(secret_eq(SPAN("abc"), SPAN("abc")));
	assert_true(secret_eq(SPAN(""), SPAN("")));
	assert_false(secret_eq(SPAN("abc"), SPAN("abd")));
	assert_false(secret_eq(SPAN("abc"), SPAN("ab")));
	assert_false(secret_eq(SPAN("abc"), SPAN("")));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(base64_gives_the_vectors_of_its_rfc),
		cmocka_unit_test(base64_that_is_not_strict_is_refused_and_adds_nothing),
		cmocka_unit_test(decoders_stop_at_the_limit_of_their_buffer),
		cmocka_unit_test(mime_lines_are_76_long),
		cmocka_unit_test(hex_takes_both_cases_and_whole_bytes),
		cmocka_unit_test(percent_signs_need_two_digits),
		cmocka_unit_test(hashes_give_the_vectors_of_their_papers),
		cmocka_unit_test(a_hash_of_pieces_is_that_of_the_whole),
		cmocka_unit_test(random_numbers_stay_below_and_reach_all),
		cmocka_unit_test(secrets_are_equal_only_as_a_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
