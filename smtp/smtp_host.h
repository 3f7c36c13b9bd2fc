/* SPDX-License-Identifier: ISC
 *
 * smtp_host.h - names of next hops: "host", "host:port", "[address]", "tls:host:port".
 */
#ifndef SMTP_SMTP_HOST_H
#define SMTP_SMTP_HOST_H

#include <sys/socket.h>

#include "base/span.h"

#define SMTP_HOST_MAX 256

struct smtp_host {
	char name[SMTP_HOST_MAX]; /* without brackets */
	uint16_t port;
	bool verify; /* TLS with a valid certificate is demanded */
};

/* RC_INVALID. */
enum rc
smtp_host_parse(struct span s, uint16_t default_port, struct smtp_host *ret) MUST_CHECK;

/* name is an address ("192.0.2.1", "2001:db8::1", "IPv6:2001:db8::1"): RC_OK and the
 * socket address; RC_NOT_FOUND: it is a name. */
enum rc smtp_host_address(const char *name, uint16_t port, struct sockaddr_storage *ret,
                          socklen_t *ret_len) MUST_CHECK;

#endif
