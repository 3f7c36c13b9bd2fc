/* SPDX-License-Identifier: ISC
 *
 * password.c - yescrypt by libcrypt (crypt(3), crypt(5)).
 */
#include "base/password.h"

#include <crypt.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define COST_MAX 11

static void
free_wiped(struct crypt_data *d)
{
	mem_wipe(d, sizeof(*d));
	free(d);
}

/* The hash of password under setting; the string lies in *ret_data, freed by the caller.
 */
static enum rc
run_crypt(struct span password, const char *setting, struct crypt_data **ret_data,
          const char **ret_hash)
{
	struct crypt_data *d;
	const char *hash;
	char *phrase;
	int saved;

	if (span_find(password, 0, '\0') < password.n)
		return RC_INVALID;
	if (password.n >= CRYPT_MAX_PASSPHRASE_SIZE)
		return RC_TOO_BIG;
	d = xcalloc(1, sizeof(*d));
	phrase = xstrndup(password.p, password.n);
	errno = 0;
	hash = crypt_rn(phrase, setting, d, sizeof(*d));
	saved = errno;
	mem_wipe(phrase, password.n);
	free(phrase);
	if (!hash || hash[0] == '*') {
		free_wiped(d);
		return saved == ENOMEM ? RC_IO : RC_INVALID;
	}
	*ret_data = d;
	*ret_hash = hash;
	return RC_OK;
}

enum rc
password_hash(struct span password, unsigned cost, char **ret)
{
	char setting[CRYPT_GENSALT_OUTPUT_SIZE];
	struct crypt_data *d;
	const char *hash;
	enum rc rc;

	if (cost < 1 || cost > COST_MAX)
		return RC_INVALID;
	/* NULL: the salt comes from the system's generator. */
	if (!crypt_gensalt_rn("$y$", cost, NULL, 0, setting, sizeof(setting)))
		return RC_IO;
	rc = run_crypt(password, setting, &d, &hash);
	if (rc != RC_OK)
		return rc;
	*ret = xstrdup(hash);
	free_wiped(d);
	return RC_OK;
}

static bool
is_same(const char *a, const char *b)
{
	size_t n = strlen(a);
	unsigned char diff = 0;

	if (strlen(b) != n)
		return false;
	for (size_t i = 0; i < n; i++)
		diff |= (unsigned char)(a[i] ^ b[i]);
	return diff == 0;
}

enum rc
password_check(struct span password, const char *hash)
{
	struct crypt_data *d;
	const char *got;
	enum rc rc;
	int salt = crypt_checksalt(hash);

	if (salt == CRYPT_SALT_INVALID || salt == CRYPT_SALT_METHOD_DISABLED)
		return RC_INVALID;
	/* What password_hash() would not have taken was never anybody's password. */
	if (span_find(password, 0, '\0') < password.n ||
	    password.n >= CRYPT_MAX_PASSPHRASE_SIZE)
		return RC_DENIED;
	rc = run_crypt(password, hash, &d, &got);
	if (rc != RC_OK)
		return rc;
	rc = is_same(got, hash) ? RC_OK : RC_DENIED;
	free_wiped(d);
	return rc;
}

bool
password_is_hash(const char *hash)
{
	/* libcrypt looks at the method and its salt only: the result stands behind the
	 * last '$', 43 characters or more in all methods but bcrypt's 53 with the salt.
	 */
	const char *last = strrchr(hash, '$');

	return last && strlen(last + 1) >= 43 && crypt_checksalt(hash) == CRYPT_SALT_OK;
}
