/* SPDX-License-Identifier: ISC
 *
 * eas_respond.c - MeetingResponse: [MS-ASCMD] 2.2.1.11, [RFC 5546] 3.2.3, 3.2.7.
 *
 * An answer changes the user's event, takes the request out of the inbox and, from 16.0
 * on, goes to the organizer when the device asks for that (before, devices send it
 * themselves). What a device answers to a proposal that somebody made to its user is
 * eas_counter.h's. The row "answered" holds, for each thing that was answered, the last
 * request and what came of it: a device that lost the answer asks again when the request
 * has left the inbox already.
 */
#include "activesync/eas_calendar.h"
#include "activesync/eas_counter.h"
#include "activesync/eas_id.h"
#include "activesync/eas_invite.h"
#include "activesync/eas_meeting.h"
#include "activesync/eas_pack.h"
#include "activesync/eas_send.h"
#include "base/clock.h"
#include "base/encode.h"
#include "store/store_cursor.h"
#include "store/store_invite.h"

#define ROW "answered"
#define KEPT 64
#define TRIES 3
#define REQUESTS_MAX 100
#define WHOLE INT64_MIN

struct answer {
	struct eas_call *c;
	const struct wbxml_node *node;
	uint64_t what;  /* that is answered */
	uint64_t print; /* of the request */

	/* The request. */
	struct eas_id id;
	unsigned response; /* 1 accepted, 2 tentative, 3 declined */
	int64_t instance;  /* UTC, or WHOLE */
	const struct wbxml_node *send;
	int64_t proposed_start;
	int64_t proposed_end; /* 0: no other time */

	/* What it is about. */
	bool is_mail;
	struct store_item source;
	bool has_stored;
	struct store_item stored;
	struct pim_event *event; /* as it was; to be answered */
	struct pim_event *after; /* as it becomes; NULL: it goes */
	bool is_counter;         /* it is the user's own, and another proposed a time */
	struct eas_edit_mail *mail; /* of such an answer */
	int64_t about;              /* the instance that is answered, or WHOLE */

	/* Of the answer. */
	unsigned status;
	struct eas_id calendar; /* 0: none */
};

static uint64_t
short_hash(struct span s)
{
	struct sha256 h;
	uint64_t v;

	sha256_of(s, &h);
	memcpy(&v, h.b, sizeof(v));
	return v;
}

/* --- the request --- */

static unsigned
take_proposal(struct answer *r)
{
	struct span start =
		wbxml_child_text(r->send, WBXML_MEETINGRESPONSE_PROPOSEDSTARTTIME);
	struct span end =
		wbxml_child_text(r->send, WBXML_MEETINGRESPONSE_PROPOSEDENDTIME);

	if (start.n == 0 && end.n == 0)
		return EAS_STATUS_OK;
	if (r->c->query.version < 161 || eas_time_parse(start, &r->proposed_start) ||
	    eas_time_parse(end, &r->proposed_end) || r->proposed_end == 0 ||
	    r->proposed_end < r->proposed_start)
		return EAS_MEETING_INVALID;
	return EAS_STATUS_OK;
}

/* 2.2.3.150.2: RequestId with CollectionId, or LongId */
static enum rc
take_id(struct answer *r)
{
	struct span id = wbxml_child_text(r->node, WBXML_MEETINGRESPONSE_REQUESTID);
	struct span folder =
		wbxml_child_text(r->node, WBXML_MEETINGRESPONSE_COLLECTIONID);
	struct eas_id in;
	enum rc rc;

	if (id.n == 0)
		return eas_long_id_parse(wbxml_child_text(r->node, WBXML_SEARCH_LONGID),
		                         &r->id);
	rc = eas_id_parse(id, 2, &r->id);
	if (rc == RC_OK && folder.n > 0 &&
	    (eas_id_parse(folder, 1, &in) != RC_OK || in.collection != r->id.collection))
		rc = RC_INVALID;
	return rc;
}

