/* SPDX-License-Identifier: ISC
 *
 * eas_smart.c - SmartReply and SmartForward: [MS-ASCMD] 2.2.1.19, 2.2.1.20.
 *
 * The client sends what it wrote, the server adds the original: quoted below the text of
 * a reply, as an attached message to a forward. With ReplaceMime the client has sent all.
 * What is in the calendar is quoted in words, and forwarded as the invitation that it is
 * (RFC 5546 3.2.2.6), as is a mail that invites; from 16.0 on the client may name
 * Forwardees and send no message.
 */
#include "activesync/eas_calendar.h"
#include "activesync/eas_compose.h"
#include "activesync/eas_email.h"
#include "activesync/eas_forward.h"
#include "activesync/eas_id.h"
#include "activesync/eas_invite.h"
#include "activesync/eas_meeting.h"
#include "activesync/eas_pack.h"
#include "activesync/eas_props.h"
#include "activesync/eas_send.h"
#include "activesync/eas_thread.h"
#include "base/clock.h"
#include "base/encode.h"

#define QUOTE_MAX (1024 * 1024)

struct smart {
	struct eas_call *c;
	bool is_reply;
	struct span message; /* the client's */
	struct eas_id source;
	struct store_tx *tx;
	struct store_item item;
	struct eas_message original;
	struct pim_event *event; /* of a source in the calendar, else NULL */
	struct pim_event *asked; /* of a mail that invites and is forwarded, else NULL */
	struct pim_attendee *people; /* whom a meeting is forwarded to */
	int64_t instance;            /* of a series: UTC; INT64_MIN: all of it */
	unsigned status;             /* not 0: what is wrong with the source */
	struct mime_part *root;      /* of message */
	struct mime_view view;
};

struct header_copy {
	struct buf *out;
	bool content; /* true: the Content-* fields, false: all others */
};

static bool
copy_field(struct span name, struct span value, struct span whole, void *arg)
{
	struct header_copy *h = arg;

	(void)value;
	if (span_istarts(name, "Content-") == h->content &&
	    !span_iis(name, "MIME-Version")) {
		buf_add_span(h->out, whole);
		if (!span_ends(whole, "\n"))
			buf_add_str(h->out, "\r\n");
	}
	return true;
}

static void
copy_headers(struct smart *s, bool content, struct buf *out)
{
	struct header_copy h = { out, content };

	mime_header_each(span_sub(s->message, 0, mime_header_len(s->message)), copy_field,
	                 &h);
}

/* To the original, so that it is one conversation for all who get it. */
static void
bind_to_original(struct smart *s, struct buf *out)
{
	if (s->event)
		return; /* no mail began it */
	eas_thread_answer(&s->original,
	                  span_sub(s->message, 0, mime_header_len(s->message)),
	                  s->c->arena, out);
}

static struct span
part_bytes(struct smart *s, const struct mime_part *p, bool with_header)
{
	uint64_t from = with_header ? p->header_at : p->body_at;

	return span_sub(s->message, (size_t)from, (size_t)(p->body_at + p->body_len));
}

/* The original, whole, as message/rfc822 behind the client's own content. */
static enum rc
forward(struct smart *s, struct buf *out)
{
	const char *boundary = eas_compose_boundary(s->c->arena);
	AUTO_DONE(buf) struct buf original = BUF_INIT(0);
	AUTO_DONE(buf) struct buf name = BUF_INIT(1024);
	const struct mime_envelope *e = s->original.root->envelope;
	bool is_8bit = false;
	enum rc rc;

	rc = store_content_read(s->tx, s->item.content, 0, s->item.size, &original);
	if (rc != RC_OK)
		return rc;
	for (size_t i = 0; i < buf_len(&original) && !is_8bit; i++)
		is_8bit = (original.p[i] & 0x80) != 0;
	copy_headers(s, false, out);
	bind_to_original(s, out);
	buf_addf(out,
	         "MIME-Version: 1.0\r\n"
	         "Content-Type: multipart/mixed; boundary=\"%s\"\r\n\r\n--%s\r\n",
	         boundary, boundary);
	copy_headers(s, true, out);
	buf_add_str(out, "\r\n");
	buf_add_span(out, part_bytes(s, s->root, false));
	if (e)
		eas_compose_text(&name, "Content-Description",
		                 mime_decode_header(e->subject, s->c->arena));
	buf_addf(out, "\r\n--%s\r\nContent-Type: message/rfc822\r\n", boundary);
	if (buf_ok(&name))
		buf_add_span(out, buf_span(&name));
	buf_addf(out,
	         "Content-Disposition: attachment; filename=\"message.eml\"\r\n%s\r\n",
	         is_8bit ? "Content-Transfer-Encoding: 8bit\r\n" : "");
	buf_add_span(out, buf_span(&original));
	buf_addf(out, "\r\n--%s--\r\n", boundary);
	return RC_OK;
}

