/* SPDX-License-Identifier: ISC
 *
 * eas_email.c - a stored message as ApplicationData: [MS-ASEMAIL] 2.2.2.
 */
#include "activesync/eas_email.h"

#include "activesync/eas_class.h"

#include "activesync/eas_id.h"
#include "activesync/eas_invite.h"
#include "activesync/eas_pim.h"
#include "activesync/eas_props.h"
#include "activesync/eas_sms.h"
#include "activesync/eas_thread.h"
#include "base/clock.h"
#include "base/encode.h"
#include "format/mime_thread.h"

/* MS-ASEMAIL 2.2.2.43 */
enum {
	VERB_REPLY_TO_SENDER = 1,
	VERB_FORWARD = 3,
};

/* In document order, root first: the number of a FileReference. */
static struct mime_part *
part_after(struct mime_part *p)
{
	if (p->first)
		return p->first;
	while (p && !p->next)
		p = p->parent;
	return p ? p->next : NULL;
}

struct mime_part *
eas_email_part(struct mime_part *root, uint32_t number)
{
	struct mime_part *p = root;

	while (p && number-- > 0)
		p = part_after(p);
	return p;
}

uint32_t
eas_email_part_number(struct mime_part *root, const struct mime_part *part)
{
	uint32_t n = 0;

	for (struct mime_part *p = root; p && p != part; p = part_after(p))
		n++;
	return n;
}

const char *
eas_email_part_type(const struct mime_part *p, struct arena *a)
{
	return arena_printf(a, "%.*s/%.*s", SPAN_FMT(p->type), SPAN_FMT(p->subtype));
}

struct span
eas_email_part_name(const struct mime_part *p, uint32_t number, struct arena *a)
{
	struct span name = mime_part_filename(p, a);
	const char *ext = "dat";

	if (name.n > 0)
		return name;
	if (mime_is(p, "message", "rfc822")) {
		if (p->first && p->first->envelope)
			name = mime_decode_header(p->first->envelope->subject, a);
		if (name.n > 0)
			return span_str(arena_printf(a, "%.*s.eml", SPAN_FMT(name)));
		ext = "eml";
	} else if (span_is(p->type, "text")) {
		ext = span_is(p->subtype, "html")       ? "html"
		      : span_is(p->subtype, "calendar") ? "ics"
		                                        : "txt";
	} else if (span_is(p->type, "image")) {
		return span_str(
			arena_printf(a, "image-%u.%.*s", number, SPAN_FMT(p->subtype)));
	}
	return span_str(arena_printf(a, "attachment-%u.%s", number, ext));
}

static struct span
without_angles(struct span id)
{
	id = span_trim(id);
	if (id.n >= 2 && id.p[0] == '<' && id.p[id.n - 1] == '>')
		return span_sub(id, 1, id.n - 1);
	return id;
}

/* The calendar of an invitation is shown as the meeting that it is. */
static const struct mime_part *
hidden_part(const struct eas_message *m)
{
	static const enum itip_method shown[] = { ITIP_REQUEST, ITIP_CANCEL, ITIP_REPLY,
		                                  ITIP_COUNTER };
	const struct mime_part *p = itip_part(m->root);
	struct span method = p ? mime_param_get(p->params, "method") : SPAN("");

	for (size_t i = 0; i < ARRAY_LEN(shown); i++) {
		if (span_iis(method, itip_method_str(shown[i])) &&
		    !span_is(p->disposition, "attachment"))
			return p;
	}
	return NULL;
}

void
eas_email_write_attachments(struct eas_call *c, const struct eas_message *m,
                            struct arena *a, struct wbxml_writer *w)
{
	const struct mime_part *hidden = hidden_part(m);
	char ref[EAS_ID_SIZE];

