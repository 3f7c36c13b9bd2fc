/* SPDX-License-Identifier: ISC
 *
 * tls.h - OpenSSL contexts: server with SNI and reload, client with verification.
 *
 * TLS 1.2 and 1.3. A connection keeps the context it began with, so a reload drops none.
 * Sessions are resumed by tickets alone (RFC 5077, RFC 8446 4.6.1): nothing is kept here,
 * and there is no early data.
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
/* Reads the same files again; on failure the old ones stay. Tickets outlive it as long as
 * the first certificate has the same private key. Any thread. */
enum rc tls_server_reload(struct tls_server *t, struct err *err) MUST_CHECK;
void tls_server_free(struct tls_server *t);

/*
 * Who reads and writes the records of TLS 1.3 when the hands are shaken; before the first
 * connection. RECORDS_GODWIT, as it is at first: tls_record.h, by which a connection that
 * waits holds a few hundred bytes in place of OpenSSL's 14 KB. TLS 1.2 is OpenSSL's
 * always.
 */
enum tls_records { TLS_RECORDS_GODWIT, TLS_RECORDS_OPENSSL };
void tls_server_set_records(struct tls_server *t, enum tls_records who);

#define TLS_SECRET_SIZE 32
#define TLS_SECRETS_MAX 4

/*
 * What the keys of session tickets come from, together with the first certificate's
 * private key: servers that have both in common open each other's tickets. New tickets
 * are sealed under secrets[current]; the others (n <= TLS_SECRETS_MAX) still open. A
 * ticket is good for life_s at most. Copied; any thread. Before the first call there is
 * one random secret.
 */
struct tls_ticket_secret {
	uint8_t bytes[TLS_SECRET_SIZE];
};
void tls_server_set_tickets(struct tls_server *t, const struct tls_ticket_secret *secrets,
                            size_t n, size_t current, uint64_t life_s);

/*
 * verify: the peer's chain and name must check against ca_file (NULL: the system's).
 * Without verify any certificate is taken (opportunistic SMTP, RFC 7435).
 */
enum rc tls_client_new(const char *ca_file, bool verify, struct tls_client **ret,
                       struct err *err) MUST_CHECK;
/* Shows this certificate to servers that ask for one; before the first connection. */
enum rc tls_client_use(struct tls_client *t, const struct tls_cert *cert,
                       struct err *err) MUST_CHECK;
void tls_client_free(struct tls_client *t);

#endif