/* The event that is meant: the series or one instance of it. */
static const struct pim_event *
event_of(struct smart *s)
{
	if (s->instance == INT64_MIN)
		return s->event;
	return pim_event_exception_add(pim_event_copy(s->event, s->c->arena), s->instance,
	                               pim_event_zone(s->event), s->c->arena);
}

static struct pim_event *
meeting_of(struct smart *s)
{
	return s->event ? s->event : s->asked;
}

/* What is nobody's meeting goes as what it is. */
static struct itip_spec
spec_of(struct smart *s)
{
	const struct pim_event *e = meeting_of(s);
	bool is_own = eas_calendar_is_own(e, s->c->user.address);

	return (struct itip_spec){
		.method = e->organizer_email ? ITIP_REQUEST : ITIP_PUBLISH,
		.event = e,
		.instance = s->instance,
		.zone = pim_event_zone(e),
		/* Another's is as old as it was: what its organizer says next is newer.
		 */
		.now = is_own || e->dtstamp.kind == PIM_TIME_NONE
		               ? clock_wall_ms() / 1000
		               : pim_time_utc(&e->dtstamp, NULL),
	};
}

/* The user's own meeting gets the attendees before they are asked. */
static enum rc
invite(struct smart *s)
{
	struct pim_event **e = s->event ? &s->event : &s->asked;

	if (!*e || !(*e)->organizer_email || !eas_calendar_is_own(*e, s->c->user.address))
		return RC_OK;
	return eas_forward_invite(s->c, *e, s->instance, s->people, e);
}

/* Another's organizer hears of it afterwards. */
static void
tell_organizer(struct smart *s, const struct eas_send *q)
{
	const struct pim_event *e = meeting_of(s);
	struct sha256 h;
	struct span id = q->client_id.n > 0     ? q->client_id
	                 : q->fingerprint.n > 0 ? q->fingerprint
	                                        : q->message;
	uint64_t print;

	if (!e || !e->organizer_email || eas_calendar_is_own(e, s->c->user.address))
		return;
	sha256_of(id, &h);
	memcpy(&print, h.b, sizeof(print));
	eas_forward_tell(s->c, e, s->instance, s->people,
	                 arena_printf(s->c->arena, "forward:%u:%u:%016llx",
	                              s->source.collection, s->source.uid,
	                              (unsigned long long)print));
}

/* RFC 5546 3.2.2.6: organizer and attendees stay who they are. */
static enum rc
forward_event(struct smart *s, struct buf *out)
{
	const char *boundary = eas_compose_boundary(s->c->arena);
	struct itip_spec spec = spec_of(s);
	enum rc rc;

	copy_headers(s, false, out);
	bind_to_original(s, out);
	buf_addf(out,
	         "MIME-Version: 1.0\r\n"
	         "Content-Type: multipart/%s; boundary=\"%s\"\r\n\r\n--%s\r\n",
	         s->view.n_attachments > 0 ? "mixed" : "alternative", boundary, boundary);
	copy_headers(s, true, out);
	buf_add_str(out, "\r\n");
	buf_add_span(out, part_bytes(s, s->root, false));
	buf_addf(out, "\r\n--%s\r\n", boundary);
	rc = eas_meeting_part(&spec, out);
	buf_addf(out, "\r\n--%s--\r\n", boundary);
	return rc;
}

static void
add_intro(struct smart *s, struct buf *b)
{
	const struct mime_envelope *e;
	struct span from = SPAN("");
	char date[40];

	if (s->event) {
		buf_addf(b, "%s:",
		         s->event->organizer_name    ? s->event->organizer_name
		         : s->event->organizer_email ? s->event->organizer_email
		                                     : "Appointment");
		return;
	}
	e = s->original.root->envelope;
	if (e && e->from)
		from = mime_addresses_str(e->from, s->c->arena);
	buf_addf(b, "On %s, %.*s wrote:",
	         clock_rfc5322(s->item.received_ms, date, sizeof(date)), SPAN_FMT(from));
}

static enum rc
original_text(struct smart *s, bool html, struct buf *out)
{
	AUTO_DONE(buf) struct buf plain = BUF_INIT(QUOTE_MAX);

	if (!s->event)
		return eas_body_text(&s->original, html ? EAS_BODY_HTML : EAS_BODY_PLAIN,
		                     QUOTE_MAX, out);
	eas_meeting_text(event_of(s), true, &plain);
	if (html)
		text_to_html(buf_span(&plain), out);
	else
		buf_move(out, &plain);
	return RC_OK;
}