	if (m->view.n_attachments == 0 ||
	    (m->view.n_attachments == 1 && m->view.attachments[0] == hidden))
		return;
	wbxml_start(w, WBXML_AIRSYNCBASE_ATTACHMENTS);
	for (size_t i = 0; i < m->view.n_attachments; i++) {
		const struct mime_part *p = m->view.attachments[i];
		struct eas_id id = { m->item->collection, m->item->uid,
			             eas_email_part_number(m->root, p) };
		bool b64 = span_is(p->encoding, "base64");

		if (p == hidden)
			continue;
		wbxml_start(w, WBXML_AIRSYNCBASE_ATTACHMENT);
		wbxml_text(w, WBXML_AIRSYNCBASE_DISPLAYNAME,
		           eas_email_part_name(p, id.part, a));
		wbxml_str(w, WBXML_AIRSYNCBASE_FILEREFERENCE, eas_id_str(id, 3, ref));
		/* 2.2.2.31: 1 a file, 5 an embedded message */
		wbxml_u64(w, WBXML_AIRSYNCBASE_METHOD,
		          mime_is(p, "message", "rfc822") ? 5 : 1);
		wbxml_u64(w, WBXML_AIRSYNCBASE_ESTIMATEDDATASIZE,
		          b64 ? p->body_len / 78 * 57 + p->body_len % 78 * 3 / 4
		              : p->body_len);
		if (p->id.p && p->id.n > 0)
			wbxml_text(w, WBXML_AIRSYNCBASE_CONTENTID, without_angles(p->id));
		if (p->location.p && p->location.n > 0)
			wbxml_text(w, WBXML_AIRSYNCBASE_CONTENTLOCATION, p->location);
		if (span_is(p->disposition, "inline") && p->id.p)
			wbxml_u64(w, WBXML_AIRSYNCBASE_ISINLINE, 1);
		wbxml_end(w);
	}
	wbxml_end(w);
	(void)c;
}

/* 2.2.2.38: 0 low, 1 normal, 2 high */
unsigned
eas_email_importance(const struct eas_message *m, struct arena *a)
{
	struct span v = mime_header_get(m->header, "Importance", a);

	if (span_iis(v, "high"))
		return 2;
	if (span_iis(v, "low"))
		return 0;
	v = mime_header_get(m->header, "X-Priority", a);
	if (v.n > 0 && (v.p[0] == '1' || v.p[0] == '2'))
		return 2;
	if (v.n > 0 && (v.p[0] == '4' || v.p[0] == '5'))
		return 0;
	return 1;
}

/* 2.2.2.49 */
static const char *
message_class(const struct eas_message *m)
{
	const struct mime_part *r = m->root;

	if (mime_is(r, "multipart", "report")) {
		struct span kind = mime_param_get(r->params, "report-type");

		if (span_iis(kind, "delivery-status"))
			return "REPORT.IPM.Note.NDR";
		if (span_iis(kind, "disposition-notification"))
			return "REPORT.IPM.Note.IPNRN";
	}
	if (mime_is(r, "application", "pkcs7-mime") ||
	    mime_is(r, "application", "x-pkcs7-mime"))
		return "IPM.Note.SMIME";
	if (mime_is(r, "multipart", "signed"))
		return "IPM.Note.SMIME.MultipartSigned";
	return "IPM.Note";
}

void
eas_email_conversation(const struct mime_envelope *e, struct arena *a, uint8_t ret[16])
{
	mime_conversation_id(e, a, ret);
}

/* 2.2.2.21: the same 16 bytes for all messages of a conversation. */
static void
write_conversation(const struct eas_message *m, struct arena *a, struct wbxml_writer *w)
{
	uint8_t id[MIME_CONVERSATION_SIZE];

	mime_conversation_id(m->root->envelope, a, id);
	wbxml_start(w, WBXML_EMAIL2_CONVERSATIONID);
	wbxml_opaque(w, span_of((const char *)id, sizeof(id)));
	wbxml_end(w);
}

static const struct flag_field {
	const char *name;
	wbxml_tag tag;
} flag_fields[] = {
	{ "flag.subject", WBXML_TASKS_SUBJECT },
	{ "flag.complete", WBXML_EMAIL_COMPLETETIME },
	{ "flag.date_completed", WBXML_TASKS_DATECOMPLETED },
	{ "flag.due", WBXML_TASKS_DUEDATE },
	{ "flag.utc_due", WBXML_TASKS_UTCDUEDATE },
	{ "flag.start", WBXML_TASKS_STARTDATE },
	{ "flag.utc_start", WBXML_TASKS_UTCSTARTDATE },
	{ "flag.reminder_set", WBXML_TASKS_REMINDERSET },
	{ "flag.reminder", WBXML_TASKS_REMINDERTIME },
	{ "flag.ordinal", WBXML_TASKS_ORDINALDATE },
	{ "flag.sub_ordinal", WBXML_TASKS_SUBORDINALDATE },
};

