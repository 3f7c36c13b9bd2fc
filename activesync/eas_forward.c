/* SPDX-License-Identifier: ISC
 *
 * eas_forward.c - what a forward makes of a meeting's attendees: [RFC 5546] 3.2.2.6.
 */
#include "activesync/eas_forward.h"

#include "activesync/eas_calendar.h"
#include "activesync/eas_meeting.h"
#include "activesync/eas_send.h"
#include "base/clock.h"
#include "format/mime.h"
#include "store/store_directory.h"
#include "store/store_invite.h"

#define PEOPLE_MAX 100
#define TRIES 3

static struct pim_attendee *
find(struct pim_attendee *list, const char *email)
{
	while (list && strcasecmp(list->email, email) != 0)
		list = list->next;
	return list;
}

void
eas_forward_people(struct eas_call *c, struct span addresses, struct pim_attendee **list)
{
	struct arena *a = c->arena;
	struct pim_attendee **end = list;
	size_t n = 0;

	if (addresses.n == 0)
		return;
	for (; *end; end = &(*end)->next)
		n++;
	for (const struct mime_address *i = mime_address_parse(addresses, PEOPLE_MAX, a);
	     i && n < PEOPLE_MAX; i = i->next) {
		const char *email;

		if (i->mailbox.n == 0 || i->host.n == 0 ||
		    span_is(i->host, MIME_NO_DOMAIN))
			continue;
		email = arena_printf(a, "%.*s@%.*s", SPAN_FMT(i->mailbox),
		                     SPAN_FMT(i->host));
		if (find(*list, email))
			continue;
		*end = arena_new_of(a, struct pim_attendee);
		**end = (struct pim_attendee){
			.email = email,
			.name = i->name.n > 0
			                ? arena_strndup(a, mime_decode_header(i->name, a))
			                : NULL,
			.partstat = PIM_PARTSTAT_NEEDS_ACTION,
			.type = PIM_ATTENDEE_OPTIONAL,
			.rsvp = true,
		};
		end = &(*end)->next;
		n++;
	}
}

/* --- the user's own --- */

/* false: all of them were there. */
static bool
add_people(struct pim_event *e, const struct pim_attendee *list, struct span own,
           struct arena *a)
{
	struct pim_attendee **end = &e->attendees;
	bool any = false;

	while (*end)
		end = &(*end)->next;
	for (; list; list = list->next) {
		if (pim_event_attendee(e, list->email) ||
		    span_ieq(span_str(list->email), own))
			continue;
		*end = arena_new_of(a, struct pim_attendee);
		**end = *list;
		(*end)->next = NULL;
		end = &(*end)->next;
		any = true;
	}
	return any;
}

static enum rc
invite_once(struct eas_call *c, const char *uid, int64_t instance,
            const struct pim_attendee *list, struct pim_event **ret)
{
	AUTO(store_tx)
	struct store_tx *tx = NULL;
	struct store_item item, saved;
	struct pim_event *e, *target;
	enum rc rc = eas_write(c, false, &tx);

	if (rc == RC_OK)
		rc = store_invite_find(tx, uid, c->arena, &item, &e);
	if (rc != RC_OK)
		return rc;
	if (!eas_calendar_is_own(e, c->user.address))
		return RC_NOT_FOUND;
	e = pim_event_copy(e, c->arena);
	target = instance == INT64_MIN || e->recurrence_id.kind != PIM_TIME_NONE
	                 ? e
	                 : pim_event_exception_add(e, instance, pim_event_zone(e),
	                                           c->arena);
	if (add_people(target, list, c->user.address, c->arena)) {
		/* Who comes to the series comes to its exceptions. */
		for (struct pim_event *x = target == e ? e->exceptions : NULL; x;
		     x = x->next)
			(void)add_people(x, list, c->user.address, c->arena);
		e->last_modified = pim_time_of(clock_wall_ms() / 1000, NULL);
		rc = store_invite_save(tx, &item, e, &saved);
		if (rc == RC_OK)
			rc = store_commit(&tx);
	}
	if (rc == RC_OK)
		*ret = e;
	return rc;
}

enum rc
eas_forward_invite(struct eas_call *c, const struct pim_event *e, int64_t instance,
                   const struct pim_attendee *list, struct pim_event **ret)
{
	enum rc rc = RC_CONFLICT;

	*ret = pim_event_copy(e, c->arena);
	if (!list)
		return RC_OK;
	for (int i = 0; i < TRIES && rc == RC_CONFLICT; i++)
		rc = invite_once(c, e->uid, instance, list, ret);
	if (rc == RC_CONFLICT)
		return RC_AGAIN;
	return rc == RC_NOT_FOUND ? RC_OK : rc;
}

/* --- another's --- */

static bool
is_here(struct eas_call *c, const char *email)
{
	struct store_route *routes;
	size_t n;

	return store_route_find(c->eas->deps.store, span_str(email), c->arena, &routes,
	                        &n) == RC_OK &&
	       n == 1 && routes[0].user != 0;
}

static const char *
words(struct eas_call *c, const struct pim_attendee *list)
{
	AUTO_DONE(buf) struct buf b = BUF_INIT(0);

	buf_add_str(&b, "This meeting was forwarded to: ");
	for (const struct pim_attendee *i = list; i; i = i->next)
		buf_addf(&b, "%s%s", i == list ? "" : ", ", i->email);
	return arena_strndup(c->arena, buf_span(&b));
}

/* Not the organizer, nor who is invited already. */
static struct pim_attendee *
newcomers(struct eas_call *c, const struct pim_event *e, const struct pim_attendee *list)
{
	struct pim_attendee *left = NULL, **end = &left;

	for (; list; list = list->next) {
		if (pim_event_attendee(e, list->email) ||
		    strcasecmp(list->email, e->organizer_email) == 0)
			continue;
		*end = arena_new_of(c->arena, struct pim_attendee);
		**end = *list;
		(*end)->next = NULL;
		end = &(*end)->next;
	}
	return left;
}

void
eas_forward_tell(struct eas_call *c, const struct pim_event *e, int64_t instance,
                 struct pim_attendee *list, const char *id)
{
	const char *who = eas_meeting_invited_as(c, e);
	const struct pim_attendee *self = pim_event_attendee(e, who);
	struct itip_spec spec = {
		.method = ITIP_COUNTER,
		.event = e,
		.instance = instance,
		.zone = pim_event_zone(e),
		.attendee_email = who,
		.attendee_name = arena_strndup(c->arena, c->user.name),
		.sent_by = arena_strndup(c->arena, c->user.address),
		.partstat = self ? self->partstat : PIM_PARTSTAT_NEEDS_ACTION,
		.others = newcomers(c, e, list),
		.now = clock_wall_ms() / 1000,
	};
	struct eas_send q = { .client_id = span_str(id), .fingerprint = span_str(id) };
	struct span to = span_str(arena_printf(c->arena, "<%s>", e->organizer_email));
	struct span subject =
		span_str(arena_printf(c->arena, "Meeting Forward Notification: %s",
	                              e->subject ? e->subject : ""));
	enum rc rc;

	if (!spec.others)
		return;
	spec.comment = words(c, spec.others);
	/* Elsewhere it would be taken for a proposal of another time. */
	if (self && is_here(c, e->organizer_email))
		rc = eas_meeting_message(c, &spec, to, subject, &q.message);
	else
		rc = eas_meeting_note(c, &spec, to, subject, &q.message);
	if (rc == RC_OK)
		rc = eas_send_once(c, &q);
	log_info(c->log, "eas.forward told", "rc=%s", LOG_STR(span_str(rc_str(rc))));
}