static unsigned
take_request(struct answer *r)
{
	const struct wbxml_node *n = r->node;
	const struct wbxml_node *instance =
		wbxml_child(n, WBXML_MEETINGRESPONSE_INSTANCEID);
	uint32_t response;

	r->instance = WHOLE;
	if (wbxml_child_u32(n, WBXML_MEETINGRESPONSE_USERRESPONSE, 3, &response) !=
	            RC_OK ||
	    response == 0 || take_id(r) != RC_OK)
		return EAS_MEETING_INVALID;
	r->response = response;
	/* 2.2.3.92.1: not before 14.1 */
	if (instance && (r->c->query.version < 141 || instance->text.n == 0))
		return EAS_MEETING_INVALID;
	if (instance && eas_time_parse(instance->text, &r->instance) != RC_OK)
		return EAS_STATUS_INVALID_TIME;
	if (r->c->query.version >= 160)
		r->send = wbxml_child(n, WBXML_MEETINGRESPONSE_SENDRESPONSE);
	return take_proposal(r);
}

/* --- the last answers --- */

static enum rc
load_row(struct answer *r, struct store_tx *tx, struct store_cursor *ret)
{
	enum rc rc = store_cursor_load(tx, r->c->device.number, ROW, r->c->arena, ret);

	if (rc != RC_NOT_FOUND)
		return rc;
	*ret = (struct store_cursor){ .key = 1, .state = SPAN("") };
	ret->prev_state = ret->answer = ret->twin_state = SPAN("");
	return RC_OK;
}

/* Was this the last that the device said of it? */
static bool
recall(struct answer *r, struct span state)
{
	struct eas_unpack u = { .rest = state };

	while (u.rest.n > 0 && !u.failed) {
		uint64_t what = eas_unpack_u64(&u);
		uint64_t print = eas_unpack_u64(&u);
		struct eas_id id = { .collection = eas_unpack_u32(&u) };

		id.uid = eas_unpack_u32(&u);
		if (u.failed || what != r->what)
			continue;
		if (print != r->print)
			return false;
		r->calendar = id;
		return true;
	}
	return false;
}

static enum rc
remember(struct answer *r, struct store_tx *tx)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(8192);
	struct store_cursor row;
	struct eas_unpack u;
	enum rc rc = load_row(r, tx, &row);

	if (rc != RC_OK)
		return rc;
	eas_pack_u64(&b, r->what);
	eas_pack_u64(&b, r->print);
	eas_pack_u64(&b, r->calendar.collection);
	eas_pack_u64(&b, r->calendar.uid);
	u = (struct eas_unpack){ .rest = row.state };
	for (int i = 1; i < KEPT && u.rest.n > 0 && !u.failed; i++) {
		uint64_t v[4];

		for (size_t k = 0; k < ARRAY_LEN(v); k++)
			v[k] = eas_unpack_u64(&u);
		for (size_t k = 0; k < ARRAY_LEN(v) && !u.failed && v[0] != r->what; k++)
			eas_pack_u64(&b, v[k]);
	}
	row.state = arena_span(r->c->arena, buf_span(&b));
	return store_cursor_save(tx, r->c->device.number, ROW, &row);
}

/* --- what it is about --- */

static bool
is_own(struct answer *r, const struct pim_event *e)
{
	return eas_calendar_is_own(e, r->c->user.address);
}

static bool
is_of(const struct pim_event *e, const char *organizer)
{
	return e->organizer_email && organizer &&
	       span_ieq(span_str(e->organizer_email), span_str(organizer));
}

static int64_t
instance_of(const struct pim_event *e, const struct pim_event *series)
{
	if (e->recurrence_id.kind == PIM_TIME_NONE)
		return WHOLE;
	return pim_time_utc(&e->recurrence_id, pim_event_zone(series));
}