/*
 * 2.2.2.34. IMAP's \Flagged is the truth about "flagged or not", the details are in
 * props: Status 2 is active, 1 complete.
 */
static void
write_flag(const struct store_item *item, struct arena *a, struct wbxml_writer *w)
{
	struct span status = eas_props_get(item->props, "flag.status", 0, a);
	struct span type = eas_props_get(item->props, "flag.type", 0, a);
	bool active = (item->flags & STORE_FLAG_FLAGGED) != 0;
	bool detailed = status.p && span_is(status, active ? "2" : "1");

	if (!active && !detailed) {
		wbxml_empty(w, WBXML_EMAIL_FLAG);
		return;
	}
	wbxml_start(w, WBXML_EMAIL_FLAG);
	wbxml_u64(w, WBXML_EMAIL_STATUS, active ? 2 : 1);
	wbxml_text(w, WBXML_EMAIL_FLAGTYPE,
	           detailed && type.n > 0 ? type : SPAN("Flag for follow up"));
	for (size_t i = 0; detailed && i < ARRAY_LEN(flag_fields); i++) {
		struct span v = eas_props_get(item->props, flag_fields[i].name, 0, a);

		if (v.p)
			wbxml_text(w, flag_fields[i].tag, v);
	}
	wbxml_end(w);
}

static void
write_categories(const struct store_item *item, struct arena *a, struct wbxml_writer *w)
{
	struct span v = eas_props_get(item->props, "category", 0, a);

	wbxml_start(w, WBXML_EMAIL_CATEGORIES);
	for (size_t i = 0; v.p; v = eas_props_get(item->props, "category", ++i, a))
		wbxml_text(w, WBXML_EMAIL_CATEGORY, v);
	wbxml_end(w);
}

static void
write_verb(const struct store_item *item, struct arena *a, struct wbxml_writer *w)
{
	struct span verb = eas_props_get(item->props, "verb", 0, a);
	struct span time = eas_props_get(item->props, "verb.time", 0, a);

	if (verb.p && (item->flags & (STORE_FLAG_ANSWERED | STORE_FLAG_FORWARDED))) {
		wbxml_text(w, WBXML_EMAIL2_LASTVERBEXECUTED, verb);
		if (time.p)
			wbxml_text(w, WBXML_EMAIL2_LASTVERBEXECUTIONTIME, time);
	} else if (item->flags & STORE_FLAG_ANSWERED) {
		wbxml_u64(w, WBXML_EMAIL2_LASTVERBEXECUTED, VERB_REPLY_TO_SENDER);
	} else if (item->flags & STORE_FLAG_FORWARDED) {
		wbxml_u64(w, WBXML_EMAIL2_LASTVERBEXECUTED, VERB_FORWARD);
	}
}

void
eas_email_write_change(struct eas_call *c, const struct store_item *item, struct arena *a,
                       struct wbxml_writer *w)
{
	wbxml_u64(w, WBXML_EMAIL_READ, (item->flags & STORE_FLAG_SEEN) != 0);
	write_flag(item, a, w);
	if (c->query.version >= 140) {
		write_categories(item, a, w);
		write_verb(item, a, w);
	}
}

/* 2.2.2.66: several are separated by semicolons, unlike those of To and Cc. */
static void
write_reply_to(const struct mime_address *list, struct arena *a, struct wbxml_writer *w)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(32768);

	for (const struct mime_address *i = list; i; i = i->next) {
		struct mime_address one = *i;
		struct span text;

		one.next = NULL;
		text = mime_addresses_str(&one, a);
		if (buf_len(&b) > 0 && text.n > 0)
			buf_add_char(&b, ';');
		buf_add_span(&b, text);
	}
	if (buf_ok(&b) && buf_len(&b) > 0)
		wbxml_text(w, WBXML_EMAIL_REPLYTO, buf_span(&b));
}

static void
write_addresses(const struct mime_envelope *e, struct arena *a, struct wbxml_writer *w)
{
	if (e->to)
		wbxml_text(w, WBXML_EMAIL_TO, mime_addresses_str(e->to, a));
	if (e->cc)
		wbxml_text(w, WBXML_EMAIL_CC, mime_addresses_str(e->cc, a));
	if (e->from)
		wbxml_text(w, WBXML_EMAIL_FROM, mime_addresses_str(e->from, a));
	write_reply_to(e->reply_to, a, w);
}

