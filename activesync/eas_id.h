/* SPDX-License-Identifier: ISC
 *
 * eas_id.h - the names that a client holds: folders "12", items "12:345", attachments
 * "12:345:3".
 *
 * Collection ids and uids are never used again within a user, so a name never comes to
 * mean something else. The number of an attachment counts the parts of the message, root
 * first.
 */
#ifndef ACTIVESYNC_EAS_ID_H
#define ACTIVESYNC_EAS_ID_H

#include "base/buf.h"

struct eas_id {
	uint32_t collection;
	uint32_t uid;
	uint32_t part;
};

#define EAS_ID_SIZE 36
/* "12", "12:345" or "12:345:3" into ret; the depth is how many numbers are written. */
const char *eas_id_str(struct eas_id id, int depth, char ret[EAS_ID_SIZE]);
/* Exactly depth numbers, none of them 0 but the last of three: RC_INVALID. */
enum rc eas_id_parse(struct span s, int depth, struct eas_id *ret) MUST_CHECK;

/* The LongId of an item, which Search names what it found by, and which ItemOperations,
 * SmartReply, SmartForward and MeetingResponse take in place of a ServerId: "S12-345"
 * (MS-ASCMD 2.2.3.100: at most 256 characters, opaque to the client). */
const char *eas_long_id_str(struct eas_id id, char ret[EAS_ID_SIZE]);
enum rc eas_long_id_parse(struct span s, struct eas_id *ret) MUST_CHECK;

#endif
