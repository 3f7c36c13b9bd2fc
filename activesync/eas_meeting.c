/* SPDX-License-Identifier: ISC
 *
 * eas_meeting.c - mail about meetings: [RFC 6047], [RFC 5546] 3.2.
 */
#include "activesync/eas_meeting.h"

#include "activesync/eas_calendar.h"
#include "activesync/eas_compose.h"
#include "base/clock.h"
#include "base/encode.h"
#include "format/mime_text.h"
#include "store/store_directory.h"

#define LOOKED_UP_MAX 50 /* attendees whose address may be another name of the user's */

static void
write_from(struct eas_call *c, struct buf *out)
{
	AUTO_DONE(buf) struct buf from = BUF_INIT(2048);

	if (c->user.name.n > 0) {
		buf_add_char(&from, '"');
		for (size_t i = 0; i < c->user.name.n; i++) {
			if (c->user.name.p[i] != '"' && c->user.name.p[i] != '\\')
				buf_add_char(&from, c->user.name.p[i]);
		}
		buf_add_str(&from, "\" ");
	}
	buf_addf(&from, "<%.*s>", SPAN_FMT(c->user.address));
	eas_compose_addresses(out, "From", buf_span(&from), c->arena);
}

static void
write_when(const struct pim_event *e, struct buf *out)
{
	const struct tzone *zone = eas_calendar_zone(e);
	struct civil at;

	if (pim_event_is_all_day(e)) {
		buf_addf(out, "When: %04d-%02u-%02u\r\n", e->start.at.year,
		         e->start.at.month, e->start.at.day);
		return;
	}
	tzone_local(zone, pim_time_utc(&e->start, zone), &at);
	buf_addf(out, "When: %04d-%02u-%02u %02u:%02u (%s)\r\n", at.year, at.month,
	         at.day, at.hour, at.minute, *tzone_id(zone) ? tzone_id(zone) : "local");
}

void
eas_meeting_text(const struct pim_event *e, bool with_body, struct buf *out)
{
	if (e->subject)
		buf_addf(out, "What: %s\r\n", e->subject);
	write_when(e, out);
	if (e->location.name)
		buf_addf(out, "Where: %s\r\n", e->location.name);
	if (with_body && e->body.plain)
		buf_addf(out, "\r\n%s\r\n", e->body.plain);
}

/* What a mail program without calendars shows. */
static void
write_text(const struct itip_spec *spec, struct buf *out)
{
	if (spec->method == ITIP_CANCEL)
		buf_add_str(out, "This meeting is cancelled.\r\n\r\n");
	if (spec->comment)
		buf_addf(out, "%s\r\n\r\n", spec->comment);
	eas_meeting_text(spec->event,
	                 spec->method == ITIP_REQUEST || spec->method == ITIP_PUBLISH,
	                 out);
}

enum rc
eas_meeting_part(const struct itip_spec *spec, struct buf *out)
{
	AUTO_DONE(buf) struct buf cal = BUF_INIT(0);
	enum rc rc = itip_write(spec, &cal);

	if (rc != RC_OK)
		return rc;
	buf_addf(out,
	         "Content-Type: text/calendar; charset=utf-8; method=%s\r\n"
	         "Content-Transfer-Encoding: base64\r\n\r\n",
	         itip_method_str(spec->method));
	base64_encode_mime(buf_span(&cal), out);
	return RC_OK;
}

const char *
eas_meeting_comment(struct eas_call *c, const struct wbxml_node *body)
{
	const struct wbxml_node *data = wbxml_child(body, WBXML_AIRSYNCBASE_DATA);
	AUTO_DONE(buf) struct buf plain = BUF_INIT(1 << 20);
	const char *text = data ? eas_text_of(data, c->arena) : NULL;
	uint32_t type;

	if (!text || wbxml_child_u32(body, WBXML_AIRSYNCBASE_TYPE, 4, &type) != RC_OK ||
	    type != EAS_BODY_HTML)
		return text;
	html_to_text(span_str(text), &plain);
	return buf_ok(&plain) ? arena_strndup(c->arena, buf_span(&plain)) : text;
}

static void
write_head(struct eas_call *c, struct span to, struct span subject, struct buf *out)
{
	write_from(c, out);
	eas_compose_addresses(out, "To", to, c->arena);
	eas_compose_text(out, "Subject", subject);
	eas_compose_stamp(out, c->user.address);
	buf_add_str(out, "MIME-Version: 1.0\r\n");
}

enum rc
eas_meeting_note(struct eas_call *c, const struct itip_spec *spec, struct span to,
                 struct span subject, struct span *ret)
{
	AUTO_DONE(buf) struct buf out = BUF_INIT(64 << 20);
	AUTO_DONE(buf) struct buf text = BUF_INIT(0);
	AUTO_DONE(buf) struct buf crlf = BUF_INIT(0);

	write_head(c, to, subject, &out);
	write_text(spec, &text);
	eas_compose_crlf(buf_span(&text), &crlf);
	eas_compose_part_text(&out, "plain", buf_span(&crlf));
	if (!buf_ok(&out))
		return RC_TOO_BIG;
	*ret = arena_span(c->arena, buf_span(&out));
	return RC_OK;
}

enum rc
eas_meeting_message(struct eas_call *c, const struct itip_spec *spec, struct span to,
                    struct span subject, struct span *ret)
{
	AUTO_DONE(buf) struct buf out = BUF_INIT(64 << 20);
	AUTO_DONE(buf) struct buf text = BUF_INIT(0);
	AUTO_DONE(buf) struct buf crlf = BUF_INIT(0);
	const char *boundary = eas_compose_boundary(c->arena);
	enum rc rc;