static void
write_index(const struct eas_message *m, struct arena *a, struct wbxml_writer *w)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);

	eas_thread_index(m, a, &b);
	wbxml_start(w, WBXML_EMAIL2_CONVERSATIONINDEX);
	wbxml_opaque(w, buf_span(&b));
	wbxml_end(w);
}

void
eas_email_write_thread(struct eas_call *c, struct eas_id id, struct wbxml_writer *w)
{
	AUTO(store_tx)
	struct store_tx *tx = NULL;
	struct store_item item;
	struct eas_message m;
	enum rc rc = eas_read(c, &tx);

	if (rc == RC_OK)
		rc = store_item_load(tx, id.collection, id.uid, c->arena, &item);
	if (rc == RC_OK)
		rc = eas_message_open(tx, &item, c->arena, &m);
	if (rc != RC_OK)
		return;
	write_conversation(&m, c->arena, w);
	write_index(&m, c->arena, w);
}

/* 2.2.2.70: Sender is told when it is not From. */
static bool
is_another_sender(const struct mime_envelope *e)
{
	if (!e->sender || !e->from)
		return e->sender != NULL;
	return e->from->next || !span_eq(e->sender->mailbox, e->from->mailbox) ||
	       !span_ieq(e->sender->host, e->from->host);
}

/* 2.2.2.29: names of the To recipients, separated by semicolons. */
static void
write_display_to(const struct mime_envelope *e, struct arena *a, struct wbxml_writer *w)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(32768);

	for (const struct mime_address *i = e->to; i; i = i->next) {
		struct span name = mime_decode_header(i->name, a);

		if (i->host.n == 0)
			continue;
		if (buf_len(&b) > 0)
			buf_add_char(&b, ';');
		if (name.n > 0)
			buf_add_span(&b, name);
		else if (span_is(i->host, MIME_NO_DOMAIN))
			buf_add_span(&b, i->mailbox);
		else
			buf_addf(&b, "%.*s@%.*s", SPAN_FMT(i->mailbox),
			         SPAN_FMT(i->host));
	}
	if (buf_ok(&b) && buf_len(&b) > 0)
		wbxml_text(w, WBXML_EMAIL_DISPLAYTO, buf_span(&b));
}

void
eas_email_write_message(struct eas_call *c, const struct eas_message *m,
                        const struct eas_body *body, int part, struct arena *a,
                        struct wbxml_writer *w)
{
	static const struct mime_envelope none;
	const struct mime_envelope *e = m->root->envelope ? m->root->envelope : &none;
	const struct store_item *item = m->item;
	struct span subject = mime_decode_header(e->subject, a);
	struct span topic = mime_thread_topic(subject);
	struct itip invite;
	bool is_meeting = eas_invite_load(m, a, &invite) == RC_OK;
	bool is_sms = eas_sms_is(item);
	char time[32];

	if (is_sms)
		eas_sms_write_addresses(m->header, a, w);
	else
		write_addresses(e, a, w);
	wbxml_text(w, WBXML_EMAIL_SUBJECT, subject);
	wbxml_str(w, WBXML_EMAIL_DATERECEIVED,
	          clock_iso8601(item->received_ms, time, sizeof(time)));
	write_display_to(e, a, w);
	wbxml_text(w, WBXML_EMAIL_THREADTOPIC, topic);
	wbxml_u64(w, WBXML_EMAIL_IMPORTANCE, eas_email_importance(m, a));
	wbxml_u64(w, WBXML_EMAIL_READ, (item->flags & STORE_FLAG_SEEN) != 0);
	eas_email_write_attachments(c, m, a, w);
	eas_body_write(w, body, part);
	wbxml_str(w, WBXML_EMAIL_MESSAGECLASS,
	          is_meeting ? eas_invite_class(&invite)
	          : is_sms   ? EAS_SMS_CLASS
	                     : message_class(m));
	if (is_meeting)
		eas_invite_write(c, m->tx, &invite, a, w);
	wbxml_u64(w, WBXML_EMAIL_INTERNETCPID, 65001); /* texts are UTF-8 here */
	write_flag(item, a, w);
	wbxml_str(w, WBXML_EMAIL_CONTENTCLASS,
	          is_meeting ? "urn:content-classes:calendarmessage"
	                     : "urn:content-classes:message");
	wbxml_u64(w, WBXML_AIRSYNCBASE_NATIVEBODYTYPE, eas_body_native(m));
	if (c->query.version >= 140) {
		write_conversation(m, a, w);
		write_index(m, a, w);
		write_verb(item, a, w);
		write_categories(item, a, w);
		if (is_another_sender(e))
			wbxml_text(w, WBXML_EMAIL2_SENDER,
			           mime_addresses_str(e->sender, a));
	}
	if (c->query.version >= 160) {
		wbxml_u64(w, WBXML_EMAIL2_ISDRAFT, (item->flags & STORE_FLAG_DRAFT) != 0);
		if (e->bcc && (item->flags & STORE_FLAG_DRAFT))
			wbxml_text(w, WBXML_EMAIL2_BCC, mime_addresses_str(e->bcc, a));
	}
}

