/* SPDX-License-Identifier: ISC
 *
 * eas_compose.h - writing messages: for drafts, answers and forwards (RFC 5322, RFC
 * 2045-2047).
 */
#ifndef ACTIVESYNC_EAS_COMPOSE_H
#define ACTIVESYNC_EAS_COMPOSE_H

#include "base/arena.h"
#include "base/buf.h"

/* "Subject: ..." with encoded words where they are needed; nothing when text is empty. */
void eas_compose_text(struct buf *out, const char *name, struct span utf8);
/* An address list as a client writes it ("Name" <a@b>, c@d); nothing when it has none. */
void eas_compose_addresses(struct buf *out, const char *name, struct span list,
                           struct arena *a);
/* One header field as it stands; CR and LF of value are left out. */
void eas_compose_raw(struct buf *out, const char *name, struct span value);
/* Date and Message-ID of now. */
void eas_compose_stamp(struct buf *out, struct span address);
/* A boundary that no content has, in a. */
const char *eas_compose_boundary(struct arena *a);
/* Content-* headers, empty line and base64 body. subtype "plain" or "html". */
void eas_compose_part_text(struct buf *out, const char *subtype, struct span utf8);
struct eas_compose_file {
	struct span type;       /* "application/pdf"; empty: octet-stream */
	struct span name;       /* UTF-8 */
	struct span content_id; /* without <>; may be empty */
	bool is_inline;
	struct span bytes;
};
void eas_compose_part_file(struct buf *out, const struct eas_compose_file *f);
/* Copies s with bare CR and bare LF made CRLF. */
void eas_compose_crlf(struct span s, struct buf *out);

#endif
