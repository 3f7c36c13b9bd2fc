/* SPDX-License-Identifier: ISC
 *
 * store_invite.c - from a mail about a meeting to the calendar: [RFC 5546] 2.1, 3.2,
 * [RFC 6047] 2.4.
 */
#include "store/store_invite.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "format/mime_text.h"
#include "store/store_private.h"

#define TEXT_MAX (2u << 20)   /* of a calendar in a mail */
#define EVENT_MAX (20u << 20) /* of an event with its files */
#define EXCEPTIONS_MAX 1000
#define ATTENDEES_MAX 5000

struct store_invite {
	struct buf text;
	struct span from; /* the one address of From; empty: none, or several */
	struct arena *a;
};

/* Is it more than anybody's series could be? Each exception is looked up among all. */
static bool
is_huge(const struct pim_event *e)
{
	size_t n = 0, people = 0;

	for (const struct pim_event *x = e->exceptions; x; x = x->next)
		n++;
	for (const struct pim_attendee *i = e->attendees; i; i = i->next)
		people++;
	return n > EXCEPTIONS_MAX || e->n_exdates > EXCEPTIONS_MAX ||
	       e->n_rdates > EXCEPTIONS_MAX || people > ATTENDEES_MAX;
}

static bool
is_for_calendar(enum itip_method m)
{
	return m == ITIP_REQUEST || m == ITIP_ADD || m == ITIP_CANCEL ||
	       m == ITIP_REPLY || m == ITIP_COUNTER || m == ITIP_REFRESH;
}

/* RFC 5322 3.6.2: one author speaks; of several nobody knows who. */
static struct span
author_of(const struct mime_part *root, struct arena *a)
{
	const struct mime_address *from = root->envelope ? root->envelope->from : NULL;

	if (!from || from->next || from->mailbox.n == 0 || from->host.n == 0 ||
	    span_is(from->host, MIME_NO_DOMAIN))
		return SPAN("");
	return span_str(arena_printf(a, "%.*s@%.*s", SPAN_FMT(from->mailbox),
	                             SPAN_FMT(from->host)));
}

struct store_invite *
store_invite_new(struct mime_part *root, struct span raw)
{
	const struct mime_part *part = itip_part(root);
	AUTO(arena)
	struct arena *a = NULL;
	AUTO_DONE(buf) struct buf text = BUF_INIT(TEXT_MAX);
	struct store_invite *in;
	struct itip itip;

	if (!part || part->body_len > TEXT_MAX * 3)
		return NULL;
	mime_decode_text(part,
	                 span_sub(raw, (size_t)part->body_at,
	                          (size_t)(part->body_at + part->body_len)),
	                 &text);
	if (!buf_ok(&text))
		return NULL;
	a = arena_new();
	if (itip_parse(buf_span(&text), a, &itip) != RC_OK ||
	    !is_for_calendar(itip.method) || is_huge(itip.event))
		return NULL;
	in = xcalloc(1, sizeof(*in));
	in->a = arena_new();
	in->from = author_of(root, in->a);
	buf_move(&in->text, &text);
	return in;
}

void
store_invite_free(struct store_invite *in)
{
	if (!in)
		return;
	buf_done(&in->text);
	arena_free(in->a);
	free(in);
}

/* --- the user's events --- */

static enum rc
load_event(struct store_tx *tx, const struct store_item *item, struct arena *a,
           struct pim_event **ret)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(EVENT_MAX);
	enum rc rc = store_content_read(tx, item->content, 0, item->size, &b);

	if (rc)
		return rc == RC_TOO_BIG ? RC_NOT_FOUND : rc;
	rc = pim_event_parse(arena_span(a, buf_span(&b)), a, ret);
	return rc ? RC_NOT_FOUND : RC_OK;
}

enum rc
store_invite_find(struct store_tx *tx, const char *uid, struct arena *a,
                  struct store_item *ret, struct pim_event **ret_event)
{
	struct span name = store_object_name(uid, a);
	struct store_collection *cols, first;
	size_t n;
	enum rc rc = store_collection_find_role(tx, STORE_ROLE_CALENDAR, a, &first);

