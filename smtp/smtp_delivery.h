/* SPDX-License-Identifier: ISC
 *
 * smtp_delivery.h - one attempt to bring a message to the servers of a domain: MX,
 * addresses, one server after the other (RFC 5321 5.1, RFC 7505).
 */
#ifndef SMTP_SMTP_DELIVERY_H
#define SMTP_SMTP_DELIVERY_H

#include "base/dns.h"
#include "smtp/smtp_client.h"

struct smtp_delivery_conf {
	struct loop *loop;
	struct dns *dns;               /* NULL: DNS is not available, addresses only */
	const char *hostname;          /* ours: an MX of this name is a loop */
	const char *relay;             /* smart host, or "" */
	uint16_t port;                 /* of MX hosts */
	struct tls_client *tls;        /* opportunistic */
	struct tls_client *tls_verify; /* for a "tls:" relay */
	uint64_t deadline_ms;          /* of the whole attempt */
};

struct smtp_delivery;
/* The last callback: no recipient of the job is WAITING or TAKEN. */
typedef void smtp_delivery_fn(void *arg);

/* conf and job are kept by reference. fn is never called from inside. */
struct smtp_delivery *
smtp_delivery_new(const struct smtp_delivery_conf *conf, struct span domain,
                  struct smtp_job *job, smtp_delivery_fn *fn, void *arg);
/* No callback after it. */
void smtp_delivery_free(struct smtp_delivery *d);

#endif
