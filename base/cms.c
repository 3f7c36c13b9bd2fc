/* SPDX-License-Identifier: ISC
 *
 * cms.c - signed content, on OpenSSL.
 */
#include "base/cms.h"

#include <limits.h>
#include <openssl/cms.h>
#include <openssl/err.h>
#include <openssl/pem.h>

/* All certificates of a PEM file; NULL: there is none. */
static STACK_OF(X509) * read_certs(const char *file)
{
	STACK_OF(X509) *list = sk_X509_new_null();
	BIO *in = BIO_new_file(file, "r");
	X509 *x;

	while (in && list && (x = PEM_read_bio_X509(in, NULL, NULL, NULL)) != NULL)
		sk_X509_push(list, x);
	ERR_clear_error(); /* the end of the file is one */
	BIO_free(in);
	if (list && sk_X509_num(list) > 0)
		return list;
	sk_X509_pop_free(list, X509_free);
	return NULL;
}

static EVP_PKEY *
read_key(const char *file)
{
	BIO *in = BIO_new_file(file, "r");
	EVP_PKEY *key = in ? PEM_read_bio_PrivateKey(in, NULL, NULL, NULL) : NULL;

	BIO_free(in);
	ERR_clear_error();
	return key;
}

static enum rc
sign(struct span content, STACK_OF(X509) * certs, EVP_PKEY *key, struct buf *out)
{
	X509 *signer = sk_X509_shift(certs);
	BIO *in = BIO_new_mem_buf(content.p, (int)content.n);
	CMS_ContentInfo *cms = in ? CMS_sign(signer, key, certs, in, CMS_BINARY) : NULL;
	unsigned char *der = NULL;
	int n = cms ? i2d_CMS_ContentInfo(cms, &der) : -1;

	if (n > 0)
		buf_add(out, der, (size_t)n);
	OPENSSL_free(der);
	CMS_ContentInfo_free(cms);
	BIO_free(in);
	X509_free(signer);
	ERR_clear_error();
	return n > 0 && buf_ok(out) ? RC_OK : RC_IO;
}

enum rc
cms_sign(struct span content, const char *cert_file, const char *key_file,
         struct buf *out, struct err *err)
{
	STACK_OF(X509) *certs = read_certs(cert_file);
	EVP_PKEY *key = certs ? read_key(key_file) : NULL;
	enum rc rc;

	if (!certs)
		rc = err_set(err, RC_INVALID, "%s: no certificate", cert_file);
	else if (!key)
		rc = err_set(err, RC_INVALID, "%s: no private key", key_file);
	else if (content.n > INT_MAX)
		rc = err_set(err, RC_TOO_BIG, "too much to sign");
	else if ((rc = sign(content, certs, key, out)) != RC_OK)
		rc = err_set(err, rc, "%s and %s do not sign together", cert_file,
		             key_file);
	EVP_PKEY_free(key);
	sk_X509_pop_free(certs, X509_free);
	return rc;
}

enum rc
cms_certs_each(const char *pem_file, cms_cert_fn *fn, void *arg, struct err *err)
{
	STACK_OF(X509) *certs = read_certs(pem_file);
	bool more = true;

	if (!certs)
		return err_set(err, RC_INVALID, "%s: no certificate", pem_file);
	for (int i = 0; more && i < sk_X509_num(certs); i++) {
		unsigned char *der = NULL;
		int n = i2d_X509(sk_X509_value(certs, i), &der);

		more = n > 0 && fn(span_of((const char *)der, (size_t)n), arg);
		OPENSSL_free(der);
	}
	sk_X509_pop_free(certs, X509_free);
	return RC_OK;
}
