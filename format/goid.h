/* SPDX-License-Identifier: ISC
 *
 * goid.h - Outlook's GlobalObjectId and iCalendar's UID (MS-OXOCAL 2.2.1.27, 2.2.1.28).
 *
 * MS-ASEMAIL GlobalObjId is the base64 of the structure; a UID that iCalendar brought is
 * wrapped in it behind "vCal-Uid", one that Outlook made is the structure's hex.
 */
#ifndef FORMAT_GOID_H
#define FORMAT_GOID_H

#include "format/tzone.h"

/* base64 of the structure for that UID; day names one instance (month 0: the series). */
void goid_from_uid(const char *uid, const struct civil *day, struct buf *out);
/*
 * The UID (an instance's date taken out); *ret_day, may be NULL, has month 0 for a
 * series. Takes base64, as ActiveSync has it, and hex. RC_INVALID: neither.
 */
enum rc goid_to_uid(struct span goid, struct arena *a, const char **ret_uid,
                    struct civil *ret_day) MUST_CHECK;

#endif
