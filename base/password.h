/* SPDX-License-Identifier: ISC
 *
 * password.h - passwords, hashed by libcrypt (yescrypt; what crypt(5) knows is accepted).
 *
 * Both calls take tens of milliseconds of CPU and megabytes of memory by design: call
 * them from workers only.
 */
#ifndef BASE_PASSWORD_H
#define BASE_PASSWORD_H

#include "base/rc.h"
#include "base/span.h"

/* cost 1 (tests) to 11; 5 is yescrypt's own default. *ret is free()d by the caller. */
enum rc password_hash(struct span password, unsigned cost, char **ret) MUST_CHECK;
/* True for a hash of crypt(5) that libcrypt takes and does not call weak by today's
 * measure (bcrypt, SHA-crypt, scrypt, yescrypt; not DES, MD5). */
bool password_is_hash(const char *hash);
/* RC_OK, RC_DENIED, or RC_INVALID when the hash is none that libcrypt knows. */
enum rc password_check(struct span password, const char *hash) MUST_CHECK;

#endif
