/* SPDX-License-Identifier: ISC
 *
 * eas_freebusy.h - what a user's calendars say of a span of time, a digit each half hour
 * (MS-ASCMD 2.2.3.107).
 */
#ifndef ACTIVESYNC_EAS_FREEBUSY_H
#define ACTIVESYNC_EAS_FREEBUSY_H

#include "activesync/eas_private.h"
#include "store/store_directory.h"

#define EAS_FREEBUSY_SLOT_S 1800
#define EAS_FREEBUSY_DAYS_MAX 42

/* Of the time from..to (seconds since the epoch): so many digits. */
size_t eas_freebusy_slots(int64_t from, int64_t to);
/*
 * Raises the digits of merged (eas_freebusy_slots() of them, '0' at first) to what the
 * user's events say, whole days in the user's own zone: '0' free, '1' tentative, '2'
 * busy, '3' away. RC_NOT_FOUND: no such user.
 */
enum rc eas_freebusy_merge(struct store *s, const struct store_user *user, int64_t from,
                           int64_t to, char *merged) MUST_CHECK;

#endif