/* A mail in any folder: what it asks, upon what the calendar has of it. */
static unsigned
take_mail(struct answer *r, struct store_tx *tx, enum rc *rc)
{
	struct arena *a = r->c->arena;
	struct pim_event *stored = NULL, *e;
	struct eas_message m;
	struct itip in;

	*rc = eas_message_open(tx, &r->source, a, &m);
	if (*rc == RC_OK)
		*rc = eas_invite_load(&m, a, &in);
	if (*rc != RC_OK)
		return *rc == RC_NOT_FOUND ? EAS_MEETING_INVALID : EAS_STATUS_OK;
	*rc = store_invite_find(tx, in.event->uid, a, &r->stored, &stored);
	r->has_stored = *rc == RC_OK;
	if (*rc != RC_OK && *rc != RC_NOT_FOUND)
		return EAS_STATUS_OK;
	*rc = RC_OK;
	if (in.method == ITIP_COUNTER && stored && r->instance == WHOLE) {
		r->is_counter = true;
		r->event = stored;
		r->mail = NULL;
		return eas_counter_answer(r->c,
		                          &(struct eas_counter){
						  .stored = stored,
						  .in = &in,
						  .response = r->response,
						  .send = r->send,
					  },
		                          &r->after, &r->mail);
	}
	/* An InstanceId is for what is in the calendar (2.2.3.177.9). */
	if (in.method != ITIP_REQUEST || is_own(r, in.event) || r->instance != WHOLE ||
	    (stored && !is_of(stored, in.event->organizer_email)))
		return EAS_MEETING_INVALID;
	if (itip_apply_request(stored, &in, pim_event_zone(stored ? stored : in.event), a,
	                       &e) != RC_OK)
		e = stored; /* it is as new, or newer */
	if (!e)
		return EAS_MEETING_INVALID;
	r->event = e;
	r->about = instance_of(in.event, e);
	return EAS_STATUS_OK;
}

static unsigned
take_event(struct answer *r, struct store_tx *tx, enum rc *rc)
{
	struct span text;

	*rc = eas_pim_load(tx, &r->source, r->c->arena, &text);
	if (*rc == RC_OK && pim_event_parse(text, r->c->arena, &r->event) != RC_OK)
		return EAS_MEETING_INVALID;
	if (*rc != RC_OK)
		return EAS_STATUS_OK;
	r->stored = r->source;
	r->has_stored = true;
	r->about = r->instance;
	if (!r->event->organizer_email || is_own(r, r->event))
		return EAS_MEETING_INVALID;
	if (r->instance == WHOLE)
		return EAS_STATUS_OK;
	if (!r->event->recur)
		return EAS_STATUS_NOT_RECURRING;
	if (!eas_calendar_has_instance(r->event, r->instance, r->c->arena))
		return EAS_MEETING_INVALID;
	return EAS_STATUS_OK;
}

/* --- the answer --- */

static void
set_answer(struct answer *r, struct pim_event *e, const char *who)
{
	static const struct {
		enum pim_response response;
		enum pim_partstat partstat;
	} as[] = {
		{ PIM_RESPONSE_ACCEPTED, PIM_PARTSTAT_ACCEPTED },
		{ PIM_RESPONSE_TENTATIVE, PIM_PARTSTAT_TENTATIVE },
		{ PIM_RESPONSE_DECLINED, PIM_PARTSTAT_DECLINED },
	};
	struct pim_attendee *self = pim_event_attendee(e, who);

	e->response = as[r->response - 1].response;
	e->reply_time = pim_time_of(clock_wall_ms() / 1000, NULL);
	e->meeting |= PIM_MEETING | PIM_MEETING_RECEIVED;
	if (r->response == 1)
		e->busy = e->intended;
	else if (e->intended != PIM_BUSY_FREE)
		e->busy = PIM_BUSY_TENTATIVE;
	if (self)
		self->partstat = as[r->response - 1].partstat;
}

