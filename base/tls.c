/* SPDX-License-Identifier: ISC
 *
 * tls.c - OpenSSL contexts for servers and clients.
 *
 * A server's certificates form a set: one SSL_CTX each, and the names that lead to it.
 * The set belongs to the SSL_CTX of the first certificate, which every connection begins
 * with and holds until its end; so a reload only exchanges that one pointer. The set has
 * the keys of tickets, too: they depend on the first certificate's key.
 */
#include "base/tls.h"

#include <arpa/inet.h>
#include <assert.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/encode.h"
#include "base/mem.h"
#include "base/tls_private.h"

/* SHA-256 first: a good part of a handshake is hashing, and CPUs do that one in hardware.
 */
#define CIPHERS_TLS13                                                                    \
	"TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"
/* Forward secrecy and authentication always; CBC only for old phones with TLS 1.2. */
#define CIPHERS_TLS12 "ECDHE+AESGCM:ECDHE+CHACHA20:ECDHE+AES:!aNULL:!eNULL"

#define TICKET_LIFE_S (24UL * 3600)

struct tls_name {
	char *pattern; /* lower case; may begin with "*." */
	size_t cert;
};

/* certs[0] is not referenced: its SSL_CTX owns the set. */
struct tls_set {
	SSL_CTX **certs;
	size_t certs_n;
	struct tls_name *names;
	size_t names_n;
	struct tls_tickets *tickets;
};

struct tls_server {
	pthread_mutex_t lock; /* over ctx and what tickets come from */
	SSL_CTX *ctx;         /* of certs[0] */
	enum tls_records records;
	struct tls_ticket_secret secrets[TLS_SECRETS_MAX];
	size_t secrets_n;
	size_t secrets_current;
	uint64_t life_s;
	struct tls_cert *files;
	size_t files_n;
};

struct tls_client {
	SSL_CTX *ctx;
	bool verify;
};

static int set_index = -1; /* SSL_CTX ex_data: its struct tls_set */
static pthread_once_t index_once = PTHREAD_ONCE_INIT;

static void
set_free(struct tls_set *set)
{
	for (size_t i = 1; i < set->certs_n; i++)
		SSL_CTX_free(set->certs[i]);
	for (size_t i = 0; i < set->names_n; i++)
		free(set->names[i].pattern);
	tls_tickets_free(set->tickets);
	free(set->certs);
	free(set->names);
	free(set);
}

static void
on_ctx_free(void *parent UNUSED, void *ptr, CRYPTO_EX_DATA *ad UNUSED, int idx UNUSED,
            long argl UNUSED, void *argp UNUSED)
{
	if (ptr != NULL)
		set_free(ptr);
}

static void
make_index(void)
{
	set_index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, on_ctx_free);
	assert(set_index >= 0);
}

const char *
tls_take_error(const SSL *ssl, char *ret, size_t size)
{
	unsigned long e = ERR_get_error();
	const char *reason = e != 0 ? ERR_reason_error_string(e) : NULL;
	long verify = ssl != NULL ? SSL_get_verify_result(ssl) : X509_V_OK;

	if (verify != X509_V_OK && ERR_GET_LIB(e) == ERR_LIB_SSL &&
	    ERR_GET_REASON(e) == SSL_R_CERTIFICATE_VERIFY_FAILED)
		snprintf(ret, size, "%s: %s", reason ? reason : "verify failed",
		         X509_verify_cert_error_string(verify));
	else if (reason != NULL)
		snprintf(ret, size, "%s", reason);
	else if (e != 0)
		ERR_error_string_n(e, ret, size);
	else
		snprintf(ret, size, "unknown TLS error");
	ERR_clear_error();
	return ret;
}

/* --- server --- */

/* One label stands for "*": RFC 6125 6.4.3. */
static bool
name_matches(const char *pattern, struct span name)
{
	size_t dot;

	if (strncmp(pattern, "*.", 2) != 0)
		return span_iis(name, pattern);
	dot = span_find(name, 0, '.');
	return dot > 0 && span_iis(span_sub(name, dot, name.n), pattern + 1);
}

