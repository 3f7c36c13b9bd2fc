/* SPDX-License-Identifier: ISC
 *
 * dns_wire.h - reading of DNS messages (RFC 1035 4), for dns.c alone.
 */
#ifndef BASE_DNS_WIRE_H
#define BASE_DNS_WIRE_H

#include "base/dns.h"

/* True for a name in text form, without its final dot, that fits into a question. */
bool dns_wire_is_name(struct span name);

/* The response code, without EDNS's extension; 2 (SERVFAIL) for what is no message. */
unsigned dns_wire_rcode(struct span message);

/*
 * The records of this type in the answer section, in arena; MX sorted by preference.
 * Records that make no sense are left out; RC_INVALID when the message does not.
 */
enum rc dns_wire_parse(struct span message, enum dns_type type, struct arena *arena,
                       struct dns_record **ret, size_t *ret_n) MUST_CHECK;

#endif
