/* SPDX-License-Identifier: ISC
 *
 * pim_event.h - an event or a series of them: MS-ASCAL's fields on iCalendar.
 *
 * A series is its master and the exceptions, each with all of its fields (MS-ASCAL's
 * exceptions leave out what equals the master; the protocol's file does that), keyed by
 * the original start. Which property each field is: docs/internals/pim.md.
 */
#ifndef FORMAT_PIM_EVENT_H
#define FORMAT_PIM_EVENT_H

#include "format/recur.h"

enum pim_partstat { /* numbers of MS-ASCAL 2.2.2.5 AttendeeStatus */
	            PIM_PARTSTAT_UNKNOWN = 0,
	            PIM_PARTSTAT_TENTATIVE = 2,
	            PIM_PARTSTAT_ACCEPTED = 3,
	            PIM_PARTSTAT_DECLINED = 4,
	            PIM_PARTSTAT_NEEDS_ACTION = 5,
	            PIM_PARTSTAT_DELEGATED = 6, /* not in ActiveSync: goes out as 0 */
};

/* "ACCEPTED"; NULL for unknown. Static. */
const char *pim_partstat_str(enum pim_partstat v);

enum pim_attendee_type { /* MS-ASCAL 2.2.2.6 */
	                 PIM_ATTENDEE_REQUIRED = 1,
	                 PIM_ATTENDEE_OPTIONAL = 2,
	                 PIM_ATTENDEE_RESOURCE = 3,
};

struct pim_attendee {
	const char *email; /* without mailto: */
	const char *name;
	enum pim_partstat partstat;
	enum pim_attendee_type type;
	bool rsvp;
	/* 16.1: the other time that this attendee asked for; kind NONE without. */
	struct pim_time proposed_start;
	struct pim_time proposed_end;
	/* DTSTAMP of the last answer that came by mail; NONE: none came. */
	struct pim_time replied;
	struct pim_attendee *next;
};

enum pim_busy { /* MS-ASCAL 2.2.2.9 */
	        PIM_BUSY_FREE = 0,
	        PIM_BUSY_TENTATIVE = 1,
	        PIM_BUSY_BUSY = 2,
	        PIM_BUSY_OOF = 3,
	        PIM_BUSY_ELSEWHERE = 4,
};

/* Bits of MS-ASCAL 2.2.2.28 MeetingStatus. */
#define PIM_MEETING 1u
#define PIM_MEETING_RECEIVED 2u /* the user is not its organizer */
#define PIM_MEETING_CANCELLED 4u

enum pim_response { /* MS-ASCAL 2.2.2.40 ResponseType */
	            PIM_RESPONSE_NONE = 0,
	            PIM_RESPONSE_ORGANIZER = 1,
	            PIM_RESPONSE_TENTATIVE = 2,
	            PIM_RESPONSE_ACCEPTED = 3,
	            PIM_RESPONSE_DECLINED = 4,
	            PIM_RESPONSE_NONE_YET = 5,
};

/* MS-ASAIRS 2.2.2.28; numbers stay as the text that the client sent. */
struct pim_location {
	const char *name;
	const char *annotation;
	const char *street;
	const char *city;
	const char *state;
	const char *country;
	const char *postal_code;
	const char *latitude;
	const char *longitude;
	const char *accuracy;
	const char *altitude;
	const char *altitude_accuracy;
	const char *uri;
};

struct pim_attachment {
	const char *name;
	const char *type;
	const char *content_id;
	const char *uri;  /* of one that is not in the text itself; else NULL */
	struct span data; /* decoded; p NULL when only linked */
	bool is_inline;
	struct pim_attachment *next;
};

#define PIM_NO_REMINDER INT32_MIN

struct pim_event {
	const char *uid;
	const char *client_uid; /* MS-ASCAL ClientUid (16.x) */
	const char *subject;
	struct pim_location location;
	struct pim_body body;
	pim_strings categories;

	struct pim_time start; /* PIM_TIME_DATE: an all-day event */
	struct pim_time end;   /* exclusive; may equal start; always set after parsing */
	/* Zone of an all-day event, which has none in itself (ActiveSync before 16.0). */
	const struct tzone *zone;
	/* Of an exception, or of an invitation to one instance alone; else kind NONE. */
	struct pim_time recurrence_id;
	const struct recur *recur;      /* NULL: single */
	const struct pim_time *exdates; /* deleted instances, by original start */
	size_t n_exdates;
	const struct pim_time *rdates; /* additional starts, not in ActiveSync */
	size_t n_rdates;
	struct pim_event *exceptions; /* by next, in no order */
	struct pim_event *next;

