/* SPDX-License-Identifier: ISC
 *
 * tls_record.c - seals and opens the records of a TLS 1.3 connection (RFC 8446).
 *
 * A record is type, version, length, then the AEAD of content, its true type and zeros,
 * with the head as additional data and nonce = iv xor number of the record (5.2, 5.3).
 * After the handshake a server's peer may send data, alerts and KeyUpdate: anything else
 * is the end (4.6).
 */
#include "base/tls_record.h"

#include <assert.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define IV_SIZE 12
#define TAG_SIZE 16
#define KEY_MAX 32
#define ALPN_MAX 15
#define CONTENT_HANDSHAKE 22
#define HANDSHAKE_KEY_UPDATE 24
/* AES-GCM is good for 2^24.5 full records with one key: RFC 8446 5.5. */
#define SEALED_MAX (UINT64_C(1) << 24)
/* Records without data, one after the other: more of them only make work. */
#define DULL_MAX 32

struct suite {
	unsigned id;
	const char *text;
	const char *cipher;
	uint8_t key_n;
	uint8_t secret_n;
	const EVP_MD *(*md)(void);
};

static const struct suite suites[] = {
	{ 0x1301, "TLSv1.3 TLS_AES_128_GCM_SHA256", "AES-128-GCM", 16, 32, EVP_sha256 },
	{ 0x1302, "TLSv1.3 TLS_AES_256_GCM_SHA384", "AES-256-GCM", 32, 48, EVP_sha384 },
	{ 0x1303, "TLSv1.3 TLS_CHACHA20_POLY1305_SHA256", "ChaCha20-Poly1305", 32, 32,
	  EVP_sha256 },
};

/* One direction. */
struct half {
	uint8_t secret[TLS_SECRET_MAX];
	uint8_t key[KEY_MAX];
	uint8_t iv[IV_SIZE];
	uint64_t seq;
};

struct tls_record {
	struct half in;
	struct half out;
	const char *why;
	int16_t alert;
	uint8_t suite;
	uint8_t dull;       /* records without data since the last one with */
	bool must_update;   /* KeyUpdate has asked for one of ours */
	uint8_t message_n;  /* of a handshake message that is not whole yet */
	uint8_t message[5]; /* KeyUpdate is the longest that may come */
	uint8_t alpn_n;
	char alpn[ALPN_MAX];
};

/* --- ciphers: one context of each kind for a thread, keyed anew for each record --- */

struct ciphers {
	EVP_CIPHER_CTX *ctx[ARRAY_LEN(suites)];
};

static pthread_key_t ciphers_key;
static pthread_once_t ciphers_once = PTHREAD_ONCE_INIT;
static EVP_CIPHER *fetched[ARRAY_LEN(suites)];

static void
ciphers_free(void *arg)
{
	struct ciphers *c = arg;

	for (size_t i = 0; i < ARRAY_LEN(suites); i++)
		EVP_CIPHER_CTX_free(c->ctx[i]);
	free(c);
}

static void
ciphers_fetch(void)
{
	if (pthread_key_create(&ciphers_key, ciphers_free) != 0)
		abort();
	for (size_t i = 0; i < ARRAY_LEN(suites); i++)
		fetched[i] = EVP_CIPHER_fetch(NULL, suites[i].cipher, NULL);
}

static EVP_CIPHER_CTX *
cipher_of(size_t suite)
{
	struct ciphers *c = pthread_getspecific(ciphers_key);

	if (c == NULL) {
		c = xcalloc(1, sizeof(*c));
		if (pthread_setspecific(ciphers_key, c) != 0)
			abort();
	}
	if (c->ctx[suite] == NULL) {
		c->ctx[suite] = EVP_CIPHER_CTX_new();
		if (c->ctx[suite] == NULL ||
		    EVP_CipherInit_ex(c->ctx[suite], fetched[suite], NULL, NULL, NULL,
		                      1) != 1)
			abort();
	}
	return c->ctx[suite];
}

