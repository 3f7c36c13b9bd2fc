/* SPDX-License-Identifier: ISC
 *
 * cms.h - signed content (RFC 5652), as Apple's configuration profiles have it.
 */
#ifndef BASE_CMS_H
#define BASE_CMS_H

#include "base/buf.h"

/*
 * content inside a SignedData, DER, appended to out. cert_file: PEM, the signer first,
 * the rest of its chain goes along; key_file: PEM. Both are read anew each time. err
 * names the file that is wrong.
 */
enum rc cms_sign(struct span content, const char *cert_file, const char *key_file,
                 struct buf *out, struct err *err) MUST_CHECK;
/* The certificates of a PEM file as DER, one call each, until fn returns false. */
typedef bool cms_cert_fn(struct span der, void *arg);
enum rc cms_certs_each(const char *pem_file, cms_cert_fn *fn, void *arg,
                       struct err *err) MUST_CHECK;

#endif
