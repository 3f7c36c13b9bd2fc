/* SPDX-License-Identifier: ISC
 *
 * tls_private.h - what stream.c sees of tls.c.
 */
#ifndef BASE_TLS_PRIVATE_H
#define BASE_TLS_PRIVATE_H

#include <openssl/ssl.h>

#include "base/tls.h"

/*
 * The server's side of a new connection, or NULL when memory is out. *alpn, in wire form,
 * is read in the handshake: it must stay where it is until the SSL is freed.
 */
SSL *tls_server_ssl(struct tls_server *t, const struct span *alpn);
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
