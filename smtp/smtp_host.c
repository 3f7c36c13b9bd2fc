/* SPDX-License-Identifier: ISC
 *
 * smtp_host.c - names of next hops.
 */
#include "smtp/smtp_host.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include "smtp/smtp_parse.h"

enum rc
smtp_host_parse(struct span s, uint16_t default_port, struct smtp_host *ret)
{
	struct smtp_host h = { .port = default_port };
	if (span_istarts(s, "tls:")) {
		h.verify = true;
		s = span_sub(s, 4, s.n);
	}
	struct span name = s, port;
	bool bracketed = s.n && s.p[0] == '[';
	size_t colon = span_find(s, bracketed ? span_find(s, 0, ']') : 0, ':');
	if (colon < s.n) {
		name = span_sub(s, 0, colon);
		port = span_sub(s, colon + 1, s.n);
		uint32_t n;
		if (parse_u32(port, 65535, &n) || !n)
			return RC_INVALID;
		h.port = (uint16_t)n;
	}
	if (!smtp_domain_is_valid(name) || name.n >= SMTP_HOST_MAX)
		return RC_INVALID;
	if (bracketed)
		name = span_sub(name, 1, name.n - 1);
	memcpy(h.name, name.p, name.n);
	*ret = h;
	return RC_OK;
}

enum rc
smtp_host_address(const char *name, uint16_t port, struct sockaddr_storage *ret,
                  socklen_t *ret_len)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(port) };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	if (inet_pton(AF_INET, name, &v4.sin_addr) == 1) {
		memcpy(ret, &v4, sizeof(v4));
		*ret_len = sizeof(v4);
		return RC_OK;
	}
	/* RFC 5321 4.1.3: the tag in an address literal. */
	if (span_istarts(span_str(name), "IPv6:"))
		name += 5;
	if (inet_pton(AF_INET6, name, &v6.sin6_addr) == 1) {
		memcpy(ret, &v6, sizeof(v6));
		*ret_len = sizeof(v6);
		return RC_OK;
	}
	return RC_NOT_FOUND;
}
