/* SPDX-License-Identifier: ISC
 *
 * smtp_bounce.c - multipart/report with message/delivery-status (RFC 3462, 3464, 6533).
 */
#include "smtp/smtp_bounce.h"

#include "base/clock.h"
#include "base/encode.h"
#include "base/log.h"
#include "smtp/smtp_deliver.h"
#include "smtp/smtp_message.h"
#include "smtp/smtp_private.h"

#define RETURN_MAX ((size_t)1 << 20) /* a larger message comes back as its header */
#define HEADER_MAX ((size_t)64 << 10)

const char *
smtp_bounce_action_str(enum smtp_bounce_action a)
{
	static const char *const names[] = {
#define X(name, text) [SMTP_BOUNCE_ACTION_##name] = (text),
		SMTP_BOUNCE_ACTION_LIST(X)
#undef X
	};
	return names[a];
}

/* One line of a field: what a foreign server said may hold anything. */
static void
add_clean(struct buf *out, struct span s, bool utf8)
{
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];
		bool bad = c < 0x20 || c == 0x7f || (c >= 0x80 && !utf8);
		buf_add_char(out, bad ? '?' : (char)c);
	}
}

static void
add_field(struct buf *out, const char *name, struct span value, bool utf8)
{
	if (!value.n)
		return;
	buf_add_str(out, name);
	add_clean(out, value, utf8 && utf8_is_valid(value));
	buf_add_str(out, "\r\n");
}

static void
add_xtext_field(struct buf *out, const char *name, struct span value)
{
	AUTO_DONE(buf) struct buf plain = BUF_INIT(2048);
	if (value.n && smtp_xtext_decode(value, &plain) == RC_OK)
		add_field(out, name, buf_span(&plain), false);
}

static bool
needs_utf8(const struct smtp_bounce *b)
{
	if (!smtp_is_ascii(b->sender))
		return true;
	for (size_t i = 0; i < b->n_rcpts; i++)
		if (!smtp_is_ascii(b->rcpts[i].address))
			return true;
	return false;
}

static const char *
subject_of(enum smtp_bounce_action a)
{
	switch (a) {
	case SMTP_BOUNCE_ACTION_FAILED:
		return "Undelivered mail returned to sender";
	case SMTP_BOUNCE_ACTION_DELAYED:
		return "Your mail is delayed";
	case SMTP_BOUNCE_ACTION_DELIVERED:
		return "Your mail was delivered";
	case SMTP_BOUNCE_ACTION_RELAYED:
		return "Your mail was passed on";
	}
	return "";
}

static const char *
sentence_of(enum smtp_bounce_action a)
{
	switch (a) {
	case SMTP_BOUNCE_ACTION_FAILED:
		return "Your message could not be delivered to the recipients below. "
		       "Nothing more\r\nwill be tried.";
	case SMTP_BOUNCE_ACTION_DELAYED:
		return "Your message has not been delivered yet to the recipients below. "
		       "You need not\r\nsend it again: more will be tried.";
	case SMTP_BOUNCE_ACTION_DELIVERED:
		return "Your message has been delivered to the recipients below.";
	case SMTP_BOUNCE_ACTION_RELAYED:
		return "Your message has been passed to the servers of the recipients "
		       "below, which do\r\nnot tell more.";
	}
	return "";
}

static void
write_head(const struct smtp_bounce *b, const char *boundary, bool utf8, struct buf *out)
{
	char date[40];
	buf_addf(out, "From: Mail Delivery System <MAILER-DAEMON@%s>\r\n", b->hostname);
	buf_add_str(out, "To: <");
	add_clean(out, b->sender, utf8);
	buf_add_str(out, ">\r\n");
	buf_addf(out, "Subject: %s\r\n", subject_of(b->action));
	buf_addf(out, "Date: %s\r\n", clock_rfc5322(b->now_ms, date, sizeof(date)));
	buf_add_str(out, "Message-ID: ");
	smtp_message_id_write(b->hostname, out);
	/* RFC 3834 2: nobody should answer this by machine. */
	buf_add_str(out, "\r\nAuto-Submitted: auto-replied\r\n");
	buf_add_str(out, "MIME-Version: 1.0\r\n");
	buf_addf(out,
	         "Content-Type: multipart/report; report-type=%s;\r\n"
	         "\tboundary=\"%s\"\r\n\r\n",
	         utf8 ? "global-delivery-status" : "delivery-status", boundary);
}