enum rc
eas_email_write(struct eas_call *c, struct store_tx *tx, const struct store_item *item,
                const struct eas_options *o, size_t limit, struct arena *a,
                struct wbxml_writer *w)
{
	struct eas_message m;
	struct eas_body body;
	enum rc rc;

	rc = eas_message_open(tx, item, a, &m);
	if (rc == RC_OK)
		rc = eas_body_make(&m, o, c->query.version, limit, a, &body);
	if (rc != RC_OK)
		return rc;
	eas_email_write_message(c, &m, &body, -1, a, w);
	eas_body_done(&body);
	return eas_body_part_write(&m, o, c->query.version, limit, w);
}

/* 2.2.2.31, .72, .86, .87: all four or none of them, and no end before its start. */
static bool
dates_fit(const struct wbxml_node *flag)
{
	static const wbxml_tag tags[] = { WBXML_TASKS_STARTDATE, WBXML_TASKS_DUEDATE,
		                          WBXML_TASKS_UTCSTARTDATE,
		                          WBXML_TASKS_UTCDUEDATE };
	int64_t at[ARRAY_LEN(tags)];
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_LEN(tags); i++) {
		struct span text = wbxml_child_text(flag, tags[i]);

		if (text.n == 0)
			continue;
		if (eas_time_parse(text, &at[i]) != RC_OK)
			return false;
		n++;
	}
	return n == 0 || (n == ARRAY_LEN(tags) && at[0] <= at[1] && at[2] <= at[3]);
}

/* 2.2.2.62: a reminder has its time. */
static bool
reminder_fits(const struct wbxml_node *flag)
{
	struct span set = wbxml_child_text(flag, WBXML_TASKS_REMINDERSET);
	struct span time = wbxml_child_text(flag, WBXML_TASKS_REMINDERTIME);
	int64_t at;

	if (set.n > 0 && !span_is(set, "0") && !span_is(set, "1"))
		return false;
	if (time.n > 0 && eas_time_parse(time, &at) != RC_OK)
		return false;
	return !span_is(set, "1") || time.n > 0;
}

/* 2.2.2.19: who is complete has both times; one that the client leaves out is made. */
static void
complete_flag(const struct wbxml_node *flag, bool done, struct buf *props)
{
	struct span time = wbxml_child_text(flag, WBXML_EMAIL_COMPLETETIME);
	struct span date = wbxml_child_text(flag, WBXML_TASKS_DATECOMPLETED);
	char now[EAS_TIME_SIZE];

	if (!done && time.n == 0)
		return;
	if (time.n == 0) {
		time = date.n > 0 ? date
		                  : span_str(eas_time_iso(clock_wall_ms() / 1000, now));
		eas_props_add(props, "flag.complete", time);
	}
	if (date.n == 0)
		eas_props_add(props, "flag.date_completed", time);
}

