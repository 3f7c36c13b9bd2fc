/* SPDX-License-Identifier: ISC
 *
 * server_conf.c - the process' own options, and the list of all sections of the file.
 */
#include "server/server_conf.h"

#include "activesync/eas.h"
#include "http/http.h"
#include "imap/imap.h"
#include "mdm/mdm_policy.h"
#include "mdm/mdm_setup.h"
#include "push/push_bus.h"
#include "smtp/smtp.h"
#include "store/store.h"

#define AT(member) offsetof(struct server_conf, member)

static const struct conf_option server_options[] = {
	{ .name = "user",
	  .type = CONF_STRING,
	  .offset = AT(user),
	  .def = "godwit",
	  .help = "The account that the server runs as once the ports are bound. Empty: "
	          "the "
	          "account that started it." },
	{ .name = "loops",
	  .type = CONF_INT,
	  .offset = AT(loops),
	  .def = "0",
	  .max = 256,
	  .help = "Event loops, each a thread that holds connections; 0 is one a core." },
	{ .name = "workers",
	  .type = CONF_INT,
	  .offset = AT(workers),
	  .def = "32",
	  .min = 2,
	  .max = 1024,
	  .help = "Threads that run commands and wait for the disk." },
	{ .name = "busy",
	  .type = CONF_TIME,
	  .offset = AT(busy_ms),
	  .def = "10s",
	  .max = 3600 * 1000,
	  .help = "While commands wait for a worker for so long, newcomers are told to come "
	          "again: HTTP 503 with Retry-After, IMAP BYE [UNAVAILABLE], SMTP 421. 0s: "
	          "never." },
	{ .name = "control",
	  .type = CONF_STRING,
	  .offset = AT(control),
	  .def = "/run/godwit/control.sock",
	  .help = "The UNIX socket that godwitctl speaks to. Its folder must exist." },
	{ .name = "metrics",
	  .type = CONF_LIST,
	  .offset = AT(metrics_listen),
	  .def = "",
	  .help = "Addresses that answer /metrics (Prometheus) and /healthz, plain "
	          "HTTP." },
	{ .name = "drain",
	  .type = CONF_TIME,
	  .offset = AT(drain_ms),
	  .def = "10s",
	  .max = 3600000,
	  .help = "How long a stopping server lets connections finish what they do. Devices "
	          "that wait are told over three quarters of it, so that not all come back "
	          "at once." },
	{ .name = "sweep",
	  .type = CONF_TIME,
	  .offset = AT(sweep_ms),
	  .def = "1h",
	  .min = 1000,
	  .max = 86400000 * 7LL,
	  .help = "How often what nothing names any more is removed from the store." },
	{ .name = "sandbox",
	  .type = CONF_BOOL,
	  .offset = AT(sandbox),
	  .def = "true",
	  .help = "Confine the server by seccomp and, where the kernel has it, "
	          "landlock." },
	{ .name = "node",
	  .type = CONF_STRING,
	  .offset = AT(node),
	  .def = "",
	  .help = "The name of this server among those that share a PostgreSQL database, "
	          "each another; the same after a restart. Empty: the host's name." },
	{ .name = "connections",
	  .type = CONF_INT,
	  .offset = AT(connections),
	  .def = "10000",
	  .min = 1,
	  .max = 10000000,
	  .help = "Connections that are to be held at once, each waiting device being one. "
	          "At start file descriptors are asked for, and limits of the machine that "
	          "are too low for so many are named in the log. More may come as long as "
	          "there is room." },
	{ .name = "files_apart",
	  .type = CONF_BOOL,
	  .offset = AT(files_apart),
	  .def = "false",
	  .help = "Each loop has a table of file descriptors of its own, so that the limit "
	          "of a process counts for each of them: where that limit cannot be raised, "
	          "more loops hold more connections. Programs such as ss and lsof do not "
	          "tell then whose the sockets are." },
};

const struct conf_section server_conf_section = {
	.name = "server",
	.help = "The process itself.",
	.options = server_options,
	.n_options = ARRAY_LEN(server_options),
	.size = sizeof(struct server_conf),
};

static const char *const log_levels[] = { "error", "warn", "info", "debug", NULL };
static const char *const log_formats[] = { "logfmt", "json", NULL };
static const char *const log_targets[] = { "stderr", "journald", NULL };

