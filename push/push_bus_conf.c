/* SPDX-License-Identifier: ISC
 *
 * push_bus_conf.c - the section "bus", and the bus that it asks for.
 */
#include <errno.h>
#include <stdio.h>

#include "push/push_bus.h"
#include "push/push_bus_driver.h"

#define CHANNEL "godwit_wake"
#define URL_MAX 4096

#define AT(member) offsetof(struct push_bus_conf, member)

static const char *const drivers[] = { "auto", "none", "postgresql", "nats", NULL };

static const struct conf_option options[] = {
	{ .name = "driver",
	  .type = CONF_ENUM,
	  .offset = AT(driver),
	  .def = "auto",
	  .choices = drivers,
	  .help = "What carries wake-ups between nodes that share a store. postgresql: "
	          "LISTEN and NOTIFY on one connection a node, for a few nodes. nats: NATS "
	          "servers, for many. auto: postgresql where that is the store's engine, "
	          "none otherwise." },
	{ .name = "url",
	  .type = CONF_STRING,
	  .offset = AT(url),
	  .def = "",
	  .help = "postgresql: a conninfo as in store.postgresql, whose value is used when "
	          "this is empty; not through a pooler that shares connections. nats: "
	          "nats://host:4222 or tls://user:password@host:4222, several separated by "
	          "commas. A value that begins with / names a file that holds it." },
	{ .name = "subject",
	  .type = CONF_STRING,
	  .offset = AT(subject),
	  .def = "godwit.wake",
	  .help = "nats: what subjects begin with; another one for each cluster that "
	          "shares the servers." },
	{ .name = "ca",
	  .type = CONF_STRING,
	  .offset = AT(ca),
	  .def = "",
	  .help = "nats: PEM file of those who may sign the server's certificate; empty: "
	          "the system's." },
	{ .name = "certificate",
	  .type = CONF_STRING,
	  .offset = AT(certificate),
	  .def = "",
	  .help = "nats: PEM file with a certificate to show to the server." },
	{ .name = "key",
	  .type = CONF_STRING,
	  .offset = AT(key),
	  .def = "",
	  .help = "nats: PEM file with its private key." },
	{ .name = "server_name",
	  .type = CONF_STRING,
	  .offset = AT(server_name),
	  .def = "",
	  .help = "nats: the name that the server's certificate must have; empty: the host "
	          "of url." },
	{ .name = "sweep",
	  .type = CONF_TIME,
	  .offset = AT(sweep_ms),
	  .def = "60s",
	  .min = 1000,
	  .max = 86400000,
	  .help = "Within this time every waiting device is compared with the store once, "
	          "whatever the bus said: the longest that a lost wake-up lasts. It costs "
	          "one small read for each waiting user." },
};

static enum rc
check(const void *section, struct err *err)
{
	const struct push_bus_conf *c = section;

	if (c->driver == PUSH_BUS_NATS && !*c->url)
		return err_set(err, RC_INVALID, "driver = nats needs url");
	if (!*c->certificate != !*c->key)
		return err_set(err, RC_INVALID, "certificate and key go together");
	if (strlen(c->subject) > 100 || !*c->subject ||
	    strspn(c->subject, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	                       "0123456789._-") != strlen(c->subject))
		return err_set(err, RC_INVALID,
		               "subject: 1 to 100 letters, digits, '.', '_' and '-'");
	return RC_OK;
}

const struct conf_section push_bus_conf_section = {
	.name = "bus",
	.help = "How nodes that share a store wake each other's waiting devices.",
	.options = options,
	.n_options = ARRAY_LEN(options),
	.size = sizeof(struct push_bus_conf),
	.check = check,
};

static enum rc
modseqs(const uint64_t *users, size_t n, uint64_t *ret, void *arg)
{
	return store_modseqs(arg, users, n, ret);
}

/* url, or what the file holds that it names. */
static enum rc
load_url(const char *url, char text[static URL_MAX], struct err *err)
{
	size_t n;
	FILE *f;

	if (url[0] != '/') {
		n = strlen(url);
		if (n >= URL_MAX)
			return err_set(err, RC_TOO_BIG, "bus.url is too long");
		memcpy(text, url, n + 1);
		return RC_OK;
	}
	f = fopen(url, "re");
	if (!f)
		return err_set(err, RC_IO, "bus.url: %s: %s", url, strerror(errno));
	n = fread(text, 1, URL_MAX - 1, f);
	fclose(f);
	text[n] = '\0';
	text[strcspn(text, "\r\n")] = '\0';
	return RC_OK;
}

static enum rc
open_nats(const struct push_bus_conf *c, struct push_bus_driver **ret, struct err *err)
{
	char url[URL_MAX];
	const struct push_bus_nats_conf conf = {
		.url = url,
		.subject = c->subject,
		.ca = c->ca,
		.certificate = c->certificate,
		.key = c->key,
		.server_name = c->server_name,
	};
	enum rc rc = load_url(c->url, url, err);

	return rc ? rc : push_bus_nats_new(&conf, ret, err);
}

static enum rc
open_driver(const struct push_bus_conf *c, const struct store_conf *store,
            struct push_bus_driver **ret, struct err *err)
{
	bool on_pg = store->engine == STORE_ENGINE_POSTGRESQL;
	const char *url = *c->url ? c->url : on_pg ? store->postgresql : "";

	*ret = NULL;
	switch ((enum push_bus_kind)c->driver) {
	case PUSH_BUS_NONE:
		return RC_OK;
	case PUSH_BUS_AUTO:
		if (!on_pg)
			return RC_OK;
		break;
	case PUSH_BUS_POSTGRESQL:
		break;
	case PUSH_BUS_NATS:
		return open_nats(c, ret, err);
	}
	if (!on_pg && !*c->url)
		return err_set(err, RC_INVALID,
		               "bus.url: where is PostgreSQL, if not in the store?");
	*ret = push_bus_pg_new(url, CHANNEL);
	return RC_OK;
}

enum rc
push_bus_open(const struct push_bus_conf *conf, const struct store_conf *store_conf,
              struct store *s, struct push *p, struct push_bus **ret, struct err *err)
{
	struct push_bus_options o = {
		.push = p,
		.modseqs = modseqs,
		.modseqs_arg = s,
		.sweep_ms = conf->sweep_ms,
	};
	enum rc rc = open_driver(conf, store_conf, &o.driver, err);

	if (rc)
		return rc;
	if (!o.driver) {
		*ret = NULL;
		return RC_OK;
	}
	rc = push_bus_new(&o, ret);
	return rc ? err_set(err, rc, "bus: %s", rc_str(rc)) : RC_OK;
}
