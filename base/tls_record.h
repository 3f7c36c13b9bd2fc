/* SPDX-License-Identifier: ISC
 *
 * tls_record.h - the record layer of TLS 1.3 after the handshake (RFC 8446 5, 4.6.3, 6).
 *
 * OpenSSL shakes hands; then a connection needs two traffic secrets with their counters
 * and nothing else, as kernel TLS shows. Here they are 232 bytes in place of OpenSSL's
 * 14 KB. The ciphers themselves are OpenSSL's, from one context for each thread. Knows no
 * socket. docs/decisions/tls-records.md has the reasons and the limits.
 */
#ifndef BASE_TLS_RECORD_H
#define BASE_TLS_RECORD_H

#include "base/rc.h"
#include "base/span.h"

#define TLS_SECRET_MAX 48
#define TLS_RECORD_HEAD 5 /* bytes in front of a record's content */
#define TLS_RECORD_DATA_MAX 16384
/* What a record may be longer than its content, head included, as we write it. */
#define TLS_RECORD_ROOM (TLS_RECORD_HEAD + 1 + 16)
/* The longest record of a peer: RFC 8446 5.2. */
#define TLS_RECORD_MAX (TLS_RECORD_HEAD + TLS_RECORD_DATA_MAX + 256)

struct tls_record;

enum tls_content { TLS_CONTENT_ALERT = 21, TLS_CONTENT_DATA = 23 };

/* Of RFC 8446 6.2, as far as they are sent from here. */
enum tls_alert {
	TLS_ALERT_CLOSE_NOTIFY = 0,
	TLS_ALERT_UNEXPECTED_MESSAGE = 10,
	TLS_ALERT_BAD_RECORD_MAC = 20,
	TLS_ALERT_RECORD_OVERFLOW = 22,
	TLS_ALERT_DECODE_ERROR = 50,
};

/* How a connection stands when the hands are shaken. Secrets of 32 or 48 bytes. */
struct tls_record_begin {
	unsigned suite;           /* 0x1301 and so on */
	const uint8_t *secret_in; /* what the peer writes with */
	const uint8_t *secret_out;
	uint64_t seq_in; /* records read, and written, with these secrets already */
	uint64_t seq_out;
	struct span alpn;
};

/* NULL: a suite that is not known here, or an ALPN name that is too long. */
struct tls_record *tls_record_new(const struct tls_record_begin *b);
/* The keys are wiped. NULL is fine. */
void tls_record_free(struct tls_record *t);
/* "TLSv1.3 TLS_AES_128_GCM_SHA256", static. */
const char *tls_record_str(const struct tls_record *t);
struct span tls_record_alpn(const struct tls_record *t);
size_t tls_record_memory(void);

/* Bytes of the record that begins with p, TLS_RECORD_HEAD of which are there; 0: that is
 * none, and tls_record_why() tells. */
size_t tls_record_size(struct tls_record *t, const char *p);

enum tls_record_got {
	TLS_RECORD_DATA,    /* *ret has bytes for the application */
	TLS_RECORD_NOTHING, /* it was for us, or empty */
	TLS_RECORD_CLOSED,  /* the peer sends no more */
	TLS_RECORD_BROKEN,  /* the connection is lost; tls_record_why() tells */
};

/* Opens the record of n bytes (tls_record_size()) at p, in place. */
enum tls_record_got
tls_record_open(struct tls_record *t, char *p, size_t n, struct span *ret);
/* After BROKEN: words for the log, and the alert that the peer gets; < 0: none, it was
 * he who sent one. */
const char *tls_record_why(const struct tls_record *t, int *ret_alert);

/* Seals n <= TLS_RECORD_DATA_MAX bytes that lie at p + TLS_RECORD_HEAD; returns how many
 * bytes from p on are the record: n + TLS_RECORD_ROOM. */
size_t tls_record_seal(struct tls_record *t, enum tls_content type, char *p, size_t n);
/* p has room for 2 + TLS_RECORD_ROOM bytes. */
size_t tls_record_seal_alert(struct tls_record *t, enum tls_alert alert, char *p);
/*
 * New keys to write with, before the next data: the peer has asked for them, or the old
 * ones have sealed enough. The message is sealed at p, which has room for
 * 5 + TLS_RECORD_ROOM bytes; 0: not now.
 */
size_t tls_record_seal_update(struct tls_record *t, char *p);

#endif