/* The client's text and the original below it, in the form the client wrote in. */
static enum rc
quoted_text(struct smart *s, const struct mime_part *own, bool html, struct buf *out)
{
	AUTO_DONE(buf) struct buf old = BUF_INIT(0);
	AUTO_DONE(buf) struct buf intro = BUF_INIT(4096);
	struct span rest, line;
	enum rc rc;

	rc = original_text(s, html, &old);
	if (rc != RC_OK)
		return rc;
	if (own)
		mime_decode_text(own, part_bytes(s, own, false), out);
	add_intro(s, &intro);
	if (html) {
		buf_add_str(out, "<br><div>");
		buf_add_xml(out, buf_span(&intro));
		buf_add_str(out, "</div><blockquote>");
		buf_add_span(out, buf_span(&old));
		buf_add_str(out, "</blockquote>");
		return RC_OK;
	}
	buf_addf(out, "\r\n\r\n%.*s\r\n", SPAN_FMT(buf_span(&intro)));
	rest = buf_span(&old);
	while (span_cut(&rest, '\n', &line)) {
		buf_add_str(out, "> ");
		buf_add_span(out, span_ends(line, "\r") ? span_sub(line, 0, line.n - 1)
		                                        : line);
		buf_add_str(out, "\r\n");
	}
	return RC_OK;
}

static enum rc
reply(struct smart *s, struct buf *out)
{
	const char *boundary = eas_compose_boundary(s->c->arena);
	bool html = s->view.html != NULL;
	AUTO_DONE(buf) struct buf text = BUF_INIT(0);
	enum rc rc;

	rc = quoted_text(s, html ? s->view.html : s->view.plain, html, &text);
	if (rc != RC_OK)
		return rc;
	copy_headers(s, false, out);
	bind_to_original(s, out);
	buf_add_str(out, "MIME-Version: 1.0\r\n");
	if (s->view.n_attachments == 0) {
		eas_compose_part_text(out, html ? "html" : "plain", buf_span(&text));
		return RC_OK;
	}
	buf_addf(out, "Content-Type: multipart/mixed; boundary=\"%s\"\r\n\r\n--%s\r\n",
	         boundary, boundary);
	eas_compose_part_text(out, html ? "html" : "plain", buf_span(&text));
	for (size_t i = 0; i < s->view.n_attachments; i++) {
		buf_addf(out, "--%s\r\n", boundary);
		buf_add_span(out, part_bytes(s, s->view.attachments[i], true));
		buf_add_str(out, "\r\n");
	}
	buf_addf(out, "--%s--\r\n", boundary);
	return RC_OK;
}

/* The source says that it was answered: MS-ASEMAIL 2.2.2.43, IMAP's \Answered. */
static void
mark_source(struct smart *s)
{
	AUTO(store_tx)
	struct store_tx *tx = NULL;
	AUTO_DONE(buf) struct buf props = BUF_INIT(65536);
	struct store_item_change ch = {
		.flags_on = s->is_reply ? STORE_FLAG_ANSWERED : STORE_FLAG_FORWARDED,
		.set_props = true,
	};
	char time[32];
	uint64_t modseq;
	enum rc rc;

	eas_props_copy_without(&props, s->item.props, "verb");
	eas_props_add(&props, "verb", s->is_reply ? SPAN("1") : SPAN("3"));
	eas_props_add(&props, "verb.time",
	              span_str(clock_iso8601(clock_wall_ms(), time, sizeof(time))));
	ch.props = buf_span(&props);
	if (!buf_ok(&props))
		return;
	rc = eas_write(s->c, false, &tx);
	if (rc == RC_OK)
		rc = store_item_update(tx, s->item.collection, s->item.uid, &ch, &modseq);
	if (rc == RC_OK)
		rc = store_commit(&tx);
	if (rc != RC_OK)
		log_warn(s->c->log, "eas.smart source not marked", "rc=%s",
		         LOG_STR(span_str(rc_str(rc))));
}