/* r->after from r->event. */
static unsigned
make_after(struct answer *r, const char *who)
{
	const struct tzone *zone = pim_event_zone(r->event);
	struct pim_event *e = pim_event_copy(r->event, r->c->arena), *target = e;
	bool is_part = r->about != WHOLE && e->recurrence_id.kind == PIM_TIME_NONE;

	r->after = e;
	if (is_part && r->response == 3) {
		if (pim_event_instance_delete(e, r->about, zone, r->c->arena) != RC_OK)
			return EAS_MEETING_INVALID;
		return EAS_STATUS_OK;
	}
	if (is_part)
		target = pim_event_exception_add(e, r->about, zone, r->c->arena);
	if (target->meeting & PIM_MEETING_CANCELLED)
		return EAS_MEETING_INVALID;
	set_answer(r, target, who);
	for (struct pim_event *x = is_part ? NULL : e->exceptions; x; x = x->next) {
		if (!(x->meeting & PIM_MEETING_CANCELLED))
			set_answer(r, x, who);
	}
	if (!is_part && r->response == 3)
		r->after = NULL;
	return EAS_STATUS_OK;
}

static enum rc
send_answer(struct answer *r, const char *who)
{
	static const char *const words[] = { "Accepted", "Tentative", "Declined" };
	static const enum pim_partstat states[] = { PIM_PARTSTAT_ACCEPTED,
		                                    PIM_PARTSTAT_TENTATIVE,
		                                    PIM_PARTSTAT_DECLINED };
	struct arena *a = r->c->arena;
	const struct tzone *zone = pim_event_zone(r->event);
	struct itip_spec spec = {
		.method = r->proposed_end != 0 ? ITIP_COUNTER : ITIP_REPLY,
		.event = r->event,
		.instance = r->about,
		.zone = zone,
		.attendee_email = who,
		.attendee_name = arena_strndup(a, r->c->user.name),
		.sent_by = arena_strndup(a, r->c->user.address),
		.partstat = states[r->response - 1],
		.comment = eas_meeting_comment(
			r->c, wbxml_child(r->send, WBXML_AIRSYNCBASE_BODY)),
		.now = clock_wall_ms() / 1000,
	};
	struct eas_send q = { .save = true };
	const char *word =
		r->proposed_end != 0 ? "New Time Proposed" : words[r->response - 1];
	char *name;
	enum rc rc;

	if (r->proposed_end != 0) {
		spec.proposed_start = pim_time_of(r->proposed_start, zone);
		spec.proposed_end = pim_time_of(r->proposed_end, zone);
	}
	rc = eas_meeting_message(
		r->c, &spec, span_str(arena_printf(a, "<%s>", r->event->organizer_email)),
		span_str(arena_printf(a, "%s: %s", word,
	                              r->event->subject ? r->event->subject : "")),
		&q.message);
	if (rc != RC_OK)
		return rc;
	/* The same answer to the same state of the event goes out once. */
	name = arena_printf(a, "answer:%016llx:%016llx:%llu", (unsigned long long)r->what,
	                    (unsigned long long)r->print,
	                    (unsigned long long)(r->has_stored ? r->stored.modseq : 0));
	q.client_id = q.fingerprint = span_str(name);
	rc = eas_send_once(r->c, &q);
	if (rc == RC_INVALID || rc == RC_DENIED || rc == RC_TOO_BIG || rc == RC_EXISTS) {
		log_warn(r->c->log, "eas.respond not sent", "rc=%s",
		         LOG_STR(span_str(rc_str(rc))));
		rc = RC_OK; /* the calendar is right, whoever hears of it */
	}
	return rc;
}

/* What the organizer's answer to a proposal sends, once. */
static enum rc
send_mail(struct answer *r)
{
	unsigned i = 0;
	enum rc rc = RC_OK;

	for (const struct eas_edit_mail *m = r->mail; m && rc == RC_OK; m = m->next) {
		struct eas_send q = { .message = m->message, .save = true };

		q.client_id = q.fingerprint = span_str(arena_printf(
			r->c->arena, "counter:%016llx:%016llx:%llu:%u",
			(unsigned long long)r->what, (unsigned long long)r->print,
			(unsigned long long)r->stored.modseq, i++));
		rc = eas_send_once(r->c, &q);
		if (rc == RC_INVALID || rc == RC_DENIED || rc == RC_TOO_BIG ||
		    rc == RC_EXISTS)
			rc = RC_OK; /* as send_answer() */
	}
	return rc;
}