static void
write_human(const struct smtp_bounce *b, const char *boundary, bool utf8, struct buf *out)
{
	buf_addf(out, "--%s\r\nContent-Type: text/plain; charset=%s\r\n", boundary,
	         utf8 ? "utf-8" : "us-ascii");
	if (utf8)
		buf_add_str(out, "Content-Transfer-Encoding: 8bit\r\n");
	buf_addf(out, "\r\nThis is the mail system at %s.\r\n\r\n%s\r\n\r\n", b->hostname,
	         sentence_of(b->action));
	for (size_t i = 0; i < b->n_rcpts; i++) {
		const struct smtp_bounce_rcpt *r = &b->rcpts[i];
		buf_add_str(out, "  <");
		add_clean(out, r->address, utf8);
		buf_add_str(out, ">");
		if (r->remote.n) {
			buf_add_str(out, ": ");
			add_clean(out, r->remote, false);
			buf_add_str(out, r->response.n ? " said" : "");
		}
		if (r->response.n) {
			buf_add_str(out, ":\r\n    ");
			add_clean(out, r->response, false);
		}
		buf_add_str(out, "\r\n");
	}
	buf_add_str(out, "\r\n");
}

/* RFC 3464 2.3: a block for each recipient. */
static void
write_rcpt(const struct smtp_bounce *b, const struct smtp_bounce_rcpt *r, struct buf *out)
{
	char date[40];
	buf_add_str(out, "\r\n");
	size_t semi = span_find(r->orcpt, 0, ';');
	if (semi < r->orcpt.n) {
		AUTO_DONE(buf) struct buf name = BUF_INIT(2048);
		buf_add_span(&name, span_sub(r->orcpt, 0, semi + 1));
		if (smtp_xtext_decode(span_sub(r->orcpt, semi + 1, r->orcpt.n), &name) ==
		    RC_OK)
			add_field(out, "Original-Recipient: ", buf_span(&name), false);
	}
	bool utf8 = !smtp_is_ascii(r->address);
	add_field(out, utf8 ? "Final-Recipient: utf-8; " : "Final-Recipient: rfc822; ",
	          r->address, utf8);
	buf_addf(out, "Action: %s\r\n", smtp_bounce_action_str(b->action));
	add_field(out, "Status: ", r->status, false);
	add_field(out, "Remote-MTA: dns; ", r->remote, false);
	/* RFC 3464 2.3.6: only what an SMTP server said (or we would have said). */
	add_field(out, "Diagnostic-Code: smtp; ", r->response, false);
	buf_addf(out, "Last-Attempt-Date: %s\r\n",
	         clock_rfc5322(b->now_ms, date, sizeof(date)));
	if (b->action == SMTP_BOUNCE_ACTION_DELAYED)
		buf_addf(out, "Will-Retry-Until: %s\r\n",
		         clock_rfc5322(b->retry_until_ms, date, sizeof(date)));
}

static void
write_status(const struct smtp_bounce *b, const char *boundary, bool utf8,
             struct buf *out)
{
	char date[40];
	buf_addf(out, "--%s\r\nContent-Type: message/%s\r\n", boundary,
	         utf8 ? "global-delivery-status" : "delivery-status");
	if (utf8)
		buf_add_str(out, "Content-Transfer-Encoding: 8bit\r\n");
	buf_addf(out, "\r\nReporting-MTA: dns; %s\r\n", b->hostname);
	add_xtext_field(out, "Original-Envelope-Id: ", b->envelope_id);
	buf_addf(out, "Arrival-Date: %s\r\n",
	         clock_rfc5322(b->arrived_ms, date, sizeof(date)));
	for (size_t i = 0; i < b->n_rcpts; i++)
		write_rcpt(b, &b->rcpts[i], out);
	buf_add_str(out, "\r\n");
}

