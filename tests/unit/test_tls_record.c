/* SPDX-License-Identifier: ISC
 *
 * test_tls_record.c - records of TLS 1.3 against RFC 8448's and against themselves.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/encode.h"
#include "base/mem.h"
#include "base/tls_record.h"

#define HANDSHAKE ((enum tls_content)22)
#define PADDING ((enum tls_content)0)

static const unsigned suites[] = { 0x1301, 0x1302, 0x1303 };

/* What one end seals the other opens. */
struct pair {
	struct tls_record *a, *b;
	char p[TLS_RECORD_MAX + TLS_RECORD_ROOM];
	size_t n; /* of the record in p */
	struct span got;
};

static void
pair_begin(struct pair *t, unsigned suite)
{
	uint8_t one[TLS_SECRET_MAX], two[TLS_SECRET_MAX];
	struct tls_record_begin b = { suite, one, two, 0, 7, SPAN("h2") };

	memset(one, 1, sizeof(one));
	memset(two, 2, sizeof(two));
	t->a = tls_record_new(&b);
	b = (struct tls_record_begin){ suite, two, one, 7, 0, SPAN("") };
	t->b = tls_record_new(&b);
	assert_non_null(t->a);
	assert_non_null(t->b);
}

static void
pair_done(struct pair *t)
{
	tls_record_free(t->a);
	tls_record_free(t->b);
}

/* a seals a record. */
static void
put(struct pair *t, enum tls_content type, const char *p, size_t n)
{
	memcpy(t->p + TLS_RECORD_HEAD, p, n);
	t->n = tls_record_seal(t->a, type, t->p, n);
	assert_int_equal(t->n, n + TLS_RECORD_ROOM);
}

/* b opens it. */
static enum tls_record_got
take(struct pair *t)
{
	assert_int_equal(tls_record_size(t->b, t->p), t->n);
	return tls_record_open(t->b, t->p, t->n, &t->got);
}

static enum tls_record_got
carry(struct pair *t, enum tls_content type, const char *p, size_t n)
{
	put(t, type, p, n);
	return take(t);
}

static void
assert_broken(struct pair *t, enum tls_record_got got, int alert)
{
	int mine;

	assert_int_equal(got, TLS_RECORD_BROKEN);
	assert_non_null(tls_record_why(t->b, &mine));
	assert_int_equal(mine, alert);
}

static struct buf
unhex(const char *hex)
{
	struct buf b = BUF_INIT(0);

	assert_int_equal(hex_decode(span_str(hex), &b), RC_OK);
	return b;
}

/* RFC 8448 3: the application data of client and server, after one ticket. */
static void
the_records_of_rfc_8448_are_ours(void **state UNUSED)
{
	struct buf client = unhex("9e40646ce79a7f9dc05af8889bce6552"
	                          "875afa0b06df0087f792ebb7c17504a5");
	struct buf server = unhex("a11af9f05531f856ad47116b45a95032"
	                          "8204b4f44bfb6b3a4b4f1f3fcb631643");
	struct buf from_client =
		unhex("1703030043a23f7054b62c94d0affafe8228ba55cbefacea42f914aa66bcab3f2b"
	              "9819a8a5b46b395bd54a9a20441e2b62974e1f5a6292a2977014bd1e3deae63aee"
	              "bb21694915e4");
	struct buf from_server =
		unhex("17030300432e937e11ef4ac740e538ad36005fc4a46932fc3225d05f82aa1b36e3"
	              "0efaf97d90e6dffc602dcb501a59a8fcc49c4bf2e5f0a21c0047c2abf332540dd0"
	              "32e167c2955d");
	struct tls_record_begin begin = {
		0x1301,  (const uint8_t *)client.p, (const uint8_t *)server.p, 0, 1,
		SPAN("")
	};
	struct tls_record *t = tls_record_new(&begin);
	char data[50], out[50 + TLS_RECORD_ROOM];
	struct span got;

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (char)i;
	assert_int_equal(tls_record_size(t, from_client.p), from_client.len);
	assert_int_equal(tls_record_open(t, from_client.p, from_client.len, &got),
	                 TLS_RECORD_DATA);
	assert_int_equal(got.n, sizeof(data));
	assert_memory_equal(got.p, data, sizeof(data));
	memcpy(out + TLS_RECORD_HEAD, data, sizeof(data));
	assert_int_equal(tls_record_seal(t, TLS_CONTENT_DATA, out, sizeof(data)),
	                 from_server.len);
	assert_memory_equal(out, from_server.p, from_server.len);
	tls_record_free(t);
	buf_done(&client);
	buf_done(&server);
	buf_done(&from_client);
	buf_done(&from_server);
}