/* 5.3 */
static void
make_nonce(const struct half *h, uint8_t ret[IV_SIZE])
{
	memcpy(ret, h->iv, IV_SIZE);
	for (int i = 0; i < 8; i++)
		ret[IV_SIZE - 1 - i] ^= (uint8_t)(h->seq >> (8 * i));
}

/* --- keys: 7.1, 7.2, 7.3 --- */

/* HKDF-Expand-Label with an empty context; n is at most the hash's length, so that one
 * round of HKDF-Expand (RFC 5869 2.3) is all. */
static void
expand(const struct suite *suite, const uint8_t *secret, const char *label, uint8_t *ret,
       size_t n)
{
	uint8_t info[32], out[EVP_MAX_MD_SIZE];
	size_t label_n = strlen(label), at = 0;
	unsigned out_n = 0;

	assert(n <= suite->secret_n && 4 + 6 + label_n + 1 <= sizeof(info));
	info[at++] = 0;
	info[at++] = (uint8_t)n;
	info[at++] = (uint8_t)(6 + label_n);
	memcpy(info + at, "tls13 ", 6);
	memcpy(info + at + 6, label, label_n);
	at += 6 + label_n;
	info[at++] = 0;
	info[at++] = 1;
	if (HMAC(suite->md(), secret, suite->secret_n, info, at, out, &out_n) == NULL)
		abort();
	assert(n <= out_n);
	memcpy(ret, out, n);
	mem_wipe(out, sizeof(out));
}

static void
make_keys(const struct suite *suite, struct half *h)
{
	expand(suite, h->secret, "key", h->key, suite->key_n);
	expand(suite, h->secret, "iv", h->iv, IV_SIZE);
	h->seq = 0;
}

static void
update_keys(const struct suite *suite, struct half *h)
{
	uint8_t next[TLS_SECRET_MAX];

	expand(suite, h->secret, "traffic upd", next, suite->secret_n);
	memcpy(h->secret, next, suite->secret_n);
	mem_wipe(next, sizeof(next));
	make_keys(suite, h);
}

/* --- life --- */

struct tls_record *
tls_record_new(const struct tls_record_begin *b)
{
	struct tls_record *t;
	size_t i = 0;

	while (i < ARRAY_LEN(suites) && suites[i].id != b->suite)
		i++;
	if (i == ARRAY_LEN(suites) || b->alpn.n > ALPN_MAX)
		return NULL;
	pthread_once(&ciphers_once, ciphers_fetch);
	if (fetched[i] == NULL)
		return NULL;
	t = xcalloc(1, sizeof(*t));
	t->suite = (uint8_t)i;
	memcpy(t->in.secret, b->secret_in, suites[i].secret_n);
	memcpy(t->out.secret, b->secret_out, suites[i].secret_n);
	make_keys(&suites[i], &t->in);
	make_keys(&suites[i], &t->out);
	t->in.seq = b->seq_in;
	t->out.seq = b->seq_out;
	t->alpn_n = (uint8_t)b->alpn.n;
	memcpy(t->alpn, b->alpn.p, b->alpn.n);
	return t;
}

void
tls_record_free(struct tls_record *t)
{
	if (t == NULL)
		return;
	mem_wipe(t, sizeof(*t));
	free(t);
}

const char *
tls_record_str(const struct tls_record *t)
{
	return suites[t->suite].text;
}

struct span
tls_record_alpn(const struct tls_record *t)
{
	return span_of(t->alpn, t->alpn_n);
}

size_t
tls_record_memory(void)
{
	return sizeof(struct tls_record);
}

const char *
tls_record_why(const struct tls_record *t, int *ret_alert)
{
	*ret_alert = t->alert;
	return t->why;
}

/* --- opening --- */

static enum tls_record_got
broken(struct tls_record *t, enum tls_alert alert, const char *why)
{
	t->alert = (int16_t)alert;
	t->why = why;
	return TLS_RECORD_BROKEN;
}