static const struct conf_option log_options[] = {
	{ .name = "level",
	  .type = CONF_ENUM,
	  .offset = offsetof(struct server_log_conf, level),
	  .def = "info",
	  .choices = log_levels,
	  .help = "Least severity that is written." },
	{ .name = "format",
	  .type = CONF_ENUM,
	  .offset = offsetof(struct server_log_conf, format),
	  .def = "logfmt",
	  .choices = log_formats,
	  .help = "key=value pairs, or a JSON object a line." },
	{ .name = "target",
	  .type = CONF_ENUM,
	  .offset = offsetof(struct server_log_conf, target),
	  .def = "stderr",
	  .choices = log_targets,
	  .help = "Where lines go." },
};

const struct conf_section server_log_conf_section = {
	.name = "log",
	.help = "One line an event.",
	.options = log_options,
	.n_options = ARRAY_LEN(log_options),
	.size = sizeof(struct server_log_conf),
};

/* As enum tls_records. */
static const char *const tls_records[] = { "godwit", "openssl", NULL };

static const struct conf_option tls_options[] = {
	{ .name = "certificate",
	  .type = CONF_STRING,
	  .offset = offsetof(struct server_tls_conf, certificate),
	  .def = "",
	  .help = "PEM file with the server's certificate and its chain. Readable by the "
	          "server's user, since HUP reads it again." },
	{ .name = "key",
	  .type = CONF_STRING,
	  .offset = offsetof(struct server_tls_conf, key),
	  .def = "",
	  .help = "PEM file with the private key." },
	{ .name = "more",
	  .type = CONF_LIST,
	  .offset = offsetof(struct server_tls_conf, more),
	  .def = "",
	  .help = "Further certificates, each \"certificate.pem:key.pem\", chosen by the "
	          "name "
	          "that the client asks for (SNI)." },
	{ .name = "handshakes_waiting",
	  .type = CONF_INT,
	  .offset = offsetof(struct server_tls_conf, hands_max),
	  .def = "8192",
	  .min = 1,
	  .max = 1000000,
	  .help = "Connections of a loop that may wait for their handshake, first come first "
	          "served, at some 2 KB each; those beyond wait in the system's queue "
	          "(net.core.somaxconn)." },
	{ .name = "records",
	  .type = CONF_ENUM,
	  .offset = offsetof(struct server_tls_conf, records),
	  .def = "godwit",
	  .choices = tls_records,
	  .help = "Who seals and opens the records of TLS 1.3 when OpenSSL has shaken hands: "
	          "Godwit, with OpenSSL's ciphers, or OpenSSL, which holds 14 KB more for "
	          "each connection. TLS 1.2 is OpenSSL's always." },
	{ .name = "ticket_keys",
	  .type = CONF_TIME,
	  .offset = offsetof(struct server_tls_conf, ticket_keys_ms),
	  .def = "12h",
	  .min = 60 * 1000,
	  .max = 84LL * 3600 * 1000,
	  .help = "How often the keys of session tickets are renewed, by which a phone that "
	          "comes back saves itself and the server most of a handshake. A ticket is "
	          "good for one to two such times, on all nodes with the same database and "
	          "private key." },
};

static enum rc
check_tls(const void *section, struct err *err)
{
	const struct server_tls_conf *c = section;
	if (!*c->certificate != !*c->key)
		return err_set(err, RC_INVALID, "certificate and key go together");
	if (c->more.n > 0 && !*c->certificate)
		return err_set(err, RC_INVALID, "more needs certificate and key first");
	return RC_OK;
}

const struct conf_section server_tls_conf_section = {
	.name = "tls",
	.help = "Certificates of all TLS listeners.",
	.options = tls_options,
	.n_options = ARRAY_LEN(tls_options),
	.size = sizeof(struct server_tls_conf),
	.check = check_tls,
};

const struct conf_section *const server_sections[] = {
	&server_conf_section,     &server_log_conf_section, &server_tls_conf_section,
	&store_conf_section,      &push_bus_conf_section,   &mdm_conf_section,
	&mdm_policy_conf_section, &mdm_setup_conf_section,  &http_conf_section,
	&eas_conf_section,        &imap_conf_section,       &smtp_conf_section,
};
const size_t server_sections_n = ARRAY_LEN(server_sections);
