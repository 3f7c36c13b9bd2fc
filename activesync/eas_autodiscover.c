/* SPDX-License-Identifier: ISC
 *
 * eas_autodiscover.c - [MS-ASCMD] 2.2.1.1 (mobilesync schema, POX) and the JSON form that
 * newer clients try first. Paths are compared without case.
 */
#include "activesync/eas_sign_in.h"
#include "format/xml_read.h"

#define REQUEST_MAX 16384
#define MOBILESYNC                                                                       \
	"http://schemas.microsoft.com/exchange/autodiscover/mobilesync/responseschema/2006"
#define RESPONSE_SCHEMA                                                                  \
	"http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006"

static const char *
base_url(struct eas *e, struct http_request *r)
{
	if (e->conf->external_url[0] != '\0')
		return e->conf->external_url;
	return arena_printf(r->arena, "https://%.*s", SPAN_FMT(r->host));
}

static void
respond_json(struct http_request *r, int status, struct buf *body)
{
	http_set_header(r, "Content-Type", "application/json; charset=utf-8");
	http_respond(r, status, body);
}

static void
add_member(struct buf *b, const char *name, const char *value)
{
	buf_add_json(b, span_str(name));
	buf_add_char(b, ':');
	buf_add_json(b, span_str(value));
}

/* Says where a protocol is spoken; it names no user, so nobody need sign in. */
static void
answer_json(struct eas *e, struct http_request *r)
{
	struct span protocol = http_query_get(r, "protocol");
	const char *base = base_url(e, r);
	struct buf b = BUF_INIT(8192);
	const char *url = NULL, *name = NULL;
	int status = 200;

	if (span_iis(protocol, "ActiveSync")) {
		name = "ActiveSync";
		url = arena_printf(r->arena, "%s%s", base, EAS_PATH);
	} else if (span_iis(protocol, "AutodiscoverV1")) {
		name = "AutodiscoverV1";
		url = arena_printf(r->arena, "%s/autodiscover/autodiscover.xml", base);
	}
	buf_add_char(&b, '{');
	if (name) {
		add_member(&b, "Protocol", name);
		buf_add_char(&b, ',');
		add_member(&b, "Url", url);
	} else {
		status = 400;
		add_member(&b, "ErrorCode",
		           protocol.p ? "InvalidProtocol" : "MandatoryParameterMissing");
		buf_add_char(&b, ',');
		add_member(&b, "ErrorMessage",
		           "Supported protocols are ActiveSync and AutodiscoverV1.");
	}
	buf_add_char(&b, '}');
	respond_json(r, status, &b);
	buf_done(&b);
}

static void
begin_xml(struct buf *b)
{
	buf_add_str(b, "<?xml version=\"1.0\" encoding=\"utf-8\"?>\r\n"
	               "<Autodiscover xmlns=\"" RESPONSE_SCHEMA "\">"
	               "<Response xmlns=\"" MOBILESYNC "\"><Culture>en:us</Culture>");
}

static void
end_xml(struct http_request *r, struct buf *b)
{
	buf_add_str(b, "</Response></Autodiscover>");
	http_set_header(r, "Content-Type", "text/xml; charset=utf-8");
	http_respond(r, 200, b);
	buf_done(b);
}

static void
add_element(struct buf *b, const char *name, struct span text)
{
	buf_addf(b, "<%s>", name);
	buf_add_xml(b, text);
	buf_addf(b, "</%s>", name);
}

/* 2.2.3.177.1: 1 success, 2 protocol error; ErrorCode 600 bad request, 601 no such schema
 */
static void
answer_error(struct http_request *r, struct span address, unsigned code,
             const char *message)
{
	struct buf b = BUF_INIT(8192);

	begin_xml(&b);
	buf_add_str(&b, "<User>");
	add_element(&b, "EMailAddress", address);
	buf_add_str(&b, "</User><Action><Error><Status>2</Status>");
	add_element(&b, "Message", span_str(message));
	buf_addf(&b, "<ErrorCode>%u</ErrorCode></Error></Action>", code);
	end_xml(r, &b);
}

static void
answer_settings(struct eas_sign_in *s)
{
	struct buf b = BUF_INIT(8192);
	struct span name =
		s->ask.user.name.n > 0 ? s->ask.user.name : s->ask.user.address;
	struct span url = span_str(
		arena_printf(s->r->arena, "%s%s", base_url(s->eas, s->r), EAS_PATH));

	begin_xml(&b);
	buf_add_str(&b, "<User>");
	add_element(&b, "DisplayName", name);
	add_element(&b, "EMailAddress", s->ask.user.address);
	buf_add_str(&b, "</User><Action><Settings><Server><Type>MobileSync</Type>");
	add_element(&b, "Url", url);
	add_element(&b, "Name", url);
	buf_add_str(&b, "</Server></Settings></Action>");
	end_xml(s->r, &b);
}

static void
answer_outlook(struct eas_sign_in *s)
{
	struct buf b = BUF_INIT(16384);

	mdm_setup_outlook(mdm_setup_conf(s->eas->deps.setup), s->r->host,
	                  s->ask.user.name, s->ask.user.address, &b);
	http_set_header(s->r, "Content-Type", "text/xml; charset=utf-8");
	http_respond(s->r, 200, &b);
	buf_done(&b);
}

static void
on_signed_in(struct eas_sign_in *s)
{
	struct http_request *r = s->r;
	AUTO(xml_read)
	struct xml_read *doc = NULL;
	struct span address, schema;

	if (http_is_gone(r))
		return;
	if (s->rc != RC_OK) {
		eas_sign_in_refuse(s);
		return;
	}
	if (xml_read_new(r->body, REQUEST_MAX, &doc) != RC_OK) {
		answer_error(r, SPAN(""), 600, "Invalid request");
		return;
	}
	address = xml_read_text(doc, "Autodiscover/Request/EMailAddress", r->arena);
	schema = xml_read_text(doc, "Autodiscover/Request/AcceptableResponseSchema",
	                       r->arena);
	/* 2.2.3.150: one Request. */
	if (address.n == 0 || schema.n == 0 ||
	    xml_read_count(doc, "Autodiscover/Request") != 1)
		answer_error(r, address, 600, "Invalid request");
	else if (span_is(span_trim(schema), MDM_SETUP_OUTLOOK_SCHEMA) &&
	         s->eas->deps.setup)
		answer_outlook(s);
	else if (!span_is(span_trim(schema), MOBILESYNC))
		answer_error(r, address, 601, "Provider not available");
	else
		answer_settings(s);
}

void
eas_autodiscover_handler(struct http_request *r, void *arg)
{
	struct eas *e = arg;

	if (span_istarts(r->path, "/autodiscover/autodiscover.json")) {
		answer_json(e, r);
	} else if (!span_iis(r->path, "/autodiscover/autodiscover.xml")) {
		http_respond_text(r, 404, "Nothing is here.");
	} else if (!span_is(r->method, "POST") && !span_is(r->method, "GET")) {
		http_set_header(r, "Allow", "GET,POST");
		http_respond_text(r, 405, "Autodiscover takes POST.");
	} else {
		/* Without a body too: clients probe with GET whether they must sign in.
		 */
		eas_sign_in(e, r, r->arena, NULL, on_signed_in, NULL);
	}
}