size_t
tls_record_size(struct tls_record *t, const char *p)
{
	size_t n = (size_t)(uint8_t)p[3] << 8 | (uint8_t)p[4];

	/* 5: change_cipher_spec is a record only before Finished. The version's minor
	 * number is not looked at (5.1). */
	if (p[0] != TLS_CONTENT_DATA || p[1] != 3) {
		(void)broken(t, TLS_ALERT_UNEXPECTED_MESSAGE, "no record of TLS 1.3");
		return 0;
	}
	if (n > TLS_RECORD_MAX - TLS_RECORD_HEAD) {
		(void)broken(t, TLS_ALERT_RECORD_OVERFLOW, "record too long");
		return 0;
	}
	return TLS_RECORD_HEAD + n;
}

/* Decrypts n bytes behind the head at p; false: not from the peer, or not whole. */
static bool
decrypt(struct tls_record *t, char *p, size_t n)
{
	EVP_CIPHER_CTX *ctx = cipher_of(t->suite);
	uint8_t nonce[IV_SIZE];
	uint8_t *body = (uint8_t *)p + TLS_RECORD_HEAD;
	int out;

	if (n < 1 + TAG_SIZE)
		return false;
	n -= TAG_SIZE;
	make_nonce(&t->in, nonce);
	return EVP_CipherInit_ex(ctx, NULL, NULL, t->in.key, nonce, 0) == 1 &&
	       EVP_CipherUpdate(ctx, NULL, &out, (uint8_t *)p, TLS_RECORD_HEAD) == 1 &&
	       EVP_CipherUpdate(ctx, body, &out, body, (int)n) == 1 &&
	       EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, TAG_SIZE, body + n) == 1 &&
	       EVP_CipherFinal_ex(ctx, body + n, &out) == 1;
}

static enum tls_record_got
take_alert(struct tls_record *t, struct span s)
{
	/* 5.1: never in pieces, never two in one. */
	if (s.n != 2)
		return broken(t, TLS_ALERT_DECODE_ERROR, "malformed alert");
	switch ((uint8_t)s.p[1]) {
	case TLS_ALERT_CLOSE_NOTIFY:
		return TLS_RECORD_CLOSED;
	case 90: /* user_canceled: 6.1, close_notify follows */
		return TLS_RECORD_NOTHING;
	default: /* 6.2: the level does not count */
		t->alert = -1;
		t->why = SSL_alert_desc_string_long((uint8_t)s.p[1]);
		return TLS_RECORD_BROKEN;
	}
}

/* 4.6.3. A message may come in pieces; it must end with its record, since the keys change
 * behind it (5.1). */
static enum tls_record_got
take_handshake(struct tls_record *t, struct span s)
{
	if (s.n == 0 || s.n > sizeof(t->message) - t->message_n)
		return broken(t, TLS_ALERT_UNEXPECTED_MESSAGE,
		              "unexpected handshake message");
	memcpy(t->message + t->message_n, s.p, s.n);
	t->message_n += (uint8_t)s.n;
	if (t->message[0] != HANDSHAKE_KEY_UPDATE)
		return broken(t, TLS_ALERT_UNEXPECTED_MESSAGE,
		              "unexpected handshake message");
	if (t->message_n < sizeof(t->message))
		return TLS_RECORD_NOTHING;
	if (t->message[1] != 0 || t->message[2] != 0 || t->message[3] != 1 ||
	    t->message[4] > 1)
		return broken(t, TLS_ALERT_DECODE_ERROR, "malformed KeyUpdate");
	t->must_update |= t->message[4] == 1;
	t->message_n = 0;
	update_keys(&suites[t->suite], &t->in);
	return TLS_RECORD_NOTHING;
}

