/* SPDX-License-Identifier: ISC
 *
 * tls_ticket.c - the keys that session tickets are sealed with: RFC 5077 4, RFC
 * 8446 4.6.1.
 *
 * A key is derived (HKDF, RFC 5869) from a secret, which the nodes have in common and
 * replace by time, and the private key of the certificate, which they have in common
 * too. So neither the database with the secrets nor a stolen certificate opens a ticket
 * alone. Nothing is remembered here of a session.
 */
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/kdf.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/metric.h"
#include "base/tls_private.h"

#define NAME_SIZE 16
#define LABEL "godwit session ticket"

static struct metric metric_handshakes =
	METRIC_COUNTER("godwit_tls_handshakes_total", "TLS handshakes done as a server.");
static struct metric metric_resumed = METRIC_COUNTER(
	"godwit_tls_resumed_total", "TLS handshakes that took up an earlier session.");

struct ticket_key {
	uint8_t name[NAME_SIZE]; /* stands in the ticket */
	uint8_t aes[32];
	uint8_t hmac[32];
};

struct tls_tickets {
	pthread_mutex_t lock; /* over keys, n, current */
	uint8_t id[32];
	struct ticket_key keys[TLS_SECRETS_MAX];
	size_t n;
	size_t current;
};

static int tickets_index = -1; /* SSL ex_data: its struct tls_tickets */
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void
begin(void)
{
	tickets_index = SSL_get_ex_new_index(0, NULL, NULL, NULL, NULL);
	if (tickets_index < 0)
		abort();
	metric_register(&metric_handshakes);
	metric_register(&metric_resumed);
}

struct tls_tickets *
tls_tickets_new(const uint8_t id[32])
{
	struct tls_tickets *k = xcalloc(1, sizeof(*k));

	pthread_once(&once, begin);
	pthread_mutex_init(&k->lock, NULL);
	memcpy(k->id, id, sizeof(k->id));
	return k;
}

void
tls_tickets_free(struct tls_tickets *k)
{
	if (k == NULL)
		return;
	pthread_mutex_destroy(&k->lock);
	OPENSSL_cleanse(k, sizeof(*k));
	free(k);
}

static void
derive(const uint8_t id[32], const struct tls_ticket_secret *secret,
       struct ticket_key *ret)
{
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
	EVP_KDF_CTX *ctx = kdf != NULL ? EVP_KDF_CTX_new(kdf) : NULL;
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)"SHA256",
		                                 0),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY,
		                                  (void *)(uintptr_t)secret->bytes,
		                                  sizeof(secret->bytes)),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT,
		                                  (void *)(uintptr_t)id, 32),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, (char *)LABEL,
		                                  strlen(LABEL)),
		OSSL_PARAM_construct_end(),
	};

	/* The one way to fail is to be out of memory. */
	if (ctx == NULL || EVP_KDF_derive(ctx, (uint8_t *)ret, sizeof(*ret), params) != 1)
		abort();
	EVP_KDF_CTX_free(ctx);
	EVP_KDF_free(kdf);
}

void
tls_tickets_set(struct tls_tickets *k, const struct tls_ticket_secret *secrets, size_t n,
                size_t current)
{
	struct ticket_key keys[TLS_SECRETS_MAX] = { 0 };

	for (size_t i = 0; i < n; i++)
		derive(k->id, &secrets[i], &keys[i]);
	pthread_mutex_lock(&k->lock);
	memcpy(k->keys, keys, sizeof(keys));
	k->n = n;
	k->current = current;
	pthread_mutex_unlock(&k->lock);
	OPENSSL_cleanse(keys, sizeof(keys));
}

/* The key to seal with (name NULL), or the one of that name. */
static bool
find_key(struct tls_tickets *k, const unsigned char *name, struct ticket_key *ret,
         bool *ret_current)
{
	bool found = false;

	pthread_mutex_lock(&k->lock);
	for (size_t i = 0; i < k->n && !found; i++) {
		if (name != NULL ? memcmp(name, k->keys[i].name, NAME_SIZE) != 0
		                 : i != k->current)
			continue;
		*ret = k->keys[i];
		*ret_current = i == k->current;
		found = true;
	}
	pthread_mutex_unlock(&k->lock);
	return found;
}

static bool
set_mac_key(EVP_MAC_CTX *mac, struct ticket_key *key)
{
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, key->hmac,
		                                  sizeof(key->hmac)),
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)"SHA256",
		                                 0),
		OSSL_PARAM_construct_end(),
	};

	return EVP_MAC_CTX_set_params(mac, params) == 1;
}

/* SSL_CTX_set_tlsext_ticket_key_evp_cb(3): what the numbers mean. */
static int
on_ticket(SSL *ssl, unsigned char name[NAME_SIZE], unsigned char iv[EVP_MAX_IV_LENGTH],
          EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, int seal)
{
	struct tls_tickets *k = SSL_get_ex_data(ssl, tickets_index);
	const EVP_CIPHER *aes = EVP_aes_256_cbc();
	struct ticket_key key;
	bool is_current, ok;

	if (k == NULL || !find_key(k, seal ? NULL : name, &key, &is_current))
		return seal ? -1 : 0;
	if (seal) {
		memcpy(name, key.name, NAME_SIZE);
		ok = RAND_bytes(iv, EVP_CIPHER_get_iv_length(aes)) == 1 &&
		     EVP_EncryptInit_ex(cipher, aes, NULL, key.aes, iv) == 1;
	} else {
		ok = EVP_DecryptInit_ex(cipher, aes, NULL, key.aes, iv) == 1;
	}
	ok = ok && set_mac_key(mac, &key);
	OPENSSL_cleanse(&key, sizeof(key));
	if (!ok)
		return -1;
	/* A ticket of TLS 1.3 is used once (RFC 8446 C.4): the next one goes with it.
	 * One of TLS 1.2 is renewed when its key is on its way out; it keeps its age. */
	return seal || (is_current && SSL_version(ssl) < TLS1_3_VERSION) ? 1 : 2;
}

void
tls_tickets_enable(SSL_CTX *ctx)
{
	SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, on_ticket);
}

void
tls_tickets_attach(SSL *ssl, struct tls_tickets *k)
{
	SSL_set_ex_data(ssl, tickets_index, k);
}

void
tls_count_handshake(const SSL *ssl)
{
	metric_add(&metric_handshakes, 1);
	if (SSL_session_reused(ssl))
		metric_add(&metric_resumed, 1);
}