static void
what_one_end_seals_the_other_opens(void **state UNUSED)
{
	static const size_t sizes[] = { 1, 2, 15, 16, 17, 1000, 16383, 16384 };
	char *data = xmalloc(TLS_RECORD_DATA_MAX);

	for (size_t i = 0; i < TLS_RECORD_DATA_MAX; i++)
		data[i] = (char)(i * 7);
	for (size_t s = 0; s < ARRAY_LEN(suites); s++) {
		struct pair t;

		pair_begin(&t, suites[s]);
		assert_true(span_is(tls_record_alpn(t.a), "h2"));
		assert_int_equal(strncmp(tls_record_str(t.a), "TLSv1.3 TLS_", 12), 0);
		for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
			assert_int_equal(carry(&t, TLS_CONTENT_DATA, data, sizes[i]),
			                 TLS_RECORD_DATA);
			assert_int_equal(t.got.n, sizes[i]);
			assert_memory_equal(t.got.p, data, sizes[i]);
		}
		pair_done(&t);
	}
	free(data);
}

static void
a_record_with_any_bit_turned_is_refused(void **state UNUSED)
{
	struct pair t;

	for (size_t s = 0; s < ARRAY_LEN(suites); s++) {
		for (size_t bit = 0; bit < (4 + TLS_RECORD_ROOM) * 8; bit++) {
			/* Of the head: the minor version, which is not looked at but is
			 * sealed; type and length are told from a record before. */
			if (bit < 16 || (bit >= 24 && bit < 40))
				continue;
			pair_begin(&t, suites[s]);
			put(&t, TLS_CONTENT_DATA, "data", 4);
			t.p[bit / 8] = (char)(t.p[bit / 8] ^ 1 << bit % 8);
			assert_broken(&t, take(&t), TLS_ALERT_BAD_RECORD_MAC);
			pair_done(&t);
		}
	}
}

static void
a_record_that_comes_twice_or_was_left_out_is_refused(void **state UNUSED)
{
	char again[100];
	struct pair t;
	size_t n;

	pair_begin(&t, 0x1301);
	put(&t, TLS_CONTENT_DATA, "data", 4);
	n = t.n;
	memcpy(again, t.p, n);
	assert_int_equal(take(&t), TLS_RECORD_DATA);
	memcpy(t.p, again, n);
	assert_broken(&t, take(&t), TLS_ALERT_BAD_RECORD_MAC);
	pair_done(&t);

	pair_begin(&t, 0x1303);
	put(&t, TLS_CONTENT_DATA, "lost", 4);
	assert_broken(&t, carry(&t, TLS_CONTENT_DATA, "data", 4),
	              TLS_ALERT_BAD_RECORD_MAC);
	pair_done(&t);
}

static void
a_head_that_is_none_of_tls_1_3_is_refused(void **state UNUSED)
{
	static const struct {
		char head[TLS_RECORD_HEAD];
		int alert;
		size_t size;
	} cases[] = {
		{ { 20, 3, 3, 0, 1 }, TLS_ALERT_UNEXPECTED_MESSAGE, 0 },
		{ { 21, 3, 3, 0, 2 }, TLS_ALERT_UNEXPECTED_MESSAGE, 0 },
		{ { 22, 3, 3, 0, 50 }, TLS_ALERT_UNEXPECTED_MESSAGE, 0 },
		{ { 'G', 'E', 'T', ' ', '/' }, TLS_ALERT_UNEXPECTED_MESSAGE, 0 },
		{ { 23, 2, 3, 0, 50 }, TLS_ALERT_UNEXPECTED_MESSAGE, 0 },
		{ { 23, 3, 3, 0x41, 1 }, TLS_ALERT_RECORD_OVERFLOW, 0 },
		{ { 23, 3, 3, 0x41, 0 }, 0, TLS_RECORD_MAX },
		{ { 23, 3, 1, 0, 50 }, 0, 55 },
	};
	struct pair t;
	int alert;

	pair_begin(&t, 0x1301);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_int_equal(tls_record_size(t.b, cases[i].head), cases[i].size);
		if (cases[i].size > 0)
			continue;
		assert_non_null(tls_record_why(t.b, &alert));
		assert_int_equal(alert, cases[i].alert);
	}
	/* Shorter than a tag and a type. */
	for (t.n = TLS_RECORD_HEAD; t.n < TLS_RECORD_ROOM; t.n++) {
		memset(t.p, 0, sizeof(t.p));
		memcpy(t.p, (char[]){ 23, 3, 3, 0, (char)(t.n - TLS_RECORD_HEAD) },
		       TLS_RECORD_HEAD);
		assert_broken(&t, take(&t), TLS_ALERT_BAD_RECORD_MAC);
	}
	pair_done(&t);
}

