/* SPDX-License-Identifier: ISC
 *
 * itip.h - meetings by mail: RFC 5546's messages as iCalendar for text/calendar.
 *
 * Only the calendar text is made and read here; of the mail around it (RFC 6047) only
 * which part it is.
 */
#ifndef FORMAT_ITIP_H
#define FORMAT_ITIP_H

#include "format/mime.h"
#include "format/pim_event.h"

#define ITIP_METHOD_LIST(X)                                                              \
	X(PUBLISH)                                                                       \
	X(REQUEST)                                                                       \
	X(REPLY)                                                                         \
	X(ADD)                                                                           \
	X(CANCEL)                                                                        \
	X(REFRESH)                                                                       \
	X(COUNTER)                                                                       \
	X(DECLINECOUNTER)

enum itip_method {
#define X(name) ITIP_##name,
	ITIP_METHOD_LIST(X)
#undef X
};

/* The part of a message that carries it (RFC 6047 2.4): text/calendar, not inside of an
 * attached message; one with a method goes first. NULL: there is none. */
struct mime_part *itip_part(struct mime_part *root);

/* "REQUEST"; static. */
const char *itip_method_str(enum itip_method m);

struct itip_spec {
	enum itip_method method;
	const struct pim_event *event;
	/* One exception or instance only: its original start, UTC; INT64_MIN: all. */
	int64_t instance;
	const struct tzone *zone; /* the user's */
	/* REPLY and COUNTER: who answers, and how. */
	const char *attendee_email;
	const char *attendee_name;
	const char
		*sent_by; /* NULL, or the address that it is from when that is another */
	enum pim_partstat partstat;
	/* COUNTER: the other time; PARTSTAT goes along with it. */
	struct pim_time proposed_start;
	struct pim_time proposed_end;
	/* COUNTER: who is proposed to be invited as well (3.2.7), or NULL. */
	struct pim_attendee *others;
	const char *comment; /* or NULL */
	int64_t now;         /* DTSTAMP, UTC seconds */
};

/*
 * REQUEST, PUBLISH and CANCEL carry the event without what is private to its owner
 * (alarms, X-GODWIT-*, busy state stays); the others one attendee only, and those of
 * spec->others. RC_INVALID: no organizer (but for PUBLISH), or no attendee to answer.
 * RC_UNSUPPORTED: ADD; a whole REQUEST says as much, to more.
 */
enum rc itip_write(const struct itip_spec *spec, struct buf *out) MUST_CHECK;

struct itip {
	enum itip_method method;
	struct pim_event *event; /* recurrence_id is set when it is about one instance */
	/* REPLY, COUNTER, REFRESH: who sent it (its first attendee), else NULL. */
	const struct pim_attendee *sender;
	const char *comment;
	/* Who sends it for the organizer (REQUEST, CANCEL) or for the attendee (REPLY,
	 * COUNTER): SENT-BY, without mailto:; NULL without. */
	const char *sent_by;
};

/*
 * No METHOD is PUBLISH. RC_INVALID: no VEVENT with a UID; RC_UNSUPPORTED: another METHOD;
 * RC_TOO_BIG: more than 5 MB or 1,000 components.
 */
enum rc itip_parse(struct span text, struct arena *a, struct itip *ret) MUST_CHECK;

/* REPLY, COUNTER, REFRESH may name more than who sent it: it is the one of that address,
 * if there is one. */
void itip_set_sender(struct itip *in, struct span address);

/*
 * What a calendar makes of it (RFC 5546 2.1.5 decides by SEQUENCE, then DTSTAMP); stored
 * may be NULL where there is none yet. *ret is what is to be stored, in a.
 * RC_OK: changed; RC_EXISTS: older than what is stored, or nothing changes;
 * RC_NOT_FOUND: nothing that it could apply to.
 */
/* REQUEST, PUBLISH to the attendee's calendar; own alarms and busy state stay. */
enum rc itip_apply_request(const struct pim_event *stored, const struct itip *in,
                           const struct tzone *zone, struct arena *a,
                           struct pim_event **ret) MUST_CHECK;
/* CANCEL: a cancelled event (or instance) remains with PIM_MEETING_CANCELLED. */
enum rc itip_apply_cancel(const struct pim_event *stored, const struct itip *in,
                          const struct tzone *zone, struct arena *a,
                          struct pim_event **ret) MUST_CHECK;
/* ADD: more instances of what is there, each an exception of its own. RC_TOO_BIG: more
 * than ITIP_ADDED_MAX. */
#define ITIP_ADDED_MAX 200
enum rc itip_apply_add(const struct pim_event *stored, const struct itip *in,
                       const struct tzone *zone, struct arena *a,
                       struct pim_event **ret) MUST_CHECK;
/*
 * REPLY and COUNTER to the organizer's calendar: the attendee's state, and the time that
 * it proposes. A COUNTER for the time that it is anyway proposes whom it names besides:
 * they are added, and wait to be asked.
 */
enum rc itip_apply_reply(const struct pim_event *stored, const struct itip *in,
                         const struct tzone *zone, struct arena *a,
                         struct pim_event **ret) MUST_CHECK;

/* Did the organizer move it, or an instance of it, so that answers no longer count (RFC
 * 5546 3.2.2.1)? Then those that are concerned have not answered any more. */
void itip_ask_again(const struct pim_event *before, struct pim_event *after,
                    struct span organizer);

#endif
