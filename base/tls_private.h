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

/* Takes the oldest error out of OpenSSL's queue as words, e.g. "wrong version number". */
const char *tls_take_error(const SSL *ssl, char *ret, size_t size);

#endif