	write_head(c, to, subject, &out);
	buf_addf(&out,
	         "Content-Type: multipart/alternative; boundary=\"%s\"\r\n\r\n--%s\r\n",
	         boundary, boundary);
	write_text(spec, &text);
	eas_compose_crlf(buf_span(&text), &crlf);
	eas_compose_part_text(&out, "plain", buf_span(&crlf));
	buf_addf(&out, "\r\n--%s\r\n", boundary);
	rc = eas_meeting_part(spec, &out);
	if (rc != RC_OK)
		return rc;
	buf_addf(&out, "\r\n--%s--\r\n", boundary);
	if (!buf_ok(&out))
		return RC_TOO_BIG;
	*ret = arena_span(c->arena, buf_span(&out));
	return RC_OK;
}

/* Attendees of e but the user, and those of except. n: how many. */
static struct span
recipients(struct eas_call *c, const struct pim_event *e, const struct pim_event *except,
           size_t *n)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);

	*n = 0;
	for (const struct pim_attendee *i = e->attendees; i; i = i->next) {
		if (!i->email || !strchr(i->email, '@') ||
		    span_ieq(span_str(i->email), c->user.address) ||
		    (except && pim_event_attendee(except, i->email)))
			continue;
		buf_addf(&b, "%s<%s>", *n > 0 ? ", " : "", i->email);
		++*n;
	}
	return arena_span(c->arena, buf_span(&b));
}

static enum rc
add_mail(struct eas_call *c, const struct pim_event *e, const struct pim_event *except,
         enum itip_method method, struct eas_edit_mail **mail)
{
	struct pim_event about = *e;
	struct itip_spec spec = {
		.method = method,
		.event = &about,
		.instance = INT64_MIN,
		.zone = eas_calendar_zone(e),
		.now = clock_wall_ms() / 1000,
	};
	struct eas_edit_mail *m;
	const char *subject = e->subject ? e->subject : "";
	size_t n;
	struct span to = recipients(c, e, except, &n);
	enum rc rc;

	if (n == 0)
		return RC_OK;
	m = arena_new_of(c->arena, struct eas_edit_mail);
	if (method == ITIP_CANCEL) {
		about.sequence++; /* RFC 5546 3.2.5 */
		subject = arena_printf(c->arena, "Canceled: %s", subject);
	}
	rc = eas_meeting_message(c, &spec, to, span_str(subject), &m->message);
	if (rc != RC_OK)
		return rc;
	while (*mail)
		mail = &(*mail)->next;
	*mail = m;
	return RC_OK;
}

/* What attendees would be told of it, to compare; empty when there is nobody to tell. */
static void
request_of(const struct pim_event *e, struct buf *out)
{
	struct itip_spec spec = { .method = ITIP_REQUEST,
		                  .event = e,
		                  .instance = INT64_MIN,
		                  .zone = eas_calendar_zone(e) };
	enum rc rc = e->attendees ? itip_write(&spec, out) : RC_NOT_FOUND;

	if (rc != RC_OK)
		buf_clear(out);
}

static bool
is_same_request(const struct pim_event *before, struct pim_event *after)
{
	AUTO_DONE(buf) struct buf a = BUF_INIT(0);
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);
	struct pim_time stamp = after->dtstamp, modified = after->last_modified;

	/* When it was touched is no news in itself. */
	after->dtstamp = before->dtstamp;
	after->last_modified = before->last_modified;
	request_of(before, &a);
	request_of(after, &b);
	after->dtstamp = stamp;
	after->last_modified = modified;
	return span_eq(buf_span(&a), buf_span(&b));
}

static bool
is_name_of_user(struct eas_call *c, const char *email)
{
	struct store_route *routes;
	size_t n;

	return store_route_find(c->eas->deps.store, span_str(email), c->arena, &routes,
	                        &n) == RC_OK &&
	       n == 1 && routes[0].user == c->user.id;
}

const char *
eas_meeting_invited_as(struct eas_call *c, const struct pim_event *e)
{
	const char *own = arena_strndup(c->arena, c->user.address);
	unsigned n = 0;

	if (pim_event_attendee(e, own))
		return own;
	for (const struct pim_attendee *i = e->attendees; i && n < LOOKED_UP_MAX;
	     i = i->next, n++) {
		if (i->email && is_name_of_user(c, i->email))
			return i->email;
	}
	return own;
}

enum rc
eas_meeting_tell(struct eas_call *c, const struct pim_event *before,
                 struct pim_event *after, struct eas_edit_mail **mail)
{
	bool was_off = before && (before->meeting & PIM_MEETING_CANCELLED);
	enum rc rc = RC_OK;

	if (after && !eas_calendar_is_own(after, c->user.address))
		return RC_OK;
	if (before && !eas_calendar_is_own(before, c->user.address))
		return RC_OK;
	/* MS-ASCAL 2.2.2.28: called off, and kept to be seen. */
	if (after && (after->meeting & PIM_MEETING_CANCELLED)) {
		if (!before || was_off)
			return RC_OK;
		rc = add_mail(c, before, NULL, ITIP_CANCEL, mail);
		after->sequence = before->sequence + 1;
		return rc;
	}
	if (before && before->attendees && !was_off)
		rc = add_mail(c, before, after, ITIP_CANCEL, mail);
	if (rc != RC_OK || !after || !after->attendees)
		return rc;
	if (before)
		itip_ask_again(before, after, c->user.address);
	if (before && is_same_request(before, after))
		return RC_OK;
	/* RFC 5546 2.1.4: a newer one has a higher number. */
	if (before)
		after->sequence = before->sequence + 1;
	return add_mail(c, after, NULL, ITIP_REQUEST, mail);
}
