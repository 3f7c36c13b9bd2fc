/* SPDX-License-Identifier: ISC
 *
 * cert.c - chains of certificates: RFC 5280 6, RFC 8550 (S/MIME).
 */
#include "base/cert.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"

#define CHAIN_DEPTH_MAX 20

struct cert_roots {
	X509_STORE *store;
};

enum rc
cert_roots_new(const char *file, struct cert_roots **ret, struct err *err)
{
	AUTO(cert_roots)
	struct cert_roots *r = xcalloc(1, sizeof(*r));
	int ok;

	r->store = X509_STORE_new();
	if (!r->store)
		return err_set(err, RC_IO, "OpenSSL gives no store of certificates");
	if (file && *file)
		ok = X509_STORE_load_file(r->store, file);
	else
		ok = X509_STORE_set_default_paths(r->store);
	ERR_clear_error();
	if (!ok)
		return err_set(err, RC_INVALID, "%s: no certificates can be read",
		               file && *file ? file : "the system's authorities");
	*ret = TAKE(r);
	return RC_OK;
}

void
cert_roots_free(struct cert_roots *r)
{
	if (!r)
		return;
	X509_STORE_free(r->store);
	free(r);
}

static X509 *
parse(struct span der)
{
	const unsigned char *p = (const unsigned char *)der.p;
	X509 *x = NULL;

	if (der.n > 0 && der.n < 1048576)
		x = d2i_X509(NULL, &p, (long)der.n);
	if (x && p != (const unsigned char *)der.p + der.n) {
		X509_free(x);
		x = NULL;
	}
	ERR_clear_error();
	return x;
}

static enum cert_verdict
verdict_of(int error, int depth)
{
	switch (error) {
	case X509_V_OK:
		return CERT_GOOD;
	case X509_V_ERR_CERT_SIGNATURE_FAILURE:
	case X509_V_ERR_UNABLE_TO_DECRYPT_CERT_SIGNATURE:
	case X509_V_ERR_UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY:
	case X509_V_ERR_EE_KEY_TOO_SMALL:
	case X509_V_ERR_CA_KEY_TOO_SMALL:
	case X509_V_ERR_CA_MD_TOO_WEAK:
		return CERT_BAD_SIGNATURE;
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
	case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
	case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
	case X509_V_ERR_CERT_UNTRUSTED:
	case X509_V_ERR_CERT_REJECTED:
		return CERT_UNTRUSTED;
	case X509_V_ERR_CERT_NOT_YET_VALID:
	case X509_V_ERR_CERT_HAS_EXPIRED:
	case X509_V_ERR_ERROR_IN_CERT_NOT_BEFORE_FIELD:
	case X509_V_ERR_ERROR_IN_CERT_NOT_AFTER_FIELD:
		return depth == 0 ? CERT_OUT_OF_TIME : CERT_CHAIN_OUT_OF_TIME;
	case X509_V_ERR_INVALID_PURPOSE:
		return depth == 0 ? CERT_NOT_FOR_MAIL : CERT_BAD_USAGE;
	case X509_V_ERR_KEYUSAGE_NO_DIGITAL_SIGNATURE:
	case X509_V_ERR_KEYUSAGE_NO_CERTSIGN:
	case X509_V_ERR_KEYUSAGE_NO_CRL_SIGN:
	case X509_V_ERR_UNHANDLED_CRITICAL_EXTENSION:
		return CERT_BAD_USAGE;
	case X509_V_ERR_INVALID_CA:
	case X509_V_ERR_INVALID_NON_CA:
	case X509_V_ERR_PATH_LENGTH_EXCEEDED:
		return CERT_BAD_AUTHORITY;
	case X509_V_ERR_PERMITTED_VIOLATION:
	case X509_V_ERR_EXCLUDED_VIOLATION:
	case X509_V_ERR_SUBTREE_MINMAX:
	case X509_V_ERR_EMAIL_MISMATCH:
		return CERT_BAD_NAMES;
	case X509_V_ERR_CERT_REVOKED:
		return depth == 0 ? CERT_REVOKED : CERT_CHAIN_REVOKED;
	case X509_V_ERR_UNABLE_TO_GET_CRL:
	case X509_V_ERR_UNABLE_TO_GET_CRL_ISSUER:
	case X509_V_ERR_CRL_HAS_EXPIRED:
	case X509_V_ERR_CRL_NOT_YET_VALID:
	case X509_V_ERR_CRL_SIGNATURE_FAILURE:
		return CERT_REVOCATION_UNKNOWN;
	case X509_V_ERR_OUT_OF_MEM:
	case X509_V_ERR_UNSPECIFIED:
		return CERT_FAULT;
	default:
		return CERT_BAD_CHAIN;
	}
}