static void
zeros_behind_the_type_are_padding(void **state UNUSED)
{
	struct pair t;

	pair_begin(&t, 0x1302);
	assert_int_equal(carry(&t, PADDING, "data\x17\0\0\0", 8), TLS_RECORD_DATA);
	assert_true(span_is(t.got, "data"));
	/* Zeros of the data itself stay. */
	assert_int_equal(carry(&t, TLS_CONTENT_DATA, "d\0\0", 3), TLS_RECORD_DATA);
	assert_int_equal(t.got.n, 3);
	assert_int_equal(carry(&t, PADDING, "\x17\0\0", 3), TLS_RECORD_NOTHING);
	assert_broken(&t, carry(&t, PADDING, "\0\0\0", 3), TLS_ALERT_UNEXPECTED_MESSAGE);
	pair_done(&t);
}

static void
records_without_data_are_taken_a_while(void **state UNUSED)
{
	struct pair t;

	pair_begin(&t, 0x1301);
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 32; i++)
			assert_int_equal(carry(&t, TLS_CONTENT_DATA, "", 0),
			                 TLS_RECORD_NOTHING);
		assert_int_equal(carry(&t, TLS_CONTENT_DATA, "x", 1), TLS_RECORD_DATA);
	}
	for (int i = 0; i < 32; i++)
		assert_int_equal(carry(&t, TLS_CONTENT_DATA, "", 0), TLS_RECORD_NOTHING);
	assert_broken(&t, carry(&t, TLS_CONTENT_DATA, "", 0),
	              TLS_ALERT_UNEXPECTED_MESSAGE);
	pair_done(&t);
}

static void
alerts_end_the_connection_or_close_it(void **state UNUSED)
{
	struct pair t;

	pair_begin(&t, 0x1301);
	assert_int_equal(carry(&t, TLS_CONTENT_ALERT, "\1\x5a", 2), TLS_RECORD_NOTHING);
	t.n = tls_record_seal_alert(t.a, TLS_ALERT_CLOSE_NOTIFY, t.p);
	assert_int_equal(take(&t), TLS_RECORD_CLOSED);
	t.n = tls_record_seal_alert(t.a, TLS_ALERT_BAD_RECORD_MAC, t.p);
	assert_broken(&t, take(&t), -1);
	assert_broken(&t, carry(&t, TLS_CONTENT_ALERT, "\2", 1), TLS_ALERT_DECODE_ERROR);
	assert_broken(&t, carry(&t, TLS_CONTENT_ALERT, "\1\0\1\0", 4),
	              TLS_ALERT_DECODE_ERROR);
	pair_done(&t);
}

#define KEY_UPDATE "\x18\0\0\1"

static void
new_keys_are_taken_and_given(void **state UNUSED)
{
	char message[5 + TLS_RECORD_ROOM];
	struct pair t;

	for (size_t s = 0; s < ARRAY_LEN(suites); s++) {
		pair_begin(&t, suites[s]);
		assert_int_equal(tls_record_seal_update(t.a, t.p), 0);
		/* b asks a for new keys, in pieces, and has taken its own already. */
		struct pair back = { .a = t.b, .b = t.a };

		assert_int_equal(carry(&back, HANDSHAKE, KEY_UPDATE, 2),
		                 TLS_RECORD_NOTHING);
		assert_int_equal(carry(&back, HANDSHAKE, KEY_UPDATE "\1" + 2, 3),
		                 TLS_RECORD_NOTHING);
		/* With the old keys nothing is understood any more. */
		assert_broken(&back, carry(&back, TLS_CONTENT_DATA, "old", 3),
		              TLS_ALERT_BAD_RECORD_MAC);

		t.n = tls_record_seal_update(t.a, t.p);
		assert_int_equal(t.n, sizeof(message));
		assert_int_equal(take(&t), TLS_RECORD_NOTHING);
		assert_int_equal(tls_record_seal_update(t.a, t.p), 0);
		/* It asked for none in return. */
		assert_int_equal(tls_record_seal_update(t.b, t.p), 0);
		assert_int_equal(carry(&t, TLS_CONTENT_DATA, "new", 3), TLS_RECORD_DATA);
		assert_true(span_is(t.got, "new"));
		pair_done(&t);
	}
}

