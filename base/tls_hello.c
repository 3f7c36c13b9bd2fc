/* SPDX-License-Identifier: ISC
 *
 * tls_hello.c - what a server's handshake leaves behind: the ALPN name and, with TLS 1.3,
 * the keys, so that the record layer goes on without OpenSSL's connection.
 *
 * The traffic secrets come by OpenSSL's key log callback, the number of records that are
 * sealed with them already (session tickets) by its message callback.
 */
#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/encode.h"
#include "base/mem.h"
#include "base/tls_private.h"

static int hello_index = -1; /* SSL ex_data: its struct tls_hello * */
static pthread_once_t index_once = PTHREAD_ONCE_INIT;

static void
make_index(void)
{
	hello_index = SSL_get_ex_new_index(0, NULL, NULL, NULL, NULL);
	assert(hello_index >= 0);
}

struct tls_hello *
tls_hello_new(struct span alpn)
{
	struct tls_hello *h = xcalloc(1, sizeof(*h) + alpn.n);

	if (alpn.n > 0)
		memcpy(h->alpn_bytes, alpn.p, alpn.n);
	h->alpn = span_of(h->alpn_bytes, alpn.n);
	return h;
}

void
tls_hello_free(struct tls_hello *h)
{
	if (h == NULL)
		return;
	mem_wipe(h, sizeof(*h));
	free(h);
}

/* --- callbacks of OpenSSL --- */

static int
on_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_n,
        const unsigned char *in, unsigned in_n, void *arg UNUSED)
{
	const struct tls_hello *h = SSL_get_ex_data(ssl, hello_index);
	unsigned char *chosen;
	unsigned char n;

	if (h == NULL || h->alpn.n == 0)
		return SSL_TLSEXT_ERR_NOACK;
	if (SSL_select_next_proto(&chosen, &n, (const unsigned char *)h->alpn.p,
	                          (unsigned)h->alpn.n, in,
	                          in_n) != OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_ALERT_FATAL; /* RFC 7301 3.2 */
	*out = chosen;
	*out_n = n;
	return SSL_TLSEXT_ERR_OK;
}

static uint8_t
take_secret(struct span hex, uint8_t ret[TLS_SECRET_MAX])
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(TLS_SECRET_MAX);
	uint8_t n = 0;

	if (hex_decode(hex, &b) == RC_OK) {
		n = (uint8_t)b.len;
		memcpy(ret, b.p, n);
	}
	if (b.p != NULL)
		mem_wipe(b.p, b.cap);
	return n;
}

/* "LABEL client-random secret", of which the last two are hexadecimal. */
static void
on_key(const SSL *ssl, const char *line)
{
	struct tls_hello *h = SSL_get_ex_data(ssl, hello_index);
	struct span rest = span_str(line), label, random;

	if (h == NULL || !span_cut(&rest, ' ', &label) || !span_cut(&rest, ' ', &random))
		return;
	if (span_is(label, "CLIENT_TRAFFIC_SECRET_0"))
		h->secret_in_n = take_secret(rest, h->secret_in);
	else if (span_is(label, "SERVER_TRAFFIC_SECRET_0"))
		h->secret_out_n = take_secret(rest, h->secret_out);
}

/* A record's head is told before it leaves, a handshake message when it has left. */
static void
on_message(int is_ours, int version UNUSED, int type, const void *p, size_t n, SSL *ssl,
           void *arg UNUSED)
{
	struct tls_hello *h = SSL_get_ex_data(ssl, hello_index);

	if (h == NULL || !is_ours || n == 0)
		return;
	if (type == SSL3_RT_HEADER)
		h->sealed += h->is_finished;
	else if (type == SSL3_RT_HANDSHAKE &&
	         *(const unsigned char *)p == SSL3_MT_FINISHED)
		h->is_finished = true;
}

void
tls_hello_watch(SSL_CTX *ctx)
{
	SSL_CTX_set_alpn_select_cb(ctx, on_alpn, NULL);
	SSL_CTX_set_keylog_callback(ctx, on_key);
	SSL_CTX_set_msg_callback(ctx, on_message);
}

/* --- to and fro --- */

void
tls_hello_attach(struct tls_hello *h, SSL *ssl)
{
	pthread_once(&index_once, make_index);
	SSL_set_ex_data(ssl, hello_index, h);
}

void
tls_hello_part(SSL *ssl)
{
	SSL_set_ex_data(ssl, hello_index, NULL);
	SSL_set_msg_callback(ssl, NULL);
}

struct tls_record *
tls_hello_record(const struct tls_hello *h, SSL *ssl)
{
	const SSL_CIPHER *cipher = SSL_get_current_cipher(ssl);
	struct tls_record_begin b = { .secret_in = h->secret_in,
		                      .secret_out = h->secret_out,
		                      .seq_out = h->sealed };
	const unsigned char *alpn = NULL;
	unsigned alpn_n = 0;
	size_t secret_n;

	if (h->records == TLS_RECORDS_OPENSSL || SSL_version(ssl) != TLS1_3_VERSION ||
	    cipher == NULL || !h->is_finished || SSL_has_pending(ssl))
		return NULL;
	secret_n = (size_t)EVP_MD_get_size(SSL_CIPHER_get_handshake_digest(cipher));
	if (h->secret_in_n != secret_n || h->secret_out_n != secret_n)
		return NULL;
	b.suite = SSL_CIPHER_get_protocol_id(cipher);
	SSL_get0_alpn_selected(ssl, &alpn, &alpn_n);
	b.alpn = span_of(alpn != NULL ? (const char *)alpn : "", alpn_n);
	return tls_record_new(&b);
}