static enum rc
write_event(struct answer *r, struct store_tx *tx)
{
	struct store_item now, saved;
	struct pim_event *e;
	enum rc rc;

	if (r->has_stored)
		rc = store_item_load(tx, r->stored.collection, r->stored.uid, r->c->arena,
		                     &now);
	else
		rc = store_invite_find(tx, r->event->uid, r->c->arena, &now, &e);
	if (rc != RC_OK && rc != RC_NOT_FOUND)
		return rc;
	if ((rc == RC_OK) != r->has_stored ||
	    (r->has_stored && now.modseq != r->stored.modseq))
		return RC_CONFLICT; /* somebody was faster: look again */
	if (!r->after)
		return r->has_stored ? store_item_expunge(tx, now.collection, now.uid)
		                     : RC_OK;
	rc = store_invite_save(tx, r->has_stored ? &now : NULL, r->after, &saved);
	if (rc == RC_OK && r->response != 3)
		r->calendar = (struct eas_id){ saved.collection, saved.uid, 0 };
	return rc;
}

/* What is answered is done with. Clients expect it in the trash. */
static enum rc
drop_mail(struct answer *r, struct store_tx *tx)
{
	struct store_collection trash;
	uint32_t uid;
	enum rc rc =
		store_collection_find_role(tx, STORE_ROLE_TRASH, r->c->arena, &trash);

	if (rc == RC_OK && trash.id != r->source.collection)
		rc = store_item_move(tx, r->source.collection, r->source.uid, trash.id,
		                     &uid);
	return rc == RC_NOT_FOUND ? RC_OK : rc;
}

/* Written as nobody: the device is to see all of it. */
static enum rc
commit_answer(struct answer *r)
{
	AUTO(store_tx)
	struct store_tx *tx = NULL;
	enum rc rc = eas_write(r->c, false, &tx);

	r->calendar = (struct eas_id){ 0 };
	if (rc == RC_OK)
		rc = write_event(r, tx);
	if (rc == RC_OK && r->is_mail)
		rc = drop_mail(r, tx);
	if (rc == RC_OK)
		rc = remember(r, tx);
	return rc == RC_OK ? store_commit(&tx) : rc;
}

/* RC_OK with r->status; or RC_EXISTS: it was answered before. */
static enum rc
look(struct answer *r)
{
	AUTO(store_tx)
	struct store_tx *tx = NULL;
	struct store_collection folder;
	struct store_cursor row;
	enum rc rc = eas_read(r->c, &tx);

	if (rc == RC_OK)
		rc = load_row(r, tx, &row);
	if (rc == RC_OK && recall(r, row.state))
		return RC_EXISTS;
	if (rc == RC_OK)
		rc = store_collection_load(tx, r->id.collection, r->c->arena, &folder);
	if (rc == RC_OK)
		rc = store_item_load(tx, r->id.collection, r->id.uid, r->c->arena,
		                     &r->source);
	if (rc == RC_NOT_FOUND)
		r->status = EAS_MEETING_INVALID;
	if (rc != RC_OK)
		return rc == RC_NOT_FOUND ? RC_OK : rc;
	r->is_mail = folder.class == STORE_CLASS_MAIL;
	if (r->is_mail)
		r->status = take_mail(r, tx, &rc);
	else if (folder.class == STORE_CLASS_CALENDAR)
		r->status = take_event(r, tx, &rc);
	else
		r->status = EAS_MEETING_INVALID;
	return r->status == EAS_STATUS_OK ? rc : RC_OK;
}

static enum rc
respond(struct answer *r)
{
	bool is_sent = false;
	enum rc rc = RC_CONFLICT;

	for (int i = 0; i < TRIES && rc == RC_CONFLICT; i++) {
		const char *who;

		rc = look(r);
		if (rc == RC_EXISTS) {
			log_info(r->c->log, "eas.respond repeated", "id=%u:%u",
			         r->id.collection, r->id.uid);
			return RC_OK;
		}
		if (rc != RC_OK || r->status != EAS_STATUS_OK)
			return rc;
		if (r->proposed_end != 0 && r->event->disallow_new_time)
			r->status = EAS_MEETING_INVALID;
		who = eas_meeting_invited_as(r->c, r->event);
		if (r->status == EAS_STATUS_OK && !r->is_counter)
			r->status = make_after(r, who);
		if (r->status != EAS_STATUS_OK)
			return RC_OK;
		if (r->is_counter)
			rc = send_mail(r);
		else if (r->send && !is_sent)
			rc = send_answer(r, who);
		is_sent = true;
		if (rc == RC_OK)
			rc = commit_answer(r);
	}
	return rc == RC_CONFLICT ? RC_AGAIN : rc;
}

