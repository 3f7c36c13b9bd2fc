/* SPDX-License-Identifier: ISC
 *
 * http_conf.c - the options of the "http" section.
 */
#include "http/http.h"

#define AT(member) offsetof(struct http_conf, member)

static const struct conf_option options[] = {
	{ .name = "listen",
	  .type = CONF_LIST,
	  .offset = AT(listen),
	  .def = "",
	  .help = "Addresses for plain HTTP/1.1, as \"127.0.0.1:8080\", \"[::1]:8080\", "
	          "\"*:80\" or \"unix:/path\". Passwords cross it in the clear: only for a "
	          "TLS proxy on the same host." },
	{ .name = "listen_tls",
	  .type = CONF_LIST,
	  .offset = AT(listen_tls),
	  .def = "*:443",
	  .help = "Addresses for HTTPS: HTTP/2 and HTTP/1.1, as the client chooses." },
	{ .name = "header_max",
	  .type = CONF_SIZE,
	  .offset = AT(header_max),
	  .def = "16K",
	  .min = 1024,
	  .max = 1 << 20,
	  .help = "Bytes of a request's first line and headers together; more is "
	          "answered with 431." },
	{ .name = "headers_max",
	  .type = CONF_INT,
	  .offset = AT(headers_max),
	  .def = "100",
	  .min = 10,
	  .max = 1000,
	  .help = "Headers of a request; more are answered with 431." },
	{ .name = "body_max",
	  .type = CONF_SIZE,
	  .offset = AT(body_max),
	  .def = "64M",
	  .min = 4096,
	  .max = 1LL << 30,
	  .help = "Bytes of a request's body, also after unpacking gzip; more is answered "
	          "with 413. Attachments come in Base64: a third larger than the file." },
	{ .name = "idle",
	  .type = CONF_TIME,
	  .offset = AT(idle_ms),
	  .def = "2m",
	  .min = 1000,
	  .max = 24LL * 3600 * 1000,
	  .help = "A connection without a request is closed after this time." },
	{ .name = "request_time",
	  .type = CONF_TIME,
	  .offset = AT(request_ms),
	  .def = "30s",
	  .min = 1000,
	  .max = 3600LL * 1000,
	  .help = "From its first byte a request has so long to come in whole, and then "
	          "408 is the answer." },
	{ .name = "body_rate_min",
	  .type = CONF_SIZE,
	  .offset = AT(body_rate_min),
	  .def = "1000",
	  .min = 1,
	  .max = 1 << 30,
	  .help = "A body may take longer than request_time as long as it makes so many "
	          "bytes a second." },
	{ .name = "tcp_keepalive",
	  .type = CONF_TIME,
	  .offset = AT(tcp.keepalive_ms),
	  .def = "10m",
	  .max = 32767LL * 1000,
	  .help = "A silent connection is asked by TCP whether its peer is there still, "
	          "after so long; each time wakes a phone's radio. 0s: never." },
	{ .name = "tcp_dead_after",
	  .type = CONF_TIME,
	  .offset = AT(tcp.dead_ms),
	  .def = "12m",
	  .max = 24LL * 3600 * 1000,
	  .help = "A connection whose peer has not answered TCP for so long is ended. 0s: "
	          "the system's time." },
	{ .name = "stall",
	  .type = CONF_TIME,
	  .offset = AT(stall_ms),
	  .def = "1m",
	  .min = 1000,
	  .max = 24LL * 3600 * 1000,
	  .help = "A client that takes no bytes of its answer for so long is dropped." },
	{ .name = "streams_max",
	  .type = CONF_INT,
	  .offset = AT(streams_max),
	  .def = "32",
	  .min = 1,
	  .max = 1000,
	  .help = "Requests that one HTTP/2 connection may have open at a time." },
	{ .name = "http2",
	  .type = CONF_BOOL,
	  .offset = AT(http2),
	  .def = "true",
	  .help = "Offer HTTP/2 on TLS." },
	{ .name = "gzip",
	  .type = CONF_BOOL,
	  .offset = AT(gzip),
	  .def = "true",
	  .help = "Compress answers for clients that take it, when it pays." },
};

static enum rc
check(const void *section, struct err *err)
{
	return listener_tcp_check(&((const struct http_conf *)section)->tcp, err);
}

const struct conf_section http_conf_section = {
	.name = "http",
	.help = "The web side: ActiveSync, Autodiscover, SyncML and administration.",
	.options = options,
	.n_options = ARRAY_LEN(options),
	.size = sizeof(struct http_conf),
	.check = check,
};