static void
keys_are_renewed_before_they_have_sealed_too_much(void **state UNUSED)
{
	uint8_t secret[TLS_SECRET_MAX] = { 9 };
	struct tls_record_begin b = {
		0x1301, secret, secret, 0, (1 << 24) - 1, SPAN("")
	};
	struct pair t;

	t.a = tls_record_new(&b);
	b.seq_in = b.seq_out;
	b.seq_out = 0;
	t.b = tls_record_new(&b);
	assert_int_equal(tls_record_seal_update(t.a, t.p), 0);
	assert_int_equal(carry(&t, TLS_CONTENT_DATA, "last", 4), TLS_RECORD_DATA);
	t.n = tls_record_seal_update(t.a, t.p);
	assert_true(t.n > 0);
	assert_int_equal(take(&t), TLS_RECORD_NOTHING);
	assert_int_equal(carry(&t, TLS_CONTENT_DATA, "first", 5), TLS_RECORD_DATA);
	pair_done(&t);
}

static void
handshake_messages_other_than_key_updates_are_refused(void **state UNUSED)
{
	static const struct {
		const char *p;
		size_t n;
		int alert;
	} cases[] = {
		{ "", 0, TLS_ALERT_UNEXPECTED_MESSAGE },
		{ "\4", 1, TLS_ALERT_UNEXPECTED_MESSAGE },         /* NewSessionTicket */
		{ "\1\0\0\1\0", 5, TLS_ALERT_UNEXPECTED_MESSAGE }, /* ClientHello */
		{ KEY_UPDATE "\2", 5, TLS_ALERT_DECODE_ERROR },
		{ "\x18\0\0\2\0", 5, TLS_ALERT_DECODE_ERROR },
		{ "\x18\1\0\1\0", 5, TLS_ALERT_DECODE_ERROR },
		{ KEY_UPDATE "\0" KEY_UPDATE "\0", 10, TLS_ALERT_UNEXPECTED_MESSAGE },
	};
	struct pair t;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		pair_begin(&t, 0x1301);
		assert_broken(&t, carry(&t, HANDSHAKE, cases[i].p, cases[i].n),
		              cases[i].alert);
		pair_done(&t);
	}
	pair_begin(&t, 0x1301);
	assert_int_equal(carry(&t, HANDSHAKE, KEY_UPDATE, 4), TLS_RECORD_NOTHING);
	assert_broken(&t, carry(&t, TLS_CONTENT_DATA, "between", 7),
	              TLS_ALERT_UNEXPECTED_MESSAGE);
	assert_broken(&t, carry(&t, (enum tls_content)24, "heartbeat", 9),
	              TLS_ALERT_UNEXPECTED_MESSAGE);
	pair_done(&t);
}

static void
suites_and_names_that_it_does_not_know_stay_with_openssl(void **state UNUSED)
{
	uint8_t secret[TLS_SECRET_MAX] = { 9 };
	struct tls_record_begin b = { 0x1304, secret, secret, 0, 0, SPAN("") };

	assert_null(tls_record_new(&b));
	b.suite = 0x1301;
	b.alpn = SPAN("sixteen-letters-");
	assert_null(tls_record_new(&b));
	tls_record_free(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_records_of_rfc_8448_are_ours),
		cmocka_unit_test(what_one_end_seals_the_other_opens),
		cmocka_unit_test(a_record_with_any_bit_turned_is_refused),
		cmocka_unit_test(a_record_that_comes_twice_or_was_left_out_is_refused),
		cmocka_unit_test(a_head_that_is_none_of_tls_1_3_is_refused),
		cmocka_unit_test(zeros_behind_the_type_are_padding),
		cmocka_unit_test(records_without_data_are_taken_a_while),
		cmocka_unit_test(alerts_end_the_connection_or_close_it),
		cmocka_unit_test(new_keys_are_taken_and_given),
		cmocka_unit_test(keys_are_renewed_before_they_have_sealed_too_much),
		cmocka_unit_test(handshake_messages_other_than_key_updates_are_refused),
		cmocka_unit_test(
			suites_and_names_that_it_does_not_know_stay_with_openssl),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
