/* SPDX-License-Identifier: ISC
 *
 * fuzz_tls_record.c - what a peer that has the keys may send: records of any type and
 * content, sealed as they should be; then one that is not.
 */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/tls_record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Each piece: a type, two bytes of length, bytes. */
static size_t
next_piece(const uint8_t *data, size_t size, uint8_t *type, const uint8_t **p, size_t *n)
{
	if (size < 3)
		return 0;
	*type = data[0];
	*n = ((size_t)data[1] << 8 | data[2]) & TLS_RECORD_DATA_MAX / 2;
	if (*n > size - 3)
		*n = size - 3;
	*p = data + 3;
	return 3 + *n;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char record[TLS_RECORD_MAX + TLS_RECORD_ROOM];
	static const uint8_t secret[TLS_SECRET_MAX] = { 1 };
	struct tls_record_begin b = {
		0x1301u + (size ? data[0] % 3 : 0), secret, secret, 0, 0, SPAN("")
	};
	struct tls_record *from = tls_record_new(&b), *to = tls_record_new(&b);
	enum tls_record_got got = TLS_RECORD_NOTHING;
	const uint8_t *p;
	struct span s;
	uint8_t type;
	size_t n;
	int alert;

	for (size_t used; (used = next_piece(data, size, &type, &p, &n)) > 0;) {
		memcpy(record + TLS_RECORD_HEAD, p, n);
		n = tls_record_seal(from, (enum tls_content)type, record, n);
		assert(tls_record_size(to, record) == n);
		got = tls_record_open(to, record, n, &s);
		if (got == TLS_RECORD_BROKEN) {
			assert(tls_record_why(to, &alert) != NULL);
			break;
		}
		(void)tls_record_seal_update(to, record);
		data += used;
		size -= used;
	}
	/* Bytes that nobody sealed. */
	if (size >= TLS_RECORD_HEAD && size <= TLS_RECORD_MAX) {
		memcpy(record, data, size);
		n = tls_record_size(to, record);
		if (n > 0 && n <= size)
			assert(tls_record_open(to, record, n, &s) == TLS_RECORD_BROKEN);
	}
	tls_record_free(from);
	tls_record_free(to);
	return 0;
}