/* An exact name is better than a wildcard; the first one wins. */
static SSL_CTX *
find_cert(const struct tls_set *set, struct span name)
{
	const struct tls_name *found = NULL;

	if (span_ends(name, "."))
		name.n--;
	for (size_t i = 0; i < set->names_n; i++) {
		const struct tls_name *n = &set->names[i];

		if (!name_matches(n->pattern, name))
			continue;
		if (n->pattern[0] != '*')
			return set->certs[n->cert];
		if (found == NULL)
			found = n;
	}
	return found != NULL ? set->certs[found->cert] : NULL;
}

static int
on_server_name(SSL *ssl, int *alert UNUSED, void *arg)
{
	struct tls_set *set = arg;
	const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
	SSL_CTX *ctx = name != NULL ? find_cert(set, span_str(name)) : NULL;

	if (ctx != NULL)
		SSL_set_SSL_CTX(ssl, ctx);
	return SSL_TLSEXT_ERR_OK;
}

static void
set_common_options(SSL_CTX *ctx)
{
	SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
	SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
	                                 SSL_OP_IGNORE_UNEXPECTED_EOF);
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
	                              SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_read_ahead(ctx, 0);
}

/* An encrypted key is an error, not a question on the terminal. */
static int
no_password(char *ret UNUSED, int size UNUSED, int writing UNUSED, void *arg UNUSED)
{
	return -1;
}

/* One certificate with its key. */
static enum rc
load_cert(const struct tls_cert *file, SSL_CTX **ret, struct err *err)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	const char *bad = NULL;
	char text[256];

	if (ctx == NULL)
		return err_set(err, RC_IO, "OpenSSL makes no context");
	SSL_CTX_set_default_passwd_cb(ctx, no_password);
	ERR_clear_error();
	if (SSL_CTX_use_certificate_chain_file(ctx, file->cert_file) != 1)
		bad = file->cert_file;
	else if (SSL_CTX_use_PrivateKey_file(ctx, file->key_file, SSL_FILETYPE_PEM) !=
	                 1 ||
	         SSL_CTX_check_private_key(ctx) != 1)
		bad = file->key_file;
	if (bad != NULL) {
		SSL_CTX_free(ctx);
		return err_set(err, RC_INVALID, "%s: %s", bad,
		               tls_take_error(NULL, text, sizeof(text)));
	}
	set_common_options(ctx);
	SSL_CTX_set_options(ctx,
	                    SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
	if (SSL_CTX_set_ciphersuites(ctx, CIPHERS_TLS13) != 1)
		abort();
	/* Resumption by tickets only: nothing to remember here. */
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_session_id_context(ctx, (const unsigned char *)"godwit", 6);
	SSL_CTX_set_num_tickets(ctx, 1);
	/* What can be replayed must not ask for anything: RFC 8446 8. */
	SSL_CTX_set_max_early_data(ctx, 0);
	tls_hello_watch(ctx);
	*ret = ctx;
	return RC_OK;
}

static void
add_name(struct tls_set *set, const char *p, size_t n, size_t cert)
{
	struct tls_name *name;

	if (n == 0 || memchr(p, 0, n) != NULL)
		return;
	set->names = xreallocarray(set->names, set->names_n + 1, sizeof(*set->names));
	name = &set->names[set->names_n++];
	name->pattern = xstrndup(p, n);
	name->cert = cert;
}

/* The DNS names of the certificate; its common name only without any (RFC 6125 6.4.4). */
static void
add_names_of_cert(struct tls_set *set, size_t cert)
{
	X509 *x = SSL_CTX_get0_certificate(set->certs[cert]);
	GENERAL_NAMES *alt = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
	char cn[256];
	int n;

	for (int i = 0; i < sk_GENERAL_NAME_num(alt); i++) {
		const GENERAL_NAME *g = sk_GENERAL_NAME_value(alt, i);

		if (g->type == GEN_DNS)
			add_name(set, (const char *)ASN1_STRING_get0_data(g->d.dNSName),
			         (size_t)ASN1_STRING_length(g->d.dNSName), cert);
	}
	if (alt == NULL) {
		n = X509_NAME_get_text_by_NID(X509_get_subject_name(x), NID_commonName,
		                              cn, sizeof(cn));
		if (n > 0)
			add_name(set, cn, (size_t)n, cert);
	}
	GENERAL_NAMES_free(alt);
}

