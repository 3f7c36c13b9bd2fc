/* SPDX-License-Identifier: ISC
 *
 * mdm_setup.c - accounts that set themselves up.
 */
#include "mdm/mdm_setup.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/cms.h"
#include "base/encode.h"
#include "base/mem.h"

#define ADDRESS_MAX 320

struct mdm_setup {
	struct mdm_setup_conf conf; /* strings are copies */
	char *cert_file;
	char *key_file;
};

#define AT(member) offsetof(struct mdm_setup_conf, member)
#define PORT(member, value, text)                                                        \
	{                                                                                \
		.name = #member, .type = CONF_INT, .offset = AT(member), .def = (value), \
		.min = 1, .max = 65535, .help = (text)                                   \
	}

static const struct conf_option options[] = {
	{ .name = "host",
	  .type = CONF_STRING,
	  .offset = AT(host),
	  .def = "",
	  .help = "The name by which clients reach the server. Empty: the one that they "
	          "asked for their settings." },
	{ .name = "name",
	  .type = CONF_STRING,
	  .offset = AT(name),
	  .def = "Godwit",
	  .help = "What the account is called on the device." },
	PORT(imap_port, "993", "The port of IMAP over TLS, as clients reach it."),
	PORT(submission_port, "465", "The port of submission over TLS."),
	PORT(https_port, "443", "The port of HTTPS."),
	{ .name = "ca",
	  .type = CONF_STRING,
	  .offset = AT(ca),
	  .def = "",
	  .help = "A file with the certificate (PEM) of one's own authority, which goes "
	          "along in Apple's configuration profile." },
};

const struct conf_section mdm_setup_conf_section = {
	.name = "setup",
	.help = "Accounts that set themselves up: what clients are told.",
	.options = options,
	.n_options = ARRAY_LEN(options),
	.size = sizeof(struct mdm_setup_conf),
};

/* --- the documents --- */

/* The configured host, or the request's without its port. */
static struct span
host_of(const struct mdm_setup_conf *c, struct span host)
{
	if (*c->host)
		return span_str(c->host);
	if (host.n > 0 && host.p[0] == '[') /* an IPv6 address */
		return span_sub(host, 0, span_find(host, 0, ']') + 1);
	return span_sub(host, 0, span_find(host, 0, ':'));
}

static struct span
domain_of(struct span address)
{
	size_t at = span_find(address, 0, '@');

	return span_sub(address, at < address.n ? at + 1 : address.n, address.n);
}

static void
element(struct buf *out, const char *name, struct span text)
{
	buf_addf(out, "<%s>", name);
	buf_add_xml(out, text);
	buf_addf(out, "</%s>\n", name);
}

static void
autoconfig_server(struct buf *out, const char *element_name, const char *type,
                  struct span host, int64_t port)
{
	buf_addf(out, "<%s type=\"%s\">\n", element_name, type);
	element(out, "hostname", host);
	buf_addf(out,
	         "<port>%lld</port>\n<socketType>SSL</socketType>\n"
	         "<authentication>password-cleartext</authentication>\n"
	         "<username>%%EMAILADDRESS%%</username>\n</%s>\n",
	         (long long)port, element_name);
}

void
mdm_setup_autoconfig(const struct mdm_setup_conf *c, struct span host,
                     struct span address, struct buf *out)
{
	struct span domain = domain_of(address);

	host = host_of(c, host);
	if (domain.n == 0)
		domain = host;
	buf_add_str(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
	                 "<clientConfig version=\"1.1\">\n<emailProvider id=\"");
	buf_add_xml(out, domain);
	buf_add_str(out, "\">\n");
	element(out, "domain", domain);
	element(out, "displayName", span_str(c->name));
	element(out, "displayShortName", span_str(c->name));
	autoconfig_server(out, "incomingServer", "imap", host, c->imap_port);
	autoconfig_server(out, "outgoingServer", "smtp", host, c->submission_port);
	buf_add_str(out, "</emailProvider>\n</clientConfig>\n");
}