static enum cert_verdict
verify(struct cert_roots *r, X509 *x, STACK_OF(X509) * others, bool revocation)
{
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	enum cert_verdict v = CERT_FAULT;

	if (ctx && X509_STORE_CTX_init(ctx, r->store, x, others)) {
		X509_STORE_CTX_set_purpose(ctx, X509_PURPOSE_SMIME_SIGN);
		X509_STORE_CTX_set_depth(ctx, CHAIN_DEPTH_MAX);
		X509_STORE_CTX_set_time(ctx, 0, (time_t)(clock_wall_ms() / 1000));
		if (revocation)
			X509_STORE_CTX_set_flags(ctx, X509_V_FLAG_CRL_CHECK |
			                                      X509_V_FLAG_CRL_CHECK_ALL);
		if (X509_verify_cert(ctx) == 1)
			v = CERT_GOOD;
		else
			v = verdict_of(X509_STORE_CTX_get_error(ctx),
			               X509_STORE_CTX_get_error_depth(ctx));
	}
	X509_STORE_CTX_free(ctx);
	ERR_clear_error();
	return v;
}

enum cert_verdict
cert_check(struct cert_roots *r, struct span der, const struct span *chain, size_t n,
           bool revocation)
{
	STACK_OF(X509) *others = sk_X509_new_null();
	X509 *x = parse(der);
	enum cert_verdict v = !others ? CERT_FAULT : x ? CERT_GOOD : CERT_MALFORMED;

	for (size_t i = 0; i < n && v == CERT_GOOD; i++) {
		X509 *link = parse(chain[i]);

		if (!link)
			v = CERT_BAD_CHAIN;
		else if (!sk_X509_push(others, link)) {
			X509_free(link);
			v = CERT_FAULT;
		}
	}
	if (v == CERT_GOOD)
		v = verify(r, x, others, revocation);
	sk_X509_pop_free(others, X509_free);
	X509_free(x);
	return v;
}

bool
cert_is_current(struct span der)
{
	time_t now = (time_t)(clock_wall_ms() / 1000);
	X509 *x = parse(der);
	bool ok = x && X509_cmp_time(X509_get0_notBefore(x), &now) < 0 &&
	          X509_cmp_time(X509_get0_notAfter(x), &now) > 0;

	X509_free(x);
	ERR_clear_error();
	return ok;
}

enum rc
cert_read(struct span bytes, struct buf *der)
{
	X509 *x = parse(bytes);
	unsigned char *out = NULL;
	int n;

	if (!x && bytes.n > 0 && bytes.n < 1048576) {
		BIO *b = BIO_new_mem_buf(bytes.p, (int)bytes.n);

		x = b ? PEM_read_bio_X509(b, NULL, NULL, NULL) : NULL;
		BIO_free(b);
	}
	n = x ? i2d_X509(x, &out) : -1;
	if (n > 0)
		buf_add(der, out, (size_t)n);
	OPENSSL_free(out);
	X509_free(x);
	ERR_clear_error();
	return n > 0 ? RC_OK : RC_INVALID;
}