/* By ItemId or LongId; before 14.0 they and the instance are in the query. */
static enum rc
take_source(struct smart *s, struct span *ret_instance)
{
	const struct wbxml_node *source =
		wbxml_child(s->c->root, WBXML_COMPOSEMAIL_SOURCE);
	bool in_query = s->c->query.version < 140;
	struct span id = in_query ? s->c->query.item_id
	                          : wbxml_child_text(source, WBXML_COMPOSEMAIL_ITEMID);
	struct span long_id =
		in_query ? s->c->query.long_id
			 : wbxml_child_text(source, WBXML_COMPOSEMAIL_LONGID);

	*ret_instance = in_query ? s->c->query.occurrence
	                         : wbxml_child_text(source, WBXML_COMPOSEMAIL_INSTANCEID);
	if (id.n == 0 && long_id.n > 0)
		return eas_long_id_parse(long_id, &s->source);
	return eas_id_parse(id, 2, &s->source);
}

static enum rc
load_event(struct smart *s, struct span instance)
{
	struct span text;
	enum rc rc = eas_pim_load(s->tx, &s->item, s->c->arena, &text);

	if (rc == RC_OK && pim_event_parse(text, s->c->arena, &s->event) != RC_OK)
		rc = RC_NOT_FOUND;
	if (rc != RC_OK || instance.n == 0)
		return rc;
	if (!s->event->recur)
		s->status = EAS_STATUS_NOT_RECURRING;
	else if (!eas_calendar_has_instance(s->event, s->instance, s->c->arena))
		rc = RC_NOT_FOUND;
	return rc;
}

static enum rc
find_source(struct smart *s)
{
	struct store_collection folder;
	struct span instance;
	enum rc rc;

	s->instance = INT64_MIN;
	if (take_source(s, &instance) != RC_OK)
		return RC_NOT_FOUND;
	if (instance.n > 0 && eas_time_parse(instance, &s->instance) != RC_OK) {
		s->status = EAS_STATUS_INVALID_TIME;
		return RC_OK;
	}
	rc = eas_read(s->c, &s->tx);
	if (rc == RC_OK)
		rc = store_collection_load(s->tx, s->source.collection, s->c->arena,
		                           &folder);
	if (rc == RC_OK)
		rc = store_item_load(s->tx, s->source.collection, s->source.uid,
		                     s->c->arena, &s->item);
	if (rc != RC_OK)
		return rc;
	if (folder.class == STORE_CLASS_CALENDAR)
		return load_event(s, instance);
	if (folder.class != STORE_CLASS_MAIL)
		return RC_NOT_FOUND;
	return eas_message_open(s->tx, &s->item, s->c->arena, &s->original);
}

/* MS-ASCMD 2.2.3.79: to these people, and the server writes the message. */
static enum rc
forward_to(struct smart *s, const struct wbxml_node *list, struct eas_send *q)
{
	AUTO_DONE(buf) struct buf to = BUF_INIT(1 << 20);
	AUTO_DONE(buf) struct buf print = BUF_INIT(0);
	struct arena *a = s->c->arena;
	struct itip_spec spec;
	enum rc rc = find_source(s);

	store_tx_free(TAKE(s->tx));
	if (rc == RC_OK && s->status == 0 && !s->event)
		rc = RC_NOT_FOUND;
	if (rc != RC_OK || s->status != 0)
		return rc;
	for (const struct wbxml_node *n = wbxml_child(list, WBXML_COMPOSEMAIL_FORWARDEE);
	     n; n = wbxml_next(n, WBXML_COMPOSEMAIL_FORWARDEE)) {
		struct span name = wbxml_child_text(n, WBXML_COMPOSEMAIL_NAME);

		buf_add_str(&to, buf_len(&to) > 0 ? ", \"" : "\"");
		for (size_t i = 0; i < name.n; i++) {
			if (name.p[i] != '"' && name.p[i] != '\\')
				buf_add_char(&to, name.p[i]);
		}
		buf_addf(&to, "\" <%.*s>",
		         SPAN_FMT(wbxml_child_text(n, WBXML_COMPOSEMAIL_EMAIL)));
	}
	if (!buf_ok(&to))
		return RC_TOO_BIG;
	eas_forward_people(s->c, buf_span(&to), &s->people);
	rc = invite(s);
	if (rc != RC_OK)
		return rc;
	spec = spec_of(s);
	spec.comment = eas_meeting_comment(
		s->c, wbxml_child(s->c->root, WBXML_AIRSYNCBASE_BODY));
	rc = eas_meeting_message(
		s->c, &spec, buf_span(&to),
		span_str(arena_printf(a, "FW: %s",
	                              s->event->subject ? s->event->subject : "")),
		&q->message);
	eas_pack_node(s->c->root, &print);
	q->fingerprint = arena_span(a, buf_span(&print));
	q->save = true;
	if (rc == RC_OK)
		rc = eas_send_once(s->c, q);
	if (rc == RC_OK)
		tell_organizer(s, q);
	return rc;
}