	if (!rc)
		rc = store_item_find_object(tx, first.id, name, a, ret);
	if (rc != RC_NOT_FOUND)
		return rc ? rc : load_event(tx, ret, a, ret_event);
	rc = store_collection_list(tx, a, &cols, &n);
	if (rc)
		return rc;
	rc = RC_NOT_FOUND;
	for (size_t i = 0; i < n && rc == RC_NOT_FOUND; i++) {
		if (cols[i].class == STORE_CLASS_CALENDAR &&
		    cols[i].role != STORE_ROLE_CALENDAR)
			rc = store_item_find_object(tx, cols[i].id, name, a, ret);
	}
	return rc ? rc : load_event(tx, ret, a, ret_event);
}

enum rc
store_invite_save(struct store_tx *tx, const struct store_item *old,
                  const struct pim_event *e, struct store_item *ret)
{
	AUTO(arena)
	struct arena *a = arena_new();
	AUTO(store_content)
	struct store_content *content = NULL;
	AUTO_DONE(buf) struct buf text = BUF_INIT(EVENT_MAX);
	struct store_item_change ch = { .set_received = true, .set_object = true };
	struct store_item_new item = { .received_ms = pim_event_last_ms(e) };
	struct store_collection home;
	enum rc rc;

	pim_event_write(e, &text);
	if (!buf_ok(&text))
		return RC_TOO_BIG;
	content = content_new_inline(tx->s, buf_span(&text));
	item.object = ch.object = store_object_name(e->uid, a);
	if (old) {
		ch.content = content;
		ch.received_ms = item.received_ms;
		*ret = *old;
		return store_item_update(tx, old->collection, old->uid, &ch,
		                         &ret->modseq);
	}
	item.keywords = item.props = item.client_id = SPAN("");
	rc = store_collection_find_role(tx, STORE_ROLE_CALENDAR, a, &home);
	if (rc)
		return rc;
	*ret = (struct store_item){ .collection = home.id };
	return store_item_add(tx, home.id, content, &item, &ret->uid, &ret->modseq);
}

/* --- who may do what --- */

static bool
is_address(const char *email, struct span address)
{
	return email && address.n > 0 && span_ieq(span_str(email), address);
}

static bool
is_same_organizer(const struct pim_event *x, const struct pim_event *y)
{
	return x->organizer_email &&
	       is_address(y->organizer_email, span_str(x->organizer_email));
}

/* Does its author speak for whose meeting it is, or for who answers? */
static bool
is_authentic(const struct store_invite *in, const struct itip *itip)
{
	const char *who = itip->event->organizer_email;

	if (itip->method == ITIP_REPLY || itip->method == ITIP_COUNTER ||
	    itip->method == ITIP_REFRESH)
		who = itip->sender ? itip->sender->email : NULL;
	return is_address(who, in->from) || (who && is_address(itip->sent_by, in->from));
}

static enum rc
apply(const struct itip *itip, const struct pim_event *stored, struct span address,
      struct arena *a, struct pim_event **ret)
{
	const struct tzone *zone = pim_event_zone(stored ? stored : itip->event);
	bool is_own = is_address(itip->event->organizer_email, address);

	switch (itip->method) {
	case ITIP_REQUEST:
		/* RFC 5546 2.1.4: only the organizer changes a meeting, and nobody
		 * invites to one of the user's own. */
		if (is_own || (stored && !is_same_organizer(stored, itip->event)))
			return RC_DENIED;
		return itip_apply_request(stored, itip, zone, a, ret);
	case ITIP_ADD:
		if (is_own || (stored && !is_same_organizer(stored, itip->event)))
			return RC_DENIED;
		return itip_apply_add(stored, itip, zone, a, ret);
	case ITIP_CANCEL:
		if (is_own || (stored && !is_same_organizer(stored, itip->event)))
			return RC_DENIED;
		return itip_apply_cancel(stored, itip, zone, a, ret);
	case ITIP_REPLY:
	case ITIP_COUNTER:
		if (!stored || (stored->organizer_email &&
		                !is_address(stored->organizer_email, address)))
			return RC_DENIED;
		return itip_apply_reply(stored, itip, zone, a, ret);
	/* A proposal that is declined has changed nothing here that could go back. */
	case ITIP_DECLINECOUNTER:
	case ITIP_REFRESH:
	case ITIP_PUBLISH:
		break;
	}
	return RC_UNSUPPORTED;
}