static void
outlook_protocol(struct buf *out, const char *type, struct span host, int64_t port,
                 struct span address)
{
	buf_addf(out, "<Protocol><Type>%s</Type>", type);
	element(out, "Server", host);
	buf_addf(out,
	         "<Port>%lld</Port><SSL>on</SSL><SPA>off</SPA>"
	         "<AuthRequired>on</AuthRequired><DomainRequired>off</DomainRequired>",
	         (long long)port);
	element(out, "LoginName", address);
	buf_add_str(out, "</Protocol>");
}

void
mdm_setup_outlook(const struct mdm_setup_conf *c, struct span host, struct span name,
                  struct span address, struct buf *out)
{
	host = host_of(c, host);
	buf_add_str(
		out,
		"<?xml version=\"1.0\" encoding=\"utf-8\"?>\r\n"
		"<Autodiscover xmlns=\"http://schemas.microsoft.com/exchange/"
		"autodiscover/responseschema/2006\"><Response xmlns=\"" MDM_SETUP_OUTLOOK_SCHEMA
		"\"><User>");
	element(out, "DisplayName", name.n > 0 ? name : address);
	buf_add_str(out, "</User><Account><AccountType>email</AccountType>"
	                 "<Action>settings</Action>");
	outlook_protocol(out, "IMAP", host, c->imap_port, address);
	outlook_protocol(out, "SMTP", host, c->submission_port, address);
	buf_add_str(out, "</Account></Response></Autodiscover>");
}

/* --- Apple's profile --- */

static void
key_string(struct buf *out, const char *key, struct span value)
{
	element(out, "key", span_str(key));
	element(out, "string", value);
}

static void
key_bool(struct buf *out, const char *key, bool value)
{
	element(out, "key", span_str(key));
	buf_addf(out, "<%s/>\n", value ? "true" : "false");
}

static void
key_number(struct buf *out, const char *key, int64_t value)
{
	element(out, "key", span_str(key));
	buf_addf(out, "<integer>%lld</integer>\n", (long long)value);
}

/* The same for the same account: installed again, a profile replaces itself. */
static void
key_identity(struct buf *out, struct span host, struct span address, const char *kind)
{
	AUTO_DONE(buf) struct buf id = BUF_INIT(2048);
	AUTO_DONE(buf) struct buf hex = BUF_INIT(128);
	struct sha256 h;
	struct span x;

	buf_addf(&id, "%.*s.%.*s.%s", SPAN_FMT(host), SPAN_FMT(address), kind);
	key_string(out, "PayloadIdentifier", buf_span(&id));
	sha256_of(buf_span(&id), &h);
	h.b[6] = (uint8_t)((h.b[6] & 0x0f) | 0x80); /* RFC 9562 5.8: version 8 */
	h.b[8] = (uint8_t)((h.b[8] & 0x3f) | 0x80);
	hex_encode(span_of((const char *)h.b, 16), &hex);
	x = buf_span(&hex);
	buf_clear(&id);
	buf_addf(&id, "%.*s-%.*s-%.*s-%.*s-%.*s", SPAN_FMT(span_sub(x, 0, 8)),
	         SPAN_FMT(span_sub(x, 8, 12)), SPAN_FMT(span_sub(x, 12, 16)),
	         SPAN_FMT(span_sub(x, 16, 20)), SPAN_FMT(span_sub(x, 20, 32)));
	key_string(out, "PayloadUUID", buf_span(&id));
	key_number(out, "PayloadVersion", 1);
}

