/* SPDX-License-Identifier: ISC
 *
 * fuzz_dns_wire.c - DNS messages: the first byte chooses the type, the rest is the
 * message.
 */
#include <stdlib.h>

#include "base/dns_wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const enum dns_type types[] = { DNS_A,   DNS_PTR,  DNS_MX,
		                               DNS_TXT, DNS_AAAA, DNS_TLSA };
	AUTO(arena)
	struct arena *a = arena_new();
	struct dns_record *records;
	struct span message;
	size_t n, sum = 0;

	if (size < 1)
		return 0;
	message = span_of((const char *)data + 1, size - 1);
	(void)dns_wire_rcode(message);
	(void)dns_wire_is_name(message);
	if (dns_wire_parse(message, types[data[0] % ARRAY_LEN(types)], a, &records, &n) !=
	    RC_OK)
		return 0;
	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k < records[i].data.n; k++)
			sum += (unsigned char)records[i].data.p[k];
		if (i > 0 && records[i].preference < records[i - 1].preference)
			abort();
	}
	return sum == SIZE_MAX;
}
