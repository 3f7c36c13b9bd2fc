/* SPDX-License-Identifier: ISC
 *
 * eas.c - the ActiveSync server's options, life and paths.
 */
#include <assert.h>
#include <stdlib.h>

#include "activesync/eas_beat.h"
#include "activesync/eas_eager.h"
#include "activesync/eas_private.h"
#include "base/mem.h"

#define AT(member) offsetof(struct eas_conf, member)

static const struct conf_option options[] = {
	{ .name = "heartbeat_min",
	  .type = CONF_TIME,
	  .offset = AT(heartbeat_min_ms),
	  .def = "60s",
	  .min = 1000,
	  .max = 3540 * 1000,
	  .help = "Shortest wait of a Ping or Sync that is granted; a shorter one is answered "
	          "with this limit." },
	{ .name = "heartbeat_max",
	  .type = CONF_TIME,
	  .offset = AT(heartbeat_max_ms),
	  .def = "59m",
	  .min = 60 * 1000,
	  .max = 3540 * 1000,
	  .help = "Longest wait that is granted. Proxies and firewalls on the way must let "
	          "connections be silent for so long." },
	{ .name = "heartbeat_learn",
	  .type = CONF_BOOL,
	  .offset = AT(heartbeat_learn),
	  .def = "true",
	  .help = "Learn for each device the longest wait after which an answer still reaches "
	          "it, and grant no more than that: routers forget silent connections." },
	{ .name = "heartbeat_floor",
	  .type = CONF_TIME,
	  .offset = AT(heartbeat_floor_ms),
	  .def = "4m",
	  .min = 1000,
	  .max = 3540 * 1000,
	  .help = "What was learned never shortens a wait below this." },
	{ .name = "repeats_max",
	  .type = CONF_INT,
	  .offset = AT(repeats_max),
	  .def = "600",
	  .max = 1000000,
	  .help = "A device that asks the same and gets the same more often than that within a "
	          "minute is told to come later (503, Retry-After, X-MS-ASThrottle); 0 is no "
	          "limit." },
	{ .name = "commands_max",
	  .type = CONF_INT,
	  .offset = AT(commands_max),
	  .def = "0",
	  .max = 1000000,
	  .help = "Commands of a device within a minute, whatever they are; 0 is no limit." },
	{ .name = "window_max",
	  .type = CONF_INT,
	  .offset = AT(window_max),
	  .def = "512",
	  .min = 1,
	  .max = 512,
	  .help = "Most items of a folder in one Sync answer, whatever the device asks for." },
	{ .name = "response_max",
	  .type = CONF_SIZE,
	  .offset = AT(response_max),
	  .def = "4M",
	  .min = 65536,
	  .max = 256 * 1024 * 1024,
	  .help = "Bytes of a Sync answer after which no further item is begun; a single body "
	          "is cut there and can be fetched whole." },
	{ .name = "ping_folders_max",
	  .type = CONF_INT,
	  .offset = AT(ping_folders_max),
	  .def = "300",
	  .min = 1,
	  .max = 5000,
	  .help = "Most folders that one Ping may watch." },
	{ .name = "body_max",
	  .type = CONF_SIZE,
	  .offset = AT(body_max),
	  .def = "64M",
	  .min = 65536,
	  .max = 1024 * 1024 * 1024,
	  .help = "Largest request body, a message that is sent included." },
	{ .name = "external_url",
	  .type = CONF_STRING,
	  .offset = AT(external_url),
	  .def = "",
	  .help = "\"https://mail.example.org\", told to devices by Autodiscover. Empty: the "
	          "name that the device came to." },
	{ .name = "certificate_authorities",
	  .type = CONF_STRING,
	  .offset = AT(certificate_authorities),
	  .def = "",
	  .help = "File (PEM) of the authorities, and perhaps their revocation lists, that "
	          "devices' certificates for S/MIME are checked against. Empty: those of the "
	          "system." },
};

static enum rc
check(const void *section, struct err *err)
{
	const struct eas_conf *c = section;

	if (c->heartbeat_min_ms > c->heartbeat_max_ms)
		return err_set(err, RC_INVALID, "heartbeat_min is above heartbeat_max");
	if (c->external_url[0] != '\0' && strncmp(c->external_url, "https://", 8) != 0)
		return err_set(err, RC_INVALID, "external_url must begin with https://");
	return RC_OK;
}

const struct conf_section eas_conf_section = {
	.name = "activesync",
	.help = "Exchange ActiveSync for phones, tablets and Outlook.",
	.options = options,
	.n_options = ARRAY_LEN(options),
	.size = sizeof(struct eas_conf),
	.check = check,
};

enum rc
eas_new(const struct eas_conf *conf, const struct eas_deps *deps, struct eas **ret)
{
	struct err err = { "" };
	struct cert_roots *roots;
	struct eas *e;
	enum rc rc = cert_roots_new(conf->certificate_authorities, &roots, &err);

	if (rc != RC_OK) {
		log_error(NULL, "eas.certificates", "error=%s",
		          LOG_STR(span_str(err.text)));
		return rc;
	}
	e = xcalloc(1, sizeof(*e));
	e->roots = roots;
	e->own = *conf;
	e->own.certificate_authorities = NULL;
	e->own.external_url = xstrdup(conf->external_url);
	e->conf = &e->own;
	e->deps = *deps;
	pthread_mutex_init(&e->lock, NULL);
	htab_init(&e->waits);
	e->beats = eas_beat_notes_new();
	e->eager = eas_eager_new();
	eas_request_register_metrics();
	*ret = e;
	return RC_OK;
}

void
eas_route(struct eas *e, struct http_server *http)
{
	http_server_route(http, EAS_PATH, eas_request_handler, e);
	http_server_route(http, "/autodiscover/*", eas_autodiscover_handler, e);
}

void
eas_free(struct eas *e)
{
	if (!e)
		return;
	assert(e->waits.count == 0);
	free(e->own.external_url);
	cert_roots_free(e->roots);
	htab_done(&e->waits);
	eas_beat_notes_free(e->beats);
	eas_eager_free(e->eager);
	pthread_mutex_destroy(&e->lock);
	free(e);
}