static void
payload_eas(struct buf *out, const struct mdm_setup_conf *c, struct span host,
            struct span address)
{
	buf_add_str(out, "<dict>\n");
	key_string(out, "PayloadType", SPAN("com.apple.eas.account"));
	key_identity(out, host, address, "eas");
	key_string(out, "PayloadDisplayName", span_str(c->name));
	key_string(out, "EmailAddress", address);
	key_string(out, "UserName", address);
	element(out, "key", SPAN("Host"));
	buf_add_str(out, "<string>");
	buf_add_xml(out, host);
	if (c->https_port != 443)
		buf_addf(out, ":%lld", (long long)c->https_port);
	buf_add_str(out, "</string>\n");
	key_bool(out, "SSL", true);
	key_number(out, "MailNumberOfPastDaysToSync", 31);
	buf_add_str(out, "</dict>\n");
}

static void
payload_imap(struct buf *out, const struct mdm_setup_conf *c, struct span host,
             struct span address)
{
	buf_add_str(out, "<dict>\n");
	key_string(out, "PayloadType", SPAN("com.apple.mail.managed"));
	key_identity(out, host, address, "imap");
	key_string(out, "PayloadDisplayName", span_str(c->name));
	key_string(out, "EmailAccountType", SPAN("EmailTypeIMAP"));
	key_string(out, "EmailAccountDescription", span_str(c->name));
	key_string(out, "EmailAddress", address);
	key_string(out, "IncomingMailServerAuthentication", SPAN("EmailAuthPassword"));
	key_string(out, "IncomingMailServerHostName", host);
	key_number(out, "IncomingMailServerPortNumber", c->imap_port);
	key_bool(out, "IncomingMailServerUseSSL", true);
	key_string(out, "IncomingMailServerUsername", address);
	key_string(out, "OutgoingMailServerAuthentication", SPAN("EmailAuthPassword"));
	key_string(out, "OutgoingMailServerHostName", host);
	key_number(out, "OutgoingMailServerPortNumber", c->submission_port);
	key_bool(out, "OutgoingMailServerUseSSL", true);
	key_string(out, "OutgoingMailServerUsername", address);
	key_bool(out, "OutgoingPasswordSameAsIncomingPassword", true);
	buf_add_str(out, "</dict>\n");
}

struct authorities {
	struct buf *out;
	struct span host;
	struct span address;
	unsigned n;
};

static bool
payload_ca(struct span der, void *arg)
{
	struct authorities *x = arg;
	char kind[24];

	snprintf(kind, sizeof(kind), "ca%u", x->n++);
	buf_add_str(x->out, "<dict>\n");
	key_string(x->out, "PayloadType", SPAN("com.apple.security.root"));
	key_identity(x->out, x->host, x->address, kind);
	key_string(x->out, "PayloadDisplayName", SPAN("Certificate authority"));
	element(x->out, "key", SPAN("PayloadContent"));
	buf_add_str(x->out, "<data>\n");
	base64_encode_mime(der, x->out);
	buf_add_str(x->out, "</data>\n</dict>\n");
	return true;
}

enum rc
mdm_setup_profile(const struct mdm_setup_conf *c, struct span host, struct span address,
                  struct buf *out)
{
	struct authorities x = { out, host_of(c, host), address, 0 };
	struct err err = { "" };
	enum rc rc = RC_OK;

	host = x.host;
	buf_add_str(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
	                 "<!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" "
	                 "\"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">\n"
	                 "<plist version=\"1.0\">\n<dict>\n");
	key_string(out, "PayloadType", SPAN("Configuration"));
	key_identity(out, host, address, "profile");
	key_string(out, "PayloadDisplayName", span_str(c->name));
	key_string(out, "PayloadDescription",
	           SPAN("Mail, contacts, calendars, tasks and notes."));
	key_string(out, "PayloadOrganization", span_str(c->name));
	element(out, "key", SPAN("PayloadContent"));
	buf_add_str(out, "<array>\n");
	if (*c->ca)
		rc = cms_certs_each(c->ca, payload_ca, &x, &err);
	payload_eas(out, c, host, address);
	payload_imap(out, c, host, address);
	buf_add_str(out, "</array>\n</dict>\n</plist>\n");
	if (rc != RC_OK)
		log_error(NULL, "setup.profile", "why=%s", LOG_STR(span_str(err.text)));
	return rc;
}

