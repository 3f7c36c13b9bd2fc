/* SPDX-License-Identifier: ISC
 *
 * tls.h - OpenSSL contexts: server with SNI and reload, client with verification.
 *
 * TLS 1.2 and 1.3. A connection keeps the context it began with, so a reload drops none.
 */
#ifndef BASE_TLS_H
#define BASE_TLS_H

#include "base/rc.h"
#include "base/span.h"

struct tls_server;
struct tls_client;

struct tls_cert {
	const char *cert_file; /* PEM chain, the server's own first */
	const char *key_file;  /* PEM */
};

/*
 * certs[0] serves clients without SNI or with an unknown name; the others by the names
 * in their certificates (subjectAltName, wildcards). err names the file that is wrong.
 */
enum rc tls_server_new(const struct tls_cert *certs, size_t n, struct tls_server **ret,
                       struct err *err) MUST_CHECK;
/* Reads the same files again and renews the keys of session tickets; on failure the old
 * ones stay. Any thread. */
enum rc tls_server_reload(struct tls_server *t, struct err *err) MUST_CHECK;
void tls_server_free(struct tls_server *t);

/*
 * verify: the peer's chain and name must check against ca_file (NULL: the system's).
 * Without verify any certificate is taken (opportunistic SMTP, RFC 7435).
 */
enum rc tls_client_new(const char *ca_file, bool verify, struct tls_client **ret,
                       struct err *err) MUST_CHECK;
void tls_client_free(struct tls_client *t);

#endif
