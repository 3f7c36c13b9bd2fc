/* SPDX-License-Identifier: ISC
 *
 * eas_validate.c - ValidateCert: [MS-ASCMD] 2.2.1.22.
 */
#include "activesync/eas_private.h"
#include "base/cert.h"
#include "base/encode.h"

#define CERTIFICATES_MAX 100
#define CERTIFICATE_MAX (256 * 1024) /* bytes */

/* 2.2.3.177.18 */
static unsigned
status_of(enum cert_verdict v)
{
	switch (v) {
	case CERT_GOOD:
		return EAS_STATUS_OK;
	case CERT_MALFORMED:
		return EAS_CERT_INFORMATION;
	case CERT_BAD_SIGNATURE:
		return EAS_CERT_SIGNATURE;
	case CERT_UNTRUSTED:
		return EAS_CERT_UNTRUSTED;
	case CERT_BAD_CHAIN:
		return EAS_CERT_CHAIN;
	case CERT_NOT_FOR_MAIL:
		return EAS_CERT_NOT_FOR_MAIL;
	case CERT_OUT_OF_TIME:
		return EAS_CERT_TIME;
	case CERT_CHAIN_OUT_OF_TIME:
		return EAS_CERT_TIMES_OF_CHAIN;
	case CERT_BAD_USAGE:
		return EAS_CERT_USAGE;
	case CERT_BAD_AUTHORITY:
		return EAS_CERT_AUTHORITY;
	case CERT_BAD_NAMES:
		return EAS_CERT_NAMES;
	case CERT_REVOKED:
		return EAS_CERT_REVOKED;
	case CERT_CHAIN_REVOKED:
		return EAS_CERT_CHAIN_REVOKED;
	case CERT_REVOCATION_UNKNOWN:
		return EAS_CERT_REVOCATION_UNKNOWN;
	case CERT_FAULT:
		return EAS_CERT_SERVER;
	}
	return EAS_CERT_SERVER;
}

/* Base64 (2.2.3.19), line breaks and all; a span that is empty is none. */
static struct span
read_certificate(const struct wbxml_node *n, struct arena *a)
{
	AUTO_DONE(buf) struct buf text = BUF_INIT(CERTIFICATE_MAX * 4 / 3 + 4);
	AUTO_DONE(buf) struct buf der = BUF_INIT(CERTIFICATE_MAX);

	for (size_t i = 0; i < n->text.n; i++) {
		if ((unsigned char)n->text.p[i] > ' ')
			buf_add_char(&text, n->text.p[i]);
	}
	if (!buf_ok(&text) || base64_decode(buf_span(&text), &der) != RC_OK)
		return SPAN("");
	return arena_span(a, buf_span(&der));
}

static size_t
read_all(const struct wbxml_node *list, struct arena *a, struct span *ret)
{
	size_t n = 0;

	for (const struct wbxml_node *c =
	             wbxml_child(list, WBXML_VALIDATECERT_CERTIFICATE);
	     c; c = wbxml_next(c, WBXML_VALIDATECERT_CERTIFICATE)) {
		if (n == CERTIFICATES_MAX)
			return n + 1;
		ret[n++] = read_certificate(c, a);
	}
	return n;
}

void
eas_validate_start(struct eas_call *c)
{
	struct span *certs = arena_array(c->arena, CERTIFICATES_MAX, struct span);
	struct span *chain = arena_array(c->arena, CERTIFICATES_MAX, struct span);
	size_t n, n_chain;
	uint32_t check_crl = 0;
	struct wbxml_writer w;
	enum rc rc;

	n = read_all(wbxml_child(c->root, WBXML_VALIDATECERT_CERTIFICATES), c->arena,
	             certs);
	n_chain = read_all(wbxml_child(c->root, WBXML_VALIDATECERT_CERTIFICATECHAIN),
	                   c->arena, chain);
	rc = wbxml_child_u32(c->root, WBXML_VALIDATECERT_CHECKCRL, 1, &check_crl);
	if (c->root->tag != WBXML_VALIDATECERT_VALIDATECERT || n == 0 ||
	    n > CERTIFICATES_MAX || n_chain > CERTIFICATES_MAX ||
	    (rc != RC_OK && rc != RC_NOT_FOUND)) {
		eas_answer_status(c, EAS_CERT_PROTOCOL);
		return;
	}
	if (!c->eas->roots) {
		eas_answer_status(c, EAS_CERT_SERVER);
		return;
	}
	eas_answer_begin(c, &w);
	wbxml_start(&w, WBXML_VALIDATECERT_VALIDATECERT);
	wbxml_u64(&w, WBXML_VALIDATECERT_STATUS, EAS_STATUS_OK);
	for (size_t i = 0; i < n; i++) {
		enum cert_verdict v =
			cert_check(c->eas->roots, certs[i], chain, n_chain, check_crl);

		wbxml_start(&w, WBXML_VALIDATECERT_CERTIFICATE);
		wbxml_u64(&w, WBXML_VALIDATECERT_STATUS, status_of(v));
		wbxml_end(&w);
	}
	wbxml_end(&w);
}
