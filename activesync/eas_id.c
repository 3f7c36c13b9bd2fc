/* SPDX-License-Identifier: ISC
 *
 * eas_id.c - ServerId, LongId and FileReference: [MS-ASCMD] 2.2.3.166, 2.2.3.100,
 * [MS-ASAIRS] 2.2.2.24.
 */
#include "activesync/eas_id.h"

#include <stdio.h>

const char *
eas_id_str(struct eas_id id, int depth, char ret[EAS_ID_SIZE])
{
	if (depth == 1)
		snprintf(ret, EAS_ID_SIZE, "%u", id.collection);
	else if (depth == 2)
		snprintf(ret, EAS_ID_SIZE, "%u:%u", id.collection, id.uid);
	else
		snprintf(ret, EAS_ID_SIZE, "%u:%u:%u", id.collection, id.uid, id.part);
	return ret;
}

enum rc
eas_id_parse(struct span s, int depth, struct eas_id *ret)
{
	uint32_t n[3] = { 0, 0, 0 };
	struct span piece;
	int i = 0;

	s = span_trim(s);
	if (s.n == 0 || s.p[s.n - 1] == ':')
		return RC_INVALID;
	while (span_cut(&s, ':', &piece)) {
		if (i == depth || parse_u32(piece, UINT32_MAX, &n[i]) != RC_OK)
			return RC_INVALID;
		i++;
	}
	if (i != depth || n[0] == 0 || (depth > 1 && n[1] == 0))
		return RC_INVALID;
	*ret = (struct eas_id){ .collection = n[0], .uid = n[1], .part = n[2] };
	return RC_OK;
}

const char *
eas_long_id_str(struct eas_id id, char ret[EAS_ID_SIZE])
{
	snprintf(ret, EAS_ID_SIZE, "S%u-%u", id.collection, id.uid);
	return ret;
}

enum rc
eas_long_id_parse(struct span s, struct eas_id *ret)
{
	uint32_t collection, uid;
	struct span head;

	s = span_trim(s);
	if (!span_starts(s, "S"))
		return RC_INVALID;
	s = span_sub(s, 1, s.n);
	if (!span_cut(&s, '-', &head) ||
	    parse_u32(head, UINT32_MAX, &collection) != RC_OK ||
	    parse_u32(s, UINT32_MAX, &uid) != RC_OK || collection == 0 || uid == 0)
		return RC_INVALID;
	*ret = (struct eas_id){ .collection = collection, .uid = uid };
	return RC_OK;
}