enum tls_record_got
tls_record_open(struct tls_record *t, char *p, size_t n, struct span *ret)
{
	uint8_t type;

	assert(n >= TLS_RECORD_HEAD && n <= TLS_RECORD_MAX);
	n -= TLS_RECORD_HEAD;
	if (!decrypt(t, p, n))
		return broken(t, TLS_ALERT_BAD_RECORD_MAC,
		              "decryption failed or bad record mac");
	t->in.seq++;
	p += TLS_RECORD_HEAD;
	for (n -= TAG_SIZE; n > 0 && p[n - 1] == 0; n--)
		;
	if (n == 0)
		return broken(t, TLS_ALERT_UNEXPECTED_MESSAGE, "record without a type");
	type = (uint8_t)p[--n];
	if (n > TLS_RECORD_DATA_MAX)
		return broken(t, TLS_ALERT_RECORD_OVERFLOW, "record too long");
	if (type == TLS_CONTENT_DATA && n > 0)
		t->dull = 0;
	else if (++t->dull > DULL_MAX)
		return broken(t, TLS_ALERT_UNEXPECTED_MESSAGE,
		              "too many records without data");
	if (t->message_n > 0 && type != CONTENT_HANDSHAKE)
		return broken(t, TLS_ALERT_UNEXPECTED_MESSAGE,
		              "handshake message broken off");
	*ret = span_of(p, n);
	switch (type) {
	case TLS_CONTENT_DATA:
		return n > 0 ? TLS_RECORD_DATA : TLS_RECORD_NOTHING;
	case TLS_CONTENT_ALERT:
		return take_alert(t, *ret);
	case CONTENT_HANDSHAKE:
		return take_handshake(t, *ret);
	default: /* 5: unknown types end the connection */
		return broken(t, TLS_ALERT_UNEXPECTED_MESSAGE, "unknown record type");
	}
}

/* --- sealing --- */

static size_t
seal(struct tls_record *t, uint8_t type, char *p, size_t n)
{
	EVP_CIPHER_CTX *ctx = cipher_of(t->suite);
	uint8_t nonce[IV_SIZE];
	uint8_t *body = (uint8_t *)p + TLS_RECORD_HEAD;
	int out;

	assert(n <= TLS_RECORD_DATA_MAX);
	body[n++] = type;
	p[0] = TLS_CONTENT_DATA;
	p[1] = p[2] = 3;
	p[3] = (char)((n + TAG_SIZE) >> 8);
	p[4] = (char)(n + TAG_SIZE);
	make_nonce(&t->out, nonce);
	if (EVP_CipherInit_ex(ctx, NULL, NULL, t->out.key, nonce, 1) != 1 ||
	    EVP_CipherUpdate(ctx, NULL, &out, (uint8_t *)p, TLS_RECORD_HEAD) != 1 ||
	    EVP_CipherUpdate(ctx, body, &out, body, (int)n) != 1 ||
	    EVP_CipherFinal_ex(ctx, body + n, &out) != 1 ||
	    EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, TAG_SIZE, body + n) != 1)
		abort(); /* nothing may leave in the clear */
	t->out.seq++;
	return TLS_RECORD_HEAD + n + TAG_SIZE;
}

size_t
tls_record_seal(struct tls_record *t, enum tls_content type, char *p, size_t n)
{
	return seal(t, (uint8_t)type, p, n);
}

size_t
tls_record_seal_alert(struct tls_record *t, enum tls_alert alert, char *p)
{
	/* close_notify is a warning, all others are fatal. */
	p[TLS_RECORD_HEAD] = alert == TLS_ALERT_CLOSE_NOTIFY ? 1 : 2;
	p[TLS_RECORD_HEAD + 1] = (char)alert;
	return seal(t, TLS_CONTENT_ALERT, p, 2);
}

size_t
tls_record_seal_update(struct tls_record *t, char *p)
{
	static const char message[] = { HANDSHAKE_KEY_UPDATE, 0, 0, 1, 0 };
	size_t n;

	if (!t->must_update && t->out.seq < SEALED_MAX)
		return 0;
	memcpy(p + TLS_RECORD_HEAD, message, sizeof(message));
	n = seal(t, CONTENT_HANDSHAKE, p, sizeof(message));
	t->must_update = false;
	update_keys(&suites[t->suite], &t->out);
	return n;
}