/* The digest of the private key; of the certificate, where the key cannot be had. */
static void
key_id(SSL_CTX *ctx, uint8_t ret[32])
{
	unsigned char *der = NULL;
	struct sha256 id;
	int n = i2d_PrivateKey(SSL_CTX_get0_privatekey(ctx), &der);

	if (n <= 0) {
		ERR_clear_error();
		n = i2d_X509(SSL_CTX_get0_certificate(ctx), &der);
	}
	sha256_of(span_of((const char *)der, n > 0 ? (size_t)n : 0), &id);
	OPENSSL_clear_free(der, n > 0 ? (size_t)n : 0);
	memcpy(ret, id.b, sizeof(id.b));
	OPENSSL_cleanse(&id, sizeof(id));
}

static void
begin_tickets(struct tls_set *set)
{
	uint8_t id[32];

	key_id(set->certs[0], id);
	set->tickets = tls_tickets_new(id);
	OPENSSL_cleanse(id, sizeof(id));
	tls_tickets_enable(set->certs[0]);
}

/* The first context of a new set. */
static enum rc
load_set(const struct tls_cert *files, size_t n, SSL_CTX **ret, struct err *err)
{
	struct tls_set *set;

	pthread_once(&index_once, make_index);
	if (n == 0)
		return err_set(err, RC_INVALID, "no TLS certificate is given");
	set = xcalloc(1, sizeof(*set));
	set->certs = xcalloc(n, sizeof(*set->certs));
	for (size_t i = 0; i < n; i++) {
		enum rc rc = load_cert(&files[i], &set->certs[i], err);

		if (rc != RC_OK) {
			SSL_CTX_free(set->certs[0]);
			set_free(set);
			return rc;
		}
		set->certs_n++;
		add_names_of_cert(set, i);
	}
	begin_tickets(set);
	SSL_CTX_set_ex_data(set->certs[0], set_index, set);
	SSL_CTX_set_tlsext_servername_callback(set->certs[0], on_server_name);
	SSL_CTX_set_tlsext_servername_arg(set->certs[0], set);
	*ret = set->certs[0];
	return RC_OK;
}

static struct tls_set *
set_of(const SSL_CTX *ctx)
{
	return SSL_CTX_get_ex_data(ctx, set_index);
}

/* With the lock held. */
static void
apply_tickets(struct tls_server *t, SSL_CTX *ctx)
{
	tls_tickets_set(set_of(ctx)->tickets, t->secrets, t->secrets_n,
	                t->secrets_current);
	SSL_CTX_set_timeout(ctx, (long)t->life_s);
}

void
tls_server_set_tickets(struct tls_server *t, const struct tls_ticket_secret *secrets,
                       size_t n, size_t current, uint64_t life_s)
{
	assert(n <= TLS_SECRETS_MAX && current < n);
	pthread_mutex_lock(&t->lock);
	memcpy(t->secrets, secrets, n * sizeof(*secrets));
	t->secrets_n = n;
	t->secrets_current = current;
	t->life_s = life_s;
	apply_tickets(t, t->ctx);
	pthread_mutex_unlock(&t->lock);
}

enum rc
tls_server_new(const struct tls_cert *certs, size_t n, struct tls_server **ret,
               struct err *err)
{
	struct tls_server *t;
	SSL_CTX *ctx;
	enum rc rc = load_set(certs, n, &ctx, err);

	if (rc != RC_OK)
		return rc;
	t = xcalloc(1, sizeof(*t));
	pthread_mutex_init(&t->lock, NULL);
	t->ctx = ctx;
	random_bytes(t->secrets[0].bytes, TLS_SECRET_SIZE);
	t->secrets_n = 1;
	t->life_s = TICKET_LIFE_S;
	apply_tickets(t, ctx);
	t->files_n = n;
	t->files = xcalloc(n, sizeof(*t->files));
	for (size_t i = 0; i < n; i++) {
		t->files[i].cert_file = xstrdup(certs[i].cert_file);
		t->files[i].key_file = xstrdup(certs[i].key_file);
	}
	*ret = t;
	return RC_OK;
}