static bool
is_among(const struct pim_attendee *list, struct span address)
{
	while (list && !is_address(list->email, address))
		list = list->next;
	return list != NULL;
}

/* Is there something to say to it? With what the calendar has of it, or NULL. */
static bool
asks(const struct itip *itip, const struct pim_event *stored, struct span address)
{
	const struct pim_event *e = itip->event;

	if (itip->method == ITIP_ADD)
		return !stored && !is_address(e->organizer_email, address) &&
		       e->organizer_email && strchr(e->organizer_email, '@') &&
		       is_among(e->attendees, address);
	return itip->method == ITIP_REFRESH && stored &&
	       is_address(stored->organizer_email, address) &&
	       pim_event_attendee(stored, itip->sender->email);
}

static bool
is_store_failure(enum rc rc)
{
	return rc == RC_AGAIN || rc == RC_IO;
}

/* RC_DENIED: its author has no say in it. *ret_stored is NULL where there is none. */
static enum rc
look_up(struct store_tx *tx, const struct store_invite *in, struct arena *a,
        struct itip *itip, struct store_item *item, struct pim_event **ret_stored)
{
	enum rc rc = itip_parse(buf_span(&in->text), a, itip);

	*ret_stored = NULL;
	if (rc)
		return rc;
	itip_set_sender(itip, in->from);
	if (!is_authentic(in, itip))
		return RC_DENIED;
	rc = store_invite_find(tx, itip->event->uid, a, item, ret_stored);
	if (rc == RC_NOT_FOUND)
		*ret_stored = NULL;
	return rc == RC_NOT_FOUND ? RC_OK : rc;
}

enum rc
store_invite_apply(struct store_tx *tx, const struct store_invite *in,
                   struct span address, bool *ret_asks)
{
	AUTO(arena)
	struct arena *a = arena_new();
	struct store_item item = { 0 };
	struct pim_event *stored, *e;
	struct itip itip = { .method = ITIP_PUBLISH };
	enum rc rc = look_up(tx, in, a, &itip, &item, &stored);

	*ret_asks = !rc && asks(&itip, stored, address);
	if (!rc)
		rc = apply(&itip, stored, address, a, &e);
	if (!rc)
		rc = store_invite_save(tx, stored ? &item : NULL, e, &item);
	log_info(NULL, "store.invite", "user=%llu method=%s rc=%s",
	         (unsigned long long)tx->user, itip_method_str(itip.method),
	         LOG_STR(span_str(rc_str(rc))));
	return is_store_failure(rc) ? rc : RC_OK;
}

enum rc
store_invite_answer(struct store_tx *tx, const struct store_invite *in,
                    struct span address, struct arena *a, struct store_invite_answer *ret)
{
	AUTO_DONE(buf) struct buf text = BUF_INIT(EVENT_MAX);
	struct store_item item;
	struct pim_event *stored;
	struct itip itip;
	enum rc rc = look_up(tx, in, a, &itip, &item, &stored);

	if (rc)
		return is_store_failure(rc) ? rc : RC_NOT_FOUND;
	if (!asks(&itip, stored, address))
		return RC_NOT_FOUND;
	struct itip_spec spec = { .method = ITIP_REFRESH,
		                  .event = itip.event,
		                  .instance = INT64_MIN,
		                  .zone = pim_event_zone(stored ? stored : itip.event),
		                  .attendee_email = arena_strndup(a, address),
		                  .now = clock_wall_ms() / 1000 };
	if (stored) {
		spec.method = stored->meeting & PIM_MEETING_CANCELLED ? ITIP_CANCEL
		                                                      : ITIP_REQUEST;
		spec.event = stored;
	}
	rc = itip_write(&spec, &text);
	if (rc || !buf_ok(&text))
		return rc ? RC_NOT_FOUND : RC_TOO_BIG;
	ret->method = spec.method;
	ret->to = span_str(stored ? itip.sender->email : itip.event->organizer_email);
	ret->subject = span_str(stored && stored->subject ? stored->subject : "");
	ret->calendar = arena_span(a, buf_span(&text));
	return RC_OK;
}