	enum pim_busy busy;
	/* What busy is meant to be once it is accepted (MS-ASEMAIL IntDBusyStatus). */
	enum pim_busy intended;
	enum pim_sensitivity sensitivity;
	int32_t reminder_min; /* before the start; PIM_NO_REMINDER */

	const char *organizer_email;
	const char *organizer_name;
	struct pim_attendee *attendees;
	unsigned meeting; /* PIM_MEETING... */
	/* The user's own answer, and when it was given (kind NONE: not). */
	enum pim_response response;
	struct pim_time reply_time;
	bool response_requested;
	bool disallow_new_time;
	const char *online_conf_link;
	const char *online_external_link;
	struct pim_attachment *attachments;

	uint32_t sequence;
	struct pim_time dtstamp;
	struct pim_time created;
	struct pim_time last_modified;

	struct vobj *cal; /* of the outermost: where it came from; not to be changed */
	struct vobj *obj; /* the VEVENT in it; NULL when new */
};

struct pim_event *pim_event_new(struct arena *a);
/* Fields, lists and exceptions can then be changed without changing e's. */
struct pim_event *pim_event_copy(const struct pim_event *e, struct arena *a);
/* One item's text (see ical_split() for more). RC_INVALID: no VEVENT; RC_TOO_BIG. */
enum rc
pim_event_parse(struct span ical, struct arena *a, struct pim_event **ret) MUST_CHECK;
enum rc
pim_event_of(struct vobj *cal, struct arena *a, struct pim_event **ret) MUST_CHECK;
/* With VTIMEZONEs, a UID and a DTSTAMP where there are none. */
struct vobj *pim_event_tree(const struct pim_event *e, struct arena *a);
void pim_event_write(const struct pim_event *e, struct buf *out);

static inline bool
pim_event_is_all_day(const struct pim_event *e)
{
	return e->start.kind == PIM_TIME_DATE;
}

/* The exception whose original start that is (in UTC, dates by zone), or NULL. */
struct pim_event *pim_event_exception(const struct pim_event *e, int64_t original_utc,
                                      const struct tzone *zone);
/*
 * A new exception: a copy of the master's fields, moved to the original start; one that
 * was deleted comes back. The existing one if there is one.
 */
struct pim_event *pim_event_exception_add(struct pim_event *e, int64_t original_utc,
                                          const struct tzone *zone, struct arena *a);
/* Deletes one instance. RC_NOT_FOUND: it was deleted already. */
enum rc pim_event_instance_delete(struct pim_event *e, int64_t original_utc,
                                  const struct tzone *zone, struct arena *a) MUST_CHECK;
bool pim_event_is_deleted(const struct pim_event *e, int64_t original_utc,
                          const struct tzone *zone);

struct pim_instance {
	int64_t start; /* UTC */
	int64_t end;
	int64_t original; /* its place in the series; start of a single event */
	const struct pim_event *event; /* master or exception */
};

/*
 * Instances that overlap from..to (an instant counts when it lies in it), in order,
 * exceptions in place of what they replace. zone is the user's, for dates and floating
 * times. At most max (RC_TOO_BIG: there are more; the first max are given all the same).
 */
enum rc pim_event_expand(const struct pim_event *e, int64_t from, int64_t to,
                         const struct tzone *zone, size_t max, struct arena *a,
                         struct pim_instance **ret, size_t *ret_n) MUST_CHECK;
/* The first instance that overlaps from..to; false when none does. */
bool pim_event_in_window(const struct pim_event *e, int64_t from, int64_t to,
                         const struct tzone *zone);
/*
 * Start of the first and end of the last instance, exceptions included; *ret_end is
 * INT64_MAX when it never ends (or not within 100,000 instances).
 */
void pim_event_range(const struct pim_event *e, const struct tzone *zone,
                     int64_t *ret_start, int64_t *ret_end);

struct pim_attendee *pim_event_attendee(const struct pim_event *e, const char *email);

/* The zone that its local times are in, never NULL. */
const struct tzone *pim_event_zone(const struct pim_event *e);
/* The end of its last instance, ms: the time by which a filter judges it; the end of the
 * year 9999 when it never ends. */
int64_t pim_event_last_ms(const struct pim_event *e);

#endif
