/* SPDX-License-Identifier: ISC
 *
 * tls_private.h - what stream.c sees of tls.c.
 */
#ifndef BASE_TLS_PRIVATE_H
#define BASE_TLS_PRIVATE_H

#include <openssl/ssl.h>

#include "base/loop_private.h"
#include "base/tls.h"
#include "base/tls_record.h"

struct stream;

/* --- tls_hello.c --- */

/* What a server's handshake needs, and what comes to be known of its keys. */
struct tls_hello {
	struct span alpn; /* what we offer, in wire form; empty for none */
	uint8_t secret_in[TLS_SECRET_MAX];
	uint8_t secret_out[TLS_SECRET_MAX];
	uint8_t secret_in_n; /* 0: not known (TLS 1.2, or not yet) */
	uint8_t secret_out_n;
	bool is_finished; /* our Finished is out: what follows it has the last keys */
	uint32_t sealed;  /* ... so many records so far: session tickets */
	/* The stream's, which waits for its turn at the CPU. */
	struct tls_server *server; /* whose connection is made with the first turn */
	struct stream *stream;
	struct loop_soon turn;
	bool is_turn;
	enum tls_records records : 8;
	char alpn_bytes[];
};

struct tls_hello *tls_hello_new(struct span alpn);
/* Secrets are wiped. NULL is fine. */
void tls_hello_free(struct tls_hello *h);
/* A context for servers: its connections tell their struct tls_hello what happens. */
void tls_hello_watch(SSL_CTX *ctx);
/* h is read and written in the handshake: it must stay until ssl is freed or parted. */
void tls_hello_attach(struct tls_hello *h, SSL *ssl);
/* ssl, whose hands are shaken, goes on without its struct tls_hello. */
void tls_hello_part(SSL *ssl);
/*
 * The keys of ssl, whose hands are shaken and which has read nothing behind that: ssl can
 * be freed then. NULL: it must be kept (TLS 1.2, or it has read on, or by order).
 */
struct tls_record *tls_hello_record(const struct tls_hello *h, SSL *ssl);

/* --- tls.c --- */

/* The server's side of a new connection, or NULL when memory is out; h as for
 * tls_hello_attach(). */
SSL *tls_server_ssl(struct tls_server *t, struct tls_hello *h);
/* The client's side; host (a name or an address) goes into SNI and is checked. */
SSL *tls_client_ssl(struct tls_client *t, const char *host);

/* --- tls_ticket.c: the keys of session tickets, of one set of certificates --- */

struct tls_tickets;
/* id: of the first certificate's private key. */
struct tls_tickets *tls_tickets_new(const uint8_t id[32]);
void tls_tickets_free(struct tls_tickets *k);
void tls_tickets_set(struct tls_tickets *k, const struct tls_ticket_secret *secrets,
                     size_t n, size_t current);
/* From now on ctx's connections have tickets; they find the keys by tls_tickets_attach().
 */
void tls_tickets_enable(SSL_CTX *ctx);
/* k must outlive ssl. */
void tls_tickets_attach(SSL *ssl, struct tls_tickets *k);
/* Counts a finished handshake of the server's side: full, or resumed. */
void tls_count_handshake(const SSL *ssl);

/* Takes the oldest error out of OpenSSL's queue as words, e.g. "wrong version number". */
const char *tls_take_error(const SSL *ssl, char *ret, size_t size);

#endif
