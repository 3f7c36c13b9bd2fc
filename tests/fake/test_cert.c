/* SPDX-License-Identifier: ISC
 *
 * test_cert.c - certificates for tests, made on the spot.
 */
#include "tests/fake/test_cert.h"

#include <assert.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char dir[256];

static void
remove_dir(void)
{
	char command[300];

	snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	if (system(command) != 0)
		fprintf(stderr, "cannot remove %s\n", dir);
}

const char *
test_dir(void)
{
	const char *tmp = getenv("TMPDIR");

	if (dir[0] != '\0')
		return dir;
	snprintf(dir, sizeof(dir), "%s/godwit-test-XXXXXX", tmp != NULL ? tmp : "/tmp");
	if (mkdtemp(dir) == NULL)
		abort();
	atexit(remove_dir);
	return dir;
}

const char *
test_path(const char *stem, const char *suffix)
{
	static char ring[8][320];
	static unsigned next;
	char *p = ring[next++ % 8];

	snprintf(p, sizeof(ring[0]), "%s/%s.%s", test_dir(), stem, suffix);
	return p;
}

static void
add_extension(X509 *x, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *e;

	X509V3_set_ctx(&ctx, x, x, NULL, NULL, 0);
	e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	assert(e != NULL);
	X509_add_ext(x, e, -1);
	X509_EXTENSION_free(e);
}

/* "a,IP:1.2.3.4" becomes "DNS:a,IP:1.2.3.4". */
static void
add_names(X509 *x, const char *names)
{
	char alt[1024] = "";
	char copy[512];
	char *rest = copy, *name;

	snprintf(copy, sizeof(copy), "%s", names);
	while ((name = strsep(&rest, ",")) != NULL) {
		size_t n = strlen(alt);

		snprintf(alt + n, sizeof(alt) - n, "%s%s%s", n > 0 ? "," : "",
		         strncmp(name, "IP:", 3) == 0 ? "" : "DNS:", name);
	}
	add_extension(x, NID_subject_alt_name, alt);
}

void
test_cert_make(const char *stem, const char *names)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *x = X509_new();
	FILE *f;

	assert(key != NULL && x != NULL);
	X509_set_version(x, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(x), (long)(getpid() + random()));
	X509_gmtime_adj(X509_getm_notBefore(x), -3600);
	X509_gmtime_adj(X509_getm_notAfter(x), 24 * 3600);
	X509_set_pubkey(x, key);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC,
	                           (const unsigned char *)stem, -1, -1, 0);
	X509_set_issuer_name(x, X509_get_subject_name(x));
	add_extension(x, NID_basic_constraints, "CA:TRUE");
	add_names(x, names);
	if (X509_sign(x, key, EVP_sha256()) == 0)
		abort();

	f = fopen(test_path(stem, "pem"), "w");
	if (f == NULL || PEM_write_X509(f, x) != 1 || fclose(f) != 0)
		abort();
	f = fopen(test_path(stem, "key"), "w");
	if (f == NULL || PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL) != 1 ||
	    fclose(f) != 0)
		abort();
	X509_free(x);
	EVP_PKEY_free(key);
}