enum rc
tls_server_reload(struct tls_server *t, struct err *err)
{
	SSL_CTX *fresh, *old;
	enum rc rc = load_set(t->files, t->files_n, &fresh, err);

	if (rc != RC_OK)
		return rc;
	pthread_mutex_lock(&t->lock);
	apply_tickets(t, fresh);
	old = t->ctx;
	t->ctx = fresh;
	pthread_mutex_unlock(&t->lock);
	SSL_CTX_free(old);
	return RC_OK;
}

void
tls_server_free(struct tls_server *t)
{
	if (t == NULL)
		return;
	SSL_CTX_free(t->ctx);
	for (size_t i = 0; i < t->files_n; i++) {
		free((char *)t->files[i].cert_file);
		free((char *)t->files[i].key_file);
	}
	free(t->files);
	pthread_mutex_destroy(&t->lock);
	OPENSSL_cleanse(t->secrets, sizeof(t->secrets));
	free(t);
}

void
tls_server_set_records(struct tls_server *t, enum tls_records who)
{
	t->records = who;
}

SSL *
tls_server_ssl(struct tls_server *t, struct tls_hello *h)
{
	struct tls_tickets *tickets;
	SSL *ssl;

	pthread_mutex_lock(&t->lock);
	ssl = SSL_new(t->ctx);
	tickets = set_of(t->ctx)->tickets;
	pthread_mutex_unlock(&t->lock);
	if (ssl == NULL)
		return NULL;
	tls_tickets_attach(ssl, tickets); /* of the set that ssl holds by its context */
	h->records = t->records;
	tls_hello_attach(h, ssl);
	SSL_set_accept_state(ssl);
	return ssl;
}

/* --- client --- */

enum rc
tls_client_new(const char *ca_file, bool verify, struct tls_client **ret, struct err *err)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	struct tls_client *t;
	char text[256];
	int ok = 1;

	if (ctx == NULL)
		return err_set(err, RC_IO, "OpenSSL makes no context");
	ERR_clear_error();
	if (ca_file != NULL)
		ok = SSL_CTX_load_verify_file(ctx, ca_file);
	else if (verify)
		ok = SSL_CTX_set_default_verify_paths(ctx);
	if (ok != 1) {
		SSL_CTX_free(ctx);
		return err_set(err, RC_INVALID, "%s: %s",
		               ca_file ? ca_file : "system CAs",
		               tls_take_error(NULL, text, sizeof(text)));
	}
	set_common_options(ctx);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_verify(ctx, verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, NULL);
	t = xcalloc(1, sizeof(*t));
	t->ctx = ctx;
	t->verify = verify;
	*ret = t;
	return RC_OK;
}

enum rc
tls_client_use(struct tls_client *t, const struct tls_cert *cert, struct err *err)
{
	char text[256];

	ERR_clear_error();
	if (SSL_CTX_use_certificate_chain_file(t->ctx, cert->cert_file) != 1)
		return err_set(err, RC_INVALID, "%s: %s", cert->cert_file,
		               tls_take_error(NULL, text, sizeof(text)));
	if (SSL_CTX_use_PrivateKey_file(t->ctx, cert->key_file, SSL_FILETYPE_PEM) != 1 ||
	    SSL_CTX_check_private_key(t->ctx) != 1)
		return err_set(err, RC_INVALID, "%s: %s", cert->key_file,
		               tls_take_error(NULL, text, sizeof(text)));
	return RC_OK;
}

void
tls_client_free(struct tls_client *t)
{
	if (t == NULL)
		return;
	SSL_CTX_free(t->ctx);
	free(t);
}

static bool
is_address(const char *host)
{
	unsigned char b[16];

	return inet_pton(AF_INET, host, b) == 1 || inet_pton(AF_INET6, host, b) == 1;
}

SSL *
tls_client_ssl(struct tls_client *t, const char *host)
{
	SSL *ssl = SSL_new(t->ctx);
	bool address = is_address(host);
	int ok = 1;

	if (ssl == NULL)
		return NULL;
	SSL_set_connect_state(ssl);
	/* RFC 6066 3: no addresses in server_name. */
	if (!address)
		ok = SSL_set_tlsext_host_name(ssl, host) == 1;
	if (t->verify) {
		SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
		if (address)
			ok &= X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host);
		else
			ok &= SSL_set1_host(ssl, host);
	}
	if (ok != 1) {
		SSL_free(ssl);
		return NULL;
	}
	return ssl;
}