/* Of a mail that invites; else it goes as an attached message. */
static enum rc
find_invitation(struct smart *s)
{
	struct itip in;
	enum rc rc = eas_invite_load(&s->original, s->c->arena, &in);

	if (rc == RC_OK && in.method == ITIP_REQUEST && in.event->organizer_email)
		s->asked = in.event;
	return rc == RC_NOT_FOUND ? RC_OK : rc;
}

/* Bcc is for none to know. */
static void
find_people(struct smart *s)
{
	struct span header = span_sub(s->message, 0, mime_header_len(s->message));

	eas_forward_people(s->c, mime_header_get(header, "To", s->c->arena), &s->people);
	eas_forward_people(s->c, mime_header_get(header, "Cc", s->c->arena), &s->people);
}

/* The whole message of a reply or forward. */
static enum rc
compose(struct smart *s, struct buf *out)
{
	enum rc rc = RC_OK;

	if (s->is_reply)
		return reply(s, out);
	if (!s->event)
		rc = find_invitation(s);
	if (rc != RC_OK || !meeting_of(s))
		return rc == RC_OK ? forward(s, out) : rc;
	find_people(s);
	store_tx_free(TAKE(s->tx));
	rc = invite(s);
	return rc == RC_OK ? forward_event(s, out) : rc;
}

static enum rc
run(struct smart *s, bool replace, struct eas_send *q)
{
	AUTO_DONE(buf) struct buf crlf = BUF_INIT(0);
	AUTO_DONE(buf) struct buf out = BUF_INIT(0);
	enum rc rc = find_source(s);

	q->fingerprint = s->message;
	if (s->status != 0) {
		store_tx_free(TAKE(s->tx));
		return RC_OK;
	}
	if (rc == RC_OK && !replace) {
		eas_compose_crlf(s->message, &crlf);
		s->message = buf_span(&crlf);
		s->root = mime_parse(s->message, NULL, s->c->arena);
		mime_view_make(s->root, s->c->arena, &s->view);
		rc = compose(s, &out);
		q->message = buf_span(&out);
	} else if (replace && rc == RC_NOT_FOUND) {
		q->message = s->message; /* complete without the source */
		store_tx_free(TAKE(s->tx));
		return eas_send_once(s->c, q);
	} else if (rc == RC_OK) {
		bind_to_original(s, &out);
		buf_add_span(&out, s->message);
		q->message = buf_span(&out);
	}
	store_tx_free(TAKE(s->tx));
	if (rc == RC_OK)
		rc = eas_send_once(s->c, q);
	if (rc == RC_OK && meeting_of(s) && !s->is_reply && !replace)
		tell_organizer(s, q);
	if (rc == RC_OK && !s->event)
		mark_source(s);
	return rc;
}

void
eas_smart_start(struct eas_call *c)
{
	struct smart s = { .c = c };
	struct eas_send q = { .client_id = SPAN("") };
	const struct wbxml_node *forwardees = NULL;
	bool replace = false;
	enum rc rc;

	s.is_reply = c->command->root == WBXML_COMPOSEMAIL_SMARTREPLY;
	if (c->query.version < 140) {
		s.message = c->body;
		q.save = c->query.save_in_sent;
	} else {
		unsigned status = eas_send_check(c);

		if (status != EAS_STATUS_OK) {
			eas_answer_status(c, status);
			return;
		}
		s.message = wbxml_child_text(c->root, WBXML_COMPOSEMAIL_MIME);
		q.client_id = wbxml_child_text(c->root, WBXML_COMPOSEMAIL_CLIENTID);
		q.save = wbxml_child(c->root, WBXML_COMPOSEMAIL_SAVEINSENTITEMS) != NULL;
		replace = wbxml_child(c->root, WBXML_COMPOSEMAIL_REPLACEMIME) != NULL;
		if (c->query.version >= 160 && !s.is_reply)
			forwardees = wbxml_child(c->root, WBXML_COMPOSEMAIL_FORWARDEES);
	}
	if (forwardees && s.message.n == 0)
		rc = forward_to(&s, forwardees, &q);
	else
		rc = s.message.n == 0 ? RC_UNSUPPORTED : run(&s, replace, &q);
	if (rc == RC_OK && s.status != 0 && c->query.version >= 140)
		eas_answer_status(c, s.status);
	else if (rc == RC_OK)
		eas_answer_http(c, s.status != 0 ? 500 : 200);
	else if (c->query.version >= 140 || rc == RC_AGAIN)
		eas_answer_rc(c, rc);
	else
		eas_answer_http(c, 500);
}
