/* SPDX-License-Identifier: ISC
 *
 * cert.h - looking at other people's certificates (X.509, RFC 5280) as S/MIME uses them.
 *
 * On OpenSSL. Nothing is fetched from anywhere: what a chain lacks is missing.
 */
#ifndef BASE_CERT_H
#define BASE_CERT_H

#include "base/buf.h"

/* Whom to believe, shared by threads. */
struct cert_roots;

/* file: certificates (and revocation lists) in PEM; empty: what the system trusts. */
enum rc
cert_roots_new(const char *file, struct cert_roots **ret, struct err *err) MUST_CHECK;
void cert_roots_free(struct cert_roots *r);
AUTO_DEFINE(cert_roots);

enum cert_verdict {
	CERT_GOOD,
	CERT_MALFORMED,
	CERT_BAD_SIGNATURE,
	CERT_UNTRUSTED,    /* the chain does not end at a root that we believe */
	CERT_BAD_CHAIN,    /* too long, or made badly */
	CERT_NOT_FOR_MAIL, /* of another purpose than signing mail */
	CERT_OUT_OF_TIME,
	CERT_CHAIN_OUT_OF_TIME,
	CERT_BAD_USAGE,     /* somewhere in the chain */
	CERT_BAD_AUTHORITY, /* what signed it may not sign certificates */
	CERT_BAD_NAMES,     /* outside of what its authority may name */
	CERT_REVOKED,
	CERT_CHAIN_REVOKED,
	CERT_REVOCATION_UNKNOWN, /* there is no list that says */
	CERT_FAULT,              /* of ours */
};

/*
 * The certificate der with the n of chain, in any order, which need not be trusted.
 * revocation: what no list of the roots speaks for is CERT_REVOCATION_UNKNOWN.
 */
enum cert_verdict
cert_check(struct cert_roots *r, struct span der, const struct span *chain, size_t n,
           bool revocation) MUST_CHECK;
/* True when it is a certificate and its time is now. */
bool cert_is_current(struct span der);
/* PEM or DER to DER: the first certificate in it. RC_INVALID. */
enum rc cert_read(struct span bytes, struct buf *der) MUST_CHECK;

#endif