/* --- over HTTP --- */

struct mdm_setup *
mdm_setup_new(const struct mdm_setup_conf *conf, const char *cert_file,
              const char *key_file)
{
	struct mdm_setup *s = xcalloc(1, sizeof(*s));

	s->conf = *conf;
	s->conf.host = xstrdup(conf->host);
	s->conf.name = xstrdup(conf->name);
	s->conf.ca = xstrdup(conf->ca);
	s->cert_file = xstrdup(cert_file);
	s->key_file = xstrdup(key_file);
	return s;
}

void
mdm_setup_free(struct mdm_setup *s)
{
	if (!s)
		return;
	free(s->conf.host);
	free(s->conf.name);
	free(s->conf.ca);
	free(s->cert_file);
	free(s->key_file);
	free(s);
}

const struct mdm_setup_conf *
mdm_setup_conf(const struct mdm_setup *s)
{
	return &s->conf;
}

static bool
is_get(struct http_request *r)
{
	if (span_is(r->method, "GET") || span_is(r->method, "HEAD"))
		return true;
	http_set_header(r, "Allow", "GET");
	http_respond_text(r, 405, "GET is what is served here.");
	return false;
}

/* An address of the query that may stand in a document; empty when there is none. */
static struct span
address_of(struct http_request *r, const char *key)
{
	struct span address = http_query_get(r, key);
	size_t at = span_find(address, 0, '@');

	if (address.n > ADDRESS_MAX || at == 0 || at + 1 >= address.n ||
	    !utf8_is_valid(address))
		return SPAN("");
	for (size_t i = 0; i < address.n; i++) {
		if ((unsigned char)address.p[i] <= ' ' || address.p[i] == 0x7f)
			return SPAN("");
	}
	return address;
}

static void
answer_autoconfig(struct http_request *r, void *arg)
{
	struct mdm_setup *s = arg;
	struct buf b = BUF_INIT(16384);

	if (!is_get(r))
		return;
	mdm_setup_autoconfig(&s->conf, r->host, address_of(r, "emailaddress"), &b);
	http_set_header(r, "Content-Type", "text/xml; charset=utf-8");
	http_respond(r, 200, &b);
	buf_done(&b);
}

static void
answer_profile(struct http_request *r, void *arg)
{
	struct mdm_setup *s = arg;
	AUTO_DONE(buf) struct buf plist = BUF_INIT(1 << 20);
	struct buf out = BUF_INIT(1 << 20);
	struct err err = { "" };
	struct span address;
	enum rc rc;

	if (!is_get(r))
		return;
	address = address_of(r, "email");
	if (address.n == 0) {
		http_respond_text(r, 400,
		                  "Ask with your address: /mobileconfig?email=...");
		return;
	}
	rc = mdm_setup_profile(&s->conf, r->host, address, &plist);
	if (rc == RC_OK && *s->cert_file)
		rc = cms_sign(buf_span(&plist), s->cert_file, s->key_file, &out, &err);
	else if (rc == RC_OK)
		buf_move(&out, &plist);
	if (rc != RC_OK) {
		if (*err.text)
			log_error(&r->log, "setup.profile", "why=%s",
			          LOG_STR(span_str(err.text)));
		http_respond_text(r, 500, "The profile cannot be made; see the log.");
	} else {
		http_set_header(r, "Content-Type", "application/x-apple-aspen-config");
		http_set_header(r, "Content-Disposition",
		                "attachment; filename=\"godwit.mobileconfig\"");
		http_respond(r, 200, &out);
	}
	buf_done(&out);
}

void
mdm_setup_route(struct mdm_setup *s, struct http_server *http)
{
	http_server_route(http, "/mail/config-v1.1.xml", answer_autoconfig, s);
	http_server_route(http, "/.well-known/autoconfig/mail/config-v1.1.xml",
	                  answer_autoconfig, s);
	http_server_route(http, "/mobileconfig", answer_profile, s);
}