/* The follow-up flag of the client into props; an empty element clears it (iOS). */
static enum rc
read_flag(const struct wbxml_node *flag, struct store_item_change *ch, struct buf *props)
{
	struct span status = wbxml_child_text(flag, WBXML_EMAIL_STATUS);
	struct span type = wbxml_child_text(flag, WBXML_EMAIL_FLAGTYPE);

	if (status.n == 0 || span_is(status, "0")) {
		ch->flags_off |= STORE_FLAG_FLAGGED;
		return RC_OK;
	}
	if ((!span_is(status, "1") && !span_is(status, "2")) || !dates_fit(flag) ||
	    !reminder_fits(flag))
		return RC_INVALID;
	if (span_is(status, "2"))
		ch->flags_on |= STORE_FLAG_FLAGGED;
	else
		ch->flags_off |= STORE_FLAG_FLAGGED;
	eas_props_add(props, "flag.status", status);
	if (type.n > 0)
		eas_props_add(props, "flag.type", type);
	for (size_t i = 0; i < ARRAY_LEN(flag_fields); i++) {
		const struct wbxml_node *n = wbxml_child(flag, flag_fields[i].tag);

		if (n && n->text.n > 0)
			eas_props_add(props, flag_fields[i].name, n->text);
	}
	complete_flag(flag, span_is(status, "1"), props);
	return RC_OK;
}

/* What a client may not say: 2.2.2.21, .58, .70, .82, .85. */
static bool
is_the_servers(const struct wbxml_node *data)
{
	static const wbxml_tag tags[] = { WBXML_EMAIL2_CONVERSATIONID,
		                          WBXML_EMAIL2_RECEIVEDASBCC, WBXML_EMAIL2_SENDER,
		                          WBXML_EMAIL2_UMCALLERID,
		                          WBXML_EMAIL2_UMUSERNOTES };

	for (size_t i = 0; i < ARRAY_LEN(tags); i++) {
		if (wbxml_child(data, tags[i]))
			return true;
	}
	return false;
}

enum rc
eas_email_read_change(const struct wbxml_node *data, const struct store_item *item,
                      struct arena *a, struct store_item_change *ret)
{
	AUTO_DONE(buf) struct buf kept = BUF_INIT(65536);
	AUTO_DONE(buf) struct buf props = BUF_INIT(65536);
	const struct wbxml_node *flag = wbxml_child(data, WBXML_EMAIL_FLAG);
	const struct wbxml_node *categories = wbxml_child(data, WBXML_EMAIL_CATEGORIES);
	const struct wbxml_node *read = wbxml_child(data, WBXML_EMAIL_READ);
	struct store_item_change ch = { 0 };
	enum rc rc = RC_OK;

	if (!(item->flags & STORE_FLAG_DRAFT) && is_the_servers(data))
		return RC_INVALID;
	if (read && span_is(read->text, "1"))
		ch.flags_on |= STORE_FLAG_SEEN;
	else if (read && span_is(read->text, "0"))
		ch.flags_off |= STORE_FLAG_SEEN;
	else if (read)
		return RC_INVALID;
	if (flag || categories) {
		ch.set_props = true;
		eas_props_copy_without(&kept, item->props, flag ? "flag." : "\n");
		eas_props_copy_without(&props, buf_span(&kept),
		                       categories ? "category=" : "\n");
		if (flag)
			rc = read_flag(flag, &ch, &props);
		for (const struct wbxml_node *n =
		             wbxml_child(categories, WBXML_EMAIL_CATEGORY);
		     n; n = wbxml_next(n, WBXML_EMAIL_CATEGORY))
			eas_props_add(&props, "category", n->text);
		if (rc == RC_OK && (!buf_ok(&props) || !buf_ok(&kept)))
			rc = RC_TOO_BIG;
		ch.props = arena_span(a, buf_span(&props));
	}
	if (rc == RC_OK)
		*ret = ch;
	return rc;
}

/* Of received mail only its marks change; a draft comes whole. */
static enum rc
write_changed(struct eas_call *c, struct store_tx *tx, const struct store_item *item,
              const struct eas_options *o, size_t limit, struct arena *a,
              struct wbxml_writer *w)
{
	if (item->flags & STORE_FLAG_DRAFT)
		return eas_email_write(c, tx, item, o, limit, a, w);
	eas_email_write_change(c, item, a, w);
	return RC_OK;
}

const struct eas_class eas_class_email = {
	.class = STORE_CLASS_MAIL,
	.name = "Email",
	.filters = 0x3f, /* 0 to 5 */
	.user_type = 12,
	.write = eas_email_write,
	.write_change = write_changed,
};
