/* SPDX-License-Identifier: ISC
 *
 * store_invite.h - meetings by mail (RFC 5546, RFC 6047): what a mail that arrives makes
 * of its user's calendar, and the events that it finds there.
 *
 * An invitation becomes a tentative event before the user has seen the mail, updates and
 * cancellations change it, an answer is noted with the organizer's event: in the commit
 * that delivers the mail. Only who a meeting belongs to may change it: an invitation or
 * cancellation counts when it is from the organizer, an answer when it is from the
 * attendee that it speaks for, and nobody changes an event of another one's. What does
 * not count is delivered all the same, and changes nothing.
 */
#ifndef STORE_STORE_INVITE_H
#define STORE_STORE_INVITE_H

#include "format/itip.h"
#include "store/store_item.h"

/* What a mail says of a meeting; may be used by several threads at once. */
struct store_invite;

/* raw: the message that root was parsed of. NULL when it says nothing of a meeting, or
 * more than a calendar may (2 MB, 1,000 exceptions). */
struct store_invite *store_invite_new(struct mime_part *root, struct span raw);
void store_invite_free(struct store_invite *in);

/* Into the calendar of tx's user, whose address that is. RC_OK also when it does not
 * count; else the store failed. *ret_asks: it is to be answered, see below. */
enum rc store_invite_apply(struct store_tx *tx, const struct store_invite *in,
                           struct span address, bool *ret_asks) MUST_CHECK;

/* What a calendar answers by itself. */
struct store_invite_answer {
	enum itip_method method;
	struct span to;       /* one address */
	struct span subject;  /* of the user's own event; empty with REFRESH */
	struct span calendar; /* text/calendar */
};

/*
 * An attendee who asks for the newest state of the user's meeting gets it (REFRESH: RFC
 * 5546 3.2.6); the organizer who adds to a meeting that is not there is asked for all of
 * it (ADD: 3.2.4). In a. RC_NOT_FOUND: there is nothing to say (any more).
 */
enum rc store_invite_answer(struct store_tx *tx, const struct store_invite *in,
                            struct span address, struct arena *a,
                            struct store_invite_answer *ret) MUST_CHECK;

/* The event of that UID in the user's calendars, the default one first. RC_NOT_FOUND,
 * also when it cannot be read. */
enum rc
store_invite_find(struct store_tx *tx, const char *uid, struct arena *a,
                  struct store_item *ret, struct pim_event **ret_event) MUST_CHECK;
/* Writes e in the place of old, or into the default calendar when old is NULL; *ret has
 * its collection and uid. RC_TOO_BIG: over 20 MB. */
enum rc store_invite_save(struct store_tx *tx, const struct store_item *old,
                          const struct pim_event *e, struct store_item *ret) MUST_CHECK;

#endif
