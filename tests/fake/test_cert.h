/* SPDX-License-Identifier: ISC
 *
 * test_cert.h - certificates for tests, made on the spot.
 */
#ifndef TEST_CERT_H
#define TEST_CERT_H

/*
 * A folder of a test's own under $TMPDIR, removed with all in it when the test program
 * ends. Static storage.
 */
const char *test_dir(void);

/*
 * Writes a self-signed certificate for "name,name,..." (DNS names; "IP:..." for
 * addresses) and its key (EC P-256) to test_dir()/stem.pem and stem.key. The
 * certificate is its own CA.
 */
void test_cert_make(const char *stem, const char *names);
/* "test_dir()/stem.suffix", static storage in a ring of 8. */
const char *test_path(const char *stem, const char *suffix);

#endif