static void
write_result(struct answer *r, struct wbxml_writer *w)
{
	const struct wbxml_node *id =
		wbxml_child(r->node, WBXML_MEETINGRESPONSE_REQUESTID);
	const struct wbxml_node *instance =
		wbxml_child(r->node, WBXML_MEETINGRESPONSE_INSTANCEID);
	char text[EAS_ID_SIZE];

	wbxml_start(w, WBXML_MEETINGRESPONSE_RESULT);
	if (id)
		wbxml_text(w, WBXML_MEETINGRESPONSE_REQUESTID, id->text);
	wbxml_u64(w, WBXML_MEETINGRESPONSE_STATUS, r->status);
	if (r->status == EAS_STATUS_OK && r->calendar.uid != 0)
		wbxml_str(w, WBXML_MEETINGRESPONSE_CALENDARID,
		          eas_id_str(r->calendar, 2, text));
	if (instance && r->c->query.version >= 160)
		wbxml_text(w, WBXML_MEETINGRESPONSE_INSTANCEID, instance->text);
	wbxml_end(w);
}

/* RC_AGAIN: none of the answer counts, the device is to come again. */
static enum rc
answer_one(struct eas_call *c, const struct wbxml_node *n, struct wbxml_writer *w)
{
	AUTO_DONE(buf) struct buf print = BUF_INIT(0);
	struct answer r = { .c = c, .node = n };
	char what[EAS_ID_SIZE];
	enum rc rc = RC_OK;

	eas_pack_node(n, &print);
	r.print = short_hash(buf_span(&print));
	r.status = take_request(&r);
	if (r.status == EAS_STATUS_OK) {
		r.what = short_hash(span_str(arena_printf(c->arena, "%s %lld",
		                                          eas_id_str(r.id, 2, what),
		                                          (long long)r.instance)));
		rc = respond(&r);
	}
	if (rc == RC_AGAIN)
		return rc;
	if (rc != RC_OK)
		r.status = eas_status_from_rc(c->command, rc);
	log_info(c->log, "eas.respond", "id=%u:%u response=%u status=%u rc=%s",
	         r.id.collection, r.id.uid, r.response, r.status,
	         LOG_STR(span_str(rc_str(rc))));
	write_result(&r, w);
	return RC_OK;
}

static size_t
count_requests(const struct wbxml_node *n)
{
	size_t count = 0;

	for (; n; n = wbxml_next(n, WBXML_MEETINGRESPONSE_REQUEST))
		count++;
	return count;
}

void
eas_respond_start(struct eas_call *c)
{
	const struct wbxml_node *n = wbxml_child(c->root, WBXML_MEETINGRESPONSE_REQUEST);
	struct wbxml_writer w;
	enum rc rc = RC_OK;

	if (c->root->tag != WBXML_MEETINGRESPONSE_MEETINGRESPONSE || !n) {
		eas_answer_status(c, EAS_MEETING_INVALID);
		return;
	}
	if (count_requests(n) > REQUESTS_MAX) {
		eas_answer_status(c, EAS_STATUS_INVALID_XML);
		return;
	}
	eas_answer_begin(c, &w);
	wbxml_start(&w, WBXML_MEETINGRESPONSE_MEETINGRESPONSE);
	for (; n && rc == RC_OK; n = wbxml_next(n, WBXML_MEETINGRESPONSE_REQUEST))
		rc = answer_one(c, n, &w);
	wbxml_end(&w);
	if (rc != RC_OK)
		eas_answer_rc(c, rc);
}
