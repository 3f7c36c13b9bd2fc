/* SPDX-License-Identifier: ISC
 *
 * dns.h - asynchronous look-ups through libunbound, on one loop.
 */
#ifndef BASE_DNS_H
#define BASE_DNS_H

#include "base/arena.h"
#include "base/loop.h"

struct dns;
struct dns_query;

enum dns_type {
	DNS_A = 1,
	DNS_PTR = 12,
	DNS_MX = 15,
	DNS_TXT = 16,
	DNS_AAAA = 28,
	DNS_TLSA = 52
};

#define DNS_RESULT_LIST(X)                                                               \
	X(OK, "found")                                                                   \
	X(NO_DATA, "name has no such record")                                            \
	X(NO_NAME, "no such name")                                                       \
	X(FAIL, "server failure or time-out")

enum dns_result {
#define X(name, text) DNS_RESULT_##name,
	DNS_RESULT_LIST(X)
#undef X
};

struct dns_record {
	uint16_t preference; /* MX */
	struct span
		data; /* A: 4 bytes, AAAA: 16 bytes, MX and PTR: "mx.example.org"
	                 without    final dot, TXT: the joined strings, others: RDATA */
};

struct dns_answer {
	enum dns_result result;
	bool secure;                      /* DNSSEC validated */
	const struct dns_record *records; /* MX sorted by preference */
	size_t n;
};

/* The answer lives during the call only. */
typedef void dns_fn(const struct dns_answer *answer, void *arg);

struct dns_conf {
	const char *server; /* "127.0.0.1@5353" to forward to; NULL: /etc/resolv.conf */
	/* File of the root's DS or DNSKEY records; NULL: nothing is validated. */
	const char *trust_anchor;
};

/* Uses l's event base; all calls in l's thread. */
enum rc dns_new(struct loop *l, const struct dns_conf *conf, struct dns **ret,
                struct err *err) MUST_CHECK;
/* Open queries are cancelled without a callback. */
void dns_free(struct dns *d);
struct loop *dns_loop(const struct dns *d);

/* Calls fn once, from the loop; never NULL. A name that cannot be asked for (empty, too
 * long, odd characters) gives NO_NAME. */
struct dns_query *
dns_lookup(struct dns *d, const char *name, enum dns_type type, dns_fn *fn, void *arg);
/* No callback after it. */
void dns_cancel(struct dns_query *q);

#endif
