/* SPDX-License-Identifier: ISC
 *
 * smtp_conf.c - the options of the smtp section.
 */
#include "smtp/smtp_host.h"
#include "smtp/smtp_private.h"

#define OPTION(field, kind, def_, min_, max_, text)                                      \
	{                                                                                \
		.name = #field, .type = (kind),                                          \
		.offset = offsetof(struct smtp_conf, field), .def = (def_),              \
		.min = (min_), .max = (max_), .help = (text),                            \
	}
#define TIMED(field, n, def_, min_, max_, text)                                          \
	{                                                                                \
		.name = (n), .type = CONF_TIME,                                          \
		.offset = offsetof(struct smtp_conf, field), .def = (def_),              \
		.min = (min_), .max = (max_), .help = (text),                            \
	}

#define DAY (INT64_C(24) * 3600 * 1000)

static const struct conf_option options[] = {
	OPTION(listen, CONF_LIST, "*:25", 0, 0,
	       "Where mail from other servers comes in (port 25; STARTTLS is offered)."),
	OPTION(listen_submission, CONF_LIST, "*:587", 0, 0,
	       "Where mail programs hand in mail: STARTTLS, then AUTH."),
	OPTION(listen_submission_tls, CONF_LIST, "*:465", 0, 0,
	       "The same with TLS from the first byte (RFC 8314)."),
	OPTION(listen_lmtp, CONF_LIST, "", 0, 0,
	       "Where another mail server delivers by LMTP; for trusted networks or UNIX "
	       "sockets only, since nobody signs in there."),
	OPTION(hostname, CONF_STRING, "", 0, 0,
	       "Name of this host in greetings and headers; empty: the machine's own."),
	OPTION(message_max, CONF_SIZE, "50M", 1024, INT64_C(1) << 31,
	       "Largest message taken; it is announced by SIZE."),
	OPTION(recipients_max, CONF_INT, "1000", 1, 100000,
	       "Recipients of one message; more get 452 and come in the next one."),
	TIMED(idle_ms, "idle", "5m", 10, DAY,
	      "How long a session may say nothing between two commands (RFC 5321 4.5.3.2: 5 "
	      "minutes at least)."),
	TIMED(stall_ms, "stall", "2m", 10, DAY,
	      "A peer that takes no bytes of its replies for so long is dropped."),
	TIMED(tcp.keepalive_ms, "tcp_keepalive", "2m", 0, INT64_C(32767) * 1000,
	      "A silent connection is asked by TCP whether its peer is there still, after "
	      "so long. 0s: never."),
	TIMED(tcp.dead_ms, "tcp_dead_after", "5m", 0, DAY,
	      "A connection whose peer has not answered TCP for so long is ended. 0s: the "
	      "system's time."),
	TIMED(data_ms, "data", "15m", 10, DAY,
	      "How long the text of one message may take."),
	OPTION(errors_max, CONF_INT, "20", 1, 10000,
	       "Refused commands and recipients before the session is closed."),
	OPTION(connections_peer_max, CONF_INT, "100", 0, 100000,
	       "Sessions of one address at a time; 0: no limit. UNIX sockets do not count."),
	OPTION(plaintext_auth, CONF_BOOL, "false", 0, 0,
	       "Let AUTH pass without TLS. For tests on loopback only."),
	OPTION(relay, CONF_STRING, "", 0, 0,
	       "Smart host for all mail that leaves, \"host\" or \"host:port\"; with \"tls:\" "
	       "before it, TLS with a valid certificate is demanded. Empty: by MX."),
	OPTION(relay_port, CONF_INT, "25", 1, 65535,
	       "Port of the servers that MX names. Other than 25 in tests only."),
	OPTION(dns_server, CONF_STRING, "", 0, 0,
	       "DNS server, \"127.0.0.1@5353\"; empty: the system's."),
	OPTION(direct_max, CONF_INT, "100", 1, 100000,
	       "Users of ours that a message is written to before its 250. For more of them it "
	       "is queued, durably, and written a slice at a time, so that a large group does "
	       "not delay other mail."),
	OPTION(queue_parallel, CONF_INT, "20", 1, 10000,
	       "Outgoing connections at a time."),
	TIMED(retry_min_ms, "retry_min", "5m", 10, DAY,
	      "First pause before a failed delivery is tried again; it doubles each time."),
	TIMED(retry_max_ms, "retry_max", "4h", 10, 30 * DAY, "Longest such pause."),
	TIMED(queue_life_ms, "queue_life", "5d", 10, 365 * DAY,
	      "How long is tried; then the sender gets the mail back."),
	TIMED(delay_warn_ms, "delay_warn", "4h", 0, 365 * DAY,
	      "When the sender is told that a mail is late; 0: never."),
	TIMED(reply_again_ms, "reply_again", "7d", 10, 90 * DAY,
	      "Whoever got the automatic reply of a user who is away gets it again after so "
	      "long, or when its text has changed."),
	OPTION(replies_max, CONF_INT, "500", 0, 1000000,
	       "Automatic replies that a mailbox sends in 24 hours; 0: none at all."),
	OPTION(tls_ca, CONF_STRING, "", 0, 0,
	       "Certificates (PEM) that a \"tls:\" relay is checked against; empty: the "
	       "system's."),
	OPTION(filters, CONF_LIST, "", 0, 0,
	       "The filter chain, in order: \"header-limit\", \"helo-name\". What a failing "
	       "filter means stands behind a colon: \"name:defer\" (the default) or "
	       "\"name:open\"."),
};

static enum rc
check(const void *section, struct err *err)
{
	const struct smtp_conf *c = section;
	struct smtp_host host;
	if (c->retry_min_ms > c->retry_max_ms)
		return err_set(err, RC_INVALID, "smtp: retry_min is above retry_max");
	if (listener_tcp_check(&c->tcp, err) != RC_OK)
		return RC_INVALID;
	if (c->relay[0] && smtp_host_parse(span_str(c->relay), 25, &host))
		return err_set(err, RC_INVALID,
		               "smtp: relay \"%s\" is not \"host\" or \"host:port\"",
		               c->relay);
	struct filter_chain *chain;
	enum rc rc = filter_chain_new(filter_classes, filter_classes_n, c->filters.items,
	                              c->filters.n, NULL, &chain, err);
	if (rc == RC_OK)
		filter_chain_free(chain);
	return rc;
}

const struct conf_section smtp_conf_section = {
	.name = "smtp",
	.help = "Mail in and out: receiving, submission, LMTP, the queue.",
	.options = options,
	.n_options = ARRAY_LEN(options),
	.size = sizeof(struct smtp_conf),
	.check = check,
};