/* A boundary is 24 random characters: a message cannot hold it on purpose. */
static void
write_original(const struct smtp_bounce *b, const char *boundary, struct buf *out)
{
	struct smtp_header h;
	smtp_header_scan(b->message, &h);
	/* RFC 3461 4.3: RET is about failures alone. */
	bool full = b->action == SMTP_BOUNCE_ACTION_FAILED && span_iis(b->ret, "FULL") &&
	            b->message.n <= RETURN_MAX;
	struct span shown = b->message;
	if (!full)
		shown = span_sub(b->message, 0, h.len < HEADER_MAX ? h.len : HEADER_MAX);
	const char *type = full ? "message/rfc822" : "text/rfc822-headers";
	if (h.is_utf8) /* RFC 6533 6 */
		type = full ? "message/global" : "message/global-headers";
	buf_addf(out, "--%s\r\nContent-Type: %s\r\n", boundary, type);
	if (!smtp_is_ascii(shown))
		buf_add_str(out, "Content-Transfer-Encoding: 8bit\r\n");
	buf_add_str(out, "\r\n");
	buf_add_span(out, shown);
	if (shown.n && shown.p[shown.n - 1] != '\n')
		buf_add_str(out, "\r\n");
	buf_addf(out, "\r\n--%s--\r\n", boundary);
}

void
smtp_bounce_write(const struct smtp_bounce *b, struct buf *out)
{
	unsigned char raw[12];
	AUTO_DONE(buf) struct buf boundary = BUF_INIT(64);
	random_bytes(raw, sizeof(raw));
	hex_encode(span_of((char *)raw, sizeof(raw)), &boundary);
	buf_add_char(&boundary, 0);
	bool utf8 = needs_utf8(b);
	write_head(b, boundary.p, utf8, out);
	write_human(b, boundary.p, utf8, out);
	write_status(b, boundary.p, utf8, out);
	write_original(b, boundary.p, out);
}

static const char *
notify_word(enum smtp_bounce_action a)
{
	switch (a) {
	case SMTP_BOUNCE_ACTION_FAILED:
		return "FAILURE";
	case SMTP_BOUNCE_ACTION_DELAYED:
		return "DELAY";
	case SMTP_BOUNCE_ACTION_DELIVERED:
	case SMTP_BOUNCE_ACTION_RELAYED:
		break;
	}
	return "SUCCESS";
}

/* The notice as a mail of ours: null reverse path, so that it is never answered by one.
 */
static enum rc
deliver_notice(struct smtp *s, const struct smtp_bounce *b, const char *id)
{
	AUTO_DONE(buf) struct buf text = BUF_INIT(0);
	AUTO(smtp_envelope)
	struct smtp_envelope *env = smtp_envelope_new();
	char own_id[17];
	smtp_message_new_id(own_id);
	size_t skip = smtp_trace_return_path(span_of("", 0), &text);
	struct smtp_trace trace = { .hostname = b->hostname,
		                    .with = "internal",
		                    .tls = "",
		                    .id = span_str(own_id),
		                    .rcpt = b->sender,
		                    .now_ms = b->now_ms };
	smtp_trace_received(&trace, &text);
	smtp_bounce_write(b, &text);
	smtp_envelope_add(env, b->sender);
	env->smtputf8 = needs_utf8(b);
	struct smtp_mail m = { .env = env,
		               .content = buf_span(&text),
		               .return_path_len = skip,
		               .id = own_id,
		               .protocol = "smtp",
		               .no_bounce = true,
		               .trusted = true };
	enum rc rc = smtp_deliver(s, &m);
	log_info(NULL, "smtp.bounce", "id=%s notice=%s action=%s to=%s rcpts=%zu rc=%s",
	         id, own_id, smtp_bounce_action_str(b->action), LOG_STR(b->sender),
	         b->n_rcpts, LOG_STR(span_str(rc_str(rc))));
	if (rc == RC_AGAIN || rc == RC_IO)
		return rc;
	if (rc == RC_OK)
		metric_add(&smtp_metric_bounced, 1);
	return RC_OK; /* a sender that does not exist: there is nobody to tell */
}

enum rc
smtp_bounce_send(struct smtp *s, const struct smtp_bounce *b, const char *id)
{
	if (!b->sender.n || !b->n_rcpts)
		return RC_OK;
	AUTO(arena)
	struct arena *a = arena_new();
	struct smtp_bounce_rcpt *some =
		arena_array(a, b->n_rcpts, struct smtp_bounce_rcpt);
	size_t n = 0;
	for (size_t i = 0; i < b->n_rcpts; i++)
		if (smtp_notify_has(b->rcpts[i].notify, notify_word(b->action)))
			some[n++] = b->rcpts[i];
	if (!n)
		return RC_OK;
	struct smtp_bounce wanted = *b;
	wanted.rcpts = some;
	wanted.n_rcpts = n;
	return deliver_notice(s, &wanted, id);
}
