/* SPDX-License-Identifier: ISC
 *
 * eas_query.h - what the request line and headers say (MS-ASHTTP 2.2.1.1).
 *
 * A client names its command, device and version either in plain query keys and headers
 * or packed in one base64 value.
 */
#ifndef ACTIVESYNC_EAS_QUERY_H
#define ACTIVESYNC_EAS_QUERY_H

#include "base/arena.h"

#define EAS_DEVICE_ID_MAX                                                                \
	128 /* ours; MS-ASHTTP 2.2.1.1.1.2.2 says 32, clients exceed it */

struct eas_query {
	struct span command; /* "Sync"; from the code of a base64 query too */
	uint16_t version;    /* 121, 140, 141, 160, 161; 0: not told */
	struct span user;    /* may be empty */
	struct span device_id;
	struct span device_type;
	uint32_t policy_key; /* 0: none */
	bool has_policy_key; /* told, 0 or not */
	uint16_t locale;
	struct span attachment_name;
	struct span collection_id;
	struct span item_id;
	struct span long_id;
	struct span occurrence;
	bool save_in_sent;
	bool accept_multipart;
};

/* Header values that matter; p NULL: absent. */
struct eas_query_headers {
	struct span version;          /* MS-ASProtocolVersion */
	struct span policy_key;       /* X-MS-PolicyKey */
	struct span accept_multipart; /* MS-ASAcceptMultiPart */
};

/*
 * raw is what stands behind '?'. RC_INVALID: neither form (HTTP 400). Spans lie in a. The
 * command's name is not checked against the table.
 */
enum rc eas_query_parse(struct span raw, const struct eas_query_headers *h,
                        struct arena *a, struct eas_query *ret) MUST_CHECK;
/* "14.1" -> 141; 0 when it is no version number. */
uint16_t eas_version_parse(struct span s);
/* "14.1", static storage or a. */
const char *eas_version_str(uint16_t version, struct arena *a);

#endif
